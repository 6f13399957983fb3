#include "config/settings/verbs.h"

#include <string.h>

/* clang-format off */
static const struct verb_option GLOBAL[] = {
    {"home", 0, VALUE_FOLDER, "DIR", false, "Keep identity, registry and control socket in DIR"},
    {"config", 0, VALUE_FILE, "FILE", false, "Read FILE instead of overlay.conf in the home; '-' is standard input"},
    {"json", 0, VALUE_NONE, NULL, false, "Print data as JSON"},
    {"quiet", 'q', VALUE_NONE, NULL, false, "Print errors only"},
    {"verbose", 'v', VALUE_NONE, NULL, true, "Say more"},
    {"help", 'h', VALUE_NONE, NULL, false, "Explain a command"},
    {"version", 0, VALUE_NONE, NULL, false, "Print the version"},
    {.name = NULL},
};

static const struct verb_option NO_OPTIONS[] = {{.name = NULL}};

static const struct verb_option SHARE_OPTIONS[] = {
    {"as", 0, VALUE_TEXT, "NAME", false, "Name of the service; the default is that of the port: web, ssh, p4000"},
    {"port", 0, VALUE_TEXT, "N", false, "Port as peers see it; the default is the target's"},
    {"to", 0, VALUE_PEER, "PEER,..", true, "Peers that may use it"},
    {"public", 0, VALUE_NONE, NULL, false, "Any peer may use it"},
    {"udp", 0, VALUE_NONE, NULL, false, "Share the UDP port"},
    {"both", 0, VALUE_NONE, NULL, false, "Share the port for TCP and UDP"},
    {"for", 0, VALUE_TEXT, "TIME", false, "Stop sharing after TIME: 90s, 15m, 2h, 7d"},
    {"raw", 0, VALUE_NONE, NULL, false, "No guard for HTTP requests"},
    {"proxy-protocol", 0, VALUE_NONE, NULL, false, "Send a PROXY protocol v2 header that names the peer"},
    {"peer-header", 0, VALUE_NONE, NULL, false, "Add X-Overlay-Peer to HTTP requests"},
    {"off-host", 0, VALUE_NONE, NULL, false, "Let the target be another host"},
    {"foreground", 'f', VALUE_NONE, NULL, false, "Stay here and share until interrupted"},
    {.name = NULL},
};

static const struct verb_option OPEN_OPTIONS[] = {
    {"at", 0, VALUE_TEXT, "[ADDR:]PORT", false, "Local address instead of the one that is kept for this service"},
    {"udp", 0, VALUE_NONE, NULL, false, "The UDP port, for PEER:PORT"},
    {"browse", 0, VALUE_NONE, NULL, false, "Show it in the browser"},
    {"foreground", 'f', VALUE_NONE, NULL, false, "Stay here and close it when interrupted"},
    {.name = NULL},
};

static const struct verb_option INVITE_OPTIONS[] = {
    {"uses", 0, VALUE_TEXT, "N", false, "How many guests may use it; the default is one"},
    {"for", 0, VALUE_TEXT, "TIME", false, "How long it is good; the default is 10m, at most 24h"},
    {"qr", 0, VALUE_NONE, NULL, false, "Draw the ticket as a QR code"},
    {"print", 0, VALUE_NONE, NULL, false, "Print the ticket instead of the code, to be pasted somewhere"},
    {.name = NULL},
};

static const struct verb_option PEER_ADD_OPTIONS[] = {
    {"alias", 0, VALUE_TEXT, "NAME", false, "What to call it"},
    {"address", 0, VALUE_TEXT, "IP:PORT", true, "Where it can be reached"},
    {"relay", 0, VALUE_TEXT, "PEER_ID@HOST:PORT", true, "A relay through which it can be reached"},
    {"mail", 0, VALUE_TEXT, "ADDRESS", false, "Its mail address, for [mail] of the configuration"},
    {.name = NULL},
};

static const struct verb_option NAME_OPTIONS[] = {
    {"accept", 0, VALUE_PEER, "PEER", false, "Call a peer what it proposes itself"},
    {"export", 0, VALUE_NONE, NULL, false, "Print the address book"},
    {"import", 0, VALUE_FILE, "FILE", false, "Add the names of an address book"},
    {.name = NULL},
};

static const struct verb_option STATUS_OPTIONS[] = {
    {"watch", 0, VALUE_NONE, NULL, false, "Keep showing it"},
    {"web", 0, VALUE_NONE, NULL, false, "Print a link to the status page, by which whoever opens it first may change things there"},
    {.name = NULL},
};

static const struct verb_option LOG_OPTIONS[] = {
    {"follow", 'f', VALUE_NONE, NULL, false, "Go on with what comes, until interrupted"},
    {"lines", 'n', VALUE_TEXT, "N", false, "How many of the last lines; the default is 50"},
    {.name = NULL},
};

static const struct verb_option PING_OPTIONS[] = {
    {"count", 'c', VALUE_TEXT, "N", false, "How many times; the default is 4"},
    {"until-direct", 0, VALUE_NONE, NULL, false, "Stop at the first answer that came directly"},
    {.name = NULL},
};

static const struct verb_option STUN_TEST_OPTIONS[] = {
    {"udp", 0, VALUE_NONE, NULL, false, "Ask over UDP, which is the default; with --tcp both"},
    {"tcp", 0, VALUE_NONE, NULL, false, "Ask over TCP"},
    {"default", 0, VALUE_NONE, NULL, false, "Ask the servers of [stun] in the configuration too"},
    {"print-servers", 0, VALUE_NONE, NULL, false, "Print each server before its address"},
    {"no-check", 0, VALUE_NONE, NULL, false, "Do not fail when the servers saw different addresses"},
    {.name = NULL},
};

static const struct verb_option DHT_OPTIONS[] = {
    {"salt", 0, VALUE_TEXT, "TEXT", false, "Which of a key's values: get, put"},
    {"seq", 0, VALUE_TEXT, "N", false, "Number of the value to put, microseconds of the clock unless given (with --key-file it must be); the least to get"},
    {"cas", 0, VALUE_TEXT, "N", false, "Put it only where the value has this number"},
    {"immutable", 0, VALUE_NONE, NULL, false, "Put a value that its hash names, and nobody can change"},
    {"key-file", 0, VALUE_FILE, "FILE", false, "Sign with this key instead of the gateway's: an identity.key, or 64 hexadecimal digits"},
    {"port", 0, VALUE_TEXT, "N", false, "Port to announce; the one that the DHT node is seen at unless given"},
    {.name = NULL},
};

static const struct verb_option PROXY_OPTIONS[] = {
    {"print-pac", 0, VALUE_NONE, NULL, false, "Print the proxy auto-configuration file"},
    {.name = NULL},
};

static const struct verb_option TRUST_OPTIONS[] = {
    {"system", 0, VALUE_NONE, NULL, false, "The system's store only, which needs root"},
    {"browsers", 0, VALUE_NONE, NULL, false, "The browsers' stores only"},
    {"print", 0, VALUE_NONE, NULL, false, "Only print the certificate (PEM), to be taken elsewhere"},
    {"dry-run", 0, VALUE_NONE, NULL, false, "Only print the steps"},
    {.name = NULL},
};

static const struct verb_option UNTRUST_OPTIONS[] = {
    {"dry-run", 0, VALUE_NONE, NULL, false, "Only print the steps"},
    {.name = NULL},
};

static const struct verb_option CONFIG_OPTIONS[] = {
    {"print-default", 0, VALUE_NONE, NULL, false, "Print a configuration file with every option, explained"},
    {.name = NULL},
};

static const struct verb_option PUNCH_OPTIONS[] = {
    {"exec", 0, VALUE_PROGRAM, "CMD", false, "The program to run, and behind it its arguments"},
    {"accept", 0, VALUE_NONE, NULL, false, "Wait for peers that ask, and run the program for each; with PEERs for them alone"},
    {"tcp", 0, VALUE_NONE, NULL, false, "A TCP connection instead of a UDP socket"},
    {"unconnected", 0, VALUE_NONE, NULL, false, "Leave the UDP socket unconnected"},
    {"release", 0, VALUE_NONE, NULL, false, "Close the UDP socket before the program starts, which binds the port itself"},
    {"log", 0, VALUE_FILE, "FILE", false, "Append to FILE what happens"},
    {.name = NULL},
};

static const struct verb_option SETUP_OPTIONS[] = {
    {"dry-run", 0, VALUE_NONE, NULL, false, "Only print the steps"},
    {.name = NULL},
};

static const struct verb VERBS[] = {
    {"share", VERB_SHARE, "TARGET", NULL, VALUE_TEXT, 1, 1, false,
     "Share a local service with peers",
     "TARGET is a port of this machine, 127.0.0.1:PORT, [::1]:PORT, localhost:PORT, unix:/PATH "
     "(with --port), or IP:PORT of another host with --off-host. Nobody may use the service but "
     "guests of an invite and the peers named by --to or `overlay allow`; --public lets everybody in.\n"
     "Prints the name of the service and, unless --to, --public or -q is given, the code of an invite "
     "to it, good for one guest within 10 minutes. "
     "Starts a gateway in the background if none runs.",
     SHARE_OPTIONS},
    {"open", VERB_OPEN, "CODE|TICKET|PEER|SERVICE.PEER|PEER:PORT", NULL, VALUE_PLACE, 1, 1, false,
     "Open a peer's services on local ports",
     "CODE, as in 7-cobalt-lemon, or TICKET, overlay:..., is of an invite: its host becomes a peer "
     "first. The words of the fingerprint are the same on both sides, or somebody is in between. "
     "Connects, then prints for each service its URL (or -), its local address and its name. "
     "PEER opens every service we may use (64 at most), the other forms exactly one. "
     "The port stays the same for ever. "
     "Starts a gateway in the background if none runs.",
     OPEN_OPTIONS},
    {"pipe", VERB_PIPE, "SERVICE.PEER|PEER:PORT", NULL, VALUE_PLACE, 1, 1, false,
     "Connect standard input and output to a service",
     "For programs that take a command instead of a connection: "
     "ssh -o ProxyCommand='overlay pipe alice:22' alice", NO_OPTIONS},
    {"invite", VERB_INVITE, "[SERVICE]", NULL, VALUE_OWN, 0, 1, false,
     "Let somebody in who is not known yet",
     "Prints a code that can be told on the telephone; whoever enters it by `overlay open CODE` becomes "
     "a peer and may use SERVICE, by default the one that is shared. Three wrong tries burn the code. "
     "The ticket, on standard error, is longer and cannot be guessed. Both sides show the same words "
     "as fingerprint. On a terminal it waits and says who comes; the invite stays open when that is "
     "interrupted. Invites end with the gateway. Starts a gateway in the background if none runs.",
     INVITE_OPTIONS},
    {"revoke", VERB_REVOKE, "PEER|INVITE", NULL, VALUE_PEER, 1, 1, false,
     "Take back what an invite gave",
     "PEER may no longer use what it was invited to, and whoever was known by an invite alone is a "
     "stranger again; its connections end at once. INVITE, the number of an open one or its code, ends it.",
     NO_OPTIONS},
    {"punch", VERB_PUNCH, "PEER|--accept [PEER..] --exec CMD [ARG..]", NULL, VALUE_PEER, 0, 32, false,
     "Hand a hole through the NATs over to a program",
     "Connects to PEER, where `overlay punch --accept` must be waiting. Both gateways punch a fresh hole "
     "beside their own, and hand its socket to CMD, which is run without a shell. From then on the hole "
     "is the program's, and so is keeping it open.\n"
     "Options stand before CMD's own arguments. In these %inner%, %outer% and %peer% (or %innerip%, "
     "%innerport% ..) stand for the addresses, %hostid% and %peerid% for the ids of both sides, %proto% for "
     "udp or tcp, %role% for ask or accept. They are in the environment too, as OVERLAY_INNER .., with "
     "the number of the socket in OVERLAY_FD and a secret that both sides share in OVERLAY_SECRET. "
     "Without arguments CMD gets six: IP and port of inner, outer and peer.\n"
     "The exit code is the program's. Starts a gateway in the background if none runs.",
     PUNCH_OPTIONS},
    {"ls", VERB_LS, "", NULL, VALUE_NONE, 0, 0, false,
     "List what is shared, what is open, and invites",
     "Each line begins with the ID that `overlay close` takes.", NO_OPTIONS},
    {"close", VERB_CLOSE, "ID", NULL, VALUE_SERVICE, 1, 1, false,
     "Stop sharing a service, or close an opened one",
     "ID is what `overlay ls` prints: NAME for a service of ours, NAME.PEER for an opened one.",
     NO_OPTIONS},
    {"id", VERB_ID, "", NULL, VALUE_NONE, 0, 0, false,
     "Print this gateway's peer id", "Makes the identity if there is none yet.", NO_OPTIONS},
    {"peer", VERB_PEER, "add PEER_ID", "add", VALUE_TEXT, 2, 2, false,
     "Make a peer known",
     "Adds to what is known of it already. On one network no address is needed: gateways find those "
     "whose id they know. Elsewhere give an address, or a relay that the peer uses.", PEER_ADD_OPTIONS},
    {"name", VERB_NAME, "ALIAS PEER_ID|--accept PEER|--export|--import FILE", NULL, VALUE_TEXT, 0, 2, false,
     "Give a peer a name; carry the address book elsewhere",
     "The name is ours alone: nothing from the network ever makes or changes one. --accept takes the one that a peer "
     "proposes for itself, and shows four words: `overlay id --json` shows the same ones at the peer's.\n"
     "--export prints all names, one a line, with addresses and relays; --import reads such lines (- is standard "
     "input) and overwrites nothing: what is in the way is listed, and then the exit code is 1.", NAME_OPTIONS},
    {"unname", VERB_UNNAME, "ALIAS", NULL, VALUE_PEER, 1, 1, false,
     "Take a peer's name away", "Forgets the peer if nothing else is known of it.", NO_OPTIONS},
    {"resolve", VERB_RESOLVE, "NAME", NULL, VALUE_PLACE, 1, 1, false,
     "Show what a name means, and from where",
     "Prints the peer id that it stands for, and on standard error where that is known from, the fingerprint to "
     "compare by, and the record that the peer has published: its age, relays, addresses, services. "
     "NAME may end in the suffix: web.alice.overlay. For a peer that nothing is known of, NAME is its id.", NO_OPTIONS},
    {"allow", VERB_ALLOW, "PEER SERVICE", NULL, VALUE_PEER, 2, 2, false,
     "Let a peer use a service",
     "SERVICE is one of ours, as `overlay ls` lists it. Undoes an earlier deny.", NO_OPTIONS},
    {"deny", VERB_DENY, "PEER SERVICE", NULL, VALUE_PEER, 2, 2, false,
     "Keep a peer from using a service", "Deny beats allow and --public.", NO_OPTIONS},
    {"block", VERB_BLOCK, "PEER|ADDRESS[/BITS]", NULL, VALUE_PEER, 1, 1, false,
     "Have nothing to do with a peer, or with addresses",
     "Ends its session at once. Beats every allow. What comes from a blocked address is dropped unread; a peer "
     "behind a relay is not known by its address.", NO_OPTIONS},
    {"unblock", VERB_UNBLOCK, "PEER|ADDRESS[/BITS]", NULL, VALUE_PEER, 1, 1, false,
     "Take a peer, or addresses, off the block list", "What it was allowed before, it may use again.", NO_OPTIONS},
    {"status", VERB_STATUS, "", NULL, VALUE_NONE, 0, 0, false,
     "Show what the gateway is doing",
     "Exit code 0 means that it is ready.\n"
     "The same is shown, live, at http://overlay.localhost:7777/ in a browser. The link that --web prints works "
     "once, within ten minutes; the window that was opened by it may make and revoke invites, close services and "
     "block peers, for twelve hours.", STATUS_OPTIONS},
    {"doctor", VERB_DOCTOR, "", NULL, VALUE_NONE, 0, 0, false,
     "Examine the network and names: NAT, relays, why a peer is not direct",
     "Says what the running gateway has measured, line by line: ok, note or problem, why, and what can "
     "be done: UDP, the NAT, ports of the router, STUN servers, relays, and for each peer the path, why "
     "it is not direct and what the last round of punching did. And what it finds out on this machine: whether "
     "programs resolve names in the suffix and through whom, what setup has left, who holds ports 53, 80 and 443, and "
     "what browsers are told. Exit code 1 means that there is a "
     "problem. Some of it takes ten seconds from the start of the gateway.",
     NO_OPTIONS},
    {"log", VERB_LOG, "", NULL, VALUE_NONE, 0, 0, false,
     "Show what the running gateway says about itself",
     "The last lines of its log, at most 512, which it keeps in memory whatever else becomes of them; with -f "
     "those to come, too. --json prints an object a line: `time` (seconds since 1970), `level`, `area`, `text`, and "
     "for programs `event`, `peer`, `alias` and `address`, each null where there is none. Events that stay: "
     "connected, ended, not_reached, and about what others do that they should not: refused, wrong_network, "
     "auth_failed, malformed, flood, over_limit, shut, blocked.", LOG_OPTIONS},
    {"ping", VERB_PING, "PEER", NULL, VALUE_PEER, 1, 1, false,
     "Measure the round trip to a peer",
     "One question a second, each with the path that it took. With --until-direct the next one leaves as "
     "soon as there is a direct path, and exit code 0 means that it was answered; it gives up after 30. "
     "Otherwise exit code 0 means that any was.",
     PING_OPTIONS},
    {"bench", VERB_BENCH, "PEER", NULL, VALUE_PEER, 1, 1, false,
     "Measure the throughput to a peer",
     "Five seconds each way. The peer must know us: `overlay peer add` there, with our id.", NO_OPTIONS},
    {"stun-test", VERB_STUN_TEST, "[SERVER..]", NULL, VALUE_TEXT, 0, 32, false,
     "Ask STUN servers which address they see us at",
     "SERVER is HOST or HOST:PORT, with tcp:, stuns: or tls: in front for TCP or TLS over it. Prints one "
     "address a server. The servers must agree: over UDP on address and port, over TCP on the address alone, "
     "for every connection has its own port. Needs no running gateway.\n"
     "Exit code 1 if a server failed or, without --no-check, if they disagree.",
     STUN_TEST_OPTIONS},
    {"dht", VERB_DHT, "get|put|announce|peers|sample|ping|size [WHAT]", "get put announce peers sample ping size", VALUE_TEXT, 1, 2, false,
     "Ask the BitTorrent DHT by hand",
     "get KEY or get TARGET prints a value as soon as one is found and verified, and newer ones that come after it: "
     "KEY is a peer, a peer id or 64 hexadecimal digits, TARGET the 40 digits of an immutable value.\n"
     "put VALUE (- is standard input) stores up to 996 bytes at the 20 nodes closest to their target, for two hours or so. "
     "Anyone can read them. They are signed by this gateway's key, and then --salt says which of its values this is, "
     "or by that of --key-file; or not at all: --immutable. Prints the target.\n"
     "announce NAME says that this machine has something by that name; peers NAME prints the addresses of all who said so. "
     "NAME is an infohash of 40 digits, or anything else, which is hashed.\n"
     "sample [NAME] asks nodes on the way to NAME, or to anywhere, for some of the infohashes that they keep, and prints "
     "them (BEP 51). A node that wants to be left alone for a while is.\n"
     "ping HOST:PORT asks one node whether it is there. size estimates how many nodes there are.\n"
     "Starts a gateway in the background if none runs. Exit code 1 if nobody has it, 5 if no node answers.",
     DHT_OPTIONS},
    {"mail", VERB_MAIL, "send PEER|read", "send read", VALUE_PEER, 1, 2, false,
     "Meet a peer by messages that you carry",
     "For two gateways that nothing else brings together. `send` prints a sealed message for the peer, a "
     "block of text that says where we are: take it there by mail or any messenger. `read` takes one from "
     "standard input, prints the answer if it needs one, to be carried back, and waits up to a minute until "
     "the peer is connected. A message is good for ten minutes and of use to its receiver alone.\n"
     "Both must know each other: overlay peer add PEER_ID --alias NAME. With [mail] in the configuration the "
     "gateways do the same by themselves.",
     NO_OPTIONS},
    {"daemon", VERB_DAEMON, "", NULL, VALUE_NONE, 0, 0, false,
     "Run the gateway in the foreground",
     "For service managers; `share`, `open`, `invite`, `pipe`, `ping`, `bench`, `punch` and `dht` start one in the background. "
     "SIGHUP makes it read the configuration again, SIGTERM and SIGINT end it in good order.", NO_OPTIONS},
    {"stop", VERB_STOP, "", NULL, VALUE_NONE, 0, 0, false,
     "End the running gateway", "Returns when it has gone. Peers are told.", NO_OPTIONS},
    {"setup", VERB_SETUP, "", NULL, VALUE_NONE, 0, 0, false,
     "Make names like web.alice.overlay work in every program",
     "Run it with sudo, once; the gateway itself stays without privileges. Every peer gets an address of its own "
     "on this machine, out of [setup] pool, with its own port numbers; and whatever answers look-ups here is told "
     "to ask the gateway for names in the suffix, and for no others: systemd-resolved, the dnsmasq of "
     "NetworkManager or of the system, or else the module libnss_overlay in nsswitch.conf. resolv.conf is never changed. "
     "Where systemd runs, the gateway becomes a service of the user who called sudo, with the same home, and "
     "everything is made again at each start.\n"
     "Prints each step before it is done. If one fails, or is interrupted, those before it are undone. "
     "Run it again after a change to [setup] or [dns]; where pool or suffix are others, after `overlay unsetup`, which "
     "takes all of it back.", SETUP_OPTIONS},
    {"unsetup", VERB_UNSETUP, "", NULL, VALUE_NONE, 0, 0, false,
     "Take back what setup has done",
     "Removes what the journal of setup and a search of the machine find, also where setup was killed half-way, "
     "and prints it. What others have written into the same files meanwhile stays.", SETUP_OPTIONS},
    {"config", VERB_CONFIG, "check|reload|--print-default", "check reload", VALUE_NONE, 0, 1, false,
     "Check, reload or print the configuration",
     "`reload` makes a running gateway read the file again; a bad file changes nothing.", CONFIG_OPTIONS},
    {"proxy", VERB_PROXY, "--print-pac", NULL, VALUE_NONE, 0, 0, false,
     "Help browsers to use the proxy",
     "The running gateway has the same file at http://127.0.0.1:7777/proxy.pac.", PROXY_OPTIONS},
    {"trust", VERB_TRUST, "", NULL, VALUE_NONE, 0, 0, false,
     "Speak https for the names of peers",
     "Makes an authority of your own, which can vouch for names under the suffix and for nothing else, and has your "
     "browsers believe it (Chromium and Firefox, by certutil). From then on the gateway speaks https wherever it speaks "
     "http: on the proxy's port, through it, and after `overlay setup` at https://web.alice.overlay/. `sudo overlay trust` "
     "does the same for the system's store, which curl and others use. The key stays in the home, ca.key; the certificate "
     "is good for two years, and this command renews it in the last ninety days.\n"
     "Each step is printed before it is done.", TRUST_OPTIONS},
    {"untrust", VERB_UNTRUST, "", NULL, VALUE_NONE, 0, 0, false,
     "Undo `overlay trust`",
     "Takes the certificate out of the browsers' stores, ends https, and deletes key and certificate. `sudo overlay "
     "untrust` takes it out of the system's store, and comes first where it is there.", UNTRUST_OPTIONS},
    {"completion", VERB_COMPLETION, "SHELL", "bash zsh fish", VALUE_TEXT, 1, 1, false,
     "Print a completion script for bash, zsh or fish", "", NO_OPTIONS},
    {"help", VERB_HELP, "[COMMAND]", NULL, VALUE_TEXT, 0, 1, false,
     "Explain a command", "", NO_OPTIONS},
    {"version", VERB_VERSION, "", NULL, VALUE_NONE, 0, 0, false,
     "Print the version", "", NO_OPTIONS},
    {"complete", VERB_COMPLETE, "peers|places|own|services", "peers places own services", VALUE_NONE, 1, 1, true,
     "List what shell completion asks for", "", NO_OPTIONS},
    {"manual", VERB_MANUAL, "commands|options", "commands options", VALUE_NONE, 1, 1, true,
     "Print a generated part of the manual pages", "", NO_OPTIONS},
    {.name = NULL},
};
/* clang-format on */

const struct verb *verbs(void)
{
    return VERBS;
}

const struct verb_option *verb_global_options(void)
{
    return GLOBAL;
}

enum verb_value verb_second(const struct verb *v)
{
    if (v->id == VERB_MAIL)
        return VALUE_PEER;
    return v->id == VERB_ALLOW || v->id == VERB_DENY ? VALUE_OWN : VALUE_TEXT;
}

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = VERBS; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

/** Edits (insert, delete, replace) from one short word to another; 99 for long ones. */
static unsigned distance(const char *a, const char *b)
{
    enum { MAX = 16 };
    unsigned row[MAX + 1];
    size_t n = strlen(b);

    if (strlen(a) > MAX || n > MAX)
        return 99;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; *a; a++, i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            unsigned best = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

const struct verb *verb_like(const char *name)
{
    const struct verb *best = NULL;
    unsigned least = 3;

    for (const struct verb *v = VERBS; v->name; v++) {
        unsigned d = distance(name, v->name);
        if (!v->hidden && d < least && d < strlen(v->name)) {
            least = d;
            best = v;
        }
    }
    return best;
}
