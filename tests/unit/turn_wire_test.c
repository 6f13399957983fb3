/* ChannelData, and frames on a stream. */
#include "gateway/wire/turn.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void channel_data_comes_back_as_it_was_put(void **state)
{
    (void)state;
    uint8_t frame[TURN_CHANNEL_HEADER + 8] = {0};
    uint16_t channel;
    const uint8_t *data;
    size_t len;

    turn_channel_header(frame, 0x4abc, 5);
    assert_memory_equal(frame, "\x4a\xbc\0\5", 4);
    assert_int_equal(turn_channel_read(frame, sizeof(frame), &channel, &data, &len), 0);
    assert_int_equal(channel, 0x4abc);
    assert_ptr_equal(data, frame + 4);
    assert_int_equal(len, 5);
    assert_int_equal(turn_frame_len(frame, sizeof(frame)), 12); /* padded */
    for (size_t cut = 0; cut < 9; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, frame, cut);
        assert_int_equal(turn_channel_read(copy, cut, &channel, &data, &len), -EBADMSG);
        assert_int_equal(turn_frame_len(copy, cut), cut < 4 ? 0 : 12);
        free(copy);
    }
}

static void an_empty_datagram_is_one_too(void **state)
{
    (void)state;
    uint8_t frame[TURN_CHANNEL_HEADER];
    uint16_t channel;
    const uint8_t *data;
    size_t len = 7;

    turn_channel_header(frame, TURN_CHANNEL_LAST, 0);
    assert_int_equal(turn_channel_read(frame, sizeof(frame), &channel, &data, &len), 0);
    assert_int_equal(len, 0);
    assert_int_equal(turn_frame_len(frame, sizeof(frame)), 4);
}

static void refuses_numbers_that_are_no_channels(void **state)
{
    (void)state;
    static const uint8_t LOW[] = {0x3f, 0xff, 0, 0}, HIGH[] = {0x50, 0, 0, 0}, QUIC[] = {0xc0};
    static const uint8_t LARGE[] = {0x40, 0, 0x0f, 0xfd};
    uint16_t channel;
    const uint8_t *data;
    size_t len;

    assert_int_equal(turn_channel_read(LOW, 4, &channel, &data, &len), -EBADMSG);
    assert_int_equal(turn_channel_read(HIGH, 4, &channel, &data, &len), -EBADMSG);
    assert_int_equal(turn_frame_len(HIGH, 1), -EBADMSG);
    assert_int_equal(turn_frame_len(QUIC, 1), -EBADMSG);
    assert_int_equal(turn_frame_len(LARGE, 4), -EBADMSG);
}

static void tells_stun_messages_by_their_header(void **state)
{
    (void)state;
    static const uint8_t HEADER[] = {1, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42};
    assert_int_equal(turn_frame_len(HEADER, sizeof(HEADER)), 28);
    for (size_t cut = 0; cut < sizeof(HEADER); cut++)
        assert_int_equal(turn_frame_len(HEADER, cut), 0);
}

static void pads_to_a_multiple_of_four(void **state)
{
    (void)state;
    assert_int_equal(turn_padding(0), 0);
    assert_int_equal(turn_padding(1), 3);
    assert_int_equal(turn_padding(3), 1);
    assert_int_equal(turn_padding(1200), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_data_comes_back_as_it_was_put),
        cmocka_unit_test(an_empty_datagram_is_one_too),
        cmocka_unit_test(refuses_numbers_that_are_no_channels),
        cmocka_unit_test(tells_stun_messages_by_their_header),
        cmocka_unit_test(pads_to_a_multiple_of_four),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
