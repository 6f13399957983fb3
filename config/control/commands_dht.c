/* dht: questions to the DHT by hand. */
#include "config/control/commands_dht.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/lookup.h"
#include "gateway/base/text.h"
#include "gateway/crypto/digest.h"

#define SIZE_WITHIN SEC(15) /* the first estimate takes some look-ups */
#define SIZE_LOOK   MSEC(200)
#define TOPIC       "overlay topic: " /* in front of a name that is no infohash */

static void asking_free(struct asking *a)
{
    struct command_context *c = a->call->context;

    dht_desk_not_waiting(&a->ready);
    dht_desk_cancel(node_dht(c->node), &a->dht);
    env_lookup_cancel(c->env, &a->lookup);
    timer_stop(c->env, &a->timer);
    json_decref(a->found);
    a->call->state = NULL;
    free(a);
}

static void finish(struct asking *a, json_t *answer)
{
    struct call *call = a->call;

    asking_free(a);
    call->finish(call, answer);
}

static void cancel(struct call *call)
{
    asking_free(call->state);
}

/* ---- what is said ---- */

json_t *dht_id_json(const struct dht_id *id)
{
    return protocol_bytes(id->b, sizeof(id->b));
}

static json_t *milliseconds(instant span)
{
    return span == 0 ? json_null() : json_real((double)span / 1e6);
}

json_t *dht_with_counts(json_t *out, const struct dht_event *e)
{
    (void)json_object_set_new(out, "asked", json_integer(e->asked));
    (void)json_object_set_new(out, "answered", json_integer(e->answered));
    (void)json_object_set_new(out, "first_ms", milliseconds(e->first));
    (void)json_object_set_new(out, "took_ms", milliseconds(e->took));
    return out;
}

json_t *dht_error(struct asking *a, int err)
{
    if (err == -EOPNOTSUPP)
        return protocol_error(CLI_FAILED, "set mode in [dht] and restart the gateway",
                              "the DHT is switched off here");
    if (err == -EBUSY)
        return protocol_error(CLI_FAILED, "try again", "too many requests are under way");
    if (err == -EHOSTUNREACH)
        return protocol_error(CLI_UNREACHABLE, "overlay doctor", "no node of the DHT answers");
    if (err == -EHOSTDOWN)
        return protocol_error(CLI_UNREACHABLE, NULL, "%s: no address is known", a->host);
    if (err == -ETIMEDOUT)
        return protocol_error(CLI_UNREACHABLE, NULL, "it does not answer");
    if (err == -ENOENT && strcmp(a->verb->name, "sample") == 0)
        return protocol_error(CLI_FAILED, "overlay dht sample TARGET asks elsewhere",
                              "none of the nodes told of an infohash: they have none, or want to "
                              "be asked less often");
    if (err == -ENOENT)
        return protocol_error(CLI_FAILED, NULL, "nobody on the DHT has %s",
                              strcmp(a->verb->name, "peers") == 0 ? "announced it" : "it");
    return protocol_error(CLI_FAILED, NULL, "the DHT: %s", strerror(-err));
}

/* ---- announce, peers ---- */

static json_t *read_topic(struct asking *a, const json_t *request)
{
    const char *what = protocol_string(request, "what");
    int64_t port = protocol_number(request, "port", 0);

    if (!what)
        return protocol_error(CLI_USAGE, NULL, "which name, or infohash?");
    if (port > UINT16_MAX)
        return protocol_error(CLI_USAGE, NULL, "--port takes a number up to 65535");
    a->port = (uint16_t)port;
    if (text_hex_decode(a->target.b, sizeof(a->target.b), what, strlen(what)) < 0) {
        const struct digest_part parts[] = {{TOPIC, strlen(TOPIC)}, {what, strlen(what)}};
        digest(DIGEST_SHA1, a->target.b, parts, 2);
    }
    a->found = json_array();
    return NULL;
}

static int begin_announce(struct asking *a)
{
    return dht_desk_announce(node_dht(a->call->context->node), &a->dht, &a->target, a->port);
}

static int begin_peers(struct asking *a)
{
    return dht_desk_peers(node_dht(a->call->context->node), &a->dht, &a->target);
}

static json_t *sum_topic(struct asking *a, const struct dht_event *e)
{
    bool announced = strcmp(a->verb->name, "announce") == 0;

    if (e->result < 0)
        return dht_error(a, e->result);
    json_t *out = json_pack("{s:o, s:O}", "infohash", dht_id_json(&a->target), "peers", a->found);
    if (announced)
        (void)json_object_set_new(out, "stored", json_integer(e->stored));
    return protocol_ok(dht_with_counts(out, e));
}

/* ---- sample ---- */

/* Without a target anywhere: the infohashes of one part of the DHT say as much as those of another.
 */
static json_t *read_sample(struct asking *a, const json_t *request)
{
    if (protocol_string(request, "what"))
        return read_topic(a, request);
    env_random(a->call->context->env, a->target.b, sizeof(a->target.b));
    a->found = json_array();
    return NULL;
}

static int begin_sample(struct asking *a)
{
    return dht_desk_sample(node_dht(a->call->context->node), &a->dht, &a->target);
}

static json_t *sum_sample(struct asking *a, const struct dht_event *e)
{
    if (e->result < 0)
        return dht_error(a, e->result);
    json_t *out = json_pack("{s:o, s:O, s:I}", "target", dht_id_json(&a->target), "infohashes",
                            a->found, "sampled", (json_int_t)e->sampled);
    return protocol_ok(dht_with_counts(out, e));
}

/* ---- ping ---- */

static json_t *read_ping(struct asking *a, const json_t *request)
{
    const char *what = protocol_string(request, "what");
    const char *colon = what ? strrchr(what, ':') : NULL;
    uint16_t port = 0;

    if (what && addr_parse(&a->node, what) == 0 && addr_port(&a->node) != 0)
        return NULL;
    if (!colon || colon == what || (size_t)(colon - what) >= sizeof(a->host) || *what == '[' ||
        text_parse_u16(&port, colon + 1, strlen(colon + 1)) < 0 || port == 0)
        return protocol_error(CLI_USAGE, NULL, "'%s' is not HOST:PORT", what ? what : "");
    memcpy(a->host, what, (size_t)(colon - what));
    a->port = port;
    return NULL;
}

static void on_found(struct lookup *l, int err, const struct addr *list, int count)
{
    struct asking *a = container_of(l, struct asking, lookup);

    if (err == 0 && count > 0)
        err = dht_desk_ping(node_dht(a->call->context->node), &a->dht, &list[0]);
    else
        err = -EHOSTDOWN;
    if (err < 0)
        finish(a, dht_error(a, err));
}

static int begin_ping(struct asking *a)
{
    struct command_context *c = a->call->context;

    if (!*a->host)
        return dht_desk_ping(node_dht(c->node), &a->dht, &a->node);
    a->lookup.done = on_found;
    return env_lookup(c->env, &a->lookup, a->host, a->port);
}

static json_t *sum_ping(struct asking *a, const struct dht_event *e)
{
    if (e->result == -EAGAIN)
        return protocol_error(CLI_FAILED, "try again in a second",
                              "this address got as many messages as it may");
    if (e->result < 0)
        return dht_error(a, e->result);
    return protocol_ok(json_pack(
        "{s:o, s:o, s:o, s:o}", "node", addr_json(&e->node), "id", dht_id_json(&e->id), "version",
        protocol_bytes(e->version, sizeof(e->version)), "rtt_ms", milliseconds(e->took)));
}

/* ---- size ---- */

static void look_at_size(struct timer *timer)
{
    struct asking *a = container_of(timer, struct asking, timer);
    struct command_context *c = a->call->context;
    struct node_dht_view v;

    node_dht_view(c->node, &v);
    if (v.network_size > 0)
        finish(a, protocol_ok(json_pack("{s:I, s:i, s:i}", "size", (json_int_t)v.network_size,
                                        "known", (int)v.nodes, "answered", (int)v.answered)));
    else if (v.mode == NODE_DHT_OFF)
        finish(a, dht_error(a, -EOPNOTSUPP));
    else if (v.answered == 0)
        finish(a, dht_error(a, -EHOSTUNREACH));
    else if (env_now(c->env) >= a->began + SIZE_WITHIN)
        finish(a, protocol_error(CLI_FAILED, "try again in a minute",
                                 "too little is known yet to say how large the DHT is"));
    else
        timer_set(c->env, &a->timer, env_now(c->env) + SIZE_LOOK);
}

static int begin_size(struct asking *a)
{
    struct command_context *c = a->call->context;

    a->began = env_now(c->env);
    a->timer.fire = look_at_size;
    timer_set(c->env, &a->timer, a->began);
    return 0;
}

/* ---- all of them ---- */

static const struct verb_of VERBS[] = {
    {"get", dht_read_get, dht_begin_get, dht_sum_get},
    {"put", dht_read_put, dht_begin_put, dht_sum_put},
    {"announce", read_topic, begin_announce, sum_topic},
    {"peers", read_topic, begin_peers, sum_topic},
    {"sample", read_sample, begin_sample, sum_sample},
    {"ping", read_ping, begin_ping, sum_ping},
    {"size", NULL, begin_size, NULL},
};

static void emit_peers(struct asking *a, const struct dht_event *e)
{
    for (size_t i = 0; i < e->peer_count; i++) {
        (void)json_array_append_new(a->found, addr_json(&e->peers[i]));
        a->call->emit(a->call, json_pack("{s:s, s:o}", "event", "dht_peer", "address",
                                         addr_json(&e->peers[i])));
    }
}

static void emit_samples(struct asking *a, const struct dht_event *e)
{
    for (size_t i = 0; i < e->sample_count; i++) {
        (void)json_array_append_new(a->found, dht_id_json(&e->samples[i]));
        a->call->emit(a->call, json_pack("{s:s, s:o}", "event", "dht_sample", "infohash",
                                         dht_id_json(&e->samples[i])));
    }
}

static void on_event(struct dht_call *call, const struct dht_event *e)
{
    struct asking *a = container_of(call, struct asking, dht);

    if (e->kind == DHT_VALUE && e->item)
        a->call->emit(a->call, json_pack("{s:s, s:o}", "event", "dht_value", "value",
                                         dht_item_json(e->item)));
    else if (e->kind == DHT_PEERS)
        emit_peers(a, e);
    else if (e->kind == DHT_SAMPLES)
        emit_samples(a, e);
    else if (e->kind == DHT_DONE)
        finish(a, a->verb->sum(a, e));
}

static void on_ready(struct dht_ready *w)
{
    struct asking *a = container_of(w, struct asking, ready);
    int err = a->verb->begin(a);

    if (err < 0)
        finish(a, dht_error(a, err));
}

static const struct verb_of *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++)
        if (strcmp(VERBS[i].name, name) == 0)
            return &VERBS[i];
    return NULL;
}

void command_dht(struct call *call, const json_t *request)
{
    struct asking *a = calloc(1, sizeof(*a));

    if (!a) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    a->call = call;
    a->dht.event = on_event;
    a->ready.ready = on_ready;
    a->verb = find_verb(protocol_string(request, "do"));
    json_t *refusal = a->verb ? NULL
                              : protocol_error(CLI_USAGE, "overlay help dht", "dht what? '%s'",
                                               protocol_string(request, "do"));
    if (a->verb && a->verb->read)
        refusal = a->verb->read(a, request);
    if (!a->verb || refusal) {
        finish(a, refusal);
        return;
    }
    call->state = a;
    call->cancel = cancel;
    if (a->verb->begin == begin_ping) /* of one node, which may be the first that we know */
        on_ready(&a->ready);
    else
        dht_desk_when_ready(node_dht(call->context->node), &a->ready);
}
