#!/usr/bin/env bash
# Gateways behind kernel NATs that know each other's id, and nothing else: no relay, no STUN server,
# no mail, no address. A few nodes of the DHT, which are nobody's of them, pass sealed messages on
# and tell each where it is seen. A stranger comes by the three words of an invite.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kernel_home.sh"
. "$(dirname "$0")/invites.sh"

NODES=(node1 node2 node3 node4 node5)

hosts alice bob carol door gate fence internet "${NODES[@]}"
on internet sysctl -q net.ipv4.ip_forward=1
home alice door 1 203.0.113
masquerade door forward input
home bob gate 2 198.51.100
masquerade gate forward input
home carol fence 3 192.0.2
masquerade fence forward input
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

has_web_server alice "met with nobody's server"

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
began=$(now_ms)
check "with it the two meet" within 60 fetch bob
echo "# from the first request to the page: $(($(now_ms) - began)) ms"
check "the page comes through" prints "met with nobody's server" fetch bob
check "straight" is_direct bob
check "each has left one message" prints "1 1" echo "$(count alice sent) $(count bob sent)"
check "and got one" prints "1 1" echo "$(count alice received) $(count bob received)"
check "none was dropped" prints "0 0" echo "$(count alice dropped) $(count bob dropped)"
check "nodes of the DHT have told where it is seen" shows 'see us at 203.0.113.1:' cat "$T/alice.log"

mailbox carol on
gateway carol
within 20 entered carol || die "the DHT is not entered"
began=$(now_ms)
ov alice invite web >"$T/code" 2>"$T/code.err" || die "invite"
# It may be told to try again: the two have no more than ten seconds, and call each other meanwhile.
ov carol open "$(head -n 1 "$T/code")" >"$T/open.first" 2>&1
check "a stranger opens an invite by its words alone" within 40 eval \
  'ov carol open "web.${IDS[alice]}" >"$T/open" 2>"$T/open.err"'
check "and gets the page" prints "met with nobody's server" page_of carol "$(url "$T/open")page"
echo "# from the invite to the page: $(($(now_ms) - began)) ms"
check "straight, too" is_direct carol
kill_gateway carol
stop
finish
