/**
 * The units of systemd that setup writes: what makes link, route, rules and resolver again at each
 * start, and the gateway itself, as its user, with its sockets.
 */
#pragma once

#include "config/setup/facts.h"
#include "config/setup/step.h"

/** Texts of the files; the caller frees them. NULL: no memory. */
char *unit_setup(const struct setup_plan *plan, const struct setup_facts *f);
char *unit_gateway(const struct setup_facts *f);
char *unit_dns_socket(const struct setup_facts *f);
char *unit_names_socket(void);
/** Port 80 or 443 of every address of the pool, where no rules lead them to the gateway. */
char *unit_web_socket(unsigned port, const char *name);
