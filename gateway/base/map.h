/**
 * A hash table from bytes to pointers that stays fast when a stranger chooses the bytes.
 *
 * Keys are hashed by SipHash-2-4 with a secret that the owner draws at random (env_random()). The
 * table keeps pointers to the keys, which therefore live in the values, unchanged while they are
 * in. It grows as needed and does not shrink.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/base/attr.h"

#define MAP_SECRET_LEN 16

struct map_slot {
    uint64_t hash;
    const void *key;
    size_t key_len;
    void *value; /* NULL: empty */
};

struct map {
    struct map_slot *slots;
    size_t room; /* a power of two, or 0 */
    size_t count;
    uint64_t secret[2];
};

/** Starts an empty table; takes no memory yet. */
void map_init(struct map *m, const uint8_t secret[static MAP_SECRET_LEN]);
/** Gives the table's memory back; the values are the caller's. */
void map_deinit(struct map *m);

/** Adds a value that is not NULL, keeping `key`. Returns 0, -EEXIST or -ENOMEM. */
MUST_USE int map_insert(struct map *m, const void *key, size_t key_len, void *value);
/** Returns the value, or NULL. */
void *map_find(const struct map *m, const void *key, size_t key_len);
/** Takes a value out and returns it, or NULL. */
void *map_remove(struct map *m, const void *key, size_t key_len);

/** SipHash-2-4 of `len` bytes (Aumasson and Bernstein, 2012). */
uint64_t map_hash(const uint64_t secret[static 2], const void *data, size_t len);
