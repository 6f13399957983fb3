#include "config/control/fields.h"

#include <stdio.h>

const char *field_text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "-";
}

double field_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

bool field_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

char *field_list(const json_t *object, const char *key, const char *empty)
{
    const json_t *list = json_object_get(object, key);
    char *out = NULL;
    size_t len, i;
    json_t *word;
    FILE *stream = open_memstream(&out, &len);

    if (!stream)
        return NULL;
    json_array_foreach(list, i, word)
    {
        (void)fprintf(stream, "%s%s", i ? ", " : "", json_string_value(word));
    }
    if (json_array_size(list) == 0)
        (void)fputs(empty, stream);
    return fclose(stream) == 0 ? out : NULL;
}

const char *span_text(double seconds, char out[static SPAN_TEXT_MAX])
{
    const long all = (long)seconds, minutes = all / 60, hours = minutes / 60, days = hours / 24;

    if (days > 0)
        (void)snprintf(out, SPAN_TEXT_MAX, "%ld d %ld h", days, hours % 24);
    else if (hours > 0)
        (void)snprintf(out, SPAN_TEXT_MAX, "%ld h %ld min", hours, minutes % 60);
    else if (minutes > 0)
        (void)snprintf(out, SPAN_TEXT_MAX, "%ld min %ld s", minutes, all % 60);
    else
        (void)snprintf(out, SPAN_TEXT_MAX, "%ld s", all);
    return out;
}
