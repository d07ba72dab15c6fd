#!/usr/bin/env python3
"""viaduct check --profile, --change-request, and the host's settings, with real peers on loopback.

    profile.py VIADUCT
"""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

import check
from check import Bench, at, main, made, over_tls, stubborn
from viaduct import records

INSTALLED = {"cisco-fmc": 8, "debian": 4, "docker": 10, "github": 10, "npm": 2, "pypi": 2, "windows-update": 8}

# What the table says, with times and ports replaced.
TABLE = """\
A product (test, 2026-11-23)
through the http proxy 127.0.0.1:PROXY, from -x

✓ ok                  https://localhost:TLS/                          TIME 200
✓ answered            https://localhost:TLS/nothing                   TIME 404
✓ answered            https://localhost:TLS/nothing?...               TIME 404
✗ not-found           https://localhost:TLS/nothing                   TIME 404
    the origin does not have GET https://localhost/nothing (404 Not Found)
✗ unlike              https://localhost:TLS/moved                     TIME 200
    the answer is 200, not what it wants
✓ answered            http://localhost:WEB/secret                     TIME 403
✗ denied              https://blocked.example/                        TIME
    the proxy (viaduct) refused CONNECT blocked.example:443 with 403 Forbidden,
    TIME after the request: "viaduct; error=http_request_denied;
    details="rule: rule at line 7: deny to blocked.example""
    its page says: An access rule of the proxy denies this. rule at line 7: deny
    to blocked.example Ask the proxy's operator for a rule that allows it. 403
    rule, said by the proxy viaduct (viaduct)

7 targets: 4 reached, 3 not (denied 1, not-found 1, otherwise 1)
1 host more can only be allowed, not tested
"""


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


class World:
    """A proxy that denies a host, an origin in TLS and one without, a profile of all that."""

    def __init__(self, b):
        self.secure = made.Origin(over_tls(b.pki.context("good"), check.answer))
        self.plain = made.Origin(check.answer)
        self.proxy = made.Proxy([b.program, "proxy"],
                                "rule deny to blocked.example;\nrule allow from 127.0.0.0/8 port 1-65535;\n")
        self.x = ["--ca", b.pki.ca, "-x", at(self.proxy.port)]
        https = f"https://localhost:{self.secure.port}"
        self.path = write(b.folder, "test.profile", f"""
title "A product"; date 2026-11-23; source https://vendor.example/list;
target {https}/ {{ for "its updates"; pinned; }}
target {https}/nothing {{ for "more"; }}
target {https}/nothing?token=SECRET {{ for "more"; status 404; }}
target {https}/nothing {{ for "a page"; status 200; }}
target {https}/moved {{ for "a redirect"; status 404; }}
target http://localhost:{self.plain.port}/secret {{ for "downloads"; }}
target https://blocked.example/ {{ for "its licence"; pinned; }}
allow *.cdn.example 443 80 {{ for "downloads"; }}
""")

    def plainly(self, text):
        """Without what differs from run to run."""
        text = text.replace(str(self.secure.port), "TLS").replace(str(self.plain.port), "WEB")
        text = text.replace(str(self.proxy.port), "PROXY").replace(self.proxy.folder.name, "FOLDER")
        return text


def squeeze(text):
    """Times are of any width, and so may be the lines' breaks."""
    return re.sub(r"\s+", " ", re.sub(r"\b\d+(\.\d+)? (ms|s)\b", "TIME", text)).strip()


def table(b):
    w = World(b)
    got = b.run("--profile", w.path, *w.x)
    b.tap.case("the table", [] if squeeze(w.plainly(got[1])) == squeeze(TABLE) and got[0] == 1 and not got[2]
               else [got[0], w.plainly(got[1]), got[2]])
    wide = [line for line in got[1].splitlines() if len(line) > 80]
    b.tap.case("it has 80 columns", wide)
    got = b.run("--json", "--profile", w.path, *w.x)
    found = records(got[1])
    wrong = [] if [r["reached"] for r in found] == [True, True, True, False, False, True, False] and got[0] == 1 \
        else [got]
    wrong += [r for r in found if r["profile"] != "test" or not r["url"] or not r["purpose"] or not r["stages"]
              or r["verdict"] not in ("ok", "not-found", "denied")]
    b.tap.case("a record for each target, in order", wrong)
    short = write(b.folder, "short.profile", f"title a; date 2026-11-23; source s;\n"
                  f"target https://localhost:{w.secure.port}/;")
    got = b.run("--profile", short, *w.x)
    b.tap.case("all reached: exit status 0", [] if got[0] == 0 and "1 target: 1 reached\n" in got[1] else [got])
    got = b.run("--profile", short, env={"https_proxy": at(w.proxy.port), "no_proxy": "localhost"})
    b.usage("nothing that goes through a proxy", "no_proxy exempts localhost", "--profile", short,
            env={"https_proxy": at(w.proxy.port), "no_proxy": "localhost"})
    got = b.run("--json", "--profile", w.path, "--ca", b.pki.ca,
                env={"https_proxy": at(w.proxy.port), "http_proxy": at(w.proxy.port), "no_proxy": "blocked.example"})
    b.tap.case("what goes direct is said, and no failure", [] if '"because":"no_proxy exempts blocked' in got[1]
               else [got])
    w.proxy.stop()


def request(b):
    w = World(b)
    path = os.path.join(b.folder, "request.txt")
    got = b.run("--profile", w.path, *w.x, "--change-request", path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    wrong = [f"it has not: {like}" for like in (
        rf"^Subject: please let A product through the proxy 127\.0\.0\.1:{w.proxy.port}$",
        r"7\s+targets: 4\s+reached, 3 not", r"^  blocked\.example +443 +its licence \[1\]$",
        rf"^  localhost +{w.secure.port} +its updates \[1\]$", r"^  \*\.cdn\.example +443,80 +downloads$",
        r"^\[1\] no TLS inspection", r"^3\. https://blocked\.example/ \(its licence\)$",
        r"^   when +20\d\d-\d\d-\d\dT[\d:.]+Z, for ", r"^   answer +403 Forbidden, from the proxy \(viaduct\)$",
        r"^   its page says +An access rule of the proxy denies", r"^   please +allow CONNECT to blocked\.example:443",
        r"^  https://vendor\.example/list$") if not re.search(like, text, re.MULTILINE)]
    wrong += [f"too wide: {line}" for line in text.splitlines() if len(line) > 78]
    wrong += [f"no plain text: {c!r}" for c in set(text) if not (c == "\n" or " " <= c <= "~")]
    wrong += ["a secret"] if "SECRET" in text + got[1] else []
    b.tap.case("the request has what is to be allowed, and what was seen", wrong and [*wrong, text])
    count = w.secure.count
    b.usage("none replaces a file", "File exists; move it away", "--profile", w.path, *w.x, "--change-request", path)
    b.usage("a folder that is not there is told", "can't be made: No such file", "--profile", w.path, *w.x,
            "--change-request", os.path.join(b.folder, "nowhere", "request"))
    b.tap.case("... before anything is walked", [] if w.secure.count == count else [count, w.secure.count])
    b.tap.case("nothing is left beside it", [n for n in os.listdir(b.folder) if ".part" in n])
    w.proxy.stop()


def pinned(b):
    """Inspection by an authority that this host trusts, and the product does not."""
    def proxy(s):
        made.read_head(s)
        s.sendall(b"HTTP/1.1 200 Fine\r\n\r\n")
        over_tls(b.pki.context("own"))(s)
    both = b.pki.path("trusted.pem")
    with open(both, "w", encoding="ascii") as out:
        for name in ("ca.pem", "own.pem"):
            with open(b.pki.path(name), encoding="ascii") as part:
                out.write(part.read())
    origin, inspecting = made.Origin(over_tls(b.pki.context("good"))), made.Origin(proxy)
    for word, reached in (("pinned;", False), ("", True)):
        path = write(b.folder, "pinned.profile", "title a; date 2026-11-23; source s;\n"
                     f"target https://localhost:{origin.port}/ {{ {word} }}")
        got = b.run("--json", "--direct", "--ca", both, "-x", at(inspecting.port), "--profile", path)
        found = records(got[1])
        b.tap.case(f"inspection, {word or 'not pinned'}", [] if len(found) == 1 and
                   found[0]["reached"] is reached and found[0]["verdict"] == "tls-intercepted" else [got])


def at_once(b):
    """Four walks at a time: a proxy that answers nobody before four are in, and counts."""
    together = threading.Barrier(4)
    lock, inside, most = threading.Lock(), [0], [0]

    def proxy(s):
        made.read_head(s)
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        together.wait(made.PATIENCE)
        with lock:
            inside[0] -= 1
        s.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    holds = made.Origin(proxy)
    path = write(b.folder, "many.profile", "title a; date 2026-11-23; source s;\n" + "".join(
        f"target https://h{i}.example/;\n" for i in range(12)))
    got = b.run("--json", "--profile", path, "-x", at(holds.port))
    found = records(got[1])
    right = [r["target"] for r in found] == [f"h{i}.example:443" for i in range(12)] and most[0] == 4
    b.tap.case("four at once, told in order", [] if right and not together.broken else [got, most])


def refused(b):
    """A password that is wrong is shown twice at most, however many targets there are."""
    shown = []
    path = write(b.folder, "refused.profile", "title a; date 2026-11-23; source s;\n" + "".join(
        f"target https://h{i}.example/;\n" for i in range(8)))
    got = b.run("--json", "--profile", path, "-x", at(stubborn(shown).port), "-U", "alice", stdin=b"wrong")
    found = records(got[1])
    right = (len(found) == 8 and found[0]["verdict"] == "auth-rejected" and 1 <= shown.count(True) <= 2 and got[0] == 1
             and all("refused the password" in r["because"] for r in found[1:]))
    b.tap.case("a wrong password is not shown to each", [] if right else [got, shown])


def installed(b):
    proxy = made.Proxy([b.program, "proxy"], "rule deny;\n")
    for name, count in INSTALLED.items():
        path = os.path.join(b.folder, name + ".txt")
        got = b.run("--json", "--profile", name, "-x", at(proxy.port), "--change-request", path)
        found = records(got[1])
        wrong = [] if got[0] == 1 and len(found) == count and {r["verdict"] for r in found} == {"denied"} else [got]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        wrong += [r["url"] for r in found if r["url"].split("/")[2].split(":")[0] not in text]
        b.tap.case(f"{name} is installed", wrong)
    folder = os.path.join(b.folder, "prefix")
    for part in ("bin", "share/viaduct/profiles"):
        os.makedirs(os.path.join(folder, part))
    shutil.copy(b.program, os.path.join(folder, "bin"))
    write(os.path.join(folder, "share/viaduct/profiles"), "mine.profile",
          "title a; date 2026-11-23; source s; target https://a.example/;")
    other = Bench(os.path.join(folder, "bin/viaduct"), b.folder, b.pki, b.tap)
    got = other.run("--profile", "mine", "-x", at(proxy.port))
    b.tap.case("wherever it was installed", [] if got[0] == 1 and "a (mine, 2026-11-23)" in got[1] else [got])
    proxy.stop()
    b.usage("a name that is none", "there is no profile 'dockr'; there are: cisco-fmc, debian", "--profile", "dockr")
    b.usage("a file that is none", "none.profile: there is no such file", "--profile", "./none.profile")
    path = write(b.folder, "faults.profile", "title a;\ndate b;\nsource s;\ntarget c { pined; }\n")
    b.usage("faults, with line and column", r"faults\.profile:2:6: a date(.|\n)*faults\.profile:4:8: 'c' is no URL"
            r"(.|\n)*faults\.profile:4:12: .*did you mean 'pinned'", "--profile", path)
    b.usage("a profile and a URL", "not both", "--profile", "npm", "http://a/")
    b.usage("a request without a profile", "is for a --profile", "--change-request", "x", "http://a/")


def settings(b):
    origin, proxy = made.Origin(check.answer), made.Proxy([b.program, "proxy"])
    url = f"http://localhost:{origin.port}/"
    path = os.path.join(b.folder, "settings")

    def become(text, password=None):
        write(b.folder, "settings", text)
        if password is not None:
            write(b.folder, "settings.password", password + "\n")
            os.chmod(path + ".password", 0o600)

    def from_where(what):
        return lambda r: what in r["stages"][0]["seen"]
    become(f"iprep_proxy {{\n  PROXY_HOST 127.0.0.1;\n  PROXY_PORT {proxy.port};\n}}\n")
    b.verdict("the host's settings", "ok", None, "--settings", path, url, also=from_where("from this host's settings, "))
    b.verdict("the environment goes before them", "ok", None, "--settings", path, url,
              env={"http_proxy": at(proxy.port)}, also=from_where("from http_proxy"))
    b.verdict("-x goes before them", "ok", None, "--settings", path, "-x", at(proxy.port), url,
              also=from_where("from -x"))
    b.usage("NO_PROXY goes before them", "no_proxy exempts", "--settings", path, url,
            env={"http_proxy": at(proxy.port), "no_proxy": "localhost"})
    become("iprep_proxy { PROXY_HOST a..b; PROXY_PORT 80; }")
    b.verdict("settings that can't work", "settings-invalid", "settings", "--settings", path, url)
    become("iprep_proxy { PROXY_HOST 127.0.0.1; PROXY_PORT 80; PROXY_ENABLED no; }")
    b.usage("settings that are switched off", "have none enabled", "--settings", path, url)
    become("iprep_proxy { PROXY_HOST")
    b.usage("settings that can't be read", "this host's settings: .*line 1", "--settings", path, url)
    users = os.path.join(b.folder, "users")
    subprocess.run([b.program, "proxy", "user", "add", "alice", "-f", users, "-r", "test"],
                         input=check.PASSWORD.encode(), check=True, capture_output=True)
    closed = made.Proxy([b.program, "proxy"], f"auth digest {{ realm test; users {users}; }}\n")
    text = f"iprep_proxy {{ PROXY_HOST 127.0.0.1; PROXY_PORT {closed.port}; PROXY_USER alice; }}"
    become(text, check.PASSWORD)
    b.verdict("user and password of the settings", "ok", None, "--settings", path, url,
              also=lambda r: r["auth"]["user"] == "alice")
    become(text, "wrong")
    b.verdict("a wrong password there", "auth-rejected", "auth", "--settings", path, url)
    closed.stop()
    proxy.stop()
    got = b.run("-x", "127.0.0.1:443", url)
    with socket.socket() as s:
        free = s.connect_ex(("127.0.0.1", 443)) != 0
    if free:
        b.tap.case("a proxy on 443 is wondered at", [] if "443 is the port of web servers" in got[2] else [got])
    else:
        b.tap.skip("a proxy on 443 is wondered at", "something listens there")


if __name__ == "__main__":
    sys.exit(main(table, request, pinned, at_once, refused, installed, settings))
