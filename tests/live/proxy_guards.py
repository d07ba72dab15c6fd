#!/usr/bin/env python3
"""What the proxy holds to: limits, rules, the PROXY protocol, server names, a parent's Digest.

    proxy_guards.py PROGRAM [ARGUMENT...]      (what to begin `-c FILE` with: viaduct proxy)
"""
import contextlib
import hashlib
import os
import re
import ssl
import sys
import tempfile
import threading

from proxykit import (Origin, Proxy, echo, is_reset, length_of, main, read_all, read_answer, read_exactly, read_head,
                      status)


def hello_and_heads(s):
    """Answers each request with its own head."""
    while head := read_head(s):
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))


def connect(proxy, target):
    s = proxy.connect(b"CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, target))
    return s, read_head(s)


@contextlib.contextmanager
def running(program, serve, config="", **more):
    origin, proxy = Origin(serve), Proxy(program, config, **more)
    try:
        yield proxy, origin
    finally:
        code = proxy.stop()
        origin.close()
    assert code == 0, f"exit status {code}"


def per_client(program):
    """limit per-client: 429 for one too many, and room again behind it"""
    with running(program, echo, "limit per-client 2;\n") as (proxy, origin):
        target = b"127.0.0.1:%d" % origin.port
        first, head = connect(proxy, target)
        second, head = connect(proxy, target)
        assert status(head) == 200
        s, head = connect(proxy, target)
        assert status(head) == 429 and b"limit-per-client" in head, head
        for each in (first, second):
            each.close()
        while status(connect(proxy, target)[1]) != 200:
            pass


def connections(program):
    """limit connections: 503 for one too many"""
    with running(program, echo, "limit connections 2;\n") as (proxy, origin):
        target = b"127.0.0.1:%d" % origin.port
        kept = [connect(proxy, target) for _ in range(2)]
        assert [status(head) for _, head in kept] == [200, 200]
        s, head = connect(proxy, target)
        assert status(head) == 503 and b"Retry-After" in head, head


def braked(program):
    """limited bandwidth loses nothing"""
    config = "limit bandwidth-tunnel 400k;\nlimit bandwidth-client 800k;\n"
    with running(program, echo, config) as (proxy, origin):
        s, head = connect(proxy, b"127.0.0.1:%d" % origin.port)
        sent = os.urandom(250000)
        threading.Thread(target=s.sendall, args=(sent,), daemon=True).start()
        assert read_exactly(s, len(sent)) == sent

    def serve(s):
        head = read_head(s)
        body = read_exactly(s, length_of(head))
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with running(program, serve, config + "timeout idle 0;\n") as (proxy, origin):
        s = proxy.connect(b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\nContent-Length: %d"
                          b"\r\n\r\n" % (origin.port, len(sent)))
        threading.Thread(target=s.sendall, args=(sent,), daemon=True).start()
        assert read_answer(s)[1] == sent


def rules(program):
    """ports, private destinations and rules are refused by name"""
    proxy = Proxy(program, "rule deny to evil.example;\nrule allow from 127.0.0.0/8;\n")
    for target, name in ((b"127.0.0.1:25", b"port"), (b"evil.example:443", b"rule")):
        s, head = connect(proxy, target)
        assert status(head) == 403 and name in head, head
    proxy.stop()


def told_by_header(program):
    """PROXY protocol: the client is whom a trusted sender names; without a header nothing goes"""
    config = "rule allow from 10.9.9.9 port 1-65535;\n"
    listen = " { proxy-protocol from 127.0.0.0/8; }"
    with running(program, echo, config, listen=listen) as (proxy, origin):
        ask = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port
        for first, code in ((b"PROXY TCP4 10.9.9.9 10.9.9.1 1000 3128\r\n", 200),
                            (b"PROXY TCP4 10.9.9.8 10.9.9.1 1000 3128\r\n", 403),
                            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x09\x09\x09\x0a\x09\x09\x01"
                             b"\x03\xe8\x0c\x38", 200)):
            s = proxy.connect(first + ask)
            assert status(read_head(s)) == code, first
            s = proxy.connect()
            for at in range(len(first)):  # byte by byte
                s.sendall(first[at:at + 1])
            s.sendall(ask)
            assert status(read_head(s)) == code, first
        assert is_reset(proxy.connect(ask))


def told_to_parent(program):
    """PROXY protocol to a parent: each client has connections of its own"""
    seen = []

    def serve(s):
        line = b""
        while not line.endswith(b"\r\n"):
            line += s.recv(1)
        seen.append(line)
        hello_and_heads(s)

    parent = Origin(serve)
    proxy = Proxy(program, "parent 127.0.0.1:%d { proxy-protocol v1; }\n" % parent.port)
    for _ in range(2):
        s = proxy.connect()
        name = "PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (s.getsockname()[1], proxy.port)
        for _ in range(2):
            s.sendall(b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert status(read_answer(s)[0]) == 200
        assert seen[-1] == name.encode(), (seen, name)
        s.close()
    assert len(seen) == 2
    proxy.stop()


def client_hello(name):
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def sni(program):
    """sni match deny: another name in the hello cuts the tunnel before the origin hears of it"""
    heard = []

    def serve(s):
        while piece := s.recv(1 << 16):
            heard.append(piece)
            s.sendall(piece)

    with running(program, serve, "sni match deny;\n") as (proxy, origin):
        target = b"localhost:%d" % origin.port
        for name in ("localhost", "LOCALHOST"):
            s, head = connect(proxy, target)
            hello = client_hello(name)
            for at in range(0, len(hello), 100):  # put together from pieces
                s.sendall(hello[at:at + 100])
            assert read_exactly(s, len(hello)) == hello
        s, head = connect(proxy, target)
        s.sendall(b"SSH-2.0-not-tls\r\n")
        assert read_exactly(s, 17) == b"SSH-2.0-not-tls\r\n"
        heard.clear()
        s, head = connect(proxy, target)
        s.sendall(client_hello("other.example"))
        assert is_reset(s) and not heard, heard


def unquote(field, name):
    return re.search(rb'[ ,]%s="?([^",\r]*)' % name, field)[1]


def digest(program):
    """a parent's Digest is answered, once; a second 407 becomes a 502"""
    def check(head):
        field = re.search(rb"Proxy-Authorization: Digest ([^\r]*)", head)
        if not field:
            return False
        method, uri = head.split(b" ")[:2]
        hashed = lambda s: hashlib.sha256(s).hexdigest().encode()
        a1 = hashed(b"ali:the realm:pass word")
        a2 = hashed(method + b":" + uri)
        right = hashed(b":".join((a1, b"n0nce", b"00000001", unquote(b" " + field[1], b"cnonce"),
                                  b"auth", a2)))
        return unquote(b" " + field[1], b"response") == right

    def serve(s):
        while head := read_head(s):
            if check(head) and b"/wrong" not in head:
                if head.startswith(b"CONNECT"):
                    s.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    echo(s)
                    return
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            else:
                s.sendall(b'HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm="x", nonce="y"\r\n'
                          b'Proxy-Authenticate: Basic realm="z", Digest realm="the realm", '
                          b'qop="auth-int, auth", algorithm=SHA-256, nonce="n0nce", opaque="o"\r\n'
                          b"Content-Length: 3\r\n\r\nno!")

    with tempfile.NamedTemporaryFile("w") as secret:
        secret.write("pass word\n")
        secret.flush()
        parent = Origin(serve)
        proxy = Proxy(program, "parent 127.0.0.1:%d { user ali; password-file %s; }\n"
                      % (parent.port, secret.name))
    for path, code in (b"/a?b", 200), (b"/wrong", 502):
        s = proxy.connect(b"GET http://a.example%s HTTP/1.1\r\nHost: a.example\r\n\r\n" % path)
        head, body = read_answer(s)
        assert status(head) == code and b"Proxy-Authenticate" not in head, head
    s, head = connect(proxy, b"a.example:443")
    assert status(head) == 200, head
    s.sendall(b"hello")
    assert read_exactly(s, 5) == b"hello"
    proxy.stop()


def stopped_reader(program):
    """for a reader that stopped, no more than a bounded amount is taken from the sender"""
    def serve(s):
        s.settimeout(2)
        sent = 0
        try:
            while sent < 100 << 20:
                sent += s.send(bytes(1 << 16))
        except TimeoutError:
            pass
        seen.append(sent)
        done.set()
        s.settimeout(20)
        read_all(s)

    seen, done = [], threading.Event()
    with running(program, serve) as (proxy, origin):
        s, head = connect(proxy, b"127.0.0.1:%d" % origin.port)
        read_exactly(s, 20 << 20)  # while it is fast, everything grows
        done.wait(60)
        # what the kernel holds for the peers themselves is theirs: 4 MiB to send, 32 to receive
        assert seen[0] < 100 << 20, seen
        s.close()


TESTS = [per_client, connections, braked, rules, told_by_header, told_to_parent, sni, digest,
         stopped_reader]

if __name__ == "__main__":
    sys.exit(main(TESTS))
