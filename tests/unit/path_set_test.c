/* Two path sets over links with delay, loss and narrow places, under a virtual clock. */
#include "gateway/transport/path_set.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DIALLER = 0, ACCEPTOR = 1, LINKS = 3, FLIGHT_MAX = 256, DATA = 0xff, ACK = 0xfe };

/* A way between the two; end[i] is the address of side i on it. */
struct link {
    struct addr end[2];
    enum path_kind kind;
    instant delay;
    bool lost[2];  /* what side i sends is lost */
    unsigned loss; /* per mille, both ways */
    size_t mtu;
    bool narrow[2]; /* what side i sends passes if it is small */
};

struct flying {
    instant due;
    int to;
    struct path from;
    uint8_t data[PROBE_MAX];
    size_t len;
};

struct world {
    struct path_set set[2];
    struct link link[LINKS];
    struct flying flight[FLIGHT_MAX];
    size_t flying;
    instant now;
    bool talking; /* both send data every 20 ms, */
    bool rare;    /* or 500 */
    instant talk_due;
    unsigned switches[2];
    unsigned sent[2], answered; /* probes; pongs among them */
    unsigned over[LINKS];       /* probes that the dialler sent */
    uint8_t dice;
    uint64_t chance;
};

static struct world w;

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct path path_to(const struct addr *a)
{
    return (struct path){.kind = PATH_UDP, .remote = *a};
}

/* A link as `side` sees it. */
static struct path path_of(int side, unsigned link)
{
    return (struct path){.kind = w.link[link].kind, .remote = w.link[link].end[!side]};
}

static bool happens(unsigned per_mille)
{
    w.chance = w.chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (w.chance >> 33) % 1000 < per_mille;
}

/* Not random, but never the same twice. */
static void count_up(void *arg, void *out, size_t len)
{
    struct world *world = arg;
    memset(out, 0, len);
    ((uint8_t *)out)[0] = ++world->dice;
}

static struct path_set_options options(int side)
{
    struct path_set_options o = {.secret = {1, 2, 3},
                                 .role = side == DIALLER ? PATH_DIALLER : PATH_ACCEPTOR,
                                 .first = path_of(side, 0),
                                 .random = count_up,
                                 .arg = &w};
    return o;
}

/* The first link carried the handshake; it is of this kind. */
static void begin_over(enum path_kind kind)
{
    w = (struct world){.now = SEC(100), .chance = 7};
    for (unsigned k = 0; k < LINKS; k++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "10.0.%u.1:1000", k);
        w.link[k].end[DIALLER] = address(text);
        (void)snprintf(text, sizeof(text), "10.0.%u.2:2000", k);
        w.link[k].end[ACCEPTOR] = address(text);
        w.link[k].kind = k == 0 ? kind : PATH_UDP;
        w.link[k].delay = MSEC(10);
        w.link[k].mtu = PROBE_MAX;
    }
    for (int side = 0; side < 2; side++) {
        struct path_set_options o = options(side);
        path_set_init(&w.set[side], w.now, &o);
    }
}

static void begin(void)
{
    begin_over(PATH_UDP);
}

static void send_over(int from, const struct path *path, const uint8_t *data, size_t len)
{
    for (unsigned k = 0; k < LINKS; k++) {
        struct link *l = &w.link[k];
        if (!addr_equal(&path->remote, &l->end[!from]))
            continue;
        w.over[k] += from == DIALLER && data[0] != DATA && data[0] != ACK;
        if (l->narrow[from] && len > PROBE_MIN)
            return;
        if (l->lost[from] || len > l->mtu || happens(l->loss))
            return;
        assert_true(w.flying < FLIGHT_MAX);
        struct flying *f = &w.flight[w.flying++];
        *f = (struct flying){
            .due = w.now + l->delay, .to = !from, .from = path_of(!from, k), .len = len};
        memcpy(f->data, data, len);
    }
}

static void note_switch(int side)
{
    if (path_set_take_switch(&w.set[side]))
        w.switches[side]++;
}

static void flush(int side)
{
    uint8_t out[PROBE_MAX];
    struct path to;
    size_t len;

    while ((len = path_set_output(&w.set[side], w.now, &to, out)) > 0) {
        w.sent[side]++;
        w.answered += out[1] == PROBE_PONG;
        send_over(side, &to, out, len);
    }
    note_switch(side);
}

/* Session packets are a byte of kind and 1199 of nothing. */
static void send_packet(int side, uint8_t kind)
{
    uint8_t packet[PROBE_MAX] = {kind};

    if (kind == DATA) {
        path_set_waiting(&w.set[side], w.now, true, MSEC(50));
        path_set_traffic(&w.set[side], w.now);
    }
    send_over(side, path_set_current(&w.set[side]), packet, sizeof(packet));
}

static void deliver(const struct flying *f)
{
    struct path_set *s = &w.set[f->to];
    struct path path = f->from;

    if (f->data[0] == DATA || f->data[0] == ACK) {
        path_set_heard(s, w.now, &path);
        if (f->data[0] == ACK) {
            path_set_waiting(s, w.now, false, MSEC(50));
        } else {
            path_set_traffic(s, w.now);
            send_packet(f->to, ACK);
        }
    } else {
        assert_int_equal(path_set_input(s, w.now, &path, f->data, f->len), 0);
    }
    note_switch(f->to);
    flush(f->to);
}

static instant next_event(void)
{
    instant due = w.talking ? w.talk_due : INSTANT_NEVER;

    for (size_t i = 0; i < w.flying; i++)
        due = w.flight[i].due < due ? w.flight[i].due : due;
    for (int side = 0; side < 2; side++) {
        instant t = path_set_deadline(&w.set[side]);
        due = t < due ? t : due;
    }
    return due;
}

static void deliver_due(void)
{
    for (size_t i = 0; i < w.flying;) {
        if (w.flight[i].due > w.now) {
            i++;
            continue;
        }
        struct flying f = w.flight[i];
        w.flight[i] = w.flight[--w.flying];
        deliver(&f);
    }
}

/* Runs the world for a while; both must come to rest between events. */
static void run(instant span)
{
    instant end = w.now + span;

    for (unsigned turn = 0;; turn++) {
        assert_true(turn < 100000);
        instant due = next_event();
        if (due > end)
            break;
        w.now = due > w.now ? due : w.now;
        deliver_due();
        if (w.talking && w.now >= w.talk_due) {
            send_packet(DIALLER, DATA);
            send_packet(ACCEPTOR, DATA);
            w.talk_due = w.now + (w.rare ? MSEC(500) : MSEC(20));
        }
        flush(DIALLER);
        flush(ACCEPTOR);
    }
    w.now = end;
}

static void talk(void)
{
    w.talking = true;
    w.talk_due = w.now;
}

static void add(int side, unsigned link)
{
    struct path p = path_of(side, link);
    assert_int_equal(path_set_add(&w.set[side], w.now, &p), 0);
}

/* Index of the link that a side sends over, or -1. */
static int link_of(int side)
{
    for (int k = 0; k < LINKS; k++)
        if (addr_equal(&path_set_current(&w.set[side])->remote, &w.link[k].end[!side]))
            return k;
    return -1;
}

static struct path_slot *slot_of(int side, unsigned link)
{
    struct path path = path_of(side, link);
    struct path_slot *p = path_table_find(&w.set[side], &path);
    assert_non_null(p);
    return p;
}

static unsigned count_paths(const struct path_set *s)
{
    unsigned count = 0;
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        count += s->slot[i].state != PATH_EMPTY;
    return count;
}

static void both_learn_to_speak_and_measure(void **state)
{
    (void)state;
    begin();
    run(SEC(1));
    for (int side = 0; side < 2; side++) {
        const struct path_slot *p = slot_of(side, 0);
        assert_true(path_set_speaks_probes(&w.set[side]));
        assert_int_equal(p->rtt, MSEC(20));
        assert_int_equal(p->state, PATH_GOOD);
        assert_true(p == path_table_current(&w.set[side]) && p->full_size);
        assert_true(addr_equal(&p->seen, &w.link[0].end[side]));
        assert_int_equal(w.switches[side], 0);
    }
    assert_true(path_set_token(&w.set[0]) != path_set_token(&w.set[1]));
}

static void an_idle_session_costs_a_ping_each_25_s(void **state)
{
    (void)state;
    begin();
    run(SEC(70));
    unsigned before = w.sent[0] + w.sent[1];
    run(SEC(600));
    assert_in_range(w.sent[0] + w.sent[1] - before, 2 * 600 / 28, 2 * 600 / 25);
}

static void both_move_once(instant from, instant to)
{
    begin();
    w.link[0].delay = from;
    w.link[1].delay = to;
    add(DIALLER, 1);
    talk();
    run(SEC(30));
    assert_int_equal(link_of(DIALLER), 1);
    assert_int_equal(link_of(ACCEPTOR), 1);
    assert_int_equal(w.switches[DIALLER], 1);
    assert_int_equal(w.switches[ACCEPTOR], 1);
}

static void the_dialler_moves_both_to_a_faster_path(void **state)
{
    (void)state;
    both_move_once(MSEC(10), MSEC(2));
}

/* A hundred milliseconds of them, while the new path answers within ten. */
static void packets_under_way_by_the_old_path_do_not_drag_it_back(void **state)
{
    (void)state;
    both_move_once(MSEC(100), MSEC(5));
}

static void a_little_faster_is_not_worth_a_change(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(9);
    add(DIALLER, 1);
    run(SEC(60));
    assert_int_equal(link_of(DIALLER), 0);
    assert_int_equal(slot_of(DIALLER, 1)->state, PATH_GOOD);
}

static void the_acceptor_alone_does_not_chase_speed(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(1);
    w.link[1].lost[DIALLER] = true; /* so the dialler cannot prove it */
    add(ACCEPTOR, 1);
    run(SEC(60));
    assert_int_equal(link_of(ACCEPTOR), 0);
    assert_int_equal(link_of(DIALLER), 0);
}

static void a_narrow_path_is_never_chosen_for_speed(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(1);
    w.link[1].mtu = 1000;
    add(DIALLER, 1);
    talk();
    run(SEC(60));
    assert_int_equal(link_of(DIALLER), 0);
    assert_false(slot_of(DIALLER, 1)->full_size);
}

/* The address of `side` on the first link changes, as by a NAT that forgot, or a new Wi-Fi. */
static void move(int side)
{
    w.link[0].end[side] = address(side == DIALLER ? "10.9.9.1:1001" : "10.9.9.2:2002");
}

static void a_side_that_moves_unknowingly_is_followed_within_round_trips(int side)
{
    begin();
    talk();
    run(SEC(2));
    move(side);
    run(MSEC(200));
    assert_int_equal(link_of(!side), 0);
    assert_int_equal(w.switches[!side], 1);
    assert_int_equal(w.switches[side], 0);
    run(SEC(10));
    assert_int_equal(w.switches[0] + w.switches[1], 1);
}

static void a_dialler_that_moves_unknowingly_is_followed(void **state)
{
    (void)state;
    a_side_that_moves_unknowingly_is_followed_within_round_trips(DIALLER);
}

static void an_acceptor_that_moves_unknowingly_is_followed(void **state)
{
    (void)state;
    a_side_that_moves_unknowingly_is_followed_within_round_trips(ACCEPTOR);
}

static void a_kick_shows_an_idle_side_s_new_address(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        begin();
        run(SEC(2));
        move(side);
        path_set_kick(&w.set[side], w.now);
        flush(side);
        run(MSEC(100));
        assert_int_equal(link_of(!side), 0);
        assert_int_equal(w.switches[!side], 1);
        run(SEC(60));
        assert_int_equal(w.switches[0] + w.switches[1], 1);
    }
}

static void an_idle_side_that_moves_unknowingly_is_found_by_keep_alives(void **state)
{
    (void)state;
    begin();
    run(SEC(2));
    move(DIALLER);
    run(SEC(20));
    assert_int_equal(link_of(ACCEPTOR), 0);
    begin();
    run(SEC(2));
    move(ACCEPTOR);
    run(SEC(30));
    assert_int_equal(link_of(DIALLER), 0);
}

static void silence_is_suspect_after_3_s_and_left_after_6500_ms(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(50);
    add(DIALLER, 1);
    talk();
    run(SEC(5));
    assert_int_equal(link_of(DIALLER), 0);
    w.link[0].lost[0] = w.link[0].lost[1] = true;
    w.link[1].lost[ACCEPTOR] = true; /* it cannot tell which of the two is better off */
    run(MSEC(2900));
    assert_false(path_set_is_suspect(&w.set[DIALLER]));
    run(MSEC(200));
    assert_true(path_set_is_suspect(&w.set[DIALLER]));
    run(MSEC(3300));
    assert_int_equal(link_of(DIALLER), 0);
    run(MSEC(200));
    w.link[1].lost[ACCEPTOR] = false;
    run(MSEC(1200));
    assert_int_equal(link_of(DIALLER), 1);
    assert_int_equal(link_of(ACCEPTOR), 1);
    assert_false(path_set_is_suspect(&w.set[DIALLER]));
    run(SEC(30));
    assert_int_equal(link_of(DIALLER), 1);
    assert_int_equal(w.switches[DIALLER] + w.switches[ACCEPTOR], 2);
}

static void with_nowhere_to_go_it_stays_and_recovers(void **state)
{
    (void)state;
    begin();
    talk();
    run(SEC(2));
    w.link[0].lost[0] = w.link[0].lost[1] = true;
    run(SEC(25));
    assert_true(path_set_is_suspect(&w.set[DIALLER]));
    w.link[0].lost[0] = w.link[0].lost[1] = false;
    run(MSEC(100));
    assert_false(path_set_is_suspect(&w.set[DIALLER]));
    assert_int_equal(w.switches[DIALLER], 0);
}

static void a_path_dead_in_one_direction_is_left(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(30);
    add(DIALLER, 1);
    talk();
    run(SEC(5));
    w.link[0].lost[DIALLER] = true; /* we hear them, they do not hear us */
    run(SEC(30));
    assert_int_equal(link_of(DIALLER), 1);
    assert_int_equal(link_of(ACCEPTOR), 1);
}

static void after_a_kick_a_dead_path_is_left_sooner(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(50);
    add(DIALLER, 1);
    run(SEC(5));
    w.link[0].lost[0] = w.link[0].lost[1] = true;
    path_set_kick(&w.set[DIALLER], w.now);
    flush(DIALLER);
    run(SEC(1));
    assert_int_equal(link_of(DIALLER), 1);
    assert_int_equal(link_of(ACCEPTOR), 1);
}

static void heavy_loss_neither_fails_nor_moves_it(void **state)
{
    (void)state;
    begin();
    add(DIALLER, 1);
    talk();
    for (unsigned i = 0; i < 300; i++) { /* every other 100 ms nothing passes */
        w.link[0].lost[0] = w.link[0].lost[1] = i % 2;
        run(MSEC(100));
    }
    assert_int_equal(w.switches[0] + w.switches[1], 0);
}

static void a_long_round_trip_is_measured_too(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(600);
    add(DIALLER, 1);
    run(SEC(10));
    assert_int_equal(slot_of(DIALLER, 1)->rtt, MSEC(1200));
    assert_true(slot_of(DIALLER, 1)->full_size);
}

static void forged_and_replayed_probes_change_nothing(void **state)
{
    (void)state;
    begin();
    uint8_t ping[PROBE_MAX];
    struct path to, stranger = path_to(&w.link[2].end[DIALLER]);
    size_t len = path_set_output(&w.set[DIALLER], w.now, &to, ping);
    struct path_set *s = &w.set[ACCEPTOR];
    flush(ACCEPTOR);

    for (size_t n = 0; n < len; n++)
        assert_int_equal(path_set_input(s, w.now, &stranger, ping, n), -EBADMSG);
    for (size_t i = 0; i < len; i++) {
        ping[i] ^= 0x80;
        assert_int_equal(path_set_input(s, w.now, &stranger, ping, len), -EBADMSG);
        ping[i] ^= 0x80;
    }
    assert_false(path_set_speaks_probes(s));
    assert_true(path_set_deadline(s) > w.now);

    struct path from = path_to(&w.link[0].end[DIALLER]);
    assert_int_equal(path_set_input(s, w.now, &from, ping, len), 0);
    flush(ACCEPTOR);
    unsigned sent = w.sent[ACCEPTOR];
    assert_int_equal(path_set_input(s, w.now, &stranger, ping, len), -EBADMSG);
    assert_int_equal(path_set_input(s, w.now, &from, ping, len), -EBADMSG);
    flush(ACCEPTOR);
    assert_int_equal(w.sent[ACCEPTOR], sent);
    assert_int_equal(count_paths(s), 1);
    /* Nor is a probe of ours, sent back to us, one of theirs. */
    assert_int_equal(path_set_input(&w.set[DIALLER], w.now, &from, ping, len), -EBADMSG);
}

static void an_answer_is_never_larger_than_its_question(void **state)
{
    (void)state;
    begin();
    uint8_t in[PROBE_MAX], out[PROBE_MAX];
    struct path to, from = path_to(&w.link[0].end[DIALLER]);
    size_t len = path_set_output(&w.set[DIALLER], w.now, &to, in);
    flush(ACCEPTOR);

    assert_int_equal(path_set_input(&w.set[ACCEPTOR], w.now, &from, in, len), 0);
    assert_int_equal(path_set_deadline(&w.set[ACCEPTOR]), 0);
    size_t answer = path_set_output(&w.set[ACCEPTOR], w.now, &to, out);
    assert_in_range(answer, 1, len);
    assert_int_equal(out[1], PROBE_PONG);
    assert_int_equal(path_set_output(&w.set[ACCEPTOR], w.now, &to, out), 0);
}

static void an_unanswering_target_gets_at_most_twenty(void **state)
{
    (void)state;
    begin();
    run(SEC(1));
    w.link[1].lost[0] = w.link[1].lost[1] = true;
    talk();
    add(DIALLER, 1);
    run(SEC(14));
    assert_int_equal(w.over[1], 20);
    assert_int_equal(slot_of(DIALLER, 1)->state, PATH_FAILED);
    run(SEC(300));
    assert_int_equal(w.over[1], 20);
}

static void hints_of_strangers_cost_little_and_move_nothing(void **state)
{
    (void)state;
    begin();
    run(SEC(1));
    unsigned before = w.sent[ACCEPTOR];
    for (uint32_t i = 0; i < 10000; i++) {
        const uint8_t ip[4] = {192, 0, (uint8_t)(i >> 8), (uint8_t)i};
        struct addr a = addr_v4(ip, 5000);
        struct path p = path_to(&a);
        path_set_hint(&w.set[ACCEPTOR], w.now, &p);
        run(MSEC(1));
    }
    assert_true(w.sent[ACCEPTOR] - before < 10 * 21 + 32);
    assert_int_equal(w.switches[ACCEPTOR], 0);
    assert_true(count_paths(&w.set[ACCEPTOR]) <= 1 + 4 + 1);
    assert_int_equal(slot_of(ACCEPTOR, 0)->state, PATH_GOOD);
}

static void a_guess_that_arrives_becomes_a_path_of_both(void **state)
{
    (void)state;
    uint8_t out[PROBE_MIN];
    begin();
    run(SEC(1));
    const struct path guessed = path_to(&w.link[1].end[ACCEPTOR]);
    path_set_guess(&w.set[DIALLER], &guessed.remote, out);
    send_over(DIALLER, &guessed, out, sizeof(out));
    run(SEC(1));
    for (int side = 0; side < 2; side++) {
        assert_int_equal(slot_of(side, 1)->state, PATH_GOOD);
        assert_true(slot_of(side, 1)->full_size);
    }
}

static void a_side_without_probes_is_left_alone(void **state)
{
    (void)state;
    begin();
    struct path_set_options o = options(DIALLER);
    struct path_set lone;
    uint8_t out[PROBE_MAX];
    struct path to;
    unsigned sent = 0;

    path_set_init(&lone, 0, &o);
    for (instant now = 0; now < SEC(400); now += MSEC(100)) {
        path_set_heard(&lone, now, &o.first);
        while (path_set_output(&lone, now, &to, out) > 0)
            sent++;
    }
    assert_int_equal(sent, 20);
    assert_false(path_set_speaks_probes(&lone));
    assert_false(path_set_take_switch(&lone));
    assert_int_equal(path_set_deadline(&lone), INSTANT_NEVER);
}

static void there_is_room_for_sixteen_paths(void **state)
{
    (void)state;
    begin();
    int err = 0;
    unsigned count = 1;
    for (uint8_t i = 1; i < 30 && err == 0; i++) {
        const uint8_t ip[4] = {198, 51, 100, i};
        struct addr a = addr_v4(ip, 5000);
        struct path p = path_to(&a);
        err = path_set_add(&w.set[DIALLER], w.now, &p);
        count += err == 0;
    }
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(count, PATH_SET_MAX);
    flush(DIALLER);
    run(SEC(30)); /* they fail, and give way */
    add(DIALLER, 1);
    run(SEC(1));
    assert_int_equal(slot_of(DIALLER, 1)->state, PATH_GOOD);
}

static void the_local_address_is_taken_from_what_arrives(void **state)
{
    (void)state;
    begin();
    struct path p = path_to(&w.link[0].end[DIALLER]);
    p.local = address("10.0.0.2:0");
    path_set_heard(&w.set[ACCEPTOR], w.now, &p);
    assert_true(addr_equal(&path_set_current(&w.set[ACCEPTOR])->local, &p.local));
    path_set_kick(&w.set[ACCEPTOR], w.now);
    assert_true(addr_is_none(&path_set_current(&w.set[ACCEPTOR])->local));
}

/* ---- relays, and what is better ---- */

/* A relay carried the handshake; the second link is straight. */
static void begin_with_relay(instant relay, instant direct)
{
    begin_over(PATH_RELAY);
    w.link[0].delay = relay;
    w.link[1].delay = direct;
}

static void add_direct(void)
{
    add(DIALLER, 1);
    add(ACCEPTOR, 1);
}

static void both_are_on(int link)
{
    assert_int_equal(link_of(DIALLER), link);
    assert_int_equal(link_of(ACCEPTOR), link);
}

static void cut(unsigned link)
{
    w.link[link].lost[0] = w.link[link].lost[1] = true;
}

static void mend(unsigned link)
{
    w.link[link].lost[0] = w.link[link].lost[1] = false;
}

static unsigned switches(void)
{
    return w.switches[0] + w.switches[1];
}

static void a_straight_path_replaces_a_relay_within_two_round_trips(void **state)
{
    (void)state;
    for (instant direct = MSEC(2); direct < MSEC(400); direct *= 3) { /* even if it is slower */
        begin_with_relay(MSEC(30), direct);
        talk();
        run(MSEC(200));
        add_direct();
        run(4 * direct + MSEC(1));
        both_are_on(1);
        run(SEC(120));
        both_are_on(1);
        assert_int_equal(switches(), 2);
    }
}

static void it_is_enough_that_one_side_knows_of_it(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        begin_with_relay(MSEC(30), MSEC(10));
        add(side, 1);
        run(MSEC(100));
        both_are_on(1);
        assert_int_equal(switches(), 2);
    }
}

static void udp_comes_before_tcp_and_tcp_before_a_relay(void **state)
{
    (void)state;
    begin_with_relay(MSEC(5), MSEC(20));
    w.link[1].kind = PATH_TCP;
    w.link[2].delay = MSEC(40);
    talk();
    add_direct();
    run(SEC(1));
    both_are_on(1);
    add(DIALLER, 2);
    run(SEC(1));
    both_are_on(2);
    run(SEC(60));
    assert_int_equal(switches(), 4);
}

static void of_a_relay_and_a_turn_server_the_quicker_one_is_used(void **state)
{
    (void)state;
    begin_with_relay(MSEC(50), MSEC(10));
    w.link[1].kind = PATH_TURN;
    talk();
    run(SEC(2));
    add(DIALLER, 1);
    run(SEC(1));
    both_are_on(1);
    run(SEC(60));
    assert_int_equal(switches(), 2);
}

static void a_narrow_path_never_replaces_a_relay(void **state)
{
    (void)state;
    begin_with_relay(MSEC(30), MSEC(2));
    w.link[1].mtu = 1000;
    talk();
    add_direct();
    run(SEC(200));
    both_are_on(0);
    assert_int_equal(switches(), 0);
    w.link[1].mtu = PROBE_MAX; /* somebody has mended it */
    run(SEC(130));
    both_are_on(1);
}

static void a_path_that_becomes_narrow_is_left_for_the_relay(void **state)
{
    (void)state;
    begin_with_relay(MSEC(30), MSEC(5));
    talk();
    add_direct();
    run(SEC(2));
    both_are_on(1);
    w.link[1].mtu = 1000;
    run(SEC(3));
    both_are_on(0);
    run(SEC(300));
    both_are_on(0);
    assert_int_equal(switches(), 4);
}

static void a_path_narrow_in_one_direction_makes_nobody_chase(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        begin_with_relay(MSEC(30), MSEC(5));
        w.link[1].narrow[side] = true;
        talk();
        add_direct();
        run(SEC(300));
        assert_int_equal(link_of(side), 0);
        assert_int_equal(link_of(!side), 1);
        assert_int_equal(switches(), 1);
    }
}

static void begin_direct_with_spare(void)
{
    begin_with_relay(MSEC(30), MSEC(5));
    talk();
    add_direct();
    run(SEC(90));
    both_are_on(1);
    w.switches[0] = w.switches[1] = 0;
}

static void a_cut_is_survived_within_two_seconds(void **state)
{
    (void)state;
    begin_direct_with_spare();
    cut(1);
    run(MSEC(1200));
    assert_false(path_set_is_suspect(&w.set[DIALLER]));
    run(MSEC(800));
    both_are_on(0);
    assert_int_equal(switches(), 2);
}

static void what_was_cut_is_used_again_when_it_is_back(void **state)
{
    static const instant away[] = {SEC(2), SEC(8), SEC(20), SEC(300)};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        begin_direct_with_spare();
        cut(1);
        run(away[i]);
        both_are_on(0);
        mend(1);
        run(away[i] < SEC(10) ? MSEC(1100) : SEC(11));
        both_are_on(1);
        assert_int_equal(switches(), 4);
    }
}

static void a_dead_path_is_left_although_nothing_is_sent(void **state)
{
    (void)state;
    begin_direct_with_spare();
    w.talking = false;
    run(SEC(1));
    cut(1);
    run(SEC(7)); /* 5 s until it is asked */
    both_are_on(0);
}

static void a_dead_relay_is_left_for_its_spare(void **state)
{
    (void)state;
    begin_with_relay(MSEC(30), MSEC(40));
    w.link[1].kind = PATH_RELAY;
    talk();
    add_direct();
    run(SEC(20));
    both_are_on(0);
    cut(0);
    run(SEC(2));
    both_are_on(1);
}

static void a_path_on_which_a_third_is_lost_is_kept(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        begin_direct_with_spare();
        w.chance = seed;
        w.link[1].loss = 300;
        w.rare = true;
        run(SEC(1200));
        both_are_on(1);
        assert_int_equal(switches(), 0);
    }
}

static void an_outage_of_both_moves_nobody(void **state)
{
    (void)state;
    for (instant span = MSEC(300); span < SEC(20); span = span * 3 / 2) {
        begin_direct_with_spare();
        cut(0);
        cut(1);
        run(span);
        mend(0);
        mend(1);
        run(SEC(30));
        both_are_on(1);
        assert_int_equal(switches(), 0);
    }
}

static void a_link_that_comes_and_goes_is_tried_less_and_less(void **state)
{
    (void)state;
    begin_with_relay(MSEC(30), MSEC(5));
    talk();
    add_direct();
    for (unsigned i = 0; i < 100; i++) {
        mend(1);
        run(SEC(3));
        cut(1);
        run(SEC(3));
    }
    assert_true(switches() < 44); /* not 200 */
    mend(1);
    run(SEC(180));
    both_are_on(1);
}

static void a_carrier_that_ends_is_left_at_once(void **state)
{
    (void)state;
    begin_direct_with_spare();
    struct path p = path_of(DIALLER, 1);
    path_set_gone(&w.set[DIALLER], w.now, &p);
    note_switch(DIALLER);
    assert_int_equal(link_of(DIALLER), 0);
    assert_null(path_table_find(&w.set[DIALLER], &p));
    p = path_of(DIALLER, 2); /* one that it does not know */
    path_set_gone(&w.set[DIALLER], w.now, &p);
    flush(DIALLER);
    w.link[1].lost[0] = w.link[1].lost[1] = true;
    run(MSEC(100));
    both_are_on(0);
}

static void when_nothing_else_works_the_first_to_answer_is_taken(void **state)
{
    (void)state;
    begin_with_relay(MSEC(30), MSEC(40));
    w.link[1].kind = PATH_RELAY;
    talk();
    add_direct();
    run(SEC(2));
    cut(1);
    run(SEC(150)); /* it has failed */
    struct path p = path_of(DIALLER, 0);
    cut(0);
    path_set_gone(&w.set[DIALLER], w.now, &p);
    flush(DIALLER);
    run(SEC(1));
    assert_int_equal(link_of(DIALLER), 0);
    mend(1);
    run(SEC(1));
    assert_int_equal(link_of(DIALLER), 1);
    assert_int_equal(link_of(ACCEPTOR), 1);
}

/* ---- what it costs ---- */

static void while_packets_come_the_current_path_is_not_asked(void **state)
{
    (void)state;
    begin();
    w.link[0].delay = MSEC(4); /* good enough to look for no other */
    talk();
    run(SEC(2));
    unsigned before = w.sent[0] + w.sent[1];
    run(SEC(600));
    assert_int_equal(w.sent[0] + w.sent[1] - before, 0);
}

static void an_ipv6_path_needs_3_ms_less(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        begin();
        w.link[1].delay = MSEC(9); /* 2 ms quicker, there and back */
        if (v6) {
            w.link[1].end[DIALLER] = address("[2001:db8::1]:1000");
            w.link[1].end[ACCEPTOR] = address("[2001:db8::2]:2000");
        }
        add(DIALLER, 1);
        run(SEC(30));
        both_are_on(v6);
    }
}

static void others_are_measured_each_minute(void **state)
{
    (void)state;
    begin();
    w.link[1].delay = MSEC(12);
    add(DIALLER, 1);
    talk();
    run(SEC(5));
    unsigned before = w.sent[0] + w.sent[1];
    run(SEC(600));
    assert_in_range(w.sent[0] + w.sent[1] - before, 4 * 2 * 9, 4 * 2 * 13);
}

static void an_idle_session_rests_on_its_relay(void **state)
{
    (void)state;
    begin_direct_with_spare();
    w.talking = false;
    run(SEC(290));
    both_are_on(1);
    run(SEC(20));
    both_are_on(0);
    assert_int_equal(switches(), 2);
    unsigned before = w.sent[0] + w.sent[1];
    run(SEC(3600));
    both_are_on(0);
    assert_in_range(w.sent[0] + w.sent[1] - before, 2 * 3600 / 29, 2 * 3600 / 24);
    assert_false(path_set_take_wake(&w.set[DIALLER]));
}

static void data_wakes_it_and_it_goes_straight_again(void **state)
{
    (void)state;
    begin_direct_with_spare();
    w.talking = false;
    run(SEC(1000));
    both_are_on(0);
    talk();
    run(MSEC(150));
    both_are_on(1);
    for (int side = 0; side < 2; side++) {
        assert_true(path_set_take_wake(&w.set[side]));
        assert_false(path_set_take_wake(&w.set[side]));
    }
}

static void without_a_relay_an_idle_session_stays_where_it_is(void **state)
{
    (void)state;
    begin();
    add(DIALLER, 1);
    run(SEC(3600));
    both_are_on(0);
    assert_int_equal(switches(), 0);
    talk();
    run(SEC(1));
    assert_false(path_set_take_wake(&w.set[DIALLER]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_learn_to_speak_and_measure),
        cmocka_unit_test(an_idle_session_costs_a_ping_each_25_s),
        cmocka_unit_test(the_dialler_moves_both_to_a_faster_path),
        cmocka_unit_test(packets_under_way_by_the_old_path_do_not_drag_it_back),
        cmocka_unit_test(a_little_faster_is_not_worth_a_change),
        cmocka_unit_test(the_acceptor_alone_does_not_chase_speed),
        cmocka_unit_test(a_narrow_path_is_never_chosen_for_speed),
        cmocka_unit_test(a_dialler_that_moves_unknowingly_is_followed),
        cmocka_unit_test(an_acceptor_that_moves_unknowingly_is_followed),
        cmocka_unit_test(a_kick_shows_an_idle_side_s_new_address),
        cmocka_unit_test(an_idle_side_that_moves_unknowingly_is_found_by_keep_alives),
        cmocka_unit_test(silence_is_suspect_after_3_s_and_left_after_6500_ms),
        cmocka_unit_test(with_nowhere_to_go_it_stays_and_recovers),
        cmocka_unit_test(a_path_dead_in_one_direction_is_left),
        cmocka_unit_test(after_a_kick_a_dead_path_is_left_sooner),
        cmocka_unit_test(heavy_loss_neither_fails_nor_moves_it),
        cmocka_unit_test(a_long_round_trip_is_measured_too),
        cmocka_unit_test(forged_and_replayed_probes_change_nothing),
        cmocka_unit_test(an_answer_is_never_larger_than_its_question),
        cmocka_unit_test(an_unanswering_target_gets_at_most_twenty),
        cmocka_unit_test(hints_of_strangers_cost_little_and_move_nothing),
        cmocka_unit_test(a_guess_that_arrives_becomes_a_path_of_both),
        cmocka_unit_test(a_side_without_probes_is_left_alone),
        cmocka_unit_test(there_is_room_for_sixteen_paths),
        cmocka_unit_test(the_local_address_is_taken_from_what_arrives),
        cmocka_unit_test(a_straight_path_replaces_a_relay_within_two_round_trips),
        cmocka_unit_test(it_is_enough_that_one_side_knows_of_it),
        cmocka_unit_test(udp_comes_before_tcp_and_tcp_before_a_relay),
        cmocka_unit_test(of_a_relay_and_a_turn_server_the_quicker_one_is_used),
        cmocka_unit_test(a_narrow_path_never_replaces_a_relay),
        cmocka_unit_test(a_path_that_becomes_narrow_is_left_for_the_relay),
        cmocka_unit_test(a_path_narrow_in_one_direction_makes_nobody_chase),
        cmocka_unit_test(a_cut_is_survived_within_two_seconds),
        cmocka_unit_test(what_was_cut_is_used_again_when_it_is_back),
        cmocka_unit_test(a_dead_path_is_left_although_nothing_is_sent),
        cmocka_unit_test(a_dead_relay_is_left_for_its_spare),
        cmocka_unit_test(a_path_on_which_a_third_is_lost_is_kept),
        cmocka_unit_test(an_outage_of_both_moves_nobody),
        cmocka_unit_test(a_link_that_comes_and_goes_is_tried_less_and_less),
        cmocka_unit_test(a_carrier_that_ends_is_left_at_once),
        cmocka_unit_test(when_nothing_else_works_the_first_to_answer_is_taken),
        cmocka_unit_test(while_packets_come_the_current_path_is_not_asked),
        cmocka_unit_test(an_ipv6_path_needs_3_ms_less),
        cmocka_unit_test(others_are_measured_each_minute),
        cmocka_unit_test(an_idle_session_rests_on_its_relay),
        cmocka_unit_test(data_wakes_it_and_it_goes_straight_again),
        cmocka_unit_test(without_a_relay_an_idle_session_stays_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
