#!/usr/bin/env bash
# Two gateways between whom no packet passes meet through Debian's coturn, over UDP, TCP and TLS to
# it; and go direct when their line is mended.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../natlab/lab.sh"

TURNSERVER=$(PATH=$PATH:/usr/sbin command -v turnserver) || die "turnserver is missing: run make deps"
SERVER_IP=198.51.100.9

natlab <<END
seed 3
nat home type=port_restricted wan=203.0.113.1
host alice ip=192.168.1.2/24 behind=home delay=5
host bob ip=203.0.113.2/32 delay=5
host carol ip=203.0.113.3/32 delay=5
host dave ip=203.0.113.4/32 delay=5
host turn ip=$SERVER_IP/32 delay=5
END
lab cut home bob
lab cut carol bob
lab cut dave bob

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj "/CN=turn.example.net" -addext "subjectAltName=IP:$SERVER_IP" -keyout "$T/turn.key" \
  -out "$T/turn.pem" 2>"$T/openssl.out" || die "openssl failed"
chmod 644 "$T/turn.key"

# coturn NAME PORT ARGS...
coturn() {
  local name=$1 port=$2
  shift 2
  server turn "$name" "$TURNSERVER" -n --no-cli --log-file=stdout --simple-log \
    --listening-ip=$SERVER_IP --relay-ip=$SERVER_IP --listening-port="$port" --no-dtls \
    --min-port=$((10 * port)) --max-port=$((10 * port + 90)) --pidfile="$T/$name.pid" \
    --userdb="$T/$name.db" --realm=example.net "$@"
  within 10 listening turn "$port" || die "$name does not listen"
}
coturn long 3000 --no-tls --lt-cred-mech --user=alice:secret
coturn rest 3010 --no-tls --use-auth-secret --static-auth-secret=north
coturn tls 3020 --tls-listening-port=4020 --cert="$T/turn.pem" --pkey="$T/turn.key" \
  --lt-cred-mech --user=alice:secret

# configure HOST LINE...: its overlay.conf
configure() {
  mkdir -p "$T/$1"
  printf '%s\n' '[gateway]' 'listen = 0.0.0.0:4433' '[lan]' 'mode = off' "${@:2}" >"$T/$1/overlay.conf"
}
configure bob
gateway bob
configure alice '[turn]' "use = turn:nobody.invalid, turn:$SERVER_IP:3000" 'username = alice' 'password = secret'
gateway alice
configure carol '[turn]' "use = turn:$SERVER_IP:3010?transport=tcp" 'secret = north'
gateway carol
serve bob 7000 source 4194304
ov bob share 7000 --as big --public >/dev/null 2>&1 || die "share"

turn_is_ready() { status_is "$1" "s['turn']['state']" ready; }
check "a server that is not found is passed over for the next" within 10 turn_is_ready alice
check "time-limited credentials of a secret do over TCP" within 10 turn_is_ready carol
dave=('[turn]' "use = turns:$SERVER_IP:4020" 'username = alice' 'password = secret')
configure dave "${dave[@]}"
gateway dave
check "over TLS a certificate that nobody trusts is refused" \
  within 10 shows '^turn .*certificate' ov dave status
kill_gateway dave
configure dave "${dave[@]}" 'ca = turn.pem'
gateway dave
check "that its file is missing is said" within 10 shows '^turn .*turn.pem' ov dave status
kill_gateway dave
cp "$T/turn.pem" "$T/dave/turn.pem"
gateway dave
check "one that [turn] ca names is trusted" within 10 turn_is_ready dave
check "status names the address there" shows "^turn +reached at $SERVER_IP:30" ov alice status

for host in alice carol dave; do
  knows $host bob 203.0.113.2 >/dev/null 2>&1 || die "peer add"
done
path_is() { status_is "$1" "s['peers'][0]['path']['kind'] + ' ' + s['peers'][0]['state']" "$2"; }
talks() { client "$1" fetch 127.0.0.1 "$(port_of "$1" big.bob)" 4194304; }
check "4 MiB come through it" talks alice
check "by a path of kind turn, which is relayed" path_is alice "turn relayed"
check "they come through by TCP to the server" talks carol
check "by such a path too" path_is carol "turn relayed"
check "they come through by TLS to the server" talks dave
check "by such a path as well" path_is dave "turn relayed"
check "why it is not direct is said" fails status_is carol "s['peers'][0]['why_not_direct']" None

lab mend carol bob
check "where the line is mended it goes direct" within 40 path_is carol "udp direct"
check "and they come that way" talks carol
lab mend home bob
check "also from behind a NAT" within 60 path_is alice "udp direct"

relayed() { status carol "s['turn']['relayed']"; }
moved() { turn_is_ready carol && [ "$(relayed)" != "$old" ]; }
old=$(relayed)
ip -n "$PREFIX-carol" address add 203.0.113.33/32 dev eth0
check "a new address here has a new one there" within 10 moved
stop() { kill_gateway alice && kill_gateway carol && kill_gateway dave; }
no_address_is_left() { ! on turn ss -Huan 'sport >= :30000 and sport <= :30290' | grep .; }
check "gateways that end" stop
check "give their addresses back" within 3 no_address_is_left

finish
