#!/usr/bin/env bash
# usage: install.sh install PROGRAM | uninstall   (from the Makefile, which exports the directories)
# shellcheck disable=SC2154  # the Makefile exports the directories
# One list of files serves both, so that uninstall leaves nothing behind.
set -eu

D=${DESTDIR:-}

# source, place, kind; a file that this build does not make is left out.
files() {
  echo "${1:-build/release/overlay} $bindir/overlay program"
  echo "README.md $docdir/README.md data"
  echo "LICENSE $docdir/LICENSE data"
  echo "build/docs/overlay.service $unitdir/system/overlay.service data"
  echo "build/docs/overlay.socket $unitdir/system/overlay.socket data"
  echo "build/docs/overlay-user.service $unitdir/user/overlay.service data"
  echo "build/docs/overlay.1 $mandir/man1/overlay.1 data"
  echo "build/docs/overlay.conf.5 $mandir/man5/overlay.conf.5 data"
  echo "build/docs/overlay.bash $datadir/bash-completion/completions/overlay data"
  echo "build/docs/_overlay $datadir/zsh/site-functions/_overlay data"
  echo "build/docs/overlay.fish $datadir/fish/vendor_completions.d/overlay.fish data"
}

case $1 in
  install)
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
    ;;
  uninstall)
    files | while read -r _ to _; do
      [ -e "$D$to" ] || continue
      rm -f "$D$to"
      echo "  REMOVE  $D$to"
    done
    if [ -d "$D$docdir" ]; then
      rmdir "$D$docdir"
    fi
    ;;
  *) exit 2 ;;
esac
