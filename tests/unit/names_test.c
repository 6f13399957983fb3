/* What names mean, in which order, and what is no name. */
#include "gateway/node/names.h"

#include <ctype.h>
#include <errno.h>

#include "tests/support/lone_node.h"

static struct node node;
static struct name_target t;
static char id_text[PEER_ID_TEXT_MAX];

static int build(void **state)
{
    (void)state;
    lone_node_init(&node);
    return 0;
}

static int end(void **state)
{
    (void)state;
    lone_node_deinit(&node);
    return 0;
}

static int look_up(const char *host)
{
    memset(&t, 0xff, sizeof(t));
    return names_resolve(&node, "overlay", host, &t);
}

static const char *under_id(const struct peer_id *id, const char *front)
{
    static char host[400];
    (void)snprintf(host, sizeof(host), "%s%s.overlay", front, peer_id_print(id, id_text));
    return host;
}

static void an_alias_names_its_peer(void **state)
{
    (void)state;
    static const char *const ways[] = {"alice.overlay",           "alice.overlay.",
                                       "ALICE.Overlay",           "alice.OVERLAY.",
                                       "alice.overlay.localhost", "Alice.overlay.LOCALHOST."};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        assert_int_equal(look_up(ways[i]), 0);
        assert_int_equal(t.kind, NAME_PEER);
        assert_true(peer_id_equal(&t.peer, &node.alice));
        assert_true(t.by_alias);
        assert_string_equal(t.service, "");
    }
}

static void a_peer_id_names_itself_known_or_not(void **state)
{
    (void)state;
    assert_int_equal(look_up(under_id(&node.bob, "")), 0);
    assert_int_equal(t.kind, NAME_PEER);
    assert_true(peer_id_equal(&t.peer, &node.bob));
    assert_false(t.by_alias);

    char upper[400];
    (void)snprintf(upper, sizeof(upper), "%s", under_id(&node.bob, "Web."));
    for (char *c = upper; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    assert_int_equal(look_up(upper), 0);
    assert_int_equal(t.kind, NAME_UNSURE);
    assert_string_equal(t.service, "web");
}

static void another_spelling_of_an_id_is_no_name(void **state)
{
    (void)state;
    char host[400];
    (void)snprintf(host, sizeof(host), "%s", under_id(&node.bob, ""));
    host[51] = host[51] == 'y' ? 'b' : (char)(host[51] + 1); /* spare bits set, or another key */
    if (look_up(host) == 0)
        assert_false(peer_id_equal(&t.peer, &node.bob));
    (void)snprintf(host, sizeof(host), "%s", under_id(&node.bob, ""));
    host[51] = '9';
    assert_int_equal(look_up(host), -ENOENT);
    memmove(host + 51, host + 52, strlen(host + 52) + 1); /* one short */
    assert_int_equal(look_up(host), -ENOENT);
}

static void any_label_may_be_a_service_until_the_list_is_known(void **state)
{
    (void)state;
    assert_int_equal(look_up("web.alice.overlay"), 0);
    assert_int_equal(t.kind, NAME_UNSURE);
    node.view.known = true; /* a session, but no list yet */
    assert_int_equal(look_up("nonsense.alice.overlay"), 0);
    assert_int_equal(t.kind, NAME_UNSURE);

    lone_node_offer(&node, "web", 80);
    assert_int_equal(look_up("WEB.alice.overlay"), 0);
    assert_int_equal(t.kind, NAME_SERVICE);
    assert_string_equal(t.service, "web");
    assert_int_equal(t.offered.port, 80);
    assert_int_equal(look_up("nonsense.alice.overlay"), -ENOENT);
    assert_int_equal(look_up(under_id(&node.alice, "web.")), 0);
    assert_int_equal(t.kind, NAME_SERVICE);
    assert_int_equal(look_up(under_id(&node.alice, "nonsense.")), -ENOENT);
}

static void a_service_has_a_name_by_its_port_too(void **state)
{
    (void)state;
    lone_node_offer(&node, "web", 3000);
    assert_int_equal(look_up("p3000.alice.overlay"), 0);
    assert_string_equal(t.service, "web");
    assert_int_equal(look_up("p3001.alice.overlay"), -ENOENT);
    assert_int_equal(look_up("p03000.alice.overlay"), -ENOENT);
    assert_int_equal(look_up("p68536.alice.overlay"), -ENOENT);      /* 3000 + 65536 */
    assert_int_equal(look_up("p4294970296.alice.overlay"), -ENOENT); /* 3000 + 2^32 */
    assert_int_equal(look_up("p.alice.overlay"), -ENOENT);
    assert_int_equal(look_up("p3000x.alice.overlay"), -ENOENT);
}

static void what_is_outside_the_suffix_is_not_ours(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         ".",
                                         "example.com",
                                         "overlay.com",
                                         "xoverlay",
                                         "localhost",
                                         "alicexoverlay",
                                         "alice.overlay.local",
                                         "alice.overlay.localhost.com"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(look_up(others[i]), -EDOM);
        assert_false(names_is_ours("overlay", others[i]));
    }
    static const char *const ours[] = {"overlay", "OVERLAY.", "overlay.localhost", "bob.overlay",
                                       ".overlay"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        assert_int_equal(look_up(ours[i]), -ENOENT);
        assert_true(names_is_ours("overlay", ours[i]));
    }
}

static void odd_names_do_not_exist(void **state)
{
    (void)state;
    static const char *const odd[] = {"bob.overlay",
                                      "a.web.alice.overlay",
                                      ".alice.overlay",
                                      "web..alice.overlay",
                                      "alice..overlay",
                                      "-web.alice.overlay",
                                      "web-.alice.overlay",
                                      "w_b.alice.overlay",
                                      "w b.alice.overlay",
                                      "alic\xc3\xa9.overlay",
                                      "*.alice.overlay",
                                      "alice .overlay",
                                      "abcdefghijklmnopqrstuvwxyz0123456789.overlay",
                                      "abcdefghijklmnopqrstuvwxyz0123456789.alice.overlay"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_int_equal(look_up(odd[i]), -ENOENT);
}

static void names_longer_than_dns_allows_are_not_ours(void **state)
{
    (void)state;
    char host[600];
    for (size_t len = 240; len < 300; len++) {
        memset(host, 'a', len);
        memcpy(host + len, ".overlay", 9);
        assert_int_equal(look_up(host), len + 8 <= NAMES_HOST_MAX ? -ENOENT : -EDOM);
    }
}

static void the_suffix_is_configurable(void **state)
{
    (void)state;
    assert_int_equal(names_resolve(&node, "home.arpa", "web.alice.home.arpa", &t), 0);
    assert_int_equal(names_resolve(&node, "home.arpa", "alice.overlay", &t), -EDOM);
    assert_int_equal(names_resolve(&node, "p2p.localhost", "alice.p2p.localhost", &t), 0);
    assert_true(names_suffix_ok("overlay") && names_suffix_ok("home.arpa"));
    static const char *const bad[] = {
        "",     ".",    "a.",   ".a",
        "a..b", "A",    "a_b",  "-a",
        "a-",   "a-.b", "a.-b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(names_suffix_ok(bad[i]));
}

static void writes_the_name_that_it_reads(void **state)
{
    (void)state;
    char host[NAMES_HOST_MAX + 1];
    assert_int_equal(names_write(&node, "overlay", &node.alice, "web", host, sizeof(host)), 17);
    assert_string_equal(host, "web.alice.overlay");
    assert_int_equal(names_write(&node, "overlay", &node.bob, NULL, host, sizeof(host)), 60);
    assert_int_equal(look_up(host), 0);
    assert_true(peer_id_equal(&t.peer, &node.bob));
}

static void one_name_is_the_gateways_own_unless_a_peer_has_it(void **state)
{
    (void)state;
    struct known_peer p = {.id = node.bob, .alias = "localhost-check"};
    assert_true(names_is_check(&node, "overlay", "LOCALHOST-check.overlay."));
    assert_true(names_is_check(&node, "overlay", "localhost-check.overlay.localhost"));
    assert_false(names_is_check(&node, "overlay", "localhost-check.example"));
    assert_false(names_is_check(&node, "overlay", "web.localhost-check.overlay"));
    assert_false(names_is_check(&node, "overlay", "alice.overlay"));
    assert_false(names_is_check(&node, "overlay", "overlay"));
    assert_int_equal(look_up("localhost-check.overlay"), -ENOENT);
    assert_int_equal(registry_peer_put_config(node.registry, &p), 0);
    assert_false(names_is_check(&node, "overlay", "localhost-check.overlay"));
    assert_int_equal(look_up("localhost-check.overlay"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_alias_names_its_peer, build, end),
        cmocka_unit_test_setup_teardown(a_peer_id_names_itself_known_or_not, build, end),
        cmocka_unit_test_setup_teardown(another_spelling_of_an_id_is_no_name, build, end),
        cmocka_unit_test_setup_teardown(any_label_may_be_a_service_until_the_list_is_known, build,
                                        end),
        cmocka_unit_test_setup_teardown(a_service_has_a_name_by_its_port_too, build, end),
        cmocka_unit_test_setup_teardown(what_is_outside_the_suffix_is_not_ours, build, end),
        cmocka_unit_test_setup_teardown(odd_names_do_not_exist, build, end),
        cmocka_unit_test_setup_teardown(names_longer_than_dns_allows_are_not_ours, build, end),
        cmocka_unit_test_setup_teardown(the_suffix_is_configurable, build, end),
        cmocka_unit_test_setup_teardown(one_name_is_the_gateways_own_unless_a_peer_has_it, build,
                                        end),
        cmocka_unit_test_setup_teardown(writes_the_name_that_it_reads, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
