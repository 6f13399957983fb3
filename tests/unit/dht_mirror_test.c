/* Where nodes of the DHT see a socket of ours: a few nodes whose every word the test chooses. */
#include "gateway/discovery/dht_mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/krpc.h"

#define NOW SEC(100)

static struct stage {
    struct dht_mirror m;
    struct addr node[DHT_MIRROR_NODES];
    uint8_t ping[DHT_MIRROR_PACKET]; /* the last one */
    size_t len;
    struct addr to;
} stage;

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* So many nodes, each in a network of its own unless `same` is theirs. */
static void begin(size_t count, const char *same)
{
    uint8_t chance[DHT_ID_LEN + DHT_MIRROR_NODES * DHT_MIRROR_T_LEN];

    memset(&stage, 0, sizeof(stage));
    for (size_t i = 0; i < sizeof(chance); i++)
        chance[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < DHT_MIRROR_NODES; i++) {
        char text[32];
        if (same)
            (void)snprintf(text, sizeof(text), "%s.%zu:6881", same, i + 1);
        else
            (void)snprintf(text, sizeof(text), "20.%zu.0.1:6881", i + 1);
        stage.node[i] = at(text);
    }
    dht_mirror_begin(&stage.m, NOW, stage.node, count, chance);
}

/* Which node is asked next; DHT_MIRROR_NODES: none. */
static size_t asks(instant now)
{
    stage.len = dht_mirror_output(&stage.m, now, &stage.to, stage.ping);
    for (size_t i = 0; stage.len > 0 && i < DHT_MIRROR_NODES; i++)
        if (addr_equal(&stage.to, &stage.node[i]))
            return i;
    return DHT_MIRROR_NODES;
}

static size_t answer_of(const char *seen, uint8_t out[static 512])
{
    struct krpc ping;

    assert_int_equal(krpc_read(&ping, stage.ping, stage.len), 0);
    struct krpc m = {.kind = KRPC_REPLY, .t = ping.t, .id = ping.id};
    if (seen)
        m.seen = at(seen);
    return krpc_write(&m, out, 512);
}

/* The one asked last answers. */
static bool says(const char *seen)
{
    uint8_t out[512];
    size_t len = answer_of(seen, out);
    return dht_mirror_input(&stage.m, &stage.to, out, len);
}

#define US "203.0.113.1:4433"

static void what_two_in_different_networks_say_counts(void **state)
{
    (void)state;
    begin(8, NULL);
    assert_int_equal(asks(NOW), 0);
    assert_true(says(US));
    assert_int_equal(stage.m.state, DHT_MIRROR_ASKING);
    assert_int_equal(asks(NOW), 1);
    assert_true(says(US));
    assert_int_equal(stage.m.state, DHT_MIRROR_SEEN);
    const struct addr us = at(US);
    assert_true(addr_equal(&stage.m.seen, &us));
    assert_int_equal(asks(NOW), DHT_MIRROR_NODES);
    assert_true(dht_mirror_due(&stage.m, NOW) == INSTANT_NEVER);
}

static void a_ping_is_a_read_only_one_of_the_network(void **state)
{
    struct krpc m;
    (void)state;
    begin(2, NULL);
    (void)asks(NOW);
    assert_int_equal(krpc_read(&m, stage.ping, stage.len), 0);
    assert_int_equal(m.kind, KRPC_QUERY);
    assert_int_equal(m.method, KRPC_PING);
    assert_true(m.read_only);
}

static void many_of_one_network_have_one_voice(void **state)
{
    (void)state;
    begin(8, "20.1.0");
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(asks(NOW), i);
        assert_true(says(US));
    }
    assert_int_equal(asks(NOW), DHT_MIRROR_NODES);
    assert_int_equal(stage.m.state, DHT_MIRROR_SILENT);
}

static void one_that_lies_first_is_outvoted(void **state)
{
    (void)state;
    begin(8, NULL);
    (void)asks(NOW);
    assert_true(says("198.51.100.9:1"));
    (void)asks(NOW);
    assert_true(says(US));
    (void)asks(NOW);
    assert_true(says(US));
    assert_int_equal(stage.m.state, DHT_MIRROR_SEEN);
    const struct addr us = at(US);
    assert_true(addr_equal(&stage.m.seen, &us));
}

static void half_of_those_that_answer_is_not_enough(void **state)
{
    static const char *const SEEN[] = {"198.51.100.9:1", US, "198.51.100.8:1", "198.51.100.7:1",
                                       US};
    (void)state;
    begin(5, NULL);
    for (size_t i = 0; i < 5; i++) {
        (void)asks(NOW);
        assert_true(says(SEEN[i]));
    }
    assert_int_equal(asks(NOW), DHT_MIRROR_NODES);
    assert_int_equal(stage.m.state, DHT_MIRROR_SILENT);
}

static void another_port_for_everybody_is_told_from_silence(void **state)
{
    char seen[32];
    (void)state;
    begin(4, NULL);
    for (size_t i = 0; i < 4; i++) {
        (void)asks(NOW);
        (void)snprintf(seen, sizeof(seen), "203.0.113.1:%zu", 5000 + i);
        assert_true(says(seen));
    }
    assert_int_equal(asks(NOW), DHT_MIRROR_NODES);
    assert_int_equal(stage.m.state, DHT_MIRROR_VARIES);
}

static void who_is_slow_is_not_waited_for(void **state)
{
    (void)state;
    begin(6, NULL);
    for (size_t i = 0; i < DHT_MIRROR_AT_ONCE; i++)
        assert_int_equal(asks(NOW), i);
    assert_int_equal(asks(NOW), DHT_MIRROR_NODES);
    assert_true(dht_mirror_due(&stage.m, NOW) == NOW + DHT_MIRROR_SLOW);
    assert_int_equal(asks(NOW + DHT_MIRROR_SLOW), 4);
    assert_true(says(US));
    assert_int_equal(asks(NOW + DHT_MIRROR_SLOW), 5);
    assert_true(says(US));
    assert_int_equal(stage.m.state, DHT_MIRROR_SEEN);
}

static void it_ends_when_nobody_answers(void **state)
{
    instant now = NOW;
    (void)state;
    begin(6, NULL);
    for (unsigned i = 0; i < 100 && stage.m.state == DHT_MIRROR_ASKING; i++) {
        while (asks(now) < DHT_MIRROR_NODES)
            ;
        if (stage.m.state == DHT_MIRROR_ASKING)
            now = dht_mirror_due(&stage.m, now);
    }
    assert_int_equal(stage.m.state, DHT_MIRROR_SILENT);
    assert_true(now == NOW + DHT_MIRROR_WITHIN);
    begin(0, NULL);
    assert_int_equal(asks(NOW), DHT_MIRROR_NODES);
    assert_int_equal(stage.m.state, DHT_MIRROR_SILENT);
}

static void what_is_no_answer_to_us_changes_nothing(void **state)
{
    uint8_t out[512];
    (void)state;
    begin(4, NULL);
    (void)asks(NOW);
    size_t len = answer_of(US, out);
    assert_false(dht_mirror_input(&stage.m, &stage.node[2], out, len)); /* not asked yet */
    const struct addr stranger = at("20.77.0.1:6881");
    assert_false(dht_mirror_input(&stage.m, &stranger, out, len));
    assert_false(dht_mirror_input(&stage.m, &stage.to, stage.ping, stage.len)); /* our own */
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1); /* exactly: for a sanitizer */
        memcpy(copy, out, cut);
        assert_false(dht_mirror_input(&stage.m, &stage.to, copy, cut));
        free(copy);
    }
    assert_true(dht_mirror_input(&stage.m, &stage.to, out, len));
    assert_false(dht_mirror_input(&stage.m, &stage.to, out, len)); /* once is enough */
}

static void an_address_that_nobody_can_have_seen_is_none(void **state)
{
    static const char *const SEEN[] = {NULL, "192.168.1.2:4433", "127.0.0.1:4433", "224.0.0.1:4433",
                                       "[2001:db8::1]:4433"};
    (void)state;
    begin(sizeof(SEEN) / sizeof(SEEN[0]), NULL);
    for (size_t i = 0; i < sizeof(SEEN) / sizeof(SEEN[0]); i++) {
        assert_int_equal(asks(NOW), i);
        assert_true(says(SEEN[i]));
        assert_true(addr_is_none(&stage.m.node[i].seen));
    }
    assert_int_equal(asks(NOW), DHT_MIRROR_NODES);
    assert_int_equal(stage.m.state, DHT_MIRROR_SILENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_two_in_different_networks_say_counts),
        cmocka_unit_test(a_ping_is_a_read_only_one_of_the_network),
        cmocka_unit_test(many_of_one_network_have_one_voice),
        cmocka_unit_test(one_that_lies_first_is_outvoted),
        cmocka_unit_test(half_of_those_that_answer_is_not_enough),
        cmocka_unit_test(another_port_for_everybody_is_told_from_silence),
        cmocka_unit_test(who_is_slow_is_not_waited_for),
        cmocka_unit_test(it_ends_when_nobody_answers),
        cmocka_unit_test(what_is_no_answer_to_us_changes_nothing),
        cmocka_unit_test(an_address_that_nobody_can_have_seen_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
