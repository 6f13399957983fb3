#include "gateway/node/relay_desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/text.h"

#define PLACES_MAX    64
#define QUESTS_MAX    64 /* peers that one relay is to be asked for */
#define PLACE_ADDRS   4
#define LOOK_UP_AGAIN SEC(300)

/** One relay: where it is, and what we have to do with it. */
struct place {
    struct list link;
    struct relay_desk *desk;
    struct peer_id id;
    char host[PEER_RELAY_MAX + 1]; /* HOST:PORT */
    bool ours;                     /* a person configured it for us */
    bool told;                     /* of the refusal, in the log */
    struct quic_conn *registered;  /* where it lets others reach us, or NULL */
    struct lookup lookup;
    struct addr found[PLACE_ADDRS];
    int found_count;
    instant looked_up;
    struct peer_id quest[QUESTS_MAX]; /* to be asked for once it is connected */
    size_t quests;
};

static struct peer *find_peer(const struct relay_desk *d, const struct peer_id *id)
{
    return d->node->find(d->node->node, id);
}

/* ---- places ---- */

static struct place *place_of(const struct relay_desk *d, const struct peer_id *id)
{
    list_each(node, &d->places)
    {
        struct place *p = list_entry(node, struct place, link);
        if (peer_id_equal(&p->id, id))
            return p;
    }
    return NULL;
}

static void free_place(struct place *p)
{
    env_lookup_cancel(p->desk->node->env, &p->lookup);
    list_remove(&p->link);
    free(p);
}

/* Relays of peers come and go; those of ours stay. */
static bool make_room(struct relay_desk *d)
{
    size_t count = 0;
    struct place *oldest = NULL;

    list_each(node, &d->places)
    {
        struct place *p = list_entry(node, struct place, link);
        count++;
        if (!p->ours && p->quests == 0 && !oldest)
            oldest = p;
    }
    if (count < PLACES_MAX)
        return true;
    if (oldest)
        free_place(oldest);
    return oldest != NULL;
}

static void on_looked_up(struct lookup *l, int err, const struct addr *list, int count)
{
    struct place *p = container_of(l, struct place, lookup);
    struct peer *m = find_peer(p->desk, &p->id);

    if (err < 0) {
        log_info(LOG_RELAY, "relay %s: %s", p->host, strerror(-err));
        return;
    }
    p->found_count = count < PLACE_ADDRS ? count : PLACE_ADDRS;
    for (int i = 0; i < p->found_count; i++) {
        const struct path path = {.kind = PATH_UDP, .remote = list[i]};
        p->found[i] = list[i];
        if (m)
            peer_add_candidate(m, &path);
    }
}

/* HOST:PORT, [IPV6]:PORT. Returns false if it is neither. */
static bool split(const char *text, char *host, size_t room, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    bool brackets = text[0] == '[' && colon && colon > text && colon[-1] == ']';
    const char *from = brackets ? text + 1 : text;
    size_t len = colon ? (size_t)(colon - from) - brackets : 0;

    if (len == 0 || len >= room || text_parse_u16(port, colon + 1, strlen(colon + 1)) < 0)
        return false;
    memcpy(host, from, len);
    host[len] = '\0';
    return *port != 0;
}

static void look_up(struct place *p)
{
    struct env *env = p->desk->node->env;
    char host[PEER_RELAY_MAX + 1];
    uint16_t port;

    if (p->lookup.query || (p->looked_up > 0 && env_now(env) < p->looked_up + LOOK_UP_AGAIN))
        return;
    p->looked_up = env_now(env);
    if (!split(p->host, host, sizeof(host), &port) || env_lookup(env, &p->lookup, host, port) < 0)
        log_warn(LOG_RELAY, "relay %s: not a HOST:PORT that can be looked up", p->host);
}

/* The place of a relay written PEER_ID@HOST:PORT, or NULL: malformed, our own, or no room. */
static struct place *get_place(struct relay_desk *d, const char *text)
{
    struct peer_id id;

    if (!registry_relay_ok(text) || peer_id_parse(&id, text, PEER_ID_TEXT_LEN) < 0 ||
        peer_id_equal(&id, d->node->self))
        return NULL;
    const char *host = text + PEER_ID_TEXT_LEN + 1;
    struct place *p = place_of(d, &id);
    if (!p) {
        p = make_room(d) ? calloc(1, sizeof(*p)) : NULL;
        if (!p)
            return NULL;
        p->desk = d;
        p->id = id;
        p->lookup.done = on_looked_up;
        list_append(&d->places, &p->link);
    }
    if (strcmp(p->host, host) != 0) {
        (void)snprintf(p->host, sizeof(p->host), "%s", host);
        p->looked_up = 0;
    }
    return p;
}

/* ---- what the client's core wants ---- */

static void tell_conn(void *arg, void *conn, const struct relay_message *m)
{
    uint8_t out[RELAY_MESSAGE_MAX];
    const struct message_part part = relay_message_write(m, out);
    (void)arg;
    peer_tell_part(conn, &part);
}

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

static struct place *place_of_conn(const struct quic_conn *conn, const struct relay_desk *d)
{
    struct quic_conn_info info;
    quic_conn_info(conn, &info);
    return place_of(d, &info.id);
}

static void tell_our_relays(struct relay_desk *d, struct quic_conn *conn);

static void tell_peer(void *arg, struct peer *p)
{
    if (peer_conn(p))
        tell_our_relays(arg, peer_conn(p));
}

static void on_registered(void *arg, void *conn, enum relay_status status)
{
    struct relay_desk *d = arg;
    struct place *p = place_of_conn(conn, d);

    if (!p || !p->ours)
        return;
    if (status != RELAY_OK && !p->told)
        log_warn(LOG_RELAY, "relay %s: %s", p->host, relay_status_text(status));
    p->told = status != RELAY_OK;
    p->registered = status == RELAY_OK ? conn : NULL;
    if (!p->registered)
        return;
    log_info(LOG_RELAY, "reachable through the relay %s", p->host);
    d->node->each(d->node->node, tell_peer, d);
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
    if (m && !incoming)
        peer_add_candidate(m, path);
}

static void on_refused(void *arg, const struct peer_id *id, void *conn, int status)
{
    struct relay_desk *d = arg;
    struct peer *m = find_peer(d, id);
    const struct place *p = place_of_conn(conn, d);

    if (m && p && m->dialling)
        peer_note(m, "relay %s: %s", p->host,
                  status < 0 ? "no answer" : relay_status_text((enum relay_status)status));
}

static void on_closed(void *arg, const struct peer_id *id, const struct path *path)
{
    (void)arg;
    (void)id;
    (void)path; /* the session notices: nothing comes that way any more */
}

static const struct relay_client_events CLIENT_EVENTS = {
    .tell = tell_conn,
    .send = send_over,
    .deliver = deliver,
    .on_registered = on_registered,
    .may_call = may_call,
    .on_circuit = on_circuit,
    .on_refused = on_refused,
    .on_closed = on_closed,
};

static int carry(struct hub_carrier *carrier, const struct quic_tx *tx)
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

static void fill_random(void *arg, void *out, size_t len)
{
    struct relay_desk *d = arg;
    env_random(d->node->env, out, len);
}

static const struct relay_server_events SERVER_EVENTS = {
    .may_register = may_register,
    .tell = tell_conn,
    .send = send_over,
    .random = fill_random,
};

/* ---- finding peers ---- */

static void set_timer(struct relay_desk *d)
{
    instant due = relay_client_deadline(d->client);
    instant server = d->server ? relay_server_deadline(d->server) : INSTANT_NEVER;
    timer_set(d->node->env, &d->timer, server < due ? server : due);
}

static void on_timer(struct timer *timer)
{
    struct relay_desk *d = container_of(timer, struct relay_desk, timer);
    instant now = env_now(d->node->env);

    relay_client_tick(d->client, now);
    if (d->server)
        relay_server_tick(d->server, now);
    set_timer(d);
}

/* Asks a connected relay for a circuit. Returns true if a path may follow. */
static bool ask(struct relay_desk *d, struct quic_conn *conn, struct peer *p)
{
    struct quic_conn_info info;
    struct path known;

    quic_conn_info(conn, &info);
    int err = relay_client_open(d->client, env_now(d->node->env), conn, &info.path, &p->id, &known);
    set_timer(d);
    if (err == -EALREADY)
        peer_add_candidate(p, &known);
    return err == 0 || err == -EINPROGRESS;
}

static bool remember_quest(struct place *place, const struct peer_id *id)
{
    for (size_t i = 0; i < place->quests; i++)
        if (peer_id_equal(&place->quest[i], id))
            return true;
    if (place->quests == QUESTS_MAX)
        return false;
    place->quest[place->quests++] = *id;
    return true;
}

static bool find_through(struct relay_desk *d, struct place *place, struct peer *p)
{
    struct peer *relay;

    if (peer_id_equal(&place->id, &p->id) || registry_is_blocked(d->node->registry, &place->id) ||
        !(relay = d->node->get(d->node->node, &place->id)))
        return false;
    if (peer_session(relay))
        return ask(d, peer_conn(relay), p);
    if (!remember_quest(place, &p->id))
        return false;
    look_up(place);
    peer_connect(relay);
    return true;
}

bool relay_desk_find(struct relay_desk *d, struct peer *p)
{
    const struct known_peer *known = registry_peer(d->node->registry, &p->id);
    struct list *next;
    bool more = false;

    for (size_t i = 0; known && i < PEER_RELAYS_MAX && known->relay[i][0]; i++) {
        struct place *place = get_place(d, known->relay[i]);
        if (place && !place->ours)
            more = find_through(d, place, p) || more;
    }
    for (struct list *node = d->places.next; node != &d->places; node = next) {
        struct place *place = list_entry(node, struct place, link);
        next = node->next;
        if (place->ours)
            more = find_through(d, place, p) || more;
    }
    return more;
}

size_t relay_desk_addresses(struct relay_desk *d, const struct peer_id *id, struct addr *out,
                            size_t max, bool *more)
{
    struct place *p = place_of(d, id);
    size_t count = 0;

    if (!p)
        return 0;
    look_up(p);
    *more = *more || p->lookup.query;
    while (count < max && count < (size_t)p->found_count) {
        out[count] = p->found[count];
        count++;
    }
    return count;
}

bool relay_desk_keeps(const struct relay_desk *d, const struct peer_id *id)
{
    const struct place *p = place_of(d, id);
    return p && p->ours;
}

bool relay_desk_admits(const struct relay_desk *d, const struct peer_id *id)
{
    return (d->server || place_of(d, id)) && !registry_is_blocked(d->node->registry, id);
}

/* ---- what peers tell one another about their relays ---- */

static void tell_our_relays(struct relay_desk *d, struct quic_conn *conn)
{
    struct relay_message m = {.type = RELAY_RELAYS};

    list_each(node, &d->places)
    {
        const struct place *p = list_entry(node, struct place, link);
        if (!p->ours || !p->registered || m.place_count == RELAY_MESSAGE_LIST_MAX)
            continue;
        struct relay_place *place = &m.place[m.place_count++];
        memcpy(place->id, p->id.key, sizeof(place->id));
        (void)snprintf(place->host, sizeof(place->host), "%s", p->host);
    }
    if (m.place_count > 0)
        tell_conn(d, conn, &m);
}

static void note_its_relays(struct relay_desk *d, const struct peer *p,
                            const struct relay_message *m)
{
    char relay[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1] = {{0}};
    size_t count = 0;

    for (size_t i = 0; i < m->place_count && count < PEER_RELAYS_MAX; i++) {
        struct peer_id id;
        char id_text[PEER_ID_TEXT_LEN + 1], text[PEER_ID_TEXT_LEN + 2 + RELAY_MESSAGE_HOST_MAX];
        memcpy(id.key, m->place[i].id, sizeof(id.key));
        (void)snprintf(text, sizeof(text), "%s@%s", peer_id_print(&id, id_text), m->place[i].host);
        if (strlen(text) <= PEER_RELAY_MAX && registry_relay_ok(text))
            memcpy(relay[count++], text, strlen(text) + 1);
    }
    if (!registry_peer_relays(d->node->registry, &p->id, relay, count))
        return;
    d->node->save(d->node->node);
}

/* ---- what happens to sessions ---- */

static void ask_for_quests(struct relay_desk *d, struct place *place, struct quic_conn *conn)
{
    for (size_t i = 0; i < place->quests; i++) {
        struct peer *m = find_peer(d, &place->quest[i]);
        if (m && m->dialling)
            (void)ask(d, conn, m);
    }
    place->quests = 0;
}

static void on_moved(struct relay_desk *d, struct quic_conn *conn)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    relay_client_moved(d->client, conn, &info.path);
    if (d->server)
        relay_server_moved(d->server, conn, &info.path);
}

static void on_left(struct relay_desk *d, struct place *place, struct quic_conn *conn)
{
    relay_client_left(d->client, conn);
    if (d->server)
        relay_server_left(d->server, conn);
    if (place && place->registered == conn)
        place->registered = NULL;
}

void relay_desk_on_conn(struct relay_desk *d, struct peer *p, struct quic_conn *conn, bool ended)
{
    struct place *place = place_of(d, &p->id);

    if (ended) {
        on_left(d, place, conn);
        set_timer(d);
        return;
    }
    on_moved(d, conn);
    if (peer_conn(p) != conn)
        return;
    if (place && place->ours && place->registered != conn)
        relay_client_register(d->client, conn);
    if (place)
        ask_for_quests(d, place, conn);
    tell_our_relays(d, conn);
}

void relay_desk_on_failed(struct relay_desk *d, struct peer *p)
{
    struct place *place = place_of(d, &p->id);
    if (!place)
        return;
    for (size_t i = 0; i < place->quests; i++) {
        struct peer *m = find_peer(d, &place->quest[i]);
        if (m && m->dialling)
            peer_note(m, "relay %s: not reached", place->host);
    }
    place->quests = 0;
    place->looked_up = 0;
}

void relay_desk_on_part(struct relay_desk *d, struct peer *p, struct quic_conn *conn,
                        const struct message_part *part)
{
    struct relay_message m;
    struct quic_conn_info info;
    instant now = env_now(d->node->env);

    if (!relay_message_is(part) || relay_message_read(&m, part) < 0)
        return;
    quic_conn_info(conn, &info);
    if (m.type == RELAY_RELAYS)
        note_its_relays(d, p, &m);
    else if (!relay_message_to_relay(&m))
        relay_client_message(d->client, now, conn, &info.path, &m);
    else if (d->server)
        relay_server_message(d->server, now, conn, &p->id, &info.path, &m);
    set_timer(d);
}

/* ---- frames ---- */

void relay_desk_input(struct relay_desk *d, const struct udp_rx *rx, uint32_t via)
{
    const struct path path = {.kind = PATH_UDP, .via = via, .remote = rx->from, .local = rx->to};
    size_t taken = relay_client_input(d->client, &path, rx->data, rx->len, rx->segment);

    if (d->server && taken < rx->len)
        relay_server_input(d->server, rx->now, &path, rx->data + taken, rx->len - taken,
                           rx->segment);
}

void relay_desk_on_room(struct relay_desk *d)
{
    if (d->server)
        relay_server_flush(d->server);
}

struct addr relay_desk_remote(const struct relay_desk *d, const struct path *path)
{
    struct quic_conn *conn = relay_client_conn_of(d->client, path);
    struct quic_conn_info info = {0};

    if (conn)
        quic_conn_info(conn, &info);
    return info.path.remote;
}

/* ---- life ---- */

static void keep_ours(struct relay_desk *d)
{
    for (size_t i = 0; i < RELAY_USE_MAX && d->node->options->relay_use[i][0]; i++) {
        struct place *p = get_place(d, d->node->options->relay_use[i]);
        if (!p)
            continue;
        p->ours = true;
        look_up(p);
        (void)d->node->get(d->node->node, &p->id); /* node_registry_changed() wants it connected */
    }
}

int relay_desk_start(struct relay_desk *d, const struct desk *node)
{
    *d = (struct relay_desk){.node = node, .carrier.send = carry, .timer.fire = on_timer};
    list_init(&d->places);
    int err = relay_client_new(&d->client, &CLIENT_EVENTS, d);
    if (err == 0 && node->options->relay_serve != RELAY_SERVE_OFF) {
        const struct relay_server_options options = {
            .events = &SERVER_EVENTS,
            .arg = d,
            .max_clients = node->options->max_peers,
            .rate = node->options->relay_rate,
            .daily = node->options->relay_daily,
        };
        err = relay_server_new(&d->server, &options);
    }
    if (err < 0)
        return err;
    hub_set_carrier(node->hub, PATH_RELAY, &d->carrier);
    keep_ours(d);
    return 0;
}

void relay_desk_stop(struct relay_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    hub_set_carrier(d->node->hub, PATH_RELAY, NULL);
    for (struct list *node; (node = list_first(&d->places));)
        free_place(list_entry(node, struct place, link));
    relay_client_free(d->client);
    relay_server_free(d->server);
    *d = (struct relay_desk){0};
}
