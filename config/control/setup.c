#include "config/control/setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/ask.h"
#include "config/setup/carry.h"
#include "config/setup/facts.h"
#include "config/setup/plan.h"

/* ---- saying what is done ---- */

struct screen {
    const struct front *f;
    int code; /* of what failed */
};

static void print_text(const struct front *f, const char *text)
{
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
        front_data(f, "             | %.*s\n", (int)strcspn(at, "\n"), at);
}

static bool is_file(enum trace_kind kind)
{
    return kind == TRACE_FILE;
}

static void print_step(void *arg, const struct setup_step *s, bool there)
{
    const struct front *f = ((const struct screen *)arg)->f;
    bool dry = args_has(&f->args, "dry-run");
    char undo[2 * TRACE_NAME_MAX];

    if (f->quiet)
        return;
    front_data(f, "%-9s  %s%s%s%s\n", trace_word(s->trace.kind), s->trace.name,
               *s->what ? ": " : "", s->what, there ? " (is so already)" : "");
    if (there)
        return;
    for (size_t i = 0; i < s->command_count; i++)
        front_data(f, "             %s\n", s->commands[i]);
    if (dry && s->text && (is_file(s->trace.kind) || s->trace.kind == TRACE_TABLE))
        print_text(f, s->text);
    if (dry)
        front_data(f, "             undone by: %s\n", trace_removal(&s->trace, undo));
}

static void print_removal(void *arg, const struct trace *t)
{
    const struct front *f = ((const struct screen *)arg)->f;
    char how[2 * TRACE_NAME_MAX];

    if (!f->quiet)
        front_data(f, "remove %-9s %s\n             %s\n", trace_word(t->kind), t->name,
                   trace_removal(t, how));
}

static void print_failure(void *arg, const char *why)
{
    struct screen *screen = arg;
    screen->code = front_fail(screen->f, CLI_FAILED, NULL, "%s", why);
}

static struct carry_listener listener(struct screen *screen)
{
    return (struct carry_listener){
        .arg = screen, .doing = print_step, .undoing = print_removal, .failed = print_failure};
}

/** A plan as JSON, for programs: `setup --dry-run --json`. */
static void print_json(const struct front *f, const struct setup_plan *plan)
{
    json_t *steps = json_array();
    char undo[2 * TRACE_NAME_MAX];

    for (size_t i = 0; i < plan->count; i++) {
        const struct setup_step *s = &plan->steps[i];
        json_t *commands = json_array();
        for (size_t k = 0; k < s->command_count; k++)
            (void)json_array_append_new(commands, json_string(s->commands[k]));
        (void)json_array_append_new(
            steps, json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "kind", trace_word(s->trace.kind),
                             "name", s->trace.name, "what", s->what, "commands", commands, "text",
                             protocol_text(s->text), "undo", trace_removal(&s->trace, undo)));
    }
    front_json(f, steps);
    json_decref(steps);
}

/* ---- whom it is for ---- */

static const char *variable(const struct front *f, const char *name)
{
    const char *value = f->host->getenv(f->host->arg, name);
    return value && *value ? value : NULL;
}

static int need_root(const struct front *f, const char *verb)
{
    char hint[128];

    if (f->host->is_root(f->host->arg))
        return CLI_OK;
    (void)snprintf(hint, sizeof(hint), "sudo overlay %s", verb);
    return front_fail(f, CLI_DENIED, hint, "%s changes this machine: it must run as root", verb);
}

/** Journal and units have a line for it. */
static bool is_one_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return false;
    return true;
}

/** Whoever called sudo; root itself where nobody did. */
static int find_user(struct front *f, struct setup_facts *facts)
{
    const char *user = variable(f, "SUDO_USER");

    if (!f->host->is_root(f->host->arg))
        user = variable(f, "USER");
    if (!user)
        user = "root";
    auto_free char *home = f->host->user_home(f->host->arg, user);
    if (!home || strlen(user) >= sizeof(facts->user))
        return front_fail(f, CLI_FAILED, NULL, "there is no user %s here", user);
    (void)snprintf(facts->user, sizeof(facts->user), "%s", user);
    int code = front_find_home_of(f, home);
    if (code == CLI_OK && (strlen(f->home) >= sizeof(facts->home) || !is_one_line(f->home)))
        code = front_fail(f, CLI_FAILED, "overlay --home DIR ...",
                          "the path of the home is too long, or not of one line");
    if (code == CLI_OK)
        (void)snprintf(facts->home, sizeof(facts->home), "%s", f->home);
    return code;
}

static int find_program(struct front *f, struct setup_facts *facts)
{
    auto_free char *program = f->host->program(f->host->arg);

    if (!program || strlen(program) >= sizeof(facts->program) || !is_one_line(program))
        return front_fail(f, CLI_FAILED, NULL, "the path of this program is not known");
    (void)snprintf(facts->program, sizeof(facts->program), "%s", program);
    return CLI_OK;
}

/** The address that other programs of this machine are told: IPv4, where there is one. */
static void find_dns(struct setup_facts *facts, const struct settings *s)
{
    facts->dns = addr_loopback(false, 5354);
    for (size_t i = s->dns_listen.count; i > 0; i--)
        if (addr_port(&s->dns_listen.at[i - 1]) != 0 && !addr_is_v6(&s->dns_listen.at[i - 1]))
            facts->dns = s->dns_listen.at[i - 1];
}

static int read_settings(struct front *f, struct setup_facts *facts)
{
    struct settings s;
    int code = front_read_config(f, &s);

    if (code == CLI_OK && s.setup_pool.count != 1)
        code = front_fail(f, CLI_FAILED, "[setup] pool = 198.19.0.0/16",
                          "%s: the pool must be one range", front_config_name(f));
    if (code == CLI_OK) {
        facts->pool = s.setup_pool.at[0];
        facts->redirect_port = (uint16_t)s.setup_redirect_port;
        (void)snprintf(facts->suffix, sizeof(facts->suffix), "%s", s.dns_suffix);
        find_dns(facts, &s);
    }
    settings_deinit(&s);
    return code;
}

static bool is_running(struct front *f)
{
    if (front_open_home(f, false) != CLI_OK)
        return false;
    json_t *request = json_pack("{s:s}", "cmd", "id");
    struct asked asked = ask_at_once(f, request);
    json_decref(request);
    json_decref(asked.answer);
    return asked.err == 0;
}

/* ---- doing it ---- */

/** The gateway is systemd's from now on: one that was started by hand has the home. */
static int stop_running(struct front *f)
{
    json_t *request = json_pack("{s:s}", "cmd", "stop");
    instant until = env_now(f->env) + SEC(10);
    struct asked asked = ask_at_once(f, request);
    int pid = 0, err;

    front_say(f, "The running gateway ends, and starts again as a service.\n");
    json_decref(request);
    json_decref(asked.answer);
    while ((err = f->host->edit_begin(f->host->arg, &pid)) < 0 && env_now(f->env) < until)
        ask_wait(f, MSEC(50));
    if (err < 0)
        return front_fail(f, CLI_FAILED, NULL, "process %d does not end", pid);
    f->host->edit_end(f->host->arg);
    return CLI_OK;
}

static int carry(struct front *f, const struct setup_plan *plan, const struct setup_facts *facts,
                 bool running)
{
    struct screen screen = {.f = f, .code = CLI_FAILED};
    const struct carry_listener told = listener(&screen);
    int code = CLI_OK;

    if (facts->systemd && running && !facts->set_up)
        code = stop_running(f);
    if (code != CLI_OK)
        return code;
    if (carry_out(plan, facts, f->host->setup, &told) < 0) {
        front_say(f, "Nothing of it is left, but for what was told above.\n");
        return screen.code;
    }
    front_say(f,
              "Names in .%s now work in every program. To take all of it back: "
              "sudo overlay unsetup\n",
              facts->suffix);
    if (!facts->systemd && running)
        front_say(f, "If they do not, start the gateway again: overlay stop; overlay daemon\n");
    return CLI_OK;
}

static int plan_and_carry(struct front *f, struct setup_facts *facts)
{
    bool dry = args_has(&f->args, "dry-run");
    char why[SETUP_WHY_MAX] = "", hint[SETUP_WHY_MAX] = "";
    struct setup_plan plan;
    struct screen screen = {.f = f};
    bool running = is_running(f);
    int code = CLI_OK;

    facts_gather(facts, f->host->setup);
    int err = plan_make(&plan, facts, why, hint);
    if (err < 0)
        code = front_fail(f, CLI_FAILED, *hint ? hint : NULL, "%s", why);
    else if (facts->systemd && !f->env)
        code = front_fail(f, CLI_FAILED, "overlay id, without sudo, makes one",
                          "%s: there is no gateway", f->home);
    if (code == CLI_OK && !f->host->is_root(f->host->arg))
        front_say(f, "note: what this machine can do is tried as root only: sudo overlay setup "
                     "--dry-run may say something else\n");
    for (size_t i = 0; code == CLI_OK && i < plan.note_count; i++)
        front_say(f, "note: %s\n", plan.notes[i]);
    if (code == CLI_OK && dry && f->json)
        print_json(f, &plan);
    for (size_t i = 0; code == CLI_OK && dry && !f->json && i < plan.count; i++)
        print_step(&screen, &plan.steps[i], false);
    if (code == CLI_OK && !dry)
        code = carry(f, &plan, facts, running);
    plan_deinit(&plan);
    return code;
}

int setup_verb(struct front *f)
{
    struct setup_facts facts = {0};
    int code = args_has(&f->args, "dry-run") ? CLI_OK : need_root(f, "setup");

    if (code == CLI_OK)
        code = find_user(f, &facts);
    if (code == CLI_OK)
        code = find_program(f, &facts);
    if (code == CLI_OK)
        code = read_settings(f, &facts);
    if (code == CLI_OK)
        code = plan_and_carry(f, &facts);
    facts_deinit(&facts);
    return code;
}

int unsetup_verb(struct front *f)
{
    bool dry = args_has(&f->args, "dry-run");
    struct screen screen = {.f = f};
    const struct carry_listener told = listener(&screen);
    int code = dry ? CLI_OK : need_root(f, "unsetup");

    if (code != CLI_OK)
        return code;
    int count = carry_back(f->host->setup, &told, dry);
    if (count < 0)
        return front_fail(f, CLI_FAILED, "sudo overlay unsetup, when that is mended",
                          "not all of it could be removed");
    if (count == 0)
        front_say(f, "There is nothing to remove.\n");
    else if (!dry)
        front_say(f, "This machine is as it was.\n");
    return CLI_OK;
}
