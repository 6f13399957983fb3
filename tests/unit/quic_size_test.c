/* Packets as large as the path carries, and no larger: also when it carries less than it did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/quic_link.h"

#define ETHERNET 1472 /* bytes of UDP payload in 1500 */
#define TUNNEL   1252 /* in 1280 */
#define FAST     20000

static struct quic_link link;
static size_t largest[2]; /* datagrams that a side has sent, and */
static size_t to_other;   /* what went to the other address */
static struct addr other;

static bool measure(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    (void)l, (void)data;
    largest[from] = *len > largest[from] ? *len : largest[from];
    return true;
}

static int setup(void **state)
{
    static const uint8_t ip[4] = {10, 0, 7, 7};
    (void)state;
    other = addr_v4(ip, 7777);
    to_other = largest[0] = largest[1] = 0;
    link_init(&link, 5, NULL);
    link.filter = measure;
    link.bytes_ms = FAST;
    link.mtu = 65507;
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

static size_t payload_of(int i)
{
    struct quic_conn_info info;
    quic_conn_info(link.side[i].conn, &info);
    return info.payload;
}

/* A transfer of `len` bytes from a side, and what arrives. */
static const struct link_stream *start(int sender, uint64_t len)
{
    (void)link_open(&link, sender, len, true);
    link_run(&link, MSEC(500));
    return &link.side[!sender].stream[link.side[!sender].streams - 1];
}

static bool is_whole(const struct link_stream *s, uint64_t len)
{
    return s->received == len && s->ended && !s->wrong;
}

static void a_transfer_grows_to_what_the_path_carries(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        assert_int_equal(payload_of(sender), QUIC_PAYLOAD);
        const struct link_stream *s = start(sender, 16 << 20);
        link_run(&link, SEC(2));
        assert_true(is_whole(s, 16 << 20));
        assert_int_equal(payload_of(sender), QUIC_PAYLOAD_MAX);
        assert_int_equal(largest[sender], QUIC_PAYLOAD_MAX);
    }
}

static void larger_packets_are_fewer(void **state)
{
    uint64_t packets[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        link.mtu = i == 0 ? QUIC_PAYLOAD : ETHERNET;
        uint64_t before = link.side[0].sent_packets;
        const struct link_stream *s = start(0, 16 << 20);
        link_run(&link, SEC(2));
        assert_true(is_whole(s, 16 << 20));
        packets[i] = link.side[0].sent_packets - before;
        quic_conn_probe(link.side[0].conn); /* what was learnt is forgotten */
    }
    assert_in_range(packets[1], packets[0] * 75 / 100, packets[0] * 90 / 100);
}

static void nothing_is_lost_where_the_path_is_of_the_usual_width(void **state)
{
    (void)state;
    link.socket_mtu = ETHERNET;
    uint64_t before = link.side[0].sent_bytes;
    const struct link_stream *s = start(0, 16 << 20);
    link_run(&link, SEC(2));
    assert_true(is_whole(s, 16 << 20));
    assert_int_equal(payload_of(0), 1452);
    assert_in_range(link.side[0].sent_bytes - before, 16 << 20, (16 << 20) * 105 / 100);
}

static void a_slow_line_keeps_small_packets(void **state)
{
    (void)state;
    link.bytes_ms = 500;
    (void)start(0, 4 << 20);
    link_run(&link, SEC(5));
    assert_int_equal(largest[0], QUIC_PAYLOAD);
}

static void a_session_with_a_limit_keeps_small_packets(void **state)
{
    const struct quic_options options = {.rate = 5000000};
    (void)state;
    link_deinit(&link);
    link_init(&link, 6, &options);
    link.filter = measure;
    link_connect(&link);
    const struct link_stream *s = start(0, 8 << 20);
    link_run(&link, SEC(3));
    assert_true(is_whole(s, 8 << 20));
    assert_int_equal(largest[0], QUIC_PAYLOAD);
}

/* Goes on until the transfer has ended. Returns how long that took. */
static instant finish(const struct link_stream *s)
{
    instant since = link.now;
    while (!s->ended && link.now < since + SEC(60))
        link_run(&link, MSEC(10));
    return link.now - since;
}

static void a_transfer_survives_a_path_that_becomes_narrower(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        for (int kind = 0; kind < 3;
             kind++) { /* from jumbo, from Ethernet, and told by the socket */
            link.mtu = kind == 1 ? ETHERNET : 65507;
            link.socket_mtu = 0;
            quic_conn_probe(link.side[sender].conn);
            const struct link_stream *s = start(sender, 40 << 20);
            assert_int_equal(payload_of(sender), kind == 1 ? 1452 : QUIC_PAYLOAD_MAX);
            if (kind == 2)
                link.socket_mtu = TUNNEL;
            link.mtu = TUNNEL;
            uint64_t before = s->received;
            link_run(&link, kind == 2 ? SEC(1) : SEC(4));
            assert_int_equal(payload_of(sender), QUIC_PAYLOAD);
            assert_true(s->received > before + (2 << 20));
            assert_true(finish(s) < SEC(30));
            assert_true(is_whole(s, 40 << 20));
        }
    }
    assert_int_equal(link.side[0].ended + link.side[1].ended, 0);
}

/* As measure(), and the way to the other address is narrow. */
static bool measure_other(struct quic_link *l, int from, uint8_t *data, size_t *len)
{
    struct quic_conn_info info;
    (void)data;
    quic_conn_info(l->side[from].conn, &info);
    if (addr_equal(&info.path.remote, &other) && *len > to_other)
        to_other = *len;
    return !addr_equal(&info.path.remote, &other) || *len <= TUNNEL;
}

static void after_a_switch_packets_are_small_until_the_new_path_has_proved_more(void **state)
{
    (void)state;
    for (int sender = 0; sender < 2; sender++) {
        if (sender > 0) {
            (void)teardown(NULL);
            (void)setup(NULL);
        }
        const struct path path = {.kind = PATH_UDP, .remote = other};
        const struct link_stream *s = start(sender, 60 << 20);
        assert_int_equal(payload_of(sender), QUIC_PAYLOAD_MAX);
        link.side[!sender].also = other;
        quic_conn_add_path(link.side[sender].conn, &path);
        link_run(&link, MSEC(100));
        link.filter = measure_other;
        struct quic_conn_info info;
        quic_conn_info(link.side[sender].conn, &info);
        link.dead = info.path.remote;
        instant took = finish(s);
        assert_true(is_whole(s, 60 << 20));
        assert_true(took < SEC(15));
        assert_int_equal(payload_of(sender), QUIC_PAYLOAD);
        assert_true(to_other >= QUIC_PAYLOAD);
    }
}

static void streams_and_datagrams_share_large_packets_whole(void **state)
{
    uint8_t bytes[QUIC_DATAGRAM_MAX];
    (void)state;
    memset(bytes, 'd', sizeof(bytes));
    const struct link_stream *s = start(0, 40 << 20);
    assert_int_equal(payload_of(0), QUIC_PAYLOAD_MAX);
    unsigned sent = 0;
    for (int i = 0; i < 500; i++) {
        sent += quic_send_datagram(link.side[0].conn, bytes, sizeof(bytes)) == 0;
        link_run(&link, MSEC(2));
    }
    assert_true(finish(s) < SEC(30));
    assert_true(is_whole(s, 40 << 20));
    assert_true(link.side[1].datagrams >= sent * 9 / 10);
    assert_int_equal(link.side[1].datagram_len, sizeof(bytes));
}

static void lossy_lines_lose_nothing_of_it(void **state)
{
    (void)state;
    link.loss = 20;
    const struct link_stream *s = start(0, 10 << 20);
    assert_true(finish(s) < SEC(60));
    assert_true(is_whole(s, 10 << 20));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_transfer_grows_to_what_the_path_carries),
        T(larger_packets_are_fewer),
        T(nothing_is_lost_where_the_path_is_of_the_usual_width),
        T(a_slow_line_keeps_small_packets),
        T(a_session_with_a_limit_keeps_small_packets),
        T(a_transfer_survives_a_path_that_becomes_narrower),
        T(after_a_switch_packets_are_small_until_the_new_path_has_proved_more),
        T(streams_and_datagrams_share_large_packets_whole),
        T(lossy_lines_lose_nothing_of_it),
    };
    return cmocka_run_group_tests_name("quic_size", tests, NULL, NULL);
}
