#!/usr/bin/env bash
# On one network gateways find each other with no configuration; a stranger on it sees random bytes.
. "$(dirname "$0")/lib.sh"

hosts a b c
network 192.0.2 a b c
serve a 7501 echo
gateway a
gateway b
ov a share 7501 --as echo --public >/dev/null
ov b peer add "${IDS[a]}" --alias a >/dev/null
check "who knows an id finds its gateway without any address" ov b open echo.a
check "and is served" prints hi client b ask 127.0.0.1 "$(port_of b echo.a)" hi
check "directly" status_is b "s['peers'][0]['state']" direct

# Two contacts, one of them new on the network, and a stranger who listens.
listen() {
  timeout 12 ip netns exec "$PREFIX-c" "$PYTHON" - "$@" <<'END'
import socket, struct, sys, time
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
raw.settimeout(10)
end, seen, ids = time.time() + 8, 0, [x.encode() for x in sys.argv[1:]]
prefixes = {}
while time.time() < end:
    try:
        packet = raw.recv(65536)
    except TimeoutError:
        break
    if packet[12:14] != b"\x08\x00" or packet[23] != 17 or packet[30] < 224 and packet[33] != 255:
        continue
    if struct.unpack("!H", packet[36:38])[0] in (5353, 67, 68):
        print("mDNS or DHCP"); sys.exit(1)
    body = packet[42:]
    seen += 1
    for i in ids:
        if i in body: print("an id in the clear"); sys.exit(1)
    prefixes.setdefault(body[:2], 0)
    prefixes[body[:2]] += 1
print(seen, "beacons", len(prefixes), "beginnings")
sys.exit(not (seen >= 2 and len(prefixes) >= seen - 1))
END
}
( sleep 1; kill_gateway b; gateway b ) >/dev/null 2>&1 &
check "a stranger sees datagrams that begin at random and name nobody" listen "${IDS[a]}" "${IDS[b]}"
wait %1 2>/dev/null
finish
