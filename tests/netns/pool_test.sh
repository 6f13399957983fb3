#!/usr/bin/env bash
# Tier 3: every peer has an address of its own, with the ports it has at home. Route and packet
# filter are made by hand here, as `overlay setup` makes them.
. "$(dirname "$0")/lib.sh"

# Others may not be let into the folder of the sources: /root is closed, and many a home.
cp "$OVERLAY" "$T/overlay" && cp "$NET" "$T/net.py" && chmod 755 "$T/overlay" "$T/net.py"
OVERLAY=$T/overlay NET=$T/net.py

hosts a b n
cable a 192.0.2.1 b 192.0.2.2
cable b 198.51.100.2 n 198.51.100.3
mkdir "$T/www"
echo "a page of a" >"$T/www/index.html"
server a web "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 3000
serve a 7601 udp-echo
serve a 7622 source 100
within 10 listening a 3000
gateway a
ov a share 3000 --as web --public >/dev/null
ov a share 3000 --as plain --port 8123 --public >/dev/null
ov a share 7601 --as echo --public --udp >/dev/null
ov a share 7622 --as ssh --port 22 --public >/dev/null

# b's gateway has no privilege. DNS on port 53, as by socket activation.
as() { on b setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
mkdir "$T/b" && chown 61001:61001 "$T/b"
on b sysctl -q net.ipv4.ip_unprivileged_port_start=53
printf '[dns]\nlisten = 127.0.0.1:53\n' >"$T/b/overlay.conf"
server b b setpriv --reuid 61001 --regid 61001 --clear-groups "$OVERLAY" --home "$T/b" daemon
echo "$SERVER" >"$T/b.pid"
mine() { as 61001 timeout 30 "$OVERLAY" --home "$T/b" "$@"; }
within 10 mine status || die "no gateway of uid 61001"
mine peer add "$(ov a id)" --alias alice --address "192.0.2.1:$(udp_port a)" >/dev/null
setup() {
  mine --json status | "$PYTHON" -c "import json,sys; print(json.load(sys.stdin)['setup']$1)"
}
ask() { on b dig @127.0.0.1 +tries=1 +time=3 "$@"; }

# Programs that look names up by DNS alone.
echo 'nameserver 127.0.0.1' >"$T/resolv.conf"
echo 'hosts: files dns' >"$T/nsswitch.conf"
named() {
  local uid=$1
  shift
  on b unshare -m sh -c '
    T=$0 uid=$1
    shift
    mount --bind "$T/resolv.conf" /etc/resolv.conf
    mount --bind "$T/nsswitch.conf" /etc/nsswitch.conf
    exec setpriv --reuid "$uid" --regid "$uid" --clear-groups timeout 20 "$@"' "$T" "$uid" "$@"
}

check "without a route there are no addresses" prints False setup "['active']"
check "and names mean loopback" prints 127.0.0.1 ask +short alice.overlay A
ip -n "$PREFIX-b" route add local 198.19.0.0/16 dev lo
check "the gateway sees the route by itself" within 10 prints True setup "['active']"
at=$(ask +short alice.overlay A)
check "a peer has an address of the pool" shows '^198\.19\.' echo "$at"
address() {
  mine --json status | "$PYTHON" -c 'import json,sys; print(json.load(sys.stdin)["peers"][0]["address"])'
}
check "which status shows" prints "$at" address
check "all its names have it" prints "$at" ask +short web.alice.overlay A
check "AAAA stays empty" shows 'ANSWER: 0,' ask alice.overlay AAAA
check "so does type 65" shows 'ANSWER: 0,' ask alice.overlay TYPE65
check "the address has the name" prints alice.overlay. ask +short -x "$at"
check "an address that is nobody's has none" shows 'status: NXDOMAIN' ask -x 198.19.255.254
check "addresses outside the pool are not ours" shows 'status: REFUSED' ask -x 192.0.2.1

# Without a packet filter: the services that are known, from 1024 on.
within 10 mine open web.alice >/dev/null
check "a service is at its own port" within 10 prints "a page of a" \
  as 61001 curl -sS -m 10 "http://$at:8123/"
check "by name, too" prints "a page of a" named 61001 curl -sS -m 10 http://plain.alice.overlay:8123/
check "UDP is answered from the address that was asked" prints "5 same" \
  as 61001 "$PYTHON" "$NET" udp-ask "$at" 7601 5
check "datagrams of another user go nowhere" prints "5 lost" \
  as 61002 "$PYTHON" "$NET" udp-ask "$at" 7601 5
check "status says that port 80 is not served" prints False setup "['http']"
check "and the URL is that of the proxy" shows 'http://web.alice.overlay.localhost:' mine open web.alice

# A program that has a peer's port on all addresses.
server b taker "$PYTHON" -m http.server -b 0.0.0.0 -d "$T/www" 8124
within 10 listening b 8124
ov a share 3000 --as taken --port 8124 --public >/dev/null
check "a port that another program has is a conflict" within 10 prints '[8124]' setup "['conflicts']"
check "which the log explains" grep -q ':8124: another program has this port' "$T/b.log"

# A neighbour that knows the range and sends it our way.
ip -n "$PREFIX-n" route add 198.19.0.0/16 via 198.51.100.2
on b sysctl -q net.ipv4.conf.all.rp_filter=0 net.ipv4.ip_forward=1
refused_or_lost() { on n "$PYTHON" "$NET" udp-ask "$at" 7601 2 || true; }
check "a neighbour does not reach a service" fails on n curl -sS -m 2 "http://$at:8123/"
check "nor by UDP" lacks same refused_or_lost

# With one, every port.
on b nft -f - <<EOF
table ip overlay {
  chain output {
    type nat hook output priority -100
    ip daddr 198.19.0.0/16 meta l4proto tcp redirect to :7790
  }
}
EOF
mine config reload
check "the gateway sees the redirection" within 10 prints True setup "['redirected']"
check "http://web.alice.overlay/ is the page" prints "a page of a" \
  named 61001 curl -sS -m 10 http://web.alice.overlay/
check "so it is for the peer's bare name, by its web service" prints "a page of a" \
  named 61001 curl -sS -m 10 http://alice.overlay/
check "and the URL says so" within 5 shows 'http://web.alice.overlay/' mine open web.alice
check "a service on a low port speaks first" prints 100 \
  named 61001 "$PYTHON" -c '
import socket
print(len(socket.create_connection(("alice.overlay", 22), 10).recv(100)))'
check "high ports are redirected, too" prints "a page of a" \
  named 61001 curl -sS -m 10 http://plain.alice.overlay:8123/
check "a conflict is none any more" within 5 prints '[]' setup "['conflicts']"
check "and the port leads to the peer" prints "a page of a" \
  as 61001 curl -sS -m 10 "http://$at:8124/"
taken() { on b ss -Hltn "sport = :8123" | grep -q .; }
check "and not taken from other programs" within 5 fails taken
refused() {
  local code
  "$@"
  code=$?
  [ $code -eq 7 ] || [ $code -eq 56 ] || [ $code -eq 52 ] || { echo "exit $code"; return 1; }
}
check "another user is reset" refused as 61002 curl -sS -m 5 "http://$at:8123/"
check "and gets 403 on port 80" prints 403 \
  named 61002 curl -s -m 5 -o /dev/null -w '%{http_code}' http://web.alice.overlay/
check "an address that is nobody's is reset" refused as 61001 curl -sS -m 5 http://198.19.255.254/
check "so is a port where nothing is shared" refused as 61001 curl -sS -m 5 "http://$at:9999/"
status_of() { as 61001 curl -s -m 5 -o /dev/null -w '%{http_code}' "$@"; }
check "a Host of somebody else is refused on port 80" prints 421 \
  status_of -H 'Host: evil.example' "http://$at/"
check "and on others" prints 421 status_of -H 'Host: evil.example' "http://$at:8123/"
check "an Origin of somebody else, too" prints 421 \
  status_of -H 'Origin: http://evil.example' -H 'Host: web.alice.overlay' "http://$at/"
check "the address itself is a Host" prints 200 status_of "http://$at/"
check "a neighbour does not reach port 80" fails on n curl -sS -m 2 "http://$at/"
check "nor the port of the redirection" fails on n curl -sS -m 2 http://198.51.100.2:7790/

kill_gateway b
server b b setpriv --reuid 61001 --regid 61001 --clear-groups "$OVERLAY" --home "$T/b" daemon
echo "$SERVER" >"$T/b.pid"
within 10 mine status
check "the address is the same after a restart" prints "$at" ask +short alice.overlay A
check "and dialled anew by the first connection" prints "a page of a" \
  named 61001 curl -sS -m 10 http://web.alice.overlay/
kill_gateway b

# Without a packet filter again, but with the sockets that systemd passes.
on b nft delete table ip overlay
cat >"$T/activate.py" <<'EOF'
import os, socket, sys
fds = []
for port in (80, 443):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    s.bind(("0.0.0.0", port))
    s.listen(16)
    fds.append(s)
for i, s in enumerate(fds):
    os.dup2(s.fileno(), 10 + i)
for i in range(len(fds)):
    os.dup2(10 + i, 3 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)),
                  LISTEN_FDNAMES="pool-http:pool-https")
os.setgroups([])
os.setgid(61001)
os.setuid(61001)
os.execv(sys.argv[1], sys.argv[1:])
EOF
server b b "$PYTHON" "$T/activate.py" "$OVERLAY" --home "$T/b" daemon
echo "$SERVER" >"$T/b.pid"
within 10 mine status
check "port 80 is served by a socket that was passed" within 10 prints True setup "['http']"
check "with the page" prints "a page of a" named 61001 curl -sS -m 10 http://web.alice.overlay/
check "to its user alone" prints 403 \
  named 61002 curl -s -m 5 -o /dev/null -w '%{http_code}' http://web.alice.overlay/
check "under the peer's names alone" prints 421 status_of -H 'Host: evil.example' "http://$at/"
check "and not to a neighbour" fails on n curl -sS -m 2 http://198.51.100.2/
check "on 127.0.0.1 it is the proxy" prints "a page of a" \
  as 61001 curl -sS -m 10 http://web.alice.overlay.localhost/

ip -n "$PREFIX-b" route del local 198.19.0.0/16 dev lo
check "without the route all is as before" within 10 prints 127.0.0.1 ask +short alice.overlay A
finish
