#!/usr/bin/env bash
# usage: generate.sh PROGRAM FOLDER   (bindir from the Makefile)
# Makes what follows from the program's own tables: manual pages, completions; and fills in units.
set -eu

program=$1
out=$2
here=$(dirname "$0")
mkdir -p "$out"

# The line @NAME@ of a source becomes the part that the program prints.
page() { # SOURCE NAME PART
  "$program" manual "$3" >"$out/part"
  sed -e "/^@$2@\$/{" -e "r $out/part" -e 'd' -e '}' "$here/$1.in" >"$out/$1"
  rm "$out/part"
}

page overlay.1 COMMANDS commands
page overlay.conf.5 OPTIONS options
cp "$here/libnss_overlay.8" "$out/"
"$program" completion bash >"$out/overlay.bash"
"$program" completion zsh >"$out/_overlay"
"$program" completion fish >"$out/overlay.fish"
for unit in overlay.service overlay-user.service overlay.socket; do
  sed "s|@bindir@|${bindir:-/usr/local/bin}|" "$here/../packaging/$unit" >"$out/$unit"
done
