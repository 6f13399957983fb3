/**
 * Bencoding (BEP 3), read and written in place: nothing is copied and no memory is taken, whatever
 * lengths and depths a stranger claims.
 *
 * bencode_read() checks a whole value, all that is in it too; what it found are views that are
 * borrowed from the message. Accepted are numbers and lengths in their one spelling (no needless
 * zero, no "-0"), numbers of 64 bits, and BENCODE_DEPTH_MAX levels. The keys of a dictionary may
 * come in any order, as some programs send them; ours are written sorted, by the caller's care.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"
#include "gateway/base/bytes.h"

#define BENCODE_DEPTH_MAX 16 /* a list in a list is 2 */

enum bencode_kind { BENCODE_NUMBER, BENCODE_BYTES, BENCODE_LIST, BENCODE_DICT };

/** One value, borrowed. */
struct bencode {
    enum bencode_kind kind;
    const uint8_t *raw; /* as it was encoded */
    size_t raw_len;
    const uint8_t *data; /* BYTES: the bytes; LIST, DICT: what is in it, for bencode_next() */
    size_t len;
    int64_t number;
};

/** Reads the value at the front; what comes behind it is not looked at. 0 or -EBADMSG. */
MUST_USE int bencode_read(struct bencode *out, const uint8_t *data, size_t len);
/** Goes through a list, or a dictionary's keys and values in turn. Start with a reader over `data`
 *  and `len` of a value that bencode_read() took. */
MUST_USE bool bencode_next(struct reader *in, struct bencode *out);
/** The value of a key: of the first, if there are several. */
MUST_USE bool bencode_find(const struct bencode *dict, const char *key, struct bencode *out);
/** Are all dictionaries in it sorted, no key twice? Then others encode it as it is here. */
bool bencode_is_canonical(const struct bencode *value);

void bencode_put_number(struct writer *w, int64_t number);
void bencode_put_bytes(struct writer *w, const void *data, size_t len);
/** A key, or any other word of ours. */
void bencode_put_text(struct writer *w, const char *text);
/** What follows until bencode_end() is in it. Keys and values come in turn, in order of the keys.
 */
void bencode_begin_dict(struct writer *w);
void bencode_begin_list(struct writer *w);
void bencode_end(struct writer *w);
