/* Local ports with the test as the local programs and as the far side of every stream. */
#include "adapters/browser_ports.h"

#include "adapters/blocked_ports.h"
#include "adapters/port_pool.h"
#include "tests/support/local_node.h"

static struct world world;
static struct node node;
static struct peer_view *alice;
static struct remote_service *web;
static struct local_users users;
static struct ports *ports;
static struct ports_view view;
static char why[256], at[ADDR_TEXT_MAX];

static int set_up(void **state)
{
    (void)state;
    world_init(&world);
    world.uid = 1000;
    local_node_init(&node, &world);
    the_node = &node;
    alice = local_node_peer(&node, "alice");
    web = local_node_service(alice, "web", 3000, SERVICE_TCP);
    local_node_service(alice, "game", 7000, SERVICE_BOTH);
    users = (struct local_users){.uid = {1000}, .count = 1};
    struct ports_options options = {&node, &users, "overlay"};
    assert_int_equal(ports_new(&ports, &options), 0);
    ports_set_proxy_port(ports, 7777);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ports_free(ports);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static int open_port(const char *service, enum service_proto proto, const struct addr *where)
{
    struct ports_request request = {
        .peer = alice->id, .service = service, .proto = proto, .at = where};
    return ports_open(ports, &request, &view, why, sizeof(why));
}

static const char *listening_at(void)
{
    return addr_print(&view.listen, at);
}

static struct far_stream *newest(void)
{
    return local_node_stream(&node);
}

static void a_service_gets_one_port_for_ever(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    uint16_t port = addr_port(&view.listen);
    assert_in_range(port, PORT_POOL_FIRST, PORT_POOL_LAST);
    assert_string_equal(view.url, "http://web.alice.overlay.localhost:7777/");
    assert_true(view.listening);
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    assert_int_equal(addr_port(&view.listen), port);
    assert_int_equal(ports_list(ports, &view, 1), 1);

    assert_int_equal(ports_close(ports, &alice->id, "web"), 0);
    assert_int_equal(ports_close(ports, &alice->id, "web"), -ENOENT);
    assert_int_equal(ports_list(ports, NULL, 0), 0);
    assert_null(world_dial(&world, listening_at(), 1));
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    assert_int_equal(addr_port(&view.listen), port);
}

static void what_was_open_is_open_again_after_a_restart(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    assert_int_equal(open_port("game", SERVICE_BOTH, NULL), 0);
    struct ports_view before = view;
    assert_int_equal(ports_close(ports, &alice->id, "web"), 0);
    ports_free(ports);

    struct ports_options options = {&node, &users, "overlay"};
    assert_int_equal(ports_new(&ports, &options), 0);
    ports_restore(ports);
    assert_int_equal(ports_list(ports, &view, 1), 1);
    assert_true(addr_equal(&view.listen, &before.listen));
    assert_true(view.listening);
    assert_int_equal(view.proto, SERVICE_BOTH);
}

static void a_remembered_port_that_is_held_is_tried_again(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct addr before = view.listen;
    ports_free(ports);
    world.taken_tcp = addr_port(&before);

    struct ports_options options = {&node, &users, "overlay"};
    assert_int_equal(ports_new(&ports, &options), 0);
    ports_restore(ports);
    assert_int_equal(ports_list(ports, &view, 1), 1);
    assert_false(view.listening);
    world.taken_tcp = 0;
    world_wait(&world, SEC(6));
    ports_list(ports, &view, 1);
    assert_true(view.listening);
    assert_true(addr_equal(&view.listen, &before));
}

static void skips_numbers_that_others_hold_for_either_protocol(void **state)
{
    (void)state;
    unsigned turn = 0;
    uint16_t first = port_pool_next(node.registry, &alice->id, "web", &turn);
    uint16_t second = port_pool_next(node.registry, &alice->id, "web", &turn);
    world.taken_udp = first;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    assert_int_equal(addr_port(&view.listen), second);
}

static void chooses_another_number_when_the_kept_one_is_held(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    uint16_t kept = addr_port(&view.listen);
    assert_int_equal(ports_close(ports, &alice->id, "web"), 0);
    world.taken_tcp = kept;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    assert_int_not_equal(addr_port(&view.listen), kept);
}

static void at_names_the_address_and_must_be_loopback(void **state)
{
    (void)state;
    struct addr where = addr_loopback(false, 9000), out;
    assert_int_equal(open_port("web", SERVICE_TCP, &where), 0);
    assert_string_equal(listening_at(), "127.0.0.1:9000");
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    assert_string_equal(listening_at(), "127.0.0.1:9000");

    world.taken_tcp = 9001;
    where = addr_loopback(false, 9001);
    assert_int_equal(open_port("web", SERVICE_TCP, &where), -EADDRINUSE);
    assert_string_equal(why, "127.0.0.1:9001: another program holds this port");
    assert_int_equal(ports_list(ports, &view, 1), 1);
    assert_string_equal(listening_at(), "127.0.0.1:9000");

    assert_int_equal(addr_parse(&out, "0.0.0.0:9002"), 0);
    assert_int_equal(open_port("web", SERVICE_TCP, &out), -EPERM);
    where = addr_loopback(false, 9003);
    assert_int_equal(open_port("web", SERVICE_TCP, &where), 0);
    assert_string_equal(listening_at(), "127.0.0.1:9003");
    assert_null(world_dial(&world, "127.0.0.1:9000", 1));
    assert_int_equal(ports_list(ports, &view, 1), 1);
}

static void more_protocols_join_the_same_number(void **state)
{
    (void)state;
    assert_int_equal(open_port("game", SERVICE_TCP, NULL), 0);
    uint16_t port = addr_port(&view.listen);
    assert_null(world_udp(&world, listening_at(), 5, "x", 1));
    assert_int_equal(open_port("game", SERVICE_UDP, NULL), 0);
    assert_int_equal(addr_port(&view.listen), port);
    assert_int_equal(view.proto, SERVICE_BOTH);
    assert_non_null(world_udp(&world, listening_at(), 5, "x", 1));
}

static bool is_open(const char *service)
{
    return registry_port(node_registry(&node), &alice->id, service)->open;
}

static void without_room_on_the_disk_all_stays_as_it_was(void **state)
{
    (void)state;
    struct addr elsewhere = addr_loopback(true, 5000);
    assert_int_equal(open_port("game", SERVICE_TCP, NULL), 0);
    struct ports_view before = view;
    world.save_error = -ENOSPC;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), -ENOSPC);
    assert_string_equal(why, "the registry could not be saved");
    assert_false(is_open("web"));
    assert_int_equal(open_port("game", SERVICE_TCP, &elsewhere), -ENOSPC);
    assert_int_equal(open_port("game", SERVICE_UDP, NULL), -ENOSPC);
    assert_int_equal(ports_close(ports, &alice->id, "game"), -ENOSPC);
    assert_true(is_open("game"));
    assert_int_equal(ports_list(ports, &view, 1), 1);
    assert_int_equal(view.proto, SERVICE_TCP);
    assert_true(addr_equal(&view.listen, &before.listen));
    struct sock *s = world_dial(&world, listening_at(), 40000);
    assert_non_null(s);
    world.save_error = 0;
    assert_int_equal(ports_close(ports, &alice->id, "game"), 0);
    assert_true(s->reset);
    assert_false(is_open("game"));
}

static void a_connection_opens_a_stream_before_the_client_speaks(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct sock *s = world_dial(&world, listening_at(), 40000);
    struct far_stream *stream = newest();
    assert_string_equal(stream->what.name, "web");
    assert_int_equal(stream->what.kind, PREAMBLE_TCP);
    local_node_answer(stream, PREAMBLE_OK, "");
    fake_pipe_say(&stream->far, "220 hello\r\n");
    assert_string_equal(world_heard(s), "220 hello\r\n");
    world_say(s, "QUIT\r\n");
    assert_string_equal(fake_pipe_heard(&stream->far), "QUIT\r\n");
    ports_list(ports, &view, 1);
    assert_int_equal(view.connections, 1);
    assert_int_equal(view.to_far, 6);
    assert_int_equal(view.from_far, 11);
    assert_int_equal(ports_close(ports, &alice->id, "web"), 0);
    assert_true(s->reset);
    assert_true(stream->far.reset);
}

static void a_caller_of_another_user_is_reset(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    world.uid = 1001;
    assert_true(world_dial(&world, listening_at(), 40000)->reset);
    world.uid = UINT32_MAX; /* nobody found */
    assert_true(world_dial(&world, listening_at(), 40001)->reset);
    assert_int_equal(node.stream_count, 0);
    world.uid = 0;
    struct sock *root = world_dial(&world, listening_at(), 40002);
    assert_false(world_is_over(root));
    world.uid = 1001;
    users.any = true;
    assert_false(world_is_over(world_dial(&world, listening_at(), 40003)));
}

static void a_refusal_of_the_far_side_is_a_reset(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct sock *s = world_dial(&world, listening_at(), 40000);
    local_node_answer(newest(), PREAMBLE_REFUSED, "connection refused");
    assert_true(s->reset);
}

static void waits_for_a_session_and_resets_without_one(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    alice->state = PEER_IDLE;
    struct sock *s = world_dial(&world, listening_at(), 40000);
    assert_int_equal(node.wait_count, 1);
    world_say(s, "early");
    local_node_connected(&node, -EHOSTUNREACH, "no way there");
    assert_true(s->reset);

    s = world_dial(&world, listening_at(), 40001);
    world_say(s, "early");
    alice->state = PEER_DIRECT;
    local_node_connected(&node, 0, NULL);
    assert_string_equal(fake_pipe_heard(&newest()->far), "early");
    alice->state = PEER_IDLE;
    (void)world_dial(&world, listening_at(), 40002); /* still waits when all is over */
}

static void strangers_pages_get_421_and_reach_nobody(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct sock *s = world_dial(&world, listening_at(), 40000);
    world_say(s, "GET / HTTP/1.1\r\nHost: evil.example:20000\r\n\r\n");
    assert_string_equal(fake_pipe_heard(&newest()->far), "");
    assert_true(newest()->far.reset);
    assert_memory_equal(world_heard(s), "HTTP/1.1 421 Misdirected Request\r\n", 34);
    assert_non_null(strstr(world_heard(s), "evil.example"));
    assert_true(s->finished);
    assert_false(world_is_over(s));
    world_say(s, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); /* nobody listens any more */
    world_finish(s);
    assert_true(s->closed);
}

static void malformed_requests_get_400_and_reach_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *answer;
    } cases[] = {
        {"Content-Length: 1\r\nContent-Length: 2\r\n", "HTTP/1.1 400 "},
        {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "HTTP/1.1 400 "},
        {"Transfer-Encoding: gzip, chunked\r\n", "HTTP/1.1 501 "},
        {"X: a\r\n b\r\n", "HTTP/1.1 400 "},
        {"X : a\r\n", "HTTP/1.1 400 "},
        {"X: a\rb\r\n", "HTTP/1.1 400 "},
    };
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        struct sock *s = world_dial(&world, listening_at(), (uint16_t)(40000 + i));
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                 cases[i].fields);
        world_say(s, text);
        if (strncmp(world_heard(s), cases[i].answer, strlen(cases[i].answer)) != 0)
            fail_msg("%s: %s", cases[i].fields, world_heard(s));
        assert_string_equal(fake_pipe_heard(&newest()->far), "");
        assert_true(newest()->far.reset && s->finished);
    }
}

static void browsers_get_a_page_and_others_plain_text(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct sock *s = world_dial(&world, listening_at(), 40000);
    world_say(s, "GET / HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html,*/*\r\n\r\n");
    assert_non_null(strstr(world_heard(s), "<h1>This request was not meant for this peer</h1>"));
    s = world_dial(&world, listening_at(), 40001);
    world_say(s, "GET / HTTP/1.1\r\nHost: evil.example\r\nAccept: */*\r\n\r\n");
    assert_non_null(strstr(world_heard(s), "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_null(strchr(world_heard(s), '<'));
}

static void a_bad_second_request_is_answered_after_the_first(void **state)
{
    (void)state;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct sock *s = world_dial(&world, listening_at(), 40000);
    local_node_answer(newest(), PREAMBLE_OK, "");
    world_say(s, "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                 "GET /2 HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n");
    assert_string_equal(fake_pipe_heard(&newest()->far),
                        "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(s->out_len, 0);
    fake_pipe_say(&newest()->far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    assert_null(strstr(world_heard(s), "421"));
    fake_pipe_say(&newest()->far, "ok");
    assert_non_null(strstr(world_heard(s), "\r\n\r\nokHTTP/1.1 421 "));
    world_wait(&world, SEC(3)); /* a client that never closes */
    assert_true(s->closed);
}

static void raw_services_pass_everything(void **state)
{
    (void)state;
    web->raw = true;
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct sock *s = world_dial(&world, listening_at(), 40000);
    world_say(s, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert_int_equal(newest()->far.sent_len, 38);
}

static void hosts_and_origins_of_the_peer_pass_and_no_others(void **state)
{
    (void)state;
    char id[PEER_ID_TEXT_MAX], by_id[120], own[64], others[64], request[512];
    struct peer_view *bob = local_node_peer(&node, "bob");
    struct ports_request bobs = {.peer = bob->id, .service = "web", .proto = SERVICE_TCP};
    assert_int_equal(ports_open(ports, &bobs, &view, why, sizeof(why)), 0);
    snprintf(others, sizeof(others), "Origin: http://127.0.0.1:%u\r\n", addr_port(&view.listen));
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    snprintf(own, sizeof(own), "Origin: http://127.0.0.1:%u\r\n", addr_port(&view.listen));
    snprintf(by_id, sizeof(by_id), "web.%s.overlay", peer_id_print(&alice->id, id));
    const struct {
        const char *host, *more;
        bool good;
    } cases[] = {
        {"alice.overlay", "", true},
        {"Web.ALICE.Overlay:20000", "", true},
        {"web.alice.overlay.localhost:7777", "", true},
        {"alice.overlay.", "", true},
        {by_id, "", true},
        {"localhost:3000", "", true},
        {"127.0.0.1:20000", "", true},
        {"[::1]", "", true},
        {"127.0.0.1.evil.com", "", false},
        {"evil.com", "", false},
        {"bob.overlay", "", false},
        {"nothing.alice.overlay", "", false},
        {"alice.overlay.evil.com", "", false},
        {"user@alice.overlay", "", false},
        {"192.168.0.1", "", false},
        {"0.0.0.0", "", false},
        {"", "", false},
        {"alice.overlay", "Host: alice.overlay\r\n", false},
        {"alice.overlay", "Origin: http://alice.overlay\r\n", true},
        {"alice.overlay", "Origin: http://web.alice.overlay.localhost:7777\r\n", true},
        {"alice.overlay", own, true},
        {"alice.overlay", others, false},
        {"alice.overlay", "Origin: http://127.0.0.1:9000\r\n", false},
        {"alice.overlay", "Origin: http://localhost\r\n", false},
        {"alice.overlay", "Origin: http://bob.overlay\r\n", false},
        {"alice.overlay", "Origin: https://evil.com\r\n", false},
        {"alice.overlay", "Origin: null\r\n", false},
        {"alice.overlay", "Origin: http://alice.overlay\r\nOrigin: http://evil.com\r\n", false},
        {"alice.overlay", "Origin: http://alice.overlay, http://evil.com\r\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(request, sizeof(request), "POST / HTTP/1.1\r\nHost: %s\r\n%s\r\n", cases[i].host,
                 cases[i].more);
        struct sock *s = world_dial(&world, listening_at(), (uint16_t)(40000 + i));
        world_say(s, request);
        if ((newest()->far.sent_len > 0) != cases[i].good)
            fail_msg("case %zu: %s %s", i, cases[i].host, cases[i].more);
        if (cases[i].good)
            world_break(s, -ECONNRESET);
        else
            world_wait(&world, SEC(3));
    }
}

#define SAME_SITE  "Sec-Fetch-Site: same-site\r\n"
#define CROSS_SITE "Sec-Fetch-Site: cross-site\r\n"
#define LINK       "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"

/* All ports of 127.0.0.1 are one site to a browser: it sends the cookies along. */
static void a_page_of_another_peer_may_be_linked_from_but_asks_for_nothing(void **state)
{
    (void)state;
    char own[128], others[128], request[512];
    struct peer_view *bob = local_node_peer(&node, "bob");
    struct ports_request bobs = {.peer = bob->id, .service = "web", .proto = SERVICE_TCP};
    assert_int_equal(ports_open(ports, &bobs, &view, why, sizeof(why)), 0);
    snprintf(others, sizeof(others), SAME_SITE "Referer: http://127.0.0.1:%u/\r\n",
             addr_port(&view.listen));
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    snprintf(own, sizeof(own), SAME_SITE "Referer: http://127.0.0.1:%u/a/b\r\n",
             addr_port(&view.listen));
    const struct {
        const char *method, *more;
        bool good;
    } cases[] = {
        {"GET", "Sec-Fetch-Site: none\r\n", true},
        {"GET", "sec-fetch-site: Same-Origin\r\n", true},
        {"GET", SAME_SITE, false},
        {"GET", CROSS_SITE, false},
        {"GET", "Sec-Fetch-Site: \r\n", false},
        {"GET", "Sec-Fetch-Site: none\r\n" CROSS_SITE, false},
        {"GET", own, true},
        {"GET", others, false},
        {"GET", SAME_SITE "Referer: http://web.alice.overlay.localhost:7777/\r\n", true},
        {"GET", SAME_SITE "Referer: http://web.bob.overlay.localhost:7777/\r\n", false},
        {"GET", CROSS_SITE "Referer: https://evil.com/http://alice.overlay/\r\n", false},
        {"GET", SAME_SITE "Origin: http://web.alice.overlay.localhost:7777\r\n", true},
        {"POST", SAME_SITE "Origin: http://web.alice.overlay.localhost:7777\r\n", true},
        {"GET", SAME_SITE LINK, true},
        {"HEAD", CROSS_SITE LINK, true},
        {"POST", SAME_SITE LINK, false},
        {"GET", SAME_SITE LINK "Sec-Purpose: prefetch\r\n", false},
        {"GET", SAME_SITE "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", false},
        {"GET", SAME_SITE "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: document\r\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(request, sizeof(request), "%s / HTTP/1.1\r\nHost: alice.overlay\r\n%s\r\n",
                 cases[i].method, cases[i].more);
        struct sock *s = world_dial(&world, listening_at(), (uint16_t)(40000 + i));
        world_say(s, request);
        if ((newest()->far.sent_len > 0) != cases[i].good)
            fail_msg("case %zu: %s", i, request);
        if (cases[i].good)
            world_break(s, -ECONNRESET);
        else
            world_wait(&world, SEC(3));
    }
}

/* `--at 127.0.0.2:80` for one peer and 127.0.0.3:80 for another. */
static void peers_with_addresses_of_their_own_may_have_the_same_port(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        bool good;
    } cases[] = {
        {"Origin: http://127.0.0.2\r\n", true},
        {"Origin: http://127.0.0.2:80\r\n", true},
        {"Origin: http://[::ffff:127.0.0.2]\r\n", true},
        {"Origin: http://127.0.0.3\r\n", false},
        {"Origin: http://127.0.0.1\r\n", false},
        {"Origin: http://localhost\r\n", false},
        {"Origin: http://[::1]\r\n", false},
        {"Origin: https://127.0.0.2\r\n", false},
        {SAME_SITE "Referer: http://127.0.0.2/a\r\n", true},
        {SAME_SITE "Referer: http://127.0.0.3/a\r\n", false},
    };
    struct addr at_bob, at_alice;
    struct peer_view *bob = local_node_peer(&node, "bob");
    struct ports_request bobs = {
        .peer = bob->id, .service = "web", .proto = SERVICE_TCP, .at = &at_bob};
    assert_int_equal(addr_parse(&at_bob, "127.0.0.3:80"), 0);
    assert_int_equal(addr_parse(&at_alice, "127.0.0.2:80"), 0);
    assert_int_equal(ports_open(ports, &bobs, &view, why, sizeof(why)), 0);
    assert_int_equal(open_port("web", SERVICE_TCP, &at_alice), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char request[256];
        snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: 127.0.0.2\r\n%s\r\n",
                 cases[i].more);
        struct sock *s = world_dial(&world, listening_at(), (uint16_t)(40000 + i));
        world_say(s, request);
        if ((newest()->far.sent_len > 0) != cases[i].good)
            fail_msg("case %zu: %s", i, cases[i].more);
        if (cases[i].good)
            world_break(s, -ECONNRESET);
        else
            world_wait(&world, SEC(3));
    }
}

static void an_absolute_target_counts_as_a_host(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        bool good;
    } cases[] = {
        {"http://alice.overlay/x", true},
        {"http://evil.com/x", false},
        {"http://evil.com@alice.overlay/", false},
        {"*", true},
        {"evil.com:80", false},
        {"gopher://alice.overlay/", false},
    };
    char request[256];
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: alice.overlay\r\n\r\n",
                 cases[i].target);
        struct sock *s = world_dial(&world, listening_at(), (uint16_t)(40000 + i));
        world_say(s, request);
        if ((newest()->far.sent_len > 0) != cases[i].good)
            fail_msg("case %zu: %s", i, cases[i].target);
        world_break(s, -ECONNRESET);
    }
}

static void each_sender_of_datagrams_has_its_flow(void **state)
{
    (void)state;
    assert_int_equal(open_port("game", SERVICE_UDP, NULL), 0);
    struct udp_socket *udp = world_udp(&world, listening_at(), 5001, "one", 3);
    (void)world_udp(&world, listening_at(), 5002, "two", 3);
    (void)world_udp(&world, listening_at(), 5001, "more", 4);
    assert_int_equal(node.flow_count, 2);
    assert_string_equal(node.flows[0].sent, "more");
    assert_int_equal(node.flows[0].what.kind, PREAMBLE_UDP);
    assert_string_equal(node.flows[1].sent, "two");

    node.flows[1].handler->on_datagram(node.flows[1].arg, (const uint8_t *)"back", 4);
    assert_int_equal(udp->sent_len, 4);
    assert_int_equal(addr_port(&udp->sent_to), 5002);

    node.flows[0].handler->on_end(node.flows[0].arg); /* idle */
    (void)world_udp(&world, listening_at(), 5001, "again", 5);
    assert_int_equal(node.flow_count, 3);
}

static void strangers_datagrams_are_dropped_also_when_a_port_changes_hands(void **state)
{
    (void)state;
    assert_int_equal(open_port("game", SERVICE_UDP, NULL), 0);
    world.uid = 1001;
    (void)world_udp(&world, listening_at(), 5001, "no", 2);
    assert_int_equal(node.flow_count, 0);
    world.uid = 1000;
    (void)world_udp(&world, listening_at(), 5001, "yes", 3);
    assert_int_equal(node.flow_count, 1);
    world.uid = 1001;
    world_wait(&world, SEC(2));
    (void)world_udp(&world, listening_at(), 5001, "no", 2);
    assert_string_equal(node.flows[0].sent, "yes");
    assert_false(node.flows[0].open);
}

static void flows_are_bounded_longest_unused_first(void **state)
{
    (void)state;
    assert_int_equal(open_port("game", SERVICE_UDP, NULL), 0);
    for (uint16_t i = 0; i < 1024; i++)
        (void)world_udp(&world, listening_at(), (uint16_t)(1000 + i), "x", 1);
    (void)world_udp(&world, listening_at(), 1000, "y", 1);
    (void)world_udp(&world, listening_at(), 9999, "z", 1);
    assert_true(node.flows[0].open);
    assert_false(node.flows[1].open);
    assert_true(node.flows[1024].open);
}

static void the_first_datagram_waits_for_a_session(void **state)
{
    (void)state;
    assert_int_equal(open_port("game", SERVICE_UDP, NULL), 0);
    alice->state = PEER_IDLE;
    (void)world_udp(&world, listening_at(), 5001, "first", 5);
    (void)world_udp(&world, listening_at(), 5001, "second", 6);
    (void)world_udp(&world, listening_at(), 5002, "other", 5);
    assert_int_equal(node.wait_count, 2);
    alice->state = PEER_DIRECT;
    local_node_connected(&node, 0, NULL);
    assert_int_equal(node.flow_count, 2);
    assert_string_equal(node.flows[1].sent, "first");
    assert_int_equal(node.flows[1].count, 1);
}

static void a_refused_sender_is_not_asked_for_again_at_once(void **state)
{
    (void)state;
    struct preamble_answer no = {.status = PREAMBLE_DENIED};
    assert_int_equal(open_port("game", SERVICE_UDP, NULL), 0);
    (void)world_udp(&world, listening_at(), 5001, "x", 1);
    node.flows[0].handler->on_answer(node.flows[0].arg, &no);
    node.flows[0].handler->on_end(node.flows[0].arg);
    (void)world_udp(&world, listening_at(), 5001, "x", 1);
    assert_int_equal(node.flow_count, 1);
    world_wait(&world, SEC(2));
    (void)world_udp(&world, listening_at(), 5001, "x", 1);
    assert_int_equal(node.flow_count, 2);
}

static void the_pool_has_no_port_that_browsers_block(void **state)
{
    (void)state;
    static const uint16_t some[] = {0,    1,    22,   25,   53,   110,  143,  554,
                                    993,  1719, 1723, 2049, 3659, 4045, 4190, 5060,
                                    5061, 6000, 6566, 6665, 6669, 6679, 6697, 10080};
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
        assert_true(port_is_blocked(some[i]));
    assert_false(port_is_blocked(80) || port_is_blocked(443) || port_is_blocked(8080));
    assert_int_equal(sizeof(BLOCKED_PORTS) / sizeof(BLOCKED_PORTS[0]), 83);
    for (size_t i = 1; i < sizeof(BLOCKED_PORTS) / sizeof(BLOCKED_PORTS[0]); i++)
        assert_true(BLOCKED_PORTS[i] > BLOCKED_PORTS[i - 1]);
    unsigned turn = 0, count = 0;
    for (uint16_t port; (port = port_pool_next(node.registry, &alice->id, "x", &turn)); count++)
        assert_false(port_is_blocked(port));
    assert_int_equal(count, 10000);
}

static void ports_of_a_peer_are_known_as_its_own(void **state)
{
    (void)state;
    struct peer_view *bob = local_node_peer(&node, "bob");
    assert_int_equal(open_port("web", SERVICE_TCP, NULL), 0);
    struct addr elsewhere = view.listen;
    assert_true(ports_belongs_to(ports, &view.listen, &alice->id));
    assert_false(ports_belongs_to(ports, &view.listen, &bob->id));
    addr_set_port(&elsewhere, 80);
    assert_false(ports_belongs_to(ports, &elsewhere, &alice->id));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_service_gets_one_port_for_ever),
        TEST(what_was_open_is_open_again_after_a_restart),
        TEST(a_remembered_port_that_is_held_is_tried_again),
        TEST(skips_numbers_that_others_hold_for_either_protocol),
        TEST(chooses_another_number_when_the_kept_one_is_held),
        TEST(at_names_the_address_and_must_be_loopback),
        TEST(more_protocols_join_the_same_number),
        TEST(without_room_on_the_disk_all_stays_as_it_was),
        TEST(a_connection_opens_a_stream_before_the_client_speaks),
        TEST(a_caller_of_another_user_is_reset),
        TEST(a_refusal_of_the_far_side_is_a_reset),
        TEST(waits_for_a_session_and_resets_without_one),
        TEST(strangers_pages_get_421_and_reach_nobody),
        TEST(malformed_requests_get_400_and_reach_nobody),
        TEST(browsers_get_a_page_and_others_plain_text),
        TEST(a_bad_second_request_is_answered_after_the_first),
        TEST(raw_services_pass_everything),
        TEST(hosts_and_origins_of_the_peer_pass_and_no_others),
        TEST(a_page_of_another_peer_may_be_linked_from_but_asks_for_nothing),
        TEST(peers_with_addresses_of_their_own_may_have_the_same_port),
        TEST(an_absolute_target_counts_as_a_host),
        TEST(each_sender_of_datagrams_has_its_flow),
        TEST(strangers_datagrams_are_dropped_also_when_a_port_changes_hands),
        TEST(flows_are_bounded_longest_unused_first),
        TEST(the_first_datagram_waits_for_a_session),
        TEST(a_refused_sender_is_not_asked_for_again_at_once),
        TEST(the_pool_has_no_port_that_browsers_block),
        TEST(ports_of_a_peer_are_known_as_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
