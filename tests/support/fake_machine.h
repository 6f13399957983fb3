/**
 * A machine for setup: files in memory, a kernel with links, routes and tables, and a service
 * manager. Everything that changes it is counted, so that a test can kill setup before any of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/setup/host.h"

enum { FAKE_MACHINE_FILES = 64, FAKE_MACHINE_LINES = 64 };

struct fake_machine {
    struct setup_host host;
    struct {
        char path[128];
        char *text; /* NULL: a folder */
    } files[FAKE_MACHINE_FILES];
    size_t file_count;
    char *state[FAKE_MACHINE_LINES]; /* "link overlay0", "route 198.19.0.0/16", .. */
    size_t state_count;
    char *log[4 * FAKE_MACHINE_LINES]; /* what was run, of what changes something */
    size_t log_count;
    unsigned changes;      /* so far */
    unsigned dies_at;      /* before that change, and nothing happens from then on; 0: never */
    const char *failing;   /* a command that begins so fails */
    unsigned interrupt_at; /* at that question whether to stop; 0: never */
    unsigned asked;
    bool no_dummy, no_nft;
    const char *systemctl_version, *nm_config; /* NULL: there are no such tools */
    const char *addresses, *routes;            /* of others, as ip(8) prints them */
};

void fake_machine_init(struct fake_machine *m);
void fake_machine_deinit(struct fake_machine *m);
/** NULL makes a folder. */
void fake_machine_put(struct fake_machine *m, const char *path, const char *text);
/** NULL: there is none. */
const char *fake_machine_file(const struct fake_machine *m, const char *path);
bool fake_machine_has(const struct fake_machine *m, const char *state);
bool fake_machine_ran(const struct fake_machine *m, const char *line);
/** Everything on it, sorted, as text; the caller frees it. */
char *fake_machine_print(const struct fake_machine *m);
