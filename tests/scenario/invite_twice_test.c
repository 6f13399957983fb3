/* Invites that are opened twice at a time, and asked for from everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_invite_story.h"

static void on_joined(struct node_join *j, int err, const struct node_joined *joined,
                      const char *why)
{
    struct sim_invite_joining *joining = container_of(j, struct sim_invite_joining, join);
    (void)joined;
    (void)why;
    joining->over = true;
    joining->err = err;
}

static bool is_over(void *arg)
{
    return ((const struct sim_invite_joining *)arg)->over;
}

static bool have_both_tried(void *arg)
{
    const struct sim_invite_joining *both = arg;
    const struct invite_quest *a = both[0].join.quest, *b = both[1].join.quest;
    return a->try[0].sent > 0 && b->try[0].sent > 0;
}

static bool is_own_place(const struct invite_quest *q)
{
    for (size_t i = 0; i < INVITE_SLOTS; i++)
        if (q->try[0].road.place == &q->place[i])
            return true;
    return false;
}

/* Both find the offer in the same slot. */
static void on_the_dht_one_of_two_that_open_the_same_may_give_up(void **state)
{
    struct sim_invite_story *s = *state;
    struct node_invite invite = sim_invite_made(s, 2);
    struct sim_invite_joining both[2] = {{.join.done = on_joined}, {.join.done = on_joined}};
    struct invite_code code;
    const char *word;
    size_t len;

    assert_int_equal(invite_code_parse(&code, invite.code, &word, &len), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(node_join(s->bob.node, &code, NULL, SEC(60), &both[i].join), 0);
    assert_true(sim_world_run(&s->world, SEC(30), have_both_tried, both));
    for (unsigned i = 0; i < 2; i++)
        assert_true(is_own_place(both[i].join.quest));
    node_join_cancel(s->bob.node, &both[0].join);
    assert_true(sim_world_run(&s->world, SEC(70), is_over, &both[1]));
    assert_int_equal(both[1].err, 0);
}

static void who_has_a_network_of_ipv6_is_answered_as_one(void **state)
{
    struct sim_invite_story *s = *state;
    struct invite_desk *d = &s->alice.node->invite;
    uint8_t ask[INVITE_MESSAGE_MAX];
    (void)sim_invite_made(s, 1);
    const struct invite_entry *e = list_entry(list_first(&d->entries), struct invite_entry, link);
    const struct invite_message m = {.type = INVITE_ASK, .handle = e->by[0].secret.handle};
    size_t len = invite_message_write(&m, ask);
    for (unsigned i = 0; i < 1000; i++) {
        const uint8_t ip[16] = {0x20, 1, 0xd, 0xb8, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i};
        const struct udp_rx rx = {.from = addr_v6(ip, 5000, 0), .data = ask, .len = len};
        invite_desk_input(d, &rx);
    }
    assert_true(bucket_level(&d->all, env_now(d->node->env)) > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_INVITE_DHT(on_the_dht_one_of_two_that_open_the_same_may_give_up),
        SIM_INVITE_LAN(who_has_a_network_of_ipv6_is_answered_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
