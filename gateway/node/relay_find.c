/* Relays: which is asked for whom, and what is kept. */
#include "gateway/node/relay_parts.h"

#include <errno.h>
#include <string.h>

#define CIRCUITS_MAX 16 /* to one peer that are looked at */
#define RELAYED_MAX  64 /* peers whose spare circuits are looked after */

/* A relay is no help to somebody who has given up before. */
#define REACHED_WITHIN SEC(8)

#define PAUSE_FIRST  SEC(5)
#define PAUSE_LAST   SEC(60)
#define UNUSED_LOOKS 12 /* of five seconds, then a relay of others is left */

static struct peer *find_peer(const struct relay_desk *d, const struct peer_id *id)
{
    return d->node->find(d->node->node, id);
}

/* ---- asking ---- */

static bool wants_paths(const struct peer *p)
{
    return p->dialling || peer_session(p);
}

/* Frames within frames would be longer than what passes everywhere. */
static bool is_fit(const struct quic_conn *conn, struct path *path)
{
    struct quic_conn_info info;
    quic_conn_info(conn, &info);
    *path = info.path;
    return info.path.kind != PATH_RELAY;
}

static void ask(struct relay_desk *d, struct quic_conn *conn, struct peer *p)
{
    struct path relay, circuit;

    if (!is_fit(conn, &relay) || relay_client_open(d->client, env_now(d->node->env), conn, &relay,
                                                   &p->id, &circuit) == -ENOMEM)
        return;
    relay_set_timer(d);
    peer_add_candidate(p, &circuit); /* what it sends first goes along with the request */
}

/* Does a person wait for this peer? Then a relay that did not answer lately is tried all the same.
 */
static bool is_patient(const struct relay_desk *d, const struct relay_site *place,
                       const struct peer *p)
{
    return !p->dialling && env_now(d->node->env) < place->pause;
}

static void find_through(struct relay_desk *d, struct relay_site *place, struct peer *p)
{
    struct peer *relay;

    if (peer_id_equal(&place->id, &p->id) || registry_is_blocked(d->node->registry, &place->id) ||
        !(relay = d->node->get(d->node->node, &place->id)))
        return;
    if (peer_session(relay)) {
        ask(d, peer_conn(relay), p);
        return;
    }
    if (is_patient(d, place, p) || !relay_site_remember(place, &p->id))
        return;
    relay_site_look_up(place);
    peer_connect_within(relay, REACHED_WITHIN);
}

static void find_through_all(struct relay_desk *d, struct peer *p, bool named,
                             const char relay[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1])
{
    for (size_t i = 0; i < PEER_RELAYS_MAX && relay[i][0]; i++) {
        struct relay_site *place = relay_site_get(&d->places, d->node, &d->doors, relay[i], named);
        if (place)
            find_through(d, place, p);
    }
}

void relay_desk_find_at(struct relay_desk *d, struct peer *p,
                        const char relay[static PEER_RELAYS_MAX][PEER_RELAY_MAX + 1])
{
    find_through_all(d, p, false, relay);
    relay_find_await(d, p);
}

void relay_desk_find(struct relay_desk *d, struct peer *p)
{
    const struct known_peer *known = registry_peer(d->node->registry, &p->id);
    const struct relay_site *itself = relay_site_find(&d->places, &p->id);

    if (itself && (itself->ours || !known))
        return; /* relays are to be reached directly */
    if (known) {
        find_through_all(d, p, true, known->relay);
        find_through_all(d, p, false, known->its_relay);
    }
    list_each(node, &d->places)
    {
        struct relay_site *place = list_entry(node, struct relay_site, link);
        if (place->ours)
            find_through(d, place, p);
    }
    relay_find_await(d, p);
}

void relay_find_await(struct relay_desk *d, struct peer *p)
{
    struct relay_client_circuit k[CIRCUITS_MAX];
    size_t count = relay_client_circuits(d->client, &p->id, NULL, k, CIRCUITS_MAX);
    bool more = false;

    for (size_t i = 0; i < count && i < CIRCUITS_MAX; i++)
        more = more || !k[i].open;
    list_each(node, &d->places)
    {
        more = more || relay_site_is_asked_for(list_entry(node, struct relay_site, link), &p->id);
    }
    peer_await(p, PEER_AWAIT_RELAY, more);
}

void relay_find_quests(struct relay_desk *d, struct relay_site *place, struct quic_conn *conn)
{
    struct peer_id quest[RELAY_QUESTS_MAX];
    size_t count = place->quests;

    memcpy(quest, place->quest, count * sizeof(quest[0]));
    place->quests = 0;
    place->failures = 0;
    place->pause = 0;
    for (size_t i = 0; i < count; i++) {
        struct peer *m = find_peer(d, &quest[i]);
        if (!m || !wants_paths(m))
            continue;
        ask(d, conn, m);
        relay_find_await(d, m);
    }
}

void relay_find_ready(struct relay_desk *d, const struct peer *p, struct quic_conn *conn)
{
    struct relay_client_circuit k[CIRCUITS_MAX];
    size_t count = relay_client_circuits(d->client, &p->id, NULL, k, CIRCUITS_MAX);

    for (size_t i = 0; i < count && i < CIRCUITS_MAX; i++)
        quic_conn_add_path(conn, &k[i].path);
}

/* ---- what goes wrong ---- */

void relay_desk_on_failed(struct relay_desk *d, struct peer *p, const char *why)
{
    struct relay_site *place = relay_site_find(&d->places, &p->id);
    struct peer_id quest[RELAY_QUESTS_MAX];

    if (!place)
        return;
    size_t count = place->quests;
    memcpy(quest, place->quest, count * sizeof(quest[0]));
    instant pause = PAUSE_FIRST << (place->failures < 4 ? place->failures : 4);
    place->pause = env_now(d->node->env) + (pause < PAUSE_LAST ? pause : PAUSE_LAST);
    place->failures++;
    place->quests = 0;
    place->looked_up = 0;
    for (size_t i = 0; i < count; i++) {
        struct peer *m = find_peer(d, &quest[i]);
        if (!m)
            continue;
        peer_note(m, "relay %s: %s", place->host, why);
        relay_find_await(d, m);
    }
}

void relay_desk_on_doubt(struct relay_desk *d, struct quic_conn *conn)
{
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    struct peer *p = find_peer(d, &info.id);
    if (!p || peer_conn(p) != conn)
        return;
    struct quic_conn *relay = relay_client_conn_of(d->client, &info.path);
    if (relay) {
        quic_conn_probe(conn); /* another relay is not far: no need to wait for a proof of death */
        quic_conn_probe(relay);
    }
    relay_desk_find(d, p);
}

/* ---- what is kept ---- */

void relay_find_register(struct relay_desk *d, struct relay_site *place, struct quic_conn *conn)
{
    struct path path;

    bool again = env_now(d->node->env) >= place->ask_again;

    if (!place->ours || (place->asked == conn && !again) || !is_fit(conn, &path))
        return;
    place->asked = conn;
    place->ask_again = env_now(d->node->env) + RELAY_ASK_AGAIN;
    place->answered = false;
    relay_client_register(d->client, conn);
}

struct relayed {
    struct peer_id id[RELAYED_MAX];
    size_t count, skip;
};

/* Finding makes new peers, and may not while they are visited. */
static void note_if_relayed(void *arg, struct peer *p)
{
    struct relayed *r = arg;
    struct quic_conn_info info;

    if (!peer_session(p) || r->count == RELAYED_MAX)
        return;
    quic_conn_info(peer_conn(p), &info);
    if (info.path.kind != PATH_RELAY || !info.dialled)
        return;
    if (r->skip > 0)
        r->skip--;
    else
        r->id[r->count++] = p->id;
}

static void keep_spares(struct relay_desk *d)
{
    struct relayed r = {.skip = d->spares_from};

    d->node->each(d->node->node, note_if_relayed, &r);
    d->spares_from = r.count == RELAYED_MAX ? d->spares_from + RELAYED_MAX : 0;
    for (size_t i = 0; i < r.count; i++) {
        struct peer *p = find_peer(d, &r.id[i]);
        if (p)
            relay_desk_find(d, p);
    }
}

static bool is_of_use(const struct relay_desk *d, const struct relay_site *place,
                      const struct peer *p)
{
    struct quic_conn_info info;

    if (place->ours || place->quests > 0 || p->wanted || p->dialling || !peer_session(p) ||
        registry_peer(d->node->registry, &p->id))
        return true;
    quic_conn_info(peer_conn(p), &info);
    return !info.dialled || session_in_use(peer_session(p)) ||
           relay_client_circuits(d->client, NULL, peer_conn(p), NULL, 0) > 0;
}

static void look_at(struct relay_desk *d, struct relay_site *place)
{
    struct peer *p = find_peer(d, &place->id);

    if (!p)
        return;
    if (peer_session(p))
        relay_find_register(d, place, peer_conn(p));
    place->unused = is_of_use(d, place, p) ? 0 : place->unused + 1;
    if (place->unused < UNUSED_LOOKS)
        return;
    place->unused = 0;
    peer_drop(p, QUIC_CLOSE_DONE);
}

void relay_find_look(struct relay_desk *d)
{
    list_each(node, &d->places)
    {
        look_at(d, list_entry(node, struct relay_site, link));
    }
    relay_client_sweep(d->client);
    keep_spares(d);
}

/* Who is reached through its relays and talks to nobody need not wake up for them. */
bool relay_find_has_work(const struct relay_desk *d)
{
    list_each(node, &d->places)
    {
        const struct relay_site *place = list_entry(node, struct relay_site, link);
        if (!place->ours || !place->registered)
            return true;
    }
    return relay_client_circuits(d->client, NULL, NULL, NULL, 0) > 0;
}
