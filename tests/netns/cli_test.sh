#!/usr/bin/env bash
# The command line of one gateway, as people and scripts rely on it: exit codes, what goes to which
# stream, homes and configurations, starting in the background, ending, completion.
. "$(dirname "$0")/lib.sh"

hosts a
overlay() { on a timeout 20 "$OVERLAY" "$@"; }
a() { overlay --home "$T/a" "$@"; }
quiet_errors() { { "$@" >/dev/null; } 2>&1; }
says_nothing() { [ -z "$("$@" 2>&1)" ]; }
json() { "$PYTHON" -c "import json,sys
v = json.load(sys.stdin)
print($1)"; }

# ---- usage ----
check "without a command the usage is an error" exits 2 '^usage: overlay COMMAND' -- overlay
check "help is data" shows '^usage: overlay COMMAND' eval 'overlay help 2>/dev/null'
check "a mistyped command is answered with the right one" exits 2 "did you mean 'status'" -- overlay statsu
check "a missing argument shows the usage" exits 2 'overlay share TARGET' -- a share
check "an empty argument too" exits 2 'overlay open CODE' -- a open ''
check "what this version has not is an unknown command" exits 2 'unknown command' -- a ticket
check "an unknown option is exit 2 and names the help" exits 2 'next: overlay help ping' -- a ping x --fast
check "one argument too many is exit 2" exits 2 -- a unname x y
check "options may come before and after the command" prints "$(a id)" overlay id --home "$T/a"
check "an error in JSON is one object on standard error" prints "2 True" \
  eval 'quiet_errors a --json frob | json "v[\"code\"], \"error\" in v and \"hint\" in v" | tr -d "(),"'

# ---- without a gateway ----
for verb in status ls 'close x' stop 'config reload' 'status --watch'; do
  # shellcheck disable=SC2086
  check "overlay $verb without a gateway says so" exits 1 'no gateway is running' -- a $verb
done
other=$("$OVERLAY" --home "$T/other" id)
check "id prints 52 characters and a newline" test "$(a id | wc -c)" = 53
check "id as JSON" prints "$(a id)" eval 'a id --json | json "v[\"id\"]"'
check "a peer is added" a peer add "$other" --alias bob --address 192.0.2.7:4433
check "its name resolves, with and without suffix" prints "$other$other" \
  eval 'a resolve bob | tr -d "\n"; a resolve web.bob.overlay.localhost'
check "so does a prefix of its id" prints "$other" a resolve "${other:0:5}"
check "an alias belongs to one peer" exits 1 'unname' -- a name bob "$("$OVERLAY" --home "$T/o2" id)"
check "a bad alias is exit 2" exits 2 -- a name 'Bob!' "$other"
check "a bad address is exit 2 and adds nothing" exits 2 'IP:PORT' -- a peer add "$other" --address nowhere
check "block and unblock work" eval 'a block bob && a unblock bob'
check "unname forgets the name" eval 'a unname bob && ! a resolve bob'
check "an unknown peer is exit 3 with the next command" exits 3 'next: .*peer add' -- a block bob
check "-q leaves errors only" says_nothing a -q name bob "$other"
check "allow without such a service is exit 3" exits 3 -- a allow bob web
check "none of this started a gateway" exits 1 -- a status
check "completion makes no home" eval 'says_nothing overlay --home "$T/never" complete peers && [ ! -e "$T/never" ]'

# ---- homes ----
env_id() { on a env -i "$@" "$OVERLAY" id; }
check "HOME is the last place" eval 'env_id HOME="$T/h" >/dev/null && [ -f "$T/h/.local/state/overlay/identity.key" ]'
check "XDG_STATE_HOME comes before it" eval 'env_id HOME="$T/h" XDG_STATE_HOME="$T/x" && [ -f "$T/x/overlay/identity.key" ]'
check "then STATE_DIRECTORY, its first part" eval \
  'env_id HOME="$T/h" XDG_STATE_HOME="$T/x" STATE_DIRECTORY="$T/s:$T/s2" && [ -f "$T/s/identity.key" ] && [ ! -e "$T/s2" ]'
check "then OVERLAY_HOME" eval 'env_id STATE_DIRECTORY="$T/s" OVERLAY_HOME="$T/e" && [ -f "$T/e/identity.key" ]'
check "and --home beats all" prints "$(a id)" on a env OVERLAY_HOME="$T/e" "$OVERLAY" --home "$T/a" id
check "a relative home is that of the working directory" eval '(cd "$T" && on a "$OVERLAY" --home rel id) && [ -f "$T/rel/identity.key" ]'
check "without any the error says what to do" exits 1 'overlay --home DIR' -- env_id
check "the home is ours alone" prints "700 600" eval 'echo $(stat -c %a "$T/e" "$T/e/identity.key")'

# ---- the configuration ----
config() { printf "$@" >"$T/a/overlay.conf"; }
check "no file is good" exits 0 'default' -- a config check
check "the default file is good" eval 'a config --print-default | a config check --config -'
config '[gateway]\nport = kept\n[dns]\nlisten = nowhere\n'
check "a bad value is said with file:line" exits 1 "$T/a/overlay.conf:4: " -- a config check
check "the file at --config is read instead" exits 1 "$T/bad.conf:1" -- \
  eval 'echo x >"$T/bad.conf"; a config check --config "$T/bad.conf"'
check "standard input is called so" exits 1 'standard input:2: ' -- eval 'printf "[lan]\nmode = loud\n" | a config check --config -'
check "a file that was named must be there" exits 1 'No such file' -- a config check --config "$T/none"
check "a service is checked where there is no home yet" exits 0 '1 service' -- \
  eval 'printf "[service web]\ntarget = 3000\n" | overlay --home "$T/new" config check --config - && [ ! -e "$T/new" ]'
check "with a bad file nothing starts" exits 1 'overlay.conf:4' -- a share 80
check "and no home is made" eval '! a --home "$T/new" id && [ ! -e "$T/new" ]' 2>/dev/null
check "nor with a bad file at --config" eval '! overlay --home "$T/new" --config "$T/bad.conf" id && [ ! -e "$T/new" ]'
rm "$T/a/overlay.conf"

# ---- in the background ----
check "share starts a gateway and prints the name" prints web eval 'a share 3000 -q 2>/dev/null'
check "which is then ready" a status
pid=$(a status --json | json 'v["pid"]')
check "it is another process, in a session of its own" eval '[ "$(ps -o sid= -p "$pid" | tr -d " ")" = "$pid" ]'
check "a second one is refused with its pid" exits 1 "process $pid" -- a daemon
server a held "$OVERLAY" --home "$T/a" share 4000 -f
check "share -f beside it uses it" within 5 shows '^p4000 ' a ls
kill -KILL "$SERVER"
wait "$SERVER" 2>/dev/null
check "and the service ends with its program, even with SIGKILL" within 5 lacks '^p4000 ' a ls
check "sharing again is the same service" prints web eval 'a share 3000 -q 2>/dev/null'
check "another target gets another name" prints p80 eval 'a share 80 -q 2>/dev/null'
check "a well-known port has its name" prints ssh eval 'a share 22 -q 2>/dev/null'
check "a web port too, under another number" prints web eval 'a close web; a share 8080 --port 81 -q 2>/dev/null'
a close web 2>/dev/null
check "a unix socket needs --port" exits 2 'add --port' -- a share unix:/tmp/x
a share 3000 2>/dev/null
check "a taken port number is an error" exits 1 'already' -- a share 5000 --port 3000 --as x
check "a target that is not UTF-8 is refused" exits 2 'UTF-8' -- a share $'unix:/tmp/\xff' --port 99
check "our own doors are not shared" exits 2 "gateway's own" -- a share "unix:$T/a/../a/control.sock" --port 99
check "nor is the proxy" exits 2 "gateway's own" -- a share 7777
check "nor another host without --off-host" exits 2 'off-host' -- a share 192.0.2.9:80
check "nor where clouds keep credentials" exits 2 -- a share 169.254.169.254:80 --off-host
check "--to grants at once" prints "1" eval 'a share 22 --to bob --json 2>/dev/null | json "len(v[\"allow\"])"'
a deny bob ssh
check "ls says who never may" shows 'ssh .*never bob' a ls
check "what is shared for a time" eval 'a share 9 --as short --for 1s && a ls | grep -q "short.*ends in"'
check "ends then" within 3 lacks short a ls
check "close takes a service back" eval 'a close p80 && lacks p80 a ls'
check "closing it again is exit 3" exits 3 -- a close p80
check "status --json has every key" prints "True" eval 'a status --json | json "set(\"abuse dht dns home id limits mail mailbox nat peer_exchange peers pid proxy relay services setup tcp trust turn udp uptime_s version\".split()) <= set(v)"'
check "and services theirs" prints "allow connections deny name port proto public rx_bytes target tx_bytes" \
  eval 'a status --json | json "\" \".join(sorted(v[\"services\"][0]))"'
check "and peers theirs" prints "True" eval 'a status --json | json "set(\"id alias state path why_not_direct rx_bytes tx_bytes streams ports\".split()) <= set(v[\"peers\"][0])"'

check "what is not known is null" prints "None None" eval 'a status --json | json "v[\"nat\"][\"public\"], v[\"relay\"][\"home\"]" | tr -d "(),"'
# The gateway serves 32 callers at a time; who finds it busy is told so.
at_once() {
  local i pids='' answered=0
  for i in $(seq 40); do
    a status >/dev/null &
    pids="$pids $!"
  done
  for i in $pids; do wait "$i" && answered=$((answered + 1)); done
  echo "$answered answered"
  [ $answered -ge 32 ]
}
check "at least 32 of 40 callers at a time are answered" at_once

all_at_once() {
  local i pids='' failed=0
  for i in $(seq 6); do
    overlay --home "$T/many" share $((5000 + i)) -q &
    pids="$pids $!"
  done
  for i in $pids; do wait "$i" || failed=$((failed + 1)); done
  [ $failed -eq 0 ] && [ "$(overlay --home "$T/many" ls | wc -l)" = 6 ]
}
check "six that would each start one at the same moment share one gateway" all_at_once
overlay --home "$T/many" stop 2>/dev/null

# ---- reading the configuration again ----
config '[service files]\ntarget = 127.0.0.1:8000\nallow = *\n'
check "reload takes over services of the file" eval 'a config reload && a ls | grep -q "files.*everybody"'
check "they cannot be closed from here" exits 1 'overlay.conf' -- a close files
check "nor replaced" exits 1 'overlay.conf' -- a share 1 --as files
config '[service files]\ntarget = 127.0.0.1:8000\nallow = *\n[service files2]\ntarget = x\n'
check "a bad file changes nothing and says file:line" exits 1 'overlay.conf:5' -- a config reload
kill -HUP "$pid"
check "SIGHUP says it in the log" within 3 grep -q 'nothing was changed: .*overlay.conf:5' "$T/a/overlay.log"
config '[service files2]\ntarget = 127.0.0.1:8000\nallow = *\n'
kill -HUP "$pid"
check "SIGHUP with a good file is a reload" within 3 eval 'shows "^files2 " a ls && lacks "^files " a ls'
config '[lan]\nmode = off\n'
check "what waits for a restart is said" shows 'restart the gateway for: .lan. mode$' a config reload
check "again and again" shows 'restart the gateway for: .lan. mode$' a config reload
rm "$T/a/overlay.conf"
check "until it is as it was" lacks restart a config reload
check "output that cannot be written is exit 1" exits 1 'standard output: No space' -- eval 'a id >/dev/full'
check "so is a standard output that was closed" exits 1 'standard output: Bad file' -- eval 'a id >&-'
check "what needs neither input nor a place for errors goes without" prints "$(a id)" eval 'a id <&- 2>&-'

# ---- on a terminal ----
on_terminal() { on a env TERM=xterm script -qec "timeout -s INT 2 $*" /dev/null | tr -d '\r'; }
check "status has colours on a terminal" shows $'\033' eval 'a peer add "$other" --alias bob 2>/dev/null; a block bob; on_terminal "$OVERLAY --home $T/a status"'
check "but not with NO_COLOR" lacks $'\033\[3' eval 'NO_COLOR=1 on_terminal "$OVERLAY --home $T/a status"'
check "nor in a pipe" lacks $'\033' a status
check "status --watch stays in its place" shows $'^\033\[Hoverlay .*\033\[K$' on_terminal "$OVERLAY --home $T/a status --watch"
check "and prints status after status into a pipe" test \
  "$(on a timeout -s INT 1.5 "$OVERLAY" --home "$T/a" status --watch --json | grep -c '"uptime_s"')" = 2

# ---- the end ----
check "stop ends it" a stop
ended() { ! kill -0 "$1" || grep -q '^State:.Z' "/proc/$1/status"; } 2>/dev/null
check "and its socket is gone when stop returns" test ! -e "$T/a/control.sock"
check "and so is the process" within 1 ended "$pid"
for signal in TERM INT; do
  gateway a
  daemon=$(pid_of a)
  kill -$signal "$daemon"
  wait "$daemon"
  check "SIG$signal ends a daemon with exit code 0" test $? = 0
done
check "its log says when and where it was ready" grep -Eq '^20[0-9-]+ [0-9:]+ info gateway: ready: ' "$T/a.log"
server a fore "$OVERLAY" --home "$T/a" share 4000 -f
check "share -f is a gateway of its own" within 5 eval 'a ls | grep -q p4000'
kill -INT "$SERVER"
wait "$SERVER"
check "that ends with exit code 0" test $? = 0
check "and leaves nothing" exits 1 'no gateway' -- a status
gateway a
check "not even the service" lacks p4000 a ls
kill_gateway a KILL
check "after SIGKILL a command starts another" a share 3000
a stop 2>/dev/null
printf '[dns]\nlisten = 127.0.0.1:9053\n' | a --config - share 3000 2>/dev/null
check "a configuration on standard input is passed on" status_is a "s['dns']['listen'][0]" 127.0.0.1:9053
check "and cannot be read again" exits 1 'standard input' -- a config reload
a stop 2>/dev/null
long=$T/$(printf 'l%.0s' {1..150})
check "in a home longer than a socket's path one starts too" overlay --home "$long" share 80
overlay --home "$long" stop 2>/dev/null

# ---- a start that fails ----
mkdir "$T/small"
mount -t tmpfs -o size=64k,mode=700 none "$T/small" || die "cannot mount a small tmpfs"
dd if=/dev/zero of="$T/small/filler" bs=4k >/dev/null 2>&1
check "on a full disk the reason is told though no log can be" exits 1 'identity.key: No space' -- overlay --home "$T/small" share 80
rm "$T/small/filler"
check "with room again it starts" overlay --home "$T/small" share 80
overlay --home "$T/small" stop 2>/dev/null
mkdir "$T/a/overlay.conf"
check "a configuration that is no file is said" exits 1 'overlay.conf: ' -- a share 80
rmdir "$T/a/overlay.conf"

# ---- completion ----
a name bob "$other" 2>/dev/null
bash_completes() {
  # shellcheck disable=SC2016
  PATH=$(dirname "$OVERLAY"):$PATH OVERLAY_HOME=$T/a bash -c '
    source <(overlay completion bash)
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _overlay overlay "${@: -1}" "${@: -2:1}" 2>/dev/null
    echo "${COMPREPLY[*]}"' - overlay "$@"
}
check "bash completes commands" prints "share status stun-test stop setup" bash_completes s
check "bash completes peers" prints bob bash_completes open b
check "bash completes our services for allow" prints "ssh web" bash_completes allow bob ''
check "bash completes options" prints --until-direct bash_completes ping bob --u
check "bash knows --home" prints "" bash_completes --home "$T/other" open ''
for shell in zsh fish; do
  command -v $shell >/dev/null || continue
  "$OVERLAY" completion $shell >"$T/completion.$shell"
  check "$shell takes its script" $shell -n "$T/completion.$shell"
done
if command -v fish >/dev/null; then
  check "fish completes peers" prints bob env PATH="$(dirname "$OVERLAY"):$PATH" OVERLAY_HOME="$T/a" \
    fish --no-config -c "source $T/completion.fish; complete -C 'overlay open b'"
fi
finish
