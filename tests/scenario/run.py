#!/usr/bin/env python3
"""Runs `viaduct read --json` on every scenario and each of its variants; prints TAP.

A variant that loses nothing (another link layer, file format, clock, IP version, every packet
twice) must give the same verdicts. One that takes information away may also give `unclear`, `open`
or no failure at all, but never another failure.

    run.py build/viaduct                   all of it, as the test does
    run.py build/viaduct -k black-hole     scenarios whose name contains that
    run.py build/viaduct -k x --keep DIR   keep the captures
    run.py build/viaduct --catalogue       has every verdict its scenarios?
    run.py --tshark                        is every capture sound? (needs tshark)
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import scenarios
from packets import Frame, checksum, pcap, pcapng
from scenarios import Expect, Scenario

LATE = (1, 2, 3, 5, 8, 13)
# What another form of the same packets must not change.
FACTS = ('stage', 'status', 'method', 'target', 'sni', 'tls', 'bytes_up', 'bytes_down', 'retrans_up', 'retrans_down',
         'duration_ms', 'closed_by', 'close', 'mss_client', 'mss_proxy')
# These come before there is a connection, so that no capture shows them.
UNSEEN = {'settings-invalid', 'proxy-unresolved'}


def twice(frames: list[Frame]) -> list[Frame]:
    return [copy for frame in frames for copy in (frame, frame)]


def forwarded(frames: list[Frame]) -> list[Frame]:
    """Twice, the second time as the router that captures sends it on."""
    out = []
    for frame in frames:
        ttl = 7 if frame.data[0] >> 4 == 6 else 8
        data = bytearray(frame.data)
        data[ttl] -= 1
        if ttl == 8:
            data[10:12] = b'\0\0'
            data[10:12] = checksum(bytes(data[:20])).to_bytes(2, 'big')
        out += [frame, dataclasses.replace(frame, outgoing=not frame.outgoing, data=bytes(data))]
    return out


# Variants that lose nothing: name -> file from frames.
SAME = {
    'doubled': lambda frames: pcap(twice(frames)),
    'forwarded': lambda frames: pcap(forwarded(frames)),
    'vlan': lambda frames: pcap(frames, 'vlan'),
    'qinq': lambda frames: pcap(frames, 'qinq'),
    'pppoe': lambda frames: pcap(frames, 'pppoe'),
    'cooked': lambda frames: pcap(frames, 'cooked'),
    'cooked2-doubled': lambda frames: pcap(twice(frames), 'cooked2'),
    'raw': lambda frames: pcap(frames, 'raw'),
    'loopback': lambda frames: pcap(frames, 'loopback'),
    'nanoseconds': lambda frames: pcap(frames, nano=True),
    'big-endian': lambda frames: pcap(frames, order='>'),
    'pcapng': lambda frames: pcapng(frames),
    'pcapng-big-nano-cooked2': lambda frames: pcapng(frames, 'cooked2', '>', nano=True),
}
# Variants that take something away.
LESS = {
    '96-bytes': lambda frames: pcap(frames, snap=96),
    'up-only': lambda frames: pcap([f for f in frames if f.up]),
    'down-only': lambda frames: pcap([f for f in frames if not f.up]),
} | {f'late-{n}': lambda frames, n=n: pcap(frames[n:]) for n in LATE}


class Reader:
    """Calls the program on bytes."""

    def __init__(self, program: str, keep: str | None):
        self.program, self.keep = program, keep
        self.scratch = keep or tempfile.mkdtemp()
        os.makedirs(self.scratch, exist_ok=True)

    def read(self, name: str, data: bytes, options: list[str]) -> tuple[list[dict], str]:
        """The records, and what is wrong with the run itself."""
        path = os.path.join(self.scratch, name.replace('/', '_'))
        pathlib.Path(path).write_bytes(data)
        try:
            done = subprocess.run([self.program, 'read', '--json', *options, path], capture_output=True, timeout=60)
        finally:
            if not self.keep:
                os.unlink(path)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        failed = any(r['severity'] == 'failure' for r in records)
        if done.returncode != failed:
            complaint = done.stderr.decode(errors='replace').strip()
            return records, f'exit status {done.returncode} instead of {int(failed)} {complaint}'
        return records, ''


def words_of(record: dict) -> str:
    evidence = [e['what'] for e in record.get('evidence', [])]
    text = '\n'.join([record['summary'], *evidence, *record.get('cause', []), *record.get('remedy', [])])
    return re.sub(r'(?<=\d),(?=\d{3})', '', text.lower())     # numbers as numbers


def differs(expect: Expect, record: dict) -> str:
    for member, wanted in expect.members.items():
        found = record.get(member)
        if not (wanted(found) if callable(wanted) else wanted == found):
            return f'{member} is {found!r}' + ('' if callable(wanted) else f', expected {wanted!r}')
    text = words_of(record)
    missing = [w for w in expect.says if w.lower() not in text]
    return f'does not say {missing}' if missing else ''


def show(records: list[dict]) -> str:
    return '; '.join(f"{r['verdict']} ({r['summary']})" for r in records) or 'no exchange'


def fault_of_base(expects: tuple[Expect, ...], records: list[dict], members: bool = True) -> str:
    if len(expects) != len(records):
        return f'{len(records)} exchanges, expected {len(expects)}: {show(records)}'
    for n, (expect, record) in enumerate(zip(expects, records), 1):
        if record['verdict'] not in expect.verdicts:
            return f"exchange {n}: expected {'|'.join(expect.verdicts)}, got {show([record])}"
        if expect.link and record.get('link') != records[expect.link - 1]['id']:
            return f'exchange {n}: is not linked to exchange {expect.link}'
        if fault := members and differs(expect, record):
            return f'exchange {n}: {fault}; {show([record])}'
    return ''


def fault_of_same(base: list[dict], records: list[dict]) -> str:
    if len(base) != len(records):
        return f'{len(records)} exchanges, expected {len(base)}: {show(records)}'
    for n, (first, record) in enumerate(zip(base, records), 1):
        if record['verdict'] != first['verdict']:
            return f"exchange {n}: expected {first['verdict']}, got {show([record])}"
        for fact in FACTS:
            if record.get(fact) != first.get(fact):
                return f'exchange {n}: {fact} is {record.get(fact)!r}, was {first.get(fact)!r}'
    return ''


def fault_of_less(expects: tuple[Expect, ...], records: list[dict]) -> str:
    allowed = {v for e in expects for v in e.verdicts} | {'unclear', 'open'}
    for record in records:
        if record['severity'] == 'failure' and record['verdict'] not in allowed:
            return f"expected {'|'.join(sorted(allowed))} or no failure, got {show([record])}"
    if not expects and records:
        return f'expected no exchange, got {show(records)}'
    return ''


def check(scenario: Scenario, reader: Reader) -> tuple[int, list[str]]:
    """How many forms were tried, and what was wrong with them."""
    world = scenario.world()
    frames = world.frames()
    base, wrong = reader.read(f'{scenario.name}.pcap', pcap(frames), world.options)
    wrong = wrong or fault_of_base(scenario.expects, base)
    if wrong or not scenario.variants:
        return 1, [f'base: {wrong}'] if wrong else []

    def of_same(records):
        return fault_of_same(base, records)

    def of_less(records):
        return fault_of_less(scenario.expects, records)

    def of_six(records):  # other sizes, and so other figures
        return fault_of_base(scenario.expects, records, members=False)

    six = scenario.world(family=6)
    forms = [('ipv6', of_six, pcap(six.frames()), six.options)]
    forms += [(name, of_same, form(frames), world.options) for name, form in SAME.items()]
    forms += [(name, of_less, form(frames), world.options) for name, form in LESS.items()]
    faults = []
    for name, judge, data, options in forms:
        records, wrong = reader.read(f'{scenario.name}.{name}', data, options)
        if wrong := wrong or judge(records):
            faults.append(f'{name}: {wrong}')
    return 1 + len(forms), faults


def run(table: list[Scenario], reader: Reader) -> bool:
    print(f'1..{len(table)}')
    good = True

    def guarded(scenario: Scenario):
        try:
            return check(scenario, reader)
        except Exception as error:      # of one scenario; the others go on
            return 0, [f'{type(error).__name__}: {error}']

    with ThreadPoolExecutor(2) as pool:
        for n, (scenario, (count, faults)) in enumerate(zip(table, pool.map(guarded, table)), 1):
            print(f"{'not ' if faults else ''}ok {n} - {scenario.name}: {count - len(faults)} of {count} forms")
            for fault in faults:
                print('#   ' + fault.replace('\n', ' '))
            good &= not faults
    return good


def catalogue(table: list[Scenario], program: str) -> bool:
    """Two scenarios that show a verdict and one that nearly does, for each that a capture can show."""
    listed = subprocess.run([program, 'explain', '--list'], capture_output=True, text=True, check=True)
    verdicts = [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]
    verdicts = [v for v in verdicts if v not in UNSEEN]
    shown = collections.Counter(e.verdicts[0] for s in table for e in s.expects if len(e.verdicts) == 1)
    near = collections.Counter(s.near for s in table if s.near)
    print(f'1..{len(verdicts)}')
    good = True
    for n, verdict in enumerate(verdicts, 1):
        enough = shown[verdict] >= 2 and near[verdict] >= 1
        print(f"{'' if enough else 'not '}ok {n} - {verdict}: {shown[verdict]} scenarios, {near[verdict]} near misses")
        good &= enough
    return good and bool(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program', nargs='?')
    parser.add_argument('-k', default='', metavar='PATTERN')
    parser.add_argument('--keep', metavar='DIR')
    parser.add_argument('--catalogue', action='store_true')
    parser.add_argument('--tshark', action='store_true')
    options = parser.parse_args()
    table = [s for s in scenarios.load() if options.k in s.name]
    if options.tshark:
        import soundness
        return not soundness.check(table)
    if not options.program:
        parser.error('which program?')
    if options.catalogue:
        return not catalogue(table, options.program)
    return not run(table, Reader(options.program, options.keep))


if __name__ == '__main__':
    sys.exit(main())
