"""Captures as text: what tcpdump and tshark print of the lab's captures leads to no wrong verdict.

    text.py VIADUCT [NAME.pcap]...

Text says less than packets do, so less may come of it: `unclear`, `open`, no failure, or nothing
at all. What it must never lead to is a failure that the packets do not show.

Then with one line in twenty left out, as texts lose lines on their way into a ticket. Now and then
a text remains that tells a story of its own; so seldom, and no more.
"""
import csv
import functools
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import CAPTURES, Broken, Tap, records, run  # noqa: E402

LAB = os.path.join(CAPTURES, "lab")
# What prints a capture, and of how many captures it shows enough for their own verdict: half of
# what it is at this writing, so that the test cannot pass by reading nothing.
PRINTERS = [(["tcpdump", "-nn", "-A"], 30), (["tcpdump", "-nn", "-X"], 46),
            (["tcpdump", "-nn", "-tttt", "-v"], 8), (["tcpdump", "-nn"], 6),
            (["tshark"], 29), (["tshark", "-P", "-V"], 35)]

LOST, SEEDS, SELDOM = 0.05, 3, 0.01

# The program's exit status: 2 is "nothing in it looks like packets".
NOTHING = 2


def lab():
    """(capture, [verdicts]) of the manifest."""
    with open(os.path.join(LAB, "MANIFEST.tsv"), encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["file"], row["verdict"].split("|")


@functools.cache
def printed(printer, path):
    # Some captures are cut short on purpose: what is printed of them counts, not the exit status.
    return subprocess.run(printer + ("-r", path), check=False, capture_output=True, timeout=120,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}).stdout


def judged(program, text):
    """The records of what was printed of a capture."""
    status, out, err = run(program, ["read", "--json", "-"], stdin=text)
    if status == NOTHING and "nothing in it looks like" not in err and "is empty" not in err:
        raise Broken(f"exit status 2: {err}")
    return records(out)


def with_lines_lost(text, seed):
    chance = random.Random(seed)
    return b"".join(line for line in text.splitlines(True) if chance.random() >= LOST)


def wrong(found, wanted):
    """Failures that the capture does not show."""
    return [f"{r['verdict']}, want {'|'.join(wanted)}: {r['client']} {r['summary']}" for r in found
            if r["severity"] == "failure" and r["verdict"] not in wanted]


def wanted_of(program, capture, wanted):
    if wanted != ["mixed"]:
        return wanted
    # several connections: what the packets say of them
    found = records(run(program, ["read", "--json", os.path.join(LAB, capture)])[1])
    return [r["verdict"] for r in found]


def compare(program, printer, captures):
    """([complaints], how many captures had their own verdict)"""
    complaints, right = [], 0
    for capture, wanted in captures:
        try:
            wanted = wanted_of(program, capture, wanted)
            found = judged(program, printed(printer, os.path.join(LAB, capture)))
        except (Broken, KeyError, subprocess.TimeoutExpired) as error:
            complaints.append(f"{capture}: {type(error).__name__}: {error}")
            continue
        complaints += [f"{capture}: {c}" for c in wrong(found, wanted)]
        right += any(r["verdict"] in wanted for r in found)
    return complaints, right


def compare_damaged(program, printers, captures):
    """([what was wrong], of how many texts)"""
    complaints, count = [], 0
    for capture, wanted in captures:
        wanted = wanted_of(program, capture, wanted)
        for printer in printers:
            text = printed(printer, os.path.join(LAB, capture))
            for seed in range(SEEDS):
                name = f"{' '.join(printer)} {capture} {seed}"
                found = judged(program, with_lines_lost(text, name))
                count += 1
                complaints += [f"{name}: {c}" for c in wrong(found, wanted)[:1]]
    return complaints, count


def main():
    program, *names = sys.argv[1:]
    captures, tap = [c for c in lab() if not names or c[0] in names], Tap()
    printers = [(tuple(printer), least) for printer, least in PRINTERS]
    for printer, least in printers:
        name = " ".join(printer)
        if not shutil.which(printer[0]):
            tap.skip(name, f"there is no {printer[0]}")
            continue
        complaints, right = compare(program, printer, captures)
        if right < least and not names:
            complaints.append(f"{right} captures had their own verdict, want {least} at least")
        tap.case(f"{name} ({right} of {len(captures)} as the packets)", complaints)
    complaints, count = compare_damaged(program, [p for p, _ in printers if shutil.which(p[0])], captures)
    bad = f"{len(complaints)} of {count}"
    tap.case(f"lines left out ({bad} wrong)", complaints if len(complaints) > count * SELDOM else ())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
