/* resolve: what a name means, from where, and what its record says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"
#include "gateway/node/names.h"
#include "gateway/node/node_dht.h"

struct resolving {
    struct call *call;
    struct record_wait wait;
    struct peer_id peer;
    char service[PREAMBLE_NAME_MAX + 1];
};

/* ---- what is known here ---- */

static json_t *known_addresses(const struct known_peer *known)
{
    json_t *list = json_array();

    for (size_t i = 0; known && i < PEER_ADDRESSES_MAX && !addr_is_none(&known->address[i]); i++)
        (void)json_array_append_new(list, addr_json(&known->address[i]));
    return list;
}

static json_t *known_relays(const struct known_peer *known)
{
    json_t *list = json_array();

    for (size_t i = 0; known && i < PEER_RELAYS_MAX; i++) {
        if (*known->relay[i])
            (void)json_array_append_new(list, protocol_text(known->relay[i]));
        if (*known->its_relay[i] && strcmp(known->its_relay[i], known->relay[i]) != 0)
            (void)json_array_append_new(list, protocol_text(known->its_relay[i]));
    }
    return list;
}

/** Without its record. */
static json_t *meaning(struct command_context *c, const struct peer_id *id, const char *service)
{
    const struct known_peer *known = registry_peer(c->registry, id);
    bool named = known && *known->alias;
    const char *source = named ? "alias" : known ? "registry" : "id";

    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:n, s:n}", "id", id_json(id), "alias",
                     protocol_text(named ? known->alias : NULL), "service",
                     protocol_text(service && *service ? service : NULL), "source", source,
                     "fingerprint", fingerprint_json(id), "addresses", known_addresses(known),
                     "relays", known_relays(known), "record", "why_no_record");
}

/* ---- its record ---- */

static json_t *record_relays(const struct pkarr_record *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->relays; i++)
        (void)json_array_append_new(list, protocol_text(r->relay[i]));
    return list;
}

static json_t *record_addresses(const struct pkarr_record *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->addrs; i++)
        (void)json_array_append_new(list, addr_json(&r->addr[i]));
    return list;
}

static enum service_proto proto_of(const struct pkarr_service *s)
{
    if (s->tcp && s->udp)
        return SERVICE_BOTH;
    return s->udp ? SERVICE_UDP : SERVICE_TCP;
}

static json_t *record_services(const struct pkarr_record *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->services; i++)
        (void)json_array_append_new(
            list, json_pack("{s:o, s:s, s:i}", "name", protocol_text(r->service[i].name), "proto",
                            proto_name(proto_of(&r->service[i])), "port", (int)r->service[i].port));
    return list;
}

static const char *source_of(const struct record_found *f)
{
    if (f->told)
        return "peer";
    return f->relay ? f->relay : "dht";
}

/** Who told of it: an alias or an id; null if nobody had to. */
static json_t *teller(struct command_context *c, const struct record_found *f)
{
    char label[PEER_LABEL_MAX];

    return f->told ? protocol_text(peer_label(c, &f->told_by, label)) : json_null();
}

static json_t *record_json(struct command_context *c, const struct record_found *f)
{
    int64_t age_us = env_wall_us(c->env) - f->seq;

    return json_pack("{s:s, s:o, s:I, s:I, s:b, s:I, s:I, s:b, s:o, s:o, s:o, s:o}", "from",
                     source_of(f), "told_by", teller(c, f), "seq", (json_int_t)f->seq, "age_s",
                     (json_int_t)(age_us / 1000000), "future", age_us < -RECORD_FUTURE_US, "seen_s",
                     (json_int_t)((env_now(c->env) - f->when) / SEC(1)), "copies",
                     (json_int_t)f->copies, "gateway", f->record.ours, "nickname",
                     protocol_text(*f->record.nick ? f->record.nick : NULL), "relays",
                     record_relays(&f->record), "addresses", record_addresses(&f->record),
                     "services", record_services(&f->record));
}

static const char *why_none(int err)
{
    switch (err) {
    case -EOPNOTSUPP:
        return "the DHT is switched off here";
    case -EHOSTUNREACH:
        return "no node of the DHT answers";
    case -ENOENT:
        return "nobody has one";
    default:
        return strerror(-err);
    }
}

static void resolving_free(struct resolving *r)
{
    record_desk_cancel(&r->wait);
    r->call->state = NULL;
    free(r);
}

static void on_done(struct record_wait *w, int err, const struct record_found *found)
{
    struct resolving *r = container_of(w, struct resolving, wait);
    struct call *call = r->call;
    json_t *out = meaning(call->context, &r->peer, r->service);

    if (err == 0)
        (void)json_object_set_new(out, "record", record_json(call->context, found));
    else
        (void)json_object_set_new(out, "why_no_record", protocol_text(why_none(err)));
    resolving_free(r);
    call->finish(call, protocol_ok(out));
}

static void cancel(struct call *call)
{
    resolving_free(call->state);
}

/* ---- the command ---- */

json_t *command_resolve(struct command_context *c, const json_t *request)
{
    struct lookup_place place;
    json_t *refusal = lookup_place(c, protocol_string(request, "name"), &place);

    if (refusal)
        return refusal;
    json_t *out = meaning(c, &place.peer, place.service);
    (void)json_object_set_new(out, "why_no_record", json_string("no gateway is running"));
    return protocol_ok(out);
}

/** As the DNS server would, with or without the suffix; or by the beginning of an id. */
static json_t *find(struct command_context *c, const char *name, struct resolving *r)
{
    char host[PROTOCOL_STRING_MAX + NAMES_SUFFIX_MAX + 2];
    struct name_target target;

    (void)snprintf(host, sizeof(host), "%s", name);
    if (!names_is_ours(c->suffix, name))
        (void)snprintf(host, sizeof(host), "%s.%s", name, c->suffix);
    if (names_resolve(c->node, c->suffix, host, &target) == 0) {
        r->peer = target.peer;
        memcpy(r->service, target.service, sizeof(r->service));
        return NULL;
    }
    if (registry_find_peer(c->registry, name, &r->peer) == 0)
        return NULL;
    return protocol_error(CLI_UNKNOWN, "overlay status lists the peers", "unknown name '%s'", name);
}

void command_resolve_record(struct call *call, const json_t *request)
{
    struct resolving *r = calloc(1, sizeof(*r));
    json_t *refusal = r ? find(call->context, protocol_string(request, "name"), r)
                        : protocol_error(CLI_FAILED, NULL, "out of memory");

    if (!r || refusal) {
        free(r);
        call->finish(call, refusal);
        return;
    }
    r->call = call;
    r->wait.done = on_done;
    call->state = r;
    call->cancel = cancel;
    node_resolve(call->context->node, &r->peer, &r->wait);
}
