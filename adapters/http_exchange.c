/* One request on its way to a service, and the answer back: adapters/http_conn.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/http_conn.h"
#include "adapters/peer_cookies.h"
#include "adapters/pump.h"
#include "adapters/route_page.h"

enum { AREAS_MAX = 64 };

/* ---- towards the service ---- */

/* Copies bytes into the stream. Returns how many found room. */
static size_t put(struct http_conn *c, const uint8_t *data, size_t len)
{
    struct iovec area[2];
    int count = c->pipe->ops->reserve(c->pipe, area);
    size_t done = 0;
    for (int i = 0; i < count && done < len; i++) {
        size_t n = area[i].iov_len < len - done ? area[i].iov_len : len - done;
        memcpy(area[i].iov_base, data + done, n);
        done += n;
    }
    if (done > 0)
        c->pipe->ops->commit(c->pipe, done);
    return done;
}

static enum http_step send_head(struct http_conn *c)
{
    size_t left = c->up.len - c->up.at;
    if (left > 0)
        http_bytes_drop(&c->up, put(c, c->up.data + c->up.at, left));
    return c->up.len == 0 ? HTTP_STEP_ON : HTTP_STEP_WAIT;
}

/* Body bytes that were read together with something else. */
static enum http_step send_kept(struct http_conn *c)
{
    const uint8_t *data = c->in.data + c->in.at;
    size_t used, left = c->in.len - c->in.at;
    struct http_body trial = c->request;
    enum http_fault fault = http_body_take(&trial, data, left, &used);
    if (fault != HTTP_OK)
        return http_conn_fail(c, 400, "The request's body is malformed.");
    size_t done = put(c, data, used);
    /* Only what found room has passed: the machine must stand behind it. */
    fault = http_body_take(&c->request, data, done, &used);
    http_bytes_drop(&c->in, done);
    c->moved += done;
    return done > 0 && fault == HTTP_OK ? HTTP_STEP_ON : HTTP_STEP_WAIT;
}

/* Bodies of known length go straight from the socket into the stream. */
static enum http_step send_direct(struct http_conn *c)
{
    struct iovec area[2];
    size_t used, room = 0, max = PUMP_TURN_MAX;
    int count = c->readable ? c->pipe->ops->reserve(c->pipe, area) : 0;
    if (c->request.left < max)
        max = (size_t)c->request.left;
    for (int i = 0; i < count; i++) {
        if (area[i].iov_len > max - room)
            area[i].iov_len = max - room;
        room += area[i].iov_len;
    }
    if (room == 0)
        return HTTP_STEP_WAIT;
    ssize_t got = sock_readv(c->base.proxy->env, c->base.sock, area, count);
    c->readable = got > 0 && (size_t)got == room;
    if (got == -EAGAIN)
        return HTTP_STEP_WAIT;
    if (got <= 0)
        return http_conn_abort(c); /* in the middle of its request */
    c->pipe->ops->commit(c->pipe, (size_t)got);
    c->moved += (size_t)got;
    /* The count is all that such a body is made of. */
    (void)!http_body_take(&c->request, NULL, (size_t)got, &used);
    return HTTP_STEP_ON;
}

static enum http_step send_request(struct http_conn *c)
{
    enum http_step step = send_head(c);
    while (step == HTTP_STEP_ON && !c->request.done) {
        if (c->moved >= PUMP_TURN_MAX)
            return HTTP_STEP_TURN;
        if (c->in.len > c->in.at)
            step = send_kept(c);
        else if (c->request.kind == HTTP_BODY_LENGTH)
            step = send_direct(c);
        else
            step = http_conn_fill(c);
        if (step == HTTP_STEP_WAIT && c->client_over)
            return http_conn_abort(c); /* in the middle of its request */
    }
    return step;
}

/* ---- back to the client ---- */

enum http_step http_exchange_take_answer(struct http_conn *c)
{
    struct preamble_answer answer;
    struct route_words words;
    if (!c->awaiting)
        return HTTP_STEP_ON;
    int err = node_take_answer(c->pipe, &answer);
    if (err == -EAGAIN && !c->pipe->ops->at_end(c->pipe))
        return HTTP_STEP_WAIT;
    if (err < 0)
        return http_conn_fail(c, 502, "The other gateway gave no answer that makes sense.");
    c->awaiting = false;
    if (answer.status == PREAMBLE_OK)
        return HTTP_STEP_ON;
    const struct page page = route_answer_page(&c->route, &answer, &words);
    return http_conn_fail_by(c, &page);
}

/* Hands a head on. */
static enum http_step pass_head(struct http_conn *c, struct http_head *head)
{
    struct site site = proxy_site(c->base.proxy, &c->pipe_peer);
    bool interim = head->status < 200 && head->status != 101;
    struct rewrite_response rewrite = {
        .head = head,
        .close = !interim && !c->keep_alive,
        .keep_alive = !interim && c->old_client,
        .upgrade = head->status == 101,
        .as_public = !interim && c->absolute,
    };
    size_t len;
    if (!c->route.raw)
        peer_cookies_keep(&site, head);
    char *text = rewrite_response(&rewrite, &len);
    bool ok = text && http_bytes_add(&c->out, text, len);
    free(text);
    return ok ? HTTP_STEP_ON : http_conn_fail(c, 502, "The gateway is out of memory.");
}

/* What a final answer means for both connections. */
static enum http_step begin_response(struct http_conn *c, struct http_head *head)
{
    if (head->status == 101) {
        if (!c->upgrade)
            return http_conn_fail(c, 502, "The service changed the protocol unasked.");
        c->response_begun = true;
        c->state = HTTP_CONN_SWITCHED;
        return pass_head(c, head);
    }
    enum http_fault fault = http_body_of_response(&c->response, head, c->is_head);
    if (fault != HTTP_OK)
        return http_conn_fail(c, 502, "The service's answer cannot be framed.");
    bool to_end = c->response.kind == HTTP_BODY_TO_END;
    c->keep_upstream = !to_end && !c->old_client && http_keeps_alive(head);
    /* An answer that came before all of the request was taken leaves a rest that nobody wants. An
     * old client knows no chunks, and may only be told to read to the end. */
    if (to_end || !c->request.done || (c->old_client && c->response.kind == HTTP_BODY_CHUNKED))
        c->keep_alive = false;
    c->response_begun = true;
    return pass_head(c, head);
}

/* Puts the pieces of a head together. Returns the length, at most HTTP_RESPONSE_HEAD_MAX. */
static size_t gather(const struct iovec *area, int count, uint8_t *out)
{
    size_t len = 0;
    for (int i = 0; i < count && len < HTTP_RESPONSE_HEAD_MAX; i++) {
        size_t n = area[i].iov_len;
        if (n > HTTP_RESPONSE_HEAD_MAX - len)
            n = HTTP_RESPONSE_HEAD_MAX - len;
        memcpy(out + len, area[i].iov_base, n);
        len += n;
    }
    return len;
}

static enum http_step no_head_yet(struct http_conn *c)
{
    if (!c->pipe->ops->at_end(c->pipe))
        return HTTP_STEP_WAIT;
    /* The service closed a kept connection just when a request came: browsers know that, and ask
     * again on a fresh one. */
    if (c->reused)
        return http_conn_close(c);
    return http_conn_fail(c, 502, "The service closed the connection without an answer.");
}

/* Takes the next head of an answer from the stream, where it stays until it is complete. */
static enum http_step take_head(struct http_conn *c)
{
    struct iovec area[AREAS_MAX];
    struct http_head head;
    auto_free uint8_t *whole = NULL;
    int count = c->pipe->ops->peek(c->pipe, area, AREAS_MAX);
    if (count == 0)
        return no_head_yet(c);
    enum http_fault fault =
        http_read_response(&head, area[0].iov_base, area[0].iov_len, HTTP_RESPONSE_HEAD_MAX);
    if (fault == HTTP_MORE && count > 1) {
        whole = malloc(HTTP_RESPONSE_HEAD_MAX);
        if (!whole)
            return http_conn_abort(c);
        fault =
            http_read_response(&head, whole, gather(area, count, whole), HTTP_RESPONSE_HEAD_MAX);
    }
    if (fault == HTTP_MORE && count < AREAS_MAX)
        return c->pipe->ops->at_end(c->pipe) ? http_conn_abort(c) : HTTP_STEP_WAIT;
    if (fault != HTTP_OK) {
        char text[160];
        snprintf(text, sizeof(text), "The service's answer %s.",
                 http_fault_text(fault == HTTP_MORE ? HTTP_TOO_LONG : fault));
        return http_conn_fail(c, 502, text);
    }
    size_t len = head.len;
    bool interim = head.status < 200 && head.status != 101;
    enum http_step step = HTTP_STEP_ON;
    if (!interim)
        step = begin_response(c, &head);
    else if (!c->old_client) /* RFC 9110 §15.2: those know none */
        step = pass_head(c, &head);
    if (step == HTTP_STEP_GONE)
        return step;
    c->pipe->ops->consume(c->pipe, len);
    c->moved += len;
    return step;
}

/* How many of the areas' bytes belong to the answer, or -1: malformed. Cuts the areas there. */
static ssize_t measure(const struct http_body *body, struct iovec *area, int *count)
{
    struct http_body trial = *body;
    size_t total = 0;
    for (int i = 0; i < *count; i++) {
        size_t used;
        if (http_body_take(&trial, area[i].iov_base, area[i].iov_len, &used) != HTTP_OK)
            return -1;
        area[i].iov_len = used;
        total += used;
        if (trial.done || total >= PUMP_TURN_MAX)
            *count = i + 1;
    }
    return (ssize_t)total;
}

/* Lets the machine follow what was really written. */
static void follow(struct http_body *body, const struct iovec *area, size_t len)
{
    for (; len > 0; area++) {
        size_t used, n = area->iov_len < len ? area->iov_len : len;
        if (http_body_take(body, area->iov_base, n, &used) != HTTP_OK)
            return; /* measured before */
        len -= n;
    }
}

/* Writes what `out` holds and the body's bytes behind it at once: a small answer is one packet. */
static ssize_t write_behind_head(struct http_conn *c, struct iovec *area, int count, size_t len)
{
    size_t head = c->out.len - c->out.at;
    if (head > 0)
        area[0] = (struct iovec){c->out.data + c->out.at, head};
    ssize_t put = head > 0 ? sock_writev(c->base.proxy->env, c->base.sock, area, count + 1)
                           : sock_writev(c->base.proxy->env, c->base.sock, area + 1, count);
    c->writable = put >= 0 && (size_t)put == head + len;
    if (put <= 0 || head == 0)
        return put;
    size_t of_head = (size_t)put < head ? (size_t)put : head;
    http_bytes_drop(&c->out, of_head);
    return put - (ssize_t)of_head;
}

static enum http_step pass_body(struct http_conn *c)
{
    struct iovec area[1 + AREAS_MAX];
    struct iovec *body = area + 1;
    int count = c->writable ? c->pipe->ops->peek(c->pipe, body, AREAS_MAX) : 0;
    if (count == 0 && c->pipe->ops->at_end(c->pipe)) {
        /* The end of the stream is the end of the answer, or it came too early. */
        c->response.done = c->response.kind == HTTP_BODY_TO_END;
        return c->response.done ? HTTP_STEP_ON : http_conn_abort(c);
    }
    if (count == 0)
        return HTTP_STEP_WAIT;
    ssize_t len = measure(&c->response, body, &count);
    if (len < 0)
        return http_conn_abort(c);
    ssize_t put = write_behind_head(c, area, count, (size_t)len);
    if (put == -EAGAIN)
        return HTTP_STEP_WAIT;
    if (put < 0)
        return http_conn_abort(c);
    follow(&c->response, body, (size_t)put);
    c->pipe->ops->consume(c->pipe, (size_t)put);
    c->moved += (size_t)put;
    return HTTP_STEP_ON;
}

static enum http_step bring_response(struct http_conn *c)
{
    enum http_step step = http_exchange_take_answer(c);
    while (step == HTTP_STEP_ON && !c->response_begun) {
        if (c->moved >= PUMP_TURN_MAX)
            return HTTP_STEP_TURN;
        /* A service may send interim answers without end: each waits until the one before is out.
         */
        step = http_conn_flush(c);
        if (step == HTTP_STEP_ON)
            step = take_head(c);
    }
    while (step == HTTP_STEP_ON && c->state == HTTP_CONN_EXCHANGE && !c->response.done) {
        if (c->moved >= PUMP_TURN_MAX)
            return HTTP_STEP_TURN;
        step = pass_body(c);
    }
    return step == HTTP_STEP_ON ? http_conn_flush(c) : step;
}

enum http_step http_exchange_run(struct http_conn *c)
{
    enum http_step sent = send_request(c);
    if (sent == HTTP_STEP_GONE)
        return sent;
    enum http_step brought = bring_response(c);
    if (brought == HTTP_STEP_ON && c->state == HTTP_CONN_EXCHANGE && c->response.done)
        return http_conn_next(c);
    /* Interim answers do not wait for the final one. */
    if (brought == HTTP_STEP_WAIT && http_conn_flush(c) == HTTP_STEP_GONE)
        return HTTP_STEP_GONE;
    return brought == HTTP_STEP_WAIT && sent == HTTP_STEP_TURN ? sent : brought;
}
