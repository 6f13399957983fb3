/* Invites where somebody is in the way: relays that serve friends alone, a flood of questions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_invite_story.h"

static void knows(struct sim_gateway *g, const struct sim_gateway *other, const char *alias)
{
    sim_gateway_knows(g, other, alias, NULL);
}

static void a_relay_for_friends_finds_their_invites_for_anybody(void **state)
{
    struct sim_invite_story *s = *state;

    sim_gateway_stop(&s->relay);
    s->relay.options.relay_serve = RELAY_SERVE_FRIENDS;
    knows(&s->relay, &s->alice, "alice");
    sim_gateway_start(&s->relay);
    (void)sim_world_run(&s->world, SEC(90), NULL, NULL);
    struct node_invite invite = sim_invite_made(s, 1);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), 0);
}

static void a_relay_for_friends_passes_nothing_to_strangers(void **state)
{
    struct sim_invite_story *s = *state;

    sim_gateway_stop(&s->relay);
    s->relay.options.relay_serve = RELAY_SERVE_FRIENDS;
    sim_gateway_start(&s->relay);
    (void)sim_world_run(&s->world, SEC(90), NULL, NULL);
    struct node_invite invite = sim_invite_made(s, 1);
    assert_int_equal(sim_invite_opens_code(s, &s->bob, invite.code), -ETIMEDOUT);
}

/* ---- a stranger with a socket ---- */

struct stranger {
    unsigned answers;
    size_t longest;
};

static void on_answers(void *arg, const struct udp_rx *rx)
{
    struct stranger *x = arg;

    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        x->answers++;
        x->longest = len > x->longest ? len : x->longest;
    }
}

static void a_flood_of_questions_gets_few_answers_and_none_longer_than_a_question(void **state)
{
    static const struct udp_handler HANDLER = {on_answers, NULL};
    struct sim_invite_story *s = *state;
    struct env *env = &s->carol.host.env;
    struct stranger stranger = {.answers = 0};
    struct udp_socket *socket;
    struct invite_code code;
    struct invite_secret secret;
    struct addr local, to;
    uint8_t network[32] = {0}, note[INVITE_MESSAGE_MAX];
    const char *word;
    size_t word_len;

    struct node_invite invite = sim_invite_made(s, 1);
    assert_int_equal(invite_code_parse(&code, invite.code, &word, &word_len), 0);
    invite_secret_of_code(&secret, &code, network);
    const struct invite_message ask = {.type = INVITE_ASK, .handle = secret.handle};
    size_t len = invite_message_write(&ask, note);
    assert_int_equal(addr_parse(&local, "192.168.1.30:5000"), 0);
    assert_int_equal(addr_parse(&to, "192.168.1.10:4433"), 0);
    assert_int_equal(udp_open(env, &socket, &local, 0, &HANDLER, &stranger), 0);
    for (unsigned i = 0; i < 500; i++) {
        const struct udp_tx tx = {.to = &to, .data = note, .len = len};
        assert_int_equal(udp_send(env, socket, &tx), 0);
    }
    (void)sim_world_run(&s->world, SEC(1), NULL, NULL);
    assert_in_range(stranger.answers, 1, 32);
    assert_true(stranger.longest <= len);
    udp_close(env, socket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_INVITE_RELAY(a_relay_for_friends_finds_their_invites_for_anybody),
        SIM_INVITE_RELAY(a_relay_for_friends_passes_nothing_to_strangers),
        SIM_INVITE_LAN(a_flood_of_questions_gets_few_answers_and_none_longer_than_a_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
