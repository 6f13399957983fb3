/*
 * A server that says anything: records of be16 length, be16 milliseconds, u8 what, message. Bit 0
 * of what: the transaction id of our last request is put into the message first, bit 1: another
 * source.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/relay/turn_client.h"
#include "gateway/wire/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct turn_client client;
static uint8_t sent[STUN_MAX], message[65536];

static void speak(instant now)
{
    size_t n;
    unsigned count = 0;
    uint8_t out[STUN_MAX];
    while ((n = turn_client_output(&client, now, out)) > 0) {
        if (n > STUN_MAX || ++count > 200)
            abort();
        memcpy(sent, out, n);
    }
    if (turn_client_deadline(&client) <= now && client.state != TURN_FAILED)
        abort();
}

static void hear(instant now, struct reader *r)
{
    uint16_t len = read_be16(r);
    uint8_t what = read_u8(r);
    const uint8_t *data = read_bytes(r, len);
    struct addr from = client.server;
    struct turn_received received;

    if (!data)
        return;
    memcpy(message, data, len);
    if ((what & 1) && len >= STUN_HEADER_LEN)
        memcpy(message + 8, sent + 8, STUN_ID_LEN);
    if (what & 2)
        addr_set_port(&from, 1);
    int got = turn_client_input(&client, now, &from, message, len, &received);
    if (got == 1 && (received.data < message || received.data + received.len > message + len))
        abort();
    if (got >= 0 && (what & 2))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t ip[4] = {192, 0, 2, 1}, ip2[4] = {198, 51, 100, 1};
    struct turn_options options = {.server = addr_v4(ip, 3478), .user = "u", .password = "p"};
    struct addr peer = addr_v4(ip2, 5000);
    struct reader r = reader_over(data, len);
    instant now = SEC(1);

    options.stream = read_u8(&r) & 1;
    if (turn_client_init(&client, &options, now) < 0)
        abort();
    while (r.left > 0 && !r.failed) {
        speak(now);
        now += MSEC(read_be16(&r));
        hear(now, &r);
        (void)!turn_client_open(&client, now, &peer);
        if (client.state == TURN_MOVED)
            turn_client_reconnected(&client, now);
    }
    turn_client_close(&client, now);
    speak(now);
    turn_client_wipe(&client);
    return 0;
}
