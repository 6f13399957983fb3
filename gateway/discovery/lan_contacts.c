#include "gateway/discovery/lan_contacts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"

/* Keys made for one datagram from outside: with thousands of contacts the rest wait for the next.
 */
#define KEYS_AT_ONCE 64

void lan_contacts_init(struct lan_contacts *c, const struct keys *keys,
                       const uint8_t network[static LAN_NETWORK_LEN])
{
    *c = (struct lan_contacts){.keys = keys};
    memcpy(c->network, network, LAN_NETWORK_LEN);
}

static void wipe(struct lan_contact *list, size_t count)
{
    if (list)
        secret_wipe(list, count * sizeof(*list));
    free(list);
}

void lan_contacts_deinit(struct lan_contacts *c)
{
    wipe(c->list, c->count);
    *c = (struct lan_contacts){0};
}

/* ---- keys ---- */

/* Key of what `speaker` says, under a secret or an id. */
static void derive(const struct lan_contacts *c, uint8_t out[static BEACON_KEY_LEN],
                   const uint8_t secret[static 32], const char label[static 16],
                   const struct peer_id *speaker)
{
    uint8_t text[16 + LAN_NETWORK_LEN + PEER_ID_LEN];

    memcpy(text, label, 16);
    memcpy(text + 16, c->network, LAN_NETWORK_LEN);
    memcpy(text + 16 + LAN_NETWORK_LEN, speaker->key, PEER_ID_LEN);
    hash_blake2b(out, BEACON_KEY_LEN, secret, 32, text, sizeof(text));
}

static bool has_keys(const struct lan_contacts *c, struct lan_contact *p)
{
    uint8_t secret[32];

    if (p->state != LAN_KEYLESS)
        return p->state == LAN_KEYED;
    if (keys_shared_secret(c->keys, &p->id, secret) < 0) {
        p->state = LAN_UNUSABLE;
        return false;
    }
    derive(c, p->key_in, secret, "lan-contact-1   ", &p->id);
    derive(c, p->key_out, secret, "lan-contact-1   ", &c->keys->id);
    secret_wipe(secret, sizeof(secret));
    p->state = LAN_KEYED;
    return true;
}

void lan_contacts_ask_key(const struct lan_contacts *c, const struct peer_id *id, bool answer,
                          uint8_t key[static BEACON_KEY_LEN])
{
    derive(c, key, id->key, answer ? "lan-answer-1    " : "lan-question-1  ", id);
}

/* ---- the list ---- */

static int compare(const void *a, const void *b)
{
    const struct lan_contact *x = a, *y = b;
    return peer_id_compare(&x->id, &y->id);
}

static struct lan_contact *search(const struct lan_contacts *c, const struct peer_id *id)
{
    const struct lan_contact key = {.id = *id};
    return c->count == 0 ? NULL : bsearch(&key, c->list, c->count, sizeof(key), compare);
}

/* Drops double ids and our own from a sorted list. Returns how many are left. */
static size_t drop_double(const struct lan_contacts *c, struct lan_contact *list, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (peer_id_equal(&list[i].id, &c->keys->id))
            continue;
        if (kept > 0 && peer_id_equal(&list[kept - 1].id, &list[i].id))
            continue;
        list[kept++] = list[i];
    }
    return kept;
}

int lan_contacts_set(struct lan_contacts *c, const struct peer_id *ids, size_t count)
{
    struct lan_contact *list = calloc(count + 1, sizeof(*list));
    bool fresh = false;

    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        list[i].id = ids[i];
    qsort(list, count, sizeof(*list), compare);
    count = drop_double(c, list, count);
    for (size_t i = 0; i < count; i++) {
        const struct lan_contact *old = search(c, &list[i].id);
        fresh = fresh || !old;
        if (old)
            list[i] = *old;
    }
    wipe(c->list, c->count);
    c->list = list;
    c->count = count;
    return fresh;
}

struct lan_contact *lan_contacts_find(struct lan_contacts *c, const struct peer_id *id)
{
    struct lan_contact *p = search(c, id);
    return p && has_keys(c, p) ? p : NULL;
}

struct lan_contact *lan_contacts_recognise(struct lan_contacts *c, const struct beacon *b,
                                           struct beacon_note *note)
{
    unsigned made = 0;

    for (size_t i = 0; i < c->count; i++) {
        struct lan_contact *p = &c->list[i];
        if (p->state == LAN_KEYLESS && made++ >= KEYS_AT_ONCE)
            continue;
        if (has_keys(c, p) && beacon_open(b, p->key_in, note) == 0)
            return p;
    }
    return NULL;
}

size_t lan_contacts_next_keys(struct lan_contacts *c,
                              uint8_t keys[static BEACON_ENTRIES_MAX][BEACON_KEY_LEN])
{
    size_t n = 0;

    for (size_t i = 0; i < c->count && n < BEACON_ENTRIES_MAX; i++) {
        struct lan_contact *p = &c->list[c->next++ % c->count];
        if (has_keys(c, p))
            memcpy(keys[n++], p->key_out, BEACON_KEY_LEN);
    }
    if (c->count > 0)
        c->next %= c->count;
    return n;
}
