#!/usr/bin/env bash
# Two gateways behind two kernel NATs, with no relay, no STUN server and nobody else, each knowing
# only the other's id and public address: by ICMP (pwnat) one calls the other. And so does one with
# a public address that nobody knows, where the provider drops private sources.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kernel_home.sh"

# configure HOST LINE...
configure() {
  mkdir -p "$T/$1"
  printf '%s\n' '[gateway]' 'listen = 0.0.0.0:4433' '[lan]' 'mode = off' '[portmap]' 'mode = off' \
    '[punch]' 'opener_ttl = 2' "${@:2}" >"$T/$1/overlay.conf"
}

hosts alice bob carol door gate internet
on internet sysctl -q net.ipv4.ip_forward=1
home alice door 1 203.0.113
home bob gate 2 198.51.100
link carol 198.18.7.1 internet 198.18.7.254 eth0
on carol ip route add default via 198.18.7.254
# One router's own door is open: what comes before the opener spoils the mapping (connectivity.md 3).
masquerade door forward
masquerade gate forward input
server internet outside "$PYTHON" -m http.server -d "$T" 8000
within 10 listening internet 8000 || die "no web server outside"
for host in alice bob carol; do
  check "$host has internet" on $host curl -s --max-time 5 -o /dev/null http://203.0.113.254:8000/
done

mkdir "$T/www"
echo "called by ICMP" >"$T/www/page"
server alice www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7402
within 10 listening alice 7402 || die "no web server"
start() { # PWNAT
  for host in alice bob; do
    configure $host "pwnat = $1"
    gateway $host
  done
}
stop() {
  for host in alice bob; do
    kill_gateway $host
  done
}
fetch() { # HOST
  local port
  port=$(port_of "$1" web.alice) && on "$1" curl -s --max-time 10 "http://127.0.0.1:$port/page"
}

start off
ov alice share 7402 --as web --public >/dev/null 2>&1 || die "share"
ov alice peer add "${IDS[bob]}" --alias bob --address 198.51.100.1:4433 >/dev/null || die "peer add"
ov bob peer add "${IDS[alice]}" --alias alice --address 203.0.113.1:4433 >/dev/null || die "peer add"
check "without the option the one cannot open the other's service" \
  exits 5 -- ov bob open web.alice
check "and the status says that it is off" status_is alice "s['nat']['pwnat']['state']" off
stop

start on
check "with the option the status says that it is on" \
  status_is alice "s['nat']['pwnat']['state']" on
check "a page comes through" prints "called by ICMP" fetch bob
check "straight" status_is bob "s['peers'][0]['state']" direct
check "the called one has heard one call" status_is alice "s['nat']['pwnat']['calls']" 1
check "from the other" shows 'calls by ICMP' cat "$T/alice.log"
check "doctor says that it is on, too" shows 'pwnat' ov alice doctor

on internet nft 'add table ip filter'
on internet nft 'add chain ip filter forward { type filter hook forward priority 0; }'
on internet nft 'add rule ip filter forward ip saddr 192.168.0.0/16 drop'
configure carol 'pwnat = on'
gateway carol
ov carol peer add "${IDS[alice]}" --alias alice --address 203.0.113.1:4433 >/dev/null || die "peer add"
check "a stranger is not let in" exits 5 -- ov carol open web.alice
check "and was heard, and ignored" test "$(status alice "s['nat']['pwnat']['ignored']")" -ge 1
ov alice peer add "${IDS[carol]}" --alias carol >/dev/null || die "peer add"
check "as a contact it gets the page, wherever it is" prints "called by ICMP" fetch carol
kill_gateway carol
stop

# Without CAP_NET_RAW the gateway says so, and runs.
configure alice 'pwnat = on'
server alice alice setpriv --bounding-set=-net_raw --inh-caps=-net_raw \
  "$OVERLAY" --home "$T/alice" daemon
echo "$SERVER" >"$T/alice.pid"
check "without the privilege a gateway runs all the same" within 10 ready alice
check "and warns, naming privilege and option" \
  shows 'pwnat = on does not work.*CAP_NET_RAW' cat "$T/alice.log"
check "doctor says it, too" shows 'CAP_NET_RAW' ov alice doctor
finish
