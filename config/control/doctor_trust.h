/**
 * What doctor says of https: is it spoken, until when, and who on this machine believes it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/trust/stores.h"

/** What was found out on this machine. */
struct trust_facts {
    int64_t now;  /* seconds since 1970 */
    bool has_key; /* the home has an authority, in use or not */
    bool no_tool; /* certutil is missing: nobody knows what browsers believe */
    struct trust_stores stores;
    bool believed[STORES_MAX]; /* by each of them */
};

/** Looks at the stores of the user with that home directory. */
void trust_facts_gather(struct trust_facts *out, const json_t *report,
                        const struct setup_host *host, const char *home, const char *user_home,
                        int64_t now);
/** Pure, as config/control/doctor.h: adds findings about "https". `report` is doctor's: its key
 *  trust is looked at. */
void doctor_trust(json_t *list, const struct trust_facts *f, const json_t *report);
