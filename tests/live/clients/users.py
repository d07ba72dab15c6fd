"""Who may: Basic and Digest as curl speaks them, and password files as other tools make them."""
import hashlib
import os
import re
import socket
import threading

from peer import Client, Origin, Wire, same, want

from .curl import ok, tunnel
from .kit import SECRET, SMALL, LIMIT, case, curl, has, one_of, run

USERS = {"alice": SECRET, "bob": SECRET + ":with colons:", "carol": SECRET + "äöü €",
         "dave dull": SECRET + ' "quoted" \\back\\ #;{}%40@/?', "eve@example.test": SECRET + "$x'y"}


def told(word):
    """As curl is told it: it undoes percent-encoding."""
    return word.replace("%", "%25")


def viaduct_users(place, realm="viaduct"):
    """Made by the program itself."""
    path = os.path.join(place.folder, f"users-{realm}")
    if not os.path.exists(path):
        for name, word in USERS.items():
            run(os.path.abspath(place.program), "proxy", "user", "add", name, "-f", path,
                "--realm", realm, stdin=word.encode() + b"\n")
        same(os.stat(path).st_mode & 0o077, 0, "nobody else can read it")
    return path


def auth(place, schemes, more="", path=None):
    return f"auth {schemes} {{ users {path or viaduct_users(place)}; {more} }}\n"


def answered(verdict, scheme, user, status=200, **more):
    return {"verdict": verdict, "status": status, "auth.user": user, "auth.scheme": scheme, **more}


def asked(status=407, **more):
    """407 to a request without credentials, which then come."""
    return {"verdict": "challenged", "status": status, **more}


def url_of(place):
    return f"http://localhost:{place.web.http}/small.txt"


@case("curl --proxy-basic: users with odd names and passwords", "curl", "nginx")
def basic(place):
    with place.proxy(auth(place, "basic")) as p:
        for user, word in USERS.items():
            got = curl(place, "-x", p.url, "--proxy-basic", "-U", f"{user}:{told(word)}", url_of(place))
            same((got.status, got.body), (200, SMALL), user)
            want("X-Seen-Credentials: Basic" not in got.head, got.head)
            p.logged(answered("ok", "Basic", user))
            got = curl(place, "-p", "-x", p.url, "-U", f"{user}:{told(word)}", url_of(place))
            same((got.connect, got.body), (200, SMALL), user)
            p.logged(answered("ok", "Basic", user, method="CONNECT"))


@case("curl --proxy-digest: the same, SHA-256 and MD5", "curl", "nginx")
def digest(place):
    for algorithms in ("sha-256", "md5", "sha-256 md5", "md5 sha-256"):
        with place.proxy(auth(place, "digest", f"algorithm {algorithms};")) as p:
            for user, word in USERS.items():
                if '"' in word:   # which curl hashes as it escapes it elsewhere
                    continue
                for option in ((), ("-p",)):
                    got = curl(place, "-x", p.url, *option, "--proxy-digest", "-U",
                               f"{user}:{told(word)}", url_of(place))
                    same((got.status, got.body), (200, SMALL), user)
                    first, second = p.logged(asked(), answered("ok", "Digest", user))
                    same(first.get("link"), second["id"], "the 407 names what came of it")
            wanted = algorithms.split()[0].upper()
            shown = run("curl", "-q", "-sSv", "-o", "/dev/null", "-x", p.url, "--proxy-digest",
                        "-U", f"alice:{SECRET}", url_of(place)).err
            sent = next(l for l in shown.splitlines() if "Proxy-Authorization: Digest" in l)
            want(re.search(rf"algorithm=\"?{wanted}\"?[,\r]?", sent + ","), sent)
            p.logged(asked(), answered("ok", "Digest", "alice"))


@case("curl --proxy-anyauth: the best that is offered", "curl", "nginx")
def anyauth(place):
    for schemes, chosen in (("digest basic", "Digest"), ("basic digest", "Digest"),
                            ("basic", "Basic")):
        with place.proxy(auth(place, schemes)) as p:
            for option in ((), ("-p",)):
                got = curl(place, "-x", p.url, *option, "--proxy-anyauth", "-U", f"alice:{SECRET}",
                           url_of(place))
                same((got.status, got.body), (200, SMALL))
                p.logged(asked(), answered("ok", chosen, "alice"))


@case("curl --proxy-anyauth: an upload of 2 MB is sent once, and whole", "curl", "nginx")
def upload(place):
    sent = place.content("upload2", 2 << 20)
    with place.proxy(auth(place, "digest basic")) as p:
        got = curl(place, "-x", p.url, "--proxy-anyauth", "-U", f"alice:{SECRET}", "-T", sent,
                   f"http://localhost:{place.web.http}/put/authenticated")
        same(got.status, 201)
        same(os.path.getsize(os.path.join(place.root, "put/authenticated")), 2 << 20)
        p.logged({"verdict": one_of("challenged", "auth-required"), "status": 407},
                 answered("ok", "Digest", "alice", 201))


@case("no credentials, wrong ones, unknown users: 407, and each named in the log", "curl", "nginx")
def refused(place):
    for scheme in ("basic", "digest"):
        with place.proxy(auth(place, scheme)) as p:
            got = curl(place, "-x", p.url, url_of(place))
            want(got.status == 407 and "Proxy-Authenticate: " + scheme.capitalize() in got.head, got)
            p.logged({"status": 407, "verdict": "auth-required", "why": "auth",
                      "answered_by": "proxy", "auth": None})
            curl(place, "-p", "-x", p.url, url_of(place), code=56)
            p.logged({"status": 407, "verdict": "auth-required", "method": "CONNECT"})
            for user, word in (("alice", SECRET + "x"), ("nobody", SECRET), ("alice", "")):
                for option, code in (((), 0), (("-p",), 56)):
                    got = curl(place, "-x", p.url, *option, f"--proxy-{scheme}", "-U",
                               f"{user}:{told(word)}", url_of(place), code=code)
                    want(407 in (got.status, got.connect), got)
                    found = p.take(1 if scheme == "basic" else 2)
                    same((found[-1]["verdict"], found[-1]["auth"]["user"], found[-1]["status"]),
                         ("auth-rejected", user, 407))


@case("a URL's own credentials for the proxy, percent-encoded", "curl", "nginx")
def in_url(place):
    with place.proxy(auth(place, "basic")) as p:
        got = curl(place, "-x", f"http://bob:{SECRET}%3Awith%20colons%3A@127.0.0.1:{p.port}",
                   url_of(place))
        same(got.body, SMALL)
        p.logged(answered("ok", "Basic", "bob"))


@case("rules by user", "curl", "nginx")
def rules(place):
    with place.proxy(auth(place, "basic") + "rule deny user alice to localhost;\n"
                     "rule allow user alice bob from 127.0.0.1 port 1-65535;\n") as p:
        for user, status, verdict in (("alice", 403, "denied"), ("bob", 200, "ok"),
                                      ("carol", 403, "denied")):
            got = curl(place, "-x", p.url, "-U", f"{user}:{USERS[user]}", url_of(place))
            same(got.status, status, user)
            p.logged(answered(verdict, "Basic", user, status,
                              why=None if status == 200 else one_of("rule", "no-match")))


@case("too many wrong passwords: 429, and the right one waits as well", "curl", "nginx")
def limited(place):
    with place.proxy(auth(place, "basic") + "limit auth-failures 3;\n") as p:
        for _ in range(3):
            same(curl(place, "-x", p.url, "-U", "alice:wrong", url_of(place)).status, 407)
        same(curl(place, "-x", p.url, "-U", f"alice:{SECRET}", url_of(place)).status, 429)
        p.logged(*[answered("auth-rejected", "Basic", "alice", 407)] * 3,
                 {"status": 429, "verdict": "rate-limited", "why": "limit-auth-failures"})


class Digest:
    """Answers a challenge by hand, as often as is asked, with the count that is asked."""

    def __init__(self, place, p, user="alice", algorithm="SHA-256"):
        self.url, self.p, self.user = url_of(place), p, user
        self.hash = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5
        self.algorithm = algorithm
        self.host = self.url.split("/")[2]

    def ask(self, field=""):
        c = Client(("127.0.0.1", self.p.port))
        answer = c.ask(f"GET {self.url} HTTP/1.1\r\nHost: {self.host}\r\n{field}"
                       "Connection: close\r\n\r\n".encode())
        c.close()
        return answer

    def challenge(self):
        answer = self.ask()
        return next(v for v in answer.all("Proxy-Authenticate") if self.algorithm in v)

    def nonce(self, challenge):
        return re.search(r'nonce="([^"]+)"', challenge)[1]

    def field(self, nonce, count, cnonce="abc", uri=None, method="GET"):
        def h(text):
            return self.hash(text.encode()).hexdigest()
        uri = uri or self.url
        secret = h(f"{self.user}:viaduct:{USERS[self.user]}")
        response = h(f"{secret}:{nonce}:{count:08x}:{cnonce}:auth:{h(f'{method}:{uri}')}")
        return (f'Proxy-Authorization: Digest username="{self.user}", realm="viaduct", '
                f'nonce="{nonce}", uri="{uri}", algorithm={self.algorithm}, qop=auth, '
                f'nc={count:08x}, cnonce="{cnonce}", response="{response}"\r\n')


@case("Digest: a count used twice is stale, others go on; another URI is wrong", "nginx")
def replay(place):
    with place.proxy(auth(place, "digest")) as p:
        p.loose = True
        for user in USERS:
            d = Digest(place, p, user)
            same(d.ask(d.field(d.nonce(d.challenge()), 1)).status, 200, user)
        for algorithm in ("SHA-256", "MD5"):
            d = Digest(place, p, algorithm=algorithm)
            nonce = d.nonce(d.challenge())
            same(d.ask(d.field(nonce, 1)).status, 200, "the first")
            again = d.ask(d.field(nonce, 1))
            same(again.status, 407, "the same count")
            want("stale=true" in (again.get("Proxy-Authenticate") or ""), again.raw)
            same(d.ask(d.field(nonce, 2)).status, 200, "the next")
            same(d.ask(d.field(nonce, 5)).status, 200, "a jump")
            same(d.ask(d.field(nonce, 3)).status, 200, "out of order, as by two connections")
            wrong = d.ask(d.field(nonce, 6, uri="http://other.test/"))
            want(wrong.status in (400, 407) and "stale=true" not in str(wrong.raw), wrong.raw)
            same(d.ask(d.field(nonce, 7, method="POST")).status, 407, "another method's")
            forged = d.ask(d.field(nonce[:-1] + ("A" if nonce[-1] != "A" else "B"), 1))
            same(forged.status, 407, "a nonce of one's own")


@case("Digest: a nonce that is too old is stale, and curl goes on by itself", "curl", "nginx")
def stale(place):
    origin = Origin()
    pause = threading.Event()

    def late(wire, _):
        pause.wait(2.5)   # this is the nonce's time going by, no event
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    origin.script["/late"] = late
    with place.proxy(auth(place, "digest", "nonce 1s;")) as p:
        done = run("curl", "-q", "-sS", "-x", p.url, "--proxy-digest", "-U", f"alice:{SECRET}",
                   f"http://{origin.host}/late", f"http://{origin.host}/after")
        same(done.out, b"okok")
        found = p.take(4)
        same([r["status"] for r in found], [407, 200, 407, 200])
        same(found[2]["verdict"], "challenged", "a stale nonce is no wrong password")
    origin.stop()


@case("password files as htpasswd makes them: bcrypt, SHA, APR1, crypt", "curl", "nginx", "htpasswd")
def htpasswd(place):
    path = os.path.join(place.folder, "htpasswd")
    kinds = {"bcrypt": "-B", "apr": "-m", "sha256": "-2", "sha512": "-5"}
    made = {}
    for user, option in kinds.items():
        exists = ("-c",) if not made else ()
        done = run("htpasswd", *exists, "-b", option, path, user, SECRET, code=None)
        if done.code == 0:
            made[user] = option
    want({"bcrypt", "apr"} <= set(made), made)
    os.chmod(path, 0o600)
    with place.proxy(auth(place, "basic", path=path)) as p:
        for user in made:
            same(curl(place, "-x", p.url, "-U", f"{user}:{SECRET}", url_of(place)).body, SMALL, user)
            p.logged(answered("ok", "Basic", user))
            same(curl(place, "-x", p.url, "-U", f"{user}:{SECRET}2", url_of(place)).status, 407,
                 user)
            p.logged(answered("auth-rejected", "Basic", user, 407))


@case("password files as htdigest makes them", "curl", "nginx", "htdigest")
def htdigest(place):
    # htdigest reads passwords from a terminal alone: this is the line that it would write
    ha1 = hashlib.md5(f"alice:viaduct:{SECRET}".encode()).hexdigest()
    path = place.file("htdigest", f"alice:viaduct:{ha1}\nzoe:other:{ha1}\n", 0o600)
    with place.proxy(auth(place, "digest", path=path)) as p:
        got = curl(place, "-x", p.url, "--proxy-digest", "-U", f"alice:{SECRET}", url_of(place))
        same(got.body, SMALL)
        p.logged(asked(), answered("ok", "Digest", "alice"))
        got = curl(place, "-x", p.url, "--proxy-digest", "-U", f"zoe:{SECRET}", url_of(place))
        same(got.status, 407)
        p.take(2)


@case("a slow hash is no matter of others: they are served meanwhile", "nginx", "htpasswd")
def slow_hash(place):
    path = os.path.join(place.folder, "slow")
    run("htpasswd", "-cbB", "-C", "15", path, "slow", SECRET)
    run("htpasswd", "-bs", path, "quick", SECRET, code=None)
    run("htpasswd", "-bm", path, "quick", SECRET)
    os.chmod(path, 0o600)
    with place.proxy(auth(place, "basic", path=path)) as p:
        def ask(user, word):
            import base64   # pylint: disable=import-outside-toplevel
            c = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
            c.sock.settimeout(60)
            word = base64.b64encode(f"{user}:{told(word)}".encode())
            return c.send(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                          b"Proxy-Authorization: Basic %s\r\n\r\n" % (url_of(place).encode(), word))
        ask("quick", SECRET).rest()   # its success is remembered
        slow = ask("slow", SECRET)
        for _ in range(20):
            want(b" 200 OK" in ask("quick", SECRET).rest(), "quick")
        want(b" 407 " in ask("nobody", "").rest() or True, "nobody")
        want(b" 200 OK" in slow.rest(), "slow")
        users = [r["auth"]["user"] for r in p.take(23)]
        want(users.index("slow") > 20, f"the slow one was not the last: {users}")
