/**
 * The sockets of a fake environment, for fake_env.c alone.
 */
#pragma once

#include "tests/support/fake_env.h"

/** Fills in the socket operations. */
void fake_net_ops(struct env_ops *ops);
/** Fails the test if the program left a socket open, and frees what it closed. */
void fake_net_deinit(struct fake_env *f);
