/**
 * The real world as a struct env: libuv, sockets, clocks, files and the kernel's knowledge.
 *
 *     struct world *w;
 *     world_new(&w, "/home/a/.local/state/overlay");
 *     ... node_new(&n, world_env(w), ...), more set-up ...
 *     io_loop_run(world_loop(w));       until somebody calls io_loop_stop()
 *     world_free(w);
 */
#pragma once

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/home.h"
#include "gateway/io/loop.h"

struct world;

/** `home` is made if need be; NULL for a world without files (load and save say -ENOENT, -EROFS).
 *  Takes over the sockets that systemd passed. Returns 0 or an errno, mostly about the home. */
MUST_USE int world_new(struct world **out, const char *home);
/** Close everything opened through it before. Returns 0, or -EBUSY if a libuv handle was left. */
int world_free(struct world *w);

struct env *world_env(struct world *w);
struct io_loop *world_loop(struct world *w);
/** The home, for its locks; NULL if it has none. */
struct home *world_home(struct world *w);
