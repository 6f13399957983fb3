/* The name that somebody may have meant. */
#include "adapters/near_name.h"

#include "tests/support/local_node.h"

static struct world world;
static struct node node;
static struct near_name found;

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    local_node_init(&node, &world);
    the_node = &node;
    struct peer_view *alice = local_node_peer(&node, "alice");
    local_node_service(alice, "web", 3000, SERVICE_TCP);
    local_node_service(alice, "wiki", 3001, SERVICE_TCP);
    (void)local_node_peer(&node, "bob");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static void counts_letters(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"", "", 0},
        {"a", "", 1},
        {"", "abc", 3},
        {"alice", "alice", 0},
        {"alice", "alcie", 1},
        {"alice", "alic", 1},
        {"alice", "alicce", 1},
        {"alice", "alixe", 1},
        {"ab", "ba", 1},
        {"abc", "ca", 3},
        {"kitten", "sitting", 3},
    };
    char longest[NEAR_LABEL_MAX + 2];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(near_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(near_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    assert_int_equal(near_distance(longest, longest), NEAR_LABEL_MAX);
    assert_int_equal(near_distance(longest + 1, longest + 1), 0);
}

static const char *near_to(const char *host)
{
    near_name_find(&found, &node, "overlay", host);
    return found.name;
}

static void finds_peers_and_services(void **state)
{
    (void)state;
    assert_string_equal(near_to("alcie.overlay"), "alice.overlay");
    assert_false(found.peer_known);
    assert_string_equal(near_to("web.alic.overlay.localhost"), "web.alice.overlay.localhost");
    assert_string_equal(found.service, "web");
    assert_string_equal(found.peer, "alic");
    assert_string_equal(near_to("wib.alice.overlay"), "web.alice.overlay");
    assert_true(found.peer_known);
    assert_string_equal(near_to("wkii.alice.overlay"), "wiki.alice.overlay");
}

static void suggests_nothing_that_is_far(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "carol.overlay",     "b.overlay", "xyz.alice.overlay", "web.bob.overlay",   "alice.overlay",
        "alcie.example.org", "overlay",   ".overlay",          "a.b.alcie.overlay", "",
        "overlay.localhost", "alcie",
    };
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        assert_string_equal(near_to(hosts[i]), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_letters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_peers_and_services, set_up, tear_down),
        cmocka_unit_test_setup_teardown(suggests_nothing_that_is_far, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
