#!/usr/bin/env python3
"""viaduct connections, beside ss: connections in every state, made on loopback, and on a path of
three network namespaces.

    connections.py VIADUCT
"""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import PLAIN, Broken, Tap, records, run  # noqa: E402

PATIENCE = 30  # seconds, for what comes within few
NOBODY = 65534


def listener(host="127.0.0.1", backlog=16):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family, backlog=backlog)


def name(address):
    return ("[{}]:{}" if ":" in address[0] else "{}:{}").format(*address[:2])


def look(program, *places):
    """{client: its record}; exit status."""
    status, said, err = run(program, ["connections", "--json", *places])
    if status == 2:
        raise Broken(err)
    return {r["client"]: r for r in records(said)}, status


def signs(record):
    return {s["sign"]: s["severity"] for s in record["signs"]}


def await_sign(program, place, client, sign, severity=None):
    """The record, as soon as it has that sign."""
    end = time.monotonic() + PATIENCE
    while True:
        seen, status = look(program, place)
        found = signs(seen.get(client, {"signs": []})).get(sign)
        if found and severity in (None, found):
            return seen[client], status
        if time.monotonic() > end:
            raise Broken(f"{client} never showed {sign}: {seen.get(client)}")


def differences(record, **want):
    return [f"{k} is {record.get(k)!r}, not {v!r}" for k, v in want.items() if record.get(k) != v]


class Pair:
    """A connection: .near is the client's socket, .far the server's."""

    def __init__(self, server, near=None):
        self.near = near or socket.create_connection(server.getsockname()[:2])
        self.far, _ = server.accept()
        self.client, self.place = name(self.near.getsockname()), name(server.getsockname())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.near.close()
        self.far.close()


# ---- beside ss

def ss(place, *options):
    """What ss says of the connections to a place: {client: the text}."""
    said = subprocess.run(["ss", "-tinaeHO", *options, "dst", place], check=True, text=True,
                          capture_output=True).stdout
    return {line.split()[3]: line for line in said.splitlines()}


def figure(pattern, line):
    found = re.search(r"\b" + pattern + r":(\d+)", line)
    return int(found.group(1)) if found else 0


FIGURES = ("mss", "pmtu", "advmss", "cwnd", "bytes_sent", "bytes_received", "ino", "snd_wnd", "notsent")


def figures(line):
    """Those of a connection that are compared."""
    return {**{f: figure(f, line) for f in FIGURES}, "queue_out": int(line.split()[2])}


def beside_ss(program, place, client):
    """{client: record}, the exit status and ss's figures, of a moment in which these did not change: a window that
    is shut opens by and by for some of what is queued, when nobody reads."""
    end = time.monotonic() + PATIENCE
    after = figures(ss(place)[client])
    while True:
        before, (seen, status) = after, look(program, place)
        after = figures(ss(place)[client])
        if before == after or time.monotonic() > end:
            return seen, status, after


def established(program, tap, server):
    with Pair(server) as p:
        p.near.sendall(b"x" * 500)
        p.far.recv(500, socket.MSG_WAITALL)
        p.far.sendall(b"y" * 99)
        p.near.recv(1000)
        seen, status, beside = beside_ss(program, p.place, p.client)
        r = seen[p.client]
        tap.case("an established connection", differences(
            r, state="ESTABLISHED", severity="ok", proxy=p.place, pid=os.getpid(),
            process=open("/proc/self/comm", encoding="utf-8").read().strip(), uid=os.getuid(),
            bytes_up=500, bytes_down=99, queue_in_bytes=0, queue_out_bytes=0, retrans=0, signs=[])
            + ([] if status == 0 else [f"exit status {status}"]))
        tap.case("... has the figures that ss has", differences(
            r, mss_out=beside["mss"], path_mtu=beside["pmtu"], mss_advertised=beside["advmss"],
            window_segments=beside["cwnd"], bytes_up=beside["bytes_sent"], bytes_down=beside["bytes_received"],
            inode=beside["ino"], peer_window_bytes=beside["snd_wnd"]))
        tap.case("the server's own side is not listed",
                 [seen] if set(seen) != {p.client} else ())
        other, _ = look(program, name(("127.0.0.2", server.getsockname()[1])))
        tap.case("another address with that port is not meant", [other] if other else ())


def families(program, tap, server):
    try:
        six = listener("::1")
    except OSError as error:
        tap.skip("IPv6", str(error))
    else:
        with six, Pair(six) as p:
            tap.case("IPv6", differences(look(program, p.place)[0].get(p.client, {}),
                                         state="ESTABLISHED", proxy=p.place))
        near = socket.socket(socket.AF_INET6)
        port = server.getsockname()[1]
        near.connect(("::ffff:127.0.0.1", port))
        with Pair(server, near) as p:
            client = f"127.0.0.1:{near.getsockname()[1]}"
            tap.case("IPv4 through a socket of IPv6", differences(
                look(program, f"127.0.0.1:{port}")[0].get(client, {}), proxy=f"127.0.0.1:{port}"))
    with Pair(server) as p:
        seen, _ = look(program, f"localhost:{server.getsockname()[1]}")
        tap.case("a name stands for its addresses", [] if p.client in seen else [seen])


def states(program, tap, server):
    with Pair(server) as p:
        p.far.close()
        r, status = await_sign(program, p.place, p.client, "close-wait")
        tap.case("CLOSE-WAIT", differences(r, state="CLOSE-WAIT", bytes_down=0, queue_in_bytes=0,
                                           severity="warning") + ([status] if status else []))
        tap.case("... as ss has it", [] if "CLOSE-WAIT" in ss(p.place)[p.client] else ["not"])
    with Pair(server) as p:
        p.near.close()
        p.far.recv(1)
        p.far.close()
        seen, _ = look(program, p.place)
        r = seen.get(p.client, {})
        tap.case("TIME-WAIT, with its timer and nobody's", differences(
            r, state="TIME-WAIT", timer="time-wait", pid=None, inode=None, rtt_ms=None, signs=[]))
    with listener(backlog=0) as full, contextlib.ExitStack() as kept:
        place = name(full.getsockname())
        kept.enter_context(socket.create_connection(full.getsockname()))
        late = kept.enter_context(socket.socket())
        late.setblocking(False)
        late.connect_ex(full.getsockname())
        client = name(late.getsockname())
        r, _ = await_sign(program, place, client, "syn-unanswered")
        tap.case("SYN-SENT, sent again", differences(
            r, state="SYN-SENT", timer="retransmit", pid=os.getpid(), mss_out=None, rtt_ms=None,
            idle_ms=None, queue_out_bytes=0) + ([] if r["tries"] == r["retrans"] > 0 else [r]))
        tap.case("... says where that ends", [] if r["signs"][0].get("verdict") ==
                 "proxy-unreachable" and "SYN sent" in r["signs"][0]["what"] else [r])
        tap.case("... as ss has it", [] if "SYN-SENT" in ss(place)[client] else ["not"])


def queues(program, tap, server):
    with Pair(server) as p:
        p.near.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                p.near.send(b"z" * 65536)
        r, _ = await_sign(program, p.place, p.client, "zero-window")
        tap.case("a queue that the far end does not take", differences(r, timer="persist") +
                 differences(r["signs"][0], verdict="receiver-stalled"))
        seen, _, beside = beside_ss(program, p.place, p.client)
        tap.case("... and that was never sent", differences(
            seen[p.client], queue_out_bytes=beside["queue_out"], unsent_bytes=beside["notsent"]))
    with Pair(server) as p:
        p.far.sendall(b"y" * 1234)
        r, _ = await_sign(program, p.place, p.client, "unread")
        tap.case("a queue that the program here does not read", differences(
            r, queue_in_bytes=1234, bytes_down=1234, state="ESTABLISHED", severity="warning"))
    with Pair(server) as p:
        p.near.sendall(b"GET / HTTP/1.1\r\n\r\n")
        r, _ = await_sign(program, p.place, p.client, "no-answer")
        tap.case("a request that nobody answers", differences(r, bytes_down=0, bytes_up=18) +
                 ([] if r["since_sent_ms"] >= 5000 else [r]))


def shown(program, tap, server):
    with Pair(server) as p, Pair(server) as q:
        q.far.close()
        await_sign(program, q.place, q.client, "close-wait")
        status, said, err = run(program, ["connections", p.place])
        wide = [line for line in said.splitlines() if len(line) > 80]
        tap.case("80 columns suffice", wide)
        tap.case("the text has both, and the worse first", [] if (status, err) == (0, "") and
                 -1 < said.find(q.client) < said.find(p.client) and f"python3 {os.getpid()}" in said
                 and "2 connections: 0 in trouble, 1 worth a look, 1 fine" in said else [said, err])
        plain = subprocess.run([os.path.abspath(program), "connections", p.place], check=False,
                               capture_output=True, env={**os.environ, **PLAIN, "LC_ALL": "C"})
        tap.case("no more than ASCII where the locale has no more",
                 [] if plain.stdout.isascii() and plain.returncode == 0 else [plain])
        watch = subprocess.Popen([os.path.abspath(program), "connections", "--json",
                                  "--watch=0.1", p.place], stdout=subprocess.PIPE, text=True)
        lines = [json.loads(watch.stdout.readline()) for _ in range(6)]
        watch.terminate()
        watch.wait()
        tap.case("--watch looks again", [] if len({r["at"] for r in lines}) == 3 else [lines])
        as_nobody(program, tap, p)


def as_nobody(program, tap, p):
    what = "what belongs to others is not told, and that is said"
    if os.getuid() != 0:
        tap.skip(what, "root alone can become nobody")
        return
    command = [os.path.abspath(program), "connections", p.place]
    try:
        text, lines = (subprocess.run(c, check=False, capture_output=True, text=True, user=NOBODY,
                                      group=NOBODY, extra_groups=[], cwd="/",
                                      env={**os.environ, **PLAIN}).stdout
                       for c in (command, [*command, "--json"]))
    except PermissionError as error:
        tap.skip(what, str(error))
        return
    r = [r for r in records(lines) if r["client"] == p.client][0]
    tap.case(what, differences(r, pid=None, process=None, uid=0, state="ESTABLISHED") +
             ([] if "not for this user to see" in text and "of root" in text else [text]))


# ---- which proxy

def environment(program, tap, server):
    port = server.getsockname()[1]

    def ask(*words, **variables):
        clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        done = subprocess.run([os.path.abspath(program), "connections",
                               *(words or ["--settings=/nowhere/at/all"])], check=False, text=True,
                              capture_output=True, env={**clean, **PLAIN, **variables})
        return done.returncode, done.stdout + done.stderr

    here = f"127.0.0.1:{port}"
    cases = [
        ("http_proxy", {"http_proxy": f"http://{here}"}, 0, f"To {here}, from http_proxy\n"),
        ("one proxy of two variables", {"http_proxy": here, "https_proxy": f"http://{here}/"}, 0,
         f"To {here}, from http_proxy and https_proxy\n"),
        ("all_proxy stands in", {"http_proxy": here, "ALL_PROXY": "127.0.0.2:9"}, 0,
         f"To {here}, from http_proxy\nTo 127.0.0.2:9, from ALL_PROXY\n"),
        ("lower case goes first, and empty is none",
         {"https_proxy": "", "HTTPS_PROXY": here, "all_proxy": "x:1"}, 2, ""),
        ("no port is curl's port", {"https_proxy": "http://127.0.0.1"}, 0,
         "To 127.0.0.1:1080, from https_proxy\n"),
        ("no port of https://", {"https_proxy": "https://127.0.0.1"}, 0,
         "To 127.0.0.1:443, from https_proxy\n"),
        ("IPv6", {"https_proxy": "http://[::1]:3128"}, 0, "To [::1]:3128, from https_proxy\n"),
        ("HTTP_PROXY alone", {"HTTP_PROXY": here}, 2, "read http_proxy alone"),
        ("none at all", {}, 2, "say HOST:PORT"),
        ("a scheme that is none", {"http_proxy": "ftp://127.0.0.1:1"}, 2, "http_proxy: its scheme"),
        ("a name that is none", {"http_proxy": "no-such-host.invalid:1"}, 2,
         "no-such-host.invalid: "),
    ]
    for what, variables, status, text in cases:
        got, said = ask(**variables)
        tap.case(f"environment: {what}", [] if got == status and text in said else [got, said])
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        for text, variables, status, expected in (
                (f"PROXY_HOST 127.0.0.1; PROXY_PORT {port}; PROXY_USER u;", {}, 0,
                 f"To {here}, from this host's settings\n"),
                ("PROXY_HOST 127.0.0.2; PROXY_PORT 9;", {"http_proxy": here}, 0,
                 f"To {here}, from http_proxy\n"),
                ("PROXY_HOST 127.0.0.1; PROXY_PORT 9; PROXY_ENABLED no;", {}, 2, "say HOST:PORT"),
                ("PROXY_HOST 127.0.0.1;", {}, 2, "there is no port"), ("PROXY_PORT x;", {}, 2, "1 to 65535")):
            file.seek(0)
            file.truncate()
            file.write("iprep_proxy {" + text + "}\n")
            file.flush()
            got, said = ask(f"--settings={file.name}", **variables)
            tap.case(f"settings: {text}", [] if got == status and expected in said else [got, said])
    got, said = ask(http_proxy=f"http://user:s3cr@t@{here}")
    tap.case("environment: a password stays out of sight",
             [] if got == 0 and "s3cr" not in said and "user" not in said and here in said
             else [got, said])
    for word, text in (("127.0.0.1", "has no port"), ("[::1]", "say [::1]:PORT"), ("127.0.0.1:0", "its port"),
                       ("127.0.0.1:65536", "its port"), ("::1:80", "HOST:PORT"), ("[::1:80", "HOST:PORT"),
                       ("", "HOST:PORT"), ("u:pw@:80", "HOST:PORT")):
        got, out, err = run(program, ["connections", word])
        tap.case(f"argument {word!r} is refused",
                 [] if got == 2 and not out and text in err and "pw" not in err else [got, out, err])
    for option in ("--watch=0", "--watch=x", "--watch=nan", "--color=red"):
        got, out, err = run(program, ["connections", option, here])
        tap.case(f"{option} is refused", [] if got == 2 and err and not out else [got, out, err])


# ---- a path with a router

SERVER = """
import socket, sys
s = socket.create_server(("10.77.2.2", 3128))
print("ready", flush=True)
kept = []
while True:
    kept.append(s.accept()[0])
    kept[-1].sendall(b"hello")
"""


class Namespaces:
    """client (ours) - router - server; the router's way to the server carries 1300 bytes."""

    def __init__(self, stack):
        self.router, self.server = self.hold(stack), self.hold(stack)
        self.ip(None, f"link add c0 type veth peer name r0 netns {self.router}")
        self.ip(self.router, f"link add r1 type veth peer name s0 netns {self.server}")
        for where, device, address in ((None, "c0", "10.77.1.2"), (self.router, "r0", "10.77.1.1"),
                                       (self.router, "r1", "10.77.2.1"),
                                       (self.server, "s0", "10.77.2.2")):
            self.ip(where, f"address add {address}/24 dev {device}")
            self.ip(where, f"link set {device} up")
        self.ip(self.router, "link set r1 mtu 1300")
        self.ip(None, "route add default via 10.77.1.1")
        self.ip(self.server, "route add default via 10.77.2.1")
        self.run(self.router, ["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])
        serve = subprocess.Popen([*self.inside(self.server), sys.executable, "-c", SERVER],
                                 stdout=subprocess.PIPE, text=True)
        stack.callback(serve.kill)
        serve.stdout.readline()

    @staticmethod
    def hold(stack):
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"],
                                   stdout=subprocess.PIPE, text=True)
        stack.callback(process.kill)
        process.stdout.readline()
        return process.pid

    @staticmethod
    def inside(where):
        return ["nsenter", "-t", str(where), "--net"] if where else []

    def run(self, where, command):
        subprocess.run([*self.inside(where), *command], check=True)

    def ip(self, where, words):
        self.run(where, ["ip", *words.split()])


def path(program):
    """In a network namespace of our own, as its root."""
    tap, place = Tap(), "10.77.2.2:3128"
    with contextlib.ExitStack() as stack:
        world = Namespaces(stack)

        def connect():
            near = stack.enter_context(socket.create_connection(("10.77.2.2", 3128)))
            near.recv(5, socket.MSG_WAITALL)
            near.sendall(b"small")
            return near, name(near.getsockname())

        world.ip(world.router, "rule add pref 5 ipproto icmp blackhole")
        near, client = connect()
        near.sendall(b"x" * 5000)
        r, _ = await_sign(program, place, client, "full-segments-lost")
        what = [s for s in r["signs"] if s["sign"] == "full-segments-lost"][0]
        tap.case("an MTU hole", differences(r, path_mtu=1500, bytes_acked=5) +
                 differences(what, verdict="mtu-black-hole"))
        r, status = await_sign(program, place, client, "full-segments-lost", "failure")
        tap.case("... is trouble at the third time", [] if status == 1 and
                 r["severity"] == "failure" else [status, r])
        near.close()

        world.ip(world.router, "rule delete pref 5")
        near, client = connect()
        near.sendall(b"x" * 5000)
        end = time.monotonic() + PATIENCE
        while True:
            r = look(program, place)[0][client]
            if r["bytes_acked"] == 5005 or time.monotonic() > end:
                break
        tap.case("a path that says its MTU is none", differences(
            r, path_mtu=1300, mss_out=1248, bytes_acked=5005, signs=[]))

        world.ip(world.server, "link set s0 down")
        near.sendall(b"y" * 5000)
        r, status = await_sign(program, place, client, "retransmitting", "failure")
        tap.case("a peer that vanished, and no word of MTU", [r] if status != 1 or
                 "full-segments-lost" in signs(r) or
                 r["signs"][0].get("verdict") != "transfer-stalled" else ())
    return tap.done()


def through_namespaces(program, tap):
    unshare = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user",
                                                             "--net"]
    what = "a path through network namespaces"
    missing = [c for c in ("unshare", "nsenter", "ip") if not shutil.which(c)]
    if missing or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        tap.skip(what, f"there is no {missing[0]}" if missing else "no permission for namespaces")
        return
    done = subprocess.run([*unshare, sys.executable, os.path.abspath(__file__), "--path", program],
                          check=False, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        found = re.match(r"(not )?ok \d+ - (.*)", line)
        if found:
            tap.case(found.group(2), [done.stderr] if found.group(1) else ())
    if done.returncode or "1.." not in done.stdout:
        tap.case(what, [done.stderr[-3000:]])


def main():
    if sys.argv[1] == "--path":
        return path(sys.argv[2])
    program, tap = sys.argv[1], Tap()
    parts = [families, shown, environment]
    if shutil.which("ss"):
        parts += [established, states, queues]
    else:
        tap.skip("beside ss", "there is no ss")
    for part in parts:
        with listener() as server:  # each its own: what is in TIME-WAIT is listed, too
            part(program, tap, server)
    through_namespaces(program, tap)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
