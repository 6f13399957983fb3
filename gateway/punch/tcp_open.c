#include "gateway/punch/tcp_open.h"

#include "gateway/punch/attempt.h"

#define EARLY MSEC(50) /* before the kernel repeats a SYN */
#define AGAIN MSEC(50) /* after an attempt was turned down, and up to TCP_OPEN_SPREAD more */

void tcp_open_init(struct tcp_open *t)
{
    *t = (struct tcp_open){.began = INSTANT_NEVER,
                           .rate = bucket_of(TCP_OPEN_RATE, TCP_OPEN_ADDRESSES)};
}

void tcp_open_add(struct tcp_open *t, instant now, const struct addr *a)
{
    for (unsigned i = 0; i < t->targets; i++)
        if (addr_equal(&t->target[i].addr, a))
            return;
    if (t->targets < TCP_OPEN_ADDRESSES)
        t->target[t->targets++] = (struct tcp_open_target){.addr = *a, .due = now};
}

void tcp_open_begin(struct tcp_open *t, instant at)
{
    t->began = at;
}

/* When it is the turn of an address: what the kernel does anyway waits for nothing. */
static instant turn_of(const struct tcp_open *t, const struct tcp_open_target *x)
{
    struct bucket rate = t->rate;
    instant free = bucket_ready(&rate, rate.last, 1);

    return x->trying || x->due > free ? x->due : free;
}

/* The index of the one whose turn is next, or how many there are: none has one. */
static unsigned next_turn(const struct tcp_open *t)
{
    unsigned next = t->targets;

    for (unsigned i = 0; i < t->targets; i++)
        if (t->target[i].due != INSTANT_NEVER &&
            (next == t->targets || turn_of(t, &t->target[i]) < turn_of(t, &t->target[next])))
            next = i;
    return next;
}

/* RFC 6298 §2, §5: the kernel sends a SYN again after 1 s, and waits twice as long each time. */
static instant repeat_due(const struct tcp_open_target *x)
{
    instant span = SEC((2 << x->repeats) - 1);
    return x->repeats + 1 < TCP_OPEN_SYNS ? x->since + span - EARLY : INSTANT_NEVER;
}

bool tcp_open_output(struct tcp_open *t, instant now, struct addr *to, bool *again)
{
    unsigned next = next_turn(t);
    struct tcp_open_target *x = &t->target[next];

    if (next == t->targets || t->began > now || turn_of(t, x) > now)
        return false;
    *again = x->trying;
    if (x->trying) {
        x->repeats++;
    } else {
        (void)bucket_take(&t->rate, now, 1);
        x->trying = true;
        x->since = now;
        x->repeats = 0;
        t->attempts++;
    }
    x->syns++;
    x->due = repeat_due(x);
    *to = x->addr;
    return true;
}

void tcp_open_refused(struct tcp_open *t, instant now, const struct addr *a, instant pause)
{
    for (unsigned i = 0; i < t->targets; i++) {
        struct tcp_open_target *x = &t->target[i];
        if (!x->trying || !addr_equal(&x->addr, a))
            continue;
        x->trying = false;
        x->due = x->syns + TCP_OPEN_SYNS <= PUNCH_PER_ADDRESS ? now + AGAIN + pause : INSTANT_NEVER;
    }
}

instant tcp_open_deadline(const struct tcp_open *t)
{
    unsigned next = next_turn(t);

    if (next == t->targets || t->began == INSTANT_NEVER)
        return INSTANT_NEVER;
    instant turn = turn_of(t, &t->target[next]);
    return turn > t->began ? turn : t->began;
}
