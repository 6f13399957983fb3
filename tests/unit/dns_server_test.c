/* The whole server: doors, clients, ports that are taken, and forwarding. */
#include "dns/server.h"

#include <errno.h>

#include "tests/support/dns_wire.h"
#include "tests/support/lone_node.h"

static struct node node;
static struct dns_server *server;
static struct dns_server_options options;
static struct wire w;
static char why[200];

static int build(void **state)
{
    (void)state;
    lone_node_init(&node);
    server = NULL;
    options = (struct dns_server_options){.suffix = "overlay"};
    options.listen[0] = addr_loopback(false, 5354);
    options.listen[1] = addr_loopback(true, 5354);
    return 0;
}

static int end(void **state)
{
    (void)state;
    dns_server_free(server);
    lone_node_deinit(&node);
    return 0;
}

static void start(void)
{
    assert_int_equal(dns_server_new(&server, &node, &options, why, sizeof(why)), 0);
}

/* Asks over UDP from loopback. Returns the answer, or NULL. */
static struct fake_sent *ask(const char *name)
{
    struct addr from = addr_loopback(false, 40000);
    fake_env_forget_sent(&node.fake);
    wire_query(&w, name, 1);
    fake_udp_arrives(&node.fake, fake_udp_on(&node.fake, 5354), &from, w.data, w.len);
    if (node.fake.sent_count == 0)
        return NULL;
    assert_true(addr_equal(&node.fake.sent[0].to, &from));
    return &node.fake.sent[0];
}

static void names_are_answered_over_udp(void **state)
{
    (void)state;
    start();
    struct fake_sent *answer = ask("web.alice.overlay");
    assert_non_null(answer);
    assert_int_equal(answer->data[7], 1);
    assert_memory_equal(answer->data + answer->len - 4, "\177\0\0\1", 4);
    answer = ask("example.com");
    assert_int_equal(answer->data[3] & 15, 5);
    assert_int_equal(node.connects, 1);
}

static void names_are_answered_over_tcp(void **state)
{
    (void)state;
    start();
    struct addr from = addr_loopback(false, 40000);
    struct sock *s = fake_accept(&node.fake, fake_listener_on(&node.fake, 5354), &from);
    wire_query(&w, "alice.overlay", 1);
    uint8_t prefix[2] = {0, (uint8_t)w.len};
    fake_sock_says(s, prefix, 2);
    fake_sock_says(s, w.data, w.len);
    fake_env_settle(&node.fake);
    uint8_t heard[600];
    assert_int_equal(fake_sock_heard(s, heard, sizeof(heard)), 2 + w.len + 16);
    assert_int_equal(heard[1], w.len + 16);
}

static void strangers_get_nothing(void **state)
{
    (void)state;
    start();
    struct addr from;
    assert_int_equal(addr_parse(&from, "192.0.2.1:4000"), 0);
    wire_query(&w, "alice.overlay", 1);
    fake_udp_arrives(&node.fake, fake_udp_on(&node.fake, 5354), &from, w.data, w.len);
    assert_int_equal(node.fake.sent_count, 0);
    assert_int_equal(node.connects, 0);
}

static void both_families_are_listened_on(void **state)
{
    (void)state;
    start();
    struct addr bound[4];
    assert_int_equal(dns_server_addresses(server, bound, 4), 2);
    assert_true(addr_equal(&bound[0], &options.listen[0]));
    assert_true(addr_equal(&bound[1], &options.listen[1]));
    assert_int_equal(dns_server_addresses(server, bound, 1), 1);
}

static void a_configured_port_that_is_taken_is_an_error(void **state)
{
    (void)state;
    node.fake.listen_error = -EADDRINUSE;
    options.listen_configured = true;
    assert_int_equal(dns_server_new(&server, &node, &options, why, sizeof(why)), -EADDRINUSE);
    assert_non_null(strstr(why, "127.0.0.1:5354"));
    assert_null(fake_udp_on(&node.fake, 5354));
}

static void the_default_port_gives_way_to_the_next(void **state)
{
    (void)state;
    struct dns_server *first;
    assert_int_equal(dns_server_new(&first, &node, &options, why, sizeof(why)), 0);
    int err = dns_server_new(&server, &node, &options, why, sizeof(why));
    struct addr bound[4];
    assert_int_equal(err, 0);
    assert_int_equal(dns_server_addresses(server, bound, 4), 2);
    assert_int_equal(addr_port(&bound[0]), 5355);
    assert_int_equal(addr_port(&bound[1]), 5355);
    dns_server_free(first);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    (void)strcpy(options.suffix, "Over.lay.");
    assert_int_equal(dns_server_new(&server, &node, &options, why, sizeof(why)), -EINVAL);
    (void)strcpy(options.suffix, "overlay");
    options.upstream[0] = addr_loopback(false, 5354);
    assert_int_equal(dns_server_new(&server, &node, &options, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "itself"));
}

static void other_names_are_forwarded_when_told_so(void **state)
{
    (void)state;
    assert_int_equal(addr_parse(&options.upstream[0], "192.0.2.1:53"), 0);
    start();
    uint16_t port = node.fake.next_port;
    wire_query(&w, "example.com", 1);
    struct addr from = addr_loopback(false, 40000);
    fake_udp_arrives(&node.fake, fake_udp_on(&node.fake, 5354), &from, w.data, w.len);
    assert_int_equal(node.fake.sent_count, 1);
    assert_true(addr_equal(&node.fake.sent[0].to, &options.upstream[0]));

    w.len = 0;
    wire_bytes(&w, node.fake.sent[0].data, node.fake.sent[0].len);
    w.data[2] |= 0x80;
    fake_udp_arrives(&node.fake, fake_udp_on(&node.fake, port), &options.upstream[0], w.data,
                     w.len);
    assert_int_equal(node.fake.sent_count, 2);
    assert_true(addr_equal(&node.fake.sent[1].to, &from));

    struct sock *s = fake_accept(&node.fake, fake_listener_on(&node.fake, 5354), &from);
    wire_query(&w, "example.com", 1);
    uint8_t prefix[2] = {0, (uint8_t)w.len};
    fake_sock_says(s, prefix, 2);
    fake_sock_says(s, w.data, w.len);
    fake_env_settle(&node.fake);
    assert_int_equal(node.fake.sent_count, 3);
    fake_env_advance(&node.fake, SEC(5));
    uint8_t heard[600]; /* nobody answered */
    assert_int_equal(fake_sock_heard(s, heard, sizeof(heard)), 2 + w.len);
    assert_int_equal(heard[5] & 15, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, build, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_answered_over_udp),
        TEST(names_are_answered_over_tcp),
        TEST(strangers_get_nothing),
        TEST(both_families_are_listened_on),
        TEST(a_configured_port_that_is_taken_is_an_error),
        TEST(the_default_port_gives_way_to_the_next),
        TEST(bad_options_are_refused),
        TEST(other_names_are_forwarded_when_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
