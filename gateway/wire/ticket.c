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
#define HEAD_LEN     (1 + TICKET_ID_LEN + TICKET_SECRET_LEN) /* before the checksum */
#define SCHEME_LEN   (sizeof(TICKET_SCHEME) - 1)
#define BYTES_MAX    ((TICKET_TEXT_MAX - SCHEME_LEN - 1) * 5 / 8)

enum { KIND_ADDR = 1, KIND_RELAY = 2, KIND_SERVICE = 3 };

static void checksum(uint8_t out[static CHECKSUM_LEN], const uint8_t *data, size_t len)
{
    uint8_t covered[BYTES_MAX], digest[HASH_BLAKE2B_MIN];
    const size_t behind = HEAD_LEN + CHECKSUM_LEN;

    memcpy(covered, data, HEAD_LEN);
    memcpy(covered + HEAD_LEN, data + behind, len - behind);
    hash_blake2b(digest, sizeof(digest), NULL, 0, covered, len - CHECKSUM_LEN);
    memcpy(out, digest, CHECKSUM_LEN);
}

static void write_hints(struct writer *w, const struct ticket *t)
{
    for (size_t i = 0; i < t->addrs; i++) {
        size_t ip_len;
        const uint8_t *ip = addr_ip(&t->addr[i], &ip_len);
        write_u8(w, KIND_ADDR);
        write_u8(w, (uint8_t)(2 + ip_len));
        write_be16(w, addr_port(&t->addr[i]));
        write_bytes(w, ip, ip_len);
    }
    for (size_t i = 0; i < t->relays; i++) {
        size_t len = strlen(t->relay[i].host);
        write_u8(w, KIND_RELAY);
        write_u8(w, (uint8_t)(TICKET_ID_LEN + len));
        write_bytes(w, t->relay[i].id, TICKET_ID_LEN);
        write_bytes(w, t->relay[i].host, len);
    }
    if (t->service[0]) {
        write_u8(w, KIND_SERVICE);
        write_u8(w, (uint8_t)strlen(t->service));
        write_bytes(w, t->service, strlen(t->service));
    }
}

size_t ticket_print(const struct ticket *t, char out[static TICKET_TEXT_MAX])
{
    uint8_t data[BYTES_MAX];
    struct writer w = writer_over(data, sizeof(data));

    assert(t->addrs <= TICKET_ADDRS_MAX && t->relays <= TICKET_RELAYS_MAX);
    write_u8(&w, VERSION);
    write_bytes(&w, t->id, TICKET_ID_LEN);
    write_bytes(&w, t->secret, TICKET_SECRET_LEN);
    uint8_t *sum = write_area(&w, CHECKSUM_LEN);
    write_hints(&w, t);
    assert(!w.failed); /* all of a struct ticket fits */
    size_t len = writer_len(&w, data);
    checksum(sum, data, len);
    memcpy(out, TICKET_SCHEME, SCHEME_LEN);
    (void)text_z32(out + SCHEME_LEN, data, len);
    return SCHEME_LEN + TEXT_Z32_LEN(len);
}

static void read_addr(struct ticket *t, struct reader *r)
{
    uint16_t port = read_be16(r);

    if (r->failed || t->addrs == TICKET_ADDRS_MAX || port == 0)
        return;
    if (r->left == 4)
        t->addr[t->addrs++] = addr_v4(r->at, port);
    else if (r->left == 16)
        t->addr[t->addrs++] = addr_v6(r->at, port, 0);
}

/* Text that is shown and stored later: visible ASCII only. */
static bool read_text(char *out, size_t max, struct reader *r)
{
    if (r->failed || r->left == 0 || r->left > max)
        return false;
    for (size_t i = 0; i < r->left; i++)
        if (r->at[i] <= ' ' || r->at[i] > '~')
            return false;
    memcpy(out, r->at, r->left);
    out[r->left] = '\0';
    return true;
}

static void read_relay(struct ticket *t, struct reader *r)
{
    struct ticket_relay *relay = &t->relay[t->relays];

    if (t->relays == TICKET_RELAYS_MAX)
        return;
    read_copy(r, relay->id, sizeof(relay->id));
    if (read_text(relay->host, TICKET_HOST_MAX, r))
        t->relays++;
    else
        memset(relay, 0, sizeof(*relay));
}

static int read_hints(struct ticket *t, struct reader *r)
{
    while (r->left > 0) {
        uint8_t kind = read_u8(r), len = read_u8(r);
        const uint8_t *content = read_bytes(r, len);
        if (!content)
            return -EINVAL;
        struct reader inner = reader_over(content, len);
        if (kind == KIND_ADDR)
            read_addr(t, &inner);
        else if (kind == KIND_RELAY)
            read_relay(t, &inner);
        else if (kind == KIND_SERVICE)
            (void)read_text(t->service, TICKET_SERVICE_MAX, &inner);
    }
    return 0;
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
    return read_hints(out, &r);
}
