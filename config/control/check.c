#include "config/control/check.h"

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
        code = front_open_home(f, false);
    if (code == CLI_OK || code == CLI_UNKNOWN)
        code = front_check_settings(f, &s);
    if (code == CLI_OK)
        tell_good_config(f, &s);
    settings_deinit(&s);
    return code;
}
