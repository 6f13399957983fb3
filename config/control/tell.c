#include "config/control/tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/control/fields.h"
#include "config/control/render.h"

#define HINT_START "overlay share TARGET or overlay open PEER starts one; so does overlay daemon"

int tell_answer(const struct front *f, json_t *answer)
{
    const json_t *result = json_object_get(answer, "result");
    int code = CLI_OK;

    if (json_object_get(answer, "error"))
        code = front_fail_json(f, answer);
    else
        render_result(f, result);
    if (f->args.verb->id == VERB_DOCTOR && strcmp(field_text(result, "worst"), "problem") == 0)
        code = CLI_FAILED;
    if (f->args.verb->id == VERB_NAME && json_array_size(json_object_get(result, "conflicts")) > 0)
        code = CLI_FAILED;
    json_decref(answer);
    return code;
}

/** Its process id is in the lock that it holds. */
static int tell_silent(const struct front *f)
{
    char hint[64];
    int pid = 0;

    if (f->host->edit_begin(f->host->arg, &pid) == 0)
        f->host->edit_end(f->host->arg);
    (void)snprintf(hint, sizeof(hint), "if that lasts: kill -KILL %d", pid);
    return front_fail(f, CLI_FAILED, pid > 0 ? hint : NULL,
                      "the gateway with process id %d does not answer", pid);
}

int tell_lost(const struct front *f, int err)
{
    if (err == -ECONNRESET)
        return front_fail(f, CLI_FAILED, "overlay status", "the gateway ended before it answered");
    if (err == -ETIMEDOUT)
        return tell_silent(f);
    if (err == -EACCES)
        return front_fail(f, CLI_FAILED, NULL, "%s: the gateway belongs to another user", f->home);
    return front_fail(f, CLI_FAILED, "overlay status", "cannot ask the gateway: %s",
                      strerror(-err));
}

int tell_no_gateway(const struct front *f)
{
    return front_fail(f, CLI_FAILED, HINT_START, "no gateway is running");
}
