/* Where nodes of the DHT see us: any answers, in any order. An input is a list of: node (one byte),
 * length (one byte), answer; `????` in it becomes what that node was asked with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/discovery/dht_mirror.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define NOW SEC(10)

static void begin(struct dht_mirror *m)
{
    static const uint8_t CHANCE[DHT_ID_LEN + DHT_MIRROR_NODES * DHT_MIRROR_T_LEN] = "unlikely";
    struct addr node[DHT_MIRROR_NODES], to;
    uint8_t out[DHT_MIRROR_PACKET];

    for (uint8_t i = 0; i < DHT_MIRROR_NODES; i++) {
        const uint8_t ip[4] = {20, i / 2, 0, i};
        node[i] = addr_v4(ip, 6881);
    }
    dht_mirror_begin(m, NOW, node, DHT_MIRROR_NODES, CHANCE);
    for (instant now = NOW; now < NOW + DHT_MIRROR_WITHIN; now += DHT_MIRROR_SLOW)
        while (dht_mirror_output(m, now, &to, out) > 0)
            ;
}

/* What has won was said by two nodes at least. */
static void judge(const struct dht_mirror *m)
{
    unsigned voices = 0;

    for (size_t i = 0; i < m->nodes; i++)
        voices += addr_equal(&m->node[i].seen, &m->seen);
    if (m->state == DHT_MIRROR_SEEN && (voices < 2 || !dht_addr_is_usable(&m->seen)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);
    struct dht_mirror m;
    uint8_t answer[UINT8_MAX];
    struct addr to;

    begin(&m);
    while (!r.failed && r.left > 0) {
        const struct dht_mirror_node *n = &m.node[read_u8(&r) % DHT_MIRROR_NODES];
        size_t size = read_u8(&r);
        const uint8_t *bytes = read_bytes(&r, size);
        if (!bytes)
            break;
        memcpy(answer, bytes, size);
        uint8_t *t = memmem(answer, size, "????", DHT_MIRROR_T_LEN);
        if (t)
            memcpy(t, n->t, DHT_MIRROR_T_LEN);
        (void)dht_mirror_input(&m, &n->addr, answer, size);
        judge(&m);
    }
    (void)dht_mirror_output(&m, NOW + DHT_MIRROR_WITHIN, &to, answer);
    judge(&m);
    if (m.state == DHT_MIRROR_ASKING)
        abort();
    return 0;
}
