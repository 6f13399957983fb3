/* Whom to write to and when, when to look for mail, and what to believe of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/discovery/mailbox.h"

#define NOW  SEC(5000)
#define WALL UINT64_C(1767225600000)

static const uint8_t NETWORK[PAIR_KEY_NETWORK_LEN] = {7};

/* Two gateways that know each other, and a third that knows both and is known to none. */
static struct stage {
    struct keys keys[3];
    struct mailbox box[3];
    uint8_t chance;
} stage;

enum { A, B, STRANGER };

static void knows(int who, int whom, bool has_address)
{
    const struct mailbox_known known = {.id = stage.keys[whom].id, .has_address = has_address};
    assert_int_equal(mailbox_set_contacts(&stage.box[who], &known, 1), 0);
}

static int begin(void **state)
{
    (void)state;
    memset(&stage, 0, sizeof(stage));
    for (uint8_t i = 0; i < 3; i++) {
        const uint8_t seed[KEYS_SEED_LEN] = {(uint8_t)(i + 1)};
        keys_from_seed(&stage.keys[i], seed);
        const struct mailbox_options options = {
            .keys = &stage.keys[i], .network = NETWORK, .sends = true, .fetches = true};
        mailbox_init(&stage.box[i], &options, NOW);
    }
    knows(A, B, true);
    knows(B, A, true);
    knows(STRANGER, A, true);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        mailbox_deinit(&stage.box[i]);
    return 0;
}

static void draw(void *arg, void *out, size_t len)
{
    (void)arg;
    memset(out, ++stage.chance, len);
}

/* What `from` writes to `to`, at a time. */
static void letter(int from, int to, const struct mailbox_draft *as, uint64_t wall,
                   char out[static MAILBOX_TEXT_MAX])
{
    struct mailbox_draft draft = as ? *as : (struct mailbox_draft){.answers = false};
    struct mailbox_message m = {.facts = {.class = NAT_CONE}};

    draft.to = stage.keys[to].id;
    assert_true(mailbox_write(&stage.box[from], &draft, wall, &m, draw, NULL, out) > 0);
}

static int read_at(int who, instant now, uint64_t wall, const char *text, struct mailbox_heard *h)
{
    return mailbox_read(&stage.box[who], now, wall, text, strlen(text), h);
}

static int read_now(int who, const char *text)
{
    struct mailbox_heard heard;
    return read_at(who, NOW, WALL, text, &heard);
}

/* The next step other than to fetch, at its time. */
static enum mailbox_step next(int who, instant *now, struct mailbox_draft *draft)
{
    struct mailbox *m = &stage.box[who];

    for (unsigned i = 0; i < 10000; i++) {
        enum mailbox_step step = mailbox_next(m, *now, draft);
        if (step == MAILBOX_SEND)
            return step;
        if (step == MAILBOX_FETCH)
            mailbox_fetched(m, *now);
        instant due = mailbox_due(m, *now);
        if (due == INSTANT_NEVER)
            return MAILBOX_WAIT;
        *now = due;
    }
    return MAILBOX_WAIT;
}

static bool wants(int who, int whom, instant now)
{
    return mailbox_want(&stage.box[who], now, &stage.keys[whom].id);
}

/* ---- what is sent ---- */

static void who_is_not_reached_within_some_seconds_gets_a_call(void **state)
{
    struct mailbox_draft draft;
    instant now = NOW;
    (void)state;

    assert_true(wants(A, B, NOW));
    assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
    assert_true(now == NOW + MAILBOX_PATIENCE);
    assert_true(peer_id_equal(&draft.to, &stage.keys[B].id));
    assert_false(draft.answers);
}

static void who_is_reached_before_gets_none(void **state)
{
    struct mailbox_draft draft;
    instant now = NOW;
    (void)state;

    assert_true(wants(A, B, NOW));
    mailbox_reached(&stage.box[A], &stage.keys[B].id);
    assert_int_equal(next(A, &now, &draft), MAILBOX_WAIT);
}

static void who_has_no_address_or_is_no_contact_gets_none(void **state)
{
    (void)state;
    knows(A, B, false);
    assert_false(wants(A, B, NOW));
    assert_false(wants(A, STRANGER, NOW));
    stage.box[A].options.sends = false;
    knows(A, B, true);
    assert_false(wants(A, B, NOW));
}

static void calls_that_nobody_answers_become_rare(void **state)
{
    struct mailbox_draft draft;
    instant now = NOW, last = 0;
    (void)state;

    for (unsigned minutes = 1; minutes <= 64; minutes *= 2) {
        (void)wants(A, B, now);
        assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
        mailbox_sent(&stage.box[A], now, true);
        if (last > 0)
            assert_true(now - last == SEC(60) * minutes / 2);
        last = now;
    }
}

static void an_answer_makes_them_usual_again(void **state)
{
    char text[MAILBOX_TEXT_MAX];
    struct mailbox_draft draft;
    struct mailbox_heard heard;
    instant now = NOW, last = 0;
    (void)state;

    for (unsigned i = 0; i < 3; i++) {
        (void)wants(A, B, now);
        assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
        mailbox_sent(&stage.box[A], now, true);
        last = now;
    }
    letter(B, A, &(struct mailbox_draft){.answers = true}, WALL, text);
    assert_int_equal(read_at(A, now, WALL, text, &heard), 0);
    (void)wants(A, B, now);
    assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
    assert_true(now - last == MAILBOX_CONTACT_EVERY);
}

static void twenty_mails_an_hour_and_no_more(void **state)
{
    struct mailbox_known many[30] = {{.has_address = true}};
    struct mailbox_draft draft;
    instant now = NOW;
    (void)state;

    for (size_t i = 0; i < 30; i++) {
        const uint8_t seed[KEYS_SEED_LEN] = {9, (uint8_t)i};
        struct keys keys;
        keys_from_seed(&keys, seed);
        many[i] = (struct mailbox_known){.id = keys.id, .has_address = true};
    }
    assert_int_equal(mailbox_set_contacts(&stage.box[A], many, 30), 0);
    for (size_t i = 0; i < 30; i++)
        assert_true(mailbox_want(&stage.box[A], NOW, &many[i].id));
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
        mailbox_sent(&stage.box[A], now, true);
        if (i == MAILBOX_PER_HOUR - 1)
            assert_true(now == NOW + MAILBOX_PATIENCE);
        if (i >= MAILBOX_PER_HOUR)
            assert_true(now == NOW + MAILBOX_PATIENCE + SEC(3600));
    }
}

/* Who calls every minute gets answers, and others their mail. */
static void one_contact_does_not_use_up_the_hour(void **state)
{
    const struct mailbox_known both[] = {{stage.keys[A].id, true}, {stage.keys[STRANGER].id, true}};
    struct mailbox *m = &stage.box[B];
    struct mailbox_draft draft;
    struct mailbox_heard heard;
    char text[MAILBOX_TEXT_MAX];
    unsigned answers = 0;
    (void)state;

    knows(STRANGER, B, true);
    assert_int_equal(mailbox_set_contacts(m, both, 2), 0);
    for (unsigned i = 0; i < 30; i++) {
        const uint64_t wall = WALL + i * UINT64_C(60000);
        const instant now = NOW + SEC(60) * i;
        letter(STRANGER, B, NULL, wall, text);
        assert_int_equal(read_at(B, now, wall, text, &heard), 0);
        if (mailbox_next(m, now, &draft) != MAILBOX_SEND)
            continue;
        mailbox_sent(m, now, true);
        answers++;
    }
    assert_in_range(answers, MAILBOX_PER_HOUR / 2, MAILBOX_PER_HOUR / 2 + 1);
    instant now = NOW + SEC(60) * 30;
    assert_true(wants(B, A, now));
    assert_int_equal(next(B, &now, &draft), MAILBOX_SEND);
    assert_true(now == NOW + SEC(60) * 30 + MAILBOX_PATIENCE);
    assert_true(peer_id_equal(&draft.to, &stage.keys[A].id));
    mailbox_sent(m, now, true);
    assert_int_equal(next(B, &now, &draft), MAILBOX_SEND);
    assert_true(draft.answers);
    assert_true(now == NOW + SEC(3600) + SEC(60)); /* two of its mails are an hour old */
}

static void one_mail_is_sent_at_a_time(void **state)
{
    struct mailbox_draft draft;
    instant now = NOW;
    (void)state;

    (void)wants(A, B, NOW);
    assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
    mailbox_fetched(&stage.box[A], now);
    assert_int_not_equal(mailbox_next(&stage.box[A], now + SEC(1), &draft), MAILBOX_SEND);
}

static void what_could_not_be_sent_is_tried_again_for_ten_minutes(void **state)
{
    char text[MAILBOX_TEXT_MAX];
    struct mailbox_draft draft;
    struct mailbox_heard heard;
    instant now = NOW;
    unsigned tries = 0;
    (void)state;

    letter(A, B, NULL, WALL, text);
    assert_int_equal(read_at(B, NOW, WALL, text, &heard), 0);
    for (; next(B, &now, &draft) == MAILBOX_SEND; tries++) {
        assert_true(draft.answers);
        assert_memory_equal(draft.re, heard.message.id, MAILBOX_ID_LEN);
        mailbox_sent(&stage.box[B], now, false);
    }
    assert_int_equal(tries, 11);
    assert_int_equal(stage.box[B].sent, 0);
}

/* ---- when mail is looked for ---- */

static instant fetches_after(struct mailbox *m, instant *now)
{
    struct mailbox_draft draft;
    instant before = *now;

    *now = mailbox_due(m, *now);
    assert_int_equal(mailbox_next(m, *now, &draft), MAILBOX_FETCH);
    mailbox_fetched(m, *now);
    return *now - before;
}

static void a_call_that_could_not_be_sent_does_not_count_as_unheard(void **state)
{
    struct mailbox_draft draft;
    instant now = NOW, before;
    (void)state;

    assert_true(wants(A, B, NOW));
    assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
    for (unsigned tries = 0; tries < 5; tries++) {
        mailbox_sent(&stage.box[A], before = now, false);
        assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
        assert_true(now == before + MAILBOX_CONTACT_EVERY);
    }
    mailbox_reached(&stage.box[A], &stage.keys[B].id);
    mailbox_sent(&stage.box[A], now, false);
    assert_int_equal(stage.box[A].contact[0].unheard, 0);
}

static void mail_is_looked_for_at_once_and_each_five_minutes(void **state)
{
    struct mailbox *m = &stage.box[A];
    instant now = NOW;
    (void)state;

    assert_true(fetches_after(m, &now) == 0);
    for (unsigned i = 0; i < 5; i++)
        assert_true(fetches_after(m, &now) == MAILBOX_POLL_SLOW);
    mailbox_await(m, now);
    for (unsigned i = 0; i < 30; i++)
        assert_true(fetches_after(m, &now) == MAILBOX_POLL_FAST);
    assert_true(fetches_after(m, &now) == MAILBOX_POLL_SLOW);
}

static void without_a_mailbox_nobody_looks(void **state)
{
    struct mailbox_draft draft;
    const struct mailbox_options options = {.keys = &stage.keys[A], .network = NETWORK};
    (void)state;

    mailbox_deinit(&stage.box[A]);
    mailbox_init(&stage.box[A], &options, NOW);
    mailbox_await(&stage.box[A], NOW);
    assert_int_equal(mailbox_next(&stage.box[A], NOW + SEC(900), &draft), MAILBOX_WAIT);
    assert_true(mailbox_due(&stage.box[A], NOW) == INSTANT_NEVER);
}

/* ---- what is believed ---- */

static void a_call_is_owed_an_answer_that_names_it(void **state)
{
    char text[MAILBOX_TEXT_MAX];
    struct mailbox_draft draft;
    struct mailbox_heard heard;
    instant now = NOW;
    (void)state;

    letter(A, B, NULL, WALL, text);
    assert_int_equal(read_at(B, NOW, WALL, text, &heard), 0);
    assert_true(peer_id_equal(&heard.from, &stage.keys[A].id));
    assert_int_equal(heard.message.facts.class, NAT_CONE);
    assert_int_equal(next(B, &now, &draft), MAILBOX_SEND);
    assert_true(now == NOW && draft.answers);
    assert_memory_equal(draft.re, heard.message.id, MAILBOX_ID_LEN);
    letter(B, A, &draft, WALL + 1000, text);
    assert_int_equal(read_at(A, NOW, WALL + 2000, text, &heard), 0);
    assert_int_equal(heard.message.flags, MAILBOX_ANSWER);
    assert_true(heard.message.meet_ms == WALL + 1000 + MAILBOX_MEET_AFTER_MS);
    now = NOW;
    assert_int_equal(next(A, &now, &draft), MAILBOX_WAIT); /* an answer is owed none */
}

static void one_by_hand_is_owed_no_mail(void **state)
{
    char text[MAILBOX_TEXT_MAX];
    struct mailbox_draft draft = {.by_hand = true};
    instant now = NOW;
    (void)state;

    letter(A, B, &draft, WALL, text);
    assert_int_equal(read_now(B, text), 0);
    assert_int_equal(next(B, &now, &draft), MAILBOX_WAIT);
}

static void a_message_counts_once(void **state)
{
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    letter(A, B, NULL, WALL, text);
    assert_int_equal(read_now(B, text), 0);
    assert_int_equal(read_now(B, text), -EALREADY);
    assert_int_equal(stage.box[B].heard, 1);
    assert_int_equal(stage.box[B].dropped, 1);
}

static void a_message_counts_around_its_time(void **state)
{
    static const struct {
        int64_t ms; /* of the reader's clock, after the writer's */
        int err;
    } CASES[] = {{0, 0},       {600000, 0},        {600001, -ETIME},
                 {-120000, 0}, {-120001, -ERANGE}, {INT64_C(1) << 40, -ETIME}};
    char text[MAILBOX_TEXT_MAX];
    struct mailbox_heard heard;
    (void)state;

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        letter(A, B, NULL, WALL, text);
        assert_int_equal(read_at(B, NOW, WALL + (uint64_t)CASES[i].ms, text, &heard), CASES[i].err);
    }
}

static void only_contacts_count_and_only_what_is_for_us(void **state)
{
    char text[MAILBOX_TEXT_MAX];
    struct mailbox_heard heard;
    (void)state;

    letter(STRANGER, A, NULL, WALL, text);
    assert_int_equal(read_at(A, NOW, WALL, text, &heard), -ENOENT);
    assert_true(peer_id_equal(&heard.from, &stage.keys[STRANGER].id));
    assert_int_equal(read_now(B, text), -EPERM);
    letter(A, B, NULL, WALL, text);
    assert_int_equal(read_now(A, text), -EPERM); /* nor is our own thrown back at us */
}

static void another_network_is_another_world(void **state)
{
    static const uint8_t other[PAIR_KEY_NETWORK_LEN] = {8};
    const struct mailbox_options options = {.keys = &stage.keys[B], .network = other};
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    letter(A, B, NULL, WALL, text);
    mailbox_deinit(&stage.box[B]);
    mailbox_init(&stage.box[B], &options, NOW);
    knows(B, A, true);
    assert_int_equal(read_now(B, text), -EPERM);
}

static void who_pretends_to_be_a_contact_is_found_out(void **state)
{
    char text[MAILBOX_TEXT_MAX];
    (void)state;

    /* The outer seal anybody can make who knows A's id; the inner one not. */
    struct keys real = stage.keys[STRANGER];
    stage.box[STRANGER].options.keys = &stage.keys[STRANGER];
    letter(STRANGER, A, NULL, WALL, text); /* makes the keys of the pair */
    stage.keys[STRANGER].id = stage.keys[B].id;
    letter(STRANGER, A, NULL, WALL, text);
    stage.keys[STRANGER] = real;
    assert_int_equal(read_now(A, text), -EACCES);
}

static void what_is_known_of_contacts_stays_when_there_are_others(void **state)
{
    struct mailbox_draft draft;
    const struct mailbox_known both[] = {{.id = stage.keys[B].id, .has_address = true},
                                         {.id = stage.keys[STRANGER].id}};
    instant now = NOW;
    (void)state;

    (void)wants(A, B, NOW);
    assert_int_equal(mailbox_set_contacts(&stage.box[A], both, 2), 0);
    assert_int_equal(next(A, &now, &draft), MAILBOX_SEND);
    assert_int_equal(mailbox_set_contacts(&stage.box[A], NULL, 0), 0);
    mailbox_sent(&stage.box[A], now, false); /* to nobody that is known any more */
    assert_false(wants(A, B, NOW));
}

#define STORY(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(who_is_not_reached_within_some_seconds_gets_a_call),
        STORY(who_is_reached_before_gets_none),
        STORY(who_has_no_address_or_is_no_contact_gets_none),
        STORY(calls_that_nobody_answers_become_rare),
        STORY(an_answer_makes_them_usual_again),
        STORY(twenty_mails_an_hour_and_no_more),
        STORY(one_contact_does_not_use_up_the_hour),
        STORY(one_mail_is_sent_at_a_time),
        STORY(what_could_not_be_sent_is_tried_again_for_ten_minutes),
        STORY(a_call_that_could_not_be_sent_does_not_count_as_unheard),
        STORY(mail_is_looked_for_at_once_and_each_five_minutes),
        STORY(without_a_mailbox_nobody_looks),
        STORY(a_call_is_owed_an_answer_that_names_it),
        STORY(one_by_hand_is_owed_no_mail),
        STORY(a_message_counts_once),
        STORY(a_message_counts_around_its_time),
        STORY(only_contacts_count_and_only_what_is_for_us),
        STORY(another_network_is_another_world),
        STORY(who_pretends_to_be_a_contact_is_found_out),
        STORY(what_is_known_of_contacts_stays_when_there_are_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
