"""What the cases with real clients share: a proxy whose log is read, origins, names, certificates,
and programs that are run to their end.

Everything is on loopback. A case is a function of a Place; `case` names it."""
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from peer import LIMIT, free_port, same, want  # noqa: E402

LONG = 120      # seconds; for what moves much or begins slowly
SECRET = "opensesame"   # every password of these tests holds it: it may be in no log
OPEN = "destinations private allow;\nrule allow from 127.0.0.0/8 ::1 port 1-65535;\n"

Case = namedtuple("Case", "group title run needs")
CASES = []


def case(title, *needs):
    """needs: programs without which the case is skipped."""
    def add(run):
        CASES.append(Case(run.__module__.rsplit(".", 1)[-1], title, run, needs))
        return run
    return add


class Skip(Exception):
    """Why a case can't be run here."""


def find(program):
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def environment(**more):
    """Without what names a proxy, or holds configuration, of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items()
            if not k.lower().endswith("_proxy") and not k.startswith(("GIT_", "CURL"))}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", **more}


Done = namedtuple("Done", "code out err")


def run(*command, code=0, stdin=b"", timeout=LONG, cwd=None, env=None):
    """Runs it to its end, and holds it to its exit status (None: any)."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, check=False,
                          cwd=cwd, env=environment(**(env or {})))
    result = Done(done.returncode, done.stdout, done.stderr.decode("utf-8", "backslashreplace"))
    if code is not None and result.code != code:
        raise AssertionError(f"{' '.join(command)[:300]}: exit status {result.code}, not {code}: "
                             f"{result.err[-1500:]} {result.out[-500:]!r}")
    return result


class Server:
    """A program that runs until stop(); what it says on standard error is kept, line by line."""

    def __init__(self, *command, stdout=subprocess.DEVNULL, **more):
        self.said, self.news = [], threading.Condition()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout,
                                        stderr=subprocess.PIPE, env=environment(), **more)
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self):
        for line in self.process.stderr:
            self.hear(line.decode("utf-8", "backslashreplace").rstrip())
        self.hear(None)

    def hear(self, line):
        with self.news:
            self.said.append(line)
            self.news.notify_all()

    def wait_for(self, pattern, count=1):
        """The matches of what it says, once there are so many."""
        def found():
            return [m for m in (re.search(pattern, line) for line in self.said if line) if m]
        with self.news:
            if not self.news.wait_for(lambda: len(found()) >= count or None in self.said, LONG):
                raise AssertionError(f"it never said {pattern!r}: {self.said[-20:]}")
            if len(found()) < count:
                raise AssertionError(f"it ended: {self.said[-20:]}")
            return found()

    def wait_port(self, port, host="127.0.0.1"):
        """It accepts: many servers have no other way to say so."""
        pause = threading.Event()
        for _ in range(LONG * 50):
            try:
                socket.create_connection((host, port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    raise AssertionError(f"it ended: {self.said[-20:]}") from None
                pause.wait(0.02)
        raise AssertionError(f"it never listened: {self.said[-20:]}")

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Proxy(Server):
    """`viaduct proxy`, its log read as it is written. Used with `with`: at its end it has to go in
    good order, and every record must have been asked for."""

    def __init__(self, program, folder, config, listen, wrapper=()):
        self.folder = tempfile.mkdtemp(dir=folder)
        self.path = os.path.join(self.folder, "viaduct.conf")
        self.listens = [f"listen {each}" for each in listen]
        self.write(config)
        self.records, self.taken = [], 0
        self.loose = False   # not all records are asked for
        super().__init__(*wrapper, os.path.abspath(program), "proxy", "-c", self.path,
                         stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.ports = [int(m[1]) for m in
                      self.wait_for(r"listening on \S+:(\d+)$", len(self.listens))]
        self.port = self.ports[0]
        self.url = f"http://127.0.0.1:{self.port}"

    def write(self, config):
        if "rule " not in config:
            config = "rule allow from 127.0.0.0/8 ::1 port 1-65535;\n" + config
        if "destinations " not in config:
            config = "destinations private allow;\n" + config
        with open(self.path, "w", encoding="utf-8") as out:
            log = [] if "log access" in config else ["log access - json;"]
            out.write("\n".join([*self.listens, "workers 1;", *log, config, ""]))

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.records.append(json.loads(line))
                self.news.notify_all()

    def take(self, count):
        """The next so many records, once they are there."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.records) >= self.taken + count, LIMIT):
                raise AssertionError(f"{count} records were expected, there are: "
                                     f"{self.records[self.taken:]} and it said {self.said[-5:]}")
            found = self.records[self.taken:self.taken + count]
            self.taken += count
            return found

    def logged(self, *wanted):
        """The next records are these: members that are named have that value, or satisfy that
        function. What is not named but usual is checked, too."""
        found = self.take(len(wanted))
        for record, members in zip(found, wanted):
            members = {"verdict": "ok", "source": "proxy", "v": 1, **members}
            for name, value in members.items():
                got = record
                for part in name.split("."):
                    got = got.get(part) if isinstance(got, dict) else None
                good = value(got) if callable(value) else got == value
                want(good, f"{name} is {got!r}, wanted {value!r}, in {json.dumps(record)}")
        return found

    def __exit__(self, kind, *_):
        code = self.stop()
        self.reader.join(LIMIT)
        self.listener.join(LIMIT)
        if kind:
            return
        said = [line for line in self.said if line]
        same(code, 0, f"the proxy's exit status, and it said {said[-20:]}")
        for line in said:
            want("Sanitizer" not in line and "runtime error" not in line, said)
        same([] if self.loose else self.records[self.taken:], [], "records that nobody expected")
        want(SECRET not in json.dumps(self.records) + "\n".join(said), "a password is in the log")


class Names:
    """A name server: *.test is loopback, slow.test is never answered, the rest does not exist."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    ADDRESSES = {"origin.test": ("127.0.0.1", None), "other.test": ("127.0.0.1", None),
                 "six.test": (None, "::1"), "both.test": ("127.0.0.1", "::1"),
                 "private.test": ("10.1.2.3", None), "inner.test": ("127.0.0.2", None)}

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            at, labels = 12, []
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
                at += 1 + query[at]
            kind = struct.unpack(">H", query[at + 1:at + 3])[0]
            name, question = ".".join(labels), query[12:at + 5]
            if name == "slow.test":
                continue
            known = name in self.ADDRESSES
            text = self.ADDRESSES.get(name, (None, None))[kind == 28] if kind in (1, 28) else None
            data = text and socket.inet_pton(socket.AF_INET6 if kind == 28 else socket.AF_INET,
                                             text)
            answer = query[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1,
                                             bool(data), 0, 0) + question
            if data:
                answer += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
            self.socket.sendto(answer, client)


NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr warn; worker_processes 1;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off; default_type application/octet-stream; keepalive_timeout 60s;
    ssl_protocols TLSv1.2 TLSv1.3;
    types {{ text/html html; text/plain txt; }}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
    uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
    client_max_body_size 0; sendfile on; if_modified_since before;
    server {{
        listen 127.0.0.1:{http}; listen [::1]:{http};
        listen 127.0.0.1:{https} ssl http2; listen [::1]:{https} ssl http2;
        listen 127.0.0.1:{haproxy} proxy_protocol;
        ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
        root {root};
        add_header X-Seen-Via $http_via always;
        add_header X-Seen-Proxy-Header "$http_x_for_proxy" always;
        add_header X-Seen-Credentials "$http_proxy_authorization" always;
        gzip on; gzip_proxied any; gzip_types text/plain; gzip_min_length 100;
        location /put/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
        location = /to-plain {{ return 302 http://$http_host/small.txt; }}
        location = /to-https {{ return 302 https://localhost:{https}/small.txt; }}
        location = /seen-from {{ return 200 $proxy_protocol_addr; }}
        location = /method {{ return 200 $request_method; }}
    }}
}}
"""


class Place:
    """What the cases of a run share, made when it is first asked for."""

    def __init__(self, program):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix="viaduct-clients-")
        os.chmod(self.folder, 0o755)   # servers that change their user read in it
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        self.servers, self.made, self.making = [], {}, threading.RLock()
        self.names = Names()

    def once(self, name, make):
        with self.making:
            if name not in self.made:
                self.made[name] = make()
            return self.made[name]

    def proxy(self, config="", listen=("127.0.0.1:0;",), wrapper=()):
        return Proxy(self.program, self.folder,
                     f"resolver 127.0.0.1:{self.names.port};\n{config}", listen, wrapper)

    def file(self, name, content, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    def content(self, name, size):
        """A file under the origin's root, of so many bytes that don't compress."""
        path = os.path.join(self.root, name)
        if not os.path.exists(path):
            block = os.urandom(min(size, 1 << 20))
            with open(path, "wb") as out:
                left = size
                while left > 0:
                    left -= out.write(block[:left])
        return path

    def keep(self, server):
        self.servers.append(server)
        return server

    def certificate(self):
        return self.once("cert", self.make_certificate)

    def make_certificate(self):
        path = os.path.join(self.folder, "cert.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", "/CN=origin.test", "-addext",
            "subjectAltName=DNS:localhost,DNS:origin.test,DNS:other.test,DNS:six.test,DNS:both.test,"
            "IP:127.0.0.1,IP:::1",
            "-keyout", os.path.join(self.folder, "key.pem"), "-out", path)
        return path

    @property
    def web(self):
        """nginx: its ports are http, https and haproxy; self.root is what it serves."""
        return self.once("nginx", self.make_nginx)

    def make_nginx(self):
        self.certificate()
        with open(os.path.join(self.root, "small.txt"), "wb") as out:
            out.write(SMALL)
        os.makedirs(os.path.join(self.root, "put"))
        ports = {"http": free_port(), "https": free_port(), "haproxy": free_port()}
        user = "user root;" if os.geteuid() == 0 else ""
        conf = self.file("nginx.conf", NGINX.format(folder=self.folder, root=self.root, user=user,
                                                    **ports))
        server = self.keep(Server(find("nginx"), "-c", conf, "-e", "stderr"))
        server.wait_port(ports["http"])
        return namedtuple("Web", "http https haproxy")(**ports)

    def stop(self):
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


SMALL = b"".join(b"a line of some text, the %d th\n" % i for i in range(100))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def digest_of(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


Got = namedtuple("Got", "code status connect version connects body head err")
SHOW = "%{http_code} %{http_connect} %{http_version} %{num_connects}"


def curl(place, *arguments, code=0, stdin=b"", body=True):
    """curl, for one URL: exit status, status, that of CONNECT, HTTP version, connections made, body,
    heads. body False: the arguments say where it goes."""
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        head, out = os.path.join(folder, "head"), os.path.join(folder, "out")
        to = ("-o", out) if body else ()
        done = run("curl", "-q", "-sS", "--max-time", str(LONG), "--cacert", place.certificate(),
                   *to, "-D", head, "-w", SHOW, *arguments, code=code, stdin=stdin)
        words = done.out.decode().rsplit("\n", 1)[-1].split()
        read = {name: open(name, "rb").read() if os.path.exists(name) else b""
                for name in (head, out)}
        return Got(done.code, int(words[0]), int(words[1]), words[2], int(words[3]), read[out],
                   read[head].decode("latin-1"), done.err)


def at_least(number):
    return lambda got: isinstance(got, int) and got >= number


def one_of(*values):
    return lambda got: got in values


def has(text):
    return lambda got: isinstance(got, str) and text in got
