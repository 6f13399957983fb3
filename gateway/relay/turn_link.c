#include "gateway/relay/turn_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/tls_client.h"
#include "gateway/relay/turn_client.h"

#define BATCH_MAX      65000        /* bytes of one send */
#define QUEUE_MAX      (256 * 1024) /* bytes that wait for a stream */
#define CONNECT_WITHIN SEC(10)

struct turn_link {
    struct env *env;
    const struct turn_link_handler *handler;
    void *arg;
    enum turn_link_transport transport;
    struct turn_client client;
    struct timer timer;
    struct deferred work; /* what changed is told later, not from inside a call */
    struct udp_socket *udp;
    struct sock *sock;
    bool connected, secure;
    struct tls_client *tls;
    char host[256];
    char *trust;
    struct turn_frames frames;
    uint8_t *queue; /* for a stream: plain bytes that have not gone yet */
    size_t queue_at, queue_len;
    instant connect_by;
    struct addr told; /* the relayed address that on_ready told */
    enum turn_peer_state peer_told[TURN_PEERS_MAX];
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
    if (l->sock)
        sock_close(l->env, l->sock);
    tls_client_free(l->tls);
    l->udp = NULL;
    l->sock = NULL;
    l->tls = NULL;
    l->connected = l->secure = false;
    l->queue_at = l->queue_len = 0;
    memset(&l->frames, 0, sizeof(l->frames));
}

static void destroy(struct turn_link *l)
{
    turn_client_wipe(&l->client);
    free(l->trust);
    free(l->queue);
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

static void run_work(struct deferred *work)
{
    struct turn_link *l = container_of(work, struct turn_link, work);
    if (tell_ready(l) || tell_peers(l) || tell_end(l) || l->over)
        return;
    pump(l);
}

/* ---- streams ---- */

/* Appends plain bytes for the stream; all or nothing. */
static int enqueue(struct turn_link *l, const uint8_t *data, size_t len)
{
    if (l->queue_at > 0 && l->queue_len + len > QUEUE_MAX) {
        memmove(l->queue, l->queue + l->queue_at, l->queue_len - l->queue_at);
        l->queue_len -= l->queue_at;
        l->queue_at = 0;
    }
    if (l->queue_len + len > QUEUE_MAX)
        return -EAGAIN;
    memcpy(l->queue + l->queue_len, data, len);
    l->queue_len += len;
    return 0;
}

static void dequeue(struct turn_link *l, size_t len)
{
    l->queue_at += len;
    if (l->queue_at == l->queue_len)
        l->queue_at = l->queue_len = 0;
}

static ssize_t write_sock(struct turn_link *l, const uint8_t *data, size_t len)
{
    struct iovec area = {(void *)data, len};
    return len > 0 ? sock_writev(l->env, l->sock, &area, 1) : 0;
}

static int flush_plain(struct turn_link *l)
{
    while (l->queue_at < l->queue_len) {
        ssize_t n = write_sock(l, l->queue + l->queue_at, l->queue_len - l->queue_at);
        if (n < 0)
            return (int)n;
        dequeue(l, (size_t)n);
    }
    return 0;
}

/* Ciphered bytes to the network. */
static int flush_cipher(struct turn_link *l)
{
    size_t len;
    const uint8_t *data;
    while ((data = tls_client_output(l->tls, &len)), len > 0) {
        ssize_t n = write_sock(l, data, len);
        if (n < 0)
            return (int)n;
        tls_client_sent(l->tls, (size_t)n);
    }
    return 0;
}

static int flush_tls(struct turn_link *l)
{
    if (!l->secure) {
        int err = tls_client_handshake(l->tls);
        if (err < 0 && err != -EAGAIN)
            return err;
        l->secure = err == 0;
    }
    int err = flush_cipher(l);
    while (err == 0 && l->secure && l->queue_at < l->queue_len) {
        ssize_t n = tls_client_write(l->tls, l->queue + l->queue_at, l->queue_len - l->queue_at);
        if (n < 0 && n != -EAGAIN)
            return (int)n;
        if (n > 0)
            dequeue(l, (size_t)n);
        err = flush_cipher(l);
    }
    return err;
}

/* Writes what waits. 0 or the error that ends the stream. */
static int flush(struct turn_link *l)
{
    int err = 0;
    if (l->connected)
        err = l->tls ? flush_tls(l) : flush_plain(l);
    return err == -EAGAIN ? 0 : err;
}

static ssize_t read_raw(struct turn_link *l)
{
    size_t room;
    uint8_t *area = tls_client_area(l->tls, &room);
    struct iovec iov = {area, room};
    ssize_t n = room > 0 ? sock_readv(l->env, l->sock, &iov, 1) : -EAGAIN;
    if (n > 0)
        tls_client_input(l->tls, (size_t)n);
    else if (n == 0)
        tls_client_ended(l->tls);
    return n;
}

/* Plain bytes, as sock_readv(). */
static ssize_t read_tls(struct turn_link *l, uint8_t *data, size_t room)
{
    for (;;) {
        ssize_t plain = l->secure ? tls_client_read(l->tls, data, room) : -EAGAIN;
        if (plain != -EAGAIN)
            return plain;
        ssize_t raw = read_raw(l);
        if (raw < 0)
            return raw;
        int err = flush(l);
        if (err < 0)
            return err;
        if (raw == 0 && !l->secure)
            return 0;
    }
}

static ssize_t read_some(struct turn_link *l)
{
    size_t room;
    uint8_t *area = turn_frames_area(&l->frames, &room);
    struct iovec iov = {area, room};
    ssize_t n = l->tls ? read_tls(l, area, room) : sock_readv(l->env, l->sock, &iov, 1);
    if (n > 0)
        turn_frames_added(&l->frames, (size_t)n);
    return n;
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

    while ((got = turn_frames_next(&l->frames, &frame, &len)) > 0) {
        if (hear(l, &server, frame, len, env_now(l->env)))
            return 1;
        if (l->client.state == TURN_MOVED)
            return 0;
    }
    return got;
}

static void break_stream(struct turn_link *l, int err)
{
    if (err == -EPROTO && l->tls)
        fail(l, tls_client_reason(l->tls));
    else if (err == -EBADMSG)
        fail(l, "the TURN server does not speak TURN");
    else
        fail(l, err == 0 ? "the TURN server closed the connection" : strerror(-err));
    env_defer(l->env, &l->work);
}

static void on_ready(void *arg)
{
    struct turn_link *l = arg;
    ssize_t n;
    int err = flush(l);

    if (err < 0) {
        break_stream(l, err);
        return;
    }
    while ((n = read_some(l)) > 0) {
        err = take_frames(l);
        if (err > 0)
            return;
        if (err < 0) {
            break_stream(l, err);
            return;
        }
        if (l->client.state == TURN_MOVED)
            break;
    }
    if (n <= 0 && n != -EAGAIN)
        break_stream(l, (int)n);
    else
        pump(l);
}

static void on_connect(void *arg, int err)
{
    struct turn_link *l = arg;
    if (err < 0) {
        break_stream(l, err);
        return;
    }
    l->connected = true;
    on_ready(l);
}

static const struct sock_handler STREAM = {on_connect, on_ready};

/* ---- speaking ---- */

static int start_tls(struct turn_link *l)
{
    int err = tls_client_new(&l->tls, l->host);
    return err == 0 && l->trust ? tls_client_trust(l->tls, l->trust) : err;
}

static int connect_server(struct turn_link *l)
{
    static const uint8_t any[16];
    bool v6 = addr_is_v6(&l->client.server);
    struct addr local = v6 ? addr_v6(any, 0, 0) : addr_v4(any, 0);

    l->connect_by = env_now(l->env) + CONNECT_WITHIN;
    if (l->transport == TURN_LINK_UDP)
        return udp_open(l->env, &l->udp, &local, UDP_BULK, &DATAGRAMS, l);
    int err = l->transport == TURN_LINK_TLS ? start_tls(l) : 0;
    return err < 0 ? err : sock_connect(l->env, &l->sock, &l->client.server, &STREAM, l);
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
        return enqueue(l, pkt, len);
    const struct udp_tx tx = {.to = &l->client.server, .data = pkt, .len = len};
    return udp_send(l->env, l->udp, &tx);
}

static bool is_connecting(const struct turn_link *l)
{
    return l->sock && (!l->connected || (l->tls && !l->secure));
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
    int err = l->sock ? flush(l) : 0;
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
    pump(l);
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
    if (options.stream && !(l->queue = malloc(QUEUE_MAX)))
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
    if (l->sock) {
        int err = enqueue(l, l->batch, (size_t)total);
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
