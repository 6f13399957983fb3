/* Addresses that a person has blocked. */
#include "gateway/node/registry_state.h"

#include <errno.h>

static size_t place_of(const struct registry *r, const struct addr_prefix *which)
{
    size_t at = 0;

    while (at < r->blocked_count && !addr_prefix_equal(&r->blocked[at], which))
        at++;
    return at;
}

int registry_block_addresses(struct registry *r, const struct addr_prefix *which, bool blocked)
{
    size_t at = place_of(r, which);

    if (!blocked && at == r->blocked_count)
        return -ENOENT;
    if (!blocked) {
        r->blocked[at] = r->blocked[--r->blocked_count];
        return 0;
    }
    if (at == REGISTRY_BLOCKED_MAX)
        return -ENOSPC;
    if (at == r->blocked_count)
        r->blocked[r->blocked_count++] = *which;
    return 0;
}

const struct addr_prefix *registry_blocked_addresses(const struct registry *r, size_t *count)
{
    *count = r->blocked_count;
    return r->blocked;
}
