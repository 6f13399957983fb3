#!/usr/bin/env bash
# Chromium shows the status page of a gateway, for who looks and for its owner; and a hostile page of a
# peer, in the same browser, gets nothing of it. tests/netns/status_page_test.sh has the rest, and
# `make page-tour` pictures.
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/browser.sh"

own=http://overlay.localhost:7777
hosts a b
cable a 192.0.2.1 b 192.0.2.2
for host in a b; do
  mkdir -m 700 "$T/$host"
  printf '[local]\nusers = nobody\n[dht]\nmode = off\n' >"$T/$host/overlay.conf"
  gateway "$host"
done
server a hostile "$PYTHON" "$ROOT/tests/interop/hostile_page.py" 3000 "$own"
within 10 listening a 3000 || die "the hostile site does not listen"
ov a share 3000 --as web --public >/dev/null
knows b a 192.0.2.1 >/dev/null
ov b open web.a >/dev/null
ov b share 3001 --as mine -q >/dev/null
ov b invite mine -q >/dev/null

# browser NAME STEP...: what it printed is in $T/NAME.out, what the console said in $T/NAME.err
browser() { visit b "${@:2}" >"$T/$1.out" 2>"$T/$1.err"; }
# How many invites b has.
invites() { ov b --json ls | "$PYTHON" -c 'import json,sys; print(len(json.load(sys.stdin)["invites"]))'; }
live='document.querySelector("#link")?.dataset.state === "live"'
page='document.body.innerText'
html='document.body.innerHTML'

check "who looks sees the page go live" browser looking open=$own/ "until=$live" "until=$html.includes('data-state=\"direct\"')" "print=$html"
check "with the peer's service, by which it opens" grep -q 'href="http://web.a.overlay.localhost:7777/"' "$T/looking.out"
check "no code of an invite is there" fails grep -Eq 'overlay open [0-9]+-' "$T/looking.out"
check "nothing was refused by its own policy, and nothing failed" fails grep -E '^(LOG|EXCEPTION)' "$T/looking.err"
link=$(ov b status --web)
check "the owner sees the code, and the ticket as a picture" browser owner "open=$link" "until=$live" \
  "until=document.querySelector('.qr path')" "print=$page" "print=location.href"
check "which is one that works" grep -Eq 'overlay open [0-9]+-[a-z]+-[a-z]+' "$T/owner.out"
check "the key is no longer in the address" grep -qx "$own/" "$T/owner.out"
check "without anything refused" fails grep -E '^(LOG|EXCEPTION)' "$T/owner.err"
checks=$(cat "$ROOT/tests/interop/page_checks.js")
check "contrast, names, headings and widths are as they should be, in both schemes and on a telephone" \
  browser looks size=1200x800 scheme=light "open=$(ov b status --web)" "until=document.querySelector('.qr path')" \
  "print=$checks" scheme=dark "print=$checks" size=360x740 "print=$checks" scheme=light "print=$checks"
check "of which nothing is wrong" prints "nothing wrong nothing wrong nothing wrong nothing wrong" paste -sd ' ' "$T/looks.out"
check "nor with a page that says what went wrong" browser error size=360x740 scheme=dark \
  open=http://web.nobody.overlay.localhost:7777/ "until=document.querySelector('h1')" "print=$checks" scheme=light "print=$checks"
check "of which nothing is wrong either" prints "nothing wrong nothing wrong" paste -sd ' ' "$T/error.out"
check "the owner makes an invite and ends it, by keys and by clicks" browser acts "open=$(ov b status --web)" "until=$live" \
  "until=document.querySelectorAll('.qr').length === 1" "click=#invite-form button" \
  "until=document.querySelectorAll('.qr').length === 2" "until=document.querySelector('#said').textContent.includes('The code is')" \
  "click=#invite-list li:nth-child(2) button.bad" "until=document.querySelector('dialog').open" \
  "keys=Tab" "keys=Enter" "until=document.querySelectorAll('.qr').length === 1"
check "and closes a service, but not by Escape" browser closes "open=$(ov b status --web)" "until=$live" \
  "until=document.querySelector('#shared-rows button')" "click=#shared-rows button" "until=document.querySelector('dialog').open" \
  "keys=Escape" "until=!document.querySelector('dialog').open" "print=document.querySelectorAll('#shared-rows tr').length" \
  "click=#shared-rows button" "until=document.querySelector('dialog').open" "click=#sure-yes" \
  "until=document.querySelector('#shared-empty').hidden === false"
check "which was there until then" grep -qx 1 "$T/closes.out"
check "a link that was used lets its next visitor look only" browser again "open=$link" "until=$live" "until=!document.querySelector('#looking').hidden" 
check "a peer's hostile page tries everything" browser hostile open=http://web.a.overlay.localhost:7777/ \
  "until=$page.includes('all: tried')" "print=$page"
check "and sees nothing of the status page" fails grep -E ': seen' "$T/hostile.out"
check "nor in a frame" grep -q 'frame: refused' "$T/hostile.out"
check "and has made no invite" prints 0 invites # the one there was ended with its service

browser stays open=$own/ "until=$live" "print='it is live'" "until=document.querySelector('#link').dataset.state === 'lost'" \
  "print='it is lost'" "until=$live" "print='it is back'" "print=document.querySelector('#lost').hidden" &
visit=$!
within 30 grep -q 'it is live' "$T/stays.out"
kill_gateway b
check "a page whose gateway ends says so" within 30 grep -q 'it is lost' "$T/stays.out"
gateway b
wait $visit
check "and goes on when there is one again" grep -qx 'it is back' "$T/stays.out"
finish
