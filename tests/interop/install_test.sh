#!/usr/bin/env bash
# What a person does first: the demo, an installation, and taking it away again.
. "$(dirname "$0")/../netns/lib.sh"

hosts a
cd "$ROOT" || die "no $ROOT"
mkdir "$T/tmp"
export TMPDIR=$T/tmp
check "the demo shows the page and ends by itself" \
  shows 'It works' on a tests/tools/demo.sh "$OVERLAY"
check "a program that fails makes the demo fail" fails on a tests/tools/demo.sh /bin/false
check "neither leaves anything behind" prints "" ls "$TMPDIR"
unset TMPDIR

installing() { make --no-print-directory "$1" DESTDIR="$T/root" prefix=/usr; }
files() { find "$T/root" -type f | wc -l; }
folders() { (cd "$T/root" && find . -type d | sort | paste -sd ' '); }
STANDARD='. ./usr ./usr/bin ./usr/lib ./usr/share ./usr/share/doc'
STANDARD="$STANDARD ./usr/share/man ./usr/share/man/man1 ./usr/share/man/man5 ./usr/share/man/man8"
if [ "$OVERLAY" = "$ROOT/build/release/overlay" ]; then
  mkdir -p "$T/root/usr/share/zsh/site-functions"
  check "make install" installing install
  check "and once more, over it" installing install
  check "the installed program runs" shows '^overlay [0-9]' "$T/root/usr/bin/overlay" version
  check "with its manual page" grep -q '^\.Dt OVERLAY 1' "$T/root/usr/share/man/man1/overlay.1"
  check "and completion that bash can read" \
    bash -n "$T/root/usr/share/bash-completion/completions/overlay"
  check "make uninstall" installing uninstall
  check "leaves no file" prints 0 files
  check "and no folder but the standard ones and those that were there" \
    prints "$STANDARD ./usr/share/zsh ./usr/share/zsh/site-functions" folders
fi
finish
