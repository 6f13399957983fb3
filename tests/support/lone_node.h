/**
 * A gateway without sessions, for unit tests of what stands on gateway/node/node.h. The registry is
 * a real one; one peer can be made to look as the test wants, and calls are counted.
 *
 * It defines the functions of node.h that such tests need: include it in one file of a test.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/node/node.h"
#include "tests/support/fake_env.h"
#include "tests/support/keys_numbered.h"

/* One flow; the struct is opaque in node.h. */
struct flow {
    struct node *node;
    const struct flow_handler *handler;
    void *arg;
    bool answered, closed;
    enum preamble_status status;
    char reason[PREAMBLE_REASON_MAX + 1];
    uint8_t sent[FLOW_DATAGRAM_MAX];
    size_t sent_len, sent_count;
};

struct node {
    struct fake_env fake;
    struct registry *registry;
    struct peer_id me, alice, bob;
    /* What node_peer() says of alice; nothing while `view.known` is false. */
    struct peer_view view;
    struct remote_service services[4];
    /* what was asked of it */
    unsigned connects, cancels;
    struct peer_id connect_to;
    struct node_wait *wait;
    const struct node_server *server;
    void *server_arg;
    struct node_watch *watch;
    unsigned answers; /* of node_answer() */
    enum preamble_status answer;
};

static inline struct peer_id fake_peer_id(uint8_t number)
{
    return keys_numbered(number).id;
}

static inline void lone_node_init(struct node *n)
{
    char why[160];
    int err;
    memset(n, 0, sizeof(*n));
    fake_env_init(&n->fake);
    n->me = fake_peer_id(9);
    n->alice = fake_peer_id(1);
    n->bob = fake_peer_id(2);
    n->view.id = n->alice;
    n->view.services = n->services;
    assert_int_equal(registry_open(&n->registry, &n->fake.env, why, sizeof(why)), 0);
    assert_non_null(registry_peer_add(n->registry, &n->alice, &err));
    assert_int_equal(registry_set_alias(n->registry, &n->alice, "alice"), 0);
}

static inline void lone_node_deinit(struct node *n)
{
    assert_null(n->watch);
    registry_free(n->registry);
    fake_env_deinit(&n->fake);
}

/** Alice's list is known and has this service too. */
static inline void lone_node_offer(struct node *n, const char *name, uint16_t port)
{
    struct remote_service *s = &n->services[n->view.service_count++];
    n->view.known = n->view.services_known = true;
    *s = (struct remote_service){.proto = SERVICE_TCP, .port = port};
    assert_true(strlen(name) < sizeof(s->name));
    memcpy(s->name, name, strlen(name) + 1);
}

struct env *node_env(struct node *n)
{
    return &n->fake.env;
}

struct registry *node_registry(struct node *n)
{
    return n->registry;
}

const struct peer_id *node_id(const struct node *n)
{
    return &n->me;
}

bool node_peer(struct node *n, const struct peer_id *id, struct peer_view *out)
{
    if (!n->view.known || !peer_id_equal(id, &n->alice))
        return false;
    *out = n->view;
    return true;
}

void node_connect(struct node *n, const struct peer_id *id, struct node_wait *w)
{
    n->connects++;
    n->connect_to = *id;
    n->wait = w;
}

static struct node *lone_node_cancelled; /* node_connect_cancel() is not told which node */

void node_connect_cancel(struct node_wait *w)
{
    (void)w;
    if (lone_node_cancelled)
        lone_node_cancelled->cancels++;
}

void node_serve(struct node *n, const struct node_server *server, void *arg)
{
    n->server = server;
    n->server_arg = arg;
}

void node_watch(struct node *n, struct node_watch *w)
{
    n->watch = w;
    w->link.next = (struct list *)(void *)n;
}

void node_unwatch(struct node_watch *w)
{
    struct node *n = (struct node *)(void *)w->link.next;
    n->watch = NULL;
}

static struct node *lone_node_answering;

void node_answer(struct pipe *pipe, enum preamble_status status, const char *reason)
{
    (void)pipe;
    (void)reason;
    lone_node_answering->answers++;
    lone_node_answering->answer = status;
}

void node_flow_attach(struct flow *f, const struct flow_handler *handler, void *arg)
{
    f->handler = handler;
    f->arg = arg;
}

void node_answer_flow(struct flow *f, enum preamble_status status, const char *reason)
{
    f->answered = true;
    f->status = status;
    f->closed = status != PREAMBLE_OK;
    (void)snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

void node_flow_send(struct flow *f, const uint8_t *data, size_t len)
{
    assert_false(f->closed);
    assert_true(len <= sizeof(f->sent));
    memcpy(f->sent, data, len);
    f->sent_len = len;
    f->sent_count++;
}

void node_flow_close(struct flow *f)
{
    assert_false(f->closed);
    f->closed = true;
}
