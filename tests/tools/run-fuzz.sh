#!/usr/bin/env bash
# Runs each fuzz program for a while on its corpus; what it finds new goes to build/fuzz/corpus.
# usage: run-fuzz.sh SECONDS PROGRAM...
set -u

seconds=$1
shift
work=build/fuzz/corpus
results=build/fuzz/findings
mkdir -p "$work" "$results"
export seconds work results

fuzz_one() {
  local name log
  name=$(basename "$1")
  log=$results/$name.log
  mkdir -p "$work/$name" "tests/fuzz/corpus/$name"
  if "$1" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$results/$name-" "$work/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    printf '  %-32s %10s runs, clean\n' "$name" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  else
    printf '  %-32s FAILED, see %s\n' "$name" "$log"
    tail -n 60 "$log"
    return 1
  fi
}
export -f fuzz_one

# shellcheck disable=SC2016  # the inner shell expands it
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'fuzz_one "$1"' _ || exit 1
echo "fuzz: $# programs, $seconds s each, clean"
