"""Are the captures what they are meant to be? Asks tshark (a developer's check, `run.py --tshark`)."""

import pathlib
import subprocess
import tempfile

from packets import pcap
from scenarios import Scenario

FIELDS = ['_ws.malformed', 'tcp.checksum.status', 'ip.checksum.status', 'tcp.analysis.ack_lost_segment',
          'icmp.type', 'icmpv6.type']

# tshark looks for a body after this 200 to CONNECT, which has none.
ODD = {'established-with-length-and-chunks'}


def ask(path: pathlib.Path, port: int) -> list[dict[str, str]]:
    command = ['tshark', '-r', str(path), '-d', f'tcp.port=={port},http', '-o', 'tcp.check_checksum:TRUE',
               '-o', 'ip.check_checksum:TRUE', '-o', 'tcp.reassemble_out_of_order:TRUE', '-T', 'fields']
    for field in FIELDS:
        command += ['-e', field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [dict(zip(FIELDS, line.split('\t'))) for line in done.stdout.splitlines()]


def faults(scenario: Scenario, folder: str) -> list[str]:
    world = scenario.world()
    frames = world.frames()
    path = pathlib.Path(folder) / 'one.pcap'
    path.write_bytes(pcap(frames))
    rows = ask(path, world.talks[0].proxy.host.port)
    found = []
    for n, row in enumerate(rows, 1):
        if row['_ws.malformed'] and scenario.name not in ODD:
            found.append(f'frame {n} is malformed')
        quotes = row['icmp.type'] or row['icmpv6.type']     # a cut segment, whose sum can't be right
        if '0' in (row['tcp.checksum.status'], row['ip.checksum.status']) and not world.offload and not quotes:
            found.append(f'frame {n} has a wrong checksum')
        if row['tcp.analysis.ack_lost_segment'] and not world.incomplete():
            found.append(f'frame {n} acknowledges what the capture does not have')
    if len(rows) != len(frames):
        found.append(f'{len(rows)} frames of {len(frames)}')
    return found


def check(table: list[Scenario]) -> bool:
    good = True
    with tempfile.TemporaryDirectory() as folder:
        print(f'1..{len(table)}')
        for n, scenario in enumerate(table, 1):
            wrong = faults(scenario, folder)
            print(f"{'not ' if wrong else ''}ok {n} - {scenario.name}")
            for fault in wrong[:5]:
                print(f'#   {fault}')
            good &= not wrong
    return good
