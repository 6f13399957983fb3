#!/usr/bin/env bash
# Eight cells of the grid of NATs with the real program, one of each kind of pair; `make grid` plays
# all of them.
here=$(cd "$(dirname "$0")" && pwd)

cells="public/sym_random full_cone/port_restricted address_restricted/sym_block512
port_restricted/port_restricted poisonable/poisonable port_restricted/sym_seq
sym_random/port_restricted sym_random/sym_random"
out=$(mktemp -d /tmp/overlay-grid.XXXXXX)
trap 'rm -rf "$out"' EXIT
begin=$SECONDS
for cell in $cells; do echo "${cell%/*} ${cell#*/} 1"; done |
  xargs -P 4 -n 3 timeout 120 "$here/grid_cell.sh" >"$out/cells" 2>&1

failures=0
# is SENTENCE DIALLER/OTHER PATTERN
is() {
  local line
  line=$(grep "^cell ${2%/*} ${2#*/} 1 " "$out/cells")
  if printf '%s' "$line" | grep -Eq -- "$3"; then
    echo "ok $1"
    return
  fi
  failures=$((failures + 1))
  echo "not ok $1"
  echo "#   ${line:-$2 gave nothing}"
}
for cell in $cells; do
  is "$cell: a byte comes back within 1 s, and the stream stays" "$cell" \
    ' echoed=([0-9]{1,3}|1000) .* lost=0'
  case $cell in
    sym_*/sym_*) is "$cell: stays on the relay, and says why" "$cell" ' direct=- .* why=..' ;;
    *) is "$cell: is direct within 20 s" "$cell" ' direct=[0-9]' ;;
  esac
done
[ $failures -eq 0 ] || cat "$out/cells"
echo "# $((SECONDS - begin)) s"
[ $failures -eq 0 ]
