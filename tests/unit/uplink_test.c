/* How much leaves in all, and what of it is spared for others. */
#include "gateway/node/uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define RATE 1000000

/* Sends 1200-byte packets for so long as there is room; returns how many bytes those were. */
static uint64_t flood(struct uplink *u, instant from, instant until)
{
    uint64_t sent = 0;

    for (instant now = from; now < until; now += MSEC(1))
        while (!uplink_is_full(u, now)) {
            uplink_sent(u, now, 1200, 1200);
            sent += 1200;
        }
    return sent;
}

static void without_a_limit_it_is_never_full(void **state)
{
    struct uplink u;
    (void)state;
    uplink_init(&u, 0);
    assert_false(uplink_is_limited(&u));
    assert_false(uplink_is_full(&u, SEC(1)));
    assert_false(uplink_spares(&u, SEC(1)));
    assert_int_equal(uplink_piece(0), 0);
}

static void keeps_to_its_rate_with_the_headers_counted(void **state)
{
    struct uplink u;
    (void)state;
    uplink_init(&u, RATE);
    (void)flood(&u, SEC(1), SEC(2));
    uint64_t sent = flood(&u, SEC(2), SEC(12));
    assert_in_range(sent * 1228 / 1200, 10 * RATE - 2000, 10 * RATE + 2000);
}

static void says_when_there_is_room_again(void **state)
{
    struct uplink u;
    (void)state;
    uplink_init(&u, RATE);
    (void)flood(&u, SEC(1), SEC(1) + 1);
    instant ready = uplink_ready(&u, SEC(1));
    assert_true(ready > SEC(1));
    assert_true(uplink_is_full(&u, ready - 1));
    assert_false(uplink_is_full(&u, ready));
}

static void spares_a_sixteenth(void **state)
{
    struct uplink u;
    uint64_t sent = 0;
    (void)state;
    uplink_init(&u, 16 * RATE);
    for (instant now = SEC(1); now < SEC(11); now += MSEC(1)) {
        for (; uplink_spares(&u, now); sent += 1200)
            uplink_sent_spared(&u, now, 1200);
        if (now < SEC(2))
            sent = 0;
    }
    assert_in_range(sent, 9 * RATE - 2000, 9 * RATE + 2000);
}

static void pieces_are_two_packets_at_least(void **state)
{
    (void)state;
    assert_int_equal(uplink_piece(1), 3000);
    assert_int_equal(uplink_piece(100000000), 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_it_is_never_full),
        cmocka_unit_test(keeps_to_its_rate_with_the_headers_counted),
        cmocka_unit_test(says_when_there_is_room_again),
        cmocka_unit_test(spares_a_sixteenth),
        cmocka_unit_test(pieces_are_two_packets_at_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
