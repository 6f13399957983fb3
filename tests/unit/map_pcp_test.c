/* PCP under a virtual clock, byte by byte as RFC 6887 writes it. */
#include "gateway/nat/map_pcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t NONCE[MAP_PCP_NONCE_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

/* 192.168.7.2:4433 asks; 203.0.113.7:40000 for 3600 s, the router up for 0x0e10 s. */
static const uint8_t REQUEST[60] = {
    2,    1,    0,    0,    0, 0, 0x1c, 0x20, 0, 0, 0, 0, 0, 0,  0,    0,    0,  0, 0xff, 0xff,
    192,  168,  7,    2,    1, 2, 3,    4,    5, 6, 7, 8, 9, 10, 11,   12,   17, 0, 0,    0,
    0x11, 0x51, 0x11, 0x51, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0,  0xff, 0xff, 0,  0, 0,    0};
static const uint8_t ANSWER[60] = {
    2,    0x81, 0,    0,    0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0,  0,    0,    0,   0, 0,   0,
    0,    0,    0,    0,    1, 2, 3,    4,    5, 6, 7,    8,    9, 10, 11,   12,   17,  0, 0,   0,
    0x11, 0x51, 0x9c, 0x40, 0, 0, 0,    0,    0, 0, 0,    0,    0, 0,  0xff, 0xff, 203, 0, 113, 7};

static const struct exchange_ops *const ops = &map_pcp_ops;
static uint8_t out[EXCHANGE_MAX_DATAGRAM];

static struct map_pcp idle(const char *local)
{
    struct map_pcp p;
    struct addr a;
    assert_int_equal(addr_parse(&a, local), 0);
    map_pcp_init(&p, &a, NONCE);
    return p;
}

static struct map_pcp asking(uint32_t lifetime_s)
{
    struct map_pcp p = idle("192.168.7.2:4433");
    map_pcp_ask(&p, 0, lifetime_s);
    assert_int_equal(ops->output(&p, 0, out), 60);
    return p;
}

static struct map_pcp granted(void)
{
    struct map_pcp p = asking(MAPPING_LIFETIME_S);
    assert_int_equal(ops->input(&p, 0, ANSWER, sizeof(ANSWER)), 0);
    assert_int_equal(p.mapping.state, MAPPING_GRANTED);
    return p;
}

static void says_nothing_until_it_is_told_to_ask(void **state)
{
    (void)state;
    struct map_pcp p = idle("192.168.7.2:4433");

    assert_int_equal(ops->deadline(&p), INSTANT_NEVER);
    assert_int_equal(ops->output(&p, SEC(1), out), 0);
    assert_int_equal(ops->input(&p, 0, ANSWER, sizeof(ANSWER)), -EBADMSG);
}

static void asks_for_its_own_port_by_udp(void **state)
{
    (void)state;
    struct map_pcp p = asking(MAPPING_LIFETIME_S);

    assert_memory_equal(out, REQUEST, sizeof(REQUEST));
    assert_int_equal(ops->output(&p, 0, out), 0);
    assert_int_equal(ops->deadline(&p), MSEC(250));
}

static void doubles_its_wait_and_is_silent_after_nine(void **state)
{
    (void)state;
    struct map_pcp p = asking(MAPPING_LIFETIME_S);
    instant now = 0;

    for (instant wait = MSEC(250); wait <= SEC(64); wait *= 2) {
        assert_int_equal(ops->output(&p, now + wait - 1, out), 0);
        assert_int_equal(p.mapping.state, MAPPING_ASKING);
        now += wait;
        (void)ops->output(&p, now, out);
    }
    assert_int_equal(p.sent, 9);
    assert_int_equal(p.mapping.state, MAPPING_SILENT);
    assert_int_equal(ops->deadline(&p), INSTANT_NEVER);
}

static void takes_the_port_that_it_is_given(void **state)
{
    (void)state;
    char text[ADDR_TEXT_MAX];
    struct map_pcp p = granted();

    assert_string_equal(addr_print(&p.mapping.external, text), "203.0.113.7:40000");
    assert_int_equal(p.mapping.lifetime_s, 3600);
    assert_int_equal(ops->deadline(&p), INSTANT_NEVER);
    assert_int_equal(ops->input(&p, 0, ANSWER, sizeof(ANSWER)), -EBADMSG);
}

static void renews_what_it_has_with_the_same_nonce(void **state)
{
    (void)state;
    struct map_pcp p = granted();

    map_pcp_ask(&p, SEC(1800), MAPPING_LIFETIME_S);
    assert_int_equal(ops->output(&p, SEC(1800), out), 60);
    assert_memory_equal(out + 24, NONCE, sizeof(NONCE));
    assert_memory_equal(out + 42, ANSWER + 42, 18); /* the port and address that it had */
}

static void deletes_with_lifetime_and_suggestion_zero(void **state)
{
    (void)state;
    struct map_pcp p = granted();
    uint8_t gone[60];

    map_pcp_ask(&p, 0, 0);
    assert_int_equal(ops->output(&p, 0, out), 60);
    assert_memory_equal(out + 4, "\0\0\0\0", 4);
    assert_memory_equal(out + 42, "\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0\0\0", 18);
    memcpy(gone, ANSWER, sizeof(gone));
    memset(gone + 4, 0, 4);
    assert_int_equal(ops->input(&p, 0, gone, sizeof(gone)), 0);
    assert_int_equal(p.mapping.state, MAPPING_DELETED);
}

static void opens_a_port_of_an_ipv6_firewall(void **state)
{
    (void)state;
    struct map_pcp p = idle("[2001:db8::7]:4433");
    uint8_t answer[60];
    char text[ADDR_TEXT_MAX];

    map_pcp_ask(&p, 0, 7200);
    assert_int_equal(ops->output(&p, 0, out), 60);
    assert_memory_equal(out + 8, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
    assert_memory_equal(out + 44, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    memcpy(answer, ANSWER, sizeof(answer));
    memcpy(answer + 44, out + 8, 16);
    assert_int_equal(ops->input(&p, 0, answer, sizeof(answer)), 0);
    assert_string_equal(addr_print(&p.mapping.external, text), "[2001:db8::7]:40000");
}

static void ignores_what_is_cut_short(void **state)
{
    (void)state;
    struct map_pcp p = asking(MAPPING_LIFETIME_S);

    for (size_t len = 0; len < sizeof(ANSWER); len++)
        assert_int_equal(ops->input(&p, 0, ANSWER, len), -EBADMSG);
    assert_int_equal(p.mapping.state, MAPPING_ASKING);
}

static void ignores_what_is_for_somebody_else(void **state)
{
    (void)state;
    /* version, opcode, nonce (first and last byte), protocol, port inside */
    static const size_t AT[] = {0, 1, 24, 35, 36, 41};
    struct map_pcp p = asking(MAPPING_LIFETIME_S);

    for (size_t i = 0; i < sizeof(AT) / sizeof(AT[0]); i++) {
        uint8_t other[60];
        memcpy(other, ANSWER, sizeof(other));
        other[AT[i]] ^= 1;
        assert_int_equal(ops->input(&p, 0, other, sizeof(other)), -EBADMSG);
    }
    assert_int_equal(ops->input(&p, 0, REQUEST, sizeof(REQUEST)), -EBADMSG);
    assert_int_equal(p.mapping.state, MAPPING_ASKING);
}

static void keeps_the_code_of_a_refusal(void **state)
{
    (void)state;
    struct map_pcp p = asking(MAPPING_LIFETIME_S);
    uint8_t no[60];

    memcpy(no, ANSWER, sizeof(no));
    no[3] = MAP_PCP_NOT_AUTHORIZED;
    assert_int_equal(ops->input(&p, 0, no, sizeof(no)), 0);
    assert_int_equal(p.mapping.state, MAPPING_REFUSED);
    assert_int_equal(p.mapping.code, 2);
}

static void understands_a_router_that_has_another_version(void **state)
{
    (void)state;
    static const uint8_t NATPMP[8] = {0, 129, 0, 1, 0, 0, 0, 9};
    uint8_t newer[24] = {3, 0x81, 0, 1};
    struct map_pcp p = asking(MAPPING_LIFETIME_S);

    assert_int_equal(ops->input(&p, 0, NATPMP, sizeof(NATPMP)), 0);
    assert_int_equal(p.mapping.code, MAP_PCP_UNSUPPORTED_VERSION);
    p = asking(MAPPING_LIFETIME_S);
    assert_int_equal(ops->input(&p, 0, newer, sizeof(newer)), 0);
    assert_int_equal(p.mapping.state, MAPPING_REFUSED);
}

static void does_not_take_what_leads_nowhere(void **state)
{
    (void)state;
    struct map_pcp p = asking(MAPPING_LIFETIME_S);
    uint8_t bad[60];

    memcpy(bad, ANSWER, sizeof(bad));
    memset(bad + 56, 0, 4); /* 0.0.0.0 */
    assert_int_equal(ops->input(&p, 0, bad, sizeof(bad)), 0);
    assert_int_equal(p.mapping.state, MAPPING_REFUSED);

    p = asking(MAPPING_LIFETIME_S);
    memcpy(bad, ANSWER, sizeof(bad));
    memset(bad + 4, 0, 3); /* lifetime: 16 s */
    assert_int_equal(ops->input(&p, 0, bad, sizeof(bad)), 0);
    assert_int_equal(p.mapping.state, MAPPING_REFUSED);
}

static void measures_announcements_by_the_last_answer(void **state)
{
    (void)state;
    uint8_t announcement[24] = {2, 0x80, [8] = 0, 0, 0, 3};
    uint8_t again[60];
    struct map_pcp p = granted();

    assert_false(map_pcp_announced(&p, SEC(5), ANSWER, sizeof(ANSWER)));
    for (size_t len = 0; len < sizeof(announcement); len++)
        assert_false(map_pcp_announced(&p, SEC(5), announcement, len));
    assert_true(map_pcp_announced(&p, SEC(5), announcement, sizeof(announcement)));
    assert_false(map_pcp_announced(&p, SEC(5), announcement, sizeof(announcement)));

    p = granted();
    map_pcp_ask(&p, SEC(60), MAPPING_LIFETIME_S);
    memcpy(again, ANSWER, sizeof(again));
    memset(again + 8, 0, 4);
    assert_int_equal(ops->input(&p, SEC(60), again, sizeof(again)), 0);
    announcement[11] = 2; /* it counts on from that answer, and then begins anew */
    assert_false(map_pcp_announced(&p, SEC(62), announcement, sizeof(announcement)));
    announcement[11] = 0;
    assert_true(map_pcp_announced(&p, SEC(70), announcement, sizeof(announcement)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_nothing_until_it_is_told_to_ask),
        cmocka_unit_test(asks_for_its_own_port_by_udp),
        cmocka_unit_test(doubles_its_wait_and_is_silent_after_nine),
        cmocka_unit_test(takes_the_port_that_it_is_given),
        cmocka_unit_test(renews_what_it_has_with_the_same_nonce),
        cmocka_unit_test(deletes_with_lifetime_and_suggestion_zero),
        cmocka_unit_test(opens_a_port_of_an_ipv6_firewall),
        cmocka_unit_test(ignores_what_is_cut_short),
        cmocka_unit_test(ignores_what_is_for_somebody_else),
        cmocka_unit_test(keeps_the_code_of_a_refusal),
        cmocka_unit_test(understands_a_router_that_has_another_version),
        cmocka_unit_test(does_not_take_what_leads_nowhere),
        cmocka_unit_test(measures_announcements_by_the_last_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
