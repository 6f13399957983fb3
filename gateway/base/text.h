/**
 * Bytes as text and back: hexadecimal, base64, z-base-32, decimal numbers.
 *
 * Every decoder takes the text's length, needs no NUL, and accepts exactly one spelling of a value
 * (but for the letter case of hexadecimal and z-base-32): what is not canonical is -EINVAL.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

/** Characters, without the NUL, that `len` bytes become. */
#define TEXT_HEX_LEN(len)    (2 * (len))
#define TEXT_Z32_LEN(len)    (((len)*8 + 4) / 5)
#define TEXT_BASE64_LEN(len) (((len) + 2) / 3 * 4) /* TEXT_BASE64_URL may be up to 2 shorter */

enum text_base64 {
    TEXT_BASE64,     /* RFC 4648 §4: '+', '/', padded */
    TEXT_BASE64_URL, /* RFC 4648 §5: '-', '_', not padded */
};

/** Writes TEXT_HEX_LEN(len) lower-case digits and a NUL. Returns `out`. */
char *text_hex(char *out, const uint8_t *data, size_t len);
/** Reads exactly `len` bytes from exactly TEXT_HEX_LEN(len) digits. Returns 0 or -EINVAL. */
MUST_USE int text_hex_decode(uint8_t *out, size_t len, const char *text, size_t text_len);

/** Writes base64 and a NUL, TEXT_BASE64_LEN(len) + 1 bytes at most. Returns the length. */
size_t text_base64(char *out, enum text_base64 kind, const uint8_t *data, size_t len);
/** Reads at most `max` bytes. Returns how many, or -EINVAL. */
MUST_USE int text_base64_decode(uint8_t *out, size_t max, enum text_base64 kind, const char *text,
                                size_t text_len);

/** Writes TEXT_Z32_LEN(len) lower-case characters and a NUL. Returns `out`. */
char *text_z32(char *out, const uint8_t *data, size_t len);
/** Reads exactly `len` bytes from exactly TEXT_Z32_LEN(len) characters. Returns 0 or -EINVAL. */
MUST_USE int text_z32_decode(uint8_t *out, size_t len, const char *text, size_t text_len);

/** Reads a decimal number of 1 to 20 digits, no sign, no needless zero in front, up to `max`.
 *  Returns 0 or -EINVAL. */
MUST_USE int text_parse_u64(uint64_t *out, const char *text, size_t len, uint64_t max);
/** As text_parse_u64(), up to 65535. */
MUST_USE int text_parse_u16(uint16_t *out, const char *text, size_t len);

/** Copies word number `n` (the first is 0) of a line, cut to what fits; words are parted by blanks
 *  and end at the line's end. Returns `out`, "" where there are not so many. */
const char *text_word(const char *line, unsigned n, char *out, size_t size);
