#include "gateway/wire/beacon.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/demux.h"

static const struct beacon_note NOTE = {.port = 4433,
                                        .flags = BEACON_WANT,
                                        .time_s = 1700000000,
                                        .instance = {1, 2, 3},
                                        .echo = {9, 8, 7, 6}};
static uint8_t out[BEACON_MAX];
static uint8_t keys[BEACON_ENTRIES_MAX][BEACON_KEY_LEN];

static void setup_keys(void)
{
    for (unsigned i = 0; i < BEACON_ENTRIES_MAX; i++)
        memset(keys[i], (int)i + 1, BEACON_KEY_LEN);
}

/* As the caller does: random bytes first, here any. */
static size_t write_beacon(size_t count)
{
    size_t len = beacon_len(count);

    setup_keys();
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(i * 37 + 11);
    beacon_write(out, &NOTE, (const uint8_t(*)[BEACON_KEY_LEN])keys, count);
    return len;
}

static void every_reader_finds_its_note_and_nobody_else(void **state)
{
    (void)state;
    const uint8_t stranger[BEACON_KEY_LEN] = {99};
    struct beacon b;
    struct beacon_note note;

    for (size_t count = 0; count <= BEACON_ENTRIES_MAX; count++) {
        size_t len = write_beacon(count);
        assert_int_equal(beacon_read(&b, out, len), 0);
        for (size_t i = 0; i < count; i++) {
            memset(&note, 0, sizeof(note));
            assert_int_equal(beacon_open(&b, keys[i], &note), 0);
            assert_int_equal(note.port, NOTE.port);
            assert_int_equal(note.flags, NOTE.flags);
            assert_int_equal(note.time_s, NOTE.time_s);
            assert_memory_equal(note.instance, NOTE.instance, 3);
            assert_memory_equal(note.echo, NOTE.echo, 4);
        }
        assert_int_equal(beacon_open(&b, stranger, &note), -ENOENT);
    }
}

static void lengths_tell_little_and_stay_within_512_bytes(void **state)
{
    (void)state;
    assert_int_equal(beacon_len(0), BEACON_MIN);
    assert_int_equal(beacon_len(1), BEACON_MIN);
    assert_int_equal(beacon_len(4), BEACON_MIN);
    assert_int_equal(beacon_len(5), BEACON_MIN + 120);
    assert_int_equal(beacon_len(16), 512);
}

static void a_changed_bit_of_nonce_or_note_spoils_every_tag(void **state)
{
    (void)state;
    struct beacon b;
    struct beacon_note note;
    size_t len = write_beacon(4), tags = len - 4 * 16;

    for (size_t bit = 0; bit < tags * 8; bit++) {
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(beacon_read(&b, out, len), 0);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(beacon_open(&b, keys[i], &note), -ENOENT);
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void other_lengths_are_no_beacons(void **state)
{
    (void)state;
    struct beacon b;
    uint8_t data[BEACON_MAX + 200] = {0};

    for (size_t len = 0; len < sizeof(data); len++) {
        bool ok = len == 152 || len == 272 || len == 392 || len == 512;
        assert_int_equal(beacon_read(&b, data, len), ok ? 0 : -EBADMSG);
    }
}

static void any_nonce_becomes_one_that_demux_leaves_to_us(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t nonce[BEACON_NONCE_LEN] = {(uint8_t)first, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42};
        beacon_fix_nonce(nonce);
        assert_int_equal(demux(nonce, sizeof(nonce)), DEMUX_KIND_UNKNOWN);
    }
}

static void the_same_note_never_looks_the_same(void **state)
{
    (void)state;
    uint8_t first[BEACON_MIN];
    size_t len = write_beacon(1);

    memcpy(first, out, len);
    out[5] ^= 1; /* another nonce */
    memset(out + BEACON_NONCE_LEN, 0, len - BEACON_NONCE_LEN);
    beacon_write(out, &NOTE, (const uint8_t(*)[BEACON_KEY_LEN])keys, 1);
    assert_memory_not_equal(first + 32, out + 32, 14);
    assert_memory_not_equal(first + 88, out + 88, 16);
}

static void answers_are_read_with_their_key_only(void **state)
{
    (void)state;
    uint8_t answer[BEACON_ANSWER_LEN] = {0x80, 1, 2}, sig[64], read_sig[64];
    struct beacon_note note;

    setup_keys();
    memset(sig, 0x5a, sizeof(sig));
    beacon_answer_write(answer, &NOTE, sig, keys[0]);
    assert_int_equal(beacon_answer_read(answer, sizeof(answer), keys[0], &note, read_sig), 0);
    assert_memory_equal(sig, read_sig, 64);
    assert_int_equal(note.port, 4433);
    assert_int_equal(beacon_answer_read(answer, sizeof(answer), keys[1], &note, sig), -EBADMSG);
    for (size_t len = 0; len < sizeof(answer); len++)
        assert_int_equal(beacon_answer_read(answer, len, keys[0], &note, sig), -EBADMSG);
    for (size_t bit = 0; bit < sizeof(answer) * 8; bit++) {
        answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(beacon_answer_read(answer, sizeof(answer), keys[0], &note, sig), -EBADMSG);
        answer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void what_an_answer_signs_depends_on_question_answer_and_note(void **state)
{
    (void)state;
    uint8_t a[BEACON_ANSWER_TEXT_LEN], b[BEACON_ANSWER_TEXT_LEN], one[32] = {1}, two[32] = {2};
    struct beacon_note note = NOTE;

    beacon_answer_text(a, one, two, &NOTE);
    beacon_answer_text(b, two, one, &NOTE);
    assert_memory_not_equal(a, b, sizeof(a));
    note.port++;
    beacon_answer_text(b, one, two, &note);
    assert_memory_not_equal(a, b, sizeof(a));
}

static struct beacon_signed signed_beacon(const char *prefix)
{
    struct beacon_signed b = {.network = {1},
                              .id = {2, 3},
                              .time_s = UINT64_C(0x1122334455),
                              .port = 4433,
                              .instance = {7, 8, 9},
                              .flags = BEACON_WANT};
    assert_int_equal(addr_prefix_parse(&b.prefix, prefix), 0);
    return b;
}

static void signed_beacons_are_read_as_written(void **state)
{
    (void)state;
    const char *const prefixes[] = {"192.0.2.7/24", "fe80::1/64", "10.0.0.1/32", "2001:db8::1/128"};
    uint8_t data[BEACON_SIGNED_LEN] = {0};

    for (unsigned i = 0; i < 4; i++) {
        struct beacon_signed b = signed_beacon(prefixes[i]), read;
        beacon_signed_write(data, &b);
        assert_int_equal(beacon_signed_read(&read, data, sizeof(data)), 0);
        assert_memory_equal(read.id, b.id, sizeof(b.id));
        assert_memory_equal(read.network, b.network, sizeof(b.network));
        assert_memory_equal(read.instance, b.instance, sizeof(b.instance));
        assert_true(read.time_s == b.time_s && read.port == b.port && read.flags == b.flags);
        assert_true(addr_same_ip(&read.prefix.addr, &b.prefix.addr));
        assert_int_equal(read.prefix.bits, b.prefix.bits);
        assert_int_equal(demux(data, sizeof(data)), DEMUX_KIND_UNKNOWN);
    }
}

static void malformed_signed_beacons_are_refused(void **state)
{
    (void)state;
    struct beacon_signed b = signed_beacon("192.0.2.7/24"), read;
    uint8_t good[BEACON_SIGNED_LEN] = {0}, bad[BEACON_SIGNED_LEN];

    beacon_signed_write(good, &b);
    for (size_t len = 0; len < sizeof(good); len++)
        assert_int_equal(beacon_signed_read(&read, good, len), -EBADMSG);
    /* magic, an id with a letter that z-base-32 lacks, family, prefix bits */
    const struct {
        size_t at;
        uint8_t value;
    } change[] = {{0, 7}, {30, 'l'}, {86, 5}, {87, 33}};
    for (unsigned i = 0; i < 4; i++) {
        memcpy(bad, good, sizeof(bad));
        bad[change[i].at] = change[i].value;
        assert_int_equal(beacon_signed_read(&read, bad, sizeof(bad)), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reader_finds_its_note_and_nobody_else),
        cmocka_unit_test(lengths_tell_little_and_stay_within_512_bytes),
        cmocka_unit_test(a_changed_bit_of_nonce_or_note_spoils_every_tag),
        cmocka_unit_test(other_lengths_are_no_beacons),
        cmocka_unit_test(any_nonce_becomes_one_that_demux_leaves_to_us),
        cmocka_unit_test(the_same_note_never_looks_the_same),
        cmocka_unit_test(answers_are_read_with_their_key_only),
        cmocka_unit_test(what_an_answer_signs_depends_on_question_answer_and_note),
        cmocka_unit_test(signed_beacons_are_read_as_written),
        cmocka_unit_test(malformed_signed_beacons_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
