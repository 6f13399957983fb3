#include "config/control/hole_words.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"

/* ---- the line ---- */

static bool read_text(const json_t *line, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text && snprintf(out, size, "%s", text) < (int)size;
}

static bool read_addr(const json_t *line, const char *key, struct addr *out)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text && addr_parse(out, text) == 0;
}

int hole_words_read(struct hole_words *out, const char *line)
{
    json_t *json = json_loads(line, 0, NULL);
    char proto[8] = "";

    memset(out, 0, sizeof(*out));
    bool ok = read_addr(json, "inner", &out->inner) && read_addr(json, "outer", &out->outer) &&
              read_addr(json, "remote", &out->peer) &&
              read_text(json, "host", out->hostid, sizeof(out->hostid)) &&
              read_text(json, "peer", out->peerid, sizeof(out->peerid)) &&
              read_text(json, "name", out->name, sizeof(out->name)) &&
              read_text(json, "secret", out->secret, sizeof(out->secret)) &&
              read_text(json, "proto", proto, sizeof(proto));
    out->tcp = strcmp(proto, "tcp") == 0;
    out->asked = json_is_true(json_object_get(json, "asked"));
    json_decref(json);
    return ok ? 0 : -EBADMSG;
}

/* ---- words ---- */

enum word_kind { WHOLE, IP, PORT };

static void print_part(const struct addr *a, enum word_kind kind, char out[static ADDR_TEXT_MAX])
{
    if (kind == WHOLE)
        (void)addr_print(a, out);
    else if (kind == IP)
        (void)addr_print_ip(a, out);
    else
        (void)snprintf(out, ADDR_TEXT_MAX, "%u", addr_port(a));
}

static const struct word {
    const char *name;
    int addr; /* 0 inner, 1 outer, 2 peer; -1: none */
    enum word_kind kind;
} WORDS[] = {
    {"inner", 0, WHOLE},   {"innerip", 0, IP},     {"innerport", 0, PORT}, {"outer", 1, WHOLE},
    {"outerip", 1, IP},    {"outerport", 1, PORT}, {"peer", 2, WHOLE},     {"peerip", 2, IP},
    {"peerport", 2, PORT}, {"hostid", -1, WHOLE},  {"peerid", -1, WHOLE},  {"proto", -1, WHOLE},
    {"role", -1, WHOLE},
};

enum { WORD_COUNT = sizeof(WORDS) / sizeof(WORDS[0]) };

static void print_word(const struct hole_words *w, const struct word *word,
                       char out[static ADDR_TEXT_MAX])
{
    const struct addr *const addr[] = {&w->inner, &w->outer, &w->peer};
    const char *text = w->asked ? "ask" : "accept"; /* the role */

    if (word->addr >= 0) {
        print_part(addr[word->addr], word->kind, out);
        return;
    }
    if (strcmp(word->name, "hostid") == 0)
        text = w->hostid;
    else if (strcmp(word->name, "peerid") == 0)
        text = w->peerid;
    else if (strcmp(word->name, "proto") == 0)
        text = w->tcp ? "tcp" : "udp";
    (void)snprintf(out, ADDR_TEXT_MAX, "%s", text);
}

/* The word that `text` begins with, between its two signs, or NULL. */
static const struct word *word_at(const char *text)
{
    for (size_t i = 0; text[0] == '%' && i < WORD_COUNT; i++) {
        size_t len = strlen(WORDS[i].name);
        if (strncmp(text + 1, WORDS[i].name, len) == 0 && text[len + 1] == '%')
            return &WORDS[i];
    }
    return NULL;
}

/* What is no word of ours stays as it is. */
static char *fill(const struct hole_words *w, const char *text)
{
    char *out = NULL, value[ADDR_TEXT_MAX];
    size_t len;
    FILE *f = open_memstream(&out, &len);

    while (f && *text) {
        const struct word *word = word_at(text);
        if (!word) {
            (void)fputc(*text++, f);
            continue;
        }
        print_word(w, word, value);
        (void)fputs(value, f);
        text += strlen(word->name) + 2;
    }
    if (f && fclose(f) == 0)
        return out;
    free(out);
    return NULL;
}

/* ---- lists ---- */

void hole_list_free(char **list)
{
    for (size_t i = 0; list && list[i]; i++) {
        secret_wipe(list[i], strlen(list[i]));
        free(list[i]);
    }
    free(list);
}

/* A list whose last string could not be made is none: it ends there. */
static char **whole(char **list, size_t count)
{
    if (list[count - 1])
        return list;
    hole_list_free(list);
    return NULL;
}

char **hole_arguments(const struct hole_words *w, const char *program, char *const *args,
                      size_t count)
{
    static const char *const POSITIONAL[] = {"%innerip%",   "%innerport%", "%outerip%",
                                             "%outerport%", "%peerip%",    "%peerport%"};
    size_t used = count > 0 ? count : sizeof(POSITIONAL) / sizeof(POSITIONAL[0]);
    char **list = calloc(used + 2, sizeof(*list));

    if (!list)
        return NULL;
    list[0] = strdup(program);
    for (size_t i = 0; i < used && list[i]; i++)
        list[i + 1] = fill(w, count > 0 ? args[i] : POSITIONAL[i]);
    return whole(list, used + 1);
}

static char *entry(const char *name, const char *value)
{
    char *text;

    if (asprintf(&text, "OVERLAY_%s=%s", name, value) < 0)
        return NULL;
    for (char *at = text; *at != '='; at++)
        *at = (char)toupper((unsigned char)*at);
    return text;
}

char **hole_environment(const struct hole_words *w, int fd)
{
    char **list = calloc(WORD_COUNT + 3, sizeof(*list)), value[ADDR_TEXT_MAX];
    size_t used = 0;

    if (!list)
        return NULL;
    list[used++] = entry("SECRET", w->secret);
    for (size_t i = 0; i < WORD_COUNT && list[used - 1]; i++) {
        print_word(w, &WORDS[i], value);
        list[used++] = entry(WORDS[i].name, value);
    }
    (void)snprintf(value, sizeof(value), "%d", fd);
    if (fd >= 0 && list[used - 1])
        list[used++] = entry("FD", value);
    return whole(list, used);
}
