#!/usr/bin/env python3
"""Every header of src/ compiles alone.

    alone.py ROOT BUILD COMPILER...
"""
import os
import subprocess
import sys


def main():
    root, build, *compiler = sys.argv[1:]
    source = os.path.join(root, "src")
    headers = sorted(os.path.relpath(os.path.join(folder, name), source)
                     for folder, _, names in os.walk(source) for name in names
                     if name.endswith(".h"))
    print(f"1..{len(headers)}")
    failed = 0
    for number, header in enumerate(headers, 1):
        text = f'#include "{header}"\n#include "{header}"\n'
        done = subprocess.run([*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra",
                               "-Werror", "-fsyntax-only", "-I", source,
                               "-I", os.path.join(build, "src"), "-xc", "-"],
                              input=text, text=True, check=False, stderr=subprocess.PIPE)
        print(f"{'not ' if done.returncode else ''}ok {number} - {header}")
        sys.stdout.flush()
        if done.returncode:
            print(done.stderr, file=sys.stderr, flush=True)
        failed += done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
