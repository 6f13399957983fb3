/**
 * This machine as a struct env: libuv, sockets, clocks, files and the kernel's knowledge.
 *
 *     struct machine *m;
 *     machine_new(&m, "/home/a/.local/state/overlay");
 *     ... node_new(&n, machine_env(m), ...), more set-up ...
 *     io_loop_run(machine_loop(m));       until somebody calls io_loop_stop()
 *     machine_free(m);
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/home.h"
#include "gateway/io/loop.h"

struct machine;

/** `home` is made if need be; NULL for a machine without files (load and save say -ENOENT, -EROFS).
 *  Takes over the sockets that systemd passed. Returns 0 or an errno, mostly about the home. */
MUST_USE int machine_new(struct machine **out, const char *home);
/** Close everything opened through it before. Returns 0, or -EBUSY if a libuv handle was left. */
int machine_free(struct machine *m);

struct env *machine_env(struct machine *m);
struct io_loop *machine_loop(struct machine *m);
/**
 * Whom names are asked of, before the first is looked up: `servers` are "IP:PORT,..", "" for the
 * system's; and never at the addresses `own`, where we serve names ourselves. Both are copied.
 * Returns 0 or -ENOMEM.
 */
MUST_USE int machine_set_name_servers(struct machine *m, const char *servers,
                                      const struct addr *own, size_t count);
/** The home, for its locks; NULL if it has none. */
struct home *machine_home(struct machine *m);
