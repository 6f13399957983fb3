#include <stdlib.h>
#include <string.h>

#include "gateway/discovery/dht_state.h"

#define USUAL_MIN_MS 50
#define USUAL_MAX_MS 1500

/* ---- asking ---- */

static struct dht_query *new_query(struct dht *d)
{
    if (d->queries == d->query_room) {
        unsigned room = d->query_room ? 2 * d->query_room : 8;
        if (room > DHT_QUERIES_MAX)
            return NULL;
        struct dht_query *more = realloc(d->query, room * sizeof(*more));
        if (!more)
            return NULL;
        d->query = more;
        d->query_room = room;
    }
    return &d->query[d->queries++];
}

bool dht_ask(struct dht *d, instant now, struct krpc *m, const struct addr *to,
             enum dht_purpose purpose, struct dht_request *request, struct dht_tx *tx)
{
    if (!dht_limit_send(&d->limit, now, to))
        return false;
    struct dht_query *q = new_query(d);
    if (!q)
        return false;
    *q = (struct dht_query){.purpose = purpose, .to = *to, .sent = now, .request = request};
    dht_random(d, q->t, sizeof(q->t));
    m->kind = KRPC_QUERY;
    m->t = (struct krpc_bytes){q->t, sizeof(q->t)};
    m->version = DHT_VERSION;
    m->id = dht_family_of(d, to)->routing.self.b;
    m->read_only = !dht_answers(d, now);
    size_t len = krpc_write(m, d->out, sizeof(d->out));
    if (len == 0) {
        d->queries--;
        return false;
    }
    if (now + DHT_SILENT_AFTER < d->next_silence)
        d->next_silence = now + DHT_SILENT_AFTER;
    dht_met(d, now, to);
    *tx = (struct dht_tx){.to = *to, .data = d->out, .len = len};
    return true;
}

instant dht_soft_timeout(const struct dht *d)
{
    return (instant)(d->usual_ms * 1e6);
}

/* ---- answers ---- */

static struct dht_query *find_query(struct dht *d, const struct addr *from, struct krpc_bytes t)
{
    for (unsigned i = 0; t.len == DHT_T_LEN && i < d->queries; i++)
        if (memcmp(d->query[i].t, t.at, DHT_T_LEN) == 0 && addr_equal(&d->query[i].to, from))
            return &d->query[i];
    return NULL;
}

static struct dht_query take_query(struct dht *d, struct dht_query *q)
{
    const struct dht_query taken = *q;
    *q = d->query[--d->queries];
    return taken;
}

/* Settles where four of five are below. */
static void learn_time(struct dht *d, instant took)
{
    d->usual_ms *= (double)took / 1e6 > d->usual_ms ? 1.08 : 0.98;
    if (d->usual_ms < USUAL_MIN_MS)
        d->usual_ms = USUAL_MIN_MS;
    if (d->usual_ms > USUAL_MAX_MS)
        d->usual_ms = USUAL_MAX_MS;
}

void dht_take_answer(struct dht *d, instant now, const struct addr *from, const struct krpc *m)
{
    struct dht_family *f = dht_family_of(d, from);
    struct dht_query *found = find_query(d, from, m->t);

    if (!found)
        return;
    const struct dht_query q = take_query(d, found);
    if (m->kind == KRPC_REPLY) {
        const struct dht_id id = dht_id_from(m->id);
        d->count.replies++;
        learn_time(d, now - q.sent);
        dht_routing_replied(&f->routing, now, &id, from, now - q.sent);
    }
    /* With an error too: to who wants ids that fit addresses (BEP 42) ours may be the error. */
    if (!addr_is_none(&m->seen) && dht_votes_add(&f->votes, from, &m->seen))
        dht_take_address(d, now, f);
    if (q.request)
        dht_request_answer(d, now, &q, m);
}

void dht_expire_queries(struct dht *d, instant now)
{
    if (now < d->next_silence)
        return;
    d->next_silence = INSTANT_NEVER;
    for (unsigned i = 0; i < d->queries;) {
        instant due = d->query[i].sent + DHT_SILENT_AFTER;
        if (now < due) {
            d->next_silence = due < d->next_silence ? due : d->next_silence;
            i++;
            continue;
        }
        const struct dht_query q = take_query(d, &d->query[i]);
        d->count.timeouts++;
        dht_routing_failed(&dht_family_of(d, &q.to)->routing, &q.to);
        if (q.request)
            dht_request_answer(d, now, &q, NULL);
    }
}

void dht_disown_queries(struct dht *d, const struct dht_request *r)
{
    for (unsigned i = 0; i < d->queries; i++)
        if (d->query[i].request == r)
            d->query[i].request = NULL;
}
