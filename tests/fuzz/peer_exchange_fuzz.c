/* What contacts say of others: what is read is written and read again the same, and a gateway that
 * hears it keeps within its bounds. The input is a series of messages: type, length, body. */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/secret.h"
#include "gateway/discovery/peer_exchange.h"
#include "gateway/identity/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int64_t highest(void *arg, const struct peer_id *id)
{
    (void)arg;
    (void)id;
    return 0;
}

static void check(const struct exchange_message *m, const struct message_part *part)
{
    uint8_t out[EXCHANGE_MESSAGE_MAX];
    struct exchange_message again;
    const struct message_part written = exchange_message_write(m, out);

    if (written.len > part->len || exchange_message_read(&again, &written) < 0 ||
        again.flags != m->flags || memcmp(again.key, m->key, sizeof(m->key)) != 0 ||
        again.body.seq != m->body.seq || again.body.packet_len != m->body.packet_len)
        abort();
}

static void hear(struct peer_exchange *x, instant now, const struct peer_id *from,
                 const struct exchange_message *m)
{
    struct exchange_tx tx;
    struct exchange_event event;
    unsigned said = 0;

    peer_exchange_input(x, now, from, m);
    while (peer_exchange_output(x, now, &tx))
        if (++said > 2 * EXCHANGE_ANSWERS_MAX + EXCHANGE_TELLS_HOUR)
            abort();
    while (peer_exchange_next_event(x, &event))
        if (event.kind == EXCHANGE_LEARNT && !peer_exchange_find(x, &event.id))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct peer_id SELF = {{1}}, FRIENDS[2] = {{{2}}, {{3}}};
    const struct peer_exchange_options options = {.self = SELF, .network = "", .highest = highest};
    struct reader r = reader_over(data, len);
    struct peer_exchange *x;
    struct exchange_counts counts;
    instant now = SEC(10);

    if (crypto_start() < 0 || peer_exchange_new(&x, &options) < 0)
        abort();
    for (unsigned i = 0; i < 2; i++)
        peer_exchange_join(x, now, &FRIENDS[i], data);
    while (!r.failed && r.left > 0) {
        uint8_t type = read_u8(&r);
        size_t part_len = read_be16(&r);
        part_len = part_len < r.left ? part_len : r.left;
        const struct message_part part = {
            .type = (uint16_t)(type & 63), .data = r.at, .len = part_len};
        struct exchange_message m;
        (void)read_bytes(&r, part_len);
        now += MSEC(500);
        if (exchange_message_read(&m, &part) < 0)
            continue;
        check(&m, &part);
        hear(x, now, &FRIENDS[type >> 7], &m);
    }
    peer_exchange_counts(x, &counts);
    if (counts.known > EXCHANGE_KNOWN_MAX)
        abort();
    peer_exchange_free(x);
    return 0;
}
