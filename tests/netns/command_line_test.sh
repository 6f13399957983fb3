#!/usr/bin/env bash
# The command line as its users and other programs rely on it: exit codes, output, the status schema.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 7401 echo
mkdir -m 700 "$T/a" "$T/b"

# Standard output alone, exactly: says TEXT CMD...
says() { [ "$("${@:2}" 2>/dev/null)" = "$1" ]; }
# A JSON value: json EXPRESSION-OVER-v CMD...
json() {
  local expression=$1
  shift
  "$@" 2>/dev/null | "$PYTHON" -c "import json,sys
v = json.load(sys.stdin)
sys.exit(0 if ($expression) else 'no: %r' % (v,))"
}

# ---- without a gateway ----
check "a wrong command line is exit 2 and says what to look at" exits 2 'overlay help share' -- ov a share
check "an unknown command names the nearest" exits 2 "did you mean 'status'" -- ov a stauts
check "later features are not there yet" exits 2 'unknown command' -- ov a doctor
check "id is 52 characters and a newline" shows '^[a-z0-9]{52}$' ov a id
check "id --json" json "list(v) == ['id']" ov a --json id
a_id=$(ov a id)
for verb in status ls stop "close web" "config reload"; do
  # shellcheck disable=SC2086  # two words
  check "$verb without a gateway is exit 1" exits 1 'no gateway is running' -- ov a $verb
done
check "peers are named without a gateway" ov b peer add "$a_id" --alias alice --address 192.0.2.9:1
check "and found by a unique beginning of their name" says "$a_id" ov b resolve alice
check "and by that of their id" says "$a_id" ov b resolve "${a_id:0:5}"
check "an unknown name is exit 3" exits 3 -- ov b resolve nobody
check "a name that is taken is exit 1" exits 1 'alias of' -- ov b name alice "$("$OVERLAY" --home "$T/other" id)"
check "no gateway was started for any of this" exits 1 -- ov b status
check "config --print-default is a good configuration" \
  bash -c "'$OVERLAY' config --print-default | '$OVERLAY' --home '$T/none' --config - config check"
for shell in bash zsh fish; do
  command -v $shell >/dev/null || continue
  check "completion for $shell is a script of that shell" \
    bash -c "'$OVERLAY' completion $shell >'$T/completion' && $shell -n '$T/completion'"
done

# ---- share starts a gateway ----
check "share prints the service's name alone" says echo ov a share 7401 --as echo --public
check "a gateway runs now, in the background" ov a status
check "sharing again changes nothing" says echo ov a share 7401 --as echo --public
check "default names: web" says web ov a share 8080 --port 81
check "default names: the well-known one" says ssh ov a share 22
check "default names: p and the port" says p4711 ov a share 4711
check "a unix socket needs --port" exits 2 -- ov a share unix:/tmp/x
check "another host needs --off-host" exits 2 'off-host' -- ov a share 192.0.2.2:80
check "a cloud's metadata address is never shared" exits 2 -- ov a share 169.254.169.254:80 --off-host
check "--for makes it end" bash -c "[ \"\$('$OVERLAY' --home '$T/a' --json share 4712 --for 2h |
  '$PYTHON' -c 'import json,sys; print(7190 < json.load(sys.stdin)[\"expires_s\"] <= 7200)')\" = True ]"
check "a second daemon is exit 1 and names the first" exits 1 "$(status a "s['pid']")" -- ov a daemon
check "a configuration on standard input reaches the gateway that is started" bash -c "
  printf '[dns]\nsuffix = lab\n' | ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' --config - share 1 -q &&
  ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' --json status | grep -q '\"suffix\":\"lab\"'"
check "stop returns when the gateway has gone" bash -c "
  ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' stop &&
  ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' share 2 -q"

# ---- the status schema ----
keys="set('id version pid uptime_s home udp nat dns proxy dht relay services peers'.split())"
service="set('name proto port target allow public connections rx_bytes tx_bytes'.split())"
peer="set('id alias state path why_not_direct rx_bytes tx_bytes streams ports'.split())"
check "status --json has every key" json "$keys <= set(v)" ov a --json status
check "every service has" json "all($service <= set(s) for s in v['services'])" ov a --json status
check "every peer has" json "v['peers'] and all($peer <= set(p) for p in v['peers'])" ov b --json status
check "what is not known is null" json "v['nat']['public'] is None and v['relay']['home'] is None" ov a --json status
check "40 at a time are all answered" bash -c "
  for i in \$(seq 40); do ip netns exec '$PREFIX-a' '$OVERLAY' --home '$T/a' status >/dev/null & p=\"\$p \$!\"; done
  n=0; for i in \$p; do wait \$i && n=\$((n + 1)); done; [ \$n -ge 32 ]"

# ---- open ----
unreachable() {
  local start=$SECONDS
  exits 5 'cannot be reached' -- ov b open nowhere && [ $((SECONDS - start)) -le 10 ]
}
ov b peer add "$("$OVERLAY" --home "$T/other" id)" --alias nowhere --address 192.0.2.9:1 -q
check "an address where nobody answers is exit 5 within 10 s" unreachable
check "and nothing stays open" json "v['open'] == []" ov b --json ls
check "peer add adds the right address" ov b peer add "$a_id" --address "192.0.2.1:$(udp_port a)"
tab=$'\t'
check "open prints URL, address and name" \
  shows "^http://echo\.alice\.overlay\.localhost:7777/${tab}127\.0\.0\.1:2[0-9]{4}${tab}echo\.alice\.overlay\$" ov b open echo.alice
first=$(ov b open echo.alice)
check "and the same again" says "$first" ov b open echo.alice
check "open --json" json "isinstance(v, list) and {'service', 'proto', 'listen', 'url', 'id'} <= set(v[0])" \
  ov b --json open echo.alice
check "a port opens the service that has it" says "$first" ov b open alice:7401
check "--at one's own choice" shows "${tab}127\.0\.0\.1:9090${tab}" ov b open echo.alice --at 9090
check "bytes pass there" client b ask 127.0.0.1 9090 hello
check "--at a taken port is exit 1" exits 1 -- ov b open echo.alice --at 5354
check "--at is not for the network" exits 2 'loopback' -- ov b open echo.alice --at 192.0.2.2:9090
check "a stranger gets exit 4 for a service that is not there" exits 4 -- ov b open nothing.alice
ov a peer add "$(ov b id)" --alias bob -q
check "a peer that is known gets exit 3" exits 3 -- ov b open nothing.alice
check "ping" exits 0 -- ov b ping alice -c 1
check "ping --json" json "v['received'] == 2 and len(v['replies_ms']) == 2" ov b --json ping alice -c 2
check "the wrong identity at an address is exit 4" exits 4 'mismatch' -- bash -c "
  ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' peer add '$("$OVERLAY" --home "$T/mallory" id)' \
    --alias mallory --address 192.0.2.1:$(udp_port a) -q
  ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' open mallory"
check "close takes what ls calls it" ov b close echo.alice
check "and nobody listens there any more" fails client b ask 127.0.0.1 9090 hello
check "closing it again is exit 3" exits 3 -- ov b close echo.alice

# ---- taking effect at once ----
ov a peer add "$(ov b id)" --alias bob >/dev/null 2>&1
ov b open echo.alice --at 9090 >/dev/null 2>&1
check "block ends the session at once" bash -c "
  ip netns exec '$PREFIX-a' '$OVERLAY' --home '$T/a' block bob -q; sleep 1"
check "and the peer gets nothing" fails client b ask 127.0.0.1 9090 hello
check "open says exit 4" exits 4 -- ov b open echo.alice
ov a unblock bob -q
answers() { client b ask 127.0.0.1 9090 hello; }
check "until it is unblocked" within 20 answers
ov a deny bob echo -q
check "deny beats --public" within 5 fails answers
ov a allow bob echo -q
check "allow undoes it" within 20 answers

# ---- the configuration ----
printf '[service conf]\ntarget = 127.0.0.1:7401\nport = 7777\nallow = *\n' >"$T/a/overlay.conf"
check "config reload" ov a config reload
check "a service of the file is there" json "any(s['id'] == 'conf' and s['from_config'] for s in v['services'])" ov a --json ls
check "it cannot be closed by the command line" exits 1 'overlay.conf' -- ov a close conf
check "nor replaced" exits 1 'overlay.conf' -- ov a share 1 --as conf
printf '[service conf]\ntarget = 1\n[service conf2]\nport = x\n' >"$T/a/overlay.conf"
check "a bad file changes nothing and says file:line" exits 1 'overlay\.conf:4' -- ov a config reload
check "the service is still there" json "any(s['port'] == 7777 for s in v['services'])" ov a --json ls
check "SIGHUP with a bad file neither" bash -c "kill -HUP $(status a "s['pid']"); sleep 0.3;
  ip netns exec '$PREFIX-a' '$OVERLAY' --home '$T/a' ls | grep -q '^conf '"
rm "$T/a/overlay.conf"
check "without the file its services go" bash -c "
  ip netns exec '$PREFIX-a' '$OVERLAY' --home '$T/a' config reload -q
  ! ip netns exec '$PREFIX-a' '$OVERLAY' --home '$T/a' ls | grep -q '^conf '"

# ---- in the foreground ----
listed() { ov "$1" ls | grep -q "^$2 "; }
server a held "$OVERLAY" --home "$T/a" share 7401 --port 7402 --as held -f
check "share -f shares beside a running gateway" within 5 listed a held
kill -KILL "$SERVER"
wait "$SERVER" 2>/dev/null
check "and ends with its program, even with SIGKILL" within 5 fails listed a held
ov a stop -q
# A program in the background of a script ignores SIGINT unless told otherwise.
server a alone env --default-signal=INT "$OVERLAY" --home "$T/a" share 7401 --port 7403 --as alone --public -f
check "share -f runs a gateway where none runs" within 5 listed a alone
kill -INT "$SERVER"
wait "$SERVER"
check "and ends with exit 0 when interrupted" test $? -eq 0
check "then no gateway is running" exits 1 -- ov a status
check "and nothing is left of the service" bash -c "! grep -q alone '$T/a/registry.json'"
check "open -f of a peer that is not there is exit 5" bash -c "
  ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' stop -q
  timeout 20 ip netns exec '$PREFIX-b' '$OVERLAY' --home '$T/b' open nowhere -f; [ \$? -eq 5 ]"
finish
