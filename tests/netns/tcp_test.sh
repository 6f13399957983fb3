#!/usr/bin/env bash
# The main job: what one gateway shares, programs beside the other reach by name and by local port,
# with every habit of TCP kept: half-close, reset, back-pressure, who speaks first.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
mkdir "$T/www"
echo "a page of a" >"$T/www/index.html"
server a web "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 3000
serve a 7001 echo
serve a 7002 count-then-answer
serve a 7003 say-and-reset
serve a 7004 tell-the-end
serve a 7005 close-first
serve a 7006 source 67108864
serve a 7007 pour
serve a 7008 peer-address
serve a 7009 deaf
within 10 listening a 3000
gateway a
gateway b

check "share prints the service's name" prints web ov a share 3000 --as web --public
check "a second share of it changes nothing" prints web ov a share 3000 --as web --public
for n in 1 2 3 4 5 6 7; do
  ov a share 700$n --as s$n --public >/dev/null || die "share 700$n"
done
check "a gateway is added by id and address" knows b a 192.0.2.1
check "open lists every service, one a line" shows $'^http://web\.a\.overlay\.localhost:7777/\t127\.0\.0\.1:[0-9]+\tweb\.a\.overlay' ov b open a
check "open by port prints one line" shows $'\t127\.0\.0\.1:[0-9]+\ts1\.a\.overlay$' ov b open a:7001
open_as_json() {
  ov b --json open s1.a | "$PYTHON" -c 'import json,sys
o, = json.load(sys.stdin)
listen = o["listen"] if isinstance(o["listen"], str) else o["listen"][0]
print(listen, o["proto"], o["service"], "url" in o, "id" in o)'
}
check "open --json is an array with service, proto, listen, url and id" \
  shows "^127.0.0.1:[0-9]+ tcp s1 True True$" open_as_json
check "the same port is given again" prints "$(port_of b web.a)" port_of b web.a
web=$(port_of b web.a)

check "curl by local port" prints "a page of a" on b curl -sS -m 10 "http://127.0.0.1:$web/"
check "curl by name" prints "a page of a" \
  on b curl -sS -m 10 http://web.a.overlay.localhost:7777/
check "curl through the SOCKS5 proxy, the name resolved there" prints "a page of a" \
  on b curl -sS -m 10 --socks5-hostname 127.0.0.1:7777 http://web.a.overlay:3000/
check "curl through the HTTP proxy" prints "a page of a" \
  on b curl -sS -m 10 --proxy http://127.0.0.1:7777 http://web.a.overlay/
check "curl through CONNECT" prints "a page of a" \
  on b curl -sS -m 10 --proxytunnel --proxy http://127.0.0.1:7777 http://web.a.overlay:3000/
check "a hundred fetches on one connection" \
  on b curl -sS -m 20 -o /dev/null "http://127.0.0.1:$web/?[1-100]"
check "a web page elsewhere is not proxied" prints 403 \
  on b curl -s -m 10 -o /dev/null -w '%{http_code}' --proxy http://127.0.0.1:7777 http://example.com/
check "a foreign Host header is refused with 421" prints 421 \
  on b curl -s -m 10 -o /dev/null -w '%{http_code}' -H 'Host: evil.example' "http://127.0.0.1:$web/"
check "a foreign Origin is refused with 421" prints 421 on b curl -s -m 10 -o /dev/null \
  -w '%{http_code}' -H 'Origin: http://evil.example' http://web.a.overlay.localhost:7777/

p1=$(port_of b s1.a) p2=$(port_of b s2.a) p3=$(port_of b s3.a) p4=$(port_of b s4.a)
p5=$(port_of b s5.a) p6=$(port_of b s6.a) p7=$(port_of b s7.a)
check "an echo with half-close" prints "one line" client b ask 127.0.0.1 "$p1" "one line"
check "64 MiB arrive whole, towards the service" client b put 127.0.0.1 "$p2" 67108864
check "64 MiB arrive whole, from the service" client b fetch 127.0.0.1 "$p6" 67108864
check "a slow reader loses nothing" client b slow-read 127.0.0.1 "$p6" 67108864
check "the server's reset arrives as a reset" client b expect-reset 127.0.0.1 "$p3"
check "the server speaks first" prints hello client b listen-to 127.0.0.1 "$p4"
: >"$T/tell-the-end-7004.log"
client b greet-and-reset 127.0.0.1 "$p4"
check "the client's reset arrives as a reset" within 5 grep -q RESET "$T/tell-the-end-7004.log"
client b listen-to 127.0.0.1 "$p4" >/dev/null
check "the client's end arrives as an end" within 5 grep -qE 'EOF|RESET' "$T/tell-the-end-7004.log"
check "the server may close first and still read" prints early \
  client b read-then-answer 127.0.0.1 "$p5"
check "what it reads then is whole" within 5 grep -qx 'GOT 100000' "$T/close-first-7005.log"
check "300 connections at once" client b many 127.0.0.1 "$p1" 300

ov a share 7009 --as s9 --public >/dev/null
p9=$(port_of b s9.a)
check "a client may abort while all is full" client b fill-and-reset 127.0.0.1 "$p9"
check "and the service that reads nothing is told" within 5 grep -q BROKEN "$T/deaf-7009.log"

before_a=$(rss_kib a) before_b=$(rss_kib b)
client b never-read 127.0.0.1 "$p7" 20 &
lazy=$!
check "a reader that never reads stops the far writer" \
  within 15 grep -q STUCK "$T/pour-7007.log"
check "and neither gateway holds more than 8 MiB for it" \
  test $(($(rss_kib a) - before_a)) -lt 8192 -a $(($(rss_kib b) - before_b)) -lt 8192
check "meanwhile others are served" prints again client b ask 127.0.0.1 "$p1" again
kill $lazy
wait $lazy 2>/dev/null
kill "${PIDS[0]}"
within 5 fails listening a 3000
check "target down: the port gives a reset" client b expect-refusal 127.0.0.1 "$web"
by_name() { on b curl -s -m 10 -i http://web.a.overlay.localhost:7777/; }
check "target down: the name gives a 502" shows '^HTTP/1.1 502 ' by_name
check "with the reason" shows 'refused' by_name

check "share with --proxy-protocol" prints pp ov a share 7008 --as pp --public --proxy-protocol
within 5 ov b open pp.a
check "the service is told who calls, by PROXY protocol v2" prints ok \
  client b ask 127.0.0.1 "$(port_of b pp.a)" GET
check "its header is version 2" grep -q '^FIRST 0d0a0d0a000d0a515549540a2' "$T/peer-address-7008.log"

check "a unix socket is shared by --port" prints sock ov a share "unix:$T/web.sock" --port 8088 --as sock --public
check "status counts what went through" status_is b "s['peers'][0]['rx_bytes'] > 2 * 67108864" True
check "status says the path is direct" status_is b \
  "s['peers'][0]['state'], s['peers'][0]['path']['kind']" "direct udp"
id=$(ov a --json ls | "$PYTHON" -c "import json,sys
print([x for x in json.load(sys.stdin)['services'] if x['service'] == 's2'][0]['id'])")
check "close takes a service back" ov a close "$id"
check "and its port at the other side resets from then on" \
  within 5 client b expect-refusal 127.0.0.1 "$p2"
check "stop ends the gateway" ov a stop
check "and status then says that none is running" exits 1 'no gateway is running' -- ov a status
finish
