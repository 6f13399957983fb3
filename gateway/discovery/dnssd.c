#include "gateway/discovery/dnssd.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gateway/discovery/dnssd_write.h"

#define SERVICE         "_overlay._udp.local"
#define LISTING         "_services._dns-sd._udp.local" /* RFC 6763 §9 */
#define PROBE_EVERY     MSEC(250)                      /* RFC 6762 §8.1 */
#define ANNOUNCE_EVERY  SEC(1)                         /* §8.3 */
#define REPEAT_AFTER    SEC(1)                         /* §6: no record oftener on a link */
#define SHARED_DELAY    MSEC(20)                       /* §6: 20 to 120 ms for shared records */
#define SHARED_SPREAD   MSEC(100)
#define TRUNCATED_DELAY MSEC(500) /* §7.2: more known answers follow */
#define REPLIES_PER_S   10

enum { PROBES = 3, ANNOUNCEMENTS = 2 };

void dnssd_init(struct dnssd *d, const struct peer_id *id, uint16_t port_v4, uint16_t port_v6,
                void (*random)(void *arg, void *out, size_t len), void *arg)
{
    char text[PEER_ID_TEXT_MAX], name[PEER_ID_TEXT_MAX + sizeof("." SERVICE)];

    memset(d, 0, sizeof(*d));
    d->port_v4 = port_v4;
    d->port_v6 = port_v6;
    d->random = random;
    d->arg = arg;
    d->due = INSTANT_NEVER;
    d->replies = bucket_of(REPLIES_PER_S, REPLIES_PER_S);
    (void)peer_id_print(id, text);
    (void)snprintf(name, sizeof(name), "%s." SERVICE, text);
    d->instance = mdns_name(name);
    (void)snprintf(name, sizeof(name), "%s.local", text);
    d->host = mdns_name(name);
    (void)snprintf(d->txt, sizeof(d->txt), "id=%s", text);
    d->service = mdns_name(SERVICE);
    d->listing = mdns_name(LISTING);
}

static instant chance(struct dnssd *d, instant below)
{
    uint32_t r;
    d->random(d->arg, &r, sizeof(r));
    return r % below;
}

static void add_link(struct dnssd *d, const struct interface *i)
{
    bool v6 = addr_is_v6(&i->addr);

    if (i->loopback || !i->multicast || (v6 ? d->port_v6 : d->port_v4) == 0)
        return;
    for (size_t n = 0; n < d->link_count; n++)
        if (d->link[n].ifindex == i->index && d->link[n].v6 == v6)
            return;
    if (d->link_count < DNSSD_LINKS_MAX)
        d->link[d->link_count++] =
            (struct dnssd_link){.ifindex = i->index, .v6 = v6, .due = INSTANT_NEVER};
}

void dnssd_set_interfaces(struct dnssd *d, instant now, const struct interface *list, size_t count)
{
    d->link_count = d->address_count = 0;
    d->reply.records = 0;
    for (size_t n = 0; n < count; n++) {
        if (addr_is_none(&list[n].addr))
            continue;
        add_link(d, &list[n]);
        if (d->address_count < DNSSD_ADDRESSES_MAX)
            d->address[d->address_count++] = list[n];
    }
    d->state = DNSSD_PROBING;
    d->round = d->next = 0;
    d->due = now + chance(d, PROBE_EVERY);
}

void dnssd_stop(struct dnssd *d, instant now)
{
    bool shown = d->state == DNSSD_ANNOUNCING || d->state == DNSSD_READY;

    d->state = shown ? DNSSD_LEAVING : DNSSD_OFF;
    d->round = d->next = 0;
    d->due = shown ? now : INSTANT_NEVER;
}

/* ---- input ---- */

static unsigned asked_for(const struct dnssd *d, const struct mdns_question *q)
{
    bool any = q->type == MDNS_ANY;

    if (mdns_name_equal(&q->name, &d->listing))
        return any || q->type == MDNS_PTR ? DNSSD_LISTING : 0;
    if (mdns_name_equal(&q->name, &d->service))
        return any || q->type == MDNS_PTR ? DNSSD_PTR : 0;
    if (mdns_name_equal(&q->name, &d->host))
        return any || q->type == MDNS_A || q->type == MDNS_AAAA ? DNSSD_ADDRESS : 0;
    if (!mdns_name_equal(&q->name, &d->instance))
        return 0;
    return (any || q->type == MDNS_SRV ? DNSSD_SRV : 0u) |
           (any || q->type == MDNS_TXT ? DNSSD_TXT : 0u);
}

/* Records that the asker has already, and will keep for a while (RFC 6762 §7.1). */
static unsigned known_to(const struct dnssd *d, const struct mdns_pointer *p)
{
    if (p->ttl < DNSSD_TTL / 2)
        return 0;
    if (mdns_name_equal(&p->name, &d->service) && mdns_name_equal(&p->target, &d->instance))
        return DNSSD_PTR;
    if (mdns_name_equal(&p->name, &d->listing) && mdns_name_equal(&p->target, &d->service))
        return DNSSD_LISTING;
    return 0;
}

struct query {
    struct mdns_header header;
    struct mdns_question question; /* the last one that concerns us */
    unsigned records;
    bool unicast; /* all that concern us want unicast */
};

static bool read_query(const struct dnssd *d, struct query *q, const uint8_t *data, size_t len)
{
    struct mdns_reader r;
    struct mdns_question question;
    struct mdns_pointer pointer;

    if (mdns_begin(&r, &q->header, data, len) < 0 || q->header.response)
        return false;
    q->unicast = true;
    for (unsigned n = 0; n < q->header.questions; n++) {
        if (mdns_read_question(&r, &question) < 0)
            return false;
        unsigned records = asked_for(d, &question);
        if (records == 0)
            continue;
        q->records |= records;
        q->unicast = q->unicast && question.unicast;
        q->question = question;
    }
    for (unsigned n = 0; n < q->header.answers && q->records != 0; n++) {
        int got = mdns_read_pointer(&r, &pointer);
        if (got < 0)
            return false;
        if (got == 1)
            q->records &= ~known_to(d, &pointer);
    }
    return q->records != 0;
}

/* Only askers on the link are answered (RFC 6762 §11). Returns the interface, or 0. */
static unsigned link_of(const struct dnssd *d, const struct addr *from, unsigned ifindex)
{
    for (size_t n = 0; n < d->address_count; n++) {
        const struct interface *i = &d->address[n];
        const struct addr_prefix network = {.addr = i->addr, .bits = i->prefix_bits};
        if ((ifindex == 0 || i->index == ifindex) && addr_prefix_contains(&network, from))
            return i->index;
    }
    return 0;
}

static void answer_one(struct dnssd *d, instant now, const struct addr *from, unsigned ifindex,
                       const struct query *q)
{
    if (d->reply.records != 0 || !bucket_take(&d->replies, now, 1))
        return;
    d->reply = (struct dnssd_reply){.to = *from,
                                    .ifindex = ifindex,
                                    .records = q->records,
                                    .legacy = addr_port(from) != MDNS_PORT,
                                    .id = q->header.id,
                                    .question = q->question};
}

static void answer_all(struct dnssd *d, instant now, bool v6, unsigned ifindex,
                       const struct query *q)
{
    bool shared = (q->records & (DNSSD_PTR | DNSSD_LISTING)) != 0;
    instant due = now + (shared ? SHARED_DELAY + chance(d, SHARED_SPREAD) : 0) +
                  (q->header.truncated ? TRUNCATED_DELAY : 0);

    for (size_t n = 0; n < d->link_count; n++) {
        struct dnssd_link *l = &d->link[n];
        if (l->ifindex != ifindex || l->v6 != v6)
            continue;
        instant soonest = l->sent > 0 ? l->sent + REPEAT_AFTER : 0;
        due = due > soonest ? due : soonest;
        l->records |= q->records;
        l->due = due < l->due ? due : l->due;
    }
}

void dnssd_input(struct dnssd *d, instant now, const struct addr *from, unsigned ifindex,
                 const uint8_t *data, size_t len)
{
    struct query q = {0};

    if (d->state != DNSSD_ANNOUNCING && d->state != DNSSD_READY)
        return;
    unsigned link = link_of(d, from, ifindex);
    if (link == 0 || !read_query(d, &q, data, len))
        return;
    if (q.unicast || addr_port(from) != MDNS_PORT)
        answer_one(d, now, from, link, &q);
    else
        answer_all(d, now, addr_is_v6(from), link, &q);
}

/* ---- output ---- */

static struct addr group(const struct dnssd_link *l)
{
    struct addr a = {0};
    int err = addr_parse_ip(&a, l->v6 ? MDNS_GROUP_V6 : MDNS_GROUP_V4, MDNS_PORT);
    assert(err == 0);
    (void)err;
    if (l->v6)
        a.v6.sin6_scope_id = l->ifindex;
    return a;
}

static void to_link(struct dnssd *d, const struct dnssd_link *l, size_t len, struct dnssd_tx *tx)
{
    *tx = (struct dnssd_tx){.to = group(l), .ifindex = l->ifindex, .data = d->message, .len = len};
}

/* After a round on all links: the next one, or the next state. */
static void end_round(struct dnssd *d, instant now)
{
    d->next = 0;
    d->round++;
    if (d->state == DNSSD_PROBING) {
        d->due = now + PROBE_EVERY;
        if (d->round < PROBES)
            return;
        d->state = DNSSD_ANNOUNCING;
        d->round = 0;
    } else if (d->state == DNSSD_ANNOUNCING && d->round < ANNOUNCEMENTS) {
        d->due = now + ANNOUNCE_EVERY;
    } else {
        d->state = d->state == DNSSD_LEAVING ? DNSSD_OFF : DNSSD_READY;
        d->due = INSTANT_NEVER;
    }
}

static size_t write_round(struct dnssd *d, struct dnssd_link *l, instant now)
{
    if (d->state == DNSSD_PROBING)
        return dnssd_write_probe(d, l->ifindex);
    l->sent = now > 0 ? now : 1;
    bool leaving = d->state == DNSSD_LEAVING;
    return dnssd_write_answer(d, leaving ? DNSSD_ALL & ~DNSSD_LISTING : DNSSD_ALL, l->ifindex,
                              leaving ? DNSSD_FOR_GOODBYE : DNSSD_FOR_LINK);
}

static bool output_round(struct dnssd *d, instant now, struct dnssd_tx *tx)
{
    if (now < d->due)
        return false;
    if (d->next >= d->link_count) { /* also when there is none at all */
        end_round(d, now);
        return false;
    }
    struct dnssd_link *l = &d->link[d->next++];
    to_link(d, l, write_round(d, l, now), tx);
    if (d->next == d->link_count)
        end_round(d, now);
    return true;
}

static bool output_reply(struct dnssd *d, struct dnssd_tx *tx)
{
    struct dnssd_reply *r = &d->reply;

    if (r->records == 0)
        return false;
    size_t len = r->legacy ? dnssd_write_legacy(d)
                           : dnssd_write_answer(d, r->records, r->ifindex, DNSSD_FOR_LINK);
    *tx = (struct dnssd_tx){.to = r->to, .data = d->message, .len = len};
    if (addr_is_link_local(&r->to))
        tx->ifindex = r->ifindex;
    r->records = 0;
    return true;
}

static bool output_answer(struct dnssd *d, instant now, struct dnssd_tx *tx)
{
    for (size_t n = 0; n < d->link_count; n++) {
        struct dnssd_link *l = &d->link[n];
        if (now < l->due)
            continue;
        to_link(d, l, dnssd_write_answer(d, l->records, l->ifindex, DNSSD_FOR_LINK), tx);
        l->records = 0;
        l->due = INSTANT_NEVER;
        l->sent = now > 0 ? now : 1;
        return true;
    }
    return false;
}

bool dnssd_output(struct dnssd *d, instant now, struct dnssd_tx *tx)
{
    if (d->state == DNSSD_OFF)
        return false;
    return output_reply(d, tx) || output_round(d, now, tx) || output_answer(d, now, tx);
}

instant dnssd_deadline(const struct dnssd *d)
{
    instant due = d->due;

    if (d->state == DNSSD_OFF)
        return INSTANT_NEVER;
    if (d->reply.records != 0)
        return 0;
    for (size_t n = 0; n < d->link_count; n++)
        if (d->link[n].due < due)
            due = d->link[n].due;
    return due;
}
