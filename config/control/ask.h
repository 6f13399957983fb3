/**
 * Asks the running gateway and waits for its answer, the loop running meanwhile.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

#define ASK_PATIENCE SEC(20)

/** What came of it. */
struct asked {
    int err;        /* 0, or as client_handler.on_done has it */
    json_t *answer; /* the caller's */
    /* With `raw` asked for and a good answer: the bare connection. */
    struct sock *sock;
    uint8_t *early;
    size_t early_len;
};

/** Events are rendered as they come. Waits as long as it takes. */
struct asked ask_gateway(const struct front *f, const json_t *request, bool raw);
/** For what a gateway answers out of its memory: -ETIMEDOUT when it does not within ASK_PATIENCE.
 */
struct asked ask_at_once(const struct front *f, const json_t *request);
/** True for what these say when no gateway listens. */
bool asked_nobody(const struct asked *a);
/** Lets time pass. */
void ask_wait(const struct front *f, instant span);
