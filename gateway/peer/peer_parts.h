/**
 * The parts of struct peer, for the files that make it up (peer_attempt.c, peer_choice.c,
 * peer_doubt.c, peer_link.c, peer_life.c).
 */
#pragma once

#include "gateway/peer/peer.h"

/** One connection to a peer, from dialling to its end. */
struct link {
    struct list node;
    struct peer *peer;
    struct quic_conn *conn;
    struct session *session; /* NULL until connected */
    struct path dialled;     /* none if the peer dialled */
    bool closing, named;
    uint64_t name; /* of the session, see peer_doubt.c; once it was asked for */
    instant lost;  /* when another connection was preferred; INSTANT_NEVER */
};

static inline instant peer_now(const struct peer *p)
{
    return env_now(p->host->env);
}

/** Where a path leads, in words: an address, if it has one. */
static inline const char *peer_path_text(const struct path *path, char out[static ADDR_TEXT_MAX])
{
    return path->kind == PATH_RELAY ? "through the relay" : addr_print(&path->remote, out);
}

static inline void peer_changed(struct peer *p)
{
    p->host->events->on_changed(p->host->arg, p);
}

/* peer_choice.c */

/** Uses the best of the connections from now on. */
void peer_choose(struct peer *p);
/** Closes connections that were not chosen and have nothing left to do. */
void peer_close_losers(struct peer *p);
/** Gives connections that are not direct the direct paths of the others. */
void peer_share_paths(struct peer *p);
bool peer_has_losers(const struct peer *p);
void link_close(struct link *l, enum quic_close_code code);

/* peer_doubt.c */

/** A session is ready: asks by it which of the others the peer still has. */
void peer_ask_about_others(struct peer *p, const struct link *by);
/** Does a link have a session with a name, which is l->name then? */
bool link_learn_name(struct link *l);
/** Is there a session of that name? */
bool peer_knows(const struct peer *p, uint64_t name);
/** The peer has said by a session that it does not have the one of that name. */
void peer_lose(struct peer *p, const struct link *by, uint64_t name);
/** The peer itself has turned down a new session: it cannot have those that are silent. */
void peer_lose_silent(struct peer *p);
/** Does what is due by the timer. */
void peer_doubt(struct peer *p);
/** When to call peer_doubt(). */
instant peer_doubt_due(const struct peer *p);

/* peer_link.c */

/** The session in use has changed, by the end of another: it may be ready. */
void peer_use_current(struct peer *p);

/* peer_attempt.c */

/** May this path be used, by the owner's rules? */
bool peer_may_use(const struct peer *p, const struct path *path);

/** Begins an attempt to connect. */
void peer_begin(struct peer *p);
/** Dials one more path, unless it was tried in this attempt. */
void peer_dial(struct peer *p, const struct path *path);
/** The attempt is over: without success, or, by peer_settle(), with. */
void peer_fail(struct peer *p, int err);
void peer_settle(struct peer *p);
/** Ends an attempt that has nothing left to try. */
void peer_fail_if_exhausted(struct peer *p);
/** Adds to what a person is told about this attempt. */
void peer_explain(struct peer *p, const char *format, ...) PRINTF_LIKE(2, 3);
void peer_plan_redial(struct peer *p);
/** Sets the timer anew, after anything that it depends on. */
void peer_set_timer(struct peer *p);
/** The timer's function. */
void peer_on_timer(struct timer *timer);
