/* Any line to the control server is answered by one JSON object, whatever it says. */
#include <stdlib.h>
#include <string.h>

#include "config/control/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/** Every command there is judges the arguments, whichever the request names. */
static void check_all(const json_t *request)
{
    static const char *const NAMES[] = {"id",    "peer",  "name",    "unname", "allow",
                                        "block", "share", "resolve", "open",   "ping"};

    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        const struct command *command = command_find(NAMES[i]);
        if (!command)
            abort();
        json_t *refusal = protocol_check(request, command->arguments);
        if (refusal && !json_is_integer(json_object_get(refusal, "code")))
            abort();
        json_decref(refusal);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    json_t *refusal = NULL;
    json_t *request = protocol_read((const char *)data, len, &refusal);

    if (!request == !refusal)
        abort();
    if (refusal) {
        size_t n;
        char *line = protocol_line(refusal, &n);
        if (!line || memchr(line, '\n', n) != line + n - 1)
            abort();
        free(line);
    } else {
        (void)protocol_command(request);
        check_all(request);
    }
    json_decref(request);
    json_decref(refusal);
    return 0;
}
