#include "config/control/handoff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/control/hole_words.h"
#include "config/control/tell.h"
#include "gateway/crypto/secret.h"

enum { PROGRAMS_MAX = 64, NOT_FOUND = 127, NOT_RUN = 126, BY_SIGNAL = 128 };

struct handoff {
    const struct front *front;
    bool accepting;
    int code;    /* of the command */
    bool ending; /* a signal came */
    struct running {
        int pid; /* 0: free */
        char name[64];
    } running[PROGRAMS_MAX];
    unsigned count;
};

int handoff_check(const struct front *f)
{
    const struct args *a = &f->args;

    if (!args_value(a, "exec") || !*args_value(a, "exec"))
        return front_fail(f, CLI_USAGE, "overlay punch PEER --exec CMD", "which program?");
    if (!args_has(a, "accept") && a->count != 1)
        return front_fail(f, CLI_USAGE, "overlay punch PEER --exec CMD", "one peer, or --accept");
    if (args_has(a, "release") && args_has(a, "tcp"))
        return front_fail(f, CLI_USAGE, NULL, "a TCP connection cannot be released");
    return CLI_OK;
}

/* ---- the log ---- */

static void note(const struct handoff *h, const char *format, ...) PRINTF_LIKE(2, 3);

/* To the file that was named, and to whoever looks on. */
static void note(const struct handoff *h, const char *format, ...)
{
    const struct front *f = h->front;
    const char *path = args_value(&f->args, "log");
    char line[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    front_say(f, "%s\n", line);
    int err = path ? f->host->append(f->host->arg, path, line) : 0;
    if (err < 0)
        front_say(f, "%s: %s\n", path, strerror(-err));
}

/* ---- one program ---- */

static struct running *free_place(struct handoff *h)
{
    for (size_t i = 0; i < PROGRAMS_MAX; i++)
        if (h->running[i].pid == 0)
            return &h->running[i];
    return NULL;
}

static void fail(struct handoff *h, int code, const char *name, const char *why)
{
    note(h, "%s: %s", name, why);
    h->code = code;
}

/* Takes the descriptor. */
static void start(struct handoff *h, const struct hole_words *w, int fd)
{
    const struct front *f = h->front;
    bool release = args_has(&f->args, "release");
    struct running *r = free_place(h);
    const struct cli_program program = {
        .argv = hole_arguments(w, args_value(&f->args, "exec"), f->args.rest, f->args.rest_count),
        .environment = hole_environment(w, release ? -1 : CLI_PROGRAM_FD),
        .fd = fd,
        .release = release,
        .peer = w->tcp || args_has(&f->args, "unconnected") ? NULL : &w->peer,
    };
    char inner[ADDR_TEXT_MAX], outer[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX];
    int pid = -ENOMEM;

    if (r && program.argv && program.environment)
        pid = f->host->hand_start(f->host->arg, &program);
    hole_list_free((char **)(uintptr_t)program.argv);
    hole_list_free((char **)(uintptr_t)program.environment);
    if (pid < 0) {
        fail(h, pid == -ENOENT ? NOT_FOUND : NOT_RUN, args_value(&f->args, "exec"), strerror(-pid));
        return;
    }
    r->pid = pid;
    (void)snprintf(r->name, sizeof(r->name), "%s", w->name);
    h->count++;
    note(h, "%s: %s hole from %s, outside %s, to %s: process %d runs %s", w->name,
         w->tcp ? "TCP" : "UDP", addr_print(&w->inner, inner), addr_print(&w->outer, outer),
         addr_print(&w->peer, peer), pid, args_value(&f->args, "exec"));
}

static void on_socket(struct handoff *h, struct cli_handed *event)
{
    struct hole_words w;
    int err = hole_words_read(&w, event->text);

    if (err < 0 || h->count == PROGRAMS_MAX) {
        h->front->host->hand_drop(h->front->host->arg, event->fd);
        fail(h, CLI_FAILED, err < 0 ? "the gateway" : w.name,
             err < 0 ? "its message makes no sense" : "too many programs run already");
    } else {
        start(h, &w, event->fd);
    }
    secret_wipe(event->text, sizeof(event->text));
    secret_wipe(&w, sizeof(w));
}

static void on_program(struct handoff *h, const struct cli_handed *event)
{
    for (size_t i = 0; i < PROGRAMS_MAX; i++) {
        struct running *r = &h->running[i];
        if (r->pid == 0 || r->pid != event->pid)
            continue;
        note(h, "%s: process %d has ended, exit status %d", r->name, r->pid, event->status);
        r->pid = 0;
        h->count--;
        if (!h->accepting)
            h->code = event->status;
    }
}

/* Programs are to end first; what was typed they have heard by themselves. */
static void on_signal(struct handoff *h, const struct cli_handed *event)
{
    const struct cli_host *host = h->front->host;

    for (size_t i = 0; i < PROGRAMS_MAX && !event->typed; i++)
        if (h->running[i].pid != 0)
            host->hand_kill(host->arg, h->running[i].pid, event->number);
    if (h->accepting || h->count == 0)
        h->code = BY_SIGNAL + event->number;
    h->ending = true;
    host->hand_enough(host->arg);
}

/* ---- all of them ---- */

/* Is there nothing more to wait for? */
static bool take(struct handoff *h, struct cli_handed *event, bool *over)
{
    const struct cli_host *host = h->front->host;

    switch (event->what) {
    case CLI_HANDED_SOCKET:
        on_socket(h, event);
        if (!h->accepting)
            host->hand_enough(host->arg);
        *over = !h->accepting;
        break;
    case CLI_HANDED_PROGRAM:
        on_program(h, event);
        break;
    case CLI_HANDED_SIGNAL:
        on_signal(h, event);
        *over = true;
        break;
    case CLI_HANDED_OVER:
        fail(h, CLI_FAILED, "the gateway", "it has ended, or given nothing");
        *over = true;
        break;
    }
    return *over && h->count == 0;
}

static int serve(struct handoff *h, struct asked *asked)
{
    const struct front *f = h->front;
    struct cli_handed *event = calloc(1, sizeof(*event));
    bool over = false;
    int err = event ? f->host->hand_begin(f->host->arg, asked->sock) : -ENOMEM;

    if (err == 0 && h->accepting)
        note(h, "waiting for peers");
    while (err == 0) {
        err = f->host->hand_wait(f->host->arg, event);
        if (err == 0 && take(h, event, &over))
            break;
    }
    f->host->hand_end(f->host->arg);
    free(event);
    return err < 0 ? front_fail(f, CLI_FAILED, NULL, "%s", strerror(-err)) : h->code;
}

int handoff_run(const struct front *f, struct asked *asked)
{
    struct handoff *h = calloc(1, sizeof(*h));
    int code;

    if (!h)
        return front_fail(f, CLI_FAILED, NULL, "out of memory");
    h->front = f;
    h->accepting = args_has(&f->args, "accept");
    if (!asked->sock) {
        const char *why = json_string_value(json_object_get(asked->answer, "error"));
        if (args_has(&f->args, "log"))
            (void)f->host->append(f->host->arg, args_value(&f->args, "log"),
                                  why ? why : "the gateway has given nothing");
        code = tell_answer(f, asked->answer);
    } else {
        free(asked->early);
        json_decref(asked->answer);
        code = serve(h, asked);
    }
    free(h);
    return code;
}
