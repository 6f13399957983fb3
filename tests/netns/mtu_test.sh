#!/usr/bin/env bash
# Packets as large as the way carries, on real links: Ethernet, jumbo frames, and a way that becomes
# narrower in the middle of a download, at our own end and where nobody tells us.
. "$(dirname "$0")/lib.sh"

SIZE=67108864
hosts a b
network 192.0.2 a b
switch=${HOSTS[-1]}
serve a 7411 source $SIZE
gateway a
gateway b
ov a share 7411 --as big --public >/dev/null
knows b a 192.0.2.1 >/dev/null
big=$(port_of b big.a)
for host in a b; do
  on "$host" tc qdisc add dev eth0 root tbf rate 250mbit burst 256k latency 100ms
done

mtu() { # BYTES HOST...: of the links of these hosts, and of the switch's ports if it is among them
  local bytes=$1 host
  shift
  for host in "$@"; do
    if [ "$host" = "$switch" ]; then
      ip -n "$PREFIX-$host" link set to1 mtu "$bytes"
      ip -n "$PREFIX-$host" link set to2 mtu "$bytes"
    else
      ip -n "$PREFIX-$host" link set eth0 mtu "$bytes"
    fi
  done
}
download() { # NAME, then a command to run in the middle
  server b "$1" "$PYTHON" "$NET" fetch 127.0.0.1 "$big" $SIZE
  local pid=$SERVER
  shift
  moved 15000000 || { echo "the download did not begin"; return 1; }
  "$@" || return 1
  wait "$pid"
}
moved() { within 20 bytes_since "$(on b cat /sys/class/net/eth0/statistics/rx_bytes)" "$1"; }
bytes_since() { [ $(($(on b cat /sys/class/net/eth0/statistics/rx_bytes) - $1)) -gt "$2" ]; }
another_address() { ip -n "$PREFIX-a" address add "192.0.2.$1/24" dev eth0; }
payload_is() { status_is a "s['peers'][0]['path']['mtu']" "$1"; }
narrow() { # the switch drops what is larger, and says nothing
  payload_is 1452 && mtu 1280 "$switch"
}
narrow_here() { payload_is 1452 && mtu 1280 a; }

check "a download over Ethernet fills its packets" download d1 payload_is 1452
check "it goes on when the way becomes narrow and nobody says so" download d2 narrow
check "and is right, with small packets" payload_is 1200
mtu 1500 "$switch"
another_address 77
check "after a change of the network larger ones are tried again" download d3 payload_is 1452
check "it goes on when our own link becomes narrow" download d4 narrow_here
check "with small packets" payload_is 1200
mtu 9000 a b "$switch"
another_address 78
check "jumbo frames are filled" download d5 payload_is 8952
finish
