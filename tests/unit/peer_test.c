/* One peer's life: which addresses are dialled, which connection wins, when it is dialled again.
 * The endpoint and the sessions are played by this file; the clock is virtual. */
#include "gateway/peer/peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/peer/peer_parts.h"
#include "tests/support/fake_env.h"

/* ---- the endpoint and the sessions ---- */

struct quic_conn {
    struct quic_conn_info info;
    void *app;
    bool closed;
    enum quic_close_code code;
    unsigned probes, paths;
};

struct session {
    const struct session_options *options;
    struct session_options kept;
    struct quic_conn *conn;
    bool ready, in_use;
    unsigned told;
};

static struct quic_conn conns[32];
static unsigned conn_count;
static struct session *last_session;

int quic_dial(struct quic_endpoint *ep, instant now, struct quic_conn **out,
              const struct peer_id *id, const struct path *path, void *app)
{
    (void)ep;
    (void)now;
    struct quic_conn *c = &conns[conn_count++];
    *c = (struct quic_conn){.app = app};
    c->info.id = *id;
    c->info.dialled = true;
    c->info.path = *path;
    *out = c;
    return 0;
}

void quic_close(struct quic_conn *conn, enum quic_close_code code)
{
    conn->closed = true;
    conn->code = code;
}

void quic_conn_probe(struct quic_conn *conn)
{
    conn->probes++;
}

void quic_conn_add_path(struct quic_conn *conn, const struct path *path)
{
    (void)path;
    conn->paths++;
}

void quic_conn_info(const struct quic_conn *conn, struct quic_conn_info *out)
{
    *out = conn->info;
}

void quic_conn_set_app(struct quic_conn *conn, void *app)
{
    conn->app = app;
}

int session_new(struct session **out, const struct session_options *options, struct quic_conn *conn,
                const struct service_list *services)
{
    struct session *s = calloc(1, sizeof(*s));
    (void)services;
    assert_non_null(s);
    s->kept = *options;
    s->options = &s->kept;
    s->conn = conn;
    last_session = *out = s;
    return 0;
}

void session_free(struct session *s)
{
    free(s);
}

bool session_is_ready(const struct session *s)
{
    return s->ready;
}

bool session_in_use(const struct session *s)
{
    return s->in_use;
}

void session_tell_services(struct session *s, const struct service_list *services)
{
    (void)services;
    s->told++;
}

void session_on_stream(struct session *s, struct pipe *pipe)
{
    (void)s;
    (void)pipe;
}

void session_on_datagram(struct session *s, instant now, const uint8_t *data, size_t len)
{
    (void)s;
    (void)now;
    (void)data;
    (void)len;
}

/* ---- the owner ---- */

struct world {
    struct fake_env fake;
    struct peer_id self;
    struct peer_host host;
    struct peer peer;
    struct path known[4];
    size_t known_count;
    bool more;
    unsigned ready, failed;
    int error;
    char why[256];
};

static size_t candidates(void *arg, struct peer *p, struct path *out, size_t max, bool *more)
{
    struct world *w = arg;
    (void)p;
    (void)max;
    memcpy(out, w->known, sizeof(w->known));
    *more = w->more;
    return w->known_count;
}

static void list_services(void *arg, struct peer *p, struct service_list *out)
{
    (void)arg;
    (void)p;
    out->count = 0;
}

static void on_ready(void *arg, struct peer *p)
{
    (void)p;
    ((struct world *)arg)->ready++;
}

static void on_failed(void *arg, struct peer *p, int err, const char *why)
{
    struct world *w = arg;
    (void)p;
    w->failed++;
    w->error = err;
    (void)strncpy(w->why, why, sizeof(w->why) - 1);
}

static void on_changed(void *arg, struct peer *p)
{
    (void)arg;
    (void)p;
}

static const struct peer_events EVENTS = {
    .candidates = candidates,
    .list_services = list_services,
    .on_ready = on_ready,
    .on_failed = on_failed,
    .on_changed = on_changed,
};

static int build_world(void **state)
{
    static struct world world;
    struct world *w = &world;
    struct peer_id other = {{9}};

    memset(w, 0, sizeof(*w));
    memset(conns, 0, sizeof(conns));
    conn_count = 0;
    fake_env_init(&w->fake);
    w->self.key[0] = 5; /* smaller than the peer's */
    w->host =
        (struct peer_host){.env = &w->fake.env, .self = &w->self, .events = &EVENTS, .arg = w};
    peer_init(&w->peer, &w->host, &other);
    *state = w;
    return 0;
}

static int end_world(void **state)
{
    struct world *w = *state;
    peer_deinit(&w->peer);
    fake_env_deinit(&w->fake);
    return 0;
}

static void know(struct world *w, const char *text)
{
    struct path *path = &w->known[w->known_count++];
    path->kind = PATH_UDP;
    assert_int_equal(addr_parse(&path->remote, text), 0);
}

static void connected(struct world *w, struct quic_conn *c)
{
    c->info.connected = true;
    c->info.since = w->fake.now;
    link_on_connected(c->app);
}

static void ready(struct session *s)
{
    s->ready = true;
    s->options->events->on_ready(s->options->arg, s);
}

static void ended(struct quic_conn *c, enum quic_end why)
{
    const struct quic_ended e = {.why = why};
    link_on_ended(c->app, &e);
    c->app = NULL;
}

/* The peer itself, having shown that it is the peer, does not want us. */
static void refused(struct quic_conn *c)
{
    const struct quic_ended e = {.why = QUIC_END_REFUSED, .proven = true};
    link_on_ended(c->app, &e);
    c->app = NULL;
}

/* The peer dials us. */
static struct quic_conn *adopt(struct world *w)
{
    struct quic_conn *c = &conns[conn_count++];
    c->info.since = w->fake.now;
    c->info.connected = true;
    assert_int_equal(peer_adopt(&w->peer, c), 0);
    return c;
}

/* ---- the sentences ---- */

static void dials_every_known_address_at_once_and_each_once(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    know(w, "192.0.2.2:2");
    know(w, "192.0.2.1:1");

    peer_connect(&w->peer);
    peer_connect(&w->peer);
    assert_int_equal(conn_count, 2);
    assert_int_equal(w->failed, 0);
}

static void is_ready_when_the_session_is(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_connect(&w->peer);
    connected(w, &conns[0]);
    assert_int_equal(w->ready, 0);
    assert_null(peer_session(&w->peer));
    ready(last_session);
    assert_int_equal(w->ready, 1);
    assert_ptr_equal(peer_session(&w->peer), last_session);
    assert_false(peer_is_dialling(&w->peer));
}

static void fails_from_the_loop_when_no_address_is_known(void **state)
{
    struct world *w = *state;

    peer_connect(&w->peer);
    assert_int_equal(w->failed, 0);
    fake_env_settle(&w->fake);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, -EHOSTUNREACH);
    assert_string_equal(w->why, "no address is known");
}

static void waits_three_seconds_for_discovery(void **state)
{
    struct world *w = *state;
    w->more = true;

    peer_connect(&w->peer);
    fake_env_advance(&w->fake, MSEC(2999));
    assert_int_equal(w->failed, 0);
    fake_env_advance(&w->fake, MSEC(1));
    assert_int_equal(w->failed, 1);
}

static void dials_what_discovery_finds_meanwhile(void **state)
{
    struct world *w = *state;
    struct path found = {.kind = PATH_UDP};
    w->more = true;
    assert_int_equal(addr_parse(&found.remote, "192.0.2.9:9"), 0);

    peer_connect(&w->peer);
    peer_add_candidate(&w->peer, &found);
    assert_int_equal(conn_count, 1);
    fake_env_advance(&w->fake, SEC(4));
    assert_int_equal(w->failed, 0);
}

static void gives_up_within_ten_seconds_and_names_what_it_tried(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    know(w, "[2001:db8::1]:2");

    peer_connect(&w->peer);
    fake_env_advance(&w->fake, SEC(10));
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, -ETIMEDOUT);
    assert_string_equal(w->why, "192.0.2.1:1: no answer; [2001:db8::1]:2: no answer");
    assert_true(conns[0].closed && conns[1].closed);
}

static void another_identity_at_one_address_does_not_end_the_attempt(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    know(w, "192.0.2.2:2");

    peer_connect(&w->peer);
    ended(&conns[0], QUIC_END_WRONG_ID);
    assert_int_equal(w->failed, 0);
    ended(&conns[1], QUIC_END_TIMED_OUT);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, -EACCES);
    assert_non_null(strstr(w->why, "192.0.2.1:1: peer id mismatch"));
}

static void a_refusal_by_the_peer_itself_ends_the_attempt_at_once(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    know(w, "192.0.2.2:2");

    peer_connect(&w->peer);
    refused(&conns[0]);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, -EACCES);
    assert_true(conns[1].closed);
}

/* Whoever has an address that was the peer's could keep us from it for ever. */
static void a_refusal_by_who_knows_whom_is_one_address_that_does_not_work(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    know(w, "192.0.2.2:2");

    peer_want(&w->peer, true);
    fake_env_settle(&w->fake);
    ended(&conns[0], QUIC_END_REFUSED);
    assert_int_equal(w->failed, 0);
    assert_false(conns[1].closed);
    ended(&conns[1], QUIC_END_WRONG_ID);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, -EACCES);
    fake_env_advance(&w->fake, SEC(3));
    assert_int_equal(conn_count, 4);
}

static void both_ends_keep_the_connection_of_the_smaller_id(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_connect(&w->peer); /* ours: our id is the smaller */
    connected(w, &conns[0]);
    ready(last_session);
    fake_env_advance(&w->fake, SEC(1));
    struct quic_conn *theirs = adopt(w);
    ready(last_session);
    assert_ptr_equal(peer_conn(&w->peer), &conns[0]);

    ended(&conns[0], QUIC_END_IDLE);
    assert_ptr_equal(peer_conn(&w->peer), theirs);
}

static void of_two_by_the_same_dialler_the_newest_wins(void **state)
{
    struct world *w = *state;

    struct quic_conn *old = adopt(w);
    fake_env_advance(&w->fake, SEC(1));
    struct quic_conn *young = adopt(w);
    assert_ptr_equal(peer_conn(&w->peer), young);
    ended(young, QUIC_END_RESET);
    assert_ptr_equal(peer_conn(&w->peer), old);
}

static void of_a_peer_that_dials_without_end_the_latest_are_kept(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < PEER_ADOPTED_MAX; i++) {
        fake_env_advance(&w->fake, MSEC(1));
        (void)adopt(w);
        last_session->in_use = true;
    }
    assert_false(conns[0].closed);
    struct quic_conn *last = adopt(w);
    assert_true(conns[0].closed);
    assert_int_equal(conns[0].code, QUIC_CLOSE_DUPLICATE);
    assert_false(conns[1].closed);
    assert_ptr_equal(peer_conn(&w->peer), last);
    (void)adopt(w);
    assert_true(conns[1].closed);
    assert_false(conns[2].closed);
}

static void a_loser_is_closed_by_its_dialler_once_its_streams_are_through(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    know(w, "192.0.2.2:2");

    peer_connect(&w->peer);
    connected(w, &conns[0]);
    struct session *loser = last_session;
    loser->in_use = true;
    fake_env_advance(&w->fake, MSEC(1));
    connected(w, &conns[1]);
    ready(last_session);
    fake_env_advance(&w->fake, SEC(5));
    assert_false(conns[0].closed);
    loser->in_use = false;
    fake_env_advance(&w->fake, SEC(2));
    assert_true(conns[0].closed);
    assert_int_equal(conns[0].code, QUIC_CLOSE_DUPLICATE);
    assert_false(conns[1].closed);
}

static void redials_with_growing_pauses_while_it_is_wanted(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_want(&w->peer, true);
    fake_env_settle(&w->fake);
    connected(w, &conns[0]);
    ready(last_session);
    ended(&conns[0], QUIC_END_RESET);
    assert_int_equal(conn_count, 1);
    fake_env_advance(&w->fake, MSEC(700)); /* 500 ms and up to a quarter more */
    assert_int_equal(conn_count, 2);
    ended(&conns[1], QUIC_END_TIMED_OUT);
    fake_env_advance(&w->fake, MSEC(990));
    assert_int_equal(conn_count, 2);
    fake_env_advance(&w->fake, MSEC(300));
    assert_int_equal(conn_count, 3);
}

static void does_not_insist_where_it_was_refused(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_want(&w->peer, true);
    fake_env_settle(&w->fake);
    refused(&conns[0]);
    fake_env_advance(&w->fake, SEC(600));
    assert_int_equal(conn_count, 1);
}

static void an_unwanted_peer_is_left_alone_after_its_session(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_connect(&w->peer);
    connected(w, &conns[0]);
    ready(last_session);
    ended(&conns[0], QUIC_END_IDLE);
    fake_env_advance(&w->fake, SEC(600));
    assert_int_equal(conn_count, 1);
}

static void dropping_a_peer_closes_everything_and_fails_the_attempt(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    struct quic_conn *theirs = adopt(w);
    peer_drop(&w->peer, QUIC_CLOSE_DENIED);
    assert_true(theirs->closed);
    assert_int_equal(theirs->code, QUIC_CLOSE_DENIED);
    assert_null(peer_conn(&w->peer));
    ended(theirs, QUIC_END_CLOSED);

    peer_connect(&w->peer);
    peer_drop(&w->peer, QUIC_CLOSE_DENIED);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, -EACCES);
}

static void a_change_of_our_network_probes_and_redials(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_want(&w->peer, true);
    fake_env_settle(&w->fake);
    connected(w, &conns[0]);
    ready(last_session);
    peer_probe(&w->peer);
    assert_int_equal(conns[0].probes, 1);
    ended(&conns[0], QUIC_END_IDLE);
    peer_probe(&w->peer);
    fake_env_settle(&w->fake);
    assert_int_equal(conn_count, 2);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build_world, end_world)
    const struct CMUnitTest tests[] = {
        SENTENCE(dials_every_known_address_at_once_and_each_once),
        SENTENCE(is_ready_when_the_session_is),
        SENTENCE(fails_from_the_loop_when_no_address_is_known),
        SENTENCE(waits_three_seconds_for_discovery),
        SENTENCE(dials_what_discovery_finds_meanwhile),
        SENTENCE(gives_up_within_ten_seconds_and_names_what_it_tried),
        SENTENCE(another_identity_at_one_address_does_not_end_the_attempt),
        SENTENCE(a_refusal_by_the_peer_itself_ends_the_attempt_at_once),
        SENTENCE(a_refusal_by_who_knows_whom_is_one_address_that_does_not_work),
        SENTENCE(both_ends_keep_the_connection_of_the_smaller_id),
        SENTENCE(of_two_by_the_same_dialler_the_newest_wins),
        SENTENCE(of_a_peer_that_dials_without_end_the_latest_are_kept),
        SENTENCE(a_loser_is_closed_by_its_dialler_once_its_streams_are_through),
        SENTENCE(redials_with_growing_pauses_while_it_is_wanted),
        SENTENCE(does_not_insist_where_it_was_refused),
        SENTENCE(an_unwanted_peer_is_left_alone_after_its_session),
        SENTENCE(dropping_a_peer_closes_everything_and_fails_the_attempt),
        SENTENCE(a_change_of_our_network_probes_and_redials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
