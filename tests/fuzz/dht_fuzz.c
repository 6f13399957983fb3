/* A DHT node among strangers: whatever comes, from whomever, it goes on, answers at most once, and
 * keeps within its bounds. The input is a series of packets: sender, whether it answers the node's
 * last query (then that query's transaction id is written into it), length, bytes. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/secret.h"
#include "tests/support/dht_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct asked {
    uint8_t t[4];
    struct addr to;
};

static struct addr sender(uint8_t n)
{
    const uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, n};
    const uint8_t ip4[4] = {20, n, 0, 1};
    return n % 4 == 3 ? addr_v6(ip, 1000, 0) : addr_v4(ip4, 1000);
}

static void drain(struct dht_wire *w, struct asked *asked)
{
    struct dht_event e;

    for (unsigned sent = 0; dht_output(w->d, w->now, &w->tx); sent++) {
        struct krpc m;
        if (w->tx.len == 0 || w->tx.len > KRPC_PACKET_MAX || sent > 200 ||
            krpc_read(&m, w->tx.data, w->tx.len) < 0)
            abort();
        if (m.kind == KRPC_QUERY) {
            memcpy(asked->t, m.t.at, 4);
            asked->to = w->tx.to;
        }
    }
    while (dht_next_event(w->d, &e))
        if (e.kind == DHT_VALUE && !e.item)
            abort();
}

static void packet(struct dht_wire *w, struct asked *asked, struct reader *r)
{
    struct addr from = sender(read_u8(r));
    bool reply = read_u8(r) & 1;
    size_t len = read_u8(r) + 256u * (read_u8(r) & 3u);
    uint8_t out[2048];
    struct krpc m;

    if (len > r->left)
        len = r->left;
    const uint8_t *bytes = read_bytes(r, len);
    w->now += MSEC(100);
    if (!bytes)
        return;
    if (reply && !addr_is_none(&asked->to) && krpc_read(&m, bytes, len) == 0) {
        m.t = (struct krpc_bytes){asked->t, 4};
        from = asked->to;
        size_t n = krpc_write(&m, out, sizeof(out));
        dht_input(w->d, w->now, &from, out, n);
    } else {
        dht_input(w->d, w->now, &from, bytes, len);
    }
    drain(w, asked);
}

static void ask(struct dht_wire *w)
{
    static const uint8_t KEY[KRPC_KEY_LEN] = "01234567890123456789012345678901";
    static const struct dht_id TARGET = {"mnopqrstuvwxyz123456"};
    static struct dht_item item = {.value = "12:Hello World!", .value_len = 15};

    (void)!dht_get_mutable(w->d, w->now, KEY, (struct krpc_bytes){0}, 0, NULL);
    (void)!dht_announce(w->d, w->now, &TARGET, 0, NULL);
    (void)!dht_put(w->d, w->now, &item, NULL, NULL);
    (void)!dht_sample(w->d, w->now, &TARGET, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dht_wire w = {.now = SEC(10), .seed = 1};
    struct asked asked = {.t = {0}};
    struct reader r = reader_over(data, len);
    uint8_t mode = read_u8(&r);
    const struct dht_options options = {.mode = (enum dht_mode)(mode % 3),
                                        .v4 = true,
                                        .v6 = mode & 8,
                                        .random = dht_wire_random,
                                        .arg = &w.seed,
                                        .callers_max = 64,
                                        .items_max = 4,
                                        .topics_max = 4};
    struct dht_status s;

    if (crypto_start() < 0 || dht_new(&w.d, &options, w.now) < 0)
        abort();
    for (uint8_t n = 0; n < 4; n++) {
        const struct addr a = sender(n);
        dht_add_node(w.d, w.now, &a);
    }
    ask(&w);
    drain(&w, &asked);
    while (r.left > 0)
        packet(&w, &asked, &r);
    dht_get_status(w.d, w.now, &s);
    if (s.items > 4 || s.topics > 4)
        abort();
    w.now += SEC(30);
    drain(&w, &asked);
    dht_free(w.d);
    return 0;
}
