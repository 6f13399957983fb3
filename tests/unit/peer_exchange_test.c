/* Peer exchange: a handful of gateways in one process, some of which lie. */
#include "gateway/discovery/peer_exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/secret.h"
#include "gateway/identity/keys.h"

enum { GATEWAYS = 6, A = 0, B, C, D, E, F };

#define FIRST_SEQ INT64_C(1700000000000000)

static struct gateway {
    struct keys keys;
    struct peer_exchange *x;
    unsigned sent[3]; /* messages, by type */
    unsigned learnt, ended;
    struct peer_id last; /* that it learnt, */
    int64_t highest;     /* and, as it knows of every key */
} g[GATEWAYS];
static instant now;
static bool linked[GATEWAYS][GATEWAYS];

static int64_t highest(void *arg, const struct peer_id *id)
{
    const struct gateway *self = arg;
    (void)id;
    return self->highest;
}

static int begin(void **state)
{
    (void)state;
    now = SEC(10);
    memset(linked, 0, sizeof(linked));
    for (unsigned i = 0; i < GATEWAYS; i++) {
        const uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)(i + 1)};
        g[i] = (struct gateway){.learnt = 0};
        keys_from_seed(&g[i].keys, seed);
        const struct peer_exchange_options options = {
            .self = g[i].keys.id, .network = "", .highest = highest, .arg = &g[i]};
        assert_int_equal(peer_exchange_new(&g[i].x, &options), 0);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < GATEWAYS; i++)
        peer_exchange_free(g[i].x);
    return 0;
}

/* ---- records ---- */

static struct dht_item record_of(const struct keys *keys, int64_t seq, bool shares)
{
    struct pkarr_record r = {.ours = true, .shares = shares, .addrs = 1};
    uint8_t packet[PKARR_PACKET_MAX];
    struct dht_item item = {.seq = seq};
    size_t left_out;

    memcpy(r.key, keys->id.key, sizeof(r.key));
    assert_int_equal(addr_parse(&r.addr[0], "192.0.2.7:4433"), 0);
    int len = pkarr_write(&r, packet, &left_out);
    assert_true(len > 0);
    assert_int_equal(dht_item_set_bytes(&item, packet, (size_t)len), 0);
    dht_item_sign(&item, keys);
    return item;
}

static struct exchange_message message_of(const struct dht_item *item)
{
    const struct krpc_bytes packet = dht_item_bytes(item);
    struct exchange_message m = {.type = EXCHANGE_RECORD,
                                 .body = {.sig = item->sig,
                                          .seq = (uint64_t)item->seq,
                                          .packet = packet.at,
                                          .packet_len = packet.len}};
    memcpy(m.key, item->key, sizeof(m.key));
    return m;
}

/* Somebody of whom there are as many as one likes. */
static struct keys nobody(unsigned n)
{
    const uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)n, (uint8_t)(n >> 8), 99};
    struct keys keys;
    keys_from_seed(&keys, seed);
    return keys;
}

static void signs(unsigned who, int64_t seq, bool shares)
{
    const struct dht_item item = record_of(&g[who].keys, seq, shares);
    peer_exchange_set_own(g[who].x, &item);
}

/* ---- sessions ---- */

static int who_is(const struct peer_id *id)
{
    for (int i = 0; i < GATEWAYS; i++)
        if (peer_id_equal(&g[i].keys.id, id))
            return i;
    return -1;
}

static void meet(unsigned a, unsigned b)
{
    static const char CONN[1];
    linked[a][b] = linked[b][a] = true;
    peer_exchange_join(g[a].x, now, &g[b].keys.id, CONN);
    peer_exchange_join(g[b].x, now, &g[a].keys.id, CONN);
}

static void part(unsigned a, unsigned b)
{
    linked[a][b] = linked[b][a] = false;
    peer_exchange_leave(g[a].x, &g[b].keys.id);
    peer_exchange_leave(g[b].x, &g[a].keys.id);
}

static void hear_events(unsigned i)
{
    struct exchange_event e;

    while (peer_exchange_next_event(g[i].x, &e)) {
        g[i].learnt += e.kind == EXCHANGE_LEARNT;
        g[i].ended += e.kind == EXCHANGE_ENDED;
        if (e.kind == EXCHANGE_LEARNT)
            g[i].last = e.id;
    }
}

static bool play_once(void)
{
    bool any = false;

    for (unsigned i = 0; i < GATEWAYS; i++) {
        struct exchange_tx tx;
        while (peer_exchange_output(g[i].x, now, &tx)) {
            int to = who_is(&tx.to);
            any = true;
            g[i].sent[tx.m.type - EXCHANGE_RECORD]++;
            if (to >= 0 && linked[i][to])
                peer_exchange_input(g[to].x, now, &g[i].keys.id, &tx.m);
        }
        hear_events(i);
    }
    return any;
}

static void play(void)
{
    for (unsigned turns = 0; play_once(); turns++)
        assert_true(turns < 100); /* it comes to rest */
}

static void wait(instant span)
{
    const instant until = now + span;

    for (;;) {
        instant due = INSTANT_NEVER;
        play();
        for (unsigned i = 0; i < GATEWAYS; i++) {
            instant at = peer_exchange_deadline(g[i].x);
            due = at < due ? at : due;
        }
        if (due > until)
            break;
        assert_true(due >= now);
        now = due;
    }
    now = until;
    play();
}

static bool knows(unsigned a, unsigned b)
{
    return peer_exchange_find(g[a].x, &g[b].keys.id) != NULL;
}

static int64_t seq_at(unsigned a, unsigned b)
{
    const struct exchange_known *k = peer_exchange_find(g[a].x, &g[b].keys.id);
    return k ? k->item.seq : 0;
}

static struct exchange_counts counts(unsigned a)
{
    struct exchange_counts c;
    peer_exchange_counts(g[a].x, &c);
    return c;
}

/* A row of gateways, each a contact of the next; all want to be told of. */
static void in_a_row(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        signs(i, FIRST_SEQ + i, true);
        if (i > 0)
            meet(i - 1, i);
    }
    play();
}

/* ---- how far a record goes ---- */

static void a_contact_tells_of_its_contacts(void **state)
{
    (void)state;
    in_a_row(3);
    assert_true(knows(A, B));
    assert_true(knows(A, C));
    assert_true(knows(C, A));
    const struct exchange_known *k = peer_exchange_find(g[A].x, &g[C].keys.id);
    assert_int_equal(k->from, EXCHANGE_BY_PEER);
    assert_true(peer_id_equal(&k->told_by, &g[B].keys.id));
    assert_true(peer_id_equal(&g[A].last, &g[C].keys.id));
    assert_int_equal(g[A].learnt, 2);
    assert_int_equal(counts(A).contacts, 1);
}

static void what_others_told_is_not_passed_on(void **state)
{
    (void)state;
    in_a_row(4);
    assert_true(knows(A, C));
    assert_true(knows(B, D));
    assert_false(knows(A, D));
    wait(SEC(4 * 3600));
    assert_false(knows(A, D));
}

static void who_asks_finds_what_is_four_sessions_away_and_not_further(void **state)
{
    (void)state;
    in_a_row(6);
    assert_int_equal(peer_exchange_ask(g[A].x, now, &g[D].keys.id), 1);
    play();
    assert_true(knows(A, D)); /* B had been told of him */
    assert_int_equal(g[A].ended, 1);
    assert_int_equal(peer_exchange_ask(g[A].x, now, &g[E].keys.id), 1);
    play();
    assert_true(knows(A, E)); /* B asked C, who had been told */
    assert_int_equal(g[A].ended, 2);
    assert_int_equal(peer_exchange_ask(g[A].x, now, &g[F].keys.id), 1);
    play();
    assert_false(knows(A, F));
    assert_int_equal(g[A].ended, 3);
    /* What came by an answer is not given to others. */
    assert_int_equal(peer_exchange_find(g[B].x, &g[E].keys.id)->from, EXCHANGE_BY_ANSWER);
    assert_int_equal(g[D].sent[EXCHANGE_ASK - EXCHANGE_RECORD], 0);
    struct exchange_message m = {.type = EXCHANGE_ASK};
    unsigned refused = g[B].sent[EXCHANGE_NONE - EXCHANGE_RECORD];
    memcpy(m.key, g[E].keys.id.key, sizeof(m.key));
    peer_exchange_input(g[B].x, now, &g[C].keys.id, &m);
    play();
    assert_int_equal(g[B].sent[EXCHANGE_NONE - EXCHANGE_RECORD], refused + 1);
}

static void a_question_that_nobody_answers_ends(void **state)
{
    (void)state;
    const struct peer_id stranger = nobody(1).id;

    in_a_row(2);
    assert_int_equal(peer_exchange_ask(g[A].x, now, &stranger), 1);
    play();
    assert_int_equal(g[A].ended, 1);
    linked[B][A] = false; /* B's words get lost */
    assert_int_equal(peer_exchange_ask(g[A].x, now, &stranger), 1);
    play();
    assert_int_equal(g[A].ended, 1);
    wait(EXCHANGE_ASK_LASTS);
    assert_int_equal(g[A].ended, 2);
    assert_int_equal(peer_exchange_ask(g[A].x, now, &stranger), 1);
    part(A, B);
    play();
    assert_int_equal(g[A].ended, 3);
    assert_int_equal(peer_exchange_ask(g[A].x, now, &stranger), 0);
}

static void no_more_than_32_questions_wait_at_a_time(void **state)
{
    (void)state;
    in_a_row(2);
    for (unsigned n = 0; n < 40; n++) {
        const struct peer_id id = nobody(n).id;
        assert_int_equal(peer_exchange_ask(g[A].x, now, &id), n < EXCHANGE_ASKS_MAX ? 1 : 0);
    }
}

/* ---- who does not want to be told of ---- */

static void who_has_not_opted_in_is_never_told_of(void **state)
{
    (void)state;
    signs(A, FIRST_SEQ, true);
    signs(B, FIRST_SEQ, true);
    signs(C, FIRST_SEQ, false);
    meet(A, B);
    meet(B, C);
    wait(SEC(2 * 3600));
    assert_false(knows(A, C));
    assert_false(knows(B, C));
    assert_int_equal(peer_exchange_ask(g[A].x, now, &g[C].keys.id), 1);
    play();
    assert_false(knows(A, C));
    assert_false(knows(C, A)); /* nor is it told of others */
    assert_int_equal(counts(B).contacts, 1);
    /* Nor is a record taken that says nothing of the kind, from a contact that breaks the rule. */
    const struct dht_item item = record_of(&g[C].keys, FIRST_SEQ, false);
    const struct exchange_message m = message_of(&item);
    peer_exchange_input(g[A].x, now, &g[B].keys.id, &m);
    assert_false(knows(A, C));
    assert_int_equal(counts(A).unwanted, 1);
}

static void who_changes_his_mind_is_forgotten(void **state)
{
    (void)state;
    in_a_row(3);
    assert_true(knows(A, C));
    signs(C, FIRST_SEQ + 100, false);
    play();
    assert_false(knows(B, C));
    assert_int_equal(counts(B).contacts, 1);
    wait(SEC(2 * 3600) + SEC(60));
    assert_false(knows(A, C));
}

static void a_newer_record_from_elsewhere_may_take_the_consent_back(void **state)
{
    (void)state;
    struct pkarr_record record = {.shares = true};

    in_a_row(2);
    memcpy(record.key, g[B].keys.id.key, sizeof(record.key));
    peer_exchange_superseded(g[A].x, &record, FIRST_SEQ + 5);
    assert_true(knows(A, B));
    record.shares = false;
    peer_exchange_superseded(g[A].x, &record, FIRST_SEQ);
    assert_true(knows(A, B)); /* that one is older */
    peer_exchange_superseded(g[A].x, &record, FIRST_SEQ + 5);
    assert_false(knows(A, B));
}

/* ---- a contact that lies ---- */

static void tells(unsigned liar, unsigned to, const struct dht_item *item)
{
    const struct exchange_message m = message_of(item);
    peer_exchange_input(g[to].x, now, &g[liar].keys.id, &m);
}

static void a_forged_record_is_not_taken(void **state)
{
    (void)state;
    in_a_row(2);
    struct dht_item item = record_of(&g[B].keys, FIRST_SEQ + 9, true);
    memcpy(item.key, g[C].keys.id.key, sizeof(item.key)); /* B's signature over B's packet */
    tells(B, A, &item);
    item = record_of(&g[C].keys, FIRST_SEQ, true);
    item.seq++; /* a number that C did not sign */
    tells(B, A, &item);
    item = record_of(&g[C].keys, FIRST_SEQ, true);
    item.value[item.value_len - 1] ^= 1;
    tells(B, A, &item);
    assert_false(knows(A, C));
    assert_int_equal(counts(A).forged, 3);
    item = record_of(&g[C].keys, FIRST_SEQ, true);
    tells(B, A, &item);
    assert_true(knows(A, C));
}

static void an_older_record_does_not_come_back(void **state)
{
    (void)state;
    in_a_row(3);
    const struct dht_item old = record_of(&g[C].keys, FIRST_SEQ + 2, true);
    signs(C, FIRST_SEQ + 50, true);
    play();
    assert_int_equal(seq_at(A, C), FIRST_SEQ + 50);
    tells(B, A, &old);
    assert_int_equal(seq_at(A, C), FIRST_SEQ + 50);
    assert_int_equal(counts(A).old, 1);
    /* Nor one that is older than what was found elsewhere, and is forgotten here. */
    g[E].highest = FIRST_SEQ + 49;
    signs(E, FIRST_SEQ, true);
    meet(B, E);
    play();
    assert_int_equal(seq_at(E, C), FIRST_SEQ + 50);
    const struct dht_item older = record_of(&g[D].keys, FIRST_SEQ + 48, true);
    tells(B, E, &older);
    assert_false(knows(E, D));
}

static void no_number_names_two_records(void **state)
{
    (void)state;
    struct pkarr_record r = {.ours = true, .shares = true};
    struct dht_item other = {.seq = FIRST_SEQ + 2};
    uint8_t packet[PKARR_PACKET_MAX];
    size_t left_out;

    in_a_row(3);
    memcpy(r.key, g[C].keys.id.key, sizeof(r.key));
    int len = pkarr_write(&r, packet, &left_out);
    assert_true(len > 0);
    assert_int_equal(dht_item_set_bytes(&other, packet, (size_t)len), 0);
    dht_item_sign(&other, &g[C].keys);
    tells(B, A, &other);
    const struct exchange_known *k = peer_exchange_find(g[A].x, &g[C].keys.id);
    assert_int_not_equal(k->item.value_len, other.value_len);
}

static void who_has_not_joined_is_not_heard(void **state)
{
    (void)state;
    const struct dht_item item = record_of(&g[C].keys, FIRST_SEQ, true);
    tells(B, A, &item);
    assert_false(knows(A, C));
}

static void nobody_tells_us_of_ourselves(void **state)
{
    (void)state;
    in_a_row(2);
    const struct dht_item item = record_of(&g[A].keys, FIRST_SEQ + 9, true);
    tells(B, A, &item);
    assert_false(knows(A, A));
}

static void records_of_another_network_are_not_signed_for_ours(void **state)
{
    (void)state;
    const struct peer_exchange_options options = {
        .self = g[A].keys.id, .network = "lab", .highest = highest, .arg = &g[A]};

    peer_exchange_free(g[A].x);
    assert_int_equal(peer_exchange_new(&g[A].x, &options), 0);
    in_a_row(2);
    assert_false(knows(A, B));
    struct dht_item item = record_of(&g[B].keys, FIRST_SEQ + 3, true);
    item.salt_len = pkarr_salt("lab", item.key, item.salt);
    dht_item_sign(&item, &g[B].keys);
    tells(B, A, &item);
    assert_true(knows(A, B));
}

/* ---- bounds ---- */

static unsigned known_of_nobodies(unsigned at, unsigned from, unsigned to)
{
    unsigned count = 0;
    for (unsigned n = from; n < to; n++) {
        const struct peer_id id = nobody(n).id;
        count += peer_exchange_find(g[at].x, &id) != NULL;
    }
    return count;
}

static void made_up_gateways_fill_their_inventors_part_alone(void **state)
{
    (void)state;
    in_a_row(3);
    for (unsigned n = 0; n < 100; n++) {
        const struct keys keys = nobody(n);
        const struct dht_item item = record_of(&keys, FIRST_SEQ, true);
        tells(B, A, &item);
    }
    assert_int_equal(known_of_nobodies(A, 0, 100), EXCHANGE_TOLD_MAX);
    assert_int_equal(known_of_nobodies(A, 68, 100), EXCHANGE_TOLD_MAX); /* the newest */
    assert_true(knows(A, B));
}

static void no_more_is_taken_in_an_hour_than_is_said(void **state)
{
    (void)state;
    in_a_row(2);
    for (unsigned n = 0; n < 200; n++) {
        const struct keys keys = nobody(n);
        const struct dht_item item = record_of(&keys, FIRST_SEQ, true);
        tells(B, A, &item);
    }
    struct exchange_counts c = counts(A);
    assert_true(c.taken <= EXCHANGE_TAKES_HOUR);
    assert_true(c.dropped >= 200 - EXCHANGE_TAKES_HOUR);
    now += SEC(3600);
    const struct keys keys = nobody(500);
    const struct dht_item item = record_of(&keys, FIRST_SEQ, true);
    tells(B, A, &item);
    assert_int_equal(known_of_nobodies(A, 500, 501), 1);
}

static void a_new_session_begins_no_new_hour(void **state)
{
    (void)state;
    in_a_row(2);
    for (unsigned n = 0; n < 300; n++) {
        const struct keys keys = nobody(n);
        const struct dht_item item = record_of(&keys, FIRST_SEQ, true);
        tells(B, A, &item);
        part(A, B);
        meet(A, B);
    }
    assert_true(counts(A).taken <= EXCHANGE_TAKES_HOUR);
    part(A, B);
    now += SEC(3600);
    play();
    assert_true(peer_exchange_deadline(g[B].x) > now + SEC(1800)); /* nobody is remembered */
    meet(A, B);
    const struct keys keys = nobody(500);
    const struct dht_item item = record_of(&keys, FIRST_SEQ, true);
    tells(B, A, &item);
    assert_int_equal(known_of_nobodies(A, 500, 501), 1);
}

static void asks(unsigned who, unsigned whom, unsigned n)
{
    struct exchange_message m = {.type = EXCHANGE_ASK, .flags = EXCHANGE_ASK_ON};
    const struct peer_id id = nobody(n).id;

    memcpy(m.key, id.key, sizeof(m.key));
    peer_exchange_input(g[whom].x, now, &g[who].keys.id, &m);
}

static void what_others_ask_leaves_half_of_the_questions_to_us(void **state)
{
    const struct peer_id wanted = nobody(500).id, next = nobody(501).id;
    const unsigned *sent = &g[B].sent[EXCHANGE_ASK - EXCHANGE_RECORD];
    (void)state;

    in_a_row(3);
    for (unsigned n = 0; n < EXCHANGE_ASKS_MAX; n++) /* that wait all at once */
        asks(A, B, n);
    assert_int_equal(peer_exchange_ask(g[B].x, now, &wanted), 2);
    play();
    assert_int_equal(*sent, EXCHANGE_ASKS_MAX / 2 + 2);
    for (unsigned n = EXCHANGE_ASKS_MAX; n < 100; n++) {
        asks(A, B, n);
        play();
    }
    assert_int_equal(*sent, EXCHANGE_ASKS_HOUR / 2 + 1); /* one of them went to A */
    assert_int_equal(peer_exchange_ask(g[B].x, now, &next), 2);
    play();
    assert_int_equal(*sent, EXCHANGE_ASKS_HOUR / 2 + 3);
}

static void questions_have_their_hour_too(void **state)
{
    (void)state;
    in_a_row(2);
    for (unsigned n = 0; n < 200; n++) {
        asks(B, A, n);
        play();
    }
    assert_true(g[A].sent[EXCHANGE_NONE - EXCHANGE_RECORD] <= EXCHANGE_ASKS_HOUR);
    assert_int_equal(counts(A).dropped, 200 - EXCHANGE_ASKS_HOUR);
}

static void who_does_not_take_part_gets_no_answers(void **state)
{
    (void)state;
    struct exchange_message m = {.type = EXCHANGE_ASK};

    signs(A, FIRST_SEQ, true);
    signs(C, FIRST_SEQ, true);
    meet(A, B);
    meet(A, C);
    play();
    memcpy(m.key, g[C].keys.id.key, sizeof(m.key));
    peer_exchange_input(g[A].x, now, &g[B].keys.id, &m);
    play();
    assert_false(knows(B, C));
    assert_int_equal(g[A].sent[EXCHANGE_NONE - EXCHANGE_RECORD], 0);
}

static void all_is_said_again_every_hour_and_not_more_often(void **state)
{
    (void)state;
    in_a_row(3);
    unsigned first = g[B].sent[0];
    assert_int_equal(first, 4); /* its own and the other's, to both */
    wait(SEC(3599));
    assert_int_equal(g[B].sent[0], first);
    wait(SEC(2));
    assert_int_equal(g[B].sent[0], 2 * first);
    wait(SEC(10 * 3600));
    assert_true(knows(A, C));
    assert_int_equal(g[A].learnt, 2); /* that was no news */
}

static void a_change_is_told_at_once(void **state)
{
    (void)state;
    in_a_row(3);
    signs(C, FIRST_SEQ + 70, true);
    play();
    assert_int_equal(seq_at(A, C), FIRST_SEQ + 70);
    assert_int_equal(g[A].learnt, 3);
}

static void what_is_not_heard_of_any_more_is_forgotten(void **state)
{
    (void)state;
    in_a_row(3);
    part(B, C);
    wait(EXCHANGE_KEPT_FOR - SEC(1));
    assert_true(knows(B, C));
    wait(SEC(2));
    assert_false(knows(B, C));
    wait(EXCHANGE_KEPT_FOR);
    assert_false(knows(A, C));
    assert_true(knows(A, B));
}

static void friends_do_not_keep_a_record_alive_between_them(void **state)
{
    (void)state;
    for (unsigned i = A; i <= C; i++)
        signs(i, FIRST_SEQ + i, true);
    meet(A, B);
    meet(B, C);
    meet(A, C);
    play();
    part(B, C);
    part(A, C);
    wait(3 * EXCHANGE_KEPT_FOR);
    assert_false(knows(A, C));
    assert_false(knows(B, C));
}

static void a_new_session_is_told_everything(void **state)
{
    static const char OTHER[1];
    (void)state;
    in_a_row(3);
    unsigned before = g[B].sent[0];
    peer_exchange_join(g[B].x, now, &g[A].keys.id, OTHER);
    play();
    assert_int_equal(g[B].sent[0], before + 2);
    peer_exchange_join(g[B].x, now, &g[A].keys.id, OTHER); /* the same: it only moved */
    play();
    assert_int_equal(g[B].sent[0], before + 2);
}

static void the_memory_is_bounded_and_owners_stay_longest(void **state)
{
    (void)state;
    struct exchange_memory m;
    struct dht_item item = {.mutable = true, .seq = 1};

    exchange_memory_init(&m);
    for (unsigned n = 0; n < 100; n++) {
        const struct peer_id id = nobody(n).id;
        memcpy(item.key, id.key, sizeof(item.key));
        assert_true(exchange_memory_keep(&m, n, &item, EXCHANGE_BY_OWNER, &id));
    }
    for (unsigned n = 0; n < 400; n++) {
        const struct peer_id id = nobody(1000 + n).id, teller = nobody(n % 10).id;
        memcpy(item.key, id.key, sizeof(item.key));
        assert_true(exchange_memory_keep(&m, 200 + n, &item, EXCHANGE_BY_PEER, &teller));
        assert_true(m.count <= EXCHANGE_KNOWN_MAX);
    }
    assert_int_equal(m.count, EXCHANGE_KNOWN_MAX);
    for (unsigned n = 0; n < 100; n++)
        assert_non_null(exchange_memory_find(&m, nobody(n).id.key));
    exchange_memory_deinit(&m);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_contact_tells_of_its_contacts),
        TEST(what_others_told_is_not_passed_on),
        TEST(who_asks_finds_what_is_four_sessions_away_and_not_further),
        TEST(a_question_that_nobody_answers_ends),
        TEST(no_more_than_32_questions_wait_at_a_time),
        TEST(who_has_not_opted_in_is_never_told_of),
        TEST(who_changes_his_mind_is_forgotten),
        TEST(a_newer_record_from_elsewhere_may_take_the_consent_back),
        TEST(a_forged_record_is_not_taken),
        TEST(an_older_record_does_not_come_back),
        TEST(no_number_names_two_records),
        TEST(who_has_not_joined_is_not_heard),
        TEST(nobody_tells_us_of_ourselves),
        TEST(records_of_another_network_are_not_signed_for_ours),
        TEST(made_up_gateways_fill_their_inventors_part_alone),
        TEST(no_more_is_taken_in_an_hour_than_is_said),
        TEST(a_new_session_begins_no_new_hour),
        TEST(what_others_ask_leaves_half_of_the_questions_to_us),
        TEST(questions_have_their_hour_too),
        TEST(who_does_not_take_part_gets_no_answers),
        TEST(all_is_said_again_every_hour_and_not_more_often),
        TEST(a_change_is_told_at_once),
        TEST(what_is_not_heard_of_any_more_is_forgotten),
        TEST(friends_do_not_keep_a_record_alive_between_them),
        TEST(a_new_session_is_told_everything),
        TEST(the_memory_is_bounded_and_owners_stay_longest),
    };
    if (crypto_start() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
