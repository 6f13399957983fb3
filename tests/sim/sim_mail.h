/**
 * Mail in a simulated world: one server for all, whose mailboxes are the addresses themselves. A
 * letter is there SIM_MAIL_DELAY after it was sent; who fetches logs in with its address as the
 * user. Files of passwords are not looked at.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/sim_env.h"

#define SIM_MAIL_DELAY   SEC(2)
#define SIM_MAIL_LETTERS 128

struct sim_letter {
    char to[MAIL_ADDRESS_MAX + 1];
    char subject[64];
    char *text;
    uint32_t uid;
    instant at;
    bool deleted;
};

struct sim_mail {
    struct sim_letter letter[SIM_MAIL_LETTERS];
    size_t count;
    bool down;        /* nobody answers there */
    unsigned fetches; /* that were asked for */
};

/** Puts a letter into a mailbox, as anybody may. */
void sim_mail_put(struct sim_world *w, const char *to, const char *text);
/** The newest letter to an address, or NULL. */
const struct sim_letter *sim_mail_last(const struct sim_world *w, const char *to);
/** How many letters lie in the mailbox of an address. */
size_t sim_mail_count(const struct sim_world *w, const char *to);
/** How many have ever been sent there. */
size_t sim_mail_sent(const struct sim_world *w, const char *to);
