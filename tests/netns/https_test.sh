#!/usr/bin/env bash
# https at the proxy's port, by an authority of the user's own: curl believes it and nothing else,
# plain http goes on at the same port, and untrust ends it.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
gateway a
gateway b
shares_files a 67108864 "over TLS"
serve a 3000 websocket
ov a share 3000 --as chat --public >/dev/null
server a shown "$PYTHON" "$ROOT/tests/interop/http_probe.py" serve 3001
within 10 listening a 3001 || die "the service does not listen"
ov a share 3001 --as shown --public >/dev/null
knows b a 192.0.2.1 >/dev/null
ov b ping a -c 1 >/dev/null

CA=$T/b/ca.crt
# https NAME PATH [ARGS..]: by curl, which asks nobody where the name is.
https() {
  local name=$1 path=$2
  shift 2
  on b curl -sS --max-time 60 --cacert "$CA" --resolve "*:7777:127.0.0.1" "$@" "https://$name:7777$path"
}
http() { on b curl -sS --max-time 60 "http://web.a.overlay.localhost:7777/page"; }
through() { on b curl -sS --max-time 30 --cacert "$CA" "$@"; }

check "without trust TLS at the proxy's port ends at once" exits 35 -- \
  on b curl -sSk --max-time 30 --resolve "*:7777:127.0.0.1" https://web.a.overlay:7777/page
check "status says that there is none" status_is b "s['trust']" None
check "trust --print prints a certificate" shows 'BEGIN CERTIFICATE' ov b trust --print
check "its key is closed to others" prints 600 stat -c %a "$T/b/ca.key"
check "status names it" status_is b "s['trust']['suffix']" overlay
limits() { openssl x509 -in "$CA" -noout -ext nameConstraints,basicConstraints,keyUsage; }
check "it is good for the suffix alone" shows 'Name Constraints: critical' limits
check "for no address" shows 'IP:0.0.0.0/0.0.0.0' limits
check "and for no authority below it" shows 'CA:TRUE, pathlen:0' limits

# forged SUBJECT-ALT-NAME: what OpenSSL says of a certificate that a thief of the key has signed.
forged() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
    -subj /O=Thief -out "$T/forged.csr" 2>/dev/null
  openssl x509 -req -in "$T/forged.csr" -CA "$CA" -CAkey "$T/b/ca.key" -days 5 -set_serial 7 \
    -extfile <(echo "subjectAltName=$1") -out "$T/forged.crt" 2>/dev/null
  openssl verify -CAfile "$CA" "$T/forged.crt" 2>&1
}
check "OpenSSL believes its key about the suffix" shows ': OK' forged DNS:alice.overlay
check "about no other host" shows 'permitted subtree violation' forged DNS:example.com
check "and about no address" shows 'excluded subtree violation' forged IP:127.0.0.1
check "nor one of IPv6" shows 'excluded subtree violation' forged IP:::1
check "nor mail" shows 'permitted subtree violation' forged email:a@example.com

check "a page by https" prints "over TLS" https web.a.overlay /page
check "by the peer's own name" prints "over TLS" https a.overlay /page
check "by its id" prints "over TLS" https "web.${IDS[a]}.overlay" /page
check "in any letter case" prints "over TLS" https WEB.A.overlay /page
check "plain http at the same port goes on" prints "over TLS" http
check "by TLS 1.2 too" prints "over TLS" https web.a.overlay /page --tls-max 1.2
check "1.1 is refused" exits 35 -- https web.a.overlay /page --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0
check "a name that nobody has gets no certificate" exits 35 'unrecognized' -- https web.nobody.overlay /page
check "nor does one elsewhere" exits 35 'unrecognized' -- https example.com /page
check "nor an address" exits 35 'unrecognized' -- \
  through https://127.0.0.1:7777/page
check "a Host of another name than the certificate's is a 421" prints 421 \
  https web.a.overlay /page -o /dev/null -w '%{http_code}' -H 'Host: localhost:7777'
check "an Origin of https of the same peer passes" prints "over TLS" \
  https web.a.overlay /page -H 'Origin: https://chat.a.overlay:7777'
check "an Origin of another site does not" prints 421 \
  https web.a.overlay /page -o /dev/null -w '%{http_code}' -H 'Origin: https://example.com'
check "the service is told that it was https" shows '"X-Forwarded-Proto", "https"' https shown.a.overlay /x
check "and by nobody else" lacks 'X-Forwarded-Proto", "http"' \
  https shown.a.overlay /x -H 'X-Forwarded-Proto: http'
check "through CONNECT to port 443" prints "over TLS" \
  through -x http://127.0.0.1:7777 https://web.a.overlay/page
check "and the answer keeps the page away from this machine" shows 'treat-as-public-address' \
  through -x http://127.0.0.1:7777 -D - -o /dev/null https://web.a.overlay/page
check "through SOCKS to port 443" prints "over TLS" \
  through --socks5-hostname 127.0.0.1:7777 https://web.a.overlay/page
check "CONNECT to a peer's port that is no https stays a tunnel" shows '"path": "/y"' \
  on b curl -sS --max-time 30 -p -x http://127.0.0.1:7777 http://a.overlay:3001/y
check "64 MiB come through unharmed" prints "$SUM  -" \
  eval "https web.a.overlay /file | sha256sum"
took() {
  local begin
  begin=$(date +%s%N)
  "$@" | cat >/dev/null
  echo $((($(date +%s%N) - begin) / 1000000))
}
echo "# 64 MiB: $(took https web.a.overlay /file) ms by https, $(took on b curl -sS --max-time 60 \
  http://web.a.overlay.localhost:7777/file) ms by http"
check "a WebSocket within TLS" shows 'closed' \
  client b websocket-ask-tls 127.0.0.1 7777 chat.a.overlay:7777 "$CA" hello "second message"
connections() { https web.a.overlay "/page?[1-50]" -o /dev/null -w '%{num_connects}\n' | sort -n | tail -n 1; }
check "fifty requests share a connection" prints 1 connections

# Bytes that are no TLS behind a first byte that looks so, and connections that say nothing more.
garbage() { on b bash -c 'exec 3<>/dev/tcp/127.0.0.1/7777; printf "\026\003\001\000\005\001\000\000\001x" >&3; timeout 5 cat <&3 >/dev/null'; }
check "garbage is turned away" garbage
crowd() {
  on b timeout 60 "$PYTHON" - <<'END'
import socket
held = []
for i in range(200):
    s = socket.create_connection(("127.0.0.1", 7777))
    s.sendall(b"\x16\x03\x01\x02\x00\x01")
    held.append(s)
open_ = 0
for s in held:
    s.settimeout(0.05)
    try:
        open_ += s.recv(1) != b""
    except TimeoutError:
        open_ += 1
    except ConnectionResetError:
        pass
print(open_)
END
}
check "of two hundred handshakes that do not go on sixty-four are waited for" prints 64 crowd
check "and then others are served again" within 15 prints "over TLS" https web.a.overlay /page

# ---- port 443 of a peer's own address ----

ask() { on b dig @127.0.0.1 -p 5354 +tries=1 +time=3 "$@"; }
check "type 65 stays empty while https is not at the address" shows 'ANSWER: 0,' ask web.a.overlay TYPE65
ip -n "$PREFIX-b" route add local 198.19.0.0/16 dev lo
pool() { status_is b "s['setup']['$1']" True; }
within 10 pool active || die "no addresses of peers"
check "also not while nothing leads there" shows 'ANSWER: 0,' ask web.a.overlay TYPE65
on b nft -f - <<'END' || die "nft refused the rules"
table ip overlay {
  chain output {
    type nat hook output priority -100
    ip daddr 198.19.0.0/16 meta l4proto tcp redirect to :7790
  }
}
END
ov b config reload >/dev/null
within 10 pool redirected || die "no redirection"
at=$(ask +short a.overlay A)
# own NAME PATH [ARGS..]: at the peer's own address.
own() {
  local name=$1 path=$2
  shift 2
  on b curl -sS --max-time 30 --cacert "$CA" --resolve "*:443:$at" "$@" "https://$name$path"
}
check "https at the peer's own address" prints "over TLS" own web.a.overlay /page
check "and by the peer's bare name its web service" prints "over TLS" own a.overlay /page
ov b name other "$("$OVERLAY" --home "$T/other" id)" >/dev/null
check "the certificate of another peer is not given there" exits 35 'unrecognized' -- own web.other.overlay /page
check "now there is an HTTPS record" shows 'ANSWER: 1,' ask web.a.overlay TYPE65
check "and open prints the URL" shows 'https://web.a.overlay/' ov b open web.a
check "the record says no more than that" prints '\# 3 000100' ask +short +unknownformat web.a.overlay TYPE65
serve a 7443 echo
ov a share 7443 --as mine --port 443 --public >/dev/null
check "a peer that shares port 443 has it to itself" within 10 prints hi client b ask "$at" 443 hi
check "and then there is no such record" shows 'ANSWER: 0,' ask web.a.overlay TYPE65
ov a close mine >/dev/null
within 10 own web.a.overlay /page

kill_gateway b
gateway b
check "after a restart it is the same authority" prints "over TLS" https web.a.overlay /page
cp "$T/b/ca.key" "$T/ca.key.kept"
echo moon >"$T/b/ca.key"
kill_gateway b
gateway b
check "a broken key is named, and the gateway runs" grep -q 'b/ca.key: it holds no private key' "$T/b.log"
check "doctor says so" shows 'problem.*https is not spoken' ov b doctor
check "trust says so too" exits 1 'ca.key' -- ov b trust --print
cp "$T/ca.key.kept" "$T/b/ca.key"
check "once it is repaired, trust takes it" ov b trust --print
check "and https is back" prints "over TLS" https web.a.overlay /page

# ---- what believes it ----

# The system's store is one of our own, on top of what is there.
mkdir -p "$T/home/.config/chromium" "$T/home/.mozilla/firefox/one.default"
certutil -N --empty-password -d "sql:$T/home/.mozilla/firefox/one.default" || die "no certutil"
printf '[Profile0]\nName=default\nIsRelative=1\nPath=one.default\n' >"$T/home/.mozilla/firefox/profiles.ini"
cat >"$T/room.sh" <<'END'
mkdir -p "$T/etc" "$T/etc.work" "$T/share" "$T/share.work"
mount --make-rprivate /
mount -t tmpfs tmpfs "$T/etc" && mkdir "$T/etc/up" "$T/etc/work" "$T/etc/up2" "$T/etc/work2"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$T/etc/up,workdir=$T/etc/work" /etc
mount -t overlay overlay \
  -o "lowerdir=/usr/local/share/ca-certificates,upperdir=$T/etc/up2,workdir=$T/etc/work2" \
  /usr/local/share/ca-certificates
sleep 600
END
export T
server b room unshare --mount bash "$T/room.sh"
ROOM=$SERVER
room_ready() { nsenter -t "$ROOM" -m mountpoint -q /usr/local/share/ca-certificates; }
within 10 room_ready || die "no room for the system's store"
in_room() { nsenter -t "$ROOM" -m -n timeout 60 env HOME="$T/home" "$@"; }
run() { in_room "$OVERLAY" --home "$T/b" "$@"; }
nss() { certutil -L -d "sql:$T/home/$1"; }
check "doctor sees who does not believe it" shows 'note.*chromium does not believe' run doctor
check "trust --dry-run prints the steps" shows 'certutil -A -d sql:.*one.default' run trust --dry-run
check "and does nothing" fails ls "$T/home/.pki"
check "trust" run trust
check "Chromium's store has it, made for that" shows 'overlay-.* C,,' nss .pki/nssdb
check "each profile of Firefox too" shows 'overlay-.* C,,' nss .mozilla/firefox/one.default
check "and the system's" prints "over TLS" \
  in_room curl -sS --max-time 30 --resolve '*:7777:127.0.0.1' https://web.a.overlay:7777/page
check "doctor sees who believes it" shows 'ok.*firefox believes' run doctor
check "and how long it is good" shows 'good for 7[0-9][0-9] days' run doctor
check "again, it is so already" shows 'is so already' run trust
check "its file is root's, and for everybody to read" prints "0 644" \
  in_room sh -c 'stat -c "%u %a" /usr/local/share/ca-certificates/overlay-*.crt'
without_certutil() {
  in_room unshare --mount sh -c 'mount --bind /dev/null "$(command -v certutil)"
    exec "$0" --home "$T/b" trust --browsers' "$OVERLAY"
}
check "without certutil the package is named" exits 1 'libnss3-tools' -- without_certutil

# By sudo: the certificate is a user's, who must be the file's owner.
SOMEBODY=$(getent passwd 1000 61001 nobody | head -n 1 | cut -d : -f 1)
mkdir "$T/theirs"
cp "$CA" "$T/theirs/ca.crt"
sudo_trust() { in_room env SUDO_USER="$SOMEBODY" "$OVERLAY" --home "$T/theirs" "$@"; }
check "sudo trust refuses a file that is not the user's" exits 1 'not a file of that user' -- sudo_trust trust
chown "$SOMEBODY" "$T/theirs/ca.crt"
check "and takes one that is" sudo_trust trust --dry-run
check "it keeps away from the user's browsers" exits 2 'without sudo' -- sudo_trust trust --browsers
mv "$T/theirs/ca.crt" "$T/theirs/real.crt" && ln -s real.crt "$T/theirs/ca.crt"
check "a link is not followed" exits 1 -- sudo_trust trust
rm "$T/theirs/ca.crt"
openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN=evil -days 2 \
  -out "$T/theirs/ca.crt" 2>/dev/null
chown "$SOMEBODY" "$T/theirs/ca.crt"
check "an authority without limits is not installed" exits 1 'not limited|none below' -- sudo_trust trust
cat "$CA" "$T/theirs/ca.crt" >"$T/theirs/both.crt" && mv "$T/theirs/both.crt" "$T/theirs/ca.crt"
chown "$SOMEBODY" "$T/theirs/ca.crt"
check "nor one behind an authority with limits" exits 1 'besides one certificate' -- sudo_trust trust

cp "$CA" "$T/kept.crt"
check "untrust" run untrust
check "leaves nothing in Chromium's store" lacks 'overlay-' nss .pki/nssdb
check "nor in Firefox's" lacks 'overlay-' nss .mozilla/firefox/one.default
check "nor in the system's" prints '' in_room find /usr/local/share/ca-certificates /etc/ssl/certs \
  -name 'overlay-*' -o -lname '*overlay-*'
check "neither key nor certificate" prints '' find "$T/b" -name 'ca.*'
CA=$T/kept.crt
check "and no https" exits 35 -- https web.a.overlay /page
check "but http" prints "over TLS" http
for host in a b; do
  ov "$host" stop >/dev/null
done
finish
