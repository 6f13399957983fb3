/* Invites of ours: which are open, who comes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/crypto/secret.h"
#include "gateway/node/invite_parts.h"
#include "gateway/node/members.h"

#define KEPT SEC(60) /* after its end, to repeat an answer that was lost */

enum { BY_CODE, BY_TICKET };

/* ---- telling ---- */

static void tell(struct invite_desk *d, const struct invite_entry *e,
                 struct node_invite_event *what)
{
    struct list now;

    what->number = e->code.number;
    what->service = e->service;
    what->uses = e->by[BY_TICKET].uses;
    what->tries = e->by[BY_CODE].tries;
    list_take_all(&now, &d->watches);
    for (struct list *node; (node = list_first(&now));) {
        struct node_invite_watch *w = list_entry(node, struct node_invite_watch, link);
        list_remove(node);
        list_append(&d->watches, node);
        w->event(w, what);
    }
}

static bool is_open(const struct invite_entry *e)
{
    return e->ended == INSTANT_NEVER;
}

static size_t add_handles(const struct invite_desk *d, bool open, uint8_t out[][INVITE_HANDLE_LEN],
                          size_t count)
{
    instant now = env_now(d->node->env);

    list_each(node, &d->entries)
    {
        const struct invite_entry *e = list_entry(node, struct invite_entry, link);
        for (size_t i = 0; i < INVITE_BY_ALL && count < RELAY_MESSAGE_INVITES; i++)
            if (is_open(e) == open && (open || now < e->ended + KEPT))
                memcpy(out[count++], e->by[i].secret.handle, INVITE_HANDLE_LEN);
    }
    return count;
}

/* Those that have ended take what room the open ones leave. */
static void tell_relays(struct invite_desk *d)
{
    uint8_t handles[RELAY_MESSAGE_INVITES][INVITE_HANDLE_LEN];
    size_t count = add_handles(d, true, handles, 0);

    count = add_handles(d, false, handles, count);
    relay_desk_set_invites(d->options.relay, handles[0], count);
}

static void end(struct invite_desk *d, struct invite_entry *e)
{
    struct node_invite_event what = {.what = NODE_INVITE_ENDED};

    if (!is_open(e))
        return;
    e->ended = env_now(d->node->env);
    tell(d, e, &what);
    for (size_t i = 0; i < INVITE_BY_ALL; i++)
        invite_host_end(&e->by[i]);
    log_info(LOG_PEER, "invite %u has ended", e->code.number);
}

static void drop(struct invite_entry *e)
{
    for (size_t i = 0; i < INVITE_BY_ALL; i++)
        invite_place_end(&e->place[i]);
    list_remove(&e->link);
    secret_wipe(e, sizeof(*e));
    free(e);
}

/* ---- who comes ---- */

static void on_wrong(struct invite_desk *d, const struct invite_entry *e)
{
    struct node_invite_event what = {.what = NODE_INVITE_WRONG};

    log_info(LOG_PEER, "invite %u: somebody had other words; %u tries are left", e->code.number,
             e->by[BY_CODE].tries);
    tell(d, e, &what);
}

static void on_guest(struct invite_desk *d, struct invite_entry *e, struct invite_host *h,
                     const struct invite_road *road, const struct invite_result *result)
{
    struct node_invite_event what = {.what = NODE_INVITE_JOINED, .peer = result->party.id};
    uint8_t out[INVITE_MESSAGE_MAX];
    struct invite_party self;
    char id[9];
    int err = invite_enrol(d, road, &result->party, e->service, what.alias);

    if (err < 0) {
        log_warn(LOG_PEER, "invite %u: %s is not enrolled: %s", e->code.number,
                 peer_id_short(&result->party.id, id), strerror(-err));
        invite_send(d, road, out, invite_host_decline(h, out));
        return;
    }
    invite_self(d, e->service, &self);
    invite_send(d, road, out, invite_host_welcome(h, &self, out));
    for (size_t i = 0; i < INVITE_BY_ALL; i++)
        e->by[i].uses = h->uses;
    memcpy(what.fingerprint, result->fingerprint, sizeof(what.fingerprint));
    log_info(LOG_PEER, "invite %u: %s joined%s%s, fingerprint %s", e->code.number, what.alias,
             e->service[0] ? " for " : "", e->service, what.fingerprint);
    tell(d, e, &what);
    if (h->uses == 0)
        end(d, e);
    invite_set_timer(d);
}

static void input(struct invite_desk *d, struct invite_entry *e, struct invite_host *h,
                  const struct invite_road *road, const uint8_t *data, size_t len)
{
    uint8_t out[INVITE_MESSAGE_MAX];
    struct invite_result result;

    invite_host_input(h, env_now(d->node->env), data, len, out, &result);
    if (result.verdict == INVITE_PROVEN)
        on_guest(d, e, h, road, &result);
    if (result.verdict != INVITE_ANSWER)
        return;
    invite_send(d, road, out, result.len);
    if (result.refusal == INVITE_WRONG || (result.refusal == INVITE_BURNT && is_open(e)))
        on_wrong(d, e);
}

static struct invite_host *find(const struct invite_desk *d, const uint8_t *handle,
                                struct invite_entry **entry)
{
    list_each(node, &d->entries)
    {
        struct invite_entry *e = list_entry(node, struct invite_entry, link);
        for (size_t i = 0; i < INVITE_BY_ALL; i++)
            if (memcmp(e->by[i].secret.handle, handle, INVITE_HANDLE_LEN) == 0) {
                *entry = e;
                return &e->by[i];
            }
    }
    return NULL;
}

bool invite_hosts_have(const struct invite_desk *d, const uint8_t *handle)
{
    struct invite_entry *e;
    return find(d, handle, &e) && is_open(e);
}

/* How often one source, and all of them, are answered. */
static bool may_answer(struct invite_desk *d, const struct invite_road *road, instant now)
{
    size_t len = PEER_ID_LEN;
    const uint8_t *who = road->relay.key;

    if (road->kind == INVITE_ROAD_UDP)
        who = addr_ip(&road->addr, &len);
    if (road->kind == INVITE_ROAD_UDP && len > 8) /* whoever has an IPv6 network has all of it */
        len = 8;
    struct bucket *door = &d->door[map_hash(d->secret, who, len) % INVITE_DOORS];
    return bucket_take(door, now, 1) &&
           bucket_take(road->kind == INVITE_ROAD_UDP ? &d->all : &d->relayed, now, 1);
}

bool invite_hosts_input(struct invite_desk *d, const struct invite_road *road,
                        const struct invite_message *m, const uint8_t *data, size_t len)
{
    struct invite_entry *e;
    struct invite_host *h = find(d, m->handle, &e);

    if (h && may_answer(d, road, env_now(d->node->env)))
        input(d, e, h, road, data, len);
    return h != NULL;
}

/* ---- time, and the end ---- */

/* The newest first: the DHT is for a few at a time. */
static instant tick_slots(struct invite_desk *d, instant now)
{
    instant due = INSTANT_NEVER;
    unsigned rank = 0;

    for (struct list *node = d->entries.prev; node != &d->entries; node = node->prev) {
        instant at =
            invite_slots_tick_entry(d, list_entry(node, struct invite_entry, link), rank++, now);
        due = at < due ? at : due;
    }
    return due;
}

instant invite_hosts_tick(struct invite_desk *d, instant now)
{
    instant due = INSTANT_NEVER;
    struct list *next;

    for (struct list *node = d->entries.next; node != &d->entries; node = next) {
        struct invite_entry *e = list_entry(node, struct invite_entry, link);
        next = node->next;
        if (is_open(e) && now >= e->by[BY_TICKET].expires)
            end(d, e);
        if (!is_open(e) && now >= e->ended + KEPT) {
            drop(e);
            continue;
        }
        instant at = is_open(e) ? e->by[BY_TICKET].expires : e->ended + KEPT;
        due = at < due ? at : due;
    }
    tell_relays(d);
    instant slots = tick_slots(d, now);
    return slots < due ? slots : due;
}

void invite_hosts_end(struct invite_desk *d)
{
    for (struct list *node; (node = list_first(&d->entries));)
        drop(list_entry(node, struct invite_entry, link));
}

void invite_desk_registry_changed(struct invite_desk *d)
{
    if (!d->node)
        return;
    list_each(node, &d->entries)
    {
        struct invite_entry *e = list_entry(node, struct invite_entry, link);
        if (e->service[0] && !registry_service(d->node->registry, e->service))
            end(d, e);
    }
}

/* ---- what people ask for ---- */

static struct invite_entry *by_number(const struct invite_desk *d, unsigned number)
{
    list_each(node, &d->entries)
    {
        struct invite_entry *e = list_entry(node, struct invite_entry, link);
        if (e->code.number == number)
            return e;
    }
    return NULL;
}

static void make_code(struct invite_desk *d, struct invite_code *code)
{
    uint8_t random[8];

    do {
        env_random(d->node->env, random, sizeof(random));
        invite_code_make(code, random);
    } while (by_number(d, code->number));
    secret_wipe(random, sizeof(random));
}

static void print(const struct invite_desk *d, const struct invite_entry *e,
                  struct node_invite *out)
{
    struct invite_party self;
    struct ticket t;

    invite_self(d, e->service, &self);
    memcpy(t.id, self.id.key, sizeof(t.id));
    memcpy(t.secret, e->secret, sizeof(t.secret));
    t.hints = self.hints;
    (void)ticket_print(&t, out->ticket);
    (void)invite_code_print(&e->code, out->code);
    out->number = e->code.number;
    memcpy(out->service, e->service, sizeof(out->service));
    out->uses = e->by[BY_TICKET].uses;
    out->tries = e->by[BY_CODE].tries;
    instant now = env_now(d->node->env), expires = e->by[BY_TICKET].expires;
    out->left = expires > now ? expires - now : 0;
    secret_wipe(&t, sizeof(t));
}

static unsigned count_open(const struct invite_desk *d)
{
    unsigned count = 0;

    list_each(node, &d->entries)
    {
        count += is_open(list_entry(node, struct invite_entry, link));
    }
    return count;
}

int node_invite(struct node *n, const char *service, unsigned uses, instant lifetime,
                struct node_invite *out)
{
    struct invite_desk *d = &n->invite;
    const struct invite_random random = invite_random_of(d);
    struct invite_secret by[INVITE_BY_ALL];
    uint8_t network[32];
    instant now = env_now(n->env);

    if (service[0] && !registry_service(n->registry, service))
        return -ENOENT;
    struct invite_entry *e = count_open(d) < NODE_INVITES_MAX ? calloc(1, sizeof(*e)) : NULL;
    if (!e)
        return -ENOSPC;
    make_code(d, &e->code);
    env_random(n->env, e->secret, sizeof(e->secret));
    (void)snprintf(e->service, sizeof(e->service), "%s", service);
    e->ended = INSTANT_NEVER;
    invite_network(d, network);
    invite_secret_of_code(&by[BY_CODE], &e->code, network);
    invite_secret_of_ticket(&by[BY_TICKET], e->secret, network);
    for (size_t i = 0; i < INVITE_BY_ALL; i++)
        invite_host_begin(&e->by[i], &by[i], &random, now, lifetime, uses);
    secret_wipe(by, sizeof(by));
    list_append(&d->entries, &e->link);
    print(d, e, out);
    invite_set_timer(d);
    log_info(LOG_PEER, "invite %u is open", e->code.number);
    return 0;
}

size_t node_invites(const struct node *n, struct node_invite *out, size_t max)
{
    size_t count = 0;

    list_each(node, &n->invite.entries)
    {
        const struct invite_entry *e = list_entry(node, struct invite_entry, link);
        if (is_open(e) && count < max)
            print(&n->invite, e, &out[count++]);
    }
    return count;
}

int node_invite_end(struct node *n, unsigned number)
{
    struct invite_entry *e = by_number(&n->invite, number);

    if (!e || !is_open(e))
        return -ENOENT;
    end(&n->invite, e);
    invite_set_timer(&n->invite);
    return 0;
}

void node_watch_invites(struct node *n, struct node_invite_watch *w)
{
    list_append(&n->invite.watches, &w->link);
}

void node_unwatch_invites(struct node_invite_watch *w)
{
    list_remove(&w->link);
}
