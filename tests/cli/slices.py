#!/usr/bin/env python3
"""What --slice writes holds no secret, whatever way TCP brought it, and all else as it was.

    slices.py VIADUCT

Each case is a capture of conversations, 403 and then 407, with secrets at known places, cut and sent
in its own way. Of every packet in the slices: the bytes of secrets are stars, the others are
untouched, the length is the same, and the TCP checksum is as right as it was.
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "scenario")]
from packets import (ACK, FIN, LINKS, PSH, SYN, Frame, IcmpError, Segment, checksum,  # noqa: E402
                     pcap, pseudo_header)
from viaduct import CAPTURES, Broken, Tap, run  # noqa: E402

START = 1_700_000_000 * 10**9
MS = 10**6
CLIENT, PROXY = ("10.40.40.1", "10.10.10.1"), ("fd00::1", "fd00::2")


def marked(text):
    """(the bytes, offsets of those that stand between « and »)."""
    out, secret, inside = bytearray(), set(), False
    for c in text:
        if c in "«»":
            inside = c == "«"
            continue
        if inside:
            secret.add(len(out))
        out += c.encode("latin-1")
    return bytes(out), secret


FIRST_UP = ("GET http://«carol:p»@«ss:w0rd»@files.example/x?next=http://«dave:inner»@other.example/ "
            "HTTP/1.1\r\nHost: files.example\r\nproxy-authorization: «Basic dXNlcjpzM2NyZXQ=»\r\n"
            "X-Before: plain text\r\nCookie:«sid=0123456789abcdef»\r\nX-Session-Token: «t0ken»\r\n"
            "Accept: */*\r\n\r\n")
FIRST_DOWN = ("HTTP/1.1 403 Forbidden\r\nSet-Cookie: «k=very5ecret; path=/»\r\nVia: 1.1 a\r\n"
              "Content-Length: 5\r\n\r\nhello")
SECOND_UP = ("CONNECT tools.example:443 HTTP/1.1\r\nHost: tools.example:443\r\nProxy-Authorization: "
             "«Digest username=\"u\", realm=\"a\", nonce=\"n\", uri=\"tools.example:443\", "
             "response=\"0123456789abcdef0123456789abcdef\"»\r\nUser-Agent: x\r\n\r\n")
SECOND_DOWN = ("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Digest realm=\"a\", "
               "nonce=\"n\"\r\nContent-Length: 0\r\n\r\n")


class Stream:
    """What one side says, and where it stops for the other's answer."""

    def __init__(self, *texts):
        self.data, self.secret, self.ends = b"", set(), []
        for text in texts:
            data, secret = marked(text)
            self.secret |= {len(self.data) + s for s in secret}
            self.data += data
            self.ends.append(len(self.data))


UP, DOWN = Stream(FIRST_UP, SECOND_UP), Stream(FIRST_DOWN, SECOND_DOWN)


class Connection:
    """Makes frames: each remembers which bytes of which stream it carries, from `start` on."""

    def __init__(self, number=0, six=False):
        self.client, self.proxy = PROXY if six else CLIENT
        self.port = 20000 + number
        self.now = START + number * 100 * MS
        self.isn = {True: (0xffffff00 + 977 * number) & 0xffffffff, False: 12345}
        self.frames = []

    def send(self, up, start, end, flags=PSH | ACK, data=None):
        """start -1: a SYN; its data, if any, begin at 0."""
        stream = UP if up else DOWN
        payload = stream.data[max(start, 0):end] if data is None else data
        src, dst = (self.client, self.proxy) if up else (self.proxy, self.client)
        ports = (self.port, 3128) if up else (3128, self.port)
        what = Segment(src, ports[0], dst, ports[1], (self.isn[up] + 1 + start) & 0xffffffff,
                       self.acked(not up), flags, 60000, payload=payload)
        self.now += MS
        frame = Frame(self.now, up, up, what, what.packet())
        frame.start = max(start, 0)
        frame.secret = stream.secret
        self.frames.append(frame)
        return frame

    def acked(self, up):
        ends = [f.start + len(f.what.payload) for f in self.frames
                if f.up == up and isinstance(f.what, Segment)]
        return (self.isn[up] + 1 + max(ends, default=-1)) & 0xffffffff

    def error(self, about, kind="too-big"):
        what = IcmpError(self.proxy, about.what, kind, 1300)
        self.now += MS
        frame = Frame(self.now, False, False, what, what.packet())
        frame.secret = None
        self.frames.append(frame)

    def begin(self):
        self.send(True, -1, 0, SYN)
        self.send(False, -1, 0, SYN | ACK)
        self.send(True, 0, 0, ACK)

    def end(self):
        self.send(True, UP.ends[1], UP.ends[1], FIN | ACK)
        self.send(False, DOWN.ends[1], DOWN.ends[1], FIN | ACK)
        self.send(True, UP.ends[1] + 1, UP.ends[1] + 1, ACK)

    def say(self, cuts_up=(), cuts_down=(), turn=None):
        """Both turns. turn: how the pieces [(start, end)] of a side's turn are sent."""
        for number in range(2):
            for up, stream, cuts in ((True, UP, cuts_up), (False, DOWN, cuts_down)):
                first, last = ([0] + stream.ends)[number:number + 2]
                places = [first, *sorted(c for c in cuts if first < c < last), last]
                pieces = list(zip(places, places[1:]))
                if turn:
                    turn(self, up, pieces)
                else:
                    for piece in pieces:
                        self.send(up, *piece)
                self.send(not up, *[([0] + (DOWN if up else UP).ends)[number + (not up)]] * 2, ACK)


def whole(number, cuts_up=(), cuts_down=(), turn=None, six=False):
    c = Connection(number, six)
    c.begin()
    c.say(cuts_up, cuts_down, turn)
    c.end()
    return c.frames


def cut_everywhere():
    """Each connection is cut in two at another place, the two sides together."""
    frames = []
    for number in range(1, max(UP.ends[1], DOWN.ends[1])):
        frames += whole(number, [number], [number])
    return frames


def again(c, up, pieces):
    """Each piece is lost first and comes twice, then all once more in one segment."""
    for piece in pieces:
        c.send(up, *piece)
        c.send(up, *piece)
    c.send(up, pieces[0][0], pieces[-1][1])


def backwards(c, up, pieces):
    for piece in reversed(pieces):
        c.send(up, *piece)


def overlapping(c, up, pieces):
    for start, end in pieces:
        c.send(up, max(pieces[0][0], start - 7), end)


def with_errors(c, up, pieces):
    for piece in pieces:
        frame = c.send(up, *piece)
        if up:
            c.error(frame)
            c.error(frame, "prohibited")


def bytes_one_by_one(number=0):
    return whole(number, range(UP.ends[1]), range(DOWN.ends[1]))


def with_syn_data():
    c = Connection()
    c.send(True, -1, 40, SYN)
    c.send(False, -1, 0, SYN | ACK)
    c.say([40], turn=lambda c, up, pieces: [c.send(up, *p) for p in pieces if p != (0, 40)])
    c.end()
    return c.frames


def late_with_earlier_bytes():
    """No SYN: the capture begins with the second request. What was said before it comes again,
    and TCP has no use for it, but it is in the file."""
    frames = whole(0, [40, 200])
    begin = next(i for i, f in enumerate(frames) if f.up and f.start == UP.ends[0] and f.what.payload)
    c = Connection()
    c.frames, c.now = frames[begin:begin + 2], frames[begin + 1].at
    for start, end in ((40, 200), (200, UP.ends[0])):
        c.send(True, start, end)
    for frame in frames[begin + 2:]:
        frame.at += 10 * MS
    return c.frames + frames[begin + 2:]


def lost_by_capture():
    """The segment with the name of the field is not in the capture, but its value is."""
    name = UP.data.index(b"xy-authorization")
    frames = whole(0, [name, name + 18])
    return [f for f in frames if not (f.up and f.start == name and f.what.payload)]


def gap_within_secret():
    where = UP.data.index(b"dXNl")
    frames = whole(0, [where + 2, where + 6])
    return [f for f in frames if not (f.up and f.start == where + 2 and f.what.payload)]


def ports_used_again():
    """The same ports a second later, another beginning of numbers."""
    first, second = whole(0), Connection()
    second.now += 2000 * MS
    second.isn = {True: 5_000_000, False: 6_000_000}
    second.begin()
    second.say()
    second.end()
    return first + second.frames



# How much is asked of a slice: no secret in it; no byte changed beside them; the verdict kept, too.
# Where the slice begins in mid-connection with segments out of order, nobody can read it again.
SECRETS, BYTES, VERDICT = range(3)

# name: (frames, link, snap length, how much)
CASES = {
    "whole": (whole(0), "ethernet", 65535, VERDICT),
    "IPv6": (whole(0, six=True), "ethernet", 65535, VERDICT),
    "byte by byte": (bytes_one_by_one(), "ethernet", 65535, VERDICT),
    "cut in two at every place": (cut_everywhere(), "ethernet", 65535, VERDICT),
    "sent again and again": (whole(0, range(11, 600, 23), range(5, 300, 31), again), "ethernet", 65535,
                             VERDICT),
    "backwards": (whole(0, range(11, 600, 23), range(5, 300, 31), backwards), "ethernet", 65535, BYTES),
    "overlapping": (whole(0, range(11, 600, 23), range(5, 300, 31), overlapping), "ethernet", 65535,
                    VERDICT),
    "with data in the SYN": (with_syn_data(), "ethernet", 65535, VERDICT),
    "ports used again": (ports_used_again(), "ethernet", 65535, VERDICT),
    "late, with what was before": (late_with_earlier_bytes(), "ethernet", 65535, SECRETS),
    "the name of the field was lost": (lost_by_capture(), "ethernet", 65535, SECRETS),
    "a part of the secret was lost": (gap_within_secret(), "ethernet", 65535, SECRETS),
    **{f"quoted by routers, {link}": (whole(0, turn=with_errors), link, 65535, VERDICT) for link in LINKS},
    "quoted by routers, IPv6": (whole(0, turn=with_errors, six=True), "raw", 65535, VERDICT),
    **{f"cut to {snap} bytes": (whole(0, [300]), "ethernet", snap, SECRETS)
       for snap in (60, 75, 96, 128, 180, 205, 231, 260, 300, 400)},
}


# ---- reading what was written ---------------------------------------------------------------------

def packets_of(path):
    """(number of the original's frame or None, bytes) of each packet of a pcapng file of ours."""
    with open(path, "rb") as file:
        data = file.read()
    order, at = ("<" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">"), 0
    while at < len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind == 6:
            kept, = struct.unpack_from(order + "I", data, at + 20)
            comment = re.search(rb"frame (\d+) of the original",
                                data[at + 28 + (kept + 3) // 4 * 4:at + size])
            yield int(comment[1]) if comment else None, data[at + 28:at + 28 + kept]
        at += size


def tcp_fault(frame, data, before):
    """The IP packet as it should be, with secrets starred: is `data` (maybe cut) that?"""
    head = len(frame.what.packet()) - len(frame.what.payload)
    tcp = head - 20 - len(frame.what.options)
    packet = data[before:before + len(frame.data)]
    if len(packet) < len(frame.data):
        return None  # cut: there is no sum to check
    segment = packet[tcp:]
    pseudo = pseudo_header(frame.what.src, frame.what.dst, 6, len(segment))
    return "the TCP checksum is wrong" if checksum(pseudo + segment) else None


def faults(number, frame, wrapped, kept, data, strict):
    """What is wrong with a packet of a slice, beside what the capture had."""
    before = wrapped.index(frame.data)
    head = before + len(frame.data) - len(frame.what.payload)
    sums = range(head - 20 - len(frame.what.options) + 16, head - 20 - len(frame.what.options) + 18)
    if len(data) != len(kept):
        yield f"frame {number}: {len(data)} bytes, not {len(kept)}"
        return
    for i, (now, then) in enumerate(zip(data, kept)):
        inside = head <= i < head + len(frame.what.payload)
        if inside and frame.start + i - head in frame.secret:
            if now != ord("*"):
                yield f"frame {number}: byte {i} of a secret is {now:#x}"
                return
        elif now != then and i not in sums and (strict or not (inside and now == ord("*"))):
            yield f"frame {number}: byte {i} was {then:#x} and is {now:#x}"
            return
    fault = tcp_fault(frame, data, before)
    if fault:
        yield f"frame {number}: {fault}"


def needles():
    """Every six bytes in a row of a secret that stand nowhere else in what is said."""
    public = b"\n".join(bytes(0 if i in s.secret else c for i, c in enumerate(s.data))
                        for s in (UP, DOWN))
    for stream in (UP, DOWN):
        for at in stream.secret:
            part = stream.data[at:at + 6]
            if all(at + i in stream.secret for i in range(6)) and part not in public:
                yield part


NEEDLES = sorted(set(needles()))


def secrets_in(data):
    return [f"{part!r} is there" for part in NEEDLES if part in data]


def check(program, folder, frames, link, snap, asked):
    path, slices = os.path.join(folder, "in.pcap"), os.path.join(folder, "out")
    with open(path, "wb") as file:
        file.write(pcap(frames, link, snap=snap))
    shutil.rmtree(slices, ignore_errors=True)
    status, _, err = run(program, ["read", "--summary", "--slice", slices, path])
    names = sorted(os.listdir(slices))
    if not names and (asked > SECRETS or status != 0):
        yield f"status {status}, and no slice was written: {err[:300]}"
    for name in names:
        slice_path = os.path.join(slices, name)
        with open(slice_path, "rb") as file:
            whole_file = file.read()
        yield from secrets_in(whole_file)[:3]
        found = 0
        for number, data in packets_of(slice_path):
            if number is None:
                continue
            frame = frames[number - 1]
            wrapped = LINKS[link][1](frame)
            yield from faults(number, frame, wrapped, wrapped[:snap], data, asked > SECRETS)
            found += 1
        if not found:
            yield f"{name} holds no segment"
        if asked == VERDICT:
            _, out, _ = run(program, ["read", "--json", slice_path])
            verdict = re.match(r"\d+-(denied|auth-rejected)-", name)
            if not verdict or f'"verdict":"{verdict[1]}"' not in out:
                yield f"{name} read again: {out[:200]}"


def lab(program, tap, folder):
    """Real ones, Basic and Digest; and tshark's opinion of their checksums, if it is there."""
    for name in ("auth-wrong-squid.pcap", "auth-wrong-digest-apache.pcap"):
        path, slices = os.path.join(CAPTURES, "lab", name), os.path.join(folder, name)
        run(program, ["read", "--summary", "--slice", slices, path])
        with open(path, "rb") as file:
            before = file.read()
        tokens = re.findall(rb"Proxy-Authorization: (?:Basic (\S+)|Digest [^\r]*response=\"(\w+)\")",
                            before)
        wrong = [] if tokens and os.listdir(slices) else ["nothing to compare"]
        for written in os.listdir(slices):
            with open(os.path.join(slices, written), "rb") as file:
                after = file.read()
            wrong += [f"{t!r} is in {written}" for pair in tokens for t in pair if t and t in after]
        tap.case(f"{name}: no credentials in its slices", wrong)
        if not shutil.which("tshark"):
            tap.skip(f"{name}: checksums", "no tshark")
            continue
        bad = []
        for written in os.listdir(slices):
            done = subprocess.run(["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-r",
                                   os.path.join(slices, written), "-Y", "tcp.checksum.status == 0"],
                                  capture_output=True, text=True, check=False, timeout=60)
            bad += done.stdout.splitlines()
            bad += [] if done.returncode == 0 else [done.stderr]
        done = subprocess.run(["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-r", path, "-Y",
                               "tcp.checksum.status == 0"], capture_output=True, text=True,
                              check=False, timeout=60)
        if done.stdout:
            tap.skip(f"{name}: checksums", "the capture's own are not right")
        else:
            tap.case(f"{name}: checksums are right by tshark", bad)


def main():
    program, tap = os.path.abspath(sys.argv[1]), Tap()
    with tempfile.TemporaryDirectory() as folder:
        for name, (frames, link, snap, asked) in CASES.items():
            try:
                tap.case(name, list(check(program, folder, frames, link, snap, asked))[:5])
            except (Broken, OSError) as error:
                tap.case(name, [error])
        lab(program, tap, folder)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
