/* https at the proxy: a TLS client as the browser, all in memory. */
#include "adapters/browser_https.h"

#include <time.h>

#include <gnutls/gnutls.h>

#include "adapters/browser_proxy.h"
#include "gateway/crypto/tls_stream.h"
#include "tests/support/local_node.h"

#define BEGINNING SEC(1795000000) /* certificates need a year that they are good in */

static struct world world;
static struct node node;
static struct peer_view *alice, *bob;
static struct local_users users;
static struct proxy *proxy;
static struct local_ca *ca;
static char why[256];
static uint16_t next_port;

static time_t world_time(time_t *out)
{
    time_t now = (time_t)(world.now / SEC(1));
    if (out)
        *out = now;
    return now;
}

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world.now = BEGINNING;
    world.uid = 1000;
    gnutls_global_set_time_function(world_time);
    local_node_init(&node, &world);
    the_node = &node;
    alice = local_node_peer(&node, "alice");
    local_node_service(alice, "web", 3000, SERVICE_TCP);
    local_node_service(alice, "chat", 3001, SERVICE_TCP);
    bob = local_node_peer(&node, "bob");
    local_node_service(bob, "wiki", 8080, SERVICE_TCP);
    users = (struct local_users){.uid = {1000}, .count = 1};
    next_port = 40000;
    const struct proxy_options options = {.node = &node,
                                          .users = &users,
                                          .suffix = "overlay",
                                          .listen = {addr_loopback(false, 7777)}};
    assert_int_equal(proxy_new(&proxy, &options, why, sizeof(why)), 0);
    assert_int_equal(local_ca_new(&ca, "overlay", (int64_t)(world.now / SEC(1))), 0);
    return proxy_set_https(proxy, ca);
}

static int tear_down(void **state)
{
    (void)state;
    proxy_free(proxy);
    local_ca_free(ca);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

/* ---- a browser ---- */

struct browser {
    struct sock *sock;
    struct tls_stream *tls;
    size_t seen; /* of what the proxy sent */
    size_t step; /* bytes that go at once */
    int state;   /* of the handshake */
    char heard[700 * 1024];
    size_t heard_len;
    bool ended;
};

/* Hands on what is there, both ways. Returns whether anything moved. */
static bool carry(struct browser *b)
{
    size_t len, room;
    const uint8_t *out = tls_stream_output(b->tls, &len);
    bool moved = len > 0;

    while (len > 0 && !world_is_over(b->sock)) {
        size_t n = len < b->step ? len : b->step;
        world_send(b->sock, out, n);
        tls_stream_sent(b->tls, n);
        out = tls_stream_output(b->tls, &len);
    }
    world_run(&world);
    uint8_t *area = tls_stream_area(b->tls, &room);
    size_t n = b->sock->out_len - b->seen;
    n = n < room ? n : room;
    memcpy(area, b->sock->out + b->seen, n);
    tls_stream_input(b->tls, n);
    b->seen += n;
    if (b->sock->finished || world_is_over(b->sock))
        tls_stream_ended(b->tls);
    return moved || n > 0;
}

static void read_on(struct browser *b)
{
    ssize_t n = 1;
    while (n > 0) {
        n = tls_stream_read(b->tls, b->heard + b->heard_len, sizeof(b->heard) - 1 - b->heard_len);
        if (n > 0)
            b->heard_len += (size_t)n;
    }
    b->ended = b->ended || n == 0;
    b->heard[b->heard_len] = '\0';
}

static void turn(struct browser *b)
{
    bool moved = true;
    while (moved) {
        if (b->state == -EAGAIN)
            b->state = tls_stream_handshake(b->tls);
        if (b->state == 0)
            read_on(b);
        moved = carry(b);
    }
    if (b->state == -EAGAIN)
        b->state = tls_stream_handshake(b->tls);
    if (b->state == 0)
        read_on(b);
}

static struct browser *begin_on(struct sock *sock, const char *host, size_t step)
{
    struct browser *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    b->sock = sock;
    b->seen = sock->out_len;
    b->step = step;
    b->state = -EAGAIN;
    assert_int_equal(tls_stream_client(&b->tls, host), 0);
    assert_int_equal(tls_stream_trust(b->tls, local_ca_certificate(ca)), 0);
    turn(b);
    return b;
}

static struct sock *dial(void)
{
    struct sock *s = world_dial(&world, "127.0.0.1:7777", next_port++);
    assert_non_null(s);
    return s;
}

static struct browser *visit(const char *host)
{
    return begin_on(dial(), host, SIZE_MAX);
}

static void say(struct browser *b, const char *text)
{
    assert_int_equal(b->state, 0);
    assert_int_equal(tls_stream_write(b->tls, text, strlen(text)), strlen(text));
    turn(b);
}

static void leave(struct browser *b)
{
    if (!world_is_over(b->sock))
        world_finish(b->sock);
    world_run(&world);
    tls_stream_free(b->tls);
    free(b);
}

static struct far_stream *answered(void)
{
    local_node_answer(local_node_stream(&node), PREAMBLE_OK, "");
    return local_node_stream(&node);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

#define GET "GET /x HTTP/1.1\r\nHost: web.alice.overlay:7777\r\n\r\n"
#define OK  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* ---- what it does ---- */

static void serves_a_peer_by_its_names(void **state)
{
    static const char *const names[] = {"web.alice.overlay", "alice.overlay", "CHAT.Alice.Overlay"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char get[200];
        struct browser *b = visit(names[i]);
        snprintf(get, sizeof(get), "GET / HTTP/1.1\r\nHost: %s:7777\r\n\r\n", names[i]);
        say(b, get);
        struct far_stream *far = answered();
        assert_string_equal(far->what.name, i == 2 ? "chat" : "web");
        assert_true(has(fake_pipe_heard(&far->far), "X-Forwarded-Proto: https\r\n"));
        fake_pipe_say(&far->far, OK);
        turn(b);
        assert_string_equal(b->heard, OK);
        leave(b);
        fake_pipe_end(&far->far);
        world_wait(&world, SEC(3));
    }
}

static void bytes_may_come_one_at_a_time(void **state)
{
    (void)state;
    struct browser *b = begin_on(dial(), "web.alice.overlay", 1);
    say(b, GET);
    struct far_stream *far = answered();
    fake_pipe_say(&far->far, OK);
    turn(b);
    assert_string_equal(b->heard, OK);
    leave(b);
    fake_pipe_end(&far->far);
    world_wait(&world, SEC(3));
}

static void what_the_browser_says_of_the_scheme_is_not_believed(void **state)
{
    (void)state;
    struct browser *b = visit("web.alice.overlay");
    say(b, "GET / HTTP/1.1\r\nHost: web.alice.overlay\r\nX-Forwarded-Proto: gopher\r\n\r\n");
    struct far_stream *far = answered();
    assert_false(has(fake_pipe_heard(&far->far), "gopher"));
    assert_true(has(fake_pipe_heard(&far->far), "X-Forwarded-Proto: https\r\n"));
    fake_pipe_say(&far->far, OK);
    turn(b);
    leave(b);
    fake_pipe_end(&far->far);
    world_wait(&world, SEC(3));
}

static void names_that_nobody_has_get_no_certificate(void **state)
{
    static const char *const names[] = {"nobody.overlay", "example.com",
                                        "overlay",        "alice.overlay.localhost",
                                        "127.0.0.1",      "no.alice.overlay"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct browser *b = visit(names[i]);
        assert_int_equal(b->state, -EPROTO);
        assert_true(has(tls_stream_reason(b->tls), "alert"));
        leave(b);
    }
    assert_int_equal(node.stream_count, 0);
}

static void a_connection_stays_with_the_peer_of_its_certificate(void **state)
{
    static const char *const hosts[] = {"wiki.bob.overlay", "localhost:7777", "127.0.0.1:7777",
                                        "overlay.localhost", "example.com"};
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char get[200];
        struct browser *b = visit("web.alice.overlay");
        snprintf(get, sizeof(get), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
        say(b, get);
        assert_memory_equal(b->heard, "HTTP/1.1 421 ", 13);
        assert_true(b->ended);
        leave(b);
    }
    assert_int_equal(node.stream_count, 0);
    world_wait(&world, SEC(3));
}

static void pages_of_both_schemes_of_a_peer_may_ask(void **state)
{
    (void)state;
    struct browser *b = visit("web.alice.overlay");
    say(b,
        "GET / HTTP/1.1\r\nHost: web.alice.overlay\r\nOrigin: http://chat.alice.overlay\r\n\r\n");
    struct far_stream *far = answered();
    fake_pipe_say(&far->far, OK);
    say(b,
        "GET / HTTP/1.1\r\nHost: web.alice.overlay\r\nOrigin: https://chat.alice.overlay\r\n\r\n");
    fake_pipe_say(&far->far, OK);
    turn(b);
    assert_string_equal(b->heard, OK OK);
    say(b, "GET / HTTP/1.1\r\nHost: web.alice.overlay\r\nOrigin: https://wiki.bob.overlay\r\n\r\n");
    assert_true(has(b->heard, "HTTP/1.1 421 "));
    leave(b);
    fake_pipe_end(&far->far);
    world_wait(&world, SEC(3));
}

static void a_large_answer_waits_for_its_reader(void **state)
{
    static char bulk[600 * 1024];
    (void)state;
    for (size_t i = 0; i < sizeof(bulk); i++)
        bulk[i] = (char)('a' + i % 23);
    struct browser *b = visit("web.alice.overlay");
    say(b, GET);
    struct far_stream *far = answered();
    b->sock->room = 1000;
    fake_pipe_say(&far->far, "HTTP/1.1 200 OK\r\nContent-Length: 614400\r\n\r\n");
    fake_pipe_send(&far->far, bulk, sizeof(bulk));
    world_run(&world);
    /* No more is taken from the service than TLS has room for. */
    assert_true(far->far.coming_len > sizeof(bulk) - 2 * (size_t)TLS_STREAM_BUFFER);
    turn(b);
    while (b->heard_len < sizeof(bulk)) {
        size_t before = b->heard_len;
        world_make_room(b->sock, 50000);
        turn(b);
        assert_true(b->heard_len > before);
        if (b->sock->out_len > WORLD_BUFFER / 2) {
            world_forget(b->sock);
            b->seen = 0;
        }
    }
    const char *body = strstr(b->heard, "\r\n\r\n") + 4;
    assert_memory_equal(body, bulk, b->heard_len - (size_t)(body - b->heard));
    leave(b);
    world_wait(&world, SEC(3));
}

static void a_large_request_arrives_whole(void **state)
{
    static char bulk[300 * 1024];
    size_t sent = 0;
    (void)state;
    memset(bulk, 'x', sizeof(bulk));
    struct browser *b = visit("web.alice.overlay");
    say(b, "POST / HTTP/1.1\r\nHost: web.alice.overlay\r\nContent-Length: 307200\r\n\r\n");
    struct far_stream *far = answered();
    fake_pipe_take(&far->far);
    while (sent < sizeof(bulk)) {
        ssize_t n = tls_stream_write(b->tls, bulk + sent,
                                     16000 < sizeof(bulk) - sent ? 16000 : sizeof(bulk) - sent);
        assert_true(n > 0);
        sent += (size_t)n;
        turn(b);
    }
    assert_int_equal(far->far.sent_len, sizeof(bulk));
    fake_pipe_say(&far->far, OK);
    turn(b);
    assert_string_equal(b->heard, OK);
    leave(b);
    fake_pipe_end(&far->far);
    world_wait(&world, SEC(3));
}

static void an_upgrade_goes_on_within_tls(void **state)
{
    (void)state;
    struct browser *b = visit("chat.alice.overlay");
    say(b, "GET /ws HTTP/1.1\r\nHost: chat.alice.overlay\r\nConnection: Upgrade\r\n"
           "Upgrade: websocket\r\nOrigin: https://chat.alice.overlay\r\n\r\n");
    struct far_stream *far = answered();
    fake_pipe_say(&far->far, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                             "Upgrade: websocket\r\n\r\nframe");
    turn(b);
    assert_true(has(b->heard, "\r\n\r\nframe"));
    fake_pipe_take(&far->far);
    say(b, "bytes");
    assert_string_equal(fake_pipe_heard(&far->far), "bytes");
    fake_pipe_end(&far->far);
    turn(b);
    assert_true(b->ended);
    leave(b);
    world_run(&world);
}

static void connect_to_port_443_ends_here(void **state)
{
    (void)state;
    struct sock *s = dial();
    world_say(s, "CONNECT web.alice.overlay:443 HTTP/1.1\r\nHost: web.alice.overlay:443\r\n\r\n");
    assert_memory_equal(world_heard(s), "HTTP/1.1 200 ", 13);
    struct browser *b = begin_on(s, "web.alice.overlay", SIZE_MAX);
    say(b, "GET / HTTP/1.1\r\nHost: web.alice.overlay\r\n\r\n");
    struct far_stream *far = answered();
    fake_pipe_say(&far->far, OK);
    turn(b);
    assert_true(has(b->heard, "treat-as-public-address"));
    leave(b);
    fake_pipe_end(&far->far);
    world_wait(&world, SEC(3));
}

static void a_peer_that_shares_port_443_does_tls_itself(void **state)
{
    (void)state;
    local_node_service(alice, "own", 443, SERVICE_TCP);
    struct sock *s = dial();
    world_say(s, "CONNECT alice.overlay:443 HTTP/1.1\r\nHost: alice.overlay:443\r\n\r\n");
    struct far_stream *far = answered();
    assert_string_equal(far->what.name, "own");
    world_send(s, "\x16\x03\x01", 3);
    assert_memory_equal(fake_pipe_heard(&far->far), "\x16\x03\x01", 3);
    world_finish(s);
    fake_pipe_end(&far->far);
    world_run(&world);
}

static void an_unreachable_peer_is_a_page_within_tls(void **state)
{
    (void)state;
    alice->state = PEER_UNREACHABLE;
    alice->services_known = false;
    struct browser *b = visit("web.alice.overlay");
    say(b, GET);
    local_node_connected(&node, -ETIMEDOUT, "no way");
    turn(b);
    assert_memory_equal(b->heard, "HTTP/1.1 504 ", 13);
    leave(b);
    world_wait(&world, SEC(3));
}

static void handshakes_that_do_not_go_on_end_after_ten_seconds(void **state)
{
    struct sock *s[24];
    (void)state;
    for (size_t i = 0; i < 24; i++) {
        s[i] = dial();
        world_send(s[i], "\x16\x03\x01\x02\x00\x01", 6);
        assert_false(world_is_over(s[i]));
    }
    world_wait(&world, SEC(9));
    for (size_t i = 0; i < 24; i++)
        assert_false(world_is_over(s[i]));
    world_wait(&world, SEC(2));
    for (size_t i = 0; i < 24; i++)
        assert_true(s[i]->reset);
}

static void garbage_is_told_so_and_ended(void **state)
{
    (void)state;
    struct sock *s = dial();
    world_send(s, "\x16\x03\x01\x00\x05\x01\x00\x00\x01x", 10);
    assert_int_equal(s->out[0], 0x15); /* an alert */
    assert_true(s->finished);
    world_wait(&world, SEC(3));
    assert_true(world_is_over(s));
}

static void an_idle_connection_is_closed_and_not_before(void **state)
{
    (void)state;
    struct browser *b = visit("web.alice.overlay");
    assert_int_equal(b->state, 0);
    world_wait(&world, SEC(70));
    assert_false(world_is_over(b->sock) || b->sock->finished);
    world_wait(&world, SEC(10));
    turn(b);
    assert_true(b->ended);
    leave(b);
}

static void who_breaks_off_leaves_nothing(void **state)
{
    (void)state;
    struct browser *b = visit("web.alice.overlay");
    say(b, GET);
    (void)answered();
    world_break(b->sock, -ECONNRESET);
    world_run(&world);
    assert_true(world_is_over(b->sock));
    assert_true(local_node_stream(&node)->far.reset);
    leave(b);
}

static void without_an_authority_tls_ends_at_once(void **state)
{
    (void)state;
    struct browser *b = visit("web.alice.overlay");
    assert_int_equal(b->state, 0);
    assert_int_equal(proxy_set_https(proxy, NULL), 0);
    assert_true(b->sock->reset);
    leave(b);
    b = visit("web.alice.overlay");
    assert_int_equal(b->state, -EPROTO);
    leave(b);
}

static void another_user_is_reset(void **state)
{
    (void)state;
    world.uid = 1001;
    struct sock *s = dial();
    world_send(s, "\x16\x03\x01", 3);
    assert_true(s->reset);
    assert_int_equal(s->out_len, 0);
}

static void who_dialled_one_peer_gets_no_other_certificate(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct addr from = addr_loopback(false, 50000), at = addr_loopback(false, 443);
        struct sock *s = world_sock(&world);
        proxy_take(proxy, s, &from, &at, &alice->id);
        struct browser *b =
            begin_on(s, i == 0 ? "web.alice.overlay" : "wiki.bob.overlay", SIZE_MAX);
        assert_int_equal(b->state, i == 0 ? 0 : -EPROTO);
        leave(b);
        world_wait(&world, SEC(3));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(serves_a_peer_by_its_names),
        CASE(bytes_may_come_one_at_a_time),
        CASE(what_the_browser_says_of_the_scheme_is_not_believed),
        CASE(names_that_nobody_has_get_no_certificate),
        CASE(a_connection_stays_with_the_peer_of_its_certificate),
        CASE(pages_of_both_schemes_of_a_peer_may_ask),
        CASE(a_large_answer_waits_for_its_reader),
        CASE(a_large_request_arrives_whole),
        CASE(an_upgrade_goes_on_within_tls),
        CASE(connect_to_port_443_ends_here),
        CASE(a_peer_that_shares_port_443_does_tls_itself),
        CASE(an_unreachable_peer_is_a_page_within_tls),
        CASE(handshakes_that_do_not_go_on_end_after_ten_seconds),
        CASE(garbage_is_told_so_and_ended),
        CASE(an_idle_connection_is_closed_and_not_before),
        CASE(who_breaks_off_leaves_nothing),
        CASE(without_an_authority_tls_ends_at_once),
        CASE(another_user_is_reset),
        CASE(who_dialled_one_peer_gets_no_other_certificate),
    };
    return cmocka_run_group_tests_name("browser_https", tests, NULL, NULL);
}
