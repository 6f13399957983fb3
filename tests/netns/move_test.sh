#!/usr/bin/env bash
# A session outlives what happens below it: either side's address changes in the middle of a
# download, a gateway is killed and comes back, the cable is out for a while.
. "$(dirname "$0")/lib.sh"

hosts a b
network 192.0.2 a b
serve a 7401 source 67108864
serve a 7402 echo
gateway a
gateway b
ov a share 7401 --as big --public >/dev/null
ov a share 7402 --as echo --public >/dev/null
knows b a 192.0.2.1 >/dev/null
big=$(port_of b big.a) echo=$(port_of b echo.a)
# 40 Mbit/s each way, so that a download lasts.
for host in a b; do
  on "$host" tc qdisc add dev eth0 root tbf rate 40mbit burst 128k latency 100ms
done

download() { # NAME, then a command to run in the middle
  server b "$1" "$PYTHON" "$NET" fetch 127.0.0.1 "$big" 67108864
  local pid=$SERVER
  shift
  moved 4000000 || { echo "the download did not begin"; return 1; }
  "$@"
  wait "$pid"
}
moved() { within 20 bytes_since "$(on b cat /sys/class/net/eth0/statistics/rx_bytes)" "$1"; }
bytes_since() { [ $(($(on b cat /sys/class/net/eth0/statistics/rx_bytes) - $1)) -gt "$2" ]; }
change() { # HOST OLD NEW; in this order, or the second address of a network goes with the first
  ip -n "$PREFIX-$1" address del "$2/24" dev eth0
  ip -n "$PREFIX-$1" address add "$3/24" dev eth0
  ip -n "$PREFIX-$1" route replace default dev eth0
}
unplug() {
  ip -n "$PREFIX-b" link set eth0 down
  sleep 2
  ip -n "$PREFIX-b" link set eth0 up
  ip -n "$PREFIX-b" route replace default dev eth0
}
check "a download survives a new address of the one who fetches" \
  download d1 change b 192.0.2.2 192.0.2.12
check "and a new address of the one who serves" \
  download d2 change a 192.0.2.1 192.0.2.11
check "and a cable that is out for two seconds" download d3 unplug
check "the path in status is the new one" status_is b \
  "s['peers'][0]['path']['remote'].rsplit(':', 1)[0]" 192.0.2.11

server b asker "$PYTHON" "$NET" keep-asking 127.0.0.1 "$echo"
within 5 grep -q LONGEST "$T/asker.log"
kill_gateway a KILL
gateway a
check "after a crash of the far gateway the old connection ends at once" \
  within 10 grep -q ConnectionReset "$T/asker.log"
check "by a stateless reset, not by silence" grep -qiE 'reset' "$T/b.log"
check "and new connections work again" within 10 client b ask 127.0.0.1 "$echo" hi
kill_gateway b KILL
gateway b
check "after a crash of our own the same port works again" \
  within 10 client b ask 127.0.0.1 "$echo" hi
check "a clean stop is told to the peer" kill_gateway a
check "which sees it at once" within 3 fails status_is b "s['peers'][0]['state']" direct
check "and connecting then is a quick refusal" within 15 client b expect-refusal 127.0.0.1 "$echo"
gateway a
check "back again, served again" within 15 client b ask 127.0.0.1 "$echo" hi
finish
