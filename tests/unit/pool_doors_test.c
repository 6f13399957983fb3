/* What local programs meet at the addresses of peers, with the test as those programs, as the
 * packet filter and as the far side of every stream. */
#include "adapters/pool_doors.h"

#include "tests/support/local_node.h"

static struct world world;
static struct node node;
static struct peer_view *alice, *bob;
static struct local_users users;
static struct proxy *proxy;
static struct pool *pool;
static struct pool_doors *doors;
static char why[256], place[ADDR_TEXT_MAX];
static uint16_t next_port;

static void open_doors(void)
{
    const struct pool_doors_options options = {
        .node = &node,
        .users = &users,
        .suffix = "overlay",
        .pool = pool,
        .proxy = proxy,
        .redirect_port = 7790,
    };
    assert_int_equal(pool_doors_new(&doors, &options), 0);
}

static int set_up(void **state)
{
    struct addr_prefix range;
    (void)state;
    world_init(&world);
    world.uid = 1000;
    world.pool_local = true;
    local_node_init(&node, &world);
    the_node = &node;
    alice = local_node_peer(&node, "alice");
    local_node_service(alice, "web", 3000, SERVICE_TCP);
    local_node_service(alice, "ssh", 22, SERVICE_TCP);
    local_node_service(alice, "game", 7000, SERVICE_UDP);
    bob = local_node_peer(&node, "bob");
    local_node_service(bob, "wiki", 8080, SERVICE_TCP);
    users = (struct local_users){.uid = {1000}, .count = 1};
    assert_int_equal(addr_prefix_parse(&range, "198.19.0.0/16"), 0);
    assert_int_equal(pool_new(&pool, &world.env, node.registry, &node.keys, &range), 0);
    struct proxy_options options = {
        .node = &node,
        .users = &users,
        .suffix = "overlay",
        .listen = {addr_loopback(false, 7777)},
        .pool = pool,
    };
    assert_int_equal(proxy_new(&proxy, &options, why, sizeof(why)), 0);
    next_port = 40000;
    open_doors();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pool_doors_free(doors);
    proxy_free(proxy);
    pool_free(pool);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static struct addr at(const struct peer_view *peer, uint16_t port)
{
    struct addr a;
    assert_true(pool_address(pool, &peer->id, &a));
    addr_set_port(&a, port);
    return a;
}

static const char *text_of(struct addr a)
{
    return addr_print(&a, place);
}

/* Somebody dials this, and the packet filter leads it to us. */
static struct sock *redirected(struct addr to)
{
    world.dialled = to;
    struct sock *s = world_dial(&world, "0.0.0.0:7790", next_port++);
    assert_non_null(s);
    return s;
}

/* The gateway's connections to itself come in. */
static void redirect(bool all)
{
    struct addr own = pool_gateway(pool);
    addr_set_port(&own, 80);
    assert_true(redirected(own)->reset);
    addr_set_port(&own, 65533);
    if (all)
        assert_true(redirected(own)->reset);
    world_wait(&world, SEC(1));
}

static struct far_stream *newest(void)
{
    return local_node_stream(&node);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void a_dialled_port_leads_to_the_service_of_that_port(void **state)
{
    (void)state;
    redirect(true);
    struct sock *s = redirected(at(alice, 22));
    assert_true(peer_id_equal(&newest()->peer, &alice->id));
    assert_int_equal(newest()->what.port, 22);
    assert_int_equal(newest()->what.kind, PREAMBLE_TCP);
    local_node_answer(newest(), PREAMBLE_OK, "");
    fake_pipe_say(&newest()->far, "SSH-2.0-x\r\n");
    assert_string_equal(world_heard(s), "SSH-2.0-x\r\n");
}

static void what_is_nobodys_is_reset(void **state)
{
    (void)state;
    struct addr nobody;
    redirect(true);
    assert_int_equal(addr_parse(&nobody, "198.19.255.254:80"), 0);
    assert_true(redirected(nobody)->reset);
    assert_true(redirected(at(alice, 9999))->reset);
    assert_true(redirected(at(alice, 7000))->reset); /* UDP only */
    assert_true(redirected(addr_loopback(false, 7790))->reset);
    assert_int_equal(node.stream_count, 0);
}

static void a_peer_without_a_session_is_dialled(void **state)
{
    (void)state;
    redirect(true);
    alice->state = PEER_IDLE;
    alice->services_known = false;
    struct sock *s = redirected(at(alice, 4444));
    assert_int_equal(node.wait_count, 1);
    alice->state = PEER_DIRECT;
    local_node_connected(&node, 0, NULL);
    assert_int_equal(newest()->what.port, 4444);
    assert_false(world_is_over(s));
}

static void another_user_is_reset(void **state)
{
    (void)state;
    redirect(true);
    world.uid = 1001;
    assert_true(redirected(at(alice, 22))->reset);
    assert_int_equal(node.stream_count, 0);
}

static void port_80_serves_the_peer_by_its_names(void **state)
{
    (void)state;
    redirect(true);
    assert_true(pool_has_http(pool));
    struct sock *s = redirected(at(alice, 80));
    world_say(s, "GET / HTTP/1.1\r\nHost: ssh.alice.overlay\r\n\r\n");
    assert_string_equal(newest()->what.name, "ssh");
    s = redirected(at(alice, 80));
    world_say(s, "GET / HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    assert_string_equal(newest()->what.name, "web");
    s = redirected(at(bob, 80));
    char request[128], ip[ADDR_TEXT_MAX];
    struct addr literal = at(bob, 80);
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
             addr_print_ip(&literal, ip));
    world_say(s, request);
    assert_string_equal(newest()->what.name, "wiki");
}

static void a_service_on_port_80_comes_before_the_default(void **state)
{
    (void)state;
    redirect(true);
    local_node_service(alice, "front", 80, SERVICE_TCP);
    struct sock *s = redirected(at(alice, 80));
    world_say(s, "GET / HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    assert_string_equal(newest()->what.name, "front");
}

static void a_peer_with_several_services_has_a_page_that_lists_them(void **state)
{
    (void)state;
    redirect(true);
    local_node_service(bob, "git", 9418, SERVICE_TCP);
    local_node_service(bob, "game", 7000, SERVICE_UDP);
    struct sock *s = redirected(at(bob, 80));
    world_say(s, "GET / HTTP/1.1\r\nHost: bob.overlay\r\nAccept: text/html\r\n\r\n");
    assert_true(has(world_heard(s), "HTTP/1.1 404 "));
    assert_true(has(world_heard(s), "<a href=\"//wiki.bob.overlay/\">wiki.bob.overlay/</a>"));
    assert_true(has(world_heard(s), "<a href=\"//git.bob.overlay/\">"));
    assert_false(has(world_heard(s), "game"));
    world_finish(s);
    s = redirected(at(bob, 80));
    world_say(s, "GET / HTTP/1.1\r\nHost: bob.overlay\r\n\r\n");
    assert_true(has(world_heard(s), "  git.bob.overlay/\n"));
    world_finish(s);
}

static void port_80_of_one_peer_serves_no_other(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nHost: bob.overlay\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:7777\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: overlay\r\n\r\n",
        "GET http://bob.overlay/ HTTP/1.1\r\nHost: alice.overlay\r\n\r\n",
        "CONNECT alice.overlay:22 HTTP/1.1\r\nHost: alice.overlay\r\n\r\n",
    };
    redirect(true);
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        struct sock *s = redirected(at(alice, 80));
        world_say(s, heads[i]);
        if (!has(world_heard(s), "HTTP/1.1 421 "))
            fail_msg("%s: %s", heads[i], world_heard(s));
        world_finish(s);
    }
    struct sock *s = redirected(at(alice, 80));
    world_say(s, "\5\1");
    assert_true(s->reset);
    assert_int_equal(node.stream_count, 0);
    assert_int_equal(node.wait_count, 0);
}

static void at_our_own_address_there_is_one_page_and_no_proxy(void **state)
{
    (void)state;
    static const char *const others[] = {
        "GET / HTTP/1.1\r\nHost: alice.overlay\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: overlay.localhost\r\n\r\n",
        "GET /localhost-check HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET http://alice.overlay/ HTTP/1.1\r\nHost: alice.overlay\r\n\r\n",
        "CONNECT alice.overlay:22 HTTP/1.1\r\nHost: alice.overlay\r\n\r\n",
    };
    struct addr own = pool_gateway(pool);
    redirect(true);
    addr_set_port(&own, 80);
    struct sock *s = redirected(own);
    world_say(s, "GET / HTTP/1.1\r\nHost: localhost-check.overlay\r\n\r\n");
    assert_true(has(world_heard(s), "HTTP/1.1 200 "));
    assert_true(has(world_heard(s), "; connect-src http://127.0.0.1:7777\r\n"));
    world_finish(s);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        s = redirected(own);
        world_say(s, others[i]);
        if (!has(world_heard(s), "HTTP/1.1 421 "))
            fail_msg("%s: %s", others[i], world_heard(s));
        world_finish(s);
    }
    s = redirected(own);
    world_say(s, "\5\1");
    assert_true(s->reset);
    s = redirected(at(alice, 80)); /* nor is the page a peer's */
    world_say(s, "GET / HTTP/1.1\r\nHost: localhost-check.overlay\r\n\r\n");
    assert_true(has(world_heard(s), "HTTP/1.1 421 "));
    world_finish(s);
    addr_set_port(&own, 8080);
    assert_true(redirected(own)->reset);
    assert_int_equal(node.stream_count, 0);
}

static void the_next_request_is_judged_too(void **state)
{
    (void)state;
    redirect(true);
    struct sock *s = redirected(at(alice, 80));
    world_say(s, "GET / HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    local_node_answer(newest(), PREAMBLE_OK, "");
    fake_pipe_say(&newest()->far, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    world_forget(s);
    world_say(s, "GET / HTTP/1.1\r\nHost: bob.overlay\r\n\r\n");
    assert_true(has(world_heard(s), "HTTP/1.1 421 "));
    world_finish(s);
}

static void a_raw_service_on_port_80_gets_the_bytes(void **state)
{
    (void)state;
    redirect(true);
    local_node_service(alice, "odd", 80, SERVICE_TCP)->raw = true;
    struct sock *s = redirected(at(alice, 80));
    assert_int_equal(newest()->what.port, 80);
    world_say(s, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert_true(has(fake_pipe_heard(&newest()->far), "evil.example"));
}

/* A first message of TLS that names nobody. */
static void greet(struct sock *s)
{
    world_send(s, "\x16\x03\x01\x00\x05\x01\x00\x00\x01x", 10);
}

static void port_443_is_https_only_with_an_authority(void **state)
{
    struct local_ca *ca = NULL;
    (void)state;
    redirect(true);
    assert_false(pool_doors_https(doors, &alice->id));
    assert_true(redirected(at(alice, 443))->reset); /* she shares nothing there */
    assert_int_equal(local_ca_new(&ca, "overlay", 1795000000), 0);
    assert_int_equal(proxy_set_https(proxy, ca), 0);
    assert_true(pool_doors_https(doors, &alice->id));
    struct sock *s = redirected(at(alice, 443));
    greet(s);
    assert_int_equal(s->out[0], 0x15); /* an alert: it was listened to */
    world_wait(&world, SEC(3));
    assert_true(world_is_over(s));
    assert_int_equal(node.stream_count, 0);

    /* Who shares that port has certificates of her own. */
    local_node_service(alice, "own", 443, SERVICE_TCP);
    assert_false(pool_doors_https(doors, &alice->id));
    assert_true(pool_doors_https(doors, &bob->id));
    s = redirected(at(alice, 443));
    greet(s);
    assert_int_equal(newest()->what.port, 443);
    assert_int_equal(newest()->far.sent[0], 0x16);
    world_finish(s);
    fake_pipe_end(&newest()->far);
    world_run(&world);
    assert_int_equal(proxy_set_https(proxy, NULL), 0);
    local_ca_free(ca);
}

static void where_nothing_leads_to_port_443_there_is_no_https(void **state)
{
    struct local_ca *ca = NULL;
    (void)state;
    assert_int_equal(local_ca_new(&ca, "overlay", 1795000000), 0);
    assert_int_equal(proxy_set_https(proxy, ca), 0);
    redirect(false);
    assert_false(pool_doors_https(doors, &alice->id));
    assert_int_equal(proxy_set_https(proxy, NULL), 0);
    local_ca_free(ca);
}

static void other_ports_have_the_guard(void **state)
{
    (void)state;
    redirect(true);
    struct sock *s = redirected(at(alice, 3000));
    world_say(s, "GET / HTTP/1.1\r\nHost: evil.example:3000\r\n\r\n");
    assert_true(has(world_heard(s), "HTTP/1.1 421 "));
    world_finish(s);
    s = redirected(at(alice, 3000));
    world_say(s, "GET / HTTP/1.1\r\nHost: web.alice.overlay:3000\r\n\r\n");
    assert_true(has(fake_pipe_heard(&newest()->far), "web.alice.overlay"));
}

static void without_redirection_each_service_has_its_port(void **state)
{
    (void)state;
    world_wait(&world, SEC(1));
    assert_false(pool_has_http(pool));
    assert_false(pool_doors_redirected(doors));
    assert_non_null(world_dial(&world, text_of(at(alice, 3000)), next_port++));
    assert_int_equal(newest()->what.port, 3000);
    assert_non_null(world_dial(&world, text_of(at(bob, 8080)), next_port++));
    assert_null(world_dial(&world, text_of(at(alice, 8080)), next_port++));
    assert_non_null(world_udp(&world, text_of(at(alice, 7000)), 5000, "hi", 2));
    assert_int_equal(node.flow_count, 1);
    assert_int_equal(node.flows[0].what.port, 7000);
}

static void with_redirection_no_tcp_port_is_taken_from_others(void **state)
{
    (void)state;
    world_wait(&world, SEC(1));
    assert_non_null(world_dial(&world, text_of(at(alice, 3000)), next_port++));
    pool_doors_look(doors);
    redirect(true);
    assert_true(pool_doors_redirected(doors));
    assert_null(world_dial(&world, text_of(at(alice, 3000)), next_port++));
    assert_non_null(world_udp(&world, text_of(at(alice, 7000)), 5000, "hi", 2));
}

static void what_others_hold_is_a_conflict_until_they_let_go(void **state)
{
    (void)state;
    uint16_t list[4];
    world.taken_tcp = 3000;
    world.taken_udp = 7000;
    redirect(false);
    assert_true(pool_has_http(pool));
    assert_int_equal(pool_doors_conflicts(doors, SERVICE_TCP, list, 4), 1);
    assert_int_equal(list[0], 3000);
    assert_int_equal(pool_doors_conflicts(doors, SERVICE_UDP, list, 4), 1);
    assert_int_equal(list[0], 7000);
    world.taken_tcp = world.taken_udp = 0;
    pool_doors_look(doors);
    redirect(false);
    assert_int_equal(pool_doors_conflicts(doors, SERVICE_TCP, list, 4), 0);
    assert_non_null(world_dial(&world, text_of(at(alice, 3000)), next_port++));
}

static void services_that_come_and_go_do_so_here(void **state)
{
    (void)state;
    world_wait(&world, SEC(1));
    local_node_service(bob, "git", 9418, SERVICE_TCP);
    assert_null(world_dial(&world, text_of(at(bob, 9418)), next_port++));
    pool_doors_peer(doors, &bob->id);
    assert_non_null(world_dial(&world, text_of(at(bob, 9418)), next_port++));
    bob->service_count = 0;
    pool_doors_peer(doors, &bob->id);
    assert_null(world_dial(&world, text_of(at(bob, 9418)), next_port++));
    assert_null(world_dial(&world, text_of(at(bob, 8080)), next_port++));
}

static void without_the_route_nothing_listens(void **state)
{
    (void)state;
    world_wait(&world, SEC(1));
    char kept[ADDR_TEXT_MAX];
    struct addr web = at(alice, 3000);
    addr_print(&web, kept);
    world.pool_local = false;
    pool_doors_look(doors);
    assert_null(world_dial(&world, kept, next_port++));
    assert_null(world_dial(&world, "0.0.0.0:7790", next_port++));
    unsigned before = world.connects;
    world_wait(&world, SEC(300));
    assert_int_equal(world.connects, before);
    world.pool_local = true;
    pool_doors_look(doors);
    world_wait(&world, SEC(1));
    assert_non_null(world_dial(&world, kept, next_port++));
}

static void the_packet_filter_may_come_later_but_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    world_wait(&world, SEC(1));
    assert_false(pool_has_http(pool));
    world_wait(&world, MSEC(1400)); /* it asks again just now */
    assert_true(world.connects >= 3);
    redirect(true);
    assert_true(pool_has_http(pool));
    unsigned before = world.connects;
    world_wait(&world, SEC(3600));
    assert_true(world.connects <= before + 6);
}

static void a_socket_that_systemd_passes_serves_port_80(void **state)
{
    (void)state;
    pool_doors_free(doors);
    assert_int_equal(addr_parse(&world.passed, "0.0.0.0:80"), 0);
    open_doors();
    world.dialled = at(alice, 80);
    struct sock *s = world_dial(&world, "0.0.0.0:80", next_port++);
    world_say(s, "GET / HTTP/1.1\r\nHost: alice.overlay\r\n\r\n");
    assert_string_equal(newest()->what.name, "web");
    /* 127.0.0.1:80 is the proxy's. */
    world.dialled = addr_loopback(false, 80);
    s = world_dial(&world, "0.0.0.0:80", next_port++);
    world_say(s, "GET / HTTP/1.1\r\nHost: wiki.bob.overlay.localhost\r\n\r\n");
    assert_string_equal(newest()->what.name, "wiki");
}

static void a_port_that_systemd_holds_is_kept_without_the_route(void **state)
{
    (void)state;
    pool_doors_free(doors);
    assert_int_equal(addr_parse(&world.passed, "0.0.0.0:7790"), 0);
    open_doors();
    redirect(true);
    struct addr ssh = at(alice, 22);
    world.pool_local = false;
    pool_doors_look(doors);
    assert_true(redirected(ssh)->reset);
    world.pool_local = true;
    pool_doors_look(doors);
    redirect(true);
    assert_false(redirected(ssh)->reset);
}

static void of_two_gateways_one_has_the_pool(void **state)
{
    (void)state;
    pool_doors_free(doors);
    assert_true(pool_set_active(pool, false));
    world.taken_tcp = 7790;
    open_doors();
    assert_false(pool_is_active(pool));
    assert_null(world_dial(&world, "0.0.0.0:7790", next_port++));
    world.taken_tcp = 0;
    world_wait(&world, SEC(31));
    assert_true(pool_is_active(pool));
    pool_doors_look(doors);
    redirect(true);
    assert_true(pool_has_http(pool));
}

/* While it is looked again whether all ports are redirected they are not taken meanwhile. */
static void a_second_look_takes_no_ports_before_it_is_over(void **state)
{
    (void)state;
    redirect(true);
    pool_doors_look(doors);
    local_node_service(bob, "git", 9418, SERVICE_TCP);
    pool_doors_peer(doors, &bob->id);
    assert_null(world_dial(&world, text_of(at(bob, 9418)), next_port++));
    assert_true(pool_doors_redirected(doors));
    redirect(true);
    assert_true(pool_doors_redirected(doors));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dialled_port_leads_to_the_service_of_that_port, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_nobodys_is_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_peer_without_a_session_is_dialled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_user_is_reset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(port_80_serves_the_peer_by_its_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_service_on_port_80_comes_before_the_default, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_peer_with_several_services_has_a_page_that_lists_them,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(port_80_of_one_peer_serves_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_our_own_address_there_is_one_page_and_no_proxy, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_next_request_is_judged_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_raw_service_on_port_80_gets_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(port_443_is_https_only_with_an_authority, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(where_nothing_leads_to_port_443_there_is_no_https, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(other_ports_have_the_guard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_redirection_each_service_has_its_port, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(with_redirection_no_tcp_port_is_taken_from_others, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_others_hold_is_a_conflict_until_they_let_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(services_that_come_and_go_do_so_here, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_route_nothing_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_packet_filter_may_come_later_but_is_not_waited_for_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_socket_that_systemd_passes_serves_port_80, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_port_that_systemd_holds_is_kept_without_the_route, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_two_gateways_one_has_the_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_look_takes_no_ports_before_it_is_over, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
