/* The proxy with the test as the browser and as the services of the peers. */
#include "adapters/browser_proxy.h"

#include "gateway/wire/socks5.h"
#include "tests/support/local_node.h"

static struct world world;
static struct node node;
static struct peer_view *alice, *bob;
static struct remote_service *alice_web;
static struct local_users users;
static struct proxy *proxy;
static char why[256];
static uint16_t next_port;

static int start(bool configured)
{
    struct proxy_options options = {
        .node = &node,
        .users = &users,
        .suffix = "overlay",
        .listen = {addr_loopback(false, 7777), addr_loopback(true, 7777)},
        .configured = configured,
    };
    return proxy_new(&proxy, &options, why, sizeof(why));
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world.uid = 1000;
    local_node_init(&node, &world);
    the_node = &node;
    alice = local_node_peer(&node, "alice");
    alice_web = local_node_service(alice, "web", 3000, SERVICE_TCP);
    local_node_service(alice, "ssh", 22, SERVICE_TCP);
    local_node_service(alice, "game", 7000, SERVICE_UDP);
    bob = local_node_peer(&node, "bob");
    local_node_service(bob, "wiki", 8080, SERVICE_TCP);
    local_node_service(bob, "dns", 53, SERVICE_UDP);
    users = (struct local_users){.uid = {1000}, .count = 1};
    next_port = 40000;
    proxy = NULL;
    return start(false);
}

static int tear_down(void **state)
{
    (void)state;
    proxy_free(proxy);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static struct sock *dial(void)
{
    return world_dial(&world, "127.0.0.1:7777", next_port++);
}

/* A client that says this. */
static struct sock *client(const char *text)
{
    struct sock *s = dial();
    assert_non_null(s);
    world_say(s, text);
    return s;
}

static struct far_stream *newest(void)
{
    return local_node_stream(&node);
}

static void assert_status(struct sock *s, unsigned status)
{
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "HTTP/1.1 %u ", status);
    if (strncmp(world_heard(s), wanted, strlen(wanted)) != 0)
        fail_msg("wanted %u, heard: %s", status, world_heard(s));
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

#define GET "GET /x?y HTTP/1.1\r\nHost: web.alice.overlay.localhost:7777\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct far_stream *answered(void)
{
    local_node_answer(newest(), PREAMBLE_OK, "");
    return newest();
}

static void routes_by_host_and_leaves_it_as_it_was(void **state)
{
    (void)state;
    char via[64], id[9];
    struct sock *s = client(GET);
    struct far_stream *far = answered();
    assert_string_equal(far->what.name, "web");
    const char *heard = fake_pipe_heard(&far->far);
    assert_memory_equal(heard, "GET /x?y HTTP/1.1\r\nHost: web.alice.overlay.localhost:7777\r\n",
                        59);
    snprintf(via, sizeof(via), "Via: 1.1 overlay-%s\r\n\r\n", peer_id_short(&node.keys.id, id));
    assert_true(has(heard, via));
    fake_pipe_say(&far->far, OK);
    assert_string_equal(world_heard(s), OK);
    assert_false(has(world_heard(s), "treat-as-public"));
}

static void sends_the_request_before_the_far_side_has_answered(void **state)
{
    (void)state;
    struct sock *s = client(GET);
    assert_true(newest()->far.sent_len > 0);
    fake_pipe_say(&newest()->far, OK);
    assert_int_equal(s->out_len, 0);
    (void)answered();
    assert_string_equal(world_heard(s), OK);
}

static void keeps_stream_and_connection_for_the_next_request(void **state)
{
    (void)state;
    struct sock *s = client(GET);
    struct far_stream *far = answered();
    for (int i = 0; i < 5; i++) {
        fake_pipe_say(&far->far, OK);
        assert_string_equal(world_heard(s), OK);
        world_forget(s);
        fake_pipe_take(&far->far);
        world_say(s, GET);
        assert_int_equal(node.stream_count, 1);
        assert_true(far->far.sent_len > 0);
    }
}

static void routes_every_request_of_a_connection_on_its_own(void **state)
{
    (void)state;
    struct sock *s = client(GET "GET /b HTTP/1.1\r\nHost: wiki.bob.overlay\r\n\r\n");
    struct far_stream *far = answered();
    assert_int_equal(node.stream_count, 1); /* the second waits for the first */
    fake_pipe_say(&far->far, OK);
    assert_int_equal(node.stream_count, 2);
    assert_true(far->far.finished && !far->far.reset);
    assert_string_equal(newest()->what.name, "wiki");
    assert_memory_equal(fake_pipe_heard(&newest()->far), "GET /b ", 7);
    (void)answered();
    fake_pipe_say(&newest()->far, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_string_equal(world_heard(s), OK "HTTP/1.1 204 No Content\r\n\r\n");
}

static void a_bare_name_means_the_default_service(void **state)
{
    (void)state;
    (void)client("GET / HTTP/1.1\r\nHost: alice.overlay.localhost:7777\r\n\r\n");
    assert_string_equal(newest()->what.name, "web"); /* it has that name */
    (void)client("GET / HTTP/1.1\r\nHost: bob.overlay\r\n\r\n");
    assert_string_equal(newest()->what.name, "wiki"); /* it is the only one of TCP */

    struct peer_view *carol = local_node_peer(&node, "carol");
    struct sock *s = client("GET / HTTP/1.1\r\nHost: carol.overlay\r\n\r\n");
    assert_status(s, 404);
    local_node_service(carol, "a", 1, SERVICE_TCP);
    local_node_service(carol, "b", 2, SERVICE_TCP);
    s = client("GET / HTTP/1.1\r\nHost: carol.overlay\r\n\r\n");
    assert_status(s, 404);
    assert_true(has(world_heard(s), "several services"));
}

static void absolute_targets_become_origin_form(void **state)
{
    (void)state;
    struct sock *s = client("GET http://alice.overlay:3000/p?q#f HTTP/1.1\r\n"
                            "Host: elsewhere.example\r\nProxy-Connection: keep-alive\r\n\r\n");
    struct far_stream *far = answered();
    const char *heard = fake_pipe_heard(&far->far);
    assert_memory_equal(heard, "GET /p?q HTTP/1.1\r\nHost: alice.overlay:3000\r\n", 45);
    assert_false(has(heard, "elsewhere"));
    assert_false(has(heard, "Proxy-Connection"));
    fake_pipe_say(&far->far, OK);
    assert_true(has(world_heard(s), "Content-Security-Policy: treat-as-public-address\r\n"));

    (void)client("GET http://alice.overlay HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    assert_memory_equal(fake_pipe_heard(&newest()->far), "GET / HTTP/1.1\r\n", 16);
    s = client("GET http://alice.overlay:22/ HTTP/1.1\r\nHost: alice.overlay:22\r\n\r\n");
    assert_string_equal(newest()->what.name, "ssh");
    assert_status(client("GET https://alice.overlay/ HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    assert_status(client("GET http://127.0.0.1:9000/ HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n"),
                  403);
}

static void hop_by_hop_fields_stay_on_their_hop(void **state)
{
    (void)state;
    struct sock *s =
        client("GET / HTTP/1.1\r\nHost: alice.overlay\r\n"
               "Connection: keep-alive, X-Secret, Host\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
               "X-Secret: 1\r\nX-Stays: 2\r\nUpgrade: h2c\r\n\r\n");
    struct far_stream *far = answered();
    const char *heard = fake_pipe_heard(&far->far);
    assert_false(has(heard, "Connection") || has(heard, "Keep-Alive") || has(heard, "TE:"));
    assert_false(has(heard, "X-Secret") || has(heard, "Upgrade"));
    assert_true(has(heard, "X-Stays: 2\r\n") && has(heard, "Host: alice.overlay\r\n"));
    fake_pipe_say(&far->far, "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 9\r\n"
                             "X-Stays: 3\r\nContent-Length: 0\r\n\r\n");
    assert_string_equal(world_heard(s),
                        "HTTP/1.1 200 OK\r\nX-Stays: 3\r\nContent-Length: 0\r\n\r\n");
}

static void bodies_pass_both_ways_in_every_framing(void **state)
{
    (void)state;
    struct sock *s =
        client("POST / HTTP/1.1\r\nHost: alice.overlay\r\nContent-Length: 10\r\n\r\n01234");
    struct far_stream *far = answered();
    world_say(s, "56789");
    assert_true(has(fake_pipe_heard(&far->far), "\r\n\r\n0123456789"));
    fake_pipe_say(&far->far, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_string_equal(world_heard(s), "HTTP/1.1 100 Continue\r\n\r\n");
    world_forget(s);
    static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n";
    for (size_t i = 0; i < sizeof(chunked) - 1; i++)
        fake_pipe_send(&far->far, chunked + i, 1);
    assert_string_equal(world_heard(s), chunked);
    world_forget(s);
    fake_pipe_take(&far->far);

    world_say(
        s, "POST / HTTP/1.1\r\nHost: alice.overlay\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
    world_say(s, "c\r\n0\r\n\r\n" GET);
    assert_true(has(fake_pipe_heard(&far->far), "\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
    assert_false(has(fake_pipe_heard(&far->far), "GET"));
    fake_pipe_take(&far->far);
    fake_pipe_say(&far->far, OK);
    assert_memory_equal(fake_pipe_heard(&far->far), "GET", 3);
    fake_pipe_say(&far->far, "HTTP/1.1 200 OK\r\n\r\nto the end");
    assert_false(s->finished);
    fake_pipe_end(&far->far);
    assert_true(has(world_heard(s), "Connection: close\r\n\r\nto the end"));
    assert_true(s->finished);
    world_finish(s);
}

static void a_large_body_is_moved_in_turns_and_waits_for_its_reader(void **state)
{
    (void)state;
    static char bulk[400 * 1024];
    memset(bulk, 'x', sizeof(bulk));
    struct sock *s = client(GET);
    struct far_stream *far = answered();
    s->room = 1000;
    fake_pipe_say(&far->far, "HTTP/1.1 200 OK\r\nContent-Length: 409600\r\n\r\n");
    fake_pipe_send(&far->far, bulk, sizeof(bulk));
    assert_int_equal(s->out_len, 1000);
    world_make_room(s, WORLD_BUFFER - 2000);
    assert_int_equal(s->out_len, sizeof(bulk) + 43);
    world_forget(s);
    fake_pipe_take(&far->far);
    world_make_room(s, 1000);

    far->far.window = 100 * 1024;
    world_say(s, "POST / HTTP/1.1\r\nHost: web.alice.overlay\r\nContent-Length: 409600\r\n\r\n");
    world_send(s, bulk, sizeof(bulk));
    size_t got = far->far.sent_len;
    assert_int_equal(got, 100 * 1024);
    for (int i = 0; i < 4; i++) {
        fake_pipe_take(&far->far);
        world_run(&world);
        got += far->far.sent_len;
    }
    assert_true(got > sizeof(bulk) && got < sizeof(bulk) + 200);
    assert_int_equal(s->in_len, 0);
}

static void heads_of_answers_may_come_in_pieces(void **state)
{
    (void)state;
    struct sock *s = client("HEAD / HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    struct far_stream *far = answered();
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\n";
    for (size_t i = 0; i < sizeof(head) - 1; i++)
        fake_pipe_send(&far->far, head + i, 1);
    assert_string_equal(world_heard(s), head);
    fake_pipe_take(&far->far);
    world_say(s, "HEAD / HTTP/1.1\r\nHost: alice.overlay\r\n\r\n"); /* there is no body */
    assert_true(far->far.sent_len > 0);
}

static void interim_answers_without_end_fill_no_memory(void **state)
{
    (void)state;
    static const char interim[] = "HTTP/1.1 103 Early Hints\r\n\r\n";
    enum { LEN = sizeof(interim) - 1, COUNT = 1000 };
    struct sock *s = client(GET);
    struct far_stream *far = answered();
    s->room = 10; /* the client reads no more */
    for (int i = 0; i < COUNT; i++)
        fake_pipe_say(&far->far, interim);
    assert_true(far->far.coming_len >= (COUNT - 2) * LEN);
    fake_pipe_say(&far->far, OK);
    world_make_room(s, WORLD_BUFFER - 10);
    assert_int_equal(s->out_len, COUNT * LEN + strlen(OK));
}

static void an_upgrade_becomes_a_tunnel(void **state)
{
    (void)state;
    struct sock *s =
        client("GET /ws HTTP/1.1\r\nHost: alice.overlay\r\nConnection: keep-alive, "
               "Upgrade\r\nUpgrade: websocket\r\nOrigin: http://alice.overlay\r\n\r\n");
    struct far_stream *far = answered();
    assert_true(has(fake_pipe_heard(&far->far), "Upgrade: websocket\r\n"));
    assert_true(has(fake_pipe_heard(&far->far), "Connection: Upgrade\r\n\r\n"));
    fake_pipe_say(&far->far, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                             "Upgrade: websocket\r\n\r\nframe");
    world_run(&world);
    assert_true(has(world_heard(s), "Connection: Upgrade\r\n\r\nframe"));
    fake_pipe_take(&far->far);
    world_say(s, "GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n"); /* just bytes now */
    assert_memory_equal(far->far.sent, "GET / HTTP/1.1", 14);
    world_finish(s);
    fake_pipe_end(&far->far);
    world_run(&world);
    assert_true(s->closed);
}

static void connect_opens_a_tunnel_to_any_port_of_the_peer(void **state)
{
    (void)state;
    struct sock *s = client("CONNECT alice.overlay:22 HTTP/1.1\r\nHost: alice.overlay:22\r\n\r\n");
    assert_string_equal(newest()->what.name, "ssh");
    assert_int_equal(s->out_len, 0);
    struct far_stream *far = answered();
    world_run(&world);
    assert_status(s, 200);
    fake_pipe_say(&far->far, "SSH-2.0-x\r\n");
    assert_true(has(world_heard(s), "\r\n\r\nSSH-2.0-x\r\n"));
    world_say(s, "SSH-2.0-y\r\n");
    assert_string_equal(fake_pipe_heard(&far->far), "SSH-2.0-y\r\n");

    (void)client("CONNECT alice.overlay:80 HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    assert_string_equal(newest()->what.name, "web");
    assert_status(client("CONNECT alice.overlay:81 HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
    assert_status(client("CONNECT alice.overlay:7000 HTTP/1.1\r\nHost: a\r\n\r\n"), 404);
    assert_status(client("CONNECT game.alice.overlay:7000 HTTP/1.1\r\nHost: a\r\n\r\n"), 502);
    assert_status(client("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n"), 403);
    assert_status(client("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: a\r\n\r\n"), 403);
    assert_status(client("CONNECT alice.overlay HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

static void expect_guarded_tunnel(const char *connect)
{
    struct sock *s = client(connect);
    struct far_stream *far = answered();
    world_run(&world);
    world_forget(s);
    world_say(s, "GET / HTTP/1.1\r\nHost: alice.overlay\r\nOrigin: http://evil.com\r\n\r\n");
    assert_int_equal(far->far.sent_len, 0);
    assert_status(s, 421);
}

static void a_tunnel_is_guarded_like_a_local_port(void **state)
{
    (void)state;
    expect_guarded_tunnel("CONNECT alice.overlay:80 HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    /* Nothing that was asked of the proxy counts for what is in the tunnel. */
    expect_guarded_tunnel("CONNECT alice.overlay:80 HTTP/1.1\r\nHost: alice.overlay\r\n"
                          "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

static void what_goes_wrong_is_a_page_that_says_so(void **state)
{
    (void)state;
    static const struct {
        enum preamble_status answer;
        unsigned status;
    } answers[] = {
        {PREAMBLE_DENIED, 403},    {PREAMBLE_NO_SERVICE, 404}, {PREAMBLE_REFUSED, 502},
        {PREAMBLE_TIMED_OUT, 504}, {PREAMBLE_BUSY, 503},       {PREAMBLE_MALFORMED, 502},
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct sock *s = client("GET / HTTP/1.1\r\nHost: web.alice.overlay\r\n"
                                "Accept: text/html,*/*;q=0.8\r\n\r\n");
        local_node_answer(newest(), answers[i].answer, "<b>why & \"how\"");
        assert_status(s, answers[i].status);
        assert_true(has(world_heard(s), "&lt;b&gt;why &amp; &quot;how&quot;"));
        assert_true(has(world_heard(s), "default-src 'none'"));
        assert_true(s->finished);
    }
    struct sock *s = client("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert_status(s, 403);
    assert_status(client("GET / HTTP/1.1\r\nHost: nobody.overlay\r\n\r\n"), 404);
    assert_status(client("GET / HTTP/1.1\r\nHost: none.alice.overlay\r\n\r\n"), 404);
    assert_status(client("GET /x HTTP/1.1\r\nHost: overlay.localhost:7777\r\n\r\n"), 404);
    assert_status(client("GET /x HTTP/1.1\r\nHost: 127.0.0.1:7777\r\n\r\n"), 404);
    assert_status(client("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_status(client("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    assert_status(client("GET / HTTP/1.1\r\nHost: \r\n\r\n"), 400);
    assert_status(client("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), 400);
    assert_status(client("nonsense\r\n\r\n"), 400);
    assert_status(client("POST / HTTP/1.1\r\nHost: alice.overlay\r\nContent-Length: 1\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n"),
                  400);
}

static void a_service_that_breaks_off_is_told_apart(void **state)
{
    (void)state;
    struct sock *s = client(GET);
    fake_pipe_end(&answered()->far);
    assert_status(s, 502);
    s = client(GET);
    fake_pipe_break(&answered()->far, PIPE_RESET_ABORTED);
    assert_status(s, 502);
    s = client(GET);
    fake_pipe_break(&answered()->far, PIPE_RESET_SESSION_LOST);
    assert_status(s, 504);
    s = client(GET);
    fake_pipe_say(&answered()->far, "SSH-2.0-not-http\r\n");
    assert_status(s, 502);

    s = client(GET); /* an answer has begun: no page, but a reset */
    fake_pipe_say(&answered()->far, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123");
    fake_pipe_break(&newest()->far, PIPE_RESET_ABORTED);
    assert_true(s->reset);
    s = client(GET);
    fake_pipe_say(&answered()->far, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123");
    fake_pipe_end(&newest()->far);
    assert_true(s->reset);
    s = client(GET);
    fake_pipe_say(&answered()->far, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz");
    assert_true(s->reset);
}

static void a_kept_stream_that_closes_is_replaced(void **state)
{
    (void)state;
    struct sock *s = client(GET);
    fake_pipe_say(&answered()->far, OK);
    struct far_stream *first = newest();
    fake_pipe_end(&first->far);
    assert_true(fake_pipe_is_over(&first->far));
    world_say(s, GET);
    assert_int_equal(node.stream_count, 2);
    fake_pipe_say(&answered()->far,
                  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert_true(newest()->far.finished);
    assert_false(has(world_heard(s), "Connection: close"));
    world_say(s, GET);
    assert_int_equal(node.stream_count, 3);
    world_forget(s);
    fake_pipe_say(&answered()->far, OK);
    world_forget(s);
    world_say(s, GET); /* and just then it closes */
    fake_pipe_end(&newest()->far);
    assert_int_equal(s->out_len, 0);
    assert_true(s->finished); /* the browser asks again */

    s = client(GET); /* the same, seen as the reset that the service answers with */
    fake_pipe_say(&answered()->far, OK);
    world_forget(s);
    world_say(s, GET);
    fake_pipe_break(&newest()->far, PIPE_RESET_ABORTED);
    assert_int_equal(s->out_len, 0);
    assert_true(s->finished);
}

static void waits_for_a_session_and_says_when_there_is_none(void **state)
{
    (void)state;
    alice->state = PEER_IDLE;
    struct sock *s = client(GET);
    assert_int_equal(node.stream_count, 0);
    local_node_connected(&node, -EHOSTUNREACH, "tried 192.0.2.7:4433");
    assert_status(s, 504);
    assert_true(has(world_heard(s), "tried 192.0.2.7:4433"));
    s = client(GET);
    local_node_connected(&node, -EACCES, "peer id mismatch");
    assert_status(s, 403);

    alice->services_known = false;
    s = client("GET / HTTP/1.1\r\nHost: any.alice.overlay\r\n\r\n");
    alice->state = PEER_DIRECT;
    alice->services_known = true;
    local_node_connected(&node, 0, NULL);
    assert_status(s, 404);
    alice->state = PEER_IDLE;
    s = client(GET);
    alice->state = PEER_DIRECT;
    local_node_connected(&node, 0, NULL);
    fake_pipe_say(&answered()->far, OK);
    assert_string_equal(world_heard(s), OK);

    alice->state = PEER_IDLE;
    s = client(GET);
    world_break(s, -ECONNRESET); /* while it waits */
    (void)client(GET);           /* and one that waits when all is over */
}

static void no_page_of_one_peer_may_ask_another(void **state)
{
    (void)state;
    static const char request[] = "POST / HTTP/1.1\r\nHost: alice.overlay\r\nOrigin: %s\r\n"
                                  "Content-Length: 0\r\n\r\n";
    static const struct {
        const char *origin;
        bool good;
    } cases[] = {
        {"http://alice.overlay", true}, {"http://web.alice.overlay.localhost:7777", true},
        {"http://bob.overlay", false},  {"http://127.0.0.1:7777", false},
        {"https://example.com", false}, {"null", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), request, cases[i].origin);
        size_t before = node.stream_count;
        struct sock *s = client(text);
        assert_int_equal(node.stream_count - before, cases[i].good ? 1 : 0);
        if (!cases[i].good)
            assert_status(s, 421);
    }
    struct sock *s = client(GET); /* nor by a later request */
    fake_pipe_say(&answered()->far, OK);
    world_forget(s);
    world_say(s, "GET / HTTP/1.1\r\nHost: alice.overlay\r\nOrigin: http://bob.overlay\r\n\r\n");
    assert_status(s, 421);
}

/* To a browser overlay.localhost is one site with one purse. */
static void a_peer_sets_no_cookies_for_other_peers(void **state)
{
    (void)state;
    static const struct {
        const char *cookie;
        bool stays;
    } cases[] = {
        {"a=b", true},
        {"domain=overlay.localhost", true},
        {"a=b; Path=/; HttpOnly", true},
        {"a=b; Domain=web.alice.overlay.localhost", true},
        {"a=b; domain = .Alice.Overlay.Localhost ; Secure", true},
        {"a=b; Domain=; Path=/", true},
        {"a=b; Domain=overlay.localhost", false},
        {"a=b; Path=/; DOMAIN=.overlay.localhost", false},
        {"a=b;\tDomain\t=\toverlay.localhost.", false},
        {"a=b; Domain=overlay.localhost; Domain=alice.overlay.localhost", false},
        {"a=b; Domain=localhost", false},
        {"a=b; Domain=bob.overlay.localhost", false},
        {"a=b; Domain=\"overlay.localhost\"", false},
        {"a=b; Domain=overlay.localhost:7777", false},
    };
    struct sock *s = client(GET);
    struct far_stream *far = answered();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char said[256], wanted[256];
        snprintf(said, sizeof(said),
                 "HTTP/1.1 200 OK\r\nX: y\r\nSet-Cookie: %s\r\nContent-Length: 0\r\n\r\n",
                 cases[i].cookie);
        snprintf(wanted, sizeof(wanted),
                 "HTTP/1.1 200 OK\r\nX: y\r\n%s%s%sContent-Length: 0\r\n\r\n",
                 cases[i].stays ? "Set-Cookie: " : "", cases[i].stays ? cases[i].cookie : "",
                 cases[i].stays ? "\r\n" : "");
        world_forget(s);
        fake_pipe_say(&far->far, said);
        assert_string_equal(world_heard(s), wanted);
        world_say(s, GET);
    }
    alice_web->raw = true; /* not looked at */
    fake_pipe_say(&far->far, OK);
    world_forget(s);
    world_say(s, GET);
    fake_pipe_say(&far->far,
                  "HTTP/1.1 204 No\r\nSet-Cookie: a=b; Domain=overlay.localhost\r\n\r\n");
    assert_true(has(world_heard(s), "Set-Cookie: a=b; Domain=overlay.localhost\r\n"));
}

static void a_page_of_one_peer_shows_no_pictures_of_another(void **state)
{
    (void)state;
    static const char from_bob[] = "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n"
                                   "Referer: http://bob.overlay.localhost:7777/\r\n\r\n";
    char text[512];
    snprintf(text, sizeof(text), "GET /a.png HTTP/1.1\r\nHost: alice.overlay.localhost:7777\r\n%s",
             from_bob);
    struct sock *s = client(text);
    assert_int_equal(node.stream_count, 0);
    assert_status(s, 421);
    assert_true(has(world_heard(s), "Sec-Fetch-Site: same-site"));
    alice_web->raw = true;
    (void)client(text);
    assert_int_equal(node.stream_count, 1);
}

static void callers_of_other_users_are_turned_away(void **state)
{
    (void)state;
    world.uid = 1001;
    struct sock *s = client(GET);
    assert_status(s, 403);
    s = dial();
    world_send(s, "\5\1\0", 3);
    assert_true(s->reset);
    assert_int_equal(node.stream_count, 0);

    struct sock *silent = dial(); /* they cannot take all the room either */
    for (int i = 1; i < 32; i++)
        assert_false(world_is_over(dial()));
    s = dial();
    assert_true(s->reset);
    assert_false(world_is_over(silent));
    world_wait(&world, SEC(6));
    assert_true(silent->closed);
}

static void strangers_who_do_not_hang_up_are_told_only_so_often(void **state)
{
    (void)state;
    world.uid = 1001;
    for (int i = 0; i < 32; i++)
        assert_status(client(GET), 403);
    struct sock *s = client(GET);
    assert_true(s->reset);
    assert_int_equal(s->out_len, 0);
    world_wait(&world, SEC(3));
    assert_status(client(GET), 403);
}

static void requests_that_go_in_circles_end(void **state)
{
    (void)state;
    char text[256], id[9];
    snprintf(text, sizeof(text),
             "GET / HTTP/1.1\r\nHost: alice.overlay\r\nVia: 1.0 x, 1.1 overlay-%s\r\n\r\n",
             peer_id_short(&node.keys.id, id));
    assert_status(client(text), 508);
    assert_status(
        client("GET / HTTP/1.1\r\nHost: alice.overlay\r\nVia: 1.1 overlay-a, 1.1 overlay-b, "
               "1.1 overlay-c, 1.1 overlay-d\r\nVia: 1.1 overlay-e, 1.1 overlay-f, "
               "1.1 overlay-g, 1.1 overlay-h\r\n\r\n"),
        508);
    (void)client("GET / HTTP/1.1\r\nHost: alice.overlay\r\nVia: 1.1 overlay-other\r\n\r\n");
    assert_int_equal(node.stream_count, 1);
}

static void slow_heads_and_idle_connections_end(void **state)
{
    (void)state;
    struct sock *silent = dial();
    struct sock *slow = client("GET / HT");
    world_wait(&world, SEC(9));
    world_say(slow, "TP/1.1\r\n");
    world_wait(&world, SEC(2));
    assert_status(slow, 408);
    assert_false(world_is_over(silent));
    struct sock *idle = client(GET);
    fake_pipe_say(&answered()->far, OK);
    world_wait(&world, SEC(70));
    assert_true(world_is_over(silent));
    assert_false(idle->finished);
    world_wait(&world, SEC(6));
    assert_true(idle->finished);
    assert_true(newest()->far.finished);
}

static void heads_that_are_too_large_are_refused(void **state)
{
    (void)state;
    static char text[20 * 1024];
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text, "GET /", 5);
    assert_status(client(text), 431);

    struct sock *s = client(GET);
    memset(text, 'b', sizeof(text) - 1);
    memcpy(text, "HTTP/1.1 200 ", 13);
    for (int i = 0; i < 4; i++)
        fake_pipe_say(&answered()->far, text);
    assert_status(s, 502);
}

static void serves_proxy_pac_to_who_asks_the_proxy_itself(void **state)
{
    (void)state;
    struct sock *s = client("GET /proxy.pac HTTP/1.1\r\nHost: 127.0.0.1:7777\r\n\r\n");
    assert_status(s, 200);
    assert_true(has(world_heard(s), "Content-Type: application/x-ns-proxy-autoconfig\r\n"));
    assert_true(has(world_heard(s), "return \"PROXY 127.0.0.1:7777\";"));
    assert_true(has(world_heard(s), "\".overlay\""));
    assert_status(client("GET /proxy.pac?x HTTP/1.1\r\nHost: localhost:7777\r\n\r\n"), 200);
    assert_status(client("POST /proxy.pac HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405);
    s = client("HEAD /proxy.pac HTTP/1.1\r\nHost: [::1]:7777\r\n\r\n");
    assert_status(s, 200);
    assert_false(has(world_heard(s), "FindProxyForURL"));
    assert_status(client("GET /proxy.pac HTTP/1.1\r\nHost: evil.com:7777\r\n\r\n"), 403);
}

static void old_clients_get_old_answers(void **state)
{
    (void)state;
    struct sock *s = client("GET / HTTP/1.0\r\nHost: alice.overlay\r\n\r\n");
    assert_true(has(fake_pipe_heard(&answered()->far), "GET / HTTP/1.0\r\n"));
    fake_pipe_say(&newest()->far, OK);
    assert_true(has(world_heard(s), "Connection: close\r\n\r\nok"));
    assert_true(s->finished);
    s = client("GET / HTTP/1.0\r\nHost: alice.overlay\r\n\r\n");
    fake_pipe_say(&answered()->far, "HTTP/1.1 103 Early Hints\r\n\r\n" OK);
    assert_status(s, 200);
    s = client("GET / HTTP/1.0\r\nHost: alice.overlay\r\nConnection: keep-alive\r\n\r\n");
    fake_pipe_say(&answered()->far, OK);
    assert_true(has(world_heard(s), "Connection: keep-alive\r\n\r\nok"));
    assert_false(s->finished);
}

static void a_client_that_leaves_takes_the_stream_with_it(void **state)
{
    (void)state;
    struct sock *s = client(GET);
    world_break(s, -ECONNRESET);
    assert_true(newest()->far.reset);
    s = client("POST / HTTP/1.1\r\nHost: alice.overlay\r\nContent-Length: 10\r\n\r\n012");
    world_finish(s);
    assert_true(newest()->far.reset);
    s = client("POST / HTTP/1.1\r\nHost: alice.overlay\r\nContent-Length: 50000\r\n\r\n");
    answered()->far.window = newest()->far.sent_len; /* nor is the request read on */
    char body[5000] = "";
    world_send(s, body, sizeof(body));
    world_break(s, -ECONNRESET);
    assert_true(newest()->far.reset);
    s = client(GET); /* a half-close is none */
    world_finish(s);
    fake_pipe_say(&answered()->far, OK);
    world_run(&world);
    assert_true(has(world_heard(s), "ok"));
    assert_true(world_is_over(s));
}

/* ---- SOCKS ---- */

static size_t socks_request(uint8_t *out, uint8_t command, const char *name, uint16_t port)
{
    size_t len = strlen(name);
    memcpy(out, "\5\1\0\3", 4);
    out[1] = command;
    out[4] = (uint8_t)len;
    memcpy(out + 5, name, len);
    out[5 + len] = (uint8_t)(port >> 8);
    out[6 + len] = (uint8_t)port;
    return 7 + len;
}

static struct sock *socks_client(uint8_t command, const char *name, uint16_t port)
{
    uint8_t request[300];
    struct sock *s = dial();
    world_send(s, "\5\2\1\0", 4);
    assert_int_equal(s->out_len, 2);
    assert_memory_equal(s->out, "\5\0", 2);
    world_forget(s);
    world_send(s, request, socks_request(request, command, name, port));
    return s;
}

static void assert_reply(struct sock *s, uint8_t reply)
{
    assert_int_equal(s->out_len, 10);
    assert_int_equal(s->out[1], reply);
    assert_int_equal(s->finished, reply != 0);
}

static void socks_reaches_remote_names(void **state)
{
    (void)state;
    struct sock *s = socks_client(1, "alice.overlay", 22);
    assert_int_equal(s->out_len, 0);
    assert_string_equal(newest()->what.name, "ssh");
    struct far_stream *far = answered();
    assert_reply(s, 0);
    world_run(&world);
    world_forget(s);
    fake_pipe_say(&far->far, "SSH-2.0-x\r\n");
    assert_string_equal(world_heard(s), "SSH-2.0-x\r\n");
    world_say(s, "hi");
    assert_string_equal(fake_pipe_heard(&far->far), "hi");

    (void)socks_client(1, "wiki.bob.overlay.localhost", 80);
    assert_string_equal(newest()->what.name, "wiki");
}

static void socks_says_what_it_does_not_do(void **state)
{
    (void)state;
    assert_reply(socks_client(1, "example.com", 443), 2);
    assert_reply(socks_client(1, "127.0.0.1", 22), 2);
    assert_reply(socks_client(1, "nobody.overlay", 22), 4);
    assert_reply(socks_client(1, "alice.overlay", 9), 4);
    assert_reply(socks_client(1, "game.alice.overlay", 9), 5);
    assert_reply(socks_client(2, "alice.overlay", 22), 7);
    assert_reply(socks_client(3, "alice.overlay", 22), 7);
    struct sock *s = dial();
    world_send(s, "\5\1\0\5\1\0\1\177\0\0\1\0\26", 13);
    assert_int_equal(s->out[3], 2); /* an address is none of ours */
    s = dial();
    world_send(s, "\5\1\0\5\1\0\7", 7);
    assert_int_equal(s->out[3], 8);
    s = dial();
    world_send(s, "\5\1\2", 3);
    assert_memory_equal(s->out, "\5\xff", 2);
    assert_true(s->finished);
    s = dial();
    world_send(s, "\5\0", 2);
    assert_true(s->reset);
    s = dial();
    world_send(s, "\5", 1);
    world_wait(&world, SEC(11));
    assert_true(s->reset);
}

static void socks_tells_the_far_sides_answer(void **state)
{
    (void)state;
    static const struct {
        enum preamble_status status;
        uint8_t reply;
    } cases[] = {
        {PREAMBLE_DENIED, 2}, {PREAMBLE_REFUSED, 5}, {PREAMBLE_TIMED_OUT, 4}, {PREAMBLE_BUSY, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sock *s = socks_client(1, "alice.overlay", 80);
        local_node_answer(newest(), cases[i].status, "");
        assert_reply(s, cases[i].reply);
    }
    struct sock *s = socks_client(1, "alice.overlay", 80);
    fake_pipe_break(&newest()->far, PIPE_RESET_SESSION_LOST);
    assert_reply(s, 1);
    alice->state = PEER_IDLE;
    s = socks_client(1, "alice.overlay", 80);
    local_node_connected(&node, -ETIMEDOUT, "nothing answered");
    assert_reply(s, 4);
    (void)socks_client(1, "alice.overlay", 80); /* waits when all is over */
}

static void socks_waits_for_no_answer_for_ever(void **state)
{
    (void)state;
    struct sock *s = socks_client(1, "alice.overlay", 22);
    world_wait(&world, SEC(29));
    assert_int_equal(s->out_len, 0);
    world_wait(&world, SEC(2));
    assert_reply(s, 4);
    assert_true(newest()->far.reset);

    s = socks_client(1, "alice.overlay", 22);
    world_break(s, -ECONNRESET);
    assert_true(newest()->far.reset);
}

static void socks_takes_impatient_clients_and_guards_them(void **state)
{
    (void)state;
    uint8_t text[400];
    memcpy(text, "\5\1\0", 3);
    size_t len = 3 + socks_request(text + 3, 1, "alice.overlay", 80);
    memcpy(text + len, "EHLO x\r\n", 8);
    struct sock *s = dial();
    world_send(s, text, len + 8);
    (void)answered();
    world_run(&world);
    assert_string_equal(fake_pipe_heard(&newest()->far), "EHLO x\r\n");

    static const char bad[] = "GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n";
    memcpy(text + len, bad, sizeof(bad) - 1);
    s = dial();
    world_send(s, text, len + sizeof(bad) - 1);
    (void)answered();
    world_run(&world);
    assert_int_equal(newest()->far.sent_len, 0);
    assert_true(has((const char *)s->out + 12, "421"));
}

/* ---- listening ---- */

static void listens_on_both_loopback_addresses_with_one_number(void **state)
{
    (void)state;
    struct addr out[4];
    char text[ADDR_TEXT_MAX];
    assert_int_equal(proxy_listens(proxy, out, 4), 2);
    assert_string_equal(addr_print(&out[0], text), "127.0.0.1:7777");
    assert_string_equal(addr_print(&out[1], text), "[::1]:7777");
    struct sock *s = world_dial(&world, "[::1]:7777", 1);
    world_say(s, GET);
    assert_int_equal(node.stream_count, 1);
}

static void a_default_that_is_taken_gives_way_and_a_configured_one_does_not(void **state)
{
    (void)state;
    proxy_free(proxy);
    proxy = NULL;
    world.taken_tcp = 7777;
    assert_int_equal(start(false), 0);
    assert_int_equal(proxy_port(proxy), 7778);
    proxy_free(proxy);
    proxy = NULL;
    assert_int_equal(start(true), -EADDRINUSE);
    assert_string_equal(why, "proxy: 127.0.0.1:7777: another program holds this port");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* A stranger who is called learns who looks at the page that names his key. */
static void a_page_of_another_site_has_no_stranger_called(void **state)
{
    (void)state;
    static const struct {
        const char *asker;
        bool called;
    } cases[] = {
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n",
         false},
        {"Origin: http://evil.example\r\n", false},
        {"Sec-Fetch-Site: none\r\n", true},
        {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
         true},
        {"", true},
    };
    uint8_t seed[KEYS_SEED_LEN] = {77};
    struct keys stranger;
    char id[PEER_ID_TEXT_MAX], text[400];
    keys_from_seed(&stranger, seed);
    peer_id_print(&stranger.id, id);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t before = node.wait_count;
        snprintf(text, sizeof(text),
                 "GET / HTTP/1.1\r\nHost: web.%s.overlay.localhost:7777\r\n%s\r\n", id,
                 cases[i].asker);
        struct sock *s = client(text);
        assert_int_equal(node.wait_count - before, cases[i].called);
        if (!cases[i].called)
            assert_status(s, 421);
    }
    /* Whom we know is called: what he shares may be for everybody's pages. */
    alice->state = PEER_IDLE;
    alice->services_known = false;
    size_t before = node.wait_count;
    client("GET / HTTP/1.1\r\nHost: web.alice.overlay.localhost:7777\r\nOrigin: "
           "http://evil.example\r\n\r\n");
    assert_int_equal(node.wait_count - before, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(routes_by_host_and_leaves_it_as_it_was),
        TEST(a_page_of_another_site_has_no_stranger_called),
        TEST(sends_the_request_before_the_far_side_has_answered),
        TEST(keeps_stream_and_connection_for_the_next_request),
        TEST(routes_every_request_of_a_connection_on_its_own),
        TEST(a_bare_name_means_the_default_service),
        TEST(absolute_targets_become_origin_form),
        TEST(hop_by_hop_fields_stay_on_their_hop),
        TEST(bodies_pass_both_ways_in_every_framing),
        TEST(a_large_body_is_moved_in_turns_and_waits_for_its_reader),
        TEST(heads_of_answers_may_come_in_pieces),
        TEST(interim_answers_without_end_fill_no_memory),
        TEST(an_upgrade_becomes_a_tunnel),
        TEST(connect_opens_a_tunnel_to_any_port_of_the_peer),
        TEST(a_tunnel_is_guarded_like_a_local_port),
        TEST(what_goes_wrong_is_a_page_that_says_so),
        TEST(a_service_that_breaks_off_is_told_apart),
        TEST(a_kept_stream_that_closes_is_replaced),
        TEST(waits_for_a_session_and_says_when_there_is_none),
        TEST(no_page_of_one_peer_may_ask_another),
        TEST(a_peer_sets_no_cookies_for_other_peers),
        TEST(a_page_of_one_peer_shows_no_pictures_of_another),
        TEST(callers_of_other_users_are_turned_away),
        TEST(strangers_who_do_not_hang_up_are_told_only_so_often),
        TEST(requests_that_go_in_circles_end),
        TEST(slow_heads_and_idle_connections_end),
        TEST(heads_that_are_too_large_are_refused),
        TEST(serves_proxy_pac_to_who_asks_the_proxy_itself),
        TEST(old_clients_get_old_answers),
        TEST(a_client_that_leaves_takes_the_stream_with_it),
        TEST(socks_reaches_remote_names),
        TEST(socks_says_what_it_does_not_do),
        TEST(socks_tells_the_far_sides_answer),
        TEST(socks_waits_for_no_answer_for_ever),
        TEST(socks_takes_impatient_clients_and_guards_them),
        TEST(listens_on_both_loopback_addresses_with_one_number),
        TEST(a_default_that_is_taken_gives_way_and_a_configured_one_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
