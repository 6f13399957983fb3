/* One question to a STUN server under a virtual clock. */
#include "gateway/nat/stun_query.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ID[STUN_ID_LEN] = "hard to tell";
static uint8_t out[EXCHANGE_MAX_DATAGRAM], answer[STUN_MAX];

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct stun_query asking(const struct stun_schedule *schedule)
{
    struct stun_query q;
    struct addr server = at("192.0.2.1:3478");
    stun_query_init(&q, &server, schedule, ID, 0);
    assert_true(stun_query_output(&q, 0, out) > 0);
    return q;
}

static size_t answer_with(enum stun_attr type, const char *mapped)
{
    struct stun_writer w;
    struct addr a = at(mapped);
    stun_begin(&w, answer, sizeof(answer), STUN_SUCCESS, STUN_BINDING, ID);
    stun_put_address(&w, type, &a);
    return stun_end(&w);
}

static int give(struct stun_query *q, const char *from, size_t len)
{
    struct addr a = at(from);
    return stun_query_input(q, MSEC(30), &a, answer, len);
}

static void asks_with_a_request_no_shorter_than_any_answer(void **state)
{
    (void)state;
    struct stun_message m;
    struct stun_query q = asking(&STUN_GATHER);

    assert_int_equal(q.sent, 1);
    assert_int_equal(stun_read(&m, out, 52), 0);
    assert_int_equal(m.class, STUN_REQUEST);
    assert_int_equal(m.method, STUN_BINDING);
    assert_memory_equal(m.id, ID, STUN_ID_LEN);
    assert_true(m.fingerprint);
    assert_true(m.len >= STUN_HEADER_LEN + 24 + 8);
    assert_int_equal(stun_query_output(&q, 0, out), 0);
}

static void keeps_to(const struct stun_schedule *schedule, const unsigned *at_ms, unsigned count,
                     unsigned end_ms)
{
    struct stun_query q = asking(schedule);
    for (unsigned i = 1; i < count; i++) {
        assert_int_equal(q.due, MSEC(at_ms[i]));
        assert_int_equal(stun_query_output(&q, q.due - 1, out), 0);
        assert_true(stun_query_output(&q, q.due, out) > 0);
    }
    assert_int_equal(q.due, MSEC(end_ms));
    assert_int_equal(q.state, STUN_ASKING);
    assert_int_equal(stun_query_output(&q, q.due, out), 0);
    assert_int_equal(q.state, STUN_SILENT);
    assert_int_equal(q.due, INSTANT_NEVER);
}

static void gathering_is_silent_after_3_s(void **state)
{
    (void)state;
    static const unsigned AT[] = {0, 100, 300, 700, 1500};
    keeps_to(&STUN_GATHER, AT, 5, 3000);
}

static void the_standard_schedule_is_that_of_the_rfc(void **state)
{
    (void)state;
    static const unsigned AT[] = {0, 500, 1500, 3500, 7500, 15500, 31500};
    keeps_to(&STUN_STANDARD, AT, 7, 39500);
}

static void asks_once_over_a_stream(void **state)
{
    (void)state;
    static const unsigned AT[] = {0};
    keeps_to(&STUN_STREAM, AT, 1, 39500);
}

static void asks_once_after_a_long_sleep(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_STANDARD);
    assert_true(stun_query_output(&q, SEC(3600), out) > 0);
    assert_int_equal(stun_query_output(&q, SEC(3600), out), 0);
}

static void takes_the_address_from_an_answer(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_GATHER);
    struct addr mapped = at("203.0.113.7:4242");

    assert_int_equal(
        give(&q, "192.0.2.1:3478", answer_with(STUN_XOR_MAPPED_ADDRESS, "203.0.113.7:4242")), 0);
    assert_int_equal(q.state, STUN_ANSWERED);
    assert_true(addr_equal(&q.mapped, &mapped));
    assert_true(addr_is_none(&q.other));
    assert_int_equal(q.rtt, MSEC(30));
    assert_int_equal(q.due, INSTANT_NEVER);
}

static void takes_it_undisguised_from_an_old_server(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_GATHER);
    assert_int_equal(
        give(&q, "192.0.2.1:3478", answer_with(STUN_MAPPED_ADDRESS, "203.0.113.7:4242")), 0);
    assert_int_equal(q.state, STUN_ANSWERED);
}

static void ignores_answers_from_elsewhere(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_GATHER);
    size_t len = answer_with(STUN_XOR_MAPPED_ADDRESS, "203.0.113.7:4242");

    assert_int_equal(give(&q, "192.0.2.1:3479", len), -EBADMSG);
    assert_int_equal(give(&q, "192.0.2.2:3478", len), -EBADMSG);
    answer[10] ^= 1; /* another transaction */
    assert_int_equal(give(&q, "192.0.2.1:3478", len), -EBADMSG);
    assert_int_equal(q.state, STUN_ASKING);
}

static void ignores_truncated_foreign_and_late_messages(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_GATHER);
    size_t len = answer_with(STUN_XOR_MAPPED_ADDRESS, "203.0.113.7:4242");

    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(give(&q, "192.0.2.1:3478", cut), -EBADMSG);
    struct addr server = at("192.0.2.1:3478");
    assert_int_equal(stun_query_input(&q, 0, &server, out, 52), -EBADMSG); /* our own, echoed */
    len = answer_with(STUN_RESPONSE_ORIGIN, "203.0.113.7:4242"); /* says nothing about us */
    assert_int_equal(give(&q, "192.0.2.1:3478", len), -EBADMSG);
    len = answer_with(STUN_XOR_MAPPED_ADDRESS, "203.0.113.7:0");
    assert_int_equal(give(&q, "192.0.2.1:3478", len), -EBADMSG);
    assert_int_equal(q.state, STUN_ASKING);

    len = answer_with(STUN_XOR_MAPPED_ADDRESS, "203.0.113.7:1");
    assert_int_equal(give(&q, "192.0.2.1:3478", len), 0);
    assert_int_equal(give(&q, "192.0.2.1:3478", len), -EBADMSG);
}

static void an_answer_before_the_question_is_none(void **state)
{
    (void)state;
    struct stun_query q;
    struct addr server = at("192.0.2.1:3478");
    stun_query_init(&q, &server, &STUN_GATHER, ID, 0);
    assert_int_equal(
        give(&q, "192.0.2.1:3478", answer_with(STUN_XOR_MAPPED_ADDRESS, "203.0.113.7:4242")),
        -EBADMSG);
}

static void an_error_names_its_reason_and_another_server(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_GATHER);
    struct stun_writer w;
    struct addr other = at("192.0.2.9:3478");

    stun_begin(&w, answer, sizeof(answer), STUN_ERROR, STUN_BINDING, ID);
    stun_put_error(&w, 300, "Try Alternate");
    stun_put_address(&w, STUN_ALTERNATE_SERVER, &other);
    assert_int_equal(give(&q, "192.0.2.1:3478", stun_end(&w)), 0);
    assert_int_equal(q.state, STUN_REFUSED);
    assert_int_equal(q.code, 300);
    assert_string_equal(q.reason, "Try Alternate");
    assert_true(addr_equal(&q.alternate, &other));
}

static void an_answer_that_must_be_understood_and_is_not_is_a_refusal(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_GATHER);
    struct stun_writer w;
    struct addr mapped = at("203.0.113.7:4242");

    stun_begin(&w, answer, sizeof(answer), STUN_SUCCESS, STUN_BINDING, ID);
    stun_put_address(&w, STUN_XOR_MAPPED_ADDRESS, &mapped);
    stun_put(&w, (enum stun_attr)0x7abc, NULL, 0);
    assert_int_equal(give(&q, "192.0.2.1:3478", stun_end(&w)), 0);
    assert_int_equal(q.state, STUN_REFUSED);
    assert_int_equal(q.code, 420);
}

static void works_as_an_exchange(void **state)
{
    (void)state;
    struct stun_query q = asking(&STUN_GATHER);
    size_t len = answer_with(STUN_XOR_MAPPED_ADDRESS, "203.0.113.7:4242");

    assert_int_equal(stun_query_ops.deadline(&q), MSEC(100));
    assert_true(stun_query_ops.output(&q, MSEC(100), out) > 0);
    assert_int_equal(stun_query_ops.input(&q, MSEC(130), answer, len), 0);
    assert_int_equal(stun_query_ops.deadline(&q), INSTANT_NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_with_a_request_no_shorter_than_any_answer),
        cmocka_unit_test(gathering_is_silent_after_3_s),
        cmocka_unit_test(the_standard_schedule_is_that_of_the_rfc),
        cmocka_unit_test(asks_once_over_a_stream),
        cmocka_unit_test(asks_once_after_a_long_sleep),
        cmocka_unit_test(takes_the_address_from_an_answer),
        cmocka_unit_test(takes_it_undisguised_from_an_old_server),
        cmocka_unit_test(ignores_answers_from_elsewhere),
        cmocka_unit_test(ignores_truncated_foreign_and_late_messages),
        cmocka_unit_test(an_answer_before_the_question_is_none),
        cmocka_unit_test(an_error_names_its_reason_and_another_server),
        cmocka_unit_test(an_answer_that_must_be_understood_and_is_not_is_a_refusal),
        cmocka_unit_test(works_as_an_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
