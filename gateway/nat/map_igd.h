/**
 * Asks a router for a UDP port with UPnP (IGD 1 and 2): finds its description, reads it, asks for
 * the address outside, then for the port.
 *
 * Driven in two ways: `ssdp` as an exchange, after which map_igd_found() goes on; and by HTTP
 * requests, of which at most one is under way: map_igd_request() tells what to send,
 * map_igd_answer() takes what came of it. It owns no memory.
 */
#pragma once

#include "gateway/nat/igd_soap.h"
#include "gateway/nat/mapping.h"
#include "gateway/nat/ssdp.h"

/* What a router may need that knows permanent mappings only (lease 0): it is looked after as often
 * as any other. */
#define MAP_IGD_PERMANENT_S 0

enum map_igd_step {
    MAP_IGD_IDLE,
    MAP_IGD_SEARCH,   /* by `ssdp` */
    MAP_IGD_DESCRIBE, /* HTTP from here on */
    MAP_IGD_ADDRESS,
    MAP_IGD_ADD,
    MAP_IGD_DELETE,
};

/** Read the fields freely. */
struct map_igd {
    struct mapping mapping;
    struct ssdp ssdp;
    struct addr local;   /* where the mapping leads */
    uint32_t lifetime_s; /* asked for; 0: delete */
    enum map_igd_step step;
    bool asked; /* the request of this step is under way */
    bool known; /* `service` is from before this request */
    bool have;  /* `service` is valid */
    struct igd_service service;
    struct addr external; /* as the router said; with the port that is asked for */
    uint32_t lease_s;     /* that is asked for */
    bool any;             /* by AddAnyPortMapping */
    unsigned tries;       /* of adding */
    uint16_t random;      /* for ports that are tried when ours is taken */
};

void map_igd_init(struct map_igd *m, const struct addr *router, const struct addr *local,
                  uint16_t random);
/** Begins: for a new mapping, to renew it, or (lifetime 0) to delete it. */
void map_igd_ask(struct map_igd *m, instant now, uint32_t lifetime_s);
/** `ssdp` is over: goes on. Nothing while it is not. */
void map_igd_found(struct map_igd *m);
/** True if an HTTP request is to be made now: to `*to`, of `*len` bytes. Its answer is awaited. */
MUST_USE bool map_igd_request(struct map_igd *m, struct addr *to, char out[static IGD_REQUEST_MAX],
                              size_t *len);
/** What came of the request: a status of HTTP and the body, or 0: nobody there, too slow, too long,
 *  not HTTP. */
void map_igd_answer(struct map_igd *m, instant now, unsigned status, const uint8_t *body,
                    size_t len);
