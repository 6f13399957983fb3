#!/usr/bin/env bash
# Names answer as DNS says, to programs that ask DNS.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 7701 echo
gateway a
gateway b
ov a share 7701 --as web --public >/dev/null
knows b a 192.0.2.1 >/dev/null
port=$(port_of b web.a)
ask() { on b dig @127.0.0.1 -p 5354 +tries=1 +time=3 "$@"; }
# The name is there, and has nothing of this type.
status_and_count() {
  ask "$@" | sed -nE 's/.* status: ([A-Z]+),.*/\1/p; s/.* ANSWER: ([0-9]+),.*/\1/p' | paste -sd ' '
}
empty() { prints "NOERROR 0" status_and_count "$@"; }

check "the address of a service is loopback" prints 127.0.0.1 ask +short web.a.overlay A
check "so is that of the peer" prints 127.0.0.1 ask +short a.overlay A
check "and of its key" prints 127.0.0.1 ask +short "${IDS[a]}.overlay" A
check "SRV names the local port" prints "0 0 $port web.a.overlay." ask +short _web._tcp.a.overlay SRV
check "and _http does for web" shows " $port " ask +short _http._tcp.web.a.overlay SRV
check "AAAA is an empty answer, not an error" empty web.a.overlay AAAA
check "so is type 65" empty web.a.overlay TYPE65
check "and a type that nobody knows" empty web.a.overlay TYPE65280
check "TXT names the peer's id" shows "${IDS[a]}" ask +short a.overlay TXT
check "an unknown alias is NXDOMAIN" shows 'status: NXDOMAIN' ask nobody.overlay A
check "with a SOA for negative caching" shows 'SOA' ask nobody.overlay A
check "an unknown service of a known peer is NXDOMAIN" shows 'status: NXDOMAIN' ask nosuch.a.overlay A
check "outside the suffix it is refused" shows 'status: REFUSED' ask example.com A
check "the suffix has SOA and NS" shows 'IN[[:space:]]+SOA' ask overlay SOA
check "over TCP as well" prints 127.0.0.1 ask +short +tcp web.a.overlay A
check "with EDNS0 and a cookie" shows 'EDNS: version: 0' ask +cookie web.a.overlay A
check "an EDNS version of the future is BADVERS" shows 'BADVERS' ask +edns=1 +noednsneg web.a.overlay A
check "letters keep their case" shows 'WeB.A.oVeRlAy.' ask WeB.A.oVeRlAy A
check "an update is not implemented" shows 'NOTIMP|REFUSED' ask +opcode=UPDATE overlay SOA
check "resolve says whose a name is" prints "${IDS[a]}" ov b resolve web.a.overlay
check "over IPv6 loopback" prints 127.0.0.1 \
  on b dig @::1 -p 5354 +tries=1 +time=3 +short web.a.overlay A
on b "$PYTHON" -c '
import random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
random.seed(7)
query = bytes.fromhex("123401000001000000000000") + b"\3web\1a\7overlay\0\0\1\0\1"
for i in range(2000):
    bad = bytearray(query)
    for _ in range(random.randrange(1, 4)):
        bad[random.randrange(len(bad))] = random.randrange(256)
    s.sendto(bytes(bad[:random.randrange(1, len(bad) + 1)]), ("127.0.0.1", 5354))'
check "after two thousand garbled queries the next is answered" prints 127.0.0.1 \
  ask +short web.a.overlay A
finish
