#include "gateway/peer/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/peer/talk.h"

/* Datagrams wait this long for the stream that announces their flow. */
#define EARLY_LIFE SEC(1)

struct flow {
    struct list node;
    struct flow_set *set;
    uint64_t id;
    struct pipe *stream;
    const struct flow_handler *handler; /* NULL until attached */
    void *arg;
    bool opener, answered;
    uint16_t number; /* of the next datagram that is sent */
    instant used;    /* when a datagram last went either way */
    struct timer timer;
};

/** A datagram whose flow is not known yet. */
struct early {
    struct list node;
    uint64_t flow;
    instant due;
    size_t len;
    uint8_t data[];
};

/* ---- datagrams that came too early ---- */

static void early_free(struct flow_set *set, struct early *e)
{
    list_remove(&e->node);
    set->early_count--;
    free(e);
}

static void set_sweep(struct flow_set *set)
{
    instant due = reassembly_deadline(&set->reassembly);
    struct list *first = list_first(&set->early);

    if (first && list_entry(first, struct early, node)->due < due)
        due = list_entry(first, struct early, node)->due;
    timer_set(set->env, &set->sweep, due);
}

static void on_sweep(struct timer *timer)
{
    struct flow_set *set = container_of(timer, struct flow_set, sweep);
    instant now = env_now(set->env);

    reassembly_expire(&set->reassembly, now);
    for (struct list *node; (node = list_first(&set->early));) {
        struct early *e = list_entry(node, struct early, node);
        if (e->due > now)
            break;
        set->dropped.unknown_flow++;
        early_free(set, e);
    }
    set_sweep(set);
}

static void keep_early(struct flow_set *set, instant now, const struct fragment_datagram *d)
{
    struct list *first = list_first(&set->early);

    if (set->early_count == FLOW_EARLY_MAX) {
        set->dropped.unknown_flow++;
        early_free(set, list_entry(first, struct early, node));
    }
    struct early *e = malloc(sizeof(*e) + d->len);
    if (!e)
        return;
    *e = (struct early){.flow = d->flow, .due = now + EARLY_LIFE, .len = d->len};
    memcpy(e->data, d->data, d->len);
    list_append(&set->early, &e->node);
    set->early_count++;
    set_sweep(set);
}

static struct flow *find(const struct flow_set *set, uint64_t id)
{
    return map_find(&set->by_id, &id, sizeof(id));
}

static struct early *early_of(struct flow_set *set, uint64_t id)
{
    list_each(node, &set->early)
    {
        struct early *e = list_entry(node, struct early, node);
        if (e->flow == id)
            return e;
    }
    return NULL;
}

/* The handler may close the flow from any datagram. */
static void deliver_early(struct flow_set *set, uint64_t id)
{
    struct early *e;

    while ((e = early_of(set, id))) {
        struct flow *f = find(set, id);
        list_remove(&e->node);
        set->early_count--;
        if (f)
            f->handler->on_datagram(f->arg, e->data, e->len);
        free(e);
    }
    set_sweep(set);
}

/* ---- the set ---- */

void flow_set_init(struct flow_set *set, struct env *env, struct quic_conn *conn, instant idle)
{
    uint8_t secret[MAP_SECRET_LEN];
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    *set = (struct flow_set){.env = env, .conn = conn, .idle = idle, .ours = info.dialled ? 0 : 1};
    set->sweep.fire = on_sweep;
    env_random(env, secret, sizeof(secret));
    map_init(&set->by_id, secret);
    list_init(&set->flows);
    list_init(&set->early);
}

/* Takes the flow out of everything; its stream is given back already. */
static void forget(struct flow *f)
{
    struct flow_set *set = f->set;

    timer_stop(set->env, &f->timer);
    (void)map_remove(&set->by_id, &f->id, sizeof(f->id));
    list_remove(&f->node);
    set->count--;
    free(f);
}

static void end(struct flow *f)
{
    const struct flow_handler *handler = f->handler;
    void *arg = f->arg;

    forget(f);
    if (handler)
        handler->on_end(arg);
}

void flow_set_deinit(struct flow_set *set)
{
    for (struct list *node; (node = list_first(&set->flows));) {
        struct flow *f = list_entry(node, struct flow, node);
        f->stream->ops->reset(f->stream, PIPE_RESET_ABORTED);
        end(f);
    }
    for (struct list *node; (node = list_first(&set->early));)
        early_free(set, list_entry(node, struct early, node));
    timer_stop(set->env, &set->sweep);
    reassembly_deinit(&set->reassembly);
    map_deinit(&set->by_id);
}

void flow_set_input(struct flow_set *set, instant now, const uint8_t *data, size_t len)
{
    struct fragment_datagram d;
    int got = reassembly_input(&set->reassembly, now, data, len, &d);

    if (got <= 0) {
        set->dropped.malformed += got == -EBADMSG;
        set_sweep(set);
        return;
    }
    struct flow *f = find(set, d.flow);
    if (!f && (d.flow & 1) == set->ours) { /* late: those that we open we know first */
        set->dropped.unknown_flow++;
        return;
    }
    if (!f || !f->handler) {
        keep_early(set, now, &d);
        return;
    }
    f->used = now;
    f->handler->on_datagram(f->arg, d.data, d.len);
}

/* ---- the stream of a flow ---- */

static void close_stream(struct flow *f)
{
    f->stream->ops->finish(f->stream);
    f->stream->ops->close(f->stream);
}

/* Returns false if the flow is over. */
static bool take_answer(struct flow *f)
{
    struct preamble_answer answer;
    int err = talk_take_answer(f->stream, &answer);

    if (err == -EAGAIN)
        return true;
    if (err < 0)
        answer = (struct preamble_answer){.status = PREAMBLE_MALFORMED};
    f->answered = true;
    bool ok = answer.status == PREAMBLE_OK;
    if (f->handler && f->handler->on_answer)
        f->handler->on_answer(f->arg, &answer);
    return ok;
}

static void on_stream_readable(void *arg)
{
    struct flow *f = arg;

    if (f->opener && !f->answered && !take_answer(f)) {
        close_stream(f);
        end(f);
        return;
    }
    /* Nothing else is said on it: its end is the flow's. */
    if (f->answered)
        talk_discard(f->stream);
    if (f->stream->ops->at_end(f->stream)) {
        close_stream(f);
        end(f);
    }
}

static void on_stream_writable(void *arg)
{
    (void)arg; /* the answer is all that is written, at once */
}

static void on_stream_reset(void *arg, enum pipe_reset why)
{
    struct flow *f = arg;
    (void)why;
    f->stream->ops->close(f->stream);
    end(f);
}

static const struct pipe_handler STREAM = {on_stream_readable, on_stream_writable, on_stream_reset};

/* ---- one flow ---- */

static void on_idle_timer(struct timer *timer)
{
    struct flow *f = container_of(timer, struct flow, timer);
    instant due = f->used + f->set->idle;

    if (env_now(f->set->env) < due) {
        timer_set(f->set->env, &f->timer, due);
        return;
    }
    close_stream(f);
    end(f);
}

int flow_new(struct flow **out, struct flow_set *set, struct pipe *stream, bool opener)
{
    if (set->count == FLOWS_MAX)
        return -EMFILE;
    struct flow *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->set = set;
    f->id = (uint64_t)quic_stream_id(stream);
    f->stream = stream;
    f->opener = opener;
    f->answered = !opener;
    int err = map_insert(&set->by_id, &f->id, sizeof(f->id), f);
    if (err < 0) {
        free(f);
        return err;
    }
    list_append(&set->flows, &f->node);
    set->count++;
    f->used = env_now(set->env);
    f->timer.fire = on_idle_timer;
    timer_set(set->env, &f->timer, f->used + set->idle);
    pipe_attach(stream, &STREAM, f);
    *out = f;
    return 0;
}

void flow_attach(struct flow *f, const struct flow_handler *handler, void *arg)
{
    f->handler = handler;
    f->arg = arg;
    if (f->set->early_count > 0)
        deliver_early(f->set, f->id);
}

void flow_answer(struct flow *f, enum preamble_status status, const char *reason)
{
    talk_answer(f->stream, status, reason);
    if (status == PREAMBLE_OK)
        return;
    close_stream(f);
    forget(f);
}

static void refuse_large(struct flow_set *set, size_t len)
{
    set->dropped.too_large++;
    if (!set->said_too_large)
        log_warn(LOG_PEER,
                 "a datagram of %zu bytes was dropped: at most %d pass, fewer where the peer takes "
                 "small frames only",
                 len, FLOW_DATAGRAM_MAX);
    set->said_too_large = true;
}

void flow_send(struct flow *f, const uint8_t *data, size_t len)
{
    struct fragmenter cut;
    uint8_t frame[FRAGMENT_FRAME_MAX];

    if (fragmenter_init(&cut, f->id, f->number++, data, len) < 0) {
        refuse_large(f->set, len);
        return;
    }
    f->used = env_now(f->set->env);
    for (size_t n; (n = fragmenter_next(&cut, frame)) > 0;) {
        int err = quic_send_datagram(f->set->conn, frame, n);
        if (err == -EMSGSIZE)
            refuse_large(f->set, len);
        if (err < 0)
            return;
    }
}

void flow_close(struct flow *f)
{
    close_stream(f);
    forget(f);
}
