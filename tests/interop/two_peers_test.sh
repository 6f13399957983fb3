#!/usr/bin/env bash
# One browser, two peers, the second of them hostile: below .overlay.localhost they are one site to
# the browser, with one purse, and its page tries to use what the first one's cookies open.
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/browser.sh"

hosts bank evil b
cable bank 192.0.2.1 b 192.0.2.2
cable evil 198.51.100.1 b 198.51.100.2

# site HOST NAME PORT OTHER: a service of HOST under the local name NAME.
site() {
  server "$1" "$1-$2" "$PYTHON" "$ROOT/tests/interop/two_sites.py" "$3" "$4"
  within 10 listening "$1" "$3" || die "the site $2 of $1 does not listen"
  ov "$1" share "$3" --as "$2" --public >/dev/null
}
gateway bank
gateway evil
site bank web 3000 http://web.evil.overlay.localhost:7777
site evil web 3000 http://web.bank.overlay.localhost:7777
site bank plain 4000 http://plain.evil.overlay
site evil plain 4000 http://plain.bank.overlay
mkdir -m 700 "$T/b"
printf '[local]\nusers = nobody\n' >"$T/b/overlay.conf"
gateway b
knows b bank 192.0.2.1 >/dev/null
knows b evil 198.51.100.1 >/dev/null

# asked HOST-NAME PATTERN: its site had such a request.
asked() { grep -Eh "ASKED $2" "$T"/$1.log; }

check "a visitor goes from one peer to the other and back" \
  shows 'ASKED /show' browse b --timeout=20000 --dump-dom http://web.bank.overlay.localhost:7777/login
check "the hostile page has really asked" asked evil-web '/own-fetch by same-origin'
check "none of its blind requests has reached the other peer" fails asked bank-web /blind
check "following its link has, with the visitor's cookie" asked bank-web '/show by same-site .*strict'
check "a cookie that it sets for all peers reaches none" fails asked '*-web' '.*spread'
check "a cookie of its own comes back to it" asked evil-web '/own-fetch .*own'

check "as names of the proxy the peers are sites of their own" \
  shows 'ASKED /show' browse b --timeout=20000 --dump-dom \
  --proxy-pac-url=http://127.0.0.1:7777/proxy.pac http://plain.bank.overlay/login
check "there the blind requests arrive, for nobody tells who asks" asked bank-plain '/blind.* by nobody'
check "but the browser sends no cookies with them" fails asked bank-plain '/blind.*(strict|own|spread)'
finish
