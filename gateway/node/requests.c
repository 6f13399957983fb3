/* What adapters and the control server ask of the gateway: sessions, streams, flows, pings. */
#include "gateway/node/members.h"

#include <errno.h>
#include <string.h>

#include "gateway/peer/talk.h"

#define PING_WITHIN SEC(5)

void node_connect(struct node *n, const struct peer_id *id, struct node_wait *w)
{
    bool blocked = registry_is_blocked(n->registry, id);
    struct member *m = blocked ? NULL : member_get(n, id);

    if (!m) {
        list_append(&n->refused, &w->link);
        env_defer(n->env, &n->chores);
    } else if (peer_session(&m->peer)) {
        list_append(&n->finished, &w->link);
        env_defer(n->env, &n->chores);
    } else {
        list_append(&m->waits, &w->link);
        peer_connect(&m->peer);
    }
}

void node_connect_cancel(struct node_wait *w)
{
    list_remove(&w->link);
}

static struct session *session_of(struct node *n, const struct peer_id *id)
{
    struct member *m = member_find(n, id);
    return m ? peer_session(&m->peer) : NULL;
}

int node_open_stream(struct node *n, const struct peer_id *id, const struct preamble *what,
                     struct pipe **out)
{
    struct session *s = session_of(n, id);
    return s ? session_open_stream(s, what, out) : -ENOTCONN;
}

int node_take_answer(struct pipe *pipe, struct preamble_answer *out)
{
    return talk_take_answer(pipe, out);
}

void node_answer(struct pipe *pipe, enum preamble_status status, const char *reason)
{
    talk_answer(pipe, status, reason);
}

int node_open_flow(struct node *n, const struct peer_id *id, const struct preamble *what,
                   const struct flow_handler *handler, void *arg, struct flow **out)
{
    struct session *s = session_of(n, id);
    return s ? session_open_flow(s, what, handler, arg, out) : -ENOTCONN;
}

void node_flow_attach(struct flow *f, const struct flow_handler *handler, void *arg)
{
    flow_attach(f, handler, arg);
}

void node_answer_flow(struct flow *f, enum preamble_status status, const char *reason)
{
    flow_answer(f, status, reason);
}

void node_flow_send(struct flow *f, const uint8_t *data, size_t len)
{
    flow_send(f, data, len);
}

void node_flow_close(struct flow *f)
{
    flow_close(f);
}

/* ---- messages that people carry ---- */

_Static_assert(NODE_MESSAGE_MAX == MAILBOX_TEXT_MAX && NODE_MESSAGE_ID_LEN == MAILBOX_ID_LEN, "");

void node_mail(const struct node *n, struct node_mail_view *out)
{
    mail_desk_view(&n->mail, out);
}

void node_mailbox(const struct node *n, struct node_mailbox_view *out)
{
    mailbox_desk_view(&n->mailbox, out);
}

int node_mail_write(struct node *n, const struct peer_id *to, const uint8_t *re,
                    char out[static NODE_MESSAGE_MAX])
{
    return mail_desk_write(&n->mail, to, re, out);
}

int node_mail_read(struct node *n, const char *text, size_t len, struct node_message *out)
{
    struct mailbox_heard heard;
    int err = mail_desk_read(&n->mail, text, len, &heard);

    *out =
        (struct node_message){.from = heard.from, .answers = heard.message.flags & MAILBOX_ANSWER};
    memcpy(out->id, heard.message.id, sizeof(out->id));
    return err;
}

/* ---- pings ---- */

static void on_ping_timer(struct timer *timer)
{
    struct node_ping *p = container_of(timer, struct node_ping, timer);
    bool sent = p->sent != 0;

    list_remove(&p->link);
    p->done(p, sent ? -ETIMEDOUT : -ENOTCONN, 0);
}

void node_ping(struct node *n, const struct peer_id *id, struct node_ping *p)
{
    struct member *m = member_find(n, id);
    struct session *s = session_of(n, id);
    instant now = env_now(n->env);

    env_random(n->env, &p->token, sizeof(p->token));
    p->timer.fire = on_ping_timer;
    p->sent = 0;
    if (s && session_ping(s, p->token) == 0) {
        p->sent = now;
        list_append(&m->pings, &p->link);
    }
    timer_set(n->env, &p->timer, p->sent ? now + PING_WITHIN : now);
}

void node_ping_cancel(struct node *n, struct node_ping *p)
{
    timer_stop(n->env, &p->timer);
    list_remove(&p->link);
}
