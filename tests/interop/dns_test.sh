#!/usr/bin/env bash
# The DNS server and other people's clients: dig, kdig, and one that does what neither would.
. "$(dirname "$0")/../netns/lib.sh"

ASK=$ROOT/tests/interop/dns_ask.py
hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 7711 echo
gateway a
server b upstream "$PYTHON" "$ASK" upstream 127.0.0.77 5399
upstream=$SERVER
within 10 grep -q ready "$T/upstream.log" || die "the upstream server did not start"
printf '[dns]\nforward = on\nupstream = 127.0.0.77:5399\n' >"$T/b.conf"
gateway b --config "$T/b.conf"
ov a share 7711 --as web --public >/dev/null
knows b a 192.0.2.1 >/dev/null
port=$(port_of b web.a)
dig() { on b dig @127.0.0.1 -p 5354 +tries=1 +time=6 "$@"; }
kdig() { on b kdig @127.0.0.1 -p 5354 +retry=0 +time=6 "$@"; }
asks() { prints good on b timeout 60 "$PYTHON" "$ASK" "$1" "$2" 5354 web.a.overlay; }

check "kdig reads the address" prints 127.0.0.1 kdig +short web.a.overlay A
check "two questions share a TCP connection" prints $'127.0.0.1\n127.0.0.1' \
  kdig +tcp +keepopen +short a.overlay web.a.overlay
check "SRV and its target's address come together" shows 'ADDITIONAL: [12]' \
  kdig _http._tcp.web.a.overlay SRV
check "kdig reads the port" prints "0 0 $port web.a.overlay." kdig +short _http._tcp.web.a.overlay SRV
check "padding, cookies and NSID are ignored in peace" shows 'status: NOERROR' \
  kdig +padding=128 +cookie=0011223344556677 +nsid web.a.overlay A
check "DO is copied" shows 'flags: do' dig +dnssec web.a.overlay A
check "unknown EDNS flags are not" lacks 'MBZ' dig +ednsflags=0x4000 web.a.overlay A
check "unknown EDNS options are ignored" shows 'status: NOERROR' dig +ednsopt=65001:00 web.a.overlay A
check "class CH is refused" shows 'status: REFUSED' dig CH TXT version.bind
check "a zone transfer is refused" shows 'Transfer failed|REFUSED' dig overlay AXFR
check "ANY has one set" shows 'ANSWER: 1,' dig +notcp web.a.overlay ANY
for address in 127.0.0.1 ::1; do
  check "a thousand questions in one go ($address)" asks pipelined $address
  check "a question byte by byte ($address)" asks dribbled $address
  check "65535 bytes of question ($address)" asks giant $address
  check "every malformed query has its code ($address)" asks malformed $address
done
check "who reads no answers is not served without end" asks unread 127.0.0.1
check "twenty thousand mutants do no harm" asks garbled 127.0.0.1
check "three hundred silent clients keep nobody out" asks crowd 127.0.0.1
check "idle connections end after five seconds" asks idle 127.0.0.1

check "other names are asked for upstream" prints 192.0.2.7 dig +short Www.Example.com A
check "recursion is offered" shows 'flags:.* ra' dig www.example.com A
check "what upstream cuts is cut" shows 'flags:.* tc' dig +ignore big.example.com A
check "and whole over TCP" shows 'ANSWER: 200' dig +tcp big.example.com A
check "our own names are not asked for there" shows 'status: NXDOMAIN' dig nobody.overlay A
kill -STOP "$upstream"
check "an upstream that is silent is SERVFAIL" shows 'status: SERVFAIL' dig www.example.net A
check "ours are answered meanwhile" prints 127.0.0.1 dig +short web.a.overlay A
kill -CONT "$upstream"
finish
