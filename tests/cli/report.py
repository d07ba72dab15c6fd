#!/usr/bin/env python3
"""viaduct check --report and -v, with real peers on loopback: what stands in it, and what must not.

    report.py VIADUCT
"""
import html.parser
import os
import re
import ssl
import subprocess
import sys
import threading

from check import at, main, made, over_tls
from viaduct import records

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(html.parser.HTMLParser):
    """The page's text by sections, and whether its elements are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.text, self.tags = [], [], [], set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style" or "javascript:" in (value or ""):
                self.wrong.append(f"<{tag} {name}={value}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def page(b, name, words, has, status=0, **how):
    path = os.path.join(b.folder, "report.html")
    got = b.run("--report", path, *words, **how)
    wrong = [] if got[0] == status else [got]
    text = read(path)
    os.unlink(path)
    p = Page(text)
    said = re.sub(r"\s+", " ", " ".join(p.text))
    wrong += p.wrong + p.open + sorted(p.tags & {"script", "img", "link", "iframe", "form"})
    wrong += [f"it has not: {like}" for like in has if not re.search(like, said)]
    wrong += re.findall(r"SECRET\d+", text)
    wrong += [f"it loads {m}" for m in re.findall(r"(?:src|href|url)\s*[=(][^>]{0,40}", text)]
    wrong += ["no ladder"] if "svg" not in p.tags else []
    b.tap.case(name, [*wrong, said] if wrong else ())
    return text


def secrets(b):
    """A secret in every place that there is; each has a number, so that it can be told which got out."""
    def answer(s, folds=True):
        while head := made.read_head(s):
            if b"/begin" in head:
                s.sendall(b"HTTP/1.1 302 Found\r\nLocation: /next?SECRET1#SECRET2\r\nContent-Length: 0\r\n\r\n")
                continue
            s.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=SECRET3\r\nX-Session: SECRET4\r\nETag: SECRET5\r\n"
                      b"X-SECRET15: a\r\n" + (b" SECRET16\r\n" if folds else b"") +
                      b"Content-Type: text/html\r\nContent-Length: 37\r\n\r\n<title>SECRET6</title><p>SECRET7</p>\n")
    users = os.path.join(b.folder, "users")
    subprocess.run([b.program, "proxy", "user", "add", "alice", "-f", users, "-r", "test"],
                   input=b"SECRET8", check=True, capture_output=True)
    for scheme in ("basic", "digest"):
        proxy = made.Proxy([b.program, "proxy"], f"auth {scheme} {{ realm test; users {users}; }}\n")
        for https in (True, False):
            origin = made.Origin(over_tls(b.pki.context("good"), answer) if https else lambda s: answer(s, False))
            url = f"http{'s' if https else ''}://localhost:{origin.port}/begin?SECRET9#SECRET10"
            page(b, f"no secret gets out: {scheme}, {'https' if https else 'http'}",
                 ["--ca", b.pki.ca, "-x", at(proxy.port), "-U", "alice", url],
                 ["as user alice", r"/next\?\.\.\.", r"/begin\?\.\.\.", "407", r"Proxy-Authorization: \S+ \.\.\.",
                  r"\(\d+ more, left out\)", *(["CN=Test Authority"] if https else [])], stdin=b"SECRET8")
        proxy.stop()

    def refuses(s):
        made.read_head(s)
        s.sendall(b"HTTP/1.1 403 No <b>way</b>\r\nServer: squid/5.7 <script>alert(1)</script>\r\n"
                  b"X-Squid-Error: ERR_ACCESS_DENIED 0\r\nX-Trace: SECRET11\r\nSet-Cookie: a=SECRET12\r\n"
                  b"Content-Length: 58\r\n\r\n<html><title>Access <i>Denied</i></title><body>no</body></html>"[:58 + 400])
    text = page(b, "what a proxy says when it refuses is let through, and is no markup",
                ["-x", at(made.Origin(refuses).port), "https://a.example/?SECRET13"],
                ["denied", "No <b>way</b>", r"squid/5\.7 <script>", "ERR_ACCESS_DENIED", "Access", "Stages", "a.example:443"],
                status=1)
    b.tap.case("nor does it run", [] if "<script" not in text else [text])
    got = b.run("--report", os.path.join(b.folder, "r.html"), "-x", at(made.Origin(refuses).port),
                "https://a.example/?SECRET13")
    os.unlink(os.path.join(b.folder, "r.html"))
    b.tap.case("the card is printed as ever", [] if got[0] == 1 and "✗ denied" in got[1] else [got])
    page(b, "a proxy that is not there", ["-x", "127.0.0.1:1", "https://a.example/"], ["proxy-refused", "tcp"], status=1)


def paths(b):
    silent = made.Origin(made.read_all)
    taken = os.path.join(b.folder, "taken")
    with open(taken, "w", encoding="ascii") as out:
        out.write("mine")
    x = ["-x", at(silent.port), "http://a.example/"]
    b.usage("it replaces no file", "File exists", "--report", taken, *x)
    b.usage("a folder that is not there", "No such file", "--report", os.path.join(b.folder, "none", "r"), *x)
    b.usage("not of a profile", "of one walk", "--report", "r", "--profile", "npm")
    b.tap.case("all that is told before the walk", [silent.count] if silent.count or read(taken) != "mine" else ())


def verbose(b):
    origin, proxy = made.Origin(over_tls(b.pki.context("good"))), made.Proxy([b.program, "proxy"])
    both = b.pki.path("chain.pem")
    with open(both, "w", encoding="ascii") as out:
        out.write(read(b.pki.path("good.pem")) + read(b.pki.ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both, b.pki.path("good.key"))
    chained = made.Origin(over_tls(context))
    x = ["-v", "--ca", b.pki.ca, "-x", at(proxy.port)]
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.maximum_version = newest
        url = f"https://localhost:{chained.port}/"
        got = b.run(*x, url)
        b.tap.case(f"the whole chain, {newest.name}", [] if re.search(
            r"certificate 1 of 2: CN=good\n  names localhost\n  issuer CN=Test Authority\n  valid from 20.*Z to 20.*Z\n"
            r"certificate 2 of 2: CN=Test Authority\n", got[1]) else [got])
        found = records(b.run("--json", *x, url)[1])[0]
        b.tap.case(f"... in the record, {newest.name}", [] if [c["issuer"] for c in found["chain"]] ==
                   ["CN=Test Authority"] * 2 and all(c["not_before"] < c["not_after"] for c in found["chain"]) else [found])
    got = b.run(*x, f"https://localhost:{origin.port}/")
    table = re.search(r"the connection to the proxy, as the kernel has it\n +at +RTT (.|\n)*?\n\n", got[1])
    stages = [line.split()[0] for line in table[0].splitlines()[2:-1]] if table else []
    b.tap.case("the connection at each stage's end", [] if stages == ["tcp", "proxy", "tls", "http", "download", "closing"]
               else [got])
    found = records(b.run("--json", "--ca", b.pki.ca, "-x", at(proxy.port), f"https://localhost:{origin.port}/")[1])[0]
    tcp = [s["tcp"] for s in found["stages"] if "tcp" in s]
    b.tap.case("... in the record", [] if len(tcp) == 6 and tcp[-1]["bytes_down"] > 5000 and tcp[0]["mss"] > 0 and
               tcp[0]["path_mtu"] > 0 and tcp[0]["cwnd"] > 0 and len(found["chain"]) == 1 else [found])

    enough = threading.Event()

    def trickles(s):
        made.read_head(s)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        for _ in range(6):
            s.sendall(b"x" * 10)
            enough.wait(0.3)   # that it is slow is what is tested
    slow = made.Origin(trickles)
    found = records(b.run("--json", "-v", "-x", at(proxy.port), f"http://localhost:{slow.port}/")[1])[0]
    when = [t["at"] for t in found.get("tcp", [])]
    b.tap.case("a download is looked at over time", [] if len(when) >= 2 and when == sorted(when) else [found])
    proxy.stop()


if __name__ == "__main__":
    sys.exit(main(secrets, paths, verbose))
