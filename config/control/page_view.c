#include "config/control/page_view.h"

#include <string.h>

#include "config/control/commands.h"
#include "config/control/doctor.h"
#include "config/control/fields.h"
#include "config/control/lookup.h"

/* Copies members as they are; what is missing becomes null. */
static json_t *pick(const json_t *from, const char *const names[])
{
    json_t *out = json_object();

    for (size_t i = 0; names[i]; i++) {
        json_t *value = json_object_get(from, names[i]);
        (void)json_object_set_new(out, names[i], value ? json_incref(value) : json_null());
    }
    return out;
}

/* The answer of a command that cannot fail. */
static json_t *result_of(json_t *answer)
{
    json_t *result = json_incref(json_object_get(answer, "result"));

    json_decref(answer);
    return result;
}

/* ---- peers ---- */

/** Milliseconds to a tenth; null: not known. */
static json_t *tenths(double ms)
{
    return ms > 0 ? json_real((double)(int64_t)(ms * 10 + 0.5) / 10) : json_null();
}

static json_t *history_json(const struct rtt_history *history, const char *id)
{
    uint32_t at[RTT_SAMPLES];
    struct peer_id peer;
    json_t *list = json_array();

    if (peer_id_parse(&peer, id, strlen(id)) < 0)
        return list;
    size_t count = rtt_history_read(history, &peer, at);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, tenths((double)at[i] / 1000));
    return list;
}

static bool is_guest(struct command_context *c, const char *text)
{
    struct peer_id id;

    return peer_id_parse(&id, text, strlen(text)) == 0 && registry_is_guest(c->registry, &id);
}

static json_t *peer_json(struct command_context *c, const struct rtt_history *history,
                         const json_t *peer)
{
    static const char *const NAMES[] = {
        "id",      "alias", "known",  "state",      "why_not_direct", "rx_bytes", "tx_bytes",
        "streams", "ports", "offers", "last_error", "blocked_why",    NULL};
    json_t *out = pick(peer, NAMES), *path = json_object_get(peer, "path");
    bool connected = json_is_object(path);

    (void)json_object_set_new(out, "kind",
                              connected ? json_incref(json_object_get(path, "kind")) : json_null());
    (void)json_object_set_new(
        out, "remote", connected ? json_incref(json_object_get(path, "remote")) : json_null());
    (void)json_object_set_new(out, "rtt",
                              connected ? tenths(field_number(path, "rtt_ms")) : json_null());
    (void)json_object_set_new(out, "history", history_json(history, field_text(peer, "id")));
    (void)json_object_set_new(out, "guest", json_boolean(is_guest(c, field_text(peer, "id"))));
    return out;
}

/** Which are shown first. */
static const char *const STATES[] = {"direct",      "relayed", "finding",
                                     "unreachable", "idle",    "blocked"};

static json_t *peers_json(struct command_context *c, const struct rtt_history *history,
                          const json_t *peers)
{
    json_t *list = json_array(), *peer;
    size_t i;

    for (size_t k = 0; k < sizeof(STATES) / sizeof(STATES[0]); k++) {
        json_array_foreach(peers, i, peer)
        {
            if (json_array_size(list) < PAGE_PEERS_MAX &&
                strcmp(field_text(peer, "state"), STATES[k]) == 0)
                (void)json_array_append_new(list, peer_json(c, history, peer));
        }
    }
    return list;
}

/* ---- services, invites ---- */

/** Of `ls`, with the counters of `status`, which has them in the same order. */
static json_t *services_json(const json_t *listed, const json_t *counted)
{
    static const char *const NAMES[] = {"id",    "proto", "port",        "target", "public",
                                        "allow", "deny",  "from_config", NULL};
    static const char *const COUNTERS[] = {"connections", "rx_bytes", "tx_bytes", NULL};
    json_t *list = json_array(), *service;
    size_t i;

    json_array_foreach(listed, i, service)
    {
        json_t *out = pick(service, NAMES), *more = pick(json_array_get(counted, i), COUNTERS);
        (void)json_object_update(out, more);
        json_decref(more);
        (void)json_array_append_new(list, out);
    }
    return list;
}

/** Invites end at a time of the clock, which the page shows as time that is left. */
static json_t *invites_json(struct command_context *c, const json_t *invites, bool trusted)
{
    static const char *const EVERYBODY[] = {"number", "service", "uses", "tries", NULL};
    static const char *const OWNER[] = {"number", "service", "uses", "tries",
                                        "code",   "ticket",  NULL};
    json_int_t now = env_wall_us(c->env) / 1000000;
    json_t *list = json_array(), *invite;
    size_t i;

    json_array_foreach(invites, i, invite)
    {
        json_t *out = pick(invite, trusted ? OWNER : EVERYBODY);
        /* To ten seconds: two clocks are never quite in step. */
        json_int_t until = (now + (json_int_t)field_number(invite, "expires_s") + 5) / 10 * 10;
        (void)json_object_set_new(out, "until", json_integer(until));
        (void)json_array_append_new(list, out);
    }
    return list;
}

/* ---- the network ---- */

static json_t *network_json(const json_t *status)
{
    static const char *const NAT[] = {"class",        "mapping", "filtering", "public",
                                      "public_v6",    "hairpin", "reachable", "carrier",
                                      "port_mapping", NULL};
    static const char *const DHT[] = {"mode", "nodes", "answered", "serving", NULL};
    static const char *const RELAY[] = {"home", "serving", "registered", "circuits", NULL};
    static const char *const STATUS[] = {"udp", "dns", "proxy", NULL};
    const json_t *dht = json_object_get(status, "dht");
    json_t *out = pick(status, STATUS), *known = pick(dht, DHT);

    (void)json_object_set_new(
        known, "record", json_incref(json_object_get(json_object_get(dht, "record"), "state")));
    (void)json_object_set_new(out, "nat", pick(json_object_get(status, "nat"), NAT));
    (void)json_object_set_new(out, "dht", known);
    (void)json_object_set_new(out, "relay", pick(json_object_get(status, "relay"), RELAY));
    return out;
}

/* ---- all of it ---- */

json_t *page_view(struct command_context *c, const struct rtt_history *history, int64_t since,
                  bool trusted)
{
    static const char *const NAMES[] = {"id", "version", NULL};
    json_t *status = result_of(command_status(c, NULL)), *ls = result_of(command_ls(c, NULL));
    const json_t *peers = json_object_get(status, "peers");
    json_t *out = pick(status, NAMES);

    (void)json_object_set_new(out, "fingerprint", fingerprint_json(c->id));
    (void)json_object_set_new(out, "since", json_integer(since));
    (void)json_object_set_new(out, "may", json_boolean(trusted));
    (void)json_object_set_new(out, "suffix", json_string(c->suffix));
    (void)json_object_set_new(out, "peers", peers_json(c, history, peers));
    (void)json_object_set_new(out, "peer_count", json_integer((json_int_t)json_array_size(peers)));
    (void)json_object_set_new(
        out, "services",
        services_json(json_object_get(ls, "services"), json_object_get(status, "services")));
    (void)json_object_set_new(out, "open", json_incref(json_object_get(ls, "open")));
    (void)json_object_set_new(out, "invites",
                              invites_json(c, json_object_get(ls, "invites"), trusted));
    (void)json_object_set_new(out, "network", network_json(status));
    (void)json_object_set_new(out, "findings", doctor_findings(status));
    json_decref(ls);
    json_decref(status);
    return out;
}
