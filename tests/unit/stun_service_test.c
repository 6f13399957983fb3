/* The STUN service: right answers, and never too much of anything. */
#include "gateway/relay/stun_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/stun.h"

static struct stun_service service;
static uint8_t request[STUN_MAX], out[STUN_ANSWER_MAX];
static const uint8_t ID[STUN_ID_LEN] = "twelve bytes";

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void start(bool never_larger)
{
    static const uint8_t secret[MAP_SECRET_LEN] = {7};
    stun_service_init(&service, secret, never_larger);
}

/* A request with so many bytes of blanks and perhaps a fingerprint. */
static size_t ask(size_t blanks, bool fingerprint)
{
    struct stun_writer w;
    uint8_t text[64];
    memset(text, ' ', sizeof(text));
    stun_begin(&w, request, sizeof(request), STUN_REQUEST, STUN_BINDING, ID);
    if (blanks > 0)
        stun_put(&w, STUN_SOFTWARE, text, blanks);
    if (fingerprint)
        stun_put_fingerprint(&w);
    return stun_end(&w);
}

static size_t answer(instant now, const char *from, size_t len)
{
    struct addr a = at(from);
    return stun_service_answer(&service, now, &a, request, len, out);
}

static void tells_the_address_it_sees(void **state)
{
    (void)state;
    static const char *const FROM[] = {"203.0.113.5:1234", "[2001:db8::5]:1234"};
    struct stun_message m;
    struct addr mapped, from;
    start(false);
    for (unsigned i = 0; i < 2; i++) {
        size_t len = answer(0, FROM[i], ask(0, i == 1));
        assert_int_equal(stun_read(&m, out, len), 0);
        assert_int_equal(m.class, STUN_SUCCESS);
        assert_memory_equal(m.id, ID, STUN_ID_LEN);
        assert_int_equal(m.fingerprint, i == 1); /* as it was asked */
        assert_int_equal(m.count, 1 + i);
        from = at(FROM[i]);
        assert_int_equal(stun_get_address(&m, STUN_XOR_MAPPED_ADDRESS, &mapped), 0);
        assert_true(addr_equal(&mapped, &from));
    }
    assert_int_equal(service.answered, 2);
}

static void a_mapped_ipv6_address_is_told_as_ipv4(void **state)
{
    (void)state;
    struct stun_message m;
    struct addr mapped, plain = at("203.0.113.5:1234");
    start(false);
    size_t len = answer(0, "[::ffff:203.0.113.5]:1234", ask(0, false));
    assert_int_equal(stun_read(&m, out, len), 0);
    assert_int_equal(stun_get_address(&m, STUN_XOR_MAPPED_ADDRESS, &mapped), 0);
    assert_true(addr_equal(&mapped, &plain));
}

static void never_answers_with_more_than_it_got(void **state)
{
    (void)state;
    start(true);
    assert_int_equal(answer(0, "203.0.113.5:1", ask(0, false)), 0);
    assert_int_equal(answer(0, "203.0.113.5:1", ask(4, false)), 0);
    assert_int_equal(answer(0, "203.0.113.5:1", ask(8, false)), 32);
    assert_int_equal(answer(0, "[2001:db8::5]:1", ask(8, false)), 0);
    assert_int_equal(answer(0, "[2001:db8::5]:1", ask(20, true)), 52); /* as stun_query asks */
}

static void will_not_answer_to_another_address(void **state)
{
    (void)state;
    static const enum stun_attr TYPE[] = {STUN_CHANGE_REQUEST, STUN_RESPONSE_PORT};
    struct stun_message m;
    struct stun_writer w;
    unsigned code;
    start(false);
    for (unsigned i = 0; i < 2; i++) {
        stun_begin(&w, request, sizeof(request), STUN_REQUEST, STUN_BINDING, ID);
        stun_put_u32(&w, TYPE[i], 6);
        size_t len = answer(0, "203.0.113.5:1", stun_end(&w));
        assert_int_equal(stun_read(&m, out, len), 0);
        assert_int_equal(m.class, STUN_ERROR);
        assert_int_equal(stun_get_error(&m, &code, NULL, 0), 0);
        assert_int_equal(code, 420);
        assert_true(stun_has(&m, STUN_UNKNOWN_ATTRIBUTES));
    }
    assert_int_equal(service.refused, 2);
}

static void many_unknown_attributes_make_no_large_answer(void **state)
{
    (void)state;
    struct stun_writer w;
    start(false);
    stun_begin(&w, request, sizeof(request), STUN_REQUEST, STUN_BINDING, ID);
    for (unsigned i = 0; i < STUN_ATTRS_MAX; i++)
        stun_put(&w, (enum stun_attr)(0x7000 + i), NULL, 0);
    size_t len = stun_end(&w);
    size_t n = answer(0, "203.0.113.5:1", len);
    assert_true(n > 0 && n < len);
}

static void is_silent_about_everything_else(void **state)
{
    (void)state;
    struct stun_writer w;
    start(false);
    for (unsigned class = STUN_INDICATION; class <= STUN_ERROR; class ++) {
        stun_begin(&w, request, sizeof(request), (enum stun_class) class, STUN_BINDING, ID);
        assert_int_equal(answer(0, "203.0.113.5:1", stun_end(&w)), 0);
    }
    stun_begin(&w, request, sizeof(request), STUN_REQUEST, STUN_ALLOCATE, ID);
    assert_int_equal(answer(0, "203.0.113.5:1", stun_end(&w)), 0);
    size_t whole = ask(20, true);
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(answer(0, "203.0.113.5:1", len), 0);
    assert_int_equal(answer(0, "203.0.113.5:0", whole), 0);
    assert_int_equal(service.answered + service.refused + service.limited, 0);
}

static unsigned answers_to(const char *from, instant now, unsigned requests)
{
    unsigned count = 0;
    size_t len = ask(20, true);
    for (unsigned i = 0; i < requests; i++)
        count += answer(now, from, len) > 0;
    return count;
}

static void a_network_gets_so_many_answers_and_others_theirs(void **state)
{
    (void)state;
    start(false);
    assert_int_equal(answers_to("203.0.113.5:1", 0, 1000), STUN_SERVICE_BURST);
    assert_int_equal(answers_to("203.0.113.77:9", 0, 10), 0); /* the same /24 */
    assert_int_equal(answers_to("203.0.114.5:1", 0, 10), 10);
    assert_int_equal(answers_to("[2001:db8:1:2::5]:1", 0, 1000), STUN_SERVICE_BURST);
    assert_int_equal(answers_to("[2001:db8:1:3::5]:1", 0, 10), 0); /* the same /48 */
    assert_int_equal(answers_to("203.0.113.5:1", SEC(1), 1000), STUN_SERVICE_RATE);
}

static void all_together_get_so_many(void **state)
{
    (void)state;
    unsigned total = 0;
    start(false);
    for (unsigned i = 0; i < 256; i++) {
        uint8_t ip[4] = {203, 0, (uint8_t)i, 1};
        struct addr from = addr_v4(ip, 1000);
        size_t len = ask(20, true);
        for (unsigned n = 0; n < 100; n++)
            total += stun_service_answer(&service, 0, &from, request, len, out) > 0;
    }
    assert_int_equal(total, STUN_SERVICE_TOTAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_address_it_sees),
        cmocka_unit_test(a_mapped_ipv6_address_is_told_as_ipv4),
        cmocka_unit_test(never_answers_with_more_than_it_got),
        cmocka_unit_test(will_not_answer_to_another_address),
        cmocka_unit_test(many_unknown_attributes_make_no_large_answer),
        cmocka_unit_test(is_silent_about_everything_else),
        cmocka_unit_test(a_network_gets_so_many_answers_and_others_theirs),
        cmocka_unit_test(all_together_get_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
