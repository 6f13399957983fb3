/* Datagrams on a byte stream: written, waiting, and taken apart again. */
#include "gateway/wire/stream_frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/stream_queue.h"

struct harness {
    struct stream_frames frames;
    struct stream_queue queue;
    uint8_t stream[2 * STREAM_QUEUE_MAX];
    size_t len;
};

static int build(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    stream_hello_write(h->stream);
    h->len = STREAM_HELLO_LEN;
    *state = h;
    return 0;
}

static int demolish(void **state)
{
    struct harness *h = *state;
    stream_queue_free(&h->queue);
    free(h);
    return 0;
}

/* A datagram of `len` bytes, all of them `fill`. */
static void put(struct harness *h, size_t len, uint8_t fill)
{
    uint8_t datagram[STREAM_DATAGRAM_MAX + 1];
    assert_true(len <= sizeof(datagram));
    memset(datagram, fill, len);
    stream_queue_put(&h->queue, datagram, len);
}

static void write_out(struct harness *h)
{
    size_t n;
    do {
        n = stream_queue_take(&h->queue, h->stream + h->len, sizeof(h->stream) - h->len);
        h->len += n;
    } while (n > 0);
}

static void feed(struct harness *h, size_t from, size_t to)
{
    size_t room;
    uint8_t *area = stream_frames_area(&h->frames, &room);
    assert_true(to - from <= room);
    memcpy(area, h->stream + from, to - from);
    stream_frames_added(&h->frames, to - from);
}

static void assert_run(const struct stream_run *run, size_t len, size_t segment, uint8_t first)
{
    assert_int_equal(run->len, len);
    assert_int_equal(run->segment, segment);
    assert_int_equal(run->data[0], first);
}

static void what_was_put_in_comes_out_in_runs(void **state)
{
    struct harness *h = *state;
    struct stream_run run;

    put(h, 1200, 1);
    put(h, 1200, 2);
    put(h, 700, 3);
    put(h, 1200, 4);
    put(h, STREAM_DATAGRAM_MAX, 5);
    write_out(h);
    feed(h, 0, h->len);
    assert_int_equal(stream_frames_next(&h->frames, &run), 1);
    assert_run(&run, 3100, 1200, 1);
    assert_int_equal(run.data[1199], 1);
    assert_int_equal(run.data[1200], 2);
    assert_int_equal(run.data[2400], 3);
    assert_int_equal(run.data[3099], 3);
    assert_int_equal(stream_frames_next(&h->frames, &run), 1);
    assert_run(&run, 1200, 1200, 4);
    assert_int_equal(stream_frames_next(&h->frames, &run), 1);
    assert_run(&run, STREAM_DATAGRAM_MAX, STREAM_DATAGRAM_MAX, 5);
    assert_int_equal(stream_frames_next(&h->frames, &run), 0);
}

static void a_stream_may_come_in_pieces_of_any_size(void **state)
{
    struct harness *h = *state;
    struct stream_run run;

    put(h, 3, 1);
    put(h, 1, 2);
    put(h, 260, 3);
    write_out(h);
    for (size_t step = 1; step <= h->len; step++) {
        size_t bytes = 0;
        memset(&h->frames, 0, sizeof(h->frames));
        for (size_t at = 0; at < h->len; at += step) {
            feed(h, at, at + step < h->len ? at + step : h->len);
            while (stream_frames_next(&h->frames, &run) > 0)
                bytes += run.len;
        }
        assert_int_equal(bytes, 264);
    }
}

static void an_unfinished_stream_is_no_error(void **state)
{
    struct harness *h = *state;
    struct stream_run run;

    put(h, 50, 1);
    write_out(h);
    for (size_t len = 0; len < h->len; len++) {
        memset(&h->frames, 0, sizeof(h->frames));
        feed(h, 0, len);
        assert_int_equal(stream_frames_next(&h->frames, &run), 0);
    }
}

static void a_stranger_shows_with_its_first_byte(void **state)
{
    struct harness *h = *state;
    struct stream_run run;

    memcpy(h->stream, "GET / HT", STREAM_HELLO_LEN);
    feed(h, 0, 1);
    assert_int_equal(stream_frames_next(&h->frames, &run), -EBADMSG);
    feed(h, 1, STREAM_HELLO_LEN);
    assert_int_equal(stream_frames_next(&h->frames, &run), -EBADMSG);
}

static void another_version_is_a_stranger(void **state)
{
    struct harness *h = *state;
    struct stream_run run;

    h->stream[STREAM_HELLO_LEN - 1]++;
    feed(h, 0, STREAM_HELLO_LEN - 1);
    assert_int_equal(stream_frames_next(&h->frames, &run), 0);
    feed(h, STREAM_HELLO_LEN - 1, STREAM_HELLO_LEN);
    assert_int_equal(stream_frames_next(&h->frames, &run), -EBADMSG);
}

static void a_length_that_cannot_be_is_the_end(void **state)
{
    static const uint16_t LENGTH[] = {0, STREAM_DATAGRAM_MAX + 1, UINT16_MAX};
    struct harness *h = *state;
    struct stream_run run;

    for (size_t i = 0; i < sizeof(LENGTH) / sizeof(LENGTH[0]); i++) {
        memset(&h->frames, 0, sizeof(h->frames));
        stream_frame_write(h->stream + STREAM_HELLO_LEN, LENGTH[i]);
        feed(h, 0, STREAM_HELLO_LEN + STREAM_FRAME_HEADER);
        assert_int_equal(stream_frames_next(&h->frames, &run), -EBADMSG);
        assert_int_equal(stream_frames_next(&h->frames, &run), -EBADMSG);
    }
}

static void what_came_before_a_bad_length_is_handed_out(void **state)
{
    struct harness *h = *state;
    struct stream_run run;

    put(h, 5, 1);
    write_out(h);
    stream_frame_write(h->stream + h->len, 0);
    feed(h, 0, h->len + STREAM_FRAME_HEADER);
    assert_int_equal(stream_frames_next(&h->frames, &run), 1);
    assert_run(&run, 5, 5, 1);
    assert_int_equal(stream_frames_next(&h->frames, &run), -EBADMSG);
}

static void a_run_is_no_longer_than_udp_would_take(void **state)
{
    struct harness *h = *state;
    struct stream_run run;

    for (unsigned i = 0; i < STREAM_RUN_MAX + 1; i++)
        put(h, 1, (uint8_t)i);
    write_out(h);
    feed(h, 0, h->len);
    assert_int_equal(stream_frames_next(&h->frames, &run), 1);
    assert_run(&run, STREAM_RUN_MAX, 1, 0);
    assert_int_equal(stream_frames_next(&h->frames, &run), 1);
    assert_run(&run, 1, 1, STREAM_RUN_MAX);
}

static void the_room_is_never_used_up(void **state)
{
    struct harness *h = *state;
    struct stream_run run;
    size_t room = 0;

    while (h->queue.len + STREAM_FRAME_HEADER + STREAM_DATAGRAM_MAX <= 3 * STREAM_FRAMES_ROOM)
        put(h, STREAM_DATAGRAM_MAX, 9);
    write_out(h);
    for (size_t at = 0; at < h->len; at += room) {
        (void)stream_frames_area(&h->frames, &room);
        assert_true(room > 0);
        room = room < h->len - at ? room : h->len - at;
        feed(h, at, at + room);
        while (stream_frames_next(&h->frames, &run) > 0)
            assert_int_equal(run.data[run.len - 1], 9);
    }
    assert_int_equal(h->frames.at, h->frames.len);
}

static void the_oldest_go_when_too_much_waits(void **state)
{
    struct harness *h = *state;
    struct stream_run run;
    const size_t each = STREAM_FRAME_HEADER + 1200, fit = STREAM_QUEUE_MAX / each;

    for (size_t i = 0; i < fit + 3; i++)
        put(h, 1200, (uint8_t)i);
    assert_int_equal(h->queue.dropped, 3);
    assert_int_equal(h->queue.len, fit * each);
    h->len += stream_queue_take(&h->queue, h->stream + h->len, each);
    feed(h, 0, h->len);
    assert_int_equal(stream_frames_next(&h->frames, &run), 1);
    assert_run(&run, 1200, 1200, 3);
}

static void only_whole_frames_are_taken_out(void **state)
{
    struct harness *h = *state;

    put(h, 100, 1);
    put(h, 100, 2);
    assert_int_equal(stream_queue_take(&h->queue, h->stream, 101), 0);
    assert_int_equal(stream_queue_take(&h->queue, h->stream, 203), 102);
    assert_int_equal(stream_queue_take(&h->queue, h->stream, 203), 102);
    assert_int_equal(stream_queue_take(&h->queue, h->stream, 203), 0);
}

static void what_is_no_datagram_does_not_wait(void **state)
{
    struct harness *h = *state;

    put(h, 0, 0);
    put(h, STREAM_DATAGRAM_MAX + 1, 0);
    assert_int_equal(h->queue.len, 0);
    assert_int_equal(h->queue.dropped, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, demolish)
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_in_comes_out_in_runs),
        TEST(a_stream_may_come_in_pieces_of_any_size),
        TEST(an_unfinished_stream_is_no_error),
        TEST(a_stranger_shows_with_its_first_byte),
        TEST(another_version_is_a_stranger),
        TEST(a_length_that_cannot_be_is_the_end),
        TEST(what_came_before_a_bad_length_is_handed_out),
        TEST(a_run_is_no_longer_than_udp_would_take),
        TEST(the_room_is_never_used_up),
        TEST(the_oldest_go_when_too_much_waits),
        TEST(only_whole_frames_are_taken_out),
        TEST(what_is_no_datagram_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
