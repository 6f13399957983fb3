#include "gateway/node/abuse.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/base/map.h"
#include "gateway/identity/peer_about.h"

#define WAYS 4 /* places where an address may be in the table */

/* Forgiven a second, in thousandths of a point: all of them in ten minutes. */
#define FORGIVEN 167

/* Lines of one kind a second, and at once. What is left out is counted. */
#define SAID_RATE  1
#define SAID_BURST 10

struct kind {
    const char *event;
    enum log_level level;
    unsigned points;
};

/* Whoever was blocked here, or has another network's name by mistake, asks again for days. */
static const struct kind KINDS[ABUSE_KINDS] = {
    [ABUSE_REFUSED] = {"refused", LOG_LEVEL_INFO, 1},
    [ABUSE_NETWORK] = {"wrong_network", LOG_LEVEL_INFO, 1},
    [ABUSE_AUTH] = {"auth_failed", LOG_LEVEL_WARN, 5},
    [ABUSE_MALFORMED] = {"malformed", LOG_LEVEL_WARN, 10},
    [ABUSE_FLOOD] = {"flood", LOG_LEVEL_WARN, 0},
    [ABUSE_OVER_LIMIT] = {"over_limit", LOG_LEVEL_WARN, 1},
};

const char *abuse_event(enum abuse_kind kind)
{
    return KINDS[kind].event;
}

void abuse_init(struct abuse *a, struct env *env, struct access *access, bool blocks,
                bool (*is_friends)(void *arg, const struct addr *at), void *arg)
{
    *a = (struct abuse){
        .env = env, .access = access, .blocks = blocks, .is_friends = is_friends, .arg = arg};
    env_random(env, a->secret, sizeof(a->secret));
    for (size_t i = 0; i < ABUSE_KINDS; i++)
        a->said[i] = bucket_of(SAID_RATE, SAID_BURST);
}

void abuse_deinit(struct abuse *a)
{
    free(a->place);
    a->place = NULL;
}

/* ---- said ---- */

static void say(struct abuse *a, enum abuse_kind kind, const struct peer_id *id,
                const struct addr *at, const char *how)
{
    struct peer_about about;
    char name[9], text[ADDR_TEXT_MAX];
    uint64_t more = a->unsaid[kind];
    const char *who = id ? peer_id_short(id, name) : at ? addr_print(at, text) : "somebody";

    a->count[kind]++;
    if (!bucket_take(&a->said[kind], env_now(a->env), 1)) {
        a->unsaid[kind]++;
        return;
    }
    a->unsaid[kind] = 0;
    (void)peer_about(&about, KINDS[kind].event, id, at);
    if (more > 0)
        log_event(KINDS[kind].level, LOG_ABUSE, &about.about, "%s: %s; %llu more before", who, how,
                  (unsigned long long)more);
    else
        log_event(KINDS[kind].level, LOG_ABUSE, &about.about, "%s: %s", who, how);
}

/* ---- counted ---- */

/* True: that was too much. Then the count begins anew. */
static bool is_too_much(struct abuse *a, struct abuse_record *r, enum abuse_kind kind)
{
    uint64_t points = (uint64_t)KINDS[kind].points * 1000;

    if (r->points.burst == 0)
        r->points = bucket_of(FORGIVEN, (uint64_t)ABUSE_LIMIT * 1000);
    r->offences++;
    if (points == 0 || bucket_take(&r->points, env_now(a->env), points))
        return false;
    r->points.owed = 0;
    return true;
}

/* The place of an address, made if need be; NULL: no memory. */
static struct abuse_place *place_of(struct abuse *a, const struct addr *from)
{
    const struct abuse_place key = {.caller = addr_caller(from)};

    if (!a->place)
        a->place = calloc(ABUSE_PLACES, sizeof(*a->place));
    if (!a->place)
        return NULL;
    uint64_t set = map_hash(a->secret, key.caller.ip, key.caller.len) % (ABUSE_PLACES / WAYS);
    struct abuse_place *first = &a->place[set * WAYS], *oldest = first;
    for (struct abuse_place *p = first; p < first + WAYS; p++) {
        if (addr_caller_equal(&p->caller, &key.caller))
            return p;
        if (p->last < oldest->last)
            oldest = p;
    }
    *oldest = key;
    return oldest;
}

static void shut(struct abuse *a, const struct addr *at)
{
    struct peer_about about;
    char text[ADDR_TEXT_MAX];
    instant until = env_now(a->env) + ABUSE_SHUT_TIME;

    if (a->is_friends(a->arg, at) || !access_shut(a->access, at, until))
        return;
    a->shut++;
    log_event(LOG_LEVEL_WARN, LOG_ABUSE, peer_about(&about, "shut", NULL, at),
              "%s is shut out for %u minutes", addr_print_ip(at, text),
              (unsigned)(ABUSE_SHUT_TIME / SEC(60)));
}

void abuse_by(struct abuse *a, enum abuse_kind kind, const struct path *path, bool there,
              const struct peer_id *id, const char *how)
{
    /* At the other end of a circuit is nobody's address but the relay's. */
    bool somewhere = path->kind != PATH_RELAY && !addr_is_none(&path->remote);

    say(a, kind, id, somewhere ? &path->remote : NULL, how);
    if (!somewhere || !there || !a->blocks)
        return;
    struct abuse_place *place = place_of(a, &path->remote);
    if (!place)
        return;
    place->last = env_now(a->env);
    if (is_too_much(a, &place->record, kind))
        shut(a, &path->remote);
}

bool abuse_by_peer(struct abuse *a, struct abuse_record *record, enum abuse_kind kind,
                   const struct peer_id *id, const char *how)
{
    say(a, kind, id, NULL, how);
    return is_too_much(a, record, kind) && a->blocks;
}

void abuse_has_blocked(struct abuse *a, const struct peer_id *id, const char *why)
{
    struct peer_about about;
    char name[9];

    a->blocked++;
    log_event(LOG_LEVEL_WARN, LOG_ABUSE, peer_about(&about, "blocked", id, NULL),
              "%s: blocked: %s again and again; overlay unblock lets it in again",
              peer_id_short(id, name), why);
}
