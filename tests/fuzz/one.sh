#!/bin/sh
# Runs one libFuzzer target for a while; run.sh calls it, from the top of the tree.
#
#   tests/fuzz/one.sh BUILD SECONDS TARGET
set -u
build=$1
seconds=$2
target=$3
learned=$build/corpus/$target
log=$build/logs/$target

mkdir -p "$learned"
set -- "$learned"
[ -d "tests/fuzz/corpus/$target" ] && set -- "$@" "tests/fuzz/corpus/$target"
[ -e "tests/fuzz/$target.dict" ] && set -- "-dict=tests/fuzz/$target.dict" "$@"

if UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$build/tests/fuzz/fuzz-$target" \
	-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	-artifact_prefix="$build/findings/$target-" "$@" >"$log" 2>&1; then
	stat() { sed -n "s/^stat::$1: *//p" "$log"; }
	echo "$target: nothing found in $seconds s: $(stat number_of_executed_units) runs," \
		"$(stat average_exec_per_sec) a second, $(find "$learned" -type f | wc -l) inputs"
else
	echo "$target: FOUND something; the end of $log:"
	tail -n 40 "$log"
	exit 1
fi
