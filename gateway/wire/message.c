#include "gateway/wire/message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"

#define PROTO_MAX 3    /* TCP 1, UDP 2, both 3 */
#define KEPT_ROOM 1024 /* bytes a message_reader keeps from one frame to the next */

void message_network(const char *name, uint8_t out[static MESSAGE_NETWORK_LEN])
{
    static const char key[] = "overlay network name";

    memset(out, 0, MESSAGE_NETWORK_LEN);
    if (name[0] != '\0')
        hash_blake2b(out, MESSAGE_NETWORK_LEN, (const uint8_t *)key, sizeof(key) - 1, name,
                     strlen(name));
}

/* ---- writing ---- */

static void write_text(struct writer *w, const char *text, size_t max)
{
    size_t len = strnlen(text, max);

    write_u8(w, (uint8_t)len);
    write_bytes(w, text, len);
}

/* The body of a frame starts MESSAGE_HEADER bytes into `out` and has been written by `w`. */
static size_t finish_frame(const struct writer *w, uint8_t *out, enum message_type type)
{
    assert(!w->failed);
    size_t len = writer_len(w, out);
    struct writer header = writer_over(out, MESSAGE_HEADER);

    write_be16(&header, (uint16_t)type);
    write_be16(&header, (uint16_t)(len - MESSAGE_HEADER));
    return len;
}

static struct writer begin_frame(uint8_t *out, size_t room)
{
    struct writer w = writer_over(out, room);
    (void)write_area(&w, MESSAGE_HEADER);
    return w;
}

size_t message_write_hello(const struct message_hello *h, uint8_t out[static MESSAGE_HELLO_MAX])
{
    struct writer w = begin_frame(out, MESSAGE_HELLO_MAX);

    write_be16(&w, h->protocol);
    write_bytes(&w, h->network, sizeof(h->network));
    write_be32(&w, h->features);
    write_text(&w, h->nickname, MESSAGE_NICKNAME_MAX);
    write_text(&w, h->version, MESSAGE_VERSION_MAX);
    return finish_frame(&w, out, MESSAGE_HELLO);
}

size_t message_write_services(const struct message_service *services, size_t count, uint8_t *out)
{
    assert(count <= MESSAGE_SERVICES_MAX);
    struct writer w = begin_frame(out, MESSAGE_SERVICES_SIZE);

    write_be16(&w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        write_u8(&w, services[i].proto);
        write_u8(&w, services[i].flags);
        write_be16(&w, services[i].port);
        write_text(&w, services[i].name, PREAMBLE_NAME_MAX);
    }
    return finish_frame(&w, out, MESSAGE_SERVICES);
}

size_t message_write_token(enum message_type type, uint32_t token,
                           uint8_t out[static MESSAGE_TOKEN_SIZE])
{
    struct writer w = begin_frame(out, MESSAGE_TOKEN_SIZE);

    write_be32(&w, token);
    return finish_frame(&w, out, type);
}

size_t message_write_session(enum message_type type, uint64_t session,
                             uint8_t out[static MESSAGE_SESSION_SIZE])
{
    struct writer w = begin_frame(out, MESSAGE_SESSION_SIZE);

    write_be64(&w, session);
    return finish_frame(&w, out, type);
}

size_t message_write_part(const struct message_part *part, uint8_t *out)
{
    assert(part->type >= MESSAGE_PART_FIRST && part->type <= MESSAGE_PART_LAST);
    assert(part->len <= MESSAGE_PART_MAX);
    struct writer w = begin_frame(out, MESSAGE_HEADER + part->len);

    write_bytes(&w, part->data, part->len);
    return finish_frame(&w, out, (enum message_type)part->type);
}

/* ---- reading ---- */

static bool is_part(uint16_t type, size_t len)
{
    return type >= MESSAGE_PART_FIRST && type <= MESSAGE_PART_LAST && len <= MESSAGE_PART_MAX;
}

/* Reads u8 length and as many characters, at most `max`, into `out`, which has room for a NUL. */
static void read_text(struct reader *r, char *out, size_t max)
{
    uint8_t len = read_u8(r);

    if (len > max)
        r->failed = true;
    const uint8_t *text = read_bytes(r, len);
    if (text)
        memcpy(out, text, len);
    out[text ? len : 0] = '\0';
    if (text && memchr(text, '\0', len))
        r->failed = true;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static int read_hello(struct message_hello *h, struct reader *r)
{
    h->protocol = read_be16(r);
    read_copy(r, h->network, sizeof(h->network));
    h->features = read_be32(r);
    read_text(r, h->nickname, MESSAGE_NICKNAME_MAX);
    read_text(r, h->version, MESSAGE_VERSION_MAX);
    if (r->failed || h->protocol == 0 || !is_printable(h->version))
        return -EBADMSG;
    return h->nickname[0] == '\0' || preamble_name_ok(h->nickname) ? 0 : -EBADMSG;
}

static bool read_service(struct reader *r, struct message_service *s)
{
    s->proto = read_u8(r);
    s->flags = read_u8(r);
    s->port = read_be16(r);
    read_text(r, s->name, PREAMBLE_NAME_MAX);
    return !r->failed && s->proto >= 1 && s->proto <= PROTO_MAX && preamble_name_ok(s->name);
}

static int read_services(struct message_services *list, struct reader *r)
{
    uint16_t count = read_be16(r);
    struct message_service service;

    *list = (struct message_services){.data = r->at, .len = r->left, .count = count};
    if (r->failed || count > MESSAGE_SERVICES_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < count; i++)
        if (!read_service(r, &service))
            return -EBADMSG;
    return 0;
}

static int read_body(struct message *m, uint16_t type, struct reader *r)
{
    if (is_part(type, r->left)) {
        m->type = MESSAGE_PART;
        m->part = (struct message_part){.type = type, .data = r->at, .len = r->left};
        return 0;
    }
    m->type = (enum message_type)type;
    switch (type) {
    case MESSAGE_HELLO:
        return read_hello(&m->hello, r);
    case MESSAGE_SERVICES:
        return read_services(&m->services, r);
    case MESSAGE_PING:
    case MESSAGE_PONG:
        m->token = read_be32(r);
        return r->failed ? -EBADMSG : 0;
    case MESSAGE_STILL:
    case MESSAGE_GONE:
        m->session = read_be64(r);
        return r->failed ? -EBADMSG : 0;
    default: /* from a newer gateway */
        m->type = MESSAGE_UNKNOWN;
        return 0;
    }
}

int message_read(struct message *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    uint16_t type = read_be16(&r);
    uint16_t body_len = read_be16(&r);
    const uint8_t *body = read_bytes(&r, body_len);
    if (!body)
        return -EAGAIN;
    struct reader b = reader_over(body, body_len);
    int err = read_body(out, type, &b);
    return err < 0 ? err : MESSAGE_HEADER + body_len;
}

bool message_services_next(struct message_services *list, struct message_service *out)
{
    struct reader r = reader_over(list->data, list->len);

    if (list->count == 0 || !read_service(&r, out))
        return false;
    list->data = r.at;
    list->len = r.left;
    list->count--;
    return true;
}

/* ---- collecting ---- */

static bool is_known(uint16_t type, size_t len)
{
    return (type >= MESSAGE_HELLO && type <= MESSAGE_GONE) || is_part(type, len);
}

/* Length of the frame at hand, or of its header while that is not whole. */
static size_t wanted(const struct message_reader *r)
{
    struct reader header = reader_over(r->data, r->len);

    (void)read_be16(&header);
    uint16_t body_len = read_be16(&header);
    return MESSAGE_HEADER + (size_t)body_len;
}

static int make_room(struct message_reader *r, size_t room)
{
    if (room <= r->room)
        return 0;
    uint8_t *data = realloc(r->data, room);
    if (!data)
        return -ENOMEM;
    r->data = data;
    r->room = room;
    return 0;
}

void message_reader_deinit(struct message_reader *r)
{
    free(r->data);
    *r = (struct message_reader){0};
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* An unknown frame is let go as soon as its header has been seen. */
static void drop_unknown(struct message_reader *r)
{
    if (r->len != MESSAGE_HEADER)
        return;
    struct reader header = reader_over(r->data, r->len);
    size_t body_len = wanted(r) - MESSAGE_HEADER;
    if (is_known(read_be16(&header), body_len))
        return;
    r->skip = body_len;
    r->len = 0;
}

int message_reader_take(struct message_reader *r, const uint8_t *data, size_t len)
{
    size_t n;

    if (r->skip > 0) {
        n = smaller(len, r->skip);
        r->skip -= n;
        return (int)n;
    }
    if (r->len == 0 && r->room > KEPT_ROOM) /* an idle session keeps little */
        message_reader_deinit(r);
    size_t want = r->len < MESSAGE_HEADER ? MESSAGE_HEADER : wanted(r);
    n = smaller(len, want - r->len);
    if (make_room(r, want) < 0)
        return -ENOMEM;
    memcpy(r->data + r->len, data, n);
    r->len += n;
    drop_unknown(r);
    return (int)n;
}

int message_reader_next(struct message_reader *r, struct message *out)
{
    if (r->len < MESSAGE_HEADER || r->len < wanted(r))
        return 0;
    int len = message_read(out, r->data, r->len);
    r->len = 0; /* the bytes stay where they are until the next take */
    return len < 0 ? len : 1;
}
