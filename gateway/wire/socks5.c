#include "gateway/wire/socks5.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

enum { NO_AUTHENTICATION = 0, NONE_ACCEPTABLE = 0xff }; /* RFC 1928 §3 */
enum { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };       /* §5 */

int socks5_read_greeting(bool *no_auth, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    uint8_t version = read_u8(&r);
    uint8_t count = read_u8(&r);
    if (len > 0 && version != SOCKS5_VERSION)
        return -EBADMSG;
    if (!r.failed && count == 0)
        return -EBADMSG;
    const uint8_t *methods = read_bytes(&r, count);
    if (!methods)
        return -EAGAIN;
    *no_auth = memchr(methods, NO_AUTHENTICATION, count) != NULL;
    return 2 + count;
}

void socks5_write_method(bool accept, uint8_t out[static SOCKS5_METHOD_LEN])
{
    out[0] = SOCKS5_VERSION;
    out[1] = accept ? NO_AUTHENTICATION : NONE_ACCEPTABLE;
}

static int read_name(struct socks5_request *out, struct reader *r)
{
    uint8_t len = read_u8(r);
    const uint8_t *name = read_bytes(r, len);
    if (r->failed)
        return -EAGAIN;
    for (size_t i = 0; i < len; i++) {
        if (name[i] <= ' ' || name[i] >= 0x7f)
            return -EBADMSG;
        out->name[i] = (char)name[i];
    }
    return len > 0 ? 0 : -EBADMSG;
}

static int read_address(struct socks5_request *out, uint8_t type, struct reader *r)
{
    const uint8_t *ip;
    switch (type) {
    case TYPE_V4:
        ip = read_bytes(r, 4);
        if (ip)
            out->ip = addr_v4(ip, 0);
        return ip ? 0 : -EAGAIN;
    case TYPE_V6:
        ip = read_bytes(r, 16);
        if (ip)
            out->ip = addr_v6(ip, 0, 0);
        return ip ? 0 : -EAGAIN;
    case TYPE_NAME:
        return read_name(out, r);
    default:
        out->known_address = false;
        return 0;
    }
}

int socks5_read_request(struct socks5_request *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    uint8_t version = read_u8(&r);
    memset(out, 0, sizeof(*out));
    out->command = read_u8(&r);
    uint8_t reserved = read_u8(&r);
    uint8_t type = read_u8(&r);
    if (len > 0 && version != SOCKS5_VERSION)
        return -EBADMSG;
    if (r.failed)
        return -EAGAIN;
    if (reserved != 0)
        return -EBADMSG;
    out->known_address = true;
    int err = read_address(out, type, &r);
    if (err < 0)
        return err;
    if (out->known_address)
        out->port = read_be16(&r);
    if (r.failed)
        return -EAGAIN;
    if (!addr_is_none(&out->ip))
        addr_set_port(&out->ip, out->port);
    return (int)(len - r.left);
}

void socks5_write_reply(enum socks5_reply reply, uint8_t out[static SOCKS5_REPLY_LEN])
{
    memset(out, 0, SOCKS5_REPLY_LEN);
    out[0] = SOCKS5_VERSION;
    out[1] = (uint8_t)reply;
    out[3] = TYPE_V4;
}
