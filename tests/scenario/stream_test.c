/* What TCP can say arrives at the other end: ends of data, resets, refusals, slowness. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

#define CALLERS 300

/* Services by hand on alice's host: each connection is kept for the test to play with. */
struct visitor {
    struct sim_gateway *at;
    struct sock_listener *listener;
    struct sock *sock;
    unsigned accepted;
};

static void on_visit(void *arg, struct sock *sock, const struct addr *from)
{
    struct visitor *v = arg;
    (void)from;
    v->sock = sock;
    v->accepted++;
}

static void open_door(struct visitor *v, struct sim_gateway *at, const char *local)
{
    static const struct listen_handler door = {on_visit};
    struct addr a;
    *v = (struct visitor){.at = at};
    assert_int_equal(addr_parse(&a, local), 0);
    assert_int_equal(sock_listen(&at->host.env, &v->listener, &a, &door, v), 0);
}

static void close_door(struct visitor *v)
{
    listener_close(&v->at->host.env, v->listener);
    if (v->sock)
        sock_close(&v->at->host.env, v->sock);
}

static ssize_t put(struct visitor *v, const char *text)
{
    struct iovec area = {(void *)(uintptr_t)text, strlen(text)};
    return sock_writev(&v->at->host.env, v->sock, &area, 1);
}

static ssize_t get(struct visitor *v, char *data, size_t len)
{
    struct iovec area = {data, len};
    return sock_readv(&v->at->host.env, v->sock, &area, 1);
}

static void brings_a_servers_reset_as_a_reset(void **state)
{
    struct sim_story *s = *state;
    sim_story_line(s, MSEC(40), 0);
    sim_story_call(s, 50 << 20);
    sim_story_wait(s, SEC(1));
    sim_echo_reset_all(&s->echo);
    assert_true(sim_world_run(&s->world, SEC(1), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
}

static void brings_a_clients_reset_as_a_reset(void **state)
{
    struct sim_story *s = *state;
    struct visitor v;
    char data[64];
    open_door(&v, &s->alice, "127.0.0.1:7001");
    sim_gateway_shares(&s->alice, "door", SERVICE_TCP, 8, "127.0.0.1:7001");
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "door", SERVICE_TCP);
    sim_caller_start(&s->caller, &s->bob.host.env, &port, 1000);
    s->caller.hold = true;
    sim_story_wait(s, SEC(1));
    assert_non_null(v.sock);
    sock_reset(&s->bob.host.env, s->caller.sock);
    s->caller.sock = NULL;
    sim_story_wait(s, SEC(1));
    assert_int_equal(get(&v, data, sizeof(data)), -ECONNRESET);
    close_door(&v);
}

static void lets_a_server_speak_first(void **state)
{
    struct sim_story *s = *state;
    struct visitor v;
    open_door(&v, &s->alice, "127.0.0.1:7001");
    sim_gateway_shares(&s->alice, "door", SERVICE_TCP, 8, "127.0.0.1:7001");
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "door", SERVICE_TCP);
    sim_caller_start(&s->caller, &s->bob.host.env, &port, 1);
    s->caller.hold = true;
    sim_story_wait(s, SEC(1));
    assert_non_null(v.sock); /* although the client has said nothing */
    assert_int_equal(put(&v, "220 ready\r\n"), 11);
    sim_story_wait(s, SEC(1));
    assert_int_equal(s->caller.received, 11);
    close_door(&v);
}

static void answers_after_the_clients_end_of_data(void **state)
{
    struct sim_story *s = *state;
    struct visitor v;
    char data[64];
    open_door(&v, &s->alice, "127.0.0.1:7001");
    sim_gateway_shares(&s->alice, "door", SERVICE_TCP, 8, "127.0.0.1:7001");
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "door", SERVICE_TCP);
    sim_caller_start(&s->caller, &s->bob.host.env, &port, 5); /* finishes behind 5 bytes */
    sim_story_wait(s, SEC(1));
    assert_int_equal(get(&v, data, sizeof(data)), 5);
    assert_int_equal(get(&v, data, sizeof(data)), 0);
    sim_story_wait(s, SEC(100)); /* half-closed for longer than any idle time */
    assert_false(sim_caller_over(&s->caller));
    assert_int_equal(put(&v, "late!"), 5);
    sock_close(&s->alice.host.env, v.sock);
    v.sock = NULL;
    sim_story_wait(s, SEC(1));
    assert_int_equal(s->caller.received, 5);
    assert_true(s->caller.ended);
    close_door(&v);
}

static void resets_the_caller_when_the_target_is_down(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_shares(&s->alice, "gone", SERVICE_TCP, 9, "127.0.0.1:7009");
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "gone", SERVICE_TCP);
    sim_caller_start(&s->caller, &s->bob.host.env, &port, 1000);
    assert_true(sim_world_run(&s->world, SEC(2), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
}

static void stops_the_writer_when_nobody_reads(void **state)
{
    struct sim_story *s = *state;
    s->echo.deaf = true;
    sim_story_line(s, MSEC(20), 0);
    sim_story_call(s, 100 << 20);
    sim_story_wait(s, SEC(10));
    uint64_t stuck_at = s->caller.sent;
    /* A send buffer and a stream window, and what the sockets hold. */
    assert_in_range(stuck_at, 1 << 20, 8 << 20);
    sim_story_wait(s, SEC(60));
    assert_int_equal(s->caller.sent, stuck_at);
    assert_false(sim_caller_over(&s->caller));
}

static void does_not_let_a_stuck_stream_hold_up_others(void **state)
{
    struct sim_story *s = *state;
    struct visitor v;
    struct sim_caller stuck;
    open_door(&v, &s->alice, "127.0.0.1:7001"); /* reads nothing */
    sim_gateway_shares(&s->alice, "door", SERVICE_TCP, 8, "127.0.0.1:7001");
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "door", SERVICE_TCP);
    sim_story_line(s, MSEC(20), 0);
    sim_caller_start(&stuck, &s->bob.host.env, &port, 100 << 20);
    sim_story_wait(s, SEC(5));
    sim_story_call(s, 4 << 20);
    sim_story_call_ends_well(s, SEC(60));
    sim_caller_deinit(&stuck);
    close_door(&v);
}

static bool all_over(void *callers)
{
    for (unsigned i = 0; i < CALLERS; i++)
        if (!sim_caller_over(&((struct sim_caller *)callers)[i]))
            return false;
    return true;
}

static void keeps_hundreds_of_streams_apart(void **state)
{
    struct sim_story *s = *state;
    static struct sim_caller caller[CALLERS];
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    sim_story_line(s, MSEC(40), 20);
    for (unsigned i = 0; i < CALLERS; i++)
        sim_caller_start(&caller[i], &s->bob.host.env, &port, 1000 + i * 97);
    assert_true(sim_world_run(&s->world, SEC(120), all_over, caller));
    for (unsigned i = 0; i < CALLERS; i++) {
        assert_true(sim_caller_is_right(&caller[i]));
        sim_caller_deinit(&caller[i]);
    }
    assert_int_equal(s->echo.accepted, CALLERS);
    sim_story_wait(s, SEC(5));
    assert_int_equal(s->echo.open, 0);
}

static void takes_a_service_back_from_those_who_use_it(void **state)
{
    struct sim_story *s = *state;
    sim_gateway_knows(&s->alice, &s->bob, "bob", NULL); /* who stays welcome without a service */
    sim_story_line(s, MSEC(40), 0);
    sim_story_call(s, 50 << 20);
    sim_story_wait(s, SEC(1));
    assert_int_equal(registry_service_remove(s->alice.registry, "echo"), 0);
    node_registry_changed(s->alice.node);
    assert_true(sim_world_run(&s->world, SEC(1), sim_caller_over, &s->caller));
    assert_int_equal(s->caller.error, -ECONNRESET);
    sim_story_wait(s, SEC(1));
    assert_int_equal(sim_gateway_view(&s->bob, &s->alice).service_count, 0);
}

static void goes_on_with_old_streams_when_descriptors_run_out(void **state)
{
    struct sim_story *s = *state;
    struct sim_caller late;
    sim_story_line(s, MSEC(20), 0);
    sim_story_call(s, 20 << 20);
    sim_story_wait(s, SEC(1));
    s->alice.host.fd_limit = s->alice.host.sockets;
    struct addr port = sim_gateway_opens(&s->bob, &s->alice, "echo", SERVICE_TCP);
    sim_caller_start(&late, &s->bob.host.env, &port, 1000);
    assert_true(sim_world_run(&s->world, SEC(12), sim_caller_over, &late));
    assert_int_equal(late.error, -ECONNRESET);
    sim_caller_deinit(&late);
    s->alice.host.fd_limit = 0;
    sim_story_call_ends_well(s, SEC(60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(brings_a_servers_reset_as_a_reset),
        SIM_STORY(brings_a_clients_reset_as_a_reset),
        SIM_STORY(lets_a_server_speak_first),
        SIM_STORY(answers_after_the_clients_end_of_data),
        SIM_STORY(resets_the_caller_when_the_target_is_down),
        SIM_STORY(stops_the_writer_when_nobody_reads),
        SIM_STORY(does_not_let_a_stuck_stream_hold_up_others),
        SIM_STORY(keeps_hundreds_of_streams_apart),
        SIM_STORY(takes_a_service_back_from_those_who_use_it),
        SIM_STORY(goes_on_with_old_streams_when_descriptors_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
