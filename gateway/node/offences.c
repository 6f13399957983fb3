/* What others do that they should not: who it was, and what follows. */
#include "gateway/node/members.h"

#include "gateway/base/log.h"

static bool comes_from(const struct member *m, const struct addr *at)
{
    struct path_info info[PATH_SET_MAX];
    const struct quic_conn *conn = peer_conn(&m->peer);
    size_t count = conn ? quic_conn_paths(conn, info, PATH_SET_MAX) : 0;

    for (size_t i = 0; i < count && i < PATH_SET_MAX; i++)
        if (info[i].path.kind != PATH_RELAY && addr_same_caller(&info[i].path.remote, at))
            return true;
    return false;
}

static bool is_friends(void *arg, const struct addr *at)
{
    const struct node *n = arg;

    list_each(node, &n->members)
    {
        const struct member *m = list_entry(node, struct member, link);
        const struct known_peer *known = registry_peer(n->registry, &m->peer.id);
        bool friend = (known && !known->blocked) || relay_desk_keeps(&n->relay, &m->peer.id);
        if (friend && comes_from(m, at))
            return true;
    }
    return false;
}

void offences_start(struct node *n)
{
    abuse_init(&n->abuse, n->env, &n->access, n->options.block_abusers, is_friends, n);
}

void offence_of_caller(struct node *n, enum quic_offence what, const struct path *path, bool there)
{
    switch (what) {
    case QUIC_OFFENCE_AUTH:
        abuse_by(&n->abuse, ABUSE_AUTH, path, there, NULL, "failed to authenticate");
        return;
    case QUIC_OFFENCE_MALFORMED:
        abuse_by(&n->abuse, ABUSE_MALFORMED, path, there, NULL, "malformed packets");
        return;
    case QUIC_OFFENCE_FLOOD:
        abuse_by(&n->abuse, ABUSE_FLOOD, path, there, NULL, "more callers than are heard");
        return;
    }
}

void offence_refused(struct node *n, const struct peer_id *id, const struct path *path,
                     const char *why)
{
    abuse_by(&n->abuse, ABUSE_REFUSED, path, true, id, why);
}

static void settle_soon(struct node *n)
{
    n->charges = true;
    env_defer(n->env, &n->chores);
}

struct charge {
    enum abuse_kind kind;
    const char *text;
};

static struct charge charge_of(enum peer_offence what)
{
    switch (what) {
    case PEER_MALFORMED:
        return (struct charge){ABUSE_MALFORMED, "broke the protocol"};
    case PEER_OTHER_NETWORK:
        return (struct charge){ABUSE_NETWORK, "belongs to another network"};
    case PEER_OVER_LIMIT:
        return (struct charge){ABUSE_OVER_LIMIT, "wanted more at a time than a peer may have"};
    }
    return (struct charge){ABUSE_MALFORMED, ""};
}

/* A friend's network has another name by mistake, and it asks for days: nothing to block it for. A
 * stranger has keys without end, so that to block one is of no use. */
void offence_of_peer(struct node *n, struct peer *p, struct quic_conn *conn, enum peer_offence what)
{
    struct member *m = p->owner;
    const struct charge charge = charge_of(what);
    struct quic_conn_info info;

    quic_conn_info(conn, &info);
    if (!registry_peer(n->registry, &p->id) || what == PEER_OTHER_NETWORK) {
        m->record.offences++;
        abuse_by(&n->abuse, charge.kind, &info.path, true, &p->id, charge.text);
        settle_soon(n);
        return;
    }
    if (!abuse_by_peer(&n->abuse, &m->record, charge.kind, &p->id, charge.text))
        return;
    m->charge = charge.text;
    settle_soon(n);
}

static void block(struct member *m)
{
    struct node *n = m->node;
    const char *why = m->charge;

    m->charge = NULL;
    if (registry_block_for(n->registry, &m->peer.id, why) < 0 || registry_save(n->registry) < 0)
        log_warn(LOG_ABUSE, "the registry could not be saved: a block lasts until the next start");
    abuse_has_blocked(&n->abuse, &m->peer.id, why);
}

void offences_settle(struct node *n)
{
    if (!n->charges)
        return;
    n->charges = false;
    bool blocked = false;
    list_each(node, &n->members)
    {
        struct member *m = list_entry(node, struct member, link);
        peer_drop_shut(&m->peer);
        blocked = blocked || m->charge;
        if (m->charge)
            block(m);
    }
    if (blocked)
        node_registry_changed(n);
}

void node_abuse(const struct node *n, struct abuse_view *out)
{
    *out = (struct abuse_view){
        .turned_away = n->access.refused,
        .blocked = n->abuse.blocked,
        .shut = access_count_shut(&n->access, env_now(n->env)),
    };
    for (int i = 0; i < ABUSE_KINDS; i++)
        out->kind[i] = (struct abuse_count){abuse_event((enum abuse_kind)i), n->abuse.count[i]};
}

void node_limits(const struct node *n, struct limits_view *out)
{
    *out = (struct limits_view){
        .rate = n->options.rate,
        .uplink = n->options.uplink,
        .streams_per_peer = n->options.streams_per_peer,
        .max_peers = n->options.max_peers,
        .block_abusers = n->options.block_abusers,
        .allow_from = n->access.allow_count,
        .block_from = n->access.block_count + n->access.more_count,
    };
}
