/* One side of a round, under a virtual clock. Two sides joined: punch_pair_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/punch/attempt.h"
#include "tests/support/random.h"

#define SENT_MAX 4096

struct sent {
    instant at;
    struct punch_send probe;
};

static struct sent sent[SENT_MAX];
static size_t count;
static uint64_t chance;
static instant now;

static void draw(void *arg, void *out, size_t len)
{
    random_fill(arg, out, len);
}

static int start(void **state)
{
    (void)state;
    count = 0;
    chance = 1;
    now = 0;
    return 0;
}

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static struct punch *round_with(const struct nat_facts *ours, const struct nat_facts *theirs,
                                bool controller)
{
    struct punch *p;
    const struct punch_options o = {.controller = controller,
                                    .rtt = MSEC(80),
                                    .ours = *ours,
                                    .theirs = *theirs,
                                    .guessing = true,
                                    .v4 = true,
                                    .random = draw,
                                    .arg = &chance};
    assert_int_equal(punch_new(&p, SEC(1), &o), 0);
    return p;
}

static struct punch *round_of(enum nat_class ours, enum nat_class theirs, bool controller)
{
    const struct nat_facts a = {.class = ours, .last_port = 30000};
    const struct nat_facts b = {.class = theirs, .last_port = 20000};
    return round_with(&a, &b, controller);
}

static void add(struct punch *p, instant when, const char *text)
{
    const struct candidate c = {CANDIDATE_REFLEXIVE, at(text)};
    punch_add(p, when, &c);
}

static void run_until(struct punch *p, instant end)
{
    struct punch_send probe;
    for (instant due; (due = punch_deadline(p)) <= end;) {
        now = due > now ? due : now;
        while (punch_output(p, now, &probe)) {
            assert_true(count < SENT_MAX);
            sent[count++] = (struct sent){now, probe};
        }
    }
    now = end;
}

static void one_opener_then_checks_by_their_schedule(void **state)
{
    (void)state;
    static const unsigned after_ms[] = {0, 33, 66, 133, 266, 533, 1000, 2000};
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);
    struct addr peer = at("203.0.113.7:4433");

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(5));
    assert_int_equal(count, 9);
    for (size_t i = 0; i < count; i++) {
        assert_true(addr_equal(&sent[i].probe.to, &peer));
        assert_int_equal(sent[i].probe.socket, 0);
        assert_int_equal(sent[i].probe.ttl, i == 0 ? 4 : 0);
        if (i > 0)
            assert_int_equal(sent[i].at, SEC(1) + MSEC(120 + after_ms[i - 1]));
    }
    assert_int_equal(sent[0].at, SEC(1));
    punch_free(p);
}

static void who_answers_waits_half_a_round_trip_longer(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, false);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(1) + MSEC(200));
    assert_int_equal(sent[0].at, SEC(1));
    assert_int_equal(sent[1].at, SEC(1) + MSEC(160));
    punch_free(p);
}

static void the_measured_hop_limit_is_used_if_it_makes_sense(void **state)
{
    (void)state;
    static const uint8_t ttls[][2] = {{0, 4}, {1, 4}, {2, 2}, {7, 7}, {64, 4}};

    for (size_t i = 0; i < sizeof(ttls) / sizeof(ttls[0]); i++) {
        const struct nat_facts ours = {.class = NAT_CONE, .opener_ttl = ttls[i][0]};
        struct punch *p = round_with(&ours, &(struct nat_facts){.class = NAT_CONE}, true);
        struct punch_send probe;
        add(p, SEC(1), "203.0.113.7:4433");
        assert_true(punch_output(p, SEC(1), &probe));
        assert_int_equal(probe.ttl, ttls[i][1]);
        punch_free(p);
    }
}

static void a_candidate_that_comes_late_gets_the_same(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, false);

    run_until(p, SEC(2));
    assert_int_equal(count, 0);
    add(p, SEC(2), "203.0.113.7:4433");
    run_until(p, SEC(2) + MSEC(130));
    assert_int_equal(count, 2);
    assert_int_equal(sent[0].at, SEC(2));
    assert_int_equal(sent[1].at, SEC(2) + MSEC(120));
    punch_free(p);
}

static void candidates_that_may_not_be_probed_are_ignored(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);

    add(p, SEC(1), "127.0.0.1:4433");
    add(p, SEC(1), "203.0.113.7:80");
    add(p, SEC(1), "[2600::1]:4433"); /* we have no socket of that family */
    run_until(p, SEC(60));
    assert_int_equal(count, 0);
    assert_int_equal(punch_state(p), PUNCH_LOST);
    assert_string_equal(punch_why(p), "they named no address that we may probe");
    punch_free(p);
}

static void of_one_ip_address_eight_candidates_are_taken(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);

    for (unsigned i = 0; i < 32; i++) {
        struct candidate c = {CANDIDATE_REFLEXIVE, at("203.0.113.7:4433")};
        addr_set_port(&c.addr, (uint16_t)(5000 + i));
        punch_add(p, SEC(1), &c);
        punch_add(p, SEC(1), &c); /* known */
    }
    run_until(p, SEC(1) + MSEC(100));
    assert_int_equal(count, 8);
    punch_free(p);
}

static void the_nearest_candidates_go_first(void **state)
{
    (void)state;
    static const struct {
        enum candidate_type type;
        const char *addr;
    } list[] = {{CANDIDATE_PEER, "203.0.113.7:5000"},
                {CANDIDATE_REFLEXIVE, "203.0.113.7:4000"},
                {CANDIDATE_MAPPED, "203.0.113.7:3000"},
                {CANDIDATE_CONFIGURED, "203.0.113.7:2000"},
                {CANDIDATE_HOST, "192.168.1.2:1024"}};
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);

    for (size_t i = 0; i < 5; i++) {
        const struct candidate c = {list[i].type, at(list[i].addr)};
        punch_add(p, SEC(1), &c);
    }
    run_until(p, SEC(1) + MSEC(140));
    assert_int_equal(count, 10);
    for (size_t i = 0; i < count; i++) {
        struct addr a = at(list[4 - i % 5].addr);
        assert_true(addr_equal(&sent[i].probe.to, &a));
    }
    punch_free(p);
}

static void many_candidates_are_paced(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);

    for (unsigned i = 0; i < 40; i++) {
        struct candidate c = {CANDIDATE_HOST, at("203.0.113.7:4433")};
        c.addr.v4.sin_addr.s_addr ^= htonl(i);
        punch_add(p, SEC(1), &c);
    }
    run_until(p, SEC(20));
    assert_true(count >= CANDIDATES_MAX * 9);
    for (size_t i = PUNCH_RATE; i < count; i++)
        assert_true(sent[i].at - sent[i - PUNCH_RATE].at >= SEC(1));
    punch_free(p);
}

static void a_source_that_is_heard_is_answered_at_once_from_that_socket(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);
    struct addr from = at("198.51.100.9:999"); /* as it was seen: no rule holds for it */

    punch_heard(p, SEC(1) + MSEC(7), 0, &from);
    assert_int_equal(punch_deadline(p), SEC(1) + MSEC(7));
    run_until(p, SEC(3));
    assert_int_equal(count, 4);
    assert_int_equal(sent[0].at, SEC(1) + MSEC(7));
    assert_true(addr_equal(&sent[0].probe.to, &from));
    assert_int_equal(sent[0].probe.ttl, 0);
    punch_free(p);
}

static void eight_sources_are_answered_and_each_four_times_by_all_sockets(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_RANDOM, NAT_CONE, true);
    struct addr from = at("198.51.100.9:5000");

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(6));
    size_t before = count;
    for (unsigned i = 0; i < 3; i++)
        punch_heard(p, SEC(6), i, &from);
    punch_heard(p, SEC(6), PUNCH_SOCKETS_MAX + 1, &from); /* there is none */
    run_until(p, SEC(6) + MSEC(900));
    assert_int_equal(count, before + 4);
    for (uint16_t i = 0; i < 100; i++) {
        addr_set_port(&from, (uint16_t)(6000 + i));
        punch_heard(p, SEC(7), 0, &from);
    }
    run_until(p, SEC(7) + MSEC(900));
    assert_int_equal(count, before + 4 + 5 * 4);
    punch_free(p);
}

static void a_proof_wins_the_round_after_a_moment(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_RANDOM, true);
    struct addr from = at("198.51.100.9:5000");

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(3));
    punch_heard(p, SEC(3), 0, &from);
    punch_proven(p, SEC(3), 0, &from);
    run_until(p, SEC(60));
    assert_int_equal(punch_state(p), PUNCH_WON);
    assert_int_equal(punch_deadline(p), INSTANT_NEVER);
    assert_true(sent[count - 1].at <= SEC(3) + MSEC(200));
    punch_free(p);
}

static unsigned guesses_of(struct punch *p)
{
    unsigned probes, guesses;
    punch_counts(p, &probes, &guesses);
    assert_int_equal(probes, count);
    return guesses;
}

static void nothing_is_guessed_unless_both_agreed(void **state)
{
    (void)state;
    struct punch *p;
    const struct punch_options o = {.ours = {.class = NAT_CONE},
                                    .theirs = {.class = NAT_RANDOM},
                                    .v4 = true,
                                    .random = draw,
                                    .arg = &chance};
    assert_int_equal(punch_new(&p, SEC(1), &o), 0);
    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(60));
    assert_int_equal(guesses_of(p), 0);
    assert_int_equal(punch_sockets(p), 0);
    assert_int_equal(punch_state(p), PUNCH_LOST);
    assert_non_null(strstr(punch_why(p), "not agreed on"));
    punch_free(p);
}

static void a_search_guesses_each_port_once_and_1024_at_most(void **state)
{
    (void)state;
    static uint8_t seen[65536];
    struct punch *p = round_of(NAT_CONE, NAT_RANDOM, true);

    memset(seen, 0, sizeof(seen));
    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(60));
    assert_int_equal(guesses_of(p), PUNCH_GUESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        uint16_t port = addr_port(&sent[i].probe.to);
        assert_true(port >= 1024);
        assert_true(port == 4433 || ++seen[port] == 1);
        assert_int_equal(sent[i].probe.socket, 0);
    }
    assert_string_equal(punch_why(p), "their NAT is symmetric with random ports, and no guess hit");
    punch_free(p);
}

static void a_random_nat_is_shown_256_sockets_with_a_low_hop_limit(void **state)
{
    (void)state;
    static unsigned shown[PUNCH_SOCKETS_MAX + 1];
    struct punch *p = round_of(NAT_RANDOM, NAT_CONE, true);
    struct addr peer = at("203.0.113.7:4433");

    memset(shown, 0, sizeof(shown));
    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(60));
    assert_int_equal(punch_sockets(p), PUNCH_SOCKETS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_true(addr_equal(&sent[i].probe.to, &peer));
        assert_true(sent[i].probe.socket == 0 || sent[i].probe.ttl == 4);
        shown[sent[i].probe.socket]++;
    }
    for (unsigned i = 1; i <= PUNCH_SOCKETS_MAX; i++)
        assert_true(shown[i] > 0);
    assert_true(guesses_of(p) <= PUNCH_GUESSES_MAX);
    punch_free(p);
}

static void a_socket_that_the_search_finds_answers_with_the_usual_hop_limit(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_RANDOM, NAT_CONE, true);
    struct addr peer = at("203.0.113.7:4433");

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(4));
    size_t before = count;
    punch_heard(p, SEC(4), 77, &peer);
    run_until(p, SEC(4) + MSEC(600));
    assert_int_equal(count, before + 4);
    for (size_t i = before; i < count; i++) {
        assert_int_equal(sent[i].probe.socket, 77);
        assert_int_equal(sent[i].probe.ttl, 0);
    }
    run_until(p, SEC(6)); /* it came to nothing: the search goes on */
    assert_true(count > before + 4);
    punch_free(p);
}

static void a_sequential_nat_is_searched_from_the_farthest_port_on(void **state)
{
    (void)state;
    const struct nat_facts theirs = {.class = NAT_SEQUENTIAL, .last_port = 20000, .delta = 2};
    struct punch *p = round_with(&(struct nat_facts){.class = NAT_CONE}, &theirs, true);
    size_t guesses = 0;

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(3));
    for (size_t i = 0; i < count; i++) {
        if (addr_port(&sent[i].probe.to) == 4433)
            continue;
        assert_int_equal(addr_port(&sent[i].probe.to), 20000 + 2 * (16 - guesses));
        guesses++;
    }
    assert_int_equal(guesses, 16);
    punch_free(p);
}

static void predicted_ports_wrap_round(void **state)
{
    (void)state;
    const struct nat_facts theirs = {.class = NAT_SEQUENTIAL, .last_port = 1030, .delta = -3};
    struct punch *p = round_with(&(struct nat_facts){.class = NAT_CONE}, &theirs, true);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(3));
    for (size_t i = 0; i < count; i++)
        assert_true(addr_port(&sent[i].probe.to) >= 1024);
    assert_int_equal(addr_port(&sent[count - 1].probe.to), 1027);
    assert_int_equal(addr_port(&sent[count - 3].probe.to), 65533); /* 1030 - 9 */
    punch_free(p);
}

static void a_nat_that_changes_ports_is_searched_when_the_plain_punch_is_in_vain(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_UNKNOWN, true);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(3));
    assert_int_equal(guesses_of(p), 0);
    run_until(p, SEC(8));
    assert_string_equal(punch_trying(p), "a birthday search");
    assert_true(guesses_of(p) > 100);
    run_until(p, SEC(60));
    assert_string_equal(
        punch_why(p),
        "their NAT may be symmetric (one server alone cannot tell), and no port tried was open");
    punch_free(p);
}

static unsigned guesses_beyond(size_t from)
{
    unsigned n = 0;
    for (size_t i = from; i < count; i++)
        n += sent[i].probe.ttl == 0 && addr_port(&sent[i].probe.to) != 4433;
    return n;
}

static void of_two_nats_that_change_ports_each_is_searched_in_its_turn(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_UNKNOWN, NAT_UNKNOWN, true);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(8)); /* ours is shown */
    assert_int_equal(punch_sockets(p), PUNCH_SOCKETS_MAX);
    assert_int_equal(guesses_beyond(0), 0);
    size_t shown = count;
    run_until(p, SEC(13));
    assert_true(guesses_beyond(shown) >= PUNCH_GUESSES_MAX / 2 - 10);
    run_until(p, SEC(60));
    assert_string_equal(
        punch_why(p),
        "either NAT may be symmetric (one server alone cannot tell), and no port tried was open");
    punch_free(p);
}

static void of_whom_nothing_is_known_is_a_cone_first(void **state)
{
    (void)state;
    const struct nat_facts nothing = {0};
    struct punch *p = round_with(&nothing, &nothing, false);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(6));
    assert_string_equal(punch_trying(p), "fresh sockets");
    run_until(p, SEC(10));
    assert_string_equal(punch_trying(p), "a birthday search");
    punch_free(p);
}

/* The first guess after `from`: which port, 0: none. */
static uint16_t next_guess(size_t from)
{
    for (size_t i = from; i < count; i++)
        if (addr_port(&sent[i].probe.to) != 4433)
            return addr_port(&sent[i].probe.to);
    return 0;
}

static void who_counts_looks_where_it_is_before_it_predicts(void **state)
{
    const struct nat_facts ours = {.class = NAT_SEQUENTIAL, .last_port = 30000, .delta = 2};
    const struct nat_facts theirs = {.class = NAT_SEQUENTIAL, .last_port = 20000, .delta = 1};
    (void)state;
    struct punch *p = round_with(&ours, &theirs, true);

    add(p, SEC(1), "203.0.113.7:4433"); /* one mapping */
    run_until(p, SEC(1) + MSEC(719));
    assert_false(punch_wants_port(p, now));
    run_until(p, SEC(1) + MSEC(720));
    assert_true(punch_wants_port(p, now));
    assert_false(punch_wants_port(p, now));
    punch_learn_port(p, 30001); /* not of this NAT */
    punch_learn_port(p, 30014); /* somebody else behind it made six */
    punch_learn_port(p, 30002); /* is old */
    run_until(p, SEC(2) + MSEC(500));
    assert_int_equal(next_guess(0), 20000 + 8);
    punch_free(p);
}

static void who_counts_predicts_again_from_where_it_is_then(void **state)
{
    const struct nat_facts ours = {.class = NAT_SEQUENTIAL, .last_port = 30000, .delta = 1};
    const struct nat_facts theirs = {.class = NAT_SEQUENTIAL, .last_port = 20000, .delta = 1};
    (void)state;
    struct punch *p = round_with(&ours, &theirs, true);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(3) + MSEC(500));
    assert_int_equal(next_guess(0), 20002);
    assert_true(punch_wants_port(p, now));
    punch_learn_port(p, 30019); /* 17 for the round, the look, and one more */
    size_t before = count;
    run_until(p, SEC(5));
    assert_int_equal(next_guess(before), 20020);
    assert_int_equal(sent[count - 1].probe.socket, 2);
    punch_free(p);
}

static void a_lost_plain_punch_is_tried_from_a_fresh_socket(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_CONE, true);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(5));
    assert_int_equal(punch_fresh(p), 0);
    assert_string_equal(punch_trying(p), "openers and checks");
    run_until(p, SEC(6));
    assert_string_equal(punch_trying(p), "fresh sockets");
    assert_int_equal(punch_fresh(p), 1);
    assert_int_equal(punch_sockets(p), 1);
    assert_int_equal(sent[9].probe.socket, 1);
    assert_int_equal(sent[9].probe.ttl, 2);
    run_until(p, SEC(60));
    assert_int_equal(punch_fresh(p), 2);
    assert_int_equal(punch_state(p), PUNCH_LOST);
    assert_int_equal(punch_deadline(p), INSTANT_NEVER);
    assert_string_equal(punch_why(p), "nothing of theirs came through");
    punch_free(p);
}

static void a_probe_names_no_socket_that_was_not_wanted_before(void **state)
{
    (void)state;
    static const enum nat_class OURS[] = {NAT_CONE, NAT_SEQUENTIAL, NAT_BLOCK, NAT_RANDOM};

    for (size_t i = 0; i < sizeof(OURS) / sizeof(OURS[0]); i++) {
        struct punch *p = round_of(OURS[i], NAT_CONE, true);
        struct punch_send probe;
        unsigned open = 0;
        add(p, SEC(1), "203.0.113.7:4433");
        while (punch_state(p) == PUNCH_RUNNING) {
            now = punch_deadline(p);
            while (punch_output(p, now, &probe))
                assert_true(probe.socket <= open);
            assert_true(punch_sockets(p) >= open);
            open = punch_sockets(p);
        }
        punch_free(p);
    }
}

static void a_round_that_slept_is_over_without_a_burst(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_RANDOM, true);
    struct punch_send probe;

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(1));
    assert_false(punch_output(p, SEC(3600), &probe));
    assert_int_equal(punch_state(p), PUNCH_LOST);
    punch_free(p);
}

static void rounds_share_what_they_may_send(void **state)
{
    (void)state;
    struct bucket rate = {0};
    struct punch *p[3];
    struct punch_options o = {.ours = {.class = NAT_CONE},
                              .theirs = {.class = NAT_RANDOM},
                              .guessing = true,
                              .v4 = true,
                              .random = draw,
                              .arg = &chance,
                              .rate = &rate};
    struct punch_send probe;

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(punch_new(&p[i], SEC(1), &o), 0);
        add(p[i], SEC(1), "203.0.113.7:4433");
    }
    for (now = SEC(1); now < SEC(7); now += MSEC(1))
        for (unsigned i = 0; i < 3; i++)
            while (punch_output(p[i], now, &probe))
                sent[count++].at = now;
    for (size_t i = PUNCH_RATE; i < count; i++)
        assert_true(sent[i].at - sent[i - PUNCH_RATE].at >= SEC(1));
    assert_true(count > 2 * PUNCH_RATE); /* nor is it wasted */
    for (unsigned i = 0; i < 3; i++)
        punch_free(p[i]);
}

static void a_round_ends_in_time_whatever_the_peer_does(void **state)
{
    static const enum nat_class CLASS[] = {NAT_UNKNOWN, NAT_CONE, NAT_SEQUENTIAL, NAT_RANDOM};
    (void)state;
    for (size_t i = 0; i < 16; i++) {
        struct punch *p = round_of(CLASS[i % 4], CLASS[i / 4], i % 2 == 0);
        struct addr from = at("203.0.113.7:5000");
        start(NULL);
        for (unsigned t = 0; t < 400; t++) { /* names addresses, and is heard, all the time */
            addr_set_port(&from, (uint16_t)(5000 + t));
            punch_add(p, now, &(struct candidate){CANDIDATE_PEER, from});
            punch_heard(p, now, 0, &from);
            run_until(p, SEC(1) + t * MSEC(100));
            count = 0;
        }
        assert_int_equal(punch_state(p), PUNCH_LOST);
        punch_free(p);
    }
}

static void blocked_udp_is_said(void **state)
{
    (void)state;
    struct punch *p = round_of(NAT_CONE, NAT_BLOCKED, true);

    add(p, SEC(1), "203.0.113.7:4433");
    run_until(p, SEC(60));
    assert_string_equal(punch_why(p), "UDP is blocked on their side");
    punch_free(p);
    punch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_opener_then_checks_by_their_schedule, start),
        cmocka_unit_test_setup(who_answers_waits_half_a_round_trip_longer, start),
        cmocka_unit_test_setup(the_measured_hop_limit_is_used_if_it_makes_sense, start),
        cmocka_unit_test_setup(a_candidate_that_comes_late_gets_the_same, start),
        cmocka_unit_test_setup(candidates_that_may_not_be_probed_are_ignored, start),
        cmocka_unit_test_setup(of_one_ip_address_eight_candidates_are_taken, start),
        cmocka_unit_test_setup(the_nearest_candidates_go_first, start),
        cmocka_unit_test_setup(many_candidates_are_paced, start),
        cmocka_unit_test_setup(a_source_that_is_heard_is_answered_at_once_from_that_socket, start),
        cmocka_unit_test_setup(eight_sources_are_answered_and_each_four_times_by_all_sockets,
                               start),
        cmocka_unit_test_setup(a_proof_wins_the_round_after_a_moment, start),
        cmocka_unit_test_setup(nothing_is_guessed_unless_both_agreed, start),
        cmocka_unit_test_setup(a_search_guesses_each_port_once_and_1024_at_most, start),
        cmocka_unit_test_setup(a_random_nat_is_shown_256_sockets_with_a_low_hop_limit, start),
        cmocka_unit_test_setup(a_socket_that_the_search_finds_answers_with_the_usual_hop_limit,
                               start),
        cmocka_unit_test_setup(a_sequential_nat_is_searched_from_the_farthest_port_on, start),
        cmocka_unit_test_setup(predicted_ports_wrap_round, start),
        cmocka_unit_test_setup(a_nat_that_changes_ports_is_searched_when_the_plain_punch_is_in_vain,
                               start),
        cmocka_unit_test_setup(of_two_nats_that_change_ports_each_is_searched_in_its_turn, start),
        cmocka_unit_test_setup(of_whom_nothing_is_known_is_a_cone_first, start),
        cmocka_unit_test_setup(who_counts_looks_where_it_is_before_it_predicts, start),
        cmocka_unit_test_setup(who_counts_predicts_again_from_where_it_is_then, start),
        cmocka_unit_test_setup(a_lost_plain_punch_is_tried_from_a_fresh_socket, start),
        cmocka_unit_test_setup(a_probe_names_no_socket_that_was_not_wanted_before, start),
        cmocka_unit_test_setup(a_round_that_slept_is_over_without_a_burst, start),
        cmocka_unit_test_setup(rounds_share_what_they_may_send, start),
        cmocka_unit_test_setup(a_round_ends_in_time_whatever_the_peer_does, start),
        cmocka_unit_test_setup(blocked_udp_is_said, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
