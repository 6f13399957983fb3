/* Where we are, for everybody who knows our key; and where others say in their records that they
 * are. */
#include "gateway/node/members.h"

#include <string.h>

#include "gateway/punch/attempt.h"

static size_t our_relays(void *arg, char out[static PKARR_RELAYS_MAX][PKARR_RELAY_MAX + 1])
{
    const struct node *n = arg;

    _Static_assert(PKARR_RELAYS_MAX == PEER_RELAYS_MAX && PKARR_RELAY_MAX == PEER_RELAY_MAX,
                   "a record names relays as the registry does");
    return relay_desk_ours(&n->relay, out);
}

/* Only what leads to us from anywhere, and only if a person wants it to be known. */
static size_t our_addresses(void *arg, struct addr *out, size_t max)
{
    const struct node *n = arg;
    struct candidate all[CANDIDATES_MAX];
    size_t count = 0;

    if (!n->options.publish_addresses)
        return 0;
    size_t all_count = gather_list(&n->punch.gather, all);
    for (size_t i = 0; i < all_count && count < max; i++)
        if (all[i].type != CANDIDATE_RELAYED && punch_may_probe(&all[i].addr, NULL, 0, false))
            out[count++] = all[i].addr;
    return count;
}

static void add_addresses(const struct node *n, struct peer *p, const struct pkarr_record *record)
{
    for (size_t i = 0; i < record->addrs; i++) {
        const struct path path = {.kind = PATH_UDP, .remote = record->addr[i]};
        if (punch_may_probe(&record->addr[i], NULL, 0, false) &&
            gather_may_be_peer(&n->punch.gather, &record->addr[i]))
            peer_add_candidate(p, &path);
    }
}

static void on_places(void *arg, struct peer *p, const struct pkarr_record *record)
{
    struct node *n = arg;
    char relay[PEER_RELAYS_MAX][PEER_RELAY_MAX + 1] = {{0}};
    size_t count = 0;

    for (size_t i = 0; i < record->relays; i++)
        if (registry_relay_ok(record->relay[i]))
            memcpy(relay[count++], record->relay[i], sizeof(relay[0]));
    if (count > 0)
        relay_desk_find_at(&n->relay, p, relay);
    add_addresses(n, p, record);
}

static bool ask_peers(void *arg, const struct peer_id *id)
{
    struct node *n = arg;
    return exchange_desk_ask(&n->exchange, id);
}

static const struct exchange_known *peers_told(void *arg, const struct peer_id *id)
{
    const struct node *n = arg;
    return exchange_desk_find(&n->exchange, id);
}

static void on_own(void *arg, const struct dht_item *item)
{
    struct node *n = arg;
    exchange_desk_set_own(&n->exchange, item);
}

static void on_found(void *arg, const struct record_found *found)
{
    struct node *n = arg;
    exchange_desk_superseded(&n->exchange, found);
}

int node_start_dht(struct node *n, char *why, size_t why_len)
{
    const struct record_source source = {
        .keys = n->keys,
        .relays = our_relays,
        .addresses = our_addresses,
        .ask = ask_peers,
        .told = peers_told,
        .on_own = on_own,
        .on_found = on_found,
        .on_places = on_places,
        .arg = n,
    };
    const struct mailbox_desk_options mailbox = {
        .keys = n->keys,
        .network = n->hello.network,
        .gather = &n->punch.gather,
        .dht = &n->dht,
        .mail = &n->mail,
        .relay = &n->relay,
    };
    int err = dht_desk_start(&n->dht, &n->desk, why, why_len);

    if (err < 0)
        return err;
    mailbox_desk_start(&n->mailbox, &n->desk, &mailbox);
    err = record_desk_start(&n->record, &n->desk, &n->dht, &source);
    return err < 0 ? err : exchange_desk_start(&n->exchange, &n->desk, &n->record);
}
