#include "gateway/identity/peer_id.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "gateway/base/text.h"

int peer_id_parse(struct peer_id *out, const char *text, size_t len)
{
    struct peer_id id;
    if (text_z32_decode(id.key, PEER_ID_LEN, text, len) < 0 || !peer_id_is_valid(&id))
        return -EINVAL;
    *out = id;
    return 0;
}

const char *peer_id_print(const struct peer_id *id, char out[static PEER_ID_TEXT_MAX])
{
    return text_z32(out, id->key, PEER_ID_LEN);
}

const char *peer_id_short(const struct peer_id *id, char out[static 9])
{
    return text_z32(out, id->key, 5);
}

bool peer_id_equal(const struct peer_id *a, const struct peer_id *b)
{
    return memcmp(a->key, b->key, PEER_ID_LEN) == 0;
}

int peer_id_compare(const struct peer_id *a, const struct peer_id *b)
{
    return memcmp(a->key, b->key, PEER_ID_LEN);
}

bool peer_id_is_zero(const struct peer_id *id)
{
    static const struct peer_id zero;
    return peer_id_equal(id, &zero);
}

bool peer_id_is_valid(const struct peer_id *id)
{
    /* Also refuses keys with a small-order part, which no key generation makes. */
    return crypto_core_ed25519_is_valid_point(id->key) == 1;
}
