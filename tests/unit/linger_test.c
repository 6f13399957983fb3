/* Refused streams and measured ones, with a fake pipe and a virtual clock. */
#include "gateway/node/linger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/measure.h"
#include "tests/support/fake_env.h"
#include "tests/support/local_world.h"

struct harness {
    struct fake_env fake;
    struct fake_pipe pipe;
    struct list all;
    unsigned count;
};

static int build(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    fake_env_init(&h->fake);
    fake_pipe_init(&h->pipe);
    list_init(&h->all);
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    fake_env_deinit(&h->fake);
    free(h);
    return 0;
}

static void refuse(struct harness *h)
{
    linger_refuse(&h->fake.env, &h->all, &h->pipe.pipe, PREAMBLE_DENIED, "denied");
}

static void tells_the_reason_and_waits_for_the_other_end(void **state)
{
    struct harness *h = *state;
    struct preamble_answer answer;

    refuse(h);
    assert_true(preamble_answer_read(&answer, h->pipe.sent, h->pipe.sent_len) > 0);
    assert_int_equal(answer.status, PREAMBLE_DENIED);
    assert_string_equal(answer.reason, "denied");
    assert_true(h->pipe.finished);
    fake_pipe_say(&h->pipe, "bytes that nobody wants");
    assert_int_equal(h->pipe.coming_len, 0);
    assert_false(fake_pipe_is_over(&h->pipe));
    fake_pipe_end(&h->pipe);
    assert_true(h->pipe.closed);
}

static void waits_five_seconds_at_most(void **state)
{
    struct harness *h = *state;

    refuse(h);
    fake_env_advance(&h->fake, MSEC(4999));
    assert_false(fake_pipe_is_over(&h->pipe));
    fake_env_advance(&h->fake, MSEC(1));
    assert_true(fake_pipe_is_over(&h->pipe));
}

static void ends_with_the_other_sides_reset_and_with_the_gateway(void **state)
{
    struct harness *h = *state;

    refuse(h);
    fake_pipe_break(&h->pipe, PIPE_RESET_SESSION_LOST);
    assert_true(fake_pipe_is_over(&h->pipe));
    fake_pipe_init(&h->pipe);
    refuse(h);
    linger_end(&h->all);
    assert_true(fake_pipe_is_over(&h->pipe));
}

static void measure_swallows_and_sends_what_was_asked_for(void **state)
{
    struct harness *h = *state;
    static const uint8_t ASK[] = {0, 0, 0, 0, 0, 0, 3, 232}; /* 1000 */

    h->pipe.window = 500;
    measure_serve(&h->all, &h->count, &h->pipe.pipe);
    for (size_t i = 0; i < sizeof(ASK); i++)
        fake_pipe_send(&h->pipe, &ASK[i], 1);
    assert_int_equal(h->pipe.sent_len, 500);
    h->pipe.window = FAKE_PIPE_BUFFER;
    fake_pipe_take(&h->pipe);
    assert_int_equal(h->pipe.sent_len, 1000 - 498); /* 2 bytes were the answer */
    assert_true(h->pipe.finished);
    fake_pipe_say(&h->pipe, "counted, not kept");
    assert_int_equal(h->pipe.coming_len, 0);
    assert_int_equal(h->count, 1);
    fake_pipe_end(&h->pipe);
    assert_int_equal(h->count, 0);
    assert_true(h->pipe.closed);
}

static void measure_ends_when_nothing_was_asked(void **state)
{
    struct harness *h = *state;

    measure_serve(&h->all, &h->count, &h->pipe.pipe);
    fake_pipe_end(&h->pipe);
    assert_int_equal(h->count, 0);
}

static void measure_is_bounded(void **state)
{
    struct harness *h = *state;

    h->count = MEASURE_MAX;
    measure_serve(&h->all, &h->count, &h->pipe.pipe);
    assert_true(h->pipe.reset);
    assert_int_equal(h->pipe.why, PIPE_RESET_LIMIT);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(tells_the_reason_and_waits_for_the_other_end),
        SENTENCE(waits_five_seconds_at_most),
        SENTENCE(ends_with_the_other_sides_reset_and_with_the_gateway),
        SENTENCE(measure_swallows_and_sends_what_was_asked_for),
        SENTENCE(measure_ends_when_nothing_was_asked),
        SENTENCE(measure_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
