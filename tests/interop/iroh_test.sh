#!/usr/bin/env bash
# A peer that is not ours: iroh's own endpoint (npm @number0/iroh) dials a gateway by its id and
# reaches services, and a gateway dials iroh; streams and datagrams, no relay, no discovery.
. "$(dirname "$0")/../netns/lib.sh"

export IROH_DIR=$ROOT/build/interop NODE_NO_WARNINGS=1
if [ ! -d "$IROH_DIR/node_modules/@number0/iroh" ]; then
  mkdir -p "$IROH_DIR"
  cp "$ROOT/tests/interop/package.json" "$IROH_DIR/"
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$IROH_DIR" >"$T/npm.log" 2>&1 ||
    die "npm cannot install @number0/iroh"
fi

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 7901 echo
serve a 7902 udp-echo
gateway a
ov a share 7901 --as echo --public >/dev/null
ov a share 7902 --as datagrams --public --udp >/dev/null

on b timeout 30 node "$ROOT/tests/interop/iroh.mjs" dial "${IDS[a]}" "192.0.2.1:$(udp_port a)" \
  echo datagrams || FAILURES=$((FAILURES + 1))

server b iroh node "$ROOT/tests/interop/iroh.mjs" serve 192.0.2.2:4455
within 10 grep -q '^ID ' "$T/iroh.log" || die "the iroh endpoint did not start"
id=$(sed -n 's/^ID //p' "$T/iroh.log")
ov a peer add "$id" --alias iroh --address 192.0.2.2:4455 >/dev/null
check "our gateway dials an iroh endpoint by its id" ov a open echo.iroh
check "a stream to it echoes, its end too" prints "there and back" \
  client a ask 127.0.0.1 "$(port_of a echo.iroh)" "there and back"
check "several at once do" client a many 127.0.0.1 "$(port_of a echo.iroh)" 20
check "datagrams to it come back, in one piece or several" \
  prints $'100 same\n1200 same\n4000 same' client a udp-ask 127.0.0.1 "$(port_of a datagrams.iroh --udp)" 100 1200 4000
check "it answers our pings" ov a ping iroh -c 2
check "a service it does not have is exit 3 or 4" fails ov a open nosuch.iroh
check "with the wrong id at its address nothing is sent" exits 4 'peer id mismatch' -- bash -c "
  ip netns exec $PREFIX-a $OVERLAY --home $T/a peer add $("$OVERLAY" --home "$T/x" id) --alias fake --address 192.0.2.2:4455 &&
  ip netns exec $PREFIX-a $OVERLAY --home $T/a open fake"
finish
