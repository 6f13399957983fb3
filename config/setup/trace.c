#include "config/setup/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/setup/nsswitch.h"

static const char *const WORDS[] = {
    [TRACE_FOLDER] = "folder", [TRACE_LINK] = "link",         [TRACE_ROUTE] = "route",
    [TRACE_TABLE] = "table",   [TRACE_FILE] = "file",         [TRACE_UNIT] = "unit",
    [TRACE_WORD] = "word",     [TRACE_RESOLVED] = "resolved", [TRACE_LINE] = "line",
};

enum { KINDS = sizeof(WORDS) / sizeof(WORDS[0]), LINE_MAX_ = 2 * TRACE_NAME_MAX };

const char *trace_word(enum trace_kind kind)
{
    return WORDS[kind];
}

static bool has_path(enum trace_kind kind)
{
    return kind == TRACE_FOLDER || kind == TRACE_FILE || kind == TRACE_WORD || kind == TRACE_LINE;
}

int trace_read(struct trace *out, const char *line, size_t len)
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t n = strlen(WORDS[i]);
        if (len <= n + 1 || len - n > TRACE_NAME_MAX || memcmp(line, WORDS[i], n) != 0 ||
            line[n] != ' ' || has_path((enum trace_kind)i) != (line[n + 1] == '/'))
            continue;
        out->kind = (enum trace_kind)i;
        memcpy(out->name, line + n + 1, len - n - 1);
        out->name[len - n - 1] = '\0';
        return 0;
    }
    return -EINVAL;
}

/* ---- is it there? ---- */

static bool is_ours(const struct setup_host *host, const char *path)
{
    auto_free char *text = NULL;
    return host->read(host->arg, path, &text) == 0 && strstr(text, SETUP_MARK);
}

/** A writer that was killed leaves the new file under this name (gateway/io/file.c). */
static void new_name(const char *path, char out[static LINE_MAX_])
{
    const char *name = strrchr(path, '/') + 1;
    (void)snprintf(out, LINE_MAX_, "%.*s.%s.new", (int)(name - path), path, name);
}

static bool half_written(const struct setup_host *host, const char *path)
{
    char half[LINE_MAX_];

    new_name(path, half);
    return host->exists(host->arg, half);
}

/** Where enabling it makes a link. */
static void wants_name(const char *unit, char out[static LINE_MAX_])
{
    const char *dot = strrchr(unit, '.');
    (void)snprintf(out, LINE_MAX_, SETUP_UNITS "/%s.target.wants/%s",
                   dot && strcmp(dot, ".socket") == 0 ? "sockets" : "multi-user", unit);
}

static bool succeeds(const struct setup_host *host, const char *before, const char *name)
{
    char line[LINE_MAX_];

    (void)snprintf(line, sizeof(line), "%s %s", before, name);
    return setup_succeeds(host, line, NULL);
}

static bool unit_is_there(const struct setup_host *host, const char *unit)
{
    char path[LINE_MAX_];

    wants_name(unit, path);
    return host->exists(host->arg, path) || (host->exists(host->arg, "/run/systemd/system") &&
                                             succeeds(host, "systemctl is-active --quiet", unit));
}

static bool word_is_there(const struct setup_host *host, const char *path)
{
    auto_free char *text = NULL;
    return half_written(host, path) ||
           (host->read(host->arg, path, &text) == 0 && nsswitch_has(text, "overlay"));
}

static bool route_is_there(const struct setup_host *host, const char *prefix)
{
    char line[LINE_MAX_], why[SETUP_WHY_MAX];
    auto_free char *out = NULL;

    (void)snprintf(line, sizeof(line),
                   "ip -o -4 route show table local proto " SETUP_PROTOCOL " exact %s", prefix);
    return setup_run(host, line, NULL, &out, why) == 0 && *out;
}

bool trace_is_there(const struct setup_host *host, const struct trace *t)
{
    switch (t->kind) {
    case TRACE_FOLDER:
        return host->exists(host->arg, t->name);
    case TRACE_LINK:
        return succeeds(host, "ip -o link show dev", t->name);
    case TRACE_ROUTE:
        return route_is_there(host, t->name);
    case TRACE_TABLE:
        return succeeds(host, "nft list table", t->name);
    case TRACE_FILE:
        return is_ours(host, t->name) || half_written(host, t->name);
    case TRACE_UNIT:
        return unit_is_there(host, t->name);
    case TRACE_RESOLVED:
        return false; /* cannot be told apart from others' settings; it goes with the link */
    case TRACE_WORD:
    case TRACE_LINE:
        return word_is_there(host, t->name);
    }
    return false;
}

/* ---- taking it away ---- */

/** What must hear that a file of its folder has gone, or NULL. */
static const char *listener_of(const char *path)
{
    if (strncmp(path, SETUP_UNITS "/", strlen(SETUP_UNITS "/")) == 0)
        return "systemctl daemon-reload";
    if (strcmp(path, SETUP_DELEGATE) == 0)
        return "systemctl reload-or-restart systemd-resolved.service";
    if (strcmp(path, SETUP_NM_DNSMASQ) == 0)
        return "nmcli general reload dns-full";
    if (strcmp(path, SETUP_DNSMASQ) == 0)
        return "systemctl restart dnsmasq.service";
    return NULL;
}

static int said(int err, const char *path, char why[static SETUP_WHY_MAX])
{
    if (err < 0)
        (void)snprintf(why, SETUP_WHY_MAX, "%s: %s", path, strerror(-err));
    return err;
}

static int remove_file(const struct setup_host *host, const char *path,
                       char why[static SETUP_WHY_MAX])
{
    char half[LINE_MAX_];
    const char *listener = listener_of(path);

    new_name(path, half);
    int err = said(host->unlink(host->arg, half), half, why);
    if (err < 0 || !is_ours(host, path))
        return err;
    err = said(host->unlink(host->arg, path), path, why);
    if (err < 0 || !listener || !host->exists(host->arg, "/run/systemd/system"))
        return err;
    return setup_run(host, listener, NULL, NULL, why);
}

static int remove_word(const struct setup_host *host, const struct trace *t,
                       char why[static SETUP_WHY_MAX])
{
    char half[LINE_MAX_];
    auto_free char *text = NULL;

    new_name(t->name, half);
    int err = said(host->unlink(host->arg, half), half, why);
    if (err < 0 || host->read(host->arg, t->name, &text) < 0)
        return err;
    auto_free char *without =
        t->kind == TRACE_LINE ? nsswitch_remove_line(text) : nsswitch_remove(text);
    if (!without)
        return said(-ENOMEM, t->name, why);
    if (strcmp(text, without) == 0)
        return 0;
    if (!*without)
        return said(host->unlink(host->arg, t->name), t->name, why);
    return said(host->write(host->arg, t->name, without, 0644), t->name, why);
}

/** The socket of a gateway that runs on, and the journal that was being written, go with it. */
static int remove_folder(const struct setup_host *host, const char *path,
                         char why[static SETUP_WHY_MAX])
{
    int err = 0;

    if (strcmp(path, SETUP_RUN_FOLDER) == 0)
        err = said(host->unlink(host->arg, SETUP_NAMES), SETUP_NAMES, why);
    if (err < 0)
        return err;
    err = host->remove_folder(host->arg, path);
    return err == -ENOTEMPTY ? 0 : said(err, path, why);
}

static int remove_unit(const struct setup_host *host, const struct trace *t,
                       char why[static SETUP_WHY_MAX])
{
    char path[LINE_MAX_], line[LINE_MAX_];
    int err = 0;

    if (host->exists(host->arg, "/run/systemd/system")) {
        (void)snprintf(line, sizeof(line), "systemctl --no-ask-password disable --now %s", t->name);
        err = setup_run(host, line, NULL, NULL, why);
    }
    wants_name(t->name, path);
    int gone = said(host->unlink(host->arg, path), path, why); /* where the unit's file is gone */
    return trace_is_there(host, t) ? (err < 0 ? err : -EBUSY) : gone;
}

static int remove_by_command(const struct setup_host *host, const struct trace *t,
                             char why[static SETUP_WHY_MAX])
{
    char line[LINE_MAX_];

    if (!trace_is_there(host, t))
        return 0;
    return setup_run(host, trace_removal(t, line), NULL, NULL, why);
}

int trace_remove(const struct setup_host *host, const struct trace *t,
                 char why[static SETUP_WHY_MAX])
{
    switch (t->kind) {
    case TRACE_FOLDER:
        return remove_folder(host, t->name, why);
    case TRACE_LINK:
    case TRACE_ROUTE:
    case TRACE_TABLE:
        return remove_by_command(host, t, why);
    case TRACE_FILE:
        return remove_file(host, t->name, why);
    case TRACE_UNIT:
        return remove_unit(host, t, why);
    case TRACE_RESOLVED:
        return 0;
    case TRACE_WORD:
    case TRACE_LINE:
        return remove_word(host, t, why);
    }
    return 0;
}

const char *trace_removal(const struct trace *t, char out[static 2 * TRACE_NAME_MAX])
{
    static const struct {
        const char *before, *after;
    } HOW[] = {
        [TRACE_FOLDER] = {"remove the folder ", ", if it is empty"},
        [TRACE_LINK] = {"ip link delete ", ""},
        [TRACE_ROUTE] = {"ip route delete local ", " dev lo proto " SETUP_PROTOCOL},
        [TRACE_TABLE] = {"nft delete table ", ""},
        [TRACE_FILE] = {"remove ", ""},
        [TRACE_UNIT] = {"systemctl --no-ask-password disable --now ", ""},
        [TRACE_RESOLVED] = {"goes with the link ", ""},
        [TRACE_WORD] = {"take the word overlay out of ", ""},
        [TRACE_LINE] = {"take the line for hosts out of ", ""},
    };

    (void)snprintf(out, LINE_MAX_, "%s%s%s", HOW[t->kind].before, t->name, HOW[t->kind].after);
    return out;
}

/* ---- everything there may be ---- */

struct found {
    struct trace *at;
    size_t count, max;
};

static void add(struct found *f, enum trace_kind kind, const char *name, size_t len)
{
    if (f->count < f->max && len < TRACE_NAME_MAX) {
        f->at[f->count].kind = kind;
        (void)snprintf(f->at[f->count++].name, TRACE_NAME_MAX, "%.*s", (int)len, name);
    }
}

/** "local 198.19.0.0/16 dev lo scope host" */
static void add_routes(struct found *f, const struct setup_host *host)
{
    char why[SETUP_WHY_MAX];
    auto_free char *out = NULL;

    if (setup_run(host, "ip -o -4 route show table local proto " SETUP_PROTOCOL, NULL, &out, why) <
        0)
        return;
    for (char *line = out; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *prefix = line;
        if (strncmp(prefix, "local ", 6) == 0)
            prefix += 6;
        add(f, TRACE_ROUTE, prefix, strcspn(prefix, " \n"));
    }
}

size_t trace_search(const struct setup_host *host, struct trace *out, size_t max)
{
    static const struct {
        enum trace_kind kind;
        const char *name;
    } KNOWN[] = {
        {TRACE_WORD, NSSWITCH_PATH},
        {TRACE_FILE, SETUP_MODULE},
        {TRACE_FILE, SETUP_DELEGATE},
        {TRACE_FILE, SETUP_NM_DNSMASQ},
        {TRACE_FILE, SETUP_DNSMASQ},
        {TRACE_UNIT, "overlay-dns.socket"},
        {TRACE_UNIT, "overlay-names.socket"},
        {TRACE_UNIT, "overlay-pool.socket"},
        {TRACE_UNIT, "overlay-http.socket"},
        {TRACE_UNIT, "overlay-https.socket"},
        {TRACE_UNIT, "overlay-gateway.service"}, /* now nobody starts it again */
        {TRACE_UNIT, "overlay-setup.service"},
        {TRACE_FILE, SETUP_UNITS "/overlay-gateway.service"},
        {TRACE_FILE, SETUP_UNITS "/overlay-setup.service"},
        {TRACE_FILE, SETUP_UNITS "/overlay-dns.socket"},
        {TRACE_FILE, SETUP_UNITS "/overlay-names.socket"},
        {TRACE_FILE, SETUP_UNITS "/overlay-pool.socket"},
        {TRACE_FILE, SETUP_UNITS "/overlay-http.socket"},
        {TRACE_FILE, SETUP_UNITS "/overlay-https.socket"},
        {TRACE_FOLDER, SETUP_RUN_FOLDER},
        {TRACE_LINK, SETUP_LINK},
        {TRACE_TABLE, SETUP_TABLE}, /* after the addresses, whose ports it leads to the gateway */
        {TRACE_FILE, SETUP_RULES},
    };
    struct found f = {.at = out, .max = max};

    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (KNOWN[i].kind == TRACE_TABLE)
            add_routes(&f, host);
        add(&f, KNOWN[i].kind, KNOWN[i].name, strlen(KNOWN[i].name));
        if (f.count > 0 && !trace_is_there(host, &f.at[f.count - 1]))
            f.count--;
    }
    return f.count;
}
