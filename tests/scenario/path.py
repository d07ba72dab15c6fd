"""The way between a client and a proxy: two legs with a capture point between them or at an end,
and what may happen to packets on a leg. A rule is a function (segment, up) -> None when the segment
is none of its business, or the list of (extra delay, segment) that goes on in its place."""

import dataclasses
import random
from collections.abc import Callable

from packets import ACK, RST, SYN, IcmpError, Segment
from tcp import MASK, Endpoint, Loop

UP, DOWN = True, False

Rule = Callable[[Segment, bool], list[tuple[float, Segment]] | None]


class Leg:
    def __init__(self, latency: float):
        self.latency = latency          # one way
        self.rate = 125e6               # bytes a second, each way
        self.busy = {UP: 0.0, DOWN: 0.0}
        self.rules: list[Rule] = []

    def apply(self, seg: Segment, up: bool) -> list[tuple[float, Segment]]:
        for rule in self.rules:
            out = rule(seg, up)
            if out is not None:
                return out
        return [(0.0, seg)]

    def queue(self, now: float, seg: Segment, up: bool) -> float:
        """Seconds until the segment is on the line, behind those before it."""
        self.busy[up] = max(self.busy[up], now) + seg.size() / self.rate
        return self.busy[up] - now


class Path:
    """`record(now, outgoing, up, packet)` is told of each packet at the capture point, which is at
    the 'client', at the 'proxy', or in the 'middle' between the leg `near` to the client and the
    leg `far` from it. Rules act on the far leg unless `on='near'`."""

    def __init__(self, loop: Loop, rtt: float, point: str, record: Callable, seed: int):
        self.loop = loop
        self.taps = {point: record}             # where a capture is taken, and who is told
        self.near, self.far = Leg(rtt / 4), Leg(rtt / 4)
        self.ends: dict[bool, Endpoint] = {}    # UP: the proxy, whom upward segments reach
        self.random = random.Random(seed)
        self.seen = {UP: 0, DOWN: 0}            # segments with data that went by the rules

    # ---- carrying ----

    def hear(self, where: str, outgoing: bool, up: bool, what: Segment | IcmpError) -> None:
        if where in self.taps:
            self.taps[where](self.loop.now, outgoing, up, what)

    def carry(self, seg: Segment, up: bool) -> None:
        self.hear('client' if up else 'proxy', True, up, seg)
        self.hop(seg, up, [self.near, self.far] if up else [self.far, self.near])

    def hop(self, seg: Segment, up: bool, legs: list[Leg]) -> None:
        leg, rest = legs[0], legs[1:]
        for delay, out in leg.apply(seg, up):
            wait = leg.queue(self.loop.now, out, up) + leg.latency + delay
            self.loop.after(wait, lambda out=out: self.arrive(out, up, rest))

    def arrive(self, seg: Segment, up: bool, rest: list[Leg]) -> None:
        if rest:
            self.hear('middle', up, up, seg)
            self.hop(seg, up, rest)
            return
        self.hear('proxy' if up else 'client', False, up, seg)
        self.ends[up].receive(seg)

    def inject(self, seg: Segment, up: bool) -> None:
        """From a box in the middle, past all rules."""
        self.loop.after(self.near.latency, lambda: self.arrive(seg, up, []))

    def complain(self, error: IcmpError, to_client: bool) -> None:
        def arrive():
            self.hear('client' if to_client else 'proxy', False, not to_client, error)
            if error.kind == 'too-big':
                self.ends[not to_client].icmp_too_big(error.mtu)
        self.loop.after(self.near.latency * 2, arrive)

    def rule(self, rule: Rule, on: str = 'far') -> None:
        getattr(self, on).rules.append(rule)

    # ---- operators: loss ----

    def lose(self, way: bool, pick: Callable[[Segment], bool], on: str = 'far') -> None:
        self.rule(lambda seg, up: [] if up == way and pick(seg) else None, on)

    def lose_data(self, way: bool, *which: int, on: str = 'far') -> None:
        """The first, second, ... segment with data that way, retransmissions counted too."""
        count = 0

        def pick(seg: Segment) -> bool:
            nonlocal count
            count += bool(seg.payload)
            return bool(seg.payload) and count in which
        self.lose(way, pick, on)

    def lose_larger(self, way: bool, mtu: int, on: str = 'far') -> None:
        """A black hole."""
        self.lose(way, lambda seg: seg.size() > mtu, on)

    def lose_some(self, share: float, way: bool | None = None, on: str = 'far') -> None:
        self.rule(lambda seg, up: [] if way in (None, up) and not seg.flags & SYN
                  and self.random.random() < share else None, on)

    def cut(self, at: float, until: float = 1e12, way: bool | None = None, on: str = 'far') -> None:
        """Nothing passes from then on, in seconds of the loop's time."""
        self.rule(lambda seg, up: [] if way in (None, up) and at <= self.loop.now < until else None, on)

    # ---- operators: order ----

    def reorder(self, share: float, delay: float, way: bool | None = None, on: str = 'far') -> None:
        self.rule(lambda seg, up: [(delay, seg)] if way in (None, up) and seg.payload
                  and self.random.random() < share else None, on)

    def duplicate(self, share: float, way: bool | None = None, on: str = 'far') -> None:
        self.rule(lambda seg, up: [(0.0, seg), (1e-4, seg)] if way in (None, up) and seg.payload
                  and self.random.random() < share else None, on)

    # ---- operators: boxes that speak ----

    def too_big(self, way: bool, mtu: int, router: str, on: str = 'far') -> None:
        """A router that says so: ICMP to the sender, which may heed it (Host.heeds_icmp)."""
        def rule(seg: Segment, up: bool):
            if up != way or seg.size() <= mtu:
                return None
            self.complain(IcmpError(router, seg, 'too-big', mtu), to_client=up)
            return []
        self.rule(rule, on)

    def unreachable(self, kind: str, router: str, on: str = 'far') -> None:
        def rule(seg: Segment, up: bool):
            if up:
                self.complain(IcmpError(router, seg, kind), to_client=True)
            return []
        self.rule(rule, on)

    def reset_when(self, way: bool, pick: Callable[[Segment], bool], on: str = 'far') -> None:
        """An inspecting box: swallows that segment and resets both ends."""
        def rule(seg: Segment, up: bool):
            if up != way or not pick(seg):
                return None
            back = dataclasses.replace(
                seg, src=seg.dst, sport=seg.dport, dst=seg.src, dport=seg.sport, seq=seg.ack,
                ack=seg.seq + len(seg.payload) & MASK, flags=RST | ACK, payload=b'', options=b'',
                window=0, ttl=255, ident=0)
            on_ward = dataclasses.replace(seg, flags=RST, payload=b'', options=b'', window=0, ack=0)
            self.inject(back, not up)
            self.inject(on_ward, up)
            return []
        self.rule(rule, on)
