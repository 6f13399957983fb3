#include "gateway/node/linger.h"

#include <stdlib.h>

#include "gateway/peer/talk.h"

#define LINGER_AT_MOST SEC(5)

struct lingering {
    struct list node;
    struct env *env;
    struct pipe *pipe;
    struct timer timer;
};

static void end(struct lingering *l)
{
    timer_stop(l->env, &l->timer);
    list_remove(&l->node);
    l->pipe->ops->close(l->pipe);
    free(l);
}

static void on_readable(void *arg)
{
    struct lingering *l = arg;

    talk_discard(l->pipe);
    if (l->pipe->ops->at_end(l->pipe))
        end(l);
}

static void on_writable(void *arg)
{
    (void)arg; /* the answer is all that is written */
}

static void on_reset(void *arg, enum pipe_reset why)
{
    (void)why;
    end(arg);
}

static void on_timer(struct timer *timer)
{
    end(container_of(timer, struct lingering, timer));
}

static const struct pipe_handler HANDLER = {on_readable, on_writable, on_reset};

void linger_refuse(struct env *env, struct list *all, struct pipe *pipe,
                   enum preamble_status status, const char *reason)
{
    talk_answer(pipe, status, reason);
    pipe->ops->finish(pipe);
    struct lingering *l = calloc(1, sizeof(*l));
    if (!l) {
        pipe->ops->close(pipe);
        return;
    }
    l->env = env;
    l->pipe = pipe;
    l->timer.fire = on_timer;
    list_append(all, &l->node);
    timer_set(env, &l->timer, env_now(env) + LINGER_AT_MOST);
    pipe_attach(pipe, &HANDLER, l);
    on_readable(l);
}

void linger_end(struct list *all)
{
    for (struct list *node; (node = list_first(all));)
        end(list_entry(node, struct lingering, node));
}
