#include "gateway/node/tcp_road.h"

#include <errno.h>
#include <string.h>

#include "gateway/wire/stun.h"

/* Reads before the loop may look at others. */
#define READS_PER_TURN 16
/* What the kernel may hold back beyond what is under way: more would only wait there, where nothing
 * can be dropped any more. */
#define UNSENT_MAX (128 * 1024)

/* ---- writing ---- */

static ssize_t write_sock(struct tcp_road *road, const uint8_t *data, size_t len)
{
    const struct iovec area = {(void *)(uintptr_t)data, len};
    return sock_writev(road->env, road->sock, &area, 1);
}

/* Ciphered bytes to the network. */
static int flush_cipher(struct tcp_road *road)
{
    size_t len;
    const uint8_t *data = tls_stream_output(road->tls, &len);

    while (len > 0) {
        ssize_t n = write_sock(road, data, len);
        if (n < 0)
            return (int)n;
        tls_stream_sent(road->tls, (size_t)n);
        data = tls_stream_output(road->tls, &len);
    }
    return 0;
}

/* Datagrams only follow when both have said hello. */
static void refill(struct tcp_road *road)
{
    road->out_at = 0;
    road->out_len = road->up ? stream_queue_take(&road->queue, road->out, sizeof(road->out)) : 0;
}

/* Until nothing waits, or the network takes no more: -EAGAIN. */
static int flush(struct tcp_road *road)
{
    int err = 0;

    if (road->tls && !road->secure) {
        err = tls_stream_handshake(road->tls);
        if (err < 0 && err != -EAGAIN)
            return err;
        road->secure = err == 0;
    }
    for (;;) {
        if (road->tls)
            err = flush_cipher(road);
        if (err < 0 || (road->tls && !road->secure))
            return err;
        if (road->out_at == road->out_len)
            refill(road);
        if (road->out_len == 0)
            return 0;
        const uint8_t *data = road->out + road->out_at;
        size_t len = road->out_len - road->out_at;
        ssize_t n =
            road->tls ? tls_stream_write(road->tls, data, len) : write_sock(road, data, len);
        if (n < 0)
            return (int)n;
        road->out_at += (size_t)n;
    }
}

/* ---- reading ---- */

static ssize_t read_sock(struct tcp_road *road, uint8_t *data, size_t room)
{
    const struct iovec area = {data, room};
    return sock_readv(road->env, road->sock, &area, 1);
}

static ssize_t read_cipher(struct tcp_road *road)
{
    size_t room;
    uint8_t *area = tls_stream_area(road->tls, &room);
    ssize_t n = room > 0 ? read_sock(road, area, room) : -EAGAIN;

    if (n > 0)
        tls_stream_input(road->tls, (size_t)n);
    else if (n == 0)
        tls_stream_ended(road->tls);
    return n;
}

/* A TLS client begins with another byte (RFC 8446 §5.1), a STUN client with this one. */
static bool begins_like_stun(const struct tcp_road *road, uint8_t first)
{
    return !road->dialled && road->handler->on_stun && first == 0;
}

/* Goes on without TLS. */
static void become_plain(struct tcp_road *road)
{
    tls_stream_free(road->tls);
    road->tls = NULL;
}

/* The first bytes of a TLS client. Returns as sock_readv() when they turn out to be plain, else 0
 * after they went to TLS, or the error. */
static ssize_t read_first(struct tcp_road *road, uint8_t *data, size_t room)
{
    size_t there;
    uint8_t *area = tls_stream_area(road->tls, &there);
    ssize_t n = read_sock(road, data, room < there ? room : there);

    if (n <= 0)
        return n == 0 ? -ECONNRESET : n;
    road->heard = true;
    if (begins_like_stun(road, data[0])) {
        become_plain(road);
        return n;
    }
    memcpy(area, data, (size_t)n);
    tls_stream_input(road->tls, (size_t)n);
    return 0;
}

/* Plain bytes, as sock_readv(), or -EINTR: what came held none, and there may be more. */
static ssize_t read_tls(struct tcp_road *road, uint8_t *data, size_t room)
{
    ssize_t n = road->secure ? tls_stream_read(road->tls, data, room) : -EAGAIN;
    if (n != -EAGAIN)
        return n;
    ssize_t raw = read_cipher(road);
    if (raw < 0)
        return raw;
    int err = flush(road); /* the handshake goes on */
    if (err < 0 && err != -EAGAIN)
        return err;
    return raw == 0 && !road->secure ? 0 : -EINTR;
}

static void say_hello(struct tcp_road *road)
{
    stream_hello_write(road->out);
    road->out_at = 0;
    road->out_len = STREAM_HELLO_LEN;
}

static bool is_asked(const struct tcp_road *road)
{
    return !road->in.greeted && road->in.len > road->in.at &&
           begins_like_stun(road, road->in.data[road->in.at]);
}

/* Answers the STUN messages that are whole. Who does not take the answers is not waited for.
 * Returns 0 or the error. */
static int answer(struct tcp_road *road)
{
    for (;;) {
        const uint8_t *message = road->in.data + road->in.at;
        size_t there = road->in.len - road->in.at;
        int len = stun_frame_len(message, there);
        if (len <= 0 || (size_t)len > there)
            return len < 0 ? len : 0;
        road->in.at += (size_t)len;
        road->out_at = 0;
        road->out_len = road->handler->on_stun(road, message, (size_t)len, road->out);
        int err = road->out_len > 0 ? flush(road) : -EBADMSG;
        if (err < 0)
            return err == -EAGAIN ? -ECONNRESET : err;
    }
}

/* Hands out what is whole. Returns 0 or -EBADMSG. */
static int hand_out(struct tcp_road *road)
{
    struct stream_run run;
    int err;

    while ((err = stream_frames_next(&road->in, &run)) > 0 ||
           (err == 0 && road->in.greeted && !road->up)) {
        if (!road->up) {
            if (!road->dialled)
                say_hello(road);
            road->up = true;
            road->handler->on_up(road);
        }
        if (err > 0)
            road->handler->on_datagrams(road, run.data, run.len, run.segment);
    }
    return err;
}

/* Returns 0 or the error that ends the road. */
static int take(struct tcp_road *road)
{
    for (unsigned turn = 0; turn < READS_PER_TURN; turn++) {
        size_t room;
        uint8_t *area = stream_frames_area(&road->in, &room);
        ssize_t n = road->tls && !road->dialled && !road->heard ? read_first(road, area, room) : 0;
        if (n == 0)
            n = road->tls ? read_tls(road, area, room) : read_sock(road, area, room);
        if (n == -EINTR)
            continue;
        if (n == -EAGAIN)
            return 0;
        if (n <= 0)
            return n == 0 ? -ECONNRESET : (int)n;
        stream_frames_added(&road->in, (size_t)n);
        int err = is_asked(road) ? answer(road) : hand_out(road);
        if (err < 0)
            return err;
    }
    env_defer(road->env, &road->work);
    return 0;
}

/* ---- events ---- */

static const char *reason(const struct tcp_road *road, int err)
{
    if (err == -EPROTO && road->tls)
        return tls_stream_reason(road->tls);
    if (err == -EBADMSG)
        return "something else is spoken there";
    return err == -ECONNRESET ? "the connection was closed" : strerror(-err);
}

/* Writes, reads, and writes what the reading led to. */
static void go_on(struct tcp_road *road)
{
    if (!road->connected)
        return;
    int err = flush(road);
    if (err == 0 || err == -EAGAIN)
        err = take(road);
    if (err == 0)
        err = flush(road);
    if (err < 0 && err != -EAGAIN)
        road->handler->on_down(road, reason(road, err));
}

static void on_work(struct deferred *work)
{
    go_on(container_of(work, struct tcp_road, work));
}

static void on_ready(void *arg)
{
    go_on(arg);
}

static void begin(struct tcp_road *road)
{
    road->connected = true;
    sock_keep_short(road->env, road->sock, UNSENT_MAX);
    env_defer(road->env, &road->work);
}

static void on_connect(void *arg, int err)
{
    struct tcp_road *road = arg;

    if (err < 0)
        road->handler->on_down(road, strerror(-err));
    else
        begin(road);
}

static const struct sock_handler SOCK_HANDLER = {on_connect, on_ready};

/* ---- life ---- */

static void prepare(struct tcp_road *road, struct env *env, const struct tcp_road_handler *handler)
{
    road->env = env;
    road->handler = handler;
    road->sock = NULL;
    road->tls = NULL;
    road->dialled = road->connected = road->secure = road->up = road->heard = false;
    road->work = (struct deferred){.run = on_work};
    road->queue = (struct stream_queue){0};
    road->out_at = road->out_len = 0;
    road->in.at = road->in.len = 0;
    road->in.greeted = false;
}

int tcp_road_dial(struct tcp_road *road, struct env *env, const struct addr *to,
                  const struct addr *local, const char *tls_host,
                  const struct tcp_road_handler *handler)
{
    prepare(road, env, handler);
    road->dialled = true;
    say_hello(road);
    int err = tls_host ? tls_stream_enter(&road->tls, tls_host) : 0;
    if (err == 0)
        err = local ? sock_connect_from(env, &road->sock, local, to, &SOCK_HANDLER, road)
                    : sock_connect(env, &road->sock, to, &SOCK_HANDLER, road);
    if (err < 0) {
        road->sock = NULL;
        tls_stream_free(road->tls);
    }
    return err;
}

int tcp_road_answer(struct tcp_road *road, struct env *env, struct sock *sock,
                    const struct tls_identity *identity, const struct tcp_road_handler *handler)
{
    prepare(road, env, handler);
    if (identity && tls_stream_accept(&road->tls, identity) < 0) {
        sock_reset(env, sock);
        return -ENOMEM;
    }
    road->sock = sock;
    sock_attach(env, sock, &SOCK_HANDLER, road);
    begin(road);
    return 0;
}

void tcp_road_close(struct tcp_road *road)
{
    if (!road->sock)
        return;
    env_undefer(road->env, &road->work);
    sock_close(road->env, road->sock);
    tls_stream_free(road->tls);
    stream_queue_free(&road->queue);
    road->sock = NULL;
    road->tls = NULL;
}

void tcp_road_send(struct tcp_road *road, const uint8_t *data, size_t len, size_t segment)
{
    if (!road->up || segment == 0)
        return;
    for (size_t at = 0; at < len; at += segment)
        stream_queue_put(&road->queue, data + at, len - at < segment ? len - at : segment);
    env_defer(road->env, &road->work);
}
