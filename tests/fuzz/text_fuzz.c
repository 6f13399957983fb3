/* Whatever a text decoder accepts, it would have written so itself. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

#define ROOM 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Letter case aside, if `fold`. */
static void must_equal(const char *written, const char *read, size_t len, int fold)
{
    if (strlen(written) != len)
        abort();
    for (size_t i = 0; i < len; i++)
        if ((fold ? tolower((unsigned char)read[i]) : read[i]) != written[i])
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t bytes[ROOM];
    char text[2 * ROOM + 1];
    const char *in = (const char *)data;
    uint64_t number;
    if (len > ROOM)
        return 0;

    if (text_hex_decode(bytes, len / 2, in, len) == 0)
        must_equal(text_hex(text, bytes, len / 2), in, len, 1);
    if (text_z32_decode(bytes, len * 5 / 8, in, len) == 0)
        must_equal(text_z32(text, bytes, len * 5 / 8), in, len, 1);
    for (enum text_base64 kind = TEXT_BASE64; kind <= TEXT_BASE64_URL; kind++) {
        int n = text_base64_decode(bytes, sizeof(bytes), kind, in, len);
        if (n < 0)
            continue;
        (void)text_base64(text, kind, bytes, (size_t)n);
        must_equal(text, in, len, 0);
    }
    if (text_parse_u64(&number, in, len, UINT64_MAX) == 0 && (len == 0 || len > 20))
        abort();
    return 0;
}
