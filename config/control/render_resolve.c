#include "config/control/render_resolve.h"

#include <string.h>

#include "config/control/fields.h"

static void say_source(const struct front *f, const json_t *result)
{
    const char *source = field_text(result, "source");

    if (strcmp(source, "alias") == 0)
        front_say(f, "%s, by the alias that it has here", field_text(result, "alias"));
    else if (strcmp(source, "registry") == 0)
        front_say(f, "a peer without an alias");
    else
        front_say(f, "the name is its id; nothing is remembered of it here");
    front_say(f, "; fingerprint %s\n", field_text(result, "fingerprint"));
}

static void say_list(const struct front *f, const char *label, const json_t *object,
                     const char *key)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(object, key), i, item)
    {
        front_say(f, "  %-8s %s\n", label, json_string_value(item));
    }
}

static void say_services(const struct front *f, const json_t *record)
{
    size_t i;
    json_t *item;

    json_array_foreach(json_object_get(record, "services"), i, item)
    {
        front_say(f, "  %-8s %s, %s, port %.0f\n", "service", field_text(item, "name"),
                  field_text(item, "proto"), field_number(item, "port"));
    }
}

static void say_record(const struct front *f, const json_t *record)
{
    double age = field_number(record, "age_s");
    char span[SPAN_TEXT_MAX];

    const char *from = field_text(record, "from");

    if (strcmp(from, "peer") == 0)
        front_say(f, "its record, told by %s", field_text(record, "told_by"));
    else
        front_say(f, "its record, from %s", strcmp(from, "dht") == 0 ? "the DHT" : from);
    front_say(f, ": seq %.0f, ", field_number(record, "seq"));
    if (age >= 0)
        front_say(f, "written %s ago\n", span_text(age, span));
    else
        front_say(f, "written %s from now\n", span_text(-age, span));
    if (field_flag(record, "future"))
        front_say(f, "  warning: it claims to be from the future: the clock there is wrong, or "
                     "somebody has used the key to lock it\n");
    if (json_is_string(json_object_get(record, "nickname")))
        front_say(f, "  %-8s %s (which it proposes itself)\n", "nickname",
                  field_text(record, "nickname"));
    say_list(f, "relay", record, "relays");
    say_list(f, "address", record, "addresses");
    say_services(f, record);
    if (!field_flag(record, "gateway"))
        front_say(f, "  it is not that of a gateway\n");
}

void render_resolve(const struct front *f, const json_t *result)
{
    const json_t *record = json_object_get(result, "record");

    front_data(f, "%s\n", field_text(result, "id"));
    say_source(f, result);
    say_list(f, "address", result, "addresses");
    say_list(f, "relay", result, "relays");
    if (json_is_object(record))
        say_record(f, record);
    else
        front_say(f, "no record: %s\n", field_text(result, "why_no_record"));
}
