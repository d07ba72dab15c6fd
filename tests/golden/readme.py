#!/usr/bin/env python3
"""The diagnosis in README.md is what the program says.

    readme.py VIADUCT             compares
    readme.py --rewrite VIADUCT   writes it
"""
import difflib
import os
import shlex
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import ROOT, run  # noqa: E402

BEGIN = "<!-- diagnosis: begin"


def main():
    rewrite = "--rewrite" in sys.argv
    program = [a for a in sys.argv[1:] if a != "--rewrite"][0]
    path = os.path.join(ROOT, "README.md")
    with open(path, encoding="utf-8") as file:
        then = file.read()
    begin = then.index("```\n", then.index(BEGIN)) + len("```\n")
    end = then.index("```\n", begin)
    command = then[begin:then.index("\n", begin) + 1]
    _, said, complained = run(program, shlex.split(command)[2:], ROOT)
    now = then[:begin] + command + said + complained + then[end:]
    if rewrite:
        with open(path, "w", encoding="utf-8") as file:
            file.write(now)
        return 0
    print("\n".join(difflib.unified_diff(then.splitlines(), now.splitlines(), "README.md", "now",
                                         lineterm="")))
    return then != now


if __name__ == "__main__":
    sys.exit(main())
