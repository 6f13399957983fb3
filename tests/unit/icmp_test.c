/* ICMP messages, and the notice in one. */
#include "gateway/wire/icmp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/icmp_notice.h"

static const uint8_t DATA[5] = {'h', 'e', 'l', 'l', 'o'};
static const uint8_t HERE[4] = {203, 0, 113, 9}, THERE[4] = {192, 0, 2, 79};

static struct icmp_exceeded example(void)
{
    return (struct icmp_exceeded){
        .from = addr_v4(HERE, 0),
        .to = addr_v4(THERE, 0),
        .echo = {.id = 0x1234, .sequence = 7, .data = DATA, .len = sizeof(DATA)},
    };
}

static void sums_as_rfc_1071_does(void **state)
{
    static const uint8_t even[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}; /* its §3 */
    static const uint8_t odd[] = {0x01, 0x02, 0x03};
    (void)state;

    assert_int_equal(icmp_sum(even, sizeof(even)), 0xffff - 0xddf2);
    assert_int_equal(icmp_sum(odd, sizeof(odd)), 0xffff - 0x0402);
    assert_int_equal(icmp_sum(NULL, 0), 0xffff);
}

static void an_echo_request_is_as_rfc_792_has_it(void **state)
{
    static const uint8_t want[] = {8, 0, 0xf7, 0xed, 0, 3, 0, 4, 0, 1, 0, 10};
    static const uint8_t data[] = {0, 1, 0, 10};
    const struct icmp_echo echo = {.id = 3, .sequence = 4, .data = data, .len = sizeof(data)};
    uint8_t out[ICMP_MESSAGE_MAX];
    (void)state;

    assert_int_equal(icmp_echo_write(out, &echo), ICMP_ECHO_LEN + 4);
    assert_memory_equal(out, want, sizeof(want));
}

static void a_time_exceeded_is_read_as_it_was_written(void **state)
{
    const struct icmp_exceeded e = example();
    struct icmp_exceeded got;
    uint8_t out[ICMP_MESSAGE_MAX];
    (void)state;

    size_t len = icmp_exceeded_write(out, &e);
    assert_int_equal(len, ICMP_EXCEEDED_LEN + sizeof(DATA));
    assert_int_equal(icmp_sum(out, len), 0);
    assert_int_equal(icmp_sum(out + 8, 20), 0);
    assert_int_equal(icmp_sum(out + 28, len - 28), 0);
    assert_int_equal(icmp_exceeded_read(&got, out, len), 0);
    assert_true(addr_equal(&got.from, &e.from));
    assert_true(addr_equal(&got.to, &e.to));
    assert_int_equal(got.echo.id, 0x1234);
    assert_int_equal(got.echo.sequence, 7);
    assert_int_equal(got.echo.len, sizeof(DATA));
    assert_memory_equal(got.echo.data, DATA, sizeof(DATA));
}

static void fix_sum(uint8_t *out, size_t len)
{
    out[2] = out[3] = 0;
    uint16_t sum = icmp_sum(out, len);
    out[2] = (uint8_t)(sum >> 8);
    out[3] = (uint8_t)sum;
}

static void a_message_cut_anywhere_is_none(void **state)
{
    const struct icmp_exceeded e = example();
    struct icmp_exceeded got;
    uint8_t out[ICMP_MESSAGE_MAX];
    size_t len = icmp_exceeded_write(out, &e);
    (void)state;

    for (size_t cut = 0; cut < len; cut++) {
        uint8_t part[ICMP_MESSAGE_MAX];
        memcpy(part, out, cut);
        assert_int_equal(icmp_exceeded_read(&got, part, cut), -EBADMSG); /* by its sum */
        if (cut < 4)
            continue;
        fix_sum(part, cut);
        int err = icmp_exceeded_read(&got, part, cut);
        assert_int_equal(err, cut < ICMP_EXCEEDED_LEN ? -EBADMSG : 0);
        if (err == 0) /* routers need not quote all */
            assert_int_equal(got.echo.len, cut - ICMP_EXCEEDED_LEN);
    }
}

static void each_damaged_bit_is_seen_by_the_sum(void **state)
{
    const struct icmp_exceeded e = example();
    struct icmp_exceeded got;
    uint8_t out[ICMP_MESSAGE_MAX];
    size_t len = icmp_exceeded_write(out, &e);
    (void)state;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(icmp_exceeded_read(&got, out, len), -EBADMSG);
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(icmp_exceeded_read(&got, out, len), 0);
}

static int read_with(size_t at, uint8_t value)
{
    const struct icmp_exceeded e = example();
    struct icmp_exceeded got;
    uint8_t out[ICMP_MESSAGE_MAX];
    size_t len = icmp_exceeded_write(out, &e);

    out[at] = value;
    fix_sum(out, len);
    return icmp_exceeded_read(&got, out, len);
}

static void what_is_about_anything_but_an_echo_request_is_not_read(void **state)
{
    (void)state;
    assert_int_equal(read_with(1, 0), 0);
    assert_int_equal(read_with(0, 3), -EBADMSG);    /* Destination Unreachable */
    assert_int_equal(read_with(1, 1), -EBADMSG);    /* reassembly took too long */
    assert_int_equal(read_with(8, 0x65), -EBADMSG); /* IP version 6 */
    assert_int_equal(read_with(8, 0x44), -EBADMSG); /* a header of 16 bytes */
    assert_int_equal(read_with(8, 0x4f), -EBADMSG); /* of 60, which are not there */
    assert_int_equal(read_with(11, 19), -EBADMSG);  /* a packet shorter than its header */
    assert_int_equal(read_with(15, 1), -EBADMSG);   /* a later fragment */
    assert_int_equal(read_with(14, 0x40), 0);       /* "don't fragment" */
    assert_int_equal(read_with(17, 17), -EBADMSG);  /* UDP */
    assert_int_equal(read_with(28, 0), -EBADMSG);   /* an echo reply */
    assert_int_equal(read_with(29, 1), -EBADMSG);
}

static void ip_options_and_what_follows_the_packet_are_passed_over(void **state)
{
    const struct icmp_exceeded e = example();
    struct icmp_exceeded got;
    uint8_t out[ICMP_MESSAGE_MAX], long_one[ICMP_MESSAGE_MAX] = {0};
    size_t len = icmp_exceeded_write(out, &e);
    (void)state;

    memcpy(long_one, out, 28);
    memcpy(long_one + 32, out + 28, len - 28); /* four bytes of options */
    long_one[8] = 0x46;
    long_one[11] = (uint8_t)(long_one[11] + 4);
    fix_sum(long_one, len + 4 + 8); /* and eight bytes behind it: RFC 4884 */
    assert_int_equal(icmp_exceeded_read(&got, long_one, len + 4 + 8), 0);
    assert_int_equal(got.echo.len, sizeof(DATA));
    assert_memory_equal(got.echo.data, DATA, sizeof(DATA));
}

static void more_data_than_the_limit_are_not_read(void **state)
{
    uint8_t out[ICMP_MESSAGE_MAX + 1] = {0}, data[ICMP_DATA_MAX] = {0};
    struct icmp_exceeded e = example(), got;
    (void)state;

    e.echo.data = data;
    e.echo.len = sizeof(data);
    size_t len = icmp_exceeded_write(out, &e);
    assert_int_equal(len, ICMP_MESSAGE_MAX);
    assert_int_equal(icmp_exceeded_read(&got, out, len), 0);
    out[11]++;
    if (out[11] == 0)
        out[10]++;
    fix_sum(out, sizeof(out));
    assert_int_equal(icmp_exceeded_read(&got, out, sizeof(out)), -EMSGSIZE);
}

/* ---- the notice ---- */

static size_t write_notice(uint8_t out[static ICMP_NOTICE_LEN], const uint8_t *key)
{
    const struct icmp_notice notice = {
        .time_ms = UINT64_C(1700000000123), .at = addr_v4(HERE, 4433), .fresh_port = 50000};

    for (size_t i = 0; i < ICMP_NOTICE_NONCE_LEN; i++)
        out[i] = (uint8_t)(i * 37 + 11);
    icmp_notice_write(out, &notice, key);
    return ICMP_NOTICE_LEN;
}

static void a_notice_is_opened_with_its_key_alone(void **state)
{
    static const uint8_t key[ICMP_NOTICE_KEY_LEN] = {1}, other[ICMP_NOTICE_KEY_LEN] = {2};
    const struct addr at = addr_v4(HERE, 4433);
    uint8_t out[ICMP_NOTICE_LEN];
    struct icmp_notice got;
    size_t len = write_notice(out, key);
    (void)state;

    assert_int_equal(icmp_notice_read(&got, out, len, key), 0);
    assert_true(got.time_ms == UINT64_C(1700000000123));
    assert_true(addr_equal(&got.at, &at));
    assert_int_equal(got.fresh_port, 50000);
    assert_int_equal(icmp_notice_read(&got, out, len, other), -EBADMSG);
    for (size_t i = 0; i < 8 * len; i++) {
        out[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_int_equal(icmp_notice_read(&got, out, len, key), -EBADMSG);
        out[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void a_notice_of_any_other_length_is_none(void **state)
{
    static const uint8_t key[ICMP_NOTICE_KEY_LEN] = {1};
    uint8_t out[ICMP_NOTICE_LEN + 1] = {0};
    struct icmp_notice got;
    (void)state;

    (void)write_notice(out, key);
    for (size_t len = 0; len < ICMP_NOTICE_LEN; len++)
        assert_int_equal(icmp_notice_read(&got, out, len, key), -EBADMSG);
    assert_int_equal(icmp_notice_read(&got, out, ICMP_NOTICE_LEN + 1, key), -EBADMSG);
}

static void a_notice_shows_nothing_of_what_it_says(void **state)
{
    static const uint8_t key[ICMP_NOTICE_KEY_LEN] = {1};
    uint8_t out[ICMP_NOTICE_LEN];
    (void)state;

    (void)write_notice(out, key);
    for (size_t i = 0; i + sizeof(HERE) <= sizeof(out); i++)
        assert_memory_not_equal(out + i, HERE, sizeof(HERE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_as_rfc_1071_does),
        cmocka_unit_test(an_echo_request_is_as_rfc_792_has_it),
        cmocka_unit_test(a_time_exceeded_is_read_as_it_was_written),
        cmocka_unit_test(a_message_cut_anywhere_is_none),
        cmocka_unit_test(each_damaged_bit_is_seen_by_the_sum),
        cmocka_unit_test(what_is_about_anything_but_an_echo_request_is_not_read),
        cmocka_unit_test(ip_options_and_what_follows_the_packet_are_passed_over),
        cmocka_unit_test(more_data_than_the_limit_are_not_read),
        cmocka_unit_test(a_notice_is_opened_with_its_key_alone),
        cmocka_unit_test(a_notice_of_any_other_length_is_none),
        cmocka_unit_test(a_notice_shows_nothing_of_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
