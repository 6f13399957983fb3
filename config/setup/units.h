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
char *unit_names_socket(const struct setup_facts *f);
/** Where the rules lead to. */
char *unit_pool_socket(const struct setup_facts *f);
/** Ports 80 and 443 of every address of the pool, where there are no rules. */
char *unit_http_socket(const struct setup_facts *f);
char *unit_https_socket(const struct setup_facts *f);
