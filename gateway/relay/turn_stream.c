#include "gateway/relay/turn_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int start_tls(struct turn_stream *s, const char *host, const char *trust)
{
    int err = tls_stream_client(&s->tls, host);
    return err == 0 && trust ? tls_stream_trust(s->tls, trust) : err;
}

int turn_stream_connect(struct turn_stream *s, struct env *env, const struct addr *server,
                        const char *tls_host, const char *trust, const struct sock_handler *handler,
                        void *arg)
{
    memset(s, 0, sizeof(*s));
    s->env = env;
    s->queue = malloc(TURN_STREAM_QUEUE);
    int err = s->queue ? 0 : -ENOMEM;
    if (err == 0 && tls_host)
        err = start_tls(s, tls_host, trust);
    if (err == 0)
        err = sock_connect(env, &s->sock, server, handler, arg);
    if (err < 0) {
        s->sock = NULL;
        turn_stream_close(s);
    }
    return err;
}

void turn_stream_close(struct turn_stream *s)
{
    if (s->sock)
        sock_close(s->env, s->sock);
    tls_stream_free(s->tls);
    free(s->queue);
    memset(s, 0, sizeof(*s));
}

int turn_stream_send(struct turn_stream *s, const uint8_t *data, size_t len)
{
    if (!s->queue)
        return -EAGAIN;
    if (s->queue_at > 0 && s->queue_len + len > TURN_STREAM_QUEUE) {
        memmove(s->queue, s->queue + s->queue_at, s->queue_len - s->queue_at);
        s->queue_len -= s->queue_at;
        s->queue_at = 0;
    }
    if (s->queue_len + len > TURN_STREAM_QUEUE)
        return -EAGAIN;
    memcpy(s->queue + s->queue_len, data, len);
    s->queue_len += len;
    return 0;
}

static void dequeue(struct turn_stream *s, size_t len)
{
    s->queue_at += len;
    if (s->queue_at == s->queue_len)
        s->queue_at = s->queue_len = 0;
}

static ssize_t write_sock(struct turn_stream *s, const uint8_t *data, size_t len)
{
    struct iovec area = {(void *)data, len};
    return sock_writev(s->env, s->sock, &area, 1);
}

static int flush_plain(struct turn_stream *s)
{
    while (s->queue_at < s->queue_len) {
        ssize_t n = write_sock(s, s->queue + s->queue_at, s->queue_len - s->queue_at);
        if (n < 0)
            return (int)n;
        dequeue(s, (size_t)n);
    }
    return 0;
}

/* Ciphered bytes to the network. */
static int flush_cipher(struct turn_stream *s)
{
    size_t len;
    const uint8_t *data = tls_stream_output(s->tls, &len);
    while (len > 0) {
        ssize_t n = write_sock(s, data, len);
        if (n < 0)
            return (int)n;
        tls_stream_sent(s->tls, (size_t)n);
        data = tls_stream_output(s->tls, &len);
    }
    return 0;
}

static int flush_tls(struct turn_stream *s)
{
    int err = s->secure ? 0 : tls_stream_handshake(s->tls);

    if (err < 0 && err != -EAGAIN)
        return err;
    s->secure = err == 0;
    err = flush_cipher(s);
    while (err == 0 && s->secure && s->queue_at < s->queue_len) {
        ssize_t n = tls_stream_write(s->tls, s->queue + s->queue_at, s->queue_len - s->queue_at);
        if (n < 0 && n != -EAGAIN)
            return (int)n;
        if (n > 0)
            dequeue(s, (size_t)n);
        err = flush_cipher(s);
    }
    return err;
}

int turn_stream_flush(struct turn_stream *s)
{
    int err = 0;
    if (s->connected)
        err = s->tls ? flush_tls(s) : flush_plain(s);
    return err == -EAGAIN ? 0 : err;
}

static ssize_t read_raw(struct turn_stream *s)
{
    size_t room;
    uint8_t *area = tls_stream_area(s->tls, &room);
    struct iovec iov = {area, room};
    ssize_t n = room > 0 ? sock_readv(s->env, s->sock, &iov, 1) : -EAGAIN;
    if (n > 0)
        tls_stream_input(s->tls, (size_t)n);
    else if (n == 0)
        tls_stream_ended(s->tls);
    return n;
}

/* Plain bytes, as sock_readv(), or -EINTR: what came held none, and there may be more. */
static ssize_t read_tls(struct turn_stream *s, uint8_t *data, size_t room)
{
    ssize_t plain = s->secure ? tls_stream_read(s->tls, data, room) : -EAGAIN;
    if (plain != -EAGAIN)
        return plain;
    ssize_t raw = read_raw(s);
    if (raw < 0)
        return raw;
    int err = turn_stream_flush(s);
    if (err < 0)
        return err;
    return raw == 0 && !s->secure ? 0 : -EINTR;
}

ssize_t turn_stream_read(struct turn_stream *s)
{
    size_t room;
    uint8_t *area = turn_frames_area(&s->frames, &room);
    struct iovec iov = {area, room};
    ssize_t n = s->tls ? read_tls(s, area, room) : sock_readv(s->env, s->sock, &iov, 1);
    if (n > 0)
        turn_frames_added(&s->frames, (size_t)n);
    return n;
}

int turn_stream_next(struct turn_stream *s, const uint8_t **frame, size_t *len)
{
    return turn_frames_next(&s->frames, frame, len);
}

const char *turn_stream_reason(const struct turn_stream *s, int err)
{
    if (err == -EPROTO && s->tls)
        return tls_stream_reason(s->tls);
    if (err == -EBADMSG)
        return "the server speaks something else";
    return err == 0 ? "the server closed the connection" : strerror(-err);
}
