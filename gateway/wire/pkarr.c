#include "gateway/wire/pkarr.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <ldns/ldns.h>

#include "gateway/base/bytes.h"
#include "gateway/base/text.h"
#include "gateway/crypto/hash.h"
#include "gateway/wire/dns_record.h"

#define HEADER_LEN  12
#define FLAG_QR     0x8000
#define FLAGS_WRONG 0x7a0f /* opcode, truncation, rcode: zero in every packet of ours */
#define ANSWERS_MAX 64
#define NAME_MAX    255 /* bytes, RFC 1035 §2.3.4 */
#define KEY_LABEL   TEXT_Z32_LEN(PKARR_KEY_LEN)
#define TTL         300 /* seconds */
#define TTL_ADDRESS 30

enum { TYPE_TXT = 16, TYPE_SRV = 33, TYPE_SVCB = 64, CLASS_IN = 1, SVCB_PORT = 3 };

/* ---- reading ---- */

/* A name as labels, the key's not counted. */
struct owner {
    bool ours; /* it ends in the key's label */
    char label[2][PKARR_NAME_MAX + 1];
    unsigned labels; /* whether kept or not */
};

struct packet {
    const uint8_t *data;
    size_t len;
    char key_label[KEY_LABEL + 1];
};

static bool same_label(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = (char)(*a >= 'A' && *a <= 'Z' ? *a | ' ' : *a);
        char y = (char)(*b >= 'A' && *b <= 'Z' ? *b | ' ' : *b);
        if (x != y)
            return false;
    }
    return *a == *b;
}

/* Where a name goes on: at `at`, which a pointer moves only backwards, so that it ends. Returns the
 * length of the label there (0: the root), or -1. */
static int next_label(const struct packet *p, size_t *at, size_t *limit)
{
    while (*at < p->len && (p->data[*at] & 0xc0) == 0xc0) {
        if (*at + 1 >= p->len)
            return -1;
        size_t to = (size_t)(p->data[*at] & 0x3f) << 8 | p->data[*at + 1];
        if (to >= *limit)
            return -1;
        *at = *limit = to;
    }
    if (*at >= p->len || p->data[*at] > 63 || *at + 1 + p->data[*at] > p->len)
        return -1;
    return p->data[*at];
}

/* A label that may be shown: visible ASCII. False leaves it empty. */
static bool keep_label(char out[static PKARR_NAME_MAX + 1], const uint8_t *label, size_t len)
{
    out[0] = '\0';
    for (size_t i = 0; i < len; i++)
        if (label[i] <= ' ' || label[i] > '~' || label[i] == '.')
            return false;
    memcpy(out, label, len);
    out[len] = '\0';
    return true;
}

/* Reads the name at `start`; its first two labels are kept. False for what is no name. */
static bool read_owner(const struct packet *p, size_t start, struct owner *out)
{
    char label[PKARR_NAME_MAX + 1];
    size_t at = start, limit = start, total = 1;
    int len;

    memset(out, 0, sizeof(*out));
    while ((len = next_label(p, &at, &limit)) > 0) {
        total += (size_t)len + 1;
        if (total > NAME_MAX)
            return false;
        bool shown = keep_label(label, p->data + at + 1, (size_t)len);
        if (out->labels < 2)
            memcpy(out->label[out->labels], label, sizeof(label));
        out->labels++;
        out->ours = shown && same_label(label, p->key_label); /* if it is the last */
        at += 1 + (size_t)len;
    }
    out->labels -= out->ours;
    return len == 0;
}

/* Moves past a name without following its pointer. */
static void skip_name(struct reader *r)
{
    for (;;) {
        uint8_t len = read_u8(r);
        if (r->failed || len == 0)
            return;
        if ((len & 0xc0) == 0xc0) {
            (void)read_u8(r);
            return;
        }
        if (len > 63) {
            r->failed = true;
            return;
        }
        (void)read_bytes(r, len);
    }
}

/* "name=value" of a TXT string, when it is text that may be shown and fits. */
static bool txt_value(char *out, size_t max, const char *name, const uint8_t *text, size_t len)
{
    size_t name_len = strlen(name);

    if (len <= name_len + 1 || len - name_len - 1 > max || memcmp(text, name, name_len) != 0 ||
        text[name_len] != '=')
        return false;
    for (size_t i = name_len + 1; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    memcpy(out, text + name_len + 1, len - name_len - 1);
    out[len - name_len - 1] = '\0';
    return true;
}

static void read_overlay(struct pkarr_record *out, const uint8_t *text, size_t len)
{
    char value[PKARR_RELAY_MAX + 1];

    out->ours = true;
    if (txt_value(value, PKARR_NICK_MAX, "nick", text, len))
        memcpy(out->nick, value, sizeof(out->nick));
    else if (txt_value(value, 1, "share", text, len))
        out->shares = value[0] == '1';
    else if (out->relays < PKARR_RELAYS_MAX &&
             txt_value(value, PKARR_RELAY_MAX, "relay", text, len))
        memcpy(out->relay[out->relays++], value, sizeof(value));
}

static void read_iroh(struct pkarr_record *out, const uint8_t *text, size_t len)
{
    char value[ADDR_TEXT_MAX];

    if (out->addrs < PKARR_ADDRS_MAX && txt_value(value, sizeof(value) - 1, "addr", text, len) &&
        addr_parse(&out->addr[out->addrs], value) == 0 && addr_port(&out->addr[out->addrs]) != 0)
        out->addrs++;
}

static void read_txt(struct pkarr_record *out, const struct owner *owner, struct reader r)
{
    if (owner->labels != 1)
        return;
    while (r.left > 0) {
        uint8_t len = read_u8(&r);
        const uint8_t *text = read_bytes(&r, len);
        if (!text)
            return;
        if (same_label(owner->label[0], "_overlay"))
            read_overlay(out, text, len);
        else if (same_label(owner->label[0], "_iroh"))
            read_iroh(out, text, len);
    }
}

/* The entry of a service, made when it is new and there is room. */
static struct pkarr_service *service_of(struct pkarr_record *out, const char *name)
{
    for (size_t i = 0; i < out->services; i++)
        if (same_label(out->service[i].name, name))
            return &out->service[i];
    if (out->services == PKARR_SERVICES_MAX || !name[0])
        return NULL;
    struct pkarr_service *s = &out->service[out->services++];
    for (size_t i = 0; name[i]; i++)
        s->name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | ' ' : name[i]);
    return s;
}

static void add_service(struct pkarr_record *out, const char *name, uint16_t port, bool udp)
{
    struct pkarr_service *s = port != 0 ? service_of(out, name) : NULL;

    /* One service has one port; a second one under its name is not ours to choose from. */
    if (!s || (s->port != 0 && s->port != port))
        return;
    s->port = port;
    *(udp ? &s->udp : &s->tcp) = true;
}

/* RFC 9460 §2.2: priority, target (uncompressed), then parameters by rising key. */
static void read_svcb(struct pkarr_record *out, const struct owner *owner, struct reader r)
{
    uint16_t priority = read_be16(&r);

    if (owner->labels != 1 || priority == 0)
        return;
    skip_name(&r);
    while (!r.failed && r.left > 0) {
        uint16_t key = read_be16(&r), len = read_be16(&r);
        const uint8_t *value = read_bytes(&r, len);
        if (value && key == SVCB_PORT && len == 2)
            add_service(out, owner->label[0], (uint16_t)(value[0] << 8 | value[1]), false);
    }
}

static void read_srv(struct pkarr_record *out, const struct owner *owner, struct reader r)
{
    (void)read_be32(&r); /* priority and weight: each service has one place */
    uint16_t port = read_be16(&r);

    if (r.failed || owner->labels != 2 || owner->label[0][0] != '_')
        return;
    if (same_label(owner->label[1], "_udp"))
        add_service(out, owner->label[0] + 1, port, true);
    else if (same_label(owner->label[1], "_tcp"))
        add_service(out, owner->label[0] + 1, port, false);
}

static void read_answer(const struct packet *p, struct reader *r, struct pkarr_record *out)
{
    struct owner owner;
    bool named = read_owner(p, (size_t)(r->at - p->data), &owner);

    skip_name(r);
    uint16_t type = read_be16(r), class = read_be16(r);
    (void)read_be32(r); /* time to live: the caller's cache has its own */
    uint16_t len = read_be16(r);
    const uint8_t *data = read_bytes(r, len);
    r->failed = r->failed || !named;
    if (r->failed || !owner.ours || class != CLASS_IN)
        return;
    struct reader inner = reader_over(data, len);
    if (type == TYPE_TXT)
        read_txt(out, &owner, inner);
    else if (type == TYPE_SVCB)
        read_svcb(out, &owner, inner);
    else if (type == TYPE_SRV)
        read_srv(out, &owner, inner);
}

int pkarr_read(struct pkarr_record *out, const uint8_t key[static PKARR_KEY_LEN],
               const uint8_t *packet, size_t len)
{
    struct packet p = {.data = packet, .len = len};
    struct reader r = reader_over(packet, len);

    memset(out, 0, sizeof(*out));
    memcpy(out->key, key, sizeof(out->key));
    if (len > PKARR_READ_MAX)
        return -EBADMSG;
    (void)text_z32(p.key_label, key, PKARR_KEY_LEN);
    (void)read_be16(&r); /* id */
    uint16_t flags = read_be16(&r), questions = read_be16(&r), answers = read_be16(&r);
    (void)read_be32(&r); /* authority and additional: not looked at */
    if (r.failed || !(flags & FLAG_QR) || (flags & FLAGS_WRONG) || questions != 0 ||
        answers > ANSWERS_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < answers && !r.failed; i++)
        read_answer(&p, &r, out);
    return r.failed ? -EBADMSG : 0;
}

/* ---- writing: by ldns, which compresses names ---- */

/* An owner's name: up to two labels (NULL: none), then the key's. NULL when out of memory. */
static ldns_rdf *owner_name(const struct pkarr_record *record, const char *first,
                            const char *second)
{
    uint8_t wire[NAME_MAX];
    char key_label[KEY_LABEL + 1];
    const char *const labels[] = {first, second, text_z32(key_label, record->key, PKARR_KEY_LEN)};
    struct writer w = writer_over(wire, sizeof(wire));

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        size_t len = labels[i] ? strlen(labels[i]) : 0;
        if (len == 0)
            continue;
        write_u8(&w, (uint8_t)len);
        write_bytes(&w, labels[i], len);
    }
    write_u8(&w, 0);
    return w.failed ? NULL : ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, writer_len(&w, wire), wire);
}

static ldns_rr *with_text(ldns_rr *rr, const char *name, const char *value)
{
    char string[1 + 255 + 1];
    int len = snprintf(string + 1, sizeof(string) - 1, "%s=%s", name, value);

    string[0] = (char)len;
    return dns_record_with(
        rr, len > 255 ? NULL : ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, 1 + (size_t)len, string));
}

static ldns_rr *with_number(ldns_rr *rr, uint16_t value)
{
    return dns_record_with(rr, ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, value));
}

static ldns_rr *overlay_txt(const struct pkarr_record *record)
{
    ldns_rr *rr = dns_record_new(owner_name(record, "_overlay", NULL), LDNS_RR_TYPE_TXT, TTL);

    rr = with_text(rr, "v", "1");
    if (record->nick[0])
        rr = with_text(rr, "nick", record->nick);
    if (record->shares)
        rr = with_text(rr, "share", "1");
    for (size_t i = 0; i < record->relays; i++)
        rr = with_text(rr, "relay", record->relay[i]);
    return rr;
}

static ldns_rr *iroh_txt(const struct pkarr_record *record, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    return with_text(
        dns_record_new(owner_name(record, "_iroh", NULL), LDNS_RR_TYPE_TXT, TTL_ADDRESS), "addr",
        addr_print(addr, text));
}

static ldns_rr *service_svcb(const struct pkarr_record *record, const struct pkarr_service *s)
{
    const uint8_t port[] = {0, SVCB_PORT, 0, 2, (uint8_t)(s->port >> 8), (uint8_t)s->port};
    ldns_rr *rr = dns_record_new(owner_name(record, s->name, NULL), (ldns_rr_type)TYPE_SVCB, TTL);

    rr = dns_record_with(with_number(rr, 1), ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, 1, "\0"));
    return dns_record_with(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, sizeof(port), port));
}

static ldns_rr *service_srv(const struct pkarr_record *record, const struct pkarr_service *s)
{
    char label[PKARR_NAME_MAX + 1];

    if (snprintf(label, sizeof(label), "_%s", s->name) >= (int)sizeof(label))
        return NULL;
    ldns_rr *rr = dns_record_new(owner_name(record, label, "_udp"), LDNS_RR_TYPE_SRV, TTL);
    rr = with_number(with_number(with_number(rr, 0), 0), s->port);
    return dns_record_with(rr, owner_name(record, NULL, NULL));
}

/* What is left of a record after leaving out: the fewest come last. */
struct part {
    size_t addrs, services;
};

/* Adds a record (taken). False when there was none. */
static bool push(ldns_pkt *pkt, ldns_rr *rr)
{
    if (rr && ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr))
        return true;
    ldns_rr_free(rr);
    return false;
}

static ldns_pkt *make_packet(const struct pkarr_record *record, struct part part)
{
    ldns_pkt *pkt = ldns_pkt_new();
    bool ok = pkt != NULL;

    if (pkt)
        ldns_pkt_set_qr(pkt, true);
    ok = ok && push(pkt, overlay_txt(record));
    for (size_t i = 0; i < part.addrs && ok; i++)
        ok = push(pkt, iroh_txt(record, &record->addr[i]));
    for (size_t i = 0; i < part.services && ok; i++) {
        const struct pkarr_service *s = &record->service[i];
        ok = (!s->tcp || push(pkt, service_svcb(record, s))) &&
             (!s->udp || push(pkt, service_srv(record, s)));
    }
    if (!ok) {
        ldns_pkt_free(pkt);
        return NULL;
    }
    return pkt;
}

/* Writes what `part` says. Returns the length, 0 if it does not fit, or -ENOMEM. */
static int try_write(const struct pkarr_record *record, struct part part,
                     uint8_t out[static PKARR_PACKET_MAX])
{
    ldns_pkt *pkt = make_packet(record, part);
    uint8_t *wire = NULL;
    size_t len = 0;
    ldns_status status = pkt ? ldns_pkt2wire(&wire, pkt, &len) : LDNS_STATUS_MEM_ERR;

    ldns_pkt_free(pkt);
    if (status != LDNS_STATUS_OK)
        return -ENOMEM;
    if (len <= PKARR_PACKET_MAX)
        memcpy(out, wire, len);
    else
        len = 0;
    LDNS_FREE(wire);
    return (int)len;
}

int pkarr_write(const struct pkarr_record *record, uint8_t out[static PKARR_PACKET_MAX],
                size_t *left_out)
{
    struct part part = {.addrs = record->addrs, .services = record->services};
    int len;

    assert(record->relays <= PKARR_RELAYS_MAX && record->addrs <= PKARR_ADDRS_MAX &&
           record->services <= PKARR_SERVICES_MAX);
    *left_out = 0;
    while ((len = try_write(record, part, out)) == 0) {
        assert(part.addrs + part.services > 0); /* relays and nickname always fit */
        part.services > 0 ? part.services-- : part.addrs--;
        ++*left_out;
    }
    return len;
}

/* ---- a relay's body, and what is signed ---- */

size_t pkarr_body_write(const struct pkarr_body *body, uint8_t out[static PKARR_BODY_MAX])
{
    struct writer w = writer_over(out, PKARR_BODY_MAX);

    write_bytes(&w, body->sig, PKARR_SIG_LEN);
    write_be64(&w, body->seq);
    write_bytes(&w, body->packet, body->packet_len);
    assert(!w.failed);
    return writer_len(&w, out);
}

int pkarr_body_read(struct pkarr_body *out, const uint8_t *data, size_t len)
{
    struct reader r = reader_over(data, len);

    memset(out, 0, sizeof(*out));
    out->sig = read_bytes(&r, PKARR_SIG_LEN);
    out->seq = read_be64(&r);
    out->packet = r.at;
    out->packet_len = r.left;
    return r.failed || r.left > PKARR_READ_MAX || out->seq > INT64_MAX ? -EBADMSG : 0;
}

size_t pkarr_salt(const char *network, const uint8_t key[static PKARR_KEY_LEN],
                  uint8_t out[static PKARR_SALT_LEN])
{
    if (!*network)
        return 0;
    hash_blake2b(out, PKARR_SALT_LEN, key, PKARR_KEY_LEN, network, strlen(network));
    return PKARR_SALT_LEN;
}

size_t pkarr_signed_text(uint64_t seq, const uint8_t *packet, size_t len,
                         uint8_t out[static PKARR_SIGNED_MAX])
{
    if (len > PKARR_READ_MAX)
        return 0;
    int head = snprintf((char *)out, PKARR_SIGNED_MAX, "3:seqi%" PRIu64 "e1:v%zu:", seq, len);
    memcpy(out + head, packet, len);
    return (size_t)head + len;
}
