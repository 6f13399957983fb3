/* What gateways tell one another about others: read as written, refused when cut. */
#include "gateway/wire/exchange_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t SIG[PKARR_SIG_LEN] = {1, 2, 3};
static const uint8_t PACKET[] = "the packet";

static struct exchange_message whole(unsigned type)
{
    struct exchange_message m = {.type = (enum exchange_type)type};

    memset(m.key, 0xa5, sizeof(m.key));
    if (type == EXCHANGE_ASK)
        m.flags = EXCHANGE_ASK_ON;
    if (type == EXCHANGE_RECORD)
        m.body = (struct pkarr_body){
            .sig = SIG, .seq = 1700000000000000, .packet = PACKET, .packet_len = sizeof(PACKET)};
    return m;
}

static void every_message_is_read_as_written(void **state)
{
    (void)state;
    uint8_t out[EXCHANGE_MESSAGE_MAX];

    for (unsigned type = EXCHANGE_RECORD; type <= EXCHANGE_NONE; type++) {
        const struct exchange_message m = whole(type);
        const struct message_part part = exchange_message_write(&m, out);
        struct exchange_message got;
        assert_int_equal(exchange_message_read(&got, &part), 0);
        assert_int_equal(got.type, type);
        assert_int_equal(got.flags, m.flags);
        assert_memory_equal(got.key, m.key, sizeof(m.key));
        assert_int_equal(got.body.seq, m.body.seq);
        assert_int_equal(got.body.packet_len, m.body.packet_len);
        if (type == EXCHANGE_RECORD)
            assert_memory_equal(got.body.sig, SIG, sizeof(SIG));
    }
}

static void what_is_cut_is_refused(void **state)
{
    (void)state;
    uint8_t out[EXCHANGE_MESSAGE_MAX];
    struct exchange_message got;

    for (unsigned type = EXCHANGE_RECORD; type <= EXCHANGE_NONE; type++) {
        struct exchange_message m = whole(type);
        m.body.packet_len = 0; /* it ends where the message does */
        struct message_part part = exchange_message_write(&m, out);
        while (part.len-- > 0)
            assert_int_equal(exchange_message_read(&got, &part), -EBADMSG);
    }
}

static void a_packet_has_1000_bytes_at_most(void **state)
{
    (void)state;
    static uint8_t body[EXCHANGE_MESSAGE_MAX + 1];
    struct exchange_message got;
    struct message_part part = {EXCHANGE_RECORD, body, EXCHANGE_MESSAGE_MAX};

    assert_int_equal(exchange_message_read(&got, &part), 0);
    assert_int_equal(got.body.packet_len, PKARR_READ_MAX);
    part.len++;
    assert_int_equal(exchange_message_read(&got, &part), -EBADMSG);
    assert_true(EXCHANGE_MESSAGE_MAX <= MESSAGE_PART_MAX);
}

static void other_parts_are_none_of_these(void **state)
{
    (void)state;
    static const uint8_t body[128];
    struct exchange_message got;

    for (uint16_t type = MESSAGE_PART_FIRST; type <= MESSAGE_PART_LAST; type++) {
        const struct message_part part = {.type = type, .data = body, .len = sizeof(body)};
        bool ours = type >= EXCHANGE_RECORD && type <= EXCHANGE_NONE;
        assert_int_equal(exchange_message_is(&part), ours);
        assert_int_equal(exchange_message_read(&got, &part), ours ? 0 : -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_read_as_written),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(a_packet_has_1000_bytes_at_most),
        cmocka_unit_test(other_parts_are_none_of_these),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
