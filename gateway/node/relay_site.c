#include "gateway/node/relay_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/base/log.h"
#include "gateway/base/map.h"
#include "gateway/base/text.h"
#include "gateway/punch/attempt.h"

#define PLACES_MAX     64
#define LOOK_UP_AGAIN  SEC(300)
#define INTERFACES_MAX 64
#define TLS_PORT       443 /* looks like a web server, and is let through everywhere */

/* A dial each minute, and three at once, are sixty tokens each. */
#define DIAL_TOKENS 60
#define DIAL_BURST  (3 * DIAL_TOKENS)
#define DIAL_TAKES  SEC(8)

void relay_doors_init(struct relay_doors *doors, struct env *env)
{
    env_random(env, doors->secret, sizeof(doors->secret));
    for (size_t i = 0; i < RELAY_DOORS; i++)
        doors->dials[i] = bucket_of(1, DIAL_BURST);
}

struct relay_site *relay_site_find(const struct list *places, const struct peer_id *id)
{
    list_each(node, places)
    {
        struct relay_site *p = list_entry(node, struct relay_site, link);
        if (peer_id_equal(&p->id, id))
            return p;
    }
    return NULL;
}

void relay_site_free(struct relay_site *p)
{
    env_lookup_cancel(p->node->env, &p->lookup);
    list_remove(&p->link);
    free(p);
}

/* Relays of peers come and go; those of ours stay. */
static bool make_room(const struct list *places)
{
    size_t count = 0;
    struct relay_site *oldest = NULL;

    list_each(node, places)
    {
        struct relay_site *p = list_entry(node, struct relay_site, link);
        count++;
        if (!p->ours && p->quests == 0 && !oldest)
            oldest = p;
    }
    if (count < PLACES_MAX)
        return true;
    if (oldest)
        relay_site_free(oldest);
    return oldest != NULL;
}

/* Is this an address of a network that one of our interfaces is in? `*not_one` is set if it is
 * ours, or of everybody there. */
static bool is_neighbour(struct env *env, const struct addr *a, bool *not_one)
{
    struct interface list[INTERFACES_MAX];
    int count = env_interfaces(env, list, INTERFACES_MAX);
    bool near = false;

    for (int i = 0; i < count; i++) {
        const struct addr_prefix net = {.addr = list[i].addr, .bits = list[i].prefix_bits};
        near = near || (!list[i].loopback && addr_prefix_contains(&net, a));
        *not_one = *not_one || addr_same_ip(&list[i].addr, a) || addr_prefix_is_everybody(&net, a);
    }
    return near;
}

/* What a peer has named must not make us knock at doors in this machine or somebody's network. */
bool relay_site_may_name(const struct desk *node, const struct addr *named)
{
    struct addr inside, a = addr_unmapped(*named);

    if (nat64_holds(&node->hub->nat64, &a)) {
        if (!nat64_unwrap(&node->hub->nat64, &a, &inside))
            return false;
        a = inside;
    }
    uint16_t port = addr_port(&a);
    bool not_one = false, near = is_neighbour(node->env, &a, &not_one);
    if (not_one || !hub_admits(node->hub, &a) || (port < 1024 && port != TLS_PORT))
        return false;
    addr_set_port(&a, UINT16_MAX); /* what is left to judge is the IP address */
    return punch_may_probe(&a, NULL, 0, near);
}

/* What is still being dialled is not dialled anew. */
static bool is_under_way(struct relay_site *p, const struct addr *a, instant now)
{
    if (now >= p->dial_since + DIAL_TAKES) {
        p->dial_since = now;
        p->dials = 0;
    }
    for (size_t i = 0; i < p->dials; i++)
        if (addr_same_ip(&p->dial[i], a))
            return true;
    return false;
}

/* A dial is half a dozen packets to wherever a peer has said. */
static bool may_dial(struct relay_site *p, const struct addr *a)
{
    instant now = env_now(p->node->env);
    size_t len;
    const struct addr plain = addr_unmapped(*a);
    const uint8_t *ip = addr_ip(&plain, &len);

    if (p->named || addr_same_ip(&p->proven, a) || is_under_way(p, a, now))
        return true;
    size_t at = map_hash(p->doors->secret, ip, len) % RELAY_DOORS;
    if (p->dials == RELAY_ADDRS_MAX || !bucket_take(&p->doors->dials[at], now, DIAL_TOKENS))
        return false;
    p->dial[p->dials++] = *a;
    return true;
}

static void on_looked_up(struct lookup *l, int err, const struct addr *list, int count)
{
    struct relay_site *p = container_of(l, struct relay_site, lookup);
    struct peer *m = p->node->find(p->node->node, &p->id);

    if (err < 0) {
        log_info(LOG_RELAY, "relay %s: %s", p->host, strerror(-err));
        if (m)
            peer_note(m, "%s: no such host", p->host);
        return;
    }
    p->found_count = 0;
    for (int i = 0; i < count && p->found_count < RELAY_ADDRS_MAX; i++) {
        const struct path path = {.kind = PATH_UDP, .remote = list[i]};
        if (!p->named && !relay_site_may_name(p->node, &list[i]))
            continue;
        p->found[p->found_count++] = list[i];
        if (m && may_dial(p, &list[i]))
            peer_add_candidate(m, &path);
    }
    if (m && p->found_count == 0)
        peer_note(m, "%s: no address that a peer may name", p->host);
}

/* HOST:PORT, [IPV6]:PORT, and with /PORT behind. Returns false if it is neither. */
static bool split(const char *text, char *host, size_t room, uint16_t port[static 2])
{
    const char *colon = strrchr(text, ':'), *slash = strrchr(text, '/');
    bool brackets = text[0] == '[' && colon && colon > text && colon[-1] == ']';
    const char *from = brackets ? text + 1 : text;
    size_t len = colon ? (size_t)(colon - from) - brackets : 0;

    if (len == 0 || len >= room || (slash && slash < colon))
        return false;
    size_t digits = slash ? (size_t)(slash - colon - 1) : strlen(colon + 1);
    port[1] = TLS_PORT;
    if (text_parse_u16(&port[0], colon + 1, digits) < 0 ||
        (slash && text_parse_u16(&port[1], slash + 1, strlen(slash + 1)) < 0))
        return false;
    memcpy(host, from, len);
    host[len] = '\0';
    return port[0] != 0 && port[1] != 0;
}

void relay_site_look_up(struct relay_site *p)
{
    struct env *env = p->node->env;
    uint16_t port[2];

    if (p->lookup.query || (p->looked_up > 0 && env_now(env) < p->looked_up + LOOK_UP_AGAIN))
        return;
    p->looked_up = env_now(env);
    bool fine = split(p->host, p->name, sizeof(p->name), port);
    p->tls_port = fine ? port[1] : 0;
    if (!fine || env_lookup(env, &p->lookup, p->name, port[0]) < 0)
        log_warn(LOG_RELAY, "relay %s: not a HOST:PORT that can be looked up", p->host);
}

size_t relay_site_addresses(struct relay_site *p, struct addr *out, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < (size_t)p->found_count && count < max; i++)
        if (may_dial(p, &p->found[i]))
            out[count++] = p->found[i];
    return count;
}

size_t relay_site_tls(struct relay_site *p, struct addr *out, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < (size_t)p->found_count && count < max; i++) {
        out[count] = p->found[i];
        addr_set_port(&out[count], p->tls_port);
        count +=
            p->named || (relay_site_may_name(p->node, &out[count]) && may_dial(p, &out[count]));
    }
    return count;
}

/* May what is said now about where it is take the place of what was said before? What a person says
 * may; what a peer does not while that of another is being tried, or leads there. */
static bool may_move(const struct relay_site *p, bool named)
{
    if (p->ours || (p->named && !named))
        return false;
    if (named || !p->host[0])
        return true;
    bool tried =
        p->lookup.query || (p->looked_up > 0 && env_now(p->node->env) < p->looked_up + DIAL_TAKES);
    return !tried && (addr_is_none(&p->proven) || p->failures > 0);
}

struct relay_site *relay_site_get(struct list *places, const struct desk *node,
                                  struct relay_doors *doors, const char *text, bool named)
{
    struct peer_id id;

    if (!registry_relay_ok(text) || peer_id_parse(&id, text, PEER_ID_TEXT_LEN) < 0 ||
        peer_id_equal(&id, node->self))
        return NULL;
    const char *host = text + PEER_ID_TEXT_LEN + 1;
    struct relay_site *p = relay_site_find(places, &id);
    if (!p) {
        p = make_room(places) ? calloc(1, sizeof(*p)) : NULL;
        if (!p)
            return NULL;
        p->node = node;
        p->doors = doors;
        p->id = id;
        p->lookup.done = on_looked_up;
        p->ask_again = INSTANT_NEVER;
        list_append(places, &p->link);
    }
    if (strcmp(p->host, host) != 0 && may_move(p, named)) {
        env_lookup_cancel(node->env, &p->lookup);
        (void)snprintf(p->host, sizeof(p->host), "%s", host);
        p->looked_up = 0;
        p->found_count = 0;
        p->proven = (struct addr){0};
    }
    p->named = p->named || named;
    return p;
}

bool relay_site_is_asked_for(const struct relay_site *p, const struct peer_id *id)
{
    for (size_t i = 0; i < p->quests; i++)
        if (peer_id_equal(&p->quest[i], id))
            return true;
    return false;
}

bool relay_site_remember(struct relay_site *p, const struct peer_id *id)
{
    if (relay_site_is_asked_for(p, id))
        return true;
    if (p->quests == RELAY_QUESTS_MAX)
        return false;
    p->quest[p->quests++] = *id;
    return true;
}
