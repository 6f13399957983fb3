#!/usr/bin/env bash
# Two gateways behind two kernel NATs, with no relay and no DHT: they meet through a real mail server
# (Exim and Dovecot, both with TLS by a private authority), and by messages that a person carries. A
# STUN server tells each how it is seen.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kernel_home.sh"

PATH=$PATH:/usr/sbin
for program in exim4 dovecot turnserver openssl; do
  command -v $program >/dev/null || die "$program is missing: run make deps"
done
MAIL=203.0.113.254
OWNER=Debian-exim

# ---- two homes ----

hosts alice bob door gate internet
on internet sysctl -q net.ipv4.ip_forward=1
home alice door 1 203.0.113
masquerade door forward input
home bob gate 2 198.51.100
masquerade gate forward input
server internet stun turnserver -n --stun-only --no-tls --no-dtls --no-cli -L $MAIL -p 3478 \
  --log-file stdout --pidfile "$T/turnserver.pid"
within 10 listening internet 3478 -u || die "no STUN server"

# ---- the mail server ----

certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=a private CA" \
    -keyout "$T/ca.key" -out "$T/ca.pem" && openssl req -new -newkey ec \
    -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=mail.example.org" -keyout "$T/mail.key" \
    -out "$T/mail.csr" && openssl x509 -req -in "$T/mail.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" \
    -CAcreateserial -days 2 -extfile <(echo "subjectAltName=IP:$MAIL") -out "$T/mail.pem"
}
certificate 2>"$T/openssl.out" || die "openssl: $(tail -n 3 "$T/openssl.out")"
mkdir -p "$T/exim" "$T/mail/alice" "$T/mail/bob" "$T/dovecot"
printf 'alice: secret-a\nbob: secret-b\n' >"$T/exim/passwords"
printf 'alice:{PLAIN}secret-a\nbob:{PLAIN}secret-b\n' >"$T/dovecot/passwords"
chown -R $OWNER: "$T/exim" "$T/mail" "$T/mail.key"

cat >"$T/exim/exim.conf" <<END
primary_hostname = mail.example.org
local_interfaces = $MAIL
daemon_smtp_ports = 465 : 587
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = $T/mail.pem
tls_privatekey = $T/mail.key
spool_directory = $T/exim
log_file_path = $T/exim/%s
pid_file_path = $T/exim/exim.pid
deliver_drop_privilege = true
keep_environment =
notifier_socket =
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = recipient
begin acl
recipient:
  deny message = TLS first
    !encrypted = *
  deny message = log in first
    !authenticated = *
  accept domains = mail.example.org
  deny message = not here
begin routers
mailbox:
  driver = accept
  local_parts = lsearch;$T/exim/passwords
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = $T/mail/\${lookup{\$local_part}lsearch{$T/exim/folders}}
  maildir_format
  user = $OWNER
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_advertise_condition = \${if def:tls_in_cipher}
  server_condition = \${if eq{\$auth3}{\${lookup{\$auth2}lsearch{$T/exim/passwords}{\$value}{}}}}
  server_set_id = \$auth2
END
printf 'alice: alice\nbob: bob\n' >"$T/exim/folders"

cat >"$T/dovecot/dovecot.conf" <<END
protocols = imap
listen = $MAIL
base_dir = $T/dovecot/run
state_dir = $T/dovecot/state
log_path = $T/dovecot.log
ssl = required
ssl_cert = <$T/mail.pem
ssl_key = <$T/mail.key
first_valid_uid = 1
mail_location = maildir:$T/mail/%n
service imap-login {
  inet_listener imap {
    port = 143
  }
  inet_listener imaps {
    port = 993
    ssl = yes
  }
}
passdb {
  driver = passwd-file
  args = $T/dovecot/passwords
}
userdb {
  driver = static
  args = uid=$OWNER gid=$OWNER home=$T/mail/%n
}
END
chmod 755 "$T/dovecot"
start_mail() {
  server internet exim exim4 -C "$T/exim/exim.conf" -bdf
  EXIM=$SERVER
  server internet dovecot-out dovecot -F -c "$T/dovecot/dovecot.conf"
  DOVECOT=$SERVER
  within 10 listening internet 465 && within 10 listening internet 993
}
start_mail || die "no mail server: $(cat "$T/exim.log" "$T/exim/main" "$T/dovecot-out.log" 2>/dev/null | tail -n 5)"

# ---- the gateways ----

# configure HOST PASSWORD SMTP IMAP: no URL, no mail
configure() {
  mkdir -p "$T/$1"
  chmod 700 "$T/$1"
  (umask 077 && echo "$2" >"$T/$1/mail.password")
  cp "$T/ca.pem" "$T/$1/ca.pem"
  {
    printf '%s\n' '[gateway]' 'listen = 0.0.0.0:4433' '[lan]' 'mode = off' '[portmap]' 'mode = off' \
      '[punch]' 'opener_ttl = 2' '[stun]' "servers = $MAIL:3478"
    [ $# -lt 4 ] || printf '%s\n' '[mail]' "smtp = $3" "imap = $4" "user = $1" \
      "from = $1@mail.example.org" 'password_file = mail.password' 'ca = ca.pem' 'poll_s = 20'
  } >"$T/$1/overlay.conf"
}
seen() { [ "$(status "$1" "s['nat']['public']")" != None ]; }
start() {
  for host in alice bob; do
    gateway $host
  done
  within 20 seen alice && within 20 seen bob || die "STUN does not say where they are"
}
stop() {
  for host in alice bob; do
    kill_gateway $host
  done
}
is_direct() { [ "$(status "$1" "s['peers'][0]['state']")" = direct ]; }
left() { find "$T/mail/$1" -path '*/cur/*' -o -path '*/new/*' | wc -l; }
fetch() { # HOST
  local port
  port=$(port_of "$1" web.alice) && on "$1" curl -s --max-time 10 "http://127.0.0.1:$port/page"
}
# forget: where each was reached before
forget() {
  rm -f "$T"/{alice,bob}/bootstrap
  "$PYTHON" - "$T"/{alice,bob}/registry.json <<'END'
import json, sys
for name in sys.argv[1:]:
    with open(name) as file:
        registry = json.load(file)
    for peer in registry["peers"]:
        peer["last_good"] = []
    with open(name, "w") as file:
        json.dump(registry, file)
END
}

mkdir "$T/www"
echo "met by mail" >"$T/www/page"
server alice www "$PYTHON" -m http.server -b 127.0.0.1 -d "$T/www" 7402
within 10 listening alice 7402 || die "no web server"

# By hand: there is no mail.
configure alice secret-a
configure bob secret-b
start
ov alice share 7402 --as web --public >/dev/null 2>&1 || die "share"
ov alice peer add "${IDS[bob]}" --alias bob >/dev/null || die "peer add"
ov bob peer add "${IDS[alice]}" --alias alice >/dev/null || die "peer add"
check "without mail or relay the one does not reach the other" exits 5 -- ov bob open web.alice
ov bob mail send alice >"$T/call" 2>"$T/call.err" || die "mail send"
check "a message is a block of text" test "$(head -n 1 "$T/call")" = "-----BEGIN OVERLAY MESSAGE-----"
check "who wrote it cannot read it" exits 4 'not for us' -- ov bob mail read <"$T/call"
check "what is no message is told so" exits 2 'no Overlay message' -- ov bob mail read </dev/null
{ echo "Hi, here it is:" && sed 's/^/> /; s/$/\r/' "$T/call"; } >"$T/call.quoted"
{ ov alice mail read <"$T/call.quoted" >"$T/answer" 2>"$T/answer.err" && touch "$T/connected"; } &
PIDS+=($!)
within 10 grep -q END "$T/answer" || die "no answer: $(cat "$T/answer.err")"
check "with the answer the two are connected" shows 'connected: direct' ov bob mail read <"$T/answer"
check "and so says who gave it" within 5 test -e "$T/connected"
check "a page comes through" prints "met by mail" fetch bob
check "a message is good once" exits 1 'read before' -- ov alice mail read <"$T/call"
stop

# By mail: TLS at once, and STARTTLS.
forget
ov alice peer add "${IDS[bob]}" --mail bob@mail.example.org >/dev/null || die "peer add --mail"
ov bob peer add "${IDS[alice]}" --mail alice@mail.example.org >/dev/null || die "peer add --mail"
meet() { # SENTENCE
  start
  ov bob open web.alice >"$T/open.out" 2>&1
  check "$1" within 70 is_direct bob
  check "and the page comes through" prints "met by mail" fetch bob
  check "no message is left in a mailbox" test "$(left alice) $(left bob)" = "0 0"
  check "each has sent one" prints "1 1" echo "$(status alice "s['mail']['sent']") $(status bob "s['mail']['sent']")"
  stop
  forget
}
configure alice secret-a smtps://$MAIL imaps://$MAIL
configure bob secret-b smtps://$MAIL imaps://$MAIL
meet "over SMTPS and IMAPS the two meet"
configure alice secret-a smtp://$MAIL:587 imap://$MAIL
configure bob secret-b smtp://$MAIL:587 imap://$MAIL/INBOX
meet "with STARTTLS, too"

# What is wrong is said.
trouble() { shows "$2" status "$1" "s['mail']['state']"; }
configure bob wrong smtps://$MAIL imaps://$MAIL
gateway bob
check "a wrong password is told of" within 20 trouble bob '[Ll]ogin denied|[Aa]uthentication'
check "and not in the log" lacks 'wrong' cat "$T/bob.log"
kill_gateway bob
configure bob secret-b smtps://$MAIL imaps://$MAIL
chmod 644 "$T/bob/mail.password"
gateway bob
check "a password that others may read is not used" within 20 trouble bob 'chmod 600'
kill_gateway bob
chmod 600 "$T/bob/mail.password"
sed -i '/^ca = /d' "$T/bob/overlay.conf"
gateway bob
check "a certificate of an unknown authority is refused" within 20 trouble bob 'certificate'
kill_gateway bob
configure bob secret-b smtp://$MAIL:587 imap://$MAIL:7
gateway bob
check "a server that is not there is told of" within 20 trouble bob 'connect'
kill_gateway bob

# Junk and mail of others stay where they are.
junk() { # SUBJECT TEXT
  printf 'From: <x@mail.example.org>\nTo: <bob@mail.example.org>\nSubject: %s\n\n%s\n' "$1" "$2" \
    >"$T/mail/bob/new/$RANDOM.$RANDOM.junk"
}
mkdir -p "$T/mail/bob/new"
junk "Overlay message" "not one"
junk "Hello" "a letter of a friend"
chown -R $OWNER: "$T/mail"
configure bob secret-b smtps://$MAIL imaps://$MAIL
gateway bob
dropped() { [ "$(status bob "s['mail']['dropped']")" -ge 1 ]; }
check "junk is dropped and counted" within 30 dropped
check "and nobody's mail is deleted" test "$(left bob)" = 2
began=$SECONDS
kill_gateway bob
check "a gateway with mail ends in good time" test $((SECONDS - began)) -le 5
kill $EXIM $DOVECOT
finish
