#include "gateway/wire/dns_record.h"

ldns_rr *dns_record_new(ldns_rdf *owner, ldns_rr_type type, uint32_t ttl)
{
    ldns_rr *rr = owner ? ldns_rr_new() : NULL;

    if (!rr) {
        ldns_rdf_deep_free(owner);
        return NULL;
    }
    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, type);
    ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(rr, ttl);
    return rr;
}

ldns_rr *dns_record_with(ldns_rr *rr, ldns_rdf *data)
{
    if (rr && data && ldns_rr_push_rdf(rr, data))
        return rr;
    ldns_rdf_deep_free(data);
    ldns_rr_free(rr);
    return NULL;
}
