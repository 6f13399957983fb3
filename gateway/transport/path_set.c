#include "gateway/transport/path_set.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/transport/path_choice.h"
#include "gateway/transport/path_ping.h"
#include "gateway/transport/path_size.h"
#include "gateway/transport/path_watch.h"

#define MOVED_AFTER MSEC(50) /* packets still on their way may overtake one another that long */
#define HINT_EVERY  MSEC(250)

/* ---- keys ---- */

static void derive(uint8_t *out, size_t len, const struct path_set_options *o, const char *label)
{
    hash_blake2b(out, len, o->secret, sizeof(o->secret), label, strlen(label));
}

static uint64_t derive_token(const struct path_set_options *o, const char *label)
{
    uint8_t bytes[HASH_BLAKE2B_MIN];
    derive(bytes, sizeof(bytes), o, label);
    struct reader r = reader_over(bytes, sizeof(bytes));
    return read_be64(&r);
}

static void derive_keys(struct path_set *s, const struct path_set_options *o)
{
    bool dialler = o->role == PATH_DIALLER;

    derive(dialler ? s->key_out : s->key_in, PROBE_KEY_LEN, o, "key of dialler");
    derive(dialler ? s->key_in : s->key_out, PROBE_KEY_LEN, o, "key of acceptor");
    uint64_t to_acceptor = derive_token(o, "token to acceptor");
    uint64_t to_dialler = derive_token(o, "token to dialler");
    s->token_out = dialler ? to_acceptor : to_dialler;
    s->token_in = dialler ? to_dialler : to_acceptor;
}

/* ---- input ---- */

void path_set_init(struct path_set *s, instant now, const struct path_set_options *options)
{
    *s = (struct path_set){.role = options->role,
                           .random = options->random,
                           .arg = options->arg,
                           .switched_at = now,
                           .active = now,
                           .settle = PATH_SETTLE_TIME,
                           .explore_due = now + PATH_IDLE_AFTER / 2,
                           .choose_due = INSTANT_NEVER,
                           .checks = bucket_of(PATH_CHECKS_PER_SECOND, PATH_CHECKS_BURST)};
    s->idle_check = path_ping_idle_check(s);
    derive_keys(s, options);
    /* The handshake filled full-size packets both ways, and was authentic. */
    s->slot[0] = (struct path_slot){.path = options->first,
                                    .state = PATH_GOOD,
                                    .full_size = true,
                                    .answered = now,
                                    .heard = now,
                                    .ping_due = now,
                                    .urgent = true};
    path_choice_plan(s, now);
}

void path_set_wipe(struct path_set *s)
{
    secret_wipe(s->key_in, sizeof(s->key_in));
    secret_wipe(s->key_out, sizeof(s->key_out));
}

uint64_t path_set_token(const struct path_set *s)
{
    return s->token_in;
}

int path_set_add(struct path_set *s, instant now, const struct path *path)
{
    struct path_slot *p = path_table_find(s, path);

    if (!p)
        p = path_table_take(s, path, now);
    if (!p)
        return -ENOSPC;
    p->hinted = p->gone = false;
    if (p->state == PATH_FAILED)
        path_table_revive(p, now);
    return 0;
}

void path_set_gone(struct path_set *s, instant now, const struct path *path)
{
    struct path_slot *p = path_table_find(s, path);

    if (!p)
        return;
    if (p != path_table_current(s)) {
        path_table_drop(p);
        return;
    }
    p->gone = true;
    path_choice_run(s, now);
    if (!p->gone || p != path_table_current(s))
        return;
    path_table_revive_all(s, now); /* whoever answers first is taken */
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (s->slot[i].state == PATH_GOOD || s->slot[i].state == PATH_SUSPECT)
            path_table_ping_by(&s->slot[i], now);
}

static void heard_from(const struct path_set *s, struct path_slot *p, instant now,
                       const struct path *path)
{
    p->heard = now;
    p->path.local = path->local;
    if (p->state == PATH_FAILED) {
        path_table_revive(p, now);
    } else if (p->ping_due == INSTANT_NEVER && p->unanswered >= PATH_UNANSWERED_MAX &&
               s->speaks_probes) { /* given up too early */
        p->unanswered = PATH_UNANSWERED_MAX - 1;
        p->ping_due = now + PATH_IDLE_CHECK;
    }
}

void path_set_heard(struct path_set *s, instant now, const struct path *path)
{
    struct path_slot *p = path_table_current(s);

    if (path_equal(&p->path, path)) {
        heard_from(s, p, now, path);
        path_watch_lives(s, now);
        return;
    }
    p = path_table_find(s, path);
    if (!p)
        p = path_table_take_hinted(s, path, now);
    if (!p)
        return;
    heard_from(s, p, now, path);
    if (!path_choice_has_moved(s, p))
        p->moved = now;
    if (now >= p->moved + MOVED_AFTER)
        path_choice_follow(s, p, now);
}

void path_set_hint(struct path_set *s, instant now, const struct path *path)
{
    struct path_slot *p = path_table_find(s, path);

    if (p == path_table_current(s) || (p && p->state == PATH_GOOD))
        return;
    if (s->hinted_at > 0 && now < s->hinted_at + HINT_EVERY)
        return;
    s->hinted_at = now;
    if (!p)
        (void)path_table_take_hinted(s, path, now);
    else if (p->unanswered < PATH_UNANSWERED_MAX)
        path_table_ping_by(p, now);
}

void path_set_waiting(struct path_set *s, instant now, bool waiting, instant pto)
{
    bool begins = waiting && !s->waiting;

    if (s->waiting && !waiting)
        s->asking_since = 0;

    s->pto = pto;
    s->waiting = waiting;
    if (!waiting)
        s->suspect = false;
    if (!begins)
        return;
    s->waiting_since = s->size.since = now;
    path_choice_plan(s, now);
}

void path_set_busy(struct path_set *s, instant now)
{
    path_size_busy(s, now);
}

void path_set_refused(struct path_set *s, instant now, const struct path *path, size_t len)
{
    if (path_equal(&path_table_current(s)->path, path))
        path_size_refused(s, now, len);
}

void path_set_traffic(struct path_set *s, instant now)
{
    bool idle = now >= s->active + PATH_IDLE_AFTER;

    s->active = now;
    if (!idle)
        return;
    path_choice_wake(s, now);
    path_ping_wake(s, now);
}

void path_set_kick(struct path_set *s, instant now)
{
    path_watch_doubt(s, now);
    path_table_forget_size(s);
    s->announce = true;
    s->came_down = false;
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        if (p->state == PATH_EMPTY)
            continue;
        if (p->state == PATH_FAILED)
            p->state = PATH_CHECKED;
        p->path.local = (struct addr){0};
        p->narrow = false;
        p->unanswered = p->full_tries = 0;
        p->asked_since = 0;
        path_table_ping_by(p, now);
    }
    path_choice_plan(s, now);
}

instant path_set_idle_check(const struct path_set *s, instant now)
{
    return now < s->active + PATH_IDLE_AFTER ? 0 : s->idle_check;
}

/* RFC 4303 §3.4.3 in small: accepts each sequence number once, up to 63 late. */
static bool is_fresh(struct path_set *s, uint32_t sequence)
{
    if (sequence > s->highest) {
        uint32_t ahead = sequence - s->highest;
        s->window = ahead < 64 ? s->window << ahead | 1 : 1;
        s->highest = sequence;
        return true;
    }
    uint32_t behind = s->highest - sequence;
    if (behind >= 64 || (s->window >> behind & 1))
        return false;
    s->window |= UINT64_C(1) << behind;
    return true;
}

static void measure(struct path_slot *p, instant rtt)
{
    if (rtt == 0)
        rtt = 1; /* 0 says "not measured" */
    p->last = rtt;
    p->rtt = p->samples == 0 ? rtt : (7 * p->rtt + rtt) / 8;
    if (p->samples < UINT8_MAX)
        p->samples++;
}

static void judge_size(struct path_slot *p, const struct path_ping *ping)
{
    if (ping->full_size) {
        p->full_size = true;
        p->full_tries = 0;
    }
    p->narrow = !p->full_size && p->full_tries >= PATH_FULL_TRIES;
}

static void on_answer(struct path_set *s, struct path_slot *p, const struct path_ping *ping,
                      instant now)
{
    bool is_current = p == path_table_current(s), stuck = s->suspect || s->asking_since > 0;

    measure(p, now - ping->sent);
    judge_size(p, ping);
    if (is_current && ping->use)
        s->announce = false;
    if (is_current && (ping->full_size || !stuck))
        path_watch_lives(s, now);
    if (!is_current)
        path_watch_spare(s, ping->sent, now);
    p->answered = ping->sent;
    memset(p->ping, 0, sizeof(p->ping)); /* from here on one at a time, while it answers */
    p->state = PATH_GOOD;
    p->unanswered = 0;
    p->asked_since = 0;
    path_ping_answered(s, p, now);
    path_choice_compare(s, p, now);
    path_choice_follow(s, p, now);
}

static void on_pong(struct path_set *s, struct path_slot *p, const struct probe *pong, instant now)
{
    if (p == path_table_current(s) && path_size_answered(s, now, pong->challenge))
        return;
    for (unsigned i = 0; i < sizeof(p->ping) / sizeof(p->ping[0]); i++)
        if (p->ping[i].sent > 0 && p->ping[i].challenge == pong->challenge) {
            const struct path_ping ping = p->ping[i];
            on_answer(s, p, &ping, now);
            return;
        }
}

static void on_ping(struct path_set *s, struct path_slot *p, const struct probe *ping, instant now)
{
    p->pong_due = true;
    p->pong_challenge = ping->challenge;
    if (!(ping->flags & PROBE_USE) || ping->sequence < s->use_heard)
        return;
    s->use_heard = ping->sequence;
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        s->slot[i].follow = false;
    if (p == path_table_current(s))
        return;
    p->follow = true;
    p->down = ping->flags & PROBE_DOWN;
    path_choice_follow(s, p, now);
    if (p->follow)
        path_table_ping_by(p, now);
}

int path_set_input(struct path_set *s, instant now, const struct path *path, const uint8_t *data,
                   size_t len)
{
    struct probe probe;

    if (probe_read(&probe, s->key_in, data, len) < 0 || probe.token != s->token_in ||
        !is_fresh(s, probe.sequence))
        return -EBADMSG;
    s->speaks_probes = true;
    struct path_slot *p = path_table_find(s, path);
    if (!p)
        p = path_table_take_hinted(s, path, now);
    if (!p)
        return 0;
    heard_from(s, p, now, path);
    p->seen = probe.seen;
    if (probe.type == PROBE_PING)
        on_ping(s, p, &probe, now);
    else
        on_pong(s, p, &probe, now);
    path_choice_run(s, now);
    return 0;
}

/* ---- output ---- */

size_t path_set_output(struct path_set *s, instant now, struct path *to,
                       uint8_t out[static PROBE_MAX])
{
    path_choice_run(s, now);
    path_ping_explore(s, now);
    size_t large = path_size_write(s, now, out);
    if (large > 0) {
        *to = path_table_current(s)->path;
        return large;
    }
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[(s->current + i) % PATH_SET_MAX];
        size_t len = path_ping_write(s, p, now, out);
        if (len > 0) {
            *to = p->path;
            return len;
        }
    }
    return 0;
}

void path_set_guess(struct path_set *s, const struct addr *remote, uint8_t out[static PROBE_MIN])
{
    path_ping_guess(s, remote, out);
}

instant path_set_deadline(const struct path_set *s)
{
    instant due = path_choice_deadline(s);

    if (s->explore_due < due)
        due = s->explore_due;
    if (path_size_deadline(s) < due)
        due = path_size_deadline(s);
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        const struct path_slot *p = &s->slot[i];
        if (p->state != PATH_EMPTY && p->pong_due)
            return 0;
        if (p->state != PATH_EMPTY && p->ping_due < due)
            due = p->ping_due;
    }
    return due;
}

/* ---- what others ask ---- */

const struct path *path_set_current(const struct path_set *s)
{
    return &s->slot[s->current].path;
}

bool path_set_take_switch(struct path_set *s)
{
    bool switched = s->switched;
    s->switched = false;
    return switched;
}

size_t path_set_payload(const struct path_set *s)
{
    return path_size_now(s);
}

bool path_set_take_shrink(struct path_set *s)
{
    bool shrunk = s->size.shrunk;
    s->size.shrunk = false;
    return shrunk;
}

bool path_set_take_wake(struct path_set *s)
{
    bool woken = s->woken;
    s->woken = false;
    return woken;
}

bool path_set_is_resting(const struct path_set *s)
{
    return s->resting;
}

bool path_set_is_suspect(const struct path_set *s)
{
    return s->suspect;
}

bool path_set_works(const struct path_set *s, const struct path *path)
{
    for (unsigned i = 0; i < PATH_SET_MAX; i++)
        if (s->slot[i].state == PATH_GOOD && path_equal(&s->slot[i].path, path))
            return true;
    return false;
}

bool path_set_speaks_probes(const struct path_set *s)
{
    return s->speaks_probes;
}

size_t path_set_info(const struct path_set *s, struct path_info *out, size_t max)
{
    size_t count = 0;

    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        const struct path_slot *p = &s->slot[(s->current + i) % PATH_SET_MAX];
        if (p->state == PATH_EMPTY)
            continue;
        if (count < max)
            out[count] = (struct path_info){.path = p->path,
                                            .state = i == 0 && s->suspect ? PATH_SUSPECT : p->state,
                                            .current = i == 0,
                                            .full_size = p->full_size,
                                            .rtt = p->rtt,
                                            .heard = p->heard,
                                            .seen = p->seen};
        count++;
    }
    return count;
}
