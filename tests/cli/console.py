#!/usr/bin/env python3
"""viaduct console from outside: the API as doc/console-api.json describes it, logins, guards, files.

    console.py VIADUCT
"""
import http.client
import http.server
import json
import os
import re
import select
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peer import same, want  # noqa: E402
from viaduct import CAPTURES, ROOT, Tap, run  # noqa: E402

PASSWORD = "correct horse battery"
HOSTILE = "<img src=x onerror=alert(1)>"
LAB = os.path.join(CAPTURES, "lab")


# ---- the console and its peers -------------------------------------------------------------------

class Console:
    """One that runs, in a folder of its own; stopped at the end of a with."""

    def __init__(self, program, *options, password=PASSWORD, folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix="viaduct-console-")
        self.own = folder is None
        os.makedirs(os.path.join(self.folder, "root", "etc"), exist_ok=True)
        self.state = os.path.join(self.folder, "state")
        self.settings = os.path.join(self.folder, "settings")
        self.process = subprocess.Popen(
            [program, "console", "--listen", "127.0.0.1:0", "--state", self.state, "--file",
             self.settings, "--root", os.path.join(self.folder, "root"), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.process.stdin.write(password + "\n")
            self.process.stdin.close()
        except BrokenPipeError:   # it ended already, and says why below
            pass
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else ""
        if "console: http" not in line:
            self.process.kill()
            raise AssertionError(line + self.process.stderr.read())
        self.port = int(re.search(r":(\d+)/", line)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(60)
        said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        if self.own:
            shutil.rmtree(self.folder)
        if code != 0:
            raise AssertionError(f"the console ended with {code}: {said}")

    def raw(self, method, path, body=None, headers=()):
        """(status, headers, body) of one request, as it was given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host=any(k == "Host" for k, _ in headers),
                              skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None and not any(k == "Transfer-Encoding" for k, _ in headers):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        got = answer.status, answer.headers, answer.read()
        connection.close()
        return got


class Browser:
    """One who is logged in, or not."""

    def __init__(self, console, user=None, password=PASSWORD):
        self.console, self.cookie, self.proof = console, "", ""
        if user:
            status, headers, body = self.ask("POST", "/session", {"user": user, "password": password})
            same(status, 200, "login")
            self.cookie = headers["Set-Cookie"].split(";")[0]
            self.proof = body["proof"]

    def ask(self, method, path, body=None, headers=()):
        headers = list(headers)
        if self.cookie:
            headers.append(("Cookie", self.cookie))
        if self.proof and method != "GET" and not any(k == "X-Viaduct-Proof" for k, _ in headers):
            headers.append(("X-Viaduct-Proof", self.proof))
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        status, got, content = self.console.raw(method, "/api/v1" + path, body, headers)
        if got.get("Content-Type", "").startswith("application/json"):
            content = json.loads(content)
        return status, got, content

    def get(self, path):
        status, _, body = self.ask("GET", path)
        same(status, 200, path)
        return body

    def save(self, **values):
        form = {"version": self.get("/settings")["version"], "enabled": True, "host": "127.0.0.1",
                "port": "1", "auth": False, "user": "", **values}
        return self.ask("PUT", "/settings", form)

    def read(self, name):
        with open(os.path.join(LAB, name), "rb") as file:
            return self.ask("POST", f"/captures?name={name}", file.read())


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers for every origin itself: denied below /denied, else 200."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        denied = "denied" in self.path
        self.send_response(403 if denied else 200, HOSTILE if denied else "OK")
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"hi\n")

    def log_message(self, *_):   # pylint: disable=arguments-differ
        pass


class Peer:
    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return str(self.server.server_address[1])

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


# ---- does an answer have the form that the description gives it? ---------------------------------

with open(os.path.join(ROOT, "doc", "console-api.json"), encoding="utf-8") as described:
    API = json.load(described)

KINDS = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def faults(value, schema, where):
    """Every place where a value is not as its schema says."""
    if "$ref" in schema:
        return faults(value, API["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], where)
    kind = KINDS[schema["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        return [f"{where} is {type(value).__name__}, not {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where} is {value!r}"]
    found = []
    if kind is list:
        for number, one in enumerate(value):
            found += faults(one, schema["items"], f"{where}[{number}]")
    if kind is dict:
        known = schema.get("properties", {})
        found += [f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, one in value.items():
            if name in known:
                found += faults(one, known[name], f"{where}.{name}")
            elif not schema.get("additionalProperties"):
                found.append(f"{where}.{name} is not described")
    return found


def operations():
    for path, methods in API["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


class Checked(Browser):
    """Holds each answer to the description, and keeps count of what was asked."""
    seen = set()

    def ask(self, method, path, body=None, headers=()):
        status, got, content = super().ask(method, path, body, headers)
        bare = path.split("?")[0]
        for known, other, operation in operations():
            if method == other and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), bare):
                self.seen.add((known, method, status))
                self.check(operation, status, got, content, f"{method} {path} {status}")
        return status, got, content

    @staticmethod
    def check(operation, status, got, content, where):
        answer = operation["responses"].get(str(status))
        if answer is None:
            want(status in (400, 401, 403, 421), (where, "is not described:", content))
            return
        for kind, form in answer.get("content", {}).items():
            same(got.get("Content-Type", "").split(";")[0], kind, where)
            if kind == "application/json":
                wrong = faults(content, form["schema"], "answer")
                want(not wrong, [where, *wrong])


def chunked(piece, times):
    """A body of that piece so many times, as Transfer-Encoding: chunked has it."""
    return (b"%x\r\n%s\r\n" % (len(piece), piece)) * times + b"0\r\n\r\n"


# ---- cases ---------------------------------------------------------------------------------------

CASES = []


def case(name):
    def keep(function):
        CASES.append((name, function))
        return function
    return keep


@case("the API serves what doc/console-api.json describes, and nothing else")
def described_api(program):
    with open(os.path.join(ROOT, "src", "console", "routes.c"), encoding="utf-8") as file:
        routes = {(m, re.sub(r"\*", "{}", p))
                  for m, p in re.findall(r'\{ "(\w+)", "/api/v1([^"]+)"', file.read())}
    same({(m, re.sub(r"\{\w+\}", "{}", p)) for p, m, _ in operations()}, routes, "operations")
    with Peer() as port, Console(program, "--target", "http://origin.test/") as console:
        b = Checked(console, "admin")
        b.get("/session")
        same(b.save(port=port)[0], 200)
        same(b.save(port="99999")[0], 422)
        same(b.save(port="1")[0], 409)
        same(b.ask("PUT", "/settings", {"version": "old"})[0], 412)
        for path in ("/settings", "/tools", "/tests", "/connections", "/profiles", "/totals", "/verdicts",
                     "/audit"):
            b.get(path)
        same(b.ask("POST", "/tools")[0], 200)
        same(b.ask("DELETE", "/tools")[0], 200)
        same(b.ask("DELETE", "/tools")[0], 404)
        status, _, test = b.ask("POST", "/tests", {"url": "http://origin.test/denied"})
        same(status, 202)
        _, _, events = b.ask("GET", f"/tests/{test['id']}/events")
        last = json.loads(events.decode().strip().rsplit("data: ", 1)[1])
        same((last["event"], last["record"]["verdict"]), ("end", "denied"))
        same(b.ask("GET", "/tests/77/events")[0], 404)
        same(b.ask("POST", "/tests", {"url": "ftp://x"})[0], 422)
        status, _, capture = b.read("denied-squid.pcap")
        same(status, 201)
        same(b.ask("POST", "/captures", b"no capture at all\x00\x01")[0], 422)
        b.get("/captures")
        b.get("/chart?source=capture")
        page = b.get("/exchanges?most=1")
        key = page["exchanges"][0]["key"]
        b.get(f"/exchanges/{key}")
        for part in ("ladder", "card", "report"):
            b.get(f"/exchanges/{key}/{part}")
        for path in ("", "/ladder", "/card", "/report"):
            same(b.ask("GET", f"/exchanges/12{path}")[0], 404)
        same(b.ask("GET", "/exchanges?from=x")[0], 400)
        same(b.ask("GET", "/chart?source=x")[0], 400)
        same(b.ask("DELETE", f"/captures/{capture['id']}")[0], 204)
        same(b.ask("DELETE", "/captures/x")[0], 404)
        same(Checked(console).ask("POST", "/session", {"user": "admin"})[0], 400)
        same(b.ask("DELETE", "/session")[0], 204)
        same(b.ask("GET", "/settings")[0], 401)
    never = {(p, m) for p, m, _ in operations()} - {(p, m) for p, m, _ in Checked.seen}
    want(not never, f"never asked: {never}")


@case("the first start wants a password, and keeps its hash alone")
def first_start(program):
    with tempfile.TemporaryDirectory() as folder:
        for short in ("", "short"):
            done = subprocess.run([program, "console", "--listen", "127.0.0.1:0", "--state",
                                   os.path.join(folder, "s")], input=short + "\n", text=True,
                                  capture_output=True, check=False, timeout=60)
            same(done.returncode, 2, done.stderr)
        with Console(program, folder=folder) as console:
            for name, mode in (("users", 0o600), ("history", 0o600), ("audit", 0o600), ("", 0o700)):
                same(stat.S_IMODE(os.stat(os.path.join(console.state, name)).st_mode), mode, name)
            with open(os.path.join(console.state, "users"), encoding="ascii") as file:
                users = file.read()
            want(re.fullmatch(r"admin:change:\$y\$\S+\n", users) and PASSWORD not in users, users)
            same(Browser(console).ask("POST", "/session", {"user": "admin", "password": ""})[0], 401)
            Browser(console, "admin")
        with Console(program, folder=folder, password="is not asked for") as console:
            Browser(console, "admin")


@case("attempts are limited, whoever one says one is")
def attempts(program):
    with Console(program) as console:
        b, statuses = Browser(console), []
        for number in range(8):
            statuses.append(b.ask("POST", "/session", {"user": f"u{number}", "password": "wrong"})[0])
        want(429 in statuses and statuses[:5] == [401] * 5, statuses)
        status, headers, _ = b.ask("POST", "/session", {"user": "admin", "password": PASSWORD})
        same(status, 429)
        want(int(headers["Retry-After"]) > 0, headers["Retry-After"])


@case("sessions: cookie, end, removed and changed users")
def sessions(program):
    with Console(program) as console:
        status, headers, body = Browser(console).ask("POST", "/session",
                                                     {"user": "admin", "password": PASSWORD})
        cookie = headers["Set-Cookie"]
        want("HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie, cookie)
        want(status == 200 and body["proof"] not in cookie, cookie)
        one, other = Browser(console, "admin"), Browser(console, "admin")
        same(one.ask("DELETE", "/session")[0], 204)
        same(one.ask("GET", "/settings")[0], 401)
        same(other.ask("GET", "/settings")[0], 200)
        same(run(program, ["console", "user", "admin", "--state", console.state],
                 stdin=b"another password\n")[0], 0)
        same(other.ask("GET", "/settings")[0], 401, "an old password's session")
        eve = Browser(console, "admin", "another password")
        same(run(program, ["console", "user", "admin", "--remove", "--state", console.state])[0], 0)
        same(eve.ask("GET", "/settings")[0], 401, "a removed user's session")


@case("who may look may change nothing")
def roles(program):
    with Console(program) as console:
        same(run(program, ["console", "user", "eve", "--role", "view", "--state", console.state],
                 stdin=b"may only look\n")[0], 0)
        eve, changes = Browser(console, "eve", "may only look"), 0
        for path, method, operation in operations():
            if operation["x-role"] == "change":
                changes += 1
                status, _, body = eve.ask(method, re.sub(r"\{\w+\}", "1", path), {})
                same(status, 403, f"{method} {path}")
                want("may look" in body["error"], body)
        want(changes >= 7, changes)
        eve.get("/settings")
        nobody = Browser(console)
        for path, method, operation in operations():
            if operation["x-role"] != "none":
                same(nobody.ask(method, re.sub(r"\{\w+\}", "1", path), {})[0], 401, f"{method} {path}")


@case("requests of other sites: Host, Origin, Sec-Fetch-Site, the proof")
def other_sites(program):
    with Console(program, "--name", "console.example") as console:
        own = f"127.0.0.1:{console.port}"
        for host, status in ((own, 200), (f"localhost:{console.port}", 200), ("[::1]", 200),
                             ("console.example", 200), ("CONSOLE.example:3130", 200),
                             ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421)):
            same(console.raw("GET", "/", headers=[("Host", host)])[0], status, host)
            same(console.raw("GET", "/api/v1/session", headers=[("Host", host)])[0], status, host)
        b = Browser(console, "admin")
        login = json.dumps({"user": "admin", "password": PASSWORD}).encode()
        for headers in ([("Origin", "http://evil.example")], [("Origin", "null")],
                        [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
                        [("Origin", f"https://{own}")]):
            same(b.ask("POST", "/tools", headers=headers)[0], 403, headers)
            same(b.ask("POST", "/session", login, headers)[0], 403, headers)
        for proof in ("", "0" * 64, b.proof[:-1], b.proof + "0"):
            same(b.ask("POST", "/tools", headers=[("X-Viaduct-Proof", proof)])[0], 403, proof)
        same(b.ask("DELETE", "/session", headers=[("Origin", f"http://{own}")])[0], 204)


@case("every answer says what browsers may do with it")
def headers_of_answers(program):
    with Console(program) as console:
        for path in ("/", "/app.js", "/nothing", "/api/v1/session", "/api/v1/settings"):
            _, headers, _ = console.raw("GET", path)
            policy = headers["Content-Security-Policy"]
            want("default-src 'none'" in policy and "unsafe" not in policy and
                 "frame-ancestors 'none'" in policy and "trusted-types 'none'" in policy, policy)
            same(headers["X-Frame-Options"], "DENY")
            same(headers["X-Content-Type-Options"], "nosniff")
            same(headers["Referrer-Policy"], "no-referrer")
            if path.startswith("/api"):
                same(headers["Cache-Control"], "no-store")
        _, headers, body = console.raw("GET", "/")
        want(b"<script type=\"module\" src=" in body and b"style=" not in body, body)
        same(console.raw("GET", "/", headers=[("If-None-Match", headers["ETag"])])[0], 304)


@case("no page asks another host for anything")
def self_contained(program):
    del program
    web = os.path.join(ROOT, "web")
    for name in os.listdir(web):
        with open(os.path.join(web, name), encoding="utf-8") as file:
            text = file.read()
        urls = set(re.findall(r"https?://[\w.-]+", text)) - {"http://www.w3.org"}
        if name != "test.js":   # offers targets; whether to ask for them the server decides
            want(not urls, (name, urls))
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                     "new Function", "javascript:"):
            want(word not in text, (name, word))


@case("the settings: trial, confirmation, words beside the field, no password comes back")
def settings(program):
    with Peer() as port, Console(program, "--target", "http://origin.test/denied") as console:
        b = Browser(console, "admin")
        for values, field in (({"host": "a b"}, "host"), ({"host": ""}, "host"),
                              ({"host": "http://p"}, "host"), ({"port": "0"}, "port"),
                              ({"port": "x"}, "port"), ({"port": ""}, "port"),
                              ({"auth": True, "password": "x"}, "user"),
                              ({"auth": True, "user": "a:b", "password": "x"}, "user"),
                              ({"auth": True, "user": "a"}, "password"),
                              ({"auth": True, "user": "a", "password": "x" * 300}, "password")):
            status, _, body = b.save(**values)
            same(status, 422, values)
            want(field in {r["field"] for r in body["remarks"] if r["fault"]}, (values, body))
        want(not os.path.exists(console.settings), "something was saved")
        secret = 'p"s\\w;{}#<%40é'
        status, _, body = b.save(port=port, auth=True, user="bob", password=secret)
        same((status, body["confirm"], body["record"]["verdict"]), (409, True, "denied"))
        want(not os.path.exists(console.settings), "saved without a word")
        status, _, body = b.save(port=port, auth=True, user="bob", password=secret, confirmed=True)
        same((status, body["has_password"]), (200, True))
        with open(console.settings + ".password", encoding="utf-8") as file:
            same(file.read(), secret + "\n")
        same(b.save(port=port, auth=True, user="bob", confirmed=True)[0], 200, "kept password")
        everything = ""
        for path in ("/settings", "/tools", "/exchanges", "/audit", "/session"):
            everything += json.dumps(b.get(path), ensure_ascii=False)
        want(secret not in everything and "p%22s" not in everything, "the password came back")
        with open(os.path.join(console.state, "audit"), encoding="utf-8") as file:
            log = file.read()
        want("settings-saved" in log and secret not in log, log)


@case("what was seen is found, and shown as text")
def hostile(program):
    with Peer() as port, Console(program, "--target", "http://origin.test/denied") as console:
        b = Browser(console, "admin")
        b.save(port=port)
        page = b.get("/exchanges?verdict=failure")
        same(len(page["exchanges"]), 1)
        key = page["exchanges"][0]["key"]
        want(HOSTILE in page["exchanges"][0]["record"]["summary"], page)
        want(HOSTILE not in b.get(f"/exchanges/{key}/ladder").decode(), "the ladder")
        want(HOSTILE not in b.get(f"/exchanges/{key}/report").decode(), "the report")
        same(len(b.get("/exchanges?text=origin.test")["exchanges"]), 1)
        same(len(b.get("/exchanges?text=%22OR%22%20%2A%20NEAR(")["exchanges"]), 0)
        same(b.ask("GET", "/exchanges?text=x&verdict=%27%3B--&target=%27%20OR%201")[2], {"exchanges": []})


@case("captures: as read tells them, in pieces, too large, broken, no capture")
def captures(program):
    names = sorted(n for n in os.listdir(LAB) if ".pcap" in n)[:12]
    with Console(program, "--capture", "1m") as console:
        b = Browser(console, "admin")
        for name in names:
            _, said, _ = run(program, ["read", "--json", os.path.join(LAB, name)])
            told = [json.loads(line) for line in said.splitlines()]
            status, _, done = b.read(name)
            same((status, done["exchanges"]), (201, len(told)), name)
            kept = b.get(f"/exchanges?capture={done['id']}")["exchanges"]
            same({x["record"]["id"]: x["record"]["verdict"] for x in kept},
                 {x["id"]: x["verdict"] for x in told}, name)
        same(len(b.get("/captures")["captures"]), len(names))
        same(b.ask("POST", "/captures", None, [("Content-Length", str((1 << 20) + 1))])[0], 413)
        same(b.ask("POST", "/captures", chunked(b"x" * 65536, 17), [("Transfer-Encoding", "chunked")])[0],
             413, "without a length")
        same(b.ask("POST", "/captures", b"")[0], 422)
        status, _, body = b.ask("POST", "/captures?name=%3Cb%3E", b"\x00" * 1000)
        want(status == 422 and "<b>" in body["error"], (status, body))
        same(len(b.get("/captures")["captures"]), len(names), "what could not be read is not listed")
        with socket.create_connection(("127.0.0.1", console.port)) as half:   # goes away in between
            half.sendall(f"POST /api/v1/captures HTTP/1.1\r\nHost: localhost\r\nCookie: {b.cookie}\r\n"
                         f"X-Viaduct-Proof: {b.proof}\r\nContent-Length: 100000\r\n\r\n".encode() + b"\xd4")
        b.get("/totals")


@case("the proxy's log is followed: half lines, other lines, rotation, a restart")
def followed(program):
    # what is older than 90 days is forgotten
    minute = time.strftime("%Y-%m-%dT%H:00", time.gmtime(time.time() - 7200))

    def line(number, **more):
        return json.dumps({"v": 1, "id": f"{number:016x}", "source": "proxy", "verdict": "denied",
                           "severity": "failure", "summary": HOSTILE, "evidence": [{"what": "}]\""}],
                           "target": "a.example:443", "proxy": "10.0.0.1:3128", "status": 403,
                           "start": f"{minute}:{number:02}.000001Z", **more}) + "\n"

    def wait(browser, count):
        for _ in range(100):
            found = browser.get("/exchanges?source=proxy&text=a.example")["exchanges"]
            if len(found) >= count:
                return same(len(found), count)
            time.sleep(0.2)
        raise AssertionError(f"never {count}")

    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        with open(log, "w", encoding="utf-8") as file:
            file.write("no record\n{}\n[]\n" + line(1) + line(2, start="x") + line(3) + line(4)[:50])
        with Console(program, "--log", log, folder=folder) as console:
            b = Browser(console, "admin")
            wait(b, 2)
            with open(log, "a", encoding="utf-8") as file:
                file.write(line(4)[50:] + line(4))
            wait(b, 3)
            os.rename(log, log + ".1")
            with open(log, "w", encoding="utf-8") as file:
                file.write(line(5))
            wait(b, 4)
            key = b.get("/exchanges?source=proxy")["exchanges"][0]["key"]
            same(b.ask("GET", f"/exchanges/{key}/ladder")[0], 404)
        with open(log, "a", encoding="utf-8") as file:
            file.write(line(6))
        with Console(program, "--log", log, folder=folder) as console:
            wait(Browser(console, "admin"), 5)


@case("check --every adds to the history while the console has it open")
def every(program):
    with Peer() as port, Console(program) as console:
        b = Browser(console, "admin")
        walk = subprocess.Popen([program, "check", "--every", "200ms", "--store",
                                 os.path.join(console.state, "history"), "-x", f"127.0.0.1:{port}",
                                 "http://origin.test/denied"],
                                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        rounds = 0
        while rounds < 3:   # what is news takes more lines than its own
            line = walk.stdout.readline()
            want(line, "it ended")
            rounds += bool(re.match(rb"20\d\d-", line))
        walk.terminate()
        walk.wait(60)
        walk.stdout.close()
        found = b.get("/exchanges?source=check&verdict=denied")["exchanges"]
        want(len(found) >= 2, found)
        same(b.ask("GET", f"/exchanges/{found[0]['key']}/ladder")[0], 200)


@case("two at once: one test at a time, followed by both; nobody writes over the other")
def two(program):
    with Peer() as port, Console(program, "--target", "http://origin.test/") as console:
        one, other = Browser(console, "admin"), Browser(console, "admin")
        version = one.get("/settings")["version"]
        same(other.save(port=port)[0], 200)
        form = {"version": version, "enabled": False, "host": "", "port": "", "auth": False, "user": ""}
        same(one.ask("PUT", "/settings", form)[0], 412)
        test = one.ask("POST", "/tests", {"url": "http://origin.test/"})[2]
        streams = [b.ask("GET", f"/tests/{test['id']}/events")[2] for b in (one, other)]
        same(streams[0], streams[1])
        want(b'"event":"end"' in streams[0], streams[0])


@case("the settings' version changes with a password, and tells nothing of it")
def version_of_settings(program):
    with Console(program) as console:
        b, versions = Browser(console, "admin"), []
        for word in ("one password", "two password"):
            form = {"auth": True, "user": "u", "password": word, "confirmed": True}
            same(b.save(**form)[0], 200)
            versions.append(b.get("/settings")["version"])
        want(versions[0] != versions[1], versions)
        path = console.settings + ".password"
        then = os.stat(path)
        with open(path, "r+b") as file:
            file.write(b"six")
        os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
        same(b.get("/settings")["version"], versions[1])


@case("TLS, and beyond this host nothing without it")
def tls(program):
    with tempfile.TemporaryDirectory() as folder:
        pem, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", pem, "-days",
                        "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        with Console(program, "--cert", pem, "--key", key) as console:
            done = subprocess.run(["curl", "-si", "--cacert", pem, "-d", json.dumps(
                {"user": "admin", "password": PASSWORD}),
                f"https://127.0.0.1:{console.port}/api/v1/session"],
                capture_output=True, text=True, check=True)
            want("; Secure" in done.stdout and "Strict-Transport-Security" in done.stdout, done.stdout)
        state = os.path.join(folder, "state")
        for options, word in ((["--listen", "0.0.0.0:0"], "--cert"), (["--cert", pem], "--key"),
                              (["--listen", "nowhere"], "--listen")):
            code, _, said = run(program, ["console", "--state", state, *options], stdin=b"12345678\n")
            want(code == 2 and word in said, (options, said))


@case("a history that is broken is said so, and left as it is")
def broken_history(program):
    with tempfile.TemporaryDirectory() as folder:
        with Console(program, folder=folder) as console:
            history = os.path.join(console.state, "history")
        with open(history, "wb") as file:
            file.write(b"no database" * 1000)
        try:
            with Console(program, folder=folder):
                raise AssertionError("it started")
        except AssertionError as said:
            want("history" in str(said) and "not a database" in str(said), said)


def main():
    program, tap = os.path.abspath(sys.argv[1]), Tap()
    for name, function in CASES:
        try:
            function(program)
            tap.case(name)
        except (AssertionError, OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
            tap.case(name, [f"{type(error).__name__}: {error}"])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
