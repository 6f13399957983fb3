/* A line that can be read is written, and read, the same again. */
#include <stdlib.h>
#include <string.h>

#include "gateway/node/pool_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pool_line line, again;
    char text[POOL_LINE_MAX];

    if (pool_line_read(&line, (const char *)data, len) < 0)
        return 0;
    size_t n = pool_line_write(&line, text);
    if (n >= POOL_LINE_MAX || text[n - 1] != '\n' || pool_line_read(&again, text, n - 1) < 0 ||
        memcmp(&line, &again, sizeof(line)) != 0)
        abort();
    return 0;
}
