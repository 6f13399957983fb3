#!/usr/bin/env bash
# Pictures of the status page and of every page that says what went wrong, as root: usage:
# page_tour.sh DIR. Light, dark, and as wide as a telephone. Somebody should look at them.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../interop/browser.sh"

dir=${1:?a folder for the pictures}
mkdir -p "$dir"
own=http://overlay.localhost:7777
live='document.querySelector("#link")?.dataset.state === "live" && document.querySelector("#facts dd")'
said='document.querySelector("main h1")'

# shot NAME HOST URL TRUE-WHEN-THERE [STEP...]: NAME.png, NAME-dark.png and NAME-phone.png
shot() {
  local name=$1 host=$2 url=$3 there=$4 picture=$T/browser/$1
  shift 4
  visit "$host" "$@" size=1200x800 scheme=light "open=$url" "until=$there" "shot=$picture.png" \
    scheme=dark "shot=$picture-dark.png" scheme=light size=360x740 "shot=$picture-phone.png" \
    'print=document.documentElement.scrollWidth' >"$T/$name.width"
  cp "$picture"*.png "$dir"
  check "pictures: $name, which is no wider than a telephone" test "$(cat "$T/$name.width")" -le 360
}
page() { shot "$1" a "$2" "$said" "${@:3}"; }

hosts me a b c d
network 192.0.2 a b c d me
for host in me a b c d; do
  mkdir -m 700 "$T/$host"
  printf '[local]\nusers = nobody\n[dht]\nmode = off\n' >"$T/$host/overlay.conf"
done
gateway me
shot status-empty me $own/ "$live"
for host in a b c d; do gateway "$host"; done
serve b 3000 websocket
ov b share 3000 --as web --public >/dev/null
ov b share 3001 --as wiki --public >/dev/null
ov b share 3002 --as closed --to "${IDS[c]}" >/dev/null
serve a 3000 websocket
ov a share 3000 --as notes --public >/dev/null
ov a share 22 --as ssh -q >/dev/null
ov a invite notes -q >/dev/null
ov b peer add "${IDS[a]}" --alias anna >/dev/null
knows a b 192.0.2.2 >/dev/null
knows a c 192.0.2.3 >/dev/null
knows a d 192.0.2.4 >/dev/null
ov a peer add "${IDS[me]}" --alias a-rather-long-name-for-a-friend --address "192.0.2.5:$(udp_port me)" >/dev/null
ov me share 3000 --as one --public >/dev/null
ov me share 3001 --as two --public >/dev/null
ov a open web.b >/dev/null
ov a ping c -c 1 >/dev/null 2>&1
kill_gateway d KILL
ov a ping d -c 1 >/dev/null 2>&1
ov a block c
sleep "${SETTLE:-25}" # a few samples of the round trip
shot status a $own/ "$live"
shot status-owner a "$(ov a status --web)" 'document.querySelector(".qr")'
shot localhost-check a http://localhost-check.overlay.localhost:7777/ \
  'document.querySelector("#verdict").dataset.verdict'
page unreachable http://d.overlay.localhost:7777/
page unknown http://web.bb.overlay.localhost:7777/
page blocked http://c.overlay.localhost:7777/
page denied http://closed.b.overlay.localhost:7777/
page down http://wiki.b.overlay.localhost:7777/
page no-service http://wib.b.overlay.localhost:7777/
page outside http://example.com/ proxy=127.0.0.1:7777
page which http://a-rather-long-name-for-a-friend.overlay.localhost:7777/
page misdirected "http://elsewhere.localhost:$(port_of a web.b)/"
# Somebody ends the gateway while the page is open.
(sleep 10 && kill "$(pid_of a)") &
shot status-away a $own/ 'document.querySelector("#link")?.dataset.state === "lost" && document.querySelector("#facts dd")'
finish
