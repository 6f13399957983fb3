#include "gateway/discovery/peer_exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/discovery/peer_exchange_parts.h"

/* ---- life ---- */

int peer_exchange_new(struct peer_exchange **out, const struct peer_exchange_options *options)
{
    struct peer_exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return -ENOMEM;
    x->options = *options;
    x->expires = INSTANT_NEVER;
    exchange_memory_init(&x->memory);
    list_init(&x->contacts);
    list_init(&x->asks);
    *out = x;
    return 0;
}

static struct exchange_contact *contact(struct list *link)
{
    return list_entry(link, struct exchange_contact, link);
}

static void free_list(struct list *head, void *(*entry)(struct list *link))
{
    for (struct list *link; (link = list_first(head));) {
        list_remove(link);
        free(entry(link));
    }
}

static void *as_contact(struct list *link)
{
    return contact(link);
}

static void *as_ask(struct list *link)
{
    return list_entry(link, struct exchange_ask, link);
}

void peer_exchange_free(struct peer_exchange *x)
{
    if (!x)
        return;
    free_list(&x->contacts, as_contact);
    free_list(&x->asks, as_ask);
    exchange_memory_deinit(&x->memory);
    free(x);
}

/* ---- contacts ---- */

/* Also one that left. */
static struct exchange_contact *find_any(const struct peer_exchange *x, const struct peer_id *id)
{
    list_each(link, &x->contacts)
    {
        if (peer_id_equal(&contact(link)->id, id))
            return contact(link);
    }
    return NULL;
}

struct exchange_contact *exchange_contact(const struct peer_exchange *x, const struct peer_id *id)
{
    struct exchange_contact *c = find_any(x, id);
    return c && c->here ? c : NULL;
}

bool exchange_hour_take(struct exchange_hour *h, instant now, unsigned max)
{
    if (now >= h->ends)
        *h = (struct exchange_hour){.ends = now + SEC(3600)};
    if (h->count >= max)
        return false;
    h->count++;
    return true;
}

/* 0: none has begun. */
static instant hours_end(const struct exchange_contact *c)
{
    const instant ends[] = {c->tells.ends, c->takes.ends, c->asks.ends, c->asked.ends};
    instant last = 0;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        last = ends[i] > last ? ends[i] : last;
    return last;
}

void exchange_answer(struct exchange_contact *c, const struct peer_id *key, bool found)
{
    if (c->answers < EXCHANGE_ANSWERS_MAX)
        c->answer[c->answers++] = (struct exchange_answer){*key, found};
}

/* Once more from the first; unless they are so many that the last ones still wait for their hour.
 */
static void tell_again(const struct peer_exchange *x, struct exchange_contact *c, instant now)
{
    c->own_told = false;
    c->retell = now + EXCHANGE_REPEAT;
    if (!exchange_memory_next(&x->memory, c->told, &c->id))
        c->told = 0;
}

void peer_exchange_join(struct peer_exchange *x, instant now, const struct peer_id *id,
                        const void *conn)
{
    struct exchange_contact *c = find_any(x, id);

    if (c && c->here && c->conn == conn)
        return;
    if (!c) {
        c = calloc(1, sizeof(*c));
        if (!c)
            return;
        c->id = *id;
        list_append(&x->contacts, &c->link);
    }
    c->here = true;
    c->conn = conn;
    c->own_told = false;
    c->told = 0;
    c->retell = now + EXCHANGE_REPEAT;
}

static void forget_absent(struct peer_exchange *x, instant now)
{
    for (struct list *link = x->contacts.next, *next; link != &x->contacts; link = next) {
        struct exchange_contact *c = contact(link);
        next = link->next;
        if (c->here || now < hours_end(c))
            continue;
        list_remove(&c->link);
        free(c);
    }
}

void peer_exchange_leave(struct peer_exchange *x, const struct peer_id *id)
{
    struct exchange_contact *c = exchange_contact(x, id);

    if (!c)
        return;
    c->here = c->takes_part = false;
    c->answers = 0;
    exchange_asks_without(x, id);
    forget_absent(x, 0);
}

void peer_exchange_each(const struct peer_exchange *x,
                        void (*seen)(void *arg, const struct peer_id *id), void *arg)
{
    for (struct list *link = x->contacts.next, *next; link != &x->contacts; link = next) {
        next = link->next;
        if (contact(link)->here)
            seen(arg, &contact(link)->id);
    }
}

void peer_exchange_set_own(struct peer_exchange *x, const struct dht_item *item)
{
    if (x->has_own && x->own.seq == item->seq)
        return;
    x->own = *item;
    x->has_own = true;
    list_each(link, &x->contacts)
    {
        contact(link)->own_told = false;
    }
}

/* ---- records that come in ---- */

/* Makes an item of a message, whose signature is not checked yet. */
static bool unpack(const struct peer_exchange *x, const struct exchange_message *m,
                   struct dht_item *out)
{
    uint8_t salt[PKARR_SALT_LEN];

    *out = (struct dht_item){.mutable = true, .seq = (int64_t)m->body.seq};
    memcpy(out->key, m->key, sizeof(out->key));
    memcpy(out->sig, m->body.sig, sizeof(out->sig));
    out->salt_len = pkarr_salt(x->options.network, m->key, salt);
    memcpy(out->salt, salt, out->salt_len);
    return out->seq > 0 && dht_item_set_bytes(out, m->body.packet, m->body.packet_len) == 0;
}

static bool is_true(const struct dht_item *item, struct pkarr_record *record)
{
    struct dht_item read;
    const struct krpc m = {
        .key = item->key,
        .sig = item->sig,
        .has_seq = true,
        .seq = item->seq,
        .value = {item->value, item->value_len},
    };
    const struct krpc_bytes packet = dht_item_bytes(item);

    return dht_item_read(&read, &m, (struct krpc_bytes){item->salt, item->salt_len}, NULL) == 0 &&
           pkarr_read(record, item->key, packet.at, packet.len) == 0;
}

/* No number may name two values: of such the first one stays. */
static bool is_news(const struct peer_exchange *x, const struct dht_item *item)
{
    const struct exchange_known *known = exchange_memory_find(&x->memory, item->key);
    struct peer_id id;

    memcpy(id.key, item->key, sizeof(id.key));
    return item->seq >= x->options.highest(x->options.arg, &id) &&
           (!known || item->seq > known->item.seq);
}

/* Takes a record that was not known. False: it is not to be kept. */
static bool take(struct peer_exchange *x, instant now, struct exchange_contact *from,
                 const struct dht_item *item, enum exchange_from how)
{
    struct pkarr_record record;

    if (!is_news(x, item)) {
        x->count.old++;
        return false;
    }
    if (!is_true(item, &record)) {
        x->count.forged++;
        return false;
    }
    if (!record.ours || !record.shares) {
        x->count.unwanted++;
        exchange_memory_forget(&x->memory, item->key);
        return false;
    }
    if (!exchange_memory_keep(&x->memory, now, item, how, &from->id))
        return false;
    x->count.taken++;
    return true;
}

static void on_record(struct peer_exchange *x, instant now, struct exchange_contact *from,
                      const struct exchange_message *m)
{
    struct dht_item item;
    struct peer_id key;
    enum exchange_from how = EXCHANGE_BY_PEER;

    memcpy(key.key, m->key, sizeof(key.key));
    bool own = peer_id_equal(&key, &from->id), asked = exchange_is_asked(x, &from->id, &key);
    if (peer_id_equal(&key, &x->options.self))
        return;
    if (own)
        how = EXCHANGE_BY_OWNER;
    else if (asked)
        how = EXCHANGE_BY_ANSWER;
    if (!asked && !exchange_hour_take(&from->takes, now, EXCHANGE_TAKES_HOUR)) {
        x->count.dropped++;
        return;
    }
    bool good = unpack(x, m, &item);
    x->count.forged += !good;
    good = good &&
           (exchange_memory_again(&x->memory, now, &item, how) || take(x, now, from, &item, how));
    if (own)
        from->takes_part = good || (from->takes_part && exchange_memory_find(&x->memory, m->key));
    exchange_on_answer(x, &from->id, &key, good);
}

void peer_exchange_input(struct peer_exchange *x, instant now, const struct peer_id *from,
                         const struct exchange_message *m)
{
    struct exchange_contact *c = exchange_contact(x, from);
    struct peer_id key;

    if (!c)
        return;
    memcpy(key.key, m->key, sizeof(key.key));
    switch (m->type) {
    case EXCHANGE_RECORD:
        on_record(x, now, c, m);
        break;
    case EXCHANGE_ASK:
        exchange_on_ask(x, now, c, m);
        break;
    case EXCHANGE_NONE:
        exchange_on_answer(x, from, &key, false);
        break;
    }
}

/* ---- what goes out ---- */

static void fill_record(struct exchange_message *out, const struct dht_item *item)
{
    const struct krpc_bytes packet = dht_item_bytes(item);

    *out = (struct exchange_message){.type = EXCHANGE_RECORD,
                                     .body = {.sig = item->sig,
                                              .seq = (uint64_t)item->seq,
                                              .packet = packet.at,
                                              .packet_len = packet.len}};
    memcpy(out->key, item->key, sizeof(out->key));
}

static bool next_answer(struct peer_exchange *x, struct exchange_contact *c,
                        struct exchange_message *out)
{
    if (c->answers == 0)
        return false;
    const struct exchange_answer a = c->answer[0];
    const struct exchange_known *k = exchange_memory_find(&x->memory, a.key.key);
    const struct dht_item *item = k ? &k->item : NULL;
    memmove(&c->answer[0], &c->answer[1], --c->answers * sizeof(c->answer[0]));
    if (x->has_own && peer_id_equal(&a.key, &x->options.self))
        item = &x->own;
    if (a.found && item) {
        fill_record(out, item);
        return true;
    }
    *out = (struct exchange_message){.type = EXCHANGE_NONE};
    memcpy(out->key, a.key.key, sizeof(out->key));
    return true;
}

/* Of its own accord: what is news to it. */
static bool next_told(struct peer_exchange *x, instant now, struct exchange_contact *c,
                      struct exchange_message *out)
{
    const struct exchange_known *k =
        c->takes_part ? exchange_memory_next(&x->memory, c->told, &c->id) : NULL;

    if (!k || !exchange_hour_take(&c->tells, now, EXCHANGE_TELLS_HOUR))
        return false;
    c->told = k->version;
    fill_record(out, &k->item);
    return true;
}

static bool next_for(struct peer_exchange *x, instant now, struct exchange_contact *c,
                     struct exchange_message *out)
{
    if (now >= c->retell)
        tell_again(x, c, now);
    if (x->has_own && !c->own_told) {
        c->own_told = true;
        fill_record(out, &x->own);
        return true;
    }
    return next_answer(x, c, out) || exchange_next_ask(x, now, c, out) || next_told(x, now, c, out);
}

bool peer_exchange_output(struct peer_exchange *x, instant now, struct exchange_tx *tx)
{
    x->expires = exchange_memory_expire(&x->memory, now);
    exchange_expire_asks(x, now);
    forget_absent(x, now);
    list_each(link, &x->contacts)
    {
        struct exchange_contact *c = contact(link);
        if (!c->here || !next_for(x, now, c, &tx->m))
            continue;
        tx->to = c->id;
        return true;
    }
    return false;
}

instant peer_exchange_deadline(const struct peer_exchange *x)
{
    instant due = x->expires;

    list_each(link, &x->contacts)
    {
        const struct exchange_contact *c = contact(link);
        instant at = c->here ? c->retell : hours_end(c);
        due = at < due ? at : due;
    }
    list_each(link, &x->asks)
    {
        const struct exchange_ask *a = list_entry(link, struct exchange_ask, link);
        if (!a->over && a->due < due)
            due = a->due;
    }
    return due;
}

/* ---- what it knows ---- */

bool peer_exchange_next_event(struct peer_exchange *x, struct exchange_event *out)
{
    const struct exchange_known *k = exchange_memory_next(&x->memory, x->told, NULL);

    if (k) {
        x->told = k->version;
        *out = (struct exchange_event){.kind = EXCHANGE_LEARNT};
        memcpy(out->id.key, k->item.key, sizeof(out->id.key));
        return true;
    }
    list_each(link, &x->asks)
    {
        struct exchange_ask *a = list_entry(link, struct exchange_ask, link);
        if (!a->over)
            continue;
        *out = (struct exchange_event){EXCHANGE_ENDED, a->key};
        list_remove(&a->link);
        x->ask_count--;
        free(a);
        return true;
    }
    return false;
}

const struct exchange_known *peer_exchange_find(const struct peer_exchange *x,
                                                const struct peer_id *id)
{
    return exchange_memory_find(&x->memory, id->key);
}

void peer_exchange_superseded(struct peer_exchange *x, const struct pkarr_record *record,
                              int64_t seq)
{
    const struct exchange_known *k = exchange_memory_find(&x->memory, record->key);

    if (k && k->item.seq < seq && !record->shares)
        exchange_memory_forget(&x->memory, record->key);
}

void peer_exchange_counts(const struct peer_exchange *x, struct exchange_counts *out)
{
    *out = x->count;
    out->known = x->memory.count;
    list_each(link, &x->contacts)
    {
        out->contacts += contact(link)->takes_part;
    }
}
