#include "gateway/base/addr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include "gateway/base/text.h"

struct addr addr_v4(const uint8_t ip[static 4], uint16_t port)
{
    struct addr a;
    memset(&a, 0, sizeof(a)); /* every byte, padding too */
    a.v4.sin_family = AF_INET;
    a.v4.sin_port = htons(port);
    memcpy(&a.v4.sin_addr, ip, 4);
    return a;
}

struct addr addr_v6(const uint8_t ip[static 16], uint16_t port, uint32_t scope)
{
    struct addr a;
    memset(&a, 0, sizeof(a));
    a.v6.sin6_family = AF_INET6;
    a.v6.sin6_port = htons(port);
    a.v6.sin6_scope_id = scope;
    memcpy(&a.v6.sin6_addr, ip, 16);
    return a;
}

struct addr addr_loopback(bool v6, uint16_t port)
{
    static const uint8_t ip4[4] = {127, 0, 0, 1};
    return v6 ? addr_v6(in6addr_loopback.s6_addr, port, 0) : addr_v4(ip4, port);
}

struct addr addr_from_sockaddr(const struct sockaddr *sa)
{
    struct addr a;
    memset(&a, 0, sizeof(a));
    if (sa && sa->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, sa, sizeof(v4));
        return addr_v4((const uint8_t *)&v4.sin_addr, ntohs(v4.sin_port));
    }
    if (sa && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, sa, sizeof(v6));
        return addr_v6(v6.sin6_addr.s6_addr, ntohs(v6.sin6_port), v6.sin6_scope_id);
    }
    return a;
}

/* Copies text[0..len) as a string into `out`. False if it does not fit. */
static bool copy_text(char *out, size_t room, const char *text, size_t len)
{
    if (len >= room || memchr(text, '\0', len))
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static int parse_v6(struct addr *out, const char *text, size_t len, uint16_t port)
{
    char ip_text[INET6_ADDRSTRLEN];
    uint8_t ip[16];
    uint64_t scope = 0;
    const char *percent = memchr(text, '%', len);
    size_t ip_len = percent ? (size_t)(percent - text) : len;

    if (percent && text_parse_u64(&scope, percent + 1, len - ip_len - 1, UINT32_MAX) < 0)
        return -EINVAL;
    if (!copy_text(ip_text, sizeof(ip_text), text, ip_len) || inet_pton(AF_INET6, ip_text, ip) != 1)
        return -EINVAL;
    *out = addr_v6(ip, port, (uint32_t)scope);
    return 0;
}

static int parse_v4(struct addr *out, const char *text, size_t len, uint16_t port)
{
    char ip_text[INET_ADDRSTRLEN];
    uint8_t ip[4];
    if (!copy_text(ip_text, sizeof(ip_text), text, len) || inet_pton(AF_INET, ip_text, ip) != 1)
        return -EINVAL;
    *out = addr_v4(ip, port);
    return 0;
}

/* An address of text[0..len), with or without brackets. */
static int parse_ip(struct addr *out, const char *text, size_t len, uint16_t port)
{
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
        return parse_v6(out, text + 1, len - 2, port);
    if (memchr(text, ':', len))
        return parse_v6(out, text, len, port);
    return parse_v4(out, text, len, port);
}

int addr_parse(struct addr *out, const char *text)
{
    uint16_t port;
    const char *colon = strrchr(text, ':');
    if (!colon || text_parse_u16(&port, colon + 1, strlen(colon + 1)) < 0)
        return -EINVAL;
    size_t len = (size_t)(colon - text);
    /* Without brackets the last group of an IPv6 address would be taken for the port. */
    if (text[0] != '[' && memchr(text, ':', len))
        return -EINVAL;
    return parse_ip(out, text, len, port);
}

int addr_parse_ip(struct addr *out, const char *text, uint16_t port)
{
    return parse_ip(out, text, strlen(text), port);
}

/* Writes address and scope at `out`. Returns how many characters. */
static size_t print_ip(const struct addr *a, char *out, size_t room)
{
    if (!addr_is_v6(a)) {
        (void)inet_ntop(AF_INET, &a->v4.sin_addr, out, (socklen_t)room);
        return strlen(out);
    }
    (void)inet_ntop(AF_INET6, &a->v6.sin6_addr, out, (socklen_t)room);
    size_t len = strlen(out);
    if (a->v6.sin6_scope_id != 0)
        len += (size_t)snprintf(out + len, room - len, "%%%u", a->v6.sin6_scope_id);
    return len;
}

const char *addr_print(const struct addr *a, char out[static ADDR_TEXT_MAX])
{
    if (addr_is_none(a))
        return memcpy(out, "none", sizeof("none"));
    size_t at = 0;
    if (addr_is_v6(a))
        out[at++] = '[';
    at += print_ip(a, out + at, ADDR_TEXT_MAX - at);
    (void)snprintf(out + at, ADDR_TEXT_MAX - at, "%s:%u", addr_is_v6(a) ? "]" : "", addr_port(a));
    return out;
}

const char *addr_print_ip(const struct addr *a, char out[static ADDR_TEXT_MAX])
{
    if (addr_is_none(a))
        return memcpy(out, "none", sizeof("none"));
    (void)print_ip(a, out, ADDR_TEXT_MAX);
    return out;
}

uint16_t addr_port(const struct addr *a)
{
    if (addr_is_none(a))
        return 0;
    return ntohs(addr_is_v6(a) ? a->v6.sin6_port : a->v4.sin_port);
}

void addr_set_port(struct addr *a, uint16_t port)
{
    if (addr_is_v6(a))
        a->v6.sin6_port = htons(port);
    else if (!addr_is_none(a))
        a->v4.sin_port = htons(port);
}

const uint8_t *addr_ip(const struct addr *a, size_t *len)
{
    if (addr_is_none(a)) {
        *len = 0;
        return NULL;
    }
    *len = addr_is_v6(a) ? 16 : 4;
    return addr_is_v6(a) ? a->v6.sin6_addr.s6_addr : (const uint8_t *)&a->v4.sin_addr;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
    size_t len_a, len_b;
    const uint8_t *ip_a = addr_ip(a, &len_a);
    const uint8_t *ip_b = addr_ip(b, &len_b);
    if (len_a != len_b)
        return false;
    if (len_a == 0)
        return true;
    if (addr_is_v6(a) && a->v6.sin6_scope_id != b->v6.sin6_scope_id)
        return false;
    return memcmp(ip_a, ip_b, len_a) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return addr_same_ip(a, b) && addr_port(a) == addr_port(b);
}

struct addr_caller addr_caller(const struct addr *a)
{
    struct addr_caller caller = {.len = 0};
    const struct addr plain = addr_unmapped(*a);
    size_t len;
    const uint8_t *ip = addr_ip(&plain, &len);

    caller.len = (uint8_t)(len < sizeof(caller.ip) ? len : sizeof(caller.ip));
    if (ip)
        memcpy(caller.ip, ip, caller.len);
    return caller;
}

bool addr_caller_equal(const struct addr_caller *a, const struct addr_caller *b)
{
    return a->len == b->len && memcmp(a->ip, b->ip, a->len) == 0;
}

bool addr_same_caller(const struct addr *a, const struct addr *b)
{
    const struct addr_caller x = addr_caller(a), y = addr_caller(b);
    return addr_caller_equal(&x, &y);
}

struct addr addr_unmapped(struct addr a)
{
    if (!addr_is_v6(&a) || !IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr))
        return a;
    return addr_v4(a.v6.sin6_addr.s6_addr + 12, addr_port(&a));
}

/* Does the address, unmapped, begin with these bits? */
static bool begins_with(const struct addr *address, bool v6, const uint8_t *bytes, unsigned bits)
{
    size_t len;
    struct addr a = addr_unmapped(*address);
    const uint8_t *ip = addr_ip(&a, &len);
    if (!ip || addr_is_v6(&a) != v6)
        return false;
    if (memcmp(ip, bytes, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (ip[bits / 8] ^ bytes[bits / 8]) >> (8 - rest) == 0;
}

#define IN_V4(a, bits, ...) begins_with((a), false, (const uint8_t[4]){__VA_ARGS__}, (bits))
#define IN_V6(a, bits, ...) begins_with((a), true, (const uint8_t[16]){__VA_ARGS__}, (bits))

bool addr_is_loopback(const struct addr *a)
{
    return IN_V4(a, 8, 127) || begins_with(a, true, in6addr_loopback.s6_addr, 128);
}

bool addr_is_unspecified(const struct addr *a)
{
    return IN_V4(a, 32, 0) || IN_V6(a, 128, 0);
}

bool addr_is_multicast(const struct addr *a)
{
    return IN_V4(a, 4, 224) || IN_V6(a, 8, 0xff);
}

bool addr_is_link_local(const struct addr *a)
{
    return IN_V4(a, 16, 169, 254) || IN_V6(a, 10, 0xfe, 0x80);
}

bool addr_is_shared(const struct addr *a)
{
    return IN_V4(a, 10, 100, 64);
}

bool addr_is_private(const struct addr *a)
{
    return IN_V4(a, 8, 10) || IN_V4(a, 12, 172, 16) || IN_V4(a, 16, 192, 168) ||
           addr_is_shared(a) || IN_V6(a, 7, 0xfc);
}

int addr_prefix_parse(struct addr_prefix *out, const char *text)
{
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    uint64_t bits;
    struct addr a;

    if (parse_ip(&a, text, len, 0) < 0)
        return -EINVAL;
    uint64_t whole = addr_is_v6(&a) ? 128 : 32;
    if (!slash)
        bits = whole;
    else if (text_parse_u64(&bits, slash + 1, strlen(slash + 1), whole) < 0)
        return -EINVAL;
    *out = (struct addr_prefix){.addr = a, .bits = (unsigned)bits};
    return 0;
}

bool addr_prefix_contains(const struct addr_prefix *p, const struct addr *a)
{
    struct addr prefix = p->addr;
    unsigned bits = p->bits;
    /* ::ffff:10.0.0.0/104 is 10.0.0.0/8. */
    if (addr_is_v6(&prefix) && IN6_IS_ADDR_V4MAPPED(&prefix.v6.sin6_addr) && bits >= 96) {
        prefix = addr_unmapped(prefix);
        bits -= 96;
    }
    size_t len;
    const uint8_t *ip = addr_ip(&prefix, &len);
    return ip && begins_with(a, addr_is_v6(&prefix), ip, bits);
}

bool addr_prefix_is_everybody(const struct addr_prefix *p, const struct addr *a)
{
    size_t len;
    const struct addr plain = addr_unmapped(*a);
    const uint8_t *ip = addr_ip(&plain, &len);
    uint32_t host = 0;

    if (len != 4 || p->bits >= 31 || !addr_prefix_contains(p, &plain))
        return false;
    for (size_t i = 0; i < len; i++)
        host = host << 8 | ip[i];
    return (~host & UINT32_MAX >> p->bits) == 0;
}

bool addr_prefix_is_exact(const struct addr_prefix *p)
{
    size_t len;
    const uint8_t *ip = addr_ip(&p->addr, &len);

    for (size_t bit = p->bits; bit < len * 8; bit++)
        if (ip[bit / 8] & (0x80 >> bit % 8))
            return false;
    return true;
}

bool addr_prefix_equal(const struct addr_prefix *a, const struct addr_prefix *b)
{
    return a->bits == b->bits && addr_same_ip(&a->addr, &b->addr);
}

const char *addr_prefix_print(const struct addr_prefix *p, char out[static ADDR_PREFIX_TEXT_MAX])
{
    size_t len;

    (void)addr_ip(&p->addr, &len);
    size_t end = strlen(addr_print_ip(&p->addr, out));
    if (p->bits < len * 8)
        (void)snprintf(out + end, ADDR_PREFIX_TEXT_MAX - end, "/%u", p->bits);
    return out;
}
