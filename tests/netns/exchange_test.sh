#!/usr/bin/env bash
# A friend's friend is found with no DHT, no relay and no multicast: b tells a of c, who wants it; of
# d, who has not said so, it tells nobody.
. "$(dirname "$0")/lib.sh"

hosts a b c d
network 45.33.12 a b c d
n=0
for host in a b c d; do
  n=$((n + 1))
  mkdir -m 700 "$T/$host"
  printf '%s\n' '[lan]' 'mode = off' '[portmap]' 'mode = off' '[dht]' 'mode = off' '[gateway]' \
    "listen = 45.33.12.$n:4433" 'publish_addresses = on' \
    "peer_exchange = $([ $host = d ] && echo off || echo on)" >"$T/$host/overlay.conf"
  gateway $host
done
for host in c d; do
  mkdir "$T/www-$host"
  echo "a page of $host" >"$T/www-$host/index.html"
  server $host www-$host "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www-$host" 7401
  within 10 listening $host 7401 || die "no web server"
  ov $host share 7401 --as web --public >/dev/null
done
n=0
for host in a b c d; do
  n=$((n + 1))
  [ $host = b ] || { knows b $host 45.33.12.$n && knows $host b 45.33.12.2; }
done
for host in a c d; do
  check "b meets $host" ov $host ping b -c 1
done

told() { ov a --json resolve "${IDS[c]}" | grep -q '"from":"peer","told_by":"b"'; }
check "b tells a of c" within 15 told
check "resolve says so to people too" shows 'its record, told by b: seq [0-9]+' ov a resolve "${IDS[c]}"
check "with the address that c wants known" shows '"addresses":\["45.33.12.3:4433"\]' \
  ov a --json resolve "${IDS[c]}"
page() { on a curl -sS -m 15 --noproxy '*' "http://web.${IDS[$1]}.overlay.localhost:7777/"; }
check "c's page comes by its id alone" prints "a page of c" page c
check "of d nobody is told" shows '"record":null,"why_no_record":"nobody has one"' \
  ov a --json resolve "${IDS[d]}"
check "and its page does not come" fails eval 'page d | grep -q "a page"'
check "no peer was added for that" prints "['b']" status a "[p['alias'] for p in s['peers'] if p['known']]"
check "status says who takes part" prints 'True 1 2' \
  status a "s['peer_exchange']['on'], s['peer_exchange']['contacts'], s['peer_exchange']['known']"
check "and that it is off where it is" prints 'False' status d "s['peer_exchange']['on']"
finish
