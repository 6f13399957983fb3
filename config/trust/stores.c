#include "config/trust/stores.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COPIES_MAX = 16 };

const char *store_word(enum store_kind kind)
{
    switch (kind) {
    case STORE_SYSTEM:
        return "system";
    case STORE_CHROMIUM:
        return "chromium";
    case STORE_FIREFOX:
        return "firefox";
    }
    return "";
}

/* ---- where they are ---- */

static struct trust_store *add(struct trust_stores *out, enum store_kind kind, const char *path)
{
    if (out->count == STORES_MAX || strlen(path) >= STORE_PATH_MAX)
        return NULL;
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->at[i].path, path) == 0)
            return NULL;
    struct trust_store *s = &out->at[out->count++];
    *s = (struct trust_store){.kind = kind};
    (void)snprintf(s->path, sizeof(s->path), "%s", path);
    return s;
}

bool stores_find_system(struct trust_stores *out, const struct setup_host *host, const char *name)
{
    static const struct {
        const char *folder, *update, *fresh;
    } KNOWN[] = {
        /* Debian, Alpine, Gentoo. It forgets links to what is gone only when it starts anew. */
        {"/usr/local/share/ca-certificates", "update-ca-certificates", "--fresh"},
        {"/etc/pki/ca-trust/source/anchors", "update-ca-trust", NULL},          /* Fedora */
        {"/etc/ca-certificates/trust-source/anchors", "update-ca-trust", NULL}, /* Arch */
    };
    char path[STORE_PATH_MAX];

    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (!host->exists(host->arg, KNOWN[i].folder))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s.crt", KNOWN[i].folder, name);
        struct trust_store *s = add(out, STORE_SYSTEM, path);
        if (!s)
            return false;
        s->update = KNOWN[i].update;
        s->fresh = KNOWN[i].fresh;
        return true;
    }
    return false;
}

static bool has(const struct setup_host *host, const char *folder, const char *name)
{
    char path[2 * STORE_PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return host->exists(host->arg, path);
}

static void join(char out[static STORE_PATH_MAX], const char *folder, const char *name)
{
    if (snprintf(out, STORE_PATH_MAX, "%s/%s", folder, name) >= STORE_PATH_MAX)
        out[0] = '\0';
}

/* Chromium and its relatives share one database of the user; those in boxes have their own. */
static void find_chromium(struct trust_stores *out, const struct setup_host *host, const char *home)
{
    static const char *const FOLDERS[] = {
        ".pki/nssdb",
        ".local/share/pki/nssdb",
        "snap/chromium/current/.pki/nssdb",
        ".var/app/org.chromium.Chromium/.pki/nssdb",
        ".var/app/com.google.Chrome/.pki/nssdb",
        ".var/app/com.brave.Browser/.pki/nssdb",
        ".var/app/com.microsoft.Edge/.pki/nssdb",
    };
    static const char *const PROFILES[] = {".config/chromium", ".config/google-chrome",
                                           ".config/BraveSoftware", ".config/microsoft-edge",
                                           ".config/vivaldi"};
    char path[STORE_PATH_MAX];
    bool any = false;

    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        join(path, home, FOLDERS[i]);
        if (has(host, path, "cert9.db")) {
            any = any || i < 2;
            (void)add(out, STORE_CHROMIUM, path);
        }
    }
    /* A browser that was used and believes nobody of its own yet has no database: it looks for one
     * there all the same. */
    for (size_t i = 0; !any && i < sizeof(PROFILES) / sizeof(PROFILES[0]); i++) {
        if (!has(host, home, PROFILES[i]))
            continue;
        join(path, home, FOLDERS[0]);
        struct trust_store *s = add(out, STORE_CHROMIUM, path);
        if (s)
            s->absent = true;
        return;
    }
}

/* profiles.ini has a section for each: Path=, and IsRelative=0 where that is a whole path. */
static void take_profile(struct trust_stores *out, const struct setup_host *host,
                         const char *folder, const char *path)
{
    char full[STORE_PATH_MAX];

    if (path[0] == '/')
        (void)snprintf(full, sizeof(full), "%s", path);
    else
        join(full, folder, path);
    if (*path && *full && has(host, full, "cert9.db"))
        (void)add(out, STORE_FIREFOX, full);
}

static void find_firefox(struct trust_stores *out, const struct setup_host *host, const char *home)
{
    static const char *const FOLDERS[] = {
        ".mozilla/firefox",
        ".config/mozilla/firefox",
        "snap/firefox/common/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
        ".var/app/org.mozilla.firefox/config/mozilla/firefox",
        ".librewolf",
        ".var/app/io.gitlab.librewolf-community/.librewolf",
    };
    char folder[STORE_PATH_MAX], file[STORE_PATH_MAX];

    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        auto_free char *text = NULL;
        char *rest = NULL;

        join(folder, home, FOLDERS[i]);
        join(file, folder, "profiles.ini");
        if (!*file || host->read(host->arg, file, &text) < 0)
            continue;
        for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
            if (strncmp(line, "Path=", 5) == 0)
                take_profile(out, host, folder, line + 5);
    }
}

void stores_find_browsers(struct trust_stores *out, const struct setup_host *host,
                          const char *user_home)
{
    find_chromium(out, host, user_home);
    find_firefox(out, host, user_home);
}

/* ---- certutil ---- */

enum { ARGUMENT_MAX = STORE_PATH_MAX + 8 };

static const char *database_of(const struct trust_store *s, char out[static ARGUMENT_MAX])
{
    (void)snprintf(out, ARGUMENT_MAX, "sql:%s", s->path);
    return out;
}

static void explain(const char *tool, const char *package, int err, const struct setup_ran *ran,
                    char why[static SETUP_WHY_MAX])
{
    const char *said = ran->error && *ran->error ? ran->error : ran->out;

    if (err == -ENOENT)
        (void)snprintf(why, SETUP_WHY_MAX, "%s is missing: it is in the package %s", tool, package);
    else if (err < 0)
        (void)snprintf(why, SETUP_WHY_MAX, "%s: %s", tool, strerror(-err));
    else
        (void)snprintf(why, SETUP_WHY_MAX, "%s: exit code %d: %s", tool, ran->status,
                       said && *said ? said : "it said nothing");
    for (size_t n = strlen(why); n > 0 && why[n - 1] == '\n'; n--)
        why[n - 1] = '\0';
}

/* Runs a tool that is to exit with 0. -EIO: it did not. */
static int run(const struct setup_host *host, const char *const argv[], const char *package,
               const char *input, char **out, char why[static SETUP_WHY_MAX])
{
    struct setup_ran ran = {0};
    int err = host->run(host->arg, argv, input, &ran);

    if (err < 0 || ran.status != 0)
        explain(argv[0], package, err, &ran, why);
    if (err == 0 && ran.status != 0)
        err = -EIO;
    if (out && err == 0) {
        *out = ran.out;
        ran.out = NULL;
    }
    free(ran.out);
    free(ran.error);
    return err;
}

static int certutil(const struct setup_host *host, const char *const argv[], const char *input,
                    char **out, char why[static SETUP_WHY_MAX])
{
    return run(host, argv, "libnss3-tools", input, out, why);
}

/* Line ends apart, which the tools write as they like. */
static bool same_text(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, "\r\n");
        b += strspn(b, "\r\n");
        if (*a != *b || !*a)
            return *a == *b;
    }
}

static bool database_has(const struct trust_store *s, const struct setup_host *host,
                         const struct trust_certificate *c)
{
    char d[ARGUMENT_MAX] = "";
    char why[SETUP_WHY_MAX];
    auto_free char *found = NULL;
    const char *const argv[] = {"certutil", "-L",    "-d", database_of(s, d),
                                "-n",       c->name, "-a", NULL};

    if (s->absent || certutil(host, argv, NULL, &found, why) < 0)
        return false;
    return !c->text || (found && same_text(found, c->text));
}

static int database_remove(const struct trust_store *s, const struct setup_host *host,
                           const struct trust_certificate *c, char why[static SETUP_WHY_MAX])
{
    char d[ARGUMENT_MAX] = "";
    const struct trust_certificate any = {.name = c->name};
    const char *const argv[] = {"certutil", "-D", "-d", database_of(s, d), "-n", c->name, NULL};
    const char *const list[] = {"certutil", "-L", "-d", d, NULL};
    int err = s->absent ? 0 : certutil(host, list, NULL, NULL, why);

    for (int i = 0; err == 0 && i < COPIES_MAX && database_has(s, host, &any); i++)
        err = certutil(host, argv, NULL, NULL, why);
    return err;
}

static int database_make(const struct trust_store *s, const struct setup_host *host,
                         char why[static SETUP_WHY_MAX])
{
    char d[ARGUMENT_MAX] = "";
    const char *const folder[] = {"mkdir", "-p", "-m", "700", "--", s->path, NULL};
    const char *const argv[] = {"certutil",         "-N", "-d", database_of(s, d),
                                "--empty-password", NULL};
    int err = run(host, folder, "coreutils", NULL, NULL, why);
    return err < 0 ? err : certutil(host, argv, NULL, NULL, why);
}

static int database_add(const struct trust_store *s, const struct setup_host *host,
                        const struct trust_certificate *c, char why[static SETUP_WHY_MAX])
{
    char d[ARGUMENT_MAX] = "";
    const char *const argv[] = {"certutil", "-A", "-d", database_of(s, d), "-n", c->name, "-t",
                                "C,,",      "-a", NULL};
    int err = s->absent ? database_make(s, host, why) : database_remove(s, host, c, why);
    return err < 0 ? err : certutil(host, argv, c->text, NULL, why);
}

/* ---- the system's ---- */

static bool system_has(const struct trust_store *s, const struct setup_host *host,
                       const struct trust_certificate *c)
{
    auto_free char *text = NULL;
    return host->read(host->arg, s->path, &text) == 0 && (!c->text || same_text(text, c->text));
}

static int system_update(const struct trust_store *s, const struct setup_host *host, bool add,
                         char why[static SETUP_WHY_MAX])
{
    const char *const argv[] = {s->update, add ? NULL : s->fresh, NULL};
    return run(host, argv, "ca-certificates", NULL, NULL, why);
}

static int system_change(const struct trust_store *s, const struct setup_host *host,
                         const char *text, char why[static SETUP_WHY_MAX])
{
    int err = text ? host->write(host->arg, s->path, text, 0644) : host->unlink(host->arg, s->path);

    if (err < 0)
        (void)snprintf(why, SETUP_WHY_MAX, "%s: %s", s->path, strerror(-err));
    return err < 0 ? err : system_update(s, host, text != NULL, why);
}

/* ---- all kinds ---- */

bool store_has(const struct trust_store *s, const struct setup_host *host,
               const struct trust_certificate *c)
{
    return s->kind == STORE_SYSTEM ? system_has(s, host, c) : database_has(s, host, c);
}

void store_describe(const struct trust_store *s, const struct trust_certificate *c, bool add,
                    char out[static SETUP_WHY_MAX])
{
    if (s->kind == STORE_SYSTEM)
        (void)snprintf(out, SETUP_WHY_MAX, "%s %s\n%s%s%s\n", add ? "write" : "rm", s->path,
                       s->update, add || !s->fresh ? "" : " ", add || !s->fresh ? "" : s->fresh);
    else if (add)
        (void)snprintf(out, SETUP_WHY_MAX, "%s%s%s%scertutil -A -d sql:%s -n %s -t C,, -a\n",
                       s->absent ? "certutil -N -d sql:" : "", s->absent ? s->path : "",
                       s->absent ? " --empty-password" : "", s->absent ? "\n" : "", s->path,
                       c->name);
    else
        (void)snprintf(out, SETUP_WHY_MAX, "certutil -D -d sql:%s -n %s\n", s->path, c->name);
}

int store_add(const struct trust_store *s, const struct setup_host *host,
              const struct trust_certificate *c, char why[static SETUP_WHY_MAX])
{
    return s->kind == STORE_SYSTEM ? system_change(s, host, c->text, why)
                                   : database_add(s, host, c, why);
}

int store_remove(const struct trust_store *s, const struct setup_host *host,
                 const struct trust_certificate *c, char why[static SETUP_WHY_MAX])
{
    if (s->kind != STORE_SYSTEM)
        return database_remove(s, host, c, why);
    return host->exists(host->arg, s->path) ? system_change(s, host, NULL, why) : 0;
}
