#!/usr/bin/env python3
"""viaduct check looks around: middleboxes that dislike one kind of ClientHello, and what it finds out.

    looks.py VIADUCT
"""
import concurrent.futures
import copy
import os
import socket
import ssl
import sys
import tempfile
import types

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check import Bench, Pki, answer, at, deaf_port, made, over_tls  # noqa: E402
from viaduct import Tap  # noqa: E402

# What a middlebox does with a hello that it does not take.
RESET, CLOSE, DROP = "reset", "close", "drop"
VERDICTS = {RESET: "tls-reset", CLOSE: "tls-closed", DROP: "tls-silent"}
HEARD = {RESET: "reset", CLOSE: "closed", DROP: "silence"}


def record_length(hello):
    return 5 + int.from_bytes(hello[3:5], "big")


def is_large(hello):
    return record_length(hello) > 1400


def is_split(hello):
    return len(hello) < record_length(hello)


def has_name(hello):
    return b"localhost" in hello


def always(_):
    return True


def middlebox(origin, dislikes, how, wrap=lambda serve: serve):
    """A proxy that looks at the first segment of what goes into its tunnels."""
    def serve(s):
        made.read_head(s)
        s.sendall(b"HTTP/1.1 200 Fine\r\n\r\n")
        hello = s.recv(65536)
        if hello and dislikes(hello):
            if how == RESET:
                made.reset(s)
            elif how == DROP:
                made.read_all(s)
            return
        with socket.create_connection(("127.0.0.1", origin.port)) as onward:
            onward.sendall(hello)
            made.relay(s, onward)
    return made.Origin(wrap(serve))


def heard(**wanted):
    """What the record says of each shape."""
    def check(r):
        hellos = r.get("probe", {}).get("tls", {})
        return wanted == {shape: h["answer"] for shape, h in hellos.items()}
    return check


def causes(word, but=None):
    return lambda r: any(word in c for c in r["cause"]) and not any(but and but in c for c in r["cause"])


def both(*checks):
    return lambda r: all(c(r) for c in checks)


def hellos(b):
    origin = made.Origin(over_tls(b.pki.context("good")))
    url = f"https://localhost:{origin.port}/"
    good = {shape: "server-hello" for shape in ("small", "split", "large", "pieces", "nameless")}

    def box(dislikes, how=RESET):
        return ["-x", at(middlebox(origin, dislikes, how).port), "--wait", "6", url]
    b.verdict("a proxy that takes all hellos", "ok", None, "tls", *box(lambda _: False), also=heard(**good))
    b.verdict("unasked it does not look at them", "ok", None, *box(lambda _: False),
              also=lambda r: "probe" not in r and "looked" not in r)
    for how, verdict in VERDICTS.items():
        b.verdict(f"large hellos: {how}", verdict, None, "tls", *box(is_large, how), status=1, also=both(
            heard(**{**good, "large": HEARD[how], "pieces": HEARD[how]}), causes("can't take a large ClientHello")))
        b.verdict(f"hellos in two segments: {how}", verdict, None, "tls", *box(is_split, how), status=1,
                  also=both(heard(**{**good, "split": HEARD[how], "pieces": HEARD[how]}), causes("reads only the first segment")))
        b.verdict(f"names: {how}", verdict, "tls", *box(has_name, how), also=both(
            heard(small=HEARD[how], large=HEARD[how], nameless="server-hello", split="server-hello",
                  pieces=HEARD[how]),
            causes("without that name the same", "post-quantum")))   # split: the name stands behind
    b.verdict("all of them", "tls-silent", "tls", *box(always, DROP), also=both(
        heard(**{s: "silence" for s in good}), causes("says nothing", "policy on names"),
        lambda r: [look["look"] for look in r["looked"]] == ["mtu", "tls"],
        lambda r: r["probe"]["mtu"]["up"]["size"] == "all-pass",
        lambda r: r["probe"]["mtu"]["down"]["size"] == "none-pass"))
    alert = made.Origin(over_tls(strict(b.pki)))
    b.verdict("an alert is an answer", "ok", None, "tls", "-x", at(middlebox(alert, lambda _: False, DROP).port),
              f"https://localhost:{alert.port}/", also=heard(**{**good, "nameless": "alert"}))
    outer = middlebox(origin, lambda _: False, DROP, lambda serve: over_tls(b.pki.context("good"), serve))
    b.verdict("a proxy that is spoken to in TLS", "ok", None, "tls", "-x", f"https://localhost:{outer.port}", url,
              also=heard(**good))
    b.verdict("... and its way", "ok", None, "mtu", "-x", f"https://localhost:{outer.port}", url,
              also=lambda r: r["probe"]["mtu"]["up"]["size"] == r["probe"]["mtu"]["down"]["size"] == "all-pass")
    plain = made.Origin(answer)
    b.verdict("no TLS, no hellos", "ok", None, "tls", "-x", at(plain.port), f"http://localhost:{plain.port}/",
              also=lambda r: "probe" not in r and "no TLS" in r["looked"][0]["seen"])


def strict(pki):
    """A server that does not know those who do not say whom they want."""
    context = pki.context("good")

    def on_name(_, name, __):
        return None if name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    context.sni_callback = on_name
    return context


class Aside:
    """A bench whose cases run beside one another, since they wait, and are told in order."""

    def __init__(self, bench, pool):
        self.bench, self.pool, self.waiting = bench, pool, []
        self.pki = bench.pki

    def verdict(self, *words, **how):
        bench, told = copy.copy(self.bench), []
        bench.tap = types.SimpleNamespace(case=lambda *case: told.append(case))
        self.waiting.append((self.pool.submit(bench.verdict, *words, **how), told))

    def tell(self):
        for future, told in self.waiting:
            future.result()
            self.bench.tap.case(*told[0])


def words(b):
    plain = made.Origin(answer)
    b.usage("a look that is none", "nothing to look at: mtu", "looks", f"http://localhost:{plain.port}/")
    b.usage("a look without a URL", "no URL to check", "mtu")
    got = b.run("mtu", "-x", at(plain.port), f"http://localhost:{plain.port}/")
    b.tap.case("a line of its own", [] if "mtu" in got[1] and "up: an MSS of" in got[1] else [got])
    b.verdict("nothing to look at", "proxy-refused", "tcp", "mtu", "-x", at(deaf_port()), "http://localhost/",
              also=lambda r: "no connection" in r["looked"][0]["seen"] and "probe" not in r)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="viaduct-") as folder:
        bench = Bench(sys.argv[1], folder, Pki(folder), tap)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            aside = Aside(bench, pool)
            hellos(aside)
            aside.tell()
        words(bench)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
