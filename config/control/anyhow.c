#include "config/control/anyhow.h"

#include "config/control/ask.h"
#include "config/control/offline.h"
#include "config/control/tell.h"

#define START_WITHIN SEC(5)
#define START_TICK   MSEC(50)

json_t *anyhow_ask(struct front *f, const json_t *request, bool create, int *code)
{
    int pid = 0;

    *code = front_open_home(f, create);
    if (*code != CLI_OK) {
        if (!create)
            *code = CLI_OK;
        return NULL;
    }
    instant until = env_now(f->env) + START_WITHIN;
    struct asked asked = ask_at_once(f, request);
    while (asked_nobody(&asked)) {
        json_t *answer = offline_run(f, request, code, &pid);
        if (answer || *code != -1)
            return answer;
        if (env_now(f->env) >= until) {
            *code = front_fail(f, CLI_FAILED, "overlay status",
                               "the gateway with process id %d does not answer", pid);
            return NULL;
        }
        ask_wait(f, START_TICK);
        asked = ask_at_once(f, request);
    }
    if (asked.err < 0)
        *code = tell_lost(f, asked.err);
    return asked.err < 0 ? NULL : asked.answer;
}
