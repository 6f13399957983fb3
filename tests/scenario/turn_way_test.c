/* Ways through our TURN server are few: who gets them. The server answers nothing; that it has
 * given an address is put in its mouth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "tests/sim/sim_story.h"

#define WAYS_OF_A_CROWD 8

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct turn_desk *begin(struct sim_story *s)
{
    struct node_turn *server = &s->mallory.options.turn[0];

    (void)snprintf(server->host, sizeof(server->host), "203.0.113.99");
    server->port = 3478;
    sim_gateway_start(&s->mallory);
    sim_story_wait(s, SEC(1));
    struct turn_desk *d = &s->mallory.node->turn;
    assert_non_null(d->link);
    d->relayed = at("203.0.113.99:50000");
    d->via = 1;
    return d;
}

/* Somebody has written by the server, and is answered. */
static void answers(struct turn_desk *d, const char *ip, unsigned port)
{
    struct path path = {.kind = PATH_TURN, .via = d->via};

    assert_int_equal(addr_parse_ip(&path.remote, ip, (uint16_t)port), 0);
    hub_send_path(d->node->hub, &path, (const uint8_t *)"answer", 6, 0);
}

static unsigned ways_to(const struct turn_desk *d, const char *ip)
{
    struct addr a;
    unsigned count = 0;

    assert_int_equal(addr_parse_ip(&a, ip, 0), 0);
    for (size_t i = 0; i < TURN_PEERS_MAX; i++)
        count += addr_same_ip(&d->way[i].addr, &a);
    return count;
}

static void who_writes_from_many_ports_leaves_places_to_others(void **state)
{
    struct turn_desk *d = begin(*state);

    for (unsigned round = 0; round < 10; round++)
        for (unsigned port = 1024; port < 1124; port++)
            answers(d, "198.51.100.77", port);
    assert_int_equal(ways_to(d, "198.51.100.77"), WAYS_OF_A_CROWD);
    answers(d, "198.51.100.78", 5000);
    assert_int_equal(ways_to(d, "198.51.100.78"), 1);
}

static void a_port_that_is_of_no_use_any_more_makes_room_for_a_new_one(void **state)
{
    struct sim_story *s = *state;
    struct turn_desk *d = begin(s);

    for (unsigned port = 1024; port < 1024 + WAYS_OF_A_CROWD; port++)
        answers(d, "198.51.100.77", port);
    sim_story_wait(s, SEC(2));
    answers(d, "198.51.100.77", 1024); /* in use, and stays so */
    d->way[1].used = 0;
    answers(d, "198.51.100.77", 5000);
    assert_int_equal(ways_to(d, "198.51.100.77"), WAYS_OF_A_CROWD + 1);
    answers(d, "198.51.100.77", 5001);
    assert_int_equal(ways_to(d, "198.51.100.77"), WAYS_OF_A_CROWD + 1);
}

struct seen {
    struct addr second;
    unsigned packets; /* there */
};

static void on_passing(void *arg, const struct addr *from, const struct addr *to,
                       const uint8_t *data, size_t len)
{
    struct seen *seen = arg;
    (void)from;
    (void)data;
    (void)len;
    seen->packets += addr_equal(to, &seen->second);
}

static void a_server_that_does_not_answer_is_tried_at_its_other_address(void **state)
{
    struct sim_story *s = *state;
    struct node_turn *server = &s->mallory.options.turn[0];
    struct seen seen = {.second = at("203.0.113.98:3478")};

    fake_names_add(&s->world.names, "turn.example", "203.0.113.99");
    fake_names_add(&s->world.names, "turn.example", "203.0.113.98");
    (void)snprintf(server->host, sizeof(server->host), "turn.example");
    server->port = 3478;
    s->world.tap = on_passing;
    s->world.tap_arg = &seen;
    sim_gateway_start(&s->mallory);
    sim_story_wait(s, SEC(8));
    assert_int_equal(seen.packets, 0);
    sim_story_wait(s, SEC(10));
    assert_true(seen.packets > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(who_writes_from_many_ports_leaves_places_to_others),
        SIM_STORY(a_server_that_does_not_answer_is_tried_at_its_other_address),
        SIM_STORY(a_port_that_is_of_no_use_any_more_makes_room_for_a_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
