#include "config/control/ask.h"

#include <errno.h>

#include "config/control/client.h"
#include "config/control/render.h"

struct asking {
    const struct front *front;
    struct asked asked;
    struct timer patience;
    bool over;
};

static void on_event(void *arg, const json_t *event)
{
    struct asking *a = arg;
    render_event(a->front, event);
}

static void on_done(void *arg, int err, const json_t *answer)
{
    struct asking *a = arg;
    const struct cli_host *host = a->front->host;

    a->asked.err = err;
    a->asked.answer = answer ? json_incref((json_t *)answer) : NULL;
    a->over = true;
    host->loop_stop(host->arg);
}

static const struct client_handler HANDLER = {on_event, on_done};

static void on_silence(struct timer *timer)
{
    struct asking *a = container_of(timer, struct asking, patience);
    if (!a->over)
        on_done(a, -ETIMEDOUT, NULL);
}

static struct asked ask(const struct front *f, const json_t *request, bool raw, instant patience)
{
    struct asking a = {.front = f, .patience = {.fire = on_silence}};
    struct client client;

    int err = client_start(&client, f->env, f->home, request, &HANDLER, &a);
    if (err < 0) {
        a.asked.err = err;
        return a.asked;
    }
    if (patience != INSTANT_NEVER)
        timer_set(f->env, &a.patience, env_now(f->env) + patience);
    while (!a.over)
        f->host->loop_run(f->host->arg);
    timer_stop(f->env, &a.patience);
    if (raw && a.asked.err == 0 && json_is_true(json_object_get(a.asked.answer, "ok")))
        a.asked.sock = client_take(&client, &a.asked.early, &a.asked.early_len);
    client_stop(&client);
    return a.asked;
}

struct asked ask_gateway(const struct front *f, const json_t *request, bool raw)
{
    return ask(f, request, raw, INSTANT_NEVER);
}

struct asked ask_at_once(const struct front *f, const json_t *request)
{
    return ask(f, request, false, ASK_PATIENCE);
}

bool asked_nobody(const struct asked *a)
{
    return a->err == -ENOENT || a->err == -ECONNREFUSED || a->err == -ENOTDIR;
}

struct pause {
    const struct cli_host *host;
    struct timer timer;
    bool over;
};

static void on_time(struct timer *timer)
{
    struct pause *p = container_of(timer, struct pause, timer);

    p->over = true;
    p->host->loop_stop(p->host->arg);
}

void ask_wait(const struct front *f, instant span)
{
    struct pause p = {.host = f->host, .timer = {.fire = on_time}};

    timer_set(f->env, &p.timer, env_now(f->env) + span);
    while (!p.over)
        f->host->loop_run(f->host->arg);
}
