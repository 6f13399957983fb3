#include "config/control/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

/* The first that says (part of) this; NULL: none. */
static const json_t *about(const char *what)
{
    size_t i;
    json_t *f;

    json_array_foreach(findings, i, f)
    {
        if (strstr(json_string_value(json_object_get(f, "what")), what))
            return f;
    }
    return NULL;
}

static void says(const json_t *finding, const char *key, const char *part)
{
    const char *text = json_string_value(json_object_get(finding, key));

    if (!part)
        assert_null(text);
    else if (!text || !strstr(text, part))
        fail_msg("%s: '%s' does not say '%s'", key, text ? text : "", part);
}

/* One of this level says (part of) this, and its advice (part of) that; NULL: none. */
static void finds(const char *level, const char *what, const char *advice)
{
    const json_t *f = about(what);

    if (!f)
        fail_msg("nothing about '%s'", what);
    assert_string_equal(json_string_value(json_object_get(f, "level")), level);
    says(f, "advice", advice);
}

/* It gives (part of) this reason. */
static void because(const char *what, const char *why)
{
    says(about(what), "why", why);
}

static void finds_nothing_about(const char *what)
{
    assert_null(about(what));
}

#define RELAYED "\"relay\": {\"home\": \"x@r:1\", \"configured\": 1}"

static void a_gateway_that_knows_nothing_is_told_whom_to_ask(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"unknown\", \"public\": null, \"reachable\": null},"
            " \"relay\": {\"home\": null, \"configured\": 0}, \"peers\": []}");
    finds("note", "nobody has told", "[stun] servers");
    because("nobody has told", "neither a relay nor a STUN server is named");
    finds("note", "no relay", "[relay] use");
    finds_nothing_about("the NAT ");
    assert_string_equal(doctor_worst(findings), "note");
    examine("{}");
    finds("note", "nobody has told", "[stun] servers");
    examine("{\"relay\": {\"configured\": 1}}");
    finds("note", "nobody has told", NULL);
    because("nobody has told", "no relay is connected");
}

static void a_good_network_has_nothing_to_complain_of(void **state)
{
    (void)state;
    examine(
        "{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"APD\","
        " \"public\": \"203.0.113.7:4433\", \"public_v6\": \"[2001:db8::7]:4433\","
        " \"reachable\": true, \"port_mapping\": \"pcp 203.0.113.7:4433\", \"stun\":"
        " [{\"server\": \"192.0.2.1:3478\", \"seen\": \"203.0.113.7:4433\","
        " \"disagrees\": false}]},"
        " \"relay\": {\"home\": \"x@relay.example:4433\", \"configured\": 2, \"relays\": ["
        " {\"id\": \"x\", \"host\": \"relay.example:4433\", \"ours\": true, \"state\": \"home\","
        " \"over\": \"udp\", \"rtt_ms\": 43.2},"
        " {\"id\": \"y\", \"host\": \"spare.example:4433\", \"ours\": true, \"state\": \"spare\","
        " \"over\": \"tls\", \"rtt_ms\": 51.0},"
        " {\"id\": \"z\", \"host\": \"his.example:4433\", \"ours\": false, \"state\":"
        " \"connected\", \"over\": \"udp\", \"rtt_ms\": null},"
        " {\"id\": \"q\", \"host\": \"gone.example:4433\", \"ours\": false, \"state\": \"none\"}],"
        " \"serving\": true, \"registered\": 3, \"circuits\": 2},"
        " \"peers\": [{\"alias\": \"alice\", \"id\": \"i\", \"state\": \"direct\", \"path\":"
        " {\"kind\": \"udp\", \"remote\": \"192.0.2.9:1\", \"rtt_ms\": 23.0}},"
        " {\"alias\": null, \"id\": \"x\", \"state\": \"direct\", \"path\": {\"kind\": \"udp\","
        " \"remote\": \"192.0.2.8:4433\", \"rtt_ms\": 43.2}},"
        " {\"alias\": null, \"id\": \"i\", \"state\": \"idle\", \"path\": null}]}");
    assert_string_equal(doctor_worst(findings), "ok");
    finds("ok", "seen outside as 203.0.113.7:4433", NULL);
    finds("ok", "alice: direct, udp 192.0.2.9:1, 23.0 ms", NULL);
    finds("ok", "the relay relay.example:4433 (home), 43.2 ms, over UDP", NULL);
    finds("ok", "the relay spare.example:4433 (spare), 51.0 ms, over TLS", NULL);
    finds("ok", "the relay his.example:4433 of a peer, over UDP", NULL);
    finds("ok", "3 registered, 2 circuits", NULL);
    finds_nothing_about("gone.example");
    finds_nothing_about("192.0.2.8");
    assert_int_equal(json_array_size(findings), 10);
}

static void a_symmetric_nat_and_a_relayed_peer_are_explained(void **state)
{
    (void)state;
    examine(
        "{\"nat\": {\"class\": \"symmetric_random\", \"mapping\": \"APD\", \"filtering\":"
        " \"APD\", \"public\": \"203.0.113.7:9\", \"reachable\": false, \"no_port_mapping\":"
        " \"the router knows none of PCP, NAT-PMP and UPnP\", \"local\": \"192.168.1.2\"},"
        " \"udp\": [\"0.0.0.0:4433\"], " RELAYED ","
        " \"peers\": [{\"alias\": \"bob\", \"state\": \"relayed\", \"path\": {\"kind\":"
        " \"relay\", \"remote\": \"192.0.2.1:1\", \"rtt_ms\": 61.0},"
        " \"why_not_direct\": \"both NATs are symmetric\", \"punch\": {\"round\": 3, \"result\":"
        " \"lost\", \"strategy\": \"a birthday search\", \"candidates\": 2, \"probes\": 412,"
        " \"guesses\": 300, \"answers\": 0, \"ago_s\": 12, \"took_ms\": 4001}},"
        " {\"alias\": \"dan\", \"state\": \"direct\", \"path\": {\"kind\": \"tcp\","
        " \"remote\": \"192.0.2.7:1\", \"rtt_ms\": null}, \"punch\": {\"result\": \"not begun\","
        " \"strategy\": null, \"ago_s\": 5}},"
        " {\"alias\": \"eve\", \"id\": \"eee\", \"state\": \"unreachable\", \"why_not_direct\":"
        " \"no address is known\"}]}");
    finds("note", "another port at random (symmetric_random)", NULL);
    because("another port at random", "to cone peers after a search");
    finds("note", "not reachable from outside",
          "forward UDP port 4433 to 192.168.1.2, then set [gateway] external = 203.0.113.7:PORT");
    because("not reachable from outside", "knows none of PCP");
    finds("note", "bob: through the relay 192.0.2.1:1, 61.0 ms", "forwarded on the router");
    because("bob: through", "not direct: both NATs are symmetric");
    says(about("bob: through"), "tried",
         "last round of punching, 12 s ago: lost after 4001 ms with a birthday search; sent 412"
         " packets (300 to guessed ports) to 2 addresses it named, heard 0");
    finds("ok", "dan: direct, but over TCP, 192.0.2.7:1", NULL);
    says(about("dan: direct"), "tried", "5 s ago: not begun");
    finds("problem", "eve: not reached", "overlay peer add eee --relay");
    because("eve: not reached", "no address is known");
    assert_string_equal(doctor_worst(findings), "problem");
}

static void each_reason_for_a_relay_has_its_advice(void **state)
{
    (void)state;
    static const struct {
        const char *why, *advice;
    } CASES[] = {
        {"punching is switched off ([punch] mode = off)", "overlay config reload"},
        {"punching is switched off at the peer; next try in 3 s", "its owner"},
        {"UDP is blocked on our side; next try in 3 s", "on this side"},
        {"UDP is blocked on their side; next try in 3 s", "on its side"},
        {"their NAT is symmetric with random ports, and no guess hit", "of that side"},
        {"they named no address that we may probe", "overlay doctor there"},
        {"nothing of theirs came through", "firewall drop"},
        {"their probes come through, but no answer to ours", "does not"},
        {"idle: direct paths are looked for when there is traffic", NULL},
        {"punching: still looking for a direct path", "overlay ping bob --until-direct"},
    };
    char status[512];

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        (void)snprintf(
            status, sizeof(status),
            "{\"peers\": [{\"alias\": \"bob\", \"state\": \"relayed\", \"path\": {\"kind\":"
            " \"turn\", \"remote\": \"192.0.2.1:1\"}, \"why_not_direct\": \"%s\"}]}",
            CASES[i].why);
        examine(status);
        finds("note", "bob: through the TURN server 192.0.2.1:1", CASES[i].advice);
    }
}

static void a_nat_that_one_server_sees_is_not_known_and_it_says_why(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"unknown\", \"mapping\": \"unknown\", \"public\":"
            " \"203.0.113.7:9\", \"reachable\": null, \"stun\": [{\"server\": \"192.0.2.1:1\","
            " \"seen\": \"203.0.113.7:9\", \"disagrees\": false}]}, " RELAYED "}");
    finds("note", "what kind of NAT", "second relay");
    because("what kind of NAT", "only one server");
    examine("{\"nat\": {\"class\": \"unknown\", \"mapping\": \"unknown\", \"public\":"
            " \"203.0.113.7:9\", \"stun\": [{\"server\": \"192.0.2.1:1\", \"seen\":"
            " \"203.0.113.7:9\"}, {\"server\": \"192.0.2.1:2\", \"seen\": "
            "\"203.0.113.7:9\"}]}, " RELAYED "}");
    because("what kind of NAT", "all 2 servers that answered are at one address");
}

static void a_cone_is_only_called_one_when_that_was_measured(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"unknown\", \"public\":"
            " \"203.0.113.7:9\"}, " RELAYED "}");
    finds("note", "the NAT seems to keep one outside port", "second relay");
    because("the NAT seems to", "takes two to be sure");
    finds_nothing_about("cone");
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"public\": \"203.0.113.7:9\"},"
            " " RELAYED "}");
    finds("ok", "(cone)", NULL);
    examine(
        "{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"AD\", \"public\":"
        " \"203.0.113.7:9\"}, " RELAYED "}");
    finds("ok", "(address-restricted cone)", NULL);
    examine(
        "{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"APD\", \"public\":"
        " \"203.0.113.7:9\"}, " RELAYED "}");
    finds("ok", "(port-restricted cone)", NULL);
}

static void a_public_address_is_told_from_a_nat_that_lets_everybody_in(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"public\", \"mapping\": \"EI\", \"filtering\": \"EI\","
            " \"translated\": false, \"public\": \"203.0.113.7:9\"}, " RELAYED "}");
    finds("ok", "no NAT: this machine has", NULL);
    examine("{\"nat\": {\"class\": \"public\", \"mapping\": \"EI\", \"filtering\": \"EI\","
            " \"translated\": true, \"public\": \"203.0.113.7:9\"}, " RELAYED "}");
    finds("ok", "lets anybody in (full cone)", NULL);
    examine("{\"nat\": {\"class\": \"public\", \"mapping\": \"APD\", \"filtering\": \"APD\","
            " \"translated\": true, \"public\": \"203.0.113.7:9\"}, " RELAYED "}");
    finds("ok", "anybody can send", NULL);
}

static void blocked_udp_and_silent_relays_are_problems(void **state)
{
    (void)state;
    examine(
        "{\"nat\": {\"class\": \"udp_blocked\", \"public\": null, \"reachable\": null, \"stun\":"
        " [{\"server\": \"192.0.2.2:2\", \"seen\": null}]},"
        " \"relay\": {\"home\": null, \"configured\": 2, \"relays\": [{\"id\": \"x\", \"host\":"
        " \"r.example:4433/8443\", \"ours\": true, \"state\": \"none\", \"why\": \"no answer\"}]},"
        " \"peers\": []}");
    finds("problem", "no UDP gets through", "tls_listen");
    because("no UDP gets through", "1 server was asked");
    finds_nothing_about("192.0.2.2:2 does not answer");
    finds("problem", "the relay r.example:4433/8443 is not reached",
          "overlay stun-test r.example:4433");
    because("is not reached", "no answer");
    examine("{\"nat\": {\"class\": \"udp_blocked\", \"public\": null, \"reachable\": null},"
            " " RELAYED ", \"peers\": []}");
    finds("note", "no UDP gets through to the internet and back: sessions go over TLS", "let UDP");
}

static void a_relay_that_does_not_serve_us_is_named_with_the_reason(void **state)
{
    (void)state;
    examine("{\"relay\": {\"home\": \"x@h:1\", \"configured\": 2, \"relays\": ["
            "{\"id\": \"y\", \"host\": \"s:1\", \"ours\": true, \"state\": \"refused\", \"over\":"
            " \"udp\", \"why\": \"the relay does not serve us\"}]}}");
    finds("note", "the relay s:1 does not let others reach", "overlay peer add");
    because("the relay s:1", "does not serve us");
    examine("{\"relay\": {\"home\": null, \"configured\": 1, \"relays\": ["
            "{\"host\": \"s:1\", \"ours\": true, \"state\": \"silent\", \"over\": \"udp\"}]}}");
    finds("problem", "the relay s:1 has stopped answering", "host up");
    examine("{\"relay\": {\"home\": null, \"configured\": 1, \"relays\": ["
            "{\"host\": \"s:1\", \"ours\": true, \"state\": \"connecting\"}]}}");
    finds("note", "the relay s:1 is being connected", "ten seconds");
}

static void servers_that_lie_or_are_silent_are_named(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"unknown\","
            " \"public\": \"203.0.113.7:9\", \"reachable\": null, \"stun\": ["
            "{\"server\": \"192.0.2.1:1\", \"seen\": \"10.0.0.1:9\", \"disagrees\": true},"
            "{\"server\": \"192.0.2.4:1\", \"seen\": \"10.0.0.2:9\", \"disagrees\": true},"
            "{\"server\": \"192.0.2.2:2\", \"seen\": null, \"disagrees\": false},"
            "{\"server\": \"192.0.2.5:1\", \"seen\": \"203.0.113.7:9\", \"disagrees\": false}]},"
            " \"relay\": {\"home\": \"x@r:1\", \"relays\": [{\"id\": \"x\", \"host\": \"r:1\", "
            "\"ours\":"
            " true, \"state\": \"home\", \"over\": \"udp\", \"remote\": \"192.0.2.4:1\"}]},"
            " \"peers\": []}");
    finds("note", "192.0.2.1:1 says 10.0.0.1:9", "take it out of [stun] servers");
    because("192.0.2.1:1 says", "the majority is believed");
    finds("note", "192.0.2.4:1 says", "that relay out of [relay] use");
    finds("note", "192.0.2.2:2 does not answer", "overlay stun-test 192.0.2.2:2");
}

static void servers_of_which_none_has_a_majority_are_all_named_and_not_believed(void **state)
{
    (void)state;
    examine(
        "{\"nat\": {\"class\": \"unknown\", \"mapping\": \"unknown\", \"public\": null, \"stun\": ["
        "{\"server\": \"192.0.2.1:1\", \"seen\": \"10.0.0.1:9\", \"disagrees\": true},"
        "{\"server\": \"192.0.2.4:1\", \"seen\": \"10.0.0.2:9\", \"disagrees\": true}]}, " RELAYED
        "}");
    because("192.0.2.1:1 says", "none of them is believed");
    because("192.0.2.4:1 says", "none of them is believed");
    because("nobody has told", "contradict");
}

static void the_providers_nat_and_a_second_router_are_told_in_plain_words(void **state)
{
    (void)state;
    examine(
        "{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"APD\", \"public\":"
        " \"203.0.113.7:9\", \"reachable\": false, \"layered\": true, \"carrier\": true,"
        " \"port_mapping\": \"upnp 100.64.3.4:4433, behind another NAT\", \"port_maps\":"
        " [{\"external\": \"100.64.3.4:4433\"}]}, " RELAYED "}");
    finds("note", "the provider lets many customers share", "public IPv4 address");
    because("the provider lets", "the router itself has 100.64.3.4:4433");
    finds("note", "not reachable from outside", NULL);
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"public\": \"203.0.113.7:9\","
            " \"carrier\": true, \"local\": \"100.70.1.2\"}, " RELAYED "}");
    because("the provider lets", "this machine has 100.70.1.2");
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"public\": \"203.0.113.7:9\","
            " \"layered\": true, \"carrier\": null, \"port_maps\": [{\"external\":"
            " \"192.168.178.20:4433\"}]}, " RELAYED "}");
    finds("note", "two NATs, one behind the other (double NAT)", "bridge");
    because("two NATs", "has 192.168.178.20:4433, and the internet sees 203.0.113.7:9");
}

static void a_nat_that_only_far_packets_open_is_not_the_router_at_home(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"public\": \"203.0.113.7:9\","
            " \"opener_ttl\": 5, \"opener_measured\": true}, " RELAYED "}");
    finds("note", "the last NAT or firewall is 4 hops away", "203.0.113.7:9");
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"public\": \"203.0.113.7:9\","
            " \"opener_ttl\": 2, \"opener_measured\": true}, " RELAYED "}");
    finds_nothing_about("hops away");
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"public\": \"203.0.113.7:9\","
            " \"opener_ttl\": 4, \"opener_measured\": false}, " RELAYED "}");
    finds_nothing_about("hops away");
}

static void a_network_of_ipv6_alone_is_told_with_its_nat64(void **state)
{
    (void)state;
    examine("{\"nat\": {\"v6_only\": true, \"nat64\": \"64:ff9b::/96\"}, " RELAYED "}");
    finds("ok", "IPv4 is reached through NAT64, 64:ff9b::/96", NULL);
    examine("{\"nat\": {\"v6_only\": true, \"nat64\": null}, " RELAYED "}");
    finds("note", "IPv6 alone here: relays", "IPv6 address");
    because("IPv6 alone here: relays", "ipv4only.arpa");
    examine("{\"nat\": {\"v6_only\": false, \"nat64\": null}, " RELAYED "}");
    finds_nothing_about("IPv6 alone");
}

static void a_mapped_port_that_nothing_comes_through_means_a_second_router(void **state)
{
    (void)state;
    examine("{\"nat\": {\"class\": \"cone\", \"mapping\": \"EI\", \"filtering\": \"APD\","
            " \"public\": \"203.0.113.7:9\", \"reachable\": false, \"port_mapping\": \"upnp\"},"
            " " RELAYED ", \"peers\": []}");
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
    examine("{\"nat\": {\"filtering\": \"APD\", \"reachable\": null, \"no_port_mapping\": \"turned"
            " off\"}}");
    finds("note", "not reachable from outside", "[portmap] mode = on");
    examine(
        "{\"nat\": {\"filtering\": \"AD\", \"reachable\": null, \"no_port_mapping\": \"there is no"
        " router to ask\"}}");
    finds("note", "not reachable from outside", "on the router, if there is one");
    examine(
        "{\"nat\": {\"addresses\": [{\"address\": \"203.0.113.7:4433\", \"kind\": \"configured\","
        " \"reachable\": false}]}}");
    finds("note", "external = 203.0.113.7:4433 does not lead here", "forward that UDP port");
}

static void many_peers_and_hostile_words_do_not_grow_the_report(void **state)
{
    (void)state;
    json_t *status = json_object(), *peers = json_array();
    char why[2000];

    memset(why, 'w', sizeof(why));
    why[sizeof(why) - 1] = '\0';
    memcpy(why, "\033[2Jx\ny", 7);
    for (int i = 0; i < 1000; i++)
        (void)json_array_append_new(peers,
                                    json_pack("{s:s, s:n, s:s, s:s}", "id", "stranger", "alias",
                                              "state", "unreachable", "why_not_direct", why));
    (void)json_array_append_new(peers,
                                json_pack("{s:s, s:s, s:s, s:s}", "id", "a", "alias", "alice",
                                          "state", "unreachable", "why_not_direct", "w"));
    (void)json_object_set_new(status, "peers", peers);
    findings = doctor_findings(status);
    json_decref(status);
    assert_in_range(json_array_size(findings), 34, 40);
    finds("problem", "alice: not reached", "overlay ping alice");
    finds("note", "stranger: not reached", "overlay ping stranger");
    const char *said = json_string_value(json_object_get(about("stranger: not reached"), "why"));
    assert_in_range(strlen(said), 100, 511);
    assert_null(strpbrk(said, "\033\n"));
    finds("ok", "968 more that nobody added as peers", "overlay status");
}

static void calls_by_icmp_are_told_of_when_they_are_switched_on(void **state)
{
    (void)state;
    examine("{\"nat\": {\"pwnat\": {\"state\": \"off\", \"calls\": 0, \"ignored\": 0}}}");
    finds_nothing_about("pwnat");
    examine("{\"nat\": {\"pwnat\": {\"state\": \"on\", \"calls\": 3, \"ignored\": 9}}}");
    finds("ok", "pwnat is on", NULL);
    finds("ok", "3 calls", NULL);
    examine("{\"nat\": {\"pwnat\": {\"state\": \"no raw socket: the privilege CAP_NET_RAW is "
            "missing\", \"calls\": 0, \"ignored\": 0}}}");
    finds("note", "pwnat is on, but does not work", "AmbientCapabilities");
    because("pwnat is on, but does not work", "no raw socket: the privilege CAP_NET_RAW");
}

static void the_dht_and_our_record_there_are_judged(void **state)
{
    (void)state;
    examine("{\"dht\": {\"mode\": \"off\"}}");
    finds_nothing_about("DHT");
    examine("{\"dht\": {\"mode\": \"adaptive\", \"nodes\": 0, \"answered\": 0}}");
    finds("note", "the DHT is not reached", "let UDP out");
    because("the DHT is not reached", "do not answer, or their names");
    examine("{\"dht\": {\"mode\": \"client\", \"nodes\": 90, \"answered\": 60, \"record\": "
            "{\"state\": \"waiting\", \"nodes\": null}}}");
    finds("ok", "the DHT is reached: 90 nodes known, 60 answered lately", NULL);
    finds("note", "our record is not published yet", NULL);
    examine("{\"dht\": {\"mode\": \"client\", \"nodes\": 90, \"answered\": 60, \"record\": "
            "{\"state\": \"published\", \"nodes\": 21, \"age_s\": 60, \"left_out\": 2}}}");
    finds("ok", "our record is kept by 21 nodes of the DHT, since 1 min", NULL);
    finds("note", "2 services or addresses did not fit", "once they are connected");
    examine("{\"dht\": {\"mode\": \"client\", \"nodes\": 9, \"answered\": 6, \"record\": "
            "{\"state\": \"published\", \"nodes\": 7, \"age_s\": 60, \"left_out\": 0}}}");
    because("our record is kept by 7 nodes", "fewer than 20");
    examine("{\"dht\": {\"mode\": \"client\", \"nodes\": 9, \"answered\": 6, \"record\": "
            "{\"state\": \"published\", \"nodes\": 27, \"age_s\": 9000, \"left_out\": 0}}}");
    because("our record is kept by 27 nodes", "could not be stored again");
}

static void mail_is_judged_by_its_servers(void **state)
{
    (void)state;
    examine("{\"mail\": {\"state\": \"off\", \"sent\": 0, \"received\": 0}}");
    finds_nothing_about("mail");
    examine("{\"mail\": {\"state\": \"on\", \"sent\": 3, \"received\": 2}}");
    finds("ok", "contacts are met by mail: 3 sent, 2 received", NULL);
    examine("{\"mail\": {\"state\": \"imap: the password is wrong\", \"sent\": 0}}");
    finds("note", "contacts cannot be met by mail", "password_file");
    because("contacts cannot be met by mail", "the password is wrong");
}

int main(void)
{
#define SENTENCE(f) cmocka_unit_test_teardown(f, forget)
    const struct CMUnitTest tests[] = {
        SENTENCE(a_gateway_that_knows_nothing_is_told_whom_to_ask),
        SENTENCE(a_good_network_has_nothing_to_complain_of),
        SENTENCE(a_symmetric_nat_and_a_relayed_peer_are_explained),
        SENTENCE(each_reason_for_a_relay_has_its_advice),
        SENTENCE(a_nat_that_one_server_sees_is_not_known_and_it_says_why),
        SENTENCE(a_cone_is_only_called_one_when_that_was_measured),
        SENTENCE(a_public_address_is_told_from_a_nat_that_lets_everybody_in),
        SENTENCE(blocked_udp_and_silent_relays_are_problems),
        SENTENCE(a_relay_that_does_not_serve_us_is_named_with_the_reason),
        SENTENCE(servers_that_lie_or_are_silent_are_named),
        SENTENCE(servers_of_which_none_has_a_majority_are_all_named_and_not_believed),
        SENTENCE(the_providers_nat_and_a_second_router_are_told_in_plain_words),
        SENTENCE(a_nat_that_only_far_packets_open_is_not_the_router_at_home),
        SENTENCE(a_network_of_ipv6_alone_is_told_with_its_nat64),
        SENTENCE(a_mapped_port_that_nothing_comes_through_means_a_second_router),
        SENTENCE(a_port_mapping_that_does_not_help_is_explained),
        SENTENCE(many_peers_and_hostile_words_do_not_grow_the_report),
        SENTENCE(the_dht_and_our_record_there_are_judged),
        SENTENCE(mail_is_judged_by_its_servers),
        SENTENCE(calls_by_icmp_are_told_of_when_they_are_switched_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
