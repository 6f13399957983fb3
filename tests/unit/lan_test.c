/* A few gateways on simulated networks, under a virtual clock. */
#include "gateway/discovery/lan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/base/text.h"
#include "gateway/crypto/secret.h"
#include "gateway/wire/beacon.h"
#include "gateway/wire/demux.h"

enum { GATEWAYS = 4, SENT_MAX = 4096, PORT = 4000 };

#define WALL INT64_C(1700000000000000) /* microseconds */

struct gateway {
    struct lan *lan;
    struct keys keys;
    struct interface iface[2];
    size_t iface_count;
    bool plugged;
    int64_t clock_off_us;
    struct lan_event found[64];
    size_t found_count;
    unsigned sent, sent_unicast, sent_mdns;
};

/* What went over the wire, for eavesdropping. */
struct sent {
    unsigned by;
    bool unicast;
    struct addr from;
    uint8_t data[BEACON_MAX];
    size_t len;
};

static struct gateway g[GATEWAYS];
static struct sent sent[SENT_MAX];
static size_t sent_count;
static instant now;
static uint32_t dice;

static void any_bytes(void *arg, void *out, size_t len)
{
    (void)arg;
    for (size_t i = 0; i < len; i++) {
        dice = dice * 1664525 + 1013904223;
        ((uint8_t *)out)[i] = (uint8_t)(dice >> 24);
    }
}

static struct addr ip(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse_ip(&a, text, 0), 0);
    return a;
}

static struct interface v4_on(unsigned index, const char *address, const char *broadcast)
{
    return (struct interface){.index = index,
                              .addr = ip(address),
                              .prefix_bits = 24,
                              .broadcast = ip(broadcast),
                              .multicast = true};
}

static struct lan *new_lan(unsigned i, bool public, const char *network)
{
    struct lan *l;
    struct lan_options o = {.keys = &g[i].keys,
                            .public = public,
                            .port_v4 = (uint16_t)(PORT + i),
                            .port_v6 = (uint16_t)(PORT + i),
                            .random = any_bytes};
    memcpy(o.network, network, strlen(network));
    assert_int_equal(lan_new(&l, &o), 0);
    return l;
}

static int64_t wall(unsigned i)
{
    return WALL + (int64_t)(now / 1000) + g[i].clock_off_us;
}

static void begin_with(bool public)
{
    now = SEC(10);
    sent_count = 0;
    memset(g, 0, sizeof(g));
    for (unsigned i = 0; i < GATEWAYS; i++) {
        uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)(i + 1)};
        char text[32];
        keys_from_seed(&g[i].keys, seed);
        g[i].lan = new_lan(i, public, "");
        (void)snprintf(text, sizeof(text), "192.168.1.%u", i + 1);
        g[i].iface[0] = v4_on(2, text, "192.168.1.255");
        g[i].iface_count = 1;
    }
}

static int begin(void **state)
{
    (void)state;
    begin_with(false);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GATEWAYS; i++)
        lan_free(g[i].lan);
    return 0;
}

static void plug_in(unsigned i)
{
    g[i].plugged = true;
    lan_set_interfaces(g[i].lan, now, g[i].iface, g[i].iface_count);
}

static void knows(unsigned i, unsigned other)
{
    assert_int_equal(lan_set_contacts(g[i].lan, now, &g[other].keys.id, 1), 0);
}

/* One interface with IPv4 or IPv6 address `from`, of gateway i. */
static const struct interface *interface_of(unsigned i, const struct addr *from, unsigned ifindex)
{
    for (size_t n = 0; n < g[i].iface_count; n++)
        if (addr_is_none(from) ? g[i].iface[n].index == ifindex || ifindex == 0
                               : addr_same_ip(&g[i].iface[n].addr, from))
            return &g[i].iface[n];
    return NULL;
}

static bool same_network(const struct interface *a, const struct interface *b)
{
    struct addr_prefix p = {.addr = a->addr, .bits = a->prefix_bits};
    return a->index == b->index && addr_prefix_contains(&p, &b->addr);
}

static void hand_in(unsigned i, const struct addr *from, unsigned ifindex, const uint8_t *data,
                    size_t len)
{
    lan_input(g[i].lan, now, wall(i), from, ifindex, data, len);
    while (lan_next_event(g[i].lan, &g[i].found[g[i].found_count]))
        g[i].found_count++;
    assert_true(g[i].found_count < 60);
}

/* Broadcast and multicast come back to the sender, too. */
static void carry(unsigned by, const struct lan_tx *tx)
{
    const struct interface *out = interface_of(by, &tx->from, tx->ifindex);
    if (!out)
        return;
    struct addr from = out->addr;
    addr_set_port(&from, (uint16_t)(PORT + by));
    bool all = addr_is_multicast(&tx->to) || addr_same_ip(&tx->to, &out->broadcast);

    assert_true(sent_count < SENT_MAX);
    struct sent *s = &sent[sent_count++];
    *s = (struct sent){.by = by, .unicast = !all, .from = from, .len = tx->len};
    memcpy(s->data, tx->data, tx->len);
    g[by].sent++;
    g[by].sent_unicast += !all;
    for (unsigned i = 0; i < GATEWAYS; i++)
        for (size_t n = 0; g[i].plugged && n < g[i].iface_count; n++) {
            const struct interface *in = &g[i].iface[n];
            if (same_network(out, in) &&
                (all || (addr_same_ip(&in->addr, &tx->to) && addr_port(&tx->to) == PORT + i)))
                hand_in(i, &from, in->index, s->data, s->len);
        }
}

static void flush(void)
{
    struct lan_tx tx;

    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < GATEWAYS; i++)
            while (lan_output(g[i].lan, now, wall(i), &tx)) {
                more = true;
                if (tx.socket == LAN_SOCKET_MDNS)
                    g[i].sent_mdns++;
                else
                    carry(i, &tx);
            }
    }
}

static void run(instant span)
{
    instant end_of = now + span;

    for (unsigned turn = 0;; turn++) {
        assert_true(turn < 10000);
        flush();
        instant due = INSTANT_NEVER;
        for (unsigned i = 0; i < GATEWAYS; i++) {
            instant t = lan_deadline(g[i].lan);
            assert_true(t > now);
            due = t < due ? t : due;
        }
        if (due > end_of)
            break;
        now = due;
    }
    now = end_of;
}

/* 0 and 1 know each other; 0 is there for so long before 1 comes, 0: both come at once. */
static void a_contact_comes_after(instant span)
{
    knows(0, 1);
    knows(1, 0);
    plug_in(0);
    if (span > 0)
        run(span);
    plug_in(1);
}

/* How often gateway i found `other`, and that it was right about where. */
static unsigned found(unsigned i, unsigned other, enum lan_found how)
{
    unsigned count = 0;

    for (size_t n = 0; n < g[i].found_count; n++) {
        const struct lan_event *e = &g[i].found[n];
        if (e->how != how || !peer_id_equal(&e->id, &g[other].keys.id))
            continue;
        assert_true(addr_same_ip(&e->addr, &g[other].iface[0].addr));
        assert_int_equal(addr_port(&e->addr), PORT + other);
        count++;
    }
    return count;
}

static void two_contacts_find_each_other_at_once(void **state)
{
    (void)state;
    a_contact_comes_after(0);
    run(MSEC(1));
    assert_true(found(0, 1, LAN_FOUND_CONTACT) > 0);
    assert_true(found(1, 0, LAN_FOUND_CONTACT) > 0);
}

static void a_newcomer_is_answered_at_once(void **state)
{
    (void)state;
    knows(0, 1);
    knows(1, 0);
    plug_in(0);
    run(SEC(50)); /* nobody there yet */
    assert_int_equal(g[0].found_count, 0);
    plug_in(1);
    run(MSEC(1));
    assert_true(found(0, 1, LAN_FOUND_CONTACT) > 0);
    assert_true(found(1, 0, LAN_FOUND_CONTACT) > 0);
}

static void an_answer_is_not_answered(void **state)
{
    (void)state;
    a_contact_comes_after(SEC(50));
    run(MSEC(1));
    /* The newcomer's beacon is answered, and that is the end of it. */
    assert_int_equal(g[0].sent_unicast, 1);
    assert_int_equal(g[1].sent_unicast, 0);
}

static void a_contact_is_answered_once_a_second_however_often_it_asks(void **state)
{
    (void)state;
    a_contact_comes_after(SEC(50));
    run(SEC(10));
    unsigned before = g[0].sent_unicast;
    for (unsigned i = 0; i < 8; i++) { /* each begins a burst of beacons that want an answer */
        plug_in(1);
        run(MSEC(100));
    }
    assert_in_range(g[0].sent_unicast - before, 1, 2);
}

static void after_the_burst_a_beacon_goes_out_every_30_s(void **state)
{
    (void)state;
    knows(0, 1);
    plug_in(0);
    run(SEC(5));
    assert_int_equal(g[0].sent, 3 * 2); /* to the group and the broadcast address */
    run(SEC(600));
    assert_in_range(g[0].sent, 6 + 18 * 2, 6 + 20 * 2);
}

static void a_gateway_that_knows_nobody_is_silent(void **state)
{
    (void)state;
    plug_in(0);
    run(SEC(600));
    assert_int_equal(g[0].sent, 0);
    assert_int_equal(lan_deadline(g[0].lan), INSTANT_NEVER);
}

static void whoever_knows_only_the_id_may_ask(void **state)
{
    (void)state;
    plug_in(0);
    plug_in(1);
    run(SEC(1));
    lan_ask(g[0].lan, now, &g[1].keys.id);
    run(MSEC(1));
    assert_int_equal(found(0, 1, LAN_FOUND_ANSWER), 1);
    assert_int_equal(g[1].found_count, 0); /* who asked stays unknown */
    assert_int_equal(g[0].sent, 2);
    assert_int_equal(g[1].sent_unicast, 1);
    assert_true(sent[0].len >= sent[2].len);
    run(SEC(60));
    assert_int_equal(g[0].sent, 2); /* it asks no more */
}

static void nobody_answers_for_another(void **state)
{
    (void)state;
    plug_in(0);
    plug_in(2);
    lan_ask(g[0].lan, now, &g[1].keys.id);
    run(SEC(30));
    assert_int_equal(g[0].sent, 3 * 2);
    assert_int_equal(g[2].sent, 0);
    assert_int_equal(g[0].found_count, 0);
}

static void questions_of_strangers_are_answered_once_a_second(void **state)
{
    (void)state;
    plug_in(0);
    plug_in(1);
    plug_in(2);
    run(SEC(1));
    lan_ask(g[0].lan, now, &g[1].keys.id);
    lan_ask(g[2].lan, now, &g[1].keys.id);
    run(MSEC(900));
    assert_int_equal(g[1].sent_unicast, 1);
    run(SEC(2));
    assert_int_equal(found(0, 1, LAN_FOUND_ANSWER), 1);
    assert_int_equal(found(2, 1, LAN_FOUND_ANSWER), 1);
    assert_int_equal(g[1].sent_unicast, 2);
}

static void asking_again_too_soon_asks_nothing(void **state)
{
    (void)state;
    plug_in(0);
    for (unsigned i = 0; i < 100; i++) {
        lan_ask(g[0].lan, now, &g[1].keys.id);
        run(MSEC(50));
    }
    assert_int_equal(g[0].sent, 3 * 2);
}

static void a_contact_that_does_not_know_us_finds_nothing(void **state)
{
    (void)state;
    knows(0, 1); /* not the other way round */
    knows(1, 2);
    plug_in(0);
    plug_in(1);
    run(SEC(60));
    assert_int_equal(g[1].found_count, 0);
    assert_int_equal(g[0].found_count, 0);
}

static void no_byte_on_the_wire_tells_who_we_are(void **state)
{
    (void)state;
    a_contact_comes_after(0);
    plug_in(2);
    lan_ask(g[2].lan, now, &g[1].keys.id);
    run(SEC(120));
    assert_true(sent_count > 20);
    unsigned ones[BEACON_MIN] = {0};
    for (size_t n = 0; n < sent_count; n++) {
        assert_int_equal(demux(sent[n].data, sent[n].len), DEMUX_KIND_UNKNOWN);
        for (unsigned i = 0; i < 3; i++) {
            assert_null(memmem(sent[n].data, sent[n].len, g[i].keys.id.key, 8));
            char text[PEER_ID_TEXT_MAX];
            assert_null(memmem(sent[n].data, sent[n].len, peer_id_print(&g[i].keys.id, text), 8));
        }
    }
    /* No byte but the first is the same in all of them. */
    for (size_t at = 1; at < BEACON_ANSWER_LEN; at++)
        for (size_t n = 1; n < sent_count; n++)
            ones[at] += sent[n].data[at] != sent[0].data[at];
    for (size_t at = 1; at < BEACON_ANSWER_LEN; at++)
        assert_true(ones[at] > 0);
}

static void a_replayed_beacon_is_not_believed(void **state)
{
    (void)state;
    knows(0, 1);
    knows(1, 0);
    plug_in(1);
    plug_in(0);
    run(SEC(2));
    struct sent old = sent[0];
    struct addr liar = ip("192.168.1.66");
    addr_set_port(&liar, 6666);
    size_t before = g[1].found_count;
    hand_in(0, &liar, 2, old.data, old.len);
    hand_in(1, &liar, 2, old.data, old.len); /* one heard it before, to the other it is its own */
    assert_int_equal(g[1].found_count, before);

    end(NULL);
    begin_with(false);
    knows(1, 0);
    plug_in(1);
    now += SEC(100); /* never seen, but old */
    hand_in(1, &liar, 2, old.data, old.len);
    assert_int_equal(g[1].found_count, 0);
}

static void clocks_that_are_off_do_not_keep_contacts_apart(void **state)
{
    (void)state;
    knows(0, 1);
    knows(1, 0);
    g[1].clock_off_us = -INT64_C(1000000) * 86400 * 365;
    plug_in(0);
    plug_in(1);
    run(SEC(5));
    assert_true(found(0, 1, LAN_FOUND_CONTACT) > 0);
    assert_true(found(1, 0, LAN_FOUND_CONTACT) > 0);
}

static void networks_of_another_name_are_not_heard(void **state)
{
    (void)state;
    lan_free(g[1].lan);
    g[1].lan = new_lan(1, false, "another");
    a_contact_comes_after(0);
    lan_ask(g[0].lan, now, &g[1].keys.id);
    run(SEC(60));
    assert_int_equal(g[0].found_count + g[1].found_count, 0);
}

static void a_new_address_is_told_after_a_network_change(void **state)
{
    (void)state;
    a_contact_comes_after(0);
    run(SEC(40));
    g[0].iface[0] = v4_on(2, "192.168.1.77", "192.168.1.255");
    plug_in(0);
    g[1].found_count = 0;
    run(MSEC(1));
    assert_true(found(1, 0, LAN_FOUND_CONTACT) > 0);
    run(MSEC(1));
    assert_true(found(0, 1, LAN_FOUND_CONTACT) > 0);
}

static void every_interface_is_used(void **state)
{
    (void)state;
    g[0].iface[1] = v4_on(3, "10.0.0.1", "10.0.0.255");
    g[0].iface_count = 2;
    g[2].iface[0] = v4_on(3, "10.0.0.3", "10.0.0.255");
    const struct peer_id both[2] = {g[1].keys.id, g[2].keys.id};
    assert_int_equal(lan_set_contacts(g[0].lan, now, both, 2), 0);
    knows(1, 0);
    plug_in(0);
    plug_in(1);
    plug_in(2);
    run(SEC(1));
    assert_true(found(0, 1, LAN_FOUND_CONTACT) > 0);
    assert_true(g[1].found_count > 0);
    assert_int_equal(g[2].found_count, 0); /* it knows nobody */
    assert_int_equal(lan_set_contacts(g[2].lan, now, &g[0].keys.id, 1), 0);
    run(MSEC(1));
    assert_true(found(0, 2, LAN_FOUND_CONTACT) > 0);
}

static void more_than_sixteen_contacts_take_turns(void **state)
{
    (void)state;
    struct peer_id many[50];
    for (uint8_t i = 0; i < 49; i++) {
        struct keys k;
        uint8_t seed[KEYS_SEED_LEN] = {i, 77};
        keys_from_seed(&k, seed);
        many[i] = k.id;
    }
    many[49] = g[1].keys.id;
    assert_int_equal(lan_set_contacts(g[0].lan, now, many, 50), 0);
    knows(1, 0);
    plug_in(1);
    run(SEC(10));
    plug_in(0);
    run(SEC(5));
    assert_true(found(1, 0, LAN_FOUND_CONTACT) > 0);
    for (size_t n = 0; n < sent_count; n++)
        assert_true(sent[n].len <= 512);
}

static void a_flood_of_one_source_is_hardly_heard(void **state)
{
    (void)state;
    uint8_t seed[KEYS_SEED_LEN] = {2};
    knows(0, 1);
    plug_in(0);
    run(SEC(5));
    size_t before = g[0].found_count;
    struct addr from = g[1].iface[0].addr;
    addr_set_port(&from, PORT + 1);
    struct keys k;
    keys_from_seed(&k, seed);
    knows(1, 0);
    /* Fresh beacons of a contact gone mad, every 10 ms. */
    for (unsigned i = 0; i < 500; i++) {
        struct lan_tx tx;
        plug_in(1); /* a new burst */
        while (lan_output(g[1].lan, now, wall(1), &tx)) {
            lan_input(g[0].lan, now, wall(0), &from, 2, tx.data, tx.len);
            struct lan_event e;
            while (lan_next_event(g[0].lan, &e))
                g[0].found_count++;
        }
        now += MSEC(10);
    }
    assert_in_range(g[0].found_count - before, 8, LAN_SOURCE_PER_MINUTE);
}

static void garbage_is_ignored(void **state)
{
    (void)state;
    uint8_t junk[600];
    struct addr from = ip("192.168.1.66");
    addr_set_port(&from, 6666);
    knows(0, 1);
    plug_in(0);
    run(SEC(5));
    for (size_t len = 0; len < sizeof(junk); len++) {
        any_bytes(NULL, junk, len);
        hand_in(0, &from, 2, junk, len);
        now += MSEC(100);
    }
    assert_int_equal(g[0].found_count, 0);
    assert_int_equal(g[0].sent_unicast, 0);
}

static void public_gateways_see_strangers(void **state)
{
    (void)state;
    end(NULL);
    begin_with(true);
    plug_in(0);
    plug_in(1);
    run(SEC(5));
    assert_true(found(0, 1, LAN_FOUND_SIGNED) > 0);
    assert_true(found(1, 0, LAN_FOUND_SIGNED) > 0);
    assert_true(g[0].sent_mdns > 0);
    plug_in(2);
    run(MSEC(1));
    assert_true(found(0, 2, LAN_FOUND_SIGNED) > 0);
    assert_true(found(2, 0, LAN_FOUND_SIGNED) > 0); /* shows itself to the newcomer */
}

static void a_private_gateway_hears_a_public_contact_and_answers(void **state)
{
    (void)state;
    lan_free(g[0].lan);
    g[0].lan = new_lan(0, true, "");
    knows(1, 0);
    knows(0, 1);
    plug_in(1);
    run(SEC(5));
    plug_in(0);
    run(MSEC(1));
    assert_true(found(1, 0, LAN_FOUND_SIGNED) > 0);
    assert_true(found(0, 1, LAN_FOUND_CONTACT) > 0);
}

/* Makes one signed beacon of gateway 0, not yet heard by anyone. */
static struct sent signed_beacon_of_0(void)
{
    struct lan_tx tx;
    struct sent s = {0};

    end(NULL);
    begin_with(true);
    plug_in(0);
    plug_in(1);
    while (s.len == 0 && lan_output(g[0].lan, now, wall(0), &tx))
        if (tx.len == BEACON_SIGNED_LEN) {
            s.len = tx.len;
            memcpy(s.data, tx.data, tx.len);
        }
    s.from = g[0].iface[0].addr;
    addr_set_port(&s.from, PORT);
    return s;
}

static void signed_beacons_count_here_and_now_only(void **state)
{
    (void)state;
    struct sent s = signed_beacon_of_0();
    struct addr far = ip("192.168.9.1");
    assert_int_equal(s.len, BEACON_SIGNED_LEN);

    hand_in(1, &far, 2, s.data, s.len); /* from outside the network it names */
    assert_int_equal(g[1].found_count, 0);
    s = signed_beacon_of_0();
    hand_in(1, &s.from, 3, s.data, s.len); /* by an interface into another network */
    assert_int_equal(g[1].found_count, 0);
    s = signed_beacon_of_0();
    g[1].clock_off_us = INT64_C(62000000);
    hand_in(1, &s.from, 2, s.data, s.len);
    assert_int_equal(g[1].found_count, 0);
    s = signed_beacon_of_0();
    s.data[80] ^= 1; /* the port */
    hand_in(1, &s.from, 2, s.data, s.len);
    assert_int_equal(g[1].found_count, 0);
    s = signed_beacon_of_0();
    hand_in(1, &s.from, 2, s.data, s.len);
    assert_int_equal(found(1, 0, LAN_FOUND_SIGNED), 1);
}

static void joins_name_every_group_once(void **state)
{
    (void)state;
    struct lan_join join;
    unsigned count = 0;

    g[0].iface[1] = v4_on(3, "10.0.0.1", "10.0.0.255");
    g[0].iface_count = 2;
    plug_in(0);
    for (; lan_next_join(g[0].lan, &join); count++) {
        assert_int_equal(join.socket, LAN_SOCKET_GROUP);
        assert_true(addr_is_multicast(&join.group));
    }
    assert_int_equal(count, 2);
}

static void stopping_says_good_bye_when_public_and_nothing_more(void **state)
{
    (void)state;
    end(NULL);
    begin_with(true);
    plug_in(0);
    run(SEC(20));
    unsigned before = g[0].sent, mdns = g[0].sent_mdns;
    lan_stop(g[0].lan, now);
    flush();
    assert_int_equal(g[0].sent, before);
    assert_int_equal(g[0].sent_mdns, mdns + 1);
    assert_int_equal(lan_deadline(g[0].lan), INSTANT_NEVER);
}

int main(void)
{
    if (crypto_start() < 0)
        return 1;
#define LAN_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        LAN_TEST(two_contacts_find_each_other_at_once),
        LAN_TEST(a_newcomer_is_answered_at_once),
        LAN_TEST(an_answer_is_not_answered),
        LAN_TEST(a_contact_is_answered_once_a_second_however_often_it_asks),
        LAN_TEST(after_the_burst_a_beacon_goes_out_every_30_s),
        LAN_TEST(a_gateway_that_knows_nobody_is_silent),
        LAN_TEST(whoever_knows_only_the_id_may_ask),
        LAN_TEST(nobody_answers_for_another),
        LAN_TEST(questions_of_strangers_are_answered_once_a_second),
        LAN_TEST(asking_again_too_soon_asks_nothing),
        LAN_TEST(a_contact_that_does_not_know_us_finds_nothing),
        LAN_TEST(no_byte_on_the_wire_tells_who_we_are),
        LAN_TEST(a_replayed_beacon_is_not_believed),
        LAN_TEST(clocks_that_are_off_do_not_keep_contacts_apart),
        LAN_TEST(networks_of_another_name_are_not_heard),
        LAN_TEST(a_new_address_is_told_after_a_network_change),
        LAN_TEST(every_interface_is_used),
        LAN_TEST(more_than_sixteen_contacts_take_turns),
        LAN_TEST(a_flood_of_one_source_is_hardly_heard),
        LAN_TEST(garbage_is_ignored),
        LAN_TEST(public_gateways_see_strangers),
        LAN_TEST(a_private_gateway_hears_a_public_contact_and_answers),
        LAN_TEST(signed_beacons_count_here_and_now_only),
        LAN_TEST(joins_name_every_group_once),
        LAN_TEST(stopping_says_good_bye_when_public_and_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
