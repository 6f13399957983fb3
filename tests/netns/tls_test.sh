#!/usr/bin/env bash
# A gateway whose UDP is blocked reaches a peer through a relay's TLS port: pages, a large file, and
# the connection cut in the middle. Then two that reach one another by TCP alone.
. "$(dirname "$0")/lib.sh"

hosts a b relay c
network 192.0.2 a b relay c
on a nft -f - <<'END' || die "nft refused the rules"
table inet wall {
  chain input { type filter hook input priority 0; iifname "eth0" meta l4proto udp drop; }
  chain output { type filter hook output priority 0; oifname "eth0" meta l4proto udp drop; }
}
END
ip -n "$PREFIX-a" route add blackhole 192.0.2.2
ip -n "$PREFIX-b" route add blackhole 192.0.2.1

cat >"$T/relay.conf" <<END
[gateway]
listen = 0.0.0.0:4433
[relay]
serve = open
tls_listen = 0.0.0.0:443
END
gateway relay --config "$T/relay.conf"
printf '[relay]\nuse = %s@192.0.2.3:4433\n' "${IDS[relay]}" >"$T/b.conf"
gateway b --config "$T/b.conf"
gateway a
shares_files b 52428800 "over TLS"
ov a peer add "${IDS[b]}" --alias b --relay "${IDS[relay]}@192.0.2.3:4433" >/dev/null

registered() { status_is relay "s['relay']['registered']" 1; }
within 10 registered || die "b is not registered"

# ---- through the relay ----

web=$(port_of a web.b) big=$(port_of a big.b)
fetch() { on a curl -s --max-time 30 "http://127.0.0.1:$web/page"; }
check "a page comes to who has no UDP" prints "over TLS" fetch
path() { status_is a "[p['path'] for p in s['peers'] if p['alias'] == 'b'][0]['$1']" "$2"; }
check "by a path of kind relay" path kind relay
check "over TCP" path over tcp
check "to the relay's port 443" path remote 192.0.2.3:443
check "and the text of status says so" shows 'relay 192.0.2.3:443 over TCP' ov a status
start=$(date +%s%N)
check "50 MB come through unharmed" prints "$SUM" fetched a "$web"
ms=$((($(date +%s%N) - start) / 1000000))
echo "# 50 MiB in $ms ms: $((52428800 * 8 / 1000 / ms)) Mbit/s"

# 100 Mbit/s, so that a download lasts.
on b tc qdisc add dev eth0 root tbf rate 100mbit burst 128k latency 100ms
loses_road() {
  server a cut "$PYTHON" "$NET" fetch 127.0.0.1 "$big" 104857600
  local pid=$SERVER
  sleep 2
  on a ss -K dst 192.0.2.3 dport = 443 | grep ESTAB || return 1
  wait "$pid" && grep "TLS 192.0.2.3:443:" "$T/a.log"
}
check "a download survives that the TLS connection is cut" loses_road
check "and goes over TCP again" path over tcp
stranger() {
  on c timeout 5 bash -c 'exec 3<>/dev/tcp/192.0.2.3/443 || exit 124
    printf "GET / HTTP/1.1\r\n\r\n" >&3; cat <&3 >/dev/null'
  [ $? -ne 124 ] # who is not turned away waits until then
}
check "who speaks no TLS there is turned away" stranger
check "the relay lists its sockets" shows 443 status relay "s['tcp']"

# ---- straight ----

printf '[gateway]\nlisten = 0.0.0.0:4455\ntcp = on\n' >"$T/c.conf"
gateway c --config "$T/c.conf"
serve c 7403 echo
ov c share 7403 --as echo --public >/dev/null
ov a peer add "${IDS[c]}" --alias c --address 192.0.2.4:4455 >/dev/null
check "a peer that takes TCP is reached without a relay" shows 'c' ov a ping c -c 1
direct() { status_is a "[p for p in s['peers'] if p['alias'] == 'c'][0]['$1']" "$2"; }
check "which counts as direct" direct state direct
kind() { status_is a "[p['path'] for p in s['peers'] if p['alias'] == 'c'][0]['kind']" tcp; }
check "by a path of kind tcp" kind

for host in a b c relay; do
  ov "$host" stop >/dev/null
done
finish
