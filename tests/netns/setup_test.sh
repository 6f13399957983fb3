#!/usr/bin/env bash
# `overlay setup` on a real kernel and real files, which are this story's own: what it makes, what
# `unsetup` leaves, and what is left when setup is killed at any of its steps. With systemd-resolved
# (installed, or unpacked from its package) names go through it; else through nsswitch.conf.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
mkdir "$T/room"

# A room on b: /etc, /var/lib and /run are copies. In it a module that setup can find: what it
# answers is for another story.
cat >"$T/room.sh" <<'END'
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
cp -a /etc "$1/etc"
mkdir "$1/varlib" "$1/run" "$1/bin" "$1/work" "$1/lib"
mount --bind "$1/etc" /etc
mount --bind "$1/varlib" /var/lib
mount -t tmpfs tmpfs /run
rm -f /etc/resolv.conf
echo 'nameserver 192.0.2.53' >/etc/resolv.conf
printf 'passwd: files\nhosts:          files dns # as it was\n' >/etc/nsswitch.conf
[ ! -e "$2" ] || mount -t overlay overlay \
  -o "lowerdir=$2/usr/bin:/usr/bin,upperdir=$1/bin,workdir=$1/work" /usr/bin
echo "$1/lib" >/etc/ld.so.conf.d/overlay-story.conf
cp "$3" "$1/lib/libnss_overlay.so.2"
ldconfig
touch "$1/ready"
exec sleep infinity
END

# systemd-resolved, from the system or unpacked from its package, which apt brings.
resolved=$T/resolved
unpack_resolved() {
  [ -x /usr/lib/systemd/systemd-resolved ] && return 0
  mkdir -p "$resolved"
  (cd "$resolved" && timeout 60 apt-get download systemd-resolved && dpkg -x systemd-resolved*.deb .) \
    >"$T/apt.log" 2>&1
}
command -v dbus-daemon >/dev/null && unpack_resolved || rm -rf "$resolved"

module=$ROOT/build/release/libnss_overlay.so.2
[ -e "$module" ] || {
  module=$T/libnss_overlay.so.2
  echo 'int overlay_is_here;' |
    ${CC:-gcc} -shared -fPIC -x c - -o "$module" -Wl,-soname,libnss_overlay.so.2 ||
    die "no compiler for a module"
}

server b room unshare --mount bash "$T/room.sh" "$T/room" "$resolved" "$module"
ROOM=$SERVER
in_room() { nsenter -t "$ROOM" -m -n "$@"; }
within 20 in_room test -e "$T/room/ready" || die "no room with files of its own"

setup() { in_room timeout 60 "$OVERLAY" --home "$T/b" "$@"; }
# Everything of the machine that setup may change. The number of a device's index is the kernel's.
snapshot() {
  in_room ip -o -4 address show
  # A cable that was made a moment ago has its carrier a moment later.
  in_room ip -o link show |
    sed -E 's/^[0-9]*: //; s/NO-CARRIER,//; s/,LOWER_UP//; s/ (state|qdisc) [A-Za-z]+//g'
  in_room ip -4 route show table all | sed "s/ linkdown//"
  in_room ip -4 rule show
  in_room nft list ruleset
  # The loader's cache and what runs in /run is not ours.
  in_room find /etc /var/lib /run -xdev -not -path '/run/systemd/resolve*' -not -path '/run/dbus*' \
    -printf '%p %y %m %u %g %l\n' | sort
  in_room sha256sum /etc/nsswitch.conf /etc/resolv.conf
}
unchanged() { diff "$T/before" <(snapshot); }

gateway a
mkdir "$T/www"
echo 'the page of alice' >"$T/www/page"
server a www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7701
within 10 listening a 7701 || die "no web server"
ov a share 7701 --as web --port 80 --public >/dev/null
snapshot >"$T/before"

# ---- what it makes ----

check "a dry run changes nothing" shows 'undone by: nft delete table ip overlay' setup setup --dry-run
check "really" unchanged
check "who is not root is told how" exits 4 'sudo overlay setup' -- \
  in_room setpriv --reuid 65534 --clear-groups "$OVERLAY" --home "$T/b" setup
printf '[setup]\npool = 192.0.0.0/16\n' >"$T/clash.conf"
check "a pool that is in use is refused, with who uses it" exits 1 'the address 192.0.2.2/24 of' -- \
  setup --config "$T/clash.conf" setup
check "setup does what it says" exits 0 -- setup setup
check "the pool is local" shows '^local 198.19.0.0/16 dev lo' in_room ip route show table local
check "the gateway has an address in it" shows 'inet 198.19.0.1/32' in_room ip -4 address show overlay0
check "its ports lead to one" shows 'ip daddr 198.19.0.0/16 .*redirect to :7790' \
  in_room nft list table ip overlay
check "look-ups ask the module behind the hosts file" \
  shows '^hosts:          files overlay \[NOTFOUND=return\] dns # as it was$' in_room cat /etc/nsswitch.conf
check "resolv.conf is as it was" prints 'nameserver 192.0.2.53' in_room cat /etc/resolv.conf
check "a second setup finds all of it" shows 'word .*is so already' setup setup
check "unsetup takes it back" shows 'ip link delete overlay0' setup unsetup
check "and leaves no trace" unchanged
check "a second one finds nothing" exits 0 'nothing to remove' -- setup unsetup

# ---- what somebody else does meanwhile ----

setup setup >/dev/null 2>&1
in_room sed -i 's/^passwd: files$/passwd: files ldap/' /etc/nsswitch.conf
setup unsetup >/dev/null 2>&1
check "what was written into nsswitch.conf meanwhile stays" \
  prints "$(printf 'passwd: files ldap\nhosts:          files dns # as it was')" \
  in_room cat /etc/nsswitch.conf
in_room sed -i 's/^passwd: files ldap$/passwd: files/' /etc/nsswitch.conf
setup setup >/dev/null 2>&1
in_room rm /var/lib/overlay-setup/journal
check "without its journal unsetup finds everything as well" exits 0 -- setup unsetup
check "and leaves nothing" unchanged

# ---- killed at any step ----

# Tools that kill who called them, before or after their work, at call number $T/kill.
for tool in ip nft; do
  real=$(readlink -f "$(command -v $tool)")
  cp "$real" "$T/real-$tool"
  cat >"$T/fake-$tool" <<END
#!/bin/bash
read -r at when <"$T/kill"
n=\$((\$(cat "$T/calls") + 1))
echo \$n >"$T/calls"
[ "\$n" != "\$at" ] || [ "\$when" != before ] || kill -KILL \$PPID
"$T/real-$tool" "\$@"
code=\$?
[ "\$n" != "\$at" ] || [ "\$when" != after ] || kill -KILL \$PPID
exit \$code
END
  chmod +x "$T/fake-$tool"
  in_room mount --bind "$T/fake-$tool" "$real"
done

# Until a setup comes to its end. Not killed, unsetup must not see the fakes' counting.
killed_everywhere() {
  local when=$1 n code=137
  for ((n = 1; n < 60 && code == 137; n++)); do
    echo 0 >"$T/calls"
    echo "$n $when" >"$T/kill"
    setup setup >"$T/out" 2>&1
    code=$?
    echo 0 none >"$T/kill"
    setup unsetup >>"$T/out" 2>&1 || { echo "call $n: unsetup failed"; cat "$T/out"; return 1; }
    unchanged || { echo "call $n"; cat "$T/out"; return 1; }
  done
  echo "killed at $((n - 2)) calls, then exit code $code"
  [ "$code" -eq 0 ] && [ "$n" -gt 8 ]
}
check "killed before any call of a tool, setup leaves nothing that unsetup does not find" \
  killed_everywhere before
check "nor killed after any" killed_everywhere after
for tool in ip nft; do
  in_room umount "$(readlink -f "$(command -v $tool)")"
done

# A tool that fails: what was done is undone at once.
printf '#!/bin/bash\ncase "$*" in *"set overlay0 up"*) echo "no, not today" >&2; exit 3;; esac\nexec "%s" "$@"\n' \
  "$T/real-ip" >"$T/fake-ip"
in_room mount --bind "$T/fake-ip" "$(readlink -f "$(command -v ip)")"
check "a tool that fails is shown with what it says" \
  exits 1 'ip link set overlay0 up: exit code 3: no, not today' -- setup setup
in_room umount "$(readlink -f "$(command -v ip)")"
check "and what was done before it is undone" unchanged

# ---- with a gateway, by the module ----

background() {
  local name=$1
  shift
  nsenter -t "$ROOM" -m -n "$@" >"$T/$name.log" 2>&1 </dev/null &
  PIDS+=($!)
}
background gateway-b "$OVERLAY" --home "$T/b" daemon
GATEWAY=${PIDS[-1]}
within 10 setup status || die "the gateway of b did not get ready"
setup peer add "${IDS[a]}" --alias alice --address "192.0.2.1:$(udp_port a)" >/dev/null 2>&1
in_room sed -i 's/^nameserver .*/nameserver 127.0.0.9/' /etc/resolv.conf
setup setup >/dev/null 2>&1
fetch() { in_room curl -sS --noproxy '*' --max-time 10 http://web.alice.overlay/page; }
if [ "$module" != "$T/libnss_overlay.so.2" ]; then
  check "by the module a name is an address of the pool" within 10 \
    shows '^198\.19\.' in_room getent ahostsv4 web.alice.overlay
  check "and programs get there by the name alone" prints 'the page of alice' fetch
fi
setup unsetup >/dev/null 2>&1
in_room sed -i 's/^nameserver .*/nameserver 192.0.2.53/' /etc/resolv.conf
check "what is left is nothing" unchanged

# ---- with systemd-resolved ----

[ -x "$resolved/lib/systemd/systemd-resolved" ] || [ -x /usr/lib/systemd/systemd-resolved ] || {
  echo "# systemd-resolved is neither here nor to be had: not tested with it"
  finish
}
daemon=/usr/lib/systemd/systemd-resolved
[ -x $daemon ] || daemon=$resolved/lib/systemd/systemd-resolved

# A name server of the network, which knows every name but ours.
cat >"$T/upstream.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.2", 5399))
while True:
    q, who = s.recvfrom(2000)
    n = 12
    while q[n]:
        n += q[n] + 1
    print(q[12:n], flush=True)
    a = b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\xcb\0\x71\x4d"
    ours = q[12:n].endswith(b"overlay")
    known = q[n + 1:n + 3] == b"\0\1" and not ours
    s.sendto(q[:2] + b"\x81" + bytes([0x83 if ours else 0x80]) + b"\0\1\0" + bytes([known]) + b"\0\0\0\0" + q[12:n + 5] + a * known, who)
END
in_room mkdir -p /run/dbus /run/systemd /etc/dbus-1/system.d /etc/systemd/resolved.conf.d
in_room bash -c "getent passwd systemd-resolve >/dev/null ||
  echo 'systemd-resolve:x:991:991::/:/usr/sbin/nologin' >>/etc/passwd
getent group systemd-resolve >/dev/null || echo 'systemd-resolve:x:991:' >>/etc/group
[ ! -d '$resolved/usr' ] || cp '$resolved'/usr/share/dbus-1/system.d/*.conf /etc/dbus-1/system.d/
printf '[Resolve]\nDNS=192.0.2.2:5399\nDNSSEC=no\n' >/etc/systemd/resolved.conf.d/story.conf
echo 'nameserver 127.0.0.53' >/etc/resolv.conf"
background upstream "$PYTHON" "$T/upstream.py"
background dbus dbus-daemon --system --nofork --nopidfile
within 10 in_room test -S /run/dbus/system_bus_socket
background resolved $daemon
query() { in_room timeout 20 resolvectl --no-pager query "$@"; }
within 20 in_room resolvectl status || die "systemd-resolved does not run"
snapshot >"$T/before"

names_resolve() { query web.alice.overlay | grep -Eo '198\.19\.[0-9]+\.[0-9]+'; }

doctor() { setup doctor; }
check "doctor says that names are not everywhere yet, and how" within 20 \
  shows 'sudo overlay setup, once, for http://alice.overlay/' doctor
in_room resolvectl flush-caches
: >"$T/upstream.log"
check "setup tells systemd-resolved" shows 'resolvectl domain overlay0 ~overlay' setup setup
check "the module is not needed then" \
  shows '^hosts:          files dns # as it was$' in_room cat /etc/nsswitch.conf
check "a name is an address of the pool" within 10 names_resolve
check "a name that is none is refused" fails query nobody.overlay
in_room resolvectl dnssec overlay0 yes
in_room resolvectl flush-caches
check "names resolve where signatures are demanded, too" within 10 names_resolve
check "names of others are asked where they were" shows '203\.0\.113\.77' query www.example.com
check "nothing of ours reached the network's name server" fails grep -q overlay "$T/upstream.log"
fetch() { in_room curl -sS --noproxy '*' --max-time 10 http://web.alice.overlay/page; }
check "doctor finds that programs resolve them" \
  shows '^ok +names in .overlay resolve in every program: alice.overlay is 198\.19\.' doctor
check "and that systemd-resolved asks us" shows '^ok +systemd-resolved at 127.0.0.53 asks' doctor
check "and who holds port 53" shows 'UDP port 53 is held by systemd-resolve' doctor
check "and that browsers count the pool as public" shows '198.19.0.0/16 counts as public' doctor
check "and the proxy" shows 'http://127.0.0.1:7777/proxy.pac' doctor
in_room mkdir -p /etc/chromium/policies/managed
in_room bash -c 'echo "{\"DnsOverHttpsMode\": \"secure\"}" >/etc/chromium/policies/managed/doh.json'
check "a browser that asks a resolver of its own is noted" shows 'DnsOverHttpsMode' doctor
in_room rm -r /etc/chromium/policies
in_room sed -i /complete/d /var/lib/overlay-setup/journal
check "a setup that was interrupted is a problem" exits 1 'sudo overlay unsetup' -- doctor
check "programs get there by the name alone" prints 'the page of alice' fetch
check "also at the peer's own" shows 'the page of alice|web.alice.overlay' \
  in_room curl -sSL --noproxy '*' --max-time 10 http://alice.overlay/page
check "unsetup takes that back" exits 0 -- setup unsetup
check "names are unknown again" fails names_resolve
check "those of others are not" shows '203\.0\.113\.77' query www.example.com
kill "$GATEWAY"
within 10 gone "$GATEWAY"
check "and nothing is left" unchanged
finish
