#!/usr/bin/env python3
"""Plain requests: keep-alive on both sides, bodies in every framing, early answers, broken ones.

    proxy_forward.py PROGRAM [ARGUMENT...]      (what to begin `-c FILE` with: viaduct proxy)
"""
import os
import socket
import sys
import threading

from proxykit import (Origin, Proxy, deaf_port, is_reset, length_of, main, read_all, read_answer, read_chunked,
                      read_exactly, read_head, reset, status, with_origin)


def serve_with(answer):
    """An origin that keeps connections alive: answer(head, body) gives what is sent back."""
    def serve(s):
        while True:
            head = read_head(s)
            if not head:
                return
            if b"chunked" in head.lower():
                body = read_chunked(s)[0]
            else:
                body = read_exactly(s, length_of(head))
            s.sendall(answer(head, body))
    return serve


def ok(content, *fields):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (
        len(content), b"".join(f + b"\r\n" for f in fields), content)


def ask(origin, method=b"GET", path=b"/", fields=(), body=b"", minor=1):
    head = b"%s http://127.0.0.1:%d%s HTTP/1.%d\r\nHost: 127.0.0.1:%d\r\n" % (
        method, origin.port, path, minor, origin.port)
    return head + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


@with_origin(serve_with(lambda head, body: ok(head)))
def rewritten(proxy, origin):
    """the head in origin-form, with Via and without what was for the proxy"""
    s = proxy.connect(ask(origin, path=b"/a?b", fields=(
        b"Proxy-Authorization: Basic eDp5", b"Proxy-Connection: keep-alive", b"X-One: 1",
        b"Connection: close, X-One", b"X-Two: 2", b"TE: trailers")))
    head, seen = read_answer(s)
    assert status(head) == 200 and b"\r\nVia: 1.1 viaduct\r\n" in head, head
    assert seen.startswith(b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % origin.port), seen
    assert b"Via: 1.1 viaduct\r\n" in seen and b"X-Two: 2\r\n" in seen
    for gone in (b"Proxy-", b"X-One", b"TE:"):
        assert gone not in seen, seen
    assert b"Connection: close" in head and s.recv(1) == b""


@with_origin(serve_with(lambda head, body: ok(b"x" * 1000)))
def kept_alive(proxy, origin):
    """one connection on either side for ten requests"""
    s = proxy.connect()
    for _ in range(10):
        s.sendall(ask(origin))
        head, body = read_answer(s)
        assert status(head) == 200 and len(body) == 1000
    assert origin.count == 1, origin.count


@with_origin(serve_with(lambda head, body: ok(head.split(b" ")[1])))
def pipelined(proxy, origin):
    """fifty requests at once are answered in order"""
    s = proxy.connect(b"".join(ask(origin, path=b"/%d" % n) for n in range(50)))
    for n in range(50):
        assert read_answer(s)[1] == b"/%d" % n


@with_origin(serve_with(lambda head, body: ok(body)))
def bodies(proxy, origin):
    """bodies of a known length, both ways"""
    s = proxy.connect()
    for size in (0, 1, 4000, 9000, 70000, 1 << 20):
        sent = os.urandom(size)
        whole = ask(origin, b"POST", fields=(b"Content-Length: %d" % size,), body=sent)
        sender = threading.Thread(target=s.sendall, args=(whole,))
        sender.start()
        assert read_answer(s)[1] == sent
        sender.join()


def chunked(content, size, extension=b"", trailer=b""):
    out = b""
    for at in range(0, len(content), size):
        piece = content[at:at + size]
        out += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
    return out + b"0\r\n" + trailer + b"\r\n"


@with_origin(serve_with(lambda head, body: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunked(body, 977)))
def chunks(proxy, origin):
    """chunked bodies, both ways, of many sizes, and the next request behind"""
    s = proxy.connect()
    for size, piece in ((0, 1), (1, 1), (5000, 7), (100000, 5000), (1 << 20, 65536)):
        sent = os.urandom(size)
        whole = ask(origin, b"POST", fields=(b"Transfer-Encoding: chunked",),
                    body=chunked(sent, piece, b";x=y"))
        sender = threading.Thread(target=s.sendall, args=(whole,))
        sender.start()
        assert read_answer(s)[1] == sent, size
        sender.join()
    assert origin.count == 1


def trailers(program):
    """trailers go on, but for those that may not"""
    def serve(s):
        read_head(s)
        content, trailer = read_chunked(s)
        s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                  chunked(content, 3, trailer=b"X-Seen: %s\r\nContent-Length: 3\r\n"
                          % trailer.strip().replace(b"\r\n", b"|")))

    origin, proxy = Origin(serve), Proxy(program)
    s = proxy.connect(ask(origin, b"POST", fields=(b"Transfer-Encoding: chunked",), body=chunked(
        b"abc", 2, trailer=b"X-Sum: 1\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n")))
    read_head(s)
    content, trailer = read_chunked(s)
    assert content == b"abc" and trailer == b"X-Seen: X-Sum: 1\r\n\r\n", trailer
    proxy.stop()


@with_origin(lambda s: (read_head(s), s.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")))
def until_close(proxy, origin):
    """a body that ends with the origin's connection: chunks for 1.1, the end for 1.0"""
    s = proxy.connect(ask(origin))
    head, body = read_answer(s)
    assert b"chunked" in head and body == b"until the end"
    s.sendall(ask(origin))
    assert read_answer(s)[1] == b"until the end"
    s = proxy.connect(ask(origin, minor=0))
    head, body = read_answer(s)
    assert b"chunked" not in head and body == b"until the end"


@with_origin(serve_with(lambda head, body: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunked(b"0123456789", 3)))
def old_client(proxy, origin):
    """no chunks to an HTTP/1.0 client"""
    s = proxy.connect(ask(origin, minor=0, fields=(b"Connection: keep-alive",)))
    assert read_all(s).endswith(b"\r\n\r\n0123456789")


@with_origin(serve_with(lambda head, body: ok(b"hello")))
def old_keep_alive(proxy, origin):
    """an HTTP/1.0 client may keep its connection"""
    s = proxy.connect()
    for _ in range(3):
        s.sendall(ask(origin, minor=0, fields=(b"Connection: keep-alive",)))
        head, body = read_answer(s)
        assert body == b"hello" and b"onnection: keep-alive" in head


@with_origin(serve_with(lambda head, body: {
    b"HEAD": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
    b"GET": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
    b"PUT": b"HTTP/1.1 204 No Content\r\n\r\n"}[head.split(b" ")[0]]))
def bodiless(proxy, origin):
    """HEAD, 304 and 204 have no body, and the connection goes on"""
    s = proxy.connect()
    for method, code in ((b"HEAD", 200), (b"GET", 304), (b"PUT", 204), (b"HEAD", 200)):
        s.sendall(ask(origin, method))
        assert status(read_answer(s, head_only=True)[0]) == code
    assert origin.count == 1


def continues(program):
    """100-continue goes through before the body does"""
    def serve(s):
        head = read_head(s)
        assert b"100-continue" in head
        s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        s.sendall(ok(read_exactly(s, length_of(head))))

    origin, proxy = Origin(serve), Proxy(program)
    s = proxy.connect(ask(origin, b"POST", fields=(b"Content-Length: 5", b"Expect: 100-continue")))
    assert status(read_head(s)) == 100
    s.sendall(b"hello")
    assert read_answer(s)[1] == b"hello"
    proxy.stop()


def interim(program):
    """1xx goes to HTTP/1.1 clients alone"""
    def serve(s):
        while read_head(s):
            s.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(b"done"))

    origin, proxy = Origin(serve), Proxy(program)
    s = proxy.connect(ask(origin))
    assert status(read_head(s)) == 103 and read_answer(s)[1] == b"done"
    s = proxy.connect(ask(origin, minor=0))
    head, body = read_answer(s)
    assert status(head) == 200 and body == b"done"
    proxy.stop()


def upgrades(program):
    """Upgrade: 101, then a tunnel"""
    def serve(s):
        head = read_head(s)
        assert b"Upgrade: websocket\r\n" in head and b"Connection: Upgrade\r\n" in head, head
        s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\n\r\nfirst")
        while piece := s.recv(1000):
            s.sendall(piece)

    origin, proxy = Origin(serve), Proxy(program)
    s = proxy.connect(ask(origin, fields=(b"Upgrade: websocket", b"Connection: upgrade")))
    head = read_head(s)
    assert status(head) == 101 and b"Upgrade: websocket\r\n" in head
    assert read_exactly(s, 5) == b"first"
    s.sendall(b"hello")
    assert read_exactly(s, 5) == b"hello"
    s.shutdown(socket.SHUT_WR)
    assert read_all(s) == b""
    proxy.stop()


def early_answer(program):
    """an answer before the body is whole is passed on, and survives"""
    def serve(s):
        read_head(s)
        s.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
        s.shutdown(socket.SHUT_WR)
        read_all(s)

    origin, proxy = Origin(serve), Proxy(program)
    s = proxy.connect(ask(origin, b"POST", fields=(b"Content-Length: 50000000",)))

    def send():
        try:
            while True:
                s.sendall(bytes(100000))
        except OSError:
            pass

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    head, body = read_answer(s)
    assert status(head) == 413 and body == b"no!" and b"onnection: close" in head
    proxy.stop()


def retried(program):
    """a kept connection that died is replaced for a GET, once; a POST is not sent twice"""
    turn = []
    again = threading.Event()

    def serve(s):
        read_head(s)
        turn.append(1)
        s.sendall(ok(b"one"))
        if len(turn) % 2:  # the next request dies with this connection
            read_head(s)
            reset(s)
            again.set()

    origin, proxy = Origin(serve), Proxy(program)
    s = proxy.connect(ask(origin))
    assert read_answer(s)[1] == b"one"
    s.sendall(ask(origin))
    assert status(read_answer(s)[0]) == 200 and again.wait(20)
    turn.clear()
    again.clear()
    s.sendall(ask(origin))
    read_answer(s)
    s.sendall(ask(origin, b"POST"))
    assert status(read_answer(s)[0]) == 502
    proxy.stop()


def truncated(program):
    """an answer that is cut short is not passed off as whole"""
    for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
                   b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"):
        def serve(s, answer=answer):
            read_head(s)
            s.sendall(answer)
        origin, proxy = Origin(serve), Proxy(program)
        s = proxy.connect(ask(origin))
        got = read_all(s)
        assert b"short" in got and not got.endswith(b"0\r\n\r\n"), got
        s = proxy.connect(ask(origin, minor=0))
        if b"chunked" in answer:
            assert is_reset(s)
        proxy.stop()


def cut_by_reset(program):
    """a body without framing that a RST ends, ends with a RST"""
    def serve(s):
        read_head(s)
        s.sendall(b"HTTP/1.1 200 OK\r\n\r\nshort")
        s.recv(1)  # until the client has it
        reset(s)

    origin, proxy = Origin(serve), Proxy(program)
    s = proxy.connect(ask(origin, b"POST", fields=(b"Content-Length: 2",), body=b"", minor=0))
    head = read_head(s)
    assert status(head) == 200 and read_exactly(s, 5) == b"short"
    s.sendall(b"x")
    assert is_reset(s)
    proxy.stop()


@with_origin(lambda s: (read_head(s), s.sendall(b"SSH-2.0-x\r\n")))
def not_http(proxy, origin):
    """an origin that speaks no HTTP: 502"""
    head, page = read_answer(proxy.connect(ask(origin)))
    assert status(head) == 502 and b"http_protocol_error" in head


@with_origin(lambda s: read_head(s))
def no_answer(proxy, origin):
    """an origin that closes without an answer: 502"""
    assert status(read_answer(proxy.connect(ask(origin)))[0]) == 502


def refusals(program):
    """what is refused, with which status, and nothing of it reaches an origin"""
    origin, proxy = Origin(lambda s: read_all(s)), Proxy(program)
    target = b"http://127.0.0.1:%d/" % origin.port
    host = b"Host: a\r\n"
    for request, code in (
            (b"GET / HTTP/1.1\r\n" + host + b"\r\n", 400),
            (b"GET " + target + b" HTTP/1.1\r\n\r\n", 400),
            (b"GET " + target + b" HTTP/1.1\r\n" + host + host + b"\r\n", 400),
            (b"GET " + target + b" HTTP/2.0\r\n" + host + b"\r\n", 505),
            (b"GET https://a/ HTTP/1.1\r\n" + host + b"\r\n", 501),
            (b"POST " + target + b" HTTP/1.1\r\n" + host + b"Content-Length: 3\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"POST " + target + b" HTTP/1.1\r\n" + host + b"Content-Length: 3\r\n"
             b"Content-Length: 4\r\n\r\nabc", 400),
            (b"POST " + target + b" HTTP/1.1\r\n" + host + b"Transfer-Encoding: gzip, chunked"
             b"\r\n\r\n0\r\n\r\n", 501),
            (b"GET " + target + b" HTTP/1.1\r\n" + host + b"Bad Name: x\r\n\r\n", 400),
            (b"GET " + target + b" HTTP/1.1\r\n" + host + b"Via: 1.1 viaduct\r\n\r\n", 508),
            (b"GET http://127.0.0.1:%d/ HTTP/1.1\r\n" % proxy.port + host + b"\r\n", 508),
            (b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % proxy.port + host + b"\r\n", 508),
            (b"GET " + target + b" HTTP/1.1\r\n" + host + b"Expect: tea\r\n\r\n", 417),
            (b"GET " + target + b"a" * 70000 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
            (b"GET " + target + b" HTTP/1.1\r\nA: " + b"a" * 70000 + b"\r\n\r\n", 431),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
            (b"TRACE " + target + b" HTTP/1.1\r\n" + host + b"Max-Forwards: 0\r\n"
             b"Cookie: secret\r\n\r\n", 200),
            (b"OPTIONS * HTTP/1.1\r\n" + host + b"\r\n", 200)):
        s = proxy.connect(request)
        head, page = read_answer(s)
        assert status(head) == code, (request[:200], head)
        assert b"secret" not in page
    assert origin.count == 0, origin.count
    proxy.stop()


@with_origin(serve_with(lambda head, body: ok(body)), "limit request 1000;\nlimit response 500;\n")
def too_large(proxy, origin):
    """limits of request and answer"""
    big = ask(origin, b"POST", fields=(b"Content-Length: 2000",), body=bytes(2000))
    assert status(read_answer(proxy.connect(big))[0]) == 413
    coded = ask(origin, b"POST", fields=(b"Transfer-Encoding: chunked",),
                body=chunked(bytes(2000), 100))
    assert status(read_answer(proxy.connect(coded))[0]) == 413
    fine = ask(origin, b"POST", fields=(b"Content-Length: 700",), body=bytes(700))
    assert status(read_answer(proxy.connect(fine))[0]) == 502
    small = ask(origin, b"POST", fields=(b"Content-Length: 100",), body=bytes(100))
    assert status(read_answer(proxy.connect(small))[0]) == 200


@with_origin(lambda s: (read_head(s), s.recv(1)), "timeout answer 1s;\ntimeout header 1s;\n"
             "timeout keepalive 1s;\n")
def times(proxy, origin):
    """time-outs of header, answer and between requests"""
    assert status(read_answer(proxy.connect(ask(origin)))[0]) == 504
    s = proxy.connect(b"GET http://a/ HT")
    assert status(read_answer(s)[0]) == 408
    s = proxy.connect(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    read_answer(s)
    assert s.recv(1) == b""


@with_origin(serve_with(lambda head, body: ok(b"x" * 5000000)))
def slow_reader(proxy, origin):
    """a client that reads late gets all"""
    s = proxy.connect(ask(origin))
    head = read_head(s)
    assert read_exactly(s, length_of(head)) == b"x" * 5000000


@with_origin(serve_with(lambda head, body: ok(b"late")))
def half_closed(proxy, origin):
    """a client that ends its half behind the request is answered"""
    s = proxy.connect(ask(origin))
    s.shutdown(socket.SHUT_WR)
    assert read_answer(s)[1] == b"late" and s.recv(1) == b""


def parents(program):
    """by a parent: absolute-form, Basic; one that is gone is passed over; its refusal is passed on"""
    def serve(s):
        head = read_head(s)
        if head.startswith(b"CONNECT"):
            s.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        else:
            s.sendall(ok(head))

    gone, parent = deaf_port(), Origin(serve)
    secret = "/tmp/viaduct-parent-%d" % os.getpid()
    with open(secret, "w", encoding="ascii") as out:
        out.write("open sesame\n")
    os.chmod(secret, 0o600)
    try:
        proxy = Proxy(program, "parent 127.0.0.1:%d;\nparent 127.0.0.1:%d { user ali; "
                      "password-file %s; }\n" % (gone, parent.port, secret))
        s = proxy.connect(ask(parent, path=b"/x"))
        head, seen = read_answer(s)
        assert seen.startswith(b"GET http://127.0.0.1:%d/x HTTP/1.1\r\n" % parent.port), seen
        assert b"Proxy-Authorization: Basic YWxpOm9wZW4gc2VzYW1l\r\n" in seen, seen
        s = proxy.connect(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n")
        head, page = read_answer(s)
        assert status(head) == 403 and page == b"no", (head, page)
        proxy.stop()
    finally:
        os.unlink(secret)


TESTS = [rewritten, kept_alive, pipelined, bodies, chunks, trailers, until_close, old_client,
         old_keep_alive, bodiless, continues, interim, upgrades, early_answer, retried, truncated,
         cut_by_reset, not_http, no_answer, refusals, too_large, times, slow_reader, half_closed,
         parents]

if __name__ == "__main__":
    sys.exit(main(TESTS))
