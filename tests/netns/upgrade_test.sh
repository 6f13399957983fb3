#!/usr/bin/env bash
# A transfer with the real program goes on while its path changes: relay, direct, relay when the
# direct way is cut, direct again. UPGRADE_MIB=1024 for a large one, RATE= bytes/s of each line.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nat_pair.sh"

size=$((${UPGRADE_MIB:-128} << 20))
nat_pair port_restricted port_restricted 1 delay=10 "rate=${RATE:-3000000}"
serve alice 7006 source $size
ov alice share 7006 --as source --public >/dev/null 2>&1 || die "share"

seen_by_bob() {
  on bob timeout 280 "$PYTHON" "$ROOT/tests/netns/upgrade.py" "$1" "$T/bob/control.sock" \
    "$T/alice/control.sock" source.alice $size "${@:2}" 2>&1
}
fresh=$(seen_by_bob fresh) || die "no direct connection to compare with: $fresh"
echo "# fresh direct connection: $((fresh / 100000)) x 0.1 MB/s"
lab cut home-alice home-bob
kill_gateway bob
gateway bob
within 10 is_reached bob || die "bob is not reached through the relays"
seen_by_bob change "$fresh" "$NATLAB" -c "$T/natlab.sock" >"$T/change"
sed 's/^/# /' "$T/change"

check "$((size >> 20)) MiB arrive as they were sent" grep -q 'hash=right' "$T/change"
stall_is_short() { awk -F 'stall=' '/^hash=/ { exit !($2 + 0 <= 3) }' "$T/change"; }
check "it stops for 3 s at most when its way is cut" stall_is_short
check "it is direct again" grep -q '^direct again' "$T/change"
finish
