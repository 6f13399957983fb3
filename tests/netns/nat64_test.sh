#!/usr/bin/env bash
# A gateway in a network of IPv6 alone reaches a relay and a peer that are named by IPv4 addresses,
# through the network's NAT64.
. "$(dirname "$0")/lib.sh"

hosts alice router relay bob
cable alice 2001:db8:1::2 router 2001:db8:1::1
cable router 198.51.100.1 relay 198.51.100.9
cable router 203.0.113.1 bob 203.0.113.2
on alice ip -6 route add default via 2001:db8:1::1
on relay ip route add default via 198.51.100.1
on bob ip route add default via 203.0.113.1
on router sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
server router nat64 "$PYTHON" "$ROOT/tests/netns/nat64.py" nat64 64:ff9b:: 203.0.113.1
within 10 grep -q ready "$T/nat64.log" || die "the NAT64 does not run"

# What its name server would make of the name (RFC 7050).
printf '127.0.0.1 localhost\n64:ff9b::192.0.0.170 ipv4only.arpa\n' >"$T/hosts"

configure() { # HOST LINE...: its overlay.conf
  mkdir -p "$T/$1"
  chmod 700 "$T/$1"
  printf '%s\n' '[gateway]' 'listen = 0.0.0.0:4433, [::]:4433' '[lan]' 'mode = off' "${@:2}" \
    >"$T/$1/overlay.conf"
}
configure relay '[relay]' 'serve = open'
gateway relay
uses="use = ${IDS[relay]}@198.51.100.9:4433"
configure bob '[relay]' "$uses"
gateway bob
configure alice '[relay]' "$uses"
ip netns exec "$PREFIX-alice" bash -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' - \
  "$T/hosts" "$OVERLAY" --home "$T/alice" daemon >"$T/alice.log" 2>&1 </dev/null &
PIDS+=($!)
within 10 ready alice || die "the gateway of alice did not get ready"
IDS[alice]=$(ov alice id)

check "the relay is reached at its IPv4 address" \
  within 15 status_is alice "s['relay']['relays'][0]['state'], s['relay']['relays'][0]['remote']" \
  'home 198.51.100.9:4433'
check "the prefix is known" status_is alice "s['nat']['v6_only'], s['nat']['nat64']" \
  'True 64:ff9b::/96'
check "doctor says so" shows '^ok +IPv6 alone here; IPv4 is reached through NAT64, 64:ff9b::/96' \
  ov alice doctor
ov bob peer add "${IDS[alice]}" --alias alice --relay "${uses#use = }" >/dev/null 2>&1
ov alice peer add "${IDS[bob]}" --alias bob --relay "${uses#use = }" >/dev/null 2>&1
check "a peer behind IPv4 becomes direct" ov alice ping bob --until-direct
check "at its IPv4 address" status_is alice \
  "[p['path']['remote'] for p in s['peers'] if p['alias'] == 'bob'][0]" 203.0.113.2:4433

finish
