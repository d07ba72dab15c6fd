#!/usr/bin/env python3
"""viaduct check against a proxy with one fault at a time, in the clear and through a tunnel: the
verdict, the stage at which it broke, and what looking around said of it. A capture of loopback that
is taken meanwhile, read by viaduct read, agrees.

    check_faults.py VIADUCT

Some faults are silence, which takes its time: all cases run side by side.
"""
import concurrent.futures
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "live"), os.path.dirname(os.path.abspath(__file__))]
import proxykit as made  # noqa: E402
import tcpdump  # noqa: E402
from check import Bench, Pki, at, over_tls  # noqa: E402
from viaduct import Broken, PLAIN, Tap, records  # noqa: E402

AT_ONCE = 12
SIZE = 400000
BODY = bytes(range(256)) * (SIZE // 256) + b"." * (SIZE % 256)


# ---- who answers ------------------------------------------------------------------------------

def download(s):
    """A file, and its rest by Range; of /old there are no ranges."""
    while head := made.read_head(s):
        wanted = re.search(rb"\r\nRange: bytes=(\d+)-", head)
        begin = int(wanted[1]) if wanted else 0
        if b"/old " in head:
            wanted, begin = None, 0
        status = b"206 Partial Content" if wanted else b"200 OK"
        where = b"Content-Range: bytes %d-%d/%d\r\n" % (begin, SIZE - 1, SIZE) if wanted else b""
        s.sendall(b"HTTP/1.1 %s\r\nETag: \"it\"\r\n%sContent-Length: %d\r\n\r\n"
                  % (status, where, SIZE - begin))
        s.sendall(BODY[begin:])


def says(answer, then=made.read_all):
    """A server that says this to every request on its one connection, and then does that."""
    def serve(s):
        while made.read_head(s):
            s.sendall(answer)
            then(s)
            if then is not made.read_all:
                return
    return serve


def silence(s):
    made.read_head(s)
    made.read_all(s)


def never_read(s):
    made.PAUSE.wait(20)


def resets(s):
    made.read_head(s)
    made.reset(s)


def slowly(s):
    """Accepted, and read only later."""
    made.PAUSE.wait(1)
    while made.read_head(s):
        s.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def ssh(s):
    s.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    made.read_all(s)


def loop(stale):
    def serve(s):
        count = 0
        while made.read_head(s):
            count += 1
            s.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"a\", nonce=\"%d\", "
                      b"qop=\"auth\"%s\r\nContent-Length: 0\r\n\r\n" % (count, stale))
    return serve


def served(serve):
    return lambda: made.Origin(serve)


NTLM = (b"HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n"
        b"Content-Length: 0\r\n\r\n")


def nothing(_):
    """And so it closes."""


class Case:
    """One fault: the proxy (a function that makes it), and what is to be said of it. read: whether the
    capture's reader says the same, or the verdicts and stages, any of which is all it can know. again: it says the
    same of another connection to the same target, which check made on purpose."""

    def __init__(self, name, verdict, stages, proxy, *words, read=True, also=None,
                 status=None, stdin=b"", again=False):
        self.name, self.verdict, self.stages, self.words = name, verdict, stages, words
        self.make = proxy
        self.read, self.also, self.status, self.stdin = read, also, status, stdin
        self.again = again


def cause(like, nth=0):
    return lambda r: len(r["cause"]) > nth and re.search(like, r["cause"][nth])


# What happens before there is an answer, or in its place: at both stages the same proxy.
def before(password):
    user = ("-U", "alice")
    return [
        Case("silence", "proxy-silent", ("proxy", "proxy"), served(silence), "--wait", "6"),
        Case("accepted and never read", "proxy-silent", ("proxy", "proxy"), served(never_read), "--wait", "6"),
        Case("accepted late", "denied", ("http", "proxy"), served(slowly)),
        Case("closed", "proxy-closed", ("proxy", "proxy"), served(made.read_head)),
        Case("reset", "proxy-reset", ("proxy", "proxy"), served(resets)),
        Case("SSH", "not-a-proxy", ("proxy", "proxy"), served(ssh)),
        Case("half a head, closed", "transfer-truncated", ("proxy", "proxy"),
             served(says(b"HTTP/1.1 200 OK\r\nServ", nothing))),
        Case("NTLM alone", "auth-unsupported", ("auth", "auth"), served(says(NTLM)), *user, stdin=password),
        Case("407 without end, the nonce always stale", "auth-rejected", ("auth", "auth"),
             served(loop(b", stale=true")), *user, stdin=password, also=cause("calls every nonce stale")),
        Case("407 to the password", "auth-rejected", ("auth", "auth"), served(loop(b"")), *user, stdin=password,
             also=lambda r: r["probe"]["auth"] == {"refusals": 1, "without": 407, "with": 407,
                                                   "algorithm": "MD5"}),
        Case("407 that offers nothing", "auth-required", ("auth", "auth"),
             served(says(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))),
    ]


def same_end(end):
    return lambda r: [f["end"] for f in r["probe"]["download"]["fetches"]][:2] == [end, end]


def both(*tests):
    return lambda r: all(t(r) for t in tests)


# What cuts the transfer.
def transfers():
    stages = ("download", "download")
    return [
        Case("cut at a size", "transfer-truncated", stages, lambda: made.Gate(cut=200000),
             also=both(same_end("fin"), cause(r"limit on the size.*looks like 200 kB"))),
        Case("reset at a size", "transfer-reset", stages, lambda: made.Gate(cut=200000, end="rst"),
             also=both(same_end("rst"), cause("limit on the size"))),
        Case("cut at an age", "transfer-truncated", stages,
             lambda: made.Gate(life=3, rates=(30000, 60000)), also=cause(r"limit on the time.*looks like 3 s")),
        Case("cut at no size and no age", "transfer-truncated", stages,
             lambda: made.Gate(flaky=(150000, 60000)), also=cause("now and then")),
        Case("cut once", "transfer-truncated", stages, lambda: made.Gate(flaky=(150000,)),
             also=cause("now and then")),
        Case("stalls at a size", "transfer-stalled", stages, lambda: made.Gate(cut=200000, end="stall"),
             "--wait", "6", also=both(same_end("silence"), cause("it stopped at"),
                                      lambda r: r["probe"]["download"]["fetches"][0]["path_answers"])),
        Case("the end is held back", "transfer-stalled", stages,
             lambda: made.Gate(hold_back=SIZE - 20000), "--wait", "6",
             also=cause("holds the data back while it scans: the end was held back")),
        Case("resumed", "transfer-truncated", stages, lambda: made.Gate(cut=250000), "--resume",
             also=lambda r: r["probe"]["download"]["resume"] == "honoured" and
             r["probe"]["download"]["completed"] and any("curl -C" in w for w in r["remedy"])),
    ]


# Framing that no client can make use of. Inside of TLS nobody else sees it, and of two lengths the
# capture's reader takes that which fits: it claims nothing else. Of chunks and a length that can't be read it can't tell what the client made.
FINE, UNKNOWN = [("ok", None)], [("unclear", None)]
READ = {"two lengths": FINE, "a chunk's size is none": UNKNOWN, "the length is no number": UNKNOWN}


def framing():
    stages = ("download", "download")
    both_lengths = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
    return [
        ("two lengths", "client-aborted", stages, both_lengths, nothing),
        ("a chunk's size is none", "client-aborted", stages,
         b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello", made.read_all),
        ("the length is no number", "client-aborted", ("download", "http"),
         b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", made.read_all),
        ("the last chunk is missing", "transfer-truncated", stages,
         b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", nothing),
    ]


PAGES = [
    ("squid", b"Server: squid/5.7\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n",
     b"<html><head><style>body{}</style><title>ERROR</title></head><body><h1>ERROR</h1><p>Access Denied."
     b"</p><p>Access control configuration prevents your request.</p></body></html>",
     "ERROR\nERROR\nAccess Denied.\nAccess control configuration prevents your request."),
    ("Zscaler", b"Server: Zscaler/6.2\r\n", b"<title>Internet Security by Zscaler</title><p>Sorry, you "
     b"don&#39;t have permission to visit this site.", "Internet Security by Zscaler\nSorry, you don't have "
     "permission to visit this site."),
    ("FortiGate or FortiProxy", b"", b"<html><head><title>Web Filter Violation</title></head><body>FortiGuard Intrusion "
     b"Prevention - <b>Access Blocked</b><script>x()</script></body></html>",
     "Web Filter Violation\nFortiGuard Intrusion Prevention - Access Blocked"),
]


# ---- running them -----------------------------------------------------------------------------

class Capture:
    """Of loopback, while the cases run; None of it where that may not be done."""

    def __init__(self, program, folder, what="tcp"):
        self.program, self.dump, self.stack = program, None, contextlib.ExitStack()
        if tcpdump.PROGRAM:
            with contextlib.suppress(Broken):
                self.dump = self.stack.enter_context(tcpdump.Tcpdump(os.path.join(folder, "lo.pcap"), what))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def exchanges(self, ports):
        """Those with these proxies, by the proxy's port and the client's address."""
        self.dump.stop()
        found = {}
        for port in ports:
            done = subprocess.run([self.program, "read", "--json", "--proxy", at(port), self.dump.path],
                                  capture_output=True, timeout=120, check=False,
                                  env={**os.environ, **PLAIN})
            for record in records(done.stdout.decode()):
                if record.get("proxy") == at(port):
                    found.setdefault((port, record.get("client")), []).append(record)
        return found


def said(record):
    return record["verdict"], record.get("stage")


class Table:
    def __init__(self, bench, capture):
        self.bench, self.capture = bench, capture
        self.pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        self.running, self.agree = [], []

    def add(self, name, work, *args):
        self.running.append((name, self.pool.submit(work, *args)))

    def check(self, words, stdin=b""):
        """The record; what is wrong with it; the whole of what came out."""
        got = self.bench.run("--json", "--ca", self.bench.pki.ca, *words, stdin=stdin, timeout=120)
        found = records(got[1])
        if len(found) != 1:
            raise Broken(f"no record: {got}")
        return found[0], got

    def one(self, case, url, stage):
        port = case.make().port
        x, got = self.check([*case.words, "-x", at(port), url], case.stdin)
        ended = x["stages"][-1]
        broke = ended["stage"] if ended["result"] == "failed" else None
        wrong = []
        status = case.status if case.status is not None else int(x["severity"] == "failure")
        if got[0] != status:
            wrong.append(f"exit status {got[0]}, not {status}")
        if (x["verdict"], broke) != (case.verdict, stage):
            wrong.append(f"{x['verdict']} at {broke}, not {case.verdict} at {stage}")
        elif case.also and not case.also(x):
            wrong.append("not as it should be")
        if case.read:
            self.agree.append((case, url, port, x))
        return [f"{w}: {got[1]}{got[2]}" for w in wrong]

    def case(self, case, http, https):
        for number, (kind, url) in enumerate((("http", http), ("https", https))):
            if url:
                self.add(f"{case.name}, {kind}", self.one, case, url, case.stages[number])

    def finish(self, tap):
        for name, future in self.running:
            try:
                tap.case(name, future.result())
            except (Broken, OSError, KeyError, subprocess.SubprocessError) as error:
                tap.case(name, [repr(error)])
        self.running.clear()

    def compare(self, tap):
        """The capture's exchange of the same connection: verdict, stage and target."""
        if not self.capture.dump:
            tap.skip("read agrees", "no capture can be taken here")
            return
        seen = self.capture.exchanges({port for _, _, port, _ in self.agree})
        for case, url, port, x in self.agree:
            scheme, host = re.match(r"(\w+)://([^/]*)", url).groups()
            inside = x["method"] == "GET" and scheme == "https"   # of what the capture shows the tunnel
            target = host if inside else x["target"]
            same = x["verdict"], x.get("stage")
            told = [said(r) for r in seen.get((port, x["client"]), []) if r.get("target") == target]
            wanted = [same] if case.read is True else case.read
            wrong = [] if any(t in wanted for t in told) else [f"of this connection {told}, not {wanted}"]
            if case.again:
                rest = [said(r) for (at, client), found in seen.items() for r in found
                        if at == port and client != x["client"] and r.get("target") == target]
                if rest != [same]:
                    wrong.append(f"of another connection {rest}, not {same}")
            tap.case(f"read agrees: {case.name}, {scheme}",
                     [f"{target}: check says {same}, read {w}" for w in wrong])


def table(bench, tap, folder):
    with Capture(bench.program, folder) as capture:
        t = Table(bench, capture)
        add_cases(t, bench)
        t.finish(tap)
        t.compare(tap)


def add_cases(t, bench):
    plain = made.Origin(download)
    secure = made.Origin(over_tls(bench.pki.context("good"), download))
    http, https = f"http://localhost:{plain.port}/file", f"https://localhost:{secure.port}/file"
    for case in (*before(b"secret"), *transfers()):
        t.case(case, http, https)
    gate = made.Gate()
    for name, verdict, stages, answer, then in framing():
        serve = says(answer, then)
        inner = made.Origin(over_tls(bench.pki.context("good"), serve))
        t.case(Case(name, verdict, stages, served(serve), read=READ.get(name, True)),
               "http://example.com/", None)
        t.case(Case(name, verdict, stages, lambda: gate, read=FINE), None, f"https://localhost:{inner.port}/")
    for product, fields, page, words in PAGES:
        answer = (b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n%sContent-Length: %d\r\n\r\n"
                  % (fields, len(page)) + page)
        t.case(Case(f"a page of {product}", "denied", ("http", "proxy"), served(says(answer)),
                    also=lambda r, p=product, w=words: r["page"] == w and
                    (r.get("product") or "").lower() == p.lower()),
               "http://example.com/", "https://example.com/")


# ---- each differential, asked for alone -------------------------------------------------------

def idle(bench, tap):
    def goodbye(s):
        with bench.pki.context("good").wrap_socket(s, server_side=True) as inner:
            inner.settimeout(3)
            try:
                download(inner)
            except TimeoutError:
                inner.unwrap()
    t = Table(bench, None)
    url = f"https://localhost:{made.Origin(over_tls(bench.pki.context('good'), download)).port}/"
    bye = f"https://localhost:{made.Origin(goodbye).port}/"

    def one(proxy, words, verdict, wanted, where=url):
        x, got = t.check([*words, "-x", at(proxy.port), where])
        fine = x["verdict"] == verdict and wanted(x.get("probe", {}).get("idle", {}), x)
        return [] if fine else [got]

    def interrupted():
        gate = made.Gate()
        process = subprocess.Popen([bench.program, "check", "idle", "--json", "--ca", bench.pki.ca, "-x",
                                    at(gate.port), url], stdout=subprocess.PIPE, text=True,
                                   env={**os.environ, **PLAIN})
        while not gate.enough(2) and process.poll() is None:
            made.PAUSE.wait(0.05)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        x = json.loads(said)
        return [] if x["verdict"] == "open" and x["probe"]["idle"]["end"] == "interrupted" and \
            process.returncode == 0 else [said]
    t.add("idle: closed", one, made.Gate(idle=3), ["--idle=20"], "ok",
          lambda i, x: i["end"] == "fin" and not i["closing_alert"] and
          re.search(r"idle tunnels: it looks like 3 s", x["cause"][0]))
    t.add("idle: reset", one, made.Gate(idle=3, end="rst"), ["idle"], "ok",
          lambda i, x: i["end"] == "rst")
    t.add("idle: it lives", one, made.Gate(), ["--idle=1"], "ok",
          lambda i, x: i["end"] == "held" and i["then"] == "answered")
    t.add("idle: forgotten", one, made.Gate(idle=3, end="stall"), ["--idle=4", "--wait", "5"],
          "transfer-stalled", lambda i, x: i["then"] == "acknowledged")
    t.add("idle: the origin's own time-out", one, made.Gate(), ["--idle=20"], "ok",
          lambda i, x: i["closing_alert"] and
          "origin's own time-out" in x["cause"][0], bye)
    t.add("idle: interrupted", interrupted)
    t.finish(tap)


def credentials(bench, tap):
    users = os.path.join(bench.folder, "users")
    subprocess.run([bench.program, "proxy", "user", "add", "alice", "-f", users, "-r", "test"],
                   input=b"right", check=True, capture_output=True)
    plain = made.Origin(download)
    url = f"http://localhost:{plain.port}/"
    t = Table(bench, None)
    tries = {}

    def counted(name, answers):
        """A proxy that answers to what comes: none, Digest, Basic."""
        tries[name] = 0

        def serve(s):
            while head := made.read_head(s):
                scheme = re.search(rb"\r\nProxy-Authorization: (\w+)", head)
                tries[name] += bool(scheme)
                s.sendall(answers[scheme[1] if scheme else None])
        return made.Origin(serve)
    offer = (b"HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"a\", nonce=\"n\", qop=\"auth\", "
             b"algorithm=SHA-256\r\nProxy-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n")
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    denied = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"

    def one(proxy, verdict, wanted, *words, password=b"right", name=None):
        x, got = t.check([*words, "-x", at(proxy.port), url], password)
        right = x["verdict"] == verdict and wanted(x.get("probe", {}).get("auth", {}), x)
        wrong = [] if right else [got]
        if name and tries[name] > 2:
            wrong.append(f"the password was tried {tries[name]} times")
        return wrong
    ours = made.Proxy([bench.program, "proxy"], f"auth digest basic {{ realm test; users {users}; }}\n")
    user = ("-U", "alice")
    t.add("auth: the right password", one, ours, "ok", lambda a, x: a["without"] == 407 and a["with"] == 200
          and a["algorithm"] in ("MD5", "SHA-256"), "auth", *user)
    t.finish(tap)
    broken = counted("broken", {None: offer, b"Digest": offer, b"Basic": fine})
    t.add("auth: Digest is broken, Basic is not", lambda: one(
        broken, "auth-rejected", lambda a, x: a["with_basic"] == 200 and a["algorithm"] == "SHA-256" and
        "can't check Digest" in x["cause"][0], *user, name="broken"))
    wrong = counted("wrong", {None: offer, b"Digest": offer, b"Basic": offer})
    t.add("auth: a wrong password, twice at most", lambda: one(
        wrong, "auth-rejected", lambda a, x: a["with_basic"] == 407 and a["refusals"] == 2, *user,
        name="wrong"))
    knows = counted("knows", {None: offer, b"Digest": denied, b"Basic": denied})
    t.add("auth: the user may not go there", lambda: one(
        knows, "denied", lambda a, x: a["without"] == 407 and a["with"] == 403 and
        "what it denies them is this target" in " ".join(x["cause"]), *user))
    nobody = counted("nobody", {None: denied})
    t.add("auth: nobody may go there", lambda: one(
        nobody, "denied", lambda a, x: a["without"] == 403 and
        "does not depend on the user" in " ".join(x["cause"]), "auth", *user))
    t.finish(tap)
    ours.stop()


def ways(bench, tap):
    """Who answers, at each address; all certificates."""
    secure = made.Origin(over_tls(bench.pki.context("good"), download))
    gate = made.Gate()
    t = Table(bench, None)

    def path():
        x, got = t.check(["path", "-x", f"localhost:{gate.port}", f"https://localhost:{secure.port}/"])
        doors = x["probe"]["path"]["addresses"]
        good = [d for d in doors if d["address"] == at(gate.port)]
        fine = x["chain"][0]["issuer"] == "CN=Test Authority" and good and good[0]["reach"] == "connected" \
            and good[0]["status"] == 200
        return [] if fine else [got]

    def whole():
        x, got = t.check(["download", "--download", "all", "-x", at(gate.port),
                          f"https://localhost:{secure.port}/"])
        fetches = x["probe"]["download"]["fetches"]
        return [] if x["verdict"] == "ok" and len(fetches) == 1 and fetches[0]["end"] == "whole" else [got]

    def unresumed():
        x, got = t.check(["--resume", "-x", at(made.Gate(cut=100000).port),
                          f"https://localhost:{secure.port}/old"])
        return [] if x["probe"]["download"]["resume"] == "ignored" else [got]
    t.add("path: who answers", path)
    t.add("download: nothing to compare", whole)
    t.add("download: an origin that knows no ranges", unresumed)
    t.finish(tap)


def main(program):
    tap = Tap()
    only = os.environ.get("ONLY", "")
    with tempfile.TemporaryDirectory(prefix="viaduct-") as folder:
        bench = Bench(program, folder, Pki(folder), tap)
        for part in (lambda b, t: table(b, t, folder), idle, credentials, ways):
            name = "table" if part.__name__ == "<lambda>" else part.__name__
            if only not in name:
                continue
            begun = time.monotonic()
            try:
                part(bench, tap)
            except (Broken, OSError, RuntimeError, subprocess.SubprocessError) as error:
                tap.case(name, [repr(error)])
            print(f"# {name}: {time.monotonic() - begun:.1f} s", flush=True)
    return tap.done()


if __name__ == "__main__":
    if sys.argv[1] != "--inside":
        tcpdump.enter(__file__, *sys.argv[1:])
    sys.exit(main(sys.argv[-1]))
