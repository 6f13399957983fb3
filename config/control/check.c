#include "config/control/check.h"

#include "config/control/apply.h"
#include "gateway/node/registry.h"

/** Also against the registry, if there is one: names in `allow` may be aliases of there. */
static int check_with_registry(struct front *f, const struct settings *s)
{
    char why[512] = "";
    struct registry *registry = NULL;
    int code = front_open_home(f, false);

    if (code != CLI_OK)
        return code == CLI_UNKNOWN ? CLI_OK : code;
    if (registry_open(&registry, f->env, why, sizeof(why)) < 0)
        return front_fail(f, CLI_FAILED, "repair it or put it aside", "%s/%s", f->home, why);
    if (settings_apply(s, NULL, registry, front_config_name(f), why, sizeof(why)) < 0)
        code = front_fail(f, CLI_FAILED, "overlay config --print-default shows every option", "%s",
                          why);
    registry_free(registry);
    return code;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void tell_good_config(const struct front *f, const struct settings *s)
{
    const char *file = front_config_name(f);

    if (f->json) {
        json_t *answer = json_pack("{s:o, s:b, s:I, s:I}", "file", protocol_text(file), "exists",
                                   !f->config_absent, "services", (json_int_t)s->service_count,
                                   "peers", (json_int_t)s->peer_count);
        front_json(f, answer);
        json_decref(answer);
    } else if (f->config_absent) {
        front_say(f, "There is no %s: every option has its default.\n", file);
    } else {
        front_say(f, "%s is good: %zu service%s, %zu peer%s.\n", file, s->service_count,
                  plural(s->service_count), s->peer_count, plural(s->peer_count));
    }
}

int check_config(struct front *f)
{
    struct settings s;
    int code = front_find_home(f);

    if (code != CLI_OK)
        return code;
    code = front_read_config(f, &s);
    if (code == CLI_OK)
        code = check_with_registry(f, &s);
    if (code == CLI_OK)
        tell_good_config(f, &s);
    settings_deinit(&s);
    return code;
}
