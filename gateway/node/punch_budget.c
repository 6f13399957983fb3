#include "gateway/node/punch_budget.h"

#include <stddef.h>

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

bool punch_budget_take(struct punch_budget *b, instant now, const struct addr *a)
{
    struct punch_spent *s = find(b, a);

    if (!s && ports_of(b, now, a) >= PUNCH_BUDGET_PORTS)
        return true;
    if (!s)
        s = find_free(b, now);
    if (!s)
        return false;
    if (is_over(s, now))
        *s = (struct punch_spent){.addr = *a, .since = now};
    if (s->answered)
        return true;
    return s->probes++ < PUNCH_BUDGET_PROBES;
}

void punch_budget_answered(struct punch_budget *b, const struct addr *a)
{
    struct punch_spent *s = find(b, a);
    if (s)
        s->answered = true;
}

void punch_budget_sent(struct punch_budget *b, instant now, const struct addr *a)
{
    struct punch_spent *s = find(b, a);
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
