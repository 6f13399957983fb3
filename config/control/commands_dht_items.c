/* dht get, dht put: values. */
#include "config/control/commands_dht.h"

#include <string.h>

#include "config/control/lookup.h"
#include "gateway/base/text.h"

static bool printable(const struct krpc_bytes *bytes)
{
    for (size_t i = 0; i < bytes->len; i++)
        if ((bytes->at[i] < ' ' && bytes->at[i] != '\n' && bytes->at[i] != '\t') ||
            bytes->at[i] == 0x7f)
            return false;
    return true;
}

json_t *dht_item_json(const struct dht_item *item)
{
    const struct dht_id target = dht_item_target(item);
    struct krpc_bytes bytes = dht_item_bytes(item);
    bool encoded = !bytes.at;
    json_t *text = NULL;

    if (encoded)
        bytes = (struct krpc_bytes){item->value, item->value_len};
    else if (printable(&bytes))
        text = json_stringn((const char *)bytes.at, bytes.len); /* NULL: not UTF-8 */
    json_t *out = json_pack("{s:o, s:b, s:o, s:o, s:b}", "target", dht_id_json(&target), "mutable",
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

/* ---- get ---- */

static json_t *read_salt(struct asking *a, const json_t *request)
{
    int len = protocol_hex(request, "salt", a->item.salt, sizeof(a->item.salt));

    if (len == -EMSGSIZE)
        return protocol_error(CLI_USAGE, NULL, "a salt has at most %d bytes", KRPC_SALT_MAX);
    a->item.salt_len = len > 0 ? (size_t)len : 0;
    return NULL;
}

json_t *dht_read_get(struct asking *a, const json_t *request)
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

int dht_begin_get(struct asking *a)
{
    const struct krpc_bytes salt = {a->item.salt, a->item.salt_len};
    struct dht_desk *desk = node_dht(a->call->context->node);

    if (!a->by_key)
        return dht_desk_get_immutable(desk, &a->dht, &a->target);
    return dht_desk_get(desk, &a->dht, a->item.key, salt, a->least);
}

json_t *dht_sum_get(struct asking *a, const struct dht_event *e)
{
    if (e->result < 0 || !e->item)
        return dht_error(a, e->result < 0 ? e->result : -ENOENT);
    json_t *out = dht_with_counts(dht_item_json(e->item), e);
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

json_t *dht_read_put(struct asking *a, const json_t *request)
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

int dht_begin_put(struct asking *a)
{
    return dht_desk_put(node_dht(a->call->context->node), &a->dht, &a->item,
                        a->has_cas ? &a->cas : NULL);
}

json_t *dht_sum_put(struct asking *a, const struct dht_event *e)
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
    json_t *out = dht_with_counts(dht_item_json(&a->item), e);
    (void)json_object_set_new(out, "stored", json_integer(e->stored));
    return protocol_ok(out);
}
