/**
 * What doctor says of names on this machine: whether programs resolve them and by whom, what of a
 * setup there is or was left over, who holds the ports, what browsers are told, and how far a
 * peer's page is kept away from this machine's own servers.
 *
 * Pure, as config/control/doctor.h: findings about "names", "setup", "ports", "browser" and "proxy"
 * are added to the list.
 */
#pragma once

#include <jansson.h>

#include "config/control/name_facts.h"

/** `report` is doctor's, of the running gateway: its keys dns, proxy and setup are looked at. */
void doctor_names(json_t *list, const struct name_facts *f, const json_t *report);
/** What the policy file of a browser means for names in the suffix (doctor_policies.c). */
void doctor_policy(json_t *list, const struct name_policy *policy, const char *suffix);
