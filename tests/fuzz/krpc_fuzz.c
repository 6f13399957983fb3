/* What is read as a message is written as one that reads and writes the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/bencode.h"
#include "gateway/wire/krpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void walk(const struct krpc *m)
{
    struct krpc_bytes nodes = m->nodes, nodes6 = m->nodes6, values = m->values;
    const uint8_t *id;
    struct addr a;

    while (krpc_next_node(&nodes, false, &id, &a))
        if (addr_is_v6(&a))
            abort();
    while (krpc_next_node(&nodes6, true, &id, &a))
        if (!addr_is_v6(&a))
            abort();
    while (krpc_next_peer(&values, &a))
        if (addr_port(&a) == 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t first[4096], second[4096];
    struct krpc m, again;
    struct bencode top;
    int err = krpc_read(&m, data, len);

    if (err == -EPROTO && (m.t.len == 0 || m.kind != KRPC_QUERY || m.code == 0))
        abort();
    if (err < 0)
        return 0;
    walk(&m);
    size_t n = krpc_write(&m, first, sizeof(first));
    if (n == 0)
        return 0;
    if (bencode_read(&top, first, n) < 0 || top.raw_len != n || krpc_read(&again, first, n) < 0)
        abort();
    if (krpc_write(&again, second, sizeof(second)) != n || memcmp(first, second, n) != 0)
        abort();
    return 0;
}
