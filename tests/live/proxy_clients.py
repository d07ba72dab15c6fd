#!/usr/bin/env python3
"""viaduct proxy between clients, origins and parents that others made: what they get, how they
end, and what the proxy's own log says of it.

    proxy_clients.py VIADUCT [GROUP [WORD]...]    cases of a group whose title holds one of the words

One line of TAP a case; one whose programs are not installed is skipped."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from clients import capture, curl, kit, limits, parents, tools, users, verdicts  # noqa: E402,F401
from viaduct import Tap                                                # noqa: E402


def run(tap, place, case):
    missing = [program for program in case.needs if not kit.find(program)]
    if missing:
        tap.skip(case.title, f"{', '.join(missing)} not installed")
        return
    try:
        case.run(place)
        tap.case(case.title)
    except kit.Skip as why:
        tap.skip(case.title, why)
    except Exception as error:   # whatever a case meets is its result, not the suite's end
        tap.case(case.title, [f"{type(error).__name__}: {error}"[:9000]])


def main(program, group=None, *words):
    tap, place = Tap(), kit.Place(program)
    try:
        for case in kit.CASES:
            if group in (None, case.group) and (not words or any(w in case.title for w in words)):
                run(tap, place, case)
    finally:
        place.stop()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
