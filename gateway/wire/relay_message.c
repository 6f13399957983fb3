#include "gateway/wire/relay_message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

const char *relay_status_text(enum relay_status status)
{
    static const char *const TEXT[RELAY_STATUS_COUNT] = {
        [RELAY_OK] = "ok",
        [RELAY_DENIED] = "the relay does not serve us",
        [RELAY_NO_PEER] = "the peer is not at that relay",
        [RELAY_TOO_MANY] = "the relay is full",
        [RELAY_OVER_QUOTA] = "the relay's quota is used up",
        [RELAY_GONE] = "the circuit has ended",
    };
    return status < RELAY_STATUS_COUNT ? TEXT[status] : "refused by the relay";
}

/* ---- writing ---- */

static void write_frame(struct writer *w, const struct relay_frame *f)
{
    write_be32(w, f->circuit);
    write_bytes(w, f->tag, sizeof(f->tag));
}

static void write_early(struct writer *w, const struct relay_message *m)
{
    assert(m->early_len <= RELAY_MESSAGE_EARLY);
    write_bytes(w, m->early, m->early_len);
}

static void write_places(struct writer *w, const struct relay_message *m)
{
    assert(m->place_count <= RELAY_MESSAGE_LIST_MAX);
    write_u8(w, (uint8_t)m->place_count);
    for (size_t i = 0; i < m->place_count; i++) {
        size_t len = strnlen(m->place[i].host, RELAY_MESSAGE_HOST_MAX);
        write_bytes(w, m->place[i].id, sizeof(m->place[i].id));
        write_u8(w, (uint8_t)len);
        write_bytes(w, m->place[i].host, len);
    }
}

static void write_handles(struct writer *w, const struct relay_message *m)
{
    assert(m->handle_count <= RELAY_MESSAGE_INVITES);
    write_u8(w, (uint8_t)m->handle_count);
    write_bytes(w, m->handles, m->handle_count * RELAY_MESSAGE_HANDLE);
}

struct message_part relay_message_write(const struct relay_message *m,
                                        uint8_t out[static RELAY_MESSAGE_MAX])
{
    struct writer w = writer_over(out, RELAY_MESSAGE_MAX);

    switch (m->type) {
    case RELAY_REGISTER:
        break;
    case RELAY_REGISTERED:
        write_u8(&w, (uint8_t)m->status);
        write_be32(&w, m->rate);
        write_be16(&w, m->circuits);
        break;
    case RELAY_OPEN:
        write_be32(&w, m->request);
        write_bytes(&w, m->id, sizeof(m->id));
        write_early(&w, m);
        break;
    case RELAY_OPENED:
        write_be32(&w, m->request);
        write_u8(&w, (uint8_t)m->status);
        write_frame(&w, &m->frame);
        break;
    case RELAY_INCOMING:
        write_frame(&w, &m->frame);
        write_bytes(&w, m->id, sizeof(m->id));
        write_early(&w, m);
        break;
    case RELAY_RETAG:
        write_frame(&w, &m->frame);
        break;
    case RELAY_CLOSE:
    case RELAY_HANG_UP:
        write_be32(&w, m->frame.circuit);
        write_u8(&w, (uint8_t)m->status);
        break;
    case RELAY_RELAYS:
        write_places(&w, m);
        break;
    case RELAY_INVITES:
        write_handles(&w, m);
        break;
    case RELAY_SEEK:
        write_early(&w, m);
        break;
    case RELAY_SAY:
    case RELAY_SAID:
        write_be32(&w, m->token);
        write_early(&w, m);
        break;
    }
    return (struct message_part){
        .type = (uint16_t)m->type, .data = out, .len = writer_len(&w, out)};
}

/* ---- reading ---- */

static void read_frame(struct reader *r, struct relay_frame *f)
{
    f->circuit = read_be32(r);
    read_copy(r, f->tag, sizeof(f->tag));
}

/* A status that we do not know is a refusal that we do not know. */
static enum relay_status read_status(struct reader *r)
{
    uint8_t status = read_u8(r);
    return status < RELAY_STATUS_COUNT ? (enum relay_status)status : RELAY_DENIED;
}

static void read_early(struct reader *r, struct relay_message *m)
{
    m->early_len = r->left;
    m->early = m->early_len > 0 ? read_bytes(r, m->early_len) : NULL;
    r->failed = r->failed || m->early_len > RELAY_MESSAGE_EARLY;
}

static void read_place(struct reader *r, struct relay_place *p)
{
    read_copy(r, p->id, sizeof(p->id));
    uint8_t len = read_u8(r);
    const uint8_t *host = read_bytes(r, len);

    for (unsigned i = 0; host && i < len; i++)
        r->failed = r->failed || host[i] <= ' ' || host[i] > '~';
    if (host)
        memcpy(p->host, host, len);
    r->failed = r->failed || len == 0;
}

static void read_places(struct reader *r, struct relay_message *m)
{
    m->place_count = read_u8(r);
    if (m->place_count > RELAY_MESSAGE_LIST_MAX) {
        m->place_count = 0;
        r->failed = true;
    }
    for (size_t i = 0; i < m->place_count; i++)
        read_place(r, &m->place[i]);
}

static void read_handles(struct reader *r, struct relay_message *m)
{
    m->handle_count = read_u8(r);
    if (m->handle_count > RELAY_MESSAGE_INVITES) {
        m->handle_count = 0;
        r->failed = true;
    }
    if (m->handle_count > 0)
        m->handles = read_bytes(r, m->handle_count * RELAY_MESSAGE_HANDLE);
}

static void read_body(struct reader *r, struct relay_message *m)
{
    switch (m->type) {
    case RELAY_REGISTER:
        break;
    case RELAY_REGISTERED:
        m->status = read_status(r);
        m->rate = read_be32(r);
        m->circuits = read_be16(r);
        break;
    case RELAY_OPEN:
        m->request = read_be32(r);
        read_copy(r, m->id, sizeof(m->id));
        read_early(r, m);
        break;
    case RELAY_OPENED:
        m->request = read_be32(r);
        m->status = read_status(r);
        read_frame(r, &m->frame);
        break;
    case RELAY_INCOMING:
        read_frame(r, &m->frame);
        read_copy(r, m->id, sizeof(m->id));
        read_early(r, m);
        break;
    case RELAY_RETAG:
        read_frame(r, &m->frame);
        break;
    case RELAY_CLOSE:
    case RELAY_HANG_UP:
        m->frame.circuit = read_be32(r);
        m->status = read_status(r);
        break;
    case RELAY_RELAYS:
        read_places(r, m);
        break;
    case RELAY_INVITES:
        read_handles(r, m);
        break;
    case RELAY_SEEK:
        read_early(r, m);
        break;
    case RELAY_SAY:
    case RELAY_SAID:
        m->token = read_be32(r);
        read_early(r, m);
        break;
    }
}

int relay_message_read(struct relay_message *out, const struct message_part *part)
{
    struct reader r = reader_over(part->data, part->len);

    if (!relay_message_is(part))
        return -EBADMSG;
    memset(out, 0, sizeof(*out));
    out->type = (enum relay_message_type)part->type;
    read_body(&r, out);
    return r.failed ? -EBADMSG : 0;
}
