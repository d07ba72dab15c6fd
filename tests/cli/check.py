#!/usr/bin/env python3
"""viaduct check against real peers on loopback: each fault, and the verdict that it must have.

    check.py VIADUCT
"""
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.parse

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "live")]
import proxykit as made  # noqa: E402
from peer import SQUID, TINYPROXY, Foreign, deaf_port  # noqa: E402
from viaduct import Broken, PLAIN, Tap, records  # noqa: E402

PASSWORD = "correct; horse \"battery\""


class Pki:
    """Certificates for localhost: good, expired, of another name, signed by itself."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                     "-days", "30", "-subj", "/CN=Test Authority")
        self.ca = self.path("ca.pem")
        self.issue("good", "DNS:localhost,IP:127.0.0.1", "-days", "10")
        self.issue("expired", "DNS:localhost", "-days", "-1")
        self.issue("elsewhere", "DNS:elsewhere.example", "-days", "10")
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out",
                     "own.pem", "-days", "30", "-subj", "/CN=localhost", "-addext",
                     "subjectAltName=DNS:localhost")

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, name, names, *validity, key="rsa:2048"):
        with open(self.path(name + ".ext"), "w", encoding="ascii") as out:
            out.write("subjectAltName=" + names + "\n")
        self.openssl("req", "-newkey", key, "-nodes", "-keyout", name + ".key", "-out",
                     name + ".csr", "-subj", "/CN=" + name)
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                     "-CAcreateserial", "-out", name + ".pem", "-extfile", name + ".ext", *validity)

    def context(self, name, newest=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        if newest:
            context.maximum_version = newest
        return context


def answer(s):
    """A small web server, for one connection."""
    while head := made.read_head(s):
        path = head.split(b" ")[1]
        path = path[path.index(b"/", 8) if path.startswith(b"http://") else 0:]
        body = b"x" * 5000
        if path == b"/moved":
            s.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
            continue
        if path == b"/short":
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n" + body)
            return
        if path == b"/chunked":
            s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            continue
        if path == b"/hangs":
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n" + body)
            made.read_all(s)
            return
        status = {b"/": b"200 OK", b"/secret": b"403 Forbidden"}.get(path, b"404 Not Found")
        s.sendall(b"HTTP/1.1 %s\r\nContent-Length: 5000\r\n\r\n" % status)
        if not head.startswith(b"HEAD"):
            s.sendall(body)


def over_tls(context, serve=answer):
    def run(s):
        try:
            with context.wrap_socket(s, server_side=True) as inner:
                serve(inner)
        except ssl.SSLError:
            pass
    return run


class Bench:
    """The program under test, and what it is told."""

    def __init__(self, program, folder, pki, tap):
        self.program, self.folder, self.pki, self.tap = os.path.abspath(program), folder, pki, tap

    def run(self, *words, stdin=b"", env=(), timeout=60):
        environment = {k: v for k, v in os.environ.items()
                       if not k.lower().endswith("_proxy") and not k.startswith("VIADUCT_")}
        done = subprocess.run([self.program, "check", *words], input=stdin, capture_output=True,
                              timeout=timeout, check=False, env={**environment, **PLAIN, **dict(env)})
        if done.returncode < 0 or b"Sanitizer" in done.stderr or b"runtime error" in done.stderr:
            raise Broken(f"killed: {done.returncode}: {done.stderr.decode()}")
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def verdict(self, name, expected, stage, *words, also=None, status=None, last=-1, **how):
        """The record of --json has this verdict, broke at this stage; the exit status agrees."""
        got = self.run("--json", "--ca", self.pki.ca, *words, **how)
        if status is None:
            status = 0 if expected in ("ok", "open", "slow", "lossy") else 1
        wrong = []
        try:
            found = records(got[1])
        except Broken as error:
            found = wrong.append(error) or []
        if len(found) != 1 or got[0] != status:
            wrong.append(f"exit status {got[0]}, not {status}: {got[1]}{got[2]}")
        for x in found:
            ended = x["stages"][last]   # before it: one that the walk does not depend on
            broke = ended["stage"] if ended["result"] == "failed" else None
            if (x["verdict"], broke, x["source"]) != (expected, stage, "check"):
                wrong.append(f"{x['verdict']} at {broke}, not {expected} at {stage}: {got[1]}")
            if also and not also(x):
                wrong.append(f"not as it should be: {got[1]}")
            if PASSWORD in got[1] + got[2]:
                wrong.append("the password is in the output")
        self.tap.case(name, wrong)

    def usage(self, name, like, *words, **how):
        got = self.run(*words, **how)
        self.tap.case(name, [] if got[0] == 2 and not got[1] and re.search(like, got[2]) else [got])


def stubborn(shown):
    """A proxy that answers 407 to whatever comes; `shown`: each time, whether there were credentials."""
    def serve(s):
        while head := made.read_head(s):
            shown.append(b"Proxy-Authorization" in head)
            s.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n")
    return made.Origin(serve)


def at(port):
    return f"127.0.0.1:{port}"


# ---- the path works ---------------------------------------------------------------------------

def healthy(b):
    plain, secure = made.Origin(answer), made.Origin(over_tls(b.pki.context("good")))
    old = made.Origin(over_tls(b.pki.context("good", ssl.TLSVersion.TLSv1_2)))
    proxy = made.Proxy([b.program, "proxy"])
    http, https = f"http://localhost:{plain.port}", f"https://localhost:{secure.port}"
    x = ["-x", at(proxy.port)]
    b.verdict("https", "ok", None, *x, https + "/", also=lambda r: r["method"] == "CONNECT" and
              [s["stage"] for s in r["stages"]] == ["settings", "dns", "tcp", "proxy", "tls", "http",
                                                   "download", "closing"] and r["tls"] == "1.3")
    b.verdict("https with TLS 1.2", "ok", None, *x, f"https://localhost:{old.port}/",
              also=lambda r: r["tls"] == "1.2")
    b.verdict("http", "ok", None, *x, http + "/", also=lambda r: r["method"] == "GET")
    b.verdict("HEAD", "ok", None, *x, "--method", "HEAD", https + "/")
    b.verdict("a body in chunks", "ok", None, *x, https + "/chunked")
    b.verdict("a redirect", "ok", None, *x, https + "/moved",
              also=lambda r: "redirects" in [s["stage"] for s in r["stages"]])
    b.verdict("a redirect, in clear", "ok", None, *x, http + "/moved")
    b.verdict("not more than was wanted", "open", None, *x, "--download", "1k", https + "/")
    b.verdict("what the origin has not", "not-found", "http", *x, https + "/nothing",
              also=lambda r: r["answered_by"] == "origin")
    b.verdict("what the origin denies", "denied", "http", *x, https + "/secret",
              also=lambda r: r["answered_by"] == "origin")
    b.verdict("cut short", "transfer-truncated", "download", *x, http + "/short")
    b.verdict("cut short inside the tunnel", "transfer-truncated", "download", *x, https + "/short",
              also=lambda r: r["method"] == "GET")
    b.verdict("stalled", "transfer-stalled", "download", *x, "--wait", "6", http + "/hangs")
    b.verdict("by name, over several addresses", "ok", None, "-x", f"localhost:{proxy.port}", https + "/")
    proxy.stop()


def shown(record):
    """Of the certificate that was turned down, in TLS 1.2."""
    return record.get("probe", {}).get("tls", {}).get("certificate")


def in_turn(*contexts):
    """One name with a certificate for each connection: several servers stand behind it."""
    left = iter(contexts)
    return made.Origin(lambda s: over_tls(next(left))(s))


def certificates(b):
    proxy = made.Proxy([b.program, "proxy"])
    x = ["-x", at(proxy.port)]
    for name, like in (("expired", "expired"), ("elsewhere", "another name|elsewhere"), ("own", "self-signed")):
        for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            origin = made.Origin(over_tls(b.pki.context(name, newest)))
            b.verdict(f"certificate {name}, {newest.name}", "tls-untrusted", "tls", *x,
                      f"https://localhost:{origin.port}/",
                      also=lambda r, like=like, newest=newest: re.search(like, r["summary"]) and
                      shown(r) == ("same" if newest == ssl.TLSVersion.TLSv1_3 else None))
    b.verdict("one certificate in TLS 1.3, another in 1.2", "tls-untrusted", "tls", *x,
              f"https://localhost:{in_turn(b.pki.context('expired'), b.pki.context('good')).port}/",
              also=lambda r: shown(r) == "other-trusted" and len(r["looked"]) == 1)
    newer = b.pki.context("expired")
    newer.minimum_version = ssl.TLSVersion.TLSv1_3
    b.verdict("TLS 1.3 alone", "tls-untrusted", "tls", *x,
              f"https://localhost:{made.Origin(over_tls(newer)).port}/", also=lambda r: shown(r) == "none")
    silent = made.Origin(made.read_all)
    b.verdict("an origin that does not answer the hello", "tls-silent", "tls", *x, "--wait", "6",
              f"https://localhost:{silent.port}/")
    closing = made.Origin(lambda s: s.recv(4096))
    b.verdict("one that closes", "tls-closed", "tls", *x, f"https://localhost:{closing.port}/")
    ssh = made.Origin(lambda s: (s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), made.read_all(s)))
    b.verdict("one that speaks SSH", "not-tls", "tls", *x, f"https://localhost:{ssh.port}/")
    proxy.stop()


# ---- the proxy refuses ------------------------------------------------------------------------

def refusals(b):
    origin = made.Origin(over_tls(b.pki.context("good")))
    nobody = deaf_port()
    rules = "rule deny to blocked.example;\nrule allow from 127.0.0.0/8 port 1-65535;\n"
    proxy = made.Proxy([b.program, "proxy"], rules)
    x = ["-x", at(proxy.port)]
    b.verdict("a rule", "denied", "proxy", *x, "https://blocked.example/",
              also=lambda r: r["answered_by"] == "proxy" and r["status"] == 403)
    b.verdict("a rule, in clear", "denied", "http", *x, "http://blocked.example/")
    b.verdict("an origin that refuses", "bad-gateway", "proxy", *x, f"https://127.0.0.1:{nobody}/")
    b.verdict("a name that nobody knows", "bad-gateway", "proxy", *x, "https://nobody.invalid/")
    proxy.stop()
    proxy = made.Proxy([b.program, "proxy"], "limit response 1k;\n")
    plain = made.Origin(answer)
    b.verdict("a limit", "too-large", "http", "-x", at(proxy.port), f"http://localhost:{plain.port}/")
    proxy.stop()
    proxy = made.Proxy([b.program, "proxy"], "limit tunnel 3k;\n")
    b.verdict("a limit of tunnels", "transfer-reset", "download", "-x", at(proxy.port),
              f"https://localhost:{origin.port}/")
    proxy.stop()
    hangs = made.Origin(made.read_all)
    proxy = made.Proxy([b.program, "proxy"], "timeout answer 1s;\n")
    b.verdict("a time-out", "gateway-timeout", "http", "-x", at(proxy.port),
              f"http://127.0.0.1:{hangs.port}/")
    proxy.stop()


def authentication(b):
    users = os.path.join(b.folder, "users")
    subprocess.run([b.program, "proxy", "user", "add", "alice", "-f", users, "-r", "test"],
                   input=PASSWORD.encode(), check=True, capture_output=True)
    origin = made.Origin(over_tls(b.pki.context("good")))
    url = f"https://localhost:{origin.port}/"
    for schemes in ("digest", "basic", "digest basic"):
        proxy = made.Proxy([b.program, "proxy"], f"auth {schemes} {{ realm test; users {users}; }}\n")
        x = ["-x", at(proxy.port)]
        first = schemes.split()[0].capitalize()
        b.verdict(f"{schemes}: no credentials", "auth-required", "auth", *x, url)
        b.verdict(f"{schemes}: the right ones", "ok", None, *x, "-U", "alice", url, stdin=PASSWORD.encode(),
                  also=lambda r, first=first: r["auth"] == {"scheme": first, "user": "alice"})
        b.verdict(f"{schemes}: from the environment", "ok", None, *x, "-U", "alice", url,
                  env={"VIADUCT_PROXY_PASSWORD": PASSWORD})
        b.verdict(f"{schemes}: in the proxy's URL, as %XX", "ok", None, url,
                  env={"https_proxy": f"http://al%69ce:{urllib.parse.quote(PASSWORD)}@{at(proxy.port)}"})
        b.verdict(f"{schemes}: wrong ones", "auth-rejected", "auth", *x, "-U", "alice", url, stdin=b"wrong")
        b.verdict(f"{schemes}: in clear", "ok", None, *x, "-U", "alice",
                  f"http://localhost:{made.Origin(answer).port}/", stdin=PASSWORD.encode())
        proxy.stop()
    tries = []

    def stubborn(s):
        while head := made.read_head(s):
            tries.append(b"Proxy-Authorization" in head)
            s.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"a\", nonce=\"%d\", "
                      b"qop=\"auth\", stale=true\r\nContent-Length: 0\r\n\r\n" % len(tries))
    b.verdict("a nonce that is always stale", "auth-rejected", "auth", "-x", at(made.Origin(stubborn).port),
              "-U", "alice", url, stdin=PASSWORD.encode())
    b.tap.case("a password is tried twice at most", [] if tries.count(True) <= 2 else [tries])

    def ntlm(s):
        made.read_head(s)
        s.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n"
                  b"Content-Length: 0\r\n\r\n")
        made.read_all(s)
    b.verdict("NTLM and Negotiate alone", "auth-unsupported", "auth", "-x", at(made.Origin(ntlm).port),
              "-U", "alice", url, stdin=PASSWORD.encode())


# ---- the proxy is none, or not there ----------------------------------------------------------

def no_proxies(b):
    url = "https://www.example.com/"
    port = deaf_port()
    b.verdict("nobody listens", "proxy-refused", "tcp", "-x", at(port), url)
    b.verdict("nobody listens, IPv6", "proxy-refused", "tcp", "-x", f"[::1]:{port}", url)
    b.verdict("no such name", "proxy-unresolved", "dns", "-x", "proxy.invalid:3128", url)
    b.verdict("silence", "proxy-silent", "proxy", "--wait", "6", "-x", at(made.Origin(made.read_all).port),
              url)
    closes = made.Origin(made.read_head)
    b.verdict("closed without a word", "proxy-closed", "proxy", "-x", at(closes.port), url)

    def resets(s):
        made.read_head(s)
        made.reset(s)
    b.verdict("reset", "proxy-reset", "proxy", "-x", at(made.Origin(resets).port), url)

    def ssh(s):
        s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        made.read_all(s)
    b.verdict("SSH", "not-a-proxy", "proxy", "-x", at(made.Origin(ssh).port), url)

    def unexpected(s):
        made.read_head(s)
        s.sendall(b"\x15\x03\x01\x00\x02\x02\x0a")   # a fatal alert: unexpected_message
    tls = made.Origin(unexpected)
    b.verdict("TLS, spoken to in clear", "not-a-proxy", "proxy", "-x", at(tls.port), url)
    busy = socket.create_server(("127.0.0.1", 0), backlog=0)
    taken = [socket.create_connection(busy.getsockname())]
    for _ in range(3):   # until the queue of connections is full, and SYNs are dropped
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(busy.getsockname())
        taken.append(s)
    b.verdict("SYNs are dropped", "proxy-unreachable", "tcp", "--wait", "4", "-x",
              at(busy.getsockname()[1]), url)
    for s in (*taken, busy):
        s.close()


def outer(b):
    """A proxy that is spoken to in TLS."""
    origin = made.Origin(over_tls(b.pki.context("good")))
    url = f"https://localhost:{origin.port}/"

    def proxy(s):
        """CONNECT alone, to the origin above."""
        made.read_head(s)
        with socket.create_connection(("127.0.0.1", origin.port)) as onward:
            s.sendall(b"HTTP/1.1 200 Fine\r\n\r\n")
            made.relay(s, onward)

    good = made.Origin(over_tls(b.pki.context("good"), proxy))
    b.verdict("https proxy", "ok", None, "-x", f"https://localhost:{good.port}", url,
              also=lambda r: r["target"] == f"localhost:{origin.port}")
    own = made.Origin(over_tls(b.pki.context("own"), proxy))
    b.verdict("https proxy, untrusted", "tls-untrusted", "proxy", "-x", f"https://localhost:{own.port}", url,
              also=lambda r: r["proxy"] == at(own.port))
    ours = made.Proxy([b.program, "proxy"])
    b.verdict("https:// for a plain proxy", "not-tls", "proxy", "-x", f"https://localhost:{ours.port}", url,
              also=lambda r: "http://" in " ".join(r["remedy"]))
    ours.stop()


def interception(b):
    """A proxy that ends the TLS itself, with a certificate of its own authority."""
    pki = b.pki
    origin = made.Origin(over_tls(pki.context("good")))
    url = f"https://localhost:{origin.port}/"
    context = pki.context("own")

    def proxy(s):
        made.read_head(s)
        s.sendall(b"HTTP/1.1 200 Fine\r\n\r\n")
        over_tls(context)(s)
    both = pki.path("both.pem")
    with open(both, "w", encoding="ascii") as out:
        for name in ("ca.pem", "own.pem"):
            with open(pki.path(name), encoding="ascii") as part:
                out.write(part.read())
    inspecting, honest = made.Origin(proxy), made.Proxy([b.program, "proxy"])

    def result(r):
        return [s["result"] for s in r["stages"] if s["stage"] == "direct"]
    b.verdict("inspection that is trusted", "tls-intercepted", None, "-x", at(inspecting.port), "--direct",
              "--ca", both, url, status=0, also=lambda r: result(r) == ["warning"] and
              r["severity"] == "warning" and "CN=Test Authority" in r["evidence"][-1]["what"])
    b.verdict("inspection that is not trusted", "tls-intercepted", "tls", "-x", at(inspecting.port),
              "--direct", url, last=-2, also=lambda r: result(r) == ["warning"])
    b.verdict("no inspection", "ok", None, "-x", at(honest.port), "--direct", url,
              also=lambda r: result(r) == ["ok"])
    b.verdict("not compared", "ok", None, "-x", at(inspecting.port), "--ca", both, url,
              also=lambda r: result(r) == [])
    honest.stop()


# ---- other people's proxies -------------------------------------------------------------------

TINYPROXY_AUTH = TINYPROXY + "BasicAuth alice secret\n"
NGINX = ("daemon off; pid FOLDER/nginx.pid; error_log /dev/null; events { }\nhttp { access_log off;\n"
         "server { listen 127.0.0.1:PORT; } }\n")


def foreign(b):
    origin = made.Origin(over_tls(b.pki.context("good")))
    url = f"https://localhost:{origin.port}/"
    for program, config, words, cases in (
            ("tinyproxy", TINYPROXY, ["-d", "-c"], (
                ("ok", None, url, None), ("server-error", "proxy", "https://nobody.invalid/", "tinyproxy"))),
            ("tinyproxy", TINYPROXY_AUTH, ["-d", "-c"], (("auth-required", "auth", url, "tinyproxy"),)),
            ("squid", SQUID, ["-N", "-n", f"check{os.getpid()}", "-f"], (
                ("ok", None, url, None), ("denied", "proxy", "https://blocked.example/", "squid"))),
            ("nginx", NGINX, ["-c"], (("not-a-proxy", "proxy", url, None),))):
        if not shutil.which(program):
            b.tap.skip(program, "it is not installed")
            continue
        proxy = Foreign(b.folder, program, config, words)
        try:
            for verdict, stage, target, product in cases:
                b.verdict(f"{program}: {verdict}", verdict, stage, "-x", at(proxy.port), target,
                          also=lambda r, p=product: p is None or r.get("product") == p)
        finally:
            proxy.stop()


# ---- settings and slips -----------------------------------------------------------------------

def settings(b):
    origin = made.Origin(answer)
    proxy = made.Proxy([b.program, "proxy"])
    url, https = f"http://localhost:{origin.port}/", "https://www.example.com/"
    ours = f"http://{at(proxy.port)}"

    def from_where(name):
        return lambda r: name in r["stages"][0]["seen"]
    b.verdict("http_proxy", "ok", None, url, env={"http_proxy": ours}, also=from_where("http_proxy"))
    b.verdict("all_proxy", "ok", None, url, env={"ALL_PROXY": at(proxy.port)}, also=from_where("ALL_PROXY"))
    b.verdict("HTTPS_PROXY", "settings-invalid", "settings", https, env={"HTTPS_PROXY": "proxy.example"},
              also=from_where("HTTPS_PROXY"))
    b.verdict("-x wins", "ok", None, "-x", ours, url, env={"http_proxy": "nowhere.invalid:1"})
    for wrong in ("proxy.example", "proxy.example:0", "proxy.example:99999", "proxy.example:http",
                  "socks5://proxy.example:1080", "ftp://proxy.example:21", "pro xy:3128", ":3128",
                  "[::1:3128", "http://proxy.example"):
        b.verdict(f"settings: {wrong}", "settings-invalid", "settings", "-x", wrong, https)
    b.usage("HTTP_PROXY is not read", "HTTP_PROXY.*upper case", url, env={"HTTP_PROXY": ours})
    for value in ("localhost", "*", ".localhost", "a.example, localhost", "LOCALHOST"):
        b.usage(f"NO_PROXY {value}", "no_proxy exempts localhost", url,
                env={"http_proxy": ours, "no_proxy": value})
    b.usage("NO_PROXY with a network", "NO_PROXY exempts", f"http://127.0.0.1:{origin.port}/",
            env={"http_proxy": ours, "NO_PROXY": "127.0.0.0/8"})
    b.verdict("NO_PROXY of others", "ok", None, url, env={"http_proxy": ours, "no_proxy": "host,calhost"})
    b.usage("no proxy at all", "no proxy is set", url)
    b.usage("credentials in -x", "-x holds credentials", "-x", "http://u:p@proxy:3128", url)
    b.usage("credentials in the URL", "the URL holds credentials", "-x", ours, "http://u:p@localhost/")
    b.usage("-U with a password", "password in the arguments", "-x", ours, "-U", "u:p", url)
    b.usage("-u for -U", "-U USER", "-x", ours, "-u", "u:p", url)
    b.usage("no scheme", "no URL to check", "-x", ours, "localhost")
    b.usage("an empty password", "empty", "-x", ours, "-U", "u", url, stdin=b"\n")
    got = b.run("-x", f"localhost:{origin.port}", url)
    b.tap.case("the origin's port is named", [] if "the target's own host" in got[2] else [got])
    got = b.run("-v", "-x", ours, url)
    b.tap.case("-v shows the heads", [] if got[0] == 0 and "User-Agent: viaduct" in got[1] else [got])
    got = b.run("-x", ours, url)
    lines = [line.split()[1] for line in got[1].splitlines() if re.match("✓ ", line)]
    b.tap.case("a line for each stage, then the card",
               [] if lines == ["settings", "dns", "tcp", "proxy", "http", "download", "closing", "ok"] else [got])
    proxy.stop()


def main(*parts):
    """Runs them, each handed a Bench; $ONLY those whose name holds it."""
    tap = Tap()
    only = os.environ.get("ONLY", "")
    with tempfile.TemporaryDirectory(prefix="viaduct-") as folder:
        bench = Bench(sys.argv[1], folder, Pki(folder), tap)
        for part in parts:
            if only not in part.__name__:
                continue
            try:
                part(bench)
            except (Broken, OSError, RuntimeError, LookupError, subprocess.SubprocessError) as error:
                tap.case(part.__name__, [repr(error)])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(healthy, certificates, refusals, authentication, no_proxies, outer, interception, foreign, settings))
