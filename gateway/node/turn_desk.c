#include "gateway/node/turn_desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/crypto/secret.h"
#include "gateway/punch/attempt.h"
#include "gateway/relay/turn_auth.h"
#include "gateway/wire/punch_message.h"

#define RETRY_FIRST SEC(2)
#define RETRY_MOST  SEC(300)
#define GOOD_BYES   MSEC(10)
#define IN_USE      SEC(30)   /* a way, after what it was last good for ... */
#define LENT        SEC(5)    /* ... and one that was opened in case it is needed */
#define SETTLE      MSEC(100) /* addresses and routes come one after another */

/* Addresses that one message of a peer may have let in: there are few places, for all peers. */
#define LET_IN_MAX 8

/* Ways to one IP address that somebody writes from unasked, by as many ports as it likes. */
#define CROWD_MAX 8

/* Addresses that peers name, of all of them together: each costs the server a channel, and another
 * one its place. */
#define NAMED_RATE  1 /* a second */
#define NAMED_BURST 16

/* Credentials that follow from a secret are good for a day, and made anew after half of it. */
#define REST_GOOD_S 86400
#define REST_ANEW   SEC(43200)

static const struct node_turn *server_of(const struct turn_desk *d)
{
    return &d->node->options->turn[d->at];
}

static struct path path_to(const struct turn_desk *d, const struct addr *a)
{
    return (struct path){.kind = PATH_TURN, .via = d->via, .remote = *a};
}

/* ---- the allocation comes and goes ---- */

static void set_relayed(struct turn_desk *d, const struct addr *relayed)
{
    struct addr before = d->relayed;

    d->relayed = *relayed;
    d->events->changed(d->arg, &before, relayed);
}

/* Sessions that it carried go elsewhere at once. */
static void lose_paths(void *arg, struct peer *p)
{
    const struct turn_desk *d = arg;
    struct path_info path[8];
    struct quic_conn *conn = peer_conn(p);
    size_t count = conn ? quic_conn_paths(conn, path, sizeof(path) / sizeof(path[0])) : 0;

    for (size_t i = 0; i < count && i < sizeof(path) / sizeof(path[0]); i++)
        if (path[i].path.kind == PATH_TURN && path[i].path.via == d->via)
            quic_conn_path_gone(conn, &path[i].path);
}

static void end_link(struct turn_desk *d)
{
    const struct addr none = {0};

    turn_link_free(d->link);
    d->link = NULL;
    memset(d->way, 0, sizeof(d->way));
    if (d->via != 0)
        d->node->each(d->node->node, lose_paths, d);
    if (!addr_is_none(&d->relayed))
        set_relayed(d, &none);
}

static void fail(struct turn_desk *d, const char *reason)
{
    if (d->ending)
        return;
    instant pause = RETRY_FIRST << (d->failures < 8 ? d->failures : 8);

    if (strcmp(d->reason, reason) != 0)
        log_warn(LOG_RELAY, "TURN server %s: %s", server_of(d)->host, reason);
    (void)snprintf(d->reason, sizeof(d->reason), "%s", reason);
    d->missed += addr_is_none(&d->relayed);
    end_link(d);
    d->failures++;
    d->at = (d->at + 1) % d->servers;
    timer_set(d->node->env, &d->timer,
              env_now(d->node->env) + (pause < RETRY_MOST ? pause : RETRY_MOST));
}

/* ---- what the link tells ---- */

static bool may_reach(const struct turn_desk *d, const struct addr *a)
{
    return !addr_is_none(&d->relayed) && addr_is_v6(a) == addr_is_v6(&d->relayed) &&
           !addr_is_loopback(a) && !addr_is_link_local(a) && !addr_is_multicast(a) &&
           !addr_is_unspecified(a) && addr_port(a) != 0 && !addr_equal(a, &d->relayed) &&
           (!addr_is_private(a) || addr_is_private(&d->relayed));
}

static struct turn_way *way_of(struct turn_desk *d, const struct addr *a)
{
    for (size_t i = 0; i < TURN_PEERS_MAX; i++)
        if (addr_equal(&d->way[i].addr, a))
            return &d->way[i];
    return NULL;
}

static void touch(struct turn_desk *d, const struct addr *a)
{
    struct turn_way *w = way_of(d, a);
    if (w)
        w->used = env_now(d->node->env);
}

/* A free place, or that of the one that was of no use for longest; NULL: all are in use. */
static struct turn_way *make_way(struct turn_desk *d)
{
    struct turn_way *oldest = &d->way[0];

    for (size_t i = 0; i < TURN_PEERS_MAX && !addr_is_none(&oldest->addr); i++)
        if (addr_is_none(&d->way[i].addr) || d->way[i].used < oldest->used)
            oldest = &d->way[i];
    if (addr_is_none(&oldest->addr))
        return oldest;
    if (env_now(d->node->env) < oldest->used + IN_USE)
        return NULL;
    turn_link_shut(d->link, &oldest->addr);
    return oldest;
}

static bool let_in(struct turn_desk *d, const struct addr *a)
{
    if (!may_reach(d, a))
        return false;
    struct turn_way *w = way_of(d, a);
    if (!w)
        w = make_way(d);
    if (!w)
        return false;
    *w = (struct turn_way){.addr = *a, .used = env_now(d->node->env)};
    if (turn_link_open(d->link, a) == 0)
        return true;
    w->addr = (struct addr){0};
    return false;
}

/* For somebody who may come, as long as nobody who does wants the place. */
static bool lend(struct turn_desk *d, const struct addr *a)
{
    instant now = env_now(d->node->env);

    if (!let_in(d, a))
        return false;
    way_of(d, a)->used = now > IN_USE - LENT ? now - (IN_USE - LENT) : 0;
    return true;
}

/* Who wrote from a port that was not told is answered once its channel is open. */
static void let_in_unasked(struct turn_desk *d, const struct addr *a)
{
    instant now = env_now(d->node->env);
    unsigned crowd = 0;

    for (size_t i = 0; i < TURN_PEERS_MAX; i++)
        crowd += addr_same_ip(&d->way[i].addr, a) && now < d->way[i].used + IN_USE;
    if (crowd < CROWD_MAX || way_of(d, a))
        (void)let_in(d, a);
}

static void dial_by_it(void *arg, struct peer *p)
{
    struct turn_desk *d = arg;
    const struct known_peer *known = registry_peer(d->node->registry, &p->id);

    if (!known || !peer_is_dialling(p))
        return;
    turn_desk_find(d, p, known->address, PEER_ADDRESSES_MAX);
    turn_desk_find(d, p, known->last_good, PEER_ADDRESSES_MAX);
}

/* Where a person says that a peer is, there it may come from. */
static void let_in_known(struct turn_desk *d)
{
    for (size_t i = 0; i < registry_peer_count(d->node->registry); i++) {
        const struct known_peer *known = registry_peer_at(d->node->registry, i);
        for (size_t k = 0; k < PEER_ADDRESSES_MAX && !known->blocked; k++)
            if (!way_of(d, &known->address[k]))
                (void)lend(d, &known->address[k]);
    }
}

static void on_ready(void *arg, const struct addr *relayed)
{
    struct turn_desk *d = arg;
    char text[ADDR_TEXT_MAX];

    if (!addr_is_none(&d->relayed)) /* the server has moved us */
        d->node->each(d->node->node, lose_paths, d);
    d->failures = 0;
    d->reason[0] = '\0';
    d->via++;
    log_info(LOG_RELAY, "TURN server %s: reached through it at %s", server_of(d)->host,
             addr_print(relayed, text));
    set_relayed(d, relayed);
    d->node->each(d->node->node, dial_by_it, d);
    let_in_known(d);
    if (d->node->options->turn_secret[0])
        timer_set(d->node->env, &d->timer, env_now(d->node->env) + REST_ANEW);
}

static void on_peer(void *arg, const struct addr *peer, enum turn_peer_state state)
{
    struct turn_desk *d = arg;
    char text[ADDR_TEXT_MAX];

    if (state == TURN_PEER_REFUSED)
        log_debug(LOG_RELAY, "TURN server %s: does not relay to %s", server_of(d)->host,
                  addr_print(peer, text));
    hub_wake(d->node->hub);
}

static void on_datagram(void *arg, const struct addr *peer, uint8_t *data, size_t len, instant now)
{
    struct turn_desk *d = arg;
    const struct path path = path_to(d, peer);

    (void)now;
    touch(d, peer);
    hub_deliver(d->node->hub, &path, data, len, len);
}

static void on_failed(void *arg, enum turn_failure failure, const char *reason)
{
    (void)failure;
    fail(arg, reason);
}

static void on_closed(void *arg)
{
    (void)arg; /* turn_desk_stop() follows */
}

static const struct turn_link_handler LINK = {on_ready, on_peer, on_datagram, on_failed, on_closed};

/* ---- making one ---- */

static const enum turn_link_transport LINK_OF[] = {
    [NODE_OVER_UDP] = TURN_LINK_UDP,
    [NODE_OVER_TCP] = TURN_LINK_TCP,
    [NODE_OVER_TLS] = TURN_LINK_TLS,
};

/* The certificates to trust besides the system's, PEM; NULL: none. Free them. */
static int load_ca(const struct turn_desk *d, uint8_t **out)
{
    const char *name = d->node->options->turn_ca;
    size_t len;

    *out = NULL;
    return name[0] && server_of(d)->transport == NODE_OVER_TLS
               ? env_load(d->node->env, name, out, &len)
               : 0;
}

static void fail_for_ca(struct turn_desk *d, int err)
{
    char reason[TURN_REASON_MAX];

    (void)snprintf(reason, sizeof(reason), "the file %s ([turn] ca) in the gateway's home: %s",
                   d->node->options->turn_ca, strerror(-err));
    fail(d, reason);
}

static void connect_to(struct turn_desk *d, const struct addr *server, const char *ca)
{
    const struct node_options *o = d->node->options;
    char user[TURN_USER_MAX + 1], password[TURN_PASSWORD_MAX + 1];
    const struct turn_link_options options = {
        .server = *server,
        .transport = LINK_OF[server_of(d)->transport],
        .host = server_of(d)->host,
        .trust = ca,
        .user = o->turn_user[0] || o->turn_secret[0] ? user : NULL,
        .password = o->turn_user[0] || o->turn_secret[0] ? password : NULL,
    };

    if (o->turn_secret[0]) {
        turn_rest_credentials(o->turn_secret, env_wall_us(d->node->env) / 1000000 + REST_GOOD_S,
                              o->turn_user[0] ? o->turn_user : TURN_REST_USER, user, password);
    } else {
        (void)snprintf(user, sizeof(user), "%s", o->turn_user);
        (void)snprintf(password, sizeof(password), "%s", o->turn_password);
    }
    int err = turn_link_new(&d->link, d->node->env, &options, &LINK, d);
    secret_wipe(password, sizeof(password));
    if (err < 0)
        fail(d, strerror(-err));
}

static void on_looked_up(struct lookup *l, int err, const struct addr *list, int count)
{
    struct turn_desk *d = container_of(l, struct turn_desk, lookup);
    uint8_t *ca;

    if (err < 0) {
        fail(d, strerror(-err));
        return;
    }
    err = load_ca(d, &ca);
    if (err < 0)
        fail_for_ca(d, err);
    else /* one of several addresses may be out of reach: the next one on each round of servers */
        connect_to(d, &list[d->missed / d->servers % (size_t)count], (const char *)ca);
    free(ca);
}

static void begin(struct turn_desk *d)
{
    const struct node_turn *s = server_of(d);
    int err = env_lookup(d->node->env, &d->lookup, s->host, s->port);

    if (err < 0)
        fail(d, strerror(-err));
}

static void on_timer(struct timer *timer)
{
    struct turn_desk *d = container_of(timer, struct turn_desk, timer);

    if (d->ending && d->link)
        turn_link_close(d->link);
    if (d->ending)
        return;
    end_link(d);
    if (!d->lookup.query)
        begin(d);
}

/* ---- sending ---- */

static int carry(struct hub_carrier *carrier, const struct quic_tx *tx)
{
    struct turn_desk *d = container_of(carrier, struct turn_desk, carrier);

    if (tx->path.via == 0) {
        struct quic_tx plain = *tx;
        plain.path.kind = PATH_UDP;
        return hub_send_over(d->node->hub, &plain);
    }
    if (!d->link || tx->path.via != d->via)
        return 0;
    touch(d, &tx->path.remote);
    if (turn_link_send(d->link, &tx->path.remote, tx->data, tx->len, tx->segment) == -ENOTCONN)
        let_in_unasked(d, &tx->path.remote);
    return 0;
}

/* ---- what happens ---- */

void turn_desk_find(struct turn_desk *d, struct peer *p, const struct addr *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct path path = path_to(d, &known[i]);
        if (!addr_is_none(&known[i]) && let_in(d, &known[i]))
            peer_add_candidate(p, &path);
    }
}

void turn_desk_on_conn(struct turn_desk *d, struct quic_conn *conn, bool ended)
{
    if (ended)
        turn_far_forget(&d->far, conn);
}

/* Whoever names addresses without end leaves a third of the places to others. */
static bool let_in_named(struct turn_desk *d, const struct addr *a)
{
    return !way_of(d, a) && bucket_take(&d->named, env_now(d->node->env), 1) && lend(d, a);
}

static bool may_take_part(const struct turn_desk *d, const struct peer *p)
{
    return registry_may_connect(d->node->registry, &p->id, env_wall_us(d->node->env));
}

void turn_desk_on_part(struct turn_desk *d, struct peer *p, struct quic_conn *conn,
                       const struct message_part *part)
{
    struct punch_message m;
    unsigned let = 0;

    if (!punch_message_is(part) || punch_message_read(&m, part) < 0 || !may_take_part(d, p))
        return;
    for (size_t i = 0; i < m.candidates && let < LET_IN_MAX; i++) {
        const struct candidate *c = &m.candidate[i];
        if (!punch_may_probe(&c->addr, &d->relayed, !addr_is_none(&d->relayed), false))
            continue;
        if (c->type == CANDIDATE_RELAYED)
            turn_far_add(&d->far, p, conn, &c->addr);
        let += let_in_named(d, &c->addr);
    }
}

const char *turn_desk_state(const struct turn_desk *d)
{
    if (d->servers == 0)
        return "off";
    if (!addr_is_none(&d->relayed))
        return "ready";
    return d->reason[0] ? d->reason : "connecting";
}

/* ---- life ---- */

void turn_desk_start(struct turn_desk *d, const struct desk *node,
                     const struct turn_desk_events *events, void *arg)
{
    *d = (struct turn_desk){
        .node = node,
        .events = events,
        .arg = arg,
        .carrier.send = carry,
        .lookup.done = on_looked_up,
        .timer.fire = on_timer,
        .named = bucket_of(NAMED_RATE, NAMED_BURST),
    };
    turn_far_init(&d->far, node);
    hub_set_carrier(node->hub, PATH_TURN, &d->carrier);
    while (d->servers < NODE_TURN_MAX && node->options->turn[d->servers].port != 0)
        d->servers++;
    if (d->servers > 0)
        begin(d);
}

void turn_desk_network_changed(struct turn_desk *d, uint64_t network)
{
    bool other = d->network != 0 && d->network != network;

    d->network = network;
    if (!other || d->servers == 0 || d->ending)
        return;
    d->failures = 0;
    timer_set(d->node->env, &d->timer, env_now(d->node->env) + SETTLE);
}

void turn_desk_end(struct turn_desk *d)
{
    if (!d->node)
        return;
    d->ending = true;
    timer_set(d->node->env, &d->timer, env_now(d->node->env) + GOOD_BYES);
}

void turn_desk_stop(struct turn_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    env_lookup_cancel(d->node->env, &d->lookup);
    turn_link_free(d->link);
    turn_far_deinit(&d->far);
    hub_set_carrier(d->node->hub, PATH_TURN, NULL);
    *d = (struct turn_desk){0};
}
