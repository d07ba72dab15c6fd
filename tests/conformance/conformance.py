#!/usr/bin/env python3
"""What RFC 9110 and RFC 9112 ask of a proxy, case by case, over real sockets.

    conformance.py VIADUCT            runs all cases, in TAP
    conformance.py VIADUCT WORD...    those whose name holds one of the words
    conformance.py --user VIADUCT ... the same by a proxy that wants credentials, and gets them
    conformance.py --list             doc/conformance.md, as it should be
    conformance.py --check FILE       is that what stands in it?
    conformance.py --proxy HOST:PORT  against a proxy that runs already

Each case names the section that it holds the proxy to."""
import base64
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases                                                   # noqa: E402
from peer import Client, Origin, Proxy                                 # noqa: E402
from viaduct import Tap                                        # noqa: E402


HEADING = """# What the proxy is held to

Each row is a test: what RFC 9110, RFC 9112, RFC 9209 or RFC 9931 asks of a proxy, and the name of the
case in `tests/conformance/cases.py` that sends it over real sockets and looks at what the client and the
origin got. `meson test -C build --suite proxy` runs them; one alone:

    python3 tests/conformance/conformance.py build/viaduct NAME

This file is written by `tests/conformance/conformance.py --list`; a test holds it to the cases.

| section | what is sent, or held | test |
| --- | --- | --- |
"""


def table():
    rows = [f"| {c.section} | {c.title} | `{c.name}` |\n" for c in cases.CASES]
    return HEADING + "".join(rows)


def check(path):
    tap = Tap()
    with open(path, encoding="utf-8") as f:
        tap.case("the list of cases is up to date", [] if f.read() == table() else [
            f"write it anew: tests/conformance/conformance.py --list >{path}"])
    names = [c.name for c in cases.CASES]
    tap.case("no two cases have one name", sorted({n for n in names if names.count(n) > 1}))
    return tap.done()


def with_user(program):
    """A proxy that wants credentials; the cases' clients send them with every request."""
    users = tempfile.NamedTemporaryFile(prefix="viaduct-users-")
    subprocess.run([program, "proxy", "user", "add", "-f", users.name, "--realm", "test", "user"],
                   input=b"secret", check=True, stdout=subprocess.DEVNULL)
    proxy = Proxy(program, f"auth basic {{ realm test; users {users.name}; }}")
    users.close()
    Client.credentials = b"Proxy-Authorization: Basic " + base64.b64encode(b"user:secret")
    return proxy


class Outside:
    """A proxy that somebody else started."""

    def __init__(self, where):
        host, port = where.rsplit(":", 1)
        self.address, self.port = (host, int(port)), int(port)

    def stop(self):
        pass


def main(arguments):
    if arguments[0] == "--list":
        print(table(), end="")
        return 0
    if arguments[0] == "--check":
        return check(arguments[1])
    if arguments[0] == "--user":
        proxy, words = with_user(arguments[1]), arguments[2:]
    elif arguments[0] == "--proxy":
        proxy, words = Outside(arguments[1]), arguments[2:]
    else:
        proxy, words = Proxy(arguments[0]), arguments[1:]
    tap, origin = Tap(), Origin()
    for case in cases.CASES:
        if words and not any(w in case.name for w in words):
            continue
        try:
            case.run(cases.Place(proxy, origin, case.name))
            tap.case(f"{case.section} {case.name}")
        except Exception as error:   # whatever a case meets is its result, not the suite's end
            tap.case(f"{case.section} {case.name}", [f"{type(error).__name__}: {error}"])
    try:
        proxy.stop()
        tap.case("the proxy ends in good order")
    except RuntimeError as error:
        tap.case("the proxy ends in good order", [error])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
