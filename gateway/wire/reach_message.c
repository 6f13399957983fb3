#include "gateway/wire/reach_message.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

#define FAMILY_V4 4
#define FAMILY_V6 6

struct message_part reach_message_write(const struct reach_message *m,
                                        uint8_t out[static REACH_MESSAGE_MAX])
{
    struct writer w = writer_over(out, REACH_MESSAGE_MAX);

    write_bytes(&w, m->token, sizeof(m->token));
    switch (m->type) {
    case REACH_DIAL_BACK:
        write_u8(&w, m->v6 ? FAMILY_V6 : FAMILY_V4);
        write_be16(&w, m->port);
        break;
    case REACH_DIALLED_BACK:
        write_u8(&w, (uint8_t)m->status);
        break;
    }
    return (struct message_part){
        .type = (uint16_t)m->type, .data = out, .len = writer_len(&w, out)};
}

static void read_dial_back(struct reader *r, struct reach_message *m)
{
    uint8_t family = read_u8(r);

    m->port = read_be16(r);
    m->v6 = family == FAMILY_V6;
    r->failed = r->failed || (family != FAMILY_V4 && family != FAMILY_V6);
}

/* A status that we do not know is a refusal that we do not know. */
static enum reach_status read_status(struct reader *r)
{
    uint8_t status = read_u8(r);
    return status < REACH_STATUS_COUNT ? (enum reach_status)status : REACH_REFUSED;
}

int reach_message_read(struct reach_message *out, const struct message_part *part)
{
    struct reader r = reader_over(part->data, part->len);

    if (!reach_message_is(part))
        return -EBADMSG;
    memset(out, 0, sizeof(*out));
    out->type = (enum reach_message_type)part->type;
    read_copy(&r, out->token, sizeof(out->token));
    if (out->type == REACH_DIAL_BACK)
        read_dial_back(&r, out);
    else
        out->status = read_status(&r);
    return r.failed ? -EBADMSG : 0;
}

void reach_datagram_write(const uint8_t token[static REACH_TOKEN_LEN],
                          uint8_t out[static REACH_DATAGRAM_LEN])
{
    struct stun_writer w;

    stun_begin(&w, out, REACH_DATAGRAM_LEN, STUN_INDICATION, STUN_BINDING, token);
    (void)stun_end(&w);
}

const uint8_t *reach_datagram_token(const uint8_t *data, size_t len)
{
    struct stun_message m;

    if (len != REACH_DATAGRAM_LEN || stun_read(&m, data, len) < 0 || m.class != STUN_INDICATION ||
        m.method != STUN_BINDING)
        return NULL;
    return data + REACH_DATAGRAM_LEN - REACH_TOKEN_LEN;
}
