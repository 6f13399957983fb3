#include "gateway/wire/exchange_message.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

struct message_part exchange_message_write(const struct exchange_message *m,
                                           uint8_t out[static EXCHANGE_MESSAGE_MAX])
{
    struct writer w = writer_over(out, EXCHANGE_MESSAGE_MAX);
    uint8_t body[PKARR_BODY_MAX];

    switch (m->type) {
    case EXCHANGE_RECORD:
        write_bytes(&w, m->key, sizeof(m->key));
        write_bytes(&w, body, pkarr_body_write(&m->body, body));
        break;
    case EXCHANGE_ASK:
        write_u8(&w, m->flags);
        write_bytes(&w, m->key, sizeof(m->key));
        break;
    case EXCHANGE_NONE:
        write_bytes(&w, m->key, sizeof(m->key));
        break;
    }
    return (struct message_part){
        .type = (uint16_t)m->type, .data = out, .len = writer_len(&w, out)};
}

int exchange_message_read(struct exchange_message *out, const struct message_part *part)
{
    struct reader r = reader_over(part->data, part->len);

    if (!exchange_message_is(part))
        return -EBADMSG;
    memset(out, 0, sizeof(*out));
    out->type = (enum exchange_type)part->type;
    if (out->type == EXCHANGE_ASK)
        out->flags = read_u8(&r);
    read_copy(&r, out->key, sizeof(out->key));
    if (r.failed)
        return -EBADMSG;
    return out->type == EXCHANGE_RECORD ? pkarr_body_read(&out->body, r.at, r.left) : 0;
}
