/**
 * Certificates by name, for the gateway's https: one for each peer, `alice.overlay` with everything
 * one label below it, made when a browser first asks for one and kept for a while.
 *
 * There is one for names that the DNS server answers for and for no other.
 */
#pragma once

#include <stddef.h>

#include "gateway/base/list.h"
#include "gateway/crypto/local_ca.h"
#include "gateway/node/node.h"

#define HTTPS_LEAVES_MAX 64 /* kept at a time: any page may ask for many names */

struct https_names {
    struct node *node;
    const char *suffix;        /* "overlay" */
    const struct local_ca *ca; /* borrowed, of the same suffix */
    struct list leaves;        /* those used last come last */
    size_t count;
};

void https_names_init(struct https_names *n, struct node *node, const char *suffix,
                      const struct local_ca *ca);
void https_names_deinit(struct https_names *n);
/** The certificate for a host name and, in `peer`, whose it is. NULL: there is none. Borrowed until
 *  the next call. */
struct tls_identity *https_names_find(struct https_names *n, const char *host,
                                      struct peer_id *peer);
