/* What is said of a hole to the peer, and what is believed of what it says. */
#include "gateway/node/hole.h"

#include <string.h>

#include "gateway/base/bytes.h"
#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/peer/peer.h"

#define EXPORT_LABEL "EXPORTER-overlay-hole"

#define CONTEXT_LEN (1 + 2 * HOLE_NONCE_LEN + 4 + 1)

/* ---- keys ---- */

int hole_derive(struct hole *h, const uint8_t theirs[static HOLE_NONCE_LEN])
{
    uint8_t session[32], context[CONTEXT_LEN];
    struct writer w = writer_over(context, sizeof(context));
    uint8_t *const out[] = {h->secret, h->asker ? h->key_out : h->key_in,
                            h->asker ? h->key_in : h->key_out};
    int err = quic_conn_export(h->conn, EXPORT_LABEL, session, sizeof(session));

    if (err < 0)
        return err;
    write_u8(&w, 0);
    write_bytes(&w, h->asker ? h->nonce : theirs, HOLE_NONCE_LEN);
    write_bytes(&w, h->asker ? theirs : h->nonce, HOLE_NONCE_LEN);
    write_be32(&w, h->number);
    write_u8(&w, h->tcp);
    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
        context[0] = (uint8_t)i;
        hash_blake2b(out[i], 32, session, sizeof(session), context, sizeof(context));
    }
    secret_wipe(session, sizeof(session));
    return 0;
}

/* ---- messages ---- */

static void tell(struct quic_conn *conn, const struct hole_message *m)
{
    uint8_t out[HOLE_MESSAGE_MAX];
    const struct message_part part = hole_message_write(m, out);
    peer_tell_part(conn, &part);
}

void hole_refuse(struct quic_conn *conn, uint32_t number, enum hole_reason reason)
{
    const struct hole_message m = {
        .type = HOLE_END, .id = number, .flags = HOLE_BY_ASKED, .reason = reason};
    tell(conn, &m);
}

static struct hole_message message_of(const struct hole *h, enum hole_message_type type)
{
    return (struct hole_message){
        .type = type,
        .id = h->number,
        .flags = (uint8_t)((h->asker ? 0 : HOLE_BY_ASKED) | (h->tcp ? HOLE_TCP : 0) |
                           (h->guessing ? HOLE_GUESSING : 0)),
    };
}

void hole_tell(struct hole *h, enum hole_message_type type, enum hole_reason reason)
{
    struct hole_message m = message_of(h, type);

    m.reason = reason;
    if (type == HOLE_USE) {
        m.from = h->way[h->chosen].ours;
        m.to = h->way[h->chosen].theirs;
        m.candidate[m.candidates++] = (struct candidate){CANDIDATE_PEER, h->way[h->chosen].outer};
    }
    tell(h->conn, &m);
}

/* ---- our candidates ---- */

static bool was_told(const struct hole *h, const struct addr *a)
{
    for (size_t i = 0; i < h->told_count; i++)
        if (addr_equal(&h->told[i].addr, a))
            return true;
    return false;
}

/* What our networks look like inside is for those that a person knows. */
static void offer(struct hole *h, struct hole_message *m, enum candidate_type type,
                  const struct addr *a)
{
    bool known = registry_peer(h->desk->node->registry, &h->id) != NULL;

    if (addr_is_none(a) || addr_port(a) == 0 || h->told_count == CANDIDATES_MAX || was_told(h, a) ||
        (!known && !punch_may_probe(a, NULL, 0, false)))
        return;
    h->told[h->told_count] = (struct candidate){h->tcp ? CANDIDATE_TCP : type, *a};
    m->candidate[m->candidates++] = h->told[h->told_count++];
}

static uint16_t port_of(const struct hole *h, bool v6)
{
    return h->tcp ? h->port[v6] : addr_port(&h->main[v6].local);
}

static struct addr seen(const struct hole *h, bool v6)
{
    return h->tcp ? hole_tcp_seen(h, v6) : hole_udp_seen(h, v6);
}

/* Where nobody says how our new sockets are seen, it may be as the main ones are, at the port that
 * they have here: many NATs keep it. */
static bool is_hint(const struct hole *h, const struct candidate *c)
{
    struct addr at = seen(h, addr_is_v6(&c->addr));
    return addr_is_none(&at) && c->type != CANDIDATE_HOST && c->type != CANDIDATE_RELAYED;
}

static void offer_all(struct hole *h, struct hole_message *m)
{
    struct candidate list[CANDIDATES_MAX];
    size_t count = gather_list(h->desk->options.gather, list);

    for (int v6 = 0; v6 < 2; v6++) {
        struct addr at = seen(h, v6 != 0);
        offer(h, m, CANDIDATE_REFLEXIVE, &at);
    }
    for (size_t i = 0; i < count; i++) {
        struct addr a = list[i].addr;
        addr_set_port(&a, port_of(h, addr_is_v6(&a)));
        if (list[i].type == CANDIDATE_HOST)
            offer(h, m, CANDIDATE_HOST, &a);
        else if (is_hint(h, &list[i]))
            offer(h, m, CANDIDATE_PEER, &a);
    }
}

void hole_tell_all(struct hole *h)
{
    struct hole_message m = message_of(h, h->asker ? HOLE_ASK : HOLE_AGREE);

    memcpy(m.nonce, h->nonce, sizeof(m.nonce));
    m.facts = gather_facts(h->desk->options.gather);
    if (h->last_port != 0)
        m.facts.last_port = h->last_port;
    h->said = m.facts;
    offer_all(h, &m);
    tell(h->conn, &m);
}

void hole_tell_more(struct hole *h)
{
    struct hole_message m = message_of(h, HOLE_MORE);

    for (int v6 = 0; v6 < 2; v6++) {
        struct addr at = seen(h, v6 != 0);
        offer(h, &m, CANDIDATE_REFLEXIVE, &at);
    }
    struct addr fresh = {0};
    if (!h->tcp)
        fresh = hole_udp_fresh(h);
    offer(h, &m, CANDIDATE_PEER, &fresh);
    if (m.candidates > 0)
        tell(h->conn, &m);
}

/* ---- the peer's candidates ---- */

static void remember(struct hole *h, const struct candidate *c)
{
    for (size_t i = 0; i < h->named_count; i++)
        if (addr_equal(&h->named[i].addr, &c->addr))
            return;
    if (h->named_count < CANDIDATES_MAX)
        h->named[h->named_count++] = *c;
}

/* The address that we have outside is also theirs: we are behind one NAT. */
static bool shares_public(const struct hole *h)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct addr at = seen(h, v6 != 0);
        for (size_t i = 0; i < h->named_count && !addr_is_none(&at); i++)
            if (addr_same_ip(&h->named[i].addr, &at))
                return true;
    }
    return false;
}

void hole_take_candidates(struct hole *h, const struct hole_message *m,
                          void (*add)(struct hole *h, const struct candidate *c))
{
    struct addr own[CANDIDATES_MAX];

    for (size_t i = 0; i < h->told_count; i++) {
        own[i] = h->told[i].addr;
        if (addr_is_private(&own[i]))
            addr_set_port(&own[i], 0); /* whatever listens on this machine */
    }
    for (size_t i = 0; i < m->candidates; i++)
        if (m->candidate[i].type != CANDIDATE_RELAYED &&
            (m->candidate[i].type == CANDIDATE_TCP) == h->tcp)
            remember(h, &m->candidate[i]);
    bool same_public = shares_public(h);
    for (size_t i = 0; i < h->named_count; i++) {
        const struct addr *a = &h->named[i].addr;
        bool near = same_public || gather_is_near(h->desk->options.gather, a);
        if (punch_may_probe(a, own, h->told_count, near) && hub_admits(h->desk->node->hub, a))
            add(h, &h->named[i]);
    }
}
