#include "gateway/wire/mdns.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Question "a.B.local" PTR IN with the QU bit; one answer: a.b.local PTR x.b.local (compressed),
 * TTL 4500. */
static const uint8_t QUERY[] = {0x12, 0x34, 0,    0,    0,   1,    0,   1,   0,    0,   0,
                                0,    1,    'a',  1,    'B', 5,    'l', 'o', 'c',  'a', 'l',
                                0,    0,    12,   0x80, 1,   0xc0, 12,  0,   12,   0,   1,
                                0,    0,    0x11, 0x94, 0,   4,    1,   'x', 0xc0, 14};

static void reads_questions_and_known_answers(void **state)
{
    (void)state;
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_question q;
    struct mdns_pointer p;
    struct mdns_name name = mdns_name("a.b.local"), target = mdns_name("x.b.local");

    assert_int_equal(mdns_begin(&r, &h, QUERY, sizeof(QUERY)), 0);
    assert_int_equal(h.id, 0x1234);
    assert_false(h.response || h.truncated);
    assert_int_equal(mdns_read_question(&r, &q), 0);
    assert_true(mdns_name_equal(&q.name, &name));
    assert_int_equal(q.type, MDNS_PTR);
    assert_true(q.unicast);
    assert_int_equal(mdns_read_pointer(&r, &p), 1);
    assert_true(mdns_name_equal(&p.name, &name));
    assert_true(mdns_name_equal(&p.target, &target));
    assert_int_equal(p.ttl, 4500);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_question q;
    struct mdns_pointer p;

    for (size_t len = 0; len < sizeof(QUERY); len++) {
        bool ok = mdns_begin(&r, &h, QUERY, len) == 0 && mdns_read_question(&r, &q) == 0 &&
                  mdns_read_pointer(&r, &p) == 1;
        assert_false(ok);
    }
}

static int read_first_name(const uint8_t *names, size_t len)
{
    uint8_t data[600] = {0, 0, 0, 0, 0, 1};
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_question q;

    memcpy(data + 12, names, len);
    assert_int_equal(mdns_begin(&r, &h, data, 12 + len), 0);
    return mdns_read_question(&r, &q);
}

static void names_do_not_run_in_circles_or_forward(void **state)
{
    (void)state;
    const uint8_t self[] = {0xc0, 12, 0, 1, 0, 1};
    const uint8_t forward[] = {0xc0, 18, 0, 1, 0, 1, 1, 'a', 0};
    const uint8_t circle[] = {1, 'a', 0xc0, 12, 0, 1, 0, 1};
    const uint8_t strange[] = {0x80, 1, 0, 1, 0, 1};

    assert_int_equal(read_first_name(self, sizeof(self)), -EBADMSG);
    assert_int_equal(read_first_name(forward, sizeof(forward)), -EBADMSG);
    assert_int_equal(read_first_name(circle, sizeof(circle)), -EBADMSG);
    assert_int_equal(read_first_name(strange, sizeof(strange)), -EBADMSG);
}

static void names_of_more_than_255_bytes_are_refused(void **state)
{
    (void)state;
    uint8_t names[400];

    for (unsigned labels = 1; labels < 6; labels++) {
        size_t len = 0;
        for (unsigned i = 0; i < labels; i++) {
            names[len++] = 60;
            memset(names + len, 'x', 60);
            len += 60;
        }
        names[len++] = 0;
        memset(names + len, 0, 4);
        int err = read_first_name(names, len + 4);
        assert_int_equal(err, labels * 61 + 1 <= MDNS_NAME_MAX ? 0 : -EBADMSG);
    }
}

static void counts_beyond_bearing_are_refused(void **state)
{
    (void)state;
    struct mdns_reader r;
    struct mdns_header h;
    uint8_t data[12] = {0, 0, 0, 0, 0, MDNS_QUESTIONS_MAX, 0, MDNS_ANSWERS_MAX};

    assert_int_equal(mdns_begin(&r, &h, data, 12), 0);
    data[5]++;
    assert_int_equal(mdns_begin(&r, &h, data, 12), -EBADMSG);
    data[5]--;
    data[7]++;
    assert_int_equal(mdns_begin(&r, &h, data, 12), -EBADMSG);
    data[7]--;
    data[2] = 0x28; /* an update */
    assert_int_equal(mdns_begin(&r, &h, data, 12), -EBADMSG);
}

static void records_of_other_types_are_stepped_over(void **state)
{
    (void)state;
    const uint8_t data[] = {0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 'a', 0,   0,
                            1, 0, 1,    0, 0, 0, 9, 0, 4, 1, 2, 3, 4, 1,   'b', 0xc0};
    struct mdns_reader r;
    struct mdns_header h;
    struct mdns_pointer p;

    assert_int_equal(mdns_begin(&r, &h, data, sizeof(data)), 0);
    assert_true(h.response);
    assert_int_equal(mdns_read_pointer(&r, &p), 0);
    assert_int_equal(r.at, 29);
}

static void records_are_written_as_the_wire_wants_them(void **state)
{
    (void)state;
    const uint8_t expected[] = {1, 'a', 0, 0, 16, 0x80, 1, 0, 0, 0x11, 0x94, 0, 3};
    uint8_t out[64];
    struct writer w = writer_over(out, sizeof(out));
    struct mdns_name name = mdns_name("a");

    mdns_write_record(&w, &name, MDNS_TXT, MDNS_FLUSH, 4500, 3);
    assert_int_equal(writer_len(&w, out), sizeof(expected));
    assert_memory_equal(out, expected, sizeof(expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_questions_and_known_answers),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(names_do_not_run_in_circles_or_forward),
        cmocka_unit_test(names_of_more_than_255_bytes_are_refused),
        cmocka_unit_test(counts_beyond_bearing_are_refused),
        cmocka_unit_test(records_of_other_types_are_stepped_over),
        cmocka_unit_test(records_are_written_as_the_wire_wants_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
