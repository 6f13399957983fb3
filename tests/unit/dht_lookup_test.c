/* One look-up: whom it asks, when it widens, when it has seen enough, and who cannot lead it
 * astray.
 */
#include "gateway/discovery/dht_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/random.h"

#define SOFT MSEC(200)

static struct dht_lookup l;
static const struct dht_id target = {{0}};
static const struct dht_size unknown;
static uint64_t seed;

static int start(void **state)
{
    (void)state;
    seed = 3;
    dht_lookup_init(&l, &target, false, &unknown);
    return 0;
}

/* Each in a network of its own. */
static struct addr address(unsigned n)
{
    char text[40];
    struct addr a;
    (void)snprintf(text, sizeof(text), "%u.%u.1.1:1000", 20 + n % 100, n / 100);
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* The distance grows with n. It fits its address where `fits`. */
static struct dht_id id_of(unsigned n, bool fits)
{
    struct dht_id id = {{0}};
    const struct addr a = address(n);

    id.b[0] = (uint8_t)(n >> 8);
    id.b[1] = (uint8_t)n;
    id.b[19] = 1;
    if (!fits && dht_id_fits(&id, &a))
        id.b[19] = 2;
    return id;
}

static void add(unsigned n, uint8_t path)
{
    const struct dht_id id = id_of(n, false);
    const struct addr a = address(n);
    dht_lookup_add(&l, &id, &a, path);
}

/* The same at addresses that any id fits. */
static struct addr local(unsigned n)
{
    const uint8_t ip[4] = {10, 0, (uint8_t)(n >> 8), (uint8_t)n};
    return addr_v4(ip, 1000);
}

static void add_local(unsigned n, uint8_t path)
{
    const struct dht_id id = id_of(n, true);
    const struct addr a = local(n);
    dht_lookup_add(&l, &id, &a, path);
}

static unsigned ask_all(instant now)
{
    unsigned asked = 0;

    for (struct dht_candidate *c; (c = dht_lookup_next(&l, now)); asked++)
        dht_lookup_asked(&l, c, now, SOFT);
    return asked;
}

static void answer(unsigned n)
{
    const struct addr a = local(n);
    const struct dht_id id = id_of(n, true);
    struct dht_candidate *c = dht_lookup_find(&l, &a);

    assert_non_null(c);
    assert_int_equal(c->state, DHT_ASKED);
    assert_non_null(dht_lookup_answered(&l, c, &id));
}

static void the_closest_are_asked_first_and_only_a_few_at_once(void **state)
{
    (void)state;
    for (unsigned n = 40; n >= 1; n--)
        add_local(n, 0);
    for (unsigned n = 1; n <= DHT_ALPHA; n++) {
        struct dht_candidate *c = dht_lookup_next(&l, 0);
        const struct addr want = local(n);
        assert_non_null(c);
        assert_true(addr_equal(&c->addr, &want));
        dht_lookup_asked(&l, c, 0, SOFT);
    }
    assert_null(dht_lookup_next(&l, 0));
    assert_true(dht_lookup_deadline(&l, 0) == SOFT);
}

static void silence_widens_it(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 100; n++)
        add_local(n, 0);
    assert_int_equal(ask_all(0), DHT_ALPHA);
    assert_int_equal(ask_all(SOFT - 1), 0);
    assert_int_equal(ask_all(SOFT), DHT_ALPHA);
    unsigned asked = 2 * DHT_ALPHA;
    for (unsigned i = 2; i < 20; i++)
        asked += ask_all(i * SOFT);
    assert_int_equal(asked, DHT_IN_FLIGHT_MAX); /* until those before are known to be silent */
}

static void an_answer_of_one_of_the_closest_opens_it(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 40; n++)
        add_local(n, 0);
    (void)ask_all(0);
    answer(1);
    assert_int_equal(ask_all(1), DHT_CLOSEST - DHT_ALPHA); /* all that matter */
}

static void who_is_named_among_the_nearest_is_asked_at_once(void **state)
{
    (void)state;
    for (unsigned n = 101; n <= 130; n++)
        add_local(n, 0);
    assert_int_equal(ask_all(0), DHT_ALPHA);
    answer(105);
    for (unsigned n = 10; n < 20; n++)
        add_local(n, 0);
    assert_int_equal(ask_all(1), DHT_NEAREST); /* though nine of ten are under way */
    for (unsigned n = 10; n < 10 + DHT_NEAREST; n++) {
        const struct addr a = local(n);
        assert_int_equal(dht_lookup_find(&l, &a)->state, DHT_ASKED);
    }
    answer(106);
    assert_int_equal(ask_all(2), 0);
    add_local(5, 0); /* nearer still */
    assert_int_equal(ask_all(3), 1);
}

static void it_is_done_when_the_twenty_closest_have_answered(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 40; n++)
        add_local(n, 0);
    for (instant now = 0; !dht_lookup_is_done(&l, now); now++) {
        (void)ask_all(now);
        for (unsigned n = 1; n <= 40; n++) {
            const struct addr a = local(n);
            if (dht_lookup_find(&l, &a)->state == DHT_ASKED)
                answer(n);
        }
        assert_true(now < 100);
    }
    struct dht_candidate *closest[DHT_CLOSEST_MAX];
    assert_int_equal(dht_lookup_closest(&l, closest), DHT_CLOSEST);
    for (unsigned n = 1; n <= DHT_CLOSEST; n++) {
        const struct addr want = local(n);
        assert_true(addr_equal(&closest[n - 1]->addr, &want));
    }
    assert_int_equal(l.answered, DHT_CLOSEST);
}

static void those_that_are_late_hold_nobody_up(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= DHT_ALPHA + 5; n++)
        add_local(n, 0);
    (void)ask_all(0);
    for (instant now = 0; now < 4 * SOFT; now += SOFT)
        (void)ask_all(now);
    assert_false(dht_lookup_is_done(&l, 2 * SOFT));
    assert_true(dht_lookup_is_done(&l, 4 * SOFT)); /* none answered: nothing to wait for */
    answer(3);                                     /* its answer is welcome all the same */
    struct dht_candidate *closest[DHT_CLOSEST_MAX];
    assert_int_equal(dht_lookup_closest(&l, closest), 1);
}

static void who_answers_with_another_id_is_of_no_use(void **state)
{
    (void)state;
    const struct addr a = local(1);
    const struct dht_id other = id_of(7, true);

    add_local(1, 0);
    (void)ask_all(0);
    assert_null(dht_lookup_answered(&l, dht_lookup_find(&l, &a), &other));
    assert_int_equal(dht_lookup_find(&l, &a)->state, DHT_FAILED);
}

static void one_known_by_address_is_asked_first_and_finds_its_place(void **state)
{
    (void)state;
    const struct addr a = local(30);
    const struct dht_id id = id_of(30, true);

    for (unsigned n = 1; n <= 10; n++)
        add_local(n, 0);
    dht_lookup_start(&l, NULL, &a);
    struct dht_candidate *c = dht_lookup_next(&l, 0);
    assert_non_null(c);
    assert_true(addr_equal(&c->addr, &a));
    dht_lookup_asked(&l, c, 0, SOFT);
    c = dht_lookup_answered(&l, c, &id);
    assert_non_null(c);
    assert_true(c == &l.candidate[10]);
}

static void one_address_comes_once_and_one_network_four_times(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 50; n++) {
        char text[40];
        struct addr a;
        const struct dht_id id = id_of(n + 1, true);
        (void)snprintf(text, sizeof(text), "20.0.0.%u:%u", 1 + n / 2, 1000 + n);
        assert_int_equal(addr_parse(&a, text), 0);
        dht_lookup_add(&l, &id, &a, 0);
    }
    assert_int_equal(l.count, 4);
}

static void ids_that_do_not_fit_fill_a_quarter_at_most(void **state)
{
    (void)state;
    for (unsigned n = 1000; n >= 1; n--) /* each closer than the one before */
        add(n, 0);
    assert_int_equal(l.count, DHT_CANDIDATES_MAX / 4);
    for (unsigned n = 2001; n < 2300; n++) /* fitting ones come in behind */
        add_local(n, 0);
    assert_int_equal(l.count, DHT_CANDIDATES_MAX);
}

static void ids_that_do_not_fit_are_not_the_twenty(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 15; n++)
        add(n, 0);
    for (unsigned n = 101; n <= 140; n++)
        add_local(n, 0);
    for (size_t i = 0; i < l.count; i++)
        l.candidate[i].state = DHT_ANSWERED;
    struct dht_candidate *closest[DHT_CLOSEST_MAX];
    assert_int_equal(dht_lookup_closest(&l, closest), 35);
}

/* What the network usually looks like: 1000 nodes. */
static void learn(struct dht_size *s)
{
    for (unsigned k = 0; k < 8; k++) {
        struct dht_id id[20];
        struct addr at[20];
        for (unsigned i = 0; i < 20; i++) {
            unsigned part = (i + 1) * 65536 / 1000;
            id[i] = (struct dht_id){{(uint8_t)(part >> 8), (uint8_t)part}};
            at[i] = local(i);
        }
        dht_size_add(s, &target, id, at, 20);
    }
}

static void a_crowd_nearer_than_expected_does_not_end_it(void **state)
{
    (void)state;
    struct dht_size size = {0};
    struct dht_candidate *closest[DHT_CLOSEST_MAX];

    learn(&size);
    dht_lookup_init(&l, &target, false, &size);
    for (unsigned n = 1; n <= 25; n++) /* 65536 in the space: far too close together */
        add_local(n, 0);
    for (unsigned n = 100; n <= 3000; n += 66) /* the honest ones */
        add_local(n, 0);
    for (size_t i = 0; i < l.count; i++)
        l.candidate[i].state = DHT_ANSWERED;
    size_t n = dht_lookup_closest(&l, closest);
    assert_in_range(n, 40, DHT_CLOSEST_MAX);
    const struct addr last_of_crowd = local(25);
    assert_false(addr_equal(&closest[n - 1]->addr, &last_of_crowd));
}

static void a_sparse_end_goes_on(void **state)
{
    (void)state;
    struct dht_size size = {0};

    learn(&size);
    dht_lookup_init(&l, &target, false, &size);
    for (unsigned n = 0; n < 40; n++) /* a third of those that live here */
        add_local(1 + 197 * n, 0);
    for (size_t i = 0; i < 22; i++)
        l.candidate[i].state = DHT_ANSWERED;
    assert_false(dht_lookup_is_done(&l, 0));
    dht_lookup_init(&l, &target, false, &size);
    for (unsigned n = 0; n < 40; n++)
        add_local(1 + 66 * n, 0);
    for (size_t i = 0; i < 22; i++)
        l.candidate[i].state = DHT_ANSWERED;
    assert_true(dht_lookup_is_done(&l, 0));
}

static void a_path_of_friends_does_not_hide_the_others(void **state)
{
    (void)state;
    /* Path 0 names twenty friends, and they are closer than what path 1 has to offer so far. */
    for (unsigned n = 1; n <= 25; n++)
        add_local(n, 0);
    for (unsigned n = 500; n <= 510; n++)
        add_local(n, 1);
    for (size_t i = 0; i < 25; i++)
        l.candidate[i].state = DHT_ANSWERED;
    assert_false(dht_lookup_is_done(&l, 0));
    assert_int_equal(ask_all(0), DHT_PATH_ENDS);
    const struct addr a = local(500);
    assert_int_equal(dht_lookup_find(&l, &a)->state, DHT_ASKED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, start)
    const struct CMUnitTest tests[] = {
        TEST(the_closest_are_asked_first_and_only_a_few_at_once),
        TEST(silence_widens_it),
        TEST(an_answer_of_one_of_the_closest_opens_it),
        TEST(who_is_named_among_the_nearest_is_asked_at_once),
        TEST(it_is_done_when_the_twenty_closest_have_answered),
        TEST(those_that_are_late_hold_nobody_up),
        TEST(who_answers_with_another_id_is_of_no_use),
        TEST(one_known_by_address_is_asked_first_and_finds_its_place),
        TEST(one_address_comes_once_and_one_network_four_times),
        TEST(ids_that_do_not_fit_fill_a_quarter_at_most),
        TEST(ids_that_do_not_fit_are_not_the_twenty),
        TEST(a_crowd_nearer_than_expected_does_not_end_it),
        TEST(a_sparse_end_goes_on),
        TEST(a_path_of_friends_does_not_hide_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
