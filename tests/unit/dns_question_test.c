/* One question, and answers of every shape and length. */
#include "config/control/dns_question.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* web.overlay A 198.19.1.2, with the name compressed, after a CNAME */
static const uint8_t ANSWER[] = {
    0x12, 0x34, 0x81, 0x80, 0,   1,   0,   2,   0,   0,  0, 0,   3,    'w', 'e',
    'b',  7,    'o',  'v',  'e', 'r', 'l', 'a', 'y', 0,  0, 1,   0,    1, /* question */
    0xc0, 12,   0,    5,    0,   1,   0,   0,   0,   30, 0, 2,   0xc0, 16,  0xc0,
    12,   0,    1,    0,    1,   0,   0,   0,   30,  0,  4, 198, 19,   1,   2};

static void a_question_is_written_as_the_rfc_says(void **state)
{
    (void)state;
    static const uint8_t QUESTION[] = {0x12, 0x34, 1,   0,   0,   1,   0, 0,   0,   0,
                                       0,    0,    3,   'w', 'e', 'b', 7, 'o', 'v', 'e',
                                       'r',  'l',  'a', 'y', 0,   0,   1, 0,   1};
    uint8_t out[DNS_QUESTION_MAX];
    char label[65];

    assert_int_equal(dns_question_write(out, 0x1234, "web.overlay", DNS_TYPE_A), sizeof(QUESTION));
    assert_memory_equal(out, QUESTION, sizeof(QUESTION));
    assert_int_equal(dns_question_write(out, 1, "", DNS_TYPE_A), 0);
    assert_int_equal(dns_question_write(out, 1, "web..overlay", DNS_TYPE_A), 0);
    memset(label, 'a', 64);
    label[64] = '\0';
    assert_int_equal(dns_question_write(out, 1, label, DNS_TYPE_A), 0);
    label[63] = '\0';
    assert_true(dns_question_write(out, 1, label, DNS_TYPE_A) > 0);
}

static void the_first_address_is_read(void **state)
{
    (void)state;
    static const uint8_t ADDRESS[] = {198, 19, 1, 2};
    struct dns_reply r;

    assert_int_equal(dns_reply_read(&r, ANSWER, sizeof(ANSWER), 0x1234), 0);
    assert_true(r.has_address && r.rcode == 0 && r.answers == 2);
    assert_memory_equal(r.address, ADDRESS, 4);
}

static void what_is_cut_off_or_is_none_of_ours_is_no_answer(void **state)
{
    (void)state;
    uint8_t copy[sizeof(ANSWER)];
    struct dns_reply r;

    for (size_t len = 0; len < sizeof(ANSWER); len++)
        assert_int_equal(dns_reply_read(&r, ANSWER, len, 0x1234), -EBADMSG);
    assert_int_equal(dns_reply_read(&r, ANSWER, sizeof(ANSWER), 0x1235), -EBADMSG);
    memcpy(copy, ANSWER, sizeof(copy));
    copy[2] = 1; /* a question */
    assert_int_equal(dns_reply_read(&r, copy, sizeof(copy), 0x1234), -EBADMSG);
}

static void a_refusal_is_an_answer(void **state)
{
    (void)state;
    static const uint8_t SERVFAIL[] = {0, 1, 0x81, 0x82, 0, 0, 0, 0, 0, 0, 0, 0};
    struct dns_reply r;

    assert_int_equal(dns_reply_read(&r, SERVFAIL, sizeof(SERVFAIL), 1), 0);
    assert_int_equal(r.rcode, DNS_SERVFAIL);
    assert_false(r.has_address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_written_as_the_rfc_says),
        cmocka_unit_test(the_first_address_is_read),
        cmocka_unit_test(what_is_cut_off_or_is_none_of_ours_is_no_answer),
        cmocka_unit_test(a_refusal_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
