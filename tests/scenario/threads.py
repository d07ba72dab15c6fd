#!/usr/bin/env python3
"""The same records whatever the number of threads: connections that lie idle for hours, some for
longer than the table waits, and clocks that jump.

    threads.py VIADUCT
"""

import os
import random
import subprocess
import sys
import tempfile

from packets import ACK, FIN, PSH, SYN, Frame, Segment, pcap
from speech import answer, get

PROXY = ('10.10.20.5', 3128)
CONNECTIONS, SPREAD = 300, 20000
PAUSES = (0.1, 5, 2000, 8000, 30000)    # seconds; given up after 7440, half-closed after 1800
ANSWERS = (answer(200, 'OK', b'x' * 50), answer(503, 'Service Unavailable', b'no'), answer(200, 'OK', b'x' * 50)[:-10])


def connection(n: int, chance: random.Random, now: float) -> list[tuple[float, bool, Segment]]:
    client, sent, out = (f'10.1.{n >> 8}.{n & 255}', 20000 + n), {True: 1, False: 1}, []

    def put(up: bool, flags: int, data: bytes = b'', wait: float = 0.01) -> None:
        nonlocal now
        src, dst = (client, PROXY) if up else (PROXY, client)
        seq = sent[up] - bool(flags & SYN)
        out.append((now, up, Segment(*src, *dst, 1000 + seq, 1000 + sent[not up], flags, 64000, payload=data)))
        sent[up] += len(data)
        now += wait

    put(True, SYN)
    put(False, SYN | ACK)
    put(True, ACK)
    for k in range(chance.randint(1, 4)):
        put(True, ACK | PSH, get(f'http://host{n}.example.org/{k}'))
        put(False, ACK | PSH, chance.choice(ANSWERS))
        put(True, ACK, wait=chance.choice(PAUSES))
    if chance.random() < 0.7:
        put(True, FIN | ACK)
        if chance.random() < 0.7:
            put(False, FIN | ACK)
    return out


def capture(seed: int, jump: float) -> bytes:
    chance = random.Random(seed)
    packets = [p for n in range(CONNECTIONS) for p in connection(n, chance, 1.75e9 + chance.random() * SPREAD)]
    frames = []
    for at, up, seg in sorted(packets, key=lambda p: p[0]):
        if chance.random() < 0.005:
            at += chance.choice((-jump, jump))
        frames.append(Frame(round(at * 1e6) * 1000, up, up, seg, seg.packet()))
    return pcap(frames)


def read(program: str, path: str, threads: int) -> list[bytes]:
    done = subprocess.run([program, 'read', '--json', '--threads', str(threads), path], capture_output=True, timeout=60)
    return sorted(done.stdout.splitlines())


def main() -> int:
    program = os.path.abspath(sys.argv[1])
    cases = [(seed, jump) for seed in (1, 2) for jump in (0, 100000)]
    print(f'1..{len(cases)}')
    good = True
    for n, (seed, jump) in enumerate(cases, 1):
        with tempfile.NamedTemporaryFile(suffix='.pcap') as file:
            file.write(capture(seed, jump))
            file.flush()
            one = read(program, file.name, 1)
            others = {threads: read(program, file.name, threads) for threads in (2, 3, 8)}
        wrong = [t for t, records in others.items() if records != one]
        fine = not wrong and len(one) >= CONNECTIONS
        good &= fine
        print(f"{'' if fine else 'not '}ok {n} - seed {seed}, clock jumps of {jump} s: {len(one)} records")
        for threads in wrong:
            odd = next((a, b) for a, b in zip(one + [b''], others[threads] + [b'']) if a != b)
            print(f'#   {threads} threads: {odd[1][:300]!r}, one: {odd[0][:300]!r}')
    return not good


if __name__ == '__main__':
    sys.exit(main())
