#!/bin/sh
# The form of the C files, what clang-tidy finds in them, the scripts and the man pages.
#
#   tools/lint.sh BUILD       a configured build directory, for its compile_commands.json
#
# Says all that is wrong before it fails.
set -eu
cd "$(dirname "$0")/.."
build=$1
failed=0

# Headers are laid out by hand: their comments stand in columns.
echo "== clang-format"
git ls-files '*.c' | xargs clang-format --dry-run -Werror || failed=1

echo "== clang-tidy"
ninja -C "$build" >/dev/null # makes the headers that are made
git ls-files 'src/*.c' | xargs -n 4 -P "$(nproc)" clang-tidy -p "$build" --quiet \
	--extra-arg=-Wno-unknown-warning-option 2>/dev/null || failed=1

echo "== shellcheck"
git ls-files '*.sh' .ci/run | xargs shellcheck || failed=1
git ls-files '*.bash' | xargs shellcheck -s bash || failed=1

echo "== mandoc"
git ls-files 'doc/*.[15]' | xargs mandoc -T lint -W warning || failed=1

[ "$failed" -eq 0 ] && echo "lint: nothing to say"
exit "$failed"
