/* TCP between simulated hosts: through routers and over lines that lose, refused, ended, broken. */
#include "tests/sim/sim_tcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_router.h"

#define BYTES  300000
#define SERVER "198.51.100.1:443"

/* A program with one connection that writes BYTES numbered bytes and checks those it reads. */
struct end {
    struct sim_host host;
    struct sim_access access;
    struct sock_listener *listener;
    struct sock *sock;
    struct addr from; /* of the accepted */
    bool connected, ended, talks, slow;
    int connect_err, err;
    size_t written, heard, wrong;
};

struct stage {
    struct sim_world world;
    struct end a, b;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void write_some(struct end *e)
{
    while (e->talks && e->written < BYTES) {
        uint8_t data[5000];
        size_t len = BYTES - e->written < sizeof(data) ? BYTES - e->written : sizeof(data);
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)((e->written + i) % 251);
        ssize_t n = sock_writev(&e->host.env, e->sock, &(struct iovec){data, len}, 1);
        if (n < 0 && n != -EAGAIN)
            e->err = (int)n;
        if (n < 0)
            return;
        e->written += (size_t)n;
    }
}

static void read_some(struct end *e)
{
    uint8_t data[7000];
    ssize_t n = 1;
    while (!e->slow && n > 0) {
        n = sock_readv(&e->host.env, e->sock, &(struct iovec){data, sizeof(data)}, 1);
        for (ssize_t i = 0; i < n; i++, e->heard++)
            e->wrong += data[i] != e->heard % 251;
    }
    e->ended = e->ended || n == 0;
    if (n < 0 && n != -EAGAIN)
        e->err = (int)n;
}

static void on_ready(void *arg)
{
    write_some(arg);
    read_some(arg);
}

static void on_connect(void *arg, int err)
{
    struct end *e = arg;
    e->connected = err == 0;
    e->connect_err = err;
    if (err == 0)
        on_ready(e);
}

static const struct sock_handler handler = {on_connect, on_ready};

static void on_accept(void *arg, struct sock *sock, const struct addr *from)
{
    struct end *e = arg;
    assert_null(e->sock);
    e->sock = sock;
    e->from = *from;
    sock_attach(&e->host.env, sock, &handler, e);
}

static const struct listen_handler listen_handler = {on_accept};

static void begin(struct stage *s, const char *preset, unsigned loss)
{
    const struct sim_link line = {.delay = MSEC(10), .loss = loss};
    const struct addr local = at("0.0.0.0:443");
    memset(s, 0, sizeof(*s));
    sim_world_init(&s->world, 3);
    sim_host_init(&s->a.host, &s->world, "a");
    sim_host_init(&s->b.host, &s->world, "b");
    s->b.host.uid = 0;
    sim_access_init(&s->a.access, &s->world, preset, 1, "203.0.113.1");
    (void)sim_access_join(&s->a.access, &s->a.host, "192.168.1.2/24");
    (void)sim_host_join(&s->b.host, INTERNET, "198.51.100.1/24");
    sim_host_links(&s->a.host, &line);
    sim_host_links(&s->b.host, &line);
    assert_int_equal(sock_listen(&s->b.host.env, &s->b.listener, &local, &listen_handler, &s->b),
                     0);
}

static void drop(struct end *e)
{
    if (e->sock)
        sock_close(&e->host.env, e->sock);
    e->sock = NULL;
}

static void end(struct stage *s)
{
    drop(&s->a);
    drop(&s->b);
    if (s->a.listener)
        listener_close(&s->a.host.env, s->a.listener);
    if (s->b.listener)
        listener_close(&s->b.host.env, s->b.listener);
    sim_host_deinit(&s->a.host);
    sim_host_deinit(&s->b.host);
    sim_access_deinit(&s->a.access);
    sim_world_deinit(&s->world);
}

static void run(struct stage *s, instant span)
{
    (void)sim_world_run(&s->world, span, NULL, NULL);
}

static void call(struct end *e, const char *to)
{
    const struct addr remote = at(to);
    assert_int_equal(sock_connect(&e->host.env, &e->sock, &remote, &handler, e), 0);
}

static void a_connection_leaves_through_a_router_and_carries_bytes_both_ways(void **state)
{
    static const char *const presets[] = {"public", "poisonable", "sym_random", "cgnat",
                                          "udp_blocked"};
    (void)state;
    for (unsigned i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        struct stage s;
        begin(&s, presets[i], 0);
        s.a.talks = s.b.talks = true;
        call(&s.a, SERVER);
        assert_false(s.a.connected); /* not from inside the call */
        run(&s, SEC(10));
        assert_true(s.a.connected);
        assert_true(addr_same_ip(&s.b.from, (struct addr[]){at("203.0.113.1:0")}));
        assert_int_equal(s.a.heard, BYTES);
        assert_int_equal(s.b.heard, BYTES);
        assert_int_equal(s.a.wrong + s.b.wrong, 0);
        end(&s);
    }
}

static void lost_packets_are_sent_again(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "linux", 30);
    s.a.talks = s.b.talks = true;
    call(&s.a, SERVER);
    run(&s, SEC(600));
    assert_int_equal(s.a.heard, BYTES);
    assert_int_equal(s.b.heard, BYTES);
    assert_int_equal(s.a.wrong + s.b.wrong, 0);
    end(&s);
}

static void a_reader_that_stops_stops_the_writer_and_goes_on(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "linux", 10);
    s.a.talks = s.b.slow = true;
    call(&s.a, SERVER);
    run(&s, SEC(5));
    assert_true(s.a.written <= 2 * SIM_SOCK_BUFFER);
    s.b.slow = false;
    read_some(&s.b);
    run(&s, SEC(600));
    assert_int_equal(s.b.heard, BYTES);
    assert_int_equal(s.b.wrong, 0);
    end(&s);
}

static void what_was_written_arrives_before_the_end(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "linux", 20);
    s.a.talks = true;
    call(&s.a, SERVER);
    while (s.a.written < BYTES)
        run(&s, MSEC(100));
    drop(&s.a);
    run(&s, SEC(600));
    assert_int_equal(s.b.heard, BYTES);
    assert_true(s.b.ended);
    assert_int_equal(s.b.err, 0);
    end(&s);
}

static void one_side_may_end_while_the_other_talks(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "linux", 0);
    call(&s.a, SERVER);
    run(&s, SEC(1));
    sock_finish(&s.a.host.env, s.a.sock);
    run(&s, SEC(1));
    assert_true(s.b.ended);
    assert_false(s.a.ended);
    s.b.talks = true;
    write_some(&s.b);
    run(&s, SEC(10));
    assert_int_equal(s.a.heard, BYTES);
    end(&s);
}

static void an_end_is_acknowledged_and_the_other_may_talk_as_late_as_it_likes(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "public", 0);
    call(&s.a, SERVER);
    run(&s, SEC(1));
    sock_finish(&s.a.host.env, s.a.sock);
    run(&s, SEC(1));
    uint64_t trace = sim_world_trace(&s.world);
    run(&s, SEC(600));
    assert_true(trace == sim_world_trace(&s.world)); /* nothing is sent again */
    assert_int_equal(s.a.err, 0);
    s.b.talks = true;
    write_some(&s.b);
    run(&s, SEC(10));
    assert_int_equal(s.a.heard, BYTES);
    end(&s);
}

static void who_ends_first_hears_the_other_end_though_its_answer_gets_lost(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "public", 0);
    call(&s.a, SERVER);
    run(&s, SEC(1));
    drop(&s.a);
    run(&s, SEC(1));
    assert_true(s.b.ended);
    sock_finish(&s.b.host.env, s.b.sock);
    run(&s, MSEC(15)); /* it is on its way */
    s.a.host.up.down = true;
    run(&s, MSEC(50));
    s.a.host.up.down = false;
    run(&s, SEC(30));
    assert_int_equal(s.b.err, 0);
    drop(&s.b);
    run(&s, SEC(90));
    assert_true(list_is_empty(&s.a.host.tcp));
    assert_true(list_is_empty(&s.b.host.tcp));
    end(&s);
}

static void a_reset_is_told_as_an_error(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "linux", 0);
    call(&s.a, SERVER);
    run(&s, SEC(1));
    sock_reset(&s.a.host.env, s.a.sock);
    s.a.sock = NULL;
    run(&s, SEC(1));
    assert_int_equal(s.b.err, -ECONNRESET);
    end(&s);
}

static void a_port_where_nobody_listens_refuses(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "linux", 0);
    call(&s.a, "198.51.100.1:444");
    run(&s, SEC(1));
    assert_int_equal(s.a.connect_err, -ECONNREFUSED);
    end(&s);
}

static void from_outside_a_router_refuses_or_says_nothing(void **state)
{
    static const struct {
        const char *preset;
        int err;
    } cases[] = {{"linux", -ETIMEDOUT}, {"poisonable", -ECONNREFUSED}, {"public", 0}};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct stage s;
        const struct addr local = at("0.0.0.0:4443");
        begin(&s, cases[i].preset, 0);
        assert_int_equal(sock_listen(&s.a.host.env, &s.a.listener, &local, &listen_handler, &s.a),
                         0);
        call(&s.b, "203.0.113.1:4443");
        run(&s, SEC(300));
        assert_int_equal(s.b.connect_err, cases[i].err);
        assert_int_equal(s.b.connected, cases[i].err == 0);
        end(&s);
    }
}

static void a_cut_line_breaks_what_waits_for_an_answer(void **state)
{
    struct stage s;
    (void)state;
    begin(&s, "linux", 0);
    call(&s.a, SERVER);
    run(&s, SEC(1));
    s.a.host.up.down = true;
    s.a.talks = true;
    write_some(&s.a);
    run(&s, SEC(300));
    assert_int_equal(s.a.err, -ETIMEDOUT);
    end(&s);
}

static void whoever_goes_early_leaves_nothing_behind(void **state)
{
    (void)state;
    for (instant span = 0; span < MSEC(60); span += MSEC(5)) {
        struct stage s;
        begin(&s, "linux", 0);
        s.a.talks = s.b.talks = true;
        call(&s.a, SERVER);
        run(&s, span);
        listener_close(&s.b.host.env, s.b.listener);
        s.b.listener = NULL;
        run(&s, MSEC(5));
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_leaves_through_a_router_and_carries_bytes_both_ways),
        cmocka_unit_test(lost_packets_are_sent_again),
        cmocka_unit_test(a_reader_that_stops_stops_the_writer_and_goes_on),
        cmocka_unit_test(what_was_written_arrives_before_the_end),
        cmocka_unit_test(one_side_may_end_while_the_other_talks),
        cmocka_unit_test(an_end_is_acknowledged_and_the_other_may_talk_as_late_as_it_likes),
        cmocka_unit_test(who_ends_first_hears_the_other_end_though_its_answer_gets_lost),
        cmocka_unit_test(a_reset_is_told_as_an_error),
        cmocka_unit_test(a_port_where_nobody_listens_refuses),
        cmocka_unit_test(from_outside_a_router_refuses_or_says_nothing),
        cmocka_unit_test(a_cut_line_breaks_what_waits_for_an_answer),
        cmocka_unit_test(whoever_goes_early_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
