#!/usr/bin/env python3
"""viaduct check through squid, tinyproxy and viaduct proxy, whose origin or whose own configuration has
one fault at a time: the verdict, the stage at which it broke, and who answered. A capture of the leg
between client and proxy that is taken meanwhile, read by viaduct read, agrees, or says no more than
it can know.

    check_proxies.py VIADUCT [WORD...]   (with words: those rows alone whose name has one of them)

The proxies stay up for the whole table, and all of it runs side by side.
"""
import contextlib
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from types import SimpleNamespace

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "live"), os.path.dirname(os.path.abspath(__file__))]
import proxykit as made  # noqa: E402
from check import Bench, Pki, answer, over_tls  # noqa: E402
from check_faults import BODY, SIZE, Capture, Case, Table, download, resets, says, silence  # noqa: E402
from peer import LIMIT, deaf_port, free_port  # noqa: E402
from tcpdump import enter  # noqa: E402
from viaduct import Broken, Tap  # noqa: E402

PASSWORD = b"right"
CUT = 200000
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE


# ---- the proxies ------------------------------------------------------------------------------

def no_such_name(server):
    """DNS that knows no name: RFC 1035, section 4.1.1."""
    while True:
        with contextlib.suppress(OSError):
            question, client = server.recvfrom(512)
            server.sendto(question[:2] + b"\x81\x83" + question[4:], client)


def name_server(stack):
    """squid's own, which asks at port 53 alone; where that may not be had, the system's."""
    server = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    try:
        server.bind(("127.0.0.99", 53))
    except PermissionError:
        return ""
    threading.Thread(target=no_such_name, args=(server,), daemon=True).start()
    return "dns_nameservers 127.0.0.99\n"


class Product:
    """A proxy that stays up for all of the table; its door that lets in anybody, and one for each
    scheme of authentication that it has."""

    def __init__(self, stack, folder, name, ports, runs):
        """runs: command lines, each with the text of its configuration, whose path comes last."""
        self.name, self.ports = name, ports
        for number, (command, text) in enumerate(runs):
            path = os.path.join(folder, f"{name}{number}.conf")
            with open(path, "w", encoding="ascii") as out:
                out.write(text)
            process = subprocess.Popen([*command, path], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
        for port in ports.values():
            self.wait_for(port)

    def wait_for(self, port):
        for _ in range(LIMIT * 20):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            made.PAUSE.wait(0.05)
        raise Broken(f"{self.name} does not listen")


def ports_for(*doors):
    return {door: free_port() for door in doors}


def squid(stack, folder, _):
    """A password that is being checked counts for whoever says the same name meanwhile: who gives a wrong
    one is bob."""
    ports = ports_for("open", "basic", "digest")
    doors = "".join(f"http_port 127.0.0.1:{port} name={door}\nacl {door} myportname {door}\n"
                    for door, port in ports.items())
    secret = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], check=True, capture_output=True).stdout
    for file, entry in (("basic", secret), ("digest", PASSWORD + b"\n")):
        with open(os.path.join(folder, file), "wb") as out:
            out.writelines(user + b":" + entry for user in (b"alice", b"bob"))
    helpers = next(h for h in ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid") if os.path.isdir(h))
    text = f"""{doors}
auth_param basic program {helpers}/basic_ncsa_auth {folder}/basic
auth_param basic children 2
auth_param digest program {helpers}/digest_file_auth {folder}/digest
auth_param digest realm test
auth_param digest children 2
auth_schemes basic basic
auth_schemes digest digest
acl known proxy_auth REQUIRED
acl blocked dstdomain blocked.example
http_access deny blocked
http_access allow open
http_access deny !known
http_access allow all
{name_server(stack)}cache deny all
pid_filename none
cache_log {folder}/squid.log
access_log none
pinger_enable off
shutdown_lifetime 0 seconds
coredump_dir {folder}
"""
    return Product(stack, folder, "squid", ports, [(
        ["squid", "-N", "-n", f"check{os.getpid()}", "-f"], text)])


def tinyproxy(stack, folder, _):
    ports = ports_for("open", "basic")
    with open(os.path.join(folder, "filter"), "w", encoding="ascii") as out:
        out.write("^blocked\\.example$\n")
    common = f'Timeout 60\nMaxClients 200\nListen 127.0.0.1\nFilter "{folder}/filter"\n'
    return Product(stack, folder, "tinyproxy", ports, [
        (["tinyproxy", "-d", "-c"], f"Port {ports['open']}\n{common}"),
        (["tinyproxy", "-d", "-c"], f"Port {ports['basic']}\n{common}BasicAuth alice {PASSWORD.decode()}\n")])


def viaduct(stack, folder, program):
    ports = ports_for("open", "basic", "digest")
    users = os.path.join(folder, "users")
    for user in ("alice", "bob"):
        subprocess.run([program, "proxy", "user", "add", user, "-f", users, "-r", "test"], input=PASSWORD,
                       check=True, capture_output=True)

    def run(door):
        auth = "" if door == "open" else f"auth {door} {{ realm test; users {users}; }}\n"
        return [program, "proxy", "-c"], (
            f"listen 127.0.0.1:{ports[door]};\nworkers 1;\nlog access none;\ndestinations private allow;\n"
            f"{auth}rule deny to blocked.example;\nrule allow from 127.0.0.0/8 port 1-65535;\n")
    return Product(stack, folder, "viaduct", ports, [run(door) for door in ports])


# ---- the origins ------------------------------------------------------------------------------

def cut(s):
    made.read_head(s)
    s.sendall(LENGTH + BODY[:CUT])


def stalls(s):
    cut(s)
    made.read_all(s)


def trickles(s):
    """Slowly, and never for long nothing: that is no fault."""
    made.read_head(s)
    s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
    for _ in range(30):
        s.sendall(b"a little..")
        made.PAUSE.wait(0.1)
    made.read_all(s)


def no_tls(s):
    """A web server in the clear, to which a ClientHello is a bad request."""
    s.recv(16384)
    s.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")


def hello_then_reset(s):
    s.recv(16384)
    made.reset(s)


def hello_then_end(s):
    s.recv(16384)


def outlasts(serve):
    """It ends behind the client, whose closing alert comes before its FIN."""
    def run(s):
        serve(s)
        end = select.poll()
        end.register(s, select.POLLRDHUP)
        end.poll(2000)
    return run


# ---- the table --------------------------------------------------------------------------------

class Row:
    """A fault, and for http and https what it comes to: the verdict and the stage at which it breaks.
    but: where a proxy makes something else of it, by its name. who: who answered. told: what a capture
    of https can tell of this connection instead, a choice of it. again: check makes another connection, of which
    it tells all. tls: the origin's certificate; None: `serve` does not begin TLS. wants: the origin wants a
    certificate, too. tickets: so many it gives."""

    def __init__(self, name, serve, http, https, but=(), words=(), path="/file", door="open", who=None,
                 host="localhost", port=None, stdin=b"", tls="good", newest=None, told=True, again=False,
                 wants=False, tickets=0):
        self.name, self.serve, self.comes, self.but = name, serve, (http, https), dict(but)
        self.words, self.path, self.door, self.who, self.stdin = words, path, door, who, stdin
        self.host, self.port, self.tls, self.newest, self.told = host, port, tls, newest, told
        self.again, self.wants, self.tickets = again, wants, tickets

    def origin(self, scheme, pki):
        """The port of one."""
        serve = self.serve
        if scheme == "https" and self.tls and not self.port:
            context = pki.context(self.tls, self.newest)
            context.num_tickets = self.tickets   # one alone, that crosses the request, looks like an answer from outside
            if self.wants:
                context.verify_mode = ssl.CERT_REQUIRED
            serve = over_tls(context, outlasts(serve) if self.told is ANSWERED or self.comes[1] == OK[1] else serve)
        return self.port or made.Origin(serve).port

    def cases(self, product, pki):
        """Of one proxy: the case, its URL, and the stage."""
        for number, scheme in enumerate(("http", "https")):
            comes = self.but.get(product.name, self.comes)[number]
            if not comes or self.door not in product.ports:
                continue
            verdict, stage = comes
            port = product.ports[self.door]
            case = Case(f"{self.name}, {product.name}", verdict, None, lambda p=port: SimpleNamespace(port=p),
                        *self.words, stdin=self.stdin, also=self.answerer(),
                        read=self.told if scheme == "https" else True, again=self.again)
            yield case, f"{scheme}://{self.host}:{self.origin(scheme, pki)}{self.path}", stage

    def answerer(self):
        return (lambda x: x["answered_by"] == self.who) if self.who else None


def both(verdict, http, https):
    return (verdict, http), (verdict, https)


# Who speaks inside of TLS, and how, the capture does not show: an answer is an answer.
ANSWERED = [("ok", None)]
OK = both("ok", None, None)


def answers():
    """The origin answers, and it is known that it was the origin."""
    def status(line):
        return says(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % line)
    return [
        Row("healthy", download, *OK),
        Row("a redirect", answer, *OK, path="/moved"),
        Row("it trickles", trickles, *OK, words=("--wait", "2")),
        Row("404", answer, *both("not-found", "http", "http"), path="/nothing", who="origin", told=ANSWERED),
        Row("500", status(b"500 No"), *both("server-error", "http", "http"), who="origin", told=ANSWERED),
        Row("503", status(b"503 No"), *both("unavailable", "http", "http"), who="origin", told=ANSWERED),
    ]


def takes_leave(s):
    """In good order, but without an answer."""
    made.read_head(s)
    s.unwrap()


def silences():
    """The origin says nothing, or not all. In the clear it is the proxy that answers for it; in a tunnel
    it is known that the proxy has done its part."""
    wait = ("--wait", "6")   # what a capture takes for silence are five seconds
    quietly = ("proxy-closed", "proxy")   # tinyproxy closes, too, without a word
    return [
        # The client's leg does not show for whom the proxy waits.
        Row("silent before the head", silence, ("proxy-silent", "proxy"), ("transfer-stalled", "http"), words=wait),
        # Of the three ours alone hands a reset on through a tunnel: the others close.
        Row("reset before the head", resets, ("bad-gateway", "http"), ("transfer-truncated", "http"),
            but={"tinyproxy": (quietly, ("transfer-truncated", "http")),
                 "viaduct": (("bad-gateway", "http"), ("transfer-reset", "http"))}),
        Row("closed before the head", made.read_head, ("bad-gateway", "http"), ("transfer-truncated", "http"),
            but={"tinyproxy": (quietly, ("transfer-truncated", "http"))}),
        Row("leave taken before the head", takes_leave, None, ("transfer-truncated", "http"), tickets=2),
        Row("cut at a size", cut, *both("transfer-truncated", "download", "download")),
        # Between two records, and nobody ends it before check gives up: from outside that is a tunnel of a
        # client that has all it wanted, or, where squid takes its time, one that is open still; or, where the
        # flow was even enough, the stall itself. In the midst of a record it is told: check_faults.py.
        Row("it stalls", stalls, *both("transfer-stalled", "download", "download"), words=wait,
            told=[*ANSWERED, ("open", None), ("transfer-stalled", "transfer")]),
    ]


def refusals():
    """The proxy gets nowhere, or does not want to. squid says 503 where ours says 502, and of a name that
    is not there (5.7) 502 to GET and 500 to CONNECT; tinyproxy says 500 to everything."""
    nobody = deaf_port()
    ways = {"squid": both("unavailable", "http", "proxy"), "tinyproxy": both("server-error", "http", "proxy")}
    nowhere = both("bad-gateway", "http", "proxy")
    unknown = ("bad-gateway", "http"), ("server-error", "proxy")
    return [
        Row("nobody listens", None, *nowhere, but=ways, port=nobody, who="proxy"),
        Row("no such name", None, *nowhere, but={**ways, "squid": unknown}, host="nobody.invalid", port=nobody, who="proxy"),
        Row("an access list", None, *both("denied", "http", "proxy"), host="blocked.example", port=nobody,
            who="proxy"),
    ]


def handshakes():
    """In tunnels. What TLS 1.2 shows of a certificate and of an alert, TLS 1.3 encrypts: an alert can be
    told by its size, but not what it complains of. That a name is another one curl finds only behind the
    handshake, and closes: that is no fault to be seen. So check asks once more, in TLS 1.2."""
    untrusted, closed = ("tls-untrusted", "tls"), ("tls-closed", "tls")
    alert, wait = [("tls-alert", "tls")], ("--wait", "2")
    old = ssl.TLSVersion.TLSv1_2
    return [
        Row("expired", answer, None, untrusted, tls="expired", told=alert, again=True),
        Row("expired, TLS 1.2", answer, None, untrusted, tls="expired", newest=old),
        Row("another name", answer, None, untrusted, tls="elsewhere", told=list(ANSWERED), again=True),
        Row("another name, TLS 1.2", answer, None, untrusted, tls="elsewhere", newest=old),
        Row("unknown authority", answer, None, untrusted, tls="own", told=alert, again=True),
        Row("unknown authority, TLS 1.2", answer, None, untrusted, tls="own", newest=old),
        # The client's part of the handshake is over then: it breaks while the client waits for the answer.
        # Whom the machine lets wait for longer than an alert takes, has for the capture read the request.
        Row("a certificate wanted", answer, None, ("tls-alert", "http"), wants=True,
            told=[*alert, ("transfer-truncated", "transfer")]),
        Row("a certificate wanted, TLS 1.2", answer, None, ("tls-alert", "tls"), wants=True, newest=old),
        Row("HTTP on the port of TLS", no_tls, None, ("not-tls", "tls"), tls=None),
        Row("reset after the hello", hello_then_reset, None, closed, but={"viaduct": (None, ("tls-reset", "tls"))},
            tls=None),   # as above: squid and tinyproxy make an end of a reset
        Row("closed after the hello", hello_then_end, None, closed, tls=None),
        Row("silent after the hello", made.read_all, None, ("tls-silent", "tls"), tls=None, words=wait),
    ]


def credentials():
    """At the doors that want them; tinyproxy says 401 to wrong ones, which is told from an origin's."""
    for door in ("basic", "digest"):
        yield Row(f"{door}: none given", download, *both("auth-required", "auth", "auth"), door=door, who="proxy")
        yield Row(f"{door}: wrong", download, *both("auth-rejected", "auth", "auth"), door=door, who="proxy",
                  words=("-U", "bob"), stdin=b"wrong")
        yield Row(f"{door}: right", download, *OK, door=door, words=("-U", "alice"), stdin=PASSWORD)


def main(program, *words):
    tap = Tap()
    rows = [*silences(), *answers(), *refusals(), *handshakes(), *credentials()]   # the longest first
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="viaduct-"))
        os.chmod(folder, 0o777)   # squid gives up being root
        bench = Bench(program, folder, Pki(folder), tap)
        products = []
        for make in (squid, tinyproxy, viaduct):
            if make is viaduct or shutil.which(make.__name__):
                products.append(make(stack, folder, bench.program))
            else:
                tap.skip(make.__name__, "it is not installed")
        doors = " or ".join(f"tcp port {port}" for p in products for port in p.ports.values())
        table = Table(bench, stack.enter_context(Capture(bench.program, folder, doors)))
        for row in (r for r in rows if not words or any(w in r.name for w in words)):
            for product in products:
                for case, url, stage in row.cases(product, bench.pki):
                    table.add(f"{case.name}, {url.split(':')[0]}", table.one, case, url, stage)
        table.finish(tap)
        table.compare(tap)
    return tap.done()


if __name__ == "__main__":
    if sys.argv[1] != "--inside":
        enter(__file__, *sys.argv[1:])
    sys.exit(main(*(w for w in sys.argv[1:] if w != "--inside")))
