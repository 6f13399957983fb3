/**
 * A node that is the test's: it says which peers there are, and is the far side of every stream.
 *
 * Included by exactly one file of a test program, because it defines the functions of
 * gateway/node/node.h that the adapters call; the real ones then stay out of the program.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/node/node.h"
#include "tests/support/local_world.h"

enum { LOCAL_NODE_PEERS = 4, LOCAL_NODE_STREAMS = 32, LOCAL_NODE_FLOWS = 2048 };

struct flow {
    struct peer_id peer;
    struct preamble what;
    const struct flow_handler *handler;
    void *arg;
    char sent[64]; /* the last datagram of the program */
    unsigned count;
    bool open;
};

struct far_stream {
    struct fake_pipe far;
    struct peer_id peer;
    struct preamble what;
    bool answered, taken;
    struct preamble_answer answer;
};

struct node {
    struct world *world;
    struct registry *registry;
    struct keys keys;
    struct peer_view peers[LOCAL_NODE_PEERS];
    struct remote_service services[LOCAL_NODE_PEERS][8];
    struct keys peer_keys[LOCAL_NODE_PEERS];
    size_t peer_count;
    struct far_stream *streams[LOCAL_NODE_STREAMS];
    size_t stream_count;
    struct flow flows[LOCAL_NODE_FLOWS];
    size_t flow_count;
    struct node_wait *waits[LOCAL_NODE_STREAMS];
    size_t wait_count;
    int stream_error; /* of the next node_open_stream() */
};

static inline void local_node_init(struct node *n, struct world *world)
{
    char why[128];
    uint8_t seed[KEYS_SEED_LEN] = {1};
    memset(n, 0, sizeof(*n));
    n->world = world;
    keys_from_seed(&n->keys, seed);
    assert_int_equal(registry_open(&n->registry, &world->env, why, sizeof(why)), 0);
}

static inline void local_node_deinit(struct node *n)
{
    for (size_t i = 0; i < n->stream_count; i++) {
        assert_true(fake_pipe_is_over(&n->streams[i]->far));
        free(n->streams[i]);
    }
    registry_free(n->registry);
}

/** A peer with an alias and a session. */
static inline struct peer_view *local_node_peer(struct node *n, const char *alias)
{
    size_t i = n->peer_count++;
    uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)(2 + i)};
    keys_from_seed(&n->peer_keys[i], seed);
    struct peer_view *v = &n->peers[i];
    v->id = n->peer_keys[i].id;
    v->state = PEER_DIRECT;
    v->services_known = true;
    v->services = n->services[i];
    assert_int_equal(registry_set_alias(n->registry, &v->id, alias), 0);
    return v;
}

static inline struct remote_service *local_node_service(struct peer_view *v, const char *name,
                                                        uint16_t port, enum service_proto proto)
{
    struct remote_service *s = (struct remote_service *)&v->services[v->service_count++];
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->port = port;
    s->proto = proto;
    return s;
}

/** The newest stream that the program opened. */
static inline struct far_stream *local_node_stream(struct node *n)
{
    assert_true(n->stream_count > 0);
    return n->streams[n->stream_count - 1];
}

static inline void local_node_answer(struct far_stream *s, enum preamble_status status,
                                     const char *reason)
{
    s->answered = true;
    s->answer.status = status;
    snprintf(s->answer.reason, sizeof(s->answer.reason), "%s", reason);
    if (!fake_pipe_is_over(&s->far))
        s->far.pipe.handler->on_readable(s->far.pipe.arg);
}

/** All who wait for a session are told. */
static inline void local_node_connected(struct node *n, int err, const char *why)
{
    while (n->wait_count > 0) {
        struct node_wait *w = n->waits[--n->wait_count];
        w->done(w, err, why);
    }
    world_run(n->world);
}

struct env *node_env(struct node *n)
{
    return &n->world->env;
}

struct registry *node_registry(struct node *n)
{
    return n->registry;
}

const struct peer_id *node_id(const struct node *n)
{
    return &n->keys.id;
}

bool node_peer(struct node *n, const struct peer_id *id, struct peer_view *out)
{
    for (size_t i = 0; i < n->peer_count; i++) {
        if (!peer_id_equal(&n->peers[i].id, id))
            continue;
        *out = n->peers[i];
        return true;
    }
    return false;
}

size_t node_peers(struct node *n, struct peer_view *out, size_t max)
{
    for (size_t i = 0; i < n->peer_count && i < max; i++)
        out[i] = n->peers[i];
    return n->peer_count;
}

void node_connect(struct node *n, const struct peer_id *id, struct node_wait *w)
{
    (void)id;
    n->waits[n->wait_count++] = w;
}

static struct node *the_node; /* node_connect_cancel() is not told which */

void node_connect_cancel(struct node_wait *w)
{
    for (size_t i = 0; the_node && i < the_node->wait_count; i++) {
        if (the_node->waits[i] == w)
            the_node->waits[i] = the_node->waits[--the_node->wait_count];
    }
}

static bool local_node_has_session(struct node *n, const struct peer_id *id)
{
    struct peer_view v;
    return node_peer(n, id, &v) && v.state == PEER_DIRECT;
}

int node_open_stream(struct node *n, const struct peer_id *id, const struct preamble *what,
                     struct pipe **out)
{
    if (!local_node_has_session(n, id))
        return -ENOTCONN;
    if (n->stream_error < 0)
        return n->stream_error;
    assert_true(n->stream_count < LOCAL_NODE_STREAMS);
    struct far_stream *s = calloc(1, sizeof(*s));
    fake_pipe_init(&s->far);
    s->peer = *id;
    s->what = *what;
    n->streams[n->stream_count++] = s;
    *out = &s->far.pipe;
    return 0;
}

int node_take_answer(struct pipe *pipe, struct preamble_answer *out)
{
    struct far_stream *s = container_of(pipe, struct far_stream, far.pipe);
    assert_false(s->taken);
    if (!s->answered)
        return -EAGAIN;
    s->taken = true;
    *out = s->answer;
    return 0;
}

int node_open_flow(struct node *n, const struct peer_id *id, const struct preamble *what,
                   const struct flow_handler *handler, void *arg, struct flow **out)
{
    if (!local_node_has_session(n, id))
        return -ENOTCONN;
    assert_true(n->flow_count < LOCAL_NODE_FLOWS);
    struct flow *f = &n->flows[n->flow_count++];
    *f = (struct flow){*id, *what, handler, arg, "", 0, true};
    *out = f;
    return 0;
}

void node_flow_send(struct flow *f, const uint8_t *data, size_t len)
{
    assert_true(f->open);
    snprintf(f->sent, sizeof(f->sent), "%.*s", (int)len, (const char *)data);
    f->count++;
}

void node_flow_close(struct flow *f)
{
    assert_true(f->open);
    f->open = false;
}
