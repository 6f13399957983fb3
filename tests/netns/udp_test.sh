#!/usr/bin/env bash
# Datagrams keep their boundaries through a session; iperf3 measures through one, TCP and UDP.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 7101 udp-echo
server a iperf3 iperf3 -s -B 127.0.0.1 -p 5201
within 10 listening a 5201
gateway a
gateway b
check "a UDP service is shared" prints echo ov a share 7101 --as echo --public --udp
check "one service may have both protocols" prints perf ov a share 5201 --as perf --public --both
knows b a 192.0.2.1 >/dev/null
udp=$(port_of b echo.a --udp)
perf=$(port_of b perf.a)

sizes="1 2 1100 1199 1200 1201 2400 8999 9000"
check "datagrams of 1 to 9,000 bytes come back whole" \
  prints "$(for s in $sizes; do echo "$s same"; done)" client b udp-ask 127.0.0.1 "$udp" $sizes
check "an empty datagram is a datagram" prints "0 same" client b udp-ask 127.0.0.1 "$udp" 0
check "one of more than 9,000 bytes is dropped, the next goes on" \
  prints $'9001 lost\n100 same' client b udp-ask 127.0.0.1 "$udp" 9001 100
check "two clients each get their own answers" prints "each its own" \
  client b udp-two 127.0.0.1 "$udp"
check "iperf3 over TCP" on b iperf3 -c 127.0.0.1 -p "$perf" -t 2
check "iperf3 over TCP, from the service" on b iperf3 -c 127.0.0.1 -p "$perf" -t 2 -R
check "iperf3 over TCP, 8 streams" on b iperf3 -c 127.0.0.1 -p "$perf" -t 2 -P 8
lost() {
  on b iperf3 -c 127.0.0.1 -p "$perf" -u -b 20M -w 2M -l 1200 -t 3 --json "$@" | "$PYTHON" -c "
import json,sys
r = json.load(sys.stdin)['end']['sum']
print(r['packets'], r['lost_percent'])
sys.exit(not (r['packets'] > 1000 and r['lost_percent'] < 1))"
}
check "iperf3 over UDP, 20 Mbit/s in datagrams of 1,200 bytes, loses under 1 %" lost
check "and from the service too" lost -R
check "a TCP-only client of a UDP service is refused" exits 3 -- ov b pipe echo.a
finish
