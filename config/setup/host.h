/**
 * What `overlay setup` and `unsetup` need of the machine, as functions: files of the system, and
 * its tools. gateway/setup_host.c has the real ones; a test its own.
 */
#pragma once

#include <stdbool.h>

#include "gateway/base/attr.h"

struct setup_ran {
    int status;        /* exit code */
    char *out, *error; /* whoever ran it frees them */
};

struct setup_host {
    void *arg; /* of every function below */

    /** Reads a file; the caller frees `*text`. -ENOENT, ... */
    int (*read)(void *arg, const char *path, char **text);
    /** Is there anything of that name, a dangling link too? */
    bool (*exists)(void *arg, const char *path);
    /** Replaces a file in one step, with mode and owner of the old one; `mode` is for a new one. */
    int (*write)(void *arg, const char *path, const char *text, unsigned mode);
    /** 0 also where there is none. */
    int (*unlink)(void *arg, const char *path);
    /** Makes a folder, mode 0755, for a user (NULL: root). 0 where there is one of his; -EEXIST. */
    int (*make_folder)(void *arg, const char *path, const char *owner);
    /** Only an empty one; 0 where there is none. */
    int (*remove_folder)(void *arg, const char *path);
    /** Runs a tool of the system by its name. 0 when it has ended; -ENOENT: there is none. */
    int (*run)(void *arg, const char *const argv[], const char *input, struct setup_ran *ran);
    /** Has somebody asked to stop (SIGINT, SIGTERM, SIGHUP) since the last call? */
    bool (*interrupted)(void *arg);
};

#define SETUP_WHY_MAX 1280

/** Runs a line of words, without a shell. 0 when it exits with 0; else -EIO, or that there is no
 *  such tool, with the line and what it said in `why`. `out` (may be NULL) gets its output. */
MUST_USE int setup_run(const struct setup_host *host, const char *line, const char *input,
                       char **out, char why[static SETUP_WHY_MAX]);
/** Does it exit with 0? */
bool setup_succeeds(const struct setup_host *host, const char *line, const char *input);
