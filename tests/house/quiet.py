#!/usr/bin/env python3
"""The quiet storey asks nobody for anything that waits or tells the time.

    quiet.py NM LIBQUIET ALLOWED [PREFIX]...

Every symbol that the static library leaves undefined has to stand in ALLOWED, one name a line,
`#` begins a comment. Names that begin with a PREFIX are the sanitizers' own and are passed over.
Prints the object file beside each name that is not allowed.
"""
import os
import subprocess
import sys


def symbols(nm, library):
    """{name: objects that need it}, without what the library itself defines."""
    listing = subprocess.run([nm, "-A", "-P", "-g", library], check=True, text=True,
                             capture_output=True).stdout
    wanted, defined = {}, set()
    for line in listing.splitlines():
        where, _, rest = line.partition(": ")
        fields = rest.split()
        if len(fields) < 2:
            continue
        name, kind = fields[0], fields[1]
        if kind in "Uwv":
            member = where[where.rfind("[") + 1:].rstrip("]")
            wanted.setdefault(name, set()).add(member)
        else:
            defined.add(name)
    return {name: where for name, where in wanted.items() if name not in defined}


def main():
    nm, library, table, *prefixes = sys.argv[1:]
    with open(table, encoding="utf-8") as lines:
        allowed = {line.partition("#")[0].strip() for line in lines} - {""}
    found = symbols(nm, library)
    if not found:
        print(f"{library}: nm lists no symbol at all; that is no proof")
        return 1
    bad = {name: where for name, where in found.items()
           if name not in allowed and not name.startswith(tuple(prefixes))}
    for name in sorted(bad):
        print(f"{', '.join(sorted(bad[name]))}: {name} is not in {os.path.basename(table)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
