#include "gateway/discovery/invite_slot.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/secret.h"
#include "gateway/crypto/stretch.h"

#define LABEL "overlay invite slot 1"

uint64_t invite_epoch(int64_t wall_us)
{
    return wall_us > 0 ? (uint64_t)(wall_us / INVITE_EPOCH_US) : 0;
}

uint64_t invite_epoch_beside(int64_t wall_us)
{
    uint64_t epoch = invite_epoch(wall_us);
    int64_t into = wall_us > 0 ? wall_us % INVITE_EPOCH_US : 0;

    if (into < INVITE_EPOCH_EDGE && epoch > 0)
        return epoch - 1;
    return into >= INVITE_EPOCH_US - INVITE_EPOCH_EDGE ? epoch + 1 : epoch;
}

int invite_slot_keys(struct keys *out, const struct invite_secret *secret, uint64_t epoch,
                     unsigned index)
{
    const uint8_t salt[STRETCH_SALT_LEN] = {(uint8_t)index};
    uint8_t text[sizeof(LABEL) + INVITE_HANDLE_LEN + sizeof(secret->network) + 8];
    uint8_t seed[STRETCH_LEN];
    struct writer w = writer_over(text, sizeof(text));

    write_bytes(&w, LABEL, sizeof(LABEL));
    write_bytes(&w, secret->handle, INVITE_HANDLE_LEN);
    write_bytes(&w, secret->network, sizeof(secret->network));
    write_be32(&w, (uint32_t)(epoch >> 32));
    write_be32(&w, (uint32_t)epoch);
    int err = stretch(seed, text, writer_len(&w, text), salt);
    if (err == 0)
        keys_from_seed(out, seed);
    secret_wipe(seed, sizeof(seed));
    return err;
}

struct krpc_bytes invite_slot_salt(enum invite_part part)
{
    static const char *const SALT[] = {
        [INVITE_PART_OFFER] = "offer",
        [INVITE_PART_CLAIM] = "claim",
        [INVITE_PART_WELCOME] = "welcome",
    };

    return (struct krpc_bytes){(const uint8_t *)SALT[part], strlen(SALT[part])};
}

void invite_slot_item(struct dht_item *out, const struct keys *keys, enum invite_part part,
                      int64_t seq, const uint8_t *message, size_t len)
{
    const struct krpc_bytes salt = invite_slot_salt(part);

    memset(out, 0, sizeof(*out));
    out->seq = seq;
    memcpy(out->salt, salt.at, salt.len);
    out->salt_len = salt.len;
    int err = dht_item_set_bytes(out, message, len);
    assert(err == 0 && "every message of an invite fits");
    (void)err;
    dht_item_sign(out, keys);
}
