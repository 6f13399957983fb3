/**
 * What a line of the log about a peer is about: struct log_about, with the id as text.
 *
 *     struct peer_about about;
 *     log_event(LOG_LEVEL_INFO, LOG_PEER, peer_about(&about, "connected", id, NULL), "%s: ..", ..);
 */
#pragma once

#include "gateway/base/addr.h"
#include "gateway/base/log.h"
#include "gateway/identity/peer_id.h"

struct peer_about {
    struct log_about about;
    char id[PEER_ID_TEXT_MAX];
    char address[ADDR_TEXT_MAX];
};

/** `id` and `address` may be NULL. Good as long as `out` is. */
static inline const struct log_about *peer_about(struct peer_about *out, const char *event,
                                                 const struct peer_id *id,
                                                 const struct addr *address)
{
    bool somewhere = address && !addr_is_none(address);

    out->about = (struct log_about){
        .event = event,
        .peer = id ? peer_id_print(id, out->id) : NULL,
        .address = somewhere ? addr_print(address, out->address) : NULL,
    };
    return &out->about;
}
