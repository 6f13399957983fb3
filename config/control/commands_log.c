/* log: the last lines of what the gateway says about itself, and those to come. */
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"
#include "gateway/base/log_ring.h"

enum { LINES_DEFAULT = 50, AT_ONCE = 64 };

/* A caller that does not read is looked at again after this. */
#define PAUSE MSEC(100)

struct following {
    struct call *call;
    struct log_follower follower;
    struct deferred work;
    struct timer timer;
    uint64_t next;
};

/** Its name here, for a peer of which the line has the id. */
static json_t *alias_json(const struct command_context *c, const char *peer)
{
    struct peer_id id;

    if (!peer || peer_id_parse(&id, peer, strlen(peer)) < 0)
        return json_null();
    const struct known_peer *known = registry_peer(c->registry, &id);
    return protocol_text(known && *known->alias ? known->alias : NULL);
}

static json_t *entry_json(const struct command_context *c, const struct log_kept *k)
{
    const struct log_entry *e = &k->entry;

    return json_pack("{s:f, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "time", (double)k->wall_us / 1e6,
                     "level", log_level_name(e->level), "area", log_topic_name(e->topic), "event",
                     protocol_text(e->about.event), "peer", protocol_text(e->about.peer), "alias",
                     alias_json(c, e->about.peer), "address", protocol_text(e->about.address),
                     "text", protocol_text(e->line));
}

static void tell(struct call *call, const struct log_kept *k)
{
    call->emit(call,
               json_pack("{s:s, s:o}", "event", "log", "entry", entry_json(call->context, k)));
}

/* Lines that are gone before the caller took them are counted, not kept for it. */
static void tell_missed(struct following *f)
{
    const struct log_ring *ring = f->call->context->services->log;
    uint64_t oldest = log_ring_tail(ring, LOG_RING_MAX);

    if (f->next < oldest)
        f->call->emit(f->call, json_pack("{s:s, s:I}", "event", "missed", "lines",
                                         (json_int_t)(oldest - f->next)));
}

/* Reading the log must not grow it: nothing here may log. */
static void send_some(struct following *f)
{
    struct command_context *c = f->call->context;
    const struct log_kept *k;

    tell_missed(f);
    for (int i = 0; i < AT_ONCE && f->call->is_flushed(f->call); i++) {
        k = log_ring_read(c->services->log, &f->next);
        if (!k)
            return;
        tell(f->call, k);
    }
    timer_set(c->env, &f->timer, env_now(c->env) + PAUSE);
}

static void on_work(struct deferred *work)
{
    send_some(container_of(work, struct following, work));
}

static void on_timer(struct timer *timer)
{
    send_some(container_of(timer, struct following, timer));
}

static void on_more(struct log_follower *follower)
{
    struct following *f = container_of(follower, struct following, follower);
    env_defer(f->call->context->env, &f->work);
}

static void cancel(struct call *call)
{
    struct following *f = call->state;

    log_ring_leave(&f->follower);
    timer_stop(call->context->env, &f->timer);
    env_undefer(call->context->env, &f->work);
    call->state = NULL;
    free(f);
}

static void follow(struct call *call, uint64_t next)
{
    struct following *f = calloc(1, sizeof(*f));

    if (!f) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    *f = (struct following){
        .call = call,
        .next = next,
        .follower.more = on_more,
        .work.run = on_work,
        .timer.fire = on_timer,
    };
    call->state = f;
    call->cancel = cancel;
    log_ring_follow(call->context->services->log, &f->follower);
    env_defer(call->context->env, &f->work);
}

void command_log(struct call *call, const json_t *request)
{
    const struct log_ring *ring = call->context->services->log;
    uint64_t next;

    if (!ring) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "this gateway keeps no log"));
        return;
    }
    next = log_ring_tail(ring, (uint64_t)protocol_number(request, "lines", LINES_DEFAULT));
    if (protocol_bool(request, "follow")) {
        follow(call, next);
        return;
    }
    for (const struct log_kept *k; (k = log_ring_read(ring, &next));)
        tell(call, k);
    call->finish(call, protocol_ok(NULL));
}
