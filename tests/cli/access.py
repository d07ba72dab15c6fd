#!/usr/bin/env python3
"""The proxy's users, --check and --explain, from outside.

    access.py VIADUCT
"""
import os
import pty
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from viaduct import PLAIN, ROOT, Broken, Tap, run  # noqa: E402

CONFIG = """\
listen 127.0.0.1:3128;
auth digest basic { realm "a: realm"; users users; }
rule deny to-list lists/blocked;
rule trial deny method GET;
rule allow user alice from 10.0.0.0/8 to * 192.168.7.0/24;
rule allow from 127.0.0.0/8 to localhost port 22;
"""

# name: (question, exit status, what is said, line by line)
EXPLAINED = {
    "a rule with a user": ("alice 10.1.1.1 8.8.8.8:443", 0, r"8\.8\.8\.8: allowed: rule at line 5"),
    "nobody, where a user is wanted": ("- 10.1.1.1 8.8.8.8:443", 1, "407.*line 5"),
    "a user that is not there": ("eve 10.1.1.1 8.8.8.8:443", 1, "no user 'eve'"),
    "a list": ("alice 10.1.1.1 www.BLOCKED.example:443", 1, "denied: rule at line 3.*to-list"),
    "a trial": ("alice 10.1.1.1 http://8.8.8.8/", 0, "trial rule at line 4"),
    "a port": ("alice 10.1.1.1 8.8.8.8:25", 1, "port 25.*line 5"),
    "a private address": ("alice 10.1.1.1 http://10.0.0.1/", 1, "destinations private allow"),
    "one that a rule names": ("alice 10.1.1.1 https://192.168.7.9/", 0, "allowed: rule at line 5"),
    "IPv4 in IPv6": ("alice 10.1.1.1 [64:ff9b::7f00:1]:443", 1, "loopback"),
    "no rule": ("alice 11.1.1.1 8.8.8.8:443", 1, "no rule matches"),
    "a name, and what it leads to": ("- 127.0.0.1 localhost:22", 1,
                                     r"localhost: allowed[^\n]*line 6(?s:.*)denied: \S+ is a loopback"),
}

WRONG = {
    "no address": (["-", "nowhere", "a:443"], "nowhere"),
    "no target": (["-", "10.1.1.1", "ftp://a/"], "ftp://a/"),
    "too few words": (["-", "10.1.1.1"], "USER FROM TARGET"),
}


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def expect(*args):
    """Complaints about (exit status, output, errors)."""
    return list(complaints(*args))


def complaints(got, status, out="", err=""):
    if got[0] != status:
        yield f"exit status {got[0]}, not {status}: {got[1]}{got[2]}"
    for what, text, like in (("output", got[1], out), ("errors", got[2], err)):
        if not re.search(like, text):
            yield f"standard {what} is not like {like}: {text!r}"


def names(program, path):
    return [line.split("\t")[0] for line in
            run(program, ["proxy", "user", "list", "-f", path])[1].splitlines()]


def users(program, tap, folder):
    path = os.path.join(folder, "u", "users")
    os.mkdir(os.path.dirname(path))

    def user(*words, stdin=b""):
        return run(program, ["proxy", "user", *words, "-f", path], stdin=stdin)

    tap.case("a first user makes the file", expect(user("add", "alice", stdin=b"s3same\n"), 0, "added"))
    mode = os.stat(path).st_mode & 0o777
    tap.case("the file is its owner's alone", [] if mode == 0o600 else [oct(mode)])
    tap.case("no password is in it", ["it is"] if "s3same" in read(path) else ())
    user("add", "bob", stdin=b"x\n")
    before = read(path)
    tap.case("a password is changed", expect(user("add", "alice", stdin=b"other"), 0, "changed"))
    after = read(path)
    tap.case("and nothing else", [] if before != after and names(program, path) == ["bob", "alice"] and
             before.splitlines()[1] in after else [after])
    os.chmod(path, 0o640)
    with open(path, "a", encoding="utf-8") as file:
        file.write("# a comment\nalice:elsewhere:0123456789abcdef0123456789abcdef\n")
    user("add", "alice", stdin=b"again\n")
    tap.case("comments and other realms stay",
             [] if "# a comment\nalice:elsewhere:" in read(path) else [read(path)])
    mode = os.stat(path).st_mode & 0o777
    tap.case("the mode stays", [] if mode == 0o640 else [oct(mode)])
    tap.case("a user is removed", expect(user("remove", "alice"), 0, "removed"))
    tap.case("from every realm", [] if names(program, path) == ["bob"] else [read(path)])
    tap.case("one that is not there is not", expect(user("remove", "alice"), 2, "^$", "alice"))
    tap.case("an empty password is none", expect(user("add", "carol", stdin=b"\n"), 2, "^$", "empty"))
    tap.case("a colon is in no name", expect(user("add", "a:b", stdin=b"x\n"), 2, "^$", "colon"))
    tap.case("a password is no argument", expect(user("add", "carol", "secret"), 2, "^$", "argument"))
    tap.case("an unknown verb is answered with the nearest",
             expect(user("remvoe", "bob"), 2, "^$", "'remove'"))
    tap.case("nothing is left beside the file",
             [] if os.listdir(os.path.dirname(path)) == ["users"] else
             os.listdir(os.path.dirname(path)))


def terminal(program, answers, path):
    """(exit status, all that the terminal showed) of adding a user by hand."""
    child, terminal_fd = pty.fork()
    if child == 0:
        os.execve(program, [program, "proxy", "user", "add", "tty", "-f", path], {**os.environ, **PLAIN})
    shown = b""
    for prompt, answer in answers:
        while prompt not in shown.rpartition(b"\n")[2]:
            shown += os.read(terminal_fd, 1000)
        os.write(terminal_fd, answer + b"\n")
    try:
        while True:
            part = os.read(terminal_fd, 1000)
            if not part:
                break
            shown += part
    except OSError:   # the other side is closed
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def by_hand(program, tap, folder):
    path = os.path.join(folder, "by-hand")
    program = os.path.abspath(program)
    status, shown = terminal(program, [(b"Password for tty: ", b"typed1"), (b"Again: ", b"typed1")], path)
    tap.case("a terminal is asked twice", [] if status == 0 else [status, shown])
    tap.case("and does not show it", [shown] if b"typed1" in shown else ())
    status, shown = terminal(program, [(b"Password for tty: ", b"one"), (b"Again: ", b"two")], path)
    tap.case("two that differ change nothing", [] if status == 2 and b"differ" in shown else [status, shown])


def configurations(program, tap, folder):
    config = write(folder, "proxy.conf", CONFIG)
    write(folder, "lists/blocked", "blocked.example\n")
    fine = run(program, ["proxy", "--check", "-c", config])
    tap.case("a users' file that is not there is a fault",
             expect(fine, 1, "^$", r"proxy\.conf:2:\d+: .*users.*No such file"))
    added = run(program, ["proxy", "user", "add", "alice", "-c", config], stdin=b"x\n")
    tap.case("a configuration names users' file and realm", expect(added, 0, "users: alice is added"))
    tap.case("a right one has no fault",
             expect(run(program, ["proxy", "--check", "-c", config]), 0, "no fault", "^$"))
    tap.case("the built-in one has none", expect(run(program, ["proxy", "--check"]), 0, "no fault", "^$"))
    absent = os.path.join(folder, "absent.conf")
    tap.case("one that is not there is named once",
             expect(run(program, ["proxy", "--check", "-c", absent]), 1, "^$",
                    rf"^{re.escape(absent)}: can't be read: No such file or directory\n$"))
    tap.case("nor has the example",
             expect(run(program, ["proxy", "--check", "-c",
                                  os.path.join(ROOT, "etc", "viaduct-proxy.conf")]), 0, "no fault"))
    wrong = write(folder, "wrong.conf", "limit tunel 1k;\nlisen x;\ntimeout idle 5\nworkers 0;\n")
    said = run(program, ["proxy", "--check", "-c", wrong])
    places = re.findall(r"(?m)wrong\.conf:(\d+:\d+): ", said[2])
    tap.case("all faults of a file are told, in its order",
             [] if said[0] == 1 and places == ["1:7", "2:1", "3:14", "3:14", "4:9"] else [said])
    half = write(folder, "parent.conf", "parent up.example:80 { user u; password-file nowhere; }\n")
    said = run(program, ["proxy", "--check", "-c", half])
    tap.case("a password that can't be read is the one fault",
             expect(said, 1, "^$", r"^\S+:1:46: \S+ can't be read: .*\n$"))
    door = write(folder, "door.conf", f"listen 127.0.0.1:0;\nadmin {folder}/nowhere/door;\n")
    tap.case("an admin door that can't be is a fault at the start",
             expect(run(program, ["proxy", "-c", door]), 2, "^$", "listen at .*nowhere/door: No such file"))
    for name, (question, status, like) in EXPLAINED.items():
        said = run(program, ["proxy", "--explain", *question.split(), "-c", config])
        tap.case(f"explained: {name}", expect(said, status, like, "^$"))
    for name, (words, like) in WRONG.items():
        said = run(program, ["proxy", "--explain", "-c", config, *words])
        tap.case(f"not explained: {name}", expect(said, 2, "^$", like))


def main():
    program, tap = sys.argv[1], Tap()
    with tempfile.TemporaryDirectory() as folder:
        for check in (users, by_hand, configurations):
            try:
                check(program, tap, folder)
            except (Broken, OSError, IndexError) as error:
                tap.case(check.__name__, [error])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
