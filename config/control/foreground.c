#include "config/control/foreground.h"

#include <errno.h>
#include <string.h>

#include "config/control/client.h"
#include "config/control/render.h"

struct foreground {
    struct front *front;
    const json_t *request;
    struct client asking, stopping;
    int code;
};

static void on_nothing(void *arg, const json_t *event)
{
    (void)arg;
    (void)event;
}

static void on_stopped(void *arg, int err, const json_t *answer)
{
    (void)arg;
    (void)err;
    (void)answer;
}

static const struct client_handler STOP_HANDLER = {on_nothing, on_stopped};

/** The gateway was run for this request alone, so it ends with it. */
static void end(struct foreground *g)
{
    json_t *stop = json_pack("{s:s}", "cmd", "stop");

    if (client_start(&g->stopping, g->front->env, g->front->home, stop, &STOP_HANDLER, g) < 0)
        g->code = CLI_FAILED;
    json_decref(stop);
}

static void on_event(void *arg, const json_t *event)
{
    struct foreground *g = arg;
    render_event(g->front, event);
}

static void on_done(void *arg, int err, const json_t *answer)
{
    struct foreground *g = arg;

    if (answer && json_object_get(answer, "error"))
        g->code = front_fail_json(g->front, answer);
    else if (answer)
        render_result(g->front, json_object_get(answer, "result"));
    else if (err != -ECONNRESET) /* that is the gateway's ordinary end */
        g->code = front_fail(g->front, CLI_FAILED, NULL, "%s", strerror(-err));
    if (err != -ECONNRESET)
        end(g);
}

static const struct client_handler HANDLER = {on_event, on_done};

static void ready(void *arg)
{
    struct foreground *g = arg;
    int err = client_start(&g->asking, g->front->env, g->front->home, g->request, &HANDLER, g);

    if (err < 0) {
        g->code = front_fail(g->front, CLI_FAILED, NULL, "%s", strerror(-err));
        end(g);
    }
}

static int run(struct front *f, struct settings *settings, const json_t *request)
{
    char why[512] = "";
    struct foreground g = {.front = f, .request = request};
    const struct cli_daemon daemon = {.home = f->home,
                                      .env = f->env,
                                      .settings = settings,
                                      .config = f->config,
                                      .config_optional = !f->config_named,
                                      .verbosity = f->quiet ? -1 : f->verbosity,
                                      .foreground = request != NULL,
                                      .ready = request ? ready : NULL,
                                      .ready_arg = &g};

    int code = f->host->daemon(f->host->arg, &daemon, why, sizeof(why));
    client_stop(&g.asking);
    client_stop(&g.stopping);
    if (code != CLI_OK)
        return front_fail(f, (enum cli_exit)code, NULL, "%s", *why ? why : "the gateway failed");
    return g.code;
}

static int lock(const struct front *f)
{
    int pid = 0;
    int err = f->host->lock(f->host->arg, &pid);

    if (err == -EBUSY)
        return front_fail(f, CLI_FAILED, "overlay status",
                          "a gateway runs on %s already, process %d", f->home, pid);
    if (err < 0)
        return front_fail(f, CLI_FAILED, NULL, "%s/lock: %s", f->home, strerror(-err));
    return CLI_OK;
}

int foreground_run(struct front *f, const json_t *request)
{
    struct settings settings;
    int code = front_open_home(f, true);

    if (code != CLI_OK)
        return code;
    code = front_read_config(f, &settings);
    if (code == CLI_OK)
        code = lock(f);
    if (code == CLI_OK)
        code = run(f, &settings, request);
    settings_deinit(&settings);
    return code;
}
