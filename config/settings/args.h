/**
 * Reads a command line by the table of verbs.
 *
 * Options may stand anywhere, `--name VALUE` or `--name=VALUE`, `-c 3` or `-c3`, letters without
 * values together (`-qf`); `--` ends them. Everything points into argv.
 *
 * Behind a VALUE_PROGRAM the program's own arguments begin with `--`, which is none of them, or
 * with the first word that is no long option of the verb's; from there on all are the program's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/settings/verbs.h"
#include "gateway/base/attr.h"

#define ARGS_POSITIONAL_MAX 32
#define ARGS_GIVEN_MAX      64

struct args {
    const struct verb *verb; /* NULL: none was written */
    const char *at[ARGS_POSITIONAL_MAX];
    size_t count;
    struct arg_given {
        const struct verb_option *option;
        const char *value; /* NULL for options without */
    } given[ARGS_GIVEN_MAX];
    size_t given_count;
    char *const *rest; /* of a VALUE_PROGRAM: its own arguments */
    size_t rest_count;
};

/** Returns 0, or -EINVAL with what is wrong in `why` (the verb is set if it was read). */
MUST_USE int args_parse(struct args *out, int argc, char *const *argv, char *why, size_t why_len);

/** Was the option (or the global option) of that name given? */
bool args_has(const struct args *a, const char *name);
/** How often it was. */
unsigned args_times(const struct args *a, const char *name);
/** Its value, that of the last if several; NULL if it was not given. */
const char *args_value(const struct args *a, const char *name);
/** The value of its `nth` occurrence from 0 on, or NULL. */
const char *args_nth(const struct args *a, const char *name, size_t nth);
