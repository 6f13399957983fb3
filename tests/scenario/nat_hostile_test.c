/* A peer that may connect lies about where it is reached, and strangers pour packets on everybody:
 * nobody is probed who has nothing to do with it, and what goes on goes on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/sim_nat_story.h"
#include "tests/sim/sim_pulse.h"
#include "tests/support/random.h"

#define ALICE_OUTSIDE "203.0.113.1"
#define PROBED_MAX    64

/* Where alice's datagrams go, as her router lets them out. */
struct seen {
    struct sim_nat_story story;
    struct {
        struct addr to;
        unsigned count;
    } probed[PROBED_MAX];
    size_t targets;
    struct addr alice, bob;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static void on_passing(void *arg, const struct addr *from, const struct addr *to,
                       const uint8_t *data, size_t len)
{
    struct seen *s = arg;
    size_t i = 0;
    (void)data;
    (void)len;
    if (!addr_same_ip(from, &s->alice) ||
        addr_same_ip(to, &s->story.relay.host.interface[2].is.addr))
        return;
    while (i < s->targets && !addr_equal(&s->probed[i].to, to))
        i++;
    assert_true(i < PROBED_MAX);
    if (i == s->targets)
        s->probed[s->targets++].to = *to;
    s->probed[i].count++;
}

static unsigned sent_to(const struct seen *s, const char *text)
{
    const struct addr a = at(text);
    for (size_t i = 0; i < s->targets; i++)
        if (addr_equal(&s->probed[i].to, &a))
            return s->probed[i].count;
    return 0;
}

/* They would be direct if the internet let them. */
static bool never(void *arg, const struct addr *from, const struct addr *to)
{
    const struct seen *s = arg;
    return (addr_same_ip(from, &s->alice) && addr_same_ip(to, &s->bob)) ||
           (addr_same_ip(from, &s->bob) && addr_same_ip(to, &s->alice));
}

/* Bob, who is known to alice, says that he is reached there too; both stay on the relay. */
static void begin_with_lies(struct seen *s, const char *const lie[4])
{
    memset(s, 0, sizeof(*s));
    sim_nat_story_begin(&s->story, "port_restricted", "port_restricted");
    s->alice = at(ALICE_OUTSIDE ":1");
    s->bob = at("203.0.113.2:1");
    s->story.world.tap = on_passing;
    s->story.world.cut = never;
    s->story.world.tap_arg = s->story.world.cut_arg = s;
    for (size_t i = 0; i < 4; i++)
        if (lie[i])
            s->story.bob.options.external[i] = at(lie[i]);
    sim_nat_story_start(&s->story);
    sim_nat_story_connect(&s->story);
}

/* The session is used, so that rounds go on. */
static void talk(struct seen *s, instant span)
{
    struct sim_pulse pulse = {0};
    struct addr port = sim_gateway_opens(&s->story.bob, &s->story.alice, "echo", SERVICE_TCP);
    sim_pulse_start(&pulse, &s->story.bob.host.env, &port);
    sim_nat_story_wait(&s->story, span);
    assert_true(sim_pulse_is_well(&pulse));
    sim_pulse_deinit(&pulse);
}

/* A program that has nothing to do with it. */
struct bystander {
    struct udp_socket *udp;
    struct env *env;
    unsigned heard; /* datagrams */
};

static void on_heard(void *arg, const struct udp_rx *rx)
{
    ((struct bystander *)arg)->heard += (unsigned)((rx->len + rx->segment - 1) / rx->segment);
}

static void stand_by(struct bystander *b, struct env *env, const char *local)
{
    static const struct udp_handler handler = {on_heard, NULL};
    const struct addr a = at(local);
    *b = (struct bystander){.env = env};
    assert_int_equal(udp_open(env, &b->udp, &a, 0, &handler, b), 0);
}

static void nobody_gets_more_than_20_packets_because_a_peer_named_him(void **state)
{
    static const char *const lie[4] = {"198.51.100.77:7777", "198.51.100.77:7778",
                                       "198.51.100.77:1024", "198.51.100.77:65535"};
    static struct seen s;
    struct sim_host host;
    struct bystander victim[4];
    (void)state;
    begin_with_lies(&s, lie);
    sim_host_init(&host, &s.story.world, "victim");
    (void)sim_host_join(&host, INTERNET, "198.51.100.77/24");
    for (size_t i = 0; i < 4; i++)
        stand_by(&victim[i], &host.env, lie[i]);
    talk(&s, SEC(1200));
    for (size_t i = 0; i < 4; i++) {
        assert_in_range(victim[i].heard, 1, 20);
        udp_close(&host.env, victim[i].udp);
    }
    sim_host_deinit(&host);
    sim_nat_story_end(&s.story);
}

static void nobody_is_probed_where_no_peer_of_ours_can_be(void **state)
{
    static const char *const lie[][4] = {
        {"169.254.1.1:5000", "224.0.0.251:5353", "255.255.255.255:4433", "0.0.0.0:4433"},
        {"10.99.0.1:4433", "172.20.0.1:4433", "100.99.0.1:4433", "192.168.77.1:4433"},
        {"198.51.100.77:53", "203.0.113.1:4433", "240.0.0.1:4433", "192.88.99.1:4433"},
    };
    static struct seen s;
    (void)state;
    for (size_t k = 0; k < sizeof(lie) / sizeof(lie[0]); k++) {
        begin_with_lies(&s, lie[k]);
        talk(&s, SEC(60));
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(sent_to(&s, lie[k][i]), 0);
        sim_nat_story_end(&s.story);
    }
}

static void programs_of_our_own_machine_are_not_probed(void **state)
{
    static const char *const lie[4] = {"127.0.0.1:5000", "192.168.1.2:5000", "127.9.9.9:5000",
                                       NULL};
    static struct seen s;
    struct bystander here;
    (void)state;
    begin_with_lies(&s, lie);
    stand_by(&here, &s.story.alice.host.env, "0.0.0.0:5000");
    talk(&s, SEC(60));
    assert_int_equal(here.heard, 0);
    udp_close(here.env, here.udp);
    sim_nat_story_end(&s.story);
}

/* ---- how much is sent at all ---- */

struct rate {
    struct addr from, to;
    instant second;
    unsigned now, most;
    uint8_t port[8192]; /* a bit for each that was sent to */
    unsigned ports;
    struct sim_world *world;
};

static void on_probe(void *arg, const struct addr *from, const struct addr *to, const uint8_t *data,
                     size_t len)
{
    struct rate *r = arg;
    uint16_t port = addr_port(to);
    (void)data;
    (void)len;
    if (!addr_same_ip(from, &r->from) || !addr_same_ip(to, &r->to))
        return;
    if (r->world->now >= r->second + SEC(1)) {
        r->second = r->world->now;
        r->now = 0;
    }
    r->now++;
    r->most = r->now > r->most ? r->now : r->most;
    r->ports += !(r->port[port / 8] & 1 << port % 8);
    r->port[port / 8] |= (uint8_t)(1 << port % 8);
}

static bool all(void *arg, const struct addr *from, const struct addr *to)
{
    const struct rate *r = arg;
    return addr_same_ip(from, &r->to) && addr_same_ip(to, &r->from);
}

/* The other's router is symmetric with random ports, and nothing comes back. */
static void a_search_sends_at_most_200_packets_a_second_and_1024_guesses(void **state)
{
    struct sim_nat_story s = {.both_use = true, .has_spare = true};
    static struct rate r;
    (void)state;
    memset(&r, 0, sizeof(r));
    sim_nat_story_begin(&s, "sym_random", "port_restricted");
    sim_nat_story_start(&s);
    sim_nat_story_wait(&s, SEC(5));
    r.from = at("203.0.113.2:1");
    r.to = at("203.0.113.1:1");
    r.world = &s.world;
    s.world.tap = on_probe;
    s.world.cut = all;
    s.world.tap_arg = s.world.cut_arg = &r;
    sim_nat_story_connect(&s);
    sim_nat_story_wait(&s, SEC(60));
    assert_in_range(r.most, 1, 200);
    assert_in_range(r.ports, 1, 1024 + 64);
    print_message("at most %u packets a second, %u ports\n", r.most, r.ports);
    sim_nat_story_end(&s);
}

/* ---- strangers ---- */

struct flood {
    struct sim_host host;
    struct udp_socket *udp;
    struct timer timer;
    struct addr to[3];
    uint64_t sent, back; /* bytes */
    uint64_t chance;
};

static void on_back(void *arg, const struct udp_rx *rx)
{
    ((struct flood *)arg)->back += rx->len;
}

/* What each kind of datagram begins with; the rest is chance. */
static void pour(struct flood *f)
{
    static const uint8_t begin[][8] = {
        {0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42}, /* STUN Binding request */
        {0x00, 0x03, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42}, /* TURN Allocate */
        {0xc3, 0x00, 0x00, 0x00, 0x01, 0x08, 0x01, 0x02}, /* QUIC Initial */
        {0x41, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08}, /* QUIC, a connection that is none */
        {0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01},
        {0x20, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01},
        {0x30, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01},
    };
    uint8_t data[1200];
    size_t kind = random_below(&f->chance, sizeof(begin) / sizeof(begin[0]));
    size_t len = kind == 0 ? 20 : 20 + random_below(&f->chance, sizeof(data) - 20);
    random_fill(&f->chance, data, sizeof(data));
    memcpy(data, begin[kind], sizeof(begin[kind]));
    for (size_t i = 0; i < 3; i++) {
        const struct udp_tx tx = {.to = &f->to[i], .data = data, .len = len};
        assert_int_equal(udp_send(&f->host.env, f->udp, &tx), 0);
        f->sent += len;
    }
}

static void on_pour(struct timer *timer)
{
    struct flood *f = container_of(timer, struct flood, timer);
    pour(f);
    timer_set(&f->host.env, timer, env_now(&f->host.env) + MSEC(1) / 2);
}

static void begin_flood(struct flood *f, struct sim_world *w)
{
    static const struct udp_handler handler = {on_back, NULL};
    const struct addr local = at("0.0.0.0:6000");
    *f = (struct flood){.timer.fire = on_pour, .chance = 7};
    sim_host_init(&f->host, w, "mallory");
    (void)sim_host_join(&f->host, INTERNET, "192.0.2.99/24");
    f->to[0] = at("203.0.113.1:4433");
    f->to[1] = at("203.0.113.2:4433");
    f->to[2] = at(RELAY_ADDRESS);
    assert_int_equal(udp_open(&f->host.env, &f->udp, &local, 0, &handler, f), 0);
    on_pour(&f->timer);
}

static void end_flood(struct flood *f)
{
    timer_stop(&f->host.env, &f->timer);
    udp_close(&f->host.env, f->udp);
    sim_host_deinit(&f->host);
}

static void
a_flood_on_all_three_neither_stops_the_way_to_direct_nor_is_it_answered_in_kind(void **state)
{
    struct sim_nat_story s = {.both_use = true};
    struct sim_pulse pulse = {0};
    static struct flood f;
    (void)state;
    sim_nat_story_begin(&s, "full_cone", "full_cone");
    sim_nat_story_start(&s);
    begin_flood(&f, &s.world);
    struct addr port = sim_gateway_opens(&s.bob, &s.alice, "echo", SERVICE_TCP);
    sim_pulse_start(&pulse, &s.bob.host.env, &port);
    assert_true(sim_nat_story_both_become(&s, PEER_DIRECT, SEC(8)));
    sim_nat_story_wait(&s, SEC(20));
    assert_true(sim_pulse_is_well(&pulse));
    assert_in_range(sim_pulse_silence(&pulse), 1, SEC(1));
    assert_int_equal(sim_gateway_view(&s.bob, &s.alice).state, PEER_DIRECT);
    print_message("%llu bytes came, %llu went back\n", (unsigned long long)f.sent,
                  (unsigned long long)f.back);
    assert_true(f.back <= f.sent);
    sim_pulse_deinit(&pulse);
    end_flood(&f);
    sim_nat_story_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gets_more_than_20_packets_because_a_peer_named_him),
        cmocka_unit_test(nobody_is_probed_where_no_peer_of_ours_can_be),
        cmocka_unit_test(programs_of_our_own_machine_are_not_probed),
        cmocka_unit_test(a_search_sends_at_most_200_packets_a_second_and_1024_guesses),
        cmocka_unit_test(
            a_flood_on_all_three_neither_stops_the_way_to_direct_nor_is_it_answered_in_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
