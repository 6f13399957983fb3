/* KRPC: the messages of the BEPs, what real programs send, and what nobody should. */
#include "gateway/wire/krpc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/bencode.h"

#define ID_A   "abcdefghij0123456789"
#define ID_B   "mnopqrstuvwxyz123456"
#define KEY    "01234567890123456789012345678901"
#define SIG    KEY KEY
#define NODE_A ID_A "\xc0\x00\x02\x01\x1a\xe1" /* 192.0.2.1:6881 */

static struct krpc m;
static uint8_t packet[2048];
static size_t length;

static int read_bytes_of(const char *text, size_t len)
{
    memcpy(packet, text, len);
    length = len;
    return krpc_read(&m, packet, len);
}

#define READ(text) read_bytes_of((text), sizeof(text) - 1)

static bool is(struct krpc_bytes b, const char *text)
{
    return b.at && b.len == strlen(text) && memcmp(b.at, text, b.len) == 0;
}

/* What was read is written as it came. */
static void writes_back(void)
{
    uint8_t out[2048];
    struct bencode top;

    size_t len = krpc_write(&m, out, sizeof(out));
    assert_int_equal(len, length);
    assert_memory_equal(out, packet, length);
    assert_int_equal(bencode_read(&top, out, len), 0);
    assert_true(bencode_is_canonical(&top));
    for (size_t room = 0; room < len; room++)
        assert_int_equal(krpc_write(&m, out, room), 0);
}

/* BEP 5's examples. */
static const char PING[] = "d1:ad2:id20:" ID_A "e1:q4:ping1:t2:aa1:y1:qe";
static const char FIND_NODE[] =
    "d1:ad2:id20:" ID_A "6:target20:" ID_B "e1:q9:find_node1:t2:aa1:y1:qe";
static const char GET_PEERS[] =
    "d1:ad2:id20:" ID_A "9:info_hash20:" ID_B "e1:q9:get_peers1:t2:aa1:y1:qe";
static const char ANNOUNCE[] = "d1:ad2:id20:" ID_A "12:implied_porti1e9:info_hash20:" ID_B
                               "4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe";
static const char ERROR[] = "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee";
static const char VALUES[] =
    "d1:rd2:id20:" ID_A "5:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re";
/* BEP 44, salted, with cas. */
static const char PUT[] =
    "d1:ad3:casi4e2:id20:" ID_A "1:k32:" KEY "4:salt6:foobar3:seqi5e3:sig64:" SIG "6:target20:" ID_B
    "5:token4:tokn1:v12:Hello World!e1:q3:put2:roi1e1:t4:"
    "abcd1:v4:OV011:y1:qe";
static const char GET_REPLY[] =
    "d2:ip6:\xc0\x00\x02\x09\x00\x50"
    "1:rd2:id20:" ID_A "1:k32:" KEY "5:nodes26:" NODE_A "3:seqi9223372036854775807e3:sig64:" SIG
    "5:token4:tokn1:vd1:ai1eee1:t4:abcd1:y1:re";
static const char SAMPLES[] = "d1:rd2:id20:" ID_A "8:intervali300e5:nodes26:" NODE_A
                              "3:numi2e7:samples40:" ID_A ID_B "e1:t2:aa1:y1:re";

static void queries_of_bep_5_are_read_and_written(void **state)
{
    (void)state;
    assert_int_equal(READ(PING), 0);
    assert_int_equal(m.kind, KRPC_QUERY);
    assert_int_equal(m.method, KRPC_PING);
    assert_true(is(m.t, "aa"));
    assert_memory_equal(m.id, ID_A, 20);
    writes_back();
    assert_int_equal(READ(FIND_NODE), 0);
    assert_int_equal(m.method, KRPC_FIND_NODE);
    assert_memory_equal(m.target, ID_B, 20);
    writes_back();
    assert_int_equal(READ(GET_PEERS), 0);
    assert_int_equal(m.method, KRPC_GET_PEERS);
    assert_memory_equal(m.target, ID_B, 20);
    writes_back();
    assert_int_equal(READ(ANNOUNCE), 0);
    assert_int_equal(m.method, KRPC_ANNOUNCE_PEER);
    assert_true(m.implied_port);
    assert_int_equal(m.port, 6881);
    assert_true(is(m.token, "aoeusnth"));
    writes_back();
}

static void errors_are_read_and_written(void **state)
{
    (void)state;
    assert_int_equal(READ(ERROR), 0);
    assert_int_equal(m.kind, KRPC_ERROR);
    assert_int_equal(m.code, KRPC_GENERIC);
    assert_true(is(m.text, "A Generic Error Ocurred"));
    writes_back();
    assert_int_equal(READ("d1:eli203ee1:t2:aa1:y1:ee"), 0);
    assert_int_equal(m.code, KRPC_PROTOCOL);
    assert_int_equal(READ("d1:e3:bad1:t2:aa1:y1:ee"), -EBADMSG);
    assert_int_equal(READ("d1:ele1:t2:aa1:y1:ee"), -EBADMSG);
    assert_int_equal(READ("d1:el3:bade1:t2:aa1:y1:ee"), -EBADMSG);
}

static void peers_of_a_reply_come_one_by_one(void **state)
{
    (void)state;
    char text[ADDR_TEXT_MAX];
    struct addr a;
    uint8_t entry[21];

    assert_int_equal(READ(VALUES), 0);
    assert_true(is(m.token, "aoeusnth"));
    writes_back();
    struct krpc_bytes in = m.values;
    assert_true(krpc_next_peer(&in, &a));
    assert_string_equal(addr_print(&a, text), "97.120.106.101:11893");
    assert_int_equal(krpc_put_peer(entry, &a), 8);
    assert_memory_equal(entry, "6:axje.u", 8);
    assert_true(krpc_next_peer(&in, &a));
    assert_false(krpc_next_peer(&in, &a));
    /* A number, a peer without a port and one of five bytes are passed over; IPv6 is not. */
    assert_int_equal(READ("d1:rd2:id20:" ID_A "6:valuesli1e6:1234\0\0"
                          "5:1234518:" ID_A "e1:t2:aa1:y1:re"),
                     -EBADMSG);
    assert_int_equal(READ("d1:rd2:id20:" ID_A "6:valuesli1e6:1234\0\0"
                          "5:1234518:abcdefghij01234567ee1:t2:aa1:y1:re"),
                     0);
    in = m.values;
    assert_true(krpc_next_peer(&in, &a));
    assert_true(addr_is_v6(&a));
    assert_int_equal(addr_port(&a), 0x3637);
    assert_int_equal(krpc_put_peer(entry, &a), 21);
    assert_memory_equal(entry, "18:abcdefghij01234567", 21);
    assert_false(krpc_next_peer(&in, &a));
}

static void items_of_bep_44_are_read_and_written(void **state)
{
    (void)state;
    const uint8_t *id;
    struct addr a;

    assert_int_equal(READ(PUT), 0);
    assert_int_equal(m.method, KRPC_PUT);
    assert_true(m.read_only && m.has_cas && m.has_seq);
    assert_int_equal(m.cas, 4);
    assert_int_equal(m.seq, 5);
    assert_true(is(m.salt, "foobar"));
    assert_true(is(m.value, "12:Hello World!"));
    assert_true(is(m.version, "OV01"));
    assert_memory_equal(m.key, KEY, 32);
    assert_memory_equal(m.sig, SIG, 64);
    writes_back();
    assert_int_equal(READ(GET_REPLY), 0);
    assert_true(m.seq == INT64_MAX);
    assert_int_equal(addr_port(&m.seen), 80);
    assert_true(is(m.value, "d1:ai1ee"));
    struct krpc_bytes nodes = m.nodes;
    assert_true(krpc_next_node(&nodes, false, &id, &a));
    assert_memory_equal(id, ID_A, 20);
    assert_int_equal(addr_port(&a), 6881);
    uint8_t entry[KRPC_NODE6_LEN];
    assert_int_equal(krpc_put_node(entry, id, &a), KRPC_NODE4_LEN);
    assert_memory_equal(entry, NODE_A, KRPC_NODE4_LEN);
    assert_false(krpc_next_node(&nodes, false, &id, &a));
    writes_back();
}

static void samples_and_wants_are_read_and_written(void **state)
{
    (void)state;
    assert_int_equal(READ(SAMPLES), 0);
    assert_true(m.has_samples);
    assert_int_equal(m.samples.len, 40);
    assert_int_equal(m.interval, 300);
    assert_int_equal(m.num, 2);
    writes_back();
    assert_int_equal(READ("d1:ad2:id20:" ID_A "6:target20:" ID_B
                          "4:wantl2:n42:n6ee1:q17:sample_infohashes1:t2:aa1:y1:qe"),
                     0);
    assert_int_equal(m.want, KRPC_WANT_V4 | KRPC_WANT_V6);
    writes_back();
    assert_int_equal(READ("d1:ad2:id20:" ID_A "6:target20:" ID_B
                          "4:wantl2:n71:x2:n6i4eee1:q9:find_node1:t2:aa1:y1:qe"),
                     0);
    assert_int_equal(m.want, KRPC_WANT_V6);
}

static void any_t_of_1_to_64_bytes_and_any_v_is_taken(void **state)
{
    (void)state;
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:ping1:t1:x1:v4:OVxx1:y1:qe"), 0);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:ping1:t16:0123456789abcdef1:vi7e1:y1:qe"), 0);
    assert_int_equal(m.t.len, 16);
    assert_null(m.version.at);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:ping1:t64:" SIG "1:vli1ee1:y1:qe"), 0);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:ping1:t65:x" SIG "1:y1:qe"), -EBADMSG);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:ping1:t0:1:y1:qe"), -EBADMSG);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:ping1:ti5e1:y1:qe"), -EBADMSG);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:ping1:y1:qe"), -EBADMSG);
}

static void keys_in_any_order_are_read(void **state)
{
    (void)state;
    assert_int_equal(READ("d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:" ID_A "ee"), 0);
    assert_int_equal(m.method, KRPC_PING);
}

static void wrong_arguments_are_answered_with_203(void **state)
{
    (void)state;
    assert_int_equal(READ("d1:ad2:id19:abcdefghij012345678e1:q4:ping1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(m.code, KRPC_PROTOCOL);
    assert_true(is(m.t, "aa"));
    assert_int_equal(READ("d1:a1:x1:q4:ping1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(READ("d1:q4:ping1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "6:target3:abce1:q3:get1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "9:info_hash20:" ID_B
                          "4:porti0e5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe"),
                     -EPROTO);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "9:info_hash20:" ID_B
                          "4:porti65536e5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe"),
                     -EPROTO);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "9:info_hash20:" ID_B
                          "4:porti80ee1:q13:announce_peer1:t2:aa1:y1:qe"),
                     -EPROTO);
    /* A put without a value, without a token; mutable with half of what it needs. */
    assert_int_equal(READ("d1:ad2:id20:" ID_A "5:token1:xe1:q3:put1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "1:v1:xe1:q3:put1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(
        READ("d1:ad2:id20:" ID_A "1:k32:" KEY "5:token1:x1:v1:xe1:q3:put1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(READ("d1:ad2:id20:" ID_A "1:k32:" KEY "3:seqi-1e3:sig64:" SIG
                          "5:token1:x1:v1:xe1:q3:put1:t2:aa1:y1:qe"),
                     -EPROTO);
}

static void a_put_needs_no_target(void **state)
{
    (void)state;
    assert_int_equal(READ("d1:ad2:id20:" ID_A "5:token1:x1:v1:xe1:q3:put1:t2:aa1:y1:qe"), 0);
    assert_null(m.target);
    assert_null(m.key);
}

static void an_unknown_method_is_answered_with_204(void **state)
{
    (void)state;
    assert_int_equal(READ("d1:ad2:id20:" ID_A "e1:q4:vote1:t2:aa1:y1:qe"), -EPROTO);
    assert_int_equal(m.code, KRPC_NO_METHOD);
}

static void half_entries_and_odd_addresses_are_no_nodes(void **state)
{
    (void)state;
    assert_int_equal(READ("d2:ip5:123451:rd2:id20:" ID_A "5:nodes25:" ID_A "123456:nodes63:abc5:"
                          "token65:x" SIG "e1:t2:aa1:y1:re"),
                     0);
    assert_null(m.nodes.at);
    assert_null(m.nodes6.at);
    assert_null(m.token.at);
    assert_true(addr_is_none(&m.seen));
}

static void a_message_cut_short_is_refused_at_every_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } WHOLE[] = {
        {PUT, sizeof(PUT) - 1},       {GET_REPLY, sizeof(GET_REPLY) - 1},
        {VALUES, sizeof(VALUES) - 1}, {ANNOUNCE, sizeof(ANNOUNCE) - 1},
        {ERROR, sizeof(ERROR) - 1},   {SAMPLES, sizeof(SAMPLES) - 1},
    };
    for (size_t i = 0; i < sizeof(WHOLE) / sizeof(*WHOLE); i++)
        for (size_t cut = 0; cut < WHOLE[i].len; cut++) {
            uint8_t *copy = malloc(cut + (cut == 0));
            assert_non_null(copy);
            memcpy(copy, WHOLE[i].text, cut);
            assert_int_equal(krpc_read(&m, copy, cut), -EBADMSG);
            free(copy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_of_bep_5_are_read_and_written),
        cmocka_unit_test(errors_are_read_and_written),
        cmocka_unit_test(peers_of_a_reply_come_one_by_one),
        cmocka_unit_test(items_of_bep_44_are_read_and_written),
        cmocka_unit_test(samples_and_wants_are_read_and_written),
        cmocka_unit_test(any_t_of_1_to_64_bytes_and_any_v_is_taken),
        cmocka_unit_test(keys_in_any_order_are_read),
        cmocka_unit_test(wrong_arguments_are_answered_with_203),
        cmocka_unit_test(a_put_needs_no_target),
        cmocka_unit_test(an_unknown_method_is_answered_with_204),
        cmocka_unit_test(half_entries_and_odd_addresses_are_no_nodes),
        cmocka_unit_test(a_message_cut_short_is_refused_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
