/* A control stream in pieces: what the collector makes of it is what a whole buffer gives. */
#include <stdlib.h>

#include "gateway/wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_services(struct message_services list)
{
    struct message_service s;
    size_t count = list.count;

    if (count > MESSAGE_SERVICES_MAX)
        abort();
    while (message_services_next(&list, &s)) {
        if (!preamble_name_ok(s.name) || s.proto < 1 || s.proto > 3)
            abort();
        count--;
    }
    if (count != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct message_reader r = {0};
    struct message m;
    if (len < 1)
        return 0;

    size_t step = data[0] + 1u, at = 1;
    while (at < len) {
        int used = message_reader_take(&r, data + at, step < len - at ? step : len - at);
        if (used <= 0)
            abort();
        at += (size_t)used;
        int got = message_reader_next(&r, &m);
        if (got < 0)
            break;
        if (got == 1 && m.type == MESSAGE_UNKNOWN)
            abort();
        if (got == 1 && m.type == MESSAGE_SERVICES)
            check_services(m.services);
        if (r.room > MESSAGE_HEADER + MESSAGE_BODY_MAX)
            abort();
    }
    message_reader_deinit(&r);
    return 0;
}
