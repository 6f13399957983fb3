/* What is said of an effort, to the peer and to people. */
#include "gateway/node/punch_effort.h"

#include <stdio.h>
#include <string.h>

#include "gateway/peer/peer.h"

enum { TCP_TOLD = 6 }; /* fewer than TCP_OPEN_ADDRESSES of the other side */

struct nat_facts effort_facts(const struct effort *e)
{
    const struct punch_means *m = e->means;
    struct nat_facts facts = gather_facts(m->gather);

    if (facts.class == NAT_UNKNOWN && m->tcp && m->tcp->udp_blocked)
        facts.class = NAT_BLOCKED;
    return facts;
}

/* ---- to the peer ---- */

static void tell(struct quic_conn *conn, const struct punch_message *m)
{
    uint8_t out[PUNCH_MESSAGE_MAX];
    const struct message_part part = punch_message_write(m, out);
    peer_tell_part(conn, &part);
}

void effort_tell_end(struct quic_conn *conn, uint16_t round, enum punch_result result)
{
    const struct punch_message m = {.type = PUNCH_END, .round = round, .result = result};
    tell(conn, &m);
}

/* The ways to meet us over TCP: the port that all such connections come from, as servers see it,
 * and at our own addresses. */
static size_t list_tcp(const struct effort *e, const struct candidate *all, size_t count,
                       struct candidate out[static TCP_TOLD])
{
    const struct tcp_roads *tcp = e->means->tcp;
    struct addr seen[2];
    size_t used = 0, found = tcp ? tcp_roads_seen(tcp, seen) : 0;

    for (size_t i = 0; i < found; i++)
        out[used++] = (struct candidate){CANDIDATE_TCP, seen[i]};
    for (size_t i = 0; i < count && tcp && used < TCP_TOLD; i++) {
        struct addr a = all[i].addr;
        addr_set_port(&a, tcp_roads_port(tcp, addr_is_v6(&a)));
        if (all[i].type == CANDIDATE_HOST && addr_port(&a) != 0)
            out[used++] = (struct candidate){CANDIDATE_TCP, a};
    }
    return used;
}

/* What our networks look like inside is for those that a person knows. */
static size_t list_for(const struct effort *e, struct candidate out[static CANDIDATES_MAX])
{
    struct candidate all[CANDIDATES_MAX + TCP_TOLD];
    size_t used = 0, count = gather_list(e->means->gather, all);
    count += list_tcp(e, all, count, all + count);
    bool known = registry_peer(e->means->node->registry, &e->id) != NULL;

    for (size_t i = 0; i < count && used < CANDIDATES_MAX; i++)
        if (known || punch_may_probe(&all[i].addr, NULL, 0, false))
            out[used++] = all[i];
    return used;
}

void effort_tell_punch(struct effort *e, bool ack)
{
    struct punch_message m = {
        .type = PUNCH_PUNCH,
        .round = e->round,
        .flags = (uint8_t)((ack ? PUNCH_ACK : 0) | (effort_may_search(e) ? PUNCH_GUESSING : 0)),
        .facts = effort_facts(e),
    };
    m.candidates = list_for(e, m.candidate);
    e->said = m.facts;
    memcpy(e->told, m.candidate, m.candidates * sizeof(m.candidate[0]));
    e->told_count = m.candidates;
    tell(e->conn, &m);
}

static bool was_told(const struct effort *e, const struct candidate *c)
{
    for (size_t i = 0; i < e->told_count; i++)
        if (addr_equal(&e->told[i].addr, &c->addr) &&
            (e->told[i].type == CANDIDATE_TCP) == (c->type == CANDIDATE_TCP))
            return true;
    return false;
}

static void add_untold(struct effort *e, struct punch_message *m, const struct candidate *c)
{
    if (e->told_count < CANDIDATES_MAX && !was_told(e, c))
        m->candidate[m->candidates++] = e->told[e->told_count++] = *c;
}

void effort_tell_more(struct effort *e)
{
    struct gather *g = e->means->gather;
    struct candidate list[CANDIDATES_MAX], fresh = {.type = CANDIDATE_PEER};
    struct punch_message m = {.type = PUNCH_CANDIDATES, .round = e->round};
    size_t count = list_for(e, list);

    for (size_t i = 0; i < count; i++)
        add_untold(e, &m, &list[i]);
    if (e->fresh != 0 && gather_seen(g, e->fresh, &fresh.addr))
        add_untold(e, &m, &fresh);
    if (m.candidates > 0)
        tell(e->conn, &m);
}

/* ---- for people ---- */

static void fill_round(const struct effort *e, const char *result, struct round_view *out)
{
    unsigned probes;

    *out = (struct round_view){.number = e->round, .result = result, .began = e->began};
    if (!e->running)
        return;
    out->strategy = punch_trying(e->running->core);
    out->candidates = (unsigned)e->named_count;
    out->probes = e->running->sent;
    punch_counts(e->running->core, &probes, &out->guesses);
    out->answers = e->running->heard;
    out->took = env_now(e->means->node->env) - e->began;
}

void effort_account(struct effort *e, const char *result)
{
    if (e->accounted || e->round == 0)
        return;
    e->accounted = true;
    fill_round(e, result, &e->last);
}

void effort_round(const struct effort *e, struct round_view *out)
{
    *out = e->last;
    if (e->running && !e->accounted)
        fill_round(e, "running", out);
    out->lost = e->lost;
}

const char *effort_why(struct effort *e, instant now)
{
    unsigned wait_s = e->due > now ? (unsigned)((e->due - now + SEC(1) - 1) / SEC(1)) : 0;

    switch (e->stage) {
    case EFFORT_REST:
        return e->resting ? "idle: direct paths are looked for when there is traffic"
                          : "no direct path has answered yet";
    case EFFORT_WAITING:
        if (e->reason[0])
            (void)snprintf(e->why, sizeof(e->why), "%s; next try in %u s%s", e->reason, wait_s,
                           e->waits > 0 ? ", or when it is its turn to search" : "");
        else
            (void)snprintf(e->why, sizeof(e->why), "the first try is about to begin");
        return e->why;
    case EFFORT_LOOKING:
        return "looking for the next port of our NAT";
    case EFFORT_ASKED:
        return "the peer was asked to punch and has not answered yet";
    case EFFORT_RUNNING:
        (void)snprintf(e->why, sizeof(e->why), "punching: %s", punch_why(e->running->core));
        return e->why;
    }
    return "";
}
