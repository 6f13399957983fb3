/* The relay where guests of invites find hosts: two hosts and two guests, whose notes this file
 * looks at. */
#include "gateway/relay/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/wire/invite_message.h"
#include "tests/support/random.h"

#define PEOPLE 8

struct person {
    struct peer_id id;
    struct path path;
    unsigned notes;
    uint32_t token;
    uint8_t last[INVITE_MESSAGE_MAX];
    size_t last_len;
};

struct world {
    struct relay_server *server;
    instant now;
    bool refuse;
    struct person person[PEOPLE];
    uint64_t chance;
};

static const uint8_t SEVEN[RELAY_MESSAGE_HANDLE] = {7}, EIGHT[RELAY_MESSAGE_HANDLE] = {8};

static bool may_register(void *arg, const struct peer_id *id)
{
    (void)id;
    return !((struct world *)arg)->refuse;
}

static void tell(void *arg, void *conn, const struct relay_message *m)
{
    struct person *p = conn;
    (void)arg;
    assert_int_equal(m->type, RELAY_SAID);
    assert_true(m->early_len <= sizeof(p->last));
    p->notes++;
    p->token = m->token;
    p->last_len = m->early_len;
    memcpy(p->last, m->early, m->early_len);
}

static int send_batch(void *arg, const struct path *to, const uint8_t *data, size_t len,
                      size_t segment)
{
    (void)arg;
    (void)to;
    (void)data;
    (void)len;
    (void)segment;
    return 0;
}

static void fill_random(void *arg, void *out, size_t len)
{
    random_fill(&((struct world *)arg)->chance, out, len);
}

static const struct relay_server_events EVENTS = {may_register, tell, send_batch, fill_random};

static int build(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    const struct relay_server_options options = {.events = &EVENTS, .arg = w};

    assert_non_null(w);
    w->now = SEC(1000);
    w->chance = 7;
    for (unsigned i = 0; i < PEOPLE; i++)
        w->person[i].id.key[0] = (uint8_t)(i + 1);
    assert_int_equal(relay_server_new(&w->server, &options), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    relay_server_free(w->server);
    free(w);
    return 0;
}

static void says(struct world *w, struct person *p, struct relay_message m)
{
    relay_server_message(w->server, w->now, p, &p->id, &p->path, &m);
}

static void registers(struct world *w, struct person *p, const uint8_t *handles, size_t count)
{
    says(w, p,
         (struct relay_message){.type = RELAY_INVITES, .handles = handles, .handle_count = count});
}

static size_t ask(const uint8_t *handle, uint8_t out[static INVITE_MESSAGE_MAX])
{
    const struct invite_message m = {.type = INVITE_ASK, .handle = handle};
    return invite_message_write(&m, out);
}

static void seeks(struct world *w, struct person *p, const uint8_t *handle)
{
    uint8_t note[INVITE_MESSAGE_MAX];
    size_t len = ask(handle, note);
    says(w, p, (struct relay_message){.type = RELAY_SEEK, .early = note, .early_len = len});
}

static void answers(struct world *w, struct person *p, uint32_t token, const uint8_t *handle)
{
    static const uint8_t SESSION[INVITE_SESSION_LEN] = {1}, SHARE[CPACE_SHARE_LEN] = {2};
    uint8_t note[INVITE_MESSAGE_MAX];
    const struct invite_message m = {
        .type = INVITE_OFFER, .handle = handle, .session = SESSION, .share = SHARE};
    size_t len = invite_message_write(&m, note);
    says(
        w, p,
        (struct relay_message){.type = RELAY_SAY, .token = token, .early = note, .early_len = len});
}

static struct relay_server_counters counters(const struct world *w)
{
    struct relay_server_counters c;
    relay_server_counters(w->server, &c);
    return c;
}

/* ---- the sentences ---- */

static void a_question_reaches_the_host_and_its_answer_comes_back(void **state)
{
    struct world *w = *state;
    struct person *host = &w->person[0], *guest = &w->person[1];

    registers(w, host, SEVEN, 1);
    seeks(w, guest, SEVEN);
    assert_int_equal(host->notes, 1);
    assert_int_equal(host->last[1], INVITE_ASK);
    answers(w, host, host->token, SEVEN);
    assert_int_equal(guest->notes, 1);
    assert_int_equal(guest->last[1], INVITE_OFFER);
    answers(w, guest, guest->token, SEVEN);
    assert_int_equal(host->notes, 2);
    assert_int_equal(counters(w).talks, 1);
}

static void only_hosts_of_that_handle_hear_it(void **state)
{
    struct world *w = *state;

    registers(w, &w->person[0], EIGHT, 1);
    seeks(w, &w->person[1], SEVEN);
    assert_int_equal(w->person[0].notes, 0);
    assert_int_equal(counters(w).talks, 0);
}

static void who_may_not_register_hears_nothing(void **state)
{
    struct world *w = *state;

    w->refuse = true;
    registers(w, &w->person[0], SEVEN, 1);
    seeks(w, &w->person[1], SEVEN);
    assert_int_equal(w->person[0].notes, 0);
}

static void the_first_three_hosts_of_a_handle_are_asked(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < 5; i++)
        registers(w, &w->person[i], SEVEN, 1);
    registers(w, &w->person[0], SEVEN, 1);
    assert_int_equal(counters(w).invites, 3);
    seeks(w, &w->person[7], SEVEN);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(w->person[i].notes, i < 3 ? 1 : 0);
}

static void a_token_is_of_no_use_to_a_third(void **state)
{
    struct world *w = *state;
    struct person *host = &w->person[0], *guest = &w->person[1], *third = &w->person[2];

    registers(w, host, SEVEN, 1);
    registers(w, third, EIGHT, 1);
    seeks(w, guest, SEVEN);
    answers(w, third, host->token, SEVEN);
    answers(w, host, host->token + 1, SEVEN);
    answers(w, host, host->token, EIGHT); /* of another handle */
    assert_int_equal(guest->notes, 0);
    assert_int_equal(host->notes, 1);
}

static void an_invite_that_is_no_longer_named_is_gone(void **state)
{
    struct world *w = *state;
    uint8_t both[2 * RELAY_MESSAGE_HANDLE];

    memcpy(both, SEVEN, sizeof(SEVEN));
    memcpy(both + sizeof(SEVEN), EIGHT, sizeof(EIGHT));
    registers(w, &w->person[0], both, 2);
    assert_int_equal(counters(w).invites, 2);
    registers(w, &w->person[0], EIGHT, 1);
    assert_int_equal(counters(w).invites, 1);
    seeks(w, &w->person[1], SEVEN);
    assert_int_equal(w->person[0].notes, 0);
    registers(w, &w->person[0], NULL, 0);
    assert_int_equal(counters(w).invites, 0);
}

static void who_leaves_takes_invites_and_talks_along(void **state)
{
    struct world *w = *state;
    struct person *host = &w->person[0], *guest = &w->person[1];

    registers(w, host, SEVEN, 1);
    seeks(w, guest, SEVEN);
    relay_server_left(w->server, guest);
    assert_int_equal(counters(w).talks, 0);
    answers(w, host, host->token, SEVEN);
    assert_int_equal(guest->notes, 0);
    seeks(w, guest, SEVEN);
    relay_server_left(w->server, host);
    assert_int_equal(counters(w).talks, 0);
    assert_int_equal(counters(w).invites, 0);
    seeks(w, guest, SEVEN);
    assert_int_equal(host->notes, 2);
}

static void a_flood_of_questions_is_thinned_out(void **state)
{
    struct world *w = *state;

    registers(w, &w->person[0], SEVEN, 1);
    for (unsigned i = 0; i < 600; i++)
        seeks(w, &w->person[1 + i % (PEOPLE - 1)], SEVEN);
    assert_int_equal(w->person[0].notes, 64); /* the burst, whoever asks */
    assert_true(counters(w).hasty > 500);
    w->now += SEC(1);
    for (unsigned i = 0; i < 100; i++)
        seeks(w, &w->person[1], SEVEN);
    assert_int_equal(w->person[0].notes, 64 + 16);
}

static void one_guest_has_twelve_talks_at_a_time(void **state)
{
    struct world *w = *state;

    for (uint8_t n = 0; n < 20; n++) {
        uint8_t handle[RELAY_MESSAGE_HANDLE] = {n, 1};
        registers(w, &w->person[n % 4], handle, 1);
        seeks(w, &w->person[7], handle);
        assert_int_equal(counters(w).talks, n < 12 ? n + 1 : 12);
    }
}

static void a_talk_ends_after_a_minute_of_silence(void **state)
{
    struct world *w = *state;
    struct person *host = &w->person[0], *guest = &w->person[1];

    registers(w, host, SEVEN, 1);
    assert_true(relay_server_deadline(w->server) == INSTANT_NEVER);
    seeks(w, guest, SEVEN);
    w->now += SEC(59);
    relay_server_tick(w->server, w->now);
    answers(w, host, host->token, SEVEN);
    assert_int_equal(guest->notes, 1);
    w->now += SEC(60);
    assert_true(relay_server_deadline(w->server) <= w->now);
    relay_server_tick(w->server, w->now);
    answers(w, host, host->token, SEVEN);
    assert_int_equal(guest->notes, 1);
}

static void what_is_no_note_goes_nowhere(void **state)
{
    struct world *w = *state;
    uint8_t note[INVITE_MESSAGE_MAX];
    size_t len = ask(SEVEN, note);

    registers(w, &w->person[0], SEVEN, 1);
    for (size_t n = 0; n < len; n++)
        says(w, &w->person[1],
             (struct relay_message){.type = RELAY_SEEK, .early = note, .early_len = n});
    assert_int_equal(w->person[0].notes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_reaches_the_host_and_its_answer_comes_back,
                                        build, end),
        cmocka_unit_test_setup_teardown(only_hosts_of_that_handle_hear_it, build, end),
        cmocka_unit_test_setup_teardown(who_may_not_register_hears_nothing, build, end),
        cmocka_unit_test_setup_teardown(the_first_three_hosts_of_a_handle_are_asked, build, end),
        cmocka_unit_test_setup_teardown(a_token_is_of_no_use_to_a_third, build, end),
        cmocka_unit_test_setup_teardown(an_invite_that_is_no_longer_named_is_gone, build, end),
        cmocka_unit_test_setup_teardown(who_leaves_takes_invites_and_talks_along, build, end),
        cmocka_unit_test_setup_teardown(a_flood_of_questions_is_thinned_out, build, end),
        cmocka_unit_test_setup_teardown(one_guest_has_twelve_talks_at_a_time, build, end),
        cmocka_unit_test_setup_teardown(a_talk_ends_after_a_minute_of_silence, build, end),
        cmocka_unit_test_setup_teardown(what_is_no_note_goes_nowhere, build, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
