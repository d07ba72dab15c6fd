"""Ends of every kind, and what the log says of them: the verdict, who answered, whose end came first,
and a cause on the right leg; the same cause in the answer."""
import os
import signal
import socket
import ssl
import struct
import threading

from peer import Client, Raw, Wire, same, want

from .curl import full
from .kit import LIMIT, SMALL, case, has
from .limits import connect, first_flight

HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = HEAD + b"Content-Length: 100\r\n\r\nhalf"


def rst(wire):
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def origin(first=b"", then=Wire.close, after=0):
    """Says that to a request, and then does that once so many further bytes came."""
    def does(wire):
        wire.until(b"\r\n\r\n")
        wire.send(first)
        wire.exactly(after)
        then(wire)
    return Raw(does)


def get(p, host, method="GET", fields="", body=b""):
    wire = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
    return wire.send(f"{method} http://{host}/ HTTP/1.1\r\nHost: {host}\r\n{fields}"
                     "Connection: close\r\n\r\n".encode() + body)


def nowhere(*words):
    """None of these causes."""
    return lambda causes: not any(w in c for w in words for c in causes or [])


GUESSES = nowhere("limit on the", "gave it up", "overloaded", "its DNS", "speaks no HTTP")


@case("an origin that closes or resets before its answer: its end, its leg")
def before_the_answer(place):
    with place.proxy() as p:
        for end, word, outcome in ((Wire.close, "closed", "closed"), (rst, "reset", "reset")):
            there = origin(then=end)
            want(f"origin {word}".encode() in get(p, there.host).rest(), "the page")
            p.logged({"status": 502, "verdict": "bad-gateway", "why": "origin-closed",
                      "closed_first": "origin", "onward.outcome": outcome,
                      "answered_by": "proxy", "summary": has(f"origin {word} the proxy's own"),
                      "remedy": ["on the origin: look in its log at this time"]})
            there.stop()


@case("an origin that ends in the middle of its answer: its end, and no guesses")
def in_the_answer(place):
    with place.proxy() as p:
        for first in (LENGTH, HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"):
            there = origin(first)
            get(p, there.host).rest()
            p.logged({"status": 200, "verdict": "transfer-truncated", "why": "origin-closed",
                      "closed_first": "origin", "closed_by": "proxy", "cause": GUESSES})
            there.stop()


@case("a refusal of the origin's own, whole and cut: the origin's it is")
def origins_refusals(place):
    with place.proxy() as p:
        for status, length, verdict in ((503, 2, "unavailable"), (503, 200, "unavailable"),
                                        (502, 2, "bad-gateway"), (403, 2, "denied")):
            there = origin(b"HTTP/1.1 %d No\r\nServer: x\r\nContent-Length: %d\r\n\r\nno" %
                           (status, length))
            get(p, there.host).rest()
            p.logged({"status": status, "verdict": verdict, "answered_by": "origin",
                      "closed_first": "origin", "summary": has("the origin "),
                      "cause": nowhere("viaduct", "access list", "could not resolve",
                                       "refused the proxy's")})
            there.stop()


@case("an origin that never answers: until the time-out, and until the client goes")
def no_answer(place):
    silent = Raw(lambda wire: wire.rest())
    with place.proxy("timeout answer 1s;\n") as p:
        want(b"timeout-answer" in get(p, silent.host).rest(), "the page")
        p.logged({"status": 504, "verdict": "gateway-timeout", "onward.outcome": "silent",
                  "summary": has("said nothing")})
        wire = get(p, silent.host)
        while len(silent.wires) < 2 or not silent.wires[1].got:
            threading.Event().wait(0.01)
        rst(wire)
        p.logged({"verdict": "client-aborted", "onward.outcome": "silent", "cause": GUESSES})
    silent.stop()


@case("a body that its client does not go on with, one that its origin does not take")
def bodies_that_stop(place):
    hearing = origin(then=Wire.rest)
    release = threading.Event()
    deaf = Raw(lambda wire: release.wait(LIMIT))
    with place.proxy("timeout idle 1s;\n") as p:
        said = get(p, hearing.host, "POST", "Content-Length: 1000\r\n", b"x" * 100).rest()
        want(b" 408 " in said and b"timeout-idle: " in said and b"header" not in
             said.split(b"\r\n\r\n")[1], said)
        p.logged({"status": 408, "verdict": "other-status", "why": "timeout-idle",
                  "why_text": has("body")})
        wire = get(p, deaf.host, "POST", "Content-Length: 90000000\r\n")
        wire.sock.settimeout(5)
        try:
            for _ in range(1000):
                wire.send(bytes(65536))
        except (TimeoutError, OSError):
            pass
        p.logged({"status": 504, "verdict": "gateway-timeout", "why": "timeout-idle",
                  "why_text": has("took no more")})
        release.set()
    hearing.stop()
    deaf.stop()


@case("readers that stop, until the idle time-out: the client, plain and in a tunnel; the origin")
def readers_that_stop(place):
    def pours(wire):
        if wire.more() and wire.got.startswith(b"GET"):
            wire.send(HEAD + b"Content-Length: 900000000\r\n\r\n")
        while True:
            wire.send(bytes(1 << 20))

    source, release = Raw(pours), threading.Event()
    deaf = Raw(lambda wire: release.wait(LIMIT))
    with place.proxy("timeout idle 2s;\n") as p:
        plain, wire = get(p, source.host), connect(p, source.host, b"x")
        sender = connect(p, deaf.host)
        sender.sock.setblocking(False)
        try:
            while True:
                sender.sock.send(bytes(1 << 20))
        except BlockingIOError:
            pass
        records = {(r["method"], r["target"]): r for r in p.take(3)}
        for (method, target), taken in ((("GET", f"http://{source.host}/"), "client"),
                                        (("CONNECT", source.host), "client"),
                                        (("CONNECT", deaf.host), "origin")):
            r = records[method, target]
            same((r["verdict"], r["why"]), ("receiver-stalled", "timeout-idle"), r)
            want(f"the {taken} took nothing more" in r["why_text"], r)
            want("the origin stopped sending" not in r["cause"], r)
        release.set()
    for each in (plain, wire, sender, source, deaf):
        (each.stop if isinstance(each, Raw) else each.close)()


@case("a client that leaves in its head; one that is gone before the time-out of a dial")
def clients_that_leave(place):
    listener, fillers = full()
    with place.proxy("timeout connect 3s;\n") as p:
        for end, how in ((Wire.close, "fin"), (rst, "rst")):
            wire = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
            end(wire.send(b"GET http://origin.test/ HTTP/1.1\r\nHo"))
            p.logged({"verdict": "client-aborted", "method": "GET", "closed_by": "client",
                      "close": how})
        wire = get(p, "127.0.0.1:%d" % listener.getsockname()[1])
        rst(wire)
        p.logged({"verdict": "client-aborted", "closed_by": "client", "status": None,
                  "duration_ms": lambda ms: ms < 2500})
    for s in [listener, *fillers]:
        s.close()


@case("a reader that stops for longer than the time-out, and then reads on")
def reader_that_pauses(place):
    def pours(wire):
        wire.until(b"\r\n\r\n")
        wire.send(HEAD + b"Content-Length: 900000000\r\n\r\n")
        while True:
            wire.send(bytes(1 << 20))

    source = Raw(pours)
    with place.proxy("timeout idle 2s;\n") as p:
        wire = get(p, source.host)
        threading.Event().wait(3)   # the time-out, and not twice
        wire.rest()
        p.logged({"verdict": "receiver-stalled", "why": "timeout-idle",
                  "cause": nowhere("stopped sending")})
    source.stop()


@case("what clients say to a proxy that they take for another thing")
def other_protocols(place):
    with place.proxy() as p:
        for said, name in ((first_flight("origin.test"), "TLS"), (b"\x05\x01\x00", "SOCKS"),
                           (b"SSH-2.0-x\r\n", "SSH")):
            wire = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
            want(f"these bytes are {name}".encode() in wire.send(said).rest(), name)
            p.logged({"verdict": "bad-request", "status": 400, "why_text": has(name)})
        wire = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
        wire.send(b"\r\n").close()   # a line too many behind a body: no request


@case("what is under way when the proxy is stopped: its own doing, tunnels or not")
def drained(place):
    silent, slow = Raw(lambda wire: wire.rest()), origin(LENGTH, Wire.rest)
    with place.proxy("timeout drain 1s;\n") as p:
        waits, reads = get(p, silent.host), get(p, slow.host)
        reads.until(b"half")
        while not silent.wires or not silent.wires[0].got:
            threading.Event().wait(0.01)
        p.process.send_signal(signal.SIGTERM)
        records = {r["target"]: r for r in p.take(2)}
        for host, verdict in ((silent.host, "proxy-reset"), (slow.host, "transfer-truncated")):
            r = records[f"http://{host}/"]
            same((r["verdict"], r["why"], r["closed_first"]), (verdict, "draining", "proxy"), r)
            want("draining" in r["cause"][0] and len(r["cause"]) == 1, r)
        p.process.wait(LIMIT)
        waits.close()
        reads.close()
    silent.stop()
    slow.stop()


class Secure:
    """TLS at its far end: does what it is told with each connection."""

    def __init__(self, place, does):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(place.certificate(), os.path.join(place.folder, "key.pem"))

        def serve(wire):
            with context.wrap_socket(wire.sock, server_side=True) as s:
                does(Wire(s))
        self.raw = Raw(serve)
        self.host = f"origin.test:{self.raw.port}"


def wrap(place, p, host, name="origin.test", version=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile=place.certificate())
    context.set_alpn_protocols(["http/1.1"])
    context.check_hostname = False
    context.maximum_version = version
    return Wire(context.wrap_socket(connect(p, host).sock, server_hostname=name))


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
ASK = b"GET / HTTP/1.1\r\nHost: origin.test\r\nUser-Agent: a\r\nAccept: text/plain, */*;q=0.1\r\n\r\n"


@case("the idle time-out in a tunnel: a hello, or a request in TLS, without an answer")
def idle_in_tls(place):
    mute, silent = Raw(lambda wire: wire.rest()), Secure(place, lambda wire: wire.rest())
    with place.proxy("timeout idle 1s;\n") as p:
        connect(p, mute.host, first_flight("origin.test")).rest()
        p.logged({"verdict": "tls-silent", "why": "timeout-idle", "closed_first": "proxy",
                  "cause": nowhere("closed upon", "reset")})
        for version in VERSIONS:
            wrap(place, p, silent.host, version=version).send(ASK).rest()
            p.logged({"verdict": "transfer-stalled", "why": "timeout-idle"})
    mute.stop()
    silent.raw.stop()


@case("a client that takes leave in TLS, and whose FIN comes behind the origin's")
def leave_taken(place):
    silent = Secure(place, lambda wire: wire.rest())
    with place.proxy() as p:
        for version in VERSIONS:
            wire = wrap(place, p, silent.host, version=version).send(ASK)
            try:
                wire.sock.unwrap()
            except OSError:
                pass
            wire.close()
            p.logged({"verdict": "client-aborted", "closed_by": "proxy"})
    silent.raw.stop()


@case("a bulk in TLS that the origin resets")
def bulk_reset(place):
    def pours(wire):
        wire.until(b"\r\n\r\n")
        wire.send(HEAD + b"Content-Length: 900000000\r\n\r\n" + bytes(3 << 20))
        rst(Wire(wire.sock))

    there = Secure(place, pours)
    with place.proxy() as p:
        for version in VERSIONS:
            try:
                wrap(place, p, there.host, version=version).send(ASK).rest()
            except OSError:
                pass
            p.logged({"verdict": "transfer-reset", "closed_first": "origin", "cause": GUESSES})
    there.raw.stop()


@case("sni match log: a note is no verdict", "nginx")
def sni_noted(place):
    with place.proxy("sni match log;\n") as p:
        wire = wrap(place, p, f"origin.test:{place.web.https}", "other.test")
        want(wire.send(b"GET /small.txt HTTP/1.0\r\n\r\n").rest().endswith(SMALL), "the file")
        wire.close()
        p.logged({"verdict": "ok", "why": "sni", "closed_first": lambda who: who != "proxy"})


@case("one page asked for again and again, in one tunnel, is no flow that was left")
def polled(place):
    def answers(wire):
        while wire.until(b"\r\n\r\n"):
            wire.send(HEAD + b"Content-Length: 2000\r\n\r\n" + bytes(2000))

    there = Secure(place, answers)
    with place.proxy() as p:
        wire = wrap(place, p, there.host)
        for _ in range(5):
            wire.send(ASK).exactly(2041)
            threading.Event().wait(0.15)
        wire.close()
        p.logged({"verdict": "ok", "method": "CONNECT"})
    there.raw.stop()


@case("events that never end: whoever ends them")
def events(place):
    there = origin(HEAD + b"Content-Type: text/event-stream\r\n\r\ndata: 1\n\n", Wire.rest)
    with place.proxy("timeout idle 1s;\n") as p:
        wire = get(p, there.host)
        wire.until(b"data: 1\n\n")
        wire.close()
        p.logged({"verdict": "ok", "closed_by": "client"})
        get(p, there.host).rest()
        p.logged({"verdict": "ok", "why": "timeout-idle"})
    there.stop()


@case("a parent's refusal: what it says itself, and no product that is not its own")
def parents_words(place):
    def refuse(status, fields):
        return origin(b"HTTP/1.1 %d No\r\n%s\r\nContent-Length: 200\r\n\r\nno" % (status, fields))

    for fields, product, cause in ((b"X-Squid-Error: ERR_DNS_FAIL 0", "squid", "resolve"),
                                   (b"Cache-Control: no-cache", None, "parent")):
        there = refuse(503, fields)
        with place.proxy(f"parent 127.0.0.1:{there.port};\n") as p:
            Client(("127.0.0.1", p.port)).send(
                b"CONNECT origin.test:443 HTTP/1.1\r\nHost: a\r\n\r\n").rest()
            p.logged({"status": 503, "verdict": "unavailable", "answered_by": "parent",
                      "why": "parent", "product": product,
                      "cause": lambda c, word=cause: any(word in each for each in c)})
        there.stop()
