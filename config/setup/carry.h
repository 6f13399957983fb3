/**
 * Carries out the plan of a setup, and takes back what a setup has left.
 *
 * Before each step its trace is written into the journal; whatever fails or interrupts it, what
 * this run has done so far is undone in reverse order. Told of everything as it happens.
 */
#pragma once

#include "config/setup/facts.h"
#include "config/setup/host.h"
#include "config/setup/plan.h"
#include "config/setup/trace.h"
#include "gateway/base/attr.h"

struct carry_listener {
    void *arg;
    /** A step begins; `there`: it is done already. */
    void (*doing)(void *arg, const struct setup_step *step, bool there);
    void (*undoing)(void *arg, const struct trace *t);
    void (*failed)(void *arg, const char *why);
};

/**
 * Carries it out. `facts` are those that it was made from. Returns 0, or an errno, after everything
 * was undone that this run had done; -EINTR: somebody asked to stop. What could not be undone was
 * told, and stays in the journal.
 */
MUST_USE int carry_out(const struct setup_plan *plan, const struct setup_facts *facts,
                       const struct setup_host *host, const struct carry_listener *listener);

/**
 * Takes away what the journal and a search of the machine find; with `dry` it only tells. Returns
 * how many traces there were, or an errno if one could not be taken away (then the others were, and
 * the journal stays).
 */
MUST_USE int carry_back(const struct setup_host *host, const struct carry_listener *listener,
                        bool dry);
