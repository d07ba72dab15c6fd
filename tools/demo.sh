#!/bin/sh
# Two answers: what the proxy says of requests that it carries and refuses, and why a download failed
# of which only a capture is left. Then a console that shows the latter: on a terminal until ^C, else it
# is left running for ten minutes.
#
#   tools/demo.sh VIADUCT [--no-console]
set -eu
cd "$(dirname "$0")/.."
viaduct=$1
console=${2:-}
capture=tests/captures/lab/mtu-blackhole-get-apache.pcap
folder=$(mktemp -d)
proxy=
origin=
watch=
page=
stays=
finish() {
	for process in $proxy $origin $watch; do
		kill "$process" 2>/dev/null || true
	done
	[ -z "$stays" ] || return 0
	[ -z "$page" ] || kill "$page" 2>/dev/null || true
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

# Whoever may listen to the interface lets the history have these requests, too.
history=$folder/console/history
mkdir -m 700 "$folder/console"
if [ "$console" != --no-console ] && [ "$(id -u)" -eq 0 ]; then
	"$viaduct" watch -i lo --user root --proxy "$address" --store "$history" \
		>/dev/null 2>"$folder/watch.log" &
	watch=$!
	wait_for "$folder/watch.log" 'listening on ' >/dev/null
fi

say "A proxy runs at $address. Three requests go through it: one that it carries, one that a rule
denies, and one to a port where nothing listens."
ask "http://$target/hello.txt"
ask http://blocked.example/
ask --proxytunnel http://127.0.0.1:9/ 2>&1
kill "$proxy"
wait "$proxy" || true
proxy=
if [ -n "$watch" ]; then
	kill "$watch"
	wait "$watch" || true
	watch=
fi
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

# ---- the console -----------------------------------------------------------------------------

[ "$console" != --no-console ] || exit 0
password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
set -- "$viaduct" console --state "$folder/console" --listen 127.0.0.1:0 \
	--file "$folder/settings" --root "$folder"
if [ -t 0 ] && [ -t 1 ]; then
	span="until ^C"
	echo "$password" | "$@" >"$folder/console.log" 2>&1 &
else
	span="for ten minutes"
	(
		echo "$password" | timeout 600 "$@"
		rm -rf "$folder"
	) >"$folder/console.log" 2>&1 &
fi
page=$!
where=http://$(wait_for "$folder/console.log" 'console: http:\/\/')
api() {
	curl -sS --fail --noproxy '*' -c "$folder/jar" -b "$folder/jar" "$@"
}
proof=$(api -H 'Content-Type: application/json' \
	-d "{\"user\":\"admin\",\"password\":\"$password\"}" "${where}api/v1/session" |
	sed -n 's/.*"proof": *"\([^"]*\)".*/\1/p')
api -o /dev/null -H "X-Viaduct-Proof: $proof" -H 'Content-Type: application/octet-stream' \
	--data-binary "@$capture" "${where}api/v1/captures?name=$(basename "$capture")"
say "A console shows what was found, $span:

    ${where}#history
    user admin, password $password"
if [ "$span" = "until ^C" ]; then
	wait "$page" || true
else
	stays=yes
fi
