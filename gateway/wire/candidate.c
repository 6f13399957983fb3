#include "gateway/wire/candidate.h"

#include <assert.h>

enum { FAMILY_V4 = 4, FAMILY_V6 = 6 };

const char *nat_class_text(enum nat_class class)
{
    static const char *const TEXT[NAT_CLASSES] = {
        [NAT_UNKNOWN] = "unknown",
        [NAT_PUBLIC] = "public",
        [NAT_CONE] = "cone",
        [NAT_SEQUENTIAL] = "symmetric",
        [NAT_BLOCK] = "symmetric_block",
        [NAT_RANDOM] = "symmetric_random",
        [NAT_BLOCKED] = "udp_blocked",
    };
    return class < NAT_CLASSES ? TEXT[class] : "unknown";
}

/* ---- writing ---- */

void nat_facts_write(struct writer *w, const struct nat_facts *f)
{
    write_u8(w, (uint8_t)f->class);
    write_be16(w, (uint16_t)f->delta);
    write_be16(w, f->span);
    write_be16(w, f->last_port);
    write_u8(w, f->opener_ttl);
}

void candidates_write(struct writer *w, const struct candidate *list, size_t count)
{
    assert(count <= CANDIDATES_MAX);
    write_u8(w, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        size_t ip_len;
        const uint8_t *ip = addr_ip(&list[i].addr, &ip_len);
        assert(ip_len == 4 || ip_len == 16);
        write_u8(w, (uint8_t)list[i].type);
        write_u8(w, ip_len == 4 ? FAMILY_V4 : FAMILY_V6);
        write_be16(w, addr_port(&list[i].addr));
        write_bytes(w, ip, ip_len);
    }
}

/* ---- reading ---- */

void nat_facts_read(struct reader *r, struct nat_facts *f)
{
    uint8_t class = read_u8(r);

    f->class = class < NAT_CLASSES ? (enum nat_class) class : NAT_UNKNOWN;
    f->delta = (int16_t)read_be16(r);
    f->span = read_be16(r);
    f->last_port = read_be16(r);
    f->opener_ttl = read_u8(r);
}

/* Returns false if there is no telling where the next one begins. */
static bool read_candidate(struct reader *r, struct candidate *out, size_t *count)
{
    uint8_t type = read_u8(r), family = read_u8(r);
    uint16_t port = read_be16(r);
    if (family != FAMILY_V4 && family != FAMILY_V6)
        return false;
    const uint8_t *ip = read_bytes(r, family == FAMILY_V4 ? 4 : 16);
    if (!ip)
        return false;
    if (type == 0 || type >= CANDIDATE_TYPES)
        return true;
    out[(*count)++] = (struct candidate){
        .type = (enum candidate_type)type,
        .addr = family == FAMILY_V4 ? addr_v4(ip, port) : addr_v6(ip, port, 0),
    };
    return true;
}

void candidates_read(struct reader *r, struct candidate out[static CANDIDATES_MAX], size_t *count)
{
    unsigned announced = read_u8(r);

    *count = 0;
    r->failed = r->failed || announced > CANDIDATES_MAX;
    for (unsigned i = 0; i < announced && !r->failed; i++)
        if (!read_candidate(r, out, count))
            r->failed = true;
}
