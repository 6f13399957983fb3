/* Any datagram in answer to doctor's question is read within its length, or is none. */
#include <stdlib.h>

#include "config/control/dns_question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct dns_reply r;
    const uint16_t id = (uint16_t)(len >= 2 ? data[0] << 8 | data[1] : 0);

    int err = dns_reply_read(&r, data, len, id);
    if (err == 0 && (len < 12 || (r.has_address && r.answers == 0) || r.rcode > 15))
        abort();
    return 0;
}
