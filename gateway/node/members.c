/* The peers that the gateway has to do with, and what happens to them. */
#include "gateway/node/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/identity/peer_about.h"

#define LEAVERS_MAX   32 /* of one batch */
#define LEAVERS_ASKED 16

struct member *member_find(struct node *n, const struct peer_id *id)
{
    return map_find(&n->by_id, id->key, sizeof(id->key));
}

struct member *member_get(struct node *n, const struct peer_id *id)
{
    struct member *m = member_find(n, id);
    if (m)
        return m;
    m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->node = n;
    peer_init(&m->peer, &n->host, id);
    m->peer.owner = m;
    list_init(&m->waits);
    list_init(&m->pings);
    if (map_insert(&n->by_id, m->peer.id.key, sizeof(m->peer.id.key), m) < 0) {
        peer_deinit(&m->peer);
        free(m);
        return NULL;
    }
    list_append(&n->members, &m->link);
    return m;
}

/* Where somebody is seen; the same for all that come through relays. */
static struct addr place_at(const struct path *path)
{
    if (path->kind == PATH_RELAY)
        return (struct addr){0};
    return path->remote;
}

static struct addr place_of(const struct member *m)
{
    struct quic_conn_info info = {0};
    if (peer_conn(&m->peer))
        quic_conn_info(peer_conn(&m->peer), &info);
    return place_at(&info.path);
}

static bool is_stranger(const struct node *n, const struct member *m)
{
    return !m->leaves && peer_connections(&m->peer) > 0 && !registry_peer(n->registry, &m->peer.id);
}

static unsigned strangers_at(const struct node *n, const struct addr *place)
{
    unsigned count = 0;

    list_each(node, &n->members)
    {
        const struct member *m = list_entry(node, struct member, link);
        if (!is_stranger(n, m))
            continue;
        const struct addr at = place_of(m);
        count += addr_same_caller(&at, place);
    }
    return count;
}

/* A stranger of a place that has more of them than the newcomer's, even then, of a few picked by
 * chance: whose place has many is likely among them. NULL: none. */
static struct member *find_leaver(struct node *n, const struct addr *place, size_t strangers)
{
    unsigned here = strangers_at(n, place);
    size_t step = strangers / LEAVERS_ASKED + 1, at = 0;
    uint32_t first;

    env_random(n->env, &first, sizeof(first));
    list_each(node, &n->members)
    {
        struct member *m = list_entry(node, struct member, link);
        if (!is_stranger(n, m) || at++ % step != first % step)
            continue;
        const struct addr other = place_of(m);
        if (strangers_at(n, &other) > here + 1)
            return m;
    }
    return NULL;
}

/* Whoever finds us may use what is public. So that no crowd of identities made up for the purpose
 * keeps out the peers that have a name here, a quarter of the places is theirs; and so that it does
 * not keep out other strangers, those of one place make room for those of others. */
bool member_may_come(struct node *n, const struct peer_id *id, const struct path *path)
{
    size_t strangers = 0, places = n->options.max_peers;
    const struct addr place = place_at(path);

    if (registry_peer(n->registry, id))
        return true;
    list_each(node, &n->members)
    {
        const struct member *m = list_entry(node, struct member, link);
        if (is_stranger(n, m))
            strangers += peer_connections(&m->peer);
    }
    if (strangers < places - places / 4)
        return true;
    struct member *leaver = n->leaving < LEAVERS_MAX ? find_leaver(n, &place, strangers) : NULL;
    if (!leaver)
        return false;
    leaver->leaves = true;
    n->leaving++;
    env_defer(n->env, &n->chores);
    return true;
}

void member_make_room(struct node *n)
{
    if (n->leaving == 0)
        return;
    list_each(node, &n->members)
    {
        struct member *m = list_entry(node, struct member, link);
        if (m->leaves)
            peer_drop(&m->peer, QUIC_CLOSE_DONE);
        m->leaves = false;
    }
    n->leaving = 0;
}

void member_answer(struct list *waits, int err, const char *why)
{
    struct list now;
    list_take_all(&now, waits);
    for (struct list *node; (node = list_first(&now));) {
        struct node_wait *w = list_entry(node, struct node_wait, link);
        list_remove(node);
        w->done(w, err, why);
    }
}

static void answer_pings(struct member *m, int err)
{
    for (struct list *node; (node = list_first(&m->pings));) {
        struct node_ping *p = list_entry(node, struct node_ping, link);
        list_remove(node);
        timer_stop(m->node->env, &p->timer);
        p->done(p, err, 0);
    }
}

void member_free(struct member *m)
{
    struct node *n = m->node;

    member_answer(&m->waits, -ECANCELED, "the gateway stops");
    answer_pings(m, -ENOTCONN);
    peer_deinit(&m->peer);
    (void)map_remove(&n->by_id, m->peer.id.key, sizeof(m->peer.id.key));
    list_remove(&m->link);
    free(m->services);
    free(m);
}

/* ---- where a peer may be ---- */

struct candidates {
    struct path *out;
    size_t count, max;
};

static void add_candidate(struct candidates *c, const struct addr *a)
{
    const struct path path = {.kind = PATH_UDP, .remote = *a};

    for (size_t i = 0; i < c->count; i++)
        if (path_equal(&c->out[i], &path))
            return;
    if (c->count < c->max && !addr_is_none(a))
        c->out[c->count++] = path;
}

/* Of a circuit's other end we know the relay's address. */
static bool may_use(void *arg, const struct path *path)
{
    struct node *n = arg;
    const struct path leg = path->kind == PATH_RELAY ? relay_desk_leg(&n->relay, path) : *path;
    return hub_admits(&n->hub, &leg.remote);
}

static size_t candidates(void *arg, struct peer *p, struct path *out, size_t max, bool *more)
{
    struct node *n = arg;
    struct member *m = p->owner;
    struct candidates c = {.out = out, .max = max};
    const struct known_peer *known = registry_peer(n->registry, &p->id);

    for (size_t i = 0; i < MEMBER_LAN_MAX; i++)
        add_candidate(&c, &m->lan[i]);
    for (size_t i = 0; known && i < PEER_ADDRESSES_MAX; i++) {
        add_candidate(&c, &known->address[i]);
        add_candidate(&c, &known->last_good[i]);
    }
    *more = lan_link_ask(&n->lan, &p->id);
    struct addr relay[PEER_ADDRESSES_MAX];
    size_t count = relay_desk_addresses(&n->relay, &p->id, relay, PEER_ADDRESSES_MAX, more);
    for (size_t i = 0; i < count; i++)
        add_candidate(&c, &relay[i]);
    count = bootstrap_desk_find(&n->bootstrap, &p->id, relay, PEER_ADDRESSES_MAX);
    for (size_t i = 0; i < count; i++)
        add_candidate(&c, &relay[i]);
    count = mail_desk_find(&n->mail, p, relay, PEER_ADDRESSES_MAX);
    for (size_t i = 0; i < count; i++)
        add_candidate(&c, &relay[i]);
    if (known) {
        turn_desk_find(&n->turn, p, known->address, PEER_ADDRESSES_MAX);
        turn_desk_find(&n->turn, p, known->last_good, PEER_ADDRESSES_MAX);
    }
    relay_desk_find(&n->relay, p);
    if (!relay_desk_keeps(&n->relay, &p->id))
        record_desk_find(&n->record, p);
    mailbox_desk_find(&n->mailbox, p);
    pwnat_desk_find(&n->pwnat, p);
    tcp_roads_find(&n->tcp, p);
    return c.count;
}

/* A relay takes TLS; a peer perhaps TCP, where it takes UDP. */
size_t member_tcp_places(void *node, const struct peer_id *id, struct tcp_place *out, size_t max)
{
    struct node *n = node;
    const struct known_peer *known = registry_peer(n->registry, id);
    struct addr relay[PEER_ADDRESSES_MAX];
    struct path at[2 * PEER_ADDRESSES_MAX] = {{.kind = PATH_NONE}};
    struct candidates c = {.out = at, .max = 2 * PEER_ADDRESSES_MAX};
    const char *host = "";
    size_t count = relay_desk_tls(&n->relay, id, relay, PEER_ADDRESSES_MAX, &host), used = 0;

    for (size_t i = 0; known && i < PEER_ADDRESSES_MAX; i++) {
        add_candidate(&c, &known->address[i]);
        add_candidate(&c, &known->last_good[i]);
    }
    for (size_t i = 0; i < count && used < max; i++) {
        if (!hub_admits(&n->hub, &relay[i]))
            continue;
        out[used] = (struct tcp_place){.to = relay[i], .tls = true};
        memcpy(out[used++].host, host, strlen(host) + 1);
    }
    for (size_t i = 0; i < c.count && used < max; i++)
        if (hub_admits(&n->hub, &at[i].remote))
            out[used++] = (struct tcp_place){.to = at[i].remote};
    return used;
}

/* ---- what happens to peers ---- */

static void list_services(void *arg, struct peer *p, struct service_list *out)
{
    serve_list(arg, &p->id, out);
}

static void take_services(struct member *m)
{
    size_t count = 0;
    struct session *s = peer_session(&m->peer);
    const struct message_service *list = s ? session_services(s, &count) : NULL;
    if (!list)
        return;
    struct remote_service *fresh = calloc(count + 1, sizeof(*fresh));
    if (!fresh)
        return;
    for (size_t i = 0; i < count; i++) {
        memcpy(fresh[i].name, list[i].name, sizeof(fresh[i].name));
        fresh[i].proto = (enum service_proto)list[i].proto;
        fresh[i].port = list[i].port;
        fresh[i].raw = list[i].flags & MESSAGE_SERVICE_RAW;
    }
    free(m->services);
    m->services = fresh;
    m->service_count = count;
    m->services_known = true;
}

/* An address that we dialled and that led to the peer is worth trying first next time. */
static void remember_address(struct member *m)
{
    struct node *n = m->node;
    struct known_peer *known = registry_peer(n->registry, &m->peer.id);
    struct quic_conn_info info;

    quic_conn_info(peer_conn(&m->peer), &info);
    if (!known || !info.dialled || info.path.kind != PATH_UDP)
        return;
    if (addr_equal(&known->last_good[0], &info.path.remote))
        return;
    registry_good_address(n->registry, &m->peer.id, &info.path.remote);
    n->addresses_changed = true;
    env_defer(n->env, &n->chores);
}

static void on_ready(void *arg, struct peer *p)
{
    struct node *n = arg;
    struct member *m = p->owner;

    m->last_error[0] = '\0';
    take_services(m);
    remember_address(m);
    pwnat_desk_on_settled(&n->pwnat, p);
    mail_desk_on_ready(&n->mail, p);
    mailbox_desk_on_ready(&n->mailbox, p);
    member_answer(&m->waits, 0, "");
}

static enum bootstrap_kind kind_of(const struct node *n, const struct peer *p)
{
    return relay_desk_keeps(&n->relay, &p->id) ? BOOTSTRAP_RELAY : BOOTSTRAP_PEER;
}

static bool has_connections(const struct node *n)
{
    list_each(node, &n->members)
    {
        if (peer_session(&list_entry(node, struct member, link)->peer))
            return true;
    }
    return false;
}

static void on_failed(void *arg, struct peer *p, int err, const char *why)
{
    struct node *n = arg;
    struct member *m = p->owner;
    struct peer_about about;
    char id[9];

    /* Once: a peer that is away is tried for days. */
    if (strcmp(m->last_error, why) != 0)
        log_event(LOG_LEVEL_INFO, LOG_PEER, peer_about(&about, "not_reached", &p->id, NULL),
                  "%s: not reached: %s", peer_id_short(&p->id, id), why);
    (void)snprintf(m->last_error, sizeof(m->last_error), "%s", why);
    relay_desk_on_failed(&n->relay, p, why);
    pwnat_desk_on_settled(&n->pwnat, p);
    if (has_connections(n)) /* else it may be our own network that failed */
        bootstrap_desk_on_failed(&n->bootstrap, kind_of(n, p), p);
    member_answer(&m->waits, err, why);
    env_defer(n->env, &n->chores);
}

static void on_changed(void *arg, struct peer *p)
{
    struct node *n = arg;
    struct member *m = p->owner;

    take_services(m);
    if (!peer_is_connected(p))
        answer_pings(m, -ENOTCONN);
    env_defer(n->env, &n->chores);
    node_tell(n, &p->id);
}

static void on_pong(void *arg, struct peer *p, uint32_t token)
{
    struct node *n = arg;
    struct member *m = p->owner;

    list_each(node, &m->pings)
    {
        struct node_ping *ping = list_entry(node, struct node_ping, link);
        if (ping->token != token)
            continue;
        list_remove(node);
        timer_stop(n->env, &ping->timer);
        ping->done(ping, 0, env_now(n->env) - ping->sent);
        return;
    }
}

static void on_stream(void *arg, struct peer *p, const struct preamble *what, struct pipe *pipe)
{
    serve_stream(arg, &p->id, what, pipe);
}

static void on_flow(void *arg, struct peer *p, const struct preamble *what, struct flow *flow)
{
    serve_flow(arg, &p->id, what, flow);
}

static void on_part(void *arg, struct peer *p, struct quic_conn *conn,
                    const struct message_part *part)
{
    struct node *n = arg;
    relay_desk_on_part(&n->relay, p, conn, part);
    if (part->type == RELAY_REGISTERED && relay_desk_keeps(&n->relay, &p->id))
        record_desk_changed(&n->record);
    punch_desk_on_part(&n->punch, p, conn, part);
    reach_desk_on_part(&n->outside.reach, conn, part);
    turn_desk_on_part(&n->turn, p, conn, part);
    hole_desk_on_part(&n->holes, p, conn, part);
    exchange_desk_on_part(&n->exchange, p, part);
}

static void on_offence(void *arg, struct peer *p, struct quic_conn *conn, enum peer_offence what)
{
    offence_of_peer(arg, p, conn, what);
}

static void on_conn(void *arg, struct peer *p, struct quic_conn *conn, bool ended)
{
    struct node *n = arg;
    relay_desk_on_conn(&n->relay, p, conn, ended);
    if (!ended && (registry_peer(n->registry, &p->id) || relay_desk_keeps(&n->relay, &p->id)))
        bootstrap_desk_on_conn(&n->bootstrap, kind_of(n, p), conn);
    outside_on_conn(&n->outside, conn, ended);
    portmap_desk_on_conn(&n->portmap);
    turn_desk_on_conn(&n->turn, conn, ended);
    punch_desk_on_conn(&n->punch, p, conn, ended);
    pwnat_desk_on_conn(&n->pwnat, conn, ended);
    hole_desk_on_conn(&n->holes, conn, ended);
    mail_desk_on_conn(&n->mail, conn, ended);
    mailbox_desk_on_conn(&n->mailbox, ended);
    tcp_roads_on_conn(&n->tcp, p, conn, ended);
    exchange_desk_changed(&n->exchange);
}

const struct peer_events MEMBER_EVENTS = {
    .on_offence = on_offence,
    .may_use = may_use,
    .candidates = candidates,
    .list_services = list_services,
    .on_ready = on_ready,
    .on_failed = on_failed,
    .on_changed = on_changed,
    .on_pong = on_pong,
    .on_part = on_part,
    .on_conn = on_conn,
    .on_stream = on_stream,
    .on_flow = on_flow,
};
