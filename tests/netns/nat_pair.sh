# shellcheck shell=bash
# Two gateways behind NATs, and two relays that both use: source it after tests/netns/lib.sh.
#
#   nat_pair BOBS_NAT ALICES_NAT SEED [LINE...]     bob dials alice; presets of tests/natlab/nat.h
#
# alice's echo is shared as echo; LINE (tests/natlab/net_text.h) is of both hosts' lines.
. "$ROOT/tests/natlab/lab.sh"

# The topology's lines of a host behind a router of a kind: nat_home HOST KIND WAN LINE...
nat_home() {
  if [ "$2" = public ]; then
    echo "host $1 ip=$3/32 ${*:4}"
  else
    echo "nat home-$1 type=$2 wan=$3"
    echo "host $1 ip=192.168.1.2/24 behind=home-$1 ${*:4}"
  fi
}
# configure HOST LINE...: its overlay.conf
configure() {
  mkdir -p "$T/$1"
  printf '%s\n' "${@:2}" >"$T/$1/overlay.conf"
}
is_reached() { [ "$(grep -c 'reachable through the relay' "$T/$1.log")" -ge 2 ]; }

nat_pair() {
  local host relays
  natlab < <(
    echo "seed $3"
    nat_home alice "$2" 203.0.113.1 "${@:4}"
    nat_home bob "$1" 203.0.113.2 "${@:4}"
    echo "host relay ip=198.51.100.9/32 delay=10"
    echo "host spare ip=192.0.2.10/32 delay=10"
  )
  for host in relay spare; do
    configure $host '[gateway]' 'listen = 0.0.0.0:4433' '[relay]' 'serve = open' '[lan]' 'mode = off'
    gateway $host
  done
  relays=(--relay "${IDS[relay]}@198.51.100.9:4433" --relay "${IDS[spare]}@192.0.2.10:4433")
  for host in alice bob; do
    configure $host '[gateway]' 'listen = 0.0.0.0:4433' '[lan]' 'mode = off' '[relay]' \
      "use = ${relays[1]}, ${relays[3]}"
    gateway $host
  done
  serve alice 7000 echo
  ov alice share 7000 --as echo --public >/dev/null 2>&1 || die "share"
  ov alice peer add "${IDS[bob]}" --alias bob >/dev/null 2>&1 || die "peer add"
  ov bob peer add "${IDS[alice]}" --alias alice "${relays[@]}" >/dev/null 2>&1 || die "peer add"
  within 10 is_reached alice || die "alice is not reached through the relays"
  within 10 is_reached bob || die "bob is not reached through the relays"
}
