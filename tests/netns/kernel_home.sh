# shellcheck shell=bash
# Homes behind routers whose kernels translate, around a host called `internet`; after lib.sh. What
# the router does to packets is masquerade()'s, or the story's own: nft rules on its device `wan`.

# link HOST ADDRESS HOST ADDRESS NAME: a cable whose device at the first host has this name
link() {
  ip link add "$5" netns "$PREFIX-$1" type veth peer name "to-$1" netns "$PREFIX-$3" ||
    die "cannot make a veth pair"
  address "$1" "$2" "$5"
  address "$3" "$4" "to-$1"
}
# home HOST ROUTER LAN WAN24
home() {
  link "$1" "192.168.$3.2" "$2" "192.168.$3.1" eth0
  link "$2" "$4.1" internet "$4.254" wan
  on "$1" ip route add default via "192.168.$3.1"
  on "$2" ip route add default via "$4.254"
}
# masquerade ROUTER HOOK...: it translates, and drops what comes to these hooks of its own accord
masquerade() {
  local hook
  on "$1" sysctl -q net.ipv4.ip_forward=1
  {
    echo 'table ip nat {'
    echo '  chain out {'
    echo '    type nat hook postrouting priority 100'
    echo '    oifname "wan" masquerade'
    echo '  }'
    echo '}'
    echo 'table ip filter {'
    for hook in "${@:2}"; do
      echo "  chain $hook {"
      echo "    type filter hook $hook priority 0"
      echo '    iifname "wan" ct state established,related accept'
      echo '    iifname "wan" drop'
      echo '  }'
    done
    echo '}'
  } | on "$1" nft -f -
}
