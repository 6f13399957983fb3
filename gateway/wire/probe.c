#include "gateway/wire/probe.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/wire/demux.h"

#define MAC_LEN 16

enum { FAMILY_NONE = 0, FAMILY_V4 = 4, FAMILY_V6 = 6 };

static void write_seen(struct writer *w, const struct addr *a)
{
    size_t ip_len;
    const uint8_t *ip = addr_ip(a, &ip_len);
    static const uint8_t zeros[16];

    write_u8(w, ip_len == 0 ? FAMILY_NONE : ip_len == 4 ? FAMILY_V4 : FAMILY_V6);
    write_be16(w, ip_len == 0 ? 0 : addr_port(a));
    write_bytes(w, ip, ip_len);
    write_bytes(w, zeros, sizeof(zeros) - ip_len);
}

void probe_write(const struct probe *p, const uint8_t key[static PROBE_KEY_LEN], uint8_t *out,
                 size_t len)
{
    assert(len >= PROBE_MIN && len <= PROBE_MAX);
    struct writer w = writer_over(out, len - MAC_LEN);

    memset(out, 0, len);
    write_u8(&w, DEMUX_PROBE);
    write_u8(&w, (uint8_t)p->type);
    write_be64(&w, p->token);
    write_be32(&w, p->sequence);
    write_be64(&w, p->challenge);
    write_u8(&w, p->flags);
    write_seen(&w, &p->seen);
    hash_blake2b(out + len - MAC_LEN, MAC_LEN, key, PROBE_KEY_LEN, out, len - MAC_LEN);
}

int probe_token(const uint8_t *data, size_t len, uint64_t *token)
{
    struct reader r = reader_over(data, len);

    if (len < PROBE_MIN || len > PROBE_MAX || read_u8(&r) != DEMUX_PROBE)
        return -EBADMSG;
    uint8_t type = read_u8(&r);
    if (type != PROBE_PING && type != PROBE_PONG)
        return -EBADMSG;
    *token = read_be64(&r);
    return 0;
}

static int read_seen(struct reader *r, struct addr *out)
{
    uint8_t family = read_u8(r);
    uint16_t port = read_be16(r);
    const uint8_t *ip = read_bytes(r, 16);

    *out = (struct addr){0};
    if (!ip || (family != FAMILY_NONE && family != FAMILY_V4 && family != FAMILY_V6))
        return -EBADMSG;
    if (family == FAMILY_V4)
        *out = addr_v4(ip, port);
    if (family == FAMILY_V6)
        *out = addr_v6(ip, port, 0);
    return 0;
}

int probe_read(struct probe *out, const uint8_t key[static PROBE_KEY_LEN], const uint8_t *data,
               size_t len)
{
    uint8_t mac[MAC_LEN];
    struct probe p = {0};

    if (probe_token(data, len, &p.token) < 0)
        return -EBADMSG;
    hash_blake2b(mac, sizeof(mac), key, PROBE_KEY_LEN, data, len - MAC_LEN);
    if (!secret_equal(mac, data + len - MAC_LEN, MAC_LEN))
        return -EBADMSG;

    struct reader r = reader_over(data + 1, len - 1 - MAC_LEN);
    p.type = (enum probe_type)read_u8(&r);
    (void)read_be64(&r); /* the token, read above */
    p.sequence = read_be32(&r);
    p.challenge = read_be64(&r);
    p.flags = read_u8(&r);
    if (read_seen(&r, &p.seen) < 0)
        return -EBADMSG;
    *out = p;
    return 0;
}
