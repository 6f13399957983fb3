# shellcheck shell=bash
# Hosts behind simulated routers, for stories with real programs: source it after tests/netns/lib.sh.
#
#   natlab <<END              hosts (network namespaces) and routers, in the words of
#   nat home type=port_restricted wan=203.0.113.1          tests/natlab/net_text.h; "place=" is ours
#   host a ip=10.0.0.2/24 behind=home delay=5
#   host relay ip=198.51.100.1/24
#   END
#   on a CMD...               as in lib.sh; a's only device is eth0, its default route leads there
#   lab cut home relay        tells the running lab something; it is done when the command returns
#   lab_move a behind=cafe ip=10.9.9.2/24        another network and address, kernel and lab
#
# One process is the whole internet, so what it does depends on the seed and the packets alone.

NATLAB=${NATLAB:-$ROOT/build/release/tests/natlab/natlab}

natlab() {
  local line word
  [ -x "$NATLAB" ] || die "no program $NATLAB: run make tests"
  while IFS= read -r line; do
    # shellcheck disable=SC2086  # words
    set -- $line
    if [ "${1:-}" = host ]; then
      hosts "$2"
      line="$line place=$PREFIX-$2"
    fi
    printf '%s\n' "$line"
  done >"$T/topology"
  "$NATLAB" "$T/natlab.sock" "$T/topology" >"$T/natlab.log" 2>&1 </dev/null &
  PIDS+=("$!")
  within 10 natlab_began $! || die "the lab did not get ready: $(cat "$T/natlab.log")"
  natlab_is_ready || die "the lab did not get ready: $(cat "$T/natlab.log")"
  while read -r word line; do
    # shellcheck disable=SC2086
    [ "$word" != host ] || lab_device $line
  done <"$T/topology"
}
natlab_is_ready() { grep -qx ready "$T/natlab.log"; }
natlab_began() { natlab_is_ready || gone "$1"; }

# lab COMMAND...: prints the answer; fails with the reason on standard error.
lab() { "$NATLAB" -c "$T/natlab.sock" "$@"; }

# The addresses of a host are those of its topology line: lab_device HOST ip=ADDRESS[/BITS]...
lab_device() {
  local host=$1 word
  shift
  on "$host" sysctl -q net.ipv6.conf.eth0.addr_gen_mode=1
  # A packet that waits for the lab is late there, and not lost here.
  ip -n "$PREFIX-$host" link set eth0 txqueuelen 10000 up
  for word in "$@"; do
    case $word in
      ip=*:*/*) ip -n "$PREFIX-$host" address add "${word#ip=}" dev eth0 nodad ;;
      ip=*:*) ip -n "$PREFIX-$host" address add "${word#ip=}/64" dev eth0 nodad ;;
      ip=*/*) ip -n "$PREFIX-$host" address add "${word#ip=}" dev eth0 ;;
      ip=*) ip -n "$PREFIX-$host" address add "${word#ip=}/32" dev eth0 ;;
    esac
  done
  ip -n "$PREFIX-$host" route replace default dev eth0
  case "$*" in *ip=*:*) ip -n "$PREFIX-$host" -6 route replace default dev eth0 ;; esac
}

# lab_move HOST ip=ADDRESS[/BITS]... [behind=NAT]
lab_move() {
  lab move "$@" || return 1
  ip -n "$PREFIX-$1" address flush dev eth0
  lab_device "$@"
}
