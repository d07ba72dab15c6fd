#!/usr/bin/env python3
"""The order of linking that keeps a proxy small still speaks of this program.

    resting.py ROOT VIADUCT NM KIBIBYTES

src/proxy/resting.ld names functions. One in ten may be gone meanwhile: more than that, and it is to be
written anew (bench/resting.py). And the linker heeds it: what it names lies within so many KIBIBYTES.
"""
import os
import re
import subprocess
import sys


def words_of(folder):
    words = set()
    for where, _, names in os.walk(folder):
        for name in names:
            if name.endswith((".c", ".h")):
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    words |= set(re.findall(r"\w+", file.read()))
    return words


def main():
    root, viaduct, nm, most = sys.argv[1:]
    with open(os.path.join(root, "src/proxy/resting.ld"), encoding="utf-8") as file:
        named = set(re.findall(r"\*\(\.text\.(\w+) \.text\.\1\.\*\)", file.read()))
    gone = sorted(named - words_of(os.path.join(root, "src")))
    if not named or len(gone) > len(named) / 10:
        print(f"{len(gone)} of {len(named)} functions are gone; write it anew, by bench/resting.py:",
              *gone, file=sys.stderr)
        return 1
    listing = subprocess.run([nm, viaduct], check=True, capture_output=True, text=True).stdout
    at = [int(line.split()[0], 16) for line in listing.splitlines()
          if re.match(r"[0-9a-f]+ T ", line) and line.split()[2] in named]
    if max(at) - min(at) > int(most) << 10:
        print(f"what a proxy runs through is spread over {max(at) - min(at)} bytes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
