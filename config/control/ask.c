#include "config/control/ask.h"

#include <errno.h>

#include "config/control/client.h"
#include "config/control/render.h"

struct asking {
    const struct front *front;
    struct asked asked;
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

struct asked ask_gateway(const struct front *f, const json_t *request, bool raw)
{
    struct asking a = {.front = f};
    struct client client;

    int err = client_start(&client, f->env, f->home, request, &HANDLER, &a);
    if (err < 0) {
        a.asked.err = err;
        return a.asked;
    }
    while (!a.over)
        f->host->loop_run(f->host->arg);
    if (raw && a.asked.err == 0 && json_is_true(json_object_get(a.asked.answer, "ok")))
        a.asked.sock = client_take(&client, &a.asked.early, &a.asked.early_len);
    client_stop(&client);
    return a.asked;
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
