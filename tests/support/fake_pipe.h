/**
 * A pipe (gateway/base/pipe.h) of which the test plays the far side.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/pipe.h"

#define FAKE_PIPE_BUFFER ((size_t)1200 * 1024)

struct fake_pipe {
    struct pipe pipe;
    uint8_t sent[FAKE_PIPE_BUFFER]; /* by the program */
    size_t sent_len, window;        /* it may have so much in `sent` */
    bool finished;
    uint8_t coming[FAKE_PIPE_BUFFER]; /* to the program */
    size_t coming_len;
    bool ended;
    bool starved; /* reserve() said 0 */
    bool closed, reset;
    enum pipe_reset why;
};

void fake_pipe_init(struct fake_pipe *f);
/** The far side sends. */
void fake_pipe_send(struct fake_pipe *f, const void *data, size_t len);
void fake_pipe_say(struct fake_pipe *f, const char *text);
void fake_pipe_end(struct fake_pipe *f);
void fake_pipe_break(struct fake_pipe *f, enum pipe_reset why);
/** What the program sent and the far side has not yet taken, as a string. */
const char *fake_pipe_heard(struct fake_pipe *f);
/** The far side takes all of it. */
void fake_pipe_take(struct fake_pipe *f);
bool fake_pipe_is_over(const struct fake_pipe *f);
