"""Captures as text: what tcpdump and tshark print of the lab's captures leads to no wrong verdict.

    text.py VIADUCT [NAME.pcap]...

Text says less than packets do, so less may come of it: `unclear`, `open`, no failure, or nothing
at all. What it must never lead to is a failure that the packets do not show.
"""
import csv
import os
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

# The program's exit status: 2 is "nothing in it looks like packets".
NOTHING = 2


def lab():
    """(capture, [verdicts]) of the manifest."""
    with open(os.path.join(LAB, "MANIFEST.tsv"), encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["file"], row["verdict"].split("|")


def judged(program, printer, path):
    """The records of what the printer prints of the capture."""
    # Some captures are cut short on purpose: what is printed of them counts, not the exit status.
    printed = subprocess.run([*printer, "-r", path], check=False, capture_output=True, timeout=120,
                             env={**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}).stdout
    status, out, err = run(program, ["read", "--json", "-"], stdin=printed)
    if status == NOTHING and "nothing in it looks like" not in err:
        raise Broken(f"exit status 2: {err}")
    return records(out)


def wrong(found, wanted):
    """Failures that the capture does not show."""
    return [f"{r['verdict']}, want {'|'.join(wanted)}: {r['client']} {r['summary']}" for r in found
            if r["severity"] == "failure" and r["verdict"] not in wanted]


def compare(program, printer, captures):
    """([complaints], how many captures had their own verdict)"""
    complaints, right = [], 0
    for capture, wanted in captures:
        path = os.path.join(LAB, capture)
        try:
            if wanted == ["mixed"]:   # several connections: what the packets say of them
                wanted = [r["verdict"] for r in records(run(program, ["read", "--json", path])[1])]
            found = judged(program, printer, path)
        except (Broken, KeyError, subprocess.TimeoutExpired) as error:
            complaints.append(f"{capture}: {type(error).__name__}: {error}")
            continue
        complaints += [f"{capture}: {c}" for c in wrong(found, wanted)]
        right += any(r["verdict"] in wanted for r in found)
    return complaints, right


def main():
    program, *names = sys.argv[1:]
    captures, tap = [c for c in lab() if not names or c[0] in names], Tap()
    for printer, least in PRINTERS:
        name = " ".join(printer)
        if not shutil.which(printer[0]):
            tap.skip(name, f"there is no {printer[0]}")
            continue
        complaints, right = compare(program, printer, captures)
        if right < least and not names:
            complaints.append(f"{right} captures had their own verdict, want {least} at least")
        tap.case(f"{name} ({right} of {len(captures)} as the packets)", complaints)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
