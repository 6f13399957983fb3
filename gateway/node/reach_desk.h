/**
 * Is this gateway reached from outside? Peers and relays are asked to send something here from
 * where nothing was sent to before (gateway/wire/reach_message.h), and do so for those who ask.
 *
 * Those who ask it: what filters in front of us (gateway/node/filter_trial.h), the addresses that
 * our peers are told, port mappings.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/nat_report.h"
#include "gateway/node/desk.h"
#include "gateway/node/reach_help.h"
#include "gateway/wire/message.h"

#define REACH_HELPERS_MAX 3 /* that are asked for one check */

enum reach {
    REACH_UNKNOWN, /* nobody could help */
    REACH_NO,      /* they say that they dialled; nothing came */
    REACH_PORT,    /* something came from another port of an address that we talk to anyway */
    REACH_YES,     /* something came from an address that we have no session with */
};

/** Whether something comes in at an address. Embed one; zeroed. */
struct reach_check {
    struct list link;
    struct addr target; /* as it is seen from outside */
    uint32_t via;       /* the socket where it must come in; 0: a main one */
    struct addr helper; /* only the one whose session has this address; none: anybody */
    uint8_t token[REACH_TOKEN_LEN];
    struct quic_conn *asked; /* who is to dial now */
    struct addr asked_at;    /* its address */
    struct peer_id tried[REACH_HELPERS_MAX];
    unsigned tries;
    bool dialled; /* somebody says so */
    bool far;     /* and from another address too */
    enum reach result;
    instant due;
    /** Told once, from the loop; may start it anew. */
    void (*done)(struct reach_check *c, enum reach result);
};

struct reach_desk {
    const struct desk *node; /* borrowed; NULL: not started */
    struct reach_help help;
    struct list checks;
    struct timer timer;
};

void reach_desk_start(struct reach_desk *d, const struct desk *node);
/** Who waits is not told. */
void reach_desk_stop(struct reach_desk *d);

/** Checks whether `target` leads to a main socket. `c->via` and `c->helper` may be set before;
 *  `c->done` must be. It takes up to six seconds. */
void reach_desk_verify(struct reach_desk *d, struct reach_check *c, const struct addr *target);
/** `done` will not be called. Does nothing to one that is over. */
void reach_desk_cancel(struct reach_desk *d, struct reach_check *c);

/** From the peers' events. */
void reach_desk_on_conn(struct reach_desk *d, struct quic_conn *conn, bool ended);
void reach_desk_on_part(struct reach_desk *d, struct quic_conn *conn,
                        const struct message_part *part);
/** Takes a STUN message that came over `via`. False: it is none that was waited for. */
bool reach_desk_input(struct reach_desk *d, const struct udp_rx *rx, uint32_t via);
