#!/usr/bin/env bash
# One cell of the grid of NATs with the real program, as root: usage: grid_cell.sh DIALLER OTHER [SEED]
# Both are presets of tests/natlab/nat.h. Two relays stand in the internet; every line takes 10 ms.
# Prints "cell DIALLER OTHER SEED " and what tests/netns/grid_cell.py prints.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/natlab/lab.sh"

dialler=$1 other=$2 seed=${3:-1}
PATIENCE=${PATIENCE:-20} # seconds that a direct path may take

# The topology's lines of a host behind a router of a kind: place HOST KIND WAN
place() {
  if [ "$2" = public ]; then
    echo "host $1 ip=$3/32 delay=10"
  else
    echo "nat home-$1 type=$2 wan=$3"
    echo "host $1 ip=192.168.1.2/24 behind=home-$1 delay=10"
  fi
}
natlab < <(
  echo "seed $seed"
  place alice "$other" 203.0.113.1
  place bob "$dialler" 203.0.113.2
  echo "host relay ip=198.51.100.9/32 delay=10"
  echo "host spare ip=192.0.2.10/32 delay=10"
)

# configure HOST LINE...: its overlay.conf
configure() {
  mkdir -p "$T/$1"
  printf '%s\n' "${@:2}" >"$T/$1/overlay.conf"
}
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

# Both are reached through both relays.
is_reached() { [ "$(grep -c 'reachable through the relay' "$T/$1.log")" -ge 2 ]; }
within 10 is_reached alice || die "alice is not reached through the relays"
within 10 is_reached bob || die "bob is not reached through the relays"
sleep "${SETTLE:-1}"

result=$(on bob timeout $((PATIENCE + 40)) "$PYTHON" "$ROOT/tests/netns/grid_cell.py" \
  "$T/bob/control.sock" "${IDS[bob]}" "$T/alice/control.sock" "${IDS[alice]}" echo.alice "$PATIENCE" 2>&1 | tail -n 1)
echo "cell $dialler $other $seed $result"
[ -z "${GRID_KEEP:-}" ] || cp -r "$T" "$GRID_KEEP"
finish
