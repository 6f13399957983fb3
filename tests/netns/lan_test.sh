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

# A stranger listens to everything on the wire while b's gateway comes up anew.
stranger() {
  on c timeout 20 "$PYTHON" - "$@" <<'END'
import socket, struct, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
wire.settimeout(1)
end, ids, seen = time.time() + 6, [i.encode() for i in sys.argv[1:]], set()
print("listening", flush=True)
while time.time() < end:
    try:
        packet = wire.recv(65536)
    except TimeoutError:
        continue
    if packet[12:14] != b"\x08\x00" or packet[23] != 17:
        continue
    port, = struct.unpack("!H", packet[36:38])
    if not packet[30] & 0xE0 == 0xE0 and packet[33] != 255:
        continue  # neither multicast nor broadcast
    if port in (53, 5353, 67, 68) or any(i in packet for i in ids):
        sys.exit(f"{packet[42:]} to port {port}")
    seen.add(packet[42:])  # each goes to the group and to the broadcast address
beginnings = {beacon[:2] for beacon in seen}
print(len(seen), "beacons,", len(beginnings), "beginnings")
sys.exit(len(seen) < 2 or len(beginnings) < len(seen) - 1)
END
}
stranger "${IDS[a]}" "${IDS[b]}" >"$T/stranger.log" 2>&1 &
watcher=$!
within 5 grep -q listening "$T/stranger.log"
kill_gateway b
gateway b
wait "$watcher"
saw() {
  cat "$T/stranger.log"
  return "$1"
}
check "a stranger sees datagrams that begin at random and name nobody" saw $?

browse() {
  on c timeout 10 "$PYTHON" - "$@" <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("192.0.2.3"))
s.settimeout(1)
query = struct.pack("!6H", 7, 0, 1, 0, 0, 0) + b"\x08_overlay\x04_udp\x05local\0" + b"\0\x0c\0\x01"
for _ in range(4):
    s.sendto(query, ("224.0.0.251", 5353))
    try:
        answer, sender = s.recvfrom(9000)
    except TimeoutError:
        continue
    print(sender, answer)
    sys.exit(not (sys.argv[1].encode() in answer and struct.pack("!H", int(sys.argv[2])) in answer))
sys.exit("no answer")
END
}
check "nobody answers DNS-SD in private mode" fails browse "${IDS[a]}" "$(udp_port a)"
kill_gateway a
printf '[lan]\nmode = public\n' >"$T/a/overlay.conf"
gateway a
check "in public mode DNS-SD names the id and the port" browse "${IDS[a]}" "$(udp_port a)"
kill_gateway a
printf '[lan]\nmode = off\n' >"$T/a/overlay.conf"
gateway a
gateway c # unlike b it has no address that was good before
check "with mode = off it is not found" exits 5 -- ov c ping "${IDS[a]}" -c 1
finish
