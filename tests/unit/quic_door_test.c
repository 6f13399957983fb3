/* Strangers at the door: Retry, limits, amplification, versions, malformed packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/transport/quic_door.h"
#include "tests/support/quic_link.h"

static struct quic_link link;

static int setup(void **state)
{
    (void)state;
    link_init(&link, 1, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    link_deinit(&link);
    return 0;
}

/* A fresh first packet of a dialler, kept from the network. */
static size_t first_packet(uint8_t out[static QUIC_PAYLOAD])
{
    struct quic_tx tx;
    while (quic_output(link.side[0].ep, link.now, &tx))
        ;
    struct quic_conn *conn = link_dial(&link);
    assert_true(quic_output(link.side[0].ep, link.now, &tx));
    assert_int_equal(tx.len, QUIC_PAYLOAD);
    memcpy(out, tx.data, tx.len);
    quic_close(conn, QUIC_CLOSE_DONE);
    quic_dispatch(link.side[0].ep, link.now);
    while (quic_output(link.side[0].ep, link.now, &tx))
        ;
    return QUIC_PAYLOAD;
}

static struct addr stranger(unsigned n)
{
    const uint8_t ip[4] = {203, 0, (uint8_t)(n >> 8), (uint8_t)n};
    return addr_v4(ip, (uint16_t)(1024 + n));
}

static void knock(unsigned n)
{
    uint8_t packet[QUIC_PAYLOAD];
    struct addr from = stranger(n);
    size_t len = first_packet(packet);
    link_inject(&link, 1, &from, packet, len);
    link_flush(&link, 1);
}

static bool is_retry(const uint8_t *data)
{
    return (data[0] & 0xf0) == 0xf0;
}

static unsigned retries;
static bool count_retries(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)l;
    (void)len;
    if (from == 1 && is_retry(data))
        retries++;
    return true;
}

static void asks_for_a_token_above_32_half_open_handshakes(void **state)
{
    (void)state;
    retries = 0;
    link.filter = count_retries;
    for (unsigned n = 0; n < 32; n++)
        knock(n);
    assert_int_equal(retries, 0);
    for (unsigned n = 32; n < 40; n++)
        knock(n);
    assert_int_equal(retries, 8);
    /* Who comes back with it is let in. */
    link_connect(&link);
    assert_int_equal(retries, 9);
    /* The others are forgotten after a while, and things are as before. */
    link_run(&link, SEC(15));
    knock(50);
    assert_int_equal(retries, 9);
}

static void asks_for_a_token_above_20_handshakes_a_second_from_one_address(void **state)
{
    (void)state;
    retries = 0;
    link.filter = count_retries;
    for (int i = 0; i < 40; i++) {
        link.side[0].connected = link.side[1].connected = 0;
        link_connect(&link);
        quic_close(link.side[0].conn, QUIC_CLOSE_DONE);
    }
    assert_int_equal(retries, 0); /* each took longer than a twentieth of a second */
    for (int i = 0; i < 30; i++) {
        uint8_t packet[QUIC_PAYLOAD];
        link_inject(&link, 1, &link.side[0].addr, packet, first_packet(packet));
        link_flush(&link, 1);
    }
    assert_in_range(retries, 30 - QUIC_DOOR_BURST, 30);
    assert_int_equal(link.side[1].offence, QUIC_OFFENCE_FLOOD);
    assert_int_equal(link.side[1].offences, retries);
    assert_int_equal(link.side[1].there, 0);
}

/* Those of side 1 that carry a token, and nothing else. */
static bool only_retries(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)l;
    (void)len;
    return from != 1 || is_retry(data);
}

static void hears_others_while_one_address_leaves_hundreds_of_handshakes_open(void **state)
{
    (void)state;
    link.filter = only_retries;
    for (int i = 0; i < QUIC_DOOR_HALF_OPEN_MAX + 40; i++) {
        (void)link_dial(&link);
        link_run(&link, MSEC(1));
    }
    link_run(&link, SEC(2));
    retries = 0;
    link.filter = count_retries;
    knock(1);
    assert_int_equal(retries, 1);
}

/* Dials from an address of its own, shows a token if asked for one, and gets no further. */
static void leave_open(unsigned n)
{
    link.side[0].addr = stranger(1000 + n);
    (void)link_dial(&link);
    link_run(&link, MSEC(3));
}

static bool is_heard(unsigned n)
{
    uint64_t before = link.side[1].sent_packets;
    knock(n);
    return link.side[1].sent_packets > before;
}

static void hears_nobody_new_above_256_half_open_handshakes(void **state)
{
    struct addr home = link.side[0].addr;
    (void)state;
    link.delay = MSEC(1);
    link_connect(&link);
    struct quic_conn *session = link.side[0].conn;
    link_run(&link, SEC(1));
    link.filter = only_retries;
    for (unsigned n = 0; n < QUIC_DOOR_HALF_OPEN_MAX; n++) {
        assert_true(n < QUIC_DOOR_HALF_OPEN || is_heard(n)); /* before, a knock counts too */
        leave_open(n);
    }
    assert_false(is_heard(300));
    leave_open(300);
    assert_int_equal(link.side[1].connected, 1);

    /* Who is in already does not notice. */
    link.filter = NULL;
    link.side[0].addr = home;
    link.side[0].conn = session;
    link.side[1].mode = LINK_ECHO;
    struct link_stream *s = link_open(&link, 0, 1000, true);
    link_run(&link, SEC(1));
    assert_int_equal(s->received, 1000);

    /* Handshakes that come to nothing are forgotten after ten seconds. */
    assert_false(is_heard(301));
    link_run(&link, SEC(12));
    (void)link_dial(&link);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[1].connected, 2);
}

/* The first answer to a Retry is lost. */
static bool lose_answer(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    if (from == 1 && is_retry(data))
        l->filter_arg = l;
    else if (from == 0 && l->filter_arg)
        return false;
    return only_retries(l, from, data, len);
}

static void a_token_is_no_way_in_above_256_half_open_handshakes(void **state)
{
    struct addr last;
    (void)state;
    link.delay = MSEC(1);
    link.filter = only_retries;
    for (unsigned n = 0; n < QUIC_DOOR_HALF_OPEN_MAX - 1; n++)
        leave_open(n);
    link.side[0].addr = last = stranger(500);
    assert_true(is_heard(1));
    link.filter = lose_answer;
    (void)link_dial(&link);
    link_run(&link, MSEC(3));
    assert_ptr_equal(link.filter_arg, &link);
    link.filter = only_retries;
    leave_open(300); /* somebody else is quicker */
    assert_false(is_heard(1));
    link.filter = NULL;
    link.side[0].addr = last;
    link_run(&link, SEC(4));
    assert_int_equal(link.side[1].connected, 0);
    assert_false(is_heard(1));
}

static bool move_token(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)data;
    (void)len;
    static const uint8_t ip[4] = {10, 0, 0, 77};
    if (from == 1) /* the answer reaches somebody who then comes from elsewhere */
        l->side[0].addr = addr_v4(ip, 4433);
    return true;
}

static void a_token_counts_for_the_address_that_it_was_given_to(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 32; n++)
        knock(n);
    struct addr old = link.side[0].addr;
    (void)link_dial(&link);
    link_run(&link, MSEC(15)); /* the Retry is on its way back */
    link.filter = move_token;
    link_run(&link, MSEC(5));
    link.side[0].addr = old;
    link_run(&link, 1);
    link.filter = NULL;
    static const uint8_t ip[4] = {10, 0, 0, 77};
    for (struct link_packet *p = link.first; p; p = p->next)
        p->from = addr_v4(ip, 4433);
    link.side[2] = (struct link_side){0};
    link_run(&link, MSEC(15));
    assert_int_equal(link.side[1].connected, 0);
}

static void answers_at_most_three_times_what_a_stranger_sends(void **state)
{
    uint8_t packet[QUIC_PAYLOAD];
    struct addr from = stranger(1);
    (void)state;
    link.side[0].deaf = true;
    size_t len = first_packet(packet);
    link.side[1].sent_bytes = 0;
    link_inject(&link, 1, &from, packet, len);
    link_run(&link, SEC(60));
    assert_in_range(link.side[1].sent_bytes, 1, 3 * len);
}

static void short_first_packets_are_not_answered(void **state)
{
    uint8_t packet[QUIC_PAYLOAD];
    struct addr from = stranger(1);
    (void)state;
    (void)first_packet(packet);
    for (size_t len = 0; len < QUIC_PAYLOAD; len++) {
        link_inject(&link, 1, &from, packet, len);
        link_flush(&link, 1);
    }
    assert_int_equal(link.side[1].sent_packets, 0);
    assert_int_equal(quic_deadline(link.side[1].ep), INSTANT_NEVER);
}

static void names_our_version_to_those_who_speak_others(void **state)
{
    uint8_t packet[QUIC_PAYLOAD];
    struct addr from = stranger(1);
    (void)state;
    (void)first_packet(packet);
    memcpy(packet + 1, "\x0a\x1a\x2a\x3a", 4);
    link_inject(&link, 1, &from, packet, QUIC_PAYLOAD - 1);
    link_flush(&link, 1);
    assert_int_equal(link.side[1].sent_packets, 0);
    link_inject(&link, 1, &from, packet, QUIC_PAYLOAD);
    link_flush(&link, 1);
    assert_int_equal(link.side[1].sent_packets, 1);
    assert_non_null(link.first);
    assert_memory_equal(link.first->data + 1, "\0\0\0\0", 4);
    assert_true(link.first->len < 100);
}

static void random_datagrams_are_harmless(void **state)
{
    uint8_t data[1500];
    (void)state;
    link_connect(&link);
    link_run(&link, SEC(1));
    for (int i = 0; i < 20000; i++) {
        uint16_t len;
        link_random(&link.side[0], &len, sizeof(len));
        len %= sizeof(data);
        link_random(&link.side[0], data, len);
        link_inject(&link, i & 1, &link.side[!(i & 1)].addr, data, len);
        if (i % 16 == 0)
            link_run(&link, MSEC(1));
    }
    link_run(&link, SEC(1));
    assert_int_equal(link.side[0].ended + link.side[1].ended, 0);
}

static bool flip(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    uint32_t chance;
    (void)from;
    link_random(&l->side[0], &chance, sizeof(chance));
    if (chance % 4 == 0)
        data[(chance >> 8) % *len] ^= (uint8_t)(1 << (chance >> 4) % 8);
    if (chance % 16 == 1)
        *len = (chance >> 8) % *len + 1;
    return true;
}

static void flipped_bits_and_cut_packets_are_only_losses(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        link_deinit(&link);
        link_init(&link, seed, NULL);
        link.side[1].mode = LINK_ECHO;
        link.filter = flip;
        (void)link_dial(&link);
        if (!link_run_until(&link, &link.side[0].connected, SEC(20)))
            continue; /* a handshake may be spoiled, that is TLS */
        if (!link.side[0].conn)
            continue;
        struct link_stream *s = link_open(&link, 0, 30000, true);
        link_run(&link, SEC(60));
        assert_int_equal(s->received, 30000);
        assert_false(s->wrong);
    }
}

static void two_endpoints_with_one_key_each_do_not_mix_up_sessions(void **state)
{
    (void)state;
    link_start(&link, 2, NULL);
    link_connect(&link);
    struct quic_conn *conn, *first = link.side[0].conn;
    struct path path = link_path_to(&link, 2);
    assert_int_equal(
        quic_dial(link.side[0].ep, link.now, &conn, &link.side[2].keys.id, &path, NULL), 0);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[2].connected, 1);
    link.side[0].conn = first;
    (void)link_open(&link, 0, 10, true);
    link.side[0].conn = conn;
    (void)link_open(&link, 0, 10, true);
    link_run(&link, SEC(1));
    assert_int_equal(link.side[1].streams, 1);
    assert_int_equal(link.side[2].streams, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(asks_for_a_token_above_32_half_open_handshakes),
        T(asks_for_a_token_above_20_handshakes_a_second_from_one_address),
        T(hears_others_while_one_address_leaves_hundreds_of_handshakes_open),
        T(hears_nobody_new_above_256_half_open_handshakes),
        T(a_token_is_no_way_in_above_256_half_open_handshakes),
        T(a_token_counts_for_the_address_that_it_was_given_to),
        T(answers_at_most_three_times_what_a_stranger_sends),
        T(short_first_packets_are_not_answered),
        T(names_our_version_to_those_who_speak_others),
        T(random_datagrams_are_harmless),
        T(flipped_bits_and_cut_packets_are_only_losses),
        T(two_endpoints_with_one_key_each_do_not_mix_up_sessions),
    };
    return cmocka_run_group_tests_name("quic_door", tests, NULL, NULL);
}
