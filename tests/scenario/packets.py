"""What goes on the wire and into the file: TCP segments and ICMP errors as IP packets, link layers,
pcap and pcapng. Nothing here knows how TCP behaves; see tcp.py for that."""

import dataclasses
import functools
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, ICMP, ICMPV6 = 6, 1, 58


def checksum(data: bytes) -> int:
    """RFC 1071; the sum in ones' complement is the remainder by 65535."""
    if len(data) & 1:
        data += b'\0'
    return 65535 - (int.from_bytes(data, 'big') % 65535 or 65535)


@functools.cache
def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def header_size(address: str) -> int:
    """Bytes of the IP header before a segment from or to that address."""
    return 40 if ':' in address else 20


def ip_packet(src: str, dst: str, protocol: int, body: bytes, ttl: int, ident: int) -> bytes:
    if ':' in src:
        return struct.pack('!IHBB', 6 << 28, len(body), protocol, ttl) + packed(src) + packed(dst) + body
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(body), ident, 0x4000, ttl, protocol, 0)
    head += packed(src) + packed(dst)
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + body


def pseudo_header(src: str, dst: str, protocol: int, length: int) -> bytes:
    if ':' in src:
        return packed(src) + packed(dst) + struct.pack('!IxxxB', length, protocol)
    return packed(src) + packed(dst) + struct.pack('!xBH', protocol, length)


@dataclasses.dataclass
class Segment:
    src: str
    sport: int
    dst: str
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    options: bytes = b''
    payload: bytes = b''
    ttl: int = 64
    ident: int = 0
    bad_checksum: bool = False  # as a capture before the network card has it

    def size(self) -> int:
        """Of the IP packet: what an MTU limits."""
        return header_size(self.src) + 20 + len(self.options) + len(self.payload)

    def packet(self) -> bytes:
        words = 5 + len(self.options) // 4
        head = struct.pack('!HHIIBBHHH', self.sport, self.dport, self.seq, self.ack, words << 4,
                           self.flags, self.window, 0, 0)
        body = head + self.options + self.payload
        pseudo = pseudo_header(self.src, self.dst, TCP, len(body))
        # An offloading host sums the pseudo header and leaves the rest to the card.
        value = 65535 - checksum(pseudo) if self.bad_checksum else checksum(pseudo + body)
        body = body[:16] + struct.pack('!H', value) + body[18:]
        return ip_packet(self.src, self.dst, TCP, body, self.ttl, self.ident)


@dataclasses.dataclass
class IcmpError:
    """Quotes a segment, and goes to its sender."""
    router: str
    about: Segment
    kind: str           # too-big, prohibited, host, port
    mtu: int = 0
    ttl: int = 62

    def packet(self) -> bytes:
        six = ':' in self.about.src
        codes = {'too-big': (2, 0), 'prohibited': (1, 1), 'host': (1, 3), 'port': (1, 4)} if six \
            else {'too-big': (3, 4), 'prohibited': (3, 13), 'host': (3, 1), 'port': (3, 3)}
        kind, code = codes[self.kind]
        quote = self.about.packet()[:1232 if six else 548]
        body = struct.pack('!BBHI', kind, code, 0, self.mtu) + quote
        pseudo = pseudo_header(self.router, self.about.src, ICMPV6, len(body)) if six else b''
        body = body[:2] + struct.pack('!H', checksum(pseudo + body)) + body[4:]
        return ip_packet(self.router, self.about.src, ICMPV6 if six else ICMP, body, self.ttl, 0)


@dataclasses.dataclass
class Frame:
    """A packet as the capture has it."""
    at: int             # nanoseconds since 1970
    outgoing: bool      # seen from the capturing host
    up: bool            # from the client
    what: Segment | IcmpError
    data: bytes = b''   # the IP packet; made by World.frames


# ---- link layers: name -> (link type, header before the IP packet) ------------------------------

HERE, THERE = bytes.fromhex('02005e400001'), bytes.fromhex('02005e0a0001')


def ether_type(frame: Frame) -> int:
    return 0x86dd if frame.data[0] >> 4 == 6 else 0x0800


def macs(frame: Frame) -> bytes:
    return THERE + HERE if frame.outgoing else HERE + THERE


def ethernet(frame: Frame) -> bytes:
    whole = macs(frame) + struct.pack('!H', ether_type(frame)) + frame.data
    return whole if frame.outgoing else whole.ljust(60, b'\0')  # the card pads what it sends


def vlan(frame: Frame) -> bytes:
    return macs(frame) + struct.pack('!HHH', 0x8100, 40, ether_type(frame)) + frame.data


def qinq(frame: Frame) -> bytes:
    return macs(frame) + struct.pack('!HHHHH', 0x88a8, 7, 0x8100, 40, ether_type(frame)) + frame.data


def pppoe(frame: Frame) -> bytes:
    protocol = 0x57 if ether_type(frame) == 0x86dd else 0x21
    return (macs(frame) + struct.pack('!HBBHHH', 0x8864, 0x11, 0, 9, len(frame.data) + 2, protocol)
            + frame.data)


def cooked(frame: Frame) -> bytes:
    who = 4 if frame.outgoing else 0
    return struct.pack('!HHH8sH', who, 1, 6, HERE, ether_type(frame)) + frame.data


def cooked2(frame: Frame) -> bytes:
    who = 4 if frame.outgoing else 0
    return struct.pack('!HHIHBB8s', ether_type(frame), 0, 2, 1, who, 6, HERE) + frame.data


def raw(frame: Frame) -> bytes:
    return frame.data


def loopback(frame: Frame) -> bytes:
    family = 30 if ether_type(frame) == 0x86dd else 2  # as a BSD numbers them
    return struct.pack('<I', family) + frame.data


LINKS = {'ethernet': (1, ethernet), 'vlan': (1, vlan), 'qinq': (1, qinq), 'pppoe': (1, pppoe),
         'cooked': (113, cooked), 'cooked2': (276, cooked2), 'raw': (101, raw),
         'loopback': (0, loopback)}


# ---- files --------------------------------------------------------------------------------------

def pcap(frames: list[Frame], link: str = 'ethernet', order: str = '<', nano: bool = False,
         snap: int = 262144) -> bytes:
    number, wrap = LINKS[link]
    unit = 1 if nano else 1000
    out = [struct.pack(order + 'IHHiIII', 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, snap, number)]
    for f in frames:
        data = wrap(f)
        kept = data[:snap]
        out.append(struct.pack(order + 'IIII', f.at // 10**9, f.at % 10**9 // unit, len(kept), len(data)))
        out.append(kept)
    return b''.join(out)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b'\0' * (-len(body) % 4)
    size = struct.pack(order + 'I', len(body) + 12)
    return struct.pack(order + 'I', kind) + size + body + size


def pcapng(frames: list[Frame], link: str = 'ethernet', order: str = '<', nano: bool = False,
           snap: int = 262144) -> bytes:
    number, wrap = LINKS[link]
    resolution = struct.pack(order + 'HHBxxxHH', 9, 1, 9 if nano else 6, 0, 0)
    out = [block(order, 0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1)),
           block(order, 1, struct.pack(order + 'HHI', number, 0, snap) + resolution)]
    for f in frames:
        data = wrap(f)
        kept = data[:snap]
        stamp = f.at if nano else f.at // 1000
        out.append(block(order, 6, struct.pack(order + 'IIIII', 0, stamp >> 32, stamp & 0xffffffff,
                                               len(kept), len(data)) + kept))
    return b''.join(out)
