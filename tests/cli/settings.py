#!/usr/bin/env python3
"""viaduct settings: the files it keeps, the tools it sets, and what it finds set.

    settings.py VIADUCT
"""
import json
import os
import stat
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
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


def main():
    program, tap = os.path.abspath(sys.argv[1]), Tap()
    for check in (first, keeping, refusing, secrets, broken):
        try:
            check(program, tap)
        except (Broken, OSError, ValueError) as error:
            tap.case(check.__name__, [repr(error)])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
