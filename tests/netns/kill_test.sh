#!/usr/bin/env bash
# A gateway that is killed in the middle of a download: nobody may take what breaks off for an end
# of data, neither the programs beside it nor those beside the other gateway.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
serve a 7001 pour
gateway a
gateway b
ov a share 7001 --as pour --public >/dev/null || die "share"
knows b a 192.0.2.1 >/dev/null || die "peer add"
port=$(port_of b pour.a)

# download NAME: a program of b that reads what never ends, its output in $T/NAME.log
download() {
  server b "$1" "$PYTHON" "$NET" expect-break 127.0.0.1 "$port"
  within 10 grep -q READ "$T/$1.log" || die "no download"
}

download near
check "the gateway beside the program is killed" kill_gateway b KILL
check "the program sees a reset" within 5 grep -qx RESET "$T/near.log"
gateway b
check "and the service of the far side, too" within 15 grep -q RESET "$T/pour-7001.log"

: >"$T/pour-7001.log"
download far
check "the gateway beside the service is killed" kill_gateway a KILL
check "the service sees a reset" within 5 grep -q RESET "$T/pour-7001.log"
gateway a
check "and the program of the other side, too, when it is back" within 15 grep -qx RESET "$T/far.log"

: >"$T/pour-7001.log"
download again
check "a gateway that stops" ov b stop
check "resets the program, too" within 5 grep -qx RESET "$T/again.log"
check "and the far side at once" within 5 grep -q RESET "$T/pour-7001.log"
finish
