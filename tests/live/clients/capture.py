"""A capture of the proxy at work, read by `viaduct read`, and the proxy's own log: what both can see
they tell alike, exchange by exchange."""
import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys

from peer import LIMIT, Origin, Raw, Wire, same, want
from tcpdump import Tcpdump

from .curl import hold
from .kit import Skip, case, curl, environment, run
from .limits import connect, echo

# What both see. bytes: of the whole exchange, heads and tunnel.
BOTH = ("verdict", "method", "target", "status", "auth", "sni", "bytes_up", "bytes_down", "closed_by",
        "inner")


def work(place, p):
    """One exchange after the other: each a client of its own, so that their order is known."""
    plain, secure = f"http://origin.test:{place.web.http}", f"https://origin.test:{place.web.https}"
    place.content("middle", 6 << 20)

    def get(*arguments, code=0, **more):
        curl(place, "-x", p.url, "-U", "alice:opensesame", *arguments, code=code, **more)

    get(plain + "/small.txt")
    get("-I", plain + "/small.txt")
    get(plain + "/middle")
    get("-r", "5-9", plain + "/small.txt")
    get("-z", os.path.join(place.root, "small.txt"), plain + "/small.txt")
    get(plain + "/nothing-here")
    get("-T", place.content("sent", 300000), plain + "/put/captured")
    get("-T", "-", plain + "/put/captured", stdin=bytes(100000))
    get("-p", plain + "/small.txt")
    get("--http1.1", secure + "/small.txt")
    get("--http2", secure + "/middle")
    get("--tls-max", "1.2", secure + "/small.txt")
    get("--proxy-digest", plain + "/small.txt")
    get("--proxy-digest", secure + "/small.txt")
    get("-d", "a=b", plain + "/method")
    curl(place, "-x", p.url, plain + "/small.txt")
    curl(place, "-x", p.url, "-U", "alice:wrong", plain + "/small.txt")
    curl(place, "-x", p.url, "-U", "alice:wrong", secure, code=56)
    get("http://denied.test/")
    get("https://denied.test/", code=56)
    get("http://nowhere.test/")
    get("http://127.0.0.1:1/")
    get("https://127.0.0.1:1/", code=56)
    run("curl", "-q", "-sS", "-x", p.url, "-U", "alice:opensesame", plain + "/small.txt",
        plain + "/small.txt?2", plain + "/small.txt?3")
    run("openssl", "s_client", "-proxy", f"127.0.0.1:{p.port}", "-proxy_user", "alice",
        "-proxy_pass", "env:WORD", "-connect", f"127.0.0.1:{place.web.https}", "-servername",
        "other.test", "-quiet", stdin=b"GET / HTTP/1.0\r\n\r\n", env={"WORD": "opensesame"})


def misbehave(p, origins):
    """What curl does not do: origins and clients that end badly."""
    credentials = "Proxy-Authorization: Basic YWxpY2U6b3BlbnNlc2FtZQ==\r\n"

    def send(text):
        wire = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
        return wire.send(text.encode())

    def get(path):
        return send(f"GET http://{origins['web'].host}{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    f"{credentials}\r\n")

    get("/truncated").rest()
    get("/reset").rest()
    get("/silent").rest()
    wire = get("/hold")
    wire.until(b"some")
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()
    for first, end in ((b"SSH-2.0-x\r\n", "fin"), (b"hello", "rst"), (b"bye", "origin")):
        wire = send(f"CONNECT {origins[end].host} HTTP/1.1\r\nHost: a\r\n{credentials}\r\n")
        wire.until(b"\r\n\r\n")
        wire.send(first)
        wire.exactly(len(first))
        if end == "rst":
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if end == "origin":
            wire.rest()
        wire.close()
    

def origins():
    def truncated(wire, _):
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        return False

    def reset(wire, _):
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        return False

    web = Origin()
    web.script.update({"/truncated": truncated, "/reset": reset, "/hold": hold,
                       "/silent": lambda wire, _: False})
    return {"web": web, "fin": Raw(echo), "rst": Raw(echo),
            "origin": Raw(lambda wire: wire.send(wire.exactly(3)))}


def compare(logged, seen):
    """Complaints, one an exchange that differs."""
    def names(records):
        return [(r["client"], r.get("method"), r.get("target"), r.get("status")) for r in records]

    def only(some, others):
        return [each for each in names(some) if each not in names(others)]

    if len(seen) != len(logged):
        yield f"only logged: {only(logged, seen)}; only captured: {only(seen, logged)}"
        return
    for mine, theirs in zip(logged, seen):
        same(theirs["client"], mine["client"], "their order")
        for member in BOTH:
            if member == "closed_by" and mine["close"] == "none":
                want(theirs[member] in ("client", "nobody"), theirs)   # its connection outlived it
                continue
            crossed = (mine["method"] == "CONNECT" and mine["closed_by"] == "proxy" and
                       theirs["closed_by"] == "client")
            if member == "closed_by" and crossed:
                continue   # both end it at once: whose FIN is first on the wire is chance
            if mine.get(member) != theirs.get(member):
                yield (f"{mine['method'] if 'method' in mine else '?'} {mine.get('target')}: "
                       f"{member} is {mine.get(member)!r} in the log, "
                       f"{theirs.get(member)!r} in the capture\n  log: {mine['summary']}\n"
                       f"  capture: {theirs['summary']}")


def inside(place):
    """In a network namespace of its own, whose loopback is up."""
    from .users import auth   # pylint: disable=import-outside-toplevel
    config = (auth(place, "digest basic") + "rule deny to denied.test;\n"
              "rule allow from 127.0.0.1 port 1-65535;\n")
    path = os.path.join(place.folder, "work.pcap")
    with contextlib.ExitStack() as stack:
        with place.proxy(config) as p:
            p.loose = True
            place.web   # it is started now
            dump = stack.enter_context(Tcpdump(path, f"port {p.port}"))
            work(place, p)
            there = origins()
            misbehave(p, there)
        dump.stop()
    done = run(os.path.abspath(place.program), "read", "--json", path, code=None)
    seen = [json.loads(line) for line in done.out.splitlines()]
    logged = sorted(p.records, key=lambda r: r["start"])
    for origin in there.values():
        origin.stop()
    complaints = list(compare(logged, seen))
    if complaints and os.environ.get("KEEP"):
        shutil.copy(path, os.environ["KEEP"])
    want(len(logged) > 30, f"only {len(logged)} exchanges")
    want(not complaints, "\n".join(complaints))


@case("the log and a capture of the same agree, exchange by exchange", "tcpdump", "unshare", "ip",
      "curl", "nginx", "openssl")
def agreement(place):
    """The test itself is run again, in a namespace."""
    enter = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if subprocess.run([*enter, "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("no namespace may be made here")
    script = ("import sys; sys.path[:0] = sys.argv[1:3]\n"
              "from clients import capture, kit\n"
              "place = kit.Place(sys.argv[3])\n"
              "try: capture.inside(place)\n"
              "finally: place.stop()\n")
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run([*enter, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable,
                           "-c", script, here, os.path.dirname(here),
                           os.path.abspath(place.program)],
                          capture_output=True, check=False, timeout=300, env=environment())
    said = done.stderr.decode("utf-8", "backslashreplace")
    want(done.returncode == 0, said[said.find("AssertionError"):] if "AssertionError" in said
         else said[-3000:])
