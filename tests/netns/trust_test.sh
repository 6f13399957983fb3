#!/usr/bin/env bash
# Who may do what: the key at the address must be the peer's, a stranger learns nothing, a grant
# works at once and so does taking it back.
. "$(dirname "$0")/lib.sh"

hosts a b c
network 192.0.2 a b c
serve a 7201 echo
serve a 7202 echo
for host in a b c; do
  mkdir -p "$T/$host"
  printf '[lan]\nmode = off\n' >"$T/$host/overlay.conf"
  gateway "$host"
done
ov a share 7201 --as open --public >/dev/null
ov a share 7202 --as private >/dev/null

check "id prints 52 characters of z-base-32" shows '^[ybndrfg8ejkmcpqxot1uwisza345h769]{52}$' ov a id
check "id --json says the same" shows "\"id\": *\"${IDS[a]}\"" ov a --json id
check "an unknown peer is exit 3" exits 3 -- ov b open nobody
check "an unknown alias resolves to nothing" exits 3 -- ov b resolve web.nobody.overlay

# c stands at the address that b has for a.
ov b peer add "${IDS[a]}" --alias mallory --address "192.0.2.3:$(udp_port c)" >/dev/null
check "the wrong key at an address is exit 4" exits 4 'peer id mismatch' -- ov b open open.mallory
check "and ping says so too" exits 4 'peer id mismatch' -- ov b ping mallory -c 1
check "the wrong one was told nothing" status_is c "len(s['peers'])" 0
ov b unname mallory >/dev/null

knows b a 192.0.2.1 >/dev/null
check "a public service is open to one who knows the id" ov b open open.a
check "a private one is refused" exits 4 -- ov b open private.a
check "one that does not exist is refused in the same way to a stranger" \
  exits 4 -- ov b open nosuch.a
strangers_answers() {
  local what
  for what in private.a nosuch.a a:1 a:7202; do
    echo "$(ov c pipe "$what" </dev/null 2>&1) $?" | tr '\n' ' ' | sed "s/$what/WHAT/g"
    echo
  done | sort -u | wc -l
}
ov a close open >/dev/null
knows c a 192.0.2.1 >/dev/null
check "whatever a stranger asks for, the answer is one and the same" prints 1 strangers_answers
check "and it is exit 4" exits 4 -- ov c open a:7202

ov a peer add "${IDS[b]}" --alias b >/dev/null
check "allow works at once" ov a allow b private
port=$(port_of b private.a)
check "the allowed peer is served" prints hi client b ask 127.0.0.1 "$port" hi
server b holder "$PYTHON" "$NET" hold 127.0.0.1 "$port" 3
check "connections stay open" within 5 grep -q 'ALIVE' "$T/holder.log"
check "deny works at once" ov a deny b private
check "and ends what is open" within 5 fails kill -0 "$SERVER"
check "the denied peer gets exit 4" exits 4 -- ov b open private.a
ov a allow b private >/dev/null
check "allowed again, served again" within 5 client b ask 127.0.0.1 "$port" hi
server b holder2 "$PYTHON" "$NET" hold 127.0.0.1 "$port" 3
within 5 grep -q 'ALIVE' "$T/holder2.log"
check "block beats allow" ov a block b
check "and closes the live session" within 5 fails kill -0 "$SERVER"
check "a blocked peer gets exit 4" exits 4 -- ov b open private.a
check "status shows it as blocked" status_is a \
  "[p['state'] for p in s['peers'] if p['alias'] == 'b'][0]" blocked
ov a unblock b >/dev/null
check "unblock lets it in again" within 5 ov b open private.a

check "a malformed id is refused" exits 2 'not a peer id' -- ov b peer add ybndrfg8 --alias bad
far=$("$OVERLAY" --home "$T/far" id)
ov b peer add "$far" --alias far --address 192.0.2.77:4433 >/dev/null
listeners() { on b ss -Htln | grep -cE ':2[0-9]{4} '; }
before=$(listeners)
begin=$SECONDS
check "an unreachable peer is exit 5 and the text names what was tried" \
  exits 5 '192\.0\.2\.77:4433' -- ov b open far
check "within 10 s" test $((SECONDS - begin)) -le 11
check "ping to it is exit 5 as well" exits 5 -- ov b ping far -c 1
check "nothing stays bound for it" prints "$before" listeners
finish
