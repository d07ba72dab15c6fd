#!/usr/bin/env python3
"""viaduct watch among real proxies, in a network namespace of its own.

    watch.py VIADUCT WIRESEND CAPGEN [--sanitized]
"""
import collections
import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peer import SQUID, TINYPROXY, Client, Foreign, Origin, Proxy, want  # noqa: E402
from viaduct import PLAIN, Tap, records, run  # noqa: E402

GROUPS = 4      # side by side, each in a namespace of its own: they wait more than they work
LIMIT = 30      # seconds, for what comes within few
SECRET = b"b3BlbjpzZXNhbWU="
RULES = """
workers 1;
destinations private allow;
rule deny to denied.example;
rule allow from 127.0.0.0/8 10.78.0.0/16 ::1 port 1-65535;
"""

# The leak sanitizer reads /proc when all is over, and that is what the program may not do by then.
NO_LEAKS = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def until(true, what):
    end = time.monotonic() + LIMIT
    pause = threading.Event()
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"never: {what() if callable(what) else what}")
        pause.wait(0.02)


def command(*words):
    subprocess.run(words, check=True, capture_output=True)


def curl(proxy, url, *more):
    subprocess.run(["curl", "-s", "-o", "/dev/null", "-m", "10", "-x", proxy, *more, url], check=False)


class Watch:
    """The program at work: its records as they come, what it says."""

    def __init__(self, world, *words, interface="lo"):
        self.records, self.error = [], []
        self.process = subprocess.Popen(
            [world.program, "watch", "-i", interface, "--user", world.user, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **PLAIN, **NO_LEAKS})
        self.threads = [threading.Thread(target=self.take, args=(self.process.stdout, self.keep)),
                        threading.Thread(target=self.take, args=(self.process.stderr,
                                                                 self.error.append))]
        for t in self.threads:
            t.start()
        until(lambda: self.says("listening") or self.process.poll() is not None, "it listens")

    @staticmethod
    def take(pipe, keep):
        for line in pipe:
            keep(line)

    def keep(self, line):
        self.records.append(json.loads(line))

    def says(self, words):
        return next((l for l in list(self.error) if words in l), None)

    def find(self, **has):
        return [r for r in list(self.records) if all(r.get(k) == v for k, v in has.items())]

    def wait_for(self, count=1, **has):
        until(lambda: len(self.find(**has)) >= count or self.process.poll() is not None, lambda: self.state(has))
        want(len(self.find(**has)) >= count, self.state(has))
        return self.find(**has)[0]

    def state(self, has):
        """Why what was wanted may not have come."""
        return f"{has} among {self.brief()}; it said {self.error}, and its status is {self.process.poll()}"

    def brief(self):
        return [(r["verdict"], r.get("target")) for r in self.records]

    def stop(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(LIMIT)
        for t in self.threads:
            t.join()
        said = "".join(self.error)
        want("Sanitizer" not in said and "runtime error" not in said and "data race" not in said, said[-3000:])
        return status, said


@contextlib.contextmanager
def watching(world, *words, **more):
    w = Watch(world, *words, **more)
    try:
        yield w
    finally:
        w.stop()


class World:
    def __init__(self, words):
        self.program, self.wiresend, self.capgen = (os.path.abspath(w) for w in words[:3])
        self.sanitized = "--sanitized" in words
        with open("/proc/self/uid_map", encoding="ascii") as f:
            self.is_root = f.read().split()[2] != "1"     # or only within our own namespace
        self.user = "nobody" if self.is_root else "root"
        self.folder = tempfile.mkdtemp(prefix="viaduct-watch-")
        os.chmod(self.folder, 0o777)
        command("ip", "link", "set", "lo", "up")
        self.origin = Origin()
        self.proxy = Proxy(self.program, default=RULES)
        self.at = f"127.0.0.1:{self.proxy.port}"

    def url(self, path):
        return f"http://{self.origin.host}{path}"

    def path(self, name):
        return os.path.join(self.folder, name)

    def stop(self):
        self.proxy.stop()
        self.origin.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- what comes of it while it runs --------------------------------------------------------------

def as_they_happen(world):
    """Verdicts while it runs, of our own proxy; a failure on a connection that stays open, too."""
    with watching(world) as w:
        curl(world.at, world.url("/fine"))
        w.wait_for(verdict="ok", target=world.url("/fine"))
        with contextlib.closing(Client(("127.0.0.1", world.proxy.port))) as kept:
            kept.ask(b"GET http://denied.example/ HTTP/1.1\r\nHost: denied.example\r\n\r\n")
            r = w.wait_for(verdict="denied")
            want(r["severity"] == "failure" and r["status"] == 403, r)
        status, said = w.stop()
        want(status == 1 and "2 exchanges: 1 failure" in said, said)


def others(world):
    """squid and tinyproxy, and a port that nobody listens to."""
    with contextlib.ExitStack() as stack:
        w = stack.enter_context(watching(world))
        if shutil.which("squid") and world.is_root:  # which it wants to stop being
            squid = Foreign(world.folder, "squid", SQUID, ["-N", "-n", f"watch{os.getpid()}", "-f"])
            stack.callback(squid.stop)
            curl(f"127.0.0.1:{squid.port}", world.url("/squid"))
            curl(f"127.0.0.1:{squid.port}", "http://blocked.example/")
            w.wait_for(verdict="ok", target=world.url("/squid"))
            want(w.wait_for(verdict="denied")["product"] == "squid", w.brief())
            squid.stop()
            curl(f"127.0.0.1:{squid.port}", "http://blocked.example/")
            w.wait_for(verdict="proxy-refused")
        if shutil.which("tinyproxy"):
            tiny = Foreign(world.folder, "tinyproxy", TINYPROXY, ["-d", "-c"])
            stack.callback(tiny.stop)
            curl(f"127.0.0.1:{tiny.port}", world.url("/tiny"))
            curl(f"127.0.0.1:{tiny.port}", "http://nobody.invalid/")
            w.wait_for(verdict="ok", target=world.url("/tiny"))
            w.wait_for(product="tinyproxy", severity="failure")


def a_challenge(world):
    """A 407 whose answer is still under way, on another connection, is no failure."""
    listener = socket.create_server(("127.0.0.1", 0))
    at = listener.getsockname()

    def talk(answer, *fields):
        near = socket.create_connection(at)
        far, _ = listener.accept()
        near.sendall("\r\n".join(["CONNECT a.example:443 HTTP/1.1", "Host: a.example:443", *fields,
                                  "", ""]).encode())
        far.recv(4096)
        far.sendall(answer)
        return near, far

    with watching(world) as w, listener:
        first = talk(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                     b"Proxy-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n")
        second = talk(b"HTTP/1.1 200 OK\r\n\r\n", "Proxy-Authorization: Basic " + SECRET.decode())
        for s in first:
            s.close()
        r = w.wait_for(target="a.example:443")
        want(r["verdict"] == "challenged", r["verdict"])
        for s in second:
            s.close()
        w.wait_for(count=2, target="a.example:443")


def the_end(world):
    """What is in progress at the end comes then; SIGHUP does no harm, SIGTERM ends."""
    with watching(world) as w, contextlib.closing(Client(("127.0.0.1", world.proxy.port))) as kept:
        gate = threading.Event()
        world.origin.script["/slow"] = lambda wire, seen: gate.wait(LIMIT) and False
        kept.send(f"GET {world.url('/slow')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        world.origin.wait_for("/slow")
        w.process.send_signal(signal.SIGHUP)
        curl(world.at, world.url("/later"))
        w.wait_for(verdict="ok")
        want(not w.find(target=world.url("/slow")), "it came too early")
        status, said = w.stop(signal.SIGTERM)
        gate.set()
        want(status == 0 and "2 exchanges" in said, said)
        want(w.find(target=world.url("/slow"))[0]["verdict"] == "open", w.brief())


# ---- packets on disk, history, figures -----------------------------------------------------------

def a_ring(world):
    """The last packets, and those of a failure without what is secret."""
    folder = world.path("ring")
    with watching(world, "--ring", folder, "64M") as w:
        curl(world.at, "http://denied.example/", "-H", "Authorization: Basic " + SECRET.decode())
        w.wait_for(verdict="denied")
        until(lambda: [f for f in os.listdir(folder) if f.startswith("failure")], "its slice")
        w.stop()
    slices = [os.path.join(folder, f) for f in os.listdir(folder) if f.startswith("failure")]
    ring = [os.path.join(folder, f) for f in os.listdir(folder) if f.startswith("ring")]
    want(len(slices) == 1 and "-denied-" in slices[0], slices)
    with open(slices[0], "rb") as f:
        content = f.read()
    want(SECRET not in content and b"denied.example" in content and b"*" * len(SECRET) in content,
         "the slice holds the secret, or too little")
    want(any(SECRET in open(r, "rb").read() for r in ring), "the ring lost the packets")
    want(all(os.stat(p).st_mode & 0o077 == 0 for p in slices + ring), "others may read them")
    found = records(run(world.program, ["read", "--json", slices[0]])[1])
    want([r["verdict"] for r in found] == ["denied"], found)


def a_small_ring(world):
    """It stays within its room, whatever comes, and goes on where an earlier run ended."""
    folder, capture = world.path("small"), world.path("some.pcap")
    command(world.capgen, "-o", capture, "-n", "60", "-b", "200000", "-k", "ok-get")
    with a_wire():
        for _ in range(2):
            with watching(world, "--ring", folder, "8M", interface="wire1") as w:
                command(world.wiresend, "-i", "wire0", "-r", "400", "-n", "2", capture)
                w.wait_for(count=20, verdict="ok")
    size = sum(os.stat(os.path.join(folder, f)).st_size for f in os.listdir(folder))
    want(4 << 20 < size <= 8 << 20, f"{size} bytes")
    names = sorted(os.listdir(folder))
    want(len(names) == len(set(names)) and names[0] != "ring-00000001.pcapng", names)


def a_history(world):
    """--store: the history has it within seconds."""
    folder = world.path("history")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    path = os.path.join(folder, "history.db")
    with watching(world, "--store", path) as w:
        if w.says("SQLite"):
            return "SQLite is not installed"
        curl(world.at, "http://denied.example/")
        w.wait_for(verdict="denied")

        def kept():
            with contextlib.closing(sqlite3.connect(path)) as db:
                return [json.loads(r[0])["verdict"] for r in db.execute("SELECT json FROM record")]
        until(lambda: kept() == ["denied"], "it is in the history")
    return None


def figures(world):
    """--metrics, on loopback."""
    with watching(world, "--metrics", "0") as w:
        page = re.search(r"http://\S+", w.says("metrics")).group(0)

        def read():
            with urllib.request.urlopen(page, timeout=LIMIT) as answer:
                return dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines()
                            if not line.startswith("#"))
        want(read()['viaduct_watch_verdicts_total{verdict="denied"}'] == "0", read())
        curl(world.at, "http://denied.example/")
        until(lambda: read()['viaduct_watch_verdicts_total{verdict="denied"}'] == "1", read())
        want(read()['viaduct_watch_exchanges_total{severity="failure"}'] == "1", read())
        want(int(read()["viaduct_watch_packets_total"]) > 5, read())


# ---- what it is allowed --------------------------------------------------------------------------

def privileges(world):
    """Once it listens, nothing is left of them."""
    with watching(world) as w:
        with open(f"/proc/{w.process.pid}/status", encoding="ascii") as f:
            status = dict(line.split()[:2] for line in f if len(line.split()) > 1)
            f.seek(0)
            uids = next(line.split()[1:] for line in f if line.startswith("Uid:"))
        want(status["CapEff:"] == status["CapPrm:"] == "0" * 16, status["CapEff:"])
        want(world.sanitized or status["Seccomp:"] == "2", status["Seccomp:"])
        if world.is_root:
            want(uids == ["65534"] * 4, uids)


def refused(world):
    """What can't be: each says what, and what to do."""
    for words, said in (
            (["-i", "l0"], "there is no interface l0; did you mean lo?; there are any, lo"),
            (["-i", "lo", "--filter", "tcp prot 80"], "the filter 'tcp prot 80': "),
            (["-i", "lo", "--ring", world.folder, "1M"], "'1M' is not a size"),
            (["-i", "lo", "--metrics", "somewhere"], "'somewhere' is not an address"),
            (["-i", "lo", "--user", "no-such-user"], "there is no user no-such-user"),
            (["lo"], "no interface was named")):
        status, _, err = run(world.program, ["watch", *words])
        want(status == 2 and said in err, f"{words}: {err}")
    if world.is_root:
        with tempfile.TemporaryDirectory() as folder:   # root's own folders are closed to others
            os.chmod(folder, 0o755)
            program = shutil.copy(world.program, folder)
            done = subprocess.run([program, "watch", "-i", "lo"], user=65534, check=False,
                                  capture_output=True, text=True)
        want(done.returncode == 2 and "CAP_NET_RAW" in done.stderr, done.stderr)


# ---- interfaces ----------------------------------------------------------------------------------

@contextlib.contextmanager
def a_wire():
    command("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
    command("ip", "link", "set", "wire0", "up")
    command("ip", "link", "set", "wire1", "up")
    try:
        yield
    finally:
        subprocess.run(["ip", "link", "del", "wire0"], check=False, capture_output=True)


def down_and_away(world):
    """An interface that goes down is waited for; one that goes away is the end."""
    with a_wire(), watching(world, interface="wire1") as w:
        command("ip", "link", "set", "wire1", "down")
        until(lambda: w.says("wire1 is down; waiting"), "it says so")
        command("ip", "link", "set", "wire1", "up")
        until(lambda: w.says("wire1 is up again"), "it says so")
        command("ip", "link", "del", "wire0")
        want(w.process.wait(LIMIT) == 2, "it did not end")
        want(w.says("disappeared"), w.error)


def everywhere(world):
    """-i any: what crosses a bridge is seen on several interfaces, and counts once."""
    with contextlib.ExitStack() as stack:
        for words in ("link add bridge0 type bridge", "addr add 10.78.1.1/24 dev bridge0",
                      "link set bridge0 up", "link add port0 type veth peer name far0",
                      "link set port0 master bridge0", "link set port0 up"):
            command("ip", *words.split())
        stack.callback(command, "ip", "link", "del", "bridge0")
        far = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 300"],
                               stdout=subprocess.PIPE)
        stack.callback(far.wait)
        stack.callback(far.kill)
        far.stdout.readline()
        inside = ["nsenter", "-t", str(far.pid), "--net"]
        command("ip", "link", "set", "far0", "netns", str(far.pid))
        command(*inside, "ip", "addr", "add", "10.78.1.2/24", "dev", "far0")
        command(*inside, "ip", "link", "set", "far0", "up")
        origin = Origin(host="10.78.1.1")
        proxy = Proxy(world.program, f"listen 10.78.1.1:{world.proxy.port + 1};", default=RULES)
        stack.callback(proxy.stop)
        stack.callback(origin.stop)
        w = stack.enter_context(watching(world, interface="any"))
        subprocess.run([*inside, "curl", "-s", "-o", "/dev/null", "-m", "20", "-x",
                        f"10.78.1.1:{world.proxy.port + 1}", f"http://{origin.host}/far"], check=True)
        r = w.wait_for(verdict="ok", target=f"http://{origin.host}/far")
        curl(world.at, world.url("/near"))
        w.wait_for(verdict="ok", target=world.url("/near"))
        want(len(w.records) == 2 and r["client"].startswith("10.78.1.2"), w.brief())
        want(r["retrans_up"] == r["retrans_down"] == 0, r)
        _, said = w.stop()
        want(re.search(r"copies|twice|again", said), said)


# ---- many packets --------------------------------------------------------------------------------

def drops(world):
    """What the ring has no room for is counted, and said."""
    capture = world.path("flood.pcap")
    command(world.capgen, "-o", capture, "-n", "40", "-b", "300000", "-k", "ok-get")
    with a_wire(), watching(world, "--buffer", "1M", interface="wire1") as w:
        w.process.send_signal(signal.SIGSTOP)
        command(world.wiresend, "-i", "wire0", capture)
        w.process.send_signal(signal.SIGCONT)
        until(lambda: w.says("dropped by the kernel"), "it says that it lost packets")
        dropped = int(re.search(r"(\d+) packets were dropped", w.says("dropped")).group(1))
        _, said = w.stop()
    want(dropped > 1000 and "lost" in said, said)


def sent_is_read(world):
    """A capture put on a wire gives what reading it gives, but for what takes longer there."""
    capture = world.path("mix.pcap")
    command(world.capgen, "-o", capture, "-n", "400", "-b", "3000", "-k", "denied")
    read = collections.Counter(r["verdict"] for r in
                               records(run(world.program, ["read", "--json", capture])[1]))
    with a_wire(), watching(world, interface="wire1") as w:
        command(world.wiresend, "-i", "wire0", "-r", "100", capture)
        w.wait_for(count=sum(read.values()))
        seen = collections.Counter(r["verdict"] for r in w.records)
        want(seen == read, f"{seen}, and read says {read}")
        want(not w.says("dropped"), w.error)


def for_weeks(world):
    """The same again and again: what it holds does not grow."""
    capture = world.path("round.pcap")
    command(world.capgen, "-o", capture, "-n", "3000", "-b", "1000")

    def peak(process):
        with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
    # without --ring and --store, whose queues are as full as the disk is slow
    with a_wire(), watching(world, "--only", "failures", interface="wire1") as w:
        peaks = []
        for _ in range(6):
            before = len(w.records)
            command(world.wiresend, "-i", "wire0", "-r", "300", capture)
            w.wait_for(count=before + 100, severity="failure")
            peaks.append(peak(w.process))
        want(peaks[-1] < peaks[2] + 2048, f"kB: {peaks}")


# ---- a terminal ----------------------------------------------------------------------------------

class Terminal:
    CLEAR = "\033[H\033[J"

    def __init__(self, world):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({**PLAIN, **NO_LEAKS, "TERM": "xterm", "COLUMNS": "110"})
            os.execv(world.program, [world.program, "watch", "-i", "lo", "--user", world.user,
                                     "-x", world.at])
        self.text = ""

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def read(self):
        try:
            more = os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:
            return False
        self.text += more
        return bool(more)

    def page(self):
        return self.text.split(self.CLEAR)[-1]

    def shows(self, true, what):
        end = time.monotonic() + LIMIT
        while not true(self.page()):
            if time.monotonic() > end or not (select.select([self.fd], [], [], LIMIT)[0] and
                                              self.read()):
                raise AssertionError(f"never shown: {what}; but {self.page()}")

    def end(self):
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def a_table(world):
    """On a terminal: failures first, filters, a card, and back."""
    t = Terminal(world)
    t.shows(lambda p: "no exchange yet" in p, "an empty table")
    curl(world.at, "http://denied.example/first")
    curl(world.at, world.url("/second"))
    t.shows(lambda p: 0 < p.find("denied.example/first") < p.find("/second"), "the failure first")
    t.press("\r")
    t.shows(lambda p: "Likely causes" in p and "403" in p, "its card")
    t.press("b")
    t.shows(lambda p: "/second" in p and "Evidence" not in p, "the table again")
    t.press("f")
    t.shows(lambda p: "/second" not in p and "/first" in p, "failures alone")
    t.press("f/seco\r")
    t.shows(lambda p: "/second" in p and "/first" not in p, "those with the word")
    t.press("/\033")
    t.shows(lambda p: "/second" in p and "/first" in p, "all again")
    t.press("v")
    t.shows(lambda p: "verdict: ok" in p and "/first" not in p, "one verdict alone")
    t.press("vvp")
    t.shows(lambda p: "PAUSED" in p, "that it pauses")
    curl(world.at, "http://denied.example/third")
    t.shows(lambda p: "3 exchanges" in p, "that it goes on counting")
    want("/third" not in t.page(), t.page())
    t.press("p")
    t.shows(lambda p: 0 < p.find("/third") < p.find("/first"), "the newest failure first")
    t.press("q")
    want(t.end() == 1, "its exit status")
    want("3 exchanges: 2 failures" in t.text.split("\033[?1049l")[-1], "no summary")


TESTS = [as_they_happen, others, a_challenge, the_end, a_ring, a_small_ring, a_history, figures,
         privileges, refused, down_and_away, everywhere, drops, sent_is_read, for_weeks, a_table]


def inside(words):
    tap, world = Tap(), World(words)
    for test in TESTS:
        name = test.__doc__.strip().rstrip(".")
        if test.__name__ not in words:
            continue
        if world.sanitized and test is for_weeks:
            tap.skip(name, "the sanitizers keep what is freed")
            continue
        try:
            skipped = test(world)
        except Exception as error:  # noqa: BLE001  a test's failure, whatever it was
            tap.case(name, [repr(error)])
        else:
            if skipped:
                tap.skip(name, skipped)
            else:
                tap.case(name)
    world.stop()
    return tap.done()


def collect(tap, group, process):
    out, err = process.communicate()
    for line in out.splitlines():
        found = re.match(r"(not )?ok \d+ - (.*?)( # SKIP (.*))?$", line)
        if found and found.group(3):
            tap.skip(found.group(2), found.group(4))
        elif found:
            name = found.group(2) + ": "
            said = [l.removeprefix(name) for l in err.splitlines() if l.startswith(name)]
            tap.case(found.group(2), said if found.group(1) else ())
    if process.returncode and "not ok" not in out or "1.." not in out:
        tap.case(" ".join(group), [out, err])


def main():
    words = sys.argv[1:]
    if words[0] == "--inside":
        return inside(words[1:])
    unshare = ["unshare", "--net"]
    if os.getuid() != 0:
        unshare += ["--user", "--map-root-user"]
    why = next((f"there is no {c}" for c in ("unshare", "nsenter", "ip", "curl")
                if not shutil.which(c)), None)
    if not why and subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        why = "no permission for namespaces"
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    chosen = {w for w in words[3:] if not w.startswith("--")}
    words = [w for w in words if w not in chosen]
    tap, names = Tap(), [t.__name__ for t in TESTS if not chosen or t.__name__ in chosen]
    groups = [names[i::GROUPS] for i in range(GROUPS)]
    processes = [subprocess.Popen([*unshare, sys.executable, os.path.abspath(__file__), "--inside",
                                   *words, *group], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) for group in groups]
    for group, process in zip(groups, processes):
        collect(tap, group, process)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
