#!/bin/sh
# Why did the download fail? Asks viaduct, about a capture of a real one.
#
#   tools/demo.sh VIADUCT
set -eu
viaduct=$1
cd "$(dirname "$0")/.."
capture=tests/captures/lab/mtu-blackhole-get-apache.pcap

say() { printf '\n%s\n\n' "$*"; }

say "A host fetched a file through a proxy and got nothing for 12 seconds. All that is left is a
packet capture. The question to it is:

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
    $viaduct read tests/captures/lab/*.pcap"
