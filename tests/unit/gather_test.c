/* Where this gateway may be reached: of all that is known, what peers are told. Peers and their
 * sessions are played by this file. */
#include "gateway/node/gather.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_env.h"

#define PEERS 2

struct quic_conn {
    bool dialled;
    struct path_info path[4];
    size_t paths;
};

struct stage {
    struct fake_env fake;
    struct hub hub;
    struct node_options options;
    struct desk desk;
    struct gather gather;
    struct peer peer[PEERS];
    struct quic_conn conn[PEERS];
    bool is_known;
    unsigned changes;
    struct candidate list[CANDIDATES_MAX];
    size_t count;
};

static struct stage *stage;

struct quic_conn *peer_conn(const struct peer *p)
{
    return &stage->conn[p - stage->peer];
}

void quic_conn_info(const struct quic_conn *conn, struct quic_conn_info *out)
{
    *out = (struct quic_conn_info){.dialled = conn->dialled};
}

size_t quic_conn_paths(const struct quic_conn *conn, struct path_info *out, size_t max)
{
    for (size_t i = 0; i < conn->paths && i < max; i++)
        out[i] = conn->path[i];
    return conn->paths;
}

void quic_conn_add_path(struct quic_conn *conn, const struct path *path)
{
    conn->path[conn->paths++] = (struct path_info){.path = *path, .state = PATH_CHECKED};
}

void quic_conn_path_gone(struct quic_conn *conn, const struct path *path)
{
    assert_true(path_equal(&conn->path[conn->paths - 1].path, path));
    conn->paths--;
}

struct known_peer *registry_peer(struct registry *r, const struct peer_id *id)
{
    static struct known_peer somebody;
    (void)r;
    (void)id;
    return stage->is_known ? &somebody : NULL;
}

/* ---- the stage ---- */

static struct addr to_addr(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void each(void *node, void (*visit)(void *arg, struct peer *p), void *arg)
{
    (void)node;
    for (size_t i = 0; i < PEERS; i++)
        visit(arg, &stage->peer[i]);
}

static void changed(void *arg)
{
    ((struct stage *)arg)->changes++;
}

static void add_interface(const char *name, const char *network)
{
    struct interface *i = &stage->fake.interface[stage->fake.interface_count++];
    struct addr_prefix p;
    assert_int_equal(addr_prefix_parse(&p, network), 0);
    *i = (struct interface){.addr = p.addr, .prefix_bits = p.bits};
    strcpy(i->name, name);
    i->loopback = strcmp(name, "lo") == 0;
    gather_network_changed(&stage->gather);
}

static int begin(void **state)
{
    static struct stage s;
    stage = &s;
    memset(&s, 0, sizeof(s));
    fake_env_init(&s.fake);
    s.fake.interface_count = 0;
    s.hub.socket[0].local = to_addr("0.0.0.0:4433");
    s.hub.socket[1].local = to_addr("[::]:4434");
    s.hub.sockets = 2;
    s.desk = (struct desk){
        .env = &s.fake.env, .hub = &s.hub, .options = &s.options, .each = each, .node = &s};
    gather_start(&s.gather, &s.desk, changed, &s);
    *state = &s;
    return 0;
}

static int end(void **state)
{
    (void)state;
    fake_env_deinit(&stage->fake);
    return 0;
}

static void list(void)
{
    stage->count = gather_list(&stage->gather, stage->list);
}

/* The list's entry number `i` is this. */
static void is(size_t i, enum candidate_type type, const char *text)
{
    char got[ADDR_TEXT_MAX];
    assert_in_range(i, 0, stage->count - 1);
    assert_string_equal(addr_print(&stage->list[i].addr, got), text);
    assert_int_equal(stage->list[i].type, type);
}

/* Peer `i` sees us there, by one of our sockets. */
static struct path_info *sees(size_t i, uint32_t via, const char *text)
{
    struct path_info *p = &stage->conn[i].path[stage->conn[i].paths++];
    *p = (struct path_info){.state = PATH_GOOD, .current = via == 0, .seen = to_addr(text)};
    p->path = (struct path){.kind = PATH_UDP, .via = via, .remote = to_addr("198.51.100.9:4433")};
    return p;
}

/* ---- interfaces ---- */

static void tells_the_addresses_of_interfaces_with_the_port_of_their_family(void **state)
{
    (void)state;
    add_interface("eth0", "192.0.2.5/24");
    add_interface("eth0", "2001:db8::5/64");
    list();
    assert_int_equal(stage->count, 2);
    is(0, CANDIDATE_HOST, "192.0.2.5:4433");
    is(1, CANDIDATE_HOST, "[2001:db8::5]:4434");
}

static void tells_no_loopback_and_no_link_local_address(void **state)
{
    (void)state;
    add_interface("lo", "127.0.0.1/8");
    add_interface("lo", "10.200.0.1/32");
    add_interface("eth0", "169.254.7.7/16");
    add_interface("eth0", "fe80::1/64");
    list();
    assert_int_equal(stage->count, 0);
}

static void a_socket_at_one_address_is_reached_at_no_other(void **state)
{
    (void)state;
    stage->hub.socket[0].local = to_addr("192.0.2.5:4433");
    stage->hub.sockets = 1;
    add_interface("eth0", "192.0.2.5/24");
    add_interface("eth1", "192.0.2.77/24");
    add_interface("eth0", "2001:db8::5/64");
    list();
    assert_int_equal(stage->count, 1);
    is(0, CANDIDATE_HOST, "192.0.2.5:4433");
}

static void bridges_and_tunnels_come_last(void **state)
{
    const struct addr mapped = to_addr("203.0.113.1:7000");
    (void)state;
    add_interface("docker0", "172.17.0.1/16");
    add_interface("wg0", "10.8.0.2/24");
    add_interface("enp3s0", "192.168.1.5/24");
    gather_add(&stage->gather, CANDIDATE_MAPPED, &mapped);
    list();
    assert_int_equal(stage->count, 4);
    is(0, CANDIDATE_HOST, "192.168.1.5:4433");
    is(1, CANDIDATE_MAPPED, "203.0.113.1:7000");
    is(2, CANDIDATE_HOST, "172.17.0.1:4433");
    is(3, CANDIDATE_HOST, "10.8.0.2:4433");
}

static void is_near_what_shares_a_network_with_it(void **state)
{
    const struct addr near = to_addr("192.168.1.77:1"), far = to_addr("192.168.2.77:1"),
                      inside = to_addr("127.0.0.2:1");
    (void)state;
    add_interface("lo", "127.0.0.1/8");
    add_interface("eth0", "192.168.1.5/24");
    assert_true(gather_is_near(&stage->gather, &near));
    assert_false(gather_is_near(&stage->gather, &far));
    assert_false(gather_is_near(&stage->gather, &inside));
}

static void knows_the_address_of_everybody_on_its_networks(void **state)
{
    const struct addr everybody = to_addr("192.168.1.255:1"), somebody = to_addr("192.168.1.77:1"),
                      elsewhere = to_addr("192.168.2.255:1");
    (void)state;
    add_interface("eth0", "192.168.1.5/24");
    add_interface("eth1", "2001:db8::5/64");
    assert_false(gather_may_be_peer(&stage->gather, &everybody));
    assert_true(gather_may_be_peer(&stage->gather, &somebody));
    assert_true(gather_may_be_peer(&stage->gather, &elsewhere));
}

/* Whoever names such an address could have us write to anybody behind the translator. */
static void ipv4_in_the_disguise_of_nat64_is_no_peer(void **state)
{
    const struct addr made = to_addr("[2001:db8:64::c000:aa]:1"),
                      private = to_addr("[2001:db8:64::a00:1]:1"),
                      public = to_addr("[2001:db8:64::c633:6409]:1"),
                      other = to_addr("[2001:db8:65::a00:1]:1");
    (void)state;
    assert_true(gather_may_be_peer(&stage->gather, &private));
    assert_int_equal(nat64_find(&stage->hub.nat64, &made, 1), 0);
    assert_false(gather_may_be_peer(&stage->gather, &private));
    assert_false(gather_may_be_peer(&stage->gather, &public));
    assert_true(gather_may_be_peer(&stage->gather, &other));
}

/* ---- what others found out ---- */

static void what_a_person_configured_comes_first(void **state)
{
    (void)state;
    add_interface("eth0", "192.0.2.5/24");
    stage->options.external[0] = to_addr("203.0.113.4:4433");
    list();
    assert_int_equal(stage->count, 2);
    is(0, CANDIDATE_CONFIGURED, "203.0.113.4:4433");
}

static void each_address_is_told_once(void **state)
{
    const struct addr a = to_addr("192.0.2.5:4433");
    (void)state;
    add_interface("eth0", "192.0.2.5/24");
    gather_add(&stage->gather, CANDIDATE_REFLEXIVE, &a);
    stage->conn[0].dialled = true;
    sees(0, 0, "192.0.2.5:4433");
    list();
    assert_int_equal(stage->count, 1);
}

static void news_are_told_and_the_oldest_make_way(void **state)
{
    struct addr a = to_addr("203.0.113.1:7000");
    (void)state;
    gather_add(&stage->gather, CANDIDATE_MAPPED, &a);
    gather_add(&stage->gather, CANDIDATE_MAPPED, &a);
    assert_int_equal(stage->changes, 1);
    for (uint16_t i = 1; i <= GATHER_ADDED_MAX; i++) {
        addr_set_port(&a, (uint16_t)(7000 + i));
        gather_add(&stage->gather, CANDIDATE_MAPPED, &a);
    }
    list();
    assert_int_equal(stage->count, GATHER_ADDED_MAX);
    is(0, CANDIDATE_MAPPED, "203.0.113.1:7008");
    is(7, CANDIDATE_MAPPED, "203.0.113.1:7001");
    gather_remove(&stage->gather, CANDIDATE_MAPPED, &a);
    list();
    is(0, CANDIDATE_MAPPED, "203.0.113.1:7007");
}

static void the_hop_limit_that_a_person_set_counts(void **state)
{
    const struct nat_facts facts = {.class = NAT_RANDOM, .opener_ttl = 3};
    (void)state;
    gather_set_facts(&stage->gather, &facts);
    assert_int_equal(gather_facts(&stage->gather).opener_ttl, 3);
    stage->options.opener_ttl = 6;
    assert_int_equal(gather_facts(&stage->gather).opener_ttl, 6);
    assert_int_equal(gather_facts(&stage->gather).class, NAT_RANDOM);
}

/* ---- what peers see ---- */

static void peers_say_how_they_see_us_if_a_person_has_to_do_with_them(void **state)
{
    (void)state;
    sees(0, 0, "203.0.113.1:40000");
    list();
    assert_int_equal(stage->count, 0); /* some stranger that dialled us */
    stage->is_known = true;
    list();
    assert_int_equal(stage->count, 1);
    is(0, CANDIDATE_PEER, "203.0.113.1:40000");
    stage->is_known = false;
    stage->conn[0].dialled = true; /* a relay, for one */
    list();
    assert_int_equal(stage->count, 1);
}

static void what_peers_see_now_counts_more_than_what_servers_saw(void **state)
{
    const struct addr before = to_addr("203.0.113.1:5000"), v6 = to_addr("[2001:db8::9]:4434"),
                      now = to_addr("203.0.113.77:5001");
    (void)state;
    gather_add(&stage->gather, CANDIDATE_REFLEXIVE, &before);
    gather_add(&stage->gather, CANDIDATE_REFLEXIVE, &v6);
    assert_false(gather_is_out_of_date(&stage->gather));
    stage->conn[0].dialled = true;
    sees(0, 0, "203.0.113.77:40000");
    assert_true(gather_is_out_of_date(&stage->gather));
    list();
    assert_int_equal(stage->count, 2);
    is(0, CANDIDATE_REFLEXIVE, "[2001:db8::9]:4434");
    is(1, CANDIDATE_PEER, "203.0.113.77:40000");
    gather_remove(&stage->gather, CANDIDATE_REFLEXIVE, &before);
    gather_add(&stage->gather, CANDIDATE_REFLEXIVE, &now);
    assert_false(gather_is_out_of_date(&stage->gather));
}

static void only_main_sockets_and_paths_that_work_tell_where_we_are(void **state)
{
    (void)state;
    stage->conn[0].dialled = true;
    sees(0, 0, "203.0.113.1:40000")->path.kind = PATH_RELAY;
    sees(0, 0, "203.0.113.1:40001")->state = PATH_FAILED;
    sees(0, 7, "203.0.113.1:40002");
    sees(0, 0, "203.0.113.1:40003")->seen = (struct addr){0};
    list();
    assert_int_equal(stage->count, 0);
}

static void another_socket_is_shown_to_one_peer_until_it_was_seen(void **state)
{
    struct addr seen;
    (void)state;
    stage->conn[0].dialled = stage->conn[1].dialled = true;
    sees(0, 0, "203.0.113.1:40000");
    sees(1, 0, "203.0.113.1:40000");
    gather_show(&stage->gather, 7);
    assert_int_equal(stage->conn[0].paths, 2);
    assert_int_equal(stage->conn[1].paths, 1);
    assert_int_equal(stage->conn[0].path[1].path.via, 7);
    assert_false(gather_seen(&stage->gather, 7, &seen));
    stage->conn[0].path[1].state = PATH_GOOD;
    stage->conn[0].path[1].seen = to_addr("203.0.113.1:40077");
    assert_true(gather_seen(&stage->gather, 7, &seen));
    assert_int_equal(addr_port(&seen), 40077);
    gather_hide(&stage->gather, 7, &stage->conn[0]); /* it uses the socket */
    assert_int_equal(stage->conn[0].paths, 2);
    gather_hide(&stage->gather, 7, NULL);
    assert_int_equal(stage->conn[0].paths, 1);
}

static void a_neighbour_cannot_tell_how_the_internet_sees_a_socket(void **state)
{
    (void)state;
    add_interface("eth0", "198.51.100.5/24");
    stage->conn[0].dialled = true;
    sees(0, 0, "198.51.100.5:4433");
    gather_show(&stage->gather, 7);
    assert_int_equal(stage->conn[0].paths, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_the_addresses_of_interfaces_with_the_port_of_their_family),
        TEST(tells_no_loopback_and_no_link_local_address),
        TEST(a_socket_at_one_address_is_reached_at_no_other),
        TEST(bridges_and_tunnels_come_last),
        TEST(is_near_what_shares_a_network_with_it),
        TEST(knows_the_address_of_everybody_on_its_networks),
        TEST(ipv4_in_the_disguise_of_nat64_is_no_peer),
        TEST(what_a_person_configured_comes_first),
        TEST(each_address_is_told_once),
        TEST(news_are_told_and_the_oldest_make_way),
        TEST(the_hop_limit_that_a_person_set_counts),
        TEST(peers_say_how_they_see_us_if_a_person_has_to_do_with_them),
        TEST(what_peers_see_now_counts_more_than_what_servers_saw),
        TEST(only_main_sockets_and_paths_that_work_tell_where_we_are),
        TEST(another_socket_is_shown_to_one_peer_until_it_was_seen),
        TEST(a_neighbour_cannot_tell_how_the_internet_sees_a_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
