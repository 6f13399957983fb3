#!/usr/bin/env bash
# Chromium as it is, without any setting, opens http://web.a.overlay/ on a machine that was set up for
# it; and what a peer's page may not do there: read what the user's own programs serve on localhost.
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/../netns/names.sh"
. "$(dirname "$0")/browser.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 3000 websocket
mkdir "$T/www"
cat >"$T/www/index.html" <<'EOF'
<!DOCTYPE html><title>curious</title><p id=p>nothing yet</p><script>
const say = text => { document.getElementById("p").textContent += "; " + text; };
for (const url of ["http://127.0.0.1:9000/secret", "http://localhost:9000/secret"])
  fetch(url).then(r => r.text()).then(t => say("read " + t), e => say("kept out"));
fetch("http://web.a.overlay/").then(r => r.text()).then(t => say("read page"), e => say("not read"));
fetch("/own").then(r => r.text()).then(t => say("own " + t), e => say("own failed"));
</script>
EOF
echo file >"$T/www/own"
server a curious "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 3001
within 10 listening a 3001
gateway a
ov a share 3000 --as web --public >/dev/null
ov a share 3001 --as curious --public >/dev/null

# A program of the user's own that lets every page read it.
server b own "$PYTHON" -u -c '
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Own(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(b"the secret")
ThreadingHTTPServer(("127.0.0.1", 9000), Own).serve_forever()'
within 10 listening b 9000
mkdir -m 700 "$T/b"
printf '[local]\nusers = nobody\n' >"$T/b/overlay.conf"
names_prepare b 0
names_route b
gateway b
knows b a 192.0.2.1 >/dev/null

# Of another host's network namespace, as `on` is; with the names of this machine.
on() {
  local host=$1
  shift
  if [ "$host" = b ] && [ -n "${NAMES:-}" ]; then
    NAMES='' with_names b "$@"
  else
    ip netns exec "$PREFIX-$host" "$@"
  fi
}
open_page() { NAMES=yes browse b --timeout=8000 "$@"; }

check "Chromium opens http://web.a.overlay/, and its WebSocket echoes" \
  shows 'echo: over the overlay' open_page --dump-dom http://web.a.overlay/
page=$(open_page --virtual-time-budget=8000 --dump-dom http://curious.a.overlay/)
check "a page reads what is its own" shows 'own file' echo "$page"
check "no other service of its peer that does not say so" shows 'not read' echo "$page"
check "and never what is on localhost" lacks 'read the secret' echo "$page"
check "which is not even asked" lacks 'GET /secret' cat "$T/own.log"
page=$(browse b --timeout=8000 --virtual-time-budget=8000 --dump-dom http://curious.a.overlay.localhost:7777/)
check "what a page from 127.0.0.1 may read, to browsers" shows 'read the secret' echo "$page"
finish
