#!/usr/bin/env python3
"""viaduct settings audit: what the tools themselves do is what it says of them.

    audit.py VIADUCT
"""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from peer import Raw  # noqa: E402
from viaduct import Broken, Tap  # noqa: E402

KEEP = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and k != "PIP_CONFIG_FILE"}


class Proxy(Raw):
    """Takes requests and remembers them by the path that was asked for, or the host of a CONNECT."""

    def __init__(self):
        self.asked = set()
        super().__init__(self.answer)

    def answer(self, wire):
        head = wire.until(b"\r\n\r\n")
        self.asked.add(head.decode("latin-1").split("\r\n")[0])
        wire.send(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def was_asked_for(self, host):
        return any(re.search(rf"[ /]{re.escape(host)}[:/]", line) for line in self.asked)


def commands(home):
    """Each tool, made to fetch a URL; a 503 ends each of them at once."""
    return {
        "curl": ["curl", "-s", "-m", "20", "URL"],
        "wget": ["wget", "-q", "-O-", "-t1", "-T20", "URL"],
        "git": ["git", "ls-remote", "URL"],
        "apt": ["/usr/lib/apt/apt-helper", "-oAcquire::Retries=0", "download-file", "URLx",
                os.path.join(home, "fetched")],
        "npm": ["npm", "ping", "--registry=URL", "--fetch-retries=0"],
        "pip": [sys.executable, "-m", "pip", "--retries=0", "--disable-pip-version-check", "download",
                "--no-deps", "--index-url=URL", "--trusted-host=HOST", "-d", home, "x"],
    }


ALL = "curl wget git apt npm pip"
QUICK = "curl wget git apt"
SLOW = ("npm", "pip")   # these are asked for one scheme, the first
A, B = "http://127.0.0.1:PORT_A", "http://127.0.0.1:PORT_B"

# what is set: variables, files in the home folder; which tools are asked, and for which schemes
CASES = {
    "in lower case": ({"http_proxy": A, "https_proxy": B}, {}, ALL, "http https"),
    "in upper case": ({"HTTP_PROXY": A, "HTTPS_PROXY": B}, {}, ALL, "https http"),
    "all_proxy": ({"all_proxy": A}, {}, ALL, "http"),
    "ALL_PROXY behind http_proxy": ({"ALL_PROXY": A, "http_proxy": B}, {}, QUICK, "http https"),
    "both cases": ({"http_proxy": A, "HTTP_PROXY": B, "https_proxy": B, "HTTPS_PROXY": A}, {},
                   QUICK + " pip", "http https"),
    "an empty variable": ({"http_proxy": "", "all_proxy": A}, {}, QUICK, "http"),
    "without a scheme": ({"http_proxy": A[7:], "https_proxy": A[7:]}, {}, "curl wget git pip", "http"),
    "files before variables": ({"http_proxy": A, "https_proxy": A}, {
        ".curlrc": f'# c\n--proxy "{B}" # d\n', ".wgetrc": f"Http-Proxy = {B}\n",
        ".gitconfig": f'[http]\n\tproxy = {A}\n[HTTP] proxy = "{B}" ; c\n',
        "apt.conf": f'Acquire {{ http {{ Proxy "{B}"; }}; }}; // c\n',
        ".npmrc": f'proxy = "{B}"\n', "pip.conf": f"[global]\nproxy: {B}\n"}, ALL, "http https"),
    "files for https alone": ({"http_proxy": A}, {
        ".wgetrc": f"https_proxy={B}\n", "apt.conf": f'Acquire::https::Proxy "{B}";',
        ".npmrc": f"https-proxy={B}\nproxy={A}"}, "wget apt npm", "http https"),
    "files that say none": ({"http_proxy": A, "https_proxy": A}, {
        ".curlrc": 'proxy = ""\n', ".wgetrc": "use_proxy = off\n", ".gitconfig": "[http]\nproxy =\n",
        "apt.conf": 'Acquire::http::Proxy "DIRECT";'}, QUICK, "http https"),
    "the last counts": ({}, {
        ".curlrc": f"proxy={A}\nproxy={B}\n", ".wgetrc": f"http_proxy={A}\nhttp_proxy={B}\n",
        ".gitconfig": f"[http]\nproxy={A}\nproxy={B}\n",
        "apt.conf": f'Acquire::http::Proxy "{A}"; Acquire::http::Proxy "{B}";'}, QUICK, "http"),
    "tools' own variables": ({"PIP_PROXY": A, "npm_config_https_proxy": A, "http_proxy": B}, {},
                             "pip npm", "http"),
}


class Home:
    """A home folder with files in it, and the environment that leads there."""

    def __init__(self, variables, files, ports):
        self.folder = tempfile.TemporaryDirectory(prefix="viaduct-audit-")
        self.path = self.folder.name
        self.ports = ports
        for name, text in files.items():
            with open(os.path.join(self.path, name), "w", encoding="utf-8") as file:
                file.write(self.fill(text))
        self.environment = {
            **KEEP, "HOME": self.path, "LC_ALL": "C.UTF-8", "GIT_CONFIG_SYSTEM": "/dev/null",
            "PIP_CONFIG_FILE": os.path.join(self.path, "pip.conf"), "NO_UPDATE_NOTIFIER": "1",
            "APT_CONFIG": os.path.join(self.path, "apt.conf"), "XDG_CONFIG_HOME": self.path,
            "npm_config_userconfig": os.path.join(self.path, ".npmrc"),
            "NPM_CONFIG_USERCONFIG": os.path.join(self.path, ".npmrc"), "GIT_TERMINAL_PROMPT": "0",
            **{k: self.fill(v) for k, v in variables.items()}}
        for name in ("apt.conf", "pip.conf", ".npmrc"):
            with open(os.path.join(self.path, name), "a", encoding="utf-8"):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def fill(self, text):
        return text.replace("PORT_A", str(self.ports["A"])).replace("PORT_B", str(self.ports["B"]))

    def run(self, command):
        return subprocess.run(command, env=self.environment, check=False, timeout=120,
                              capture_output=True, stdin=subprocess.DEVNULL, cwd=self.path)

    def audit(self, program, *words):
        done = self.run([program, "settings", "audit", "--json", "--file",
                         os.path.join(self.path, "none"), *words])
        if done.returncode not in (0, 1):
            raise Broken(done.stderr.decode())
        return json.loads(done.stdout)


def said(record, tool, scheme, ports):
    """A, B or none, as the audit has it."""
    for row in record["proxies"]:
        if row["who"] == tool and scheme in row["for"] and "scope" not in row:
            by_port = {v: k for k, v in ports.items()}
            return "none" if row["direct"] else by_port.get(row.get("port"), str(row))
    return "no row"


def done_by(home, tool, scheme, proxies, host):
    """The same, as the tool does it."""
    url = f"{scheme}://{host}/"
    home.run([word.replace("URL", url).replace("HOST", host) for word in commands(home.path)[tool]])
    return " ".join(name for name, p in proxies.items() if p.was_asked_for(host)) or "none"


def is_there(tool):
    return bool(shutil.which(commands("")[tool][0])) and (
        tool != "pip" or subprocess.run([sys.executable, "-m", "pip", "--version"], check=False,
                                        capture_output=True).returncode == 0)


def beside_the_tools(program, tap):
    proxies = {"A": Proxy(), "B": Proxy()}
    ports = {name: p.port for name, p in proxies.items()}
    there = {tool: is_there(tool) for tool in ALL.split()}
    wrong = {}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        homes, waiting = [], []
        for number, (name, (variables, files, tools, schemes)) in enumerate(CASES.items()):
            home = Home(variables, files, ports)
            homes.append(home)
            record = home.audit(program)
            for tool in tools.split():
                for scheme in schemes.split() if tool not in SLOW else schemes.split()[:1]:
                    if there[tool]:
                        # names that no resolver knows: who is asked for them is a proxy
                        host = f"{tool}-{scheme}-{number}.invalid"
                        waiting.append((name, tool, scheme, said(record, tool, scheme, ports),
                                        pool.submit(done_by, home, tool, scheme, proxies, host)))
        for name, tool, scheme, expected, does in waiting:
            if does.result() != expected:
                wrong.setdefault((name, tool), []).append(
                    f"{scheme}: {tool} uses {does.result()}, the audit says {expected}")
        for home in homes:
            home.folder.cleanup()
    for name, (_, _, tools, _) in CASES.items():
        for tool in tools.split():
            if there[tool]:
                tap.case(f"{tool}, {name}", wrong.get((name, tool), ()))
            else:
                tap.skip(f"{tool}, {name}", f"there is no {tool}")


# ---- exceptions ----------------------------------------------------------------------------------

# entries for 127.0.0.1 or localhost, and who passes them over, as the audit says
ENTRIES = {"127.0.0.0/8": "127.0.0.1", "*": "127.0.0.1", "127.0.0.1:PORT_O": "127.0.0.1",
           "127.*": "127.0.0.1", "x.lan 127.0.0.1": "127.0.0.1", "*.localhost": "a.localhost",
           "http://127.0.0.1": "127.0.0.1"}


def exceptions(program, tap):
    """An exception that a tool ignores, and it goes to the proxy."""
    proxy, origin = Proxy(), Proxy()
    ports = {"A": proxy.port, "B": origin.port}
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for entry, host in ENTRIES.items():
            value = entry.replace("PORT_O", str(origin.port))
            home = Home({"http_proxy": A, "no_proxy": value}, {}, ports)
            text = " ".join(r["what"] for row in home.audit(program)["exceptions"]
                            for r in row["remarks"] if r["conflict"])
            for tool in QUICK.split():
                if not is_there(tool):
                    continue
                path = f"{tool}{len(jobs)}"
                url = f"http://{host}:{origin.port}/{path}/"
                command = [word.replace("URL", url) for word in commands(home.path)[tool]]
                jobs.append((entry, tool, path, text, home, pool.submit(home.run, command)))
    wrong = {entry: [] for entry in ENTRIES}
    for entry, tool, path, text, home, job in jobs:
        job.result()
        passed_over = any(f"/{path}/" in line for line in proxy.asked)
        named = re.search(rf"\b{tool}\b[^.!]*? ignores? ", text) is not None
        if passed_over != named:
            wrong[entry].append(f"{tool} {'ignores' if passed_over else 'takes'} it; the audit: {text}")
        home.folder.cleanup()
    for entry, complaints in wrong.items():
        tap.case(f"who takes the exception {entry}", complaints)


# ---- an image ------------------------------------------------------------------------------------

SETTINGS = "iprep_proxy {\n PROXY_HOST proxy.example;\n PROXY_PORT 3128;\n PROXY_USER me;\n}\n"
URL = "http://me:geheim@proxy.example:3128"
IMAGE = {
    "etc/viaduct/settings": SETTINGS, "etc/viaduct/settings.password": "geheim\n",
    "etc/environment": f"HTTP_PROXY={URL}\nhttps_proxy=proxy.example:3128\nno_proxy=a, .b,[::1]\n",
    "etc/profile.d/x.sh": 'export all_proxy="http://me:geheim@$X:1"\n',
    "root/.curlrc": 'proxy = "https://me:geheim@proxy.example:3128"\n',
    "etc/wgetrc": "https_proxy = http://me:alt-geheim@proxy.example:3128\n",
    "etc/gitconfig": "[http]\n\tproxy = http://me:geheim#x@proxy.example:3128\n"
                     "[http \"https://git.lan\"]\n\tproxy = \"\"\n",
    "etc/apt/apt.conf.d/80x": f'Acquire::http::Proxy "{URL}";\nAcquire::http::Proxy::h "DIRECT";\n',
    "etc/apt/apt.conf.d/80x.bak": 'Acquire::http::Proxy "http://old:1";\n',
    "root/.npmrc": "proxy = http://proxy.example\n",
    "etc/pip.conf": "[global]\nproxy = http://me:ge/heim@proxy.example:3128\n",
    "root/.docker/config.json": json.dumps({"auths": {"r": {"auth": "geheim"}}, "proxies": {
        "default": {"httpProxy": URL, "httpsProxy": URL, "noProxy": "z"}}}),
    "etc/docker/daemon.json": json.dumps({"proxies": {"http-proxy": URL}}),
    "etc/systemd/system.conf.d/p.conf": f'[Manager]\nDefaultEnvironment="https_proxy={URL}"\n',
    "usr/lib/systemd/system/a.service": "[Service]\nEnvironment=http_proxy=http://old:1\n",
    "etc/systemd/system/a.service.d/p.conf": "[Service]\nEnvironment=\n"
                                             "Environment=http_proxy=http://me:%41@proxy.example:3128\n",
    # A file wins over the unit, a later one over an earlier; of two units by one name the first counts for
    # nothing; and a file may be missing, or name one outside of the image.
    "etc/systemd/system/b.service": "[Service]\nEnvironmentFile=-/etc/default/none\nEnvironmentFile=/etc/default/b[12]\n"
                                    "Environment=https_proxy=http://old:1\n",
    "etc/systemd/system/b.service.d/p.conf": "[Service]\nEnvironmentFile=/etc/default/%p.more\n"
                                             "EnvironmentFile=-/etc/default/out\n",
    "etc/default/b1": "http_proxy=http://old:1\nhttps_proxy=http://old:1\n",
    "etc/default/b2": f'# comment\nhttp_proxy="{URL}"\n',
    "etc/default/b.more": f"https_proxy='{URL}' \nexport no_proxy=a\n",
    "usr/lib/systemd/system/c.service": "[Service]\nEnvironment=http_proxy=http://hidden:1\n",
    "etc/systemd/system/c.service": "[Service]\nEnvironmentFile=/etc/default/missing*\n",
    "etc/systemd/system/d@.service": "[Service]\nEnvironmentFile=/etc/default/%i\n",
}
EXPECTED = [
    r"settings +http https +me@proxy\.example:3128$",
    r"logins +http +me@proxy\.example:3128 +/etc/environment:1$",
    r"  ! HTTP_PROXY is not read by curl, wget, git and apt: set http_proxy, too$",
    r"logins +https +proxy\.example:3128 +/etc/environment:2$",
    r"  ! can't work in apt and npm: there is no scheme; write http:// before it$",
    r"  ! differs: it has no user, unlike the settings$",
    r"curl +http https +https://me@proxy\.example:3128$",
    r"  ! differs: it speaks TLS to the proxy, unlike the settings: one of them",
    r"wget +http +-",
    r"wget +https +me@proxy\.example:3128 +/etc/wgetrc:1$",
    r"  ! differs: another password than the settings$",
    r"  ! can't work: a # or ; outside of quotes begins a comment$",
    r"git +https://git\.lan$",
    r"apt +http https +me@proxy\.example:3128 +/etc/apt/apt\.conf\.d/80x:1$",
    r"apt +h +- +/etc/apt/apt\.conf\.d/80x:2$",
    r"  ! there is no port, and tools differ",
    r"pip +http https +\*\*\*@proxy\.example:3128 +/etc/pip\.conf:2$",
    r"docker +http https +me@proxy\.example:3128 +/root/\.docker/config\.json$",
    r"dockerd +http https +me@proxy\.example:3128 +/etc/docker/daemon\.json$",
    r"systemd +https +me@proxy\.example:3128$",
    r"a\.service +http +me@proxy\.example:3128$",
    r"  ! can't work: systemd wants a % doubled$",
    r"b\.service +http https +me@proxy\.example:3128 +/etc/default/b2:2$",
    r"b\.service +a +/etc/default/b\.more:2$",
    r"  ! can't work: systemd knows no export, and passes over the line$",
    r"Left out: .*/etc/default/out leads",
    r"Left out: c\.service: EnvironmentFile=/etc/default/missing\* is not there,",
    r"Left out: d@\.service: EnvironmentFile=/etc/default/%i can't be",
    r"  ! apt takes a blank behind a comma for the begin of a name$",
    r"docker +z +/root/\.docker/config\.json$",
    r"  ! differs: another list than that of logins$",
]


def image(program, tap):
    with tempfile.TemporaryDirectory(prefix="viaduct-audit-") as root:
        for name, text in IMAGE.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        os.symlink(os.path.abspath(program), os.path.join(root, "etc/default/out"))
        for program_name in ("curl", "wget", "git", "apt-get", "npm", "pip3", "dockerd"):
            path = os.path.join(root, "usr/bin", program_name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8"):
                os.chmod(path, 0o755)

        def audit(*words):
            done = subprocess.run([program, "settings", "audit", "--root", root, *words], check=False,
                                  env={**KEEP, "COLUMNS": "80", "http_proxy": "http://not-this:1"},
                                  capture_output=True, stdin=subprocess.DEVNULL)
            return done.returncode, done.stdout.decode(), done.stderr.decode()
        status, out, err = audit()
        lines = out.splitlines()
        tap.case("an image with conflicts: exit 1", [(status, err)] if (status, err) != (1, "") else [])
        for pattern in EXPECTED:
            tap.case(f"a line {pattern}", [] if any(re.match(pattern, x) for x in lines) else [out])
        tap.case("80 columns are enough", [x for x in lines if len(x) > 80])
        tap.case("neither this shell nor a process is the image's",
                 [x for x in lines if "not-this" in x or "Process" in x])
        status, record, err = audit("--json")
        tap.case("as JSON: exit 1, too", [(status, err)] if (status, err) != (1, "") else [])
        tap.case("no password is shown", [x for x in (out, record) if "geheim" in x])
        record = json.loads(record)
        tap.case("the record says it, too",
                 [record] if not record["conflict"] or "processes" in record else [])
        row = [r for r in record["proxies"] if r["who"] == "wget" and "https" in r["for"]]
        expected = {"who": "wget", "for": ["https"], "direct": False, "scheme": "http",
                    "host": "proxy.example", "port": 3128, "user": "me", "password": True,
                    "place": "/etc/wgetrc", "line": 1, "key": "https_proxy", "remarks": [
                        {"conflict": True, "what": "differs: another password than the settings"}]}
        tap.case("a row of the record", [] if row == [expected] else [row])


def all_is_well(program, tap):
    """What apply wrote is no conflict."""
    with tempfile.TemporaryDirectory(prefix="viaduct-audit-") as root:
        os.makedirs(os.path.join(root, "etc/viaduct"))
        with open(os.path.join(root, "etc/viaduct/settings"), "w", encoding="utf-8") as file:
            file.write(SETTINGS)
        with open(os.path.join(root, "etc/viaduct/settings.password"), "w", encoding="utf-8") as file:
            file.write("a@b:c/d%e#f\"g\\h $`'\n")
        run = subprocess.run([program, "settings", "apply", "--yes", "--root", root, "--file",
                              os.path.join(root, "etc/viaduct/settings")], check=False,
                             capture_output=True)
        done = subprocess.run([program, "settings", "audit", "--json", "--root", root], check=False,
                              capture_output=True)
        record = json.loads(done.stdout or "{}")
        remarks = [r for row in record.get("proxies", []) + record.get("exceptions", [])
                   for r in row["remarks"]]
        tap.case("what apply wrote is no conflict", [] if (run.returncode, done.returncode) == (0, 0)
                 and not remarks and len(record["proxies"]) >= 10 else [run.stderr, done.stdout])


# ---- this machine --------------------------------------------------------------------------------

def processes(program, tap):
    """Those that run with a proxy in their environment are found, together where it is the same."""
    with Home({}, {}, {"A": 1, "B": 2}) as home:
        text = "import sys; sys.stdin.read()"
        started = [subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE,
                                    env={**KEEP, "HTTPS_PROXY": f"http://u:geheim@10.9.8.7:{port}"})
                   for port in (7, 7, 8)]
        for process in started:
            # the environment is the new one when exec is over, and then the name is
            while b"sys.stdin" not in open(f"/proc/{process.pid}/cmdline", "rb").read():
                pass
        record = home.audit(program)
        for process in started:
            process.communicate()
        pids = sorted(p.pid for p in started[:2])
        rows = {row["who"]: row for row in record["proxies"] if row.get("host") == "10.9.8.7"}
        name = next((w for w in rows if f"[{pids[0]}]+1" in w), "")
        tap.case("two processes with the same are one row", [] if name and rows[name]["port"] == 7 and
                 rows[name]["user"] == "u" else [list(rows)])
        other = next((w for w in rows if f"[{started[2].pid}]" in w), "")
        tap.case("one that differs is another", [] if other and rows[other]["port"] == 8 else [rows])
        tap.case("they are counted", [] if record["processes"]["with"] >= 3 else [record["processes"]])
        tap.case("their passwords are not shown", [rows] if "geheim" in json.dumps(record) else [])


def usage(program, tap):
    for words, why in ((["x"], "takes no argument"), (["--root", "/nowhere/at/all"], "/nowhere/at/all"),
                       (["--what"], "--what")):
        done = subprocess.run([program, "settings", "audit", *words], check=False, capture_output=True)
        tap.case(f"audit {' '.join(words)}: wrong usage", [] if done.returncode == 2 and
                 why in done.stderr.decode() and not done.stdout else [done])


def main():
    program, tap = os.path.abspath(sys.argv[1]), Tap()
    for check in (usage, image, all_is_well, processes, exceptions, beside_the_tools):
        try:
            check(program, tap)
        except (Broken, OSError, ValueError, KeyError) as error:
            tap.case(check.__name__, [repr(error)])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
