/**
 * The value of one option: from the text of a configuration file to a field, judged by its type.
 *
 * Each type of options.def has its C type here, and one function reads them all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/settings/option_types.h"
#include "gateway/base/attr.h"

struct option {
    const char *section, *name; /* "service NAME" and "peer ALIAS" for those that repeat */
    enum option_type type;
    const char *rule;
    const char *standard; /* the default, as text */
    const char *help;
    size_t offset; /* of the field in its struct */
};

/**
 * Reads `text` into the field of `o` in the struct at `base`. Lists are added to what is there, so
 * that one can go on over several lines. Returns 0, -ENOMEM, or -EBADMSG with what was expected in
 * `why`.
 */
MUST_USE int option_set(const struct option *o, void *base, const char *text, char *why,
                        size_t why_len);
/** Gives back what the field owns and makes it empty. */
void option_clear(const struct option *o, void *base);
/** Do two structs hold the same value? */
bool option_equal(const struct option *o, const void *a, const void *b);
/** Lists may be written on more than one line. */
bool option_is_list(const struct option *o);
/** What a value looks like, for people: "IP:PORT, ..", "kept|random", ... */
const char *option_form(const struct option *o);

/** 1 to 32 of a-z, 0-9 and '-', not at either end. */
bool label_ok(const char *text);
/** "90", "90s", "15m", "2h", "7d" to seconds. Returns 0 or -EINVAL. */
MUST_USE int duration_parse(uint64_t *seconds, const char *text);
/** A decimal number of nothing but digits, within the range. Returns 0 or -EINVAL. */
MUST_USE int number_parse(uint64_t *out, const char *text, uint64_t min, uint64_t max);
