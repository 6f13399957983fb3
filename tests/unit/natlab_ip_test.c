/* IP packets as the lab's routers read, readdress and answer them. */
#include "tests/natlab/ip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/bytes.h"

#define ROOM 1500

/* A packet in memory of its own length, so that a read past it is seen. */
struct made {
    uint8_t data[ROOM];
    size_t len;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* ---- sums, counted anew: the other way round than the module does it ---- */

static uint16_t sum_over(const uint8_t *data, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint32_t pseudo(const uint8_t *ip, size_t len)
{
    bool v6 = ip[0] >> 4 == 6;
    uint8_t proto = v6 ? ip[6] : ip[9];
    return sum_over(ip + (v6 ? 8 : 12), v6 ? 32 : 8, (uint32_t)len + proto);
}

/* Every sum in a packet is right: over all of it there is 0xffff. */
static void check_sums(const uint8_t *ip, size_t len)
{
    bool v6 = ip[0] >> 4 == 6;
    size_t header = v6 ? 40 : (size_t)(ip[0] & 15) * 4;
    uint8_t proto = v6 ? ip[6] : ip[9];
    if (!v6)
        assert_int_equal(sum_over(ip, header, 0), 0xffff);
    if (proto == 17 && ip[header + 6] == 0 && ip[header + 7] == 0)
        return;
    uint32_t start = proto == 1 ? 0 : pseudo(ip, len - header);
    assert_int_equal(sum_over(ip + header, len - header, start), 0xffff);
}

static void put_sum(uint8_t *at, uint8_t *data, size_t len, uint32_t start)
{
    at[0] = at[1] = 0;
    uint16_t sum = (uint16_t)~sum_over(data, len, start);
    at[0] = (uint8_t)(sum >> 8);
    at[1] = (uint8_t)sum;
}

/* ---- packets ---- */

/* `proto` 17, 6, 1 (a ping with identifier of `from`'s port) or 58, `len` bytes of data. */
static struct made make(uint8_t proto, const char *from, const char *to, size_t len)
{
    const struct addr a = at(from), b = at(to);
    bool v6 = addr_is_v6(&a), ping = proto == 1 || proto == 58;
    size_t header = v6 ? 40 : 20, transport = proto == 6 ? 20 : 8, n;
    struct made m = {.len = header + transport + len};
    struct writer w = writer_over(m.data, ROOM);
    write_be16(&w, v6 ? 0x6000 : 0x4500);
    write_be16(&w, (uint16_t)(v6 ? 0 : m.len));
    write_be16(&w, (uint16_t)(v6 ? transport + len : 7));
    write_u8(&w, v6 ? proto : 0x40);
    write_u8(&w, v6 ? 64 : 0);
    if (!v6) {
        write_u8(&w, 64);
        write_u8(&w, proto);
        write_be16(&w, 0);
    }
    const uint8_t *ip = addr_ip(&a, &n);
    write_bytes(&w, ip, n);
    ip = addr_ip(&b, &n);
    write_bytes(&w, ip, n);
    uint8_t *t = m.data + header;
    const uint16_t first = proto == 1 ? 0x0800 : 0x8000; /* echo, code 0 */
    write_be16(&w, ping ? first : addr_port(&a));
    write_be16(&w, ping ? 0 : addr_port(&b));
    if (proto == 6) {
        write_be64(&w, 0x0102030405060708);
        write_be32(&w, 0x50020000); /* SYN */
        write_be32(&w, 0);
    } else {
        uint16_t udp_len = (uint16_t)(8 + len);
        write_be16(&w, ping ? addr_port(&a) : udp_len);
        write_be16(&w, 0);
    }
    for (size_t i = 0; i < len; i++)
        write_u8(&w, (uint8_t)(i * 7 + 1));
    if (!v6)
        put_sum(m.data + 10, m.data, header, 0);
    uint8_t *sum = t + (proto == 6 ? 16 : ping ? 2 : 6);
    put_sum(sum, t, transport + len, proto == 1 ? 0 : pseudo(m.data, transport + len));
    check_sums(m.data, m.len);
    return m;
}

static struct ip_packet parsed(struct made *m)
{
    struct ip_packet p;
    assert_int_equal(ip_parse(&p, m->data, m->len), 0);
    return p;
}

static const struct {
    uint8_t proto;
    enum nat_proto is;
    const char *from, *to, *new_from, *new_to;
} cases[] = {
    {17, NAT_UDP, "192.168.1.2:5000", "198.51.100.1:53", "203.0.113.1:61000", "198.51.100.1:53"},
    {6, NAT_TCP, "192.168.1.2:5000", "198.51.100.1:80", "203.0.113.1:1024", "10.255.0.1:65535"},
    {1, NAT_PING, "192.168.1.2:77", "198.51.100.1:0", "203.0.113.1:61000", "198.51.100.1:0"},
    {17, NAT_UDP, "[2001:db8::2]:5000", "[2001:db8:1::1]:53", "[2001:db8:f::9]:1",
     "[2001:db8:1::2]:54"},
    {6, NAT_TCP, "[2001:db8::2]:5000", "[2001:db8:1::1]:80", "[2001:db8:f::9]:1",
     "[2001:db8:1::2]:443"},
    {58, NAT_PING, "[2001:db8::2]:77", "[2001:db8:1::1]:0", "[2001:db8:f::9]:1",
     "[2001:db8:1::2]:0"},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

/* ---- reading ---- */

static void addresses_ports_and_hops_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct made m = make(cases[i].proto, cases[i].from, cases[i].to, 33);
        struct ip_packet p = parsed(&m);
        const struct addr from = at(cases[i].from), to = at(cases[i].to);
        assert_int_equal(p.kind, IP_FLOW);
        assert_int_equal(p.seen.proto, cases[i].is);
        assert_true(addr_equal(&p.seen.from, &from));
        assert_true(addr_equal(&p.seen.to, &to));
        assert_int_equal(p.ttl, 64);
        assert_int_equal(p.seen.ttl, 64);
        assert_int_equal(p.seen.tcp_flags, cases[i].is == NAT_TCP ? NAT_TCP_SYN : 0);
        assert_true(p.whole);
    }
}

static void a_packet_cut_short_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct made m = make(cases[i].proto, cases[i].from, cases[i].to, 3);
        for (size_t len = 0; len < m.len; len++) {
            struct ip_packet p;
            struct made cut = m;
            assert_int_equal(ip_parse(&p, cut.data, len), -EBADMSG);
        }
    }
}

static void pieces_and_extension_headers_are_not_supported(void **state)
{
    (void)state;
    struct ip_packet p;
    struct made m = make(17, "192.168.1.2:5000", "198.51.100.1:53", 8);
    m.data[6] = 0x20; /* more fragments */
    assert_int_equal(ip_parse(&p, m.data, m.len), -ENOTSUP);
    m.data[6] = 0;
    m.data[7] = 9; /* not the first */
    assert_int_equal(ip_parse(&p, m.data, m.len), -ENOTSUP);
    m = make(17, "[2001:db8::2]:5000", "[2001:db8:1::1]:53", 8);
    m.data[6] = 44;
    assert_int_equal(ip_parse(&p, m.data, m.len), -ENOTSUP);
    m.data[0] = 0x50;
    assert_int_equal(ip_parse(&p, m.data, m.len), -EBADMSG);
}

static void another_protocol_has_addresses_alone(void **state)
{
    (void)state;
    struct made m = make(17, "192.168.1.2:5000", "198.51.100.1:53", 8);
    m.data[9] = 47;
    struct ip_packet p = parsed(&m);
    assert_int_equal(p.kind, IP_OTHER);
    assert_int_equal(addr_port(&p.seen.from), 0);
    assert_true(addr_same_ip(&p.seen.to, (struct addr[]){at("198.51.100.1:0")}));
}

/* ---- changing ---- */

static void new_addresses_keep_every_sum_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct made m = make(cases[i].proto, cases[i].from, cases[i].to, 21);
        struct ip_packet p = parsed(&m);
        const struct addr from = at(cases[i].new_from), to = at(cases[i].new_to);
        ip_readdress(&p, &from, &to);
        ip_set_ttl(&p, 3);
        check_sums(m.data, m.len);
        struct ip_packet again = parsed(&m);
        assert_true(addr_equal(&again.seen.from, &from));
        assert_true(addr_equal(&again.seen.to, &to));
        assert_int_equal(again.ttl, 3);
    }
}

static void a_udp_packet_without_a_sum_gets_none(void **state)
{
    (void)state;
    struct made m = make(17, "192.168.1.2:5000", "198.51.100.1:53", 4);
    m.data[26] = m.data[27] = 0;
    struct ip_packet p = parsed(&m);
    const struct addr from = at("203.0.113.1:1"), to = at("198.51.100.1:53");
    ip_readdress(&p, &from, &to);
    assert_int_equal(m.data[26] | m.data[27], 0);
    check_sums(m.data, m.len);
}

static void a_sum_that_becomes_zero_is_sent_as_ones(void **state)
{
    (void)state;
    struct made m = make(17, "192.168.1.2:5000", "198.51.100.1:53", 4);
    struct ip_packet p = parsed(&m);
    /* Some port brings it to zero. */
    for (unsigned port = 1; port < 65536; port++) {
        struct addr from = at("203.0.113.1:1"), to = p.seen.to;
        addr_set_port(&from, (uint16_t)port);
        ip_readdress(&p, &from, &to);
        assert_true((m.data[26] | m.data[27]) != 0);
    }
    check_sums(m.data, m.len);
}

static void addresses_of_the_other_family_change_nothing(void **state)
{
    (void)state;
    struct made m = make(17, "192.168.1.2:5000", "198.51.100.1:53", 4), before = m;
    struct ip_packet p = parsed(&m);
    const struct addr v6 = at("[2001:db8::1]:9"), none = {0};
    ip_readdress(&p, &v6, &p.seen.to);
    ip_readdress(&p, &p.seen.from, &none);
    assert_memory_equal(m.data, before.data, m.len);
}

/* ---- answering ---- */

static void an_error_quotes_the_packet_and_is_read_as_being_about_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct made m = make(cases[i].proto, cases[i].from, cases[i].to, 1000), e;
        struct ip_packet p = parsed(&m);
        const struct addr router = at(p.v6 ? "[2001:db8:ff::1]:0" : "203.0.113.9:0");
        e.len = ip_make_error(e.data, &p, &router, IP_TIME_EXCEEDED, 0);
        assert_true(e.len > 0 && e.len <= (p.v6 ? 1280 : 576));
        check_sums(e.data, e.len);
        struct ip_packet about = parsed(&e);
        assert_int_equal(about.kind, IP_ERROR);
        assert_true(addr_equal(&about.seen.from, &p.seen.from));
        assert_true(addr_equal(&about.seen.to, &p.seen.to));
        assert_true(addr_same_ip(&about.to, &p.from));
        assert_true(addr_same_ip(&about.from, &router));
    }
}

static void an_error_gets_new_addresses_outside_and_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct made m = make(cases[i].proto, cases[i].from, cases[i].to, 30), e;
        struct ip_packet p = parsed(&m);
        const struct addr router = at(p.v6 ? "[2001:db8:ff::1]:0" : "203.0.113.9:0");
        e.len = ip_make_error(e.data, &p, &router, IP_PORT_UNREACHABLE, 0);
        struct ip_packet error = parsed(&e);
        struct nat_packet about = error.seen;
        about.from = at(cases[i].new_from);
        ip_readdress_error(&error, &router, &about.from, &about);
        check_sums(e.data, e.len);
        /* The packet that it quotes is as right as it was. */
        check_sums(e.data + (p.v6 ? 48 : 28), m.len);
        struct ip_packet again = parsed(&e);
        assert_true(addr_equal(&again.seen.from, &about.from));
        assert_true(addr_same_ip(&again.to, &about.from));
    }
}

static void nobody_complains_about_a_complaint_or_to_many(void **state)
{
    (void)state;
    struct made m = make(17, "192.168.1.2:5000", "198.51.100.1:53", 30), e, none;
    struct ip_packet p = parsed(&m);
    const struct addr router = at("203.0.113.9:0");
    e.len = ip_make_error(e.data, &p, &router, IP_TIME_EXCEEDED, 0);
    struct ip_packet error = parsed(&e);
    assert_int_equal(ip_make_error(none.data, &error, &router, IP_TIME_EXCEEDED, 0), 0);
    m = make(17, "192.168.1.2:5000", "239.1.2.3:53", 30);
    p = parsed(&m);
    assert_int_equal(ip_make_error(none.data, &p, &router, IP_TIME_EXCEEDED, 0), 0);
}

static void an_error_cut_short_is_about_nothing(void **state)
{
    (void)state;
    struct made m = make(17, "192.168.1.2:5000", "198.51.100.1:53", 30), e;
    struct ip_packet p = parsed(&m);
    const struct addr router = at("203.0.113.9:0");
    e.len = ip_make_error(e.data, &p, &router, IP_TIME_EXCEEDED, 0);
    for (size_t len = 28; len < 28 + 28; len++) {
        struct made cut = {.len = len};
        memcpy(cut.data, e.data, len);
        cut.data[2] = 0;
        cut.data[3] = (uint8_t)len;
        struct ip_packet q = parsed(&cut);
        assert_int_equal(q.kind, IP_OTHER);
    }
}

static void a_syn_is_answered_by_a_reset_that_acknowledges_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct made m = make(cases[i].proto, cases[i].from, cases[i].to, 0), r;
        struct ip_packet p = parsed(&m);
        r.len = ip_make_reset(r.data, &p);
        assert_int_equal(r.len > 0, cases[i].is == NAT_TCP);
        if (r.len == 0)
            continue;
        check_sums(r.data, r.len);
        struct ip_packet reset = parsed(&r);
        struct made none;
        assert_true(addr_equal(&reset.seen.from, &p.seen.to));
        assert_true(addr_equal(&reset.seen.to, &p.seen.from));
        assert_int_equal(reset.seen.tcp_flags, NAT_TCP_RST | NAT_TCP_ACK);
        assert_memory_equal(r.data + reset.transport + 8, "\1\2\3\5", 4); /* one more */
        assert_int_equal(ip_make_reset(none.data, &reset), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_ports_and_hops_are_read),
        cmocka_unit_test(a_packet_cut_short_anywhere_is_refused),
        cmocka_unit_test(pieces_and_extension_headers_are_not_supported),
        cmocka_unit_test(another_protocol_has_addresses_alone),
        cmocka_unit_test(new_addresses_keep_every_sum_right),
        cmocka_unit_test(a_udp_packet_without_a_sum_gets_none),
        cmocka_unit_test(a_sum_that_becomes_zero_is_sent_as_ones),
        cmocka_unit_test(addresses_of_the_other_family_change_nothing),
        cmocka_unit_test(an_error_quotes_the_packet_and_is_read_as_being_about_it),
        cmocka_unit_test(an_error_gets_new_addresses_outside_and_inside),
        cmocka_unit_test(nobody_complains_about_a_complaint_or_to_many),
        cmocka_unit_test(an_error_cut_short_is_about_nothing),
        cmocka_unit_test(a_syn_is_answered_by_a_reset_that_acknowledges_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
