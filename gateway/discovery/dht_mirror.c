#include "gateway/discovery/dht_mirror.h"

#include <string.h>

#include "gateway/wire/krpc.h"

#define VOICES 2

void dht_mirror_begin(struct dht_mirror *m, instant now, const struct addr *nodes, size_t count,
                      const uint8_t chance[static DHT_ID_LEN + DHT_MIRROR_NODES * DHT_MIRROR_T_LEN])
{
    *m = (struct dht_mirror){
        .state = DHT_MIRROR_ASKING, .id = dht_id_from(chance), .until = now + DHT_MIRROR_WITHIN};
    m->nodes = count < DHT_MIRROR_NODES ? count : DHT_MIRROR_NODES;
    for (size_t i = 0; i < m->nodes; i++) {
        m->node[i].addr = nodes[i];
        memcpy(m->node[i].t, chance + DHT_ID_LEN + i * DHT_MIRROR_T_LEN, DHT_MIRROR_T_LEN);
    }
}

/* ---- judging ---- */

static bool has_voice(const struct dht_mirror_node *n)
{
    return !addr_is_none(&n->seen);
}

/* A network has one voice, whatever the number of its nodes. */
static bool is_first_of_network(const struct dht_mirror *m, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (has_voice(&m->node[i]) && dht_addr_same(&m->node[i].addr, &m->node[at].addr, true))
            return false;
    return true;
}

struct poll {
    unsigned all, same_port, same_ip; /* voices: all, and those that agree with the largest group */
    struct addr winner;
};

static void count_voices(const struct dht_mirror *m, struct poll *poll)
{
    *poll = (struct poll){.all = 0};
    for (size_t i = 0; i < m->nodes; i++) {
        unsigned same_port = 0, same_ip = 0;
        if (!has_voice(&m->node[i]) || !is_first_of_network(m, i))
            continue;
        poll->all++;
        for (size_t k = 0; k < m->nodes; k++) {
            if (!has_voice(&m->node[k]) || !is_first_of_network(m, k))
                continue;
            same_port += addr_equal(&m->node[i].seen, &m->node[k].seen);
            same_ip += addr_same_ip(&m->node[i].seen, &m->node[k].seen);
        }
        if (same_ip > poll->same_ip)
            poll->same_ip = same_ip;
        if (same_port > poll->same_port) {
            poll->same_port = same_port;
            poll->winner = m->node[i].seen;
        }
    }
}

static void judge(struct dht_mirror *m, bool over)
{
    struct poll poll;

    count_voices(m, &poll);
    if (poll.same_port >= VOICES && 2 * poll.same_port > poll.all) {
        m->state = DHT_MIRROR_SEEN;
        m->seen = poll.winner;
    } else if (over) {
        bool varies = poll.same_port == 1 && poll.same_ip >= VOICES && 2 * poll.same_ip > poll.all;
        m->state = varies ? DHT_MIRROR_VARIES : DHT_MIRROR_SILENT;
    }
}

/* ---- asking ---- */

/* Those asked that may still answer soon. */
static size_t waiting(const struct dht_mirror *m, instant now)
{
    size_t count = 0;

    for (size_t i = 0; i < m->nodes; i++) {
        const struct dht_mirror_node *n = &m->node[i];
        count += n->asked > 0 && !n->answered && now < n->asked + DHT_MIRROR_SLOW;
    }
    return count;
}

static struct dht_mirror_node *next_node(struct dht_mirror *m)
{
    for (size_t i = 0; i < m->nodes; i++)
        if (m->node[i].asked == 0)
            return &m->node[i];
    return NULL;
}

static bool all_answered(const struct dht_mirror *m)
{
    for (size_t i = 0; i < m->nodes; i++)
        if (!m->node[i].answered)
            return false;
    return true;
}

size_t dht_mirror_output(struct dht_mirror *m, instant now, struct addr *to,
                         uint8_t out[static DHT_MIRROR_PACKET])
{
    struct dht_mirror_node *n = NULL;

    if (m->state != DHT_MIRROR_ASKING)
        return 0;
    if (now < m->until && waiting(m, now) < DHT_MIRROR_AT_ONCE)
        n = next_node(m);
    if (!n) {
        if (now >= m->until || all_answered(m))
            judge(m, true);
        return 0;
    }
    n->asked = now > 0 ? now : 1;
    *to = n->addr;
    /* Read-only (BEP 43): no node is to take this socket for one of the DHT. */
    const struct krpc ping = {.kind = KRPC_QUERY,
                              .method = KRPC_PING,
                              .t = {n->t, sizeof(n->t)},
                              .id = m->id.b,
                              .read_only = true};
    return krpc_write(&ping, out, DHT_MIRROR_PACKET);
}

bool dht_mirror_input(struct dht_mirror *m, const struct addr *from, const uint8_t *data,
                      size_t len)
{
    struct dht_mirror_node *n = NULL;
    struct krpc answer;

    if (m->state != DHT_MIRROR_ASKING || krpc_read(&answer, data, len) != 0 ||
        answer.kind == KRPC_QUERY || answer.t.len != DHT_MIRROR_T_LEN)
        return false;
    for (size_t i = 0; i < m->nodes && !n; i++)
        if (m->node[i].asked > 0 && addr_equal(&m->node[i].addr, from) &&
            memcmp(m->node[i].t, answer.t.at, DHT_MIRROR_T_LEN) == 0)
            n = &m->node[i];
    if (!n || n->answered)
        return false;
    n->answered = true;
    if (addr_is_v6(&answer.seen) != addr_is_v6(from) || !dht_addr_is_usable(&answer.seen) ||
        (dht_addr_is_local(&answer.seen) && !dht_addr_is_local(from)))
        return true; /* it does not say, or cannot have seen that */
    n->seen = answer.seen;
    judge(m, false);
    return true;
}

instant dht_mirror_due(const struct dht_mirror *m, instant now)
{
    instant due = m->until;

    if (m->state != DHT_MIRROR_ASKING)
        return INSTANT_NEVER;
    if (all_answered(m))
        return now;
    for (size_t i = 0; i < m->nodes; i++) {
        const struct dht_mirror_node *n = &m->node[i];
        if (n->asked == 0)
            return waiting(m, now) < DHT_MIRROR_AT_ONCE ? now : due;
        if (!n->answered && n->asked + DHT_MIRROR_SLOW > now && n->asked + DHT_MIRROR_SLOW < due)
            due = n->asked + DHT_MIRROR_SLOW;
    }
    return due;
}
