"""curl, with every option that concerns proxies."""
import os
import socket
import threading

from peer import Origin, Raw, Wire, same, want

from .kit import LIMIT, SMALL, at_least, case, curl, digest_of, has, one_of, run

TARGETS = ("127.0.0.1", "[::1]", "localhost", "origin.test", "six.test", "both.test")


def ok(status=200, method="GET", **more):
    return {"method": method, "status": status, "answered_by": "origin", **more}


def tunnel(**more):
    return {"method": "CONNECT", "status": 200, "answered_by": "proxy", "inner": "TLS", **more}


@case("curl -x: addresses of both families and names, plain", "curl", "nginx")
def plain(place):
    with place.proxy() as p:
        for host in TARGETS:
            url = f"http://{host}:{place.web.http}/small.txt"
            got = curl(place, "-x", p.url, url)
            same((got.status, got.body), (200, SMALL), host)
            want("X-Seen-Via: 1.1 viaduct" in got.head, got.head)
            p.logged(ok(target=url, bytes_down=at_least(len(SMALL))))


@case("curl -x: the proxy by address and name, with and without a scheme", "curl", "nginx")
def the_proxy(place):
    url = f"http://127.0.0.1:{place.web.http}/small.txt"
    with place.proxy(listen=("127.0.0.1:0;", "[::1]:0;")) as p:
        for where in (f"127.0.0.1:{p.ports[0]}", f"http://127.0.0.1:{p.ports[0]}/",
                      f"[::1]:{p.ports[1]}", f"http://[::1]:{p.ports[1]}"):
            same(curl(place, "-x", where, url).body, SMALL, where)
            p.logged(ok(proxy=where.replace("http://", "").strip("/"), target=url))
        got = curl(place, "-x", f"a.proxy:{p.port}", "--resolve", f"a.proxy:{p.port}:127.0.0.1",
                   url)
        same(got.body, SMALL, "--resolve")
        p.logged(ok())


@case("curl by environment: http_proxy, https_proxy, all_proxy, no_proxy", "curl", "nginx")
def by_environment(place):
    plain_url = f"http://localhost:{place.web.http}/small.txt"
    tls_url = f"https://localhost:{place.web.https}/small.txt"

    def get(url, **env):
        done = run("curl", "-q", "-sS", "--cacert", place.certificate(), url, env=env)
        same(done.out, SMALL, url)

    with place.proxy() as p:
        get(plain_url, http_proxy=p.url)
        p.logged(ok(target=plain_url))
        get(tls_url, https_proxy=p.url)
        p.logged(tunnel(sni="localhost"))
        get(plain_url, all_proxy=p.url)
        p.logged(ok())
        get(plain_url, all_proxy=p.url, no_proxy="localhost")


@case("curl --noproxy: nothing goes through the proxy", "curl", "nginx")
def noproxy(place):
    with place.proxy() as p:
        url = f"http://127.0.0.1:{place.web.http}/small.txt"
        got = curl(place, "-x", p.url, "--noproxy", "127.0.0.1", url)
        same(got.body, SMALL)
        want("viaduct" not in got.head, got.head)


@case("curl -p: plain HTTP in a tunnel, to addresses and names", "curl", "nginx")
def proxytunnel(place):
    with place.proxy() as p:
        for host in TARGETS:
            got = curl(place, "-p", "-x", p.url, f"http://{host}:{place.web.http}/small.txt")
            same((got.status, got.connect, got.body), (200, 200, SMALL), host)
            want("X-Seen-Via: viaduct" not in got.head, got.head)
            p.logged(tunnel(target=f"{host}:{place.web.http}", inner="HTTP",
                            bytes_down=at_least(len(SMALL))))


@case("curl https://: a tunnel with TLS inside", "curl", "nginx")
def https(place):
    with place.proxy() as p:
        for host in TARGETS:
            got = curl(place, "-x", p.url, "--http1.1", f"https://{host}:{place.web.https}/small.txt")
            same((got.status, got.connect, got.body, got.version), (200, 200, SMALL, "1.1"), host)
            name = None if host in ("127.0.0.1", "[::1]") else host
            p.logged(tunnel(target=f"{host}:{place.web.https}", sni=name,
                            bytes_down=at_least(len(SMALL))))


@case("curl --http2 and ALPN, --tls-max, in a tunnel", "curl", "nginx")
def http2(place):
    with place.proxy() as p:
        url = f"https://origin.test:{place.web.https}/small.txt"
        got = curl(place, "-x", p.url, "--http2", url)
        same((got.body, got.version), (SMALL, "2"))
        p.logged(tunnel(sni="origin.test", alpn=has("h2"), tls="1.3"))
        got = curl(place, "-x", p.url, "--http2", "--tls-max", "1.2", url)
        same((got.body, got.version), (SMALL, "2"))
        p.logged(tunnel(sni="origin.test", alpn="h2", tls="1.2"))


@case("curl --http1.0, --http1.1, --proxy1.0", "curl", "nginx")
def versions(place):
    with place.proxy() as p:
        url = f"http://127.0.0.1:{place.web.http}/small.txt"
        for option in ("--http1.0", "--http1.1"):
            same(curl(place, "-x", p.url, option, url).body, SMALL, option)
            p.logged(ok())
        same(curl(place, "--proxy1.0", p.url, url).body, SMALL, "--proxy1.0, plain")
        p.logged(ok())
        got = curl(place, "--proxy1.0", p.url, f"https://localhost:{place.web.https}/small.txt")
        same((got.body, got.connect), (SMALL, 200), "--proxy1.0, tunnel")
        p.logged(tunnel())


@case("curl -I, -X OPTIONS, TRACE, PATCH, DELETE", "curl", "nginx")
def methods(place):
    origin = Origin()
    with place.proxy() as p:
        url = f"http://{origin.host}/methods"
        origin.script["/methods"] = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAllow: GET\r\n"
                                     b"\r\nok")
        got = curl(place, "-x", p.url, "-I", f"http://127.0.0.1:{place.web.http}/small.txt")
        same((got.status, got.body), (200, got.head.encode("latin-1")))
        want(f"Content-Length: {len(SMALL)}" in got.head, got.head)
        p.logged(ok(method="HEAD"))
        for method in ("OPTIONS", "TRACE", "DELETE"):
            same(curl(place, "-x", p.url, "-X", method, url).body, b"ok", method)
            same(origin.of("/methods")[-1].method, method)
            p.logged(ok(method=method))
        same(curl(place, "-x", p.url, "-X", "PATCH", "-d", "a=b", url).body, b"ok")
        same((origin.of("/methods")[-1].method, origin.of("/methods")[-1].body), ("PATCH", b"a=b"))
        p.logged(ok(method="PATCH"))
        got = curl(place, "-x", p.url, "-X", "TRACE", "-H", "Max-Forwards: 0", url)
        want(b"TRACE " in got.body and len(origin.of("/methods")) == 4, got)
        p.logged({"method": "TRACE", "status": 200, "answered_by": "proxy"})
    origin.stop()


@case("curl --proxy-header: for the proxy alone", "curl", "nginx")
def proxy_header(place):
    with place.proxy() as p:
        got = curl(place, "-x", p.url, "-p", "--proxy-header", "X-For-Proxy: this",
                   f"http://127.0.0.1:{place.web.http}/small.txt")
        want("X-Seen-Proxy-Header: this" not in got.head, got.head)
        p.logged(tunnel(inner="HTTP"))
        got = curl(place, "-x", p.url, "-H", "Proxy-Connection: X-For-Proxy", "-H",
                   "Connection: X-For-Proxy", "-H", "X-For-Proxy: this", "-H",
                   "Proxy-Authorization: Basic dTpvcGVuc2VzYW1l",
                   f"http://127.0.0.1:{place.web.http}/small.txt")
        want("X-Seen-Proxy-Header: this" not in got.head, got.head)
        want("X-Seen-Credentials: Basic" not in got.head, got.head)
        p.logged(ok())


@case("curl -T: uploads with Expect, without, chunked, plain and TLS", "curl", "nginx")
def uploads(place):
    sent = place.content("upload", 3 << 20)
    with open(sent, "rb") as f:
        data = f.read()
    with place.proxy() as p:
        for number, (options, stdin) in enumerate((
                (("-T", sent), b""),
                (("-T", sent, "-H", "Expect:"), b""),
                (("-T", sent, "-H", "Expect: 100-continue"), b""),
                (("-T", "-"), data),
                (("-T", "-", "-H", "Expect: 100-continue"), data),
                (("-T", "-", "--http1.0", "-H", "Transfer-Encoding:", "-H",
                  f"Content-Length: {len(data)}"), data),
                (("-T", sent, "--limit-rate", "8M"), b""))):
            for scheme, port in (("http", place.web.http), ("https", place.web.https)):
                name = f"put/{number}-{scheme}"
                got = curl(place, "-x", p.url, *options, f"{scheme}://localhost:{port}/{name}",
                           stdin=stdin)
                same(got.status, 201, (options, got.head))
                same(digest_of(os.path.join(place.root, name)), digest_of(sent), options)
                os.unlink(os.path.join(place.root, name))
                p.logged(ok(201, "PUT", bytes_up=at_least(len(data))) if scheme == "http" else
                         tunnel(bytes_up=at_least(len(data))))


@case("curl -d and -F: forms", "curl")
def forms(place):
    origin = Origin()
    with place.proxy() as p:
        url = f"http://{origin.host}/form"
        same(curl(place, "-x", p.url, "-d", "a=b&c=d", url).body, b"ok")
        same(origin.of("/form")[-1].body, b"a=b&c=d")
        p.logged(ok(method="POST"))
        same(curl(place, "-x", p.url, "-F", "f=@-;filename=x", url, stdin=bytes(2 << 20)).body,
             b"ok")
        want(bytes(2 << 20) in origin.of("/form")[-1].body, "the file in the form")
        p.logged(ok(method="POST", bytes_up=at_least(2 << 20)))
    origin.stop()


@case("curl -r, -C -, --compressed, -z", "curl", "nginx")
def ranges(place):
    with place.proxy() as p:
        url = f"http://127.0.0.1:{place.web.http}/small.txt"
        got = curl(place, "-x", p.url, "-r", "100-199", url)
        same((got.status, got.body), (206, SMALL[100:200]))
        p.logged(ok(206))
        got = curl(place, "-x", p.url, "-r", "0-9,20-29", url)
        want(got.status == 206 and SMALL[20:30] in got.body, got)
        p.logged(ok(206))
        part = place.file("part", SMALL[:500])
        same(curl(place, "-x", p.url, "-C", "-", "-o", part, url, body=False).status, 206)
        with open(part, "rb") as f:
            same(f.read(), SMALL)
        p.logged(ok(206))
        got = curl(place, "-x", p.url, "--compressed", url)
        same(got.body, SMALL)
        want("Content-Encoding: gzip" in got.head, got.head)
        p.logged(ok())
        got = curl(place, "-x", p.url, "-z", os.path.join(place.root, "small.txt"), url)
        same((got.status, got.body), (304, b""))
        p.logged(ok(304))


@case("curl with several URLs: one connection to the proxy, one to the origin", "curl", "nginx")
def several(place):
    with place.proxy() as p:
        urls = [f"http://127.0.0.1:{place.web.http}/small.txt?{i}" for i in range(4)]
        done = run("curl", "-q", "-sS", "-x", p.url, "--keepalive-time", "5", "-w",
                   "%{num_connects}\\n", *[w for u in urls for w in ("-o", "/dev/null", u)])
        same(done.out.split(), [b"1", b"0", b"0", b"0"])
        found = p.logged(*[ok(target=u) for u in urls])
        same(len({r["client"] for r in found}), 1, "clients' ports")
        same([r["onward"].get("reused") for r in found[1:]], [True] * 3)
        tls = [f"https://localhost:{place.web.https}/small.txt?{i}" for i in range(3)]
        done = run("curl", "-q", "-sS", "-x", p.url, "--cacert", place.certificate(), *tls)
        same(done.out, SMALL * 3)
        p.logged(tunnel(bytes_down=at_least(3 * len(SMALL))))


@case("curl --parallel: 40 URLs at once, plain and TLS", "curl", "nginx")
def parallel(place):
    with place.proxy() as p:
        for scheme, port in (("http", place.web.http), ("https", place.web.https)):
            urls = [f"{scheme}://localhost:{port}/small.txt?{i}" for i in range(40)]
            done = run("curl", "-q", "-sS", "-x", p.url, "--http1.1", "--cacert",
                       place.certificate(), "--parallel", "--parallel-immediate",
                       "--parallel-max", "40", "-w", "%{http_code}\\n",
                       *[w for u in urls for w in ("-o", "/dev/null", u)])
            same(done.out.split(), [b"200"] * 40)
            if scheme == "http":
                found = p.logged(*[ok()] * 40)
                same({r["target"] for r in found}, set(urls))
            else:
                p.logged(*[tunnel(sni="localhost")] * 40)


@case("curl -L: redirects, from plain to TLS", "curl", "nginx")
def redirects(place):
    with place.proxy() as p:
        base = f"http://localhost:{place.web.http}"
        same(curl(place, "-x", p.url, "-L", base + "/to-plain").body, SMALL)
        p.logged(ok(302, target=base + "/to-plain"), ok(target=base + "/small.txt"))
        same(curl(place, "-x", p.url, "-L", base + "/to-https").body, SMALL)
        found = p.take(2)
        same([(r["method"], r["status"], r["verdict"]) for r in
              sorted(found, key=lambda r: r["start"])],
             [("GET", 302, "ok"), ("CONNECT", 200, "ok")])


@case("curl -o: 200 MB, plain, in a tunnel, in TLS: nothing lost", "curl", "nginx")
def big(place):
    size = 200 << 20
    path = place.content("big", size)
    target = place.file("big-copy", b"")
    with place.proxy() as p:
        for options, port, scheme in ((("-x", p.url), place.web.http, "http"),
                                      (("-p", "-x", p.url), place.web.http, "http"),
                                      (("-x", p.url), place.web.https, "https")):
            got = curl(place, *options, "-o", target, f"{scheme}://localhost:{port}/big",
                       body=False)
            same(got.status, 200)
            same(run("cmp", path, target).out, b"")
            p.logged({"status": 200, "bytes_down": at_least(size)})
    os.unlink(path)
    os.unlink(target)


@case("curl --limit-rate: a reader slower than its origin", "curl", "nginx")
def slow_reader(place):
    path = place.content("middle", 6 << 20)
    with place.proxy() as p:
        for options in ((), ("-p",)):
            target = place.file("middle-copy", b"")
            curl(place, "-x", p.url, *options, "--limit-rate", "6M", "-o", target,
                 f"http://localhost:{place.web.http}/middle", body=False)
            same(digest_of(target), digest_of(path))
            p.logged({"status": 200, "bytes_down": at_least(6 << 20)})


def hold(wire, _=None):
    """Answers the beginning of a long body, and then nothing: until the other side has gone."""
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
    wire.rest()
    return False


@case("curl --max-time: the client gives up, and the log says that it did", "curl")
def max_time(place):
    origin = Origin()
    origin.script["/hold"] = hold
    with place.proxy() as p:
        got = curl(place, "-x", p.url, "-m", "1", f"http://{origin.host}/hold", code=28)
        same(got.body, b"some")
        p.logged(ok(verdict="client-aborted", closed_by="client"))
        curl(place, "-p", "-x", p.url, "-m", "1", f"http://{origin.host}/hold", code=28)
        p.logged(tunnel(verdict=one_of("client-aborted", "ok"), inner="HTTP", closed_by="client"))
        silent = Raw(lambda wire: wire.rest())
        curl(place, "-x", p.url, "-m", "1", f"http://{silent.host}/", code=28)
        p.logged({"verdict": one_of("client-aborted", "proxy-silent"), "closed_by": "client",
                  "status": None})
        silent.stop()
    origin.stop()


@case("a client that ends its half behind the request is answered, and it is no fault")
def half_closed(place):
    origin, gone = Origin(), threading.Event()

    def serve(wire, _):
        gone.wait(LIMIT)   # until the client has ended its half
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    origin.script["/half"] = serve
    with place.proxy() as p:
        wire = Wire(socket.create_connection(("127.0.0.1", p.port), LIMIT))
        wire.send(f"GET http://{origin.host}/half HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        origin.wait_for("/half")
        wire.sock.shutdown(socket.SHUT_WR)
        gone.set()
        want(wire.rest().endswith(b"late"), "the answer")
        p.logged(ok(closed_by=one_of("client", "nobody")))
    origin.stop()


def full():
    """A listener whose backlog is full: the next connection to it is not answered."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    while True:
        s = socket.socket()
        s.settimeout(0.3)
        fillers.append(s)
        try:
            s.connect(listener.getsockname())
        except OSError:
            break
    return listener, fillers


@case("curl --connect-timeout: given up while the proxy still dials", "curl")
def connect_timeout(place):
    listener, fillers = full()
    host = "127.0.0.1:%d" % listener.getsockname()[1]
    with place.proxy("timeout connect 2s;\n") as p:
        curl(place, "-p", "-x", p.url, "--connect-timeout", "1", f"http://{host}/", code=28)
        p.logged({"method": "CONNECT", "target": host, "why": "timeout-connect", "status": 504,
                  "verdict": "gateway-timeout"})   # a FIN alone does not stop it dialing
    for s in [listener, *fillers]:
        s.close()


@case("curl told that it failed: refused, unresolved, denied; plain and CONNECT", "curl")
def failures(place):
    with place.proxy("rule deny to denied.test;\nrule allow from 127.0.0.1 port 1-65535;\n") as p:
        for host, status, verdict, why in (
                ("127.0.0.1:1", 502, "bad-gateway", "refused"),
                ("nowhere.test:80", 502, "bad-gateway", "unresolved"),
                ("denied.test:80", 403, "denied", "rule")):
            members = {"verdict": verdict, "status": status, "why": why, "answered_by": "proxy"}
            got = curl(place, "-x", p.url, f"http://{host}/")
            want(got.status == status and why.encode() in got.body, got)
            want(f"Proxy-Status: viaduct; error=" in got.head, got.head)
            p.logged({"method": "GET", **members})
            got = curl(place, "-p", "-x", p.url, f"http://{host}/", code=56)
            same(got.connect, status)
            p.logged({"method": "CONNECT", **members})


@case("curl --haproxy-protocol: taken from trusted clients, and carried in tunnels", "curl", "nginx")
def haproxy(place):
    url = f"http://127.0.0.1:{place.web.http}/small.txt"
    with place.proxy(listen=("127.0.0.1:0 { proxy-protocol from 127.0.0.0/8; }",)) as p:
        same(curl(place, "-x", p.url, "--haproxy-protocol", url).body, SMALL)
        p.logged(ok(target=url, client=has("127.0.0.1:")))
        with socket.create_connection(("127.0.0.1", p.port), LIMIT) as s:
            s.sendall(b"PROXY TCP4 127.9.8.7 192.0.2.1 4711 80\r\nGET " + url.encode() +
                      b" HTTP/1.0\r\n\r\n")
            s.makefile("rb").read()
        p.logged(ok(client="127.9.8.7:4711"))
    with place.proxy() as p:
        got = curl(place, "-p", "-x", p.url, "--haproxy-protocol",
                   f"http://127.0.0.1:{place.web.haproxy}/seen-from")
        same((got.status, got.body), (200, b"127.0.0.1"))
        p.logged(tunnel(inner=lambda got: True))


@case("an upgrade by plain proxying: 101, then bytes both ways", "curl")
def upgrade(place):
    def serve(wire, seen):
        same(seen.get("Upgrade"), "websocket")
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                  b"Upgrade: websocket\r\n\r\n")
        wire.send(wire.exactly(5)[::-1])
        wire.rest()
        return False

    origin = Origin()
    origin.script["/ws"] = serve
    with place.proxy() as p:
        with socket.create_connection(("127.0.0.1", p.port), LIMIT) as s:
            s.sendall(f"GET http://{origin.host}/ws HTTP/1.1\r\nHost: {origin.host}\r\n"
                      "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello".encode())
            got = Wire(s)
            want(got.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101"), "101")
            same(got.exactly(5), b"olleh")
        p.logged(ok(101))
    origin.stop()


@case("the same client many times: 300 curl-like requests in 10 threads, all logged", "nginx")
def many(place):
    fetched = []

    def fetch(p):
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", p.port), LIMIT) as s:
                s.sendall(b"GET http://127.0.0.1:%d/small.txt HTTP/1.1\r\nHost: a\r\n"
                          b"Connection: close\r\n\r\n" % place.web.http)
                fetched.append(s.makefile("rb").read().endswith(SMALL))

    with place.proxy() as p:
        threads = [threading.Thread(target=fetch, args=(p,)) for _ in range(10)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        same(fetched, [True] * 300)
        p.logged(*[ok()] * 300)
