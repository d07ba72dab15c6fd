#!/usr/bin/env python3
"""Two captures of one path, at the client and at the proxy: one exchange, and on which leg the fault is.

    views.py VIADUCT

Whatever the clocks, the addresses (a NAT between the two) and the order of the arguments, each
exchange is told once, with the same words. A capture that ends early, or lost packets, never makes
another leg of it: at most none is named.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable

from builder import CLIENT, PROXY, World
from packets import Frame, Segment, pcap
from path import DOWN, UP
from speech import answer, app, client_hello, connect, established, flight13, get, text

TARGET = 'repo.example.org:443'
URL = 'http://deb.example.org/a'
BETWEEN, BEHIND, NOWHERE = 'on the leg between client and proxy', 'at the proxy, or behind it', ''


class Both(World):
    """What the proxy's host hears is kept as well."""

    def __init__(self, name: str):
        super().__init__(name)
        self.heard: list = []

    def talk(self, **more):
        talk = super().talk(**more)
        talk.path.taps[PROXY] = lambda *what: self.heard.append(what)
        return talk

    def captures(self) -> tuple[list[Frame], list[Frame]]:
        near = self.frames()
        self.seen, self.talks = self.heard, []
        return near, self.frames()


def whole(c):
    c.up(get(URL))
    c.down(answer(200, 'OK', text(90000)))
    c.finish()


def denied(c):
    c.up(get(URL))
    c.down(answer(403, 'Forbidden', text(900)))
    c.finish(PROXY)


def cut(c):
    c.up(get(URL))
    c.down(answer(200, 'OK', text(90000))[:50000])
    c.finish(PROXY)


def cut_inside(c):
    c.tunnel(TARGET)
    c.tls13('repo.example.org')
    c.up(app(200))
    c.down(app(60000)[:30000])
    c.finish(PROXY)


def silent(c):
    c.up(connect(TARGET))
    c.wait(20)
    c.finish(CLIENT)


def answer_lost(c):
    c.path.cut(c.start + 0.05, way=DOWN)
    c.up(connect(TARGET))
    c.do(lambda: c.proxy.write(established()), after=0.5)
    c.wait(20)
    c.reset(CLIENT)


def hello_reset(c):
    c.path.reset_when(UP, lambda s: s.payload[:1] == b'\x16')
    c.tunnel(TARGET)
    c.up(client_hello('repo.example.org'))
    c.wait(3)
    c.do(lambda: None)


def black_hole(c):
    c.path.lose_larger(DOWN, 1300)
    c.tunnel(TARGET)
    c.up(client_hello('repo.example.org'))
    c.down(flight13())
    c.wait(15)
    c.reset(CLIENT)


SCRIPTS = {
    whole: ('ok', NOWHERE),
    denied: ('denied', BEHIND),
    cut: ('transfer-truncated', BEHIND),
    cut_inside: ('transfer-truncated', BEHIND),
    silent: ('proxy-silent', BEHIND),
    answer_lost: ('request-lost', BETWEEN),
    hello_reset: ('tls-reset', BETWEEN),
    black_hole: ('mtu-black-hole', BETWEEN),
}


def translated(frame: Frame) -> Frame:
    what = frame.what
    if isinstance(what, Segment) and frame.up:
        what = dataclasses.replace(what, src='203.0.113.9', sport=61234)
    elif isinstance(what, Segment):
        what = dataclasses.replace(what, dst='203.0.113.9', dport=61234)
    return dataclasses.replace(frame, what=what, data=what.packet())


def later(frames: list[Frame], seconds: float) -> list[Frame]:
    return [dataclasses.replace(f, at=f.at + round(seconds * 1e9)) for f in frames]


def until(frames: list[Frame], seconds: float) -> list[Frame]:
    return [f for f in frames if f.at <= frames[0].at + seconds * 1e9]


# What happens to the capture at the proxy: nothing is lost by it.
SAME: dict[str, Callable[[list[Frame]], list[Frame]]] = {
    'as they are': lambda far: far,
    'clocks 45 ms apart': lambda far: later(far, -0.045),
    'clocks two hours apart': lambda far: later(far, 7200),
    'behind a NAT': lambda far: [translated(f) for f in far],
    'behind a NAT, clocks an hour apart': lambda far: later([translated(f) for f in far], -3600.5),
}
# Something is: no other leg may come of it.
LESS = {
    'until 70 ms': lambda far: until(far, 0.07),
    'until 90 ms': lambda far: until(far, 0.09),
    'a packet lost': lambda far: far[:3] + far[4:],
    'every tenth lost': lambda far: [f for n, f in enumerate(far, 1) if n % 10],
}


def leg_of(record: dict) -> str:
    return next((leg for leg in (BETWEEN, BEHIND) if leg in record['summary']), NOWHERE)


class Reader:
    def __init__(self, program: str, folder: str):
        self.program, self.folder = program, pathlib.Path(folder)

    def read(self, near: list[Frame], far: list[Frame], swapped: bool = False) -> list[dict]:
        paths = [self.folder / name for name in ('client.pcap', 'proxy.pcap')]
        for path, frames in zip(paths, (near, far)):
            path.write_bytes(pcap(frames))
        done = subprocess.run([self.program, 'read', '--json', *sorted(paths, reverse=swapped)],
                              capture_output=True, timeout=60)
        return [json.loads(line) for line in done.stdout.splitlines()]


def faults(script, expected: tuple[str, str], reader: Reader) -> list[str]:
    world = Both(script.__name__)
    script(world.talk())
    near, far = world.captures()
    verdict, leg = expected
    wrong = []
    for name, spoil in SAME.items():
        first, second = (reader.read(near, spoil(far), swapped) for swapped in (False, True))
        if [(r['verdict'], leg_of(r)) for r in first] != [expected]:
            wrong.append(f"{name}: {[(r['verdict'], r['summary']) for r in first]}")
        if [(r['summary'], r['start']) for r in first] != [(r['summary'], r['start']) for r in second]:
            wrong.append(f"{name}, swapped: {[r['summary'] for r in second]}")
    for name, spoil in LESS.items():
        for record in reader.read(near, spoil(far)):
            if record['severity'] == 'failure' and leg_of(record) not in (leg, NOWHERE):
                wrong.append(f"{name}: {record['verdict']}: {record['summary']}")
    return wrong


def main() -> int:
    good = True
    print(f'1..{len(SCRIPTS)}')
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(os.path.abspath(sys.argv[1]), folder)
        for n, (script, expected) in enumerate(SCRIPTS.items(), 1):
            wrong = faults(script, expected, reader)
            print(f"{'not ' if wrong else ''}ok {n} - {script.__name__.replace('_', ' ')}")
            for fault in wrong:
                print('#   ' + fault.replace('\n', ' '))
            good &= not wrong
    return not good


if __name__ == '__main__':
    sys.exit(main())
