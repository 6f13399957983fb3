#!/usr/bin/env bash
# The proxy and the HTTP guard: curl in all the ways it can use them, and clients that try to get
# past them. What the service was asked in the end is the judge.
. "$(dirname "$0")/../netns/lib.sh"

PROBE=$ROOT/tests/interop/http_probe.py
hosts a b
cable a 192.0.2.1 b 192.0.2.2
for port in 3000 3001; do
  server a "service-$port" "$PYTHON" "$PROBE" serve $port
  within 10 listening a $port || die "the service does not listen"
done
serve a 7001 echo
gateway a
gateway b
ov a share 3000 --as web --public >/dev/null
ov a share 3001 --as other --public >/dev/null
ov a share 7001 --as echo --public >/dev/null
knows b a 192.0.2.1 >/dev/null
web=$(port_of b web.a)
head -c 30000000 /dev/urandom >"$T/upload"
sum=$(sha256sum <"$T/upload" | cut -d ' ' -f 1)
name=http://web.a.overlay.localhost:7777
through() { on b curl -sS -m 30 -x http://127.0.0.1:7777 "$@"; }
b_curl() { on b curl -sS -m 30 "$@"; }
code() { on b curl -s -m 30 -o /dev/null -w '%{http_code}' "$@"; }

check "an upload of known length arrives whole" shows "\"sha256\": \"$sum\"" \
  b_curl -H 'Expect:' -T "$T/upload" $name/
check "one that waits for 100 Continue too" shows "\"sha256\": \"$sum\"" \
  b_curl -H 'Expect: 100-continue' -T "$T/upload" $name/
check "one in chunks too" shows "\"sha256\": \"$sum\"" \
  b_curl -H 'Transfer-Encoding: chunked' -T "$T/upload" $name/
check "and by the local port" shows "\"sha256\": \"$sum\"" \
  b_curl -H 'Transfer-Encoding: chunked' -T "$T/upload" "http://127.0.0.1:$web/"
check "HEAD has no body" prints 200 code -I $name/
check "the Host arrives as it was sent" shows '"Host", "web.a.overlay.localhost:7777"' b_curl $name/
check "absolute-form requests are for the host they name" shows '"Host", "web.a.overlay"' \
  through http://web.a.overlay/
check "and their answers keep the page away from this machine" \
  shows 'Content-Security-Policy: treat-as-public-address' through -D - -o /dev/null http://web.a.overlay/
check "answers by name do not" lacks 'treat-as-public-address' b_curl -D - -o /dev/null $name/
check "a port picks the service" shows '"path": "/x"' through http://a.overlay:3001/x
check "so does CONNECT" shows '"path": "/x"' through -p http://a.overlay:3001/x
check "CONNECT to a service that is not there" shows '404' through -p http://a.overlay:1/
check "a name elsewhere" prints 403 code -x http://127.0.0.1:7777 http://example.com/
check "a peer nobody knows" prints 404 code -H 'Host: nobody.overlay' http://127.0.0.1:7777/
check "SOCKS with a remote name" shows '"path": "/s"' \
  b_curl --socks5-hostname 127.0.0.1:7777 http://a.overlay:3001/s
check "SOCKS with a name of this machine is refused" exits 97 '\(2\)' -- \
  b_curl --socks5-hostname 127.0.0.1:7777 http://localhost:7001/
check "SOCKS with an address is refused" exits 97 '\(2\)' -- \
  b_curl --socks5 127.0.0.1:7777 http://127.0.0.1:7001/
check "/proxy.pac names the proxy as it was asked" shows 'PROXY 127.0.0.1:7777' \
  b_curl http://127.0.0.1:7777/proxy.pac
check "also on ::1" shows 'PROXY \[::1\]:7777' b_curl -g 'http://[::1]:7777/proxy.pac'
check "its type is the one that browsers want" prints application/x-ns-proxy-autoconfig \
  b_curl -o /dev/null -w '%{content_type}' http://localhost:7777/proxy.pac
connections() { b_curl -o /dev/null -w '%{num_connects}\n' "$name/[1-200]" | sort -n | tail -n 2 | tr '\n' ' '; }
check "two hundred requests share a connection" prints "0 1 " connections

on b timeout 120 "$PYTHON" "$PROBE" proxy 7777 || FAILURES=1
on b timeout 120 "$PYTHON" "$PROBE" port "$web" || FAILURES=1
check "the services were asked" grep -q '^ASKED GET / ' "$T/service-3000.log"
check "nothing of what was refused has reached them" fails grep -h evil "$T"/service-*.log

kill_gateway a KILL
check "a peer that went away is a 504" prints 504 code -m 60 $name/
finish
