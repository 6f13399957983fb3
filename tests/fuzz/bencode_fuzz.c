/* Whatever bencode_read() takes lies within its bytes, and a walk through it writes the same. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/bencode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void copy(struct writer *w, const struct bencode *v)
{
    struct reader in = reader_over(v->data, v->len);
    struct bencode item;

    switch (v->kind) {
    case BENCODE_NUMBER:
        bencode_put_number(w, v->number);
        return;
    case BENCODE_BYTES:
        bencode_put_bytes(w, v->data, v->len);
        return;
    case BENCODE_DICT:
        bencode_begin_dict(w);
        break;
    case BENCODE_LIST:
        bencode_begin_list(w);
        break;
    }
    while (bencode_next(&in, &item))
        copy(w, &item);
    if (in.failed || in.left > 0)
        abort();
    bencode_end(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct bencode v, found;

    if (bencode_read(&v, data, len) < 0)
        return 0;
    if (v.raw != data || v.raw_len > len)
        abort();
    uint8_t *out = malloc(v.raw_len);
    struct writer w = writer_over(out, v.raw_len);
    copy(&w, &v);
    if (w.failed || w.left > 0 || memcmp(out, data, v.raw_len) != 0)
        abort();
    free(out);
    (void)bencode_is_canonical(&v);
    if (bencode_find(&v, "id", &found) && found.raw_len > v.len)
        abort();
    return 0;
}
