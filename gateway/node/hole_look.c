/* NATs that give ports one after the other give them to others too: which one comes next is asked
 * right before the peer is told, and again before it counts. */
#include "gateway/node/hole.h"

#include "gateway/punch/plan.h"

static void on_looked(struct stun_refresh *refresh, uint16_t port)
{
    struct hole *h = container_of(refresh, struct hole, refresh);

    h->looks = false;
    h->looked = true;
    h->last_port = port;
    if (h->core && port != 0)
        punch_learn_port(h->core, port);
    hole_wake(h);
}

static void look(struct hole *h)
{
    h->looks = true;
    h->refresh = (struct stun_refresh){.done = on_looked};
    stun_desk_refresh(h->desk->options.stun, &h->refresh);
}

bool hole_look(struct hole *h)
{
    const struct nat_facts facts = gather_facts(h->desk->options.gather);
    enum nat_class class = punch_taken_for(&facts);

    if (h->tcp || h->looked || (class != NAT_SEQUENTIAL && class != NAT_BLOCK))
        return true;
    if (!h->looks)
        look(h);
    return false;
}

void hole_look_on(struct hole *h, instant now)
{
    if (punch_wants_port(h->core, now) && !h->looks)
        look(h);
}

void hole_look_end(struct hole *h)
{
    if (h->looks)
        stun_desk_refresh_cancel(h->desk->options.stun, &h->refresh);
    h->looks = false;
}
