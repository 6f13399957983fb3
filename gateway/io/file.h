/**
 * Files that are whole at any moment: read in one piece, replaced in one step.
 *
 * A file is replaced by writing a new one beside it, fsync, rename and fsync of the folder, so that
 * neither a kill nor a full disk leaves half of one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define FILE_MAX ((size_t)16 << 20) /* bytes of one file */

/**
 * Reads a plain file of a folder, symbolic links not followed. The caller frees `*data`, which has
 * a NUL after its `*len` bytes. A name that ends in ".key" must be closed to others. Errors:
 * -ENOENT, -EACCES, -EFBIG, -ELOOP (a symbolic link), -EINVAL (no plain file).
 */
MUST_USE int file_load_at(int folder, const char *name, uint8_t **data, size_t *len);
/** The same for a whole path, if the file belongs to that user; -EPERM: it does not. What leads to
 *  it may be a link. */
MUST_USE int file_load_of(const char *path, uint32_t uid, uint8_t **data, size_t *len);
/** The same for any path (a configuration file); symbolic links are followed. */
MUST_USE int file_load(const char *path, uint8_t **data, size_t *len);
/** The same for an open descriptor, read to its end (standard input). */
MUST_USE int file_load_fd(int fd, uint8_t **data, size_t *len);

/**
 * Replaces a file, mode 0600. Returns 0, or an errno: then the old one is whole. Several processes
 * may do this at a time; each file that is seen was written by one of them. `name` is at most
 * ENV_HOME_NAME_MAX bytes.
 */
MUST_USE int file_save_at(int folder, const char *name, const uint8_t *data, size_t len);

/**
 * The same for an absolute path outside of the home: the mode and the owner of the old file stay,
 * and where it is a symbolic link what that leads to is replaced. A new file gets `mode`.
 */
MUST_USE int file_replace(const char *path, const uint8_t *data, size_t len, unsigned mode);

/** Makes a path absolute by the working directory. The caller frees it; NULL: no memory, or the
 *  working directory is gone. */
char *file_absolute(const char *path);
