/* The DHT node, asking: a few nodes whose every word the test chooses. */
#include "gateway/discovery/dht.h"

#include <errno.h>
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

enum { NODES = 5 };

/* What a node of the test does. */
struct other {
    const struct dht_item *item; /* that it shows, or NULL */
    int64_t interval;
    int put_error; /* that it says to a put, or 0 */
    unsigned puts;
    unsigned samples; /* infohashes that it has, numbered from `first` on */
    unsigned sampled; /* how often it was asked for these */
    struct addr addr;
    struct dht_id id;
    uint8_t first;
    bool silent;
    bool old; /* it does not know the question for samples */
};

static struct dht_wire w;
static struct other other[NODES];
static struct dht_event event;
static struct dht_item value, last; /* of the first DHT_VALUE, of DHT_DONE */
static unsigned values;
static size_t told_samples;    /* by DHT_SAMPLES */
static struct dht_near near;   /* of DHT_DONE */
static struct krpc_bytes lure; /* nodes that the first one names */
static bool tell_last;         /* the first node names the last one, by IPv6 */
static struct dht_item old, new, mallorys;

static struct dht_item make_item(uint8_t owner, int64_t seq, const char *text)
{
    const uint8_t seed[32] = {owner};
    struct keys keys;
    struct dht_item item = {.seq = seq};

    keys_from_seed(&keys, seed);
    assert_int_equal(dht_item_set_bytes(&item, text, strlen(text)), 0);
    dht_item_sign(&item, &keys);
    return item;
}

static int start(void **state)
{
    const struct dht_options options = {
        .mode = DHT_CLIENT, .v4 = true, .random = dht_wire_random, .arg = &w.seed};

    (void)state;
    w = (struct dht_wire){.now = SEC(10), .seed = 1};
    assert_int_equal(dht_new(&w.d, &options, w.now), 0);
    memset(other, 0, sizeof(other));
    values = 0;
    tell_last = false;
    lure = (struct krpc_bytes){0};
    old = make_item(1, 10, "old");
    new = make_item(1, 11, "new");
    mallorys = make_item(2, 99, "mallory's");
    for (unsigned i = 0; i < NODES; i++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "20.%u.0.1:1000", i + 1);
        assert_int_equal(addr_parse(&other[i].addr, text), 0);
        random_fill(&w.seed, other[i].id.b, DHT_ID_LEN);
        dht_add_node(w.d, w.now, &other[i].addr);
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dht_free(w.d);
    return 0;
}

static struct other *node_at(const struct addr *a)
{
    for (unsigned i = 0; i < NODES; i++)
        if (addr_equal(&other[i].addr, a))
            return &other[i];
    fail_msg("a packet to nobody");
    return NULL;
}

static void show(struct krpc *m, const struct dht_item *item)
{
    m->value = (struct krpc_bytes){item->value, item->value_len};
    if (!item->mutable)
        return;
    m->key = item->key;
    m->sig = item->sig;
    m->has_seq = true;
    m->seq = item->seq;
}

/* Its own infohashes. */
static void show_samples(struct other *o, struct krpc *m, uint8_t out[static 100 * DHT_ID_LEN])
{
    o->sampled++;
    if (o->old) {
        *m = (struct krpc){.kind = KRPC_ERROR, .t = w.m.t, .code = KRPC_NO_METHOD};
        return;
    }
    for (unsigned i = 0; i < o->samples; i++)
        memset(out + i * DHT_ID_LEN, (int)(o->first + i), DHT_ID_LEN);
    m->has_samples = true;
    m->samples = (struct krpc_bytes){out, o->samples * DHT_ID_LEN};
    m->num = o->samples;
    m->interval = o->interval;
}

/* What the node that the last packet went to says to it. */
static void answer(void)
{
    static const uint8_t TOKEN[20] = "twenty bytes of this";
    struct other *o = node_at(&w.tx.to);
    struct krpc m = {.kind = KRPC_REPLY, .t = w.m.t, .id = o->id.b};
    uint8_t out[2048], six[KRPC_NODE6_LEN], samples[100 * DHT_ID_LEN];

    if (o->silent)
        return;
    if (w.m.method == KRPC_PUT) {
        o->puts++;
        assert_int_equal(w.m.token.len, 20);
        assert_memory_equal(w.m.token.at, TOKEN, 20);
        assert_non_null(w.m.target); /* BEP 44 has none, one program needs it */
        if (o->put_error)
            m = (struct krpc){.kind = KRPC_ERROR, .t = w.m.t, .code = o->put_error};
    } else {
        m.token = (struct krpc_bytes){TOKEN, 20};
        if (o == &other[0])
            m.nodes = lure;
        if (tell_last && o == &other[0]) {
            assert_int_equal(w.m.want, KRPC_WANT_V4 | KRPC_WANT_V6);
            m.nodes6.at = six;
            m.nodes6.len = krpc_put_node(six, other[NODES - 1].id.b, &other[NODES - 1].addr);
        }
        if (w.m.method == KRPC_GET && o->item)
            show(&m, o->item);
        if (w.m.method == KRPC_SAMPLE_INFOHASHES)
            show_samples(o, &m, samples);
    }
    size_t len = krpc_write(&m, out, sizeof(out));
    dht_input(w.d, w.now, &o->addr, out, len);
}

/* Plays until a request is done. */
static void finish(const struct dht_request *r)
{
    assert_non_null(r);
    for (unsigned turn = 0; turn < 10000; turn++) {
        while (dht_wire_next(&w))
            answer();
        while (dht_next_event(w.d, &event)) {
            if (event.request != r)
                continue;
            if (event.kind == DHT_VALUE && values++ == 0)
                value = *event.item;
            if (event.kind == DHT_SAMPLES)
                told_samples += event.sample_count;
            if (event.kind != DHT_DONE)
                continue;
            if (event.item)
                last = *event.item;
            near = *event.near;
            return;
        }
        instant due = dht_deadline(w.d);
        assert_true(due != INSTANT_NEVER);
        w.now = due > w.now ? due : w.now + MSEC(1);
    }
    fail_msg("it does not end");
}

static void get_it(void)
{
    int arg;
    struct dht_request *r = dht_get_mutable(w.d, w.now, new.key, (struct krpc_bytes){0}, 0, &arg);
    finish(r);
    assert_ptr_equal(event.arg, &arg);
}

static void the_newest_value_wins_and_the_first_comes_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        other[i].item = i == 3 ? &new : &old;
    get_it();
    assert_int_equal(event.result, 0);
    assert_int_equal(last.seq, 11);
    assert_int_equal(event.copies, 1);
    assert_true(values >= 1);
    assert_int_equal(event.answered, NODES);
}

static void an_item_of_another_key_is_nobodys_answer(void **state)
{
    (void)state;
    struct dht_status s;

    for (unsigned i = 0; i < NODES; i++)
        other[i].item = &mallorys; /* its seq is higher, and its signature good */
    get_it();
    assert_int_equal(event.result, -ENOENT);
    assert_null(event.item);
    assert_int_equal(values, 0);
    dht_get_status(w.d, w.now, &s);
    assert_int_equal(s.count.forged, NODES);
}

static void below_the_seq_that_we_know_nothing_is_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        other[i].item = &old;
    struct dht_request *r = dht_get_mutable(w.d, w.now, old.key, (struct krpc_bytes){0}, 11, NULL);
    finish(r);
    assert_int_equal(event.result, -ENOENT);
    other[2].item = &new;
    r = dht_get_mutable(w.d, w.now + SEC(5), old.key, (struct krpc_bytes){0}, 11, NULL);
    w.now += SEC(5);
    finish(r);
    assert_int_equal(event.result, 0);
    assert_int_equal(last.seq, 11);
}

static void an_immutable_item_is_what_its_hash_says(void **state)
{
    (void)state;
    struct dht_item plain = {0}, wrong = {0};

    assert_int_equal(dht_item_set_bytes(&plain, "plain", 5), 0);
    assert_int_equal(dht_item_set_bytes(&wrong, "wrong", 5), 0);
    const struct dht_id target = dht_item_target(&plain);
    for (unsigned i = 0; i < NODES; i++)
        other[i].item = i == 1 ? &plain : &wrong;
    finish(dht_get_immutable(w.d, w.now, &target, NULL));
    assert_int_equal(event.result, 0);
    assert_int_equal(dht_item_compare(&last, &plain), 0);
    assert_false(last.mutable);
    assert_int_equal(values, 1);
}

static void a_put_reaches_all_that_take_it(void **state)
{
    (void)state;
    other[0].put_error = KRPC_SERVER;
    other[1].silent = true;
    finish(dht_put(w.d, w.now, &new, NULL, NULL));
    assert_int_equal(event.result, 0);
    assert_int_equal(event.stored, NODES - 2);
    for (unsigned i = 2; i < NODES; i++)
        assert_int_equal(other[i].puts, 1);
}

static void a_302_of_a_node_that_showed_our_seq_counts_as_stored(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        other[i].put_error = KRPC_OLD_SEQ;
    other[2].item = &new;
    finish(dht_put(w.d, w.now, &new, NULL, NULL));
    assert_int_equal(event.result, 0);
    assert_int_equal(event.stored, 1);
    assert_int_equal(event.refused, KRPC_OLD_SEQ);
}

static void a_put_gives_way_to_a_newer_item_before_it_stores(void **state)
{
    (void)state;
    other[4].item = &new;
    finish(dht_put(w.d, w.now, &old, NULL, NULL));
    assert_int_equal(event.result, -ESTALE);
    assert_int_equal(last.seq, 11);
    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(other[i].puts, 0);
    /* Another value under the number that we want to use is no better. */
    const struct dht_item twin = make_item(1, 11, "twin");
    w.now += SEC(5);
    finish(dht_put(w.d, w.now, &twin, NULL, NULL));
    assert_int_equal(event.result, -ESTALE);
}

static void a_cas_that_no_node_accepts_is_told(void **state)
{
    (void)state;
    const int64_t cas = 3;

    for (unsigned i = 0; i < NODES; i++)
        other[i].put_error = KRPC_CAS_MISMATCH;
    finish(dht_put(w.d, w.now, &new, &cas, NULL));
    assert_int_equal(event.result, -EEXIST);
    for (unsigned i = 0; i < NODES; i++)
        other[i].put_error = KRPC_BAD_SIGNATURE;
    w.now += SEC(5);
    finish(dht_put(w.d, w.now, &new, NULL, NULL));
    assert_int_equal(event.result, -EPERM);
    assert_int_equal(event.refused, KRPC_BAD_SIGNATURE);
}

static void a_cas_is_held_against_what_is_met_on_the_way(void **state)
{
    (void)state;
    int64_t cas = 9;
    const struct dht_item next = make_item(1, 12, "next");

    other[4].item = &new; /* with seq 11; the others have nothing, and would take ours */
    finish(dht_put(w.d, w.now, &next, &cas, NULL));
    assert_int_equal(event.result, -EEXIST);
    for (unsigned i = 0; i < NODES; i++)
        assert_int_equal(other[i].puts, 0);
    cas = 11;
    w.now += SEC(5);
    finish(dht_put(w.d, w.now, &next, &cas, NULL));
    assert_int_equal(event.result, 0);
}

static void nodes_of_the_other_family_are_asked_too(void **state)
{
    (void)state;
    const struct dht_options options = {
        .mode = DHT_CLIENT, .v4 = true, .v6 = true, .random = dht_wire_random, .arg = &w.seed};

    dht_free(w.d);
    assert_int_equal(dht_new(&w.d, &options, w.now), 0);
    dht_add_node(w.d, w.now, &other[0].addr);
    assert_int_equal(addr_parse(&other[NODES - 1].addr, "[2001:db8::7]:6881"), 0);
    other[NODES - 1].item = &new;
    tell_last = true;
    get_it();
    assert_int_equal(event.result, 0);
    assert_int_equal(last.seq, 11);
    assert_int_equal(event.answered, 2);
}

static void a_stranger_does_not_send_us_into_our_own_network(void **state)
{
    (void)state;
    static const char *const WHERE[] = {"127.0.0.1:5000", "192.168.1.1:6881",
                                        "10.0.0.1:6881",  "169.254.169.254:8080",
                                        "20.9.9.9:53",    "224.0.0.1:6881"};
    uint8_t nodes[6 * KRPC_NODE4_LEN], entry[KRPC_NODE6_LEN];

    for (unsigned i = 0; i < 6; i++) {
        struct addr a;
        const uint8_t id[KRPC_ID_LEN] = {(uint8_t)i, 7};
        assert_int_equal(addr_parse(&a, WHERE[i]), 0);
        (void)krpc_put_node(entry, id, &a);
        memcpy(nodes + i * KRPC_NODE4_LEN, entry, KRPC_NODE4_LEN);
    }
    lure = (struct krpc_bytes){nodes, sizeof(nodes)};
    get_it(); /* answer() knows nobody there, and fails */
    assert_int_equal(event.asked, NODES);
}

/* answer() fails for a packet to the address of ours that they tell of. */
static void nobody_sends_us_to_ourselves(void **state)
{
    (void)state;
    uint8_t entry[KRPC_NODE6_LEN];
    struct dht_status status;
    struct addr us;

    assert_int_equal(addr_parse(&us, "20.9.9.9:1000"), 0);
    dht_get_status(w.d, w.now, &status);
    lure = (struct krpc_bytes){entry, krpc_put_node(entry, status.id.b, &us)};
    get_it();
    assert_int_equal(event.asked, NODES);
    assert_int_equal(event.answered, NODES);
}

static void who_answers_by_our_own_id_is_nobody(void **state)
{
    (void)state;
    struct dht_status status;

    dht_get_status(w.d, w.now, &status);
    other[1].id = status.id;
    other[1].item = &new;
    get_it();
    assert_int_equal(event.result, -ENOENT);
    assert_int_equal(event.answered, NODES - 1);
}

static void where_nobody_answers_it_says_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        other[i].silent = true;
    get_it();
    assert_int_equal(event.result, -EHOSTUNREACH);
    assert_int_equal(event.answered, 0);
    assert_true(event.asked > 0);
}

static void who_looks_again_asks_those_that_were_close_and_nobody_else(void **state)
{
    (void)state;
    const struct krpc_bytes no_salt = {0};

    other[1].silent = true;
    other[3].item = &old;
    get_it();
    assert_int_equal(near.count, NODES - 1);
    near.count = 2;
    const struct dht_near few = near;
    struct other *told = node_at(&few.node[1]);
    other[3].item = NULL;
    told->item = &new;
    w.now += SEC(5);
    finish(dht_peek(w.d, w.now, new.key, no_salt, 0, &few, NULL));
    assert_int_equal(event.result, 0);
    assert_int_equal(event.asked, 2);
    assert_int_equal(near.count, 2);
    assert_int_equal(last.seq, 11);
    w.now += SEC(5);
    finish(dht_peek(w.d, w.now, new.key, no_salt, 12, &few, NULL));
    assert_int_equal(event.result, -ENOENT); /* that it had been read before */
    told->silent = node_at(&few.node[0])->silent = true;
    w.now += SEC(5);
    finish(dht_peek(w.d, w.now, new.key, no_salt, 0, &few, NULL));
    assert_int_equal(event.result, -EHOSTUNREACH);
    assert_int_equal(near.count, 0);
}

static void who_peeks_is_led_nowhere(void **state)
{
    (void)state;
    uint8_t entry[KRPC_NODE6_LEN];
    const struct dht_near first = {.node = {other[0].addr}, .count = 1};

    lure = (struct krpc_bytes){entry, krpc_put_node(entry, other[2].id.b, &other[2].addr)};
    finish(dht_peek(w.d, w.now, new.key, (struct krpc_bytes){0}, 0, &first, NULL));
    assert_int_equal(event.asked, 1);
    assert_int_equal(event.result, -ENOENT);
}

static void some_nodes_are_those_that_answered(void **state)
{
    (void)state;
    struct addr some[2 * NODES];

    assert_int_equal(dht_some_nodes(w.d, w.now, some, 2 * NODES), 0);
    other[1].silent = true;
    get_it();
    size_t count = dht_some_nodes(w.d, w.now, some, 2 * NODES);
    assert_int_equal(count, NODES - 1);
    for (size_t i = 0; i < count; i++)
        assert_ptr_not_equal(node_at(&some[i]), &other[1]);
    assert_int_equal(dht_some_nodes(w.d, w.now, some, 2), 2);
}

static void a_ping_tells_id_or_silence(void **state)
{
    (void)state;
    finish(dht_ping(w.d, w.now, &other[1].addr, NULL));
    assert_int_equal(event.result, 0);
    assert_true(dht_id_equal(&event.id, &other[1].id));
    other[1].silent = true;
    w.now += SEC(5);
    finish(dht_ping(w.d, w.now, &other[1].addr, NULL));
    assert_int_equal(event.result, -ETIMEDOUT);
}

static void a_cancelled_request_tells_nothing_more(void **state)
{
    (void)state;
    struct dht_request *r = dht_put(w.d, w.now, &new, NULL, NULL);

    assert_non_null(r);
    assert_true(dht_wire_next(&w));
    dht_cancel(w.d, r);
    answer(); /* comes too late */
    for (unsigned i = 0; i < 100; i++) {
        while (dht_wire_next(&w))
            answer();
        assert_false(dht_next_event(w.d, &event));
        w.now += MSEC(100);
    }
}

static void there_are_64_requests_and_not_more(void **state)
{
    (void)state;
    unsigned count = 0;

    while (count < 1000 && dht_ping(w.d, w.now, &other[0].addr, NULL))
        count++;
    assert_int_equal(count, DHT_REQUESTS_MAX);
    while (dht_wire_next(&w))
        answer();
    unsigned told = 0, refused = 0;
    while (dht_next_event(w.d, &event)) {
        told++;
        refused += event.result == -EAGAIN; /* five a second */
    }
    assert_int_equal(told, DHT_REQUESTS_MAX);
    assert_int_equal(refused, DHT_REQUESTS_MAX - 5);
    assert_non_null(dht_ping(w.d, w.now, &other[0].addr, NULL));
}

/* ---- samples ---- */

static void sample(void)
{
    static const struct dht_id TARGET = {"a target of 20 bytes"};
    struct dht_request *r = dht_sample(w.d, w.now, &TARGET, NULL);

    for (unsigned i = 0; i < NODES; i++)
        other[i].sampled = 0;
    told_samples = 0;
    finish(r);
}

static void samples_of_all_nodes_are_told_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++) {
        other[i].samples = 10;
        other[i].first = (uint8_t)(5 * i); /* half of them its neighbour has, too */
    }
    sample();
    assert_int_equal(event.result, 0);
    assert_int_equal(event.sample_count, 5 * NODES + 5);
    assert_int_equal(told_samples, 5 * NODES + 5);
    assert_int_equal(event.sampled, NODES);
    for (size_t i = 0; i < event.sample_count; i++)
        for (size_t k = 0; k < i; k++)
            assert_false(dht_id_equal(&event.samples[i], &event.samples[k]));
}

static void who_has_nothing_to_sample_is_no_failure(void **state)
{
    (void)state;
    sample();
    assert_int_equal(event.result, -ENOENT);
    assert_int_equal(event.answered, NODES);
}

static void a_node_is_not_asked_again_before_its_interval_is_over(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++) {
        other[i].samples = 1;
        other[i].first = (uint8_t)i;
        other[i].interval = i == 0 ? INT64_MAX : i == 1 ? 600 : 0;
    }
    sample();
    assert_int_equal(event.sample_count, NODES);
    w.now += SEC(599);
    sample();
    assert_int_equal(other[0].sampled, 0);
    assert_int_equal(event.answered, NODES); /* they lead on to others all the same */
    assert_int_equal(other[1].sampled, 0);
    assert_int_equal(other[2].sampled, 1);
    assert_int_equal(event.sample_count, NODES - 2);
    w.now += SEC(10);
    sample();
    assert_int_equal(other[1].sampled, 1);
    w.now += SEC(6 * 3600); /* BEP 51: longer than that nobody may ask for */
    sample();
    assert_int_equal(other[0].sampled, 1);
}

static void who_does_not_know_the_question_is_asked_for_nodes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NODES; i++)
        other[i].old = i != 3;
    other[3].samples = 3;
    sample();
    assert_int_equal(event.result, 0);
    assert_int_equal(event.sample_count, 3);
    assert_int_equal(event.answered, NODES);
    assert_int_equal(other[1].sampled, 1);
    w.now += SEC(60);
    sample();
    assert_int_equal(other[1].sampled, 0);
    assert_int_equal(event.answered, NODES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(the_newest_value_wins_and_the_first_comes_at_once),
        TEST(an_item_of_another_key_is_nobodys_answer),
        TEST(below_the_seq_that_we_know_nothing_is_told),
        TEST(an_immutable_item_is_what_its_hash_says),
        TEST(a_put_reaches_all_that_take_it),
        TEST(a_302_of_a_node_that_showed_our_seq_counts_as_stored),
        TEST(a_put_gives_way_to_a_newer_item_before_it_stores),
        TEST(a_cas_that_no_node_accepts_is_told),
        TEST(a_cas_is_held_against_what_is_met_on_the_way),
        TEST(nodes_of_the_other_family_are_asked_too),
        TEST(a_stranger_does_not_send_us_into_our_own_network),
        TEST(nobody_sends_us_to_ourselves),
        TEST(who_answers_by_our_own_id_is_nobody),
        TEST(where_nobody_answers_it_says_so),
        TEST(who_looks_again_asks_those_that_were_close_and_nobody_else),
        TEST(who_peeks_is_led_nowhere),
        TEST(some_nodes_are_those_that_answered),
        TEST(a_ping_tells_id_or_silence),
        TEST(a_cancelled_request_tells_nothing_more),
        TEST(there_are_64_requests_and_not_more),
        TEST(samples_of_all_nodes_are_told_once),
        TEST(who_has_nothing_to_sample_is_no_failure),
        TEST(a_node_is_not_asked_again_before_its_interval_is_over),
        TEST(who_does_not_know_the_question_is_asked_for_nodes),
    };
    if (crypto_start() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
