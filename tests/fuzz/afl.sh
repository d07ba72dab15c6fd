#!/bin/sh
# Builds the fuzz targets for AFL++ (afl-clang-fast knows libFuzzer's entry), and says how to run
# one. AFL_USE_ASAN and AFL_USE_UBSAN stand in for meson's b_sanitize.
#
#   tests/fuzz/afl.sh BUILD
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
build=$1
export AFL_USE_ASAN=1 AFL_USE_UBSAN=1 AFL_QUIET=1

[ -e "$build/build.ninja" ] || CC=afl-clang-fast meson setup "$build" -Dfuzz=true \
	-Dbuildtype=debugoptimized -Db_lundef=false
ninja -C "$build"
cat <<EOF

Built. To run one of $build/tests/fuzz/fuzz-*:

    afl-fuzz -i tests/fuzz/corpus/NAME -o $build/found-NAME -- $build/tests/fuzz/fuzz-NAME
EOF
