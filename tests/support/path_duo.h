/**
 * Two path sets joined by links with delay, loss and narrow places, under a virtual clock: the
 * stage of the tests of path_*. There is one duo at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/transport/path_set.h"

enum { DIALLER = 0, ACCEPTOR = 1, LINKS = 3, FLIGHT_MAX = 256, DATA = 0xff, ACK = 0xfe };

/* A way between the two; end[i] is the address of side i on it. */
struct link {
    struct addr end[2];
    enum path_kind kind;
    instant delay;
    bool lost[2];  /* what side i sends is lost */
    unsigned loss; /* per mille, both ways */
    size_t mtu;
    bool narrow[2]; /* what side i sends passes if it is small */
};

struct flying {
    instant due;
    int to;
    struct path from;
    uint8_t data[PROBE_MAX];
    size_t len;
};

struct path_duo {
    struct path_set set[2];
    struct link link[LINKS];
    struct flying flight[FLIGHT_MAX];
    size_t flying;
    instant now;
    bool talking; /* both send data every 20 ms, */
    bool rare;    /* or 500 */
    instant talk_due;
    unsigned switches[2];
    unsigned sent[2], answered; /* probes; pongs among them */
    unsigned over[LINKS];       /* probes that the dialler sent */
    uint8_t dice;
    uint64_t chance;
};

extern struct path_duo duo;

struct addr duo_address(const char *text);
struct path duo_path_to(const struct addr *a);
/** A link as a side sees it. */
struct path duo_path_of(int side, unsigned link);
struct path_set_options duo_options(int side);
/** Two sides that have shaken hands over the first link. */
void duo_begin(void);
/** Data that a side sends by a path; it arrives if there is such a link. */
void duo_send_over(int from, const struct path *path, const uint8_t *data, size_t len);
/** Counts a switch; duo_flush() does. */
void duo_note_switch(int side);
/** Sends what is due. */
void duo_flush(int side);
/** Lets time go on. */
void duo_run(instant span);
/** Both send data from now on. */
void duo_talk(void);
/** Tells a side of a link. */
void duo_add(int side, unsigned link);
/** The link that a side sends over, or -1. */
int duo_link_of(int side);
/** What a side knows of a link. */
struct path_slot *duo_slot_of(int side, unsigned link);
/** How many places are taken. */
unsigned duo_count_paths(const struct path_set *s);
/** The first link is a relay, the second, still unknown, a straight one. */
void duo_begin_with_relay(instant relay, instant direct);
/** Both of the second. */
void duo_add_direct(void);
/** Fails the test unless both sides send over this link. */
void duo_both_are_on(int link);
/** A link loses everything, both ways. */
void duo_cut(unsigned link);
/** It does not any more. */
void duo_mend(unsigned link);
/** Both have been on the second for a while, with data, and the relay is their spare. */
void duo_begin_direct_with_spare(void);
/** Of both sides. */
unsigned duo_switches(void);
