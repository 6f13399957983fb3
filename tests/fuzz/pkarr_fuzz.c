/* Records: what is read is written, where it fits, and read again the same. */
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/pkarr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t packet[PKARR_PACKET_MAX];
    struct pkarr_record record, again;
    struct pkarr_body body;
    size_t left_out;

    (void)!pkarr_body_read(&body, data, len);
    if (len < PKARR_KEY_LEN || pkarr_read(&record, data, data + PKARR_KEY_LEN, len - PKARR_KEY_LEN))
        return 0;
    int n = pkarr_write(&record, packet, &left_out);
    if (n <= 0 || pkarr_read(&again, data, packet, (size_t)n) < 0)
        abort();
    if (again.relays != record.relays || strcmp(again.nick, record.nick) != 0 ||
        again.shares != record.shares ||
        (left_out == 0 && (again.addrs != record.addrs || again.services != record.services)))
        abort();
    return 0;
}
