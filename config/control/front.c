#include "config/control/front.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/apply.h"
#include "config/settings/parse.h"
#include "gateway/node/registry.h"

#define HINT_OPTIONS "overlay config --print-default shows every option"

#define CONFIG_FILE  "overlay.conf"
#define HOME_OF_USER ".local/state/overlay"

/* ---- saying things ---- */

void front_write(const struct front *f, int fd, const char *text)
{
    int err = f->host->write(f->host->arg, fd, text, strlen(text));

    if (err < 0 && fd == 1 && f->unwritten)
        *f->unwritten = err;
}

static char *format_text(const char *format, va_list args)
{
    char *text = NULL;
    return vasprintf(&text, format, args) < 0 ? NULL : text;
}

void front_data(const struct front *f, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    auto_free char *text = format_text(format, args);
    va_end(args);
    if (text)
        front_write(f, 1, text);
}

bool front_is_live(const struct front *f)
{
    return !f->quiet && !f->json && f->host->is_terminal(f->host->arg, 2);
}

void front_say(const struct front *f, const char *format, ...)
{
    va_list args;

    if (f->quiet)
        return;
    va_start(args, format);
    auto_free char *text = format_text(format, args);
    va_end(args);
    if (text)
        front_write(f, 2, text);
}

/** What went wrong, and what to try next. A daemon says it in one line, which is what remains in a
 *  log and what who started it passes on. */
static char *two_lines(const struct front *f, const char *error, const char *hint)
{
    bool one = f->args.verb && f->args.verb->id == VERB_DAEMON;
    char *text = NULL;

    if (!hint)
        hint = "";
    if (asprintf(&text, "overlay: %s%s%s\n", error, !*hint ? "" : (one ? "; next: " : "\n  next: "),
                 hint) < 0)
        return NULL;
    return text;
}

/** Whatever else helps, a wrong usage is explained by `overlay help`. */
static const char *hint_of(const struct front *f, const json_t *answer, char *out, size_t size)
{
    const char *hint = json_string_value(json_object_get(answer, "hint"));

    if (hint || !f->args.verb || json_integer_value(json_object_get(answer, "code")) != CLI_USAGE)
        return hint;
    (void)snprintf(out, size, "overlay help %s", f->args.verb->name);
    return out;
}

static char *json_error(const char *error, json_int_t code, const char *hint)
{
    json_t *answer = json_pack("{s:o, s:I, s:o}", "error", protocol_text(error), "code", code,
                               "hint", protocol_text(hint));
    size_t len;
    char *line = protocol_line(answer, &len);

    json_decref(answer);
    return line;
}

int front_fail_json(const struct front *f, const json_t *answer)
{
    char room[64];
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *hint = hint_of(f, answer, room, sizeof(room));
    json_int_t code = json_integer_value(json_object_get(answer, "code"));

    if (!error)
        error = "malformed answer";
    auto_free char *text = f->json ? json_error(error, code, hint) : two_lines(f, error, hint);
    if (text)
        front_write(f, 2, text);
    return code >= CLI_FAILED && code <= CLI_UNREACHABLE ? (int)code : CLI_FAILED;
}

int front_fail(const struct front *f, enum cli_exit code, const char *hint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    auto_free char *text = format_text(format, args);
    va_end(args);
    json_t *answer = protocol_error(code, hint, "%s", text ? text : "out of memory");
    int result = front_fail_json(f, answer);
    json_decref(answer);
    return result;
}

void front_json(const struct front *f, const json_t *value)
{
    size_t len;
    auto_free char *line = value ? protocol_line(value, &len) : NULL;

    if (line)
        front_write(f, 1, line);
}

/* ---- home and configuration ---- */

static const char *variable(const struct front *f, const char *name)
{
    const char *value = f->host->getenv(f->host->arg, name);
    return value && *value ? value : NULL;
}

/** The home as written or by default; the caller frees it. NULL: nothing says where. */
static char *choose_home(const struct front *f)
{
    const char *given = args_value(&f->args, "home"), *base;
    char *path = NULL;

    if (!given)
        given = variable(f, "OVERLAY_HOME");
    if (given)
        return strdup(given);
    /* systemd separates several by colons; the first is the unit's own. */
    if ((base = variable(f, "STATE_DIRECTORY")))
        return strndup(base, strcspn(base, ":"));
    /* The XDG specification has relative paths ignored. */
    if ((base = variable(f, "XDG_STATE_HOME")) && *base == '/')
        return asprintf(&path, "%s/overlay", base) < 0 ? NULL : path;
    if ((base = variable(f, "HOME")))
        return asprintf(&path, "%s/" HOME_OF_USER, base) < 0 ? NULL : path;
    return NULL;
}

static char *choose_config(struct front *f)
{
    const char *given = args_value(&f->args, "config");
    char *path = NULL;

    f->config_named = given != NULL;
    if (!given)
        return f->home && asprintf(&path, "%s/%s", f->home, CONFIG_FILE) < 0 ? NULL : path;
    return strcmp(given, "-") == 0 ? strdup("-") : f->host->absolute(f->host->arg, given);
}

/** Takes `home`. */
static int settle_home(struct front *f, char *chosen)
{
    auto_free char *home = chosen;

    if (!home || !*home)
        return front_fail(f, CLI_FAILED, "overlay --home DIR ...",
                          "no home: neither HOME nor OVERLAY_HOME is set");
    f->home = f->host->absolute(f->host->arg, home);
    f->config = choose_config(f);
    return f->home && f->config ? CLI_OK : front_fail(f, CLI_FAILED, NULL, "out of memory");
}

int front_find_home(struct front *f)
{
    return settle_home(f, choose_home(f));
}

int front_find_home_of(struct front *f, const char *user_home)
{
    char *path = NULL;

    if (args_value(&f->args, "home") || variable(f, "OVERLAY_HOME"))
        return front_find_home(f);
    if (asprintf(&path, "%s/" HOME_OF_USER, user_home) < 0)
        path = NULL;
    return settle_home(f, path);
}

int front_open_home(struct front *f, bool create)
{
    if (f->env)
        return CLI_OK;
    int err = f->host->open_home(f->host->arg, f->home, false, &f->env);
    if (err == -ENOENT && create) {
        int code = front_try_config(f);
        if (code != CLI_OK)
            return code;
        err = f->host->open_home(f->host->arg, f->home, true, &f->env);
    }
    if (err == -ENOENT && !create)
        return CLI_UNKNOWN;
    if (err < 0)
        return front_fail(f, CLI_FAILED, "overlay --home DIR ...", "%s: %s", f->home,
                          strerror(-err));
    return CLI_OK;
}

const char *front_config_name(const struct front *f)
{
    return strcmp(f->config, "-") == 0 ? "standard input" : f->config;
}

/** Reads the file once; standard input cannot be read again. */
static int load_config(struct front *f)
{
    if (f->config_text)
        return CLI_OK;
    int err = f->host->read_text(f->host->arg, f->config, &f->config_text, &f->config_len);
    if (err == -ENOENT && !f->config_named) {
        f->config_text = strdup("");
        f->config_len = 0;
        f->config_absent = true;
        return f->config_text ? CLI_OK : front_fail(f, CLI_FAILED, NULL, "out of memory");
    }
    if (err < 0)
        return front_fail(f, CLI_FAILED, NULL, "%s: %s", front_config_name(f), strerror(-err));
    return CLI_OK;
}

int front_read_config(struct front *f, struct settings *s)
{
    char why[512];
    int code = load_config(f);
    int err = settings_init(s);

    if (code != CLI_OK)
        return code;
    if (err == 0)
        err = settings_parse(s, front_config_name(f), f->config_text, f->config_len, why,
                             sizeof(why));
    if (err == -ENOMEM)
        return front_fail(f, CLI_FAILED, NULL, "out of memory");
    if (err < 0)
        return front_fail(f, CLI_FAILED, HINT_OPTIONS, "%s", why);
    return CLI_OK;
}

static int check_users(const struct front *f, const struct settings *s)
{
    const struct name_list *users = &s->local_users;

    for (size_t i = 0; i < users->count; i++)
        if (strcmp(users->at[i], "*") != 0 && strcmp(users->at[i], "same") != 0 &&
            !f->host->is_user(f->host->arg, users->at[i]))
            return front_fail(f, CLI_FAILED, HINT_OPTIONS, "%s:%d: users: there is no user %s here",
                              front_config_name(f), s->line[SET_local_users], users->at[i]);
    return CLI_OK;
}

int front_check_settings(struct front *f, const struct settings *s)
{
    char why[512] = "";
    struct registry *registry = NULL;
    int code = CLI_OK;

    if (registry_open(&registry, f->env, why, sizeof(why)) < 0)
        return front_fail(f, CLI_FAILED, "repair it or put it aside", "%s/%s", f->home, why);
    if (settings_apply(s, NULL, registry, front_config_name(f), why, sizeof(why)) < 0)
        code = front_fail(f, CLI_FAILED, HINT_OPTIONS, "%s", why);
    registry_free(registry);
    return code == CLI_OK ? check_users(f, s) : code;
}

int front_try_config(struct front *f)
{
    struct settings s;
    int code = front_read_config(f, &s);

    if (code == CLI_OK)
        code = front_check_settings(f, &s);
    settings_deinit(&s);
    return code;
}

void front_deinit(struct front *f)
{
    free(f->home);
    free(f->config);
    free(f->config_text);
}
