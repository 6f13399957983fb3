/* Messages about punching: what is read is written and read again the same. */
#include <stdlib.h>

#include "gateway/wire/punch_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t out[PUNCH_MESSAGE_MAX];
    struct punch_message m, again;

    if (len < 1)
        return 0;
    const struct message_part part = {.type = data[0], .data = data + 1, .len = len - 1};
    if (punch_message_read(&m, &part) < 0)
        return 0;
    const struct message_part written = punch_message_write(&m, out);
    if (written.len > part.len || punch_message_read(&again, &written) < 0 ||
        again.candidates != m.candidates || again.round != m.round)
        abort();
    for (size_t i = 0; i < m.candidates; i++)
        if (!addr_equal(&m.candidate[i].addr, &again.candidate[i].addr))
            abort();
    return 0;
}
