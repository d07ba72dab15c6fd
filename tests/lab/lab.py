#!/usr/bin/env python3
"""Each capture of the lab gets the verdict that its manifest names, and no other failure.

    lab.py VIADUCT [CAPTURES]

CAPTURES is a directory with a MANIFEST.tsv: columns `file` and `verdict`, where `a|b` takes
either and `mixed` wants all of MIXED. Beyond the verdict each record is held to the contract of
doc/exchange.md, and the exit status to what was said. One line of TAP a capture.
"""
import csv
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import CAPTURES, Broken, Tap, records, run  # noqa: E402

MIXED = {"ok", "denied", "auth-required", "proxy-refused", "transfer-truncated"}

# The capture is broken, and is read up to the break: what was found and status 2.
BROKEN = {"derived-broken-file.pcap"}

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(\d{3})?Z$")
PEER = re.compile(r"(\d+(\.\d+){3}|\[[0-9a-f:.]+\]):\d+$")

# member: what it has to look like. Those of MUST are in every record.
MUST = {
    "v": lambda x: x == 1,
    "id": lambda x: isinstance(x, str) and x,
    "source": lambda x: x == "capture",
    "verdict": lambda x: re.fullmatch(r"[a-z]+(-[a-z]+)*", x),
    "severity": lambda x: x in ("ok", "warning", "failure"),
    "confidence": lambda x: x in ("high", "medium", "low"),
    "summary": lambda x: isinstance(x, str) and x.strip(),
    "client": PEER.match,
    "proxy": PEER.match,
    "start": TIME.match,
    "first_frame": lambda x: isinstance(x, int) and x > 0,
    "frames": lambda x: isinstance(x, int) and x > 0,
}
MAY = {
    "stage": lambda x: x in ("settings", "dns", "connect", "request", "tls", "transfer"),
    "evidence": lambda x: isinstance(x, list) and all(e.get("what") for e in x),
    "cause": lambda x: isinstance(x, list) and all(isinstance(c, str) and c for c in x),
    "remedy": lambda x: isinstance(x, list) and all(isinstance(r, str) and r for r in x),
    "status": lambda x: isinstance(x, int) and 100 <= x <= 999,
    "closed_by": lambda x: x in ("client", "proxy", "nobody"),
    "close": lambda x: x in ("fin", "rst", "timeout", "none"),
    "answered_by": lambda x: x in ("proxy", "parent", "inspection", "origin"),
    "request_frame": lambda x: isinstance(x, int) and x > 0,
    "response_frame": lambda x: isinstance(x, int) and x > 0,
    "mss_client": lambda x: isinstance(x, int) and 0 < x < 65536,
    "mss_proxy": lambda x: isinstance(x, int) and 0 < x < 65536,
}
NUMBERS = re.compile(r"(_ms|^bytes_(up|down)|^retrans_(up|down))$")


def form(record):
    """What is wrong with one record by itself."""
    who = record.get("id", "?")
    for member, good in MUST.items():
        if member not in record:
            yield f"{who}: no {member}"
        elif not good(record[member]):
            yield f"{who}: {member} is {record[member]!r}"
    for member, value in record.items():
        if value is None:
            yield f"{who}: {member} is null; what is not known is left out"
        elif member in MAY and not MAY[member](value):
            yield f"{who}: {member} is {value!r}"
        elif NUMBERS.search(member) and (not isinstance(value, (int, float)) or value < 0):
            yield f"{who}: {member} is {value!r}"
    if record.get("severity") == "failure":
        for member in ("stage", "evidence", "cause", "remedy"):
            if not record.get(member):
                yield f"{who}: a failure without {member}"
    if "s3cr;et" in str(record):
        yield f"{who}: a secret is in it"


def judge(want, name, status, found):
    """What is wrong with the whole answer."""
    wanted = MIXED if want == "mixed" else set(want.split("|"))
    verdicts = [r.get("verdict") for r in found]
    if want == "mixed" and not wanted <= set(verdicts):
        yield f"missing: {', '.join(sorted(wanted - set(verdicts)))}; there is {verdicts}"
    elif not wanted & set(verdicts):
        yield f"no exchange is {want}; there is {verdicts}"
    for record in found:
        if record.get("severity") == "failure" and record.get("verdict") not in wanted:
            yield f"another failure: {record.get('verdict')}: {record.get('summary')}"
    ids = [r.get("id") for r in found]
    if len(set(ids)) != len(ids):
        yield f"ids are not unique: {ids}"
    starts = [r.get("start", "") for r in found]
    if starts != sorted(starts):
        yield f"not in order of start: {starts}"
    failed = any(r.get("severity") == "failure" for r in found)
    code = 2 if name in BROKEN else 1 if failed else 0
    if status != code:
        yield f"exit status {status}, not {code}"


def main():
    program = sys.argv[1]
    captures = sys.argv[2] if len(sys.argv) > 2 else os.path.join(CAPTURES, "lab")
    tap = Tap()
    with open(os.path.join(captures, "MANIFEST.tsv"), encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        name, complaints = row["file"], []
        try:
            status, out, err = run(program, ["read", "--json", os.path.join(captures, name)])
            found = records(out)
            complaints += judge(row["verdict"], name, status, found)
            for record in found:
                complaints += form(record)
            if name in BROKEN and os.path.basename(name) not in err:
                complaints.append("the break is not reported with the file's name")
            if complaints and err:
                complaints.append(f"it said: {err[-1000:]}")
        except Broken as error:
            complaints.append(error)
        tap.case(f"{name}: {row['verdict']}", complaints)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
