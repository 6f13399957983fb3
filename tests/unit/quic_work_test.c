/* What nobody waits for travels with what somebody does. */
#include "gateway/transport/quic_work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

#define AT_ONCE (QUIC_PATIENCE / 2) /* the pacer may want some of it */

static struct quic_link link;

static int setup(void **state)
{
    (void)state;
    link_init(&link, 1, NULL);
    link.delay = MSEC(20);
    link_connect(&link);
    link_run(&link, SEC(5));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    link_deinit(&link);
    return 0;
}

static uint64_t sent(void)
{
    return link.side[0].sent_packets;
}

/* How many packets leave now. */
static uint64_t leave(void)
{
    uint64_t before = sent();
    link_flush(&link, 0);
    return sent() - before;
}

/* The same within so much time. */
static uint64_t leave_within(instant time)
{
    uint64_t before = sent();
    link_run(&link, time);
    return sent() - before;
}

static struct pipe *open_pipe(void)
{
    struct pipe *pipe;
    assert_int_equal(quic_open_stream(link.side[0].conn, &pipe), 0);
    return pipe;
}

static void put(struct pipe *pipe, const char *text, bool patient)
{
    struct iovec area[2];
    pipe_set_patient(pipe, patient);
    assert_true(pipe->ops->reserve(pipe, area) > 0);
    assert_true(area[0].iov_len >= strlen(text));
    memcpy(area[0].iov_base, text, strlen(text));
    pipe->ops->commit(pipe, strlen(text));
    pipe_set_patient(pipe, false);
}

/* A packet has just left. */
static struct pipe *busy(void)
{
    struct pipe *pipe = open_pipe();
    put(pipe, "x", false);
    assert_int_equal(leave(), 1);
    return pipe;
}

static void a_session_at_rest_delays_nothing(void **state)
{
    (void)state;
    struct pipe *pipe = open_pipe();
    put(pipe, "x", true);
    assert_int_equal(leave(), 1);
    link_run(&link, QUIC_PATIENCE);
    pipe->ops->finish(pipe);
    assert_int_equal(leave_within(1), 1);
    pipe->ops->close(pipe);
}

static void what_nobody_waits_for_leaves_half_a_millisecond_after_the_last_packet(void **state)
{
    (void)state;
    struct pipe *pipe = busy();
    pipe->ops->finish(pipe);
    assert_int_equal(leave(), 0);
    assert_int_equal(leave_within(QUIC_PATIENCE - 1), 0);
    assert_int_equal(leave_within(2), 1);
    pipe->ops->close(pipe);
}

static void it_goes_with_data_that_cannot_wait(void **state)
{
    (void)state;
    struct pipe *old = busy(), *new = open_pipe();
    old->ops->finish(old);
    put(new, "what is wanted", true);
    assert_int_equal(leave(), 0);
    put(new, "data", false);
    assert_int_equal(leave_within(AT_ONCE), 1);
    assert_int_equal(leave_within(MSEC(15)), 0);
    link_run(&link, MSEC(15));
    assert_int_equal(link.side[1].streams, 2);
    old->ops->close(old);
    new->ops->close(new);
}

static void an_end_behind_data_goes_with_it(void **state)
{
    (void)state;
    struct pipe *pipe = busy();
    put(pipe, "last words", false);
    pipe->ops->finish(pipe);
    assert_int_equal(leave_within(AT_ONCE), 1);
    assert_int_equal(leave_within(MSEC(15)), 0);
    pipe->ops->close(pipe);
}

static void an_acknowledgement_waits_for_company(void **state)
{
    (void)state;
    link.side[0].mode = LINK_HOLD;
    (void)link_open(&link, 1, 1, false);
    link_flush(&link, 1);
    link_run(&link, link.delay - QUIC_PATIENCE / 2);
    struct pipe *pipe = busy();
    uint64_t before = sent();
    link_run(&link, QUIC_PATIENCE);
    assert_int_equal(link.side[0].streams, 1); /* it has come */
    assert_int_equal(sent(), before);
    pipe->ops->reset(pipe, PIPE_RESET_ABORTED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_session_at_rest_delays_nothing),
        TEST(what_nobody_waits_for_leaves_half_a_millisecond_after_the_last_packet),
        TEST(it_goes_with_data_that_cannot_wait),
        TEST(an_end_behind_data_goes_with_it),
        TEST(an_acknowledgement_waits_for_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
