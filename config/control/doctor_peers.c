/* What doctor says of relays and peers. */
#include <stdio.h>
#include <string.h>

#include "config/control/doctor.h"
#include "config/control/fields.h"

#define PEERS_TOLD 32 /* of each kind: those that a person knows, and others */

static bool is(const json_t *object, const char *key, const char *text)
{
    return strcmp(field_text(object, key), text) == 0;
}

/** ", 23.0 ms", or nothing before it is measured. */
static const char *rtt_text(const json_t *path, char out[static 32])
{
    out[0] = '\0';
    if (doctor_knows(path, "rtt_ms"))
        (void)snprintf(out, 32, ", %.1f ms", field_number(path, "rtt_ms"));
    return out;
}

/* ---- relays ---- */

static const char *over_text(const json_t *relay)
{
    if (is(relay, "over", "udp"))
        return "UDP";
    if (is(relay, "over", "tls"))
        return "TLS, which is slower than UDP";
    return is(relay, "over", "tcp") ? "TCP, which is slower than UDP" : field_text(relay, "over");
}

static void find_connected(json_t *list, const json_t *relay)
{
    const char *state = field_text(relay, "state"), *host = field_text(relay, "host");
    char rtt[32];

    (void)rtt_text(relay, rtt);
    if (strcmp(state, "home") == 0)
        doctor_add(list, "ok", "relay", "reached through the relay %s (home)%s, over %s", host, rtt,
                   over_text(relay));
    else if (strcmp(state, "spare") == 0)
        doctor_add(list, "ok", "relay", "and through the relay %s (spare)%s, over %s", host, rtt,
                   over_text(relay));
    else
        doctor_add(list, "ok", "relay", "connected to the relay %s%s%s, over %s", host,
                   field_flag(relay, "ours") ? "" : " of a peer", rtt, over_text(relay));
}

static void find_missing(json_t *list, const json_t *relay, bool home)
{
    const char *host = field_text(relay, "host"), *slash = strchr(host, '/');
    const char *level = home ? "note" : "problem";

    if (is(relay, "state", "refused")) {
        doctor_add(list, level, "relay", "the relay %s does not let others reach this gateway",
                   host);
        doctor_advise(list, "ask who runs it to do `overlay peer add` with the id that `overlay "
                            "id` prints, or to set [relay] serve = open");
    } else if (is(relay, "state", "silent")) {
        doctor_add(list, level, "relay", "the relay %s has stopped answering", host);
        doctor_advise(list, "sessions go on by another path; is its host up?");
    } else if (is(relay, "state", "connecting") && !doctor_knows(relay, "why")) {
        doctor_add(list, "note", "relay", "the relay %s is being connected", host);
        doctor_advise(list, "ask again in ten seconds");
    } else {
        doctor_add(list, level, "relay", "the relay %s is not reached", host);
        doctor_advise(list,
                      "is it up, with that id, and does its firewall let the UDP port in? "
                      "overlay stun-test %.*s",
                      slash ? (int)(slash - host) : (int)strlen(host), host);
    }
    if (doctor_knows(relay, "why"))
        doctor_why(list, "%s", field_text(relay, "why"));
}

static void find_each_relay(json_t *list, const json_t *relays, bool home)
{
    size_t i;
    json_t *relay;

    json_array_foreach(relays, i, relay)
    {
        if (is(relay, "state", "home") || is(relay, "state", "spare") ||
            is(relay, "state", "connected"))
            find_connected(list, relay);
        else if (field_flag(relay, "ours"))
            find_missing(list, relay, home);
    }
}

void doctor_relays(json_t *list, const json_t *status)
{
    const json_t *relay = json_object_get(status, "relay");
    const json_t *nat = json_object_get(status, "nat");

    find_each_relay(list, json_object_get(relay, "relays"), doctor_knows(relay, "home"));
    if (field_number(relay, "configured") <= 0 && !doctor_knows(relay, "home") &&
        !field_flag(nat, "reachable")) {
        doctor_add(list, "note", "relay",
                   "no relay: peers behind other NATs cannot begin a session with this gateway");
        doctor_why(list, "[relay] use is empty");
        doctor_advise(list, "set [relay] use = PEER_ID@HOST:PORT in overlay.conf; any gateway on a "
                            "public host is one with [relay] serve = friends");
    }
    if (field_flag(relay, "serving"))
        doctor_add(list, "ok", "relay", "relays for others: %.0f registered, %.0f circuits",
                   field_number(relay, "registered"), field_number(relay, "circuits"));
}

/* ---- peers ---- */

static const char *name_of(const json_t *peer)
{
    return field_text(peer, doctor_knows(peer, "alias") ? "alias" : "id");
}

static bool is_known(const json_t *peer)
{
    return field_flag(peer, "known") || doctor_knows(peer, "alias");
}

/** What helps against the reason, which the gateway gives in these words. */
struct remedy {
    const char *reason, *advice;
};

static const struct remedy REMEDIES[] = {
    {"mode = off)", "set [punch] mode = on in overlay.conf, then overlay config reload"},
    {"off at the peer", "its owner may set [punch] mode = on"},
    {"blocked on our side", "let UDP out through the firewall on this side"},
    {"blocked on their side", "let UDP out through the firewall on its side"},
    {"both NATs are symmetric", "a UDP port forwarded on the router of either side makes it "
                                "direct, and so does IPv6 on both; else it stays on the relay"},
    {"symmetric", "a UDP port forwarded on the router of that side makes it direct at once"},
    {"no address that we may probe", "run overlay doctor there: it does not know its own address"},
    {"nothing of theirs came", "run overlay doctor there too: does a firewall drop UDP?"},
    {"no answer to ours", "run overlay doctor there too: what comes from there arrives, what goes "
                          "there does not"},
    {"when there is traffic", NULL},
};

static void advise_direct(json_t *list, const json_t *peer)
{
    const char *why = field_text(peer, "why_not_direct");

    for (size_t i = 0; i < sizeof(REMEDIES) / sizeof(REMEDIES[0]); i++) {
        if (!strstr(why, REMEDIES[i].reason))
            continue;
        if (REMEDIES[i].advice)
            doctor_advise(list, "%s", REMEDIES[i].advice);
        return;
    }
    doctor_advise(list, "watch it: overlay ping %s --until-direct", name_of(peer));
}

static void find_relayed(json_t *list, const json_t *peer)
{
    const json_t *path = json_object_get(peer, "path");
    char rtt[32];

    (void)rtt_text(path, rtt);
    if (is(path, "kind", "tcp"))
        doctor_add(list, "ok", "peer", "%s: direct, but over TCP, %s%s", name_of(peer),
                   field_text(path, "remote"), rtt);
    else
        doctor_add(list, "note", "peer", "%s: through %s %s%s", name_of(peer),
                   is(path, "kind", "turn") ? "the TURN server" : "the relay",
                   field_text(path, "remote"), rtt);
    if (!doctor_knows(peer, "why_not_direct"))
        return;
    doctor_why(list, "not direct%s: %s", is(path, "kind", "tcp") ? " over UDP" : "",
               field_text(peer, "why_not_direct"));
    advise_direct(list, peer);
}

static void find_unreachable(json_t *list, const json_t *peer)
{
    doctor_add(list, is_known(peer) ? "problem" : "note", "peer", "%s: not reached", name_of(peer));
    doctor_why(list, "%s", field_text(peer, "why_not_direct"));
    doctor_advise(list,
                  "is its gateway up (there: overlay status)? If it has moved: overlay peer "
                  "add %s --relay PEER_ID@HOST:PORT; then overlay ping %s",
                  field_text(peer, "id"), name_of(peer));
}

static const char *plural(double count)
{
    return count > 1 || count < 1 ? "s" : "";
}

/** The last round of punching: what was sent, and what came of it. */
static void tell_round(json_t *list, const json_t *peer)
{
    const json_t *punch = json_object_get(peer, "punch");
    double probes = field_number(punch, "probes"), named = field_number(punch, "candidates");
    double answers = field_number(punch, "answers"), guesses = field_number(punch, "guesses");
    char guessed[48] = "";

    if (!json_is_object(punch))
        return;
    if (!doctor_knows(punch, "strategy")) {
        doctor_tried(list, "last round of punching, %.0f s ago: %s", field_number(punch, "ago_s"),
                     field_text(punch, "result"));
        return;
    }
    if (guesses > 0)
        (void)snprintf(guessed, sizeof(guessed), " (%.0f to guessed ports)", guesses);
    doctor_tried(list,
                 "last round of punching, %.0f s ago: %s after %.0f ms with %s; sent %.0f "
                 "packet%s%s to %.0f address%s it named, heard %.0f",
                 field_number(punch, "ago_s"), field_text(punch, "result"),
                 field_number(punch, "took_ms"), field_text(punch, "strategy"), probes,
                 plural(probes), guessed, named, named > 1 || named < 1 ? "es" : "", answers);
}

static void find_peer(json_t *list, const json_t *peer)
{
    const json_t *path = json_object_get(peer, "path");
    char rtt[32];

    if (is(peer, "state", "direct") && !is(path, "kind", "tcp"))
        doctor_add(list, "ok", "peer", "%s: direct, %s %s%s", name_of(peer),
                   field_text(path, "kind"), field_text(path, "remote"), rtt_text(path, rtt));
    else if (is(peer, "state", "relayed") || is(peer, "state", "direct"))
        find_relayed(list, peer);
    else if (is(peer, "state", "finding"))
        doctor_add(list, "note", "peer", "%s: being looked for", name_of(peer));
    else if (is(peer, "state", "unreachable"))
        find_unreachable(list, peer);
}

/** Relays are told of as such. */
static bool is_relay(const json_t *status, const json_t *peer)
{
    size_t i;
    json_t *relay;

    json_array_foreach(json_object_get(json_object_get(status, "relay"), "relays"), i, relay)
    {
        if (is(relay, "id", field_text(peer, "id")))
            return true;
    }
    return false;
}

static bool has_finding(const json_t *peer)
{
    return !is(peer, "state", "idle") && !is(peer, "state", "blocked");
}

/** A relay's many callers, and whoever else has come by itself, shall not hide the others. */
static void find_some(json_t *list, const json_t *status, bool known)
{
    unsigned told = 0, more = 0;
    size_t i;
    json_t *peer;

    json_array_foreach(json_object_get(status, "peers"), i, peer)
    {
        if (is_known(peer) != known || !has_finding(peer) || (!known && is_relay(status, peer)))
            continue;
        if (told++ < PEERS_TOLD) {
            find_peer(list, peer);
            tell_round(list, peer);
        } else {
            more++;
        }
    }
    if (more > 0) {
        doctor_add(list, "ok", "peer", "%u more %s", more,
                   known ? "peers" : "that nobody added as peers");
        doctor_advise(list, "overlay status lists them");
    }
}

void doctor_peers(json_t *list, const json_t *status)
{
    find_some(list, status, true);
    find_some(list, status, false);
}
