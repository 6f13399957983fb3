/* Orders to a UPnP router and its answers, as text. */
#include "gateway/nat/igd_soap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/igd_xml.h"

static char out[IGD_REQUEST_MAX];

static struct igd_service service(void)
{
    struct igd_service s = {.type = "urn:schemas-upnp-org:service:WANIPConnection:1"};
    assert_int_equal(addr_parse(&s.control.at, "192.168.7.1:5000"), 0);
    strcpy(s.control.path, "/ctl");
    return s;
}

/* Content-Length counts what follows the head. */
static void check_request(size_t len)
{
    const char *body, *length;

    assert_true(len < sizeof(out));
    assert_int_equal(strlen(out), len);
    body = strstr(out, "\r\n\r\n");
    length = strstr(out, "Content-Length: ");
    assert_non_null(body);
    assert_non_null(length);
    assert_int_equal(strtoul(length + 16, NULL, 10), strlen(body + 4));
    assert_non_null(strstr(out, "Host: 192.168.7.1:5000\r\n"));
}

static void an_order_names_everything_that_the_router_needs(void **state)
{
    (void)state;
    const struct igd_service s = service();
    struct addr us;
    assert_int_equal(addr_parse(&us, "192.168.7.2:4433"), 0);
    const struct igd_mapping m = {40000, 4433, 7200, &us};

    check_request(igd_soap_add(out, &s, &m, false));
    assert_int_equal(strncmp(out, "POST /ctl HTTP/1.1\r\n", 20), 0);
    assert_non_null(strstr(out, "SOAPAction: \"urn:schemas-upnp-org:service:WANIPConnection:1#"
                                "AddPortMapping\"\r\n"));
    assert_non_null(strstr(out, "<NewExternalPort>40000</NewExternalPort>"));
    assert_non_null(strstr(out, "<NewInternalPort>4433</NewInternalPort>"));
    assert_non_null(strstr(out, "<NewInternalClient>192.168.7.2</NewInternalClient>"));
    assert_non_null(strstr(out, "<NewLeaseDuration>7200</NewLeaseDuration>"));
    check_request(igd_soap_add(out, &s, &m, true));
    assert_non_null(strstr(out, "#AddAnyPortMapping\""));
    check_request(igd_soap_external_address(out, &s));
    check_request(igd_soap_delete(out, &s, 40000));
    assert_non_null(strstr(out, "<NewExternalPort>40000</NewExternalPort>"));
}

static void the_longest_order_fits(void **state)
{
    (void)state;
    struct igd_service s = service();
    struct addr us;
    assert_int_equal(addr_parse(&us, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"), 0);
    const struct igd_mapping m = {65535, 65535, UINT32_MAX, &us};

    memset(s.control.path, 'p', IGD_PATH_MAX - 1);
    memset(s.type + strlen(s.type), 't', IGD_TYPE_MAX - 1 - strlen(s.type));
    check_request(igd_soap_add(out, &s, &m, true));
}

static bool value(const char *xml, const char *name, char *text, size_t room)
{
    return igd_soap_value((const uint8_t *)xml, strlen(xml), name, text, room);
}

static void a_value_is_found_whatever_its_prefix(void **state)
{
    (void)state;
    char text[32];

    assert_true(value(IGD_XML_ADDRESS("203.0.113.7"), "NewExternalIPAddress", text, 32));
    assert_string_equal(text, "203.0.113.7");
    assert_true(value("<a><m:x a=\"b\">\r\n 5 </m:x></a>", "x", text, 32));
    assert_string_equal(text, "5");
    assert_true(value("<x></x>", "x", text, 32));
    assert_string_equal(text, "");
    assert_int_equal(
        igd_soap_error((const uint8_t *)IGD_XML_FAULT("725"), strlen(IGD_XML_FAULT("725"))), 725);
}

static void what_is_no_plain_value_is_none(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "<x/>",     "<x", "<x>", "<x>5",           "<x>5<", "<xx>5</xx>", "<x><y>5</y></x>",
        "<y>x</y>", "",   "<",   "<x>12345678</x>"};
    char text[4];

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_false(value(BAD[i], "x", text, sizeof(text)));
    assert_int_equal(
        igd_soap_error((const uint8_t *)IGD_XML_FAULT("x7"), strlen(IGD_XML_FAULT("x7"))), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_names_everything_that_the_router_needs),
        cmocka_unit_test(the_longest_order_fits),
        cmocka_unit_test(a_value_is_found_whatever_its_prefix),
        cmocka_unit_test(what_is_no_plain_value_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
