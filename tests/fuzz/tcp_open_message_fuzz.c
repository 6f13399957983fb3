/* Messages before a simultaneous open: what is read is written and read again the same. */
#include <stdlib.h>

#include "gateway/wire/tcp_open_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct message_part part = {.type = TCP_OPEN_MESSAGE, .data = data, .len = len};
    uint8_t body[TCP_OPEN_MESSAGE_MAX];
    struct addr at, again;

    if (tcp_open_message_read(&at, &part) < 0)
        return 0;
    const struct message_part written = tcp_open_message_write(&at, body);
    if (written.len > len || tcp_open_message_read(&again, &written) < 0 ||
        !addr_equal(&at, &again))
        abort();
    return 0;
}
