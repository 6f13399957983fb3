#include "gateway/relay/turn_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/turn_client.h"
#include "gateway/relay/turn_stream.h"

#define BATCH_MAX      65000 /* bytes of one send */
#define CONNECT_WITHIN SEC(10)
#define READS_PER_TURN 16 /* of a stream, before others have their turn */

struct turn_link {
    struct env *env;
    const struct turn_link_handler *handler;
    void *arg;
    enum turn_link_transport transport;
    struct turn_client client;
    struct timer timer;
    struct deferred work; /* what changed is told later, not from inside a call */
    struct udp_socket *udp;
    struct turn_stream stream;
    char host[256];
    char *trust;
    instant connect_by;
    struct addr told; /* the relayed address that on_ready told */
    enum turn_peer_state peer_told[TURN_PEERS_MAX];
    bool unread;      /* the stream may have more, and will not say so again */
    bool over, freed; /* told the end; freed by a callback */
    unsigned telling; /* callbacks that are running */
    uint8_t batch[BATCH_MAX];
};

static void pump(struct turn_link *l);

/* ---- the end ---- */

static void close_sockets(struct turn_link *l)
{
    if (l->udp)
        udp_close(l->env, l->udp);
    l->udp = NULL;
    l->unread = false;
    turn_stream_close(&l->stream);
}

static void destroy(struct turn_link *l)
{
    turn_client_wipe(&l->client);
    free(l->trust);
    free(l);
}

void turn_link_free(struct turn_link *l)
{
    if (!l)
        return;
    timer_stop(l->env, &l->timer);
    env_undefer(l->env, &l->work);
    close_sockets(l);
    l->freed = true;
    if (l->telling == 0)
        destroy(l);
}

/* After a callback. True if that has freed the link: then it is gone now. */
static bool told(struct turn_link *l)
{
    if (--l->telling > 0 || !l->freed)
        return l->freed;
    destroy(l);
    return true;
}

static void fail(struct turn_link *l, const char *reason)
{
    l->client.state = TURN_FAILED;
    l->client.failure = TURN_SILENT;
    (void)snprintf(l->client.reason, sizeof(l->client.reason), "%s", reason);
}

/* ---- telling what changed; each returns true when the link is gone ---- */

static bool tell_end(struct turn_link *l)
{
    if (l->over || (l->client.state != TURN_FAILED && l->client.state != TURN_CLOSED))
        return false;
    l->over = true;
    timer_stop(l->env, &l->timer);
    close_sockets(l);
    l->telling++;
    if (l->client.state == TURN_CLOSED)
        l->handler->on_closed(l->arg);
    else
        l->handler->on_failed(l->arg, l->client.failure, l->client.reason);
    return told(l);
}

static bool tell_ready(struct turn_link *l)
{
    if (l->client.state != TURN_READY || addr_equal(&l->told, &l->client.relayed))
        return false;
    l->told = l->client.relayed;
    l->telling++;
    l->handler->on_ready(l->arg, &l->told);
    return told(l);
}

static bool tell_peers(struct turn_link *l)
{
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
        const struct turn_peer *p = &l->client.peer[i];
        bool news = p->state != l->peer_told[i];
        l->peer_told[i] = p->state;
        if (!news || (p->state != TURN_PEER_OPEN && p->state != TURN_PEER_REFUSED))
            continue;
        struct addr peer = p->addr;
        l->telling++;
        l->handler->on_peer(l->arg, &peer, p->state);
        if (told(l))
            return true;
    }
    return false;
}

/* ---- hearing ---- */

/* True when the link is gone. */
static bool hear(struct turn_link *l, const struct addr *from, const uint8_t *pkt, size_t len,
                 instant now)
{
    struct turn_received r;
    if (l->over || turn_client_input(&l->client, now, from, pkt, len, &r) != 1)
        return l->freed;
    l->telling++;
    /* The bytes are in a buffer of ours or in one that we were lent to scribble on. */
    l->handler->on_datagram(l->arg, &r.peer, (uint8_t *)r.data, r.len, now);
    return told(l);
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct turn_link *l = arg;
    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        if (hear(l, &rx->from, rx->data + at, len, rx->now))
            return;
    }
    pump(l);
}

static const struct udp_handler DATAGRAMS = {on_datagrams, NULL};

/* 0, the error that ends the stream, or 1: the link is gone. */
static int take_frames(struct turn_link *l)
{
    const uint8_t *frame;
    size_t len;
    int got;
    struct addr server = l->client.server;

    while ((got = turn_stream_next(&l->stream, &frame, &len)) > 0) {
        if (hear(l, &server, frame, len, env_now(l->env)))
            return 1;
        if (l->client.state == TURN_MOVED)
            return 0;
    }
    return got;
}

static void break_stream(struct turn_link *l, int err)
{
    char reason[TURN_REASON_MAX];
    (void)snprintf(reason, sizeof(reason), "no way to the TURN server: %s",
                   turn_stream_reason(&l->stream, err));
    fail(l, reason);
    env_defer(l->env, &l->work);
}

/* 0, or 1: the link is gone, or its stream broken. */
static int take_stream(struct turn_link *l)
{
    for (unsigned turn = 0; turn < READS_PER_TURN; turn++) {
        ssize_t n = turn_stream_read(&l->stream);
        if (n == -EINTR)
            continue;
        if (n == -EAGAIN)
            return 0;
        int err = n > 0 ? take_frames(l) : (int)n;
        if (err > 0)
            return 1;
        if (n <= 0 || err < 0) {
            break_stream(l, err);
            return 1;
        }
        if (l->client.state == TURN_MOVED)
            return 0;
    }
    l->unread = true;
    env_defer(l->env, &l->work);
    return 0;
}

static void on_ready(void *arg)
{
    struct turn_link *l = arg;
    int err = turn_stream_flush(&l->stream);

    l->unread = false;
    if (err < 0)
        break_stream(l, err);
    else if (take_stream(l) == 0)
        pump(l);
}

static void go_on(struct turn_link *l)
{
    if (l->unread)
        on_ready(l);
    else
        pump(l);
}

static void run_work(struct deferred *work)
{
    struct turn_link *l = container_of(work, struct turn_link, work);
    if (tell_ready(l) || tell_peers(l) || tell_end(l) || l->over)
        return;
    go_on(l);
}

static void on_connect(void *arg, int err)
{
    struct turn_link *l = arg;
    if (err < 0) {
        break_stream(l, err);
        return;
    }
    l->stream.connected = true;
    on_ready(l);
}

static const struct sock_handler STREAM = {on_connect, on_ready};

/* ---- speaking ---- */

static int connect_server(struct turn_link *l)
{
    static const uint8_t any[16];
    bool v6 = addr_is_v6(&l->client.server);
    struct addr local = v6 ? addr_v6(any, 0, 0) : addr_v4(any, 0);

    l->connect_by = env_now(l->env) + CONNECT_WITHIN;
    if (l->transport == TURN_LINK_UDP)
        return udp_open(l->env, &l->udp, &local, UDP_BULK, &DATAGRAMS, l);
    return turn_stream_connect(&l->stream, l->env, &l->client.server,
                               l->transport == TURN_LINK_TLS ? l->host : NULL, l->trust, &STREAM,
                               l);
}

/* The server sent us to another one. */
static void follow(struct turn_link *l)
{
    close_sockets(l);
    int err = connect_server(l);
    if (err < 0)
        break_stream(l, err);
    else
        turn_client_reconnected(&l->client, env_now(l->env));
}

static int speak(struct turn_link *l, const uint8_t *pkt, size_t len)
{
    if (!l->udp)
        return turn_stream_send(&l->stream, pkt, len);
    const struct udp_tx tx = {.to = &l->client.server, .data = pkt, .len = len};
    return udp_send(l->env, l->udp, &tx);
}

static bool is_connecting(const struct turn_link *l)
{
    return !l->udp && !turn_stream_is_up(&l->stream);
}

static bool has_news(const struct turn_link *l)
{
    if (l->client.state == TURN_FAILED || l->client.state == TURN_CLOSED)
        return true;
    if (l->client.state == TURN_READY && !addr_equal(&l->told, &l->client.relayed))
        return true;
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++)
        if (l->client.peer[i].state != l->peer_told[i])
            return true;
    return false;
}

/* Every event ends here: what the client has to say goes out, and the timer is set. */
static void pump(struct turn_link *l)
{
    uint8_t out[STUN_MAX];
    size_t len;
    instant now = env_now(l->env);

    if (l->over)
        return;
    if (l->client.state == TURN_MOVED)
        follow(l);
    while (!is_connecting(l) && (len = turn_client_output(&l->client, now, out)) > 0)
        (void)!speak(l, out, len); /* what found no room is as good as lost, and repeated */
    int err = l->udp ? 0 : turn_stream_flush(&l->stream);
    if (err < 0)
        break_stream(l, err);
    if (has_news(l))
        env_defer(l->env, &l->work);
    timer_set(l->env, &l->timer,
              is_connecting(l) ? l->connect_by : turn_client_deadline(&l->client));
}

static void on_timer(struct timer *timer)
{
    struct turn_link *l = container_of(timer, struct turn_link, timer);
    if (is_connecting(l) && env_now(l->env) >= l->connect_by)
        break_stream(l, -ETIMEDOUT);
    else
        pump(l);
}

static void first_work(struct deferred *work)
{
    struct turn_link *l = container_of(work, struct turn_link, work);
    l->work.run = run_work;
    go_on(l);
}

/* ---- for others ---- */

static int prepare(struct turn_link *l, const struct turn_link_options *o)
{
    struct turn_options options = {.server = o->server,
                                   .stream = o->transport != TURN_LINK_UDP,
                                   .family = o->family,
                                   .user = o->user,
                                   .password = o->password};

    env_random(l->env, options.seed, sizeof(options.seed));
    (void)snprintf(l->host, sizeof(l->host), "%s", o->host ? o->host : "");
    if (o->trust && !(l->trust = strdup(o->trust)))
        return -ENOMEM;
    int err = turn_client_init(&l->client, &options, env_now(l->env));
    return err < 0 ? err : connect_server(l);
}

int turn_link_new(struct turn_link **out, struct env *env, const struct turn_link_options *options,
                  const struct turn_link_handler *handler, void *arg)
{
    struct turn_link *l = calloc(1, sizeof(*l));

    if (!l)
        return -ENOMEM;
    l->env = env;
    l->handler = handler;
    l->arg = arg;
    l->transport = options->transport;
    l->timer.fire = on_timer;
    l->work.run = first_work;
    int err = prepare(l, options);
    if (err < 0) {
        turn_link_free(l);
        return err;
    }
    env_defer(env, &l->work);
    *out = l;
    return 0;
}

void turn_link_close(struct turn_link *l)
{
    turn_client_close(&l->client, env_now(l->env));
    l->work.run = run_work;
    env_defer(l->env, &l->work);
}

int turn_link_open(struct turn_link *l, const struct addr *peer)
{
    int err = turn_client_open(&l->client, env_now(l->env), peer);
    if (err == 0 && !l->over)
        env_defer(l->env, &l->work);
    return err;
}

void turn_link_shut(struct turn_link *l, const struct addr *peer)
{
    turn_client_shut(&l->client, peer);
}

/* Puts headers before the datagrams, into l->batch. Returns the length or an errno. */
static ssize_t frame_all(struct turn_link *l, const struct addr *peer, const uint8_t *data,
                         size_t len, size_t segment)
{
    size_t at = 0, padding;

    for (size_t done = 0; done < len || (len == 0 && at == 0); done += segment) {
        size_t n = len - done < segment ? len - done : segment;
        if (at + TURN_CHANNEL_HEADER + n + 3 > sizeof(l->batch))
            return -EMSGSIZE;
        if (turn_client_frame(&l->client, peer, n, l->batch + at, &padding) < 0)
            return -ENOTCONN;
        at += TURN_CHANNEL_HEADER;
        memcpy(l->batch + at, data + done, n);
        memset(l->batch + at + n, 0, padding);
        at += n + padding;
        if (len == 0)
            break;
    }
    return (ssize_t)at;
}

int turn_link_send(struct turn_link *l, const struct addr *peer, const uint8_t *data, size_t len,
                   size_t segment)
{
    if (segment == 0 || segment > len)
        segment = len;
    if (segment > TURN_DATA_MAX)
        return -EMSGSIZE;
    if (l->over)
        return -ENOTCONN;
    ssize_t total = frame_all(l, peer, data, len, segment);
    if (total < 0)
        return (int)total;
    if (!l->udp) {
        int err = turn_stream_send(&l->stream, l->batch, (size_t)total);
        if (err == 0)
            env_defer(l->env, &l->work); /* many are written at once */
        return err;
    }
    const struct udp_tx tx = {.to = &l->client.server,
                              .data = l->batch,
                              .len = (size_t)total,
                              .segment = segment + TURN_CHANNEL_HEADER};
    return udp_send(l->env, l->udp, &tx);
}
