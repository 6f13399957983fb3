/* Round-trip times: the last sixty samples of those who were seen last. */
#include "config/control/rtt_history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct rtt_history history;
static uint32_t at[RTT_SAMPLES];

static int set_up(void **state)
{
    (void)state;
    memset(&history, 0, sizeof(history));
    return 0;
}

static struct peer_id peer(unsigned n)
{
    struct peer_id id = {{(uint8_t)n, (uint8_t)(n >> 8), 1}};
    return id;
}

static void sample(unsigned n, instant rtt)
{
    const struct peer_id id = peer(n);
    rtt_history_turn(&history);
    if (rtt > 0)
        rtt_history_add(&history, &id, rtt);
}

static size_t read_of(unsigned n)
{
    const struct peer_id id = peer(n);
    return rtt_history_read(&history, &id, at);
}

static void keeps_samples_in_order_and_gaps(void **state)
{
    (void)state;
    assert_int_equal(read_of(1), 0);
    sample(1, MSEC(10));
    sample(1, 0);
    sample(1, MSEC(30));
    assert_int_equal(read_of(1), 3);
    assert_int_equal(at[0], 10000);
    assert_int_equal(at[1], 0);
    assert_int_equal(at[2], 30000);
    assert_int_equal(read_of(2), 0);
}

static void the_oldest_are_forgotten(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= RTT_SAMPLES + 5; i++)
        sample(1, MSEC(i));
    assert_int_equal(read_of(1), RTT_SAMPLES);
    assert_int_equal(at[0], 6000);
    assert_int_equal(at[RTT_SAMPLES - 1], (RTT_SAMPLES + 5) * 1000);
    for (int i = 0; i < RTT_SAMPLES - 1; i++)
        sample(1, 0);
    assert_false(rtt_history_is_empty(&history));
    assert_int_equal(read_of(1), RTT_SAMPLES);
    sample(1, 0);
    assert_true(rtt_history_is_empty(&history));
    assert_int_equal(read_of(1), 0);
}

static void who_was_seen_last_stays(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RTT_PEERS_MAX; i++)
        sample(i, MSEC(1));
    sample(0, MSEC(2)); /* seen again: now 1 is the oldest, and 67 of them are too old anyway */
    sample(1000, MSEC(3));
    assert_int_equal(read_of(1000), RTT_SAMPLES);
    assert_int_equal(at[RTT_SAMPLES - 1], 3000);
    assert_true(read_of(0) > 0);
    assert_true(read_of(RTT_PEERS_MAX - 1) > 0);
}

static void one_sample_holds_so_many_peers_and_no_more(void **state)
{
    (void)state;
    rtt_history_turn(&history);
    for (unsigned i = 0; i <= RTT_PEERS_MAX; i++) {
        const struct peer_id id = peer(i);
        rtt_history_add(&history, &id, MSEC(1));
    }
    assert_int_equal(read_of(RTT_PEERS_MAX - 1), 1);
    assert_int_equal(read_of(RTT_PEERS_MAX), 0);
}

static void no_time_is_too_long_to_be_kept(void **state)
{
    (void)state;
    sample(1, SEC(10000));
    assert_int_equal(read_of(1), 1);
    assert_int_equal(at[0], UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keeps_samples_in_order_and_gaps, set_up),
        cmocka_unit_test_setup(the_oldest_are_forgotten, set_up),
        cmocka_unit_test_setup(who_was_seen_last_stays, set_up),
        cmocka_unit_test_setup(one_sample_holds_so_many_peers_and_no_more, set_up),
        cmocka_unit_test_setup(no_time_is_too_long_to_be_kept, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
