#!/usr/bin/env python3
"""The pages of the console as C: every file of web/, and the description of the API.

    pages.py OUTPUT DEPFILE ROOT
"""
import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
         ".json": "application/json"}


def main():
    output, depfile, root = sys.argv[1:]
    web = os.path.join(root, "web")
    files = [("/" + name, os.path.join(web, name)) for name in sorted(os.listdir(web))
             if os.path.splitext(name)[1] in TYPES]
    files.append(("/console-api.json", os.path.join(root, "doc", "console-api.json")))
    rows = []
    with open(output, "w", encoding="ascii") as out:
        out.write('/* Made by pages.py from web/. */\n#include "console/private.h"\n')
        for number, (path, file) in enumerate(files):
            with open(file, "rb") as source:
                data = source.read()
            body = ",".join(str(byte) for byte in data)
            out.write(f"static const uint8_t file_{number}[] = {{{body}}};\n")
            tag = hashlib.sha256(data).hexdigest()[:16]
            kind = TYPES[os.path.splitext(path)[1]]
            rows.append(f'\t{{ "{path}", "{kind}", "\\"{tag}\\"", file_{number}, {len(data)} }},\n')
        out.write("const struct page CONSOLE_PAGES[] = {\n" + "".join(rows) + "};\n")
        out.write(f"const size_t CONSOLE_PAGE_COUNT = {len(rows)};\n")
    with open(depfile, "w", encoding="utf-8") as deps:
        deps.write(f"{output}: {web} " + " ".join(file for _, file in files) + "\n")


if __name__ == "__main__":
    main()
