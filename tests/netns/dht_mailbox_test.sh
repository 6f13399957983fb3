#!/usr/bin/env bash
# Two gateways behind two kernel NATs that know each other's id, and nothing else: no relay, no STUN
# server, no mail, no address. A few nodes of the DHT, which are nobody's of the two, pass sealed
# messages on and tell each where it is seen.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kernel_home.sh"

NODES=(node1 node2 node3 node4 node5)

# masquerade ROUTER: nothing comes in that was not asked for
masquerade() {
  on "$1" sysctl -q net.ipv4.ip_forward=1
  on "$1" nft -f - <<'END_RULES'
table ip nat {
  chain out {
    type nat hook postrouting priority 100
    oifname "wan" masquerade
  }
}
table ip filter {
  chain forward {
    type filter hook forward priority 0
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }
  chain input {
    type filter hook input priority 0
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }
}
END_RULES
}

hosts alice bob door gate internet "${NODES[@]}"
on internet sysctl -q net.ipv4.ip_forward=1
home alice door 1 203.0.113
masquerade door
home bob gate 2 198.51.100
masquerade gate
for i in 1 2 3 4 5; do
  link "node$i" "45.33.$i.1" internet "45.33.$i.254" eth0
  on "node$i" ip route add default via "45.33.$i.254"
done

# configure HOST LINE...
configure() {
  mkdir -p "$T/$1"
  chmod 700 "$T/$1"
  printf '%s\n' '[lan]' 'mode = off' '[portmap]' 'mode = off' "${@:2}" >"$T/$1/overlay.conf"
}
for i in 1 2 3 4 5; do
  configure "node$i" '[dht]' 'mode = server' "listen = 45.33.$i.1:6881" 'bootstrap = 45.33.1.1:6881'
  gateway "node$i"
done
mailbox() { # HOST on|off
  configure "$1" '[punch]' 'opener_ttl = 2' '[dht]' 'listen = 0.0.0.0:0' \
    'bootstrap = 45.33.1.1:6881, 45.33.2.1:6881' "mailbox = $2"
}
start() { # on|off
  for host in alice bob; do
    mailbox $host "$1"
    gateway $host
  done
  within 20 entered alice && within 20 entered bob || die "the DHT is not entered"
}
stop() {
  for host in alice bob; do
    kill_gateway $host
  done
}
entered() { [ "$(status "$1" "s['dht']['answered']")" -ge 3 ]; }
count() { status "$1" "s['mailbox']['$2']"; } # HOST WHAT
looks() { [ "$(count "$1" polled)" -ge 1 ]; }
fetch() { # HOST
  on "$1" curl -sSf --max-time 15 --noproxy '*' "http://web.alice.overlay.localhost:7777/page"
}
is_direct() { [ "$(status "$1" "s['peers'][0]['state']")" = direct ]; }

mkdir "$T/www"
echo "met with nobody's server" >"$T/www/page"
server alice www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7402
within 10 listening alice 7402 || die "no web server"

start off
ov alice share 7402 --as web --public >/dev/null 2>&1 || die "share"
ov alice peer add "${IDS[bob]}" --alias bob >/dev/null || die "peer add"
ov bob peer add "${IDS[alice]}" --alias alice >/dev/null || die "peer add"
check "without it the one does not reach the other" exits 5 -- ov bob open web.alice
check "and the status says that it is off" prints off count alice state
stop

start on
check "contacts are looked for" within 30 looks alice
check "and the status says so" prints on count alice state
began=$(date +%s%N)
check "with it the two meet" within 60 fetch bob
took=$((($(date +%s%N) - began) / 1000000))
echo "# from the first request to the page: $took ms"
check "the page comes through" prints "met with nobody's server" fetch bob
check "straight" is_direct bob
check "each has left one message" prints "1 1" echo "$(count alice sent) $(count bob sent)"
check "and got one" prints "1 1" echo "$(count alice received) $(count bob received)"
check "none was dropped" prints "0 0" echo "$(count alice dropped) $(count bob dropped)"
check "nodes of the DHT have told where it is seen" shows 'see us at 203.0.113.1:' cat "$T/alice.log"
stop
finish
