/**
 * A port of our router that leads to us: what PCP, NAT-PMP and UPnP have in common.
 *
 * Each of the three machines (map_pcp.h, map_natpmp.h, map_igd.h) has its outcome in one of these.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/base/addr.h"
#include "gateway/base/clock.h"

/* RFC 6886 §3.3 and RFC 6887 §15: two hours are a good compromise between the router's memory and
 * its peace. More than a day is not believed: it is renewed before that anyway. */
#define MAPPING_LIFETIME_S     7200
#define MAPPING_LIFETIME_MAX_S 86400
#define MAPPING_LIFETIME_MIN_S 60 /* less is a refusal: RFC 6887 §15 wants two minutes at least */

/* Each request waits twice as long as the one before. RFC 6886 §3.1 begins with 250 ms, and PCP,
 * which asks for 3 s, is raced with it: both are for the next hop alone. */
#define MAPPING_FIRST_WAIT   MSEC(250)
#define MAPPING_MAX_REQUESTS 9

enum mapping_state {
    MAPPING_IDLE,
    MAPPING_ASKING,
    MAPPING_GRANTED, /* `external` and `lifetime_s` are valid */
    MAPPING_DELETED, /* as it was asked to be */
    MAPPING_REFUSED, /* `code` has the reason of the protocol, 0 when there is no word for it */
    MAPPING_SILENT,  /* nobody answers */
};

struct mapping {
    enum mapping_state state;
    struct addr external;
    uint32_t lifetime_s; /* 0: until it is deleted */
    unsigned code;
};

/**
 * A router's count of the seconds for which it remembers its mappings. Zeroed it knows nothing.
 */
struct map_epoch {
    bool known;
    uint32_t server_s;
    instant at;
};

/** Which rule tells that the count was begun anew. */
enum map_epoch_rule {
    MAP_EPOCH_NATPMP, /* RFC 6886 §3.6: it lags behind our clock */
    MAP_EPOCH_PCP,    /* RFC 6887 §8.5: that, or it runs ahead of it */
};

/** Takes a count that came at `now`. Returns true if the router forgot its mappings since the last
 *  one. */
bool map_epoch_take(struct map_epoch *e, enum map_epoch_rule rule, uint32_t server_s, instant now);

/** May this be the outside of a mapping at all? */
bool mapping_external_ok(const struct addr *external);
/** Or is it of somebody else's network, behind one more NAT (private, RFC 6598)? */
bool mapping_is_behind_nat(const struct addr *external);
/** The lifetime, within what is believed. */
uint32_t mapping_lifetime(uint32_t lifetime_s);
