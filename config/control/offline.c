#include "config/control/offline.h"

#include <errno.h>
#include <string.h>

#include "config/control/apply.h"
#include "config/control/command.h"
#include "gateway/identity/keys.h"

bool offline_can(const json_t *request)
{
    const struct command *command = command_find(protocol_command(request));
    return command && command->offline;
}

/** Opens the registry with the entries of the configuration file, and runs the command on it. */
static json_t *run_on_registry(struct front *f, const json_t *request, const struct settings *s,
                               const struct peer_id *id, int *code)
{
    char why[512] = "";
    struct registry *registry = NULL;
    json_t *answer = NULL;

    if (registry_open(&registry, f->env, why, sizeof(why)) < 0) {
        *code = front_fail(f, CLI_FAILED, "repair it or put it aside", "%s/%s", f->home, why);
        return NULL;
    }
    if (settings_apply(s, NULL, registry, front_config_name(f), why, sizeof(why)) < 0) {
        *code = front_fail(f, CLI_FAILED, "overlay config check", "%s", why);
    } else {
        struct command_context context = {.env = f->env,
                                          .registry = registry,
                                          .id = id,
                                          .home = f->home,
                                          .version = f->host->version,
                                          .suffix = s->dns_suffix};
        answer = command_run(&context, request);
    }
    registry_free(registry);
    return answer;
}

static json_t *run_locked(struct front *f, const json_t *request, int *code)
{
    char why[512] = "";
    struct keys keys;
    struct settings settings;
    json_t *answer = NULL;

    *code = front_read_config(f, &settings);
    if (*code == CLI_OK && keys_load_or_make(&keys, f->env, why, sizeof(why)) < 0) {
        *code = front_fail(f, CLI_FAILED, NULL, "%s/%s", f->home, why);
    } else if (*code == CLI_OK) {
        answer = run_on_registry(f, request, &settings, &keys.id, code);
        keys_wipe(&keys);
    }
    settings_deinit(&settings);
    return answer;
}

json_t *offline_run(struct front *f, const json_t *request, int *code, int *pid)
{
    *code = front_open_home(f, true);
    if (*code != CLI_OK)
        return NULL;
    int err = f->host->edit_begin(f->host->arg, pid);
    if (err == -EBUSY) {
        *code = -1;
        return NULL;
    }
    if (err < 0) {
        *code = front_fail(f, CLI_FAILED, NULL, "%s: cannot lock the registry: %s", f->home,
                           strerror(-err));
        return NULL;
    }
    json_t *answer = run_locked(f, request, code);
    f->host->edit_end(f->host->arg);
    return answer;
}
