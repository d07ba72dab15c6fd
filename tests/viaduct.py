"""What the tests that run the program share: running it, its JSON, and TAP."""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CAPTURES = os.path.join(ROOT, "tests", "captures")

# Captures that others made are not ours to copy: they are read where they lie, if they do.
SHARED = os.environ.get("VIADUCT_SHARED") or os.path.join(os.path.dirname(ROOT), "shared")
PUBLIC = os.path.join(SHARED, "captures", "public")

# The same output wherever it runs: no colour, no terminal's width, no zone, no locale's habits.
PLAIN = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "NO_COLOR": "1", "COLUMNS": "80"}


class Broken(Exception):
    """The program did what no input should make it do."""


def run(program, arguments, cwd=None, timeout=120, stdin=None):
    """(exit status, stdout, stderr), both as text. Raises Broken on a signal or a hang."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VIADUCT_")}
    try:
        done = subprocess.run([os.path.abspath(program), *arguments], cwd=cwd, check=False,
                              capture_output=True, timeout=timeout, input=stdin,
                              stdin=None if stdin is not None else subprocess.DEVNULL,
                              env={**environment, **PLAIN})
    except subprocess.TimeoutExpired as error:
        raise Broken(f"no end after {timeout} s") from error
    err = done.stderr.decode("utf-8", "backslashreplace")
    if done.returncode < 0:
        raise Broken(f"killed by signal {-done.returncode}: {err[-2000:]}")
    return done.returncode, done.stdout.decode("utf-8", "backslashreplace"), err


def records(text):
    """The objects of NDJSON. Raises Broken, with the line, when one is none."""
    out = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise Broken(f"line {number} is no JSON: {error}: {line[:200]}") from error
        if not isinstance(record, dict):
            raise Broken(f"line {number} is no object: {line[:200]}")
        out.append(record)
    return out


class Tap:
    """Prints one line a case as it comes; done() prints the plan and gives the exit status."""

    def __init__(self):
        self.number = self.failed = 0

    def case(self, name, complaints=()):
        self.number += 1
        self.failed += bool(complaints)
        print(f"{'not ' if complaints else ''}ok {self.number} - {name}")
        sys.stdout.flush()
        for complaint in complaints:   # on stderr: meson shows that of a TAP test, not its comments
            for line in str(complaint).splitlines():
                print(f"{name}: {line}", file=sys.stderr, flush=True)

    def skip(self, name, why):
        self.number += 1
        print(f"ok {self.number} - {name} # SKIP {why}")

    def done(self):
        print(f"1..{self.number}", flush=True)
        return 1 if self.failed else 0
