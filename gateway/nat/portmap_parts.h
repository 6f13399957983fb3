/** The parts of struct portmap's work, for the files that do it (portmap_life.c, portmap_wire.c).
 */
#pragma once

#include "gateway/nat/portmap.h"

#define PORTMAP_RENEW_SOONEST SEC(4) /* RFC 6887 §11.2.1 */

/** Sends what is due, looks at what came, decides, and sets the timer (portmap_life.c). */
void portmap_step(struct portmap *p);

/** Begins a request by one method; lifetime 0 deletes (portmap_wire.c). */
void portmap_ask(struct portmap *p, enum portmap_method method, uint32_t lifetime_s);
/** Sends what is due. */
void portmap_pump(struct portmap *p);
void portmap_close_line(struct portmap_line *l);
/** Listens for what routers announce to everybody. */
void portmap_open_ears(struct portmap *p);
/** p->call is over. */
void portmap_on_called(struct igd_call *c, unsigned status, const uint8_t *body, size_t len);
