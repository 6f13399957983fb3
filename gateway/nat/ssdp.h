/**
 * Finding the router's UPnP description (UPnP Device Architecture 1.1 §1.3): M-SEARCH and answers.
 *
 * As an exchange (gateway/base/exchange.h) each request is to be sent to the multicast group and,
 * since some routers hear only one of them, to the router itself. Hand over datagrams from the
 * router only.
 */
#pragma once

#include "gateway/base/exchange.h"
#include "gateway/nat/igd_url.h"

#define SSDP_PORT  1900
#define SSDP_GROUP ((const uint8_t[4]){239, 255, 255, 250})

enum ssdp_state { SSDP_IDLE, SSDP_ASKING, SSDP_FOUND, SSDP_SILENT };

/** Read the fields freely. */
struct ssdp {
    enum ssdp_state state;
    struct addr router;
    unsigned sent;
    instant due;
    struct igd_url description; /* when found */
    uint32_t boot;              /* BOOTID of the router, 0: not known */
    bool gone;                  /* it said goodbye */
};

extern const struct exchange_ops ssdp_ops;

void ssdp_init(struct ssdp *s, const struct addr *router);
/** Begins, due at `now`; silent after 8 s. */
void ssdp_ask(struct ssdp *s, instant now);
/** Takes what the router told everybody (NOTIFY, §1.2). Returns whether it was started anew: it has
 *  another BOOTID than before, or is back after it said goodbye. */
bool ssdp_announced(struct ssdp *s, const uint8_t *pkt, size_t len);
