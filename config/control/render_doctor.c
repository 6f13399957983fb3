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

static void render_line(const struct front *f, const json_t *finding, const char *key,
                        const char *before)
{
    if (json_is_string(json_object_get(finding, key)))
        front_data(f, "         %s%s\n", before, field_text(finding, key));
}

static void render_finding(const struct front *f, const json_t *finding)
{
    const char *level = field_text(finding, "level");
    bool colour = coloured(f);

    front_data(f, "%s%-8s%s %s\n", colour ? colour_of(level) : "", level, colour ? "\033[0m" : "",
               field_text(finding, "what"));
    render_line(f, finding, "why", "");
    render_line(f, finding, "tried", "");
    render_line(f, finding, "advice", "-> ");
}

/* ---- what was measured ---- */

static const char *answer_of(const json_t *object, const char *key, const char *unknown,
                             const char *yes, const char *no)
{
    const json_t *value = json_object_get(object, key);
    return !json_is_boolean(value) ? unknown : json_is_true(value) ? yes : no;
}

/** What the ports of several mappings show, where each destination gets another one. */
static void render_ports(const struct front *f, const json_t *nat)
{
    double span = field_number(nat, "span"), delta = field_number(nat, "delta");

    if (span > 0 && (delta > 0 || delta < 0))
        front_data(f,
                   "         ports of new mappings lie within %.0f, %+.0f from one to the next\n",
                   span, delta);
    else if (span > 0)
        front_data(f, "         ports of new mappings lie within %.0f, in no order\n", span);
}

static void render_nat(const struct front *f, const json_t *nat)
{
    char age[SPAN_TEXT_MAX];

    front_data(f, "         UDP over IPv4 %s, over IPv6 %s\n",
               answer_of(nat, "udp_v4", "not tried", "passes", "is blocked"),
               answer_of(nat, "udp_v6", "not tried", "passes", "is blocked"));
    if (!json_is_number(json_object_get(nat, "measured_s")))
        return;
    front_data(f, "         mapping %s, filtering %s, ports %s, hairpin %s; measured %s ago\n",
               field_text(nat, "mapping"), field_text(nat, "filtering"),
               answer_of(nat, "preserving", "not compared", "kept", "changed"),
               answer_of(nat, "hairpin", "not tried", "works", "does not work"),
               span_text(field_number(nat, "measured_s"), age));
    render_ports(f, nat);
    front_data(f, "         opener TTL %.0f (%s)\n", field_number(nat, "opener_ttl"),
               field_flag(nat, "opener_measured") ? "measured"
                                                  : "usual: no server here that could measure it");
}

static void render_map(const struct front *f, const json_t *map)
{
    char age[SPAN_TEXT_MAX], left[SPAN_TEXT_MAX];
    bool ends = json_is_number(json_object_get(map, "left_s"));

    front_data(f, "         router %s leads %s here by %s, renewed %s ago, %s%s: %s\n",
               field_text(map, "router"), field_text(map, "external"), field_text(map, "method"),
               span_text(field_number(map, "age_s"), age),
               ends ? span_text(field_number(map, "left_s"), left) : "for good",
               ends ? " left" : "", field_text(map, "state"));
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
    const json_t *nat = json_object_get(report, "nat");
    size_t i;
    json_t *item;

    json_array_foreach(findings, i, item)
    {
        render_finding(f, item);
    }
    front_data(f, "measured\n");
    render_nat(f, nat);
    json_array_foreach(json_object_get(nat, "port_maps"), i, item)
    {
        render_map(f, item);
    }
    json_array_foreach(json_object_get(nat, "stun"), i, item)
    {
        render_server(f, item);
    }
}
