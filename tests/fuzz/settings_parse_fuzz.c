/* Any text as a configuration file is read or refused with its line, and nothing leaks. */
#include <stdlib.h>
#include <string.h>

#include "config/settings/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct settings s;
    char why[300] = "";

    if (settings_init(&s) < 0)
        abort();
    int err = settings_parse(&s, "f", (const char *)data, len, why, sizeof(why));
    if (err < 0 && strncmp(why, "f:", 2) != 0)
        abort();
    settings_deinit(&s);
    return 0;
}
