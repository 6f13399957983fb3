/**
 * The table of paths below one session: what is known of each, and who gives up its place.
 *
 * Private to the path_* modules of this folder; others use gateway/transport/path_set.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"
#include "gateway/base/path.h"
#include "gateway/wire/probe.h"

#define PATH_SET_MAX 16

enum path_role {
    PATH_DIALLER,  /* dialled the session; it alone changes path merely for speed */
    PATH_ACCEPTOR, /* was dialled */
};

enum path_state {
    PATH_EMPTY,   /* not a path */
    PATH_CHECKED, /* candidate: being probed, has not answered yet */
    PATH_GOOD,    /* answered a challenge of ours lately (or carried the handshake) */
    PATH_SUSPECT, /* good before, silent now */
    PATH_FAILED,  /* unanswered probes used up; revives when heard of or kicked */
};

/** Paths of a smaller number are preferred, whatever their round trips. */
enum path_tier {
    TIER_UDP, /* straight to the peer */
    TIER_TCP, /* likewise, but a lost packet holds up those behind it */
    TIER_VIA, /* by way of others: a relay of ours or a TURN server */
};

static inline enum path_tier path_tier(const struct path *p)
{
    if (!path_is_direct(p))
        return TIER_VIA;
    return p->kind == PATH_TCP ? TIER_TCP : TIER_UDP;
}

/** A challenge that was sent and may still be answered. */
struct path_ping {
    uint64_t challenge;
    instant sent; /* 0: none */
    bool full_size;
    bool use; /* carried PROBE_USE */
};

/** One path. */
struct path_slot {
    struct path path;
    enum path_state state;
    bool full_size;           /* PROBE_FULL bytes passed from us to them */
    bool narrow;              /* small packets pass, full-size ones do not */
    bool hinted;              /* not added by us: first seen as a source */
    bool gone;                /* its carrier has ended */
    bool urgent;              /* the ping that is due is not for keep-alive */
    bool follow;              /* the other side wants us here: switch once it answers, */
    bool down;                /* ... even if our path is of a better tier */
    bool pong_due;            /* a ping waits for its answer */
    uint8_t full_tries;       /* full-size pings in a row without an answer */
    uint8_t samples;          /* round trips measured, up to 255 */
    uint8_t unanswered;       /* pings since the last answer, up to 255 */
    uint8_t better;           /* comparisons in a row that it won clearly */
    uint8_t falls;            /* how often in a row it was left soon after it was chosen */
    struct path_ping ping[4]; /* the last ones; long round trips need more than one */
    uint64_t pong_challenge;
    instant ping_due;    /* INSTANT_NEVER: none */
    instant asked_since; /* first of the unanswered pings, 0: none */
    instant answered;    /* when the last answered ping was sent, 0: never */
    instant heard;       /* last authentic packet or probe, 0: never */
    instant hold;        /* until then it is not chosen for being better */
    instant moved;       /* packets come this way and not by the current path since, or 0 */
    instant rtt;         /* smoothed, 0: not measured */
    instant last;        /* round trip, as measured last */
    instant compared;    /* `answered`, when that was last compared */
    struct addr seen;    /* where the other side sees us on this path, or none */
};

/** Sizes above PROBE_FULL that path_size.h tries: a tunnel over Ethernet, such as WireGuard, with
 *  IPv6; Ethernet with IPv6; the same with jumbo frames. */
static const uint16_t PATH_SIZES[] = {1372, 1452, PROBE_MAX};

/** How large packets may be on the current path. Sizes are counted from 1 in PATH_SIZES; 0 is
 *  PROBE_FULL. */
struct path_size {
    uint8_t proven;
    uint8_t failed; /* this one and larger ones do not pass, until raise_at; 0: none */
    uint8_t asked;  /* by pings that are under way, 0: none */
    uint8_t tries;
    bool passed; /* what was asked last */
    bool shrunk; /* the owner was not told yet */
    uint64_t challenge;
    instant asked_at;
    instant due;   /* the next ping, while asked */
    instant next;  /* not before that anything is asked */
    instant since; /* something has been in flight all the time since then */
    instant raise_at;
};

/** All of them, with what the session knows and wants. */
struct path_set {
    struct path_slot slot[PATH_SET_MAX];
    unsigned current; /* index into slot */
    enum path_role role;
    uint8_t key_in[PROBE_KEY_LEN], key_out[PROBE_KEY_LEN];
    uint64_t token_in, token_out;
    void (*random)(void *arg, void *out, size_t len);
    void *arg;
    uint32_t sequence;  /* of the last probe sent */
    uint32_t highest;   /* sequence received */
    uint64_t window;    /* bit n: highest - n was received */
    uint32_t use_heard; /* sequence of the newest PROBE_USE */
    bool speaks_probes;
    bool switched;
    bool waiting;
    bool suspect;
    bool announce;         /* our move is not known to have reached the other side, */
    bool came_down;        /* ... by which we gave up a path of a better tier */
    bool resting;          /* idle for so long that direct paths were given up */
    bool woken;            /* no longer; the owner was not told yet */
    instant pto;           /* QUIC's probe timeout on the current path */
    instant waiting_since; /* nothing heard on the current path since, with something in flight */
    instant suspect_since;
    instant asking_since; /* of a silent path, while another may be better; 0: no */
    instant spare_since;  /* another has answered since, 0: none */
    instant active;       /* last data of an application, either way */
    instant rest_since;   /* a relay was asked before direct paths are given up, 0: not yet */
    instant explore_due;  /* when to measure the paths that are not used */
    instant idle_check;   /* keep-alive of an idle session */
    instant settle;       /* between two changes for speed */
    instant switched_at;
    instant kicked_at;    /* 0: never, or heard on the current path since */
    instant hinted_at;    /* last hint that was acted upon */
    instant choose_due;   /* when to look again at what path_choice.h decides */
    struct bucket checks; /* probes to paths that never answered */
    struct path_size size;
};

/** The path that carries the session now. */
struct path_slot *path_table_current(struct path_set *s);
/** The place of a path, or NULL. */
struct path_slot *path_table_find(struct path_set *s, const struct path *path);
/** A place for a path to be checked from `now` on, or NULL when all are held by better ones. */
struct path_slot *path_table_take(struct path_set *s, const struct path *path, instant now);
/** As path_table_take(), for a mere source of packets: of the few places for such, the one that
 *  was asked most often in vain gives way. */
struct path_slot *path_table_take_hinted(struct path_set *s, const struct path *path, instant now);
/** The current path, or what leads there, is another one: it has to prove its size anew. */
void path_table_forget_size(struct path_set *s);
/** Forgets a path that is not the current one. */
void path_table_drop(struct path_slot *p);
/** Asks a path anew that was used up. */
void path_table_revive(struct path_slot *p, instant now);
/** All those that were used up but worked before. */
void path_table_revive_all(struct path_set *s, instant now);
/** Moves the next ping of a path forward to `due`, if it is later than that, and has it sent even
 *  if the path is heard until then. */
void path_table_ping_by(struct path_slot *p, instant due);
