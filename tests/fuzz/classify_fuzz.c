/*
 * Servers that say anything: records of u8 socket, u8 what, u8 tenths of a second, be16 length,
 * message. The low bits of `what` choose which of the last requests' ids and sources to take on.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/nat/classify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define KEPT 16

static struct classify c;
static struct classify_datagram kept[KEPT];
static unsigned total;

static void speak(instant now)
{
    struct classify_datagram d;
    while (classify_output(&c, now, &d)) {
        if (d.len > sizeof(d.data) || d.socket >= CLASSIFY_SOCKETS || ++total > 1000)
            abort();
        kept[total % KEPT] = d;
    }
    if (classify_deadline(&c) <= now && c.phase != CLASSIFY_DONE)
        abort();
}

static void hear(instant now, struct reader *r)
{
    static uint8_t message[65536];
    uint8_t socket = read_u8(r), what = read_u8(r);
    uint16_t len = read_be16(r);
    const uint8_t *data = read_bytes(r, len);
    const struct classify_datagram *d = &kept[what % KEPT];

    if (!data)
        return;
    memcpy(message, data, len);
    if (len >= STUN_HEADER_LEN && (what & 0x80))
        memcpy(message + 8, d->data + 8, STUN_ID_LEN);
    (void)!classify_input(&c, now, what & 0x40 ? d->socket : socket, &d->to, message, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct classify_options options = {0};
    struct reader r = reader_over(data, len);
    uint8_t ip[4] = {192, 0, 2, 1};
    instant now = SEC(1);

    options.server_count = read_u8(&r) % (NAT_SERVERS_MAX + 1);
    for (unsigned i = 0; i < NAT_SERVERS_MAX; i++, ip[3]++)
        options.server[i] = addr_v4(ip, 3478);
    total = 0;
    memset(kept, 0, sizeof(kept));
    classify_init(&c, &options, now);
    while (r.left > 0 && !r.failed) {
        speak(now);
        now += MSEC(100) * read_u8(&r);
        hear(now, &r);
    }
    for (unsigned turn = 0; c.phase != CLASSIFY_DONE; turn++) {
        if (turn > 200)
            abort();
        speak(now);
        now = classify_deadline(&c) == INSTANT_NEVER ? now : classify_deadline(&c);
    }
    return 0;
}
