#include "gateway/wire/icmp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

#define TYPE_ECHO  8
#define IP_HEADER  20 /* bytes, without options */
#define IP_VERSION 4
#define IP_ICMP    1
#define SUM_AT     2 /* in every ICMP message */
#define IP_SUM_AT  10

/* RFC 791: the three flags above the offset; of the pieces of a packet only the first is read. */
#define IP_OFFSET 0x1fff

static_assert(ICMP_EXCEEDED_LEN == 8 + IP_HEADER + ICMP_ECHO_LEN, "Time Exceeded");

uint16_t icmp_sum(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    if (len % 2 == 1)
        sum += (uint32_t)data[len - 1] << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_sum(uint8_t *sum, const uint8_t *data, size_t len)
{
    uint16_t value = icmp_sum(data, len);
    sum[0] = (uint8_t)(value >> 8);
    sum[1] = (uint8_t)value;
}

/* ---- writing ---- */

static void write_echo(struct writer *w, const struct icmp_echo *echo)
{
    uint8_t *start = w->at;

    assert(echo->len <= ICMP_DATA_MAX);
    write_u8(w, TYPE_ECHO);
    write_u8(w, 0);
    write_be16(w, 0);
    write_be16(w, echo->id);
    write_be16(w, echo->sequence);
    write_bytes(w, echo->data, echo->len);
    assert(!w->failed);
    put_sum(start + SUM_AT, start, writer_len(w, start));
}

size_t icmp_echo_write(uint8_t out[static ICMP_MESSAGE_MAX], const struct icmp_echo *echo)
{
    struct writer w = writer_over(out, ICMP_MESSAGE_MAX);

    write_echo(&w, echo);
    return writer_len(&w, out);
}

static void write_ip(struct writer *w, const struct icmp_exceeded *e)
{
    uint8_t *start = w->at;
    size_t len;

    write_u8(w, IP_VERSION << 4 | IP_HEADER / 4);
    write_u8(w, 0);
    write_be16(w, (uint16_t)(IP_HEADER + ICMP_ECHO_LEN + e->echo.len));
    write_be32(w, 0); /* identification, flags, offset */
    write_u8(w, 1);   /* where a packet is dropped its last hop is all that is left */
    write_u8(w, IP_ICMP);
    write_be16(w, 0);
    write_bytes(w, addr_ip(&e->from, &len), 4);
    write_bytes(w, addr_ip(&e->to, &len), 4);
    put_sum(start + IP_SUM_AT, start, IP_HEADER);
}

size_t icmp_exceeded_write(uint8_t out[static ICMP_MESSAGE_MAX], const struct icmp_exceeded *e)
{
    struct writer w = writer_over(out, ICMP_MESSAGE_MAX);

    assert(e->from.sa.sa_family == AF_INET && e->to.sa.sa_family == AF_INET);
    write_u8(&w, ICMP_TIME_EXCEEDED);
    write_u8(&w, 0);
    write_be16(&w, 0);
    write_be32(&w, 0); /* RFC 4884: no extensions */
    write_ip(&w, e);
    write_echo(&w, &e->echo);
    put_sum(out + SUM_AT, out, writer_len(&w, out));
    return writer_len(&w, out);
}

/* ---- reading ---- */

/* Returns how many bytes of the packet follow the IP header, or -EBADMSG. */
static int read_ip(struct icmp_exceeded *e, struct reader *r)
{
    size_t left = r->left;
    uint8_t version = read_u8(r);
    size_t header = 4 * (size_t)(version & 0x0f);
    (void)read_u8(r);
    size_t total = read_be16(r);
    (void)read_be16(r);
    bool later = (read_be16(r) & IP_OFFSET) != 0;
    (void)read_u8(r);
    uint8_t protocol = read_u8(r);
    (void)read_be16(r);
    const uint8_t *from = read_bytes(r, 4), *to = read_bytes(r, 4);
    if (!to || version >> 4 != IP_VERSION || header < IP_HEADER || later || protocol != IP_ICMP)
        return -EBADMSG;
    (void)read_bytes(r, header - IP_HEADER); /* options */
    if (r->failed || total < header)
        return -EBADMSG;
    e->from = addr_v4(from, 0);
    e->to = addr_v4(to, 0);
    return (int)((total < left ? total : left) - header);
}

static int read_echo(struct icmp_echo *echo, struct reader *r)
{
    uint8_t type = read_u8(r), code = read_u8(r);
    (void)read_be16(r);
    echo->id = read_be16(r);
    echo->sequence = read_be16(r);
    if (r->failed || type != TYPE_ECHO || code != 0)
        return -EBADMSG;
    if (r->left > ICMP_DATA_MAX)
        return -EMSGSIZE;
    echo->len = r->left;
    echo->data = r->at;
    return 0;
}

int icmp_exceeded_read(struct icmp_exceeded *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    struct icmp_exceeded e = {0};
    uint8_t type = read_u8(&r), code = read_u8(&r);

    (void)read_bytes(&r, 6); /* the sum, and what RFC 792 leaves unused */
    if (r.failed || type != ICMP_TIME_EXCEEDED || code != 0 || icmp_sum(data, len) != 0)
        return -EBADMSG;
    int packet = read_ip(&e, &r);
    if (packet < 0)
        return packet;
    r = reader_over(r.at, (size_t)packet); /* behind it there may be extensions */
    int err = read_echo(&e.echo, &r);
    if (err == 0)
        *out = e;
    return err;
}
