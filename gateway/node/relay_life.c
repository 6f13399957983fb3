/* Relays: how the desk lives, what happens to sessions, and what is said. */
#include "gateway/node/relay_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"

#define LOOK_EVERY SEC(5)
#define RANKS      3 /* of relays, by who has told us of them */

static struct peer *find_peer(const struct relay_desk *d, const struct peer_id *id)
{
    return d->node->find(d->node->node, id);
}

static struct relay_site *place_of(const struct relay_desk *d, const struct peer_id *id)
{
    return relay_site_find(&d->places, id);
}

/* ---- time ---- */

void relay_set_timer(struct relay_desk *d)
{
    instant due = relay_client_deadline(d->client), now = env_now(d->node->env);
    instant server = d->server ? relay_server_deadline(d->server) : INSTANT_NEVER;

    if (!relay_find_has_work(d))
        d->look = INSTANT_NEVER;
    else if (d->look == INSTANT_NEVER)
        d->look = now + LOOK_EVERY;
    due = server < due ? server : due;
    timer_set(d->node->env, &d->timer, d->look < due ? d->look : due);
}

static void on_timer(struct timer *timer)
{
    struct relay_desk *d = container_of(timer, struct relay_desk, timer);
    instant now = env_now(d->node->env);

    relay_client_tick(d->client, now);
    if (d->server)
        relay_server_tick(d->server, now);
    if (now >= d->look) {
        d->look = INSTANT_NEVER;
        relay_find_look(d);
    }
    relay_set_timer(d);
}

/* ---- what peers tell one another about their relays ---- */

void relay_tell(void *arg, void *conn, const struct relay_message *m)
{
    uint8_t out[RELAY_MESSAGE_MAX];
    const struct message_part part = relay_message_write(m, out);
    (void)arg;
    peer_tell_part(conn, &part);
}

size_t relay_places_of(const struct relay_desk *d, const struct peer_id *but, bool soon,
                       struct relay_place *out, size_t max)
{
    size_t count = 0;

    list_each(node, &d->places)
    {
        const struct relay_site *place = list_entry(node, struct relay_site, link);
        bool good = place->registered || (soon && place->status == RELAY_OK);
        if (!place->ours || !good || count == max || (but && peer_id_equal(&place->id, but)))
            continue;
        memcpy(out[count].id, place->id.key, sizeof(out[count].id));
        (void)snprintf(out[count].host, sizeof(out[count].host), "%s", place->host);
        count++;
    }
    return count;
}

void relay_tell_ours(void *arg, struct peer *p)
{
    struct relay_desk *d = arg;
    struct relay_message m = {.type = RELAY_RELAYS};

    /* A relay that is none of our peers has no use for the others. */
    if (!peer_conn(p) || (place_of(d, &p->id) && !registry_peer(d->node->registry, &p->id)))
        return;
    m.place_count = relay_places_of(d, &p->id, false, m.place, RELAY_MESSAGE_LIST_MAX);
    if (m.place_count > 0)
        relay_tell(d, peer_conn(p), &m);
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
    if (registry_peer_relays(d->node->registry, &p->id, relay, count))
        d->node->save(d->node->node);
}

/* ---- what the gateway asks ---- */

size_t relay_desk_addresses(struct relay_desk *d, const struct peer_id *id, struct addr *out,
                            size_t max, bool *more)
{
    struct relay_site *p = place_of(d, id);

    if (!p)
        return 0;
    relay_site_look_up(p);
    *more = *more || p->lookup.query;
    return relay_site_addresses(p, out, max);
}

size_t relay_desk_tls(const struct relay_desk *d, const struct peer_id *id, struct addr *out,
                      size_t max, const char **host)
{
    struct relay_site *p = place_of(d, id);

    if (!p)
        return 0;
    *host = p->name;
    return relay_site_tls(p, out, max);
}

bool relay_desk_keeps(const struct relay_desk *d, const struct peer_id *id)
{
    const struct relay_site *p = place_of(d, id);
    return p && p->ours;
}

static void list_server(const struct relay_desk *d, const struct relay_site *p, struct addr *out,
                        size_t max, size_t *count)
{
    const struct peer *peer = find_peer(d, &p->id);
    struct quic_conn_info info;

    if (!peer || !peer_session(peer) || *count == max)
        return;
    quic_conn_info(peer_conn(peer), &info);
    bool v6 = addr_is_v6(&info.path.remote);
    if (info.path.kind == PATH_UDP)
        out[(*count)++] = info.path.remote;
    /* The other family has a NAT or firewall of its own. And a relay that is reached by TLS only
     * shows that UDP is blocked, by not answering there. */
    for (int i = 0; p->named && i < p->found_count && *count < max; i++)
        if (info.path.kind == PATH_TCP || addr_is_v6(&p->found[i]) != v6)
            out[(*count)++] = p->found[i];
}

/* Who has told us of a relay: a person for us, a person for a peer, or a peer. */
static unsigned rank_of(const struct relay_site *p)
{
    return p->ours ? 0 : p->named ? 1 : RANKS - 1;
}

/* Peers may name relays that lie about what they see, and a majority is believed: they get one
 * vote, or fewer than those have that persons named. */
size_t relay_desk_servers(const struct relay_desk *d, struct addr *out, size_t max)
{
    size_t count = 0, relays = 0, most = SIZE_MAX;

    for (unsigned rank = 0; rank < RANKS; rank++) {
        if (rank == RANKS - 1 && relays > 0)
            most = relays + (relays > 1 ? relays - 1 : 1);
        list_each(node, &d->places)
        {
            const struct relay_site *p = list_entry(node, struct relay_site, link);
            size_t before = count;
            if (rank_of(p) == rank && relays < most)
                list_server(d, p, out, max, &count);
            relays += count > before;
        }
    }
    return count;
}

bool relay_desk_admits(const struct relay_desk *d, const struct peer_id *id)
{
    return (d->server || place_of(d, id)) && !registry_is_blocked(d->node->registry, id);
}

struct path relay_desk_leg(const struct relay_desk *d, const struct path *path)
{
    struct quic_conn *conn = relay_client_conn_of(d->client, path);
    struct quic_conn_info info = {0};

    if (conn)
        quic_conn_info(conn, &info);
    return info.path;
}

static bool is_silent(const struct quic_conn *conn)
{
    struct quic_conn_info info;
    quic_conn_info(conn, &info);
    return info.in_doubt;
}

size_t relay_desk_ours(const struct relay_desk *d,
                       char out[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1])
{
    char id[PEER_ID_TEXT_LEN + 1];
    size_t count = 0;

    list_each(node, &d->places)
    {
        const struct relay_site *p = list_entry(node, struct relay_site, link);
        if (!p->ours || !p->registered || is_silent(p->registered) || count == PEER_RELAYS_MAX)
            continue;
        if (snprintf(out[count], PEER_RELAY_MAX + 1, "%s@%s", peer_id_print(&p->id, id), p->host) <=
            PEER_RELAY_MAX)
            count++; /* it was read from no more */
    }
    return count;
}

/* ---- what happens to sessions ---- */

static void on_moved(struct relay_desk *d, struct quic_conn *conn)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    relay_client_moved(d->client, conn, &info.path);
    if (d->server)
        relay_server_moved(d->server, conn, &info.path);
}

static void on_left(struct relay_desk *d, struct relay_site *place, struct quic_conn *conn)
{
    if (place && place->registered == conn)
        place->registered = NULL;
    if (place && place->asked == conn)
        place->asked = NULL;
    relay_client_left(d->client, conn);
    if (d->server)
        relay_server_left(d->server, conn);
}

static void note_place(struct relay_site *place, struct quic_conn *conn)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    if (place && info.path.kind != PATH_RELAY)
        place->proven = info.path.remote;
}

static void on_ready(struct relay_desk *d, struct peer *p, struct quic_conn *conn)
{
    struct relay_site *place = place_of(d, &p->id);

    relay_find_ready(d, p, conn);
    note_place(place, conn);
    if (place)
        relay_find_register(d, place, conn);
    if (place)
        relay_find_quests(d, place, conn);
    if (place)
        relay_notes_ready(d);
    relay_tell_ours(d, p);
}

void relay_desk_on_conn(struct relay_desk *d, struct peer *p, struct quic_conn *conn, bool ended)
{
    if (ended) {
        on_left(d, place_of(d, &p->id), conn);
    } else {
        on_moved(d, conn);
        if (peer_conn(p) == conn)
            on_ready(d, p, conn);
    }
    relay_set_timer(d);
}

/* To somebody who takes us for a relay. */
static void decline(struct relay_desk *d, struct quic_conn *conn, const struct relay_message *m)
{
    struct relay_message answer = {.status = RELAY_DENIED, .request = m->request};

    if (m->type == RELAY_HANG_UP)
        return;
    answer.type = m->type == RELAY_OPEN ? RELAY_OPENED : RELAY_REGISTERED;
    relay_tell(d, conn, &answer);
}

/* Anybody could say that others call us, until there is no room for circuits any more. */
static bool is_believed(const struct relay_desk *d, const struct peer *p,
                        const struct relay_message *m)
{
    const struct relay_site *place = place_of(d, &p->id);
    return m->type != RELAY_INCOMING || (place && place->ours);
}

void relay_desk_on_part(struct relay_desk *d, struct peer *p, struct quic_conn *conn,
                        const struct message_part *part)
{
    struct relay_message m;
    struct quic_conn_info info;
    instant now = env_now(d->node->env);

    if (!relay_message_is(part) || relay_message_read(&m, part) < 0 || !is_believed(d, p, &m))
        return;
    quic_conn_info(conn, &info);
    if (m.type == RELAY_RELAYS)
        note_its_relays(d, p, &m);
    else if (relay_message_of_invites(&m))
        relay_notes_on_part(d, p, conn, &m);
    else if (!relay_message_to_relay(&m))
        relay_client_message(d->client, now, conn, &info.path, &m);
    else if (d->server)
        relay_server_message(d->server, now, conn, &p->id, &info.path, &m);
    else
        decline(d, conn, &m);
    relay_set_timer(d);
}

/* ---- frames ---- */

void relay_desk_input(struct relay_desk *d, const struct path *path, uint8_t *data, size_t len,
                      size_t segment)
{
    size_t taken = relay_client_input(d->client, path, data, len, segment);

    if (d->server && taken < len)
        relay_server_input(d->server, env_now(d->node->env), path, data + taken, len - taken,
                           segment);
}

void relay_desk_on_room(struct relay_desk *d)
{
    if (d->server)
        relay_server_flush(d->server);
}

/* ---- life ---- */

static void keep_ours(struct relay_desk *d)
{
    for (size_t i = 0; i < RELAY_USE_MAX && d->node->options->relay_use[i][0]; i++) {
        const char *text = d->node->options->relay_use[i];
        struct relay_site *p = relay_site_get(&d->places, d->node, &d->doors, text, true);
        if (!p) {
            log_warn(LOG_RELAY, "[relay] use: %s: %s", text, "this gateway itself, or no relay");
            continue;
        }
        p->ours = true;
        relay_site_look_up(p);
        (void)d->node->get(d->node->node, &p->id); /* node_registry_changed() wants it connected */
    }
}

int relay_desk_start(struct relay_desk *d, const struct desk *node)
{
    *d = (struct relay_desk){
        .node = node, .carrier.send = relay_carry, .timer.fire = on_timer, .look = INSTANT_NEVER};
    d->early_work.run = relay_on_early;
    list_init(&d->places);
    list_init(&d->early);
    relay_doors_init(&d->doors, node->env);
    int err = relay_client_new(&d->client, &RELAY_CLIENT_EVENTS, d);
    if (err == 0 && node->options->relay_serve != RELAY_SERVE_OFF) {
        const struct relay_server_options options = {
            .events = &RELAY_SERVER_EVENTS,
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
    env_undefer(d->node->env, &d->early_work);
    relay_drop_early(d);
    hub_set_carrier(d->node->hub, PATH_RELAY, NULL);
    for (struct list *node; (node = list_first(&d->places));)
        relay_site_free(list_entry(node, struct relay_site, link));
    relay_client_free(d->client);
    relay_server_free(d->server);
    *d = (struct relay_desk){0};
}
