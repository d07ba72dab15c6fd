"""What the proxy's tests share: the proxy itself, an origin that follows a script, a raw client.

Everything is on loopback, on ports that the kernel picks. Whatever waits, waits for an event with
a limit (LIMIT seconds) that is only reached when something is broken."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

LIMIT = 20


HELD = []


def hold_port(reuse):
    """A port of all addresses that the kernel gives to nobody who leaves the choice to it, as long as we run."""
    dual = socket.has_dualstack_ipv6()
    s = socket.socket(socket.AF_INET6 if dual else socket.AF_INET)
    if dual:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    s.bind(("", 0))
    HELD.append(s)
    return s.getsockname()[1]


def free_port():
    """A port for a server that must be told one: it may listen there beside us, who don't, since it sets
    SO_REUSEADDR, as servers do."""
    return hold_port(True)


def deaf_port():
    """A port at which nobody listens, and nobody can begin to while the test runs."""
    return hold_port(False)


class Proxy:
    """`viaduct proxy` with a configuration of its own; stop() ends it and gives its exit status."""

    # So many lines of the default configuration as a test does not say otherwise.
    DEFAULT = """
workers 1;
destinations private allow;
rule allow from 127.0.0.0/8 ::1 port 1-65535;
timeout header 5s;
"""

    def __init__(self, program, config="", default=DEFAULT, log="none", wrapper=()):
        self.folder = tempfile.mkdtemp(prefix="viaduct-test-")
        self.port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.path = os.path.join(self.folder, "viaduct.conf")
        self.log = os.path.join(self.folder, "access.log")
        access = {"none": "log access none;", None: ""}.get(log, f"log access {self.log} {log};")
        self.write(f"listen 127.0.0.1:{self.port};\n{access}\n{default}\n{config}\n")
        self.error = open(os.path.join(self.folder, "stderr"), "w+b")
        self.process = subprocess.Popen([*wrapper, os.path.abspath(program), "proxy", "-c", self.path],
                                        stdin=subprocess.DEVNULL, stdout=self.error,
                                        stderr=self.error)
        self.wait_ready()

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(text)

    def said(self):
        with open(self.error.name, "rb") as f:
            return f.read().decode("utf-8", "backslashreplace")

    def wait_ready(self):
        """It listens: its first line says so. A proxy that ended says why."""
        pause = threading.Event()
        for _ in range(LIMIT * 100):
            try:
                socket.create_connection(self.address, 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the proxy ended: {self.said()}") from None
                pause.wait(0.01)
        raise RuntimeError(f"the proxy never listened: {self.said()}")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.error.close()
        said = self.said()
        shutil.rmtree(self.folder, ignore_errors=True)
        if status != 0 or "Sanitizer" in said or "runtime error" in said:
            raise RuntimeError(f"the proxy ended with {status}: {said[-4000:]}")


class Wire:
    """One side of a connection, with a buffer: reads heads, bodies, lines, ends."""

    def __init__(self, sock):
        sock.settimeout(LIMIT)
        self.sock, self.got = sock, b""

    def send(self, data):
        self.sock.sendall(data)
        return self

    def more(self):
        part = self.sock.recv(65536)
        self.got += part
        return bool(part)

    def until(self, mark):
        while mark not in self.got:
            if not self.more():
                raise EOFError(f"closed before {mark!r}: {self.got[:300]!r}")
        at = self.got.index(mark) + len(mark)
        out, self.got = self.got[:at], self.got[at:]
        return out

    def exactly(self, n):
        while len(self.got) < n:
            if not self.more():
                raise EOFError(f"closed after {len(self.got)} of {n} bytes")
        out, self.got = self.got[:n], self.got[n:]
        return out

    def rest(self):
        """All until the other side's end. A reset counts as an end that is told."""
        try:
            while self.more():
                pass
            self.was_reset = False
        except ConnectionResetError:
            self.was_reset = True
        out, self.got = self.got, b""
        return out

    def ended(self):
        """True when nothing more comes: the other side has closed, with FIN or RST."""
        return self.rest() == b""

    def close(self):
        self.sock.close()

    def chunked(self):
        """The content of a chunked body, and its trailers as a list of lines."""
        body = b""
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                break
            body += self.exactly(size)
            self.exactly(2)
        trailers = []
        while True:
            line = self.until(b"\r\n")
            if line == b"\r\n":
                return body, trailers
            trailers.append(line[:-2])


class Head:
    """A request's or an answer's head."""

    def __init__(self, raw):
        self.raw = raw
        lines = raw.split(b"\r\n")
        self.line = lines[0].decode("latin-1")
        self.fields = [tuple(p.strip() for p in l.decode("latin-1").split(":", 1))
                       for l in lines[1:] if l]

    def all(self, name):
        return [f[1] for f in self.fields if len(f) == 2 and f[0].lower() == name.lower()]

    def get(self, name):
        found = self.all(name)
        return found[0] if found else None

    @property
    def status(self):
        return int(self.line.split(" ")[1])

    @property
    def version(self):
        return self.line.split(" ")[0]


class Answer(Head):
    body = b""
    trailers = ()


class Client(Wire):
    credentials = b""   # a field that goes with every request, behind its first line

    def __init__(self, address):
        super().__init__(socket.create_connection(address, LIMIT))

    def dress(self, data):
        """Requests as this client sends them."""
        if not self.credentials:
            return data
        if b"Proxy-Authorization: " in data:
            return re.sub(rb"Proxy-Authorization: Basic \S+", self.credentials, data)
        return re.sub(rb"( HTTP/1\.\d\r\n)", rb"\1" + self.credentials + b"\r\n", data)

    def send(self, data):
        return super().send(self.dress(data))

    def head(self):
        return Answer(self.until(b"\r\n\r\n"))

    def answer(self, method="GET", interim=None):
        """The next final answer with its body; interim: a list that collects the 1xx."""
        while True:
            a = self.head()
            if a.status >= 200 or a.status == 101:
                break
            if interim is not None:
                interim.append(a)
        if method == "HEAD" or a.status in (204, 304, 101):
            return a
        if "chunked" in (a.get("Transfer-Encoding") or ""):
            a.body, a.trailers = self.chunked()
        elif a.get("Content-Length") is not None:
            a.body = self.exactly(int(a.get("Content-Length")))
        else:
            a.body = self.rest()
        return a

    def ask(self, data, method="GET"):
        return self.send(data).answer(method)


class Seen(Head):
    """A request as the origin got it."""
    body, trailers, connection = b"", (), 0

    @property
    def method(self):
        return self.line.split(" ")[0]

    @property
    def target(self):
        return self.line.split(" ")[1]


OK = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\n\r\nok"


class Origin:
    """A web server that answers by script: script[path] is bytes, or a function (wire, seen). Bytes
    that do not tell their own end close the connection, and so does a function that returns False.
    What came is in `seen`; what was accepted in `connections`."""

    def __init__(self, host="127.0.0.1", port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=512)
        self.port = self.listener.getsockname()[1]
        self.host = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.script, self.seen, self.connections = {}, [], 0
        self.raw = {}   # a token: first bytes without a head, to a function(wire)
        self.news = threading.Condition()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(Wire(sock), self.connections),
                             daemon=True).start()

    def talk(self, wire, number):
        wire.sock.settimeout(None)
        try:
            while True:
                seen = Seen(wire.until(b"\r\n\r\n"))
                seen.connection = number
                with self.news:
                    self.seen.append(seen)
                    self.news.notify_all()
                does = self.script.get(seen.target.split("?")[0], OK)
                if seen.get("Expect") and not callable(does):
                    wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                if not getattr(does, "reads_body", False):
                    self.read_body(wire, seen)
                if callable(does):
                    if does(wire, seen) is False:
                        break
                    continue
                wire.send(does)
                head = Head(does.split(b"\r\n\r\n")[0])
                if head.get("Connection") == "close" or not (
                        head.get("Content-Length") or head.get("Transfer-Encoding")
                        or head.status in (204, 304)):
                    break
        except (EOFError, OSError):
            pass
        finally:
            wire.close()

    @staticmethod
    def read_body(wire, seen):
        if "chunked" in (seen.get("Transfer-Encoding") or ""):
            seen.body, seen.trailers = wire.chunked()
        elif seen.get("Content-Length"):
            seen.body = wire.exactly(int(seen.get("Content-Length")))

    def wait_for(self, path, count=1):
        """The requests for that path, once there are so many."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.of(path)) >= count, LIMIT):
                raise AssertionError(f"{path} never reached the origin")
        return self.of(path)

    def of(self, path):
        return [s for s in self.seen if s.target.split("?")[0] == path]

    def stop(self):
        self.listener.close()


class Raw:
    """A TCP server whose every connection is handed to `does` (a Wire) in a thread of its own."""

    def __init__(self, does, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family, backlog=512)
        self.port = self.listener.getsockname()[1]
        self.host = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.does, self.wires = does, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            wire = Wire(sock)
            self.wires.append(wire)
            threading.Thread(target=self.one, args=(wire,), daemon=True).start()

    def one(self, wire):
        try:
            self.does(wire)
        except (EOFError, OSError):
            pass
        finally:
            wire.close()

    def stop(self):
        self.listener.close()


TINYPROXY = "Port PORT\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 30\nLogFile \"FOLDER/tiny.log\"\n"
SQUID = ("http_port 127.0.0.1:PORT\nacl blocked dstdomain blocked.example\nhttp_access deny blocked\n"
         "http_access allow all\npid_filename none\ncache_log /dev/null\naccess_log none\ncache deny all\n"
         "shutdown_lifetime 0 seconds\ncoredump_dir FOLDER\n")


class Foreign:
    """A proxy of another make, on a port of its own; waits until it listens."""

    def __init__(self, folder, program, config, words):
        self.port = free_port()
        path = os.path.join(folder, program + ".conf")
        with open(path, "w", encoding="ascii") as out:
            out.write(config.replace("PORT", str(self.port)).replace("FOLDER", folder))
        self.process = subprocess.Popen([program, *words, path], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        pause = threading.Event()
        for _ in range(LIMIT * 20):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                pause.wait(0.05)
        self.process.kill()
        raise RuntimeError(f"{program} does not listen")

    def stop(self):
        self.process.kill()
        self.process.wait()


def want(condition, what):
    if not condition:
        raise AssertionError(what)


def same(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
