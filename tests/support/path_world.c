#include "tests/support/path_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct path_world world;

struct addr world_address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

struct path world_path_to(const struct addr *a)
{
    return (struct path){.kind = PATH_UDP, .remote = *a};
}

/* A link as `side` sees it. */
struct path world_path_of(int side, unsigned link)
{
    return (struct path){.kind = world.link[link].kind, .remote = world.link[link].end[!side]};
}

static bool happens(unsigned per_mille)
{
    world.chance = world.chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (world.chance >> 33) % 1000 < per_mille;
}

/* Not random, but never the same twice. */
static void count_up(void *arg, void *out, size_t len)
{
    struct path_world *mine = arg;
    memset(out, 0, len);
    ((uint8_t *)out)[0] = ++mine->dice;
}

struct path_set_options world_options(int side)
{
    struct path_set_options o = {.secret = {1, 2, 3},
                                 .role = side == DIALLER ? PATH_DIALLER : PATH_ACCEPTOR,
                                 .first = world_path_of(side, 0),
                                 .random = count_up,
                                 .arg = &world};
    return o;
}

/* The first link carried the handshake; it is of this kind. */
static void begin_over(enum path_kind kind)
{
    world = (struct path_world){.now = SEC(100), .chance = 7};
    for (unsigned k = 0; k < LINKS; k++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "10.0.%u.1:1000", k);
        world.link[k].end[DIALLER] = world_address(text);
        (void)snprintf(text, sizeof(text), "10.0.%u.2:2000", k);
        world.link[k].end[ACCEPTOR] = world_address(text);
        world.link[k].kind = k == 0 ? kind : PATH_UDP;
        world.link[k].delay = MSEC(10);
        world.link[k].mtu = PROBE_MAX;
    }
    for (int side = 0; side < 2; side++) {
        struct path_set_options o = world_options(side);
        path_set_init(&world.set[side], world.now, &o);
    }
}

void world_begin(void)
{
    begin_over(PATH_UDP);
}

void world_send_over(int from, const struct path *path, const uint8_t *data, size_t len)
{
    for (unsigned k = 0; k < LINKS; k++) {
        struct link *l = &world.link[k];
        if (!addr_equal(&path->remote, &l->end[!from]))
            continue;
        world.over[k] += from == DIALLER && data[0] != DATA && data[0] != ACK;
        if (l->narrow[from] && len > PROBE_MIN)
            return;
        if (l->lost[from] || len > l->mtu || happens(l->loss))
            return;
        assert_true(world.flying < FLIGHT_MAX);
        struct flying *f = &world.flight[world.flying++];
        *f = (struct flying){
            .due = world.now + l->delay, .to = !from, .from = world_path_of(!from, k), .len = len};
        memcpy(f->data, data, len);
    }
}

void world_note_switch(int side)
{
    if (path_set_take_switch(&world.set[side]))
        world.switches[side]++;
}

void world_flush(int side)
{
    uint8_t out[PROBE_MAX];
    struct path to;
    size_t len;

    while ((len = path_set_output(&world.set[side], world.now, &to, out)) > 0) {
        world.sent[side]++;
        world.answered += out[1] == PROBE_PONG;
        world_send_over(side, &to, out, len);
    }
    world_note_switch(side);
}

/* Session packets are a byte of kind and 1199 of nothing. */
static void send_packet(int side, uint8_t kind)
{
    uint8_t packet[PROBE_MAX] = {kind};

    if (kind == DATA) {
        path_set_waiting(&world.set[side], world.now, true, MSEC(50));
        path_set_traffic(&world.set[side], world.now);
    }
    world_send_over(side, path_set_current(&world.set[side]), packet, sizeof(packet));
}

static void deliver(const struct flying *f)
{
    struct path_set *s = &world.set[f->to];
    struct path path = f->from;

    if (f->data[0] == DATA || f->data[0] == ACK) {
        path_set_heard(s, world.now, &path);
        if (f->data[0] == ACK) {
            path_set_waiting(s, world.now, false, MSEC(50));
        } else {
            path_set_traffic(s, world.now);
            send_packet(f->to, ACK);
        }
    } else {
        assert_int_equal(path_set_input(s, world.now, &path, f->data, f->len), 0);
    }
    world_note_switch(f->to);
    world_flush(f->to);
}

static instant next_event(void)
{
    instant due = world.talking ? world.talk_due : INSTANT_NEVER;

    for (size_t i = 0; i < world.flying; i++)
        due = world.flight[i].due < due ? world.flight[i].due : due;
    for (int side = 0; side < 2; side++) {
        instant t = path_set_deadline(&world.set[side]);
        due = t < due ? t : due;
    }
    return due;
}

static void deliver_due(void)
{
    for (size_t i = 0; i < world.flying;) {
        if (world.flight[i].due > world.now) {
            i++;
            continue;
        }
        struct flying f = world.flight[i];
        world.flight[i] = world.flight[--world.flying];
        deliver(&f);
    }
}

/* Runs the world for a while; both must come to rest between events. */
void world_run(instant span)
{
    instant end = world.now + span;

    for (unsigned turn = 0;; turn++) {
        assert_true(turn < 100000);
        instant due = next_event();
        if (due > end)
            break;
        world.now = due > world.now ? due : world.now;
        deliver_due();
        if (world.talking && world.now >= world.talk_due) {
            send_packet(DIALLER, DATA);
            send_packet(ACCEPTOR, DATA);
            world.talk_due = world.now + (world.rare ? MSEC(500) : MSEC(20));
        }
        world_flush(DIALLER);
        world_flush(ACCEPTOR);
    }
    world.now = end;
}

void world_talk(void)
{
    world.talking = true;
    world.talk_due = world.now;
}

void world_add(int side, unsigned link)
{
    struct path p = world_path_of(side, link);
    assert_int_equal(path_set_add(&world.set[side], world.now, &p), 0);
}

/* Index of the link that a side sends over, or -1. */
int world_link_of(int side)
{
    for (int k = 0; k < LINKS; k++)
        if (addr_equal(&path_set_current(&world.set[side])->remote, &world.link[k].end[!side]))
            return k;
    return -1;
}

struct path_slot *world_slot_of(int side, unsigned link)
{
    struct path path = world_path_of(side, link);
    struct path_slot *p = path_table_find(&world.set[side], &path);
    assert_non_null(p);
    return p;
}

unsigned world_count_paths(const struct path_set *s)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        count += s->slot[i].state != PATH_EMPTY;
    return count;
}

/* A relay carried the handshake; the second link is straight. */
void world_begin_with_relay(instant relay, instant direct)
{
    begin_over(PATH_RELAY);
    world.link[0].delay = relay;
    world.link[1].delay = direct;
}

void world_add_direct(void)
{
    world_add(DIALLER, 1);
    world_add(ACCEPTOR, 1);
}

void world_both_are_on(int link)
{
    assert_int_equal(world_link_of(DIALLER), link);
    assert_int_equal(world_link_of(ACCEPTOR), link);
}

void world_cut(unsigned link)
{
    world.link[link].lost[0] = world.link[link].lost[1] = true;
}

void world_mend(unsigned link)
{
    world.link[link].lost[0] = world.link[link].lost[1] = false;
}

void world_begin_direct_with_spare(void)
{
    world_begin_with_relay(MSEC(30), MSEC(5));
    world_talk();
    world_add_direct();
    world_run(SEC(90));
    world_both_are_on(1);
    world.switches[0] = world.switches[1] = 0;
}

unsigned world_switches(void)
{
    return world.switches[0] + world.switches[1];
}
