#include "gateway/node/punch_budget.h"

#include <stddef.h>
#include <string.h>

#include "gateway/base/map.h"

/* Routers keep what nobody answered for 30 s (Linux) to some minutes (RFC 4787 asks for two). */
#define MAPPING_LASTS SEC(45)

static const struct punch_spent *look_for(const struct punch_budget *b, const struct addr *a)
{
    for (size_t i = 0; i < PUNCH_BUDGET_ADDRESSES; i++)
        if (addr_equal(&b->spent[i].addr, a))
            return &b->spent[i];
    return NULL;
}

static struct punch_spent *find(struct punch_budget *b, const struct addr *a)
{
    const struct punch_spent *s = look_for(b, a);
    return s ? &b->spent[s - b->spent] : NULL;
}

static bool is_over(const struct punch_spent *s, instant now)
{
    return addr_is_none(&s->addr) || now >= s->since + PUNCH_BUDGET_TIME;
}

static struct punch_spent *find_free(struct punch_budget *b, instant now)
{
    for (size_t i = 0; i < PUNCH_BUDGET_ADDRESSES; i++)
        if (is_over(&b->spent[i], now))
            return &b->spent[i];
    return NULL;
}

static unsigned ports_of(const struct punch_budget *b, instant now, const struct addr *a)
{
    unsigned n = 0;
    for (size_t i = 0; i < PUNCH_BUDGET_ADDRESSES; i++)
        n += !is_over(&b->spent[i], now) && addr_same_ip(&b->spent[i].addr, a);
    return n;
}

/* ---- all peers together ---- */

static size_t counter_of(const struct punch_common *all, unsigned row, const struct addr *a)
{
    uint8_t key[18];
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    uint16_t port = addr_port(a);

    memcpy(key, ip, len);
    memcpy(key + len, &port, sizeof(port));
    return map_hash(all->secret[row], key, len + sizeof(port)) % PUNCH_BUDGET_COUNTERS;
}

/* At least as many as were sent: the row where the fewest others share the counter tells best. */
static unsigned common_count(const struct punch_common *all, const struct addr *a)
{
    unsigned least = UINT8_MAX;

    for (unsigned row = 0; row < PUNCH_BUDGET_ROWS; row++) {
        size_t at = counter_of(all, row, a);
        unsigned n = (unsigned)all->now[row][at] + all->before[row][at];
        least = n < least ? n : least;
    }
    return least;
}

static void turn_over(struct punch_common *all, instant now)
{
    if (all->since > 0 && now < all->since + PUNCH_BUDGET_TIME / 2)
        return;
    if (all->since > 0 && now < all->since + PUNCH_BUDGET_TIME)
        memcpy(all->before, all->now, sizeof(all->before));
    else
        memset(all->before, 0, sizeof(all->before));
    memset(all->now, 0, sizeof(all->now));
    all->since = now > 0 ? now : 1;
}

static bool common_take(struct punch_common *all, instant now, const struct addr *a)
{
    turn_over(all, now);
    unsigned count = common_count(all, a);
    if (count >= PUNCH_BUDGET_PROBES)
        return false;
    for (unsigned row = 0; row < PUNCH_BUDGET_ROWS; row++) {
        size_t at = counter_of(all, row, a);
        if ((unsigned)all->now[row][at] + all->before[row][at] == count)
            all->now[row][at]++;
    }
    return true;
}

void punch_common_clear(struct punch_common *all)
{
    memset(all->now, 0, sizeof(all->now));
    memset(all->before, 0, sizeof(all->before));
    all->since = 0;
}

/* ---- one peer ---- */

/* The place where an address is counted; NULL: there is none left. */
static struct punch_spent *get(struct punch_budget *b, instant now, const struct addr *a)
{
    struct punch_spent *s = find(b, a);

    if (!s && ports_of(b, now, a) < PUNCH_BUDGET_PORTS)
        s = find_free(b, now);
    if (s && is_over(s, now))
        *s = (struct punch_spent){.addr = *a, .since = now};
    return s;
}

bool punch_budget_take(struct punch_budget *b, struct punch_common *all, instant now,
                       const struct addr *a)
{
    struct punch_spent *s = get(b, now, a);

    if (!s)
        return ports_of(b, now, a) >= PUNCH_BUDGET_PORTS && common_take(all, now, a);
    if (s->answered)
        return true;
    if (s->probes >= PUNCH_BUDGET_PROBES || !common_take(all, now, a))
        return false;
    s->probes++;
    return true;
}

/* The place of another port of that host; what that has had is among what all have spent. */
static struct punch_spent *take_over(struct punch_budget *b, const struct addr *a)
{
    for (size_t i = 0; i < PUNCH_BUDGET_ADDRESSES; i++) {
        struct punch_spent *s = &b->spent[i];
        if (s->answered || addr_is_none(&s->addr) || !addr_same_ip(&s->addr, a))
            continue;
        s->addr = *a;
        s->sent = 0;
        return s;
    }
    return NULL;
}

void punch_budget_answered(struct punch_budget *b, const struct punch_common *all,
                           const struct addr *a)
{
    struct punch_spent *s = find(b, a);

    if (!s && addr_port(a) != 0 && common_count(all, a) > 0)
        s = take_over(b, a);
    if (s)
        s->answered = true;
}

void punch_budget_sent(struct punch_budget *b, instant now, const struct addr *a)
{
    struct punch_spent *s = get(b, now, a); /* an opener is not counted, but makes a mapping */
    if (s)
        s->sent = now;
}

bool punch_budget_has_mapping(const struct punch_budget *b, instant now, const struct addr *a)
{
    const struct punch_spent *s = look_for(b, a);
    return s && s->sent > 0 && now < s->sent + MAPPING_LASTS;
}

instant punch_budget_ends(const struct punch_budget *b)
{
    instant end = 0;

    for (size_t i = 0; i < PUNCH_BUDGET_ADDRESSES; i++) {
        const struct punch_spent *s = &b->spent[i];
        if (!addr_is_none(&s->addr) && s->since + PUNCH_BUDGET_TIME > end)
            end = s->since + PUNCH_BUDGET_TIME;
    }
    return end;
}
