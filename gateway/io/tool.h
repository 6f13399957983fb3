/**
 * Runs a tool of the system, as ip(8) or systemctl(1), and waits for it.
 *
 * For what is done with privilege: no shell, a search in the system's own folders only, an
 * environment with nothing of the caller's, and a limit on the time. For programs without a loop.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/attr.h"
#include "gateway/base/clock.h"

#define TOOL_OUTPUT_MAX 65536 /* bytes kept of what it writes */

struct tool_result {
    int status;        /* its exit code; 128 and the signal that killed it */
    char *out, *error; /* what it wrote to standard output and error; tool_result_deinit() */
};

/**
 * Runs argv[0], a name without a path, with `input` (may be NULL) as its standard input. Returns 0
 * when it has ended, however; -ENOENT: there is no such tool; -ETIMEDOUT: it was killed after
 * `limit`; or another errno. `r` must be given back in any case.
 */
MUST_USE int tool_run(const char *const argv[], const char *input, instant limit,
                      struct tool_result *r);
void tool_result_deinit(struct tool_result *r);
