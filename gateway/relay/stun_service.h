/**
 * Answers STUN Binding requests: "this is the address I see you at".
 *
 * Bytes and their source in, an answer for that source alone out: never to another address,
 * whatever the request asks for (CHANGE-REQUEST and RESPONSE-PORT are unknown here, as RFC 8489
 * §6.3.1 tells those who do not offer them). So that nobody is flooded through us, answers are
 * bounded for each network (IPv4 /24, IPv6 /48) and in total, and with `never_larger` no answer is
 * longer than its request, which ours are padded for (gateway/nat/stun_query.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/bucket.h"
#include "gateway/base/clock.h"
#include "gateway/base/map.h"

#define STUN_SERVICE_NETWORKS 1024 /* places for networks, by hash: some share one */
#define STUN_SERVICE_RATE     20   /* answers a second to one network */
#define STUN_SERVICE_BURST    60
#define STUN_SERVICE_TOTAL    5000 /* answers a second to all */
#define STUN_ANSWER_MAX       128  /* bytes */

struct stun_service {
    bool never_larger;
    uint64_t secret[2];
    struct bucket total;
    struct bucket network[STUN_SERVICE_NETWORKS];
    uint64_t answered, refused, limited, ignored; /* requests so far; refused ones got an error */
};

/** `secret` is random: nobody can choose networks that share a place. */
void stun_service_init(struct stun_service *s, const uint8_t secret[static MAP_SECRET_LEN],
                       bool never_larger);
/** Returns the length of the answer for `from`, or 0: none. */
size_t stun_service_answer(struct stun_service *s, instant now, const struct addr *from,
                           const uint8_t *pkt, size_t len, uint8_t out[static STUN_ANSWER_MAX]);
