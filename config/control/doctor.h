/**
 * What `overlay doctor` makes of a gateway's status: findings about its network, each with the
 * reason for it and with what can be done.
 *
 * Pure: from the JSON of `status` to a list of {level, about, what, why, tried, advice}, where
 * level is "ok", "note" (something does not work that need not) or "problem", about is "udp",
 * "nat", "port", "stun", "icmp", "dht", "mail", "relay" or "peer", and why, tried (the last round
 * of punching) and advice are null where there is nothing to add. However many strangers there are,
 * the list stays short.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "gateway/base/attr.h"

/** The caller owns the list. NULL: no memory. */
json_t *doctor_findings(const json_t *status);
/** The worst level among them: "problem" makes the command fail. */
const char *doctor_worst(const json_t *findings);

/* For its parts: doctor_network.c, doctor_dht.c, doctor_mail.c and doctor_peers.c. */

/** Adds a finding without why and advice. What is not printable becomes '?'. */
void doctor_add(json_t *list, const char *level, const char *about, const char *format, ...)
    PRINTF_LIKE(4, 5);
/** Says why the last one is so, what was tried, and what to do about it. */
void doctor_why(json_t *list, const char *format, ...) PRINTF_LIKE(2, 3);
void doctor_tried(json_t *list, const char *format, ...) PRINTF_LIKE(2, 3);
void doctor_advise(json_t *list, const char *format, ...) PRINTF_LIKE(2, 3);
/** Is it there, and not null? */
bool doctor_knows(const json_t *object, const char *key);

void doctor_network(json_t *list, const json_t *status);
void doctor_dht(json_t *list, const json_t *status);
void doctor_mail(json_t *list, const json_t *status);
void doctor_relays(json_t *list, const json_t *status);
void doctor_peers(json_t *list, const json_t *status);
