#!/usr/bin/env bash
# `overlay setup` where systemd is the service manager: the gateway as its user's service, with its
# sockets, after a restart of the machine too; and nothing of it after `unsetup`. The machine is a
# systemd of this story's own, with copies of /etc and /var/lib.
. "$(dirname "$0")/lib.sh"

[ -x /usr/lib/systemd/systemd ] || {
  echo "# systemd is not installed: not tested with it"
  finish
}
hosts a first second # a machine's network is made anew when it starts
cable a 192.0.2.1 first 192.0.2.2
cable a 198.51.100.1 second 198.51.100.2

# ---- a machine ----

M=$T/machine
mkdir -p "$M/bin"
chmod 755 "$M"
cp -a /etc "$M/etc"
mkdir "$M/lib" "$M/modules"
mkdir "$M/home"
install -d -o 1234 -g 1234 "$M/home/alice"
install -m 755 "$OVERLAY" "$M/bin/overlay"
rm -rf "$M"/etc/systemd/system/* "$M/etc/resolv.conf" "$M/etc/machine-id"
: >"$M/etc/fstab"
echo 0123456789abcdef0123456789abcdef >"$M/etc/machine-id"
echo 'nameserver 192.0.2.53' >"$M/etc/resolv.conf"
echo 'alice:x:1234:1234::/home/alice:/bin/sh' >>"$M/etc/passwd"
echo 'alice:x:1234:' >>"$M/etc/group"
printf 'passwd: files\nhosts:          files dns # as it was\n' >"$M/etc/nsswitch.conf"
# Nothing of this host's starts there.
for unit in /usr/lib/systemd/system/*.target.wants/*; do
  ln -sf /dev/null "$M/etc/systemd/system/${unit##*/}"
done
printf '[Unit]\nDescription=story\nWants=multi-user.target sockets.target\n' \
  >"$M/etc/systemd/system/story.target"
module=$ROOT/build/release/libnss_overlay.so.2
if [ -e "$module" ]; then
  cp "$module" "$M/modules/"
else
  echo 'int overlay_is_here;' | ${CC:-gcc} -shared -fPIC -x c - \
    -o "$M/modules/libnss_overlay.so.2" -Wl,-soname,libnss_overlay.so.2 ||
    die "no compiler for a module"
fi
echo "$M/modules" >"$M/etc/ld.so.conf.d/overlay-story.conf"

cat >"$T/boot.sh" <<'END'
set -e
mount --make-rprivate /
mount --bind "$1/etc" /etc
mount --bind "$1/lib" /var/lib
mount --bind "$1/home" /home
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ldconfig
export container=story
exec /usr/lib/systemd/systemd --system --unit=story.target --log-target=console --show-status=no
END

# What of this host cannot start there may fail.
runs() { in_machine systemctl is-system-running | grep -Eq '^(running|degraded)$'; }
# boot HOST: its first process is in $INIT
boot() {
  server "$1" "boot-$1" unshare --pid --fork --kill-child --mount --cgroup --uts --ipc \
    bash "$T/boot.sh" "$M"
  BOOTED=$SERVER
  within 10 pgrep -P "$BOOTED" || die "no machine"
  INIT=$(pgrep -P "$BOOTED")
  within 20 runs || {
    in_machine systemctl is-system-running
    in_machine systemctl --no-pager list-jobs
    die "the machine does not get to run"
  }
}
in_machine() { nsenter -t "$INIT" -m -n -p -i -u -C "$@"; }
as_alice() {
  in_machine setpriv --reuid 1234 --regid 1234 --clear-groups env HOME=/home/alice \
    timeout 60 "$M/bin/overlay" "$@"
}
sudo_alice() { in_machine env SUDO_USER=alice timeout 60 "$M/bin/overlay" "$@"; }
active() { in_machine systemctl is-active --quiet "$@"; }
snapshot() {
  find "$M/etc" "$M/lib" -not -name ld.so.cache -printf '%p %y %m %u %l\n' | sort
  sha256sum "$M/etc/nsswitch.conf" "$M/etc/resolv.conf"
  # A cable that was made a moment ago has its carrier a moment later.
  in_machine ip -o link show |
    sed -E 's/^[0-9]*: //; s/NO-CARRIER,//; s/,LOWER_UP//; s/ (state|qdisc) [A-Za-z]+//g'
  in_machine ip -4 route show table all | sed "s/ linkdown//"
  in_machine nft list ruleset
  in_machine find /run/overlay /run/systemd/transient -printf '%p\n' 2>/dev/null
}

gateway a
mkdir "$T/www"
echo 'the page of alice' >"$T/www/page"
server a www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7701
within 10 listening a 7701 || die "no web server"
ov a share 7701 --as web --port 80 --public >/dev/null 2>&1

# ---- set up ----

boot first
snapshot >"$T/before"
check "without a gateway of the user it says what to do" exits 1 'overlay id' -- sudo_alice setup
id=$(as_alice id)
as_alice peer add "${IDS[a]}" --alias bob --address "192.0.2.1:$(udp_port a)" \
  --address "198.51.100.1:$(udp_port a)" >/dev/null 2>&1
as_alice ping bob -c 1 >/dev/null 2>&1 # starts one by hand
check "setup takes the running gateway over" exits 0 'starts again as a service' -- sudo_alice setup
check "it is a service now" active overlay-gateway.service
check "of its user" prints alice in_machine systemctl show -P User overlay-gateway.service
check "with the same identity" prints "$id" as_alice id
check "and without any privilege" shows '^CapEff:[[:space:]]0*$' in_machine bash -c \
  'cat /proc/$(systemctl show -P MainPID overlay-gateway.service)/status'
check "its DNS port is systemd's" active overlay-dns.socket
check "so is the socket of names, open to everybody" \
  prints 666 in_machine stat -c %a /run/overlay/names.sock
check "and the port that the rules lead to, on loopback alone" \
  shows '0.0.0.0%lo:7790' in_machine ss -Hlnt
check "the pool is local" shows '^local 198.19.0.0/16' in_machine ip route show table local
fetch() {
  local at
  at=$(in_machine dig @127.0.0.1 -p 5354 +short +tries=1 +time=3 bob.overlay A)
  in_machine curl -sS --noproxy '*' --max-time 10 --resolve "web.bob.overlay:80:$at" \
    http://web.bob.overlay/page
}
fetched_page() { [ "$(fetch)" = 'the page of alice' ]; }
check "and a peer's page is at its address, port 80" within 15 fetched_page
check "a second setup goes through" exits 0 -- sudo_alice setup
check "and the gateway runs on" within 10 active overlay-gateway.service
in_machine systemctl stop overlay-gateway.service 2>/dev/null
check "who looks a name up starts a gateway that had been stopped" \
  shows '198\.19\.' in_machine dig @127.0.0.1 -p 5354 +short +tries=1 +time=8 bob.overlay A

# While somebody else has the proxy's port, which is to be this one.
printf '[proxy]\nlisten = 127.0.0.1:7777\n' >>"$M/home/alice/.local/state/overlay/overlay.conf"
in_machine systemctl stop overlay-gateway.service 2>/dev/null
server first taker setpriv --reuid 1235 --regid 1235 --clear-groups \
  "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7777
TAKER=$SERVER
within 10 listening first 7777 || die "nobody takes the port"
for _ in 1 2 3 4 5 6 7; do
  in_machine systemctl start overlay-gateway.service 2>/dev/null
done
keeps_ports() { active overlay-pool.socket && active overlay-dns.socket && active overlay-names.socket; }
check "a gateway that cannot start leaves none of its ports to others" keeps_ports
kill "$TAKER"
check "and starts as soon as it can" within 15 active overlay-gateway.service

# ---- the machine starts again ----

kill -9 "$INIT"
within 10 gone "$BOOTED"
boot second
check "after a restart of the machine the pool is local again" within 10 \
  shows '^local 198.19.0.0/16' in_machine ip route show table local
check "its ports lead to the gateway" shows 'redirect to :7790' in_machine nft list table ip overlay
check "the gateway runs" within 10 active overlay-gateway.service
check "and a peer's page is where it was" within 15 fetched_page

# ---- and back ----

check "unsetup takes everything back" exits 0 -- sudo_alice unsetup
check "no unit of it is loaded" lacks 'overlay-' in_machine systemctl list-units --all --plain 'overlay-*'
# The addresses of the second network differ; all else is as it was on the first.
same_machine() { diff <(sed 's/192\.0\.2\./NET./g' "$T/before" | grep -v 'v[0-9]*@\|dev v') \
  <(snapshot | sed 's/198\.51\.100\./NET./g' | grep -v 'v[0-9]*@\|dev v') | sed "s/NET/net/"; }
check "and nothing is left" prints '' same_machine
finish
