#include "gateway/relay/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/list.h"
#include "gateway/crypto/secret.h"

#define BATCH_MAX   65507 /* bytes of one UDP_SEGMENT call */
#define IDLE_SWEEPS 3
#define ASK_AFTER   MSEC(1)

/** A circuit, open or asked for. */
struct circuit {
    struct list link;
    void *conn;
    struct path relay; /* where the relay's session is */
    struct peer_id id;
    uint32_t via;  /* ours */
    bool open;     /* then `frame` is valid; else asked for as request number `via` */
    bool asked;    /* the relay was told */
    instant until; /* while not open: when to tell the relay, and then, when to give up */
    unsigned idle; /* sweeps in a row that found it of no use */
    struct relay_frame frame;
};

struct relay_client {
    const struct relay_client_events *events;
    void *arg;
    struct list circuits;
    unsigned count;
    uint32_t last_via;
    uint8_t staging[BATCH_MAX];
};

/* ---- circuits ---- */

static struct path path_of(const struct circuit *k)
{
    return (struct path){
        .kind = PATH_RELAY, .via = k->via, .remote = path_synthetic(PATH_RELAY, k->via)};
}

static struct circuit *by_via(const struct relay_client *c, uint32_t via)
{
    list_each(node, &c->circuits)
    {
        struct circuit *k = list_entry(node, struct circuit, link);
        if (k->via == via)
            return k;
    }
    return NULL;
}

static struct circuit *by_number(const struct relay_client *c, const void *conn, uint32_t number)
{
    list_each(node, &c->circuits)
    {
        struct circuit *k = list_entry(node, struct circuit, link);
        if (k->open && k->conn == conn && k->frame.circuit == number)
            return k;
    }
    return NULL;
}

static struct circuit *by_peer(const struct relay_client *c, const void *conn,
                               const struct peer_id *id)
{
    list_each(node, &c->circuits)
    {
        struct circuit *k = list_entry(node, struct circuit, link);
        if (k->conn == conn && peer_id_equal(&k->id, id))
            return k;
    }
    return NULL;
}

/* One relay may fill its own share with callers, and no other's. */
static bool has_room(const struct relay_client *c, const void *conn)
{
    return c->count < RELAY_CLIENT_CIRCUITS_MAX &&
           relay_client_circuits(c, NULL, conn, NULL, 0) < RELAY_CLIENT_CIRCUITS_OF;
}

static struct circuit *add(struct relay_client *c, void *conn, const struct path *relay,
                           const struct peer_id *id)
{
    struct circuit *k = has_room(c, conn) ? calloc(1, sizeof(*k)) : NULL;
    if (!k)
        return NULL;
    k->conn = conn;
    k->relay = *relay;
    k->id = *id;
    k->via = ++c->last_via;
    k->until = INSTANT_NEVER;
    list_append(&c->circuits, &k->link);
    c->count++;
    return k;
}

static void drop(struct relay_client *c, struct circuit *k)
{
    list_remove(&k->link);
    c->count--;
    free(k);
}

/* Ends a circuit that somebody else has ended. */
static void end(struct relay_client *c, struct circuit *k, int status)
{
    const struct circuit was = *k;
    const struct path path = path_of(k);

    drop(c, k);
    if (was.open)
        c->events->on_closed(c->arg, &was.id, &path);
    else
        c->events->on_refused(c->arg, &was.id, was.conn, &path, status);
}

static void be_open(struct relay_client *c, struct circuit *k, const struct relay_frame *f,
                    bool incoming)
{
    const struct path path = path_of(k);
    const struct peer_id id = k->id;

    k->open = true;
    k->until = INSTANT_NEVER;
    k->frame = *f;
    c->events->on_circuit(c->arg, &id, &path, incoming);
}

/* ---- what we ask for ---- */

static void hang_up(struct relay_client *c, void *conn, uint32_t number, enum relay_status why)
{
    const struct relay_message m = {.type = RELAY_HANG_UP, .frame.circuit = number, .status = why};
    c->events->tell(c->arg, conn, &m);
}

void relay_client_register(struct relay_client *c, void *conn)
{
    const struct relay_message m = {.type = RELAY_REGISTER};
    c->events->tell(c->arg, conn, &m);
}

/* With the first datagram, if there is one. */
static void ask(struct relay_client *c, struct circuit *k, const uint8_t *early, size_t early_len)
{
    struct relay_message m = {
        .type = RELAY_OPEN, .request = k->via, .early = early, .early_len = early_len};

    memcpy(m.id, k->id.key, sizeof(m.id));
    k->asked = true;
    k->until += RELAY_CLIENT_OPEN_WITHIN;
    c->events->tell(c->arg, k->conn, &m);
}

int relay_client_open(struct relay_client *c, instant now, void *conn, const struct path *path,
                      const struct peer_id *id, struct path *out)
{
    struct circuit *k = by_peer(c, conn, id);

    if (k) {
        *out = path_of(k);
        return k->open ? -EALREADY : -EINPROGRESS;
    }
    k = add(c, conn, path, id);
    if (!k)
        return -ENOMEM;
    k->until = now + ASK_AFTER;
    *out = path_of(k);
    return 0;
}

void relay_client_close(struct relay_client *c, const struct path *path)
{
    struct circuit *k = path->kind == PATH_RELAY ? by_via(c, path->via) : NULL;
    if (!k)
        return;
    if (k->open)
        hang_up(c, k->conn, k->frame.circuit, RELAY_GONE);
    drop(c, k);
}

/* ---- what a relay says ---- */

static void on_opened(struct relay_client *c, void *conn, const struct relay_message *m)
{
    struct circuit *k = by_via(c, m->request);

    if (!k || k->conn != conn || k->open) { /* we have stopped to wait for it */
        if (m->status == RELAY_OK)
            hang_up(c, conn, m->frame.circuit, RELAY_GONE);
        return;
    }
    if (m->status == RELAY_OK)
        be_open(c, k, &m->frame, false);
    else
        end(c, k, (int)m->status);
}

static void on_incoming(struct relay_client *c, void *conn, const struct path *relay,
                        const struct relay_message *m)
{
    struct peer_id id;
    memcpy(id.key, m->id, sizeof(id.key));
    struct circuit *k = c->events->may_call(c->arg, &id) && !by_number(c, conn, m->frame.circuit)
                            ? add(c, conn, relay, &id)
                            : NULL;
    if (!k) {
        hang_up(c, conn, m->frame.circuit, RELAY_NO_PEER);
        return;
    }
    const struct path inner = path_of(k);
    be_open(c, k, &m->frame, true);
    if (m->early_len > 0)
        c->events->deliver_soon(c->arg, &inner, m->early, m->early_len);
}

static void on_retag(struct relay_client *c, const void *conn, const struct relay_message *m)
{
    struct circuit *k = by_number(c, conn, m->frame.circuit);
    if (k)
        k->frame = m->frame;
}

static void on_close(struct relay_client *c, const void *conn, const struct relay_message *m)
{
    struct circuit *k = by_number(c, conn, m->frame.circuit);
    if (k)
        end(c, k, (int)m->status);
}

void relay_client_message(struct relay_client *c, instant now, void *conn, const struct path *path,
                          const struct relay_message *m)
{
    (void)now;
    switch (m->type) {
    case RELAY_REGISTERED:
        c->events->on_registered(c->arg, conn, m->status);
        break;
    case RELAY_OPENED:
        on_opened(c, conn, m);
        break;
    case RELAY_INCOMING:
        on_incoming(c, conn, path, m);
        break;
    case RELAY_RETAG:
        on_retag(c, conn, m);
        break;
    case RELAY_CLOSE:
        on_close(c, conn, m);
        break;
    case RELAY_REGISTER:
    case RELAY_OPEN:
    case RELAY_HANG_UP:
    case RELAY_RELAYS:
    case RELAY_INVITES:
    case RELAY_SEEK:
    case RELAY_SAY:
    case RELAY_SAID:
        break; /* not for us */
    }
}

/* ---- the relays' sessions ---- */

void relay_client_moved(struct relay_client *c, void *conn, const struct path *path)
{
    list_each(node, &c->circuits)
    {
        struct circuit *k = list_entry(node, struct circuit, link);
        if (k->conn == conn)
            k->relay = *path;
    }
}

/* One of them, sought from the start each time: callbacks may change the list. */
static struct circuit *of_conn(const struct relay_client *c, const void *conn)
{
    list_each(node, &c->circuits)
    {
        struct circuit *k = list_entry(node, struct circuit, link);
        if (k->conn == conn)
            return k;
    }
    return NULL;
}

void relay_client_left(struct relay_client *c, void *conn)
{
    for (struct circuit *k; (k = of_conn(c, conn));)
        end(c, k, RELAY_GONE);
}

/* ---- frames ---- */

/* Puts headers on as many datagrams as one batch takes, from `at` on. Returns the bytes staged. */
static size_t stage(struct relay_client *c, const struct circuit *k, const uint8_t *data,
                    size_t len, size_t segment, size_t *at)
{
    size_t used = 0;

    while (*at < len) {
        size_t n = len - *at < segment ? len - *at : segment;
        if (used + RELAY_FRAME_HEADER + n > sizeof(c->staging))
            break;
        relay_frame_write(&k->frame, c->staging + used);
        memcpy(c->staging + used + RELAY_FRAME_HEADER, data + *at, n);
        used += RELAY_FRAME_HEADER + n;
        *at += n;
    }
    return used;
}

/* Headers make a full batch of a session a little too long for one: then it goes in two. */
static int send_batches(struct relay_client *c, const struct circuit *k, const uint8_t *data,
                        size_t len, size_t segment)
{
    for (size_t at = 0; at < len;) {
        bool first = at == 0;
        size_t used = stage(c, k, data, len, segment, &at);
        int err = used == 0 ? 0
                            : c->events->send(c->arg, &k->relay, c->staging, used,
                                              segment + RELAY_FRAME_HEADER);
        if (used == 0 || err < 0)
            return first ? err : 0; /* in the middle: lost, as in a full queue further on */
    }
    return 0;
}

int relay_client_send(struct relay_client *c, const struct path *path, const uint8_t *data,
                      size_t len, size_t segment)
{
    struct circuit *k = by_via(c, path->via);
    size_t first = len < segment ? len : segment;

    /* A relay that is itself reached through one would take frames within frames. */
    if (!k || k->relay.kind == PATH_RELAY || first == 0)
        return 0;
    if (k->open)
        return send_batches(c, k, data, len, segment);
    if (!k->asked && first <= RELAY_MESSAGE_EARLY)
        ask(c, k, data, first);
    return 0;
}

static struct circuit *of_frame(const struct relay_client *c, const struct path *path,
                                const uint8_t *data, size_t len)
{
    struct relay_frame f;

    if (relay_frame_read(&f, data, len) < 0)
        return NULL;
    list_each(node, &c->circuits)
    {
        struct circuit *k = list_entry(node, struct circuit, link);
        if (k->open && k->frame.circuit == f.circuit && path_equal(&k->relay, path) &&
            secret_equal(k->frame.tag, f.tag, sizeof(f.tag)))
            return k;
    }
    return NULL;
}

/* Takes the headers off the frames of one circuit, which then lie back to back. Returns how many
 * bytes of frames those were; `*out` bytes are left. */
static size_t unwrap(uint8_t *data, size_t len, size_t segment, size_t *out)
{
    uint8_t header[RELAY_FRAME_HEADER];
    size_t at = 0;

    memcpy(header, data, sizeof(header));
    *out = 0;
    while (at < len) {
        size_t n = len - at < segment ? len - at : segment;
        if (n <= sizeof(header) || memcmp(data + at, header, sizeof(header)) != 0)
            break;
        memmove(data + *out, data + at + sizeof(header), n - sizeof(header));
        *out += n - sizeof(header);
        at += n;
    }
    return at;
}

size_t relay_client_input(struct relay_client *c, const struct path *path, uint8_t *data,
                          size_t len, size_t segment)
{
    size_t taken = 0;

    while (taken < len) {
        size_t first = len - taken < segment ? len - taken : segment, bytes;
        const struct circuit *k = of_frame(c, path, data + taken, first);
        if (!k)
            break;
        const struct path inner = path_of(k);
        uint8_t *run = data + taken;
        taken += unwrap(run, len - taken, segment, &bytes);
        c->events->deliver(c->arg, &inner, run, bytes, first - RELAY_FRAME_HEADER);
    }
    return taken;
}

/* ---- time ---- */

instant relay_client_deadline(const struct relay_client *c)
{
    instant due = INSTANT_NEVER;
    list_each(node, &c->circuits)
    {
        const struct circuit *k = list_entry(node, struct circuit, link);
        due = k->until < due ? k->until : due;
    }
    return due;
}

static struct circuit *overdue(const struct relay_client *c, instant now)
{
    list_each(node, &c->circuits)
    {
        struct circuit *k = list_entry(node, struct circuit, link);
        if (now >= k->until)
            return k;
    }
    return NULL;
}

void relay_client_tick(struct relay_client *c, instant now)
{
    for (struct circuit *k; (k = overdue(c, now));) {
        if (k->asked) {
            end(c, k, -1);
            continue;
        }
        k->until = now; /* who slept in between waits for the answer all the same */
        ask(c, k, NULL, 0);
    }
}

void relay_client_sweep(struct relay_client *c)
{
    struct list *next;

    for (struct list *node = c->circuits.next; node != &c->circuits; node = next) {
        struct circuit *k = list_entry(node, struct circuit, link);
        next = node->next;
        k->idle = !k->open || c->events->is_used(c->arg, &k->id) ? 0 : k->idle + 1;
        if (k->idle < IDLE_SWEEPS)
            continue;
        hang_up(c, k->conn, k->frame.circuit, RELAY_GONE);
        drop(c, k);
    }
}

/* ---- life ---- */

int relay_client_new(struct relay_client **out, const struct relay_client_events *events, void *arg)
{
    struct relay_client *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->events = events;
    c->arg = arg;
    list_init(&c->circuits);
    *out = c;
    return 0;
}

void relay_client_free(struct relay_client *c)
{
    if (!c)
        return;
    for (struct list *node; (node = list_first(&c->circuits));)
        drop(c, list_entry(node, struct circuit, link));
    free(c);
}

size_t relay_client_circuits(const struct relay_client *c, const struct peer_id *id,
                             const void *conn, struct relay_client_circuit *out, size_t max)
{
    size_t count = 0;

    list_each(node, &c->circuits)
    {
        const struct circuit *k = list_entry(node, struct circuit, link);
        if ((id && !peer_id_equal(&k->id, id)) || (conn && k->conn != conn))
            continue;
        if (count < max)
            out[count] = (struct relay_client_circuit){k->id, path_of(k), k->conn, k->open};
        count++;
    }
    return count;
}

void *relay_client_conn_of(const struct relay_client *c, const struct path *path)
{
    const struct circuit *k = path->kind == PATH_RELAY ? by_via(c, path->via) : NULL;
    return k ? k->conn : NULL;
}
