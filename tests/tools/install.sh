#!/usr/bin/env bash
# usage: install.sh install PROGRAM | uninstall   (from the Makefile, which exports the directories)
# shellcheck disable=SC2154  # the Makefile exports the directories
# One list of files serves both, so that uninstall leaves nothing behind. Folders that were made are
# noted beside the README: those of other programs may be empty and yet not ours to take away.
set -eu

D=${DESTDIR:-}
NOTE=$docdir/folders

# source, place, kind; a file that this build does not make is left out.
files() {
  echo "${1:-build/release/overlay} $bindir/overlay program"
  echo "build/release/libnss_overlay.so.2 $libdir/libnss_overlay.so.2 data"
  echo "README.md $docdir/README.md data"
  echo "LICENSE $docdir/LICENSE data"
  echo "build/docs/overlay.service $unitdir/system/overlay.service data"
  echo "build/docs/overlay.socket $unitdir/system/overlay.socket data"
  echo "build/docs/overlay-user.service $unitdir/user/overlay.service data"
  echo "build/docs/overlay.1 $mandir/man1/overlay.1 data"
  echo "build/docs/overlay.conf.5 $mandir/man5/overlay.conf.5 data"
  echo "build/docs/libnss_overlay.8 $mandir/man8/libnss_overlay.8 data"
  echo "build/docs/overlay.bash $datadir/bash-completion/completions/overlay data"
  echo "build/docs/_overlay $datadir/zsh/site-functions/_overlay data"
  echo "build/docs/overlay.fish $datadir/fish/vendor_completions.d/overlay.fish data"
}

# Everybody's: they stay, whoever made them.
is_standard() {
  case $1 in
    / | . | "$bindir" | "$libdir" | "$datadir" | "$datadir/doc" | "$mandir" | "$mandir"/* | "$(dirname "$unitdir")") ;;
    *) return 1 ;;
  esac
}

# The folders above file $1 that are not there yet.
new_folders() {
  local folder
  folder=$(dirname "$1")
  until [ -d "$D$folder" ] || is_standard "$folder"; do
    echo "$folder"
    folder=$(dirname "$folder")
  done
}

case $1 in
  install)
    new=$(files "$2" | while read -r from to _; do [ ! -e "$from" ] || new_folders "$to"; done | sort -u)
    files "$2" | while read -r from to kind; do
      [ -e "$from" ] || continue
      mkdir -p "$(dirname "$D$to")"
      if [ "$kind" = program ]; then
        $INSTALL_PROGRAM "$from" "$D$to"
      else
        $INSTALL_DATA "$from" "$D$to"
      fi
      echo "  INSTALL $D$to"
    done
    if [ -n "$new" ]; then
      printf '%s\n' "$new" >>"$D$NOTE"
      chmod 644 "$D$NOTE"
    fi
    ;;
  uninstall)
    files | while read -r _ to _; do
      [ -e "$D$to" ] || continue
      rm -f "$D$to"
      echo "  REMOVE  $D$to"
    done
    folders=$([ ! -e "$D$NOTE" ] || cat "$D$NOTE")
    rm -f "$D$NOTE"
    # What holds somebody's file stays; the deepest come first.
    printf '%s\n' "$docdir" "$folders" | sort -ru | while read -r folder; do
      [ -z "$folder" ] || rmdir "$D$folder" 2>/dev/null || :
    done
    ;;
  *) exit 2 ;;
esac
