#!/usr/bin/env bash
# Starting and stopping: taken ports, unreadable files, a full disk, few descriptors, SIGKILL.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2

start() { timeout 10 ip netns exec "$PREFIX-a" "$OVERLAY" --home "$T/$1" "${@:2}" daemon; }
sums() { (cd "$1" && find . -type f ! -name '*.log' ! -name lock -exec sha256sum {} + | sort); }

# ---- ports ----
server a squatter "$PYTHON" "$NET" take-port 127.0.0.1 7777 tcp
server a squatter2 "$PYTHON" "$NET" take-port 127.0.0.1 5354 udp tcp
within 5 listening a 7777 && within 5 listening a 5354
gateway a
check "a taken default port gives way to the next free one" \
  status_is a "any(l.startswith('127.0.0.1:77') and not l.endswith(':7777') for l in s['proxy']['listen'])" True
check "the DNS server's too" \
  status_is a "any(l.startswith('127.0.0.1:53') and not l.endswith(':5354') for l in s['dns']['listen'])" True
check "and it says which" grep -qE '7778' "$T/a.log"
check "a second gateway on one home is refused, naming the pid" exits 1 "$(pid_of a)" -- start a
kill_gateway a
mkdir "$T/fixed"
printf '[proxy]\nlisten = 127.0.0.1:7777\n' >"$T/fixed/overlay.conf"
check "a configured port that is taken is an error that names it" exits 1 '127\.0\.0\.1:7777' -- start fixed
printf '[gateway]\nlisten = 127.0.0.1:5354\n' >"$T/fixed/overlay.conf"
check "a configured UDP port that is taken too" exits 1 '127\.0\.0\.1:5354' -- start fixed

# ---- files ----
for n in 1 2 3 4; do cp -r "$T/a" "$T/broken$n"; done
rm -f "$T"/broken*/control.sock
head -c 20 "$T/a/identity.key" >"$T/broken1/identity.key"
printf '{"version": 1,\n "peers": [ {"id": 7 }' >"$T/broken2/registry.json"
printf '[gateway]\nport = kept\n\n[proxy]\nlisten = nowhere\n' >"$T/broken3/overlay.conf"
printf '[gateway]\nno_such_option = 1\n' >"$T/broken4/overlay.conf"
before=$(for n in 1 2 3 4; do sums "$T/broken$n"; done)
check "a damaged identity is refused, naming the file" exits 1 'identity\.key' -- start broken1
check "a damaged registry is refused with file:line" exits 1 'registry\.json:[0-9]+' -- start broken2
check "a bad value in the configuration is refused with file:line" exits 1 'overlay\.conf:5' -- start broken3
check "an unknown option is refused with file:line" exits 1 'overlay\.conf:2' -- start broken4
check "and nothing was touched" test "$before" = "$(for n in 1 2 3 4; do sums "$T/broken$n"; done)"
check "a command without a gateway refuses a damaged registry too" exits 1 'registry\.json:[0-9]+' -- \
  "$OVERLAY" --home "$T/broken2" name x "$("$OVERLAY" --home "$T/other" id)"
chmod 0644 "$T/broken3/identity.key"
check "an identity that others can read is refused" exits 1 'identity\.key' -- start broken3 --config /dev/null

# ---- SIGKILL at any time ----
id=$("$OVERLAY" --home "$T/a" id)
"$OVERLAY" --home "$T/a" name first "$("$OVERLAY" --home "$T/o0" id)" 2>/dev/null
others=()
for n in 1 2 3 4 5 6; do others+=("$("$OVERLAY" --home "$T/o$n" id)"); done
whole() {
  "$PYTHON" -c "import json; json.load(open('$T/a/registry.json'))" &&
    [ "$("$OVERLAY" --home "$T/a" id)" = "$id" ] && "$OVERLAY" --home "$T/a" config check
}
killed_often() {
  local round n
  for round in $(seq 25); do
    rm -f "$T/a/control.sock"
    ip netns exec "$PREFIX-a" "$OVERLAY" --home "$T/a" daemon >>"$T/killed.log" 2>&1 &
    local pid=$!
    sleep "0.$((RANDOM % 30 + 10))"
    for n in 1 2 3 4 5 6; do
      timeout 5 ip netns exec "$PREFIX-a" "$OVERLAY" --home "$T/a" name "n$round-$n" "${others[$((n - 1))]}" \
        >/dev/null 2>&1 &
    done
    sleep "0.0$((RANDOM % 100))"
    kill -9 $pid 2>/dev/null
    wait 2>/dev/null
    whole || { echo "round $round"; return 1; }
  done
}
check "25 times SIGKILL while it writes leave identity, registry and configuration whole" killed_often
server a squatters-gone true
gateway a
check "and the gateway starts again with all of it" prints "$id" ov a id
kill_gateway a

# ---- a full disk ----
mkdir "$T/small"
mount -t tmpfs -o size=1m,mode=700 none "$T/small" || die "cannot mount a small tmpfs"
server a small "$OVERLAY" --home "$T/small" daemon
within 10 on a "$OVERLAY" --home "$T/small" status || die "no gateway on the small disk"
small() { on a timeout 10 "$OVERLAY" --home "$T/small" "$@"; }
small name first "${others[0]}" >/dev/null
dd if=/dev/zero of="$T/small/filler" bs=4k >/dev/null 2>&1
registry=$(sha256sum <"$T/small/registry.json")
check "disk full: an error that says so" exits 1 'space' -- small name second "${others[1]}"
check "and the old registry is kept" test "$registry" = "$(sha256sum <"$T/small/registry.json")"
check "no half-written file is left" \
  test -z "$(find "$T/small" -name '*tmp*' -o -name '*.new')"
check "the gateway goes on" small status
rm "$T/small/filler"
check "with space again the same command works" small name second "${others[1]}"
kill "$SERVER" && wait "$SERVER"

# ---- few descriptors ----
serve b 7301 echo
gateway b
ov b share 7301 --as echo --public >/dev/null
server a a bash -c "ulimit -n 64; exec '$OVERLAY' --home '$T/a' daemon"
echo "$SERVER" >"$T/a.pid"
within 10 ready a || die "no gateway with 64 descriptors"
knows a b 192.0.2.2 >/dev/null
port=$(port_of a echo.b)
server a few "$PYTHON" "$NET" hold 127.0.0.1 "$port" 100
within 60 grep -q HELD "$T/few.log"
held=$(sed -n 's/^HELD //p' "$T/few.log")
check "with 64 descriptors some connections are served ($held of 100), the others refused" \
  test "$held" -ge 10 -a "$held" -lt 100
check "its owner can still ask" ov a status
check "and change things" ov a peer add "${IDS[b]}" --address 192.0.2.2:9
rounds() { grep -c ALIVE "$T/few.log"; }
check "those that are held stay alive" within 10 eval "[ \$(rounds) -gt $(($(rounds) + 5)) ]"
busy() { awk '{ print $14 + $15 }' "/proc/$(pid_of a)/stat"; }
kill "$SERVER" 2>/dev/null
server a knocking "$PYTHON" "$NET" hold 127.0.0.1 "$port" 100
within 60 grep -q HELD "$T/knocking.log"
kill -STOP "$SERVER"
before=$(busy)
sleep 2
check "and the gateway does not spin" test $(($(busy) - before)) -lt 40
kill -KILL "$SERVER"
check "when they are gone new ones are served" within 10 client a ask 127.0.0.1 "$port" hi

check "SIGTERM ends it within 2 s" kill_gateway a
check "and its socket is gone" test ! -e "$T/a/control.sock"
long=$T/$(printf 'd%.0s' {1..120})
server a long "$OVERLAY" --home "$long" daemon
check "a home longer than a socket's path works" within 10 on a "$OVERLAY" --home "$long" status
finish
