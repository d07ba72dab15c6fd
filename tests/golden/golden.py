#!/usr/bin/env python3
"""Capture in, text out, compared whole.

    golden.py VIADUCT             compares; one line of TAP a case
    golden.py --rewrite VIADUCT   writes every expected output anew; review the diff like code

table.tsv has a line a case: a name and the arguments, with a tab between. `*` in the name stands
for each capture that the argument with the `*` finds. Names are files below tests/golden, with
`.out` behind; they hold standard output, then standard error, the exit status, and each file that
was written to `{out}`. Captures are named from tests/captures (lab/...) or, for those that
others made (public/...) and the article (seed/...), from where they lie; where those are absent,
their cases are skipped.
"""
import difflib
import glob
import os
import shlex
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import CAPTURES, SHARED, Broken, Tap, run  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PLACES = {"lab": CAPTURES, "text": os.path.dirname(HERE)}
OTHERS = {"public": os.path.join(SHARED, "captures"), "seed": SHARED}


def table():
    """(name, arguments, directory to run in) of each case; no arguments: nothing is there."""
    with open(os.path.join(HERE, "table.tsv"), encoding="utf-8") as lines:
        cases = [line.rstrip("\n").partition("\t") for line in lines
                 if line.strip() and not line.startswith("#")]
    for name, _, rest in cases:
        words = shlex.split(rest)
        kinds = {w.split("/")[0] for w in words if "/" in w}
        place = next((p for k, p in {**PLACES, **OTHERS}.items() if k in kinds), CAPTURES)
        if "*" not in name:
            yield name, words, place
            continue
        star = next(w for w in words if "*" in w)
        paths = sorted(glob.glob(os.path.join(place, star)))
        for path in paths:
            path = os.path.relpath(path, place)
            yield (name.replace("*", os.path.basename(path)),
                   [path if w == star else w for w in words], place)
        if not paths:
            yield name, None if kinds & set(OTHERS) else words, place


def answer(program, words, place):
    """All that the program said and wrote, as one text."""
    with tempfile.TemporaryDirectory() as out:
        status, said, complained = run(program, [w.replace("{out}", out) for w in words], place)
        text = said
        if complained:
            text += "== standard error\n" + complained.replace(out, "{out}")
        text += f"== exit status {status}\n"
        for folder, _, names in sorted(os.walk(out)):
            for name in sorted(names):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    data = file.read()
                text += f"== {os.path.relpath(path, out)}\n"
                text += data.hex("\n", 32) + "\n" if b"\0" in data else data.decode("utf-8")
    return text


def main():
    rewrite = "--rewrite" in sys.argv
    program = [a for a in sys.argv[1:] if a != "--rewrite"][0]
    tap, seen, absent = Tap(), set(), False
    for name, words, place in table():
        path = os.path.join(HERE, name + ".out")
        seen.add(path)
        if words is None:
            absent = True
            tap.skip(name, "the captures are not there")
            continue
        complaints = []
        try:
            now = answer(program, words, place)
            if rewrite:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(now)
            else:
                with open(path, encoding="utf-8") as file:
                    then = file.read()
                complaints = list(difflib.unified_diff(
                    then.splitlines(), now.splitlines(), name + ".out", "now", lineterm="", n=1))
        except (Broken, OSError, UnicodeError) as error:
            complaints = [f"{' '.join(words)}: {error}"]
        tap.case(name, complaints)
    if not absent:
        stale = set(glob.glob(os.path.join(HERE, "**", "*.out"), recursive=True)) - seen
        if rewrite:
            for path in stale:
                os.unlink(path)
        else:
            tap.case("no output without a case", [os.path.relpath(p, HERE) for p in sorted(stale)])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
