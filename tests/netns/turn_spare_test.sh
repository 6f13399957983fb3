#!/usr/bin/env bash
# Gateways behind NATs that nothing gets through meet at a gateway that relays, and tell one another
# of the TURN server that one of them has: so the relay may die.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../natlab/lab.sh"

TURNSERVER=$(PATH=$PATH:/usr/sbin command -v turnserver) || die "turnserver is missing: run make deps"

natlab <<END
seed 4
nat home-alice type=sym_random wan=203.0.113.1
nat home-bob type=port_restricted wan=203.0.113.2
host alice ip=192.168.1.2/24 behind=home-alice delay=5
host bob ip=192.168.1.2/24 behind=home-bob delay=5
host relay ip=192.0.2.10/32 delay=5
host turn ip=198.51.100.9/32 delay=5
END
lab cut home-alice home-bob

server turn coturn "$TURNSERVER" -n --no-cli --log-file=stdout --simple-log \
  --listening-ip=198.51.100.9 --relay-ip=198.51.100.9 --listening-port=3478 --no-tls --no-dtls \
  --min-port=30000 --max-port=30090 --pidfile="$T/coturn.pid" --userdb="$T/coturn.db" \
  --realm=example.net --lt-cred-mech --user=alice:secret
within 10 listening turn 3478 || die "coturn does not listen"

# configure HOST LINE...: its overlay.conf
configure() {
  mkdir -p "$T/$1"
  printf '%s\n' '[gateway]' 'listen = 0.0.0.0:4433' '[lan]' 'mode = off' "${@:2}" >"$T/$1/overlay.conf"
}
configure relay '[relay]' 'serve = open'
gateway relay
configure alice '[relay]' "use = ${IDS[relay]}@192.0.2.10:4433" \
  '[turn]' "use = turn:198.51.100.9" 'username = alice' 'password = secret'
gateway alice
configure bob '[relay]' "use = ${IDS[relay]}@192.0.2.10:4433"
gateway bob
serve alice 7000 source 8388608
ov alice share 7000 --as big --public >/dev/null 2>&1 || die "share"
ov alice peer add "${IDS[bob]}" --alias bob >/dev/null 2>&1 || die "peer add"
ov bob peer add "${IDS[alice]}" --alias alice --relay "${IDS[relay]}@192.0.2.10:4433" >/dev/null 2>&1 ||
  die "peer add"

of_peer() { # HOST OTHER EXPRESSION over p
  status "$1" "[$3 for p in s['peers'] if p['id'] == '${IDS[$2]}'][0]"
}
path_is() { prints "$3" of_peer "$1" "$2" "p['path']['kind']"; }
within 10 status_is alice "s['turn']['state']" ready || die "no address on the TURN server"
port=$(port_of bob big.alice)
fetched() { client bob fetch 127.0.0.1 "$port" 8388608; }
check "they meet" within 10 fetched

on alice tc qdisc add dev eth0 root tbf rate 10mbit burst 64k latency 100ms
killed() {
  server bob cut "$PYTHON" "$NET" fetch 127.0.0.1 "$port" 8388608
  local pid=$SERVER
  sleep 2
  kill_gateway relay KILL
  wait "$pid"
}
check "a download survives that the relay is killed" killed
check "by the TURN server, as who has it sees" path_is alice bob turn
check "and as the other one does" path_is bob alice turn
check "which is not direct" prints relayed of_peer bob alice "p['state']"

finish
