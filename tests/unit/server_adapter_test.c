/* Peers' streams and flows to services, with a node, a pipe and local programs of the test's. */
#include "adapters/server_adapter.h"

#include <errno.h>
#include <stdlib.h>

#include "adapters/proxy_header.h"
#include "tests/support/local_world.h"
#include "tests/support/lone_node.h"

struct harness {
    struct node node;
    struct server_adapter *adapter;
    struct fake_pipe pipe;
    struct flow flow;
    struct addr own;
    const char *own_path;
    struct serve_lookup *lookup;
    char looked_up[256];
    unsigned cancelled;
};

static bool is_own_address(void *arg, const struct addr *a)
{
    struct harness *h = arg;
    return addr_equal(a, &h->own);
}

static bool is_own_path(void *arg, const char *path)
{
    struct harness *h = arg;
    return h->own_path && strcmp(path, h->own_path) == 0;
}

static int start_lookup(void *arg, const char *host, struct serve_lookup *l)
{
    struct harness *h = arg;
    (void)snprintf(h->looked_up, sizeof(h->looked_up), "%s", host);
    h->lookup = l;
    return 0;
}

static void cancel_lookup(void *arg, struct serve_lookup *l)
{
    struct harness *h = arg;
    assert_ptr_equal(l, h->lookup);
    h->cancelled++;
}

static struct serve_resolver resolver = {start_lookup, cancel_lookup, NULL};
static struct serve_own own = {is_own_address, is_own_path, NULL};

static int build(void **state)
{
    struct harness *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    lone_node_init(&h->node);
    lone_node_answering = &h->node;
    fake_pipe_init(&h->pipe);
    resolver.arg = own.arg = h;
    assert_int_equal(server_adapter_new(&h->adapter, &h->node, &resolver, &own), 0);
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct harness *h = *state;
    server_adapter_free(h->adapter);
    lone_node_deinit(&h->node);
    free(h);
    return 0;
}

static struct service *share(struct harness *h, const char *target)
{
    struct service s = {.name = "web", .proto = SERVICE_BOTH, .port = 80, .public = true};
    (void)strcpy(s.target, "localhost:1");
    assert_int_equal(registry_service_put(h->node.registry, &s), 0);
    /* The registry may be pickier about targets than we are. */
    struct service *put = registry_service(h->node.registry, "web");
    (void)snprintf(put->target, sizeof(put->target), "%s", target);
    return put;
}

static void stream_comes(struct harness *h)
{
    struct service *s = registry_service(h->node.registry, "web");
    h->node.server->on_stream(h->node.server_arg, &h->node.bob, s, &h->pipe.pipe);
    fake_env_settle(&h->node.fake);
}

/* A stream to a target that answers. Returns the target's end. */
static struct sock *joined(struct harness *h)
{
    stream_comes(h);
    struct sock *sock = fake_last_connect(&h->node.fake);
    assert_non_null(sock);
    fake_sock_connected(sock, 0);
    fake_env_settle(&h->node.fake);
    assert_int_equal(h->node.answers, 1);
    assert_int_equal(h->node.answer, PREAMBLE_OK);
    return sock;
}

static void expect_refusal(struct harness *h, enum preamble_status status)
{
    struct preamble_answer answer;
    assert_int_equal(h->node.answers, 0);
    assert_true(preamble_answer_read(&answer, h->pipe.sent, h->pipe.sent_len) > 0);
    assert_int_equal(answer.status, status);
    assert_true(strlen(answer.reason) > 0);
    assert_true(h->pipe.finished);
    fake_pipe_end(&h->pipe);
    fake_env_settle(&h->node.fake);
    assert_true(fake_pipe_is_over(&h->pipe));
}

static void expect_heard(struct sock *sock, const char *text)
{
    char heard[4096];
    size_t len = fake_sock_heard(sock, heard, sizeof(heard));
    assert_int_equal(len, strlen(text));
    assert_memory_equal(heard, text, len);
}

static void bytes_go_both_ways_and_are_counted(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "localhost:3000");
    fake_pipe_say(&h->pipe, "early ");
    struct sock *sock = joined(h);
    fake_pipe_say(&h->pipe, "question");
    fake_env_settle(&h->node.fake);
    expect_heard(sock, "early question");
    fake_sock_says(sock, "answer", 6);
    fake_env_settle(&h->node.fake);
    assert_string_equal(fake_pipe_heard(&h->pipe), "answer");
    assert_int_equal(s->connections, 1);
    assert_int_equal(s->rx_bytes, 14);
    assert_int_equal(s->tx_bytes, 6);

    fake_sock_ends(sock);
    fake_env_settle(&h->node.fake);
    assert_true(h->pipe.finished);
    assert_false(fake_pipe_is_over(&h->pipe)); /* half-closed: the other way goes on */
    fake_pipe_end(&h->pipe);
    fake_env_settle(&h->node.fake);
    assert_true(h->pipe.closed && fake_sock_closed(sock));
    assert_false(fake_sock_was_reset(sock));
}

static void a_reset_of_the_program_is_a_reset_of_the_stream(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    struct sock *sock = joined(h);
    fake_sock_fails(sock, -ECONNRESET);
    fake_env_settle(&h->node.fake);
    assert_true(h->pipe.reset);
    assert_int_equal(h->pipe.why, PIPE_RESET_ABORTED);
}

static void a_reset_of_the_stream_is_a_reset_of_the_connection(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    struct sock *sock = joined(h);
    fake_pipe_break(&h->pipe, PIPE_RESET_ABORTED);
    fake_env_settle(&h->node.fake);
    assert_true(fake_sock_was_reset(sock));
}

static void the_other_loopback_is_tried_when_the_first_refuses(void **state)
{
    struct harness *h = *state;
    char text[ADDR_TEXT_MAX];
    (void)share(h, "localhost:3000");
    stream_comes(h);
    struct sock *first = fake_last_connect(&h->node.fake);
    struct addr a = fake_sock_remote(first);
    assert_string_equal(addr_print(&a, text), "127.0.0.1:3000");
    fake_sock_connected(first, -ECONNREFUSED);
    assert_true(fake_sock_closed(first));
    struct sock *second = fake_last_connect(&h->node.fake);
    a = fake_sock_remote(second);
    assert_string_equal(addr_print(&a, text), "[::1]:3000");
    fake_sock_connected(second, 0);
    assert_int_equal(h->node.answer, PREAMBLE_OK);
    assert_int_equal(h->node.answers, 1);
}

static void a_program_that_is_not_there_is_said(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    stream_comes(h);
    fake_sock_connected(fake_last_connect(&h->node.fake), -ECONNREFUSED);
    fake_sock_connected(fake_last_connect(&h->node.fake), -EADDRNOTAVAIL);
    expect_refusal(h, PREAMBLE_REFUSED);
}

static void a_program_that_is_silent_is_given_ten_seconds(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    stream_comes(h);
    struct sock *sock = fake_last_connect(&h->node.fake);
    fake_env_advance(&h->node.fake, SEC(10) - 1);
    assert_int_equal(h->pipe.sent_len, 0);
    fake_env_advance(&h->node.fake, 1);
    assert_true(fake_sock_closed(sock));
    expect_refusal(h, PREAMBLE_TIMED_OUT);
}

static void being_out_of_descriptors_is_busy(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    h->node.fake.connect_error = -EMFILE;
    stream_comes(h);
    expect_refusal(h, PREAMBLE_BUSY);
}

static void a_caller_that_leaves_ends_the_dialling(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    stream_comes(h);
    struct sock *sock = fake_last_connect(&h->node.fake);
    fake_pipe_break(&h->pipe, PIPE_RESET_SESSION_LOST);
    assert_true(fake_sock_closed(sock));
    assert_true(fake_pipe_is_over(&h->pipe));
}

static void our_own_doors_are_not_dialled(void **state)
{
    struct harness *h = *state;
    (void)share(h, "127.0.0.53:7777");
    assert_int_equal(addr_parse(&h->own, "127.0.0.53:7777"), 0);
    stream_comes(h);
    assert_null(fake_last_connect(&h->node.fake));
    expect_refusal(h, PREAMBLE_REFUSED);
}

static void our_control_socket_is_not_dialled(void **state)
{
    struct harness *h = *state;
    (void)share(h, "unix:/home/overlay/control.sock");
    h->own_path = "/home/overlay/control.sock";
    stream_comes(h);
    assert_null(fake_last_connect(&h->node.fake));
    expect_refusal(h, PREAMBLE_REFUSED);
}

static void unix_sockets_are_dialled_by_their_path(void **state)
{
    struct harness *h = *state;
    (void)share(h, "unix:/run/app.sock");
    struct sock *sock = joined(h);
    assert_string_equal(fake_sock_path(sock), "/run/app.sock");
    fake_pipe_say(&h->pipe, "x");
    fake_env_settle(&h->node.fake);
    expect_heard(sock, "x");
}

static void names_of_other_hosts_are_looked_up(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "printer.lan:631");
    s->off_host = true;
    stream_comes(h);
    assert_string_equal(h->looked_up, "printer.lan");
    struct addr found[3];
    assert_int_equal(addr_parse(&found[0], "169.254.169.254:0"), 0);
    assert_int_equal(addr_parse(&found[1], "192.0.2.9:0"), 0);
    h->lookup->done(h->lookup, 0, found, 2);
    char text[ADDR_TEXT_MAX];
    struct sock *sock = fake_last_connect(&h->node.fake);
    struct addr a = fake_sock_remote(sock);
    assert_string_equal(addr_print(&a, text), "192.0.2.9:631");
    fake_sock_connected(sock, 0);
    assert_int_equal(h->node.answer, PREAMBLE_OK);
    assert_int_equal(h->cancelled, 0);
}

static void a_name_that_leads_nowhere_good_is_refused(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "printer.lan:631");
    s->off_host = true;
    stream_comes(h);
    struct addr found;
    assert_int_equal(addr_parse(&found, "169.254.169.254:0"), 0);
    h->lookup->done(h->lookup, 0, &found, 1);
    expect_refusal(h, PREAMBLE_REFUSED);
}

static void a_look_up_ends_with_its_time(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "printer.lan:631");
    s->off_host = true;
    stream_comes(h);
    fake_env_advance(&h->node.fake, SEC(10));
    assert_int_equal(h->cancelled, 1);
    expect_refusal(h, PREAMBLE_TIMED_OUT);
}

static void proxy_protocol_comes_before_the_first_byte(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "127.0.0.1:3000");
    s->proxy_protocol = true;
    fake_pipe_say(&h->pipe, "GET");
    struct sock *sock = joined(h);
    uint8_t heard[256];
    char id[PEER_ID_TEXT_MAX];
    assert_int_equal(fake_sock_heard(sock, heard, sizeof(heard)), PROXY_HEADER_LEN + 3);
    assert_memory_equal(heard, "\r\n\r\n\0\r\nQUIT\n\x21\x11", 14);
    assert_memory_equal(heard + 31, peer_id_print(&h->node.bob, id), 52);
    assert_memory_equal(heard + 83, "GET", 3);
}

static bool dials_as_one_who_speaks(struct harness *h)
{
    struct sock *sock = joined(h);
    fake_sock_fails(sock, -ECONNRESET);
    fake_env_settle(&h->node.fake);
    bool speaks = fake_sock_speaks(sock);
    fake_pipe_init(&h->pipe);
    h->node.answers = 0;
    return speaks;
}

static void a_target_is_told_that_bytes_follow(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "127.0.0.1:3000");
    assert_false(dials_as_one_who_speaks(h)); /* the target may be the one to speak first */
    fake_pipe_say(&h->pipe, "GET");
    assert_true(dials_as_one_who_speaks(h));

    s->peer_header = true; /* which waits for a whole head */
    fake_pipe_say(&h->pipe, "GET");
    assert_false(dials_as_one_who_speaks(h));

    s->peer_header = false;
    s->proxy_protocol = true;
    assert_true(dials_as_one_who_speaks(h));
}

static void a_removed_service_ends_its_streams_at_once(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    struct sock *sock = joined(h);
    h->node.watch->changed(h->node.watch, NULL);
    assert_false(fake_pipe_is_over(&h->pipe)); /* another change ends nothing */
    assert_int_equal(registry_service_remove(h->node.registry, "web"), 0);
    h->node.watch->changed(h->node.watch, NULL);
    assert_true(h->pipe.reset);
    assert_true(fake_sock_was_reset(sock));
}

static void a_newly_denied_peer_is_cut_off_while_dialling_too(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    stream_comes(h);
    struct sock *sock = fake_last_connect(&h->node.fake);
    assert_int_equal(registry_deny(h->node.registry, "web", &h->node.bob), 0);
    h->node.watch->changed(h->node.watch, NULL);
    assert_true(h->pipe.reset);
    assert_true(fake_sock_closed(sock));
}

static void one_peer_cannot_have_all_connections(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "localhost:3000");
    struct fake_pipe *many[4];
    struct peer_id ann = fake_peer_id(71), ben = fake_peer_id(72);
    int err;
    assert_non_null(registry_peer_add(h->node.registry, &ann, &err));
    server_adapter_limit(h->adapter, 4); /* three each, or for all strangers */
    for (size_t i = 0; i < 4; i++) {
        many[i] = calloc(1, sizeof(*many[i]));
        assert_non_null(many[i]);
        fake_pipe_init(many[i]);
        struct peer_id stranger = fake_peer_id((uint8_t)(73 + i));
        h->node.server->on_stream(h->node.server_arg, i < 3 ? &stranger : &ann, s, &many[i]->pipe);
    }
    assert_int_equal(many[3]->sent_len, 0); /* is being dialled */
    h->node.server->on_stream(h->node.server_arg, &ben, s, &h->pipe.pipe);
    expect_refusal(h, PREAMBLE_BUSY);
    /* One that ends makes room. */
    fake_pipe_break(many[0], PIPE_RESET_ABORTED);
    fake_pipe_init(&h->pipe);
    h->node.server->on_stream(h->node.server_arg, &ben, s, &h->pipe.pipe);
    fake_env_settle(&h->node.fake);
    assert_int_equal(h->pipe.sent_len, 0);
    server_adapter_free(h->adapter);
    for (size_t i = 0; i < 4; i++)
        free(many[i]);
    assert_int_equal(server_adapter_new(&h->adapter, &h->node, NULL, NULL), 0);
}

static void its_end_ends_all_streams(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:3000");
    struct fake_pipe *many[3];
    struct service *s = registry_service(h->node.registry, "web");
    for (size_t i = 0; i < 3; i++) {
        many[i] = calloc(1, sizeof(*many[i]));
        assert_non_null(many[i]);
        fake_pipe_init(many[i]);
        h->node.server->on_stream(h->node.server_arg, &h->node.bob, s, &many[i]->pipe);
    }
    server_adapter_free(h->adapter);
    for (size_t i = 0; i < 3; i++) {
        assert_true(many[i]->reset);
        free(many[i]);
    }
    assert_null(h->node.server);
    assert_int_equal(server_adapter_new(&h->adapter, &h->node, NULL, NULL), 0);
}

/* ---- flows ---- */

static struct udp_socket *flow_comes(struct harness *h)
{
    struct service *s = registry_service(h->node.registry, "web");
    uint16_t before = h->node.fake.next_port;
    h->flow = (struct flow){.node = &h->node};
    h->node.server->on_flow(h->node.server_arg, &h->node.bob, s, &h->flow);
    return fake_udp_on(&h->node.fake, before);
}

static void datagrams_go_both_ways(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "localhost:5353");
    struct udp_socket *u = flow_comes(h);
    char text[ADDR_TEXT_MAX];
    assert_non_null(u);
    assert_int_equal(h->flow.status, PREAMBLE_OK);
    assert_true(h->flow.answered);

    h->flow.handler->on_datagram(h->flow.arg, (const uint8_t *)"ping", 4);
    assert_int_equal(h->node.fake.sent_count, 1);
    assert_string_equal(addr_print(&h->node.fake.sent[0].to, text), "127.0.0.1:5353");
    assert_memory_equal(h->node.fake.sent[0].data, "ping", 4);

    struct addr target = addr_loopback(false, 5353), other = addr_loopback(false, 5354);
    fake_udp_arrives(&h->node.fake, u, &target, "pong!", 5);
    fake_udp_arrives(&h->node.fake, u, &other, "forged", 6);
    assert_int_equal(h->flow.sent_count, 1);
    assert_int_equal(h->flow.sent_len, 5);
    fake_udp_arrives(&h->node.fake, u, &target, "", 0); /* empty, but a datagram */
    assert_int_equal(h->flow.sent_count, 2);
    assert_int_equal(h->flow.sent_len, 0);
    assert_int_equal(s->rx_bytes, 4);
    assert_int_equal(s->tx_bytes, 5);
    assert_int_equal(s->connections, 1);
    h->flow.handler->on_end(h->flow.arg);
}

static void a_flow_to_nowhere_is_refused(void **state)
{
    struct harness *h = *state;
    (void)share(h, "unix:/run/app.sock");
    (void)flow_comes(h);
    assert_int_equal(h->flow.status, PREAMBLE_REFUSED);
    (void)share(h, "192.0.2.1:53");
    (void)flow_comes(h);
    assert_int_equal(h->flow.status, PREAMBLE_REFUSED);
    (void)share(h, "127.0.0.1:53");
    h->node.fake.udp_open_error = -EMFILE;
    (void)flow_comes(h);
    assert_int_equal(h->flow.status, PREAMBLE_BUSY);
}

static void a_flow_waits_for_its_name(void **state)
{
    struct harness *h = *state;
    struct service *s = share(h, "dns.lan:53");
    s->off_host = true;
    (void)flow_comes(h);
    assert_false(h->flow.answered);
    h->flow.handler->on_datagram(h->flow.arg, (const uint8_t *)"x", 1); /* dropped */
    struct addr found;
    assert_int_equal(addr_parse(&found, "192.0.2.53:0"), 0);
    h->lookup->done(h->lookup, 0, &found, 1);
    assert_int_equal(h->flow.status, PREAMBLE_OK);
    h->flow.handler->on_datagram(h->flow.arg, (const uint8_t *)"y", 1);
    assert_int_equal(h->node.fake.sent_count, 1);

    struct flow first = h->flow;
    (void)flow_comes(h);
    h->flow.handler->on_end(h->flow.arg); /* lost while its name is looked up */
    assert_int_equal(h->cancelled, 1);
    first.handler->on_end(first.arg);
}

static void a_removed_service_ends_its_flows(void **state)
{
    struct harness *h = *state;
    (void)share(h, "localhost:5353");
    (void)flow_comes(h);
    assert_int_equal(registry_service_remove(h->node.registry, "web"), 0);
    h->node.watch->changed(h->node.watch, &h->node.bob); /* a peer's own affair */
    assert_false(h->flow.closed);
    h->node.watch->changed(h->node.watch, NULL);
    assert_true(h->flow.closed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways_and_are_counted),
        TEST(a_reset_of_the_program_is_a_reset_of_the_stream),
        TEST(a_reset_of_the_stream_is_a_reset_of_the_connection),
        TEST(the_other_loopback_is_tried_when_the_first_refuses),
        TEST(a_program_that_is_not_there_is_said),
        TEST(a_program_that_is_silent_is_given_ten_seconds),
        TEST(being_out_of_descriptors_is_busy),
        TEST(a_caller_that_leaves_ends_the_dialling),
        TEST(our_own_doors_are_not_dialled),
        TEST(our_control_socket_is_not_dialled),
        TEST(unix_sockets_are_dialled_by_their_path),
        TEST(names_of_other_hosts_are_looked_up),
        TEST(a_name_that_leads_nowhere_good_is_refused),
        TEST(a_look_up_ends_with_its_time),
        TEST(proxy_protocol_comes_before_the_first_byte),
        TEST(a_target_is_told_that_bytes_follow),
        TEST(a_removed_service_ends_its_streams_at_once),
        TEST(a_newly_denied_peer_is_cut_off_while_dialling_too),
        TEST(one_peer_cannot_have_all_connections),
        TEST(its_end_ends_all_streams),
        TEST(datagrams_go_both_ways),
        TEST(a_flow_to_nowhere_is_refused),
        TEST(a_flow_waits_for_its_name),
        TEST(a_removed_service_ends_its_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
