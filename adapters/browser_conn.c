#include "adapters/browser_conn.h"

#include <errno.h>
#include <stdlib.h>

#include "adapters/guarded.h"
#include "gateway/base/log.h"

struct conn {
    struct list link;
    struct conn_target *target;
    struct guarded pump;
    struct sock *waiting;  /* until there is a session */
    struct node_wait wait; /* linked meanwhile */
};

static void drop(struct conn *c)
{
    list_remove(&c->link);
    free(c);
}

static void on_end(struct guarded *g)
{
    drop(container_of(g, struct conn, pump));
}

static void on_refused(struct guarded *g, const struct preamble_answer *answer)
{
    const struct conn *c = container_of(g, struct conn, pump);
    char id[9], reason[LOG_TEXT_MAX];
    log_info(LOG_OPEN, "%s: %s: %s%s%s", peer_id_short(&c->target->site.peer, id),
             c->target->what.name, preamble_status_text(answer->status),
             answer->reason[0] ? ": " : "",
             log_text(reason, answer->reason, strlen(answer->reason)));
}

static void on_moved(struct guarded *g, size_t to_far, size_t from_far)
{
    struct conn_target *t = container_of(g, struct conn, pump)->target;
    t->to_far += to_far;
    t->from_far += from_far;
}

static const struct guarded_handler pump_events = {on_end, on_refused, on_moved};

/* The service's owner may say that it is no HTTP, or wants no guard. */
static bool is_raw(struct conn_target *t)
{
    struct peer_view view;
    if (!node_peer(t->node, &t->site.peer, &view) || !view.services_known)
        return t->raw;
    for (size_t i = 0; i < view.service_count; i++) {
        const struct remote_service *s = &view.services[i];
        if (t->what.port ? s->port == t->what.port : strcmp(s->name, t->what.name) == 0)
            t->raw = s->raw;
    }
    return t->raw;
}

/* ---- from accept to the pump ---- */

/* Returns 0, or why there is no stream; then the socket is still ours. */
static int open_stream(struct conn *c, struct sock *sock)
{
    struct conn_target *t = c->target;
    struct pipe *pipe;
    int err = node_open_stream(t->node, &t->site.peer, &t->what, &pipe);
    if (err < 0)
        return err;
    struct guarded_options options = {
        .env = node_env(t->node),
        .sock = sock,
        .pipe = pipe,
        .take_answer = node_take_answer,
        .raw = is_raw(t),
        .site = t->site,
        .farewells = t->farewells,
        .handler = &pump_events,
    };
    c->waiting = NULL;
    if (guarded_start(&c->pump, &options) < 0)
        drop(c);
    return 0;
}

static void give_up(struct conn *c, const char *why)
{
    char id[9];
    log_info(LOG_OPEN, "%s: %s: %s", peer_id_short(&c->target->site.peer, id), c->target->what.name,
             why);
    sock_reset(node_env(c->target->node), c->waiting);
    drop(c);
}

static void on_connected(struct node_wait *wait, int err, const char *why)
{
    struct conn *c = container_of(wait, struct conn, wait);
    if (err < 0)
        give_up(c, why);
    else if (open_stream(c, c->waiting) < 0)
        give_up(c, "too many streams are open");
}

void conn_accept(struct conn_target *t, struct sock *sock, const struct addr *from,
                 const struct addr *local)
{
    struct env *env = node_env(t->node);
    if (!local_users_allow_tcp(t->users, env, from, local)) {
        log_info(LOG_OPEN, "port %u: a caller who is not the same user was reset",
                 addr_port(local));
        sock_reset(env, sock);
        return;
    }
    struct conn *c = calloc(1, sizeof(*c));
    if (!c) {
        sock_reset(env, sock);
        return;
    }
    c->target = t;
    c->waiting = sock;
    list_append(&t->conns, &c->link);
    t->connections++;
    int err = open_stream(c, sock);
    if (err == -ENOTCONN) {
        c->wait.done = on_connected;
        node_connect(t->node, &t->site.peer, &c->wait);
    } else if (err < 0) {
        give_up(c, "too many streams are open");
    }
}

void conn_abort_all(struct conn_target *t)
{
    for (struct list *at = list_first(&t->conns); at; at = list_first(&t->conns)) {
        struct conn *c = list_entry(at, struct conn, link);
        if (c->waiting) {
            node_connect_cancel(&c->wait);
            sock_reset(node_env(t->node), c->waiting);
        } else {
            guarded_abort(&c->pump);
        }
        drop(c);
    }
}
