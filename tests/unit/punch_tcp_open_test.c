/* When one side of a TCP simultaneous open connects where, under a virtual clock: the core alone,
 * then as a step of a round. */
#include "gateway/punch/tcp_open.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/punch/attempt.h"

#define HOSTS 256

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct addr host(unsigned number)
{
    char text[ADDR_TEXT_MAX];
    (void)snprintf(text, sizeof(text), "203.0.113.%u:%u", number % HOSTS, 4000 + number / HOSTS);
    return at(text);
}

static unsigned syns; /* of run(): the attempts, and what the kernel repeats */

/* Attempts at each host until `end`, each turned down after `lasts` if that is not 0. */
static unsigned run(struct tcp_open *t, instant *now, instant end, instant lasts,
                    unsigned to_host[HOSTS])
{
    struct addr pending[64], to;
    instant ends[64];
    unsigned waiting = 0, count = 0;

    memset(to_host, 0, HOSTS * sizeof(to_host[0]));
    syns = 0;
    for (;;) {
        instant next = tcp_open_deadline(t);
        for (unsigned i = 0; i < waiting; i++)
            next = ends[i] < next ? ends[i] : next;
        if (next >= end)
            break;
        *now = next > *now ? next : *now;
        for (unsigned i = 0; i < waiting; i++)
            if (ends[i] <= *now) {
                tcp_open_refused(t, *now, &pending[i], 0);
                pending[i] = pending[--waiting];
                ends[i] = ends[waiting];
            }
        for (bool again; tcp_open_output(t, *now, &to, &again);) {
            size_t len;
            to_host[addr_ip(&to, &len)[3]]++;
            syns++;
            if (again)
                continue;
            count++;
            if (lasts > 0) {
                pending[waiting] = to;
                ends[waiting++] = *now + lasts;
            }
        }
    }
    *now = end;
    return count;
}

static struct tcp_open begun(instant when, unsigned hosts)
{
    struct tcp_open t;
    tcp_open_init(&t);
    for (unsigned i = 0; i < hosts; i++) {
        const struct addr a = host(i);
        tcp_open_add(&t, 0, &a);
    }
    tcp_open_begin(&t, when);
    return t;
}

static void nothing_is_connected_to_before_the_moment(void **state)
{
    (void)state;
    struct tcp_open t;
    struct addr to, a = host(7);
    bool again;
    tcp_open_init(&t);
    tcp_open_add(&t, 0, &a);
    assert_int_equal(tcp_open_deadline(&t), INSTANT_NEVER);
    assert_false(tcp_open_output(&t, SEC(5), &to, &again));
    tcp_open_begin(&t, SEC(6));
    assert_int_equal(tcp_open_deadline(&t), SEC(6));
    assert_false(tcp_open_output(&t, SEC(6) - 1, &to, &again));
    assert_true(tcp_open_output(&t, SEC(6), &to, &again));
    assert_false(again);
    assert_true(addr_equal(&to, &a));
}

static void what_is_only_dropped_is_left_to_the_kernel(void **state)
{
    (void)state;
    static const instant AFTER[] = {0, SEC(1), SEC(3), SEC(7)};
    struct addr to;
    bool again;
    struct tcp_open t = begun(SEC(1), 1);
    for (unsigned i = 0; i < 4; i++) {
        instant due = tcp_open_deadline(&t), kernel = SEC(1) + AFTER[i];
        assert_in_range(kernel - due, 0, MSEC(100)); /* before it happens */
        assert_true(tcp_open_output(&t, due, &to, &again));
        assert_int_equal(again, i > 0);
        assert_int_equal(t.target[0].syns, i + 1);
    }
    assert_int_equal(tcp_open_deadline(&t), INSTANT_NEVER);
}

static void what_is_turned_down_is_tried_again_soon_but_not_at_once(void **state)
{
    (void)state;
    struct addr to, a = host(0);
    bool again;
    struct tcp_open t = begun(SEC(1), 1);
    assert_true(tcp_open_output(&t, SEC(1), &to, &again));
    tcp_open_refused(&t, SEC(1) + MSEC(20), &a, MSEC(7));
    assert_int_equal(tcp_open_deadline(&t), SEC(1) + MSEC(77));
    assert_false(tcp_open_output(&t, SEC(1) + MSEC(76), &to, &again));
    assert_true(tcp_open_output(&t, SEC(1) + MSEC(77), &to, &again));
    assert_false(again);
}

static void at_most_twenty_syns_go_to_any_one_address(void **state)
{
    (void)state;
    unsigned to_host[HOSTS];
    static const instant LASTS[] = {MSEC(20), MSEC(900), SEC(1), SEC(3), SEC(7), SEC(9)};
    for (size_t i = 0; i < sizeof(LASTS) / sizeof(LASTS[0]); i++) {
        instant now = SEC(1);
        struct tcp_open t = begun(SEC(1), 1);
        unsigned attempts = run(&t, &now, SEC(600), LASTS[i], to_host);
        assert_in_range(attempts, 5, 17);
        assert_in_range(syns, PUNCH_PER_ADDRESS - 4, PUNCH_PER_ADDRESS);
    }
}

static void of_many_addresses_eight_are_connected_to(void **state)
{
    (void)state;
    unsigned to_host[HOSTS];
    instant now = SEC(1);
    struct tcp_open t = begun(SEC(1), 200);
    (void)run(&t, &now, SEC(600), MSEC(1), to_host);
    for (unsigned i = 0; i < HOSTS; i++) {
        assert_true(to_host[i] <= PUNCH_PER_ADDRESS);
        assert_int_equal(to_host[i] > 0, i < TCP_OPEN_ADDRESSES);
    }
}

static void in_no_second_there_are_more_attempts_than_its_rate(void **state)
{
    (void)state;
    unsigned to_host[HOSTS];
    instant now = SEC(1);
    struct tcp_open t = begun(SEC(1), TCP_OPEN_ADDRESSES);
    unsigned first = run(&t, &now, SEC(2), MSEC(1), to_host);
    assert_in_range(first, TCP_OPEN_RATE, TCP_OPEN_RATE + TCP_OPEN_ADDRESSES);
    for (unsigned second = 2; second < 6; second++)
        assert_true(run(&t, &now, SEC(second + 1), MSEC(1), to_host) <= TCP_OPEN_RATE + 1);
}

static void an_address_that_is_named_twice_is_one(void **state)
{
    (void)state;
    unsigned to_host[HOSTS];
    instant now = SEC(1);
    struct addr a = host(0);
    struct tcp_open t = begun(SEC(1), 1);
    tcp_open_add(&t, SEC(1), &a);
    assert_int_equal(run(&t, &now, SEC(9), 0, to_host), 1);
}

static void what_was_not_tried_cannot_be_refused(void **state)
{
    (void)state;
    struct addr a = host(0), b = host(1);
    struct tcp_open t = begun(SEC(1), 1);
    tcp_open_refused(&t, SEC(5), &a, 0);
    tcp_open_refused(&t, SEC(5), &b, 0);
    assert_int_equal(tcp_open_deadline(&t), SEC(1));
}

/* The rate is used up by others. */
static void the_kernels_turn_comes_in_time_all_the_same(void **state)
{
    (void)state;
    struct addr to;
    bool again = false;
    struct tcp_open t = begun(SEC(1), TCP_OPEN_ADDRESSES);
    for (instant now = SEC(1); !again; now = tcp_open_deadline(&t)) {
        assert_true(tcp_open_output(&t, now, &to, &again));
        const struct addr first = host(0);
        if (!again && !addr_equal(&to, &first))
            tcp_open_refused(&t, now, &to, 0);
        assert_true(now < SEC(2));
    }
}

/* ---- in a round ---- */

static void draw(void *arg, void *out, size_t len)
{
    (void)arg;
    memset(out, 0, len);
}

static struct punch *round_of(enum nat_class ours, enum nat_class theirs, bool tcp)
{
    struct punch *p;
    const struct punch_options o = {.controller = true,
                                    .ours = {.class = ours},
                                    .theirs = {.class = theirs},
                                    .v4 = true,
                                    .tcp = tcp,
                                    .random = draw};
    assert_int_equal(punch_new(&p, SEC(1), &o), 0);
    return p;
}

static void add(struct punch *p, instant now, enum candidate_type type, const char *text)
{
    const struct candidate c = {type, at(text)};
    punch_add(p, now, &c);
}

/* When it first connects; the round runs until then, to its end, or to `end`. */
static instant first_tcp(struct punch *p, instant end)
{
    struct punch_send send;
    for (instant now; (now = punch_deadline(p)) < end;)
        while (punch_output(p, now, &send))
            if (send.tcp && !send.again)
                return now;
    return INSTANT_NEVER;
}

static void where_udp_is_blocked_on_either_side_it_comes_within_two_seconds(void **state)
{
    (void)state;
    static const enum nat_class PAIR[][2] = {
        {NAT_BLOCKED, NAT_CONE}, {NAT_CONE, NAT_BLOCKED}, {NAT_BLOCKED, NAT_BLOCKED}};
    for (unsigned i = 0; i < 3; i++) {
        struct punch *p = round_of(PAIR[i][0], PAIR[i][1], true);
        assert_true(punch_wants_tcp(p, SEC(1)));
        add(p, SEC(1), CANDIDATE_TCP, "203.0.113.7:4000");
        instant when = first_tcp(p, SEC(60));
        assert_true(when > SEC(2) && when < SEC(3));
        punch_free(p);
    }
}

static void it_waits_for_an_address_that_comes_late(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_BLOCKED, NAT_CONE, true);
    assert_int_equal(first_tcp(p, SEC(4)), INSTANT_NEVER);
    assert_int_equal(punch_state(p), PUNCH_RUNNING);
    add(p, SEC(4), CANDIDATE_TCP, "203.0.113.7:4000");
    assert_int_equal(first_tcp(p, SEC(60)), SEC(4));
    punch_free(p);
}

static void elsewhere_it_is_the_last_resort(void **state)
{
    (void)state;
    for (enum nat_class class = NAT_UNKNOWN; class < NAT_CLASSES; class ++) {
        struct punch *p = round_of(class, NAT_CONE, true);
        add(p, SEC(1), CANDIDATE_REFLEXIVE, "203.0.113.7:4433");
        add(p, SEC(1), CANDIDATE_TCP, "203.0.113.7:4000");
        instant when = first_tcp(p, SEC(60));
        assert_true(class == NAT_BLOCKED ? when < SEC(3) : when >= SEC(2) && when < SEC(60));
        assert_string_equal(punch_trying(p), "TCP simultaneous open");
        assert_int_equal(first_tcp(p, INSTANT_NEVER), INSTANT_NEVER);
        assert_int_equal(punch_state(p), PUNCH_LOST);
        punch_free(p);
    }
}

static void it_is_none_where_only_private_addresses_are_known(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);
    add(p, SEC(1), CANDIDATE_TCP, "192.168.1.2:4000");
    assert_int_equal(first_tcp(p, INSTANT_NEVER), INSTANT_NEVER);
    punch_free(p);
    p = round_of(NAT_CONE, NAT_BLOCKED, true);
    add(p, SEC(1), CANDIDATE_TCP, "192.168.1.2:4000");
    assert_true(first_tcp(p, INSTANT_NEVER) < SEC(3));
    punch_free(p);
}

static void our_address_is_wanted_shortly_before(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);
    instant wanted = INSTANT_NEVER, when = INSTANT_NEVER;
    struct punch_send send;
    add(p, SEC(1), CANDIDATE_TCP, "203.0.113.7:4000");
    for (instant now = SEC(1); when == INSTANT_NEVER; now += MSEC(100)) {
        while (punch_output(p, now, &send))
            when = send.tcp ? now : when;
        if (wanted == INSTANT_NEVER && punch_wants_tcp(p, now))
            wanted = now;
    }
    assert_in_range(when - wanted, SEC(2), SEC(3));
    assert_true(punch_wants_tcp(p, when + SEC(2)));
    const struct addr a = at("203.0.113.7:4000");
    punch_proven(p, when + SEC(2), 0, &a);
    assert_false(punch_wants_tcp(p, when + SEC(2)));
    punch_free(p);
}

static void who_cannot_connect_does_not(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_BLOCKED, NAT_CONE, false);
    assert_false(punch_wants_tcp(p, SEC(9)));
    add(p, SEC(1), CANDIDATE_TCP, "203.0.113.7:4000");
    assert_int_equal(first_tcp(p, INSTANT_NEVER), INSTANT_NEVER);
    assert_int_equal(punch_state(p), PUNCH_LOST);
    assert_string_equal(punch_why(p), "UDP is blocked on our side");
    punch_free(p);
}

static void an_address_that_may_not_be_probed_is_not_connected_to(void **state)
{
    (void)state;
    static const char *const NEVER[] = {
        "127.0.0.1:4000",       "224.0.0.1:4000", "203.0.113.7:443",   "169.254.1.1:4000",
        "255.255.255.255:4000", "0.0.0.0:4000",   "[2001:db8::1]:4000"};
    struct punch *p = round_of(NAT_BLOCKED, NAT_CONE, true);
    for (size_t i = 0; i < sizeof(NEVER) / sizeof(NEVER[0]); i++)
        add(p, SEC(1), CANDIDATE_TCP, NEVER[i]);
    assert_int_equal(first_tcp(p, INSTANT_NEVER), INSTANT_NEVER);
    punch_free(p);
}

static void such_an_address_gets_no_datagrams(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);
    struct punch_send send;
    add(p, SEC(1), CANDIDATE_TCP, "203.0.113.7:4000");
    for (instant now; (now = punch_deadline(p)) != INSTANT_NEVER;)
        while (punch_output(p, now, &send))
            assert_true(send.tcp);
    punch_free(p);
}

static void what_works_over_tcp_wins_the_round(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_BLOCKED, NAT_CONE, true);
    const struct addr a = at("203.0.113.7:4000");
    add(p, SEC(1), CANDIDATE_TCP, "203.0.113.7:4000");
    instant when = first_tcp(p, SEC(60));
    punch_refused(p, when + MSEC(10), &a);
    assert_int_equal(first_tcp(p, SEC(60)), when + MSEC(60));
    punch_proven(p, when + MSEC(80), 0, &a);
    assert_int_equal(first_tcp(p, SEC(60)), INSTANT_NEVER);
    assert_int_equal(punch_state(p), PUNCH_WON);
    punch_free(p);
}

static void why_it_did_not_work_is_said(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_BLOCKED, true);
    add(p, SEC(1), CANDIDATE_TCP, "203.0.113.7:4000");
    assert_true(first_tcp(p, SEC(60)) < SEC(60));
    assert_int_equal(first_tcp(p, INSTANT_NEVER), INSTANT_NEVER);
    assert_string_equal(punch_why(p),
                        "UDP is blocked on their side, and no TCP connection met ours");
    punch_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_connected_to_before_the_moment),
        cmocka_unit_test(what_is_only_dropped_is_left_to_the_kernel),
        cmocka_unit_test(what_is_turned_down_is_tried_again_soon_but_not_at_once),
        cmocka_unit_test(at_most_twenty_syns_go_to_any_one_address),
        cmocka_unit_test(of_many_addresses_eight_are_connected_to),
        cmocka_unit_test(in_no_second_there_are_more_attempts_than_its_rate),
        cmocka_unit_test(an_address_that_is_named_twice_is_one),
        cmocka_unit_test(what_was_not_tried_cannot_be_refused),
        cmocka_unit_test(the_kernels_turn_comes_in_time_all_the_same),
        cmocka_unit_test(where_udp_is_blocked_on_either_side_it_comes_within_two_seconds),
        cmocka_unit_test(it_waits_for_an_address_that_comes_late),
        cmocka_unit_test(elsewhere_it_is_the_last_resort),
        cmocka_unit_test(it_is_none_where_only_private_addresses_are_known),
        cmocka_unit_test(our_address_is_wanted_shortly_before),
        cmocka_unit_test(who_cannot_connect_does_not),
        cmocka_unit_test(an_address_that_may_not_be_probed_is_not_connected_to),
        cmocka_unit_test(such_an_address_gets_no_datagrams),
        cmocka_unit_test(what_works_over_tcp_wins_the_round),
        cmocka_unit_test(why_it_did_not_work_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
