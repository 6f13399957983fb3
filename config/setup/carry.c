#include "config/setup/carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/setup/journal.h"
#include "config/setup/nsswitch.h"

#define FOUND_MAX (2 * JOURNAL_MAX)

/* ---- doing ---- */

struct carrier {
    const struct setup_host *host;
    const struct carry_listener *listener;
    struct journal journal;
    struct trace done[PLAN_STEPS_MAX]; /* by this run */
    size_t done_count;
};

static int fail(const struct carrier *c, int err, const char *what, const char *reason)
{
    char why[2 * SETUP_WHY_MAX];

    (void)snprintf(why, sizeof(why), "%s%s%s", what, *what ? ": " : "", reason);
    c->listener->failed(c->listener->arg, why);
    return err;
}

static int save_journal(const struct carrier *c)
{
    int err = journal_save(&c->journal, c->host);
    return err < 0 ? fail(c, err, JOURNAL_PATH, strerror(-err)) : 0;
}

static bool same_file(const struct carrier *c, const struct setup_step *s)
{
    auto_free char *text = NULL;
    return c->host->read(c->host->arg, s->trace.name, &text) == 0 && strcmp(text, s->text) == 0;
}

static bool writes_file(const struct setup_step *s)
{
    return s->trace.kind == TRACE_FILE || s->trace.kind == TRACE_WORD ||
           s->trace.kind == TRACE_LINE;
}

/** The text for it, from what it is now: since the plan was made others may have edited it. */
static int write_word(const struct carrier *c, const struct setup_step *s)
{
    auto_free char *now = NULL;
    int err = c->host->read(c->host->arg, s->trace.name, &now);

    if (err < 0 && err != -ENOENT)
        return err;
    auto_free char *text = nsswitch_add(now ? now : "");
    return text ? c->host->write(c->host->arg, s->trace.name, text, s->mode) : -ENOMEM;
}

/** Others' files are not ours to replace. */
static int write_file(const struct carrier *c, const struct setup_step *s)
{
    const char *path = s->trace.name;

    if (s->trace.kind == TRACE_FILE && c->host->exists(c->host->arg, path) &&
        !trace_is_there(c->host, &s->trace))
        return fail(c, -EEXIST, path, "there is such a file already, and it is not ours");
    int err = s->trace.kind == TRACE_FILE ? c->host->write(c->host->arg, path, s->text, s->mode)
                                          : write_word(c, s);
    return err < 0 ? fail(c, err, path, strerror(-err)) : 0;
}

static int run_commands(const struct carrier *c, const struct setup_step *s)
{
    char why[SETUP_WHY_MAX];

    for (size_t i = 0; i < s->command_count; i++) {
        const char *input = i == 0 && !writes_file(s) ? s->text : NULL;
        int err = setup_run(c->host, s->commands[i], input, NULL, why);
        if (err < 0)
            return fail(c, err, "", why);
    }
    return 0;
}

static int do_step(const struct carrier *c, const struct setup_step *s)
{
    int err = 0;

    if (writes_file(s))
        err = write_file(c, s);
    if (err == 0 && s->trace.kind == TRACE_FOLDER) {
        err = c->host->make_folder(c->host->arg, s->trace.name, *s->owner ? s->owner : NULL);
        if (err < 0)
            return fail(c, err, s->trace.name, strerror(-err));
    }
    return err < 0 ? err : run_commands(c, s);
}

/** In the journal first: a kill between the two leaves a line too many, never one too few. */
static int carry_step(struct carrier *c, const struct setup_step *s)
{
    bool there = trace_is_there(c->host, &s->trace);
    bool same = there && (writes_file(s) ? same_file(c, s) : !s->always);

    c->listener->doing(c->listener->arg, s, same);
    if (c->host->interrupted(c->host->arg))
        return fail(c, -EINTR, "", "interrupted");
    if (same) /* a folder has to be its owner's, too: that is looked at by making it */
        return s->trace.kind == TRACE_FOLDER && *s->owner ? do_step(c, s) : 0;
    int err = journal_add(&c->journal, &s->trace);
    if (err < 0)
        return fail(c, err, JOURNAL_PATH, strerror(-err));
    err = save_journal(c);
    if (err < 0)
        return err;
    if (!there)
        c->done[c->done_count++] = s->trace;
    return do_step(c, s);
}

/* ---- undoing ---- */

/** Returns how many could not be taken away. */
static size_t remove_all(const struct setup_host *host, const struct carry_listener *listener,
                         const struct trace *traces, size_t count)
{
    char why[SETUP_WHY_MAX];
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        listener->undoing(listener->arg, &traces[i]);
        if (trace_remove(host, &traces[i], why) == 0)
            continue;
        listener->failed(listener->arg, why);
        left++;
    }
    return left;
}

static void undo(struct carrier *c, const struct setup_facts *facts)
{
    struct trace back[PLAN_STEPS_MAX];

    for (size_t i = 0; i < c->done_count; i++)
        back[i] = c->done[c->done_count - 1 - i];
    if (remove_all(c->host, c->listener, back, c->done_count) > 0)
        return; /* the journal still has it: unsetup tries again */
    if (facts->set_up) {
        c->journal = facts->journal;
        (void)save_journal(c);
    } else if (journal_remove(c->host) < 0) {
        (void)fail(c, -EIO, JOURNAL_PATH, "cannot be removed");
    }
}

int carry_out(const struct setup_plan *plan, const struct setup_facts *facts,
              const struct setup_host *host, const struct carry_listener *listener)
{
    struct carrier c = {.host = host, .listener = listener, .journal = facts->journal};
    int err;

    c.journal.complete = false;
    (void)snprintf(c.journal.user, sizeof(c.journal.user), "%s", facts->user);
    (void)snprintf(c.journal.home, sizeof(c.journal.home), "%s", facts->home);
    (void)addr_prefix_print(&facts->pool, c.journal.pool);
    (void)snprintf(c.journal.suffix, sizeof(c.journal.suffix), "%s", facts->suffix);
    err = save_journal(&c);
    for (size_t i = 0; i < plan->count && err == 0; i++)
        err = carry_step(&c, &plan->steps[i]);
    if (err == 0) {
        c.journal.complete = true;
        err = save_journal(&c);
    }
    if (err < 0)
        undo(&c, facts);
    return err;
}

/* ---- unsetup ---- */

static bool listed(const struct trace *traces, size_t count, const struct trace *t)
{
    for (size_t i = 0; i < count; i++)
        if (traces[i].kind == t->kind && strcmp(traces[i].name, t->name) == 0)
            return true;
    return false;
}

/** What a search finds, in its order, and then what only the journal knows of, the last first. A
 *  journal that does not speak of the word in nsswitch.conf says that others have put it there. */
static size_t find_traces(const struct setup_host *host, const struct journal *j, bool known,
                          struct trace found[static FOUND_MAX])
{
    size_t count = trace_search(host, found, FOUND_MAX - JOURNAL_MAX), kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!known || found[i].kind != TRACE_WORD || journal_has(j, &found[i]))
            found[kept++] = found[i];
    for (size_t i = j->count; known && i > 0; i--) {
        const struct trace *t = &j->traces[i - 1];
        if (!listed(found, kept, t) && trace_is_there(host, t))
            found[kept++] = *t;
    }
    return kept;
}

int carry_back(const struct setup_host *host, const struct carry_listener *listener, bool dry)
{
    struct trace found[FOUND_MAX];
    struct journal j;
    bool known = journal_load(&j, host) == 0;
    bool folder = host->exists(host->arg, SETUP_FOLDER);
    size_t count = find_traces(host, &j, known, found);

    if (dry) {
        for (size_t i = 0; i < count; i++)
            listener->undoing(listener->arg, &found[i]);
        return (int)(count + folder);
    }
    if (remove_all(host, listener, found, count) > 0)
        return -EIO;
    int err = folder ? journal_remove(host) : 0;
    if (err < 0)
        listener->failed(listener->arg, JOURNAL_PATH " cannot be removed");
    return err < 0 ? err : (int)(count + folder);
}
