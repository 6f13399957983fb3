#include "config/control/render_doctor.h"

#include <string.h>

#include "config/control/fields.h"

static bool coloured(const struct front *f)
{
    const char *no = f->host->getenv(f->host->arg, "NO_COLOR");
    return f->host->is_terminal(f->host->arg, 1) && !(no && *no);
}

static const char *colour_of(const char *level)
{
    if (strcmp(level, "ok") == 0)
        return "\033[32m";
    return strcmp(level, "problem") == 0 ? "\033[31m" : "\033[33m";
}

static void render_finding(const struct front *f, const json_t *finding)
{
    const char *level = field_text(finding, "level");
    bool colour = coloured(f);

    front_data(f, "%s%-8s%s %s\n", colour ? colour_of(level) : "", level, colour ? "\033[0m" : "",
               field_text(finding, "what"));
    if (json_is_string(json_object_get(finding, "advice")))
        front_data(f, "         -> %s\n", field_text(finding, "advice"));
}

static void render_server(const struct front *f, const json_t *server)
{
    if (json_is_string(json_object_get(server, "seen")))
        front_data(f, "         %s sees us at %s\n", field_text(server, "server"),
                   field_text(server, "seen"));
    else
        front_data(f, "         %s does not answer\n", field_text(server, "server"));
}

void render_doctor(const struct front *f, const json_t *report)
{
    const json_t *findings = json_object_get(report, "findings");
    const json_t *servers = json_object_get(json_object_get(report, "nat"), "stun");
    size_t i;
    json_t *item;

    json_array_foreach(findings, i, item)
    {
        render_finding(f, item);
    }
    if (json_array_size(servers) > 0)
        front_data(f, "asked\n");
    json_array_foreach(servers, i, item)
    {
        render_server(f, item);
    }
}
