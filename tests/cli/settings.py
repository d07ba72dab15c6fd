#!/usr/bin/env python3
"""viaduct settings: the files it keeps, the tools it sets, and what it finds set.

    settings.py VIADUCT
"""
import base64
import configparser
import json
import os
import pty
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peer import Raw  # noqa: E402
from viaduct import Broken, Tap, run  # noqa: E402

SPECIAL = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


class Host:
    """A folder with settings in it."""

    def __init__(self, program):
        self.program = program
        self.folder = tempfile.TemporaryDirectory(prefix="viaduct-settings-")
        self.file = os.path.join(self.folder.name, "etc", "settings")
        os.mkdir(os.path.dirname(self.file))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def do(self, task, *words, stdin=None):
        said = run(self.program, ["settings", task, "--file", self.file, *words],
                   stdin=stdin.encode() if stdin is not None else None)
        return said

    def text(self):
        with open(self.file, encoding="utf-8", newline="") as file:
            return file.read()

    def write(self, text):
        with open(self.file, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def password(self):
        with open(self.file + ".password", encoding="utf-8", newline="") as file:
            return file.read()

    def shown(self):
        return json.loads(self.do("show", "--json")[1])


def differ(what, is_, should):
    return [] if is_ == should else [f"{what}: {is_!r}, not {should!r}"]


def first(program, tap):
    with Host(program) as host:
        status, out, err = host.do("show")
        tap.case("without a file there are no settings", differ("show", (status, err), (0, "")) +
                 ([] if "Enabled                   no" in out else [out]))
        said = host.do("set", "host=10.10.10.1", "port=80")
        tap.case("set writes the article's form", differ("said", said, (0, "", "")) + differ(
            "text", host.text(),
            "iprep_proxy {\n  PROXY_HOST 10.10.10.1;\n  PROXY_PORT 80;\n}\n"))
        tap.case("and show reads it", differ("shown", host.shown(), {
            "v": 1, "enabled": True, "host": "10.10.10.1", "port": 80, "auth": False,
            "password": False, "remarks": []}))


def keeping(program, tap):
    with Host(program) as host:
        host.write("# mine\nother x;\niprep_proxy { # why\r\n  PROXY_HOST a; # one\n  WHAT;\n"
                   "  PROXY_PORT 8; }\n")
        os.chmod(host.file, 0o640)
        before = os.stat(host.file).st_ino
        said = host.do("set", "port=9", "enabled=off")
        tap.case("set keeps comments and what it does not know", differ("said", said, (0, "", "")) +
                 differ("text", host.text(),
                        "# mine\nother x;\niprep_proxy { # why\r\n  PROXY_HOST a; # one\n  WHAT;\n"
                        "  PROXY_PORT 9; PROXY_ENABLED off; }\n"))
        after = os.stat(host.file)
        tap.case("the mode stays, and the file is a new one",
                 differ("mode", stat.S_IMODE(after.st_mode), 0o640) +
                 ([] if after.st_ino != before else ["it was written in place"]))
        host.do("unset", "enabled")
        link = host.file + ".link"
        os.symlink(host.file, link)
        said = run(program, ["settings", "set", "--file", link, "host=b"])
        tap.case("a link stays one", differ("said", said, (0, "", "")) +
                 differ("link", os.readlink(link), host.file) +
                 ([] if "PROXY_HOST b;" in host.text() else [host.text()]))
        left = sorted(os.listdir(os.path.dirname(host.file)))
        tap.case("nothing is left lying about", differ("files", left, ["settings", "settings.link"]))


REFUSED = [
    (["host=a"], "there is no port"),
    (["port=80", "enabled=yes"], "there is no host"),
    (["host=http://a:80", "port=80"], "is a URL"),
    (["host=a b", "port=80"], "a character that no name has"),
    (["host=a\nb", "port=80"], "control character"),
    (["host=a", "port=0"], "from 1 to 65535"),
    (["host=a", "port=80", "auth=yes"], "there is no user"),
    (["host=a", "port=80", "user=u"], "there is no password"),
    (["host=a", "port=80", "user=u:v"], "has a ':' in it"),
    (["host=a", "port=80", "enabled=perhaps"], "yes or no"),
    (["password=secret"], "a password is no argument"),
    (["hots=a"], "did you mean 'host'?"),
    (["host"], "needs a value"),
    (["host="], "unset host"),
    ([], "what is to be set?"),
]


def refusing(program, tap):
    for words, why in REFUSED:
        with Host(program) as host:
            status, out, err = host.do("set", *words)
            wrong = differ("status", status, 2) + differ("output", out, "")
            wrong += [] if why in err else [err]
            wrong += ["a file was written"] if os.path.exists(host.file) else []
            tap.case(f"set {' '.join(words)!r} is refused", wrong)
    with Host(program) as host:
        status, _, err = host.do("set", "host=" + "abcdefghi." * 6 + "abcde", "port=80")
        tap.case("65 characters: a warning that says why", differ("status", status, 0) +
                 ([] if "warning: " in err and "smart licensing" in err else [err]))


def secrets(program, tap):
    with Host(program) as host:
        said = host.do("set", "host=a", "port=80", "user=u", "password", stdin=SPECIAL + "\n")
        mode = stat.S_IMODE(os.stat(host.file + ".password").st_mode)
        tap.case("the password has its own file", differ("said", said, (0, "", "")) +
                 differ("password", host.password(), SPECIAL + "\n") + differ("mode", mode, 0o600))
        os.chmod(host.file + ".password", 0o644)
        host.do("set", "password", stdin="geheim\n")
        mode = stat.S_IMODE(os.stat(host.file + ".password").st_mode)
        tap.case("whose mode is put right", differ("mode", mode, 0o600))
        said = host.do("show") + host.do("show", "--json") + (host.text(),)
        tap.case("and it is never shown", [said] if "geheim" in repr(said) else [])
        status, _, err = host.do("unset", "password")
        tap.case("it is not forgotten while it is needed", differ("status", status, 2) +
                 differ("password", host.password(), "geheim\n") +
                 ([] if "no password" in err else [err]))
        said = host.do("unset", "user", "password")
        tap.case("and is, when it is not", differ("said", said, (0, "", "")) + (
            ["it is still there"] if os.path.exists(host.file + ".password") else []))
        status, _, err = host.do("set", "user=u", "password", stdin="x" * 256 + "\n")
        tap.case("256 bytes are too many", differ("status", status, 2) +
                 ([] if "256 bytes, more than 255" in err else [err]))
    for number, character in enumerate([chr(c) for c in range(0x20, 0x7f)] + ["ä", "密", "𐍈"]):
        with Host(program) as host:
            user = "u" if character == ":" else character
            status, _, err = host.do("set", "host=a", "port=80", "user=" + user, "password",
                                     stdin=f"a{character}b\n")
            wrong = differ("status", (status, err if character.isascii() else ""), (0, ""))
            wrong = wrong or differ("user", host.shown()["user"], user)
            wrong = wrong or differ("password", host.password(), f"a{character}b\n")
            if wrong or number == 0:
                tap.case(f"user and password with {character!r}", wrong)
    tap.case("every printable character")


def broken(program, tap):
    with Host(program) as host:
        host.write("iprep_proxy {\n  PROXY_HOST a;\n  PROXY_PORT x;\n}\n")
        status, _, err = host.do("show")
        tap.case("a file that can't be read is named with the place", differ("status", status, 2) +
                 ([] if "line 3, column 14: PROXY_PORT takes a number" in err else [err]))
        tap.case("and set mends it", differ("said", host.do("set", "port=80"), (0, "", "")))
        host.write("iprep_proxy {\n  PROXY_HOST a;\n}\n")
        status, _, err = host.do("show")
        tap.case("settings that can't work: exit 1", differ("status", status, 1) +
                 ([] if "there is no port" in err else [err]))
        host.write("#" * (1 << 18) + "\n")
        status, _, err = host.do("show")
        tap.case("a file without an end", differ("status", status, 2) +
                 ([] if "more than 262144 bytes" in err else [err]))


# ---- apply and undo ------------------------------------------------------------------------------

BEFORE = {
    "etc/environment": b"# mine\nHTTPS_PROXY=http://old:secret@x:1\nLANG=C\nNO_PROXY=.lan",
    "etc/wgetrc": b"timeout = 3\n#http_proxy = no\nHttp-Proxy = http://o:1\nproxy_password = secret\n",
    "etc/gitconfig": b"[user]\n\tname = x\n[http]\n\tproxy = old\n\tsslVerify = true\n[core]\n",
    "etc/pip.conf": b"[global]\nproxy =\n   http://o\nindex-url = a\n[install]\nproxy-x = y\n",
    "root/.curlrc": b"silent\n-x old:1\nproxy-user = \"o:secret\"\n",
    "root/.npmrc": b"//registry/:_authToken=secret\nproxy = http://o:1\n",
    "root/.docker/config.json": b'{"auths": {"r": {"auth": "secret"}}, "proxies": {"default": '
                                b'{"noProxy": "a", "httpProxy": "http://o:1"}}, "x": [1, {"y": []}]}',
}


def snapshot(root):
    """{path: (mode, content)} of an image, but for what viaduct keeps there."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = (os.stat(path).st_mode, file.read())
    return {k: v for k, v in found.items() if not k.startswith("var/")}


class Image(Host):
    """A host with an image beside it."""

    def __init__(self, program, before=None):
        super().__init__(program)
        self.root = os.path.join(self.folder.name, "image")
        os.mkdir(self.root)
        for name, text in (before or {}).items():
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            with open(self.path(name), "wb") as file:
                file.write(text)

    def path(self, name):
        return os.path.join(self.root, name)

    def apply(self, *words):
        return self.do("apply", "--root", self.root, *words)

    def undo(self, *words):
        return run(self.program, ["settings", "undo", "--root", self.root, *words])

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()


def applying(program, tap):
    with Image(program, BEFORE) as host:
        host.do("set", "host=proxy.example", "port=3128", "user=me", "password", stdin="geheim\n")
        os.chmod(host.path("root/.npmrc"), 0o600)
        before = snapshot(host.root)
        status, out, err = host.apply()
        tap.case("without consent nothing changes", differ("status", status, 2) +
                 differ("files", snapshot(host.root), before) +
                 ([] if "--yes" in err and "+proxy=http://me:***@proxy.example:3128" in out else
                  [out, err]))
        tap.case("the diff has no secrets", [out] if re.search("secret|geheim", out) else [])
        status, out, err = host.apply("--yes")
        tap.case("with --yes it does", differ("status", status, 0) +
                 ([out + err] if re.search("secret|geheim", out + err) else []))
        url = "http://me:geheim@proxy.example:3128"
        expected = {
            "etc/environment": f"# mine\nHTTPS_PROXY={url}\nLANG=C\nNO_PROXY=.lan\nhttp_proxy={url}\n"
                               f"https_proxy={url}\n",
            "etc/wgetrc": f"timeout = 3\n#http_proxy = no\nhttp_proxy = {url}\nuse_proxy = on\n"
                          f"https_proxy = {url}\n",
            "etc/gitconfig": f"[user]\n\tname = x\n[http]\n\tproxy = {url}\n\tsslVerify = true\n[core]\n",
            "etc/pip.conf": f"[global]\nproxy = {url}\nindex-url = a\n[install]\nproxy-x = y\n",
            "root/.curlrc": f"silent\nproxy = \"{url}\"\nproxy-anyauth\n",
            "root/.npmrc": f"https-proxy={url}\n//registry/:_authToken=secret\nproxy={url}\n",
        }
        for name, text in expected.items():
            tap.case(f"{name} is as it should be", differ("text", host.read(name), text))
        known = json.loads(host.read("root/.docker/config.json"))
        tap.case("docker's configuration keeps the rest", differ("read", known, {
            "auths": {"r": {"auth": "secret"}}, "x": [1, {"y": []}], "proxies": {"default": {
                "noProxy": "a", "httpProxy": url, "httpsProxy": url}}}))
        tap.case("modes stay", differ("mode", stat.S_IMODE(
            os.stat(host.path("root/.npmrc")).st_mode), 0o600))
        applied = snapshot(host.root)
        said = host.apply("--yes")
        tap.case("again, there is nothing to do", differ("said", said[:2], (
            0, "all is set so already\n")))
        host.do("set", "enabled=no")
        status, _, err = host.apply("--yes")
        gone = [n for n, (_, text) in snapshot(host.root).items() if b"proxy.example" in text]
        tap.case("disabled, the proxy is nowhere", differ("said", (status, err), (0, "")) +
                 differ("files with it", gone, []))
        status = host.undo("--yes")[0]
        tap.case("undo brings back the last", differ("status", status, 0) +
                 differ("files", snapshot(host.root), applied))
        with open(host.path("etc/wgetrc"), "a", encoding="utf-8") as file:
            file.write("# edited\n")
        edited = snapshot(host.root)
        status, _, err = host.undo("--yes")
        tap.case("what others changed is not undone unasked", differ("status", status, 2) +
                 differ("files", snapshot(host.root), edited) +
                 ([] if "was changed since" in err else [err]))
        with open(host.path("etc/wgetrc"), "wb") as file:
            file.write(applied["etc/wgetrc"][1])
        status, out, err = host.undo("--yes")
        tap.case("undo twice, and all is as it was, byte for byte", differ("status", status, 0) +
                 differ("files", snapshot(host.root), before) +
                 ([out + err] if re.search("secret|geheim", out + err) else []))
        status, _, err = host.undo("--yes")
        tap.case("and then there is nothing to undo", differ("status", status, 2) +
                 ([] if "nothing was applied" in err else [err]))


# a file of pip's before, and what of it pip reads afterwards beside the proxy
INDENTED = {
    "[global]\n   index-url = a\n[install]\nx = y\n": {"index-url": "a"},
    "[global]\nproxy =\n  http://o\n\n  # c\n  http://p\nindex-url = a\n": {"index-url": "a"},
    "[global]\n  proxy = o\n  find-links =\n     a\n     b": {"find-links": "\na\nb"},
    "[install]\nx = y": {},
    "": {},
}


def continuing(program, tap):
    for text, rest in INDENTED.items():
        with Image(program, {"etc/pip.conf": text.encode()}) as host:
            host.do("set", "host=a", "port=1")
            host.apply("--yes", "pip")
            parser = configparser.RawConfigParser()
            parser.read_string(host.read("etc/pip.conf"))
            tap.case(f"pip reads {text!r} as before", differ(
                "read", dict(parser["global"]), {"proxy": "http://a:1", **rest}))


def asking(program, tap):
    """On a terminal it asks, and a password is not echoed."""
    def answer(host, words, text):
        ours, theirs = pty.openpty()
        with subprocess.Popen([program, "settings", *words, "--file", host.file], stdin=theirs,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for line in text:
                if "set" in words:
                    while not process.stderr.read(1) == b":":
                        pass   # the prompt: the terminal is silent by now
                os.write(ours, line)
            process.communicate(timeout=60)
        os.close(theirs)
        os.set_blocking(ours, False)
        try:
            echoed = os.read(ours, 65536)
        except OSError:
            echoed = b""
        os.close(ours)
        return process.returncode, echoed
    with Image(program) as host:
        host.do("set", "host=a", "port=1")
        said = answer(host, ["set", "user=u", "password"], [b"geheim\n", b"geheim\n"])
        tap.case("a password is asked for twice, without echo", differ("status", said[0], 0) +
                 differ("password", host.password(), "geheim\n") +
                 ([said] if b"geheim" in said[1] else []))
        words = ["apply", "wget", "--root", host.root]
        tap.case("no is no", differ("status", answer(host, words, [b"n\n"])[0], 2) +
                 differ("files", snapshot(host.root), {}))
        tap.case("yes is yes", differ("status", answer(host, words, [b"y\n"])[0], 0) +
                 differ("files", list(snapshot(host.root)), ["etc/wgetrc"]))


def escaping(program, tap):
    with Host(program) as host:
        host.do("set", "host=a", "port=1")
        status, _, err = host.do("apply", "--root", "/nowhere/image", "--yes", "wget")
        tap.case("an image that is not there is named", differ("status", status, 2) +
                 ([] if "/nowhere/image: No such file" in err else [err]))
    with Image(program) as host:
        host.do("set", "host=a", "port=1")
        outside = os.path.join(host.folder.name, "outside")
        os.mkdir(outside)
        os.symlink(outside, host.path("etc"))
        status, _, err = host.apply("--yes", "wget")
        tap.case("a link that leads out of the image is refused", differ("status", status, 2) +
                 differ("outside", os.listdir(outside), []) +
                 ([] if "leads out of" in err else [err]))
    with Image(program, {"root/.docker/config.json": b"[]", "etc/wgetrc": b""}) as host:
        host.do("set", "host=a", "port=1")
        before = snapshot(host.root)
        status, _, err = host.apply("--yes")
        tap.case("one file that can't be changed, and none is", differ("status", status, 2) +
                 differ("files", snapshot(host.root), before) +
                 ([] if "is no JSON object" in err else [err]))
        status, _, err = host.apply("--yes", "wgte")
        tap.case("an unknown tool", differ("status", status, 2) +
                 ([] if "did you mean 'wget'?" in err else [err]))


class Listener(Raw):
    """A proxy that asks for credentials, says yes to all, and remembers what it was told."""

    def __init__(self, scheme=b"Basic realm=x"):
        self.scheme, self.told = scheme, []
        super().__init__(self.answer)

    def answer(self, wire):
        found = re.search(rb"(?i)proxy-authorization: basic (\S+)", wire.until(b"\r\n\r\n"))
        if found:
            self.told.append(base64.b64decode(found[1]).decode())
        wire.send((b"HTTP/1.1 200 OK" if found else b"HTTP/1.1 407 No\r\n"
                   b"Proxy-Authenticate: " + self.scheme) +
                  b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def ask(command, **environment):
    keep = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run(command, env={**keep, "LC_ALL": "C.UTF-8", **environment}, check=False,
                          timeout=60, capture_output=True, stdin=subprocess.DEVNULL)
    return done.stdout.decode().strip()


def by_url(url):
    """user:password of a URL, as the tool that gave it to us would undo it."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.unquote(f"{parts.username}:{parts.password}") if parts.username else url


class Daemon(Raw):
    """As much of Docker's daemon as makes the client create a container; it keeps the environment."""

    def __init__(self):
        self.environment = []
        super().__init__(self.answer)

    def answer(self, wire):
        while True:
            head = wire.until(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            body = wire.exactly(int(length[1])) if length else b""
            answer = b"OK"
            if b"/containers/create" in head:
                self.environment = json.loads(body)["Env"]
                answer = b'{"Id": "x", "Warnings": []}'
            wire.send(b"HTTP/1.1 %d OK\r\nApi-Version: 1.43\r\nContent-Type: application/json\r\n"
                      b"Content-Length: %d\r\n\r\n" % (201 if answer != b"OK" else 200, len(answer))
                      + (b"" if head.startswith(b"HEAD") else answer))


def by_docker(host, _):
    """What Docker's own client has a container's environment be."""
    daemon = Daemon()
    ask(["docker", "-H", f"tcp://127.0.0.1:{daemon.port}", "create", "--pull=never", "image"],
        DOCKER_CONFIG=host.path("root/.docker"))
    found = [v for v in daemon.environment or [] if v.startswith("HTTP_PROXY=")]
    return by_url(found[0].partition("=")[2]) if found else f"nothing: {daemon.environment}"


def by_systemd(host, name):
    """What systemd makes of an assignment, told by its own verifier; that takes units alone, where the
    manager's file has the same under another name."""
    units = os.path.join(host.folder.name, "systemd", "user")
    os.makedirs(units, exist_ok=True)
    text = host.read(name).replace("[Manager]\nDefaultEnvironment", "[Service]\nEnvironment")
    with open(os.path.join(units, "x.service"), "w", encoding="utf-8") as file:
        file.write(text + "ExecStart=/bin/true\n")
    keep = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", "x.service"], check=False,
                          env={**keep, "XDG_CONFIG_HOME": host.folder.name, "LC_ALL": "C.UTF-8",
                               "XDG_RUNTIME_DIR": host.folder.name, "SYSTEMD_LOG_LEVEL": "debug"},
                          capture_output=True, timeout=60)
    said = (done.stdout + done.stderr).decode("utf-8", "backslashreplace")
    found = re.search(r"Environment: http_proxy=(.*)", said, re.IGNORECASE)
    return by_url(found[1]) if found else said[-300:]


MANAGER = "etc/systemd/system.conf.d/viaduct-proxy.conf"
DROP_IN = "etc/systemd/system/docker.service.d/viaduct-proxy.conf"
PYTHON = "import urllib.request as r; print(r.getproxies().get('http'))"

# tool: the program it takes, and how it is made to tell, or to use, what it was set to
READERS = {
    "sh": ("sh", lambda h, p: by_url(ask(["sh", "-c", '. "$0"; printf %s "$http_proxy"',
                                          h.path("etc/profile.d/viaduct-proxy.sh")]))),
    "environment": (None, lambda h, p: by_url(ask([sys.executable, "-c", PYTHON], **dict(
        line.split("=", 1) for line in h.read("etc/environment").splitlines())))),
    "curl": ("curl", lambda h, p: used(p, ["curl", "-sK", h.path("root/.curlrc"), "http://a.invalid/"])),
    "wget": ("wget", lambda h, p: used(p, ["wget", "-qO-", "http://a.invalid/"],
                                       WGETRC=h.path("etc/wgetrc"))),
    "git": ("git", lambda h, p: by_url(ask(["git", "config", "-f", h.path("etc/gitconfig"),
                                            "http.proxy"]))),
    "apt-config": ("apt-config", lambda h, p: by_url(ask(
        ["sh", "-c", 'apt-config shell X Acquire::http::Proxy | sed "s/^X=.//; s/.$//"'],
        APT_CONFIG=h.path("etc/apt/apt.conf.d/99viaduct-proxy")))),
    "docker": (None, lambda h, p: by_url(json.loads(h.read("root/.docker/config.json"))
                                         ["proxies"]["default"]["httpProxy"])),
    "docker's client": ("docker", by_docker),
    "systemd": ("systemd-analyze", lambda h, p: by_systemd(h, MANAGER)),
    "docker's unit": ("systemd-analyze", lambda h, p: by_systemd(h, DROP_IN)),
}
# these are slow, and asked for all characters at once
SLOW = {
    "npm": ("npm", lambda h, p: used(p, ["npm", "ping", "--registry=http://a.invalid/",
                                         "--fetch-retries=0"],
                                     NPM_CONFIG_USERCONFIG=h.path("root/.npmrc"),
                                     NO_UPDATE_NOTIFIER="1")),
    "pip": ("pip", lambda h, p: used(p, [sys.executable, "-m", "pip", "--retries=0", "download",
                                         "--no-deps", "--index-url=http://a.invalid/",
                                         "--trusted-host=a.invalid", "-d", h.root, "x"],
                                     PIP_CONFIG_FILE=h.path("etc/pip.conf"))),
}


def used(listener, command, **environment):
    listener.told.clear()
    ask(command, **environment)
    return listener.told[-1] if listener.told else "nothing"


def reading_back(program, tap):
    """Each tool has what was set, whatever characters it was made of."""
    listener = Listener()
    every = "".join(chr(c) for c in range(0x20, 0x7f)) + "ä密𐍈"
    ascii_alone = every[:0x7f - 0x20]
    texts = [every[i:i + 7] for i in range(0, len(every), 7)] + [SPECIAL, ascii_alone, every]
    there = {tool: not needs or bool(shutil.which(needs))
             for tool, (needs, _) in {**READERS, **SLOW}.items()}
    wrong = {tool: [] for tool in there}
    # pip has no encoding for the rest, and apply warns of it
    slow_text = {"npm": every, "pip": ascii_alone}
    for text in texts:
        with Image(program) as host:
            user = f"u{text.replace(':', '')}v"
            host.do("set", "host=127.0.0.1", f"port={listener.port}", "user=" + user, "password",
                    stdin=f"a{text}b\n")
            status, _, err = host.apply("--yes")
            if status:
                raise Broken(err)
            if ("pip sends user and password in Latin-1" in err) == text.isascii():
                wrong["pip"].append(f"{text!r}: {err}")
            for tool, (_, reader) in {**READERS, **SLOW}.items():
                if there[tool] and (tool not in SLOW or text == slow_text[tool]):
                    wrong[tool] += differ(repr(text), reader(host, listener), f"{user}:a{text}b")
    for tool, complaints in wrong.items():
        if there[tool]:
            tap.case(f"{tool} reads back every character", complaints)
        else:
            tap.skip(f"{tool} reads back every character", f"there is no {tool}")


# ---- export --------------------------------------------------------------------------------------

# format: the file that apply would write
FORMATS = {
    "env": "etc/profile.d/viaduct-proxy.sh", "environment": "etc/environment", "curl": "root/.curlrc",
    "wget": "etc/wgetrc", "git": "etc/gitconfig", "apt": "etc/apt/apt.conf.d/99viaduct-proxy",
    "npm": "root/.npmrc", "pip": "etc/pip.conf", "docker": "root/.docker/config.json",
    "dockerd": DROP_IN, "systemd": MANAGER,
}


def exporting(program, tap):
    with Image(program) as host:
        status, out, err = host.do("export")
        tap.case("without a proxy there is nothing to export", differ("said", (status, out), (2, "")) +
                 ([] if "no proxy is enabled" in err else [err]))
        host.do("set", "host=2001:db8::1", "port=3128", "user=me", "password", stdin=SPECIAL + "geheim\n")
        host.apply("--yes")
        for name, path in FORMATS.items():
            status, out, err = host.do("export", "--format", name, "--with-password")
            text = re.sub(r"^# Written.*\n", "", host.read(path))
            tap.case(f"export --format {name} is what apply writes", differ("status", status, 0) +
                     differ("text", out, text) + ([] if "the password stands in it" in err else [err]))
            status, out, err = host.do("export", "--format=" + name)
            tap.case(f"export --format {name} leaves the password out", differ("status", status, 0) +
                     ([out] if "geheim" in out or "me@[2001:db8::1]:3128" not in out else []) +
                     ([] if "--with-password" in err else [err]))
        status, out, _ = host.do("export", "--format", "json", "--with-password")
        record = json.loads(out)
        tap.case("export --format json", differ("user", by_url(record.pop("url")),
                                                f"me:{SPECIAL}geheim") + differ("record", record, {
            "v": 1, "host": "2001:db8::1", "port": 3128, "user": "me", "password": SPECIAL + "geheim",
            "except": ["localhost", "127.0.0.1", "::1"]}))
        tap.case("and without the password", [out] if "geheim" in host.do(
            "export", "--format", "json")[1] else [])
        status, out, err = host.do("export", "--format", "pac", "--with-password")
        tap.case("a PAC file has no place for secrets", differ("status", status, 0) +
                 ([out] if "geheim" in out or "me" in re.findall(r'"([^"]*)"', out) else []) +
                 ([] if "no place for user and password" in err else [err]))
        if shutil.which("node"):
            said = ask(["node", "-e", out + "; console.log(FindProxyForURL('https://a/', 'a') + ' ' + "
                        "FindProxyForURL('http://localhost/', 'localhost'))"])
            tap.case("and is one", differ("said", said, "PROXY [2001:db8::1]:3128 DIRECT"))
        else:
            tap.skip("and is one", "there is no node")
        for words, why in ((["--format", "wgte"], "did you mean 'wget'?"), (["curl"], "--format curl")):
            status, out, err = host.do("export", *words)
            tap.case(f"export {' '.join(words)} is refused", differ("said", (status, out), (2, "")) +
                     ([] if why in err else [err]))


# ---- test ----------------------------------------------------------------------------------------

def testing(program, tap):
    def verdict(host, *words):
        status, out, err = host.do("test", "--json", *words)
        record = json.loads(out) if out else {}
        return status, record.get("verdict"), record.get("summary", "") + err
    with Host(program) as host:
        status, out, err = host.do("test", "http://a.invalid/")
        tap.case("without a proxy there is nothing to test", differ("said", (status, out), (2, "")) +
                 ([] if "no proxy is enabled" in err else [err]))
        status, out, err = host.do("test", "--file", "/dev/null", "http://a.invalid/")
        tap.case("what is no file is no settings", differ("said", (status, out), (2, "")) +
                 ([] if "/dev/null can't be read" in err else [err]))
        for text, why in (("PROXY_HOST a;", "there is no port"), ("PROXY_HOST a; PROXY_PORT x;", "PROXY_PORT"),
                          ("PROXY_HOST \"a b\"; PROXY_PORT 1;", "character"),
                          ("PROXY_HOST a; PROXY_PORT 1; PROXY_USER u;", "no password"), ("{", "line 1")):
            host.write("iprep_proxy {" + text + "}\n")
            status, found, said = verdict(host, "http://a.invalid/")
            tap.case(f"{text} is a diagnosis", differ("found", (status, found), (1, "settings-invalid")) +
                     ([] if why in said else [said]))
        host.write("")
        listener = Listener()
        host.do("set", "host=127.0.0.1", f"port={listener.port}", "user=me", "password",
                stdin=SPECIAL + "\n")
        status, found, said = verdict(host, "http://a.invalid/")
        tap.case("user and password are the settings'", differ("found", (status, found), (0, "ok")) +
                 differ("told", listener.told[-1:], [f"me:{SPECIAL}"]) + ([said] if status else []))
        ntlm = Listener(b"NTLM\r\nProxy-Authenticate: Negotiate")
        host.do("set", f"port={ntlm.port}")
        status, found, said = verdict(host, "http://a.invalid/")
        tap.case("NTLM alone is said to be unsupported",
                 differ("found", (status, found), (1, "auth-unsupported")) +
                 ([] if "NTLM" in said else [said]) + differ("told", ntlm.told, []))
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        host.do("set", f"port={port}")
        status, found, said = verdict(host)
        tap.case("without a URL it says which it takes",
                 differ("found", (status, found), (1, "proxy-refused")) +
                 ([] if "https://tools.cisco.com/" in said else [said]))
        for words, why in ((["a.invalid"], "no URL"), (["http://a/", "http://b/"], "one URL at a time"),
                           (["http://u:p@a/"], "credentials")):
            status, out, err = host.do("test", *words)
            tap.case(f"test {' '.join(words)} is refused", differ("said", (status, out), (2, "")) +
                     ([] if why in err else [err]))


def main():
    program, tap = os.path.abspath(sys.argv[1]), Tap()
    for check in (first, keeping, refusing, secrets, broken, applying, continuing, asking, escaping,
                  reading_back, exporting, testing):
        try:
            check(program, tap)
        except (Broken, OSError, ValueError) as error:
            tap.case(check.__name__, [repr(error)])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
