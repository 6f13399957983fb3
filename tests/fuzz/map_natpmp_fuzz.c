/* Any answers and announcements, in any order: a mapping is held only as it was granted to us. */
#include <stdlib.h>

#include "gateway/nat/map_natpmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct map_natpmp *m)
{
    bool asking = m->mapping.state == MAPPING_ASKING;
    bool waits = map_natpmp_ops.deadline(m) != INSTANT_NEVER;

    if (asking != waits || m->sent > MAPPING_MAX_REQUESTS)
        abort();
    if (m->mapping.state == MAPPING_GRANTED && (!mapping_external_ok(&m->mapping.external) ||
                                                m->mapping.lifetime_s < MAPPING_LIFETIME_MIN_S))
        abort();
}

/* Packets of one length byte each, for port 4433. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t out[EXCHANGE_MAX_DATAGRAM];
    struct map_natpmp m;
    instant now = SEC(1);

    map_natpmp_init(&m, 4433);
    while (len > 0) {
        size_t size = data[0] < len ? data[0] : len - 1;
        const uint8_t *pkt = data + 1;
        if (m.mapping.state != MAPPING_ASKING)
            map_natpmp_ask(&m, now, data[0] % 5 == 0 ? 0 : MAPPING_LIFETIME_S);
        (void)map_natpmp_ops.output(&m, now, out);
        if (map_natpmp_ops.input(&m, now, pkt, size) < 0)
            (void)map_natpmp_announced(&m, now, pkt, size);
        check(&m);
        now += SEC(data[0]);
        data += 1 + size;
        len -= 1 + size;
    }
    return 0;
}
