#include "config/control/watch.h"

#include "config/control/ask.h"
#include "config/control/render.h"
#include "config/control/render_status.h"
#include "config/control/tell.h"

#define TICK SEC(1)

struct watch {
    bool page;
    json_t *before; /* the last status, for what moved since */
    instant shown;  /* when that was */
};

static int show(struct watch *w, const struct front *f, json_t *answer)
{
    json_t *status = json_object_get(answer, "result");
    instant now = env_now(f->env);

    if (!w->page || !status)
        return tell_answer(f, answer);
    render_status_page(f, status, w->before, (double)(now - w->shown) / 1e9);
    json_decref(w->before);
    w->before = json_incref(status);
    w->shown = now;
    json_decref(answer);
    return CLI_OK;
}

static int watch(struct watch *w, const struct front *f, const json_t *request)
{
    for (;;) {
        struct asked asked = ask_at_once(f, request);
        if (asked_nobody(&asked))
            return tell_no_gateway(f);
        if (asked.err < 0)
            return tell_lost(f, asked.err);
        int code = show(w, f, asked.answer);
        if (code != CLI_OK)
            return code;
        ask_wait(f, TICK);
    }
}

int watch_status(struct front *f, const json_t *request)
{
    struct watch w = {.page = f->host->is_terminal(f->host->arg, 1) && !f->json};
    int code = front_open_home(f, false);

    if (code != CLI_OK)
        return code == CLI_UNKNOWN ? tell_no_gateway(f) : code;
    code = watch(&w, f, request);
    json_decref(w.before);
    return code;
}
