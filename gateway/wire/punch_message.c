#include "gateway/wire/punch_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

enum { FAMILY_V4 = 4, FAMILY_V6 = 6 };

/* ---- writing ---- */

static void write_facts(struct writer *w, const struct nat_facts *f)
{
    write_u8(w, (uint8_t)f->class);
    write_be16(w, (uint16_t)f->delta);
    write_be16(w, f->span);
    write_be16(w, f->last_port);
    write_u8(w, f->opener_ttl);
}

static void write_candidates(struct writer *w, const struct punch_message *m)
{
    assert(m->candidates <= CANDIDATES_MAX);
    write_u8(w, (uint8_t)m->candidates);
    for (size_t i = 0; i < m->candidates; i++) {
        size_t ip_len;
        const uint8_t *ip = addr_ip(&m->candidate[i].addr, &ip_len);
        assert(ip_len == 4 || ip_len == 16);
        write_u8(w, (uint8_t)m->candidate[i].type);
        write_u8(w, ip_len == 4 ? FAMILY_V4 : FAMILY_V6);
        write_be16(w, addr_port(&m->candidate[i].addr));
        write_bytes(w, ip, ip_len);
    }
}

struct message_part punch_message_write(const struct punch_message *m,
                                        uint8_t out[static PUNCH_MESSAGE_MAX])
{
    struct writer w = writer_over(out, PUNCH_MESSAGE_MAX);

    write_be16(&w, m->round);
    switch (m->type) {
    case PUNCH_PUNCH:
        write_u8(&w, m->flags);
        write_facts(&w, &m->facts);
        write_candidates(&w, m);
        break;
    case PUNCH_CANDIDATES:
        write_candidates(&w, m);
        break;
    case PUNCH_END:
        write_u8(&w, (uint8_t)m->result);
        break;
    }
    return (struct message_part){
        .type = (uint16_t)m->type, .data = out, .len = writer_len(&w, out)};
}

/* ---- reading ---- */

static void read_facts(struct reader *r, struct nat_facts *f)
{
    uint8_t class = read_u8(r);

    f->class = class < NAT_CLASSES ? (enum nat_class) class : NAT_UNKNOWN;
    f->delta = (int16_t)read_be16(r);
    f->span = read_be16(r);
    f->last_port = read_be16(r);
    f->opener_ttl = read_u8(r);
}

/* Returns false if there is no telling where the next one begins. */
static bool read_candidate(struct reader *r, struct punch_message *m)
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
    m->candidate[m->candidates++] = (struct candidate){
        .type = (enum candidate_type)type,
        .addr = family == FAMILY_V4 ? addr_v4(ip, port) : addr_v6(ip, port, 0),
    };
    return true;
}

static void read_candidates(struct reader *r, struct punch_message *m)
{
    unsigned count = read_u8(r);

    r->failed = r->failed || count > CANDIDATES_MAX;
    for (unsigned i = 0; i < count && !r->failed; i++)
        if (!read_candidate(r, m))
            r->failed = true;
}

int punch_message_read(struct punch_message *out, const struct message_part *part)
{
    struct reader r = reader_over(part->data, part->len);

    if (!punch_message_is(part))
        return -EBADMSG;
    memset(out, 0, sizeof(*out));
    out->type = (enum punch_message_type)part->type;
    out->round = read_be16(&r);
    if (out->type == PUNCH_PUNCH) {
        out->flags = read_u8(&r);
        read_facts(&r, &out->facts);
    }
    if (out->type == PUNCH_END) {
        uint8_t result = read_u8(&r);
        out->result = result < PUNCH_RESULTS ? (enum punch_result)result : PUNCH_FAILED;
    } else {
        read_candidates(&r, out);
    }
    return r.failed ? -EBADMSG : 0;
}
