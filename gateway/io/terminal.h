/**
 * The terminal, and standard input and output as one end of a stream.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/env.h"
#include "gateway/io/loop.h"

/** Call first of all. Where the caller closed descriptor 0, 1 or 2 something else would get that
 *  number: gives it to a file from which an end is read and to which nothing can be written. */
void terminal_open_missing(void);

/** Writes all of it. Returns 0 or a negative errno. */
MUST_USE int terminal_write(int fd, const char *text, size_t len);
/** Width of the terminal in characters, 0: it is none. */
unsigned terminal_columns(int fd);
/** Its height in lines, 0: it is none. */
unsigned terminal_rows(int fd);

/**
 * Copies standard input to the socket and the socket to standard output, half-closes kept, until
 * both have ended; turns the loop meanwhile. `early` was read from the socket already. Takes the
 * socket. Returns 0, or a negative errno: -ECONNRESET when the other side aborted.
 */
MUST_USE int terminal_join(struct io_loop *loop, struct env *env, struct sock *sock,
                           const uint8_t *early, size_t len);
