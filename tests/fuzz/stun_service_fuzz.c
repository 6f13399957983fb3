/* Whoever asks what: an answer is a STUN message with the same id, and not larger than asked. */
#include <stdlib.h>
#include <string.h>

#include "gateway/relay/stun_service.h"
#include "gateway/wire/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct stun_service s;
    static const uint8_t secret[MAP_SECRET_LEN];
    uint8_t out[STUN_ANSWER_MAX];
    struct stun_message m;
    struct addr from = addr_loopback(len % 2, 1234);

    stun_service_init(&s, secret, true);
    size_t n = stun_service_answer(&s, 0, &from, data, len, out);
    if (n == 0)
        return 0;
    if (n > len || stun_read(&m, out, n) < 0 || memcmp(m.id, data + 8, STUN_ID_LEN) != 0)
        abort();
    return 0;
}
