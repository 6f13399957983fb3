/**
 * What the system's databases know: users (passwd) and well-known ports (services).
 *
 * The look-ups may read files and, on odd set-ups, block; they are made at start and for commands.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

/** The uid that this process runs as. */
uint32_t accounts_own_uid(void);
/** Writes the login name that this process runs under; false, and "" for root, which is nobody. */
bool accounts_own_name(char *out, size_t len);
/** The uid of a user name. 0 or -ENOENT. */
MUST_USE int accounts_uid(const char *name, uint32_t *uid);
/** The home directory of a user name. The caller frees it; NULL: there is no such user. */
char *accounts_home(const char *name);
/** The name of a well-known port, as in "ssh", or NULL. Borrowed until the next call. */
const char *accounts_port_name(uint16_t port, bool udp);
