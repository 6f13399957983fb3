/* How a gateway starts: what it keeps in the home, on which ports it listens. */
#include "gateway/node/node.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/node_dht.h"
#include "tests/support/fake_env.h"

struct harness {
    struct fake_env fake;
    struct registry *registry;
    struct keys keys;
    struct node_options options;
    struct node *node;
    char why[256];
};

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static int build(void **state)
{
    static struct harness harness;
    struct harness *h = &harness;
    const uint8_t seed[KEYS_SEED_LEN] = {1};

    memset(h, 0, sizeof(*h));
    fake_env_init(&h->fake);
    keys_from_seed(&h->keys, seed);
    assert_int_equal(registry_open(&h->registry, &h->fake.env, h->why, sizeof(h->why)), 0);
    h->options = (struct node_options){
        .listen = {address("0.0.0.0:0"), address("[::]:0")},
        .port_kept = true,
        .lan = LAN_OFF,
        .home = "/home/a",
    };
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    node_free(h->node);
    registry_free(h->registry);
    fake_env_deinit(&h->fake);
    return 0;
}

static int start(struct harness *h)
{
    node_free(h->node);
    h->why[0] = '\0';
    assert_int_equal(node_new(&h->node, &h->fake.env, h->registry, &h->keys, &h->options), 0);
    return node_start(h->node, h->why, sizeof(h->why));
}

static uint16_t port_of(struct harness *h, size_t i)
{
    struct addr at[2];
    assert_int_equal(node_addresses(h->node, at, 2), 2);
    return addr_port(&at[i]);
}

static void keeps_the_reset_key(void **state)
{
    struct harness *h = *state;
    uint8_t first[32];

    assert_int_equal(start(h), 0);
    const struct fake_file *file = fake_file_find(h->fake.file, "reset.key");
    assert_non_null(file);
    assert_int_equal(file->len, 32);
    memcpy(first, file->data, 32);
    assert_int_equal(start(h), 0);
    assert_memory_equal(fake_file_find(h->fake.file, "reset.key")->data, first, 32);
}

static void a_damaged_reset_key_is_named_with_its_folder_and_stays(void **state)
{
    struct harness *h = *state;

    fake_env_put_file(&h->fake, "reset.key", "short");
    assert_int_equal(start(h), -EBADMSG);
    assert_string_equal(h->why, "/home/a/reset.key: not 32 bytes; remove it to make a new one");
    assert_string_equal(fake_env_file(&h->fake, "reset.key"), "short");
    h->options.home = NULL;
    assert_int_equal(start(h), -EBADMSG);
    assert_string_equal(h->why, "reset.key: not 32 bytes; remove it to make a new one");
}

static void a_reset_key_that_others_may_read_says_what_to_do(void **state)
{
    struct harness *h = *state;

    h->fake.load_error = -EACCES;
    assert_int_equal(start(h), -EACCES);
    assert_non_null(strstr(h->why, "/home/a/reset.key: "));
    assert_non_null(strstr(h->why, "chmod 600"));
}

static void what_is_no_plain_file_is_called_so(void **state)
{
    struct harness *h = *state;

    h->fake.load_error = -ELOOP;
    assert_int_equal(start(h), -ELOOP);
    assert_string_equal(h->why,
                        "/home/a/reset.key: is a symbolic link, which is not followed here");
    h->fake.load_error = -EINVAL;
    assert_int_equal(start(h), -EINVAL);
    assert_string_equal(h->why, "/home/a/reset.key: is not a plain file");
}

static void a_full_disk_at_the_first_start_is_said(void **state)
{
    struct harness *h = *state;

    h->fake.save_error = -ENOSPC;
    assert_int_equal(start(h), -ENOSPC);
    assert_string_equal(h->why, "/home/a/reset.key: No space left on device");
}

static void has_the_port_of_the_last_run_again(void **state)
{
    struct harness *h = *state;

    assert_int_equal(start(h), 0);
    uint16_t port = port_of(h, 0);
    assert_int_equal(port_of(h, 1), port);
    assert_int_equal(start(h), 0);
    assert_int_equal(port_of(h, 0), port);
    assert_int_equal(port_of(h, 1), port);
}

static void a_port_that_is_taken_in_one_family_is_kept_in_the_other(void **state)
{
    struct harness *h = *state;
    const struct addr v6 = address("[::]:5000");
    const struct udp_handler nobody = {0};
    struct udp_socket *other;

    fake_env_put_file(&h->fake, "port", "5000\n");
    assert_int_equal(udp_open(&h->fake.env, &other, &v6, 0, &nobody, NULL), 0);
    assert_int_equal(start(h), 0);
    assert_int_equal(port_of(h, 0), 5000);
    assert_int_not_equal(port_of(h, 1), 5000);
    assert_string_equal(fake_env_file(&h->fake, "port"), "5000\n");
    udp_close(&h->fake.env, other);
}

static void anything_but_a_port_in_the_port_file_means_any_port(void **state)
{
    struct harness *h = *state;

    fake_env_put_file(&h->fake, "port", "70000\n");
    assert_int_equal(start(h), 0);
    assert_int_not_equal(port_of(h, 0), 0);
}

static void a_configured_port_that_is_taken_is_an_error(void **state)
{
    struct harness *h = *state;
    const struct addr v4 = address("0.0.0.0:5000");
    const struct udp_handler nobody = {0};
    struct udp_socket *other;

    h->options.listen[0] = v4;
    assert_int_equal(udp_open(&h->fake.env, &other, &v4, 0, &nobody, NULL), 0);
    assert_int_equal(start(h), -EADDRINUSE);
    assert_string_equal(h->why, "cannot listen on UDP 0.0.0.0:5000: Address already in use");
    udp_close(&h->fake.env, other);
}

static uint16_t dht_port_of(struct harness *h, size_t i)
{
    struct node_dht_view view;

    node_dht_view(h->node, &view);
    assert_int_equal(view.listens, 2);
    return addr_port(&view.listen[i]);
}

static void the_dht_has_its_port_of_the_last_run_again(void **state)
{
    struct harness *h = *state;

    h->options.dht = NODE_DHT_SERVER;
    h->options.dht_listen[0] = address("0.0.0.0:0");
    h->options.dht_listen[1] = address("[::]:0");
    assert_int_equal(start(h), 0);
    uint16_t port = dht_port_of(h, 0);
    assert_int_equal(dht_port_of(h, 1), port);
    assert_int_not_equal(port_of(h, 0), port);
    assert_int_equal(start(h), 0);
    assert_int_equal(dht_port_of(h, 0), port);
    assert_int_equal(dht_port_of(h, 1), port);
}

/* ---- requests ---- */

struct insistent {
    struct node_wait wait;
    struct deferred turn;
    struct harness *h;
    struct peer_id id;
    unsigned told, turns;
};

static void on_turn(struct deferred *work)
{
    container_of(work, struct insistent, turn)->turns++;
}

static void ask_again(struct node_wait *w, int err, const char *why)
{
    struct insistent *i = container_of(w, struct insistent, wait);
    assert_int_equal(err, -EACCES);
    assert_string_equal(why, "blocked here");
    assert_int_equal(i->turns, i->told);
    env_defer(&i->h->fake.env, &i->turn);
    if (++i->told < 3)
        node_connect(i->h->node, &i->id, w);
}

static void who_asks_again_from_its_answer_waits_for_the_next_turn(void **state)
{
    struct harness *h = *state;
    struct insistent i = {.wait.done = ask_again, .turn.run = on_turn, .h = h};
    struct keys other;
    const uint8_t seed[KEYS_SEED_LEN] = {2};

    keys_from_seed(&other, seed);
    i.id = other.id;
    assert_int_equal(registry_block(h->registry, &i.id, true), 0);
    assert_int_equal(start(h), 0);
    node_connect(h->node, &i.id, &i.wait);
    assert_int_equal(i.told, 0);
    fake_env_settle(&h->fake);
    assert_int_equal(i.told, 3);
}

/* ---- watches ---- */

struct watcher {
    struct node_watch watch;
    struct node_watch *rival; /* taken back when this one is told */
    unsigned told;
};

static void take_rival_back(struct node_watch *w, const struct peer_id *id)
{
    struct watcher *one = container_of(w, struct watcher, watch);
    assert_null(id);
    one->told++;
    if (one->rival)
        node_unwatch(one->rival);
}

static void a_watch_may_take_the_next_one_back(void **state)
{
    struct harness *h = *state;
    struct watcher all[3] = {
        {.watch.changed = take_rival_back, .rival = &all[1].watch},
        {.watch.changed = take_rival_back},
        {.watch.changed = take_rival_back, .rival = &all[2].watch},
    };

    assert_int_equal(start(h), 0);
    for (size_t i = 0; i < 3; i++)
        node_watch(h->node, &all[i].watch);
    node_registry_changed(h->node);
    node_registry_changed(h->node);
    assert_int_equal(all[0].told, 2);
    assert_int_equal(all[1].told, 0);
    assert_int_equal(all[2].told, 1);
    node_unwatch(&all[0].watch);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(keeps_the_reset_key),
        SENTENCE(a_damaged_reset_key_is_named_with_its_folder_and_stays),
        SENTENCE(a_reset_key_that_others_may_read_says_what_to_do),
        SENTENCE(what_is_no_plain_file_is_called_so),
        SENTENCE(a_full_disk_at_the_first_start_is_said),
        SENTENCE(has_the_port_of_the_last_run_again),
        SENTENCE(a_port_that_is_taken_in_one_family_is_kept_in_the_other),
        SENTENCE(anything_but_a_port_in_the_port_file_means_any_port),
        SENTENCE(a_configured_port_that_is_taken_is_an_error),
        SENTENCE(the_dht_has_its_port_of_the_last_run_again),
        SENTENCE(who_asks_again_from_its_answer_waits_for_the_next_turn),
        SENTENCE(a_watch_may_take_the_next_one_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
