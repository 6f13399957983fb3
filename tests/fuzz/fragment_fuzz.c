/* Frames of any content in any order: memory stays bounded, datagrams within their limit. */
#include <stdlib.h>

#include "gateway/wire/fragment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The input is a row of frames, each behind a byte of length and one of time that passed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reassembly r = {0};
    struct fragment_datagram d;
    instant now = 0;
    volatile uint8_t last;

    for (size_t at = 0; at + 2 <= len;) {
        size_t n = (size_t)data[at] * 5;
        now += MSEC(data[at + 1]);
        at += 2;
        n = n < len - at ? n : len - at;
        if (reassembly_input(&r, now, data + at, n, &d) == 1) {
            if (d.len > FRAGMENT_DATAGRAM_MAX || d.flow > FRAGMENT_FLOW_MAX)
                abort();
            if (d.len > 0)
                last = d.data[d.len - 1];
        }
        at += n;
    }
    (void)last;
    reassembly_deinit(&r);
    return 0;
}
