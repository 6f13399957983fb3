#!/usr/bin/env bash
# https at the proxy's port, by an authority of the user's own: curl believes it and nothing else,
# plain http goes on at the same port, and untrust ends it.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
gateway a
gateway b
shares_files a 67108864 "over TLS"
serve a 3000 websocket
ov a share 3000 --as chat --public >/dev/null
server a shown "$PYTHON" "$ROOT/tests/interop/http_probe.py" serve 3001
within 10 listening a 3001 || die "the service does not listen"
ov a share 3001 --as shown --public >/dev/null
knows b a 192.0.2.1 >/dev/null
ov b ping a -c 1 >/dev/null

CA=$T/b/ca.crt
# https NAME PATH [ARGS..]: by curl, which asks nobody where the name is.
https() {
  local name=$1 path=$2
  shift 2
  on b curl -sS --max-time 60 --cacert "$CA" --resolve "*:7777:127.0.0.1" "$@" "https://$name:7777$path"
}
http() { on b curl -sS --max-time 60 "http://web.a.overlay.localhost:7777/page"; }
through() { on b curl -sS --max-time 30 --cacert "$CA" "$@"; }

check "without trust TLS at the proxy's port ends at once" exits 35 -- \
  on b curl -sSk --max-time 30 --resolve "*:7777:127.0.0.1" https://web.a.overlay:7777/page
check "status says that there is none" status_is b "s['trust']" None
check "trust --print prints a certificate" shows 'BEGIN CERTIFICATE' ov b trust --print
check "its key is closed to others" prints 600 stat -c %a "$T/b/ca.key"
check "status names it" status_is b "s['trust']['suffix']" overlay
limits() { openssl x509 -in "$CA" -noout -ext nameConstraints,basicConstraints,keyUsage; }
check "it is good for the suffix alone" shows 'Name Constraints: critical' limits
check "for no address" shows 'IP:0.0.0.0/0.0.0.0' limits
check "and for no authority below it" shows 'CA:TRUE, pathlen:0' limits

check "a page by https" prints "over TLS" https web.a.overlay /page
check "by the peer's own name" prints "over TLS" https a.overlay /page
check "by its id" prints "over TLS" https "web.${IDS[a]}.overlay" /page
check "in any letter case" prints "over TLS" https WEB.A.overlay /page
check "plain http at the same port goes on" prints "over TLS" http
check "by TLS 1.2 too" prints "over TLS" https web.a.overlay /page --tls-max 1.2
check "1.1 is refused" exits 35 -- https web.a.overlay /page --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0
check "a name that nobody has gets no certificate" exits 35 'unrecognized' -- https web.nobody.overlay /page
check "nor does one elsewhere" exits 35 'unrecognized' -- https example.com /page
check "nor an address" exits 35 'unrecognized' -- \
  through https://127.0.0.1:7777/page
check "a Host of another name than the certificate's is a 421" prints 421 \
  https web.a.overlay /page -o /dev/null -w '%{http_code}' -H 'Host: localhost:7777'
check "an Origin of https of the same peer passes" prints "over TLS" \
  https web.a.overlay /page -H 'Origin: https://chat.a.overlay:7777'
check "an Origin of another site does not" prints 421 \
  https web.a.overlay /page -o /dev/null -w '%{http_code}' -H 'Origin: https://example.com'
check "the service is told that it was https" shows '"X-Forwarded-Proto", "https"' https shown.a.overlay /x
check "and by nobody else" lacks 'X-Forwarded-Proto", "http"' \
  https shown.a.overlay /x -H 'X-Forwarded-Proto: http'
check "through CONNECT to port 443" prints "over TLS" \
  through -x http://127.0.0.1:7777 https://web.a.overlay/page
check "and the answer keeps the page away from this machine" shows 'treat-as-public-address' \
  through -x http://127.0.0.1:7777 -D - -o /dev/null https://web.a.overlay/page
check "through SOCKS to port 443" prints "over TLS" \
  through --socks5-hostname 127.0.0.1:7777 https://web.a.overlay/page
check "CONNECT to a peer's port that is no https stays a tunnel" shows '"path": "/y"' \
  on b curl -sS --max-time 30 -p -x http://127.0.0.1:7777 http://a.overlay:3001/y
check "64 MiB come through unharmed" prints "$SUM  -" \
  eval "https web.a.overlay /file | sha256sum"
check "a WebSocket within TLS" shows 'closed' \
  client b websocket-ask-tls 127.0.0.1 7777 chat.a.overlay:7777 "$CA" hello "second message"
connections() { https web.a.overlay "/page?[1-50]" -o /dev/null -w '%{num_connects}\n' | sort -n | tail -n 1; }
check "fifty requests share a connection" prints 1 connections

# Bytes that are no TLS behind a first byte that looks so, and connections that say nothing more.
garbage() { on b bash -c 'exec 3<>/dev/tcp/127.0.0.1/7777; printf "\026\003\001\000\005\001\000\000\001x" >&3; timeout 5 cat <&3 >/dev/null'; }
check "garbage is turned away" garbage
crowd() {
  on b timeout 60 "$PYTHON" - <<'END'
import socket
held = []
for i in range(200):
    s = socket.create_connection(("127.0.0.1", 7777))
    s.sendall(b"\x16\x03\x01\x02\x00\x01")
    held.append(s)
open_ = 0
for s in held:
    s.settimeout(0.05)
    try:
        open_ += s.recv(1) != b""
    except TimeoutError:
        open_ += 1
    except ConnectionResetError:
        pass
print(open_)
END
}
check "of two hundred handshakes that do not go on sixty-four are waited for" prints 64 crowd
check "and then others are served again" within 15 prints "over TLS" https web.a.overlay /page

kill_gateway b
gateway b
check "after a restart it is the same authority" prints "over TLS" https web.a.overlay /page
cp "$T/b/ca.key" "$T/ca.key.kept"
echo moon >"$T/b/ca.key"
kill_gateway b
gateway b
check "a broken key is named, and the gateway runs" grep -q 'b/ca.key: it holds no private key' "$T/b.log"
check "trust says so too" exits 1 'ca.key' -- ov b trust --print
cp "$T/ca.key.kept" "$T/b/ca.key"
check "once it is repaired, trust takes it" ov b trust --print
check "and https is back" prints "over TLS" https web.a.overlay /page

cp "$CA" "$T/kept.crt"
check "untrust" ov b untrust
check "leaves neither key nor certificate" fails ls "$T/b/ca.key" "$T/b/ca.crt"
CA=$T/kept.crt
check "and no https" exits 35 -- https web.a.overlay /page
check "but http" prints "over TLS" http
for host in a b; do
  ov "$host" stop >/dev/null
done
finish
