/* The test is both ends: the local program at the socket and the far side at the pipe. */
#include "adapters/pump.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/local_world.h"

static struct world world;
static struct fake_pipe far;
static struct sock *sock;
static struct pump pump;
static unsigned ends, refusals;
static size_t moved_out, moved_in;
static struct preamble_answer answer;
static int answer_err;

static void on_end(struct pump *p)
{
    assert_ptr_equal(p, &pump);
    ends++;
}

static void on_refused(struct pump *p, const struct preamble_answer *a)
{
    (void)p;
    assert_int_equal(a->status, PREAMBLE_DENIED);
    refusals++;
}

static void on_moved(struct pump *p, size_t to_far, size_t from_far)
{
    (void)p;
    moved_out += to_far;
    moved_in += from_far;
}

static const struct pump_handler handler = {on_end, on_refused, on_moved};

static int take_answer(struct pipe *p, struct preamble_answer *out)
{
    (void)p;
    *out = answer;
    return answer_err;
}

static struct pump_options options(void)
{
    return (struct pump_options){
        .env = &world.env, .sock = sock, .pipe = &far.pipe, .handler = &handler};
}

static void start(const struct pump_options *o)
{
    assert_int_equal(pump_start(&pump, o), 0);
    assert_int_equal(ends, 0);
    world_run(&world);
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    fake_pipe_init(&far);
    sock = world_sock(&world);
    ends = refusals = 0;
    moved_out = moved_in = 0;
    answer = (struct preamble_answer){.status = PREAMBLE_OK};
    answer_err = -EAGAIN;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_true(fake_pipe_is_over(&far));
    world_deinit(&world);
    return 0;
}

static void end_both(void)
{
    world_finish(sock);
    fake_pipe_end(&far);
    world_run(&world);
    assert_int_equal(ends, 1);
}

static void carries_bytes_both_ways_and_ends_after_both_ends_of_data(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    world_say(sock, "to the far side");
    assert_string_equal(fake_pipe_heard(&far), "to the far side");
    fake_pipe_say(&far, "and back");
    assert_string_equal(world_heard(sock), "and back");

    world_finish(sock);
    assert_true(far.finished);
    assert_int_equal(ends, 0);
    fake_pipe_say(&far, ", still");
    assert_string_equal(world_heard(sock), "and back, still");
    fake_pipe_end(&far);
    assert_true(sock->closed && far.closed);
    assert_false(sock->finished); /* closing it has said so */
    assert_false(sock->reset);
    assert_int_equal(ends, 1);
    assert_int_equal(moved_out, 15);
    assert_int_equal(moved_in, 15);
}

static void lets_the_far_side_finish_first(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    fake_pipe_say(&far, "bye");
    fake_pipe_end(&far);
    assert_true(sock->finished);
    assert_int_equal(ends, 0);
    world_say(sock, "one more thing");
    assert_string_equal(fake_pipe_heard(&far), "one more thing");
    world_finish(sock);
    assert_int_equal(ends, 1);
    assert_true(far.finished && far.closed && sock->closed);
}

static void costs_one_read_and_one_write_for_a_request(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);
    sock->reads = sock->writes = 0;

    world_say(sock, "GET");
    fake_pipe_say(&far, "200");
    assert_int_equal(sock->reads, 1);
    assert_int_equal(sock->writes, 1);
    end_both();
}

static void reads_an_end_of_data_that_came_with_the_last_bytes(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    sock->client_finished = true;
    world_say(sock, "last words");
    assert_string_equal(fake_pipe_heard(&far), "last words");
    assert_true(far.finished);
    fake_pipe_end(&far);
    assert_int_equal(ends, 1);
}

static void writes_what_was_read_before_in_front(void **state)
{
    (void)state;
    struct pump_options o = options();
    o.first = "first ";
    o.first_len = 6;
    far.window = 4;
    start(&o);
    world_say(sock, "then");

    assert_memory_equal(far.sent, "firs", 4);
    fake_pipe_take(&far);
    world_run(&world);
    assert_memory_equal(far.sent, "t th", 4);
    fake_pipe_take(&far);
    world_run(&world);
    assert_memory_equal(far.sent, "en", 2);
    end_both();
}

static void stops_reading_while_the_pipe_is_full(void **state)
{
    (void)state;
    struct pump_options o = options();
    far.window = 10;
    start(&o);

    world_say(sock, "0123456789abcdef");
    assert_int_equal(far.sent_len, 10);
    assert_int_equal(sock->in_len, 6);
    fake_pipe_take(&far);
    assert_int_equal(sock->in_len, 0);
    assert_memory_equal(far.sent, "abcdef", 6);
    end_both();
}

static void leaves_bytes_in_the_pipe_while_the_socket_is_full(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    sock->room = 3;
    fake_pipe_say(&far, "abcdef");
    assert_int_equal(far.coming_len, 3);
    fake_pipe_say(&far, "gh");
    assert_int_equal(far.coming_len, 5);
    fake_pipe_end(&far);
    assert_false(sock->finished);
    world_make_room(sock, 100);
    assert_string_equal(world_heard(sock), "abcdefgh");
    assert_true(sock->finished);
    world_finish(sock);
    assert_int_equal(ends, 1);
}

static void moves_no_more_than_a_turn_at_once_and_then_goes_on(void **state)
{
    (void)state;
    static uint8_t bulk[WORLD_BUFFER - 1];
    struct pump_options o = options();
    memset(bulk, 'x', sizeof(bulk));
    start(&o);

    memcpy(sock->in, bulk, sizeof(bulk));
    sock->in_len = sizeof(bulk);
    sock->handler->on_ready(sock->arg);
    assert_int_equal(far.sent_len, PUMP_TURN_MAX);
    world_run(&world);
    assert_int_equal(far.sent_len, sizeof(bulk));

    fake_pipe_send(&far, bulk, sizeof(bulk));
    assert_int_equal(sock->out_len, PUMP_TURN_MAX);
    world_run(&world);
    assert_int_equal(sock->out_len, sizeof(bulk));
    end_both();
}

static void hands_a_reset_of_the_client_to_the_far_side(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    world_break(sock, -ECONNRESET);
    assert_int_equal(ends, 1);
    assert_true(far.reset);
    assert_int_equal(far.why, PIPE_RESET_ABORTED);
    assert_true(sock->closed);
}

static void hands_a_reset_of_the_far_side_to_the_client(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    fake_pipe_break(&far, PIPE_RESET_ABORTED);
    assert_int_equal(ends, 1);
    assert_true(sock->reset);
    assert_false(sock->closed);
    assert_true(fake_pipe_is_over(&far));
}

static void resets_the_client_when_the_session_is_lost(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    world_finish(sock);
    fake_pipe_break(&far, PIPE_RESET_SESSION_LOST);
    assert_int_equal(ends, 1);
    assert_true(sock->reset);
}

static void aborts_the_pipe_when_the_client_closed_and_takes_no_more(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    world_finish(sock);
    sock->client_error = -EPIPE;
    fake_pipe_say(&far, "nobody reads this");
    assert_int_equal(ends, 1);
    assert_true(far.reset);
    assert_int_equal(far.why, PIPE_RESET_ABORTED);
}

static void sees_a_client_die_after_its_end_of_data(void **state)
{
    (void)state;
    struct pump_options o = options();
    start(&o);

    world_finish(sock);
    assert_int_equal(ends, 0);
    world_break(sock, -ECONNRESET);
    assert_int_equal(ends, 1);
    assert_true(far.reset);
}

static void sees_a_client_die_while_the_pipe_is_full(void **state)
{
    (void)state;
    struct pump_options o = options();
    far.window = 4;
    start(&o);

    world_say(sock, "far more than there is room for");
    assert_int_equal(far.sent_len, 4);
    assert_int_equal(ends, 0);
    world_break(sock, -ECONNRESET);
    assert_int_equal(ends, 1);
    assert_true(far.reset);
    assert_int_equal(far.why, PIPE_RESET_ABORTED);
}

static void sees_a_client_die_before_what_it_said_first_found_room(void **state)
{
    (void)state;
    struct pump_options o = options();
    o.first = "first";
    o.first_len = 5;
    far.window = 4;
    start(&o);
    world_break(sock, -ECONNRESET);
    assert_int_equal(ends, 1);
    assert_true(far.reset);
}

static void sends_at_once_but_brings_nothing_back_before_the_answer(void **state)
{
    (void)state;
    struct pump_options o = options();
    o.take_answer = take_answer;
    start(&o);

    world_say(sock, "optimistic");
    assert_string_equal(fake_pipe_heard(&far), "optimistic");
    fake_pipe_say(&far, "reply");
    assert_int_equal(sock->out_len, 0);
    answer_err = 0;
    fake_pipe_say(&far, "!");
    assert_string_equal(world_heard(sock), "reply!");
    end_both();
}

static void resets_the_client_when_the_far_side_refuses(void **state)
{
    (void)state;
    struct pump_options o = options();
    o.take_answer = take_answer;
    start(&o);

    answer.status = PREAMBLE_DENIED;
    answer_err = 0;
    fake_pipe_say(&far, "x");
    assert_int_equal(refusals, 1);
    assert_int_equal(ends, 1);
    assert_true(sock->reset);
    assert_true(fake_pipe_is_over(&far));
}

static void resets_the_client_when_the_answer_is_malformed_or_missing(void **state)
{
    (void)state;
    struct pump_options o = options();
    o.take_answer = take_answer;
    start(&o);

    fake_pipe_end(&far);
    assert_int_equal(ends, 1);
    assert_true(sock->reset);
    assert_int_equal(refusals, 0);

    sock = world_sock(&world);
    fake_pipe_init(&far);
    ends = 0;
    o = options();
    o.take_answer = take_answer;
    answer_err = -EBADMSG;
    start(&o);
    assert_int_equal(ends, 1);
    assert_true(sock->reset);
}

/* ---- a filter that stops at '#' ---- */

static bool answered;
static unsigned stops;
static size_t filtered_in;

static size_t outgoing(struct pump *p, const struct iovec *area, int count, size_t len)
{
    size_t at = 0;
    (void)p;
    for (int i = 0; i < count && at < len; i++) {
        for (size_t j = 0; j < area[i].iov_len && at < len; j++, at++) {
            if (((const char *)area[i].iov_base)[j] == '#')
                return at;
        }
    }
    return len;
}

static void incoming(struct pump *p, const struct iovec *area, int count, size_t len)
{
    (void)p, (void)area, (void)count;
    filtered_in += len;
}

static bool may_stop(struct pump *p)
{
    (void)p;
    return answered;
}

static void on_stopped(struct pump *p, struct sock *s)
{
    (void)p;
    stops++;
    sock_close(&world.env, s);
}

static const struct pump_filter filter = {outgoing, incoming, may_stop, on_stopped};

static void passes_what_the_filter_lets_and_hands_the_socket_over_in_time(void **state)
{
    (void)state;
    struct pump_options o = options();
    o.filter = &filter;
    answered = false;
    stops = 0;
    filtered_in = 0;
    start(&o);

    world_say(sock, "good#bad");
    assert_string_equal(fake_pipe_heard(&far), "good");
    assert_true(far.finished);
    world_say(sock, "unread");
    assert_int_equal(sock->in_len, 6);
    assert_int_equal(stops, 0);
    answered = true;
    fake_pipe_say(&far, "answer");
    assert_string_equal(world_heard(sock), "answer");
    assert_int_equal(filtered_in, 6);
    assert_int_equal(stops, 1);
    assert_int_equal(ends, 0);
    assert_true(far.reset);
}

static void hands_the_socket_over_also_when_the_far_side_ends_with_its_answer(void **state)
{
    (void)state;
    struct pump_options o = options();
    o.filter = &filter;
    answered = false;
    stops = 0;
    start(&o);

    world_say(sock, "good#bad");
    answered = true;
    memcpy(far.coming, "answer", 6);
    far.coming_len = 6;
    fake_pipe_end(&far);
    assert_string_equal(world_heard(sock), "answer");
    assert_int_equal(stops, 1);
    assert_false(sock->finished); /* there is something to say yet */
}

static void is_small_enough_for_ten_thousand(void **state)
{
    (void)state;
    assert_true(sizeof(struct pump) <= 200);
    struct pump_options o = options();
    start(&o);
    pump_abort(&pump);
    assert_int_equal(ends, 0);
    assert_true(sock->reset && far.reset);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_bytes_both_ways_and_ends_after_both_ends_of_data),
        TEST(lets_the_far_side_finish_first),
        TEST(costs_one_read_and_one_write_for_a_request),
        TEST(reads_an_end_of_data_that_came_with_the_last_bytes),
        TEST(writes_what_was_read_before_in_front),
        TEST(stops_reading_while_the_pipe_is_full),
        TEST(leaves_bytes_in_the_pipe_while_the_socket_is_full),
        TEST(moves_no_more_than_a_turn_at_once_and_then_goes_on),
        TEST(hands_a_reset_of_the_client_to_the_far_side),
        TEST(hands_a_reset_of_the_far_side_to_the_client),
        TEST(resets_the_client_when_the_session_is_lost),
        TEST(aborts_the_pipe_when_the_client_closed_and_takes_no_more),
        TEST(sees_a_client_die_after_its_end_of_data),
        TEST(sees_a_client_die_while_the_pipe_is_full),
        TEST(sees_a_client_die_before_what_it_said_first_found_room),
        TEST(sends_at_once_but_brings_nothing_back_before_the_answer),
        TEST(resets_the_client_when_the_far_side_refuses),
        TEST(resets_the_client_when_the_answer_is_malformed_or_missing),
        TEST(passes_what_the_filter_lets_and_hands_the_socket_over_in_time),
        TEST(hands_the_socket_over_also_when_the_far_side_ends_with_its_answer),
        TEST(is_small_enough_for_ten_thousand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
