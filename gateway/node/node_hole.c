#include "gateway/node/node_hole.h"

#include "gateway/crypto/secret.h"

void node_hole_drop(struct env *env, struct node_hole *hole)
{
    if (hole->udp)
        udp_close(env, hole->udp);
    if (hole->tcp)
        sock_reset(env, hole->tcp);
    secret_wipe(hole, sizeof(*hole));
}
