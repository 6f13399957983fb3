/**
 * Files and folders of the system, outside of the home, and being asked to stop while they change.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/attr.h"

/** Is there anything of that name, a dangling symbolic link too? */
bool system_exists(const char *path);
/** 0 also where there is none. */
MUST_USE int system_unlink(const char *path);
/** Makes a folder, mode 0755, of a user. 0 where there is one of his: it stays as it is; -EEXIST
 *  where there is something else. */
MUST_USE int system_make_folder(const char *path, uint32_t uid);
/** 0 also where there is none; -ENOTEMPTY. */
MUST_USE int system_remove_folder(const char *path);

/** The names in it, but those that begin with a dot, a line each. The caller frees them; NULL: it
 *  cannot be read. */
char *system_list_folder(const char *path);

/** Has SIGINT, SIGTERM or SIGHUP come since the last call? From the first call on they end nothing
 *  by themselves. */
bool system_interrupted(void);
