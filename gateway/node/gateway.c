/* struct node itself: what it is built of, how it starts and how it ends. */
#include "gateway/node/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/file_error.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/node/kept_port.h"
#include "gateway/node/linger.h"
#include "gateway/node/measure.h"
#include "gateway/wire/demux.h"

#define RESET_KEY_FILE "reset.key"
#define PORT_FILE      "port"

#define UDP_IDLE_DEFAULT_S 60
#define PEERS_DEFAULT      1024

/* CONNECTION_CLOSE has left by then. */
#define GOODBYE MSEC(20)

#define SAVE_EVERY SEC(10)

/* ---- what the endpoint tells ---- */

static bool on_identity(void *arg, const struct peer_id *id, const struct path *path)
{
    struct node *n = arg;

    bool may = registry_may_connect(n->registry, id, env_wall_us(n->env)) ||
               relay_desk_admits(&n->relay, id);
    if (may && member_may_come(n, id, path))
        return true;
    offence_refused(n, id, path, may ? "refused: too many strangers are connected" : "refused");
    return false;
}

static void on_offence(void *arg, enum quic_offence what, const struct path *path, bool there)
{
    offence_of_caller(arg, what, path, there);
}

static void on_connected(void *arg, struct quic_conn *conn)
{
    struct node *n = arg;
    struct quic_conn_info info;

    if (quic_conn_app(conn)) {
        link_on_connected(quic_conn_app(conn));
        return;
    }
    quic_conn_info(conn, &info);
    struct member *m = member_get(n, &info.id);
    if (!m || peer_adopt(&m->peer, conn) < 0)
        quic_close(conn, QUIC_CLOSE_DONE);
}

static void on_stream(void *arg, struct quic_conn *conn, struct pipe *pipe)
{
    (void)arg;
    if (quic_conn_app(conn))
        link_on_stream(quic_conn_app(conn), pipe);
    else
        pipe->ops->reset(pipe, PIPE_RESET_ABORTED);
}

static void on_datagram(void *arg, struct quic_conn *conn, const uint8_t *data, size_t len)
{
    struct node *n = arg;
    if (quic_conn_app(conn))
        link_on_datagram(quic_conn_app(conn), env_now(n->env), data, len);
}

static void on_path(void *arg, struct quic_conn *conn, const struct path *path)
{
    (void)arg;
    (void)path;
    if (quic_conn_app(conn))
        link_on_path(quic_conn_app(conn));
}

static void on_doubt(void *arg, struct quic_conn *conn)
{
    struct node *n = arg;
    if (!quic_conn_app(conn))
        return;
    link_on_doubt(quic_conn_app(conn));
    relay_desk_on_doubt(&n->relay, conn);
    tcp_roads_on_doubt(&n->tcp, conn);
}

static void on_ended(void *arg, struct quic_conn *conn, const struct quic_ended *ended)
{
    (void)arg;
    if (quic_conn_app(conn))
        link_on_ended(quic_conn_app(conn), ended);
}

static void on_probe(void *arg, struct quic_conn *conn, const struct path *path, bool works)
{
    struct node *n = arg;
    punch_desk_on_probe(&n->punch, conn, path, works);
}

static void on_wake(void *arg, struct quic_conn *conn)
{
    struct node *n = arg;
    (void)conn;
    punch_desk_on_wake(&n->punch);
}

static const struct quic_handler QUIC_HANDLER = {
    .on_offence = on_offence,
    .on_identity = on_identity,
    .on_connected = on_connected,
    .on_stream = on_stream,
    .on_datagram = on_datagram,
    .on_path = on_path,
    .on_probe = on_probe,
    .on_doubt = on_doubt,
    .on_wake = on_wake,
    .on_ended = on_ended,
};

static void fill_random(void *arg, void *out, size_t len)
{
    struct node *n = arg;
    env_random(n->env, out, len);
}

static void wake(void *arg)
{
    struct node *n = arg;
    hub_wake(&n->hub);
}

static void on_relay(void *arg, const struct path *path, uint8_t *data, size_t len, size_t segment)
{
    struct node *n = arg;
    relay_desk_input(&n->relay, path, data, len, segment);
}

static void on_room(void *arg)
{
    struct node *n = arg;
    relay_desk_on_room(&n->relay);
}

static void on_stun(void *arg, const struct udp_rx *rx, uint32_t via)
{
    struct node *n = arg;
    outside_input(&n->outside, rx, via);
}

static void on_other(void *arg, const struct udp_rx *rx)
{
    struct node *n = arg;
    if (demux(rx->data, rx->len) == DEMUX_KIND_INVITE)
        invite_desk_input(&n->invite, rx);
    else
        lan_link_input(&n->lan, rx);
}

static const struct hub_handler HUB_HANDLER = {on_relay, on_stun, on_other, on_room};

/* ---- chores ---- */

static bool is_useful(struct member *m)
{
    const struct peer *p = &m->peer;
    return registry_peer(m->node->registry, &p->id) || !list_is_empty(&m->waits) ||
           !list_is_empty(&m->pings) || !list_is_empty(&p->links) || p->dialling || p->wanted;
}

static void drop_useless_members(struct node *n)
{
    struct list *next;
    for (struct list *node = n->members.next; node != &n->members; node = next) {
        struct member *m = list_entry(node, struct member, link);
        next = node->next;
        if (!is_useful(m))
            member_free(m);
    }
}

/* Peers move, and say where their relays are, as often as they like: not each time is worth waiting
 * for the disk. */
static void save_addresses(struct node *n, instant now)
{
    if (!n->addresses_changed)
        return;
    if (now < n->save_next) {
        timer_set(n->env, &n->saving, n->save_next);
        return;
    }
    n->addresses_changed = false;
    n->save_next = now + SAVE_EVERY;
    if (registry_save(n->registry) < 0)
        log_warn(LOG_GATEWAY, "the registry could not be saved; known addresses are not kept");
}

static void on_chores(struct deferred *work)
{
    struct node *n = container_of(work, struct node, chores);

    member_answer(&n->finished, 0, "");
    member_answer(&n->refused, -EACCES, "blocked here");
    member_make_room(n);
    offences_settle(n);
    drop_useless_members(n);
    save_addresses(n, env_now(n->env));
}

static void on_saving(struct timer *timer)
{
    struct node *n = container_of(timer, struct node, saving);
    save_addresses(n, env_now(n->env));
}

/* ---- start ---- */

static int load_reset_key(const struct node *n, uint8_t key[static 32], char *why, size_t why_len)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = env_load(n->env, RESET_KEY_FILE, &data, &len);

    if (err == 0 && len == 32)
        memcpy(key, data, 32);
    else if (err == 0)
        err = -EBADMSG;
    free(data);
    if (err == -ENOENT) {
        env_random(n->env, key, 32);
        err = env_save(n->env, RESET_KEY_FILE, key, 32);
    }
    if (err < 0)
        (void)snprintf(why, why_len, "%s%s%s: %s", n->options.home ? n->options.home : "",
                       n->options.home ? "/" : "", RESET_KEY_FILE,
                       err == -EBADMSG ? "not 32 bytes; remove it to make a new one"
                                       : file_error_text(err));
    return err;
}

int node_new(struct node **out, struct env *env, struct registry *registry, const struct keys *keys,
             const struct node_options *options)
{
    uint8_t secret[MAP_SECRET_LEN];
    struct node *n = calloc(1, sizeof(*n));
    if (!n)
        return -ENOMEM;
    n->env = env;
    n->registry = registry;
    n->keys = keys;
    n->options = *options;
    if (n->options.max_peers == 0)
        n->options.max_peers = PEERS_DEFAULT;
    n->chores.run = on_chores;
    n->saving.fire = on_saving;
    env_random(env, secret, sizeof(secret));
    map_init(&n->by_id, secret);
    env_random(env, secret, sizeof(secret));
    access_init(&n->access, secret);
    offences_start(n);
    list_init(&n->members);
    list_init(&n->watches);
    list_init(&n->finished);
    list_init(&n->refused);
    list_init(&n->lingering);
    list_init(&n->measures);

    node_block_addresses(n);
    n->hello.protocol = MESSAGE_PROTOCOL;
    message_network(options->network, n->hello.network);
    memcpy(n->hello.nickname, options->nickname, sizeof(n->hello.nickname));
    (void)snprintf(n->hello.version, sizeof(n->hello.version), "%s", options->version);
    *out = n;
    return 0;
}

static int start_quic(struct node *n, char *why, size_t why_len)
{
    struct quic_options options = {
        .keys = n->keys,
        .random = fill_random,
        .handler = &QUIC_HANDLER,
        .wake = wake,
        .arg = n,
        .streams_per_peer = n->options.streams_per_peer,
        .max_connections = n->options.max_peers,
        .rate = n->options.rate,
        .piece = uplink_piece(n->options.uplink),
    };
    int err = load_reset_key(n, options.reset_key, why, why_len);
    if (err < 0)
        return err;
    err = quic_endpoint_new(&n->quic, &options);
    if (err < 0)
        (void)snprintf(why, why_len, "QUIC: %s", strerror(-err));
    return err;
}

/* A wildcard address of a family that this machine does not have is no error. */
static bool may_be_missing(const struct addr *a, int err)
{
    return addr_is_unspecified(a) && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
}

static int listen_on(struct node *n, struct kept_port *kept, const struct addr *wanted)
{
    const struct addr wish = kept_port_wish(kept, wanted);
    int err = hub_listen(&n->hub, &wish);

    if (err < 0 && !addr_equal(&wish, wanted))
        err = hub_listen(&n->hub, wanted);
    if (err == 0)
        kept_port_took(kept, wanted, &n->hub.socket[n->hub.sockets - 1].local);
    return err;
}

static int open_sockets(struct node *n, char *why, size_t why_len)
{
    struct kept_port kept;

    kept_port_begin(&kept, n->env, PORT_FILE, n->options.port_kept);
    for (size_t i = 0; i < HUB_SOCKETS_MAX && !addr_is_none(&n->options.listen[i]); i++) {
        const struct addr *wanted = &n->options.listen[i];
        char text[ADDR_TEXT_MAX];
        int err = listen_on(n, &kept, wanted);
        if (err == 0 || may_be_missing(wanted, err))
            continue;
        (void)snprintf(why, why_len, "cannot listen on UDP %s: %s", addr_print(wanted, text),
                       strerror(-err));
        return err;
    }
    if (n->hub.sockets == 0) {
        (void)snprintf(why, why_len, "no UDP address to listen on");
        return -EADDRNOTAVAIL;
    }
    kept_port_end(&kept);
    return 0;
}

int node_start(struct node *n, char *why, size_t why_len)
{
    unsigned idle_s = n->options.udp_idle_s ? n->options.udp_idle_s : UDP_IDLE_DEFAULT_S;
    int err = start_quic(n, why, why_len);
    if (err < 0)
        return err;
    n->host = (struct peer_host){
        .env = n->env,
        .quic = n->quic,
        .self = &n->keys->id,
        .hello = &n->hello,
        .udp_idle = SEC(idle_s),
        .events = &MEMBER_EVENTS,
        .arg = n,
    };
    hub_init(&n->hub, n->env, n->quic, &HUB_HANDLER, n);
    n->hub.access = &n->access;
    hub_limit(&n->hub, n->options.uplink);
    err = open_sockets(n, why, why_len);
    if (err < 0)
        return err;
    err = node_start_lan(n);
    if (err < 0) {
        (void)snprintf(why, why_len, "LAN discovery: %s", strerror(-err));
        return err;
    }
    err = node_start_desks(n);
    if (err < 0) {
        (void)snprintf(why, why_len, "%s", strerror(-err));
        return err;
    }
    err = tcp_roads_start(&n->tcp, &n->desk, &TCP_ROADS_EVENTS, why, why_len);
    if (err == 0)
        err = node_start_dht(n, why, why_len);
    if (err < 0)
        return err;
    ways_start_portmap(n);
    node_registry_changed(n);
    return 0;
}

/* ---- end ---- */

static void on_stopping(struct timer *timer)
{
    struct node *n = container_of(timer, struct node, stopping);
    n->stopped(n->stopped_arg);
}

void node_stop(struct node *n, void (*done)(void *arg), void *arg)
{
    n->stopped = done;
    n->stopped_arg = arg;
    n->stopping.fire = on_stopping;
    n->save_next = 0;
    save_addresses(n, env_now(n->env));
    lan_link_stop(&n->lan);
    list_each(node, &n->members)
    {
        struct member *m = list_entry(node, struct member, link);
        peer_want(&m->peer, false);
        peer_drop(&m->peer, QUIC_CLOSE_DONE);
    }
    if (n->quic)
        hub_wake(&n->hub);
    turn_desk_end(&n->turn);
    instant wait = portmap_desk_end(&n->portmap);
    timer_set(n->env, &n->stopping, env_now(n->env) + (wait > GOODBYE ? wait : GOODBYE));
}

void node_free(struct node *n)
{
    if (!n)
        return;
    timer_stop(n->env, &n->stopping);
    timer_stop(n->env, &n->saving);
    linger_end(&n->lingering);
    measure_end(&n->measures);
    for (struct list *node; (node = list_first(&n->members));)
        member_free(list_entry(node, struct member, link));
    member_answer(&n->finished, -ECANCELED, "the gateway stops");
    member_answer(&n->refused, -ECANCELED, "the gateway stops");
    invite_desk_stop(&n->invite);
    lan_link_stop(&n->lan);
    mailbox_desk_stop(&n->mailbox);
    exchange_desk_stop(&n->exchange);
    record_desk_stop(&n->record);
    dht_desk_stop(&n->dht);
    portmap_desk_stop(&n->portmap);
    turn_desk_stop(&n->turn);
    nat64_desk_stop(&n->nat64);
    outside_stop(&n->outside);
    relay_desk_stop(&n->relay);
    pwnat_desk_stop(&n->pwnat);
    hole_desk_stop(&n->holes);
    mail_desk_stop(&n->mail);
    punch_desk_stop(&n->punch);
    bootstrap_desk_stop(&n->bootstrap);
    tcp_roads_stop(&n->tcp);
    if (n->quic)
        hub_close(&n->hub);
    quic_endpoint_free(n->quic);
    env_undefer(n->env, &n->chores);
    map_deinit(&n->by_id);
    access_deinit(&n->access);
    abuse_deinit(&n->abuse);
    free(n);
}
