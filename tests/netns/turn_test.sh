#!/usr/bin/env bash
# Our TURN client against Debian's coturn: over UDP, TCP and TLS, with user and password and with
# time-limited credentials; wrong ones, a full server, a refused peer and one that is silent.
. "$(dirname "$0")/lib.sh"

TURNSERVER=$(PATH=$PATH:/usr/sbin command -v turnserver) || die "turnserver is missing: run make deps"
TOOL=$(dirname "$OVERLAY")/tests/netns/turn_tool # beside the program under test, if it is there
[ -x "$TOOL" ] || TOOL=$ROOT/build/debug/tests/netns/turn_tool
[ -x "$TOOL" ] || die "no program $TOOL: run make MODE=debug tests"

hosts alice relay
cable alice 192.0.2.1 relay 192.0.2.10
address alice 2001:db8::1 "$(on alice ip -o -4 addr show to 192.0.2.1 | awk '{ print $2 }')"
address relay 2001:db8::10 "$(on relay ip -o -4 addr show to 192.0.2.10 | awk '{ print $2 }')"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj "/CN=relay.example.net" -addext "subjectAltName=IP:192.0.2.10" -keyout "$T/turn.key" \
  -out "$T/turn.pem" 2>"$T/openssl.out" || die "openssl failed"
chmod 644 "$T/turn.key"

# coturn NAME PORT ARGS...
coturn() {
  local name=$1 port=$2
  shift 2
  server relay "$name" "$TURNSERVER" -n --no-cli --log-file=stdout --simple-log \
    --listening-ip=192.0.2.10 --listening-ip=2001:db8::10 --relay-ip=192.0.2.10 \
    --relay-ip=2001:db8::10 --listening-port="$port" --tls-listening-port="$((port + 1000))" \
    --min-port=$((10 * port)) --max-port=$((10 * port + 90)) --cert="$T/turn.pem" \
    --pkey="$T/turn.key" --pidfile="$T/$name.pid" --userdb="$T/$name.db" --no-dtls \
    --no-rfc5780 --realm=example.net "$@"
  within 10 listening relay "$port" || die "$name does not listen"
}
coturn long 3000 --lt-cred-mech --user=alice:secret
coturn rest 3010 --use-auth-secret --static-auth-secret=north
coturn small 3020 --lt-cred-mech --user=alice:secret --user-quota=1
coturn picky 3030 --lt-cred-mech --user=alice:secret --denied-peer-ip=192.0.2.10
coturn stale 3040 --lt-cred-mech --user=alice:secret --stale-nonce=1

turn() { on alice timeout 60 "$TOOL" "$@"; }

check "carries 2,000 datagrams there and back over UDP" \
  shows 'echoed 2000 of 2000' turn 192.0.2.10:3000 udp alice secret 2000
check "carries them over TCP" shows 'echoed 2000 of 2000' turn 192.0.2.10:3000 tcp alice secret 2000
check "carries them over TLS" \
  shows 'echoed 2000 of 2000' turn 192.0.2.10:4000 tls alice secret 2000 "$T/turn.pem"
check "refuses a server whose certificate nobody trusts" \
  exits 1 'failed .*certificate' -- turn 192.0.2.10:4000 tls alice secret 1
check "relays from IPv6 to IPv6" \
  shows 'relayed \[2001:db8::10\].*' turn '[2001:db8::10]:3000' udp alice secret 100
check "takes time-limited credentials of a shared secret" \
  shows 'echoed 100 of 100' turn 192.0.2.10:3010 udp overlay secret:north 100
check "is refused with another secret" \
  exits 1 'does not accept user and password' -- turn 192.0.2.10:3010 udp overlay secret:south 1
check "is refused with a wrong password" \
  exits 1 'does not accept user and password' -- turn 192.0.2.10:3000 udp alice wrong 1
check "says when a user's allocations are used up" \
  exits 1 'failed .*486' -- turn 192.0.2.10:3020 udp alice secret 1
check "says when the server refuses a peer" \
  exits 1 'failed the peer was refused' -- turn 192.0.2.10:3030 udp alice secret 1
check "renews a nonce that went stale" \
  shows 'echoed 4000 of 4000' turn 192.0.2.10:3040 tcp alice secret 4000
check "says when nobody answers" exits 1 'does not answer' -- turn 192.0.2.10:999 udp alice secret 1
check "says when nobody listens" \
  exits 1 'Connection refused' -- turn 192.0.2.10:999 tcp alice secret 1
no_address_is_left() { ! on relay ss -Huan 'sport >= :30000 and sport <= :30090' | grep .; }
check "gives its addresses back" within 5 no_address_is_left

finish
