#!/usr/bin/env python3
"""The proxy as a service: reload, drain and hand-over under load, its log when the disk is full, what
it tells the service manager, whose rights it runs with, loops.

    proxy_service.py VIADUCT [--sanitized] [WORD...]"""
import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from faults import (LIMIT, Client, Proxy, Raw, Threads, connect_to, cpu_seconds, echo, eventually,
                    get, main, same, says_back, tunnel, want)
from peer import OK, Origin, Wire, free_port

ALL = "destinations private allow;\nrule allow from 127.0.0.0/8 ::1 port 1-65535;\n"
TWO = "workers 2;\n" + ALL


# ---- load --------------------------------------------------------------------------------------

class Load:
    """Clients that make requests, each by a kept connection or a new one, and tunnels that talk, until
    stop(), which raises what went wrong for any of them."""

    def __init__(self, proxy, clients=24, tunnels=8, kept=True):
        self.proxy, self.web, self.echo = proxy, Origin(), Raw(echo)
        self.over, self.requests, self.tunnels = threading.Event(), 0, 0
        self.threads = Threads()
        for number in range(clients):
            self.threads.start(self.ask, kept and number % 2 == 0)
        for number in range(tunnels):
            self.threads.start(self.talk)

    def ask(self, kept):
        client = None
        while not self.over.is_set():
            client = client or Client(self.proxy.address)
            answer = client.ask(get(self.web))
            same((answer.status, answer.body), (200, b"ok"), "a request under load")
            self.requests += 1
            if not kept or (answer.get("Connection") or "").lower() == "close":
                client.close()
                client = None

    def talk(self):
        """One tunnel that lives all the time, and a short one beside it again and again."""
        long = tunnel(self.proxy, self.echo)
        while not self.over.is_set():
            says_back(long, b"still there?")
            short = tunnel(self.proxy, self.echo)
            says_back(short)
            short.close()
            self.tunnels += 1
        long.close()

    def stop(self):
        self.over.set()
        self.threads.join()
        want(self.requests > 100 and self.tunnels > 20, f"{self.requests}, {self.tunnels}: no load")


def said_after(proxy, at, pattern):
    eventually(lambda: re.search(pattern, proxy.said()[at:]),
               lambda: f"it never said {pattern!r}: {proxy.said()[at:]!r}")
    return re.search(pattern, proxy.said()[at:])


def answers(address):
    try:
        with socket.create_connection(address, LIMIT):
            return True
    except (ConnectionRefusedError, ConnectionResetError):   # a listener that closes resets who is on the way
        return False


# ---- reload ------------------------------------------------------------------------------------

def reload_under_load(program):
    """SIGHUP and POST /reload every 50 ms under load: nothing fails"""
    door = free_port()
    proxy = Proxy(program, f"admin 127.0.0.1:{door};\n", default=TWO, log="json")
    load = Load(proxy)
    for turn in range(40):
        if turn % 2:
            proxy.signal(signal.SIGHUP)
        else:
            answer = Client(("127.0.0.1", door)).ask(
                b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            same(answer.status, 200, "POST /reload")
        time.sleep(0.05)
    load.stop()
    want(proxy.said().count("reloaded") >= 25, "it did not reload")
    want("not reloaded" not in proxy.said(), "a reload failed")
    proxy.stop()


def faulty_reload(program):
    """a faulty file changes nothing, and each fault is said with line and column"""
    door = free_port()
    proxy = Proxy(program, f"admin 127.0.0.1:{door};\n")
    origin = Origin()
    with open(proxy.path, encoding="utf-8") as f:
        good = f.read()
    lines = good.count("\n")
    proxy.write(good + "rule deny from 127.0.0.1;\ntimeout idle never;\nnonsense;\n")
    at = len(proxy.said())
    proxy.signal(signal.SIGHUP)
    said_after(proxy, at, r"not reloaded")
    told = proxy.said()[at:]
    want(f"viaduct.conf:{lines + 2}:14: " in told and f"viaduct.conf:{lines + 3}:1: " in told, told)
    answer = Client(("127.0.0.1", door)).ask(
        b"POST /reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    want(answer.status != 200 and f"viaduct.conf:{lines + 3}:1: ".encode() in answer.body, answer.body)
    same(Client(proxy.address).ask(get(origin)).status, 200, "under the old configuration")
    proxy.stop()


def listeners_come_and_go(program):
    """listen lines added and removed under load; one that is taken undoes the others of its file"""
    proxy = Proxy(program, default=TWO)
    with open(proxy.path, encoding="utf-8") as f:
        text = f.read()
    load = Load(proxy, clients=8, tunnels=4)
    old = None
    for _ in range(10):
        new = free_port()
        at = len(proxy.said())
        proxy.write(text + f"listen 127.0.0.1:{new};\n")
        proxy.signal(signal.SIGHUP)
        said_after(proxy, at, r"\breloaded")
        client = Client(("127.0.0.1", new))
        same(client.ask(get(load.web)).status, 200, "by the new listener")
        if old:
            eventually(lambda: not answers(("127.0.0.1", old)), "the old one still listens")
        old = new
    taken = socket.create_server(("127.0.0.1", 0))
    new = free_port()
    at = len(proxy.said())
    proxy.write(text + f"listen 127.0.0.1:{old};\nlisten 127.0.0.1:{new};\n"
                f"listen 127.0.0.1:{taken.getsockname()[1]};\n")
    proxy.signal(signal.SIGHUP)
    said_after(proxy, at, r"not reloaded")
    want(not answers(("127.0.0.1", new)), "a listener of a file that is not in force")
    same(Client(("127.0.0.1", old)).ask(get(load.web)).status, 200, "the one before")
    load.stop()
    proxy.stop()


def logs_follow(program):
    """a reload that names a log for the first time, or another one, opens it; one that can't is told"""
    proxy, origin = Proxy(program, log="none"), Origin()
    with open(proxy.path, encoding="utf-8") as f:
        text = f.read()

    def maps_openssl():
        with open(f"/proc/{proxy.process.pid}/maps", encoding="utf-8") as maps:
            return "libcrypto" in maps.read()

    linked = b"libcrypto" in subprocess.run(["ldd", program], capture_output=True, check=False).stdout
    same(maps_openssl(), linked, "without records nobody pays for OpenSSL; mapped")

    def log_to(path, news):
        at = len(proxy.said())
        proxy.write(text.replace("log access none;", f"log access {path} json;"))
        proxy.signal(signal.SIGHUP)
        said_after(proxy, at, news)
        said_after(proxy, at, r"\breloaded")
        same(Client(proxy.address).ask(get(origin)).status, 200, "a request")

    for name in ("first", "second"):
        path = os.path.join(proxy.folder, name)
        log_to(path, "reloaded")
        eventually(lambda: os.path.exists(path) and lines_of(path), f"nothing in the {name} log")
        want(maps_openssl(), "certificates can't be read: the workers may not load OpenSSL")
    log_to(os.path.join(proxy.folder, "no", "such"), "open the log .*no/such: No such file")
    eventually(lambda: len(lines_of(path)) == 2, "the log did not go on as it was")
    proxy.stop()


def nobody_reads(program):
    """standard error is a full pipe that nobody reads: it serves, reloads and ends"""
    origin = Origin()
    out, into = os.pipe()
    os.set_blocking(into, False)
    try:
        while True:
            os.write(into, bytes(4096))
    except BlockingIOError:
        os.set_blocking(into, True)
    proxy = Proxy(program)
    proxy.process.terminate()
    proxy.process.wait(LIMIT)
    proxy.process = subprocess.Popen([os.path.abspath(program), "proxy", "-c", proxy.path],
                                     stdin=subprocess.DEVNULL, stderr=into)
    os.close(into)
    proxy.wait_ready()
    client = Client(proxy.address)
    same(client.ask(get(origin)).status, 200, "before")
    with open(proxy.path, "a", encoding="utf-8") as f:
        f.write("name other;\n")
    proxy.signal(signal.SIGHUP)
    eventually(lambda: "other" in client.ask(get(origin)).get("Via"), "it did not reload")
    client.close()
    proxy.stop()
    os.close(out)


# ---- the log -----------------------------------------------------------------------------------

def lines_of(path):
    with open(path, "rb") as f:
        return f.read().splitlines()


def whole_lines_of(path):
    """The last one may be only half there while it is written."""
    with open(path, "rb") as f:
        return f.read().split(b"\n")[:-1]


def ask_often(proxy, origin, count):
    client = Client(proxy.address)
    for _ in range(count):
        same(client.ask(get(origin, "/" + "x" * 200)).status, 200, "a request")
    client.close()


def full_disk(program):
    """the disk under the log is full: requests go on, and when there is room the lost are counted"""
    folder = tempfile.mkdtemp(prefix="viaduct-full-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=False,
                             capture_output=True).returncode == 0
    if not mounted:
        os.rmdir(folder)
        return "skip: no right to mount"
    try:
        path, origin = os.path.join(folder, "access.log"), Origin()
        fill = os.path.join(folder, "fill")
        proxy = Proxy(program, f"log access {path} json;\n", default=ALL + "workers 1;\n", log=None)
        with open(fill, "wb") as f:
            f.write(bytes(40 << 10))
        ask_often(proxy, origin, 3000)   # more than the queue holds
        before = cpu_seconds(proxy.process.pid)
        time.sleep(1)
        want(cpu_seconds(proxy.process.pid) - before < 0.2, "it burns time at a full disk")
        os.unlink(fill)
        lost, kept = 0, 0

        def told():
            # room is made as logrotate would
            nonlocal lost, kept
            os.rename(path, path + ".1")
            proxy.signal(signal.SIGUSR1)
            eventually(lambda: os.path.exists(path), "no new log")
            *lines, last = lines_of(path + ".1") or [b""]
            for number, line in enumerate(lines + [last]):
                try:
                    record = json.loads(line)
                except ValueError:   # cut where the disk ended; it stands whole in the next file
                    same(number, len(lines), "the place of a line that is cut")
                    continue
                lost += record.get("lines", 0) if record.get("log") == "dropped" else 0
                kept += record.get("log") != "dropped"
            os.unlink(path + ".1")
            return lost > 0 and kept + lost >= 3000
        eventually(told, lambda: f"{kept} in the log, {lost} told as lost, of 3000")
        same(kept + lost, 3000, "all lines")
        proxy.stop()
    finally:
        subprocess.run(["umount", folder], check=True)
        os.rmdir(folder)
    return None


def never_a_log(program):
    """/dev/full, and a FIFO that nobody reads: requests go on, and it ends in good order"""
    folder = tempfile.mkdtemp(prefix="viaduct-fifo-")
    fifo, origin = os.path.join(folder, "fifo"), Origin()
    os.mkfifo(fifo)
    for path in ("/dev/full", fifo):
        proxy = Proxy(program, f"log access {path} text;\n", default=ALL + "workers 1;\n", log=None)
        ask_often(proxy, origin, 300)
        if path == fifo:
            reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
            eventually(lambda: b"GET" in read_some(reader), "nothing for who reads at last")
            os.close(reader)
            ask_often(proxy, origin, 300)
        proxy.stop()
    shutil.rmtree(folder)


def read_some(fd):
    try:
        return os.read(fd, 1 << 16)
    except BlockingIOError:
        return b""


def file_too_large(program):
    """RLIMIT_FSIZE under the log is no death"""
    origin = Origin()
    proxy = Proxy(program, log="json", wrapper=("prlimit", "--fsize=8192"))
    ask_often(proxy, origin, 100)
    proxy.stop()


# A /dev of its own, with what the proxy needs and a /dev/log that leads to the folder.
PRIVATE_DEV = """
set -e
mkdir "$0/dev"
mount -t tmpfs none "$0/dev"
for name in null zero full random urandom tty; do
    [ -e /dev/$name ] || continue
    touch "$0/dev/$name"
    mount --bind /dev/$name "$0/dev/$name"
done
ln -s "$0/syslog" "$0/dev/log"
mount --move "$0/dev" /dev
exec "$@"
"""


class Syslog:
    """What listens at /dev/log."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "syslog")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(LIMIT)
        self.socket.bind(self.path)

    def hears(self):
        text = self.socket.recv(1 << 16)
        want(text.startswith(b"<30>viaduct: "), f"{text[:40]}: not of the facility daemon, by its name")
        return json.loads(text[len(b"<30>viaduct: "):])

    def stop(self):
        self.socket.close()
        os.unlink(self.path)


def to_syslog(program):
    """/dev/log takes the records, waits for none, and may come late or start again"""
    wrapper = ("unshare", "--mount", "--propagation", "private")
    if subprocess.run([*wrapper, "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True).returncode:
        return "skip: no right to mount"
    folder, origin = tempfile.mkdtemp(prefix="viaduct-syslog-"), Origin()
    proxy = Proxy(program, "log access syslog json;\n", log=None,
                  wrapper=(*wrapper, "sh", "-c", PRIVATE_DEV, folder))
    client = Client(proxy.address)
    for turn in ("early", "late", "again"):
        syslog = Syslog(folder) if turn != "early" else None
        for number in range(3):
            same(client.ask(get(origin, f"/{turn}/{number}")).status, 200, f"a request, {turn}")
        if not syslog:
            continue
        kept = [syslog.hears()["target"] for _ in range(6 if turn == "late" else 3)]
        want([target.rsplit("/", 1)[1] for target in kept] == list("012") * (len(kept) // 3), f"{turn}: {kept}")
        syslog.stop()
    client.close()
    proxy.stop()
    shutil.rmtree(folder)
    return None


def rotation(program):
    """rename and USR1 or HUP, under load: each line once, none cut"""
    proxy, origin = Proxy(program, log="json"), Origin()
    threads, parts = Threads(), []
    for _ in range(4):
        threads.start(ask_often, proxy, origin, 250)
    for turn in range(10):
        parts.append(f"{proxy.log}.{turn}")
        os.rename(proxy.log, parts[-1])
        proxy.signal((signal.SIGUSR1, signal.SIGHUP)[turn % 2])
        eventually(lambda: os.path.exists(proxy.log), "no new log")
    threads.join()
    parts.append(proxy.log)
    eventually(lambda: sum(len(whole_lines_of(p)) for p in parts) >= 1000,
               lambda: f"{sum(len(whole_lines_of(p)) for p in parts)} lines of 1000")
    records = [json.loads(line) for part in parts for line in whole_lines_of(part)]
    same(len(records), 1000, "lines")
    proxy.stop()


# ---- ends and beginnings -----------------------------------------------------------------------

def killed(program):
    """kill -9 and start again at once: the address is free"""
    proxy, origin = Proxy(program), Raw(echo)
    for _ in range(3):
        held = [tunnel(proxy, origin) for _ in range(10)]
        proxy.process.kill()
        proxy.process.wait()
        proxy.process = subprocess.Popen([os.path.abspath(program), "proxy", "-c", proxy.path],
                                         stdin=subprocess.DEVNULL, stdout=proxy.error,
                                         stderr=proxy.error)
        proxy.wait_ready()
        says_back(tunnel(proxy, origin))
        for client in held:
            client.close()
    proxy.stop()


def drains(program):
    """SIGTERM: tunnel and download go on, nobody new comes in, the address is free, the end is 0"""
    go = threading.Event()

    def slowly(wire, _):
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + bytes(100000))
        go.wait(LIMIT)
        wire.send(bytes(100000))

    web, origin = Origin(), Raw(echo)
    web.script["/slow"] = slowly
    proxy = Proxy(program, default=TWO)
    running = tunnel(proxy, origin)
    download = Client(proxy.address).send(get(web, "/slow"))
    same(download.head().status, 200, "a download")
    idle = Client(proxy.address)
    same(idle.ask(get(web)).status, 200, "before it idles")
    proxy.signal(signal.SIGTERM)
    eventually(lambda: not answers(proxy.address), "it still listens")
    want(idle.ended(), "an idle connection is let go")
    says_back(running)
    second = Proxy.__new__(Proxy)
    second.__dict__.update(proxy.__dict__)
    second.process = subprocess.Popen([os.path.abspath(program), "proxy", "-c", proxy.path],
                                      stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    second.wait_ready()
    go.set()
    same(download.exactly(200000), bytes(200000), "the download")
    want(proxy.process.poll() is None, "it ended over a running tunnel")
    says_back(running)
    running.close()
    same(proxy.process.wait(LIMIT), 0, "its end")
    second.process.terminate()
    same(second.process.wait(LIMIT), 0, "the second one's end")
    proxy.stop()


def drain_deadline(program):
    """... until the deadline that the configuration sets: then it cuts, and ends with 0"""
    proxy, origin = Proxy(program, "timeout drain 1s;\n", log="json"), Raw(echo)
    running = tunnel(proxy, origin)
    says_back(running)
    proxy.signal(signal.SIGTERM)
    running.rest()
    want(running.was_reset, "a tunnel that is cut ends as if it were whole")
    same(proxy.process.wait(LIMIT), 0, "its end")
    want(b'"draining"' in b"".join(lines_of(proxy.log)), "the cut is not in the log")
    proxy.stop()


class Successors:
    """A proxy that hands over to itself; stop() ends the last one, which also dies with the test."""

    def __init__(self, proxy):
        self.proxy, self.last = proxy, proxy.process.pid

    def hand_over(self):
        at = len(self.proxy.said())
        os.kill(self.last, signal.SIGUSR2)
        self.last = int(said_after(self.proxy, at, r"handing over to process (\d+)")[1])
        Proxy.successors.append(self.last)
        said_after(self.proxy, at, r"handed over")

    def stop(self):
        os.kill(self.last, signal.SIGTERM)
        eventually(lambda: not os.path.exists(f"/proc/{self.last}"), "the last one did not end")
        self.proxy.process.wait(LIMIT)
        self.proxy.stop()


def hand_over_under_load(program):
    """SIGUSR2 under load, four times: nothing is refused or dropped, each line is in the log"""
    door = free_port()
    proxy = Proxy(program, f"admin 127.0.0.1:{door};\n", default=TWO, log="json")
    chain, load = Successors(proxy), Load(proxy)
    for _ in range(4):
        chain.hand_over()
        page = Client(("127.0.0.1", door)).ask(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        same(page.status, 200, "the successor's admin door")
        time.sleep(0.3)
    load.stop()
    expected = load.requests + load.tunnels + 8
    eventually(lambda: len(whole_lines_of(proxy.log)) >= expected,
               lambda: f"{len(whole_lines_of(proxy.log))} lines of {expected}")
    same(len([json.loads(line) for line in whole_lines_of(proxy.log)]), expected, "lines")
    chain.stop()


def hand_over_by_unix_door(program):
    """... with the admin door at a Unix socket"""
    folder = tempfile.mkdtemp(prefix="viaduct-door-")
    path = os.path.join(folder, "door")
    proxy, origin = Proxy(program, f"admin {path};\n"), Raw(echo)
    chain = Successors(proxy)
    running = tunnel(proxy, origin)
    for _ in range(2):
        chain.hand_over()
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        want(b"200" in Wire(s).send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
             .until(b"\r\n"), "the door")
    says_back(running)
    running.close()
    chain.stop()
    shutil.rmtree(folder)


def hand_over_to_nothing(program):
    """a new binary that does not run, or a file that is faulty by now: the old one goes on"""
    folder = tempfile.mkdtemp(prefix="viaduct-binary-")
    copy = os.path.join(folder, "viaduct")
    shutil.copy(program, copy)
    proxy, origin = Proxy(copy), Raw(echo)
    with open(proxy.path, encoding="utf-8") as f:
        text = f.read()
    running = tunnel(proxy, origin)

    def fails():
        at = len(proxy.said())
        proxy.signal(signal.SIGUSR2)
        said_after(proxy, at, r"ended before it served")
        says_back(running)
        says_back(tunnel(proxy, origin))

    proxy.write(text + "nonsense;\n")
    fails()
    proxy.write(text)
    os.unlink(copy)
    with open(copy, "wb") as f:
        f.write(b"no program")
    os.chmod(copy, 0o755)
    fails()
    os.unlink(copy)
    shutil.copy(program, copy)
    chain = Successors(proxy)
    chain.hand_over()   # the new file at the old place
    says_back(running)
    says_back(tunnel(proxy, origin))
    running.close()
    chain.stop()
    shutil.rmtree(folder)


# ---- the service manager -----------------------------------------------------------------------

class Manager:
    """Hears what sd_notify says."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="viaduct-notify-")
        self.path = os.path.join(self.folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(LIMIT)

    def hears(self, *wanted):
        for text in wanted:
            got = self.socket.recv(4096).decode()
            want(got.startswith(text), f"{got!r} instead of {text!r}")
        return got

    def stop(self):
        self.socket.close()
        shutil.rmtree(self.folder)


def notifies(program):
    """sd_notify: READY, RELOADING with its time, MAINPID, STOPPING"""
    manager = Manager()
    proxy = Proxy(program, wrapper=("env", f"NOTIFY_SOCKET={manager.path}"))
    manager.hears("READY=1")
    proxy.signal(signal.SIGHUP)
    want("\nMONOTONIC_USEC=" in manager.hears("RELOADING=1"), "a reload without its time")
    manager.hears("READY=1")
    chain = Successors(proxy)
    chain.hand_over()
    manager.hears("READY=1", f"MAINPID={chain.last}")
    chain.stop()
    manager.hears("STOPPING=1")
    manager.stop()


LAUNCHER = """
import os, socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


def activated(program):
    """socket activation: the manager's socket is served, and handed over"""
    proxy = Proxy.__new__(Proxy)
    folder = tempfile.mkdtemp(prefix="viaduct-test-")
    port = free_port()
    path = os.path.join(folder, "viaduct.conf")
    error = open(os.path.join(folder, "stderr"), "w+b")
    proxy.__dict__.update(folder=folder, port=port, address=("127.0.0.1", port), path=path,
                          error=error)
    proxy.write(f"listen 127.0.0.1:{port};\nlog access none;\n{TWO}")
    proxy.process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(port), os.path.abspath(program), "proxy", "-c", path],
        stdin=subprocess.DEVNULL, stdout=error, stderr=error)
    proxy.wait_ready()
    origin = Raw(echo)
    running = tunnel(proxy, origin)
    chain = Successors(proxy)
    chain.hand_over()
    says_back(running)
    says_back(tunnel(proxy, origin))
    running.close()
    chain.stop()


# ---- rights ------------------------------------------------------------------------------------

def user_nobody(program):
    """started as root: port 81, then nobody for good, confined; log, reload and hand-over still work"""
    if os.geteuid() != 0:
        return "skip: not root"
    nobody, folder = pwd.getpwnam("nobody"), tempfile.mkdtemp(prefix="viaduct-nobody-")
    os.chmod(folder, 0o755)
    logs = os.path.join(folder, "logs")
    os.mkdir(logs)
    os.chown(logs, nobody.pw_uid, nobody.pw_gid)
    log, origin = os.path.join(logs, "access.log"), Raw(echo)
    copy = os.path.join(folder, "viaduct")
    shutil.copy(program, copy)
    path = os.path.join(folder, "viaduct.conf")
    users = os.path.join(folder, "users")
    subprocess.run([program, "proxy", "user", "add", "alice", "--file", users, "--realm", "r"],
                   input=b"secret\n", check=True, stdout=subprocess.DEVNULL)
    os.chown(users, nobody.pw_uid, nobody.pw_gid)
    # a port that only root may bind, at an address that nobody uses
    proxy = Proxy.__new__(Proxy)
    proxy.__dict__.update(folder=folder, port=81, address=("127.0.0.81", 81), path=path,
                          log=log, error=open(os.path.join(folder, "stderr"), "w+b"))
    text = (f"listen 127.0.0.81:81;\nlog access {log} json;\nuser nobody;\n{TWO}"
            f"auth basic digest {{ realm r; users {users}; }}\n")
    proxy.write(text)
    proxy.process = subprocess.Popen([copy, "proxy", "-c", path], stdin=subprocess.DEVNULL,
                                     stdout=proxy.error, stderr=proxy.error)
    proxy.wait_ready()
    said_after(proxy, 0, "confined")   # it listens before it gives up its rights
    with open(f"/proc/{proxy.process.pid}/status", encoding="utf-8") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    same(status["Uid"].split(), [str(nobody.pw_uid)] * 4, "its user")
    same(status["Gid"].split(), [str(nobody.pw_gid)] * 4, "its group")
    same(status["Groups"].split(), [str(g) for g in {nobody.pw_gid, *(
        g.gr_gid for g in grp.getgrall() if "nobody" in g.gr_mem)}], "its groups")
    same(int(status["CapEff"], 16) | int(status["CapPrm"], 16), 0, "its capabilities")
    same(os.stat(log).st_uid, nobody.pw_uid, "the log's owner")
    same(os.stat(log).st_mode & 0o777, 0o640, "the log's mode")
    limits = open(f"/proc/{proxy.process.pid}/limits", encoding="utf-8").read()
    want(re.search(r"Max core file size +0 +0 ", limits), limits)
    confined = {open(f"/proc/{proxy.process.pid}/task/{t}/status", encoding="utf-8").read()
                .split("Seccomp:\t")[1][0] for t in os.listdir(f"/proc/{proxy.process.pid}/task")}
    if "seccomp" in proxy.said():
        same(confined, {"0", "2"}, "threads with a filter and without one")

    def opens():
        client = Client(proxy.address)
        client.send(connect_to(origin)[:-2] +
                    b"Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n")
        same(client.head().status, 200, "a tunnel, with a slow hash")
        says_back(client)
        client.close()

    opens()
    eventually(lambda: lines_of(log), "nothing in the log")
    os.rename(log, log + ".1")
    at = len(proxy.said())
    proxy.signal(signal.SIGHUP)
    said_after(proxy, at, r"\breloaded")
    opens()
    eventually(lambda: os.path.exists(log) and lines_of(log), "nothing in the new log")
    chain = Successors(proxy)
    chain.hand_over()
    opens()
    chain.stop()
    return None


# ---- loops -------------------------------------------------------------------------------------

def own_addresses():
    """This host's addresses that are no loopback's."""
    out = subprocess.run(["ip", "-j", "address"], capture_output=True, check=False).stdout
    return [a["local"] for i in json.loads(out or b"[]") for a in i["addr_info"]
            if a["scope"] == "global"]


def own_listener(program):
    """a request for one of its own listeners, by whatever name or address, is 508"""
    with Both(program) as proxy:
        port = proxy.port
        hosts = ["127.0.0.1", "localhost", "LOCALHOST.", "[::1]", "0.0.0.0", "[::]", "127.0.0.2",
                 "[::ffff:127.0.0.1]", "2130706433"]
        hosts += [f"[{a}]" if ":" in a else a for a in own_addresses()]
        for host in hosts:
            for request in (f"GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n",
                            f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"):
                answer = Client(("127.0.0.1", port)).ask(request.encode())
                wanted = (400, 502, 508) if host == "2130706433" else (508,)
                want(answer.status in wanted, f"{request.splitlines()[0]}: {answer.line}")


class Both:
    """A proxy that listens to all addresses of both families."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        port = free_port()
        self.proxy = Proxy(self.program, f"listen 0.0.0.0:{port};\nlisten [::]:{port};\n",
                           default="destinations private allow;\nrule allow port 1-65535;\n")
        self.proxy.port = port
        return self.proxy

    def __exit__(self, *_):
        self.proxy.stop()


def circle(program):
    """two proxies, each the other's parent: 508, and nobody turns for ever"""
    first, second = Proxy(program, "name one;\n"), Proxy(program, "name two;\n")
    for proxy, other in ((first, second), (second, first)):
        with open(proxy.path, encoding="utf-8") as f:
            text = f.read()
        proxy.write(text + f"parent 127.0.0.1:{other.port};\n")
        at = len(proxy.said())
        proxy.signal(signal.SIGHUP)
        said_after(proxy, at, r"\breloaded")
    for request in (b"GET http://x.example/ HTTP/1.1\r\nHost: x.example\r\n\r\n",
                    b"CONNECT x.example:443 HTTP/1.1\r\nHost: x.example:443\r\n\r\n"):
        same(Client(first.address).ask(request).status, 508, request.split()[0])
    first.stop()
    second.stop()


TESTS = [
    reload_under_load, faulty_reload, listeners_come_and_go, logs_follow, nobody_reads, full_disk, never_a_log,
    file_too_large, to_syslog, rotation, killed, drains, drain_deadline, hand_over_under_load,
    hand_over_by_unix_door, hand_over_to_nothing, notifies, activated, user_nobody, own_listener,
    circle,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
