#!/usr/bin/env bash
# TCP simultaneous open through the kernel's own NATs: UDP works to the relay and is lost on the way
# between the gateways, or is blocked at the side that answers. Routers drop a stranger's SYN, or
# refuse it as a router does whose INPUT is open.
. "$(dirname "$0")/lib.sh"

command -v nft >/dev/null || {
  echo "ok # SKIP nft is missing: not tried"
  finish
}
hosts relay ra rb rc rd a b c d
network 203.0.113 relay ra rb rc rd
RELAY=203.0.113.1

# home ROUTER HOST RULE...: a host behind a router that masquerades, with rules for its filter table.
home() {
  local router=$1 host=$2
  shift 2
  cable "$host" 192.168.1.2 "$router" 192.168.1.1
  ip -n "$PREFIX-$host" route add default via 192.168.1.1
  on "$router" sysctl -q net.ipv4.ip_forward=1
  on "$router" nft -f - <<EOF || die "nft refused the rules of $router"
table ip nat {
  chain prerouting { type nat hook prerouting priority -100; }
  chain postrouting { type nat hook postrouting priority 100; ip saddr 192.168.1.0/24 masquerade; }
}
table ip filter {
  chain input { type filter hook input priority 0; }
  chain forward { type filter hook forward priority 0; $*; }
}
EOF
}
closed() { on "$1" nft add rule ip filter input iifname eth0 ct state new drop; }
lossy="meta l4proto udp ip daddr != $RELAY ip saddr != $RELAY drop"
home ra a "$lossy"
home rb b "$lossy"
home rc c meta l4proto udp drop
home rd d "$lossy"
closed ra
closed rb
closed rc

mkdir -p "$T/relay"
printf '%s\n' '[gateway]' 'listen = 0.0.0.0:4433' '[relay]' 'serve = open' 'tls_listen = 0.0.0.0:443' \
  '[lan]' 'mode = off' >"$T/relay/overlay.conf"
gateway relay
for host in a b c d; do
  mkdir -p "$T/$host"
  printf '%s\n' '[lan]' 'mode = off' '[relay]' "use = ${IDS[relay]}@$RELAY:4433" >"$T/$host/overlay.conf"
  gateway $host
done
registered() { status_is relay "s['relay']['registered']" 4; }
check "four gateways are registered at the relay, one of them over TLS" within 15 registered

check "the relay's TLS port says in the clear, by STUN, where one is seen" \
  shows '^203\.0\.113\.2:[0-9]+$' ov a stun-test "tcp:$RELAY:443"

# meet A B: over the relay at first
meet() {
  ov "$2" peer add "${IDS[$1]}" --alias "$1" >/dev/null
  ov "$1" peer add "${IDS[$2]}" --alias "$2" --relay "${IDS[relay]}@$RELAY:4433" >/dev/null
  ov "$1" ping "$2" -c 1
}
path() { status "$1" "[p['path']['kind'] for p in s['peers'] if p['alias'] == '$2'][0]"; }
direct() { [ "$(path "$1" "$2")" = tcp ]; }
opened() { grep -q 'by TCP simultaneous open' "$T/$1.log"; }

check "two meet over the relay" meet a b
check "and where UDP is lost on the way between, straight over TCP in the end" within 30 direct a b
check "which both have begun at the same moment" opened a
head -c 5000000 /dev/urandom >"$T/sent"
on b "$PYTHON" -m http.server -b 127.0.0.1 -d "$T" 7402 >/dev/null 2>&1 </dev/null &
within 10 listening b 7402 || die "no web server"
ov b share 7402 --as web --public >/dev/null
port=$(port_of a web.b)
fetched() { on a curl -s --max-time 60 "http://127.0.0.1:$port/sent" | cmp - "$T/sent"; }
check "it carries 5 MB unharmed" fetched
check "one calls another whose UDP is blocked" meet a c
check "and is straight soon, for both know it" within 12 direct a c
check "one calls another whose router refuses SYNs" meet b d
check "and is straight too" within 40 direct b d

for host in a b c d relay; do
  ov "$host" stop >/dev/null
done
finish
