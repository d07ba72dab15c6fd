#!/usr/bin/env python3
"""viaduct proxy at work: its log, its admin door, and `top`.

    door.py VIADUCT
"""
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import PLAIN, Broken, Tap, records, run  # noqa: E402

PATIENCE = 20  # seconds, for what comes at once


def origin():
    """Answers every request with five bytes; a port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(peer):
        with peer:
            while peer.recv(65536):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    def accept():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(peer,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


class Proxy:
    """A proxy with its folder; ends with `with`."""

    def __init__(self, program, log="log access access.log json;"):
        self.folder = tempfile.TemporaryDirectory(prefix="viaduct-door-")
        self.origin = origin()
        self.log = log
        self.configure()
        self.process = subprocess.Popen(
            [os.path.abspath(program), "proxy", "-c", self.path("proxy.conf")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder.name,
            env={**os.environ, **PLAIN})
        self.said = b""
        self.port = int(self.await_said(rb"listening on 127\.0\.0\.1:(\d+)").group(1))

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def configure(self, more=""):
        with open(self.path("proxy.conf"), "w", encoding="utf-8") as file:
            file.write(f"listen 127.0.0.1:0; workers 2; admin {self.path('door')};\n"
                       f"destinations private allow; {self.log}\n"
                       f"rule deny to denied.example;\nrule allow port {self.origin};\n{more}")

    def await_said(self, pattern):
        end = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern, self.said)
            if found:
                return found
            ready = select.select([self.process.stderr], [], [], end - time.monotonic())[0]
            more = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            if not more:
                raise Broken(f"never said {pattern}: {self.said}")
            self.said += more

    def await_log(self, pattern, name="access.log"):
        """The log, once it has that."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                with open(self.path(name), encoding="utf-8") as file:
                    text = file.read()
            except FileNotFoundError:
                text = ""
            if re.search(pattern, text):
                return text
            time.sleep(0.02)
        raise Broken(f"{pattern} never came in {name}: {text[-2000:]}")

    def say(self, request, keep=False):
        """What the proxy answers, up to what it says in one go; keep: the socket too."""
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        peer.sendall(request.encode())
        answer = peer.recv(65536)
        if keep:
            return peer, answer
        peer.close()
        return answer

    def get(self, host=None):
        host = host or f"127.0.0.1:{self.origin}"
        return self.say(f"GET http://{host}/x HTTP/1.1\r\nHost: {host}\r\n\r\n")

    def tunnel(self):
        to = f"127.0.0.1:{self.origin}"
        return self.say(f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n", keep=True)[0]

    def enter_door(self):
        """A connection to it, which opens after the listeners: it has a name before it is listened at."""
        end = time.monotonic() + PATIENCE
        while True:
            peer = socket.socket(socket.AF_UNIX)
            peer.settimeout(PATIENCE)
            try:
                peer.connect(self.path("door"))
                return peer
            except (FileNotFoundError, ConnectionRefusedError):
                peer.close()
                if time.monotonic() > end:
                    raise
            time.sleep(0.02)

    def knock(self, request):
        """Everything that the door answers to these bytes until it closes."""
        with self.enter_door() as peer:
            peer.sendall(request.encode())
            answer = b""
            while part := peer.recv(65536):
                answer += part
        return answer.decode()

    def ask(self, page, method="GET", more=""):
        """(status, body) of a page."""
        answer = self.knock(f"{method} {page} HTTP/1.1\r\nHost: localhost\r\n{more}"
                            "Connection: close\r\n\r\n")
        head, _, body = answer.partition("\r\n\r\n")
        return int(head.split(" ", 2)[1]), body

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()


def expect(*pairs):
    return [what for good, what in pairs if not good]


def one(text, **members):
    """The one record that has all of these members."""
    found = [r for r in records(text) if all(r.get(k) == v for k, v in members.items())]
    if len(found) != 1:
        raise Broken(f"{len(found)} records have {members}: {text[-3000:]}")
    return found[0]


def json_log(program, tap):
    with Proxy(program) as p:
        p.get()
        p.get("denied.example")
        p.tunnel().close()
        text = p.await_log(r"\A([^\n]*\n){3}\Z")
        good, bad = one(text, method="GET", status=200), one(text, status=403)
        tunnel = one(text, method="CONNECT")
        tap.case("a good request", expect(
            (good["verdict"] == "ok", good), (good["source"] == "proxy", good["source"]),
            (good["onward"]["origin"] == f"127.0.0.1:{p.origin}", good["onward"]),
            (good["answered_by"] == "origin", good), (good["bytes_down"] > 40, good)))
        tap.case("a rule that denies", expect(
            (bad["verdict"] == "denied", bad), (bad["why"] == "rule", bad),
            ("line 3" in bad["summary"], bad["summary"]), (bad["product"] == "viaduct", bad),
            (bad["answered_by"] == "proxy", bad), ("line 3" in bad["cause"][0], bad["cause"])))
        tap.case("a tunnel", expect(
            (tunnel["verdict"] == "ok", tunnel), (tunnel["closed_by"] == "client", tunnel),
            (tunnel["rtt_ms"] >= 0, tunnel), (tunnel["onward"]["rtt_ms"] >= 0, tunnel)))


def text_log(program, tap):
    with Proxy(program, "log access access.log text;") as p:
        p.get()
        p.get("denied.example")
        lines = sorted(p.await_log(r"(?s)(.+\n){2}").splitlines(), key=lambda x: "denied" in x)
        tap.case("text: a line each", expect(
            (len(lines) == 2, lines),
            (re.fullmatch(r"\S+Z 127\.0\.0\.1 - GET http://\S+ 200 \d+/\d+ \d+\.\dms ok", lines[0]),
             lines[0]),
            (re.fullmatch(r"\S+ 127\.0\.0\.1 - GET http://denied\.example/x 403 \S+ \S+ denied "
                          r"rule at line 3.*", lines[-1]), lines[-1])))


def rotation(program, tap):
    with Proxy(program) as p:
        p.get()
        before = p.await_log("\n")
        os.rename(p.path("access.log"), p.path("access.log.1"))
        p.process.send_signal(signal.SIGUSR1)
        after = p.await_log("", "access.log")
        sent = 0
        while not after and sent < 1000:   # the writer changes over a moment after the file is there
            p.get()
            sent += 1
            after = p.await_log("", "access.log")
        kept = p.await_log("\n", "access.log.1")
        after = p.await_log(r"\A([^\n]*\n){%d}\Z" % (1 + sent - kept.count("\n")))
        tap.case("USR1 opens the log anew", expect(
            (len(records(before)) == 1, before), (len(records(after)) >= 1, after),
            (kept.startswith(before), "what was in the old one changed")))
        p.log = "log access other.log text;"
        p.configure()
        status, body = p.ask("/reload", "POST")
        p.get()
        text = p.await_log("ms ok\n", "other.log")
        tap.case("a reload may name another log", expect(
            (status == 200, body), (text.count("\n") == 1, text)))


def full_disk(program, tap):
    folder = tempfile.mkdtemp(prefix="viaduct-door-")
    link = os.path.join(folder, "log")
    os.symlink("/dev/full", link)
    with Proxy(program, f"log access {link} json;") as p:
        answers = [p.get() for _ in range(20)]
        os.unlink(link)
        p.process.send_signal(signal.SIGUSR1)
        text = p.await_log(r"(?s)(\{\"v\".*\n){20}", link)
        tap.case("a full disk under the log stops nothing, and nothing is lost that fits", expect(
            (all(a.startswith(b"HTTP/1.1 200") for a in answers), answers),
            (len(records(text)) == 20, text[-500:])))
    os.unlink(link)
    os.rmdir(folder)


def door(program, tap):
    with Proxy(program) as p:
        p.get()
        p.get("denied.example")
        peer = p.tunnel()
        p.await_log(r"\A([^\n]*\n){2}\Z")   # both are over, for all who count or remember them
        status, body = p.ask("/healthz")
        tap.case("/healthz", expect((status == 200, status), (body == "ok\n", body)))
        status, body = p.ask("/metrics")
        lines = ("viaduct_tunnels_open 1", "viaduct_connections_total 3",
                 'viaduct_verdicts_total{verdict="denied"} 1',
                 'viaduct_refused_total{why="rule"} 1', "viaduct_log_dropped_total 0",
                 'viaduct_requests_finished_total{status="200"} 1')
        shape = re.compile(r"(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[^}]*\})? [0-9.]+)")
        tap.case("/metrics", expect(
            (status == 200, status), *((f"{x}\n" in body, f"{x}: {body}") for x in lines),
            *((shape.fullmatch(x), x) for x in body.splitlines())))
        status, body = p.ask("/connections")
        held = json.loads(body)
        tap.case("/connections", expect(
            (status == 200, status), (len(held) == 1, body),
            (held[0]["state"] == "tunnel" and held[0]["verdict"] == "open", body),
            (held[0]["target"] == f"127.0.0.1:{p.origin}", body),
            (held[0]["onward"]["rtt_ms"] >= 0 and held[0]["rtt_ms"] >= 0, body),
            (held[0]["age_ms"] >= 0, body)))
        status, body = p.ask("/why?client=127.0.0.1")
        other = json.loads(p.ask("/why?client=10.9.8.7")[1])
        tap.case("/why", expect(
            (status == 200, status), (other == [], other),
            (sorted(r["verdict"] for r in json.loads(body)) == ["denied", "ok"], body)))
        status, said, _ = run(program, ["proxy", "top", "--once", p.path("door")])
        tap.case("top --once", expect(
            (status == 0, status), ("1 tunnels" in said, said), ("CONNECT" in said, said)))
        status, said, _ = run(program, ["proxy", "top", "--json", "-c", p.path("proxy.conf")])
        seen = json.loads(said)
        tap.case("top --json", expect(
            (status == 0, status), (seen["metrics"]["viaduct_tunnels_open"] == 1, said),
            (len(seen["connections"]) == 1, said)))
        peer.close()


def manners(program, tap):
    def status(answer):
        return answer.split(" ", 2)[1] if answer.startswith("HTTP/1.1 ") else answer
    close = "Connection: close\r\n\r\n"
    with Proxy(program) as p:
        wanted = {
            "another name": (f"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n{close}", "421"),
            "no name": (f"GET /healthz HTTP/1.1\r\n{close}", "421"),
            "two names": (f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: a\r\n{close}", "421"),
            "an address": (f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:3129\r\n{close}", "200"),
            "HEAD": (f"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n{close}", "200"),
            "no such page": (f"GET /nothing HTTP/1.1\r\nHost: localhost\r\n{close}", "404"),
            "another method": (f"DELETE /reload HTTP/1.1\r\nHost: localhost\r\n{close}", "405"),
            "GET /reload": (f"GET /reload HTTP/1.1\r\nHost: localhost\r\n{close}", "405"),
            "a page in a browser": ("POST /reload HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                    f"Origin: http://evil.example\r\n{close}", "403"),
            "a proxy request": (f"GET http://a.example/ HTTP/1.1\r\nHost: localhost\r\n{close}",
                                "400"),
            "no HTTP": ("hello there\r\n\r\n", "400"),
            "a long head": ("GET / HTTP/1.1\r\nA: " + "a" * 9000, "431"),
            "a long body": ("POST /reload HTTP/1.1\r\nHost: localhost\r\n"
                            "Content-Length: 100000\r\n\r\n", "413"),
            "a client that is none": (f"GET /why?client=x HTTP/1.1\r\nHost: localhost\r\n{close}",
                                      "400"),
        }
        for name, (request, code) in wanted.items():
            answer = p.knock(request)
            tap.case(f"the door: {name}", expect((status(answer) == code, answer)))
        two = p.knock("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                      f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{close}")
        tap.case("the door: two requests at once", expect(
            (two.count("HTTP/1.1 200") == 2, two[:300])))
        p.configure("nonsense here;\n")
        code, body = p.ask("/reload", "POST")
        tap.case("a faulty file is not taken", expect(
            (code == 409, code), ("nonsense" in body, body),
            (p.get().startswith(b"HTTP/1.1 200"), "it no longer serves")))


def hand_over(program, tap):
    with Proxy(program) as p:
        peer = p.tunnel()
        p.process.send_signal(signal.SIGUSR2)
        successor = int(p.await_said(rb"handing over to process (\d+)").group(1))
        try:
            p.await_said(rb"handed over")
            peer.sendall(b"still there?")
            status, body = p.ask("/healthz")
            tap.case("the door is handed over with the rest", expect(
                (peer.recv(100).startswith(b"HTTP/1.1 200"), "the tunnel is gone"),
                (status == 200, body), (p.get().startswith(b"HTTP/1.1 200"), "nobody serves")))
            peer.close()
            tap.case("the old one ends with its last tunnel", expect(
                (p.process.wait(PATIENCE) == 0, p.process.returncode)))
        finally:
            os.kill(successor, signal.SIGTERM)


def main():
    program, tap = sys.argv[1], Tap()
    for check in (json_log, text_log, rotation, full_disk, door, manners, hand_over):
        try:
            check(program, tap)
        except (Broken, KeyError, OSError, ValueError) as error:
            tap.case(check.__name__, [repr(error)])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
