#include "gateway/wire/reach_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/demux.h"

static const uint8_t TOKEN[REACH_TOKEN_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static struct reach_message whole(enum reach_message_type type)
{
    struct reach_message m = {.type = type};
    memcpy(m.token, TOKEN, sizeof(m.token));
    if (type == REACH_DIAL_BACK) {
        m.v6 = true;
        m.port = 4433;
    } else {
        m.status = REACH_TOO_MANY;
    }
    return m;
}

static void every_message_is_read_as_written_and_refused_when_cut(void **state)
{
    uint8_t out[REACH_MESSAGE_MAX];
    (void)state;

    for (unsigned type = REACH_DIAL_BACK; type <= REACH_DIALLED_BACK; type++) {
        struct reach_message m = whole((enum reach_message_type)type), got;
        struct message_part part = reach_message_write(&m, out);
        assert_int_equal(reach_message_read(&got, &part), 0);
        assert_int_equal(got.type, m.type);
        assert_memory_equal(got.token, TOKEN, sizeof(TOKEN));
        assert_int_equal(got.v6, m.v6);
        assert_int_equal(got.port, m.port);
        assert_int_equal(got.status, m.status);
        while (part.len-- > 0)
            assert_int_equal(reach_message_read(&got, &part), -EBADMSG);
    }
}

static void another_family_is_refused_and_another_status_a_refusal(void **state)
{
    uint8_t out[REACH_MESSAGE_MAX];
    struct reach_message m = whole(REACH_DIAL_BACK), got;
    struct message_part part = reach_message_write(&m, out);
    (void)state;

    out[REACH_TOKEN_LEN] = 5;
    assert_int_equal(reach_message_read(&got, &part), -EBADMSG);
    m = whole(REACH_DIALLED_BACK);
    part = reach_message_write(&m, out);
    out[REACH_TOKEN_LEN] = 99;
    assert_int_equal(reach_message_read(&got, &part), 0);
    assert_int_equal(got.status, REACH_REFUSED);
    part.type = 50;
    assert_int_equal(reach_message_read(&got, &part), -EBADMSG);
}

static void the_datagram_is_stun_and_smaller_than_what_asks_for_it(void **state)
{
    uint8_t out[REACH_DATAGRAM_LEN + 1] = {0};
    (void)state;

    reach_datagram_write(TOKEN, out);
    assert_int_equal(demux(out, REACH_DATAGRAM_LEN), DEMUX_KIND_STUN);
    assert_memory_equal(reach_datagram_token(out, REACH_DATAGRAM_LEN), TOKEN, sizeof(TOKEN));
    /* A short header, the frame of a stream and a tag besides the message. */
    assert_true(REACH_DATAGRAM_LEN < 1 + 8 + 2 + 16 + MESSAGE_HEADER + REACH_MESSAGE_MAX);
    for (size_t len = 0; len < REACH_DATAGRAM_LEN; len++)
        assert_null(reach_datagram_token(out, len));
    assert_null(reach_datagram_token(out, sizeof(out)));
    out[1] = 0x01; /* a Binding request */
    assert_null(reach_datagram_token(out, REACH_DATAGRAM_LEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_read_as_written_and_refused_when_cut),
        cmocka_unit_test(another_family_is_refused_and_another_status_a_refusal),
        cmocka_unit_test(the_datagram_is_stun_and_smaller_than_what_asks_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
