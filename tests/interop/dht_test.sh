#!/usr/bin/env bash
# The DHT with other people's programs: a gateway among bittorrent-dht's nodes (npm) and one among
# libtorrent's, everything stored by one side read by the other; records with pkarr (npm); and
# libtorrent's nodes that take nobody whose id does not fit its address (BEP 42).
. "$(dirname "$0")/../netns/lib.sh"

export NODE_NO_WARNINGS=1
DHT_DIR=$ROOT/build/interop
if [ ! -d "$DHT_DIR/node_modules/pkarr" ]; then
  mkdir -p "$DHT_DIR"
  cp "$ROOT/tests/interop/package.json" "$DHT_DIR/"
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$DHT_DIR" >"$T/npm.log" 2>&1 ||
    die "npm cannot install bittorrent-dht and pkarr"
fi
cp "$ROOT/tests/interop/dht.mjs" "$DHT_DIR/"
DEBIAN_PYTHON=/usr/bin/python3 # python3-libtorrent is Debian's

hosts w l
# Their namespaces have loopback alone: a node has an address of its own there.
AT=(127.1.0.1 127.2.0.1 127.3.0.1 127.4.0.1 127.5.0.1 127.6.0.1)
web() { on "${HOST:-w}" timeout 60 node "$DHT_DIR/dht.mjs" "$@"; }
LT=("$DEBIAN_PYTHON" "$ROOT/tests/interop/libtorrent_dht.py")
lt() { on l timeout 60 "${LT[@]}" ask "${AT[5]}" "$@"; }

# dht HOST ADDRESS BOOTSTRAP..: its overlay.conf
dht() {
  local boot
  boot=$(printf '%s:6881, ' "${@:3}")
  mkdir -p "$T/$1"
  chmod 700 "$T/$1"
  printf '%s\n' '[lan]' 'mode = off' '[portmap]' 'mode = off' '[dht]' 'mode = server' \
    "listen = $2:6881" "bootstrap = ${boot%, }" >"$T/$1/overlay.conf"
}
server w web node "$DHT_DIR/dht.mjs" serve "${AT[@]}"
server l lt "${LT[@]}" serve 127.1.0.1 "${AT[@]}"
within 20 grep -q READY "$T/web.log" || die "no nodes of bittorrent-dht"
within 20 grep -q READY "$T/lt.log" || die "no nodes of libtorrent"
for host in w l; do
  dht $host 127.50.0.1 "${AT[@]}"
  gateway $host
done

hex_of() { ov "$1" --json dht get "${IDS[$1]}" --salt "$2" | sed -n 's/.*"key":"\([0-9a-f]*\)".*/\1/p'; }
target_of() { ov "$1" --json dht get "${IDS[$1]}" --salt "$2" | sed -n 's/.*"target":"\([0-9a-f]*\)".*/\1/p'; }
knows_all() { [ "$(status "$1" "s['dht']['answered']")" -ge 6 ]; }
check "six nodes of bittorrent-dht are known" within 20 knows_all w
check "six nodes of libtorrent are known" within 20 knows_all l

# A key of neither side: theirs puts under it, ours gets.
KEY=$("$OVERLAY" --home "$T/other" id)
KEYFILE=$T/other/identity.key

# ---- bittorrent-dht ----

check "bittorrent-dht takes our salted value" ov w dht put 'from us' --salt ours --seq 7
check "and gives it to its own" prints 'from us' web get 127.1.0.1 "$(target_of w ours)" ours
check "it puts a mutable value" web put 127.1.0.1 "$KEYFILE" '' 3 'from bittorrent-dht'
check "which we get, verified" prints 'from bittorrent-dht' ov w dht get "$KEY"
check "and a salted one" web put 127.1.0.1 "$KEYFILE" salt 4 'salted by bittorrent-dht'
check "which we get" prints 'salted by bittorrent-dht' ov w dht get "$KEY" --salt salt
target=$(ov w dht put 'immutable, ours' --immutable)
check "it gets our immutable value" prints 'immutable, ours' web get 127.1.0.1 "$target"
target=$(web put-immutable 127.1.0.1 'immutable, theirs')
check "we get its" prints 'immutable, theirs' ov w dht get "$target"
INFOHASH=00112233445566778899aabbccddeeff00112233
check "we announce" ov w dht announce $INFOHASH --port 7001
check "it finds us" eval "web peers 127.1.0.1 $INFOHASH | grep -qx 127.50.0.1:7001"
check "it announces" web announce 127.1.0.1 ${INFOHASH//0/1} 7002
check "we find it" eval "ov w dht peers ${INFOHASH//0/1} | grep -q ':7002$'"

# ---- libtorrent ----

check "libtorrent takes our salted value" ov l dht put 'from us' --salt ours --seq 7
check "and gives it to its own" prints 'from us' lt get "$(hex_of l ours)" ours
check "it puts a salted value" lt put "$KEYFILE" salt 'salted by libtorrent'
check "which we get, verified" prints 'salted by libtorrent' ov l dht get "$KEY" --salt salt
check "and one without salt" lt put "$KEYFILE" '' 'from libtorrent'
check "which we get" prints 'from libtorrent' ov l dht get "$KEY"
target=$(ov l dht put 'immutable, ours' --immutable)
check "it gets our immutable value" prints 'immutable, ours' lt get-immutable "$target"
target=$(lt put-immutable 'immutable, theirs')
check "we get its" prints 'immutable, theirs' ov l dht get "$target"
check "we announce" ov l dht announce $INFOHASH --port 7001
check "it finds us" eval "lt peers $INFOHASH | grep -qx 127.50.0.1:7001"
check "it announces" lt announce ${INFOHASH//0/1}
check "we find it" within 20 eval "ov l dht peers ${INFOHASH//0/1} | grep -qx ${AT[5]}:6881"
ov l dht sample >"$T/samples"
check "its nodes tell which infohashes they have" \
  eval "grep -qx ${INFOHASH//0/1} '$T/samples' && grep -qx $INFOHASH '$T/samples'"
check "and are left alone for the hours that they want: nobody is asked again" \
  exits 1 'want to be asked less often' -- ov l dht sample

# ---- records ----

published() { status "$1" "s['dht']['record']['state']" | grep -qx published; }
for host in w l; do
  check "our record is taken" within 20 published $host
  ov $host share 7401 --as web --public >/dev/null
done
HOST=w check "pkarr reads our record on bittorrent-dht's nodes" within 20 \
  eval "web resolve 127.1.0.1 ${IDS[w]} | grep '\"name\":\"web.${IDS[w]}\",\"type\":\"\\(UNKNOWN_64\\|SVCB\\)\"'"
HOST=l check "and on libtorrent's" within 20 \
  eval "web resolve 127.1.0.1 ${IDS[l]} | grep '\"name\":\"_overlay.${IDS[l]}\",\"type\":\"TXT\"'"
RECORD=$("$OVERLAY" --home "$T/third" id)
for host in w l; do
  HOST=$host check "pkarr publishes a record" prints "$RECORD" \
    web publish 127.1.0.1 "$T/third/identity.key" _iroh addr=45.33.12.9:4433
  check "we read it" eval "ov $host --json resolve $RECORD | grep '\"addresses\":\\[\"45.33.12.9:4433\"\\]'"
done

# ---- records at an HTTP relay, with no DHT at all ----

hosts p
server p relay node "$DHT_DIR/dht.mjs" relay 127.0.0.1 6888 127.1.0.1
within 20 grep -q READY "$T/relay.log" || die "no relay"
mkdir -m 700 "$T/p"
printf '%s\n' '[lan]' 'mode = off' '[gateway]' 'nickname = paula' '[dht]' 'mode = off' \
  'relays = http://127.0.0.1:6888' >"$T/p/overlay.conf"
gateway p
check "our record is put at a relay" within 20 grep -q "PUT ${IDS[p]}" "$T/relay.log"
check "and found there" within 10 eval "ov p --json resolve ${IDS[p]} | grep '\"nickname\":\"paula\"'"
check "status says so" within 10 eval "ov p status | grep 'by 1 pkarr relays'"
check "whom nobody knows the relay does not know" shows '"why_no_record":"nobody' \
  ov p --json resolve "$KEY"
on p curl -sS --noproxy '*' "http://127.0.0.1:6888/${IDS[p]}" >"$T/body"
on p curl -sS --noproxy '*' -T "$T/body" "http://127.0.0.1:6888/$RECORD"
check "a relay that answers with another's record is not believed" \
  shows '"why_no_record":"nobody' ov p --json resolve "$RECORD"

# ---- BEP 42, where addresses are public ----

hosts s us stranger
network 45.33.12 s us stranger
LENIENT=(45.33.12.1 81.2.69.1 104.16.1.1 133.5.1.1)
STRICT=(46.1.1.1 82.1.1.1 105.1.1.1 134.1.1.1)
for ip in "${LENIENT[@]:1}" "${STRICT[@]}"; do
  ip -n "$PREFIX-s" address add "$ip/32" dev eth0
done
server s lenient "${LT[@]}" serve 45.33.12.1 "${LENIENT[@]}"
within 20 grep -q READY "$T/lenient.log" || die "no lenient nodes of libtorrent"
server s strict "${LT[@]}" serve-strict 45.33.12.1 "${STRICT[@]}"
within 20 grep -q READY "$T/strict.log" || die "no strict nodes of libtorrent"
HOST=stranger check "strict nodes answer nobody who has an id by chance" \
  fails web put 46.1.1.1 "$KEYFILE" chance 1 chance
dht us 45.33.12.2 "${LENIENT[@]}" "${STRICT[@]}"
gateway us
external() { status us "s['dht']['external']" | grep -q '^45.33.12.2:'; }
check "we learn our address from the others" within 20 external
all_eight() { ov us --json dht put strict --salt ours | grep -q '"stored":8'; }
check "and with the id that fits it all eight take what we put" within 40 all_eight
finish
