/* Holes for programs, as the control server asks for them (gateway/node/node_hole.h). */
#include "gateway/node/members.h"

int node_hole_ask(struct node *n, const struct peer_id *id, bool tcp, struct node_hole_wait *w)
{
    return hole_desk_ask(&n->holes, id, tcp, w);
}

void node_hole_cancel(struct node *n, struct node_hole_wait *w)
{
    hole_desk_cancel(&n->holes, w);
}

int node_hole_accept(struct node *n, struct node_hole_taker *t)
{
    return hole_desk_accept(&n->holes, t);
}

void node_hole_unaccept(struct node *n, struct node_hole_taker *t)
{
    hole_desk_unaccept(&n->holes, t);
}
