#include "adapters/peer_header.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/upgrade_watch.h"
#include "gateway/base/bytes.h"
#include "gateway/base/log.h"
#include "gateway/wire/http_body.h"
#include "gateway/wire/http_head.h"

#define FIELD_MAX (sizeof(PEER_HEADER_NAME ": \r\n\r\n") + PEER_ID_TEXT_LEN)

enum state {
    READING_HEAD, /* into `buffer` */
    SENDING_HEAD, /* out of `buffer` */
    IN_BODY,      /* straight from below */
    WAITING,      /* for the answer to an upgrade */
    PASSING,      /* upgraded: everything goes through */
    BROKEN,       /* on_reset is on its way */
};

struct peer_header {
    struct pipe pipe;
    struct pipe *below;
    struct env *env;
    struct peer_id peer;
    enum state state;
    bool upgrading, second; /* this request asks for an upgrade; is not the first */
    uint8_t *buffer;        /* heap while a head is read or sent */
    size_t at, len;         /* of the buffer */
    struct http_body body;
    struct upgrade_watch watch;
    struct iovec reserved[2]; /* what the last reserve() named */
    int reserved_count;
    struct deferred later; /* to tell the handler something */
};

static struct peer_header *self(struct pipe *p)
{
    return container_of(p, struct peer_header, pipe);
}

static void drop_buffer(struct peer_header *h)
{
    free(h->buffer);
    h->buffer = NULL;
    h->at = h->len = 0;
}

static void break_off(struct peer_header *h, const char *why)
{
    char id[9];
    log_info(LOG_SERVE, "%s: a request that %s: stream reset", peer_id_short(&h->peer, id), why);
    drop_buffer(h);
    h->state = BROKEN;
    env_defer(h->env, &h->later);
}

static void on_later(struct deferred *later)
{
    struct peer_header *h = container_of(later, struct peer_header, later);
    if (h->state == BROKEN)
        h->pipe.handler->on_reset(h->pipe.arg, PIPE_RESET_PROTOCOL);
    else
        h->pipe.handler->on_readable(h->pipe.arg);
}

/* ---- rewriting a head ---- */

/* Our field, also as programs know it that take '_' for '-' (CGI's environment). */
static bool is_our_field(struct http_text name)
{
    char text[sizeof(PEER_HEADER_NAME)];
    if (name.len != sizeof(text) - 1)
        return false;
    for (size_t i = 0; i < name.len; i++)
        text[i] = (char)(name.at[i] == '_' ? '-' : name.at[i]);
    return http_text_is((struct http_text){text, name.len}, PEER_HEADER_NAME);
}

static void put(struct writer *w, struct http_text text)
{
    write_bytes(w, text.at, text.len);
}

static void put_first_line(struct writer *w, const struct http_head *head)
{
    put(w, head->method);
    write_bytes(w, " ", 1);
    put(w, head->target);
    write_bytes(w, head->minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n", 11);
}

static void put_fields(struct writer *w, const struct http_head *head, bool upgrading)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->field[i];
        if (is_our_field(field->name) || (!upgrading && http_text_is(field->name, "Upgrade")))
            continue;
        put(w, field->name);
        write_bytes(w, ": ", 2);
        put(w, field->value);
        write_bytes(w, "\r\n", 2);
    }
}

static void rewrite(struct peer_header *h, const struct http_head *head)
{
    char id[PEER_ID_TEXT_MAX];
    /* Written anew a field may be one space longer than it was. */
    size_t room = head->len + head->field_count + FIELD_MAX;
    uint8_t *out = malloc(room);
    if (!out) {
        break_off(h, "found no memory");
        return;
    }
    struct writer w = writer_over(out, room);
    put_first_line(&w, head);
    put_fields(&w, head, h->upgrading);
    write_bytes(&w, PEER_HEADER_NAME ": ", sizeof(PEER_HEADER_NAME ": ") - 1);
    write_bytes(&w, peer_id_print(&h->peer, id), PEER_ID_TEXT_LEN);
    write_bytes(&w, "\r\n\r\n", 4);
    drop_buffer(h);
    h->buffer = out;
    h->len = writer_len(&w, out);
    h->state = SENDING_HEAD;
}

/* ---- reading a head ---- */

static bool asks_for_websocket(const struct http_head *head)
{
    size_t count;
    const struct http_field *field = http_find(head, "Upgrade", &count);
    return count == 1 && http_text_is(field->value, "websocket") &&
           http_has_element(head, "Connection", "upgrade") && http_text_is(head->method, "GET");
}

static void take_head(struct peer_header *h, const struct http_head *head)
{
    /* Ours must fit as well, for whoever reads with the limit that we do. */
    enum http_fault fault = head->field_count == HTTP_FIELDS_MAX
                                ? HTTP_TOO_MANY_FIELDS
                                : http_body_of_request(&h->body, head);
    if (fault != HTTP_OK) {
        break_off(h, http_fault_text(fault));
        return;
    }
    if (http_text_is(head->method, "CONNECT") ||
        http_has_element(head, "Connection", PEER_HEADER_NAME)) {
        break_off(h, "would hide who calls");
        return;
    }
    h->body.bare = true; /* there are servers that add trailers to the fields of the head */
    h->upgrading = !h->second && h->body.done && asks_for_websocket(head);
    h->second = true;
    rewrite(h, head);
}

/* Copies what has come behind what the buffer holds. Returns how many bytes. */
static size_t gather(struct peer_header *h)
{
    struct iovec area[16];
    size_t added = 0;
    int count = h->below->ops->peek(h->below, area, 16);
    for (int i = 0; i < count; i++) {
        size_t room = HTTP_REQUEST_HEAD_MAX - h->len - added;
        size_t len = area[i].iov_len < room ? area[i].iov_len : room;
        memcpy(h->buffer + h->len + added, area[i].iov_base, len);
        added += len;
    }
    return added;
}

/* Reads on until a head is whole or there is no more. */
static void read_head(struct peer_header *h)
{
    struct http_head head;
    struct iovec probe;
    if (h->below->ops->peek(h->below, &probe, 1) == 0)
        return;
    if (!h->buffer)
        h->buffer = malloc(HTTP_REQUEST_HEAD_MAX);
    if (!h->buffer) {
        break_off(h, "found no memory");
        return;
    }
    size_t before = h->len;
    h->len += gather(h);
    enum http_fault fault = http_read_request(&head, h->buffer, h->len, HTTP_REQUEST_HEAD_MAX);
    if (fault == HTTP_OK) {
        h->below->ops->consume(h->below, head.len - before);
        take_head(h, &head);
    } else if (fault == HTTP_MORE) {
        h->below->ops->consume(h->below, h->len - before);
    } else {
        break_off(h, http_fault_text(fault));
    }
}

/* ---- the pipe's reading side ---- */

static void after_head(struct peer_header *h)
{
    drop_buffer(h);
    if (h->upgrading) {
        h->state = WAITING;
        upgrade_watch_init(&h->watch);
    } else {
        h->state = h->body.done ? READING_HEAD : IN_BODY;
    }
}

/* Cuts the areas down to what belongs to the body. */
static int limit_to_body(struct peer_header *h, struct iovec *area, int count)
{
    struct http_body body = h->body; /* a look ahead */
    for (int i = 0; i < count; i++) {
        size_t used = 0;
        enum http_fault fault = http_body_take(&body, area[i].iov_base, area[i].iov_len, &used);
        if (fault != HTTP_OK) {
            break_off(h, "has a malformed chunk, or fields behind its body");
            return 0;
        }
        if (body.done) {
            area[i].iov_len = used;
            return used > 0 ? i + 1 : i;
        }
    }
    return count;
}

static int peek(struct pipe *p, struct iovec *area, int max)
{
    struct peer_header *h = self(p);
    if (h->state == READING_HEAD)
        read_head(h);
    switch (h->state) {
    case SENDING_HEAD:
        area[0] = (struct iovec){h->buffer + h->at, h->len - h->at};
        return 1;
    case IN_BODY:
        return limit_to_body(h, area, h->below->ops->peek(h->below, area, max));
    case PASSING:
        return h->below->ops->peek(h->below, area, max);
    case READING_HEAD:
    case WAITING:
    case BROKEN:
        return 0;
    }
    return 0;
}

/* Notes that `len` more bytes of the body have passed. */
static void pass_body(struct peer_header *h, size_t len)
{
    struct iovec area[64];
    size_t left = len, used;
    int count = h->below->ops->peek(h->below, area, 64);
    for (int i = 0; i < count && left > 0; i++) {
        size_t part = area[i].iov_len < left ? area[i].iov_len : left;
        (void)!http_body_take(&h->body, area[i].iov_base, part, &used);
        left -= part;
    }
    h->below->ops->consume(h->below, len);
    if (h->body.done)
        h->state = READING_HEAD;
}

static void consume(struct pipe *p, size_t len)
{
    struct peer_header *h = self(p);
    if (h->state == SENDING_HEAD) {
        h->at += len;
        if (h->at == h->len)
            after_head(h);
    } else if (h->state == IN_BODY) {
        pass_body(h, len);
    } else if (len > 0) {
        h->below->ops->consume(h->below, len);
    }
}

static bool at_end(const struct pipe *p)
{
    const struct peer_header *h =
        container_of((struct pipe *)(uintptr_t)p, struct peer_header, pipe);
    return h->state != SENDING_HEAD && h->state != BROKEN && h->below->ops->at_end(h->below);
}

/* ---- its writing side, which is only watched ---- */

static int reserve(struct pipe *p, struct iovec area[static 2])
{
    struct peer_header *h = self(p);
    h->reserved_count = h->below->ops->reserve(h->below, area);
    memcpy(h->reserved, area, sizeof(h->reserved[0]) * (size_t)h->reserved_count);
    return h->reserved_count;
}

static void commit(struct pipe *p, size_t len)
{
    struct peer_header *h = self(p);
    size_t left = len;
    for (int i = 0; h->state == WAITING && i < h->reserved_count; i++) {
        size_t part = h->reserved[i].iov_len < left ? h->reserved[i].iov_len : left;
        left -= part;
        enum upgrade_answer answer = upgrade_watch_take(&h->watch, h->reserved[i].iov_base, part);
        if (answer == UPGRADE_UNKNOWN)
            continue;
        h->state = answer == UPGRADE_DONE ? PASSING : READING_HEAD;
        env_defer(h->env, &h->later);
    }
    h->below->ops->commit(h->below, len);
}

static void finish(struct pipe *p)
{
    self(p)->below->ops->finish(self(p)->below);
}

static bool drained(const struct pipe *p)
{
    const struct peer_header *h =
        container_of((struct pipe *)(uintptr_t)p, struct peer_header, pipe);
    return h->below->ops->drained(h->below);
}

/* ---- life ---- */

static void discard(struct peer_header *h)
{
    env_undefer(h->env, &h->later);
    drop_buffer(h);
    free(h);
}

static void reset(struct pipe *p, enum pipe_reset why)
{
    struct peer_header *h = self(p);
    h->below->ops->reset(h->below, why);
    discard(h);
}

static void close_pipe(struct pipe *p)
{
    struct peer_header *h = self(p);
    h->below->ops->close(h->below);
    discard(h);
}

static void on_readable(void *arg)
{
    struct peer_header *h = arg;
    h->pipe.handler->on_readable(h->pipe.arg);
}

static void on_writable(void *arg)
{
    struct peer_header *h = arg;
    h->pipe.handler->on_writable(h->pipe.arg);
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct peer_header *h = arg;
    h->pipe.handler->on_reset(h->pipe.arg, why);
}

int peer_header_new(struct pipe **out, struct env *env, struct pipe *below,
                    const struct peer_id *peer)
{
    static const struct pipe_ops ops = {
        .reserve = reserve,
        .commit = commit,
        .finish = finish,
        .peek = peek,
        .consume = consume,
        .at_end = at_end,
        .drained = drained,
        .reset = reset,
        .close = close_pipe,
    };
    static const struct pipe_handler events = {on_readable, on_writable, on_reset};
    struct peer_header *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->pipe.ops = &ops;
    h->below = below;
    h->env = env;
    h->peer = *peer;
    h->later.run = on_later;
    pipe_attach(below, &events, h);
    *out = &h->pipe;
    return 0;
}
