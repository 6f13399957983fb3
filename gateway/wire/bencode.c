#include "gateway/wire/bencode.h"

#include <errno.h>
#include <string.h>

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Digits up to `end`, which is taken too; at most `max`. */
static uint64_t read_digits(struct reader *r, uint8_t end, uint64_t max)
{
    uint8_t c = read_u8(r);
    uint64_t value = 0;
    bool zero = c == '0';

    if (!is_digit(c))
        r->failed = true;
    for (; !r->failed && is_digit(c); c = read_u8(r)) {
        unsigned digit = c - (unsigned)'0';
        if (digit > max || value > (max - digit) / 10)
            r->failed = true;
        else
            value = value * 10 + digit;
        if (zero && r->left > 0 && is_digit(*r->at)) /* "05", "00" */
            r->failed = true;
    }
    if (c != end)
        r->failed = true;
    return r->failed ? 0 : value;
}

static void read_number(struct reader *r, struct bencode *out)
{
    bool negative = r->left > 0 && *r->at == '-';

    out->kind = BENCODE_NUMBER;
    if (negative)
        (void)read_u8(r);
    uint64_t value = read_digits(r, 'e', (uint64_t)INT64_MAX + (negative ? 1 : 0));
    if (negative && value == 0)
        r->failed = true;
    out->number = negative ? (int64_t)(0 - value) : (int64_t)value;
}

static void read_text(struct reader *r, struct bencode *out)
{
    out->kind = BENCODE_BYTES;
    /* More than the message has is refused before it means anything. */
    out->len = (size_t)read_digits(r, ':', r->left);
    out->data = read_bytes(r, out->len);
}

static void read_value(struct reader *r, struct bencode *out, unsigned depth);

static void read_container(struct reader *r, struct bencode *out, unsigned depth)
{
    struct bencode item;

    out->data = r->at;
    if (depth == BENCODE_DEPTH_MAX)
        r->failed = true;
    for (size_t i = 0; !r->failed && r->left > 0 && *r->at != 'e'; i++) {
        bool key = out->kind == BENCODE_DICT && i % 2 == 0;
        read_value(r, &item, depth + 1);
        if (key && (item.kind != BENCODE_BYTES || (r->left > 0 && *r->at == 'e')))
            r->failed = true;
    }
    out->len = (size_t)(r->at - out->data);
    (void)read_u8(r);
}

/* `depth` counts what it is in. */
static void read_value(struct reader *r, struct bencode *out, unsigned depth)
{
    memset(out, 0, sizeof(*out));
    out->raw = r->at;
    if (r->left > 0 && is_digit(*r->at)) {
        read_text(r, out);
    } else {
        switch (read_u8(r)) {
        case 'i':
            read_number(r, out);
            break;
        case 'l':
        case 'd':
            out->kind = *out->raw == 'd' ? BENCODE_DICT : BENCODE_LIST;
            read_container(r, out, depth);
            break;
        default:
            r->failed = true;
        }
    }
    out->raw_len = r->failed ? 0 : (size_t)(r->at - out->raw);
}

int bencode_read(struct bencode *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    read_value(&r, out, 0);
    return r.failed ? -EBADMSG : 0;
}

bool bencode_next(struct reader *in, struct bencode *out)
{
    if (in->left == 0 || in->failed)
        return false;
    read_value(in, out, 0);
    return !in->failed;
}

bool bencode_find(const struct bencode *dict, const char *key, struct bencode *out)
{
    struct reader in = reader_over(dict->data, dict->len);
    struct bencode name;

    if (dict->kind != BENCODE_DICT)
        return false;
    while (bencode_next(&in, &name) && bencode_next(&in, out))
        if (name.len == strlen(key) && memcmp(name.data, key, name.len) == 0)
            return true;
    return false;
}

static int compare(const struct bencode *a, const struct bencode *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len > 0 ? memcmp(a->data, b->data, len) : 0;
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

bool bencode_is_canonical(const struct bencode *value)
{
    struct reader in = reader_over(value->data, value->len);
    struct bencode item, last = {.raw_len = 0};

    if (value->kind != BENCODE_DICT && value->kind != BENCODE_LIST)
        return true;
    for (size_t i = 0; bencode_next(&in, &item); i++) {
        if (value->kind == BENCODE_LIST || i % 2 == 1) {
            if (!bencode_is_canonical(&item))
                return false;
        } else {
            if (last.raw_len > 0 && compare(&last, &item) >= 0)
                return false;
            last = item;
        }
    }
    return true;
}

static void put_digits(struct writer *w, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    write_bytes(w, digits + at, sizeof(digits) - at);
}

void bencode_put_number(struct writer *w, int64_t number)
{
    write_u8(w, 'i');
    if (number < 0)
        write_u8(w, '-');
    put_digits(w, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    write_u8(w, 'e');
}

void bencode_put_bytes(struct writer *w, const void *data, size_t len)
{
    put_digits(w, len);
    write_u8(w, ':');
    write_bytes(w, data, len);
}

void bencode_put_text(struct writer *w, const char *text)
{
    bencode_put_bytes(w, text, strlen(text));
}

void bencode_begin_dict(struct writer *w)
{
    write_u8(w, 'd');
}

void bencode_begin_list(struct writer *w)
{
    write_u8(w, 'l');
}

void bencode_end(struct writer *w)
{
    write_u8(w, 'e');
}
