"""A proxy under test, origins made of sockets, and TAP for what they say to each other.

What an origin does is a function that is handed the accepted socket, so that each test says what its
peer says, byte by byte. Nothing here sleeps: whoever waits, waits for bytes or for an end.
"""
import fcntl
import itertools
import os
import re
import resource
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peer import deaf_port  # noqa: E402,F401  others take it from here

PATIENCE = 20  # seconds; for what should come at once
PAUSE = threading.Event()  # never set: its wait is how a fault takes its time


class Proxy:
    """viaduct proxy, on a port that the kernel picks."""

    def __init__(self, program, config="", descriptors=None, listen=";"):
        self.listens = listen  # what stands behind the address
        self.folder = tempfile.TemporaryDirectory(prefix="viaduct-")
        self.path = os.path.join(self.folder.name, "proxy.conf")
        self.write(config)

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.process = subprocess.Popen([*program, "-c", self.path], stderr=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True, preexec_fn=limit)
        self.said = []
        self.news = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        self.port = int(self.wait_for(r"listening on 127\.0\.0\.1:(\d+)")[1])

    def write(self, config):
        text = "listen 127.0.0.1:0%s\nworkers 1;\nlog access %s;\n" % (
            self.listens, os.environ.get("ACCESS_LOG", "none"))
        if "rule" not in config:
            config += "rule allow from 127.0.0.0/8 port 1-65535;\n"
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(text + "name viaduct;\ndestinations private allow;\ntimeout drain 5s;\n" + config)

    def listen(self):
        for line in self.process.stderr:
            with self.news:
                self.said.append(line.rstrip())
                self.news.notify_all()
        with self.news:
            self.said.append("(ended)")
            self.news.notify_all()

    def wait_for(self, pattern, begin=0):
        """The first line that it says, from the begin'th on, in which the pattern is found."""
        def find():
            return next((m for m in (re.search(pattern, line) for line in self.said[begin:]) if m),
                        None)
        with self.news:
            if not self.news.wait_for(lambda: find() or "(ended)" in self.said, PATIENCE):
                raise TimeoutError(f"it never said {pattern!r}: {self.said}")
            if not find():
                raise RuntimeError(f"it ended: {self.said}")
            return find()

    def connect(self, first=b""):
        s = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if first:
            s.sendall(first)
        return s

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.folder.cleanup()
        return self.process.returncode


class Origin:
    """Accepts, and lets `serve` talk to each connection in a thread of its own."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.count = 0
        self.faults = []
        threading.Thread(target=self.run, args=(serve,), daemon=True).start()

    def run(self, serve):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.settimeout(PATIENCE)
            self.count += 1
            threading.Thread(target=self.one, args=(serve, s), daemon=True).start()

    def one(self, serve, s):
        try:
            serve(s)
        except OSError as fault:
            self.faults.append(fault)
        finally:
            s.close()

    def close(self):
        self.listener.close()


class Gate:
    """A forward proxy with one fault: CONNECT, and GET in absolute-form, handed on to where they say.

    cut: so many bytes come down, then it ends (`end`: fin, rst, stall); life: the same so many seconds
    after the request; rate: bytes a second that it hands on, rates: one a connection, in turn; flaky:
    the cuts, one a connection, then none; hold_back: behind so many bytes nothing comes until the client ends it; idle: it ends once
    nothing has passed for so many seconds. `seen`: the heads
    of the requests."""

    def __init__(self, cut=None, life=None, end="fin", rate=None, rates=(), flaky=(), hold_back=None, idle=None):
        self.cut, self.life, self.how = cut, life, end
        self.rates, self.hold_back = itertools.cycle(rates or (rate,)), hold_back
        self.cuts, self.idle = list(flaky), idle
        self.seen = []
        self.origin = Origin(self.serve)
        self.port = self.origin.port

    def serve(self, client):
        request = read_head(client)
        if not request:
            return
        self.seen.append(request)
        since = time.monotonic()
        method, target = request.split(b" ")[:2]
        where = re.search(rb"^(?:http://)?([^/]*):(\d+)", target)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        with socket.create_connection((where[1].decode(), int(where[2])), PATIENCE) as onward:
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = target[len(b"http://") + len(where[1] + b":" + where[2]):]
                onward.sendall(request.replace(target, path, 1))
                answer = read_head(onward)
                client.sendall(answer)
            self.pass_on(client, onward, since)

    def enough(self, count):
        return len(self.seen) >= count

    def end(self, client, onward):
        if self.how == "stall":
            read_all(client)
        elif self.how == "rst":
            while struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, b"\0" * 4))[0]:
                PAUSE.wait(0.01)   # what is not acknowledged yet would be thrown away
            reset(client)
            onward.close()
        else:
            client.shutdown(socket.SHUT_WR)
            onward.shutdown(socket.SHUT_RDWR)
            client.settimeout(1)
            read_all(client)

    def pass_on(self, client, onward, since):
        """Until either side has ended, or the fault strikes."""
        limit = self.cuts.pop(0) if self.cuts else self.cut
        rate = next(self.rates)
        end = since + self.life if self.life else None
        down = 0
        selector = selectors.DefaultSelector()
        selector.register(client, selectors.EVENT_READ)
        selector.register(onward, selectors.EVENT_READ)
        while True:
            ready = selector.select(self.idle if end is None else max(end - time.monotonic(), 0))
            if not ready or (end and end <= time.monotonic()):
                return self.end(client, onward)
            for key, _ in ready:
                if key.fileobj is client:
                    if not (piece := client.recv(65536)):
                        return None
                    onward.sendall(piece)
                    continue
                room = min(limit - down if limit else 65536, rate // 20 if rate else 65536,
                           self.hold_back - down if self.hold_back else 65536)
                if not (piece := onward.recv(room)):
                    client.shutdown(socket.SHUT_WR)
                    return None
                client.sendall(piece)
                down += len(piece)
                if down == limit:
                    return self.end(client, onward)
                if down == self.hold_back:
                    return read_all(client)
                if rate:
                    PAUSE.wait(len(piece) / rate)


def echo(s):
    while piece := s.recv(1 << 16):
        s.sendall(piece)


def relay(a, z):
    """Bytes between two sockets, until either has ended. In one thread: TLS can't be read in one and written
    in another."""
    with selectors.DefaultSelector() as selector:
        selector.register(a, selectors.EVENT_READ)
        selector.register(z, selectors.EVENT_READ)
        while ready := selector.select(PATIENCE):
            for key, _ in ready:
                onto = z if key.fileobj is a else a
                if not (piece := key.fileobj.recv(65536)):
                    return
                onto.sendall(piece)
                while isinstance(key.fileobj, ssl.SSLSocket) and key.fileobj.pending():
                    onto.sendall(key.fileobj.recv(65536))


def read_head(s):
    """Up to and with the empty line, and not a byte more."""
    head = b""
    peek = 0 if isinstance(s, ssl.SSLSocket) else socket.MSG_PEEK   # TLS can't
    while not head.endswith(b"\r\n\r\n"):
        seen = s.recv(65536 if peek else 1, peek)
        if not seen:
            return head
        end = (head + seen).find(b"\r\n\r\n")
        take = len(seen) if end < 0 else end + 4 - len(head)
        head += s.recv(take) if peek else seen
    return head


def read_exactly(s, count):
    got = b""
    while len(got) < count:
        piece = s.recv(min(count - len(got), 1 << 16))
        if not piece:
            break
        got += piece
    return got


def read_all(s):
    got = b""
    while piece := s.recv(1 << 16):
        got += piece
    return got


def length_of(head):
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return int(found[1]) if found else 0


def read_chunked(s):
    """Content and trailer section."""
    content = b""
    while True:
        line = b""
        while not line.endswith(b"\r\n"):
            line += s.recv(1)
        size = int(line, 16)
        if size == 0:
            break
        content += read_exactly(s, size)
        assert read_exactly(s, 2) == b"\r\n"
    trailer = b""
    while not trailer.endswith(b"\r\n\r\n") and trailer != b"\r\n":
        trailer += s.recv(1)
    return content, trailer


def read_answer(s, head_only=False):
    """One answer: its head, its content."""
    head = read_head(s)
    if head_only or re.match(rb"HTTP/1.1 (1..|204|304)", head):
        return head, b""
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        return head, read_chunked(s)[0]
    if re.search(rb"(?i)\r\ncontent-length:", head):
        return head, read_exactly(s, length_of(head))
    return head, read_all(s)


def status(head):
    found = re.match(rb"HTTP/1\.1 (\d+) ", head)
    return int(found[1]) if found else None


def reset(s):
    """Closes with a RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def is_reset(s):
    """Does the other side end it with a RST?"""
    try:
        read_all(s)
    except ConnectionResetError:
        return True
    return False


def with_origin(serve, config="", **more):
    """Wraps test(proxy, origin): a proxy and an origin of its own, and an exit in good order."""
    def wrap(test):
        def run(program):
            origin, proxy = Origin(serve), Proxy(program, config, **more)
            try:
                test(proxy, origin)
            finally:
                code = proxy.stop()
                origin.close()
            assert code == 0, f"exit status {code}"
        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run
    return wrap


def main(tests):
    """Runs every function of `tests` with the program's path(s); prints TAP."""
    program = sys.argv[1:]
    only = os.environ.get("ONLY")
    chosen = [t for t in tests if not only or only in t.__name__]
    print(f"1..{len(chosen)}")
    failed = 0
    for number, test in enumerate(chosen, 1):
        fault = None
        try:
            test(program)
        except Exception as wrong:  # whatever it is, the other tests are still to be run
            fault = wrong
        print(f"{'not ' if fault else ''}ok {number} - {test.__doc__ or test.__name__}")
        if fault:
            failed += 1
            traceback.print_exception(fault)   # on stderr: meson shows that of a TAP test, not its comments
        sys.stdout.flush()
    return 1 if failed else 0
