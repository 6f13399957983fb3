#include "gateway/wire/hole_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct hole_message whole(enum hole_message_type type)
{
    struct hole_message m = {.type = type, .id = 0x01020304, .flags = HOLE_BY_ASKED | HOLE_TCP};

    if (type == HOLE_ASK || type == HOLE_AGREE) {
        memset(m.nonce, 0xa5, sizeof(m.nonce));
        m.facts = (struct nat_facts){.class = NAT_SEQUENTIAL, .delta = -2, .last_port = 50123};
    }
    if (type != HOLE_READY && type != HOLE_END) {
        m.candidate[0].type = CANDIDATE_HOST;
        assert_int_equal(addr_parse(&m.candidate[0].addr, "192.168.1.2:4433"), 0);
        m.candidate[1].type = CANDIDATE_TCP;
        assert_int_equal(addr_parse(&m.candidate[1].addr, "[2001:db8::7]:9"), 0);
        m.candidates = 2;
    }
    if (type == HOLE_USE) {
        m.from = 3;
        m.to = 0x8000;
    }
    if (type == HOLE_END)
        m.reason = HOLE_NOBODY;
    return m;
}

static void every_message_is_read_as_written_and_refused_when_cut(void **state)
{
    (void)state;
    uint8_t out[HOLE_MESSAGE_MAX];

    for (unsigned type = HOLE_ASK; type <= HOLE_END; type++) {
        struct hole_message m = whole((enum hole_message_type)type), got;
        struct message_part part = hole_message_write(&m, out);
        assert_int_equal(hole_message_read(&got, &part), 0);
        assert_int_equal(got.id, m.id);
        assert_int_equal(got.flags, m.flags);
        assert_int_equal(got.reason, m.reason);
        assert_int_equal(got.from, m.from);
        assert_int_equal(got.to, m.to);
        assert_memory_equal(got.nonce, m.nonce, sizeof(m.nonce));
        assert_true(nat_facts_equal(&got.facts, &m.facts));
        assert_int_equal(got.candidates, m.candidates);
        for (size_t i = 0; i < m.candidates; i++) {
            assert_int_equal(got.candidate[i].type, m.candidate[i].type);
            assert_true(addr_equal(&got.candidate[i].addr, &m.candidate[i].addr));
        }
        while (part.len-- > 0)
            assert_int_equal(hole_message_read(&got, &part), -EBADMSG);
    }
}

static void other_parts_are_none_of_these(void **state)
{
    (void)state;
    static const uint8_t body[64];
    struct hole_message got;

    for (uint16_t type = MESSAGE_PART_FIRST; type <= MESSAGE_PART_LAST; type++) {
        const struct message_part part = {.type = type, .data = body, .len = sizeof(body)};
        bool ours = type >= HOLE_ASK && type <= HOLE_END;
        assert_int_equal(hole_message_read(&got, &part), ours ? 0 : -EBADMSG);
    }
}

static void an_unknown_reason_is_a_failure_and_33_candidates_are_refused(void **state)
{
    (void)state;
    uint8_t out[HOLE_MESSAGE_MAX + 32];
    struct hole_message m = whole(HOLE_END), got;
    struct message_part part = hole_message_write(&m, out);

    out[5] = HOLE_REASONS;
    assert_int_equal(hole_message_read(&got, &part), 0);
    assert_int_equal(got.reason, HOLE_FAILED);

    memset(out, 0, sizeof(out));
    out[5] = CANDIDATES_MAX + 1;
    for (size_t i = 0; i <= CANDIDATES_MAX; i++) {
        out[6 + i * 8] = CANDIDATE_HOST;
        out[7 + i * 8] = 4;
    }
    part = (struct message_part){HOLE_MORE, out, 6 + (CANDIDATES_MAX + 1) * 8};
    assert_int_equal(hole_message_read(&got, &part), -EBADMSG);
    out[5] = CANDIDATES_MAX;
    assert_int_equal(hole_message_read(&got, &part), 0);
    assert_int_equal(got.candidates, CANDIDATES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_read_as_written_and_refused_when_cut),
        cmocka_unit_test(other_parts_are_none_of_these),
        cmocka_unit_test(an_unknown_reason_is_a_failure_and_33_candidates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
