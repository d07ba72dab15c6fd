"""What the tests of faults share: a proxy of their own each, what the kernel knows of its process,
and origins that misbehave."""
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import peer  # noqa: E402
from peer import LIMIT, Client, Raw, Wire, deaf_port, same, want  # noqa: E402
from viaduct import Tap  # noqa: E402

SANITIZED = "--sanitized" in sys.argv   # then nothing is said about memory
TICKS = os.sysconf("SC_CLK_TCK")


class Proxy(peer.Proxy):
    """One that does not outlive a test which failed."""
    started, successors = [], []

    def __setattr__(self, name, value):
        if name == "process":
            Proxy.started.append(value)
        super().__setattr__(name, value)

    @classmethod
    def forget(cls):
        for process in cls.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        for pid in cls.successors:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        cls.started.clear()
        cls.successors.clear()


# ---- what the kernel knows of a process ------------------------------------------------------

def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon"))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def queued(ports):
    """Bytes in the receive and send queues of the sockets with such a local or remote port."""
    out = subprocess.run(["ss", "-Htn"], capture_output=True, text=True, check=True).stdout
    total = 0
    for line in out.splitlines():
        fields = line.split()
        local, peer = (int(a.rsplit(":", 1)[1]) for a in fields[3:5])
        if (local, peer) in ports or local in ports:
            total += int(fields[1]) + int(fields[2])
    return total


def eventually(what, complaint, limit=LIMIT):
    """Looks until it is so: for what tells nobody when it happens."""
    end = time.monotonic() + limit
    while not what():
        if time.monotonic() > end:
            raise AssertionError(complaint() if callable(complaint) else complaint)
        time.sleep(0.02)


def at_rest(number, still=0.3):
    """The number, once it has not changed for a while."""
    last, since = number(), time.monotonic()
    while time.monotonic() - since < still:
        time.sleep(0.03)
        now = number()
        if now != last:
            last, since = now, time.monotonic()
    return last


# ---- peers -----------------------------------------------------------------------------------

def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def echo(wire):
    while wire.more():
        wire.send(wire.got)
        wire.got = b""


def connect_to(origin):
    return b"CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n" % origin.host.encode()


def get(origin, path="/", more=""):
    return f"GET http://{origin.host}{path} HTTP/1.1\r\nHost: {origin.host}\r\n{more}\r\n".encode()


def tunnel(proxy, origin):
    client = Client(proxy.address)
    client.send(connect_to(origin))
    head = client.head()
    if head.status != 200:
        raise AssertionError(f"no tunnel: {head.raw!r}")
    return client


def says_back(client, text=b"hello"):
    client.send(text)
    same(client.exactly(len(text)), text, "through the tunnel")


class Closed:
    """A port that nobody listens at."""

    def __init__(self):
        self.host = f"127.0.0.1:{deaf_port()}"


class Silent:
    """A port that takes no connection and refuses none: its queue is full."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.filling = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.filling.append(s)

    def stop(self):
        for s in [self.listener, *self.filling]:
            s.close()


# ---- running ---------------------------------------------------------------------------------

class Threads:
    """Runs functions at once; join() raises the first fault of any."""

    def __init__(self):
        self.threads, self.faults = [], []

    def start(self, function, *arguments):
        def run():
            try:
                function(*arguments)
            except Exception as fault:  # handed to whoever joins
                self.faults.append(fault)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads.append(thread)

    def join(self, limit=3 * LIMIT):
        for thread in self.threads:
            thread.join(limit)
            want(not thread.is_alive(), "a thread did not end")
        if self.faults:
            raise self.faults[0]


def main(tests):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    arguments = [a for a in sys.argv[1:] if a != "--sanitized"]
    tap = Tap()
    for test in tests:
        if arguments[1:] and not any(word in test.__name__ for word in arguments[1:]):
            continue
        begun = time.monotonic()
        complaints = []
        try:
            why = test(arguments[0])
        except Exception:  # whatever a test meets is its result, not the end of the others
            complaints, why = [traceback.format_exc()], None
        Proxy.forget()
        if why and why.startswith("skip: "):
            tap.skip(test.__doc__, why[6:])
        else:
            tap.case(test.__doc__, complaints)
        if os.environ.get("TIMES"):
            print(f"# {test.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
    return tap.done()
