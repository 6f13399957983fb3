/**
 * The packet filter's part, for nft(8): ports that the gateway cannot listen on itself lead to one
 * that it can, and the pool is open to this machine alone.
 */
#pragma once

#include "config/setup/facts.h"

/** The rules as a file for `nft -f`: however often it is read, the table is there once. The caller
 *  frees it. NULL: no memory. */
char *rules_print(const struct setup_facts *f);
