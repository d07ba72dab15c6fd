#!/bin/sh
# Builds every fuzz target for libFuzzer and runs each for a while, as many at once as there are
# cores.
#
#   tests/fuzz/run.sh BUILD SECONDS [TARGET]...       all targets when none is named
#
# What is learned goes to BUILD/corpus/TARGET, what is found to BUILD/findings/; the kept inputs
# in tests/fuzz/corpus/TARGET are read, never written. Keep an input that taught something with
#
#   BUILD/tests/fuzz/fuzz-TARGET -merge=1 tests/fuzz/corpus/TARGET BUILD/corpus/TARGET
#
# and a finding by copying it there: from then on every test run tries it.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
build=$1
seconds=$2
shift 2

[ -e "$build/build.ninja" ] || CC=clang meson setup "$build" -Dfuzz=true \
	-Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
ninja -C "$build"

if [ $# -eq 0 ]; then
	for program in "$build"/tests/fuzz/fuzz-*; do
		[ -x "$program" ] && [ -f "$program" ] && set -- "$@" "${program##*/fuzz-}"
	done
fi
if [ $# -eq 0 ]; then
	echo "fuzz: there is no target"
	exit 0
fi

mkdir -p "$build/findings" "$build/corpus" "$build/logs"
echo "fuzz: $# targets, $seconds s each"
if printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' tests/fuzz/one.sh "$build" "$seconds" '{}'; then
	echo "fuzz: nothing found"
else
	echo "fuzz: see $build/findings" >&2
	exit 1
fi
