#!/usr/bin/env bash
# Strangers meet by an invite: on one network, and behind NATs through a relay that both use. The
# first minute as the README has it: share, tell the code, open, look.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/natlab/lab.sh"
. "$ROOT/tests/netns/nat_pair.sh"
. "$ROOT/tests/netns/invites.sh"

fingerprint() { grep -Eo '[a-z]+(-[a-z]+){3}$' "$1" | tail -n 1; }
opens() { # HOST FILE CODE...: what it prints in FILE and FILE.err
  local host=$1 file=$2
  shift 2
  ov "$host" open "$@" >"$T/$file" 2>"$T/$file.err" || { cat "$T/$file.err"; return 1; }
}
line() { sed -n "$1p" "$2"; }

# ---- on one network ----

hosts a b c
network 192.0.2 a b c
has_web_server a "it is me"
check "share starts a gateway and prints the name and a code" eval \
  'ov a share 7402 --as blog >"$T/share" 2>"$T/share.err"'
check "the name first" prints blog line 1 "$T/share"
code=$(line 2 "$T/share")
check "then the code" shows '^[0-9]{1,4}-[a-z]+-[a-z]+$' line 2 "$T/share"
check "and the ticket on standard error" shows 'overlay open overlay:[a-z0-9]+$' cat "$T/share.err"
check "which ls shows as open" shows "$code +invite +to blog, 1 use" ov a ls
within 10 ready a
check "a mistyped word is named" exits 2 "'lemmon' is no word" -- ov b open 7-cobalt-lemmon
check "half a code is said" exits 2 'not a whole code' -- ov b open 7-cobalt
check "a ticket that is cut is said" exits 2 'cut or mistyped' -- ov b open overlay:yyyy
check "other words are refused" exits 4 'not those of the invite' -- \
  ov b open "$(wrong_words "$code")"
check "which the host sees" shows '2 tries left' ov a ls
begun=$(now_ms)
check "the right ones are taken, after a pause" opens b b.open "$code"
check "and lead to the page" prints "it is me" page_of b "$(url "$T/b.open")page"
echo "# on one network, with the pause for the wrong try: $(($(now_ms) - begun)) ms from open to the page"
check "both sides have the same fingerprint" grep -qr "fingerprint $(fingerprint "$T/b.open.err")" \
  "$T/a/overlay.log"
check "a used code is used" lacks invite ov a ls

check "another guest gets a code of its own" eval 'ov a invite blog >"$T/invite" 2>"$T/invite.err"'
check "with a QR code if wanted" shows '█▀' ov a invite blog --qr
ticket=$(ov a invite blog --print 2>/dev/null)
check "the ticket opens it too" opens c c.open "$ticket"
check "for that guest" prints "it is me" page_of c "$(url "$T/c.open")page"
check "who is listed" shows 'for guest(-2)?, guest' ov a ls
check "a revoked guest" ov a revoke guest-2
check "is cut off at once" fails on c curl -sf --max-time 10 "$(url "$T/c.open")page"
check "and a stranger again" lacks guest-2 ov a status
check "the other guest is not" prints "it is me" page_of b "$(url "$T/b.open")page"
check "what no invite gave cannot be revoked so" exits 3 -- ov a revoke guest-9
number=$(line 1 "$T/invite" | cut -d - -f 1)
check "an open invite is revoked by its number" ov a revoke "$number"
check "and answers nobody" exits 5 'nobody answered' -- ov c open "$(line 1 "$T/invite")"
check "no code is made for a service for everybody" prints open ov a share 7402 --as open --port 81 --public
ov a stop >/dev/null 2>&1
ov b stop >/dev/null 2>&1
ov c stop >/dev/null 2>&1

# ---- behind NATs ----

natlab <<END
seed 7
nat home-alice type=port_restricted wan=203.0.113.1
host alice ip=192.168.1.2/24 behind=home-alice delay=10
nat home-bob type=port_restricted wan=203.0.113.2
host bob ip=192.168.1.2/24 behind=home-bob delay=10
host relay ip=198.51.100.9/32 delay=10
END
configure relay '[gateway]' 'listen = 0.0.0.0:4433' '[relay]' 'serve = open' '[lan]' 'mode = off'
gateway relay
for host in alice bob; do
  configure $host '[gateway]' "nickname = $host" '[relay]' "use = ${IDS[relay]}@198.51.100.9:4433"
done
has_web_server alice "through two NATs"
gateway bob
check "alice shares" eval 'ov alice share 7402 --as blog >/dev/null 2>&1'
begun=$(now_ms)
check "and invites" eval 'ov alice invite blog >"$T/code" 2>"$T/code.err"'
check "bob opens the code" opens bob bob.open "$(line 1 "$T/code")"
check "and sees the page" prints "through two NATs" page_of bob "$(url "$T/bob.open")page"
echo "# behind two port-restricted NATs, through a relay: $(($(now_ms) - begun)) ms from invite to the page"
check "she is called by her name there" shows 'blog\.alice\.overlay' cat "$T/bob.open"
check "and he by his" shows 'for bob' ov alice ls
check "with one fingerprint" grep -qr "fingerprint $(fingerprint "$T/bob.open.err")" "$T/alice/overlay.log"
gone_direct() { status_is bob "s['peers'][0]['state']" direct; }
check "and the path becomes direct" within 20 gone_direct
finish
