#include "config/control/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/control/fields.h"
#include "config/control/protocol.h"

#define SENTENCE_MAX 512

/** Some of it was said by others: nothing that a terminal would obey. */
static json_t *sentence(const char *format, va_list args)
{
    char text[SENTENCE_MAX];

    (void)vsnprintf(text, sizeof(text), format, args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return protocol_text(text);
}

void doctor_add(json_t *list, const char *level, const char *about, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    json_t *what = sentence(format, args);
    va_end(args);
    (void)json_array_append_new(list,
                                json_pack("{s:s, s:s, s:o, s:n, s:n, s:n}", "level", level, "about",
                                          about, "what", what, "why", "tried", "advice"));
}

static void set(json_t *list, const char *key, json_t *text)
{
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    (void)json_object_set_new(last, key, text);
}

void doctor_why(json_t *list, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(list, "why", sentence(format, args));
    va_end(args);
}

void doctor_tried(json_t *list, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(list, "tried", sentence(format, args));
    va_end(args);
}

void doctor_advise(json_t *list, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set(list, "advice", sentence(format, args));
    va_end(args);
}

bool doctor_knows(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

json_t *doctor_findings(const json_t *status)
{
    json_t *list = json_array();

    doctor_network(list, status);
    doctor_dht(list, status);
    doctor_mail(list, status);
    doctor_relays(list, status);
    doctor_peers(list, status);
    return list;
}

const char *doctor_worst(const json_t *findings)
{
    const char *worst = "ok";
    size_t i;
    json_t *f;

    json_array_foreach(findings, i, f)
    {
        const char *level = field_text(f, "level");
        if (strcmp(level, "problem") == 0)
            return "problem";
        if (strcmp(level, "note") == 0)
            worst = "note";
    }
    return worst;
}
