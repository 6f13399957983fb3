#include "tests/support/two_ways.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "tests/support/random.h"

static void fill_random(void *arg, void *out, size_t len)
{
    const struct ways_side *s = arg;
    random_fill(&s->world->chance, out, len);
}

/* ---- the stream ---- */

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ at >> 24);
}

void ways_write(struct ways_side *s)
{
    struct two_ways *w = s->world;
    struct iovec area[2];
    for (;;) {
        int count = s->pipe->ops->reserve(s->pipe, area);
        size_t done = 0;
        if (count == 0)
            return;
        for (int i = 0; i < count; i++)
            for (size_t n = 0; n < area[i].iov_len && w->written < w->limit; n++, done++)
                ((uint8_t *)area[i].iov_base)[n] = pattern(w->written++);
        s->pipe->ops->commit(s->pipe, done);
        if (w->written == w->limit)
            return;
    }
}

static void read_on(struct ways_side *s)
{
    struct two_ways *w = s->world;
    struct iovec area[4];
    int count;
    while ((count = s->pipe->ops->peek(s->pipe, area, 4)) > 0) {
        size_t used = 0;
        for (int i = 0; i < count; i++)
            for (size_t n = 0; n < area[i].iov_len; n++, used++)
                w->wrong |= ((const uint8_t *)area[i].iov_base)[n] != pattern(w->received++);
        s->pipe->ops->consume(s->pipe, used);
        if (used == 0)
            return;
        if (w->heard > 0 && w->now - w->heard > w->silence)
            w->silence = w->now - w->heard;
        w->heard = w->now;
    }
}

static void on_readable(void *arg)
{
    read_on(arg);
}

static void on_writable(void *arg)
{
    struct ways_side *s = arg;
    if (s->index == s->world->sender)
        ways_write(s);
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct ways_side *s = arg;
    (void)why;
    s->pipe->ops->close(s->pipe);
    s->pipe = NULL;
}

static const struct pipe_handler PIPES = {on_readable, on_writable, on_reset};

/* ---- handlers ---- */

static bool on_identity(void *arg, const struct peer_id *id, const struct path *path)
{
    (void)arg;
    (void)id;
    (void)path;
    return true;
}

static void on_connected(void *arg, struct quic_conn *conn)
{
    ((struct ways_side *)arg)->conn = conn;
}

static void on_stream(void *arg, struct quic_conn *conn, struct pipe *pipe)
{
    struct ways_side *s = arg;
    (void)conn;
    s->pipe = pipe;
    pipe_attach(pipe, &PIPES, s);
    if (s->index == s->world->sender)
        ways_write(s);
}

static void on_datagram(void *arg, struct quic_conn *conn, const uint8_t *data, size_t len)
{
    (void)arg;
    (void)conn;
    (void)data;
    (void)len;
}

static void on_path(void *arg, struct quic_conn *conn, const struct path *path)
{
    struct ways_side *s = arg;
    (void)conn;
    s->kind = path->kind;
    s->moved++;
}

static void on_wake(void *arg, struct quic_conn *conn)
{
    struct ways_side *s = arg;
    (void)conn;
    s->woken++;
}

static void on_doubt(void *arg, struct quic_conn *conn)
{
    (void)arg;
    (void)conn;
}

static void on_ended(void *arg, struct quic_conn *conn, const struct quic_ended *ended)
{
    struct ways_side *s = arg;
    (void)conn;
    (void)ended;
    s->ended++;
    s->conn = NULL;
}

static const struct quic_handler HANDLER = {
    .on_identity = on_identity,
    .on_connected = on_connected,
    .on_stream = on_stream,
    .on_datagram = on_datagram,
    .on_path = on_path,
    .on_doubt = on_doubt,
    .on_wake = on_wake,
    .on_ended = on_ended,
};

/* ---- the ways ---- */

static struct ways_way *way_of(struct two_ways *w, const struct path *path, int from)
{
    for (int i = 0; i < WAYS; i++)
        if (w->way[i].kind == path->kind && addr_equal(&w->way[i].end[!from], &path->remote))
            return &w->way[i];
    return NULL;
}

static void travel(struct two_ways *w, int from, const struct path *path, const uint8_t *data,
                   size_t len)
{
    struct ways_way *way = way_of(w, path, from);
    w->sent++;
    if (!way || way->cut || random_below(&w->chance, 1000) < way->loss ||
        (way->mtu > 0 && len > way->mtu))
        return;
    struct ways_lane *lane = &way->to[!from];
    instant start = lane->free_at > w->now ? lane->free_at : w->now;
    if ((start - w->now) * way->rate / SEC(1) > way->queue)
        return;
    lane->free_at = start + SEC(1) * (len + 28) / way->rate;
    struct ways_packet *p = malloc(sizeof(*p) + len);
    assert_non_null(p);
    *p = (struct ways_packet){.due = lane->free_at + way->delay, .len = len};
    memcpy(p->data, data, len);
    *lane->end = p;
    lane->end = &p->next;
}

static void turn(struct ways_side *s)
{
    const struct two_ways *w = s->world;
    struct quic_tx tx;
    quic_dispatch(s->ep, w->now);
    while (quic_output(s->ep, w->now, &tx))
        for (size_t at = 0; at < tx.len; at += tx.segment)
            travel(s->world, s->index, &tx.path, tx.data + at,
                   tx.len - at < tx.segment ? tx.len - at : tx.segment);
}

static void arrive(struct two_ways *w, struct ways_way *way, int to)
{
    struct ways_lane *lane = &way->to[to];
    struct ways_packet *p = lane->first;
    const struct path path = {.kind = way->kind, .remote = way->end[!to]};

    lane->first = p->next;
    if (!lane->first)
        lane->end = &lane->first;
    if (!way->cut) {
        quic_input(w->side[to].ep, w->now, &path, p->data, p->len, p->len);
        turn(&w->side[to]);
    }
    free(p);
}

/* The next packet to arrive, and when. */
static struct ways_way *next_arrival(struct two_ways *w, int *to, instant *due)
{
    struct ways_way *next = NULL;
    *due = INSTANT_NEVER;
    for (int i = 0; i < 2 * WAYS; i++) {
        const struct ways_packet *p = w->way[i / 2].to[i % 2].first;
        if (!p || p->due >= *due)
            continue;
        *due = p->due;
        *to = i % 2;
        next = &w->way[i / 2];
    }
    return next;
}

void ways_run(struct two_ways *w, instant span)
{
    instant end = w->now + span, due;
    int to = 0;

    turn(&w->side[0]);
    turn(&w->side[1]);
    for (;;) {
        struct ways_way *way = next_arrival(w, &to, &due);
        for (int i = 0; i < 2; i++)
            if (quic_deadline(w->side[i].ep) < due) {
                due = quic_deadline(w->side[i].ep);
                way = NULL;
            }
        if (due > end)
            break;
        w->now = due > w->now ? due : w->now;
        if (way)
            arrive(w, way, to);
        else
            for (int i = 0; i < 2; i++)
                turn(&w->side[i]);
    }
    w->now = end;
}

/* ---- life ---- */

static void start_side(struct two_ways *w, int i)
{
    struct ways_side *s = &w->side[i];
    uint8_t seed[KEYS_SEED_LEN];
    memset(seed, i + 1, sizeof(seed));
    keys_from_seed(&s->keys, seed);
    s->index = i;
    s->world = w;
    struct quic_options o = {
        .keys = &s->keys, .random = fill_random, .handler = &HANDLER, .arg = s};
    memset(o.reset_key, i + 1, sizeof(o.reset_key));
    assert_int_equal(quic_endpoint_new(&s->ep, &o), 0);
}

struct path ways_path(const struct two_ways *w, int side, int way)
{
    return (struct path){.kind = w->way[way].kind, .remote = w->way[way].end[!side]};
}

void ways_set(struct two_ways *w, int i, enum path_kind kind, struct ways_line line)
{
    struct ways_way *way = &w->way[i];
    way->kind = kind;
    way->rate = line.mbit * MBIT;
    way->delay = line.round_trip / 2;
    way->queue = (size_t)(way->rate * line.round_trip / SEC(1)); /* one round trip's worth */
    if (way->queue < 64 * 1024)
        way->queue = 64 * 1024;
    for (uint8_t n = 0; n < 2; n++) {
        const uint8_t ip[4] = {10, 0, (uint8_t)i, n};
        way->end[n] = kind == PATH_RELAY ? path_synthetic(PATH_RELAY, n + 1U) : addr_v4(ip, 4433);
        way->to[n].end = &way->to[n].first;
    }
}

void ways_begin(struct two_ways *w, int sender, int first, struct ways_line relay,
                struct ways_line direct)
{
    assert_int_equal(crypto_start(), 0);
    *w = (struct two_ways){.now = SEC(1000), .chance = 5, .sender = sender, .limit = UINT64_MAX};
    ways_set(w, RELAY, PATH_RELAY, relay);
    ways_set(w, DIRECT, PATH_UDP, direct);
    start_side(w, DIALLER);
    start_side(w, ACCEPTOR);

    struct quic_conn *conn;
    const struct path path = ways_path(w, DIALLER, first);
    w->side[0].kind = w->side[1].kind = path.kind;
    assert_int_equal(quic_dial(w->side[0].ep, w->now, &conn, &w->side[1].keys.id, &path, NULL), 0);
    ways_run(w, SEC(1));
    assert_non_null(w->side[0].conn);
    assert_non_null(w->side[1].conn);
    struct ways_side *s = &w->side[DIALLER];
    assert_int_equal(quic_open_stream(s->conn, &s->pipe), 0);
    pipe_attach(s->pipe, &PIPES, s);
    if (sender == DIALLER)
        ways_write(s);
    else
        s->pipe->ops->finish(s->pipe); /* so that the other side hears of the stream */
}

void ways_end(struct two_ways *w)
{
    assert_false(w->wrong);
    assert_int_equal(w->side[0].ended + w->side[1].ended, 0);
    for (int i = 0; i < 2; i++) {
        if (w->side[i].pipe)
            w->side[i].pipe->ops->close(w->side[i].pipe);
        w->side[i].pipe = NULL;
        quic_endpoint_free(w->side[i].ep);
    }
    for (int i = 0; i < 2 * WAYS; i++)
        for (struct ways_packet *p = w->way[i / 2].to[i % 2].first, *next; p; p = next) {
            next = p->next;
            free(p);
        }
}
