#!/usr/bin/env bash
# Chromium and Firefox, untouched, at a peer's pages by each way that leads there: the proxy's names,
# its automatic configuration, SOCKS, and the peer's own address; plain and by https. And what a hostile
# peer's page may do to its visitor by each of them: the table is printed.
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/browser.sh"

MODULE=$(dirname "$OVERLAY")/libnss_overlay.so.2
[ -e "$MODULE" ] || MODULE=$ROOT/build/release/libnss_overlay.so.2
SITE=$ROOT/tests/interop/browser_site.py
mkdir "$T/lib" "$T/names" "$T/witness" && cp "$MODULE" "$T/lib/" && chmod 777 "$T/witness"

hosts alice evil b
network 192.0.2 alice evil b
for host in alice evil; do
  server $host site "$PYTHON" "$SITE" 3000 $host "$T/witness/$host"
  within 10 listening $host 3000 || die "no web site at $host"
  gateway $host
  ov $host share 3000 --as web --public >/dev/null
done
# What a user has on his own machine: careless, and not for strangers.
server b own "$PYTHON" "$SITE" 9000 own "$T/witness/own"
mkdir -m 700 "$T/b"
printf '%s\n' '[local]' 'users = nobody' '[setup]' "names_socket = $T/names/names.sock" >"$T/b/overlay.conf"
gateway b
knows b alice 192.0.2.1 >/dev/null
knows b evil 192.0.2.2 >/dev/null
ov b share 9000 --as mine >/dev/null 2>&1
port=$(port_of b web.alice)

echo 'hosts: files overlay [NOTFOUND=return]' >"$T/nsswitch.conf"
echo 'nameserver 127.0.0.1' >"$T/resolv.conf"
# The machine as `overlay setup` leaves it where names go by the NSS module.
set_up() {
  ip -n "$PREFIX-b" route add local 198.19.0.0/16 dev lo
  on b nft -f - <<END
table ip overlay {
  chain output {
    type nat hook output priority -100
    ip daddr 198.19.0.0/16 meta l4proto tcp redirect to :7790
  }
}
END
  ov b config reload >/dev/null
  # shellcheck disable=SC2016,SC2034  # the shell inside expands; browser.sh reads it
  AROUND=(unshare -m sh -c '
    T=$0
    mount --bind "$T/resolv.conf" /etc/resolv.conf && mount --bind "$T/nsswitch.conf" /etc/nsswitch.conf
    mount -t tmpfs tmpfs /run && mkdir /run/overlay && mount --bind "$T/names" /run/overlay
    exec env LD_LIBRARY_PATH="$T/lib" "$@"' "$T")
}
# The authority of `overlay trust` goes into the new profile, where both browsers look for it.
trusting() {
  local profile=$1 store
  for store in "$profile" "$profile/.pki/nssdb"; do
    mkdir -p "$store"
    certutil -N -d "sql:$store" --empty-password &&
      certutil -A -d "sql:$store" -n overlay -t C,, -i "$T/b/ca.crt"
  done
  chmod -R a+rwX "$profile"
}

by() { # BROWSER STEP...
  if [ "$1" = chromium ]; then visit b "${@:2}"; else visit_by_firefox b "${@:2}"; fi
}
ready='document.getElementById("out")?.textContent.includes("done: all")'
out='document.getElementById("out").textContent'
# page BROWSER WAY URL [PROXY]: the page does all that pages do
page() {
  by "$1" ${4:+"$4"} "open=$3" "until=$ready" "print=$out" >"$T/page.out" 2>"$T/page.err" ||
    { cat "$T/page.out" "$T/page.err"; return 1; }
  cat "$T/page.out"
  grep -q '^socket: echo of hello$' "$T/page.out" && grep -q '^download: 67108864 bytes right$' "$T/page.out"
}
worker_answers() { grep -q '^worker: answers$' "$T/page.out"; }
secure() { grep -qx "secure: $1" "$T/page.out"; }
# attack BROWSER WAY URL [PROXY]: what evil's page can do, one line each in $T/attack.out
targets="localhost=http://127.0.0.1:9000/open&gateway=http://overlay.localhost:7777/events"
targets="$targets&act=http://127.0.0.1:7777/act&other=http://127.0.0.1:$port/marked"
attack() {
  by "$1" ${4:+"$4"} "open=$3hostile?$targets" "until=$ready" "print=$out" >"$T/attack.out" 2>"$T/attack.err" ||
    { cat "$T/attack.out" "$T/attack.err"; return 1; }
  printf '%-9s %-8s %-12s %s\n' "$1" "$2" "$(sed -n 's/^localhost get: //p' "$T/attack.out")" \
    "$(sed -n 's/^localhost post: //p' "$T/attack.out")" >>"$T/table"
  cat "$T/attack.out"
}
# judged BROWSER WAY URL [PROXY]: the gateway's own page comes to what evil's has met
verdict='document.getElementById("verdict")?.dataset.verdict'
judged() {
  local met
  met=$(awk -v browser="$1" -v way="$2" '$1 == browser && $2 == way { print $3 }' "$T/table")
  by "$1" ${4:+"$4"} "open=$3" "until=$verdict" "print=$verdict" >"$T/judged.out" 2>"$T/judged.err"
  cat "$T/judged.out" "$T/judged.err"
  [ -n "$met" ] && [ "$(head -n 1 "$T/judged.out")" = "$met" ]
}
not_read() { ! grep -q "^$1 get: read" "$T/attack.out"; }
other_untouched() { ! grep -q 'marked' "$T/witness/alice"; }
# Whether the browser has Local Network Access, as Chromium 142 and Firefox 153 do.
asks_first() {
  [ "$1" = chromium ] || [ "$(firefox-esr --version 2>/dev/null | grep -o '[0-9]*' | head -n 1)" -ge 153 ]
}
localhost_is() { shows "^localhost get: ($1)\$" cat "$T/attack.out"; }
# What a page could change: services, invites, whom we know.
state() {
  { ov b --json ls; ov b --json status; } | "$PYTHON" -c '
import json, sys
ls, status = map(json.loads, sys.stdin.read().splitlines())
print([s["service"] for s in ls["services"]], [i["code"] for i in ls["invites"]],
      sorted((p["id"], p["known"], p["state"] == "blocked") for p in status["peers"]))'
}
guarded() { # BROWSER WAY
  check "$1, $2: nothing of the gateway is read" not_read gateway
  check "$1, $2: another peer's port gets nothing of it" other_untouched
  check "$1, $2: the gateway is as it was" prints "$before" state
}
before=$(state)

for browser in chromium firefox; do
  check "$browser by the proxy's names: page, WebSocket and 64 MiB" \
    page $browser names http://web.alice.overlay.localhost:7777/
  check "$browser by the proxy's names: a secure context, with a service worker" eval 'secure true && worker_answers'
  check "$browser by the peer's id" \
    by $browser "open=http://web.${IDS[alice]}.overlay.localhost:7777/" "until=$ready"
  check "$browser: a hostile page by the proxy's names" attack $browser names http://web.evil.overlay.localhost:7777/
  guarded $browser names
  check "$browser: the gateway's page finds the same by the proxy's names" \
    judged $browser names http://localhost-check.overlay.localhost:7777/
  check "$browser by automatic configuration" \
    page $browser PAC http://web.alice.overlay/ pac=http://127.0.0.1:7777/proxy.pac
  check "$browser by SOCKS" page $browser SOCKS http://web.alice.overlay/ socks=127.0.0.1:7777
  check "$browser: a hostile page by automatic configuration" \
    attack $browser PAC http://web.evil.overlay/ pac=http://127.0.0.1:7777/proxy.pac
  guarded $browser PAC
  check "$browser: the gateway's page finds the same by automatic configuration" \
    judged $browser PAC http://localhost-check.overlay/ pac=http://127.0.0.1:7777/proxy.pac
done
check "Chromium keeps it from the user's own localhost by automatic configuration" \
  shows '^chromium +PAC +(refused|held)' cat "$T/table"

set_up
check "the peers have addresses of their own" within 10 shows '^198\.19\.' \
  on b dig @127.0.0.1 -p 5354 +short alice.overlay
for browser in chromium firefox; do
  check "$browser at http://web.alice.overlay/, with nothing set in it" page $browser address http://web.alice.overlay/
  check "$browser at the peer's bare name" by $browser open=http://alice.overlay/ "until=$ready"
  check "$browser: a hostile page at its own address" attack $browser address http://web.evil.overlay/
  guarded $browser address
  check "$browser: the gateway's page finds the same at the gateway's own address" \
    judged $browser address http://localhost-check.overlay/
  if asks_first $browser; then
    check "$browser keeps it from the user's own localhost" localhost_is 'refused|held'
  else
    check "$browser is too old to keep it from the user's own localhost" localhost_is 'read'
  fi
done

ov b trust --print >/dev/null
prepare_profile() { trusting "$1"; }
for browser in chromium firefox; do
  check "$browser at https://web.alice.overlay/, after trust" page $browser https https://web.alice.overlay/
  check "$browser by https: a secure context, with a service worker" eval 'secure true && worker_answers'
  check "$browser: a hostile page by https" attack $browser https https://web.evil.overlay/
  guarded $browser https
  ! asks_first $browser || check "$browser keeps it from the user's own localhost by https" localhost_is 'refused|held'
done

echo "# what a hostile page does at the user's own http://127.0.0.1:9000, which lets anybody read:"
printf '#   %-9s %-8s %-12s %s\n' browser way read 'blind POST'
sed 's/^/#   /' "$T/table"
finish
