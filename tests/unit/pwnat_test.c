/* Calls by ICMP: which are listened to, and what follows by the clock. */
#include "gateway/punch/pwnat.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "gateway/punch/attempt.h"

#define ECHO_ID 0xbeef
#define NOON    UINT64_C(1700000000000) /* ms */
#define MINUTE  UINT64_C(60000)

struct stage {
    struct pwnat_ear ear;
    unsigned keys_made;
    instant now;
    uint64_t wall_ms;
    struct addr from, own;
    struct icmp_notice notice;
    struct pwnat_call call;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static const uint8_t BOB[PWNAT_ID_LEN] = {'b'}, CAROL[PWNAT_ID_LEN] = {'c'};

/* Who knows an id has its key here. */
static int key_of(void *arg, const uint8_t id[PWNAT_ID_LEN], uint8_t key[ICMP_NOTICE_KEY_LEN])
{
    struct stage *s = arg;
    s->keys_made++;
    memcpy(key, id, ICMP_NOTICE_KEY_LEN);
    return id[0] == 'x' ? -EINVAL : 0;
}

static int set_up(void **state)
{
    static struct stage stage;
    uint8_t ids[2][PWNAT_ID_LEN];

    stage = (struct stage){
        .ear = {.id = ECHO_ID, .key = key_of, .arg = &stage},
        .now = SEC(1000),
        .wall_ms = NOON,
        .from = at("198.51.100.7:0"),
        .own = at("203.0.113.1:4433"),
        .notice = {.time_ms = NOON, .at = at("0.0.0.0:4433"), .fresh_port = 50000},
    };
    memcpy(ids[0], CAROL, PWNAT_ID_LEN);
    memcpy(ids[1], BOB, PWNAT_ID_LEN);
    assert_int_equal(pwnat_ear_set(&stage.ear, (const uint8_t(*)[PWNAT_ID_LEN])ids, 2), 0);
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    pwnat_ear_deinit(&s->ear);
    return 0;
}

static int hear_bytes(struct stage *s, const uint8_t *data, size_t len)
{
    const struct pwnat_heard heard = {.now = s->now,
                                      .wall_ms = s->wall_ms,
                                      .from = s->from,
                                      .data = data,
                                      .len = len,
                                      .own = &s->own,
                                      .own_count = 1};
    return pwnat_ear_hear(&s->ear, &heard, &s->call);
}

static int hear(struct stage *s, const uint8_t *key)
{
    uint8_t out[ICMP_MESSAGE_MAX], text[ICMP_NOTICE_LEN] = {1, 2, 3};
    const struct addr here = at("203.0.113.1:0");

    icmp_notice_write(text, &s->notice, key);
    return hear_bytes(s, out, pwnat_exceeded(out, ECHO_ID, &here, text));
}

/* As after some seconds, said anew. */
static int hear_later(struct stage *s, const uint8_t *key)
{
    s->now += SEC(10);
    s->wall_ms += 10000;
    s->notice.time_ms = s->wall_ms;
    return hear(s, key);
}

static bool has_place(const struct stage *s, const char *text)
{
    struct addr a = at(text);
    for (size_t i = 0; i < s->call.places; i++)
        if (addr_equal(&s->call.place[i], &a))
            return true;
    return false;
}

/* ---- who is listened to ---- */

static void a_contact_is_recognised_and_met_where_it_seems_to_be(void **state)
{
    struct stage *s = *state;

    assert_int_equal(hear(s, BOB), 0);
    assert_memory_equal(s->call.id, BOB, PWNAT_ID_LEN);
    assert_int_equal(s->call.places, 2);
    assert_true(has_place(s, "198.51.100.7:4433"));
    assert_true(has_place(s, "198.51.100.7:50000"));
    assert_int_equal(s->ear.calls, 1);
    assert_int_equal(s->ear.ignored, 0);
}

static void where_it_says_it_is_counts_too(void **state)
{
    struct stage *s = *state;

    s->notice.at = at("198.51.100.99:6000");
    assert_int_equal(hear(s, BOB), 0);
    assert_int_equal(s->call.places, 4);
    assert_true(has_place(s, "198.51.100.99:6000"));
    assert_true(has_place(s, "198.51.100.99:50000"));
    assert_true(has_place(s, "198.51.100.7:6000"));
}

static void a_stranger_is_ignored_and_counted(void **state)
{
    static const uint8_t stranger[PWNAT_ID_LEN] = {'s'};
    struct stage *s = *state;

    assert_int_equal(hear(s, stranger), -EACCES);
    assert_int_equal(s->ear.ignored, 1);
    assert_int_equal(s->ear.calls, 0);
}

static void who_is_a_contact_no_longer_is_a_stranger(void **state)
{
    struct stage *s = *state;
    uint8_t carol[1][PWNAT_ID_LEN];

    memcpy(carol[0], CAROL, PWNAT_ID_LEN);
    assert_int_equal(pwnat_ear_set(&s->ear, (const uint8_t(*)[PWNAT_ID_LEN])carol, 1), 0);
    assert_int_equal(hear(s, BOB), -EACCES);
    assert_int_equal(hear(s, CAROL), 0);
}

static void a_contact_without_a_usable_key_is_never_heard(void **state)
{
    static const uint8_t odd[1][PWNAT_ID_LEN] = {{'x'}};
    struct stage *s = *state;

    assert_int_equal(pwnat_ear_set(&s->ear, odd, 1), 0);
    assert_int_equal(hear(s, odd[0]), -EACCES);
    assert_int_equal(hear_later(s, odd[0]), -EACCES);
    assert_int_equal(s->keys_made, 1);
}

static void a_notice_counts_once(void **state)
{
    struct stage *s = *state;

    assert_int_equal(hear(s, BOB), 0);
    s->now += SEC(5);
    assert_int_equal(hear(s, BOB), -ESTALE); /* its copy, or somebody's replay */
    s->notice.time_ms--;
    assert_int_equal(hear(s, BOB), -ESTALE); /* an older one that was held back */
    assert_int_equal(hear_later(s, BOB), 0);
}

static void a_replay_is_known_after_the_contacts_were_set_again(void **state)
{
    struct stage *s = *state;
    uint8_t ids[2][PWNAT_ID_LEN] = {{'a'}};

    assert_int_equal(hear(s, BOB), 0);
    memcpy(ids[1], BOB, PWNAT_ID_LEN);
    assert_int_equal(pwnat_ear_set(&s->ear, (const uint8_t(*)[PWNAT_ID_LEN])ids, 2), 0);
    s->now += SEC(5);
    assert_int_equal(hear(s, BOB), -ESTALE);
}

static void a_notice_is_good_for_a_minute_either_way(void **state)
{
    struct stage *s = *state;

    s->notice.time_ms = NOON - MINUTE - 1;
    assert_int_equal(hear(s, BOB), -ESTALE);
    s->notice.time_ms = NOON + MINUTE + 1;
    assert_int_equal(hear(s, BOB), -ESTALE);
    s->notice.time_ms = NOON - MINUTE;
    assert_int_equal(hear(s, BOB), 0);
    s->now += SEC(5);
    s->notice.time_ms = NOON + MINUTE;
    assert_int_equal(hear(s, BOB), 0);
}

static void a_contact_that_calls_all_the_time_is_heard_every_two_seconds(void **state)
{
    struct stage *s = *state;
    unsigned heard = 0;

    for (unsigned i = 0; i < 100; i++) {
        s->now += MSEC(100);
        s->wall_ms += 100;
        s->notice.time_ms = s->wall_ms;
        heard += hear(s, BOB) == 0;
    }
    assert_int_equal(heard, 5);
}

static void a_flood_is_looked_at_twenty_times_a_second(void **state)
{
    static const uint8_t stranger[PWNAT_ID_LEN] = {'s'};
    struct stage *s = *state;
    unsigned looked = 0;

    for (unsigned i = 0; i < 1000; i++)
        looked += hear(s, stranger) == -EACCES;
    assert_int_equal(looked, PWNAT_HEARD_RATE);
    assert_int_equal(s->ear.ignored, 1000);
    s->now += SEC(1);
    assert_int_equal(hear(s, BOB), 0);
}

static void a_router_that_dropped_our_echo_is_no_caller(void **state)
{
    struct stage *s = *state;
    uint8_t echo[ICMP_MESSAGE_MAX], out[ICMP_MESSAGE_MAX];
    size_t len = pwnat_echo(echo, ECHO_ID);
    const struct icmp_exceeded dropped = {
        .from = at("192.168.1.2:0"),
        .to = pwnat_nowhere(),
        .echo = {.id = ECHO_ID,
                 .sequence = 1,
                 .data = echo + ICMP_ECHO_LEN,
                 .len = len - ICMP_ECHO_LEN},
    };

    assert_int_equal(hear_bytes(s, out, icmp_exceeded_write(out, &dropped)), -EBADMSG);
    assert_int_equal(s->ear.ignored, 0);
}

static void what_quotes_another_echo_is_no_call(void **state)
{
    struct stage *s = *state;
    uint8_t text[ICMP_NOTICE_LEN] = {0}, out[ICMP_MESSAGE_MAX];
    struct icmp_exceeded e = {
        .from = s->own,
        .to = pwnat_nowhere(),
        .echo = {.id = ECHO_ID, .sequence = 1, .data = text, .len = sizeof(text)},
    };

    icmp_notice_write(text, &s->notice, BOB);
    e.echo.id++;
    assert_int_equal(hear_bytes(s, out, icmp_exceeded_write(out, &e)), -EBADMSG);
    e.echo.id--;
    e.echo.sequence++;
    assert_int_equal(hear_bytes(s, out, icmp_exceeded_write(out, &e)), -EBADMSG);
    e.echo.sequence--;
    e.to = at("192.0.2.80:0");
    assert_int_equal(hear_bytes(s, out, icmp_exceeded_write(out, &e)), -EBADMSG);
    e.to = pwnat_nowhere();
    e.echo.len--;
    assert_int_equal(hear_bytes(s, out, icmp_exceeded_write(out, &e)), -EBADMSG);
    e.echo.len++;
    assert_int_equal(hear_bytes(s, out, icmp_exceeded_write(out, &e)), 0);
}

/* A NAT whose hosts call with their inside address quotes what it has translated. */
static void the_quoted_source_does_not_matter(void **state)
{
    struct stage *s = *state;
    uint8_t text[ICMP_NOTICE_LEN] = {0}, out[ICMP_MESSAGE_MAX];
    const struct addr inside = at("192.168.1.2:0");

    icmp_notice_write(text, &s->notice, BOB);
    assert_int_equal(hear_bytes(s, out, pwnat_exceeded(out, ECHO_ID, &inside, text)), 0);
}

static void keys_are_made_64_at_a_time(void **state)
{
    struct stage *s = *state;
    uint8_t ids[100][PWNAT_ID_LEN] = {{0}};

    for (unsigned i = 0; i < 100; i++)
        ids[i][0] = (uint8_t)(i + 1);
    assert_int_equal(pwnat_ear_set(&s->ear, (const uint8_t(*)[PWNAT_ID_LEN])ids, 100), 0);
    s->keys_made = 0;
    assert_int_equal(hear(s, ids[99]), -EACCES);
    assert_int_equal(s->keys_made, 64);
    assert_int_equal(hear_later(s, ids[99]), 0);
    assert_int_equal(s->keys_made, 100);
}

/* ---- where it may send us ---- */

static void nobody_has_us_send_to_addresses_that_are_not_public(void **state)
{
    static const char *const never[] = {
        "127.0.0.1:4433", "10.0.0.1:4433",        "192.168.1.9:4433", "169.254.1.1:4433",
        "224.0.0.1:4433", "255.255.255.255:4433", "100.64.0.1:4433",  "203.0.113.1:4433"};
    struct stage *s = *state;

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        s->notice.at = at(never[i]);
        s->notice.fresh_port = 0;
        s->from = s->notice.at;
        assert_int_equal(hear_later(s, BOB), 0);
        assert_int_equal(s->call.places, 0);
    }
}

static void nor_to_privileged_ports(void **state)
{
    struct stage *s = *state;

    s->notice.at = at("198.51.100.9:53");
    s->notice.fresh_port = 1023;
    assert_int_equal(hear(s, BOB), 0);
    assert_int_equal(s->call.places, 0);
}

static void addresses_that_we_know_get_the_fresh_port(void **state)
{
    struct stage *s = *state;
    const struct pwnat_heard heard = {.own = &s->own, .own_count = 1};
    const struct addr known = at("198.51.100.200:4433"), v6 = at("[2001:db8::1]:4433");
    const struct addr none = {0};

    s->from = at("192.168.2.2:0"); /* as a Linux router lets it out */
    assert_int_equal(hear(s, BOB), 0);
    pwnat_call_add(&s->call, &heard, &known);
    pwnat_call_add(&s->call, &heard, &known);
    pwnat_call_add(&s->call, &heard, &v6);
    pwnat_call_add(&s->call, &heard, &none);
    assert_int_equal(s->call.places, 1);
    assert_true(has_place(s, "198.51.100.200:50000"));
}

static void there_are_no_more_places_than_there_is_room_for(void **state)
{
    struct stage *s = *state;
    const struct pwnat_heard heard = {.own = &s->own, .own_count = 1};
    uint8_t ip[4] = {198, 51, 100, 0};

    assert_int_equal(hear(s, BOB), 0);
    for (unsigned i = 100; i < 120; i++) {
        ip[3] = (uint8_t)i;
        const struct addr a = addr_v4(ip, 4433);
        pwnat_call_add(&s->call, &heard, &a);
    }
    assert_int_equal(s->call.places, PWNAT_PLACES_MAX);
}

/* ---- by the clock ---- */

static void a_call_is_three_openers_then_a_dial_then_peace(void **state)
{
    static const struct {
        instant at;
        enum pwnat_step step;
    } want[] = {{0, PWNAT_OPEN},
                {MSEC(200), PWNAT_OPEN},
                {MSEC(400), PWNAT_OPEN},
                {MSEC(1500), PWNAT_DIAL},
                {SEC(15), PWNAT_OVER}};
    struct pwnat_call c = {.began = SEC(7)};
    (void)state;

    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(pwnat_call_due(&c), SEC(7) + want[i].at);
        if (want[i].at > 0)
            assert_int_equal(pwnat_call_next(&c, SEC(7) + want[i].at - 1), PWNAT_WAIT);
        assert_int_equal(pwnat_call_next(&c, SEC(7) + want[i].at), want[i].step);
    }
    assert_int_equal(pwnat_call_next(&c, SEC(7) + SEC(15)), PWNAT_OVER);
}

static void the_caller_tells_before_it_dials_from_a_fresh_socket(void **state)
{
    static const enum pwnat_ring_step want[] = {PWNAT_RING_FRESH, PWNAT_RING_NOTICE,
                                                PWNAT_RING_NOTICE, PWNAT_RING_DIAL};
    struct pwnat_ring r = {.began = SEC(7)};
    instant told = 0;
    (void)state;

    for (size_t i = 0; i < 8; i++) {
        instant due = pwnat_ring_due(&r);
        assert_int_equal(pwnat_ring_next(&r, due - 1), PWNAT_RING_WAIT);
        assert_int_equal(pwnat_ring_next(&r, due), want[i % 4]);
        if (i % 4 == 1)
            told = due;
        if (i % 4 == 3)
            assert_true(due >= told + MSEC(500)); /* openers are out by then */
    }
    assert_int_equal(pwnat_ring_next(&r, SEC(100)), PWNAT_RING_OVER);
    assert_int_equal(pwnat_ring_due(&r), INSTANT_NEVER);
}

static void both_rounds_fit_into_an_attempt_to_connect(void **state)
{
    struct pwnat_ring r = {.began = 0};
    instant last = 0;
    (void)state;

    while (pwnat_ring_due(&r) != INSTANT_NEVER) {
        last = pwnat_ring_due(&r);
        (void)pwnat_ring_next(&r, last);
    }
    assert_true(last < SEC(7)); /* of 9.5 */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_contact_is_recognised_and_met_where_it_seems_to_be),
        TEST(where_it_says_it_is_counts_too),
        TEST(a_stranger_is_ignored_and_counted),
        TEST(who_is_a_contact_no_longer_is_a_stranger),
        TEST(a_contact_without_a_usable_key_is_never_heard),
        TEST(a_notice_counts_once),
        TEST(a_replay_is_known_after_the_contacts_were_set_again),
        TEST(a_notice_is_good_for_a_minute_either_way),
        TEST(a_contact_that_calls_all_the_time_is_heard_every_two_seconds),
        TEST(a_flood_is_looked_at_twenty_times_a_second),
        TEST(a_router_that_dropped_our_echo_is_no_caller),
        TEST(what_quotes_another_echo_is_no_call),
        TEST(the_quoted_source_does_not_matter),
        TEST(keys_are_made_64_at_a_time),
        TEST(nobody_has_us_send_to_addresses_that_are_not_public),
        TEST(nor_to_privileged_ports),
        TEST(addresses_that_we_know_get_the_fresh_port),
        TEST(there_are_no_more_places_than_there_is_room_for),
        cmocka_unit_test(a_call_is_three_openers_then_a_dial_then_peace),
        cmocka_unit_test(the_caller_tells_before_it_dials_from_a_fresh_socket),
        cmocka_unit_test(both_rounds_fit_into_an_attempt_to_connect),
    };
    if (crypto_start() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
