#include "dns/reverse.h"

#include <string.h>

#include "dns/precheck.h"
#include "gateway/base/text.h"

static const uint8_t TREE[] = "\007in-addr\004arpa"; /* the root's zero is there already */

/* Bytes of the name before the tree's own name, or 0. */
static size_t find_tree(const uint8_t *name, size_t len)
{
    if (len <= sizeof(TREE))
        return 0;
    size_t front = len - sizeof(TREE);
    for (size_t i = 0; i < sizeof(TREE); i++)
        if (dns_lower(name[front + i]) != TREE[i])
            return 0;
    return front;
}

static bool read_octet(uint8_t *out, const uint8_t *label)
{
    uint64_t value;
    if (text_parse_u64(&value, (const char *)label + 1, label[0], 255) < 0)
        return false;
    *out = (uint8_t)value;
    return true;
}

bool reverse_read(struct reverse *out, const struct addr_prefix *range, const uint8_t *name,
                  size_t len)
{
    const uint8_t *label[128];
    unsigned labels = 0, zone = (range->bits + 7) / 8;
    size_t front = find_tree(name, len), at = 0;

    for (; at < front; at += 1u + name[at])
        label[labels++] = name + at;
    if (front == 0 || at != front || labels < zone)
        return false;
    *out = (struct reverse){.octets = labels, .apex = label[labels - zone]};
    out->apex_len = len - (size_t)(out->apex - name);
    for (unsigned i = 0; i < labels && i < sizeof(out->ip); i++)
        if (!read_octet(&out->ip[i], label[labels - 1 - i])) {
            out->octets = sizeof(out->ip) + 1; /* there is no such name */
            if (i < zone)
                return false;
            break;
        }
    const struct addr first = addr_v4(out->ip, 0);
    return addr_prefix_contains(range, &first);
}
