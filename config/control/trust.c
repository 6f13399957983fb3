#include "config/control/trust.h"

#include <errno.h>
#include <string.h>

#include "config/control/anyhow.h"
#include "config/control/fields.h"
#include "config/trust/stores.h"
#include "gateway/identity/authority.h"

#define AS_YOURSELF "as the user whose browsers they are, without sudo: overlay trust --browsers"

/** What is to be done, from the command line and from who calls it. */
struct job {
    struct front *f;
    bool add; /* trust; else untrust */
    bool system, browsers;
    bool for_user; /* root, by sudo: the authority is that user's, and only read */
    char *user;    /* whose, when for_user */
    char *user_home;
    json_t *answer; /* of the gateway: the authority; or NULL */
    char *text;     /* the certificate */
    struct local_ca_facts facts;
    char name[STORE_PATH_MAX];
    struct trust_stores stores;
    json_t *done; /* what was done, for --json */
    int failed;   /* the exit code, when a store could not be changed */
};

static const char *variable(const struct front *f, const char *name)
{
    const char *value = f->host->getenv(f->host->arg, name);
    return value && *value ? value : NULL;
}

static bool is_dry(const struct job *j)
{
    return args_has(&j->f->args, "dry-run");
}

/* ---- whose ---- */

/** By sudo the system's store is meant, which nobody else may change; the rest is the user's. */
static int find_user(struct job *j)
{
    struct front *f = j->f;
    bool root = f->host->is_root(f->host->arg), both;
    const char *user = root ? variable(f, "SUDO_USER") : NULL;

    j->for_user = user && strcmp(user, "root") != 0;
    both = !args_has(&f->args, "system") && !args_has(&f->args, "browsers");
    j->system = root && (both || args_has(&f->args, "system"));
    j->browsers = !j->for_user && (both || args_has(&f->args, "browsers"));
    if (!root && args_has(&f->args, "system"))
        return front_fail(f, CLI_DENIED, "sudo overlay trust --system",
                          "the system's store is root's");
    if (j->for_user && args_has(&f->args, "browsers"))
        return front_fail(f, CLI_USAGE, AS_YOURSELF, "root keeps away from a user's browsers");
    const char *home = variable(f, "HOME");
    j->user_home = j->for_user ? f->host->user_home(f->host->arg, user) : strdup(home ? home : "");
    j->user = j->for_user ? strdup(user) : NULL;
    if (!j->user_home)
        return front_fail(f, CLI_FAILED, NULL, "there is no home directory of user %s",
                          user ? user : "root");
    return j->for_user ? front_find_home_of(f, j->user_home) : front_find_home(f);
}

/* ---- the authority ---- */

static int examine(struct job *j)
{
    char why[LOCAL_CA_WHY_MAX] = "";

    if (local_ca_examine(&j->facts, j->text, why) < 0)
        return front_fail(j->f, CLI_FAILED, "overlay untrust, then overlay trust", "%s/%s: %s",
                          j->f->home, AUTHORITY_CERTIFICATE, why);
    (void)snprintf(j->name, sizeof(j->name), "overlay-%s", j->facts.id);
    return CLI_OK;
}

/** Another user's: nothing but its certificate is read, and believed only when it is his file and
 *  limited as ours are. */
static int read_certificate(struct job *j)
{
    const struct front *f = j->f;
    auto_free char *path = NULL;

    if (asprintf(&path, "%s/%s", f->home, AUTHORITY_CERTIFICATE) < 0)
        return front_fail(f, CLI_FAILED, NULL, "out of memory");
    int err = f->host->read_owned(f->host->arg, path, j->user, &j->text);
    if (err == -ENOENT)
        return front_fail(f, CLI_UNKNOWN, "overlay trust, without sudo, makes it", "there is no %s",
                          path);
    if (err < 0)
        return front_fail(f, CLI_FAILED, NULL, "%s: %s", path,
                          err == -EPERM ? "it is not a file of that user" : strerror(-err));
    return examine(j);
}

/** Asks for the authority; `make`: one is made if need be. */
static int ask(struct job *j, bool make)
{
    int code;
    json_t *request = json_pack("{s:s, s:b}", "cmd", "trust", "look", !make);

    j->answer = anyhow_ask(j->f, request, true, &code);
    json_decref(request);
    if (!j->answer)
        return code;
    if (json_object_get(j->answer, "error"))
        return front_fail_json(j->f, j->answer);
    const json_t *result = json_object_get(j->answer, "result");
    j->text = json_is_object(result) ? strdup(field_text(result, "certificate")) : NULL;
    return j->text ? examine(j) : CLI_OK;
}

/* ---- the stores ---- */

static void find_stores(struct job *j)
{
    const struct front *f = j->f;

    if (j->browsers)
        stores_find_browsers(&j->stores, f->host->setup, j->user_home);
    if (j->system && !stores_find_system(&j->stores, f->host->setup, j->name))
        front_say(f, "This system has no store that overlay knows.\n");
}

static void note(struct job *j, const struct trust_store *s, const char *state, const char *why)
{
    (void)json_array_append_new(
        j->done, json_pack("{s:s, s:o, s:s, s:o}", "store", store_word(s->kind), "path",
                           protocol_text(s->path), "state", state, "why", protocol_text(why)));
}

static void print_commands(const struct front *f, const char *text)
{
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
        front_data(f, "             %.*s\n", (int)strcspn(at, "\n"), at);
}

static void change(struct job *j, const struct trust_store *s)
{
    const struct front *f = j->f;
    const struct trust_certificate c = {j->name, j->add ? j->text : NULL};
    char commands[SETUP_WHY_MAX], why[SETUP_WHY_MAX] = "";
    bool there = store_has(s, f->host->setup, &c), quiet = f->json || f->quiet;

    store_describe(s, &c, j->add, commands);
    if (there == j->add) {
        if (!quiet && j->add)
            front_data(f, "%-9s  %s (is so already)\n", store_word(s->kind), s->path);
        note(j, s, j->add ? "there" : "absent", NULL);
        /* Without the tool nobody can tell, and what was there might be. */
        if (j->add || s->kind == STORE_SYSTEM)
            return;
    } else if (!quiet) {
        front_data(f, "%-9s  %s\n", store_word(s->kind), s->path);
        print_commands(f, commands);
    }
    if (is_dry(j)) {
        if (there != j->add)
            note(j, s, "dry-run", NULL);
        return;
    }
    int err =
        j->add ? store_add(s, f->host->setup, &c, why) : store_remove(s, f->host->setup, &c, why);
    if (err < 0) {
        j->failed =
            front_fail(f, CLI_FAILED, err == -ENOENT ? "sudo apt install libnss3-tools" : NULL,
                       "%s: %s", s->path, why);
    }
    if (there != j->add || err < 0)
        note(j, s, err < 0 ? "failed" : j->add ? "added" : "removed", err < 0 ? why : NULL);
}

static void change_all(struct job *j)
{
    find_stores(j);
    for (size_t i = 0; i < j->stores.count; i++)
        change(j, &j->stores.at[i]);
}

static bool is_in_system(struct job *j)
{
    struct trust_stores found = {.count = 0};
    const struct setup_host *host = j->f->host->setup;
    const struct trust_certificate any = {.name = j->name};

    return stores_find_system(&found, host, j->name) && store_has(&found.at[0], host, &any);
}

/* ---- trust ---- */

static void print_facts(struct job *j)
{
    const struct front *f = j->f;
    char until[64];

    if (f->json || f->quiet)
        return;
    f->host->local_time(f->host->arg, j->facts.until * 1000000, until, sizeof(until));
    front_data(f, "%-9s  %s: for names under .%s and nothing else, until %.10s\n", "authority",
               j->name, j->facts.suffix, until);
}

static void print_json(struct job *j)
{
    json_t *out = json_pack("{s:o, s:o, s:I, s:O}", "id", protocol_text(j->facts.id), "suffix",
                            protocol_text(j->facts.suffix), "until", (json_int_t)j->facts.until,
                            "stores", j->done);
    front_json(j->f, out);
    json_decref(out);
}

static void say_what_is_left(struct job *j)
{
    const struct front *f = j->f;
    bool root = f->host->is_root(f->host->arg);

    if (j->browsers && j->stores.count == 0)
        front_say(f, "No browser's store was found: start the browser once, then overlay trust.\n");
    if (!j->system && !is_in_system(j))
        front_say(f, "For curl and other programs: sudo overlay trust\n");
    if (j->for_user && root)
        front_say(f, "For the browsers, without sudo: overlay trust\n");
}

static int trust(struct job *j)
{
    struct front *f = j->f;
    bool print = args_has(&f->args, "print");
    int code = j->for_user ? read_certificate(j) : ask(j, !is_dry(j));

    if (code != CLI_OK)
        return code;
    if (print) {
        if (j->text)
            front_data(f, "%s", j->text);
        return CLI_OK;
    }
    if (!j->text) { /* dry, and there is none */
        (void)snprintf(j->name, sizeof(j->name), "overlay-NEW");
        front_data(f, "%-9s  %s/%s, %s/%s\n", "authority", f->home, AUTHORITY_KEY, f->home,
                   AUTHORITY_CERTIFICATE);
        j->text = strdup("");
    } else {
        print_facts(j);
    }
    change_all(j);
    if (f->json)
        print_json(j);
    else if (!is_dry(j))
        say_what_is_left(j);
    return j->failed;
}

/* ---- untrust ---- */

/** Key and certificate go; the certificate stays while the system has it, for root to know it by.
 */
static int forget(struct job *j, bool keep)
{
    int code;
    json_t *request = json_pack("{s:s, s:b}", "cmd", "untrust", "keep", keep);
    json_t *answer = anyhow_ask(j->f, request, false, &code);

    json_decref(request);
    if (answer && json_object_get(answer, "error"))
        code = front_fail_json(j->f, answer);
    json_decref(answer);
    return code;
}

static int delete_files(struct job *j)
{
    const struct front *f = j->f;
    bool keep = j->failed || (*j->name && is_in_system(j));

    if (!f->json && !f->quiet)
        front_data(f, "%-9s  rm %s/%s%s%s%s\n", "authority", f->home, AUTHORITY_KEY,
                   keep ? "" : " ", keep ? "" : f->home, keep ? "" : "/" AUTHORITY_CERTIFICATE);
    if (is_dry(j))
        return CLI_OK;
    int code = forget(j, keep);
    if (code == CLI_OK && keep && !j->failed)
        code = front_fail(f, CLI_FAILED, "sudo overlay untrust, then overlay untrust again",
                          "the certificate is still in the system's store");
    return code;
}

/** The certificate that is left from an untrust before which it was in the system's store. */
static void read_what_is_left(struct job *j)
{
    auto_free char *path = NULL;
    char why[LOCAL_CA_WHY_MAX];

    if (j->text || asprintf(&path, "%s/%s", j->f->home, AUTHORITY_CERTIFICATE) < 0)
        return;
    const struct setup_host *host = j->f->host->setup;
    if (host->read(host->arg, path, &j->text) == 0 &&
        local_ca_examine(&j->facts, j->text, why) == 0)
        (void)snprintf(j->name, sizeof(j->name), "overlay-%s", j->facts.id);
}

static int untrust(struct job *j)
{
    int code;

    if (j->for_user) {
        code = read_certificate(j);
    } else {
        code = CLI_OK;
        read_what_is_left(j);
    }
    if (code != CLI_OK)
        return code;
    if (*j->name)
        change_all(j);
    if (!j->for_user)
        code = delete_files(j);
    if (j->f->json)
        print_json(j);
    else if (j->for_user && !is_dry(j))
        front_say(j->f, "The rest, without sudo: overlay untrust\n");
    return j->failed ? j->failed : code;
}

/* ---- both ---- */

static int run(struct front *f, bool add, int (*work)(struct job *j))
{
    struct job j = {.f = f, .add = add, .done = json_array()};
    int code = find_user(&j);

    if (code == CLI_OK)
        code = work(&j);
    json_decref(j.answer);
    json_decref(j.done);
    free(j.text);
    free(j.user);
    free(j.user_home);
    return code;
}

int trust_verb(struct front *f)
{
    return run(f, true, trust);
}

int untrust_verb(struct front *f)
{
    return run(f, false, untrust);
}
