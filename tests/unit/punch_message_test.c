#include "gateway/wire/punch_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct candidate candidate(enum candidate_type type, const char *text)
{
    struct candidate c = {.type = type};
    assert_int_equal(addr_parse(&c.addr, text), 0);
    return c;
}

static struct punch_message whole(enum punch_message_type type)
{
    struct punch_message m = {.type = type, .round = 3};

    if (type == PUNCH_PUNCH) {
        m.flags = PUNCH_ACK | PUNCH_GUESSING;
        m.facts = (struct nat_facts){
            .class = NAT_SEQUENTIAL, .delta = -2, .span = 512, .last_port = 50123, .opener_ttl = 4};
    }
    if (type == PUNCH_END) {
        m.result = PUNCH_BUSY;
        return m;
    }
    m.candidate[m.candidates++] = candidate(CANDIDATE_HOST, "192.168.1.2:4433");
    m.candidate[m.candidates++] = candidate(CANDIDATE_REFLEXIVE, "[2001:db8::7]:9");
    return m;
}

static void every_message_is_read_as_written_and_refused_when_cut(void **state)
{
    (void)state;
    uint8_t out[PUNCH_MESSAGE_MAX];

    for (unsigned type = PUNCH_PUNCH; type <= PUNCH_END; type++) {
        struct punch_message m = whole((enum punch_message_type)type), got;
        struct message_part part = punch_message_write(&m, out);
        assert_int_equal(punch_message_read(&got, &part), 0);
        assert_int_equal(got.round, 3);
        assert_int_equal(got.flags, m.flags);
        assert_int_equal(got.result, m.result);
        assert_memory_equal(&got.facts, &m.facts, sizeof(m.facts));
        assert_int_equal(got.candidates, m.candidates);
        for (size_t i = 0; i < m.candidates; i++) {
            assert_int_equal(got.candidate[i].type, m.candidate[i].type);
            assert_true(addr_equal(&got.candidate[i].addr, &m.candidate[i].addr));
        }
        while (part.len-- > 0)
            assert_int_equal(punch_message_read(&got, &part), -EBADMSG);
    }
}

static void what_a_reader_does_not_know_is_passed_over(void **state)
{
    (void)state;
    uint8_t out[PUNCH_MESSAGE_MAX];
    struct punch_message m = whole(PUNCH_CANDIDATES), got;
    struct message_part part = punch_message_write(&m, out);

    out[3] = CANDIDATE_TYPES; /* the type of the first */
    assert_int_equal(punch_message_read(&got, &part), 0);
    assert_int_equal(got.candidates, 1);
    out[4] = 5; /* its family: of unknown length */
    assert_int_equal(punch_message_read(&got, &part), -EBADMSG);

    m = whole(PUNCH_PUNCH);
    part = punch_message_write(&m, out);
    out[3] = NAT_CLASSES;
    assert_int_equal(punch_message_read(&got, &part), 0);
    assert_int_equal(got.facts.class, NAT_UNKNOWN);
}

static void more_than_32_candidates_are_refused(void **state)
{
    (void)state;
    uint8_t out[PUNCH_MESSAGE_MAX];
    struct punch_message m = {.type = PUNCH_CANDIDATES, .candidates = CANDIDATES_MAX}, got;

    for (size_t i = 0; i < CANDIDATES_MAX; i++)
        m.candidate[i] = candidate(CANDIDATE_PEER, "[2001:db8::7]:9");
    struct message_part part = punch_message_write(&m, out);
    assert_true(part.len <= MESSAGE_PART_MAX);
    assert_int_equal(punch_message_read(&got, &part), 0);
    assert_int_equal(got.candidates, CANDIDATES_MAX);
    out[2]++;
    assert_int_equal(punch_message_read(&got, &part), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_read_as_written_and_refused_when_cut),
        cmocka_unit_test(what_a_reader_does_not_know_is_passed_over),
        cmocka_unit_test(more_than_32_candidates_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
