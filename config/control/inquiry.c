#include "config/control/inquiry.h"

#include <errno.h>

/* The other side may have to dial its target before it can say yes. */
#define ANSWER_WITHIN SEC(8)

void inquiry_stop(struct inquiry *q)
{
    if (!q->pipe)
        return;
    timer_stop(q->env, &q->timer);
    q->pipe->ops->reset(q->pipe, PIPE_RESET_ABORTED);
    q->pipe = NULL;
}

static void settle(struct inquiry *q, int err, const struct preamble_answer *answer)
{
    inquiry_stop(q);
    q->done(q, err, answer);
}

static void on_readable(void *arg)
{
    struct inquiry *q = arg;
    struct preamble_answer answer;

    int err = node_take_answer(q->pipe, &answer);
    if (err != -EAGAIN)
        settle(q, err, err == 0 ? &answer : NULL);
}

static void on_writable(void *arg)
{
    (void)arg; /* the question is all that is written */
}

static void on_reset(void *arg, enum pipe_reset why)
{
    (void)why;
    settle(arg, -ECONNRESET, NULL);
}

static const struct pipe_handler HANDLER = {on_readable, on_writable, on_reset};

static void on_timer(struct timer *timer)
{
    settle(container_of(timer, struct inquiry, timer), -ETIMEDOUT, NULL);
}

int inquiry_start(struct inquiry *q, struct command_context *c, const struct peer_id *peer,
                  const struct preamble *what,
                  void (*done)(struct inquiry *q, int err, const struct preamble_answer *answer))
{
    *q = (struct inquiry){.env = c->env, .done = done, .timer.fire = on_timer};
    int err = node_open_stream(c->node, peer, what, &q->pipe);
    if (err < 0) {
        q->pipe = NULL;
        return err;
    }
    timer_set(q->env, &q->timer, env_now(q->env) + ANSWER_WITHIN);
    pipe_attach(q->pipe, &HANDLER, q);
    return 0;
}
