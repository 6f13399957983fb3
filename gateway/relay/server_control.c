/* Who is registered and which circuits there are. What flows through them: server_data.c. */
#include "gateway/relay/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/relay/server_parts.h"

#define CLIENTS_DEFAULT  1024
#define CIRCUITS_DEFAULT 256
#define CIRCUITS_GUEST   32 /* of a client that is not registered */
#define CIRCUITS_OF_PAIR 4  /* between the same two connections */
#define ASKS_RATE        10 /* registrations and calls a second of one client */
#define ASKS_BURST       64
#define CALLS_RATE       32 /* of one client by all others, a second */
#define CALLS_BURST      256
#define STREET_RATE      4 /* ... of which those from one address make no more than these */
#define STREET_BURST     32
#define CIRCUIT_IDLE     SEC(300)

/* ---- telling ---- */

static void tell(const struct relay_server *s, const struct relay_client *c,
                 const struct relay_message *m)
{
    s->options.events->tell(s->options.arg, c->conn, m);
}

static struct relay_frame frame_of(const struct relay_circuit *c, const struct relay_side *side)
{
    struct relay_frame f = {.circuit = c->number};
    memcpy(f.tag, side->tag, sizeof(f.tag));
    return f;
}

/* ---- clients ---- */

struct relay_client *relay_client_of(const struct relay_server *s, const void *conn)
{
    return map_find(&s->by_conn, &conn, sizeof(void *));
}

static struct relay_client *add_client(struct relay_server *s, void *conn, const struct peer_id *id,
                                       const struct path *path)
{
    struct relay_client *c;

    if (s->counters.clients >= s->options.max_clients || !(c = calloc(1, sizeof(*c))))
        return NULL;
    c->conn = conn;
    c->id = *id;
    c->path = *path;
    list_init(&c->sides);
    list_init(&c->queue);
    c->asks = bucket_of(ASKS_RATE, ASKS_BURST);
    c->calls = bucket_of(CALLS_RATE, CALLS_BURST);
    for (size_t i = 0; i < RELAY_STREETS; i++)
        c->street[i] = bucket_of(STREET_RATE, STREET_BURST);
    relay_invites_add_client(c);
    if (map_insert(&s->by_conn, &c->conn, sizeof(void *), c) < 0) {
        free(c);
        return NULL;
    }
    list_append(&s->clients, &c->link);
    s->counters.clients++;
    return c;
}

static void end_registration(struct relay_server *s, struct relay_client *c)
{
    if (!c->registered)
        return;
    c->registered = false;
    s->counters.registered--;
    (void)map_remove(&s->by_id, c->id.key, sizeof(c->id.key));
}

static void free_client(struct relay_server *s, struct relay_client *c)
{
    end_registration(s, c);
    relay_invites_drop_client(s, c);
    relay_account_close(c->account);
    relay_queue_drop(s, c);
    (void)map_remove(&s->by_conn, &c->conn, sizeof(void *));
    list_remove(&c->link);
    s->counters.clients--;
    free(c);
}

/* ---- circuits ---- */

static void make_tag(const struct relay_server *s, struct relay_circuit *c, unsigned which)
{
    uint8_t text[64], mac[HASH_BLAKE2B_MIN];
    struct relay_side *side = &c->side[which];
    const struct path *path = &side->client->path;
    size_t ip_len;
    const uint8_t *ip = addr_ip(&path->remote, &ip_len);
    struct writer w = writer_over(text, sizeof(text));

    write_be32(&w, c->number);
    write_u8(&w, (uint8_t)which);
    write_u8(&w, (uint8_t)path->kind);
    write_be32(&w, path->via);
    write_be16(&w, addr_port(&path->remote));
    write_bytes(&w, ip, ip_len);
    hash_blake2b(mac, sizeof(mac), s->secret, sizeof(s->secret), text, writer_len(&w, text));
    memcpy(side->tag, mac, sizeof(side->tag));
}

static void join(struct relay_circuit *c, unsigned which, struct relay_client *client)
{
    struct relay_side *side = &c->side[which];

    side->circuit = c;
    side->client = client;
    client->circuits++;
    list_append(&client->sides, &side->link);
}

static struct relay_circuit *add_circuit(struct relay_server *s, instant now,
                                         struct relay_client *caller, struct relay_client *called)
{
    struct relay_circuit *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->number = ++s->last_number;
    c->used = now;
    if (map_insert(&s->by_number, &c->number, sizeof(c->number), c) < 0) {
        free(c);
        return NULL;
    }
    join(c, 0, caller);
    join(c, 1, called);
    make_tag(s, c, 0);
    make_tag(s, c, 1);
    list_append(&s->circuits, &c->link);
    s->counters.circuits++;
    return c;
}

/* Takes a circuit apart. */
static void free_circuit(struct relay_server *s, struct relay_circuit *c)
{
    (void)map_remove(&s->by_number, &c->number, sizeof(c->number));
    for (unsigned i = 0; i < 2; i++) {
        list_remove(&c->side[i].link);
        c->side[i].client->circuits--;
    }
    list_remove(&c->link);
    s->counters.circuits--;
    free(c);
}

static void tell_end(const struct relay_server *s, const struct relay_client *c, uint32_t number,
                     enum relay_status why)
{
    const struct relay_message m = {.type = RELAY_CLOSE, .frame.circuit = number, .status = why};
    tell(s, c, &m);
}

/* ---- what they ask for ---- */

static enum relay_status admit(struct relay_server *s, instant now, struct relay_client *c)
{
    struct relay_client *before = map_find(&s->by_id, c->id.key, sizeof(c->id.key));

    if (!s->options.events->may_register(s->options.arg, &c->id))
        return RELAY_DENIED;
    if (before == c)
        return RELAY_OK;
    if (!c->account)
        c->account = relay_account_open(s, now, &c->id);
    if (before) /* a newer session of the same peer takes its place; circuits stay where they are */
        end_registration(s, before);
    if (!c->account || map_insert(&s->by_id, c->id.key, sizeof(c->id.key), c) < 0)
        return RELAY_TOO_MANY;
    c->registered = true;
    s->counters.registered++;
    return RELAY_OK;
}

static void on_register(struct relay_server *s, instant now, struct relay_client *c)
{
    const struct relay_message answer = {
        .type = RELAY_REGISTERED,
        .status = admit(s, now, c),
        .rate = s->options.rate < UINT32_MAX ? (uint32_t)s->options.rate : UINT32_MAX,
        .circuits =
            (uint16_t)(s->options.max_circuits < UINT16_MAX ? s->options.max_circuits : UINT16_MAX),
    };
    tell(s, c, &answer);
}

static bool is_full(const struct relay_server *s, const struct relay_client *c)
{
    unsigned most = s->options.max_circuits;
    if (!c->registered && most > CIRCUITS_GUEST)
        most = CIRCUITS_GUEST;
    return c->circuits >= most;
}

/* Nobody can take all places of another. */
static bool is_pair_full(const struct relay_client *caller, const struct relay_client *called)
{
    unsigned count = 0;

    list_each(node, &caller->sides)
    {
        const struct relay_side *side = list_entry(node, struct relay_side, link);
        const struct relay_circuit *c = side->circuit;
        count += c->side[side == &c->side[0]].client == called;
    }
    return count >= CIRCUITS_OF_PAIR;
}

/* Ids cost nothing, and neither do connections: a caller is whoever has the address. */
static struct bucket *street_of(const struct relay_server *s, struct relay_client *called,
                                const struct relay_client *caller)
{
    size_t len;
    const struct addr a = addr_unmapped(caller->path.remote);
    const uint8_t *ip = addr_ip(&a, &len);

    return &called->street[map_hash(s->streets, ip, len < 8 ? len : 8) % RELAY_STREETS];
}

/* Who is called that often hears nothing else any more, and one caller leaves others their share
 * of it. */
static bool may_call(const struct relay_server *s, instant now, struct relay_client *called,
                     const struct relay_client *caller)
{
    return bucket_take(street_of(s, called, caller), now, 1) && bucket_take(&called->calls, now, 1);
}

static enum relay_status open_circuit(struct relay_server *s, instant now,
                                      struct relay_client *caller, const uint8_t *id,
                                      struct relay_circuit **out)
{
    struct relay_client *called = map_find(&s->by_id, id, PEER_ID_LEN);

    if (!called || called == caller || peer_id_equal(&called->id, &caller->id))
        return RELAY_NO_PEER;
    if (is_full(s, caller) || is_full(s, called) || is_pair_full(caller, called))
        return RELAY_TOO_MANY;
    if (!may_call(s, now, called, caller))
        return RELAY_TOO_MANY;
    *out = add_circuit(s, now, caller, called);
    return *out ? RELAY_OK : RELAY_TOO_MANY;
}

/* The first datagram travels with the news, and is paid for like the others. */
static void take_early(struct relay_server *s, instant now, const struct relay_circuit *c,
                       const struct relay_message *m, struct relay_message *news)
{
    /* Somebody who is called by many is told of them, and may ask for the rest. */
    if (m->early_len == 0 || bucket_level(&c->side[1].client->calls, now) < CALLS_BURST / 2)
        return;
    if (!relay_account_pay(s, c->side[1].client->account, now, m->early_len)) {
        s->counters.over_quota++;
        return;
    }
    s->counters.bytes += m->early_len;
    s->counters.datagrams++;
    news->early = m->early;
    news->early_len = m->early_len;
}

static void on_open(struct relay_server *s, instant now, struct relay_client *caller,
                    const struct relay_message *m)
{
    struct relay_circuit *c = NULL;
    struct relay_message answer = {.type = RELAY_OPENED, .request = m->request};

    answer.status = open_circuit(s, now, caller, m->id, &c);
    if (c) {
        struct relay_message news = {.type = RELAY_INCOMING, .frame = frame_of(c, &c->side[1])};
        memcpy(news.id, caller->id.key, sizeof(news.id));
        take_early(s, now, c, m, &news);
        tell(s, c->side[1].client, &news);
        answer.frame = frame_of(c, &c->side[0]);
    }
    tell(s, caller, &answer);
}

static void on_hang_up(struct relay_server *s, struct relay_client *asks,
                       const struct relay_message *m)
{
    struct relay_circuit *c = map_find(&s->by_number, &m->frame.circuit, sizeof(m->frame.circuit));
    if (!c || (c->side[0].client != asks && c->side[1].client != asks))
        return;
    struct relay_client *other = c->side[c->side[0].client == asks].client;
    tell_end(s, other, c->number, m->status == RELAY_OK ? RELAY_GONE : m->status);
    free_circuit(s, c);
}

/* Whoever is told that there is no room asks again when there may be. */
static void turn_away(const struct relay_server *s, void *conn, const struct relay_message *m)
{
    const struct relay_message answer = {
        .type = m->type == RELAY_OPEN ? RELAY_OPENED : RELAY_REGISTERED,
        .request = m->request,
        .status = RELAY_TOO_MANY,
    };
    if (relay_message_of_invites(m))
        return;
    s->options.events->tell(s->options.arg, conn, &answer);
}

void relay_server_message(struct relay_server *s, instant now, void *conn, const struct peer_id *id,
                          const struct path *path, const struct relay_message *m)
{
    struct relay_client *c = relay_client_of(s, conn);

    if (!relay_message_to_relay(m) || (!c && (m->type == RELAY_HANG_UP || m->type == RELAY_SAY)))
        return;
    if (!c)
        c = add_client(s, conn, id, path);
    if (!c)
        turn_away(s, conn, m);
    else if (relay_message_of_invites(m))
        relay_invites_message(s, now, c, m);
    else if (m->type == RELAY_HANG_UP)
        on_hang_up(s, c, m);
    else if (!bucket_take(&c->asks, now, 1))
        s->counters.hasty++;
    else if (m->type == RELAY_REGISTER)
        on_register(s, now, c);
    else
        on_open(s, now, c, m);
}

/* ---- what happens to their sessions ---- */

void relay_server_moved(struct relay_server *s, void *conn, const struct path *path)
{
    struct relay_client *c = relay_client_of(s, conn);

    if (!c || path_equal(&c->path, path))
        return;
    c->path = *path;
    list_each(node, &c->sides)
    {
        struct relay_side *side = list_entry(node, struct relay_side, link);
        make_tag(s, side->circuit, side == &side->circuit->side[1]);
        const struct relay_message m = {.type = RELAY_RETAG,
                                        .frame = frame_of(side->circuit, side)};
        tell(s, c, &m);
    }
}

void relay_server_left(struct relay_server *s, void *conn)
{
    struct relay_client *c = relay_client_of(s, conn);
    if (!c)
        return;
    for (struct list *node; (node = list_first(&c->sides));) {
        struct relay_circuit *circuit = list_entry(node, struct relay_side, link)->circuit;
        struct relay_client *other = circuit->side[circuit->side[0].client == c].client;
        tell_end(s, other, circuit->number, RELAY_GONE);
        free_circuit(s, circuit);
    }
    free_client(s, c);
}

/* ---- time ---- */

static void end_idle_circuits(struct relay_server *s, instant now)
{
    for (struct list *node; (node = list_first(&s->circuits));) {
        struct relay_circuit *c = list_entry(node, struct relay_circuit, link);
        struct relay_client *client[2] = {c->side[0].client, c->side[1].client};
        uint32_t number = c->number;
        if (now < c->used + CIRCUIT_IDLE)
            return;
        free_circuit(s, c);
        for (unsigned i = 0; i < 2; i++)
            tell_end(s, client[i], number, RELAY_GONE);
    }
}

void relay_server_tick(struct relay_server *s, instant now)
{
    end_idle_circuits(s, now);
    relay_invites_tick(s, now);
}

instant relay_server_deadline(const struct relay_server *s)
{
    instant talks = relay_invites_deadline(s);

    if (list_is_empty(&s->circuits))
        return talks;
    instant due = list_entry(s->circuits.next, struct relay_circuit, link)->used + CIRCUIT_IDLE;
    return due < talks ? due : talks;
}

/* ---- life ---- */

int relay_server_new(struct relay_server **out, const struct relay_server_options *options)
{
    uint8_t secret[4][MAP_SECRET_LEN];
    struct relay_server *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->options = *options;
    if (s->options.max_clients == 0)
        s->options.max_clients = CLIENTS_DEFAULT;
    if (s->options.max_circuits == 0)
        s->options.max_circuits = CIRCUITS_DEFAULT;
    options->events->random(options->arg, secret, sizeof(secret));
    map_init(&s->by_conn, secret[0]);
    map_init(&s->by_id, secret[1]);
    map_init(&s->by_number, secret[2]);
    map_init(&s->by_payer, secret[3]);
    options->events->random(options->arg, s->streets, sizeof(s->streets));
    options->events->random(options->arg, s->secret, sizeof(s->secret));
    list_init(&s->clients);
    list_init(&s->circuits);
    list_init(&s->accounts);
    relay_invites_init(s);
    *out = s;
    return 0;
}

void relay_server_free(struct relay_server *s)
{
    if (!s)
        return;
    for (struct list *node; (node = list_first(&s->circuits));)
        free_circuit(s, list_entry(node, struct relay_circuit, link));
    for (struct list *node; (node = list_first(&s->clients));)
        free_client(s, list_entry(node, struct relay_client, link));
    relay_account_end(s);
    relay_invites_end(s);
    map_deinit(&s->by_conn);
    map_deinit(&s->by_id);
    map_deinit(&s->by_number);
    map_deinit(&s->by_payer);
    secret_wipe(s->secret, sizeof(s->secret));
    free(s);
}

void relay_server_counters(const struct relay_server *s, struct relay_server_counters *out)
{
    *out = s->counters;
}
