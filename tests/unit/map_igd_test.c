/* A UPnP router's dialogue, step by step. */
#include "gateway/nat/map_igd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/igd_xml.h"

static char out[IGD_REQUEST_MAX];
static struct addr to;

static struct map_igd fresh(void)
{
    struct map_igd m;
    struct addr router, local;
    assert_int_equal(addr_parse_ip(&router, "192.168.7.1", 0), 0);
    assert_int_equal(addr_parse(&local, "192.168.7.2:4433"), 0);
    map_igd_init(&m, &router, &local, 7);
    return m;
}

/* The next request; it must be this one. */
static void wants(struct map_igd *m, const char *what)
{
    size_t len;
    assert_true(map_igd_request(m, &to, out, &len));
    assert_non_null(strstr(out, what));
    assert_false(map_igd_request(m, &to, out, &len));
}

static void answer(struct map_igd *m, unsigned status, const char *body)
{
    map_igd_answer(m, 0, status, (const uint8_t *)body, strlen(body));
}

static void find(struct map_igd *m)
{
    static const char FOUND[] = "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n"
                                "LOCATION: http://192.168.7.1:5000/d.xml\r\n\r\n";
    size_t len;
    assert_false(map_igd_request(m, &to, out, &len));
    assert_int_equal(ssdp_ops.input(&m->ssdp, 0, (const uint8_t *)FOUND, sizeof(FOUND) - 1), 0);
    map_igd_found(m);
}

/* Up to the point where the port is asked for. */
static struct map_igd adding(const char *description)
{
    struct map_igd m = fresh();
    map_igd_ask(&m, 0, MAPPING_LIFETIME_S);
    find(&m);
    wants(&m, "GET /d.xml ");
    answer(&m, 200, description);
    wants(&m, "#GetExternalIPAddress");
    answer(&m, 200, IGD_XML_ADDRESS("203.0.113.7"));
    return m;
}

static struct map_igd granted(void)
{
    struct map_igd m = adding(IGD_XML_V1);
    wants(&m, "#AddPortMapping");
    answer(&m, 200, IGD_XML_ADDED);
    assert_int_equal(m.mapping.state, MAPPING_GRANTED);
    return m;
}

static const char *external(const struct map_igd *m)
{
    static char text[ADDR_TEXT_MAX];
    return addr_print(&m->mapping.external, text);
}

static void an_igd_1_maps_our_own_port(void **state)
{
    (void)state;
    struct map_igd m = granted();

    assert_string_equal(external(&m), "203.0.113.7:4433");
    assert_int_equal(m.mapping.lifetime_s, MAPPING_LIFETIME_S);
}

static void an_igd_2_may_choose_another_port(void **state)
{
    (void)state;
    struct map_igd m = adding(IGD_XML_V2);

    wants(&m, "#AddAnyPortMapping");
    answer(&m, 200, IGD_XML_ADDED_AT("40000"));
    assert_string_equal(external(&m), "203.0.113.7:40000");
}

static void a_router_that_knows_no_leases_gets_a_mapping_without_end(void **state)
{
    (void)state;
    struct map_igd m = adding(IGD_XML_V1);

    wants(&m, "<NewLeaseDuration>7200<");
    answer(&m, 500, IGD_XML_FAULT("725"));
    wants(&m, "<NewLeaseDuration>0<");
    answer(&m, 200, IGD_XML_ADDED);
    assert_int_equal(m.mapping.state, MAPPING_GRANTED);
    assert_int_equal(m.mapping.lifetime_s, 0);
    /* It is not asked for a lease again. */
    map_igd_ask(&m, 0, MAPPING_LIFETIME_S);
    wants(&m, "#GetExternalIPAddress");
    answer(&m, 200, IGD_XML_ADDRESS("203.0.113.7"));
    wants(&m, "<NewLeaseDuration>0<");
}

static void a_taken_port_is_replaced_by_others_a_few_times(void **state)
{
    (void)state;
    struct map_igd m = adding(IGD_XML_V1);

    wants(&m, "<NewExternalPort>4433<");
    for (unsigned i = 1; i < 6; i++) {
        answer(&m, 500, IGD_XML_FAULT("718"));
        wants(&m, "#AddPortMapping");
        assert_null(strstr(out, "<NewExternalPort>4433<"));
    }
    answer(&m, 500, IGD_XML_FAULT("718"));
    assert_int_equal(m.mapping.state, MAPPING_REFUSED);
    assert_int_equal(m.mapping.code, 718);
}

static void a_refusal_for_good_is_not_argued_with(void **state)
{
    (void)state;
    struct map_igd m = adding(IGD_XML_V1);

    wants(&m, "#AddPortMapping");
    answer(&m, 500, IGD_XML_FAULT("606"));
    assert_int_equal(m.mapping.state, MAPPING_REFUSED);
    assert_int_equal(m.mapping.code, 606);
}

static void an_address_that_nobody_can_have_ends_it(void **state)
{
    (void)state;
    static const char *const BAD[] = {IGD_XML_ADDRESS(""),          IGD_XML_ADDRESS("0.0.0.0"),
                                      IGD_XML_ADDRESS("127.0.0.1"), IGD_XML_ADDRESS("2001:db8::1"),
                                      IGD_XML_FAULT("501"),         ""};

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        struct map_igd m = granted();
        map_igd_ask(&m, 0, MAPPING_LIFETIME_S);
        wants(&m, "#GetExternalIPAddress");
        answer(&m, 200, BAD[i]);
        assert_int_equal(m.mapping.state, MAPPING_REFUSED);
    }
}

static void a_redirection_is_no_description(void **state)
{
    (void)state;
    struct map_igd m = fresh();

    map_igd_ask(&m, 0, MAPPING_LIFETIME_S);
    find(&m);
    wants(&m, "GET ");
    answer(&m, 302, "");
    assert_int_equal(m.mapping.state, MAPPING_REFUSED);
}

static void a_router_that_moved_is_looked_for_again(void **state)
{
    (void)state;
    struct map_igd m = granted();

    map_igd_ask(&m, 0, MAPPING_LIFETIME_S);
    wants(&m, "#GetExternalIPAddress");
    answer(&m, 0, "");
    assert_int_equal(m.step, MAP_IGD_SEARCH);
    find(&m);
    wants(&m, "GET ");
    answer(&m, 0, ""); /* once */
    assert_int_equal(m.mapping.state, MAPPING_SILENT);
}

static void the_mapping_is_deleted_where_it_was_made(void **state)
{
    (void)state;
    struct map_igd m = granted();

    map_igd_ask(&m, 0, 0);
    wants(&m, "#DeletePortMapping");
    assert_non_null(strstr(out, "<NewExternalPort>4433<"));
    answer(&m, 200, "");
    assert_int_equal(m.mapping.state, MAPPING_DELETED);
    /* What was never made needs no deleting. */
    m = fresh();
    map_igd_ask(&m, 0, 0);
    assert_int_equal(m.mapping.state, MAPPING_DELETED);
}

static void nobody_answers_the_search(void **state)
{
    (void)state;
    struct map_igd m = fresh();
    uint8_t datagram[EXCHANGE_MAX_DATAGRAM];

    map_igd_ask(&m, 0, MAPPING_LIFETIME_S);
    while (m.ssdp.state == SSDP_ASKING)
        (void)ssdp_ops.output(&m.ssdp, ssdp_ops.deadline(&m.ssdp), datagram);
    map_igd_found(&m);
    assert_int_equal(m.mapping.state, MAPPING_SILENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_igd_1_maps_our_own_port),
        cmocka_unit_test(an_igd_2_may_choose_another_port),
        cmocka_unit_test(a_router_that_knows_no_leases_gets_a_mapping_without_end),
        cmocka_unit_test(a_taken_port_is_replaced_by_others_a_few_times),
        cmocka_unit_test(a_refusal_for_good_is_not_argued_with),
        cmocka_unit_test(an_address_that_nobody_can_have_ends_it),
        cmocka_unit_test(a_redirection_is_no_description),
        cmocka_unit_test(a_router_that_moved_is_looked_for_again),
        cmocka_unit_test(the_mapping_is_deleted_where_it_was_made),
        cmocka_unit_test(nobody_answers_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
