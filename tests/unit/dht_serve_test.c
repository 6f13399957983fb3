/* Replies of the DHT node that hold as much as they can. */
#include "gateway/discovery/dht.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/bytes.h"
#include "gateway/identity/keys.h"
#include "tests/support/dht_wire.h"

#define NODES 16 /* of each family */

static const uint8_t ID[KRPC_ID_LEN] = {0xaa, 1, 2};

/* As gateway/discovery/dht_save.c writes them; each in a network of its own. */
static size_t write_nodes(uint8_t out[static DHT_SAVE_MAX])
{
    struct writer w = writer_over(out, DHT_SAVE_MAX);
    static const uint8_t self[2 * DHT_ID_LEN];

    write_u8(&w, 1);
    write_bytes(&w, self, sizeof(self));
    for (unsigned family = 0; family < 2; family++) {
        write_be16(&w, NODES);
        for (uint8_t i = 0; i < NODES; i++) {
            uint8_t entry[KRPC_NODE6_LEN];
            const uint8_t id[KRPC_ID_LEN] = {(uint8_t)(0x80 + i)};
            const uint8_t four[4] = {45, i, 0, 1}, six[16] = {0x2a, i};
            const struct addr a = family ? addr_v6(six, 6881, 0) : addr_v4(four, 6881);
            write_bytes(&w, entry, krpc_put_node(entry, id, &a));
        }
    }
    return writer_len(&w, out);
}

static int build(void **state)
{
    uint8_t nodes[DHT_SAVE_MAX];
    struct dht_wire *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    *w = (struct dht_wire){.now = SEC(10), .seed = 1};
    const struct dht_options options = {
        .mode = DHT_SERVER, .v4 = true, .v6 = true, .random = dht_wire_random, .arg = &w->seed};
    assert_int_equal(dht_new(&w->d, &options, w->now), 0);
    assert_int_equal(dht_load(w->d, w->now, nodes, write_nodes(nodes)), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct dht_wire *w = *state;
    dht_free(w->d);
    free(w);
    return 0;
}

/* A get by who wants nodes of both families. */
static bool gets(struct dht_wire *w, const struct addr *from, const struct dht_id *target)
{
    const struct krpc m = {.kind = KRPC_QUERY,
                           .method = KRPC_GET,
                           .t = {(const uint8_t *)"abcd", 4},
                           .id = ID,
                           .read_only = true,
                           .want = KRPC_WANT_V4 | KRPC_WANT_V6,
                           .target = target->b};
    w->now += SEC(1);
    return dht_wire_ask(w, from, &m);
}

static void puts_item(struct dht_wire *w, const struct addr *from, const struct dht_item *item)
{
    const struct dht_id target = dht_item_target(item);
    uint8_t token[KRPC_TOKEN_MAX];
    struct krpc m = {.kind = KRPC_QUERY,
                     .method = KRPC_PUT,
                     .t = {(const uint8_t *)"abcd", 4},
                     .id = ID,
                     .read_only = true,
                     .value = {item->value, item->value_len},
                     .key = item->key,
                     .sig = item->sig,
                     .has_seq = true,
                     .seq = item->seq};

    assert_true(gets(w, from, &target));
    memcpy(token, w->m.token.at, w->m.token.len);
    m.token = (struct krpc_bytes){token, w->m.token.len};
    w->now += SEC(1);
    assert_true(dht_wire_ask(w, from, &m));
    assert_int_equal(w->m.kind, KRPC_REPLY);
}

static void a_value_of_any_size_is_told_also_to_who_wants_nodes_of_both_families(void **state)
{
    struct dht_wire *w = *state;
    static const uint8_t seed[32] = {5};
    uint8_t text[996];
    struct keys keys;
    struct addr alice;

    assert_int_equal(addr_parse(&alice, "198.51.100.1:1000"), 0);
    memset(text, 'x', sizeof(text));
    keys_from_seed(&keys, seed);
    for (size_t len = 1; len <= sizeof(text); len += 5) {
        struct dht_item item = {.seq = 1700000000000000 + (int64_t)len};
        assert_int_equal(dht_item_set_bytes(&item, text, len), 0);
        dht_item_sign(&item, &keys);
        const struct dht_id target = dht_item_target(&item);
        puts_item(w, &alice, &item);
        assert_true(gets(w, &alice, &target));
        assert_int_equal(w->m.value.len, item.value_len);
        assert_true(w->m.nodes.len > 0 && w->m.nodes6.len > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_value_of_any_size_is_told_also_to_who_wants_nodes_of_both_families, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
