/**
 * What setup has begun on this machine, in a file that is written before each step.
 *
 * Whatever kills setup, at any moment: every trace is in the journal before it is on the machine.
 * It is for reading too: doctor sees by it that a setup was interrupted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/setup/host.h"
#include "config/setup/trace.h"
#include "gateway/base/attr.h"

#define JOURNAL_PATH SETUP_FOLDER "/journal"
#define JOURNAL_MAX  48 /* traces */
#define JOURNAL_TEXT 256

struct journal {
    char user[JOURNAL_TEXT], home[JOURNAL_TEXT]; /* for whom it was set up */
    char pool[JOURNAL_TEXT], suffix[JOURNAL_TEXT];
    struct trace traces[JOURNAL_MAX]; /* in the order in which they were begun */
    size_t count;
    bool complete; /* the last step is done */
};

/** Reads what journal_save() wrote. -EINVAL: it is not one. */
MUST_USE int journal_parse(struct journal *j, const char *text);
/** The caller frees it. NULL: no memory. */
char *journal_print(const struct journal *j);
bool journal_has(const struct journal *j, const struct trace *t);
/** Remembers a trace, once. -ENOSPC. */
MUST_USE int journal_add(struct journal *j, const struct trace *t);

/** -ENOENT: there is none; -EINVAL. */
MUST_USE int journal_load(struct journal *j, const struct setup_host *host);
MUST_USE int journal_save(const struct journal *j, const struct setup_host *host);
/** Removes it, and its folder if nothing else is in there. */
MUST_USE int journal_remove(const struct setup_host *host);
