#!/usr/bin/env bash
# Strangers meet by an invite that is found on the DHT: both are behind NATs, the guest knows no
# relay, and the code is all that passes between them.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/natlab/lab.sh"
. "$ROOT/tests/netns/nat_pair.sh"
. "$ROOT/tests/netns/invites.sh"

DHT=()
for n in {1..24}; do DHT+=("node$n"); done
# The nodes of the DHT, far from one another as hosts of the internet are.
address_of() { echo "$((23 + 7 * $1)).$((33 + $1)).12.1"; }

natlab < <(
  echo 'seed 11'
  nat_home alice port_restricted 203.0.113.1 delay=10
  nat_home bob port_restricted 198.51.100.1 delay=10
  echo 'host relay ip=45.79.1.9/32 delay=10'
  for n in "${!DHT[@]}"; do
    echo "host ${DHT[n]} ip=$(address_of "$n")/32 delay=20"
  done
)
BOOTSTRAP="bootstrap = $(address_of 0):6881"
for n in "${!DHT[@]}"; do
  configure "${DHT[n]}" '[lan]' 'mode = off' '[dht]' 'mode = server' 'listen = 0.0.0.0:6881' "$BOOTSTRAP"
  gateway "${DHT[n]}"
done
configure relay '[gateway]' 'listen = 0.0.0.0:4433' '[relay]' 'serve = open' '[lan]' 'mode = off' \
  '[dht]' 'mode = off'
gateway relay
configure alice '[gateway]' 'nickname = alice' '[lan]' 'mode = off' \
  '[relay]' "use = ${IDS[relay]}@45.79.1.9:4433" '[dht]' "$BOOTSTRAP"
configure bob '[gateway]' 'nickname = bob' '[lan]' 'mode = off' '[dht]' "$BOOTSTRAP"
gateway alice
gateway bob
has_web_server alice "found by three words"

has_nodes() { [ "$(status "$1" "s['dht']['nodes']")" -ge 4 ]; }
check "the host enters the DHT" within 30 has_nodes alice
check "and so does the guest" within 30 has_nodes bob
check "she shares" eval 'ov alice share 7402 --as blog >/dev/null 2>&1'
begun=$(now_ms)
check "and invites" eval 'ov alice invite blog >"$T/code" 2>"$T/code.err"'
check "the guest opens the code, by the DHT alone" eval \
  'ov bob open "$(head -n 1 "$T/code")" >"$T/open" 2>"$T/open.err"'
check "and sees the page" prints "found by three words" \
  page_of bob "$(url "$T/open")page"
echo "# behind two port-restricted NATs, a code found on the DHT: $(($(now_ms) - begun)) ms from invite to the page"
check "he is a peer by his name there" shows 'for bob' ov alice ls
gone_direct() { status_is bob "s['peers'][0]['state']" direct; }
check "and the path becomes direct" within 20 gone_direct
ov alice invite blog >"$T/code" 2>/dev/null
check "other words than the code's are refused, by the DHT too" exits 4 'not those of the invite' -- \
  ov bob open "$(wrong_words "$(head -n 1 "$T/code")")"
finish
