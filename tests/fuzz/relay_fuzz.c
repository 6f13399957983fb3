/* A relay and somebody who uses it, with four people who say, send and do whatever the input tells
 * them. Datagrams leave only to where one of the connected people is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/secret.h"
#include "gateway/relay/client.h"
#include "gateway/relay/server.h"

#define PEOPLE 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct person {
    struct peer_id id;
    struct path path;
    struct relay_frame frame; /* the last that the relay told */
    bool here;                /* the relay may know it */
};

struct world {
    struct relay_server *server;
    struct relay_client *client;
    struct person person[PEOPLE];
    struct path relay;        /* where the client's relay is */
    struct relay_frame frame; /* of the client's last circuit, as we made it up */
    struct path circuit;
    instant now;
    uint8_t count;
    bool full, refuse;
};

/* ---- the server's owner ---- */

static bool may_register(void *arg, const struct peer_id *id)
{
    (void)id;
    return !((struct world *)arg)->refuse;
}

static void server_tells(void *arg, void *conn, const struct relay_message *m)
{
    uint8_t out[RELAY_MESSAGE_MAX];
    struct relay_message again;
    struct person *p = conn;
    const struct message_part part = relay_message_write(m, out);
    (void)arg;

    if (!p->here || relay_message_read(&again, &part) < 0 || relay_message_to_relay(&again))
        abort();
    if (m->type == RELAY_OPENED || m->type == RELAY_INCOMING || m->type == RELAY_RETAG)
        p->frame = m->frame;
}

static int server_sends(void *arg, const struct path *to, const uint8_t *data, size_t len,
                        size_t segment)
{
    struct world *w = arg;
    struct relay_frame f;

    if (w->full)
        return -EAGAIN;
    if (len == 0 || segment == 0 || relay_frame_read(&f, data, len < segment ? len : segment) < 0)
        abort();
    for (unsigned i = 0; i < PEOPLE; i++)
        if (w->person[i].here && path_equal(&w->person[i].path, to))
            return 0;
    abort();
}

static void any_bytes(void *arg, void *out, size_t len)
{
    struct world *w = arg;
    memset(out, ++w->count, len);
}

static const struct relay_server_events SERVER = {may_register, server_tells, server_sends,
                                                  any_bytes};

/* ---- the client's owner ---- */

static void client_tells(void *arg, void *conn, const struct relay_message *m)
{
    (void)arg;
    (void)conn;
    if (!relay_message_to_relay(m))
        abort();
}

static int client_sends(void *arg, const struct path *to, const uint8_t *data, size_t len,
                        size_t segment)
{
    struct world *w = arg;
    struct relay_frame f;

    if (!path_equal(to, &w->relay) || relay_frame_read(&f, data, len < segment ? len : segment) < 0)
        abort();
    return 0;
}

static void deliver(void *arg, const struct path *path, uint8_t *data, size_t len, size_t segment)
{
    struct world *w = arg;

    if (path->kind != PATH_RELAY || len == 0 || segment == 0)
        abort();
    memset(data, 0, len);
    if (relay_client_send(w->client, path, data, len < 1200 ? len : 1200, 1200) < 0)
        abort();
}

static void deliver_soon(void *arg, const struct path *path, const uint8_t *data, size_t len)
{
    (void)arg;
    (void)data;
    if (path->kind != PATH_RELAY || len == 0 || len > RELAY_MESSAGE_EARLY)
        abort();
}

static void on_registered(void *arg, void *conn, enum relay_status status)
{
    (void)arg;
    (void)conn;
    (void)status;
}

static bool may_call(void *arg, const struct peer_id *id)
{
    (void)arg;
    return id->key[0] != 0;
}

static void on_circuit(void *arg, const struct peer_id *id, const struct path *path, bool incoming)
{
    (void)id;
    (void)incoming;
    ((struct world *)arg)->circuit = *path;
}

static void on_refused(void *arg, const struct peer_id *id, void *conn, const struct path *path,
                       int status)
{
    (void)path;
    (void)arg;
    (void)id;
    (void)conn;
    (void)status;
}

static bool is_used(void *arg, const struct peer_id *id)
{
    (void)arg;
    return id->key[0] & 1;
}

static void on_closed(void *arg, const struct peer_id *id, const struct path *path)
{
    (void)arg;
    (void)id;
    (void)path;
}

static const struct relay_client_events CLIENT = {.tell = client_tells,
                                                  .send = client_sends,
                                                  .deliver = deliver,
                                                  .deliver_soon = deliver_soon,
                                                  .on_registered = on_registered,
                                                  .may_call = may_call,
                                                  .on_circuit = on_circuit,
                                                  .on_refused = on_refused,
                                                  .is_used = is_used,
                                                  .on_closed = on_closed};

/* ---- what the input tells ---- */

/* Bytes of the input, with a right header on each datagram if `f` is given. */
static size_t batch(struct reader *r, uint8_t *out, size_t room, const struct relay_frame *f,
                    size_t *segment)
{
    size_t len = read_u8(r) * 8u;
    *segment = 1 + read_u8(r);
    size_t given = len < r->left ? len : r->left;
    const uint8_t *bytes = read_bytes(r, given);

    if (len > room)
        abort();
    memset(out, 0, room);
    if (bytes)
        memcpy(out, bytes, given);
    for (size_t at = 0; f && *segment > RELAY_FRAME_HEADER && at + RELAY_FRAME_HEADER < len;
         at += *segment)
        relay_frame_write(f, out + at);
    return len;
}

static void say_to_server(struct world *w, struct person *p, struct reader *r)
{
    struct relay_message m;
    uint8_t type = read_u8(r), other = read_u8(r);
    size_t len = 45 + read_u8(r) % 64;
    const uint8_t *body = read_bytes(r, len);
    const struct message_part part = {.type = type, .data = body, .len = len};

    if (!body || relay_message_read(&m, &part) < 0)
        return;
    if (m.type == RELAY_OPEN && other < PEOPLE)
        memcpy(m.id, w->person[other].id.key, sizeof(m.id));
    if (m.type == RELAY_HANG_UP && other < PEOPLE)
        m.frame.circuit = w->person[other].frame.circuit;
    p->here = true;
    relay_server_message(w->server, w->now, p, &p->id, &p->path, &m);
}

static void say_to_client(struct world *w, struct person *p, struct reader *r)
{
    struct relay_message m;
    uint8_t type = read_u8(r);
    size_t len = 45 + read_u8(r) % 64;
    const uint8_t *body = read_bytes(r, len);
    const struct message_part part = {.type = type, .data = body, .len = len};

    if (!body || relay_message_read(&m, &part) < 0)
        return;
    if (m.type == RELAY_INCOMING || m.type == RELAY_OPENED || m.type == RELAY_RETAG)
        w->frame = m.frame;
    relay_client_message(w->client, w->now, p, &w->relay, &m);
}

static void act_on_server(struct world *w, unsigned what, struct person *p, struct reader *r)
{
    uint8_t frames[255 * 8 + RELAY_FRAME_HEADER];
    size_t segment, len;

    switch (what) {
    case 0:
        say_to_server(w, p, r);
        break;
    case 1:
    case 2:
        len = batch(r, frames, sizeof(frames), what == 1 ? &p->frame : NULL, &segment);
        relay_server_input(w->server, w->now, &p->path, frames, len, segment);
        break;
    case 3:
        p->path.via = read_u8(r);
        relay_server_moved(w->server, p, &p->path);
        break;
    case 4:
        relay_server_left(w->server, p);
        p->here = false;
        break;
    case 5:
        w->full = !w->full;
        relay_server_flush(w->server);
        break;
    case 6:
        w->now += SEC(read_u8(r));
        relay_server_tick(w->server, w->now);
        break;
    default:
        w->refuse = !w->refuse;
        break;
    }
}

static void act_on_client(struct world *w, unsigned what, struct person *p, struct reader *r)
{
    uint8_t frames[255 * 8 + RELAY_FRAME_HEADER];
    size_t segment, len;
    int err = 0;

    switch (what) {
    case 0:
        say_to_client(w, p, r);
        break;
    case 1:
    case 2:
        len = batch(r, frames, sizeof(frames), what == 1 ? &w->frame : NULL, &segment);
        (void)relay_client_input(w->client, &w->relay, frames, len, segment);
        break;
    case 3:
        err = relay_client_open(w->client, w->now, p, &w->relay, &w->person[read_u8(r) % PEOPLE].id,
                                &w->circuit);
        break;
    case 4:
        relay_client_left(w->client, p);
        break;
    case 5:
        relay_client_close(w->client, &w->circuit);
        break;
    case 6:
        w->now += MSEC(100) * read_u8(r);
        relay_client_tick(w->client, w->now);
        break;
    default:
        relay_client_sweep(w->client);
        break;
    }
    if (err > 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct world world;
    struct world *w = &world;
    const struct relay_server_options options = {.events = &SERVER,
                                                 .arg = w,
                                                 .max_clients = 3,
                                                 .max_circuits = 3,
                                                 .rate = 100000,
                                                 .daily = 1 << 20};
    struct reader r = reader_over(data, len);

    memset(w, 0, sizeof(*w));
    if (crypto_start() < 0 || relay_server_new(&w->server, &options) < 0 ||
        relay_client_new(&w->client, &CLIENT, w) < 0)
        return 0;
    w->now = SEC(100);
    w->relay = (struct path){.kind = PATH_UDP, .remote = path_synthetic(PATH_UDP, 99)};
    for (unsigned i = 0; i < PEOPLE; i++) {
        w->person[i].id.key[0] = (uint8_t)i;
        w->person[i].path =
            (struct path){.kind = PATH_UDP, .remote = path_synthetic(PATH_UDP, i % 3)};
    }
    while (r.left > 0 && !r.failed) {
        uint8_t op = read_u8(&r);
        struct person *p = &w->person[op & 3];
        if (op & 0x80)
            act_on_client(w, op >> 2 & 7, p, &r);
        else
            act_on_server(w, op >> 2 & 7, p, &r);
    }
    relay_server_free(w->server);
    relay_client_free(w->client);
    return 0;
}
