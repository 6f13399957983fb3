/**
 * One classification of the NAT (gateway/nat/classify.h) on the gateway's sockets: the main one of
 * a family, which carries the sessions, and three that are opened for it and closed at its end.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/attr.h"
#include "gateway/nat/classify.h"
#include "gateway/node/hub.h"

struct nat_run {
    struct hub *hub;
    bool running;
    bool news;                      /* something was heard: nat_run_step() is due */
    uint32_t via[CLASSIFY_SOCKETS]; /* 0: the main one, or one that could not be opened */
    struct classify core;           /* its report and options stay when the run has ended */
};

/**
 * Begins; one that runs is forgotten. Of `options` servers and observations count. Returns 0,
 * -EAFNOSUPPORT (no main socket of the servers' family), or what hub_open_extra() said.
 */
MUST_USE int nat_run_start(struct nat_run *r, struct hub *hub,
                           const struct classify_options *options, instant now);
/** Ends it without result. */
void nat_run_stop(struct nat_run *r);
/** Takes a STUN message that came over `via`. False: it is none of this run. */
bool nat_run_input(struct nat_run *r, const struct udp_rx *rx, uint32_t via);
/** Sends what is due, and closes the sockets when all is known. Not while a socket is read. */
void nat_run_step(struct nat_run *r, instant now);
/** When to call nat_run_step() again. */
instant nat_run_deadline(const struct nat_run *r);
