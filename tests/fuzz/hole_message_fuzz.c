/* Messages about holes for programs: what is read is written and read again the same. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/hole_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t out[HOLE_MESSAGE_MAX];
    struct hole_message m, again;

    if (len < 1)
        return 0;
    const struct message_part part = {.type = data[0], .data = data + 1, .len = len - 1};
    if (hole_message_read(&m, &part) < 0)
        return 0;
    const struct message_part written = hole_message_write(&m, out);
    if (written.len > part.len || hole_message_read(&again, &written) < 0 || again.id != m.id ||
        again.flags != m.flags || again.reason != m.reason || again.from != m.from ||
        again.to != m.to || memcmp(again.nonce, m.nonce, sizeof(m.nonce)) != 0 ||
        again.candidates != m.candidates)
        abort();
    for (size_t i = 0; i < m.candidates; i++)
        if (!addr_equal(&m.candidate[i].addr, &again.candidate[i].addr))
            abort();
    return 0;
}
