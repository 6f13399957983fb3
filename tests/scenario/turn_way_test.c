/* Ways through our TURN server are few: who gets them. The server answers nothing; that it has
 * given an address is put in its mouth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/members.h"
#include "gateway/wire/stun.h"
#include "tests/sim/sim_story.h"

#define WAYS_OF_A_CROWD 8

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* ---- the server: grants whatever it is asked for ---- */

struct server {
    struct sim_host host;
    struct udp_socket *udp;
};

static void on_request(void *arg, const struct udp_rx *rx)
{
    struct server *server = arg;
    const struct addr relayed = at("203.0.113.99:50000");
    struct stun_message m;
    struct stun_writer w;
    uint8_t out[256];

    if (stun_read(&m, rx->data, rx->len) < 0)
        return; /* data for a peer */
    stun_begin(&w, out, sizeof(out), STUN_SUCCESS, m.method, m.id);
    if (m.method == STUN_ALLOCATE) {
        stun_put_address(&w, STUN_XOR_RELAYED_ADDRESS, &relayed);
        stun_put_u32(&w, STUN_LIFETIME, 600);
    }
    const struct udp_tx tx = {.to = &rx->from, .data = out, .len = stun_end(&w)};
    assert_int_equal(udp_send(&server->host.env, server->udp, &tx), 0);
}

static void start_server(struct server *server, struct sim_story *s)
{
    static const struct udp_handler handler = {.on_datagrams = on_request};
    const struct addr local = at("0.0.0.0:3478");

    sim_host_init(&server->host, &s->world, "turn");
    (void)sim_host_join(&server->host, INTERNET, "203.0.113.99/24");
    assert_int_equal(udp_open(&server->host.env, &server->udp, &local, 0, &handler, server), 0);
}

static void stop_server(struct server *server)
{
    udp_close(&server->host.env, server->udp);
    sim_host_deinit(&server->host);
}

/* ---- the stage ---- */

static struct turn_desk *begin(struct sim_story *s, struct server *server)
{
    struct node_turn *use = &s->mallory.options.turn[0];

    start_server(server, s);
    (void)snprintf(use->host, sizeof(use->host), "203.0.113.99");
    use->port = 3478;
    sim_gateway_start(&s->mallory);
    sim_story_wait(s, SEC(1));
    struct turn_desk *d = &s->mallory.node->turn;
    assert_string_equal(turn_desk_state(d), "ready");
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
    struct server server;
    struct turn_desk *d = begin(*state, &server);

    for (unsigned round = 0; round < 10; round++)
        for (unsigned port = 1024; port < 1124; port++)
            answers(d, "198.51.100.77", port);
    assert_int_equal(ways_to(d, "198.51.100.77"), WAYS_OF_A_CROWD);
    answers(d, "198.51.100.78", 5000);
    assert_int_equal(ways_to(d, "198.51.100.78"), 1);
    stop_server(&server);
}

static void a_port_that_is_of_no_use_any_more_makes_room_for_a_new_one(void **state)
{
    struct sim_story *s = *state;
    struct server server;
    struct turn_desk *d = begin(s, &server);

    for (unsigned port = 1024; port < 1024 + WAYS_OF_A_CROWD; port++)
        answers(d, "198.51.100.77", port);
    sim_story_wait(s, SEC(29));
    answers(d, "198.51.100.77", 1024); /* in use, and stays so */
    answers(d, "198.51.100.77", 5000);
    assert_int_equal(ways_to(d, "198.51.100.77"), WAYS_OF_A_CROWD);
    sim_story_wait(s, SEC(2));
    for (unsigned port = 5000; port < 5100; port++)
        answers(d, "198.51.100.77", port);
    assert_int_equal(ways_to(d, "198.51.100.77"), 2 * WAYS_OF_A_CROWD - 1);
    stop_server(&server);
}

/* Many have an address that a person has told, and the one who is wanted comes last. */
static void whom_somebody_waits_for_comes_before_all_who_are_known(void **state)
{
    struct sim_story *s = *state;
    struct server server;
    const struct turn_desk *d;

    for (unsigned i = 0; i < 2 * TURN_PEERS_MAX; i++) {
        const struct peer_id id = {{(uint8_t)i, 77}};
        char address[ADDR_TEXT_MAX];
        int err;
        (void)snprintf(address, sizeof(address), "198.18.0.%u:4433", i);
        struct known_peer *known = registry_peer_add(s->mallory.registry, &id, &err);
        assert_non_null(known);
        (void)snprintf(known->alias, sizeof(known->alias), "a%u", i); /* comes before alice */
        known->address[0] = at(address);
    }
    sim_gateway_knows(&s->mallory, &s->alice, "alice", "192.0.2.66:4433"); /* nobody is there */
    d = begin(s, &server);
    assert_int_equal(ways_to(d, "192.0.2.66"), 0);
    sim_story_wait(s, SEC(5));
    sim_gateway_connect(&s->mallory, &s->alice);
    sim_story_wait(s, SEC(2));
    assert_int_equal(ways_to(d, "192.0.2.66"), 1);
    stop_server(&server);
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
        SIM_STORY(whom_somebody_waits_for_comes_before_all_who_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
