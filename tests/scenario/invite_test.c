/* Strangers meet by an invite: through a relay, on a LAN, by the addresses of a ticket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/invites.h"
#include "tests/sim/sim_gateway.h"
#include "tests/sim/sim_nat_story.h"
#include "tests/sim/sim_program.h"

#define HOME 1

struct joining {
    struct node_join join;
    struct node_joined joined;
    bool over;
    int err;
    char why[160];
};

struct story {
    struct sim_world world;
    struct sim_gateway alice, bob, carol, relay;
    struct sim_echo echo;
    struct sim_caller caller;
    bool apart; /* alice, bob and carol do not reach one another */
    struct joining joining;
    struct node_invite_watch watch;
    struct node_invite_event heard;
    unsigned joined, wrong, ended;
};

/* ---- the stage ---- */

static bool is_relay(const struct story *s, const struct addr *a)
{
    return s->relay.node && sim_interface_of(&s->relay.host, a) != NULL;
}

static bool cut(void *arg, const struct addr *from, const struct addr *to)
{
    const struct story *s = arg;
    return s->apart && !is_relay(s, from) && !is_relay(s, to) && !addr_is_loopback(to);
}

static void on_invite_event(struct node_invite_watch *w, const struct node_invite_event *e)
{
    struct story *s = container_of(w, struct story, watch);
    if (e->what != NODE_INVITE_ENDED)
        s->heard = *e;
    s->joined += e->what == NODE_INVITE_JOINED;
    s->wrong += e->what == NODE_INVITE_WRONG;
    s->ended += e->what == NODE_INVITE_ENDED;
}

static void shares_privately(struct sim_gateway *g)
{
    struct service service = {
        .name = "echo", .proto = SERVICE_BOTH, .port = 7, .target = "127.0.0.1:7000"};
    assert_int_equal(registry_service_put(g->registry, &service), 0);
    node_registry_changed(g->node);
}

static void start(struct story *s)
{
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_start(&s->carol);
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
    shares_privately(&s->alice);
    s->watch.event = on_invite_event;
    node_watch_invites(s->alice.node, &s->watch);
}

static struct story *raise(void **state)
{
    static struct story story;
    memset(&story, 0, sizeof(story));
    sim_world_init(&story.world, 0);
    story.world.cut = cut;
    story.world.cut_arg = &story;
    *state = &story;
    return &story;
}

static void uses_relay(struct sim_gateway *g, const struct sim_gateway *relay)
{
    char id[PEER_ID_TEXT_LEN + 1];
    (void)snprintf(g->options.relay_use[0], sizeof(g->options.relay_use[0]), "%s@203.0.113.4:4433",
                   peer_id_print(&relay->keys.id, id));
}

static int begin_with_relay(void **state)
{
    struct story *s = raise(state);
    sim_gateway_init(&s->alice, &s->world, "alice", 1, INTERNET, "192.0.2.1/24");
    sim_gateway_init(&s->bob, &s->world, "bob", 2, INTERNET, "198.51.100.2/24");
    sim_gateway_init(&s->carol, &s->world, "carol", 3, INTERNET, "198.51.100.3/24");
    sim_gateway_init(&s->relay, &s->world, "relay", 4, INTERNET, "203.0.113.4/24");
    s->relay.options.relay_serve = RELAY_SERVE_OPEN;
    sim_gateway_start(&s->relay);
    uses_relay(&s->alice, &s->relay);
    uses_relay(&s->bob, &s->relay);
    uses_relay(&s->carol, &s->relay);
    s->apart = true;
    (void)snprintf(s->alice.options.nickname, sizeof(s->alice.options.nickname), "alice");
    (void)snprintf(s->bob.options.nickname, sizeof(s->bob.options.nickname), "bob");
    start(s);
    (void)sim_world_run(&s->world, SEC(2), NULL, NULL);
    return 0;
}

static int begin_on_lan(void **state)
{
    struct story *s = raise(state);
    sim_gateway_init(&s->alice, &s->world, "alice", 1, HOME, "192.168.1.10/24");
    sim_gateway_init(&s->bob, &s->world, "bob", 2, HOME, "192.168.1.20/24");
    sim_gateway_init(&s->carol, &s->world, "carol", 3, HOME, "192.168.1.30/24");
    sim_gateway_init(&s->relay, &s->world, "relay", 4, INTERNET, "203.0.113.4/24");
    s->alice.options.lan = s->bob.options.lan = s->carol.options.lan = LAN_PRIVATE;
    start(s);
    return 0;
}

/* Nothing but a small DHT: the relay, which relays for nobody, and two more serve in it. */
static void takes_part(struct sim_gateway *g, enum node_dht mode)
{
    const uint8_t any[4] = {0};
    g->options.dht = mode;
    g->options.dht_listen[0] = addr_v4(any, 6881);
    (void)snprintf(g->options.dht_bootstrap[0].host, sizeof(g->options.dht_bootstrap[0].host),
                   "203.0.113.4");
    g->options.dht_bootstrap[0].port = 6881;
}

static int begin_with_dht(void **state)
{
    struct story *s = raise(state);
    sim_gateway_init(&s->alice, &s->world, "alice", 1, INTERNET, "192.0.2.1/24");
    sim_gateway_init(&s->bob, &s->world, "bob", 2, INTERNET, "198.51.100.2/24");
    sim_gateway_init(&s->carol, &s->world, "carol", 3, INTERNET, "198.51.100.3/24");
    sim_gateway_init(&s->relay, &s->world, "relay", 4, INTERNET, "203.0.113.4/24");
    takes_part(&s->relay, NODE_DHT_SERVER);
    takes_part(&s->carol, NODE_DHT_SERVER);
    takes_part(&s->alice, NODE_DHT_CLIENT);
    takes_part(&s->bob, NODE_DHT_CLIENT);
    sim_gateway_start(&s->relay);
    start(s);
    (void)sim_world_run(&s->world, SEC(10), NULL, NULL);
    return 0;
}

static int end(void **state)
{
    struct story *s = *state;
    sim_caller_deinit(&s->caller);
    sim_echo_deinit(&s->echo);
    sim_gateway_deinit(&s->carol);
    sim_gateway_deinit(&s->bob);
    sim_gateway_deinit(&s->alice);
    sim_gateway_deinit(&s->relay);
    sim_world_deinit(&s->world);
    return 0;
}

/* ---- what people do ---- */

static struct node_invite invites(struct story *s, unsigned uses)
{
    struct node_invite invite;
    assert_int_equal(node_invite(s->alice.node, "echo", uses, INVITE_LIFETIME, &invite), 0);
    return invite;
}

static void on_joined(struct node_join *j, int err, const struct node_joined *joined,
                      const char *why)
{
    struct joining *joining = container_of(j, struct joining, join);
    joining->over = true;
    joining->err = err;
    if (joined)
        joining->joined = *joined;
    (void)snprintf(joining->why, sizeof(joining->why), "%s", why);
}

static bool is_over(void *arg)
{
    return ((struct joining *)arg)->over;
}

static int wait_for_it(struct story *s)
{
    struct joining *j = &s->joining;
    if (!sim_world_run(&s->world, SEC(70), is_over, j))
        fail_msg("the opening of an invite never ends");
    return j->err;
}

static int opens_code(struct story *s, struct sim_gateway *g, const char *text)
{
    struct invite_code code;
    const char *word;
    size_t len;
    s->joining = (struct joining){.join.done = on_joined};
    assert_int_equal(invite_code_parse(&code, text, &word, &len), 0);
    assert_int_equal(node_join(g->node, &code, NULL, SEC(60), &s->joining.join), 0);
    return wait_for_it(s);
}

static int opens_ticket(struct story *s, struct sim_gateway *g, const char *text)
{
    struct ticket ticket;
    s->joining = (struct joining){.join.done = on_joined};
    assert_int_equal(ticket_parse(&ticket, text, strlen(text)), 0);
    assert_int_equal(node_join(g->node, NULL, &ticket, SEC(60), &s->joining.join), 0);
    return wait_for_it(s);
}

/* The same number, other words. */
static int opens_with_wrong_words(struct story *s, struct sim_gateway *g,
                                  const struct node_invite *invite)
{
    char text[INVITE_CODE_MAX];
    const char *words = strchr(invite->code, '-') + 1;
    (void)snprintf(text, sizeof(text), "%u-%s-%s", invite->number,
                   strncmp(words, words_at(1), strlen(words_at(1))) == 0 ? words_at(2)
                                                                         : words_at(1),
                   words_at(3));
    return opens_code(s, g, text);
}

static void guest_gets_an_echo(struct story *s, struct sim_gateway *guest)
{
    sim_gateway_must_connect(guest, &s->alice, SEC(10));
    struct addr port = sim_gateway_opens(guest, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&s->caller, &guest->host.env, &port, 1000);
    assert_true(sim_world_run(&s->world, SEC(30), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.received, 1000);
    sim_caller_deinit(&s->caller);
}

static bool may_use_echo(struct story *s, const struct sim_gateway *guest)
{
    return registry_may_use(s->alice.registry, registry_service(s->alice.registry, "echo"),
                            &guest->keys.id, 0);
}

/* ---- the sentences ---- */

static void a_code_lets_a_stranger_in_through_a_relay(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    assert_string_equal(s->joining.joined.alias, "alice");
    assert_string_equal(s->joining.joined.service, "echo");
    assert_int_equal(s->joined, 1);
    assert_string_equal(s->joining.joined.fingerprint, s->heard.fingerprint);
    assert_string_equal(registry_peer(s->alice.registry, &s->bob.keys.id)->alias, "bob");
    guest_gets_an_echo(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
}

static void a_ticket_does_too(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(opens_ticket(s, &s->bob, invite.ticket), 0);
    guest_gets_an_echo(s, &s->bob);
}

static void a_ticket_names_the_relay_for_who_has_none(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    sim_gateway_stop(&s->carol);
    s->carol.options.relay_use[0][0] = '\0';
    sim_gateway_start(&s->carol);
    assert_int_equal(opens_ticket(s, &s->carol, invite.ticket), 0);
    guest_gets_an_echo(s, &s->carol);
}

static void a_ticket_needs_nobody_else_where_its_address_is_reached(void **state)
{
    struct story *s = *state;
    sim_gateway_stop(&s->relay);
    s->apart = false;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(opens_ticket(s, &s->bob, invite.ticket), 0);
    guest_gets_an_echo(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void on_a_lan_a_code_is_enough(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    guest_gets_an_echo(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void one_who_has_no_name_is_numbered(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 2);

    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    assert_string_equal(s->joining.joined.alias, "host");
    assert_int_equal(opens_code(s, &s->carol, invite.code), 0);
    assert_string_equal(registry_peer(s->alice.registry, &s->bob.keys.id)->alias, "guest");
    assert_string_equal(registry_peer(s->alice.registry, &s->carol.keys.id)->alias, "guest-2");
}

static void it_is_good_for_as_many_as_was_said(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 2), left[2];

    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    assert_int_equal(node_invites(s->alice.node, left, 2), 1);
    assert_int_equal(left[0].uses, 1);
    assert_int_equal(opens_ticket(s, &s->carol, invite.ticket), 0);
    assert_int_equal(node_invites(s->alice.node, left, 2), 0);
    assert_int_equal(s->ended, 1);
    sim_gateway_stop(&s->bob);
    sim_gateway_start(&s->bob);
    assert_int_equal(opens_code(s, &s->bob, invite.code), -ETIMEDOUT);
}

static void three_wrong_tries_burn_the_code_and_both_sides_are_told(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(opens_with_wrong_words(s, &s->bob, &invite), -EACCES);
        assert_int_equal(s->wrong, i);
        assert_int_equal(s->heard.tries, 3 - i);
    }
    assert_int_equal(opens_code(s, &s->bob, invite.code), -ETIMEDOUT);
    assert_false(may_use_echo(s, &s->bob));
    assert_null(registry_peer(s->alice.registry, &s->bob.keys.id));
    assert_int_equal(opens_ticket(s, &s->bob, invite.ticket), 0); /* nobody can guess that one */
}

static void after_two_wrong_tries_the_right_one_is_taken(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(opens_with_wrong_words(s, &s->bob, &invite), -EACCES);
    assert_int_equal(opens_with_wrong_words(s, &s->bob, &invite), -EACCES);
    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
}

static void it_ends_after_its_time(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    (void)sim_world_run(&s->world, INVITE_LIFETIME, NULL, NULL);
    assert_int_equal(s->ended, 1);
    assert_int_equal(opens_code(s, &s->bob, invite.code), -ETIMEDOUT);
    assert_int_equal(opens_ticket(s, &s->bob, invite.ticket), -ETIMEDOUT);
}

static void it_ends_when_it_is_revoked_or_its_service_goes(void **state)
{
    struct story *s = *state;
    struct node_invite first = invites(s, 1), second = invites(s, 1);

    assert_int_equal(node_invite_end(s->alice.node, first.number), 0);
    assert_int_equal(node_invite_end(s->alice.node, first.number), -ENOENT);
    assert_int_equal(opens_code(s, &s->bob, first.code), -ETIMEDOUT);
    assert_int_equal(registry_service_remove(s->alice.registry, "echo"), 0);
    node_registry_changed(s->alice.node);
    assert_int_equal(opens_code(s, &s->bob, second.code), -ETIMEDOUT);
    assert_int_equal(s->ended, 2);
}

static void a_revoked_guest_is_cut_off_at_once(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    const struct sim_link line = {.delay = MSEC(5), .bandwidth = 125000, .queue = 125000};
    sim_host_links(&s->bob.host, &line);
    sim_caller_start(&s->caller, &s->bob.host.env, &port, 10 << 20);
    (void)sim_world_run(&s->world, SEC(2), NULL, NULL);
    assert_false(sim_caller_over(&s->caller));
    assert_int_equal(registry_revoke(s->alice.registry, &s->bob.keys.id), 1);
    node_registry_changed(s->alice.node);
    assert_true(sim_world_run(&s->world, SEC(1), sim_caller_over, &s->caller));
    assert_true(s->caller.received < 10 << 20);
    assert_false(may_use_echo(s, &s->bob));
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(11), sim_gateway_connected, &s->bob));
    assert_true(s->bob.wait_err < 0);
}

static void other_networks_do_not_meet(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    sim_gateway_stop(&s->bob);
    (void)snprintf(s->bob.options.network, sizeof(s->bob.options.network), "other");
    sim_gateway_start(&s->bob);
    assert_int_equal(opens_code(s, &s->bob, invite.code), -EACCES);
    assert_int_equal(s->joined, 0);
}

static void who_is_blocked_is_not_let_in(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(registry_block(s->alice.registry, &s->bob.keys.id, true), 0);
    assert_int_equal(opens_code(s, &s->bob, invite.code), -EKEYEXPIRED);
    assert_false(may_use_echo(s, &s->bob));
    assert_int_equal(opens_code(s, &s->carol, invite.code), 0);
}

static void a_gateway_does_not_open_its_own(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);
    struct invite_code code;
    const char *word;
    size_t len;

    assert_int_equal(invite_code_parse(&code, invite.code, &word, &len), 0);
    assert_int_equal(node_join(s->alice.node, &code, NULL, SEC(60), &s->joining.join), -EINVAL);
}

static void a_relay_may_invite_too(void **state)
{
    struct story *s = *state;
    struct node_invite invite;

    assert_int_equal(node_invite(s->relay.node, "", 1, INVITE_LIFETIME, &invite), 0);
    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    assert_true(peer_id_equal(&s->joining.joined.peer, &s->relay.keys.id));
}

static void without_relay_and_lan_they_meet_on_the_dht(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 2);

    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    assert_string_equal(s->joining.joined.fingerprint, s->heard.fingerprint);
    guest_gets_an_echo(s, &s->bob);
    assert_int_equal(opens_ticket(s, &s->carol, invite.ticket), 0);
}

static void on_the_dht_two_guests_come_one_after_the_other(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 2);

    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
    assert_int_equal(opens_code(s, &s->carol, invite.code), 0);
    assert_int_equal(s->joined, 2);
}

static void on_the_dht_a_wrong_try_is_one_and_is_told(void **state)
{
    struct story *s = *state;
    struct node_invite invite = invites(s, 1);

    assert_int_equal(opens_with_wrong_words(s, &s->bob, &invite), -EACCES);
    assert_int_equal(s->wrong, 1);
    assert_int_equal(s->heard.tries, 2);
    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
}

static void on_the_dht_an_invite_outlives_its_ten_minutes(void **state)
{
    struct story *s = *state;
    struct node_invite invite;

    assert_int_equal(node_invite(s->alice.node, "echo", 1, SEC(3600), &invite), 0);
    (void)sim_world_run(&s->world, SEC(1500), NULL, NULL);
    assert_int_equal(opens_code(s, &s->bob, invite.code), 0);
}

int main(void)
{
#define WITH_RELAY(test) cmocka_unit_test_setup_teardown(test, begin_with_relay, end)
#define WITH_DHT(test)   cmocka_unit_test_setup_teardown(test, begin_with_dht, end)
#define ON_LAN(test)     cmocka_unit_test_setup_teardown(test, begin_on_lan, end)
    const struct CMUnitTest tests[] = {
        WITH_RELAY(a_code_lets_a_stranger_in_through_a_relay),
        WITH_RELAY(a_ticket_does_too),
        WITH_RELAY(a_ticket_names_the_relay_for_who_has_none),
        WITH_RELAY(a_ticket_needs_nobody_else_where_its_address_is_reached),
        ON_LAN(on_a_lan_a_code_is_enough),
        ON_LAN(one_who_has_no_name_is_numbered),
        WITH_RELAY(it_is_good_for_as_many_as_was_said),
        WITH_RELAY(three_wrong_tries_burn_the_code_and_both_sides_are_told),
        ON_LAN(after_two_wrong_tries_the_right_one_is_taken),
        WITH_RELAY(it_ends_after_its_time),
        WITH_RELAY(it_ends_when_it_is_revoked_or_its_service_goes),
        WITH_RELAY(a_revoked_guest_is_cut_off_at_once),
        ON_LAN(other_networks_do_not_meet),
        ON_LAN(who_is_blocked_is_not_let_in),
        ON_LAN(a_gateway_does_not_open_its_own),
        WITH_RELAY(a_relay_may_invite_too),
        WITH_DHT(without_relay_and_lan_they_meet_on_the_dht),
        WITH_DHT(on_the_dht_two_guests_come_one_after_the_other),
        WITH_DHT(on_the_dht_a_wrong_try_is_one_and_is_told),
        WITH_DHT(on_the_dht_an_invite_outlives_its_ten_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
