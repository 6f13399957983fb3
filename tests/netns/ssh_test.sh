#!/usr/bin/env bash
# ssh through `overlay pipe`, with a server, keys and a home made for the occasion.
. "$(dirname "$0")/lib.sh"

hosts a b
cable a 192.0.2.1 b 192.0.2.2
ssh-keygen -q -t ed25519 -N '' -f "$T/key"
dropbearkey -t ed25519 -f "$T/hostkey" >/dev/null 2>&1
# dropbear reads ~/.ssh/authorized_keys: in a mount namespace of its own, where /root is ours.
server a dropbear unshare -m bash -c "
  mount -t tmpfs -o mode=700 none /root && mkdir -m 700 /root/.ssh &&
  cat '$T/key.pub' >/root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys &&
  exec dropbear -F -E -r '$T/hostkey' -P '' -p 127.0.0.1:2222"
within 10 listening a 2222 || die "dropbear does not listen"
gateway a
gateway b
ov a share 2222 --as ssh --port 22 --public >/dev/null
knows b a 192.0.2.1 >/dev/null
run_ssh() {
  on b timeout 60 ssh -F none -i "$T/key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o BatchMode=yes \
    -o UserKnownHostsFile="$T/known" -o ProxyCommand="$OVERLAY --home $T/b pipe $1" root@a "${@:2}"
}
check "a command runs over pipe, the server speaking first" shows '^it works$' run_ssh a:22 echo it works
check "by service name as well" shows '^it works$' run_ssh ssh.a echo it works
check "its exit code comes back" exits 7 -- run_ssh a:22 exit 7
there_and_back() { run_ssh a:22 cat <"$T/data" 2>/dev/null | cmp - "$T/data"; }
head -c 16777216 /dev/urandom >"$T/data"
check "16 MiB in and out are whole" there_and_back
count_input() { echo to the end | ov b pipe count.a; }
serve a 7801 count-then-answer
ov a share 7801 --as count --public >/dev/null
check "pipe keeps half-close" shows '^11 ' count_input
check "a stranger's pipe to what is not there is exit 4" exits 4 -- ov b pipe a:23
finish
