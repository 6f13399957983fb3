#include "config/control/tell.h"

#include <errno.h>
#include <string.h>

#include "config/control/render.h"

#define HINT_START "overlay share TARGET or overlay open PEER starts one; so does overlay daemon"

int tell_answer(const struct front *f, json_t *answer)
{
    int code = CLI_OK;

    if (json_object_get(answer, "error"))
        code = front_fail_json(f, answer);
    else
        render_result(f, json_object_get(answer, "result"));
    json_decref(answer);
    return code;
}

int tell_lost(const struct front *f, int err)
{
    if (err == -ECONNRESET)
        return front_fail(f, CLI_FAILED, "overlay status", "the gateway ended before it answered");
    if (err == -EACCES)
        return front_fail(f, CLI_FAILED, NULL, "%s: the gateway belongs to another user", f->home);
    return front_fail(f, CLI_FAILED, "overlay status", "cannot ask the gateway: %s",
                      strerror(-err));
}

int tell_no_gateway(const struct front *f)
{
    return front_fail(f, CLI_FAILED, HINT_START, "no gateway is running");
}
