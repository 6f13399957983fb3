#!/usr/bin/env bash
# Figures for Prometheus: there when asked for, on loopback alone, and well formed.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
for host in a b; do mkdir -m 700 "$T/$host"; done
printf '[dht]\nmode = off\n' | tee "$T/a/overlay.conf" >"$T/b/overlay.conf"
printf '[metrics]\nlisten = 127.0.0.1:9464, [::1]:9464\n' >>"$T/b/overlay.conf"
gateway a
gateway b
knows b a 192.0.2.1 >/dev/null
serve a 7001 echo
ov a share 7001 --as echo --public >/dev/null
port=$(port_of b echo.a)
check "something goes through" shows '^hello' client b ask 127.0.0.1 "$port" hello

figures() { on b curl -sS -m 5 "$@"; }
checked() { figures -g "$1" | "$PYTHON" "$ROOT/tests/netns/metrics_check.py" "${@:2}"; }
refused() {
  printf '[metrics]\nlisten = 0.0.0.0:9464\n' >"$T/a/overlay.conf"
  ov a config check
}
code() { on b curl -s -m 5 -o /dev/null -w '%{http_code}' "$@"; }

started() { figures http://127.0.0.1:9464/metrics | grep '^overlay_start_time_seconds '; }
first=$(started)
check "every line is as the format has it" checked http://127.0.0.1:9464/metrics \
  'overlay_info{version="0.1.0"} 1' overlay_start_time_seconds \
  'overlay_peers{state="direct"} 1' 'overlay_peer_connected{peer="a"} 1' 'overlay_peer_direct{peer="a"} 1' \
  'overlay_peer_round_trip_seconds{peer="a"}' 'overlay_peer_receive_bytes_total{peer="a"}' \
  'overlay_offences_total{event="flood"} 0' 'overlay_relay_bytes_total 0' 'overlay_dht_nodes 0'
check "also on ::1" checked 'http://[::1]:9464/metrics' overlay_peers_left_out
check "the type says which format" shows 'Content-Type: text/plain; version=0.0.4; charset=utf-8' \
  figures -D - -o /dev/null http://127.0.0.1:9464/metrics
check "a name that leads here gets nothing" prints 421 code -H 'Host: evil.example:9464' http://127.0.0.1:9464/metrics
check "nothing else is there" prints 404 code http://127.0.0.1:9464/
check "when it started does not change" prints "$first" started
check "from outside nobody listens" fails on a curl -s -m 5 http://192.0.2.2:9464/metrics
check "who did not ask for it has no such port" fails on a curl -s -m 5 http://127.0.0.1:9464/metrics
check "an address that others reach is refused" exits 1 'overlay.conf:2: listen: 0.0.0.0:9464 is not a loopback address' -- \
  refused
finish
