/* Invites of others that we open: asking everywhere, proving ourselves, joining. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/crypto/secret.h"
#include "gateway/node/invite_parts.h"
#include "gateway/node/members.h"

#define ASK_FIRST  SEC(1)
#define ASK_LATER  SEC(2)
#define QUICK_ASKS 3
#define SAME_CLAIM MSEC(300)  /* is sent at most so often: offers of one host come by many roads */
#define GRACE      MSEC(1500) /* after a refusal: another may be the host */

/* ---- the end of one ---- */

static void quest_free(struct invite_desk *d, struct invite_quest *q)
{
    q->join->quest = NULL;
    for (size_t i = 0; i < INVITE_SLOTS; i++)
        invite_place_end(&q->place[i]);
    invite_guest_end(&q->guest);
    secret_wipe(&q->ticket, sizeof(q->ticket));
    list_remove(&q->link);
    d->quest_count--;
    free(q);
}

/* Who waits hears of it when the loop has handled what came. */
static void finish(struct invite_desk *d, struct invite_quest *q, int err, const char *why)
{
    q->over = true;
    q->err = err;
    (void)snprintf(q->why, sizeof(q->why), "%s", err < 0 ? why : "");
    env_defer(d->node->env, &d->later);
}

static void tell(struct invite_desk *d, struct invite_quest *q)
{
    struct node_join *j = q->join;
    const struct node_joined joined = q->joined;
    char why[sizeof(q->why)];
    int err = q->err;

    memcpy(why, q->why, sizeof(why));
    quest_free(d, q);
    j->done(j, err, err < 0 ? NULL : &joined, why);
}

void invite_quests_settle(struct invite_desk *d)
{
    struct list list;

    list_take_all(&list, &d->quests);
    for (struct list *node; (node = list_first(&list));) {
        struct invite_quest *q = list_entry(node, struct invite_quest, link);
        list_remove(node);
        list_append(&d->quests, node);
        if (!q->over)
            continue;
        tell(d, q);
    }
}

static const char *text_of_refusal(int err)
{
    return err == -EACCES ? "the words are not those of the invite"
                          : "the invite is over: used, too old or revoked";
}

static void give_up(struct invite_desk *d, struct invite_quest *q)
{
    char why[160];

    if (q->refused < 0) {
        finish(d, q, q->refused, text_of_refusal(q->refused));
        return;
    }
    (void)snprintf(why, sizeof(why), "nobody answered for %s; asked: %s%s%s%u relay%s", q->text,
                   q->lan ? "this network, " : "", q->by_ticket ? "the ticket's addresses, " : "",
                   d->options.dht->dht ? "the DHT, " : "", q->relays, q->relays == 1 ? "" : "s");
    finish(d, q, -ETIMEDOUT, why);
}

/* ---- asking ---- */

static unsigned seek_relays_of(struct invite_desk *d, const struct hints *hints,
                               const uint8_t *note, size_t len)
{
    unsigned count = 0;

    for (size_t i = 0; i < hints->relays; i++) {
        struct peer_id id;
        char id_text[PEER_ID_TEXT_LEN + 1], text[PEER_ID_TEXT_LEN + 2 + HINTS_HOST_MAX];
        memcpy(id.key, hints->relay[i].id, sizeof(id.key));
        (void)snprintf(text, sizeof(text), "%s@%s", peer_id_print(&id, id_text),
                       hints->relay[i].host);
        count += relay_desk_seek(d->options.relay, text, note, len);
    }
    return count;
}

static void seek(struct invite_desk *d, struct invite_quest *q)
{
    uint8_t note[INVITE_MESSAGE_MAX];
    size_t len = invite_guest_ask(&q->guest, note);

    q->relays = relay_desk_seek(d->options.relay, NULL, note, len);
    if (q->by_ticket)
        q->relays += seek_relays_of(d, &q->ticket.hints, note, len);
}

static void ask_addresses(struct invite_desk *d, const struct hints *hints, const uint8_t *note,
                          size_t len)
{
    for (size_t i = 0; i < hints->addrs; i++) {
        const struct udp_tx tx = {.to = &hints->addr[i], .data = note, .len = len};
        if (relay_site_may_name(d->node, &hints->addr[i]))
            hub_send(d->node->hub, &tx);
    }
}

/* Claims are sent again until an answer comes. */
static void claim_again(struct invite_desk *d, struct invite_quest *q, instant now)
{
    for (size_t i = 0; i < INVITE_CLAIMS_MAX; i++) {
        struct invite_try *t = &q->try[i];
        const struct invite_claim *c = &q->guest.claim[i];
        if (!c->used || now < t->quiet_until || now < t->sent + SAME_CLAIM)
            continue;
        t->sent = now;
        invite_send(d, &t->road, c->message, c->len);
    }
}

static void ask(struct invite_desk *d, struct invite_quest *q, instant now)
{
    uint8_t note[INVITE_MESSAGE_MAX];
    size_t len = invite_guest_ask(&q->guest, note);

    q->lan = lan_link_shout(d->options.lan, note, len);
    if (q->by_ticket)
        ask_addresses(d, &q->ticket.hints, note, len);
    seek(d, q);
    claim_again(d, q, now);
    q->next = now + (q->asked++ < QUICK_ASKS ? ASK_FIRST : ASK_LATER);
}

void invite_quests_seek(struct invite_desk *d)
{
    list_each(node, &d->quests)
    {
        seek(d, list_entry(node, struct invite_quest, link));
    }
}

/* ---- answers ---- */

static struct invite_try *try_of(struct invite_quest *q, const uint8_t *session)
{
    for (size_t i = 0; i < INVITE_CLAIMS_MAX; i++)
        if (q->guest.claim[i].used &&
            memcmp(q->guest.claim[i].session, session, INVITE_SESSION_LEN) == 0)
            return &q->try[i];
    return NULL;
}

static void on_offer(struct invite_desk *d, struct invite_quest *q, const struct invite_road *road,
                     const struct invite_message *m, const uint8_t *claim, size_t len)
{
    struct invite_try *t = try_of(q, m->session);
    instant now = env_now(d->node->env);

    if (!t || now < t->quiet_until || (t->sent > 0 && now < t->sent + SAME_CLAIM))
        return;
    t->road = *road;
    t->sent = now;
    invite_send(d, road, claim, len);
}

static void on_refused(struct invite_desk *d, struct invite_quest *q,
                       const struct invite_message *m, enum invite_refusal refusal)
{
    struct invite_try *t = try_of(q, m->session);
    instant now = env_now(d->node->env);

    if (!t || t->quiet_until == INSTANT_NEVER)
        return;
    if (refusal == INVITE_SLOW) {
        t->quiet_until = now + INVITE_PAUSE;
        return;
    }
    t->quiet_until = INSTANT_NEVER;
    if (refusal == INVITE_STALE) {
        if (t->road.kind == INVITE_ROAD_SLOT)
            t->road.place->claimed = false; /* the next offer is to be read there */
        q->next = now;
        return;
    }
    q->refused = refusal == INVITE_GONE ? -EKEYEXPIRED : -EACCES;
    if (q->fail_at == INSTANT_NEVER)
        q->fail_at = now + GRACE;
}

static void on_proven(struct invite_desk *d, struct invite_quest *q, const struct invite_road *road,
                      const struct invite_result *result)
{
    struct node_joined joined = {.peer = result->party.id};
    const struct peer_id *id = &result->party.id;

    /* A ticket names its host, and its secret was known to no other. */
    if (q->by_ticket && memcmp(id->key, q->ticket.id, sizeof(id->key)) != 0)
        return;
    int err = invite_adopt(d, road, &result->party, joined.alias);
    if (preamble_name_ok(result->party.hints.service))
        memcpy(joined.service, result->party.hints.service, sizeof(joined.service));
    memcpy(joined.fingerprint, result->fingerprint, sizeof(joined.fingerprint));
    q->joined = joined;
    finish(d, q, err, err == -EACCES ? "its host is blocked here" : strerror(-err));
    if (err == 0)
        log_info(LOG_PEER, "joined %s by its invite, fingerprint %s", joined.alias,
                 joined.fingerprint);
}

static void input(struct invite_desk *d, struct invite_quest *q, const struct invite_road *road,
                  const struct invite_message *m, const uint8_t *data, size_t len)
{
    uint8_t out[INVITE_MESSAGE_MAX];
    struct invite_result result;

    invite_guest_input(&q->guest, data, len, out, &result);
    switch (result.verdict) {
    case INVITE_ANSWER:
        on_offer(d, q, road, m, out, result.len);
        break;
    case INVITE_REFUSED:
        on_refused(d, q, m, result.refusal);
        break;
    case INVITE_PROVEN:
        on_proven(d, q, road, &result);
        break;
    case INVITE_IGNORE:
        break;
    }
}

/* Two that open the same invite look into the same slots, each through places of its own, which
 * live as long as it does. */
static bool is_for(const struct invite_quest *q, const struct invite_road *road,
                   const struct invite_message *m)
{
    bool own = road->kind != INVITE_ROAD_SLOT;

    for (size_t i = 0; i < INVITE_SLOTS; i++)
        own = own || road->place == &q->place[i];
    return own && !q->over && memcmp(q->guest.secret.handle, m->handle, INVITE_HANDLE_LEN) == 0;
}

void invite_quests_input(struct invite_desk *d, const struct invite_road *road,
                         const struct invite_message *m, const uint8_t *data, size_t len)
{
    list_each(node, &d->quests)
    {
        struct invite_quest *q = list_entry(node, struct invite_quest, link);
        if (is_for(q, road, m))
            input(d, q, road, m, data, len);
    }
    invite_set_timer(d);
}

/* ---- time ---- */

static instant due_of(const struct invite_quest *q)
{
    instant due = q->next < q->give_up ? q->next : q->give_up;
    if (q->over)
        return INSTANT_NEVER;
    return q->fail_at < due ? q->fail_at : due;
}

instant invite_quests_tick(struct invite_desk *d, instant now)
{
    instant due = INSTANT_NEVER;

    list_each(node, &d->quests)
    {
        struct invite_quest *q = list_entry(node, struct invite_quest, link);
        if (!q->over && (now >= q->give_up || now >= q->fail_at))
            give_up(d, q);
        else if (!q->over && now >= q->next)
            ask(d, q, now);
        instant slots = q->over ? INSTANT_NEVER : invite_slots_tick_quest(d, q, now);
        instant at = due_of(q);
        at = slots < at ? slots : at;
        due = at < due ? at : due;
    }
    return due;
}

void invite_quests_end(struct invite_desk *d)
{
    list_each(node, &d->quests)
    {
        finish(d, list_entry(node, struct invite_quest, link), -ECANCELED, "the gateway stops");
    }
    invite_quests_settle(d);
}

/* ---- what people ask for ---- */

int node_join(struct node *n, const struct invite_code *code, const struct ticket *ticket,
              instant patience, struct node_join *j)
{
    struct invite_desk *d = &n->invite;
    const struct invite_random random = invite_random_of(d);
    struct invite_secret secret;
    struct invite_party self;
    uint8_t network[32];

    invite_network(d, network);
    if (ticket)
        invite_secret_of_ticket(&secret, ticket->secret, network);
    else if (code)
        invite_secret_of_code(&secret, code, network);
    else
        return -EINVAL;
    if (invite_hosts_have(d, secret.handle))
        return -EINVAL;
    if (d->quest_count == NODE_JOINS_MAX)
        return -EBUSY;
    struct invite_quest *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    if (ticket)
        q->ticket = *ticket;
    q->by_ticket = ticket != NULL;
    (void)snprintf(q->text, sizeof(q->text), ticket ? "that ticket" : "code %u",
                   ticket ? 0 : code->number);
    invite_self(d, "", &self);
    invite_guest_begin(&q->guest, &secret, &random, &self);
    secret_wipe(&secret, sizeof(secret));
    q->give_up = env_now(n->env) + patience;
    q->fail_at = INSTANT_NEVER;
    q->join = j;
    j->quest = q;
    list_append(&d->quests, &q->link);
    d->quest_count++;
    timer_set(n->env, &d->timer, env_now(n->env));
    return 0;
}

void node_join_cancel(struct node *n, struct node_join *j)
{
    if (j->quest)
        quest_free(&n->invite, j->quest);
}
