"""A TCP endpoint as hosts have it today: handshake, MSS, window scale, timestamps, SACK and D-SACK,
delayed acknowledgements, slow start, fast retransmission, time-outs with back-off, zero-window
probes, keep-alives, path MTU discovery. In simulated time, and with the same course on every run.

Places in a stream are offsets from its own SYN (0; the first byte of data is 1), so that sequence
numbers near their wrap need no thought anywhere but in `Endpoint.emit`."""

import dataclasses
import heapq
import itertools
import struct
from collections.abc import Callable

from packets import ACK, FIN, PSH, RST, SYN, Segment, header_size

MASK = 0xffffffff


class Loop:
    """Simulated time, in seconds."""

    def __init__(self, start: float):
        self.now = start
        self.queue: list = []
        self.order = itertools.count()

    def after(self, delay: float, call: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (self.now + delay, next(self.order), call))

    def step(self) -> None:
        self.now, _, call = heapq.heappop(self.queue)
        call()


@dataclasses.dataclass
class Host:
    """How a host does TCP."""
    address: str
    port: int
    mtu: int = 1500
    mss: int = 0                # to announce; 0: what the MTU gives
    scale: int = 7              # -1: no window scaling
    sack: bool = True
    stamps: bool = True
    isn: int = 0
    buffer: int = 131072        # for receiving
    ttl: int = 64
    delayed_ack: float = 0.04
    rto: float = 0.2
    listens: str = 'open'       # closed: RST to a SYN; silent
    heeds_icmp: bool = True
    keepalive: float = 0.0      # seconds of idleness; 0: none
    keepalive_byte: bytes = b'' # what old stacks put into one
    window: int = 10            # initial, in segments


def option(seg: Segment, kind: int) -> bytes:
    """The value of a TCP option; empty when it is not there."""
    at = 0
    while at < len(seg.options):
        if seg.options[at] == 1:
            at += 1
        elif seg.options[at] == kind:
            return seg.options[at + 2:at + seg.options[at + 1]]
        else:
            at += seg.options[at + 1]
    return b''


@dataclasses.dataclass
class Sent:
    off: int
    end: int
    flags: int = 0              # SYN or FIN
    times: int = 0
    at: float = 0.0
    sacked: bool = False
    lost: bool = False


class Endpoint:
    def __init__(self, loop: Loop, host: Host, peer: Host, emit: Callable[[Segment], None]):
        self.loop, self.host, self.peer, self.carry = loop, host, peer, emit
        self.data = bytearray()                 # everything the application ever wrote
        self.una = self.nxt = 0
        self.repeats = 0                        # acknowledgements of nothing new
        self.flight: list[Sent] = []
        self.fin: int | None = None             # offset of our FIN once the application closed
        self.size = 536                         # payload of a full segment; known with the peer's SYN
        self.cwnd = 0
        self.rto, self.trip, self.recover = host.rto, 0.1, 0
        self.edge = 1                           # how far the peer's window lets us go
        self.peer_scale = 0
        self.peer_isn: int | None = None
        self.rcv = 0                            # next offset of the peer
        self.early: dict[int, bytes] = {}
        self.peer_fin: int | None = None
        self.fin_arrived = False
        self.received = 0                       # bytes handed to the application
        self.unread = 0
        self.reading = True
        self.open = self.dead = self.deaf = False
        self.deaf_to_data = False               # the application is gone: data is answered by RST
        self.unacked_segments = 0
        self.ack_due: float | None = None
        self.duplicate: tuple[int, int] | None = None  # for D-SACK
        self.stamp_echo = 0
        self.timer = 0
        self.probe_wait = 0.0
        self.idle_since = loop.now
        self.ident = (host.isn * 7 + 13) & 0xffff
        self.heard: Callable[[], None] = lambda: None  # called after each change that a script may wait for

    # ---- what an application does ----

    def connect(self) -> None:
        self.push(Sent(0, 1, SYN))

    def write(self, data: bytes) -> None:
        self.data += data
        self.pump()

    def shut(self) -> None:
        """FIN after all that was written; reading goes on."""
        if self.fin is None:
            self.fin = len(self.data) + 1
            self.pump()

    def close(self) -> None:
        """FIN, and whatever comes later is answered by RST."""
        self.deaf_to_data = True
        self.shut()

    def abort(self, with_ack: bool = True) -> None:
        if not self.dead:
            self.emit(RST | (ACK if with_ack else 0), self.nxt)
        self.die()

    def die(self) -> None:
        self.dead = True
        self.flight.clear()
        self.timer += 1

    def stop_reading(self) -> None:
        self.reading = False

    def read_again(self) -> None:
        self.reading, self.unread = True, 0
        self.acknowledge()

    # ---- sending ----

    def stream_end(self) -> int:
        return len(self.data) + 1

    def free(self) -> int:
        return max(0, self.host.buffer - self.unread)

    def options(self, syn: bool) -> bytes:
        out = b''
        if syn:
            mss = self.host.mss or self.host.mtu - header_size(self.host.address) - 20
            out += struct.pack('!BBH', 2, 4, mss)
            out += b'\x04\x02' if self.uses('sack') else b'\1\1'
        if self.uses('stamps'):
            now = int(self.loop.now * 1000) + self.host.isn & MASK
            out += (b'' if syn else b'\1\1') + struct.pack('!BBII', 8, 10, now, self.stamp_echo)
        if syn and self.scaling():
            out += struct.pack('!BBBB', 1, 3, 3, self.host.scale)
        blocks = [] if syn or not self.uses('sack') else self.sack_blocks()
        if blocks:
            out += b'\1\1' + struct.pack('!BB', 5, 2 + 8 * len(blocks))
            for left, right in blocks:
                out += struct.pack('!II', self.peer_isn + left & MASK, self.peer_isn + right & MASK)
        return out + b'\1' * (-len(out) % 4)

    def uses(self, what: str) -> bool:
        """Both sides must have offered it; in the first SYN only our own wish counts."""
        return getattr(self.host, what) and (self.peer_isn is None or getattr(self.peer, what))

    def scaling(self) -> bool:
        return self.host.scale >= 0 and (self.peer_isn is None or self.peer.scale >= 0)

    def sack_blocks(self) -> list[tuple[int, int]]:
        blocks: list[tuple[int, int]] = []
        for off in sorted(self.early):
            end = off + len(self.early[off])
            if blocks and blocks[-1][1] >= off:
                blocks[-1] = (blocks[-1][0], max(end, blocks[-1][1]))
            else:
                blocks.append((off, end))
        blocks.reverse()
        first = [self.duplicate] if self.duplicate else []
        self.duplicate = None
        return (first + blocks)[:3]

    def emit(self, flags: int, off: int, payload: bytes = b'') -> None:
        syn = bool(flags & SYN)
        window = self.free()
        if not syn and self.scaling():
            window >>= self.host.scale
        if self.peer_isn is not None and not flags & RST:
            flags |= ACK
        self.ident = self.ident + 1 & 0xffff
        if flags & ACK:
            self.unacked_segments, self.ack_due = 0, None
        self.idle_since = self.loop.now
        self.carry(Segment(
            self.host.address, self.host.port, self.peer.address, self.peer.port,
            self.host.isn + off & MASK, self.peer_isn + self.rcv & MASK if flags & ACK else 0, flags,
            min(65535, window), b'' if flags & RST else self.options(syn), payload,
            self.host.ttl, self.ident))

    def push(self, sent: Sent) -> None:
        self.flight.append(sent)
        self.nxt = max(self.nxt, sent.end)
        self.transmit(sent)
        self.arm()

    def transmit(self, sent: Sent) -> None:
        sent.times, sent.at, sent.lost = sent.times + 1, self.loop.now, False
        if sent.flags & SYN:
            self.emit(SYN, 0)
            return
        payload = bytes(self.data[sent.off - 1:sent.end - 1])  # a FIN has no byte in it
        push = PSH if payload and sent.end >= self.stream_end() else 0
        self.emit(sent.flags | push, sent.off, payload)

    def pipe(self) -> int:
        return sum(s.end - s.off for s in self.flight if not s.sacked and not s.lost)

    def pump(self) -> None:
        """Sends what may be sent: first what was lost, then what is new."""
        if not self.open or self.dead:
            return
        for sent in list(self.flight):
            if sent.lost and self.pipe() < self.cwnd:
                self.resend(sent)
        while chunk := self.next_chunk():
            self.push(chunk)
        if not self.flight and self.nxt < self.stream_end() and not self.probe_wait:
            self.probe_wait = self.host.rto
            self.loop.after(self.probe_wait, self.probe)

    def next_chunk(self) -> Sent | None:
        left = self.stream_end() - self.nxt
        room = min(self.cwnd - self.pipe(), self.edge - self.nxt)
        size = min(self.size, left)
        if left > 0 and (room >= size or room > 0 and not self.flight):
            end = self.nxt + min(size, room)
            fin = self.fin == end
            return Sent(self.nxt, end + fin, FIN if fin else 0)
        repairing = bool(self.flight) and self.flight[0].times > 1
        if self.fin == self.nxt and not repairing:
            return Sent(self.nxt, self.nxt + 1, FIN)
        return None

    def resend(self, sent: Sent) -> None:
        fin = sent.flags & FIN
        length = sent.end - sent.off - (1 if fin else 0)
        if length <= self.size or sent.flags & SYN:
            self.transmit(sent)
            return
        at = self.flight.index(sent)
        pieces = [Sent(off, min(off + self.size, sent.off + length), times=sent.times)
                  for off in range(sent.off, sent.off + length, self.size)]
        if fin:
            pieces[-1].end, pieces[-1].flags = sent.end, FIN
        self.flight[at:at + 1] = pieces
        for piece in pieces:
            self.transmit(piece)

    def arm(self) -> None:
        self.timer += 1
        if self.flight:
            serial = self.timer
            wait = 1.0 * 2 ** (self.flight[0].times - 1) if self.flight[0].flags & SYN else self.rto
            self.loop.after(wait, lambda: self.time_out(serial))

    def time_out(self, serial: int) -> None:
        if serial != self.timer or self.dead or not self.flight:
            return
        first = self.flight[0]
        if first.times > (5 if first.flags & SYN else 12):
            self.die()
            return
        self.rto *= 2
        self.cwnd = self.size
        for sent in self.flight:
            sent.lost = not sent.sacked
        self.resend(first)
        self.arm()

    def probe(self) -> None:
        """The peer's window is zero: ask again, with back-off, by a segment it already has."""
        if self.dead or self.edge > self.nxt or self.flight:
            self.probe_wait = 0.0
            return
        self.emit(0, self.nxt - 1)
        self.probe_wait = min(self.probe_wait * 2, 60)
        self.loop.after(self.probe_wait, self.probe)

    def watch_idle(self) -> None:
        if self.dead or self.fin is not None or self.fin_arrived:
            return
        idle = self.loop.now - self.idle_since
        if idle >= self.host.keepalive - 0.001:
            self.emit(0, self.nxt - 1, self.host.keepalive_byte)
            idle = 0
        self.loop.after(self.host.keepalive - idle, self.watch_idle)

    # ---- receiving ----

    def receive(self, seg: Segment) -> None:
        if self.deaf:
            return
        if self.dead:
            self.refuse(seg)
            return
        if seg.flags & SYN:
            self.receive_syn(seg)
            return
        if seg.flags & RST:
            self.die()
            self.heard()
            return
        if self.peer_isn is None:
            return
        self.idle_since = self.loop.now
        self.receive_ack(seg)
        self.receive_data(seg)
        self.pump()
        self.heard()

    def refuse(self, seg: Segment) -> None:
        if seg.flags & RST:
            return
        seq = seg.ack if seg.flags & ACK else 0
        length = len(seg.payload) + bool(seg.flags & SYN) + bool(seg.flags & FIN)
        reply = Segment(self.host.address, self.host.port, seg.src, seg.sport, seq,
                        0 if seg.flags & ACK else seg.seq + length & MASK,
                        RST if seg.flags & ACK else RST | ACK, 0, ttl=self.host.ttl)
        self.carry(reply)

    def receive_syn(self, seg: Segment) -> None:
        if self.host.listens == 'silent':
            return
        if self.host.listens == 'closed':
            self.refuse(seg)
            return
        if self.peer_isn is not None:           # again: our answer was lost
            if self.open:
                self.acknowledge()
            else:
                self.transmit(self.flight[0])
            return
        self.peer_isn, self.rcv = seg.seq, 1
        own = self.host.mtu - header_size(self.host.address) - 20
        offered = self.peer.mss or self.peer.mtu - header_size(self.peer.address) - 20
        self.size = min(own, offered) - (12 if self.uses('stamps') else 0)
        self.cwnd = self.host.window * self.size
        self.note_stamp(seg)
        self.edge = 1 + seg.window
        if seg.flags & ACK:
            self.receive_ack(seg)
            self.acknowledge()
            self.establish()
        else:
            self.push(Sent(0, 1, SYN))

    def establish(self) -> None:
        self.open = True
        if self.host.keepalive:
            self.loop.after(self.host.keepalive, self.watch_idle)
        self.pump()
        self.heard()

    def receive_ack(self, seg: Segment) -> None:
        off = seg.ack - self.host.isn & MASK
        if not seg.flags & ACK or off > self.nxt:
            return
        scale = self.peer.scale if self.scaling() and not seg.flags & SYN else 0
        self.edge = max(self.edge, off + (seg.window << scale))
        for left, right in self.read_sack(seg):
            for sent in self.flight:
                sent.sacked |= left <= sent.off and sent.end <= right
        if off > self.una:
            self.advance(off)
        elif self.flight and not seg.payload:
            self.repeats += 1
        self.find_losses()

    def advance(self, off: int) -> None:
        self.una, self.repeats = off, 0
        done = [s for s in self.flight if s.end <= off]
        self.flight = [s for s in self.flight if s.end > off]
        if any(s.times == 1 for s in done):
            self.trip = self.loop.now - max(s.at for s in done if s.times == 1)
            self.rto = max(self.host.rto, 2 * self.trip + 0.05)
        self.cwnd += min(sum(s.end - s.off for s in done), self.cwnd)
        self.arm()
        if not self.open:
            self.establish()

    def read_sack(self, seg: Segment) -> list[tuple[int, int]]:
        numbers = [n - self.host.isn & MASK for (n,) in struct.iter_unpack('!I', option(seg, 5))]
        return list(zip(numbers[::2], numbers[1::2]))

    def find_losses(self) -> None:
        """A segment is lost when three later ones have arrived (RFC 6675, in short)."""
        if not self.uses('sack') and self.repeats == 3:
            self.flight[0].lost = True
        above = 0
        for sent in reversed(self.flight):
            if sent.sacked:
                above += 1
            elif above >= 3 and not sent.lost and self.loop.now - sent.at > self.patience(sent):
                sent.lost = True
                if sent.off >= self.recover:
                    self.recover = self.nxt
                    self.cwnd = max(2 * self.size, self.cwnd // 2)

    def patience(self, sent: Sent) -> float:
        return 0 if sent.times == 1 else 1.5 * self.trip

    def note_stamp(self, seg: Segment) -> None:
        stamps = option(seg, 8)
        if stamps:
            self.stamp_echo = struct.unpack_from('!I', stamps)[0]

    def receive_data(self, seg: Segment) -> None:
        off = seg.seq - self.peer_isn & MASK
        end = off + len(seg.payload)
        if seg.payload and self.deaf_to_data and end > self.rcv:
            self.emit(RST, self.nxt)
            self.die()
            return
        if off <= self.rcv:
            self.note_stamp(seg)
        if seg.flags & FIN:
            self.peer_fin = end
        if seg.payload:
            self.take(off, seg.payload)
        elif off < self.rcv and not seg.flags & FIN:
            self.acknowledge()                  # a keep-alive or a window probe
        if self.peer_fin is not None and self.rcv == self.peer_fin:
            self.rcv += 1
            self.fin_arrived = True
            self.acknowledge()
        elif seg.flags & FIN:
            self.acknowledge()                  # again, or too early

    def take(self, off: int, payload: bytes) -> None:
        end = off + len(payload)
        if end <= self.rcv or off in self.early and len(self.early[off]) >= len(payload):
            self.duplicate = (off, end)
            self.acknowledge()
        elif off > self.rcv:
            self.early[off] = payload
            self.acknowledge()
        elif end - self.rcv > self.free():
            self.acknowledge()                  # no room for it: dropped, as a full window must
        else:
            filled = bool(self.early)
            self.rcv = end
            while ready := [o for o in self.early if o <= self.rcv]:
                for o in ready:
                    self.rcv = max(self.rcv, o + len(self.early.pop(o)))
            self.hand_over(filled)

    def hand_over(self, at_once: bool) -> None:
        fresh = self.rcv - 1 - self.received
        self.received += fresh
        if not self.reading:
            self.unread += fresh
        self.unacked_segments += 1
        if at_once:
            self.acknowledge()
        else:
            full = self.unacked_segments >= 2 or self.free() < self.size
            self.acknowledge_within(2e-5 if full else self.host.delayed_ack)

    def acknowledge_within(self, delay: float) -> None:
        due = self.loop.now + delay
        if self.ack_due is None or due < self.ack_due:
            self.ack_due = due
            self.loop.after(delay, lambda: self.ack_due == due and not self.dead and self.acknowledge())

    def acknowledge(self) -> None:
        self.emit(0, self.nxt)

    def icmp_too_big(self, mtu: int) -> None:
        if not self.host.heeds_icmp:
            return
        overhead = header_size(self.host.address) + 20 + (12 if self.uses('stamps') else 0)
        self.size = min(self.size, mtu - overhead)
        for sent in self.flight:
            sent.lost |= sent.end - sent.off > self.size and not sent.sacked
        self.pump()
        self.arm()
