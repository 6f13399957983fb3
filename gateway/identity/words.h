/**
 * 2,048 words that can be told on a telephone: 11 bits each. Invite codes and fingerprints are made
 * of them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define WORDS_COUNT    2048
#define WORDS_IN_TEXT  4  /* words of a fingerprint: 44 bits */
#define WORDS_TEXT_MAX 40 /* a fingerprint, its hyphens and its NUL */

/** The word of a number; only its lowest 11 bits count. */
const char *words_at(unsigned index);
/** The number of a word of `len` letters in any letter case, or -1. */
int words_find(const char *text, size_t len);
/** Writes a fingerprint, "cobalt-lemon-tiger-violin", of the first 2 * WORDS_IN_TEXT bytes of a
 *  hash. Returns `out`. */
const char *words_of(char out[static WORDS_TEXT_MAX], const uint8_t *hash);
