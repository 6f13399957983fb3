/* Addresses of peers on this machine: stable, few for strangers, kept for contacts. */
#include "gateway/node/pool.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

static struct fake_env fake;
static struct registry *registry;
static struct keys keys;
static struct pool *pool;
static struct addr at, other;

static void open_pool(const char *range)
{
    struct addr_prefix prefix;
    assert_int_equal(addr_prefix_parse(&prefix, range), 0);
    assert_true(pool_range_ok(&prefix));
    assert_int_equal(pool_new(&pool, &fake.env, registry, &keys, &prefix), 0);
    (void)pool_set_active(pool, pool_is_local(pool));
}

static int build(void **state)
{
    char why[160];
    uint8_t seed[KEYS_SEED_LEN] = {42};
    (void)state;
    fake_env_init(&fake);
    keys_from_seed(&keys, seed);
    assert_int_equal(registry_open(&registry, &fake.env, why, sizeof(why)), 0);
    fake.all_local = true;
    open_pool("198.19.0.0/16");
    return 0;
}

static int end(void **state)
{
    (void)state;
    pool_free(pool);
    registry_free(registry);
    fake_env_deinit(&fake);
    return 0;
}

static void again(const char *range)
{
    pool_free(pool);
    open_pool(range);
}

/* Any bytes will do for a key here. */
static struct peer_id peer_of(unsigned number)
{
    struct peer_id id = {{(uint8_t)number, (uint8_t)(number >> 8), 1}};
    return id;
}

/* One that can be written and read. */
static struct peer_id real_peer(uint8_t number)
{
    struct keys theirs;
    uint8_t seed[KEYS_SEED_LEN] = {number, 1};
    keys_from_seed(&theirs, seed);
    return theirs.id;
}

static struct peer_id contact(uint8_t number)
{
    char alias[16];
    struct peer_id id = real_peer(number);
    (void)snprintf(alias, sizeof(alias), "peer%u", number);
    assert_int_equal(registry_set_alias(registry, &id, alias), 0);
    return id;
}

static void nobody_has_an_address_without_the_route(void **state)
{
    (void)state;
    struct peer_id alice = contact(1), found;
    assert_true(pool_address(pool, &alice, &at));
    fake.all_local = false;
    assert_false(pool_is_local(pool));
    assert_true(pool_set_active(pool, false));
    assert_false(pool_set_active(pool, false));
    assert_false(pool_is_active(pool));
    assert_false(pool_address(pool, &alice, &other));
    assert_false(pool_peer(pool, &at, &found));
    fake.all_local = true;
    assert_true(pool_is_local(pool));
    assert_true(pool_set_active(pool, true));
    assert_true(pool_address(pool, &alice, &other));
    assert_true(addr_equal(&at, &other));
    assert_false(pool_is_active(NULL));
    assert_false(pool_peer(NULL, &at, &found));
}

static void an_address_leads_back_to_its_peer(void **state)
{
    (void)state;
    struct peer_id alice = contact(1), bob = peer_of(2), found;
    struct addr_prefix range = *pool_range(pool);
    assert_true(pool_address(pool, &alice, &at));
    assert_true(pool_address(pool, &bob, &other));
    assert_true(addr_prefix_contains(&range, &at) && addr_prefix_contains(&range, &other));
    assert_false(addr_equal(&at, &other));
    addr_set_port(&at, 80);
    assert_true(pool_peer(pool, &at, &found));
    assert_true(peer_id_equal(&found, &alice));
    assert_true(pool_peer(pool, &other, &found));
    assert_true(peer_id_equal(&found, &bob));
    at = pool_gateway(pool);
    assert_false(pool_peer(pool, &at, &found));
    at = addr_loopback(true, 80);
    assert_false(pool_peer(pool, &at, &found));
    at = (struct addr){0};
    assert_false(pool_peer(pool, &at, &found));
}

static void an_address_follows_from_the_key_and_our_secret(void **state)
{
    (void)state;
    struct peer_id bob = peer_of(2);
    assert_true(pool_address(pool, &bob, &at));
    again("198.19.0.0/16");
    assert_true(pool_address(pool, &bob, &other));
    assert_true(addr_equal(&at, &other));
    keys.seed[0] ^= 1;
    again("198.19.0.0/16");
    assert_true(pool_address(pool, &bob, &other));
    assert_false(addr_equal(&at, &other));
}

static void a_contact_keeps_its_address_whatever_others_have(void **state)
{
    (void)state;
    struct peer_id alice = contact(1), found;
    again("10.1.2.0/24");
    /* All but the quarter that strangers may have is taken by contacts before her. */
    for (uint8_t i = 2; i < 150; i++) {
        struct peer_id peer = contact(i);
        assert_true(pool_address(pool, &peer, &other));
    }
    assert_true(pool_address(pool, &alice, &at));
    again("10.1.2.0/24");
    assert_true(pool_peer(pool, &at, &found));
    assert_true(peer_id_equal(&found, &alice));
    assert_true(pool_address(pool, &alice, &other));
    assert_true(addr_equal(&at, &other));
}

static void a_full_range_gives_no_address_twice(void **state)
{
    (void)state;
    again("10.1.2.0/24");
    bool taken[256] = {false};
    size_t len;
    for (unsigned i = 0; i < 253; i++) {
        struct peer_id id = real_peer((uint8_t)i);
        assert_true(pool_address(pool, &id, &at));
        (void)pool_met(pool, &id, NULL, 0);
        uint8_t last = addr_ip(&at, &len)[3];
        assert_in_range(last, 2, 254);
        assert_false(taken[last]);
        taken[last] = true;
    }
    struct peer_id late = peer_of(999);
    assert_false(pool_address(pool, &late, &at));
}

static void strangers_are_forgotten_longest_unused_first(void **state)
{
    (void)state;
    struct peer_id first = peer_of(0), second = peer_of(1), found;
    struct addr place[2];
    assert_true(pool_address(pool, &first, &place[0]));
    assert_true(pool_address(pool, &second, &place[1]));
    for (unsigned i = 2; i < POOL_STRANGERS_MAX; i++) {
        struct peer_id id = peer_of(i);
        assert_true(pool_address(pool, &id, &at));
    }
    assert_true(pool_address(pool, &first, &place[0]));
    struct peer_id late = peer_of(9999);
    assert_true(pool_address(pool, &late, &at));
    assert_true(pool_peer(pool, &place[0], &found));
    assert_true(peer_id_equal(&found, &first));
    assert_false(pool_peer(pool, &place[1], &found) && peer_id_equal(&found, &second));
}

static void looking_up_a_stranger_is_not_written_down(void **state)
{
    (void)state;
    struct peer_id bob = real_peer(2), alice = contact(1);
    assert_true(pool_address(pool, &bob, &at));
    fake_env_advance(&fake, SEC(5));
    assert_null(fake_env_file(&fake, POOL_FILE));
    assert_true(pool_address(pool, &alice, &at));
    fake_env_advance(&fake, SEC(5));
    const char *text = fake_env_file(&fake, POOL_FILE);
    char id[PEER_ID_TEXT_MAX];
    assert_non_null(text);
    assert_non_null(strstr(text, peer_id_print(&alice, id)));
    assert_null(strstr(text, peer_id_print(&bob, id)));

    /* After the first session with him it is. */
    (void)pool_met(pool, &bob, NULL, 0);
    fake_env_advance(&fake, SEC(5));
    assert_non_null(strstr(fake_env_file(&fake, POOL_FILE), peer_id_print(&bob, id)));
}

static void a_session_with_a_stranger_who_was_not_looked_up_leaves_no_trace(void **state)
{
    (void)state;
    struct peer_id bob = real_peer(2);
    const struct pool_service list[] = {{22, SERVICE_TCP}};
    assert_false(pool_met(pool, &bob, list, 1));
    fake_env_advance(&fake, SEC(5));
    assert_null(fake_env_file(&fake, POOL_FILE));
}

static size_t seen;
static struct pool_line last_seen;

static void see(void *arg, const struct pool_line *line)
{
    (void)arg;
    seen++;
    last_seen = *line;
}

static void services_are_remembered(void **state)
{
    (void)state;
    struct peer_id alice = contact(1);
    const struct pool_service list[] = {{22, SERVICE_TCP}, {7000, SERVICE_BOTH}};
    assert_true(pool_met(pool, &alice, list, 2));
    assert_false(pool_met(pool, &alice, list, 2));
    assert_true(pool_met(pool, &alice, list, 1));
    assert_true(pool_met(pool, &alice, list, 2));
    again("198.19.0.0/16");
    seen = 0;
    pool_each(pool, see, NULL);
    assert_int_equal(seen, 1);
    assert_true(peer_id_equal(&last_seen.peer, &alice));
    assert_int_equal(last_seen.count, 2);
    assert_int_equal(last_seen.service[1].port, 7000);
    assert_int_equal(last_seen.service[1].proto, SERVICE_BOTH);
}

static void several_changes_cost_one_write(void **state)
{
    (void)state;
    unsigned before = fake.saves;
    for (uint8_t i = 1; i < 20; i++) {
        struct peer_id peer = contact(i);
        assert_true(pool_address(pool, &peer, &at));
    }
    assert_int_equal(fake.saves, before);
    fake_env_advance(&fake, SEC(2));
    assert_int_equal(fake.saves, before + 1);
    fake_env_advance(&fake, SEC(60));
    assert_int_equal(fake.saves, before + 1);
}

static void a_file_of_another_range_or_of_nonsense_harms_nothing(void **state)
{
    (void)state;
    struct peer_id alice = contact(1), found;
    char text[1024], id[PEER_ID_TEXT_MAX];
    peer_id_print(&alice, id);
    (void)snprintf(text, sizeof(text),
                   "nonsense\n%s 10.9.8.7\n%s 198.19.0.1\n%s 198.19.255.255\n%s 198.19.4.5 "
                   "t22\n%s 198.19.4.6\n\n%s 198.19.4.7 x",
                   id, id, id, id, id, id);
    pool_free(pool);
    fake_env_put_file(&fake, POOL_FILE, text);
    open_pool("198.19.0.0/16");
    seen = 0;
    pool_each(pool, see, NULL);
    assert_int_equal(seen, 1);
    assert_true(pool_address(pool, &alice, &at));
    assert_int_equal(addr_parse(&other, "198.19.4.5:0"), 0);
    assert_true(addr_equal(&at, &other));
    assert_int_equal(addr_parse(&other, "198.19.4.6:0"), 0);
    assert_false(pool_peer(pool, &other, &found));
}

static void a_file_that_cannot_be_read_or_written_stops_nothing(void **state)
{
    (void)state;
    struct peer_id alice = contact(1);
    fake.save_error = -ENOSPC;
    assert_true(pool_address(pool, &alice, &at));
    fake_env_advance(&fake, SEC(5));
    fake.load_error = -EACCES;
    again("198.19.0.0/16");
    assert_true(pool_address(pool, &alice, &other));
    assert_true(addr_equal(&at, &other));
}

static void only_some_ranges_can_be_a_pool(void **state)
{
    (void)state;
    static const char *const bad[] = {"198.19.0.0/25", "198.0.0.0/7",  "fd00::/16",
                                      "127.0.0.0/8",   "224.0.0.0/8",  "169.254.0.0/16",
                                      "0.0.0.0/8",     "198.19.1.0/16"};
    struct addr_prefix range;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(addr_prefix_parse(&range, bad[i]), 0);
        assert_false(pool_range_ok(&range));
    }
    range = (struct addr_prefix){.bits = 16};
    assert_false(pool_range_ok(&range));
    assert_int_equal(addr_prefix_parse(&range, "10.0.0.0/8"), 0);
    assert_true(pool_range_ok(&range));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_has_an_address_without_the_route, build, end),
        cmocka_unit_test_setup_teardown(an_address_leads_back_to_its_peer, build, end),
        cmocka_unit_test_setup_teardown(an_address_follows_from_the_key_and_our_secret, build, end),
        cmocka_unit_test_setup_teardown(a_contact_keeps_its_address_whatever_others_have, build,
                                        end),
        cmocka_unit_test_setup_teardown(a_full_range_gives_no_address_twice, build, end),
        cmocka_unit_test_setup_teardown(strangers_are_forgotten_longest_unused_first, build, end),
        cmocka_unit_test_setup_teardown(looking_up_a_stranger_is_not_written_down, build, end),
        cmocka_unit_test_setup_teardown(
            a_session_with_a_stranger_who_was_not_looked_up_leaves_no_trace, build, end),
        cmocka_unit_test_setup_teardown(services_are_remembered, build, end),
        cmocka_unit_test_setup_teardown(several_changes_cost_one_write, build, end),
        cmocka_unit_test_setup_teardown(a_file_of_another_range_or_of_nonsense_harms_nothing, build,
                                        end),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_or_written_stops_nothing, build,
                                        end),
        cmocka_unit_test(only_some_ranges_can_be_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
