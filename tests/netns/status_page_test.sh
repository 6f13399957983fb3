#!/usr/bin/env bash
# The status page of a real gateway: who sees it, who may change things by it, and that it is told what
# changes. curl plays the browser, honest and hostile.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
for host in a b; do
  mkdir -m 700 "$T/$host"
  printf '[dht]\nmode = off\n' >"$T/$host/overlay.conf"
  gateway "$host"
done
ov a share 3000 --as web -q >/dev/null
ov a invite web -q >/dev/null
ov b peer add "${IDS[a]}" --alias alice >/dev/null

own=http://overlay.localhost:7777
# ask PATH ARGS...: as a program that knows the name; page PATH ARGS...: as the page itself
ask() { on a curl -sS -m 10 --resolve '*:7777:127.0.0.1' "${@:2}" "$own$1"; }
page() { ask "$1" -H "Origin: $own" -H 'Sec-Fetch-Site: same-origin' "${@:2}"; }
code() { "$1" "$2" -o /dev/null -w '%{http_code}' "${@:3}"; }
json=(-H 'Content-Type: application/json' --data)
first_event() { ask /events -N -m 2 2>/dev/null | sed '/^data/q' | grep '^data'; }
page_links() { ask / | grep -oE '(href|src)="/[^"]*"' | cut -d '"' -f 2 | sort -u | tr '\n' ' ' | sed 's/ $//'; }
no_late() { ! tail -n 2 "$T/events.log" | grep -q '"id":"late"'; }
invites() { ov a --json ls | "$PYTHON" -c 'import json,sys; print(len(json.load(sys.stdin)["invites"]))'; }

# ---- looking ----

check "the page is served by its name" prints 200 code ask /
check "nothing in it may come from elsewhere" shows "default-src 'none'; script-src 'self'" ask / -D - -o /dev/null
check "its own files are all it names" prints "/icon.svg /parts.js /status.css /status.js" page_links
check "by an address one is sent there" shows "Location: $own/" ask / -H 'Host: 127.0.0.1:7777' -D - -o /dev/null
check "a name of somebody else's DNS gets nothing" prints 403 code ask / -H 'Host: evil.example:7777'
check "nor does a page of a peer" prints 403 code ask /events -H 'Sec-Fetch-Site: same-site'
check "nor one of another origin" prints 403 code ask / -H 'Origin: http://web.evil.overlay.localhost:7777'
check "what it shows names the service" shows '^data: .*"id":"web"' first_event
check "and not the code of an invite" lacks '"code"' first_event

# ---- changing ----

check "the link is a link to the page" shows "^$own/#key=[A-Za-z0-9_-]{27}\$" ov a status --web
link=$(ov a status --web)
key=$(page /enter -X POST -H "X-Overlay-Key: ${link#*#key=}" | sed 's/.*"key":"\([^"]*\)".*/\1/')
check "its key opens once" prints 403 code page /enter -X POST -H "X-Overlay-Key: ${link#*#key=}"
wish='{"cmd":"invite","service":"web"}'
check "without a key nobody makes an invite" prints 403 code page /act "${json[@]}" "$wish"
check "nor with a wrong one" prints 403 code page /act -H 'X-Overlay-Key: AAAA' "${json[@]}" "$wish"
check "nor does a page of a peer, with the key" prints 403 \
  code ask /act -H "X-Overlay-Key: $key" -H 'Sec-Fetch-Site: same-site' \
  -H 'Origin: http://web.evil.overlay.localhost:7777' "${json[@]}" "$wish"
check "nor what says no Origin" prints 403 code ask /act -H "X-Overlay-Key: $key" "${json[@]}" "$wish"
check "nor a form" prints 415 code page /act -H "X-Overlay-Key: $key" --data "$wish"
check "none of that has changed anything" prints 1 invites
check "the owner makes one" shows '"ok":true.*"code":' page /act -H "X-Overlay-Key: $key" "${json[@]}" "$wish"
check "and there it is" prints 2 invites
number=$(ov a --json ls | "$PYTHON" -c 'import json,sys; print(json.load(sys.stdin)["invites"][1]["number"])')
check "with a picture of its ticket" shows '"path":"M0 0h7v1h-7z' \
  page /act -H "X-Overlay-Key: $key" "${json[@]}" "{\"cmd\":\"qr\",\"number\":$number}"
check "the owner ends it" shows '"ok":true' \
  page /act -H "X-Overlay-Key: $key" "${json[@]}" "{\"cmd\":\"revoke\",\"what\":\"$number\"}"
check "and it is gone" prints 1 invites
check "the page cannot stop the gateway" shows 'cannot do' \
  page /act -H "X-Overlay-Key: $key" "${json[@]}" '{"cmd":"stop"}'
check "the key is in no log" fails grep -rq -e "$key" -e "${link#*#key=}" "$T/a.log" "$T/a"

# ---- being told ----

server a events curl -sSN --resolve '*:7777:127.0.0.1' -H "X-Overlay-Key: $key" "$own/events"
check "who watches sees what there is" within 5 grep -q '"may":true' "$T/events.log"
ov a share 3001 --as late --public >/dev/null
check "and what is new" within 5 grep -q '"id":"late"' "$T/events.log"
port=$(udp_port a)
ov b peer add "${IDS[a]}" --address "192.0.2.1:$port" >/dev/null
ov b ping alice -c 1 >/dev/null
check "and who comes, with the way" within 10 grep -q '"state":"direct"' "$T/events.log"
check "the owner may close a service" shows '"ok":true' \
  page /act -H "X-Overlay-Key: $key" "${json[@]}" '{"cmd":"close","id":"late"}'
check "of which the watchers are told" within 5 no_late
for i in $(seq 12); do server a "more$i" curl -sN --resolve '*:7777:127.0.0.1' "$own/events"; done
turned_away() { grep -l 'Too many windows' "$T"/more*.log | wc -l; }
check "of thirteen who watch one is turned away" within 10 prints 1 turned_away
finish
