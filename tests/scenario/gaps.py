#!/usr/bin/env python3
"""A gap of the capture at each place, and of many lengths, in what either side says on a connection.

    gaps.py VIADUCT

An exchange may become `unclear` by it; it must never get another verdict than it has without the
gap, above all not that of its neighbour. And where the client waits for each answer, a gap costs
no exchange that it does not touch.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile

from packets import ACK, FIN, PSH, SYN, Frame, Segment, pcap
from speech import answer, connect, established, get, page, text

PROXY = ('10.10.20.5', 3128)
START = 1750000000.0
LENGTHS = (1, 11, 40, 100, 260, 400)


def ask(n: int) -> bytes:
    return get(f'http://host{n}.example.org/')


def refused(status: int, reason: str, **more) -> bytes:
    return answer(status, reason, page(reason, size=60), content_type='text/html', **more)


# (requests sent together, their answers): rounds of a conversation.
BASIC = 'Basic realm="x"'
MIXED = [refused(503, 'Service Unavailable', via='1.1 p'), answer(200, 'OK', text(90)),
         refused(403, 'Forbidden', via='1.1 p'), answer(204, 'No Content', content_length=None),
         refused(404, 'Not Found')]
TALKS = {
    'each waits': [([ask(n)], [a]) for n, a in enumerate(MIXED)],
    'all at once': [([ask(n) for n in range(5)], MIXED)],
    'the first waits, then all at once': [([ask(0)], MIXED[:1]), ([ask(n) for n in range(1, 5)], MIXED[1:])],
    'two and two': [([ask(0), ask(1)], MIXED[:2]), ([ask(2), ask(3)], MIXED[2:4]), ([ask(4)], MIXED[4:])],
    'a challenge to CONNECT': [
        ([connect('host0.example.org:443')], [refused(407, 'Proxy Authentication Required', proxy_authenticate=BASIC)]),
        ([connect('host1.example.org:443', proxy_authorization='Basic dTpw')], [refused(403, 'Forbidden')]),
        ([connect('host2.example.org:443', proxy_authorization='Basic dTpw')], [established()])],
}
WAITING = {'each waits'}


class Wire:
    """One connection, and the capture of it, which lacks a side's bytes [gap, gap + size)."""

    def __init__(self, port: int, start: float, hurt: bool, gap: int, size: int):
        self.client = (f'192.168.{port >> 14 & 255}.7', 20000 + (port & 16383))
        self.now, self.hurt, self.gap, self.size = start, hurt, gap, size
        self.sent = {True: 0, False: 0}
        self.isn = {True: 1000, False: 5000}
        self.frames: list[Frame] = []

    def put(self, up: bool, flags: int, payload: bytes = b'', at: int | None = None) -> None:
        src, dst = (self.client, PROXY) if up else (PROXY, self.client)
        off = self.sent[up] if at is None else at
        acked = self.isn[not up] + self.sent[not up]
        seg = Segment(*src, *dst, self.isn[up] + off, acked, flags, 64000, payload=payload)
        self.frames.append(Frame(round(self.now * 1e6) * 1000, up, up, seg, seg.packet()))
        self.now += 0.004

    def say(self, up: bool, data: bytes) -> None:
        start, end = self.sent[up], self.sent[up] + len(data)
        lost = (self.gap + 1, self.gap + 1 + self.size) if up == self.hurt else (end, end)
        for a, b in ((start, min(max(lost[0], start), end)), (min(max(lost[1], start), end), end)):
            if a < b:
                self.sent[up] = a
                self.put(up, ACK | PSH, data[a - start:b - start], a)
        self.sent[up] = end


def converse(talk, port: int, start: float, hurt: bool, gap: int, size: int, acks: bool) -> list[Frame]:
    w = Wire(port, start, hurt, gap, size)
    w.put(True, SYN)
    w.sent[True] = 1
    w.put(False, SYN | ACK)
    w.sent[False] = 1
    w.put(True, ACK)
    for asks, answers in talk:
        if len(asks) > 2:   # more than one request a segment
            w.say(True, asks[0])
            w.say(True, b''.join(asks[1:]))
        else:
            for a in asks:
                w.say(True, a)
        for a in answers:
            w.say(False, a)
            if acks:
                w.put(True, ACK)
        w.now += 0.2
    for up in (True, False):
        w.put(up, FIN | ACK)
        w.sent[up] += 1
    w.put(True, ACK)
    return w.frames


def read(program: str, frames: list[Frame]) -> dict[str, dict[str, tuple[str, int]]]:
    """client -> target -> (verdict, status)"""
    with tempfile.NamedTemporaryFile(suffix='.pcap') as file:
        file.write(pcap(frames))
        file.flush()
        out = subprocess.run([program, 'read', '--json', file.name], capture_output=True, timeout=120).stdout
    found: dict = collections.defaultdict(dict)
    for line in out.splitlines():
        r = json.loads(line)
        found[r['client']][r.get('target', '')] = r['verdict']
    return found


def said(talk, up: bool) -> list[bytes]:
    return [s for asks, answers in talk for s in (asks if up else answers)]


def places(talk, hurt: bool) -> list[tuple[int, int]]:
    total = sum(map(len, said(talk, hurt)))
    return [(gap, size) for size in LENGTHS for gap in range(total) if gap + size < total]


def touched(talk, hurt: bool, gap: int, size: int) -> set[int]:
    out, at = set(), 0
    for n, s in enumerate(said(talk, hurt)):
        if at < gap + size and gap < at + len(s):
            out.add(n)
        at += len(s)
    return out


def sweep(program: str, name: str, hurt: bool, acks: bool) -> tuple[list[str], str]:
    talk = TALKS[name]
    truth = next(iter(read(program, converse(talk, 0, START, hurt, 10**9, 0, acks)).values()))
    wrong, unclear, count = [], 0, 0
    where = places(talk, hurt)
    frames: list[Frame] = []
    for n, (gap, size) in enumerate(where):
        frames += converse(talk, n, START + n * 0.01, hurt, gap, size, acks)
    frames.sort(key=lambda f: f.at)
    found = read(program, frames)
    for n, (gap, size) in enumerate(where):
        client = f'192.168.{n >> 14 & 255}.7:{20000 + (n & 16383)}'
        spoiled = {f'host{t}.example.org' for t in touched(talk, hurt, gap, size)}
        for target, verdict in truth.items():
            host = target.removeprefix('http://').split('/')[0].split(':')[0]
            must = name in WAITING and acks and not hurt and host not in spoiled
            got = found[client].get(target, 'nothing')
            count += 1
            unclear += got == 'unclear'
            if got != verdict and (must or got not in ('unclear', *(['nothing'] if hurt else []))):
                wrong.append(f'{name}: {size} bytes missing at {gap}: {target}: {got}, not {verdict}')
    return wrong, f'{len(where)} gaps, {unclear} of {count} exchanges unclear'


def main() -> int:
    program = os.path.abspath(sys.argv[1])
    cases = [(name, hurt, acks) for name in TALKS for hurt in (False, True) for acks in (True, False)]
    print(f'1..{len(cases)}')
    good = True
    for n, (name, hurt, acks) in enumerate(cases, 1):
        wrong, said = sweep(program, name, hurt, acks)
        good &= not wrong
        print(f"{'not ' if wrong else ''}ok {n} - {name}, {'client' if hurt else 'proxy'}{'' if acks else ', acknowledged late'}: {said}, {len(wrong)} wrong")
        for line in wrong[:10]:
            print(f'#   {line}')
    return not good


if __name__ == '__main__':
    sys.exit(main())
