/* UDP sockets over loopback: batches, addresses, options. */
#include "gateway/io/udp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "gateway/io/machine.h"
#include "tests/support/spin.h"

#define ROOM (4u << 20)

struct end {
    struct env *env;
    struct udp_socket *socket;
    struct addr at;
    uint8_t got[ROOM];
    size_t len;
    unsigned batches, datagrams, writable;
    size_t largest; /* segment */
    struct udp_rx last;
    bool closes;        /* itself, at the first batch */
    unsigned closes_at; /* ... or at that one */
    bool discards;      /* what comes */
};

struct world {
    struct machine *machine;
    struct io_loop *loop;
    struct env *env;
    struct end a, b;
};

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct end *e = arg;
    if (e->discards)
        return;
    e->batches++;
    e->last = *rx;
    size_t at = 0;
    do {
        e->datagrams++;
        at += rx->segment;
    } while (at < rx->len);
    assert_true(rx->segment > 0);
    assert_true(e->len + rx->len <= ROOM);
    memcpy(e->got + e->len, rx->data, rx->len);
    e->len += rx->len;
    if (rx->segment > e->largest)
        e->largest = rx->segment;
    if (e->closes || e->batches == e->closes_at) {
        udp_close(e->env, e->socket);
        e->socket = NULL;
    }
}

static void on_writable(void *arg)
{
    ((struct end *)arg)->writable++;
}

static const struct udp_handler HANDLER = {on_datagrams, on_writable};

static void open_end(struct world *w, struct end *e, bool v6, unsigned flags)
{
    struct addr local = addr_loopback(v6, 0);
    e->env = w->env;
    assert_int_equal(udp_open(w->env, &e->socket, &local, flags, &HANDLER, e), 0);
    e->at = udp_local(w->env, e->socket);
    assert_true(addr_port(&e->at) != 0);
}

static void open_both(struct world *w, bool v6, unsigned flags)
{
    open_end(w, &w->a, v6, flags);
    open_end(w, &w->b, v6, flags);
}

static int build(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof(world));
    assert_int_equal(machine_new(&world.machine, NULL), 0);
    world.env = machine_env(world.machine);
    world.loop = machine_loop(world.machine);
    *state = &world;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    udp_close(w->env, w->a.socket);
    udp_close(w->env, w->b.socket);
    return machine_free(w->machine);
}

static uint8_t pattern[ROOM];

static void fill_pattern(void)
{
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(pattern); i++) {
        x = x * 1664525 + 1013904223;
        pattern[i] = (uint8_t)(x >> 24);
    }
}

static int send_from(struct world *w, struct end *from, const struct addr *to, size_t len,
                     size_t segment)
{
    struct udp_tx tx = {.to = to, .data = pattern, .len = len, .segment = segment};
    return udp_send(w->env, from->socket, &tx);
}

static void check_batch(struct world *w, size_t len, size_t segment)
{
    unsigned count = (unsigned)((len + segment - 1) / segment);
    w->b.len = w->b.datagrams = w->b.batches = 0;
    assert_int_equal(send_from(w, &w->a, &w->b.at, len, segment), 0);
    assert_true(spin_until(w->loop, &w->b.datagrams, count));
    assert_int_equal(w->b.datagrams, count);
    assert_int_equal(w->b.len, len);
    assert_memory_equal(w->b.got, pattern, len);
    assert_true(addr_equal(&w->b.last.from, &w->a.at));
}

static void carries_batches_intact(struct world *w, size_t largest)
{
    fill_pattern();
    check_batch(w, 1200, 1200);
    check_batch(w, 1201, 1200);
    check_batch(w, 5 * 1200, 1200);
    check_batch(w, 7 * 1200 + 13, 1200);
    check_batch(w, 54 * 1200, 1200);
    check_batch(w, 64 * 100 + 1, 100);    /* more than the kernel takes at once */
    check_batch(w, 200 * 1200 + 7, 1200); /* much more */
    check_batch(w, 7 * 8952 + 1200, 8952);
    check_batch(w, 8 * 8952, 8952);
    check_batch(w, largest, largest);
}

static void carries_batches_intact_over_ipv4(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    carries_batches_intact(w, 65507);
}

static void carries_batches_intact_over_ipv6(void **state)
{
    struct world *w = *state;
    open_both(w, true, UDP_BULK);
    carries_batches_intact(w, 65536 - 40 - 8); /* loopback's MTU */
}

static void carries_batches_intact_datagram_by_datagram(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    io_udp_no_segments(w->a.socket);
    carries_batches_intact(w, 65507);
}

static void carries_batches_intact_without_receive_offload(void **state)
{
    struct world *w = *state;
    open_end(w, &w->a, false, UDP_BULK);
    open_end(w, &w->b, false, 0);
    fill_pattern();
    check_batch(w, 7 * 1200 + 13, 1200);
    assert_int_equal(w->b.batches, 8);
}

static void takes_a_batch_in_one_read(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    check_batch(w, 40 * 1200, 1200);
    if (w->b.batches != 1)
        print_message("this kernel coalesces nothing: %u reads\n", w->b.batches);
    assert_true(w->b.batches <= 40);
    bool coalesces = w->b.batches == 1;
    check_batch(w, 7 * 8952 + 1200, 8952); /* the short one goes with the others */
    assert_true(!coalesces || w->b.batches == 1);
}

static void keeps_boundaries_of_different_datagrams(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    static const size_t LENGTHS[] = {1, 1200, 3, 1200, 1200, 700, 0, 5};
    size_t sum = 0;
    for (size_t i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
        assert_int_equal(send_from(w, &w->a, &w->b.at, LENGTHS[i], 0), 0);
        sum += LENGTHS[i];
    }
    assert_true(spin_until(w->loop, &w->b.datagrams, 8));
    assert_int_equal(w->b.len, sum);
}

/* Where nothing is coalesced on the way, it is when it is read. */
static void makes_batches_of_single_datagrams(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    fill_pattern();
    size_t at = 0;
    for (unsigned i = 0; i < 100; i++) {
        const size_t len = i % 10 == 9 ? 700 : 1200;
        const struct udp_tx tx = {.to = &w->b.at, .data = pattern + at, .len = len};
        assert_int_equal(udp_send(w->env, w->a.socket, &tx), 0);
        at += len;
    }
    assert_true(spin_until(w->loop, &w->b.datagrams, 100));
    assert_int_equal(w->b.len, at);
    assert_memory_equal(w->b.got, pattern, at);
    assert_true(w->b.batches < 30);
    assert_int_equal(w->b.largest, 1200);
}

static void keeps_senders_apart_in_what_it_makes_batches_of(void **state)
{
    struct world *w = *state;
    static struct end other;
    memset(&other, 0, sizeof(other));
    open_both(w, false, UDP_BULK);
    open_end(w, &other, false, UDP_BULK);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(send_from(w, i % 2 ? &w->a : &other, &w->b.at, 10, 0), 0);
    assert_true(spin_until(w->loop, &w->b.datagrams, 40));
    assert_int_equal(w->b.batches, 40);
    udp_close(w->env, other.socket);
}

static void may_be_closed_by_its_handler_among_many(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    w->b.closes_at = 7;
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(send_from(w, &w->a, &w->b.at, 10 + i, 0), 0); /* no two of a length */
    spin_for(w->loop, MSEC(3));
    assert_int_equal(w->b.batches, 7);
    assert_null(w->b.socket);
}

/* More than one turn reads: what is left is remembered although the edge is used up. */
static void reads_on_after_a_full_turn(void **state)
{
    struct world *w = *state;
    open_both(w, false, 0);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(send_from(w, &w->a, &w->b.at, 10, 0), 0);
    io_loop_turn(w->loop, 0);
    assert_int_equal(w->b.datagrams, 16);
    assert_true(spin_until(w->loop, &w->b.datagrams, 100));
}

static void may_be_closed_by_its_handler(void **state)
{
    struct world *w = *state;
    open_both(w, false, 0);
    w->b.closes = true;
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(send_from(w, &w->a, &w->b.at, 10, 0), 0);
    spin_for(w->loop, MSEC(3));
    assert_int_equal(w->b.batches, 1);
    assert_null(w->b.socket);
}

static void tells_the_local_address_and_sends_from_one(struct world *w, const char *wildcard,
                                                       const char *target, const char *source)
{
    struct addr local, to, from;
    assert_int_equal(addr_parse(&local, wildcard), 0);
    w->a.env = w->b.env = w->env;
    assert_int_equal(udp_open(w->env, &w->a.socket, &local, UDP_PKTINFO, &HANDLER, &w->a), 0);
    assert_int_equal(udp_open(w->env, &w->b.socket, &local, UDP_PKTINFO, &HANDLER, &w->b), 0);
    w->b.at = udp_local(w->env, w->b.socket);
    assert_int_equal(addr_parse_ip(&to, target, addr_port(&w->b.at)), 0);
    assert_int_equal(addr_parse_ip(&from, source, 1), 0);
    struct udp_tx tx = {.to = &to,
                        .from = &from,
                        .data = pattern,
                        .len = 3 * 500,
                        .segment = 500,
                        .ttl = 7,
                        .ifindex = 1};
    assert_int_equal(udp_send(w->env, w->a.socket, &tx), 0);
    assert_true(spin_until(w->loop, &w->b.datagrams, 3));
    assert_true(addr_same_ip(&w->b.last.from, &from));
    assert_true(addr_equal(&w->b.last.to, &to));
    assert_int_equal(w->b.last.ifindex, 1);
    assert_true(w->b.last.now > 0);
}

static void tells_the_local_ipv4_address_and_sends_from_one(void **state)
{
    tells_the_local_address_and_sends_from_one(*state, "0.0.0.0:0", "127.0.0.9", "127.0.0.77");
}

static void tells_the_local_ipv6_address_and_sends_from_one(void **state)
{
    tells_the_local_address_and_sends_from_one(*state, "[::]:0", "::1", "::1");
}

static int read_ttl(int fd, int level, int type)
{
    _Alignas(struct cmsghdr) uint8_t control[64];
    uint8_t byte[16];
    struct iovec area = {byte, sizeof(byte)};
    struct msghdr msg = {.msg_iov = &area,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    assert_true(recvmsg(fd, &msg, 0) > 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    assert_non_null(c);
    assert_int_equal(c->cmsg_level, level);
    assert_int_equal(c->cmsg_type, type);
    int ttl;
    memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
    return ttl;
}

static void check_ttl(struct world *w, bool v6)
{
    const int on = 1;
    struct addr at = addr_loopback(v6, 0);
    socklen_t len = addr_len(&at);
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int fd = socket(at.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &at.sa, len), 0);
    assert_int_equal(getsockname(fd, &at.sa, &len), 0);
    assert_int_equal(setsockopt(fd, level, v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &on, sizeof(on)),
                     0);
    open_end(w, &w->a, v6, 0);
    struct udp_tx tx = {.to = &at, .data = pattern, .len = 4, .ttl = 3};
    assert_int_equal(udp_send(w->env, w->a.socket, &tx), 0);
    assert_int_equal(read_ttl(fd, level, v6 ? IPV6_HOPLIMIT : IP_TTL), 3);
    tx.ttl = 0;
    assert_int_equal(udp_send(w->env, w->a.socket, &tx), 0);
    assert_true(read_ttl(fd, level, v6 ? IPV6_HOPLIMIT : IP_TTL) >= 32);
    (void)close(fd);
}

static void sets_the_ttl_of_one_datagram(void **state)
{
    check_ttl(*state, false);
}

static void sets_the_hop_limit_of_one_datagram(void **state)
{
    check_ttl(*state, true);
}

/* Nobody listens at the other end: the kernel gets an ICMP error, and the socket lives on. */
static void survives_unreachable_ports_and_networks(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    struct addr nobody = addr_loopback(false, 1);
    struct addr nowhere;
    assert_int_equal(addr_parse(&nowhere, "240.0.0.1:9"), 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(send_from(w, &w->a, &nobody, 3000, 1000), 0);
        assert_int_equal(send_from(w, &w->a, &nowhere, 3000, 1000), 0);
        spin_for(w->loop, MSEC(1) / 2);
    }
    assert_int_equal(send_from(w, &w->a, &w->b.at, 100, 0), 0);
    assert_true(spin_until(w->loop, &w->b.datagrams, 1));
    assert_int_equal(send_from(w, &w->b, &w->a.at, 100, 0), 0);
    assert_true(spin_until(w->loop, &w->a.datagrams, 1));
}

static void loses_what_is_too_large_and_lives_on(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    assert_int_equal(send_from(w, &w->a, &w->b.at, 65508, 65508), -EMSGSIZE);
    assert_int_equal(send_from(w, &w->a, &w->b.at, 100, 0), 0);
    assert_true(spin_until(w->loop, &w->b.datagrams, 1));
    assert_int_equal(w->b.len, 100);
}

static void receives_a_group_it_joined(void **state)
{
    struct world *w = *state;
    struct addr local, group;
    assert_int_equal(addr_parse(&local, "0.0.0.0:0"), 0);
    w->a.env = w->b.env = w->env;
    unsigned flags = UDP_SHARED | UDP_PKTINFO;
    assert_int_equal(udp_open(w->env, &w->a.socket, &local, flags, &HANDLER, &w->a), 0);
    local = udp_local(w->env, w->a.socket); /* a second one on the same port */
    assert_int_equal(udp_open(w->env, &w->b.socket, &local, flags, &HANDLER, &w->b), 0);
    assert_int_equal(addr_parse_ip(&group, "239.255.77.1", addr_port(&local)), 0);
    assert_int_equal(udp_join(w->env, w->a.socket, &group, 1), 0);
    assert_int_equal(udp_join(w->env, w->a.socket, &group, 1), 0); /* again is fine */
    assert_int_equal(udp_join(w->env, w->b.socket, &group, 1), 0);
    struct udp_tx tx = {.to = &group, .data = pattern, .len = 10, .ifindex = 1};
    assert_int_equal(udp_send(w->env, w->a.socket, &tx), 0);
    assert_true(spin_until(w->loop, &w->b.datagrams, 1));
    assert_true(spin_until(w->loop, &w->a.datagrams, 1));
    assert_true(addr_equal(&w->b.last.to, &group));
    assert_int_equal(w->b.last.ifindex, 1);
}

static void refuses_a_port_that_is_taken(void **state)
{
    struct world *w = *state;
    struct udp_socket *second = NULL;
    open_end(w, &w->a, false, 0);
    assert_int_equal(udp_open(w->env, &second, &w->a.at, 0, &HANDLER, &w->b), -EADDRINUSE);
    assert_null(second);
}

static void reports_no_writability_that_nobody_waits_for(void **state)
{
    struct world *w = *state;
    open_both(w, false, UDP_BULK);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(send_from(w, &w->a, &w->b.at, 1000, 0), 0);
    assert_true(spin_until(w->loop, &w->b.datagrams, 50));
    assert_int_equal(w->a.writable, 0);
}

/* A slow network card: a network namespace whose loopback has a queue that lets 200 Mbit/s pass. */
static void enter_slow_network(void)
{
    if (unshare(CLONE_NEWNET) < 0) {
        print_message("no network namespace of our own here\n");
        skip();
    }
    if (system("ip link set lo up && "
               "tc qdisc add dev lo root tbf rate 200mbit burst 64kb limit 20mb") != 0) {
        print_message("no tc here\n");
        skip();
    }
}

static void fill_link(struct world *w, unsigned round)
{
    unsigned sent = 0;
    while (send_from(w, &w->a, &w->b.at, 12000, 1200) == 0)
        sent++;
    assert_true(sent > 10);
    assert_true(spin_until(w->loop, &w->a.writable, round));
    spin_for(w->loop, MSEC(20));
    assert_int_equal(w->a.writable, round);
}

static void says_when_the_link_is_full_and_when_no_longer(void **state)
{
    struct world *w = *state;
    enter_slow_network();
    open_both(w, false, UDP_BULK);
    fill_pattern();
    w->b.discards = true;
    for (unsigned round = 1; round <= 2; round++)
        fill_link(w, round);
}

/* The hop limit that a plain kernel socket sees on the next datagram. */
static int hops_of_next(int fd)
{
    uint8_t data[2000];
    _Alignas(struct cmsghdr) uint8_t control[64];
    struct iovec area = {data, sizeof(data)};
    struct msghdr msg = {
        .msg_iov = &area,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    int hops = -1;
    assert_true(recvmsg(fd, &msg, MSG_DONTWAIT) > 0);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    assert_non_null(c);
    memcpy(&hops, CMSG_DATA(c), sizeof(hops));
    return hops;
}

/* A kernel socket on loopback that is told hop limits. */
static int hop_socket(bool v6, struct addr *local)
{
    const int on = 1;
    socklen_t len = sizeof(*local);
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, name = v6 ? IPV6_RECVHOPLIMIT : IP_RECVTTL;
    *local = addr_loopback(v6, 0);
    assert_int_equal(setsockopt(fd, level, name, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, &local->sa, addr_len(local)), 0);
    assert_int_equal(getsockname(fd, &local->sa, &len), 0);
    return fd;
}

static void a_hop_limit_holds_for_one_send_and_all_its_segments(void **state)
{
    struct world *w = *state;
    for (unsigned way = 0; way < 4; way++) {
        struct addr to;
        int fd = hop_socket(way % 2 == 1, &to);
        open_end(w, &w->a, way % 2 == 1, UDP_BULK);
        if (way >= 2)
            io_udp_no_segments(w->a.socket);
        struct udp_tx tx = {.to = &to, .data = pattern, .len = 2500, .segment = 1000, .ttl = 4};
        assert_int_equal(udp_send(w->env, w->a.socket, &tx), 0);
        tx.ttl = 0;
        assert_int_equal(udp_send(w->env, w->a.socket, &tx), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(hops_of_next(fd), 4);
        assert_true(hops_of_next(fd) >= 64);
        udp_close(w->env, w->a.socket);
        w->a.socket = NULL;
        (void)close(fd);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(carries_batches_intact_over_ipv4),
        TEST(carries_batches_intact_over_ipv6),
        TEST(carries_batches_intact_datagram_by_datagram),
        TEST(carries_batches_intact_without_receive_offload),
        TEST(takes_a_batch_in_one_read),
        TEST(keeps_boundaries_of_different_datagrams),
        TEST(makes_batches_of_single_datagrams),
        TEST(keeps_senders_apart_in_what_it_makes_batches_of),
        TEST(may_be_closed_by_its_handler_among_many),
        TEST(reads_on_after_a_full_turn),
        TEST(may_be_closed_by_its_handler),
        TEST(tells_the_local_ipv4_address_and_sends_from_one),
        TEST(tells_the_local_ipv6_address_and_sends_from_one),
        TEST(sets_the_ttl_of_one_datagram),
        TEST(sets_the_hop_limit_of_one_datagram),
        TEST(survives_unreachable_ports_and_networks),
        TEST(loses_what_is_too_large_and_lives_on),
        TEST(receives_a_group_it_joined),
        TEST(refuses_a_port_that_is_taken),
        TEST(reports_no_writability_that_nobody_waits_for),
        TEST(a_hop_limit_holds_for_one_send_and_all_its_segments),
        TEST(says_when_the_link_is_full_and_when_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
