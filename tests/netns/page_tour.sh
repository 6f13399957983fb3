#!/usr/bin/env bash
# Pictures of the status page and of every page that says what went wrong, as root: usage:
# page_tour.sh DIR. Light, dark, and as wide as a telephone. Somebody should look at them.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../interop/browser.sh"

dir=${1:?a folder for the pictures}
mkdir -p "$dir"
own=http://overlay.localhost:7777

# shot NAME HOST URL HEIGHT [ARGS...]: NAME.png, NAME-dark.png and NAME-phone.png
shot() {
  local name=$1 host=$2 url=$3 height=$4
  shift 4
  picture "$name" "$host" "$url" "1200,$height" "$@"
  picture "$name-dark" "$host" "$url" "1200,$height" --blink-settings=preferredColorScheme=0 "$@"
  picture "$name-phone" "$host" "$url" "360,${PHONE:-740}" "$@"
}
picture() {
  local name=$1 host=$2 url=$3 size=$4
  shift 4
  [ "$url" != owner ] || url=$(ov "$host" status --web) # a link works once
  browse "$host" --timeout="${LOADS:-4000}" --hide-scrollbars --screenshot="$T/browser/$name.png" "$@" \
    --window-size="$size" "$url" >/dev/null
  cp "$T/browser/$name.png" "$dir/$name.png"
  check "a picture: $name" test "$(stat -c %s "$dir/$name.png")" -gt 3000
}

hosts me a b c d
network 192.0.2 a b c d
for host in me a b c d; do
  mkdir -m 700 "$T/$host"
  printf '[local]\nusers = nobody\n[dht]\nmode = off\n' >"$T/$host/overlay.conf"
done
gateway me
PHONE=2200 shot status-empty me $own/ 1500
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
ov a name a-rather-long-name-for-a-friend "$(on me "$OVERLAY" --home "$T/me" id)" >/dev/null
ov a open web.b >/dev/null
ov a ping c -c 1 >/dev/null 2>&1
kill_gateway d KILL
ov a ping d -c 1 >/dev/null 2>&1
ov a block "${IDS[c]}"
sleep "${SETTLE:-25}" # a few samples of the round trip
PHONE=3000 shot status a $own/ 1900
PHONE=4400 shot status-owner a owner 2300
page() { shot "$1" a "$2" 700 "${@:3}"; }
LOADS=14000 page unreachable http://d.overlay.localhost:7777/
page unknown http://web.bb.overlay.localhost:7777/
page blocked http://c.overlay.localhost:7777/
page denied http://closed.b.overlay.localhost:7777/
page down http://wiki.b.overlay.localhost:7777/
page no-service http://wib.b.overlay.localhost:7777/
page outside http://example.com/ --proxy-server=127.0.0.1:7777
page which http://b.overlay.localhost:7777/
finish
