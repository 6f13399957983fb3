/* What libnss_overlay and the gateway say to one another. */
#include "dns/nss/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t data[NSS_ANSWER_MAX + 1];

static struct nss_question longest_question(void)
{
    struct nss_question q = {.by_address = false};
    memset(q.name, 'x', NSS_NAME_MAX);
    return q;
}

static struct nss_answer longest_answer(void)
{
    struct nss_answer a = {.found = true, .ttl = 30, .count = NSS_ADDRESSES_MAX};
    for (size_t i = 0; i < a.count; i++) {
        a.address[i].len = i == 0 ? 4 : 16;
        memset(a.address[i].ip, 7 + (int)i, a.address[i].len);
    }
    memset(a.name, 'y', NSS_NAME_MAX);
    return a;
}

static void a_question_is_understood(void **state)
{
    (void)state;
    struct nss_question q = {.name = "alice.overlay"}, again;
    size_t len = nss_question_write(&q, data);
    assert_memory_equal(data, "n\015alice.overlay", len);
    assert_int_equal(nss_question_read(&again, data, len), (int)len);
    assert_memory_equal(&q, &again, sizeof(q));

    q = (struct nss_question){.by_address = true, .ip = {198, 19, 4, 5}};
    len = nss_question_write(&q, data);
    assert_memory_equal(data, "a\4\306\023\4\5", len);
    assert_int_equal(nss_question_read(&again, data, len), (int)len);
    assert_memory_equal(&q, &again, sizeof(q));
}

static void an_answer_is_understood(void **state)
{
    (void)state;
    struct nss_answer a = longest_answer(), again;
    size_t len = nss_answer_write(&a, data);
    assert_true(len <= NSS_ANSWER_MAX);
    assert_int_equal(nss_answer_read(&again, data, len), (int)len);
    assert_memory_equal(&a, &again, sizeof(a));
    a = (struct nss_answer){.found = false};
    len = nss_answer_write(&a, data);
    assert_memory_equal(data, "n\0\0\0", len);
    assert_int_equal(nss_answer_read(&again, data, len), (int)len);
    assert_false(again.found);
}

/* From memory of its own, so that a byte too many is noticed. */
static int read_cut(bool question, size_t len)
{
    struct nss_question q;
    struct nss_answer a;
    uint8_t *exact = malloc(len + (len == 0));
    assert_non_null(exact);
    memcpy(exact, data, len);
    int err = question ? nss_question_read(&q, exact, len) : nss_answer_read(&a, exact, len);
    free(exact);
    return err;
}

static void a_part_of_a_message_is_waited_for(void **state)
{
    (void)state;
    struct nss_question q = longest_question();
    size_t len = nss_question_write(&q, data);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(read_cut(true, cut), 0);
    assert_int_equal(read_cut(true, len), (int)len);
    struct nss_answer a = longest_answer();
    len = nss_answer_write(&a, data);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(read_cut(false, cut), 0);
    assert_int_equal(read_cut(false, len), (int)len);
}

static void what_comes_behind_is_left(void **state)
{
    (void)state;
    struct nss_question q = {.name = "a.b"};
    size_t len = nss_question_write(&q, data);
    data[len] = 'n';
    assert_int_equal(read_cut(true, len + 1), (int)len);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        bool question;
    } bad[] = {
        {"x", 1, true},           {"n\0", 2, true},         {"n\376", 2, true},
        {"a\3", 2, true},         {"a\20", 2, true},        {"n\3a\0b", 5, true},
        {"x", 1, false},          {"y\36\3", 3, false},     {"y\36\1\5", 4, false},
        {"y\36\0\376", 4, false}, {"y\36\0\1\0", 5, false}, {"y\36\0\3a\nb", 7, false},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        memcpy(data, bad[i].text, bad[i].len);
        assert_int_equal(read_cut(bad[i].question, bad[i].len), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_understood),
        cmocka_unit_test(an_answer_is_understood),
        cmocka_unit_test(a_part_of_a_message_is_waited_for),
        cmocka_unit_test(what_comes_behind_is_left),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
