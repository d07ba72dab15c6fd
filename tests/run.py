#!/usr/bin/env python3
"""Builds, runs the whole suite, and adds up what passed.

    run.py [--suite NAME]... build-gcc | build-sanitize ...

A build directory that does not exist yet is made as its name in SETUPS says. Each subtest of a
TAP test counts for itself, any other test as one. Meson's own JUnit file is not used: it lists
a test that timed out or died among those that passed. What failed is named once more at the end,
since often no more of a log than that is kept. The last line is exactly "N passed, N failed"; the
exit status is 0 only if nothing failed.
"""
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# directory: (compiler, arguments of meson setup, factor on every test's time limit: a limit is there for what
# hangs, and a machine that others use, too, may take three times as long)
SETUPS = {
    "build-gcc": ("gcc", ["-Dwerror=true"], 3),
    "build-sanitize": ("clang", ["-Dwerror=true", "-Dbuildtype=debugoptimized", "-Db_lundef=false",
                                 "-Db_sanitize=address,undefined"], 5),
}

# What a sanitizer finds ends the process, and so fails the test that met it.
ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
    "LC_ALL": "C.UTF-8",
}

SUBTEST = re.compile(r"^(not )?ok\b(?P<rest>.*)$")

REMINDED = 6   # failed tests named again at the end, and lines of each
LINES = 6
WIDTH = 800   # a record up to its causes


def build(directory):
    """Sets up where needed, and builds. True when it went well."""
    compiler, options, _ = SETUPS[os.path.basename(directory)]
    if not os.path.exists(os.path.join(directory, "build.ninja")):
        made = subprocess.run(["meson", "setup", directory, ROOT, *options],
                              env={**os.environ, "CC": compiler}, check=False)
        if made.returncode != 0:
            return False
    return subprocess.run(["ninja", "-C", directory], check=False).returncode == 0


def count(test):
    """(passed, failed, skipped) of one test of meson's log."""
    passed = failed = skipped = 0
    for line in (test.get("stdout") or "").splitlines():
        found = SUBTEST.match(line)
        if not found:
            continue
        if re.search(r"# *skip", found["rest"], re.IGNORECASE):
            skipped += 1
        elif found[1]:
            failed += 1
        else:
            passed += 1
    result = test["result"]
    if result == "SKIP":
        return 0, 0, max(skipped, 1)
    if result in ("OK", "EXPECTEDFAIL"):
        return (passed or (0 if skipped else 1)), failed, skipped
    return passed, max(failed, 1), skipped


def remember(test):
    """The lines that say how a test failed: its failed cases, and the end of what it complained of."""
    said = [line for line in (test.get("stdout") or "").splitlines() if line.startswith("not ok")]
    said += [line for line in (test.get("stderr") or "").splitlines() if line.strip()]
    return [f"{test['name']}: {test['result']}", *(f"    {line[:WIDTH]}" for line in said[:LINES])]


def suite(directory, suites):
    """Runs the tests of one build directory; ((passed, failed, skipped), what to say of the failed)."""
    log = os.path.join(directory, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    factor = SETUPS[os.path.basename(directory)][2]
    command = ["meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs",
               "--timeout-multiplier", str(factor)]
    for name in suites:
        command += ["--suite", name]
    code = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, check=False).returncode
    total, reminders = [0, 0, 0], []
    try:
        with open(log, encoding="utf-8") as lines:
            for test in map(json.loads, lines):
                result = count(test)
                total = [a + b for a, b in zip(total, result)]
                if result[1]:
                    reminders.append(remember(test))
    except OSError as error:
        return (0, 1, 0), [[f"no test log: {error}"]]
    if code != 0 and total[1] == 0:
        total[1] = 1
        reminders.append([f"meson test ended with status {code}"])
    return total, reminders


def main():
    suites, directories = [], []
    arguments = iter(sys.argv[1:])
    for argument in arguments:
        if argument == "--suite":
            suites.append(next(arguments))
        else:
            directories.append(argument)
    unknown = [d for d in directories if os.path.basename(d) not in SETUPS]
    if unknown or not directories:
        sys.exit(__doc__.strip())
    rows, total, failures = [], [0, 0, 0], []
    for directory in directories:
        directory = os.path.join(ROOT, directory)
        name = os.path.basename(directory)
        print(f"== {name}", flush=True)
        if build(directory):
            result, reminders = suite(directory, suites)
        else:
            result, reminders = (0, 1, 0), [["does not build"]]
        failures += [(name, *lines) for lines in reminders]
        rows.append((name, *result))
        total = [a + b for a, b in zip(total, result)]
    print()
    for name, first, *more in failures[:REMINDED]:
        print("\n".join([f"{name}: {first}", *more]))
    if len(failures) > REMINDED:
        print(f"and {len(failures) - REMINDED} tests more failed")
    for name, passed, failed, skipped in rows:
        print(f"{name:16} {passed:6} passed {failed:4} failed {skipped:4} skipped")
    print(f"{total[0]} passed, {total[1]} failed")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
