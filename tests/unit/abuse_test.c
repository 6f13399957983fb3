/* What others do that they should not: what is counted, said and answered. */
#include "gateway/node/abuse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/log.h"
#include "tests/support/fake_env.h"

static const uint8_t SECRET[MAP_SECRET_LEN] = {1, 2, 3};

static struct harness {
    struct fake_env fake;
    struct access access;
    struct abuse abuse;
    struct addr friends;
    unsigned lines;
    char event[32], line[LOG_LINE_MAX], address[ADDR_TEXT_MAX];
} h;

static bool is_friends(void *arg, const struct addr *at)
{
    (void)arg;
    return addr_same_caller(&h.friends, at);
}

static void hear(void *arg, const struct log_entry *e)
{
    (void)arg;
    h.lines++;
    (void)snprintf(h.event, sizeof(h.event), "%s", e->about.event);
    (void)snprintf(h.line, sizeof(h.line), "%s", e->line);
    (void)snprintf(h.address, sizeof(h.address), "%s", e->about.address ? e->about.address : "");
}

static instant no_time(void *arg)
{
    (void)arg;
    return env_now(&h.fake.env);
}

static int begin(void **state)
{
    (void)state;
    memset(&h, 0, sizeof(h));
    fake_env_init(&h.fake);
    access_init(&h.access, SECRET);
    abuse_init(&h.abuse, &h.fake.env, &h.access, true, is_friends, NULL);
    log_set_sink(&(struct log_sink){.level = LOG_LEVEL_INFO, .write = hear, .now = no_time});
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_set_sink(NULL);
    abuse_deinit(&h.abuse);
    access_deinit(&h.access);
    fake_env_deinit(&h.fake);
    return 0;
}

static struct path from(const char *text)
{
    struct path p = {.kind = PATH_UDP};
    assert_int_equal(addr_parse(&p.remote, text), 0);
    return p;
}

static bool is_shut(const struct path *p)
{
    return !access_admits(&h.access, env_now(&h.fake.env), &p->remote);
}

static void repeat(unsigned times, enum abuse_kind kind, const struct path *p, bool there)
{
    for (unsigned i = 0; i < times; i++)
        abuse_by(&h.abuse, kind, p, there, NULL, "it did");
}

static void says_who_did_what_from_where(void **state)
{
    (void)state;
    const struct path p = from("192.0.2.1:4433");
    repeat(1, ABUSE_AUTH, &p, true);
    assert_string_equal(h.event, "auth_failed");
    assert_string_equal(h.line, "192.0.2.1:4433: it did");
    assert_string_equal(h.address, "192.0.2.1:4433");
}

static void says_little_of_much_and_how_much_that_was(void **state)
{
    (void)state;
    const struct path p = from("192.0.2.1:4433");
    repeat(1000, ABUSE_FLOOD, &p, false);
    assert_int_equal(h.lines, 10);
    assert_int_equal(h.abuse.count[ABUSE_FLOOD], 1000);
    fake_env_advance(&h.fake, SEC(1));
    repeat(1, ABUSE_FLOOD, &p, false);
    assert_string_equal(h.line, "192.0.2.1:4433: it did; 990 more before");
}

static void shuts_an_address_for_ten_minutes(void **state)
{
    (void)state;
    const struct path p = from("192.0.2.1:4433"), other = from("192.0.2.2:4433");
    repeat(10, ABUSE_MALFORMED, &p, true);
    assert_false(is_shut(&p));
    repeat(1, ABUSE_MALFORMED, &p, true);
    assert_true(is_shut(&p));
    assert_false(is_shut(&other));
    assert_string_equal(h.event, "shut");
    assert_string_equal(h.line, "192.0.2.1 is shut out for 10 minutes");
    fake_env_advance(&h.fake, SEC(599));
    assert_true(is_shut(&p));
    fake_env_advance(&h.fake, SEC(1));
    assert_false(is_shut(&p));
}

static void forgives_with_time(void **state)
{
    (void)state;
    const struct path p = from("192.0.2.1:4433");
    for (int i = 0; i < 100; i++) {
        repeat(1, ABUSE_MALFORMED, &p, true);
        fake_env_advance(&h.fake, SEC(60));
    }
    assert_false(is_shut(&p));
}

static void shuts_nobody_for_what_anybody_can_send(void **state)
{
    (void)state;
    const struct path p = from("192.0.2.1:4433");
    repeat(1000, ABUSE_MALFORMED, &p, false);
    repeat(1000, ABUSE_AUTH, &p, false);
    repeat(1000, ABUSE_FLOOD, &p, true);
    assert_false(is_shut(&p));
}

static void shuts_no_address_of_a_friend_nor_one_that_is_allowed(void **state)
{
    (void)state;
    const struct path friend = from("192.0.2.1:9"), named = from("198.51.100.1:9");
    struct addr_prefix allow = {.addr = named.remote, .bits = 24};
    const struct access_lists lists = {.allow = &allow, .allow_count = 1};

    assert_int_equal(addr_parse(&h.friends, "192.0.2.1:4433"), 0);
    repeat(100, ABUSE_MALFORMED, &friend, true);
    assert_false(is_shut(&friend));
    assert_int_equal(access_set(&h.access, &lists), 0);
    repeat(100, ABUSE_MALFORMED, &named, true);
    assert_false(is_shut(&named));
    assert_int_equal(h.abuse.shut, 0);
}

static void shuts_no_relay_for_who_is_behind_it(void **state)
{
    (void)state;
    struct path p = from("192.0.2.1:4433");
    p.kind = PATH_RELAY;
    repeat(100, ABUSE_MALFORMED, &p, true);
    p.kind = PATH_UDP;
    assert_false(is_shut(&p));
}

static void without_the_option_it_only_counts(void **state)
{
    (void)state;
    const struct path p = from("192.0.2.1:4433");
    struct abuse_record record = {0};
    h.abuse.blocks = false;
    repeat(100, ABUSE_MALFORMED, &p, true);
    assert_false(is_shut(&p));
    for (int i = 0; i < 100; i++)
        assert_false(abuse_by_peer(&h.abuse, &record, ABUSE_MALFORMED, &(struct peer_id){{1}}, ""));
    assert_int_equal(record.offences, 100);
    assert_int_equal(h.abuse.count[ABUSE_MALFORMED], 200);
}

static void wants_a_peer_blocked_after_as_much(void **state)
{
    (void)state;
    struct abuse_record record = {0};
    const struct peer_id id = {{7}};
    for (int i = 0; i < 10; i++)
        assert_false(abuse_by_peer(&h.abuse, &record, ABUSE_MALFORMED, &id, "it did"));
    assert_true(abuse_by_peer(&h.abuse, &record, ABUSE_MALFORMED, &id, "it did"));
    abuse_has_blocked(&h.abuse, &id, "it did");
    assert_string_equal(h.event, "blocked");
    assert_int_equal(h.abuse.blocked, 1);
}

/* Whoever has very many addresses takes others' places in the table, but no more memory. */
static void forgets_the_quietest_of_very_many(void **state)
{
    (void)state;
    const struct path p = from("192.0.2.1:4433");
    repeat(10, ABUSE_MALFORMED, &p, true);
    for (unsigned i = 0; i < 20 * ABUSE_PLACES; i++) {
        const uint8_t ip[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        const struct path other = {.kind = PATH_UDP, .remote = addr_v4(ip, 1)};
        fake_env_advance(&h.fake, 1);
        repeat(1, ABUSE_REFUSED, &other, true);
    }
    repeat(1, ABUSE_MALFORMED, &p, true);
    assert_false(is_shut(&p));
}

#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(says_who_did_what_from_where),
        SENTENCE(says_little_of_much_and_how_much_that_was),
        SENTENCE(shuts_an_address_for_ten_minutes),
        SENTENCE(forgives_with_time),
        SENTENCE(shuts_nobody_for_what_anybody_can_send),
        SENTENCE(shuts_no_address_of_a_friend_nor_one_that_is_allowed),
        SENTENCE(shuts_no_relay_for_who_is_behind_it),
        SENTENCE(without_the_option_it_only_counts),
        SENTENCE(wants_a_peer_blocked_after_as_much),
        SENTENCE(forgets_the_quietest_of_very_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
