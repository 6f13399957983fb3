#include "gateway/transport/path_ping.h"

#include "gateway/transport/path_choice.h"
#include "gateway/transport/path_watch.h"

#define ACTIVE_CHECK  SEC(5)
#define IDLE_JITTER   SEC(1)
#define QUIC_FIRST    SEC(1) /* its own keep-alive, of the same time, makes ours unnecessary */
#define EXPLORE_EVERY SEC(60)
#define RETRY_DEAD    SEC(10)
#define GOOD_ENOUGH   MSEC(10)

enum { SHAKY_UNANSWERED = 3 };

static bool is_active(const struct path_set *s, instant now)
{
    return now < s->active + PATH_IDLE_AFTER;
}

static bool is_current(const struct path_set *s, const struct path_slot *p)
{
    return p == &s->slot[s->current];
}

/* ---- when ---- */

static instant retry_after(const struct path_set *s, const struct path_slot *p, instant now)
{
    instant pace = is_current(s, p) ? path_watch_pace(s, now) : 0;
    if (pace > 0)
        return pace;
    instant patience = p->rtt + p->rtt / 2 < SEC(1) ? p->rtt + p->rtt / 2 : SEC(1);
    instant wait = p->unanswered <= 5 ? MSEC(200) : p->unanswered <= 10 ? MSEC(500) : SEC(1);
    return wait > patience ? wait : patience;
}

/* How long the current path may be unheard before it is asked. */
static instant keep_alive(const struct path_set *s, instant now)
{
    return is_active(s, now) ? ACTIVE_CHECK : s->idle_check + QUIC_FIRST;
}

instant path_ping_idle_check(struct path_set *s)
{
    uint32_t chance;

    s->random(s->arg, &chance, sizeof(chance));
    instant more = chance % (IDLE_JITTER / MSEC(1)) * MSEC(1);
    return PATH_IDLE_CHECK + more + (s->role == PATH_DIALLER ? 0 : IDLE_JITTER);
}

/* Whatever comes over the current path keeps it alive as well as an answer. */
static bool is_put_off(const struct path_set *s, struct path_slot *p, instant now)
{
    instant due = p->heard + keep_alive(s, now);

    if (!is_current(s, p) || p->urgent || p->unanswered > 0 || s->announce || now >= due)
        return false;
    p->ping_due = due;
    return true;
}

void path_ping_answered(struct path_set *s, struct path_slot *p, instant now)
{
    bool more = p->samples < PATH_SAMPLES || (!p->full_size && p->full_tries < PATH_FULL_TRIES);

    p->urgent = more;
    if (more)
        p->ping_due = now;
    else
        p->ping_due = is_current(s, p) ? now + keep_alive(s, now) : INSTANT_NEVER;
}

static bool is_good_enough(const struct path_slot *p)
{
    return path_tier(&p->path) == TIER_UDP && p->rtt > 0 && p->rtt <= GOOD_ENOUGH;
}

void path_ping_explore(struct path_set *s, instant now)
{
    if (now < s->explore_due)
        return;
    s->explore_due = is_active(s, now) ? now + EXPLORE_EVERY : INSTANT_NEVER;
    if (s->explore_due == INSTANT_NEVER || is_good_enough(path_table_current(s)))
        return;
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        if (p->state != PATH_GOOD)
            continue;
        if (p->narrow && !is_current(s, p))
            p->full_tries = 0;
        path_table_ping_by(p, now);
    }
}

void path_ping_wake(struct path_set *s, instant now)
{
    struct path_slot *cur = path_table_current(s);

    if (s->explore_due == INSTANT_NEVER)
        s->explore_due = now;
    if (now + ACTIVE_CHECK < cur->ping_due)
        cur->ping_due = now + ACTIVE_CHECK;
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[i];
        if (p->state == PATH_FAILED && p->samples > 0 && path_is_direct(&p->path))
            path_table_ping_by(p, now);
    }
}

/* ---- what ---- */

static size_t emit(struct path_set *s, const struct addr *seen, struct probe probe, size_t len,
                   uint8_t *out)
{
    probe.token = s->token_out;
    probe.sequence = ++s->sequence;
    probe.seen = *seen;
    probe_write(&probe, s->key_out, out, len);
    return len;
}

void path_ping_guess(struct path_set *s, const struct addr *remote, uint8_t *out)
{
    struct probe probe = {.type = PROBE_PING};

    s->random(s->arg, &probe.challenge, sizeof(probe.challenge));
    (void)emit(s, remote, probe, PROBE_MIN, out);
}

size_t path_ping_of_size(struct path_set *s, const struct path_slot *p, uint64_t challenge,
                         size_t len, uint8_t *out)
{
    return emit(s, &p->path.remote, (struct probe){.type = PROBE_PING, .challenge = challenge}, len,
                out);
}

static size_t write_pong(struct path_set *s, struct path_slot *p, uint8_t *out)
{
    p->pong_due = false;
    return emit(s, &p->path.remote,
                (struct probe){.type = PROBE_PONG, .challenge = p->pong_challenge}, PROBE_MIN, out);
}

/* Remembered in place of the oldest. */
static void remember(struct path_slot *p, const struct path_ping *sent)
{
    struct path_ping *ping = &p->ping[0];

    for (unsigned i = 1; i < sizeof(p->ping) / sizeof(p->ping[0]); i++)
        if (p->ping[i].sent < ping->sent)
            ping = &p->ping[i];
    *ping = *sent;
}

/* May this path be asked for ever? The current one, unless the other side knows no probes; and a
 * straight one that has worked, as it may come back. Returns how seldom, or 0. */
static instant lasting(const struct path_set *s, const struct path_slot *p, instant now)
{
    if (is_current(s, p) && s->speaks_probes)
        return retry_after(s, p, now);
    bool wanted = path_is_direct(&p->path) && p->samples > 0 && is_active(s, now);
    return wanted && !is_current(s, p) ? RETRY_DEAD : 0;
}

/* True when this path has used up its pings, or all unproven ones together theirs for now. */
static bool must_hold(struct path_set *s, struct path_slot *p, instant now)
{
    if (p->unanswered >= PATH_UNANSWERED_MAX) {
        if (!is_current(s, p))
            p->state = PATH_FAILED;
        if (lasting(s, p, now) > 0)
            return false;
        p->ping_due = INSTANT_NEVER;
        return true;
    }
    if (p->state == PATH_CHECKED && !bucket_take(&s->checks, now, 1)) {
        p->ping_due = bucket_ready(&s->checks, now, 1);
        return true;
    }
    return false;
}

static void count_ping(struct path_set *s, struct path_slot *p, instant now)
{
    if (p->unanswered == 0)
        p->asked_since = now;
    if (p->unanswered < UINT8_MAX)
        p->unanswered++;
    if (p->unanswered == SHAKY_UNANSWERED && p->state == PATH_GOOD && !is_current(s, p))
        p->state = PATH_SUSPECT;
    bool used_up = p->unanswered > PATH_UNANSWERED_MAX;
    p->ping_due = now + (used_up ? lasting(s, p, now) : retry_after(s, p, now));
    p->urgent = false;
}

static size_t write_ping(struct path_set *s, struct path_slot *p, instant now, uint8_t *out)
{
    struct path_ping ping = {.sent = now > 0 ? now : 1};

    if (is_put_off(s, p, now) || must_hold(s, p, now))
        return 0;
    bool prove =
        p->state == PATH_GOOD && p->samples > 0 && !p->full_size && p->full_tries < PATH_FULL_TRIES;
    if (prove)
        p->full_tries++;
    /* While data is stuck only a full-size answer says that the path still carries it. */
    bool stuck =
        is_current(s, p) && (s->asking_since > 0 || (s->suspect && p->unanswered % 2 == 0));
    ping.full_size = prove || stuck;
    ping.use = is_current(s, p) && (s->role == PATH_DIALLER || s->announce);
    s->random(s->arg, &ping.challenge, sizeof(ping.challenge));
    remember(p, &ping);
    count_ping(s, p, now);
    struct probe probe = {.type = PROBE_PING, .challenge = ping.challenge};
    if (ping.use)
        probe.flags = s->announce && s->came_down ? PROBE_USE | PROBE_DOWN : PROBE_USE;
    return emit(s, &p->path.remote, probe, ping.full_size ? PROBE_FULL : PROBE_MIN, out);
}

size_t path_ping_write(struct path_set *s, struct path_slot *p, instant now, uint8_t *out)
{
    if (p->state == PATH_EMPTY)
        return 0;
    if (p->pong_due)
        return write_pong(s, p, out);
    return now >= p->ping_due ? write_ping(s, p, now, out) : 0;
}
