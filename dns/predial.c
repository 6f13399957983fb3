#include "dns/predial.h"

void predial_init(struct predial *p, struct node *n)
{
    *p = (struct predial){.node = n};
}

static void on_done(struct node_wait *w, int err, const char *why)
{
    struct predial_try *t = list_entry(w, struct predial_try, wait);
    (void)err;
    (void)why;
    t->running = false;
}

/* The place for a new attempt, the one that is longest out of use; NULL: none, or not again yet. */
static struct predial_try *find_place(struct predial *p, const struct peer_id *peer, instant now)
{
    struct predial_try *best = NULL;
    for (size_t i = 0; i < PREDIAL_MAX; i++) {
        struct predial_try *t = &p->tries[i];
        bool same = t->begun != 0 && peer_id_equal(&t->peer, peer);
        if (same && (t->running || now - t->begun < PREDIAL_AGAIN))
            return NULL;
        if (!t->running && (!best || t->begun < best->begun))
            best = t;
    }
    return best;
}

void predial_peer(struct predial *p, const struct peer_id *peer)
{
    instant now = env_now(node_env(p->node));
    struct predial_try *t = find_place(p, peer, now);
    struct peer_view view;
    if (!t || peer_id_equal(peer, node_id(p->node)))
        return;
    if (node_peer(p->node, peer, &view) && view.state != PEER_IDLE &&
        view.state != PEER_UNREACHABLE)
        return;
    *t = (struct predial_try){.wait = {.done = on_done}, .peer = *peer, .running = true};
    t->begun = now > 0 ? now : 1;
    node_connect(p->node, peer, &t->wait);
}

void predial_deinit(struct predial *p)
{
    for (size_t i = 0; i < PREDIAL_MAX; i++)
        if (p->tries[i].running)
            node_connect_cancel(&p->tries[i].wait);
}
