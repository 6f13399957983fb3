#include "gateway/discovery/dht_id.h"

#include <string.h>

#include "gateway/base/bytes.h"

enum { VOTES_NEEDED = 4 };

struct dht_id dht_id_from(const uint8_t bytes[static DHT_ID_LEN])
{
    struct dht_id id;
    memcpy(id.b, bytes, DHT_ID_LEN);
    return id;
}

bool dht_id_equal(const struct dht_id *a, const struct dht_id *b)
{
    return memcmp(a, b, DHT_ID_LEN) == 0;
}

int dht_id_compare(const struct dht_id *target, const struct dht_id *a, const struct dht_id *b)
{
    for (unsigned i = 0; i < DHT_ID_LEN; i++) {
        unsigned x = a->b[i] ^ target->b[i], y = b->b[i] ^ target->b[i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

unsigned dht_id_shared(const struct dht_id *a, const struct dht_id *b)
{
    for (unsigned i = 0; i < DHT_ID_LEN; i++) {
        unsigned x = a->b[i] ^ b->b[i];
        if (x != 0)
            return 8 * i + (unsigned)__builtin_clz(x) - 24;
    }
    return DHT_ID_BITS;
}

double dht_id_distance(const struct dht_id *a, const struct dht_id *b)
{
    double part = 0;

    for (unsigned i = 8; i > 0; i--)
        part = (part + (a->b[i - 1] ^ b->b[i - 1])) / 256;
    return part;
}

/* ---- BEP 42 ---- */

static uint32_t crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0); /* Castagnoli, reflected */
    }
    return ~crc;
}

/* The first 21 bits, in the upper part, of an id at this address whose last byte is `r`. */
static uint32_t prefix_at(const struct addr *addr, uint8_t r)
{
    static const uint8_t MASK4[] = {0x03, 0x0f, 0x3f, 0xff};
    static const uint8_t MASK6[] = {0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff};
    uint8_t masked[8] = {0};
    size_t len;
    const uint8_t *ip = addr_ip(addr, &len);
    const uint8_t *mask = len == 4 ? MASK4 : MASK6;

    len = len == 4 ? 4 : 8;
    for (size_t i = 0; i < len; i++)
        masked[i] = ip[i] & mask[i];
    masked[0] = (uint8_t)(masked[0] | (r & 7) << 5);
    return crc32c(masked, len) & UINT32_C(0xfffff800);
}

static uint32_t front_of(const struct dht_id *id)
{
    struct reader r = reader_over(id->b, 4);
    return read_be32(&r);
}

/* By hand, for tables are searched with it. */
bool dht_addr_is_local(const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);

    if (len == 16)
        return (ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) ||
               (ip[0] == 0 && addr_is_loopback(a));
    if (len == 0)
        return false;
    switch (ip[0]) {
    case 10:
    case 127:
        return true;
    case 100:
        return (ip[1] & 0xc0) == 64;
    case 169:
        return ip[1] == 254;
    case 172:
        return (ip[1] & 0xf0) == 16;
    case 192:
        return ip[1] == 168;
    default:
        return false;
    }
}

void dht_id_fit(struct dht_id *id, const struct addr *addr)
{
    struct writer w = writer_over(id->b, 4);

    if (addr_is_none(addr) || dht_addr_is_local(addr))
        return;
    write_be32(&w, prefix_at(addr, id->b[19]) | (front_of(id) & 0x7ff));
}

bool dht_id_fits(const struct dht_id *id, const struct addr *addr)
{
    if (addr_is_none(addr) || dht_addr_is_local(addr))
        return true;
    return ((front_of(id) ^ prefix_at(addr, id->b[19])) & UINT32_C(0xfffff800)) == 0;
}

/* ---- addresses ---- */

size_t dht_addr_key(const struct addr *a, bool wide, uint8_t out[static 20])
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);

    if (!ip)
        return 0;
    if (dht_addr_is_local(a)) {
        struct writer w = writer_over(out, 20);
        write_bytes(&w, ip, len);
        write_be16(&w, addr_port(a));
        return writer_len(&w, out);
    }
    if (len == 16)
        len = wide ? 6 : 8;
    else if (wide)
        len = 3;
    memcpy(out, ip, len);
    return len;
}

bool dht_addr_same(const struct addr *a, const struct addr *b, bool wide)
{
    size_t len, other;
    const uint8_t *x = addr_ip(a, &len), *y = addr_ip(b, &other);

    if (len != other || len == 0)
        return false;
    if (len == 16)
        len = wide ? 6 : 8;
    else if (wide)
        len = 3;
    return memcmp(x, y, len) == 0 && (!dht_addr_is_local(a) || addr_equal(a, b));
}

bool dht_addr_is_usable(const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);

    if (!ip || addr_port(a) == 0 || addr_is_multicast(a) || addr_is_unspecified(a))
        return false;
    if (len == 4)
        return ip[0] != 0 && ip[0] < 240;
    return !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
}

/* ---- votes ---- */

static unsigned voices_for(const struct dht_votes *v, const struct addr *seen)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->count; i++)
        n += addr_same_ip(&v->vote[i].seen, seen);
    return n;
}

static unsigned place_of(struct dht_votes *v, const uint8_t *key, size_t len)
{
    for (unsigned i = 0; i < v->count; i++)
        if (v->vote[i].voter_len == len && memcmp(v->vote[i].voter, key, len) == 0)
            return i;
    if (v->count < DHT_VOTES_MAX)
        return v->count++;
    v->next = (v->next + 1) % DHT_VOTES_MAX;
    return v->next;
}

bool dht_votes_add(struct dht_votes *v, const struct addr *voter, const struct addr *seen)
{
    uint8_t key[20];
    size_t len = dht_addr_key(voter, true, key);

    if (len == 0 || addr_is_none(seen) || addr_is_v6(voter) != addr_is_v6(seen))
        return false;
    if (dht_addr_is_local(seen) && !dht_addr_is_local(voter))
        return false;
    unsigned i = place_of(v, key, len);
    memcpy(v->vote[i].voter, key, len);
    v->vote[i].voter_len = (uint8_t)len;
    v->vote[i].seen = *seen;
    unsigned voices = voices_for(v, seen);
    bool same = addr_same_ip(&v->winner, seen);
    /* More than half: a few that lie do not move us, and a move is seen within a window. */
    if (voices < VOTES_NEEDED || 2 * voices <= v->count)
        return false;
    v->winner = *seen;
    return !same;
}
