#!/usr/bin/env bash
# The grid of NATs with the real program over TUN in namespaces, several labs at a time:
# usage: grid.sh [DIALLER OTHER]...      without arguments all 64 cells
# Cells that must guess ports are played with three seeds (GUESS_SEEDS=N), the others with one. JOBS=N labs
# at once. Prints a table like tests/grid's; rows are the dialler's NAT.
set -u

here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" -ne 0 ]; then
  exec sudo --preserve-env=OVERLAY,NATLAB,GUESS_SEEDS,JOBS,PATIENCE,GRID_OUT "$here/grid.sh" "$@"
fi
TYPES=(public full_cone address_restricted port_restricted poisonable sym_seq sym_random sym_block512)
out=${GRID_OUT:-$(mktemp /tmp/overlay-grid.XXXXXX)}
: >"$out"

# One gives each destination a port of its own, and the other lets in only whom it knows by port.
guesses() {
  case $1/$2 in
    sym_*/sym_* | sym_*/port_restricted | sym_*/poisonable | port_restricted/sym_* | poisonable/sym_*) ;;
    *) return 1 ;;
  esac
}
cells() {
  local dialler other seed seeds
  if [ $# -eq 0 ]; then
    for dialler in "${TYPES[@]}"; do
      for other in "${TYPES[@]}"; do set -- "$@" "$dialler" "$other"; done
    done
  fi
  while [ $# -ge 2 ]; do
    seeds=1
    guesses "$1" "$2" && seeds=${GUESS_SEEDS:-3}
    for seed in $(seq "$seeds"); do echo "$1 $2 $seed"; done
    shift 2
  done
}

begin=$SECONDS
cells "$@" | xargs -P "${JOBS:-6}" -n 3 timeout 120 "$here/grid_cell.sh" 2>&1 | tee -a "$out" |
  grep -v '^cell ' >&2
echo "The real program in namespaces: seconds until direct (median of the seeds); the dialler's NAT at the left"
awk -v types="${TYPES[*]}" '
  function field(name,   i) {
    for (i = 5; i <= NF; i++)
      if (index($i, name "=") == 1) return substr($i, length(name) + 2)
    return "-"
  }
  function median(list,   n, v, i, j, t) {
    n = split(list, v, " ")
    for (i = 1; i <= n; i++)
      for (j = i + 1; j <= n; j++)
        if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
    return n ? v[int(n / 2) + 1] : 0
  }
  function guesses(a, b) {
    return (a ~ /^sym/ && b ~ /^(sym|port|poison)/) || (b ~ /^sym/ && a ~ /^(sym|port|poison)/)
  }
  $1 == "cell" {
    c = $2 "/" $3
    runs[c]++
    echoed = field("echoed")
    well = echoed != "-" && echoed + 0 <= 1000 && field("lost") == "0"
    connected[c] += well
    first = first " " (echoed == "-" ? 99999 : echoed)
    if (field("direct") != "-" && field("lost") == "0") {
      direct[c]++
      times[c] = times[c] " " field("direct") / 1000
      if (guesses($2, $3)) guessed = guessed " " field("direct") / 1000
      else plain = plain " " field("direct") / 1000
    }
  }
  END {
    n = split(types, type, " ")
    printf "%-19s", ""
    for (i = 1; i <= n; i++) printf " %12.12s", type[i]
    printf "\n"
    for (i = 1; i <= n; i++) {
      printf "%-19s", type[i]
      for (j = 1; j <= n; j++) {
        c = type[i] "/" type[j]
        if (!runs[c]) text = "."
        else if (connected[c] < runs[c]) text = "NO " connected[c] + 0 "/" runs[c]
        else if (!direct[c]) text = "relay"
        else text = sprintf("%.2f", median(times[c])) (direct[c] < runs[c] ? " " direct[c] "/" runs[c] : "")
        printf " %12s", text
        cells += runs[c] > 0
        ok += runs[c] > 0 && connected[c] == runs[c]
        # Nine of ten, rounded down, as in the simulator.
        want = int(runs[c] * 9 / 10)
        good += runs[c] > 0 && direct[c] >= (want > 0 ? want : 1)
      }
      printf "\n"
    }
    printf "median: first byte %d ms, direct without guessing %.2f s, with %.2f s\n",
      median(first), median(plain), median(guessed)
    printf "connected %d/%d direct %d/%d\n", ok, cells, good, cells
  }' "$out"
echo "took $((SECONDS - begin)) s"
[ -n "${GRID_OUT:-}" ] || rm -f "$out"
