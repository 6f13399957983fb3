/**
 * One command line being carried out: what was asked, where the home is, how to say things.
 *
 * Shared by the files behind cli.h; nobody else needs it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/control/host.h"
#include "config/control/protocol.h"
#include "config/settings/args.h"
#include "config/settings/settings.h"
#include "gateway/base/attr.h"

struct front {
    const struct cli_host *host;
    struct args args;
    bool json, quiet;
    int verbosity;
    char *home;         /* absolute, or NULL before front_find_home() */
    char *config;       /* absolute path, or "-" */
    bool config_named;  /* --config; else it is HOME/overlay.conf, if there is one */
    bool config_absent; /* there is none, which was found when reading it */
    char *config_text;  /* once it was read; NULL: there is none */
    size_t config_len;
    struct env *env; /* once front_open_home() was called */
    int *unwritten;  /* gets the error of standard output, which fails the command; may be NULL */
};

/** Writes text to descriptor 1 or 2. */
void front_write(const struct front *f, int fd, const char *text);

/** Writes to standard output: data. */
void front_data(const struct front *f, const char *format, ...) PRINTF_LIKE(2, 3);
/** Is there somebody at a terminal who wants to see how it goes? */
bool front_is_live(const struct front *f);
/** Writes prose to standard error, unless --quiet. */
void front_say(const struct front *f, const char *format, ...) PRINTF_LIKE(2, 3);
/** Says what went wrong and what to try next (`hint` may be NULL). Returns `code`. */
MUST_USE int front_fail(const struct front *f, enum cli_exit code, const char *hint,
                        const char *format, ...) PRINTF_LIKE(4, 5);
/** As front_fail(), from an {"error": ..} answer. */
MUST_USE int front_fail_json(const struct front *f, const json_t *answer);
/** Prints JSON on one line. */
void front_json(const struct front *f, const json_t *value);

/** Finds the home and the configuration file's place. An exit code. */
MUST_USE int front_find_home(struct front *f);
/** The same for the gateway of another user, who has that home directory. */
MUST_USE int front_find_home_of(struct front *f, const char *user_home);
/** Opens it; with `create` it is made if need be, but not for a bad configuration. Returns an exit
 * code, CLI_UNKNOWN standing for "there is none" where `create` is false. */
MUST_USE int front_open_home(struct front *f, bool create);
/** Reads and parses the configuration file into `s`, which the caller deinits in any case. */
MUST_USE int front_read_config(struct front *f, struct settings *s);
/** Would a gateway take these settings? Names in `allow` may be aliases of the registry, which is
 *  empty where there is no home. An exit code, with the error said. */
MUST_USE int front_check_settings(struct front *f, const struct settings *s);
/** Both: would a gateway take the configuration? */
MUST_USE int front_try_config(struct front *f);
/** The configuration's name for messages. */
const char *front_config_name(const struct front *f);
void front_deinit(struct front *f);
