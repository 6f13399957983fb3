#include "dns/nss/wire.h"

#include <errno.h>
#include <string.h>

/* Copies `len` bytes that are to be a name. */
static int take_name(char out[static NSS_NAME_MAX + 1], const uint8_t *data, size_t len)
{
    if (len > NSS_NAME_MAX || memchr(data, 0, len))
        return -EBADMSG;
    memcpy(out, data, len);
    out[len] = '\0';
    return 0;
}

int nss_question_read(struct nss_question *out, const uint8_t *data, size_t len)
{
    memset(out, 0, sizeof(*out));
    if (len >= 1 && data[0] != 'n' && data[0] != 'a')
        return -EBADMSG;
    if (len < 2)
        return 0;
    size_t size = data[1];
    out->by_address = data[0] == 'a';
    if (size == 0 || size > NSS_NAME_MAX || (out->by_address && size != sizeof(out->ip)))
        return -EBADMSG;
    if (len < 2 + size)
        return 0;
    if (out->by_address)
        memcpy(out->ip, data + 2, size);
    else if (take_name(out->name, data + 2, size) < 0)
        return -EBADMSG;
    return (int)(2 + size);
}

size_t nss_question_write(const struct nss_question *q, uint8_t out[static NSS_QUESTION_MAX])
{
    size_t size = q->by_address ? sizeof(q->ip) : strlen(q->name);

    out[0] = q->by_address ? 'a' : 'n';
    out[1] = (uint8_t)size;
    memcpy(out + 2, q->by_address ? (const void *)q->ip : (const void *)q->name, size);
    return 2 + size;
}

/* Reads the addresses from `at` on. Returns where they end, 0 or -EBADMSG. */
static int read_addresses(struct nss_answer *out, const uint8_t *data, size_t len, size_t at)
{
    for (size_t i = 0; i < out->count; i++) {
        struct nss_address *a = &out->address[i];
        if (at >= len)
            return 0;
        a->len = data[at++];
        if (a->len != 4 && a->len != 16)
            return -EBADMSG;
        if (len - at < a->len)
            return 0;
        memcpy(a->ip, data + at, a->len);
        at += a->len;
    }
    return (int)at;
}

/* Programs print what an address is called, and write it into logs. */
static bool is_host_name(const char *name)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    return name[strspn(name, ALLOWED)] == '\0';
}

int nss_answer_read(struct nss_answer *out, const uint8_t *data, size_t len)
{
    memset(out, 0, sizeof(*out));
    if (len >= 1 && data[0] != 'y' && data[0] != 'n')
        return -EBADMSG;
    if (len >= 3 && data[2] > NSS_ADDRESSES_MAX)
        return -EBADMSG;
    if (len < 3)
        return 0;
    out->found = data[0] == 'y';
    out->ttl = data[1];
    out->count = data[2];
    int at = read_addresses(out, data, len, 3);
    if (at <= 0 || (size_t)at >= len)
        return at < 0 ? at : 0;
    size_t size = data[at++];
    if (size > NSS_NAME_MAX)
        return -EBADMSG;
    if (len - (size_t)at < size)
        return 0;
    if (take_name(out->name, data + at, size) < 0 || !is_host_name(out->name))
        return -EBADMSG;
    return at + (int)size;
}

size_t nss_answer_write(const struct nss_answer *a, uint8_t out[static NSS_ANSWER_MAX])
{
    size_t at = 0, size = strlen(a->name);

    out[at++] = a->found ? 'y' : 'n';
    out[at++] = a->ttl;
    out[at++] = (uint8_t)a->count;
    for (size_t i = 0; i < a->count; i++) {
        out[at++] = a->address[i].len;
        memcpy(out + at, a->address[i].ip, a->address[i].len);
        at += a->address[i].len;
    }
    out[at++] = (uint8_t)size;
    memcpy(out + at, a->name, size);
    return at + size;
}
