/* Invites: what comes and goes, by which road, and time. */
#include <string.h>

#include "gateway/crypto/secret.h"
#include "gateway/node/invite_parts.h"
#include "gateway/node/members.h"

/* Answers a second: one guest asks once a second, by several roads. */
#define SOURCE_RATE  8
#define SOURCE_BURST 32
#define ALL_RATE     64
#define ALL_BURST    256

/* ---- what the cores want ---- */

static void fill_random(void *arg, void *out, size_t len)
{
    struct invite_desk *d = arg;
    env_random(d->node->env, out, len);
}

struct invite_random invite_random_of(struct invite_desk *d)
{
    return (struct invite_random){.fill = fill_random, .arg = d};
}

void invite_network(const struct invite_desk *d, uint8_t out[static 32])
{
    memset(out, 0, 32);
    memcpy(out, d->options.network, MESSAGE_NETWORK_LEN);
}

/* ---- what others are told of us ---- */

/* Addresses that lead here from elsewhere come first. */
static unsigned rank_of(enum candidate_type type)
{
    switch (type) {
    case CANDIDATE_CONFIGURED:
        return 0;
    case CANDIDATE_MAPPED:
        return 1;
    case CANDIDATE_HOST:
        return 2;
    case CANDIDATE_REFLEXIVE:
    case CANDIDATE_PEER:
        return 3;
    case CANDIDATE_TCP:
    case CANDIDATE_RELAYED:
    case CANDIDATE_TYPES:
        break;
    }
    return 4;
}

static void list_addresses(const struct invite_desk *d, struct hints *out)
{
    struct candidate list[CANDIDATES_MAX];
    size_t count = gather_list(d->options.gather, list);

    for (unsigned rank = 0; rank < 4; rank++)
        for (size_t i = 0; i < count && out->addrs < HINTS_ADDRS_MAX; i++)
            if (rank_of(list[i].type) == rank)
                out->addr[out->addrs++] = list[i].addr;
}

static void list_relays(const struct invite_desk *d, struct hints *out)
{
    struct relay_place place[HINTS_RELAYS_MAX];
    size_t count = relay_desk_places(d->options.relay, place, HINTS_RELAYS_MAX);

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(place[i].host);
        if (len > HINTS_HOST_MAX)
            continue;
        struct hints_relay *r = &out->relay[out->relays++];
        memcpy(r->id, place[i].id, sizeof(r->id));
        memcpy(r->host, place[i].host, len + 1);
    }
}

void invite_self(const struct invite_desk *d, const char *service, struct invite_party *out)
{
    *out = (struct invite_party){.id = *d->node->self};
    list_addresses(d, &out->hints);
    list_relays(d, &out->hints);
    memcpy(out->hints.service, service, strlen(service) + 1);
    const struct node_options *o = d->node->options;
    memcpy(out->hints.nick, o->nickname[0] ? o->nickname : o->invite_name, sizeof(out->hints.nick));
}

/* ---- messages ---- */

void invite_send(struct invite_desk *d, const struct invite_road *road, const uint8_t *data,
                 size_t len)
{
    const struct udp_tx tx = {.to = &road->addr, .data = data, .len = len};

    switch (road->kind) {
    case INVITE_ROAD_UDP:
        hub_send(d->node->hub, &tx);
        break;
    case INVITE_ROAD_RELAY:
        relay_desk_say(d->options.relay, &road->relay, road->served, road->token, data, len);
        break;
    case INVITE_ROAD_SLOT:
        invite_place_send(road->place, data, len);
        break;
    case INVITE_ROAD_NONE:
        break;
    }
}

void invite_take(struct invite_desk *d, const struct invite_road *road, const uint8_t *data,
                 size_t len)
{
    struct invite_message m;

    if (invite_message_read(&m, data, len) < 0)
        return;
    if (m.type == INVITE_ASK || m.type == INVITE_CLAIM)
        (void)invite_hosts_input(d, road, &m, data, len);
    else
        invite_quests_input(d, road, &m, data, len);
}

void invite_desk_input(struct invite_desk *d, const struct udp_rx *rx)
{
    const struct invite_road road = {.kind = INVITE_ROAD_UDP, .addr = rx->from};

    if (d->node)
        invite_take(d, &road, rx->data, rx->len);
}

static void on_note(void *arg, const struct peer_id *from, bool served, uint32_t token,
                    const uint8_t *data, size_t len)
{
    const struct invite_road road = {
        .kind = INVITE_ROAD_RELAY, .relay = *from, .served = served, .token = token};

    invite_take(arg, &road, data, len);
}

static void on_relay(void *arg)
{
    invite_quests_seek(arg);
}

/* ---- time ---- */

static void on_timer(struct timer *timer)
{
    invite_set_timer(container_of(timer, struct invite_desk, timer));
}

void invite_wake(struct invite_desk *d)
{
    env_defer(d->node->env, &d->later);
}

void invite_set_timer(struct invite_desk *d)
{
    instant now = env_now(d->node->env);
    instant hosts = invite_hosts_tick(d, now), quests = invite_quests_tick(d, now);

    timer_set(d->node->env, &d->timer, hosts < quests ? hosts : quests);
}

static void on_later(struct deferred *work)
{
    struct invite_desk *d = container_of(work, struct invite_desk, later);

    if (d->enrolled) {
        d->enrolled = false;
        d->options.enrolled(d->node->node);
    }
    invite_quests_settle(d);
    invite_set_timer(d);
}

/* ---- life ---- */

void invite_desk_start(struct invite_desk *d, const struct desk *node,
                       const struct invite_desk_options *options)
{
    const struct relay_notes notes = {.on_note = on_note, .on_relay = on_relay, .arg = d};

    *d = (struct invite_desk){.node = node, .options = *options, .timer.fire = on_timer};
    d->later.run = on_later;
    list_init(&d->entries);
    list_init(&d->quests);
    list_init(&d->watches);
    env_random(node->env, d->secret, sizeof(d->secret));
    for (size_t i = 0; i < INVITE_DOORS; i++)
        d->door[i] = bucket_of(SOURCE_RATE, SOURCE_BURST);
    d->all = d->relayed = bucket_of(ALL_RATE, ALL_BURST);
    relay_desk_take_notes(options->relay, &notes);
}

void invite_desk_stop(struct invite_desk *d)
{
    if (!d->node)
        return;
    timer_stop(d->node->env, &d->timer);
    invite_quests_end(d);
    env_undefer(d->node->env, &d->later);
    invite_hosts_end(d);
    for (struct list *node; (node = list_first(&d->watches));)
        list_remove(node);
    d->node = NULL;
}
