/**
 * The orders that a UPnP router takes (WANIPConnection:1 and :2), as HTTP requests, and what it
 * answers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/nat/igd_document.h"

#define IGD_REQUEST_MAX 2048

/* WANIPConnection:2 §2.5, what somebody looks at. */
enum {
    IGD_INVALID_ACTION = 401,
    IGD_INVALID_ARGS = 402,
    IGD_ACTION_FAILED = 501,
    IGD_NO_SUCH_ENTRY = 714,
    IGD_CONFLICT = 718,
    IGD_SAME_PORTS = 724,
    IGD_ONLY_PERMANENT = 725,
};

struct igd_mapping {
    uint16_t external_port, internal_port;
    uint32_t lease_s;
    const struct addr *client; /* us */
};

/** Each writes a whole request to `out` and returns its length. */
size_t igd_soap_get(char out[static IGD_REQUEST_MAX], const struct igd_url *description);
size_t igd_soap_external_address(char out[static IGD_REQUEST_MAX], const struct igd_service *s);
/** AddPortMapping or, with `any`, AddAnyPortMapping. */
size_t igd_soap_add(char out[static IGD_REQUEST_MAX], const struct igd_service *s,
                    const struct igd_mapping *m, bool any);
size_t igd_soap_delete(char out[static IGD_REQUEST_MAX], const struct igd_service *s,
                       uint16_t external_port);

/**
 * The text of the first element of this name (of any namespace prefix) in an answer, without spaces
 * around it. False if there is none, or it has more than `room` - 1 characters or elements inside.
 */
bool igd_soap_value(const uint8_t *xml, size_t len, const char *name, char *out, size_t room);
/** The code of a refusal (UPnP Device Architecture 1.1 §3.2.2), or 0. */
unsigned igd_soap_error(const uint8_t *xml, size_t len);
