#!/usr/bin/env python3
"""Measures `viaduct read` beside the floor and its peers, and says which goals are met.

    read.py [--scale S] [--runs N] [--dir DIR] VIADUCT

Makes one capture after the other with capgen, in DIR (a temporary directory), measures, and
removes it: bulk (2 GiB, 64 tunnels), short (a million connections), live and idle (200,000
connections at once, with and without traffic), each times S. Page cache warm, one core, medians
of N runs, the tools in turn within each run. Figures are CPU seconds (user and system) of the
process; where two cores are compared with one, seconds of the wall. Slow peers get a smaller
capture of the same kind, named in the table; what is compared is then the rate.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# name: (connections, mean bytes, further arguments of capgen, bytes on disk at scale 1)
CAPTURES = {
    "bulk": (64, 32_500_000, ["-k", "ok-tunnel", "-r", "64"], 2_300_000_000),
    "short": (1_000_000, 300, ["-m", "short", "-r", "4000"], 2_000_000_000),
    "live": (200_000, 300, ["-k", "t-stall", "-r", "200000"], 1_500_000_000),
    "idle": (200_000, 0, ["-k", "unreachable", "-r", "200000"], 100_000_000),
}

# What a slow peer is given of bulk and of short; the rest of the run would be waiting for it.
SHARE = {"tcpdump": 0.1, "tshark": 0.05, "tcptrace": 0.1}

SMALL = os.path.join(ROOT, "tests", "captures", "lab", "ok-connect-sll2-privoxy.pcap")


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.tools = os.path.join(os.path.dirname(os.path.abspath(options.viaduct)), "bench")
        cores = sorted(os.sched_getaffinity(0))
        self.one, self.two = str(cores[0]), ",".join(map(str, cores[:2])) if cores[1:] else None
        self.ratios = []

    def tool(self, name):
        return os.path.join(self.tools, name)

    def make(self, name, share=1.0):
        """Generates a capture. Returns its path and what the generator says of it."""
        count, mean, more, _ = CAPTURES[name]
        scale = self.options.scale * share
        if name == "bulk":
            mean = max(int(mean * scale), 1000)
        else:
            count = max(int(count * scale), 100)
        path = os.path.join(self.folder, f"{name}-{share:g}.pcap")
        said = subprocess.run([self.tool("capgen"), "-o", path, "-n", str(count), "-b", str(mean),
                               *more], check=True, capture_output=True, text=True).stdout
        facts, verdicts = {}, {}
        for line in said.splitlines():
            key, *rest = line.split("\t")
            if len(rest) == 1:
                facts[key] = float(rest[0])
            else:
                verdicts[rest[0]] = verdicts.get(rest[0], 0) + int(rest[1])
                if key == "auth-ok":
                    verdicts["challenged"] = int(rest[1])
        facts["verdicts"], facts["path"], facts["share"] = verdicts, path, share
        with open(path, "rb") as file:      # into the page cache
            while file.read(1 << 20):
                pass
        return facts

    def measure(self, command, cores=None):
        """{"wall", "cpu", "rss"} of one run, or None if the command failed."""
        said = subprocess.run([self.tool("measure"), cores or self.one, *command], check=True,
                              capture_output=True, text=True).stdout.split()
        wall, user, system = map(float, said[:3])
        if int(said[4]) not in (0, 1):
            return None
        return {"wall": wall, "cpu": max(user + system, 1e-6), "rss": int(said[3]) * 1024}

    def row(self, name, command, capture, cores=None, runs=None):
        """One line of a table: (name, command, capture, cores, runs, results)."""
        return {"name": name, "command": [*command], "capture": capture, "cores": cores,
                "runs": runs or self.options.runs, "results": []}

    def run(self, rows):
        for turn in range(self.options.runs):
            for row in rows:
                if turn < row["runs"]:
                    progress(f"run {turn + 1} of {self.options.runs}: {row['name']}")
                    result = self.measure(row["command"], row["cores"])
                    if result:
                        row["results"].append(result)
        progress("")
        for row in rows:
            row["median"] = {k: statistics.median(r[k] for r in row["results"])
                             for k in ("wall", "cpu", "rss")} if row["results"] else None

    def table(self, title, rows):
        print(f"\n{title}\n")
        print(f"{'':34} {'wall s':>8} {'CPU s':>8} {'MB/s':>8} {'Mpkt/s':>8} {'MiB':>8}  of")
        for row in rows:
            m, c = row["median"], row["capture"]
            if not m:
                print(f"{row['name']:34} failed: {' '.join(row['command'])}")
                continue
            print(f"{row['name']:34} {m['wall']:8.3f} {m['cpu']:8.3f} "
                  f"{c['bytes'] / m['cpu'] / 1e6:8.0f} {c['packets'] / m['cpu'] / 1e6:8.2f} "
                  f"{m['rss'] / 1048576:8.1f}  "
                  f"{'all' if c['share'] == 1 else format(c['share'], '.0%')}")

    def goal(self, what, value, least=None, most=None, form="{:.2f} x"):
        self.ratios.append((what, value, least, most, form))

    def goals(self):
        print(f"\n{'goal':58} {'is':>12} {'wanted':>14}\n")
        missed = 0
        for what, value, least, most, form in self.ratios:
            bound, sign = (least, ">=") if most is None else (most, "<=")
            if value is None:
                met, shown = "not measured", "-"
            else:
                good = value >= bound if sign == ">=" else value <= bound
                met, shown = ("met" if good else "MISSED"), form.format(value)
                missed += not good
            print(f"{what:58} {shown:>12} {sign + ' ' + form.format(bound):>14}  {met}")
        print(f"\n{missed} missed" if missed else "\nall that was measured is met")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def rate(row, unit, by="cpu"):
    return row["capture"][unit] / row["median"][by] if row and row["median"] else None


def ratio(a, b):
    return a / b if a and b else None


def throughput(bench, name, unit):
    """bulk or short: the readers side by side. Returns the rows by name, and the capture."""
    viaduct = os.path.abspath(bench.options.viaduct)
    whole = bench.make(name)
    path = whole["path"]
    rows = [bench.row("readfloor (mmap)", [bench.tool("readfloor"), path], whole),
            bench.row("readfloor (read)", [bench.tool("readfloor"), path, "read"], whole),
            bench.row("cat", ["cat", path], whole)]
    forms = {"viaduct read --summary": ["--summary"], "viaduct read --json": ["--json"]}
    for form, options in forms.items():
        rows.append(bench.row(form, [viaduct, "read", *options, "--threads", "1", path], whole))
        if bench.two:
            rows.append(bench.row(f"{form}, two cores",
                                  [viaduct, "read", *options, "--threads", "2", path], whole,
                                  cores=bench.two))
    peers = {"argus": ["argus", "-w", "/dev/null", "-r"], "tcptrace": ["tcptrace", "-n"],
             "tcpdump": ["tcpdump", "-nn", "-r"], "tshark": ["tshark", "-n", "-r"]}
    for peer, command in peers.items():
        if not shutil.which(peer):
            continue
        part = bench.make(name, SHARE[peer]) if peer in SHARE else whole
        rows.append(bench.row(" ".join(w for w in command if w not in ("-r", "/dev/null")),
                              [*command, part["path"]], part, runs=min(bench.options.runs, 3)))
        rows[-1]["peer"] = peer
    bench.run(rows)
    bench.table(f"{name}: {whole['bytes'] / 1e6:.0f} MB, {whole['packets']:.0f} packets, "
                f"{whole['connections']:.0f} connections, {whole['peak_live']:.0f} live at once",
                rows)
    named = {r.get("peer") or r["name"]: r for r in rows}
    floors = [rate(named[f"readfloor ({how})"], unit) for how in ("mmap", "read")]
    named["floor"] = max((f for f in floors if f), default=None)
    return named, whole


def right(bench, capture):
    """Do the counts of the summary equal the generator's?"""
    done = subprocess.run([bench.options.viaduct, "read", "--summary", "--json", capture["path"]],
                          check=False, capture_output=True, text=True)
    try:
        got = {k: v for k, v in json.loads(done.stdout)["verdicts"].items() if v}
    except (ValueError, KeyError):
        return None
    for verdict in sorted(set(got) | set(capture["verdicts"])):
        have, want = got.get(verdict, 0), capture["verdicts"].get(verdict, 0)
        if have != want:
            print(f"  {verdict}: {have}, but the generator made {want}")
    return float(got != capture["verdicts"])


def memory(bench, name, base):
    """Bytes for each connection that is live at once."""
    capture = bench.make(name)
    row = bench.row("viaduct read --summary",
                    [os.path.abspath(bench.options.viaduct), "read", "--summary", "--threads", "1",
                     "--max-connections", "1000000", capture["path"]], capture)
    bench.run([row])
    bench.table(f"{name}: {capture['connections']:.0f} connections, "
                f"{capture['peak_live']:.0f} live at once", [row])
    os.unlink(capture["path"])
    if not row["median"] or not base:
        return None
    return max(row["median"]["rss"] - base, 0) / capture["peak_live"]


def measure_all(bench):
    viaduct = os.path.abspath(bench.options.viaduct)
    v = "viaduct read --summary"
    j = "viaduct read --json"

    small = bench.row("start to verdict", [viaduct, "read", SMALL],
                      {"bytes": os.path.getsize(SMALL), "packets": 0, "share": 1}, runs=50)
    for _ in range(50):
        result = bench.measure(small["command"])
        if result:
            small["results"].append(result)
    start = statistics.median(r["wall"] for r in small["results"]) if small["results"] else None
    base = statistics.median(r["rss"] for r in small["results"]) if small["results"] else None

    rows, capture = throughput(bench, "bulk", "bytes")
    bench.goal("bulk, CPU: of the floor", ratio(rate(rows[v], "bytes"), rows["floor"]), least=0.5)
    bench.goal("bulk, CPU: of tshark",
               ratio(rate(rows[v], "bytes"), rate(rows.get("tshark"), "bytes")), least=30)
    if bench.two:
        bench.goal("bulk, two cores: of one",
                   ratio(rate(rows[v + ", two cores"], "bytes", "wall"),
                         rate(rows[v], "bytes", "wall")), least=1.8)
    clear(bench)

    rows, capture = throughput(bench, "short", "packets")
    floor = rows["floor"]
    bench.goal("short, a summary: of the floor", ratio(rate(rows[v], "packets"), floor), least=0.3)
    if "argus" in rows:
        bench.goal("short, a summary: of argus",
                   ratio(rate(rows[v], "packets"), rate(rows["argus"], "packets")), least=4)
    bench.goal("short, a record for every exchange: of the floor",
               ratio(rate(rows[j], "packets"), floor), least=0.15)
    bench.goal("short, a record for every exchange: of tshark",
               ratio(rate(rows[j], "packets"), rate(rows.get("tshark"), "packets")), least=30)
    for form in (v, j) if bench.two else ():
        bench.goal(f"short, {form.rpartition(' ')[2]}, two cores: of one",
                   ratio(rate(rows[form + ", two cores"], "packets", "wall"),
                         rate(rows[form], "packets", "wall")), least=1.8)
    for form in (v, j):
        bench.goal(f"short, {form.rpartition(' ')[2]}: peak memory",
                   rows[form]["median"] and rows[form]["median"]["rss"] / 1048576, most=24,
                   form="{:.1f} MiB")
    bench.goal("short: verdict counts that differ from the generator's", right(bench, capture),
               most=0, form="{:.0f}")
    clear(bench)

    bench.goal("memory of a live connection without traffic", memory(bench, "idle", base), most=400,
               form="{:.0f} bytes")
    print(f"\nA live connection that carries a tunnel costs "
          f"{memory(bench, 'live', base) or float('nan'):.0f} bytes.")
    bench.goal("a capture of 50 kB, start to verdict", start and start * 1000, most=5,
               form="{:.1f} ms")


def clear(bench):
    for name in os.listdir(bench.folder):
        os.unlink(os.path.join(bench.folder, name))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("viaduct")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="viaduct-bench-", dir=options.dir) as folder:
        need = max(c[3] for c in CAPTURES.values()) * options.scale * (1 + sum(SHARE.values()))
        free = shutil.disk_usage(folder).free
        if free < need * 1.2:
            sys.exit(f"bench: {folder} has {free / 1e9:.1f} GB free, and {need * 1.2 / 1e9:.1f} GB "
                     "are needed: say --dir DIR, or a smaller --scale")
        bench = Bench(options, folder)
        if options.scale != 1:
            print(f"Scale {options.scale:g}: the goals are meant for 1.")
        measure_all(bench)
        bench.goals()
    return 0


if __name__ == "__main__":
    sys.exit(main())
