#!/usr/bin/env python3
"""The proxy among peers that fail it: no descriptors, no memory, readers that stop, ends in every
order, origins that come and go, clients that dawdle.

    proxy_faults.py VIADUCT [--sanitized] [WORD...]"""
import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading
import time

from faults import (LIMIT, SANITIZED, Client, Closed, Proxy, Raw, Silent, Threads, at_rest,
                    connect_to, cpu_seconds, descriptors, echo, eventually, get, main, memory_kib,
                    queued, reset, same, says_back, tunnel, want)
from peer import OK, Origin

BLOCK = os.urandom(1 << 20)
BLOCKS = 100


def is_idle(proxy, seconds=1.0):
    """A loop that turns without work would use all of this time; twice, with two workers."""
    before = cpu_seconds(proxy.process.pid)
    time.sleep(seconds)
    used = cpu_seconds(proxy.process.pid) - before
    want(used < 0.3 * seconds, f"{used} s of CPU in {seconds} s in which nothing happened")


def try_tunnel(proxy, origin):
    """(status, client); None where nothing was said before it was closed."""
    client = Client(proxy.address)
    try:
        client.send(connect_to(origin))
        return client.head().status, client
    except (EOFError, ConnectionResetError, BrokenPipeError):
        return None, client


def recovers(proxy, origin):
    def serves():
        status, client = try_tunnel(proxy, origin)
        client.close()
        return status == 200
    eventually(serves, "it did not recover")


def crowd(proxy, origin, count):
    """Opens tunnels: those that came up, and how many were told no."""
    up, told = [], 0
    for _ in range(count):
        status, client = try_tunnel(proxy, origin)
        if status == 200:
            up.append(client)
            continue
        same(status, 503, "what a client is told when there is no room")
        told += 1
        client.close()
    return up, told


# ---- descriptors and memory --------------------------------------------------------------------

def descriptors_few(program):
    """64 descriptors in all: some tunnels, 503 for the rest, no busy loop, and it recovers"""
    origin = Raw(echo)
    proxy = Proxy(program, wrapper=("prlimit", "--nofile=64:64"))
    up, told = crowd(proxy, origin, 100)
    want(len(up) >= 8 and told > 0, f"{len(up)} tunnels, {told} were told")
    for client in up:
        says_back(client)
    waiting = [Client(proxy.address) for _ in range(60)]   # they say nothing at all
    is_idle(proxy)
    for client in up:
        says_back(client)
    for client in up + waiting:
        client.close()
    recovers(proxy, origin)
    proxy.stop()


def descriptors_taken_away(program):
    """descriptors that go while it runs: tunnels go on, who comes is told 503 or waits, it recovers"""
    origin, web = Raw(echo), Origin()
    proxy = Proxy(program)
    pid = proxy.process.pid
    up, _ = crowd(proxy, origin, 50)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid), before[1]))
    late = [Client(proxy.address).send(get(web)) for _ in range(40)]
    for client in up:
        says_back(client)
    is_idle(proxy)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for client in late:
        want(client.answer().status in (200, 503), "neither served nor told")
    for client in up:
        says_back(client)
        client.close()
    recovers(proxy, origin)
    proxy.stop()


def no_descriptor_at_all(program):
    """not one descriptor is left, nor a spare one: accept pauses, and goes on by itself"""
    web = Origin()
    proxy = Proxy(program)
    pid = proxy.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    late = [Client(proxy.address).send(get(web)) for _ in range(40)]
    is_idle(proxy)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    answers = [client.answer().status for client in late]
    want(set(answers) <= {200, 503}, answers)
    same(answers[-1], 200, "the last one")
    proxy.stop()


def memory_short(program):
    """no more memory: tunnels go on, 503 for who comes, it recovers"""
    if SANITIZED:
        return "skip: the sanitizers need the address space"
    origin = Raw(echo)
    proxy = Proxy(program)
    pid = proxy.process.pid
    up, _ = crowd(proxy, origin, 20)
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    with open(f"/proc/{pid}/statm", encoding="utf-8") as f:
        size = int(f.read().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size, before[1]))
    more = []
    for _ in range(3000):   # what malloc holds already is used up first
        status, client = try_tunnel(proxy, origin)
        more.append(client)
        if status != 200:
            break
    want(status in (503, None), f"{len(more)} more tunnels without memory, the last one: {status}")
    for client in up + more[:-1]:
        says_back(client)
    is_idle(proxy)
    resource.prlimit(pid, resource.RLIMIT_AS, before)
    recovers(proxy, origin)
    for client in up + more:
        client.close()
    proxy.stop()


# ---- readers that stop -------------------------------------------------------------------------

class Source:
    """Sends BLOCKS blocks behind a head, and counts."""

    def __init__(self, head=b"", chunked=False):
        self.sent, self.head, self.chunked = 0, head, chunked

    def __call__(self, wire):
        if self.head:
            wire.until(b"\r\n\r\n")
        wire.send(self.head)
        for _ in range(BLOCKS):
            if self.chunked:
                wire.send(b"%x\r\n" % len(BLOCK))
            for at in range(0, len(BLOCK), 1 << 16):
                wire.sock.sendall(BLOCK[at:at + (1 << 16)])
                self.sent += 1 << 16
            if self.chunked:
                wire.send(b"\r\n")
        if self.chunked:
            wire.send(b"0\r\n\r\n")


class Sink:
    """Reads nothing until it may; then all, and keeps whether it was right."""

    def __init__(self, answer=b""):
        self.go, self.right, self.done = threading.Event(), False, threading.Event()
        self.answer = answer

    def __call__(self, wire):
        wire.sock.settimeout(None)
        if self.answer:
            wire.until(b"\r\n\r\n")
        self.go.wait(LIMIT * 3)
        self.right = all(wire.exactly(len(BLOCK)) == BLOCK for _ in range(BLOCKS))
        if self.answer:
            wire.send(self.answer)
        self.done.set()


def bounded(proxy, ports, before, moved):
    """Nothing moves any more: what is held, and where."""
    at_rest(moved)
    kernel = queued(ports)
    want(kernel <= 640 << 10, f"{kernel} bytes in the kernel's queues")
    grown = memory_kib(proxy.process.pid) - before
    want(SANITIZED or grown < 1024, f"the process holds {grown} KiB more")


def legs(proxy, origin):
    """Our sockets of both legs: local port ours, or remote port the origin's."""
    out = subprocess.run(["ss", "-Htn"], capture_output=True, text=True, check=True).stdout
    found = set()
    for line in out.splitlines():
        local, peer = (int(a.rsplit(":", 1)[1]) for a in line.split()[3:5])
        if local == proxy.port or peer == origin.port:
            found.add((local, peer))
    return found


def others_go_on(proxy):
    """A whole download beside."""
    origin = Raw(Source())
    other = tunnel(proxy, origin)
    for _ in range(BLOCKS):
        want(other.exactly(len(BLOCK)) == BLOCK, "a wrong block beside")
    other.close()
    origin.stop()


def stopped_client(program, request, source, read):
    origin = Raw(source)
    proxy = Proxy(program)
    others_go_on(proxy)
    before = memory_kib(proxy.process.pid)
    client = Client(proxy.address)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    client.send(request(origin))
    same(client.head().status, 200, "the answer")
    bounded(proxy, legs(proxy, origin), before, lambda: source.sent)
    others_go_on(proxy)
    read(client)
    client.close()
    proxy.stop()


def read_blocks(client):
    for _ in range(BLOCKS):
        want(client.exactly(len(BLOCK)) == BLOCK, "a wrong block")


def read_chunks(client):
    parts = []
    while size := int(client.until(b"\r\n"), 16):
        parts.append(client.exactly(size))
        client.exactly(2)
    want(b"".join(parts) == BLOCK * BLOCKS, "wrong content")


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BLOCKS << 20)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BY_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


def stopped_in_tunnel(program):
    """a tunnel whose client stops reading holds little, hinders nobody, and comes whole"""
    stopped_client(program, connect_to, Source(), read_blocks)


def stopped_in_answer(program):
    """an answer whose client stops reading, likewise"""
    stopped_client(program, get, Source(LENGTH), read_blocks)


def stopped_in_chunks(program):
    """a chunked answer whose client stops reading, likewise"""
    stopped_client(program, get, Source(CHUNKED, chunked=True), read_chunks)


def stopped_old(program):
    """an answer that ends with its connection, likewise"""
    stopped_client(program, get, Source(BY_CLOSE), read_chunks)


def stopped_origin(program, begin, sink, chunked=False):
    origin = Raw(sink)
    proxy = Proxy(program)
    others_go_on(proxy)
    before = memory_kib(proxy.process.pid)
    client, source = begin(proxy, origin), Source(chunked=chunked)
    threads = Threads()
    threads.start(source, client)
    eventually(lambda: source.sent > 0, "nothing was sent")
    bounded(proxy, legs(proxy, origin), before, lambda: source.sent)
    others_go_on(proxy)
    sink.go.set()
    threads.join()
    if sink.answer:
        same(client.answer().status, 200, "the answer to it")
    want(sink.done.wait(LIMIT) and sink.right, "it did not come whole")
    client.close()
    proxy.stop()


def stopped_upload_tunnel(program):
    """a tunnel whose origin stops reading, likewise"""
    stopped_origin(program, tunnel, Sink())


def stopped_upload(program):
    """a request's body that the origin stops reading, likewise"""
    def begin(proxy, origin):
        return Client(proxy.address).send(
            f"PUT http://{origin.host}/ HTTP/1.1\r\nHost: {origin.host}\r\n"
            f"Content-Length: {BLOCKS << 20}\r\n\r\n".encode())
    stopped_origin(program, begin, Sink(OK))


def not_tls(program):
    """where server names are looked at, a tunnel that speaks something else is not held up"""
    proxy, origin = Proxy(program, "sni match deny;\n"), Raw(echo)
    for text in (b"h", b"hello", b"\x16?", b"SSH-2.0-x\r\n", bytes(100)):
        says_back(tunnel(proxy, origin), text)
        client = Client(proxy.address).send(connect_to(origin) + text)
        same((client.head().status, client.exactly(len(text))), (200, text), "with the CONNECT")
        client.close()
    proxy.stop()


# ---- ends, in every order ----------------------------------------------------------------------

def half_closes(program):
    """tunnels: either side ends first, with bytes before and behind it; both at once"""
    proxy = Proxy(program)

    def client_first(wire):
        heard = wire.rest()
        wire.send(b"heard %d" % len(heard))

    def origin_first(wire):
        wire.send(b"bye")
        wire.sock.shutdown(socket.SHUT_WR)
        heard.append(wire.rest())
        ended.set()

    def both(wire):
        wire.send(b"x" * 100000)
        wire.sock.shutdown(socket.SHUT_WR)
        heard.append(wire.rest())
        ended.set()

    heard, ended = [], threading.Event()
    client = tunnel(proxy, Raw(client_first))
    client.send(b"a" * 300000).sock.shutdown(socket.SHUT_WR)
    same(client.rest(), b"heard 300000", "behind the client's end")

    client = tunnel(proxy, Raw(origin_first))
    same(client.rest(), b"bye", "before the origin's end")
    client.send(b"b" * 300000).close()
    want(ended.wait(LIMIT) and heard == [b"b" * 300000] and not client.was_reset, "a half was lost")

    heard.clear()
    ended.clear()
    client = tunnel(proxy, Raw(both))
    client.send(b"c" * 100000).sock.shutdown(socket.SHUT_WR)
    same(len(client.rest()), 100000, "while both end")
    want(ended.wait(LIMIT) and len(heard[0]) == 100000, "both ends at once")
    proxy.stop()


def half_close_of_request(program):
    """a client that ends its half behind its request still gets the answer"""
    origin = Origin()
    release = threading.Event()

    def late(wire, _):
        release.wait(LIMIT)
        wire.send(OK)

    origin.script["/late"] = late
    proxy = Proxy(program)
    client = Client(proxy.address).send(get(origin, "/late"))
    client.sock.shutdown(socket.SHUT_WR)
    origin.wait_for("/late")
    release.set()
    same(client.answer().body, b"ok", "the answer")
    want(client.ended(), "the connection should have ended")
    proxy.stop()


def reset_by_client(program):
    """a client's RST in every phase leaves nothing behind"""
    proxy = Proxy(program, "timeout connect 1s;\ntimeout origin 0;\nauth basic { realm r; users "
                           "%s; }\nrule allow from 127.0.0.1 port 1-65535;\n" % users(program),
                  default="workers 1;\ndestinations private allow;\n")
    credentials = "Proxy-Authorization: Basic YWxpY2U6c2VjcmV0\r\n"   # alice:secret
    wrong = "Proxy-Authorization: Basic YWxpY2U6d3Jvbmc=\r\n"
    echoing, silent = Raw(echo), Silent()
    waiting = Raw(lambda wire: (wire.until(b"\r\n\r\n"), wire.rest()))
    half = Raw(lambda wire: (wire.until(b"\r\n\r\n"), wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf"), wire.rest()))

    def asks(target, method="GET", fields=credentials, body=b""):
        target = target.host if method == "CONNECT" else f"http://{target.host}/"
        return f"{method} {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode() + body

    phases = {
        "nothing": (b"", None),
        "in the head": (b"GET http://x/ HTTP/1.1\r\nHo", None),
        "in the check of a password": (asks(echoing, fields=wrong), None),
        "while dialling": (asks(silent), None),
        "while dialling for a tunnel": (asks(silent, "CONNECT"), None),
        "in its body": (asks(waiting, "POST", credentials + "Content-Length: 10\r\n", b"half"), None),
        "before the answer": (asks(waiting), None),
        "in the answer": (asks(half), b"half"),
        "in a tunnel": (asks(echoing, "CONNECT", body=b"ping"), b"ping"),
    }
    Client(proxy.address).ask(asks(Closed()))
    base = at_rest(lambda: descriptors(proxy.process.pid))
    for _ in range(3):
        for name, (request, until) in phases.items():
            client = Client(proxy.address).send(request)
            if until:
                client.until(until)
            reset(client.sock)
    eventually(lambda: descriptors(proxy.process.pid) <= base,
               lambda: f"{descriptors(proxy.process.pid)} descriptors, {base} before")
    same(Client(proxy.address).ask(asks(Closed())).status, 502, "afterwards")
    silent.stop()
    proxy.stop()


def users(program):
    """A users' file with a slow hash for alice:secret."""
    path = f"/tmp/viaduct-faults-users-{os.getpid()}"
    subprocess.run([program, "proxy", "user", "add", "alice", "--file", path, "--realm", "r"],
                   input=b"secret\n", check=True, stdout=subprocess.DEVNULL)
    return path


def reset_by_origin(program):
    """an origin's RST in every phase: 502 before its answer, and later a cut that shows"""
    proxy = Proxy(program)
    head = b"HTTP/1.1 200 OK\r\n"

    def says(first, then=reset):
        def does(wire):
            wire.until(b"\r\n\r\n")
            if first:
                wire.send(first)
            go.wait(LIMIT)
            then(wire.sock)
        return Raw(does)

    go = threading.Event()
    go.set()
    for first in (b"", b"HTTP/1.1 20", head + b"Content-Le", b"HTTP/1.1 103 Early Hints\r\n\r\n"):
        for then in (reset, lambda sock: sock.close()):
            answer = Client(proxy.address).ask(get(says(first, then)))
            same(answer.status, 502, f"after {first!r}")
    same(Client(proxy.address).ask(get(Raw(lambda wire: reset(wire.sock)))).status, 502, "at once")
    for version, fields in ((b"1.1", b"Content-Length: 100\r\n\r\nhalf"),
                            (b"1.1", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
                            (b"1.1", b"Connection: close\r\n\r\nhalf"),
                            (b"1.0", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
                            (b"1.0", b"Connection: close\r\n\r\nhalf")):
        go.clear()
        client = Client(proxy.address).send(get(says(head + fields)).replace(b"1.1", version))
        same(client.head().status, 200, "the head")
        client.until(b"half")
        go.set()
        rest = client.rest()
        if version == b"1.0":   # only the end of the connection could tell
            want(client.was_reset, f"an end that looks like one, after {rest!r}")
        want(not rest.endswith(b"0\r\n\r\n"), "a cut answer was ended as if it were whole")
    go.clear()
    client = tunnel(proxy, Raw(lambda wire: (wire.exactly(1), reset(wire.sock))))
    client.send(b"x").rest()
    want(client.was_reset, "a RST that ends a tunnel came as a FIN")
    proxy.stop()


# ---- origins that come and go ------------------------------------------------------------------

def flapping(program):
    """origins that refuse, close, reset or say nothing: an answer each time, and then the right one"""
    proxy = Proxy(program, "timeout connect 1s;\ntimeout answer 1s;\ntimeout origin 1s;\n")
    silent, mute = Silent(), Raw(lambda wire: wire.rest())
    good = Origin()
    bad = [(Closed(), 502), (Raw(lambda wire: None), 502), (Raw(lambda wire: reset(wire.sock)), 502),
           (mute, 504), (silent, 504)]

    def one(origin, status):
        for method in ("GET", "POST"):
            request = get(origin) if method == "GET" else (
                f"POST http://{origin.host}/ HTTP/1.1\r\nHost: x\r\n"
                "Content-Length: 2\r\n\r\nhi").encode()
            client = Client(proxy.address)
            same(client.ask(request).status, status, f"{method} {origin.host}")
            same(client.ask(get(good)).body, b"ok", "behind it, on the same connection")

    base = descriptors(proxy.process.pid)
    threads = Threads()
    for origin, status in bad * 8:
        threads.start(one, origin, status)
    threads.join()
    eventually(lambda: descriptors(proxy.process.pid) <= base + 2,
               lambda: f"{descriptors(proxy.process.pid)} descriptors, {base} before")
    silent.stop()
    proxy.stop()


class Dying:
    """Answers the first request of each connection, and ends it when the second one comes."""

    def __init__(self, end):
        self.end, self.count, self.methods = end, 0, []
        self.raw = Raw(self)
        self.host = self.raw.host

    def __call__(self, wire):
        self.count += 1
        self.methods.append(wire.until(b"\r\n\r\n").split()[0])
        wire.send(OK)
        self.methods.append(wire.until(b"\r\n\r\n").split()[0])
        self.end(wire.sock)


def kept_that_die(program):
    """a kept connection that dies under a request: GET is sent once more, POST is not"""
    proxy = Proxy(program)
    for end in (reset, lambda sock: sock.close()):
        origin = Dying(end)
        client = Client(proxy.address)
        same(client.ask(get(origin)).body, b"ok", "the first")
        same(client.ask(get(origin)).body, b"ok", "asked again by a new connection")
        same(origin.methods, [b"GET"] * 3, "what came")
        origin = Dying(end)
        same(client.ask(get(origin)).body, b"ok", "the first")
        post = f"POST http://{origin.host}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        same(client.ask(post.encode()).status, 502, "a POST")
        same(origin.methods, [b"GET", b"POST"], "what came")
    proxy.stop()


def kept_that_die_twice(program):
    """... and when the new connection dies as well, that is 502, not a third try"""
    proxy = Proxy(program)
    seen = []

    def does(wire):
        seen.append(wire.until(b"\r\n\r\n"))
        if len(seen) == 1:
            wire.send(OK)
            seen.append(wire.until(b"\r\n\r\n"))

    origin, client = Raw(does), Client(proxy.address)
    same(client.ask(get(origin)).status, 200, "the first")
    same(client.ask(get(origin)).status, 502, "the second")
    same(len(seen), 3, "requests that came")
    proxy.stop()


# ---- clients that dawdle -----------------------------------------------------------------------

def slow_heads(program):
    """heads that come byte by byte: the deadline is for all of it, and nobody else waits"""
    origin = Origin()
    proxy = Proxy(program, default="workers 1;\ndestinations private allow;\n"
                  "rule allow from 127.0.0.1 port 1-65535;\ntimeout header 1s;\n")
    slow = [Client(proxy.address) for _ in range(100)]
    told = 0
    end = time.monotonic() + LIMIT
    head = iter(b"GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: " + b"x" * 10000)
    open_ones = list(slow)
    while open_ones and time.monotonic() < end:
        byte = bytes([next(head)])
        for client in list(open_ones):
            client.sock.settimeout(0)
            with contextlib.suppress(OSError):   # it may be closed by now, and what it was told still be there
                client.send(byte)
            try:
                client.more()
            except BlockingIOError:
                continue
            except OSError:
                pass
            told += b" 408 " in client.got
            open_ones.remove(client)
        same(Client(proxy.address).ask(get(origin)).body, b"ok", "somebody else")
        time.sleep(0.02)
    want(told == 100, f"{told} of 100 were told 408")
    proxy.stop()


def slow_bodies(program):
    """bodies that come byte by byte go on as long as they do, and those that stop are told 408"""
    origin = Origin()
    proxy = Proxy(program, "timeout idle 2s;\n")
    head = f"POST http://{origin.host}/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n"
    client = Client(proxy.address).send(head.encode())
    stopped = Client(proxy.address).send(head.encode() + b"123")
    for number in range(20):
        time.sleep(0.15)   # in all longer than the time-out; that the machine pauses for so long is rare
        client.send(b"%d" % (number % 10))
    same(client.answer().status, 200, "a slow body")
    same(stopped.answer().status, 408, "a body that stands still")
    proxy.stop()


def silent_clients(program):
    """clients that never say anything are let go"""
    proxy = Proxy(program, default="workers 1;\ntimeout header 1s;\n")
    client = Client(proxy.address)
    same(client.rest(), b"", "what it was told")
    proxy.stop()


def many_idle(program):
    """2,000 connections that wait: little memory, no CPU time, and others are served"""
    origin = Origin()
    proxy = Proxy(program, default="workers 1;\ndestinations private allow;\n"
                  "rule allow from 127.0.0.1 port 1-65535;\n")
    client = Client(proxy.address)
    same(client.ask(get(origin)).status, 200, "the first")
    before = memory_kib(proxy.process.pid)
    idle = []
    for _ in range(2000):
        one = Client(proxy.address).send(get(origin))
        same(one.answer().status, 200, "a request")
        idle.append(one)
    grown = memory_kib(proxy.process.pid) - before
    want(SANITIZED or grown < 4096, f"2,000 idle connections take {grown} KiB")
    is_idle(proxy)
    same(client.ask(get(origin)).body, b"ok", "beside them")
    for one in idle:
        one.close()
    same(client.ask(get(origin)).body, b"ok", "behind them")
    proxy.stop()


TESTS = [
    descriptors_few, descriptors_taken_away, no_descriptor_at_all, memory_short, stopped_in_tunnel,
    stopped_in_answer, stopped_in_chunks, stopped_old, stopped_upload_tunnel, stopped_upload,
    not_tls, half_closes, half_close_of_request, reset_by_client, reset_by_origin, flapping, kept_that_die,
    kept_that_die_twice, slow_heads, slow_bodies, silent_clients, many_idle,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
