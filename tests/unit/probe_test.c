#include "gateway/wire/probe.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/demux.h"

static const uint8_t KEY[PROBE_KEY_LEN] = {7};
static uint8_t out[PROBE_MAX];

static struct probe ping(const char *seen)
{
    struct probe p = {.type = PROBE_PING,
                      .token = UINT64_C(0x1122334455667788),
                      .sequence = 9,
                      .challenge = UINT64_C(0xa1a2a3a4a5a6a7a8),
                      .flags = PROBE_USE};
    if (seen)
        assert_int_equal(addr_parse(&p.seen, seen), 0);
    return p;
}

static void assert_same(const struct probe *a, const struct probe *b)
{
    assert_int_equal(a->type, b->type);
    assert_true(a->token == b->token && a->challenge == b->challenge);
    assert_int_equal(a->sequence, b->sequence);
    assert_int_equal(a->flags, b->flags);
    assert_true(addr_equal(&a->seen, &b->seen));
}

static void reads_what_it_wrote_at_every_length(void **state)
{
    (void)state;
    const char *const seen[] = {NULL, "192.0.2.7:4433", "[2001:db8::7]:65535"};
    struct probe read;

    for (size_t i = 0; i < 3; i++)
        for (size_t len = PROBE_MIN; len <= PROBE_MAX; len += len < PROBE_FULL ? 571 : 1723) {
            struct probe p = ping(seen[i]);
            probe_write(&p, KEY, out, len);
            assert_int_equal(probe_read(&read, KEY, out, len), 0);
            assert_same(&p, &read);
        }
}

static void is_a_probe_to_the_demultiplexer(void **state)
{
    (void)state;
    struct probe p = ping(NULL);
    uint64_t token;

    probe_write(&p, KEY, out, PROBE_MIN);
    assert_int_equal(demux(out, PROBE_MIN), DEMUX_KIND_PROBE);
    assert_int_equal(probe_token(out, PROBE_MIN, &token), 0);
    assert_true(token == p.token);
}

static void refuses_every_changed_bit(void **state)
{
    (void)state;
    struct probe p = ping("192.0.2.7:4433"), read;

    probe_write(&p, KEY, out, PROBE_MIN);
    for (size_t bit = 0; bit < PROBE_MIN * 8; bit++) {
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(probe_read(&read, KEY, out, PROBE_MIN), -EBADMSG);
        out[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(probe_read(&read, KEY, out, PROBE_MIN), 0);
}

static void refuses_every_other_length_and_another_key(void **state)
{
    (void)state;
    const uint8_t other[PROBE_KEY_LEN] = {8};
    struct probe p = ping(NULL), read;

    probe_write(&p, KEY, out, 100);
    for (size_t len = 0; len < 100; len++)
        assert_int_equal(probe_read(&read, KEY, out, len), -EBADMSG);
    assert_int_equal(probe_read(&read, KEY, out, 101), -EBADMSG);
    assert_int_equal(probe_read(&read, other, out, 100), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote_at_every_length),
        cmocka_unit_test(is_a_probe_to_the_demultiplexer),
        cmocka_unit_test(refuses_every_changed_bit),
        cmocka_unit_test(refuses_every_other_length_and_another_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
