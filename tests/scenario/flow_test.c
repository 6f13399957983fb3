/* Datagrams of UDP programs through a session: whole or not at all, never mixed up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

/* A UDP program on bob's host that sends numbered datagrams and checks what comes back. */
struct prober {
    struct sim_host *host;
    struct udp_socket *udp;
    struct addr to;
    unsigned sent, heard, wrong;
    size_t last_len;
};

static uint8_t fill_of(uint32_t number)
{
    return (uint8_t)(number * 37 + 11);
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct prober *p = arg;
    for (size_t at = 0; at < rx->len || at == 0; at += rx->segment) {
        size_t len = rx->len - at < rx->segment ? rx->len - at : rx->segment;
        uint32_t number = 0;
        p->heard++;
        p->last_len = len;
        if (len < sizeof(number))
            continue;
        memcpy(&number, rx->data + at, sizeof(number));
        for (size_t i = sizeof(number); i < len; i++)
            p->wrong += rx->data[at + i] != fill_of(number);
    }
}

static void start(struct prober *p, struct sim_story *s)
{
    static const struct udp_handler handler = {on_datagrams, NULL};
    struct addr local = addr_loopback(false, 0);
    *p = (struct prober){.host = &s->bob.host};
    p->to = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_UDP);
    assert_int_equal(udp_open(&p->host->env, &p->udp, &local, 0, &handler, p), 0);
}

static void stop(struct prober *p)
{
    udp_close(&p->host->env, p->udp);
}

static void probe(struct prober *p, size_t len)
{
    uint8_t data[SIM_DATAGRAM_MAX];
    uint32_t number = p->sent++;
    memset(data, fill_of(number), sizeof(data));
    memcpy(data, &number, len < sizeof(number) ? len : sizeof(number));
    struct udp_tx tx = {.to = &p->to, .data = data, .len = len};
    assert_int_equal(udp_send(&p->host->env, p->udp, &tx), 0);
}

static void keeps_the_borders_of_datagrams_of_every_size(void **state)
{
    static const size_t sizes[] = {1,    2,    100,  1100, 1150, 1151, 1200,
                                   1400, 1472, 2300, 4000, 8000, 8972, 9000};
    struct sim_story *s = *state;
    struct prober p;
    start(&p, s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        probe(&p, sizes[i]);
        sim_story_wait(s, SEC(1));
        assert_int_equal(p.heard, i + 1);
        assert_int_equal(p.last_len, sizes[i]);
    }
    assert_int_equal(p.wrong, 0);
    stop(&p);
}

static void carries_an_empty_datagram_or_none_but_no_other(void **state)
{
    struct sim_story *s = *state;
    struct prober p;
    start(&p, s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    probe(&p, 0);
    sim_story_wait(s, SEC(1));
    assert_true(p.heard == 0 || p.last_len == 0);
    unsigned before = p.heard;
    probe(&p, 10);
    sim_story_wait(s, SEC(1));
    assert_int_equal(p.heard, before + 1);
    assert_int_equal(p.last_len, 10);
    stop(&p);
}

static void loses_no_more_than_the_line_does(void **state)
{
    struct sim_story *s = *state;
    struct prober p;
    start(&p, s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_story_line(s, MSEC(60), 100);
    probe(&p, 100);
    sim_story_wait(s, SEC(5)); /* the flow is open */
    for (unsigned i = 0; i < 2000; i++) {
        probe(&p, 500);
        sim_story_wait(s, MSEC(10));
    }
    sim_story_wait(s, SEC(2));
    /* Out and back: 0.9 * 0.9. */
    assert_in_range(p.heard, 1500, 1750);
    assert_int_equal(p.wrong, 0);
    stop(&p);
}

static void mixes_up_no_pieces_on_a_line_that_reorders_and_repeats(void **state)
{
    struct sim_story *s = *state;
    struct prober p;
    const struct sim_link line = {
        .delay = MSEC(10), .jitter = MSEC(5), .loss = 30, .repeat = 100, .reorder = 100};
    start(&p, s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_host_links(&s->alice.host, &line);
    sim_host_links(&s->bob.host, &line);
    for (unsigned i = 0; i < 1000; i++) {
        probe(&p, 500 + i * 3);
        sim_story_wait(s, MSEC(5));
    }
    sim_story_wait(s, SEC(2));
    assert_in_range(p.heard, 400, 1000);
    assert_int_equal(p.wrong, 0);
    stop(&p);
}

static void drops_what_the_line_cannot_take(void **state)
{
    struct sim_story *s = *state;
    struct prober p;
    const struct sim_link line = {.delay = MSEC(10), .bandwidth = 125000, .queue = 12500};
    start(&p, s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_host_links(&s->bob.host, &line);
    for (unsigned i = 0; i < 5000; i++) { /* ten times what fits */
        probe(&p, 1000);
        sim_story_wait(s, MSEC(1));
    }
    unsigned before = p.heard;
    sim_story_wait(s, MSEC(600)); /* each way 150 ms in a queue here and 100 ms in the line's */
    unsigned late = p.heard;
    sim_story_wait(s, SEC(10));
    assert_true(before > 100);
    assert_true(late < 2500);
    assert_int_equal(p.heard, late);
    assert_int_equal(p.wrong, 0);
    stop(&p);
}

static void ends_an_idle_flow_after_60_s_and_begins_another(void **state)
{
    struct sim_story *s = *state;
    struct prober p;
    start(&p, s);
    unsigned sockets = s->alice.host.sockets;
    probe(&p, 10);
    sim_story_wait(s, SEC(5));
    assert_int_equal(p.heard, 1);
    assert_int_equal(s->alice.host.sockets, sockets + 1);
    sim_story_wait(s, SEC(50));
    assert_int_equal(s->alice.host.sockets, sockets + 1);
    sim_story_wait(s, SEC(20));
    assert_int_equal(s->alice.host.sockets, sockets);
    probe(&p, 10);
    sim_story_wait(s, SEC(1));
    assert_int_equal(p.heard, 2);
    stop(&p);
}

static void keeps_the_flows_of_two_programs_apart(void **state)
{
    struct sim_story *s = *state;
    struct prober p, q;
    start(&p, s);
    start(&q, s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    for (unsigned i = 0; i < 100; i++) {
        probe(&p, 100);
        probe(&q, 200);
        sim_story_wait(s, MSEC(10));
        assert_true(p.heard == 0 || p.last_len == 100);
        assert_true(q.heard == 0 || q.last_len == 200);
    }
    sim_story_wait(s, SEC(1));
    assert_int_equal(p.heard, 100);
    assert_int_equal(q.heard, 100);
    stop(&p);
    stop(&q);
}

static void goes_on_when_an_address_changes(void **state)
{
    struct sim_story *s = *state;
    struct prober p;
    start(&p, s);
    sim_story_line(s, MSEC(40), 0);
    probe(&p, 100);
    sim_story_wait(s, SEC(2));
    sim_host_move(&s->bob.host, &s->bob.host.interface[2], "203.0.113.77/24");
    node_network_changed(s->bob.node);
    sim_story_wait(s, SEC(2));
    unsigned before = p.heard;
    for (unsigned i = 0; i < 10; i++) {
        probe(&p, 100);
        sim_story_wait(s, MSEC(100));
    }
    assert_int_equal(p.heard, before + 10);
    stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(keeps_the_borders_of_datagrams_of_every_size),
        SIM_STORY(carries_an_empty_datagram_or_none_but_no_other),
        SIM_STORY(loses_no_more_than_the_line_does),
        SIM_STORY(mixes_up_no_pieces_on_a_line_that_reorders_and_repeats),
        SIM_STORY(drops_what_the_line_cannot_take),
        SIM_STORY(ends_an_idle_flow_after_60_s_and_begins_another),
        SIM_STORY(keeps_the_flows_of_two_programs_apart),
        SIM_STORY(goes_on_when_an_address_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
