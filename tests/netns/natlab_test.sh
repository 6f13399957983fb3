#!/usr/bin/env bash
# The simulated routers behave as the kernel's: the same probe, through nft and through the lab, says
# the same. And the lab changes while it runs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../natlab/lab.sh"

PROBE=$ROOT/tests/netns/nat_probe.py
S1=203.0.113.1 S2=203.0.113.201

# ---- the kernel's ----

hosts ks kclosed kopen krandom cclosed copen crandom
network 203.0.113 ks kclosed kopen krandom
ip -n "$PREFIX-ks" address add $S2/24 dev eth0

# kernel_nat ROUTER HOST RULE...
kernel_nat() {
  local router=$1 host=$2
  shift 2
  cable "$host" 192.168.1.2 "$router" 192.168.1.1
  ip -n "$PREFIX-$host" route add default via 192.168.1.1
  on "$router" sysctl -q net.ipv4.ip_forward=1
  on "$router" nft -f - <<END || die "nft refused the rules of $router"
table ip nat {
  chain prerouting { type nat hook prerouting priority -100; }
  chain postrouting { type nat hook postrouting priority 100; ip saddr 192.168.1.0/24 $*; }
}
END
}
kernel_nat kclosed cclosed masquerade
kernel_nat kopen copen masquerade
kernel_nat krandom crandom masquerade fully-random
on kclosed nft 'table ip filter { chain input { type filter hook input priority 0; iifname "eth0" ct state new drop; }; }'

# ---- the lab's ----

natlab <<END
seed 11
hops 0
nat closed type=linux wan=203.0.113.2
nat open type=poisonable wan=203.0.113.3
nat random type=sym_random wan=203.0.113.4
nat sequential type=sym_seq wan=203.0.113.5
nat cone type=full_cone wan=203.0.113.6
nat restricted type=address_restricted wan=203.0.113.7
nat twice type=cgnat wan=203.0.113.8
nat blocked type=udp_blocked wan=203.0.113.9
host lclosed ip=192.168.1.2/24 behind=closed
host lopen ip=192.168.1.2/24 behind=open
host lrandom ip=192.168.1.2/24 behind=random
host lsequential ip=192.168.1.2/24 behind=sequential
host lcone ip=192.168.1.2/24 behind=cone
host lrestricted ip=192.168.1.2/24 behind=restricted
host ltwice ip=192.168.1.2/24 behind=twice
host lblocked ip=192.168.1.2/24 behind=blocked
host ls ip=$S1/24 ip=$S2/24
END

# ---- the same probe through both ----

for host in ks ls; do
  server $host "probe-$host" "$PYTHON" "$PROBE" serve $S1 $S2
  within 10 grep -qx ready "$T/probe-$host.log" || die "no probe server on $host"
done
probe() { on "$1" timeout 30 "$PYTHON" "$PROBE" probe $S1 $S2; }

linux="mapping=ei ports=preserve filter=apd"
symmetric="mapping=apd ports=random filter=apd"
check "masquerade with a closed INPUT is a port-restricted cone that keeps its ports" \
  prints "$linux early=kept later=same expired=shut" probe cclosed
check "so is the lab's linux" prints "$linux early=kept later=same expired=shut" probe lclosed
check "masquerade with an open INPUT gives a port away to who comes first" \
  prints "$linux early=moved later=same expired=shut" probe copen
check "so does the lab's poisonable" prints "$linux early=moved later=same expired=shut" probe lopen
check "masquerade fully-random is symmetric" \
  prints "$symmetric early=moved later=other expired=shut" probe crandom
check "so is the lab's sym_random" prints "$symmetric early=moved later=other expired=shut" probe lrandom

# ---- what this kernel's rules cannot do as well ----

check "sym_seq counts its ports up" \
  prints "mapping=apd ports=sequential filter=apd early=moved later=other expired=shut" probe lsequential
check "full_cone lets everybody in" \
  prints "mapping=ei ports=preserve filter=ei early=kept later=same expired=shut" probe lcone
check "address_restricted lets in every port of who was spoken to" \
  prints "mapping=ei ports=preserve filter=ad early=kept later=same expired=shut" probe lrestricted
check "two routers in a row are as strict as the stricter" \
  prints "mapping=ei ports=random filter=apd early=moved later=same expired=shut" probe ltwice

# ---- TCP, ICMP and changes in a running lab ----

reach() { on "$1" timeout 5 "$PYTHON" -c "import socket,sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).getsockname()[0])" "$2" "$3"; }
server ls tcp-ls "$PYTHON" "$NET" echo 0.0.0.0 8080
within 10 listening ls 8080 || die "no TCP server"
check "TCP leaves through a router" prints 192.168.1.2 reach lclosed $S1 8080
check "TCP leaves through two, and where UDP is blocked" \
  prints $'192.168.1.2\n192.168.1.2' eval "reach ltwice $S1 8080; reach lblocked $S1 8080"
check "TCP from outside is lost at a closed INPUT" shows "timed out" reach ls 203.0.113.2 80
check "and refused by an open one" shows "Connection refused" reach ls 203.0.113.3 80

# An error of the network, told to a connected socket: port unreachable, by way of the routers.
unreachable() { on "$1" timeout 5 "$PYTHON" -c "import socket,sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 9))
s.settimeout(3)
s.send(b'x')
s.recv(1)" $S1; }
check "an ICMP error finds its way back through two routers" \
  shows "ConnectionRefusedError" unreachable ltwice

check "a lab is told in words and answers" shows "^out=[1-9].* poisoned=[1-9]" lab count open
check "and says what it did not understand" shows "no preset worse" \
  lab nat x type=worse wan=203.0.113.99
check "a cut keeps two apart" lab cut closed ls
check "as the one behind it sees" fails reach lclosed $S1 8080
check "until it is mended" lab mend closed ls
check "and they meet again" prints 192.168.1.2 reach lclosed $S1 8080
check "a line can be made slow" lab line lclosed delay=400
slow() { on lclosed timeout 10 "$PYTHON" -c "import socket,time,sys
at = time.monotonic()
socket.create_connection((sys.argv[1], 8080), 5)
print('slow' if time.monotonic() - at >= 0.8 else 'fast')" $S1; }
check "and is" prints slow slow
check "and quick again" lab line lclosed delay=0
check "a router may start anew with another address" lab reboot cone wan=203.0.113.66
seen_as() { on "$1" timeout 5 "$PYTHON" -c "import socket,sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.sendto(b'see', (sys.argv[1], 3478))
print(s.recv(99).decode().split()[0])" $S1; }
check "by which its hosts are known then" prints 203.0.113.66 seen_as lcone
check "a host moves to another network" lab_move lcone behind=random ip=192.168.1.77/24
check "and is known by that one's address" prints 203.0.113.4 seen_as lcone
check "a program that asks too much is told the end" fails lab line nobody delay=1

finish
