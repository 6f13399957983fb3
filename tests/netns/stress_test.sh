#!/usr/bin/env bash
# Everything at once: dozens of programs use the services of two gateways, while these are killed,
# restarted, moved, unplugged, put to sleep and told one thing and its opposite. No program may be
# stuck, hear anything wrong or take an outage for an end of data; no gateway may end by itself; and
# afterwards everything works again.
#
# STRESS_SECONDS=20 STRESS_WORKERS=20 (a side) STRESS_SEED=... run longer, wider, or again the same.
. "$(dirname "$0")/lib.sh"

SECONDS_LONG=${STRESS_SECONDS:-20}
WORKERS=${STRESS_WORKERS:-20}
SEED=${STRESS_SEED:-$RANDOM}
echo "STRESS_SEED=$SEED"
STRESS=$ROOT/tests/netns/stress.py

hosts a b
network 192.0.2 a b
CONFIGURATION=$'[gateway]\nlisten = 0.0.0.0:4433\n[lan]\nmode = off\n'
for host in a b; do
  server "$host" "serve-$host" "$PYTHON" "$STRESS" serve
  mkdir "$T/$host" && chmod 700 "$T/$host"
  printf '%s' "$CONFIGURATION" >"$T/$host/overlay.conf"
  gateway "$host"
  for service in 3000:web 7001:echo 7002:source; do
    ov "$host" share "${service%:*}" --as "${service#*:}" --public >/dev/null 2>&1
  done
  ov "$host" share 7003 --as udp --udp --public >/dev/null 2>&1
done
ov a peer add "${IDS[b]}" --alias b --address 192.0.2.2:4433 --address 192.0.2.12:4433 2>/dev/null
ov b peer add "${IDS[a]}" --alias a --address 192.0.2.1:4433 --address 192.0.2.11:4433 2>/dev/null
declare -A PORTS
for host in a b; do
  other=$([ "$host" = a ] && echo b || echo a)
  for service in web echo source udp; do
    PORTS[$host]+="$(port_of "$host" "$service.$other" 2>/dev/null) "
  done
done
for host in a b; do kill_gateway "$host"; done
"$PYTHON" - "$T/stage.json" "$PREFIX" "$T" "$OVERLAY" "$CONFIGURATION" "${IDS[a]}" "${IDS[b]}" <<'END'
import json, sys
keys = ("prefix", "folder", "overlay", "configuration")
stage = dict(zip(keys, sys.argv[2:6]), ids={"a": sys.argv[6], "b": sys.argv[7]})
json.dump(stage, open(sys.argv[1], "w"))
END

call() { # HOST SECONDS [strict]
  local other
  other=$([ "$1" = a ] && echo b || echo a)
  # shellcheck disable=SC2086  # one word a port
  on "$1" timeout $(($2 + 120)) "$PYTHON" "$STRESS" call "$SEED" "$2" "$WORKERS" "$other" \
    ${PORTS[$1]} ${3:-}
}
declare -A callers
for host in a b; do
  call "$host" "$SECONDS_LONG" >"$T/call-$host.log" 2>&1 &
  callers[$host]=$!
done
"$PYTHON" "$STRESS" trouble "$SEED" "$SECONDS_LONG" "$T/stage.json" >"$T/trouble.log" 2>&1
check "gateways do not end by themselves, nor refuse to, nor hang a command line" test $? -eq 0
for host in a b; do
  check "the gateway of $host is ready again" within 15 ready "$host"
done
for host in a b; do
  wait "${callers[$host]}"
  check "no program of $host is stuck or misled" test $? -eq 0
  tail -n 1 "$T/call-$host.log" | sed 's/^/# /'
done
check "afterwards they reach one another" within 20 ov b ping -c 1 a
check "and the other way round" within 20 ov a ping -c 1 b
check "and everything works for the programs of a" call a 2 strict
check "and of b" call b 2 strict
for host in a b; do
  check "the gateway of $host says good-bye" ov "$host" stop
  check "and is gone" within 10 gone "$(pid_of "$host")"
done
check "sanitizers have nothing to report" fails ls "$T"/sanitizer* 2>/dev/null
[ -z "${STRESS_LOG:-}" ] || cp "$T"/*.log "$STRESS_LOG"
finish
