/* The life of a mapping: the race, renewals, restarts, proofs, the end; a router made of bytes. */
#include "gateway/nat/portmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"
#include "tests/support/igd_xml.h"

struct world {
    struct fake_env fake;
    struct portmap map;
    struct addr router;
    unsigned changed, verify;
    /* what the router knows */
    bool pcp, natpmp, upnp;
    uint8_t external[4];
    uint32_t epoch_s, lifetime_s;
    unsigned grants, deletes;
};

static void on_changed(void *arg, struct portmap *p)
{
    struct world *w = arg;
    (void)p;
    w->changed++;
}

static void on_verify(void *arg, struct portmap *p)
{
    struct world *w = arg;
    assert_true(portmap_is_held(p));
    w->verify++;
}

static const struct portmap_events EVENTS = {on_changed, on_verify};

static struct addr parse(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void answer_pcp(struct world *w, const struct fake_sent *q)
{
    uint8_t a[60] = {2, 0x81};
    bool delete = memcmp(q->data + 4, "\0\0\0\0", 4) == 0;

    w->grants += !delete;
    w->deletes += delete;
    put32(a + 4, delete ? 0 : w->lifetime_s);
    put32(a + 8, w->epoch_s);
    memcpy(a + 24, q->data + 24, 18);
    a[42] = 0x9c; /* 40000 */
    a[43] = 0x40;
    a[54] = a[55] = 0xff;
    memcpy(a + 56, w->external, 4);
    fake_udp_arrives(&w->fake, q->socket, &w->router, a, sizeof(a));
}

static void answer_natpmp(struct world *w, const struct fake_sent *q)
{
    uint8_t a[16] = {0, (uint8_t)(128 | q->data[1])};

    put32(a + 4, w->epoch_s);
    if (q->data[1] == 0) {
        memcpy(a + 8, w->external, 4);
        fake_udp_arrives(&w->fake, q->socket, &w->router, a, 12);
        return;
    }
    bool delete = memcmp(q->data + 8, "\0\0\0\0", 4) == 0;
    w->grants += !delete;
    w->deletes += delete;
    memcpy(a + 8, q->data + 4, 2);
    a[10] = 0x9c;
    a[11] = 0x40;
    put32(a + 12, delete ? 0 : w->lifetime_s);
    fake_udp_arrives(&w->fake, q->socket, &w->router, a, 16);
}

static void answer_ssdp(struct world *w, const struct fake_sent *q)
{
    static const char FOUND[] = "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n"
                                "LOCATION: http://192.0.2.1:5000/d.xml\r\n\r\n";
    struct addr from = w->router;
    addr_set_port(&from, 1900);
    fake_udp_arrives(&w->fake, q->socket, &from, FOUND, sizeof(FOUND) - 1);
}

static bool answer_datagrams(struct world *w)
{
    struct fake_sent sent[16];
    size_t count = w->fake.sent_count < 16 ? w->fake.sent_count : 16;

    memcpy(sent, w->fake.sent, count * sizeof(sent[0]));
    fake_env_forget_sent(&w->fake);
    for (size_t i = 0; i < count; i++) {
        bool pmp = addr_port(&sent[i].to) == 5351;
        if (pmp && sent[i].data[0] == 2 && w->pcp)
            answer_pcp(w, &sent[i]);
        else if (pmp && sent[i].data[0] == 0 && w->natpmp)
            answer_natpmp(w, &sent[i]);
        else if (!pmp && w->upnp && w->map.line[PORTMAP_UPNP].udp == sent[i].socket)
            answer_ssdp(w, &sent[i]);
    }
    return count > 0;
}

static const char *soap_answer(struct world *w, const char *request)
{
    if (strstr(request, "GET "))
        return IGD_XML_V1;
    if (strstr(request, "#GetExternalIPAddress"))
        return IGD_XML_ADDRESS("203.0.113.7");
    w->grants += strstr(request, "#AddPortMapping") != NULL;
    w->deletes += strstr(request, "#DeletePortMapping") != NULL;
    return IGD_XML_ADDED;
}

static bool answer_http(struct world *w)
{
    struct sock *s = fake_last_connect(&w->fake);
    char request[IGD_REQUEST_MAX + 1] = "";

    if (!s || !w->upnp)
        return false;
    fake_sock_connected(s, 0);
    fake_env_settle(&w->fake);
    (void)fake_sock_heard(s, request, sizeof(request) - 1);
    fake_sock_says(s, "HTTP/1.1 200 OK\r\n\r\n", 19);
    const char *body = soap_answer(w, request);
    fake_sock_says(s, body, strlen(body));
    fake_sock_ends(s);
    fake_env_settle(&w->fake);
    return true;
}

/* Time goes on; the router answers at once. */
static void live(struct world *w, instant span)
{
    instant until = w->fake.now + span;

    while (answer_datagrams(w) || answer_http(w))
        ;
    while (w->fake.now < until) {
        instant due = heap_due(&w->fake.timers);
        fake_env_advance(&w->fake, (due < until ? due : until) - w->fake.now);
        while (answer_datagrams(w) || answer_http(w))
            ;
    }
}

static int set_up(void **state)
{
    static const uint8_t PUBLIC[4] = {203, 0, 113, 7};
    struct world *w = calloc(1, sizeof(*w));

    fake_env_init(&w->fake);
    w->router = parse("192.0.2.1:5351");
    w->lifetime_s = 7200;
    w->epoch_s = 100000;
    memcpy(w->external, PUBLIC, 4);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    portmap_stop(&w->map);
    fake_env_deinit(&w->fake);
    free(w);
    return 0;
}

static void start(struct world *w)
{
    struct portmap_options o = {.port = 4433, .nonce = {1, 2, 3}, .events = &EVENTS, .arg = w};

    o.router.addr = w->router;
    addr_set_port(&o.router.addr, 0);
    o.router.local = parse("192.0.2.7:1");
    addr_set_port(&o.router.local, 0);
    o.router.ifindex = 2;
    portmap_start(&w->map, &w->fake.env, &o);
}

static void check_held(const struct world *w, enum portmap_method method, const char *external)
{
    char text[ADDR_TEXT_MAX];
    assert_int_equal(w->map.phase, PORTMAP_HELD);
    assert_int_equal(w->map.method, method);
    assert_string_equal(addr_print(&w->map.external, text), external);
}

static void a_router_that_knows_all_is_asked_by_pcp_alone(void **state)
{
    struct world *w = *state;

    w->pcp = w->natpmp = w->upnp = true;
    start(w);
    live(w, SEC(60));
    check_held(w, PORTMAP_PCP, "203.0.113.7:40000");
    assert_int_equal(w->grants, 1);
    assert_int_equal(w->changed, 1);
    assert_int_equal(w->verify, 1);
}

static void natpmp_wins_where_pcp_is_silent(void **state)
{
    struct world *w = *state;

    w->natpmp = w->upnp = true;
    start(w);
    live(w, MSEC(249));
    assert_int_equal(w->grants, 0);
    live(w, MSEC(1));
    check_held(w, PORTMAP_NATPMP, "203.0.113.7:40000");
}

static void upnp_wins_where_it_is_alone(void **state)
{
    struct world *w = *state;

    w->upnp = true;
    start(w);
    live(w, MSEC(500));
    check_held(w, PORTMAP_UPNP, "203.0.113.7:4433");
    assert_int_equal(w->grants, 1);
}

static void a_router_that_knows_nothing_is_left_alone_for_half_an_hour(void **state)
{
    struct world *w = *state;

    start(w);
    live(w, SEC(21));
    assert_int_equal(w->map.phase, PORTMAP_NONE);
    assert_int_equal(w->changed, 0);
    fake_env_forget_sent(&w->fake);
    fake_env_advance(&w->fake, SEC(1700));
    assert_int_equal(w->fake.sent_count, 0);
    w->pcp = true;
    live(w, SEC(200));
    check_held(w, PORTMAP_PCP, "203.0.113.7:40000");
}

static void what_comes_from_elsewhere_is_not_looked_at(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    w->router = parse("192.0.2.1:5351");
    start(w);
    w->router = parse("192.0.2.99:5351");
    live(w, SEC(1));
    assert_int_equal(w->map.phase, PORTMAP_RACING);
    w->router = parse("192.0.2.1:5352");
    live(w, SEC(1));
    assert_int_equal(w->map.phase, PORTMAP_RACING);
    w->router = parse("192.0.2.1:5351");
    live(w, SEC(10));
    assert_int_equal(w->map.phase, PORTMAP_HELD);
}

static void it_is_renewed_at_half_of_its_life_and_tried_again(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    start(w);
    live(w, SEC(3599));
    assert_int_equal(w->grants, 1);
    w->epoch_s += 3600;
    live(w, SEC(1));
    assert_int_equal(w->grants, 2);
    assert_int_equal(w->changed, 1);
    assert_int_equal(w->verify, 2);
    assert_int_equal(w->map.proof, PORTMAP_UNVERIFIED);
}

static void a_router_that_fell_silent_is_asked_until_the_mapping_expires(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    start(w);
    live(w, SEC(10));
    w->pcp = false;
    live(w, SEC(7100));
    assert_true(portmap_is_held(&w->map));
    live(w, SEC(100));
    assert_false(portmap_is_held(&w->map));
    assert_true(addr_is_none(&w->map.external));
    assert_int_equal(w->changed, 2);
}

static void announce(struct world *w, uint32_t epoch_s, const char *from)
{
    uint8_t a[24] = {2, 0x80};
    struct addr source = parse(from);

    put32(a + 8, epoch_s);
    fake_udp_arrives(&w->fake, fake_udp_on(&w->fake, 5350), &source, a, sizeof(a));
}

static void a_restart_that_is_announced_makes_it_anew_at_once(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    start(w);
    live(w, SEC(60));
    w->epoch_s = 1;
    announce(w, 1, "192.0.2.66:5351"); /* somebody else */
    live(w, 0);
    assert_int_equal(w->grants, 1);
    announce(w, 1, "192.0.2.1:5351");
    live(w, 0);
    assert_int_equal(w->grants, 2);
    check_held(w, PORTMAP_PCP, "203.0.113.7:40000");
}

static void notify(struct world *w, unsigned boot, const char *from)
{
    char text[256];
    struct addr source = parse(from);
    int len = snprintf(text, sizeof(text),
                       "NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\n"
                       "BOOTID.UPNP.ORG: %u\r\n\r\n",
                       boot);
    fake_udp_arrives(&w->fake, fake_udp_on(&w->fake, 1900), &source, text, (size_t)len);
}

static void so_does_one_that_is_announced_by_upnp(void **state)
{
    struct world *w = *state;

    w->upnp = true;
    start(w);
    live(w, SEC(60));
    assert_int_equal(w->grants, 1);
    notify(w, 1, "192.0.2.1:1900");
    notify(w, 2, "192.0.2.66:1900"); /* somebody else */
    live(w, 0);
    assert_int_equal(w->grants, 1);
    notify(w, 2, "192.0.2.1:1900");
    live(w, 0);
    assert_int_equal(w->grants, 2);
    check_held(w, PORTMAP_UPNP, "203.0.113.7:4433");
    for (unsigned i = 3; i < 103; i++) { /* in 4 s */
        notify(w, i, "192.0.2.1:1900");
        live(w, MSEC(40));
    }
    assert_in_range(w->grants, 3, 4);
}

static void announcements_make_it_ask_once_in_4_s_at_most(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    start(w);
    live(w, SEC(60));
    for (uint32_t i = 0; i < 100; i++) {
        w->epoch_s = 50000 - 100 * i;
        announce(w, 50000 - 100 * i, "192.0.2.1:5351");
        live(w, MSEC(40));
    }
    assert_in_range(w->grants, 2, 3);
}

static void a_private_address_outside_is_one_more_nat_and_not_tried(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    w->external[0] = 100;
    w->external[1] = 64;
    start(w);
    live(w, SEC(1));
    assert_true(portmap_is_held(&w->map));
    assert_true(w->map.behind_nat);
    assert_int_equal(w->verify, 0);
}

static void a_dead_mapping_is_deleted_and_made_anew_once(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    start(w);
    live(w, SEC(1));
    portmap_set_proof(&w->map, false);
    live(w, SEC(1));
    assert_int_equal(w->deletes, 1);
    assert_int_equal(w->grants, 2);
    check_held(w, PORTMAP_PCP, "203.0.113.7:40000");
    portmap_set_proof(&w->map, false);
    live(w, SEC(1));
    assert_int_equal(w->deletes, 1);
    assert_int_equal(w->map.proof, PORTMAP_DEAD);
    portmap_set_proof(&w->map, true);
    assert_int_equal(w->map.proof, PORTMAP_VERIFIED);
}

static void it_is_deleted_at_the_end(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    start(w);
    live(w, SEC(1));
    assert_true(portmap_end(&w->map) <= MSEC(150));
    live(w, 0);
    assert_int_equal(w->deletes, 1);
    fake_env_advance(&w->fake, SEC(8000));
    assert_int_equal(w->grants, 1);
}

static void a_upnp_mapping_is_deleted_at_the_end_too(void **state)
{
    struct world *w = *state;

    w->upnp = true;
    start(w);
    live(w, SEC(1));
    assert_true(portmap_end(&w->map) <= MSEC(150));
    live(w, 0);
    assert_int_equal(w->deletes, 1);
}

static void a_change_of_the_network_renews_it(void **state)
{
    struct world *w = *state;

    w->pcp = true;
    start(w);
    live(w, SEC(10));
    portmap_check(&w->map);
    live(w, 0);
    assert_int_equal(w->grants, 2);
}

static void nothing_is_asked_and_nothing_breaks_without_sockets(void **state)
{
    struct world *w = *state;

    w->fake.udp_open_error = -1;
    start(w);
    live(w, SEC(60));
    assert_int_equal(w->map.phase, PORTMAP_NONE);
    assert_int_equal(portmap_end(&w->map), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_router_that_knows_all_is_asked_by_pcp_alone),
        TEST(natpmp_wins_where_pcp_is_silent),
        TEST(upnp_wins_where_it_is_alone),
        TEST(a_router_that_knows_nothing_is_left_alone_for_half_an_hour),
        TEST(what_comes_from_elsewhere_is_not_looked_at),
        TEST(it_is_renewed_at_half_of_its_life_and_tried_again),
        TEST(a_router_that_fell_silent_is_asked_until_the_mapping_expires),
        TEST(a_restart_that_is_announced_makes_it_anew_at_once),
        TEST(so_does_one_that_is_announced_by_upnp),
        TEST(announcements_make_it_ask_once_in_4_s_at_most),
        TEST(a_private_address_outside_is_one_more_nat_and_not_tried),
        TEST(a_dead_mapping_is_deleted_and_made_anew_once),
        TEST(it_is_deleted_at_the_end),
        TEST(a_upnp_mapping_is_deleted_at_the_end_too),
        TEST(a_change_of_the_network_renews_it),
        TEST(nothing_is_asked_and_nothing_breaks_without_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
