#include "dns/answer.h"

#include <errno.h>
#include <string.h>

#include <ldns/ldns.h>

#include "dns/records.h"
#include "dns/reverse.h"

#define OPT_LEN 11 /* bytes of an OPT without options */

/* Types and classes that ask for something other than data (RFC 6895 §3.1). */
enum {
    TYPE_TKEY = 249,
    TYPE_TSIG = 250,
    TYPE_IXFR = 251,
    TYPE_AXFR = 252,
    TYPE_MAILB = 253,
    TYPE_MAILA = 254
};

/* One query on its way to its answer. */
struct job {
    const struct answer_zone *zone;
    struct precheck pre;
    const uint8_t *query;
    const uint8_t *name; /* of the question, on the wire */
    const uint8_t *apex; /* of the zone it is in, on the wire */
    size_t apex_len;

    /* What the name says: `_service._proto.host`, on the wire and as text. */
    const uint8_t *host; /* within `name` */
    unsigned underscores;
    char host_text[ANSWER_HOST_MAX + 1];
    char service[64];
    bool udp;

    struct reverse reverse; /* the name is one of an address */

    ldns_pkt *pkt;
    ldns_rdf *owner; /* borrowed from the question in `pkt` */
    bool failed;     /* no memory */
};

/* Writes a good name, of at most ANSWER_HOST_MAX characters. Returns its length on the wire. */
static size_t put_name(uint8_t out[static DNS_NAME_MAX], const char *text)
{
    size_t at = 0;
    while (*text) {
        size_t label = strcspn(text, ".");
        out[at++] = (uint8_t)label;
        memcpy(out + at, text, label);
        at += label;
        text += label + (text[label] == '.');
    }
    out[at] = 0;
    return at + 1;
}

void answer_zone_init(struct answer_zone *zone, const char *suffix,
                      const struct answer_source *source, void *arg)
{
    *zone = (struct answer_zone){.source = source, .arg = arg};
    zone->apex_len = put_name(zone->apex, suffix);
}

/* ---- answers without records ---- */

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static size_t put_opt(uint8_t *at, const struct precheck *p, unsigned rcode)
{
    memset(at, 0, OPT_LEN);
    at[2] = LDNS_RR_TYPE_OPT;
    put16(at + 3, ANSWER_UDP_MAX);
    at[5] = (uint8_t)(rcode >> 4);
    at[7] = p->dnssec_ok ? 0x80 : 0; /* RFC 3225 §3: copied, though we sign nothing */
    return OPT_LEN;
}

size_t answer_write_plain(const struct precheck *p, const uint8_t *query, uint16_t flags,
                          unsigned rcode, uint8_t *out, size_t max)
{
    size_t len = DNS_HEADER_LEN;
    memset(out, 0, DNS_HEADER_LEN);
    put16(out, p->id);
    put16(out + 2, DNS_QR | (p->flags & (DNS_OPCODE | DNS_RD)) | flags | (rcode & DNS_RCODE));
    if (p->question_len > 0 && len + p->question_len <= max) {
        out[5] = 1;
        memmove(out + len, query + DNS_HEADER_LEN, p->question_len);
        len += p->question_len;
    }
    if (p->edns && len + OPT_LEN <= max) {
        out[11] = 1;
        len += put_opt(out + len, p, rcode);
    }
    return len;
}

/* ---- reading the name ---- */

/* The part of `name` that ends in the apex, or NULL: a name outside the zone. Case does not count.
 */
static const uint8_t *find_apex(const struct answer_zone *zone, const uint8_t *name, size_t len)
{
    while (len > zone->apex_len) {
        len -= 1u + name[0];
        name += 1u + name[0];
    }
    if (len != zone->apex_len)
        return NULL;
    for (size_t i = 0; i < len; i++)
        if (dns_lower(name[i]) != zone->apex[i])
            return NULL;
    return name;
}

/* Lower-case text of one label. False if it has a character that no name of ours has, so that a
 * label with a dot inside is not taken for two. */
static bool label_text(const uint8_t *label, char *out)
{
    for (size_t i = 1; i <= label[0]; i++) {
        uint8_t c = dns_lower(label[i]);
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_')
            return false;
        *out++ = (char)c;
    }
    *out = '\0';
    return true;
}

static bool host_text(struct job *job)
{
    char *at = job->host_text;
    for (const uint8_t *label = job->host; label[0] > 0; label += 1u + label[0]) {
        if (at != job->host_text)
            *at++ = '.';
        if (!label_text(label, at))
            return false;
        at += label[0];
    }
    return true;
}

/* Takes `_service` and `_proto` off the front. False: no such name can exist. */
static bool split_name(struct job *job)
{
    char proto[64] = "";
    job->host = job->name;
    while (job->host[0] > 1 && job->host[1] == '_') {
        memcpy(job->service, proto, sizeof(proto));
        if (!label_text(job->host, proto) || ++job->underscores > 2)
            return false;
        job->host += 1u + job->host[0];
    }
    if (job->underscores > 0 && strcmp(proto, "_tcp") != 0 && strcmp(proto, "_udp") != 0)
        return false;
    job->udp = strcmp(proto, "_udp") == 0;
    return host_text(job);
}

/* ---- building the answer ---- */

/* Adds a record (taken, NULL when there was no memory) to a section. */
static void add(struct job *job, ldns_pkt_section section, ldns_rr *rr)
{
    if (rr && ldns_pkt_push_rr(job->pkt, section, rr))
        return;
    ldns_rr_free(rr);
    job->failed = true;
}

static void add_of_apex(struct job *job, ldns_pkt_section section,
                        ldns_rr *(*make)(const ldns_rdf *apex))
{
    ldns_rdf *apex = record_name(job->apex, job->apex_len);
    add(job, section, apex ? make(apex) : NULL);
    ldns_rdf_deep_free(apex);
}

/* RFC 2308 §3: the SOA says for how long the absence may be remembered. */
static void say_none(struct job *job, ldns_pkt_rcode rcode)
{
    ldns_pkt_set_rcode(job->pkt, (uint8_t)rcode);
    add_of_apex(job, LDNS_SECTION_AUTHORITY, record_soa);
}

static void answer_apex(struct job *job)
{
    if (job->underscores > 0)
        say_none(job, LDNS_RCODE_NXDOMAIN);
    else if (job->pre.type == LDNS_RR_TYPE_SOA || job->pre.type == LDNS_RR_TYPE_ANY)
        add_of_apex(job, LDNS_SECTION_ANSWER, record_soa);
    else if (job->pre.type == LDNS_RR_TYPE_NS)
        add_of_apex(job, LDNS_SECTION_ANSWER, record_ns);
    else
        say_none(job, LDNS_RCODE_NOERROR);
}

static void answer_text(struct job *job)
{
    struct answer_text text = {0};
    const char *strings[ANSWER_TEXT_MAX];
    size_t count = 0;
    job->zone->source->describe(job->zone->arg, job->host_text, &text);
    while (count < ANSWER_TEXT_MAX && text.string[count][0] != '\0') {
        strings[count] = text.string[count];
        count++;
    }
    if (count > 0)
        add(job, LDNS_SECTION_ANSWER, record_txt(job->owner, strings, count));
    else
        say_none(job, LDNS_RCODE_NOERROR);
}

static void answer_host(struct job *job, const struct answer_host *host)
{
    unsigned type = job->pre.type;
    if (type == LDNS_RR_TYPE_ANY) /* RFC 8482 §4.1: one of the sets that exist */
        type = host->has_v4 ? LDNS_RR_TYPE_A : host->has_v6 ? LDNS_RR_TYPE_AAAA : LDNS_RR_TYPE_TXT;
    if (type == LDNS_RR_TYPE_A && host->has_v4)
        add(job, LDNS_SECTION_ANSWER, record_address(job->owner, host->v4, sizeof(host->v4)));
    else if (type == LDNS_RR_TYPE_AAAA && host->has_v6)
        add(job, LDNS_SECTION_ANSWER, record_address(job->owner, host->v6, sizeof(host->v6)));
    else if (type == RECORD_TYPE_HTTPS && host->https)
        add(job, LDNS_SECTION_ANSWER, record_https(job->owner));
    else if (type == LDNS_RR_TYPE_TXT)
        answer_text(job);
    else
        say_none(job, LDNS_RCODE_NOERROR);
}

/* The host's name with the port's label before it, or NULL: no memory, or too long to be a name. */
static ldns_rdf *target_name(const struct job *job, const struct answer_port *port)
{
    uint8_t wire[1 + 63 + DNS_NAME_MAX];
    size_t label = strlen(port->label);
    size_t rest = job->pre.name_len - (size_t)(job->host - job->name);
    size_t at = label > 0 ? 1 + label : 0;
    if (label > 63 || at + rest > DNS_NAME_MAX)
        return NULL;
    wire[0] = (uint8_t)label;
    memcpy(wire + 1, port->label, label);
    memcpy(wire + at, job->host, rest);
    return record_name(wire, at + rest);
}

static void answer_port(struct job *job, const struct answer_host *host)
{
    struct answer_port port = {0};
    bool wanted = job->pre.type == LDNS_RR_TYPE_SRV || job->pre.type == LDNS_RR_TYPE_ANY;
    if (!wanted || job->zone->source->find_port(job->zone->arg, job->host_text, job->service + 1,
                                                job->udp, &port) < 0) {
        say_none(job, LDNS_RCODE_NOERROR);
        return;
    }
    ldns_rdf *target = target_name(job, &port);
    add(job, LDNS_SECTION_ANSWER, target ? record_srv(job->owner, port.port, target) : NULL);
    /* The target's address saves a second question; it is the host's own only when it is the
     * host's own name. */
    if (target && port.label[0] == '\0' && host->has_v4)
        add(job, LDNS_SECTION_ADDITIONAL, record_address(target, host->v4, sizeof(host->v4)));
    ldns_rdf_deep_free(target);
}

static void answer_name(struct job *job, const uint8_t *apex)
{
    struct answer_host host = {0};
    bool possible = split_name(job);
    if (possible && job->host == apex)
        answer_apex(job);
    else if (!possible || job->zone->source->find_host(job->zone->arg, job->host_text, &host) < 0)
        say_none(job, LDNS_RCODE_NXDOMAIN);
    else if (job->underscores == 0)
        answer_host(job, &host);
    else if (job->underscores == 2)
        answer_port(job, &host);
    else
        say_none(job, LDNS_RCODE_NOERROR); /* _tcp.NAME: there are names below it (RFC 8020) */
}

/* ---- addresses ---- */

static void answer_pointer(struct job *job, const char *host)
{
    uint8_t wire[DNS_NAME_MAX];
    ldns_rdf *target = record_name(wire, put_name(wire, host));
    add(job, LDNS_SECTION_ANSWER, target ? record_ptr(job->owner, target) : NULL);
    ldns_rdf_deep_free(target);
}

static void answer_address(struct job *job)
{
    const struct answer_zone *zone = job->zone;
    unsigned octets = job->reverse.octets, type = job->pre.type;
    char host[ANSWER_HOST_MAX + 1];

    if (job->reverse.apex == job->name)
        answer_apex(job);
    else if (octets < 4)
        say_none(job, LDNS_RCODE_NOERROR); /* there are names below it (RFC 8020) */
    else if (octets > 4 || zone->source->find_name(zone->arg, job->reverse.ip, host) < 0)
        say_none(job, LDNS_RCODE_NXDOMAIN);
    else if (type == LDNS_RR_TYPE_PTR || type == LDNS_RR_TYPE_ANY)
        answer_pointer(job, host);
    else
        say_none(job, LDNS_RCODE_NOERROR);
}

/* ---- the packet ---- */

static int open_packet(struct job *job)
{
    size_t at = DNS_HEADER_LEN;
    ldns_rr *question = NULL;
    job->pkt = ldns_pkt_new();
    if (!job->pkt || ldns_wire2rr(&question, job->query, DNS_HEADER_LEN + job->pre.question_len,
                                  &at, LDNS_SECTION_QUESTION) != LDNS_STATUS_OK)
        return -ENOMEM;
    job->owner = ldns_rr_owner(question);
    add(job, LDNS_SECTION_QUESTION, question);
    if (job->failed)
        return -ENOMEM;
    ldns_pkt_set_id(job->pkt, job->pre.id);
    ldns_pkt_set_qr(job->pkt, true);
    ldns_pkt_set_aa(job->pkt, true);
    ldns_pkt_set_rd(job->pkt, (job->pre.flags & DNS_RD) != 0);
    ldns_pkt_set_ra(job->pkt, job->zone->recursion);
    if (job->pre.edns)
        ldns_pkt_set_edns_udp_size(job->pkt, ANSWER_UDP_MAX);
    ldns_pkt_set_edns_do(job->pkt, job->pre.dnssec_ok);
    return 0;
}

/* Returns the length, 0 without memory, or SIZE_MAX: it is longer than `max`. */
static size_t write_packet(const struct job *job, uint8_t *out, size_t max)
{
    uint8_t *wire = NULL;
    size_t len = 0;
    if (ldns_pkt2wire(&wire, job->pkt, &len) != LDNS_STATUS_OK)
        return 0;
    if (len <= max)
        memcpy(out, wire, len);
    LDNS_FREE(wire);
    return len <= max ? len : SIZE_MAX;
}

static size_t answer_inside(struct job *job, const uint8_t *apex, uint8_t *out, size_t max)
{
    size_t len = 0;
    uint16_t ra = job->zone->recursion ? DNS_RA : 0;
    if (open_packet(job) == 0) {
        if (apex)
            answer_name(job, apex);
        else
            answer_address(job);
        len = job->failed ? 0 : write_packet(job, out, max);
    }
    ldns_pkt_free(job->pkt);
    if (len == 0)
        return answer_write_plain(&job->pre, job->query, ra, LDNS_RCODE_SERVFAIL, out, max);
    if (len == SIZE_MAX)
        return answer_write_plain(&job->pre, job->query, DNS_AA | DNS_TC | ra, LDNS_RCODE_NOERROR,
                                  out, max);
    return len;
}

/* Which of our zones the name is in, if any: `apex` says that it is the suffix's. */
static void choose_apex(struct job *job, const uint8_t *apex)
{
    const struct answer_zone *zone = job->zone;
    struct addr_prefix range;

    if (apex) {
        job->apex = zone->apex;
        job->apex_len = zone->apex_len;
    } else if (zone->source->named_range && zone->source->named_range(zone->arg, &range) &&
               reverse_read(&job->reverse, &range, job->name, job->pre.name_len)) {
        job->apex = job->reverse.apex;
        job->apex_len = job->reverse.apex_len;
    }
}

/* The code for a query that asks for no data of ours, or LDNS_RCODE_NOERROR. */
static unsigned refusal(const struct job *job)
{
    unsigned type = job->pre.type;
    if (type == TYPE_TKEY || type == TYPE_TSIG || type == TYPE_MAILB || type == TYPE_MAILA)
        return LDNS_RCODE_NOTIMPL;
    if (!job->apex || job->pre.class != LDNS_RR_CLASS_IN || type == TYPE_AXFR || type == TYPE_IXFR)
        return LDNS_RCODE_REFUSED;
    return LDNS_RCODE_NOERROR;
}

/* Is it a plain question that another server could answer? */
static bool is_foreign(const struct job *job)
{
    unsigned type = job->pre.type;
    bool meta = type >= TYPE_TKEY && type <= TYPE_MAILA;
    return !job->apex && job->pre.class == LDNS_RR_CLASS_IN && !meta;
}

static unsigned code_of(enum precheck_verdict verdict)
{
    switch (verdict) {
    case PRECHECK_OK:
    case PRECHECK_DROP:
        return LDNS_RCODE_NOERROR;
    case PRECHECK_FORMERR:
        return LDNS_RCODE_FORMERR;
    case PRECHECK_NOTIMP:
        return LDNS_RCODE_NOTIMPL;
    case PRECHECK_BADVERS:
        return 16;
    }
    return LDNS_RCODE_SERVFAIL;
}

enum answer_outcome answer_query(const struct answer_zone *zone, const uint8_t *query, size_t len,
                                 bool tcp, uint8_t *out, size_t max, size_t *out_len)
{
    struct job job = {.zone = zone, .query = query, .name = query + DNS_HEADER_LEN};
    uint16_t ra = zone->recursion ? DNS_RA : 0;

    enum precheck_verdict verdict = precheck_query(&job.pre, query, len);
    if (verdict == PRECHECK_DROP)
        return ANSWER_SILENCE;
    if (!tcp && max > job.pre.udp_size)
        max = job.pre.udp_size;
    if (verdict != PRECHECK_OK) {
        *out_len = answer_write_plain(&job.pre, query, ra, code_of(verdict), out, max);
        return ANSWER_READY;
    }
    const uint8_t *apex = find_apex(zone, job.name, job.pre.name_len);
    choose_apex(&job, apex);
    unsigned rcode = refusal(&job);
    if (rcode != LDNS_RCODE_NOERROR) {
        *out_len = answer_write_plain(&job.pre, query, ra, rcode, out, max);
        return is_foreign(&job) ? ANSWER_OUTSIDE : ANSWER_READY;
    }
    *out_len = answer_inside(&job, apex, out, max);
    return ANSWER_READY;
}
