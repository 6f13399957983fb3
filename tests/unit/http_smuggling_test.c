/* Requests that two readers could read in two ways, or that no reader should: each is answered by
 * the proxy itself with a short page, the connection ends, and no service sees a byte of it. */
#include "adapters/browser_proxy.h"

#include "tests/support/local_node.h"

#define TO "Host: web.alice.overlay.localhost:7777\r\n"

static struct world world;
static struct node node;
static struct local_users users;
static struct proxy *proxy;
static uint16_t next_port;

static int start(size_t conns_max)
{
    char why[256];
    const struct proxy_options options = {.node = &node,
                                          .users = &users,
                                          .suffix = "overlay",
                                          .listen = {addr_loopback(false, 7777)},
                                          .conns_max = conns_max};
    return proxy_new(&proxy, &options, why, sizeof(why));
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world.uid = 1000;
    local_node_init(&node, &world);
    the_node = &node;
    local_node_service(local_node_peer(&node, "alice"), "web", 3000, SERVICE_TCP);
    users = (struct local_users){.uid = {1000}, .count = 1};
    next_port = 40000;
    proxy = NULL;
    return start(0);
}

static int tear_down(void **state)
{
    (void)state;
    proxy_free(proxy);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static struct sock *client(const void *data, size_t len)
{
    struct sock *s = world_dial(&world, "127.0.0.1:7777", next_port++);
    assert_non_null(s);
    world_send(s, data, len);
    world_run(&world);
    return s;
}

static unsigned status_of(struct sock *s)
{
    const char *heard = world_heard(s);
    return strncmp(heard, "HTTP/1.1 ", 9) == 0 ? (unsigned)strtoul(heard + 9, NULL, 10) : 0;
}

/* ---- heads ---- */

static const struct {
    const char *what, *request;
    unsigned status;
} HEADS[] = {
    {"two lengths", "POST / HTTP/1.1\r\n" TO "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
    {"one length twice", "POST / HTTP/1.1\r\n" TO "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
     400},
    {"a list of lengths", "POST / HTTP/1.1\r\n" TO "Content-Length: 5, 5\r\n\r\n", 400},
    {"a length with a sign", "POST / HTTP/1.1\r\n" TO "Content-Length: +5\r\n\r\n", 400},
    {"a length in hex", "POST / HTTP/1.1\r\n" TO "Content-Length: 0x5\r\n\r\n", 400},
    {"a length that is none", "POST / HTTP/1.1\r\n" TO "Content-Length: \r\n\r\n", 400},
    {"a length beyond all numbers",
     "POST / HTTP/1.1\r\n" TO "Content-Length: 99999999999999999999\r\n\r\n", 400},
    {"a length and a coding",
     "POST / HTTP/1.1\r\n" TO "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"a coding and a length",
     "POST / HTTP/1.1\r\n" TO "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"a coding twice",
     "POST / HTTP/1.1\r\n" TO "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"a coding that hides", "POST / HTTP/1.1\r\n" TO "Transfer-Encoding: xchunked\r\n\r\n", 400},
    {"a coding behind chunks",
     "POST / HTTP/1.1\r\n" TO "Transfer-Encoding: chunked, identity\r\n\r\n", 400},
    {"a coding inside of chunks",
     "POST / HTTP/1.1\r\n" TO "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"chunks of an old client", "POST / HTTP/1.0\r\n" TO "Transfer-Encoding: chunked\r\n\r\n", 400},
    {"a space before a colon", "POST / HTTP/1.1\r\n" TO "Content-Length : 5\r\n\r\n", 400},
    {"a tab before a colon", "POST / HTTP/1.1\r\n" TO "Transfer-Encoding\t: chunked\r\n\r\n", 400},
    {"a folded line", "GET / HTTP/1.1\r\n" TO "X: a\r\n b\r\n\r\n", 400},
    {"a fold before the first field", "GET / HTTP/1.1\r\n X: a\r\n" TO "\r\n", 400},
    {"a bare CR in a field", "GET / HTTP/1.1\r\n" TO "X: a\rTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"a bare CR in the target", "GET /\rx HTTP/1.1\r\n" TO "\r\n", 400},
    {"a bare LF", "GET / HTTP/1.1\n" TO "\r\n", 400},
    {"a bare LF behind a field", "GET / HTTP/1.1\r\n" TO "X: a\n\r\n", 400},
    {"a field without a name", "GET / HTTP/1.1\r\n" TO ": x\r\n\r\n", 400},
    {"a field without a colon", "GET / HTTP/1.1\r\n" TO "nonsense\r\n\r\n", 400},
    {"a name that is no token", "GET / HTTP/1.1\r\n" TO "X(y): z\r\n\r\n", 400},
    {"a control character", "GET / HTTP/1.1\r\n" TO "X: \x01\r\n\r\n", 400},
    {"two spaces in the first line", "GET  / HTTP/1.1\r\n" TO "\r\n", 400},
    {"a space at its end", "GET / HTTP/1.1 \r\n" TO "\r\n", 400},
    {"a tab in it", "GET\t/ HTTP/1.1\r\n" TO "\r\n", 400},
    {"no version", "GET /\r\n\r\n", 400},
    {"another version", "GET / HTTP/2.0\r\n" TO "\r\n", 400},
    {"a version that is none", "GET / HTTP/1.10\r\n" TO "\r\n", 400},
    {"small letters", "GET / http/1.1\r\n" TO "\r\n", 400},
    {"a method that is no token", "G(T / HTTP/1.1\r\n" TO "\r\n", 400},
    {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two Hosts", "GET / HTTP/1.1\r\n" TO TO "\r\n", 400},
    {"a Host with a path", "GET / HTTP/1.1\r\nHost: web.alice.overlay/x\r\n\r\n", 400},
    {"a Host with a user", "GET / HTTP/1.1\r\nHost: x@web.alice.overlay\r\n\r\n", 400},
    {"a Host with two ports", "GET / HTTP/1.1\r\nHost: web.alice.overlay:80:80\r\n\r\n", 400},
    {"a Host in percent signs", "GET / HTTP/1.1\r\nHost: web.alice%2eoverlay\r\n\r\n", 400},
    {"a target of https", "GET https://web.alice.overlay/ HTTP/1.1\r\n" TO "\r\n", 501},
    {"a target of another kind", "GET ftp://web.alice.overlay/ HTTP/1.1\r\n" TO "\r\n", 400},
    {"CONNECT without a port", "CONNECT web.alice.overlay HTTP/1.1\r\n" TO "\r\n", 400},
    {"CONNECT with a body",
     "CONNECT web.alice.overlay:80 HTTP/1.1\r\n" TO "Content-Length: 5\r\n\r\n", 400},
    {"what came by here",
     "GET / HTTP/1.1\r\n" TO
     "Via: 1.1 overlay-a, 1.1 overlay-b, 1.1 overlay-c, 1.1 overlay-d, 1.1 overlay-e, "
     "1.1 overlay-f, 1.1 overlay-g, 1.1 overlay-h\r\n\r\n",
     508},
};

static void malformed_heads_get_a_page_and_no_further(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(HEADS) / sizeof(HEADS[0]); i++) {
        char text[700];
        /* Whatever the head is taken for, a second request hides behind it. */
        int len =
            snprintf(text, sizeof(text), "%sGET /evil HTTP/1.1\r\n" TO "\r\n", HEADS[i].request);
        struct sock *s = client(text, (size_t)len);
        if (status_of(s) != HEADS[i].status)
            fail_msg("%s: wanted %u, heard: %s", HEADS[i].what, HEADS[i].status, world_heard(s));
        if (!s->finished || !strstr(world_heard(s), "Connection: close\r\n") ||
            strstr(world_heard(s) + 9, "HTTP/1.1 "))
            fail_msg("%s: not closed behind one answer", HEADS[i].what);
        world_finish(s);
        world_run(&world);
        assert_true(world_is_over(s));
        assert_int_equal(node.stream_count, 0);
    }
}

static void a_nul_is_nowhere_in_a_head(void **state)
{
    (void)state;
    static const char request[] = "GET /x HTTP/1.1\r\nHost: web.alice.overlay\r\nX: yz\r\n\r\n";
    for (size_t i = 0; i < sizeof(request) - 5; i++) {
        char text[sizeof(request)];
        memcpy(text, request, sizeof(text));
        text[i] = 0;
        struct sock *s = client(text, sizeof(text) - 1);
        if (i > 0 && status_of(s) != 400) /* in front it is no HTTP, but no SOCKS either */
            fail_msg("at %zu: %s", i, world_heard(s));
        assert_int_equal(node.stream_count, 0);
    }
}

static void what_is_too_much_is_431(void **state)
{
    (void)state;
    static char text[40000];
    size_t len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" TO);
    for (int i = 0; i < 101; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "X%d: y\r\n", i);
    assert_int_equal(status_of(client(text, len)), 431);
    len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" TO "X: ");
    memset(text + len, 'x', 17000);
    assert_int_equal(status_of(client(text, len + 17000)), 431);
    len = (size_t)snprintf(text, sizeof(text), "GET /");
    memset(text + len, 'x', 17000);
    assert_int_equal(status_of(client(text, len + 17000)), 431);
    assert_int_equal(node.stream_count, 0);
}

/* ---- bodies ---- */

static void malformed_chunks_end_the_connection_before_what_hides_in_them(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5;\x01\r\nhello\r\n0\r\n\r\n",
        "5;a=\"\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello",
        "5\r\nhelloGET /evil ",
        "0\r\n folded: x\r\n\r\n",
        "0\r\nA b: c\x01\r\n\r\n",
        "0\r\n", /* the request behind it would pass as trailers */
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        char text[400];
        int len = snprintf(text, sizeof(text),
                           "POST / HTTP/1.1\r\n" TO "Transfer-Encoding: chunked\r\n\r\n%s"
                           "GET /evil HTTP/1.1\r\n" TO "\r\n",
                           bodies[i]);
        struct sock *s = client(text, (size_t)len);
        if (status_of(s) != 400)
            fail_msg("case %zu: %s", i, world_heard(s));
        struct far_stream *far = local_node_stream(&node);
        assert_null(strstr(fake_pipe_heard(&far->far), "evil"));
        assert_true(fake_pipe_is_over(&far->far));
    }
}

static void a_request_behind_a_body_waits_for_its_turn(void **state)
{
    (void)state;
    const char *text = "POST /a HTTP/1.1\r\n" TO "Content-Length: 5\r\n\r\nhello"
                       "GET /b HTTP/1.1\r\n" TO "\r\n";
    (void)client(text, strlen(text));
    struct far_stream *far = local_node_stream(&node);
    const char *heard = fake_pipe_heard(&far->far);
    assert_non_null(strstr(heard, "\r\n\r\nhello"));
    assert_null(strstr(heard, "/b"));
    local_node_answer(far, PREAMBLE_OK, "");
    fake_pipe_say(&far->far, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(strstr(fake_pipe_heard(&far->far), "GET /b HTTP/1.1\r\n"));
}

/* ---- many that say little ---- */

static void who_opens_many_and_says_little_keeps_nobody_out(void **state)
{
    (void)state;
    struct sock *silent[4];
    proxy_free(proxy);
    assert_int_equal(start(4), 0);
    silent[0] = client("", 0);
    silent[1] = client("GET / HT", 8);
    const char *busy = "GET / HTTP/1.1\r\n" TO "\r\n";
    silent[2] = client(busy, strlen(busy)); /* waits for its answer: it stays */
    silent[3] = client("", 0);
    assert_int_equal(status_of(client("GET / HTTP/1.0\r\n\r\n", 18)), 400);
    assert_true(silent[0]->reset);
    assert_false(world_is_over(silent[1]));
    struct sock *more[2] = {client("", 0), client("", 0)};
    assert_true(silent[1]->reset);
    assert_false(world_is_over(silent[2]));
    (void)more;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(malformed_heads_get_a_page_and_no_further),
        TEST(a_nul_is_nowhere_in_a_head),
        TEST(what_is_too_much_is_431),
        TEST(malformed_chunks_end_the_connection_before_what_hides_in_them),
        TEST(a_request_behind_a_body_waits_for_its_turn),
        TEST(who_opens_many_and_says_little_keeps_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
