#!/usr/bin/env bash
# Who may come: networks with names, lists of addresses and their reload, and what the log tells.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
config() { printf "$2" >"$T/$1/overlay.conf"; }
reload() { ov a config reload; }

# ---- the log ----
gateway a
gateway b
shares_files a 1000 hello
knows b a 192.0.2.1 >/dev/null
check "the log has the last lines" shows ' info gateway: ready: ' ov a log
check "and only as many as are wanted" prints 0 eval 'ov a log -n 0 | wc -l'
server a follow timeout 60 "$OVERLAY" --home "$T/a" --json log -n 50 -f
event() {
  "$PYTHON" -c "import json,sys
for line in open('$T/follow.log'):
    e = json.loads(line)
    if e['event'] == '$1' and ($2): sys.exit(0)
sys.exit(1)"
}
check "b reaches a" ov b ping a -c 1
check "the log that is followed names the event, the peer and its address" \
  within 5 event connected "e['peer'] == '${IDS[b]}' and e['address'].startswith('192.0.2.2:')"
check "and its time and area" event connected "e['time'] > 1e9 and e['area'] == 'peer' and e['level'] == 'info'"
check "without a gateway there is no log" exits 1 'no gateway is running' -- \
  on a "$OVERLAY" --home "$T/nobody" log -f

# ---- addresses ----
server b pipe timeout 60 "$OVERLAY" --home "$T/b" pipe web.a
sleepless() { status_is a "[p['state'] for p in s['peers'] if p['id'] == '${IDS[b]}']" "$1"; }
check "b has a session" within 5 sleepless "['direct']"
config a '[gateway]\nblock_from = 192.0.2.0/30\n'
check "a list of addresses is read again, and needs no restart" lacks restart reload
not_direct() { ! sleepless "['direct']"; }
check "a session from a blocked address ends at once" within 2 not_direct
check "b is not let in any more" exits 5 'a cannot be reached' -- ov b ping a -c 1
check "what came from there was counted" status_is a "s['abuse']['turned_away'] > 0" True
check "the status has how long the lists are" status_is a "s['limits']['block_from']" 1
config a '[gateway]\nallow_from = 198.51.100.0/24\n'
kill -HUP "$(pid_of a)"
check "with an allow list others stay outside" within 3 status_is a "s['limits']['allow_from']" 1
check "so b does" exits 5 'a cannot be reached' -- ov b ping a -c 1
config a '[gateway]\nallow_from = 192.0.2.1/24\n'
check "a list that cannot be meant is refused with file:line" exits 1 'overlay.conf:2: allow_from' -- ov a config reload
check "and changes nothing" status_is a "s['limits']['allow_from']" 1
config a ''
check "the lists are gone" reload
check "b is let in again" within 30 ov b ping a -c 1

# ---- networks ----
kill_gateway b
config b '[gateway]\nnetwork = lab\n'
gateway b
check "a gateway of another network is refused, and told why" exits 4 'belongs to another network' -- ov b ping a -c 1
check "the other end has it in its log" within 5 event wrong_network True
config a '[gateway]\nnetwork = lab\n'
check "a network needs a restart" shows 'restart the gateway for: .gateway. network' reload
kill_gateway a
within 5 grep -q 'The gateway has ended' "$T/follow.log"
check "who follows the log is told that it has ended" grep -q 'The gateway has ended' "$T/follow.log"
gateway a
check "in one network they meet" within 30 ov b ping a -c 1
finish
