"""tcpdump beside a test: all that passes an interface while the test runs, for `viaduct read`; and a
network namespace for the test, so that nothing of others passes there."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

from viaduct import Broken

PROGRAM = shutil.which("tcpdump") or shutil.which("tcpdump", path="/usr/sbin:/sbin")
PATIENCE = 60   # seconds, for what comes within two
MARK_PORT = 9   # discard: nobody answers what goes there but by ICMP


def enter(script, *words):
    """Runs the script again, behind --inside, in a network namespace of its own; returns where that can't be.
    On a loopback that others use, too, their traffic is more than any buffer of a capture holds."""
    unshare = ["unshare", "--net"]
    if os.getuid() or not all(shutil.which(c) for c in ("unshare", "ip")) or subprocess.run(
            [*unshare, "true"], check=False, capture_output=True).returncode:
        return
    os.execvp("unshare", [*unshare, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable,
                          os.path.abspath(script), "--inside", *words])


class Tcpdump:
    """What the filter lets through, in a file of which stop() makes sure that it is whole. `to`: an address
    that is reached by the interface.

    Without --immediate-mode the kernel packs packets of any length one behind the other, and the buffer is
    as large as is said; with it each takes as much as the largest that could come, a quarter of a
    megabyte, and 64 MiB are full after some hundred."""

    def __init__(self, path, what, interface="lo", to="127.0.0.1"):
        self.path, self.to = path, to
        self.process = subprocess.Popen(
            [PROGRAM, "-i", interface, "-w", path, "-U", "-s", "0", "-B", "65536", "-Z", "root",
             f"{what} or udp port {MARK_PORT}"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while "listening on" not in (line := self.process.stderr.readline()):
            if not line:
                raise Broken(f"tcpdump ended with {self.process.wait()}")

    def stop(self):
        """A datagram goes behind all else: when it is in the file, all is."""
        mark, end = os.urandom(16), b""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(mark, (self.to, MARK_PORT))
        pause = threading.Event()
        with open(self.path, "rb") as file:
            for _ in range(PATIENCE * 50):
                while more := file.read(1 << 20):
                    end = end[-len(mark):] + more
                    if mark in end:
                        return self.end()
                pause.wait(0.02)
        raise Broken("tcpdump never saw what was sent last")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=PATIENCE)
        lost = re.search(r"([1-9]\d*) packets? dropped by kernel", said)
        if lost:
            raise Broken(f"the capture is not whole: {lost[0]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Behind stop() nothing is left to do."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
