#include "gateway/wire/ticket.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/text.h"
#include "gateway/crypto/hash.h"

#define VERSION      1
#define CHECKSUM_LEN 4
#define HEAD_LEN     (1 + HINTS_ID_LEN + TICKET_SECRET_LEN) /* before the checksum */
#define SCHEME_LEN   (sizeof(TICKET_SCHEME) - 1)
#define BYTES_MAX    ((TICKET_TEXT_MAX - SCHEME_LEN - 1) * 5 / 8)

static void checksum(uint8_t out[static CHECKSUM_LEN], const uint8_t *data, size_t len)
{
    uint8_t covered[BYTES_MAX], digest[HASH_BLAKE2B_MIN];
    const size_t behind = HEAD_LEN + CHECKSUM_LEN;

    memcpy(covered, data, HEAD_LEN);
    memcpy(covered + HEAD_LEN, data + behind, len - behind);
    hash_blake2b(digest, sizeof(digest), NULL, 0, covered, len - CHECKSUM_LEN);
    memcpy(out, digest, CHECKSUM_LEN);
}

size_t ticket_print(const struct ticket *t, char out[static TICKET_TEXT_MAX])
{
    uint8_t data[BYTES_MAX];
    struct writer w = writer_over(data, sizeof(data));

    write_u8(&w, VERSION);
    write_bytes(&w, t->id, HINTS_ID_LEN);
    write_bytes(&w, t->secret, TICKET_SECRET_LEN);
    uint8_t *sum = write_area(&w, CHECKSUM_LEN);
    hints_write(&w, &t->hints);
    assert(!w.failed); /* all of a struct ticket fits */
    size_t len = writer_len(&w, data);
    checksum(sum, data, len);
    memcpy(out, TICKET_SCHEME, SCHEME_LEN);
    (void)text_z32(out + SCHEME_LEN, data, len);
    return SCHEME_LEN + TEXT_Z32_LEN(len);
}

static bool has_scheme(const char *text, size_t len)
{
    if (len < SCHEME_LEN)
        return false;
    for (size_t i = 0; i < SCHEME_LEN; i++)
        if ((text[i] | ' ') != TICKET_SCHEME[i])
            return false;
    return true;
}

int ticket_parse(struct ticket *out, const char *text, size_t len)
{
    uint8_t data[BYTES_MAX], sum[CHECKSUM_LEN];

    memset(out, 0, sizeof(*out));
    if (len >= TICKET_TEXT_MAX || !has_scheme(text, len))
        return -EINVAL;
    size_t letters = len - SCHEME_LEN, bytes = letters * 5 / 8;
    if (bytes < HEAD_LEN + CHECKSUM_LEN || text_z32_decode(data, bytes, text + SCHEME_LEN, letters))
        return -EINVAL;
    checksum(sum, data, bytes);
    if (memcmp(sum, data + HEAD_LEN, sizeof(sum)) != 0)
        return -EINVAL;
    struct reader r = reader_over(data, bytes);
    if (read_u8(&r) != VERSION)
        return -ENOTSUP;
    read_copy(&r, out->id, sizeof(out->id));
    read_copy(&r, out->secret, sizeof(out->secret));
    (void)read_bytes(&r, CHECKSUM_LEN);
    return hints_read(&out->hints, &r) ? -EINVAL : 0;
}
