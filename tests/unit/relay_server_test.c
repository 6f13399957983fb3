/* The relay: three peers with a connection each, whose frames and messages this file looks at. */
#include "gateway/relay/server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

#define SIZE    1216
#define TOLD    16
#define BATCHES 512

struct person {
    struct peer_id id;
    struct path path;
    struct relay_message told[TOLD];
    unsigned tells;
};

struct world {
    struct relay_server *server;
    struct relay_server_options options;
    instant now;
    struct person alice, bob, carol;
    bool refuse; /* registrations */
    int send_error;
    struct {
        struct path to;
        size_t len, segment;
        uint8_t first; /* of what is behind the header */
    } sent[BATCHES];
    unsigned sends;
    uint8_t last[64 * SIZE];
    uint64_t chance;
};

static bool may_register(void *arg, const struct peer_id *id)
{
    (void)id;
    return !((struct world *)arg)->refuse;
}

static void tell(void *arg, void *conn, const struct relay_message *m)
{
    struct person *p = conn;
    (void)arg;
    assert_true(p->tells < TOLD);
    p->told[p->tells++] = *m;
}

static int send_batch(void *arg, const struct path *to, const uint8_t *data, size_t len,
                      size_t segment)
{
    struct world *w = arg;
    if (w->send_error < 0)
        return w->send_error;
    assert_true(w->sends < BATCHES);
    w->sent[w->sends].to = *to;
    w->sent[w->sends].len = len;
    w->sent[w->sends].segment = segment;
    w->sent[w->sends].first = data[RELAY_FRAME_HEADER];
    w->sends++;
    memcpy(w->last, data, len);
    return 0;
}

static void fill_random(void *arg, void *out, size_t len)
{
    random_fill(&((struct world *)arg)->chance, out, len);
}

static const struct relay_server_events EVENTS = {may_register, tell, send_batch, fill_random};

static struct path at(const char *text)
{
    struct path p = {.kind = PATH_UDP};
    assert_int_equal(addr_parse(&p.remote, text), 0);
    return p;
}

static void start(struct world *w)
{
    w->options.events = &EVENTS;
    w->options.arg = w;
    assert_int_equal(relay_server_new(&w->server, &w->options), 0);
}

static int build(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->now = SEC(1000);
    w->chance = 7;
    w->alice = (struct person){.id = {{1}}, .path = at("192.0.2.1:1001")};
    w->bob = (struct person){.id = {{2}}, .path = at("192.0.2.2:1002")};
    w->carol = (struct person){.id = {{3}}, .path = at("192.0.2.3:1003")};
    start(w);
    *state = w;
    return 0;
}

/* Starts again with other limits. */
static void limit(struct world *w, struct relay_server_options options)
{
    relay_server_free(w->server);
    w->options = options;
    start(w);
}

static int end(void **state)
{
    struct world *w = *state;
    relay_server_free(w->server);
    free(w);
    return 0;
}

static void says(struct world *w, struct person *p, struct relay_message m)
{
    relay_server_message(w->server, w->now, p, &p->id, &p->path, &m);
}

static const struct relay_message *last_of(const struct person *p)
{
    assert_true(p->tells > 0);
    return &p->told[p->tells - 1];
}

static void registers(struct world *w, struct person *p)
{
    says(w, p, (struct relay_message){.type = RELAY_REGISTER});
    assert_int_equal(last_of(p)->type, RELAY_REGISTERED);
}

static enum relay_status calls(struct world *w, struct person *p, const struct person *whom)
{
    struct relay_message m = {.type = RELAY_OPEN, .request = 77};
    memcpy(m.id, whom->id.key, sizeof(m.id));
    says(w, p, m);
    assert_int_equal(last_of(p)->type, RELAY_OPENED);
    assert_int_equal(last_of(p)->request, 77);
    return last_of(p)->status;
}

/* Bob's circuit to Alice; each knows the number and a tag of its own. */
static void join(struct world *w)
{
    registers(w, &w->alice);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
}

static size_t frames(uint8_t *out, const struct relay_frame *f, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memset(out + i * SIZE, (int)i + 1, SIZE);
        relay_frame_write(f, out + i * SIZE);
    }
    return count * SIZE;
}

static void sends(struct world *w, const struct person *p, const struct path *from, size_t count)
{
    static uint8_t data[64 * SIZE];
    size_t len = frames(data, &last_of(p)->frame, count);
    relay_server_input(w->server, w->now, from, data, len, SIZE);
}

static struct relay_server_counters counters(const struct world *w)
{
    struct relay_server_counters c;
    relay_server_counters(w->server, &c);
    return c;
}

/* ---- the sentences ---- */

static void a_circuit_carries_batches_both_ways_with_the_receivers_tag(void **state)
{
    struct world *w = *state;
    struct relay_frame f;

    join(w);
    assert_int_equal(w->alice.tells, 2);
    assert_int_equal(last_of(&w->alice)->type, RELAY_INCOMING);
    assert_memory_equal(last_of(&w->alice)->id, w->bob.id.key, PEER_ID_LEN);
    sends(w, &w->bob, &w->bob.path, 10);
    assert_int_equal(w->sends, 1);
    assert_int_equal(w->sent[0].len, 10 * SIZE);
    assert_int_equal(w->sent[0].segment, SIZE);
    assert_true(path_equal(&w->sent[0].to, &w->alice.path));
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(relay_frame_read(&f, w->last + i * SIZE, SIZE), 0);
        assert_memory_equal(f.tag, last_of(&w->alice)->frame.tag, sizeof(f.tag));
        assert_int_equal(w->last[i * SIZE + RELAY_FRAME_HEADER], i + 1);
    }
    sends(w, &w->alice, &w->alice.path, 1);
    assert_true(path_equal(&w->sent[1].to, &w->bob.path));
    assert_int_equal(counters(w).datagrams, 11);
    assert_int_equal(counters(w).bytes, 11 * (SIZE - RELAY_FRAME_HEADER));
}

static void only_whom_it_serves_may_register(void **state)
{
    struct world *w = *state;

    w->refuse = true;
    registers(w, &w->alice);
    assert_int_equal(last_of(&w->alice)->status, RELAY_DENIED);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_NO_PEER);
    assert_int_equal(counters(w).registered, 0);
}

static void a_frame_from_elsewhere_or_with_a_wrong_tag_goes_nowhere(void **state)
{
    struct world *w = *state;
    static uint8_t data[2 * SIZE];
    struct path other = w->bob.path;

    join(w);
    other.via = 1;
    sends(w, &w->bob, &w->carol.path, 3);
    sends(w, &w->bob, &other, 1);
    struct relay_frame f = last_of(&w->bob)->frame;
    for (unsigned i = 0; i < RELAY_FRAME_TAG_LEN; i++) {
        f.tag[i] ^= 1;
        relay_server_input(w->server, w->now, &w->bob.path, data, frames(data, &f, 1), SIZE);
        f.tag[i] ^= 1;
    }
    f.circuit++;
    relay_server_input(w->server, w->now, &w->bob.path, data, frames(data, &f, 1), SIZE);
    relay_server_input(w->server, w->now, &w->bob.path, data, 5, 5);
    assert_int_equal(w->sends, 0);
    assert_int_equal(counters(w).strange, 3 + 1 + 8 + 1 + 1);
}

static void a_stranger_in_a_batch_does_not_stop_the_others(void **state)
{
    struct world *w = *state;
    static uint8_t data[5 * SIZE];

    join(w);
    size_t len = frames(data, &last_of(&w->bob)->frame, 5);
    data[2 * SIZE + 9] ^= 1;
    relay_server_input(w->server, w->now, &w->bob.path, data, len - 100, SIZE);
    assert_int_equal(w->sends, 2);
    assert_int_equal(w->sent[0].len, 2 * SIZE);
    assert_int_equal(w->sent[1].len, 2 * SIZE - 100);
    assert_int_equal(w->sent[1].first, 4);
    assert_int_equal(counters(w).strange, 1);
}

static void after_a_move_only_the_new_tag_from_the_new_place_passes(void **state)
{
    struct world *w = *state;
    const struct path old = w->bob.path, fresh = at("203.0.113.9:5");

    join(w);
    const struct relay_frame before = last_of(&w->bob)->frame;
    relay_server_moved(w->server, &w->bob, &fresh);
    assert_int_equal(last_of(&w->bob)->type, RELAY_RETAG);
    assert_memory_not_equal(last_of(&w->bob)->frame.tag, before.tag, sizeof(before.tag));
    sends(w, &w->bob, &old, 1);
    assert_int_equal(w->sends, 0);
    sends(w, &w->bob, &fresh, 1);
    assert_int_equal(w->sends, 1);
    sends(w, &w->alice, &w->alice.path, 1);
    assert_true(path_equal(&w->sent[1].to, &fresh));
    relay_server_moved(w->server, &w->bob, &fresh);
    relay_server_moved(w->server, &w->carol, &old);
    assert_int_equal(w->bob.tells, 2);
}

static void one_that_leaves_takes_its_circuits_along(void **state)
{
    struct world *w = *state;

    join(w);
    assert_int_equal(calls(w, &w->carol, &w->alice), RELAY_OK);
    relay_server_left(w->server, &w->alice);
    relay_server_left(w->server, &w->alice);
    assert_int_equal(last_of(&w->bob)->type, RELAY_CLOSE);
    assert_int_equal(last_of(&w->bob)->status, RELAY_GONE);
    assert_int_equal(last_of(&w->carol)->type, RELAY_CLOSE);
    assert_int_equal(counters(w).clients, 2);
    assert_int_equal(counters(w).circuits, 0);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_NO_PEER);
}

static void either_side_may_close_a_circuit_and_nobody_else(void **state)
{
    struct world *w = *state;

    join(w);
    const uint32_t number = last_of(&w->bob)->frame.circuit;
    const struct relay_message bye = {.type = RELAY_HANG_UP, .frame.circuit = number};
    says(w, &w->carol, bye);
    assert_int_equal(counters(w).circuits, 1);
    says(w, &w->alice, bye);
    assert_int_equal(counters(w).circuits, 0);
    assert_int_equal(last_of(&w->bob)->type, RELAY_CLOSE);
    assert_int_equal(last_of(&w->bob)->frame.circuit, number);
    says(w, &w->bob, bye);
    assert_int_equal(counters(w).clients, 2); /* carol wants nothing of it */
}

static void a_newer_session_of_a_peer_takes_over_its_registration(void **state)
{
    struct world *w = *state;
    struct person again = w->alice;

    join(w);
    again.path = at("192.0.2.1:7777");
    registers(w, &again);
    assert_int_equal(counters(w).registered, 1);
    assert_int_equal(calls(w, &w->carol, &w->alice), RELAY_OK);
    assert_int_equal(last_of(&again)->type, RELAY_INCOMING);
    sends(w, &w->bob, &w->bob.path, 1);
    assert_true(path_equal(&w->sent[0].to, &w->alice.path));
    relay_server_left(w->server, &w->alice);
    assert_int_equal(counters(w).registered, 1);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
}

static void nobody_calls_itself(void **state)
{
    struct world *w = *state;
    struct person again = w->alice;

    registers(w, &w->alice);
    assert_int_equal(calls(w, &w->alice, &w->alice), RELAY_NO_PEER);
    assert_int_equal(calls(w, &again, &w->alice), RELAY_NO_PEER);
}

static void clients_and_circuits_are_limited(void **state)
{
    struct world *w = *state;

    limit(w, (struct relay_server_options){.max_clients = 2, .max_circuits = 2});
    registers(w, &w->alice);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_TOO_MANY);
    says(w, &w->carol, (struct relay_message){.type = RELAY_REGISTER});
    assert_int_equal(last_of(&w->carol)->type, RELAY_REGISTERED);
    assert_int_equal(last_of(&w->carol)->status, RELAY_TOO_MANY);
    assert_int_equal(calls(w, &w->carol, &w->alice), RELAY_TOO_MANY);
    assert_int_equal(counters(w).registered, 1);
    relay_server_left(w->server, &w->bob);
    registers(w, &w->carol);
}

static void who_only_hangs_up_takes_no_place(void **state)
{
    struct world *w = *state;

    says(w, &w->carol, (struct relay_message){.type = RELAY_HANG_UP});
    assert_int_equal(counters(w).clients, 0);
    assert_int_equal(w->carol.tells, 0);
}

static void the_called_pays_by_the_second(void **state)
{
    struct world *w = *state;

    limit(w, (struct relay_server_options){.rate = 100000});
    join(w);
    for (unsigned i = 0; i < 10; i++)
        sends(w, &w->bob, &w->bob.path, 60);
    const struct relay_server_counters c = counters(w);
    assert_true(c.bytes <= 256 << 10);
    assert_true(c.bytes > (256 << 10) - 60 * SIZE);
    assert_int_equal(c.datagrams + c.over_quota, 600);
    w->now += SEC(1);
    sends(w, &w->alice, &w->alice.path, 60);
    assert_int_equal(counters(w).datagrams, c.datagrams + 60);
}

static void the_called_pays_by_the_day(void **state)
{
    struct world *w = *state;

    limit(w, (struct relay_server_options){.daily = 100000});
    join(w);
    sends(w, &w->bob, &w->bob.path, 60);
    sends(w, &w->bob, &w->bob.path, 60);
    assert_int_equal(w->sends, 1);
    registers(w, &w->alice); /* a new registration is no new day */
    sends(w, &w->bob, &w->bob.path, 60);
    relay_server_left(w->server, &w->alice);
    join(w); /* and a new session neither */
    sends(w, &w->bob, &w->bob.path, 60);
    assert_int_equal(w->sends, 1);
    w->now += SEC(86400);
    sends(w, &w->bob, &w->bob.path, 60);
    assert_int_equal(w->sends, 2);
}

static void who_asks_too_fast_gets_no_answer(void **state)
{
    struct world *w = *state;

    registers(w, &w->alice);
    for (unsigned i = 0; i < 1000; i++) {
        struct relay_message m = {.type = i % 2 ? RELAY_OPEN : RELAY_REGISTER};
        w->bob.tells = 0;
        says(w, &w->bob, m);
    }
    assert_int_equal(counters(w).hasty, 1000 - 64);
    assert_int_equal(w->bob.tells, 0);
    w->now += SEC(1);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
    const struct relay_message bye = {.type = RELAY_HANG_UP,
                                      .frame.circuit = last_of(&w->bob)->frame.circuit};
    for (unsigned i = 0; i < 9; i++)
        registers(w, &w->bob);
    says(w, &w->bob, bye); /* which costs nothing */
    assert_int_equal(counters(w).circuits, 0);
}

static void nobody_takes_all_circuits_of_another(void **state)
{
    struct world *w = *state;

    registers(w, &w->alice);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_TOO_MANY);
    assert_int_equal(calls(w, &w->carol, &w->alice), RELAY_OK);
}

/* A hundred strangers call and hang up, ten times a second each. */
static void who_is_called_by_a_crowd_hears_of_32_a_second_and_of_no_datagram(void **state)
{
    struct world *w = *state;
    static struct person crowd[100];
    static const uint8_t early[1200];
    unsigned told = 0, bytes = 0;

    registers(w, &w->alice);
    for (unsigned i = 0; i < 100; i++) {
        crowd[i] = (struct person){.id = {{9, (uint8_t)i}}, .path = w->bob.path};
        crowd[i].path.remote = addr_v4((const uint8_t[]){198, 51, 100, (uint8_t)i}, 1002);
    }
    for (unsigned i = 0; i < 5000; i++) {
        struct person *p = &crowd[i % 100];
        struct relay_message m = {.type = RELAY_OPEN, .early = early, .early_len = sizeof(early)};
        memcpy(m.id, w->alice.id.key, sizeof(m.id));
        p->tells = w->alice.tells = 0;
        says(w, p, m);
        for (unsigned k = 0; k < w->alice.tells; k++) {
            told++;
            bytes += (unsigned)w->alice.told[k].early_len;
        }
        const struct relay_message bye = {.type = RELAY_HANG_UP,
                                          .frame.circuit = last_of(p)->frame.circuit};
        says(w, p, bye);
        w->now += MSEC(1);
    }
    assert_in_range(told, 256, 256 + 5 * 32 + 1);
    assert_true(bytes <= 160 * sizeof(early));
    w->now += SEC(10);
    w->bob.tells = 0;
    assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
}

/* Four connections of one host call and hang up, each with an id of its own, as often as they may.
 */
static void who_calls_without_end_leaves_others_their_calls(void **state)
{
    struct world *w = *state;
    static struct person busy[4];

    registers(w, &w->alice);
    for (unsigned i = 0; i < 4; i++)
        busy[i] = (struct person){.id = {{9, (uint8_t)i}}, .path = w->carol.path};
    for (unsigned i = 0; i < 60 * 40; i++) {
        struct person *p = &busy[i % 4];
        w->alice.tells = w->bob.tells = p->tells = 0;
        if (calls(w, p, &w->alice) == RELAY_OK)
            says(w, p,
                 (struct relay_message){.type = RELAY_HANG_UP,
                                        .frame.circuit = last_of(p)->frame.circuit});
        w->now += MSEC(25);
        if (i % 40 > 0)
            continue;
        assert_int_equal(calls(w, &w->bob, &w->alice), RELAY_OK);
        says(w, &w->bob,
             (struct relay_message){.type = RELAY_HANG_UP,
                                    .frame.circuit = last_of(&w->bob)->frame.circuit});
    }
}

static void a_full_socket_holds_256_kib_a_receiver_and_lets_the_oldest_go(void **state)
{
    struct world *w = *state;

    join(w);
    w->send_error = -EAGAIN;
    for (unsigned i = 0; i < 10; i++)
        sends(w, &w->bob, &w->bob.path, 40);
    assert_int_equal(counters(w).over_full, 5 * 40);
    w->send_error = 0;
    relay_server_flush(w->server);
    relay_server_flush(w->server);
    assert_int_equal(w->sends, 5);
    sends(w, &w->bob, &w->bob.path, 1);
    assert_int_equal(w->sends, 6);
}

static void a_circuit_that_carries_nothing_for_five_minutes_ends(void **state)
{
    struct world *w = *state;

    assert_true(relay_server_deadline(w->server) == INSTANT_NEVER);
    join(w);
    assert_int_equal(calls(w, &w->carol, &w->alice), RELAY_OK);
    w->now += SEC(200);
    sends(w, &w->carol, &w->carol.path, 1);
    assert_true(relay_server_deadline(w->server) == w->now + SEC(100));
    w->now += SEC(100);
    relay_server_tick(w->server, w->now);
    assert_int_equal(counters(w).circuits, 1);
    assert_int_equal(last_of(&w->bob)->type, RELAY_CLOSE);
    assert_int_equal(last_of(&w->carol)->type, RELAY_OPENED);
    assert_true(relay_server_deadline(w->server) == w->now + SEC(200));
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, end)
    const struct CMUnitTest tests[] = {
        SENTENCE(a_circuit_carries_batches_both_ways_with_the_receivers_tag),
        SENTENCE(only_whom_it_serves_may_register),
        SENTENCE(a_frame_from_elsewhere_or_with_a_wrong_tag_goes_nowhere),
        SENTENCE(a_stranger_in_a_batch_does_not_stop_the_others),
        SENTENCE(after_a_move_only_the_new_tag_from_the_new_place_passes),
        SENTENCE(one_that_leaves_takes_its_circuits_along),
        SENTENCE(either_side_may_close_a_circuit_and_nobody_else),
        SENTENCE(a_newer_session_of_a_peer_takes_over_its_registration),
        SENTENCE(nobody_calls_itself),
        SENTENCE(clients_and_circuits_are_limited),
        SENTENCE(who_only_hangs_up_takes_no_place),
        SENTENCE(the_called_pays_by_the_second),
        SENTENCE(the_called_pays_by_the_day),
        SENTENCE(who_asks_too_fast_gets_no_answer),
        SENTENCE(nobody_takes_all_circuits_of_another),
        SENTENCE(who_is_called_by_a_crowd_hears_of_32_a_second_and_of_no_datagram),
        SENTENCE(who_calls_without_end_leaves_others_their_calls),
        SENTENCE(a_full_socket_holds_256_kib_a_receiver_and_lets_the_oldest_go),
        SENTENCE(a_circuit_that_carries_nothing_for_five_minutes_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
