/* Names to addresses, asked of a name server that the test plays. */
#include "gateway/io/resolve.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/io/udp.h"
#include "tests/support/spin.h"

enum behaviour { ANSWER, NO_SUCH_NAME, NO_RECORD, SILENCE, REFUSE };

struct world {
    struct io_loop *loop;
    struct udp_socket *server;
    struct resolver *resolver;
    char servers[ADDR_TEXT_MAX];
    enum behaviour behaviour;
    unsigned queries;
    unsigned done;
    int err;
    int count;
    struct addr found[RESOLVE_MAX];
    struct resolve *running;
};

/* Turns the question into its answer: a header, the question as it was, one record. */
static void on_query(void *arg, const struct udp_rx *rx)
{
    struct world *w = arg;
    static const uint8_t A[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
    uint8_t out[512];
    w->queries++;
    if (w->behaviour == SILENCE || rx->len < 17 || rx->len > 400)
        return;
    size_t question = 12;
    while (question < rx->len && rx->data[question] != 0)
        question += rx->data[question] + 1u;
    bool wants_a = rx->data[question + 2] == 1;
    size_t len = question + 5; /* what follows (EDNS) is left out */
    memcpy(out, rx->data, len);
    out[2] |= 0x80; /* an answer */
    out[3] = (uint8_t)(w->behaviour == NO_SUCH_NAME ? 3 : w->behaviour == REFUSE ? 5 : 0);
    memset(out + 6, 0, 6);
    if (w->behaviour == ANSWER && wants_a) {
        out[7] = 1;
        memcpy(out + len, A, sizeof(A));
        len += sizeof(A);
    }
    struct udp_tx tx = {.to = &rx->from, .data = out, .len = len};
    assert_int_equal(io_udp_send(w->server, &tx), 0);
}

static const struct udp_handler SERVER = {on_query, NULL};

static void on_done(void *arg, int err, const struct addr *list, int count)
{
    struct world *w = arg;
    w->done++;
    w->err = err;
    w->count = count;
    memcpy(w->found, list, (size_t)count * sizeof(*list));
}

static int build(void **state)
{
    static struct world world;
    struct world *w = &world;
    struct addr local = addr_loopback(false, 0);
    memset(w, 0, sizeof(*w));
    assert_int_equal(io_loop_new(&w->loop), 0);
    assert_int_equal(io_udp_open(w->loop, &w->server, &local, 0, -1, &SERVER, w), 0);
    local = io_udp_local(w->server);
    (void)addr_print(&local, w->servers);
    assert_int_equal(resolver_new(&w->resolver, w->loop, w->servers), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    resolver_free(w->resolver);
    io_udp_close(w->server);
    return io_loop_free(w->loop);
}

static void start(struct world *w, const char *host, instant timeout)
{
    assert_int_equal(resolve_start(&w->running, w->resolver, host, 4433, timeout, on_done, w), 0);
    assert_int_equal(w->done, 0);
}

static void expect(struct world *w, int err, int count)
{
    assert_true(spin_until(w->loop, &w->done, 1));
    assert_int_equal(w->err, err);
    assert_int_equal(w->count, count);
    w->done = 0;
}

static void finds_an_address(void **state)
{
    struct world *w = *state;
    char text[ADDR_TEXT_MAX];
    start(w, "relay.example.net", 0);
    expect(w, 0, 1);
    assert_string_equal(addr_print(&w->found[0], text), "192.0.2.7:4433");
    start(w, "relay.example.net", 0); /* with a channel made anew */
    expect(w, 0, 1);
    assert_true(w->queries >= 2);
}

static void takes_an_address_as_it_is(void **state)
{
    struct world *w = *state;
    char text[ADDR_TEXT_MAX];
    start(w, "198.51.100.9", 0);
    expect(w, 0, 1);
    assert_string_equal(addr_print(&w->found[0], text), "198.51.100.9:4433");
    start(w, "2001:db8::7", 0);
    expect(w, 0, 1);
    assert_string_equal(addr_print(&w->found[0], text), "[2001:db8::7]:4433");
    assert_int_equal(w->queries, 0);
}

static void never_asks_ourselves(void **state)
{
    struct world *w = *state;
    struct addr own[2] = {addr_loopback(true, 53), addr_loopback(false, 53)};
    start(w, "relay.example.net", 0);
    expect(w, 0, 1);
    unsigned queries = w->queries;
    resolver_avoid(w->resolver, own, 2); /* another port than the server's */
    start(w, "relay.example.net", 0);
    expect(w, 0, 1);
    assert_true(w->queries > queries);
    queries = w->queries;
    own[1] = io_udp_local(w->server);
    resolver_avoid(w->resolver, own, 2);
    start(w, "relay.example.net", 0);
    expect(w, -EHOSTUNREACH, 0);
    assert_int_equal(w->queries, queries);
}

static void says_when_there_is_no_such_name(void **state)
{
    struct world *w = *state;
    w->behaviour = NO_SUCH_NAME;
    start(w, "nobody.example.net", 0);
    expect(w, -ENOENT, 0);
    w->behaviour = NO_RECORD;
    start(w, "empty.example.net", 0);
    expect(w, -ENOENT, 0);
}

static void says_when_the_server_refuses(void **state)
{
    struct world *w = *state;
    w->behaviour = REFUSE;
    start(w, "relay.example.net", 0);
    assert_true(spin_until(w->loop, &w->done, 1));
    assert_true(w->err < 0);
}

static void gives_up_after_the_time_it_was_given(void **state)
{
    struct world *w = *state;
    w->behaviour = SILENCE;
    instant begin = io_loop_now(w->loop);
    start(w, "slow.example.net", MSEC(30));
    expect(w, -ETIMEDOUT, 0);
    assert_true(io_loop_now(w->loop) - begin < SEC(1));
    w->behaviour = ANSWER;
    start(w, "relay.example.net", 0); /* and is not confused by that */
    expect(w, 0, 1);
}

static void is_quiet_after_a_cancel(void **state)
{
    struct world *w = *state;
    w->behaviour = SILENCE;
    start(w, "slow.example.net", MSEC(20));
    resolve_cancel(w->running);
    start(w, "slow.example.net", MSEC(20));
    spin_for(w->loop, MSEC(2));
    resolve_cancel(w->running);
    spin_for(w->loop, MSEC(30));
    assert_int_equal(w->done, 0);
    start(w, "198.51.100.9", 0); /* answered already, not yet told */
    resolve_cancel(w->running);
    spin_for(w->loop, MSEC(2));
    assert_int_equal(w->done, 0);
}

static void runs_several_at_a_time(void **state)
{
    struct world *w = *state;
    struct resolve *q;
    char name[32];
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "host%u.example.net", i);
        assert_int_equal(resolve_start(&q, w->resolver, name, 1, 0, on_done, w), 0);
    }
    assert_true(spin_until(w->loop, &w->done, 20));
    assert_int_equal(w->err, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)
    const struct CMUnitTest tests[] = {
        TEST(finds_an_address),
        TEST(takes_an_address_as_it_is),
        TEST(never_asks_ourselves),
        TEST(says_when_there_is_no_such_name),
        TEST(says_when_the_server_refuses),
        TEST(gives_up_after_the_time_it_was_given),
        TEST(is_quiet_after_a_cancel),
        TEST(runs_several_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
