/* The gateway as its desks see it, and their beginning; they stop in node_free(). */
#include "gateway/node/members.h"

static struct peer *desk_find(void *node, const struct peer_id *id)
{
    struct member *m = member_find(node, id);
    return m ? &m->peer : NULL;
}

static struct peer *desk_get(void *node, const struct peer_id *id)
{
    struct node *n = node;
    struct member *m = member_get(n, id);

    env_defer(n->env, &n->chores);
    return m ? &m->peer : NULL;
}

static void desk_each(void *node, void (*visit)(void *arg, struct peer *p), void *arg)
{
    struct node *n = node;
    list_each(at, &n->members)
    {
        visit(arg, &list_entry(at, struct member, link)->peer);
    }
}

static void desk_save(void *node)
{
    struct node *n = node;
    n->addresses_changed = true;
    env_defer(n->env, &n->chores);
}

static void start_desk(struct node *n)
{
    n->desk = (struct desk){
        .env = n->env,
        .hub = &n->hub,
        .registry = n->registry,
        .self = &n->keys->id,
        .options = &n->options,
        .find = desk_find,
        .get = desk_get,
        .each = desk_each,
        .save = desk_save,
        .node = n,
    };
}

static void start_pwnat(struct node *n)
{
    const struct pwnat_desk_options options = {
        .keys = n->keys,
        .network = n->hello.network,
        .gather = &n->punch.gather,
        .common = &n->punch.means.common,
        .bootstrap = &n->bootstrap,
    };
    pwnat_desk_start(&n->pwnat, &n->desk, &options);
}

static void on_enrolled(void *node)
{
    node_registry_changed(node);
}

static void start_invite(struct node *n)
{
    const struct invite_desk_options options = {
        .relay = &n->relay,
        .lan = &n->lan,
        .dht = &n->dht,
        .gather = &n->punch.gather,
        .network = n->hello.network,
        .enrolled = on_enrolled,
    };
    invite_desk_start(&n->invite, &n->desk, &options);
}

static void start_holes(struct node *n)
{
    const struct hole_desk_options options = {
        .gather = &n->punch.gather,
        .means = &n->punch.means,
        .stun = &n->outside.stun,
        .servers = node_stun_servers,
    };
    hole_desk_start(&n->holes, &n->desk, &options);
}

static void start_mail(struct node *n)
{
    const struct mail_desk_options options = {
        .keys = n->keys,
        .network = n->hello.network,
        .gather = &n->punch.gather,
        .stun = &n->outside.stun,
        .common = &n->punch.means.common,
    };
    mail_desk_start(&n->mail, &n->desk, &options);
}

int node_start_desks(struct node *n)
{
    start_desk(n);
    punch_desk_start(&n->punch, &n->desk, &n->outside.stun, &n->tcp);
    start_holes(n);
    int err = bootstrap_desk_start(&n->bootstrap, &n->desk);
    if (err == 0)
        start_pwnat(n);
    start_mail(n);
    if (err == 0)
        err = relay_desk_start(&n->relay, &n->desk);
    if (err == 0)
        start_invite(n);
    return err < 0 ? err : ways_start(n);
}
