/* When a session that is not direct is punched for, with whom, and how often. The peers, their
 * sessions, the sockets and the round itself are played by this file; the clock is virtual. */
#include "gateway/node/punch_desk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/punch_round.h"
#include "gateway/wire/punch_message.h"
#include "tests/support/fake_env.h"

#define PEERS 14

/* ---- the peers and their sessions ---- */

struct quic_conn {
    struct quic_conn_info info;
    struct path_info path[4];
    size_t paths;
    unsigned probes;
    unsigned told;            /* messages */
    struct punch_message say; /* the last one */
};

struct stage {
    struct fake_env fake;
    struct registry *registry;
    struct hub hub;
    struct node_options options;
    struct peer_id self;
    struct desk desk;
    struct stun_desk stun;
    struct stun_refresh *refresh;
    struct punch_desk punch;
    struct tcp_roads tcp;
    unsigned prepared, met, left, given_up;
    struct addr met_at;
    struct addr seen; /* over TCP; none: not known yet */
    uint16_t tcp_port;
    struct peer peer[PEERS];
    struct quic_conn conn[PEERS];
    bool is_connected[PEERS], may_not[PEERS];
    bool in_use, is_known;
    /* sockets */
    unsigned sent, opened, closed, doubts;
    struct path last_path;
    int last_ttl;
};

static struct stage *stage;

static size_t at(const struct peer *p)
{
    return (size_t)(p - stage->peer);
}

struct session *peer_session(const struct peer *p)
{
    return stage->is_connected[at(p)] ? (struct session *)(void *)&stage->conn[at(p)] : NULL;
}

struct quic_conn *peer_conn(const struct peer *p)
{
    return stage->is_connected[at(p)] ? &stage->conn[at(p)] : NULL;
}

bool session_in_use(const struct session *s)
{
    (void)s;
    return stage->in_use;
}

void peer_tell_part(struct quic_conn *conn, const struct message_part *part)
{
    assert_int_equal(punch_message_read(&conn->say, part), 0);
    conn->told++;
}

void quic_conn_info(const struct quic_conn *conn, struct quic_conn_info *out)
{
    *out = conn->info;
}

size_t quic_conn_paths(const struct quic_conn *conn, struct path_info *out, size_t max)
{
    for (size_t i = 0; i < conn->paths && i < max; i++)
        out[i] = conn->path[i];
    return conn->paths;
}

void quic_conn_add_path(struct quic_conn *conn, const struct path *path)
{
    assert_in_range(conn->paths, 0, 3);
    conn->path[conn->paths++] = (struct path_info){.path = *path, .state = PATH_CHECKED};
}

void quic_conn_probe(struct quic_conn *conn)
{
    conn->probes++;
}

void quic_conn_path_gone(struct quic_conn *conn, const struct path *path)
{
    for (size_t i = 0; i < conn->paths; i++)
        if (path_equal(&conn->path[i].path, path)) {
            conn->path[i] = conn->path[--conn->paths];
            return;
        }
    fail_msg("no such path");
}

int quic_conn_guess(struct quic_conn *conn, const struct addr *remote,
                    uint8_t out[static QUIC_GUESS_LEN])
{
    (void)conn;
    (void)remote;
    memset(out, 0, QUIC_GUESS_LEN);
    return 0;
}

bool registry_may_connect(const struct registry *r, const struct peer_id *peer, int64_t wall_us)
{
    (void)r;
    (void)wall_us;
    return !stage->may_not[peer->key[0]];
}

struct known_peer *registry_peer(struct registry *r, const struct peer_id *id)
{
    static struct known_peer somebody;
    (void)r;
    (void)id;
    return stage->is_known ? &somebody : NULL;
}

/* ---- STUN ---- */

void stun_desk_doubt(struct stun_desk *d)
{
    (void)d;
    stage->doubts++;
}

struct nat_facts stun_desk_facts(const struct stun_desk *d)
{
    (void)d;
    return (struct nat_facts){.last_port = 30000};
}

void stun_desk_refresh(struct stun_desk *d, struct stun_refresh *r)
{
    (void)d;
    stage->refresh = r;
}

void stun_desk_refresh_cancel(struct stun_desk *d, struct stun_refresh *r)
{
    (void)d;
    if (stage->refresh == r)
        stage->refresh = NULL;
}

/* The server's answer: what port the NAT gave just now. */
static void refreshed(uint16_t port)
{
    struct stun_refresh *r = stage->refresh;
    assert_non_null(r);
    stage->refresh = NULL;
    r->done(r, port);
    fake_env_settle(&stage->fake);
}

/* ---- the sockets ---- */

struct hub_socket *hub_socket_for(struct hub *h, const struct addr *remote)
{
    (void)remote;
    return &h->socket[0];
}

int hub_open_extra(struct hub *h, const struct addr *local, uint32_t *via)
{
    (void)h;
    (void)local;
    *via = ++stage->opened;
    return 0;
}

void hub_close_extra(struct hub *h, uint32_t via)
{
    (void)h;
    if (via != 0)
        stage->closed++;
}

void hub_send_path(struct hub *h, const struct path *path, const uint8_t *data, size_t len, int ttl)
{
    (void)h;
    (void)data;
    assert_int_equal(len, QUIC_GUESS_LEN);
    stage->sent++;
    stage->last_path = *path;
    stage->last_ttl = ttl;
}

/* ---- TCP ---- */

void tcp_roads_prepare(struct tcp_roads *r)
{
    assert_ptr_equal(r, &stage->tcp);
    stage->prepared++;
}

size_t tcp_roads_seen(const struct tcp_roads *r, struct addr out[static 2])
{
    (void)r;
    out[0] = stage->seen;
    return !addr_is_none(&stage->seen);
}

uint16_t tcp_roads_port(const struct tcp_roads *r, bool v6)
{
    (void)r;
    return v6 ? 0 : stage->tcp_port;
}

int tcp_roads_meet(struct tcp_roads *r, const struct peer_id *id, const struct addr *to)
{
    (void)r;
    assert_true(peer_id_equal(id, &stage->peer[0].id));
    stage->met++;
    stage->met_at = *to;
    return 0;
}

void tcp_roads_leave(struct tcp_roads *r, const struct peer_id *id, const struct addr *to)
{
    (void)r;
    (void)id;
    stage->left += !to;
    stage->given_up += to != NULL;
}

/* ---- the round ---- */

struct punch {
    bool wants_tcp;
    unsigned refused;
    struct punch_options options;
    struct addr added[CANDIDATES_MAX];
    size_t count;
    unsigned sockets, fresh, heard, proven, guesses;
    struct punch_send next;
    bool is_due, wants_port;
    uint16_t port; /* that our NAT gave last, as far as it was told */
    enum punch_state state;
};

static struct punch *last_punch;
static unsigned punches;

int punch_new(struct punch **out, instant now, const struct punch_options *options)
{
    (void)now;
    *out = last_punch = calloc(1, sizeof(**out));
    assert_non_null(last_punch);
    last_punch->options = *options;
    punches++;
    return 0;
}

void punch_free(struct punch *p)
{
    punches--;
    free(p);
}

void punch_add(struct punch *p, instant now, const struct candidate *candidate)
{
    (void)now;
    for (size_t i = 0; i < p->count; i++)
        if (addr_equal(&p->added[i], &candidate->addr))
            return;
    p->added[p->count++] = candidate->addr;
}

unsigned punch_fresh(const struct punch *p)
{
    return p->fresh;
}

unsigned punch_sockets(const struct punch *p)
{
    return p->sockets;
}

bool punch_wants_tcp(struct punch *p, instant now)
{
    (void)now;
    return p->wants_tcp;
}

void punch_refused(struct punch *p, instant now, const struct addr *to)
{
    (void)now;
    (void)to;
    p->refused++;
}

bool punch_output(struct punch *p, instant now, struct punch_send *out)
{
    (void)now;
    bool due = p->is_due;
    p->is_due = false;
    *out = p->next;
    return due;
}

instant punch_deadline(const struct punch *p)
{
    (void)p;
    return INSTANT_NEVER;
}

void punch_heard(struct punch *p, instant now, unsigned socket, const struct addr *from)
{
    (void)now;
    (void)from;
    p->heard = socket + 1;
}

void punch_proven(struct punch *p, instant now, unsigned socket, const struct addr *remote)
{
    (void)now;
    (void)remote;
    p->proven = socket + 1;
    p->state = PUNCH_WON;
}

void punch_learn_port(struct punch *p, uint16_t port)
{
    p->port = port;
}

bool punch_wants_port(struct punch *p, instant now)
{
    bool wants = p->wants_port;
    (void)now;
    p->wants_port = false;
    return wants;
}

enum punch_state punch_state(const struct punch *p)
{
    return p->state;
}

const char *punch_trying(const struct punch *p)
{
    (void)p;
    return "a stand-in";
}

const char *punch_why(const struct punch *p)
{
    return p->options.guessing ? "no guess hit" : "nothing got through";
}

void punch_counts(const struct punch *p, unsigned *probes, unsigned *guesses)
{
    *probes = *guesses = p->guesses;
}

bool punch_may_probe(const struct addr *a, const struct addr *own, size_t own_count,
                     bool shares_network)
{
    size_t len;
    for (size_t i = 0; i < own_count; i++)
        if (addr_same_ip(&own[i], a) && (addr_port(&own[i]) == 0 || addr_equal(&own[i], a)))
            return false;
    return addr_ip(a, &len)[0] != 10 || shares_network;
}

/* ---- the stage ---- */

static struct addr to_addr(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct peer *find(void *node, const struct peer_id *id)
{
    (void)node;
    return &stage->peer[id->key[0]];
}

static void each(void *node, void (*visit)(void *arg, struct peer *p), void *arg)
{
    (void)node;
    for (size_t i = 0; i < PEERS; i++)
        visit(arg, &stage->peer[i]);
}

static int begin(void **state)
{
    static struct stage s;
    stage = &s;
    memset(&s, 0, sizeof(s));
    fake_env_init(&s.fake);
    s.hub.socket[0].local = to_addr("0.0.0.0:4433");
    s.hub.sockets = 1;
    for (size_t i = 0; i < PEERS; i++)
        s.peer[i].id.key[0] = (uint8_t)i;
    s.desk = (struct desk){.env = &s.fake.env,
                           .hub = &s.hub,
                           .self = &s.self,
                           .options = &s.options,
                           .find = find,
                           .each = each,
                           .node = &s};
    punch_desk_start(&s.punch, &s.desk, &s.stun, &s.tcp);
    punches = 0;
    *state = &s;
    return 0;
}

static int end(void **state)
{
    (void)state;
    punch_desk_stop(&stage->punch);
    assert_int_equal(punches, 0);
    assert_null(stage->refresh);
    assert_int_equal(stage->opened, stage->closed);
    fake_env_deinit(&stage->fake);
    return 0;
}

static void go_on(instant span)
{
    fake_env_advance(&stage->fake, span);
}

/* A session with peer `i` is ready, over a relay. */
static struct quic_conn *meet(size_t i, bool dialled)
{
    struct quic_conn *c = &stage->conn[i];
    c->info = (struct quic_conn_info){.id = stage->peer[i].id,
                                      .dialled = dialled,
                                      .connected = true,
                                      .rtt = MSEC(60),
                                      .path = {.kind = PATH_RELAY, .via = 1}};
    stage->is_connected[i] = true;
    punch_desk_on_conn(&stage->punch, &stage->peer[i], c, false);
    go_on(0);
    return c;
}

static void part(size_t i)
{
    stage->is_connected[i] = false;
    punch_desk_on_conn(&stage->punch, &stage->peer[i], &stage->conn[i], true);
    go_on(0);
}

/* The session's path is a direct one from now on. */
static void become_direct(size_t i, uint32_t via)
{
    struct quic_conn *c = &stage->conn[i];
    c->info.path =
        (struct path){.kind = PATH_UDP, .via = via, .remote = to_addr("203.0.113.9:5000")};
    c->path[0] = (struct path_info){.path = c->info.path, .state = PATH_GOOD, .current = true};
    c->paths = 1;
    punch_desk_on_conn(&stage->punch, &stage->peer[i], c, false);
    go_on(0);
}

static void hear(size_t i, const struct punch_message *m)
{
    uint8_t out[PUNCH_MESSAGE_MAX];
    const struct message_part part = punch_message_write(m, out);
    punch_desk_on_part(&stage->punch, &stage->peer[i], &stage->conn[i], &part);
    go_on(0);
}

/* PUNCH with one candidate. */
static void hear_punch(size_t i, uint16_t round, bool ack, const char *candidate)
{
    struct punch_message m = {.type = PUNCH_PUNCH,
                              .round = round,
                              .flags = (uint8_t)(ack ? PUNCH_ACK : 0),
                              .candidates = 1};
    m.candidate[0] = (struct candidate){CANDIDATE_REFLEXIVE, to_addr(candidate)};
    hear(i, &m);
}

static void hear_end(size_t i, uint16_t round, enum punch_result result)
{
    const struct punch_message m = {.type = PUNCH_END, .round = round, .result = result};
    hear(i, &m);
}

static const char *why(size_t i)
{
    return punch_desk_why(&stage->punch, &stage->peer[i].id);
}

/* A round under way with peer 0, which we dialled. */
static struct quic_conn *begin_round(void)
{
    struct quic_conn *c = meet(0, true);
    hear_punch(0, c->say.round, true, "203.0.113.9:5000");
    assert_int_equal(punches, 1);
    return c;
}

/* ---- asking ---- */

static void the_dialler_asks_as_soon_as_a_relayed_session_is_ready(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, true);
    assert_int_equal(c->told, 1);
    assert_int_equal(c->say.type, PUNCH_PUNCH);
    assert_int_equal(c->say.flags, PUNCH_GUESSING);
    assert_int_equal(c->say.candidates, 1); /* eth0's */
    assert_string_equal(why(0), "the peer was asked to punch and has not answered yet");
}

static void nobody_is_asked_over_a_direct_path(void **state)
{
    (void)state;
    stage->is_connected[0] = true;
    become_direct(0, 0);
    go_on(SEC(60));
    assert_int_equal(stage->conn[0].told, 0);
}

static void the_side_that_was_dialled_asks_after_ten_seconds_of_silence(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, false);
    go_on(SEC(10) - 1);
    assert_int_equal(c->told, 0);
    go_on(1);
    assert_int_equal(c->told, 1);
}

static void who_asks_first_is_answered_and_a_round_runs(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, false);
    hear_punch(0, 77, false, "203.0.113.9:5000");
    assert_int_equal(c->told, 1);
    assert_int_equal(c->say.flags, PUNCH_ACK | PUNCH_GUESSING);
    assert_int_equal(c->say.round, 77);
    assert_int_equal(punches, 1);
    assert_false(last_punch->options.controller);
    assert_int_equal(last_punch->count, 1);
}

static void the_answer_to_our_question_begins_the_round(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, true);
    hear_punch(0, (uint16_t)(c->say.round + 1), true, "203.0.113.9:5000");
    assert_int_equal(punches, 0); /* not the one that we asked for */
    hear_punch(0, c->say.round, true, "203.0.113.9:5000");
    assert_int_equal(punches, 1);
    assert_true(last_punch->options.controller);
    assert_int_equal(last_punch->options.rtt, MSEC(60));
    assert_false(last_punch->options.guessing); /* it did not agree */
    assert_true(last_punch->options.v4 && !last_punch->options.v6);
}

static void who_asks_has_no_direct_path_though_ours_may_be(void **state)
{
    (void)state;
    struct quic_conn *c = &stage->conn[0];
    meet(0, false);
    become_direct(0, 0);
    hear_punch(0, 3, false, "203.0.113.9:5000");
    assert_int_equal(c->probes, 1); /* it has to prove itself */
    assert_int_equal(c->say.flags & PUNCH_ACK, PUNCH_ACK);
    go_on(SEC(1));
    assert_int_equal(punches, 1);
    assert_null(strstr(why(0), "next try"));
    hear_end(0, 3, PUNCH_FAILED);
    assert_int_equal(punches, 0);
    go_on(SEC(600));
    assert_int_equal(c->told, 1);

    hear_punch(0, 4, false, "203.0.113.9:5000");
    assert_int_equal(punches, 1);
    last_punch->state = PUNCH_WON;
    go_on(SEC(1));
    assert_int_equal(punches, 0);
    assert_int_equal(c->say.result, PUNCH_DIRECT);
}

static void of_two_questions_at_a_time_that_of_the_dialler_counts(void **state)
{
    (void)state;
    const struct quic_conn *dialler = meet(0, true);
    hear_punch(0, 9, false, "203.0.113.9:5000");
    assert_int_equal(dialler->told, 1);
    assert_int_equal(punches, 0);

    const struct quic_conn *dialled = meet(1, false);
    go_on(SEC(10)); /* it asks now */
    assert_int_equal(dialled->told, 1);
    hear_punch(1, 9, false, "203.0.113.9:5000");
    assert_int_equal(dialled->say.flags & PUNCH_ACK, PUNCH_ACK);
    assert_int_equal(punches, 1);
}

static void a_question_over_a_session_that_is_not_yet_ours_is_answered_later(void **state)
{
    (void)state;
    struct quic_conn *c = &stage->conn[0];
    c->info = (struct quic_conn_info){.path = {.kind = PATH_RELAY, .via = 1}};
    hear_punch(0, 7, false, "203.0.113.9:5000"); /* to us it is not ready */
    assert_int_equal(c->told, 0);
    meet(0, false);
    assert_int_equal(c->say.flags & PUNCH_ACK, PUNCH_ACK);
    assert_int_equal(c->say.round, 7);
    assert_int_equal(punches, 1);
}

static void a_question_that_got_lost_does_not_keep_the_dialler_from_answering(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, true);
    go_on(SEC(1) - 1);
    hear_punch(0, 9, false, "203.0.113.9:5000");
    assert_int_equal(punches, 0);
    go_on(1);
    hear_punch(0, 9, false, "203.0.113.9:5000");
    assert_int_equal(punches, 1);
    assert_int_equal(c->say.round, 9);
}

static void who_never_answers_is_asked_again_after_growing_pauses(void **state)
{
    static const instant PAUSE[] = {SEC(5), SEC(30), SEC(60)};
    const instant patience = SEC(5) + MSEC(180);
    (void)state;
    const struct quic_conn *c = meet(0, true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(c->told, i + 1);
        go_on(patience);
        assert_non_null(strstr(why(0), "the peer does not answer when asked to punch; next try"));
        go_on(PAUSE[i] - 1);
        assert_int_equal(c->told, i + 1);
        go_on(1);
    }
    assert_int_equal(c->told, 4);
}

static void after_four_tries_only_a_session_in_use_is_worth_another(void **state)
{
    (void)state;
    struct quic_conn *c = meet(0, true);
    go_on(SEC(130) + SEC(300));
    assert_int_equal(c->told, 4);
    go_on(SEC(3600));
    assert_int_equal(c->told, 4);
    c->info.rx_bytes += 1 << 20;
    go_on(SEC(30));
    assert_int_equal(c->told, 5);
    stage->in_use = true;
    go_on(SEC(310));
    assert_int_equal(c->told, 6);
}

static void an_idle_session_is_left_on_the_relay_until_it_is_used(void **state)
{
    (void)state;
    struct quic_conn *c = begin_round();
    become_direct(0, 0);
    unsigned told = c->told;
    c->info.resting = true;
    c->info.path = (struct path){.kind = PATH_RELAY, .via = 1};
    punch_desk_on_conn(&stage->punch, &stage->peer[0], c, false);
    go_on(SEC(3600));
    assert_int_equal(c->told, told);
    assert_string_equal(why(0), "idle: direct paths are looked for when there is traffic");
    c->info.resting = false;
    punch_desk_on_conn(&stage->punch, &stage->peer[0], c, false);
    go_on(0);
    assert_int_equal(c->told, told + 1);
}

static void a_refusal_says_why(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, true);
    hear_end(0, c->say.round, PUNCH_OFF);
    assert_string_equal(why(0), "punching is switched off at the peer; next try in 5 s");
    go_on(SEC(5));
    hear_end(0, c->say.round, PUNCH_BUSY);
    assert_string_equal(why(0), "the peer is busy punching with others; next try in 30 s");
}

/* ---- limits ---- */

static void a_flood_of_questions_begins_six_rounds_a_minute(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, false);
    for (uint16_t i = 0; i < 500; i++)
        hear_punch(0, i, false, "203.0.113.9:5000");
    assert_int_equal(c->told, 6);
    assert_int_equal(punches, 1);
    part(0); /* a new session is no new start */
    meet(0, false);
    hear_punch(0, 1, false, "203.0.113.9:5000");
    assert_int_equal(c->told, 6);
    go_on(SEC(10));
    unsigned told = c->told;
    hear_punch(0, 2, false, "203.0.113.9:5000");
    assert_int_equal(c->told, told + 1);
}

static void ten_rounds_run_at_a_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < PEERS; i++) {
        meet(i, false);
        hear_punch(i, 1, false, "203.0.113.9:5000");
    }
    assert_int_equal(punches, 10);
    assert_int_equal(stage->conn[9].say.type, PUNCH_PUNCH);
    assert_int_equal(stage->conn[10].say.type, PUNCH_END);
    assert_int_equal(stage->conn[10].say.result, PUNCH_BUSY);
    const struct quic_conn *c = &stage->conn[13];
    part(13);
    meet(13, true); /* waits for its turn */
    assert_int_equal(c->told, 1);
    part(0);
    go_on(SEC(1));
    assert_int_equal(c->told, 2);
    assert_int_equal(c->say.type, PUNCH_PUNCH);
}

static void who_may_not_connect_is_not_punched_with(void **state)
{
    (void)state;
    stage->may_not[0] = true;
    const struct quic_conn *c = meet(0, true);
    assert_int_equal(c->told, 0);
    hear_punch(0, 1, false, "203.0.113.9:5000");
    assert_int_equal(c->say.type, PUNCH_END);
    assert_int_equal(c->say.result, PUNCH_OFF);
    assert_int_equal(punches, 0);
}

static void switched_off_it_neither_asks_nor_answers(void **state)
{
    (void)state;
    stage->options.no_punching = true;
    const struct quic_conn *c = meet(0, true);
    assert_int_equal(c->told, 0);
    hear_punch(0, 1, false, "203.0.113.9:5000");
    assert_int_equal(c->say.result, PUNCH_OFF);
    assert_string_equal(why(0), "punching is switched off ([punch] mode = off)");
}

/* The peer, whose NAT is symmetric, agrees to a search in the round that we asked it for. */
static void agree_to_search(size_t i)
{
    struct punch_message m = {.type = PUNCH_PUNCH,
                              .flags = PUNCH_ACK | PUNCH_GUESSING,
                              .round = stage->conn[i].say.round,
                              .facts.class = NAT_RANDOM};
    hear(i, &m);
}

static void one_search_runs_at_a_time_and_seldom_with_one_peer(void **state)
{
    (void)state;
    const struct quic_conn *c = meet(0, true), *d = meet(1, true);
    agree_to_search(0);
    assert_true(last_punch->options.guessing);
    agree_to_search(1); /* we had agreed, but now the other is at it */
    assert_false(last_punch->options.guessing);
    last_punch->state = PUNCH_LOST;
    go_on(SEC(5) + MSEC(100)); /* it is asked again */
    assert_int_equal(d->say.type, PUNCH_PUNCH);
    assert_int_equal(d->say.flags, 0);
    part(1);

    meet(1, true); /* only a search that was made counts */
    assert_int_equal(c->told, 1);
    part(0);
    meet(0, true);
    assert_int_equal(c->say.flags, PUNCH_GUESSING);
    agree_to_search(0);
    last_punch->guesses = 1024;
    last_punch->state = PUNCH_LOST;
    go_on(MSEC(100));
    assert_string_equal(why(0), "no guess hit; next try in 5 s");
    go_on(SEC(5));
    assert_int_equal(c->say.flags, 0);
    agree_to_search(0);
    last_punch->state = PUNCH_LOST;
    go_on(MSEC(100));
    assert_string_equal(why(0), "no guess hit; next try in 30 s");
    stage->in_use = true;
    go_on(SEC(300));
    hear_end(0, c->say.round, PUNCH_FAILED);
    go_on(SEC(300));
    assert_int_equal(c->say.flags, PUNCH_GUESSING);
}

/* A round with peer `i` that makes a search, or would need one, and is lost; nothing if it does not
 * wait for an answer any more. */
static void lose_round(size_t i, unsigned guesses)
{
    unsigned before = punches;
    agree_to_search(i);
    if (punches == before)
        return;
    last_punch->guesses = guesses;
    last_punch->state = PUNCH_LOST;
    go_on(MSEC(100));
}

static bool asks_to_search(size_t i)
{
    const struct punch_message *m = &stage->conn[i].say;
    return m->type == PUNCH_PUNCH && m->flags == PUNCH_GUESSING;
}

static void who_has_waited_longest_searches_next(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        (void)meet(i, true);
    agree_to_search(0);
    struct punch *first = last_punch;
    first->guesses = 1024;
    for (size_t i = 1; i < 4; i++) {
        lose_round(i, 0);
        go_on(SEC(1));
    }
    assert_non_null(strstr(why(1), "or when it is its turn to search"));
    stage->in_use = true;
    first->state = PUNCH_LOST;
    go_on(MSEC(100));
    for (size_t i = 1; i < 4; i++) {
        go_on(SEC(20) - MSEC(200));
        for (size_t k = 1; k < 4; k++)
            if (stage->conn[k].say.type == PUNCH_PUNCH && !asks_to_search(k))
                lose_round(k, 0); /* their usual tries in between, without */
        go_on(MSEC(200));
        assert_true(asks_to_search(i));
        lose_round(i, 1024);
        assert_false(asks_to_search(i));
    }
}

static void a_peer_that_does_not_answer_loses_its_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        (void)meet(i, true);
    agree_to_search(0);
    struct punch *first = last_punch;
    first->guesses = 1024;
    lose_round(1, 0);
    lose_round(2, 0);
    unsigned told = stage->conn[2].told;
    first->state = PUNCH_LOST;
    go_on(SEC(20) + MSEC(200)); /* the first is called, and says nothing */
    assert_true(asks_to_search(1));
    go_on(SEC(6));
    assert_true(stage->conn[2].told > told);
    assert_true(asks_to_search(2));
    agree_to_search(2);
    assert_true(last_punch->options.guessing);
    part(2); /* is dead: the slot is free */
    (void)meet(3, true);
    assert_true(asks_to_search(3));
}

static void nobody_takes_the_turn_of_who_was_called(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        (void)meet(i, true);
    agree_to_search(0);
    struct punch *first = last_punch;
    first->guesses = 1024;
    lose_round(1, 0);
    first->state = PUNCH_LOST;
    go_on(SEC(20) + MSEC(200));
    assert_true(asks_to_search(1));
    (void)meet(2, true);
    assert_false(asks_to_search(2));
    struct punch_message m = {.type = PUNCH_PUNCH, .flags = PUNCH_GUESSING, .round = 7};
    (void)meet(3, false);
    hear(3, &m);
    assert_int_equal(stage->conn[3].say.flags, PUNCH_ACK);
    agree_to_search(1);
    assert_true(last_punch->options.guessing);
}

static void who_refuses_a_search_is_not_asked_again_at_once(void **state)
{
    (void)state;
    const struct quic_conn *c = begin_round(); /* it has not agreed */
    last_punch->state = PUNCH_LOST;
    go_on(SEC(4));
    assert_int_equal(c->say.type, PUNCH_END);
}

static void only_whom_we_know_is_told_private_addresses(void **state)
{
    const struct addr inside = to_addr("10.1.2.3:4433"), outside = to_addr("203.0.113.1:7000");
    (void)state;
    gather_add(&stage->punch.gather, CANDIDATE_MAPPED, &inside); /* behind a second NAT */
    gather_add(&stage->punch.gather, CANDIDATE_MAPPED, &outside);
    const struct quic_conn *c = meet(0, true);
    assert_int_equal(c->say.candidates, 2);
    stage->is_known = true;
    const struct quic_conn *d = meet(1, true);
    assert_int_equal(d->say.candidates, 3);
}

static void addresses_that_may_not_be_probed_are_left_out(void **state)
{
    (void)state;
    const struct quic_conn *c = begin_round();
    struct punch_message m = {.type = PUNCH_CANDIDATES, .round = c->say.round, .candidates = 3};
    m.candidate[0] = (struct candidate){CANDIDATE_HOST, to_addr("10.9.9.9:4433")};
    m.candidate[1] = (struct candidate){CANDIDATE_HOST, c->say.candidate[0].addr}; /* our own */
    m.candidate[2] = (struct candidate){CANDIDATE_HOST, to_addr("198.51.100.7:4433")};
    hear(0, &m);
    assert_int_equal(last_punch->count, 2);
    assert_true(addr_equal(&last_punch->added[1], &m.candidate[2].addr));
    m.round++;
    hear(0, &m); /* of another round */
    assert_int_equal(last_punch->count, 2);
}

static void private_addresses_are_probed_behind_a_common_public_one(void **state)
{
    const struct addr ours = to_addr("203.0.113.1:5000");
    (void)state;
    gather_add(&stage->punch.gather, CANDIDATE_REFLEXIVE, &ours);
    const struct quic_conn *c = meet(0, true);
    struct punch_message m = {
        .type = PUNCH_PUNCH, .flags = PUNCH_ACK, .round = c->say.round, .candidates = 1};
    m.candidate[0] = (struct candidate){CANDIDATE_HOST, to_addr("10.9.9.9:4433")};
    hear(0, &m);
    assert_int_equal(last_punch->count, 0);
    m.type = PUNCH_CANDIDATES; /* it learns only now where it is */
    m.candidate[0] = (struct candidate){CANDIDATE_REFLEXIVE, to_addr("203.0.113.1:6000")};
    hear(0, &m);
    assert_int_equal(last_punch->count, 2);
}

/* ---- rounds ---- */

static void probes_leave_by_their_socket_and_with_their_hop_limit(void **state)
{
    (void)state;
    begin_round();
    last_punch->sockets = 3;
    last_punch->next =
        (struct punch_send){.socket = 2, .to = to_addr("203.0.113.9:5000"), .ttl = 4};
    last_punch->is_due = true;
    go_on(MSEC(100));
    assert_int_equal(stage->opened, 3);
    assert_int_equal(stage->sent, 1);
    assert_int_equal(stage->last_path.kind, PATH_UDP);
    assert_int_equal(stage->last_path.via, 2);
    assert_int_equal(stage->last_ttl, 4);
    last_punch->next.socket = 7; /* not opened */
    last_punch->is_due = true;
    go_on(MSEC(100));
    assert_int_equal(stage->sent, 1);
}

static void twenty_probes_leave_for_an_address_that_does_not_answer(void **state)
{
    const struct path path = {.kind = PATH_UDP, .remote = to_addr("203.0.113.9:5000")};
    (void)state;
    struct quic_conn *c = begin_round();
    last_punch->next = (struct punch_send){.to = path.remote};
    for (unsigned i = 0; i < 30; i++) {
        last_punch->is_due = true;
        go_on(MSEC(100));
    }
    assert_int_equal(stage->sent, 20);
    part(0);
    go_on(SEC(600));
    c = begin_round(); /* a new session is no new start */
    last_punch->next = (struct punch_send){.to = path.remote};
    last_punch->is_due = true;
    go_on(MSEC(100));
    assert_int_equal(stage->sent, 20);
    punch_desk_on_probe(&stage->punch, c, &path, false);
    last_punch->is_due = true;
    go_on(MSEC(100));
    assert_int_equal(stage->sent, 21);
}

static void send_probes(const struct addr *to, unsigned count)
{
    last_punch->next = (struct punch_send){.to = *to};
    for (unsigned i = 0; i < count; i++) {
        last_punch->is_due = true;
        go_on(MSEC(100));
    }
}

static void peers_in_league_cause_no_more_than_one(void **state)
{
    const struct addr victim = to_addr("203.0.113.9:5000");
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct quic_conn *c = meet(i, true);
        hear_punch(i, c->say.round, true, "203.0.113.9:5000");
        send_probes(&victim, 15);
    }
    assert_int_equal(stage->sent, 20);
    punch_desk_network_changed(&stage->punch);
    (void)begin_round();
    send_probes(&victim, 1);
    assert_int_equal(stage->sent, 21);
}

static void the_round_hears_of_probes_by_the_socket_they_came_to(void **state)
{
    struct path path = {.kind = PATH_UDP, .remote = to_addr("203.0.113.9:5000")};
    (void)state;
    struct quic_conn *c = begin_round();
    last_punch->sockets = 2;
    go_on(MSEC(100));
    punch_desk_on_probe(&stage->punch, &stage->conn[5], &path, true); /* another session */
    path.kind = PATH_RELAY;
    punch_desk_on_probe(&stage->punch, c, &path, true);
    assert_int_equal(last_punch->heard, 0);
    path.kind = PATH_UDP;
    punch_desk_on_probe(&stage->punch, c, &path, false);
    assert_int_equal(last_punch->heard, 1);
    assert_int_equal(last_punch->proven, 0);
    path.via = 9; /* not of this round */
    punch_desk_on_probe(&stage->punch, c, &path, true);
    assert_int_equal(last_punch->proven, 0);
    path.via = 2;
    punch_desk_on_probe(&stage->punch, c, &path, true);
    assert_int_equal(last_punch->heard, 3);
    assert_int_equal(last_punch->proven, 3);
}

static void a_direct_path_ends_the_round_and_keeps_its_socket(void **state)
{
    (void)state;
    struct quic_conn *c = begin_round();
    last_punch->sockets = 5;
    go_on(MSEC(100));
    become_direct(0, 4);
    assert_int_equal(punches, 0);
    assert_int_equal(c->say.type, PUNCH_END);
    assert_int_equal(c->say.result, PUNCH_DIRECT);
    assert_int_equal(stage->opened, 5);
    assert_int_equal(stage->closed, 4);
    go_on(SEC(600));
    assert_int_equal(stage->closed, 4);
    c->path[0].state = PATH_FAILED; /* the path is dead, the session on the relay again */
    c->path[0].current = false;
    c->info.path = (struct path){.kind = PATH_RELAY, .via = 1};
    punch_desk_on_conn(&stage->punch, &stage->peer[0], c, false);
    go_on(0);
    assert_int_equal(stage->closed, 5);
    assert_int_equal(c->say.type, PUNCH_PUNCH); /* and a new round is asked for */
}

static void sockets_go_with_their_session(void **state)
{
    (void)state;
    begin_round();
    last_punch->sockets = 2;
    go_on(MSEC(100));
    become_direct(0, 1);
    assert_int_equal(stage->closed, 1);
    part(0);
    assert_int_equal(stage->closed, 2);
}

static void a_lost_round_says_why_and_tells_the_peer(void **state)
{
    (void)state;
    const struct quic_conn *c = begin_round();
    assert_string_equal(why(0), "punching: nothing got through");
    last_punch->state = PUNCH_LOST;
    go_on(MSEC(100));
    assert_int_equal(c->say.type, PUNCH_END);
    assert_int_equal(c->say.result, PUNCH_FAILED);
    assert_string_equal(why(0), "nothing got through; next try in 5 s");
    assert_int_equal(punches, 0);
}

static struct round_view round_with(size_t i)
{
    struct round_view v;
    punch_desk_round(&stage->punch, &stage->peer[i].id, &v);
    return v;
}

static void the_last_round_is_accounted_for(void **state)
{
    (void)state;
    assert_int_equal(round_with(0).number, 0);
    const struct quic_conn *c = begin_round();
    const struct path from = {.kind = PATH_UDP, .remote = to_addr("203.0.113.9:7000")};
    assert_string_equal(round_with(0).result, "running");
    assert_string_equal(round_with(0).strategy, "a stand-in");
    assert_int_equal(round_with(0).number, c->say.round);
    punch_desk_on_probe(&stage->punch, &stage->conn[0], &from, false);
    last_punch->guesses = 300;
    go_on(MSEC(50));
    last_punch->state = PUNCH_LOST;
    go_on(MSEC(100));
    const struct round_view v = round_with(0);
    assert_string_equal(v.result, "lost");
    assert_int_equal(v.guesses, 300);
    assert_int_equal(v.answers, 1);
    assert_int_equal(v.lost, 1);
    assert_true(v.took >= MSEC(50));
    go_on(SEC(20)); /* asked again, without an answer */
    assert_string_equal(round_with(0).result, "not begun");
    assert_null(round_with(0).strategy);
    assert_int_equal(round_with(0).lost, 2);
}

static void a_round_that_was_won_or_broken_off_is_accounted_for_as_such(void **state)
{
    (void)state;
    begin_round();
    become_direct(0, 0);
    assert_string_equal(round_with(0).result, "direct");
    part(0);
    begin_round();
    punch_desk_network_changed(&stage->punch);
    assert_string_equal(round_with(0).result, "ended");
}

static void a_path_that_works_but_is_not_used_in_time_is_lost(void **state)
{
    (void)state;
    begin_round();
    last_punch->state = PUNCH_WON;
    go_on(SEC(6));
    assert_int_equal(punches, 0);
    assert_non_null(strstr(why(0), "does not carry the session"));
}

static void the_end_of_the_session_ends_its_round(void **state)
{
    (void)state;
    begin_round();
    part(0);
    assert_int_equal(punches, 0);
    go_on(SEC(3600));
    assert_true(list_is_empty(&stage->punch.efforts));
}

static void candidates_found_during_a_round_are_told_once(void **state)
{
    const struct addr mapped = to_addr("203.0.113.1:7000");
    (void)state;
    const struct quic_conn *c = begin_round();
    gather_add(&stage->punch.gather, CANDIDATE_MAPPED, &mapped);
    go_on(MSEC(100));
    assert_int_equal(c->told, 2);
    assert_int_equal(c->say.type, PUNCH_CANDIDATES);
    assert_int_equal(c->say.candidates, 1);
    assert_true(addr_equal(&c->say.candidate[0].addr, &mapped));
    go_on(SEC(1));
    assert_int_equal(c->told, 2);
}

static void the_address_of_a_fresh_socket_is_seen_by_a_relay_and_told(void **state)
{
    const struct addr seen = to_addr("203.0.113.1:8000");
    (void)state;
    meet(1, true);
    become_direct(1, 0); /* the relay */
    const struct quic_conn *c = begin_round();
    struct quic_conn *relay = &stage->conn[1];
    last_punch->sockets = last_punch->fresh = 2;
    go_on(MSEC(100));
    assert_int_equal(relay->paths, 2);
    assert_int_equal(relay->path[1].path.via, 2);
    assert_int_equal(c->told, 1);
    relay->path[1].state = PATH_GOOD; /* it has answered */
    relay->path[1].seen = seen;
    go_on(MSEC(200));
    assert_int_equal(relay->paths, 2);
    assert_int_equal(c->told, 2);
    assert_int_equal(c->say.type, PUNCH_CANDIDATES);
    assert_int_equal(c->say.candidates, 1);
    assert_true(addr_equal(&c->say.candidate[0].addr, &seen));
    part(0);
    assert_int_equal(relay->paths, 1);
}

static void a_new_candidate_ends_the_waiting(void **state)
{
    const struct addr mapped = to_addr("203.0.113.1:7000");
    (void)state;
    const struct quic_conn *c = meet(0, true);
    hear_end(0, c->say.round, PUNCH_FAILED);
    assert_int_equal(c->told, 1);
    gather_add(&stage->punch.gather, CANDIDATE_MAPPED, &mapped);
    go_on(0);
    assert_int_equal(c->told, 2);
    assert_int_equal(c->say.candidates, 2);
}

static void a_nat_that_counts_is_looked_at_before_anything_is_said_of_it(void **state)
{
    (void)state;
    const struct nat_facts facts = {.class = NAT_SEQUENTIAL, .delta = 1, .last_port = 40000};
    gather_set_facts(&stage->punch.gather, &facts);
    const struct quic_conn *c = meet(0, true);
    assert_int_equal(c->told, 0);
    assert_string_equal(why(0), "looking for the next port of our NAT");
    refreshed(40007);
    assert_int_equal(c->told, 1);
    assert_int_equal(c->say.facts.last_port, 40007);

    const struct quic_conn *d = meet(1, false);
    hear_punch(1, 5, false, "203.0.113.9:5000");
    assert_int_equal(d->told, 0);
    assert_int_equal(punches, 0);
    refreshed(40008);
    assert_int_equal(d->say.flags & PUNCH_ACK, PUNCH_ACK);
    assert_int_equal(d->say.facts.last_port, 40008);
    assert_int_equal(punches, 1);
    assert_int_equal(last_punch->count, 1);

    (void)meet(2, true);
    part(2); /* while it looks */
    assert_null(stage->refresh);
}

static void servers_are_asked_again_when_a_relay_sees_us_elsewhere(void **state)
{
    const struct addr before = to_addr("203.0.113.1:5000");
    (void)state;
    meet(1, true);
    become_direct(1, 0); /* the relay */
    gather_add(&stage->punch.gather, CANDIDATE_REFLEXIVE, &before);
    stage->conn[1].path[0].seen = to_addr("203.0.113.1:6000");
    (void)meet(2, true);
    assert_int_equal(stage->doubts, 0);
    stage->conn[1].path[0].seen = to_addr("203.0.113.77:6000");
    (void)meet(0, true);
    assert_int_equal(stage->doubts, 1);
}

static void another_class_of_nat_begins_rounds_anew(void **state)
{
    (void)state;
    const struct quic_conn *c = begin_round();
    struct nat_facts facts = {.opener_ttl = 3};
    gather_set_facts(&stage->punch.gather, &facts);
    go_on(0);
    assert_int_equal(punches, 1);
    facts.class = NAT_RANDOM;
    gather_set_facts(&stage->punch.gather, &facts);
    go_on(0);
    assert_int_equal(punches, 0);
    assert_int_equal(c->say.type, PUNCH_PUNCH);
    assert_int_equal(c->say.facts.class, NAT_RANDOM);
}

static void other_ports_of_a_nat_that_is_not_known_do_so_too(void **state)
{
    (void)state;
    begin_round();
    struct nat_facts facts = {.last_port = 5000, .span = 30000};
    gather_set_facts(&stage->punch.gather, &facts); /* somebody has seen it at all */
    go_on(0);
    assert_int_equal(punches, 0);
    hear_punch(0, stage->conn[0].say.round, true, "203.0.113.9:5000");
    assert_int_equal(punches, 1);
    facts.last_port = 6000;
    gather_set_facts(&stage->punch.gather, &facts);
    go_on(0);
    assert_int_equal(punches, 1);
    facts.delta = 1; /* it counts */
    gather_set_facts(&stage->punch.gather, &facts);
    go_on(0);
    assert_int_equal(punches, 0);
    refreshed(6001);
    assert_int_equal(stage->conn[0].say.facts.last_port, 6001);
}

static void who_counts_is_looked_at_while_a_round_runs(void **state)
{
    (void)state;
    struct quic_conn *c = begin_round();
    assert_null(stage->refresh);
    last_punch->wants_port = true;
    go_on(MSEC(100));
    assert_non_null(stage->refresh);
    refreshed(40007);
    assert_int_equal(last_punch->port, 40007);
    last_punch->wants_port = true;
    go_on(MSEC(100));
    assert_non_null(stage->refresh);
    hear_end(0, c->say.round, PUNCH_FAILED);
    assert_null(stage->refresh);
}

static void the_round_counts_from_what_the_peer_was_told(void **state)
{
    (void)state;
    struct nat_facts facts = {.class = NAT_SEQUENTIAL, .delta = 1, .last_port = 40000};
    gather_set_facts(&stage->punch.gather, &facts);
    struct quic_conn *c = meet(0, true);
    refreshed(40001);
    facts.last_port = 40002; /* another mapping, while the question is on its way */
    gather_set_facts(&stage->punch.gather, &facts);
    hear_punch(0, c->say.round, true, "203.0.113.9:5000");
    assert_int_equal(last_punch->options.ours.last_port, 40001);
}

/* ---- TCP ---- */

static void what_is_found_out_about_tcp_is_told_as_that_and_no_more(void **state)
{
    (void)state;
    const struct quic_conn *c = begin_round();
    stage->seen = to_addr("203.0.113.1:32768");
    stage->tcp_port = 40001;
    assert_int_equal(stage->prepared, 0);
    last_punch->wants_tcp = true;
    stage->is_known = true;
    go_on(MSEC(100));
    assert_int_equal(stage->prepared, 1);
    assert_int_equal(c->say.type, PUNCH_CANDIDATES);
    assert_int_equal(c->say.candidates, 2);
    assert_int_equal(c->say.candidate[0].type, CANDIDATE_TCP);
    assert_true(addr_equal(&c->say.candidate[0].addr, &stage->seen));
    assert_int_equal(c->say.candidate[1].type, CANDIDATE_TCP);
    assert_int_equal(addr_port(&c->say.candidate[1].addr), 40001);
    unsigned told = c->told;
    go_on(SEC(1));
    assert_int_equal(c->told, told);
    assert_true(stage->prepared > 5); /* for as long as it may be wanted */
}

static void connect_to(const char *where, bool again)
{
    last_punch->next = (struct punch_send){.to = to_addr(where), .tcp = true, .again = again};
    last_punch->is_due = true;
    punch_desk_on_wake(&stage->punch);
    go_on(0);
}

static void attempts_count_with_the_probes_to_an_address_also_those_of_the_kernel(void **state)
{
    (void)state;
    const struct addr to = to_addr("203.0.113.9:4000");
    (void)begin_round();
    for (unsigned i = 0; i < 20; i++) {
        connect_to("203.0.113.9:4000", i % 4 > 0);
        assert_int_equal(stage->met, i / 4 + 1);
        assert_true(addr_equal(&stage->met_at, &to));
    }
    assert_int_equal(stage->given_up, 0);
    connect_to("203.0.113.9:4000", true); /* one more would leave */
    assert_int_equal(stage->given_up, 1);
    connect_to("203.0.113.9:4000", false);
    assert_int_equal(stage->met, 5);
    connect_to("203.0.113.10:4000", false);
    assert_int_equal(stage->met, 6);
    assert_int_equal(stage->sent, 0); /* datagrams */
}

static void a_peer_that_names_many_gets_twenty_at_one_in_all_its_rounds(void **state)
{
    (void)state;
    const struct addr to = to_addr("203.0.113.9:4000");
    for (unsigned round = 0; round < 3; round++) {
        (void)begin_round();
        for (unsigned i = 0; i < 15; i++) {
            connect_to("203.0.113.9:4000", false);
            punch_desk_on_refused(&stage->punch, &stage->peer[0].id, &to);
            assert_int_equal(last_punch->refused, i + 1);
        }
        part(0);
    }
    assert_int_equal(stage->met, 20);
}

static void become_tcp(size_t i)
{
    struct quic_conn *c = &stage->conn[i];
    c->info.path = (struct path){.kind = PATH_TCP, .via = 9, .remote = to_addr("203.0.113.9:4000")};
    punch_desk_on_conn(&stage->punch, &stage->peer[i], c, false);
    go_on(0);
}

static void a_session_that_moved_to_tcp_has_ended_the_round(void **state)
{
    (void)state;
    struct quic_conn *c = begin_round();
    const struct path path = {.kind = PATH_TCP, .via = 9, .remote = to_addr("203.0.113.9:4000")};
    punch_desk_on_probe(&stage->punch, c, &path, false);
    assert_int_equal(last_punch->proven, 0);
    punch_desk_on_probe(&stage->punch, c, &path, true);
    assert_int_equal(last_punch->proven, 1);
    become_tcp(0);
    assert_int_equal(punches, 0);
    assert_int_equal(stage->left, 1);
    assert_int_equal(c->say.type, PUNCH_END);
    assert_int_equal(c->say.result, PUNCH_DIRECT);
    unsigned told = c->told;
    stage->in_use = true;
    go_on(SEC(299));
    assert_int_equal(c->told, told);
    go_on(SEC(2)); /* is there UDP by now? */
    assert_int_equal(c->say.type, PUNCH_PUNCH);
    hear_punch(0, c->say.round, true, "203.0.113.9:5000");
    assert_false(last_punch->options.tcp);
}

static void when_that_is_lost_a_round_begins_at_once(void **state)
{
    (void)state;
    struct quic_conn *c = begin_round();
    become_tcp(0);
    assert_int_equal(punches, 0);
    c->info.path = (struct path){.kind = PATH_RELAY, .via = 1};
    punch_desk_on_conn(&stage->punch, &stage->peer[0], c, false);
    go_on(0);
    assert_int_equal(c->say.type, PUNCH_PUNCH);
    hear_punch(0, c->say.round, true, "203.0.113.9:5000");
    assert_true(last_punch->options.tcp);
}

static void who_found_udp_blocked_by_other_means_says_so(void **state)
{
    (void)state;
    stage->tcp.udp_blocked = true;
    const struct quic_conn *c = meet(0, true);
    assert_int_equal(c->say.facts.class, NAT_BLOCKED);
}

static void a_change_of_the_network_begins_all_anew(void **state)
{
    (void)state;
    const struct quic_conn *c = begin_round();
    const struct quic_conn *d = meet(1, false);
    uint16_t round = c->say.round;
    punch_desk_network_changed(&stage->punch);
    go_on(MSEC(50)); /* one after the other */
    assert_int_equal(punches, 0);
    assert_int_equal(c->say.type, PUNCH_PUNCH);
    assert_int_equal(c->say.round, round + 1);
    assert_int_equal(d->told, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_dialler_asks_as_soon_as_a_relayed_session_is_ready),
        TEST(nobody_is_asked_over_a_direct_path),
        TEST(the_side_that_was_dialled_asks_after_ten_seconds_of_silence),
        TEST(who_asks_first_is_answered_and_a_round_runs),
        TEST(the_answer_to_our_question_begins_the_round),
        TEST(who_asks_has_no_direct_path_though_ours_may_be),
        TEST(of_two_questions_at_a_time_that_of_the_dialler_counts),
        TEST(a_question_over_a_session_that_is_not_yet_ours_is_answered_later),
        TEST(a_question_that_got_lost_does_not_keep_the_dialler_from_answering),
        TEST(who_never_answers_is_asked_again_after_growing_pauses),
        TEST(after_four_tries_only_a_session_in_use_is_worth_another),
        TEST(an_idle_session_is_left_on_the_relay_until_it_is_used),
        TEST(a_refusal_says_why),
        TEST(a_flood_of_questions_begins_six_rounds_a_minute),
        TEST(ten_rounds_run_at_a_time),
        TEST(who_may_not_connect_is_not_punched_with),
        TEST(switched_off_it_neither_asks_nor_answers),
        TEST(one_search_runs_at_a_time_and_seldom_with_one_peer),
        TEST(who_has_waited_longest_searches_next),
        TEST(a_peer_that_does_not_answer_loses_its_turn),
        TEST(nobody_takes_the_turn_of_who_was_called),
        TEST(who_refuses_a_search_is_not_asked_again_at_once),
        TEST(only_whom_we_know_is_told_private_addresses),
        TEST(addresses_that_may_not_be_probed_are_left_out),
        TEST(private_addresses_are_probed_behind_a_common_public_one),
        TEST(probes_leave_by_their_socket_and_with_their_hop_limit),
        TEST(twenty_probes_leave_for_an_address_that_does_not_answer),
        TEST(peers_in_league_cause_no_more_than_one),
        TEST(the_round_hears_of_probes_by_the_socket_they_came_to),
        TEST(a_direct_path_ends_the_round_and_keeps_its_socket),
        TEST(sockets_go_with_their_session),
        TEST(a_lost_round_says_why_and_tells_the_peer),
        TEST(the_last_round_is_accounted_for),
        TEST(a_round_that_was_won_or_broken_off_is_accounted_for_as_such),
        TEST(a_path_that_works_but_is_not_used_in_time_is_lost),
        TEST(the_end_of_the_session_ends_its_round),
        TEST(candidates_found_during_a_round_are_told_once),
        TEST(the_address_of_a_fresh_socket_is_seen_by_a_relay_and_told),
        TEST(a_new_candidate_ends_the_waiting),
        TEST(a_nat_that_counts_is_looked_at_before_anything_is_said_of_it),
        TEST(servers_are_asked_again_when_a_relay_sees_us_elsewhere),
        TEST(another_class_of_nat_begins_rounds_anew),
        TEST(other_ports_of_a_nat_that_is_not_known_do_so_too),
        TEST(who_counts_is_looked_at_while_a_round_runs),
        TEST(the_round_counts_from_what_the_peer_was_told),
        TEST(what_is_found_out_about_tcp_is_told_as_that_and_no_more),
        TEST(attempts_count_with_the_probes_to_an_address_also_those_of_the_kernel),
        TEST(a_peer_that_names_many_gets_twenty_at_one_in_all_its_rounds),
        TEST(a_session_that_moved_to_tcp_has_ended_the_round),
        TEST(when_that_is_lost_a_round_begins_at_once),
        TEST(who_found_udp_blocked_by_other_means_says_so),
        TEST(a_change_of_the_network_begins_all_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
