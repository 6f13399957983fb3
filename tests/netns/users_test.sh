#!/usr/bin/env bash
# The local ports belong to the gateway's user: another user of the machine is turned away.
. "$(dirname "$0")/lib.sh"

# Others may not be let into the folder of the sources: /root is closed, and many a home.
cp "$OVERLAY" "$T/overlay" && cp "$NET" "$T/net.py" && chmod 755 "$T/overlay" "$T/net.py"
OVERLAY=$T/overlay NET=$T/net.py

hosts a b
cable a 192.0.2.1 b 192.0.2.2
mkdir "$T/www"
echo "for one user" >"$T/www/index.html"
server a web "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 3000
serve a 7601 udp-echo
within 10 listening a 3000
gateway a
ov a share 3000 --as web --public >/dev/null
ov a share 7601 --as echo --public --udp >/dev/null

# b's gateway runs as uid 61001; 61002 is somebody else.
as() { on b setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
mkdir "$T/b" && chown 61001:61001 "$T/b"
server b b setpriv --reuid 61001 --regid 61001 --clear-groups "$OVERLAY" --home "$T/b" daemon
echo "$SERVER" >"$T/b.pid"
mine() { as 61001 timeout 30 "$OVERLAY" --home "$T/b" "$@"; }
within 10 mine status || die "no gateway of uid 61001"
mine peer add "$(ov a id)" --alias a --address "192.0.2.1:$(udp_port a)" >/dev/null
web=$(mine open web.a | cut -f 2 | sed 's/.*://')
echo=$(mine open echo.a --udp | cut -f 2 | sed 's/.*://')
name=http://web.a.overlay.localhost:7777/

check "the gateway's own user is served by port" prints "for one user" \
  as 61001 curl -sS -m 10 "http://127.0.0.1:$web/"
check "and by name" prints "for one user" as 61001 curl -sS -m 10 "$name"
check "root always is" prints "for one user" on b curl -sS -m 10 "http://127.0.0.1:$web/"
# The reset may come before curl has looked at its connection (7) or while it reads (56).
was_reset() {
  local code
  as 61002 curl -sS -m 10 "http://127.0.0.1:$web/"
  code=$?
  [ $code -eq 7 ] || [ $code -eq 56 ]
}
check "another user is reset at the port" was_reset
check "and gets 403 by name" prints 403 as 61002 curl -s -m 10 -o /dev/null -w '%{http_code}' "$name"
check "and nothing through SOCKS" fails as 61002 curl -sS -m 10 --socks5-hostname 127.0.0.1:7777 \
  http://web.a.overlay/
check "its datagrams go nowhere" prints "5 lost" \
  as 61002 "$PYTHON" "$NET" udp-ask 127.0.0.1 "$echo" 5
check "those of the owner do" prints "5 same" as 61001 "$PYTHON" "$NET" udp-ask 127.0.0.1 "$echo" 5
# A caller that is gone before anyone looked must not count as root (its socket shows uid 0).
hang_up_at_once() {
  as 61002 "$PYTHON" -c "
import socket
for _ in range(50):
    s = socket.create_connection(('127.0.0.1', $web))
    s.sendall(b'GET /from-61002 HTTP/1.0\r\n\r\n')
    s.close()"
  as 61001 curl -sS -m 10 "http://127.0.0.1:$web/the-last" >/dev/null
  within 5 grep -q the-last "$T/web.log" && ! grep -q from-61002 "$T/web.log"
}
check "a caller that hangs up at once is not taken for root" hang_up_at_once
check "the control socket is closed to others" fails as 61002 "$OVERLAY" --home "$T/b" status

printf '[local]\nusers = *\n' >"$T/b/overlay.conf"
check "[local] users = * is taken over by a reload" mine config reload
check "and lets everybody in" within 5 as 61002 curl -fsS -m 10 "http://127.0.0.1:$web/"
printf '[local]\nusers = same\nnonsense\n' >"$T/b/overlay.conf"
check "a bad file changes nothing and says file:line" exits 1 'overlay\.conf:3' -- mine config reload
check "everybody is still let in" as 61002 curl -fsS -m 10 "http://127.0.0.1:$web/"
finish
