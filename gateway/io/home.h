/**
 * The home folder of a gateway: its files and who may change them.
 *
 * File names are plain: no '/', no dot in front, at most ENV_HOME_NAME_MAX bytes (else -EINVAL).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "gateway/base/attr.h"

struct home {
    char *path; /* NULL: not open */
    int folder;
    int lock; /* that of the running gateway, or -1 */
};

/** Opens the folder, and makes it (0700, its parents too) if need be. */
MUST_USE int home_open(struct home *h, const char *path);
/** Gives the lock back too. Does nothing to a zeroed or closed one. */
void home_close(struct home *h);

/** As env_load(). */
MUST_USE int home_load(const struct home *h, const char *name, uint8_t **data, size_t *len);
/** As env_save(). */
MUST_USE int home_save(const struct home *h, const char *name, const uint8_t *data, size_t len);
/** As env_remove(). */
MUST_USE int home_remove(const struct home *h, const char *name);

/**
 * Becomes the running gateway of this home until home_close() or the end of the process. Returns
 * 0, -EBUSY when another one is (its process id in `*pid`, 0 if unknown), or an errno.
 */
MUST_USE int home_lock(struct home *h, pid_t *pid);
/** 0 when no gateway runs here; -EBUSY, as home_lock(), when one does; or an errno. */
MUST_USE int home_probe(const struct home *h, pid_t *pid);

/**
 * Locks the registry for one edit: read, change, write. Waits for others, at most `wait_ms` (so it
 * is for programs without a loop). Returns what home_edit_end() takes, -EBUSY, or an errno.
 */
MUST_USE int home_edit_begin(const struct home *h, unsigned wait_ms);
void home_edit_end(int edit);
