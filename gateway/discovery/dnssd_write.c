#include "gateway/discovery/dnssd_write.h"

#include <assert.h>
#include <string.h>

#include "gateway/base/bytes.h"

#define TTL_LEGACY   10 /* RFC 6762 §6.7 */
#define FLAGS_ANSWER 0x8400
#define RECORD_FIXED 10u /* bytes between a record's name and its data, RFC 1035 §3.2.1 */
#define SRV_FIXED    6u  /* bytes before a SRV record's target, RFC 2782 */

/* SRV has one port; addresses of a family that has another are left out. */
static uint16_t port(const struct dnssd *d)
{
    return d->port_v4 != 0 ? d->port_v4 : d->port_v6;
}

struct section {
    struct writer w;
    enum dnssd_purpose purpose;
    unsigned count;
    size_t spare; /* bytes that addresses leave for what is written behind them */
};

static void put_record(struct section *s, const struct mdns_name *name, enum mdns_type type,
                       uint32_t ttl, size_t len)
{
    /* A PTR has others of its kind beside it; a probe does not claim anything yet (§8.2). */
    bool flush =
        type != MDNS_PTR && (s->purpose == DNSSD_FOR_LINK || s->purpose == DNSSD_FOR_GOODBYE);

    if (s->purpose == DNSSD_FOR_GOODBYE)
        ttl = 0;
    if (s->purpose == DNSSD_FOR_LEGACY && ttl > TTL_LEGACY)
        ttl = TTL_LEGACY;
    mdns_write_record(&s->w, name, type, flush ? MDNS_FLUSH : 0, ttl, len);
    s->count++;
}

static void put_pointer(struct section *s, const struct mdns_name *name,
                        const struct mdns_name *target)
{
    put_record(s, name, MDNS_PTR, DNSSD_TTL, target->len);
    write_bytes(&s->w, target->data, target->len);
}

static void put_srv(const struct dnssd *d, struct section *s)
{
    put_record(s, &d->instance, MDNS_SRV, DNSSD_TTL_HOST, SRV_FIXED + d->host.len);
    write_be32(&s->w, 0); /* priority and weight */
    write_be16(&s->w, port(d));
    write_bytes(&s->w, d->host.data, d->host.len);
}

static void put_txt(const struct dnssd *d, struct section *s)
{
    size_t len = strlen(d->txt);

    put_record(s, &d->instance, MDNS_TXT, DNSSD_TTL, 1 + len);
    write_u8(&s->w, (uint8_t)len);
    write_bytes(&s->w, d->txt, len);
}

/* Our addresses on one interface, as far as there is room. */
static void put_addresses(const struct dnssd *d, struct section *s, unsigned ifindex)
{
    for (size_t n = 0; n < d->address_count; n++) {
        const struct addr *a = &d->address[n].addr;
        size_t len;
        const uint8_t *ip = addr_ip(a, &len);
        bool reached = (addr_is_v6(a) ? d->port_v6 : d->port_v4) == port(d);
        if (d->address[n].index != ifindex || !reached ||
            s->w.left < d->host.len + RECORD_FIXED + len + s->spare)
            continue;
        put_record(s, &d->host, addr_is_v6(a) ? MDNS_AAAA : MDNS_A, DNSSD_TTL_HOST, len);
        write_bytes(&s->w, ip, len);
    }
}

static void put_records(const struct dnssd *d, struct section *s, unsigned records,
                        unsigned ifindex)
{
    if (records & DNSSD_LISTING)
        put_pointer(s, &d->listing, &d->service);
    if (records & DNSSD_PTR)
        put_pointer(s, &d->service, &d->instance);
    if (records & DNSSD_SRV)
        put_srv(d, s);
    if (records & DNSSD_TXT)
        put_txt(d, s);
    if (records & DNSSD_ADDRESS)
        put_addresses(d, s, ifindex);
}

/* What a reader of these will ask for next (RFC 6763 §12). */
static unsigned additional_to(unsigned records)
{
    unsigned more = 0;

    if (records & DNSSD_PTR)
        more |= DNSSD_SRV | DNSSD_TXT | DNSSD_ADDRESS;
    if (records & DNSSD_SRV)
        more |= DNSSD_ADDRESS;
    return more & ~records;
}

struct counts {
    uint16_t id, flags;
    unsigned questions, answers, authorities, additionals;
};

static void write_header(uint8_t *out, const struct counts *c)
{
    struct writer w = writer_over(out, 12);

    write_be16(&w, c->id);
    write_be16(&w, c->flags);
    write_be16(&w, (uint16_t)c->questions);
    write_be16(&w, (uint16_t)c->answers);
    write_be16(&w, (uint16_t)c->authorities);
    write_be16(&w, (uint16_t)c->additionals);
}

static struct section begin_message(struct dnssd *d, enum dnssd_purpose purpose)
{
    struct section s = {.w = writer_over(d->message, sizeof(d->message)), .purpose = purpose};
    (void)write_area(&s.w, 12);
    return s;
}

/* All records but the addresses fit together, and addresses leave room for those behind them. */
static size_t finish_message(struct dnssd *d, const struct section *s, const struct counts *c)
{
    assert(!s->w.failed);
    write_header(d->message, c);
    return writer_len(&s->w, d->message);
}

/* Answers, and behind them what belongs to them. */
static void put_answers(const struct dnssd *d, struct section *s, struct counts *c,
                        unsigned records, unsigned ifindex)
{
    unsigned more = s->purpose == DNSSD_FOR_GOODBYE ? 0 : additional_to(records);

    if (more & (DNSSD_SRV | DNSSD_TXT))
        s->spare =
            2 * (d->instance.len + RECORD_FIXED) + SRV_FIXED + d->host.len + 1 + strlen(d->txt);
    put_records(d, s, records, ifindex);
    c->answers = s->count;
    s->spare = 0;
    put_records(d, s, more, ifindex);
    c->additionals = s->count - c->answers;
}

size_t dnssd_write_answer(struct dnssd *d, unsigned records, unsigned ifindex,
                          enum dnssd_purpose purpose)
{
    struct section s = begin_message(d, purpose);
    struct counts c = {.flags = FLAGS_ANSWER};

    put_answers(d, &s, &c, records, ifindex);
    return finish_message(d, &s, &c);
}

size_t dnssd_write_probe(struct dnssd *d, unsigned ifindex)
{
    struct section s = begin_message(d, DNSSD_FOR_PROBE);
    struct counts c = {.questions = 2};

    mdns_write_question(&s.w, &d->instance, MDNS_ANY, MDNS_UNICAST);
    mdns_write_question(&s.w, &d->host, MDNS_ANY, MDNS_UNICAST);
    put_records(d, &s, DNSSD_SRV | DNSSD_TXT | DNSSD_ADDRESS, ifindex);
    c.authorities = s.count;
    return finish_message(d, &s, &c);
}

size_t dnssd_write_legacy(struct dnssd *d)
{
    const struct dnssd_reply *r = &d->reply;
    struct section s = begin_message(d, DNSSD_FOR_LEGACY);
    struct counts c = {.id = r->id, .flags = FLAGS_ANSWER, .questions = 1};

    mdns_write_question(&s.w, &r->question.name, (enum mdns_type)r->question.type, 0);
    put_answers(d, &s, &c, r->records, r->ifindex);
    return finish_message(d, &s, &c);
}
