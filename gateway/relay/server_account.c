/* What each peer may have relayed: bytes a second and bytes a day. */
#include <stdlib.h>

#include "gateway/relay/server_parts.h"

#define DAY          SEC(86400)
#define BURST_MIN    (256 << 10) /* bytes */
#define ACCOUNTS_MAX 16384

static void drop(struct relay_server *s, struct relay_account *a)
{
    (void)map_remove(&s->by_payer, a->id.key, sizeof(a->id.key));
    list_remove(&a->link);
    free(a);
}

/* One that nobody uses gives up its place when its day is over, or when there are too many: the
 * oldest first, which has the least of its day left. */
static void make_room(struct relay_server *s, instant now)
{
    struct list *next;

    for (struct list *node = s->accounts.next; node != &s->accounts; node = next) {
        struct relay_account *a = list_entry(node, struct relay_account, link);
        next = node->next;
        bool over = now - a->day >= DAY, full = s->by_payer.count >= ACCOUNTS_MAX;
        if (!over && !full)
            return;
        if (a->users == 0)
            drop(s, a);
    }
}

struct relay_account *relay_account_open(struct relay_server *s, instant now,
                                         const struct peer_id *id)
{
    uint64_t rate = s->options.rate;
    struct relay_account *a = map_find(&s->by_payer, id->key, sizeof(id->key));

    if (!a) {
        make_room(s, now);
        a = calloc(1, sizeof(*a));
        if (!a)
            return NULL;
        a->id = *id;
        a->day = now;
        if (rate > 0)
            a->rate = bucket_of(rate, rate / 2 > BURST_MIN ? rate / 2 : BURST_MIN);
        if (map_insert(&s->by_payer, a->id.key, sizeof(a->id.key), a) < 0) {
            free(a);
            return NULL;
        }
        list_append(&s->accounts, &a->link);
    }
    a->users++;
    return a;
}

void relay_account_close(struct relay_account *a)
{
    if (a)
        a->users--;
}

bool relay_account_pay(struct relay_server *s, struct relay_account *a, instant now, uint64_t bytes)
{
    if (now - a->day >= DAY) {
        a->day = now;
        a->day_bytes = 0;
        list_remove(&a->link);
        list_append(&s->accounts, &a->link);
    }
    if (s->options.daily > 0 && a->day_bytes + bytes > s->options.daily)
        return false;
    if (a->rate.rate > 0 && !bucket_take(&a->rate, now, bytes))
        return false;
    a->day_bytes += bytes;
    return true;
}

void relay_account_end(struct relay_server *s)
{
    for (struct list *node; (node = list_first(&s->accounts));)
        drop(s, list_entry(node, struct relay_account, link));
}
