/* The last lines of the log, and who follows them. */
#include "gateway/base/log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct reader {
    struct log_follower follower;
    unsigned told;
};

static void more(struct log_follower *f)
{
    container_of(f, struct reader, follower)->told++;
}

static int begin(void **state)
{
    struct log_ring *r = malloc(sizeof(*r));
    assert_non_null(r);
    log_ring_init(r);
    *state = r;
    return 0;
}

static int end(void **state)
{
    log_ring_deinit(*state);
    free(*state);
    return 0;
}

static void add(struct log_ring *r, unsigned number)
{
    char line[32];
    (void)snprintf(line, sizeof(line), "line %u", number);
    const struct log_entry e = {.level = LOG_LEVEL_INFO, .topic = LOG_PEER, .line = line};
    log_ring_add(r, number, &e);
}

static void keeps_copies_of_all_texts(void **state)
{
    struct log_ring *r = *state;
    char line[] = "alice: connected", event[] = "connected", peer[] = "ybn", at[] = "192.0.2.1";
    struct log_entry e = {LOG_LEVEL_WARN, LOG_ABUSE, {event, peer, at}, line};
    uint64_t next = 1;

    log_ring_add(r, 42, &e);
    line[0] = event[0] = peer[0] = at[0] = '?';
    const struct log_kept *k = log_ring_read(r, &next);
    assert_non_null(k);
    assert_int_equal(k->wall_us, 42);
    assert_int_equal(k->entry.level, LOG_LEVEL_WARN);
    assert_int_equal(k->entry.topic, LOG_ABUSE);
    assert_string_equal(k->entry.line, "alice: connected");
    assert_string_equal(k->entry.about.event, "connected");
    assert_string_equal(k->entry.about.peer, "ybn");
    assert_string_equal(k->entry.about.address, "192.0.2.1");
    assert_int_equal(next, 2);
    assert_null(log_ring_read(r, &next));
}

static void what_is_not_said_is_null(void **state)
{
    struct log_ring *r = *state;
    uint64_t next = 1;

    add(r, 1);
    const struct log_kept *k = log_ring_read(r, &next);
    assert_null(k->entry.about.event);
    assert_null(k->entry.about.peer);
    assert_null(k->entry.about.address);
}

static void keeps_the_last_of_many(void **state)
{
    struct log_ring *r = *state;
    uint64_t next = 1;
    unsigned count = 0;

    for (unsigned i = 1; i <= 3 * LOG_RING_MAX; i++)
        add(r, i);
    for (const struct log_kept *k; (k = log_ring_read(r, &next)); count++)
        assert_int_equal(k->wall_us, 2 * LOG_RING_MAX + 1 + count);
    assert_int_equal(count, LOG_RING_MAX);
    assert_int_equal(next, 3 * LOG_RING_MAX + 1);
}

static void a_tail_is_no_longer_than_what_there_is(void **state)
{
    struct log_ring *r = *state;

    assert_int_equal(log_ring_tail(r, 10), 1);
    for (unsigned i = 1; i <= 5; i++)
        add(r, i);
    assert_int_equal(log_ring_tail(r, 10), 1);
    assert_int_equal(log_ring_tail(r, 2), 4);
    assert_int_equal(log_ring_tail(r, 0), 6);
}

static void tells_followers_until_they_leave(void **state)
{
    struct log_ring *r = *state;
    struct reader a = {.follower.more = more}, b = {.follower.more = more};

    log_ring_follow(r, &a.follower);
    log_ring_follow(r, &b.follower);
    add(r, 1);
    log_ring_leave(&a.follower);
    add(r, 2);
    assert_int_equal(a.told, 1);
    assert_int_equal(b.told, 2);
    log_ring_leave(&b.follower);
}

#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(keeps_copies_of_all_texts),
        SENTENCE(what_is_not_said_is_null),
        SENTENCE(keeps_the_last_of_many),
        SENTENCE(a_tail_is_no_longer_than_what_there_is),
        SENTENCE(tells_followers_until_they_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
