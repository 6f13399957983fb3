/* Whatever is read as a STUN message lies within its bytes, and writes to the same attributes. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void get_all(const struct stun_message *m)
{
    struct addr a;
    char text[STUN_TEXT_MAX + 1];
    uint32_t u32;
    uint16_t u16, unknown[STUN_ATTRS_MAX];
    unsigned code;

    for (unsigned i = 0; i < m->count; i++) {
        enum stun_attr type = (enum stun_attr)m->attr[i].type;
        if (m->attr[i].data + m->attr[i].len > m->bytes + m->len)
            abort();
        (void)!stun_get_address(m, type, &a);
        (void)!stun_get_u32(m, type, &u32);
        (void)!stun_get_u16(m, type, &u16);
        if (stun_get_text(m, type, text, sizeof(text)) == 0 && strlen(text) > STUN_TEXT_MAX)
            abort();
    }
    (void)!stun_get_error(m, &code, text, 8);
    (void)stun_offers_algorithm(m, STUN_ALGORITHM_SHA256);
    if (stun_unknown(m, NULL, unknown, STUN_ATTRS_MAX) > m->count)
        abort();
    (void)!stun_check_integrity(m, STUN_INTEGRITY_SHA1, (const uint8_t *)"key", 3);
    (void)!stun_check_integrity(m, STUN_INTEGRITY_SHA256, (const uint8_t *)"key", 3);
}

/* A copy of the attributes up to the first that vouches for the others. */
static void copy_back(const struct stun_message *m)
{
    static uint8_t out[STUN_MAX];
    struct stun_writer w;
    struct stun_message copy;

    stun_begin(&w, out, sizeof(out), m->class, m->method, m->id);
    for (unsigned i = 0; i < m->count; i++)
        if (m->attr[i].type != STUN_FINGERPRINT)
            stun_put(&w, (enum stun_attr)m->attr[i].type, m->attr[i].data, m->attr[i].len);
    stun_put_fingerprint(&w);
    size_t len = stun_end(&w);
    if (len == 0 || m->count == STUN_ATTRS_MAX)
        return;
    if (stun_read(&copy, out, len) < 0 || !copy.fingerprint || copy.class != m->class ||
        copy.method != m->method || copy.count != m->count + !m->fingerprint)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct stun_message m;
    int whole = stun_frame_len(data, len);
    int err = stun_read(&m, data, len);

    if (whole > STUN_MAX || (err == 0 && whole != (int)len))
        abort();
    if (err < 0)
        return 0;
    get_all(&m);
    copy_back(&m);
    return 0;
}
