#!/usr/bin/env bash
# A gateway says what its NAT is, and whether it is reached from outside, by two relays alone, or by
# configured STUN servers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../natlab/lab.sh"

PRESETS=(full_cone port_restricted sym_seq sym_random)
natlab < <(
  echo "seed 5"
  n=0
  for preset in "${PRESETS[@]}" stun; do
    n=$((n + 1))
    echo "nat home-$n type=${preset/stun/linux} wan=203.0.113.$n"
    echo "host $preset ip=192.168.1.2/24 behind=home-$n delay=10"
  done
  echo "host public ip=203.0.113.99/32 delay=10"
  echo "host relay ip=198.51.100.9/32 delay=10"
  echo "host spare ip=192.0.2.10/32 delay=10"
)

# configure HOST LINE...: its overlay.conf
configure() {
  mkdir -p "$T/$1"
  printf '%s\n' '[gateway]' 'listen = 0.0.0.0:4433' '[lan]' 'mode = off' "${@:2}" >"$T/$1/overlay.conf"
}
for host in relay spare; do
  configure $host '[relay]' 'serve = open'
  gateway $host
done
for host in "${PRESETS[@]}" public; do
  configure "$host" '[relay]' "use = ${IDS[relay]}@198.51.100.9:4433, ${IDS[spare]}@192.0.2.10:4433"
  gateway "$host"
done
configure stun '[stun]' 'servers = 198.51.100.9:4433, stun:192.0.2.10:4433, tcp:192.0.2.10:4433'
gateway stun

nat_is() { # HOST CLASS MAPPING FILTERING REACHABLE
  within 15 status_is "$1" \
    "'%s %s %s %s' % tuple(s['nat'][k] for k in ('class', 'mapping', 'filtering', 'reachable'))" "$2 $3 $4 $5" ||
    { ov "$1" status --json; return 1; }
}
check "a full cone is public: everybody is let in" nat_is full_cone public EI EI True
check "a port-restricted one is a cone" nat_is port_restricted cone EI APD False
check "a NAT that counts is symmetric" nat_is sym_seq symmetric APD APD False
check "one that draws ports is random" nat_is sym_random symmetric_random APD APD False
check "and without a NAT a gateway is public" nat_is public public EI EI True
check "configured STUN servers tell mapping and class without a relay" \
  nat_is stun cone EI unknown None
check "its address is the router's" \
  status_is stun "s['nat']['public'].rsplit(':', 1)[0]" 203.0.113.5
check "status says it in a line" \
  shows '^nat +cone, seen at 203.0.113.2:4433, mapping EI, filtering APD, hairpin no, reachable no' \
  ov port_restricted status

finish
