/* Any registry.json either loads, and then its own text loads again to the same text, or is refused
 * with a reason. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/node/registry_state.h"
#include "tests/support/fake_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct registry *first = calloc(1, sizeof(*first)), *second = calloc(1, sizeof(*second));
    char why[160] = "";
    size_t len_1 = 0, len_2 = 0;
    struct fake_env world;
    if (!first || !second)
        abort();
    fake_env_init(&world); /* services that end ask for the time */
    first->env = second->env = &world.env;

    int err = registry_read(first, (const char *)data, len, why, sizeof(why));
    if (err < 0 && !why[0])
        abort();
    if (err == 0) {
        char *text_1 = registry_write(first, &len_1);
        if (!text_1 || registry_read(second, text_1, len_1, why, sizeof(why)) < 0)
            abort();
        char *text_2 = registry_write(second, &len_2);
        if (!text_2 || len_1 != len_2 || memcmp(text_1, text_2, len_1) != 0)
            abort();
        free(text_1);
        free(text_2);
    }
    registry_free(first);
    registry_free(second);
    fake_env_deinit(&world);
    return 0;
}
