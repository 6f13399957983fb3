/* Sessions between two endpoints on a made-up network: who is let in, how sessions end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

static struct quic_link link;

static int teardown(void **state)
{
    (void)state;
    link_deinit(&link);
    return 0;
}

static void connects_two_identities(void **state)
{
    struct quic_conn_info info;
    (void)state;

    link_init(&link, 1, NULL);
    link_connect(&link);
    assert_int_equal(link.side[1].identities, 1);
    assert_true(peer_id_equal(&link.side[1].identity, &link.side[0].keys.id));
    quic_conn_info(link.side[0].conn, &info);
    assert_true(peer_id_equal(&info.id, &link.side[1].keys.id));
    assert_true(info.dialled && info.connected);
    quic_conn_info(link.side[1].conn, &info);
    assert_true(peer_id_equal(&info.id, &link.side[0].keys.id));
    assert_true(!info.dialled && info.connected);
    link_run(&link, SEC(1));
    quic_conn_info(link.side[0].conn, &info);
    assert_true(info.rtt >= MSEC(20) && info.rtt < MSEC(30));
    assert_true(info.speaks_probes);
}

static void both_sides_export_the_same_key_for_a_label(void **state)
{
    uint8_t a[32], b[32], other[32];
    (void)state;

    link_init(&link, 1, NULL);
    struct quic_conn *early = link_dial(&link);
    assert_int_equal(quic_conn_export(early, "EXPORTER-x", a, sizeof(a)), -ENOTCONN);
    assert_true(link_run_until(&link, &link.side[0].connected, SEC(5)));
    assert_int_equal(quic_conn_export(link.side[0].conn, "EXPORTER-x", a, sizeof(a)), 0);
    assert_int_equal(quic_conn_export(link.side[1].conn, "EXPORTER-x", b, sizeof(b)), 0);
    assert_int_equal(quic_conn_export(link.side[1].conn, "EXPORTER-y", other, sizeof(other)), 0);
    assert_memory_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, other, sizeof(a));
}

static void tells_the_dialler_of_a_wrong_id_and_the_other_side_nothing(void **state)
{
    (void)state;
    link_init(&link, 2, NULL);
    (void)link_dial_id(&link, &link.side[0].keys.id);
    assert_true(link_run_until(&link, &link.side[0].ended, SEC(5)));
    assert_int_equal(link.side[0].why.why, QUIC_END_WRONG_ID);
    assert_false(link.side[0].why.proven);
    assert_string_equal(link.side[0].why.reason, "peer id mismatch");
    link_run(&link, SEC(20));
    assert_int_equal(link.side[1].identities, 0);
    assert_int_equal(link.side[1].connected + link.side[1].ended, 0);
    assert_int_equal(link.side[0].ended, 1);
}

static void a_refused_identity_hears_so_and_is_never_connected(void **state)
{
    (void)state;
    link_init(&link, 3, NULL);
    link.side[1].refuse = true;
    (void)link_dial(&link);
    assert_true(link_run_until(&link, &link.side[0].ended, SEC(5)));
    assert_int_equal(link.side[0].why.why, QUIC_END_REFUSED);
    assert_true(link.side[0].why.proven);
    link_run(&link, SEC(20));
    assert_int_equal(link.side[0].connected + link.side[1].connected, 0);
    assert_int_equal(link.side[1].identities, 1);
    assert_int_equal(link.side[1].ended, 0);
}

static void a_refusal_gets_through_a_lossy_network(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        link_init(&link, seed, NULL);
        link.loss = 250;
        link.side[1].refuse = true;
        (void)link_dial(&link);
        assert_true(link_run_until(&link, &link.side[0].ended, SEC(60)));
        /* Or nothing of it arrived; or only that the other side knows us no more. */
        assert_true((link.side[0].why.why == QUIC_END_REFUSED && link.side[0].why.proven) ||
                    link.side[0].why.why == QUIC_END_TIMED_OUT ||
                    link.side[0].why.why == QUIC_END_RESET);
        assert_int_equal(link.side[0].connected, 0);
        link_deinit(&link);
    }
    link_init(&link, 1, NULL);
}

static void gives_up_dialling_after_the_handshake_timeout(void **state)
{
    (void)state;
    link_init(&link, 4, NULL);
    link.side[1].deaf = true;
    (void)link_dial(&link);
    link_run(&link, SEC(10) - 1);
    assert_int_equal(link.side[0].ended, 0);
    link_run(&link, MSEC(10));
    assert_int_equal(link.side[0].ended, 1);
    assert_int_equal(link.side[0].why.why, QUIC_END_TIMED_OUT);
    assert_true(link.side[0].sent_packets < 20);
}

static void closing_tells_both_sides_once(void **state)
{
    (void)state;
    link_init(&link, 5, NULL);
    link_connect(&link);
    quic_close(link.side[1].conn, QUIC_CLOSE_DUPLICATE);
    quic_close(link.side[1].conn, QUIC_CLOSE_DONE);
    link_run(&link, SEC(10));
    assert_int_equal(link.side[1].ended, 1);
    assert_int_equal(link.side[1].why.why, QUIC_END_CLOSED);
    assert_int_equal(link.side[0].ended, 1);
    assert_int_equal(link.side[0].why.why, QUIC_END_PEER_CLOSED);
    assert_int_equal(link.side[0].why.code, QUIC_CLOSE_DUPLICATE);
}

static void closing_before_the_first_packet_is_fine(void **state)
{
    (void)state;
    link_init(&link, 5, NULL);
    quic_close(link_dial(&link), QUIC_CLOSE_DONE);
    link_run(&link, SEC(10));
    assert_int_equal(link.side[0].ended, 1);
    assert_int_equal(link.side[0].why.why, QUIC_END_CLOSED);
}

static bool drop_all(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    unsigned *left = l->filter_arg;
    (void)data;
    (void)len;
    return from != 1 || *left == 0 || (*left)-- == 0;
}

static void a_lost_goodbye_is_repeated_when_the_other_side_writes(void **state)
{
    unsigned left = 1;
    (void)state;
    link_init(&link, 6, NULL);
    link_connect(&link);
    link_run(&link, SEC(1));
    link.filter = drop_all;
    link.filter_arg = &left;
    quic_close(link.side[1].conn, QUIC_CLOSE_DONE);
    link_run(&link, MSEC(1));
    assert_int_equal(left, 0);
    (void)link_open(&link, 0, 10, true);
    link_run(&link, MSEC(60));
    assert_int_equal(link.side[0].ended, 1);
    assert_int_equal(link.side[0].why.why, QUIC_END_PEER_CLOSED);
}

static void keeps_an_idle_session_alive_and_ends_a_dead_one(void **state)
{
    (void)state;
    link_init(&link, 7, NULL);
    link_connect(&link);
    link_run(&link, SEC(600));
    assert_int_equal(link.side[0].ended + link.side[1].ended, 0);
    assert_true(link.side[0].sent_packets + link.side[1].sent_packets < 1000);
    link.side[0].deaf = link.side[1].deaf = true;
    link_run(&link, SEC(60));
    assert_int_equal(link.side[0].ended, 1);
    assert_int_equal(link.side[0].why.why, QUIC_END_IDLE);
    assert_int_equal(link.side[1].why.why, QUIC_END_IDLE);
}

static void a_restarted_side_resets_sessions_that_it_forgot(void **state)
{
    (void)state;
    link_init(&link, 8, NULL);
    link_connect(&link);
    link_run(&link, SEC(1));
    link_stop(&link, 1);
    link_start(&link, 1, NULL);
    link.side[1].sent_packets = 0;
    (void)link_open(&link, 0, 10, false);
    link_run(&link, MSEC(60)); /* there, and back */
    assert_int_equal(link.side[0].ended, 1);
    assert_int_equal(link.side[0].why.why, QUIC_END_RESET);
    assert_true(link.side[1].sent_packets <= 3);
    link_run(&link, SEC(30));
    assert_int_equal(link.side[0].ended, 1);
}

static void doubts_a_session_that_is_silent_until_it_is_heard_again(void **state)
{
    struct quic_conn_info info;
    (void)state;
    link_init(&link, 83, NULL);
    link_connect(&link);
    link_run(&link, SEC(60));
    assert_int_equal(link.side[0].doubts + link.side[1].doubts, 0);
    link.side[0].deaf = link.side[1].deaf = true;
    /* a keep-alive, and 3 s without an answer */
    assert_true(link_run_until(&link, &link.side[0].doubts, SEC(33)));
    quic_conn_info(link.side[0].conn, &info);
    assert_true(info.in_doubt);
    link.side[0].deaf = link.side[1].deaf = false;
    link_run(&link, SEC(5));
    quic_conn_info(link.side[0].conn, &info);
    assert_false(info.in_doubt);
    assert_int_equal(link.side[0].doubts, 1);
}

static void two_sides_that_forgot_do_not_answer_each_other_for_ever(void **state)
{
    uint8_t packet[1200] = {0x41, 1, 2, 3, 4, 5, 6, 7, 8};
    (void)state;
    link_init(&link, 9, NULL);
    for (size_t len = 1; len < 100; len++) {
        link_inject(&link, 0, &link.side[1].addr, packet, len);
        link_run(&link, SEC(1));
    }
    assert_true(link.side[0].sent_packets > 50);
    assert_true(link.side[0].sent_packets + link.side[1].sent_packets < 99 * 25);
    uint64_t sent = link.side[0].sent_packets;
    link_run(&link, SEC(100));
    assert_int_equal(link.side[0].sent_packets, sent);
}

static void stateless_resets_are_rare(void **state)
{
    uint8_t packet[100] = {0x41};
    struct addr stranger = link.side[1].addr;
    (void)state;
    link_init(&link, 9, NULL);
    link.side[1].deaf = true;
    for (int i = 0; i < 1000; i++) {
        memcpy(packet + 1, &i, sizeof(i));
        link_inject(&link, 0, &stranger, packet, sizeof(packet));
        link_flush(&link, 0);
    }
    assert_true(link.side[0].sent_packets <= 101);
}

static void a_clock_that_goes_back_or_jumps_does_no_harm(void **state)
{
    (void)state;
    link_init(&link, 10, NULL);
    link.side[1].mode = LINK_ECHO;
    link_connect(&link);
    struct link_stream *s = link_open(&link, 0, 200000, true);
    for (int i = 0; i < 100; i++) {
        link_run(&link, MSEC(5));
        link.now -= MSEC(i % 7);
        for (struct link_packet *p = link.first; p; p = p->next)
            p->due = link.now + MSEC(1);
    }
    link_run(&link, SEC(5));
    assert_int_equal(s->received, 200000);
    assert_false(s->wrong);
    link.now -= SEC(500);
    link_run(&link, SEC(100));
    assert_int_equal(link.side[0].ended, 0);
    link.now += SEC(8 * 3600);
    link_run(&link, SEC(100));
    assert_int_equal(link.side[0].ended, 1);
}

static void wakes_its_owner_once_when_there_is_something_to_send(void **state)
{
    (void)state;
    link_init(&link, 11, NULL);
    link_connect(&link);
    link_run(&link, SEC(1));
    unsigned before = link.side[0].wakes;
    struct link_stream *s = link_open(&link, 0, 1000, false);
    assert_int_equal(link.side[0].wakes, before + 1);
    s->to_write += 1000;
    link_write(s);
    assert_int_equal(link.side[0].wakes, before + 1);
    link_run(&link, SEC(1));
    s->to_write += 1000;
    link_write(s);
    assert_int_equal(link.side[0].wakes, before + 2);
}

static void counts_connections_against_the_limit(void **state)
{
    struct quic_options o = {.max_connections = 2};
    struct quic_conn *conn;
    (void)state;
    link_init(&link, 12, &o);
    (void)link_dial(&link);
    (void)link_dial(&link);
    struct path path = link_path_to(&link, 1);
    assert_int_equal(
        quic_dial(link.side[0].ep, link.now, &conn, &link.side[1].keys.id, &path, NULL), -EMFILE);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[0].connected, 2);
    quic_close(link.side[0].conn, QUIC_CLOSE_DONE);
    link_run(&link, SEC(1));
    (void)link_dial(&link);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[0].connected, 3);
    assert_int_equal(link.side[1].connected, 3);
}

static void dialling_each_other_gives_two_sessions(void **state)
{
    struct quic_conn *conn;
    (void)state;
    link_init(&link, 13, NULL);
    (void)link_dial(&link);
    struct path path = link_path_to(&link, 0);
    assert_int_equal(
        quic_dial(link.side[1].ep, link.now, &conn, &link.side[0].keys.id, &path, NULL), 0);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[0].connected, 2);
    assert_int_equal(link.side[1].connected, 2);
}

static void a_pipe_may_be_given_back_after_its_session_and_endpoint_are_gone(void **state)
{
    (void)state;
    link_init(&link, 14, NULL);
    link_connect(&link);
    struct link_stream *a = link_open(&link, 0, 100000, false);
    struct link_stream *b = link_open(&link, 0, 100000, true);
    struct link_stream *c = link_open(&link, 0, 0, false);
    quic_close(link.side[0].conn, QUIC_CLOSE_DONE);
    struct iovec area[2];
    assert_int_equal(a->pipe->ops->reserve(a->pipe, area), 0);
    assert_int_equal(a->pipe->ops->peek(a->pipe, area, 2), 0);
    a->pipe->ops->finish(a->pipe);
    quic_dispatch(link.side[0].ep, link.now);
    assert_int_equal(a->reset, PIPE_RESET_SESSION_LOST);
    assert_int_equal(b->reset, PIPE_RESET_SESSION_LOST);
    assert_int_equal(c->reset, PIPE_RESET_SESSION_LOST);
    link.side[0].connected = link.side[1].connected = 0;
    link_connect(&link);
    (void)link_open(&link, 0, 100000, false);
}

#define T(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(connects_two_identities),
        T(both_sides_export_the_same_key_for_a_label),
        T(tells_the_dialler_of_a_wrong_id_and_the_other_side_nothing),
        T(a_refused_identity_hears_so_and_is_never_connected),
        T(a_refusal_gets_through_a_lossy_network),
        T(gives_up_dialling_after_the_handshake_timeout),
        T(closing_tells_both_sides_once),
        T(closing_before_the_first_packet_is_fine),
        T(a_lost_goodbye_is_repeated_when_the_other_side_writes),
        T(keeps_an_idle_session_alive_and_ends_a_dead_one),
        T(a_restarted_side_resets_sessions_that_it_forgot),
        T(doubts_a_session_that_is_silent_until_it_is_heard_again),
        T(two_sides_that_forgot_do_not_answer_each_other_for_ever),
        T(stateless_resets_are_rare),
        T(a_clock_that_goes_back_or_jumps_does_no_harm),
        T(wakes_its_owner_once_when_there_is_something_to_send),
        T(counts_connections_against_the_limit),
        T(dialling_each_other_gives_two_sessions),
        T(a_pipe_may_be_given_back_after_its_session_and_endpoint_are_gone),
    };
    return cmocka_run_group_tests_name("quic_session", tests, NULL, NULL);
}
