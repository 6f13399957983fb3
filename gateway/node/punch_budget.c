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

/* Whoever meets an address with the same counter in a secret-less hash only harms itself. */
static uint8_t *counter_of(struct punch_budget *b, const struct addr *a)
{
    static const uint64_t secret[2];
    uint8_t key[18];
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);
    uint16_t port = addr_port(a);

    memcpy(key, ip, len);
    memcpy(key + len, &port, sizeof(port));
    return &b->guessed[map_hash(secret, key, len + sizeof(port)) % PUNCH_BUDGET_GUESSED];
}

static bool take_guessed(struct punch_budget *b, instant now, const struct addr *a)
{
    uint8_t *count = counter_of(b, a);

    if (b->guessed_since == 0 || now >= b->guessed_since + PUNCH_BUDGET_TIME) {
        memset(b->guessed, 0, sizeof(b->guessed));
        b->guessed_since = now;
    }
    if (*count >= PUNCH_BUDGET_PROBES)
        return false;
    ++*count;
    return true;
}

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

bool punch_budget_take(struct punch_budget *b, instant now, const struct addr *a)
{
    struct punch_spent *s = get(b, now, a);

    if (!s)
        return ports_of(b, now, a) >= PUNCH_BUDGET_PORTS && take_guessed(b, now, a);
    if (s->answered)
        return true;
    if (s->probes >= PUNCH_BUDGET_PROBES)
        return false;
    s->probes++;
    return true;
}

/* The place of another port of that host, whose probes stay counted. */
static struct punch_spent *take_over(struct punch_budget *b, const struct addr *a)
{
    for (size_t i = 0; i < PUNCH_BUDGET_ADDRESSES; i++) {
        struct punch_spent *s = &b->spent[i];
        if (s->answered || addr_is_none(&s->addr) || !addr_same_ip(&s->addr, a))
            continue;
        uint8_t *count = counter_of(b, &s->addr);
        *count = (uint8_t)(s->probes > *count ? s->probes : *count);
        s->addr = *a;
        s->sent = 0;
        return s;
    }
    return NULL;
}

void punch_budget_answered(struct punch_budget *b, const struct addr *a)
{
    struct punch_spent *s = find(b, a);

    if (!s && b->guessed_since > 0 && addr_port(a) != 0 && *counter_of(b, a) > 0)
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
    instant end = b->guessed_since > 0 ? b->guessed_since + PUNCH_BUDGET_TIME : 0;

    for (size_t i = 0; i < PUNCH_BUDGET_ADDRESSES; i++) {
        const struct punch_spent *s = &b->spent[i];
        if (!addr_is_none(&s->addr) && s->since + PUNCH_BUDGET_TIME > end)
            end = s->since + PUNCH_BUDGET_TIME;
    }
    return end;
}
