/**
 * The parts of struct invite_desk, for the files that make it up: invite_life.c (what comes and
 * goes, time), invite_hosts.c (ours), invite_quests.c (those of others), invite_slots.c (the DHT)
 * and invite_enrol.c (the registry).
 */
#pragma once

#include "gateway/node/invite_desk.h"

struct invite_random invite_random_of(struct invite_desk *d);
/** What the other side of an invite is told of us. */
void invite_self(const struct invite_desk *d, const char *service, struct invite_party *out);
/** The network's name as the cores want it. */
void invite_network(const struct invite_desk *d, uint8_t out[static 32]);
void invite_send(struct invite_desk *d, const struct invite_road *road, const uint8_t *data,
                 size_t len);
/** A message came. */
void invite_take(struct invite_desk *d, const struct invite_road *road, const uint8_t *data,
                 size_t len);
/** There is something to do at once, but not from inside of this. */
void invite_wake(struct invite_desk *d);
/** Sets the timer anew. */
void invite_set_timer(struct invite_desk *d);

/* invite_hosts.c */

/** Takes a message for hosts. True: it was for an invite of ours. */
bool invite_hosts_input(struct invite_desk *d, const struct invite_road *road,
                        const struct invite_message *m, const uint8_t *data, size_t len);
/** Ends what is too old. Returns when to call again. */
instant invite_hosts_tick(struct invite_desk *d, instant now);
void invite_hosts_end(struct invite_desk *d);
/** Is this one of ours? */
bool invite_hosts_have(const struct invite_desk *d, const uint8_t *handle);

/* invite_quests.c */

void invite_quests_input(struct invite_desk *d, const struct invite_road *road,
                         const struct invite_message *m, const uint8_t *data, size_t len);
/** Asks again what is due, gives up what is too old. Returns when to call again. */
instant invite_quests_tick(struct invite_desk *d, instant now);
/** A relay can be asked. */
void invite_quests_seek(struct invite_desk *d);
/** Tells those who wait for what is over. */
void invite_quests_settle(struct invite_desk *d);
void invite_quests_end(struct invite_desk *d);

/* invite_slots.c */

/** Goes on with an invite of ours, the `rank`th newest that is open. Returns when to call again. */
instant invite_slots_tick_entry(struct invite_desk *d, struct invite_entry *e, unsigned rank,
                                instant now);
/** Goes on with one of others; the same. */
instant invite_slots_tick_quest(struct invite_desk *d, struct invite_quest *q, instant now);
/** Leaves a message in a slot. */
void invite_place_send(struct invite_place *p, const uint8_t *data, size_t len);
void invite_place_end(struct invite_place *p);

/* invite_enrol.c */

/** Makes a guest known and lets it use the service. Writes what it is called. Returns 0, -EACCES:
 *  blocked, or what the registry said. */
MUST_USE int invite_enrol(struct invite_desk *d, const struct invite_road *road,
                          const struct invite_party *guest, const char *service,
                          char alias[static ALIAS_MAX + 1]);
/** Makes a host known; the same. */
MUST_USE int invite_adopt(struct invite_desk *d, const struct invite_road *road,
                          const struct invite_party *host, char alias[static ALIAS_MAX + 1]);
