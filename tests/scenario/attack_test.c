/* Somebody on the way copies datagrams, or a stranger makes them up: sessions stay where they are.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_story.h"

/* Mallory's socket, and what it does with what passes by. */
struct attacker {
    struct sim_story *story;
    struct udp_socket *udp;
    struct addr alice, bob;
    bool towards_alice, towards_bob;
    bool changing; /* flips a bit in each copy, which then looks as if bob had sent it */
    unsigned copies, answers;
};

static void on_answer(void *arg, const struct udp_rx *rx)
{
    (void)rx;
    ((struct attacker *)arg)->answers++;
}

static void send_as_mallory(struct attacker *a, const struct addr *to, const uint8_t *data,
                            size_t len)
{
    struct udp_tx tx = {.to = to, .data = data, .len = len};
    a->copies++;
    assert_int_equal(udp_send(&a->story->mallory.host.env, a->udp, &tx), 0);
}

static void on_passing(void *arg, const struct addr *from, const struct addr *to,
                       const uint8_t *data, size_t len)
{
    struct attacker *a = arg;
    uint8_t copy[SIM_DATAGRAM_MAX];
    memcpy(copy, data, len);
    if (a->changing)
        copy[len - 1] ^= 1;
    if (a->towards_alice && addr_equal(from, &a->bob) && addr_equal(to, &a->alice))
        send_as_mallory(a, to, copy, len);
    if (a->towards_bob && addr_equal(from, &a->alice) && addr_equal(to, &a->bob))
        send_as_mallory(a, to, copy, len);
}

static void attack(struct attacker *a, struct sim_story *s)
{
    static const struct udp_handler handler = {on_answer, NULL};
    struct addr local;
    *a = (struct attacker){.story = s};
    assert_int_equal(addr_parse(&a->alice, ALICE_ADDRESS), 0);
    assert_int_equal(addr_parse(&a->bob, BOB_ADDRESS), 0);
    assert_int_equal(addr_parse(&local, "0.0.0.0:4433"), 0);
    assert_int_equal(udp_open(&s->mallory.host.env, &a->udp, &local, 0, &handler, a), 0);
    s->world.tap = on_passing;
    s->world.tap_arg = a;
    /* Mallory's copies overtake the originals. */
    s->alice.host.up.delay = s->bob.host.up.delay = MSEC(20);
    s->alice.host.down.jitter = s->bob.host.down.jitter = 0;
}

static void retreat(struct attacker *a)
{
    a->story->world.tap = NULL;
    udp_close(&a->story->mallory.host.env, a->udp);
}

static void expect_path(struct sim_gateway *g, const struct sim_gateway *other,
                        const struct addr *remote)
{
    struct peer_view view = sim_gateway_view(g, other);
    assert_true(view.path.present);
    assert_true(addr_equal(&view.path.remote, remote));
}

static void is_not_led_away_by_copies_from_elsewhere(void **state)
{
    struct sim_story *s = *state;
    struct attacker a;
    attack(&a, s);
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    a.towards_alice = a.towards_bob = true;
    sim_story_call(s, 2 << 20);
    for (int i = 0; i < 100 && !sim_caller_over(&s->caller); i++) {
        sim_story_wait(s, MSEC(50));
        expect_path(&s->bob, &s->alice, &a.alice);
        expect_path(&s->alice, &s->bob, &a.bob);
    }
    sim_story_call_ends_well(s, SEC(60));
    assert_true(a.copies > 100);
    /* No amplification towards whoever sits there: probes at most. */
    assert_true(a.answers < a.copies / 4);
    retreat(&a);
}

static void connects_although_every_first_packet_is_copied(void **state)
{
    struct sim_story *s = *state;
    struct attacker a;
    attack(&a, s);
    a.towards_alice = a.towards_bob = true;
    sim_gateway_must_connect(&s->bob, &s->alice, SEC(10));
    sim_story_call(s, 100000);
    sim_story_call_ends_well(s, SEC(30));
    retreat(&a);
}

static void drops_copies_with_a_changed_bit(void **state)
{
    struct sim_story *s = *state;
    struct attacker a;
    attack(&a, s);
    a.towards_alice = a.towards_bob = a.changing = true;
    sim_story_call(s, 1 << 20);
    sim_story_call_ends_well(s, SEC(60));
    expect_path(&s->alice, &s->bob, &a.bob);
    retreat(&a);
}

static void ignores_random_datagrams(void **state)
{
    struct sim_story *s = *state;
    struct attacker a;
    uint8_t data[1500];
    attack(&a, s);
    sim_story_call(s, 1 << 20);
    for (unsigned i = 0; i < 5000; i++) {
        size_t len = 1 + (size_t)sim_chance(&s->world, 1400);
        env_random(&s->mallory.host.env, data, len);
        send_as_mallory(&a, i % 2 ? &a.alice : &a.bob, data, len);
        sim_story_wait(s, MSEC(1));
    }
    sim_story_call_ends_well(s, SEC(60));
    assert_true(a.answers <= a.copies);
    retreat(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_STORY(is_not_led_away_by_copies_from_elsewhere),
        SIM_STORY(connects_although_every_first_packet_is_copied),
        SIM_STORY(drops_copies_with_a_changed_bit),
        SIM_STORY(ignores_random_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
