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
    enum quic_close_code code;
    unsigned probes, paths;
    bool closed;
    bool early; /* its handshake is not complete */
};

struct session {
    const struct session_options *options;
    struct session_options kept;
    struct quic_conn *conn;
    bool ready, in_use, mute;
    unsigned told, asked;
    uint64_t asked_about; /* the last */
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

void session_tell_part(struct session *s, const struct message_part *part)
{
    (void)part;
    s->told++;
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

/* A session is named by its place, counted from 1. */
static uint64_t name_of(const struct quic_conn *conn)
{
    return (uint64_t)(conn - conns) + 1;
}

int quic_conn_export(const struct quic_conn *conn, const char *label, uint8_t *out, size_t len)
{
    assert_string_equal(label, "EXPORTER-overlay-session");
    assert_int_equal(len, 8);
    if (conn->early)
        return -ENOTCONN;
    memset(out, 0, len);
    out[len - 1] = (uint8_t)name_of(conn);
    return 0;
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

/* What ends with a session asks whether there is another. */
void session_free(struct session *s)
{
    if (s)
        assert_ptr_not_equal(peer_session(((struct link *)s->kept.arg)->peer), s);
    free(s);
}

uint64_t session_dropped(const struct session *s)
{
    (void)s;
    return 1;
}

bool session_is_ready(const struct session *s)
{
    return s->ready;
}

const struct message_hello *session_hello(const struct session *s)
{
    static const struct message_hello hello;
    return s->mute ? NULL : &hello;
}

int session_ask(struct session *s, uint64_t name)
{
    s->asked++;
    s->asked_about = name;
    return 0;
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
    unsigned ready, failed, conns_ready, conns_gone;
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

static void on_conn(void *arg, struct peer *p, struct quic_conn *conn, bool ended)
{
    struct world *w = arg;
    (void)p;
    assert_non_null(conn);
    if (ended)
        w->conns_gone++;
    else
        w->conns_ready++;
}

static void on_offence(void *arg, struct peer *p, struct quic_conn *conn, enum peer_offence what)
{
    (void)arg;
    (void)p;
    (void)conn;
    (void)what;
}

static const struct peer_events EVENTS = {
    .on_offence = on_offence,
    .candidates = candidates,
    .list_services = list_services,
    .on_ready = on_ready,
    .on_failed = on_failed,
    .on_changed = on_changed,
    .on_conn = on_conn,
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
    assert_int_equal(w->conns_ready, 1);
    assert_ptr_equal(peer_session(&w->peer), last_session);
    assert_false(peer_is_dialling(&w->peer));
}

static void says_once_what_failed_twice(void **state)
{
    struct world *w = *state;
    know(w, "12.1.1.1:1");

    peer_connect(&w->peer);
    peer_note(&w->peer, "TLS 12.1.1.1:443: Connection refused");
    peer_note(&w->peer, "TLS 12.1.1.1:443: Connection refused");
    peer_note(&w->peer, "2.1.1.1:443: Connection refused");
    fake_env_advance(&w->fake, SEC(10));
    assert_string_equal(w->why, "TLS 12.1.1.1:443: Connection refused; "
                                "2.1.1.1:443: Connection refused; 12.1.1.1:1: no answer");
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

/* The other side may have seen them begin in the other order. */
static void of_two_at_once_both_ends_keep_the_same(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    know(w, "192.0.2.2:2");

    peer_connect(&w->peer);
    connected(w, &conns[1]);
    fake_env_advance(&w->fake, MSEC(100));
    connected(w, &conns[0]);
    assert_ptr_equal(peer_conn(&w->peer), &conns[1]);
}

static void who_is_chosen_again_is_told_of_again(void **state)
{
    struct world *w = *state;

    (void)adopt(w);
    ready(last_session);
    fake_env_advance(&w->fake, SEC(1));
    struct quic_conn *young = adopt(w); /* takes over, and is never ready */
    assert_int_equal(w->conns_ready, 1);
    ended(young, QUIC_END_CLOSED);
    assert_int_equal(w->conns_ready, 2);
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

/* Its dialler may still open streams on it, not knowing yet. */
static void a_loser_that_the_peer_dialled_is_left_to_the_peer(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_connect(&w->peer); /* ours: our id is the smaller */
    connected(w, &conns[0]);
    ready(last_session);
    struct quic_conn *theirs = adopt(w);
    fake_env_advance(&w->fake, SEC(29));
    assert_false(theirs->closed);
    fake_env_advance(&w->fake, SEC(2));
    assert_true(theirs->closed);
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

static void what_a_session_counted_outlives_it(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");
    peer_connect(&w->peer);
    connected(w, &conns[0]);
    ready(last_session);
    conns[0].info.rx_bytes = 7;
    conns[0].info.tx_bytes = 8;
    conns[0].info.dropped.late = 9;
    ended(&conns[0], QUIC_END_IDLE);
    assert_int_equal(w->peer.rx_bytes, 7);
    assert_int_equal(w->peer.tx_bytes, 8);
    assert_int_equal(w->peer.dropped, 9 + 1);
    assert_null(peer_session(&w->peer));
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

static void after_a_long_sleep_sessions_end_and_the_peer_is_dialled_anew(void **state)
{
    struct world *w = *state;
    know(w, "192.0.2.1:1");

    peer_want(&w->peer, true);
    fake_env_settle(&w->fake);
    connected(w, &conns[0]);
    ready(last_session);
    peer_slept(&w->peer);
    assert_true(conns[0].closed);
    assert_null(peer_session(&w->peer));
    ended(&conns[0], QUIC_END_CLOSED);
    fake_env_settle(&w->fake);
    assert_int_equal(conn_count, 2);
}

/* ---- sessions that the peer has lost ---- */

/* A session that is ready, in use, and silent from now on. */
static void with_an_old_one(struct world *w, struct quic_conn **old, struct session **old_session)
{
    know(w, "192.0.2.1:1");
    peer_connect(&w->peer);
    connected(w, &conns[0]);
    ready(last_session);
    *old = &conns[0];
    *old_session = last_session;
    (*old_session)->in_use = true;
    fake_env_advance(&w->fake, SEC(1));
    (*old)->info.heard = w->fake.now;
}

static bool knows(struct session *s, uint64_t name)
{
    return s->options->events->knows(s->options->arg, s, name);
}

static void gone(struct session *s, uint64_t name)
{
    s->options->events->on_gone(s->options->arg, s, name);
}

static void a_new_session_asks_which_others_the_peer_still_has(void **state)
{
    struct world *w = *state;
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    (void)adopt(w);
    assert_int_equal(last_session->asked, 0);
    ready(last_session);
    assert_int_equal(last_session->asked, 1);
    assert_int_equal(last_session->asked_about, name_of(old));
    assert_int_equal(old_session->asked, 0);
    assert_false(old->closed);
}

static void what_the_peer_does_not_have_ends_at_once(void **state)
{
    struct world *w = *state;
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    struct quic_conn *fresh = adopt(w);
    ready(last_session);
    assert_ptr_equal(peer_conn(&w->peer), old); /* ours: our id is the smaller */
    gone(last_session, name_of(old));
    assert_true(old->closed);
    assert_ptr_equal(peer_conn(&w->peer), fresh);
    assert_ptr_equal(peer_session(&w->peer), last_session);
}

static void what_the_peer_still_has_finishes_its_streams(void **state)
{
    struct world *w = *state;
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    (void)adopt(w);
    ready(last_session);
    fake_env_advance(&w->fake, SEC(29));
    assert_false(old->closed);
}

static void a_session_says_of_none_but_older_ones_that_they_are_gone(void **state)
{
    struct world *w = *state;
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    struct quic_conn *fresh = adopt(w);
    ready(last_session);
    gone(last_session, name_of(fresh));
    gone(last_session, 99);
    assert_false(old->closed || fresh->closed);
}

static void asks_again_about_the_silent_every_five_seconds(void **state)
{
    struct world *w = *state;
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    struct quic_conn *fresh = adopt(w);
    ready(last_session);
    for (unsigned i = 0; i < 20; i++) {
        fresh->info.heard = w->fake.now;
        fake_env_advance(&w->fake, SEC(1));
    }
    assert_in_range(last_session->asked, 4, 5);
    assert_int_equal(old_session->asked, 0);
}

static void asks_nobody_who_would_not_understand(void **state)
{
    struct world *w = *state;
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    (void)adopt(w);
    last_session->mute = true;
    ready(last_session);
    assert_int_equal(last_session->asked, 0);
}

static void knows_its_sessions_also_before_they_are_confirmed(void **state)
{
    struct world *w = *state;
    const struct path more = {.kind = PATH_UDP, .remote = addr_loopback(false, 5)};

    know(w, "192.0.2.1:1");
    peer_connect(&w->peer);
    peer_add_candidate(&w->peer, &more);
    conns[1].early = true;
    connected(w, &conns[0]);
    assert_true(knows(last_session, 1));
    assert_false(knows(last_session, 2));
    conns[1].early = false;
    assert_true(knows(last_session, 2));
    assert_false(knows(last_session, 3));
    peer_drop(&w->peer, QUIC_CLOSE_DENIED);
    assert_false(knows(last_session, 1));
}

static void dials_beside_a_session_that_is_silent(void **state)
{
    struct world *w = *state;
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    assert_int_equal(addr_parse(&old->info.path.remote, "192.0.2.7:7"), 0);
    old->info.in_doubt = true;
    link_on_doubt(old->app);
    fake_env_advance(&w->fake, MSEC(999));
    assert_int_equal(conn_count, 1);
    fake_env_advance(&w->fake, MSEC(2));
    assert_int_equal(conn_count, 3); /* where it is, and where it was said to be */
    fake_env_advance(&w->fake, SEC(5));
    assert_int_equal(conn_count, 3);
    ended(&conns[1], QUIC_END_TIMED_OUT);
    ended(&conns[2], QUIC_END_TIMED_OUT);
    assert_int_equal(w->failed, 0);
    fake_env_advance(&w->fake, SEC(2));
    assert_int_equal(conn_count, 5);
    connected(w, &conns[3]);
    ready(last_session);
    assert_int_equal(last_session->asked_about, name_of(old));
    gone(last_session, name_of(old));
    assert_true(old->closed);
}

/* A session that has been silent for so long that others are dialled beside it: conns[1] on. */
static struct quic_conn *doubt_an_old_one(struct world *w)
{
    struct quic_conn *old;
    struct session *old_session;

    with_an_old_one(w, &old, &old_session);
    old->info.in_doubt = true;
    link_on_doubt(old->app);
    fake_env_advance(&w->fake, MSEC(1500));
    return old;
}

static void a_session_that_speaks_again_needs_none_beside_it(void **state)
{
    struct world *w = *state;
    struct quic_conn *old = doubt_an_old_one(w);

    unsigned dialled = conn_count;
    assert_true(dialled > 1);
    old->info.in_doubt = false;
    fake_env_advance(&w->fake, SEC(20));
    assert_int_equal(conn_count, dialled);
    assert_true(conns[1].closed);
    assert_false(old->closed);
}

static void who_turns_us_down_has_lost_what_is_silent(void **state)
{
    struct world *w = *state;
    struct quic_conn *old = doubt_an_old_one(w);

    ended(&conns[1], QUIC_END_REFUSED); /* by who knows whom */
    assert_false(old->closed);
    fake_env_advance(&w->fake, SEC(2));
    refused(&conns[conn_count - 1]);
    assert_true(old->closed);
}

static void a_direct_path_of_one_connection_serves_the_others(void **state)
{
    struct world *w = *state;
    struct quic_conn *relayed = adopt(w);
    relayed->info.path.kind = PATH_RELAY;
    struct quic_conn *direct = adopt(w);
    direct->info.path = (struct path){.kind = PATH_RELAY, .via = 2};
    link_on_path(direct->app);
    assert_int_equal(relayed->paths, 0);
    direct->info.path = (struct path){.kind = PATH_UDP, .via = 7}; /* a socket of its own */
    link_on_path(direct->app);
    assert_int_equal(relayed->paths, 0);
    direct->info.path.via = 0;
    link_on_path(direct->app);
    assert_int_equal(relayed->paths, 1);
    assert_int_equal(direct->paths, 0);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, build_world, end_world)
    const struct CMUnitTest tests[] = {
        SENTENCE(dials_every_known_address_at_once_and_each_once),
        SENTENCE(is_ready_when_the_session_is),
        SENTENCE(a_direct_path_of_one_connection_serves_the_others),
        SENTENCE(says_once_what_failed_twice),
        SENTENCE(fails_from_the_loop_when_no_address_is_known),
        SENTENCE(waits_three_seconds_for_discovery),
        SENTENCE(dials_what_discovery_finds_meanwhile),
        SENTENCE(gives_up_within_ten_seconds_and_names_what_it_tried),
        SENTENCE(another_identity_at_one_address_does_not_end_the_attempt),
        SENTENCE(a_refusal_by_the_peer_itself_ends_the_attempt_at_once),
        SENTENCE(a_refusal_by_who_knows_whom_is_one_address_that_does_not_work),
        SENTENCE(both_ends_keep_the_connection_of_the_smaller_id),
        SENTENCE(of_two_by_the_same_dialler_the_newest_wins),
        SENTENCE(of_two_at_once_both_ends_keep_the_same),
        SENTENCE(who_is_chosen_again_is_told_of_again),
        SENTENCE(of_a_peer_that_dials_without_end_the_latest_are_kept),
        SENTENCE(a_loser_is_closed_by_its_dialler_once_its_streams_are_through),
        SENTENCE(a_loser_that_the_peer_dialled_is_left_to_the_peer),
        SENTENCE(redials_with_growing_pauses_while_it_is_wanted),
        SENTENCE(does_not_insist_where_it_was_refused),
        SENTENCE(what_a_session_counted_outlives_it),
        SENTENCE(an_unwanted_peer_is_left_alone_after_its_session),
        SENTENCE(dropping_a_peer_closes_everything_and_fails_the_attempt),
        SENTENCE(a_change_of_our_network_probes_and_redials),
        SENTENCE(after_a_long_sleep_sessions_end_and_the_peer_is_dialled_anew),
        SENTENCE(a_new_session_asks_which_others_the_peer_still_has),
        SENTENCE(what_the_peer_does_not_have_ends_at_once),
        SENTENCE(what_the_peer_still_has_finishes_its_streams),
        SENTENCE(a_session_says_of_none_but_older_ones_that_they_are_gone),
        SENTENCE(asks_again_about_the_silent_every_five_seconds),
        SENTENCE(asks_nobody_who_would_not_understand),
        SENTENCE(knows_its_sessions_also_before_they_are_confirmed),
        SENTENCE(dials_beside_a_session_that_is_silent),
        SENTENCE(a_session_that_speaks_again_needs_none_beside_it),
        SENTENCE(who_turns_us_down_has_lost_what_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
