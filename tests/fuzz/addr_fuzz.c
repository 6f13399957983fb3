/* Whatever is read as an address prints to a text that is read as the same address. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char in[256], out[ADDR_TEXT_MAX];
    struct addr a, b;
    struct addr_prefix prefix;
    if (len >= sizeof(in))
        return 0;
    memcpy(in, data, len);
    in[len] = '\0';

    if (addr_parse(&a, in) == 0) {
        if (addr_parse(&b, addr_print(&a, out)) < 0 || !addr_equal(&a, &b))
            abort();
    }
    if (addr_parse_ip(&a, in, 7) == 0) {
        if (addr_parse_ip(&b, addr_print_ip(&a, out), 7) < 0 || !addr_equal(&a, &b))
            abort();
        (void)addr_is_private(&a);
    }
    if (addr_prefix_parse(&prefix, in) == 0) {
        /* ::/0 and the like hold no IPv4 addresses, also not in their disguise. */
        struct addr plain = addr_unmapped(prefix.addr);
        bool wider = addr_is_v6(&prefix.addr) && !addr_is_v6(&plain) && prefix.bits < 96;
        if (addr_prefix_contains(&prefix, &prefix.addr) == wider)
            abort();
    }
    return 0;
}
