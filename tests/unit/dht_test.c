/* The DHT node, answering: what it says, keeps and refuses. */
#include "gateway/discovery/dht.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "gateway/identity/keys.h"
#include "tests/support/dht_wire.h"

static struct dht_wire w;
static struct addr alice, bob;
static const uint8_t ID[KRPC_ID_LEN] = {0xaa, 1, 2};
static const uint8_t TARGET[KRPC_ID_LEN] = {0xbb, 3, 4};
static bool refuse_all;

static bool filter(void *arg, instant now, const struct addr *from, const struct krpc *query)
{
    (void)arg, (void)now, (void)from, (void)query;
    return !refuse_all;
}

static void begin(enum dht_mode mode)
{
    const struct dht_options options = {.mode = mode,
                                        .v4 = true,
                                        .v6 = true,
                                        .random = dht_wire_random,
                                        .arg = &w.seed,
                                        .filter = filter};
    w = (struct dht_wire){.now = SEC(10), .seed = 1};
    refuse_all = false;
    assert_int_equal(dht_new(&w.d, &options, w.now), 0);
    assert_int_equal(addr_parse(&alice, "192.0.2.1:1000"), 0);
    assert_int_equal(addr_parse(&bob, "198.51.100.2:2000"), 0);
}

static int server(void **state)
{
    (void)state;
    begin(DHT_SERVER);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dht_free(w.d);
    return 0;
}

static struct krpc query(enum krpc_method method)
{
    return (struct krpc){.kind = KRPC_QUERY,
                         .method = method,
                         .t = {(const uint8_t *)"xy", 2},
                         .id = ID,
                         .read_only = true,
                         .target = method == KRPC_PING ? NULL : TARGET};
}

/* A second later, so that no limit is met. */
static bool ask(const struct addr *from, const struct krpc *m)
{
    w.now += SEC(1);
    return dht_wire_ask(&w, from, m);
}

static bool is_error(int code)
{
    return w.m.kind == KRPC_ERROR && w.m.code == code;
}

/* The token for a target, kept in `out`. */
static struct krpc_bytes token_for(const struct addr *from, const struct dht_id *target,
                                   uint8_t out[static KRPC_TOKEN_MAX])
{
    struct krpc m = query(KRPC_GET);

    m.target = target->b;
    assert_true(ask(from, &m));
    assert_true(w.m.token.len > 0);
    memcpy(out, w.m.token.at, w.m.token.len);
    return (struct krpc_bytes){out, w.m.token.len};
}

static struct dht_item make_item(int64_t seq, const char *text)
{
    static const uint8_t key[32] = {5};
    struct keys keys;
    struct dht_item item = {.seq = seq};

    keys_from_seed(&keys, key);
    assert_int_equal(dht_item_set_bytes(&item, text, strlen(text)), 0);
    dht_item_sign(&item, &keys);
    return item;
}

/* A put with the item's own fields and a token for its target. */
static struct krpc put_of(const struct dht_item *item, uint8_t token[static KRPC_TOKEN_MAX])
{
    const struct dht_id target = dht_item_target(item);
    struct krpc m = query(KRPC_PUT);

    m.token = token_for(&alice, &target, token);
    m.target = NULL;
    m.value = (struct krpc_bytes){item->value, item->value_len};
    m.key = item->key;
    m.sig = item->sig;
    m.has_seq = true;
    m.seq = item->seq;
    return m;
}

static int64_t kept_seq(const struct dht_item *item)
{
    const struct dht_id target = dht_item_target(item);
    struct krpc m = query(KRPC_GET);

    m.target = target.b;
    assert_true(ask(&bob, &m));
    return w.m.value.at ? w.m.seq : -1;
}

static void a_ping_is_answered_as_programs_want_it(void **state)
{
    (void)state;
    const struct krpc m = query(KRPC_PING);

    assert_true(ask(&alice, &m));
    assert_int_equal(w.m.kind, KRPC_REPLY);
    assert_memory_equal(w.m.t.at, "xy", 2);
    assert_int_equal(w.m.version.len, 4);
    assert_false(w.m.read_only);
    assert_true(addr_equal(&w.m.seen, &alice));
}

static void to_ipv6_goes_no_ip(void **state)
{
    (void)state;
    struct addr six;
    const struct krpc m = query(KRPC_PING);

    assert_int_equal(addr_parse(&six, "[2001:db8::1]:1"), 0);
    assert_true(ask(&six, &m));
    assert_true(addr_is_none(&w.m.seen));
}

static void a_get_reply_has_token_and_nodes_also_when_there_are_none(void **state)
{
    (void)state;
    struct krpc m = query(KRPC_GET);

    assert_true(ask(&alice, &m));
    assert_int_equal(w.m.token.len, 8);
    assert_non_null(w.m.nodes.at);
    assert_null(w.m.nodes6.at);
    m.want = KRPC_WANT_V6;
    assert_true(ask(&alice, &m));
    assert_null(w.m.nodes.at);
    assert_non_null(w.m.nodes6.at);
}

static void an_item_is_put_and_got(void **state)
{
    (void)state;
    uint8_t token[KRPC_TOKEN_MAX];
    const struct dht_item item = make_item(7, "hello");
    const struct dht_id target = dht_item_target(&item);
    struct krpc m = put_of(&item, token);

    assert_true(ask(&alice, &m));
    assert_int_equal(w.m.kind, KRPC_REPLY);
    m = query(KRPC_GET);
    m.target = target.b;
    assert_true(ask(&bob, &m));
    struct dht_item got;
    assert_int_equal(dht_item_read(&got, &w.m, (struct krpc_bytes){0}, &target), 0);
    assert_int_equal(dht_item_compare(&got, &item), 0);
    assert_non_null(w.m.nodes.at);
    /* Who knows this seq gets the seq alone. */
    m.has_seq = true;
    m.seq = 7;
    assert_true(ask(&bob, &m));
    assert_null(w.m.value.at);
    assert_true(w.m.has_seq && w.m.seq == 7);
    m.seq = 6;
    assert_true(ask(&bob, &m));
    assert_non_null(w.m.value.at);
}

static void a_token_forged_old_or_anothers_is_203_and_stores_nothing(void **state)
{
    (void)state;
    uint8_t token[KRPC_TOKEN_MAX];
    const struct dht_item item = make_item(7, "hello");
    const struct dht_id other = dht_id_from(TARGET);
    struct krpc m = put_of(&item, token);

    assert_true(ask(&bob, &m)); /* Alice's */
    assert_true(is_error(KRPC_PROTOCOL));
    token[3] ^= 1;
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_PROTOCOL));
    m.token = token_for(&alice, &other, token); /* for another target */
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_PROTOCOL));
    m = put_of(&item, token);
    w.now += SEC(601);
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_PROTOCOL));
    assert_int_equal(kept_seq(&item), -1);
}

static void a_put_under_another_target_is_203(void **state)
{
    (void)state;
    uint8_t token[KRPC_TOKEN_MAX];
    const struct dht_item item = make_item(7, "hello");
    const struct dht_id other = dht_id_from(TARGET);
    struct krpc m = put_of(&item, token);

    m.target = TARGET;
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_PROTOCOL));
    m.token = token_for(&alice, &other, token);
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_PROTOCOL));
    m = query(KRPC_GET);
    assert_true(ask(&bob, &m));
    assert_null(w.m.value.at);
}

static void each_fault_has_the_error_of_its_bep(void **state)
{
    (void)state;
    uint8_t token[KRPC_TOKEN_MAX], large[1001], salt[65] = {1};
    const struct dht_item five = make_item(5, "five"), six = make_item(6, "six");
    const int64_t four = 4;
    struct krpc m = put_of(&five, token);

    assert_true(ask(&alice, &m));
    assert_int_equal(w.m.kind, KRPC_REPLY);
    memset(large, 'x', sizeof(large));
    memcpy(large, "997:", 4);
    m.value = (struct krpc_bytes){large, sizeof(large)};
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_TOO_BIG));
    m = put_of(&six, token);
    m.sig = five.sig;
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_BAD_SIGNATURE));
    m.sig = six.sig;
    m.has_cas = true;
    m.cas = four;
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_CAS_MISMATCH));
    const struct dht_item old = make_item(4, "four");
    m = put_of(&old, token);
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_OLD_SEQ));
    assert_int_equal(kept_seq(&five), 5);
    m = put_of(&six, token);
    const struct dht_id salted = dht_item_target_of(six.key, salt, 65);
    m.salt = (struct krpc_bytes){salt, 65};
    m.token = token_for(&alice, &salted, token);
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_BIG_SALT));
    struct dht_status s;
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(s.items, 1);
    assert_int_equal(s.count.refused, 5);
}

static void an_unknown_method_is_204_and_noise_is_not_answered(void **state)
{
    (void)state;
    static const char VOTE[] = "d1:ad2:id20:abcdefghij0123456789e1:q4:vote1:t2:aa1:y1:qe";
    struct dht_status s;

    w.now += SEC(1);
    dht_input(w.d, w.now, &alice, (const uint8_t *)VOTE, sizeof(VOTE) - 1);
    assert_true(dht_wire_next(&w));
    assert_true(is_error(KRPC_NO_METHOD));
    for (size_t len = 0; len < sizeof(VOTE) - 1; len++)
        dht_input(w.d, w.now, &alice, (const uint8_t *)VOTE, len);
    assert_false(dht_wire_next(&w));
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(s.count.malformed, sizeof(VOTE) - 1);
}

static void peers_are_announced_and_told(void **state)
{
    (void)state;
    uint8_t token[KRPC_TOKEN_MAX];
    struct krpc m = query(KRPC_GET_PEERS);
    struct addr peer;

    assert_true(ask(&alice, &m));
    assert_null(w.m.values.at);
    memcpy(token, w.m.token.at, w.m.token.len);
    m = query(KRPC_ANNOUNCE_PEER);
    m.token = (struct krpc_bytes){token, 8};
    m.port = 7777;
    assert_true(ask(&alice, &m));
    assert_int_equal(w.m.kind, KRPC_REPLY);
    m.implied_port = true;
    assert_true(ask(&alice, &m));
    token[0] ^= 1;
    assert_true(ask(&alice, &m));
    assert_true(is_error(KRPC_PROTOCOL));
    m = query(KRPC_GET_PEERS);
    assert_true(ask(&bob, &m));
    struct krpc_bytes in = w.m.values;
    unsigned ports = 0;
    while (krpc_next_peer(&in, &peer)) {
        assert_true(addr_same_ip(&peer, &alice));
        ports += addr_port(&peer);
    }
    assert_int_equal(ports, 7777 + 1000);
    m = query(KRPC_SAMPLE_INFOHASHES);
    assert_true(ask(&bob, &m));
    assert_true(w.m.has_samples);
    assert_int_equal(w.m.samples.len, 20);
    assert_memory_equal(w.m.samples.at, TARGET, 20);
    assert_int_equal(w.m.num, 1);
}

static void five_replies_a_second_go_to_one_address(void **state)
{
    (void)state;
    const struct krpc m = query(KRPC_PING);
    unsigned answered = 0;
    struct dht_status s;

    w.now += SEC(5);
    for (unsigned i = 0; i < 100; i++)
        answered += dht_wire_ask(&w, &alice, &m);
    assert_int_equal(answered, 5);
    assert_true(dht_wire_ask(&w, &bob, &m));
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(s.count.dropped, 95);
    w.now += SEC(1);
    assert_true(dht_wire_ask(&w, &alice, &m));
}

static void the_filter_drops_what_it_does_not_want(void **state)
{
    (void)state;
    const struct krpc m = query(KRPC_PING);

    refuse_all = true;
    assert_false(ask(&alice, &m));
    refuse_all = false;
    assert_true(ask(&alice, &m));
}

static void who_asks_is_asked_back_and_then_named_to_others(void **state)
{
    (void)state;
    struct krpc m = query(KRPC_PING);

    m.read_only = false;
    assert_true(ask(&alice, &m));
    assert_true(dht_wire_next(&w)); /* is it there? */
    assert_int_equal(w.m.method, KRPC_PING);
    assert_true(addr_equal(&w.tx.to, &alice));
    assert_int_equal(w.m.t.len, 4);
    assert_int_equal(w.m.version.len, 4);
    assert_false(w.m.read_only);
    struct krpc pong = {.kind = KRPC_REPLY, .t = w.m.t, .id = ID};
    assert_false(dht_wire_ask(&w, &alice, &pong));
    m = query(KRPC_FIND_NODE);
    assert_true(ask(&bob, &m));
    assert_int_equal(w.m.nodes.len, KRPC_NODE4_LEN);
    assert_memory_equal(w.m.nodes.at, ID, KRPC_ID_LEN);
}

static void read_only_nodes_are_not_asked_back(void **state)
{
    (void)state;
    const struct krpc m = query(KRPC_PING);

    assert_true(ask(&alice, &m));
    assert_false(dht_wire_next(&w));
}

static void answers_from_elsewhere_or_to_nothing_are_ignored(void **state)
{
    (void)state;
    struct krpc m = query(KRPC_PING);
    struct dht_status s;

    m.read_only = false;
    assert_true(ask(&alice, &m));
    assert_true(dht_wire_next(&w));
    uint8_t t[4];
    memcpy(t, w.m.t.at, 4);
    struct krpc pong = {.kind = KRPC_REPLY, .t = {t, 4}, .id = ID};
    assert_false(dht_wire_ask(&w, &bob, &pong));
    t[0] ^= 1;
    assert_false(dht_wire_ask(&w, &alice, &pong));
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(s.nodes, 0);
    t[0] ^= 1;
    assert_false(dht_wire_ask(&w, &alice, &pong));
    assert_false(dht_wire_ask(&w, &alice, &pong)); /* twice counts once */
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(s.nodes, 1);
    assert_int_equal(s.count.replies, 1);
}

static void a_client_answers_nobody(void **state)
{
    (void)state;
    const struct krpc m = query(KRPC_PING);

    dht_free(w.d);
    begin(DHT_CLIENT);
    assert_false(ask(&alice, &m));
    dht_add_node(w.d, w.now, &alice);
    assert_true(dht_wire_next(&w));
    assert_true(w.m.read_only);
}

static void an_adaptive_node_serves_once_two_strangers_came(void **state)
{
    (void)state;
    const struct krpc m = query(KRPC_PING);
    struct dht_status s;

    dht_free(w.d);
    begin(DHT_ADAPTIVE);
    dht_add_node(w.d, w.now, &alice);
    assert_true(dht_wire_next(&w));
    for (unsigned i = 0; i < 10; i++)
        (void)ask(&alice, &m); /* we wrote to her: her packets prove nothing */
    dht_get_status(w.d, w.now, &s);
    assert_false(s.serving);
    (void)ask(&bob, &m);
    addr_set_port(&bob, 3000);
    (void)ask(&bob, &m); /* the same stranger */
    dht_get_status(w.d, w.now, &s);
    assert_false(s.serving);
    assert_int_equal(addr_parse(&bob, "203.0.113.9:5"), 0);
    (void)ask(&bob, &m);
    dht_get_status(w.d, w.now, &s);
    assert_true(s.serving);
    w.now += SEC(3600); /* nobody came */
    while (dht_wire_next(&w))
        ;
    dht_get_status(w.d, w.now, &s);
    assert_false(s.serving);
    dht_set_reachable(w.d, w.now, true);
    assert_true(ask(&bob, &m));
}

static void nodes_are_saved_and_loaded(void **state)
{
    (void)state;
    uint8_t saved[DHT_SAVE_MAX], again[DHT_SAVE_MAX];
    struct krpc m = query(KRPC_PING);
    struct dht_status before, after;

    m.read_only = false;
    assert_true(ask(&alice, &m));
    assert_true(dht_wire_next(&w));
    const struct krpc pong = {.kind = KRPC_REPLY, .t = w.m.t, .id = ID};
    (void)dht_wire_ask(&w, &alice, &pong);
    size_t len = dht_save(w.d, saved);
    dht_get_status(w.d, w.now, &before);
    dht_free(w.d);
    begin(DHT_SERVER);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(dht_load(w.d, w.now, saved, cut), -EBADMSG);
    assert_int_equal(dht_load(w.d, w.now, saved, len), 0);
    dht_get_status(w.d, w.now, &after);
    assert_true(dht_id_equal(&before.id, &after.id));
    assert_true(dht_id_equal(&before.id6, &after.id6));
    assert_int_equal(after.nodes, 1);
    assert_int_equal(dht_save(w.d, again), len);
    assert_memory_equal(saved, again, len);
}

static void four_that_agree_on_our_address_give_us_an_id_that_fits(void **state)
{
    (void)state;
    struct addr ours;
    struct dht_status s;

    assert_int_equal(addr_parse(&ours, "203.0.113.77:6881"), 0);
    for (unsigned n = 0; n < 4; n++) {
        char text[40];
        struct addr from;
        struct krpc m = query(KRPC_PING);
        const uint8_t id[KRPC_ID_LEN] = {0xa0, (uint8_t)n};
        (void)snprintf(text, sizeof(text), "20.%u.0.1:1000", n);
        assert_int_equal(addr_parse(&from, text), 0);
        m.read_only = false;
        m.id = id;
        assert_true(ask(&from, &m));
        while (dht_wire_next(&w) && !addr_equal(&w.tx.to, &from))
            ;
        const struct krpc pong = {.kind = KRPC_REPLY, .t = w.m.t, .id = id, .seen = ours};
        (void)dht_wire_ask(&w, &from, &pong);
    }
    dht_get_status(w.d, w.now, &s);
    assert_true(addr_equal(&s.external, &ours));
    assert_true(dht_id_fits(&s.id, &ours));
    assert_int_equal(s.nodes, 4);
}

static void what_one_address_may_not_have_any_more_is_202(void **state)
{
    (void)state;
    uint8_t token[KRPC_TOKEN_MAX];
    unsigned kept = 0;
    struct dht_status s;

    for (int64_t n = 0; n < 100; n++) {
        const uint8_t seed[32] = {(uint8_t)n, 8};
        struct keys keys;
        struct dht_item item = {.seq = 1};
        keys_from_seed(&keys, seed);
        assert_int_equal(dht_item_set_bytes(&item, "x", 1), 0);
        dht_item_sign(&item, &keys);
        const struct krpc m = put_of(&item, token);
        assert_true(ask(&alice, &m));
        if (w.m.kind == KRPC_ERROR)
            assert_int_equal(w.m.code, KRPC_SERVER);
        kept += w.m.kind == KRPC_REPLY;
    }
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(kept, 1000 / 16);
    assert_int_equal(s.items, kept);
}

static void a_thousand_items_take_less_than_six_mebibytes(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#else
    uint8_t token[KRPC_TOKEN_MAX];
    char text[997];
    struct dht_status s;

    dht_free(w.d);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    begin(DHT_SERVER);
    memset(text, 'x', sizeof(text));
    text[996] = '\0';
    for (unsigned n = 0; n < 1100; n++) {
        uint8_t seed[32] = {(uint8_t)n, (uint8_t)(n >> 8), 9};
        const uint8_t ip[4] = {45, (uint8_t)(n >> 8), (uint8_t)n, 1};
        alice = addr_v4(ip, 1000); /* nobody fills it alone */
        struct keys keys;
        struct dht_item item = {.seq = 1};
        keys_from_seed(&keys, seed);
        assert_int_equal(dht_item_set_bytes(&item, text, 996), 0);
        dht_item_sign(&item, &keys);
        const struct krpc m = put_of(&item, token);
        assert_true(ask(&alice, &m));
        assert_int_equal(w.m.kind, KRPC_REPLY);
    }
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(s.items, 1000);
    assert_true(mallinfo2().uordblks + mallinfo2().hblkhd - before < 6u << 20);
#endif
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, server, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_ping_is_answered_as_programs_want_it),
        TEST(to_ipv6_goes_no_ip),
        TEST(a_get_reply_has_token_and_nodes_also_when_there_are_none),
        TEST(an_item_is_put_and_got),
        TEST(a_token_forged_old_or_anothers_is_203_and_stores_nothing),
        TEST(a_put_under_another_target_is_203),
        TEST(each_fault_has_the_error_of_its_bep),
        TEST(an_unknown_method_is_204_and_noise_is_not_answered),
        TEST(peers_are_announced_and_told),
        TEST(five_replies_a_second_go_to_one_address),
        TEST(the_filter_drops_what_it_does_not_want),
        TEST(who_asks_is_asked_back_and_then_named_to_others),
        TEST(read_only_nodes_are_not_asked_back),
        TEST(answers_from_elsewhere_or_to_nothing_are_ignored),
        TEST(a_client_answers_nobody),
        TEST(an_adaptive_node_serves_once_two_strangers_came),
        TEST(nodes_are_saved_and_loaded),
        TEST(four_that_agree_on_our_address_give_us_an_id_that_fits),
        TEST(what_one_address_may_not_have_any_more_is_202),
        TEST(a_thousand_items_take_less_than_six_mebibytes),
    };
    if (crypto_start() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
