/* Bounded reading and writing, and QUIC's variable-length integers. */
#include "gateway/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define WHOLE_LEN (1 + 2 + 4 + 8 + 2 + 3)

static void write_all(struct writer *w)
{
    write_u8(w, 0x01);
    write_be16(w, 0x0203);
    write_be32(w, 0x04050607);
    write_be64(w, UINT64_C(0x08090a0b0c0d0e0f));
    write_varint(w, 1000);
    write_bytes(w, "end", 3);
}

static void reads_back_what_it_writes(void **state)
{
    uint8_t data[WHOLE_LEN], tail[3];
    struct writer w = writer_over(data, sizeof(data));
    (void)state;

    write_all(&w);
    assert_false(w.failed);
    assert_int_equal(writer_len(&w, data), WHOLE_LEN);
    for (uint8_t i = 0; i < 15; i++)
        assert_int_equal(data[i], i + 1);

    struct reader r = reader_over(data, sizeof(data));
    assert_int_equal(read_u8(&r), 0x01);
    assert_int_equal(read_be16(&r), 0x0203);
    assert_int_equal(read_be32(&r), 0x04050607);
    assert_true(read_be64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(read_varint(&r) == 1000);
    read_copy(&r, tail, 3);
    assert_memory_equal(tail, "end", 3);
    assert_false(r.failed);
    assert_int_equal(r.left, 0);
}

static void fails_for_every_length_below_the_whole(void **state)
{
    uint8_t data[WHOLE_LEN + 1];
    (void)state;

    for (size_t len = 0; len < WHOLE_LEN; len++) {
        memset(data, 0xee, sizeof(data));
        struct writer w = writer_over(data, len);
        write_all(&w);
        assert_true(w.failed);
        assert_int_equal(data[len], 0xee);
    }
}

static void stays_failed_and_gives_zeroes_after_a_short_read(void **state)
{
    const uint8_t data[] = {1, 2, 3};
    uint8_t copy[4] = {9, 9, 9, 9};
    struct reader r = reader_over(data, sizeof(data));
    (void)state;

    assert_int_equal(read_be32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(read_u8(&r), 0);
    assert_true(read_varint(&r) == 0);
    read_copy(&r, copy, sizeof(copy));
    assert_memory_equal(copy, "\0\0\0\0", 4);
}

static void writes_the_examples_of_rfc_9000(void **state)
{
    static const struct {
        uint64_t value;
        uint8_t bytes[8];
        size_t len;
    } known[] = {
        {37, {0x25}, 1},
        {15293, {0x7b, 0xbd}, 2},
        {494878333, {0x9d, 0x7f, 0x3e, 0x7d}, 4},
        {UINT64_C(151288809941952652), {0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, 8},
    };
    (void)state;

    for (size_t i = 0; i < 4; i++) {
        uint8_t data[8];
        struct writer w = writer_over(data, sizeof(data));
        write_varint(&w, known[i].value);
        assert_int_equal(writer_len(&w, data), known[i].len);
        assert_memory_equal(data, known[i].bytes, known[i].len);
        for (size_t len = 0; len <= known[i].len; len++) {
            struct reader r = reader_over(known[i].bytes, len);
            uint64_t value = read_varint(&r);
            assert_true(value == (len == known[i].len ? known[i].value : 0));
            assert_int_equal(r.failed, len < known[i].len);
        }
    }
}

static void reads_long_spellings_and_writes_short_ones(void **state)
{
    const uint8_t longer[] = {0x40, 0x25};
    struct reader r = reader_over(longer, 2);
    uint8_t data[8];
    struct writer w = writer_over(data, sizeof(data));
    (void)state;

    assert_true(read_varint(&r) == 37);
    assert_int_equal(varint_len(63), 1);
    assert_int_equal(varint_len(64), 2);
    assert_int_equal(varint_len(16383), 2);
    assert_int_equal(varint_len(16384), 4);
    assert_int_equal(varint_len((1 << 30) - 1), 4);
    assert_int_equal(varint_len(1 << 30), 8);
    write_varint(&w, VARINT_MAX + 1);
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_writes),
        cmocka_unit_test(fails_for_every_length_below_the_whole),
        cmocka_unit_test(stays_failed_and_gives_zeroes_after_a_short_read),
        cmocka_unit_test(writes_the_examples_of_rfc_9000),
        cmocka_unit_test(reads_long_spellings_and_writes_short_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
