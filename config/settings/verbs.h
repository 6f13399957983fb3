/**
 * The command line as a table: every verb, its arguments and its options, once.
 *
 * Reading arguments (config/settings/args.h), `--help`, shell completion and the manual page all
 * follow from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/attr.h"

enum verb_id {
    VERB_DAEMON,
    VERB_STOP,
    VERB_SETUP,
    VERB_UNSETUP,
    VERB_SHARE,
    VERB_OPEN,
    VERB_LS,
    VERB_CLOSE,
    VERB_NAME,
    VERB_UNNAME,
    VERB_PEER,
    VERB_ALLOW,
    VERB_DENY,
    VERB_BLOCK,
    VERB_UNBLOCK,
    VERB_STATUS,
    VERB_DOCTOR,
    VERB_LOG,
    VERB_PING,
    VERB_BENCH,
    VERB_PIPE,
    VERB_INVITE,
    VERB_REVOKE,
    VERB_PUNCH,
    VERB_MAIL,
    VERB_STUN_TEST,
    VERB_DHT,
    VERB_ID,
    VERB_RESOLVE,
    VERB_PROXY,
    VERB_TRUST,
    VERB_UNTRUST,
    VERB_CONFIG,
    VERB_COMPLETION,
    VERB_HELP,
    VERB_VERSION,
    VERB_COMPLETE, /* hidden: for the completion scripts */
    VERB_MANUAL,   /* hidden: parts of the manual pages, for the build */
};

/** What a value or an argument is, for completion. */
enum verb_value {
    VALUE_NONE, /* an option without a value */
    VALUE_TEXT,
    VALUE_FILE,
    VALUE_FOLDER,
    VALUE_PROGRAM, /* one to be run, with arguments of its own: see config/settings/args.h */
    VALUE_PEER,    /* an alias */
    VALUE_PLACE,   /* a peer, or a service of one: web.alice */
    VALUE_OWN,     /* a service of ours */
    VALUE_SERVICE, /* what `overlay close` takes */
};

struct verb_option {
    const char *name; /* without its dashes; NULL ends a list */
    char letter;      /* short form, or 0 */
    enum verb_value value;
    const char *form; /* of the value, as in usage: "NAME" */
    bool many;        /* may come more than once */
    const char *help; /* one sentence, without its full stop */
};

struct verb {
    const char *name; /* NULL ends the table */
    enum verb_id id;
    const char *arguments; /* as in usage */
    const char *words;     /* what its first argument may be, separated by blanks, or NULL */
    enum verb_value first; /* else what kind of thing that is */
    unsigned min, max;     /* number of arguments */
    bool hidden;
    const char *summary; /* one line */
    const char *details; /* for its own help; whole sentences, paragraphs with \n between */
    const struct verb_option *options;
};

/** The table, ended by a verb without a name. */
const struct verb *verbs(void);
/** What a verb's second argument is. */
enum verb_value verb_second(const struct verb *v);
/** NULL if there is none. */
const struct verb *verb_find(const char *name);
/** Options every verb takes, before or after it. */
const struct verb_option *verb_global_options(void);
/** The verb whose name is nearest to a mistyped one, or NULL. */
const struct verb *verb_like(const char *name);
