#include "gateway/wire/hole_message.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

struct message_part hole_message_write(const struct hole_message *m,
                                       uint8_t out[static HOLE_MESSAGE_MAX])
{
    struct writer w = writer_over(out, HOLE_MESSAGE_MAX);

    write_be32(&w, m->id);
    write_u8(&w, m->flags);
    switch (m->type) {
    case HOLE_ASK:
    case HOLE_AGREE:
        write_bytes(&w, m->nonce, sizeof(m->nonce));
        nat_facts_write(&w, &m->facts);
        candidates_write(&w, m->candidate, m->candidates);
        break;
    case HOLE_MORE:
        candidates_write(&w, m->candidate, m->candidates);
        break;
    case HOLE_USE:
        write_be16(&w, m->from);
        write_be16(&w, m->to);
        candidates_write(&w, m->candidate, m->candidates);
        break;
    case HOLE_READY:
        break;
    case HOLE_END:
        write_u8(&w, (uint8_t)m->reason);
        break;
    }
    return (struct message_part){
        .type = (uint16_t)m->type, .data = out, .len = writer_len(&w, out)};
}

static void read_reason(struct reader *r, struct hole_message *m)
{
    uint8_t reason = read_u8(r);
    m->reason = reason < HOLE_REASONS ? (enum hole_reason)reason : HOLE_FAILED;
}

int hole_message_read(struct hole_message *out, const struct message_part *part)
{
    struct reader r = reader_over(part->data, part->len);

    if (!hole_message_is(part))
        return -EBADMSG;
    memset(out, 0, sizeof(*out));
    out->type = (enum hole_message_type)part->type;
    out->id = read_be32(&r);
    out->flags = read_u8(&r);
    switch (out->type) {
    case HOLE_ASK:
    case HOLE_AGREE:
        read_copy(&r, out->nonce, sizeof(out->nonce));
        nat_facts_read(&r, &out->facts);
        candidates_read(&r, out->candidate, &out->candidates);
        break;
    case HOLE_MORE:
        candidates_read(&r, out->candidate, &out->candidates);
        break;
    case HOLE_USE:
        out->from = read_be16(&r);
        out->to = read_be16(&r);
        candidates_read(&r, out->candidate, &out->candidates);
        break;
    case HOLE_READY:
        break;
    case HOLE_END:
        read_reason(&r, out);
        break;
    }
    return r.failed ? -EBADMSG : 0;
}
