/**
 * Keeps the log of a gateway in the background short: a line costs a stranger nothing.
 *
 * Such a gateway has overlay.log of its home as its standard error. When that is longer than
 * LOGFILE_MAX, at the start or later, it becomes overlay.log.old, in place of the one before.
 */
#pragma once

#include <stddef.h>

#include <sys/types.h>

#include "gateway/base/attr.h"

#define LOGFILE_NAME "overlay.log"
#define LOGFILE_MAX  (1 << 20) /* bytes */

struct logfile {
    char *path; /* NULL: not ours to put aside */
    int fd;
    off_t len;
};

/** Starts to count what is written to `fd`, if that is open on LOGFILE_NAME of `home`. Without
 *  memory it is as if it were not. */
void logfile_init(struct logfile *l, int fd, const char *home);
void logfile_deinit(struct logfile *l);
/** `len` more bytes were written. */
void logfile_wrote(struct logfile *l, size_t len);
/** Puts the file aside if it is too long. */
void logfile_put_aside(const char *path);
/** Opens it for writing at its end. Returns a descriptor or an errno. */
int logfile_open(const char *path);
/** Appends a line, with the local time before it, to a file of a person's. Returns 0 or an errno.
 */
MUST_USE int logfile_append(const char *path, const char *line);
