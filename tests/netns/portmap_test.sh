#!/usr/bin/env bash
# Our port mappings on Debian's miniupnpd, behind a router that lets nothing else in: by PCP, NAT-PMP
# and UPnP, each alone; tried from outside by another gateway; made anew when the router forgets.
. "$(dirname "$0")/lib.sh"

MINIUPNPD=$(PATH=$PATH:/usr/sbin:/sbin command -v miniupnpd) || die "miniupnpd is missing: run make deps"

# inside 192.168.7.2 - router 192.168.7.1 | 8.7.6.2 - outside 8.7.6.1. miniupnpd maps nothing on
# an address that it knows to be private or for documentation, so this one looks public.
hosts inside router outside
cable inside 192.168.7.2 router 192.168.7.1
cable outside 8.7.6.1 router 8.7.6.2
ip -n "$PREFIX-inside" route add default via 192.168.7.1
on router sysctl -q net.ipv4.ip_forward=1
device() { ip -n "$PREFIX-$1" -o address show to "$2" | awk '{ print $2 }'; }
LAN=$(device router 192.168.7.1)
WAN=$(device router 8.7.6.2)

# What miniupnpd's nft_init.sh makes, and NAT as home routers have it.
rules() {
  on router nft -f - <<END || die "nft refused the router's rules"
flush ruleset
table inet filter {
  chain miniupnpd { }
  chain input { type filter hook input priority 0; iifname "$WAN" ct state new drop; $1 }
  chain forward { type filter hook forward priority 0; policy drop;
    ct state established,related accept; iifname "$LAN" accept; jump miniupnpd; }
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain postrouting { type nat hook postrouting priority 100;
    jump postrouting_miniupnpd; oifname "$WAN" masquerade; }
}
END
}

# upnpd NAME SETTING...: starts it anew.
upnpd() {
  local name=$1
  shift
  stop_upnpd
  printf '%s\n' "ext_ifname=$WAN" "listening_ip=$LAN" http_port=0 secure_mode=yes system_uptime=no \
    uuid=00000000-0000-0000-0000-000000000007 upnp_table_name=filter upnp_nat_table_name=filter \
    upnp_forward_chain=miniupnpd upnp_nat_chain=prerouting_miniupnpd \
    upnp_nat_postrouting_chain=postrouting_miniupnpd \
    "allow 1024-65535 192.168.7.0/24 1024-65535" "deny 0-65535 0.0.0.0/0 0-65535" "$@" \
    >"$T/upnpd.conf"
  server router "upnpd-$name" "$MINIUPNPD" -d -f "$T/upnpd.conf" -P "$T/upnpd.pid"
  UPNPD=$SERVER
  within 10 grep -qi 'listening' "$T/upnpd-$name.log" || die "miniupnpd does not start"
}
UPNPD=
stop_upnpd() {
  [ -z "$UPNPD" ] || { kill "$UPNPD" 2>/dev/null; wait "$UPNPD" 2>/dev/null; }
  UPNPD=
}

mapping() { status inside "s['nat']['port_mapping'] or 'none: ' + s['nat']['no_port_mapping']"; }
mapped_by() { mapping | grep -Eq "^$1 8\.7\.6\.2:[0-9]+, "; }
# How many UDP ports the router leads to inside.
led() {
  on router nft list chain inet filter prerouting_miniupnpd | tee "$T/chain.out" |
    awk '/dnat/ && /192\.168\.7\.2/ { n++ } END { print n + 0 }'
}
led_is() { prints "$1" led; }
pings() { ov outside ping inside -c 2; }

# try METHOD [OF-WHAT]
try() {
  local method=$1 of="$1${2:+, $2}"
  gateway inside
  check "has a mapping by $method" within 15 mapped_by "$method" || mapping
  check "says when it ends ($of)" shows ', (7[01][0-9][0-9]|7200) s left' mapping
  check "has the router lead its port to it ($of)" led_is 1
  # The other gateway knows the address outside and nothing else.
  ov inside peer add "${IDS[outside]}" --alias outside >/dev/null 2>&1
  ov outside peer add "${IDS[inside]}" --alias inside \
    --address "$(mapping | sed 's/^[a-z]* //; s/,.*//')" >/dev/null 2>&1
  check "is reached from outside ($of)" pings
  check "has it verified by the other gateway ($of)" within 20 eval "mapping | grep -q ', verified$'"
  kill_gateway inside
  check "takes the mapping away when it ends ($of)" within 2 led_is 0
  ov outside unname inside >/dev/null 2>&1
}

rules ''
gateway outside

upnpd pcp enable_upnp=no enable_natpmp=yes
try pcp

rules 'udp dport 5351 @th,64,8 2 drop;'
upnpd natpmp enable_upnp=no enable_natpmp=yes
try natpmp

rules ''
upnpd upnp enable_upnp=yes enable_natpmp=no
try upnp 'IGD 2'
upnpd upnp1 enable_upnp=yes enable_natpmp=no force_igd_desc_v1=yes
try upnp 'IGD 1'

# ---- a router that is started anew has forgotten its mappings, and says so ----

upnpd again enable_upnp=no enable_natpmp=yes
gateway inside
check "has a mapping before the router is started anew" within 15 mapped_by pcp
sleep 5
stop_upnpd
rules ''
check "has lost it with the router's memory" led_is 0
upnpd anew enable_upnp=no enable_natpmp=yes
check "makes it anew at once when the router announces that it has forgotten" within 10 led_is 1
kill_gateway inside

upnpd upnp-again enable_upnp=yes enable_natpmp=no
gateway inside
check "has a mapping by UPnP before the router loses its power" within 15 mapped_by upnp
sleep 5
kill -KILL "$UPNPD"
stop_upnpd
rules ''
check "has lost that too" led_is 0
upnpd upnp-anew enable_upnp=yes enable_natpmp=no
check "makes it anew at once when the router is there again" within 10 led_is 1
kill_gateway inside

# ---- routers that mean harm: nothing is taken from them, and nobody waits for them ----

# AddressSanitizer keeps what was freed, and shadows of it: there the limit is one for a leak of the
# gibibyte that is sent.
room=4096
grep -q __asan_init "$OVERLAY" && room=65536
small() { [ "$(rss_kib inside)" -lt $(($1 + room)) ]; }
tells_none() { mapping | grep -Eq '^none: the router (knows|refuses)'; }
stop_upnpd
for kind in endless dribble redirect entities elsewhere; do
  server router "igd-$kind" "$PYTHON" "$ROOT/tests/netns/hostile_igd.py" 192.168.7.1 $kind
  HOSTILE=$SERVER
  within 10 grep -q ready "$T/igd-$kind.log" || die "the hostile router does not start"
  gateway inside
  before=$(rss_kib inside)
  check "gives up a router that is $kind" within 30 tells_none
  check "had asked it ($kind)" grep -q 'asked GET /d.xml' "$T/igd-$kind.log"
  check "asked it once, and nobody else ($kind)" prints 1 grep -c asked "$T/igd-$kind.log"
  check "kept little of what it said ($kind)" small "$before"
  check "stops at once ($kind)" within 2 kill_gateway inside
  kill "$HOSTILE"
done

# ---- the network is left alone ----

printf '[portmap]\nmode = off\n' >"$T/inside/overlay.conf"
gateway inside
check "asks nobody when it is turned off" prints 'none: turned off' mapping
kill_gateway inside
rm "$T/inside/overlay.conf"

gateway inside
check "waits for no router to start" shows 'being asked' mapping
check "says that the router maps no ports" within 30 tells_none
kill_gateway inside

check "asks nobody without a router" shows '^there is no router' status outside "s['nat']['no_port_mapping']"

finish
