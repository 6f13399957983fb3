/* The UDP sockets of a hole: where they are seen, the probes of its round, and which pair of them
 * works. */
#include "gateway/node/hole.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/wire/demux.h"

#define PROBES_PER_RUN 64
#define ANSWER_WITHIN  SEC(10) /* a probe */
#define SEARCH_PAUSE   SEC(20) /* after a search of ports, as between rounds */
#define SERVERS        8

static instant now_of(const struct hole *h)
{
    return env_now(h->desk->node->env);
}

static struct hole_socket *socket_by(struct hole *h, uint16_t number)
{
    if (number == 0 || number == HOLE_V6)
        return &h->main[number == HOLE_V6];
    return number <= h->extras ? h->extra[number - 1] : NULL;
}

/* ---- sending ---- */

static void send_to(struct hole_socket *s, const struct addr *to, const uint8_t *data, size_t len,
                    int ttl)
{
    const struct udp_tx tx = {.to = to, .data = data, .len = len, .ttl = ttl};

    if (s->udp && udp_send(s->hole->desk->node->env, s->udp, &tx) < 0)
        return; /* lost, as in a network */
}

static void send_probe(struct hole_socket *s, const struct addr *to, struct probe *p, int ttl)
{
    struct hole *h = s->hole;
    uint8_t out[PROBE_MIN];

    p->token |= (uint64_t)h->number << 32 | (uint64_t)s->number << 16;
    p->sequence = ++h->sequence;
    probe_write(p, h->key_out, out, sizeof(out));
    send_to(s, to, out, sizeof(out), ttl);
}

static void ping(struct hole_socket *s, const struct addr *to, int ttl)
{
    struct hole *h = s->hole;
    struct hole_sent *sent = &h->sent[h->sent_next++ % HOLE_SENT_MAX];
    struct probe p = {.type = PROBE_PING, .token = HOLE_NOWHERE};

    env_random(h->desk->node->env, &p.challenge, sizeof(p.challenge));
    *sent = (struct hole_sent){.to = *to, .challenge = p.challenge, .at = now_of(h)};
    send_probe(s, to, &p, ttl);
}

/* ---- what arrives ---- */

static struct hole_way *way_of(struct hole *h, uint16_t ours, uint16_t theirs,
                               const struct addr *remote)
{
    for (unsigned i = 0; i < h->ways; i++)
        if (h->way[i].ours == ours && h->way[i].theirs == theirs &&
            addr_equal(&h->way[i].remote, remote))
            return &h->way[i];
    if (h->ways == HOLE_WAYS_MAX)
        return NULL;
    h->way[h->ways] = (struct hole_way){.ours = ours, .theirs = theirs, .remote = *remote};
    return &h->way[h->ways++];
}

/* The peer alone can say it, but it could say it for somebody else's address: not the challenge. */
static const struct hole_sent *find_sent(const struct hole *h, const struct addr *from,
                                         uint64_t challenge)
{
    for (unsigned i = 0; i < HOLE_SENT_MAX; i++)
        if (h->sent[i].at > 0 && h->sent[i].challenge == challenge &&
            addr_equal(&h->sent[i].to, from))
            return &h->sent[i];
    return NULL;
}

/* Whoever may say that it is elsewhere can have so many sent there. */
static void on_ping(struct hole_socket *s, const struct udp_rx *rx, const struct probe *p,
                    struct hole_way *way)
{
    struct probe answer = {.type = PROBE_PONG, .challenge = p->challenge, .seen = rx->from};

    answer.token = p->token >> 16 & 0xffff;
    if (!way->works && way->answers++ >= PUNCH_PER_ADDRESS)
        return;
    send_probe(s, &rx->from, &answer, 0);
}

static void on_pong(struct hole_socket *s, const struct udp_rx *rx, const struct probe *p,
                    struct hole_way *way)
{
    const struct hole_sent *sent = find_sent(s->hole, &rx->from, p->challenge);

    if (!sent || rx->now > sent->at + ANSWER_WITHIN)
        return;
    way->rtt = way->works && way->rtt < rx->now - sent->at ? way->rtt : rx->now - sent->at;
    way->works = true;
    way->outer = p->seen;
    punch_budget_answered(&s->hole->guest->budget, &s->hole->desk->options.means->common,
                          &rx->from);
    punch_proven(s->hole->core, rx->now, s->number == HOLE_V6 ? 0 : s->number, &rx->from);
}

static void take_probe(struct hole_socket *s, const struct udp_rx *rx)
{
    struct hole *h = s->hole;
    struct probe p;

    if (!h->core || h->stage == HOLE_SETTLING || probe_read(&p, h->key_in, rx->data, rx->len) < 0 ||
        (uint32_t)(p.token >> 32) != h->number)
        return;
    struct hole_way *way = way_of(h, s->number, (uint16_t)(p.token >> 16), &rx->from);
    if (!way)
        return;
    way->inner = addr_is_none(&rx->to) ? s->local : rx->to;
    punch_heard(h->core, rx->now, s->number == HOLE_V6 ? 0 : s->number, &rx->from);
    if (p.type == PROBE_PING)
        on_ping(s, rx, &p, way);
    else
        on_pong(s, rx, &p, way);
}

static void take_stun(struct hole_socket *s, const struct udp_rx *rx)
{
    for (unsigned i = 0; i < s->queries; i++)
        if (stun_query_input(&s->query[i], rx->now, &rx->from, rx->data, rx->len) == 0)
            return;
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct hole_socket *s = arg;
    struct udp_rx one = *rx;

    for (size_t at = 0; at < rx->len; at += one.len) {
        one.data = rx->data + at;
        one.len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        if (demux(one.data, one.len) == DEMUX_KIND_PROBE &&
            hub_admits(s->hole->desk->node->hub, &rx->from))
            take_probe(s, &one);
        else if (demux(one.data, one.len) == DEMUX_KIND_STUN)
            take_stun(s, &one);
    }
    hole_wake(s->hole);
}

static const struct udp_handler HANDLER = {on_datagrams, NULL};

/* ---- where we are seen ---- */

static void ask_servers(struct hole_socket *s)
{
    struct hole *h = s->hole;
    struct addr server[SERVERS];
    uint8_t id[STUN_ID_LEN];
    const struct desk *node = h->desk->node;
    size_t count = h->desk->options.servers(node->node, false, server, SERVERS);

    for (size_t i = 0; i < count && s->queries < HOLE_SERVERS_MAX; i++) {
        if (addr_is_v6(&server[i]) != addr_is_v6(&s->local))
            continue;
        env_random(node->env, id, sizeof(id));
        stun_query_init(&s->query[s->queries++], &server[i], &STUN_GATHER, id, now_of(h));
    }
}

static instant run_queries(struct hole_socket *s, instant now)
{
    uint8_t out[EXCHANGE_MAX_DATAGRAM];
    instant due = INSTANT_NEVER;

    for (unsigned i = 0; i < s->queries; i++) {
        size_t len = stun_query_output(&s->query[i], now, out);
        if (len > 0)
            send_to(s, &s->query[i].server, out, len, 0);
        due = s->query[i].due < due ? s->query[i].due : due;
    }
    return due;
}

static struct addr seen_by_servers(const struct hole_socket *s)
{
    for (unsigned i = 0; s && i < s->queries; i++)
        if (s->query[i].state == STUN_ANSWERED)
            return s->query[i].mapped;
    return (struct addr){0};
}

struct addr hole_udp_seen(const struct hole *h, bool v6)
{
    return seen_by_servers(&h->main[v6]);
}

struct addr hole_udp_fresh(const struct hole *h)
{
    bool open = h->fresh > 0 && h->fresh <= h->extras;
    return open ? seen_by_servers(h->extra[h->fresh - 1]) : (struct addr){0};
}

bool hole_udp_gathered(const struct hole *h)
{
    for (int v6 = 0; v6 < 2; v6++) {
        const struct hole_socket *s = &h->main[v6];
        struct addr at = seen_by_servers(s);
        if (s->udp && s->queries > 0 && addr_is_none(&at))
            return false;
    }
    return true;
}

/* ---- sockets ---- */

/* Of the family and, if it is bound to one, the address of a main socket of the gateway's. */
static int open_socket(struct hole *h, struct hole_socket *s, bool v6, uint16_t number)
{
    const struct hub *hub = h->desk->node->hub;
    struct env *env = h->desk->node->env;
    int err = -EAFNOSUPPORT;

    *s = (struct hole_socket){.hole = h, .number = number};
    for (size_t i = 0; i < hub->sockets && err < 0; i++) {
        struct addr local = hub->socket[i].local;
        if (addr_is_v6(&local) != v6)
            continue;
        addr_set_port(&local, 0);
        err = udp_open(env, &s->udp, &local, UDP_PKTINFO, &HANDLER, s);
    }
    if (err < 0)
        s->udp = NULL;
    else
        s->local = udp_local(env, s->udp);
    return err;
}

int hole_udp_open(struct hole *h)
{
    int v4 = open_socket(h, &h->main[0], false, 0);
    int v6 = open_socket(h, &h->main[1], true, HOLE_V6);

    if (v4 < 0 && v6 < 0)
        return v4;
    for (int i = 0; i < 2; i++)
        if (h->main[i].udp)
            ask_servers(&h->main[i]);
    return 0;
}

/* Each place is used, also where there is no socket for it: the core counts on. */
static void open_wanted(struct hole *h)
{
    unsigned wanted = punch_sockets(h->core);

    while (h->extras < wanted && h->extras < PUNCH_SOCKETS_MAX) {
        struct hole_socket *s = malloc(sizeof(*s));
        h->extra[h->extras++] = s;
        if (s)
            (void)open_socket(h, s, false, (uint16_t)h->extras);
    }
}

static void close_socket(struct hole *h, struct hole_socket *s)
{
    if (s && s->udp)
        udp_close(h->desk->node->env, s->udp);
    if (s)
        s->udp = NULL;
}

void hole_udp_close(struct hole *h)
{
    unsigned probes, guesses = 0;

    if (h->core)
        punch_counts(h->core, &probes, &guesses);
    if (guesses > 0)
        h->desk->options.means->searched = now_of(h);
    for (int i = 0; i < 2; i++)
        close_socket(h, &h->main[i]);
    while (h->extras > 0) {
        close_socket(h, h->extra[--h->extras]);
        free(h->extra[h->extras]);
    }
    punch_free(h->core);
    h->core = NULL;
}

/* ---- the round ---- */

static void fill_random(void *arg, void *out, size_t len)
{
    struct hole *h = arg;
    env_random(h->desk->node->env, out, len);
}

bool hole_udp_may_search(const struct hole *h)
{
    const struct punch_means *m = h->desk->options.means;
    return !h->desk->node->options->no_birthday && !m->searching &&
           (m->searched == 0 || now_of(h) >= m->searched + SEARCH_PAUSE);
}

int hole_udp_begin(struct hole *h, const struct hole_message *m)
{
    struct quic_conn_info info;

    quic_conn_info(h->conn, &info);
    const struct punch_options options = {
        .controller = h->asker,
        .rtt = info.rtt,
        .ours = h->said,
        .theirs = m->facts,
        .guessing = h->guessing && m->flags & HOLE_GUESSING,
        .v4 = h->main[0].udp != NULL,
        .v6 = h->main[1].udp != NULL,
        .random = fill_random,
        .arg = h,
        .rate = &h->desk->options.means->rate,
    };
    return punch_new(&h->core, now_of(h), &options);
}

void hole_udp_add(struct hole *h, const struct candidate *c)
{
    punch_add(h->core, now_of(h), c);
}

/* What has a hop limit ends in our own network. */
static void send_wanted(struct hole *h, instant now, const struct punch_send *send)
{
    bool v6 = addr_is_v6(&send->to);
    struct hole_socket *s =
        socket_by(h, send->socket == 0 && v6 ? HOLE_V6 : (uint16_t)send->socket);

    if (!s || !s->udp || addr_is_v6(&s->local) != v6)
        return;
    if (send->ttl > 0 ||
        punch_budget_take(&h->guest->budget, &h->desk->options.means->common, now, &send->to))
        ping(s, &send->to, send->ttl);
}

static void follow_fresh(struct hole *h)
{
    unsigned fresh = punch_fresh(h->core);

    if (fresh == h->fresh || fresh == 0 || fresh > h->extras)
        return;
    h->fresh = fresh;
    if (h->extra[fresh - 1] && h->extra[fresh - 1]->udp)
        ask_servers(h->extra[fresh - 1]);
}

static instant run_core(struct hole *h, instant now)
{
    struct punch_send send;

    open_wanted(h);
    for (unsigned i = 0; i < PROBES_PER_RUN && punch_output(h->core, now, &send); i++) {
        send_wanted(h, now, &send);
        open_wanted(h);
    }
    follow_fresh(h);
    hole_look_on(h, now);
    return punch_deadline(h->core);
}

instant hole_udp_run(struct hole *h, instant now)
{
    instant due = h->core ? run_core(h, now) : INSTANT_NEVER;

    for (int i = 0; i < 2; i++) {
        instant query = run_queries(&h->main[i], now);
        due = query < due ? query : due;
    }
    if (h->fresh > 0 && h->extra[h->fresh - 1]) {
        instant query = run_queries(h->extra[h->fresh - 1], now);
        due = query < due ? query : due;
    }
    return due;
}

/* ---- the end ---- */

bool hole_udp_choose(struct hole *h, unsigned *way)
{
    bool found = false;

    if (punch_state(h->core) == PUNCH_RUNNING)
        return false;
    for (unsigned i = 0; i < h->ways; i++) {
        if (!h->way[i].works || (found && h->way[i].rtt >= h->way[*way].rtt))
            continue;
        *way = i;
        found = true;
    }
    return found;
}

bool hole_udp_find(const struct hole *h, const struct hole_message *use, unsigned *way)
{
    for (unsigned i = 0; i < h->ways && use->candidates == 1; i++)
        if (h->way[i].ours == use->to && h->way[i].theirs == use->from &&
            addr_equal(&h->way[i].remote, &use->candidate[0].addr)) {
            *way = i;
            return true;
        }
    return false;
}

void hole_udp_ping(struct hole *h, unsigned way, instant now)
{
    const struct hole_way *w = &h->way[way];

    if (punch_budget_take(&h->guest->budget, &h->desk->options.means->common, now, &w->remote))
        ping(socket_by(h, w->ours), &w->remote, 0);
}

void hole_udp_take(struct hole *h, unsigned way, struct node_hole *out)
{
    const struct hole_way *w = &h->way[way];
    struct hole_socket *s = socket_by(h, w->ours);

    udp_detach(h->desk->node->env, s->udp); /* the program's data may be on its way */
    out->udp = s->udp;
    out->inner = w->inner;
    out->outer = addr_is_none(&w->outer) ? w->inner : w->outer;
    out->remote = w->remote;
    s->udp = NULL;
}
