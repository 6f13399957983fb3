#include "config/control/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/fields.h"
#include "config/control/protocol.h"
#include "gateway/base/attr.h"

/* ---- findings ---- */

static void add(json_t *list, const char *level, const char *advice, const char *format, ...)
    PRINTF_LIKE(4, 5);

static void add(json_t *list, const char *level, const char *advice, const char *format, ...)
{
    char what[384];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    (void)json_array_append_new(list,
                                json_pack("{s:s, s:o, s:o}", "level", level, "what",
                                          protocol_text(what), "advice", protocol_text(advice)));
}

static bool is_known(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* ---- the NAT ---- */

static const char *const SYMMETRIC[] = {"symmetric", "symmetric_block", "symmetric_random", NULL};

static void find_udp(json_t *list, const json_t *status)
{
    const json_t *nat = json_object_get(status, "nat");
    const char *class = field_text(nat, "class");

    if (strcmp(class, "udp_blocked") == 0 && is_known(json_object_get(status, "relay"), "home"))
        add(list, "note", NULL,
            "no UDP gets through to the internet and back: sessions go over TLS and TCP");
    else if (strcmp(class, "udp_blocked") == 0)
        add(list, "problem",
            "a relay with tls_listen carries sessions where UDP is blocked: [relay] use",
            "no UDP gets through to the internet and back");
    else if (is_known(nat, "public"))
        add(list, "ok", NULL, "UDP gets out, and is seen outside as %s", field_text(nat, "public"));
    else
        add(list, "note", "name a relay ([relay] use) or a STUN server ([stun] servers)",
            "nobody has told this gateway its public address");
    if (is_known(nat, "public_v6"))
        add(list, "ok", NULL, "IPv6 works, and is seen outside as %s",
            field_text(nat, "public_v6"));
}

static const char *meaning_of(const char *class)
{
    if (strcmp(class, "public") == 0)
        return "anybody can send to it";
    if (strcmp(class, "cone") == 0)
        return "direct paths to nearly everybody";
    if (strcmp(class, "symmetric") == 0)
        return "its ports can be predicted: direct paths to all but the worst NATs";
    if (strcmp(class, "symmetric_block") == 0)
        return "its ports are searched for: direct paths to public and cone peers";
    return "its ports are anybody's guess: direct paths to public peers, and to cone peers after a "
           "search";
}

static void find_nat(json_t *list, const json_t *nat)
{
    static const char *const TELLS_NOTHING[] = {"unknown", "udp_blocked", "-", NULL};
    const char *class = field_text(nat, "class");

    if (strcmp(class, "unknown") == 0 && is_known(nat, "public"))
        add(list, "note", "name a second relay ([relay] use) or a STUN server ([stun] servers)",
            "what kind of NAT this is cannot be told by one address alone");
    if (is_one_of(class, TELLS_NOTHING))
        return;
    add(list, is_one_of(class, SYMMETRIC) ? "note" : "ok",
        is_one_of(class, SYMMETRIC)
            ? "a port forwarded on the router helps most: [portmap] mode, or [gateway] external"
            : NULL,
        "the NAT is %s (mapping %s, filtering %s): %s", class, field_text(nat, "mapping"),
        field_text(nat, "filtering"), meaning_of(class));
}

static void find_port_mapping(json_t *list, const json_t *nat)
{
    const char *mapping = field_text(nat, "port_mapping");

    if (!is_known(nat, "port_mapping")) {
        if (is_known(nat, "no_port_mapping") && !json_is_true(json_object_get(nat, "reachable")))
            add(list, "note", NULL, "no port of a router leads here: %s",
                field_text(nat, "no_port_mapping"));
        return;
    }
    if (strstr(mapping, "another NAT"))
        add(list, "note", "the router in front of it must forward the port too, or be a bridge",
            "the router forwards a port, but has no public address itself: %s", mapping);
    else if (strstr(mapping, "does not work"))
        add(list, "note", "does a firewall stand before it?",
            "the router forwards a port, but nothing comes in: %s", mapping);
    else
        add(list, "ok", NULL, "the router forwards a port: %s", mapping);
}

static void find_reachable(json_t *list, const json_t *nat)
{
    const json_t *reachable = json_object_get(nat, "reachable");

    find_port_mapping(list, nat);
    if (json_is_true(reachable))
        add(list, "ok", NULL, "reachable from outside, unasked");
    else if (json_is_false(reachable))
        add(list, "note",
            is_known(nat, "port_mapping")
                ? "another router or firewall may stand before this one (double NAT)"
                : "turn on UPnP, NAT-PMP or PCP on the router, or forward its UDP port and set "
                  "[gateway] external",
            "not reachable from outside unless this side sends first");
}

static void find_liars(json_t *list, const json_t *nat)
{
    size_t i;
    json_t *server;

    json_array_foreach(json_object_get(nat, "stun"), i, server)
    {
        if (field_flag(server, "disagrees"))
            add(list, "note", "take it out of [stun] servers",
                "the STUN server %s says %s, which the others do not", field_text(server, "server"),
                field_text(server, "seen"));
        else if (!is_known(server, "seen"))
            add(list, "note", NULL, "the STUN server %s does not answer",
                field_text(server, "server"));
    }
}

/* ---- relays ---- */

static void find_relay(json_t *list, const json_t *status)
{
    const json_t *relay = json_object_get(status, "relay");
    const json_t *reachable = json_object_get(json_object_get(status, "nat"), "reachable");

    if (is_known(relay, "home"))
        add(list, "ok", NULL, "reached through the relay %s", field_text(relay, "home"));
    else if (field_number(relay, "configured") > 0)
        add(list, "problem", "is it up, at that address, and does it serve us?",
            "none of the relays that [relay] use names answers");
    else if (!json_is_true(reachable))
        add(list, "note",
            "set [relay] use = PEER_ID@HOST:PORT, or run one on a public host: [relay] serve",
            "no relay: peers behind other NATs cannot begin a session with this gateway");
    if (field_flag(relay, "serving"))
        add(list, "ok", NULL, "relays for others: %.0f registered, %.0f circuits",
            field_number(relay, "registered"), field_number(relay, "circuits"));
}

/* ---- peers ---- */

/** ", 23.0 ms", or nothing before it is measured. */
static const char *rtt_text(const json_t *path, char out[static 32])
{
    out[0] = '\0';
    if (is_known(path, "rtt_ms"))
        (void)snprintf(out, 32, ", %.1f ms", field_number(path, "rtt_ms"));
    return out;
}

static void find_peer(json_t *list, const json_t *peer)
{
    const char *state = field_text(peer, "state");
    const char *name = is_known(peer, "alias") ? field_text(peer, "alias") : field_text(peer, "id");
    const json_t *path = json_object_get(peer, "path");
    char rtt[32];

    if (strcmp(state, "direct") == 0)
        add(list, "ok", NULL, "%s: direct, %s %s%s", name, field_text(path, "kind"),
            field_text(path, "remote"), rtt_text(path, rtt));
    else if (strcmp(state, "relayed") == 0)
        add(list, "note", NULL, "%s: through %s %s%s; not direct: %s", name,
            field_text(path, "kind"), field_text(path, "remote"), rtt_text(path, rtt),
            field_text(peer, "why_not_direct"));
    else if (strcmp(state, "unreachable") == 0)
        add(list, "problem", "overlay ping tells what is tried", "%s: not reached: %s", name,
            field_text(peer, "why_not_direct"));
}

json_t *doctor_findings(const json_t *status)
{
    const json_t *nat = json_object_get(status, "nat");
    json_t *list = json_array(), *peer;
    size_t i;

    find_udp(list, status);
    find_nat(list, nat);
    find_reachable(list, nat);
    find_liars(list, nat);
    find_relay(list, status);
    json_array_foreach(json_object_get(status, "peers"), i, peer)
    {
        find_peer(list, peer);
    }
    return list;
}
