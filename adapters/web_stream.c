#include "adapters/web_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/http_bytes.h"

#define TICK      SEC(1)
#define HEARTBEAT SEC(15)
#define PATIENCE  SEC(10)

enum { WASTE = 1024, WASTE_READS = 16 };

struct reader {
    struct list link;
    struct web_stream *stream;
    struct sock *sock;
    struct http_bytes out;
    bool trusted, writable;
    uint64_t version; /* of what it was told */
    instant said;     /* when it was last told something */
};

static void leave(struct reader *r)
{
    struct web_stream *s = r->stream;
    list_remove(&r->link);
    s->count--;
    free(r->out.data);
    free(r);
    if (s->count == 0)
        timer_stop(s->env, &s->tick);
}

static void drop(struct reader *r)
{
    sock_reset(r->stream->env, r->sock);
    leave(r);
}

/* False: it is gone. */
static bool flush(struct reader *r)
{
    while (r->out.len > 0 && r->writable) {
        struct iovec area = {r->out.data + r->out.at, r->out.len - r->out.at};
        ssize_t put = sock_writev(r->stream->env, r->sock, &area, 1);
        r->writable = put >= 0 && (size_t)put == area.iov_len;
        if (put < 0 && put != -EAGAIN) {
            drop(r);
            return false;
        }
        if (put > 0)
            http_bytes_drop(&r->out, (size_t)put);
    }
    return true;
}

static bool say(struct reader *r, const char *text, size_t len)
{
    return http_bytes_add(&r->out, text, len);
}

static bool say_shown(struct reader *r, const struct web_shown *shown)
{
    static const char before[] = "data: ", after[] = "\n\n";
    r->version = shown->version;
    return say(r, before, sizeof(before) - 1) && say(r, shown->text, shown->len) &&
           say(r, after, sizeof(after) - 1);
}

/* Tells a reader what it does not know yet. */
static void tell(struct reader *r)
{
    static const char heartbeat[] = ":\n\n";
    struct web_stream *s = r->stream;
    const struct web_shown *shown = &s->shown[r->trusted];
    instant now = env_now(s->env);
    bool ok = true;
    if (r->out.len > 0) {
        if (now - r->said >= PATIENCE)
            drop(r);
        return;
    }
    if (shown->text && r->version != shown->version)
        ok = say_shown(r, shown);
    else if (now - r->said >= HEARTBEAT)
        ok = say(r, heartbeat, sizeof(heartbeat) - 1);
    else
        return;
    r->said = now;
    if (ok)
        (void)flush(r);
    else
        drop(r);
}

/* What goes on now. It stays as it was where there is nothing to be seen for the moment. */
static void look(struct web_stream *s, bool trusted)
{
    struct web_shown *shown = &s->shown[trusted];
    char *text = s->source->show(s->source->arg, trusted);
    size_t len = text ? strlen(text) : 0;
    if (!text || (shown->text && len == shown->len && memcmp(text, shown->text, len) == 0)) {
        free(text);
        return;
    }
    free(shown->text);
    *shown = (struct web_shown){text, len, shown->version + 1};
}

static bool has_any(const struct web_stream *s, bool trusted)
{
    for (struct list *at = s->readers.next; at != &s->readers; at = at->next) {
        if (list_entry(at, struct reader, link)->trusted == trusted)
            return true;
    }
    return false;
}

static void on_tick(struct timer *timer)
{
    struct web_stream *s = container_of(timer, struct web_stream, tick);
    for (int trusted = 0; trusted <= 1; trusted++) {
        if (has_any(s, trusted))
            look(s, trusted);
    }
    timer_set(s->env, &s->tick, env_now(s->env) + TICK);
    for (struct list *at = s->readers.next, *next; at != &s->readers; at = next) {
        next = at->next;
        tell(list_entry(at, struct reader, link));
    }
}

/* A reader has nothing to say. False: it is gone. */
static bool drain(struct reader *r)
{
    uint8_t waste[WASTE];
    struct iovec area = {waste, sizeof(waste)};
    for (int i = 0; i < WASTE_READS; i++) {
        ssize_t got = sock_readv(r->stream->env, r->sock, &area, 1);
        if (got == -EAGAIN || (got > 0 && got < WASTE))
            return true;
        if (got <= 0)
            return false;
    }
    return false;
}

static void on_ready(void *arg)
{
    struct reader *r = arg;
    r->writable = true;
    if (!drain(r) || sock_error(r->stream->env, r->sock) < 0)
        drop(r);
    else
        (void)flush(r);
}

static const struct sock_handler events = {NULL, on_ready};

void web_stream_init(struct web_stream *s, struct env *env, const struct web_source *source)
{
    *s = (struct web_stream){.env = env, .source = source, .tick = {.fire = on_tick}};
    list_init(&s->readers);
}

void web_stream_deinit(struct web_stream *s)
{
    for (struct list *at = list_first(&s->readers); at; at = list_first(&s->readers))
        drop(list_entry(at, struct reader, link));
    free(s->shown[0].text);
    free(s->shown[1].text);
}

bool web_stream_is_full(const struct web_stream *s)
{
    return s->count >= WEB_READERS_MAX;
}

void web_stream_add(struct web_stream *s, struct sock *sock, const char *head, bool trusted)
{
    struct reader *r = calloc(1, sizeof(*r));
    if (!r || !http_bytes_add(&r->out, head, strlen(head))) {
        free(r);
        sock_reset(s->env, sock);
        return;
    }
    r->stream = s;
    r->sock = sock;
    r->trusted = trusted;
    r->writable = true;
    r->said = env_now(s->env);
    list_append(&s->readers, &r->link);
    s->count++;
    sock_attach(s->env, sock, &events, r);
    look(s, trusted);
    if (s->shown[trusted].text && !say_shown(r, &s->shown[trusted])) {
        drop(r);
        return;
    }
    if (flush(r) && s->count == 1)
        timer_set(s->env, &s->tick, env_now(s->env) + TICK);
}

void web_stream_hurry(struct web_stream *s)
{
    if (s->count > 0)
        timer_set(s->env, &s->tick, env_now(s->env));
}
