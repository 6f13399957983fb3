#include "config/settings/parse.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Some editors of other systems begin a file with it. */
#define BOM "\xef\xbb\xbf"

#define SECTION_MAX 48 /* characters; inih cuts longer ones silently */

enum { OPTIONS_OF_SECTION_MAX = 16 };

struct parser {
    struct settings *settings;
    const char *file;
    const char *at, *end; /* text not read yet */
    int line;
    int err;
    char *why;
    size_t why_len;

    bool in_section;
    char section[SECTION_MAX + 1];
    enum settings_section kind;
    void *base;                       /* the struct its options are in */
    int seen[OPTIONS_OF_SECTION_MAX]; /* of a section that repeats: line of each option */
};

static int fail_at(struct parser *p, int line, int err, const char *format, ...) PRINTF_LIKE(4, 5);

/** The first complaint counts. */
static int fail_at(struct parser *p, int line, int err, const char *format, ...)
{
    char what[256];
    va_list args;

    if (p->err < 0)
        return p->err;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    (void)snprintf(p->why, p->why_len, "%s:%d: %s", p->file, line, what);
    p->err = err;
    return err;
}

/* ---- sections ---- */

static bool section_exists(const char *name)
{
    const struct option *o;

    for (size_t i = 0; (o = settings_option(SECTION_ONCE, i)); i++)
        if (strcmp(o->section, name) == 0)
            return true;
    return false;
}

static void begin_service(struct parser *p, const char *name)
{
    struct settings *s = p->settings;

    for (size_t i = 0; i < s->service_count; i++)
        if (strcmp(s->services[i].name, name) == 0) {
            (void)fail_at(p, p->line, -EBADMSG, "[service %s] is written twice, first on line %d",
                          name, s->services[i].line);
            return;
        }
    struct service_settings *added = settings_add_service(s);
    if (!added) {
        (void)fail_at(p, p->line, -ENOMEM, "out of memory");
        return;
    }
    (void)snprintf(added->name, sizeof(added->name), "%s", name);
    added->line = p->line;
    p->base = added;
}

static void begin_peer(struct parser *p, const char *alias)
{
    struct settings *s = p->settings;

    for (size_t i = 0; i < s->peer_count; i++)
        if (strcmp(s->peers[i].alias, alias) == 0) {
            (void)fail_at(p, p->line, -EBADMSG, "[peer %s] is written twice, first on line %d",
                          alias, s->peers[i].line);
            return;
        }
    struct peer_settings *added = settings_add_peer(s);
    if (!added) {
        (void)fail_at(p, p->line, -ENOMEM, "out of memory");
        return;
    }
    (void)snprintf(added->alias, sizeof(added->alias), "%s", alias);
    added->line = p->line;
    p->base = added;
}

static void begin_named(struct parser *p, enum settings_section kind, const char *name)
{
    size_t count = kind == SECTION_SERVICE ? p->settings->service_count : p->settings->peer_count;

    p->kind = kind;
    memset(p->seen, 0, sizeof(p->seen));
    if (!label_ok(name))
        (void)fail_at(p, p->line, -EBADMSG, "'%s' is not a name; use a-z, 0-9 and '-', at most %d",
                      name, OPTION_LABEL_MAX);
    else if (count == SETTINGS_SECTIONS_MAX)
        (void)fail_at(p, p->line, -EBADMSG, "more than %d of these sections",
                      SETTINGS_SECTIONS_MAX);
    else if (kind == SECTION_SERVICE)
        begin_service(p, name);
    else
        begin_peer(p, name);
}

/** `text` stands between the brackets. */
static void begin_section(struct parser *p, const char *text)
{
    p->in_section = true;
    (void)snprintf(p->section, sizeof(p->section), "%s", text);
    if (strncmp(text, "service ", 8) == 0) {
        begin_named(p, SECTION_SERVICE, text + 8 + strspn(text + 8, " \t"));
    } else if (strncmp(text, "peer ", 5) == 0) {
        begin_named(p, SECTION_PEER, text + 5 + strspn(text + 5, " \t"));
    } else if (section_exists(text)) {
        p->kind = SECTION_ONCE;
        p->base = p->settings;
    } else {
        (void)fail_at(p, p->line, -EBADMSG, "unknown section [%s]", text);
    }
}

/* ---- lines ---- */

static void look_at_line(struct parser *p, const char *line, size_t len)
{
    char section[SECTION_MAX + 1];
    const char *close;

    if (len == 0 || line[0] != '[')
        return;
    close = memchr(line, ']', len);
    if (!close) {
        (void)fail_at(p, p->line, -EBADMSG, "a section without its ']'");
        return;
    }
    size_t n = (size_t)(close - line - 1);
    if (n > SECTION_MAX) {
        (void)fail_at(p, p->line, -EBADMSG, "the section's name is too long");
        return;
    }
    memcpy(section, line + 1, n);
    section[n] = '\0';
    begin_section(p, section);
}

/**
 * inih's reader: hands out one line. Blanks at its start are taken away, because inih would read an
 * indented option as more of the value before it; and inih would split a line longer than its
 * buffer into two.
 */
static char *read_line(char *out, int size, void *arg)
{
    struct parser *p = arg;

    if (p->at == p->end || p->err < 0)
        return NULL;
    p->line++;
    const char *newline = memchr(p->at, '\n', (size_t)(p->end - p->at));
    const char *end = newline ? newline : p->end;
    const char *start = p->at;
    p->at = newline ? newline + 1 : p->end;
    while (start < end && (*start == ' ' || *start == '\t' || *start == '\r'))
        start++;

    size_t len = (size_t)(end - start);
    if (len + 2 > (size_t)size) {
        (void)fail_at(p, p->line, -EBADMSG,
                      "line longer than %d characters; write the option again to add to a list",
                      size - 2);
        return NULL;
    }
    look_at_line(p, start, len);
    if (p->err < 0)
        return NULL;
    memcpy(out, start, len);
    out[len] = '\n';
    out[len + 1] = '\0';
    return out;
}

static const struct option *find_option(enum settings_section kind, const char *section,
                                        const char *name, size_t *place)
{
    const struct option *o;

    for (size_t i = 0; (o = settings_option(kind, i)); i++) {
        if (strcmp(o->name, name) != 0)
            continue;
        if (kind != SECTION_ONCE || strcmp(o->section, section) == 0) {
            *place = i;
            return o;
        }
    }
    return NULL;
}

static int set_option(struct parser *p, const struct option *o, int *seen, const char *value)
{
    char what[200];
    bool list = option_is_list(o);

    if (*seen && !list)
        return fail_at(p, p->line, -EBADMSG, "'%s' is written twice, first on line %d", o->name,
                       *seen);
    if (!*value && !list && *o->standard)
        return fail_at(p, p->line, -EBADMSG, "'%s' needs a value: %s", o->name, option_form(o));
    if (!*seen)
        option_clear(o, p->base);
    *seen = p->line;
    int err = option_set(o, p->base, value, what, sizeof(what));
    if (err == -ENOMEM)
        return fail_at(p, p->line, err, "out of memory");
    if (err < 0)
        return fail_at(p, p->line, err, "%s: %s", o->name, what);
    return 0;
}

/** inih's handler: one option. Returns 1 to go on. */
static int on_option(void *arg, const char *section, const char *name, const char *value)
{
    struct parser *p = arg;
    size_t place;

    (void)section; /* cut to its own limit; ours is not */
    if (!p->in_section)
        return fail_at(p, p->line, -EBADMSG, "'%s' comes before any [section]", name) == 0;
    const struct option *o = find_option(p->kind, p->section, name, &place);
    if (!o)
        return fail_at(p, p->line, -EBADMSG, "unknown option '%s' in [%s]", name, p->section) == 0;
    int *seen = p->kind == SECTION_ONCE ? &p->settings->line[place] : &p->seen[place];
    return set_option(p, o, seen, value) == 0;
}

/* ---- what must fit together ---- */

static void check_loopback(struct parser *p, const struct addr_list *list, int line)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < list->count; i++)
        if (!addr_is_loopback(&list->at[i]))
            (void)fail_at(p, line, -EBADMSG, "listen: %s is not a loopback address",
                          addr_print(&list->at[i], text));
}

/* The DHT node has one socket a family. */
static void check_families(struct parser *p, const struct addr_list *list, int line)
{
    bool twice = list->count == 2 && addr_is_v6(&list->at[0]) == addr_is_v6(&list->at[1]);

    if (list->count == 0 || list->count > 2 || twice)
        (void)fail_at(p, line, -EBADMSG,
                      "listen: the DHT node has one IPv4 address and one IPv6 address, or one of "
                      "them");
}

static void check_once(struct parser *p)
{
    const struct settings *s = p->settings;

    check_families(p, &s->dht_listen, s->line[SET_dht_listen]);

    check_loopback(p, &s->dns_listen, s->line[SET_dns_listen]);
    check_loopback(p, &s->proxy_listen, s->line[SET_proxy_listen]);
    check_loopback(p, &s->metrics_listen, s->line[SET_metrics_listen]);
    if (s->gateway_listen.count == 0)
        (void)fail_at(p, s->line[SET_gateway_listen], -EBADMSG,
                      "listen: at least one address is needed");
    if (s->dns_forward && s->dns_upstream.count == 0)
        (void)fail_at(p, s->line[SET_dns_forward], -EBADMSG,
                      "forward = on needs 'upstream' in [dns]");
}

static void check_sections(struct parser *p)
{
    const struct settings *s = p->settings;

    for (size_t i = 0; i < s->service_count; i++) {
        const struct service_settings *service = &s->services[i];
        if (!*service->target)
            (void)fail_at(p, service->line, -EBADMSG, "[service %s] needs 'target'", service->name);
        else if (strncmp(service->target, "unix:", 5) == 0 && service->port == 0)
            (void)fail_at(p, service->line, -EBADMSG,
                          "[service %s] needs 'port', its target being a unix socket",
                          service->name);
    }
    for (size_t i = 0; i < s->peer_count; i++)
        if (!*s->peers[i].id)
            (void)fail_at(p, s->peers[i].line, -EBADMSG, "[peer %s] needs 'id'", s->peers[i].alias);
}

static int line_of(const char *text, const char *at)
{
    int line = 1;

    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

int settings_parse(struct settings *s, const char *file, const char *text, size_t len, char *why,
                   size_t why_len)
{
    struct parser p = {
        .settings = s, .file = file, .at = text, .end = text + len, .why = why, .why_len = why_len};
    const char *nul = len ? memchr(text, '\0', len) : NULL;

    if (len >= sizeof(BOM) - 1 && memcmp(text, BOM, sizeof(BOM) - 1) == 0)
        p.at += sizeof(BOM) - 1;
    if (nul)
        return fail_at(&p, line_of(text, nul), -EBADMSG, "not a text file: it has NUL bytes");
    int line = ini_parse_stream(read_line, &p, on_option, &p);
    if (p.err == 0 && line != 0)
        (void)fail_at(&p, line > 0 ? line : p.line, line == -2 ? -ENOMEM : -EBADMSG,
                      line == -2 ? "out of memory" : "neither a [section] nor NAME = VALUE");
    check_once(&p);
    check_sections(&p);
    return p.err;
}
