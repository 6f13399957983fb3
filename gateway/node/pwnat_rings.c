/* Calling a peer: a ring for each attempt to connect. */
#include "gateway/node/pwnat_parts.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/base/log.h"
#include "gateway/crypto/secret.h"
#include "gateway/node/punch_round.h"
#include "gateway/punch/attempt.h"

#define USABLE_PORT 1024

/** A peer that is called, while the attempt to connect to it lasts. */
struct pwnat_callee {
    struct list link;
    struct pwnat_ring ring;
    struct peer_id id;
    bool settled; /* the attempt is over */
    bool noted;   /* for people, that it was called */
    uint16_t echo_id;
    uint8_t key[ICMP_NOTICE_KEY_LEN]; /* of what we say to it */
    uint64_t time_ms;                 /* of this round's notices */
    uint32_t via;                     /* of this round's fresh socket, 0: none */
    uint32_t before;                  /* of the round before */
};

/* ---- what both sides know ---- */

struct pair_key_use pwnat_notice_use(const struct pwnat_desk *d)
{
    return (struct pair_key_use){.label = "icmp-notice-1   ", .network = d->options.network};
}

uint16_t pwnat_echo_id(const struct pwnat_desk *d, const struct peer_id *id)
{
    const struct pair_key_use use = {.label = "icmp-echo-1     ", .network = d->options.network};
    uint8_t key[PAIR_KEY_LEN];

    pair_key_of_id(id, &use, key);
    return (uint16_t)(key[0] << 8 | key[1]);
}

size_t pwnat_own(const struct pwnat_desk *d, struct addr out[static CANDIDATES_MAX])
{
    struct candidate all[CANDIDATES_MAX];
    size_t count = gather_list(d->options.gather, all);

    for (size_t i = 0; i < count; i++) {
        out[i] = all[i].addr;
        if (all[i].type == CANDIDATE_HOST)
            addr_set_port(&out[i], 0); /* whatever listens on this machine */
    }
    return count;
}

static bool is_among(const struct addr *list, size_t count, const struct addr *a)
{
    for (size_t i = 0; i < count; i++)
        if (addr_equal(&list[i], a))
            return true;
    return false;
}

/* In the internet: elsewhere there is no NAT between that is fooled. Any port will do. */
static bool is_outside(const struct addr *a, const struct addr *own, size_t own_count)
{
    struct addr check = *a;

    if (addr_is_none(a) || addr_is_v6(a))
        return false;
    addr_set_port(&check, USABLE_PORT);
    return punch_may_probe(&check, own, own_count, false);
}

size_t pwnat_known(const struct pwnat_desk *d, const struct peer_id *id,
                   struct addr out[static PWNAT_KNOWN_MAX])
{
    const struct known_peer *known = registry_peer(d->node->registry, id);
    struct addr all[3 * PEER_ADDRESSES_MAX], own[CANDIDATES_MAX];
    size_t count = 2 * PEER_ADDRESSES_MAX, used = 0, own_count = pwnat_own(d, own);

    if (!known)
        return 0;
    memcpy(all, known->address, sizeof(known->address));
    memcpy(all + PEER_ADDRESSES_MAX, known->last_good, sizeof(known->last_good));
    count += bootstrap_desk_find(d->options.bootstrap, id, all + count, PEER_ADDRESSES_MAX);
    for (size_t i = 0; i < count && used < PWNAT_KNOWN_MAX; i++)
        if (is_outside(&all[i], own, own_count) && !is_among(out, used, &all[i]))
            out[used++] = all[i];
    return used;
}

/* ---- one callee ---- */

static void let_go(struct pwnat_desk *d, const struct pwnat_callee *c, uint32_t via)
{
    const struct peer *p = d->node->find(d->node->node, &c->id);
    kept_sockets_let_go(&d->kept, d->node->hub, p ? peer_conn(p) : NULL, via);
}

static void drop(struct pwnat_desk *d, struct pwnat_callee *c)
{
    let_go(d, c, c->before);
    let_go(d, c, c->via);
    list_remove(&c->link);
    d->ring_count--;
    secret_wipe(c, sizeof(*c));
    free(c);
}

static struct pwnat_callee *callee_of(const struct pwnat_desk *d, const struct peer_id *id)
{
    list_each(node, &d->rings)
    {
        struct pwnat_callee *c = list_entry(node, struct pwnat_callee, link);
        if (!c->settled && peer_id_equal(&c->id, id))
            return c;
    }
    return NULL;
}

static const struct hub_socket *main_socket(const struct pwnat_desk *d)
{
    const struct addr nowhere = pwnat_nowhere();
    return hub_socket_for(d->node->hub, &nowhere);
}

static void open_fresh(struct pwnat_desk *d, struct pwnat_callee *c)
{
    const struct hub_socket *main = main_socket(d);

    c->before = c->via;
    if (!main || hub_open_extra(d->node->hub, &main->local, &c->via) < 0)
        c->via = 0;
    c->time_ms = (uint64_t)env_wall_us(d->node->env) / 1000;
    struct peer *p = d->node->find(d->node->node, &c->id);
    if (p && !c->noted)
        peer_note(p, "called by ICMP too ([punch] pwnat)");
    c->noted = true;
}

/* ---- notices ---- */

/* Best first: where a router leads to us, or where others see us. */
static struct addr public_address(const struct pwnat_desk *d, uint16_t port)
{
    static const enum candidate_type by_type[] = {CANDIDATE_CONFIGURED, CANDIDATE_MAPPED,
                                                  CANDIDATE_REFLEXIVE, CANDIDATE_PEER,
                                                  CANDIDATE_HOST};
    static const uint8_t unknown[4];
    struct candidate all[CANDIDATES_MAX];
    size_t count = gather_list(d->options.gather, all);

    for (size_t t = 0; t < sizeof(by_type) / sizeof(by_type[0]); t++)
        for (size_t i = 0; i < count; i++)
            if (all[i].type == by_type[t] && is_outside(&all[i].addr, NULL, 0))
                return all[i].addr;
    return addr_v4(unknown, port);
}

static void notify(struct pwnat_desk *d, const struct pwnat_callee *c)
{
    const struct path fresh = {.kind = PATH_UDP, .via = c->via};
    const struct hub_socket *main = main_socket(d);
    const struct hub_socket *extra = c->via != 0 ? hub_socket_of(d->node->hub, &fresh) : NULL;
    struct addr known[PWNAT_KNOWN_MAX];
    size_t count = pwnat_known(d, &c->id, known);

    if (!main)
        return;
    const struct icmp_notice notice = {
        .time_ms = c->time_ms,
        .at = public_address(d, addr_port(&main->local)),
        .fresh_port = extra ? addr_port(&extra->local) : 0,
    };
    for (size_t i = 0; i < count; i++) {
        uint8_t text[ICMP_NOTICE_LEN], out[ICMP_MESSAGE_MAX];
        env_random(d->node->env, text, ICMP_NOTICE_NONCE_LEN);
        icmp_notice_write(text, &notice, c->key);
        icmp_send(d->node->env, d->socket, &known[i], out,
                  pwnat_exceeded(out, c->echo_id, &known[i], text));
    }
}

static void dial(struct pwnat_desk *d, const struct pwnat_callee *c)
{
    struct peer *p = d->node->find(d->node->node, &c->id);
    struct addr known[PWNAT_KNOWN_MAX];
    size_t count = pwnat_known(d, &c->id, known);

    for (size_t i = 0; p && c->via != 0 && i < count; i++) {
        const struct path path = {.kind = PATH_UDP, .via = c->via, .remote = known[i]};
        peer_add_candidate(p, &path);
    }
}

/* ---- by the clock ---- */

static instant run(struct pwnat_desk *d, struct pwnat_callee *c, instant now)
{
    for (;;)
        switch (pwnat_ring_next(&c->ring, now)) {
        case PWNAT_RING_WAIT:
            return pwnat_ring_due(&c->ring);
        case PWNAT_RING_FRESH:
            open_fresh(d, c);
            break;
        case PWNAT_RING_NOTICE:
            notify(d, c);
            break;
        case PWNAT_RING_DIAL:
            dial(d, c);
            break;
        case PWNAT_RING_OVER:
            return INSTANT_NEVER; /* the attempt to connect goes on */
        }
}

instant pwnat_rings_run(struct pwnat_desk *d, instant now)
{
    instant next = INSTANT_NEVER;
    struct list all;

    list_take_all(&all, &d->rings);
    for (struct list *node; (node = list_first(&all));) {
        struct pwnat_callee *c = list_entry(node, struct pwnat_callee, link);
        list_remove(node);
        list_append(&d->rings, node);
        instant due = c->settled ? INSTANT_NEVER : run(d, c, now);
        if (c->settled)
            drop(d, c);
        next = due < next ? due : next;
    }
    return next;
}

void pwnat_rings_end(struct pwnat_desk *d)
{
    for (struct list *node; (node = list_first(&d->rings));)
        drop(d, list_entry(node, struct pwnat_callee, link));
}

static struct pwnat_callee *get_callee(struct pwnat_desk *d, const struct peer_id *id)
{
    const struct pair_key_use use = pwnat_notice_use(d);
    struct pwnat_callee *c = d->ring_count < PWNAT_RINGS_MAX ? calloc(1, sizeof(*c)) : NULL;
    uint8_t unused[PAIR_KEY_LEN];

    if (c && pair_keys(d->options.keys, id, &use, unused, c->key) < 0) {
        free(c);
        return NULL;
    }
    return c;
}

instant pwnat_rings_begin(struct pwnat_desk *d, const struct peer_id *id, instant now)
{
    struct addr known[PWNAT_KNOWN_MAX];
    struct pwnat_callee *c;

    pwnat_rings_settled(d, id);
    if (pwnat_known(d, id, known) == 0 || !(c = get_callee(d, id)))
        return INSTANT_NEVER;
    c->id = *id;
    c->echo_id = pwnat_echo_id(d, id);
    c->ring.began = now;
    list_append(&d->rings, &c->link);
    d->ring_count++;
    return pwnat_ring_due(&c->ring);
}

void pwnat_rings_settled(struct pwnat_desk *d, const struct peer_id *id)
{
    struct pwnat_callee *c = callee_of(d, id);
    if (c)
        c->settled = true;
}
