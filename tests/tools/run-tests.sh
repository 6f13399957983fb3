#!/usr/bin/env bash
# Runs test programs side by side, each under a time limit, and says little unless one fails.
#
# usage: run-tests.sh [-l LABEL] [-t SECONDS] [-j JOBS] [-v] PROGRAM...
#   -v  a line for each program
#   RUN="valgrind -q"   a command to run them under      TEST_TIMES=10   stretches the time limit
#   TEST_RESULTS=FILE   appends "LABEL PASSED FAILED SKIPPED" for tests/tools/check.sh to add up
#
# It understands cmocka's own output and lines of the form "ok NAME" and "not ok NAME". A program
# that dies in the middle of a test has failed that test; one that runs none has failed.
set -u

label=tests limit=60 jobs=$(nproc) verbose=
while getopts l:t:j:v opt; do
  case $opt in
    l) label=$OPTARG ;;
    t) limit=$OPTARG ;;
    j) jobs=$OPTARG ;;
    v) verbose=yes ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { echo "$label: no tests"; exit 0; }

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
limit=$((limit * ${TEST_TIMES:-1}))
export logs limit verbose

run_one() {
  local program=$1 log code ran passed failed skipped begin=$SECONDS
  log=$logs/$(echo "$program" | tr / _)
  # shellcheck disable=SC2086  # RUN is a command with its arguments
  timeout -k 10 "$limit" ${RUN:-} "$program" >"$log" 2>&1 </dev/null
  code=$?
  ran=$(grep -acE '^\[ RUN      \]|^ok |^not ok ' "$log")
  passed=$(grep -acE '^\[       OK \]|^ok ' "$log")
  skipped=$(grep -aE '^\[  SKIPPED \]' "$log" | grep -avE 'test\(s\)' | sort -u | wc -l)
  failed=$((ran - passed - skipped))
  if [ "$failed" -le 0 ] && { [ $code -ne 0 ] || [ "$ran" -eq 0 ]; }; then
    failed=1
  fi
  echo "$passed $failed $skipped" >"$log.count"
  if [ "$failed" -eq 0 ]; then
    [ -z "$verbose" ] || printf '  %-40s %4d ok %5d s\n' "$(basename "$program")" "$passed" \
      $((SECONDS - begin))
    return
  fi
  {
    echo "---- $program: $(why "$code" "$ran")"
    cat "$log"
    echo "----"
  } >"$log.failed"
  cat "$log.failed"
}

why() {
  case $1 in
    0) [ "$2" -gt 0 ] && echo "failed" || echo "ran no test" ;;
    124 | 137) echo "did not end within $limit s" ;;
    *) echo "failed with exit code $1" ;;
  esac
}
export -f run_one why

begin=$SECONDS
# shellcheck disable=SC2016  # the inner shell expands it
printf '%s\0' "$@" | xargs -0 -n 1 -P "$jobs" bash -c 'run_one "$1"' _
passed=0 failed=0 skipped=0
for count in "$logs"/*.count; do
  read -r p f s <"$count"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
[ -z "${TEST_RESULTS:-}" ] || echo "$label $passed $failed $skipped" >>"$TEST_RESULTS"
echo "$label: $# programs, $((passed + failed)) tests, $failed failed, $skipped skipped," \
  "$((SECONDS - begin)) s"
[ "$failed" -eq 0 ]
