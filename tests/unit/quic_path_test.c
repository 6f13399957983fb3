/* The real path below a session: roaming of either side, dead paths, packets from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

static struct quic_link link;

static int setup(void **state)
{
    (void)state;
    link_init(&link, 1, NULL);
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    link_run(&link, SEC(1));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    link_deinit(&link);
    return 0;
}

static void move(int i)
{
    static const uint8_t elsewhere[4] = {10, 0, 9, 9};
    link.side[i].addr = addr_v4(elsewhere, (uint16_t)(5000 + i));
}

static void a_dialler_that_moves_keeps_its_streams(void **state)
{
    (void)state;
    struct link_stream *s = link_open(&link, 0, 4 << 20, true);
    link_run(&link, MSEC(100));
    assert_true(s->received < 4 << 20);
    move(0);
    quic_conn_probe(link.side[0].conn);
    link_run(&link, SEC(10));
    assert_int_equal(s->received, 4 << 20);
    assert_true(s->ended && !s->wrong);
    assert_true(link.side[1].moved >= 1);
    assert_true(addr_equal(&link.side[1].path.remote, &link.side[0].addr));
    assert_int_equal(link.side[0].ended + link.side[1].ended, 0);
}

static void the_dialled_side_may_move_too(void **state)
{
    (void)state;
    struct link_stream *s = link_open(&link, 0, 4 << 20, true);
    link_run(&link, MSEC(100));
    move(1);
    quic_conn_probe(link.side[1].conn);
    link_run(&link, SEC(10));
    assert_int_equal(s->received, 4 << 20);
    assert_true(s->ended && !s->wrong);
    assert_true(addr_equal(&link.side[0].path.remote, &link.side[1].addr));
}

static void an_unnoticed_move_of_an_idle_side_is_followed_when_it_writes(void **state)
{
    (void)state;
    move(0); /* a NAT gave it another port: nobody was told */
    struct link_stream *s = link_open(&link, 0, 1000, true);
    link_run(&link, SEC(5));
    assert_int_equal(s->received, 1000);
    assert_true(addr_equal(&link.side[1].path.remote, &link.side[0].addr));
}

static void neither_the_path_in_use_nor_one_to_nobody_is_a_change(void **state)
{
    (void)state;
    struct path path = link_path_to(&link, 1);
    struct quic_conn_info info;
    quic_conn_add_path(link.side[0].conn, &path);
    addr_set_port(&path.remote, 9999); /* nobody is there */
    quic_conn_add_path(link.side[0].conn, &path);
    link_run(&link, SEC(20));
    quic_conn_info(link.side[0].conn, &info);
    assert_int_equal(addr_port(&info.path.remote), 4433);
    assert_int_equal(link.side[0].moved + link.side[0].ended, 0);
}

static void packets_copied_from_elsewhere_move_nobody(void **state)
{
    static const uint8_t ip[4] = {66, 6, 6, 6};
    struct addr thief = addr_v4(ip, 666);
    (void)state;

    struct link_stream *s = link_open(&link, 0, 1 << 20, true);
    for (int i = 0; i < 200; i++) {
        link_run(&link, MSEC(5));
        for (struct link_packet *p = link.first; p; p = p->next)
            if (addr_equal(&p->to, &link.side[1].addr))
                p->from = thief;
    }
    link_run(&link, SEC(20));
    assert_int_equal(link.side[1].moved, 0);
    assert_int_equal(s->received, 1 << 20);
    assert_true(s->ended && !s->wrong);
}

static void before_the_handshake_ends_other_sources_are_not_heard(void **state)
{
    static const uint8_t ip[4] = {66, 6, 6, 6};
    (void)state;
    link_deinit(&link);
    link_init(&link, 2, NULL);
    (void)link_dial(&link);
    link_run(&link, MSEC(25)); /* the dialler's second flight is on its way */
    assert_non_null(link.first);
    for (struct link_packet *p = link.first; p; p = p->next)
        p->from = addr_v4(ip, 666);
    link_run(&link, MSEC(10));
    assert_int_equal(link.side[1].connected, 0);
    link_run(&link, SEC(3)); /* said again from the right place */
    assert_int_equal(link.side[1].connected, 1);
}

static void a_kick_sends_at_once_on_the_new_path(void **state)
{
    (void)state;
    link_run(&link, SEC(5));
    uint64_t before = link.side[0].sent_packets;
    quic_conn_probe(link.side[0].conn);
    link_flush(&link, 0);
    assert_true(link.side[0].sent_packets >= before + 2); /* a probe and a PING */
}

static void recovers_from_a_dead_path_when_another_is_known(void **state)
{
    static const uint8_t ip[4] = {10, 0, 7, 7};
    (void)state;
    struct path other = {.kind = PATH_UDP, .remote = addr_v4(ip, 7777)};
    struct link_stream *s = link_open(&link, 0, 8 << 20, true);
    quic_conn_add_path(link.side[0].conn, &other);
    link_run(&link, MSEC(200));
    link.side[1].addr = other.remote; /* the old address is dead, the other one lives */
    link_run(&link, SEC(12));
    assert_true(addr_equal(&link.side[0].path.remote, &other.remote));
    link_run(&link, SEC(10));
    assert_int_equal(s->received, 8 << 20);
    assert_true(s->ended && !s->wrong);
}

/* A transfer from `sender` has filled the window when the path dies; another one is known. Returns
 * how long after the switch data goes on. */
static instant pause_after_switch(int sender, instant delay)
{
    static const uint8_t ip[4] = {10, 0, 7, 7};
    struct path other = {.kind = PATH_UDP, .remote = addr_v4(ip, 7777)};
    link.delay = delay;
    link.bytes_ms = 1000;
    link.side[0].mode = link.side[1].mode = LINK_READ;
    link.side[!sender].also = other.remote;
    (void)link_open(&link, sender, 64 << 20, true);
    quic_conn_add_path(link.side[sender].conn, &other);
    link_run(&link, SEC(2));

    const struct link_stream *s = &link.side[!sender].stream[0];
    unsigned moved = link.side[sender].moved;
    struct quic_conn_info info;
    quic_conn_info(link.side[sender].conn, &info);
    link.dead = info.path.remote;
    for (int ms = 0; link.side[sender].moved == moved && ms < 30000; ms++)
        link_run(&link, MSEC(1));
    assert_true(link.side[sender].moved > moved);
    instant switched = link.now;
    uint64_t before = s->received;
    while (s->received == before && link.now < switched + SEC(30))
        link_run(&link, MSEC(1));
    return link.now - switched;
}

static void data_goes_on_two_round_trips_after_a_dead_path_was_left(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        for (instant delay = MSEC(5); delay <= MSEC(80); delay *= 2) {
            teardown(state);
            setup(state);
            assert_in_range(pause_after_switch(sender, delay), 1, 4 * delay);
        }
    }
}

static bool no_probes(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)l;
    (void)from;
    (void)len;
    return data[0] != 4;
}

static void a_foreign_dialler_that_moves_is_validated_by_quic(void **state)
{
    struct quic_conn_info info;
    (void)state;
    link_deinit(&link);
    link_init(&link, 3, NULL);
    link.filter = no_probes; /* for all that they know, the other is no gateway */
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    struct link_stream *s = link_open(&link, 0, 4 << 20, true);
    link_run(&link, MSEC(100));
    assert_true(s->received < 4 << 20);
    move(0);
    link_run(&link, SEC(10));
    quic_conn_info(link.side[1].conn, &info);
    assert_false(info.speaks_probes);
    assert_true(addr_equal(&info.path.remote, &link.side[0].addr));
    assert_int_equal(s->received, 4 << 20);
    assert_true(s->ended && !s->wrong);
}

/* ngtcp2 1.11 aborts there if it is told not to look for the MTU. */
static void a_foreign_dialler_may_move_back_at_once(void **state)
{
    (void)state;
    link_deinit(&link);
    link_init(&link, 3, NULL);
    link.filter = no_probes;
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    struct link_stream *s = link_open(&link, 0, 4 << 20, true);
    link_run(&link, MSEC(100));
    const struct addr home = link.side[0].addr;
    move(0);
    link_run(&link, MSEC(14)); /* its packets arrive, and no answer yet */
    link.side[0].addr = home;
    link_run(&link, SEC(10));
    assert_int_equal(s->received, 4 << 20);
    assert_true(s->ended && !s->wrong);
}

static void probes_that_come_late_end_the_foreign_way(void **state)
{
    struct quic_conn_info info;
    (void)state;
    link_deinit(&link);
    link_init(&link, 3, NULL);
    link.filter = no_probes;
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    link_run(&link, SEC(1));
    move(0);
    (void)link_open(&link, 0, 1000, true);
    link_run(&link, SEC(1));
    link.filter = NULL;
    quic_conn_probe(link.side[0].conn);
    quic_conn_probe(link.side[1].conn);
    link_run(&link, SEC(5));
    quic_conn_info(link.side[1].conn, &info);
    assert_true(info.speaks_probes);
    assert_true(addr_equal(&info.path.remote, &link.side[0].addr));
    struct link_stream *s = link_open(&link, 0, 100000, true);
    link_run(&link, SEC(5));
    assert_int_equal(s->received, 100000);
    static const uint8_t ip[4] = {10, 0, 5, 5};
    link.side[0].addr = addr_v4(ip, 5555);
    s = link_open(&link, 0, 100000, true);
    link_run(&link, SEC(10));
    assert_int_equal(s->received, 100000);
    assert_int_equal(link.side[0].ended + link.side[1].ended, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_dialler_that_moves_keeps_its_streams),
        T(the_dialled_side_may_move_too),
        T(an_unnoticed_move_of_an_idle_side_is_followed_when_it_writes),
        T(neither_the_path_in_use_nor_one_to_nobody_is_a_change),
        T(packets_copied_from_elsewhere_move_nobody),
        T(before_the_handshake_ends_other_sources_are_not_heard),
        T(a_kick_sends_at_once_on_the_new_path),
        T(a_foreign_dialler_that_moves_is_validated_by_quic),
        T(a_foreign_dialler_may_move_back_at_once),
        T(probes_that_come_late_end_the_foreign_way),
        T(data_goes_on_two_round_trips_after_a_dead_path_was_left),
        T(recovers_from_a_dead_path_when_another_is_known),
    };
    return cmocka_run_group_tests_name("quic_path", tests, NULL, NULL);
}
