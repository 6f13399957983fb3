#include "gateway/node/punch_effort.h"

#include <stdio.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/peer/peer.h"
#include "gateway/punch/plan.h"

#define ROUNDS_MAX    10        /* at a time, of all peers */
#define ROUNDS_RETRY  SEC(1)    /* when there are that many */
#define ANSWER_WITHIN SEC(5)    /* a PUNCH, besides three round trips */
#define GLARE         SEC(1)    /* two questions on their way, past one another */
#define WON_WITHIN    SEC(5)    /* a path that works carries the session by then */
#define PATIENCE      SEC(10)   /* of the side that was dialled, besides the same pauses */
#define TRICKLE       MSEC(100) /* between two looks at our own candidates */
#define QUIET_CHECK   SEC(30)
#define MET_LASTS     SEC(300) /* over TCP, until UDP is tried again */

/* Bytes between two rounds that probes and keep-alives do not account for. */
#define TRAFFIC (64 * 1024)

static instant now_of(const struct effort *e)
{
    return env_now(e->means->node->env);
}

static void note_reason(struct effort *e, const char *text)
{
    if (text != e->reason)
        (void)snprintf(e->reason, sizeof(e->reason), "%s", text);
}

/* ---- rounds ---- */

/* The socket whose address outside the peer needs; 0: none. */
static void show(struct effort *e, uint32_t via)
{
    if (via == e->fresh)
        return;
    if (e->fresh != 0)
        gather_hide(e->means->gather, e->fresh, e->conn);
    if (via != 0)
        gather_show(e->means->gather, via);
    e->fresh = via;
}

static void note_search(struct effort *e)
{
    unsigned probes, guesses;

    punch_counts(e->running->core, &probes, &guesses);
    if (guesses > 0)
        e->searched = e->means->searched = now_of(e);
    if (e->means->searching == e)
        e->means->searching = NULL;
}

static void end_round(struct effort *e)
{
    stun_desk_refresh_cancel(e->means->stun, &e->refresh);
    if (!e->running)
        return;
    show(e, 0);
    note_search(e);
    effort_account(e, "ended");
    punch_round_free(e->running);
    e->running = NULL;
    e->means->running--;
}

static uint64_t bytes_of(const struct effort *e)
{
    struct quic_conn_info info;
    quic_conn_info(e->conn, &info);
    return info.rx_bytes + info.tx_bytes;
}

static void wait_until(struct effort *e, instant due)
{
    end_round(e);
    effort_turn_end(e);
    e->direct = false;
    e->stage = EFFORT_WAITING;
    e->due = due;
}

void effort_begin(struct effort *e, instant now)
{
    e->lost = 0;
    e->met = false;
    e->reason[0] = '\0';
    wait_until(e, e->dialled ? now : now + PATIENCE);
}

void effort_restart(struct effort *e, instant due)
{
    e->lost = 0;
    e->met = false;
    if (e->stage != EFFORT_REST)
        wait_until(e, due);
}

static void lose(struct effort *e, instant now, const char *why)
{
    static const instant PAUSE[] = {SEC(5), SEC(30), SEC(60), SEC(300)};
    const unsigned last = sizeof(PAUSE) / sizeof(PAUSE[0]) - 1;
    char id[9];

    effort_account(e, e->running ? "lost" : "not begun");
    if (e->direct) {
        effort_rest(e);
        return;
    }
    note_reason(e, why);
    log_info(LOG_PUNCH, "%s: not direct: %s", peer_id_short(&e->id, id), e->reason);
    instant pause = PAUSE[e->lost < last ? e->lost : last] + (e->dialled ? 0 : PATIENCE);
    e->lost++;
    e->bytes = bytes_of(e);
    if (e->unsearched)
        effort_turn_want(e, now);
    e->unsearched = false; /* who does not answer next time has lost its turn */
    wait_until(e, now + pause);
}

/* Of a pair of NATs that needs a search, the round that made one has the better reason than one
 * that might not, so soon after. */
static const char *reason_of(const struct effort *e)
{
    return e->plain && e->reason[0] ? e->reason : punch_why(e->running->core);
}

static void log_success(const struct effort *e)
{
    unsigned probes, guesses;
    char id[9];

    punch_counts(e->running->core, &probes, &guesses);
    log_info(LOG_PUNCH, "%s: direct after %u ms by %s: %u probes, %u of them guesses",
             peer_id_short(&e->id, id), (unsigned)((now_of(e) - e->began) / MSEC(1)),
             punch_trying(e->running->core), probes, guesses);
}

void effort_rest(struct effort *e)
{
    end_round(e);
    effort_turn_end(e);
    e->stage = EFFORT_REST;
    e->waits = 0;
    e->unsearched = false;
    e->direct = false;
    e->due = INSTANT_NEVER;
    e->reason[0] = '\0';
}

void effort_became_direct(struct effort *e)
{
    if (e->direct && e->running && punch_state(e->running->core) == PUNCH_RUNNING)
        return; /* the peer wants more */
    bool found = e->running != NULL;
    if (found) {
        log_success(e);
        effort_account(e, "direct");
        effort_tell_end(e->conn, e->round, PUNCH_DIRECT);
    }
    effort_rest(e);
    if (found)
        e->searched = 0; /* what worked may be done again when it is lost */
}

void effort_met(struct effort *e, instant now)
{
    log_success(e);
    effort_tell_end(e->conn, e->round, PUNCH_DIRECT);
    e->reason[0] = '\0';
    e->met = true;
    e->bytes = bytes_of(e);
    wait_until(e, now + MET_LASTS + (e->dialled ? 0 : PATIENCE));
}

/* Does anybody use the session, so that a better path is worth looking for? */
static bool is_used(const struct effort *e)
{
    const struct desk *node = e->means->node;
    const struct peer *p = node->find(node->node, &e->id);
    const struct session *s = p ? peer_session(p) : NULL;

    return (s && session_in_use(s)) || bytes_of(e) >= e->bytes + TRAFFIC;
}

static void fill_random(void *arg, void *out, size_t len)
{
    const struct effort *e = arg;
    env_random(e->means->node->env, out, len);
}

static bool has_mapping(void *arg, const struct addr *to)
{
    const struct effort *e = arg;
    return punch_budget_has_mapping(&e->budget, now_of(e), to);
}

static bool has_family(const struct hub *h, bool v6)
{
    for (size_t i = 0; i < h->sockets; i++)
        if (addr_is_v6(&h->socket[i].local) == v6)
            return true;
    return false;
}

/* What is found out goes to the peer with the next trickle. */
static void prepare(struct effort *e, instant now)
{
    if (punch_wants_tcp(e->running->core, now))
        tcp_roads_prepare(e->means->tcp);
}

static void start_round(struct effort *e, instant now, const struct punch_message *m,
                        bool controller)
{
    const struct desk *node = e->means->node;
    struct quic_conn_info info;

    if (e->means->running >= ROUNDS_MAX) { /* there was a place when it was asked for */
        effort_tell_end(e->conn, e->round, PUNCH_BUSY);
        lose(e, now, "too many rounds of punching at a time");
        return;
    }
    quic_conn_info(e->conn, &info);
    const struct punch_options options = {
        .controller = controller,
        .rtt = info.rtt,
        .ours = e->said,
        .theirs = m->facts,
        .guessing = effort_may_search(e) && m->flags & PUNCH_GUESSING,
        .v4 = has_family(node->hub, false),
        .v6 = has_family(node->hub, true),
        .tcp = e->means->tcp && info.path.kind != PATH_TCP,
        .random = fill_random,
        .has_mapping = has_mapping,
        .arg = e,
        .rate = &e->means->rate,
    };
    const struct punch_place place = {.hub = node->hub,
                                      .conn = e->conn,
                                      .kept = &e->means->kept,
                                      .budget = &e->budget,
                                      .common = &e->means->common,
                                      .tcp = e->means->tcp,
                                      .id = &e->id};
    if (punch_round_new(&e->running, &place, now, &options) < 0) {
        lose(e, now, "no memory for a round of punching");
        return;
    }
    e->means->running++;
    bool hard = punch_plan_guesses(punch_plan_of(&options.ours, &options.theirs));
    e->unsearched = hard && !effort_may_search(e); /* else the peer has us wait for its turn */
    effort_turn_begin(e, hard && options.guessing);
    e->plain = hard && !options.guessing && e->searched > 0;
    e->stage = EFFORT_RUNNING;
    e->accounted = false;
    e->began = now;
    e->trickle = now + TRICKLE;
    e->due = INSTANT_NEVER;
    e->fresh = 0;
    e->named_count = 0;
    effort_take_candidates(e, now, m);
    prepare(e, now);
}

/* Says what there is to say, after looking. */
static void speak(struct effort *e, instant now)
{
    struct quic_conn_info info;

    if (e->asked.type == PUNCH_PUNCH) {
        effort_tell_punch(e, true);
        start_round(e, now, &e->asked, false);
        return;
    }
    quic_conn_info(e->conn, &info);
    e->stage = EFFORT_ASKED;
    e->due = now + ANSWER_WITHIN + 3 * info.rtt;
    effort_tell_punch(e, false);
}

static void on_refreshed(struct stun_refresh *refresh, uint16_t port)
{
    struct effort *e = container_of(refresh, struct effort, refresh);
    if (port != 0)
        gather_set_port(e->means->gather, port);
    speak(e, now_of(e));
    e->means->wake(e->means);
}

/* A NAT that gives ports one after the other gives them to others too: the peer has to know where
 * it is now. */
static void look(struct effort *e, instant now)
{
    const struct nat_facts facts = effort_facts(e);
    enum nat_class class = punch_taken_for(&facts);

    if (gather_is_out_of_date(e->means->gather))
        stun_desk_doubt(e->means->stun);
    if (class != NAT_SEQUENTIAL && class != NAT_BLOCK) {
        speak(e, now);
        return;
    }
    e->stage = EFFORT_LOOKING;
    e->due = INSTANT_NEVER;
    e->refresh = (struct stun_refresh){.done = on_refreshed};
    stun_desk_refresh(e->means->stun, &e->refresh);
}

static void ask(struct effort *e, instant now)
{
    bool idle = e->lost > 3 && !is_used(e);
    if (idle || e->means->running >= ROUNDS_MAX) {
        effort_turn_end(e);
        e->due = now + (idle ? QUIET_CHECK : ROUNDS_RETRY);
        return;
    }
    e->round++;
    e->accounted = false;
    e->asked = (struct punch_message){0};
    e->began = now;
    look(e, now);
}

/* ---- messages ---- */

static void on_request(struct effort *e, instant now, const struct punch_message *m)
{
    /* Both asked at the same time: that of the side that dialled counts. But if it was long ago, it
     * got lost. */
    bool asking = e->stage == EFFORT_ASKED || (e->stage == EFFORT_LOOKING && !e->asked.type);
    if (asking && e->dialled && now < e->began + GLARE)
        return;
    if (!bucket_take(&e->requests, now, 10)) {
        log_debug(LOG_PUNCH, "too many requests for rounds; one was left unanswered");
        return;
    }
    end_round(e);
    if (e->means->running >= ROUNDS_MAX) {
        effort_tell_end(e->conn, m->round, PUNCH_BUSY);
        if (e->stage != EFFORT_REST)
            lose(e, now, "too many rounds of punching at a time");
        return;
    }
    /* It would not ask if it had a direct path. Ours has to show whether it is still one. */
    e->direct = e->stage == EFFORT_REST;
    if (e->direct)
        quic_conn_probe(e->conn);
    e->round = m->round;
    e->accounted = false;
    e->asked = *m;
    look(e, now);
}

static void on_end(struct effort *e, instant now, const struct punch_message *m)
{
    switch (m->result) {
    case PUNCH_DIRECT:
        if (e->running)
            e->due = now + WON_WITHIN; /* so we shall be soon */
        else
            lose(e, now, "the peer has a direct path, which is not proven on this side yet");
        return;
    case PUNCH_FAILED:
        lose(e, now, e->running ? reason_of(e) : "the peer gave up");
        return;
    case PUNCH_BUSY:
        lose(e, now, "the peer is busy punching with others");
        return;
    case PUNCH_OFF:
        lose(e, now, "punching is switched off at the peer");
        return;
    case PUNCH_RESULTS:
        return;
    }
}

void effort_message(struct effort *e, instant now, const struct punch_message *m)
{
    if (m->type == PUNCH_PUNCH && !(m->flags & PUNCH_ACK)) {
        on_request(e, now, m);
        return;
    }
    if (m->round != e->round)
        return;
    if (m->type == PUNCH_PUNCH && e->stage == EFFORT_ASKED)
        start_round(e, now, m, true);
    else if (m->type == PUNCH_CANDIDATES && e->stage == EFFORT_RUNNING)
        effort_take_candidates(e, now, m);
    else if (m->type == PUNCH_END && (e->stage == EFFORT_ASKED || e->stage == EFFORT_RUNNING))
        on_end(e, now, m);
}

/* ---- time ---- */

static void on_looked(struct stun_refresh *refresh, uint16_t port)
{
    struct effort *e = container_of(refresh, struct effort, refresh);
    if (port != 0)
        punch_learn_port(e->running->core, port);
}

static void look_on(struct effort *e, instant now)
{
    if (!punch_wants_port(e->running->core, now))
        return;
    stun_desk_refresh_cancel(e->means->stun, &e->refresh);
    e->refresh = (struct stun_refresh){.done = on_looked};
    stun_desk_refresh(e->means->stun, &e->refresh);
}

static instant run_round(struct effort *e, instant now)
{
    struct punch *core = e->running->core;

    if (now >= e->trickle) {
        /* Others have the NAT make mappings too: those that measure it, for one. */
        punch_learn_port(core, stun_desk_facts(e->means->stun).last_port);
        prepare(e, now);
        effort_tell_more(e);
        e->trickle = now + TRICKLE;
    }
    look_on(e, now);
    punch_round_run(e->running, now);
    show(e, punch_round_fresh(e->running));
    if (now >= e->due) {
        lose(e, now, "a direct path answers, but does not carry the session");
        return e->due;
    }
    switch (punch_state(core)) {
    case PUNCH_RUNNING:
        break;
    case PUNCH_WON:
        if (e->due == INSTANT_NEVER)
            e->due = now + WON_WITHIN;
        break;
    case PUNCH_LOST:
        effort_tell_end(e->conn, e->round, PUNCH_FAILED);
        lose(e, now, reason_of(e));
        return e->due;
    }
    instant next = punch_deadline(core);
    if (e->due < next)
        next = e->due;
    return e->trickle < next ? e->trickle : next;
}

instant effort_run(struct effort *e, instant now)
{
    switch (e->stage) {
    case EFFORT_REST:
        return INSTANT_NEVER;
    case EFFORT_WAITING:
        if (now >= e->due)
            ask(e, now);
        return e->due;
    case EFFORT_LOOKING:
        return INSTANT_NEVER;
    case EFFORT_ASKED:
        if (now >= e->due)
            lose(e, now, "the peer does not answer when asked to punch");
        return e->due;
    case EFFORT_RUNNING:
        return run_round(e, now);
    }
    return INSTANT_NEVER;
}
