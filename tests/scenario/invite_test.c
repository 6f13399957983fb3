/* Strangers meet by an invite: through a relay, on a LAN, by the addresses of a ticket, on the DHT.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_invite_story.h"

static void a_code_lets_a_stranger_in_through_a_relay(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
    assert_string_equal(s->joining.joined.alias, "alice");
    assert_string_equal(s->joining.joined.service, "echo");
    assert_int_equal(s->joined, 1);
    assert_string_equal(s->joining.joined.fingerprint, s->heard.fingerprint);
    assert_string_equal(registry_peer(s->alice.registry, &s->bob.keys.id)->alias, "bob");
    sim_invite_echoes(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_RELAYED);
}

static void a_ticket_does_too(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(sim_invite_opens_ticket(s, &s->bob, invite.ticket), 0);
    sim_invite_echoes(s, &s->bob);
}

static void a_ticket_names_the_relay_for_who_has_none(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    sim_gateway_stop(&s->carol);
    s->carol.options.relay_use[0][0] = '\0';
    sim_gateway_start(&s->carol);
    assert_int_equal(sim_invite_opens_ticket(s, &s->carol, invite.ticket), 0);
    sim_invite_echoes(s, &s->carol);
}

static void a_ticket_needs_nobody_else_where_its_address_is_reached(void **state)
{
    struct sim_invite_story *s = *state;
    sim_gateway_stop(&s->relay);
    s->apart = false;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(sim_invite_opens_ticket(s, &s->bob, invite.ticket), 0);
    sim_invite_echoes(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void on_a_lan_a_code_is_enough(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
    sim_invite_echoes(s, &s->bob);
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).state, PEER_DIRECT);
}

static void one_who_has_no_name_is_numbered(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 2);

    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
    assert_string_equal(s->joining.joined.alias, "host");
    assert_int_equal(sim_invite_opens_code(s, &s->carol, invite.code), 0);
    assert_string_equal(registry_peer(s->alice.registry, &s->bob.keys.id)->alias, "guest");
    assert_string_equal(registry_peer(s->alice.registry, &s->carol.keys.id)->alias, "guest-2");
}

static void it_is_good_for_as_many_as_was_said(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 2), left[2];

    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
    assert_int_equal(node_invites(s->alice.node, left, 2), 1);
    assert_int_equal(left[0].uses, 1);
    assert_int_equal(sim_invite_opens_ticket(s, &s->carol, invite.ticket), 0);
    assert_int_equal(node_invites(s->alice.node, left, 2), 0);
    assert_int_equal(s->ended, 1);
    sim_gateway_stop(&s->bob);
    sim_gateway_start(&s->bob);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), -ETIMEDOUT);
}

static void three_wrong_tries_burn_the_code_and_both_sides_are_told(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(sim_invite_opens_wrongly(s, &s->bob, &invite), -EACCES);
        assert_int_equal(s->wrong, i);
        assert_int_equal(s->heard.tries, 3 - i);
    }
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), -ETIMEDOUT);
    assert_false(sim_invite_may_use(s, &s->bob));
    assert_null(registry_peer(s->alice.registry, &s->bob.keys.id));
    assert_int_equal(sim_invite_opens_ticket(s, &s->bob, invite.ticket),
                     0); /* nobody can guess that one */
}

static void after_two_wrong_tries_the_right_one_is_taken(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(sim_invite_opens_wrongly(s, &s->bob, &invite), -EACCES);
    assert_int_equal(sim_invite_opens_wrongly(s, &s->bob, &invite), -EACCES);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
}

static void it_ends_after_its_time(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    (void)sim_world_run(&s->world, INVITE_LIFETIME, NULL, NULL);
    assert_int_equal(s->ended, 1);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), -ETIMEDOUT);
    assert_int_equal(sim_invite_opens_ticket(s, &s->bob, invite.ticket), -ETIMEDOUT);
}

static void it_ends_when_it_is_revoked_or_its_service_goes(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite first = sim_invite_made(s, 1), second = sim_invite_made(s, 1);

    assert_int_equal(node_invite_end(s->alice.node, first.number), 0);
    assert_int_equal(node_invite_end(s->alice.node, first.number), -ENOENT);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, first.code), -ETIMEDOUT);
    assert_int_equal(registry_service_remove(s->alice.registry, "echo"), 0);
    node_registry_changed(s->alice.node);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, second.code), -ETIMEDOUT);
    assert_int_equal(s->ended, 2);
}

static void many_that_have_just_ended_are_not_in_the_way_of_a_new_one(void **state)
{
    struct sim_invite_story *s = *state;

    for (unsigned i = 0; i < NODE_INVITES_MAX; i++) {
        struct node_invite old = sim_invite_made(s, 1);
        assert_int_equal(node_invite_end(s->alice.node, old.number), 0);
    }
    struct node_invite invite = sim_invite_made(s, 1);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
}

static void a_revoked_guest_is_cut_off_at_once(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
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
    assert_false(sim_invite_may_use(s, &s->bob));
    sim_gateway_connect(&s->bob, &s->alice);
    assert_true(sim_world_run(&s->world, SEC(11), sim_gateway_connected, &s->bob));
    assert_true(s->bob.wait_err < 0);
}

static void other_networks_do_not_meet(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    sim_gateway_stop(&s->bob);
    (void)snprintf(s->bob.options.network, sizeof(s->bob.options.network), "other");
    sim_gateway_start(&s->bob);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), -EACCES);
    assert_int_equal(s->joined, 0);
}

static void who_is_blocked_is_not_let_in(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(registry_block(s->alice.registry, &s->bob.keys.id, true), 0);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), -EKEYEXPIRED);
    assert_false(sim_invite_may_use(s, &s->bob));
    assert_int_equal(sim_invite_opens_code(s, &s->carol, invite.code), 0);
}

static void a_gateway_does_not_open_its_own(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);
    struct invite_code code;
    const char *word;
    size_t len;

    assert_int_equal(invite_code_parse(&code, invite.code, &word, &len), 0);
    assert_int_equal(node_join(s->alice.node, &code, NULL, SEC(60), &s->joining.join), -EINVAL);
}

static void a_relay_may_invite_too(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite;

    assert_int_equal(node_invite(s->relay.node, "", 1, INVITE_LIFETIME, &invite), 0);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
    assert_true(peer_id_equal(&s->joining.joined.peer, &s->relay.keys.id));
}

static void without_relay_and_lan_they_meet_on_the_dht(void **state)
{
    struct sim_invite_story *s = *state;
    instant begun = s->world.now;
    struct node_invite invite = sim_invite_made(s, 2);

    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
    print_message("# on the DHT: %u ms from the invite to the guest\n",
                  (unsigned)((s->world.now - begun) / MSEC(1)));
    assert_string_equal(s->joining.joined.fingerprint, s->heard.fingerprint);
    sim_invite_echoes(s, &s->bob);
    assert_int_equal(sim_invite_opens_ticket(s, &s->carol, invite.ticket), 0);
}

static void on_the_dht_two_guests_come_one_after_the_other(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 2);

    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
    assert_int_equal(sim_invite_opens_code(s, &s->carol, invite.code), 0);
    assert_int_equal(s->joined, 2);
}

static void on_the_dht_a_wrong_try_is_one_and_is_told(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 1);

    assert_int_equal(sim_invite_opens_wrongly(s, &s->bob, &invite), -EACCES);
    assert_int_equal(s->wrong, 1);
    assert_int_equal(s->heard.tries, 2);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
}

static void on_the_dht_an_invite_outlives_its_ten_minutes(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite;

    assert_int_equal(node_invite(s->alice.node, "echo", 1, SEC(3600), &invite), 0);
    (void)sim_world_run(&s->world, SEC(1500), NULL, NULL);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_INVITE_RELAY(a_code_lets_a_stranger_in_through_a_relay),
        SIM_INVITE_RELAY(a_ticket_does_too),
        SIM_INVITE_RELAY(a_ticket_names_the_relay_for_who_has_none),
        SIM_INVITE_RELAY(a_ticket_needs_nobody_else_where_its_address_is_reached),
        SIM_INVITE_LAN(on_a_lan_a_code_is_enough),
        SIM_INVITE_LAN(one_who_has_no_name_is_numbered),
        SIM_INVITE_RELAY(it_is_good_for_as_many_as_was_said),
        SIM_INVITE_RELAY(three_wrong_tries_burn_the_code_and_both_sides_are_told),
        SIM_INVITE_LAN(after_two_wrong_tries_the_right_one_is_taken),
        SIM_INVITE_RELAY(it_ends_after_its_time),
        SIM_INVITE_RELAY(it_ends_when_it_is_revoked_or_its_service_goes),
        SIM_INVITE_RELAY(many_that_have_just_ended_are_not_in_the_way_of_a_new_one),
        SIM_INVITE_RELAY(a_revoked_guest_is_cut_off_at_once),
        SIM_INVITE_LAN(other_networks_do_not_meet),
        SIM_INVITE_LAN(who_is_blocked_is_not_let_in),
        SIM_INVITE_LAN(a_gateway_does_not_open_its_own),
        SIM_INVITE_RELAY(a_relay_may_invite_too),
        SIM_INVITE_DHT(without_relay_and_lan_they_meet_on_the_dht),
        SIM_INVITE_DHT(on_the_dht_two_guests_come_one_after_the_other),
        SIM_INVITE_DHT(on_the_dht_a_wrong_try_is_one_and_is_told),
        SIM_INVITE_DHT(on_the_dht_an_invite_outlives_its_ten_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
