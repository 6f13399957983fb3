/* Certificates by name: for whom there is one, and how long it is kept. */
#include "adapters/https_names.h"

#include "tests/support/local_node.h"

#define BEGINNING SEC(1795000000)

static struct world world;
static struct node node;
static struct peer_view *alice;
static struct local_ca *ca;
static struct https_names names;

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world.now = BEGINNING;
    local_node_init(&node, &world);
    the_node = &node;
    alice = local_node_peer(&node, "alice");
    local_node_service(alice, "web", 3000, SERVICE_TCP);
    assert_int_equal(local_ca_new(&ca, "overlay", (int64_t)(world.now / SEC(1))), 0);
    https_names_init(&names, &node, "overlay", ca);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    https_names_deinit(&names);
    local_ca_free(ca);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static struct tls_identity *find(const char *name)
{
    struct peer_id peer;
    return https_names_find(&names, name, &peer);
}

static void a_peer_has_one_for_all_of_its_names(void **state)
{
    struct peer_id peer;
    (void)state;
    struct tls_identity *first = https_names_find(&names, "web.alice.overlay", &peer);
    assert_non_null(first);
    assert_true(peer_id_equal(&peer, &alice->id));
    assert_ptr_equal(find("alice.overlay"), first);
    assert_ptr_equal(find("WEB.ALICE.OVERLAY."), first);
    assert_int_equal(names.count, 1);
}

static void its_id_is_another_name(void **state)
{
    char id[PEER_ID_TEXT_MAX], name[100];
    (void)state;
    struct tls_identity *first = find("alice.overlay");
    snprintf(name, sizeof(name), "web.%s.overlay", peer_id_print(&alice->id, id));
    struct tls_identity *second = find(name);
    assert_non_null(second);
    assert_ptr_not_equal(second, first);
}

static void names_that_dns_would_not_answer_for_have_none(void **state)
{
    static const char *const none[] = {"",
                                       "overlay",
                                       ".overlay",
                                       "bob.overlay",
                                       "no.alice.overlay",
                                       "a.web.alice.overlay",
                                       "alice.overlay.localhost",
                                       "alice.overlay.example.com",
                                       "*.alice.overlay",
                                       "example.com",
                                       "127.0.0.1"};
    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_null(find(none[i]));
    assert_int_equal(names.count, 0);
}

/* A page may ask for as many ids as it likes. */
static void only_so_many_are_kept_those_used_last(void **state)
{
    (void)state;
    struct tls_identity *first = tls_identity_keep(find("alice.overlay"));
    for (unsigned i = 0; i < HTTPS_LEAVES_MAX + 5; i++) {
        struct keys keys;
        char id[PEER_ID_TEXT_MAX], name[100];
        const uint8_t seed[KEYS_SEED_LEN] = {0xaa, (uint8_t)i};
        keys_from_seed(&keys, seed);
        snprintf(name, sizeof(name), "%s.overlay", peer_id_print(&keys.id, id));
        assert_non_null(find(name));
        if (i < HTTPS_LEAVES_MAX)
            assert_ptr_equal(find("alice.overlay"), first);
    }
    assert_int_equal(names.count, HTTPS_LEAVES_MAX);
    for (unsigned i = 0; i < HTTPS_LEAVES_MAX; i++) {
        struct keys keys;
        char id[PEER_ID_TEXT_MAX], name[100];
        const uint8_t seed[KEYS_SEED_LEN] = {0xbb, (uint8_t)i};
        keys_from_seed(&keys, seed);
        snprintf(name, sizeof(name), "%s.overlay", peer_id_print(&keys.id, id));
        assert_non_null(find(name));
    }
    assert_int_equal(names.count, HTTPS_LEAVES_MAX);
    assert_ptr_not_equal(find("alice.overlay"), first);
    tls_identity_free(first);
}

static void one_that_is_a_week_old_is_made_anew(void **state)
{
    (void)state;
    struct tls_identity *first = tls_identity_keep(find("alice.overlay"));
    world.now += SEC(6 * 86400);
    assert_ptr_equal(find("alice.overlay"), first);
    world.now += SEC(86400);
    assert_ptr_not_equal(find("alice.overlay"), first);
    assert_int_equal(names.count, 1);
    tls_identity_free(first);
    first = tls_identity_keep(find("alice.overlay"));
    world.now -= SEC(86400); /* the clock was set back to before it */
    assert_ptr_not_equal(find("alice.overlay"), first);
    tls_identity_free(first);
}

static void an_authority_that_has_expired_gives_none(void **state)
{
    (void)state;
    assert_non_null(find("alice.overlay"));
    world.now += SEC(731 * UINT64_C(86400));
    assert_null(find("alice.overlay"));
    assert_int_equal(names.count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_peer_has_one_for_all_of_its_names),
        CASE(its_id_is_another_name),
        CASE(names_that_dns_would_not_answer_for_have_none),
        CASE(only_so_many_are_kept_those_used_last),
        CASE(one_that_is_a_week_old_is_made_anew),
        CASE(an_authority_that_has_expired_gives_none),
    };
    return cmocka_run_group_tests_name("https_names", tests, NULL, NULL);
}
