/* Questions for one record: ours, those of contacts, and those that we ask for them. */
#include <stdlib.h>
#include <string.h>

#include "gateway/discovery/peer_exchange.h"
#include "gateway/discovery/peer_exchange_parts.h"

static struct exchange_ask *entry(struct list *link)
{
    return list_entry(link, struct exchange_ask, link);
}

static void drop(struct peer_exchange *x, struct exchange_ask *a)
{
    list_remove(&a->link);
    x->ask_count--;
    free(a);
}

/* Ours is told by peer_exchange_next_event(), which drops it. */
static void end(struct peer_exchange *x, struct exchange_ask *a, bool found)
{
    struct exchange_contact *asker = a->ours ? NULL : exchange_contact(x, &a->asker);

    a->over = true;
    if (asker)
        exchange_answer(asker, &a->key, found);
    if (!a->ours)
        drop(x, a);
}

static bool is_hopeless(const struct exchange_ask *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->to[i].state != EXCHANGE_ANSWERED)
            return false;
    return true;
}

/* ---- asking ---- */

static struct exchange_ask *find_own(const struct peer_exchange *x, const struct peer_id *key)
{
    list_each(link, &x->asks)
    {
        if (entry(link)->ours && !entry(link)->over && peer_id_equal(&entry(link)->key, key))
            return entry(link);
    }
    return NULL;
}

/* Asks those that take part, but for the asker and the one whose record it is. NULL: nobody. What
 * others ask leaves half of everything to us. */
static struct exchange_ask *ask_all(struct peer_exchange *x, const struct peer_id *key,
                                    const struct peer_id *asker)
{
    const unsigned max = asker ? EXCHANGE_ASKS_MAX / 2 : EXCHANGE_ASKS_MAX;
    struct exchange_ask *a = x->ask_count < max ? calloc(1, sizeof(*a)) : NULL;

    if (!a)
        return NULL;
    a->key = *key;
    a->ours = asker == NULL;
    if (asker)
        a->asker = *asker;
    list_each(link, &x->contacts)
    {
        const struct exchange_contact *c = list_entry(link, struct exchange_contact, link);
        if (a->count == EXCHANGE_ASKED_MAX)
            break;
        if (c->takes_part && !peer_id_equal(&c->id, key) &&
            !(asker && peer_id_equal(&c->id, asker)))
            a->to[a->count++].who = c->id;
    }
    if (a->count == 0) {
        free(a);
        return NULL;
    }
    list_append(&x->asks, &a->link);
    x->ask_count++;
    return a;
}

unsigned peer_exchange_ask(struct peer_exchange *x, instant now, const struct peer_id *id)
{
    struct exchange_ask *a = find_own(x, id);

    if (!a && !peer_id_equal(id, &x->options.self)) {
        a = ask_all(x, id, NULL);
        if (a)
            a->due = now + EXCHANGE_ASK_LASTS;
    }
    return a ? a->count : 0;
}

bool exchange_next_ask(struct peer_exchange *x, instant now, struct exchange_contact *to,
                       struct exchange_message *out)
{
    list_each(link, &x->asks)
    {
        struct exchange_ask *a = entry(link);
        for (unsigned i = 0; i < a->count && !a->over; i++) {
            if (a->to[i].state != EXCHANGE_TO_ASK || !peer_id_equal(&a->to[i].who, &to->id))
                continue;
            /* Who may not be asked any more answers by his silence. */
            a->to[i].state = EXCHANGE_ASKED;
            if (!exchange_hour_take(&to->asks, now,
                                    a->ours ? EXCHANGE_ASKS_HOUR : EXCHANGE_ASKS_HOUR / 2))
                continue;
            *out = (struct exchange_message){.type = EXCHANGE_ASK,
                                             .flags = a->ours ? EXCHANGE_ASK_ON : 0};
            memcpy(out->key, a->key.key, sizeof(out->key));
            return true;
        }
    }
    return false;
}

/* ---- being asked ---- */

/* What may be given to anybody who asks. */
static bool may_give(const struct peer_exchange *x, const struct peer_id *key)
{
    const struct exchange_known *k = exchange_memory_find(&x->memory, key->key);

    if (peer_id_equal(key, &x->options.self))
        return x->has_own;
    return k && k->from != EXCHANGE_BY_ANSWER;
}

void exchange_on_ask(struct peer_exchange *x, instant now, struct exchange_contact *from,
                     const struct exchange_message *m)
{
    struct exchange_ask *a = NULL;
    struct peer_id key;

    memcpy(key.key, m->key, sizeof(key.key));
    if (!from->takes_part || !exchange_hour_take(&from->asked, now, EXCHANGE_ASKS_HOUR)) {
        x->count.dropped++;
        return;
    }
    if (may_give(x, &key)) {
        exchange_answer(from, &key, true);
        return;
    }
    if ((m->flags & EXCHANGE_ASK_ON) && !peer_id_equal(&key, &from->id))
        a = ask_all(x, &key, &from->id);
    if (a)
        a->due = now + EXCHANGE_ON_LASTS;
    else
        exchange_answer(from, &key, false);
}

/* ---- answers ---- */

static bool has_asked(const struct exchange_ask *a, const struct peer_id *who)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->to[i].state == EXCHANGE_ASKED && peer_id_equal(&a->to[i].who, who))
            return true;
    return false;
}

bool exchange_is_asked(const struct peer_exchange *x, const struct peer_id *from,
                       const struct peer_id *key)
{
    list_each(link, &x->asks)
    {
        const struct exchange_ask *a = entry(link);
        if (!a->over && peer_id_equal(&a->key, key) && has_asked(a, from))
            return true;
    }
    return false;
}

static void settle(struct exchange_ask *a, const struct peer_id *who)
{
    for (unsigned i = 0; i < a->count; i++)
        if (peer_id_equal(&a->to[i].who, who))
            a->to[i].state = EXCHANGE_ANSWERED;
}

void exchange_on_answer(struct peer_exchange *x, const struct peer_id *from,
                        const struct peer_id *key, bool found)
{
    for (struct list *link = x->asks.next, *next; link != &x->asks; link = next) {
        struct exchange_ask *a = entry(link);
        next = link->next;
        if (a->over || !peer_id_equal(&a->key, key) || !has_asked(a, from))
            continue;
        settle(a, from);
        if (found || is_hopeless(a))
            end(x, a, found);
    }
}

void exchange_asks_without(struct peer_exchange *x, const struct peer_id *id)
{
    for (struct list *link = x->asks.next, *next; link != &x->asks; link = next) {
        struct exchange_ask *a = entry(link);
        next = link->next;
        if (a->over)
            continue;
        settle(a, id);
        if (!a->ours && peer_id_equal(&a->asker, id))
            drop(x, a);
        else if (is_hopeless(a))
            end(x, a, false);
    }
}

void exchange_expire_asks(struct peer_exchange *x, instant now)
{
    for (struct list *link = x->asks.next, *next; link != &x->asks; link = next) {
        struct exchange_ask *a = entry(link);
        next = link->next;
        if (!a->over && now >= a->due)
            end(x, a, false);
    }
}
