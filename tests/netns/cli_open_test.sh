#!/usr/bin/env bash
# The commands that reach a peer: every form of open, ping, pipe and bench, what they print and how
# they fail.
. "$(dirname "$0")/lib.sh"

hosts a b c
network 192.0.2 a b c
serve a 7301 echo
serve a 7302 udp-echo
serve a 7303 count-then-answer
serve a 7304 say-and-reset
for host in a b c; do
  mkdir -m 700 "$T/$host"
  printf '[lan]\nmode = off\n' >"$T/$host/overlay.conf"
done
gateway a
gateway b
gateway c
{
  ov a peer add "${IDS[b]}" --alias b
  ov a share 7301 --as echo --to b
  ov a share 7302 --as voice --udp --to b
  ov a share 7303 --as count --both --to b
  ov a share 7304 --as rst --to b
  ov a share 7399 --as down --to b
  ov a share 7398 --as mine
} >/dev/null 2>&1
knows b a 192.0.2.1 >/dev/null 2>&1
json() { "$PYTHON" -c "import json,sys
v = json.load(sys.stdin)
print($1)"; }
lines() { ov b open "$@" | wc -l; }
# shellcheck disable=SC2034  # used in an eval
LINE='^(-|http://[a-z.:0-9]+/)	127\.0\.0\.1:2[0-9]{4}	[a-z]+\.a\.overlay$'

# ---- open ----
check "open PEER opens all that we may use, one a line" prints 5 lines a
check "every line is URL, address and name" prints 5 eval 'ov b open a | grep -Ecx "$LINE"'
check "where there is no URL there is a dash" shows $'^-\t127.0.0.1:[0-9]+\tvoice' ov b open voice.a
check "doing it again prints the same" prints "$(ov b open a)" ov b open a
check "SERVICE.PEER opens one" prints 1 lines echo.a
check "so does PEER:PORT" prints 1 lines a:7301
check "and SERVICE.PEER.overlay" prints 1 lines echo.a.overlay
check "and the peer's id" prints 1 lines "echo.${IDS[a]}"
check "and a unique beginning of it" prints 1 lines "${IDS[a]:0:7}:7301"
check "PEER --udp opens what takes datagrams" prints 2 lines a --udp
check "PEER:PORT of a UDP service wants --udp" exits 3 'add --udp' -- ov b open a:7302
check "and then gives it" prints 1 lines a:7302 --udp
check "JSON is an array with service, proto, listen, url and id" prints "True True" eval \
  'ov b --json open a | json "len(v) == 5, all(set(\"service proto listen url id\".split()) <= set(p) for p in v)" | tr -d "(),"'
check "a UDP service has no URL in JSON" prints None eval 'ov b --json open voice.a | json "v[0][\"url\"]"'
check "--at with several is exit 2" exits 2 'SERVICE.PEER --at' -- ov b open a --at 9000
check "--at names the port" shows $'\t127.0.0.1:9000\t' ov b open echo.a --at 9000
check "which then is the kept one" shows $'\t127.0.0.1:9000\t' ov b open echo.a
check "and serves" prints hi client b ask 127.0.0.1 9000 hi
check "--at 127.0.0.2:PORT too" shows $'\t127.0.0.2:9000\t' ov b open echo.a --at 127.0.0.2:9000
check "not on a foreign address" exits 2 'loopback' -- ov b open echo.a --at 192.0.2.2:9000
check "not on a taken port, which is said" exits 1 'holds this port' -- ov b open echo.a --at 7777
check "and it stays where it was" prints hi client b ask 127.0.0.2 9000 hi
check "close NAME.PEER closes it" eval 'ov b close echo.a && fails client b ask 127.0.0.2 9000 hi'
check "a service that is not shared is exit 3" exits 3 -- ov b open nosuch.a
check "one that we may not use is exit 4 and tells the owner's command" exits 4 "overlay allow ${IDS[b]}" -- ov b open mine.a
check "an unknown peer is exit 3" exits 3 'peer add' -- ov b open echo.nobody
check "what is no place is exit 2" exits 2 -- ov b open http://echo.a.overlay/
check "ourselves are exit 2" exits 2 -- ov b open "${IDS[b]}"
ports() { on b ss -Hltn | wc -l; }
before=$(ports)
server b held timeout -s INT 3 "$OVERLAY" --home "$T/b" open echo.a -f
check "open -f holds it" within 3 eval 'ov b ls | grep -q ^echo.a'
check "until it is interrupted" within 5 lacks ^echo.a ov b ls
check "then nothing is bound" prints "$before" ports
kept=$(ov b open count.a)
ov b stop 2>/dev/null
check "a port is kept over a restart by a command" prints "$kept" ov b open count.a
check "and open again from the start" shows '^count\.a' ov b ls

check "an idle session has no streams" within 3 status_is b "s['peers'][0]['streams']" 0

# ---- ping ----
check "ping prints a line for each of 2" prints 2 eval 'ov b ping a -c 2 2>/dev/null | grep -Ec "^a: [0-9.]+ ms, direct, 192.0.2.1:[0-9]+$"'
check "ping --until-direct stops at the first" prints 1 eval 'ov b ping a --until-direct 2>/dev/null | wc -l'
check "ping in JSON sums up" prints "1 1 1" eval 'ov b --json ping a -c 1 | json "v[\"sent\"], v[\"received\"], len(v[\"replies_ms\"])" | tr -d "(),"'
check "ping of an unknown peer is exit 3" exits 3 -- ov b ping nobody

# ---- pipe ----
check "pipe carries both ways and ends with the stream" prints "one line" eval 'echo "one line" | ov b pipe echo.a'
check "8 MiB through it, half-closed, are counted" shows 8388608 eval 'head -c 8388608 /dev/zero | ov b pipe a:7303'
check "pipe says nothing on standard output when it fails" test -z "$(ov b pipe mine.a 2>/dev/null </dev/null)"
check "pipe to what we may not use is exit 4" exits 4 -- ov b pipe mine.a
check "pipe to what is not there is exit 3" exits 3 -- ov b pipe a:1
check "pipe to a target that is down is exit 5" exits 5 'refused' -- ov b pipe down.a
check "what breaks off does not look complete" exits 1 'broke off' -- ov b pipe rst.a
check "pipe without a service is exit 2" exits 2 'which service' -- ov b pipe a

# ---- a stranger ----
stranger() { ov c "$@" </dev/null; }
knows c a 192.0.2.1 >/dev/null 2>&1
for what in 'open a' 'open echo.a' 'open nosuch.a' 'open a:7301' 'open a:1' 'ping a' 'pipe echo.a' 'pipe a:1' 'bench a'; do
  # shellcheck disable=SC2086
  check "a stranger gets exit 4 for $what" exits 4 -- stranger $what
done
ov a share 7301 --port 7311 --as open --public >/dev/null 2>&1 || die "share open"
for what in 'open echo.a' 'open nosuch.a' 'open a:7302 --udp' 'open a:1' 'pipe nosuch.a' 'bench a'; do
  # shellcheck disable=SC2086
  check "also while something is public, for $what" exits 4 -- stranger $what
done
check "but that it may use" ov c open open.a
check "a block of ours has its own remedy" exits 4 'overlay unblock' -- eval 'ov c block a; ov c open open.a'
ov c unblock a 2>/dev/null

# ---- nobody there ----
far=$("$OVERLAY" --home "$T/far" id)
ov b peer add "$far" --alias far --address 192.0.2.77:4433 --address 192.0.2.2:9 2>/dev/null
begin=$(date +%s%N)
unreached() { exits 5 '192\.0\.2\.77:4433.*192\.0\.2\.2:9' -- ov b "$@"; }
unreached pipe far:22 >"$T/pipe-far" 2>&1 &
pipe=$!
unreached ping far >"$T/ping-far" 2>&1 &
ping=$!
# With a gateway of its own: only -f makes one that ends with the command.
lone() { on b timeout 20 "$OVERLAY" --home "$T/lone" "$@"; }
lone peer add "$far" --address 192.0.2.77:4433 2>/dev/null
exits 5 '192\.0\.2\.77:4433' -- lone open "$far" -f >"$T/open-f-far" 2>&1 &
open_f=$!
check "open of who is away is exit 5 and names all that was tried" unreached open far
# Waited for here: within check they would be no children of the shell that waits.
wait $pipe; pipe=$?
wait $ping; ping=$?
wait $open_f; open_f=$?
check "so it is for pipe" test $pipe -eq 0
check "and for ping" test $ping -eq 0
check "and for open -f, whose gateway ends with it" eval '[ $open_f -eq 0 ] && exits 1 -- lone status'
echo "# all four within $((($(date +%s%N) - begin) / 1000000)) ms (10 s are wanted; the simulator's stories see to it, by their own clock)"
check "nothing stays bound for it" lacks far ov b ls
check "status says why it is not direct" status_is b "[p['why_not_direct'] is not None and p['path'] is None for p in s['peers'] if p['alias'] == 'far'][0]" True
check "bench measures both ways" shows '^to a: [0-9.]+ Mbit/s' ov b bench a
finish
