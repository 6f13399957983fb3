#include "gateway/transport/path_set.h"

#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/transport/path_choice.h"

#define KEEP_ALIVE  SEC(15)  /* below the 20..30 s after which home routers forget UDP */
#define MOVED_AFTER MSEC(50) /* packets still on their way may overtake one another that long */
#define HINT_EVERY  MSEC(250)

enum {
    MAX_UNANSWERED = 20, /* probes to one target */
    SHAKY_UNANSWERED = 3,
    CHECKS_PER_SECOND = 20, /* probes to paths that never answered, all together */
    CHECKS_BURST = 32,
};

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
                           .choose_due = INSTANT_NEVER,
                           .checks = bucket_of(CHECKS_PER_SECOND, CHECKS_BURST)};
    derive_keys(s, options);
    /* The handshake filled full-size packets both ways, and was authentic. */
    s->slot[0] = (struct path_slot){.path = options->first,
                                    .state = PATH_GOOD,
                                    .full_size = true,
                                    .heard = now,
                                    .ping_due = now};
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
    p->hinted = false;
    if (p->state == PATH_FAILED) {
        p->state = PATH_CHECKED;
        p->unanswered = 0;
        p->ping_due = now;
    }
    return 0;
}

static void heard_from(const struct path_set *s, struct path_slot *p, instant now,
                       const struct path *path)
{
    p->heard = now;
    p->path.local = path->local;
    if (p->state == PATH_FAILED) {
        p->state = PATH_CHECKED;
        p->unanswered = 0;
        p->ping_due = now;
    } else if (p->ping_due == INSTANT_NEVER && s->speaks_probes) { /* given up too early */
        p->unanswered = MAX_UNANSWERED - 1;
        p->ping_due = now + KEEP_ALIVE;
    }
}

void path_set_heard(struct path_set *s, instant now, const struct path *path)
{
    struct path_slot *p = path_table_current(s);

    if (path_equal(&p->path, path)) {
        heard_from(s, p, now, path);
        path_choice_current_lives(s, now);
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
    if (p->state == PATH_GOOD && now >= p->moved + MOVED_AFTER)
        path_choice_switch(s, p, now, false);
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
    else if (p->unanswered < MAX_UNANSWERED)
        path_table_ping_by(p, now);
}

void path_set_waiting(struct path_set *s, instant now, bool waiting)
{
    if (waiting && !s->waiting)
        s->waiting_since = now;
    if (!waiting)
        s->suspect = false;
    s->waiting = waiting;
}

void path_set_kick(struct path_set *s, instant now)
{
    path_choice_doubt(s, now);
    s->announce = true;
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
        p->ping_due = now;
    }
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
    measure(p, now - ping->sent);
    judge_size(p, ping);
    if (p == path_table_current(s)) {
        if (ping->use)
            s->announce = false;
        if (ping->full_size || !s->suspect)
            path_choice_current_lives(s, now);
    }
    memset(p->ping, 0, sizeof(p->ping)); /* from here on one at a time, while it answers */
    p->state = PATH_GOOD;
    p->unanswered = 0;
    p->asked_since = 0;
    bool more = p->samples < PATH_SAMPLES || (!p->full_size && p->full_tries < PATH_FULL_TRIES);
    p->ping_due = more ? now : now + KEEP_ALIVE;
    if (p != path_table_current(s) && (p->follow || path_choice_has_moved(s, p)))
        path_choice_switch(s, p, now, false);
}

static void on_pong(struct path_set *s, struct path_slot *p, const struct probe *pong, instant now)
{
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
    if (p->state == PATH_GOOD)
        path_choice_switch(s, p, now, false);
    else
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

static instant retry_after(const struct path_slot *p)
{
    instant patience = p->rtt + p->rtt / 2 < SEC(1) ? p->rtt + p->rtt / 2 : SEC(1);
    instant wait = p->unanswered <= 5 ? MSEC(200) : p->unanswered <= 10 ? MSEC(500) : SEC(1);
    return wait > patience ? wait : patience;
}

static size_t emit(struct path_set *s, const struct path_slot *p, struct probe probe, size_t len,
                   uint8_t *out)
{
    probe.token = s->token_out;
    probe.sequence = ++s->sequence;
    probe.seen = p->path.remote;
    probe_write(&probe, s->key_out, out, len);
    return len;
}

static size_t send_pong(struct path_set *s, struct path_slot *p, uint8_t *out)
{
    p->pong_due = false;
    return emit(s, p, (struct probe){.type = PROBE_PONG, .challenge = p->pong_challenge}, PROBE_MIN,
                out);
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

static void count_ping(struct path_set *s, struct path_slot *p, instant now)
{
    if (p->unanswered++ == 0)
        p->asked_since = now;
    if (p->unanswered == SHAKY_UNANSWERED && p->state == PATH_GOOD && p != path_table_current(s))
        p->state = PATH_SUSPECT;
    p->ping_due = now + retry_after(p);
}

/* True when this path has used up its pings, or all unproven ones together theirs for now. */
static bool must_hold(struct path_set *s, struct path_slot *p, instant now)
{
    if (p->unanswered >= MAX_UNANSWERED) {
        if (p != path_table_current(s))
            p->state = PATH_FAILED;
        p->ping_due = INSTANT_NEVER;
        return true;
    }
    if (p->state == PATH_CHECKED && !bucket_take(&s->checks, now, 1)) {
        p->ping_due = bucket_ready(&s->checks, now, 1);
        return true;
    }
    return false;
}

static size_t send_ping(struct path_set *s, struct path_slot *p, instant now, uint8_t *out)
{
    bool is_current = p == path_table_current(s);
    struct path_ping ping = {.sent = now > 0 ? now : 1};

    if (must_hold(s, p, now))
        return 0;
    bool prove = p->samples > 0 && !p->full_size && p->full_tries < PATH_FULL_TRIES;
    if (prove)
        p->full_tries++;
    /* While data is stuck only a full-size answer says that the path still carries it. */
    ping.full_size = prove || (is_current && s->suspect && p->unanswered % 2 == 0);
    ping.use = is_current && (s->role == PATH_DIALLER || s->announce);
    s->random(s->arg, &ping.challenge, sizeof(ping.challenge));
    remember(p, &ping);
    count_ping(s, p, now);
    struct probe probe = {
        .type = PROBE_PING, .challenge = ping.challenge, .flags = ping.use ? PROBE_USE : 0};
    return emit(s, p, probe, ping.full_size ? PROBE_MAX : PROBE_MIN, out);
}

static size_t send_due(struct path_set *s, struct path_slot *p, instant now, uint8_t *out)
{
    if (p->state == PATH_EMPTY)
        return 0;
    if (p->pong_due)
        return send_pong(s, p, out);
    return now >= p->ping_due ? send_ping(s, p, now, out) : 0;
}

size_t path_set_output(struct path_set *s, instant now, struct path *to,
                       uint8_t out[static PROBE_MAX])
{
    path_choice_run(s, now);
    for (unsigned i = 0; i < PATH_SET_MAX; i++) {
        struct path_slot *p = &s->slot[(s->current + i) % PATH_SET_MAX];
        size_t len = send_due(s, p, now, out);
        if (len > 0) {
            *to = p->path;
            return len;
        }
    }
    return 0;
}

void path_set_guess(struct path_set *s, const struct addr *remote, uint8_t out[static PROBE_MIN])
{
    struct probe probe = {
        .type = PROBE_PING, .token = s->token_out, .sequence = ++s->sequence, .seen = *remote};

    s->random(s->arg, &probe.challenge, sizeof(probe.challenge));
    probe_write(&probe, s->key_out, out, PROBE_MIN);
}

instant path_set_deadline(const struct path_set *s)
{
    instant due = path_choice_deadline(s);

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
