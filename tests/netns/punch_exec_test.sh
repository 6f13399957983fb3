#!/usr/bin/env bash
# `overlay punch PEER --exec CMD` between two gateways behind NATs: each side's program gets a socket
# of its own that leads straight to the other's, and a secret that both know.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../natlab/lab.sh"

natlab <<END
seed 3
hops 0
nat home type=port_restricted wan=203.0.113.1
nat office type=port_restricted wan=203.0.113.2
nat random type=sym_random wan=203.0.113.3
nat also type=sym_random wan=203.0.113.4
host a ip=10.0.0.2/24 behind=home delay=5
host b ip=10.0.1.2/24 behind=office delay=5
host c ip=10.0.2.2/24 behind=random delay=5
host d ip=10.0.3.2/24 behind=also delay=5
host relay ip=198.51.100.1/24 delay=5
END
printf '[gateway]\nlisten = 0.0.0.0:4433\n[relay]\nserve = open\n' >"$T/relay.conf"
gateway relay --config "$T/relay.conf"
printf '[punch]\nbirthday = off\n[relay]\nuse = %s@198.51.100.1:4433\n' "${IDS[relay]}" >"$T/client.conf"
for host in a b c d; do
  gateway $host --config "$T/client.conf"
done
know() {
  ov "$1" peer add "${IDS[$2]}" --alias "$2" --relay "${IDS[relay]}@198.51.100.1:4433" >/dev/null
}
know a b
know b a
know c d
know d c
registered() { status_is relay "s['relay']['registered']" 4; }
check "four gateways are registered at the relay" within 15 registered

# The program of both sides: says what it was told, sends a line each way, and ends with a status.
cat >"$T/talk.py" <<'END'
import os, socket, sys
out, status, args = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
kind = socket.SOCK_STREAM if os.environ["OVERLAY_PROTO"] == "tcp" else socket.SOCK_DGRAM
s = socket.socket(fileno=int(os.environ["OVERLAY_FD"]))
assert s.type & 0xf == kind and os.get_blocking(s.fileno()), s
s.settimeout(10)
mine = ("from " + os.environ["OVERLAY_HOSTID"]).encode()
if kind == socket.SOCK_STREAM:
    s.sendall(mine)
    theirs = s.recv(len(mine), socket.MSG_WAITALL)
else:
    for _ in range(5):
        s.send(mine)
    theirs = s.recv(1500)
peer = s.getpeername()
with open(out + ".new", "w") as f:
    print("heard", theirs.decode(), file=f)
    print("args", *args, file=f)
    print("cmdline", open("/proc/self/cmdline").read().replace("\0", " "), file=f)
    print("peername %s:%d" % peer[:2], file=f)
    print("sockname %s:%d" % s.getsockname()[:2], file=f)
    for name in sorted(os.environ):
        if name.startswith("OVERLAY_"):
            print(name, os.environ[name], file=f)
os.rename(out + ".new", out)
sys.exit(status)
END
value() { sed -n "s/^$2 //p" "$T/$1"; }
same() { [ -n "$1" ] && [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
talk() { # HOST OUT STATUS ARGS...: the words behind --exec
  echo "$PYTHON $T/talk.py $T/$2 $3"
}

check "nobody waits there yet, which is said" exits 3 'no program waits' -- \
  ov a punch b --exec true
check "an unknown peer is one" exits 3 -- ov a punch nobody --exec true
check "a program has to be named" exits 2 -- ov a punch b

# shellcheck disable=SC2046  # words
server b accept "$OVERLAY" --home "$T/b" punch --accept --log "$T/b-punch.log" --exec \
  $(talk b b.out 0) %inner% %outer% %peer% %hostid% %peerid% %proto% %role% 100%
within 10 grep -q 'waiting for peers' "$T/b-punch.log" || die "nobody accepts"
# shellcheck disable=SC2046
check "the program's exit status is passed on" exits 7 -- \
  ov a punch b --log "$T/a-punch.log" --exec $(talk a a.out 7) %peer%
within 10 test -s "$T/b.out" || die "the other side's program has not ended"

check "the one program hears the other" same "$(value a.out heard)" "from ${IDS[b]}"
check "and the other the one" same "$(value b.out heard)" "from ${IDS[a]}"
check "both know one secret" same "$(value a.out OVERLAY_SECRET)" "$(value b.out OVERLAY_SECRET)"
secret=$(value a.out OVERLAY_SECRET)
check "of 32 bytes" test ${#secret} -eq 64
unsaid() {
  ! grep -l "$secret" "$T"/*.log "$T"/*/*.log "$T"/*/registry.json 2>/dev/null &&
    ! sed -n '/^cmdline/p; /^args/p' "$T/a.out" "$T/b.out" | grep -q "$secret"
}
check "that stands in no command line and no log" unsaid
check "the socket is connected to the peer" same "$(value a.out peername)" "$(value a.out OVERLAY_PEER)"
check "which is where the other is seen" same "$(value a.out OVERLAY_PEER)" "$(value b.out OVERLAY_OUTER)"
check "behind its NAT" same "$(value b.out OVERLAY_OUTER | cut -d : -f 1)" 203.0.113.2
port=$(value b.out OVERLAY_INNERPORT)
check "the inner address is the socket's" same "$(value b.out OVERLAY_INNER)" "10.0.1.2:$port"
check "at a port of its own" fails test "$port" = "$(udp_port b)"
check "words are replaced in arguments" same "$(value b.out args)" \
  "10.0.1.2:$port $(value b.out OVERLAY_OUTER) $(value b.out OVERLAY_PEER) ${IDS[b]} ${IDS[a]} udp accept 100%"
check "the log says what happened" shows 'b: UDP hole from .*: process [0-9]+ runs' cat "$T/a-punch.log"
check "to the end" shows 'exit status 7' cat "$T/a-punch.log"

rm "$T/b.out"
cat >"$T/six.sh" <<'END'
#!/bin/sh
printf '%s\n' "$# $*" >"$SIX.new"
env | sed -n 's/^OVERLAY_\(.*\)=/\1 /p' >>"$SIX.new"
mv "$SIX.new" "$SIX"
kill -9 $$
END
chmod 755 "$T/six.sh"
export SIX="$T/six.out"
check "a program that is killed counts 128 and the signal" exits 137 -- \
  ov a punch b --exec "$T/six.sh"
six() {
  echo "6 $(value six.out INNERIP) $(value six.out INNERPORT) $(value six.out OUTERIP)" \
    "$(value six.out OUTERPORT) $(value six.out PEERIP) $(value six.out PEERPORT)"
}
check "without arguments there are six" same "$(head -n 1 "$T/six.out")" "$(six)"
check "the other secret is another one" fails test "$(value six.out SECRET)" = "$secret"

bind() { echo "import socket,sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], int(sys.argv[2])))"; }
check "a program may bind the port itself" ov a punch b --release --exec \
  "$PYTHON" -- -c "$(bind)" %innerip% %innerport%
check "a program that is not there is 127" exits 127 -- ov a punch b --exec "$T/nothing"

kill -TERM "$SERVER"
wait "$SERVER"
check "who accepts ends by a signal" same "$?" 143
check "and is missed at once" exits 3 'no program waits' -- ov a punch b --exec true

# shellcheck disable=SC2046
server b accept-tcp "$OVERLAY" --home "$T/b" punch --accept a --tcp --exec $(talk b tcp-b.out 0)
within 10 grep -q 'waiting for peers' "$T/accept-tcp.log" || die "nobody accepts TCP"
# shellcheck disable=SC2046
check "by TCP it is a connection" exits 0 -- ov a punch b --tcp --exec $(talk a tcp-a.out 0)
within 10 test -s "$T/tcp-b.out" || die "the other side's program has not ended"
check "that carries both ways" same "$(value tcp-a.out heard)" "from ${IDS[b]}"
check "for both" same "$(value tcp-b.out heard)" "from ${IDS[a]}"
check "with one secret" same "$(value tcp-a.out OVERLAY_SECRET)" "$(value tcp-b.out OVERLAY_SECRET)"

server d accept-d "$OVERLAY" --home "$T/d" punch --accept --exec true
within 10 grep -q 'waiting for peers' "$T/accept-d.log" || die "nobody accepts"
check "between two random NATs there is none, which is explained" \
  exits 5 'no hole: .*(NAT|came through)' -- ov c punch d --exec true

for host in a b c d relay; do
  ov "$host" stop >/dev/null
done
finish
