#include "gateway/punch/pwnat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/punch/attempt.h"

#define SEQUENCE 1

/* Data of our Echo Requests. */
static const uint8_t SILENCE[ICMP_NOTICE_LEN];

/* Keys made for one message from outside: with thousands of contacts the rest wait for the next. */
#define KEYS_AT_ONCE 64

struct addr pwnat_nowhere(void)
{
    static const uint8_t TEST_NET_1[4] = {192, 0, 2, 79};
    return addr_v4(TEST_NET_1, 0);
}

size_t pwnat_echo(uint8_t out[static ICMP_MESSAGE_MAX], uint16_t id)
{
    const struct icmp_echo echo = {
        .id = id, .sequence = SEQUENCE, .data = SILENCE, .len = sizeof(SILENCE)};
    return icmp_echo_write(out, &echo);
}

size_t pwnat_exceeded(uint8_t out[static ICMP_MESSAGE_MAX], uint16_t id, const struct addr *to,
                      const uint8_t notice[static ICMP_NOTICE_LEN])
{
    const struct icmp_exceeded e = {
        .from = *to,
        .to = pwnat_nowhere(),
        .echo = {.id = id, .sequence = SEQUENCE, .data = notice, .len = ICMP_NOTICE_LEN},
    };
    return icmp_exceeded_write(out, &e);
}

/* ---- contacts ---- */

static void wipe(struct pwnat_contact *list, size_t count)
{
    if (list)
        secret_wipe(list, count * sizeof(*list));
    free(list);
}

void pwnat_ear_deinit(struct pwnat_ear *e)
{
    wipe(e->list, e->count);
    *e = (struct pwnat_ear){0};
}

static int compare(const void *a, const void *b)
{
    const struct pwnat_contact *x = a, *y = b;
    return memcmp(x->id, y->id, PWNAT_ID_LEN);
}

static void keep_what_is_known(const struct pwnat_ear *e, struct pwnat_contact *c)
{
    const struct pwnat_contact *old =
        e->count > 0 ? bsearch(c, e->list, e->count, sizeof(*c), compare) : NULL;
    if (old)
        *c = *old;
}

int pwnat_ear_set(struct pwnat_ear *e, const uint8_t (*ids)[PWNAT_ID_LEN], size_t count)
{
    struct pwnat_contact *list = calloc(count + 1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        memcpy(list[i].id, ids[i], PWNAT_ID_LEN);
        keep_what_is_known(e, &list[i]);
    }
    qsort(list, count, sizeof(*list), compare);
    wipe(e->list, e->count);
    e->list = list;
    e->count = count;
    return 0;
}

static bool has_key(const struct pwnat_ear *e, struct pwnat_contact *c)
{
    if (c->state == PWNAT_KEYLESS)
        c->state = e->key(e->arg, c->id, c->key) == 0 ? PWNAT_KEYED : PWNAT_UNUSABLE;
    return c->state == PWNAT_KEYED;
}

static struct pwnat_contact *recognise(struct pwnat_ear *e, const struct icmp_echo *echo,
                                       struct icmp_notice *notice)
{
    unsigned made = 0;

    for (size_t i = 0; i < e->count; i++) {
        struct pwnat_contact *c = &e->list[i];
        if (c->state == PWNAT_KEYLESS && made++ >= KEYS_AT_ONCE)
            continue;
        if (has_key(e, c) && icmp_notice_read(notice, echo->data, echo->len, c->key) == 0)
            return c;
    }
    return NULL;
}

/* ---- listening ---- */

/* A router that has really dropped our Echo Request quotes it as it was, or less of it. */
static bool is_notice(const struct pwnat_ear *e, const struct icmp_exceeded *about)
{
    const struct addr nowhere = pwnat_nowhere();
    return addr_same_ip(&about->to, &nowhere) && about->echo.id == e->id &&
           about->echo.sequence == SEQUENCE && about->echo.len == ICMP_NOTICE_LEN &&
           memcmp(about->echo.data, SILENCE, ICMP_NOTICE_LEN) != 0;
}

static bool is_in_time(uint64_t wall_ms, uint64_t time_ms)
{
    uint64_t apart = wall_ms > time_ms ? wall_ms - time_ms : time_ms - wall_ms;
    return apart <= PWNAT_WINDOW_MS;
}

static void add_place(struct pwnat_call *c, const struct pwnat_heard *heard, const struct addr *at,
                      uint16_t port)
{
    struct addr a = *at;
    addr_set_port(&a, port);
    for (size_t i = 0; i < c->places; i++)
        if (addr_equal(&c->place[i], &a))
            return;
    if (c->places < PWNAT_PLACES_MAX && punch_may_probe(&a, heard->own, heard->own_count, false))
        c->place[c->places++] = a;
}

/* Whose ports are seen from outside as they are inside, or who says them, can be met. */
static void find_places(struct pwnat_call *c, const struct pwnat_heard *heard,
                        const struct icmp_notice *n)
{
    const struct addr *at[] = {&n->at, &heard->from};
    uint16_t port = addr_port(&n->at);

    for (size_t i = 0; i < 2; i++) {
        add_place(c, heard, at[i], port);
        add_place(c, heard, at[i], n->fresh_port);
    }
}

static int judge(struct pwnat_contact *c, const struct pwnat_heard *heard,
                 const struct icmp_notice *n)
{
    if (!is_in_time(heard->wall_ms, n->time_ms) || n->time_ms <= c->newest_ms)
        return -ESTALE;
    if (c->heard > 0 && heard->now < c->heard + PWNAT_CALL_EVERY)
        return -EAGAIN;
    c->newest_ms = n->time_ms;
    c->heard = heard->now;
    return 0;
}

static int hear(struct pwnat_ear *e, const struct pwnat_heard *heard, struct pwnat_call *out)
{
    struct icmp_exceeded about;
    struct icmp_notice notice;

    if (icmp_exceeded_read(&about, heard->data, heard->len) < 0 || !is_notice(e, &about))
        return -EBADMSG;
    if (e->rate.rate == 0)
        e->rate = bucket_of(PWNAT_HEARD_RATE, PWNAT_HEARD_RATE);
    if (!bucket_take(&e->rate, heard->now, 1))
        return -EAGAIN;
    struct pwnat_contact *c = recognise(e, &about.echo, &notice);
    if (!c)
        return -EACCES;
    int err = judge(c, heard, &notice);
    if (err < 0)
        return err;
    *out = (struct pwnat_call){.began = heard->now, .fresh_port = notice.fresh_port};
    memcpy(out->id, c->id, PWNAT_ID_LEN);
    find_places(out, heard, &notice);
    return 0;
}

int pwnat_ear_hear(struct pwnat_ear *e, const struct pwnat_heard *heard, struct pwnat_call *out)
{
    int err = hear(e, heard, out);
    if (err == 0)
        e->calls++;
    else if (err != -EBADMSG)
        e->ignored++;
    return err;
}

void pwnat_call_add(struct pwnat_call *c, const struct pwnat_heard *heard, const struct addr *at)
{
    if (!addr_is_none(at) && !addr_is_v6(at))
        add_place(c, heard, at, c->fresh_port);
}

/* ---- by the clock ---- */

struct plan_step {
    instant after;
    int what;
};

/* Openers before the caller's fresh socket is used, three in case some get lost. What is dialled
 * then has no hop limit: by now the caller has opened its side. Until the end we do not call back
 * (two that cannot meet would go on doing so). */
static const struct plan_step CALL[] = {
    {0, PWNAT_OPEN},          {MSEC(200), PWNAT_OPEN}, {MSEC(400), PWNAT_OPEN},
    {MSEC(1500), PWNAT_DIAL}, {SEC(15), PWNAT_OVER},
};

/* What is dialled straight has a second and a half to answer. Then the notice, twice because it may
 * get lost; and the callee has 600 ms to open its NAT before anything of ours comes there: a packet
 * that comes first spoils its mapping on some (connectivity.md 3). All of it twice. */
static const struct plan_step RING[] = {
    {MSEC(1500), PWNAT_RING_FRESH},  {MSEC(1500), PWNAT_RING_NOTICE},
    {MSEC(1700), PWNAT_RING_NOTICE}, {MSEC(2300), PWNAT_RING_DIAL},
    {MSEC(5000), PWNAT_RING_FRESH},  {MSEC(5000), PWNAT_RING_NOTICE},
    {MSEC(5200), PWNAT_RING_NOTICE}, {MSEC(5800), PWNAT_RING_DIAL},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum pwnat_step pwnat_call_next(struct pwnat_call *c, instant now)
{
    if (c->done == COUNT(CALL))
        return PWNAT_OVER;
    if (now < pwnat_call_due(c))
        return PWNAT_WAIT;
    return (enum pwnat_step)CALL[c->done++].what;
}

instant pwnat_call_due(const struct pwnat_call *c)
{
    return c->began + CALL[c->done < COUNT(CALL) ? c->done : COUNT(CALL) - 1].after;
}

enum pwnat_ring_step pwnat_ring_next(struct pwnat_ring *r, instant now)
{
    if (r->done == COUNT(RING))
        return PWNAT_RING_OVER;
    if (now < pwnat_ring_due(r))
        return PWNAT_RING_WAIT;
    return (enum pwnat_ring_step)RING[r->done++].what;
}

instant pwnat_ring_due(const struct pwnat_ring *r)
{
    return r->done == COUNT(RING) ? INSTANT_NEVER : r->began + RING[r->done].after;
}
