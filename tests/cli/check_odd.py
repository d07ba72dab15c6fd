#!/usr/bin/env python3
"""viaduct check against what is odd, and yet to be met: answers that are legal and rare, captive portals,
proxies that ask for a login and then do not listen.

    check_odd.py VIADUCT
"""
import gzip
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import warnings

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "live"), os.path.dirname(os.path.abspath(__file__))]
import proxykit as made  # noqa: E402
from check import at, main, over_tls  # noqa: E402
from viaduct import PLAIN  # noqa: E402

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def says(answer, then=made.read_all):
    """A server that says this to the one request on its connection, and then does that."""
    def serve(s):
        if made.read_head(s):
            s.sendall(answer)
            then(s)
    return serve


def close(_):
    """And so it does."""


def end(s):
    """With FIN, whatever is still to be read."""
    s.shutdown(socket.SHUT_WR)
    made.read_all(s)


def seen(words):
    """What the stage says at which it broke."""
    return lambda r: words in r["stages"][-1]["seen"]


def interims(b):
    """Answers before the answer (RFC 9110, section 15.2)."""
    proxy = made.Proxy([b.program, "proxy"])
    x = ["-x", at(proxy.port)]
    for name, answer in (("one", EARLY + FINE), ("two", EARLY + b"HTTP/1.1 102 Processing\r\n\r\n" + FINE)):
        serve = says(answer)
        plain, secure = made.Origin(serve), made.Origin(over_tls(b.pki.context("good"), serve))
        b.verdict(f"{name} before the answer", "ok", None, *x, f"http://localhost:{plain.port}/")
        b.verdict(f"{name} before the answer, in a tunnel", "ok", None, *x, f"https://localhost:{secure.port}/")
    proxy.stop()
    for name, then, verdict in (("silence", made.read_all, "proxy-silent"), ("an end", close, "proxy-closed")):
        only = made.Origin(says(EARLY, then))
        b.verdict(f"and {name} behind it", verdict, "proxy", "-w", "6", "-x", at(only.port),
                  "http://www.example.com/", also=lambda r: "103" in r["evidence"][1]["what"])


def logins(b):
    """Proxies that serve no second request on the connection of their 407."""
    offer = b"HTTP/1.%d 407 No\r\nProxy-Authenticate: %s\r\n%s\r\n"
    denied = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    empty = b"Content-Length: 0\r\n"

    def proxy(challenge, then, minor=1, framing=empty, right=b"Proxy-Authorization"):
        def serve(s):
            head = made.read_head(s)
            if right or b"Proxy-Authorization" not in head:
                s.sendall(denied if right and right in head else offer % (minor, challenge, framing))
            then(s)
        return made.Origin(serve)

    def auth(r):
        return [s["result"] for s in r["stages"] if s["stage"] == "auth"] == ["warning"]

    def one(name, wanted, stage, origin, **how):
        b.verdict(name, wanted, stage, "-w", "2", "-U", "alice", "-x", at(origin.port),
                  "https://www.example.com/", stdin=b"secret", **how)
    for scheme, challenge in (("Basic", b"Basic realm=\"a\""),
                              ("Digest", b"Digest realm=\"a\", nonce=\"n\", qop=\"auth\"")):
        one(f"{scheme}, and it closes", "denied", "proxy", proxy(challenge, close), also=auth)
        one(f"{scheme}, HTTP/1.0", "denied", "proxy", proxy(challenge, close, 0, b""), also=auth)
        one(f"{scheme}, and it says no more", "denied", "proxy", proxy(challenge, made.read_all), also=auth)
        one(f"{scheme}, a wrong one, and it closes", "auth-rejected", "auth",
            proxy(challenge, close, right=b"never"))
        one(f"{scheme}, and it is deaf", "proxy-silent", "auth", proxy(challenge, made.read_all, right=None))


def elsewhere(b):
    """Sent to another page: a captive portal, a page of a block, or round and round."""
    for status in (b"302 Found", b"307 Temporary Redirect", b"303 See Other"):
        portal = made.Origin(says(b"HTTP/1.1 " + status + b"\r\nLocation: http://login.hotel.example/?a=b\r\n"
                                  b"Content-Length: 0\r\n\r\n"))
        b.verdict(f"CONNECT is sent on: {status.decode()}", "other-status", "proxy", "-x", at(portal.port),
                  "https://www.example.com/", also=lambda r: "login.hotel.example" in r["cause"][0])

    def again(s):
        while head := made.read_head(s):
            s.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % head.split()[1])
    proxy = made.Proxy([b.program, "proxy"])
    plain, secure = made.Origin(again), made.Origin(over_tls(b.pki.context("good"), again))
    for url in (f"http://localhost:{plain.port}/", f"https://localhost:{secure.port}/"):
        b.verdict("round and round: " + url[:5], "other-status", "redirects", "-x", at(proxy.port), url,
                  also=lambda r: "come to no end" in r["cause"][0])
    proxy.stop()


PAGE = b"<html><head><title>Welcome</title></head><body><form>Log in</form></body></html>"


def with_page(head, page=PAGE):
    return says(b"HTTP/1.1 " + head + b"\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(page) +
                page)


def pages(b):
    """Pages in place of what was asked for."""
    url = "https://www.example.com/"
    b.verdict("a page in place of the tunnel", "not-tls", "tls", "-x", at(made.Origin(with_page(b"200 OK")).port),
              url, also=lambda r: "a captive portal" in r["cause"][0])
    for how, then in (("reset", made.reset), ("closed", end)):
        b.verdict(f"consent, and {how} at once", "tls-" + how, "tls", "-x",
                  at(made.Origin(says(b"HTTP/1.1 200 OK\r\n\r\n", then)).port), url,
                  also=seen(how + " in the handshake"))
    busy = b"HTTP/1.1 503 No\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n"
    b.verdict("who says when to come back is busy", "unavailable", "proxy", "-x", at(made.Origin(says(busy)).port),
              url, also=lambda r: "overloaded" in r["cause"][0] and "90" in r["cause"][0])
    packed = made.Origin(with_page(b"403 Forbidden", gzip.compress(PAGE)))
    b.verdict("a refusal's page, compressed", "denied", "proxy", "-x", at(packed.port), url,
              also=lambda r: "title" not in r and "\\x" not in r["summary"])
    dns = (b"<title>500 Proxy Error</title><h1>Proxy Error</h1>The proxy server could not handle the request<p>"
           b"Reason: <strong>DNS lookup failure for: www.example.com</strong></p>")
    b.verdict("a page that blames the name", "server-error", "http", "-x",
              at(made.Origin(with_page(b"500 Proxy Error", dns)).port), "http://www.example.com/",
              also=lambda r: "could not resolve www.example.com" in r["cause"][0])
    bare = made.Origin(with_page(b"407 No"))
    for words in ((), ("-U", "alice")):
        b.verdict(f"a 407 that offers nothing, {len(words)}", "auth-required", "auth", *words, "-x",
                  at(bare.port), url, stdin=b"secret", also=lambda r: len(r["cause"]) == 1 and
                  "does not say how to log in" in r["cause"][0])


def strangers(b):
    """Who answers, and not in HTTP: it is said at once, and what it was. What is no login, and no answer."""
    for name, answer, said in (("SMTP", b"220 mail.example ESMTP\r\n", "the answer is SMTP, not HTTP"),
                               ("text", b"ICY 200 OK\r\n", "the answer is plain text, not HTTP")):
        for url in ("http://www.example.com/", "https://www.example.com/"):
            b.verdict(f"{name} for {url[:5]}", "not-a-proxy", "proxy", "-w", "60", "-x",
                      at(made.Origin(says(answer)).port), url, also=seen(said), timeout=30)
    for how, then in (("reset", made.reset), ("closed", close)):
        b.verdict(how, "proxy-" + how, "proxy", "-x", at(made.Origin(says(b"", then)).port),
                  "https://www.example.com/", also=seen(how + ", without an answer"))
    for offers, said in ((b"Proxy-Authenticate: Bearer\r\n", "neither Basic nor Digest"), (b"", "how to log in"),
                         (b"Proxy-Authenticate: Digest realm=a, nonce=b, algorithm=X\r\n", "nothing to log in with")):
        wants = says(b"HTTP/1.1 407 No\r\n" + offers + b"Content-Length: 0\r\n\r\n")
        verdict = "auth-unsupported" if b"Bearer" in offers else "auth-required"
        for url in ("http://www.example.com/", "https://www.example.com/"):
            b.verdict(f"{said} for {url[:5]}", verdict, "auth", "-U", "alice", "-x", at(made.Origin(wants).port), url,
                      stdin=b"secret", also=seen(said))


def issue_below(pki, name, *validity):
    """An authority below the tests' own, and a certificate for localhost that it issued."""
    for owner, ca, extra, days in ((name, "ca", "basicConstraints=critical,CA:true", validity),
                                   (name + "-leaf", name, "subjectAltName=DNS:localhost", ("-days", "9"))):
        with open(pki.path(owner + ".ext"), "w", encoding="ascii") as out:
            out.write(extra + "\n")
        pki.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", owner + ".key", "-out", owner + ".csr",
                    "-subj", "/CN=" + owner)
        pki.openssl("x509", "-req", "-in", owner + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key",
                    "-CAcreateserial", "-out", owner + ".pem", "-extfile", owner + ".ext", *days)
    with open(pki.path(name + "-leaf.pem"), "a", encoding="ascii") as out, \
            open(pki.path(name + ".pem"), encoding="ascii") as above:
        out.write(above.read())


def handshakes(b):
    """What the origin's TLS demands, or shows, beyond its own certificate."""
    proxy = made.Proxy([b.program, "proxy"])

    def one(name, verdict, stage, context, serve=says(FINE), **how):
        origin = made.Origin(over_tls(context, serve))
        b.verdict(name, verdict, stage, "-x", at(proxy.port), f"https://localhost:{origin.port}/", **how)
    for newest, stage in ((ssl.TLSVersion.TLSv1_2, "tls"), (ssl.TLSVersion.TLSv1_3, "http")):
        wants = b.pki.context("good", newest)
        wants.load_verify_locations(b.pki.ca)
        wants.verify_mode = ssl.CERT_OPTIONAL
        one(f"asks for a client's certificate, {newest.name}", "ok", None, wants)
        wants.verify_mode = ssl.CERT_REQUIRED
        one(f"demands one, {newest.name}", "tls-alert", stage, wants,
            also=lambda r: "wants a certificate from the client" in r["cause"][0])
    issue_below(b.pki, "below", "-days", "9")
    one("an intermediate", "ok", None, b.pki.context("below-leaf"))
    issue_below(b.pki, "gone", "-days", "-1")
    one("an intermediate that has expired", "tls-untrusted", "tls", b.pki.context("gone-leaf"),
        also=lambda r: "valid itself" in r["summary"])
    weak = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    weak.set_ciphers("DEFAULT:@SECLEVEL=0")
    b.pki.issue("weak", "DNS:localhost", "-days", "9", key="rsa:1024")
    weak.load_cert_chain(b.pki.path("weak.pem"), b.pki.path("weak.key"))
    one("a key that is too short", "tls-untrusted", "tls", weak, also=lambda r: "too weak" in r["summary"] and
        "a key too short" in r["cause"][0])
    old = b.pki.context("good")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    one("TLS 1.1 alone", "tls-alert", "tls", old, also=lambda r: "older than 1.2" in r["cause"][0])
    half = b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03" + bytes(20)
    for name, said in (("goodbye for a hello", b"\x15\x03\x03\0\2\1\0"), ("half a hello, and an end", half)):
        origin = made.Origin(lambda s, said=said: (s.recv(4096), s.sendall(said)))
        b.verdict(name, "tls-closed", "tls", "-x", at(proxy.port), f"https://localhost:{origin.port}/",
                  also=lambda r: r["stage"] == "tls" and "another shape" not in r["cause"][0])
    onward = says(b"HTTP/1.1 302 Found\r\nLocation: https://nobody.invalid/\r\nContent-Length: 0\r\n\r\n")
    one("sent on to where the proxy can't go", "bad-gateway", "redirects", b.pki.context("good"), onward)
    proxy.stop()


def heads(b):
    """What libcurl takes, our own reader need not understand; and silence between events is no fault."""
    head = b"HTTP/1.1 200 OK\r\n%s\r\n"
    for name, field in (("folded", b"X: a\r\n b\r\n"), ("long", b"X: " + b"a" * 70000 + b"\r\n")):
        origin = made.Origin(says(head % (field + b"Content-Length: 0\r\n")))
        b.verdict(f"a head, {name}", "ok", None, "-x", at(origin.port), "http://www.example.com/")
    less = says(head % b"Content-Length: 3000\r\n" + b"hello", close)
    b.verdict("a length that is wrong", "transfer-truncated", "download", "-x", at(made.Origin(less).port),
              "http://www.example.com/", also=lambda r: "origin closed early" in r["cause"][0])
    events = made.Origin(says(head % b"Content-Type: text/event-stream\r\n" + b"data: x\n\n"))
    b.verdict("events", "open", None, "-w", "2", "-x", at(events.port), "http://www.example.com/")


def interrupts(b):
    """Ctrl-C ends it, with what is known so far."""
    def until(reached, then):
        def serve(s):
            made.read_head(s)
            s.sendall(then)
            reached.set()
            made.read_all(s)
        return serve
    for stage, then, url in (("proxy", b"", "http://www.example.com/"),
                             ("tls", b"HTTP/1.1 200 OK\r\n\r\n", "https://www.example.com/"),
                             ("download", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "http://www.example.com/")):
        reached = threading.Event()
        proxy = made.Origin(until(reached, then))
        with subprocess.Popen([b.program, "check", "--json", "-w", "60", "-x", at(proxy.port), url],
                              stdout=subprocess.PIPE, text=True, env={**os.environ, **PLAIN}) as process:
            reached.wait(made.PATIENCE)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=30)
        x = json.loads(said) if said else {}
        fine = x and x["stages"][-1]["seen"] == "interrupted" and x["severity"] == "ok" and \
            process.returncode == 130
        b.tap.case(f"interrupted: {stage}", [] if fine else [process.returncode, said])


def mistakes(b):
    """Of the user's."""
    url = "https://www.example.com/"
    b.usage("--ca: no such file", "No such file", "--ca", "/nonexistent", "-x", at(1), url)
    b.usage("--ca: no certificate", "holds no certificate", "--ca", os.path.abspath(__file__), "-x", at(1), url)
    b.usage("--ca: a folder", "/: |directory|holds no", "--ca", b.folder, "-x", at(1), url)
    b.usage("two looks", "one look at a time", "-x", at(1), "mtu", "tls", url)
    b.usage("two URLs", "one URL at a time, not 2", "-x", at(1), url, url)
    b.verdict("a host that is too long", "settings-invalid", "settings", "-x", "a" * 3000 + ":80", url,
              also=lambda r: "longer than a name can be" in r["summary"])
    b.verdict("a port that is none", "settings-invalid", "settings", "-x", "127.0.0.1:99999", url,
              also=lambda r: r["proxy"] == "127.0.0.1")


def columns(b):
    """What a stage has to say is wrapped, and stays in its column."""
    refuses = says(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n")
    said = b.run("-U", "alice", "-x", at(made.Origin(refuses).port), "https://www.example.com/", stdin=b"secret",
                 env={"COLUMNS": "60"})[1].splitlines()
    stages = said[:said.index("")]
    behind = [line for line in stages if line.startswith(" ")]
    b.tap.case("stages in 60 columns", [] if behind and all(len(line) <= 60 for line in said) and
               len({len(line) - len(line.lstrip()) for line in behind}) == 1 else said)


if __name__ == "__main__":
    sys.exit(main(interims, logins, elsewhere, pages, strangers, handshakes, heads, interrupts, mistakes, columns))
