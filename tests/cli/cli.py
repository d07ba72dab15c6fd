#!/usr/bin/env python3
"""The door: arguments, exit status, errors, colours, pipes, and files that are none.

    cli.py VIADUCT
"""
import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import CAPTURES, PLAIN, Broken, Tap, run  # noqa: E402

LAB = os.path.join(CAPTURES, "lab")
DENIED = os.path.join(LAB, "denied-squid.pcap")
FINE = os.path.join(LAB, "ok-get-squid.pcap")
BROKEN = os.path.join(LAB, "derived-broken-file.pcap")

# name: (arguments, exit status, what standard output and standard error have to match)
SAID = {
    "--version says version and commit": (["--version"], 0, r"^viaduct \d+\.\d+\.\d+ \S+", "^$"),
    "--help goes to standard output": (["--help"], 0, r"(?s)read.*explain", "^$"),
    "read --help": (["read", "--help"], 0, "--json", "^$"),
    "explain --help": (["explain", "--help"], 0, "--list", "^$"),
    "no command": ([], 2, "", ""),
    "an unknown command is answered with the nearest": (["raed"], 2, "^$", r"(?s)raed.*\bread\b"),
    "one that is near to nothing": (["xyzzyxyzzy"], 2, "^$", "xyzzyxyzzy"),
    "an unknown option is answered with the nearest":
        (["read", "--jsno", DENIED], 2, "^$", r"(?s)--jsno.*--json"),
    "read without a file": (["read"], 2, "^$", "(?i)file"),
    "an option without its argument": (["read", "--only"], 2, "^$", "--only"),
    "--only with an unknown verdict": (["read", "--only", "denid", DENIED], 2, "^$",
                                       r"(?s)denid.*\bdenied\b"),
    "--color with nonsense": (["read", "--color=blue", DENIED], 2, "^$", "blue"),
    "--packets with nonsense": (["read", "--packets=wirshark", DENIED], 2, "^$", "wireshark"),
    "--proxy with nonsense": (["read", "--proxy", "10.0.0.1:99999", DENIED], 2, "^$", "99999"),
    "--proxy with a name": (["read", "--proxy", "proxy.example.org:3128", DENIED], 2, "^$",
                            "getent ahosts"),
    "--from on a day that is not": (["read", "--from", "2025-02-31", DENIED], 2, "^$", "2025-02-31"),
    "--from behind --to": (["read", "--from", "+5", "--to", "+1", DENIED], 2, "^$", "later"),
    "from night to morning, not then": (["read", "--from", "22:00", "--to", "02:00", DENIED], 0,
                                        "no exchange is left", "^$"),
    "from night to morning, then": (["read", "--from", "06:30", "--to", "06:00", DENIED], 1,
                                    "denied", "^$"),
    "--html to standard output": (["read", "--html", "-", DENIED], 2, "^$", "--html"),
    "--ladder without a name": (["read", "--ladder=", DENIED], 2, "^$", "--ladder"),
    "--from with nonsense": (["read", "--from", "yesterdayish", DENIED], 2, "^$", "yesterdayish"),
    "--max-connections with nonsense": (["read", "--max-connections", "-3", DENIED], 2, "^$", "-3"),
    "a file that is not there": (["read", "/no/such/file.pcap"], 2, "^$",
                                 r"/no/such/file\.pcap.*No such file"),
    "a directory": (["read", LAB], 2, "^$", "(?i)directory"),
    "a fault": (["read", DENIED], 1, "denied", "^$"),
    "no fault": (["read", FINE], 0, r"\bok\b", "^$"),
    "a broken file is read up to the break": (["read", BROKEN], 2, r"\bopen\b",
                                              r"derived-broken-file\.pcap.*\d"),
    "one bad file among good ones": (["read", "/no/such/file.pcap", DENIED], 2, "denied",
                                     "/no/such/file"),
    "explain of nothing known": (["explain", "mtu-blak-hole"], 2, "^$", "mtu-black-hole"),
    "explain a code": (["explain", "407"], 0, "auth-required", "^$"),
    "explain a product's code": (["explain", "squid", "403"], 0, "(?i)squid", "^$"),
    "explain a code of a product, the other way round":
        (["explain", "403", "squid"], 0, "(?i)squid", "^$"),
}


def matches(status, out, err, want, out_like, err_like):
    if status != want:
        yield f"exit status {status}, not {want}"
    if not re.search(out_like, out, re.MULTILINE if out_like != "^$" else 0):
        yield f"standard output is not like {out_like}: {out[:300]!r}"
    if not re.search(err_like, err, re.MULTILINE if err_like != "^$" else 0):
        yield f"standard error is not like {err_like}: {err[:300]!r}"


def files(program, tap, folder):
    """Files that are no captures, in several ways."""
    with open(DENIED, "rb") as file:
        whole = file.read()
    cases = {
        "empty": b"",
        "one byte": b"\xd4",
        "a head alone": whole[:24],
        "half a head": whole[:13],
        "noise": bytes(range(1, 256)) * 40,
        "zeros": bytes(4096),
        "a huge packet": whole[:24] + b"\0" * 8 + b"\xff\xff\xff\x7f" * 2 + b"x" * 100,
        "gzip of nothing": gzip.compress(b""),
        "gzip, cut": gzip.compress(whole)[:700],
    }
    for name, data in cases.items():
        path = os.path.join(folder, "input")
        with open(path, "wb") as file:
            file.write(data)
        status, out, err = run(program, ["read", path])
        want = 0 if name == "a head alone" else 2
        tap.case(f"a file of {name}", list(matches(
            status, out, err, want, "", path if want else "^$")))


def half_pages(program, tap, folder):
    """What could not be finished is not left behind."""
    path = os.path.join(folder, "page.html")
    status, _, _ = run(program, ["read", "--html", path, "/no/such/file.pcap"])
    tap.case("no page of nothing", [] if status == 2 and not os.path.exists(path) else [status])
    with subprocess.Popen([program, "read", "--html", path, "-"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as reader:
        with open(DENIED, "rb") as file:
            # more than a pipe holds: once it is written, some of it was read
            reader.stdin.write(file.read() + bytes(16 * 65536))
        begun = os.path.exists(path)
        reader.send_signal(signal.SIGINT)
        reader.wait()
        ended = reader.returncode == -signal.SIGINT and not os.path.exists(path)
        tap.case("no half page", [] if begun and ended else [begun, reader.returncode])


def same(program, tap, folder):
    """However the bytes come, the records are the same."""
    def read(arguments, stdin=None):
        status, out, _ = run(program, ["read", "--json", *arguments], stdin=stdin)
        records = [json.loads(line) for line in out.splitlines()]
        return status, [{k: v for k, v in r.items() if k != "file"} for r in records]

    with open(DENIED, "rb") as file:
        whole = file.read()
    straight = read([DENIED])
    tap.case("there are records", [] if straight[0] == 1 and straight[1] else [straight])
    tap.case("a pipe", [] if read(["-"], whole) == straight else ["other records"])
    status, out, err = run(program, ["read", "--packets", "-"], stdin=whole[:2000])
    tap.case("a broken pipe that is read twice", list(matches(
        status, out, err, 2, r"Flags \[S\]", r"standard input: cut short")))
    path = os.path.join(folder, "c.gz")
    with open(path, "wb") as file:
        file.write(gzip.compress(whole))
    tap.case("gzip", [] if read([path]) == straight else ["other records"])
    tap.case("gzip from a pipe", [] if read(["-"], gzip.compress(whole)) == straight
             else ["other records"])
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", DENIED, "-o", os.path.join(folder, "c.zst")], check=True)
        tap.case("zstd", [] if read([os.path.join(folder, "c.zst")]) == straight
                 else ["other records"])
    else:
        tap.skip("zstd", "there is no zstd")
    tap.case("read again", [] if read([DENIED]) == straight else ["other records"])


def unreadable(program, tap, folder):
    """Packets that are none of ours are said to be so."""
    def read(name, link, *frames):
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link))
            for frame in frames:
                file.write(struct.pack("<IIII", 1750000000, 0, len(frame), len(frame)) + frame)
        return run(program, ["read", path])

    def ip(protocol):
        return bytes.fromhex("450000240001000040%02x0000c0000201c0000202" % protocol) + bytes(16)

    tap.case("a link type that is not understood", list(matches(
        *read("radio.pcap", 105, bytes(60)), 2, "(?i)link type", r"radio\.pcap: link type 105 .* 1 packet ")))
    tap.case("nothing but IPsec", list(matches(
        *read("ipsec.pcap", 101, ip(50)), 0, "(?s)no proxy traffic.*IPsec", "^$")))
    tap.case("a capture of nothing", list(matches(*read("empty.pcap", 1), 0, "no proxy traffic.*: 0 packets", "^$")))


def rotated(program, tap, folder):
    """A capture in two files: what crosses their border can't be judged, and that is said."""
    with open(DENIED, "rb") as file:
        whole = file.read()
    border = 24
    for _ in range(4):
        border += 16 + struct.unpack_from("<I", whole, border + 8)[0]
    parts = [os.path.join(folder, name) for name in ("rotated0", "rotated1")]
    for path, data in zip(parts, (whole[:border], whole[:24] + whole[border:])):
        with open(path, "wb") as file:
            file.write(data)
    said = run(program, ["read", *parts])
    tap.case("captures that were written in turns", list(matches(*said, said[0], "(?s)goes on where.*mergecap", "^$")))
    said = run(program, ["read", DENIED, FINE])
    tap.case("captures that were not", ["a note"] if "mergecap" in said[1] else ())


def threads(program, tap):
    """However many threads read it, what is said is the same."""
    captures = sorted(os.path.join(LAB, name) for name in os.listdir(LAB)
                      if re.search(r"\.pcap(ng)?(\.gz|\.zst)?$", name))
    for name, arguments in {"records": ["--json"], "cards": [], "counts": ["--summary"]}.items():
        several = [run(program, ["read", "--threads", count, *arguments, *captures])
                   for count in "1234"]
        tap.case(f"{name} of all the lab", [] if several[0][1] else ["nothing was said"])
        for count, said in zip("234", several[1:]):
            tap.case(f"{name} by {count} threads", [] if said == several[0] else ["others"])
        differ = [path for path in (DENIED, FINE, BROKEN)
                  if run(program, ["read", "--threads", "3", *arguments, path]) !=
                  run(program, ["read", "--threads", "1", *arguments, path])]
        tap.case(f"{name} of one capture by 3 threads", differ)


def colours(program, tap):
    def has(environment, *more):
        done = subprocess.run([program, "read", *more, DENIED], capture_output=True, check=False,
                              env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"},
                                   **environment})
        return b"\x1b" in done.stdout
    tap.case("no colour into a pipe", ["there is"] if has({}) else ())
    tap.case("--color=always", () if has({"NO_COLOR": "1"}, "--color=always") else ["there is none"])
    tap.case("--color=never", ["there is"] if has({}, "--color=never") else ())


def outputs(program, tap):
    """Standard output that is full, or has gone."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program, "read", FINE], stdout=full, stderr=subprocess.PIPE,
                              check=False, env={**os.environ, **PLAIN})
    tap.case("a full disk is told", [] if done.returncode == 2 and b"No space" in done.stderr else
             [f"status {done.returncode}: {done.stderr[:300]!r}"])
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([program, "read", "--packets", FINE], stdout=writer,
                          stderr=subprocess.PIPE, check=False, env={**os.environ, **PLAIN})
    os.close(writer)
    # `| head` is no error of ours: silence, by signal or status
    tap.case("a reader that has gone", [done.stderr[:300]] if done.stderr else ())


def written(program, tap, folder):
    """What goes to files."""
    for option, name, like in (("--ladder", "ladder.svg", b"<svg"), ("--html", "report.html", b"<html")):
        path = os.path.join(folder, name)
        status, _, err = run(program, ["read", option, path, DENIED])
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            data, err = b"", f"{error}: {err}"
        tap.case(f"{option} writes", [] if status == 1 and like in data else [f"{status}: {err}"])
        tap.case(f"{option} loads nothing from elsewhere",
                 re.findall(rb'(?:src|href)\s*=\s*"(?:https?:)?//[^"]*|<script', data))
        status, _, err = run(program, ["read", option, "/no/such/folder/x", DENIED])
        tap.case(f"{option} to nowhere", list(matches(status, "", err, 2, "", "/no/such/folder/x")))
    secret = os.path.join(LAB, "auth-wrong-squid.pcap")
    slices = os.path.join(folder, "slices")
    os.mkdir(slices)
    run(program, ["read", "--slice", slices, secret])
    names = os.listdir(slices)
    tap.case("--slice writes the failed exchange", [] if len(names) == 1 else [names])
    with open(secret, "rb") as file:
        token = re.search(rb"Proxy-Authorization: Basic (\S+)", file.read())[1]
    for name in names:
        path = os.path.join(slices, name)
        with open(path, "rb") as file:
            tap.case("--slice overwrites the secret", ["it is there"] if token in file.read() else ())
        status, out, _ = run(program, ["read", "--json", path])
        tap.case("--slice keeps the verdict", [] if '"auth-rejected"' in out else [status, out[:300]])


def main():
    program, tap = os.path.abspath(sys.argv[1]), Tap()
    for name, (arguments, *want) in SAID.items():
        try:
            tap.case(name, list(matches(*run(program, arguments), *want)))
        except Broken as error:
            tap.case(name, [error])
    with tempfile.TemporaryDirectory() as folder:
        for part in (lambda: files(program, tap, folder), lambda: same(program, tap, folder),
                     lambda: unreadable(program, tap, folder), lambda: rotated(program, tap, folder),
                     lambda: half_pages(program, tap, folder), lambda: threads(program, tap),
                     lambda: colours(program, tap), lambda: outputs(program, tap),
                     lambda: written(program, tap, folder)):
            try:
                part()
            except (Broken, ValueError) as error:
                tap.case("no end in good order", [error])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
