#include "config/control/page_desk.h"

#include <stdlib.h>
#include <string.h>

#include "config/control/command.h"
#include "config/control/page_view.h"
#include "config/control/qr.h"
#include "gateway/node/invites.h"

struct page_desk {
    struct command_context *context;
    struct node_watch watch;
    struct timer sample;
    int64_t since; /* seconds since 1970 */
    struct rtt_history history;
};

/* ---- round-trip times ---- */

/* Returns how many peers are connected. */
static size_t take_sample(struct page_desk *d)
{
    struct node *node = d->context->node;
    size_t count = node_peers(node, NULL, 0), connected = 0;
    auto_free struct peer_view *views = calloc(count + 1, sizeof(*views));

    if (views)
        count = node_peers(node, views, count);
    rtt_history_turn(&d->history);
    for (size_t i = 0; views && i < count; i++) {
        if (!views[i].path.present)
            continue;
        connected++;
        if (views[i].path.rtt > 0)
            rtt_history_add(&d->history, &views[i].id, views[i].path.rtt);
    }
    return connected;
}

static void on_sample(struct timer *timer)
{
    struct page_desk *d = container_of(timer, struct page_desk, sample);
    struct env *env = d->context->env;

    if (take_sample(d) > 0 || !rtt_history_is_empty(&d->history))
        timer_set(env, &d->sample, env_now(env) + RTT_SAMPLE_WAIT);
}

static void on_changed(struct node_watch *watch, const struct peer_id *peer)
{
    struct page_desk *d = container_of(watch, struct page_desk, watch);

    if (peer && d->sample.slot == 0)
        timer_set(d->context->env, &d->sample, env_now(d->context->env) + RTT_SAMPLE_WAIT);
}

/* ---- what is shown ---- */

static char *written(json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

    json_decref(value);
    return text;
}

char *page_desk_show(struct page_desk *d, bool trusted)
{
    return written(page_view(d->context, &d->history, d->since, trusted));
}

/* ---- what is done ---- */

/** A command that has a call to answer through, and does so before it returns. */
struct at_once {
    struct call call;
    json_t *answer;
};

static void ignore_event(struct call *call, json_t *event)
{
    (void)call;
    json_decref(event);
}

static bool always_flushed(const struct call *call)
{
    (void)call;
    return true;
}

static void keep_answer(struct call *call, json_t *answer)
{
    container_of(call, struct at_once, call)->answer = answer;
}

static json_t *start_at_once(struct page_desk *d, const struct command *command,
                             const json_t *request)
{
    struct at_once now = {.call = {.context = d->context,
                                   .emit = ignore_event,
                                   .is_flushed = always_flushed,
                                   .finish = keep_answer}};

    json_t *refusal = protocol_check(request, command->arguments);
    if (refusal)
        return refusal;
    command->start(&now.call, request);
    return now.answer;
}

static json_t *draw_invite(struct page_desk *d, const json_t *request)
{
    static const struct protocol_argument ARGUMENTS[] = {{"number", PROTOCOL_NUMBER, true},
                                                         {NULL, PROTOCOL_STRING, false}};
    auto_free struct node_invite *all = calloc(NODE_INVITES_MAX, sizeof(*all));
    size_t count = all ? node_invites(d->context->node, all, NODE_INVITES_MAX) : 0;
    json_t *refusal = protocol_check(request, ARGUMENTS);
    struct qr code;

    if (refusal)
        return refusal;
    for (size_t i = 0; i < count; i++) {
        if (all[i].number != protocol_number(request, "number", 0) ||
            qr_draw(&code, all[i].ticket) < 0)
            continue;
        auto_free char *path = qr_path(&code);
        json_t *picture = json_pack("{s:i, s:o}", "width", code.width, "path", protocol_text(path));
        qr_deinit(&code);
        return protocol_ok(picture);
    }
    return protocol_error(CLI_UNKNOWN, NULL, "there is no such invite");
}

/* What the page can ask for. Opening, sharing and the like touch this machine's own ports and
 * files: that is for the command line. */
static const char *const ALLOWED[] = {"invite", "revoke", "close", "block", "unblock"};

static json_t *carry_out(struct page_desk *d, json_t *request)
{
    const char *name = protocol_command(request);
    const struct command *command = NULL;

    if (strcmp(name, "qr") == 0)
        return draw_invite(d, request);
    for (size_t i = 0; i < sizeof(ALLOWED) / sizeof(ALLOWED[0]); i++) {
        if (strcmp(ALLOWED[i], name) == 0)
            command = command_find(name);
    }
    if (!command)
        return protocol_error(CLI_USAGE, NULL, "the page cannot do '%.40s'", name);
    if (command->run)
        return command_run(d->context, request);
    (void)json_object_del(request, "wait"); /* nobody would be told */
    return start_at_once(d, command, request);
}

char *page_desk_act(struct page_desk *d, const char *text, size_t len, bool *done)
{
    json_t *answer = NULL;
    json_t *request = protocol_read(text, len, &answer);

    if (request)
        answer = carry_out(d, request);
    json_decref(request);
    *done = json_is_true(json_object_get(answer, "ok"));
    return written(answer);
}

/* ---- the desk ---- */

int page_desk_new(struct page_desk **out, struct command_context *context)
{
    struct page_desk *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    d->context = context;
    d->since = env_wall_us(context->env) / 1000000;
    d->watch.changed = on_changed;
    d->sample.fire = on_sample;
    node_watch(context->node, &d->watch);
    *out = d;
    return 0;
}

void page_desk_free(struct page_desk *d)
{
    if (!d)
        return;
    node_unwatch(&d->watch);
    timer_stop(d->context->env, &d->sample);
    free(d);
}
