#include "gateway/node/punch_desk.h"

#include <stdlib.h>

#include "gateway/base/log.h"
#include "gateway/punch/plan.h"

#define EFFORTS_MAX 1024
#define STAGGER     MSEC(50) /* between the rounds of two peers after a change of the network */
#define REVIEW      SEC(30)  /* between two looks at sockets that were kept */

/* A peer's request of a round: six a minute, and six at once. */
#define REQUEST_RATE  1
#define REQUEST_BURST 60

static struct effort *effort_of(struct punch_desk *d, const struct peer_id *id)
{
    list_each(node, &d->efforts)
    {
        struct effort *e = list_entry(node, struct effort, link);
        if (peer_id_equal(&e->id, id))
            return e;
    }
    return NULL;
}

static void free_effort(struct effort *e)
{
    e->conn = NULL; /* whatever runs is not said to be over */
    effort_rest(e);
    list_remove(&e->link);
    free(e);
}

static bool make_room(struct punch_desk *d)
{
    struct effort *idle = NULL;
    size_t count = 0;

    list_each(node, &d->efforts)
    {
        struct effort *e = list_entry(node, struct effort, link);
        count++;
        if (!idle && e->stage == EFFORT_REST)
            idle = e;
    }
    if (count < EFFORTS_MAX)
        return true;
    if (idle)
        free_effort(idle);
    return idle != NULL;
}

static struct effort *get_effort(struct punch_desk *d, const struct peer_id *id)
{
    struct effort *e = effort_of(d, id);
    if (e)
        return e;
    e = make_room(d) ? calloc(1, sizeof(*e)) : NULL;
    if (!e)
        return NULL;
    e->means = &d->means;
    e->id = *id;
    e->requests = bucket_of(REQUEST_RATE, REQUEST_BURST);
    list_append(&d->efforts, &e->link);
    return e;
}

/* ---- which sessions want it ---- */

static bool may_punch(const struct punch_desk *d, const struct peer_id *id)
{
    const struct desk *n = d->node;
    return !n->options->no_punching && registry_may_connect(n->registry, id, env_wall_us(n->env));
}

/* The session to use with a peer: what becomes of it is what people see. */
static struct quic_conn *conn_of(struct punch_desk *d, const struct peer_id *id)
{
    struct peer *p = d->node->find(d->node->node, id);
    return p && peer_session(p) ? peer_conn(p) : NULL;
}

static void look_at_path(struct punch_desk *d, struct effort *e, instant now)
{
    struct quic_conn_info info;

    quic_conn_info(e->conn, &info);
    e->dialled = info.dialled;
    if (info.path.kind == PATH_UDP) {
        effort_became_direct(e);
        return;
    }
    if (info.path.kind == PATH_TCP && e->running && e->running->meets)
        effort_met(e, now);
    if (info.path.kind != PATH_TCP && e->met)
        effort_restart(e, now);
    e->direct = false;
    e->resting = info.resting;
    if (e->resting && e->stage == EFFORT_WAITING)
        effort_rest(e);
    if (e->resting)
        return;
    if (e->stage == EFFORT_REST && may_punch(d, &e->id))
        effort_begin(e, now);
}

static void look_at(struct punch_desk *d, struct effort *e, instant now)
{
    struct quic_conn *conn = conn_of(d, &e->id);

    if (conn != e->conn) {
        e->conn = NULL;
        effort_rest(e);
        e->conn = conn;
    }
    if (!conn)
        return;
    look_at_path(d, e, now);
    if (e->early_conn != conn)
        return;
    e->early_conn = NULL;
    effort_message(e, now, &e->early);
}

/* ---- time ---- */

static void set_timer(struct punch_desk *d, instant due)
{
    if (!list_is_empty(&d->means.kept) && env_now(d->node->env) + REVIEW < due)
        due = env_now(d->node->env) + REVIEW;
    timer_set(d->node->env, &d->timer, due);
}

/* Whatever happened, all of it is looked at when the loop comes round. */
static void wake(struct punch_desk *d)
{
    set_timer(d, env_now(d->node->env));
}

/* A peer without a session is remembered as long as it would have more after coming back: requests,
 * or probes to addresses that it named. */
static instant forget_at(struct effort *e, instant now)
{
    if (e->early_conn)
        return INSTANT_NEVER; /* until that has ended */
    instant ready = bucket_ready(&e->requests, now, REQUEST_BURST);
    instant spent = punch_budget_ends(&e->budget);
    return spent > ready ? spent : ready;
}

static void on_timer(struct timer *timer)
{
    struct punch_desk *d = container_of(timer, struct punch_desk, timer);
    instant due = INSTANT_NEVER, now = env_now(d->node->env);
    struct list *next;

    kept_sockets_review(&d->means.kept, NULL);
    for (struct list *node = d->efforts.next; node != &d->efforts; node = next) {
        struct effort *e = list_entry(node, struct effort, link);
        next = node->next;
        look_at(d, e, now);
        instant e_due = e->conn ? effort_run(e, now) : forget_at(e, now);
        if (e_due < due)
            due = e_due;
        if (!e->conn && e_due == now)
            free_effort(e);
    }
    instant call = efforts_call(&d->means, &d->efforts, now);
    due = call < due ? call : due;
    set_timer(d, due);
}

static void restart_all(struct punch_desk *d, instant pause)
{
    instant due = env_now(d->node->env);

    list_each(node, &d->efforts)
    {
        struct effort *e = list_entry(node, struct effort, link);
        effort_restart(e, due);
        due += pause;
    }
    wake(d);
}

void punch_desk_network_changed(struct punch_desk *d)
{
    /* What did not answer there may answer here. */
    list_each(node, &d->efforts) list_entry(node, struct effort, link)->budget =
        (struct punch_budget){0};
    punch_common_clear(&d->means.common);
    gather_network_changed(&d->gather);
    restart_all(d, STAGGER);
}

/* What our NAT is chooses the strategies: a round that takes it for another leads nowhere. Of
 * anything else rounds under way tell by themselves; a waiting one need not wait any longer. */
static void on_gathered(void *arg)
{
    struct punch_desk *d = arg;
    instant now = env_now(d->node->env);
    struct nat_facts facts = gather_facts(&d->gather);
    bool other = !punch_is_same_nat(&facts, &d->facts);

    d->facts = facts;
    if (other) {
        restart_all(d, STAGGER);
        return;
    }
    list_each(node, &d->efforts)
    {
        struct effort *e = list_entry(node, struct effort, link);
        if (e->stage == EFFORT_WAITING)
            effort_restart(e, now);
    }
    wake(d);
}

/* ---- what happens ---- */

void punch_desk_on_conn(struct punch_desk *d, struct peer *p, struct quic_conn *conn, bool ended)
{
    struct quic_conn_info info;
    struct effort *e = effort_of(d, &p->id);

    quic_conn_info(conn, &info);
    if (!ended && !e && info.path.kind != PATH_UDP)
        e = get_effort(d, &p->id);
    if (e && ended && e->early_conn == conn)
        e->early_conn = NULL;
    if (e && ended && e->conn == conn) {
        e->conn = NULL;
        effort_rest(e);
    }
    if (ended)
        kept_sockets_review(&d->means.kept, conn);
    wake(d);
}

void punch_desk_on_part(struct punch_desk *d, struct peer *p, struct quic_conn *conn,
                        const struct message_part *part)
{
    struct punch_message m;
    struct effort *e;

    if (!punch_message_is(part) || punch_message_read(&m, part) < 0)
        return;
    if (!may_punch(d, &p->id)) {
        if (m.type == PUNCH_PUNCH)
            effort_tell_end(conn, m.round, PUNCH_OFF);
        return;
    }
    e = m.type == PUNCH_PUNCH ? get_effort(d, &p->id) : effort_of(d, &p->id);
    if (!e)
        return;
    look_at(d, e, env_now(d->node->env));
    if (e->conn == conn) {
        effort_message(e, env_now(d->node->env), &m);
    } else if (m.type == PUNCH_PUNCH) { /* the other side uses this one already */
        e->early_conn = conn;
        e->early = m;
    }
    wake(d);
}

void punch_desk_on_probe(struct punch_desk *d, struct quic_conn *conn, const struct path *path,
                         bool works)
{
    list_each(node, &d->efforts)
    {
        struct effort *e = list_entry(node, struct effort, link);
        if (e->conn != conn || !e->running)
            continue;
        punch_round_heard(e->running, env_now(d->node->env), path, works);
        wake(d);
        return;
    }
}

void punch_desk_on_refused(struct punch_desk *d, const struct peer_id *id, const struct addr *to)
{
    struct effort *e = effort_of(d, id);

    if (!e || !e->running)
        return;
    punch_round_refused(e->running, env_now(d->node->env), to);
    wake(d);
}

void punch_desk_on_wake(struct punch_desk *d)
{
    wake(d);
}

const char *punch_desk_why(struct punch_desk *d, const struct peer_id *id)
{
    struct effort *e = effort_of(d, id);

    if (d->node->options->no_punching)
        return "punching is switched off ([punch] mode = off)";
    return e ? effort_why(e, env_now(d->node->env)) : "no direct path has answered yet";
}

void punch_desk_round(struct punch_desk *d, const struct peer_id *id, struct round_view *out)
{
    const struct effort *e = effort_of(d, id);

    *out = (struct round_view){0};
    if (e)
        effort_round(e, out);
}

/* ---- life ---- */

static void on_wake(struct punch_means *means)
{
    wake(container_of(means, struct punch_desk, means));
}

void punch_desk_start(struct punch_desk *d, const struct desk *node, struct stun_desk *stun,
                      struct tcp_roads *tcp)
{
    *d = (struct punch_desk){.node = node, .timer.fire = on_timer};
    list_init(&d->efforts);
    d->means = (struct punch_means){
        .node = node, .gather = &d->gather, .stun = stun, .tcp = tcp, .wake = on_wake};
    list_init(&d->means.kept);
    env_random(node->env, d->means.common.secret, sizeof(d->means.common.secret));
    gather_start(&d->gather, node, on_gathered, d);
}

void punch_desk_stop(struct punch_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    for (struct list *node; (node = list_first(&d->efforts));)
        free_effort(list_entry(node, struct effort, link));
    kept_sockets_close(&d->means.kept);
    *d = (struct punch_desk){0};
}
