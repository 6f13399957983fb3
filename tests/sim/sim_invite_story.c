#include "tests/sim/sim_invite_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOME 1

/* ---- the stage ---- */

static bool is_relay(const struct sim_invite_story *s, const struct addr *a)
{
    return s->relay.node && sim_interface_of(&s->relay.host, a) != NULL;
}

static bool cut(void *arg, const struct addr *from, const struct addr *to)
{
    const struct sim_invite_story *s = arg;
    return s->apart && !is_relay(s, from) && !is_relay(s, to) && !addr_is_loopback(to);
}

static void on_invite_event(struct node_invite_watch *w, const struct node_invite_event *e)
{
    struct sim_invite_story *s = container_of(w, struct sim_invite_story, watch);
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

static void start(struct sim_invite_story *s)
{
    sim_gateway_start(&s->alice);
    sim_gateway_start(&s->bob);
    sim_gateway_start(&s->carol);
    sim_echo_init(&s->echo, &s->alice.host.env, "127.0.0.1:7000");
    shares_privately(&s->alice);
    s->watch.event = on_invite_event;
    node_watch_invites(s->alice.node, &s->watch);
}

static struct sim_invite_story *raise(void **state)
{
    static struct sim_invite_story story;
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

int sim_invite_with_relay(void **state)
{
    struct sim_invite_story *s = raise(state);
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

int sim_invite_on_lan(void **state)
{
    struct sim_invite_story *s = raise(state);
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

int sim_invite_with_dht(void **state)
{
    struct sim_invite_story *s = raise(state);
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

int sim_invite_end(void **state)
{
    struct sim_invite_story *s = *state;
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

struct node_invite sim_invite_made(struct sim_invite_story *s, unsigned uses)
{
    struct node_invite invite;
    assert_int_equal(node_invite(s->alice.node, "echo", uses, INVITE_LIFETIME, &invite), 0);
    return invite;
}

static void on_joined(struct node_join *j, int err, const struct node_joined *joined,
                      const char *why)
{
    struct sim_invite_joining *joining = container_of(j, struct sim_invite_joining, join);
    joining->over = true;
    joining->err = err;
    if (joined)
        joining->joined = *joined;
    (void)snprintf(joining->why, sizeof(joining->why), "%s", why);
}

static bool is_over(void *arg)
{
    return ((struct sim_invite_joining *)arg)->over;
}

static int wait_for_it(struct sim_invite_story *s)
{
    struct sim_invite_joining *j = &s->joining;
    if (!sim_world_run(&s->world, SEC(70), is_over, j))
        fail_msg("the opening of an invite never ends");
    return j->err;
}

int sim_invite_opens_code(struct sim_invite_story *s, struct sim_gateway *g, const char *text)
{
    struct invite_code code;
    const char *word;
    size_t len;
    s->joining = (struct sim_invite_joining){.join.done = on_joined};
    assert_int_equal(invite_code_parse(&code, text, &word, &len), 0);
    assert_int_equal(node_join(g->node, &code, NULL, SEC(60), &s->joining.join), 0);
    return wait_for_it(s);
}

int sim_invite_opens_ticket(struct sim_invite_story *s, struct sim_gateway *g, const char *text)
{
    struct ticket ticket;
    s->joining = (struct sim_invite_joining){.join.done = on_joined};
    assert_int_equal(ticket_parse(&ticket, text, strlen(text)), 0);
    assert_int_equal(node_join(g->node, NULL, &ticket, SEC(60), &s->joining.join), 0);
    return wait_for_it(s);
}

int sim_invite_opens_wrongly(struct sim_invite_story *s, struct sim_gateway *g,
                             const struct node_invite *invite)
{
    char text[INVITE_CODE_MAX];
    const char *words = strchr(invite->code, '-') + 1;
    (void)snprintf(text, sizeof(text), "%u-%s-%s", invite->number,
                   strncmp(words, words_at(1), strlen(words_at(1))) == 0 ? words_at(2)
                                                                         : words_at(1),
                   words_at(3));
    return sim_invite_opens_code(s, g, text);
}

void sim_invite_echoes(struct sim_invite_story *s, struct sim_gateway *guest)
{
    sim_gateway_must_connect(guest, &s->alice, SEC(10));
    struct addr port = sim_gateway_opens(guest, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&s->caller, &guest->host.env, &port, 1000);
    assert_true(sim_world_run(&s->world, SEC(30), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.received, 1000);
    sim_caller_deinit(&s->caller);
}

bool sim_invite_may_use(struct sim_invite_story *s, const struct sim_gateway *guest)
{
    return registry_may_use(s->alice.registry, registry_service(s->alice.registry, "echo"),
                            &guest->keys.id, 0);
}
