/* What invites give to peers, and how it is taken back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/registry.h"
#include "tests/support/fake_env.h"
#include "tests/support/keys_numbered.h"

struct home {
    struct fake_env env;
    struct registry *r;
    struct peer_id bob, carol;
    char why[160];
};

static void share(struct home *h, const char *name, uint16_t port, bool from_config)
{
    struct service s = {
        .proto = SERVICE_TCP, .port = port, .target = "127.0.0.1:3000", .from_config = from_config};
    (void)snprintf(s.name, sizeof(s.name), "%s", name);
    assert_int_equal(registry_service_put(h->r, &s), 0);
}

static int move_in(void **state)
{
    static struct home home;
    struct home *h = &home;
    memset(h, 0, sizeof(*h));
    fake_env_init(&h->env);
    h->bob = keys_numbered(2).id;
    h->carol = keys_numbered(3).id;
    assert_int_equal(registry_open(&h->r, &h->env.env, h->why, sizeof(h->why)), 0);
    share(h, "web", 80, false);
    share(h, "ssh", 22, false);
    share(h, "file", 21, true);
    *state = h;
    return 0;
}

static int move_out(void **state)
{
    struct home *h = *state;
    registry_free(h->r);
    fake_env_deinit(&h->env);
    return 0;
}

static void enrols(struct home *h, const struct peer_id *id, const char *alias)
{
    int err;
    registry_peer_add(h->r, id, &err)->guest = true;
    assert_int_equal(registry_set_alias(h->r, id, alias), 0);
}

static bool may(struct home *h, const char *service, const struct peer_id *id)
{
    return registry_may_use(h->r, registry_service(h->r, service), id, 0);
}

/* Saved, and read again. */
static void comes_home_again(struct home *h)
{
    assert_int_equal(registry_save(h->r), 0);
    registry_free(h->r);
    assert_int_equal(registry_open(&h->r, &h->env.env, h->why, sizeof(h->why)), 0);
    share(h, "file", 21, true);
}

static void what_an_invite_gave_is_taken_back_and_nothing_else(void **state)
{
    struct home *h = *state;

    enrols(h, &h->bob, "bob");
    assert_int_equal(registry_allow_guest(h->r, "web", &h->bob), 0);
    assert_int_equal(registry_allow_guest(h->r, "file", &h->bob), 0);
    assert_int_equal(registry_allow(h->r, "ssh", &h->bob), 0);
    assert_int_equal(registry_allow_guest(h->r, "web", &h->carol), 0);
    comes_home_again(h);
    assert_true(may(h, "web", &h->bob) && may(h, "file", &h->bob) && may(h, "ssh", &h->bob));
    assert_true(registry_is_guest(h->r, &h->bob));
    assert_int_equal(registry_revoke(h->r, &h->bob), 2);
    comes_home_again(h);
    assert_false(registry_is_guest(h->r, &h->bob));
    assert_false(may(h, "web", &h->bob) || may(h, "file", &h->bob));
    assert_true(may(h, "ssh", &h->bob));
    assert_true(may(h, "web", &h->carol));
    assert_null(registry_peer(h->r, &h->bob));
    assert_int_equal(registry_revoke(h->r, &h->bob), -ENOENT);
}

static void who_was_known_before_stays_known(void **state)
{
    struct home *h = *state;

    assert_int_equal(registry_set_alias(h->r, &h->bob, "bob"), 0);
    assert_int_equal(registry_allow(h->r, "ssh", &h->bob), 0);
    assert_int_equal(registry_allow_guest(h->r, "ssh", &h->bob), 0);
    assert_false(registry_is_guest(h->r, &h->bob));
    assert_int_equal(registry_revoke(h->r, &h->bob), -ENOENT);
    assert_int_equal(registry_allow_guest(h->r, "web", &h->bob), 0);
    assert_true(registry_is_guest(h->r, &h->bob));
    assert_int_equal(registry_revoke(h->r, &h->bob), 1);
    assert_true(may(h, "ssh", &h->bob));
    assert_string_equal(registry_peer(h->r, &h->bob)->alias, "bob");
}

static void what_a_person_says_later_stays(void **state)
{
    struct home *h = *state;

    assert_int_equal(registry_allow_guest(h->r, "web", &h->bob), 0);
    assert_int_equal(registry_allow_guest(h->r, "file", &h->bob), 0);
    assert_int_equal(registry_allow(h->r, "web", &h->bob), 0);
    assert_int_equal(registry_allow(h->r, "file", &h->bob), 0);
    assert_int_equal(registry_revoke(h->r, &h->bob), -ENOENT);
    assert_true(may(h, "web", &h->bob) && may(h, "file", &h->bob));
}

static void a_service_that_is_shared_anew_keeps_its_guests(void **state)
{
    struct home *h = *state;
    struct service s;

    assert_int_equal(registry_allow_guest(h->r, "web", &h->bob), 0);
    assert_int_equal(registry_allow_guest(h->r, "web", &h->carol), 0);
    s = *registry_service(h->r, "web");
    s.allow = &h->bob;
    s.allow_count = 1;
    assert_int_equal(registry_service_put(h->r, &s), 0);
    assert_int_equal(registry_revoke(h->r, &h->carol), -ENOENT);
    assert_int_equal(registry_revoke(h->r, &h->bob), 1);
    assert_false(may(h, "web", &h->bob));
}

static void a_service_that_is_not_there_has_no_guests(void **state)
{
    struct home *h = *state;
    assert_int_equal(registry_allow_guest(h->r, "blog", &h->bob), -ENOENT);
}

static void names(struct home *h, const char *proposed, const char *expected)
{
    char alias[ALIAS_MAX + 1];
    assert_true(registry_free_alias(h->r, proposed, "guest", alias));
    assert_string_equal(alias, expected);
    assert_true(registry_alias_ok(alias));
}

static void a_proposed_name_becomes_a_free_label(void **state)
{
    struct home *h = *state;

    names(h, "alice", "alice");
    names(h, "Alice B. Example", "alice-b-example");
    names(h, "--", "guest");
    names(h, "", "guest");
    names(h, "\xf0\x9f\x98\x80", "guest");
    names(h, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_int_equal(registry_set_alias(h->r, &h->bob, "alice"), 0);
    names(h, "alice", "alice-2");
    assert_int_equal(registry_set_alias(h->r, &h->carol, "alice-2"), 0);
    names(h, "ALICE", "alice-3");
    names(h, "localhost check", "guest"); /* the gateway's own */
}

#define IN_A_HOME(test) cmocka_unit_test_setup_teardown(test, move_in, move_out)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_HOME(what_an_invite_gave_is_taken_back_and_nothing_else),
        IN_A_HOME(who_was_known_before_stays_known),
        IN_A_HOME(what_a_person_says_later_stays),
        IN_A_HOME(a_service_that_is_shared_anew_keeps_its_guests),
        IN_A_HOME(a_service_that_is_not_there_has_no_guests),
        IN_A_HOME(a_proposed_name_becomes_a_free_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
