#include "gateway/discovery/dht_item.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/digest.h"
#include "gateway/wire/bencode.h"

/* What goes before the value in what is signed: "4:salt64:" and the salt, "3:seqi" number "e1:v".
 */
#define SIGNED_MAX (KRPC_VALUE_MAX + KRPC_SALT_MAX + 64)

struct dht_id dht_item_target_of(const uint8_t key[static KRPC_KEY_LEN], const uint8_t *salt,
                                 size_t salt_len)
{
    const struct digest_part part[] = {{key, KRPC_KEY_LEN}, {salt, salt_len}};
    struct dht_id id = {{0}};

    digest(DIGEST_SHA1, id.b, part, 2);
    return id;
}

struct dht_id dht_item_target(const struct dht_item *item)
{
    struct dht_id id;

    if (item->mutable)
        return dht_item_target_of(item->key, item->salt, item->salt_len);
    digest(DIGEST_SHA1, id.b, &(struct digest_part){item->value, item->value_len}, 1);
    return id;
}

int dht_item_set_bytes(struct dht_item *item, const void *data, size_t len)
{
    struct writer w = writer_over(item->value, sizeof(item->value));

    bencode_put_bytes(&w, data, len);
    if (w.failed)
        return -EMSGSIZE;
    item->value_len = writer_len(&w, item->value);
    return 0;
}

struct krpc_bytes dht_item_bytes(const struct dht_item *item)
{
    struct bencode v;

    if (bencode_read(&v, item->value, item->value_len) < 0 || v.kind != BENCODE_BYTES)
        return (struct krpc_bytes){0};
    return (struct krpc_bytes){v.data, v.len};
}

static size_t signed_part(const struct dht_item *item, uint8_t out[static SIGNED_MAX])
{
    struct writer w = writer_over(out, SIGNED_MAX);

    if (item->salt_len > 0) {
        bencode_put_text(&w, "salt");
        bencode_put_bytes(&w, item->salt, item->salt_len);
    }
    bencode_put_text(&w, "seq");
    bencode_put_number(&w, item->seq);
    bencode_put_text(&w, "v");
    write_bytes(&w, item->value, item->value_len);
    return writer_len(&w, out);
}

void dht_item_sign(struct dht_item *item, const struct keys *keys)
{
    uint8_t text[SIGNED_MAX];

    item->mutable = true;
    memcpy(item->key, keys->id.key, sizeof(item->key));
    keys_sign(keys, text, signed_part(item, text), item->sig);
}

static bool is_signed(const struct dht_item *item)
{
    uint8_t text[SIGNED_MAX];
    struct peer_id id;

    memcpy(id.key, item->key, sizeof(id.key));
    return peer_id_verify(&id, text, signed_part(item, text), item->sig);
}

static int read_value(struct dht_item *out, const struct krpc *m)
{
    struct bencode v;

    if (!m->value.at)
        return KRPC_PROTOCOL;
    if (m->value.len > KRPC_VALUE_MAX)
        return KRPC_TOO_BIG;
    /* With keys in another order it would have another hash at those that write it anew. */
    if (bencode_read(&v, m->value.at, m->value.len) < 0 || !bencode_is_canonical(&v))
        return KRPC_PROTOCOL;
    memcpy(out->value, m->value.at, m->value.len);
    out->value_len = m->value.len;
    return 0;
}

static int read_signed(struct dht_item *out, const struct krpc *m, struct krpc_bytes salt)
{
    if (salt.len > KRPC_SALT_MAX)
        return KRPC_BIG_SALT;
    if (!m->sig || !m->has_seq || m->seq < 0)
        return KRPC_PROTOCOL;
    out->mutable = true;
    memcpy(out->key, m->key, sizeof(out->key));
    memcpy(out->sig, m->sig, sizeof(out->sig));
    out->seq = m->seq;
    out->salt_len = salt.len;
    if (salt.len > 0)
        memcpy(out->salt, salt.at, salt.len);
    return 0;
}

int dht_item_read(struct dht_item *out, const struct krpc *m, struct krpc_bytes salt,
                  const struct dht_id *target)
{
    memset(out, 0, sizeof(*out));
    int code = read_value(out, m);
    if (code == 0 && m->key)
        code = read_signed(out, m, salt);
    if (code != 0)
        return code;
    const struct dht_id own = dht_item_target(out);
    if (target && !dht_id_equal(&own, target))
        return KRPC_PROTOCOL;
    return out->mutable && !is_signed(out) ? KRPC_BAD_SIGNATURE : 0;
}

int dht_item_compare(const struct dht_item *a, const struct dht_item *b)
{
    if (a->seq != b->seq)
        return a->seq > b->seq ? 1 : -1;
    size_t len = a->value_len < b->value_len ? a->value_len : b->value_len;
    int order = memcmp(a->value, b->value, len);
    return order != 0 ? order : (a->value_len > b->value_len) - (a->value_len < b->value_len);
}
