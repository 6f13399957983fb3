#include "gateway/io/links.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <ifaddrs.h>
#include <net/if.h>

/* ---- what there is ---- */

static unsigned count_bits(const struct sockaddr *mask)
{
    struct addr a = addr_from_sockaddr(mask);
    size_t len;
    unsigned bits = 0;
    const uint8_t *ip = addr_ip(&a, &len);
    for (size_t i = 0; i < len; i++)
        bits += (unsigned)__builtin_popcount(ip[i]);
    return bits;
}

static bool describe(const struct ifaddrs *i, struct interface *out)
{
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_RUNNING))
        return false;
    *out = (struct interface){
        .addr = addr_from_sockaddr(i->ifa_addr),
        .multicast = (i->ifa_flags & IFF_MULTICAST) != 0,
        .loopback = (i->ifa_flags & IFF_LOOPBACK) != 0,
    };
    if (addr_is_none(&out->addr))
        return false;
    addr_set_port(&out->addr, 0);
    (void)snprintf(out->name, sizeof(out->name), "%s", i->ifa_name);
    out->index = if_nametoindex(i->ifa_name);
    if (i->ifa_netmask) {
        /* Some systems leave the family of a netmask unset. */
        struct sockaddr_storage mask;
        memcpy(&mask, i->ifa_netmask, addr_len(&out->addr));
        mask.ss_family = out->addr.sa.sa_family;
        out->prefix_bits = count_bits((struct sockaddr *)&mask);
    }
    if (i->ifa_flags & IFF_BROADCAST && i->ifa_broadaddr && !addr_is_v6(&out->addr))
        out->broadcast = addr_from_sockaddr(i->ifa_broadaddr);
    return out->index > 0;
}

int links_list(struct interface *out, int max)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0)
        return -errno;
    int count = 0;
    for (const struct ifaddrs *i = all; i && count < max; i = i->ifa_next)
        if (describe(i, &out[count]))
            count++;
    freeifaddrs(all);
    return count;
}
