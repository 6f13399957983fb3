#include "gateway/discovery/exchange_memory.h"

#include <stdlib.h>
#include <string.h>

void exchange_memory_init(struct exchange_memory *m)
{
    *m = (struct exchange_memory){.count = 0};
    list_init(&m->known);
}

static struct exchange_known *entry(struct list *link)
{
    return list_entry(link, struct exchange_known, link);
}

static void drop(struct exchange_memory *m, struct exchange_known *k)
{
    list_remove(&k->link);
    m->count--;
    free(k);
}

void exchange_memory_deinit(struct exchange_memory *m)
{
    for (struct list *link; (link = list_first(&m->known));)
        drop(m, entry(link));
}

static struct exchange_known *find(const struct exchange_memory *m,
                                   const uint8_t key[static KRPC_KEY_LEN])
{
    list_each(link, &m->known)
    {
        if (memcmp(entry(link)->item.key, key, KRPC_KEY_LEN) == 0)
            return entry(link);
    }
    return NULL;
}

const struct exchange_known *exchange_memory_find(const struct exchange_memory *m,
                                                  const uint8_t key[static KRPC_KEY_LEN])
{
    return find(m, key);
}

static void hear(struct exchange_memory *m, struct exchange_known *k, instant now,
                 enum exchange_from from)
{
    k->heard = now;
    if (from == EXCHANGE_BY_OWNER)
        k->owner_heard = now;
    list_remove(&k->link);
    list_append(&m->known, &k->link);
}

bool exchange_memory_again(struct exchange_memory *m, instant now, const struct dht_item *item,
                           enum exchange_from from)
{
    struct exchange_known *k = find(m, item->key);

    if (!k || k->item.seq != item->seq || k->item.value_len != item->value_len ||
        memcmp(k->item.sig, item->sig, sizeof(item->sig)) != 0 ||
        memcmp(k->item.value, item->value, item->value_len) != 0)
        return false;
    hear(m, k, now, from);
    if (from < k->from) {
        k->from = from;
        k->version = ++m->version; /* it may be passed on now */
    }
    return true;
}

/* ---- bounds ---- */

static unsigned told_by(const struct exchange_memory *m, const struct peer_id *who,
                        struct exchange_known **oldest)
{
    unsigned count = 0;

    *oldest = NULL;
    list_each(link, &m->known)
    {
        struct exchange_known *k = entry(link);
        if (k->from == EXCHANGE_BY_OWNER || !peer_id_equal(&k->told_by, who))
            continue;
        if (count++ == 0)
            *oldest = k;
    }
    return count;
}

/* The oldest of whom has told most; if all came from their owners, the oldest. */
static struct exchange_known *whose_turn(const struct exchange_memory *m)
{
    struct exchange_known *worst = NULL;
    unsigned most = 0;

    list_each(link, &m->known)
    {
        struct exchange_known *k = entry(link), *oldest;
        unsigned count = k->from == EXCHANGE_BY_OWNER ? 0 : told_by(m, &k->told_by, &oldest);
        if (worst && count <= most)
            continue;
        worst = k;
        most = count;
    }
    return worst;
}

static void make_room(struct exchange_memory *m, enum exchange_from from,
                      const struct peer_id *teller)
{
    struct exchange_known *oldest;

    if (from != EXCHANGE_BY_OWNER && told_by(m, teller, &oldest) >= EXCHANGE_TOLD_MAX)
        drop(m, oldest);
    else if (m->count >= EXCHANGE_KNOWN_MAX)
        drop(m, whose_turn(m));
}

/* ---- news ---- */

bool exchange_memory_keep(struct exchange_memory *m, instant now, const struct dht_item *item,
                          enum exchange_from from, const struct peer_id *teller)
{
    struct exchange_known *k = find(m, item->key);

    if (!k) {
        k = calloc(1, sizeof(*k));
        if (!k)
            return false;
        make_room(m, from, teller);
        k->from = from;
        list_append(&m->known, &k->link);
        m->count++;
    }
    k->item = *item;
    k->told_by = *teller;
    /* What its owner told us is his still when another one is the first to tell the next version of
     * it: he signed it. */
    k->from = from < k->from ? from : k->from;
    k->version = ++m->version;
    hear(m, k, now, from);
    return true;
}

void exchange_memory_forget(struct exchange_memory *m, const uint8_t key[static KRPC_KEY_LEN])
{
    struct exchange_known *k = find(m, key);

    if (k)
        drop(m, k);
}

static bool may_tell(const struct exchange_known *k, const struct peer_id *to)
{
    return k->from == EXCHANGE_BY_OWNER && memcmp(k->item.key, to->key, sizeof(to->key)) != 0;
}

const struct exchange_known *exchange_memory_next(const struct exchange_memory *m, uint64_t version,
                                                  const struct peer_id *to)
{
    const struct exchange_known *next = NULL;

    list_each(link, &m->known)
    {
        const struct exchange_known *k = entry(link);
        if (k->version <= version || (next && k->version > next->version))
            continue;
        if (!to || may_tell(k, to))
            next = k;
    }
    return next;
}

instant exchange_memory_expire(struct exchange_memory *m, instant now)
{
    instant next = INSTANT_NEVER;
    struct list *first;

    while ((first = list_first(&m->known)) && now >= entry(first)->heard + EXCHANGE_KEPT_FOR)
        drop(m, entry(first));
    list_each(link, &m->known)
    {
        struct exchange_known *k = entry(link);
        bool owners = k->from == EXCHANGE_BY_OWNER;
        instant ends = (owners ? k->owner_heard : k->heard) + EXCHANGE_KEPT_FOR;
        if (owners && now >= ends) {
            k->from = EXCHANGE_BY_PEER;
            ends = k->heard + EXCHANGE_KEPT_FOR;
        }
        next = ends < next ? ends : next;
    }
    return next;
}
