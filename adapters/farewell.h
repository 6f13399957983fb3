/**
 * Last words to a local program before its connection is closed, and the same towards a service.
 *
 * Closing a socket with unread bytes in it makes the kernel send a reset, which can overtake the
 * words and wipe them at the client. So they are written, followed by the end of data, and what the
 * client still sends is read and dropped until it has finished too: at most 1 MiB and 2 s.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/env.h"
#include "gateway/base/list.h"
#include "gateway/base/pipe.h"

struct farewells {
    struct env *env;
    struct list all;   /* sockets */
    size_t count;      /* of them */
    struct list pipes; /* streams */
};

void farewells_init(struct farewells *f, struct env *env);
/** Closes all of them at once. */
void farewells_deinit(struct farewells *f);
/** Takes the socket. The text is copied; its tail is lost on a client that does not read. */
void farewells_say(struct farewells *all, struct sock *sock, const void *text, size_t len);
/** Takes a stream on which nothing is to be said any more. The service reads an end of data and has
 *  two seconds to end too; what it still says is dropped. Services take that for the ordinary thing
 *  it is, a reset for an error. */
void farewells_end_pipe(struct farewells *all, struct pipe *pipe);
