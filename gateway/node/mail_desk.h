/**
 * Meeting peers by mail, or by hand (gateway/discovery/mailbox.h): for two gateways behind NATs
 * that have neither a relay nor anything else between them.
 *
 * A peer that has a mail address and is not reached for some seconds gets a message; mail for us is
 * fetched and believed if a contact sealed it. What comes of either is a meeting
 * (gateway/punch/meeting.h): openers towards the addresses that the peer named, and attempts to
 * connect. The same is done with a message that a person brings along.
 *
 * What a peer names gets packets without a hop limit within PUNCH_BUDGET_PROBES alone, and has to
 * pass punch_may_probe().
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/list.h"
#include "gateway/discovery/mailbox.h"
#include "gateway/node/desk.h"
#include "gateway/node/gather.h"
#include "gateway/node/punch_budget.h"
#include "gateway/node/stun_desk.h"
#include "gateway/punch/meeting.h"

#define MAIL_MEETINGS_MAX 16 /* at a time */

struct mail_desk_options {
    const struct keys *keys;
    const uint8_t *network; /* message_network() */
    const struct gather *gather;
    const struct stun_desk *stun;
    struct punch_common *common; /* what is spent on others' addresses */
};

/** With a contact; it lasts until it is reached, or the time is over. */
struct mail_meeting {
    struct list link;
    struct peer_id id;
    struct meeting core;
};

struct mail_desk {
    const struct desk *node;          /* borrowed; NULL: not started */
    struct mail_desk_options options; /* borrowed, all of them */
    struct mailbox box;
    struct mail_job send, fetch;
    struct peer_id sent_to;
    uint32_t newest; /* uid of the mails that were looked at */
    instant anew;    /* when all of them are looked at again */
    struct list meetings;
    unsigned meeting_count;
    struct punch_budget budget;
    bool dials;         /* the attempt that begins is a meeting's */
    instant keep;       /* when our NAT's mapping is used next, while somebody waits */
    instant keep_until; /* for others than the mail's */
    instant next;       /* when the timer is set to */
    struct timer timer;
    char trouble[2][256]; /* with the servers for sending and fetching; "": none */
};

void mail_desk_start(struct mail_desk *d, const struct desk *node,
                     const struct mail_desk_options *options);
/** Fine on a zeroed struct. */
void mail_desk_stop(struct mail_desk *d);
/** The registry changed. */
void mail_desk_contacts(struct mail_desk *d);

/** A peer is being dialled. Writes where else it may be. Returns how many. */
size_t mail_desk_find(struct mail_desk *d, struct peer *p, struct addr *out, size_t max);
/** It was reached. */
void mail_desk_on_ready(struct mail_desk *d, const struct peer *p);
/** From the peers' events. */
void mail_desk_on_conn(struct mail_desk *d, struct quic_conn *conn, bool ended);

/** Puts down where we are, for a contact: `max` candidates at most, those of our NATs first. */
void mail_say_where(const struct mail_desk *d, struct mailbox_message *m, size_t max);
/** A contact said where it is, by mail or otherwise: what follows is a meeting, whose second
 * moment, if this is no answer, is `after_ms` from now. Returns false if it is reached already. */
bool mail_desk_heard(struct mail_desk *d, const struct mailbox_heard *heard, unsigned after_ms);
/** Somebody waits for an answer until then: our NAT keeps what STUN servers saw. */
void mail_desk_keep(struct mail_desk *d, instant until);

/** As node_mail_write() and node_mail_read(). */
MUST_USE int mail_desk_write(struct mail_desk *d, const struct peer_id *to, const uint8_t *re,
                             char out[static MAILBOX_TEXT_MAX]);
MUST_USE int mail_desk_read(struct mail_desk *d, const char *text, size_t len,
                            struct mailbox_heard *out);
void mail_desk_view(const struct mail_desk *d, struct node_mail_view *out);

/* mail_meet.c */

/** A contact said where it is. `after_ms` as in mail_desk_heard(). */
void mail_meet(struct mail_desk *d, const struct mailbox_heard *heard, unsigned after_ms);
/** It has an answer now, which names the moment. */
void mail_meet_answered(struct mail_desk *d, const struct peer_id *id, instant now, instant meet);
struct mail_meeting *mail_meeting_of(const struct mail_desk *d, const struct peer_id *id);
void mail_meeting_end(struct mail_desk *d, struct mail_meeting *m);
/** Does what is due. Returns when there is more. */
instant mail_meetings_run(struct mail_desk *d, instant now);
/** A packet that goes no further than our own NATs. */
void mail_send_opener(const struct mail_desk *d, const struct addr *to);
/** Takes what an attempt to connect sends there from the budget. */
bool mail_may_dial(struct mail_desk *d, instant now, const struct addr *a);
