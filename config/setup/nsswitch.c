#include "config/setup/nsswitch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/attr.h"

#define BLANKS " \t"
#define MODULE "overlay"
#define WORD   MODULE " [NOTFOUND=return]"

/** A part of a text. */
struct part {
    const char *at;
    size_t len;
};

static const char *end_of_line(const char *at)
{
    return at + strcspn(at, "\n");
}

/** What stands behind `hosts:` up to a comment or the end of the line; at is NULL where there is
 *  no such line. */
static struct part hosts(const char *text)
{
    for (const char *line = text; *line; line = end_of_line(line) + (*end_of_line(line) == '\n')) {
        const char *word = line + strspn(line, BLANKS);
        if (strncmp(word, "hosts:", 6) == 0)
            return (struct part){word + 6, strcspn(word + 6, "#\n")};
    }
    return (struct part){NULL, 0};
}

/** The next word or bracket from `at` within the part; its length is 0 at the end. */
static struct part next(struct part in, const char *at)
{
    const char *end = in.at + in.len;

    while (at < end && strchr(BLANKS, *at))
        at++;
    if (at >= end)
        return (struct part){end, 0};
    const char *stop = at + 1;
    const char *closed = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : NULL;
    /* A bracket that nobody closes before the next one opens is a word like others: ours would
     * close it. */
    if (closed && memchr(stop, '[', (size_t)(closed - stop)))
        closed = NULL;
    while (!closed && stop < end && !strchr(BLANKS "[", *stop))
        stop++;
    stop = closed ? closed + 1 : stop;
    return (struct part){at, (size_t)(stop - at)};
}

static struct part find(struct part in, const char *module)
{
    struct part w = {in.at, 0};

    if (!in.at)
        return w;
    for (w = next(in, in.at); w.len > 0; w = next(in, w.at + w.len))
        if (w.len == strlen(module) && memcmp(w.at, module, w.len) == 0)
            return w;
    return (struct part){NULL, 0};
}

/** Behind the brackets that follow a word. */
static const char *behind(struct part in, struct part word)
{
    const char *end = word.at + word.len;

    for (struct part w = next(in, end); w.len > 0 && *w.at == '[' && w.at[w.len - 1] == ']';
         w = next(in, end))
        end = w.at + w.len;
    return end;
}

bool nsswitch_has_hosts(const char *text)
{
    return hosts(text).at != NULL;
}

bool nsswitch_has(const char *text, const char *module)
{
    return find(hosts(text), module).at != NULL;
}

/** The text with `len` bytes from `at` replaced. */
static char *replaced(const char *text, const char *at, size_t len, const char *by)
{
    char *out = NULL;

    if (asprintf(&out, "%.*s%s%s", (int)(at - text), text, by, at + len) < 0)
        return NULL;
    return out;
}

char *nsswitch_add(const char *text)
{
    const struct part line = hosts(text);
    const struct part files = find(line, "files");

    if (!line.at)
        return replaced(text, text, 0, NSSWITCH_LINE); /* the last line may have no end */
    if (nsswitch_has(text, MODULE))
        return strdup(text);
    if (files.at) {
        const char *at = behind(line, files);
        bool glued = at < line.at + line.len && !strchr(BLANKS, *at);
        const char *with = !glued ? " " WORD : at[-1] == ']' ? WORD " " : " " WORD " ";
        return replaced(text, at, 0, with);
    }
    const struct part first = next(line, behind(line, (struct part){line.at, 0}));
    return replaced(text, first.at, 0, first.len > 0 ? WORD " " : WORD);
}

char *nsswitch_remove(const char *text)
{
    const struct part line = hosts(text);
    const struct part word = find(line, MODULE);

    if (!word.at)
        return strdup(text);
    const char *from = word.at, *to = behind(line, word);
    bool first = next(line, behind(line, (struct part){line.at, 0})).at == word.at ||
                 !strchr(BLANKS, from[-1]);
    /* The blank that came with it. */
    if (first && to < line.at + line.len && strchr(BLANKS, *to))
        to++;
    else if (!first)
        from--;
    return replaced(text, from, (size_t)(to - from), "");
}

char *nsswitch_remove_line(const char *text)
{
    const char *line = strstr(text, NSSWITCH_LINE);

    if (!line || (line != text && line[-1] != '\n'))
        return nsswitch_remove(text);
    return replaced(text, line, strlen(NSSWITCH_LINE), "");
}
