#include "tests/support/quic_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "tests/support/random.h"

/* ---- chance and pattern ---- */

void link_random(void *arg, void *out, size_t len)
{
    struct link_side *side = arg;
    random_fill(&side->link->chance, out, len);
}

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ 0x5a);
}

/* ---- streams ---- */

void link_write(struct link_stream *s)
{
    while (s->pipe && s->written < s->to_write) {
        struct iovec area[2];
        int count = s->pipe->ops->reserve(s->pipe, area);
        size_t done = 0;
        if (count == 0)
            return;
        for (int i = 0; i < count; i++) {
            uint8_t *to = area[i].iov_base;
            for (size_t n = 0; n < area[i].iov_len && s->written < s->to_write; n++, done++)
                to[n] = pattern(s->written++);
        }
        s->pipe->ops->commit(s->pipe, done);
    }
    if (s->pipe && s->finish_after && s->written == s->to_write) {
        s->pipe->ops->finish(s->pipe);
        s->finish_after = false;
    }
}

static size_t echo(struct link_stream *s, const uint8_t *data, size_t len)
{
    struct iovec area[2];
    size_t done = 0;
    int count = s->pipe->ops->reserve(s->pipe, area);
    for (int i = 0; i < count && done < len; i++) {
        size_t n = area[i].iov_len < len - done ? area[i].iov_len : len - done;
        memcpy(area[i].iov_base, data + done, n);
        done += n;
    }
    s->pipe->ops->commit(s->pipe, done);
    return done;
}

static size_t use(struct link_stream *s, const uint8_t *data, size_t len)
{
    if (s->mode == LINK_ECHO)
        len = echo(s, data, len);
    for (size_t i = 0; i < len; i++)
        if (data[i] != pattern(s->received++))
            s->wrong = true;
    return len;
}

void link_read(struct link_stream *s)
{
    struct iovec area[4];
    while (s->pipe && s->mode != LINK_HOLD) {
        int count = s->pipe->ops->peek(s->pipe, area, 4);
        size_t used = 0, there = 0;
        for (int i = 0; i < count; i++) {
            there += area[i].iov_len;
            if (used + area[i].iov_len == there)
                used += use(s, area[i].iov_base, area[i].iov_len);
        }
        s->pipe->ops->consume(s->pipe, used);
        if (used == 0)
            break;
    }
    if (!s->pipe || s->ended || !s->pipe->ops->at_end(s->pipe))
        return;
    s->ended = true;
    if (s->mode == LINK_ECHO)
        s->pipe->ops->finish(s->pipe);
    if (s->mode == LINK_ECHO || s->close_at_end) {
        s->pipe->ops->close(s->pipe);
        s->pipe = NULL;
    }
}

static void on_readable(void *arg)
{
    struct link_stream *s = arg;
    s->readable++;
    link_read(s);
}

static void on_writable(void *arg)
{
    struct link_stream *s = arg;
    s->writable++;
    link_write(s);
    link_read(s); /* an echo may have waited for room */
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct link_stream *s = arg;
    assert_int_equal(s->reset, -1);
    s->reset = why;
    s->pipe->ops->close(s->pipe);
    s->pipe = NULL;
}

static const struct pipe_handler PIPES = {on_readable, on_writable, on_reset};

static struct link_stream *stream_new(struct link_side *side, struct pipe *pipe)
{
    struct link_stream *s = &side->stream[side->streams++ % LINK_STREAMS];
    *s = (struct link_stream){.side = side, .pipe = pipe, .mode = side->mode, .reset = -1};
    s->conn = quic_stream_conn(pipe);
    pipe_attach(pipe, &PIPES, s);
    return s;
}

struct link_stream *link_open(struct quic_link *link, int i, uint64_t len, bool finish)
{
    struct pipe *pipe;
    assert_int_equal(quic_open_stream(link->side[i].conn, &pipe), 0);
    struct link_stream *s = stream_new(&link->side[i], pipe);
    s->mode = LINK_READ;
    s->to_write = len;
    s->finish_after = finish;
    link_write(s);
    return s;
}

/* ---- handlers ---- */

static bool on_identity(void *arg, const struct peer_id *id, const struct path *path)
{
    struct link_side *side = arg;
    (void)path;
    side->identities++;
    side->identity = *id;
    return !side->refuse;
}

static void on_connected(void *arg, struct quic_conn *conn)
{
    struct link_side *side = arg;
    side->connected++;
    side->conn = conn;
}

static void on_stream(void *arg, struct quic_conn *conn, struct pipe *pipe)
{
    (void)conn;
    (void)stream_new(arg, pipe);
}

static void on_datagram(void *arg, struct quic_conn *conn, const uint8_t *data, size_t len)
{
    struct link_side *side = arg;
    (void)conn;
    side->datagrams++;
    side->datagram_len = len;
    memcpy(side->datagram, data, len);
}

static void on_path(void *arg, struct quic_conn *conn, const struct path *path)
{
    struct link_side *side = arg;
    (void)conn;
    side->moved++;
    side->path = *path;
}

static void on_doubt(void *arg, struct quic_conn *conn)
{
    struct link_side *side = arg;
    (void)conn;
    side->doubts++;
}

static void on_ended(void *arg, struct quic_conn *conn, const struct quic_ended *ended)
{
    struct link_side *side = arg;
    side->ended++;
    side->why = *ended;
    if (side->conn == conn)
        side->conn = NULL;
}

static void on_offence(void *arg, enum quic_offence what, const struct path *path, bool there)
{
    struct link_side *side = arg;
    (void)path;
    side->offences++;
    side->there += there;
    side->offence = what;
}

static const struct quic_handler HANDLER = {
    .on_offence = on_offence,
    .on_identity = on_identity,
    .on_connected = on_connected,
    .on_stream = on_stream,
    .on_datagram = on_datagram,
    .on_path = on_path,
    .on_doubt = on_doubt,
    .on_ended = on_ended,
};

static void wake(void *arg)
{
    struct link_side *side = arg;
    side->wakes++;
}

/* ---- life ---- */

void link_start(struct quic_link *link, int i, const struct quic_options *options)
{
    struct link_side *side = &link->side[i];
    struct quic_options o = {0};
    uint8_t seed[KEYS_SEED_LEN], ip[4] = {10, 0, 0, (uint8_t)(i + 1)};

    if (options)
        o = *options;
    memset(seed, i + 1, sizeof(seed));
    keys_from_seed(&side->keys, seed);
    memset(o.reset_key, i + 1, sizeof(o.reset_key));
    side->link = link;
    side->index = i;
    side->addr = addr_v4(ip, 4433);
    o.keys = &side->keys;
    o.random = link_random;
    o.handler = &HANDLER;
    o.wake = wake;
    o.arg = side;
    assert_int_equal(quic_endpoint_new(&side->ep, &o), 0);
}

void link_stop(struct quic_link *link, int i)
{
    struct link_side *side = &link->side[i];
    quic_endpoint_free(side->ep);
    side->ep = NULL;
    side->conn = NULL;
    for (int n = 0; n < LINK_STREAMS; n++) {
        struct link_stream *s = &side->stream[n];
        if (s->pipe)
            s->pipe->ops->close(s->pipe);
        s->pipe = NULL;
    }
}

void link_init(struct quic_link *link, uint64_t seed, const struct quic_options *options)
{
    assert_int_equal(crypto_start(), 0);
    memset(link, 0, sizeof(*link));
    link->now = SEC(1000);
    link->delay = MSEC(10);
    link->chance = seed;
    link_start(link, 0, options);
    link_start(link, 1, options);
}

void link_deinit(struct quic_link *link)
{
    for (int i = 0; i < LINK_SIDES; i++)
        link_stop(link, i);
    while (link->first) {
        struct link_packet *p = link->first;
        link->first = p->next;
        free(p);
    }
}

/* ---- the network ---- */

static void travel(struct quic_link *link, int from, const struct path *path, const uint8_t *data,
                   size_t len)
{
    struct link_side *side = &link->side[from];
    struct link_packet *p = malloc(sizeof(*p) + len);
    assert_non_null(p);
    side->sent_packets++;
    side->sent_bytes += len;
    bool also = !addr_is_none(&path->local) && addr_equal(&path->local, &side->also);
    p->from = also ? side->also : side->addr;
    p->to = path->remote;
    p->len = len;
    memcpy(p->data, data, len);
    bool lost = link->loss > 0 && random_below(&link->chance, 1000) < link->loss;
    lost = lost || (link->mtu > 0 && len > link->mtu);
    if (link->socket_mtu > 0 && len > link->socket_mtu) {
        quic_too_large(side->ep, link->now, path, len);
        lost = true;
    }
    lost = lost || addr_equal(&p->from, &link->dead) || addr_equal(&p->to, &link->dead);
    if (lost || (link->filter && !link->filter(link, from, p->data, &p->len))) {
        free(p);
        return;
    }
    instant start = link->now;
    if (link->bytes_ms > 0) {
        if (link->busy_until[from] > start)
            start = link->busy_until[from];
        start += MSEC(1) * len / link->bytes_ms;
        link->busy_until[from] = start;
    }
    p->due = start + link->delay;
    struct link_packet **at = &link->first;
    while (*at && (*at)->due <= p->due)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
}

void link_flush(struct quic_link *link, int i)
{
    struct link_side *side = &link->side[i];
    struct quic_tx tx;
    while (side->ep && quic_output(side->ep, link->now, &tx)) {
        assert_true(tx.len > 0 && tx.segment > 0);
        for (size_t at = 0; at < tx.len; at += tx.segment)
            travel(link, i, &tx.path, tx.data + at,
                   tx.len - at < tx.segment ? tx.len - at : tx.segment);
    }
}

static void turn(struct quic_link *link, int i)
{
    if (!link->side[i].ep)
        return;
    quic_dispatch(link->side[i].ep, link->now);
    link_flush(link, i);
}

static void take(struct quic_link *link, int i, const struct path *path, const uint8_t *data,
                 size_t len)
{
    struct link_side *side = &link->side[i];
    uint8_t *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    side->got_packets++;
    side->got_bytes += len;
    quic_input(side->ep, link->now, path, copy, len, len);
    free(copy);
}

void link_inject(struct quic_link *link, int i, const struct addr *from, const uint8_t *data,
                 size_t len)
{
    struct path path = {.kind = PATH_UDP, .remote = *from, .local = link->side[i].addr};
    take(link, i, &path, data, len);
}

static void arrive(struct quic_link *link, struct link_packet *p)
{
    for (int i = 0; i < LINK_SIDES; i++) {
        struct link_side *side = &link->side[i];
        struct path path = {.kind = PATH_UDP, .remote = p->from, .local = p->to};
        bool mine = addr_equal(&side->addr, &p->to) || addr_equal(&side->also, &p->to);
        if (!side->ep || side->deaf || !mine)
            continue;
        take(link, i, &path, p->data, p->len);
        turn(link, i);
    }
    free(p);
}

static instant next_event(const struct quic_link *link)
{
    instant due = link->first ? link->first->due : INSTANT_NEVER;
    for (int i = 0; i < LINK_SIDES; i++)
        if (link->side[i].ep && quic_deadline(link->side[i].ep) < due)
            due = quic_deadline(link->side[i].ep);
    return due;
}

static void step(struct quic_link *link, instant due)
{
    if (due > link->now)
        link->now = due;
    while (link->first && link->first->due <= link->now) {
        struct link_packet *p = link->first;
        link->first = p->next;
        arrive(link, p);
    }
    for (int i = 0; i < LINK_SIDES; i++)
        turn(link, i);
}

void link_run(struct quic_link *link, instant duration)
{
    instant until = link->now + duration;
    for (int i = 0; i < LINK_SIDES; i++)
        turn(link, i);
    for (instant due = next_event(link); due <= until; due = next_event(link))
        step(link, due);
    link->now = until;
}

bool link_run_until(struct quic_link *link, const unsigned *flag, instant limit)
{
    instant until = link->now + limit;
    for (int i = 0; i < LINK_SIDES; i++)
        turn(link, i);
    while (!*flag) {
        instant due = next_event(link);
        if (due > until)
            return false;
        step(link, due);
    }
    return true;
}

/* ---- dialling ---- */

struct path link_path_to(const struct quic_link *link, int i)
{
    return (struct path){.kind = PATH_UDP, .remote = link->side[i].addr};
}

struct quic_conn *link_dial_id(struct quic_link *link, const struct peer_id *id)
{
    struct quic_conn *conn;
    struct path path = link_path_to(link, 1);
    assert_int_equal(quic_dial(link->side[0].ep, link->now, &conn, id, &path, NULL), 0);
    return conn;
}

struct quic_conn *link_dial(struct quic_link *link)
{
    return link_dial_id(link, &link->side[1].keys.id);
}

void link_connect(struct quic_link *link)
{
    (void)link_dial(link);
    assert_true(link_run_until(link, &link->side[0].connected, SEC(5)));
    assert_int_equal(link->side[1].connected, 1);
}
