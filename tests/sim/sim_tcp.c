#include "tests/sim/sim_tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/natlab/nat_types.h"
#include "tests/sim/sim_wire.h"
#include "tests/support/bytebuf.h"

#define SEGMENT      1400
#define SYN_WAIT     SEC(1) /* doubles */
#define SYN_TRIES    6
#define WAIT_MIN     MSEC(200)
#define WAIT_MAX     SEC(10)
#define TRIES        12
#define REPEATS      3 /* equal acknowledgements mean a loss */
#define LINGER       SEC(60)
#define ROOM_TO_TELL (SIM_SOCK_BUFFER / 3)
#define DEFAULT_TTL  64

enum state { SYN_SENT, SYN_CAME, OPEN, OVER };

struct sim_tcp {
    struct list link; /* in host->tcp */
    struct sim_host *host;
    struct addr local, remote;
    const struct sim_tcp_user *user; /* NULL: was given back */
    void *arg;
    enum state state;
    bool called, finish, fin_acked, ended;
    bool went_first; /* it ended before the other did */
    int error;
    struct bytebuf out, in;
    uint64_t una, nxt; /* of what we send: acknowledged up to, sent up to; FIN counts as one */
    uint64_t rcv;      /* of what we hear: complete up to */
    uint64_t limit;    /* the other end has room up to */
    bool shut;         /* we told it that we have little room */
    unsigned tries, repeats;
    instant wait, sent_at;
    struct timer timer;
};

/* ---- segments ---- */

static void arrive(struct sim_packet *p);

static uint64_t room_of(const struct sim_tcp *t)
{
    return t->in.len < SIM_SOCK_BUFFER ? SIM_SOCK_BUFFER - t->in.len : 0;
}

static struct sim_packet *segment(struct sim_host *h, const struct addr *from,
                                  const struct addr *to, uint8_t flags, size_t len)
{
    struct sim_packet *p = calloc(1, sizeof(*p) + len);
    assert_non_null(p);
    p->host = h;
    p->world = h->world;
    p->arrived = arrive;
    p->proto = NAT_TCP;
    p->tcp.flags = flags;
    p->ttl = DEFAULT_TTL;
    p->from = *from;
    p->to = *to;
    p->len = len;
    return p;
}

static void post(struct sim_packet *p)
{
    const struct udp_tx tx = {.to = &p->to, .from = &p->from};
    const struct sim_interface *out = sim_udp_route(p->host, &tx);
    if (!out) {
        sim_wire_lose(p);
        return;
    }
    p->network = out->network;
    sim_wire_send(p);
}

static void emit(struct sim_tcp *t, uint8_t flags, uint64_t seq, size_t len)
{
    struct sim_packet *p = segment(t->host, &t->local, &t->remote, flags, len);
    if (len > 0)
        memcpy(p->data, t->out.data + (seq - t->una), len);
    p->tcp.seq = seq;
    p->tcp.ack = t->rcv;
    p->tcp.window = room_of(t);
    t->shut = p->tcp.window < ROOM_TO_TELL;
    post(p);
}

static void refuse(const struct sim_packet *p)
{
    if (!(p->tcp.flags & NAT_TCP_RST))
        post(segment(p->host, &p->to, &p->from, NAT_TCP_RST, 0));
}

/* ---- life ---- */

static void on_timer(struct timer *timer);

static struct sim_tcp *new_tcp(struct sim_host *h, const struct addr *local,
                               const struct addr *remote, enum state state)
{
    struct sim_tcp *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->host = h;
    t->local = *local;
    t->remote = *remote;
    t->state = state;
    t->wait = SYN_WAIT;
    t->sent_at = h->world->now;
    t->timer.fire = on_timer;
    list_append(&h->tcp, &t->link);
    return t;
}

static void free_tcp(struct sim_tcp *t)
{
    sim_stop_timer(t->host->world, &t->timer);
    list_remove(&t->link);
    bytebuf_free(&t->out);
    bytebuf_free(&t->in);
    free(t);
}

void sim_tcp_forget(struct sim_host *h)
{
    for (struct list *node; (node = list_first(&h->tcp));)
        free_tcp(list_entry(node, struct sim_tcp, link));
}

static void arm(struct sim_tcp *t, instant span)
{
    sim_set_timer(t->host->world, &t->timer, t->host->world->now + span);
}

/* It is broken: tells whoever has it, or frees it. */
static void break_off(struct sim_tcp *t, int err)
{
    bool opening = t->state == SYN_SENT || (t->state == SYN_CAME && t->called == false);
    if (!t->user) {
        free_tcp(t);
        return;
    }
    sim_stop_timer(t->host->world, &t->timer);
    t->state = OVER;
    t->error = err;
    t->ended = true;
    if (opening)
        t->user->opened(t->arg, err);
    else
        t->user->changed(t->arg);
}

/* ---- sending ---- */

static uint64_t end_of(const struct sim_tcp *t)
{
    return t->una + t->out.len;
}

/* Sends what the window allows. */
static void pump(struct sim_tcp *t)
{
    while (t->nxt < end_of(t) && t->nxt < t->limit) {
        uint64_t left = end_of(t) - t->nxt, may = t->limit - t->nxt;
        size_t len = left < may ? left : may;
        len = len < SEGMENT ? len : SEGMENT;
        emit(t, NAT_TCP_ACK, t->nxt, len);
        t->nxt += len;
    }
    if (t->finish && t->nxt == end_of(t) && !t->fin_acked) {
        emit(t, NAT_TCP_ACK | NAT_TCP_FIN, t->nxt, 0);
        t->nxt++;
    }
    if (t->nxt > t->una || t->out.len > 0) {
        if (t->timer.slot == 0)
            arm(t, t->wait);
    } else if (t->user) {
        sim_stop_timer(t->host->world, &t->timer);
    }
}

static void on_timer(struct timer *timer)
{
    struct sim_tcp *t = container_of(timer, struct sim_tcp, timer);
    if (t->fin_acked) {
        free_tcp(t); /* lingered long enough */
        return;
    }
    if (++t->tries > (t->state == OPEN ? TRIES : SYN_TRIES)) {
        break_off(t, -ETIMEDOUT);
        return;
    }
    t->wait = t->wait * 2 < WAIT_MAX ? t->wait * 2 : WAIT_MAX;
    if (t->state != OPEN) {
        emit(t, t->state == SYN_SENT ? NAT_TCP_SYN : NAT_TCP_SYN | NAT_TCP_ACK, 0, 0);
        arm(t, t->wait);
        return;
    }
    t->nxt = t->una;
    if (t->out.len > 0 && t->limit <= t->una) {
        emit(t, NAT_TCP_ACK, t->una, 1); /* is there room by now? */
        arm(t, t->wait);
    }
    pump(t);
}

/* Given back: who ended first waits, for the other's end or to answer for it once more (TIME-WAIT,
 * RFC 9293 §3.6). */
static void leave(struct sim_tcp *t)
{
    if (t->fin_acked && t->ended && !t->went_first)
        free_tcp(t);
    else if (t->fin_acked)
        arm(t, LINGER);
}

/* ---- hearing ---- */

static void on_open(struct sim_tcp *t, const struct sim_packet *p)
{
    instant round_trip = t->host->world->now - t->sent_at;
    bool is_called = t->called;
    t->state = OPEN;
    t->tries = 0;
    t->wait = 2 * round_trip > WAIT_MIN ? 2 * round_trip : WAIT_MIN;
    t->limit = p->tcp.window;
    sim_stop_timer(t->host->world, &t->timer);
    if (p->tcp.flags & NAT_TCP_SYN)
        emit(t, NAT_TCP_ACK, 0, 0);
    if (!is_called) {
        t->user->opened(t->arg, 0);
    } else if (!sim_sock_called(t->host, t)) {
        refuse(p);
        free_tcp(t);
    }
}

static void take_ack(struct sim_tcp *t, const struct sim_packet *p)
{
    uint64_t ack = p->tcp.ack;
    bool had_fin = t->finish && !t->fin_acked && ack > end_of(t);
    if (ack > end_of(t) + (t->finish && !t->fin_acked))
        return;
    if (ack > t->una) {
        size_t bytes = ack - t->una < t->out.len ? ack - t->una : t->out.len;
        if (bytes > 0) /* memmove() may not be given NULL, even for nothing */
            memmove(t->out.data, t->out.data + bytes, t->out.len - bytes);
        t->out.len -= bytes;
        t->una = ack;
        t->nxt = t->nxt > ack ? t->nxt : ack;
        t->tries = t->repeats = 0;
        sim_stop_timer(t->host->world, &t->timer);
    } else if (ack == t->una && t->nxt > t->una && p->len == 0 && ++t->repeats == REPEATS) {
        t->nxt = t->una;
    }
    if (ack + p->tcp.window > t->limit)
        t->limit = ack + p->tcp.window;
    t->fin_acked |= had_fin;
}

/* Returns true when there is something to tell. */
static bool take_data(struct sim_tcp *t, const struct sim_packet *p)
{
    bool fin = p->tcp.flags & NAT_TCP_FIN, is_next = p->tcp.seq == t->rcv && !t->ended;
    bool fits = is_next && p->len <= room_of(t);
    if (p->len == 0 && !fin)
        return false;
    if (fits) {
        bytebuf_put(&t->in, p->data, p->len);
        t->rcv += p->len + fin;
        t->ended = fin;
    }
    emit(t, NAT_TCP_ACK, t->nxt, 0);
    return fits;
}

static void hear(struct sim_tcp *t, const struct sim_packet *p)
{
    uint8_t flags = p->tcp.flags;
    if (flags & NAT_TCP_RST) {
        break_off(t, t->state == SYN_SENT ? -ECONNREFUSED : -ECONNRESET);
    } else if (t->state == OVER) {
        refuse(p);
    } else if (t->state == SYN_SENT && flags == NAT_TCP_SYN) {
        t->state = SYN_CAME; /* both called at once */
        emit(t, NAT_TCP_SYN | NAT_TCP_ACK, 0, 0);
    } else if (t->state != OPEN && flags & NAT_TCP_ACK &&
               (t->state == SYN_CAME || flags & NAT_TCP_SYN)) {
        on_open(t, p);
    } else if (t->state == SYN_CAME) {
        emit(t, NAT_TCP_SYN | NAT_TCP_ACK, 0, 0); /* ours was lost */
    } else if (t->state == SYN_SENT) {
        refuse(p);
    } else if (flags & NAT_TCP_SYN) {
        emit(t, NAT_TCP_ACK, t->nxt, 0); /* our last word was lost */
    } else if (!t->user && p->len > 0) {
        refuse(p);
        free_tcp(t);
    } else {
        bool had_room = t->out.len < SIM_SOCK_BUFFER;
        take_ack(t, p);
        bool news = take_data(t, p) || (!had_room && t->out.len < SIM_SOCK_BUFFER);
        pump(t);
        if (!t->user)
            leave(t);
        else if (news)
            t->user->changed(t->arg);
    }
}

static struct sim_tcp *find(const struct sim_packet *p)
{
    list_each(node, &p->host->tcp)
    {
        struct sim_tcp *t = list_entry(node, struct sim_tcp, link);
        if (addr_equal(&t->local, &p->to) && addr_equal(&t->remote, &p->from))
            return t;
    }
    return NULL;
}

static void arrive(struct sim_packet *p)
{
    struct sim_tcp *t = find(p);
    sim_world_note(p->world, p->world->now ^ p->tcp.seq << 20 ^ p->len);
    if (t) {
        hear(t, p);
    } else if (p->tcp.flags == NAT_TCP_SYN && sim_sock_listens(p->host, &p->to)) {
        t = new_tcp(p->host, &p->to, &p->from, SYN_CAME);
        t->called = true;
        emit(t, NAT_TCP_SYN | NAT_TCP_ACK, 0, 0);
        arm(t, t->wait);
    } else {
        refuse(p);
    }
    free(p);
}

/* ---- for the one who has it ---- */

struct sim_tcp *sim_tcp_connect(struct sim_host *h, uint16_t port, const struct addr *remote,
                                const struct sim_tcp_user *user, void *arg)
{
    const struct udp_tx tx = {.to = remote};
    const struct sim_interface *out = sim_udp_route(h, &tx);
    if (!out)
        return NULL;
    struct addr local = out->is.addr;
    addr_set_port(&local, port != 0 ? port : sim_next_port(h));
    struct sim_tcp *t = new_tcp(h, &local, remote, SYN_SENT);
    sim_tcp_attach(t, user, arg);
    emit(t, NAT_TCP_SYN, 0, 0);
    arm(t, t->wait);
    return t;
}

void sim_tcp_attach(struct sim_tcp *t, const struct sim_tcp_user *user, void *arg)
{
    t->user = user;
    t->arg = arg;
}

struct addr sim_tcp_local(const struct sim_tcp *t)
{
    return t->local;
}

struct addr sim_tcp_remote(const struct sim_tcp *t)
{
    return t->remote;
}

size_t sim_tcp_write(struct sim_tcp *t, const void *data, size_t len)
{
    size_t room = t->out.len < SIM_SOCK_BUFFER ? SIM_SOCK_BUFFER - t->out.len : 0;
    size_t n = len < room ? len : room;
    bytebuf_put(&t->out, data, n);
    if (t->state == OPEN)
        pump(t);
    return n;
}

size_t sim_tcp_read(struct sim_tcp *t, void *out, size_t room)
{
    size_t n = bytebuf_take(&t->in, out, room);
    if (n > 0 && t->shut && t->state == OPEN && room_of(t) >= ROOM_TO_TELL)
        emit(t, NAT_TCP_ACK, t->nxt, 0);
    return n;
}

bool sim_tcp_ended(const struct sim_tcp *t)
{
    return t->ended;
}

int sim_tcp_error(const struct sim_tcp *t)
{
    return t->error;
}

void sim_tcp_finish(struct sim_tcp *t)
{
    t->went_first |= !t->finish && !t->ended;
    t->finish = true;
    if (t->state == OPEN)
        pump(t);
}

void sim_tcp_close(struct sim_tcp *t)
{
    if (t->state != OPEN || t->in.len > 0) {
        sim_tcp_reset(t);
        return;
    }
    t->user = NULL;
    sim_tcp_finish(t);
    leave(t);
}

void sim_tcp_reset(struct sim_tcp *t)
{
    if (t->state != OVER)
        emit(t, NAT_TCP_RST, t->nxt, 0);
    free_tcp(t);
}
