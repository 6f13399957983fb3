#include "gateway/node/dht_desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/node/kept_port.h"

#define SAVE_EVERY     SEC(600)
#define RETRY_FIRST    SEC(30) /* until the bootstrap hosts are looked up again */
#define RETRY_MAX      SEC(900)
#define READY_WITHIN   SEC(4) /* so long a question waits for the first node to answer */
#define FEW_GOOD_NODES 8      /* with fewer, bootstrap hosts are asked again */
#define DATAGRAM_LEAST 20

static instant now_of(const struct dht_desk *d)
{
    return env_now(d->node->env);
}

/* ---- datagrams ---- */

static struct dht_socket *socket_for(struct dht_desk *d, const struct addr *to)
{
    for (size_t i = 0; i < d->sockets; i++)
        if (addr_is_v6(&d->socket[i].local) == addr_is_v6(to))
            return &d->socket[i];
    return NULL;
}

static void send_all(struct dht_desk *d)
{
    struct dht_tx out;

    while (dht_output(d->dht, now_of(d), &out)) {
        struct dht_socket *s = socket_for(d, &out.to);
        const struct udp_tx tx = {.to = &out.to, .data = out.data, .len = out.len};
        if (s)
            (void)!udp_send(d->node->env, s->socket, &tx); /* lost, as on the way: asked again */
    }
}

static void tell_all(struct dht_desk *d)
{
    struct dht_event event;

    while (d->dht && dht_next_event(d->dht, &event)) {
        struct dht_call *call = event.arg;
        if (event.kind == DHT_DONE)
            call->request = NULL;
        call->event(call, &event);
    }
}

/* ---- who waits for the DHT to be entered ---- */

static bool looks_up_hosts(const struct dht_desk *d)
{
    for (size_t i = 0; i < NODE_BOOTSTRAP_MAX; i++)
        if (d->host[i].lookup.query)
            return true;
    return false;
}

/* Nodes answer; or there is nobody to answer, and nobody to be found. */
static bool is_ready(const struct dht_desk *d)
{
    struct dht_status status;

    if (!d->dht)
        return true;
    dht_get_status(d->dht, now_of(d), &status);
    return status.good + status.good6 > 0 || (!d->seeded && !looks_up_hosts(d));
}

static void release(struct dht_desk *d)
{
    struct list taken;

    timer_stop(d->node->env, &d->patience);
    list_take_all(&taken, &d->waiting);
    for (struct list *link; (link = list_first(&taken));) {
        struct dht_ready *w = list_entry(link, struct dht_ready, link);
        list_remove(&w->link);
        w->ready(w);
    }
}

static void on_patience(struct timer *timer)
{
    release(container_of(timer, struct dht_desk, patience));
}

void dht_desk_when_ready(struct dht_desk *d, struct dht_ready *w)
{
    bool first = list_is_empty(&d->waiting);

    list_append(&d->waiting, &w->link);
    env_defer(d->node->env, &d->pump);
    if (first)
        timer_set(d->node->env, &d->patience, now_of(d) + READY_WITHIN);
}

void dht_desk_not_waiting(struct dht_ready *w)
{
    if (list_is_linked(&w->link))
        list_remove(&w->link);
}

/* ---- what happens ---- */

static void pump(struct dht_desk *d)
{
    if (d->dht) {
        send_all(d);
        tell_all(d);
    }
    if (d->node && !list_is_empty(&d->waiting) && is_ready(d))
        release(d);
    if (d->node && d->dht)
        timer_set(d->node->env, &d->timer, dht_deadline(d->dht));
}

static void on_pump(struct deferred *work)
{
    pump(container_of(work, struct dht_desk, pump));
}

static void on_timer(struct timer *timer)
{
    pump(container_of(timer, struct dht_desk, timer));
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct dht_desk *d = arg;

    for (size_t at = 0; at < rx->len; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        if (len >= DATAGRAM_LEAST)
            dht_input(d->dht, rx->now, &rx->from, rx->data + at, len);
        send_all(d); /* one reply waits at a time */
    }
    pump(d);
}

static const struct udp_handler UDP_HANDLER = {.on_datagrams = on_datagrams};

/* ---- nodes of last time, and bootstrap hosts ---- */

static void load(struct dht_desk *d)
{
    uint8_t *data = NULL;
    size_t len = 0;
    int err = env_load(d->node->env, DHT_FILE, &data, &len);

    if (err == 0)
        err = dht_load(d->dht, now_of(d), data, len);
    if (err < 0 && err != -ENOENT)
        log_warn(LOG_GATEWAY, "%s: %s; the DHT is entered by its bootstrap hosts", DHT_FILE,
                 strerror(-err));
    else if (err == 0)
        d->seeded = true;
    free(data);
}

static void save(struct dht_desk *d)
{
    uint8_t data[DHT_SAVE_MAX];
    struct dht_status status;

    dht_get_status(d->dht, now_of(d), &status);
    if (status.good + status.good6 == 0)
        return; /* the nodes of last time are better than none */
    int err = env_save(d->node->env, DHT_FILE, data, dht_save(d->dht, data));
    if (err < 0)
        log_warn(LOG_GATEWAY, "%s could not be saved: %s", DHT_FILE, strerror(-err));
}

static void on_save(struct timer *timer)
{
    struct dht_desk *d = container_of(timer, struct dht_desk, save);

    save(d);
    timer_set(d->node->env, &d->save, now_of(d) + SAVE_EVERY);
}

static void on_found(struct lookup *l, int err, const struct addr *list, int count)
{
    struct dht_host *host = container_of(l, struct dht_host, lookup);
    struct dht_desk *d = host->desk;
    const char *name = d->node->options->dht_bootstrap[host - d->host].host;

    if (err < 0)
        log_debug(LOG_GATEWAY, "DHT: bootstrap host %s: %s", name, strerror(-err));
    for (int i = 0; i < count; i++)
        dht_add_node(d->dht, now_of(d), &list[i]);
    d->seeded |= count > 0;
    env_defer(d->node->env, &d->pump);
}

static void look_up_hosts(struct dht_desk *d)
{
    for (size_t i = 0; i < NODE_BOOTSTRAP_MAX; i++) {
        const struct node_bootstrap *b = &d->node->options->dht_bootstrap[i];
        struct dht_host *host = &d->host[i];
        host->desk = d;
        host->lookup.done = on_found;
        if (b->port != 0 && !host->lookup.query &&
            env_lookup(d->node->env, &host->lookup, b->host, b->port) < 0)
            log_debug(LOG_GATEWAY, "DHT: bootstrap host %s cannot be looked up", b->host);
    }
}

static void on_retry(struct timer *timer)
{
    struct dht_desk *d = container_of(timer, struct dht_desk, retry);
    struct dht_status status;

    dht_get_status(d->dht, now_of(d), &status);
    if (status.good + status.good6 < FEW_GOOD_NODES)
        look_up_hosts(d);
    d->retry_after = d->retry_after * 2 < RETRY_MAX ? d->retry_after * 2 : RETRY_MAX;
    timer_set(d->node->env, &d->retry, now_of(d) + d->retry_after);
}

/* ---- life ---- */

static int open_socket(struct dht_desk *d, struct dht_socket *s, const struct addr *at)
{
    return udp_open(d->node->env, &s->socket, at, 0, &UDP_HANDLER, d);
}

static int listen_at(struct dht_desk *d, struct kept_port *kept, const struct addr *wanted)
{
    struct dht_socket *s = &d->socket[d->sockets];
    const struct addr wish = kept_port_wish(kept, wanted);
    int err = open_socket(d, s, &wish);

    if (err < 0 && !addr_equal(&wish, wanted))
        err = open_socket(d, s, wanted);
    if (err < 0)
        return err;
    s->local = udp_local(d->node->env, s->socket);
    kept_port_took(kept, wanted, &s->local);
    d->sockets++;
    return 0;
}

/* Other nodes' tables and the filters of NATs know our port: it stays. */
static int open_sockets(struct dht_desk *d, char *why, size_t why_len)
{
    const struct addr *listen = d->node->options->dht_listen;
    struct kept_port kept;

    kept_port_begin(&kept, d->node->env, DHT_PORT_FILE, d->node->options->port_kept);
    for (size_t i = 0; i < NODE_DHT_LISTEN_MAX && !addr_is_none(&listen[i]); i++) {
        char text[ADDR_TEXT_MAX];
        int err = listen_at(d, &kept, &listen[i]);
        if (addr_is_unspecified(&listen[i]) && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL))
            continue; /* a family that this machine does not have */
        if (err < 0) {
            (void)snprintf(why, why_len, "cannot listen on UDP %s for the DHT: %s",
                           addr_print(&listen[i], text), strerror(-err));
            return err;
        }
    }
    kept_port_end(&kept);
    return 0;
}

static bool has_family(struct dht_desk *d, bool v6)
{
    const struct addr any = addr_loopback(v6, 1);
    return socket_for(d, &any) != NULL;
}

static void fill_random(void *arg, void *out, size_t len)
{
    struct dht_desk *d = arg;
    env_random(d->node->env, out, len);
}

static enum dht_mode mode_of(enum node_dht mode)
{
    if (mode == NODE_DHT_ADAPTIVE)
        return DHT_ADAPTIVE;
    return mode == NODE_DHT_SERVER ? DHT_SERVER : DHT_CLIENT;
}

int dht_desk_start(struct dht_desk *d, const struct desk *node, char *why, size_t why_len)
{
    *d = (struct dht_desk){.node = node,
                           .timer.fire = on_timer,
                           .save.fire = on_save,
                           .retry.fire = on_retry,
                           .pump.run = on_pump,
                           .patience.fire = on_patience,
                           .retry_after = RETRY_FIRST};
    list_init(&d->waiting);
    if (node->options->dht == NODE_DHT_OFF)
        return 0;
    int err = open_sockets(d, why, why_len);
    if (err < 0)
        return err;
    const struct dht_options options = {
        .mode = mode_of(node->options->dht),
        .v4 = has_family(d, false),
        .v6 = has_family(d, true),
        .random = fill_random,
        .arg = d,
    };
    err = dht_new(&d->dht, &options, now_of(d));
    if (err < 0) {
        (void)snprintf(why, why_len, "DHT: %s", strerror(-err));
        return err;
    }
    load(d);
    look_up_hosts(d);
    env_defer(node->env, &d->pump);
    timer_set(node->env, &d->save, now_of(d) + SAVE_EVERY);
    timer_set(node->env, &d->retry, now_of(d) + d->retry_after);
    return 0;
}

void dht_desk_stop(struct dht_desk *d)
{
    if (!d->node)
        return;
    struct env *env = d->node->env;
    if (d->dht)
        save(d);
    timer_stop(env, &d->timer);
    timer_stop(env, &d->save);
    timer_stop(env, &d->retry);
    timer_stop(env, &d->patience);
    env_undefer(env, &d->pump);
    for (size_t i = 0; i < NODE_BOOTSTRAP_MAX; i++)
        env_lookup_cancel(env, &d->host[i].lookup);
    for (size_t i = 0; i < d->sockets; i++)
        udp_close(env, d->socket[i].socket);
    dht_free(d->dht);
    *d = (struct dht_desk){0};
}

void dht_desk_set_reachable(struct dht_desk *d, bool reachable)
{
    if (d->dht)
        dht_set_reachable(d->dht, now_of(d), reachable);
}

/* ---- requests ---- */

static int begun(struct dht_desk *d, struct dht_call *call, struct dht_request *request)
{
    if (!request)
        return -EBUSY;
    call->request = request;
    env_defer(d->node->env, &d->pump);
    return 0;
}

int dht_desk_get(struct dht_desk *d, struct dht_call *call, const uint8_t key[static KRPC_KEY_LEN],
                 struct krpc_bytes salt, int64_t min_seq)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_get_mutable(d->dht, now_of(d), key, salt, min_seq, call));
}

int dht_desk_peek(struct dht_desk *d, struct dht_call *call, const uint8_t key[static KRPC_KEY_LEN],
                  struct krpc_bytes salt, int64_t min_seq, const struct dht_near *near)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_peek(d->dht, now_of(d), key, salt, min_seq, near, call));
}

int dht_desk_get_immutable(struct dht_desk *d, struct dht_call *call, const struct dht_id *target)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_get_immutable(d->dht, now_of(d), target, call));
}

int dht_desk_put(struct dht_desk *d, struct dht_call *call, const struct dht_item *item,
                 const int64_t *cas)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_put(d->dht, now_of(d), item, cas, call));
}

int dht_desk_announce(struct dht_desk *d, struct dht_call *call, const struct dht_id *infohash,
                      uint16_t port)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_announce(d->dht, now_of(d), infohash, port, call));
}

int dht_desk_peers(struct dht_desk *d, struct dht_call *call, const struct dht_id *infohash)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_peers(d->dht, now_of(d), infohash, call));
}

int dht_desk_sample(struct dht_desk *d, struct dht_call *call, const struct dht_id *target)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_sample(d->dht, now_of(d), target, call));
}

int dht_desk_ping(struct dht_desk *d, struct dht_call *call, const struct addr *node)
{
    if (!d->dht)
        return -EOPNOTSUPP;
    return begun(d, call, dht_ping(d->dht, now_of(d), node, call));
}

void dht_desk_cancel(struct dht_desk *d, struct dht_call *call)
{
    if (d->dht && call->request)
        dht_cancel(d->dht, call->request);
    call->request = NULL;
}
