#!/usr/bin/env bash
# Two gateways on this machine, each with a home of its own. One shares a real web server, the other
# opens it by name. On a terminal it stays until Ctrl-C; elsewhere it ends by itself, with 0 if the
# page came through and 1 if not.
# usage: demo.sh PROGRAM
set -u

overlay=$PWD/$1
[ "${1#/}" = "$1" ] || overlay=$1
T=$(mktemp -d "${TMPDIR:-/tmp}/overlay-demo.XXXXXX")
PIDS=()
unset OVERLAY_HOME OVERLAY_CONFIG http_proxy HTTP_PROXY all_proxy ALL_PROXY

clean_up() {
  local code=$?
  trap '' INT TERM
  [ ${#PIDS[@]} -eq 0 ] || kill "${PIDS[@]}" 2>/dev/null
  wait 2>/dev/null
  rm -rf "$T"
  exit $code
}
trap clean_up EXIT
trap 'echo; exit 0' INT TERM

fail() {
  echo "demo: $*" >&2
  for log in "$T"/*.log; do
    [ ! -s "$log" ] || { echo "---- $(basename "$log")"; tail -n 20 "$log"; } >&2
  done
  exit 1
}
within() {
  local end=$((SECONDS + $1 + 1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}
# kill -0 with several is content with one.
all_run() {
  local pid
  for pid in "${PIDS[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
}
run() {
  local name=$1
  shift
  "$overlay" --home "$T/$name" "$@" || fail "$name: overlay $* failed"
}
# As a person would type it, with its output.
show() {
  local name=$1
  shift
  printf '\n%s$ overlay %s\n' "$name" "$(echo "$*" | sed "s/$id/${id:0:8}.../")"
  run "$name" "$@"
}
start() {
  mkdir -m 700 "$T/$1"
  printf '[lan]\nmode = off\n[portmap]\nmode = off\n[dht]\nmode = off\n' >"$T/$1/overlay.conf"
  "$overlay" --home "$T/$1" daemon >"$T/$1.log" 2>&1 &
  PIDS+=($!)
  within 10 "$overlay" --home "$T/$1" status || fail "the gateway of $1 did not start"
}

mkdir "$T/www"
cat >"$T/www/index.html" <<'END'
<!doctype html><html lang=en><meta charset=utf-8><title>Overlay</title>
<style>body{font:1.3em/1.6 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em}</style>
<h1>Hello from alice's laptop</h1>
<p>This page is served by a web server that only listens on alice's own loopback address.
It reached you through two gateways and one encrypted QUIC session.</p></html>
END
python3 -u -c '
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()' "$T/www" >"$T/port" 2>"$T/web.log" &
PIDS+=($!)
within 10 test -s "$T/port" || fail "the web server did not start"
port=$(cat "$T/port")

echo "Two gateways on this machine: alice shares a web server, bob opens it by name."
start bob # first: the usual ports are for the one who opens
start alice
id=$(run alice id)
address=$("$overlay" --home "$T/alice" --json status | python3 -c "import json, sys
print('127.0.0.1:' + [a for a in json.load(sys.stdin)['udp'] if '[' not in a][0].rsplit(':', 1)[1])")
show alice share "$port" --as web --public
show bob peer add "$id" --alias alice --address "$address"
show bob open web.alice | tee "$T/opened"
url=$(cut -f 1 "$T/opened" | grep '^http' | head -n 1)
local_port=$(cut -f 2 "$T/opened" | grep '^127' | head -n 1)
[ -n "$url" ] || fail "open printed no URL"

# curl knows that *.localhost is this machine, as browsers do.
printf '\nbob$ curl %s\n' "$url"
curl -sS -m 10 --noproxy '*' "$url" >"$T/by-name" || fail "no page by name"
grep -o '<h1>.*</h1>' "$T/by-name"
printf '\nbob$ curl http://%s/\n' "$local_port"
curl -sS -m 10 --noproxy '*' "http://$local_port/" >"$T/by-port" || fail "no page by port"
grep -o '<h1>.*</h1>' "$T/by-port"
cmp -s "$T/by-name" "$T/www/index.html" && cmp -s "$T/by-port" "$T/www/index.html" ||
  fail "the page that came is not the page that is served"
printf '\nIt works. In a browser on this machine:\n\n    %s\n\n' "$url"

if [ -t 0 ] && [ -t 1 ]; then
  echo "Ctrl-C ends the demo."
  while all_run; do sleep 1; done
  fail "one of the programs ended"
fi
