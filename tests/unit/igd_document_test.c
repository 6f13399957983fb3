/* Descriptions that routers give, and that hostile devices might. */
#include "gateway/nat/igd_document.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/igd_xml.h"

static struct igd_service service;

static int read_text(const char *xml)
{
    struct igd_url from = {.path = "/rootDesc.xml"};
    assert_int_equal(addr_parse(&from.at, "192.168.7.1:5000"), 0);
    return igd_document_read(&service, (const uint8_t *)xml, strlen(xml), &from);
}

static void an_igd_1_takes_one_port_and_an_igd_2_may_choose_one(void **state)
{
    (void)state;
    char at[ADDR_TEXT_MAX];

    assert_int_equal(read_text(IGD_XML_V1), 0);
    assert_string_equal(service.type, "urn:schemas-upnp-org:service:WANIPConnection:1");
    assert_string_equal(addr_print(&service.control.at, at), "192.168.7.1:5000");
    assert_string_equal(service.control.path, "/ctl/IPConn");
    assert_false(service.any_port);
    assert_int_equal(read_text(IGD_XML_V2), 0);
    assert_true(service.any_port);
}

static void a_base_and_a_port_of_its_own_are_followed_on_the_router(void **state)
{
    (void)state;
    assert_int_equal(read_text(IGD_XML_DEVICE("<URLBase>http://192.168.7.1:49000</URLBase>",
                                              IGD_XML_SERVICE("WANPPPConnection:1", "ctl"))),
                     0);
    assert_int_equal(addr_port(&service.control.at), 49000);
    assert_string_equal(service.control.path, "/ctl");
}

static void orders_do_not_go_to_another_host(void **state)
{
    (void)state;
    assert_int_equal(
        read_text(IGD_XML_DEVICE("", IGD_XML_SERVICE("WANIPConnection:1", "http://10.9.9.9/ctl"))),
        -EBADMSG);
    assert_int_equal(read_text(IGD_XML_DEVICE("<URLBase>http://127.0.0.1:631</URLBase>",
                                              IGD_XML_SERVICE("WANIPConnection:1", "/ctl"))),
                     -EBADMSG);
}

static void a_type_that_would_break_out_of_a_request_is_refused(void **state)
{
    (void)state;
    assert_int_equal(
        read_text(IGD_XML_DEVICE("", IGD_XML_SERVICE("WANIPConnection:1\"\r\nX: y", "/ctl"))),
        -EBADMSG);
}

static void a_device_without_the_service_is_no_router_for_us(void **state)
{
    (void)state;
    assert_int_equal(read_text(IGD_XML_DEVICE("", "")), -EBADMSG);
    assert_int_equal(read_text("<html>hello</html>"), -EBADMSG);
    assert_int_equal(read_text(""), -EBADMSG);
}

static void what_is_cut_short_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    struct igd_url from = {.path = "/"};
    assert_int_equal(addr_parse(&from.at, "192.168.7.1:5000"), 0);

    for (size_t len = 0; len < sizeof(IGD_XML_V2); len++) {
        int err = igd_document_read(&service, (const uint8_t *)IGD_XML_V2, len, &from);
        assert_true(err == 0 || err == -EBADMSG);
        assert_true(err < 0 || strcmp(service.control.path, "/ctl/IPConn") == 0);
    }
}

/* Only valgrind sees it if the library's parser reads on behind the end. */
static void quoted_text_is_cut_short_without_reading_on(void **state)
{
    (void)state;
    static const char QUOTED[] =
        "<root> <a b=\"c\"> <![CDATA[<x>]]></a><d><![CDATA[y]]></d></root>";
    struct igd_url from = {.path = "/"};
    assert_int_equal(addr_parse(&from.at, "192.168.7.1:5000"), 0);

    for (size_t len = 0; len < sizeof(QUOTED); len++)
        assert_int_equal(igd_document_read(&service, (const uint8_t *)QUOTED, len, &from),
                         -EBADMSG);
}

static void entities_and_depth_cost_nothing(void **state)
{
    (void)state;
    static const char LAUGHS[] =
        "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
        "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]><root>&c;</root>";
    const size_t depth = 9000;
    char *deep = malloc(3 * depth + 1);

    assert_int_equal(read_text(LAUGHS), -EBADMSG);
    assert_non_null(deep);
    for (size_t i = 0; i < depth; i++)
        memcpy(deep + 3 * i, "<a>", 3);
    deep[3 * depth] = '\0';
    assert_int_equal(read_text(deep), -EBADMSG);
    memset(deep + 1, 'x', 3 * depth - 1); /* one name without an end */
    assert_int_equal(read_text(deep), -EBADMSG);
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_igd_1_takes_one_port_and_an_igd_2_may_choose_one),
        cmocka_unit_test(a_base_and_a_port_of_its_own_are_followed_on_the_router),
        cmocka_unit_test(orders_do_not_go_to_another_host),
        cmocka_unit_test(a_type_that_would_break_out_of_a_request_is_refused),
        cmocka_unit_test(a_device_without_the_service_is_no_router_for_us),
        cmocka_unit_test(what_is_cut_short_is_read_as_far_as_it_goes),
        cmocka_unit_test(quoted_text_is_cut_short_without_reading_on),
        cmocka_unit_test(entities_and_depth_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
