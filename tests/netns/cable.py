#!/usr/bin/env python3
"""A cable in user space: joins two network interfaces and spoils what passes (the kernels that tests
run on need not have netem).

    cable.py IFACE_A IFACE_B [--delay MS] [--loss PERCENT] [--reorder PERCENT] [--rate BYTES] [--forget S]
             [--seed N]

Every frame that comes in on one side leaves on the other, --delay later. --rate: so many bytes a second
for each TCP connection and direction, the rest waits. --forget: as a NAT does it, a TCP connection that was
quiet for so long is no longer known, and nothing of it passes any more, without a word. Neither interface
may have offloads.
"""
import argparse
import heapq
import random
import select
import socket
import time

OUTGOING = 4
SYN, ACK = 2, 16
IP = (b"\x08\x00", b"\x86\xdd")


def tap(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((name, 0))
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        s.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
    s.setblocking(False)
    return s


def flow(frame):
    """Addresses and ports of an IPv4 packet without options; None of others."""
    return frame[26:38] if frame[12:14] == IP[0] and frame[23] == 6 else None


class Cable:
    def __init__(self, arg):
        self.arg, self.random = arg, random.Random(arg.seed)
        self.queue, self.count, self.free = [], 0, {}
        self.heard = {}   # when something last passed, by connection

    def forgot(self, frame, now):
        """A SYN is a new connection."""
        ends = flow(frame)
        if not self.arg.forget or not ends:
            return False
        key = frozenset((ends[0:4] + ends[8:10], ends[4:8] + ends[10:12]))
        if frame[47] & (SYN | ACK) == SYN:
            self.heard[key] = now
        if now - self.heard.get(key, now) > self.arg.forget:
            return True
        self.heard[key] = now
        return False

    def take(self, frame, to):
        """When it comes out at the other end; None: never."""
        now, is_ip = time.monotonic(), frame[12:14] in IP
        if is_ip and self.random.random() * 100 < self.arg.loss:
            return
        if self.forgot(frame, now):
            return
        at = now + self.arg.delay / 1000
        key = (to, flow(frame)) if self.arg.rate else to
        if self.arg.rate:
            at = max(at, self.free.get(key, 0) + len(frame) / self.arg.rate)
        if is_ip and self.random.random() * 100 < self.arg.reorder:
            at += max(self.arg.delay, 3) / 1000   # held back: others overtake it
        else:
            at = self.free[key] = max(at, self.free.get(key, 0))
        self.count += 1
        heapq.heappush(self.queue, (at, self.count, to, frame))

    def run(self):
        side = {"a": tap(self.arg.a), "b": tap(self.arg.b)}
        print("ready", flush=True)
        while True:
            wait = max(0.0, self.queue[0][0] - time.monotonic()) if self.queue else None
            for s in select.select(list(side.values()), [], [], wait)[0]:
                to = "b" if s is side["a"] else "a"
                try:
                    while True:
                        frame, address = s.recvfrom(70000)
                        if address[2] != OUTGOING:
                            self.take(frame, to)
                except BlockingIOError:
                    pass
            while self.queue and self.queue[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(self.queue)
                try:
                    side[to].send(frame)
                except OSError:   # no room: lost, as on any cable
                    pass


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("a")
    ap.add_argument("b")
    for name in ("delay", "loss", "reorder", "rate", "forget"):
        ap.add_argument("--" + name, type=float, default=0)
    ap.add_argument("--seed", type=int, default=1)
    Cable(ap.parse_args()).run()


if __name__ == "__main__":
    main()
