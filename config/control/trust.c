#include "config/control/trust.h"

#include "config/control/anyhow.h"
#include "config/control/fields.h"

static json_t *ask(struct front *f, const char *cmd, int *code)
{
    json_t *request = json_pack("{s:s}", "cmd", cmd);
    json_t *answer = anyhow_ask(f, request, true, code);

    json_decref(request);
    if (answer && json_object_get(answer, "error")) {
        *code = front_fail_json(f, answer);
        json_decref(answer);
        return NULL;
    }
    return answer;
}

int trust_verb(struct front *f)
{
    int code = front_find_home(f);
    json_t *answer = code == CLI_OK ? ask(f, "trust", &code) : NULL;

    if (!answer)
        return code;
    const json_t *result = json_object_get(answer, "result");
    if (args_has(&f->args, "print"))
        front_data(f, "%s", field_text(result, "certificate"));
    json_decref(answer);
    return CLI_OK;
}

int untrust_verb(struct front *f)
{
    int code = front_find_home(f);
    json_t *answer = code == CLI_OK ? ask(f, "untrust", &code) : NULL;

    json_decref(answer);
    return code;
}
