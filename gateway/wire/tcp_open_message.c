#include "gateway/wire/tcp_open_message.h"

#include <errno.h>

#include "gateway/base/bytes.h"

#define FAMILY_V4 4
#define FAMILY_V6 6

struct message_part tcp_open_message_write(const struct addr *at,
                                           uint8_t out[static TCP_OPEN_MESSAGE_MAX])
{
    struct writer w = writer_over(out, TCP_OPEN_MESSAGE_MAX);
    size_t len = 0;
    const uint8_t *ip = addr_ip(at, &len);

    write_u8(&w, addr_is_v6(at) ? FAMILY_V6 : FAMILY_V4);
    write_be16(&w, addr_port(at));
    write_bytes(&w, ip, len);
    return (struct message_part){.type = TCP_OPEN_MESSAGE, .data = out, .len = writer_len(&w, out)};
}

int tcp_open_message_read(struct addr *out, const struct message_part *part)
{
    struct reader r = reader_over(part->data, part->len);
    uint8_t family = read_u8(&r), ip[16] = {0};
    uint16_t port = read_be16(&r);

    if (!tcp_open_message_is(part) || (family != FAMILY_V4 && family != FAMILY_V6))
        return -EBADMSG;
    read_copy(&r, ip, family == FAMILY_V6 ? 16 : 4);
    if (r.failed || port == 0)
        return -EBADMSG;
    *out = family == FAMILY_V6 ? addr_v6(ip, port, 0) : addr_v4(ip, port);
    return 0;
}
