#include "gateway/wire/punch_message.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

/* ---- writing ---- */

struct message_part punch_message_write(const struct punch_message *m,
                                        uint8_t out[static PUNCH_MESSAGE_MAX])
{
    struct writer w = writer_over(out, PUNCH_MESSAGE_MAX);

    write_be16(&w, m->round);
    switch (m->type) {
    case PUNCH_PUNCH:
        write_u8(&w, m->flags);
        nat_facts_write(&w, &m->facts);
        candidates_write(&w, m->candidate, m->candidates);
        break;
    case PUNCH_CANDIDATES:
        candidates_write(&w, m->candidate, m->candidates);
        break;
    case PUNCH_END:
        write_u8(&w, (uint8_t)m->result);
        break;
    }
    return (struct message_part){
        .type = (uint16_t)m->type, .data = out, .len = writer_len(&w, out)};
}

/* ---- reading ---- */

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
        nat_facts_read(&r, &out->facts);
    }
    if (out->type == PUNCH_END) {
        uint8_t result = read_u8(&r);
        out->result = result < PUNCH_RESULTS ? (enum punch_result)result : PUNCH_FAILED;
    } else {
        candidates_read(&r, out->candidate, &out->candidates);
    }
    return r.failed ? -EBADMSG : 0;
}
