#!/usr/bin/env bash
# Chromium, without a window, opens a page of the other gateway by name; the page talks back over a
# WebSocket. The picture of it is left in build/browser.png.
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/browser.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 3000 websocket
gateway a
ov a share 3000 --as web --public >/dev/null
mkdir -m 700 "$T/b"
printf '[local]\nusers = nobody\n' >"$T/b/overlay.conf"
gateway b
knows b a 192.0.2.1 >/dev/null
web=$(port_of b web.a)
check "a WebSocket client by name" shows 'closed' \
  client b websocket-ask 127.0.0.1 7777 web.a.overlay.localhost:7777 hello "second message"
check "and by local port" shows 'closed' client b websocket-ask 127.0.0.1 "$web" "127.0.0.1:$web" hello
check "Chromium shows the page by name, and its WebSocket echoes" \
  shows 'echo: over the overlay' browse b --timeout=8000 --dump-dom \
  http://web.a.overlay.localhost:7777/
check "through the proxy's automatic configuration as http://web.a.overlay/" \
  shows 'echo: over the overlay' browse b --timeout=8000 --dump-dom \
  --proxy-pac-url=http://127.0.0.1:7777/proxy.pac http://web.a.overlay/
browse b --timeout=8000 --screenshot="$T/browser/page.png" http://web.a.overlay.localhost:7777/ >/dev/null
check "a picture of it is made" test "$(stat -c %s "$T/browser/page.png" 2>/dev/null || echo 0)" -gt 3000
mkdir -p "$ROOT/build" && cp "$T/browser/page.png" "$ROOT/build/browser.png"
finish
