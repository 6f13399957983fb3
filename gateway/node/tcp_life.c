/* Connections that carry paths: where we listen, how they begin and end. */
#include "gateway/node/tcp_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

#define PROVE_WITHIN  SEC(10)
#define IDLE_AFTER    SEC(60)
#define SWEEP_EVERY   SEC(5)
#define LOCALS_MAX    64
#define CALLS_RATE    10 /* a second, of one address */
#define CALLS_BURST   64
#define STRANGERS_MAX 128 /* that have not proved anything yet, */
#define STRANGERS_OF  8   /* and of one address */

/* ---- the end of one ---- */

void tcp_roads_close(struct road *road)
{
    struct tcp_roads *r = road->roads;
    const struct path path = road->path;

    (void)map_remove(&r->by_via, &road->path.via, sizeof(road->path.via));
    list_remove(&road->link);
    r->count--;
    tcp_road_close(&road->tcp);
    free(road);
    quic_path_gone(r->node->hub->quic, &path);
    hub_wake(r->node->hub);
}

static void lose(struct road *road, const char *why)
{
    struct tcp_roads *r = road->roads;
    char text[ADDR_TEXT_MAX];
    const char *kind = road->tls ? "TLS" : "TCP";
    struct peer *p = road->tcp.dialled ? r->node->find(r->node->node, &road->id) : NULL;

    (void)addr_print(&road->to, text);
    if (road->proven)
        log_info(LOG_PATH, "%s %s: %s", kind, text, why);
    else
        log_debug(LOG_PATH, "%s %s: %s", kind, text, why);
    if (p && !road->proven)
        peer_note(p, "%s %s: %s", kind, text, why);
    const bool missed = road->opening && !road->proven;
    const struct peer_id id = road->id;
    const struct addr to = road->to;
    if (road->tcp.dialled && !missed)
        tcp_dial_again(r, road);
    tcp_roads_close(road);
    if (missed)
        r->events->refused(r->node->node, &id, &to);
    tcp_roads_set_timer(r);
}

/* ---- events of one ---- */

static struct road *road_of(struct tcp_road *tcp)
{
    return container_of(tcp, struct road, tcp);
}

static void on_up(struct tcp_road *tcp)
{
    struct road *road = road_of(tcp);
    const struct desk *node = road->roads->node;
    struct peer *p = tcp->dialled ? node->find(node->node, &road->id) : NULL;

    if (p)
        peer_add_candidate(p, &road->path);
}

static void on_datagrams(struct tcp_road *tcp, uint8_t *data, size_t len, size_t segment)
{
    const struct road *road = road_of(tcp);
    hub_deliver(road->roads->node->hub, &road->path, data, len, segment);
}

static size_t on_stun(struct tcp_road *tcp, const uint8_t *message, size_t len,
                      uint8_t out[static TCP_ROAD_ANSWER])
{
    struct road *road = road_of(tcp);
    const struct tcp_roads *r = road->roads;

    road->asked = true;
    return r->events->answer(r->node->node, &road->to, message, len, out);
}

static void on_down(struct tcp_road *tcp, const char *why)
{
    lose(road_of(tcp), why);
}

static const struct tcp_road_handler ROAD_HANDLER = {on_up, on_datagrams, on_stun, on_down};
_Static_assert(STUN_ANSWER_MAX <= TCP_ROAD_ANSWER, "an answer fits");

static int carry(struct hub_carrier *carrier, const struct quic_tx *tx)
{
    struct tcp_roads *r = container_of(carrier, struct tcp_roads, carrier);
    struct road *road = map_find(&r->by_via, &tx->path.via, sizeof(tx->path.via));

    if (road)
        tcp_road_send(&road->tcp, tx->data, tx->len, tx->segment);
    return 0;
}

/* ---- the beginning of one ---- */

/* Returns one that is in the tables, and not open yet, or NULL. */
static struct road *new_road(struct tcp_roads *r, const struct addr *to, bool tls)
{
    struct road *road = r->count < r->node->options->max_peers ? malloc(sizeof(*road)) : NULL;

    if (!road)
        return NULL;
    /* Not all of it: the buffers of `tcp` are large. */
    memset(road, 0, offsetof(struct road, tcp));
    road->roads = r;
    road->to = *to;
    road->tls = tls;
    road->since = road->used = env_now(r->node->env);
    road->path = (struct path){.kind = PATH_TCP, .via = ++r->last_via, .remote = *to};
    if (map_insert(&r->by_via, &road->path.via, sizeof(road->path.via), road) < 0) {
        free(road);
        return NULL;
    }
    list_append(&r->roads, &road->link);
    r->count++;
    return road;
}

static void unmake(struct road *road)
{
    (void)map_remove(&road->roads->by_via, &road->path.via, sizeof(road->path.via));
    list_remove(&road->link);
    road->roads->count--;
    free(road);
}

/* From the port that all of these share, or from one that is chosen for it now. */
static int dial_bound(struct tcp_roads *r, struct road *road, const char *tls_host)
{
    const struct addr to = hub_outside(r->node->hub, &road->to);
    bool v6 = addr_is_v6(&to);
    struct addr local = v6 ? addr_v6((const uint8_t[16]){0}, r->port[1], 0)
                           : addr_v4((const uint8_t[4]){0}, r->port[0]);
    int err = tcp_road_dial(&road->tcp, r->node->env, &to, &local, tls_host, &ROAD_HANDLER);

    if (err < 0)
        return err;
    local = sock_local(r->node->env, road->tcp.sock);
    r->port[v6] = addr_port(&local);
    road->bound = true;
    return 0;
}

int tcp_roads_dial(struct tcp_roads *r, const struct peer_id *id, const struct tcp_place *place,
                   unsigned failures)
{
    struct road *road = new_road(r, &place->to, place->tls);
    if (!road)
        return -ENOMEM;
    road->id = *id;
    road->failures = failures;
    const struct addr to = hub_outside(r->node->hub, &place->to);
    int err = place->tls ? dial_bound(r, road, place->host) : -EADDRINUSE;
    if (err < 0)
        err = tcp_road_dial(&road->tcp, r->node->env, &to, NULL, place->tls ? place->host : NULL,
                            &ROAD_HANDLER);
    if (err < 0)
        unmake(road);
    return err;
}

int tcp_roads_open(struct tcp_roads *r, const struct peer_id *id, const struct tcp_place *place)
{
    struct road *road = new_road(r, &place->to, false);
    if (!road)
        return -ENOMEM;
    road->id = *id;
    road->opening = true;
    int err = dial_bound(r, road, NULL);
    if (err < 0)
        unmake(road);
    return err;
}

/* Whoever is still to prove something, called first, and is not dialled by us. */
static struct road *oldest_stranger(const struct tcp_roads *r)
{
    list_each(node, &r->roads)
    {
        struct road *road = list_entry(node, struct road, link);
        if (!road->proven && !road->tcp.dialled)
            return road;
    }
    return NULL;
}

/* One caller has its share and no more, also if it proves to be a thousand peers. When there are
 * too many strangers the oldest goes: an honest one has proved itself within moments. Before others
 * are turned away, those go who only came to ask. */
static bool may_enter(struct tcp_roads *r, const struct addr *from)
{
    unsigned strangers = 0, neighbours = 0, proven = 0, most = r->node->options->max_peers / 8;
    struct road *asker = NULL;

    list_each(node, &r->roads)
    {
        struct road *road = list_entry(node, struct road, link);
        bool near = !road->tcp.dialled && addr_same_caller(&road->to, from);
        if (near && road->asked && !asker)
            asker = road;
        proven += near && road->proven;
        neighbours += near && !road->proven;
        strangers += !road->tcp.dialled && !road->proven;
    }
    if (neighbours >= STRANGERS_OF && asker)
        lose(asker, "somebody else calls from there");
    else if (neighbours >= STRANGERS_OF)
        return false;
    if (proven >= (most > STRANGERS_OF ? most : STRANGERS_OF))
        return false;
    if (strangers >= STRANGERS_MAX)
        lose(oldest_stranger(r), "too many have nothing to say");
    return true;
}

/* Connections without end, each of them short, are a lot of handshakes. */
static bool is_too_often(struct tcp_roads *r, const struct addr *from)
{
    const struct addr_caller caller = addr_caller(from);
    size_t at = map_hash(r->secret, caller.ip, caller.len) % TCP_STREETS;

    return !bucket_take(&r->calls[at], env_now(r->node->env), 1);
}

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    const struct tcp_door *door = arg;
    struct tcp_roads *r = door->roads;
    bool may = hub_admits(r->node->hub, from) && (!door->half || tcp_half_is_met(r, from)) &&
               !is_too_often(r, from) && may_enter(r, from);
    struct road *road = may ? new_road(r, from, door->tls) : NULL;

    if (!road) {
        sock_reset(r->node->env, sock);
        return;
    }
    if (tcp_road_answer(&road->tcp, r->node->env, sock, door->tls ? r->identity : NULL,
                        &ROAD_HANDLER) < 0)
        unmake(road);
    tcp_roads_set_timer(r);
}

/* ---- time ---- */

struct survey {
    struct tcp_roads *roads;
    instant now;
};

static void note_use(void *arg, const struct path *path, instant heard)
{
    const struct survey *s = arg;
    struct road *road = map_find(&s->roads->by_via, &path->via, sizeof(path->via));

    if (!road || heard == 0 || heard == road->heard)
        return;
    road->heard = heard;
    road->used = s->now;
    road->proven = true;
}

static const char *why_to_close(const struct road *road, instant now)
{
    if (road->asked && now < road->since + IDLE_AFTER)
        return NULL;
    if (!road->proven)
        return now >= road->since + PROVE_WITHIN ? "nobody has proved to be there" : NULL;
    return now >= road->used + IDLE_AFTER ? "not used any more" : NULL;
}

static void sweep(struct tcp_roads *r, instant now)
{
    struct survey s = {.roads = r, .now = now};
    struct list *next;

    quic_each_path(r->node->hub->quic, PATH_TCP, note_use, &s);
    for (struct list *node = r->roads.next; node != &r->roads; node = next) {
        struct road *road = list_entry(node, struct road, link);
        const char *why = why_to_close(road, now);
        next = node->next;
        if (why)
            lose(road, why);
    }
}

void tcp_roads_set_timer(struct tcp_roads *r)
{
    if (list_is_empty(&r->roads))
        r->sweep = INSTANT_NEVER;
    else if (r->sweep == INSTANT_NEVER)
        r->sweep = env_now(r->node->env) + SWEEP_EVERY;
    instant dial = tcp_dial_deadline(r), open = tcp_half_deadline(r);
    dial = open < dial ? open : dial;
    timer_set(r->node->env, &r->timer, dial < r->sweep ? dial : r->sweep);
}

static void on_timer(struct timer *timer)
{
    struct tcp_roads *r = container_of(timer, struct tcp_roads, timer);
    instant now = env_now(r->node->env);

    if (now >= r->sweep) {
        r->sweep = INSTANT_NEVER;
        sweep(r, now);
    }
    tcp_dial_due(r, now);
    tcp_half_due(r, now);
    tcp_roads_set_timer(r);
}

/* ---- what happens elsewhere ---- */

void tcp_roads_on_conn(struct tcp_roads *r, const struct peer *p, struct quic_conn *conn,
                       bool ended)
{
    struct quic_conn_info info;

    if (ended)
        return;
    quic_conn_info(conn, &info);
    if (info.path.kind == PATH_RELAY && r->udp_blocked)
        tcp_dial_relayed(r, &p->id);
    if (info.path.kind == PATH_UDP && !addr_is_loopback(&info.path.remote))
        r->udp_blocked = false;
    struct road *road = info.path.kind == PATH_TCP
                            ? map_find(&r->by_via, &info.path.via, sizeof(info.path.via))
                            : NULL;
    if (!road)
        return;
    road->proven = true;
    road->used = env_now(r->node->env);
    r->udp_blocked = r->udp_blocked || road->tcp.dialled;
}

void tcp_roads_udp_blocked(struct tcp_roads *r)
{
    r->udp_blocked = true;
}

/* A connection from an address that is gone would hang for minutes. */
void tcp_roads_network_changed(struct tcp_roads *r)
{
    struct interface list[LOCALS_MAX];
    int count = env_interfaces(r->node->env, list, LOCALS_MAX);
    struct list *next;

    r->udp_blocked = false;
    tcp_half_end(r);
    if (count < 0 || count == LOCALS_MAX) /* not known, or not all of them */
        return;
    for (struct list *node = r->roads.next; node != &r->roads; node = next) {
        struct road *road = list_entry(node, struct road, link);
        const struct addr local = sock_local(r->node->env, road->tcp.sock);
        const struct addr ours = addr_unmapped(local);
        bool here = addr_is_unspecified(&local);
        next = node->next;
        for (int i = 0; i < count && !here; i++)
            here = addr_same_ip(&list[i].addr, &ours);
        if (!here)
            lose(road, "our address is gone");
    }
}

bool tcp_roads_is_tls(const struct tcp_roads *r, const struct path *path)
{
    const struct road *road =
        path->kind == PATH_TCP ? map_find(&r->by_via, &path->via, sizeof(path->via)) : NULL;
    return road && road->tls;
}

size_t tcp_roads_listens(const struct tcp_roads *r, struct addr *out, size_t max)
{
    size_t count = r->doors < max ? r->doors : max;
    for (size_t i = 0; i < count; i++)
        out[i] = listener_local(r->node->env, r->door[i].listener);
    return count;
}

/* ---- life ---- */

const struct listen_handler TCP_DOOR_HANDLER = {on_accept};

static int open_door(struct tcp_roads *r, const struct addr *at, bool tls, char *why,
                     size_t why_len)
{
    struct tcp_door *door = &r->door[r->doors];
    char text[ADDR_TEXT_MAX];

    *door = (struct tcp_door){.roads = r, .tls = tls};
    int err = sock_listen(r->node->env, &door->listener, at, &TCP_DOOR_HANDLER, door);
    if (err == 0)
        r->doors++;
    else
        (void)snprintf(why, why_len, "cannot listen on TCP %s: %s", addr_print(at, text),
                       strerror(-err));
    return err;
}

static int open_doors(struct tcp_roads *r, char *why, size_t why_len)
{
    const struct node_options *o = r->node->options;
    const struct hub *hub = r->node->hub;
    int err = 0;

    if (!addr_is_none(&o->tls_listen[0]))
        err = tls_identity_new(&r->identity);
    if (err < 0)
        (void)snprintf(why, why_len, "no TLS certificate could be made");
    for (size_t i = 0; err == 0 && i < NODE_TLS_LISTEN_MAX; i++)
        if (!addr_is_none(&o->tls_listen[i]))
            err = open_door(r, &o->tls_listen[i], true, why, why_len);
    for (size_t i = 0; err == 0 && o->tcp && i < hub->sockets; i++)
        err = open_door(r, &hub->socket[i].local, false, why, why_len);
    return err;
}

int tcp_roads_start(struct tcp_roads *r, const struct desk *node,
                    const struct tcp_roads_events *events, char *why, size_t why_len)
{
    uint8_t secret[MAP_SECRET_LEN];

    *r = (struct tcp_roads){.node = node,
                            .events = events,
                            .carrier.send = carry,
                            .sweep = INSTANT_NEVER,
                            .timer.fire = on_timer};
    env_random(node->env, secret, sizeof(secret));
    map_init(&r->by_via, secret);
    env_random(node->env, r->secret, sizeof(r->secret));
    for (size_t i = 0; i < TCP_STREETS; i++)
        r->calls[i] = bucket_of(CALLS_RATE, CALLS_BURST);
    list_init(&r->roads);
    list_init(&r->wishes);
    tcp_stun_start(&r->stun, node->env);
    hub_set_carrier(node->hub, PATH_TCP, &r->carrier);
    return open_doors(r, why, why_len);
}

void tcp_roads_stop(struct tcp_roads *r)
{
    if (!r->node)
        return;
    timer_stop(r->node->env, &r->timer);
    hub_set_carrier(r->node->hub, PATH_TCP, NULL);
    for (size_t i = 0; i < r->doors; i++)
        listener_close(r->node->env, r->door[i].listener);
    for (struct list *node; (node = list_first(&r->roads));) {
        struct road *road = list_entry(node, struct road, link);
        tcp_road_close(&road->tcp);
        unmake(road);
    }
    tcp_dial_end(r);
    tcp_half_end(r);
    map_deinit(&r->by_via);
    tls_identity_free(r->identity);
    *r = (struct tcp_roads){0};
}
