#!/usr/bin/env python3
"""Includes go the way that doc/house.md draws them.

    includes.py ROOT

The table of rooms in doc/house.md is the rule itself: its first column names the room, its last
what that room may include. A header of another project is known to one room (OWNERS). Prints
file:line of each include that goes another way, and each room that the table does not know.
"""
import os
import re
import sys

ROW = re.compile(r"^\| *`(?P<room>\w+)` *\|.*\| *(?P<may>[^|]*?) *\|$")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<open>["<])(?P<what>[^">]+)[">]')

# header, or its folder: the rooms that may know it
OWNERS = {
    "openssl": {"tls", "proxy", "check", "cli"},
    "curl": {"check"},
    "zlib.h": {"capture", "cli"},
    "zstd.h": {"capture", "cli"},
    "pcap": {"capture"},
    "sqlite3.h": {"store"},
    "ares.h": {"net"},
    "libmnl": {"host"},
    "crypt.h": {"proxy", "console"},
    "microhttpd.h": {"console"},
    "pthread.h": {"tls", "capture", "net", "proxy", "store", "console", "check",
                  "cli"},     # tls: to load OpenSSL once
    "threads.h": set(),
}


def read_table(path):
    """{room: rooms it may include}, from the table whose head begins with "| room |"."""
    table, inside = {}, False
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            inside = line.startswith("| room |") or inside and line.startswith("|")
            row = ROW.match(line.rstrip())
            if inside and row:
                table[row["room"]] = set(row["may"].replace("`", "").split())
    for may in table.values():
        if "all" in may:
            may |= set(table)
        may.discard("all")
        may.discard("nothing")
    return table


def check(path, name, room, table):
    """Every include of one file that goes the wrong way, as a line of text."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            what, first = found["what"], found["what"].split("/")[0]
            if found["open"] == "<":
                if first in OWNERS and room not in OWNERS[first]:
                    yield f"{name}:{number}: {room} must not know <{what}>"
            elif "/" not in what:
                yield f'{name}:{number}: "{what}" does not name its room ("{room}/{what}")'
            elif first not in table:
                yield f'{name}:{number}: "{what}" is of no room in the table'
            elif first != room and first not in table[room]:
                yield f"{name}:{number}: {room} must not include {what}"


def main():
    root = sys.argv[1]
    table = read_table(os.path.join(root, "doc", "house.md"))
    if len(table) < 10:
        print(f"doc/house.md: its table has {len(table)} rooms; is it still a table?")
        return 1
    wrong, files = [], 0
    for room, may in table.items():
        wrong += [f"doc/house.md: {room} may include {other}, which is no room"
                  for other in sorted(may - set(table))]
    source = os.path.join(root, "src")
    for folder, _, names in sorted(os.walk(source)):
        for name in sorted(n for n in names if n.endswith((".c", ".h"))):
            path = os.path.join(folder, name)
            room = os.path.relpath(path, source).split(os.sep)[0]
            shown = os.path.relpath(path, root)
            files += 1
            if room not in table:
                wrong.append(f"{shown}: {room} is no room in doc/house.md")
            else:
                wrong += check(path, shown, room, table)
    print("\n".join(wrong) if wrong else f"{files} files include as the table says")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
