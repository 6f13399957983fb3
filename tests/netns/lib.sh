# shellcheck shell=bash
# The stage for a story with real gateways: hosts are network namespaces, cables are veth pairs, the
# program is the one under build/ (or $OVERLAY). Everything is named after this process, so stories
# may run side by side, and goes away with it.
#
#   . tests/netns/lib.sh
#   hosts a b                 two namespaces with loopback up
#   cable a 192.0.2.1 b 192.0.2.2      a veth pair between them, /24
#   network 192.0.2 a b c     a bridge; hosts get 192.0.2.1, .2, .3 in the order given
#   on a CMD...               runs a command on host a
#   gateway a                 starts a's gateway and waits until it says it is ready
#   ov a ARGS...              the command line of a's gateway
#   server a NAME CMD...      runs a command in the background on host a, its output in $T/NAME.log
#   within 5 CMD...           polls a command until it succeeds, at most 5 s
#   check "a true sentence" CMD...     one test; the command's output is shown when it fails
#
# A story prints "ok ..." and "not ok ..." lines (tests/tools/run-tests.sh counts them) and ends
# with `finish`.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OVERLAY=${OVERLAY:-$ROOT/build/release/overlay}
PYTHON=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || command -v python3)
NET=$ROOT/tests/netns/net.py
PREFIX=ov$$
T=$(mktemp -d /tmp/overlay-story.XXXXXX)
chmod 755 "$T"
HOSTS=()
PIDS=()
FAILURES=0
declare -A IDS=()
unset OVERLAY_HOME XDG_STATE_HOME STATE_DIRECTORY http_proxy https_proxy all_proxy HTTP_PROXY \
  HTTPS_PROXY ALL_PROXY

die() {
  echo "not ok $*"
  FAILURES=$((FAILURES + 1))
  exit 1
}

# ---- the end ----

running() {
  local pid
  for pid in "${PIDS[@]}"; do
    kill -0 "$pid" 2>/dev/null && echo "$pid"
  done
  for host in "${HOSTS[@]}"; do
    ip netns pids "$PREFIX-$host" 2>/dev/null
  done
}

show_logs() {
  local log
  for log in "$T"/*.log "$T"/*/overlay.log; do
    [ -s "$log" ] || continue
    echo "---- $log"
    tail -n 25 "$log"
  done
}

clean_up() {
  local code=$? host left
  trap '' INT TERM
  [ $code -eq 0 ] && [ $FAILURES -eq 0 ] || show_logs
  left=$(running)
  # shellcheck disable=SC2086  # one word a process
  [ -z "$left" ] || kill $left 2>/dev/null
  within 5 nobody_left || {
    left=$(running)
    # shellcheck disable=SC2086
    [ -z "$left" ] || kill -9 $left 2>/dev/null
  }
  wait 2>/dev/null
  for host in "${HOSTS[@]}"; do
    ip netns del "$PREFIX-$host" 2>/dev/null
  done
  while mountpoint -q "$T/small" 2>/dev/null; do umount -l "$T/small"; done
  rm -rf "$T"
  exit $code
}
nobody_left() { [ -z "$(running)" ]; }

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

finish() {
  [ $FAILURES -eq 0 ]
  exit $?
}

# ---- waiting and judging ----

# within SECONDS CMD...
within() {
  local end=$((SECONDS + $1 + 1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

# check SENTENCE CMD...
check() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "ok $sentence"
    return 0
  fi
  FAILURES=$((FAILURES + 1))
  echo "not ok $sentence"
  printf '#   %s\n' "command: $*"
  printf '%s\n' "$output" | tail -n 30 | cut -c 1-400 | sed 's/^/#   /'
  return 1
}

# Exit code and, if given, a pattern in the output: exits CODE [PATTERN] -- CMD...
exits() {
  local want=$1 pattern='' output code
  shift
  if [ "$1" != -- ]; then
    pattern=$1
    shift
  fi
  shift
  output=$("$@" 2>&1)
  code=$?
  printf 'exit code %s (wanted %s)\n%s\n' "$code" "$want" "$output"
  [ "$code" -eq "$want" ] || return 1
  [ -z "$pattern" ] || printf '%s' "$output" | grep -Eqi -- "$pattern"
}
# Standard output is exactly TEXT: prints TEXT CMD...
prints() {
  local want=$1 output
  shift
  output=$("$@") || { echo "exit $?: $output"; return 1; }
  [ "$output" = "$want" ] || { printf 'got: %s\nwanted: %s\n' "$output" "$want"; return 1; }
}
# The output matches PATTERN: shows PATTERN CMD...
shows() {
  local pattern=$1 output
  shift
  output=$("$@" 2>&1)
  printf '%s\n' "$output"
  printf '%s' "$output" | grep -Eq -- "$pattern"
}
# The command succeeds, and nothing in its output matches PATTERN: lacks PATTERN CMD...
lacks() {
  local pattern=$1 output
  shift
  output=$("$@" 2>&1) || { echo "exit $?: $output"; return 1; }
  printf '%s\n' "$output"
  ! printf '%s' "$output" | grep -Eq -- "$pattern"
}
# The command fails: fails CMD...
fails() { ! "$@"; }

# ---- hosts and cables ----

on() {
  local host=$1
  shift
  ip netns exec "$PREFIX-$host" "$@"
}

hosts() {
  local host
  [ "$(id -u)" -eq 0 ] || die "needs root (network namespaces); run it through sudo"
  for host in "$@"; do
    ip netns add "$PREFIX-$host" || die "cannot make a network namespace: CAP_NET_ADMIN is missing"
    HOSTS+=("$host")
    on "$host" sysctl -q net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    ip -n "$PREFIX-$host" link set lo up
  done
}

# cable HOST ADDRESS HOST ADDRESS
cable() {
  local name=v$RANDOM
  ip link add "$name" netns "$PREFIX-$1" type veth peer name "$name" netns "$PREFIX-$3" ||
    die "cannot make a veth pair"
  address "$1" "$2" "$name"
  address "$3" "$4" "$name"
}

# address HOST IP DEVICE
address() {
  case $2 in
    *:*) ip -n "$PREFIX-$1" address add "$2/64" dev "$3" nodad ;;
    *) ip -n "$PREFIX-$1" address add "$2/24" broadcast + dev "$3" ;;
  esac
  ip -n "$PREFIX-$1" link set "$3" up
}

# network NET24 HOST...: a switch in a namespace of its own, every host's device is eth0.
network() {
  local net=$1 n=0 host switch=sw$RANDOM
  shift
  hosts "$switch"
  ip -n "$PREFIX-$switch" link add br0 type bridge forward_delay 0 mcast_snooping 0
  ip -n "$PREFIX-$switch" link set br0 up
  for host in "$@"; do
    n=$((n + 1))
    ip link add eth0 netns "$PREFIX-$host" type veth peer name "to$n" netns "$PREFIX-$switch" ||
      die "cannot make a veth pair"
    ip -n "$PREFIX-$switch" link set "to$n" master br0 up
    address "$host" "$net.$n" eth0
    on "$host" ip route add default dev eth0
  done
}

# ---- programs ----

# server HOST NAME CMD...; its process id is in $SERVER.
server() {
  local host=$1 name=$2
  shift 2
  ip netns exec "$PREFIX-$host" "$@" >"$T/$name.log" 2>&1 </dev/null &
  SERVER=$!
  PIDS+=("$SERVER")
}

py() { echo "$PYTHON $NET"; }

# listening HOST PORT [-u]
listening() {
  on "$1" ss -Hln "${3:--t}" "sport = :$2" | grep -q .
}
# serve HOST PORT ARGS...: a server of tests/netns/net.py on 127.0.0.1:PORT.
serve() {
  local host=$1 port=$2 kind=$3
  shift 2
  server "$host" "$kind-$port" "$PYTHON" "$NET" "$1" 127.0.0.1 "$port" "${@:2}"
  case $kind in
    udp-*) within 10 listening "$host" "$port" -u ;;
    *) within 10 listening "$host" "$port" ;;
  esac || die "$kind does not listen on port $port"
}
# client HOST ARGS...: a client of tests/netns/net.py, at most 60 s.
client() {
  local host=$1
  shift
  on "$host" timeout 60 "$PYTHON" "$NET" "$@"
}

ov() {
  local host=$1
  shift
  on "$host" timeout 60 "$OVERLAY" --home "$T/$host" "$@"
}

ready() { ov "$1" status; }

# gateway HOST [ARGS...]: home $T/HOST, log $T/HOST.log, pid in $SERVER and $T/HOST.pid.
gateway() {
  local host=$1
  shift
  [ -x "$OVERLAY" ] || die "no program $OVERLAY: run make"
  mkdir -p "$T/$host"
  chmod 700 "$T/$host"
  server "$host" "$host" "$OVERLAY" --home "$T/$host" "$@" daemon
  echo "$SERVER" >"$T/$host.pid"
  within 10 ready "$host" || die "the gateway of $host did not get ready"
  IDS[$host]=$(ov "$host" id)
}
pid_of() { cat "$T/$1.pid"; }

gone() { ! kill -0 "$1" 2>/dev/null; }
# kill_gateway HOST [SIGNAL]: and waits until it is gone.
kill_gateway() {
  local pid
  pid=$(pid_of "$1")
  kill -"${2:-TERM}" "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  within 10 gone "$pid"
}

# A field of `status --json`: status HOST PYTHON-EXPRESSION over s, as "s['peers'][0]['state']".
status() {
  ov "$1" --json status | "$PYTHON" -c "import json,sys
s = json.load(sys.stdin)
print($2)"
}
status_is() { prints "$3" status "$1" "$2"; }

# knows A B ADDRESS: A gets B as a peer under the alias of B's host name.
knows() {
  ov "$1" peer add "${IDS[$2]}" --alias "$2" ${3:+--address "$3:$(udp_port "$2")"}
}
udp_port() {
  status "$1" "[a.rsplit(':', 1)[1] for a in s['udp'] if not a.startswith('[')][0]"
}
# Local port of a service: port_of A SERVICE.PEER [ARGS...] (opens it).
port_of() {
  local host=$1
  shift
  ov "$host" open "$@" | cut -f 2 | head -n 1 | sed 's/.*://'
}
# shares_files HOST BYTES TEXT: as `web`, /page, which is TEXT, and /file of random BYTES, whose
# SHA-256 is in $SUM; as `big`, a stream of 100 MiB.
shares_files() {
  serve "$1" 7401 source 104857600
  mkdir "$T/www"
  head -c "$2" /dev/urandom >"$T/www/file"
  echo "$3" >"$T/www/page"
  # shellcheck disable=SC2034  # for the story
  SUM=$(sha256sum <"$T/www/file" | cut -d ' ' -f 1)
  server "$1" www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7402
  within 10 listening "$1" 7402 || die "no web server"
  ov "$1" share 7401 --as big --public >/dev/null
  ov "$1" share 7402 --as web --public >/dev/null
}
# fetched HOST PORT: the SHA-256 of /file, as it comes.
fetched() {
  on "$1" curl -s --max-time 60 "http://127.0.0.1:$2/file" | sha256sum | cut -d ' ' -f 1
}
# Resident KiB of a gateway.
rss_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$(pid_of "$1")/status"; }
