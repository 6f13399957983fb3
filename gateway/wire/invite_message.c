#include "gateway/wire/invite_message.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "gateway/base/bytes.h"

size_t invite_message_write(const struct invite_message *m, uint8_t out[static INVITE_MESSAGE_MAX])
{
    struct writer w = writer_over(out, INVITE_MESSAGE_MAX);

    write_u8(&w, DEMUX_INVITE);
    write_u8(&w, (uint8_t)m->type);
    write_bytes(&w, m->handle, INVITE_HANDLE_LEN);
    if (m->type == INVITE_ASK) {
        memset(w.at, 0, INVITE_ASK_LEN - writer_len(&w, out));
        return INVITE_ASK_LEN;
    }
    write_bytes(&w, m->session, INVITE_SESSION_LEN);
    if (m->type == INVITE_OFFER || m->type == INVITE_CLAIM)
        write_bytes(&w, m->share, CPACE_SHARE_LEN);
    if (m->type == INVITE_CLAIM || m->type == INVITE_WELCOME) {
        write_bytes(&w, m->tag, CPACE_TAG_LEN);
        write_bytes(&w, m->sealed, m->sealed_len);
    }
    if (m->type == INVITE_REFUSE)
        write_u8(&w, (uint8_t)m->refusal);
    assert(!w.failed);
    return writer_len(&w, out);
}

static void read_refusal(struct invite_message *out, struct reader *r)
{
    uint8_t refusal = read_u8(r);

    out->refusal =
        refusal > 0 && refusal < INVITE_REFUSALS ? (enum invite_refusal)refusal : INVITE_GONE;
}

static void read_sealed(struct invite_message *out, struct reader *r)
{
    out->tag = read_bytes(r, CPACE_TAG_LEN);
    r->failed = r->failed || r->left < SEAL_OVERHEAD || r->left > INVITE_SEALED_MAX;
    out->sealed = r->at;
    out->sealed_len = r->left;
}

int invite_message_read(struct invite_message *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    memset(out, 0, sizeof(*out));
    r.failed = read_u8(&r) != DEMUX_INVITE;
    uint8_t type = read_u8(&r);
    out->handle = read_bytes(&r, INVITE_HANDLE_LEN);
    if (r.failed || type < INVITE_ASK || type > INVITE_REFUSE)
        return -EBADMSG;
    out->type = (enum invite_message_type)type;
    if (out->type == INVITE_ASK)
        return len == INVITE_ASK_LEN ? 0 : -EBADMSG;
    out->session = read_bytes(&r, INVITE_SESSION_LEN);
    if (out->type == INVITE_OFFER || out->type == INVITE_CLAIM)
        out->share = read_bytes(&r, CPACE_SHARE_LEN);
    if (out->type == INVITE_CLAIM || out->type == INVITE_WELCOME)
        read_sealed(out, &r);
    if (out->type == INVITE_REFUSE)
        read_refusal(out, &r);
    return r.failed ? -EBADMSG : 0;
}
