/* Two clients of a real relay server, joined by this file: messages and frames pass at once. */
#include "gateway/relay/client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/relay/server.h"
#include "tests/support/random.h"

#define SIZE 1200

struct world;

/* One gateway. It is its own connection, as both sides see it. */
struct side {
    struct world *world;
    struct relay_client *client;
    struct peer_id id;
    struct path seen;  /* where the relay sees it */
    struct path relay; /* where it sees the relay */
    bool deaf, refuses, lonely;
    unsigned registered, opened, incoming, refused, closed, delivered;
    int status;
    struct path circuit, asked;
    size_t bytes, segment, early;
    uint8_t got[64 * SIZE];
};

struct world {
    struct relay_server *server;
    struct side alice, bob;
    instant now;
    uint64_t chance;
    int send_error;
    bool silent; /* the relay does not answer */
    struct {
        struct side *side;
        bool to_relay;
        struct relay_message m;
        uint8_t early[SIZE];
    } letter[16];
    unsigned letters;
};

/* As over a network: nothing that is said is heard before the speaker has finished. */
static void post(struct side *s, bool to_relay, const struct relay_message *m)
{
    struct world *w = s->world;
    assert_true(w->letters < 16);
    w->letter[w->letters].side = s;
    w->letter[w->letters].to_relay = to_relay;
    w->letter[w->letters].m = *m;
    if (m->early_len > 0)
        memcpy(w->letter[w->letters].early, m->early, m->early_len);
    w->letter[w->letters].m.early = w->letter[w->letters].early;
    w->letters++;
}

static void settle(struct world *w)
{
    for (unsigned i = 0; i < w->letters; i++) {
        struct side *s = w->letter[i].side;
        const struct relay_message m = w->letter[i].m;
        if (w->letter[i].to_relay)
            relay_server_message(w->server, w->now, s, &s->id, &s->seen, &m);
        else
            relay_client_message(s->client, w->now, s, &s->relay, &m);
    }
    w->letters = 0;
}

/* ---- the relay's side ---- */

static bool may_register(void *arg, const struct peer_id *id)
{
    (void)arg;
    (void)id;
    return true;
}

static void server_tells(void *arg, void *conn, const struct relay_message *m)
{
    struct world *w = arg;
    struct side *s = conn;
    if (!w->silent)
        post(s, false, m);
}

static int server_sends(void *arg, const struct path *to, const uint8_t *data, size_t len,
                        size_t segment)
{
    struct world *w = arg;
    struct side *s = path_equal(to, &w->alice.seen) ? &w->alice : &w->bob;
    static uint8_t copy[64 * (SIZE + RELAY_FRAME_HEADER)];

    memcpy(copy, data, len);
    assert_int_equal(relay_client_input(s->client, &s->relay, copy, len, segment),
                     s->deaf ? 0 : len);
    return 0;
}

static void fill_random(void *arg, void *out, size_t len)
{
    random_fill(&((struct world *)arg)->chance, out, len);
}

static const struct relay_server_events SERVER = {may_register, server_tells, server_sends,
                                                  fill_random};

/* ---- the clients' side ---- */

static void client_tells(void *arg, void *conn, const struct relay_message *m)
{
    struct side *s = arg;
    assert_ptr_equal(conn, s);
    post(s, true, m);
}

static int client_sends(void *arg, const struct path *to, const uint8_t *data, size_t len,
                        size_t segment)
{
    struct side *s = arg;
    static uint8_t copy[64 * (SIZE + RELAY_FRAME_HEADER)];

    if (s->world->send_error < 0)
        return s->world->send_error;
    assert_true(path_equal(to, &s->relay));
    memcpy(copy, data, len);
    relay_server_input(s->world->server, s->world->now, &s->seen, copy, len, segment);
    return 0;
}

static void deliver(void *arg, const struct path *path, uint8_t *data, size_t len, size_t segment)
{
    struct side *s = arg;
    assert_true(path_equal(path, &s->circuit));
    memcpy(s->got, data, len);
    s->bytes = len;
    s->segment = segment;
    s->delivered++;
}

static void deliver_soon(void *arg, const struct path *path, const uint8_t *data, size_t len)
{
    struct side *s = arg;
    assert_true(path_equal(path, &s->circuit));
    assert_in_range(len, 1, SIZE);
    memcpy(s->got, data, len);
    s->early = len;
}

static void on_registered(void *arg, void *conn, enum relay_status status)
{
    struct side *s = arg;
    (void)conn;
    s->registered++;
    s->status = (int)status;
}

static bool may_call(void *arg, const struct peer_id *id)
{
    (void)id;
    return !((struct side *)arg)->refuses;
}

static void on_circuit(void *arg, const struct peer_id *id, const struct path *path, bool incoming)
{
    struct side *s = arg;
    const struct side *other = s == &s->world->alice ? &s->world->bob : &s->world->alice;
    assert_true(peer_id_equal(id, &other->id));
    s->circuit = *path;
    if (incoming)
        s->incoming++;
    else
        s->opened++;
}

static void on_refused(void *arg, const struct peer_id *id, void *conn, const struct path *path,
                       int status)
{
    struct side *s = arg;
    assert_true(path_equal(path, &s->asked));
    (void)id;
    (void)conn;
    s->refused++;
    s->status = status;
}

static bool is_used(void *arg, const struct peer_id *id)
{
    (void)id;
    return !((struct side *)arg)->lonely;
}

static void on_closed(void *arg, const struct peer_id *id, const struct path *path)
{
    struct side *s = arg;
    (void)id;
    assert_true(path_equal(path, &s->circuit));
    s->closed++;
}

static const struct relay_client_events CLIENT = {
    .tell = client_tells,
    .send = client_sends,
    .deliver = deliver,
    .deliver_soon = deliver_soon,
    .on_registered = on_registered,
    .may_call = may_call,
    .on_circuit = on_circuit,
    .on_refused = on_refused,
    .is_used = is_used,
    .on_closed = on_closed,
};

static struct path at(const char *text)
{
    struct path p = {.kind = PATH_UDP};
    assert_int_equal(addr_parse(&p.remote, text), 0);
    return p;
}

static void begin(struct world *w, struct side *s, uint8_t number, const char *seen)
{
    s->world = w;
    s->id = (struct peer_id){{number}};
    s->seen = at(seen);
    s->relay = at("203.0.113.1:443");
    assert_int_equal(relay_client_new(&s->client, &CLIENT, s), 0);
}

static int build(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    const struct relay_server_options options = {.events = &SERVER, .arg = w};
    w->now = SEC(100);
    begin(w, &w->alice, 1, "192.0.2.1:1");
    begin(w, &w->bob, 2, "192.0.2.2:2");
    assert_int_equal(relay_server_new(&w->server, &options), 0);
    *state = w;
    return 0;
}

static int finish(void **state)
{
    struct world *w = *state;
    relay_client_free(w->alice.client);
    relay_client_free(w->bob.client);
    relay_server_free(w->server);
    free(w);
    return 0;
}

static int begins(struct world *w)
{
    struct side *bob = &w->bob;
    return relay_client_open(bob->client, w->now, bob, &bob->relay, &w->alice.id, &bob->asked);
}

/* Nothing is sent at once, and so the relay is asked without. */
static int opens(struct world *w)
{
    int err = begins(w);
    if (err == 0)
        assert_true(relay_client_deadline(w->bob.client) == w->now + MSEC(1));
    w->now += MSEC(1);
    relay_client_tick(w->bob.client, w->now);
    settle(w);
    return err;
}

static void join(struct world *w)
{
    relay_client_register(w->alice.client, &w->alice);
    settle(w);
    assert_int_equal(w->alice.status, RELAY_OK);
    assert_int_equal(opens(w), 0);
}

static int sends(struct side *s, size_t count)
{
    static uint8_t data[64 * SIZE];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 / 5);
    return relay_client_send(s->client, &s->circuit, data, count * SIZE - 100, SIZE);
}

/* ---- the sentences ---- */

static void a_circuit_is_a_path_of_both_that_carries_batches(void **state)
{
    struct world *w = *state;

    join(w);
    assert_int_equal(w->bob.opened, 1);
    assert_int_equal(w->alice.incoming, 1);
    assert_int_equal(w->bob.circuit.kind, PATH_RELAY);
    assert_int_equal(sends(&w->bob, 10), 0);
    assert_int_equal(w->alice.delivered, 1);
    assert_int_equal(w->alice.bytes, 10 * SIZE - 100);
    assert_int_equal(w->alice.segment, SIZE);
    for (size_t i = 0; i < w->alice.bytes; i++)
        assert_int_equal(w->alice.got[i], (uint8_t)(i * 7 / 5));
    assert_int_equal(sends(&w->alice, 1), 0);
    assert_int_equal(w->bob.bytes, SIZE - 100);
    assert_ptr_equal(relay_client_conn_of(w->bob.client, &w->bob.circuit), &w->bob);
}

static void the_first_datagram_goes_along_with_the_request(void **state)
{
    struct world *w = *state;

    relay_client_register(w->alice.client, &w->alice);
    settle(w);
    assert_int_equal(begins(w), 0);
    w->bob.circuit = w->bob.asked;
    assert_int_equal(sends(&w->bob, 3), 0);
    assert_int_equal(w->letters, 1);
    assert_int_equal(sends(&w->bob, 1), 0); /* lost: there is no circuit yet */
    settle(w);
    assert_int_equal(w->bob.opened, 1);
    assert_int_equal(w->alice.incoming, 1);
    assert_int_equal(w->alice.early, SIZE);
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(w->alice.got[i], (uint8_t)(i * 7 / 5));
    assert_int_equal(w->alice.delivered, 0);
    assert_int_equal(sends(&w->bob, 1), 0);
    assert_int_equal(w->alice.delivered, 1);
}

static void one_circuit_to_a_peer_is_enough(void **state)
{
    struct world *w = *state;

    join(w);
    assert_int_equal(opens(w), -EALREADY);
    assert_true(path_equal(&w->bob.asked, &w->bob.circuit));
    assert_int_equal(w->bob.opened, 1);
}

static void a_refusal_says_why(void **state)
{
    struct world *w = *state;

    assert_int_equal(opens(w), 0);
    assert_int_equal(w->bob.refused, 1);
    assert_int_equal(w->bob.status, RELAY_NO_PEER);
    assert_int_equal(opens(w), 0);
}

static void a_relay_that_does_not_answer_is_waited_for_5_s(void **state)
{
    struct world *w = *state;

    relay_client_register(w->alice.client, &w->alice);
    settle(w);
    w->silent = true;
    assert_int_equal(opens(w), 0);
    assert_int_equal(opens(w), -EINPROGRESS);
    assert_true(relay_client_deadline(w->bob.client) == w->now - MSEC(1) + SEC(5));
    w->now += SEC(5);
    relay_client_tick(w->bob.client, w->now);
    assert_int_equal(w->bob.refused, 1);
    assert_int_equal(w->bob.status, -1);
    assert_true(relay_client_deadline(w->bob.client) == INSTANT_NEVER);
}

static void who_slept_before_it_asked_waits_for_the_answer(void **state)
{
    struct world *w = *state;

    w->silent = true;
    assert_int_equal(begins(w), 0);
    w->now += SEC(60);
    relay_client_tick(w->bob.client, w->now);
    assert_int_equal(w->bob.refused, 0);
    assert_true(relay_client_deadline(w->bob.client) == w->now + SEC(5));
}

static void whom_we_do_not_want_gets_no_circuit(void **state)
{
    struct world *w = *state;

    w->alice.refuses = true;
    join(w);
    assert_int_equal(w->alice.incoming, 0);
    assert_int_equal(sends(&w->bob, 1), 0);
    assert_int_equal(w->alice.delivered, 0);
}

static void frames_from_elsewhere_are_not_ours(void **state)
{
    struct world *w = *state;

    join(w);
    w->alice.relay = at("203.0.113.2:443");
    w->alice.deaf = true;
    assert_int_equal(sends(&w->bob, 2), 0);
    assert_int_equal(w->alice.delivered, 0);
    relay_client_moved(w->alice.client, &w->alice, &w->alice.relay);
    w->alice.deaf = false;
    assert_int_equal(sends(&w->bob, 2), 0);
    assert_int_equal(w->alice.delivered, 1);
}

static void a_move_of_ours_changes_the_tag_and_nothing_else(void **state)
{
    struct world *w = *state;

    join(w);
    w->bob.seen = at("192.0.2.99:99");
    assert_int_equal(sends(&w->bob, 1), 0);
    assert_int_equal(w->alice.delivered, 0);
    relay_server_moved(w->server, &w->bob, &w->bob.seen);
    settle(w);
    assert_int_equal(sends(&w->bob, 1), 0);
    assert_int_equal(w->alice.delivered, 1);
    assert_int_equal(w->bob.closed, 0);
}

static void a_circuit_ends_with_either_session(void **state)
{
    struct world *w = *state;

    join(w);
    relay_server_left(w->server, &w->alice);
    settle(w);
    assert_int_equal(w->bob.closed, 1);
    assert_null(relay_client_conn_of(w->bob.client, &w->bob.circuit));
    assert_int_equal(sends(&w->bob, 1), 0);
    join(w);
    relay_client_left(w->bob.client, &w->bob);
    assert_int_equal(w->bob.closed, 2);
}

static void closing_it_ourselves_tells_the_other_side(void **state)
{
    struct world *w = *state;

    join(w);
    relay_client_close(w->bob.client, &w->bob.circuit);
    relay_client_close(w->bob.client, &w->bob.circuit);
    settle(w);
    assert_int_equal(w->bob.closed, 0);
    assert_int_equal(w->alice.closed, 1);
}

static void a_full_socket_is_told_to_the_session(void **state)
{
    struct world *w = *state;

    join(w);
    w->send_error = -EAGAIN;
    assert_int_equal(sends(&w->bob, 64), -EAGAIN);
    w->send_error = 0;
    assert_int_equal(sends(&w->bob, 64), 0);
    assert_int_equal(w->alice.delivered, 2); /* 53 frames are as many as fit one batch */
    assert_int_equal(w->alice.bytes, 11 * SIZE - 100);
}

static void a_circuit_of_no_use_is_ended_at_the_third_look(void **state)
{
    struct world *w = *state;

    join(w);
    w->bob.lonely = true;
    relay_client_sweep(w->bob.client);
    relay_client_sweep(w->bob.client);
    w->bob.lonely = false;
    relay_client_sweep(w->bob.client);
    w->bob.lonely = true;
    relay_client_sweep(w->bob.client);
    relay_client_sweep(w->bob.client);
    assert_int_equal(relay_client_circuits(w->bob.client, &w->alice.id, &w->bob, NULL, 0), 1);
    assert_int_equal(relay_client_circuits(w->bob.client, &w->bob.id, NULL, NULL, 0), 0);
    assert_int_equal(relay_client_circuits(w->bob.client, NULL, &w->alice, NULL, 0), 0);
    relay_client_sweep(w->bob.client);
    assert_int_equal(relay_client_circuits(w->bob.client, NULL, NULL, NULL, 0), 0);
    settle(w);
    assert_int_equal(w->alice.closed, 1);
}

static void one_relay_cannot_fill_the_table_with_callers(void **state)
{
    struct world *w = *state;
    struct relay_message m = {.type = RELAY_INCOMING};
    struct peer_id carol = {{9}};

    memcpy(m.id, w->bob.id.key, sizeof(m.id));
    for (unsigned i = 0; i < 2 * RELAY_CLIENT_CIRCUITS_OF; i++) {
        m.frame.circuit = i;
        relay_client_message(w->alice.client, w->now, &w->alice, &w->alice.relay, &m);
        w->letters = 0;
    }
    assert_int_equal(relay_client_circuits(w->alice.client, NULL, NULL, NULL, 0),
                     RELAY_CLIENT_CIRCUITS_OF);
    assert_int_equal(relay_client_open(w->alice.client, w->now, &w->alice, &w->alice.relay, &carol,
                                       &w->alice.asked),
                     -ENOMEM);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build, finish)
    const struct CMUnitTest tests[] = {
        SENTENCE(a_circuit_is_a_path_of_both_that_carries_batches),
        SENTENCE(the_first_datagram_goes_along_with_the_request),
        SENTENCE(one_circuit_to_a_peer_is_enough),
        SENTENCE(a_refusal_says_why),
        SENTENCE(a_relay_that_does_not_answer_is_waited_for_5_s),
        SENTENCE(who_slept_before_it_asked_waits_for_the_answer),
        SENTENCE(whom_we_do_not_want_gets_no_circuit),
        SENTENCE(frames_from_elsewhere_are_not_ours),
        SENTENCE(a_move_of_ours_changes_the_tag_and_nothing_else),
        SENTENCE(a_circuit_ends_with_either_session),
        SENTENCE(closing_it_ourselves_tells_the_other_side),
        SENTENCE(a_circuit_of_no_use_is_ended_at_the_third_look),
        SENTENCE(one_relay_cannot_fill_the_table_with_callers),
        SENTENCE(a_full_socket_is_told_to_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
