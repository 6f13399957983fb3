/**
 * The packet filter's part, for nft(8): every TCP port of the pool leads to one port, where the
 * gateway listens, so that it takes none from other programs and needs no privilege for the low
 * ones; and the pool is open to this machine alone.
 */
#pragma once

#include "config/setup/facts.h"

/** The rules as a file for `nft -f`: however often it is read, the table is there once. The caller
 *  frees it. NULL: no memory. */
char *rules_print(const struct setup_facts *f);
