#include "gateway/relay/turn_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/relay/turn_parts.h"

/* RFC 8489 §6.2.1, with fewer repetitions: after 9.5 s somebody else should be asked. */
#define FIRST_WAIT   MSEC(500)
#define LAST_WAIT    SEC(2)
#define MAX_REQUESTS 5
#define STREAM_WAIT  SEC(10)
#define CLOSE_TRIES  3

int turn_client_init(struct turn_client *c, const struct turn_options *options, instant now)
{
    memset(c, 0, sizeof(*c));
    int err = turn_auth_init(&c->auth, options->user ? options->user : "",
                             options->password ? options->password : "");
    if (err < 0)
        return err;
    c->server = options->server;
    c->stream = options->stream;
    c->family = options->family ? options->family
                                : (addr_is_v6(&c->server) ? TURN_FAMILY_V6 : TURN_FAMILY_V4);
    memcpy(c->seed, options->seed, sizeof(c->seed));
    c->next_channel = TURN_CHANNEL_FIRST;
    turn_allocate(c, now);
    return 0;
}

void turn_client_wipe(struct turn_client *c)
{
    turn_auth_wipe(&c->auth);
    secret_wipe(c->seed, sizeof(c->seed));
}

void turn_ask_start(struct turn_client *c, struct turn_ask *ask, instant now)
{
    uint8_t hash[HASH_BLAKE2B_MIN], count[4];
    struct writer w = writer_over(count, sizeof(count));

    write_be32(&w, c->ids++);
    hash_blake2b(hash, sizeof(hash), c->seed, sizeof(c->seed), count, sizeof(count));
    memcpy(ask->id, hash, STUN_ID_LEN);
    ask->active = true;
    ask->sent = 0;
    ask->due = now;
}

void turn_fail(struct turn_client *c, enum turn_failure failure, const char *reason)
{
    c->state = TURN_FAILED;
    c->failure = failure;
    c->ask.active = false;
    (void)snprintf(c->reason, sizeof(c->reason), "%s", reason);
}

void turn_allocate(struct turn_client *c, instant now)
{
    c->state = TURN_ALLOCATING;
    c->refresh_at = INSTANT_NEVER;
    c->ask.stale = 0;
    turn_ask_start(c, &c->ask, now);
    memset(c->lapse, 0, sizeof(c->lapse)); /* the new one has no channels */
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
        struct turn_peer *p = &c->peer[i];
        if (p->state == TURN_PEER_NONE)
            continue;
        *p = (struct turn_peer){.state = TURN_PEER_OPENING,
                                .addr = p->addr,
                                .channel = p->channel,
                                .bind_at = now,
                                .permit_at = INSTANT_NEVER};
    }
}

void turn_client_reconnected(struct turn_client *c, instant now)
{
    turn_allocate(c, now);
}

void turn_client_close(struct turn_client *c, instant now)
{
    if (c->state != TURN_READY) { /* nothing that we know of to give back */
        c->state = TURN_CLOSED;
        return;
    }
    c->state = TURN_CLOSING;
    c->ask.stale = 0;
    turn_ask_start(c, &c->ask, now);
}

/* ---- writing requests ---- */

static void put_lifetime(const struct turn_client *c, struct stun_writer *w)
{
    stun_put_u32(w, STUN_LIFETIME, c->state == TURN_CLOSING ? 0 : TURN_LIFETIME);
}

static void put_allocate(const struct turn_client *c, struct stun_writer *w)
{
    const uint8_t transport[4] = {TURN_UDP}, family[4] = {(uint8_t)c->family};

    stun_put(w, STUN_REQUESTED_TRANSPORT, transport, sizeof(transport));
    /* An IPv4 address is the default, and servers of RFC 5766 know nothing else. */
    if (c->family != TURN_FAMILY_V4)
        stun_put(w, STUN_REQUESTED_ADDRESS_FAMILY, family, sizeof(family));
    put_lifetime(c, w);
}

/* Writes a request: what is special to its method is there already or follows from the peer. */
static size_t write_request(const struct turn_client *c, enum stun_method method,
                            const struct turn_ask *ask, const struct turn_peer *p,
                            uint8_t out[static STUN_MAX])
{
    struct stun_writer w;

    stun_begin(&w, out, STUN_MAX, STUN_REQUEST, method, ask->id);
    if (method == STUN_ALLOCATE)
        put_allocate(c, &w);
    if (method == STUN_REFRESH)
        put_lifetime(c, &w);
    if (method == STUN_CHANNEL_BIND)
        stun_put_u16(&w, STUN_CHANNEL_NUMBER, p->channel);
    if (p)
        stun_put_address(&w, STUN_XOR_PEER_ADDRESS, &p->addr);
    turn_auth_sign(&c->auth, &w);
    stun_put_fingerprint(&w);
    return stun_end(&w);
}

/* Is a repetition due? False too when there were enough: then `*silent`. */
static bool ask_is_due(const struct turn_client *c, struct turn_ask *ask, instant now, bool *silent)
{
    unsigned most = c->stream ? 1 : c->state == TURN_CLOSING ? CLOSE_TRIES : MAX_REQUESTS;

    *silent = false;
    if (!ask->active || now < ask->due)
        return false;
    if (ask->sent == most) {
        ask->active = false;
        *silent = true;
        return false;
    }
    ask->sent++;
    ask->due = now + (c->stream           ? STREAM_WAIT
                      : ask->sent == most ? LAST_WAIT
                                          : FIRST_WAIT << (ask->sent - 1));
    return true;
}

static size_t own_output(struct turn_client *c, instant now, uint8_t out[static STUN_MAX])
{
    bool silent;

    if (c->state == TURN_READY && now >= c->refresh_at) {
        c->refresh_at = INSTANT_NEVER;
        c->ask.stale = 0;
        turn_ask_start(c, &c->ask, now);
    }
    if (ask_is_due(c, &c->ask, now, &silent))
        return write_request(c, c->state == TURN_ALLOCATING ? STUN_ALLOCATE : STUN_REFRESH, &c->ask,
                             NULL, out);
    if (silent && c->state == TURN_CLOSING)
        c->state = TURN_CLOSED;
    else if (silent)
        turn_fail(c, TURN_SILENT, "the TURN server does not answer");
    return 0;
}

static size_t peer_output(struct turn_client *c, struct turn_peer *p, instant now,
                          uint8_t out[static STUN_MAX])
{
    bool silent;

    if (now >= p->bind_at) {
        p->bind_at = INSTANT_NEVER;
        p->bind.stale = 0;
        turn_ask_start(c, &p->bind, now);
    }
    if (now >= p->permit_at) {
        p->permit_at = INSTANT_NEVER;
        p->permit.stale = 0;
        turn_ask_start(c, &p->permit, now);
    }
    if (ask_is_due(c, &p->bind, now, &silent)) {
        c->lapse[p->channel - TURN_CHANNEL_FIRST] = now + TURN_CHANNEL_LAPSE;
        return write_request(c, STUN_CHANNEL_BIND, &p->bind, p, out);
    }
    if (!silent && ask_is_due(c, &p->permit, now, &silent))
        return write_request(c, STUN_CREATE_PERMISSION, &p->permit, p, out);
    if (silent) {
        p->state = TURN_PEER_REFUSED;
        p->code = 0;
        p->bind.active = p->permit.active = false;
        p->bind_at = p->permit_at = INSTANT_NEVER;
    }
    return 0;
}

size_t turn_client_output(struct turn_client *c, instant now, uint8_t out[static STUN_MAX])
{
    if (c->state == TURN_FAILED || c->state == TURN_CLOSED || c->state == TURN_MOVED)
        return 0;
    size_t len = own_output(c, now, out);
    for (unsigned i = 0; i < TURN_PEERS_MAX && len == 0 && c->state == TURN_READY; i++)
        if (c->peer[i].state != TURN_PEER_NONE)
            len = peer_output(c, &c->peer[i], now, out);
    return len;
}

static void earlier(instant *due, instant t)
{
    if (t < *due)
        *due = t;
}

static void ask_deadline(instant *due, const struct turn_ask *ask)
{
    if (ask->active)
        earlier(due, ask->due);
}

instant turn_client_deadline(const struct turn_client *c)
{
    instant due = INSTANT_NEVER;

    if (c->state == TURN_FAILED || c->state == TURN_CLOSED || c->state == TURN_MOVED)
        return INSTANT_NEVER;
    ask_deadline(&due, &c->ask);
    if (c->state != TURN_READY)
        return due;
    earlier(&due, c->refresh_at);
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
        const struct turn_peer *p = &c->peer[i];
        if (p->state == TURN_PEER_NONE)
            continue;
        earlier(&due, p->bind_at);
        earlier(&due, p->permit_at);
        ask_deadline(&due, &p->bind);
        ask_deadline(&due, &p->permit);
    }
    return due;
}

/* ---- peers ---- */

struct turn_peer *turn_find_peer(struct turn_client *c, const struct addr *addr)
{
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++)
        if (c->peer[i].state != TURN_PEER_NONE && addr_equal(&c->peer[i].addr, addr))
            return &c->peer[i];
    return NULL;
}

enum turn_peer_state turn_client_peer(const struct turn_client *c, const struct addr *peer)
{
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++)
        if (c->peer[i].state != TURN_PEER_NONE && addr_equal(&c->peer[i].addr, peer))
            return c->peer[i].state;
    return TURN_PEER_NONE;
}

/* A place for a new peer: the one it had before, for the server still knows that channel as its
 * own, or an unused one, or that of somebody else who left. */
static struct turn_peer *find_place(struct turn_client *c, const struct addr *peer)
{
    struct turn_peer *unused = NULL, *left = NULL;
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
        struct turn_peer *p = &c->peer[i];
        if (p->state != TURN_PEER_NONE)
            continue;
        if (p->channel != 0 && addr_equal(&p->addr, peer))
            return p;
        if (p->channel == 0)
            unused = unused ? unused : p;
        else
            left = left ? left : p;
    }
    return unused ? unused : left;
}

static bool is_held(const struct turn_client *c, uint16_t channel)
{
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++)
        if (c->peer[i].channel == channel)
            return true;
    return false;
}

/* The next number that the server no longer knows a peer of; 0: none. */
static uint16_t take_channel(struct turn_client *c, instant now)
{
    for (unsigned i = 0; i < TURN_CHANNELS; i++) {
        uint16_t channel = c->next_channel;
        c->next_channel =
            (uint16_t)(channel < TURN_CHANNEL_LAST ? channel + 1 : TURN_CHANNEL_FIRST);
        if (now >= c->lapse[channel - TURN_CHANNEL_FIRST] && !is_held(c, channel))
            return channel;
    }
    return 0;
}

int turn_client_open(struct turn_client *c, instant now, const struct addr *peer)
{
    struct turn_peer *p = turn_find_peer(c, peer);

    if (addr_is_none(peer) || addr_is_v6(peer) != (c->family == TURN_FAMILY_V6))
        return -EADDRNOTAVAIL;
    if (p && p->state != TURN_PEER_REFUSED)
        return 0;
    if (!p)
        p = find_place(c, peer);
    if (!p)
        return -ENOSPC;
    if (p->channel == 0 || !addr_equal(&p->addr, peer)) {
        uint16_t channel = take_channel(c, now);
        if (channel == 0)
            return -ENOSPC;
        *p = (struct turn_peer){.addr = *peer, .channel = channel};
    }
    p->state = TURN_PEER_OPENING;
    p->bind_at = now;
    p->permit_at = INSTANT_NEVER;
    return 0;
}

void turn_client_shut(struct turn_client *c, const struct addr *peer)
{
    struct turn_peer *p = turn_find_peer(c, peer);
    if (p)
        *p = (struct turn_peer){.addr = p->addr, .channel = p->channel};
}

int turn_client_frame(const struct turn_client *c, const struct addr *peer, size_t len,
                      uint8_t header[static TURN_CHANNEL_HEADER], size_t *padding)
{
    if (c->state != TURN_READY || len > TURN_DATA_MAX)
        return -ENOTCONN;
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
        const struct turn_peer *p = &c->peer[i];
        if (p->state != TURN_PEER_OPEN || !addr_equal(&p->addr, peer))
            continue;
        turn_channel_header(header, p->channel, len);
        *padding = c->stream ? turn_padding(len) : 0;
        return 0;
    }
    return -ENOTCONN;
}

/* ---- hearing ---- */

static int take_channel_data(struct turn_client *c, const uint8_t *pkt, size_t len,
                             struct turn_received *received)
{
    uint16_t channel;

    if (c->state != TURN_READY ||
        turn_channel_read(pkt, len, &channel, &received->data, &received->len) < 0)
        return -EBADMSG;
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++) {
        const struct turn_peer *p = &c->peer[i];
        /* The server may use it before its answer to the binding has arrived. */
        if (p->channel != channel || p->state == TURN_PEER_NONE || p->state == TURN_PEER_REFUSED)
            continue;
        received->peer = p->addr;
        return 1;
    }
    return -EBADMSG;
}

/* From another port of a peer's address: a NAT in front of it. */
static int take_indication(struct turn_client *c, const struct stun_message *m,
                           struct turn_received *received)
{
    const struct stun_attribute *data = stun_find(m, STUN_DATA);

    if (c->state != TURN_READY || m->method != STUN_DATA_INDICATION || !data ||
        stun_get_address(m, STUN_XOR_PEER_ADDRESS, &received->peer) < 0)
        return -EBADMSG;
    received->data = data->data;
    received->len = data->len;
    for (unsigned i = 0; i < TURN_PEERS_MAX; i++)
        if (c->peer[i].state != TURN_PEER_NONE && addr_same_ip(&c->peer[i].addr, &received->peer))
            return 1;
    return -EBADMSG;
}

int turn_client_input(struct turn_client *c, instant now, const struct addr *from,
                      const uint8_t *pkt, size_t len, struct turn_received *received)
{
    struct stun_message m;

    if (!addr_equal(from, &c->server))
        return -EBADMSG;
    if (len > 0 && pkt[0] >> 6 == 1)
        return take_channel_data(c, pkt, len, received);
    if (stun_read(&m, pkt, len) < 0)
        return -EBADMSG;
    if (m.class == STUN_INDICATION)
        return take_indication(c, &m, received);
    return m.class == STUN_REQUEST ? -EBADMSG : turn_take_answer(c, now, &m);
}
