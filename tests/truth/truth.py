#!/usr/bin/env python3
"""Generated captures: every connection gets the verdict that the generator meant, and no other.

    truth.py VIADUCT CAPGEN

The generator (bench/capgen.c) writes the truth beside each capture, a line a connection. Held to
it are each exchange, by its client's address, and the counts of `read --summary --json`. A
connection of kind auth-ok holds one exchange more, the 407 that it answered: `challenged`. The
records are the same however many threads read, and the memory is bounded where connections end
all at once.
"""
import collections
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import Broken, Tap, records, run  # noqa: E402

# name: arguments of capgen. Each has another seed, since times and sizes come from it.
CAPTURES = {
    "the mix": ["-n", "3000", "-s", "1"],
    "the mix, nanoseconds": ["-n", "1000", "-s", "2", "-f", "ns"],
    "the mix, big-endian": ["-n", "1000", "-s", "3", "-f", "be"],
    "mostly short": ["-n", "4000", "-m", "short", "-b", "300", "-r", "4000", "-s", "4"],
    "large downloads": ["-n", "120", "-b", "400000", "-s", "5"],
    "all live at once": ["-n", "1000", "-k", "t-stall", "-r", "1000", "-s", "6"],
    # more connections that wait for a last packet than are kept waiting
    "more than can wait": ["-n", "60000", "-m", "short", "-b", "300", "-r", "4000", "-s", "7"],
}


def meant(path):
    """{client: (kind, proxy, verdict)} from the truth file."""
    with open(path, encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return {client: (kind, proxy, verdict) for _, kind, verdict, client, proxy, _ in rows}


def exchanges(program, capture, truth):
    """What is wrong with the exchanges, each beside its truth; at most a handful."""
    status, out, _ = run(program, ["read", "--json", capture])
    found = collections.defaultdict(list)
    for record in records(out):
        found[record["client"]].append(record)
    wrong = [f"{client}: a connection that was never made" for client in set(found) - set(truth)]
    for client, (kind, proxy, verdict) in truth.items():
        want = ["challenged", verdict] if kind == "auth-ok" else [verdict]
        got = [r["verdict"] for r in found.get(client, [])]
        if got != want:
            wrong.append(f"{client}: {kind}: {got} is not {want}: "
                         f"{[r['summary'] for r in found.get(client, [])]}")
        elif any(r["proxy"] != proxy for r in found[client]):
            wrong.append(f"{client}: the proxy is {proxy}, not {found[client][0]['proxy']}")
    if status not in (0, 1):
        wrong.append(f"exit status {status}")
    return wrong[:8] + ([f"... {len(wrong)} in all"] if len(wrong) > 8 else [])


def counts(program, capture, truth):
    """What is wrong with the counts of the summary."""
    want = collections.Counter(verdict for _, _, verdict in truth.values())
    want["challenged"] += sum(kind == "auth-ok" for kind, _, _ in truth.values())
    _, out, _ = run(program, ["read", "--summary", "--json", capture])
    try:
        summary = json.loads(out)
        got = collections.Counter(summary["verdicts"])
        want["connections"], got["connections"] = len(truth), summary["connections"]
    except (ValueError, KeyError, TypeError) as error:
        return [f"no summary with verdicts: {error}: {out[:300]}"]
    return [f"{v}: {got[v]}, not {want[v]}" for v in sorted(want | got) if got[v] != want[v]]


def threads(program, capture, _):
    """By how many threads the records are others than by one."""
    one = run(program, ["read", "--json", "--threads", "1", capture])
    return [f"{count} threads say something else" for count in "234"
            if run(program, ["read", "--json", "--threads", count, capture]) != one]


def peak(command):
    """The most memory that the command took, in MiB; no less than what this process has: a child
    begins with that."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise Broken(f"exit status {child.returncode}")
    return usage.ru_maxrss / 1024


def is_sanitized(program):
    with open(program, "rb") as file:
        return b"__asan_init" in file.read()


def memory(program, capgen, capture, tap):
    """50,000 connections that nobody answered, all open until the end; one of them takes 300 bytes
    while it is only noted, several thousand when what it shows is told."""
    subprocess.run([capgen, "-o", capture, "-k", "unreachable", "-n", "50000", "-r", "50000"],
                   check=True, stdout=subprocess.DEVNULL)
    for arguments in (["--summary"], ["--json"]):
        name = f"50,000 live connections: memory of {arguments[0]}"
        if is_sanitized(program):
            tap.skip(name, "a sanitizer takes more")
            continue
        most = peak([program, "read", *arguments, "--threads", "1", capture])
        tap.case(name, [] if most < 56 else [f"{most:.0f} MiB"])


def main():
    program, capgen = sys.argv[1:]
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        capture, truth = os.path.join(folder, "c.pcap"), os.path.join(folder, "truth.tsv")
        try:
            memory(program, capgen, capture, tap)
        except Broken as error:
            tap.case("50,000 live connections", [error])
        for name, arguments in CAPTURES.items():
            subprocess.run([capgen, "-o", capture, "-t", truth, *arguments], check=True,
                           stdout=subprocess.DEVNULL)
            known = meant(truth)
            for what, check in ((f"{name}: exchanges", exchanges), (f"{name}: counts", counts),
                                (f"{name}: threads", threads)):
                try:
                    tap.case(what, check(program, capture, known))
                except (Broken, KeyError) as error:
                    tap.case(what, [f"{type(error).__name__}: {error}"])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
