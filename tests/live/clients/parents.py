"""Parents: squid, tinyproxy and viaduct beyond the proxy, and before it."""
import os
import socket

from peer import Raw, Wire, deaf_port, free_port, same, want

from .curl import full, ok, tunnel
from .kit import (SECRET, SMALL, Server, at_least, case, curl, digest_of, find, has, one_of, run)

SQUID = """
http_port 127.0.0.1:{port}
pid_filename {folder}/squid.pid
cache_log {folder}/cache.log
coredump_dir {folder}
access_log none
cache deny all
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname squid.test
{more}
http_access allow all
"""

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 50
LogLevel Error
PidFile "{folder}/tinyproxy.pid"
Allow 127.0.0.1
{more}
"""


def squid(place, more="", port=None):
    port = port or free_port()
    folder = os.path.join(place.folder, f"squid-{port}")
    os.mkdir(folder)
    os.chmod(folder, 0o777)   # it becomes another user
    conf = place.file(f"squid-{port}.conf", SQUID.format(port=port, folder=folder, more=more))
    server = Server(find("squid"), "-N", "-n", f"viaduct{port}", "-f", conf, "-d", "0")
    server.port = port
    return server.wait_port(port)


def tinyproxy(place, more=""):
    port = free_port()
    conf = place.file(f"tinyproxy-{port}.conf",
                      TINYPROXY.format(port=port, folder=place.folder, more=more))
    server = Server(find("tinyproxy"), "-d", "-c", conf)
    server.port = port
    return server.wait_port(port)


def a_squid(place):
    """One that asks for nothing, for several cases."""
    return place.once("squid", lambda: place.keep(squid(place)))


def a_tinyproxy(place):
    return place.once("tinyproxy", lambda: place.keep(tinyproxy(place)))


def password(place, text=SECRET):
    return place.file("parent-password", text + "\n", 0o600)


def every_kind(place, p, parent, via):
    """A GET, a PUT with a length and in chunks, a tunnel, through the proxy and then the parent."""
    by = {"onward.origin": f"127.0.0.1:{parent}", "onward.outcome": "answered"}
    base = f"http://127.0.0.1:{place.web.http}"
    got = curl(place, "-x", p.url, base + "/small.txt")
    same((got.status, got.body), (200, SMALL))
    want(via in got.head, got.head)
    p.logged(ok(**by, via=has(via)))
    sent = place.content("sent", 300000)
    for arguments, stdin in ((("-T", sent), b""), (("-T", "-"), open(sent, "rb").read())):
        got = curl(place, "-x", p.url, *arguments, base + "/put/parents", stdin=stdin)
        same(got.status, 201, got.head)
        same(digest_of(os.path.join(place.root, "put/parents")), digest_of(sent))
        os.unlink(os.path.join(place.root, "put/parents"))
        p.logged(ok(201, "PUT", **by))
    got = curl(place, "-x", p.url, f"https://localhost:{place.web.https}/small.txt")
    same((got.connect, got.body), (200, SMALL))
    p.logged(tunnel(sni="localhost", target=f"localhost:{place.web.https}", **by))
    got = curl(place, "-x", p.url, "-I", base + "/small.txt")
    same(got.status, 200)
    p.logged(ok(200, "HEAD", **by))


@case("squid as a parent", "curl", "nginx", "squid")
def by_squid(place):
    parent = a_squid(place).port
    with place.proxy(f"parent 127.0.0.1:{parent};\n") as p:
        every_kind(place, p, parent, "squid.test")


@case("squid as a parent that asks for Basic", "curl", "nginx", "squid", "htpasswd")
def by_squid_basic(place):
    users = os.path.join(place.folder, "squid-users")
    run("htpasswd", "-cbm", users, "parent", SECRET)
    os.chmod(users, 0o644)
    helper = "/usr/lib/squid/basic_ncsa_auth"
    with squid(place, f"auth_param basic program {helper} {users}\n"
                      "acl known proxy_auth REQUIRED\nhttp_access deny !known\n") as s:
        secret = password(place)
        with place.proxy(f"parent 127.0.0.1:{s.port} {{ user parent; "
                         f"password-file {secret}; }}\n") as p:
            every_kind(place, p, s.port, "squid.test")
        refused_credentials(place, s.port)


@case("squid as a parent that asks for Digest", "curl", "nginx", "squid", "htpasswd")
def by_squid_digest(place):
    users = place.file("squid-digest", f"parent:{SECRET}\n")
    helper = "/usr/lib/squid/digest_file_auth"
    with squid(place, f"auth_param digest program {helper} {users}\n"
                      "auth_param digest realm squid\nauth_param digest nonce_max_count 3\n"
                      "acl known proxy_auth REQUIRED\nhttp_access deny !known\n") as s:
        secret = password(place)
        with place.proxy(f"parent 127.0.0.1:{s.port} {{ user parent; "
                         f"password-file {secret}; }}\n") as p:
            every_kind(place, p, s.port, "squid.test")
            every_kind(place, p, s.port, "squid.test")
        refused_credentials(place, s.port)


def refused_credentials(place, parent):
    """Wrong credentials, and none: the parent's 407 is no matter of the client's."""
    wrong = place.file("wrong-password", f"{SECRET}, not\n", 0o600)
    members = {"status": 502, "verdict": "bad-gateway", "why": "parent"}
    for block in ("", f" {{ user parent; password-file {wrong}; }}"):
        with place.proxy(f"parent 127.0.0.1:{parent}{block or ';'}\n") as p:
            got = curl(place, "-x", p.url, f"http://127.0.0.1:{place.web.http}/small.txt")
            want(got.status == 502 and b"parent" in got.body, got)
            p.logged({"method": "GET", **members})
            got = curl(place, "-x", p.url, f"https://localhost:{place.web.https}/", code=56)
            same(got.connect, 502)
            p.logged({"method": "CONNECT", **members})


@case("tinyproxy as a parent", "curl", "nginx", "tinyproxy")
def by_tinyproxy(place):
    parent = a_tinyproxy(place).port
    with place.proxy(f"parent 127.0.0.1:{parent};\n") as p:
        every_kind(place, p, parent, "tinyproxy")


@case("tinyproxy as a parent that asks for Basic", "curl", "nginx", "tinyproxy")
def by_tinyproxy_basic(place):
    with tinyproxy(place, f"BasicAuth parent {SECRET}\n") as t:
        secret = password(place)
        with place.proxy(f"parent 127.0.0.1:{t.port} {{ user parent; "
                         f"password-file {secret}; }}\n") as p:
            every_kind(place, p, t.port, "tinyproxy")
        with place.proxy(f"parent 127.0.0.1:{t.port};\n") as p:
            got = curl(place, "-x", p.url, f"http://127.0.0.1:{place.web.http}/small.txt")
            want(got.status in (401, 502), got)   # it says 401 where others say 407
            p.logged({"status": got.status, "verdict": one_of("unauthorized", "bad-gateway"),
                      "why": "parent"})


def users_file(place, program, name="users"):
    path = os.path.join(place.folder, name)
    run(os.path.abspath(program), "proxy", "user", "add", "parent", "-f", path,
        stdin=SECRET.encode() + b"\n")
    return path


@case("viaduct as a parent of viaduct: open, Basic, Digest", "curl", "nginx")
def by_viaduct(place):
    users, secret = users_file(place, place.program), password(place)
    for scheme in ("", "basic", "digest", "digest basic"):
        auth = f"auth {scheme} {{ users {users}; }}\n" if scheme else ""
        block = f"{{ user parent; password-file {secret}; }}" if scheme else ";"
        with place.proxy(f"name above;\n{auth}") as above:
            with place.proxy(f"parent 127.0.0.1:{above.port} {block}\n") as p:
                every_kind(place, p, above.port, "above")
            records = above.take(5)
            for r in records:
                want(r["status"] in (200, 201, 407), r)
            want(all(r["auth"] == {"scheme": scheme.split()[-1].capitalize(), "user": "parent"}
                     for r in records if scheme and r["status"] != 407), records)
            if scheme:
                refused_credentials(place, above.port)
            above.loose = True


@case("a body that comes with its head, to a parent that asks for Digest, or Basic", "nginx")
def body_at_once(place):
    users, secret = users_file(place, place.program), password(place)
    for scheme in ("digest", "basic"):
        with place.proxy(f"name above;\nauth {scheme} {{ users {users}; }}\n") as above:
            above.loose = True
            with place.proxy(f"parent 127.0.0.1:{above.port} {{ user parent; "
                             f"password-file {secret}; }}\n") as p:
                for size in (10, 3000, 300000):
                    with socket.create_connection(("127.0.0.1", p.port)) as s:
                        s.sendall(b"PUT http://127.0.0.1:%d/put/once HTTP/1.1\r\nHost: a\r\n"
                                  b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" %
                                  (place.web.http, size, bytes(size)))
                        answer = Wire(s).rest()
                    want(answer.split()[1] in (b"201", b"204"), (size, answer))
                    same(os.path.getsize(os.path.join(place.root, "put/once")), size)
                    p.logged({"method": "PUT", "status": one_of(201, 204),
                              "answered_by": "origin"})


@case("the PROXY protocol to a parent: it sees the client", "curl", "nginx")
def proxy_protocol(place):
    listen = ("127.0.0.1:0 { proxy-protocol from 127.0.0.0/8; }",)
    for version in ("v1", "v2"):
        with place.proxy("name above;\n", listen) as above:
            with place.proxy(f"parent 127.0.0.1:{above.port} {{ proxy-protocol {version}; "
                             "}\n") as p:
                every_kind(place, p, above.port, "above")
                below = [r["client"] for r in p.records]
            same([r["client"] for r in above.take(len(below))], below, version)


@case("viaduct behind squid (cache_peer)", "curl", "nginx", "squid")
def behind_squid(place):
    with place.proxy() as p:
        with squid(place, f"cache_peer 127.0.0.1 parent {p.port} 0 no-query no-digest "
                          "no-netdb-exchange default\nnever_direct allow all\n") as s:
            where = f"http://127.0.0.1:{s.port}"
            got = curl(place, "-x", where, f"http://127.0.0.1:{place.web.http}/small.txt")
            same(got.body, SMALL)
            want("viaduct" in got.head and "squid.test" in got.head, got.head)
            got = curl(place, "-x", where, f"https://localhost:{place.web.https}/small.txt")
            same(got.body, SMALL)
            got = curl(place, "-x", where, "http://127.0.0.1:1/")
            same(got.status, 502)
            sent = place.content("sent", 300000)
            got = curl(place, "-x", where, "-T", sent,
                       f"http://127.0.0.1:{place.web.http}/put/behind")
            same(got.status, 201)
        records = sorted(p.take(4), key=lambda r: r["start"])
        same([(r["method"], r["status"], r["verdict"]) for r in records],
             [("GET", 200, "ok"), ("CONNECT", 200, "ok"), ("GET", 502, "bad-gateway"),
              ("PUT", 201, "ok")])
        same(records[1]["sni"], "localhost")


@case("viaduct behind tinyproxy (upstream)", "curl", "nginx", "tinyproxy")
def behind_tinyproxy(place):
    with place.proxy() as p:
        with tinyproxy(place, f"Upstream http 127.0.0.1:{p.port}\n") as t:
            where = f"http://127.0.0.1:{t.port}"
            got = curl(place, "-x", where, f"http://127.0.0.1:{place.web.http}/small.txt")
            same(got.body, SMALL)
            p.logged(ok())
            got = curl(place, "-x", where, f"https://localhost:{place.web.https}/small.txt")
            same(got.body, SMALL)
            p.logged(tunnel(sni="localhost"))


@case("one parent after the other: refused, unanswered, and none left", "curl", "nginx",
      "tinyproxy")
def failover(place):
    parent = a_tinyproxy(place).port
    listener, fillers = full()
    blind = listener.getsockname()[1]
    url = f"http://127.0.0.1:{place.web.http}/small.txt"
    with place.proxy(f"parent 127.0.0.1:1;\nparent 127.0.0.1:{parent};\n") as p:
        same(curl(place, "-x", p.url, url).body, SMALL)
        p.logged(ok(**{"onward.origin": f"127.0.0.1:{parent}"}))
        got = curl(place, "-x", p.url, f"https://localhost:{place.web.https}/small.txt")
        same(got.body, SMALL)
        p.logged(tunnel(**{"onward.origin": f"127.0.0.1:{parent}"}))
    with place.proxy(f"timeout connect 1s;\nparent 127.0.0.1:{blind};\n"
                     f"parent 127.0.0.1:{parent};\n") as p:
        same(curl(place, "-x", p.url, url).body, SMALL)
        p.logged(ok(**{"onward.origin": f"127.0.0.1:{parent}"}))
    with place.proxy("parent 127.0.0.1:1;\nparent 127.0.0.1:2;\n") as p:
        same(curl(place, "-x", p.url, url).status, 502)
        p.logged({"status": 502, "verdict": "bad-gateway", "why": "parent",
                  "answered_by": "proxy"})
    for s in [listener, *fillers]:
        s.close()


@case("a parent for some, another for the rest, none for some", "curl", "nginx", "tinyproxy")
def by_destination(place):
    parent, nobody = a_tinyproxy(place).port, deaf_port()
    with place.proxy(f"parent direct {{ for 127.0.0.0/8; }}\n"
                     f"parent 127.0.0.1:{nobody} {{ for origin.test; except *.test; }}\n"
                     f"parent 127.0.0.1:{parent} {{ for localhost; }}\n") as p:
        for host, beyond in (("127.0.0.1", place.web.http), ("localhost", parent),
                             ("origin.test", place.web.http)):
            same(curl(place, "-x", p.url, f"http://{host}:{place.web.http}/small.txt").body,
                 SMALL, host)
            p.logged(ok(**{"onward.origin": f"127.0.0.1:{beyond}"}))


@case("a parent that refuses: its status and page are passed on, and the log says whose", "curl",
      "nginx", "squid")
def refuses(place):
    with squid(place, "acl no dstdomain localhost\nhttp_access deny no\n") as s:
        with place.proxy(f"parent 127.0.0.1:{s.port};\n") as p:
            got = curl(place, "-x", p.url, f"http://localhost:{place.web.http}/")
            want(got.status == 403 and b"squid" in got.body, got)
            want("X-Squid-Error: ERR_ACCESS_DENIED" in got.head, got.head)
            p.logged({"status": 403, "verdict": "denied", "answered_by": "parent"})
            got = curl(place, "-x", p.url, f"https://localhost:{place.web.https}/", code=56)
            same(got.connect, 403)
            want("X-Squid-Error: ERR_ACCESS_DENIED" in got.head, got.head)
            p.logged({"status": 403, "verdict": "denied", "answered_by": "parent",
                      "why": "parent"})


@case("a parent that answers nonsense, or nothing", "curl")
def breaks(place):
    for does, verdict in ((lambda wire: wire.send(b"SSH-2.0-parent\r\n") and wire.rest(), None),
                          (lambda wire: wire.until(b"\r\n\r\n"), None)):
        parent = Raw(does)
        with place.proxy(f"parent {parent.host};\n") as p:
            got = curl(place, "-x", p.url, "http://origin.test/")
            same(got.status, 502)
            p.logged({"status": 502, "verdict": "bad-gateway", "why": "parent",
                      "answered_by": "proxy"})
            curl(place, "-x", p.url, "https://origin.test/", code=56)
            p.logged({"status": 502, "verdict": "bad-gateway", "why": "parent",
                      "answered_by": "proxy", "method": "CONNECT"})
        parent.stop()


@case("our own limits through a parent are named as ours", "curl", "nginx", "tinyproxy")
def own_limits(place):
    parent = a_tinyproxy(place).port
    url = f"http://127.0.0.1:{place.web.http}/small.txt"
    with place.proxy(f"limit response 100;\nparent 127.0.0.1:{parent};\n") as p:
        same(curl(place, "-x", p.url, url).status, 502)
        p.logged({"status": 502, "why": "limit-response", "answered_by": "proxy",
                  "verdict": "too-large"})
    silent = Raw(lambda wire: wire.rest())
    with place.proxy(f"timeout answer 1s;\nparent {silent.host};\n") as p:
        same(curl(place, "-x", p.url, url).status, 504)
        p.logged({"status": 504, "why": "timeout-answer", "answered_by": "proxy",
                  "verdict": "gateway-timeout"})
    silent.stop()
