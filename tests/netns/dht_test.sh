#!/usr/bin/env bash
# Peers that nobody has told us of: their ids are all that is known, their records are on the DHT.
# One publishes its address, another the relay through which it is reached.
. "$(dirname "$0")/lib.sh"

hosts first relay a c b
network 45.33.12 first relay a c b

# dht HOST ADDRESS LINE...: its overlay.conf; it enters the DHT by the first host.
dht() {
  mkdir -p "$T/$1"
  chmod 700 "$T/$1"
  printf '%s\n' '[lan]' 'mode = off' '[portmap]' 'mode = off' '[dht]' 'mode = server' \
    "listen = $2:6881" 'bootstrap = 45.33.12.1:6881' "${@:3}" >"$T/$1/overlay.conf"
}
dht first 45.33.12.1
dht relay 45.33.12.2 '[gateway]' 'listen = 45.33.12.2:4433' '[relay]' 'serve = open'
dht a 45.33.12.3 '[gateway]' 'listen = 45.33.12.3:4433' 'publish_addresses = on' 'nickname = anna'
dht b 45.33.12.5
gateway first
gateway relay
dht c 45.33.12.4 '[gateway]' 'listen = 45.33.12.4:4433' '[relay]' "use = ${IDS[relay]}@45.33.12.2:4433"
for host in a c; do
  gateway $host
  mkdir "$T/www-$host"
  echo "a page of $host" >"$T/www-$host/index.html"
  server $host www-$host "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www-$host" 7401
  within 10 listening $host 7401 || die "no web server"
  ov $host share 7401 --as web --public >/dev/null
done
gateway b

# The record of a host has it.
told() { ov b --json resolve "${IDS[$1]}" | grep -q "$2"; }
published() { status "$1" "s['dht']['record']['state']" | grep -qx published; }

for host in a c; do
  check "$host publishes its record" within 15 published $host
done
check "resolve shows its address" within 20 told a '"addresses":\["45.33.12.3:4433"\]'
check "and its nickname, which is no alias" fails ov b resolve anna
check "resolve shows the relay of the other, and no address" within 20 told c \
  "\"relays\":\\[\"${IDS[relay]}@45.33.12.2:4433\"\\],\"addresses\":\\[\\]"
check "a name of a peer never heard of is answered at once" \
  prints 127.0.0.1 on b dig @127.0.0.1 -p 5354 +short +time=1 +tries=1 "web.${IDS[a]}.overlay"
for host in a c; do
  check "its page comes by its id alone, found on the DHT" prints "a page of $host" \
    on b curl -sS -m 15 --noproxy '*' "http://web.${IDS[$host]}.overlay.localhost:7777/"
done
check "no peer was added for that" prints '[]' status b "[p['alias'] for p in s['peers'] if p['known']]"
check "status says where the record is" shows 'our record is kept by [0-9]+ nodes' ov a status
check "doctor says that the DHT is reached" eval "ov b doctor | grep 'the DHT is reached'"
check "the name that a peer proposes is taken when we say so, with words to compare" \
  shows "anna is ${IDS[a]}" ov b name --accept "${IDS[a]}"
words=$(ov a --json id | sed 's/.*"fingerprint":"\([a-z-]*\)".*/\1/')
check "which are those of the peer itself" eval "ov b resolve anna 2>&1 | grep 'fingerprint $words'"
check "the address book goes elsewhere" eval "ov b name --export | ov c name --import -"
check "where the name means the same" eval "ov c resolve anna | grep -qx ${IDS[a]}"
check "a name that is in the way stays, and is said" exits 1 'it is called anna here' -- \
  eval "echo 'otto ${IDS[a]}' | ov c name --import -"
check "an id that nobody has is not reached" exits 5 -- ov b open "$("$OVERLAY" --home "$T/nobody" id)"

# ---- by hand ----

check "a value is put under our key and a name" ov a dht put 'hello there' --salt greeting --seq 5
check "everybody gets it" prints 'hello there' ov b dht get "${IDS[a]}" --salt greeting
check "an older one is refused" exits 1 'seq 5' -- ov a dht put older --salt greeting --seq 4
check "and so is one for another number than is there" exits 1 'another seq' -- \
  ov a dht put newer --salt greeting --seq 6 --cas 4
check "with the right one it is taken" ov a dht put newer --salt greeting --seq 6 --cas 5
check "which everybody gets, the last of what comes" prints newer \
  eval "ov b dht get ${IDS[a]} --salt greeting | tail -n 1"
check "our record's place is not for that" exits 2 'own record' -- ov a dht put x
target=$(echo -n 'never changes' | ov a dht put - --immutable)
check "an immutable value is got by its hash" prints 'never changes' ov b dht get "$target"
check "what nobody has is exit 1" exits 1 'nobody' -- ov b dht get "${target//[0-9]/f}"
cp "$T/nobody/identity.key" "$T/key"
check "another key signs where that is wanted" ov a dht put signed --key-file "$T/key" --seq 9
check "and its value is found" prints signed ov b dht get "$("$OVERLAY" --home "$T/nobody" id)"
ov a dht announce chess --port 4000
ov c dht announce chess --port 4001
check "who announced a name is found by it" prints $'45.33.12.3:4000\n45.33.12.4:4001' \
  eval 'ov b dht peers chess | sort'
check "nodes tell which infohashes they keep" \
  eval "ov b dht sample | grep -qx $(ov b --json dht peers chess | sed -n 's/.*"infohash":"\([0-9a-f]*\)".*/\1/p')"
check "a node answers" shows '^45.33.12.1:6881 [0-9a-f]{40} ' ov b dht ping 45.33.12.1:6881
check "where there is none it is exit 5" exits 5 -- ov b dht ping 45.33.12.1:6882
finish
