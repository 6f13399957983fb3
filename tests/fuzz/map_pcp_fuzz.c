/* Any answers and announcements, in any order: a mapping is held only as it was granted to us. */
#include <stdlib.h>
#include <string.h>

#include "gateway/nat/map_pcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct map_pcp *p)
{
    bool asking = p->mapping.state == MAPPING_ASKING;

    if (asking != (p->due != INSTANT_NEVER) || p->sent > MAPPING_MAX_REQUESTS)
        abort();
    if (p->mapping.state == MAPPING_GRANTED && (!mapping_external_ok(&p->mapping.external) ||
                                                p->mapping.lifetime_s < MAPPING_LIFETIME_MIN_S ||
                                                p->mapping.lifetime_s > MAPPING_LIFETIME_MAX_S))
        abort();
}

/* Packets of one length byte each; the nonce is "nonce0123456". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t ip[4] = {192, 168, 7, 2}, *nonce = (const uint8_t *)"nonce0123456";
    const struct addr local = addr_v4(ip, 4433);
    uint8_t out[EXCHANGE_MAX_DATAGRAM];
    struct map_pcp p;
    instant now = SEC(1);

    map_pcp_init(&p, &local, nonce);
    while (len > 0) {
        size_t size = data[0] < len ? data[0] : len - 1;
        const uint8_t *pkt = data + 1;
        if (p.mapping.state != MAPPING_ASKING)
            map_pcp_ask(&p, now, data[0] % 5 == 0 ? 0 : MAPPING_LIFETIME_S);
        (void)map_pcp_ops.output(&p, now, out);
        if (map_pcp_ops.input(&p, now, pkt, size) < 0)
            (void)map_pcp_announced(&p, now, pkt, size);
        check(&p);
        now += SEC(data[0]);
        data += 1 + size;
        len -= 1 + size;
    }
    return 0;
}
