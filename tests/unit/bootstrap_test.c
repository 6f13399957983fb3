#include "gateway/discovery/bootstrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/identity/keys.h"

static struct bootstrap b;
static char text[BOOTSTRAP_TEXT_MAX];

static struct addr address(unsigned n)
{
    char words[32];
    struct addr a;
    (void)snprintf(words, sizeof(words), "192.0.2.%u:%u", 1 + n % 200, 1000 + n);
    assert_int_equal(addr_parse(&a, words), 0);
    return a;
}

static struct peer_id somebody(uint8_t n)
{
    uint8_t seed[32] = {n};
    struct keys keys;
    keys_from_seed(&keys, seed);
    return keys.id;
}

static bool good(enum bootstrap_kind kind, const struct peer_id *id, unsigned n, int64_t when)
{
    const struct addr a = address(n);
    return bootstrap_good(&b, kind, id, &a, when);
}

static int empty(void **state)
{
    (void)state;
    memset(&b, 0, sizeof(b));
    return 0;
}

static void what_answered_last_comes_first(void **state)
{
    (void)state;
    const struct peer_id alice = somebody(1), bob = somebody(2);
    struct addr found[4];

    assert_true(good(BOOTSTRAP_RELAY, &alice, 1, 10));
    assert_true(good(BOOTSTRAP_RELAY, &bob, 2, 20));
    assert_true(good(BOOTSTRAP_RELAY, &alice, 3, 30));
    assert_int_equal(bootstrap_find(&b, BOOTSTRAP_RELAY, &alice, found, 4), 2);
    assert_int_equal(addr_port(&found[0]), 1003);
    assert_int_equal(addr_port(&found[1]), 1001);
    assert_true(good(BOOTSTRAP_RELAY, &alice, 1, 40));
    assert_false(good(BOOTSTRAP_RELAY, &alice, 1, 50));
    assert_int_equal(bootstrap_find(&b, BOOTSTRAP_RELAY, NULL, found, 4), 3);
    assert_int_equal(addr_port(&found[0]), 1001);
    assert_int_equal(bootstrap_find(&b, BOOTSTRAP_PEER, NULL, found, 4), 0);
}

static void there_is_room_for_64_of_each_kind(void **state)
{
    (void)state;
    struct addr found[BOOTSTRAP_MAX + 1];

    for (unsigned n = 0; n < BOOTSTRAP_MAX + 10; n++)
        assert_true(good(BOOTSTRAP_DHT, NULL, n, n));
    assert_int_equal(bootstrap_find(&b, BOOTSTRAP_DHT, NULL, found, BOOTSTRAP_MAX + 1),
                     BOOTSTRAP_MAX);
    assert_int_equal(addr_port(&found[0]), 1000 + BOOTSTRAP_MAX + 9);
    assert_int_equal(addr_port(&found[BOOTSTRAP_MAX - 1]), 1010);
}

static void what_fails_three_times_is_forgotten(void **state)
{
    (void)state;
    const struct addr first = address(1);
    struct addr found[4];

    (void)good(BOOTSTRAP_DHT, NULL, 2, 1);
    (void)good(BOOTSTRAP_DHT, NULL, 1, 2);
    assert_false(bootstrap_bad(&b, BOOTSTRAP_DHT, NULL, &first));
    assert_int_equal(bootstrap_find(&b, BOOTSTRAP_DHT, NULL, found, 4), 2);
    assert_int_equal(addr_port(&found[0]), 1002);
    assert_false(bootstrap_bad(&b, BOOTSTRAP_DHT, NULL, &first));
    (void)good(BOOTSTRAP_DHT, NULL, 1, 3);
    for (unsigned i = 0; i < 2; i++)
        assert_false(bootstrap_bad(&b, BOOTSTRAP_DHT, NULL, &first));
    assert_true(bootstrap_bad(&b, BOOTSTRAP_DHT, NULL, &first));
    assert_false(bootstrap_bad(&b, BOOTSTRAP_DHT, NULL, &first));
    assert_int_equal(bootstrap_find(&b, BOOTSTRAP_DHT, NULL, found, 4), 1);
}

static void it_is_read_as_written(void **state)
{
    (void)state;
    const struct peer_id alice = somebody(1);
    struct bootstrap again = {0};

    (void)good(BOOTSTRAP_RELAY, &alice, 1, 1767225600000000);
    (void)good(BOOTSTRAP_RELAY, &alice, 2, 1767225600000001);
    (void)good(BOOTSTRAP_PEER, &alice, 3, 0);
    (void)good(BOOTSTRAP_DHT, NULL, 4, INT64_MAX);
    size_t len = bootstrap_write(&b, text);
    assert_int_equal(bootstrap_read(&again, text, len), 0);
    assert_memory_equal(&again, &b, sizeof(b));
}

static void a_full_cache_fits_the_text(void **state)
{
    (void)state;
    const struct peer_id alice = somebody(1);
    struct bootstrap again = {0};
    struct addr a;

    for (unsigned n = 0; n < BOOTSTRAP_MAX; n++) {
        char words[64];
        (void)snprintf(words, sizeof(words), "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:%x]:65535",
                       0x1000 + n);
        assert_int_equal(addr_parse(&a, words), 0);
        for (unsigned kind = 0; kind < BOOTSTRAP_KINDS; kind++)
            (void)bootstrap_good(&b, (enum bootstrap_kind)kind,
                                 kind == BOOTSTRAP_DHT ? NULL : &alice, &a, INT64_MAX);
    }
    size_t len = bootstrap_write(&b, text);
    assert_int_equal(bootstrap_read(&again, text, len), 0);
    assert_memory_equal(&again, &b, sizeof(b));
}

static void lines_that_cannot_be_read_are_left_out(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "relay",
        "relay - 192.0.2.1:1 5",
        "dht x 192.0.2.1:1 5",
        "dht - 192.0.2.1 5",
        "dht - 192.0.2.1:0 5",
        "dht - 192.0.2.1:1",
        "dht - 192.0.2.1:1 -5",
        "dht - 192.0.2.1:1 5 more",
        "dht - 192.0.2.1:1 99999999999999999999",
        "moon - 192.0.2.1:1 5",
    };
    struct addr found[2];

    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        (void)empty(NULL);
        int len = snprintf(text, sizeof(text), "%s\ndht - 192.0.2.7:7 5\n", BAD[i]);
        assert_int_equal(bootstrap_read(&b, text, (size_t)len), 1);
        assert_int_equal(bootstrap_find(&b, BOOTSTRAP_DHT, NULL, found, 2), 1);
    }
    memset(text, 'x', 1000);
    assert_int_equal(bootstrap_read(&b, text, 1000), 1);
    assert_int_equal(bootstrap_read(&b, "dht\0- 192.0.2.9:7 5\n", 20), 1);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup(f, empty)
    const struct CMUnitTest tests[] = {
        SENTENCE(what_answered_last_comes_first),
        SENTENCE(there_is_room_for_64_of_each_kind),
        SENTENCE(what_fails_three_times_is_forgotten),
        SENTENCE(it_is_read_as_written),
        SENTENCE(a_full_cache_fits_the_text),
        SENTENCE(lines_that_cannot_be_read_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
