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

/* Feeds a stream in pieces of `step` bytes; returns how many frames came, -1 if it broke. */
static int count_frames(const uint8_t *stream, size_t len, size_t step)
{
    struct turn_frames f = {0};
    const uint8_t *frame;
    size_t room, frame_len, whole = 0;
    int count = 0, err = 0;

    for (size_t at = 0; at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        uint8_t *area = turn_frames_area(&f, &room);
        assert_true(room >= n);
        memcpy(area, stream + at, n);
        turn_frames_added(&f, n);
        while ((err = turn_frames_next(&f, &frame, &frame_len)) > 0) {
            assert_memory_equal(frame, stream + whole, frame_len);
            whole += frame_len;
            count++;
        }
        if (err < 0)
            return -1;
    }
    return count;
}

static void a_stream_falls_into_frames_however_it_is_cut(void **state)
{
    (void)state;
    static const uint8_t STREAM[] = {
        0x40, 0,    0, 3, 'a',  'b',  'c',  0, /* ChannelData, padded */
        0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, /* STUN */
        0x4f, 0xff, 0, 0,      /* ChannelData, empty */
        0x40, 1,    0, 9, 'h', /* the beginning of one */
    };
    for (size_t step = 1; step <= sizeof(STREAM); step++)
        assert_int_equal(count_frames(STREAM, sizeof(STREAM), step), 3);
}

static void a_stream_that_loses_its_step_is_broken(void **state)
{
    (void)state;
    static const uint8_t STREAM[] = {0x40, 0, 0, 1, 'a', 0, 0, 0, 0xff, 0, 0, 0};
    assert_int_equal(count_frames(STREAM, sizeof(STREAM), 1), -1);
    assert_int_equal(count_frames(STREAM, sizeof(STREAM), sizeof(STREAM)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_data_comes_back_as_it_was_put),
        cmocka_unit_test(an_empty_datagram_is_one_too),
        cmocka_unit_test(refuses_numbers_that_are_no_channels),
        cmocka_unit_test(tells_stun_messages_by_their_header),
        cmocka_unit_test(pads_to_a_multiple_of_four),
        cmocka_unit_test(a_stream_falls_into_frames_however_it_is_cut),
        cmocka_unit_test(a_stream_that_loses_its_step_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
