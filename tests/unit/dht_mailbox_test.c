/* Slots of the DHT for two contacts: which, when, by whom and what counts. */
#include "gateway/discovery/dht_mailbox.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW  SEC(5000)
#define HOUR DHT_MAILBOX_HOUR_US
#define NOON (INT64_C(490900) * HOUR) /* a full hour */
#define WALL (NOON + HOUR / 3)

static const uint8_t NETWORK[PAIR_KEY_NETWORK_LEN] = {7};

enum { A, B, STRANGER, MANY = 40 };

static struct stage {
    struct keys keys[MANY];
    struct dht_mailbox box[3];
} stage;

static int begin(void **state)
{
    (void)state;
    memset(&stage, 0, sizeof(stage));
    for (unsigned i = 0; i < MANY; i++) {
        const uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)(i + 1)};
        keys_from_seed(&stage.keys[i], seed);
    }
    for (int i = 0; i < 3; i++)
        dht_mailbox_init(&stage.box[i], &stage.keys[i], NETWORK);
    dht_mailbox_set_contacts(&stage.box[A], NOW, &stage.keys[B].id, 1);
    dht_mailbox_set_contacts(&stage.box[B], NOW, &stage.keys[A].id, 1);
    dht_mailbox_set_contacts(&stage.box[STRANGER], NOW, &stage.keys[A].id, 1);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        dht_mailbox_deinit(&stage.box[i]);
    return 0;
}

static struct dht_item item_at(int from, int to, int64_t wall_us)
{
    static const uint8_t TEXT[] = {1, 2, 3};
    struct dht_item item;

    assert_int_equal(
        dht_mailbox_item(&stage.box[from], &stage.keys[to].id, wall_us, TEXT, sizeof(TEXT), &item),
        0);
    return item;
}

/* The nodes of a look-up. */
static struct dht_near some(unsigned count)
{
    struct dht_near near = {.count = count};
    for (unsigned i = 0; i < count; i++) {
        const uint8_t ip[4] = {20, (uint8_t)i, 0, 1};
        near.node[i] = addr_v4(ip, 6881);
    }
    return near;
}

/* The next read at its time, which it moves to. It is over at once. */
static struct dht_mailbox_look look(int who, instant *now, int64_t wall_us)
{
    struct dht_mailbox *m = &stage.box[who];
    const struct dht_near near = some(DHT_NEAR);
    struct dht_mailbox_look at;

    *now = dht_mailbox_due(m, *now, true);
    assert_true(*now != INSTANT_NEVER);
    assert_true(dht_mailbox_next(m, *now, wall_us, true, &at));
    dht_mailbox_done(m, *now, &at.from, &near);
    return at;
}

static bool is_slot_of(const struct dht_mailbox_look *at, const struct dht_item *item)
{
    return memcmp(at->key, item->key, sizeof(at->key)) == 0;
}

/* ---- which slot ---- */

static void both_find_the_same_slot_and_nobody_else_does(void **state)
{
    instant now = NOW;
    (void)state;
    const struct dht_item from_a = item_at(A, B, WALL), from_b = item_at(B, A, WALL);
    const struct dht_item from_stranger = item_at(STRANGER, A, WALL);
    struct dht_mailbox_look at = look(B, &now, WALL);
    assert_true(is_slot_of(&at, &from_a));
    assert_false(is_slot_of(&at, &from_b)); /* each direction has its own */
    assert_false(is_slot_of(&at, &from_stranger));
    at = look(A, &now, WALL);
    assert_true(is_slot_of(&at, &from_b));
}

static void another_network_has_other_slots(void **state)
{
    static const uint8_t OTHER[PAIR_KEY_NETWORK_LEN] = {8};
    instant now = NOW;
    (void)state;
    dht_mailbox_init(&stage.box[B], &stage.keys[B], OTHER);
    dht_mailbox_set_contacts(&stage.box[B], NOW, &stage.keys[A].id, 1);
    const struct dht_item item = item_at(A, B, WALL);
    const struct dht_mailbox_look at = look(B, &now, WALL);
    assert_false(is_slot_of(&at, &item));
}

static void each_hour_has_a_slot_of_its_own(void **state)
{
    instant now = NOW;
    (void)state;
    const struct dht_item first = item_at(A, B, WALL), second = item_at(A, B, WALL + HOUR);
    assert_memory_not_equal(first.key, second.key, sizeof(first.key));
    struct dht_mailbox_look at = look(B, &now, WALL);
    assert_true(is_slot_of(&at, &first));
    at = look(B, &now, WALL + HOUR);
    assert_true(is_slot_of(&at, &second));
}

/* Two clocks that differ by two minutes, at any moment around the full hour. */
static void around_the_full_hour_both_slots_are_read_by_turns(void **state)
{
    (void)state;
    for (int64_t s = -360; s <= 360; s += 20)
        for (int64_t skew = -120; skew <= 120; skew += 60) {
            int64_t theirs = NOON + s * 1000000, ours = theirs + skew * 1000000;
            instant now = NOW;
            (void)begin(NULL);
            const struct dht_item item = item_at(A, B, theirs);
            struct dht_mailbox_look at = look(B, &now, ours);
            bool found = is_slot_of(&at, &item);
            at = look(B, &now, ours);
            assert_true(found || is_slot_of(&at, &item));
            (void)end(NULL);
        }
}

static void away_from_it_there_is_one_to_read(void **state)
{
    instant now = NOW;
    (void)state;
    const struct dht_item item = item_at(A, B, WALL);
    for (unsigned i = 0; i < 5; i++) {
        const struct dht_mailbox_look at = look(B, &now, WALL);
        assert_true(is_slot_of(&at, &item));
    }
}

/* ---- when ---- */

static void a_contact_is_read_every_twenty_seconds(void **state)
{
    instant now = NOW;
    (void)state;
    (void)look(A, &now, WALL);
    instant before = now;
    (void)look(A, &now, WALL);
    assert_true(now == before + DHT_MAILBOX_POLL);
    assert_int_equal(stage.box[A].polled, 2);
}

static void whose_answer_is_waited_for_is_read_more_often_for_a_while(void **state)
{
    instant now = NOW;
    unsigned fast = 0;
    (void)state;
    (void)look(A, &now, WALL);
    dht_mailbox_await(&stage.box[A], now, &stage.keys[B].id);
    for (instant before = now;; before = now) {
        (void)look(A, &now, WALL);
        if (now - before != DHT_MAILBOX_POLL_FAST)
            break;
        fast++;
    }
    assert_int_equal(fast, DHT_MAILBOX_FAST_FOR / DHT_MAILBOX_POLL_FAST);
}

static void who_has_a_relay_reads_only_where_it_waits_for_an_answer(void **state)
{
    struct dht_mailbox_look at;
    struct dht_mailbox *m = &stage.box[A];
    (void)state;
    assert_false(dht_mailbox_next(m, NOW, WALL, false, &at));
    assert_true(dht_mailbox_due(m, NOW, false) == INSTANT_NEVER);
    dht_mailbox_await(m, NOW, &stage.keys[B].id);
    assert_true(dht_mailbox_next(m, NOW, WALL, false, &at));
}

static void who_is_reached_is_not_read(void **state)
{
    struct dht_mailbox_look at;
    struct dht_mailbox *m = &stage.box[A];
    (void)state;
    dht_mailbox_set_reached(m, &stage.keys[B].id, true);
    assert_false(dht_mailbox_next(m, NOW, WALL, true, &at));
    dht_mailbox_set_reached(m, &stage.keys[B].id, false);
    assert_true(dht_mailbox_next(m, NOW, WALL, true, &at));
}

static void sixteen_contacts_are_read_and_four_at_a_time(void **state)
{
    struct dht_mailbox *m = &stage.box[A];
    struct peer_id list[MANY];
    struct dht_mailbox_look at[DHT_MAILBOX_READS], more;
    instant now = NOW + DHT_MAILBOX_POLL;
    (void)state;

    for (size_t i = 0; i < MANY; i++)
        list[i] = stage.keys[i].id;
    dht_mailbox_set_contacts(m, NOW, list + 1, MANY - 1);
    assert_true(dht_mailbox_has(m, &list[DHT_MAILBOX_CONTACTS]));
    assert_false(dht_mailbox_has(m, &list[DHT_MAILBOX_CONTACTS + 1]));
    for (unsigned i = 0; i < DHT_MAILBOX_READS; i++)
        assert_true(dht_mailbox_next(m, now, WALL, true, &at[i]));
    assert_false(dht_mailbox_next(m, now, WALL, true, &more));
    assert_true(dht_mailbox_due(m, now, true) == INSTANT_NEVER);
    dht_mailbox_done(m, now, &at[1].from, NULL);
    assert_true(dht_mailbox_next(m, now, WALL, true, &more));
    assert_false(peer_id_equal(&more.from, &at[1].from));
    /* One that is no contact any more leaves its place. */
    dht_mailbox_set_contacts(m, now, &more.from, 1);
    assert_int_equal(m->reading, 1);
    dht_mailbox_done(m, now, &at[2].from, NULL);
    assert_int_equal(m->reading, 1);
}

static void reads_of_many_are_spread(void **state)
{
    struct dht_mailbox *m = &stage.box[A];
    struct peer_id list[DHT_MAILBOX_CONTACTS];
    instant now = NOW;
    (void)state;

    for (size_t i = 0; i < DHT_MAILBOX_CONTACTS; i++)
        list[i] = stage.keys[i + 1].id;
    dht_mailbox_set_contacts(m, NOW, NULL, 0);
    dht_mailbox_set_contacts(m, NOW, list, DHT_MAILBOX_CONTACTS);
    for (size_t i = 0; i < DHT_MAILBOX_CONTACTS; i++) {
        (void)look(A, &now, WALL);
        assert_true(now == NOW + DHT_MAILBOX_POLL * i / DHT_MAILBOX_CONTACTS);
    }
}

/* ---- whom to ask ---- */

static void a_slot_is_looked_up_once_in_a_while_and_then_asked_of_few(void **state)
{
    instant now = NOW;
    (void)state;
    assert_null(look(A, &now, WALL).near);
    unsigned reads = 0;
    for (const struct dht_near *near; (near = look(A, &now, WALL).near); reads++)
        assert_int_equal(near->count, DHT_NEAR);
    assert_int_equal(reads, DHT_MAILBOX_LOOK / DHT_MAILBOX_POLL - 1);
}

static void where_most_of_them_are_gone_it_is_looked_up_again(void **state)
{
    struct dht_mailbox *m = &stage.box[A];
    struct dht_mailbox_look at;
    const struct dht_near two = some(2);
    instant now = NOW;
    (void)state;
    (void)look(A, &now, WALL);
    now += DHT_MAILBOX_POLL;
    assert_true(dht_mailbox_next(m, now, WALL, true, &at));
    assert_non_null(at.near);
    dht_mailbox_done(m, now, &at.from, &two);
    assert_null(look(A, &now, WALL).near);
    now += DHT_MAILBOX_POLL;
    assert_true(dht_mailbox_next(m, now, WALL, true, &at));
    dht_mailbox_done(m, now, &at.from, NULL); /* nobody answers */
    assert_null(look(A, &now, WALL).near);
}

/* ---- what counts ---- */

static void an_item_is_news_once(void **state)
{
    struct dht_mailbox *m = &stage.box[B];
    struct dht_mailbox_look at;
    (void)state;
    const struct dht_item old = item_at(A, B, WALL), new = item_at(A, B, WALL + 1);
    assert_false(dht_mailbox_news(m, &stage.keys[A].id, &old)); /* nothing is being read */
    assert_true(dht_mailbox_next(m, NOW, WALL, true, &at));
    assert_true(dht_mailbox_news(m, &at.from, &old));
    assert_false(dht_mailbox_news(m, &at.from, &old));
    assert_true(dht_mailbox_news(m, &at.from, &new));
    assert_false(dht_mailbox_news(m, &at.from, &old));
    assert_false(dht_mailbox_news(m, &stage.keys[STRANGER].id, &new));
    dht_mailbox_done(m, NOW, &at.from, NULL);
    assert_true(dht_mailbox_next(m, NOW + DHT_MAILBOX_POLL, WALL, true, &at));
    assert_true(at.min_seq == new.seq + 1);
}

static void the_number_rises_also_when_the_clock_goes_back(void **state)
{
    (void)state;
    const struct dht_item first = item_at(A, B, WALL), second = item_at(A, B, WALL - 5000000);
    assert_int_equal(first.seq, WALL);
    assert_true(second.seq > first.seq);
    dht_mailbox_met(&stage.box[A], &stage.keys[B].id, WALL + HOUR);
    dht_mailbox_met(&stage.box[A], &stage.keys[B].id, WALL); /* an older one is nothing */
    assert_int_equal(item_at(A, B, WALL).seq, WALL + HOUR + 1);
}

static void with_the_last_number_there_is_nothing_more_to_write(void **state)
{
    const uint8_t text[1] = {0};
    struct dht_item item;
    (void)state;
    dht_mailbox_met(&stage.box[A], &stage.keys[B].id, INT64_MAX);
    assert_int_equal(dht_mailbox_item(&stage.box[A], &stage.keys[B].id, WALL, text, 1, &item),
                     -ERANGE);
}

static void who_is_no_contact_gets_no_item(void **state)
{
    uint8_t text[2000] = {0};
    struct dht_item item;
    (void)state;
    assert_int_equal(
        dht_mailbox_item(&stage.box[A], &stage.keys[STRANGER].id, WALL, text, 1, &item), -ENOENT);
    assert_int_equal(
        dht_mailbox_item(&stage.box[A], &stage.keys[B].id, WALL, text, sizeof(text), &item),
        -EMSGSIZE);
}

static void a_key_that_is_none_is_neither_read_nor_written(void **state)
{
    const struct peer_id weak = {.key = {1}};
    const uint8_t text[1] = {0};
    struct dht_mailbox_look at;
    struct dht_item item;
    (void)state;
    dht_mailbox_set_contacts(&stage.box[A], NOW, &weak, 1);
    assert_int_equal(dht_mailbox_item(&stage.box[A], &weak, WALL, text, 1, &item), -EINVAL);
    assert_false(dht_mailbox_next(&stage.box[A], NOW, WALL, true, &at));
}

/* ---- messages ---- */

static void fill(void *arg, void *out, size_t len)
{
    uint8_t *chance = arg;
    memset(out, ++*chance, len);
}

/* Twelve IPv6 candidates and two relays with long names. */
static void the_longest_message_fits_an_item_and_is_read_by_its_receiver_alone(void **state)
{
    const struct mailbox_known a = {.id = stage.keys[A].id, .has_address = true};
    const struct mailbox_known b = {.id = stage.keys[B].id, .has_address = true};
    const struct mailbox_draft draft = {.to = stage.keys[B].id};
    struct mailbox_message m = {.candidates = 12, .hints.relays = HINTS_RELAYS_MAX};
    struct mailbox from, to;
    struct mailbox_heard heard;
    struct dht_item item;
    uint8_t sealed[MAILBOX_INNER_MAX], chance = 0;
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct mailbox_options options = {
            .keys = &stage.keys[i], .network = NETWORK, .sends = true, .pace = &MAILBOX_BY_DHT};
        mailbox_init(i == A ? &from : &to, &options, NOW);
    }
    assert_int_equal(mailbox_set_contacts(&from, &b, 1), 0);
    assert_int_equal(mailbox_set_contacts(&to, &a, 1), 0);
    for (size_t i = 0; i < m.candidates; i++) {
        m.candidate[i].type = CANDIDATE_HOST;
        assert_int_equal(addr_parse(&m.candidate[i].addr, "[2001:db8::1]:4433"), 0);
        addr_set_port(&m.candidate[i].addr, (uint16_t)(i + 1));
    }
    for (size_t i = 0; i < m.hints.relays; i++)
        memset(m.hints.relay[i].host, 'x', HINTS_HOST_MAX);
    int len = mailbox_seal(&from, &draft, WALL / 1000, &m, fill, &chance, sealed);
    assert_true(len > 0);
    assert_int_equal(dht_mailbox_item(&stage.box[A], &draft.to, WALL, sealed, (size_t)len, &item),
                     0);
    const struct krpc_bytes got = dht_item_bytes(&item);
    assert_int_equal(mailbox_open(&from, NOW, WALL / 1000, &b.id, got.at, got.len, &heard),
                     -EACCES); /* who wrote it cannot take it for the other's */
    for (size_t cut = 0; cut < got.len; cut++)
        assert_int_equal(mailbox_open(&to, NOW, WALL / 1000, &a.id, got.at, cut, &heard), -EACCES);
    assert_int_equal(
        mailbox_open(&to, NOW, WALL / 1000, &stage.keys[STRANGER].id, got.at, got.len, &heard),
        -ENOENT);
    assert_int_equal(mailbox_open(&to, NOW, WALL / 1000 + 601000, &a.id, got.at, got.len, &heard),
                     -ETIME);
    assert_int_equal(to.dropped, got.len + 2);
    assert_int_equal(mailbox_open(&to, NOW, WALL / 1000, &a.id, got.at, got.len, &heard), 0);
    assert_int_equal(heard.message.candidates, 12);
    assert_int_equal(mailbox_open(&to, NOW, WALL / 1000, &a.id, got.at, got.len, &heard),
                     -EALREADY);
    mailbox_deinit(&from);
    mailbox_deinit(&to);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(both_find_the_same_slot_and_nobody_else_does),
        TEST(another_network_has_other_slots),
        TEST(each_hour_has_a_slot_of_its_own),
        TEST(around_the_full_hour_both_slots_are_read_by_turns),
        TEST(away_from_it_there_is_one_to_read),
        TEST(a_contact_is_read_every_twenty_seconds),
        TEST(whose_answer_is_waited_for_is_read_more_often_for_a_while),
        TEST(who_has_a_relay_reads_only_where_it_waits_for_an_answer),
        TEST(who_is_reached_is_not_read),
        TEST(sixteen_contacts_are_read_and_four_at_a_time),
        TEST(reads_of_many_are_spread),
        TEST(a_slot_is_looked_up_once_in_a_while_and_then_asked_of_few),
        TEST(where_most_of_them_are_gone_it_is_looked_up_again),
        TEST(an_item_is_news_once),
        TEST(the_number_rises_also_when_the_clock_goes_back),
        TEST(with_the_last_number_there_is_nothing_more_to_write),
        TEST(who_is_no_contact_gets_no_item),
        TEST(a_key_that_is_none_is_neither_read_nor_written),
        TEST(the_longest_message_fits_an_item_and_is_read_by_its_receiver_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
