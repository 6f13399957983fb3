#include "gateway/node/punch_round.h"

#include <errno.h>
#include <stdlib.h>

/* Probes sent before the loop may look at its sockets again; the core paces them anyway. */
#define PROBES_PER_RUN 64

int punch_round_new(struct punch_round **out, const struct punch_place *place, instant now,
                    const struct punch_options *options)
{
    struct punch_round *r = calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->at = *place;
    r->meets = place->tcp && options->tcp;
    int err = punch_new(&r->core, now, options);
    if (err < 0) {
        free(r);
        return err;
    }
    *out = r;
    return 0;
}

/* ---- sockets ---- */

/* Is there a path of the session over it that works? */
static bool is_of_use(const struct quic_conn *conn, uint32_t via)
{
    struct path_info path[PATH_SET_MAX];
    size_t count = quic_conn_paths(conn, path, PATH_SET_MAX);

    for (size_t i = 0; i < count && i < PATH_SET_MAX; i++)
        if (path[i].path.kind == PATH_UDP && path[i].path.via == via &&
            (path[i].current || path[i].state == PATH_GOOD || path[i].state == PATH_SUSPECT))
            return true;
    return false;
}

/* NATs whose ports have to be guessed are those of IPv4. */
static uint32_t open_socket(struct hub *hub)
{
    static const uint8_t ANYWHERE[4] = {192, 0, 2, 1}; /* RFC 5737: just some address outside */
    const struct addr outside = addr_v4(ANYWHERE, 1);
    const struct hub_socket *main = hub_socket_for(hub, &outside);
    uint32_t via = 0;

    int err = main ? hub_open_extra(hub, &main->local, &via) : -EAFNOSUPPORT;
    return err < 0 ? 0 : via;
}

void kept_sockets_let_go(struct list *kept, struct hub *hub, struct quic_conn *conn, uint32_t via)
{
    struct kept_socket *k = NULL;

    if (conn && via != 0 && is_of_use(conn, via))
        k = calloc(1, sizeof(*k));
    if (!k) {
        hub_close_extra(hub, via);
        return;
    }
    *k = (struct kept_socket){.hub = hub, .conn = conn, .via = via};
    list_append(kept, &k->link);
}

static void open_wanted(struct punch_round *r)
{
    unsigned wanted = punch_sockets(r->core);

    while (r->sockets < wanted && r->sockets < PUNCH_SOCKETS_MAX)
        r->via[r->sockets++] = open_socket(r->at.hub);
}

void punch_round_free(struct punch_round *r)
{
    if (!r)
        return;
    while (r->sockets > 0)
        kept_sockets_let_go(r->at.kept, r->at.hub, r->at.conn, r->via[--r->sockets]);
    if (r->meets)
        tcp_roads_leave(r->at.tcp, r->at.id, NULL);
    punch_free(r->core);
    free(r);
}

static void close_kept(struct kept_socket *k)
{
    hub_close_extra(k->hub, k->via);
    list_remove(&k->link);
    free(k);
}

void kept_sockets_review(struct list *kept, const struct quic_conn *ended)
{
    struct list all;

    list_take_all(&all, kept);
    for (struct list *node; (node = list_first(&all));) {
        struct kept_socket *k = list_entry(node, struct kept_socket, link);
        list_remove(node);
        list_append(kept, node);
        if (k->conn == ended || !is_of_use(k->conn, k->via))
            close_kept(k);
    }
}

void kept_sockets_close(struct list *kept)
{
    for (struct list *node; (node = list_first(kept));)
        close_kept(list_entry(node, struct kept_socket, link));
}

uint32_t punch_round_fresh(const struct punch_round *r)
{
    unsigned fresh = punch_fresh(r->core);
    return fresh > 0 && fresh <= r->sockets ? r->via[fresh - 1] : 0;
}

/* ---- probes ---- */

static bool path_of(const struct punch_round *r, const struct punch_send *probe, struct path *out)
{
    *out = (struct path){.kind = PATH_UDP, .remote = probe->to};
    if (probe->socket == 0)
        return true;
    if (probe->socket > r->sockets || addr_is_v6(&probe->to))
        return false;
    out->via = r->via[probe->socket - 1];
    return out->via != 0;
}

/* What has a hop limit ends in our own network. */
static bool may_send(struct punch_round *r, instant now, const struct punch_send *probe)
{
    bool may = probe->ttl > 0 || punch_budget_take(r->at.budget, r->at.common, now, &probe->to);
    if (may && probe->socket == 0)
        punch_budget_sent(r->at.budget, now, &probe->to);
    return may;
}

/* Also what the kernel repeats is a packet to an address that the peer named. */
static void meet(struct punch_round *r, instant now, const struct punch_send *send)
{
    bool may = r->meets && punch_budget_take(r->at.budget, r->at.common, now, &send->to);

    if (send->again && !may)
        tcp_roads_leave(r->at.tcp, r->at.id, &send->to);
    else if (!send->again && may && tcp_roads_meet(r->at.tcp, r->at.id, &send->to) < 0)
        punch_refused(r->core, now, &send->to);
}

void punch_round_refused(struct punch_round *r, instant now, const struct addr *to)
{
    punch_refused(r->core, now, to);
}

static void send_probe(struct punch_round *r, instant now, const struct punch_send *send)
{
    uint8_t probe[QUIC_GUESS_LEN];
    struct path path;

    if (!path_of(r, send, &path) || !may_send(r, now, send) ||
        quic_conn_guess(r->at.conn, &send->to, probe) < 0)
        return;
    hub_send_path(r->at.hub, &path, probe, sizeof(probe), send->ttl);
    r->sent++;
}

void punch_round_run(struct punch_round *r, instant now)
{
    struct punch_send send;

    open_wanted(r);
    for (unsigned i = 0; i < PROBES_PER_RUN && punch_output(r->core, now, &send); i++) {
        if (send.tcp)
            meet(r, now, &send);
        else
            send_probe(r, now, &send);
        open_wanted(r);
    }
}

void punch_round_heard(struct punch_round *r, instant now, const struct path *path, bool works)
{
    unsigned socket = 0;

    if (path->kind == PATH_TCP && r->meets && works) {
        punch_budget_answered(r->at.budget, r->at.common, &path->remote);
        punch_proven(r->core, now, 0, &path->remote);
    }
    if (path->kind != PATH_UDP)
        return;
    while (path->via != 0 && socket < r->sockets && r->via[socket] != path->via)
        socket++;
    if (path->via != 0 && socket == r->sockets)
        return;
    socket = path->via == 0 ? 0 : socket + 1;
    r->heard++;
    punch_budget_answered(r->at.budget, r->at.common, &path->remote);
    punch_heard(r->core, now, socket, &path->remote);
    if (works)
        punch_proven(r->core, now, socket, &path->remote);
}
