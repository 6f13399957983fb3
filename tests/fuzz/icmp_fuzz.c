/* Whatever comes by ICMP: the reader stays within bounds, what it reads can be written and read
 * again, and nothing but a contact's notice is a call, of which nobody is harmed. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/punch/attempt.h"
#include "gateway/punch/pwnat.h"

#define ECHO_ID 0x1234

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(bool truth)
{
    if (!truth)
        abort();
}

static int key_of(void *arg, const uint8_t id[PWNAT_ID_LEN], uint8_t key[ICMP_NOTICE_KEY_LEN])
{
    (void)arg;
    memcpy(key, id, ICMP_NOTICE_KEY_LEN);
    return 0;
}

static void read_and_write(const uint8_t *data, size_t len)
{
    struct icmp_exceeded e, again;
    uint8_t out[ICMP_MESSAGE_MAX];

    if (icmp_exceeded_read(&e, data, len) < 0)
        return;
    expect(e.echo.len <= ICMP_DATA_MAX);
    expect(icmp_exceeded_read(&again, out, icmp_exceeded_write(out, &e)) == 0);
    expect(addr_equal(&again.from, &e.from) && addr_equal(&again.to, &e.to));
    expect(again.echo.id == e.echo.id && again.echo.sequence == e.echo.sequence);
    expect(again.echo.len == e.echo.len && memcmp(again.echo.data, e.echo.data, e.echo.len) == 0);
}

static int hear(const uint8_t *data, size_t len, struct pwnat_call *call)
{
    static const uint8_t id[1][PWNAT_ID_LEN] = {{1}}, from[4] = {198, 51, 100, 7};
    struct pwnat_ear ear = {.id = ECHO_ID, .key = key_of};
    const struct pwnat_heard heard = {.now = SEC(1),
                                      .wall_ms = 1700000000000,
                                      .from = addr_v4(from, 0),
                                      .data = data,
                                      .len = len};

    expect(pwnat_ear_set(&ear, id, 1) == 0);
    int err = pwnat_ear_hear(&ear, &heard, call);
    pwnat_ear_deinit(&ear);
    return err;
}

/* The input as the note of a contact: sealed with the right key. */
static void call_with(const uint8_t *data, size_t len)
{
    static const uint8_t key[ICMP_NOTICE_KEY_LEN] = {1}, home[4] = {203, 0, 113, 1};
    uint8_t text[ICMP_NOTICE_LEN] = {0}, out[ICMP_MESSAGE_MAX], ip[4] = {0};
    struct icmp_notice notice = {.time_ms = 1700000000000};
    const struct addr at = addr_v4(home, 0);
    struct pwnat_call call;

    if (len < 8)
        return;
    memcpy(ip, data, sizeof(ip));
    notice.at = addr_v4(ip, (uint16_t)(data[4] << 8 | data[5]));
    notice.fresh_port = (uint16_t)(data[6] << 8 | data[7]);
    icmp_notice_write(text, &notice, key);
    expect(hear(out, pwnat_exceeded(out, ECHO_ID, &at, text), &call) == 0);
    expect(call.places <= PWNAT_PLACES_MAX);
    for (size_t i = 0; i < call.places; i++)
        expect(punch_may_probe(&call.place[i], NULL, 0, false));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pwnat_call call;

    expect(crypto_start() == 0);
    read_and_write(data, len);
    (void)hear(data, len, &call);
    call_with(data, len);
    return 0;
}
