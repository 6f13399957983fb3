#include "gateway/wire/preamble.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

#define VERSION 1

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool name_ok(const char *name, size_t len)
{
    if (len == 0 || len > PREAMBLE_NAME_MAX || name[0] == '-' || name[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_name_character(name[i]))
            return false;
    return true;
}

bool preamble_name_ok(const char *name)
{
    return name_ok(name, strnlen(name, PREAMBLE_NAME_MAX + 1));
}

size_t preamble_write(const struct preamble *p, uint8_t out[static PREAMBLE_MAX])
{
    struct writer w = writer_over(out, PREAMBLE_MAX);
    size_t name_len = strnlen(p->name, PREAMBLE_NAME_MAX);

    write_u8(&w, VERSION);
    write_u8(&w, (uint8_t)p->kind);
    write_u8(&w, (uint8_t)name_len);
    write_bytes(&w, p->name, name_len);
    write_be16(&w, p->port);
    write_be16(&w, 0); /* no extension yet */
    return writer_len(&w, out);
}

static bool kind_ok(uint8_t kind)
{
    return kind >= PREAMBLE_TCP && kind <= PREAMBLE_BENCH;
}

/* A service is named or given by port; the session's own streams need neither. */
static bool target_ok(const struct preamble *p)
{
    return (p->kind != PREAMBLE_TCP && p->kind != PREAMBLE_UDP) || p->name[0] != '\0' ||
           p->port != 0;
}

/* What is wrong in the bytes that are here is said at once; -EAGAIN only means "fine so far". */
int preamble_read(struct preamble *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    struct preamble p = {0};

    uint8_t version = read_u8(&r);
    if (!r.failed && version != VERSION)
        return -EBADMSG;
    uint8_t kind = read_u8(&r);
    if (!r.failed && !kind_ok(kind))
        return -EBADMSG;
    uint8_t name_len = read_u8(&r);
    if (name_len > PREAMBLE_NAME_MAX)
        return -EBADMSG;
    const uint8_t *name = read_bytes(&r, name_len);
    if (name && name_len > 0 && !name_ok((const char *)name, name_len))
        return -EBADMSG;
    p.port = read_be16(&r);
    uint16_t ext_len = read_be16(&r);
    if (ext_len > PREAMBLE_EXT_MAX)
        return -EBADMSG;
    (void)read_bytes(&r, ext_len);
    if (!name || r.failed)
        return -EAGAIN;

    memcpy(p.name, name, name_len);
    p.kind = (enum preamble_kind)kind;
    if (!target_ok(&p))
        return -EBADMSG;
    *out = p;
    return (int)(len - r.left);
}

size_t preamble_answer_write(const struct preamble_answer *a,
                             uint8_t out[static PREAMBLE_ANSWER_MAX])
{
    struct writer w = writer_over(out, PREAMBLE_ANSWER_MAX);
    size_t reason_len = strnlen(a->reason, PREAMBLE_REASON_MAX);

    write_u8(&w, (uint8_t)a->status);
    write_u8(&w, (uint8_t)reason_len);
    write_bytes(&w, a->reason, reason_len);
    return writer_len(&w, out);
}

/* C1 controls (U+0080..U+009F) drive terminals too; in UTF-8 they are 0xc2 0x80..0x9f. */
static bool ends_c1(const uint8_t *at, size_t before)
{
    return before >= 1 && at[-1] == 0xc2 && at[0] >= 0x80 && at[0] <= 0x9f;
}

/* U+200E, U+200F, U+202A..U+202E and U+2066..U+2069 turn the direction of the text around them, so
 * that a line reads other than it is. */
static bool ends_direction(const uint8_t *at, size_t before)
{
    if (before < 2 || at[-2] != 0xe2)
        return false;
    if (at[-1] == 0x80)
        return at[0] == 0x8e || at[0] == 0x8f || (at[0] >= 0xaa && at[0] <= 0xae);
    return at[-1] == 0x81 && at[0] >= 0xa6 && at[0] <= 0xa9;
}

static void copy_printable(char *out, const uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool bad = text[i] < 0x20 || text[i] == 0x7f || ends_c1(text + i, i);
        out[i] = (char)(bad ? '?' : text[i]);
        if (ends_direction(text + i, i))
            memset(out + i - 2, '?', 3);
    }
    out[len] = '\0';
}

int preamble_answer_read(struct preamble_answer *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    uint8_t status = read_u8(&r);
    if (status > PREAMBLE_WRONG_PROTO)
        return -EBADMSG;
    uint8_t reason_len = read_u8(&r);
    if (reason_len > PREAMBLE_REASON_MAX)
        return -EBADMSG;
    const uint8_t *reason = read_bytes(&r, reason_len);
    if (!reason)
        return -EAGAIN;
    out->status = (enum preamble_status)status;
    copy_printable(out->reason, reason, reason_len);
    return (int)(len - r.left);
}

const char *preamble_status_text(enum preamble_status status)
{
    switch (status) {
    case PREAMBLE_OK:
        return "ok";
    case PREAMBLE_DENIED:
        return "denied";
    case PREAMBLE_NO_SERVICE:
        return "no such service";
    case PREAMBLE_REFUSED:
        return "the service's target refused the connection";
    case PREAMBLE_TIMED_OUT:
        return "the service's target did not answer in time";
    case PREAMBLE_BUSY:
        return "the other gateway is at a limit";
    case PREAMBLE_MALFORMED:
        return "malformed request";
    case PREAMBLE_WRONG_PROTO:
        return "the service is not offered for this protocol";
    }
    return "unknown status";
}
