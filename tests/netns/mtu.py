#!/usr/bin/env python3
"""viaduct check over routers: a hop with a small MTU that tells nobody, one that does, a bad cable.

    mtu.py VIADUCT PART       black_holes, told, healthy
    mtu.py VIADUCT poor N     a healthy but poor path, walked N times: how often it was called what, and
                              where a capture says otherwise

Asserted are verdict and stage, that the MTU named is the hop's, and that `viaduct read` says the same
of what tcpdump saw meanwhile."""
import collections
import concurrent.futures
import contextlib
import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.dirname(os.path.abspath(__file__))]
import lab  # noqa: E402
import tcpdump  # noqa: E402
from viaduct import PLAIN, Broken, Tap, records, run  # noqa: E402

HTTP, HTTPS, LONG = "http", "https", "long"
URLS = {HTTP: f"http://{lab.ORIGIN}/50000", HTTPS: f"https://{lab.ORIGIN}/",
        LONG: f"http://{lab.ORIGIN}/5000?{'q' * 3000}", "far": f"https://{lab.FAR}/",
        "far-up": f"https://{lab.FAR_UP}/"}
GOOD = ("ok", "lossy", "slow")
POOR = "--delay 150 --loss 2 --reorder 5 --rate 40000 --seed 7"


class Case:
    """proxy, way and url; what it must come to (stage: where it breaks, or a choice of that). up, down: the MTU named that way; None: that nothing is
    too large; False: nothing is asserted."""

    def __init__(self, proxy, way, url, verdict, stage, up=False, down=False, v6=False, words=(),
                 agrees=True, cause=""):
        self.proxy, self.way, self.url, self.verdict = proxy, way, url, verdict
        self.stages = stage if isinstance(stage, tuple) else (stage,)
        self.mtu, self.v6, self.words = {"up": up, "down": down}, v6, words
        self.agrees, self.cause = agrees, cause

    def name(self):
        return " ".join((*self.words, self.proxy, self.url, "IPv6" if self.v6 else "IPv4",
                         f"up {self.way.up or 1500} down {self.way.down or 1500}:", self.verdict))

    def arguments(self, world):
        return ["check", *self.words, "--json", "--wait", "5", "--ca", world.pki.path("ca.pem"), "-x",
                self.way.at(self.proxy, self.v6), URLS[self.url]]

    def faults(self, r, status):
        ended = r["stages"][-1]
        broke = ended["stage"] if ended["result"] == "failed" else None
        if r["verdict"] != self.verdict or broke not in self.stages:
            yield f"{r['verdict']} at {broke}, not {self.verdict} at {self.stages}"
        if status != (0 if self.verdict in GOOD else 1):
            yield f"exit status {status}"
        measured = r.get("probe", {}).get("mtu", {})
        for way, wanted in self.mtu.items():
            if wanted is not False and measured.get(way, {}).get("mtu") != wanted:
                yield f"{way}: {measured.get(way)}, not {wanted}"
        if self.cause not in " ".join(r.get("cause", [])):
            yield f"not because {self.cause}"
        if self.verdict == "mtu-black-hole" and not any(
                f"MTU is {m}" in r["summary"] for m in self.mtu.values()):
            yield f"the MTU is not named: {r['summary']}"


def walk(world, case):
    done = subprocess.run([world.program, *case.arguments(world)], capture_output=True, text=True,
                          timeout=100, check=False, env={**os.environ, **PLAIN})
    if done.returncode not in (0, 1) or "Sanitizer" in done.stderr:
        raise Broken(f"exit status {done.returncode}: {done.stderr}")
    return records(done.stdout)[0], done.returncode


class Capture:
    """All that passes at the client, for `viaduct read`."""

    def __init__(self, stack, folder):
        self.dump = stack.enter_context(tcpdump.Tcpdump(os.path.join(folder, "client.pcap"),
                                                        "tcp or icmp or icmp6", "eth0", lab.ROUTER))

    def all(self, program):
        self.dump.stop()
        return records(run(program, ["read", "--json", self.dump.path])[1])

    def read(self, program):
        """The exchanges by proxy and client, the first of each connection: to two proxies at once the kernel
        may give one port."""
        found = {}
        for r in self.all(program):
            found.setdefault((r.get("proxy"), r["client"]), r)
        return found


def shown(case, r):
    """What of it a capture shows: of a request inside of a tunnel the tunnel."""
    inside = r.get("method") != "CONNECT" and URLS[case.url].startswith("https:")
    return {**r, "target": URLS[case.url].split("/")[2] + ":443"} if inside else r


def agree(case, r, seen):
    """The same verdict, stage and target in the capture."""
    of_it, r = seen.get((r.get("proxy"), r.get("client"))), shown(case, r)
    if not of_it:
        return [f"{r.get('client')} is not in the capture"]
    good = r["verdict"] in GOOD and of_it["verdict"] in GOOD   # which of them is a matter of milliseconds
    return [f"{k}: check says {r.get(k)}, read {of_it.get(k)}: {of_it['summary']}"
            for k in (("target",) if good else ("verdict", "stage", "target")) if r.get(k) != of_it.get(k)]


def silent_cases():
    """Routers that tell nobody."""
    free, both = lab.Way(10), {m: lab.Way(20 + i, m, m) for i, m in enumerate((1300, 1380, 1492))}
    down, up, each = lab.Way(30, 0, 1400), lab.Way(31, 1400, 0), lab.Way(32, 1340, 1420)
    hole, head = "mtu-black-hole", ("proxy", "download")   # the head may come in a segment of its own
    cases = [Case("viaduct", free, HTTPS, "ok", None, None, None, words=("mtu",)),
             Case("squid", both[1300], HTTPS, hole, "tls", 1300, 1300),
             Case("tinyproxy", both[1380], HTTPS, hole, "tls", 1380, 1380),
             Case("viaduct", both[1492], HTTPS, hole, "tls", 1492, 1492),
             Case("squid", both[1492], HTTPS, hole, "tls", 1492, 1492, v6=True),
             Case("tinyproxy", both[1300], HTTPS, hole, "tls", 1300, 1300, v6=True),
             Case("viaduct", both[1380], HTTPS, hole, "tls", 1380, 1380, v6=True),
             Case("squid", both[1380], HTTP, hole, head, 1380, 1380),
             Case("tinyproxy", both[1492], HTTP, hole, head, 1492, 1492),
             Case("viaduct", both[1300], HTTP, hole, head, 1300, 1300),
             Case("viaduct", down, HTTPS, hole, "tls", None, 1400),
             Case("squid", up, LONG, hole, "proxy", 1400, None),
             Case("squid", up, HTTPS, hole, None, 1400, None, words=("mtu",), agrees=False),
             Case("squid", each, HTTPS, hole, "tls", 1340, 1420),
             Case("viaduct", free, "far", "tls-silent", "tls", None, None),
             Case("squid", up, HTTPS, "tls-silent", None, words=("tls",), agrees=False,
                  cause="never acknowledged"),
             Case("tinyproxy", free, "far-up", "tls-silent", None, words=("tls",), agrees=False,
                  cause="between the proxy and the origin"),
             Case("viaduct", free, HTTPS, "ok", None, words=("tls",), agrees=False)]
    return [free, *both.values(), down, up, each], cases[::-1]   # those that take longest first


def judge_all(program, tap, world, cases):
    cases = [c for c in cases if c.proxy in world.makes]
    with contextlib.ExitStack() as stack:
        capture = Capture(stack, world.folder) if tcpdump.PROGRAM else None
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            waiting = [(c, pool.submit(walk, world, c)) for c in cases]
        results = [(c, f.result()) for c, f in waiting]
        seen = capture.read(program) if capture else {}
    for case, (r, status) in results:
        tap.case(case.name(), [f"{f}: {r}" for f in case.faults(r, status)])
        if capture and case.agrees:
            tap.case(f"read says the same: {case.name()}", agree(case, r, seen))


def black_holes(program, tap):
    ways, cases = silent_cases()
    with contextlib.ExitStack() as stack:
        world = lab.Lab(stack, program, ways, silent=True)
        world.narrow_far(1300)
        judge_all(program, tap, world, cases)


def told(program, tap):
    """Routers that say it: all goes well, since the ends adapt."""
    ways = [lab.Way(10 + i, m, m) for i, m in enumerate((1300, 1380, 1492))]
    cases = [Case(proxy, way, url, "ok", None, v6=v6)
             for proxy, way in zip(("squid", "tinyproxy", "viaduct"), ways)
             for url in (HTTP, HTTPS, LONG) for v6 in (False, True)]
    with contextlib.ExitStack() as stack:
        judge_all(program, tap, lab.Lab(stack, program, ways), cases)


def poor(program, count, capturing=False):
    """Verdicts over a path that is poor and healthy; where a capture of it, read, says otherwise."""
    way, found = lab.Way(10), collections.Counter()
    with contextlib.ExitStack() as stack:
        world = lab.Lab(stack, program, [way], cable=POOR)
        capture = Capture(stack, world.folder) if capturing else None
        cases = [Case(world.makes[i % len(world.makes)], way, HTTPS if i % 2 else HTTP, "ok", None)
                 for i in range(count)]
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            walks = list(zip(cases, pool.map(lambda c: walk(world, c), cases)))
        seen = capture.read(program) if capture else {}
    for case, (r, _) in walks:
        found[r["verdict"]] += 1
        if r["verdict"] not in GOOD:
            print(case.proxy, case.url, r, file=sys.stderr)
    return found, [w for case, (r, _) in walks for w in (agree(case, r, seen) if capture else [])]


def healthy(program, tap):
    capturing = bool(tcpdump.PROGRAM)
    found, disagree = poor(program, 6, capturing)
    tap.case("2 % loss, 300 ms, reordering, 40 kB/s: no failure",
             [] if set(found) <= set(GOOD) else [dict(found)])
    if capturing:
        tap.case("read says the same: 2 % loss, 300 ms, reordering, 40 kB/s", disagree)


def inside(program, part, *words):
    if part == "poor":
        found, disagree = poor(program, int(words[0]), bool(tcpdump.PROGRAM))
        print(dict(found), *disagree, sep="\n")
        return 0
    tap = Tap()
    {f.__name__: f for f in (black_holes, told, healthy)}[part](program, tap)
    return tap.done()


def main(program, *words):
    if words[:1] == ("--inside",):
        return inside(program, *words[1:])
    return lab.enter(__file__, program, *words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
