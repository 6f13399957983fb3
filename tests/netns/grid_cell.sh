#!/usr/bin/env bash
# One cell of the grid of NATs with the real program, as root: usage: grid_cell.sh DIALLER OTHER [SEED]
# Both are presets of tests/natlab/nat.h. Two relays stand in the internet; every line takes 10 ms.
# Prints "cell DIALLER OTHER SEED " and what tests/netns/grid_cell.py prints.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/nat_pair.sh"

PATIENCE=${PATIENCE:-20} # seconds that a direct path may take

nat_pair "$1" "$2" "${3:-1}" delay=10
sleep "${SETTLE:-3}" # STUN has answered, and who tries routers and addresses is through
result=$(on bob timeout $((PATIENCE + 40)) "$PYTHON" "$ROOT/tests/netns/grid_cell.py" \
  "$T/bob/control.sock" "${IDS[bob]}" "$T/alice/control.sock" "${IDS[alice]}" echo.alice \
  "$PATIENCE" 2>&1 | tail -n 1)
echo "cell $1 $2 ${3:-1} $result"
[ -z "${GRID_KEEP:-}" ] || cp -r "$T" "$GRID_KEEP"
finish
