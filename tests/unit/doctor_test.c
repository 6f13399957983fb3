#include "config/control/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static json_t *findings;

static int forget(void **state)
{
    (void)state;
    json_decref(findings);
    findings = NULL;
    return 0;
}

static void examine(const char *status)
{
    json_error_t error;
    json_t *json = json_loads(status, 0, &error);
    if (!json)
        fail_msg("%d: %s", error.position, error.text);
    json_decref(findings);
    findings = doctor_findings(json);
    json_decref(json);
    assert_non_null(findings);
}

/* One of this level says (part of) this, and its advice (part of) that; NULL: none. */
static void finds(const char *level, const char *what, const char *advice)
{
    size_t i;
    json_t *f;

    json_array_foreach(findings, i, f)
    {
        const char *says = json_string_value(json_object_get(f, "advice"));
        if (!strstr(json_string_value(json_object_get(f, "what")), what))
            continue;
        assert_string_equal(json_string_value(json_object_get(f, "level")), level);
        if (advice)
            assert_non_null(says ? strstr(says, advice) : NULL);
        else
            assert_null(says);
        return;
    }
    fail_msg("nothing about '%s'", what);
}

static void finds_nothing_about(const char *what)
{
    size_t i;
    json_t *f;
    json_array_foreach(findings, i, f)
    {
        assert_null(strstr(json_string_value(json_object_get(f, "what")), what));
    }
}

static void a_gateway_that_knows_nothing_is_told_whom_to_ask(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"unknown\", \"public\": null, \"reachable\": null},"
            " \"relay\": {\"home\": null, \"configured\": 0}, \"peers\": []}");
    finds("note", "nobody has told", "[stun] servers");
    finds("note", "no relay", "[relay] use");
    finds_nothing_about("the NAT is");
    examine("{}");
    finds("note", "nobody has told", "[stun] servers");
}

static void a_good_network_has_nothing_to_complain_of(void **state)
{
    (void)state;
    size_t i;
    json_t *f;
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"APD\","
            " \"public\": \"203.0.113.7:4433\", \"public_v6\": \"[2001:db8::7]:4433\","
            " \"reachable\": true, \"port_mapping\": \"pcp 203.0.113.7:4433\", \"stun\":"
            " [{\"server\": \"192.0.2.1:3478\", \"seen\": \"203.0.113.7:4433\","
            " \"disagrees\": false}]},"
            " \"relay\": {\"home\": \"x@relay.example:4433\", \"configured\": 1, \"serving\": true,"
            " \"registered\": 3, \"circuits\": 2},"
            " \"peers\": [{\"alias\": \"alice\", \"id\": \"i\", \"state\": \"direct\", \"path\":"
            " {\"kind\": \"udp\", \"remote\": \"192.0.2.9:1\", \"rtt_ms\": 23.0}},"
            " {\"alias\": null, \"id\": \"i\", \"state\": \"idle\", \"path\": null}]}");
    json_array_foreach(findings, i, f)
    {
        assert_string_equal(json_string_value(json_object_get(f, "level")), "ok");
    }
    finds("ok", "seen outside as 203.0.113.7:4433", NULL);
    finds("ok", "alice: direct, udp 192.0.2.9:1, 23.0 ms", NULL);
    finds("ok", "3 registered, 2 circuits", NULL);
    assert_int_equal(json_array_size(findings), 8);
}

static void a_symmetric_nat_and_a_relayed_peer_are_explained(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"symmetric_random\", \"mapping\": \"APD\", \"filtering\":"
            " \"APD\", \"public\": \"203.0.113.7:9\", \"reachable\": false},"
            " \"relay\": {\"home\": \"x@r:1\", \"configured\": 1},"
            " \"peers\": [{\"alias\": \"bob\", \"state\": \"relayed\", \"path\": {\"kind\":"
            " \"relay\", \"remote\": \"192.0.2.1:1\", \"rtt_ms\": 61.0},"
            " \"why_not_direct\": \"both NATs are symmetric\"},"
            " {\"alias\": \"dan\", \"state\": \"direct\", \"path\": {\"kind\": \"tcp\","
            " \"remote\": \"192.0.2.7:1\", \"rtt_ms\": null}},"
            " {\"alias\": \"eve\", \"state\": \"unreachable\", \"why_not_direct\":"
            " \"no address is known\"}]}");
    finds("note", "the NAT is symmetric_random", "[portmap]");
    finds("note", "not reachable from outside", "UPnP");
    finds("note", "bob: through relay 192.0.2.1:1, 61.0 ms; not direct: both NATs are symmetric",
          NULL);
    assert_string_equal(json_string_value(json_object_get(json_array_get(findings, 5), "what")),
                        "dan: direct, tcp 192.0.2.7:1");
    finds("problem", "eve: not reached: no address is known", "overlay ping");
}

static void a_nat_that_one_server_sees_is_not_known(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"unknown\", \"mapping\": \"unknown\", \"public\":"
            " \"203.0.113.7:9\", \"reachable\": null}, \"relay\": {\"home\": \"x@r:1\"}}");
    finds("note", "what kind of NAT", "second relay");
}

static void blocked_udp_and_silent_relays_are_problems(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"udp_blocked\", \"public\": null, \"reachable\": null},"
            " \"relay\": {\"home\": null, \"configured\": 2}, \"peers\": []}");
    finds("problem", "no UDP gets through", "tls_listen");
    finds("problem", "none of the relays", "is it up");
    examine("{\"nat\": {\"class\": \"udp_blocked\", \"public\": null, \"reachable\": null},"
            " \"relay\": {\"home\": \"x@r:1\", \"configured\": 1}, \"peers\": []}");
    finds("note", "no UDP gets through to the internet and back: sessions go over TLS", NULL);
}

static void servers_that_lie_or_are_silent_are_named(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"unknown\","
            " \"public\": \"203.0.113.7:9\", \"reachable\": null, \"stun\": ["
            "{\"server\": \"192.0.2.1:1\", \"seen\": \"10.0.0.1:9\", \"disagrees\": true},"
            "{\"server\": \"192.0.2.2:2\", \"seen\": null, \"disagrees\": false}]},"
            " \"relay\": {\"home\": \"x@r:1\"}, \"peers\": []}");
    finds("note", "192.0.2.1:1 says 10.0.0.1:9", "[stun] servers");
    finds("note", "192.0.2.2:2 does not answer", NULL);
}

static void a_mapped_port_that_nothing_comes_through_means_a_second_router(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"APD\","
            " \"public\": \"203.0.113.7:9\", \"reachable\": false, \"port_mapping\": \"upnp\"},"
            " \"relay\": {\"home\": \"x@r:1\"}, \"peers\": []}");
    finds("note", "not reachable from outside", "double NAT");
}

static void a_port_mapping_that_does_not_help_is_explained(void **state)
{
    (void)state;
    examine("{\"nat\": {\"port_mapping\": \"pcp 10.0.0.9:4433, 99 s left, behind another NAT\"}}");
    finds("note", "no public address itself", "bridge");
    examine("{\"nat\": {\"port_mapping\": \"upnp 203.0.113.7:4433, permanent, does not work from"
            " outside\"}}");
    finds("note", "nothing comes in", "firewall");
    examine("{\"nat\": {\"port_mapping\": null, \"no_port_mapping\": \"the router refuses\"}}");
    finds("note", "leads here: the router refuses", NULL);
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_teardown(f, forget)
    const struct CMUnitTest tests[] = {
        SENTENCE(a_gateway_that_knows_nothing_is_told_whom_to_ask),
        SENTENCE(a_good_network_has_nothing_to_complain_of),
        SENTENCE(a_port_mapping_that_does_not_help_is_explained),
        SENTENCE(a_symmetric_nat_and_a_relayed_peer_are_explained),
        SENTENCE(a_nat_that_one_server_sees_is_not_known),
        SENTENCE(blocked_udp_and_silent_relays_are_problems),
        SENTENCE(servers_that_lie_or_are_silent_are_named),
        SENTENCE(a_mapped_port_that_nothing_comes_through_means_a_second_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
