#!/usr/bin/env python3
"""Tunnels: both halves, early bytes, ends and resets, limits, many at once.

    proxy_tunnel.py PROGRAM [ARGUMENT...]      (what to begin `-c FILE` with: viaduct proxy)
"""
import os
import signal
import socket
import sys
import threading
import time

from proxykit import (PATIENCE, Origin, Proxy, deaf_port, echo, is_reset, main, read_all, read_answer, read_exactly,
                      read_head, reset, status, with_origin)


def open_tunnel(proxy, origin, early=b""):
    s = proxy.connect(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n%s"
                      % (origin.port, origin.port, early))
    head = read_head(s)
    assert status(head) == 200, head
    assert b"content-length" not in head.lower() and b"transfer-encoding" not in head.lower()
    return s


def with_echo(test, config="", **more):
    return with_origin(echo, config, **more)(test)


def echoes(proxy, origin):
    """bytes go both ways"""
    s = open_tunnel(proxy, origin)
    for size in (1, 100, 5000, 70000, 1 << 20):
        sent = os.urandom(size)
        sender = threading.Thread(target=s.sendall, args=(sent,))
        sender.start()
        assert read_exactly(s, size) == sent
        sender.join()
    s.close()


def early(proxy, origin):
    """bytes that come with the CONNECT reach the origin unharmed"""
    sent = os.urandom(5000)
    s = open_tunnel(proxy, origin, sent)
    assert read_exactly(s, 5000) == sent


def half_close(proxy, origin):
    """a client that ends its half still hears the other"""
    s = open_tunnel(proxy, origin)
    sent = os.urandom(300000)
    threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR))).start()
    assert read_all(s) == sent


def origin_half_close(program):
    """an origin that ends its half still hears the other"""
    heard = []
    done = threading.Event()

    def serve(s):
        s.sendall(b"bye")
        s.shutdown(socket.SHUT_WR)
        heard.append(read_all(s))
        done.set()

    origin, proxy = Origin(serve), Proxy(program)
    s = open_tunnel(proxy, origin)
    assert read_all(s) == b"bye"
    sent = os.urandom(200000)
    s.sendall(sent)
    s.close()
    assert done.wait(PATIENCE) and heard == [sent]
    proxy.stop()


def client_resets(program):
    """a RST of the client reaches the origin as one"""
    seen = []
    done = threading.Event()

    def serve(s):
        try:
            read_all(s)
            seen.append("fin")
        except ConnectionResetError:
            seen.append("rst")
        done.set()

    origin, proxy = Origin(serve), Proxy(program)
    reset(open_tunnel(proxy, origin, b"x"))
    assert done.wait(PATIENCE) and seen == ["rst"], seen
    proxy.stop()


def origin_resets(program):
    """a RST of the origin reaches the client as one"""
    origin, proxy = Origin(lambda s: (s.recv(1), reset(s))), Proxy(program)
    assert is_reset(open_tunnel(proxy, origin, b"x"))
    proxy.stop()


def refused(program):
    """a CONNECT that fails is answered and ends the connection"""
    proxy = Proxy(program)
    port = deaf_port()
    s = proxy.connect(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\nearly" % port)
    head, page = read_answer(s)
    assert status(head) == 502 and b"connection_refused" in head, head
    assert b"onnection: close" in head and page
    assert s.recv(1) == b""
    proxy.stop()


def idle(proxy, origin):
    """a quiet tunnel is cut after the idle time-out"""
    s = open_tunnel(proxy, origin)
    assert read_all(s) == b""


def lifetime(proxy, origin):
    """a tunnel does not outlive its time"""
    s = open_tunnel(proxy, origin)
    assert is_reset(s)


def limited(proxy, origin):
    """a tunnel carries no more than the limit"""
    s = open_tunnel(proxy, origin)
    try:
        s.sendall(bytes(300000))
        got = len(read_all(s))
    except (ConnectionResetError, BrokenPipeError):
        got = 0
    assert got <= 100000, got


def many(proxy, origin):
    """400 tunnels at once"""
    tunnels = [open_tunnel(proxy, origin) for _ in range(400)]
    for number, s in enumerate(tunnels):
        s.sendall(b"%d\n" % number)
    for number, s in enumerate(tunnels):
        assert read_exactly(s, len(b"%d\n" % number)) == b"%d\n" % number
    for s in tunnels:
        s.close()


def short(proxy, origin):
    """without descriptors clients are told 503, tunnels live on, and it recovers"""
    tunnels, told = [], 0
    for _ in range(80):
        s = proxy.connect(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        code = status(read_head(s))
        if code == 200:
            tunnels.append(s)
        else:
            assert code == 503, code
            told += 1
            s.close()
    assert tunnels and told, (len(tunnels), told)
    for s in tunnels:
        s.sendall(b"hello")
        assert read_exactly(s, 5) == b"hello"
    for s in tunnels:
        s.close()
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:  # the proxy, and the origin, hear of these ends in their own time
        s = proxy.connect(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
        if status(read_head(s)) == 200:
            return
    raise AssertionError("it did not recover")


def drains(program):
    """SIGTERM: a tunnel lives on, nobody new comes in, the end is an orderly one"""
    origin, proxy = Origin(echo), Proxy(program)
    s = open_tunnel(proxy, origin)
    proxy.process.send_signal(signal.SIGTERM)
    proxy.wait_for("draining")
    s.sendall(b"still there?")
    assert read_exactly(s, 12) == b"still there?"
    s.close()
    assert proxy.process.wait(PATIENCE) == 0


def hands_over(program):
    """SIGUSR2: a new process serves the same port, the old one's tunnel lives on"""
    origin, proxy = Origin(echo), Proxy(program)
    s = open_tunnel(proxy, origin)
    proxy.process.send_signal(signal.SIGUSR2)
    successor = int(proxy.wait_for(r"handing over to process (\d+)")[1])
    proxy.wait_for("handed over")
    between = open_tunnel(proxy, origin)  # with whichever of them took it
    for each in (s, between):
        each.sendall(b"hello")
        assert read_exactly(each, 5) == b"hello"
    s.close()
    between.close()
    assert proxy.process.wait(PATIENCE) == 0
    new = open_tunnel(proxy, origin)
    new.sendall(b"again")
    assert read_exactly(new, 5) == b"again"
    new.close()
    os.kill(successor, signal.SIGTERM)


def reloads(program):
    """SIGHUP: a new rule is in force, a running tunnel lives on, a faulty file changes nothing"""
    origin, proxy = Origin(echo), Proxy(program)
    s = open_tunnel(proxy, origin)
    proxy.write("rule deny method CONNECT;\nrule allow from 127.0.0.0/8;\n")
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for("(^|: )reloaded$")
    denied = proxy.connect(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
    assert status(read_head(denied)) == 403
    proxy.write("rule nonsense;\n")
    begin = len(proxy.said)
    proxy.process.send_signal(signal.SIGHUP)
    proxy.wait_for("not reloaded", begin)
    s.sendall(b"hello")
    assert read_exactly(s, 5) == b"hello"
    s.close()
    proxy.stop()


TESTS = [
    with_echo(echoes), with_echo(early), with_echo(half_close), origin_half_close, client_resets,
    origin_resets, refused, with_echo(idle, "timeout idle 1s;\n"),
    with_echo(lifetime, "timeout lifetime 1s;\n"), with_echo(limited, "limit tunnel 100k;\n"),
    with_echo(many), with_echo(short, descriptors=160), drains, hands_over, reloads,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
