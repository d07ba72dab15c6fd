#!/usr/bin/env python3
"""viaduct check --every and --listen, with real peers on loopback.

    every.py VIADUCT

Whatever waits, waits for a line, an answer or an end.
"""
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading

from check import at, main, made, over_tls, stubborn
from viaduct import PLAIN, records

SAMPLE = re.compile(r'^viaduct_check_[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? [-+.0-9e]+$')


class Keeper:
    """viaduct check --every, and what it says."""

    def __init__(self, b, *words, wrapper=()):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        self.process = subprocess.Popen([*wrapper, b.program, "check", *words], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env={**environment, **PLAIN})
        self.lines, self.news = [], threading.Condition()
        threading.Thread(target=self.listen, args=(self.process.stdout,), daemon=True).start()
        self.said, self.door = [], None
        threading.Thread(target=self.listen, args=(self.process.stderr, True), daemon=True).start()

    def listen(self, stream, aside=False):
        for line in stream:
            with self.news:
                (self.said if aside else self.lines).append(line.rstrip("\n"))
                self.news.notify_all()

    def wait_for(self, like, begin=0, aside=False):
        """The place behind the first line that is like that."""
        def find():
            lines = self.said if aside else self.lines
            return next((i + 1 for i in range(begin, len(lines)) if re.search(like, lines[i])), None)
        with self.news:
            if not self.news.wait_for(find, made.PATIENCE):
                raise TimeoutError(f"it never said {like!r}: {self.lines} {self.said}")
            return find()

    def ask(self, path, host=None, method="GET"):
        if not self.door:
            place = self.wait_for("metrics on http", aside=True)
            self.door = re.search(r"http://(.*)/metrics", self.said[place - 1])[1]
        name, _, port = self.door.rpartition(":")
        c = http.client.HTTPConnection(name.strip("[]"), int(port), timeout=made.PATIENCE)
        c.request(method, path, headers={"Host": host} if host else {})
        answer = c.getresponse()
        text = answer.read().decode()
        c.close()
        return answer.status, text

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        try:
            return self.process.wait(made.PATIENCE)   # the longest walk here would take 3,600
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "no end"


class Moody:
    """An origin whose answer, and certificate, can be changed."""

    def __init__(self, pki):
        self.status, self.contexts = b"200 OK", {n: pki.context(n) for n in ("good", "own")}
        self.context = self.contexts["good"]
        self.pause, self.never = 0, threading.Event()
        self.origin = made.Origin(self.serve)

    def serve(self, s):
        over_tls(self.context, self.answer)(s)

    def answer(self, s):
        while made.read_head(s):
            self.never.wait(self.pause)   # that it is slow is what is tested
            s.sendall(b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nhi" % self.status)


def trusted(b):
    path = b.pki.path("trusted.pem")
    with open(path, "w", encoding="ascii") as out:
        for name in ("ca.pem", "own.pem"):
            with open(b.pki.path(name), encoding="ascii") as part:
                out.write(part.read())
    return path


def changes(b):
    moody, proxy = Moody(b.pki), made.Proxy([b.program, "proxy"])
    url = f"https://localhost:{moody.origin.port}/x?token=SECRET"
    k = Keeper(b, "--every", "200ms", "--listen", "0", "--ca", trusted(b), "-x", at(proxy.port), url)
    place = k.wait_for(r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ ✓ ok ")
    b.tap.case("healthy", [] if k.ask("/healthz")[0] == 200 else [k.ask("/healthz")])
    moody.status = b"503 Busy"
    place = k.wait_for(r"✗ unavailable .* 503$", place)
    place = k.wait_for(r"^    changed: the verdict is unavailable, it was ok$", place)
    place = k.wait_for(r"^    changed: the answer is 503, it was 200$", place)
    place = k.wait_for(r"✗ unavailable", place)
    b.tap.case("a change is told, and no longer healthy", [] if k.ask("/healthz")[0] == 503 else [k.lines])
    place = k.wait_for(r"✗ unavailable", place)
    told = [line for line in k.lines if "changed: the verdict" in line]
    b.tap.case("it is told once", told[1:])
    status, text = k.ask("/metrics")
    wrong = [line for line in text.splitlines() if not line.startswith("#") and not SAMPLE.match(line)]
    name = f'target="https://localhost:{moody.origin.port}/x?..."'
    for like in (f'^viaduct_check_reached{{{name}}} 0$', f'^viaduct_check_verdict{{{name},verdict="unavailable"}} 1$',
                 f'^viaduct_check_verdict{{{name},verdict="ok"}} 0$', f'^viaduct_check_status{{{name}}} 503$',
                 f'^viaduct_check_stage_seconds{{{name},stage="tls"}} 0\\.',
                 f'^viaduct_check_verdicts_total{{{name},verdict="ok"}} \\d+$',
                 f'^viaduct_check_last_success_timestamp_seconds{{{name}}} \\d+\\.', r"^viaduct_check_interval_seconds 0\.2$"):
        if not re.search(like.replace("?...", r"\?\.\.\."), text, re.MULTILINE):
            wrong.append(f"it has not: {like}")
    b.tap.case("metrics", [*wrong, text] if wrong or status != 200 else ())
    moody.status = b"200 OK"
    place = k.wait_for(r"✓ ok ", place)
    k.wait_for(r"^    changed: it works again; it did not for .* \(\d+ checks\)$", place)
    moody.context = moody.contexts["own"]
    place = k.wait_for(r"^    changed: the certificate is issued by CN=localhost, it was by CN=Test Authority$", place)
    for _ in range(6):
        place = k.wait_for(r"✓ ok ", place)
    moody.pause = 1.5
    k.wait_for(r"^    changed: http took [\d.]+ s, usual are [\d.]+ ms$", place)
    moody.pause = 0
    b.tap.case("another issuer is told, and what takes long", [] if "SECRET" not in "".join(k.lines) + text else [k.lines])
    b.tap.case("other names are not answered", [] if k.ask("/metrics", host="evil.example")[0] == 421 else [1])
    b.tap.case("other paths and methods", [] if k.ask("/")[0] == 404 and k.ask("/metrics", method="POST")[0] == 405 and
               k.ask("/metrics", method="HEAD") == (200, "") else [k.ask("/"), k.ask("/metrics", method="POST")])
    with socket.create_connection(k.door.rsplit(":", 1), made.PATIENCE) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 2000)
        s.settimeout(made.PATIENCE)
        b.tap.case("an endless head", [] if b" 431 " in s.recv(100) else [1])
    got = k.end()
    b.tap.case("SIGTERM ends it", [] if got == 0 else [got, k.said])
    proxy.stop()


def silence(b):
    """Rounds that take longer than the span do not overlap; and one that hangs is left at once."""
    lock, inside, most = threading.Lock(), [0], [0]
    let_go = threading.Event()

    def serve(s):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        made.read_head(s)
        let_go.wait(made.PATIENCE)
        with lock:
            inside[0] -= 1
    silent = made.Origin(serve)
    k = Keeper(b, "--every", "200ms", "--wait", "3600", "--listen", "0", "-x", at(silent.port), "http://a.example/")
    pause = threading.Event()
    for _ in range(made.PATIENCE * 10):
        skipped = re.search(r"^viaduct_check_rounds_skipped_total (\d+)$", k.ask("/metrics")[1], re.MULTILINE)
        if int(skipped[1]) >= 2:
            break
        pause.wait(0.1)
    b.tap.case("rounds do not overlap", [] if int(skipped[1]) >= 2 and most[0] == 1 else [skipped[0], most])
    b.tap.case("no check yet: not healthy", [] if k.ask("/healthz")[0] == 503 else [1])
    got = k.end(signal.SIGINT)
    b.tap.case("a hanging check is left at once", [] if got == 0 and not k.said[1:] else [got, k.said])
    let_go.set()


def profile(b):
    moody, proxy = Moody(b.pki), made.Proxy([b.program, "proxy"])
    path = os.path.join(b.folder, "a.profile")
    with open(path, "w", encoding="ascii") as out:
        out.write("title a; date 2026-11-23; source s;\n"
                  f"target https://localhost:{moody.origin.port}/;\ntarget http://nobody.invalid/;\n")
    words = ["--every", "200ms", "--ca", b.pki.ca, "-x", at(proxy.port), "--profile", path]
    k = Keeper(b, *words)
    k.wait_for(r"✓ ok ")
    place = k.wait_for(r"Z 2 targets: 1 reached, 1 not \(bad-gateway 1\)$")
    again = k.wait_for(r"Z 2 targets: 1 reached, 1 not \(bad-gateway 1\)$", place)
    b.tap.case("a round without news is a line", [] if again == place + 1 else [k.lines])
    moody.status = b"500 Oops"
    place = k.wait_for(r"✗ server-error", again)
    k.wait_for(r"Z 2 targets: 0 reached, 2 not \(server-error 1, bad-gateway 1\)$", place)
    got = k.end()
    b.tap.case("its end says that it failed", [] if got == 1 else [got, k.lines])
    moody.status = b"200 OK"
    k = Keeper(b, *words, "--json")
    k.wait_for(r'"verdict":"ok"')
    moody.status = b"500 Oops"
    place = k.wait_for(r'"verdict":"server-error"')
    got = k.end()
    found = records(k.lines[place - 1])[0]
    b.tap.case("records", [] if found["changed"] == ["the verdict is server-error, it was ok", "the answer is 500, it was 200"]
               and found["reached"] is False and found["stages"] else [got, found])
    proxy.stop()


def refused(b):
    """A wrong password is shown twice at most, however long it goes on."""
    shown = []
    os.environ["VIADUCT_PROXY_PASSWORD"] = "wrong"
    k = Keeper(b, "--every", "200ms", "-U", "alice", "-x", at(stubborn(shown).port), "http://a.example/")
    del os.environ["VIADUCT_PROXY_PASSWORD"]
    place = k.wait_for(r"✗ auth-rejected ")
    for _ in range(3):
        place = k.wait_for(r"✗ not checked ", place)
    b.tap.case("a wrong password is not shown in each round", [] if k.end() == 1 and 1 <= shown.count(True) <= 2 else
               [k.lines, shown])


def address(b):
    """The proxy's name has two addresses, and the first goes: by a hosts file of its own."""
    name = "another address of the proxy is told"
    hosts = os.path.join(b.folder, "hosts")
    with open(hosts, "w", encoding="ascii") as out:
        out.write("127.0.0.2 proxy.test\n127.0.0.3 proxy.test\n")
    wrapper = ["unshare", "-rm", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
        b.tap.skip(name, "no namespaces are to be had")
        return
    first = socket.create_server(("127.0.0.2", 0))
    port = first.getsockname()[1]
    second = socket.create_server(("127.0.0.3", port))

    def serve(listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with s:
                made.read_head(s)
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
    for listener in (first, second):
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
    k = Keeper(b, "--every", "200ms", "-x", f"proxy.test:{port}", "http://a.example/", wrapper=wrapper)
    place = k.wait_for("✓ ok ")
    first.shutdown(socket.SHUT_RDWR)
    first.close()
    k.wait_for(rf"^    changed: the proxy's address is 127\.0\.0\.3:{port}, it was 127\.0\.0\.2:{port}$", place)
    b.tap.case(name, [] if k.end() == 0 else [k.said])
    second.close()


def usage(b):
    b.usage("a span", "takes a span", "--every", "60", "http://a/")
    b.usage("a span of none", "takes a span", "--every", "0s", "http://a/")
    b.usage("a span that is too short", "100ms at least", "--every", "99ms", "http://a/")
    b.usage("an address", "is no ADDRESS:PORT", "--every", "1s", "--listen", "a.example:1", "-x", "a:1", "http://a/")
    b.usage("--listen alone", "is for --every", "--listen", "1", "http://a/")
    with socket.create_server(("127.0.0.1", 0)) as s:
        b.usage("a port that is taken", "in use", "--every", "1s", "--listen", str(s.getsockname()[1]), "-x", "a:1",
                "http://a/")


if __name__ == "__main__":
    sys.exit(main(changes, silence, profile, refused, address, usage))
