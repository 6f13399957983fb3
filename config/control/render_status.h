/**
 * The status of a gateway for people: who we are, services, peers.
 */
#pragma once

#include <jansson.h>

#include "config/control/front.h"

void render_status(const struct front *f, const json_t *status);
/**
 * The same as a page that stays in its place on the terminal and is cut to its size, with what
 * moved per second since the status `before`, of some seconds ago (NULL: not known).
 */
void render_status_page(const struct front *f, const json_t *status, const json_t *before,
                        double seconds);
