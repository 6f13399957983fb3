/* Streams that the peer opens: what do they want? */
#include "gateway/peer/session_parts.h"

#include <errno.h>
#include <stdlib.h>

#include "gateway/peer/talk.h"

/* A stream must have named its service by then. */
#define PREAMBLE_WITHIN SEC(10)

#define GREETINGS_MAX 256 /* streams that have not named their service yet */

/** A stream of the peer whose preamble is not whole yet. */
struct greeting {
    struct list node;
    struct session *session;
    struct pipe *pipe;
    struct timer timer;
};

static void tell_offence(struct session *s, enum session_offence what)
{
    s->options.events->on_offence(s->options.arg, s, what);
}

static void take_flow(struct session *s, const struct preamble *what, struct pipe *pipe)
{
    struct flow *flow;

    if (flow_new(&flow, &s->flows, pipe, false) < 0) {
        tell_offence(s, SESSION_TOO_MANY);
        pipe->ops->reset(pipe, PIPE_RESET_LIMIT);
        return;
    }
    s->options.events->on_flow(s->options.arg, s, what, flow);
}

static void take_stream(struct session *s, const struct preamble *what, struct pipe *pipe)
{
    switch (what->kind) {
    case PREAMBLE_TCP:
    case PREAMBLE_BENCH:
        s->options.events->on_stream(s->options.arg, s, what, pipe);
        return;
    case PREAMBLE_UDP:
        take_flow(s, what, pipe);
        return;
    case PREAMBLE_CONTROL:
        session_take_control(s, pipe);
        return;
    }
}

/* Returns -EAGAIN if more bytes are needed, or the peer's HELLO; else the stream has found its
 * owner. */
static int greet(struct session *s, struct pipe *pipe)
{
    uint8_t data[PREAMBLE_MAX];
    struct preamble what;
    int used = preamble_read(&what, data, talk_peek(pipe, data, sizeof(data)));

    if (used == -EAGAIN && !pipe->ops->at_end(pipe))
        return -EAGAIN;
    if (used < 0) {
        tell_offence(s, SESSION_BAD_STREAM);
        talk_answer(pipe, PREAMBLE_MALFORMED, "malformed preamble");
        pipe->ops->reset(pipe, PIPE_RESET_PROTOCOL);
        return 0;
    }
    if (what.kind != PREAMBLE_CONTROL && session_is_shut(s))
        return -EAGAIN;
    pipe->ops->consume(pipe, (size_t)used);
    take_stream(s, &what, pipe);
    return 0;
}

static void greeting_free(struct greeting *g)
{
    timer_stop(g->session->options.env, &g->timer);
    list_remove(&g->node);
    g->session->greeting_count--;
    free(g);
}

static void on_greeting_readable(void *arg)
{
    struct greeting *g = arg;
    if (greet(g->session, g->pipe) != -EAGAIN)
        greeting_free(g);
}

static void on_greeting_writable(void *arg)
{
    (void)arg; /* nothing waits to be written */
}

static void on_greeting_reset(void *arg, enum pipe_reset why)
{
    struct greeting *g = arg;
    (void)why;
    g->pipe->ops->close(g->pipe);
    greeting_free(g);
}

static const struct pipe_handler GREETING = {on_greeting_readable, on_greeting_writable,
                                             on_greeting_reset};

static void on_greeting_timer(struct timer *timer)
{
    struct greeting *g = container_of(timer, struct greeting, timer);
    tell_offence(g->session, SESSION_BAD_STREAM);
    g->pipe->ops->reset(g->pipe, PIPE_RESET_PROTOCOL);
    greeting_free(g);
}

static void wait_for_preamble(struct session *s, struct pipe *pipe)
{
    struct greeting *g = s->greeting_count < GREETINGS_MAX ? calloc(1, sizeof(*g)) : NULL;
    if (!g) {
        tell_offence(s, SESSION_TOO_MANY);
        pipe->ops->reset(pipe, PIPE_RESET_LIMIT);
        return;
    }
    g->session = s;
    g->pipe = pipe;
    g->timer.fire = on_greeting_timer;
    timer_set(s->options.env, &g->timer, env_now(s->options.env) + PREAMBLE_WITHIN);
    list_append(&s->greetings, &g->node);
    s->greeting_count++;
    pipe_attach(pipe, &GREETING, g);
}

void session_greet_again(struct session *s)
{
    struct list *next;
    for (struct list *node = s->greetings.next; node != &s->greetings; node = next) {
        next = node->next;
        on_greeting_readable(list_entry(node, struct greeting, node));
    }
}

void session_on_stream(struct session *s, struct pipe *pipe)
{
    /* Almost always the preamble is here whole, and nothing needs to be kept. */
    if (greet(s, pipe) == -EAGAIN)
        wait_for_preamble(s, pipe);
}

void session_on_datagram(struct session *s, instant now, const uint8_t *data, size_t len)
{
    flow_set_input(&s->flows, now, data, len);
}

void session_end_greetings(struct session *s)
{
    for (struct list *node; (node = list_first(&s->greetings));) {
        struct greeting *g = list_entry(node, struct greeting, node);
        g->pipe->ops->reset(g->pipe, PIPE_RESET_ABORTED);
        greeting_free(g);
    }
}
