"""Programs that fetch by way of a proxy: wget, openssl, git, apt, Python, Node, Java, Chromium."""
import base64
import gzip
import hashlib
import http.client
import http.server
import os
import ssl
import subprocess
import threading
import urllib.request

from peer import free_port, same, want

from .curl import ok, tunnel
from .kit import (LONG, SMALL, Server, Skip, at_least, case, curl, digest_of, environment, find, has,
                  one_of, run)


@case("wget: plain and TLS, a large file, two URLs on one connection", "wget", "nginx")
def wget(place):
    path = place.content("middle", 6 << 20)
    with place.proxy() as p:
        options = ("-q", "-e", "use_proxy=yes", "-e", f"http_proxy={p.url}", "-e",
                   f"https_proxy={p.url}", f"--ca-certificate={place.certificate()}", "--no-config",
                   "--no-hsts", "-O", "-", "--tries=1")
        plain = f"http://localhost:{place.web.http}/small.txt"
        same(run("wget", *options, plain).out, SMALL)
        p.logged(ok(target=plain))
        same(run("wget", *options, f"https://localhost:{place.web.https}/small.txt").out, SMALL)
        p.logged(tunnel(sni="localhost"))
        copy = run("wget", *options, f"http://localhost:{place.web.http}/middle").out
        same(hashlib.sha256(copy).hexdigest(), digest_of(path))
        p.logged(ok(bytes_down=at_least(6 << 20)))
        same(run("wget", *options, plain, plain).out, SMALL * 2)
        first, second = p.logged(ok(), ok())
        same(first["client"], second["client"], "one connection")
        run("wget", *options, "http://nowhere.test/", code=8)
        p.logged({"status": 502, "verdict": "bad-gateway", "why": "unresolved"})


@case("openssl s_client -proxy, and openssl s_server as an origin", "openssl", "curl", "nginx")
def openssl(place):
    certificate, port = place.certificate(), free_port()
    key = os.path.join(place.folder, "key.pem")
    with Server("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate,
                "-key", key, "-www", "-quiet") as s:
        s.wait_port(port)
        with place.proxy() as p:
            got = curl(place, "-x", p.url, f"https://localhost:{port}/")
            want(b"s_server" in got.body, got)
            p.logged(tunnel(sni="localhost", target=f"localhost:{port}"))
            for host, name in (("127.0.0.1", "origin.test"), ("origin.test", "other.test")):
                done = run("openssl", "s_client", "-proxy", f"127.0.0.1:{p.port}", "-connect",
                           f"{host}:{place.web.https}", "-servername", name, "-CAfile",
                           certificate, "-verify_return_error", "-quiet", "-ign_eof",
                           stdin=b"GET /small.txt HTTP/1.0\r\n\r\n")
                want(done.out.endswith(SMALL), done)
                p.logged(tunnel(sni=name, target=f"{host}:{place.web.https}", tls="1.3"))
            run("openssl", "s_client", "-proxy", f"127.0.0.1:{p.port}", "-connect", "127.0.0.1:1",
                code=1)
            p.logged({"method": "CONNECT", "status": 502, "why": "refused",
                      "verdict": "bad-gateway"})


class GitServer(http.server.BaseHTTPRequestHandler):
    """git's own CGI program behind a server of one thread a request."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.serve(body)

    def serve(self, body):
        path, _, query = self.path.partition("?")
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, check=True,
                              env=environment(GIT_PROJECT_ROOT=self.server.root,
                                              GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path,
                                              QUERY_STRING=query, REQUEST_METHOD=self.command,
                                              REMOTE_USER="somebody", REMOTE_ADDR="127.0.0.1",
                                              CONTENT_LENGTH=str(len(body)),
                                              CONTENT_TYPE=self.headers.get("Content-Type", ""),
                                              GIT_PROTOCOL=self.headers.get("Git-Protocol", "")))
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@case("git: clone and push, by plain HTTP and in a tunnel", "git")
def git(place):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitServer)
    server.root = os.path.join(place.folder, "git")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    who = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
           "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
           "GIT_COMMITTER_EMAIL": "a@b", "GIT_TERMINAL_PROMPT": "0"}
    bare, work = os.path.join(server.root, "r.git"), os.path.join(place.folder, "work")

    def do(*arguments, cwd=None):
        return run("git", *arguments, cwd=cwd, env=who).out

    do("init", "-q", "--bare", bare)
    do("-C", bare, "config", "http.receivepack", "true")
    url = f"http://127.0.0.1:{server.server_address[1]}/r.git"
    with place.proxy() as p:
        through = ("-c", f"http.proxy={p.url}", "-c", "http.postBuffer=65536")
        do(*through, "clone", "-q", url, work)
        with open(os.path.join(work, "f"), "wb") as out:
            out.write(os.urandom(1 << 20))   # more than a POST holds at once: it goes in chunks
        do("add", "f", cwd=work)
        do("commit", "-q", "-m", "one", cwd=work)
        do(*through, "push", "-q", "origin", "HEAD:refs/heads/main", cwd=work)
        do(*through, "clone", "-q", "-b", "main", url, work + "2")
        same(digest_of(os.path.join(work + "2", "f")), digest_of(os.path.join(work, "f")))
        while p.taken < len(p.records):
            p.logged({"status": 200, "answered_by": "origin"})
        want({"GET", "POST"} == {r["method"] for r in p.records}, p.records)
        p.loose = True   # the last may still be on its way to the log
    server.shutdown()


@case("apt-get: update and download from a repository behind the proxy", "apt-get", "dpkg-deb",
      "nginx")
def apt(place):
    tree, repo = os.path.join(place.folder, "deb"), os.path.join(place.root, "apt")
    web = place.web
    os.makedirs(os.path.join(tree, "DEBIAN"))
    os.makedirs(repo)
    control = ("Package: viaduct-test\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b.test>\n"
               "Description: a test\n")
    with open(os.path.join(tree, "DEBIAN", "control"), "w", encoding="ascii") as out:
        out.write(control)
    deb = os.path.join(repo, "viaduct-test_1.0_all.deb")
    run("dpkg-deb", "--build", "--root-owner-group", tree, deb)
    packages = (control + f"Filename: ./viaduct-test_1.0_all.deb\nSize: {os.path.getsize(deb)}\n"
                f"SHA256: {digest_of(deb)}\n\n").encode()
    with open(os.path.join(repo, "Packages"), "wb") as out:
        out.write(packages)
    with open(os.path.join(repo, "Release"), "w", encoding="ascii") as out:
        out.write("Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n "
                  f"{hashlib.sha256(packages).hexdigest()} {len(packages)} Packages\n")
    state = os.path.join(place.folder, "apt-state")
    for folder in ("lists/partial", "cache/archives/partial", "etc"):
        os.makedirs(os.path.join(state, folder))
    place.file("apt-state/status", b"")
    source = place.file("sources.list",
                        f"deb [trusted=yes] http://origin.test:{web.http}/apt ./\n")
    with place.proxy() as p:
        options = [word for option in (
            f"Dir::Etc={state}/etc", f"Dir::Etc::sourcelist={source}",
            f"Dir::State={state}", f"Dir::State::status={state}/status", f"Dir::Cache={state}/cache",
            f"Dir::State::lists={state}/lists", "APT::Sandbox::User=root",
            f"Acquire::http::Proxy={p.url}/", "Acquire::Languages=none", "Acquire::Retries=0",
            "Acquire::http::Pipeline-Depth=5", "Acquire::Check-Date=false",
            "APT::Get::List-Cleanup=0") for word in ("-o", option)]
        run("apt-get", *options, "update", "-q")
        run("apt-get", *options, "download", "viaduct-test", cwd=state)
        same(digest_of(os.path.join(state, "viaduct-test_1.0_all.deb")), digest_of(deb))
        usual = {"verdict": one_of("ok", "not-found"), "status": one_of(200, 404),
                 "answered_by": "origin", "target": has("http://origin.test:")}
        while not p.logged(usual)[0]["target"].endswith("_all.deb"):
            pass
        p.loose = True


@case("Python: urllib, http.client's tunnels, requests where it is there", "nginx")
def python(place):
    trust = ssl.create_default_context(cafile=place.certificate())
    plain = f"http://localhost:{place.web.http}/small.txt"
    secure = f"https://localhost:{place.web.https}/small.txt"
    with place.proxy() as p:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"http": p.url, "https": p.url}),
            urllib.request.HTTPSHandler(context=trust))
        with opener.open(plain) as answer:
            same(answer.read(), SMALL)
        p.logged(ok(target=plain))
        with opener.open(secure) as answer:
            same(answer.read(), SMALL)
        p.logged(tunnel(sni="localhost"))
        connection = http.client.HTTPSConnection("127.0.0.1", p.port, context=trust)
        connection.set_tunnel("localhost", place.web.https, {"X-Some": "thing"})
        for _ in range(3):
            connection.request("GET", "/small.txt")
            same(connection.getresponse().read(), SMALL)
        connection.close()
        p.logged(tunnel(sni="localhost", bytes_down=at_least(3 * len(SMALL))))
        connection = http.client.HTTPConnection("127.0.0.1", p.port)
        for _ in range(3):   # one connection to the proxy, in absolute-form
            connection.request("GET", plain)
            same(connection.getresponse().read(), SMALL)
        connection.close()
        p.logged(ok(), ok(), ok())
        try:
            import requests   # pylint: disable=import-outside-toplevel
        except ImportError:
            return
        with requests.Session() as session:
            session.trust_env = False
            session.proxies = {"http": p.url, "https": p.url}
            same(session.get(plain).content, SMALL)
            same(session.get(plain).content, SMALL)
            same(session.get(secure, verify=place.certificate()).content, SMALL)
            p.logged(ok(), ok())
        p.logged(tunnel(sni="localhost"))


NODE = r"""
const http = require('http'), tls = require('tls'), fs = require('fs');
const [proxy, plain, host, port, ca] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
function read(stream, done) {
    const parts = [];
    stream.on('data', part => parts.push(part));
    stream.on('end', () => done(Buffer.concat(parts).toString()));
}
function get(done) {
    http.get({ host: '127.0.0.1', port: proxy, path: plain, agent,
               headers: { Host: new URL(plain).host } }, answer => read(answer, done));
}
function post(done) {
    const request = http.request({ host: '127.0.0.1', port: proxy, path: plain, method: 'POST', agent,
        headers: { Host: new URL(plain).host } }, answer => read(answer, () => done()));
    request.write('in'); request.end(' chunks');
}
function connect(done) {
    http.request({ host: '127.0.0.1', port: proxy, method: 'CONNECT', path: `${host}:${port}` })
        .on('connect', (answer, socket) => {
            const inner = tls.connect({ socket, servername: host, ca: fs.readFileSync(ca) }, () =>
                inner.write(`GET /small.txt HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`));
            read(inner, done);
        }).end();
}
get(first => get(second => post(() => connect(third => {
    agent.destroy();
    console.log(JSON.stringify([first, second, third.split('\r\n\r\n').slice(1).join('')]));
}))));
"""


@case("Node: http by keep-alive, POST in chunks, TLS through CONNECT", "node", "nginx")
def node(place):
    script = place.file("client.js", NODE)
    plain = f"http://localhost:{place.web.http}/small.txt"
    with place.proxy() as p:
        done = run("node", script, str(p.port), plain, "localhost", str(place.web.https),
                   place.certificate())
        text = SMALL.decode()
        same(done.out.decode().count(text.encode("unicode_escape").decode()), 3, done.out[:300])
        p.logged(ok(), ok(), {"method": "POST", "status": 405, "verdict": "method-refused"},
                 tunnel(sni="localhost"))


JAVA = """
import java.net.*; import java.io.*;
public class Fetch {
    public static void main(String[] a) throws Exception {
        for (int i = 0; i < 2; i++)
            for (String url : a) {
                HttpURLConnection c = (HttpURLConnection) new URL(url).openConnection();
                try (InputStream in = c.getInputStream()) { in.transferTo(System.out); }
            }
    }
}
"""


@case("Java: HttpURLConnection with -Dhttp.proxyHost, plain and TLS", "java", "keytool", "nginx")
def java(place):
    if b"jdk.compiler" not in run("java", "--list-modules").out:
        raise Skip("this java has no compiler")
    store = os.path.join(place.folder, "trust.p12")
    run("keytool", "-importcert", "-noprompt", "-alias", "t", "-file", place.certificate(),
        "-keystore", store, "-storepass", "changeit")
    source = place.file("Fetch.java", JAVA)
    with place.proxy() as p:
        where = [f"-D{scheme}.{key}" for scheme in ("http", "https")
                 for key in ("proxyHost=127.0.0.1", f"proxyPort={p.port}")]
        done = run("java", *where, "-Dhttp.nonProxyHosts=", "-XX:TieredStopAtLevel=1",
                   f"-Djavax.net.ssl.trustStore={store}",
                   "-Djavax.net.ssl.trustStorePassword=changeit", source,
                   f"http://localhost:{place.web.http}/small.txt",
                   f"https://localhost:{place.web.https}/small.txt")
        same(done.out, SMALL * 4)
        found = p.take(3)
        same(sorted((r["method"], r["verdict"]) for r in found),
             [("CONNECT", "ok"), ("GET", "ok"), ("GET", "ok")])


PAGE = """<!doctype html><title>page</title><body><script src=/page.js></script>
<script>
const ws = new WebSocket('ws://WHERE/ws');
ws.onopen = () => ws.send('hello');
ws.onmessage = m => { document.body.append('socket says ' + m.data); ws.close(); };
ws.onclose = () => { document.title = 'closed'; };
</script><img src=http://WHERE/gate>"""


def websocket(wire, seen):
    """Echoes one short text frame, reversed, then closes as the other side does."""
    key = hashlib.sha1((seen.get("Sec-WebSocket-Key") +
                        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    wire.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Accept: " + base64.b64encode(key) + b"\r\n\r\n")
    while True:
        kind, size = wire.exactly(2)
        mask, masked = wire.exactly(4), wire.exactly(size & 127)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(masked))
        if kind & 15 == 8:
            wire.send(b"\x88" + bytes([len(data)]) + data)
            seen.over.set()
            return False
        wire.send(b"\x81" + bytes([len(data)]) + data[::-1])


@case("Chromium: pages by http and https, a script, a WebSocket", "chromium", "nginx")
def chromium(place):
    from peer import Origin   # pylint: disable=import-outside-toplevel
    origin = Origin()
    over = threading.Event()

    def socket_first(wire, seen):
        seen.over = over
        return websocket(wire, seen)

    def gate(wire, _):   # the page's load, and with it its time, waits for the socket's end
        over.wait(LONG)
        wire.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    origin.script.update({"/ws": socket_first, "/gate": gate})
    page = PAGE.replace("WHERE", f"localhost:{origin.port}")
    web = place.web
    for name, content in (("page.html", page), ("page.js",
                          "document.body.append('script ran; ');")):
        with open(os.path.join(place.root, name), "w", encoding="ascii") as out:
            out.write(content)
    with place.proxy() as p:
        for url in (f"http://localhost:{web.http}/page.html",
                    f"https://localhost:{web.https}/page.html"):
            profile = os.path.join(place.folder, "chromium-" + url[:5])
            script = page if url.startswith("http:") else None
            done = run(find("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu",
                       f"--proxy-server={p.url}", "--proxy-bypass-list=<-loopback>",
                       "--ignore-certificate-errors", f"--user-data-dir={profile}",
                       "--disable-dev-shm-usage", "--disable-background-networking",
                       "--disable-component-update", "--disable-sync", "--no-first-run",
                       "--disable-extensions", "--disable-default-apps", "--virtual-time-budget=8000",
                       "--dump-dom", url)
            text = done.out.decode()
            want("script ran" in text, text + done.err)
            want(not script or "socket says olleh" in text, text + done.err)
        p.loose = True   # it asks for more than it is told to
        mine = [r for r in p.records if "localhost" in r.get("target", "")]
        want(any(r["method"] == "GET" and r["status"] == 200 and r["verdict"] == "ok"
                 for r in mine), mine)
        want(any(r.get("target") == f"localhost:{web.https}" and r.get("inner") == "TLS"
                 for r in mine), mine)
        want(any(r.get("target") == f"localhost:{origin.port}" for r in mine), mine)
    origin.stop()
