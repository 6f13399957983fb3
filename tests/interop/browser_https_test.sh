#!/usr/bin/env bash
# Chromium, without a window and with the authority in its own store, shows pages of a peer by https
# as it shows any: no error page, a secure context, a WebSocket. The same authority's key in a
# thief's hands opens no other site.
. "$(dirname "$0")/../netns/lib.sh"
. "$(dirname "$0")/browser.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 3000 websocket
mkdir "$T/www"
cat >"$T/www/index.html" <<'END'
<!doctype html><p id=out>waiting</p><script>
out.textContent = "secure " + isSecureContext + " by " + location.protocol;
document.cookie = "kept=1; Secure; SameSite=Strict";
out.textContent += " cookie " + document.cookie;
</script>
END
server a www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 3001
within 10 listening a 3001
gateway a
ov a share 3000 --as web --public >/dev/null
ov a share 3001 --as plain --public >/dev/null
mkdir -m 700 "$T/b"
printf '[local]\nusers = nobody\n' >"$T/b/overlay.conf"
gateway b
knows b a 192.0.2.1 >/dev/null
ov b ping a -c 1 >/dev/null

# A user of Chromium: the store is made by trust, as it would be in his own home.
mkdir -p "$T/user/.config/chromium"
trust() { on b env HOME="$T/user" "$OVERLAY" --home "$T/b" "$@"; }
check "trust puts the authority into Chromium's store" trust trust --browsers
cp "$T/b/ca.key" "$T/b/ca.crt" "$T/"
cp -r "$T/user/.pki" "$T/pki"
# show ARGS...: the page as Chromium has it in the end.
show() {
  BROWSER_PKI=$T/pki browse b --timeout=8000 --dump-dom "$@"
}
MAP='--host-resolver-rules=MAP * 127.0.0.1'
check "Chromium shows https://web.a.overlay:7777/, and its WebSocket echoes" \
  shows 'echo: over the overlay' show "$MAP" https://web.a.overlay:7777/
check "it is a secure context, and takes secure cookies" \
  shows 'secure true by https: cookie kept=1' show "$MAP" https://plain.a.overlay:7777/
check "through the proxy's automatic configuration as https://plain.a.overlay/" \
  shows 'secure true by https:' show --proxy-pac-url=http://127.0.0.1:7777/proxy.pac https://plain.a.overlay/
check "and its WebSocket, too" shows 'echo: over the overlay' \
  show --proxy-pac-url=http://127.0.0.1:7777/proxy.pac https://web.a.overlay/
check "plain http is as it was" shows 'secure false by http:' \
  show --proxy-pac-url=http://127.0.0.1:7777/proxy.pac http://plain.a.overlay/
stranger() { browse b --timeout=8000 --dump-dom "$@"; }
check "who does not believe the authority sees no page" lacks 'secure true' \
  stranger "$MAP" https://plain.a.overlay:7777/

# The thief: a server of his own, with certificates that the authority's key has signed.
forge() {
  local name=$1 port=$2
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$name.key" \
    -subj "/O=Thief" -out "$T/$name.csr" 2>/dev/null
  openssl x509 -req -in "$T/$name.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -days 5 -CAcreateserial \
    -extfile <(printf 'subjectAltName=DNS:%s' "$name") -out "$T/$name.crt" 2>/dev/null || return 1
  server b "thief-$port" openssl s_server -accept "$port" -key "$T/$name.key" -cert "$T/$name.crt" -www
  within 10 listening b "$port"
}
forge alice.overlay 7801 || die "no certificate for the thief"
forge example.com 7802 || die "no certificate for the thief"
check "with the key a page under the suffix can be forged, so the test can tell" \
  shows 's_server' show "$MAP" https://alice.overlay:7801/
check "but not one of another site" lacks 's_server' show "$MAP" https://example.com:7802/

check "untrust" trust untrust
check "leaves nothing in the store" lacks 'overlay-' certutil -L -d "sql:$T/user/.pki/nssdb"
for host in a b; do
  ov "$host" stop >/dev/null
done
finish
