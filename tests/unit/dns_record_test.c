#include "gateway/wire/dns_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static ldns_rdf *name(void)
{
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, 3, "\001a");
}

static ldns_rdf *number(uint16_t value)
{
    return ldns_native2rdf_int16(LDNS_RDF_TYPE_INT16, value);
}

static void keeps_its_data_in_the_order_it_was_added(void **state)
{
    (void)state;
    ldns_rr *rr = dns_record_new(name(), LDNS_RR_TYPE_SRV, 30);
    rr = dns_record_with(dns_record_with(rr, number(7)), number(9));
    assert_non_null(rr);
    assert_int_equal(ldns_rr_get_type(rr), LDNS_RR_TYPE_SRV);
    assert_int_equal(ldns_rr_get_class(rr), LDNS_RR_CLASS_IN);
    assert_int_equal(ldns_rr_ttl(rr), 30);
    assert_int_equal(ldns_rdf_size(ldns_rr_owner(rr)), 3);
    assert_int_equal(ldns_rr_rd_count(rr), 2);
    assert_int_equal(ldns_rdf2native_int16(ldns_rr_rdf(rr, 0)), 7);
    assert_int_equal(ldns_rdf2native_int16(ldns_rr_rdf(rr, 1)), 9);
    ldns_rr_free(rr);
}

/* Leaks of what was taken show under valgrind and ASan. */
static void ends_as_nothing_when_a_piece_is_missing(void **state)
{
    (void)state;
    assert_null(dns_record_new(NULL, LDNS_RR_TYPE_A, 30));
    assert_null(dns_record_with(NULL, number(7)));
    ldns_rr *rr = dns_record_new(name(), LDNS_RR_TYPE_SRV, 30);
    assert_null(dns_record_with(dns_record_with(rr, NULL), number(9)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_data_in_the_order_it_was_added),
        cmocka_unit_test(ends_as_nothing_when_a_piece_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
