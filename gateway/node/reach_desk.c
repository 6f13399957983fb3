#include "gateway/node/reach_desk.h"

#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/peer/peer.h"

#define WITHIN  MSEC(1500) /* of a request, besides the session's round trips */
#define ARRIVES MSEC(700)  /* after the helper said that it dialled */
#define BETTER  MSEC(200)  /* after something came from another port: what tells more */

static instant now_of(const struct reach_desk *d)
{
    return env_now(d->node->env);
}

static void set_timer(struct reach_desk *d)
{
    instant due = INSTANT_NEVER;

    list_each(node, &d->checks)
    {
        const struct reach_check *c = list_entry(node, struct reach_check, link);
        if (c->due < due)
            due = c->due;
    }
    timer_set(d->node->env, &d->timer, due);
}

/* ---- who may help ---- */

struct search {
    const struct reach_desk *desk;
    struct reach_check *check;
    struct quic_conn *found;
    struct peer_id id;
    struct addr at;
    instant rtt;
};

static bool was_tried(const struct reach_check *c, const struct peer_id *id)
{
    for (unsigned i = 0; i < c->tries && i < REACH_HELPERS_MAX; i++)
        if (peer_id_equal(&c->tried[i], id))
            return true;
    return false;
}

/* It dials the address that it sees us at, so that must be the target's. Whoever just happens to
 * be connected could say anything. */
static void consider(void *arg, struct peer *p)
{
    struct search *s = arg;
    struct quic_conn_info info;
    struct path_info path;

    if (s->found || !peer_session(p) || was_tried(s->check, &p->id))
        return;
    quic_conn_info(peer_conn(p), &info);
    if (quic_conn_paths(peer_conn(p), &path, 1) == 0 || path.path.kind != PATH_UDP ||
        !addr_same_ip(&path.seen, &s->check->target))
        return;
    if (!info.dialled && !registry_peer(s->desk->node->registry, &p->id))
        return;
    if (!addr_is_none(&s->check->helper) && !addr_equal(&s->check->helper, &path.path.remote))
        return;
    s->found = peer_conn(p);
    s->id = p->id;
    s->at = path.path.remote;
    s->rtt = info.rtt;
}

static void ask(struct reach_desk *d, struct reach_check *c, const struct search *helper)
{
    uint8_t out[REACH_MESSAGE_MAX];
    struct reach_message m = {
        .type = REACH_DIAL_BACK,
        .v6 = addr_is_v6(&c->target),
        .port = addr_port(&c->target),
    };

    c->asked = helper->found;
    c->asked_at = helper->at;
    c->tried[c->tries++] = helper->id;
    c->due = now_of(d) + WITHIN + 3 * helper->rtt;
    memcpy(m.token, c->token, sizeof(m.token));
    const struct message_part part = reach_message_write(&m, out);
    peer_tell_part(helper->found, &part);
}

/* ---- the course of a check ---- */

static void finish(struct reach_check *c)
{
    enum reach result = c->result;

    if (result == REACH_UNKNOWN && c->dialled)
        result = REACH_NO;
    list_remove(&c->link);
    c->asked = NULL;
    c->done(c, result);
}

/* What was asked of one brought nothing: the next. A datagram may get lost, so with one alone it is
 * asked twice. */
static void go_on(struct reach_desk *d, struct reach_check *c)
{
    struct search s = {.desk = d, .check = c};

    c->asked = NULL;
    if (c->result == REACH_UNKNOWN && c->tries < REACH_HELPERS_MAX)
        d->node->each(d->node->node, consider, &s);
    if (!s.found && c->result == REACH_UNKNOWN && c->tries == 1) {
        memset(&c->tried[0], 0, sizeof(c->tried[0]));
        d->node->each(d->node->node, consider, &s);
    }
    if (s.found)
        ask(d, c, &s);
    else
        finish(c);
}

static void on_timer(struct timer *timer)
{
    struct reach_desk *d = container_of(timer, struct reach_desk, timer);
    instant now = now_of(d);
    struct list all;

    list_take_all(&all, &d->checks);
    for (struct list *node; (node = list_first(&all));) {
        struct reach_check *c = list_entry(node, struct reach_check, link);
        list_remove(node);
        list_append(&d->checks, node);
        if (now >= c->due)
            go_on(d, c);
    }
    set_timer(d);
}

void reach_desk_verify(struct reach_desk *d, struct reach_check *c, const struct addr *target)
{
    reach_desk_cancel(d, c);
    c->target = *target;
    c->tries = 0;
    c->dialled = c->far = false;
    c->result = REACH_UNKNOWN;
    c->asked = NULL;
    c->due = now_of(d);
    env_random(d->node->env, c->token, sizeof(c->token));
    list_append(&d->checks, &c->link);
    set_timer(d);
}

void reach_desk_cancel(struct reach_desk *d, struct reach_check *c)
{
    (void)d;
    list_remove(&c->link);
    c->asked = NULL;
}

/* ---- what happens ---- */

void reach_desk_on_conn(struct reach_desk *d, struct quic_conn *conn, bool ended)
{
    list_each(node, &d->checks)
    {
        struct reach_check *c = list_entry(node, struct reach_check, link);
        if (!ended || c->asked != conn)
            continue;
        c->asked = NULL;
        c->due = now_of(d);
    }
    set_timer(d);
}

static void on_dialled(struct reach_desk *d, struct quic_conn *conn, const struct reach_message *m)
{
    list_each(node, &d->checks)
    {
        struct reach_check *c = list_entry(node, struct reach_check, link);
        if (c->asked != conn || memcmp(c->token, m->token, sizeof(m->token)) != 0)
            continue;
        bool sent = m->status == REACH_SENT || m->status == REACH_SENT_TWICE;
        c->dialled = c->dialled || sent;
        c->far = c->far || m->status == REACH_SENT_TWICE;
        instant due = now_of(d) + (sent ? ARRIVES : 0);
        c->due = due < c->due ? due : c->due;
    }
    set_timer(d);
}

static void answer(struct reach_desk *d, struct quic_conn *conn, const struct reach_message *m)
{
    uint8_t out[REACH_MESSAGE_MAX];
    struct reach_message reply = *m;

    reply.type = REACH_DIALLED_BACK;
    reply.status = reach_help_dial(&d->help, conn, m);
    const struct message_part part = reach_message_write(&reply, out);
    peer_tell_part(conn, &part);
}

void reach_desk_on_part(struct reach_desk *d, struct quic_conn *conn,
                        const struct message_part *part)
{
    struct reach_message m;

    if (!reach_message_is(part) || reach_message_read(&m, part) < 0)
        return;
    if (m.type == REACH_DIAL_BACK)
        answer(d, conn, &m);
    else
        on_dialled(d, conn, &m);
}

bool reach_desk_input(struct reach_desk *d, const struct udp_rx *rx, uint32_t via)
{
    const uint8_t *token = reach_datagram_token(rx->data, rx->len);

    if (!token)
        return false;
    list_each(node, &d->checks)
    {
        struct reach_check *c = list_entry(node, struct reach_check, link);
        if (c->via != via || !secret_equal(c->token, token, sizeof(c->token)) || !c->asked)
            continue;
        /* From where its session is proves nothing. */
        if (addr_equal(&rx->from, &c->asked_at))
            return true;
        bool known = addr_same_ip(&rx->from, &c->asked_at);
        if (!known || c->result == REACH_UNKNOWN)
            c->result = known ? REACH_PORT : REACH_YES;
        c->due = rx->now + (known ? BETTER : 0);
        set_timer(d);
        return true;
    }
    return false;
}

/* ---- life ---- */

void reach_desk_start(struct reach_desk *d, const struct desk *node)
{
    *d = (struct reach_desk){.node = node, .timer.fire = on_timer};
    list_init(&d->checks);
    reach_help_init(&d->help, node);
}

void reach_desk_stop(struct reach_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    for (struct list *node; (node = list_first(&d->checks));)
        list_remove(node);
    *d = (struct reach_desk){0};
}
