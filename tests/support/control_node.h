/**
 * A node that does what the test says, in place of gateway/node: for tests of what sits on it.
 *
 * Include it in one file of the test; it defines the node_*() functions that the control server
 * and the names use.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "gateway/node/invites.h"
#include "gateway/node/node.h"
#include "gateway/node/node_dht.h"
#include "gateway/node/node_hole.h"

struct node {
    struct env *env;
    struct registry *registry;
    struct peer_id id;
    unsigned changed; /* node_registry_changed() calls */

    struct node_wait *wait; /* node_connect() waits; NULL: nobody */
    struct peer_view view;  /* of the one peer there is, by its id */
    struct pipe *pipe;      /* node_open_stream() gives it; NULL: -EAGAIN */
    struct preamble asked;  /* what it was opened for */
    bool answered;          /* node_take_answer() has `answer` */
    struct preamble_answer answer;
    struct node_ping *ping; /* waits for its answer */

    struct node_hole_wait *hole_wait; /* node_hole_ask() waits; NULL: nobody */
    bool hole_tcp;
    int hole_error;                /* of the next one, or of node_hole_accept() */
    struct node_hole_taker *taker; /* NULL: nobody waits for peers */

    struct node_options options; /* its DHT is off unless the test starts one */
    struct desk desk;
    struct dht_desk dht;
    struct node_dht_view dht_view;
    struct node_invite invites[NODE_INVITES_MAX];
    size_t invite_count;
    struct node_invite_watch *watching;
    struct node_watch *watch;
    struct node_join *join;            /* node_join() waits; NULL: nobody */
    int join_error;                    /* of the next one */
    const struct record_found *record; /* of any peer; NULL: the DHT is off */
};

/* What node_take_answer(), which is given no node, answers from. */
static struct node *fake_node_of_pipe;

struct env *node_env(struct node *n)
{
    return n->env;
}

struct registry *node_registry(struct node *n)
{
    return n->registry;
}

const struct peer_id *node_id(const struct node *n)
{
    return &n->id;
}

bool node_port_mapping(const struct node *n, char out[static NODE_TEXT_MAX])
{
    (void)n;
    (void)snprintf(out, NODE_TEXT_MAX, "turned off");
    return false;
}

size_t node_addresses(const struct node *n, struct addr *out, size_t max)
{
    (void)n;
    if (max > 0)
        out[0] = addr_loopback(false, 4433);
    return 1;
}

size_t node_tcp_addresses(const struct node *n, struct addr *out, size_t max)
{
    (void)n;
    (void)out;
    (void)max;
    return 0;
}

void node_registry_changed(struct node *n)
{
    n->changed++;
}

void node_limits(const struct node *n, struct limits_view *out)
{
    (void)n;
    *out = (struct limits_view){.streams_per_peer = 16384, .max_peers = 1024, .block_from = 2};
}

void node_abuse(const struct node *n, struct abuse_view *out)
{
    (void)n;
    *out = (struct abuse_view){.turned_away = 5, .blocked = 1, .shut = 3};
    for (size_t i = 0; i < ABUSE_KINDS; i++)
        out->kind[i] = (struct abuse_count){i == ABUSE_AUTH ? "auth_failed" : "other", 7};
}

void node_relay(const struct node *n, struct relay_view *out)
{
    (void)n;
    *out = (struct relay_view){.home = "rrr@relay.example:4433", .serving = true, .circuits = 2};
    out->place[out->places++] = (struct relay_place_view){.host = "relay.example:4433",
                                                          .ours = true,
                                                          .state = "home",
                                                          .over = "udp",
                                                          .rtt = MSEC(43) + MSEC(1) / 2};
}

void node_mail(const struct node *n, struct node_mail_view *out)
{
    (void)n;
    *out = (struct node_mail_view){.state = "off"};
}

void node_mailbox(const struct node *n, struct node_mailbox_view *out)
{
    (void)n;
    *out = (struct node_mailbox_view){.state = "off"};
}

void node_nat(const struct node *n, struct node_nat *out)
{
    static const uint8_t OUTER[4] = {100, 64, 3, 4};
    (void)n;
    *out = (struct node_nat){.turn = "off"};
    out->port_map[out->port_maps++] = (struct node_port_map){.method = "upnp",
                                                             .external = addr_v4(OUTER, 4433),
                                                             .expires = INSTANT_NEVER,
                                                             .state = "behind another NAT"};
}

void node_dht_view(struct node *n, struct node_dht_view *out)
{
    *out = n->dht_view;
}

struct dht_desk *node_dht(struct node *n)
{
    char why[128];

    n->desk = (struct desk){.env = n->env, .options = &n->options};
    if (!n->dht.node && dht_desk_start(&n->dht, &n->desk, why, sizeof(why)) < 0)
        n->dht.dht = NULL;
    return &n->dht;
}

void node_resolve(struct node *n, const struct peer_id *id, struct record_wait *w)
{
    (void)id;
    w->done(w, n->record ? 0 : -EOPNOTSUPP, n->record);
}

const struct record_found *node_record(const struct node *n, const struct peer_id *id)
{
    (void)id;
    return n->record;
}

void node_sign_item(const struct node *n, struct dht_item *item)
{
    struct keys keys;

    keys_from_seed(&keys, n->id.key); /* any will do */
    dht_item_sign(item, &keys);
}

void node_watch(struct node *n, struct node_watch *w)
{
    n->watch = w;
}

void node_unwatch(struct node_watch *w)
{
    w->changed = NULL;
}

size_t node_peers(struct node *n, struct peer_view *out, size_t max)
{
    if (max > 0)
        out[0] = n->view;
    return peer_id_is_zero(&n->view.id) ? 0 : 1;
}

bool node_peer(struct node *n, const struct peer_id *id, struct peer_view *out)
{
    if (!peer_id_equal(id, &n->view.id))
        return false;
    *out = n->view;
    return true;
}

void node_connect(struct node *n, const struct peer_id *id, struct node_wait *w)
{
    (void)id;
    n->wait = w;
}

void node_connect_cancel(struct node_wait *w)
{
    (void)w;
}

/** The session is there (0), or could not be made. */
static inline void fake_node_connected(struct node *n, int err, const char *why)
{
    struct node_wait *w = n->wait;

    n->wait = NULL;
    if (w)
        w->done(w, err, why);
}

int node_open_stream(struct node *n, const struct peer_id *id, const struct preamble *what,
                     struct pipe **out)
{
    (void)id;
    if (!n->pipe)
        return -EAGAIN;
    n->asked = *what;
    fake_node_of_pipe = n;
    *out = n->pipe;
    return 0;
}

int node_take_answer(struct pipe *pipe, struct preamble_answer *out)
{
    (void)pipe;
    if (!fake_node_of_pipe->answered)
        return -EAGAIN;
    *out = fake_node_of_pipe->answer;
    return 0;
}

int node_hole_ask(struct node *n, const struct peer_id *id, bool tcp, struct node_hole_wait *w)
{
    (void)id;
    n->hole_tcp = tcp;
    n->hole_wait = n->hole_error < 0 ? NULL : w;
    return n->hole_error;
}

void node_hole_cancel(struct node *n, struct node_hole_wait *w)
{
    if (n->hole_wait == w)
        n->hole_wait = NULL;
}

int node_hole_accept(struct node *n, struct node_hole_taker *t)
{
    if (n->hole_error == 0)
        n->taker = t;
    return n->hole_error;
}

void node_hole_unaccept(struct node *n, struct node_hole_taker *t)
{
    if (n->taker == t)
        n->taker = NULL;
}

void node_ping(struct node *n, const struct peer_id *id, struct node_ping *p)
{
    (void)id;
    n->ping = p;
}

void node_ping_cancel(struct node *n, struct node_ping *p)
{
    if (n->ping == p)
        n->ping = NULL;
}

static inline void fake_node_pong(struct node *n, int err, instant rtt)
{
    struct node_ping *p = n->ping;

    n->ping = NULL;
    p->done(p, err, rtt);
}

int node_invite(struct node *n, const char *service, unsigned uses, instant lifetime,
                struct node_invite *out)
{
    if (n->invite_count == NODE_INVITES_MAX)
        return -ENOSPC;
    struct node_invite *i = &n->invites[n->invite_count++];
    *i = (struct node_invite){
        .number = (unsigned)n->invite_count, .uses = uses, .tries = 3, .left = lifetime};
    (void)snprintf(i->code, sizeof(i->code), "%u-cobalt-lemon", i->number);
    (void)snprintf(i->ticket, sizeof(i->ticket), "overlay:ticket%u", i->number);
    (void)snprintf(i->service, sizeof(i->service), "%s", service);
    *out = *i;
    return 0;
}

size_t node_invites(const struct node *n, struct node_invite *out, size_t max)
{
    for (size_t i = 0; i < n->invite_count && i < max; i++)
        out[i] = n->invites[i];
    return n->invite_count;
}

int node_invite_end(struct node *n, unsigned number)
{
    if (number == 0 || number > n->invite_count)
        return -ENOENT;
    n->invite_count--;
    return 0;
}

void node_watch_invites(struct node *n, struct node_invite_watch *w)
{
    n->watching = w;
}

void node_unwatch_invites(struct node_invite_watch *w)
{
    w->event = NULL;
}

int node_join(struct node *n, const struct invite_code *code, const struct ticket *ticket,
              instant patience, struct node_join *j)
{
    (void)code;
    (void)ticket;
    (void)patience;
    if (n->join_error < 0)
        return n->join_error;
    n->join = j;
    return 0;
}

void node_join_cancel(struct node *n, struct node_join *j)
{
    if (n->join == j)
        n->join = NULL;
}

/** The invite led to this, or to an error. */
static inline void fake_node_joined(struct node *n, int err, const struct node_joined *joined,
                                    const char *why)
{
    struct node_join *j = n->join;

    n->join = NULL;
    if (j)
        j->done(j, err, joined, why);
}
