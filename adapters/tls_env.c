#include "adapters/tls_env.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8446 §5.1; and what a record takes besides, generously. */
enum { RECORD_MAX = 16384, RECORD_MORE = 512 };

/* What struct sock * means in this environment. */
struct tls_sock {
    struct tls_env *owner;
    struct sock *sock; /* of the environment below */
    struct tls_stream *tls;
    const struct sock_handler *handler;
    void *arg;
    struct deferred again;   /* tells what was ready before */
    bool readable, writable; /* the socket below */
    bool secure;             /* the handshake is over */
    bool over;               /* the client has ended, or broke: told again after a short read */
    bool finishing;          /* our end of data is to be said, after what waits */
    bool said_end, finished; /* in TLS, and below */
    int error;               /* of the socket below, once */
};

static struct tls_sock *of(struct sock *s)
{
    return (struct tls_sock *)(void *)s;
}

static struct tls_env *env_of(struct env *e)
{
    return container_of(e, struct tls_env, env);
}

/* ---- below ---- */

/* Writes what waits, as far as it goes. */
static void push(struct tls_sock *s)
{
    size_t len;
    const uint8_t *data = tls_stream_output(s->tls, &len);

    while (len > 0 && s->writable && s->error == 0 && !s->finished) {
        const struct iovec area = {(void *)(uintptr_t)data, len};
        ssize_t n = sock_writev(s->owner->below, s->sock, &area, 1);
        s->writable = n >= 0 && (size_t)n == len;
        if (n > 0)
            tls_stream_sent(s->tls, (size_t)n);
        else if (n < 0 && n != -EAGAIN)
            s->error = (int)n;
        data = tls_stream_output(s->tls, &len);
    }
}

/* The same, and behind it the end of data. */
static void flush(struct tls_sock *s)
{
    size_t len;

    push(s);
    while (s->finishing && !s->said_end) {
        int err = tls_stream_finish(s->tls);
        (void)tls_stream_output(s->tls, &len);
        push(s);
        s->said_end = err != -EAGAIN;
        if (err == -EAGAIN && !s->writable)
            return;
    }
    (void)tls_stream_output(s->tls, &len);
    if (s->finishing && len == 0 && !s->finished) {
        sock_finish(s->owner->below, s->sock);
        s->finished = true;
    }
}

/* Reads what has come. False: nothing new. */
static bool pull(struct tls_sock *s)
{
    size_t room;
    uint8_t *data = tls_stream_area(s->tls, &room);
    const struct iovec area = {data, room};

    if (!s->readable || room == 0)
        return false;
    ssize_t n = sock_readv(s->owner->below, s->sock, &area, 1);
    s->readable = n > 0 && (size_t)n == room;
    if (n > 0) {
        tls_stream_input(s->tls, (size_t)n);
    } else if (n == 0) {
        s->over = true;
        tls_stream_ended(s->tls);
    } else if (n != -EAGAIN) {
        s->over = true;
        s->error = (int)n;
    }
    return n >= 0;
}

/* ---- events ---- */

/* Goes on with the handshake. Nothing may follow: the handler may have ended the socket. */
static void greet(struct tls_sock *s)
{
    int err;
    do {
        err = tls_stream_handshake(s->tls);
        push(s);
    } while (err == -EAGAIN && s->error == 0 && pull(s));
    if (err == -EAGAIN && s->error < 0)
        err = s->error;
    s->secure = err == 0;
    if (err != -EAGAIN)
        s->handler->on_connect(s->arg, err);
}

static void run(struct tls_sock *s)
{
    if (!s->secure) {
        greet(s);
        return;
    }
    flush(s);
    s->handler->on_ready(s->arg);
}

static void on_ready(void *arg)
{
    struct tls_sock *s = arg;
    s->readable = s->writable = true;
    run(s);
}

static void on_again(struct deferred *work)
{
    run(container_of(work, struct tls_sock, again));
}

static const struct sock_handler below_events = {NULL, on_ready};

/* ---- the sockets of this environment ---- */

static void take_first(struct tls_sock *s, const struct tls_caller *caller)
{
    size_t room;
    uint8_t *area = tls_stream_area(s->tls, &room);
    size_t len = caller->len < room ? caller->len : room;

    if (len > 0)
        memcpy(area, caller->first, len);
    tls_stream_input(s->tls, len);
}

int tls_env_accept(struct tls_env *t, struct sock **out, const struct tls_caller *caller,
                   const struct tls_names *names, const struct sock_handler *handler, void *arg)
{
    struct tls_sock *s = calloc(1, sizeof(*s));

    if (!s || tls_stream_serve(&s->tls, names) < 0) {
        free(s);
        sock_reset(t->below, caller->sock);
        return -ENOMEM;
    }
    s->owner = t;
    s->sock = caller->sock;
    s->handler = handler;
    s->arg = arg;
    s->writable = true;
    s->again.run = on_again;
    take_first(s, caller);
    sock_attach(t->below, s->sock, &below_events, s);
    env_defer(t->below, &s->again);
    *out = (struct sock *)(void *)s;
    return 0;
}

const char *tls_env_reason(const struct sock *secure)
{
    const struct tls_sock *s = (const struct tls_sock *)(const void *)secure;
    return s->error < 0 ? strerror(-s->error) : tls_stream_reason(s->tls);
}

static void attach(struct sock *sock, const struct sock_handler *handler, void *arg)
{
    struct tls_sock *s = of(sock);
    s->handler = handler;
    s->arg = arg;
    env_defer(s->owner->below, &s->again);
}

/* Reads into one area until it is full. Returns how many bytes, or what stopped it before any. */
static ssize_t fill(struct tls_sock *s, uint8_t *data, size_t room)
{
    size_t got = 0;
    ssize_t n = -EAGAIN;

    while (got < room) {
        n = tls_stream_read(s->tls, data + got, room - got);
        if (n == -EAGAIN && pull(s))
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (got > 0)
        return (ssize_t)got;
    if (n == -EAGAIN && s->error < 0)
        return s->error;
    return n == -EPROTO ? -ECONNRESET : n;
}

static ssize_t readv_(struct sock *sock, const struct iovec *area, int count)
{
    struct tls_sock *s = of(sock);
    size_t got = 0, room = 0;
    ssize_t n = -EAGAIN;

    for (int i = 0; i < count && got == room; i++) {
        n = area[i].iov_len > 0 ? fill(s, area[i].iov_base, area[i].iov_len) : 0;
        got += n > 0 ? (size_t)n : 0;
        room += area[i].iov_len;
    }
    /* The end of data, or an error, may lie behind these bytes already. */
    if (got > 0 && got < room && s->over)
        env_defer(s->owner->below, &s->again);
    return got > 0 ? (ssize_t)got : n;
}

/* Is there room for a whole record? One that is begun is always taken whole, so that nothing of
 * what was refused is kept. */
static bool has_room(struct tls_sock *s)
{
    size_t waiting;

    (void)tls_stream_output(s->tls, &waiting);
    if (waiting + RECORD_MAX + RECORD_MORE <= TLS_STREAM_BUFFER)
        return true;
    push(s);
    (void)tls_stream_output(s->tls, &waiting);
    return waiting + RECORD_MAX + RECORD_MORE <= TLS_STREAM_BUFFER;
}

/* Copies the areas' bytes behind the first `skip`, as many as a record takes. A stream's bytes lie
 * in small pieces, and a record each would be dear. */
static size_t gather(const struct iovec *area, int count, size_t skip,
                     uint8_t out[static RECORD_MAX])
{
    size_t len = 0;

    for (int i = 0; i < count && len < RECORD_MAX; i++) {
        size_t before = skip < area[i].iov_len ? skip : area[i].iov_len;
        size_t n = area[i].iov_len - before;
        n = n < RECORD_MAX - len ? n : RECORD_MAX - len;
        if (n > 0)
            memcpy(out + len, (const uint8_t *)area[i].iov_base + before, n);
        len += n;
        skip -= before;
    }
    return len;
}

static ssize_t writev_(struct sock *sock, const struct iovec *area, int count)
{
    struct tls_sock *s = of(sock);
    uint8_t record[RECORD_MAX];
    size_t done = 0, len = 0;
    ssize_t n = -EAGAIN;

    while (s->error == 0 && has_room(s) && (len = gather(area, count, done, record)) > 0) {
        n = tls_stream_write(s->tls, record, len);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    push(s);
    if (done > 0)
        return (ssize_t)done;
    return s->error < 0 ? s->error : n == -EPROTO ? -EPIPE : -EAGAIN;
}

static int error_of(struct sock *sock)
{
    struct tls_sock *s = of(sock);
    return s->error < 0 ? s->error : sock_error(s->owner->below, s->sock);
}

static void finish(struct sock *sock)
{
    struct tls_sock *s = of(sock);
    s->finishing = true;
    flush(s);
}

static void give_back(struct tls_sock *s)
{
    env_undefer(s->owner->below, &s->again);
    tls_stream_free(s->tls);
    free(s);
}

static void close_(struct sock *sock)
{
    struct tls_sock *s = of(sock);
    size_t len;

    if (s->secure)
        finish(sock);
    else
        push(s); /* why the handshake failed */
    const uint8_t *data = tls_stream_output(s->tls, &len);
    if (s->error < 0 || s->finished)
        sock_close(s->owner->below, s->sock);
    else
        farewells_say(s->owner->farewells, s->sock, data, len);
    give_back(s);
}

static void reset(struct sock *sock)
{
    struct tls_sock *s = of(sock);
    sock_reset(s->owner->below, s->sock);
    give_back(s);
}

static struct addr local(const struct sock *sock)
{
    const struct tls_sock *s = (const struct tls_sock *)(const void *)sock;
    return sock_local(s->owner->below, s->sock);
}

/* ---- what is the other environment's ---- */

static instant now(struct env *e)
{
    return env_now(env_of(e)->below);
}

static int64_t wall_us(struct env *e)
{
    return env_wall_us(env_of(e)->below);
}

static void random_(struct env *e, void *out, size_t len)
{
    env_random(env_of(e)->below, out, len);
}

static void set_timer(struct env *e, struct timer *timer, instant due)
{
    timer_set(env_of(e)->below, timer, due);
}

static void stop_timer(struct env *e, struct timer *timer)
{
    timer_stop(env_of(e)->below, timer);
}

static void defer(struct env *e, struct deferred *work)
{
    env_defer(env_of(e)->below, work);
}

static void undefer(struct env *e, struct deferred *work)
{
    env_undefer(env_of(e)->below, work);
}

static const struct env_ops OPS = {
    .now = now,
    .wall_us = wall_us,
    .random = random_,
    .timer_set = set_timer,
    .timer_stop = stop_timer,
    .defer = defer,
    .undefer = undefer,
    .sock_attach = attach,
    .sock_readv = readv_,
    .sock_writev = writev_,
    .sock_error = error_of,
    .sock_finish = finish,
    .sock_close = close_,
    .sock_reset = reset,
    .sock_local = local,
};

void tls_env_init(struct tls_env *t, struct env *below, struct farewells *farewells)
{
    *t = (struct tls_env){.env = {&OPS}, .below = below, .farewells = farewells};
}
