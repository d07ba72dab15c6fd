#!/usr/bin/env python3
"""Measures `viaduct proxy` beside the floor and its peers, and says which goals are met.

    proxy.py [--scale S] [--runs N] [--only NAME,...] [--units UNIT,...] VIADUCT

In a network namespace of its own, so that nothing of the machine is changed and no port is taken;
the proxies on one core, client and origin on another, one after the other within each of N rounds,
medians of the rounds. Units: tunnels, bulk, get, idle (memory), calls (system calls, by strace) and
start. S shortens the runs; the goals are meant for 1. CPU is that of the proxy's processes.
"""
import argparse
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from proxy_peers import ORIGIN, PEERS, Floor, Viaduct

UNITS = ("tunnels", "bulk", "get", "idle", "calls", "start")
SPREAD = ["--targets", "8", "--sources", "4"]      # more connections than one pair has ports for
FIRST_PORT = 3200


def descendants(root):
    children = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            with open(f"/proc/{int(name)}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def on_core(number, command):
    return ["taskset", "-c", str(number), *command]


class Running:
    """A proxy, started."""

    def __init__(self, bench, name):
        self.bench, self.name = bench, name
        self.folder = tempfile.mkdtemp(prefix="peer-", dir=bench.folder)
        self.peer = PEERS[name](self.folder, bench.next_port())
        command = on_core(bench.cores[0], self.peer.command())
        self.begun = time.monotonic()
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=open(f"{self.folder}/out", "wb"),
                                        stderr=subprocess.STDOUT)
        self.await_answer()

    def await_answer(self):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if self.probe():
                    self.ready = time.monotonic() - self.begun
                    return
            time.sleep(0.0002)
        raise RuntimeError(f"{self.name} does not answer; see {self.folder}")

    def probe(self):
        """Does a byte come back through it? (With credentials on, a 407 is enough.)"""
        with socket.create_connection(("127.0.0.1", self.peer.port), 1) as s:
            s.settimeout(3)
            if not self.peer.direct:
                s.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
                          % (ORIGIN, ORIGIN))
                head = b""
                while b"\r\n\r\n" not in head:
                    part = s.recv(4096)
                    if not part:
                        return False
                    head += part
                if b" 407" in head.split(b"\r\n")[0]:
                    return True
                if b" 200" not in head.split(b"\r\n")[0]:
                    return False
            if self.peer.tunnels:
                s.sendall(b"ECHO\nx")
                return s.recv(1) == b"x"
            s.sendall(b"GET /bytes/1 HTTP/1.1\r\nHost: o\r\n\r\n")
            return s.recv(1) == b"H"

    def load_command(self, mode, *more):
        port = self.peer.port if self.peer.direct else ORIGIN
        command = [self.bench.tool("proxyload"), mode, "--json", "--target", f"127.0.0.1:{port}",
                   "--pidtree", str(self.process.pid), *more]
        if self.peer.direct:
            command += ["--direct"]
        else:
            command += ["--proxy", f"127.0.0.1:{self.peer.port}"]
        if hasattr(self.peer, "digest"):
            command += ["--digest", self.peer.digest]
        return on_core(self.bench.cores[1], command)

    def load(self, mode, *more):
        """What proxyload found, or None."""
        spread = SPREAD if not self.peer.direct else SPREAD[2:]
        try:
            said = subprocess.run(self.load_command(mode, *more, *spread), capture_output=True,
                                  text=True, timeout=120, check=False).stdout
            found = json.loads(said)
        except (subprocess.TimeoutExpired, ValueError):
            return None
        if found["errors"] > found.get("tunnels", found.get("requests", found.get("opened", 0))) / 100:
            progress("")
            print(f"{self.name}: {mode} {' '.join(more)}: {found['errors']} errors")
        return found

    def stop(self):
        tree = descendants(self.process.pid)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(3)
        for pid in tree:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        build = os.path.dirname(os.path.abspath(options.viaduct))
        self.tools = os.path.join(build, "bench")
        self.cores = sorted(os.sched_getaffinity(0))[:2]
        self.port = FIRST_PORT
        self.results = {}       # (figure, proxy): values
        Floor.tool = self.tool("relayfloor")
        Viaduct.tool = os.path.abspath(options.viaduct)
        wanted = options.only.split(",") if options.only else list(PEERS)
        self.names = [n for n in PEERS if n in wanted and PEERS[n].is_installed()]
        for name in wanted:
            if name not in self.names:
                print(f"{name} is not installed: left out")

    def tool(self, name):
        return os.path.join(self.tools, name)

    def next_port(self):
        self.port += 1
        return self.port

    def put(self, figure, name, value):
        if value is not None:
            self.results.setdefault((figure, name), []).append(value)

    def median(self, figure, name):
        values = self.results.get((figure, name))
        return statistics.median(values) if values else None

    def best(self, figure):
        """Of the explicit proxies that are not ours."""
        values = [self.median(figure, n) for n in self.names
                  if not issubclass(PEERS[n], (Viaduct, Floor)) and not PEERS[n].direct]
        return min((v for v in values if v), default=None)

    def select(self, what):
        return [n for n in self.names if getattr(PEERS[n], what)]

    @contextlib.contextmanager
    def all_running(self, names):
        running = []
        try:
            for name in names:
                progress(f"starting {name}")
                try:
                    running.append(Running(self, name))
                except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                    progress("")
                    print(f"{name}: {error}")
            yield running
        finally:
            for r in running:
                r.stop()

    def rounds(self, unit, running):
        for number in range(self.options.runs):
            for r in running:
                progress(f"{unit}, round {number + 1} of {self.options.runs}: {r.name}")
                yield r

    # ---- units

    def seconds(self, full):
        return f"{max(full * self.options.scale, 0.2):.2f}"

    def tunnels(self):
        with self.all_running(self.select("tunnels")) as running:
            for r in running:
                r.load("connect-rate", "-c", "64", "-d", self.seconds(1))
            for r in self.rounds("tunnels", running):
                for at_once in (1, 64, 512):
                    found = r.load("connect-rate", "-c", str(at_once), "-d", self.seconds(3))
                    if not found:
                        continue
                    self.put(f"tunnel {at_once}", r.name, found["cpu_us_per_tunnel"])
                    if at_once == 1:
                        self.put("setup p50", r.name, found["setup_p50_us"])
                        self.put("setup p99", r.name, found["setup_p99_us"])
            for r in running:
                if isinstance(r.peer, (Viaduct, Floor)):
                    self.beside_idle(r)

    def beside_idle(self, r):
        count = max(int(9000 * self.options.scale), 100)
        idle = subprocess.Popen(r.load_command("idle", "-n", str(count), "--hold", "600", *SPREAD),
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            idle.stderr.readline()              # "... tunnels open"
            time.sleep(0.5)
            for number in range(self.options.runs):
                progress(f"beside {count} idle tunnels, {number + 1}: {r.name}")
                found = r.load("connect-rate", "-c", "64", "-d", self.seconds(3))
                self.put("tunnel idle", r.name, found and found["cpu_us_per_tunnel"])
        finally:
            idle.kill()
            idle.communicate()
            time.sleep(0.5)

    def bulk(self):
        total = max(int((2 << 30) * self.options.scale), 64 << 20)
        with self.all_running(self.select("tunnels")) as running:
            for r in running:
                r.load("bulk", "-c", "8", "--bytes", str(1 << 22))
            for r in self.rounds("bulk", running):
                for at_once in (1, 8, 64):
                    found = r.load("bulk", "-c", str(at_once), "--bytes", str(total // at_once))
                    self.put(f"bulk {at_once}", r.name, found and found["cpu_s_per_gib"])

    def get(self):
        with self.all_running(self.select("http")) as running:
            for r in running:
                r.load("get-rate", "-c", "64", "-d", self.seconds(1), "--keepalive")
            for r in self.rounds("get", running):
                for size in ("1k", "64k"):
                    found = r.load("get-rate", "-c", "64", "-d", self.seconds(3), "--size", size,
                                   "--keepalive")
                    self.put(f"get {size}", r.name, found and found["cpu_us_per_request"])

    def idle(self):
        count = str(max(int(9000 * self.options.scale), 500))
        for number in range(self.options.runs):
            for name in self.select("tunnels"):
                progress(f"idle, round {number + 1}: {name}")
                with self.all_running([name]) as running:
                    for r in running:
                        r.load("connect-rate", "-c", "16", "-n", "200")
                        found = r.load("idle", "-n", count, "--hold", "1") or {}
                        self.put("memory", name, found.get("pss_before_kb"))
                        self.put("idle", name, found.get("pss_bytes_per_tunnel"))
                        self.put("idle used", name, found.get("pss_bytes_per_used_tunnel"))

    def calls(self):
        if not shutil.which("strace"):
            print("strace is not installed: no system calls are counted")
            return
        with self.all_running(self.select("tunnels")) as running:
            for r in running:
                progress(f"system calls: {r.name}")
                self.count(r, "calls", "connect-rate", "tunnels")
                if r.peer.http:
                    self.count(r, "calls get", "get-rate", "requests", "--keepalive")

    def count(self, r, figure, mode, unit, *more):
        r.load(mode, "-c", "16", "-n", "400", *more)
        report = os.path.join(r.folder, "strace")
        attach = [x for pid in descendants(r.process.pid) for x in ("-p", str(pid))]
        tracer = subprocess.Popen(["strace", "-f", "-c", "-o", report, *attach],
                                  stderr=subprocess.DEVNULL)
        time.sleep(1)           # it says of no process that it is attached in a way to wait for
        found = r.load(mode, "-c", "16", "-n", "1000", *more)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        with open(report, encoding="utf-8") as file:
            total = re.search(r"^100\.00\s+\S+\s+\d+\s+(\d+)", file.read(), re.M)
        if found and total:
            self.put(figure, r.name, int(total[1]) / found[unit])

    def start(self):
        for number in range(self.options.runs * 5):
            for name in self.select("tunnels"):
                if name == "viaduct-all" or (number and name not in ("viaduct", "floor")):
                    continue
                progress(f"start, {number + 1}: {name}")
                with self.all_running([name]) as running:
                    for r in running:
                        self.put("start", name, r.ready * 1000)

    # ---- what came of it

    def print_table(self, title, figures):
        figures = {head: f for head, f in figures.items()
                   if any(self.median(f, n) is not None for n in self.names)}
        if not figures:
            return
        print(f"\n{title}\n\n{'':18}" + "".join(f"{head:>14}" for head in figures))
        for name in self.names:
            values = [self.median(f, name) for f in figures.values()]
            if any(v is not None for v in values):
                print(f"{name:18}" + "".join("             -" if v is None else f"{v:14.4g}"
                                             for v in values))

    def print_tables(self):
        self.print_table("CPU for each tunnel, us (open, 16 bytes there and back, close)", {
            "1 at once": "tunnel 1", "64": "tunnel 64", "512": "tunnel 512",
            "64, 9000 idle": "tunnel idle", "set-up p50": "setup p50", "p99": "setup p99"})
        self.print_table("CPU for each GiB, s", {"1 tunnel": "bulk 1", "8": "bulk 8",
                                                 "64": "bulk 64"})
        self.print_table("CPU for each GET, us", {"1 KiB": "get 1k", "64 KiB": "get 64k"})
        self.print_table("Memory (PSS)", {"idle, kB": "memory", "bytes/tunnel": "idle",
                                          "when used": "idle used"})
        self.print_table("System calls; start", {"each tunnel": "calls", "each GET": "calls get",
                                                 "to tunnel, ms": "start"})

    def goals(self):
        """(what, value, bound, form)"""
        def of(a, b):
            return a / b if a is not None and b else None

        def ours(figure, name="viaduct"):
            return self.median(figure, name)
        floor, times = (lambda f: self.median(f, "floor")), "{:.2f} x"
        yield "CPU of a tunnel, 64 at once: of the best peer", \
            of(ours("tunnel 64"), self.best("tunnel 64")), 0.80, times
        yield "... of the floor", of(ours("tunnel 64"), floor("tunnel 64")), 1.0, times
        yield "512 at once: of 64", of(ours("tunnel 512"), ours("tunnel 64")), 1.05, times
        yield "... the floor's own", of(floor("tunnel 512"), floor("tunnel 64")), None, times
        yield "beside idle ones: of without", of(ours("tunnel idle"), ours("tunnel 64")), 1.05, times
        yield "system calls of a tunnel", ours("calls"), 16, "{:.1f}"
        yield "set-up, p50: of the best peer", of(ours("setup p50"), self.best("setup p50")), 0.9, \
            times
        yield "set-up, p99: of the best peer", of(ours("setup p99"), self.best("setup p99")), 0.75, \
            times
        for n in (1, 8, 64):
            yield f"CPU of a GiB, {n} at once: of the best peer", \
                of(ours(f"bulk {n}"), self.best(f"bulk {n}")), 0.60, times
            yield "... of the floor", of(ours(f"bulk {n}"), floor(f"bulk {n}")), 1.10, times
        yield "GET 1 KiB: of the best peer", of(ours("get 1k"), self.best("get 1k")), 0.75, times
        yield "... of haproxy as reverse proxy", \
            of(ours("get 1k"), self.median("get 1k", "haproxy-http")), 1.0, times
        yield "GET 64 KiB: of the best peer", of(ours("get 64k"), self.best("get 64k")), 0.60, times
        yield "memory of an idle tunnel", ours("idle"), 700, "{:.0f} bytes"
        yield "... that was used", ours("idle used"), 700, "{:.0f} bytes"
        yield "memory without a tunnel", ours("memory"), 1024, "{:.0f} kB"
        yield "first tunnel after exec", ours("start"), 6, "{:.1f} ms"
        for figure in ("tunnel 64", "bulk 8", "get 1k", "get 64k", "setup p50", "setup p99"):
            yield f"all on, {figure}: of without", \
                of(ours(figure, "viaduct-all"), ours(figure)), 1.25, times

    def print_goals(self):
        print(f"\n{'goal':52} {'is':>12} {'wanted':>14}\n")
        missed = 0
        for what, value, bound, form in self.goals():
            if value is None:
                print(f"{what:52} {'-':>12}                 not measured")
                continue
            wanted = "" if bound is None else "<= " + form.format(bound)
            met = "" if bound is None else "met" if value <= bound else "MISSED"
            missed += met == "MISSED"
            print(f"{what:52} {form.format(value):>12} {wanted:>14}  {met}")
        print(f"\n{missed} missed" if missed else "\nall that was measured is met")


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def write_setting(name, value):
    with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
        file.write(value)


def into_namespace():
    if os.environ.get("VIADUCT_BENCH_INSIDE"):
        return
    os.environ["VIADUCT_BENCH_INSIDE"] = "1"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    how = "-n" if os.geteuid() == 0 else "-rn"
    os.execvp("unshare", ["unshare", how, sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("viaduct")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--units", default=",".join(UNITS))
    options = parser.parse_args()
    unknown = [u for u in options.units.split(",") if u not in UNITS]
    if unknown:
        sys.exit(f"bench: no unit {', '.join(unknown)}; there are {', '.join(UNITS)}")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("bench: two cores are needed")
    into_namespace()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # h2o asks getaddrinfo for families that are in use here, and loopback addresses do not count
    subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], check=True)
    write_setting("ip_local_port_range", "16384 65535")
    write_setting("tcp_congestion_control", "reno")     # it does not pace
    with tempfile.TemporaryDirectory(prefix="viaduct-bench-") as folder:
        os.chmod(folder, 0o755)
        bench = Bench(options, folder)
        if options.scale != 1:
            print(f"Scale {options.scale:g}: the goals are meant for 1.")
        origin = subprocess.Popen(on_core(bench.cores[1], [bench.tool("proxyload"), "origin",
                                                           "--port", str(ORIGIN), "--threads", "1"]))
        try:
            for unit in options.units.split(","):
                getattr(bench, unit)()
        finally:
            origin.kill()
            origin.wait()
        progress("")
        bench.print_tables()
        bench.print_goals()
    return 0


if __name__ == "__main__":
    sys.exit(main())
