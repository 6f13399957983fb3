/* Messages about being reached, and the datagram: what is read is written and read again the same.
 */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/reach_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void try_datagram(const uint8_t *data, size_t len)
{
    uint8_t out[REACH_DATAGRAM_LEN];
    const uint8_t *token = reach_datagram_token(data, len);

    if (!token)
        return;
    reach_datagram_write(token, out);
    if (len != sizeof(out) || memcmp(out, data, len) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t out[REACH_MESSAGE_MAX];
    struct reach_message m, again;

    try_datagram(data, len);
    if (len < 1)
        return 0;
    const struct message_part part = {.type = data[0], .data = data + 1, .len = len - 1};
    if (reach_message_read(&m, &part) < 0)
        return 0;
    const struct message_part written = reach_message_write(&m, out);
    if (written.len > part.len || reach_message_read(&again, &written) < 0 ||
        again.port != m.port || again.v6 != m.v6 || again.status != m.status)
        abort();
    return 0;
}
