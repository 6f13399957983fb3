/* Invites: who has the words gets in, who has not learns nothing and is stopped soon. */
#include "gateway/discovery/invite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/crypto/hash.h"
#include "gateway/crypto/secret.h"
#include "gateway/identity/keys.h"

#define START SEC(100)

struct stage {
    uint64_t random; /* counts */
    struct invite_random source;
    struct invite_host host;
    struct invite_guest guest;
    struct invite_party host_party, guest_party;
    uint8_t message[INVITE_MESSAGE_MAX];
    size_t len;
    struct invite_result result;
};

static const uint8_t NETWORK[32] = {1};
static const struct invite_code CODE = {7, {300, 1000}};

/* The same on every run: BLAKE2b of a counter. */
static void fill(void *arg, void *out, size_t len)
{
    struct stage *s = arg;
    assert_in_range(len, HASH_BLAKE2B_MIN, HASH_BLAKE2B_MAX);
    s->random++;
    hash_blake2b(out, len, NULL, 0, &s->random, sizeof(s->random));
}

static struct invite_party party(uint8_t seed, const char *service)
{
    struct invite_party p = {.hints = {.addrs = 1}};
    struct keys keys;

    keys_from_seed(&keys, (uint8_t[KEYS_SEED_LEN]){seed});
    p.id = keys.id;
    assert_int_equal(addr_parse(&p.hints.addr[0], "192.0.2.7:4433"), 0);
    memcpy(p.hints.service, service, strlen(service) + 1);
    return p;
}

static struct invite_secret secret_of(const struct invite_code *code)
{
    struct invite_secret secret;
    invite_secret_of_code(&secret, code, NETWORK);
    return secret;
}

static void guest_comes(struct stage *s, const struct invite_code *code)
{
    const struct invite_secret secret = secret_of(code);
    invite_guest_begin(&s->guest, &secret, &s->source, &s->guest_party);
}

static void begin(struct stage *s, unsigned uses)
{
    const struct invite_secret secret = secret_of(&CODE);

    memset(s, 0, sizeof(*s));
    s->source = (struct invite_random){fill, s};
    s->host_party = party(1, "web");
    s->guest_party = party(2, "");
    invite_host_begin(&s->host, &secret, &s->source, START, INVITE_LIFETIME, uses);
    guest_comes(s, &CODE);
}

static void to_host(struct stage *s, instant now)
{
    uint8_t out[INVITE_MESSAGE_MAX];

    invite_host_input(&s->host, now, s->message, s->len, out, &s->result);
    s->len = s->result.len;
    if (s->result.verdict == INVITE_PROVEN)
        s->len = invite_host_welcome(&s->host, &s->host_party, out);
    memcpy(s->message, out, s->len);
}

static void to_guest(struct stage *s)
{
    uint8_t out[INVITE_MESSAGE_MAX];

    invite_guest_input(&s->guest, s->message, s->len, out, &s->result);
    s->len = s->result.len;
    memcpy(s->message, out, s->len);
}

/* ASK, OFFER, CLAIM; the claim is in `message` then. */
static void up_to_the_claim(struct stage *s, instant now)
{
    s->len = invite_guest_ask(&s->guest, s->message);
    to_host(s, now);
    assert_int_equal(s->result.verdict, INVITE_ANSWER);
    to_guest(s);
    assert_int_equal(s->result.verdict, INVITE_ANSWER);
}

static void wrong_try(struct stage *s, instant now, enum invite_refusal refusal)
{
    const struct invite_code wrong = {CODE.number, {300, 1001}};

    guest_comes(s, &wrong);
    up_to_the_claim(s, now);
    to_host(s, now);
    assert_int_equal(s->result.verdict, INVITE_ANSWER);
    assert_int_equal(s->result.refusal, refusal);
    to_guest(s);
    assert_int_equal(s->result.verdict, INVITE_REFUSED);
    assert_int_equal(s->result.refusal, refusal);
}

static void who_has_the_words_gets_in(void **state)
{
    struct stage s;
    char words[WORDS_TEXT_MAX];
    (void)state;

    begin(&s, 1);
    up_to_the_claim(&s, START);
    to_host(&s, START);
    assert_int_equal(s.result.verdict, INVITE_PROVEN);
    assert_true(peer_id_equal(&s.result.party.id, &s.guest_party.id));
    memcpy(words, s.result.fingerprint, sizeof(words));
    to_guest(&s);
    assert_int_equal(s.result.verdict, INVITE_PROVEN);
    assert_true(peer_id_equal(&s.result.party.id, &s.host_party.id));
    assert_string_equal(s.result.party.hints.service, "web");
    assert_true(addr_equal(&s.result.party.hints.addr[0], &s.host_party.hints.addr[0]));
    assert_string_equal(s.result.fingerprint, words);
    assert_false(invite_host_open(&s.host, START));
}

static void a_ticket_works_alike(void **state)
{
    const uint8_t secret_bytes[TICKET_SECRET_LEN] = {9};
    struct invite_secret secret;
    struct stage s;
    (void)state;

    begin(&s, 1);
    invite_secret_of_ticket(&secret, secret_bytes, NETWORK);
    invite_host_begin(&s.host, &secret, &s.source, START, INVITE_LIFETIME, 1);
    invite_guest_begin(&s.guest, &secret, &s.source, &s.guest_party);
    up_to_the_claim(&s, START);
    to_host(&s, START);
    assert_int_equal(s.result.verdict, INVITE_PROVEN);
}

static void an_invite_is_for_one_use_unless_it_says_more(void **state)
{
    struct stage s;
    (void)state;

    begin(&s, 2);
    for (int i = 0; i < 2; i++) {
        guest_comes(&s, &CODE);
        up_to_the_claim(&s, START);
        to_host(&s, START);
        assert_int_equal(s.result.verdict, INVITE_PROVEN);
    }
    guest_comes(&s, &CODE);
    s.len = invite_guest_ask(&s.guest, s.message);
    to_host(&s, START);
    assert_int_equal(s.result.verdict, INVITE_IGNORE);
}

static void three_wrong_tries_burn_it(void **state)
{
    struct stage s;
    (void)state;

    begin(&s, 1);
    wrong_try(&s, START, INVITE_WRONG);
    wrong_try(&s, START + INVITE_PAUSE, INVITE_WRONG);
    wrong_try(&s, START + 2 * INVITE_PAUSE, INVITE_BURNT);
    assert_false(invite_host_open(&s.host, START + 3 * INVITE_PAUSE));
    guest_comes(&s, &CODE);
    s.len = invite_guest_ask(&s.guest, s.message);
    to_host(&s, START + 3 * INVITE_PAUSE);
    assert_int_equal(s.result.verdict, INVITE_IGNORE);
}

static void a_try_too_soon_is_put_off_and_costs_nothing(void **state)
{
    struct stage s;
    (void)state;

    begin(&s, 1);
    wrong_try(&s, START, INVITE_WRONG);
    guest_comes(&s, &CODE);
    up_to_the_claim(&s, START + INVITE_PAUSE - 1);
    uint8_t claim[INVITE_MESSAGE_MAX];
    size_t len = s.len;
    memcpy(claim, s.message, len);
    to_host(&s, START + INVITE_PAUSE - 1);
    assert_int_equal(s.result.refusal, INVITE_SLOW);
    memcpy(s.message, claim, len);
    s.len = len;
    to_host(&s, START + INVITE_PAUSE);
    assert_int_equal(s.result.verdict, INVITE_PROVEN);
}

static void asking_costs_no_try(void **state)
{
    struct stage s;
    (void)state;

    begin(&s, 1);
    for (int i = 0; i < 100; i++) {
        s.len = invite_guest_ask(&s.guest, s.message);
        to_host(&s, START);
        assert_int_equal(s.result.verdict, INVITE_ANSWER);
        assert_true(s.len <= INVITE_ASK_LEN); /* no more than was asked with */
    }
    to_guest(&s);
    to_host(&s, START);
    assert_int_equal(s.result.verdict, INVITE_PROVEN);
}

static void a_claim_that_comes_twice_is_answered_alike(void **state)
{
    struct stage s;
    uint8_t claim[INVITE_MESSAGE_MAX], first[INVITE_MESSAGE_MAX];
    (void)state;

    begin(&s, 1);
    up_to_the_claim(&s, START);
    size_t len = s.len;
    memcpy(claim, s.message, len);
    to_host(&s, START);
    size_t first_len = s.len;
    memcpy(first, s.message, first_len);
    memcpy(s.message, claim, len);
    s.len = len;
    to_host(&s, START);
    assert_int_equal(s.result.verdict, INVITE_ANSWER);
    assert_int_equal(s.len, first_len);
    assert_memory_equal(s.message, first, first_len);
}

static void a_wrong_claim_that_comes_twice_costs_one_try(void **state)
{
    struct stage s;
    uint8_t claim[INVITE_MESSAGE_MAX];
    (void)state;

    begin(&s, 1);
    guest_comes(&s, &(struct invite_code){CODE.number, {1, 2}});
    up_to_the_claim(&s, START);
    size_t len = s.len;
    memcpy(claim, s.message, len);
    for (int i = 0; i < 5; i++) {
        memcpy(s.message, claim, len);
        s.len = len;
        to_host(&s, START + (instant)i * INVITE_PAUSE);
    }
    assert_int_equal(s.host.tries, INVITE_TRIES - 1);
}

static void an_old_offer_is_stale(void **state)
{
    struct stage s;
    struct invite_guest slow;
    uint8_t claim[INVITE_MESSAGE_MAX];
    (void)state;

    begin(&s, 2);
    up_to_the_claim(&s, START); /* the slow guest's, for the first offer */
    slow = s.guest;
    size_t len = s.len;
    memcpy(claim, s.message, len);
    guest_comes(&s, &CODE);
    up_to_the_claim(&s, START);
    to_host(&s, START); /* another was faster */
    assert_int_equal(s.result.verdict, INVITE_PROVEN);
    memcpy(s.message, claim, len);
    s.len = len;
    to_host(&s, START);
    assert_int_equal(s.result.refusal, INVITE_STALE);
    s.guest = slow;
    up_to_the_claim(&s, START);
    to_host(&s, START);
    assert_int_equal(s.result.verdict, INVITE_PROVEN);
}

static void it_ends_with_its_time(void **state)
{
    struct stage s;
    (void)state;

    begin(&s, 1);
    up_to_the_claim(&s, START);
    to_host(&s, START + INVITE_LIFETIME);
    assert_int_equal(s.result.refusal, INVITE_GONE);
    assert_int_equal(invite_host_offer(&s.host, START + INVITE_LIFETIME, s.message), 0);
}

static void what_was_revoked_is_over(void **state)
{
    struct stage s;
    (void)state;

    begin(&s, 1);
    up_to_the_claim(&s, START);
    invite_host_end(&s.host);
    to_host(&s, START);
    assert_int_equal(s.result.refusal, INVITE_GONE);
}

/* Whoever poses as the host learns with each claim whether one guess is right: so few are made. */
static void a_false_host_gets_few_proofs(void **state)
{
    struct stage s;
    (void)state;

    begin(&s, 1);
    for (int i = 0; i < 10; i++) {
        const struct invite_secret guess = secret_of(&(struct invite_code){CODE.number, {5, 6}});
        invite_host_begin(&s.host, &guess, &s.source, START, INVITE_LIFETIME, 1);
        s.len = invite_guest_ask(&s.guest, s.message);
        to_host(&s, START);
        to_guest(&s);
        assert_int_equal(s.result.verdict, i < INVITE_CLAIMS_MAX ? INVITE_ANSWER : INVITE_IGNORE);
    }
}

static void networks_do_not_meet(void **state)
{
    const uint8_t other[32] = {2};
    struct invite_secret secret;
    struct stage s;
    (void)state;

    begin(&s, 1);
    invite_secret_of_code(&secret, &CODE, other);
    invite_guest_begin(&s.guest, &secret, &s.source, &s.guest_party);
    up_to_the_claim(&s, START);
    to_host(&s, START);
    assert_int_equal(s.result.refusal, INVITE_WRONG);
}

static void changed_messages_open_nothing(void **state)
{
    struct stage s;
    uint8_t claim[INVITE_MESSAGE_MAX], out[INVITE_MESSAGE_MAX];
    (void)state;

    begin(&s, 1);
    up_to_the_claim(&s, START);
    size_t len = s.len;
    memcpy(claim, s.message, len);
    for (size_t i = 0; i < len; i++) {
        struct invite_host host = s.host;
        memcpy(s.message, claim, len);
        s.message[i] ^= 1;
        s.len = len;
        invite_host_input(&host, START, s.message, s.len, out, &s.result);
        assert_int_not_equal(s.result.verdict, INVITE_PROVEN);
        invite_host_input(&host, START, claim, i, out, &s.result);
        assert_int_not_equal(s.result.verdict, INVITE_PROVEN);
    }
}

static void refusals_of_others_are_ignored(void **state)
{
    const uint8_t session[INVITE_SESSION_LEN] = {3};
    struct stage s;
    (void)state;

    begin(&s, 1);
    const struct invite_message m = {.type = INVITE_REFUSE,
                                     .handle = s.guest.secret.handle,
                                     .session = session,
                                     .refusal = INVITE_BURNT};
    s.len = invite_message_write(&m, s.message);
    to_guest(&s);
    assert_int_equal(s.result.verdict, INVITE_IGNORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_the_words_gets_in),
        cmocka_unit_test(a_ticket_works_alike),
        cmocka_unit_test(an_invite_is_for_one_use_unless_it_says_more),
        cmocka_unit_test(three_wrong_tries_burn_it),
        cmocka_unit_test(a_try_too_soon_is_put_off_and_costs_nothing),
        cmocka_unit_test(asking_costs_no_try),
        cmocka_unit_test(a_claim_that_comes_twice_is_answered_alike),
        cmocka_unit_test(a_wrong_claim_that_comes_twice_costs_one_try),
        cmocka_unit_test(an_old_offer_is_stale),
        cmocka_unit_test(it_ends_with_its_time),
        cmocka_unit_test(what_was_revoked_is_over),
        cmocka_unit_test(a_false_host_gets_few_proofs),
        cmocka_unit_test(networks_do_not_meet),
        cmocka_unit_test(changed_messages_open_nothing),
        cmocka_unit_test(refusals_of_others_are_ignored),
    };
    return crypto_start() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
