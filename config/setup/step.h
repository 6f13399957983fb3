/**
 * The steps of a setup, as values: what each is for, how it is done, and what it leaves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/setup/trace.h"

#define PLAN_NOTE_MAX     256
#define PLAN_STEPS_MAX    32
#define PLAN_COMMANDS_MAX 8
#define PLAN_LINE_MAX     160
#define PLAN_NOTES_MAX    6

struct setup_step {
    struct trace trace;
    char what[PLAN_LINE_MAX];                        /* for people */
    char commands[PLAN_COMMANDS_MAX][PLAN_LINE_MAX]; /* one after the other */
    size_t command_count;
    char *text;     /* of the file, or standard input of the first command; owned */
    unsigned mode;  /* of a new file */
    bool at_boot;   /* does not survive a start of the machine: made again by a unit */
    bool always;    /* done again, though its trace is there: it may lead elsewhere now */
    char owner[64]; /* of a folder; "": root */
};

struct setup_plan {
    struct setup_step steps[PLAN_STEPS_MAX];
    size_t count;
    char notes[PLAN_NOTES_MAX][PLAN_NOTE_MAX]; /* what a person should know */
    size_t note_count;
};
