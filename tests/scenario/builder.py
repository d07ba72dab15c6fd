"""A scripted conversation becomes packets.

To add a scenario, write in one of the cases_*.py:

    @scenario('late-504', Expect('gateway-timeout', status=504))
    def _(w):
        c = w.talk(proxy='10.7.0.8:3128', rtt=0.06)         # a client and a proxy, and a path between
        c.up(connect('repo.example.org:443'))               # the handshake comes by itself
        c.down(answer(504, 'Gateway Time-out'), after=7)    # 7 s after the request arrived
        c.close(PROXY)

That is all: run.py turns it into files, runs `viaduct read` on each, and compares. The name's first
part may be anything; with near='verdict' the scenario counts as a near miss of that verdict.

The steps of a script (methods of Talk) run one after the other. A step begins when what the one
before it sent has been delivered to the other application, plus `after` seconds. When delivery is
not to be waited for (it may never come), `c.wait(12)` goes between: 12 s after the step before it
began, whatever became of it. When the script is over, TCP goes on by itself for `c.linger` seconds.

    c.up(bytes), c.down(bytes)        the client, the proxy writes
    c.tunnel('host:443')              CONNECT and 200
    c.tls13(sni), c.tls12(sni, ...)   a whole handshake
    c.close(side), c.shut(side)       FIN; shut goes on reading
    c.reset(side), c.vanish(side)     RST; not even that
    c.do(function)                    anything else: c.client, c.proxy are tcp.Endpoint, c.path is
                                      path.Path with its operators (loss, black hole, ICMP, ...)

What a host is like (mtu, mss, no timestamps, keep-alives, ...) is said in w.talk by client={...},
proxy_host={...}, whose names are those of tcp.Host. What the capture is like is said on the World:
w.offload, w.starts_at, w.ends_at, w.lose_frames, w.one_way, w.jump_clock.
"""

import ipaddress
import random
import zlib
from collections.abc import Callable

import speech
from packets import ACK, Frame, IcmpError, Segment
from path import DOWN, UP, Path
from tcp import Endpoint, Host, Loop

CLIENT, PROXY = 'client', 'proxy'
JUNE = 1750000000  # 2025-06-15 15:06:40 UTC


def in_family(address: str, family: int) -> str:
    """An IPv4 address, or the IPv6 address that stands for it."""
    if family == 4 or ':' in address:
        return address
    return str(ipaddress.ip_address((0x20010db8 << 96) + int(ipaddress.ip_address(address))))


class Talk:
    """One connection, and the script for it."""

    def __init__(self, world: 'World', start: float, client: Host, proxy: Host, rtt: float, point: str):
        self.loop = Loop(start)
        self.start = start
        self.path = Path(self.loop, rtt, point, world.record, world.random.getrandbits(32))
        self.client = Endpoint(self.loop, client, proxy, lambda s: self.path.carry(s, UP))
        self.proxy = Endpoint(self.loop, proxy, client, lambda s: self.path.carry(s, DOWN))
        self.path.ends = {UP: self.proxy, DOWN: self.client}
        self.linger = 1.0
        self.steps: list[tuple[float, bool, Callable[[], None]]] = []
        self.began = start
        self.running = False                    # a step is waiting for its time
        self.patient = False                    # will the next step wait for delivery?
        self.client.heard = self.proxy.heard = self.advance
        self.do(self.client.connect, after=0)

    # ---- steps ----

    def do(self, act: Callable[[], None], after: float = 0.0005) -> None:
        self.steps.append((after, self.patient, act))
        self.patient = True

    def wait(self, seconds: float) -> None:
        self.steps.append((seconds, False, lambda: None))
        self.patient = False

    def up(self, data: bytes, after: float = 0.0005) -> None:
        self.do(lambda: self.client.write(data), after)

    def down(self, data: bytes, after: float = 0.0005) -> None:
        self.do(lambda: self.proxy.write(data), after)

    def close(self, side: str, after: float = 0.0005) -> None:
        self.do(getattr(self, side).close, after)

    def shut(self, side: str, after: float = 0.0005) -> None:
        self.do(getattr(self, side).shut, after)

    def reset(self, side: str, after: float = 0.0005) -> None:
        self.do(getattr(self, side).abort, after)

    def vanish(self, side: str) -> None:
        """The host is gone, and answers nothing any more."""
        def act():
            end = getattr(self, side)
            end.deaf = True
            end.die()
        self.do(act)

    # ---- scenes that many scripts share ----

    def finish(self, first: str = CLIENT, after: float = 0.0005) -> None:
        """Both close in good order."""
        self.close(first, after)
        self.close(PROXY if first == CLIENT else CLIENT)

    def tunnel(self, target: str, reply: bytes = b'', after: float = 0.02, **more) -> None:
        self.up(speech.connect(target, **more))
        self.down(reply or speech.established(), after)

    def tls13(self, sni: str | None, quantum: bool = False, think: float = 0.03, **more) -> None:
        self.up(speech.client_hello(sni, quantum=quantum, **more))
        self.down(speech.flight13(quantum=quantum), think)
        self.up(speech.finished13())

    def tls12(self, sni: str | None, *chain: str, think: float = 0.03, **more) -> None:
        self.up(speech.client_hello(sni, best=speech.TLS12, **more))
        self.down(speech.flight12(*chain or ('good', 'middle')), think)
        self.up(speech.finished12(True))
        self.down(speech.finished12(False))

    def fetch(self, size: int, ask: int = 180, think: float = 0.04) -> None:
        """A request and its answer inside TLS."""
        self.up(speech.app(ask, seed=21))
        self.down(speech.app(size, seed=22), think)

    def end_tls(self, first: str = CLIENT, version: int = speech.TLS13) -> None:
        write = self.up if first == CLIENT else self.down
        write(speech.close_notify(version))
        self.finish(first)

    # ---- running ----

    def delivered(self) -> bool:
        ends = (self.client, self.proxy), (self.proxy, self.client)
        if any(a.dead for a, _ in ends):
            return True
        written = all(b.received >= len(a.data) for a, b in ends)
        closed = all(a.fin is None or b.fin_arrived for a, b in ends)
        return written and closed and self.client.open and self.proxy.open

    def advance(self) -> None:
        if self.running or not self.steps:
            return
        after, patient, act = self.steps[0]
        if patient and not self.delivered():
            return
        self.steps.pop(0)
        self.running = True
        due = after if patient else self.began + after - self.loop.now
        self.loop.after(max(0.0, due), lambda: self.take(act))

    def take(self, act: Callable[[], None]) -> None:
        self.running = False
        self.began = self.loop.now
        act()
        self.advance()

    def run(self) -> None:
        self.advance()
        end = self.start + 3600
        while self.loop.queue and self.loop.queue[0][0] <= end:
            self.loop.step()
            if not self.steps and not self.running:
                end = min(end, self.began + self.linger)
        if self.steps:
            raise RuntimeError(f'{len(self.steps)} steps never came to pass')


class World:
    """All connections of one scenario, and the capture."""

    def __init__(self, name: str, family: int = 4):
        self.family = family
        self.random = random.Random(zlib.crc32(name.encode()))
        self.talks: list[Talk] = []
        self.options: list[str] = []            # for viaduct
        self.start = JUNE + self.random.random()
        self.seen: list[tuple[float, bool, bool, Segment | IcmpError]] = []
        self.last = 0.0
        self.offload = False                    # the capturing host joins segments, sums nothing
        self.starts_at = self.ends_at = 0.0     # seconds after the first packet; 0: no limit
        self.one_way: bool | None = None
        self.lose_frames: Callable[[int, Segment | IcmpError], bool] | None = None
        self.jump_clock: tuple[float, float] = (1e9, 0.0)  # from when on, by how much

    def talk(self, proxy: str = '10.10.20.5:3128', client: str = '192.168.77.14', at: float = 0.0,
             rtt: float = 0.02, point: str = CLIENT, client_port: int = 0,
             client_host: dict | None = None, proxy_host: dict | None = None) -> Talk:
        """`at`: seconds after the first. point: where the capture is taken."""
        address, _, port = proxy.rpartition(':')
        make = self.random
        one = {'isn': make.getrandbits(32)} | (client_host or {})
        two = {'isn': make.getrandbits(32), 'ttl': 63} | (proxy_host or {})
        talk = Talk(self, self.start + at,
                    Host(in_family(client, self.family), client_port or make.randrange(32768, 60999), **one),
                    Host(in_family(address.strip('[]'), self.family), int(port), **two), rtt, point)
        self.talks.append(talk)
        return talk

    def name_proxy(self, proxy: str) -> None:
        """As the user does with --proxy."""
        address, _, port = proxy.rpartition(':')
        address = in_family(address, self.family)
        self.options = ['--proxy', f'[{address}]:{port}' if ':' in address else f'{address}:{port}']

    def record(self, now: float, outgoing: bool, up: bool, what: Segment | IcmpError) -> None:
        self.seen.append((now, outgoing, up, what))

    def frames(self) -> list[Frame]:
        for talk in self.talks:
            talk.run()
        self.seen.sort(key=lambda seen: seen[0])
        frames = []
        last = 0
        for now, outgoing, up, what in self.seen:
            last = max(last + 1000, round(now * 1e6) * 1000)    # a packet a microsecond
            frames.append(Frame(last, outgoing, up, what))
        frames = self.filtered(frames)
        if self.offload:
            frames = joined(frames)
        for frame in frames:
            frame.data = frame.what.packet()
            if frame.at >= (self.start + self.jump_clock[0]) * 1e9:
                frame.at += round(self.jump_clock[1] * 1e9)
        return frames

    def incomplete(self) -> bool:
        """Does the capture lack packets that were there?"""
        return bool(self.lose_frames or self.starts_at or self.one_way is not None)

    def filtered(self, frames: list[Frame]) -> list[Frame]:
        since = (self.start + self.starts_at) * 1e9 if self.starts_at else 0
        until = (self.start + self.ends_at) * 1e9 if self.ends_at else 1e30
        return [f for n, f in enumerate(frames, 1)
                if since <= f.at <= until and self.one_way in (None, f.up)
                and not (self.lose_frames and self.lose_frames(n, f.what))]


def joined(frames: list[Frame]) -> list[Frame]:
    """As a host with segmentation and receive offload sees itself: runs of segments as one."""
    out: list[Frame] = []
    for frame in frames:
        what, before = frame.what, out[-1].what if out else None
        if isinstance(what, Segment):
            what.bad_checksum = frame.outgoing and bool(what.payload)
            if follows(before, what):
                before.payload += what.payload
                before.flags |= what.flags
                continue
        out.append(frame)
    return out


def follows(before: Segment | IcmpError | None, what: Segment) -> bool:
    return (isinstance(before, Segment) and bool(before.payload) and bool(what.payload)
            and (before.src, before.sport, before.dst) == (what.src, what.sport, what.dst)
            and before.flags & ~0x08 == ACK and before.seq + len(before.payload) & 0xffffffff == what.seq
            and before.ack == what.ack and len(before.payload) + len(what.payload) <= 64000)
