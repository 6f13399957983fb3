#include "gateway/node/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void access_init(struct access *a, const uint8_t secret[static MAP_SECRET_LEN])
{
    memset(a, 0, sizeof(*a));
    memcpy(a->secret, secret, sizeof(a->secret));
}

void access_deinit(struct access *a)
{
    free(a->list);
    free(a->shut);
    a->list = NULL;
    a->shut = NULL;
    a->allow_count = a->block_count = 0;
}

int access_set(struct access *a, const struct access_lists *lists)
{
    size_t count = lists->allow_count + lists->block_count;
    struct addr_prefix *list = calloc(count + 1, sizeof(*list));

    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        list[i] = i < lists->allow_count ? lists->allow[i] : lists->block[i - lists->allow_count];
    free(a->list);
    a->list = list;
    a->allow_count = lists->allow_count;
    a->block_count = lists->block_count;
    a->last = (struct addr){0};
    return 0;
}

static bool is_in(const struct addr_prefix *list, size_t count, const struct addr *from)
{
    for (size_t i = 0; i < count; i++)
        if (addr_prefix_contains(&list[i], from))
            return true;
    return false;
}

bool access_is_named(const struct access *a, const struct addr *from)
{
    return is_in(a->list, a->allow_count, from);
}

bool access_block_more(struct access *a, const struct addr_prefix *list, size_t count)
{
    uint64_t hash = map_hash(a->secret, list, count * sizeof(*list));
    bool others = count != a->more_count || (count > 0 && hash != a->more_hash);

    a->more = list;
    a->more_count = count;
    a->more_hash = hash;
    if (others)
        a->last = (struct addr){0};
    return others;
}

static bool lists_admit(struct access *a, const struct addr *from)
{
    if (a->allow_count + a->block_count + a->more_count == 0 || addr_equal(&a->last, from))
        return true;
    if (is_in(a->more, a->more_count, from) ||
        is_in(a->list ? a->list + a->allow_count : NULL, a->block_count, from) ||
        (a->allow_count > 0 && !access_is_named(a, from)))
        return false;
    a->last = *from;
    return true;
}

/* ---- what is shut ---- */

/* The places where an address may be. */
static struct access_shut *places_of(struct access *a, const struct addr_caller *caller)
{
    uint64_t hash = map_hash(a->secret, caller->ip, caller->len);
    return &a->shut[hash % (ACCESS_SHUT_MAX / ACCESS_WAYS) * ACCESS_WAYS];
}

static bool is_shut(struct access *a, instant now, const struct addr *from)
{
    const struct addr_caller caller = addr_caller(from);
    const struct access_shut *place = places_of(a, &caller);

    for (size_t i = 0; i < ACCESS_WAYS; i++)
        if (addr_caller_equal(&place[i].caller, &caller))
            return now < place[i].until;
    return false;
}

bool access_shut(struct access *a, const struct addr *from, instant until)
{
    if (!a->shut)
        a->shut = calloc(ACCESS_SHUT_MAX, sizeof(*a->shut));
    if (!a->shut || addr_is_none(from) || access_is_named(a, from))
        return false;
    const struct access_shut e = {.caller = addr_caller(from), .until = until};
    struct access_shut *place = places_of(a, &e.caller), *oldest = place;

    for (size_t i = 0; i < ACCESS_WAYS; i++) {
        if (addr_caller_equal(&place[i].caller, &e.caller)) {
            oldest = &place[i];
            break;
        }
        if (place[i].until < oldest->until)
            oldest = &place[i];
    }
    *oldest = e;
    if (until > a->shut_until)
        a->shut_until = until;
    return true;
}

size_t access_count_shut(const struct access *a, instant now)
{
    size_t count = 0;

    for (size_t i = 0; now < a->shut_until && i < ACCESS_SHUT_MAX; i++)
        count += now < a->shut[i].until;
    return count;
}

/* ---- both ---- */

bool access_admits(struct access *a, instant now, const struct addr *from)
{
    if (addr_is_none(from))
        return true;
    return lists_admit(a, from) && (now >= a->shut_until || !is_shut(a, now, from));
}

bool access_enters(struct access *a, instant now, const struct addr *from)
{
    bool may = access_admits(a, now, from);
    a->refused += !may;
    return may;
}
