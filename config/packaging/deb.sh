#!/usr/bin/env bash
# usage: deb.sh VERSION   (from the Makefile)
# Builds the Debian packages into build/deb. The same commit gives the same bytes on the same
# release: times come from the commit, and paths are cut out of what is compiled.
set -eu

version=$1
out=$(pwd)/build/deb
tree=$out/overlay-$version
rm -rf "$out"
mkdir -p "$tree"
if git rev-parse --git-dir >/dev/null 2>&1; then
  [ -z "$(git status --porcelain)" ] || echo "deb: packing the last commit; the tree has changes" >&2
  git archive --format=tar HEAD | tar -x -C "$tree"
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
else # an unpacked tarball, whose files all have the commit's time
  tar -c --exclude=./build . | tar -x -C "$tree"
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y Makefile)}
fi
export SOURCE_DATE_EPOCH
cp -r "$tree/config/packaging/debian" "$tree/debian"
printf 'overlay (%s) unstable; urgency=medium\n\n  * Built from the source of version %s.\n\n -- %s  %s\n' \
  "$version" "$version" "$(sed -n 's/^Maintainer: //p' "$tree/debian/control")" \
  "$(date -Ru -d "@$SOURCE_DATE_EPOCH")" >"$tree/debian/changelog"
cd "$tree"
dpkg-buildpackage -b -us -uc >"$out/build.log" 2>&1 || {
  tail -n 40 "$out/build.log" >&2
  echo "deb: failed; see build/deb/build.log" >&2
  exit 1
}
cd "$out"
rm -rf "$tree"
ls -- *.deb
