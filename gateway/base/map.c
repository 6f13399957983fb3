#include "gateway/base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static uint64_t read_le64(const uint8_t *at, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return word;
}

static void sip_rounds(uint64_t v[static 4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void sip_word(uint64_t v[static 4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

uint64_t map_hash(const uint64_t secret[static 2], const void *data, size_t len)
{
    const uint8_t *at = data;
    uint64_t v[4] = {
        secret[0] ^ UINT64_C(0x736f6d6570736575),
        secret[1] ^ UINT64_C(0x646f72616e646f6d),
        secret[0] ^ UINT64_C(0x6c7967656e657261),
        secret[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t left = len;
    for (; left >= 8; left -= 8, at += 8)
        sip_word(v, read_le64(at, 8));
    sip_word(v, read_le64(at, left) | (uint64_t)len << 56);
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_init(struct map *m, const uint8_t secret[static MAP_SECRET_LEN])
{
    *m = (struct map){.secret = {read_le64(secret, 8), read_le64(secret + 8, 8)}};
}

void map_deinit(struct map *m)
{
    free(m->slots);
    m->slots = NULL;
    m->room = m->count = 0;
}

/* The slot that holds the key, or the empty one where it would go. There is always an empty one. */
static size_t slot_of(const struct map *m, uint64_t hash, const void *key, size_t key_len)
{
    size_t i = (size_t)hash & (m->room - 1);
    for (;; i = (i + 1) & (m->room - 1)) {
        const struct map_slot *s = &m->slots[i];
        if (!s->value)
            return i;
        if (s->hash == hash && s->key_len == key_len && memcmp(s->key, key, key_len) == 0)
            return i;
    }
}

static int grow(struct map *m)
{
    struct map old = *m;
    size_t room = old.room > 0 ? old.room * 2 : FIRST_ROOM;
    struct map_slot *slots = calloc(room, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    m->slots = slots;
    m->room = room;
    for (size_t i = 0; i < old.room; i++) {
        const struct map_slot *s = &old.slots[i];
        if (s->value)
            m->slots[slot_of(m, s->hash, s->key, s->key_len)] = *s;
    }
    free(old.slots);
    return 0;
}

int map_insert(struct map *m, const void *key, size_t key_len, void *value)
{
    if (map_find(m, key, key_len))
        return -EEXIST;
    /* Three quarters full at most, so that searches stay short. */
    if (m->count + 1 > m->room / 4 * 3) {
        int err = grow(m);
        if (err < 0)
            return err;
    }
    uint64_t hash = map_hash(m->secret, key, key_len);
    m->slots[slot_of(m, hash, key, key_len)] =
        (struct map_slot){.hash = hash, .key = key, .key_len = key_len, .value = value};
    m->count++;
    return 0;
}

void *map_find(const struct map *m, const void *key, size_t key_len)
{
    if (m->count == 0)
        return NULL;
    uint64_t hash = map_hash(m->secret, key, key_len);
    return m->slots[slot_of(m, hash, key, key_len)].value;
}

void *map_remove(struct map *m, const void *key, size_t key_len)
{
    if (m->count == 0)
        return NULL;
    size_t mask = m->room - 1;
    size_t hole = slot_of(m, map_hash(m->secret, key, key_len), key, key_len);
    void *value = m->slots[hole].value;
    if (!value)
        return NULL;
    /* Close the gap: move back whatever a search would no longer reach across it. */
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = (size_t)m->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole].value = NULL;
    m->count--;
    return value;
}
