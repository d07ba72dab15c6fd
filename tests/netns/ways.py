#!/usr/bin/env python3
"""viaduct check over routers: a NAT that forgets connections that are quiet, and tells nobody; a proxy's name
with several addresses, of which some are dead, each in its own way; who says that there is none.

    ways.py VIADUCT

Both in one lab, side by side. Of the NAT a capture is read, too."""
import concurrent.futures
import contextlib
import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.dirname(os.path.abspath(__file__))]
import lab  # noqa: E402
import tcpdump  # noqa: E402
from mtu import Capture  # noqa: E402
from viaduct import PLAIN, Broken, Tap, records  # noqa: E402

FORGETS = 3
NAME, SOUND = "proxy.lab", lab.Way(10)
REFUSES = "10.77.1.1"        # a router: nobody listens there
SILENT = "10.77.3.200"       # the way there ends at the first router, which tells nobody
UNREACHABLE = "10.77.3.201"  # the client itself knows that there is no way
HOSTS = "".join(f"{address} {NAME}\n" for address in (SILENT, REFUSES, UNREACHABLE, SOUND.v4, SOUND.v6))


def check(world, *words):
    done = subprocess.run([world.program, "check", "--json", "--ca", world.pki.path("ca.pem"), *words],
                          capture_output=True, text=True, timeout=100, check=False, env={**os.environ, **PLAIN})
    if done.returncode not in (0, 1) or "Sanitizer" in done.stderr:
        raise Broken(f"exit status {done.returncode}: {done.stderr}")
    return records(done.stdout)[0]


# ---- several addresses ------------------------------------------------------------------------

def several(world, make, url):
    """The walk comes through by one that is sound; asked for, each is told by how it is dead."""
    port = lab.PORTS[make]
    r = check(world, "path", "--wait", "3", "-x", f"{NAME}:{port}", url)
    doors = {d["address"]: (d["reach"], d.get("status")) for d in r.get("probe", {}).get("path", {}).get("addresses", ())}
    wanted = {f"{REFUSES}:{port}": ("refused", None), f"{SILENT}:{port}": ("unanswered", None),
              f"{UNREACHABLE}:{port}": ("unreachable", None), f"{SOUND.v4}:{port}": ("connected", 200),
              f"[{SOUND.v6}]:{port}": ("connected", 200)}
    wrong = [] if r["verdict"] == "ok" else [f"{r['verdict']}, not ok"]
    if r["proxy"] not in (f"{SOUND.v4}:{port}", f"[{SOUND.v6}]:{port}"):
        wrong.append(f"it went by {r['proxy']}")
    wrong += [f"{a}: {doors.get(a)}, not {w}" for a, w in wanted.items() if doors.get(a) != w]
    return wrong + [f"{a}: who is that?" for a in doors if a not in wanted]


def all_dead(world):
    """None is sound: what one of them answered counts for more than silence."""
    r = check(world, "--wait", "3", "-x", f"dead.{NAME}:3127", f"http://{lab.ORIGIN}/")
    ended = r["stages"][-1]
    return [] if (ended["stage"], ended["result"], r["verdict"]) == ("tcp", "failed", "proxy-refused") else [r]


# ---- who says that there is no way ------------------------------------------------------------

# Where the proxy is said to be; what becomes of the way there: at the first router, or in the client itself; what is
# said of it, and the cause.
NO_WAYS = (
    ("a router forbids it", "10.77.3.202", "r1", "route add prohibit 10.77.3.202/32",
     "10.77.1.1 answered the SYN with ICMP administratively prohibited", "firewall on the way"),
    ("a router forbids it, IPv6", "[fd77:3::ca]", "r1", "-6 route add prohibit fd77:3::ca/128",
     "fd77:1::1 answered the SYN with ICMP administratively prohibited", "firewall on the way"),
    ("a router finds no host", "10.77.3.203", "r1", "route add unreachable 10.77.3.203/32",
     "10.77.1.1 answered the SYN with ICMP host unreachable", "host is down"),
    ("the client forbids it", "10.77.3.204", None, "route add prohibit 10.77.3.204/32", "not permitted",
     "this host itself forbids it"),
    ("nobody has the address", "10.77.1.77", None, "neighbour flush dev eth0 nud failed", "nobody answers for its address",
     "host is down"),
)


def no_way(world, host, said, cause):
    """The evidence names who said it; what is to be done, is done there."""
    r = check(world, "--wait", "8", "-x", f"{host}:3127", f"http://{lab.ORIGIN}/")
    wrong = [] if r["verdict"] == "proxy-unreachable" else [f"{r['verdict']}, not proxy-unreachable"]
    wrong += [] if said in r["summary"] else [f"it is not said that {said}"]
    wrong += [] if any(cause in c for c in r["cause"]) else [f"not because {cause}: {r['cause']}"]
    return [f"{w}: {r['summary']}" for w in wrong]


def no_resolver(world):
    """Whoever asks nobody knows nothing of the name."""
    r = check(world, "-x", "elsewhere.lab:3127", f"http://{lab.ORIGIN}/")
    wrong = [] if r["verdict"] == "proxy-unresolved" else [f"{r['verdict']}, not proxy-unresolved"]
    return wrong + ([] if "DNS servers that this host asks" in r["cause"][0] else [r["cause"]])


# ---- a NAT that forgets -----------------------------------------------------------------------

def quiet(world, make, idle, verdict, then):
    """How long a tunnel is held, and what comes of what is then said in it."""
    r = check(world, "idle", f"--idle={idle}", "--wait", "6", "-x", SOUND.at(make), f"https://{lab.ORIGIN}/")
    found = r.get("probe", {}).get("idle", {})
    wrong = [] if r["verdict"] == verdict else [f"{r['verdict']}, not {verdict}"]
    if (found.get("end"), found.get("then")) != ("held", then):
        wrong.append(f"{found}, not held and {then}")
    if verdict != "ok" and "forgot" not in r["cause"][0] and "dropped" not in r["cause"][0]:
        wrong.append(f"not because it was forgotten: {r['cause']}")
    return [f"{w}: {r['summary']}" for w in wrong]


def forgotten_in(seen, world):
    """In the capture there is, through each proxy, one tunnel that stalled, and else none that failed."""
    found = {}
    for r in seen:
        if r["severity"] == "failure":
            found.setdefault(r["proxy"], []).append((r["verdict"], r.get("stage"), r.get("target")))
    wanted = {SOUND.at(m): [("transfer-stalled", "transfer", f"{lab.ORIGIN}:443")] for m in world.makes}
    return [f"{p}: {found.get(p)}, not {w}" for p, w in wanted.items() if found.get(p) != w]


# ---- both -------------------------------------------------------------------------------------

def inside(program):
    tap = Tap()
    with contextlib.ExitStack() as stack:
        world = lab.Lab(stack, program, [SOUND], cable=f"--forget {FORGETS}")
        world.ip(world.r1, f"route add blackhole {SILENT}/32")
        world.ip(None, f"route add unreachable {UNREACHABLE}/32")
        for _, _, where, words, *_ in NO_WAYS:
            world.ip(where and getattr(world, where), words)
        dead = "".join(f"{address} dead.{NAME}\n" for address in (SILENT, REFUSES, UNREACHABLE))
        asked = "nameserver 127.0.0.1\n"   # where nobody is
        for name, text in (("hosts", HOSTS + dead), ("resolv.conf", asked)):
            subprocess.run(["mount", "--bind", world.file(name, text), "/etc/" + name], check=True)
        capture = Capture(stack, world.folder) if tcpdump.PROGRAM else None
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            jobs = [(f"forgotten after {FORGETS} s, {m}",
                     pool.submit(quiet, world, m, FORGETS + 2, "transfer-stalled", "unanswered")) for m in world.makes]
            jobs += [(f"not yet forgotten, {m}", pool.submit(quiet, world, m, 1, "ok", "answered"))
                     for m in world.makes]
            jobs += [(f"several addresses, {m}, {url.partition(':')[0]}", pool.submit(several, world, m, url))
                     for m, url in zip(world.makes, (f"http://{lab.ORIGIN}/", f"https://{lab.ORIGIN}/",
                                                     f"http://{lab.ORIGIN}/"))]
            jobs += [(name, pool.submit(no_way, world, host, *says)) for name, host, _, _, *says in NO_WAYS]
            jobs.append(("no DNS server answers", pool.submit(no_resolver, world)))
            jobs.append(("several addresses, none of them sound", pool.submit(all_dead, world)))
        for name, job in jobs:
            tap.case(name, job.result())
        if capture:
            seen = [r for r in capture.all(program) if r.get("target") == f"{lab.ORIGIN}:443"]
            tap.case("read of a capture sees what was forgotten", forgotten_in(seen, world))
    return tap.done()


def main(program, *words):
    return inside(program) if words else lab.enter(__file__, program)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
