/**
 * The command line: reads the arguments, does what they ask, says how it went.
 *
 * Everything it needs of the world is in struct cli_host, which main.c fills in; so the whole
 * command line runs in a test. Commands are carried out by the gateway that runs on the home, asked
 * through its control socket (config/control/client.h), or, those that can, on the registry itself
 * while no gateway holds its lock.
 */
#pragma once

#include "config/control/host.h"
#include "gateway/base/attr.h"

/** Carries out one command line. Returns the exit code. */
MUST_USE int cli_run(int argc, char **argv, const struct cli_host *host);
