#!/bin/sh
# Makes the certificates again (DER, beside this script). The scenarios play in June 2025.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# issue NAME SUBJECT ISSUER|self NAMES|ca FROM UNTIL
issue() {
	openssl req -new -newkey rsa:2048 -nodes -keyout "$work/$1.key" -out "$work/$1.csr" -subj "$2" 2>/dev/null
	if [ "$4" = ca ]; then
		printf 'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n' >"$work/ext"
	else
		printf 'basicConstraints=CA:false\nsubjectAltName=%s\n' "$4" >"$work/ext"
	fi
	: >"$work/index"
	printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index\nnew_certs_dir=%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\norganizationName=optional\ncountryName=optional\n' "$work" "$work" >"$work/conf"
	signer="-keyfile $work/$3.key -cert $work/$3.pem"
	[ "$3" = self ] && signer="-keyfile $work/$1.key -selfsign"
	# shellcheck disable=SC2086 # words, on purpose
	openssl ca -batch -config "$work/conf" $signer -in "$work/$1.csr" -out "$work/$1.pem" \
		-startdate "$5" -enddate "$6" -extfile "$work/ext" -notext -preserveDN 2>/dev/null
	openssl x509 -in "$work/$1.pem" -outform DER -out "$1.der"
}

issue root '/C=NL/O=Scenario Trust/CN=Scenario Root R1' self ca 20200101000000Z 20450101000000Z
issue middle '/C=NL/O=Scenario Trust/CN=Scenario Issuing CA G2' root ca 20200101000000Z 20450101000000Z
issue good '/CN=repo.example.org' middle 'DNS:repo.example.org,DNS:*.example.org,DNS:*.example.com' 20250401000000Z 20350101000000Z
issue expired '/CN=repo.example.org' middle 'DNS:repo.example.org,DNS:*.example.org' 20240101000000Z 20250501000000Z
issue future '/CN=repo.example.org' middle 'DNS:repo.example.org,DNS:*.example.org' 20260101000000Z 20350101000000Z
issue other '/CN=cdn.otherplace.test' middle 'DNS:cdn.otherplace.test,DNS:*.otherplace.test' 20250401000000Z 20350101000000Z
issue inspector '/C=US/O=Fortinet/CN=FGT60F Inspection CA' self ca 20200101000000Z 20450101000000Z
issue inspected '/CN=repo.example.org' inspector 'DNS:repo.example.org' 20250401000000Z 20350101000000Z
issue gateway '/O=Northwind Traders/CN=Northwind Web Gateway' self ca 20200101000000Z 20450101000000Z
issue resigned '/CN=api.example.com' gateway 'DNS:api.example.com' 20250401000000Z 20350101000000Z
