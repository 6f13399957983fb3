#include "gateway/nat/nat64.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GAP 8 /* the byte that every address has as zero (RFC 6052 §2.2) */

/* The longest first, as RFC 7050 §3 does: most networks use one of 96 bits. */
static const unsigned LENGTHS[] = {96, 64, 56, 48, 40, 32};

static void put(unsigned bits, const uint8_t ip[static 4], uint8_t out[static 16])
{
    size_t at = bits / 8;

    for (size_t i = 0; i < 4; i++, at++) {
        at += at == GAP;
        out[at] = ip[i];
    }
}

static void get(unsigned bits, const uint8_t in[static 16], uint8_t ip[static 4])
{
    size_t at = bits / 8;

    for (size_t i = 0; i < 4; i++, at++) {
        at += at == GAP;
        ip[i] = in[at];
    }
}

static bool is_well_known(const uint8_t ip[static 4])
{
    return ip[0] == 192 && ip[1] == 0 && ip[2] == 0 && (ip[3] == 170 || ip[3] == 171);
}

/* Of the internet, of a site (RFC 4193), or the ones for this (RFC 6052 §2.1, RFC 8215): whoever
 * answers for names shall not lead us into this machine, or to IPv4 in another disguise. */
static bool may_be_prefix(const uint8_t p[static 16])
{
    static const uint8_t WELL_KNOWN[] = {0x00, 0x64, 0xff, 0x9b};

    return (p[0] & 0xe0) == 0x20 || (p[0] & 0xfe) == 0xfc ||
           memcmp(p, WELL_KNOWN, sizeof(WELL_KNOWN)) == 0;
}

/* An address that is made has what is not prefix and not IPv4 address as zero. */
static bool try(struct nat64 *out, unsigned bits, const uint8_t ip[static 16])
{
    struct nat64 n = {.bits = bits};
    uint8_t inside[4], again[16] = {0};

    get(bits, ip, inside);
    memcpy(n.prefix, ip, bits / 8);
    memcpy(again, n.prefix, sizeof(again));
    put(bits, inside, again);
    if (!is_well_known(inside) || memcmp(again, ip, sizeof(again)) != 0 || !may_be_prefix(ip))
        return false;
    *out = n;
    return true;
}

int nat64_find(struct nat64 *out, const struct addr *list, size_t count)
{
    size_t len;

    *out = (struct nat64){.bits = 0};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; addr_is_v6(&list[i]) && k < sizeof(LENGTHS) / sizeof(LENGTHS[0]); k++)
            if (try(out, LENGTHS[k], addr_ip(&list[i], &len)))
                return 0;
    return -ENOENT;
}

bool nat64_covers(const struct nat64 *n, const struct addr *v4)
{
    size_t len;
    const uint8_t *ip = addr_ip(v4, &len);

    return n->bits != 0 && len == 4 && ip[0] != 0 && ip[0] < 224 && !addr_is_private(v4) &&
           !addr_is_loopback(v4) && !addr_is_link_local(v4);
}

struct addr nat64_wrap(const struct nat64 *n, const struct addr *v4)
{
    uint8_t ip[16];
    size_t len;

    memcpy(ip, n->prefix, sizeof(ip));
    put(n->bits, addr_ip(v4, &len), ip);
    return addr_v6(ip, addr_port(v4), 0);
}

bool nat64_holds(const struct nat64 *n, const struct addr *v6)
{
    uint8_t inside[4], again[16];
    size_t len;
    const uint8_t *ip = addr_ip(v6, &len);

    if (n->bits == 0 || len != 16)
        return false;
    get(n->bits, ip, inside);
    memcpy(again, n->prefix, sizeof(again));
    put(n->bits, inside, again);
    return memcmp(again, ip, sizeof(again)) == 0;
}

bool nat64_unwrap(const struct nat64 *n, const struct addr *v6, struct addr *out)
{
    uint8_t inside[4];
    size_t len;

    if (!nat64_holds(n, v6))
        return false;
    get(n->bits, addr_ip(v6, &len), inside);
    *out = addr_v4(inside, addr_port(v6));
    return nat64_covers(n, out);
}

const char *nat64_print(const struct nat64 *n, char out[static NAT64_TEXT_MAX])
{
    char ip[ADDR_TEXT_MAX];
    const struct addr a = addr_v6(n->prefix, 0, 0);

    (void)snprintf(out, NAT64_TEXT_MAX, "%s/%u", addr_print_ip(&a, ip), n->bits);
    return out;
}
