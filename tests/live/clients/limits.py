"""Every limit, time-out and rule strikes, says so to the client, and names itself in the log."""
import os
import signal
import socket
import ssl
import threading

from peer import LIMIT, Client, Origin, Raw, Wire, same, want

from .curl import full, hold, ok, tunnel
from .kit import SMALL, at_least, case, curl, has, one_of, run


def connect(p, target, first=b""):
    """A tunnel by hand."""
    wire = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
    wire.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode() + first)
    head = wire.until(b"\r\n\r\n")
    want(head.startswith(b"HTTP/1.1 200"), head)
    return wire


def echo(wire):
    while wire.more():
        wire.send(wire.got)
        wire.got = b""


def struck(why, verdict, status, **more):
    return {"why": why, "verdict": verdict, "status": status, "why_text": lambda t: bool(t), **more}


@case("timeout header: half a head", "nginx")
def header_time(place):
    with place.proxy("timeout header 1s;\n") as p:
        answer = Client(("127.0.0.1", p.port)).ask(b"GET http://origin.test/ HTTP/1.1\r\nHost: or")
        same(answer.status, 408)
        p.logged(struck("timeout-header", lambda v: bool(v), 408))


@case("timeout connect: an origin that does not answer, plain and CONNECT", "curl")
def connect_time(place):
    listener, fillers = full()
    host = "127.0.0.1:%d" % listener.getsockname()[1]
    with place.proxy("timeout connect 1s;\n") as p:
        same(curl(place, "-x", p.url, f"http://{host}/").status, 504)
        p.logged(struck("timeout-connect", "gateway-timeout", 504, method="GET",
                        **{"onward.outcome": "unanswered"}))
        same(curl(place, "-p", "-x", p.url, f"http://{host}/", code=56).connect, 504)
        p.logged(struck("timeout-connect", "gateway-timeout", 504, method="CONNECT"))
        got = curl(place, "-x", p.url, "http://slow.test/")
        want(got.status in (502, 504), got)
        p.logged(struck(one_of("timeout-connect", "unresolved"),
                        one_of("gateway-timeout", "bad-gateway"), got.status))
    for s in [listener, *fillers]:
        s.close()


@case("timeout idle: a quiet tunnel, a transfer that stopped")
def idle_time(place):
    quiet, stopped = Raw(echo), Origin()
    stopped.script["/hold"] = hold
    with place.proxy("timeout idle 1s;\n") as p:
        wire = connect(p, quiet.host, b"hello")
        same(wire.exactly(5), b"hello")
        want(wire.ended(), "it stayed open")
        p.logged(struck("timeout-idle", "ok", 200, method="CONNECT", closed_by="proxy",
                        closed_first="proxy", target=quiet.host))
        c = Client(("127.0.0.1", p.port))
        c.send(f"GET http://{stopped.host}/hold HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        want(c.rest().endswith(b"some"), "what came before")
        p.logged(struck("timeout-idle", "transfer-stalled", 200, method="GET", closed_by="proxy"))
    quiet.stop()
    stopped.stop()


@case("timeout lifetime: a tunnel that is busy until then")
def lifetime(place):
    def chatter(wire):
        while True:
            wire.send(b"x")
            wire.exactly(1)

    origin = Raw(chatter)
    with place.proxy("timeout lifetime 1s;\n") as p:
        wire = connect(p, origin.host)
        try:
            while True:
                wire.send(wire.exactly(1))
        except (EOFError, OSError):
            pass
        p.logged(struck("timeout-lifetime", "transfer-truncated", 200, method="CONNECT",
                        closed_by="proxy", duration_ms=lambda ms: ms >= 999))
    origin.stop()


@case("timeout keepalive: between requests", "nginx")
def keepalive(place):
    with place.proxy("timeout keepalive 1s;\n") as p:
        c = Client(("127.0.0.1", p.port))
        url = f"http://127.0.0.1:{place.web.http}/small.txt"
        same(c.ask(f"GET {url} HTTP/1.1\r\nHost: a\r\n\r\n".encode()).body, SMALL)
        want(c.ended(), "it stayed open")
        p.logged(ok(target=url))


@case("timeout answer: an origin that takes the request and says nothing", "curl")
def answer_time(place):
    silent = Raw(lambda wire: wire.rest())
    with place.proxy("timeout answer 1s;\n") as p:
        got = curl(place, "-x", p.url, f"http://{silent.host}/")
        want(got.status == 504 and b"timeout-answer" in got.body, got)
        p.logged(struck("timeout-answer", "gateway-timeout", 504))
    silent.stop()


@case("limit response: with a length, in chunks, by close", "curl", "nginx")
def response(place):
    origin = Origin()
    origin.script["/chunks"] = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                                b"1000\r\n" + bytes(4096) + b"\r\n0\r\n\r\n")
    origin.script["/close"] = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(4096)
    with place.proxy("limit response 2k;\n") as p:
        got = curl(place, "-x", p.url, f"http://127.0.0.1:{place.web.http}/small.txt")
        want(got.status == 502 and b"limit-response" in got.body, got)
        p.logged(struck("limit-response", "too-large", 502, answered_by="proxy"))
        for path in ("chunks", "close"):
            got = curl(place, "-x", p.url, f"http://{origin.host}/{path}", code=None)
            want(got.code in (18, 56) or got.status == 502, got)
            same(got.code == 0, got.status == 502, got)
            p.logged(struck("limit-response", one_of("transfer-truncated", "too-large"),
                            got.status))
    origin.stop()


@case("limit request: with a length, and in chunks", "curl", "nginx")
def request(place):
    sent = place.content("sent", 300000)
    url = f"http://127.0.0.1:{place.web.http}/put/too-large"
    with place.proxy("limit request 100k;\n") as p:
        for arguments, stdin in ((("-T", sent), b""), (("-T", "-"), bytes(300000))):
            got = curl(place, "-x", p.url, *arguments, url, stdin=stdin, code=None)
            want(got.status == 413, got)
            p.logged(struck("limit-request", "too-large", 413, method="PUT"))
            want(not os.path.exists(os.path.join(place.root, "put/too-large")), "it arrived")


@case("limit tunnel: the transfer inside is cut", "curl", "nginx")
def tunnel_bytes(place):
    place.content("middle", 6 << 20)
    with place.proxy("limit tunnel 1m;\n") as p:
        got = curl(place, "-x", p.url, "--http1.1", f"https://localhost:{place.web.https}/middle",
                   code=None)
        want(got.code in (18, 35, 56) and len(got.body) <= 1 << 20, got.code)
        p.logged(struck("limit-tunnel", "transfer-truncated", 200, method="CONNECT",
                        bytes_down=lambda n: n <= (1 << 20) + 2000, closed_by="proxy"))


@case("limit header", "curl")
def header_size(place):
    with place.proxy("limit header 2k;\n") as p:
        got = curl(place, "-x", p.url, "-H", "X-Long: " + "a" * 3000, "http://origin.test/")
        want(got.status == 431 and b"limit-header" in got.body, got)
        p.logged(struck("limit-header", lambda v: bool(v), 431))


@case("limit per-client and limit connections: told, and free again")
def connections(place):
    origin = Raw(echo)
    for limit, status, why in (("per-client 3", 429, "limit-per-client"),
                               ("connections 3", 503, "busy")):
        with place.proxy(f"limit {limit};\n") as p:
            tunnels = [connect(p, origin.host, b"x") for _ in range(3)]
            for t in tunnels:
                same(t.exactly(1), b"x")
            answer = Client(("127.0.0.1", p.port)).ask(
                f"CONNECT {origin.host} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            same(answer.status, status, limit)
            want(f"{why}: " in (answer.get("Proxy-Status") or ""), answer.raw)
            p.logged(struck(why, lambda v: v in ("rate-limited", "unavailable"), status))
            for t in tunnels:
                t.close()
            p.logged(*[tunnel(inner=lambda got: True)] * 3)
            wire = connect(p, origin.host, b"again")
            same(wire.exactly(5), b"again")
            wire.close()
            p.logged(tunnel(inner=lambda got: True))
    origin.stop()


@case("limit bandwidth-tunnel and bandwidth-client: no faster than that", "curl", "nginx")
def bandwidth(place):
    place.content("three", 3 << 20)
    for limit in ("bandwidth-tunnel", "bandwidth-client"):
        with place.proxy(f"limit {limit} 2m;\n") as p:
            for options in ((), ("-p",)):
                got = curl(place, "-x", p.url, *options, f"http://127.0.0.1:{place.web.http}/three")
                same(len(got.body), 3 << 20)
                # what passes at once at the beginning is a part of one second's
                p.logged({"status": 200, "duration_ms": lambda ms: ms >= 500,
                          "verdict": one_of("ok", "slow")})


def ask(p, url, method="GET", before=b"", host="a"):
    c = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
    c.send(before + f"{method} {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
           "Content-Length: 0\r\n\r\n".encode())
    return int(c.rest().split(b" ")[1])


@case("rule from, to, port, method: the first match decides, and its line is named", "nginx")
def rules(place):
    web = place.web.http
    config = f"""
rule deny from 192.0.2.0/25 !192.0.2.7;
rule deny method DELETE PATCH;
rule deny to *.deny.test other.test;
rule deny to 127.0.0.2/32;
rule deny port 1-1000;
rule allow from 127.0.0.0/8 192.0.2.0/24 to origin.test localhost inner.test port {web};
"""
    listen = ("127.0.0.1:0 { proxy-protocol from 127.0.0.0/8; }",)
    with place.proxy(config, listen) as p:
        def from_(address):
            return f"PROXY TCP4 {address} 192.0.2.200 5 6\r\n".encode()

        url = f"http://origin.test:{web}/method"
        for status, why, line, arguments in (
                (200, None, "", (url, "GET", from_("192.0.2.7"))),
                (403, "rule", "192.0.2.0/25", (url, "GET", from_("192.0.2.8"))),
                (200, None, "", (url, "GET", from_("192.0.2.200"))),
                (403, "no-match", "no rule matches", (url, "GET", from_("198.51.100.1"))),
                (403, "rule", "DELETE", (url, "DELETE", from_("127.0.0.1"))),
                (403, "rule", "other.test", (f"http://other.test:{web}/", "GET",
                                             from_("127.0.0.1"))),
                (403, "rule", "deny.test", (f"http://a.b.deny.test:{web}/", "GET",
                                            from_("127.0.0.1"))),
                (403, "rule", "127.0.0.2", (f"http://inner.test:{web}/", "GET",
                                            from_("127.0.0.1"))),
                (403, "rule", "1-1000", ("http://origin.test:80/", "GET", from_("127.0.0.1"))),
                (403, "no-match", "no rule matches", (f"http://six.test:{web}/", "GET", from_("127.0.0.1")))):
            same(ask(p, *arguments), status, arguments)
            p.logged({"status": status, "why": why, "verdict": "ok" if status == 200 else "denied",
                      "why_text": has(line) if line else None})


@case("rule to-list: thousands of domains, read anew by a reload", "nginx")
def lists(place):
    domains = [f"d{i}.blocked-{i % 97}.test" for i in range(20000)]
    path = place.file("blocked", "\n".join(domains) + "\n")
    with place.proxy(f"rule deny to-list {path};\nrule allow from 127.0.0.1 port 1-65535;\n") as p:
        for name, status in ((domains[0], 403), ("sub." + domains[9999], 403), (domains[-1], 403),
                             ("origin.test", 200)):
            same(ask(p, f"http://{name}:{place.web.http}/method"), status, name)
            p.logged({"status": status, "verdict": "ok" if status == 200 else "denied",
                      "why": None if status == 200 else "rule"})
        place.file("blocked", "\n".join([*domains, "origin.test"]) + "\n")
        p.process.send_signal(signal.SIGHUP)
        p.wait_for("^(viaduct proxy: )?reloaded")
        same(ask(p, f"http://origin.test:{place.web.http}/method"), 403)
        p.logged({"status": 403, "verdict": "denied", "why": "rule"})


@case("rule trial: logged, not done", "nginx")
def trial(place):
    with place.proxy("rule trial deny method GET;\nrule allow from 127.0.0.1 port 1-65535;\n") as p:
        same(ask(p, f"http://origin.test:{place.web.http}/method"), 200)
        p.logged(ok(trial=has("rule at line")))


@case("destinations private: denied by default, by address, embedded, and by name", "nginx")
def private(place):
    with place.proxy("destinations private deny;\nrule allow from 127.0.0.1 port 1-65535;\n") as p:
        for host in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]",
                     "[64:ff9b::7f00:1]", "origin.test", "private.test", "localhost"):
            for method in ("GET", "CONNECT"):
                target = f"{host}:{place.web.http}"
                url = target if method == "CONNECT" else f"http://{target}/"
                same(ask(p, url, method, host=target), 403, (method, host))
                p.logged(struck("private", "denied", 403, method=method))


@case("CONNECT is for 443 alone unless a rule names a port", "nginx")
def connect_port(place):
    with place.proxy("rule allow from 127.0.0.1;\n") as p:
        target = f"127.0.0.1:{place.web.https}"
        same(ask(p, target, "CONNECT", host=target), 403)
        p.logged(struck("port", "denied", 403, method="CONNECT"))


def hello(p, place, target, name, trust=True):
    """A TLS client in a tunnel; what the handshake comes to."""
    wire = connect(p, target)
    context = ssl.create_default_context(cafile=place.certificate())
    context.check_hostname = False
    try:
        with context.wrap_socket(wire.sock, server_hostname=name) as s:
            s.sendall(b"GET /small.txt HTTP/1.0\r\n\r\n")
            got = b""
            while part := s.recv(65536):
                got += part
            return got.endswith(SMALL)
    except (ssl.SSLError, OSError):
        return False


def first_flight(name):
    """A ClientHello."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


@case("sni match deny: a hello in many segments, and in many records", "nginx")
def sni_in_pieces(place):
    target = f"origin.test:{place.web.https}"
    with place.proxy("sni match deny;\n") as p:
        for name, answered in (("origin.test", True), ("other.test", False)):
            whole = first_flight(name)
            body = whole[5:]
            records = b"".join(whole[:3] + len(body[i:i + 50]).to_bytes(2, "big") + body[i:i + 50]
                               for i in range(0, len(body), 50))
            for hello_bytes in (whole, records):
                wire = connect(p, target)
                wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    for i in range(0, len(hello_bytes), 100):
                        wire.send(hello_bytes[i:i + 100])
                except OSError:
                    want(not answered, "it was cut")   # the name was in what came before
                if answered:
                    same(wire.exactly(1), b"\x16", "a ServerHello")
                    wire.close()
                    p.logged(tunnel(sni=name, why=None, verdict=lambda v: bool(v)))
                else:
                    same(wire.rest(), b"", "nothing of it reached the origin")
                    p.logged(struck("sni", "denied", 200, sni=name))


@case("sni match: log, deny; openssl as client", "nginx", "openssl")
def sni(place):
    target = f"origin.test:{place.web.https}"
    for mode in ("log", "deny"):
        with place.proxy(f"sni match {mode};\n") as p:
            want(hello(p, place, target, "origin.test"), "the same name")
            p.logged(tunnel(sni="origin.test", why=None))
            same(hello(p, place, target, "other.test"), mode == "log", "another name")
            if mode == "log":
                p.logged(tunnel(sni="other.test", why="sni", verdict=one_of("ok", "denied")))
            else:
                p.logged(struck("sni", "denied", 200, sni="other.test", closed_by="proxy"))
            run("openssl", "s_client", "-proxy", f"127.0.0.1:{p.port}", "-connect", target,
                "-servername", "other.test", "-quiet", code=None,
                stdin=b"GET /small.txt HTTP/1.0\r\n\r\n")
            p.take(1)
            want(hello(p, place, target, None), "no name at all")
            p.logged(tunnel(sni=None, why=None))
            origin = Raw(echo)   # what is no TLS, and what comes byte by byte
            wire = connect(p, origin.host, b"SSH-2.0-x\r\n")
            same(wire.exactly(11), b"SSH-2.0-x\r\n")
            wire.close()
            p.take(1)
            origin.stop()


@case("sni match deny holds where nothing is logged", "nginx")
def sni_unlogged(place):
    target = f"origin.test:{place.web.https}"
    with place.proxy("log access none;\nsni match deny;\n") as p:
        want(hello(p, place, target, "origin.test"), "the same name")
        want(not hello(p, place, target, "other.test"), "another name")
