#include "config/control/protocol.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/text.h"

#define NUMBER_MAX (INT64_C(1) << 53)

json_t *protocol_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *string = json_string(text);
    if (string)
        return string;

    /* Not UTF-8. What people read need not be exact; bytes beyond ASCII become '?'. */
    auto_free char *plain = strdup(text);
    for (char *c = plain; c && *c; c++)
        if (*c & 0x80)
            *c = '?';
    return plain ? json_string(plain) : json_null();
}

json_t *protocol_ok(json_t *result)
{
    json_t *answer = json_object();

    (void)json_object_set_new(answer, "ok", json_true());
    (void)json_object_set_new(answer, "result", result ? result : json_null());
    return answer;
}

json_t *protocol_error(enum cli_exit code, const char *hint, const char *format, ...)
{
    char text[768];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_t *answer = json_object();
    (void)json_object_set_new(answer, "error", protocol_text(text));
    (void)json_object_set_new(answer, "code", json_integer(code));
    (void)json_object_set_new(answer, "hint", protocol_text(hint));
    return answer;
}

json_t *protocol_read(const char *line, size_t len, json_t **refusal)
{
    json_error_t error;
    json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);

    if (!request) {
        *refusal =
            protocol_error(CLI_USAGE, NULL, "not JSON at byte %d: %s", error.position, error.text);
        return NULL;
    }
    if (!json_is_object(request) || !json_is_string(json_object_get(request, "cmd"))) {
        *refusal = protocol_error(CLI_USAGE, NULL, "a request is an object with a \"cmd\"");
        json_decref(request);
        return NULL;
    }
    return request;
}

const char *protocol_command(const json_t *request)
{
    return json_string_value(json_object_get(request, "cmd"));
}

static bool string_ok(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);

    if (!text || len < 1 || len > PROTOCOL_STRING_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

static bool list_ok(const json_t *value)
{
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count > PROTOCOL_LIST_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!string_ok(json_array_get(value, i)))
            return false;
    return true;
}

static bool hex_ok(const json_t *value)
{
    const char *text = json_string_value(value);
    uint8_t bytes[PROTOCOL_HEX_MAX];
    size_t len = json_string_length(value);

    return text && len / 2 <= sizeof(bytes) && text_hex_decode(bytes, len / 2, text, len) == 0;
}

static bool value_ok(const json_t *value, enum protocol_type type)
{
    switch (type) {
    case PROTOCOL_STRING:
        return string_ok(value);
    case PROTOCOL_NUMBER:
        return json_is_integer(value) && json_integer_value(value) >= 0 &&
               json_integer_value(value) <= NUMBER_MAX;
    case PROTOCOL_BOOL:
        return json_is_boolean(value);
    case PROTOCOL_HEX:
        return hex_ok(value);
    case PROTOCOL_LIST:
        return list_ok(value);
    }
    return false;
}

static const struct protocol_argument *find(const struct protocol_argument *a, const char *name)
{
    for (; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

json_t *protocol_check(const json_t *request, const struct protocol_argument *arguments)
{
    const char *cmd = protocol_command(request);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)request, key, value)
    {
        const struct protocol_argument *a = find(arguments, key);
        if (strcmp(key, "cmd") == 0)
            continue;
        if (!a)
            return protocol_error(CLI_USAGE, NULL, "%s: unknown argument \"%.40s\"", cmd, key);
        if (!value_ok(value, a->type))
            return protocol_error(CLI_USAGE, NULL, "%s: \"%s\" is not what it should be", cmd, key);
    }
    for (const struct protocol_argument *a = arguments; a->name; a++)
        if (a->required && !json_object_get(request, a->name))
            return protocol_error(CLI_USAGE, NULL, "%s: \"%s\" is missing", cmd, a->name);
    return NULL;
}

const char *protocol_string(const json_t *request, const char *name)
{
    return json_string_value(json_object_get(request, name));
}

bool protocol_bool(const json_t *request, const char *name)
{
    return json_is_true(json_object_get(request, name));
}

int64_t protocol_number(const json_t *request, const char *name, int64_t standard)
{
    const json_t *value = json_object_get(request, name);
    return value ? json_integer_value(value) : standard;
}

int protocol_hex(const json_t *request, const char *name, uint8_t *out, size_t max)
{
    const json_t *value = json_object_get(request, name);
    size_t len = json_string_length(value);

    if (!value)
        return -ENOENT;
    if (len / 2 > max || text_hex_decode(out, len / 2, json_string_value(value), len) < 0)
        return -EMSGSIZE;
    return (int)(len / 2);
}

json_t *protocol_bytes(const uint8_t *data, size_t len)
{
    auto_free char *text = malloc(TEXT_HEX_LEN(len) + 1);
    return text ? json_string(text_hex(text, data, len)) : json_null();
}

/* Measured numbers: 0.163034 ms, not 0.16303400000000001. */
#define LINE_FORMAT (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12))

char *protocol_line(const json_t *message, size_t *len)
{
    auto_free char *text = json_dumps(message, LINE_FORMAT);
    if (!text)
        return NULL;
    *len = strlen(text) + 1;
    char *line = malloc(*len + 1);
    if (!line)
        return NULL;
    memcpy(line, text, *len - 1);
    memcpy(line + *len - 1, "\n", 2);
    return line;
}
