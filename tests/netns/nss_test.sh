#!/usr/bin/env bash
# Programs that look names up by the C library find those of peers by libnss_overlay, without DNS.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/names.sh"

# Others may not be let into the folder of the sources: /root is closed, and many a home.
cp "$OVERLAY" "$T/overlay" && chmod 755 "$T/overlay"
OVERLAY=$T/overlay

hosts a b
cable a 192.0.2.1 b 192.0.2.2
mkdir "$T/www"
echo "a page of a" >"$T/www/index.html"
server a web "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 3000
within 10 listening a 3000
gateway a
ov a share 3000 --as web --public >/dev/null

as() { on b setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
names_prepare b 61001
start_b() {
  server b b setpriv --reuid 61001 --regid 61001 --clear-groups "$OVERLAY" --home "$T/b" daemon
  echo "$SERVER" >"$T/b.pid"
  within 10 mine status || die "no gateway of uid 61001"
}
mine() { as 61001 timeout 30 "$OVERLAY" --home "$T/b" "$@"; }
names_route b
start_b
mine peer add "$(ov a id)" --alias alice --address "192.0.2.1:$(udp_port a)" >/dev/null

# A DNS server that is only to be noticed.
server b dns "$PYTHON" -u -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 53))
while True:
    data, who = s.recvfrom(4096)
    print('asked:', data[12:60], flush=True)
    s.sendto(data[:2] + b'\x81\x83' + data[4:6] + bytes(6) + data[12:], who)"

# sees UID CMD...: a program of some user, with the machine set up for it.
sees() {
  with_names b setpriv --reuid "$1" --regid "$1" --clear-groups timeout 20 "${@:2}"
}

check "the socket is open to every user" prints 666 stat -c %a "$T/b-names/names.sock"
check "a name has an address" shows '^198\.19\.[0-9.]+ +web\.alice\.overlay$' \
  sees 61002 getent hosts web.alice.overlay
at=$(sees 61002 getent hosts alice.overlay | cut -d ' ' -f 1)
check "the same as by DNS" prints "$at" on b dig @127.0.0.1 -p 5354 +short alice.overlay
check "for programs that take any family" shows "^$at +STREAM alice.overlay" \
  sees 61002 getent ahosts alice.overlay
check "for those that want IPv4" shows "^$at +STREAM" sees 61002 getent ahostsv4 alice.overlay
check "there is nothing for IPv6" fails sees 61002 "$PYTHON" -c '
import socket
socket.getaddrinfo("alice.overlay", 80, socket.AF_INET6)'
check "an address has a name" shows "^$at +alice\.overlay$" sees 61002 getent hosts "$at"
check "Python finds it" prints "$at" sees 61002 "$PYTHON" -c '
import socket
print(socket.getaddrinfo("web.alice.overlay", 80, type=socket.SOCK_STREAM)[0][4][0])'
check "and names it" prints alice.overlay sees 61002 "$PYTHON" -c "
import socket
print(socket.getnameinfo(('$at', 80), socket.NI_NUMERICSERV)[0])"
check "curl fetches http://web.alice.overlay/" prints "a page of a" \
  sees 61001 curl -sS -m 10 http://web.alice.overlay/
# What takes longer than 100 ms is given up, which a busy machine may bring about.
check "many at once do" within 20 prints "400 found" sees 61002 "$PYTHON" -c '
import concurrent.futures, socket
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    found = list(pool.map(lambda n: socket.gethostbyname("alice.overlay"), range(400)))
print(len([a for a in found if a == found[0]]), "found")'
check "an unknown name is unknown" fails sees 61002 getent hosts nobody.overlay
unasked() {
  truncate -s 0 "$T/dns.log"
  fails sees 61002 getent hosts nobody.overlay
  sees 61002 getent hosts alice.overlay && fails grep -q overlay "$T/dns.log"
}
check "none of this is asked of DNS" within 20 unasked
check "other names are" fails sees 61002 getent hosts www.example.com
check "as ever" grep -q 'asked:.*www.*example.*com' "$T/dns.log"
check "and localhost is what it was" shows '^(127\.0\.0\.1|::1) ' sees 61002 getent hosts localhost

silent_gateway() {
  kill -STOP "$(pid_of b)"
  sees 61002 timeout 5 getent hosts alice.overlay
  local code=$?
  kill -CONT "$(pid_of b)"
  [ $code -ne 124 ] && [ $code -ne 0 ]
}
check "a gateway that hangs delays nobody" silent_gateway
kill_gateway b
check "without a gateway names are just unknown" fails sees 61002 getent hosts alice.overlay
start_b
check "and found again as soon as there is one" shows "^$at " sees 61002 getent hosts alice.overlay
kill_gateway b KILL
start_b
check "even after one that was killed" shows "^$at " sees 61002 getent hosts alice.overlay
finish
