/* Relays: what the cores of both roles ask of the gateway. */
#include "gateway/node/relay_parts.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

#define EARLY_MAX 64

/* A datagram that came along with a circuit. */
struct early {
    struct list link;
    struct path path;
    size_t len;
    uint8_t data[];
};

static struct peer *find_peer(const struct relay_desk *d, const struct peer_id *id)
{
    return d->node->find(d->node->node, id);
}

static struct relay_site *place_of_conn(const struct relay_desk *d, const struct quic_conn *conn)
{
    struct quic_conn_info info;
    quic_conn_info(conn, &info);
    return relay_site_find(&d->places, &info.id);
}

/* ---- what the client's core wants ---- */

static int send_over(void *arg, const struct path *to, const uint8_t *data, size_t len,
                     size_t segment)
{
    struct relay_desk *d = arg;
    const struct quic_tx tx = {.path = *to, .data = data, .len = len, .segment = segment};
    return hub_send_over(d->node->hub, &tx);
}

static void deliver(void *arg, const struct path *path, uint8_t *data, size_t len, size_t segment)
{
    struct relay_desk *d = arg;
    hub_deliver(d->node->hub, path, data, len, segment);
}

/* Datagrams are not taken in while a session is telling something. */
static void deliver_soon(void *arg, const struct path *path, const uint8_t *data, size_t len)
{
    struct relay_desk *d = arg;
    struct early *e = d->early_count < EARLY_MAX ? malloc(sizeof(*e) + len) : NULL;

    if (!e)
        return; /* lost, and sent once more */
    e->path = *path;
    e->len = len;
    memcpy(e->data, data, len);
    list_append(&d->early, &e->link);
    d->early_count++;
    env_defer(d->node->env, &d->early_work);
}

static void drop_early(struct relay_desk *d, struct early *e)
{
    list_remove(&e->link);
    d->early_count--;
    free(e);
}

void relay_on_early(struct deferred *work)
{
    struct relay_desk *d = container_of(work, struct relay_desk, early_work);

    for (struct list *node; (node = list_first(&d->early));) {
        struct early *e = list_entry(node, struct early, link);
        hub_deliver(d->node->hub, &e->path, e->data, e->len, e->len);
        drop_early(d, e);
    }
}

void relay_drop_early(struct relay_desk *d)
{
    for (struct list *node; (node = list_first(&d->early));)
        drop_early(d, list_entry(node, struct early, link));
}

static void on_registered(void *arg, void *conn, enum relay_status status)
{
    struct relay_desk *d = arg;
    struct relay_site *p = place_of_conn(d, conn);

    /* One answer to one question: our peers are told of each. */
    if (!p || !p->ours || p->asked != conn || p->answered)
        return;
    p->answered = true;
    p->status = status;
    if (status != RELAY_OK && !p->told)
        log_warn(LOG_RELAY, "relay %s: %s", p->host, relay_status_text(status));
    p->told = status != RELAY_OK;
    p->ask_again = status != RELAY_OK ? env_now(d->node->env) + RELAY_ASK_AGAIN : INSTANT_NEVER;
    p->registered = status == RELAY_OK ? conn : NULL;
    if (!p->registered)
        return;
    log_info(LOG_RELAY, "reachable through the relay %s", p->host);
    relay_notes_registered(d, conn);
    d->node->each(d->node->node, relay_tell_ours, d);
}

static bool may_call(void *arg, const struct peer_id *id)
{
    struct relay_desk *d = arg;
    return registry_may_connect(d->node->registry, id, env_wall_us(d->node->env));
}

static void on_circuit(void *arg, const struct peer_id *id, const struct path *path, bool incoming)
{
    struct relay_desk *d = arg;
    struct peer *m = find_peer(d, id);

    if (!m || incoming)
        return;
    peer_add_candidate(m, path);
    relay_find_await(d, m);
}

static void on_refused(void *arg, const struct peer_id *id, void *conn, const struct path *path,
                       int status)
{
    struct relay_desk *d = arg;
    struct peer *m = find_peer(d, id);
    const struct relay_site *p = place_of_conn(d, conn);

    if (!m || !p)
        return;
    peer_note(m, "relay %s: %s", p->host,
              status < 0 ? "no answer" : relay_status_text((enum relay_status)status));
    peer_path_failed(m, path);
    if (peer_conn(m))
        quic_conn_path_gone(peer_conn(m), path);
    relay_find_await(d, m);
}

static bool is_used(void *arg, const struct peer_id *id)
{
    const struct peer *m = find_peer(arg, id);
    return m && (m->dialling || peer_connections(m) > 0);
}

/* A session that went this way looks for another at once. */
static void on_closed(void *arg, const struct peer_id *id, const struct path *path)
{
    struct relay_desk *d = arg;
    struct peer *m = find_peer(d, id);
    struct quic_conn_info info;

    if (!m)
        return;
    peer_path_failed(m, path);
    if (!peer_conn(m))
        return;
    quic_conn_info(peer_conn(m), &info);
    quic_conn_path_gone(peer_conn(m), path);
    if (path_equal(&info.path, path))
        relay_desk_find(d, m);
}

const struct relay_client_events RELAY_CLIENT_EVENTS = {
    .tell = relay_tell,
    .send = send_over,
    .deliver = deliver,
    .deliver_soon = deliver_soon,
    .on_registered = on_registered,
    .may_call = may_call,
    .on_circuit = on_circuit,
    .on_refused = on_refused,
    .is_used = is_used,
    .on_closed = on_closed,
};

int relay_carry(struct hub_carrier *carrier, const struct quic_tx *tx)
{
    struct relay_desk *d = container_of(carrier, struct relay_desk, carrier);
    return relay_client_send(d->client, &tx->path, tx->data, tx->len, tx->segment);
}

/* ---- what the server's core wants ---- */

static bool may_register(void *arg, const struct peer_id *id)
{
    struct relay_desk *d = arg;
    const struct known_peer *known = registry_peer(d->node->registry, id);

    if (known && known->blocked)
        return false;
    return d->node->options->relay_serve == RELAY_SERVE_OPEN || known;
}

static int forward(void *arg, const struct path *to, const uint8_t *data, size_t len,
                   size_t segment)
{
    struct relay_desk *d = arg;
    const struct quic_tx tx = {.path = *to, .data = data, .len = len, .segment = segment};
    return hub_send_last(d->node->hub, &tx);
}

static void fill_random(void *arg, void *out, size_t len)
{
    struct relay_desk *d = arg;
    env_random(d->node->env, out, len);
}

const struct relay_server_events RELAY_SERVER_EVENTS = {
    .may_register = may_register,
    .tell = relay_tell,
    .send = forward,
    .random = fill_random,
};
