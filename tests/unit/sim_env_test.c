/* The simulated world by itself: lines, networks, sockets, and that equal seeds give equal runs. */
#include "tests/sim/sim_env.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two hosts on the internet, each with one UDP socket that counts and keeps what it hears. */
struct end {
    struct sim_host host;
    struct udp_socket *udp;
    unsigned batches, datagrams, disorder, writable;
    size_t last_len;
    uint32_t last_number;
    struct udp_rx last;
    uint8_t data[SIM_DATAGRAM_MAX];
    instant heard_at;
};

struct pair {
    struct sim_world world;
    struct end a, b;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void on_datagrams(void *arg, const struct udp_rx *rx)
{
    struct end *e = arg;
    e->batches++;
    e->last = *rx;
    e->heard_at = rx->now;
    for (size_t i = 0; i < rx->len || i == 0; i += rx->segment) {
        size_t len = rx->len - i < rx->segment ? rx->len - i : rx->segment;
        uint32_t number = 0;
        e->datagrams++;
        e->last_len = len;
        memcpy(e->data, rx->data + i, len);
        if (len >= sizeof(number)) {
            memcpy(&number, rx->data + i, sizeof(number));
            e->disorder += number < e->last_number;
            e->last_number = number;
        }
    }
}

static void on_writable(void *arg)
{
    ((struct end *)arg)->writable++;
}

static const struct udp_handler handler = {on_datagrams, on_writable};

static int open_at(struct end *e, const char *local, unsigned flags)
{
    struct addr a = at(local);
    return udp_open(&e->host.env, &e->udp, &a, flags, &handler, e);
}

static void begin(struct pair *p, uint64_t seed)
{
    memset(p, 0, sizeof(*p));
    sim_world_init(&p->world, seed);
    sim_host_init(&p->a.host, &p->world, "a");
    sim_host_init(&p->b.host, &p->world, "b");
    (void)sim_host_join(&p->a.host, INTERNET, "192.0.2.1/24");
    (void)sim_host_join(&p->b.host, INTERNET, "198.51.100.1/24");
    assert_int_equal(open_at(&p->a, "0.0.0.0:4433", UDP_PKTINFO), 0);
    assert_int_equal(open_at(&p->b, "0.0.0.0:4433", UDP_PKTINFO | UDP_BULK), 0);
}

static void end(struct pair *p)
{
    udp_close(&p->a.host.env, p->a.udp);
    udp_close(&p->b.host.env, p->b.udp);
    sim_host_deinit(&p->a.host);
    sim_host_deinit(&p->b.host);
    sim_world_deinit(&p->world);
}

static int send_to(struct end *e, const char *to, const void *data, size_t len, size_t segment)
{
    struct addr a = at(to);
    struct udp_tx tx = {.to = &a, .data = data, .len = len, .segment = segment};
    return udp_send(&e->host.env, e->udp, &tx);
}

static void send_number(struct pair *p, uint32_t number)
{
    assert_int_equal(send_to(&p->a, "198.51.100.1:4433", &number, sizeof(number), 0), 0);
}

static void run(struct pair *p, instant span)
{
    (void)sim_world_run(&p->world, span, NULL, NULL);
}

static void carries_a_datagram_after_the_delay_of_both_lines(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    p.a.host.up.delay = MSEC(30);
    p.b.host.down.delay = MSEC(20);
    instant start = p.world.now;
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", "hello", 5, 0), 0);
    assert_int_equal(p.b.datagrams, 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    assert_memory_equal(p.b.data, "hello", 5);
    assert_int_equal(p.b.heard_at, start + MSEC(50));
    assert_true(addr_equal(&p.b.last.from, (struct addr[]){at("192.0.2.1:4433")}));
    assert_true(addr_same_ip(&p.b.last.to, (struct addr[]){at("198.51.100.1:0")}));
    assert_int_equal(p.b.last.ifindex, 2);
    assert_int_equal(p.world.now, start + SEC(1));
    end(&p);
}

static void tells_segments_of_one_send_as_one_batch(void **state)
{
    struct pair p;
    uint8_t data[3000];
    (void)state;
    begin(&p, 1);
    memset(data, 7, sizeof(data));
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", data, sizeof(data), 1200), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 3);
    assert_int_equal(p.b.last_len, 600);
    assert_in_range(p.b.batches, 1, 3);
    end(&p);
}

static void carries_an_empty_datagram(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", "", 0, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    assert_int_equal(p.b.last_len, 0);
    end(&p);
}

static void keeps_the_order_in_spite_of_jitter(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    p.a.host.up = (struct sim_link){.delay = MSEC(10), .jitter = MSEC(50)};
    for (uint32_t i = 0; i < 1000; i++) {
        send_number(&p, i);
        run(&p, MSEC(1));
    }
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1000);
    assert_int_equal(p.b.disorder, 0);
    end(&p);
}

static void loses_repeats_and_reorders_its_share(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    p.a.host.up = (struct sim_link){.loss = 100, .reorder = 50, .jitter = MSEC(10)};
    p.b.host.down.repeat = 20;
    for (uint32_t i = 0; i < 10000; i++) {
        send_number(&p, i);
        run(&p, MSEC(1));
    }
    run(&p, SEC(1));
    assert_in_range(p.a.host.lost, 900, 1100);
    assert_in_range(p.b.datagrams, 9000, 9400);
    assert_in_range(p.b.disorder, 300, 700);
    end(&p);
}

static void drops_what_is_larger_than_the_line_carries(void **state)
{
    struct pair p;
    uint8_t data[1473] = {0};
    (void)state;
    begin(&p, 1);
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", data, 1473, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 0);
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", data, 1472, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    p.b.host.down.mtu = 1280;
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", data, 1253, 0), 0);
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", data, 1252, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 2);
    end(&p);
}

static void sends_no_faster_than_its_bandwidth(void **state)
{
    struct pair p;
    uint8_t data[972] = {0}; /* 1000 bytes with its headers */
    (void)state;
    begin(&p, 1);
    p.a.host.up = (struct sim_link){.bandwidth = 1000000, .queue = 50000};
    instant start = p.world.now;
    for (int i = 0; i < 100; i++)
        assert_int_equal(send_to(&p.a, "198.51.100.1:4433", data, sizeof(data), 0), 0);
    run(&p, SEC(1));
    assert_in_range(p.b.datagrams, 50, 52);
    assert_in_range(p.b.heard_at - start, MSEC(50), MSEC(53));
    end(&p);
}

static void says_again_and_then_writable(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    p.a.host.send_again = 1000;
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", "x", 1, 0), -EAGAIN);
    assert_int_equal(p.a.writable, 0);
    p.a.host.send_again = 0;
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", "x", 1, 0), -EAGAIN);
    run(&p, MSEC(2));
    assert_int_equal(p.a.writable, 1);
    assert_int_equal(send_to(&p.a, "198.51.100.1:4433", "x", 1, 0), 0);
    run(&p, MSEC(2));
    assert_int_equal(p.b.datagrams, 1);
    end(&p);
}

static void loses_everything_while_a_line_is_down(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    p.b.host.down.down = true;
    send_number(&p, 1);
    run(&p, SEC(1));
    p.b.host.down.down = false;
    send_number(&p, 2);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    assert_int_equal(p.b.last_number, 2);
    end(&p);
}

static void on_nap(struct timer *timer)
{
    timer->due = 0;
}

static void sleeps_with_its_clock_and_timers_standing_still(void **state)
{
    struct pair p;
    struct timer timer = {.fire = on_nap};
    (void)state;
    begin(&p, 1);
    struct env *env = &p.a.host.env;
    instant before = env_now(env);
    timer_set(env, &timer, before + SEC(5));
    sim_host_sleep(&p.a.host);
    assert_int_equal(send_to(&p.b, "192.0.2.1:4433", "x", 1, 0), 0);
    (void)sim_world_run(&p.world, SEC(60), NULL, NULL);
    assert_int_equal(env_now(env), before);
    assert_int_equal(p.a.datagrams, 0);
    sim_host_wake(&p.a.host);
    (void)sim_world_run(&p.world, SEC(5) - 1, NULL, NULL);
    assert_int_equal(timer.due, before + SEC(5));
    (void)sim_world_run(&p.world, 1, NULL, NULL);
    assert_int_equal(timer.due, 0);
    assert_int_equal(send_to(&p.b, "192.0.2.1:4433", "x", 1, 0), 0);
    (void)sim_world_run(&p.world, SEC(1), NULL, NULL);
    assert_int_equal(p.a.last.now, env_now(env) - SEC(1));
    end(&p);
}

static void loses_what_is_under_way_to_an_address_that_moved(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    p.a.host.up.delay = MSEC(100);
    send_number(&p, 1);
    run(&p, MSEC(10));
    sim_host_move(&p.b.host, &p.b.host.interface[2], "203.0.113.9/24");
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 0);
    assert_int_equal(send_to(&p.b, "192.0.2.1:4433", "from", 4, 0), 0);
    run(&p, SEC(1));
    assert_true(addr_equal(&p.a.last.from, (struct addr[]){at("203.0.113.9:4433")}));
    assert_int_equal(send_to(&p.a, "203.0.113.9:4433", "back", 4, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    end(&p);
}

static void reaches_itself_by_every_address_it_has(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    p.a.host.up.down = true;
    assert_int_equal(send_to(&p.a, "127.0.0.1:4433", "x", 1, 0), 0);
    run(&p, MSEC(1));
    assert_true(addr_equal(&p.a.last.from, (struct addr[]){at("127.0.0.1:4433")}));
    assert_int_equal(send_to(&p.a, "192.0.2.1:4433", "x", 1, 0), 0);
    run(&p, MSEC(1));
    assert_int_equal(p.a.datagrams, 2);
    end(&p);
}

static void keeps_networks_apart_and_multicast_on_its_own(void **state)
{
    struct pair p;
    struct addr group = at("239.255.1.2:0");
    (void)state;
    begin(&p, 1);
    (void)sim_host_join(&p.a.host, 7, "192.168.1.1/24");
    assert_int_equal(send_to(&p.a, "192.168.1.2:4433", "x", 1, 0), 0); /* nobody there yet */
    (void)sim_host_join(&p.b.host, 8, "192.168.1.2/24");
    assert_int_equal(send_to(&p.a, "192.168.1.2:4433", "x", 1, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 0);

    (void)sim_host_join(&p.b.host, 7, "192.168.1.3/24");
    assert_int_equal(udp_join(&p.b.host.env, p.b.udp, &group, 2 + 7), 0);
    assert_int_equal(udp_join(&p.b.host.env, p.b.udp, &group, 2 + 7), -EADDRINUSE);
    struct addr to = at("239.255.1.2:4433");
    struct udp_tx tx = {.to = &to, .data = (const uint8_t *)"m", .len = 1, .ifindex = 2 + 7};
    assert_int_equal(udp_send(&p.a.host.env, p.a.udp, &tx), 0);
    tx.ifindex = 2; /* the internet has no multicast */
    assert_int_equal(udp_send(&p.a.host.env, p.a.udp, &tx), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    assert_int_equal(p.b.last.ifindex, 2 + 7);
    assert_true(addr_equal(&p.b.last.from, (struct addr[]){at("192.168.1.1:4433")}));
    assert_int_equal(p.a.datagrams, 0); /* it did not join */

    assert_int_equal(send_to(&p.a, "192.168.1.255:4433", "b", 1, 0), 0); /* not allowed to */
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    end(&p);
}

static void broadcasts_when_allowed(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    (void)sim_host_join(&p.a.host, 7, "192.168.1.1/24");
    (void)sim_host_join(&p.b.host, 7, "192.168.1.3/24");
    udp_close(&p.a.host.env, p.a.udp);
    assert_int_equal(open_at(&p.a, "0.0.0.0:4433", UDP_BROADCAST), 0);
    assert_int_equal(send_to(&p.a, "192.168.1.255:4433", "b", 1, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    end(&p);
}

static void speaks_ipv6_with_scopes(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 1);
    (void)sim_host_join(&p.a.host, 7, "fe80::1/64");
    (void)sim_host_join(&p.b.host, 7, "fe80::2/64");
    udp_close(&p.a.host.env, p.a.udp);
    udp_close(&p.b.host.env, p.b.udp);
    assert_int_equal(open_at(&p.a, "[::]:1", 0), 0);
    assert_int_equal(open_at(&p.b, "[::]:2", UDP_PKTINFO), 0);
    assert_int_equal(send_to(&p.a, "[fe80::2%9]:2", "x", 1, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    assert_true(addr_equal(&p.b.last.from, (struct addr[]){at("[fe80::1%9]:1")}));
    assert_int_equal(send_to(&p.a, "[fe80::2%8]:2", "x", 1, 0), 0);
    run(&p, SEC(1));
    assert_int_equal(p.b.datagrams, 1);
    end(&p);
}

static void refuses_ports_addresses_and_descriptors_it_has_not(void **state)
{
    struct pair p;
    struct udp_socket *keep = NULL;
    (void)state;
    begin(&p, 1);
    keep = p.a.udp;
    assert_int_equal(open_at(&p.a, "192.0.2.1:4433", 0), -EADDRINUSE);
    assert_int_equal(open_at(&p.a, "192.0.2.99:1", 0), -EADDRNOTAVAIL);
    p.a.host.fd_limit = 1;
    assert_int_equal(open_at(&p.a, "0.0.0.0:0", 0), -EMFILE);
    p.a.udp = keep;
    end(&p);
}

static uint64_t trace_of(uint64_t seed)
{
    struct pair p;
    begin(&p, seed);
    p.a.host.up = (struct sim_link){.loss = 100, .reorder = 50, .repeat = 30, .jitter = MSEC(10)};
    for (uint32_t i = 0; i < 1000; i++) {
        send_number(&p, i);
        run(&p, MSEC(1));
    }
    uint64_t trace = sim_world_trace(&p.world);
    end(&p);
    return trace;
}

static void runs_alike_with_equal_seeds_only(void **state)
{
    (void)state;
    if (getenv("SIM_SEED"))
        skip();
    assert_true(trace_of(5) == trace_of(5));
    assert_true(trace_of(5) != trace_of(6));
}

/* ---- byte streams ---- */

struct stream {
    struct sim_host *host;
    struct sock *sock;
    unsigned ready, connected;
    int connect_err;
    struct addr from;
};

static void on_connect(void *arg, int err)
{
    struct stream *s = arg;
    s->connected++;
    s->connect_err = err;
}

static void on_ready(void *arg)
{
    ((struct stream *)arg)->ready++;
}

static const struct sock_handler sock_handler = {on_connect, on_ready};

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct stream *s = arg;
    s->sock = sock;
    s->from = *from;
    sock_attach(&s->host->env, sock, &sock_handler, s);
}

static const struct listen_handler listen_handler = {on_accept};

struct tcp {
    struct sim_world world;
    struct sim_host host;
    struct sock_listener *listener;
    struct stream client, server;
};

static void settle(struct tcp *t)
{
    (void)sim_world_run(&t->world, MSEC(1), NULL, NULL);
}

static void connect_to(struct tcp *t, const char *to)
{
    struct addr a = at(to);
    assert_int_equal(sock_connect(&t->host.env, &t->client.sock, &a, &sock_handler, &t->client), 0);
    assert_int_equal(t->client.connected, 0);
    settle(t);
    assert_int_equal(t->client.connected, 1);
}

static void begin_tcp(struct tcp *t)
{
    struct addr local = at("127.0.0.1:8080");
    memset(t, 0, sizeof(*t));
    sim_world_init(&t->world, 1);
    sim_host_init(&t->host, &t->world, "host");
    t->client.host = t->server.host = &t->host;
    assert_int_equal(sock_listen(&t->host.env, &t->listener, &local, &listen_handler, &t->server),
                     0);
    connect_to(t, "127.0.0.1:8080");
    assert_int_equal(t->client.connect_err, 0);
    assert_non_null(t->server.sock);
    t->client.ready = t->server.ready = 0;
}

static void end_tcp(struct tcp *t)
{
    if (t->listener)
        listener_close(&t->host.env, t->listener);
    if (t->client.sock)
        sock_close(&t->host.env, t->client.sock);
    if (t->server.sock)
        sock_close(&t->host.env, t->server.sock);
    settle(t);
    sim_host_deinit(&t->host);
    sim_world_deinit(&t->world);
}

static ssize_t put(struct stream *s, const void *data, size_t len)
{
    struct iovec area = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    return sock_writev(&s->host->env, s->sock, &area, 1);
}

static ssize_t get(struct stream *s, void *data, size_t len)
{
    struct iovec area = {.iov_base = data, .iov_len = len};
    return sock_readv(&s->host->env, s->sock, &area, 1);
}

static void let_go(struct stream *s, bool reset)
{
    if (reset)
        sock_reset(&s->host->env, s->sock);
    else
        sock_close(&s->host->env, s->sock);
    s->sock = NULL;
}

static void carries_bytes_and_tells_edges(void **state)
{
    struct tcp t;
    char data[16];
    (void)state;
    begin_tcp(&t);
    assert_int_equal(get(&t.server, data, 16), -EAGAIN);
    assert_int_equal(put(&t.client, "hello", 5), 5);
    assert_int_equal(t.server.ready, 0);
    settle(&t);
    assert_int_equal(t.server.ready, 1);
    assert_int_equal(get(&t.server, data, 3), 3);
    settle(&t);
    assert_int_equal(t.server.ready, 1); /* the same readiness is not told twice */
    assert_int_equal(get(&t.server, data, 16), 2);
    assert_int_equal(get(&t.server, data, 16), -EAGAIN);
    assert_int_equal(addr_port(&t.server.from),
                     addr_port((struct addr[]){sock_local(&t.host.env, t.client.sock)}));
    end_tcp(&t);
}

static void stops_a_writer_at_its_buffer_and_wakes_it(void **state)
{
    struct tcp t;
    static char data[SIM_SOCK_BUFFER + 100];
    (void)state;
    begin_tcp(&t);
    assert_int_equal(put(&t.client, data, sizeof(data)), SIM_SOCK_BUFFER);
    assert_int_equal(put(&t.client, data, 1), -EAGAIN);
    settle(&t);
    assert_int_equal(t.client.ready, 0);
    assert_int_equal(get(&t.server, data, sizeof(data)), SIM_SOCK_BUFFER);
    settle(&t);
    assert_int_equal(t.client.ready, 1);
    assert_int_equal(put(&t.client, data, 1), 1);
    assert_int_equal(get(&t.server, data, 1), 1);
    end_tcp(&t);
}

static void half_closes_and_tells_the_end_after_a_short_read(void **state)
{
    struct tcp t;
    char data[16];
    (void)state;
    begin_tcp(&t);
    assert_int_equal(put(&t.client, "bye", 3), 3);
    sock_finish(&t.host.env, t.client.sock);
    settle(&t);
    assert_int_equal(t.server.ready, 1);
    assert_int_equal(get(&t.server, data, 16), 3);
    settle(&t);
    assert_int_equal(t.server.ready, 2);
    assert_int_equal(get(&t.server, data, 16), 0);
    assert_int_equal(put(&t.server, "still", 5), 5);
    settle(&t);
    assert_int_equal(get(&t.client, data, 16), 5);
    end_tcp(&t);
}

static void tells_a_reset_once_after_the_data(void **state)
{
    struct tcp t;
    char data[16];
    (void)state;
    begin_tcp(&t);
    assert_int_equal(put(&t.client, "last", 4), 4);
    let_go(&t.client, true);
    settle(&t);
    assert_int_equal(get(&t.server, data, 16), 4);
    settle(&t);
    assert_int_equal(t.server.ready, 2);
    assert_int_equal(get(&t.server, data, 16), -ECONNRESET);
    assert_int_equal(get(&t.server, data, 16), 0);
    assert_int_equal(put(&t.server, "x", 1), -EPIPE);
    end_tcp(&t);
}

static void makes_a_reset_of_a_close_with_unread_data(void **state)
{
    struct tcp t;
    char data[16];
    (void)state;
    begin_tcp(&t);
    assert_int_equal(put(&t.server, "unread", 6), 6);
    let_go(&t.client, false);
    settle(&t);
    assert_int_equal(get(&t.server, data, 16), -ECONNRESET);
    end_tcp(&t);
}

static void breaks_a_pipe_that_nobody_reads(void **state)
{
    struct tcp t;
    char data[16];
    (void)state;
    begin_tcp(&t);
    let_go(&t.client, false);
    settle(&t);
    assert_int_equal(get(&t.server, data, 16), 0);
    assert_int_equal(put(&t.server, "void", 4), 4); /* answered by a reset */
    settle(&t);
    assert_int_equal(put(&t.server, "void", 4), -EPIPE);
    end_tcp(&t);
}

static void refuses_connections_nobody_waits_for(void **state)
{
    struct tcp t;
    (void)state;
    begin_tcp(&t);
    let_go(&t.client, false);
    t.client.connected = 0;
    connect_to(&t, "127.0.0.1:8081");
    assert_int_equal(t.client.connect_err, -ECONNREFUSED);
    let_go(&t.client, false);
    t.client.connected = 0;
    connect_to(&t, "192.0.2.1:80");
    assert_int_equal(t.client.connect_err, -EHOSTUNREACH);
    end_tcp(&t);
}

static void resets_callers_when_the_listener_closes(void **state)
{
    struct tcp t;
    char data[4];
    struct addr a = at("127.0.0.1:8080");
    (void)state;
    begin_tcp(&t);
    let_go(&t.client, false);
    t.host.fd_limit = t.host.sockets + 1; /* no descriptor to accept with */
    t.client.connected = 0;
    struct stream old = t.server;
    assert_int_equal(sock_connect(&t.host.env, &t.client.sock, &a, &sock_handler, &t.client), 0);
    settle(&t);
    assert_int_equal(t.client.connect_err, 0);
    assert_ptr_equal(t.server.sock, old.sock);
    listener_close(&t.host.env, t.listener);
    t.listener = NULL;
    settle(&t);
    assert_int_equal(get(&t.client, data, 4), -ECONNRESET);
    end_tcp(&t);
}

static void accepts_when_a_descriptor_is_free_again(void **state)
{
    struct tcp t;
    struct addr a = at("127.0.0.1:8080");
    (void)state;
    begin_tcp(&t);
    let_go(&t.client, false);
    t.host.fd_limit = t.host.sockets + 1;
    struct stream old = t.server;
    assert_int_equal(sock_connect(&t.host.env, &t.client.sock, &a, &sock_handler, &t.client), 0);
    settle(&t);
    assert_ptr_equal(t.server.sock, old.sock);
    sock_close(&t.host.env, old.sock);
    t.server.sock = NULL;
    settle(&t);
    assert_non_null(t.server.sock);
    end_tcp(&t);
}

static void knows_whose_a_connection_is(void **state)
{
    struct tcp t;
    uint32_t uid = 0;
    struct addr server = at("127.0.0.1:8080");
    (void)state;
    begin_tcp(&t);
    struct addr client = sock_local(&t.host.env, t.client.sock);
    assert_int_equal(env_owner_of_tcp(&t.host.env, &client, &server, &uid), 0);
    assert_int_equal(uid, 1000);
    let_go(&t.client, false);
    assert_int_equal(env_owner_of_tcp(&t.host.env, &client, &server, &uid), -ENOENT);
    end_tcp(&t);
}

static void joins_unix_sockets_by_path(void **state)
{
    struct tcp t;
    struct sock_listener *l;
    char data[4];
    (void)state;
    begin_tcp(&t);
    let_go(&t.client, false);
    let_go(&t.server, false);
    assert_int_equal(sock_listen_unix(&t.host.env, &l, "/run/x", &listen_handler, &t.server), 0);
    assert_int_equal(
        sock_connect_unix(&t.host.env, &t.client.sock, "/run/x", &sock_handler, &t.client), 0);
    settle(&t);
    assert_int_equal(put(&t.client, "u", 1), 1);
    settle(&t);
    assert_int_equal(get(&t.server, data, 4), 1);
    assert_true(addr_is_none(&t.server.from));
    let_go(&t.client, true);
    settle(&t);
    assert_int_equal(get(&t.server, data, 4), 0);
    listener_close(&t.host.env, l);
    end_tcp(&t);
}

static void keeps_files_for_each_host(void **state)
{
    struct pair p;
    uint8_t *data;
    size_t len;
    (void)state;
    begin(&p, 1);
    assert_int_equal(env_save(&p.a.host.env, "f", (const uint8_t *)"abc", 3), 0);
    assert_int_equal(env_load(&p.b.host.env, "f", &data, &len), -ENOENT);
    assert_int_equal(env_load(&p.a.host.env, "f", &data, &len), 0);
    assert_int_equal(len, 3);
    assert_string_equal((char *)data, "abc");
    free(data);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_a_datagram_after_the_delay_of_both_lines),
        cmocka_unit_test(tells_segments_of_one_send_as_one_batch),
        cmocka_unit_test(carries_an_empty_datagram),
        cmocka_unit_test(keeps_the_order_in_spite_of_jitter),
        cmocka_unit_test(loses_repeats_and_reorders_its_share),
        cmocka_unit_test(drops_what_is_larger_than_the_line_carries),
        cmocka_unit_test(sends_no_faster_than_its_bandwidth),
        cmocka_unit_test(says_again_and_then_writable),
        cmocka_unit_test(loses_everything_while_a_line_is_down),
        cmocka_unit_test(sleeps_with_its_clock_and_timers_standing_still),
        cmocka_unit_test(loses_what_is_under_way_to_an_address_that_moved),
        cmocka_unit_test(reaches_itself_by_every_address_it_has),
        cmocka_unit_test(keeps_networks_apart_and_multicast_on_its_own),
        cmocka_unit_test(broadcasts_when_allowed),
        cmocka_unit_test(speaks_ipv6_with_scopes),
        cmocka_unit_test(refuses_ports_addresses_and_descriptors_it_has_not),
        cmocka_unit_test(runs_alike_with_equal_seeds_only),
        cmocka_unit_test(carries_bytes_and_tells_edges),
        cmocka_unit_test(stops_a_writer_at_its_buffer_and_wakes_it),
        cmocka_unit_test(half_closes_and_tells_the_end_after_a_short_read),
        cmocka_unit_test(tells_a_reset_once_after_the_data),
        cmocka_unit_test(makes_a_reset_of_a_close_with_unread_data),
        cmocka_unit_test(breaks_a_pipe_that_nobody_reads),
        cmocka_unit_test(refuses_connections_nobody_waits_for),
        cmocka_unit_test(resets_callers_when_the_listener_closes),
        cmocka_unit_test(accepts_when_a_descriptor_is_free_again),
        cmocka_unit_test(knows_whose_a_connection_is),
        cmocka_unit_test(joins_unix_sockets_by_path),
        cmocka_unit_test(keeps_files_for_each_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
