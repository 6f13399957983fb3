#include "gateway/wire/mdns.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define HEADER_LEN  12
#define LABEL_MAX   63
#define POINTER     0xc0
#define JUMPS_MAX   16 /* compression pointers in one name */
#define CLASS_IN    1
#define CLASS_ANY   255
#define CLASS_MASK  0x7fff
#define FLAG_QR     0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_TC     0x0200

/* ---- names ---- */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Adds a label. Returns false when the name would be too long. */
static bool add_label(struct mdns_name *n, const uint8_t *label, size_t len)
{
    if (len > LABEL_MAX || n->len + 1 + len + 1 > MDNS_NAME_MAX)
        return false;
    n->data[n->len++] = (uint8_t)len;
    for (size_t i = 0; i < len; i++)
        n->data[n->len++] = lower(label[i]);
    return true;
}

static void end_name(struct mdns_name *n)
{
    n->data[n->len++] = 0;
}

struct mdns_name mdns_name(const char *text)
{
    struct mdns_name n = {0};

    while (*text) {
        size_t len = strcspn(text, ".");
        bool fits = len > 0 && add_label(&n, (const uint8_t *)text, len);
        assert(fits);
        (void)fits;
        text += len + (text[len] == '.');
    }
    end_name(&n);
    return n;
}

bool mdns_name_equal(const struct mdns_name *a, const struct mdns_name *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* Follows the pointer at `at` to an earlier place, or returns -EBADMSG: only backwards, so that
 * no message can send us round in circles. */
static int follow(const struct mdns_reader *r, size_t at)
{
    if (at + 2 > r->len)
        return -EBADMSG;
    size_t to = (size_t)(r->data[at] & ~POINTER) << 8 | r->data[at + 1];
    return to < at ? (int)to : -EBADMSG;
}

static int read_name(struct mdns_reader *r, struct mdns_name *n)
{
    size_t at = r->at, jumps = 0;

    n->len = 0;
    for (;;) {
        if (at >= r->len)
            return -EBADMSG;
        uint8_t len = r->data[at];
        if ((len & POINTER) == POINTER) {
            int to = follow(r, at);
            if (to < 0 || jumps == JUMPS_MAX)
                return -EBADMSG;
            if (jumps++ == 0)
                r->at = at + 2;
            at = (size_t)to;
            continue;
        }
        if (len > LABEL_MAX || at + 1 + len > r->len)
            return -EBADMSG;
        if (len == 0)
            break;
        if (!add_label(n, r->data + at + 1, len))
            return -EBADMSG;
        at += 1u + len;
    }
    end_name(n);
    if (jumps == 0)
        r->at = at + 1;
    return 0;
}

/* ---- messages ---- */

int mdns_begin(struct mdns_reader *r, struct mdns_header *h, const uint8_t *data, size_t len)
{
    struct reader head = reader_over(data, len);

    h->id = read_be16(&head);
    uint16_t flags = read_be16(&head);
    h->response = (flags & FLAG_QR) != 0;
    h->truncated = (flags & FLAG_TC) != 0;
    h->questions = read_be16(&head);
    h->answers = read_be16(&head);
    (void)read_be32(&head); /* authority and additional records: not of interest */
    if (head.failed || (flags & FLAG_OPCODE) || h->questions > MDNS_QUESTIONS_MAX ||
        h->answers > MDNS_ANSWERS_MAX)
        return -EBADMSG;
    *r = (struct mdns_reader){.data = data, .len = len, .at = HEADER_LEN};
    return 0;
}

/* The fields after a name, `n` bytes of them. */
static struct reader fixed(struct mdns_reader *r, size_t n)
{
    struct reader f = reader_over(r->data + r->at, r->len - r->at);

    if (f.left < n)
        f.failed = true;
    else
        r->at += n;
    return f;
}

static bool is_internet(uint16_t class)
{
    return (class & CLASS_MASK) == CLASS_IN || (class & CLASS_MASK) == CLASS_ANY;
}

int mdns_read_question(struct mdns_reader *r, struct mdns_question *q)
{
    if (read_name(r, &q->name) < 0)
        return -EBADMSG;
    struct reader f = fixed(r, 4);
    q->type = read_be16(&f);
    uint16_t class = read_be16(&f);
    q->unicast = (class & MDNS_UNICAST) != 0;
    if (!is_internet(class))
        q->type = 0;
    return f.failed ? -EBADMSG : 0;
}

int mdns_read_pointer(struct mdns_reader *r, struct mdns_pointer *p)
{
    if (read_name(r, &p->name) < 0)
        return -EBADMSG;
    struct reader f = fixed(r, 10);
    uint16_t type = read_be16(&f);
    uint16_t class = read_be16(&f);
    p->ttl = read_be32(&f);
    uint16_t len = read_be16(&f);
    if (f.failed || r->len - r->at < len)
        return -EBADMSG;
    struct mdns_reader inner = {.data = r->data, .len = r->at + len, .at = r->at};
    r->at += len;
    if (type != MDNS_PTR || !is_internet(class))
        return 0;
    return read_name(&inner, &p->target) < 0 ? -EBADMSG : 1;
}

void mdns_write_record(struct writer *w, const struct mdns_name *name, enum mdns_type type,
                       uint16_t flags, uint32_t ttl, size_t len)
{
    mdns_write_question(w, name, type, flags);
    write_be32(w, ttl);
    write_be16(w, (uint16_t)len);
}

void mdns_write_question(struct writer *w, const struct mdns_name *name, enum mdns_type type,
                         uint16_t flags)
{
    write_bytes(w, name->data, name->len);
    write_be16(w, (uint16_t)type);
    write_be16(w, CLASS_IN | flags);
}
