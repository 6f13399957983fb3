/**
 * The name that somebody may have meant who mistyped one: for pages that say there is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/node/names.h"

/** How many letters were left out, put in, changed or swapped between two labels (at most 63
 *  characters each; longer ones are as far apart as can be). */
unsigned near_distance(const char *a, const char *b);

#define NEAR_LABEL_MAX 63

/** What a host name says that leads nowhere. */
struct near_name {
    char service[NEAR_LABEL_MAX + 1], peer[NEAR_LABEL_MAX + 1]; /* its labels; may be empty */
    bool peer_known; /* we have a peer of that alias: it is the service there is none of */
    char name[NAMES_HOST_MAX + 1]; /* the nearest host name that leads somewhere; or empty */
};

/** Takes a host name apart and looks for the one that comes nearest to it. */
void near_name_find(struct near_name *out, struct node *n, const char *suffix, const char *host);
