#include "gateway/wire/icmp_notice.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

#define NOTE_LEN   18
#define TAG_LEN    16
#define SEALED_LEN (ICMP_NOTICE_NONCE_LEN + NOTE_LEN) /* what the tag is over */

static_assert(ICMP_NOTICE_LEN == SEALED_LEN + TAG_LEN, "notice");

/* First byte of whatever is hashed under the key: no use can stand for the other. */
enum use { USE_TAG = 1, USE_NOTE = 2 };

static void keyed(uint8_t *out, size_t out_len, const uint8_t *key, enum use use,
                  const uint8_t *data, size_t len)
{
    uint8_t text[1 + SEALED_LEN] = {(uint8_t)use};

    memcpy(text + 1, data, len);
    hash_blake2b(out, out_len, key, ICMP_NOTICE_KEY_LEN, text, 1 + len);
}

/* A nonce serves once for a key, so its hash may serve as a key stream. */
static void seal(uint8_t note[static NOTE_LEN], const uint8_t *key, const uint8_t *nonce)
{
    uint8_t stream[HASH_BLAKE2B_MAX];

    keyed(stream, sizeof(stream), key, USE_NOTE, nonce, ICMP_NOTICE_NONCE_LEN);
    for (size_t i = 0; i < NOTE_LEN; i++)
        note[i] ^= stream[i];
    secret_wipe(stream, sizeof(stream));
}

void icmp_notice_write(uint8_t out[static ICMP_NOTICE_LEN], const struct icmp_notice *notice,
                       const uint8_t key[static ICMP_NOTICE_KEY_LEN])
{
    uint8_t *note = out + ICMP_NOTICE_NONCE_LEN;
    struct writer w = writer_over(note, NOTE_LEN);
    size_t len;

    assert(notice->at.sa.sa_family == AF_INET);
    write_be64(&w, notice->time_ms);
    write_bytes(&w, addr_ip(&notice->at, &len), 4);
    write_be16(&w, addr_port(&notice->at));
    write_be16(&w, notice->fresh_port);
    write_be16(&w, 0);
    seal(note, key, out);
    keyed(out + SEALED_LEN, TAG_LEN, key, USE_TAG, out, SEALED_LEN);
}

int icmp_notice_read(struct icmp_notice *out, const uint8_t *data, size_t len,
                     const uint8_t key[static ICMP_NOTICE_KEY_LEN])
{
    uint8_t tag[TAG_LEN], note[NOTE_LEN];

    if (len != ICMP_NOTICE_LEN)
        return -EBADMSG;
    keyed(tag, sizeof(tag), key, USE_TAG, data, SEALED_LEN);
    if (!secret_equal(tag, data + SEALED_LEN, TAG_LEN))
        return -EBADMSG;
    memcpy(note, data + ICMP_NOTICE_NONCE_LEN, NOTE_LEN);
    seal(note, key, data);

    struct reader r = reader_over(note, NOTE_LEN);
    out->time_ms = read_be64(&r);
    const uint8_t *ip = read_bytes(&r, 4);
    uint16_t port = read_be16(&r);
    out->fresh_port = read_be16(&r);
    out->at = addr_v4(ip, port);
    return 0;
}
