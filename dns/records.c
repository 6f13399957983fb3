#include "dns/records.h"

#include <string.h>

#include "gateway/wire/dns_record.h"

#define STRING_MAX 255

/* The server's own name. It must resolve without us, and it does so to loopback (RFC 6761 §6.3). */
static const uint8_t LOCALHOST[] = "\011localhost";
/* Nobody reads mail about this zone (as in RFC 6303 §3). */
static const uint8_t NOBODY[] = "\006nobody\007invalid";

static ldns_rr *record(const ldns_rdf *owner, ldns_rr_type type, uint32_t ttl)
{
    return dns_record_new(ldns_rdf_clone(owner), type, ttl);
}

ldns_rdf *record_name(const uint8_t *wire, size_t len)
{
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, len, wire);
}

static ldns_rdf *int16(uint16_t value)
{
    return ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, value);
}

ldns_rr *record_address(const ldns_rdf *owner, const uint8_t *ip, size_t ip_len)
{
    if (ip_len == 4)
        return dns_record_with(record(owner, LDNS_RR_TYPE_A, RECORD_TTL),
                               ldns_rdf_new_frm_data(LDNS_RDF_TYPE_A, ip_len, ip));
    return dns_record_with(record(owner, LDNS_RR_TYPE_AAAA, RECORD_TTL),
                           ldns_rdf_new_frm_data(LDNS_RDF_TYPE_AAAA, ip_len, ip));
}

ldns_rr *record_srv(const ldns_rdf *owner, uint16_t port, const ldns_rdf *target)
{
    ldns_rr *rr = record(owner, LDNS_RR_TYPE_SRV, RECORD_TTL);
    rr = dns_record_with(rr, int16(0));
    rr = dns_record_with(rr, int16(0));
    rr = dns_record_with(rr, int16(port));
    return dns_record_with(rr, ldns_rdf_clone(target));
}

ldns_rr *record_ptr(const ldns_rdf *owner, const ldns_rdf *target)
{
    return dns_record_with(record(owner, LDNS_RR_TYPE_PTR, RECORD_TTL), ldns_rdf_clone(target));
}

ldns_rr *record_https(const ldns_rdf *owner)
{
    static const uint8_t itself[] = ""; /* the root: the owner */
    ldns_rr *rr = record(owner, (ldns_rr_type)RECORD_TYPE_HTTPS, RECORD_TTL);
    rr = dns_record_with(rr, int16(1)); /* priority; 0 would make it an alias */
    return dns_record_with(rr, record_name(itself, 1));
}

static ldns_rdf *character_string(const char *text)
{
    uint8_t wire[1 + STRING_MAX];
    size_t len = strnlen(text, STRING_MAX);
    wire[0] = (uint8_t)len;
    memcpy(wire + 1, text, len);
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, 1 + len, wire);
}

ldns_rr *record_txt(const ldns_rdf *owner, const char *const *strings, size_t count)
{
    ldns_rr *rr = record(owner, LDNS_RR_TYPE_TXT, RECORD_TTL_VOLATILE);
    for (size_t i = 0; i < count; i++)
        rr = dns_record_with(rr, character_string(strings[i]));
    return rr;
}

ldns_rr *record_soa(const ldns_rdf *apex)
{
    /* Serial, refresh, retry, expire: there is no secondary to heed them. */
    static const uint32_t times[] = {1, 3600, 1200, 604800, RECORD_TTL_VOLATILE};
    ldns_rr *rr = record(apex, LDNS_RR_TYPE_SOA, RECORD_TTL_VOLATILE);
    rr = dns_record_with(rr, record_name(LOCALHOST, sizeof(LOCALHOST)));
    rr = dns_record_with(rr, record_name(NOBODY, sizeof(NOBODY)));
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        rr = dns_record_with(
            rr,
            ldns_native2rdf_int32(i == 0 ? LDNS_RDF_TYPE_INT32 : LDNS_RDF_TYPE_PERIOD, times[i]));
    return rr;
}

ldns_rr *record_ns(const ldns_rdf *apex)
{
    return dns_record_with(record(apex, LDNS_RR_TYPE_NS, RECORD_TTL),
                           record_name(LOCALHOST, sizeof(LOCALHOST)));
}
