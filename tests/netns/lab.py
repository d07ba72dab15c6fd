"""A small internet in network namespaces: client, two routers, a host with proxies, a router, an
origin. For a process that is root in a network namespace of its own, which is the client's.

    client ── [cable] ── r1 ── r2 ── proxies ── r3 ── origin

Each path through it is told by the proxies' address: what is too large for it one way or the other
(a route with an MTU of its own, at the router before the narrow link). Routers say so by ICMP, or,
where they are `silent`, don't.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 20
NEEDS = ("unshare", "nsenter", "ip", "ethtool", "openssl", "sysctl")
CLIENT, ROUTER, ORIGIN, FAR, FAR_UP = "10.77.1.2", "10.77.1.1", "10.77.5.2", "10.77.5.3", "10.77.5.4"
CLIENT6 = "fd77:1::2"

TINYPROXY = "Port 8888\nTimeout 60\nMaxClients 200\nLogFile \"FOLDER/tiny.log\"\nAllow 0.0.0.0/0\nAllow ::/0\n"
SQUID = ("http_port 3128\nhttp_access allow all\npid_filename none\n"
         "cache_log FOLDER/squid.log\naccess_log none\ncache deny all\npinger_enable off\n"
         "shutdown_lifetime 0 seconds\ncoredump_dir FOLDER\n")
VIADUCT = ("listen 0.0.0.0:3127;\nlisten [::]:3127;\nworkers 1;\nlog access none;\n"
           "destinations private allow;\nrule allow from 10.77.0.0/16 port 1-65535;\n"
           "rule allow from fd77::/16 port 1-65535;\n")
PORTS = {"squid": 3128, "tinyproxy": 8888, "viaduct": 3127}


def enter(script, program, *words):
    """Runs the script again, behind --inside, as root in namespaces of its own; or says why it can't be."""
    unshare = ["unshare", "--net", "--mount"]
    missing = [c for c in NEEDS if not shutil.which(c)]
    why = f"there is no {missing[0]}" if missing else "not as root" if os.getuid() else None
    if not why and subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        why = "no permission for namespaces"
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    os.execvp("unshare", [*unshare, sys.executable, os.path.abspath(script), program, "--inside", *words])


class Way:
    """One path: where the proxies are to be found on it, and what passes."""

    def __init__(self, number, up=0, down=0):
        self.number, self.up, self.down = number, up, down
        self.v4, self.v6 = f"10.77.3.{number}", f"fd77:3::{number:x}"

    def at(self, proxy, v6=False):
        return f"[{self.v6}]:{PORTS[proxy]}" if v6 else f"{self.v4}:{PORTS[proxy]}"


class Pki:
    """An authority, one between, and the origin's certificate: with both of these, a server's flight
    needs more than two segments."""

    def __init__(self, folder):
        self.folder = folder
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                     "-days", "30", "-subj", "/CN=Lab Authority")
        self.issue("between", "ca", "basicConstraints=critical,CA:TRUE")
        self.issue("origin", "between", f"subjectAltName=IP:{ORIGIN},IP:{FAR},IP:{FAR_UP}")
        with open(self.path("chain.pem"), "w", encoding="ascii") as out:
            for name in ("origin", "between"):
                with open(self.path(name + ".pem"), encoding="ascii") as part:
                    out.write(part.read())

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, name, by, extension):
        with open(self.path(name + ".ext"), "w", encoding="ascii") as out:
            out.write(extension + "\n")
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
                     "-subj", "/CN=" + name)
        self.openssl("x509", "-req", "-in", name + ".csr", "-CA", by + ".pem", "-CAkey", by + ".key",
                     "-CAcreateserial", "-out", name + ".pem", "-days", "10", "-extfile", name + ".ext")


class Lab:
    """cable: options of cable.py between client and r1, or None."""

    def __init__(self, stack, program, ways, silent=False, cable=None):
        self.stack, self.program, self.ways = stack, os.path.abspath(program), ways
        self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="viaduct-"))
        os.chmod(self.folder, 0o777)   # squid gives up being root
        self.pki = Pki(self.folder)
        self.r1, self.r2, self.proxies, self.r3, self.origin = (self.hold() for _ in range(5))
        self.build(cable)
        for way in ways:
            self.lay(way)
        if silent:
            for router in (self.r1, self.r2, self.r3):
                self.ip(router, "rule add pref 5 ipproto icmp blackhole")
                self.ip(router, "-6 rule add pref 5 ipproto ipv6-icmp blackhole")
        self.serve()

    # ---- namespaces

    def hold(self):
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 900"],
                                   stdout=subprocess.PIPE, text=True)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        process.stdout.readline()
        self.run(process.pid, "ip", "link", "set", "lo", "up")
        return process.pid

    @staticmethod
    def inside(where):
        return ["nsenter", "-t", str(where), "--net"] if where else []

    def run(self, where, *command):
        subprocess.run([*self.inside(where), *command], check=True, stdout=subprocess.DEVNULL)

    def ip(self, where, words):
        self.run(where, "ip", *words.split())

    def begin(self, where, *command, ready=True):
        process = subprocess.Popen([*self.inside(where), *command], text=True,
                                   stdout=subprocess.PIPE if ready else subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        if ready and "ready" not in process.stdout.readline():
            raise RuntimeError(f"{command[0]} did not begin")
        return process

    # ---- links and routes

    def link(self, one, name, other, name2):
        self.run(one, "ip", "link", "add", name, "type", "veth", "peer", "name", name2, "netns", str(other))
        for where, device in ((one, name), (other, name2)):
            self.ip(where, f"link set dev {device} up")
            for feature in ("tx", "tso", "gso", "gro"):   # what is sent is what passes
                self.run(where, "ethtool", "-K", device, feature, "off")

    def address(self, where, device, *addresses):
        for a in addresses:
            self.ip(where, f"address add {a} dev {device}" + (" nodad" if ":" in a else ""))

    def build(self, cable):
        self.ip(None, "link set lo up")
        if cable is None:
            self.link(self.r1, "c", os.getpid(), "eth0")
        else:
            middle = self.hold()
            self.link(self.r1, "c", middle, "m1")
            self.link(middle, "m0", os.getpid(), "eth0")
            self.run(middle, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            self.begin(middle, sys.executable, os.path.join(HERE, "cable.py"), "m0", "m1", *cable.split())
        self.link(self.r1, "w", self.r2, "w")
        self.link(self.r2, "p", self.proxies, "eth0")
        self.link(self.proxies, "eth1", self.r3, "p")
        self.link(self.r3, "o", self.origin, "eth0")
        for router in (self.r1, self.r2, self.r3):
            self.run(router, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                     "net.ipv4.icmp_ratelimit=0")
        self.address(None, "eth0", CLIENT + "/24", CLIENT6 + "/64")
        self.address(self.r1, "c", "10.77.1.1/24", "fd77:1::1/64")
        self.address(self.r1, "w", "10.77.2.1/24", "fd77:2::1/64")
        self.address(self.r2, "w", "10.77.2.2/24", "fd77:2::2/64")
        self.address(self.r2, "p", "10.77.3.1/24", "fd77:3::1/64")
        self.address(self.proxies, "eth0", "10.77.3.2/24", "fd77:3::2/64")
        self.address(self.proxies, "eth1", "10.77.4.2/24")
        self.address(self.r3, "p", "10.77.4.1/24")
        self.address(self.r3, "o", "10.77.5.1/24")
        self.address(self.origin, "eth0", *(a + "/24" for a in (ORIGIN, FAR, FAR_UP)))
        self.ip(None, "route add default via 10.77.1.1")
        self.ip(None, "-6 route add default via fd77:1::1")
        self.ip(self.proxies, "route add 10.77.1.0/24 via 10.77.3.1")
        self.ip(self.proxies, "route add 10.77.5.0/24 via 10.77.4.1")
        self.ip(self.proxies, "-6 route add default via fd77:3::1")
        self.ip(self.origin, "route add default via 10.77.5.1")

    def lay(self, way):
        """Up it is the route to the address, down that of what comes from it."""
        self.address(self.proxies, "eth0", way.v4 + "/24", way.v6 + "/64")
        for flag, to, via, client, back in (("", way.v4 + "/32", "10.77.2.2", "10.77.1.0/24", "10.77.2.1"),
                                            ("-6 ", way.v6 + "/128", "fd77:2::2", "fd77:1::/64", "fd77:2::1")):
            lock = f" mtu lock {way.up}" if way.up else ""
            self.ip(self.r1, f"{flag}route add {to} via {via}{lock}")
            lock = f" mtu lock {way.down}" if way.down else ""
            self.ip(self.r2, f"{flag}route add {client} via {back}{lock} table {way.number}")
            self.ip(self.r2, f"{flag}rule add pref 100 from {to} table {way.number}")

    def narrow_far(self, mtu):
        """Beyond the proxies: what the origin sends from its second address has to fit this, and what is
        sent to its third."""
        self.ip(self.r3, f"route add {FAR_UP}/32 dev o mtu lock {mtu}")
        self.ip(self.r3, f"route add 10.77.4.0/24 dev p src 10.77.4.1 mtu lock {mtu} table 9")
        self.ip(self.r3, f"rule add pref 100 from {FAR} table 9")

    # ---- who serves

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text.replace("FOLDER", self.folder))
        return path

    def serve(self):
        self.begin(self.origin, sys.executable, os.path.join(HERE, "origin.py"), self.pki.path("chain.pem"),
                   self.pki.path("origin.key"))
        self.begin(self.proxies, self.program, "proxy", "-c", self.file("viaduct.conf", VIADUCT), ready=False)
        self.makes = ["viaduct"]
        for name, conf, words in (("tinyproxy", TINYPROXY, ("-d", "-c")),
                                  ("squid", SQUID, ("-N", "-n", f"lab{os.getpid()}", "-f"))):
            if shutil.which(name):
                self.begin(self.proxies, name, *words, self.file(name + ".conf", conf), ready=False)
                self.makes.append(name)
        for name in self.makes:
            for host in (self.ways[0].v4, self.ways[0].v6):
                self.wait_for(host, PORTS[name])

    @staticmethod
    def wait_for(host, port):
        pause = threading.Event()
        for _ in range(PATIENCE * 20):
            try:
                socket.create_connection((host, port), 1).close()
                return
            except OSError:
                pause.wait(0.05)
        raise RuntimeError(f"nobody listens on {host}:{port}")
