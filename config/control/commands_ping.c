/* ping: round trips to a peer, one a second. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"

enum { COUNT_DEFAULT = 4, COUNT_UNTIL_DIRECT = 30, COUNT_MAX = 1000000, REPLIES_MAX = 1000 };

#define INTERVAL SEC(1)
#define LOOK     MSEC(100) /* how often --until-direct looks for a direct path */

struct pinging {
    struct call *call;
    struct peer_id peer;
    char label[PEER_LABEL_MAX];
    struct node_wait wait;
    struct node_ping ping;
    struct timer timer;
    instant last;          /* when the last one left */
    struct peer_view then; /* and the way that it took */
    const char *was;       /* the way of the last answer: "relay", "direct" or NULL */
    double was_ms;
    char why[160]; /* it was not direct, as was said last */
    bool connecting, asking, until_direct, got_direct;
    int64_t count, sent, received;
    double least, most, sum; /* ms */
    json_t *replies;         /* the first REPLIES_MAX, null for none */
};

static void pinging_free(struct pinging *p)
{
    struct command_context *c = p->call->context;

    if (p->connecting)
        node_connect_cancel(&p->wait);
    if (p->asking)
        node_ping_cancel(c->node, &p->ping);
    timer_stop(c->env, &p->timer);
    json_decref(p->replies);
    p->call->state = NULL;
    free(p);
}

static void finish(struct pinging *p, json_t *answer)
{
    struct call *call = p->call;

    pinging_free(p);
    call->finish(call, answer);
}

static const char *way_of(const struct peer_view *view)
{
    return view->state == PEER_RELAYED ? "relay" : "direct";
}

static bool look(const struct pinging *p, struct peer_view *view)
{
    *view = (struct peer_view){.state = PEER_IDLE};
    (void)node_peer(p->call->context->node, &p->peer, view);
    return view->state == PEER_DIRECT;
}

static void sum_up(struct pinging *p)
{
    struct peer_view view;

    (void)look(p, &view);
    if (p->received == 0) {
        finish(p, protocol_error(CLI_UNREACHABLE, "overlay status", "%s did not answer", p->label));
    } else if (p->until_direct && !p->got_direct) {
        finish(p, protocol_error(
                      CLI_FAILED, "overlay doctor", "%s answered, but never directly: %s", p->label,
                      view.why_not_direct ? view.why_not_direct : "it is just becoming so"));
    } else {
        finish(p, protocol_ok(json_pack("{s:o, s:I, s:I, s:f, s:f, s:f, s:O}", "peer",
                                        protocol_text(p->label), "sent", (json_int_t)p->sent,
                                        "received", (json_int_t)p->received, "min_ms", p->least,
                                        "avg_ms", p->sum / (double)p->received, "max_ms", p->most,
                                        "replies_ms", p->replies)));
    }
}

/** Who waits for a direct path wants to know what it waits for, and when that changes; not each
 *  second of a pause, which stands behind a semicolon. */
static void add_why(struct pinging *p, json_t *event)
{
    struct peer_view view;

    if (!p->until_direct || look(p, &view) || view.state != PEER_RELAYED || !view.why_not_direct)
        return;
    size_t len = strcspn(view.why_not_direct, ";");
    len = len < sizeof(p->why) ? len : sizeof(p->why) - 1;
    if (strncmp(p->why, view.why_not_direct, len) == 0 && p->why[len] == '\0')
        return;
    (void)snprintf(p->why, sizeof(p->why), "%.*s", (int)len, view.why_not_direct);
    (void)json_object_set_new(event, "why_not_direct", protocol_text(view.why_not_direct));
}

/** An answer or none, by the way that the question took; the first that came by another way than
 *  the one before says so. */
static json_t *event_of(struct pinging *p, int err, double ms)
{
    const char *way = way_of(&p->then);
    json_t *event = json_pack("{s:s, s:I, s:o, s:o, s:s, s:o}", "event", "ping", "seq",
                              (json_int_t)p->sent, "peer", protocol_text(p->label), "rtt_ms",
                              err < 0 ? json_null() : json_real(ms), "path", way, "remote",
                              p->then.path.present ? addr_json(&p->then.path.remote) : json_null());

    add_why(p, event);
    if (err < 0)
        return event;
    if (p->was && p->was != way)
        (void)json_object_set_new(event, "before",
                                  json_pack("{s:s, s:f}", "path", p->was, "rtt_ms", p->was_ms));
    p->was = way;
    p->was_ms = ms;
    return event;
}

static void answered(struct node_ping *ping, int err, instant rtt)
{
    struct pinging *p = container_of(ping, struct pinging, ping);
    double ms = (double)rtt / 1e6;

    p->asking = false;
    if (err == 0) {
        p->least = p->received == 0 || ms < p->least ? ms : p->least;
        p->most = ms > p->most ? ms : p->most;
        p->sum += ms;
        p->received++;
        p->got_direct |= p->then.state == PEER_DIRECT;
    }
    if (json_array_size(p->replies) < REPLIES_MAX)
        (void)json_array_append_new(p->replies, err == 0 ? json_real(ms) : json_null());
    p->call->emit(p->call, event_of(p, err, ms));
    if (p->sent >= p->count || (p->until_direct && p->got_direct) || err == -ENOTCONN)
        sum_up(p);
    else
        timer_set(p->call->context->env, &p->timer, p->last + (p->until_direct ? LOOK : INTERVAL));
}

static void ask(struct pinging *p)
{
    struct command_context *c = p->call->context;

    (void)look(p, &p->then);
    p->sent++;
    p->asking = true;
    p->last = env_now(c->env);
    p->ping = (struct node_ping){.done = answered};
    node_ping(c->node, &p->peer, &p->ping);
}

/** The next question: one a second, but at once when what is waited for has come. */
static void on_timer(struct timer *timer)
{
    struct pinging *p = container_of(timer, struct pinging, timer);
    struct env *env = p->call->context->env;
    struct peer_view view;

    if (env_now(env) >= p->last + INTERVAL || (p->until_direct && look(p, &view)))
        ask(p);
    else
        timer_set(env, &p->timer, env_now(env) + LOOK);
}

static void connected(struct node_wait *w, int err, const char *why)
{
    struct pinging *p = container_of(w, struct pinging, wait);

    p->connecting = false;
    if (err < 0)
        finish(p, connect_error(p->call->context, p->label, err, why));
    else
        ask(p);
}

static void cancel(struct call *call)
{
    pinging_free(call->state);
}

void command_ping(struct call *call, const json_t *request)
{
    struct pinging *p = calloc(1, sizeof(*p));
    json_t *refusal = NULL;

    if (!p) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    p->call = call;
    p->timer.fire = on_timer;
    p->replies = json_array();
    p->until_direct = protocol_bool(request, "until_direct");
    p->count =
        protocol_number(request, "count", p->until_direct ? COUNT_UNTIL_DIRECT : COUNT_DEFAULT);
    if (p->count < 1 || p->count > COUNT_MAX)
        refusal = protocol_error(CLI_USAGE, NULL, "-c takes a number from 1 to %d", COUNT_MAX);
    if (!refusal)
        refusal = lookup_peer(call->context, protocol_string(request, "peer"), &p->peer);
    if (refusal) {
        finish(p, refusal);
        return;
    }
    (void)peer_label(call->context, &p->peer, p->label);
    call->state = p;
    call->cancel = cancel;
    p->connecting = true;
    p->wait.done = connected;
    node_connect(call->context->node, &p->peer, &p->wait);
}
