#!/usr/bin/env python3
"""viaduct check against what is odd, and yet to be met: answers that are legal and rare, captive portals,
proxies that ask for a login and then do not listen.

    check_odd.py VIADUCT
"""
import os
import re
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "live"), os.path.dirname(os.path.abspath(__file__))]
import proxykit as peer  # noqa: E402
from check import Bench, Pki, at, over_tls  # noqa: E402
from viaduct import Tap  # noqa: E402

HTTPS = "https://www.example.com/"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def says(answer, then=peer.read_all):
    """A server that says this to the one request on its connection, and then does that."""
    def serve(s):
        if peer.read_head(s):
            s.sendall(answer)
            then(s)
    return serve


def interims(b):
    """Answers before the answer (RFC 9110, section 15.2)."""
    proxy = peer.Proxy([b.program, "proxy"])
    x = ["-x", at(proxy.port)]
    for name, answer in (("one", EARLY + FINE), ("two", EARLY + b"HTTP/1.1 102 Processing\r\n\r\n" + FINE)):
        serve = says(answer)
        plain, secure = peer.Origin(serve), peer.Origin(over_tls(b.pki.context("good"), serve))
        b.verdict(f"{name} before the answer", "ok", None, *x, f"http://localhost:{plain.port}/")
        b.verdict(f"{name} before the answer, in a tunnel", "ok", None, *x, f"https://localhost:{secure.port}/")
    proxy.stop()


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="viaduct-") as folder:
        bench = Bench(sys.argv[1], folder, Pki(folder), tap)
        interims(bench)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
