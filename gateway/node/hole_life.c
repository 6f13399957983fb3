/* The stages of a hole, from the first message to the socket that is handed over. */
#include "gateway/node/hole.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/crypto/secret.h"
#include "gateway/peer/peer.h"

#define GATHER_WITHIN  MSEC(600) /* servers that have not answered by then are told of later */
#define TRICKLE        MSEC(100)
#define ANSWER_WITHIN  SEC(6)  /* an ASK, besides three round trips */
#define MEET_WITHIN    SEC(14) /* by TCP: later the kernel would send SYNs that nobody counts */
#define CHOOSE_WITHIN  SEC(10) /* after the round has ended, on the side that was asked */
#define READY_WITHIN   SEC(5)
#define SETTLE_LEAST   MSEC(20)
#define SETTLE_MOST    MSEC(300)
#define CONFIRM_WITHIN SEC(3)
#define CONFIRM_AGAIN  MSEC(100)

static instant now_of(const struct hole *h)
{
    return env_now(h->desk->node->env);
}

/* ---- the end ---- */

void hole_free(struct hole *h)
{
    timer_stop(h->desk->node->env, &h->timer);
    hole_look_end(h);
    if (h->tcp)
        hole_tcp_close(h);
    else
        hole_udp_close(h);
    list_remove(&h->link);
    h->desk->count--;
    secret_wipe(h, sizeof(*h));
    free(h);
}

void hole_fail(struct hole *h, int err, const char *why)
{
    struct node_hole_wait *wait = h->wait;
    char text[160], id[9];

    (void)snprintf(text, sizeof(text), "%s", why);
    log_info(LOG_PUNCH, "%s: no hole for a program: %s", peer_id_short(&h->id, id), text);
    hole_free(h);
    if (wait)
        wait->done(wait, err, text, NULL);
}

/* Nothing got through: whoever asks wants to know why. */
static void lose(struct hole *h, const char *why)
{
    hole_tell(h, HOLE_END, HOLE_FAILED);
    hole_fail(h, -EHOSTUNREACH, why);
}

static void hand_over(struct hole *h)
{
    struct node_hole made = {.peer = h->id, .asked = h->asker};
    struct node_hole_taker *taker = h->asker ? NULL : hole_taker(h->desk, &h->id, h->tcp);
    struct node_hole_wait *wait = h->wait;
    struct env *env = h->desk->node->env;
    char id[9], inner[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX];

    memcpy(made.secret, h->secret, sizeof(made.secret));
    if (!h->tcp)
        hole_udp_take(h, h->chosen, &made);
    else if (!hole_tcp_take(h, &made))
        return;
    log_info(LOG_PUNCH, "%s: a %s hole for a program, from %s to %s", peer_id_short(&h->id, id),
             h->tcp ? "TCP" : "UDP", addr_print(&made.inner, inner),
             addr_print(&made.remote, remote));
    hole_free(h);
    if (wait)
        wait->done(wait, 0, "", &made);
    else if (taker)
        taker->take(taker, &made);
    else
        node_hole_drop(env, &made);
    secret_wipe(&made, sizeof(made));
}

/* ---- stages ---- */

static int begin_round(struct hole *h, const struct hole_message *m)
{
    int err = hole_derive(h, m->nonce);

    if (err == 0 && !h->tcp)
        err = hole_udp_begin(h, m);
    if (err < 0)
        return err;
    h->stage = HOLE_RUNNING;
    h->due = h->tcp ? now_of(h) + MEET_WITHIN : INSTANT_NEVER;
    h->trickle = now_of(h) + TRICKLE;
    if (h->tcp)
        hole_tcp_begin(h);
    hole_take_candidates(h, m, h->tcp ? hole_tcp_add : hole_udp_add);
    hole_wake(h);
    return 0;
}

/* All of our addresses are known that we may hope for: says them. */
static void speak(struct hole *h)
{
    struct quic_conn_info info;

    hole_tell_all(h);
    if (!h->asker) {
        if (begin_round(h, &h->asked) < 0)
            lose(h, "no memory for a round of punching");
        return;
    }
    quic_conn_info(h->conn, &info);
    h->stage = HOLE_ASKED;
    h->due = now_of(h) + ANSWER_WITHIN + 3 * info.rtt;
    hole_wake(h);
}

static void gather(struct hole *h, instant now)
{
    bool all = h->tcp ? hole_tcp_gathered(h) : hole_udp_gathered(h);

    if ((all || now >= h->due) && hole_look(h))
        speak(h);
}

static const char *why_not(const struct hole *h)
{
    return h->tcp ? "no TCP connection got through: behind NATs that change ports, or firewalls, "
                    "there is none"
                  : punch_why(h->core);
}

static void settle(struct hole *h, instant now)
{
    instant span = 2 * h->way[h->chosen].rtt;

    h->stage = HOLE_SETTLING;
    span = span < SETTLE_LEAST ? SETTLE_LEAST : span;
    h->due = now + (span > SETTLE_MOST ? SETTLE_MOST : span);
    hole_wake(h);
}

/* The peer has picked a way that we have not proven yet; it still answers there. */
static void confirm(struct hole *h, instant now)
{
    if (h->way[h->chosen].works) {
        settle(h, now);
    } else if (now >= h->due) {
        lose(h, "the way that the peer has picked does not work from here");
    } else if (now >= h->trickle) {
        hole_udp_ping(h, h->chosen, now);
        h->trickle = now + CONFIRM_AGAIN;
    }
}

static void run_udp(struct hole *h, instant now)
{
    unsigned way;

    if (h->used) {
        confirm(h, now);
    } else if (h->asker && hole_udp_choose(h, &way)) {
        h->chosen = way;
        hole_tell(h, HOLE_USE, HOLE_FAILED);
        h->stage = HOLE_CHOSEN;
        h->due = now + READY_WITHIN;
        hole_wake(h);
    } else if (punch_state(h->core) == PUNCH_LOST) {
        lose(h, why_not(h));
    } else if (punch_state(h->core) == PUNCH_WON && h->due == INSTANT_NEVER) {
        h->due = now + CHOOSE_WITHIN;
    } else if (now >= h->due) {
        lose(h, "something got through, but the peer did not settle on it");
    }
}

static bool is_settled_tcp(const struct hole *h)
{
    list_each(node, &h->conns)
    {
        const struct hole_conn *c = list_entry(node, struct hole_conn, link);
        if (c->ready && !c->broken)
            return true;
    }
    return false;
}

static void run_tcp(struct hole *h, instant now)
{
    if (is_settled_tcp(h))
        hand_over(h);
    else if (now >= h->due)
        lose(h, why_not(h));
}

static void become_ready(struct hole *h)
{
    if (!hole_taker(h->desk, &h->id, h->tcp)) {
        hole_tell(h, HOLE_END, HOLE_LEFT);
        hole_fail(h, -ENOENT, "the program that waited for it is gone");
        return;
    }
    hole_tell(h, HOLE_READY, HOLE_FAILED);
    hand_over(h);
}

static void run_stage(struct hole *h, instant now)
{
    switch (h->stage) {
    case HOLE_GATHERING:
        gather(h, now);
        break;
    case HOLE_ASKED:
        if (now >= h->due)
            hole_fail(h, -ETIMEDOUT, "the peer does not answer: is its version too old?");
        break;
    case HOLE_RUNNING:
        if (h->tcp)
            run_tcp(h, now);
        else
            run_udp(h, now);
        break;
    case HOLE_CHOSEN:
        if (now >= h->due)
            lose(h, "something got through, but the peer did not settle on it");
        break;
    case HOLE_SETTLING:
        if (now >= h->due)
            become_ready(h);
        break;
    }
}

static void trickle(struct hole *h, instant now)
{
    if ((h->stage != HOLE_RUNNING && h->stage != HOLE_ASKED) || h->used || now < h->trickle)
        return;
    hole_tell_more(h);
    h->trickle = now + TRICKLE;
}

/* A stage may end the hole: it is the last thing that is done. */
static void on_timer(struct timer *timer)
{
    struct hole *h = container_of(timer, struct hole, timer);
    struct env *env = h->desk->node->env;
    instant now = env_now(env), due = h->due;
    bool active = h->stage == HOLE_RUNNING && !h->used;

    if (active || h->stage == HOLE_GATHERING || h->stage == HOLE_ASKED) {
        due = h->tcp ? hole_tcp_run(h, now) : hole_udp_run(h, now);
        due = due < h->due ? due : h->due;
    }
    trickle(h, now);
    if (h->trickle < due && (h->stage == HOLE_RUNNING || h->stage == HOLE_ASKED))
        due = h->trickle;
    if (h->stage == HOLE_GATHERING && h->looks)
        due = INSTANT_NEVER;
    timer_set(env, &h->timer, due);
    run_stage(h, now);
}

void hole_wake(struct hole *h)
{
    timer_set(h->desk->node->env, &h->timer, now_of(h));
}

/* ---- the beginning ---- */

static void fill_in(struct hole *h, const struct hole_message *asked)
{
    struct env *env = h->desk->node->env;

    env_random(env, h->nonce, sizeof(h->nonce));
    if (asked) {
        h->asked = *asked;
        h->number = asked->id;
    } else {
        env_random(env, &h->number, sizeof(h->number));
    }
    h->stage = HOLE_GATHERING;
    h->due = now_of(h) + GATHER_WITHIN;
    h->trickle = h->due;
    h->timer.fire = on_timer;
}

int hole_new(struct hole **out, struct hole_desk *d, struct hole_guest *guest,
             struct quic_conn *conn, const struct hole_message *asked, bool tcp)
{
    struct hole *h = calloc(1, sizeof(*h));

    if (!h)
        return -ENOMEM;
    h->desk = d;
    h->guest = guest;
    h->conn = conn;
    h->id = guest->id;
    h->asker = !asked;
    h->tcp = tcp;
    h->guessing = !tcp && hole_udp_may_search(h);
    fill_in(h, asked);
    int err = tcp ? hole_tcp_open(h) : hole_udp_open(h);
    if (err < 0) {
        free(h);
        return err;
    }
    list_append(&d->holes, &h->link);
    d->count++;
    hole_wake(h);
    *out = h;
    return 0;
}

/* ---- messages ---- */

static void on_end(struct hole *h, enum hole_reason reason)
{
    static const struct {
        int err;
        const char *why;
    } END[HOLE_REASONS] = {
        [HOLE_FAILED] = {-EHOSTUNREACH, NULL},
        [HOLE_NOBODY] = {-ENOENT, "no program waits for a hole there"},
        [HOLE_DENIED] = {-EACCES, "refused by the peer"},
        [HOLE_BUSY] = {-EBUSY, "the peer is busy: too many holes at a time, or too soon"},
        [HOLE_OFF] = {-EHOSTUNREACH, "punching is switched off at the peer"},
        [HOLE_LEFT] = {-ENOENT, "the program that waited for it there is gone"},
    };
    const char *why = END[reason].why;

    if (!why)
        why = h->core || h->tcp ? why_not(h) : "the peer gave up";
    hole_fail(h, END[reason].err, why);
}

static void on_agree(struct hole *h, const struct hole_message *m)
{
    if (((m->flags & HOLE_TCP) != 0) != h->tcp || begin_round(h, m) < 0)
        lose(h, "the peer's answer is of no use");
}

/* What it found out while we still gather is one more of those that it named at first. */
static void on_more(struct hole *h, const struct hole_message *m)
{
    struct hole_message *asked = &h->asked;

    if (h->stage == HOLE_RUNNING) {
        hole_take_candidates(h, m, h->tcp ? hole_tcp_add : hole_udp_add);
        hole_wake(h);
    }
    for (size_t i = 0; i < m->candidates && h->stage == HOLE_GATHERING && !h->asker; i++)
        if (asked->candidates < CANDIDATES_MAX)
            asked->candidate[asked->candidates++] = m->candidate[i];
}

static void on_use(struct hole *h, const struct hole_message *m)
{
    if (h->tcp || h->used)
        return;
    if (!hole_udp_find(h, m, &h->chosen)) {
        lose(h, "the peer has picked a way that does not work from here");
        return;
    }
    h->used = true;
    h->due = now_of(h) + CONFIRM_WITHIN;
    h->trickle = 0;
    hole_wake(h);
}

void hole_message(struct hole *h, const struct hole_message *m)
{
    if (m->type == HOLE_END)
        on_end(h, m->reason);
    else if (m->type == HOLE_AGREE && h->asker && h->stage == HOLE_ASKED)
        on_agree(h, m);
    else if (m->type == HOLE_MORE)
        on_more(h, m);
    else if (m->type == HOLE_USE && !h->asker && h->stage == HOLE_RUNNING)
        on_use(h, m);
    else if (m->type == HOLE_READY && h->asker && h->stage == HOLE_CHOSEN)
        hand_over(h);
}
