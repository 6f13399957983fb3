#include "adapters/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { AREAS_MAX = 64 }; /* of one write: a stream's received bytes may lie in many pieces */

/* What a step of a turn came to. */
enum step { STEP_WAIT, STEP_MORE, STEP_OVER };

/* Cuts the areas down to `max` bytes in all. Returns how many bytes are left in them. */
static size_t limit_areas(struct iovec *area, int *count, size_t max)
{
    size_t total = 0;
    for (int i = 0; i < *count; i++) {
        if (area[i].iov_len >= max - total) {
            area[i].iov_len = max - total;
            *count = i + 1;
            return max;
        }
        total += area[i].iov_len;
    }
    return total;
}

static void let_go(struct pump *p)
{
    env_undefer(p->env, &p->turn);
    free(p->first);
    p->first = NULL;
    p->sock = NULL;
    p->pipe = NULL;
}

static enum step finish(struct pump *p)
{
    p->pipe->ops->close(p->pipe);
    sock_close(p->env, p->sock);
    let_go(p);
    p->handler->on_end(p);
    return STEP_OVER;
}

/* The local program is gone, or its connection broke. */
static enum step abandon(struct pump *p)
{
    p->pipe->ops->reset(p->pipe, PIPE_RESET_ABORTED);
    sock_close(p->env, p->sock);
    let_go(p);
    p->handler->on_end(p);
    return STEP_OVER;
}

/* The far side is gone: the local program must not mistake that for an end of data. */
static enum step break_off(struct pump *p, enum pipe_reset why)
{
    p->pipe->ops->reset(p->pipe, why);
    sock_reset(p->env, p->sock);
    let_go(p);
    p->handler->on_end(p);
    return STEP_OVER;
}

static enum step hand_over(struct pump *p)
{
    struct sock *sock = p->sock;
    p->pipe->ops->reset(p->pipe, PIPE_RESET_ABORTED);
    let_go(p);
    p->filter->on_stopped(p, sock);
    return STEP_OVER;
}

/* Returns STEP_MORE when bytes may come from the far side. */
static enum step take_answer(struct pump *p)
{
    struct preamble_answer answer;
    int err = p->take_answer(p->pipe, &answer);
    if (err == -EAGAIN)
        return p->pipe->ops->at_end(p->pipe) ? break_off(p, PIPE_RESET_PROTOCOL) : STEP_WAIT;
    if (err < 0)
        return break_off(p, PIPE_RESET_PROTOCOL);
    p->awaiting = false;
    if (answer.status == PREAMBLE_OK)
        return STEP_MORE;
    if (p->handler->on_refused)
        p->handler->on_refused(p, &answer);
    return break_off(p, PIPE_RESET_REFUSED);
}

/* Puts what was read before the pump began in front. False: the pipe has no room for all yet. */
static bool put_first(struct pump *p)
{
    struct iovec area[2];
    while (p->first_at < p->first_len) {
        int count = p->pipe->ops->reserve(p->pipe, area);
        if (count == 0)
            return false;
        size_t len = limit_areas(area, &count, p->first_len - p->first_at);
        const uint8_t *from = p->first + p->first_at;
        for (int i = 0; i < count; i++) {
            memcpy(area[i].iov_base, from, area[i].iov_len);
            from += area[i].iov_len;
        }
        p->pipe->ops->commit(p->pipe, len);
        p->first_at += (uint32_t)len;
    }
    free(p->first);
    p->first = NULL;
    return true;
}

static void end_sending(struct pump *p)
{
    p->sent_all = true;
    p->pipe->ops->finish(p->pipe);
}

/* Hands on what the socket gave, as far as the filter lets it. */
static void pass(struct pump *p, const struct iovec *area, int count, size_t len)
{
    size_t good = p->filter ? p->filter->outgoing(p, area, count, len) : len;
    if (good > 0)
        p->pipe->ops->commit(p->pipe, good);
    if (good < len) {
        p->muted = true;
        end_sending(p);
    }
}

/* on_writable will tell. Nothing is read until then, so that only a look tells of a client that was
 * killed: it would hold its stream as long as the far side reads nothing. */
static enum step wait_for_room(struct pump *p)
{
    return sock_error(p->env, p->sock) < 0 ? abandon(p) : STEP_WAIT;
}

static enum step send_on(struct pump *p, size_t *moved)
{
    if (p->first && !put_first(p))
        return wait_for_room(p);
    while (p->readable && !p->sent_all) {
        if (*moved >= PUMP_TURN_MAX)
            return STEP_MORE;
        struct iovec area[2];
        int count = p->pipe->ops->reserve(p->pipe, area);
        if (count == 0)
            return wait_for_room(p);
        size_t room = limit_areas(area, &count, PUMP_TURN_MAX - *moved);
        ssize_t got = sock_readv(p->env, p->sock, area, count);
        p->readable = got > 0 && (size_t)got == room;
        if (got > 0) {
            pass(p, area, count, (size_t)got);
            *moved += (size_t)got;
        } else if (got == 0) {
            end_sending(p);
        } else if (got != -EAGAIN) {
            return abandon(p);
        }
    }
    return STEP_WAIT;
}

static enum step bring_back(struct pump *p, size_t *moved)
{
    while (p->writable) {
        if (*moved >= PUMP_TURN_MAX)
            return STEP_MORE;
        struct iovec area[AREAS_MAX];
        int count = p->pipe->ops->peek(p->pipe, area, AREAS_MAX);
        if (count == 0)
            break;
        size_t len = limit_areas(area, &count, PUMP_TURN_MAX - *moved);
        ssize_t put = sock_writev(p->env, p->sock, area, count);
        p->writable = put >= 0 && (size_t)put == len;
        if (put == -EAGAIN)
            break;
        if (put < 0)
            return abandon(p);
        if (p->filter)
            p->filter->incoming(p, area, count, (size_t)put);
        p->pipe->ops->consume(p->pipe, (size_t)put);
        *moved += (size_t)put;
    }
    return STEP_WAIT;
}

static void end_receiving(struct pump *p)
{
    p->got_all = true;
    /* When the socket has ended too, finish() follows, and closing it says the same. */
    if (!p->sent_all || p->muted)
        sock_finish(p->env, p->sock);
}

static void take_turn(struct pump *p)
{
    size_t out = 0, in = 0;
    enum step sent = STEP_WAIT, brought = STEP_WAIT;

    if (p->awaiting && take_answer(p) == STEP_OVER)
        return;
    sent = send_on(p, &out);
    if (sent == STEP_OVER)
        return;
    if (!p->awaiting)
        brought = bring_back(p, &in);
    if (brought == STEP_OVER)
        return;
    if ((out > 0 || in > 0) && p->handler->on_moved)
        p->handler->on_moved(p, out, in);

    if (p->muted && !p->got_all && p->filter->may_stop(p)) {
        hand_over(p);
        return;
    }
    if (!p->awaiting && !p->got_all && p->pipe->ops->at_end(p->pipe))
        end_receiving(p);
    if (p->sent_all && p->got_all)
        finish(p);
    else if (sent == STEP_MORE || brought == STEP_MORE)
        env_defer(p->env, &p->turn);
}

static void on_ready(void *arg)
{
    struct pump *p = arg;
    p->readable = p->writable = true;
    /* After the end of its data a socket has no more to say but an error, and nobody reads it. */
    if (p->sent_all && sock_error(p->env, p->sock) < 0)
        abandon(p);
    else
        take_turn(p);
}

static void on_change(void *arg)
{
    take_turn(arg);
}

static void on_reset(void *arg, enum pipe_reset why)
{
    break_off(arg, why == PIPE_RESET_SESSION_LOST ? PIPE_RESET_ABORTED : why);
}

static void on_turn(struct deferred *work)
{
    take_turn(container_of(work, struct pump, turn));
}

static const struct sock_handler sock_events = {NULL, on_ready};
static const struct pipe_handler pipe_events = {on_change, on_change, on_reset};

int pump_start(struct pump *p, const struct pump_options *o)
{
    *p = (struct pump){
        .env = o->env,
        .sock = o->sock,
        .pipe = o->pipe,
        .handler = o->handler,
        .filter = o->filter,
        .turn = {.run = on_turn},
        .first_len = (uint32_t)o->first_len,
        .take_answer = o->take_answer,
        .awaiting = o->take_answer != NULL,
        .writable = true,
    };
    if (o->first_len > 0) {
        p->first = malloc(o->first_len);
        if (!p->first) {
            pump_abort(p);
            return -ENOMEM;
        }
        memcpy(p->first, o->first, o->first_len);
        (void)put_first(p);
    }
    /* The socket tells by itself what is ready; what the pipe holds already, nobody repeats. */
    pipe_attach(p->pipe, &pipe_events, p);
    sock_attach(p->env, p->sock, &sock_events, p);
    env_defer(p->env, &p->turn);
    return 0;
}

void pump_abort(struct pump *p)
{
    p->pipe->ops->reset(p->pipe, PIPE_RESET_ABORTED);
    sock_reset(p->env, p->sock);
    let_go(p);
}
