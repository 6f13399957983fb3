/* The search for the router's UPnP description. */
#include "gateway/nat/ssdp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ANSWER                                                                                     \
    "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\n"                                            \
    "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"                                  \
    "LOCATION: http://192.168.7.1:5000/rootDesc.xml\r\nEXT:\r\n\r\n"

static const struct exchange_ops *const ops = &ssdp_ops;
static uint8_t out[EXCHANGE_MAX_DATAGRAM];

static struct ssdp asking(void)
{
    struct ssdp s;
    struct addr router;
    assert_int_equal(addr_parse_ip(&router, "192.168.7.1", 0), 0);
    ssdp_init(&s, &router);
    assert_int_equal(ops->deadline(&s), INSTANT_NEVER);
    ssdp_ask(&s, 0);
    return s;
}

static int hear(struct ssdp *s, const char *text)
{
    return ops->input(s, 0, (const uint8_t *)text, strlen(text));
}

static void asks_for_each_kind_three_times_and_is_silent_after_8_s(void **state)
{
    (void)state;
    struct ssdp s = asking();
    unsigned count = 0;
    instant now = 0;

    while (s.state == SSDP_ASKING) {
        now = ops->deadline(&s);
        size_t len = ops->output(&s, now, out);
        count += len > 0;
        if (len > 0) {
            out[len] = '\0';
            assert_non_null(strstr((char *)out, "M-SEARCH * HTTP/1.1\r\n"));
            assert_string_equal((char *)out + len - 4, "\r\n\r\n");
        }
    }
    assert_int_equal(count, 9);
    assert_int_equal(s.state, SSDP_SILENT);
    assert_int_equal(now, SEC(8));
}

#define NOTIFY(nt, nts, more)                                                                      \
    "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: " nt "\r\nNTS: ssdp:" nts "\r\n" more  \
    "\r\n"
#define ROOT "upnp:rootdevice"

static bool announced(struct ssdp *s, const char *text)
{
    return ssdp_announced(s, (const uint8_t *)text, strlen(text));
}

static void a_router_with_another_bootid_was_started_anew(void **state)
{
    (void)state;
    struct ssdp s = asking();
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 7\r\n"))); /* the first */
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 7\r\n")));
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "")));
    assert_false(announced(&s, NOTIFY("upnp:printer", "alive", "BOOTID.UPNP.ORG: 8\r\n")));
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: x\r\n")));
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 99999999999\r\n")));
    assert_false(announced(&s, NOTIFY(ROOT, "update", "BOOTID.UPNP.ORG: 8\r\n")));
    assert_true(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 8\r\n")));
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 8\r\n")));
    assert_false(announced(&s, ANSWER));
    assert_false(announced(&s, "NOTIFY"));
}

static void a_router_that_is_back_after_a_goodbye_was_too(void **state)
{
    (void)state;
    struct ssdp s = asking();
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "")));
    assert_false(announced(&s, NOTIFY(ROOT, "byebye", "")));
    assert_true(announced(&s, NOTIFY(ROOT, "alive", "")));
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "")));
}

static void the_answer_to_a_search_tells_the_bootid_too(void **state)
{
    (void)state;
    struct ssdp s = asking();
    assert_int_equal(hear(&s, "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nBOOTID.UPNP.ORG: 7\r\n"
                              "LOCATION: http://192.168.7.1:5000/rootDesc.xml\r\n\r\n"),
                     0);
    assert_false(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 7\r\n")));
    assert_true(announced(&s, NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 1\r\n")));
}

static void no_announcement_that_is_cut_short_counts(void **state)
{
    static const char TEXT[] = NOTIFY(ROOT, "alive", "BOOTID.UPNP.ORG: 8\r\n");
    (void)state;
    for (size_t len = 0; len < sizeof(TEXT) - 1; len++) {
        struct ssdp s = asking();
        s.gone = true;
        assert_false(ssdp_announced(&s, (const uint8_t *)TEXT, len));
    }
}

static void finds_the_description(void **state)
{
    (void)state;
    struct ssdp s = asking();

    assert_int_equal(hear(&s, ANSWER), 0);
    assert_int_equal(s.state, SSDP_FOUND);
    assert_string_equal(s.description.path, "/rootDesc.xml");
    assert_int_equal(addr_port(&s.description.at), 5000);
    assert_int_equal(ops->deadline(&s), INSTANT_NEVER);
    assert_int_equal(hear(&s, ANSWER), -EBADMSG);
}

static void ignores_what_is_cut_short(void **state)
{
    (void)state;
    struct ssdp s = asking();

    for (size_t len = 0; len < sizeof(ANSWER) - 1; len++)
        assert_int_equal(ops->input(&s, 0, (const uint8_t *)ANSWER, len), -EBADMSG);
}

static void ignores_other_devices_and_other_hosts(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:MediaServer:1\r\n"
        "LOCATION: http://192.168.7.1:5000/\r\n\r\n",
        "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://192.168.7.9:5000/\r\n\r\n",
        "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n",
        "HTTP/1.1 404 No\r\nST: upnp:rootdevice\r\nLOCATION: http://192.168.7.1/\r\n\r\n",
        "NOTIFY * HTTP/1.1\r\nST: upnp:rootdevice\r\nLOCATION: http://192.168.7.1/\r\n\r\n",
    };
    struct ssdp s = asking();

    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
        assert_int_equal(hear(&s, BAD[i]), -EBADMSG);
    assert_int_equal(s.state, SSDP_ASKING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_each_kind_three_times_and_is_silent_after_8_s),
        cmocka_unit_test(a_router_with_another_bootid_was_started_anew),
        cmocka_unit_test(a_router_that_is_back_after_a_goodbye_was_too),
        cmocka_unit_test(the_answer_to_a_search_tells_the_bootid_too),
        cmocka_unit_test(no_announcement_that_is_cut_short_counts),
        cmocka_unit_test(finds_the_description),
        cmocka_unit_test(ignores_what_is_cut_short),
        cmocka_unit_test(ignores_other_devices_and_other_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
