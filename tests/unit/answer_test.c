/* The zone's answers, byte for byte where the bytes matter, else as ldns reads them back. */
#include "dns/answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldns/ldns.h>

#include "tests/support/dns_wire.h"

static struct wire w;
static uint8_t out[ANSWER_TCP_MAX];
static size_t out_len;
static unsigned finds; /* calls of find_host() */

static int find_host(void *arg, const char *host, struct answer_host *found)
{
    (void)arg;
    finds++;
    *found = (struct answer_host){.has_v4 = true, .v4 = {127, 0, 0, 1}};
    if (strcmp(host, "alice.overlay") == 0 || strcmp(host, "web.alice.overlay") == 0)
        return 0;
    if (strstr(host, "long.overlay"))
        return 0;
    found->https = strcmp(host, "safe.overlay") == 0;
    if (found->https)
        return 0;
    if (strcmp(host, "six.alice.overlay") == 0) {
        found->has_v4 = false;
        found->has_v6 = true;
        found->v6[15] = 1;
        return 0;
    }
    return -ENOENT;
}

static void describe(void *arg, const char *host, struct answer_text *text)
{
    (void)arg;
    (void)strcpy(text->string[0], "id=peer");
    (void)strcpy(text->string[1], "path=direct");
    for (int i = 0; strstr(host, "long.overlay") && i < ANSWER_TEXT_MAX; i++)
        memset(text->string[i], 't', sizeof(text->string[i]) - 1);
}

static int find_port(void *arg, const char *host, const char *service, bool udp,
                     struct answer_port *found)
{
    (void)arg;
    if (strcmp(host, "web.alice.overlay") == 0 && !udp) {
        found->port = 20080;
        return 0;
    }
    if (strcmp(host, "alice.overlay") == 0 && strcmp(service, "ssh") == 0 && !udp) {
        found->port = 20022;
        (void)strcpy(found->label, "ssh");
        return 0;
    }
    return -ENOENT;
}

static bool named_range(void *arg, struct addr_prefix *found)
{
    (void)arg;
    return addr_prefix_parse(found, "198.19.0.0/16") == 0;
}

static int find_name(void *arg, const uint8_t ip[static 4], char name[static ANSWER_HOST_MAX + 1])
{
    (void)arg;
    if (memcmp(ip, "\306\023\027\007", 4) != 0)
        return -ENOENT;
    (void)strcpy(name, "alice.overlay");
    return 0;
}

static const struct answer_source source = {find_host, describe, find_port, named_range, find_name};

static struct answer_zone zone_of(const char *suffix)
{
    struct answer_zone zone;
    answer_zone_init(&zone, suffix, &source, NULL);
    return zone;
}

static enum answer_outcome ask_zone(const struct answer_zone *zone, bool tcp, size_t max)
{
    uint8_t *exact = malloc(w.len > 0 ? w.len : 1);
    assert_non_null(exact);
    memcpy(exact, w.data, w.len);
    out_len = SIZE_MAX;
    enum answer_outcome outcome = answer_query(zone, exact, w.len, tcp, out, max, &out_len);
    free(exact);
    if (outcome != ANSWER_SILENCE)
        assert_true(out_len >= DNS_HEADER_LEN && out_len <= max);
    return outcome;
}

/* Asks over UDP and reads the answer back; the caller frees it. */
static ldns_pkt *ask(const char *name, unsigned type)
{
    struct answer_zone zone = zone_of("overlay");
    ldns_pkt *pkt = NULL;
    wire_query(&w, name, type);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_int_equal(ldns_wire2pkt(&pkt, out, out_len), LDNS_STATUS_OK);
    assert_true(ldns_pkt_qr(pkt) && ldns_pkt_aa(pkt) && ldns_pkt_rd(pkt));
    assert_false(ldns_pkt_ra(pkt));
    assert_int_equal(ldns_pkt_id(pkt), WIRE_ID);
    assert_int_equal(ldns_pkt_qdcount(pkt), 1);
    return pkt;
}

static void expect_none(const char *name, unsigned type, ldns_pkt_rcode rcode)
{
    ldns_pkt *pkt = ask(name, type);
    assert_int_equal(ldns_pkt_get_rcode(pkt), rcode);
    assert_int_equal(ldns_pkt_ancount(pkt), 0);
    assert_int_equal(ldns_pkt_nscount(pkt), 1);
    ldns_rr *soa = ldns_rr_list_rr(ldns_pkt_authority(pkt), 0);
    assert_int_equal(ldns_rr_get_type(soa), LDNS_RR_TYPE_SOA);
    assert_int_equal(ldns_rr_ttl(soa), 5);
    assert_int_equal(ldns_rdf2native_int32(ldns_rr_rdf(soa, 6)), 5);
    ldns_pkt_free(pkt);
}

static ldns_rr *only_answer(ldns_pkt *pkt, unsigned type)
{
    assert_int_equal(ldns_pkt_get_rcode(pkt), LDNS_RCODE_NOERROR);
    assert_int_equal(ldns_pkt_ancount(pkt), 1);
    assert_int_equal(ldns_pkt_nscount(pkt), 0);
    ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_answer(pkt), 0);
    assert_int_equal(ldns_rr_get_type(rr), type);
    return rr;
}

static unsigned error_code(void)
{
    return out[3] & 15u;
}

static void answers_an_address_in_the_bytes_of_the_rfc(void **state)
{
    (void)state;
    static const char expected[] = "\253\315\205\0\0\1\0\1\0\0\0\0"
                                   "\3web\5alice\7overlay\0\0\1\0\1"
                                   "\300\14\0\1\0\1\0\0\0\36\0\4\177\0\0\1";
    ldns_pkt_free(ask("web.alice.overlay", 1));
    assert_int_equal(out_len, sizeof(expected) - 1);
    assert_memory_equal(out, expected, out_len);
}

static void keeps_the_letter_case_of_the_question(void **state)
{
    (void)state;
    static const char question[] = "\3wEb\5aLiCe\7OVERlay\0\0\1\0\1\300\14";
    ldns_pkt_free(ask("wEb.aLiCe.OVERlay", 1));
    assert_memory_equal(out + 12, question, sizeof(question) - 1);
    assert_int_equal(out_len, 12 + 23 + 16);

    /* The SOA's owner is compressed against the question, whatever its case. */
    ldns_pkt_free(ask("alice.OverLay", 28));
    assert_memory_equal(out + 12 + 19, "\300\022\0\6\0\1", 6);
}

static void says_no_data_for_other_types_of_a_name(void **state)
{
    (void)state;
    static const unsigned types[] = {28, 65, 64, 15, 5, 33, 6, 2, 12, 43, 48, 257, 65535};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        expect_none("web.alice.overlay", types[i], LDNS_RCODE_NOERROR);
        expect_none("alice.overlay", types[i], LDNS_RCODE_NOERROR);
    }
    expect_none("six.alice.overlay", 1, LDNS_RCODE_NOERROR);
}

static void says_where_https_is_and_nothing_else_about_it(void **state)
{
    (void)state;
    ldns_pkt *pkt = ask("safe.overlay", 65);
    ldns_rr *rr = only_answer(pkt, 65);
    assert_int_equal(ldns_rr_ttl(rr), 30);
    ldns_pkt_free(pkt);
    /* RFC 9460 §2.2: priority 1, the owner itself, no parameters. */
    assert_memory_equal(out + out_len - 5, "\0\3\0\1\0", 5);
    expect_none("_7777._https.safe.overlay", 65, LDNS_RCODE_NXDOMAIN);
    ldns_pkt_free(ask("safe.overlay", 1));
}

static void answers_aaaa_where_there_is_one(void **state)
{
    (void)state;
    ldns_pkt *pkt = ask("six.alice.overlay", 28);
    ldns_rr *rr = only_answer(pkt, LDNS_RR_TYPE_AAAA);
    static const uint8_t one[16] = {[15] = 1};
    assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 0)), one, 16);
    assert_int_equal(ldns_rr_ttl(rr), 30);
    ldns_pkt_free(pkt);
}

static void says_that_unknown_names_do_not_exist(void **state)
{
    (void)state;
    static const char *const names[] = {
        "bob.overlay",      "a.web.alice.overlay",         "_http._tcp.bob.overlay",
        "_tcp.bob.overlay", "_http._sctp.alice.overlay",   "_x.alice.overlay",
        "_tcp.overlay",     "_http._tcp.overlay",          "_a._b._tcp.alice.overlay",
        "al\1ice.overlay",  "_http._tcp._x.alice.overlay", "al*ce.overlay",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_none(names[i], 1, LDNS_RCODE_NXDOMAIN);
}

static void takes_no_dot_inside_a_label_for_a_border(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("overlay");
    wire_header(&w, 0, 1, 0, 0, 0);
    wire_bytes(&w, "\11web.alice\7overlay\0\0\1\0\1", 23);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_int_equal(error_code(), LDNS_RCODE_NXDOMAIN);
}

static void answers_srv_below_a_service_name(void **state)
{
    (void)state;
    ldns_pkt *pkt = ask("_http._tcp.Web.alice.overlay", 33);
    ldns_rr *rr = only_answer(pkt, LDNS_RR_TYPE_SRV);
    /* RFC 2782: the target is not compressed. */
    static const char data[] = "\0\0\0\0\116\160\3Web\5alice\7overlay";
    assert_int_equal(ldns_rr_uncompressed_size(rr), 30 + 10 + sizeof(data));
    assert_memory_equal(out + 12 + 34 + 12, data, sizeof(data));
    assert_int_equal(ldns_pkt_arcount(pkt), 1); /* the target's address */
    rr = ldns_rr_list_rr(ldns_pkt_additional(pkt), 0);
    assert_int_equal(ldns_rr_get_type(rr), LDNS_RR_TYPE_A);
    ldns_pkt_free(pkt);
}

static void answers_srv_below_a_peer_with_the_service_as_target(void **state)
{
    (void)state;
    ldns_pkt *pkt = ask("_ssh._tcp.alice.overlay", 33);
    ldns_rr *rr = only_answer(pkt, LDNS_RR_TYPE_SRV);
    assert_int_equal(ldns_rdf2native_int16(ldns_rr_rdf(rr, 2)), 20022);
    assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 3)), "\3ssh\5alice\7overlay", 19);
    assert_int_equal(ldns_pkt_arcount(pkt), 0);
    ldns_pkt_free(pkt);
    expect_none("_http._tcp.alice.overlay", 33, LDNS_RCODE_NOERROR);
    expect_none("_ssh._udp.alice.overlay", 33, LDNS_RCODE_NOERROR);
    expect_none("_tcp.alice.overlay", 33, LDNS_RCODE_NOERROR); /* an empty non-terminal */
    expect_none("_ssh._tcp.alice.overlay", 1, LDNS_RCODE_NOERROR);
}

static void says_in_txt_who_and_how(void **state)
{
    (void)state;
    ldns_pkt *pkt = ask("alice.overlay", 16);
    ldns_rr *rr = only_answer(pkt, LDNS_RR_TYPE_TXT);
    assert_int_equal(ldns_rr_rd_count(rr), 2);
    assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 0)), "\7id=peer", 8);
    assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 1)), "\13path=direct", 12);
    ldns_pkt_free(pkt);
}

static void answers_any_with_one_set(void **state)
{
    (void)state;
    ldns_pkt *pkt = ask("alice.overlay", 255);
    (void)only_answer(pkt, LDNS_RR_TYPE_A);
    ldns_pkt_free(pkt);
    pkt = ask("six.alice.overlay", 255);
    (void)only_answer(pkt, LDNS_RR_TYPE_AAAA);
    ldns_pkt_free(pkt);
    pkt = ask("_ssh._tcp.alice.overlay", 255);
    (void)only_answer(pkt, LDNS_RR_TYPE_SRV);
    ldns_pkt_free(pkt);
}

static void answers_for_the_apex_without_asking_for_hosts(void **state)
{
    (void)state;
    finds = 0;
    ldns_pkt *pkt = ask("overlay", 6);
    ldns_rr *rr = only_answer(pkt, LDNS_RR_TYPE_SOA);
    assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 0)), "\11localhost", 11);
    ldns_pkt_free(pkt);
    pkt = ask("OVERLAY", 2);
    rr = only_answer(pkt, LDNS_RR_TYPE_NS);
    assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 0)), "\11localhost", 11);
    ldns_pkt_free(pkt);
    expect_none("overlay", 1, LDNS_RCODE_NOERROR);
    assert_int_equal(finds, 0);
}

static void refuses_what_is_outside_the_suffix(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "example.com",
                                        "overlay.com",
                                        "xoverlay",
                                        "overla",
                                        "alice.overlay.localhost",
                                        "1.0.0.127.in-addr.arpa"};
    struct answer_zone zone = zone_of("overlay");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        wire_query(&w, names[i], 1);
        size_t query_len = w.len;
        assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_OUTSIDE);
        assert_int_equal(error_code(), LDNS_RCODE_REFUSED);
        assert_int_equal(out_len, query_len);
        assert_false(out[2] & 4); /* not authoritative */
    }
}

static void refuses_transfers_other_classes_and_meta_types(void **state)
{
    (void)state;
    static const unsigned codes[][3] = {{252, 1, 5}, {251, 1, 5}, {1, 3, 5},   {16, 255, 5},
                                        {249, 1, 4}, {250, 1, 4}, {253, 1, 4}, {254, 1, 4}};
    struct answer_zone zone = zone_of("overlay");
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        wire_query(&w, "alice.overlay", codes[i][0]);
        w.data[w.len - 1] = (uint8_t)codes[i][1];
        assert_int_equal(ask_zone(&zone, true, ANSWER_TCP_MAX), ANSWER_READY);
        assert_int_equal(error_code(), codes[i][2]);
        wire_query(&w, "example.com", codes[i][0]);
        w.data[w.len - 1] = (uint8_t)codes[i][1];
        assert_int_equal(ask_zone(&zone, true, ANSWER_TCP_MAX), ANSWER_READY);
        assert_int_equal(error_code(), codes[i][2]);
    }
}

static void answers_malformed_and_foreign_operations_with_their_codes(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("overlay");
    wire_header(&w, 0, 0, 0, 0, 0);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_int_equal(out_len, 12);
    assert_memory_equal(out, "\253\315\200\1\0\0\0\0\0\0\0\0", 12);

    wire_header(&w, 5 << 11, 1, 0, 0, 0); /* UPDATE */
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_memory_equal(out, "\253\315\250\4\0\0\0\0\0\0\0\0", 12);

    wire_query(&w, "alice.overlay", 1);
    w.data[2] |= 0x80;
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_SILENCE);
}

static void speaks_edns_when_spoken_to_in_it(void **state)
{
    (void)state;
    static const char opt[] = "\0\0\51\4\320\0\0\200\0\0";
    struct answer_zone zone = zone_of("overlay");
    wire_query(&w, "alice.overlay", 1);
    wire_opt(&w, 4096, 0, 0x8001, "\0\12\0\10cookies!", 12); /* DO copied, other flags not */
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_int_equal(out[11], 1);
    assert_int_equal(out_len, 12 + 19 + 16 + 11);
    assert_memory_equal(out + out_len - 11, opt, 11);

    wire_query(&w, "example.com", 1);
    wire_opt(&w, 4096, 0, 0x8000, "", 0);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_OUTSIDE);
    assert_memory_equal(out + out_len - 11, opt, 11);
}

static void answers_badvers_to_a_later_edns(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("overlay");
    wire_query(&w, "alice.overlay", 1);
    wire_opt(&w, 1232, 1, 0, "", 0);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_int_equal(error_code(), 0);
    assert_memory_equal(out + out_len - 11, "\0\0\51\4\320\1\0\0\0\0\0", 11);
}

static void cuts_a_longer_answer_with_tc_at_every_length(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("overlay");
    for (int edns = 0; edns < 2; edns++) {
        wire_query(&w, "_http._tcp.web.alice.overlay", 33);
        if (edns)
            wire_opt(&w, 1232, 0, 0, "", 0);
        assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
        size_t whole = out_len;
        for (size_t max = DNS_HEADER_LEN; max <= whole; max++) {
            ldns_pkt *pkt = NULL;
            assert_int_equal(ask_zone(&zone, false, max), ANSWER_READY);
            assert_int_equal(ldns_wire2pkt(&pkt, out, out_len), LDNS_STATUS_OK);
            assert_int_equal(ldns_pkt_tc(pkt), max < whole);
            assert_int_equal(ldns_pkt_ancount(pkt), max == whole);
            ldns_pkt_free(pkt);
        }
    }
}

static void obeys_the_askers_size_over_udp_only(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("overlay");
    char name[160];
    memset(name, 'a', sizeof(name));
    name[63] = name[127] = '.';
    (void)strcpy(name + 128, "long.overlay");
    wire_query(&w, name, 16);

    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_true(out[2] & 2); /* TC */
    assert_int_equal(out_len, w.len);
    assert_int_equal(ask_zone(&zone, true, ANSWER_TCP_MAX), ANSWER_READY);
    assert_false(out[2] & 2);
    assert_true(out_len > 512);
    size_t whole = out_len + 11;

    wire_opt(&w, (unsigned)whole - 1, 0, 0, "", 0);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_true(out[2] & 2);
    wire_query(&w, name, 16);
    wire_opt(&w, (unsigned)whole, 0, 0, "", 0);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_false(out[2] & 2);
    assert_int_equal(out_len, whole);
}

static void serves_any_suffix(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("home.arpa");
    wire_query(&w, "home.arpa", 6);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_int_equal(error_code(), 0);
    wire_query(&w, "arpa", 6);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_OUTSIDE);
    wire_query(&w, "x.home.arpa", 1);
    assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_READY);
    assert_int_equal(error_code(), LDNS_RCODE_NXDOMAIN);
}

static void offers_recursion_only_where_it_forwards(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("overlay");
    zone.recursion = true;
    static const char *const names[] = {"alice.overlay", "bob.overlay", "example.com"};
    for (size_t i = 0; i < 3; i++) {
        wire_query(&w, names[i], 1);
        (void)ask_zone(&zone, false, ANSWER_UDP_MAX);
        assert_true(out[3] & 0x80);
    }
}

static void takes_any_65535_bytes(void **state)
{
    (void)state;
    struct answer_zone zone = zone_of("overlay");
    wire_query(&w, "alice.overlay", 1);
    memset(w.data + w.len, 0xff, 65535 - w.len);
    w.len = 65535;
    assert_int_equal(ask_zone(&zone, true, ANSWER_TCP_MAX), ANSWER_READY);
    assert_int_equal(error_code(), LDNS_RCODE_FORMERR);
}

static void names_the_addresses_of_peers(void **state)
{
    (void)state;
    static const char name[] = "\5alice\7overlay";
    ldns_pkt *pkt = ask("7.23.19.198.in-addr.ARPA", 12);
    ldns_rr *rr = only_answer(pkt, LDNS_RR_TYPE_PTR);
    assert_int_equal(ldns_rdf_size(ldns_rr_rdf(rr, 0)), sizeof(name));
    assert_memory_equal(ldns_rdf_data(ldns_rr_rdf(rr, 0)), name, sizeof(name));
    assert_int_equal(ldns_rr_ttl(rr), 30);
    ldns_pkt_free(pkt);

    expect_none("7.23.19.198.in-addr.arpa", 1, LDNS_RCODE_NOERROR);
    expect_none("23.19.198.in-addr.arpa", 12, LDNS_RCODE_NOERROR);
    expect_none("19.198.in-addr.arpa", 12, LDNS_RCODE_NOERROR);
    expect_none("8.23.19.198.in-addr.arpa", 12, LDNS_RCODE_NXDOMAIN);
    expect_none("1.7.23.19.198.in-addr.arpa", 12, LDNS_RCODE_NXDOMAIN);
    expect_none("07.23.19.198.in-addr.arpa", 12, LDNS_RCODE_NXDOMAIN);
    expect_none("x.23.19.198.in-addr.arpa", 12, LDNS_RCODE_NXDOMAIN);
    pkt = ask("19.198.in-addr.arpa", 6);
    only_answer(pkt, LDNS_RR_TYPE_SOA);
    ldns_pkt_free(pkt);
}

static void leaves_other_addresses_to_others(void **state)
{
    (void)state;
    static const char *const names[] = {
        "7.23.18.198.in-addr.arpa", "198.in-addr.arpa",   "in-addr.arpa", "arpa",
        "7.23.19.198.ip6.arpa",     "x.198.in-addr.arpa", "19.198",       "7.23.19.198.in-addr",
        "256.198.in-addr.arpa",
    };
    struct answer_zone zone = zone_of("overlay");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        wire_query(&w, names[i], 12);
        assert_int_equal(ask_zone(&zone, false, ANSWER_UDP_MAX), ANSWER_OUTSIDE);
        assert_int_equal(error_code(), LDNS_RCODE_REFUSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_an_address_in_the_bytes_of_the_rfc),
        cmocka_unit_test(keeps_the_letter_case_of_the_question),
        cmocka_unit_test(says_no_data_for_other_types_of_a_name),
        cmocka_unit_test(says_where_https_is_and_nothing_else_about_it),
        cmocka_unit_test(answers_aaaa_where_there_is_one),
        cmocka_unit_test(says_that_unknown_names_do_not_exist),
        cmocka_unit_test(takes_no_dot_inside_a_label_for_a_border),
        cmocka_unit_test(answers_srv_below_a_service_name),
        cmocka_unit_test(answers_srv_below_a_peer_with_the_service_as_target),
        cmocka_unit_test(says_in_txt_who_and_how),
        cmocka_unit_test(answers_any_with_one_set),
        cmocka_unit_test(answers_for_the_apex_without_asking_for_hosts),
        cmocka_unit_test(refuses_what_is_outside_the_suffix),
        cmocka_unit_test(refuses_transfers_other_classes_and_meta_types),
        cmocka_unit_test(answers_malformed_and_foreign_operations_with_their_codes),
        cmocka_unit_test(speaks_edns_when_spoken_to_in_it),
        cmocka_unit_test(answers_badvers_to_a_later_edns),
        cmocka_unit_test(cuts_a_longer_answer_with_tc_at_every_length),
        cmocka_unit_test(obeys_the_askers_size_over_udp_only),
        cmocka_unit_test(serves_any_suffix),
        cmocka_unit_test(offers_recursion_only_where_it_forwards),
        cmocka_unit_test(takes_any_65535_bytes),
        cmocka_unit_test(names_the_addresses_of_peers),
        cmocka_unit_test(leaves_other_addresses_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
