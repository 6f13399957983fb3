/* NAT-PMP under a virtual clock: address, then port. */
#include "gateway/nat/map_natpmp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ADDRESS[12] = {0, 128, 0, 0, 0, 0, 14, 16, 203, 0, 113, 7};
/* port 4433 inside, 40000 outside, for 3600 s */
static const uint8_t PORT[16] = {0, 129, 0, 0, 0, 0, 14, 16, 0x11, 0x51, 0x9c, 0x40, 0, 0, 14, 16};

static const struct exchange_ops *const ops = &map_natpmp_ops;
static uint8_t out[EXCHANGE_MAX_DATAGRAM];

static struct map_natpmp asking(void)
{
    struct map_natpmp m;
    map_natpmp_init(&m, 4433);
    assert_int_equal(ops->deadline(&m), INSTANT_NEVER);
    map_natpmp_ask(&m, 0, MAPPING_LIFETIME_S);
    assert_int_equal(ops->output(&m, 0, out), 2);
    return m;
}

static struct map_natpmp with_address(void)
{
    struct map_natpmp m = asking();
    assert_int_equal(ops->input(&m, 0, ADDRESS, sizeof(ADDRESS)), 0);
    assert_int_equal(ops->deadline(&m), 0);
    assert_int_equal(ops->output(&m, 0, out), 12);
    return m;
}

static struct map_natpmp granted(void)
{
    struct map_natpmp m = with_address();
    assert_int_equal(ops->input(&m, 0, PORT, sizeof(PORT)), 0);
    assert_int_equal(m.mapping.state, MAPPING_GRANTED);
    return m;
}

static void asks_for_the_port_once_it_knows_the_address(void **state)
{
    (void)state;
    static const uint8_t REQUEST[12] = {0, 1, 0, 0, 0x11, 0x51, 0x11, 0x51, 0, 0, 0x1c, 0x20};
    struct map_natpmp m = with_address();

    assert_memory_equal(out, REQUEST, sizeof(REQUEST));
    assert_int_equal(ops->output(&m, 0, out), 0);
    assert_int_equal(ops->deadline(&m), MSEC(250));
}

static void takes_the_port_that_it_is_given(void **state)
{
    (void)state;
    char text[ADDR_TEXT_MAX];
    struct map_natpmp m = granted();

    assert_string_equal(addr_print(&m.mapping.external, text), "203.0.113.7:40000");
    assert_int_equal(m.mapping.lifetime_s, 3600);
    assert_int_equal(ops->deadline(&m), INSTANT_NEVER);
}

static void is_silent_when_either_question_is_not_answered(void **state)
{
    (void)state;
    struct map_natpmp m = asking();

    while (m.mapping.state == MAPPING_ASKING)
        (void)ops->output(&m, ops->deadline(&m), out);
    assert_int_equal(m.mapping.state, MAPPING_SILENT);
    assert_int_equal(m.probe.sent, 9);

    m = with_address();
    while (m.mapping.state == MAPPING_ASKING)
        (void)ops->output(&m, ops->deadline(&m), out);
    assert_int_equal(m.mapping.state, MAPPING_SILENT);
    assert_int_equal(m.sent, 9);
}

static void deletes_without_asking_for_the_address(void **state)
{
    (void)state;
    static const uint8_t REQUEST[12] = {0, 1, 0, 0, 0x11, 0x51};
    static const uint8_t GONE[16] = {0, 129, 0, 0, 0, 0, 14, 16, 0x11, 0x51};
    struct map_natpmp m = granted();

    map_natpmp_ask(&m, 0, 0);
    assert_int_equal(ops->output(&m, 0, out), 12);
    assert_memory_equal(out, REQUEST, sizeof(REQUEST));
    assert_int_equal(ops->input(&m, 0, GONE, sizeof(GONE)), 0);
    assert_int_equal(m.mapping.state, MAPPING_DELETED);
}

static void keeps_the_code_of_a_refusal(void **state)
{
    (void)state;
    static const uint8_t NO_ADDRESS[8] = {0, 128, 0, 3}, NO_PORT[8] = {0, 129, 0, 4};
    struct map_natpmp m = asking();

    assert_int_equal(ops->input(&m, 0, NO_ADDRESS, sizeof(NO_ADDRESS)), 0);
    assert_int_equal(m.mapping.state, MAPPING_REFUSED);
    assert_int_equal(m.mapping.code, 3);
    m = with_address();
    assert_int_equal(ops->input(&m, 0, NO_PORT, sizeof(NO_PORT)), 0);
    assert_int_equal(m.mapping.code, 4);
}

static void ignores_what_is_cut_short_or_for_another_question(void **state)
{
    (void)state;
    struct map_natpmp m = asking();
    uint8_t other[16];

    assert_int_equal(ops->input(&m, 0, PORT, sizeof(PORT)), -EBADMSG);
    for (size_t len = 0; len < sizeof(ADDRESS); len++)
        assert_int_equal(ops->input(&m, 0, ADDRESS, len), -EBADMSG);
    m = with_address();
    assert_int_equal(ops->input(&m, 0, ADDRESS, sizeof(ADDRESS)), -EBADMSG);
    for (size_t len = 0; len < sizeof(PORT); len++)
        assert_int_equal(ops->input(&m, 0, PORT, len), -EBADMSG);
    memcpy(other, PORT, sizeof(other));
    other[9] ^= 1; /* another port inside */
    assert_int_equal(ops->input(&m, 0, other, sizeof(other)), -EBADMSG);
    other[0] = 2;
    assert_int_equal(ops->input(&m, 0, other, sizeof(other)), -EBADMSG);
    assert_int_equal(m.mapping.state, MAPPING_ASKING);
}

static void does_not_take_what_leads_nowhere(void **state)
{
    (void)state;
    uint8_t bad[16];

    for (size_t at = 10; at <= 12; at += 2) { /* port outside, lifetime */
        struct map_natpmp m = with_address();
        memcpy(bad, PORT, sizeof(bad));
        memset(bad + at, 0, at == 10 ? 2 : 4);
        assert_int_equal(ops->input(&m, 0, bad, sizeof(bad)), 0);
        assert_int_equal(m.mapping.state, MAPPING_REFUSED);
    }
}

static void hears_of_a_restart_and_of_another_address(void **state)
{
    (void)state;
    uint8_t announcement[12];
    struct map_natpmp m = granted();

    memcpy(announcement, ADDRESS, sizeof(announcement));
    assert_false(map_natpmp_announced(&m, SEC(1), announcement, sizeof(announcement)));
    announcement[11]++;
    assert_true(map_natpmp_announced(&m, SEC(2), announcement, sizeof(announcement)));
    announcement[11]--;
    memset(announcement + 4, 0, 4);
    for (size_t len = 0; len < sizeof(announcement); len++)
        assert_false(map_natpmp_announced(&m, SEC(5), announcement, len));
    assert_true(map_natpmp_announced(&m, SEC(5), announcement, sizeof(announcement)));
    assert_false(map_natpmp_announced(&m, SEC(5), PORT, sizeof(PORT)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_the_port_once_it_knows_the_address),
        cmocka_unit_test(takes_the_port_that_it_is_given),
        cmocka_unit_test(is_silent_when_either_question_is_not_answered),
        cmocka_unit_test(deletes_without_asking_for_the_address),
        cmocka_unit_test(keeps_the_code_of_a_refusal),
        cmocka_unit_test(ignores_what_is_cut_short_or_for_another_question),
        cmocka_unit_test(does_not_take_what_leads_nowhere),
        cmocka_unit_test(hears_of_a_restart_and_of_another_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
