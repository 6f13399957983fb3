/* Where relays are, when those who name them do not agree. */
#include "gateway/node/relay_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

struct harness {
    struct fake_env fake;
    struct peer_id self, relay;
    struct desk desk;
    struct hub hub;
    struct relay_doors doors;
    struct list places;
};

static struct peer *find_none(void *node, const struct peer_id *id)
{
    (void)node;
    (void)id;
    return NULL;
}

static int build(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    fake_env_init(&h->fake);
    h->self = (struct peer_id){{1}};
    memset(h->relay.key, 0x66, sizeof(h->relay.key)); /* the base point (RFC 8032 §5.1) */
    h->relay.key[0] = 0x58;
    h->desk =
        (struct desk){.env = &h->fake.env, .hub = &h->hub, .self = &h->self, .find = find_none};
    relay_doors_init(&h->doors, &h->fake.env);
    list_init(&h->places);
    fake_names_add(&h->fake.names, "right.example", "198.51.100.1");
    fake_names_add(&h->fake.names, "wrong.example", "198.51.100.66");
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    for (struct list *node; (node = list_first(&h->places));)
        relay_site_free(list_entry(node, struct relay_site, link));
    fake_env_deinit(&h->fake);
    free(h);
    return 0;
}

/* Somebody says that the relay is there, and wants it. */
static struct relay_site *is_at(struct harness *h, const char *host, bool named)
{
    char id[PEER_ID_TEXT_LEN + 1], text[PEER_RELAY_MAX + 1];
    (void)snprintf(text, sizeof(text), "%s@%s", peer_id_print(&h->relay, id), host);
    struct relay_site *p = relay_site_get(&h->places, &h->desk, &h->doors, text, named);
    assert_non_null(p);
    relay_site_look_up(p);
    return p;
}

static void a_look_up_is_not_ended_by_whoever_names_another_host(void **state)
{
    struct harness *h = *state;
    struct addr found[RELAY_ADDRS_MAX];
    struct relay_site *p = is_at(h, "right.example:7777", false);

    assert_ptr_equal(is_at(h, "wrong.example:7777", false), p);
    fake_env_settle(&h->fake);
    assert_int_equal(relay_site_addresses(p, found, RELAY_ADDRS_MAX), 1);
    assert_string_equal(p->name, "right.example");
    is_at(h, "wrong.example:7777", false); /* it is being dialled */
    assert_string_equal(p->host, "right.example:7777");
}

static void where_nobody_was_found_another_host_is_tried(void **state)
{
    struct harness *h = *state;
    struct relay_site *p = is_at(h, "wrong.example:7777", false);

    fake_env_advance(&h->fake, SEC(10));
    is_at(h, "right.example:7777", false);
    assert_string_equal(p->host, "right.example:7777");
}

static void where_it_was_found_it_stays_until_it_is_not_there_any_more(void **state)
{
    struct harness *h = *state;
    struct relay_site *p = is_at(h, "right.example:7777", false);

    fake_env_settle(&h->fake);
    p->proven = p->found[0];
    fake_env_advance(&h->fake, SEC(1000));
    is_at(h, "wrong.example:7777", false);
    assert_string_equal(p->host, "right.example:7777");
    p->failures = 1;
    is_at(h, "elsewhere.example:7777", false);
    fake_env_settle(&h->fake);
    assert_string_equal(p->host, "right.example:7777"); /* looked up anew a moment ago */
    fake_env_advance(&h->fake, SEC(10));
    is_at(h, "wrong.example:7777", false);
    assert_string_equal(p->host, "wrong.example:7777");
}

static void what_a_person_says_counts_at_once_and_alone(void **state)
{
    struct harness *h = *state;
    struct relay_site *p = is_at(h, "wrong.example:7777", false);

    is_at(h, "right.example:7777", true);
    assert_string_equal(p->host, "right.example:7777");
    fake_env_advance(&h->fake, SEC(1000));
    is_at(h, "wrong.example:7777", false);
    assert_string_equal(p->host, "right.example:7777");
}

#define SENTENCE(test) cmocka_unit_test_setup_teardown(test, build, end)

static bool may_name(struct harness *h, const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return relay_site_may_name(&h->desk, &a);
}

static void behind_a_nat64_prefix_the_address_inside_is_judged(void **state)
{
    struct harness *h = *state;

    assert_true(may_name(h, "198.51.100.7:4433"));
    assert_false(may_name(h, "10.0.0.7:4433"));
    assert_true(may_name(h, "[2001:db8:64::a00:7]:4433"));
    h->hub.nat64 = (struct nat64){.prefix = {0x20, 0x01, 0x0d, 0xb8, 0, 0x64}, .bits = 96};
    assert_false(may_name(h, "[2001:db8:64::a00:7]:4433"));    /* 10.0.0.7 */
    assert_true(may_name(h, "[2001:db8:64::c633:6407]:4433")); /* 198.51.100.7 */
    assert_false(may_name(h, "[2001:db8:64::c633:6407]:25"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(a_look_up_is_not_ended_by_whoever_names_another_host),
        SENTENCE(where_nobody_was_found_another_host_is_tried),
        SENTENCE(where_it_was_found_it_stays_until_it_is_not_there_any_more),
        SENTENCE(what_a_person_says_counts_at_once_and_alone),
        SENTENCE(behind_a_nat64_prefix_the_address_inside_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
