#include "gateway/discovery/dnssd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TYPE "_overlay._udp.local"

static const struct peer_id ID = {{0x58, 0x66, 0x66}};
static struct dnssd d;
static instant now;
static struct dnssd_tx tx;
static struct addr asker;

static void zeros(void *arg, void *out, size_t len)
{
    (void)arg;
    memset(out, 0, len);
}

static struct addr ip(const char *text, uint16_t port)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, text, port), 0);
    return a;
}

static void begin(void)
{
    const struct interface list[] = {
        {.index = 1, .addr = ip("127.0.0.1", 0), .prefix_bits = 8, .loopback = true},
        {.index = 2, .addr = ip("192.168.1.7", 0), .prefix_bits = 24, .multicast = true},
        {.index = 2, .addr = ip("fe80::7%2", 0), .prefix_bits = 64, .multicast = true},
    };
    now = SEC(10);
    asker = ip("192.168.1.9", MDNS_PORT);
    dnssd_init(&d, &ID, 4433, 4433, zeros, NULL);
    assert_int_equal(dnssd_deadline(&d), INSTANT_NEVER);
    dnssd_set_interfaces(&d, now, list, 3);
}

/* Runs until quiet or `end`. Returns how many messages went out. */
static unsigned run_until(instant end)
{
    unsigned count = 0;

    for (;;) {
        while (dnssd_output(&d, now, &tx))
            count++;
        if (dnssd_deadline(&d) > end)
            break;
        now = dnssd_deadline(&d) > now ? dnssd_deadline(&d) : now;
    }
    now = end;
    return count;
}

static void become_ready(void)
{
    begin();
    (void)run_until(SEC(20));
}

/* A query with one question and, with `known_ttl`, our PTR as a known answer. */
static size_t write_query(uint8_t *out, const char *name, enum mdns_type type, bool unicast,
                          uint32_t known_ttl)
{
    const uint8_t header[12] = {0, 7, 0, 0, 0, 1, 0, known_ttl > 0};
    struct writer w = writer_over(out, 600);
    struct mdns_name n = mdns_name(name);

    write_bytes(&w, header, sizeof(header));
    mdns_write_question(&w, &n, type, unicast ? MDNS_UNICAST : 0);
    if (known_ttl > 0) {
        mdns_write_record(&w, &d.service, MDNS_PTR, 0, known_ttl, d.instance.len);
        write_bytes(&w, d.instance.data, d.instance.len);
    }
    return writer_len(&w, out);
}

static void ask(const char *name, enum mdns_type type, bool unicast, uint32_t known_ttl)
{
    uint8_t query[600];
    size_t len = write_query(query, name, type, unicast, known_ttl);
    dnssd_input(&d, now, &asker, 2, query, len);
}

static uint16_t be16(size_t at)
{
    return (uint16_t)(tx.data[at] << 8 | tx.data[at + 1]);
}

static bool message_has(const void *bytes, size_t len)
{
    return memmem(tx.data, tx.len, bytes, len) != NULL;
}

static void probes_thrice_then_announces_twice(void **state)
{
    (void)state;
    begin();
    assert_true(dnssd_output(&d, now, &tx));
    assert_int_equal(be16(2), 0); /* a query */
    assert_int_equal(be16(4), 2);
    assert_true(be16(8) >= 3); /* what we want to have */
    assert_int_equal(tx.to.v4.sin_port, htons(MDNS_PORT));
    assert_int_equal(run_until(now + MSEC(749)), 2 * 3 - 1); /* two links */
    assert_int_equal(run_until(now + MSEC(1)), 2);
    assert_int_equal(be16(2), 0x8400);
    assert_int_equal(run_until(now + SEC(1)), 2);
    assert_int_equal(run_until(now + SEC(3600)), 0);
}

static void an_announcement_tells_everything(void **state)
{
    (void)state;
    const uint8_t v4[] = {192, 168, 1, 7}, port[] = {0, 0, 0, 0, 0x11, 0x51};
    char text[PEER_ID_TEXT_MAX], id[80];

    become_ready();
    assert_int_equal(be16(6), 6); /* listing, pointer, SRV, TXT, A, AAAA */
    (void)snprintf(id, sizeof(id), "id=%s", peer_id_print(&ID, text));
    assert_true(message_has(id, strlen(id)));
    assert_true(message_has(v4, 4));
    assert_true(message_has(port, 6));
    assert_true(message_has(d.host.data, d.host.len));
    assert_true(message_has(d.listing.data, d.listing.len));
}

static void a_browser_is_answered_by_multicast_with_all_it_will_need(void **state)
{
    (void)state;
    become_ready();
    ask("_OVERLAY._udp.local", MDNS_PTR, false, 0);
    assert_int_equal(dnssd_deadline(&d), now + MSEC(20));
    assert_int_equal(run_until(now + MSEC(20)), 1);
    assert_true(addr_is_multicast(&tx.to));
    assert_int_equal(tx.ifindex, 2);
    assert_int_equal(be16(6), 1);
    assert_int_equal(be16(10), 4); /* SRV, TXT, A, AAAA */
}

static void a_known_answer_is_not_repeated(void **state)
{
    (void)state;
    become_ready();
    ask(TYPE, MDNS_PTR, false, DNSSD_TTL);
    assert_int_equal(run_until(now + SEC(5)), 0);
    ask(TYPE, MDNS_PTR, false, DNSSD_TTL / 2 - 1);
    assert_int_equal(run_until(now + SEC(5)), 1);
}

static void no_record_goes_out_twice_in_a_second(void **state)
{
    (void)state;
    become_ready();
    for (unsigned i = 0; i < 100; i++) {
        ask(TYPE, MDNS_PTR, false, 0);
        (void)run_until(now + MSEC(1));
    }
    assert_int_equal(run_until(now + SEC(1)), 1);
    assert_int_equal(run_until(now + SEC(10)), 0);
}

static void each_question_gets_what_it_asks_for(void **state)
{
    (void)state;
    char text[PEER_ID_TEXT_MAX], instance[100], host[100];
    (void)snprintf(instance, sizeof(instance), "%s." TYPE, peer_id_print(&ID, text));
    (void)snprintf(host, sizeof(host), "%s.local", text);
    const struct {
        const char *name;
        enum mdns_type type;
        uint16_t answers;
    } question[] = {
        {instance, MDNS_SRV, 1},   {instance, MDNS_TXT, 1}, {instance, MDNS_ANY, 2},
        {instance, MDNS_A, 0},     {host, MDNS_A, 2},       {host, MDNS_AAAA, 2},
        {host, MDNS_TXT, 0},       {TYPE, MDNS_SRV, 0},     {"_services._dns-sd._udp.local", 12, 1},
        {"other.local", MDNS_A, 0}};

    for (size_t i = 0; i < sizeof(question) / sizeof(question[0]); i++) {
        become_ready();
        ask(question[i].name, question[i].type, false, 0);
        assert_int_equal(run_until(now + SEC(1)), question[i].answers > 0);
        if (question[i].answers > 0)
            assert_int_equal(be16(6), question[i].answers);
    }
}

static void a_question_that_wants_unicast_gets_it(void **state)
{
    (void)state;
    become_ready();
    ask(TYPE, MDNS_PTR, true, 0);
    assert_true(dnssd_output(&d, now, &tx));
    assert_true(addr_equal(&tx.to, &asker));
    assert_int_equal(be16(0), 0);
}

static void a_legacy_asker_gets_its_id_and_question_back(void **state)
{
    (void)state;
    const uint8_t ttl[] = {0, 12, 0, 1, 0, 0, 0, 10}; /* PTR, IN, 10 s */
    become_ready();
    asker = ip("192.168.1.9", 40000);
    ask(TYPE, MDNS_PTR, false, 0);
    assert_true(dnssd_output(&d, now, &tx));
    assert_true(addr_equal(&tx.to, &asker));
    assert_int_equal(be16(0), 7);
    assert_int_equal(be16(4), 1);
    assert_int_equal(be16(10), 4);
    assert_true(message_has(ttl, sizeof(ttl)));
}

static void askers_from_elsewhere_get_nothing(void **state)
{
    (void)state;
    become_ready();
    asker = ip("203.0.113.9", 40000);
    ask(TYPE, MDNS_PTR, true, 0);
    asker = ip("203.0.113.9", MDNS_PORT);
    ask(TYPE, MDNS_PTR, false, 0);
    assert_int_equal(run_until(now + SEC(5)), 0);
}

static void a_flood_of_unicast_questions_is_answered_ten_times_a_second(void **state)
{
    (void)state;
    unsigned answers = 0;
    become_ready();
    for (unsigned i = 0; i < 1000; i++) {
        ask(TYPE, MDNS_PTR, true, 0);
        answers += run_until(now + MSEC(1));
    }
    assert_in_range(answers, 19, 21); /* a burst of ten and ten more */
}

static void cut_messages_and_responses_change_nothing(void **state)
{
    (void)state;
    uint8_t query[600];

    become_ready();
    size_t len = write_query(query, TYPE, MDNS_PTR, false, 100);
    for (size_t n = 0; n < len; n++)
        dnssd_input(&d, now, &asker, 2, query, n);
    query[2] = 0x84;
    dnssd_input(&d, now, &asker, 2, query, len);
    assert_int_equal(run_until(now + SEC(5)), 0);
}

static void leaving_takes_every_record_back(void **state)
{
    (void)state;
    become_ready();
    dnssd_stop(&d, now);
    assert_int_equal(run_until(now), 2);
    assert_int_equal(be16(6), 5);
    const uint8_t gone[] = {0, 33, 0x80, 1, 0, 0, 0, 0}; /* SRV, TTL 0 */
    assert_true(message_has(gone, sizeof(gone)));
    assert_int_equal(run_until(now + SEC(10)), 0);
    begin();
    dnssd_stop(&d, now); /* never shown */
    assert_int_equal(run_until(now + SEC(10)), 0);
}

static void many_addresses_fill_a_message_and_no_more(void **state)
{
    (void)state;
    struct interface list[DNSSD_ADDRESSES_MAX];
    for (uint8_t i = 0; i < DNSSD_ADDRESSES_MAX; i++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "2001:db8::%u", i + 1u);
        list[i] = (struct interface){
            .index = 2, .addr = ip(text, 0), .prefix_bits = 64, .multicast = true};
    }
    begin();
    dnssd_set_interfaces(&d, now, list, DNSSD_ADDRESSES_MAX);
    assert_true(run_until(SEC(20)) > 0);
    assert_true(tx.len <= DNSSD_MAX);
    assert_in_range(be16(6), 10, 16);
}

static void addresses_leave_room_for_what_comes_behind_them(void **state)
{
    (void)state;
    struct interface list[DNSSD_ADDRESSES_MAX];
    const uint8_t header[12] = {0, 7, 0, 0, 0, 2};
    uint8_t query[600], srv[] = {0, MDNS_SRV, 0x80, 1}, txt[] = {0, MDNS_TXT, 0x80, 1};
    for (uint8_t i = 0; i < DNSSD_ADDRESSES_MAX; i++)
        list[i] = (struct interface){.index = 2,
                                     .addr = addr_v4((const uint8_t[]){192, 168, 1, i + 7}, 0),
                                     .prefix_bits = 24,
                                     .multicast = true};
    begin();
    dnssd_set_interfaces(&d, now, list, DNSSD_ADDRESSES_MAX);
    (void)run_until(SEC(20));
    /* The addresses are answers, SRV and TXT are additional to the PTR. */
    struct writer w = writer_over(query, sizeof(query));
    const struct mdns_name type = mdns_name(TYPE);
    write_bytes(&w, header, sizeof(header));
    mdns_write_question(&w, &type, MDNS_PTR, 0);
    mdns_write_question(&w, &d.host, MDNS_A, 0);
    dnssd_input(&d, now, &asker, 2, query, writer_len(&w, query));
    assert_int_equal(run_until(SEC(21)), 1);
    assert_true(message_has(srv, sizeof(srv)));
    assert_true(message_has(txt, sizeof(txt)));
    assert_int_equal(be16(10), 2);
    assert_in_range(be16(6), 8, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_thrice_then_announces_twice),
        cmocka_unit_test(an_announcement_tells_everything),
        cmocka_unit_test(a_browser_is_answered_by_multicast_with_all_it_will_need),
        cmocka_unit_test(a_known_answer_is_not_repeated),
        cmocka_unit_test(no_record_goes_out_twice_in_a_second),
        cmocka_unit_test(each_question_gets_what_it_asks_for),
        cmocka_unit_test(a_question_that_wants_unicast_gets_it),
        cmocka_unit_test(a_legacy_asker_gets_its_id_and_question_back),
        cmocka_unit_test(askers_from_elsewhere_get_nothing),
        cmocka_unit_test(a_flood_of_unicast_questions_is_answered_ten_times_a_second),
        cmocka_unit_test(cut_messages_and_responses_change_nothing),
        cmocka_unit_test(leaving_takes_every_record_back),
        cmocka_unit_test(many_addresses_fill_a_message_and_no_more),
        cmocka_unit_test(addresses_leave_room_for_what_comes_behind_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
