/* dht: questions to the DHT by hand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"
#include "gateway/base/text.h"
#include "gateway/crypto/digest.h"
#include "gateway/node/node_dht.h"

#define SIZE_WITHIN SEC(15) /* the first estimate takes some look-ups */
#define SIZE_LOOK   MSEC(200)
#define TOPIC       "overlay topic: " /* in front of a name that is no infohash */

struct asking {
    struct call *call;
    const struct verb_of *verb;
    struct dht_call dht;
    struct dht_ready ready;
    struct lookup lookup;
    struct timer timer;
    instant began;
    bool by_key; /* get: `item` has the key */
    struct dht_item item;
    int64_t least; /* seq of a get */
    bool has_cas;
    int64_t cas;
    struct dht_id target;
    uint16_t port;
    struct addr node;
    char host[128]; /* of a ping, where it is no address */
    json_t *peers;
};

/** What there is to do, by its word. */
struct verb_of {
    const char *name;
    json_t *(*read)(struct asking *a, const json_t *request); /* a refusal, or NULL */
    int (*begin)(struct asking *a); /* NULL: it is over when the DHT is ready */
    json_t *(*sum)(struct asking *a, const struct dht_event *event);
};

static void asking_free(struct asking *a)
{
    struct command_context *c = a->call->context;

    dht_desk_not_waiting(&a->ready);
    dht_desk_cancel(node_dht(c->node), &a->dht);
    env_lookup_cancel(c->env, &a->lookup);
    timer_stop(c->env, &a->timer);
    json_decref(a->peers);
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

static json_t *id_text(const struct dht_id *id)
{
    return protocol_bytes(id->b, sizeof(id->b));
}

static bool printable(const struct krpc_bytes *bytes)
{
    for (size_t i = 0; i < bytes->len; i++)
        if ((bytes->at[i] < ' ' && bytes->at[i] != '\n' && bytes->at[i] != '\t') ||
            bytes->at[i] == 0x7f)
            return false;
    return true;
}

/** The value: as text where it is some, and byte by byte; what is no byte string as it is encoded.
 */
static json_t *item_json(const struct dht_item *item)
{
    const struct dht_id target = dht_item_target(item);
    struct krpc_bytes bytes = dht_item_bytes(item);
    bool encoded = !bytes.at;
    json_t *text = NULL;

    if (encoded)
        bytes = (struct krpc_bytes){item->value, item->value_len};
    else if (printable(&bytes))
        text = json_stringn((const char *)bytes.at, bytes.len); /* NULL: not UTF-8 */
    json_t *out = json_pack("{s:o, s:b, s:o, s:o, s:b}", "target", id_text(&target), "mutable",
                            item->mutable, "text", text ? text : json_null(), "hex",
                            protocol_bytes(bytes.at, bytes.len), "bencoded", encoded);
    if (!item->mutable)
        return out;
    (void)json_object_set_new(out, "key", protocol_bytes(item->key, sizeof(item->key)));
    (void)json_object_set_new(out, "salt", protocol_bytes(item->salt, item->salt_len));
    (void)json_object_set_new(out, "seq", json_integer(item->seq));
    (void)json_object_set_new(out, "sig", protocol_bytes(item->sig, sizeof(item->sig)));
    return out;
}

static json_t *milliseconds(instant span)
{
    return span == 0 ? json_null() : json_real((double)span / 1e6);
}

/** Adds how the look-up went. */
static json_t *with_counts(json_t *out, const struct dht_event *e)
{
    (void)json_object_set_new(out, "asked", json_integer(e->asked));
    (void)json_object_set_new(out, "answered", json_integer(e->answered));
    (void)json_object_set_new(out, "first_ms", milliseconds(e->first));
    (void)json_object_set_new(out, "took_ms", milliseconds(e->took));
    return out;
}

static json_t *dht_error(struct asking *a, int err)
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
    if (err == -ENOENT)
        return protocol_error(CLI_FAILED, NULL, "nobody on the DHT has %s",
                              strcmp(a->verb->name, "peers") == 0 ? "announced it" : "it");
    return protocol_error(CLI_FAILED, NULL, "the DHT: %s", strerror(-err));
}

/* ---- get ---- */

static json_t *read_salt(struct asking *a, const json_t *request)
{
    int len = protocol_hex(request, "salt", a->item.salt, sizeof(a->item.salt));

    if (len == -EMSGSIZE)
        return protocol_error(CLI_USAGE, NULL, "a salt has at most %d bytes", KRPC_SALT_MAX);
    a->item.salt_len = len > 0 ? (size_t)len : 0;
    return NULL;
}

static json_t *read_get(struct asking *a, const json_t *request)
{
    const char *what = protocol_string(request, "what");
    size_t len = what ? strlen(what) : 0;
    struct peer_id id;

    a->item.mutable = a->by_key = true;
    a->least = protocol_number(request, "seq", 0);
    if (!what)
        return protocol_error(CLI_USAGE, NULL, "get what? A key, a peer, or a target");
    if (text_hex_decode(a->target.b, sizeof(a->target.b), what, len) == 0) {
        a->by_key = false;
        if (json_object_get(request, "salt") || json_object_get(request, "seq"))
            return protocol_error(CLI_USAGE, NULL, "an immutable value has no salt and no seq");
        return NULL;
    }
    if (text_hex_decode(a->item.key, sizeof(a->item.key), what, len) < 0) {
        if (registry_find_peer(a->call->context->registry, what, &id) < 0)
            return protocol_error(CLI_UNKNOWN, "overlay help dht",
                                  "'%s' is no peer, no key and no target of 40 digits", what);
        memcpy(a->item.key, id.key, sizeof(a->item.key));
    }
    return read_salt(a, request);
}

static int begin_get(struct asking *a)
{
    const struct krpc_bytes salt = {a->item.salt, a->item.salt_len};
    struct dht_desk *desk = node_dht(a->call->context->node);

    if (!a->by_key)
        return dht_desk_get_immutable(desk, &a->dht, &a->target);
    return dht_desk_get(desk, &a->dht, a->item.key, salt, a->least);
}

static json_t *sum_get(struct asking *a, const struct dht_event *e)
{
    if (e->result < 0 || !e->item)
        return dht_error(a, e->result < 0 ? e->result : -ENOENT);
    json_t *out = with_counts(item_json(e->item), e);
    (void)json_object_set_new(out, "copies", json_integer(e->copies));
    return protocol_ok(out);
}

/* ---- put ---- */

/** Signed by the caller, whose key is none of ours. */
static json_t *read_signature(struct asking *a, const json_t *request)
{
    struct dht_item *it = &a->item;

    if (protocol_hex(request, "key", it->key, sizeof(it->key)) != sizeof(it->key) ||
        protocol_hex(request, "sig", it->sig, sizeof(it->sig)) != sizeof(it->sig) || it->seq == 0)
        return protocol_error(CLI_USAGE, NULL, "key, signature and seq belong together");
    return NULL;
}

static json_t *read_put(struct asking *a, const json_t *request)
{
    uint8_t value[PROTOCOL_HEX_MAX];
    struct command_context *c = a->call->context;
    int len = protocol_hex(request, "value", value, sizeof(value));

    a->item.mutable = !protocol_bool(request, "immutable");
    if (len < 0 || dht_item_set_bytes(&a->item, value, (size_t)len) < 0)
        return protocol_error(CLI_USAGE, NULL, "a value has at most 996 bytes");
    if (!a->item.mutable)
        return NULL;
    json_t *refusal = read_salt(a, request);
    a->item.seq = protocol_number(request, "seq", 0);
    a->has_cas = json_object_get(request, "cas") != NULL;
    a->cas = protocol_number(request, "cas", 0);
    if (refusal)
        return refusal;
    if (json_object_get(request, "key"))
        return read_signature(a, request);
    if (a->item.salt_len == 0)
        return protocol_error(CLI_USAGE, "overlay dht put VALUE --salt NAME",
                              "without a salt that is the place of this gateway's own record");
    if (!json_object_get(request, "seq"))
        a->item.seq = env_wall_us(c->env);
    node_sign_item(c->node, &a->item);
    return NULL;
}

static int begin_put(struct asking *a)
{
    return dht_desk_put(node_dht(a->call->context->node), &a->dht, &a->item,
                        a->has_cas ? &a->cas : NULL);
}

static json_t *sum_put(struct asking *a, const struct dht_event *e)
{
    if (e->result == -ESTALE)
        return protocol_error(CLI_FAILED, "overlay dht put .. --seq N",
                              "nothing was stored: there is a value with seq %lld",
                              e->item ? (long long)e->item->seq : 0LL);
    if (e->result == -EEXIST)
        return protocol_error(CLI_FAILED, "overlay dht get shows the seq that is there",
                              "nothing was stored: the value there has another seq than %lld",
                              (long long)a->cas);
    if (e->result == -EPERM)
        return protocol_error(CLI_FAILED, NULL, "nothing was stored: the nodes refuse it (%d)",
                              e->refused);
    if (e->result < 0)
        return dht_error(a, e->result);
    json_t *out = with_counts(item_json(&a->item), e);
    (void)json_object_set_new(out, "stored", json_integer(e->stored));
    return protocol_ok(out);
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
    a->peers = json_array();
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
    json_t *out = json_pack("{s:o, s:O}", "infohash", id_text(&a->target), "peers", a->peers);
    if (announced)
        (void)json_object_set_new(out, "stored", json_integer(e->stored));
    return protocol_ok(with_counts(out, e));
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
        "{s:o, s:o, s:o, s:o}", "node", addr_json(&e->node), "id", id_text(&e->id), "version",
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
    {"get", read_get, begin_get, sum_get},
    {"put", read_put, begin_put, sum_put},
    {"announce", read_topic, begin_announce, sum_topic},
    {"peers", read_topic, begin_peers, sum_topic},
    {"ping", read_ping, begin_ping, sum_ping},
    {"size", NULL, begin_size, NULL},
};

static void emit_peers(struct asking *a, const struct dht_event *e)
{
    for (size_t i = 0; i < e->peer_count; i++) {
        (void)json_array_append_new(a->peers, addr_json(&e->peers[i]));
        a->call->emit(a->call, json_pack("{s:s, s:o}", "event", "dht_peer", "address",
                                         addr_json(&e->peers[i])));
    }
}

static void on_event(struct dht_call *call, const struct dht_event *e)
{
    struct asking *a = container_of(call, struct asking, dht);

    if (e->kind == DHT_VALUE && e->item)
        a->call->emit(a->call,
                      json_pack("{s:s, s:o}", "event", "dht_value", "value", item_json(e->item)));
    else if (e->kind == DHT_PEERS)
        emit_peers(a, e);
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
