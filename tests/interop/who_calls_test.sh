#!/usr/bin/env bash
# A service learns which peer calls: by X-Overlay-Peer in front of Python's web server, and by the
# PROXY protocol in front of haproxy, neither of which the caller can forge.
. "$(dirname "$0")/../netns/lib.sh"

cat >"$T/mirror.py" <<'PY'
import http.server
class Mirror(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        body = "".join("%s: %s\n" % field for field in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 7721), Mirror).serve_forever()
PY
cat >"$T/haproxy.cfg" <<'CFG'
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 5s
frontend in
  bind 127.0.0.1:7722 accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[fc_pp_unique_id] %[src]\n"
CFG

hosts a b
cable a 192.0.2.1 b 192.0.2.2
server a mirror "$PYTHON" "$T/mirror.py"
within 10 listening a 7721 || die "the web server did not start"
serve a 7723 websocket
gateway a
gateway b
ov a share 7721 --as mirror --public --peer-header >/dev/null
ov a share 7723 --as chat --public --peer-header >/dev/null
knows b a 192.0.2.1 >/dev/null
port=$(port_of b mirror.a)
fetch() { on b curl -s -m 10 "$@"; }
# How many fields say who calls, and how many of them the truth.
fields() { fetch "$@" "http://127.0.0.1:$port/" | grep -ci '^x-overlay-peer:\|^x_overlay_peer:'; }
true_fields() { fetch "$@" "http://127.0.0.1:$port/" | grep -c "^X-Overlay-Peer: ${IDS[b]}"; }

check "a request says who calls" prints 1 true_fields
check "a forged field is taken away" prints 1 fields -H 'X-Overlay-Peer: liar'
check "in any letter case and spelling" prints 1 \
  fields -H 'x-overlay-PEER: liar' -H 'X_Overlay_Peer: liar'
check "every request of a connection says so" prints 3 bash -c \
  "ip netns exec $PREFIX-b curl -s -m 10 -H 'X-Overlay-Peer: liar' http://127.0.0.1:$port/{1,2,3} | grep -c '^X-Overlay-Peer: ${IDS[b]}'"
check "also behind a body, and one in chunks" prints 2 bash -c \
  "ip netns exec $PREFIX-b curl -s -m 10 -d x=y -H 'X-Overlay-Peer: liar' http://127.0.0.1:$port/{1,2} | grep -c '^X-Overlay-Peer: ${IDS[b]}'"
check "through the proxy by name as well" shows "^X-Overlay-Peer: ${IDS[b]}" \
  fetch -x http://127.0.0.1:7777 http://mirror.a.overlay/
check "CONNECT to it is reset" fails fetch -f -p -x "http://127.0.0.1:$port" http://127.0.0.1:7721/
check "a request that hides the field is reset" fails fetch -f -H 'Connection: X-Overlay-Peer' \
  "http://127.0.0.1:$port/"
check "what is no HTTP is reset" fails client b ask 127.0.0.1 "$port" $'SSH-2.0-x\r\n\r\n'
check "WebSocket goes through" shows closed \
  client b websocket-ask 127.0.0.1 "$(port_of b chat.a)" chat.a.overlay hello

if command -v haproxy >/dev/null; then
  server a haproxy haproxy -db -f "$T/haproxy.cfg"
  within 10 listening a 7722 || die "haproxy did not start"
  ov a share 7722 --as haproxy --public --proxy-protocol >/dev/null
  port=$(port_of b haproxy.a)
  check "haproxy reads the caller from the PROXY header" prints "${IDS[b]} 127.0.0.1" \
    fetch "http://127.0.0.1:$port/"
  check "and refuses one that comes without" fails on a curl -sf -m 5 http://127.0.0.1:7722/
fi
finish
