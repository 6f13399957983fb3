#include "tests/support/path_duo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct path_duo duo;

struct addr duo_address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

struct path duo_path_to(const struct addr *a)
{
    return (struct path){.kind = PATH_UDP, .remote = *a};
}

/* A link as `side` sees it. */
struct path duo_path_of(int side, unsigned link)
{
    return (struct path){.kind = duo.link[link].kind, .remote = duo.link[link].end[!side]};
}

static bool happens(unsigned per_mille)
{
    duo.chance = duo.chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (duo.chance >> 33) % 1000 < per_mille;
}

/* Not random, but never the same twice. */
static void count_up(void *arg, void *out, size_t len)
{
    struct path_duo *mine = arg;
    memset(out, 0, len);
    ((uint8_t *)out)[0] = ++mine->dice;
}

struct path_set_options duo_options(int side)
{
    struct path_set_options o = {.secret = {1, 2, 3},
                                 .role = side == DIALLER ? PATH_DIALLER : PATH_ACCEPTOR,
                                 .first = duo_path_of(side, 0),
                                 .random = count_up,
                                 .arg = &duo};
    return o;
}

/* The first link carried the handshake; it is of this kind. */
static void begin_over(enum path_kind kind)
{
    duo = (struct path_duo){.now = SEC(100), .chance = 7};
    for (unsigned k = 0; k < LINKS; k++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "10.0.%u.1:1000", k);
        duo.link[k].end[DIALLER] = duo_address(text);
        (void)snprintf(text, sizeof(text), "10.0.%u.2:2000", k);
        duo.link[k].end[ACCEPTOR] = duo_address(text);
        duo.link[k].kind = k == 0 ? kind : PATH_UDP;
        duo.link[k].delay = MSEC(10);
        duo.link[k].mtu = PROBE_FULL;
    }
    for (int side = 0; side < 2; side++) {
        struct path_set_options o = duo_options(side);
        path_set_init(&duo.set[side], duo.now, &o);
    }
}

void duo_begin(void)
{
    begin_over(PATH_UDP);
}

void duo_send_over(int from, const struct path *path, const uint8_t *data, size_t len)
{
    for (unsigned k = 0; k < LINKS; k++) {
        struct link *l = &duo.link[k];
        if (!addr_equal(&path->remote, &l->end[!from]))
            continue;
        duo.over[k] += from == DIALLER && data[0] != DATA && data[0] != ACK;
        if (l->narrow[from] && len > PROBE_MIN)
            return;
        if (l->lost[from] || len > l->mtu || happens(l->loss))
            return;
        assert_true(duo.flying < FLIGHT_MAX);
        struct flying *f = &duo.flight[duo.flying++];
        *f = (struct flying){
            .due = duo.now + l->delay, .to = !from, .from = duo_path_of(!from, k), .len = len};
        memcpy(f->data, data, len);
    }
}

void duo_note_switch(int side)
{
    if (path_set_take_switch(&duo.set[side]))
        duo.switches[side]++;
}

void duo_flush(int side)
{
    uint8_t out[PROBE_MAX];
    struct path to;
    size_t len;

    while ((len = path_set_output(&duo.set[side], duo.now, &to, out)) > 0) {
        duo.sent[side]++;
        duo.answered += out[1] == PROBE_PONG;
        duo_send_over(side, &to, out, len);
    }
    duo_note_switch(side);
}

/* Session packets are a byte of kind and 1199 of nothing. */
static void send_packet(int side, uint8_t kind)
{
    uint8_t packet[PROBE_FULL] = {kind};

    if (kind == DATA) {
        path_set_waiting(&duo.set[side], duo.now, true, MSEC(50));
        path_set_traffic(&duo.set[side], duo.now);
    }
    duo_send_over(side, path_set_current(&duo.set[side]), packet, sizeof(packet));
}

static void deliver(const struct flying *f)
{
    struct path_set *s = &duo.set[f->to];
    struct path path = f->from;

    if (f->data[0] == DATA || f->data[0] == ACK) {
        path_set_heard(s, duo.now, &path);
        if (f->data[0] == ACK) {
            path_set_waiting(s, duo.now, false, MSEC(50));
        } else {
            path_set_traffic(s, duo.now);
            send_packet(f->to, ACK);
        }
    } else {
        assert_int_equal(path_set_input(s, duo.now, &path, f->data, f->len), 0);
    }
    duo_note_switch(f->to);
    duo_flush(f->to);
}

static instant next_event(void)
{
    instant due = duo.talking ? duo.talk_due : INSTANT_NEVER;

    for (size_t i = 0; i < duo.flying; i++)
        due = duo.flight[i].due < due ? duo.flight[i].due : due;
    for (int side = 0; side < 2; side++) {
        instant t = path_set_deadline(&duo.set[side]);
        due = t < due ? t : due;
    }
    return due;
}

static void deliver_due(void)
{
    for (size_t i = 0; i < duo.flying;) {
        if (duo.flight[i].due > duo.now) {
            i++;
            continue;
        }
        struct flying f = duo.flight[i];
        duo.flight[i] = duo.flight[--duo.flying];
        deliver(&f);
    }
}

/* Runs both for a while; both must come to rest between events. */
void duo_run(instant span)
{
    instant end = duo.now + span;

    for (unsigned turn = 0;; turn++) {
        assert_true(turn < 100000);
        instant due = next_event();
        if (due > end)
            break;
        duo.now = due > duo.now ? due : duo.now;
        deliver_due();
        if (duo.talking && duo.now >= duo.talk_due) {
            send_packet(DIALLER, DATA);
            send_packet(ACCEPTOR, DATA);
            duo.talk_due = duo.now + (duo.rare ? MSEC(500) : MSEC(20));
        }
        duo_flush(DIALLER);
        duo_flush(ACCEPTOR);
    }
    duo.now = end;
}

void duo_talk(void)
{
    duo.talking = true;
    duo.talk_due = duo.now;
}

void duo_add(int side, unsigned link)
{
    struct path p = duo_path_of(side, link);
    assert_int_equal(path_set_add(&duo.set[side], duo.now, &p), 0);
}

/* Index of the link that a side sends over, or -1. */
int duo_link_of(int side)
{
    for (int k = 0; k < LINKS; k++)
        if (addr_equal(&path_set_current(&duo.set[side])->remote, &duo.link[k].end[!side]))
            return k;
    return -1;
}

struct path_slot *duo_slot_of(int side, unsigned link)
{
    struct path path = duo_path_of(side, link);
    struct path_slot *p = path_table_find(&duo.set[side], &path);
    assert_non_null(p);
    return p;
}

unsigned duo_count_paths(const struct path_set *s)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        count += s->slot[i].state != PATH_EMPTY;
    return count;
}

/* A relay carried the handshake; the second link is straight. */
void duo_begin_with_relay(instant relay, instant direct)
{
    begin_over(PATH_RELAY);
    duo.link[0].delay = relay;
    duo.link[1].delay = direct;
}

void duo_add_direct(void)
{
    duo_add(DIALLER, 1);
    duo_add(ACCEPTOR, 1);
}

void duo_both_are_on(int link)
{
    assert_int_equal(duo_link_of(DIALLER), link);
    assert_int_equal(duo_link_of(ACCEPTOR), link);
}

void duo_cut(unsigned link)
{
    duo.link[link].lost[0] = duo.link[link].lost[1] = true;
}

void duo_mend(unsigned link)
{
    duo.link[link].lost[0] = duo.link[link].lost[1] = false;
}

void duo_begin_direct_with_spare(void)
{
    duo_begin_with_relay(MSEC(30), MSEC(5));
    duo_talk();
    duo_add_direct();
    duo_run(SEC(90));
    duo_both_are_on(1);
    duo.switches[0] = duo.switches[1] = 0;
}

unsigned duo_switches(void)
{
    return duo.switches[0] + duo.switches[1];
}
