#!/usr/bin/env python3
"""What viaduct reads from a capture, beside what tshark reads from it.

    tshark.py VIADUCT [CAPTURE...]          compares; one line of TAP a capture
    tshark.py --list VIADUCT [CAPTURE...]   prints the differences in the form of explained.tsv

For each connection to a proxy (where a CONNECT or an absolute-form request is spoken; tshark is
told the ports, as it knows few) both have to name the same requests and responses with the same
frame numbers, the same server names in the ClientHellos, and as many retransmissions each way.
explained.tsv holds the differences that are right, one a line, each with its reason. One that is
not in it fails, and so does one that is in it and is there no longer.

tshark goes on reading inside a tunnel, viaduct leaves a tunnel alone: after a 2xx to CONNECT
tshark's requests and responses on that connection are not looked at. Nor are interim responses
(1xx), which are no answer.
"""
import collections
import csv
import glob
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import CAPTURES, PUBLIC, Broken, Tap, records, run  # noqa: E402

EXPLAINED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "explained.tsv")

# A head is where the answer begins: without desegment_body tshark would name the last frame of
# the body instead.
OPTIONS = ["-n", "-o", "http.desegment_body:FALSE", "-o", "tcp.reassemble_out_of_order:TRUE"]

# What an ICMP message quotes is no segment of its own.
SEGMENT = "tcp and not icmp and not icmpv6"
SPEAKS = ('tcp.payload matches "^(CONNECT [^ ]{1,255}:[0-9]{1,5} |'
          '[A-Z]{2,20} [Hh][Tt][Tt][Pp]://)"')
AGAIN = ["tcp.analysis.retransmission", "tcp.analysis.fast_retransmission",
         "tcp.analysis.spurious_retransmission"]
WANTED = ["http.request", "http.response", "tls.handshake.type == 1", *AGAIN]
ENDS = ["ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport"]
FIELDS = ["frame.number", *ENDS, "http.request.method", "http.request.uri", "http.response.code",
          "tls.handshake.extensions_server_name", *AGAIN]


def tshark(path, arguments):
    """tshark's packets: a list of {field: [values]}."""
    done = subprocess.run(["tshark", "-r", path, *OPTIONS, "-T", "json", *arguments], check=False,
                          capture_output=True, text=True, timeout=120)
    # A capture that is cut short is reported, after what could be read of it.
    return [p["_source"]["layers"] for p in json.loads(done.stdout or "[]")]


def ends(packet):
    """(source, destination) of the innermost TCP segment, as viaduct writes them."""
    out = []
    for side in ("src", "dst"):
        six = packet.get(f"ipv6.{side}")
        host = f"[{six[-1]}]" if six else packet.get(f"ip.{side}", ["?"])[-1]
        out.append(f"{host}:{packet[f'tcp.{side}port'][-1]}")
    return out


class Connection:
    def __init__(self):
        self.requests, self.responses, self.names = [], [], set()
        self.again = {"up": 0, "down": 0}
        self.tunnel = False

    def facts(self):
        """{(what, value)}: what two readers can agree or differ in."""
        out = collections.Counter(("request", r) for r in self.requests)
        out.update(("response", r) for r in self.responses)
        out.update(("sni", n) for n in self.names)
        for way, count in self.again.items():
            out[(f"retrans_{way}", str(count))] = 1
        return out


def theirs(path):
    """{(client, proxy): Connection} by tshark."""
    fields = [x for f in ENDS for x in ("-e", f)]
    proxies = {ends(p)[1] for p in tshark(path, ["-Y", f"{SEGMENT} and {SPEAKS}", *fields])}
    if not proxies:
        return {}
    ports = {p.rpartition(":")[2] for p in proxies}
    packets = tshark(path, [x for p in sorted(ports) for x in ("-d", f"tcp.port=={p},http")] +
                     ["-Y", f"{SEGMENT} and ({' or '.join(WANTED)})"] +
                     [x for f in FIELDS for x in ("-e", f)])
    found = collections.defaultdict(Connection)
    for packet in packets:
        source, target = ends(packet)
        up = target in proxies
        if not up and source not in proxies:
            continue
        conn = found[(source, target) if up else (target, source)]
        frame = packet["frame.number"][0]
        if any(f in packet for f in AGAIN):
            conn.again["up" if up else "down"] += 1
        conn.names |= set(packet.get("tls.handshake.extensions_server_name", ()))
        if conn.tunnel:
            continue
        for method in packet.get("http.request.method", ()):
            conn.requests.append(f"{frame} {method}")
        for code in packet.get("http.response.code", ()):
            if code[0] != "1":
                conn.responses.append(f"{frame} {code}")
            asked = conn.requests[len(conn.responses) - 1:len(conn.responses)] if code[0] == "2" else ()
            conn.tunnel |= any(r.endswith(" CONNECT") for r in asked)
    return found


def ours(program, path):
    """{(client, proxy): Connection} by viaduct."""
    _, out, _ = run(program, ["read", "--json", path])
    found = collections.defaultdict(Connection)
    for record in records(out):
        conn = found[(record["client"], record["proxy"])]
        if "request_frame" in record:
            conn.requests.append(f"{record['request_frame']} {record.get('method', '?')}")
        if "response_frame" in record:
            conn.responses.append(f"{record['response_frame']} {record.get('status', '?')}")
        if "sni" in record:
            conn.names.add(record["sni"])
        for way in conn.again:
            conn.again[way] += record.get(f"retrans_{way}", 0)
    return found


def differences(program, path):
    """(connection, what, tshark's, viaduct's), "-" where one has nothing."""
    them, us = theirs(path), ours(program, path)
    for key in sorted(them):
        theirs_, ours_ = them[key].facts(), us[key].facts() if key in us else collections.Counter()
        name = " ".join(key)
        only = [sorted((a - b).elements()) for a, b in ((theirs_, ours_), (ours_, theirs_))]
        for what in sorted({w for side in only for w, _ in side}):
            left, right = ([v for w, v in side if w == what] for side in only)
            for i in range(max(len(left), len(right))):
                yield (name, what, left[i] if i < len(left) else "-",
                       right[i] if i < len(right) else "-")


def explained():
    """{capture: {difference: reason}}"""
    out = collections.defaultdict(dict)
    with open(EXPLAINED, encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row and not row[0].startswith("#"):
                capture, *difference, why = row
                out[capture][tuple(difference)] = why
    return out


def main():
    listing = "--list" in sys.argv
    program, *paths = [a for a in sys.argv[1:] if a != "--list"]
    if not shutil.which("tshark"):
        print("1..0 # SKIP there is no tshark")
        return 0
    whole = not paths
    paths = paths or sorted(glob.glob(os.path.join(CAPTURES, "lab", "*.pcap*")) +
                            glob.glob(os.path.join(PUBLIC, "*.pcap*")))
    known, tap, compared = explained(), Tap(), 0
    for path in paths:
        name = os.path.basename(path)
        reasons = known.pop(name, {})
        try:
            found = list(differences(program, path))
        except (Broken, KeyError) as error:
            tap.case(name, [f"{type(error).__name__}: {error}"])
            continue
        if listing:
            for row in found:
                print("\t".join([name, *row, reasons.get(row, "")]))
            continue
        compared += 1
        wrong = ["\t".join([name, *row]) for row in found if not reasons.get(row)]
        wrong += ["no longer so: " + "\t".join(row) for row in reasons if row not in found]
        tap.case(name, wrong)
    if listing:
        return 0
    if whole and os.path.isdir(PUBLIC):
        tap.case("explained.tsv names captures that are there", sorted(known))
    if not os.path.isdir(PUBLIC):
        tap.skip("the captures of others", "they are not there")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
