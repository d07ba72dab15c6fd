#!/bin/sh
# Installs from Debian what viaduct's targets need, and nothing that is there already.
#
#   tools/setup.sh [build] [demo] [test] [lint] [fuzz] [afl] [bench-read] [bench-proxy] [bench-watch]
#
# All of build and test when none is named.
#
# Says what is missing before it asks apt for it. As root, or through sudo. What it looks for is
# the tool or the library itself, so one that came from elsewhere will do.
set -eu

missing=

# need PACKAGE COMMAND...: PACKAGE is wanted unless COMMAND succeeds.
need() {
	package=$1
	shift
	if ! "$@" >/dev/null 2>&1; then
		missing="$missing $package"
	fi
}

has() { command -v "$1"; }
library() { has pkg-config && pkg-config --exists "$1"; }
fuzzer_runtime() {
	has clang || return 1
	set -- "$(clang -print-resource-dir)"/lib/linux/libclang_rt.fuzzer-*.a
	[ -e "$1" ]
}

# What the proxy is tried with: clients, origins, parents. A server that Debian starts when it is
# installed is not needed as such: the tests start their own.
clients() {
	need apache2-utils has htpasswd
	need chromium has chromium
	need default-jdk-headless has javac
	need dpkg has dpkg-deb
	need git has git
	need iproute2 has ip
	need nginx-light has_server nginx
	need nodejs has node
	need openssl has openssl
	need squid has_server squid
	need tinyproxy-bin has tinyproxy
	need util-linux has unshare
	need wget has wget
}
has_server() { has "$1" || [ -x "/usr/sbin/$1" ]; }
compiles_c() { has gcc && echo '#include <stdio.h>' | gcc -fsyntax-only -xc -; }

# What the browser tests take from npm, as tests/browser/package-lock.json has it: into build-browser/.
browser_modules() {
	from=$(dirname "$0")/../tests/browser
	into=$(dirname "$0")/../build-browser
	if cmp -s "$from/package-lock.json" "$into/package-lock.json" && [ -d "$into/node_modules" ]; then
		return
	fi
	echo "setup: installing from npm what the browser tests need"
	mkdir -p "$into"
	cp "$from/package.json" "$from/package-lock.json" "$into/"
	(cd "$into" && npm ci --ignore-scripts --no-audit --no-fund) && return
	rm -f "$into/package-lock.json"
	echo "setup: npm could not; the browser tests will be skipped" >&2
}

[ $# -gt 0 ] || set -- build test
with_browser=
for set in "$@"; do
	case $set in
	build)
		need gcc has gcc
		need libc6-dev compiles_c
		need meson has meson
		need ninja-build has ninja
		need pkg-config has pkg-config
		need libssl-dev library libcrypto
		need zlib1g-dev library zlib
		need libzstd-dev library libzstd
		need libc-ares-dev library libcares
		need libcrypt-dev library libcrypt
		need libcurl4-openssl-dev library libcurl
		need libmnl-dev library libmnl
		need libpcap0.8-dev library libpcap
		need libmicrohttpd-dev library libmicrohttpd
		need libsqlite3-dev library sqlite3
		need libcmocka-dev library cmocka
		;;
	demo)
		need curl has curl
		need python3 has python3
		;;
	test)
		with_browser=yes
		need npm has npm
		need curl has curl
		need ethtool has_server ethtool
		need iproute2 has ss
		need procps has_server sysctl
		need util-linux has unshare
		need clang has clang
		need libclang-rt-dev fuzzer_runtime
		need llvm has llvm-symbolizer
		need tcpdump has tcpdump
		need tshark has tshark
		need mandoc has mandoc
		need shellcheck has shellcheck
		clients
		;;
	lint)
		need clang-format has clang-format
		need clang-tidy has clang-tidy
		need mandoc has mandoc
		need shellcheck has shellcheck
		;;
	fuzz)
		need clang has clang
		need libclang-rt-dev fuzzer_runtime
		need llvm has llvm-symbolizer
		;;
	afl)
		need afl++ has afl-clang-fast
		;;
	bench-read)
		need tcpdump has tcpdump
		need tshark has tshark
		need tcptrace has tcptrace
		need util-linux has taskset
		;;
	bench-proxy)
		need squid has squid
		need tinyproxy has tinyproxy
		need apache2 has apache2
		need trafficserver has traffic_server
		need haproxy has haproxy
		need strace has strace
		need iproute2 has ip
		need util-linux has taskset
		;;
	bench-watch)
		need curl has curl
		need iproute2 has ip
		need util-linux has taskset
		;;
	*)
		echo "setup: no such set: $set (build, demo, test, lint, fuzz, afl, bench-read, bench-proxy, bench-watch)" >&2
		exit 2
		;;
	esac
done

if [ -z "$missing" ]; then
	[ -z "$with_browser" ] || browser_modules
	echo "setup: all that is needed is installed"
	exit 0
fi
echo "setup: missing:$missing"
if ! has apt-get >/dev/null; then
	echo "setup: this is no Debian (there is no apt-get): install these yourself" >&2
	exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! has sudo >/dev/null; then
		echo "setup: neither root nor sudo: ask for 'apt-get install$missing'" >&2
		exit 1
	fi
	as_root="sudo"
fi

# A package that would serve (squid, say) is installed, and not started.
no_services() {
	case $missing in
	*squid*|*tinyproxy*|*apache2*|*trafficserver*|*haproxy*)
		[ -e /usr/sbin/policy-rc.d ] && return
		printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
		$as_root chmod +x /usr/sbin/policy-rc.d
		trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT
		;;
	esac
}

install() {
	# shellcheck disable=SC2086 # words, on purpose
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends -o DPkg::Lock::Timeout=600 $missing
}
known() {
	for package in $missing; do
		apt-cache show "$package" >/dev/null 2>&1 || return 1
	done
}

no_services
# The lists are fetched when they do not know a package, or know one that is there no longer.
if ! known; then
	echo "setup: fetching the package lists"
	$as_root apt-get update -q
	install
elif ! install; then
	echo "setup: fetching the package lists anew"
	$as_root apt-get update -q
	install
fi
echo "setup: installed:$missing"
[ -z "$with_browser" ] || browser_modules
