#!/usr/bin/env bash
# The steps of `make check`, each naming itself; goes on after a failed one and adds up at the end.
# usage: check.sh STEP...   (from the Makefile, which sets MAKE and MAKE_JOBS)
set -u

MAKE=${MAKE:-make}
export TEST_RESULTS=$PWD/build/check/results
rm -rf build/check
mkdir -p build/check
: >"$TEST_RESULTS"

run_make() {
  # shellcheck disable=SC2086  # MAKE may carry flags, MAKE_JOBS may be empty
  $MAKE --no-print-directory ${MAKE_JOBS:-} "$@"
}

step() {
  case $1 in
    build) run_make MODE=release all natlab && run_make MODE=debug all tests ;;
    build-fast) run_make MODE=debug all tests ;;
    layers) run_make layers ;;
    unit) run_make MODE=debug run-unit ;;
    scenario) run_make MODE=debug run-scenario ;;
    fuzz) run_make MODE=asan run-replay ;;
    netns) tests/netns/run.sh ;;
    interop) tests/interop/run.sh ;;
    *) echo "check.sh: no step '$1'" >&2; return 2 ;;
  esac
}

bad=
for name in "$@"; do
  echo "== $name"
  if ! step "$name"; then
    bad="$bad $name"
    case $name in build*) break ;; esac
  fi
done
passed=0 failed=0 skipped=0
while read -r _ p f s; do
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done <"$TEST_RESULTS"
echo
if [ -n "$bad" ]; then
  echo "FAILED:$bad"
  [ "$failed" -gt 0 ] || failed=1
fi
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ -z "$bad" ]
