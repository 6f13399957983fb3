/* Any packet: what is read can be readdressed and answered, and stays a packet of the same flow. */
#include <stdlib.h>
#include <string.h>

#include "tests/natlab/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct addr some_addr(bool v6, uint8_t number, uint16_t port)
{
    const uint8_t ip[16] = {203, 0, 113, number};
    return v6 ? addr_v6(ip, port, 0) : addr_v4(ip, port);
}

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static void readdress(struct ip_packet *p)
{
    struct nat_packet new = p->seen;
    new.from = some_addr(p->v6, 1, 1000);
    new.to = some_addr(p->v6, 2, 2000);
    if (p->kind == IP_FLOW)
        ip_readdress(p, &new.from, &new.to);
    else
        ip_readdress_error(p, &new.to, &new.from, &new);
    ip_set_ttl(p, 9);

    struct ip_packet again;
    expect(ip_parse(&again, p->data, p->len) == 0);
    expect(again.kind == p->kind && again.seen.proto == p->seen.proto && again.ttl == 9);
    if (p->kind == IP_OTHER)
        return;
    expect(addr_same_ip(&again.seen.from, &new.from) && addr_same_ip(&again.seen.to, &new.to));
    if (p->seen.proto != NAT_PING)
        expect(addr_equal(&again.seen.from, &new.from) && addr_equal(&again.seen.to, &new.to));
}

static void answer(const struct ip_packet *p)
{
    uint8_t out[IP_ANSWER_MAX];
    struct ip_packet made;
    const struct addr router = some_addr(p->v6, 9, 0);
    for (unsigned what = IP_TIME_EXCEEDED; what <= IP_TOO_BIG; what++) {
        size_t n = ip_make_error(out, p, &router, (enum ip_complaint)what, 1280);
        expect(n == 0 || ip_parse(&made, out, n) == 0);
    }
    size_t n = ip_make_reset(out, p);
    expect(n == 0 || (ip_parse(&made, out, n) == 0 && made.seen.tcp_flags & NAT_TCP_RST));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct ip_packet p;
    if (!copy)
        return 0;
    if (len > 0)
        memcpy(copy, data, len);
    if (ip_parse(&p, copy, len) == 0) {
        expect(p.len <= len);
        answer(&p);
        readdress(&p);
    }
    free(copy);
    return 0;
}
