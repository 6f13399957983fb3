/* Messages of a relay: what is read is written the same again, and read again. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/relay_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t out[RELAY_MESSAGE_MAX];
    struct relay_message m, again;
    struct relay_frame f;

    if (relay_frame_read(&f, data, len) == 0) {
        relay_frame_write(&f, out);
        if (memcmp(out, data, RELAY_FRAME_HEADER) != 0)
            abort();
    }
    if (len < 1)
        return 0;
    const struct message_part part = {.type = data[0], .data = data + 1, .len = len - 1};
    if (relay_message_read(&m, &part) < 0)
        return 0;
    const struct message_part written = relay_message_write(&m, out);
    if (written.len > part.len || relay_message_read(&again, &written) < 0 ||
        m.early_len != again.early_len ||
        (m.early_len > 0 && memcmp(m.early, again.early, m.early_len) != 0))
        abort();
    if (m.handle_count > 0 &&
        memcmp(m.handles, again.handles, m.handle_count * RELAY_MESSAGE_HANDLE) != 0)
        abort();
    again.early = m.early;
    again.handles = m.handles;
    if (memcmp(&m, &again, sizeof(m)) != 0)
        abort();
    return 0;
}
