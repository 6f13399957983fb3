#!/usr/bin/env bash
# usage: check-deb.sh [SUITE...]     as root; bookworm and trixie unless others are named
# The Debian packages in fresh roots made by debootstrap: they build, twice to the same bytes, from a
# tarball of the last commit; they install in a root that has never seen a compiler, work, and go
# away without a trace. Roots are kept in build/roots; take that folder away to make them anew.
# shellcheck disable=SC2016  # the shell inside expands
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ROOTS=$ROOT/build/roots
FAILURES=0
unset CC CFLAGS LDFLAGS MAKEFLAGS MAKELEVEL MFLAGS
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
. "$ROOT/tests/tools/mirror.sh"

die() {
  echo "not ok $*"
  exit 1
}
check() {
  local sentence=$1
  shift
  if "$@" >"$ROOTS/check.log" 2>&1; then
    echo "ok $sentence"
  else
    echo "not ok $sentence"
    tail -n 30 "$ROOTS/check.log" | sed 's/^/#   /'
    FAILURES=$((FAILURES + 1))
    return 1
  fi
}
# in_root ROOT COMMAND...: with a /proc and a network of its own, or with ours: with_network
in_root() {
  local root=$1
  shift
  unshare --mount --pid --net --fork sh -c '
    ip link set lo up; mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"
    exec chroot "$0" "$@"' "$root" "$@"
}
with_network() {
  local root=$1
  shift
  unshare --mount --pid --fork sh -c '
    mount -t proc proc "$0/proc"; mount --bind /dev "$0/dev"; exec chroot "$0" "$@"' "$root" "$@"
}
# base SUITE: the root that debootstrap makes, with package lists
base() {
  [ ! -e "$ROOTS/$1/made" ] || return 0
  rm -rf "${ROOTS:?}/$1"
  mkdir -p "$ROOTS/$1"
  debootstrap --variant=minbase "$1" "$ROOTS/$1/base" "$(mirror)" || return 1
  printf '#!/bin/sh\nexit 101\n' >"$ROOTS/$1/base/usr/sbin/policy-rc.d"
  chmod 755 "$ROOTS/$1/base/usr/sbin/policy-rc.d"
  touch "$ROOTS/$1/made"
}
# fresh SUITE NAME: a copy of it
fresh() {
  rm -rf "${ROOTS:?}/$1/$2"
  cp -a "$ROOTS/$1/base" "$ROOTS/$1/$2"
  cp /etc/resolv.conf "$ROOTS/$1/$2/etc/resolv.conf"
  cp /etc/hosts "$ROOTS/$1/$2/etc/hosts"
  cp -a /etc/apt/apt.conf.d/. "$ROOTS/$1/$2/etc/apt/apt.conf.d/"
}
unpack() { # ROOT FOLDER
  mkdir -p "$1/$2"
  git -C "$ROOT" archive --format=tar HEAD | tar -x -C "$1/$2"
}
# Not what other packages' scripts change: /run, and a folder that AppArmor's own take away when empty.
files_of() {
  find "$1" -xdev \( -path "$1/proc" -o -path "$1/run" -o -path "$1/etc/apparmor.d/disable" -o -path "$1/dev" -o -path "$1/tmp" -o -path "$1/var/cache" \
    -o -path "$1/var/lib/apt" -o -path "$1/var/lib/dpkg" -o -path "$1/var/log" \) -prune -o \
    -printf '%P %y %m %U\n' | sort
}
the_same() { # ROOT: both builds
  (cd "$1/one/build/deb" && sha256sum -- *.deb) >"$ROOTS/one.sums"
  (cd "$1/another-place/build/deb" && sha256sum -- *.deb) >"$ROOTS/two.sums"
  cat "$ROOTS/one.sums"
  diff "$ROOTS/one.sums" "$ROOTS/two.sums"
}
scores_well() { # ROOT UNIT: at most 2.0
  local score
  score=$(in_root "$1" env SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0 sh -c 'systemd-analyze security --no-pager --offline=true "$(dpkg -L overlay | grep "/system/$0\$")"' "$2" |
    sed -n 's/.*exposure level for [^:]*: \([0-9.]*\) .*/\1/p')
  echo "systemd-analyze security: $score"
  awk -v s="$score" 'BEGIN { exit !(s != "" && s <= 2.0) }'
}

suite_story() {
  local suite=$1 building="$ROOTS/$1/building" using="$ROOTS/$1/using"
  fresh "$suite" building
  unpack "$building" one
  unpack "$building" another-place
  check "$suite: make deps finds what the packages need" \
    with_network "$building" sh -c 'apt-get -q update && apt-get -q -y install make && make -C /one deps-deb' || return
  check "$suite: make deb" with_network "$building" env SOURCE_DATE_EPOCH="$epoch" make -C /one deb || return
  check "$suite: and again, elsewhere" \
    with_network "$building" env SOURCE_DATE_EPOCH="$epoch" make -C /another-place deb || return
  check "$suite: to the same bytes" the_same "$building"

  fresh "$suite" using
  mkdir -p "$using/debs"
  cp "$building"/one/build/deb/*.deb "$using/debs/"
  unpack "$using" src
  check "$suite: a root without a compiler" with_network "$using" sh -c '
    apt-get -q update && apt-get -q -y install --no-install-recommends curl python3 iproute2 systemd apparmor &&
    cd /src && tests/tools/deps.sh backports && ! command -v cc' || return
  files_of "$using" >"$ROOTS/before"
  check "$suite: apt installs the packages" \
    with_network "$using" sh -c 'apt-get -q -y install --no-install-recommends /debs/*.deb' || return
  check "$suite: the program says its version" in_root "$using" overlay version
  check "$suite: two gateways show a page to one another" \
    in_root "$using" sh -c 'cd /src && tests/tools/demo.sh /usr/bin/overlay | grep -q "It works"'
  check "$suite: manual pages and completions are there" in_root "$using" sh -c '
    ls /usr/share/man/man1/overlay.1.gz /usr/share/man/man5/overlay.conf.5.gz \
       /usr/share/bash-completion/completions/overlay'
  check "$suite: the system user is made" in_root "$using" getent passwd overlay
  check "$suite: no unit is switched on" sh -c "! find '$using/etc/systemd' -name 'overlay*' | grep -q ."
  check "$suite: the system's unit is confined" scores_well "$using" overlay.service
  check "$suite: the AppArmor profile is one" \
    in_root "$using" apparmor_parser -Q -K /etc/apparmor.d/overlay-gateway
  check "$suite: the NSS module says nothing where no gateway runs" in_root "$using" sh -c '
    sed -i "s/^hosts:.*/hosts: files overlay dns/" /etc/nsswitch.conf
    ! getent hosts web.alice.overlay && getent hosts localhost
    code=$?
    sed -i "s/^hosts:.*/hosts:          files dns/" /etc/nsswitch.conf
    exit $code'
  check "$suite: apt purges the packages" with_network "$using" sh -c '
    apt-get -q -y purge overlay libnss-overlay && apt-get -q -y autoremove --purge'
  files_of "$using" >"$ROOTS/after"
  check "$suite: and nothing is left but the user" \
    diff <(grep -v '^etc/\(passwd\|group\|shadow\|gshadow\|ld.so.cache\)-\? ' "$ROOTS/before") \
    <(grep -v '^etc/\(passwd\|group\|shadow\|gshadow\|ld.so.cache\)-\? ' "$ROOTS/after")
}

[ "$(id -u)" -eq 0 ] || die "as root"
for program in debootstrap unshare ip git; do
  command -v $program >/dev/null || die "$program is not installed: make deps-deb"
done
mkdir -p "$ROOTS"
epoch=$(git -C "$ROOT" log -1 --format=%ct)
for suite in "${@:-bookworm trixie}"; do
  for one in $suite; do
    check "$one: debootstrap makes a root" base "$one" && suite_story "$one"
  done
done
[ "$FAILURES" -eq 0 ]
