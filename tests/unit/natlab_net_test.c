/* The small internet: topologies in words, packets from host to host, and what it answers itself.
 */
#include "tests/natlab/net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/bytes.h"
#include "tests/natlab/ip.h"
#include "tests/natlab/net_text.h"

struct lab {
    struct net net;
    instant now;
    unsigned heard;
    struct net_host *last_host;
    instant last_at;
    uint8_t data[2000];
    struct ip_packet last;
};

static void deliver(void *arg, struct net_host *h, const uint8_t *data, size_t len)
{
    struct lab *lab = arg;
    assert_true(len <= sizeof(lab->data));
    memcpy(lab->data, data, len);
    assert_int_equal(ip_parse(&lab->last, lab->data, len), 0);
    lab->last_host = h;
    lab->last_at = lab->net.now;
    lab->heard++;
}

static int say(struct lab *lab, const char *text, char out[static NET_TEXT_MAX])
{
    char line[NET_TEXT_MAX];
    assert_true(strlen(text) < sizeof(line));
    strcpy(line, text);
    return net_tell(&lab->net, line, out);
}

static void tell(struct lab *lab, const char *text)
{
    char out[NET_TEXT_MAX];
    int err = say(lab, text, out);
    if (err < 0)
        fail_msg("%s: %s", text, out);
}

static void begin(struct lab *lab)
{
    memset(lab, 0, sizeof(*lab));
    lab->now = SEC(1);
    net_init(&lab->net, 5, deliver, lab);
    tell(lab, "# a usual one");
    tell(lab, "nat home type=port_restricted wan=203.0.113.1  delay=5");
    tell(lab, "nat mobile type=cgnat wan=203.0.113.2");
    tell(lab, "host a ip=192.168.1.2/24 ip=2001:db8::2 behind=home place=netns-a");
    tell(lab, "host b ip=192.168.1.2/24 behind=mobile");
    tell(lab, "host s ip=198.51.100.1/24 ip=198.51.100.2 ip=2001:db8:1::1 delay=10 # server");
}

static void end(struct lab *lab)
{
    net_deinit(&lab->net);
}

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* A UDP packet of `len` bytes, whole, without a sum, which a router does not look at. */
static void send_long(struct lab *lab, const char *host, const char *from, const char *to,
                      uint8_t ttl, size_t len)
{
    uint8_t data[2000] = {0};
    const struct addr a = at(from), b = at(to);
    struct writer w = writer_over(data, len);
    size_t n;
    write_be16(&w, 0x4500);
    write_be16(&w, (uint16_t)len);
    write_be32(&w, 0x4000);
    write_u8(&w, ttl);
    write_u8(&w, 17);
    write_be16(&w, 0);
    write_bytes(&w, addr_ip(&a, &n), 4);
    write_bytes(&w, addr_ip(&b, &n), 4);
    write_be16(&w, addr_port(&a));
    write_be16(&w, addr_port(&b));
    write_be16(&w, (uint16_t)(len - 20));
    net_send(&lab->net, lab->now, net_host_named(&lab->net, host), data, len);
}

static void send_udp(struct lab *lab, const char *host, const char *from, const char *to)
{
    send_long(lab, host, from, to, 64, 60);
}

static void run(struct lab *lab, instant span)
{
    lab->now += span;
    net_run(&lab->net, lab->now);
}

/* ---- ways ---- */

static void a_packet_passes_the_router_with_its_address_and_the_delays(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    instant start = lab.now;
    send_udp(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53");
    run(&lab, SEC(1));
    assert_int_equal(lab.heard, 1);
    assert_string_equal(lab.last_host->name, "s");
    assert_int_equal(lab.last_at, start + MSEC(15));
    assert_true(addr_equal(&lab.last.seen.from, (struct addr[]){at("203.0.113.1:5000")}));
    assert_int_equal(lab.last.ttl, 64 - 1 - (int)lab.net.hops);

    send_udp(&lab, "s", "198.51.100.1:53", "203.0.113.1:5000");
    run(&lab, SEC(1));
    assert_int_equal(lab.heard, 2);
    assert_string_equal(lab.last_host->place, "netns-a");
    assert_true(addr_equal(&lab.last.seen.to, (struct addr[]){at("192.168.1.2:5000")}));
    end(&lab);
}

static void what_is_for_many_takes_no_port_of_the_router(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    send_udp(&lab, "a", "192.168.1.2:1900", "239.255.255.250:1900");
    send_udp(&lab, "a", "192.168.1.2:1900", "255.255.255.255:1900");
    run(&lab, SEC(1));
    assert_int_equal(net_router_named(&lab.net, "home")->nat.count.out, 0);
    assert_int_equal(lab.net.lost, 2);
    end(&lab);
}

static void two_hosts_on_one_lan_meet_without_a_hop(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    tell(&lab, "host c ip=192.168.1.3/24 behind=home");
    send_udp(&lab, "a", "192.168.1.2:5000", "192.168.1.3:1");
    run(&lab, SEC(1));
    assert_string_equal(lab.last_host->name, "c");
    assert_int_equal(lab.last.ttl, 64);
    end(&lab);
}

static void a_carriers_customers_are_two_routers_away(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    send_udp(&lab, "b", "192.168.1.2:5000", "198.51.100.1:53");
    run(&lab, SEC(1));
    assert_true(addr_same_ip(&lab.last.from, (struct addr[]){at("203.0.113.2:0")}));
    assert_int_equal(lab.last.ttl, 64 - 2 - (int)lab.net.hops);
    end(&lab);
}

/* ---- what it answers ---- */

static void an_expired_packet_is_complained_about_from_where_it_died(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    static const struct {
        uint8_t ttl;
        const char *from;
    } cases[] = {{1, "192.168.1.1:0"}, {2, "198.18.0.1:0"}, {7, "198.18.0.6:0"}};
    for (unsigned i = 0; i < 3; i++) {
        send_long(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53", cases[i].ttl, 60);
        run(&lab, SEC(1));
        assert_int_equal(lab.heard, i + 1);
        assert_string_equal(lab.last_host->name, "a");
        assert_int_equal(lab.last.kind, IP_ERROR);
        assert_true(addr_same_ip(&lab.last.from, (struct addr[]){at(cases[i].from)}));
        assert_true(addr_equal(&lab.last.seen.from, (struct addr[]){at("192.168.1.2:5000")}));
    }
    send_long(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53", 8, 60);
    run(&lab, SEC(1));
    assert_string_equal(lab.last_host->name, "s");
    end(&lab);
}

static void silence_can_be_asked_for(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    tell(&lab, "silent on");
    send_long(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53", 1, 60);
    run(&lab, SEC(1));
    assert_int_equal(lab.heard, 0);
    end(&lab);
}

static void what_is_too_big_for_a_line_is_complained_about(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    tell(&lab, "line home up mtu=1280");
    send_long(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53", 64, 1281);
    run(&lab, SEC(1));
    assert_int_equal(lab.heard, 1);
    assert_int_equal(lab.last.kind, IP_ERROR);
    assert_memory_equal(lab.data + 20, "\3\4", 2);
    assert_memory_equal(lab.data + 26, "\5\0", 2); /* 1280 */
    send_long(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53", 64, 1280);
    run(&lab, SEC(1));
    assert_string_equal(lab.last_host->name, "s");
    end(&lab);
}

static void an_open_router_says_that_a_port_is_unreachable(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    tell(&lab, "nat open type=poisonable wan=203.0.113.3");
    send_udp(&lab, "s", "198.51.100.1:53", "203.0.113.3:5000");
    run(&lab, SEC(1));
    assert_string_equal(lab.last_host->name, "s");
    assert_int_equal(lab.last.kind, IP_ERROR);
    assert_true(addr_same_ip(&lab.last.from, (struct addr[]){at("203.0.113.3:0")}));
    end(&lab);
}

/* ---- changes ---- */

static void lines_cuts_moves_and_reboots_work_at_once(void **state)
{
    struct lab lab;
    char out[NET_TEXT_MAX];
    (void)state;
    begin(&lab);
    tell(&lab, "cut a s"); /* of no use: a private address is not seen there */
    tell(&lab, "cut home s");
    send_udp(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53");
    run(&lab, SEC(1));
    assert_int_equal(lab.heard, 0);
    tell(&lab, "mend s home");
    tell(&lab, "line a up is=down");
    send_udp(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53");
    run(&lab, SEC(1));
    assert_int_equal(lab.heard, 0);
    tell(&lab, "line a is=up");
    tell(&lab, "reboot home wan=203.0.113.11");
    send_udp(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53");
    run(&lab, SEC(1));
    assert_true(addr_same_ip(&lab.last.from, (struct addr[]){at("203.0.113.11:0")}));
    tell(&lab, "move a ip=192.0.2.77/24");
    send_udp(&lab, "a", "192.0.2.77:5000", "198.51.100.1:53");
    run(&lab, SEC(1));
    assert_true(addr_same_ip(&lab.last.from, (struct addr[]){at("192.0.2.77:0")}));
    assert_int_equal(say(&lab, "count home", out), 0);
    assert_non_null(strstr(out, "mappings=1"));
    assert_int_equal(say(&lab, "count a", out), 0);
    assert_string_equal(out, "sent=4 received=0");
    end(&lab);
}

static void rules_of_a_running_router_can_be_changed(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    tell(&lab, "rule home mapping=apd filter=ei ports=sequential hairpin=internal input=accept "
               "tcp=reset udp=off v6=open refresh=out unreplied=1000 stream=2000 flows=9 min=5000 "
               "max=5999 block=100");
    const struct nat_config *c = &net_router_named(&lab.net, "home")->nat.config;
    assert_true(c->mapping == NAT_MAP_APD && c->filter == NAT_FILTER_EI);
    assert_true(c->ports == NAT_PORTS_SEQUENTIAL && c->hairpin == NAT_HAIRPIN_INTERNAL);
    assert_true(c->input_accepts && c->refuses_tcp && c->udp_blocked && c->open_v6);
    assert_true(c->keeps_on_out_only);
    assert_true(c->unreplied == SEC(1) && c->stream == SEC(2) && c->flows_max == 9);
    assert_true(c->port_min == 5000 && c->port_max == 5999 && c->block == 100);
    end(&lab);
}

static void nonsense_is_named_and_changes_nothing(void **state)
{
    static const char *const lines[] = {
        "nat",
        "nat x",
        "nat home type=linux wan=203.0.113.9",
        "nat x type=hard wan=203.0.113.9",
        "nat x wan=fe80::1",
        "nat x wan=203.0.113.9 behind=y",
        "nat x wan=203.0.113.9 filter=most",
        "host",
        "host a ip=1.2.3.4",
        "host x",
        "host x ip=1.2.3",
        "host x ip=1.2.3.4 behind=s",
        "host x ip=1.2.3.4 delay=-1",
        "host x ip=1.2.3.4 loss=1001",
        "host x ip=1.2.3.4 what=1",
        "line home sideways loss=1",
        "line x loss=1",
        "line home filter=ei",
        "rule home loss=1",
        "rule home min=70000",
        "rule home min=9 max=8",
        "rule a filter=ei",
        "reboot a",
        "reboot home wan=x",
        "move home ip=1.2.3.4",
        "move a",
        "cut home",
        "cut home x",
        "mend x s",
        "count x",
        "seed 3",
        "hops 99",
        "silent maybe",
        "x",
        "=",
    };
    struct lab lab;
    (void)state;
    begin(&lab);
    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char out[NET_TEXT_MAX];
        assert_int_equal(say(&lab, lines[i], out), -EINVAL);
        assert_true(strlen(out) > 0);
    }
    assert_int_equal(lab.net.host_count, 3);
    assert_int_equal(lab.net.router_count, 3);
    assert_int_equal(lab.net.cut_count, 0);
    send_udp(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53");
    run(&lab, SEC(1));
    assert_int_equal(lab.heard, 1);
    end(&lab);
}

static void packets_under_way_at_the_end_are_given_back(void **state)
{
    struct lab lab;
    (void)state;
    begin(&lab);
    send_udp(&lab, "a", "192.168.1.2:5000", "198.51.100.1:53");
    assert_true(net_due(&lab.net) != INSTANT_NEVER);
    end(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_passes_the_router_with_its_address_and_the_delays),
        cmocka_unit_test(what_is_for_many_takes_no_port_of_the_router),
        cmocka_unit_test(two_hosts_on_one_lan_meet_without_a_hop),
        cmocka_unit_test(a_carriers_customers_are_two_routers_away),
        cmocka_unit_test(an_expired_packet_is_complained_about_from_where_it_died),
        cmocka_unit_test(silence_can_be_asked_for),
        cmocka_unit_test(what_is_too_big_for_a_line_is_complained_about),
        cmocka_unit_test(an_open_router_says_that_a_port_is_unreachable),
        cmocka_unit_test(lines_cuts_moves_and_reboots_work_at_once),
        cmocka_unit_test(rules_of_a_running_router_can_be_changed),
        cmocka_unit_test(nonsense_is_named_and_changes_nothing),
        cmocka_unit_test(packets_under_way_at_the_end_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
