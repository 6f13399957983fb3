#include "config/control/dns_question.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

#define FLAG_REPLY     0x8000
#define FLAG_RECURSION 0x0100
#define CLASS_IN       1
#define LABEL_MAX      63
#define NAME_MAX_      253
#define COMPRESSED     0xc0

size_t dns_question_write(uint8_t out[static DNS_QUESTION_MAX], uint16_t id, const char *name,
                          uint16_t type)
{
    struct writer w = writer_over(out, DNS_QUESTION_MAX);

    if (!*name || strlen(name) > NAME_MAX_)
        return 0;
    write_be16(&w, id);
    write_be16(&w, FLAG_RECURSION);
    write_be16(&w, 1);
    for (int i = 0; i < 3; i++)
        write_be16(&w, 0);
    for (const char *label = name; *label; label += *label == '.') {
        size_t len = strcspn(label, ".");
        if (len == 0 || len > LABEL_MAX)
            return 0;
        write_u8(&w, (uint8_t)len);
        write_bytes(&w, (const uint8_t *)label, len);
        label += len;
    }
    write_u8(&w, 0);
    write_be16(&w, type);
    write_be16(&w, CLASS_IN);
    return w.failed ? 0 : writer_len(&w, out);
}

static void skip_name(struct reader *r)
{
    for (;;) {
        uint8_t len = read_u8(r);
        if (r->failed || len == 0)
            return;
        if ((len & COMPRESSED) == COMPRESSED) {
            (void)read_u8(r);
            return;
        }
        (void)read_bytes(r, len);
    }
}

static void read_answer(struct reader *r, struct dns_reply *out)
{
    skip_name(r);
    uint16_t type = read_be16(r), class = read_be16(r);
    (void)read_be32(r); /* TTL */
    uint16_t len = read_be16(r);
    const uint8_t *data = read_bytes(r, len);
    if (!data || type != DNS_TYPE_A || class != CLASS_IN || len != sizeof(out->address) ||
        out->has_address)
        return;
    memcpy(out->address, data, len);
    out->has_address = true;
}

int dns_reply_read(struct dns_reply *out, const uint8_t *data, size_t len, uint16_t id)
{
    struct reader r = reader_over(data, len);

    *out = (struct dns_reply){0};
    bool ours = read_be16(&r) == id;
    uint16_t flags = read_be16(&r), questions = read_be16(&r);
    out->answers = read_be16(&r);
    (void)read_be32(&r); /* authority and additional */
    if (r.failed || !ours || !(flags & FLAG_REPLY))
        return -EBADMSG;
    out->rcode = flags & 0x0f;
    for (unsigned i = 0; i < questions && !r.failed; i++) {
        skip_name(&r);
        (void)read_be32(&r);
    }
    for (unsigned i = 0; i < out->answers && !r.failed; i++)
        read_answer(&r, out);
    return r.failed ? -EBADMSG : 0;
}
