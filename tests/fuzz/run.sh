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
cat >"$build/one.sh" <<'EOF'
#!/bin/sh
# one.sh BUILD SECONDS TARGET
set -u
mkdir -p "$1/corpus/$3" "tests/fuzz/corpus/$3"
dictionary=
[ -e "tests/fuzz/$3.dict" ] && dictionary="-dict=tests/fuzz/$3.dict"
# shellcheck disable=SC2086
if UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$1/tests/fuzz/fuzz-$3" -max_total_time="$2" \
	-timeout=10 -rss_limit_mb=2048 -print_final_stats=1 $dictionary \
	-artifact_prefix="$1/findings/$3-" "$1/corpus/$3" "tests/fuzz/corpus/$3" \
	>"$1/logs/$3" 2>&1; then
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$1/logs/$3")
	speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$1/logs/$3")
	echo "$3: nothing found in $2 s, $runs runs, $speed a second, $(find "$1/corpus/$3" -type f | wc -l) inputs"
else
	echo "$3: FOUND something; the end of $1/logs/$3:"
	tail -n 40 "$1/logs/$3"
	exit 1
fi
EOF
echo "fuzz: $# targets, $seconds s each"
if printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh "$build/one.sh" "$build" "$seconds" '{}'; then
	echo "fuzz: nothing found"
else
	echo "fuzz: see $build/findings" >&2
	exit 1
fi
