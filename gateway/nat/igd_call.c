#include "gateway/nat/igd_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/http_body.h"

static void close_call(struct igd_call *c)
{
    if (c->sock)
        sock_close(c->env, c->sock);
    c->sock = NULL;
    timer_stop(c->env, &c->timer);
}

static void finish(struct igd_call *c, unsigned status, size_t from, size_t len)
{
    auto_free uint8_t *answer = c->answer;

    close_call(c);
    c->answer = NULL;
    c->done(c, status, answer ? answer + from : NULL, len);
}

void igd_call_cancel(struct igd_call *c)
{
    if (!c->env)
        return;
    close_call(c);
    free(c->answer);
    c->answer = NULL;
}

static void on_timer(struct timer *t)
{
    finish(container_of(t, struct igd_call, timer), 0, 0, 0);
}

/* ---- the answer ---- */

/* The size in a chunk's first line, which ends before `*at`. Returns false at what is malformed. */
static bool take_size(const uint8_t *body, size_t len, size_t *at, size_t *size)
{
    size_t digits = 0;

    *size = 0;
    for (; *at < len && digits < 8; digits++, (*at)++) {
        uint8_t c = body[*at], lower = (uint8_t)(c | 0x20);
        bool letter = lower >= 'a' && lower <= 'f';
        if (!letter && (c < '0' || c > '9'))
            break;
        *size = *size * 16 + (size_t)(letter ? lower - 'a' + 10 : c - '0');
    }
    const uint8_t *end = digits > 0 ? memchr(body + *at, '\n', len - *at) : NULL;
    if (end)
        *at = (size_t)(end - body) + 1;
    return end != NULL;
}

size_t igd_call_join_chunks(uint8_t *body, size_t len)
{
    size_t at = 0, used = 0, size;

    while (at < len && take_size(body, len, &at, &size) && size > 0) {
        if (size > len - at)
            size = len - at;
        memmove(body + used, body + at, size);
        used += size;
        at += size;
        if (at + 2 > len || memcmp(body + at, "\r\n", 2) != 0)
            break;
        at += 2;
    }
    return used;
}

static void deliver(struct igd_call *c, const struct http_head *head, enum http_body_kind kind,
                    size_t len)
{
    if (kind == HTTP_BODY_CHUNKED)
        len = igd_call_join_chunks(c->answer + head->len, len);
    finish(c, head->status, head->len, len);
}

/* Looks at what is there; with `ended`, nothing more comes. Some routers promise more than they
 * send, so the end of the connection ends a body too. Returns true when the call is over. */
static bool look(struct igd_call *c, bool ended)
{
    struct http_head head;
    struct http_body body;
    size_t used = 0;

    enum http_fault fault = http_read_response(&head, c->answer, c->len, IGD_ANSWER_MAX);
    if (fault == HTTP_MORE && !ended)
        return false;
    if (fault != HTTP_OK || http_body_of_response(&body, &head, false) != HTTP_OK) {
        finish(c, 0, 0, 0);
        return true;
    }
    enum http_body_kind kind = body.kind;
    fault = http_body_take(&body, c->answer + head.len, c->len - head.len, &used);
    if (fault != HTTP_OK || (body.kind == HTTP_BODY_LENGTH && body.left > IGD_ANSWER_MAX) ||
        (c->len == IGD_ANSWER_MAX && !body.done)) {
        finish(c, 0, 0, 0);
        return true;
    }
    if (!body.done && !ended)
        return false;
    deliver(c, &head, kind, used);
    return true;
}

static void read_answer(struct igd_call *c)
{
    bool ended = false;

    while (!ended) {
        struct iovec area = {c->answer + c->len, IGD_ANSWER_MAX - c->len};
        ssize_t got = area.iov_len > 0 ? sock_readv(c->env, c->sock, &area, 1) : -EMSGSIZE;
        if (got == -EAGAIN)
            return;
        if (got > 0)
            c->len += (size_t)got;
        else
            ended = true;
        if (got < 0 && got != -ECONNRESET) {
            finish(c, 0, 0, 0);
            return;
        }
        if (look(c, ended))
            return;
    }
}

/* ---- the request ---- */

static void on_ready(void *arg)
{
    struct igd_call *c = arg;

    if (c->sent < c->request_len) {
        struct iovec area = {c->request + c->sent, c->request_len - c->sent};
        ssize_t put = sock_writev(c->env, c->sock, &area, 1);
        if (put < 0 && put != -EAGAIN) {
            finish(c, 0, 0, 0);
            return;
        }
        c->sent += put > 0 ? (size_t)put : 0;
    }
    read_answer(c);
}

static void on_connect(void *arg, int err)
{
    struct igd_call *c = arg;

    if (err < 0)
        finish(c, 0, 0, 0);
    else
        on_ready(c);
}

static const struct sock_handler HANDLER = {on_connect, on_ready};

int igd_call_start(struct igd_call *c, struct env *env, const struct addr *to, const char *request,
                   size_t len)
{
    if (len > sizeof(c->request))
        return -EMSGSIZE;
    *c = (struct igd_call){.done = c->done, .env = env, .timer.fire = on_timer, .request_len = len};
    memcpy(c->request, request, len);
    c->answer = malloc(IGD_ANSWER_MAX);
    if (!c->answer)
        return -ENOMEM;
    int err = sock_connect(env, &c->sock, to, &HANDLER, c);
    if (err < 0) {
        c->sock = NULL;
        free(c->answer);
        c->answer = NULL;
        return err;
    }
    timer_set(env, &c->timer, env_now(env) + IGD_CALL_TIME);
    return 0;
}
