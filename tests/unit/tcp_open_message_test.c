/* The message before two gateways connect at the same moment. */
#include "gateway/wire/tcp_open_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void an_address_comes_back_as_it_was_written(void **state)
{
    static const char *const TEXT[] = {"203.0.113.7:443", "[2001:db8::7]:65535"};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        uint8_t body[TCP_OPEN_MESSAGE_MAX];
        const struct addr written = at(TEXT[i]);
        const struct message_part part = tcp_open_message_write(&written, body);
        struct addr read;
        assert_true(tcp_open_message_is(&part));
        assert_int_equal(part.len, i == 0 ? 7 : 19);
        assert_int_equal(tcp_open_message_read(&read, &part), 0);
        assert_true(addr_equal(&read, &written));
    }
}

static void the_layout_is_as_written_down(void **state)
{
    static const uint8_t EXPECTED[] = {4, 0x01, 0xbb, 203, 0, 113, 7};
    uint8_t body[TCP_OPEN_MESSAGE_MAX];
    const struct addr written = at("203.0.113.7:443");
    const struct message_part part = tcp_open_message_write(&written, body);
    (void)state;
    assert_int_equal(part.type, 56);
    assert_int_equal(part.len, sizeof(EXPECTED));
    assert_memory_equal(part.data, EXPECTED, sizeof(EXPECTED));
}

static void a_truncated_one_is_refused(void **state)
{
    static const char *const TEXT[] = {"203.0.113.7:443", "[2001:db8::7]:65535"};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        uint8_t body[TCP_OPEN_MESSAGE_MAX];
        const struct addr written = at(TEXT[i]);
        struct message_part part = tcp_open_message_write(&written, body);
        const size_t whole = part.len;
        struct addr read;
        for (part.len = 0; part.len < whole; part.len++)
            assert_int_equal(tcp_open_message_read(&read, &part), -EBADMSG);
    }
}

static void another_family_port_0_and_another_type_are_refused(void **state)
{
    static const uint8_t FAMILY[] = {5, 1, 0, 1, 2, 3, 4}, PORT[] = {4, 0, 0, 1, 2, 3, 4},
                         FINE[] = {4, 0, 9, 1, 2, 3, 4, 99};
    struct message_part part = {.type = TCP_OPEN_MESSAGE, .data = FAMILY, .len = sizeof(FAMILY)};
    struct addr read;
    (void)state;

    assert_int_equal(tcp_open_message_read(&read, &part), -EBADMSG);
    part.data = PORT;
    assert_int_equal(tcp_open_message_read(&read, &part), -EBADMSG);
    part.data = FINE;
    part.len = sizeof(FINE);
    assert_int_equal(tcp_open_message_read(&read, &part), 0);
    part.type = TCP_OPEN_MESSAGE + 1;
    assert_int_equal(tcp_open_message_read(&read, &part), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_comes_back_as_it_was_written),
        cmocka_unit_test(the_layout_is_as_written_down),
        cmocka_unit_test(a_truncated_one_is_refused),
        cmocka_unit_test(another_family_port_0_and_another_type_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
