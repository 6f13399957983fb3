#include "dns/precheck.h"

#include "gateway/base/bytes.h"

#define LABEL_MAX   63
#define OPTIONS_MAX 64 /* in one OPT; the largest query could hold a thousand */
#define UDP_SIZE    512

enum { TYPE_OPT = 41 };

/* RFC 6891 §6.1.3: the TTL of an OPT is extended code, version and flags. */
enum { OPT_VERSION = 0x00ff0000, OPT_DO = 0x00008000 };

/* Reads an uncompressed name. Returns its length with the final zero, or 0. */
static size_t read_name(struct reader *r)
{
    size_t len = 1;
    for (;;) {
        uint8_t label = read_u8(r);
        if (r->failed || label > LABEL_MAX)
            return 0;
        if (label == 0)
            return len;
        len += 1u + label;
        if (len > DNS_NAME_MAX || !read_bytes(r, label))
            return 0;
    }
}

static bool read_question(struct precheck *out, struct reader *r)
{
    size_t name_len = read_name(r);
    uint16_t type = read_be16(r);
    uint16_t class = read_be16(r);
    if (name_len == 0 || r->failed || type == TYPE_OPT)
        return false;
    out->name_len = name_len;
    out->question_len = name_len + 4;
    out->type = type;
    out->class = class;
    return true;
}

static bool options_tile(struct reader *r, size_t len)
{
    struct reader options = reader_over(r->at, len);
    if (!read_bytes(r, len))
        return false;
    for (unsigned count = 0; options.left > 0; count++) {
        (void)read_be16(&options);
        if (!read_bytes(&options, read_be16(&options)) || count == OPTIONS_MAX)
            return false;
    }
    return true;
}

static enum precheck_verdict read_opt(struct precheck *out, struct reader *r)
{
    uint8_t owner = read_u8(r); /* the root, always */
    uint16_t type = read_be16(r);
    uint16_t udp_size = read_be16(r);
    uint32_t ttl = read_be32(r);
    uint16_t len = read_be16(r);
    if (r->failed || owner != 0 || type != TYPE_OPT)
        return PRECHECK_FORMERR;
    if (!options_tile(r, len) || r->left > 0)
        return PRECHECK_FORMERR;
    out->edns = true;
    out->dnssec_ok = (ttl & OPT_DO) != 0;
    if (udp_size > UDP_SIZE)
        out->udp_size = udp_size;
    return ttl & OPT_VERSION ? PRECHECK_BADVERS : PRECHECK_OK;
}

enum precheck_verdict precheck_query(struct precheck *out, const uint8_t *query, size_t len)
{
    struct reader r = reader_over(query, len);
    *out = (struct precheck){.udp_size = UDP_SIZE};

    out->id = read_be16(&r);
    out->flags = read_be16(&r);
    uint16_t questions = read_be16(&r);
    uint32_t answers = read_be32(&r); /* answers and authority together */
    uint16_t additional = read_be16(&r);
    if (r.failed || out->flags & DNS_QR)
        return PRECHECK_DROP;
    if (out->flags & DNS_OPCODE)
        return PRECHECK_NOTIMP;
    /* RFC 9619: exactly one question. */
    if (len > DNS_QUERY_MAX || questions != 1 || answers != 0 || additional > 1)
        return PRECHECK_FORMERR;
    if (!read_question(out, &r))
        return PRECHECK_FORMERR;
    if (additional == 1)
        return read_opt(out, &r);
    return r.left == 0 ? PRECHECK_OK : PRECHECK_FORMERR;
}
