#include <string.h>

#include "gateway/punch/attempt.h"

#define LOWEST_PORT 1024

struct range {
    uint8_t bits, bytes[15];
};

/* RFC 6890 and its registry: nobody is at these, or not the one who says so. */
static const struct range V4_NEVER[] = {
    {8, {0}},            /* this network */
    {8, {127}},          /* loopback */
    {16, {169, 254}},    /* link-local */
    {24, {192, 0, 0}},   /* protocols' own */
    {24, {192, 88, 99}}, /* 6to4 relays */
    {4, {224}},          /* multicast */
    {4, {240}},          /* reserved, and broadcast */
};

/* RFC 1918, RFC 6598 */
static const struct range V4_PRIVATE[] = {
    {8, {10}},
    {12, {172, 16}},
    {16, {192, 168}},
    {10, {100, 64}},
};

/* RFC 4291 §2.5.4; everything outside of it is something special, most of it IPv4 in disguise:
 * mapped, compatible, translated, NAT64 (RFC 6052, RFC 8215). */
static const struct range V6_GLOBAL[] = {{3, {0x20}}};

static const struct range V6_NEVER[] = {
    {23, {0x20, 0x01}}, /* protocols' own; Teredo: IPv4 inside */
    {16, {0x20, 0x02}}, /* 6to4: IPv4 inside */
};

/* RFC 4193 */
static const struct range V6_PRIVATE[] = {{7, {0xfc}}};

static bool is_in(const uint8_t *ip, const struct range *range, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned whole = range[i].bits / 8, rest = range[i].bits % 8;
        if (memcmp(ip, range[i].bytes, whole) == 0 &&
            (rest == 0 || (ip[whole] ^ range[i].bytes[whole]) >> (8 - rest) == 0))
            return true;
    }
    return false;
}

#define IS_IN(ip, ranges) is_in((ip), (ranges), sizeof(ranges) / sizeof((ranges)[0]))

/* RFC 5214 §6.1: the last eight bytes are 0:5efe or 200:5efe and an IPv4 address. */
static bool is_isatap(const uint8_t *ip)
{
    return (ip[8] & ~2) == 0 && ip[9] == 0 && ip[10] == 0x5e && ip[11] == 0xfe;
}

static bool may_probe_v6(const uint8_t *ip, bool shares_network)
{
    if (is_isatap(ip))
        return false;
    if (IS_IN(ip, V6_PRIVATE))
        return shares_network;
    return IS_IN(ip, V6_GLOBAL) && !IS_IN(ip, V6_NEVER);
}

static bool may_probe_v4(const uint8_t *ip, bool shares_network)
{
    if (IS_IN(ip, V4_PRIVATE))
        return shares_network;
    return !IS_IN(ip, V4_NEVER);
}

static bool is_own(const struct addr *a, const struct addr *own, size_t own_count)
{
    for (size_t i = 0; i < own_count; i++)
        if (addr_same_ip(a, &own[i]) &&
            (addr_port(&own[i]) == 0 || addr_port(&own[i]) == addr_port(a)))
            return true;
    return false;
}

bool punch_may_probe(const struct addr *a, const struct addr *own, size_t own_count,
                     bool shares_network)
{
    size_t len;
    const uint8_t *ip = addr_ip(a, &len);

    if (!ip || addr_port(a) < LOWEST_PORT || is_own(a, own, own_count))
        return false;
    return addr_is_v6(a) ? may_probe_v6(ip, shares_network) : may_probe_v4(ip, shares_network);
}
