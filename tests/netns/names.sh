# shellcheck shell=bash
# Programs that look names up by the C library, after tests/netns/lib.sh: a host whose nsswitch.conf
# names libnss_overlay, with the gateway's socket where the module looks for it.
#
#   names_prepare HOST UID     before the gateway, which runs as UID and reads $T/HOST/overlay.conf
#   names_route HOST           makes the pool local and redirects its TCP, as `overlay setup` does
#   with_names HOST CMD...     runs a command that sees the machine so
# The hosts line is in $T/nsswitch.conf, name servers in $T/resolv.conf.

MODULE=$(dirname "$OVERLAY")/libnss_overlay.so.2
[ -e "$MODULE" ] || MODULE=$ROOT/build/release/libnss_overlay.so.2

names_prepare() {
  mkdir -p "$T/$1" "$T/lib" "$T/$1-names"
  cp "$MODULE" "$T/lib/" || die "no module: run make"
  chown "$2" "$T/$1" "$T/$1-names"
  printf '[setup]\nnames_socket = %s\n' "$T/$1-names/names.sock" >>"$T/$1/overlay.conf"
  echo 'nameserver 127.0.0.1' >"$T/resolv.conf"
  echo 'hosts: files overlay [NOTFOUND=return] dns' >"$T/nsswitch.conf"
}

names_route() {
  ip -n "$PREFIX-$1" route add local 198.19.0.0/16 dev lo
  on "$1" nft -f - <<'EOF'
table ip overlay {
  chain output {
    type nat hook output priority -100
    ip daddr 198.19.0.0/16 meta l4proto tcp redirect to :7790
  }
}
EOF
}

with_names() {
  on "$1" unshare -m sh -c '
    T=$0 names=$1
    shift
    mount --bind "$T/resolv.conf" /etc/resolv.conf
    mount --bind "$T/nsswitch.conf" /etc/nsswitch.conf
    mount -t tmpfs tmpfs /run && mkdir /run/overlay && mount --bind "$names" /run/overlay
    exec env LD_LIBRARY_PATH="$T/lib" "$@"' "$T" "$T/$1-names" "${@:2}"
}
