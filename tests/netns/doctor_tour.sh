#!/usr/bin/env bash
# What `overlay doctor` says behind each kind of NAT, as root: usage: doctor_tour.sh DIR [KIND[:ALICES]]...
# Bob, behind KIND, pings alice until direct (at most 20 s), who is behind ALICES or else a
# port-restricted NAT; the text and the JSON go to DIR/KIND.txt and DIR/KIND.json. Kinds are presets of
# tests/natlab/nat.h; without any, the eight of the grid, and three more that are worth reading.
set -u

here=$(cd "$(dirname "$0")" && pwd)
dir=${1:?a folder for the transcripts}
shift

if [ "${1:-}" = --one ]; then
  # shellcheck source-path=SCRIPTDIR
  . "$here/lib.sh"
  . "$here/nat_pair.sh"
  kind=${2%:*}
  alice=port_restricted
  [ "$kind" = "$2" ] || alice=${2#*:}
  name=$(echo "$2" | tr : -)
  nat_pair "$kind" "$alice" 1 delay=10
  sleep "${SETTLE:-3}" # STUN has answered, and who tries routers and addresses is through
  {
    echo "bob\$ overlay ping alice --until-direct -c 20"
    ov bob ping alice --until-direct -c 20 2>&1
    echo
    echo "bob\$ overlay status"
    ov bob status 2>&1 | grep -E '^(nat|port|relay|turn|peers|  )'
    echo
    echo "bob\$ overlay doctor"
    ov bob doctor 2>&1
    echo "(exit code $?)"
  } >"$dir/$name.txt"
  ov bob doctor --json >"$dir/$name.json"
  check "doctor answers behind $2" grep -q '^measured' "$dir/$name.txt"
  finish
fi

[ "$#" -gt 0 ] || set -- public full_cone address_restricted port_restricted poisonable sym_seq \
  sym_random sym_block512 sym_random:sym_random sym_block512:sym_random cgnat
mkdir -p "$dir" || exit 1
printf '%s\n' "$@" | xargs -P "${JOBS:-3}" -I KIND timeout 120 "$0" "$dir" --one KIND
