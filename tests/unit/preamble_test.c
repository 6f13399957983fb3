#include "gateway/wire/preamble.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[PREAMBLE_MAX + 64];

static size_t write_web(enum preamble_kind kind)
{
    struct preamble p = {.kind = kind, .name = "web", .port = 8080};
    return preamble_write(&p, buffer);
}

static void reads_what_it_wrote_and_leaves_the_data_behind_it(void **state)
{
    (void)state;
    struct preamble p;
    size_t len = write_web(PREAMBLE_TCP);

    memcpy(buffer + len, "GET /", 5);
    assert_int_equal(preamble_read(&p, buffer, len + 5), len);
    assert_int_equal(p.kind, PREAMBLE_TCP);
    assert_string_equal(p.name, "web");
    assert_int_equal(p.port, 8080);
}

static void wants_more_for_every_part_of_a_preamble(void **state)
{
    (void)state;
    struct preamble p;
    size_t len = write_web(PREAMBLE_UDP);

    for (size_t n = 0; n < len; n++)
        assert_int_equal(preamble_read(&p, buffer, n), -EAGAIN);
}

static void skips_an_extension(void **state)
{
    (void)state;
    struct preamble p;
    size_t len = write_web(PREAMBLE_TCP);

    buffer[len - 2] = PREAMBLE_EXT_MAX >> 8;
    buffer[len - 1] = PREAMBLE_EXT_MAX & 0xff;
    for (size_t n = len; n < len + PREAMBLE_EXT_MAX; n++)
        assert_int_equal(preamble_read(&p, buffer, n), -EAGAIN);
    assert_int_equal(preamble_read(&p, buffer, len + PREAMBLE_EXT_MAX), len + PREAMBLE_EXT_MAX);
    buffer[len - 1]++;
    assert_int_equal(preamble_read(&p, buffer, sizeof(buffer)), -EBADMSG);
}

static void refuses_another_version_or_kind_at_once(void **state)
{
    (void)state;
    struct preamble p;

    (void)write_web(PREAMBLE_TCP);
    buffer[0] = 2;
    assert_int_equal(preamble_read(&p, buffer, 1), -EBADMSG);
    (void)write_web(PREAMBLE_TCP);
    for (unsigned kind = 0; kind < 256; kind++) {
        buffer[1] = (uint8_t)kind;
        bool ok = kind >= PREAMBLE_TCP && kind <= PREAMBLE_BENCH;
        assert_int_equal(preamble_read(&p, buffer, 2), ok ? -EAGAIN : -EBADMSG);
    }
}

static void a_service_has_a_name_or_a_port(void **state)
{
    (void)state;
    struct preamble p = {.kind = PREAMBLE_TCP}, read;

    size_t len = preamble_write(&p, buffer);
    assert_int_equal(preamble_read(&read, buffer, len), -EBADMSG);
    p.port = 22;
    len = preamble_write(&p, buffer);
    assert_int_equal(preamble_read(&read, buffer, len), len);
    p = (struct preamble){.kind = PREAMBLE_CONTROL};
    len = preamble_write(&p, buffer);
    assert_int_equal(preamble_read(&read, buffer, len), len);
}

static void knows_good_names_from_bad(void **state)
{
    (void)state;
    const char *const good[] = {"a", "web", "p3000", "x-1", "abcdefghijklmnopqrstuvwxyz012345"};
    const char *const bad[] = {
        "",    "-a",  "a-",  "A",        "a.b",
        "a_b", "a b", "a\n", "\xc3\xa4", "abcdefghijklmnopqrstuvwxyz0123456"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(preamble_name_ok(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(preamble_name_ok(bad[i]));
}

static void refuses_bad_names_and_long_ones(void **state)
{
    (void)state;
    struct preamble p;
    size_t len = write_web(PREAMBLE_TCP);

    buffer[4] = '\0';
    assert_int_equal(preamble_read(&p, buffer, len), -EBADMSG);
    buffer[2] = PREAMBLE_NAME_MAX + 1;
    assert_int_equal(preamble_read(&p, buffer, 3), -EBADMSG);
}

static void answers_are_read_as_written(void **state)
{
    (void)state;
    struct preamble_answer a = {.status = PREAMBLE_REFUSED, .reason = "connection refused"}, read;
    uint8_t out[PREAMBLE_ANSWER_MAX];
    size_t len = preamble_answer_write(&a, out);

    for (size_t n = 0; n < len; n++)
        assert_int_equal(preamble_answer_read(&read, out, n), -EAGAIN);
    assert_int_equal(preamble_answer_read(&read, out, len), len);
    assert_int_equal(read.status, PREAMBLE_REFUSED);
    assert_string_equal(read.reason, "connection refused");
    out[0] = PREAMBLE_WRONG_PROTO + 1;
    assert_int_equal(preamble_answer_read(&read, out, 1), -EBADMSG);
    out[0] = 0;
    out[1] = PREAMBLE_REASON_MAX + 1;
    assert_int_equal(preamble_answer_read(&read, out, 2), -EBADMSG);
}

static void a_reason_cannot_drive_a_terminal(void **state)
{
    (void)state;
    const uint8_t evil[] = {0, 6, 'a', '\n', 27, 0xc2, 0x9b, 0x7f};
    struct preamble_answer a;

    assert_int_equal(preamble_answer_read(&a, evil, sizeof(evil)), sizeof(evil));
    assert_memory_equal(a.reason, "a??\xc2??", 7);
}

static void nor_turn_the_direction_of_a_line(void **state)
{
    static const char said[] = "a\xe2\x80\xae"
                               "b\xe2\x81\xa6"
                               "c\xe2\x80\x8f"
                               "d\xe2\x82\xac\xe2\x80";
    struct preamble_answer a;
    uint8_t data[64] = {PREAMBLE_REFUSED, sizeof(said) - 1};
    (void)state;
    memcpy(data + 2, said, sizeof(said) - 1);
    assert_true(preamble_answer_read(&a, data, 2 + sizeof(said) - 1) > 0);
    assert_string_equal(a.reason, "a???b???c???d\xe2\x82\xac\xe2\x80");
}

static void every_status_has_a_text(void **state)
{
    (void)state;
    for (int s = PREAMBLE_OK; s <= PREAMBLE_WRONG_PROTO; s++)
        assert_string_not_equal(preamble_status_text((enum preamble_status)s), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote_and_leaves_the_data_behind_it),
        cmocka_unit_test(wants_more_for_every_part_of_a_preamble),
        cmocka_unit_test(skips_an_extension),
        cmocka_unit_test(refuses_another_version_or_kind_at_once),
        cmocka_unit_test(a_service_has_a_name_or_a_port),
        cmocka_unit_test(knows_good_names_from_bad),
        cmocka_unit_test(refuses_bad_names_and_long_ones),
        cmocka_unit_test(answers_are_read_as_written),
        cmocka_unit_test(a_reason_cannot_drive_a_terminal),
        cmocka_unit_test(nor_turn_the_direction_of_a_line),
        cmocka_unit_test(every_status_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
