#include "gateway/wire/fragment.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t datagram[FRAGMENT_DATAGRAM_MAX + 1];
static uint8_t frames[FRAGMENT_PIECES_MAX][FRAGMENT_FRAME_MAX];
static size_t frame_len[FRAGMENT_PIECES_MAX];

static size_t cut(uint64_t flow, uint16_t number, size_t len)
{
    struct fragmenter f;
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        datagram[i] = (uint8_t)(i * 7 + number);
    assert_int_equal(fragmenter_init(&f, flow, number, datagram, len), 0);
    uint8_t frame[FRAGMENT_FRAME_MAX];
    for (size_t n; (n = fragmenter_next(&f, frame)) > 0; count++) {
        assert_true(count < FRAGMENT_PIECES_MAX);
        memcpy(frames[count], frame, n);
        frame_len[count] = n;
    }
    return count;
}

static int give(struct reassembly *r, instant now, size_t piece, struct fragment_datagram *out)
{
    return reassembly_input(r, now, frames[piece], frame_len[piece], out);
}

static void every_length_arrives_whole_and_in_few_frames(void **state)
{
    (void)state;
    struct reassembly r = {0};
    struct fragment_datagram d;
    const uint64_t flows[] = {0, 4, 31, 32, 8191, 8192, FRAGMENT_FLOW_MAX};

    for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
        for (size_t len = 0; len <= FRAGMENT_DATAGRAM_MAX; len += len < 1160 ? 1 : 97) {
            size_t count = cut(flows[i], (uint16_t)len, len);
            for (size_t n = 0; n + 1 < count; n++)
                assert_int_equal(give(&r, 0, n, &d), 0);
            assert_int_equal(give(&r, 0, count - 1, &d), 1);
            assert_true(d.flow == flows[i]);
            assert_int_equal(d.len, len);
            assert_memory_equal(d.data, datagram, len);
        }
    assert_int_equal(cut(4, 1, 9000), 8);
    assert_int_equal(cut(4, 1, 1200), 2);
    assert_int_equal(r.dropped, 0);
    reassembly_deinit(&r);
}

static void a_small_datagram_costs_one_byte(void **state)
{
    (void)state;
    assert_int_equal(cut(28, 1, 100), 1);
    assert_int_equal(frame_len[0], 101);
    assert_int_equal(cut(28, 1, 0), 1);
    assert_int_equal(frame_len[0], 1);
    assert_int_equal(cut(28, 1, FRAGMENT_FRAME_MAX - 1), 1);
    assert_int_equal(cut(28, 1, FRAGMENT_FRAME_MAX), 2);
}

static void more_than_9000_bytes_are_refused(void **state)
{
    (void)state;
    struct fragmenter f;
    assert_int_equal(fragmenter_init(&f, 4, 1, datagram, FRAGMENT_DATAGRAM_MAX + 1), -EMSGSIZE);
}

static void any_order_and_duplicates_will_do(void **state)
{
    (void)state;
    struct reassembly r = {0};
    struct fragment_datagram d;
    const size_t order[] = {7, 2, 2, 0, 5, 1, 7, 6, 4, 0};

    assert_int_equal(cut(4, 1, 9000), 8);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        assert_int_equal(give(&r, 0, order[i], &d), 0);
    assert_int_equal(give(&r, 0, 3, &d), 1);
    assert_int_equal(d.len, 9000);
    assert_memory_equal(d.data, datagram, 9000);
    reassembly_deinit(&r);
}

static void the_first_copy_of_a_piece_counts(void **state)
{
    (void)state;
    struct reassembly r = {0};
    struct fragment_datagram d;

    (void)cut(4, 1, 2000);
    assert_int_equal(give(&r, 0, 0, &d), 0);
    memset(frames[0] + 8, 0xff, 100);
    assert_int_equal(give(&r, 0, 0, &d), 0);
    assert_int_equal(give(&r, 0, 1, &d), 1);
    assert_memory_equal(d.data, datagram, 2000);
    reassembly_deinit(&r);
}

static void unfinished_datagrams_are_given_up_after_a_second(void **state)
{
    (void)state;
    struct reassembly r = {0};
    struct fragment_datagram d;

    (void)cut(4, 1, 2000);
    assert_int_equal(reassembly_deadline(&r), INSTANT_NEVER);
    assert_int_equal(give(&r, SEC(5), 0, &d), 0);
    assert_int_equal(reassembly_deadline(&r), SEC(6));
    reassembly_expire(&r, SEC(6) - 1);
    assert_int_equal(r.dropped, 0);
    assert_int_equal(give(&r, SEC(6), 1, &d), 0);
    assert_int_equal(r.dropped, 1);
    reassembly_expire(&r, SEC(7));
    assert_int_equal(r.dropped, 2);
    assert_int_equal(reassembly_deadline(&r), INSTANT_NEVER);
    reassembly_deinit(&r);
}

static void at_most_sixteen_wait_and_the_oldest_gives_way(void **state)
{
    (void)state;
    struct reassembly r = {0};
    struct fragment_datagram d;

    for (uint16_t n = 0; n < FRAGMENT_PARTIAL_MAX + 1; n++) {
        (void)cut(4, n, 2000);
        assert_int_equal(give(&r, n, 0, &d), 0);
    }
    assert_int_equal(r.dropped, 1);
    assert_int_equal(give(&r, 20, 1, &d), 1); /* the newest is whole */
    (void)cut(4, 0, 2000);
    assert_int_equal(give(&r, 20, 1, &d), 0); /* the oldest is gone */
    reassembly_deinit(&r);
}

static void a_number_used_again_starts_anew(void **state)
{
    (void)state;
    struct reassembly r = {0};
    struct fragment_datagram d;

    (void)cut(4, 1, 5000);
    assert_int_equal(give(&r, 0, 0, &d), 0);
    (void)cut(4, 1, 2000);
    assert_int_equal(give(&r, 0, 0, &d), 0);
    assert_int_equal(r.dropped, 1);
    assert_int_equal(give(&r, 0, 1, &d), 1);
    assert_int_equal(d.len, 2000);
    reassembly_deinit(&r);
}

static void malformed_frames_are_refused(void **state)
{
    (void)state;
    struct fragment f;
    const uint8_t beyond[] = {1, 0, 0, 2 << 3 | 1};         /* third of two */
    const uint8_t alone[] = {1, 0, 0, 0};                   /* first of one */
    static const uint8_t fat[FRAGMENT_FRAME_MAX + 2] = {0}; /* longer than any frame */

    assert_int_equal(fragment_read(&f, beyond, sizeof(beyond)), -EBADMSG);
    assert_int_equal(fragment_read(&f, alone, sizeof(alone)), -EBADMSG);
    assert_int_equal(fragment_read(&f, fat, sizeof(fat)), -EBADMSG);
    (void)cut(20000, 1, 2000);
    for (size_t len = 0; len < 7; len++)
        assert_int_equal(fragment_read(&f, frames[0], len), -EBADMSG);
    assert_int_equal(fragment_read(&f, frames[0], 7), 0);
    assert_int_equal(f.len, 0);
}

static void eight_frames_of_bytes_are_more_than_a_datagram(void **state)
{
    (void)state;
    struct reassembly r = {0};
    struct fragment_datagram d;
    uint8_t frame[FRAGMENT_FRAME_MAX] = {1};

    for (uint8_t i = 0; i < 8; i++) {
        frame[3] = (uint8_t)(i << 3 | 7);
        int got = reassembly_input(&r, 0, frame, sizeof(frame), &d);
        assert_int_equal(got, i < 7 ? 0 : -EBADMSG); /* 8 * 1146 bytes */
    }
    reassembly_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_arrives_whole_and_in_few_frames),
        cmocka_unit_test(a_small_datagram_costs_one_byte),
        cmocka_unit_test(more_than_9000_bytes_are_refused),
        cmocka_unit_test(any_order_and_duplicates_will_do),
        cmocka_unit_test(the_first_copy_of_a_piece_counts),
        cmocka_unit_test(unfinished_datagrams_are_given_up_after_a_second),
        cmocka_unit_test(at_most_sixteen_wait_and_the_oldest_gives_way),
        cmocka_unit_test(a_number_used_again_starts_anew),
        cmocka_unit_test(malformed_frames_are_refused),
        cmocka_unit_test(eight_frames_of_bytes_are_more_than_a_datagram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
