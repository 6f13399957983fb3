#!/usr/bin/env bash
# Two gateways that cannot reach one another, on hosts that both reach two relays: pages, a large
# file, and the relay killed in the middle of one.
. "$(dirname "$0")/lib.sh"

hosts a b home spare
network 192.0.2 a b home spare
ip -n "$PREFIX-a" route add blackhole 192.0.2.2
ip -n "$PREFIX-b" route add blackhole 192.0.2.1
check "the two do not reach one another" fails on a ping -c 1 -W 1 192.0.2.2

for host in home spare; do
  printf '[gateway]\nlisten = 0.0.0.0:4433\n[relay]\nserve = open\n' >"$T/$host.conf"
  gateway "$host" --config "$T/$host.conf"
done
cat >"$T/a.conf" <<EOF
[relay]
use = ${IDS[home]}@192.0.2.3:4433, ${IDS[spare]}@192.0.2.4:4433
EOF
gateway a --config "$T/a.conf"
gateway b
shares_files a 104857600 "over the relay"
ov b peer add "${IDS[a]}" --alias a --relay "${IDS[home]}@192.0.2.3:4433" >/dev/null

registered() { status_is "$1" "s['relay']['registered']" 1; }
check "who uses two relays is registered at the home" within 5 registered home
check "and at the spare" within 5 registered spare
check "its status names the home" status_is a "s['relay']['home']" "${IDS[home]}@192.0.2.3:4433"
check "and so does the text" shows '^relay +192.0.2.3:4433' ov a status

web=$(port_of b web.a) big=$(port_of b big.a)
check "a page comes through the relay" \
  prints "over the relay" on b curl -s --max-time 10 "http://127.0.0.1:$web/page"
check "the state is relayed" status_is b "s['peers'][0]['state']" relayed
check "by a path of kind relay" status_is b "s['peers'][0]['path']['kind']" relay
check "whose address is the relay's" status_is b "s['peers'][0]['path']['remote']" 192.0.2.3:4433
check "why it is not direct is said" fails status_is b "s['peers'][0]['why_not_direct']" None
check "a ping says so" shows relay ov b ping a -c 1

check "100 MB come through unharmed" prints "$SUM" fetched b "$web"
passed() { [ "$(status home "s['relay']['bytes']")" -gt 104857600 ]; }
check "and the relay has counted them" passed
check "which its status tells" shows 'this is one for 1 peer' ov home status

# 100 Mbit/s, so that a download lasts.
on a tc qdisc add dev eth0 root tbf rate 100mbit burst 128k latency 100ms
killed() {
  server b cut "$PYTHON" "$NET" fetch 127.0.0.1 "$big" 104857600
  local pid=$SERVER
  sleep 2
  kill_gateway home KILL
  wait "$pid"
}
knows_spare() { grep -q "${IDS[spare]}" "$T/b/registry.json"; }
check "the peer has learnt of the spare" within 5 knows_spare
sleep 6
check "a download survives that its relay is killed" killed
check "through the spare" status_is b "s['peers'][0]['path']['remote']" 192.0.2.4:4433
check "which is the home now" within 10 status_is a "s['relay']['home']" "${IDS[spare]}@192.0.2.4:4433"

gateway home --config "$T/home.conf"
check "a relay that is back is used again" within 70 registered home
kill_gateway b
gateway b
check "after a restart the peer is found again" \
  prints "over the relay" on b curl -s --max-time 15 "http://127.0.0.1:$web/page"

ov home stop >/dev/null
ov spare stop >/dev/null
kill_gateway b
gateway b
check "without any relay a person is told which were asked" \
  exits 5 'relay 192.0.2.[34]:4433: ' -- ov b open web.a
finish
