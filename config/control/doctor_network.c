/* What doctor says of UDP, the NAT, the ways in and the servers that were asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/doctor.h"
#include "config/control/fields.h"
#include "gateway/base/addr.h"

#define HOME_HOPS                                                                                  \
    2 /* what is in front of us opens when a packet goes so far: the router at home                \
       */

static bool is(const json_t *object, const char *key, const char *text)
{
    return strcmp(field_text(object, key), text) == 0;
}

static bool has_relay(const json_t *status)
{
    return doctor_knows(json_object_get(status, "relay"), "home");
}

/* ---- the servers ---- */

/** What the servers of a family of addresses said. */
struct votes {
    unsigned asked, answered, disagreed;
    bool several; /* those that answered are at several addresses */
};

static bool same_host(const char *a, const char *b)
{
    const char *end = strrchr(a, ':');
    size_t len = end ? (size_t)(end - a) + 1 : strlen(a);
    return strncmp(a, b, len) == 0;
}

static struct votes count_votes(const json_t *nat)
{
    struct votes v = {0};
    const char *first = NULL;
    size_t i;
    json_t *server;

    json_array_foreach(json_object_get(nat, "stun"), i, server)
    {
        v.asked++;
        v.disagreed += field_flag(server, "disagrees");
        if (!doctor_knows(server, "seen"))
            continue;
        v.answered++;
        v.several = v.several || (first && !same_host(first, field_text(server, "server")));
        first = first ? first : field_text(server, "server");
    }
    return v;
}

static bool is_relay(const json_t *status, const char *server)
{
    size_t i;
    json_t *relay;

    json_array_foreach(json_object_get(json_object_get(status, "relay"), "relays"), i, relay)
    {
        if (is(relay, "remote", server))
            return true;
    }
    return false;
}

static void find_liar(json_t *list, const json_t *status, const char *server, const char *seen,
                      bool majority)
{
    doctor_add(list, "note", "stun", "the STUN server %s says %s, which the others do not", server,
               seen);
    doctor_why(list, majority ? "the majority is believed, and this one is not"
                              : "no majority agrees, so none of them is believed");
    doctor_advise(list, "%s, unless this machine has several ways out (a VPN, two providers)",
                  is_relay(status, server) ? "take that relay out of [relay] use"
                                           : "take it out of [stun] servers");
}

static void find_servers(json_t *list, const json_t *status)
{
    const json_t *nat = json_object_get(status, "nat");
    const struct votes v = count_votes(nat);
    size_t i;
    json_t *server;

    json_array_foreach(json_object_get(nat, "stun"), i, server)
    {
        const char *at = field_text(server, "server");
        if (field_flag(server, "disagrees")) {
            find_liar(list, status, at, field_text(server, "seen"), v.disagreed < v.answered);
        } else if (!doctor_knows(server, "seen") && v.answered > 0) {
            doctor_add(list, "note", "stun", "the STUN server %s does not answer", at);
            doctor_advise(list, "try it: overlay stun-test %s%s", at,
                          is_relay(status, at) ? "" : "; else take it out of [stun] servers");
        }
    }
}

/* ---- UDP ---- */

static void find_blocked(json_t *list, const json_t *status)
{
    const struct votes v = count_votes(json_object_get(status, "nat"));
    bool relay = has_relay(status);

    doctor_add(list, relay ? "note" : "problem", "udp", "%s",
               relay ? "no UDP gets through to the internet and back: sessions go over TLS and TCP"
                     : "no UDP gets through to the internet and back");
    doctor_why(list, "%u server%s asked, and none answered over UDP", v.asked,
               v.asked == 1 ? " was" : "s were");
    doctor_advise(list, "%s",
                  relay ? "let UDP out through the firewall, if it is yours: it is faster"
                        : "let UDP out through the firewall, or name a relay that has tls_listen "
                          "in [relay] use: it is reached over TLS, as web servers are");
}

static void find_unseen(json_t *list, const json_t *status)
{
    const struct votes v = count_votes(json_object_get(status, "nat"));
    bool relays = field_number(json_object_get(status, "relay"), "configured") > 0;

    doctor_add(list, "note", "udp", "nobody has told this gateway its public address");
    if (v.asked > 0 && v.disagreed > 0)
        doctor_why(list, "the servers contradict one another");
    else if (v.asked > 0)
        doctor_why(list, "none of the servers that were asked has answered");
    else
        doctor_why(list, relays ? "no relay is connected that could"
                                : "neither a relay nor a STUN server is named");
    if (!relays)
        doctor_advise(list, "name a relay ([relay] use = PEER_ID@HOST:PORT) or a STUN server "
                            "([stun] servers = HOST:PORT) in overlay.conf");
}

static void find_udp(json_t *list, const json_t *status)
{
    const json_t *nat = json_object_get(status, "nat");

    if (is(nat, "class", "udp_blocked"))
        find_blocked(list, status);
    else if (doctor_knows(nat, "public"))
        doctor_add(list, "ok", "udp", "UDP gets out, and is seen outside as %s",
                   field_text(nat, "public"));
    else if (!doctor_knows(nat, "public_v6"))
        find_unseen(list, status);
    if (doctor_knows(nat, "public_v6"))
        doctor_add(list, "ok", "udp", "IPv6 works, and is seen outside as %s",
                   field_text(nat, "public_v6"));
    else if (json_is_false(json_object_get(nat, "udp_v6"))) {
        doctor_add(list, "note", "udp", "there is IPv6 here, but its UDP does not come back");
        doctor_advise(list, "let UDP out in the IPv6 rules of the firewall: over IPv6 there is "
                            "mostly no NAT in the way");
    }
}

static void find_nat64(json_t *list, const json_t *nat)
{
    if (!field_flag(nat, "v6_only"))
        return;
    if (doctor_knows(nat, "nat64")) {
        doctor_add(list, "ok", "udp", "IPv6 alone here; IPv4 is reached through NAT64, %s",
                   field_text(nat, "nat64"));
        return;
    }
    doctor_add(list, "note", "udp", "IPv6 alone here: relays and peers of IPv4 are not reached");
    doctor_why(list, "there is no router for IPv4, and the name servers know of no NAT64 "
                     "(ipv4only.arpa)");
    doctor_advise(list, "use a relay that has an IPv6 address too");
}

/* ---- what kind of NAT ---- */

/** A row without `filtering` fits any; the first that fits counts. */
struct kind {
    const char *class, *filtering, *level, *is, *means;
};

static const struct kind KINDS[] = {
    {"cone", "AD", "ok",
     "the NAT keeps one outside port for all destinations, and lets in the addresses that this "
     "side "
     "has written to (address-restricted cone)",
     "direct paths to nearly everybody"},
    {"cone", "APD", "ok",
     "the NAT keeps one outside port for all destinations, and lets in the ports that this side "
     "has "
     "written to (port-restricted cone)",
     "direct paths to nearly everybody"},
    {"cone", NULL, "ok", "the NAT keeps one outside port for all destinations (cone)",
     "direct paths to nearly everybody"},
    {"symmetric", NULL, "note",
     "the NAT gives each destination another port, one after the other (symmetric)",
     "the next ports can be predicted: direct paths to all but the worst NATs"},
    {"symmetric_block", NULL, "note",
     "the NAT gives each destination another port out of a block (symmetric_block)",
     "the block can be searched: direct paths to public and cone peers, after some seconds"},
    {"symmetric_random", NULL, "note",
     "the NAT gives each destination another port at random (symmetric_random)",
     "direct paths to public peers at once, to cone peers after a search of up to 20 s, and to "
     "symmetric ones only by the relay"},
};

static const struct kind *kind_of(const json_t *nat)
{
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
        if (is(nat, "class", KINDS[i].class) &&
            (!KINDS[i].filtering || is(nat, "filtering", KINDS[i].filtering)))
            return &KINDS[i];
    return NULL;
}

static void find_public(json_t *list, const json_t *nat)
{
    const json_t *translated = json_object_get(nat, "translated");

    if (json_is_false(translated))
        doctor_add(list, "ok", "nat", "no NAT: this machine has that address itself");
    else if (is(nat, "filtering", "EI"))
        doctor_add(list, "ok", "nat", "the NAT lets anybody in (full cone)");
    else
        doctor_add(list, "ok", "nat", "anybody can send to this gateway");
    doctor_why(list, "direct paths to everybody");
}

static const char SECOND[] =
    "name a second relay ([relay] use) or a STUN server ([stun] servers) at another address";

/** Why one cannot tell, and what would help. */
static void find_untold(json_t *list, const json_t *nat)
{
    const struct votes v = count_votes(nat);

    doctor_add(list, "note", "nat", "what kind of NAT this is is not known");
    if (v.answered > 0 && v.disagreed >= v.answered)
        doctor_why(list, "the servers that were asked contradict one another");
    else if (v.answered > 1 && !v.several)
        doctor_why(list,
                   "all %u servers that answered are at one address; it takes two to see "
                   "whether the port depends on it",
                   v.answered);
    else
        doctor_why(list, "only one server outside has answered; it takes two addresses to see "
                         "whether the port depends on them");
    doctor_advise(list, "%s", SECOND);
}

static void find_kind(json_t *list, const json_t *nat)
{
    const struct kind *kind = kind_of(nat);
    bool measured = !is(nat, "mapping", "unknown");

    if (is(nat, "class", "public"))
        find_public(list, nat);
    if (!kind) {
        if (is(nat, "class", "unknown") && doctor_knows(nat, "public"))
            find_untold(list, nat);
        return;
    }
    if (!measured && strcmp(kind->class, "cone") == 0) {
        doctor_add(list, "note", "nat",
                   "the NAT seems to keep one outside port for all destinations");
        doctor_why(list, "it keeps port numbers as they are; but only one address outside has "
                         "told, and it takes two to be sure");
        doctor_advise(list, "%s", SECOND);
        return;
    }
    doctor_add(list, kind->level, "nat", "%s", kind->is);
    doctor_why(list, "%s", kind->means);
}

/* ---- how many NATs ---- */

static const char *outer_address(const json_t *nat)
{
    const json_t *first = json_array_get(json_object_get(nat, "port_maps"), 0);
    return field_text(first, "external");
}

static void find_carrier(json_t *list, const json_t *nat)
{
    doctor_add(list, "note", "nat",
               "the provider lets many customers share one public address (CGNAT): a port that "
               "your router forwards does not lead here");
    if (doctor_knows(json_array_get(json_object_get(nat, "port_maps"), 0), "external"))
        doctor_why(list, "the router itself has %s, and the internet sees %s", outer_address(nat),
                   field_text(nat, "public"));
    else
        doctor_why(list, "this machine has %s, of a range (100.64.0.0/10) for such networks",
                   field_text(nat, "local"));
    doctor_advise(list, "ask the provider for a public IPv4 address or for IPv6, or keep a relay: "
                        "[relay] use");
}

static void find_double(json_t *list, const json_t *nat)
{
    doctor_add(list, "note", "nat",
               "there are two NATs, one behind the other (double NAT): a port that the first "
               "router forwards does not lead here");
    doctor_why(list, "the router itself has %s, and the internet sees %s", outer_address(nat),
               field_text(nat, "public"));
    doctor_advise(list, "make one of the two routers a bridge, or forward the port on both");
}

/** Nobody has told, but packets have to go further than to a router at home. */
static void find_far(json_t *list, const json_t *nat)
{
    double hops = field_number(nat, "opener_ttl");

    if (!field_flag(nat, "opener_measured") || hops <= HOME_HOPS ||
        json_is_false(json_object_get(nat, "layered")))
        return;
    doctor_add(list, "note", "nat",
               "the last NAT or firewall is %.0f hops away: a second router, or the provider's "
               "(CGNAT)",
               hops - 1);
    doctor_why(list, "it opens for packets that go %.0f hops, and not for shorter ones", hops);
    doctor_advise(list,
                  "compare the address that the router shows as its own (WAN) with %s: if "
                  "they differ, forwarding a port there is not enough",
                  field_text(nat, "public"));
}

static void find_layers(json_t *list, const json_t *nat)
{
    if (field_flag(nat, "carrier"))
        find_carrier(list, nat);
    else if (field_flag(nat, "layered"))
        find_double(list, nat);
    else
        find_far(list, nat);
}

/* ---- ways in ---- */

static void find_port_maps(json_t *list, const json_t *nat)
{
    const char *mapping = field_text(nat, "port_mapping");

    if (!doctor_knows(nat, "port_mapping"))
        return;
    if (strstr(mapping, "another NAT")) {
        doctor_add(list, "note", "port",
                   "the router forwards a port, but has no public address itself: %s", mapping);
        doctor_advise(list, "the router in front of it must forward the port too, or be a bridge");
    } else if (strstr(mapping, "does not work")) {
        doctor_add(list, "note", "port", "the router forwards a port, but nothing comes in: %s",
                   mapping);
        doctor_advise(list, "does a firewall stand before it, or on this machine? Else turn it "
                            "off: [portmap] mode = off");
    } else {
        doctor_add(list, "ok", "port", "the router forwards a port: %s", mapping);
    }
}

static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    return colon ? colon + 1 : "";
}

/** "UDP port 4433 to 192.168.1.2, then set [gateway] external = 203.0.113.7:PORT", as far as that
 * is known. */
static void print_forward(const json_t *status, char *out, size_t room)
{
    const char *udp = json_string_value(json_array_get(json_object_get(status, "udp"), 0));
    const json_t *nat = json_object_get(status, "nat");
    const char *public = field_text(nat, "public"), *colon = strrchr(public, ':');
    bool known = udp && *port_of(udp);

    (void)snprintf(out, room, "UDP port%s%s to %s, then set [gateway] external = %.*s:PORT",
                   known ? " " : "", known ? port_of(udp) : "",
                   doctor_knows(nat, "local") ? field_text(nat, "local") : "this machine",
                   colon ? (int)(colon - public) : 2, colon ? public : "IP");
}

static void advise_forwarding(json_t *list, const json_t *status)
{
    const json_t *nat = json_object_get(status, "nat");
    const char *none = field_text(nat, "no_port_mapping");
    char forward[192];

    print_forward(status, forward, sizeof(forward));
    if (field_flag(nat, "carrier") || field_flag(nat, "layered"))
        return; /* said above: one router is not enough */
    if (doctor_knows(nat, "port_mapping"))
        doctor_advise(list, "another router or firewall may stand before this one (double NAT): "
                            "let the port in there too");
    else if (strcmp(none, "turned off") == 0)
        doctor_advise(list, "[portmap] mode = on asks the router for a port; or forward %s",
                      forward);
    else if (strstr(none, "no router"))
        doctor_advise(list, "on the router, if there is one, forward %s", forward);
    else
        doctor_advise(list, "turn on UPnP, NAT-PMP or PCP on the router; or there forward %s",
                      forward);
}

/** Filters that let in by whom we wrote to let in nobody else. */
static bool is_shut(const json_t *nat)
{
    return json_is_false(json_object_get(nat, "reachable")) ||
           (!doctor_knows(nat, "reachable") &&
            (is(nat, "filtering", "APD") || is(nat, "filtering", "AD")));
}

static void find_reachable(json_t *list, const json_t *status)
{
    const json_t *nat = json_object_get(status, "nat");

    if (field_flag(nat, "reachable")) {
        doctor_add(list, "ok", "port", "reachable from outside, unasked");
        return;
    }
    if (!is_shut(nat))
        return;
    doctor_add(list, "note", "port", "not reachable from outside unless this side sends first");
    if (doctor_knows(nat, "no_port_mapping"))
        doctor_why(list,
                   "the NAT or firewall lets in only answers (filtering %s), and no router "
                   "forwards a port: %s",
                   field_text(nat, "filtering"), field_text(nat, "no_port_mapping"));
    advise_forwarding(list, status);
}

static void find_declared(json_t *list, const json_t *nat)
{
    size_t i;
    json_t *a;

    json_array_foreach(json_object_get(nat, "addresses"), i, a)
    {
        if (!is(a, "kind", "configured") || !json_is_false(json_object_get(a, "reachable")))
            continue;
        doctor_add(list, "note", "port", "[gateway] external = %s does not lead here",
                   field_text(a, "address"));
        doctor_why(list, "peers dialled it when they were asked to, and nothing came");
        doctor_advise(list,
                      "forward that UDP port on the router to %s, and let it in through the "
                      "firewall of this machine",
                      doctor_knows(nat, "local") ? field_text(nat, "local") : "this machine");
    }
}

static void find_pwnat(json_t *list, const json_t *nat)
{
    const json_t *pwnat = json_object_get(nat, "pwnat");

    if (!doctor_knows(pwnat, "state") || is(pwnat, "state", "off"))
        return;
    if (is(pwnat, "state", "on")) {
        doctor_add(list, "ok", "icmp",
                   "pwnat is on and has its privilege: peers that know no more than our public "
                   "address call by ICMP (%.0f calls so far)",
                   field_number(pwnat, "calls"));
        return;
    }
    doctor_add(list, "note", "icmp", "pwnat is on, but does not work");
    doctor_why(list, "%s", field_text(pwnat, "state"));
    doctor_advise(list, "give the program CAP_NET_RAW (a systemd unit: "
                        "AmbientCapabilities=CAP_NET_RAW), or set [punch] pwnat = off");
}

void doctor_network(json_t *list, const json_t *status)
{
    const json_t *nat = json_object_get(status, "nat");

    find_udp(list, status);
    find_nat64(list, nat);
    find_kind(list, nat);
    find_layers(list, nat);
    find_port_maps(list, nat);
    find_reachable(list, status);
    find_declared(list, nat);
    find_servers(list, status);
    find_pwnat(list, nat);
}
