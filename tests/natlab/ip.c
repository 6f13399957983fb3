#include "tests/natlab/ip.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"

#define V4_HEADER   20
#define V6_HEADER   40
#define ICMP_HEADER 8
#define TCP_HEADER  20
#define UDP_HEADER  8
#define QUOTED_V4   548 /* bytes of a packet in an ICMP error: RFC 1812 §4.3.2.3, 576 in all */
#define OUR_TTL     64

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMP6 = 58 };
enum { ECHO_REPLY = 0, UNREACHABLE = 3, QUENCH = 4, REDIRECT = 5, ECHO = 8, EXCEEDED = 11 };
enum { PARAMETER = 12, ECHO6 = 128, ECHO_REPLY6 = 129 };

/* ---- bytes and sums ---- */

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void set16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t folded(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint32_t sum_of(const uint8_t *data, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += get16(data + i);
    return len % 2 ? sum + (uint32_t)(data[len - 1] << 8) : sum;
}

/* RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m'). `len` is even. */
static void update_sum(uint8_t *sum, const uint8_t *old, const uint8_t *new, size_t len)
{
    uint32_t s = (uint16_t)~get16(sum);
    for (size_t i = 0; i < len; i += 2)
        s += (uint16_t)~get16(old + i) + (uint32_t)get16(new + i);
    set16(sum, (uint16_t)~folded(s));
}

/* ---- reading ---- */

/* One IP header and the header behind it. */
struct part {
    bool v6, whole, fragment;
    uint8_t proto, ttl;
    size_t ip, transport, end; /* offsets */
    struct addr from, to;
};

static int read_v4(struct part *h, const uint8_t *data, size_t len)
{
    const uint8_t *ip = data + h->ip;
    size_t left = len - h->ip;
    if (left < V4_HEADER)
        return -EBADMSG;
    size_t header = (size_t)(ip[0] & 15) * 4, total = get16(ip + 2);
    if (header < V4_HEADER || header > left || total < header)
        return -EBADMSG;
    h->whole = ip[6] & 0x40;
    h->fragment = (get16(ip + 6) & 0x3fff) != 0;
    h->ttl = ip[8];
    h->proto = ip[9];
    h->transport = h->ip + header;
    h->end = h->ip + total;
    h->from = addr_v4(ip + 12, 0);
    h->to = addr_v4(ip + 16, 0);
    return 0;
}

static int read_v6(struct part *h, const uint8_t *data, size_t len)
{
    const uint8_t *ip = data + h->ip;
    if (len - h->ip < V6_HEADER)
        return -EBADMSG;
    h->v6 = h->whole = true;
    h->proto = ip[6];
    h->ttl = ip[7];
    h->transport = h->ip + V6_HEADER;
    h->end = h->transport + get16(ip + 4);
    h->from = addr_v6(ip + 8, 0, 0);
    h->to = addr_v6(ip + 24, 0, 0);
    return 0;
}

static int read_part(struct part *h, const uint8_t *data, size_t at, size_t len)
{
    *h = (struct part){.ip = at};
    if (at >= len)
        return -EBADMSG;
    switch (data[at] >> 4) {
    case 4:
        return read_v4(h, data, len);
    case 6:
        return read_v6(h, data, len);
    default:
        return -EBADMSG;
    }
}

static bool is_echo(const struct part *h, uint8_t type)
{
    return h->v6 ? type == ECHO6 || type == ECHO_REPLY6 : type == ECHO || type == ECHO_REPLY;
}

static bool is_question(const struct part *h, uint8_t type)
{
    return type == (h->v6 ? ECHO6 : ECHO);
}

static bool is_error(const struct part *h, uint8_t type)
{
    if (h->v6)
        return type < 128;
    return type == UNREACHABLE || type == QUENCH || type == REDIRECT || type == EXCEEDED ||
           type == PARAMETER;
}

static bool is_icmp(const struct part *h)
{
    return h->proto == (h->v6 ? PROTO_ICMP6 : PROTO_ICMP);
}

/* Reads the ends of a flow. `left` bytes are there from the transport header on; an error quotes
 * eight. Returns IP_FLOW or IP_OTHER. */
static enum ip_kind read_ends(struct nat_packet *seen, const struct part *h, const uint8_t *data,
                              size_t left)
{
    const uint8_t *t = data + h->transport;
    *seen = (struct nat_packet){.from = h->from, .to = h->to, .ttl = h->ttl};
    if (left < 8)
        return IP_OTHER;
    if (is_icmp(h) && is_echo(h, t[0])) {
        seen->proto = NAT_PING;
        addr_set_port(is_question(h, t[0]) ? &seen->from : &seen->to, get16(t + 4));
        return IP_FLOW;
    }
    if (h->proto != PROTO_UDP && h->proto != PROTO_TCP)
        return IP_OTHER;
    seen->proto = h->proto == PROTO_UDP ? NAT_UDP : NAT_TCP;
    seen->tcp_flags = (uint8_t)(h->proto == PROTO_TCP && left > 13 ? t[13] : 0);
    addr_set_port(&seen->from, get16(t));
    addr_set_port(&seen->to, get16(t + 2));
    return IP_FLOW;
}

static enum ip_kind read_error(struct ip_packet *p, const struct part *outer)
{
    struct part inner;
    if (read_part(&inner, p->data, outer->transport + ICMP_HEADER, p->len) < 0 ||
        inner.v6 != p->v6 || inner.transport > p->len || inner.fragment ||
        read_ends(&p->seen, &inner, p->data, p->len - inner.transport) != IP_FLOW)
        return IP_OTHER;
    p->ip = inner.ip;
    p->transport = inner.transport;
    return IP_ERROR;
}

int ip_parse(struct ip_packet *p, uint8_t *data, size_t len)
{
    struct part h;
    int err = read_part(&h, data, 0, len);
    if (err < 0)
        return err;
    if (h.end > len || h.transport > h.end)
        return -EBADMSG;
    if (h.fragment || (h.v6 && h.proto != PROTO_UDP && h.proto != PROTO_TCP && !is_icmp(&h)))
        return -ENOTSUP;
    *p = (struct ip_packet){
        .data = data,
        .len = h.end,
        .v6 = h.v6,
        .whole = h.whole,
        .from = h.from,
        .to = h.to,
        .ttl = h.ttl,
        .transport = h.transport,
    };
    size_t left = h.end - h.transport;
    bool has_room = left >= (h.proto == PROTO_TCP ? TCP_HEADER : UDP_HEADER);
    p->kind = has_room ? read_ends(&p->seen, &h, data, left) : IP_OTHER;
    if (has_room && p->kind == IP_OTHER && is_icmp(&h) && is_error(&h, data[h.transport]))
        p->kind = read_error(p, &h);
    if (p->kind == IP_OTHER)
        p->seen = (struct nat_packet){.from = h.from, .to = h.to, .ttl = h.ttl};
    return 0;
}

/* ---- changing ---- */

void ip_set_ttl(struct ip_packet *p, uint8_t ttl)
{
    if (p->v6) {
        p->data[7] = ttl;
    } else {
        const uint8_t old[2] = {p->data[8], p->data[9]};
        p->data[8] = ttl;
        update_sum(p->data + 10, old, p->data + 8, 2);
    }
    p->ttl = ttl;
    if (p->kind != IP_ERROR)
        p->seen.ttl = ttl;
}

/* The checksum of what an IP packet carries, if it is there and used, or NULL. */
static uint8_t *payload_sum(const struct ip_packet *p)
{
    uint8_t *t = p->data + p->transport;
    size_t left = p->len - p->transport;
    switch (p->seen.proto) {
    case NAT_UDP: /* zero: the sender did not count */
        return get16(t + 6) == 0 ? NULL : t + 6;
    case NAT_TCP:
        return left >= TCP_HEADER ? t + 16 : NULL;
    case NAT_PING:
        return t + 2;
    }
    return NULL;
}

/* Where the port of one end is, or NULL. */
static uint8_t *port_of(const struct ip_packet *p, bool is_from)
{
    uint8_t *t = p->data + p->transport;
    const struct part h = {.v6 = p->v6};
    if (p->seen.proto == NAT_PING)
        return is_question(&h, t[0]) == is_from ? t + 4 : NULL;
    return is_from ? t : t + 2;
}

/* Changes one end in the headers that `seen` was read from, and the sums over it. */
static void set_end(struct ip_packet *p, bool is_from, const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    assert(ip); /* callers looked */
    uint8_t *header = p->data + p->ip, *sum = payload_sum(p), *port = port_of(p, is_from);
    uint8_t *at = header + (p->v6 ? (is_from ? 8 : 24) : (is_from ? 12 : 16));
    uint8_t number[2];
    set16(number, addr_port(a));
    if (!p->v6)
        update_sum(header + 10, at, ip, len);
    if (sum && (p->v6 || p->seen.proto != NAT_PING))
        update_sum(sum, at, ip, len);
    if (sum && port)
        update_sum(sum, port, number, 2);
    if (sum && p->seen.proto == NAT_UDP && get16(sum) == 0)
        set16(sum, 0xffff);
    memcpy(at, ip, len);
    if (port)
        memcpy(port, number, 2);
}

static bool fits(const struct ip_packet *p, const struct addr *a)
{
    return !addr_is_none(a) && addr_is_v6(a) == p->v6;
}

static struct addr without_port(const struct addr *a)
{
    struct addr ip = *a;
    addr_set_port(&ip, 0);
    return ip;
}

void ip_readdress(struct ip_packet *p, const struct addr *from, const struct addr *to)
{
    if (p->kind != IP_FLOW || !fits(p, from) || !fits(p, to))
        return;
    set_end(p, true, from);
    set_end(p, false, to);
    p->seen.from = *from;
    p->seen.to = *to;
    p->from = without_port(from);
    p->to = without_port(to);
}

static void set_outer(struct ip_packet *p, bool is_from, const struct addr *a)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    uint8_t *at = p->data + (p->v6 ? (is_from ? 8 : 24) : (is_from ? 12 : 16));
    if (!p->v6)
        update_sum(p->data + 10, at, ip, len);
    memcpy(at, ip, len);
}

/* RFC 4443 §2.3, RFC 8200 §8.1: the sum over what an IPv6 packet carries covers the addresses. */
static uint32_t pseudo_sum(const uint8_t *ip6, size_t len, uint8_t proto)
{
    return sum_of(ip6 + 8, 32) + (uint32_t)len + proto;
}

static void sum_icmp(uint8_t *data, size_t transport, size_t len, bool v6)
{
    uint32_t sum = v6 ? pseudo_sum(data, len - transport, PROTO_ICMP6) : 0;
    set16(data + transport + 2, 0);
    sum += sum_of(data + transport, len - transport);
    set16(data + transport + 2, (uint16_t)~folded(sum));
}

/* Where the payload of the outer header begins. */
static size_t outer_end(const struct ip_packet *p)
{
    return p->v6 ? V6_HEADER : (size_t)(p->data[0] & 15) * 4;
}

void ip_readdress_error(struct ip_packet *p, const struct addr *from, const struct addr *to,
                        const struct nat_packet *about)
{
    if (p->kind != IP_ERROR || !fits(p, from) || !fits(p, to) || !fits(p, &about->from) ||
        !fits(p, &about->to))
        return;
    set_end(p, true, &about->from);
    set_end(p, false, &about->to);
    p->seen = *about;
    set_outer(p, true, from);
    set_outer(p, false, to);
    p->from = without_port(from);
    p->to = without_port(to);
    sum_icmp(p->data, outer_end(p), p->len, p->v6);
}

/* ---- answering ---- */

/* Writes an IP header for `len` bytes behind it. Returns its length. */
static size_t put_header(uint8_t *out, const struct addr *from, const struct addr *to,
                         uint8_t proto, size_t len)
{
    size_t n;
    if (addr_is_v6(from)) {
        memset(out, 0, V6_HEADER);
        out[0] = 0x60;
        set16(out + 4, (uint16_t)len);
        out[6] = proto;
        out[7] = OUR_TTL;
        memcpy(out + 8, addr_ip(from, &n), 16);
        memcpy(out + 24, addr_ip(to, &n), 16);
        return V6_HEADER;
    }
    memset(out, 0, V4_HEADER);
    out[0] = 0x45;
    set16(out + 2, (uint16_t)(V4_HEADER + len));
    out[8] = OUR_TTL;
    out[9] = proto;
    memcpy(out + 12, addr_ip(from, &n), 4);
    memcpy(out + 16, addr_ip(to, &n), 4);
    set16(out + 10, (uint16_t)~folded(sum_of(out, V4_HEADER)));
    return V4_HEADER;
}

static void put_type(uint8_t *icmp, bool v6, enum ip_complaint what, size_t mtu)
{
    static const uint8_t type[3][2] = {{EXCEEDED, 3}, {UNREACHABLE, 1}, {UNREACHABLE, 2}};
    static const uint8_t code[3][2] = {{0, 0}, {3, 4}, {4, 0}};
    memset(icmp, 0, ICMP_HEADER);
    icmp[0] = type[what][v6];
    icmp[1] = code[what][v6];
    if (what == IP_TOO_BIG)
        set16(icmp + 6, (uint16_t)mtu);
}

bool ip_is_one_host(const struct addr *a)
{
    static const uint8_t everybody[4] = {255, 255, 255, 255};
    const struct addr all = addr_v4(everybody, 0);
    return !addr_is_multicast(a) && !addr_is_unspecified(a) && !addr_same_ip(a, &all);
}

size_t ip_make_error(uint8_t out[static IP_ANSWER_MAX], const struct ip_packet *about,
                     const struct addr *from, enum ip_complaint what, size_t mtu)
{
    const struct part h = {.v6 = about->v6, .proto = about->v6 ? about->data[6] : about->data[9]};
    if (is_icmp(&h) && about->kind != IP_FLOW)
        return 0;
    if (!ip_is_one_host(&about->from) || !ip_is_one_host(&about->to) || !fits(about, from))
        return 0;
    size_t most = about->v6 ? IP_ANSWER_MAX - V6_HEADER - ICMP_HEADER : QUOTED_V4;
    size_t quoted = about->len < most ? about->len : most;
    size_t at = put_header(out, from, &about->from, about->v6 ? PROTO_ICMP6 : PROTO_ICMP,
                           ICMP_HEADER + quoted);
    put_type(out + at, about->v6, what, mtu);
    memcpy(out + at + ICMP_HEADER, about->data, quoted);
    sum_icmp(out, at, at + ICMP_HEADER + quoted, about->v6);
    return at + ICMP_HEADER + quoted;
}

/* How far a packet moves TCP's numbers: its data, and one each for SYN and FIN. */
static uint32_t tcp_extent(const struct ip_packet *p)
{
    const uint8_t *t = p->data + p->transport;
    size_t left = p->len - p->transport, header = (size_t)(t[12] >> 4) * 4;
    uint32_t data = header <= left ? (uint32_t)(left - header) : 0;
    return data + ((t[13] & NAT_TCP_SYN) != 0) + ((t[13] & NAT_TCP_FIN) != 0);
}

size_t ip_make_reset(uint8_t out[static IP_ANSWER_MAX], const struct ip_packet *about)
{
    const uint8_t *t = about->data + about->transport;
    if (about->kind != IP_FLOW || about->seen.proto != NAT_TCP || t[13] & NAT_TCP_RST)
        return 0;
    size_t at = put_header(out, &about->to, &about->from, PROTO_TCP, TCP_HEADER);
    struct reader numbers = reader_over(t + 4, 8);
    uint32_t seq = read_be32(&numbers), ack = read_be32(&numbers);
    bool acked = t[13] & NAT_TCP_ACK;
    struct writer w = writer_over(out + at, TCP_HEADER);
    write_be16(&w, addr_port(&about->seen.to));
    write_be16(&w, addr_port(&about->seen.from));
    /* RFC 9293 §3.10.7.1. */
    write_be32(&w, acked ? ack : 0);
    write_be32(&w, acked ? 0 : seq + tcp_extent(about));
    write_be16(&w, (uint16_t)(0x5000 | NAT_TCP_RST | (acked ? 0 : NAT_TCP_ACK)));
    write_be16(&w, 0);
    write_be32(&w, 0);
    uint32_t sum = about->v6 ? pseudo_sum(out, TCP_HEADER, PROTO_TCP)
                             : sum_of(out + 12, 8) + TCP_HEADER + PROTO_TCP;
    set16(out + at + 16, (uint16_t)~folded(sum + sum_of(out + at, TCP_HEADER)));
    return at + TCP_HEADER;
}
