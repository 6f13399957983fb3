#include "config/control/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/anyhow.h"
#include "config/control/ask.h"
#include "config/control/check.h"
#include "config/control/doctor_verb.h"
#include "config/control/foreground.h"
#include "config/control/front.h"
#include "config/control/handoff.h"
#include "config/control/offline.h"
#include "config/control/request.h"
#include "config/control/setup.h"
#include "config/control/stun_test.h"
#include "config/control/tell.h"
#include "config/control/trust.h"
#include "config/control/watch.h"
#include "config/settings/completion.h"
#include "config/settings/help.h"
#include "config/settings/manual.h"

#define START_WITHIN SEC(5)
#define START_TICK   MSEC(50)

/* ---- verbs that need nothing but themselves ---- */

static int print_to(const struct front *f, int fd, char *text)
{
    if (!text)
        return front_fail(f, CLI_FAILED, NULL, "out of memory");
    front_write(f, fd, text);
    free(text);
    return CLI_OK;
}

static int print_text(const struct front *f, char *text)
{
    return print_to(f, 1, text);
}

static int print_help(const struct front *f, int fd, const struct verb *v)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out && v)
        help_print_verb(out, v);
    else if (out)
        help_print_all(out);
    return print_to(f, fd, out && fclose(out) == 0 ? text : NULL);
}

static int run_help(const struct front *f)
{
    const struct verb *v = NULL;

    if (f->args.verb->id == VERB_HELP && f->args.count > 0) {
        v = verb_find(f->args.at[0]);
        if (!v)
            return front_fail(f, CLI_USAGE, "overlay help", "unknown command '%s'", f->args.at[0]);
    } else if (f->args.verb->id != VERB_HELP) {
        v = f->args.verb;
    }
    return print_help(f, 1, v);
}

static int run_generated(const struct front *f, int (*print)(FILE *out, const char *what))
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out && print(out, f->args.at[0]) < 0) {
        (void)fclose(out);
        free(text);
        return front_fail(f, CLI_USAGE, NULL, "unknown: %s", f->args.at[0]);
    }
    return print_text(f, out && fclose(out) == 0 ? text : NULL);
}

static int run_version(const struct front *f)
{
    if (f->json)
        front_data(f, "{\"version\":\"%s\"}\n", f->host->version);
    else
        front_data(f, "overlay %s\n", f->host->version);
    return CLI_OK;
}

static int print_default_config(const struct front *f)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (out)
        settings_print_default(out);
    return print_text(f, out && fclose(out) == 0 ? text : NULL);
}

/* ---- asking the gateway ---- */

/** Asks, trying again for some seconds while a gateway starts. */
static struct asked ask_starting(const struct front *f, const json_t *request, bool raw)
{
    instant until = env_now(f->env) + START_WITHIN;
    struct asked asked = ask_gateway(f, request, raw);

    while (asked_nobody(&asked) && env_now(f->env) < until) {
        ask_wait(f, START_TICK);
        asked = ask_gateway(f, request, raw);
    }
    return asked;
}

/** For verbs that make no sense without a gateway. */
static int run_with_gateway(struct front *f, const json_t *request)
{
    int code = front_open_home(f, false);

    if (code != CLI_OK)
        return code == CLI_UNKNOWN ? tell_no_gateway(f) : code;
    struct asked asked = ask_at_once(f, request);
    if (asked_nobody(&asked))
        return tell_no_gateway(f);
    return asked.err < 0 ? tell_lost(f, asked.err) : tell_answer(f, asked.answer);
}

/** For verbs about the registry. */
static int run_anyhow(struct front *f, const json_t *request)
{
    bool completion = f->args.verb->id == VERB_COMPLETE; /* a TAB makes no home */
    int code;
    json_t *answer = anyhow_ask(f, request, !completion, &code);
    return answer ? tell_answer(f, answer) : code;
}

/** What the daemon said, without its name in front. */
static const char *without_name(const char *why)
{
    static const char NAME[] = "overlay: ";
    return strncmp(why, NAME, sizeof(NAME) - 1) == 0 ? why + sizeof(NAME) - 1 : why;
}

static int start_gateway(struct front *f)
{
    char why[512] = "";
    int code = front_try_config(f);

    if (code != CLI_OK)
        return code;
    const struct cli_spawn spawn = {.home = f->home,
                                    .config = f->config_named ? f->config : NULL,
                                    .input = f->config_text,
                                    .input_len = f->config_len,
                                    .verbosity = f->verbosity};
    int err = f->host->spawn(f->host->arg, &spawn, why, sizeof(why));
    if (err < 0 && err != -EBUSY)
        return front_fail(f, CLI_FAILED, "overlay daemon shows why", "cannot start a gateway: %s",
                          *why ? without_name(why) : strerror(-err));
    return CLI_OK;
}

/** The control socket ends in the same way whether the service's data ended or broke off. */
static int ask_pipe_end(const struct front *f, json_int_t id)
{
    json_t *request = json_pack("{s:s, s:I}", "cmd", "pipe_end", "pipe", id);
    struct asked asked = ask_at_once(f, request);
    const json_t *whole = json_object_get(json_object_get(asked.answer, "result"), "whole");
    bool broken = asked.err < 0 || json_is_false(whole);

    json_decref(request);
    json_decref(asked.answer);
    return broken ? front_fail(f, CLI_FAILED, "overlay status", "%s: the connection broke off",
                               f->args.at[0])
                  : CLI_OK;
}

/** Carries standard input and output over the socket of a good answer. */
static int run_pipe(const struct front *f, struct asked *asked)
{
    json_t *result = json_object_get(asked->answer, "result");
    json_int_t id = json_integer_value(json_object_get(result, "pipe"));
    int err = f->host->join_stdio(f->host->arg, asked->sock, asked->early, asked->early_len);

    free(asked->early);
    json_decref(asked->answer);
    if (err < 0)
        return front_fail(f, CLI_FAILED, NULL, "%s: %s", f->args.at[0], strerror(-err));
    return ask_pipe_end(f, id);
}

/** For verbs that start a gateway where none runs: in the background, or here with -f. */
static int run_starting(struct front *f, const json_t *request)
{
    bool punch = f->args.verb->id == VERB_PUNCH, raw = punch || f->args.verb->id == VERB_PIPE;
    int code = front_open_home(f, true);

    if (code != CLI_OK)
        return code;
    struct asked asked = ask_gateway(f, request, raw);
    if (asked_nobody(&asked) && args_has(&f->args, "foreground"))
        return foreground_run(f, request);
    if (asked_nobody(&asked)) {
        code = start_gateway(f);
        if (code != CLI_OK)
            return code;
        asked = ask_starting(f, request, raw);
    }
    if (asked.err < 0)
        return asked_nobody(&asked) ? tell_no_gateway(f) : tell_lost(f, asked.err);
    if (punch)
        return handoff_run(f, &asked);
    return asked.sock ? run_pipe(f, &asked) : tell_answer(f, asked.answer);
}

/** Without an end of its own: the gateway's is one. */
static int run_log(struct front *f, const json_t *request)
{
    bool follows = args_has(&f->args, "follow");
    int code = front_open_home(f, false);

    if (code != CLI_OK)
        return code == CLI_UNKNOWN ? tell_no_gateway(f) : code;
    struct asked asked = follows ? ask_gateway(f, request, false) : ask_at_once(f, request);
    if (asked_nobody(&asked))
        return tell_no_gateway(f);
    if (follows && asked.err == -ECONNRESET) {
        front_say(f, "The gateway has ended.\n");
        return CLI_OK;
    }
    if (asked.err < 0 || json_object_get(asked.answer, "error"))
        return asked.err < 0 ? tell_lost(f, asked.err) : tell_answer(f, asked.answer);
    json_decref(asked.answer);
    return CLI_OK;
}

/** Waits for the gateway to have gone, so that another may start at once. */
static int run_stop(struct front *f, const json_t *request)
{
    instant until;
    int pid = 0;
    int code = run_with_gateway(f, request);

    if (code != CLI_OK)
        return code;
    until = env_now(f->env) + START_WITHIN;
    while (f->host->edit_begin(f->host->arg, &pid) < 0) {
        if (env_now(f->env) > until)
            return front_fail(f, CLI_FAILED, NULL, "process %d does not end", pid);
        ask_wait(f, START_TICK);
    }
    f->host->edit_end(f->host->arg);
    front_say(f, "The gateway has ended.\n");
    return CLI_OK;
}

/* ---- proxy --print-pac ---- */

/** The running gateway's proxy, which may have had to move; else the configured one. */
static int find_proxy(struct front *f, struct addr *proxy, char *suffix, size_t size)
{
    json_t *request = json_pack("{s:s}", "cmd", "status");
    struct settings s;
    int code = front_open_home(f, false);

    if (code == CLI_OK) {
        struct asked asked = ask_at_once(f, request);
        json_t *status = json_object_get(asked.answer, "result");
        const char *listen = json_string_value(
            json_array_get(json_object_get(json_object_get(status, "proxy"), "listen"), 0));
        const char *domain =
            json_string_value(json_object_get(json_object_get(status, "dns"), "suffix"));
        if (listen && domain && addr_parse(proxy, listen) == 0)
            (void)snprintf(suffix, size, "%s", domain);
        json_decref(asked.answer);
    }
    json_decref(request);
    if (*suffix || (code != CLI_OK && code != CLI_UNKNOWN))
        return *suffix ? CLI_OK : code;
    code = front_read_config(f, &s);
    if (code == CLI_OK && s.proxy_listen.count > 0)
        *proxy = s.proxy_listen.at[0];
    (void)snprintf(suffix, size, "%s", s.dns_suffix);
    settings_deinit(&s);
    return code;
}

static int run_proxy(struct front *f)
{
    char suffix[OPTION_NAME_MAX + 1] = "";
    struct addr proxy = {.sa.sa_family = AF_UNSPEC};

    if (!args_has(&f->args, "print-pac"))
        return front_fail(f, CLI_USAGE, "overlay proxy --print-pac", "nothing to do");
    int code = front_find_home(f);
    if (code == CLI_OK)
        code = find_proxy(f, &proxy, suffix, sizeof(suffix));
    if (code != CLI_OK)
        return code;
    if (addr_is_none(&proxy))
        return front_fail(f, CLI_FAILED, "set listen in [proxy]", "there is no proxy");
    return print_text(f, f->host->pac(f->host->arg, suffix, &proxy));
}

/* ---- which verb is run how ---- */

static int run_request(struct front *f)
{
    int code = front_find_home(f);
    json_t *request = code == CLI_OK ? request_from_args(f, &code) : NULL;

    if (!request)
        return code;
    if (offline_can(request))
        code = run_anyhow(f, request);
    else if (f->args.verb->id == VERB_STOP)
        code = run_stop(f, request);
    else if (f->args.verb->id == VERB_STATUS && args_has(&f->args, "watch") &&
             !args_has(&f->args, "web"))
        code = watch_status(f, request);
    else if (f->args.verb->id == VERB_LOG)
        code = run_log(f, request);
    else if (f->args.verb->id == VERB_DOCTOR)
        code = doctor_verb(f, request);
    else if (f->args.verb->id == VERB_STATUS || f->args.verb->id == VERB_LS ||
             f->args.verb->id == VERB_CLOSE || f->args.verb->id == VERB_CONFIG)
        code = run_with_gateway(f, request);
    else
        code = run_starting(f, request);
    json_decref(request);
    return code;
}

static int run_punch(struct front *f)
{
    int code = handoff_check(f);
    return code == CLI_OK ? run_request(f) : code;
}

static int run_config(struct front *f)
{
    if (args_has(&f->args, "print-default"))
        return print_default_config(f);
    if (f->args.count == 0)
        return front_fail(f, CLI_USAGE, "overlay config check",
                          "check, reload or --print-default?");
    return strcmp(f->args.at[0], "check") == 0 ? check_config(f) : run_request(f);
}

static int run_daemon(struct front *f)
{
    int code = front_find_home(f);
    return code == CLI_OK ? foreground_run(f, NULL) : code;
}

static int run_verb(struct front *f)
{
    switch (f->args.verb->id) {
    case VERB_HELP:
        return run_help(f);
    case VERB_VERSION:
        return run_version(f);
    case VERB_COMPLETION:
        return run_generated(f, completion_print);
    case VERB_MANUAL:
        return run_generated(f, manual_print);
    case VERB_CONFIG:
        return run_config(f);
    case VERB_PROXY:
        return run_proxy(f);
    case VERB_DAEMON:
        return run_daemon(f);
    case VERB_STUN_TEST:
        return stun_test_run(f);
    case VERB_SETUP:
        return setup_verb(f);
    case VERB_UNSETUP:
        return unsetup_verb(f);
    case VERB_TRUST:
        return trust_verb(f);
    case VERB_UNTRUST:
        return untrust_verb(f);
    case VERB_PIPE:
    case VERB_MAIL:
        if (args_value(&f->args, "config") && strcmp(args_value(&f->args, "config"), "-") == 0)
            return front_fail(f, CLI_USAGE, NULL, "standard input cannot be both");
        return run_request(f);
    case VERB_PUNCH:
        return run_punch(f);
    case VERB_STOP:
    case VERB_SHARE:
    case VERB_OPEN:
    case VERB_INVITE:
    case VERB_REVOKE:
    case VERB_LS:
    case VERB_CLOSE:
    case VERB_NAME:
    case VERB_UNNAME:
    case VERB_PEER:
    case VERB_ALLOW:
    case VERB_DENY:
    case VERB_BLOCK:
    case VERB_UNBLOCK:
    case VERB_STATUS:
    case VERB_DOCTOR:
    case VERB_LOG:
    case VERB_PING:
    case VERB_BENCH:
    case VERB_DHT:
    case VERB_ID:
    case VERB_RESOLVE:
    case VERB_COMPLETE:
        return run_request(f);
    }
    return CLI_USAGE;
}

static int usage_error(struct front *f, const char *why)
{
    char hint[64];

    (void)snprintf(hint, sizeof(hint), "overlay help%s%s", f->args.verb ? " " : "",
                   f->args.verb ? f->args.verb->name : "");
    return front_fail(f, CLI_USAGE, hint, "%s", why);
}

int cli_run(int argc, char **argv, const struct cli_host *host)
{
    int unwritten = 0, code;
    struct front f = {.host = host, .unwritten = &unwritten};
    char why[256] = "";
    int err = args_parse(&f.args, argc, argv, why, sizeof(why));

    f.json = args_has(&f.args, "json");
    f.quiet = args_has(&f.args, "quiet");
    f.verbosity = (int)args_times(&f.args, "verbose");
    if (err < 0) {
        code = usage_error(&f, why);
    } else if (args_has(&f.args, "version")) {
        code = run_version(&f);
    } else if (args_has(&f.args, "help")) {
        code = f.args.verb ? run_help(&f) : print_help(&f, 1, NULL);
    } else if (f.args.verb) {
        code = run_verb(&f);
    } else {
        (void)print_help(&f, 2, NULL);
        code = CLI_USAGE;
    }
    if (code == CLI_OK && unwritten < 0)
        code = front_fail(&f, CLI_FAILED, NULL, "standard output: %s", strerror(-unwritten));
    front_deinit(&f);
    return code;
}
