/**
 * Those who watch the status page: what is to be seen as server-sent events (HTML §9.2), when it
 * changes, and at most once a second.
 *
 * A bounded number of readers, and one event at a time for each: who has not taken one gets the
 * next when it has, and is dropped after ten seconds. A comment every fifteen seconds shows both
 * sides that the other is there. Nothing runs while nobody watches.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/web_source.h"
#include "gateway/base/env.h"
#include "gateway/base/list.h"

#define WEB_READERS_MAX 12

struct web_stream {
    struct env *env;
    const struct web_source *source;
    struct list readers;
    size_t count;
    struct timer tick;
    struct web_shown {
        char *text; /* as it was last seen */
        size_t len;
        uint64_t version; /* of it, 0: never seen */
    } shown[2];           /* by everybody, by the owner */
};

void web_stream_init(struct web_stream *s, struct env *env, const struct web_source *source);
/** Ends all of them. */
void web_stream_deinit(struct web_stream *s);
bool web_stream_is_full(const struct web_stream *s);
/** Takes the socket of a new reader, which gets `head` and what there is to see. */
void web_stream_add(struct web_stream *s, struct sock *sock, const char *head, bool trusted);
/** Something was changed by a reader: all are told at once. */
void web_stream_hurry(struct web_stream *s);
