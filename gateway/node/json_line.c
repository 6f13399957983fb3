#include "gateway/node/json_line.h"

#include <stdbool.h>
#include <string.h>

struct scan {
    const char *at, *end;
    unsigned line;
};

static void step(struct scan *s)
{
    if (*s->at == '\n')
        s->line++;
    s->at++;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n,:", *s->at))
        step(s);
}

/* Steps over the string that begins here. Returns its first character, and its length. */
static const char *skip_string(struct scan *s, size_t *len)
{
    const char *start = ++s->at;
    while (s->at < s->end && *s->at != '"') {
        if (*s->at == '\\')
            s->at++;
        if (s->at < s->end)
            step(s);
    }
    *len = (size_t)(s->at - start);
    if (s->at < s->end)
        s->at++;
    return start;
}

/* Steps over one value and the space behind it. */
static void skip_value(struct scan *s)
{
    size_t depth = 0, len;
    do {
        skip_space(s);
        if (s->at >= s->end)
            return;
        if (*s->at == '"') {
            (void)skip_string(s, &len);
            continue;
        }
        if (*s->at == '[' || *s->at == '{')
            depth++;
        if (*s->at == ']' || *s->at == '}')
            depth--;
        step(s);
        while (depth == 0 && s->at < s->end && !strchr(",]} \t\r\n", *s->at))
            step(s);
    } while (depth > 0);
    skip_space(s);
}

/* Goes to the value of `key`. */
static bool find_key(struct scan *s, const char *key)
{
    size_t len;
    skip_space(s);
    if (s->at >= s->end || *s->at != '{')
        return false;
    step(s);
    for (;;) {
        skip_space(s);
        if (s->at >= s->end || *s->at != '"')
            return false;
        const char *name = skip_string(s, &len);
        skip_space(s);
        if (len == strlen(key) && memcmp(name, key, len) == 0)
            return true;
        skip_value(s);
    }
}

unsigned json_line_of(const char *text, size_t len, const char *key, size_t index)
{
    struct scan s = {.at = text, .end = text + len, .line = 1};
    if (!find_key(&s, key) || s.at >= s.end || *s.at != '[')
        return s.line;
    step(&s);
    skip_space(&s);
    for (; index > 0 && s.at < s.end && *s.at != ']'; index--)
        skip_value(&s);
    return s.line;
}
