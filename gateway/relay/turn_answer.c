#include "gateway/relay/turn_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOVES_MAX    3 /* from server to server */
#define STALE_MAX    3 /* nonces that are too old at once: the server is confused */
#define RESTARTS_MAX 3 /* allocations lost without one refresh that worked */

/* ---- successes ---- */

static instant half_life(const struct stun_message *m, instant now)
{
    uint32_t lifetime;
    if (stun_get_u32(m, STUN_LIFETIME, &lifetime) < 0)
        lifetime = TURN_LIFETIME;
    if (lifetime < TURN_LIFETIME_MIN)
        lifetime = TURN_LIFETIME_MIN;
    if (lifetime > TURN_LIFETIME_MAX)
        lifetime = TURN_LIFETIME_MAX;
    return now + SEC(lifetime) / 2;
}

static int take_allocation(struct turn_client *c, instant now, const struct stun_message *m)
{
    struct addr relayed;

    if (stun_get_address(m, STUN_XOR_RELAYED_ADDRESS, &relayed) < 0 || addr_port(&relayed) == 0)
        return -EBADMSG;
    if (stun_get_address(m, STUN_XOR_MAPPED_ADDRESS, &c->mapped) < 0)
        c->mapped = (struct addr){0};
    c->relayed = relayed;
    c->ask.active = false;
    c->state = TURN_READY;
    c->refresh_at = half_life(m, now);
    return 0;
}

static int take_refresh(struct turn_client *c, instant now, const struct stun_message *m)
{
    c->ask.active = false;
    if (c->state == TURN_CLOSING) {
        c->state = TURN_CLOSED;
        return 0;
    }
    c->restarts = 0;
    c->refresh_at = half_life(m, now);
    return 0;
}

static int take_own_success(struct turn_client *c, instant now, const struct stun_message *m)
{
    return m->method == STUN_ALLOCATE ? take_allocation(c, now, m) : take_refresh(c, now, m);
}

static int take_peer_success(struct turn_peer *p, instant now, const struct stun_message *m)
{
    p->permit_at = now + TURN_PERMISSION_HALF;
    if (m->method == STUN_CHANNEL_BIND) {
        p->bind.active = false;
        p->bind_at = now + TURN_CHANNEL_HALF;
        p->state = TURN_PEER_OPEN;
    } else {
        p->permit.active = false;
    }
    return 0;
}

/* ---- errors ---- */

static enum turn_failure failure_of(unsigned code)
{
    switch (code) {
    case 401:
    case 441:
        return TURN_UNAUTHORIZED;
    case 403:
        return TURN_FORBIDDEN;
    case 437:
        return TURN_MISMATCH;
    case 440:
    case 442:
        return TURN_UNSUPPORTED;
    case 486:
        return TURN_QUOTA;
    case 508:
        return TURN_CAPACITY;
    default:
        return TURN_REFUSED;
    }
}

static void fail_with(struct turn_client *c, unsigned code, const char *reason)
{
    char text[TURN_REASON_MAX];
    (void)snprintf(text, sizeof(text), "the TURN server refused: %u %.80s", code, reason);
    turn_fail(c, failure_of(code), text);
}

/* A server may send us on, but not to an address that is nobody's business. */
static bool may_move_to(const struct turn_client *c, const struct addr *to)
{
    if (addr_port(to) == 0 || addr_equal(to, &c->server) || addr_is_unspecified(to) ||
        addr_is_multicast(to) || addr_is_link_local(to))
        return false;
    return (!addr_is_loopback(to) || addr_is_loopback(&c->server)) &&
           (!addr_is_private(to) || addr_is_private(&c->server) || addr_is_loopback(&c->server));
}

static int move(struct turn_client *c, instant now, const struct stun_message *m)
{
    struct addr to;

    if (stun_get_address(m, STUN_ALTERNATE_SERVER, &to) < 0)
        return -EBADMSG;
    if (++c->moves > MOVES_MAX || !may_move_to(c, &to) ||
        to.sa.sa_family != c->server.sa.sa_family) {
        turn_fail(c, TURN_MISDIRECTED, "the TURN server sent us to one that we do not ask");
        return 0;
    }
    c->server = to;
    turn_auth_forget(&c->auth);
    turn_allocate(c, now);
    if (c->stream)
        c->state = TURN_MOVED;
    return 0;
}

/* The server wants proof of who we are, or a fresh one. */
static int take_challenge(struct turn_client *c, struct turn_ask *ask, instant now, unsigned code,
                          const struct stun_message *m)
{
    bool first = c->auth.key_len == 0;
    if (code == 401 && (!first || c->auth.user[0] == '\0')) {
        turn_fail(c, TURN_UNAUTHORIZED,
                  first ? "the TURN server wants user and password"
                        : "the TURN server does not accept user and password");
        return 0;
    }
    int err = turn_auth_challenge(&c->auth, m);
    if (err == -EBADMSG)
        return -EBADMSG;
    if (err < 0) {
        turn_fail(c, TURN_UNAUTHORIZED,
                  "the TURN server's challenge was altered on its way, or is beyond us");
        return 0;
    }
    if (++ask->stale > STALE_MAX) {
        turn_fail(c, TURN_REFUSED, "the TURN server calls every nonce of its own stale");
        return 0;
    }
    turn_ask_start(c, ask, now);
    return 0;
}

/* 437: the server knows our allocation no more, after a restart for instance. */
static void lost_allocation(struct turn_client *c, instant now)
{
    if (c->state == TURN_CLOSING)
        c->state = TURN_CLOSED;
    else if (++c->restarts > RESTARTS_MAX)
        turn_fail(c, TURN_MISMATCH, "the TURN server loses every allocation");
    else
        turn_allocate(c, now);
}

static int take_own_error(struct turn_client *c, instant now, unsigned code, const char *reason)
{
    if (c->state == TURN_CLOSING)
        c->state = TURN_CLOSED;
    else if (code == 437 && c->state == TURN_READY)
        lost_allocation(c, now);
    else
        fail_with(c, code, reason);
    return 0;
}

static int take_peer_error(struct turn_client *c, struct turn_peer *p, instant now, unsigned code)
{
    if (code == 437) {
        lost_allocation(c, now);
        return 0;
    }
    p->state = TURN_PEER_REFUSED;
    p->code = code;
    p->bind.active = p->permit.active = false;
    p->bind_at = p->permit_at = INSTANT_NEVER;
    return 0;
}

/* An error may lack the MAC that it should have, but not have a wrong one. */
static int take_error(struct turn_client *c, struct turn_ask *ask, struct turn_peer *p, instant now,
                      const struct stun_message *m)
{
    char reason[TURN_REASON_MAX];
    unsigned code;

    if (stun_get_error(m, &code, reason, sizeof(reason)) < 0)
        return -EBADMSG;
    if (code == 401 || code == 438)
        return take_challenge(c, ask, now, code, m);
    if (turn_auth_check(&c->auth, m) == -EACCES)
        return -EBADMSG;
    if (code == 300 && m->method == STUN_ALLOCATE)
        return move(c, now, m);
    return p ? take_peer_error(c, p, now, code) : take_own_error(c, now, code, reason);
}

/* ---- which question it answers ---- */

static bool is_answer_to(const struct turn_ask *ask, const struct stun_message *m)
{
    return ask->active && ask->sent > 0 && memcmp(ask->id, m->id, STUN_ID_LEN) == 0;
}

static struct turn_ask *find_ask(struct turn_client *c, const struct stun_message *m,
                                 struct turn_peer **peer)
{
    *peer = NULL;
    if (m->method == STUN_ALLOCATE || m->method == STUN_REFRESH) {
        bool ours = (m->method == STUN_ALLOCATE) == (c->state == TURN_ALLOCATING);
        return ours && is_answer_to(&c->ask, m) ? &c->ask : NULL;
    }
    for (unsigned i = 0; i < TURN_PEERS_MAX && c->state == TURN_READY; i++) {
        struct turn_peer *p = &c->peer[i];
        struct turn_ask *ask = m->method == STUN_CHANNEL_BIND ? &p->bind : &p->permit;
        if (p->state == TURN_PEER_NONE || !is_answer_to(ask, m))
            continue;
        *peer = p;
        return m->method == STUN_CHANNEL_BIND || m->method == STUN_CREATE_PERMISSION ? ask : NULL;
    }
    return NULL;
}

int turn_take_answer(struct turn_client *c, instant now, const struct stun_message *m)
{
    struct turn_peer *p;
    struct turn_ask *ask = find_ask(c, m, &p);
    uint16_t unknown;

    if (!ask || stun_unknown(m, NULL, &unknown, 1) > 0)
        return -EBADMSG;
    if (m->class == STUN_ERROR)
        return take_error(c, ask, p, now, m);
    if (turn_auth_check(&c->auth, m) < 0) /* once challenged, answers must prove themselves too */
        return -EBADMSG;
    return p ? take_peer_success(p, now, m) : take_own_success(c, now, m);
}
