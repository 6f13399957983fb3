/* Whatever a stream begins with: bounded, and good preambles survive being written again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/wire/preamble.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_preamble(const uint8_t *data, size_t len)
{
    struct preamble p, again;
    uint8_t out[PREAMBLE_MAX];

    int n = preamble_read(&p, data, len);
    if (n == -EAGAIN && len >= PREAMBLE_MAX)
        abort();
    if (n < 0)
        return;
    if ((size_t)n > len || (p.name[0] != '\0' && !preamble_name_ok(p.name)))
        abort();
    size_t written = preamble_write(&p, out);
    if (preamble_read(&again, out, written) != (int)written || again.kind != p.kind ||
        again.port != p.port || strcmp(again.name, p.name) != 0)
        abort();
}

static void check_answer(const uint8_t *data, size_t len)
{
    struct preamble_answer a;

    int n = preamble_answer_read(&a, data, len);
    if (n == -EAGAIN && len >= PREAMBLE_ANSWER_MAX)
        abort();
    for (const char *c = a.reason; n >= 0 && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    check_preamble(data, len);
    check_answer(data, len);
    return 0;
}
