#include "gateway/wire/message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct message_hello HELLO = {
    .protocol = 1, .network = {1, 2}, .features = 5, .nickname = "alice", .version = "0.1.0"};
static uint8_t frame[MESSAGE_HEADER + MESSAGE_BODY_MAX];

static void assert_truncations_want_more(size_t len)
{
    struct message m;
    for (size_t n = 0; n < len; n++)
        assert_int_equal(message_read(&m, frame, n), -EAGAIN);
}

static void hello_is_read_as_written(void **state)
{
    (void)state;
    struct message m;
    size_t len = message_write_hello(&HELLO, frame);

    assert_truncations_want_more(len);
    assert_int_equal(message_read(&m, frame, sizeof(frame)), len);
    assert_int_equal(m.type, MESSAGE_HELLO);
    assert_int_equal(m.hello.protocol, 1);
    assert_int_equal(m.hello.features, 5);
    assert_memory_equal(m.hello.network, HELLO.network, MESSAGE_NETWORK_LEN);
    assert_string_equal(m.hello.nickname, "alice");
    assert_string_equal(m.hello.version, "0.1.0");
}

/* Sets the body length of the frame to `len` bytes. */
static void set_body_len(size_t len)
{
    frame[2] = (uint8_t)(len >> 8);
    frame[3] = (uint8_t)len;
}

static void a_body_cut_short_is_refused_and_a_longer_one_is_skipped(void **state)
{
    (void)state;
    struct message m;
    size_t len = message_write_hello(&HELLO, frame) - MESSAGE_HEADER;

    for (size_t n = 0; n < len; n++) {
        set_body_len(n);
        assert_int_equal(message_read(&m, frame, sizeof(frame)), -EBADMSG);
    }
    set_body_len(len + 7);
    assert_int_equal(message_read(&m, frame, sizeof(frame)), MESSAGE_HEADER + len + 7);
}

static void a_nickname_must_be_a_label(void **state)
{
    (void)state;
    struct message_hello h = HELLO;
    struct message m;

    h.nickname[0] = '\0';
    (void)message_write_hello(&h, frame);
    assert_int_not_equal(message_read(&m, frame, sizeof(frame)), -EBADMSG);
    (void)snprintf(h.nickname, sizeof(h.nickname), "%s", "Evil\n");
    (void)message_write_hello(&h, frame);
    assert_int_equal(message_read(&m, frame, sizeof(frame)), -EBADMSG);
    h = HELLO;
    h.version[0] = 27;
    (void)message_write_hello(&h, frame);
    assert_int_equal(message_read(&m, frame, sizeof(frame)), -EBADMSG);
}

static size_t write_list(size_t count)
{
    static struct message_service list[MESSAGE_SERVICES_MAX];

    for (size_t i = 0; i < count; i++) {
        list[i] = (struct message_service){
            .proto = (uint8_t)(1 + i % 3), .flags = (uint8_t)(i & 1), .port = (uint16_t)i};
        (void)snprintf(list[i].name, sizeof(list[i].name), "service-%zu", i);
    }
    return message_write_services(list, count, frame);
}

static void a_full_list_of_services_is_read_as_written(void **state)
{
    (void)state;
    struct message m;
    struct message_service s;
    char name[40];
    size_t len = write_list(MESSAGE_SERVICES_MAX), count = 0;

    assert_truncations_want_more(len);
    assert_int_equal(message_read(&m, frame, len), len);
    assert_int_equal(m.services.count, MESSAGE_SERVICES_MAX);
    for (; message_services_next(&m.services, &s); count++) {
        (void)snprintf(name, sizeof(name), "service-%zu", count);
        assert_string_equal(s.name, name);
        assert_int_equal(s.port, count);
        assert_int_equal(s.proto, 1 + count % 3);
        assert_int_equal(s.flags, count & 1);
    }
    assert_int_equal(count, MESSAGE_SERVICES_MAX);
}

static void bad_lists_are_refused_whole(void **state)
{
    (void)state;
    struct message m;
    size_t len = write_list(2);

    for (size_t n = 0; n < len - MESSAGE_HEADER; n++) {
        set_body_len(n);
        assert_int_equal(message_read(&m, frame, sizeof(frame)), -EBADMSG);
    }
    set_body_len(len - MESSAGE_HEADER);
    frame[len - 1] = '.'; /* not a service name */
    assert_int_equal(message_read(&m, frame, len), -EBADMSG);
    frame[len - 1] = '\0';
    assert_int_equal(message_read(&m, frame, len), -EBADMSG);
    (void)write_list(1);
    frame[6] = 4; /* no such protocol */
    assert_int_equal(message_read(&m, frame, sizeof(frame)), -EBADMSG);
    (void)write_list(MESSAGE_SERVICES_MAX);
    frame[5]++; /* one more than allowed */
    assert_int_equal(message_read(&m, frame, sizeof(frame)), -EBADMSG);
}

static void questions_about_sessions_carry_their_name(void **state)
{
    struct message m;
    size_t len = message_write_session(MESSAGE_STILL, UINT64_C(0x0102030405060708), frame);
    (void)state;

    assert_int_equal(len, MESSAGE_SESSION_SIZE);
    assert_int_equal(message_read(&m, frame, len), (int)len);
    assert_int_equal(m.type, MESSAGE_STILL);
    assert_true(m.session == UINT64_C(0x0102030405060708));
    for (size_t short_of = 0; short_of < len; short_of++)
        assert_int_equal(message_read(&m, frame, short_of), -EAGAIN);
    for (uint8_t body = 0; body < 8; body++) {
        frame[3] = body;
        assert_int_equal(message_read(&m, frame, len), -EBADMSG);
    }
}

static void pings_carry_their_token(void **state)
{
    (void)state;
    struct message m;
    size_t len = message_write_token(MESSAGE_PONG, 0xdeadbeef, frame);

    assert_int_equal(len, MESSAGE_TOKEN_SIZE);
    assert_truncations_want_more(len);
    assert_int_equal(message_read(&m, frame, len), len);
    assert_int_equal(m.type, MESSAGE_PONG);
    assert_int_equal(m.token, 0xdeadbeef);
    set_body_len(3);
    assert_int_equal(message_read(&m, frame, len), -EBADMSG);
}

static void the_common_network_is_zero_and_names_differ(void **state)
{
    (void)state;
    uint8_t a[MESSAGE_NETWORK_LEN], b[MESSAGE_NETWORK_LEN], zero[MESSAGE_NETWORK_LEN] = {0};

    message_network("", a);
    assert_memory_equal(a, zero, sizeof(a));
    message_network("home", a);
    message_network("work", b);
    assert_memory_not_equal(a, b, sizeof(a));
    message_network("home", b);
    assert_memory_equal(a, b, sizeof(a));
}

/* Feeds `len` bytes in steps of `step`; counts messages by type. */
static void feed(struct message_reader *r, const uint8_t *data, size_t len, size_t step,
                 unsigned count[5])
{
    struct message m;

    while (len > 0) {
        int used = message_reader_take(r, data, step < len ? step : len);
        assert_true(used > 0);
        data += used;
        len -= (size_t)used;
        int got = message_reader_next(r, &m);
        assert_true(got >= 0);
        if (got == 1)
            count[m.type]++;
    }
}

static void a_stream_is_taken_apart_however_it_is_cut(void **state)
{
    (void)state;
    static uint8_t stream[40000];

    for (size_t step = 1; step < 9000; step = step * 3 + 1) {
        struct message_reader r = {0};
        unsigned count[5] = {0};
        size_t len = message_write_hello(&HELLO, stream);
        memset(stream + len, 0x7f, 4); /* an unknown type with 32639 bytes */
        len += 4 + 0x7f7f;
        (void)write_list(20);
        size_t list_len = write_list(20);
        memcpy(stream + len, frame, list_len);
        len += list_len;
        len += message_write_token(MESSAGE_PING, 1, stream + len);

        feed(&r, stream, len, step, count);
        assert_int_equal(count[MESSAGE_HELLO], 1);
        assert_int_equal(count[MESSAGE_UNKNOWN], 0);
        assert_int_equal(count[MESSAGE_SERVICES], 1);
        assert_int_equal(count[MESSAGE_PING], 1);
        assert_true(r.room <= 2048);
        message_reader_deinit(&r);
    }
}

static void the_message_of_another_module_is_handed_over_raw(void **state)
{
    (void)state;
    static uint8_t body[MESSAGE_PART_MAX] = {7, 8, 9};
    const struct message_part part = {.type = 33, .data = body, .len = sizeof(body)};
    struct message_reader r = {0};
    struct message m;
    size_t len = message_write_part(&part, frame), at = 0;

    assert_int_equal(len, MESSAGE_HEADER + sizeof(body));
    assert_truncations_want_more(len);
    while (at < len) {
        int used = message_reader_take(&r, frame + at, len - at);
        assert_true(used > 0);
        at += (size_t)used;
    }
    assert_int_equal(message_reader_next(&r, &m), 1);
    assert_int_equal(m.type, MESSAGE_PART);
    assert_int_equal(m.part.type, 33);
    assert_int_equal(m.part.len, sizeof(body));
    assert_memory_equal(m.part.data, body, sizeof(body));
    message_reader_deinit(&r);
}

static void a_body_too_long_for_another_module_is_skipped_like_an_unknown_one(void **state)
{
    (void)state;
    struct message m;

    memset(frame, 0, sizeof(frame));
    frame[1] = MESSAGE_PART_LAST;
    set_body_len(MESSAGE_PART_MAX + 1);
    assert_int_equal(message_read(&m, frame, sizeof(frame)), MESSAGE_HEADER + MESSAGE_PART_MAX + 1);
    assert_int_equal(m.type, MESSAGE_UNKNOWN);
}

static void an_unknown_frame_of_no_length_is_passed_by(void **state)
{
    (void)state;
    struct message_reader r = {0};
    unsigned count[5] = {0};
    uint8_t stream[4 + MESSAGE_TOKEN_SIZE] = {0x40, 0, 0, 0};

    (void)message_write_token(MESSAGE_PING, 1, stream + 4);
    feed(&r, stream, sizeof(stream), 100, count);
    assert_int_equal(count[MESSAGE_PING], 1);
    message_reader_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_read_as_written),
        cmocka_unit_test(a_body_cut_short_is_refused_and_a_longer_one_is_skipped),
        cmocka_unit_test(a_nickname_must_be_a_label),
        cmocka_unit_test(a_full_list_of_services_is_read_as_written),
        cmocka_unit_test(bad_lists_are_refused_whole),
        cmocka_unit_test(questions_about_sessions_carry_their_name),
        cmocka_unit_test(pings_carry_their_token),
        cmocka_unit_test(the_common_network_is_zero_and_names_differ),
        cmocka_unit_test(a_stream_is_taken_apart_however_it_is_cut),
        cmocka_unit_test(the_message_of_another_module_is_handed_over_raw),
        cmocka_unit_test(a_body_too_long_for_another_module_is_skipped_like_an_unknown_one),
        cmocka_unit_test(an_unknown_frame_of_no_length_is_passed_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
