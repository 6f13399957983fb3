/* What the pages say to whom no service is reached. */
#include "adapters/route_page.h"

#include "adapters/browser_proxy.h"
#include "tests/support/local_node.h"

static struct world world;
static struct node node;
static struct peer_view *alice, *bob;
static struct local_users users;
static struct proxy *proxy;
static uint16_t next_port;

static int set_up(void **state)
{
    char why[256];
    (void)state;
    world_init(&world);
    world.uid = 1000;
    local_node_init(&node, &world);
    the_node = &node;
    alice = local_node_peer(&node, "alice");
    local_node_service(alice, "web", 3000, SERVICE_TCP);
    local_node_service(alice, "game", 7000, SERVICE_UDP);
    bob = local_node_peer(&node, "bob");
    local_node_service(bob, "one", 1001, SERVICE_TCP);
    local_node_service(bob, "two", 1002, SERVICE_TCP);
    users = (struct local_users){.uid = {1000}, .count = 1};
    next_port = 40000;
    const struct proxy_options options = {
        .node = &node,
        .users = &users,
        .suffix = "overlay",
        .listen = {addr_loopback(false, 7777)},
    };
    return proxy_new(&proxy, &options, why, sizeof(why));
}

static int tear_down(void **state)
{
    (void)state;
    proxy_free(proxy);
    local_node_deinit(&node);
    world_deinit(&world);
    return 0;
}

static struct sock *visit(const char *host)
{
    char text[400];
    struct sock *s = world_dial(&world, "127.0.0.1:7777", next_port++);
    snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\n\r\n", host);
    assert_non_null(s);
    world_say(s, text);
    return s;
}

static void says(struct sock *s, unsigned status, const char *title, const char *part)
{
    char wanted[32], heading[200];
    snprintf(wanted, sizeof(wanted), "HTTP/1.1 %u ", status);
    snprintf(heading, sizeof(heading), "<h1>%s</h1>", title);
    const char *heard = world_heard(s);
    if (strncmp(heard, wanted, strlen(wanted)) != 0 || !strstr(heard, heading) ||
        !strstr(heard, part))
        fail_msg("wanted %u, %s and %s, heard: %s", status, title, part, heard);
    assert_true(s->finished);
}

static void a_name_that_nobody_has_may_be_a_slip(void **state)
{
    (void)state;
    says(visit("web.alcie.overlay.localhost:7777"), 404, "There is no web.alcie.overlay.localhost",
         "No peer is called alcie here.");
    says(visit("web.alcie.overlay.localhost:7777"), 404, "There is no web.alcie.overlay.localhost",
         "<a href=\"//web.alice.overlay.localhost:7777/\">web.alice.overlay.localhost:7777/</a>");
    says(visit("alcie.overlay"), 404, "There is no alcie.overlay", "<a href=\"//alice.overlay/\">");
    struct sock *s = visit("nobody-like-that.overlay");
    says(s, 404, "There is no nobody-like-that.overlay", "<code>overlay status</code>");
    assert_null(strstr(world_heard(s), "Did you mean"));
}

static void a_service_that_is_not_offered_may_be_a_slip_too(void **state)
{
    (void)state;
    says(visit("wib.alice.overlay.localhost:7777"), 404, "alice does not offer wib to us",
         "<a href=\"//web.alice.overlay.localhost:7777/\">");
    says(visit("wiki.bob.overlay"), 404, "bob does not offer wiki to us",
         "There is no such service, or it is not open to us.");
}

static void several_services_and_none_of_the_web(void **state)
{
    (void)state;
    says(visit("bob.overlay"), 404, "Which service?", "put the name of one in front");
    says(visit("game.alice.overlay"), 502, "This is no web service", "speaks UDP");
}

static void names_of_others_are_not_served(void **state)
{
    (void)state;
    says(visit("example.com"), 403, "Not a name of this network", "overlay proxy --print-pac");
}

static void who_is_blocked_here_is_told_apart_from_who_refuses(void **state)
{
    (void)state;
    struct sock *s;
    bob->state = PEER_IDLE;
    s = visit("one.bob.overlay");
    local_node_connected(&node, -EACCES, "refused by <the peer>");
    world_run(&world);
    says(s, 403, "bob does not let you in", "refused by &lt;the peer&gt;");
    bob->state = PEER_BLOCKED;
    s = visit("one.bob.overlay");
    local_node_connected(&node, -EACCES, "blocked here");
    world_run(&world);
    says(s, 403, "bob is blocked here", "<code>overlay unblock bob</code>");
}

static void what_was_tried_is_said(void **state)
{
    (void)state;
    bob->state = PEER_IDLE;
    struct sock *s = visit("one.bob.overlay");
    local_node_connected(&node, -EHOSTUNREACH, "192.0.2.4:7: no answer");
    world_run(&world);
    says(s, 504, "bob cannot be reached", "<h2>What was tried</h2><p>192.0.2.4:7: no answer</p>");
}

static void a_service_that_is_down_is_not_a_peer_that_is(void **state)
{
    (void)state;
    struct sock *s = visit("web.alice.overlay");
    local_node_answer(local_node_stream(&node), PREAMBLE_REFUSED, "");
    says(s, 502, "web is down", "alice is connected, but web there takes no connections.");
    s = visit("web.alice.overlay");
    local_node_answer(local_node_stream(&node), PREAMBLE_TIMED_OUT, "no answer in <10 s>");
    says(s, 504, "web is down", "alice is connected, and says of web: no answer in &lt;10 s&gt;.");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_name_that_nobody_has_may_be_a_slip),
        TEST(a_service_that_is_not_offered_may_be_a_slip_too),
        TEST(several_services_and_none_of_the_web),
        TEST(names_of_others_are_not_served),
        TEST(who_is_blocked_here_is_told_apart_from_who_refuses),
        TEST(what_was_tried_is_said),
        TEST(a_service_that_is_down_is_not_a_peer_that_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
