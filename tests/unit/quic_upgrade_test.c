/* A long transfer whose path goes from a relay to a straight one, back when that is cut, and up
 * again, over ways with a bandwidth, a delay and a queue each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "gateway/transport/quic.h"

enum { DIALLER = 0, ACCEPTOR = 1, RELAY = 0, DIRECT = 1, WAYS = 2 };

#define MBIT     UINT64_C(125000) /* bytes/s */
#define MEASURED SEC(2)
#define AFTER    SEC(5)

struct packet {
    struct packet *next;
    instant due;
    size_t len;
    uint8_t data[];
};

/* One direction of a way. */
struct lane {
    struct packet *first, **end;
    instant free_at; /* the bottleneck */
};

struct way {
    enum path_kind kind;
    instant delay;
    uint64_t rate; /* bytes/s */
    size_t queue;  /* bytes */
    unsigned loss; /* per mille */
    bool cut;
    struct addr end[2];
    struct lane to[2];
};

struct side {
    int index;
    struct keys keys;
    struct quic_endpoint *ep;
    struct quic_conn *conn;
    struct pipe *pipe;
    enum path_kind kind; /* of the path in use */
    unsigned moved, ended;
};

struct world {
    instant now;
    uint64_t chance;
    struct way way[WAYS];
    struct side side[2];
    int sender;
    uint64_t written, received;
    bool wrong;
    instant heard, silence; /* when data came last, and the longest time between two */
};

static struct world w;

static uint64_t draw(void) /* splitmix64 */
{
    uint64_t z = w.chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void fill_random(void *arg, void *out, size_t len)
{
    (void)arg;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)draw();
}

/* ---- the stream ---- */

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16 ^ at >> 24);
}

static void write_on(struct side *s)
{
    struct iovec area[2];
    for (;;) {
        int count = s->pipe->ops->reserve(s->pipe, area);
        size_t done = 0;
        if (count == 0)
            return;
        for (int i = 0; i < count; i++)
            for (size_t n = 0; n < area[i].iov_len; n++, done++)
                ((uint8_t *)area[i].iov_base)[n] = pattern(w.written++);
        s->pipe->ops->commit(s->pipe, done);
    }
}

static void read_on(struct side *s)
{
    struct iovec area[4];
    int count;
    while ((count = s->pipe->ops->peek(s->pipe, area, 4)) > 0) {
        size_t used = 0;
        for (int i = 0; i < count; i++)
            for (size_t n = 0; n < area[i].iov_len; n++, used++)
                w.wrong |= ((const uint8_t *)area[i].iov_base)[n] != pattern(w.received++);
        s->pipe->ops->consume(s->pipe, used);
        if (used == 0)
            return;
        if (w.heard > 0 && w.now - w.heard > w.silence)
            w.silence = w.now - w.heard;
        w.heard = w.now;
    }
}

static void on_readable(void *arg)
{
    read_on(arg);
}

static void on_writable(void *arg)
{
    struct side *s = arg;
    if (s->index == w.sender)
        write_on(s);
}

static void on_reset(void *arg, enum pipe_reset why)
{
    struct side *s = arg;
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
    ((struct side *)arg)->conn = conn;
}

static void on_stream(void *arg, struct quic_conn *conn, struct pipe *pipe)
{
    struct side *s = arg;
    (void)conn;
    s->pipe = pipe;
    pipe_attach(pipe, &PIPES, s);
    if (s->index == w.sender)
        write_on(s);
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
    struct side *s = arg;
    (void)conn;
    s->kind = path->kind;
    s->moved++;
}

static void on_doubt(void *arg, struct quic_conn *conn)
{
    (void)arg;
    (void)conn;
}

static void on_ended(void *arg, struct quic_conn *conn, const struct quic_ended *ended)
{
    struct side *s = arg;
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
    .on_ended = on_ended,
};

/* ---- the ways ---- */

static struct way *way_of(const struct path *path, int from)
{
    for (int i = 0; i < WAYS; i++)
        if (w.way[i].kind == path->kind && addr_equal(&w.way[i].end[!from], &path->remote))
            return &w.way[i];
    return NULL;
}

static void travel(int from, const struct path *path, const uint8_t *data, size_t len)
{
    struct way *way = way_of(path, from);
    if (!way || way->cut || draw() % 1000 < way->loss)
        return;
    struct lane *lane = &way->to[!from];
    instant start = lane->free_at > w.now ? lane->free_at : w.now;
    if ((start - w.now) * way->rate / SEC(1) > way->queue)
        return;
    lane->free_at = start + SEC(1) * (len + 28) / way->rate;
    struct packet *p = malloc(sizeof(*p) + len);
    assert_non_null(p);
    *p = (struct packet){.due = lane->free_at + way->delay, .len = len};
    memcpy(p->data, data, len);
    *lane->end = p;
    lane->end = &p->next;
}

static void turn(struct side *s)
{
    struct quic_tx tx;
    quic_dispatch(s->ep, w.now);
    while (quic_output(s->ep, w.now, &tx))
        for (size_t at = 0; at < tx.len; at += tx.segment)
            travel(s->index, &tx.path, tx.data + at,
                   tx.len - at < tx.segment ? tx.len - at : tx.segment);
}

static void arrive(struct way *way, int to)
{
    struct lane *lane = &way->to[to];
    struct packet *p = lane->first;
    const struct path path = {.kind = way->kind, .remote = way->end[!to]};

    lane->first = p->next;
    if (!lane->first)
        lane->end = &lane->first;
    if (!way->cut) {
        quic_input(w.side[to].ep, w.now, &path, p->data, p->len, p->len);
        turn(&w.side[to]);
    }
    free(p);
}

/* The next packet to arrive, and when. */
static struct way *next_arrival(int *to, instant *due)
{
    struct way *next = NULL;
    *due = INSTANT_NEVER;
    for (int i = 0; i < 2 * WAYS; i++) {
        const struct packet *p = w.way[i / 2].to[i % 2].first;
        if (!p || p->due >= *due)
            continue;
        *due = p->due;
        *to = i % 2;
        next = &w.way[i / 2];
    }
    return next;
}

static void run(instant span)
{
    instant end = w.now + span, due;
    int to = 0;

    turn(&w.side[0]);
    turn(&w.side[1]);
    for (;;) {
        struct way *way = next_arrival(&to, &due);
        for (int i = 0; i < 2; i++)
            if (quic_deadline(w.side[i].ep) < due) {
                due = quic_deadline(w.side[i].ep);
                way = NULL;
            }
        if (due > end)
            break;
        w.now = due > w.now ? due : w.now;
        if (way)
            arrive(way, to);
        else
            for (int i = 0; i < 2; i++)
                turn(&w.side[i]);
    }
    w.now = end;
}

/* ---- the story ---- */

static void start_side(int i)
{
    struct side *s = &w.side[i];
    uint8_t seed[KEYS_SEED_LEN];
    memset(seed, i + 1, sizeof(seed));
    keys_from_seed(&s->keys, seed);
    s->index = i;
    struct quic_options o = {
        .keys = &s->keys, .random = fill_random, .handler = &HANDLER, .arg = s};
    memset(o.reset_key, i + 1, sizeof(o.reset_key));
    assert_int_equal(quic_endpoint_new(&s->ep, &o), 0);
}

static struct path path_of(int side, int way)
{
    return (struct path){.kind = w.way[way].kind, .remote = w.way[way].end[!side]};
}

struct line {
    unsigned mbit;
    instant round_trip;
};

static void set_way(int i, enum path_kind kind, struct line line)
{
    struct way *way = &w.way[i];
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

static void begin(int sender, int first, struct line relay, struct line direct)
{
    assert_int_equal(crypto_start(), 0);
    w = (struct world){.now = SEC(1000), .chance = 5, .sender = sender};
    set_way(RELAY, PATH_RELAY, relay);
    set_way(DIRECT, PATH_UDP, direct);
    start_side(DIALLER);
    start_side(ACCEPTOR);

    struct quic_conn *conn;
    const struct path path = path_of(DIALLER, first);
    w.side[0].kind = w.side[1].kind = path.kind;
    assert_int_equal(quic_dial(w.side[0].ep, w.now, &conn, &w.side[1].keys.id, &path, NULL), 0);
    run(SEC(1));
    assert_non_null(w.side[0].conn);
    assert_non_null(w.side[1].conn);
    struct side *s = &w.side[DIALLER];
    assert_int_equal(quic_open_stream(s->conn, &s->pipe), 0);
    pipe_attach(s->pipe, &PIPES, s);
    if (sender == DIALLER)
        write_on(s);
    else
        s->pipe->ops->finish(s->pipe); /* so that the other side hears of the stream */
}

static void end(void)
{
    assert_false(w.wrong);
    assert_int_equal(w.side[0].ended + w.side[1].ended, 0);
    for (int i = 0; i < 2; i++) {
        if (w.side[i].pipe)
            w.side[i].pipe->ops->close(w.side[i].pipe);
        w.side[i].pipe = NULL;
        quic_endpoint_free(w.side[i].ep);
    }
    for (int i = 0; i < 2 * WAYS; i++)
        for (struct packet *p = w.way[i / 2].to[i % 2].first, *next; p; p = next) {
            next = p->next;
            free(p);
        }
}

/* Bytes/s from some seconds on after now. */
static double throughput(instant after)
{
    run(after);
    uint64_t before = w.received;
    run(MEASURED);
    return (double)(w.received - before) / ((double)MEASURED / (double)SEC(1));
}

static bool both_on(enum path_kind kind)
{
    return w.side[0].kind == kind && w.side[1].kind == kind;
}

/* Returns how long it took. */
static instant wait_for(enum path_kind kind, instant limit)
{
    instant start = w.now;
    while (!both_on(kind) && w.now < start + limit)
        run(MSEC(1));
    assert_true(both_on(kind));
    return w.now - start;
}

static double fresh(int sender, struct line direct)
{
    begin(sender, DIRECT, (struct line){1, MSEC(100)}, direct);
    double rate = throughput(AFTER);
    end();
    return rate;
}

static void say(const char *what, double rate, double fresh_rate)
{
    printf("    %s: %.1f Mbit/s, %.0f %% of a fresh connection's\n", what, rate / MBIT,
           100 * rate / fresh_rate);
}

static void go_up_down_and_up(int sender, struct line relay, struct line direct)
{
    double whole = fresh(sender, direct);
    printf("  %s sends; relay %u Mbit/s %u ms, direct %u Mbit/s %u ms\n",
           sender == DIALLER ? "dialler" : "acceptor", relay.mbit,
           (unsigned)(relay.round_trip / MSEC(1)), direct.mbit,
           (unsigned)(direct.round_trip / MSEC(1)));
    begin(sender, RELAY, relay, direct);
    run(SEC(5));
    struct path path = path_of(DIALLER, DIRECT);
    w.silence = 0;
    quic_conn_add_path(w.side[DIALLER].conn, &path);
    instant took = wait_for(PATH_UDP, SEC(2));
    printf("    up after %u ms\n", (unsigned)(took / MSEC(1)));
    double up = throughput(AFTER);
    say("up", up, whole);
    printf("    longest stall %u ms\n", (unsigned)(w.silence / MSEC(1)));

    w.silence = 0;
    w.way[DIRECT].cut = true;
    took = wait_for(PATH_RELAY, SEC(5));
    double down = throughput(AFTER);
    printf("    down after %u ms, longest stall %u ms, then %.1f Mbit/s\n",
           (unsigned)(took / MSEC(1)), (unsigned)(w.silence / MSEC(1)), down / MBIT);
    instant stall = w.silence;

    w.silence = 0;
    w.way[DIRECT].cut = false;
    took = wait_for(PATH_UDP, SEC(15));
    double again = throughput(AFTER);
    say("up again", again, whole);
    printf("    after %u ms, longest stall %u ms\n", (unsigned)(took / MSEC(1)),
           (unsigned)(w.silence / MSEC(1)));
    end();
    assert_true(stall < SEC(3));
    assert_true(w.silence < SEC(1));
    assert_true(up > 0.9 * whole);
    assert_true(again > 0.9 * whole);
    assert_true(down > 0.8 * (double)(relay.mbit * MBIT));
    assert_int_equal(w.side[0].moved, 3);
    assert_int_equal(w.side[1].moved, 3);
}

static void a_transfer_goes_up_down_and_up_again(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        go_up_down_and_up(sender, (struct line){20, MSEC(60)}, (struct line){100, MSEC(20)});
        go_up_down_and_up(sender, (struct line){4, MSEC(100)}, (struct line){60, MSEC(60)});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_goes_up_down_and_up_again),
    };
    return cmocka_run_group_tests_name("quic_upgrade", tests, NULL, NULL);
}
