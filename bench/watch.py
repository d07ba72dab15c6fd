#!/usr/bin/env python3
"""Measures `viaduct watch` at speed: captures put on a wire, on one core, and what it lost.

    watch.py [--seconds S] [--rate MBIT] VIADUCT

In a network namespace of its own a veth pair is the wire. wiresend puts a capture on one end, over
and over, with one core; viaduct watch listens at the other, with another one. bulk is 64 tunnels,
mix are 20,000 short connections of all kinds. For each it says what was sent, what the kernel had to drop
for want of room, and the CPU time that watching took; then how much one core could bear, which is
what was sent divided by that time: an estimate, where the sender is the slower one.
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

CAPTURES = {
    "bulk": ["-n", "64", "-b", "3000000", "-k", "ok-tunnel", "-r", "64"],
    "mix": ["-n", "20000", "-r", "4000"],
}
GOAL = 1000  # Mbit/s, without a drop


def ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        user, system = f.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def figure(text, name):
    return int(re.search(rf"^{name} (\d+)$", text, re.MULTILINE).group(1))


def ask(page):
    return subprocess.run(["curl", "-s", page], check=True, capture_output=True, text=True).stdout


def measure(options, tools, cores, capture):
    watch = subprocess.Popen(
        ["taskset", "-c", cores[0], options.viaduct, "watch", "-i", "wire1", "--metrics", "0",
         "--user", "root"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    page = re.search(r"http://\S+", watch.stderr.readline()).group(0)
    watch.stderr.readline()     # it listens
    before = ticks(watch.pid)
    sent = subprocess.run(
        ["taskset", "-c", cores[-1], os.path.join(tools, "wiresend"), "-i", "wire0", "-r",
         str(options.rate), "-t", str(options.seconds), capture],
        check=True, capture_output=True, text=True).stdout.split()
    packets, size, wall = int(sent[0]), int(sent[1]), float(sent[2])
    pause, last = threading.Event(), -1
    while last != (last := figure(ask(page), "viaduct_watch_packets_total")):
        pause.wait(1.2)         # until it has read what the ring holds, and counted
    said, cpu = ask(page), ticks(watch.pid) - before
    watch.send_signal(signal.SIGINT)
    watch.communicate()
    dropped = figure(said, "viaduct_watch_dropped_total")
    return {"sent_mbit": size * 8 / wall / 1e6, "kpackets": packets / wall / 1e3, "dropped": dropped,
            "cpu_us_per_packet": cpu * 1e6 / packets, "core_gbit": size * 8 / max(cpu, 1e-3) / 1e9}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=0, help="Mbit/s; 0: as fast as it goes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("viaduct")
    options = parser.parse_args()
    if not options.inside:
        return subprocess.run(["unshare", "--net", sys.executable, os.path.abspath(__file__), "--inside",
                               *sys.argv[1:]], check=False).returncode
    tools = os.path.join(os.path.dirname(os.path.abspath(options.viaduct)), "bench")
    cores = [str(c) for c in sorted(os.sched_getaffinity(0))]
    for words in ("link set lo up", "link add wire0 type veth peer name wire1", "link set wire0 up",
                  "link set wire1 up"):
        subprocess.run(["ip", *words.split()], check=True)
    folder, lost = tempfile.mkdtemp(prefix="viaduct-bench-"), 0
    try:
        for name, words in CAPTURES.items():
            path = os.path.join(folder, name + ".pcap")
            subprocess.run([os.path.join(tools, "capgen"), "-o", path, *words], check=True,
                           capture_output=True)
            got = measure(options, tools, cores, path)
            lost += got["dropped"]
            if options.json:
                print(json.dumps({"capture": name, **got}))
                continue
            print(f"{name:5} sent {got['sent_mbit']:6.0f} Mbit/s, {got['kpackets']:4.0f} k packets/s; "
                  f"dropped {got['dropped']}; watching took {got['cpu_us_per_packet']:.2f} us of CPU a "
                  f"packet: one core would bear {got['core_gbit']:.1f} Gbit/s of it "
                  f"(goal: {GOAL / 1000:g} without a drop)", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
