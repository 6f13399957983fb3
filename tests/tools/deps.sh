#!/usr/bin/env bash
# Installs what is missing, with apt, and names it. Nothing missing: says nothing, needs no root and
# no network.
#
# usage: deps.sh [-n] GROUP...     GROUP = build | demo | test | lint | bench | deb     -n: only tell
#        deps.sh backports         only lets apt find ngtcp2
#
# A thing is looked for by what we use of it (a command, a library for pkg-config, a header), so one
# that was installed in another way counts too. ngtcp2 must be 1.11 or newer: where the release's own
# is older, <release>-backports is added with the mirror that apt already uses for the release.
set -eu

NGTCP2=1.11

# command NAME, library NAME, header FILE or module NAME (Debian's Python), then the Debian package.
things() {
  case $1 in
    build)
      echo "command gcc gcc
            header stdio.h libc6-dev
            command make make
            command pkg-config pkg-config
            library libuv libuv1-dev
            library libsodium libsodium-dev
            library gnutls libgnutls28-dev
            library libngtcp2>=$NGTCP2 libngtcp2-dev
            library libngtcp2_crypto_gnutls>=$NGTCP2 libngtcp2-crypto-gnutls-dev
            library ldns libldns-dev
            library jansson libjansson-dev
            library inih libinih-dev
            library libcares libc-ares-dev
            library miniupnpc libminiupnpc-dev
            library libqrencode libqrencode-dev
            library libcurl libcurl4-gnutls-dev
            library libsystemd libsystemd-dev"
      # AES for packets at four times the speed; packaged for x86-64 alone, and we do without.
      [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] ||
        echo "header intel-ipsec-mb.h libipsec-mb-dev"
      ;;
    demo)
      echo "command curl curl
            command python3 python3"
      ;;
    test)
      things demo
      echo "library cmocka libcmocka-dev
            command ip iproute2
            command nft nftables
            command ps procps
            command dbus-daemon dbus
            command systemd-analyze systemd
            command setpriv util-linux
            command dig bind9-dnsutils
            command kdig knot-dnsutils
            command ssh openssh-client
            command openssl openssl
            command certutil libnss3-tools
            command firefox-esr firefox-esr
            command turnserver coturn
            command miniupnpd miniupnpd-nftables
            command dropbear dropbear-bin
            command iperf3 iperf3
            command dovecot dovecot-imapd
            command exim4 exim4-daemon-light
            command node nodejs
            command npm npm
            module libtorrent python3-libtorrent
            command chromium chromium"
      ;;
    lint)
      echo "command clang clang
            command clang-format clang-format
            command clang-tidy clang-tidy
            command cppcheck cppcheck
            command mandoc mandoc
            command shellcheck shellcheck
            command valgrind valgrind
            command gcovr gcovr"
      ;;
    bench)
      echo "command python3 python3
            command iperf3 iperf3
            command wrk wrk
            command haproxy haproxy
            command ssh openssh-client
            command sshd openssh-server
            command unbound unbound
            command nginx nginx
            command turnserver coturn"
      ;;
    deb)
      echo "command dpkg-buildpackage dpkg-dev
            command g++ build-essential
            command dh debhelper
            command dh_apparmor dh-apparmor"
      ;;
    *) echo "deps.sh: no group '$1'" >&2; exit 2 ;;
  esac
}

PATH=$PATH:/usr/sbin:/sbin

is_there() {
  case $1 in
    command) command -v "$2" >/dev/null ;;
    header) [ -e "/usr/include/$2" ] || echo "#include <$2>" | gcc -E - >/dev/null 2>&1 ;;
    library)
      command -v pkg-config >/dev/null && pkg-config --exists "${2/>=/ >= }"
      ;;
    module) /usr/bin/python3 -c "import $2" 2>/dev/null ;;
    *) echo "deps.sh: no kind '$1'" >&2; exit 2 ;;
  esac
}

missing() {
  for group in "$@"; do things "$group"; done | while read -r kind name package; do
    is_there "$kind" "$name" || echo "$package"
  done | sort -u
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "deps: installing needs root: run 'make deps' as root, or install sudo" >&2
    exit 1
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    echo "deps: apt-get $* failed" >&2
    exit 1
  }
}

# What apt would install now for libngtcp2-dev is new enough.
ngtcp2_in_release() {
  local candidate
  candidate=$(apt-cache policy libngtcp2-dev | sed -n 's/^  Candidate: //p')
  [ -n "$candidate" ] && dpkg --compare-versions "$candidate" ge "$NGTCP2"
}

# shellcheck source=tests/tools/mirror.sh
. "$(dirname "$0")/mirror.sh"

has_backports() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(CODENAME)' 'Created-By: Packages' |
    grep -qx "$VERSION_CODENAME-backports"
}

add_backports() {
  local address keys=/usr/share/keyrings/debian-archive-keyring.gpg
  # shellcheck source=/dev/null
  . /etc/os-release
  ! has_backports || return 0
  address=$(mirror)
  [ -n "$address" ] || {
    echo "deps: ngtcp2 >= $NGTCP2 is needed and this release has none; apt names no Debian mirror" >&2
    exit 1
  }
  echo "deps: adding $VERSION_CODENAME-backports (for ngtcp2) to apt: /etc/apt/sources.list.d/overlay-backports.sources"
  {
    printf 'Types: deb\nURIs: %s\nSuites: %s-backports\nComponents: main\n' \
      "$address" "$VERSION_CODENAME"
    [ ! -e $keys ] || echo "Signed-By: $keys"
  } | as_root tee /etc/apt/sources.list.d/overlay-backports.sources >/dev/null
  apt update
}

# Daemons come along that only our benchmark runs, by itself: none may start here, now or at boot.
without_services() {
  local policy=/usr/sbin/policy-rc.d ours='' unit
  if [ ! -e $policy ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
  fi
  "$@"
  [ -z "$ours" ] || as_root rm -f $policy
  for unit in $new_services; do
    if [ -d /run/systemd/system ]; then
      as_root systemctl --quiet disable "$unit" || true
    fi
  done
}

install_packages() {
  local backport=
  apt update
  case " $* " in
    *" libngtcp2-"*)
      if ! ngtcp2_in_release; then
        add_backports
        # shellcheck source=/dev/null
        . /etc/os-release
        backport=$VERSION_CODENAME-backports
      fi
      ;;
  esac
  # shellcheck disable=SC2046  # one word a package
  without_services apt install --no-install-recommends \
    $(printf '%s\n' "$@" | sed "/^libngtcp2-/s|\$|${backport:+/$backport}|")
}

only_tell=
if [ "${1:-}" = -n ]; then
  only_tell=yes
  shift
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "${1:-}" = backports ]; then
  ngtcp2_in_release || add_backports
  exit
fi
packages=$(missing "$@" | paste -sd ' ')
[ -n "$packages" ] || exit 0
echo "deps: missing: $packages"
[ -z "$only_tell" ] || exit 1
command -v apt-get >/dev/null || {
  echo "deps: no apt-get here; install these by hand (the names are Debian's)" >&2
  exit 1
}
new_services=
for pair in coturn:coturn.service miniupnpd-nftables:miniupnpd.service dovecot-imapd:dovecot.service exim4-daemon-light:exim4.service openssh-server:ssh.service haproxy:haproxy.service unbound:unbound.service nginx:nginx.service; do
  case " $packages " in *" ${pair%%:*} "*) new_services="$new_services ${pair##*:}" ;; esac
done
# shellcheck disable=SC2086  # one word a package
install_packages $packages
still=$(missing "$@" | paste -sd ' ')
[ -z "$still" ] || {
  echo "deps: still missing after the installation: $still" >&2
  exit 1
}
echo "deps: installed: $packages"
