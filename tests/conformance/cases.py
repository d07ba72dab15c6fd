"""The cases: each a function of a Place, under the section that it holds the proxy to."""
import socket
import threading
from collections import namedtuple

from peer import Client, LIMIT, Origin, Raw, deaf_port, same, slug, want

Case = namedtuple("Case", "section title name run")
CASES = []


def case(section, title):
    def add(run):
        CASES.append(Case(section, title, slug(title), run))
        return run
    return add


class Place:
    """Where a case runs: a proxy, an origin, and a path that is this case's alone."""

    def __init__(self, proxy, origin, name):
        self.proxy, self.origin, self.path = proxy, origin, "/" + name
        self.url = f"http://{origin.host}{self.path}"

    def client(self):
        return Client(self.proxy.address)

    def request(self, *fields, method="GET", version="1.1", url=None, host=None, body=b""):
        lines = [f"{method} {url or self.url} HTTP/{version}", f"Host: {host or self.origin.host}",
                 *fields, "", ""]
        return "\r\n".join(lines).encode("latin-1") + body

    def answers(self, does, path=None):
        self.origin.script[path or self.path] = does

    def seen(self, count=1):
        return self.origin.wait_for(self.path, count)[count - 1]

    def nothing_reached(self):
        """Nothing of this case came to the origin: asked after another request has."""
        path = self.path + "-afterwards"
        a = self.client().ask(self.request(url=f"http://{self.origin.host}{path}"))
        same(a.status, 200, "the request afterwards")
        self.origin.wait_for(path)
        same([s.line for s in self.origin.of(self.path)], [], "what reached the origin")


def refused(place, data, statuses, ends=True):
    """The answer is one of the statuses, and nothing reached the origin. The connection ends, where
    it can't be told what belongs to the request."""
    c = place.client().send(data)
    a = c.answer()
    want(a.status in statuses, f"answered {a.line}")
    want(not ends or c.ended(), "the connection stayed open")
    want(a.get("Proxy-Status"), "no Proxy-Status")
    place.nothing_reached()


def ok_body(text, *fields):
    return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" %
            (len(text), "".join(f + "\r\n" for f in fields))).encode("latin-1") + text


# --- RFC 9112 section 2: the message --------------------------------------------------------

REFUSED_LINES = [
    ("9112 §2.2", "a bare LF ends a request line", b"GET {url} HTTP/1.1\nHost: {host}\r\n\r\n"),
    ("9112 §2.2", "a bare LF ends a field line", b"GET {url} HTTP/1.1\r\nHost: {host}\n\r\n"),
    ("9112 §2.2", "a bare CR in a field value",
     b"GET {url} HTTP/1.1\r\nHost: {host}\r\nA: b\rc\r\n\r\n"),
    ("9112 §2.2", "white space before the first field",
     b"GET {url} HTTP/1.1\r\n Host: {host}\r\n\r\n"),
    ("9112 §2.3", "the version is in lower case", b"GET {url} http/1.1\r\nHost: {host}\r\n\r\n"),
    ("9112 §2.3", "no version", b"GET {url}\r\n\r\n"),
    ("9112 §3", "two spaces in the request line", b"GET  {url} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ("9112 §3", "a tab in the request line", b"GET\t{url} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ("9112 §3", "a space at the end of the request line",
     b"GET {url} HTTP/1.1 \r\nHost: {host}\r\n\r\n"),
    ("9112 §3.1", "a method that is no token", b"G(T {url} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ("9112 §3.2", "white space in the target", b"GET {url} x HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ("9112 §3.2", "no Host in HTTP/1.1", b"GET {url} HTTP/1.1\r\n\r\n"),
    ("9112 §3.2", "two Hosts", b"GET {url} HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
    ("9112 §3.2", "a Host that is none", b"GET {url} HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("9110 §4.2.4", "userinfo in the target",
     b"GET http://u:p@{host}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ("9110 §4.1", "a fragment in the target", b"GET {url}#f HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ("9112 §5.1", "white space before a colon",
     b"GET {url} HTTP/1.1\r\nHost: {host}\r\nA : b\r\n\r\n"),
    ("9112 §5.1", "an empty field name", b"GET {url} HTTP/1.1\r\nHost: {host}\r\n: b\r\n\r\n"),
    ("9112 §5.1", "a line without a colon", b"GET {url} HTTP/1.1\r\nHost: {host}\r\nAb\r\n\r\n"),
    ("9110 §5.1", "a field name that is no token",
     b"GET {url} HTTP/1.1\r\nHost: {host}\r\nA[]: b\r\n\r\n"),
    ("9110 §5.5", "NUL in a field value",
     b"GET {url} HTTP/1.1\r\nHost: {host}\r\nA: b\0c\r\n\r\n"),
    ("9112 §5.2", "a folded field line",
     b"GET {url} HTTP/1.1\r\nHost: {host}\r\nA: b\r\n c\r\n\r\n"),
]

P = b"POST {url} HTTP/1.1\r\nHost: {host}\r\n"
REFUSED_FRAMINGS = [
    ("9112 §6.3", "both lengths", P + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("9112 §6.3", "both lengths, the coding first",
     P + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    ("9112 §6.3", "two lengths that differ",
     P + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("9112 §6.3", "two lengths that agree", P + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ("9112 §6.3", "a list of lengths", P + b"Content-Length: 5, 5\r\n\r\nhello"),
    ("9110 §8.6", "a length with a plus", P + b"Content-Length: +5\r\n\r\nhello"),
    ("9110 §8.6", "a length with a minus", P + b"Content-Length: -5\r\n\r\nhello"),
    ("9110 §8.6", "a length in hexadecimal", P + b"Content-Length: 0x5\r\n\r\nhello"),
    ("9110 §8.6", "a length with a space in it", P + b"Content-Length: 1 5\r\n\r\nhello"),
    ("9110 §8.6", "a length that is empty", P + b"Content-Length:\r\n\r\nhello"),
    ("9110 §8.6", "a length in quotes", P + b"Content-Length: \"5\"\r\n\r\nhello"),
    ("9110 §8.6", "a length with a fraction", P + b"Content-Length: 5.0\r\n\r\nhello"),
    ("9110 §8.6", "a length beyond 64 bits",
     P + b"Content-Length: 18446744073709551621\r\n\r\nhello"),
    ("9112 §6.1", "a coding in HTTP/1.0",
     b"POST {url} HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "chunked twice", P + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "two codings in two fields",
     P + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "chunked is not last", P + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "an unknown coding", P + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "a coding before chunked", P + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "an empty coding", P + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "a coding in quotes", P + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "a coding with a parameter",
     P + b"Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"),
    ("9112 §6.1", "a vertical tab before chunked",
     P + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("9112 §5.1", "white space behind the coding's name",
     P + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
]


def fill(text, place):
    for name, value in (("{url}", place.url), ("{host}", place.origin.host), ("{path}", place.path)):
        text = text.replace(name.encode(), value.encode())
    return text


for section_, title_, data_ in REFUSED_LINES + REFUSED_FRAMINGS:
    def run_(place, data=data_):
        refused(place, fill(data, place), (400, 501))
    case(section_, title_)(run_)


@case("9112 §2.3", "another major version")
def _(place):
    refused(place, place.request(version="2.0"), (505,))


@case("9112 §2.3", "a later minor version is read as 1.1")
def _(place):
    same(place.client().ask(place.request(version="1.2")).status, 200)
    same(place.seen().line.split(" ")[-1], "HTTP/1.1")


@case("9112 §2.3", "the proxy's own version goes both ways")
def _(place):
    place.answers(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    same(place.client().ask(place.request(version="1.0")).version, "HTTP/1.1")
    same(place.seen().line.split(" ")[-1], "HTTP/1.1")


@case("9112 §2.2", "empty lines before a request line")
def _(place):
    same(place.client().ask(b"\r\n\r\n" + place.request()).status, 200)


@case("9112 §3", "a request line of 8000 bytes")
def _(place):
    same(place.client().ask(place.request(url=place.url + "?" + "x" * 8000)).status, 200)
    want(place.seen().target.endswith("x" * 8000), "the target was changed")


@case("9112 §3", "a target that is too long")
def _(place):
    refused(place, place.request(url=place.url + "?" + "x" * 80000), (414, 431))


@case("9110 §5.4", "a header that is too large")
def _(place):
    refused(place, place.request("A: " + "x" * 80000), (431,))


@case("9112 §2.1", "a head in single bytes")
def _(place):
    c = place.client()
    c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in c.dress(place.request("A: b")):
        c.send(bytes([byte]))
    same(c.answer().status, 200)
    same(place.seen().get("A"), "b")


# --- RFC 9112 section 3 and RFC 9110 section 7: routing --------------------------------------

@case("9112 §3.2.2", "Host comes from the target, whatever was sent")
def _(place):
    same(place.client().ask(place.request(host="evil.example")).status, 200)
    same(place.seen().all("Host"), [place.origin.host])


@case("9112 §3.2.1", "the origin gets origin-form")
def _(place):
    same(place.client().ask(place.request(url=place.url + "?a=b&c")).status, 200)
    same(place.seen().target, place.path + "?a=b&c")


@case("9112 §3.2.1", "an empty path becomes a slash")
def _(place):
    before = len(place.origin.of("/"))
    same(place.client().ask(place.request(url=f"http://{place.origin.host}")).status, 200)
    same(len(place.origin.wait_for("/", before + 1)), before + 1)


@case("9112 §3.2.4", "OPTIONS without a path becomes an asterisk")
def _(place):
    before = len(place.origin.of("*"))
    data = place.request(method="OPTIONS", url=f"http://{place.origin.host}")
    same(place.client().ask(data).status, 200)
    same(place.origin.wait_for("*", before + 1)[-1].method, "OPTIONS")


@case("9110 §4.2.3", "the scheme in capitals")
def _(place):
    same(place.client().ask(place.request(url=place.url.replace("http", "HTTP"))).status, 200)


@case("9110 §7.2", "HTTP/1.0 needs no Host, and the origin gets one")
def _(place):
    same(place.client().ask(f"GET {place.url} HTTP/1.0\r\n\r\n".encode()).status, 200)
    same(place.seen().get("Host"), place.origin.host)


@case("9110 §7.6.1", "hop-by-hop fields end here")
def _(place):
    same(place.client().ask(place.request(
        "Connection: keep-alive, X-Gone", "Proxy-Connection: keep-alive", "Keep-Alive: 300",
        "TE: trailers", "X-Gone: 1", "X-Stays: 2")).status, 200)
    seen = place.seen()
    for name in ("Proxy-Connection", "Keep-Alive", "TE", "X-Gone"):
        same(seen.all(name), [], name)
    same(seen.get("X-Stays"), "2")


@case("9110 §7.6.1", "hop-by-hop fields of an answer end here")
def _(place):
    place.answers(ok_body(b"ok", "Connection: X-Gone, keep-alive", "Keep-Alive: timeout=5",
                          "X-Gone: 1", "Proxy-Connection: keep-alive", "X-Stays: 2"))
    a = place.client().ask(place.request())
    for name in ("Keep-Alive", "X-Gone", "Proxy-Connection"):
        same(a.all(name), [], name)
    same(a.get("X-Stays"), "2")


@case("9110 §11.7.1", "credentials for the proxy are not passed on")
def _(place):
    same(place.client().ask(place.request("Proxy-Authorization: Basic YTpi",
                                          "Authorization: Basic Yzpk")).status, 200)
    same(place.seen().all("Proxy-Authorization"), [])
    same(place.seen().get("Authorization"), "Basic Yzpk")


@case("9110 §7.6.3", "Via is added to a request, behind others")
def _(place):
    place.client().ask(place.request("Via: 1.0 first"))
    via = ", ".join(place.seen().all("Via")).split(", ")
    same(via[0], "1.0 first")
    want(via[1].startswith("1.1 "), f"Via is {via}")


@case("9110 §7.6.3", "Via is added to an answer")
def _(place):
    a = place.client().ask(place.request())
    want((a.get("Via") or "").startswith("1.1 "), f"Via is {a.get('Via')}")


@case("9110 §7.6.3", "Via tells HTTP/1.0")
def _(place):
    place.client().ask(place.request(version="1.0"))
    want(place.seen().get("Via").startswith("1.0 "), place.seen().get("Via"))


@case("9110 §7.6.3", "a request with our own Via is a loop")
def _(place):
    place.client().ask(place.request())
    own = place.seen().get("Via")
    c = place.client()
    a = c.ask(place.request("Via: " + own))
    same(a.status, 508)
    same(len(place.origin.of(place.path)), 1, "requests that reached the origin")


@case("9110 §7.6.3", "a request to the proxy's own address is a loop")
def _(place):
    url = f"http://127.0.0.1:{place.proxy.port}/"
    a = place.client().ask(place.request(url=url, host=f"127.0.0.1:{place.proxy.port}"))
    same(a.status, 508)


@case("9110 §7.7", "content, fields and reason are not changed")
def _(place):
    body = bytes(range(256)) * 4
    place.answers(b"HTTP/1.1 299 Odd  reason\r\nContent-Length: 1024\r\nContent-Type: x/y\r\n"
                  b"ETag: \"a\"\r\nX: \xfc,  two\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n" + body)
    a = place.client().ask(place.request())
    same(a.line, "HTTP/1.1 299 Odd  reason")
    same((a.get("ETag"), a.get("X"), a.all("Set-Cookie")), ('"a"', "\xfc,  two", ["a=b", "c=d"]))
    same(a.body, body)


@case("9110 §5.3", "fields of one name keep their order")
def _(place):
    place.client().ask(place.request("X: 1", "Y: 0", "X: 2", "X: 3"))
    same(place.seen().all("X"), ["1", "2", "3"])


@case("9110 §6.6.1", "an answer without Date gets one")
def _(place):
    place.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    a = place.client().ask(place.request())
    want(a.get("Date") and a.get("Date").endswith("GMT"), f"Date is {a.get('Date')}")


@case("9110 §6.6.1", "the proxy's own answers have a Date")
def _(place):
    for data in (place.request(url="https://x.example/", host="x"),
                 place.request("Max-Forwards: 0", method="OPTIONS")):
        a = place.client().ask(data)
        want((a.get("Date") or "").endswith("GMT"), a.raw)


@case("9110 §6.6.1", "an answer's Date stays")
def _(place):
    same(place.client().ask(place.request()).all("Date"), ["Thu, 01 Jan 1970 00:00:00 GMT"])


# --- methods ---------------------------------------------------------------------------------

for method_ in ("GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "M-SEARCH", "X-anything"):
    @case("9110 §9", f"{method_} is passed on")
    def _(place, method=method_):
        body = b"hello" if method in ("POST", "PUT", "PATCH") else b""
        fields = ("Content-Length: 5",) if body else ()
        same(place.client().ask(place.request(*fields, method=method, body=body)).status, 200)
        same((place.seen().method, place.seen().body), (method, body))


@case("9110 §9.3.2", "HEAD has a length and no content")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n") and True)
    c = place.client()
    a = c.ask(place.request(method="HEAD"), "HEAD")
    same(a.get("Content-Length"), "12345")
    place.answers(ok_body(b"next"))
    same(c.ask(place.request()).body, b"next")


@case("9110 §15.3.5", "204 has no content and no length")
def _(place):
    place.answers(b"HTTP/1.1 204 No Content\r\n\r\n")
    c = place.client()
    a = c.ask(place.request())
    same((a.status, a.get("Content-Length"), a.get("Transfer-Encoding")), (204, None, None))
    place.answers(ok_body(b"next"))
    same(c.ask(place.request()).body, b"next")


@case("9110 §15.4.5", "304 has a length and no content")
def _(place):
    place.answers(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n")
    c = place.client()
    same(c.ask(place.request()).status, 304)
    place.answers(ok_body(b"next"))
    same(c.ask(place.request()).body, b"next")


@case("9110 §9.3.8", "TRACE with Max-Forwards 0 ends here")
def _(place):
    c = place.client()
    a = c.ask(place.request("Max-Forwards: 0", "X: y", "Cookie: secret",
                            "Proxy-Authorization: Basic YTpi", method="TRACE"))
    same(a.status, 200)
    same(a.get("Content-Type"), "message/http")
    want(b"X: y" in a.body, "the request is not in the answer")
    want(b"secret" not in a.body and b"YTpi" not in a.body, "secrets are in the answer")
    same(place.origin.of(place.path), [])


@case("9110 §7.6.2", "OPTIONS with Max-Forwards 0 ends here")
def _(place):
    same(place.client().ask(place.request("Max-Forwards: 0", method="OPTIONS")).status, 200)
    same(place.origin.of(place.path), [])


@case("9110 §7.6.2", "Max-Forwards is counted down")
def _(place):
    place.client().ask(place.request("Max-Forwards: 7", method="TRACE"))
    same(place.seen().all("Max-Forwards"), ["6"])


@case("9110 §7.6.2", "Max-Forwards of a GET stays")
def _(place):
    place.client().ask(place.request("Max-Forwards: 0"))
    same(place.seen().all("Max-Forwards"), ["0"])


# --- bodies, RFC 9112 sections 6 and 7 --------------------------------------------------------

@case("9112 §6.3", "a body by Content-Length")
def _(place):
    body = b"x" * 100000
    same(place.client().ask(place.request(f"Content-Length: {len(body)}", method="POST",
                                          body=body)).status, 200)
    same(place.seen().body, body)


@case("9112 §7.1", "a chunked body, and its trailers")
def _(place):
    same(place.client().ask(place.request(
        "Transfer-Encoding: chunked", "Trailer: X-Sum", method="POST",
        body=b"5\r\nhello\r\n1;ext=\"a\"\r\n!\r\n0\r\nX-Sum: 7\r\n\r\n")).status, 200)
    place.seen()
    wait_body(place, b"hello!")
    same(place.seen().all("Content-Length"), [])


def wait_body(place, body):
    """The origin notes a request when its head is there; the answer comes when its body was."""
    same(place.seen().body, body)


@case("9112 §7.1.2", "forbidden trailers are left out")
def _(place):
    same(place.client().ask(place.request(
        "Transfer-Encoding: chunked", method="POST",
        body=b"1\r\na\r\n0\r\nContent-Length: 7\r\nHost: evil\r\nX-Good: y\r\n\r\n")).status, 200)
    names = [t.split(b":")[0].lower() for t in place.seen().trailers]
    want(b"content-length" not in names and b"host" not in names, f"trailers {names}")


BAD_CHUNKS = [
    ("a chunk size with a sign", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with a space before it", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size with a space behind it", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("a chunk size that is empty", b"\r\nhello\r\n0\r\n\r\n"),
    ("a chunk size beyond 64 bits", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("a chunk line that ends in LF", b"5\nhello\r\n0\r\n\r\n"),
    ("chunk data that ends in LF", b"5\r\nhello\n0\r\n\r\n"),
    ("chunk data longer than its size", b"4\r\nhello\r\n0\r\n\r\n"),
    ("a bare CR in a chunk extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("a bare LF in a chunk extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("a trailer that is no field", b"5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
]
for title_, body_ in BAD_CHUNKS:
    @case("9112 §7.1", title_)
    def _(place, body=body_):
        """Refused, or cut: never an answer that says all was well, never a second request."""
        c = place.client().send(place.request("Transfer-Encoding: chunked", method="POST", body=body)
                                + place.request(url=place.url + "-smuggled"))
        got = c.rest()
        want(not got or got.split(b" ")[1] in (b"400", b"502"), f"answered {got[:40]!r}")
        same(place.origin.of(place.path + "-smuggled"), [])


@case("9112 §7.1", "a chunk extension of 16 KiB or more is refused")
def _(place):
    c = place.client().send(place.request("Transfer-Encoding: chunked", method="POST"))
    try:
        c.send(b"5;" + b"x" * 200000 + b"\r\nhello\r\n0\r\n\r\n")
    except OSError:
        return   # cut while it was sent
    got = c.rest()
    want(not got or got.split(b" ")[1] in (b"400", b"431"), f"answered {got[:40]!r}")


@case("9112 §7.1", "a chunked answer")
def _(place):
    place.answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"
                  b"6\r\nhello \r\n5;x\r\nworld\r\n0\r\nX: y\r\n\r\n")
    c = place.client()
    a = c.ask(place.request())
    same((a.body, a.get("Content-Length")), (b"hello world", None))
    same(c.ask(place.request()).body, b"hello world")


@case("9112 §7.1", "a chunked answer to an HTTP/1.0 client comes without chunks")
def _(place):
    place.answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n")
    a = place.client().ask(place.request(version="1.0"))
    same((a.body, a.get("Transfer-Encoding")), (b"hello world", None))


@case("9112 §6.3", "an answer that ends with the connection")
def _(place):
    place.answers(b"HTTP/1.1 200 OK\r\n\r\nhello world")
    same(place.client().ask(place.request()).body, b"hello world")


@case("9112 §6.3", "an answer with both lengths: chunked wins, or 502")
def _(place):
    place.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                  b"5\r\nhello\r\n0\r\n\r\n")
    a = place.client().ask(place.request())
    want(a.status == 502 or (a.body == b"hello" and not a.get("Content-Length")), a.raw)


BAD_ANSWERS = [
    ("two lengths that differ", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("a length that is no number", b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"),
    ("a length that is negative", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
    ("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\nhello"),
    ("chunks in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("a status that is no number", b"HTTP/1.1 2x0 OK\r\n\r\n"),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
    ("another version", b"HTTP/2.0 200 OK\r\n\r\n"),
    ("no HTTP at all", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("a folded field", b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n"),
    ("nothing", b""),
]
for title_, answer_ in BAD_ANSWERS:
    @case("9112 §6.3" if "length" in title_ or "coding" in title_ else "9112 §4",
          f"an answer with {title_}")
    def _(place, answer=answer_):
        def does(wire, seen):
            wire.send(answer)
            return False
        place.answers(does)
        a = place.client().ask(place.request())
        if title_of(answer) == "folded" and a.status == 200:
            same(a.get("A"), "b   c"[:1] + a.get("A")[1:])   # replaced by spaces is as good
            return
        same(a.status, 502)


def title_of(answer):
    return "folded" if b"\r\n c" in answer else ""


@case("9112 §5.1", "white space before a colon of an answer is removed")
def _(place):
    place.answers(b"HTTP/1.1 200 OK\r\nX-A \t: b\r\nContent-Length: 0\r\n\r\n")
    a = place.client().ask(place.request())
    same((a.status, a.get("X-A")), (200, "b"))
    want(b"X-A:" in a.raw, a.raw)


@case("9112 §8", "an answer that is cut before its length is seen as cut")
def _(place):
    def does(wire, seen):
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        return False
    place.answers(does)
    c = place.client().send(place.request())
    a = c.head()
    same(a.status, 200)
    want(len(c.rest()) < 100, "a cut answer was filled up")


@case("9112 §8", "a chunked answer that is cut is seen as cut")
def _(place):
    def does(wire, seen):
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        return False
    place.answers(does)
    c = place.client().send(place.request())
    c.head()
    want(not c.rest().endswith(b"0\r\n\r\n"), "a cut answer was given an end")


@case("9112 §9.5", "an origin that closes without an answer gives 502")
def _(place):
    place.answers(lambda wire, seen: False)
    a = place.client().ask(place.request("Content-Length: 1", method="POST", body=b"x"))
    same(a.status, 502)


# --- connections, RFC 9112 section 9 -----------------------------------------------------------

@case("9112 §9.3", "a connection carries several requests")
def _(place):
    c = place.client()
    for number in range(5):
        same(c.ask(place.request(url=f"{place.url}?{number}")).status, 200)
    same(len(place.origin.of(place.path)), 5)


@case("9112 §9.3", "origin connections are used again")
def _(place):
    c = place.client()
    for number in range(3):
        same(c.ask(place.request(url=f"{place.url}?{number}")).status, 200)
    same(len({s.connection for s in place.origin.of(place.path)}), 1, "connections")


@case("9112 §9.3.2", "pipelined requests are answered in order")
def _(place):
    c = place.client()
    slow = threading.Event()

    def first(wire, seen):
        slow.wait(LIMIT)
        wire.send(ok_body(b"one"))
        return True
    place.answers(first)
    place.answers(ok_body(b"two"), place.path + "-2")
    place.answers(ok_body(b"three"), place.path + "-3")
    c.send(place.request() + place.request(url=place.url + "-2") +
           place.request(url=place.url + "-3"))
    place.seen()
    slow.set()
    same([c.answer().body for _ in range(3)], [b"one", b"two", b"three"])


@case("9112 §9.3.2", "a hundred pipelined requests")
def _(place):
    c = place.client()
    for number in range(100):
        place.answers(ok_body(str(number).encode()), f"{place.path}-{number}")
    sender = threading.Thread(target=lambda: c.send(b"".join(
        place.request(url=f"{place.url}-{n}") for n in range(100))), daemon=True)
    sender.start()
    same([c.answer().body for _ in range(100)], [str(n).encode() for n in range(100)])


@case("9112 §9.6", "Connection: close is heard")
def _(place):
    c = place.client()
    a = c.ask(place.request("Connection: close"))
    same(a.get("Connection"), "close")
    want(c.ended(), "the connection stayed open")


@case("9112 §9.6", "Proxy-Connection: close is heard too")
def _(place):
    c = place.client()
    c.ask(place.request("Proxy-Connection: close"))
    want(c.ended(), "the connection stayed open")


@case("9112 §9.3", "HTTP/1.0 closes")
def _(place):
    c = place.client()
    same(c.ask(place.request(version="1.0")).status, 200)
    want(c.ended(), "the connection stayed open")


@case("9112 §9.3", "HTTP/1.0 with keep-alive stays")
def _(place):
    c = place.client()
    a = c.ask(place.request("Connection: keep-alive", version="1.0"))
    same((a.get("Connection") or "").lower(), "keep-alive")
    same(c.ask(place.request("Connection: keep-alive", version="1.0")).status, 200)


@case("9112 §9.3", "an origin's Connection: close does not close the client's")
def _(place):
    place.answers(ok_body(b"one", "Connection: close"))
    c = place.client()
    same(c.ask(place.request()).body, b"one")
    same(c.ask(place.request()).body, b"one")


@case("9112 §9.3.1", "an idle origin connection that has died is tried anew")
def _(place):
    died = threading.Event()

    def does(wire, seen):
        wire.send(ok_body(b"one"))
        place.answers(ok_body(b"two"))
        wire.sock.shutdown(socket.SHUT_RDWR)
        died.set()
        return False
    place.answers(does)
    c = place.client()
    same(c.ask(place.request()).body, b"one")
    died.wait(LIMIT)
    same(c.ask(place.request()).body, b"two")


@case("9110 §9.2.2", "a POST is not sent twice")
def _(place):
    def does(wire, seen):
        if seen.method == "GET":
            wire.send(ok_body(b"one"))
            return True
        return False
    place.answers(does)
    c = place.client()
    same(c.ask(place.request()).status, 200)
    same(c.ask(place.request("Content-Length: 1", method="POST", body=b"x")).status, 502)
    same(len([s for s in place.origin.of(place.path) if s.method == "POST"]), 1)


@case("9112 §9.6", "a client that shuts its side down still gets the answer")
def _(place):
    c = place.client().send(place.request())
    c.sock.shutdown(socket.SHUT_WR)
    same(c.answer().body, b"ok")


# --- 1xx and Expect, RFC 9110 sections 10.1.1 and 15.2 -------------------------------------------

@case("9110 §10.1.1", "100 Continue comes from the origin")
def _(place):
    def does(wire, seen):
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        place.origin.read_body(wire, seen)
        wire.send(ok_body(b"done"))
        return True
    does.reads_body = True
    place.answers(does)
    c = place.client().send(place.request("Expect: 100-continue", "Content-Length: 5",
                                          method="POST"))
    same(c.head().status, 100)
    c.send(b"hello")
    same(c.answer().body, b"done")
    same(place.seen().body, b"hello")


@case("9110 §10.1.1", "an origin that refuses an expected body")
def _(place):
    def does(wire, seen):
        wire.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        return False
    does.reads_body = True
    place.answers(does)
    c = place.client().send(place.request("Expect: 100-continue", "Content-Length: 5",
                                          method="POST"))
    a = c.answer()
    same((a.status, a.body), (413, b"no"))


@case("9110 §10.1.1", "an unknown expectation")
def _(place):
    refused(place, place.request("Expect: magic", "Content-Length: 0", method="POST"), (417,), False)


@case("9112 §3.2.1", "origin-form to a proxy")
def _(place):
    refused(place, fill(b"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n", place), (400,), False)


@case("9110 §15.2", "several 1xx come through, in order")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        + ok_body(b"end")) and True)
    interim = []
    a = place.client().send(place.request()).answer(interim=interim)
    same([i.status for i in interim], [103, 102])
    same(interim[0].get("Link"), "<a>")
    same(a.body, b"end")


@case("9110 §15.2", "no 1xx to an HTTP/1.0 client")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok_body(b"end")) and True)
    interim = []
    a = place.client().send(place.request(version="1.0")).answer(interim=interim)
    same((interim, a.body), ([], b"end"))


@case("9112 §9.3", "an answer that comes before the body is whole")
def _(place):
    def does(wire, seen):
        wire.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        return False
    does.reads_body = True
    place.answers(does)
    c = place.client().send(place.request("Content-Length: 10000000", method="POST"))
    threading.Thread(target=lambda: send_quietly(c, b"x" * 10000000), daemon=True).start()
    a = c.answer()
    same((a.status, a.body), (403, b"no"))


def send_quietly(client, data):
    try:
        client.send(data)
    except OSError:
        pass


# --- Upgrade, RFC 9110 section 7.8 -----------------------------------------------------------

@case("9110 §7.8", "a WebSocket goes through")
def _(place):
    def does(wire, seen):
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                  b"Connection: Upgrade\r\n\r\n")
        wire.send(wire.exactly(5)[::-1])
        return False
    place.answers(does)
    c = place.client().send(place.request("Connection: Upgrade", "Upgrade: websocket",
                                          "Sec-WebSocket-Key: k") + b"hello")
    a = c.head()
    same((a.status, a.get("Upgrade")), (101, "websocket"))
    same(c.rest(), b"olleh")
    same((place.seen().get("Upgrade"), place.seen().get("Connection").lower()),
         ("websocket", "upgrade"))


@case("9110 §7.8", "an upgrade that the origin declines")
def _(place):
    c = place.client()
    same(c.ask(place.request("Connection: Upgrade", "Upgrade: websocket")).body, b"ok")
    same(c.ask(place.request()).body, b"ok")


@case("9110 §7.8", "an upgrade to h2c is not passed on")
def _(place):
    same(place.client().ask(place.request("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                          "HTTP2-Settings: AAMAAABk")).status, 200)
    same((place.seen().get("Upgrade"), place.seen().get("HTTP2-Settings")), (None, None))


# --- CONNECT, RFC 9110 section 9.3.6 -----------------------------------------------------------

def echo(wire):
    while wire.more():
        wire.send(wire.got)
        wire.got = b""


def tunnel(place, server, *fields, version="1.1", early=b""):
    c = place.client().send(f"CONNECT {server.host} HTTP/{version}\r\nHost: {server.host}\r\n".encode()
                            + "".join(f + "\r\n" for f in fields).encode() + b"\r\n" + early)
    a = c.head()
    same(a.status, 200, a.line)
    return c, a


@case("9110 §9.3.6", "a tunnel carries bytes both ways")
def _(place):
    server = Raw(echo)
    c, a = tunnel(place, server)
    same((a.get("Content-Length"), a.get("Transfer-Encoding")), (None, None))
    data = bytes(range(256)) * 400
    threading.Thread(target=send_quietly, args=(c, data), daemon=True).start()
    same(c.exactly(len(data)), data)


@case("9110 §9.3.6", "HTTP/1.0 may CONNECT")
def _(place):
    c, _a = tunnel(place, Raw(echo), version="1.0")
    same(c.send(b"x").exactly(1), b"x")


@case("9110 §9.3.6", "early bytes of the client reach the origin")
def _(place):
    c, _a = tunnel(place, Raw(echo), early=b"early bytes")
    same(c.exactly(11), b"early bytes")


@case("9110 §9.3.6", "the origin may speak first")
def _(place):
    c, _a = tunnel(place, Raw(lambda wire: wire.send(b"220 hello\r\n")))
    same(c.rest(), b"220 hello\r\n")


@case("9110 §9.3.6", "the client's half-close is kept")
def _(place):
    def does(wire):
        got = wire.rest()
        wire.send(got[::-1])
    c, _a = tunnel(place, Raw(does))
    c.send(b"hello").sock.shutdown(socket.SHUT_WR)
    same(c.rest(), b"olleh")


@case("9110 §9.3.6", "the origin's half-close is kept")
def _(place):
    got, done = [], threading.Event()

    def does(wire):
        wire.send(b"bye").sock.shutdown(socket.SHUT_WR)
        got.append(wire.rest())
        done.set()
    c, _a = tunnel(place, Raw(does))
    same(c.rest(), b"bye")
    c.send(b"still here").close()
    want(done.wait(LIMIT), "no end")
    same(got, [b"still here"])


@case("9110 §9.3.6", "a reset of the origin reaches the client")
def _(place):
    def does(wire):
        wire.exactly(1)
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    c, _a = tunnel(place, Raw(does))
    c.send(b"x").rest()
    want(c.was_reset, "the reset became a clean end")


BAD_CONNECTS = [
    ("without a port", "{h}"), ("with an empty port", "{h}:"), ("to port 0", "{h}:0"),
    ("to port 65536", "{h}:65536"), ("to a port by name", "{h}:http"), ("to a URL", "http://{h}:80/"),
    ("with userinfo", "u@{h}:80"), ("to a path", "/"), ("to an asterisk", "*"),
    ("without a host", ":80"), ("with half a bracket", "[::1:80"), ("with a path behind", "{h}:80/x"),
]
for title_, target_ in BAD_CONNECTS:
    @case("9110 §9.3.6", f"CONNECT {title_} is refused")
    def _(place, target=target_.replace("{h}", "127.0.0.1")):
        c = place.client().send(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        same(c.answer().status, 400)
        want(c.ended(), "the connection stayed open")


@case("9110 §9.3.6", "CONNECT without Host in HTTP/1.1")
def _(place):
    c = place.client().send(f"CONNECT {place.origin.host} HTTP/1.1\r\n\r\n".encode())
    same(c.answer().status, 400)


@case("9110 §9.3.6", "CONNECT with a body is refused")
def _(place):
    c = place.client().send(f"CONNECT {place.origin.host} HTTP/1.1\r\nHost: x\r\n"
                            "Content-Length: 5\r\n\r\nhello".encode())
    same(c.answer().status, 400)
    want(c.ended(), "the connection stayed open")


@case("9931 §4", "a CONNECT that fails closes the connection")
def _(place):
    host = f"127.0.0.1:{deaf_port()}"
    c = place.client().send(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
                            + place.request())
    a = c.answer()
    same(a.status, 502)
    same(a.get("Connection"), "close")
    want(c.ended(), "what followed was answered")
    same(place.origin.of(place.path), [])


@case("9209 §2", "a failure says why in Proxy-Status")
def _(place):
    host = f"127.0.0.1:{deaf_port()}"
    a = place.client().ask(place.request(url=f"http://{host}/", host=host))
    same(a.status, 502)
    want("error=connection_refused" in (a.get("Proxy-Status") or ""), a.get("Proxy-Status"))


@case("9209 §2", "a name that is none says so in Proxy-Status")
def _(place):
    a = place.client().ask(place.request(url="http://no-such-name.invalid/", host="x"))
    want(a.status in (502, 504), a.line)
    want("error=dns_" in (a.get("Proxy-Status") or ""), a.get("Proxy-Status"))


@case("9110 §15.5.1", "a refusal is a page that says what to change")
def _(place):
    a = place.client().ask(place.request("Accept: text/html", url="https://x.example/", host="x"))
    want(a.get("Content-Type").startswith("text/html"), a.get("Content-Type"))
    want(b"CONNECT" in a.body, a.body)
    a = place.client().ask(place.request(url="https://x.example/", host="x"))
    want(a.get("Content-Type").startswith("text/plain"), a.get("Content-Type"))


@case("9112 §3.2.1", "a browser that takes the proxy for a server is told")
def _(place):
    a = place.client().ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    same(a.status, 400)
    want(b"proxy" in a.body, a.body)


@case("9110 §15.5.9", "a head that does not come gives 408")
def _(place):
    c = place.client().send(b"GET http://x/ HTTP/1.1\r\n")
    a = c.answer()
    same(a.status, 408)
    want(c.ended(), "the connection stayed open")


# --- the rest of what a proxy meets -----------------------------------------------------------

@case("9110 §15.2.2", "a 101 that nobody asked for")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n") and False)
    same(place.client().ask(place.request()).status, 502)


@case("9110 §15.2", "a thousand 1xx are passed on or end in 502")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        b"HTTP/1.1 102 Processing\r\n\r\n" * 1000 + ok_body(b"end")) and True)
    a = place.client().send(place.request()).answer()
    want(a.status == 502 or a.body == b"end", a.line)


@case("9112 §6.3", "an answer to HEAD that says chunked has no content")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") and True)
    c = place.client()
    same(c.ask(place.request(method="HEAD"), "HEAD").status, 200)
    place.answers(ok_body(b"next"))
    same(c.ask(place.request()).body, b"next")


@case("9112 §6.3", "bytes behind an answer belong to nobody")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        ok_body(b"one") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil") and True)
    c = place.client()
    same(c.ask(place.request()).body, b"one")
    place.answers(ok_body(b"two"))
    same(c.ask(place.request()).body, b"two")


@case("9112 §6.3", "a body behind a 204 belongs to nobody")
def _(place):
    place.answers(lambda wire, seen: wire.send(
        b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil") and True)
    c = place.client()
    same(c.ask(place.request()).status, 204)
    place.answers(ok_body(b"two"))
    same(c.ask(place.request()).body, b"two")


@case("9112 §9.3", "keep-alive and close at once: close wins")
def _(place):
    c = place.client()
    c.ask(place.request("Connection: keep-alive, close"))
    want(c.ended(), "the connection stayed open")


@case("9112 §9.3", "HTTP/1.0 with Proxy-Connection: keep-alive stays")
def _(place):
    c = place.client()
    a = c.ask(place.request("Proxy-Connection: keep-alive", version="1.0"))
    same(a.status, 200)
    same(c.ask(place.request("Proxy-Connection: keep-alive", version="1.0")).status, 200)


@case("9110 §7.6.1", "Connection may not name what frames the body")
def _(place):
    same(place.client().ask(place.request("Content-Length: 5", "Connection: Content-Length, Host",
                                          method="POST", body=b"hello")).status, 200)
    same((place.seen().body, place.seen().get("Host")), (b"hello", place.origin.host))


@case("9110 §7.6.1", "an empty Connection does nothing")
def _(place):
    same(place.client().ask(place.request("Connection: ", "Connection: ,, ,")).status, 200)


@case("9110 §5.5", "obs-text and UTF-8 in values are left alone")
def _(place):
    place.client().ask(place.request("X: \xe9\xff \xc3\xbc"))
    same(place.seen().get("X"), "\xe9\xff \xc3\xbc")


@case("9110 §5.5", "an empty value is left alone")
def _(place):
    place.client().ask(place.request("X:", "Y:  "))
    same((place.seen().all("X"), place.seen().all("Y")), ([""], [""]))


@case("9110 §14.2", "ranges are the origin's business")
def _(place):
    place.answers(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2"
                  b"\r\n\r\nab")
    a = place.client().ask(place.request("Range: bytes=0-1"))
    same((a.status, a.get("Content-Range"), a.body), (206, "bytes 0-1/9", b"ab"))
    same(place.seen().get("Range"), "bytes=0-1")


@case("9110 §13", "conditions are the origin's business")
def _(place):
    place.client().ask(place.request("If-None-Match: \"x\"", "Cache-Control: no-cache",
                                     "Pragma: no-cache"))
    same([place.seen().get(n) for n in ("If-None-Match", "Cache-Control", "Pragma")],
         ['"x"', "no-cache", "no-cache"])


@case("9110 §15.5.22", "a 426 keeps its Upgrade")
def _(place):
    place.answers(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: foo/2\r\nConnection: Upgrade\r\n"
                  b"Content-Length: 0\r\n\r\n")
    a = place.client().ask(place.request())
    same((a.status, a.get("Upgrade")), (426, "foo/2"))


@case("9110 §11.6", "an origin's 401 and its credentials go through")
def _(place):
    place.answers(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0"
                  b"\r\n\r\n")
    a = place.client().ask(place.request("Authorization: Basic YTpi"))
    same((a.status, a.get("WWW-Authenticate")), (401, 'Basic realm="x"'))
    same(place.seen().get("Authorization"), "Basic YTpi")


@case("9112 §3.2.2", "a bracketed IPv6 host")
def _(place):
    try:
        six = Origin("::1")
    except OSError:
        return   # this machine has no IPv6
    a = place.client().ask(place.request(url=f"http://{six.host}/six", host=six.host))
    same(a.status, 200)
    same(six.wait_for("/six")[0].get("Host"), six.host)
    six.stop()


@case("9110 §9.3.6", "CONNECT to a bracketed IPv6 host")
def _(place):
    try:
        server = Raw(echo, "::1")
    except OSError:
        return
    c, _a = tunnel(place, server)
    same(c.send(b"x").exactly(1), b"x")


@case("9110 §9.3.6", "CONNECT takes no notice of Host")
def _(place):
    server = Raw(echo)
    c = place.client().send(f"CONNECT {server.host} HTTP/1.1\r\nHost: other.example:1\r\n\r\n".encode())
    same(c.head().status, 200)
    same(c.send(b"x").exactly(1), b"x")


@case("9110 §9.3.6", "a hundred tunnels, one after the other")
def _(place):
    server = Raw(echo)
    for _number in range(100):
        c, _a = tunnel(place, server)
        same(c.send(b"abc").exactly(3), b"abc")
        c.close()


@case("9110 §9.3.6", "a megabyte each way at once")
def _(place):
    server = Raw(echo)
    c, _a = tunnel(place, server)
    data = bytes(range(256)) * 16384
    threading.Thread(target=send_quietly, args=(c, data), daemon=True).start()
    want(c.exactly(len(data)) == data, "the bytes were changed")


@case("9112 §7.1", "ten thousand chunks of one byte")
def _(place):
    same(place.client().ask(place.request("Transfer-Encoding: chunked", method="POST",
                                          body=b"1\r\nx\r\n" * 10000 + b"0\r\n\r\n")).status, 200)
    same(place.seen().body, b"x" * 10000)


@case("9112 §7.1", "a chunked answer in single bytes")
def _(place):
    def does(wire, seen):
        wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"5;a=\"b\"\r\nhello\r\n00000006\r\n world\r\n000;z\r\nX-Y: z\r\n\r\n"):
            wire.send(bytes([byte]))
        return True
    place.answers(does)
    a = place.client().ask(place.request())
    same((a.body, a.trailers), (b"hello world", [b"X-Y: z"]))


@case("9112 §6.1", "a chunked body and the next request behind it")
def _(place):
    place.answers(ok_body(b"two"), place.path + "-2")
    c = place.client().send(
        place.request("Transfer-Encoding: chunked", method="POST", body=b"3\r\nabc\r\n0\r\n\r\n") +
        place.request(url=place.url + "-2"))
    same(c.answer().body, b"ok")
    same(c.answer().body, b"two")
    same(place.seen().body, b"abc")


@case("9110 §5.4", "an answer's header of 60 kB")
def _(place):
    place.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" +
                  b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(60)) + b"\r\nok")
    a = place.client().ask(place.request())
    want(a.status == 200 and len(a.all("X-59")) == 1 and a.body == b"ok", a.line)


@case("9110 §5.4", "an answer's header without an end gives 502")
def _(place):
    def does(wire, seen):
        send_quietly(wire, b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300000)
        return False
    place.answers(does)
    same(place.client().ask(place.request()).status, 502)


@case("9112 §9.5", "a client that goes away leaves no request behind")
def _(place):
    gone = threading.Event()

    def does(wire, seen):
        want(wire.rest() == b"", "bytes behind the request")
        gone.set()
        return False
    place.answers(does)
    c = place.client().send(place.request())
    place.seen()
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    c.close()
    want(gone.wait(LIMIT), "the origin was left waiting")


@case("9110 §10.1.1", "Expect of an HTTP/1.0 client is ignored")
def _(place):
    a = place.client().ask(place.request("Expect: 100-continue", "Content-Length: 2", method="POST",
                                         version="1.0", body=b"hi"))
    same(a.status, 200)
    same(place.seen().body, b"hi")


@case("9110 §7.6.2", "a Max-Forwards that is no number")
def _(place):
    a = place.client().ask(place.request("Max-Forwards: x", method="OPTIONS"))
    want(a.status in (200, 400), a.line)
