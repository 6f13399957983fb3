#include "config/control/channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096 };

static void on_ready(void *arg);
static void turn(struct deferred *work);

static const struct sock_handler SOCK_HANDLER = {.on_ready = on_ready};

static void wake(struct channel *c)
{
    env_defer(c->env, &c->turn);
}

static void on_ready(void *arg)
{
    struct channel *c = arg;
    c->readable = true;
    wake(c);
}

void channel_init(struct channel *c, struct env *env, struct sock *sock, size_t line_max,
                  const struct channel_handler *handler, void *arg)
{
    *c = (struct channel){
        .env = env, .sock = sock, .handler = handler, .arg = arg, .line_max = line_max};
    c->turn.run = turn;
    sock_attach(env, sock, &SOCK_HANDLER, c);
    c->readable = true;
    wake(c);
}

static void release(struct channel *c)
{
    env_undefer(c->env, &c->turn);
    free(c->in);
    free(c->out);
    c->in = c->out = NULL;
    c->in_len = c->in_room = c->in_scanned = c->out_at = c->out_len = c->out_room = 0;
}

void channel_close(struct channel *c)
{
    if (!c->sock)
        return;
    sock_close(c->env, c->sock);
    c->sock = NULL;
    release(c);
}

bool channel_is_open(const struct channel *c)
{
    return c->sock != NULL;
}

static bool grow(char **data, size_t *room, size_t need, size_t max)
{
    size_t more = *room ? *room : FIRST_ROOM;

    while (more < need)
        more *= 2;
    if (need > max)
        return false;
    if (more == *room)
        return true;
    char *grown = realloc(*data, more);
    if (!grown)
        return false;
    *data = grown;
    *room = more;
    return true;
}

/* ---- writing ---- */

static void flush(struct channel *c)
{
    while (c->out_at < c->out_len) {
        struct iovec area = {c->out + c->out_at, c->out_len - c->out_at};
        ssize_t n = sock_writev(c->env, c->sock, &area, 1);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            c->err = (int)n;
            c->ended = true;
            return;
        }
        c->out_at += (size_t)n;
        if ((size_t)n < area.iov_len)
            return;
    }
    c->out_at = c->out_len = 0;
}

void channel_send(struct channel *c, const char *text, size_t len)
{
    if (!c->sock || c->err < 0)
        return;
    if (!grow(&c->out, &c->out_room, c->out_len + len, CHANNEL_PENDING_MAX)) {
        c->err = -ENOBUFS;
        c->ended = true;
        wake(c);
        return;
    }
    memcpy(c->out + c->out_len, text, len);
    c->out_len += len;
    flush(c);
    if (c->ended)
        wake(c);
}

bool channel_is_flushed(const struct channel *c)
{
    return c->out_len == 0;
}

/* ---- reading ---- */

/** Reads what there is, up to one line too long. */
static void fill(struct channel *c)
{
    while (c->readable && !c->ended) {
        if (c->in_len + 1 >= c->line_max)
            return;
        if (!grow(&c->in, &c->in_room, c->in_len + 2, c->line_max)) {
            c->err = -ENOMEM;
            c->ended = true;
            return;
        }
        struct iovec area = {c->in + c->in_len, c->in_room - c->in_len - 1};
        ssize_t n = sock_readv(c->env, c->sock, &area, 1);
        if (n == -EAGAIN) {
            c->readable = false;
        } else if (n <= 0) {
            c->ended = true;
            c->err = (int)n;
        } else {
            c->in_len += (size_t)n;
            c->readable = (size_t)n == area.iov_len;
        }
    }
}

/** Tells the first line that is complete. False: there is none, or lines are held back, also
 *  those of a caller that has not read the answer to its last one. */
static bool tell_line(struct channel *c)
{
    if (c->holding || !channel_is_flushed(c) || c->in_len == c->in_scanned)
        return false;
    char *newline = memchr(c->in + c->in_scanned, '\n', c->in_len - c->in_scanned);
    if (!newline) {
        c->in_scanned = c->in_len;
        return false;
    }
    size_t len = (size_t)(newline - c->in);
    auto_free char *line = malloc(len + 1); /* ours, as the handler may take or close the channel */
    if (!line) {
        c->err = -ENOMEM;
        c->ended = true;
        return false;
    }
    memcpy(line, c->in, len);
    line[len] = '\0';
    c->in_len -= len + 1;
    memmove(c->in, c->in + len + 1, c->in_len);
    c->in_scanned = 0;
    c->handler->on_line(c->arg, line, len);
    return c->sock != NULL;
}

static void gone(struct channel *c, int err)
{
    void (*tell)(void *, int) = c->handler->on_gone;
    void *arg = c->arg;

    channel_close(c);
    tell(arg, err);
}

static void turn(struct deferred *work)
{
    struct channel *c = container_of(work, struct channel, turn);
    bool was_flushed = channel_is_flushed(c);

    flush(c);
    if (!was_flushed && channel_is_flushed(c) && c->handler->on_flushed) {
        c->handler->on_flushed(c->arg);
        if (!c->sock)
            return;
    }
    do {
        fill(c);
        while (tell_line(c))
            ;
        if (!c->sock)
            return;
    } while (c->readable && !c->ended && c->in_len + 1 < c->line_max);
    if (c->in_scanned == c->in_len && c->in_len + 1 >= c->line_max)
        gone(c, -EMSGSIZE);
    else if (c->ended && (c->err < 0 || c->holding || channel_is_flushed(c)))
        gone(c, c->err);
}

void channel_hold(struct channel *c, bool hold)
{
    c->holding = hold;
    if (!hold && c->sock)
        wake(c);
}

struct sock *channel_take(struct channel *c, uint8_t **early, size_t *len)
{
    struct sock *sock = c->sock;

    assert(channel_is_flushed(c));
    *early = NULL;
    *len = c->in_len;
    if (c->in_len > 0) {
        *early = (uint8_t *)c->in;
        c->in = NULL;
    }
    c->sock = NULL;
    release(c);
    return sock;
}
