#include "gateway/discovery/lan_contacts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/identity/pair_key.h"

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

static struct pair_key_use use_of(const struct lan_contacts *c, const char label[static 16])
{
    return (struct pair_key_use){.label = label, .network = c->network};
}

static bool has_keys(const struct lan_contacts *c, struct lan_contact *p)
{
    const struct pair_key_use use = use_of(c, "lan-contact-1   ");

    if (p->state == LAN_KEYLESS)
        p->state =
            pair_keys(c->keys, &p->id, &use, p->key_in, p->key_out) == 0 ? LAN_KEYED : LAN_UNUSABLE;
    return p->state == LAN_KEYED;
}

void lan_contacts_ask_key(const struct lan_contacts *c, const struct peer_id *id, bool answer,
                          uint8_t key[static BEACON_KEY_LEN])
{
    const struct pair_key_use use = use_of(c, answer ? "lan-answer-1    " : "lan-question-1  ");

    pair_key_of_id(id, &use, key);
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
