/**
 * What the status page shows and does, as whoever assembles the program gives it to the proxy.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct web_source {
    void *arg;
    /** What there is to see, as JSON on one line, which the caller frees; with `trusted` also what
     *  is for the owner's eyes alone. NULL: nothing now. */
    char *(*show)(void *arg, bool trusted);
    /** Carries out what the owner asks for and says what came of it, as JSON, which the caller
     *  frees. NULL: nothing now. */
    char *(*act)(void *arg, const char *text, size_t len, bool *done);
};
