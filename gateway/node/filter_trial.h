/**
 * What a NAT or firewall lets in (RFC 4787 §5), found out with two relays that have one address
 * each: a socket that has asked one of them for its mapping, and then is dialled by both, from
 * other ports. What comes from the one that it never wrote to, everybody may send.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/nat_report.h"
#include "gateway/node/reach_desk.h"
#include "gateway/node/stun_desk.h"

struct filter_trial {
    struct stun_desk *stun;
    struct reach_desk *reach;
    bool running;
    unsigned waiting; /* checks */
    struct addr near, far;
    struct stun_refresh refresh;
    struct reach_check near_check, far_check;
    enum reach near_result, far_result;
    /** NAT_RULE_UNKNOWN: nobody could help. Told once, from the loop. */
    void (*done)(struct filter_trial *f, enum nat_rule rule);
};

/** Begins, with relays that answer STUN at the addresses of their sessions; `far` has another IP
 *  than `near`, or is none. `f->done` is set before. */
void filter_trial_start(struct filter_trial *f, struct stun_desk *stun, struct reach_desk *reach,
                        const struct addr *near, const struct addr *far);
/** `done` will not be called. */
void filter_trial_stop(struct filter_trial *f);
