#!/usr/bin/env python3
"""Help, man pages, completion and doc/exchange.md say the same as the program.

    words.py VIADUCT
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import CAPTURES, ROOT, Broken, Tap, records, run  # noqa: E402

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def text(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def difference(a, b, a_name, b_name):
    return ([f"{x} is in {a_name}, not in {b_name}" for x in sorted(a - b)] +
            [f"{x} is in {b_name}, not in {a_name}" for x in sorted(b - a)])


def complete(program, line):
    """What bash offers for a command line that ends where the cursor is."""
    script = """
		source "$1"; COMP_LINE=$2; COMP_POINT=${#2}
		read -ra COMP_WORDS <<< "${2//=/ = }"
		[[ $2 == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_viaduct && printf '%s\\n' "${COMPREPLY[@]}"
	"""
    folder = os.path.dirname(os.path.abspath(program))
    done = subprocess.run(["bash", "--norc", "-c", script, "bash",
                           os.path.join(ROOT, "completion", "viaduct.bash"), line],
                          capture_output=True, text=True, check=False, cwd=ROOT,
                          env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]})
    return set(done.stdout.split())


# What stands behind a command, where that has words of its own.
WORDS = {"read": ["read"], "check": ["check"], "watch": ["watch"],
         "explain": ["explain"], "connections": ["connections"],
         "console": ["console", "console user"],
         "proxy": ["proxy", "proxy user", "proxy top"],
         "settings": ["settings show", "settings set", "settings unset",
                      "settings test", "settings apply", "settings undo", "settings export",
                      "settings audit"]}


def options(program, tap):
    for command, words in WORDS.items():
        helps = [run(program, [*word.split(), "--help"]) for word in words]
        known = {x for _, said, _ in helps for x in OPTION.findall(said)} - {"--help"}
        tap.case(f"{command} --help says what there is",
                 [] if known and not any(s for s, _, _ in helps) else [f"{helps}"])
        manual = text("doc", f"viaduct-{command}.1").replace("\\&", "")
        written = {"--" + x for x in re.findall(r"\bFl -([a-z][a-z-]*)", manual)} - {"--help"}
        tap.case(f"{command} --help and its man page have the same options",
                 difference(known, written, "--help", "the man page"))
        offered = {x.partition("=")[0] for word in words
                   for x in complete(program, f"viaduct {word} --")}
        tap.case(f"{command} --help and completion have the same options",
                 difference(known, offered - {"--help"}, "--help", "the completion"))


def verdicts(program, tap):
    _, said, _ = run(program, ["explain", "--list"])
    ids = said.split()
    tap.case("explain --list prints an id a line",
             [] if len(ids) > 30 and said == "".join(f"{i}\n" for i in ids) else [said[:300]])
    unknown = [i for i in ids if run(program, ["explain", i])[0] != 0]
    tap.case("explain explains each of them", [f"not {', '.join(unknown)}"] if unknown else ())
    tap.case("the list has every verdict of the manual's examples",
             [i for i in ("ok", "denied", "mtu-black-hole", "unclear") if i not in ids])
    tap.case("completion offers them", difference(
        set(ids), complete(program, "viaduct explain "), "the list", "the completion"))
    offered = complete(program, "viaduct read --only mtu-b")
    tap.case("completion of --only", [] if offered == {"mtu-black-hole"} else [offered])
    offered = complete(program, "viaduct read --color=al")
    tap.case("completion behind =", [] if offered == {"always"} else [offered])


def members(program, tap):
    written = set()
    for row in re.findall(r"^\| (`.*?`) \|", text("doc", "exchange.md"), re.MULTILINE):
        written.update(re.findall(r"`(\w+)`", row))
    lab = os.path.join(CAPTURES, "lab")
    used = set()
    for name in sorted(os.listdir(lab)):
        if ".pcap" in name:
            for record in records(run(program, ["read", "--json", os.path.join(lab, name)])[1]):
                used |= set(record)
    tap.case("doc/exchange.md has every member of the records",
             difference(used, used & written, "the records", "doc/exchange.md"))


def main():
    program, tap = sys.argv[1], Tap()
    for check in (options, verdicts, members):
        try:
            check(program, tap)
        except (Broken, IndexError) as error:
            tap.case(check.__name__, [error])
    for page in ("viaduct.1", "viaduct-read.1", "viaduct-explain.1", "viaduct-check.1",
                 "viaduct-proxy.1", "viaduct-proxy.conf.5", "viaduct-settings.1",
                 "viaduct-connections.1", "viaduct-console.1",
                 "viaduct-watch.1"):
        if not shutil.which("mandoc"):
            tap.skip(page, "there is no mandoc")
            continue
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                               os.path.join(ROOT, "doc", page)],
                              capture_output=True, text=True, check=False)
        tap.case(f"{page} is well formed", [lint.stdout] if lint.returncode else ())
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
