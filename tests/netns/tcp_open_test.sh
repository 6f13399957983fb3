#!/usr/bin/env bash
# Behind routers that let no UDP through, two gateways meet over a relay's TLS and then connect to one
# another at the same moment (RFC 9293 §3.5), whether strangers' SYNs are dropped there or refused.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../natlab/lab.sh"

natlab <<END
seed 5
hops 0
nat drops type=udp_blocked wan=203.0.113.1
nat also type=udp_blocked wan=203.0.113.2
nat refuses type=udp_blocked tcp=reset wan=203.0.113.3
nat random type=sym_random udp=off wan=203.0.113.4
nat too type=udp_blocked tcp=reset wan=203.0.113.5
host a ip=10.0.0.2/24 behind=drops delay=5
host b ip=10.0.1.2/24 behind=also delay=5
host c ip=10.0.2.2/24 behind=refuses delay=5
host d ip=10.0.3.2/24 behind=random delay=5
host e ip=10.0.4.2/24 behind=too delay=5
host relay ip=198.51.100.1/24 delay=5
END
cat >"$T/relay.conf" <<END
[gateway]
listen = 0.0.0.0:4433
[relay]
serve = open
tls_listen = 0.0.0.0:443
END
gateway relay --config "$T/relay.conf"
printf '[relay]\nuse = %s@198.51.100.1:4433\n' "${IDS[relay]}" >"$T/client.conf"
for host in a b c d e; do
  gateway $host --config "$T/client.conf"
done
mkdir "$T/www"
head -c 20971520 /dev/urandom >"$T/www/file"
server b www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7402
within 10 listening b 7402 || die "no web server"
ov b share 7402 --as web --public >/dev/null
registered() { status_is relay "s['relay']['registered']" 5; }
check "five gateways without UDP are registered at the relay" within 15 registered

# meet A B
meet() {
  ov "$1" peer add "${IDS[$2]}" --alias "$2" --relay "${IDS[relay]}@198.51.100.1:4433" >/dev/null
  ov "$2" peer add "${IDS[$1]}" --alias "$1" >/dev/null
  ov "$1" ping "$2" -c 1
}
path() { status "$1" "[p['path']['kind'] for p in s['peers'] if p['alias'] == '$2'][0]"; }
direct() { [ "$(path "$1" "$2")" = tcp ]; }

check "two meet over the relay" meet a b
check "and soon straight over TCP, where strangers' SYNs are dropped" within 10 direct a b
web=$(port_of a web.b)
fetched() { on a curl -s --max-time 60 "http://127.0.0.1:$web/file" | sha256sum | cut -d ' ' -f 1; }
sum=$(sha256sum <"$T/www/file" | cut -d ' ' -f 1)
check "which carries 20 MB unharmed" prints "$sum" fetched
check "two others meet" meet b c
check "and soon straight, where one router refuses SYNs" within 12 direct b c
check "two others meet" meet e c
# Twenty tries a minute, of which one in five or so meets the other's half-way.
check "and soon straight, where both refuse them" within 80 direct e c
check "a symmetric router does not let them" meet a d
stays() { sleep 10 && [ "$(path a d)" = relay ]; }
check "so they stay on the relay" stays

for host in a b c d e relay; do
  ov "$host" stop >/dev/null
done
finish
