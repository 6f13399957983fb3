/**
 * Where programs of this machine keep the authorities that they believe: the system's folder, and
 * the NSS databases of Chromium and of every profile of Firefox. Finds them, puts a certificate in
 * and takes it out, by the tools that belong to them.
 *
 * A certificate is known everywhere by one name, "overlay-" and the start of its key's hash.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/setup/host.h"
#include "gateway/base/attr.h"

#define STORE_PATH_MAX 512
#define STORES_MAX     64

enum store_kind { STORE_SYSTEM, STORE_CHROMIUM, STORE_FIREFOX };

struct trust_store {
    enum store_kind kind;
    char path[STORE_PATH_MAX]; /* of the certificate's file, or of the database's folder */
    bool absent;               /* the database is still to be made */
    const char *update;        /* STORE_SYSTEM: the program that takes the folder's files over */
    const char *fresh;         /* its argument after one is gone, or NULL */
};

struct trust_stores {
    struct trust_store at[STORES_MAX];
    size_t count;
};

/** A certificate to be believed. */
struct trust_certificate {
    const char *name; /* "overlay-1a2b3c4d" */
    const char *text; /* PEM; not needed to take it out */
};

/** Adds the system's store. False: this system has none that we know. */
bool stores_find_system(struct trust_stores *out, const struct setup_host *host, const char *name);
/** Adds those of the browsers of a user with this home directory. */
void stores_find_browsers(struct trust_stores *out, const struct setup_host *host,
                          const char *user_home);

/** "system", "chromium" or "firefox". */
const char *store_word(enum store_kind kind);
/** Is the certificate in there, this very one if it has a text? Without the tool to look: no. */
bool store_has(const struct trust_store *s, const struct setup_host *host,
               const struct trust_certificate *c);
/** What will be done, for people, as commands: in `out`, lines that end in \n. */
void store_describe(const struct trust_store *s, const struct trust_certificate *c, bool add,
                    char out[static SETUP_WHY_MAX]);
/** Puts it in, in place of one of the same name. Returns 0; or an errno with a line in `why`;
 *  -ENOENT: the tool is missing, and which package has it is said. */
MUST_USE int store_add(const struct trust_store *s, const struct setup_host *host,
                       const struct trust_certificate *c, char why[static SETUP_WHY_MAX]);
/** Takes it out, however often it is there; 0 also where it is not. As store_add(). */
MUST_USE int store_remove(const struct trust_store *s, const struct setup_host *host,
                          const struct trust_certificate *c, char why[static SETUP_WHY_MAX]);
