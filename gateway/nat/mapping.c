#include "gateway/nat/mapping.h"

/* RFC 6886 §3.6 and RFC 6887 §8.5: clocks may differ by an eighth or a sixteenth, and by 2 s. */
#define SLACK_S 2

bool map_epoch_take(struct map_epoch *e, enum map_epoch_rule rule, uint32_t server_s, instant now)
{
    const struct map_epoch last = *e;

    *e = (struct map_epoch){.known = true, .server_s = server_s, .at = now};
    if (!last.known || now < last.at)
        return false;
    const uint64_t ours = (now - last.at) / SEC(1);
    if (rule == MAP_EPOCH_NATPMP)
        return (uint64_t)server_s + SLACK_S < last.server_s + ours - ours / 8;
    if ((uint64_t)server_s + 1 < last.server_s)
        return true;
    const uint64_t theirs = server_s > last.server_s ? server_s - last.server_s : 0;
    return ours + SLACK_S < theirs - theirs / 16 || theirs + SLACK_S < ours - ours / 16;
}

bool mapping_external_ok(const struct addr *external)
{
    return !addr_is_none(external) && addr_port(external) != 0 && !addr_is_unspecified(external) &&
           !addr_is_loopback(external) && !addr_is_multicast(external) &&
           !addr_is_link_local(external);
}

bool mapping_is_behind_nat(const struct addr *external)
{
    return addr_is_private(external);
}

uint32_t mapping_lifetime(uint32_t lifetime_s)
{
    return lifetime_s < MAPPING_LIFETIME_MAX_S ? lifetime_s : MAPPING_LIFETIME_MAX_S;
}
