#!/bin/sh
# Two answers: what the proxy says of requests that it carries and refuses, and why a download failed
# of which only a capture is left.
#
#   tools/demo.sh VIADUCT
set -eu
cd "$(dirname "$0")/.."
viaduct=$1
capture=tests/captures/lab/mtu-blackhole-get-apache.pcap
folder=$(mktemp -d)
proxy=
origin=
finish() {
	for process in $proxy $origin; do
		kill "$process" 2>/dev/null || true
	done
	rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s\n\n' "$*"; }

# What stands behind "$2" in a file, as soon as it stands there.
wait_for() {
	tries=0
	until found=$(sed -n "s/.*$2//p" "$1" 2>/dev/null | head -n 1) && [ -n "$found" ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt 500 ]; then
			echo "demo: waited in vain for \"$2\":" >&2
			cat "$1" >&2
			exit 1
		fi
		sleep 0.02
	done
	echo "$found"
}

ask() {
	printf '$ curl -x %s %s\n' "$address" "$*"
	curl -sS --noproxy '' -x "http://$address" "$@" || true
	printf '\n'
}

# ---- the proxy -------------------------------------------------------------------------------

mkdir "$folder/files"
echo "Hello from the origin." >"$folder/files/hello.txt"
python3 -u -m http.server 0 --bind 127.0.0.1 -d "$folder/files" >"$folder/origin.log" 2>&1 &
origin=$!
target=127.0.0.1:$(wait_for "$folder/origin.log" 'HTTP on 127.0.0.1 port ' | cut -d' ' -f1)

cat >"$folder/proxy.conf" <<END
listen 127.0.0.1:0;
rule deny to blocked.example;
rule allow to 127.0.0.1 port 9 ${target#*:};
log access $folder/access.log text;
END
"$viaduct" proxy -c "$folder/proxy.conf" >"$folder/proxy.log" 2>&1 &
proxy=$!
address=$(wait_for "$folder/proxy.log" 'listening on ')

say "A proxy runs at $address. Three requests go through it: one that it carries, one that a rule
denies, and one to a port where nothing listens."
ask "http://$target/hello.txt"
ask http://blocked.example/
ask --proxytunnel http://127.0.0.1:9/ 2>&1
kill "$proxy"
wait "$proxy" || true
proxy=
say "Its log has a line for each, with the verdict:"
cat "$folder/access.log"

# ---- the capture -----------------------------------------------------------------------------

say "Now a host that fetched a file through another proxy, and got nothing for 12 seconds. All that is
left is a packet capture. The question to it is:

    $viaduct read $capture"
status=0
"$viaduct" read "$capture" || status=$?
if [ "$status" -ne 1 ]; then
	echo "demo: a failure was to be found (status 1), but read ended with status $status" >&2
	exit 1
fi
say "Status $status: a failure was diagnosed. More to try:

    $viaduct read --packets=wireshark $capture
    $viaduct explain mtu-black-hole
    $viaduct read tests/captures/lab/*.pcap
    $viaduct proxy"
