/**
 * The short code of an invite, "7-cobalt-lemon": a number by which the two sides find each other
 * and two words, 22 bits, that only they know and that prove it (by CPace, gateway/crypto/cpace.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define INVITE_NUMBER_MAX 9999
#define INVITE_CODE_MAX   24 /* "9999-" + two words + hyphen + NUL */

struct invite_code {
    uint16_t number;   /* 1 to INVITE_NUMBER_MAX: public */
    uint16_t words[2]; /* of gateway/identity/words.h: secret */
};

/** Makes a code out of 8 random bytes. */
void invite_code_make(struct invite_code *out, const uint8_t random[static 8]);
/**
 * Reads a code in any letter case; spaces may stand for hyphens. Returns 0; -EINVAL if it has not a
 * code's form; -ENOENT if a word is none of ours, where `*word` (borrowed from `text`) and
 * `*word_len` tell which, so that the error can name it.
 */
MUST_USE int invite_code_parse(struct invite_code *out, const char *text, const char **word,
                               size_t *word_len);
/** Writes the code in lower case. Returns `out`. */
const char *invite_code_print(const struct invite_code *code, char out[static INVITE_CODE_MAX]);
/** Writes the words alone, "cobalt-lemon": the password. Returns `out`. */
const char *invite_code_words(const struct invite_code *code, char out[static INVITE_CODE_MAX]);
