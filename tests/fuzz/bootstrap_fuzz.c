/* The bootstrap cache's file: what is read is written, and read again the same. */
#include <stdlib.h>
#include <string.h>

#include "gateway/discovery/bootstrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct bootstrap b, again;
    static char text[BOOTSTRAP_TEXT_MAX];

    memset(&b, 0, sizeof(b));
    memset(&again, 0, sizeof(again));
    (void)bootstrap_read(&b, (const char *)data, len);
    size_t written = bootstrap_write(&b, text);
    if (bootstrap_read(&again, text, written) != 0)
        abort();
    for (unsigned kind = 0; kind < BOOTSTRAP_KINDS; kind++)
        if (again.count[kind] != b.count[kind])
            abort();
    return 0;
}
