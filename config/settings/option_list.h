/**
 * Options that are lists: their words, separated by commas, read into a field one by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/settings/option_types.h"
#include "gateway/base/attr.h"

/** Where the sentence goes that tells a person what is wrong with a value. */
struct complaint {
    char *text;
    size_t len;
};

/** Writes that sentence. Returns -EBADMSG. */
int option_complain(struct complaint *why, const char *format, ...) PRINTF_LIKE(2, 3);

/** Adds the words of `text` to the field of a list's type. Returns 0, -ENOMEM or -EBADMSG. */
MUST_USE int option_list_add(enum option_type type, void *field, const char *text,
                             struct complaint *why);
/** Gives back what a list owns and makes it empty. */
void option_list_clear(enum option_type type, void *field);
/** Are two lists of a type the same, in the same order? */
bool option_list_equal(enum option_type type, const void *a, const void *b);
