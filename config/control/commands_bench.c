/* bench: throughput of one stream to a peer, first from it, then to it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/commands.h"
#include "config/control/lookup.h"

#define EACH_WAY    SEC(5)
#define DRAIN_LIMIT SEC(10)
#define DRAIN_TICK  MSEC(10)

/* The stream's first 8 bytes: how much shall be sent back. More than any link moves in 5 s. */
#define ENDLESS (UINT64_C(1) << 50)

enum phase { CONNECTING, DOWN, UP, DRAINING };

struct bench {
    struct call *call;
    struct peer_id peer;
    char label[PEER_LABEL_MAX];
    struct node_wait wait;
    struct timer timer;
    enum phase phase;
    struct pipe *pipe;
    bool answered;
    instant started, ended;
    uint64_t bytes;
    double down, up; /* bit/s */
};

static void bench_free(struct bench *b)
{
    if (b->phase == CONNECTING)
        node_connect_cancel(&b->wait);
    if (b->pipe)
        b->pipe->ops->reset(b->pipe, PIPE_RESET_ABORTED);
    timer_stop(b->call->context->env, &b->timer);
    b->call->state = NULL;
    free(b);
}

static void finish(struct bench *b, json_t *answer)
{
    struct call *call = b->call;

    bench_free(b);
    call->finish(call, answer);
}

static double rate(const struct bench *b, instant until)
{
    double seconds = (double)(until - b->started) / 1e9;
    return seconds > 0 ? (double)b->bytes * 8 / seconds : 0;
}

static void report(struct bench *b)
{
    struct peer_view view = {.state = PEER_IDLE};

    (void)node_peer(b->call->context->node, &b->peer, &view);
    finish(b, protocol_ok(json_pack(
                  "{s:o, s:f, s:f, s:s, s:o}", "peer", protocol_text(b->label), "down_bps", b->down,
                  "up_bps", b->up, "path", view.state == PEER_RELAYED ? "relay" : "direct",
                  "rtt_ms", view.path.rtt ? json_real((double)view.path.rtt / 1e6) : json_null())));
}

/* ---- the stream ---- */

static void fill(struct bench *b)
{
    struct iovec area[2];
    int areas;

    while ((areas = b->pipe->ops->reserve(b->pipe, area)) > 0) {
        size_t len = 0;
        for (int i = 0; i < areas; i++) {
            memset(area[i].iov_base, 0, area[i].iov_len);
            len += area[i].iov_len;
        }
        b->pipe->ops->commit(b->pipe, len);
        b->bytes += len;
    }
}

static void drain(struct bench *b)
{
    struct iovec area[8];
    int areas;

    while ((areas = b->pipe->ops->peek(b->pipe, area, 8)) > 0) {
        size_t len = 0;
        for (int i = 0; i < areas; i++)
            len += area[i].iov_len;
        b->pipe->ops->consume(b->pipe, len);
        if (b->phase == DOWN)
            b->bytes += len;
    }
}

/** Peers with an entry in the other side's registry may measure, whatever it shares. */
static json_t *refusal_of(struct bench *b, int err, const struct preamble_answer *answer)
{
    char id[PEER_ID_TEXT_MAX], hint[128];

    if (err < 0)
        return protocol_error(CLI_FAILED, NULL, "%s: malformed answer", b->label);
    if (answer->status != PREAMBLE_DENIED)
        return answer_error(b->call->context, b->label, answer);
    (void)snprintf(hint, sizeof(hint), "its owner can let you: overlay peer add %s",
                   peer_id_print(b->call->context->id, id));
    return protocol_error(CLI_DENIED, hint, "%s: denied", b->label);
}

/** False: the answer is not here yet, or the measurement has ended. */
static bool take_answer(struct bench *b)
{
    struct preamble_answer answer;

    if (b->answered)
        return true;
    int err = node_take_answer(b->pipe, &answer);
    if (err == -EAGAIN)
        return false;
    if (err < 0 || answer.status != PREAMBLE_OK) {
        finish(b, refusal_of(b, err, &answer));
        return false;
    }
    b->answered = true;
    b->started = env_now(b->call->context->env);
    timer_set(b->call->context->env, &b->timer, b->started + EACH_WAY);
    if (b->phase == UP)
        fill(b);
    return true;
}

static void on_readable(void *arg)
{
    struct bench *b = arg;

    if (take_answer(b))
        drain(b);
}

static void on_writable(void *arg)
{
    struct bench *b = arg;

    if (b->answered && b->phase == UP)
        fill(b);
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct bench *b = arg;
    finish(b, protocol_error(CLI_UNREACHABLE, NULL, "%s: %s", b->label,
                             why == PIPE_RESET_SESSION_LOST ? "the session was lost"
                                                            : "the other side ended it"));
}

static const struct pipe_handler PIPE_HANDLER = {on_readable, on_writable, on_reset};

static void put_head(struct bench *b, uint64_t back)
{
    struct iovec area[2];
    int areas = b->pipe->ops->reserve(b->pipe, area);
    size_t len = 0;

    for (int i = 0; i < areas; i++)
        for (size_t k = 0; k < area[i].iov_len && len < 8; k++, len++)
            ((uint8_t *)area[i].iov_base)[k] = (uint8_t)(back >> (56 - 8 * len));
    b->pipe->ops->commit(b->pipe, len);
}

static void start(struct bench *b, enum phase phase)
{
    const struct preamble what = {.kind = PREAMBLE_BENCH};
    struct command_context *c = b->call->context;

    b->phase = phase;
    b->answered = false;
    b->bytes = 0;
    struct pipe *pipe = NULL;
    int err = node_open_stream(c->node, &b->peer, &what, &pipe);
    if (err < 0 || !pipe) {
        finish(b, connect_error(b->call->context, b->label, err, NULL));
        return;
    }
    b->pipe = pipe;
    pipe_attach(pipe, &PIPE_HANDLER, b);
    put_head(b, phase == DOWN ? ENDLESS : 0);
    b->call->emit(b->call,
                  json_pack("{s:s, s:s}", "event", "phase", "way", phase == DOWN ? "down" : "up"));
    timer_set(c->env, &b->timer, env_now(c->env) + DRAIN_LIMIT); /* for the answer */
}

static void on_timer(struct timer *timer)
{
    struct bench *b = container_of(timer, struct bench, timer);
    struct env *env = b->call->context->env;
    instant now = env_now(env);

    if (!b->answered) {
        finish(b, protocol_error(CLI_UNREACHABLE, NULL, "%s did not answer", b->label));
    } else if (b->phase == DOWN) {
        b->down = rate(b, now);
        b->pipe->ops->reset(b->pipe, PIPE_RESET_ABORTED);
        b->pipe = NULL;
        start(b, UP);
    } else if (b->phase == UP) {
        b->phase = DRAINING;
        b->ended = now;
        b->pipe->ops->finish(b->pipe);
        timer_set(env, timer, now + DRAIN_TICK);
    } else if (b->pipe->ops->drained(b->pipe) || now > b->ended + DRAIN_LIMIT) {
        b->up = rate(b, now);
        report(b);
    } else {
        timer_set(env, timer, now + DRAIN_TICK);
    }
}

/* ---- the request ---- */

static void connected(struct node_wait *w, int err, const char *why)
{
    struct bench *b = container_of(w, struct bench, wait);

    b->phase = DOWN;
    if (err < 0)
        finish(b, connect_error(b->call->context, b->label, err, why));
    else
        start(b, DOWN);
}

static void cancel(struct call *call)
{
    bench_free(call->state);
}

void command_bench(struct call *call, const json_t *request)
{
    struct bench *b = calloc(1, sizeof(*b));

    if (!b) {
        call->finish(call, protocol_error(CLI_FAILED, NULL, "out of memory"));
        return;
    }
    b->call = call;
    b->timer.fire = on_timer;
    json_t *refusal = lookup_peer(call->context, protocol_string(request, "peer"), &b->peer);
    if (refusal) {
        free(b);
        call->finish(call, refusal);
        return;
    }
    (void)peer_label(call->context, &b->peer, b->label);
    call->state = b;
    call->cancel = cancel;
    b->wait.done = connected;
    node_connect(call->context->node, &b->peer, &b->wait);
}
