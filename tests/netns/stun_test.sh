#!/usr/bin/env bash
# `overlay stun-test` against Debian's coturn with two addresses, over UDP, TCP and TLS, straight and
# through a NAT; no gateway runs.
. "$(dirname "$0")/lib.sh"

TURNSERVER=$(PATH=$PATH:/usr/sbin command -v turnserver) || die "turnserver is missing: run make deps"

hosts alice router stun
cable alice 10.0.0.2 router 10.0.0.1
cable router 192.0.2.1 stun 192.0.2.10
address stun 192.0.2.11 "$(on stun ip -o -4 addr show to 192.0.2.10 | awk '{ print $2 }')"
on alice ip route add default via 10.0.0.1
on router sysctl -q net.ipv4.ip_forward=1

# A certificate of our own, which only these namespaces trust.
certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$2" \
    -addext "subjectAltName=$3" -keyout "$T/$1.key" -out "$T/$1.pem" 2>"$T/$1.openssl"
}
certificate stun stun.example.net IP:192.0.2.10,DNS:localhost || die "openssl failed"
chmod 644 "$T/stun.key"

server stun coturn "$TURNSERVER" -n --no-cli --log-file=stdout --simple-log --no-auth \
  --listening-ip=192.0.2.10 --listening-ip=192.0.2.11 --cert="$T/stun.pem" \
  --pkey="$T/stun.key" --pidfile="$T/coturn.pid" --no-dtls --relay-ip=192.0.2.10 \
  --userdb="$T/turn.db"
within 10 listening stun 3478 || die "coturn does not listen"
within 10 listening stun 5349 || die "coturn does not listen for TLS"

ask() {
  local host=$1
  shift
  on "$host" timeout 60 "$OVERLAY" stun-test "$@"
}
# ip netns exec gives each command a view of the files of its own.
ask_trusting() {
  local host=$1
  shift
  on "$host" bash -c 'mount --bind "$1" /etc/ssl/certs/ca-certificates.crt && shift && exec timeout 60 "$@"' \
    - "$T/stun.pem" "$OVERLAY" stun-test "$@"
}
# The first address of the name leads nowhere.
ask_two_faced() {
  local host=$1
  shift
  on "$host" bash -c 'mount --bind "$1" /etc/hosts && shift && exec timeout 60 "$@"' \
    - "$T/hosts" "$OVERLAY" stun-test "$@" two-faced.example
}
printf '%s two-faced.example\n' 198.51.100.1 192.0.2.66 192.0.2.10 >"$T/hosts"
lines() {
  local want=$1 count
  shift
  count=$("$@" | wc -l)
  [ "$count" -eq "$want" ] || { echo "$count lines"; return 1; }
}
refused_at_once() {
  exits 1 'ERROR While resolving {server=192.0.2.10:9}: Connection refused' -- \
    ask router --tcp 192.0.2.10:9
}

check "prints the address it comes from" shows '^192\.0\.2\.1:[0-9]+$' ask router 192.0.2.10
check "prints one line a server, and they agree" lines 2 ask router 192.0.2.10 192.0.2.11
check "prints the server before it when asked to" \
  shows '^192\.0\.2\.11:3478 192\.0\.2\.1:[0-9]+$' \
  ask router --print-servers 192.0.2.10 192.0.2.11:3478
check "asks over TCP" shows '^192\.0\.2\.1:[0-9]+$' ask router --tcp 192.0.2.10
check "asks over both when told so" lines 2 ask router --tcp --udp 192.0.2.10
check "takes the transport from the server's form" \
  shows '^tcp:192.0.2.10:3478 192\.0\.2\.1:[0-9]+$' ask router --print-servers tcp:192.0.2.10:3478
check "asks over TLS a server whose certificate is trusted" \
  shows '^192\.0\.2\.1:[0-9]+$' ask_trusting router stuns:192.0.2.10
check "refuses a certificate that nobody trusts" \
  exits 1 'ERROR While resolving {server=tls:192.0.2.10:5349}: TLS: .*certificate' -- \
  ask router tls:192.0.2.10:5349
check "refuses a trusted certificate of another address" \
  exits 1 'TLS: .*name in the certificate' -- ask_trusting router tls:192.0.2.11:5349
check "says when there is no such host" \
  exits 1 'ERROR While resolving {server=nowhere.invalid:3478}: ' -- \
  ask router nowhere.invalid:3478
check "says when a connection is refused" refused_at_once
check "says when there is no way to a server" \
  exits 1 'ERROR While resolving {server=198.51.100.1}: Network is unreachable' -- \
  ask router 198.51.100.1
check "asks all addresses of a name" shows '^192\.0\.2\.1:[0-9]+$' ask_two_faced router
check "connects to all addresses of a name" \
  shows '^192\.0\.2\.1:[0-9]+$' ask_two_faced router --tcp
check "goes on after a server that failed" lines 1 ask router --tcp 192.0.2.10:9 192.0.2.10
check "exits 1 when one of them failed" exits 1 -- ask router --tcp 192.0.2.10:9 192.0.2.10
check "exits 2 without a server" exits 2 'which STUN server' -- ask router
check "exits 2 for what is no server" exits 2 "is not a STUN server" -- ask router 'a b'

printf '[stun]\nservers = 192.0.2.10:3478, tcp:192.0.2.11:3478\n' >"$T/overlay.conf"
check "asks the configured servers" lines 2 ask router --config "$T/overlay.conf" --default
check "says when none are configured" \
  exits 1 'no STUN servers are configured' -- ask router --home "$T/none" --default
check "makes no home" fails test -e "$T/none"
check "prints JSON" shows '"address": ?"192.0.2.1:[0-9]+".*"transport": ?"udp"|"transport": ?"udp".*"address": ?"192.0.2.1:' \
  ask router --json 192.0.2.10

masquerade() {
  on router nft flush ruleset
  on router nft add table ip nat
  on router nft add chain ip nat prerouting '{ type nat hook prerouting priority -100; }'
  on router nft add chain ip nat postrouting '{ type nat hook postrouting priority 100; }'
  on router nft add rule ip nat postrouting ip saddr 10.0.0.0/24 masquerade "$@"
}
if command -v nft >/dev/null && masquerade; then
  check "sees the router's address from behind a NAT" \
    shows '^192\.0\.2\.1:[0-9]+$' ask alice 192.0.2.10
  check "servers agree behind a router that keeps one port" exits 0 -- \
    ask alice 192.0.2.10 192.0.2.11
  masquerade fully-random
  check "servers disagree behind a symmetric NAT" exits 1 'different addresses' -- \
    ask alice 192.0.2.10 192.0.2.11
  check "which --no-check takes as it is" exits 0 -- ask alice --no-check 192.0.2.10 192.0.2.11
else
  echo "ok # SKIP nft is missing: not tried behind a NAT"
fi

finish
