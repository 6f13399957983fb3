/* What may reach the DNS library, and what may not. */
#include "dns/precheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/dns_wire.h"

static struct wire w;
static struct precheck p;

static enum precheck_verdict check(void)
{
    /* A copy of its exact size, so that the sanitizer sees one byte too many. */
    uint8_t *exact = malloc(w.len > 0 ? w.len : 1);
    assert_non_null(exact);
    memcpy(exact, w.data, w.len);
    enum precheck_verdict verdict = precheck_query(&p, exact, w.len);
    free(exact);
    return verdict;
}

static void passes_a_plain_question(void **state)
{
    (void)state;
    wire_query(&w, "web.alice.overlay", 28);
    assert_int_equal(check(), PRECHECK_OK);
    assert_int_equal(p.id, WIRE_ID);
    assert_int_equal(p.flags, 0x0100);
    assert_int_equal(p.name_len, 19);
    assert_int_equal(p.question_len, 23);
    assert_int_equal(p.type, 28);
    assert_int_equal(p.class, 1);
    assert_int_equal(p.udp_size, 512);
    assert_false(p.edns);
}

static void reads_size_and_flags_of_edns(void **state)
{
    (void)state;
    wire_query(&w, "a.overlay", 1);
    wire_opt(&w, 4096, 0, 0x8000, "\0\012\0\010cookies!\0\003\0\0", 16);
    assert_int_equal(check(), PRECHECK_OK);
    assert_true(p.edns && p.dnssec_ok);
    assert_int_equal(p.udp_size, 4096);

    wire_query(&w, "a.overlay", 1);
    wire_opt(&w, 100, 0, 0, "", 0); /* RFC 6891 §6.2.3: below 512 means 512 */
    assert_int_equal(check(), PRECHECK_OK);
    assert_int_equal(p.udp_size, 512);
    assert_false(p.dnssec_ok);
}

static void names_a_later_edns_version(void **state)
{
    (void)state;
    wire_query(&w, "a.overlay", 1);
    wire_opt(&w, 1232, 1, 0, "", 0);
    assert_int_equal(check(), PRECHECK_BADVERS);
    assert_true(p.edns);
}

static void says_nothing_to_answers_and_fragments(void **state)
{
    (void)state;
    wire_query(&w, "a.overlay", 1);
    for (w.len = 0; w.len < DNS_HEADER_LEN; w.len++)
        assert_int_equal(check(), PRECHECK_DROP);
    wire_query(&w, "a.overlay", 1);
    w.data[2] |= 0x80;
    assert_int_equal(check(), PRECHECK_DROP);
}

static void refuses_a_query_cut_at_any_length(void **state)
{
    (void)state;
    wire_query(&w, "_http._tcp.web.alice.overlay", 33);
    wire_opt(&w, 1232, 0, 0, "\0\012\0\010cookies!", 12);
    size_t whole = w.len;
    assert_int_equal(check(), PRECHECK_OK);
    for (w.len = DNS_HEADER_LEN; w.len < whole; w.len++)
        assert_int_equal(check(), PRECHECK_FORMERR);
}

static void refuses_bytes_behind_the_end(void **state)
{
    (void)state;
    wire_query(&w, "a.overlay", 1);
    wire_u8(&w, 0);
    assert_int_equal(check(), PRECHECK_FORMERR);
    wire_query(&w, "a.overlay", 1);
    wire_opt(&w, 1232, 0, 0, "", 0);
    wire_u8(&w, 0);
    assert_int_equal(check(), PRECHECK_FORMERR);
}

static void refuses_other_counts_than_one_question(void **state)
{
    (void)state;
    static const uint8_t counts[][4] = {{0, 0, 0, 0}, {2, 0, 0, 0}, {255, 0, 0, 0}, {1, 1, 0, 0},
                                        {1, 0, 1, 0}, {1, 0, 0, 2}, {1, 0, 0, 255}};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        wire_query(&w, "a.overlay", 1);
        for (size_t j = 0; j < 4; j++)
            w.data[5 + 2 * j] = counts[i][j];
        assert_int_equal(check(), PRECHECK_FORMERR);
    }
}

static void refuses_two_opts_and_signed_queries(void **state)
{
    (void)state;
    wire_query(&w, "a.overlay", 1);
    wire_opt(&w, 1232, 0, 0, "", 0);
    wire_opt(&w, 1232, 0, 0, "", 0);
    assert_int_equal(check(), PRECHECK_FORMERR);

    for (unsigned type = 0; type < 256; type++) { /* 250 is TSIG, 24 is SIG */
        wire_query(&w, "a.overlay", 1);
        w.data[11] = 1;
        wire_name(&w, type % 2 ? "key" : "");
        wire_u16(&w, type);
        wire_u16(&w, 255);
        wire_bytes(&w, "\0\0\0\0\0\0", 6);
        if (type != 41 || type % 2 == 0)
            assert_int_equal(check(), type == 41 ? PRECHECK_OK : PRECHECK_FORMERR);
    }
}

static void refuses_an_opt_with_a_name_or_broken_options(void **state)
{
    (void)state;
    wire_query(&w, "a.overlay", 1);
    w.data[11] = 1;
    wire_name(&w, "x");
    wire_bytes(&w, "\0\051\004\320\0\0\0\0\0\0", 10);
    assert_int_equal(check(), PRECHECK_FORMERR);

    static const char *const broken[] = {"\0", "\0\012\0", "\0\012\0\011cookies!"};
    static const size_t lens[] = {1, 3, 12};
    for (size_t i = 0; i < 3; i++) {
        wire_query(&w, "a.overlay", 1);
        wire_opt(&w, 1232, 0, 0, broken[i], lens[i]);
        assert_int_equal(check(), PRECHECK_FORMERR);
    }
}

static void stops_counting_options(void **state)
{
    (void)state;
    static const uint8_t empty[4 * 65];
    wire_query(&w, "a.overlay", 1);
    wire_opt(&w, 1232, 0, 0, empty, sizeof(empty) - 4);
    assert_int_equal(check(), PRECHECK_OK);
    wire_query(&w, "a.overlay", 1);
    wire_opt(&w, 1232, 0, 0, empty, sizeof(empty));
    assert_int_equal(check(), PRECHECK_FORMERR);
}

static void follows_no_compression_pointer(void **state)
{
    (void)state;
    wire_header(&w, 0, 1, 0, 0, 0);
    wire_bytes(&w, "\300\014\0\001\0\001", 6); /* to itself */
    assert_int_equal(check(), PRECHECK_FORMERR);
    wire_header(&w, 0, 1, 0, 0, 0);
    wire_bytes(&w, "\001a\300\014\0\001\0\001", 8);
    assert_int_equal(check(), PRECHECK_FORMERR);
    for (unsigned label = 64; label < 256; label++) { /* reserved label types too */
        wire_header(&w, 0, 1, 0, 0, 0);
        wire_u8(&w, label);
        for (unsigned i = 0; i < 300; i++)
            wire_u8(&w, 0);
        assert_int_equal(check(), PRECHECK_FORMERR);
    }
}

static void bounds_the_length_of_a_name(void **state)
{
    (void)state;
    for (unsigned last = 61; last <= 62; last++) { /* 3 * 64 + 1 + last + 1 */
        wire_header(&w, 0, 1, 0, 0, 0);
        for (unsigned i = 0; i < 4; i++) {
            unsigned len = i < 3 ? 63 : last;
            wire_u8(&w, len);
            for (unsigned j = 0; j < len; j++)
                wire_u8(&w, 'a');
        }
        wire_bytes(&w, "\0\0\001\0\001", 5);
        assert_int_equal(check(), last == 61 ? PRECHECK_OK : PRECHECK_FORMERR);
    }
    assert_int_equal(p.question_len, 0);
}

static void refuses_a_query_beyond_4096_bytes(void **state)
{
    (void)state;
    static uint8_t padding[65000] = {0, 12}; /* RFC 7830 */
    for (size_t len = 4096; len <= 4097; len++) {
        wire_query(&w, "a.overlay", 1);
        size_t option = len - w.len - 11;
        padding[2] = (uint8_t)((option - 4) >> 8);
        padding[3] = (uint8_t)(option - 4);
        wire_opt(&w, 1232, 0, 0, padding, option);
        assert_int_equal(w.len, len);
        assert_int_equal(check(), len == 4096 ? PRECHECK_OK : PRECHECK_FORMERR);
    }
    w.len = 65535;
    assert_int_equal(check(), PRECHECK_FORMERR);
}

static void knows_one_opcode(void **state)
{
    (void)state;
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        wire_header(&w, opcode << 11, 0, 0, 0, 0);
        assert_int_equal(check(), PRECHECK_NOTIMP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_a_plain_question),
        cmocka_unit_test(reads_size_and_flags_of_edns),
        cmocka_unit_test(names_a_later_edns_version),
        cmocka_unit_test(says_nothing_to_answers_and_fragments),
        cmocka_unit_test(refuses_a_query_cut_at_any_length),
        cmocka_unit_test(refuses_bytes_behind_the_end),
        cmocka_unit_test(refuses_other_counts_than_one_question),
        cmocka_unit_test(refuses_two_opts_and_signed_queries),
        cmocka_unit_test(refuses_an_opt_with_a_name_or_broken_options),
        cmocka_unit_test(stops_counting_options),
        cmocka_unit_test(follows_no_compression_pointer),
        cmocka_unit_test(bounds_the_length_of_a_name),
        cmocka_unit_test(refuses_a_query_beyond_4096_bytes),
        cmocka_unit_test(knows_one_opcode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
