/* The log: what reaches the sink, and what a stranger cannot do to it. */
#include "gateway/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    unsigned lines;
    enum log_level level;
    enum log_topic topic;
    struct log_about about;
    char last[LOG_LINE_MAX], before[LOG_LINE_MAX];
    instant now;
};

static void hear(void *arg, const struct log_entry *entry)
{
    struct heard *h = arg;
    h->lines++;
    h->level = entry->level;
    h->topic = entry->topic;
    h->about = entry->about;
    strcpy(h->before, h->last);
    strcpy(h->last, entry->line);
}

static instant now_of(void *arg)
{
    return ((struct heard *)arg)->now;
}

static void listen_to(struct heard *h, enum log_level level)
{
    memset(h, 0, sizeof(*h));
    log_set_sink(&(struct log_sink){.level = level, .write = hear, .now = now_of, .arg = h});
}

static void says_nothing_without_a_sink(void **state)
{
    (void)state;
    log_set_sink(NULL);
    assert_false(log_wants(LOG_LEVEL_ERROR));
    log_error(LOG_IO, "%s", "lost");
}

static void passes_lines_up_to_its_level(void **state)
{
    struct heard h;
    (void)state;

    listen_to(&h, LOG_LEVEL_INFO);
    log_debug(LOG_PEER, "no");
    assert_int_equal(h.lines, 0);
    log_info(LOG_PEER, "%s: direct after %u ms", "alice", 12u);
    assert_int_equal(h.lines, 1);
    assert_string_equal(h.last, "alice: direct after 12 ms");
    assert_int_equal(h.level, LOG_LEVEL_INFO);
    assert_int_equal(h.topic, LOG_PEER);
    assert_string_equal(log_topic_name(h.topic), "peer");
    assert_string_equal(log_level_name(h.level), "info");
    log_set_sink(NULL);
}

static void keeps_a_line_one_line_and_bounded(void **state)
{
    struct heard h;
    char longer[2 * LOG_LINE_MAX];
    (void)state;

    listen_to(&h, LOG_LEVEL_INFO);
    log_info(LOG_PEER, "a\nerror peer: forged\x1b[2J");
    assert_string_equal(h.last, "a?error peer: forged?[2J");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    log_info(LOG_PEER, "%s", longer);
    assert_int_equal(strlen(h.last), LOG_LINE_MAX - 1);
    log_set_sink(NULL);
}

static void leaves_lines_out_beyond_a_topics_budget_and_counts_them(void **state)
{
    struct heard h;
    (void)state;

    listen_to(&h, LOG_LEVEL_DEBUG);
    for (int i = 0; i < 1000; i++)
        log_warn(LOG_QUIC, "bad packet");
    assert_int_equal(h.lines, 100);
    log_info(LOG_PEER, "another topic has its own");
    assert_int_equal(h.lines, 101);
    log_debug(LOG_QUIC, "debug has none");
    assert_string_equal(h.before, "900 lines left out");
    h.now += SEC(1);
    log_warn(LOG_QUIC, "again");
    assert_string_equal(h.last, "again");
    log_set_sink(NULL);
}

static void makes_text_from_outside_fit_to_be_shown(void **state)
{
    char out[LOG_TEXT_MAX], longer[300];
    (void)state;

    assert_string_equal(log_text(out, "plain text", 10), "plain text");
    assert_string_equal(log_text(out, "a\n\\\x7f\xff\0b", 7), "a\\x0a\\x5c\\x7f\\xff\\x00b");
    assert_string_equal(log_text(out, "", 0), "");
    memset(longer, 'y', sizeof(longer));
    assert_string_equal(log_text(out, longer, sizeof(longer)) + LOG_TEXT_MAX - 4, "...");
    memset(longer, '\n', sizeof(longer));
    (void)log_text(out, longer, sizeof(longer));
    assert_in_range(strlen(out), LOG_TEXT_MAX - 8, LOG_TEXT_MAX - 1);
}

static void an_event_says_what_it_is_about(void **state)
{
    struct heard h;
    const struct log_about about = {.event = "refused", .address = "192.0.2.1:4433"};
    (void)state;

    listen_to(&h, LOG_LEVEL_INFO);
    log_event(LOG_LEVEL_INFO, LOG_PEER, &about, "%s: refused", "ybndrfg8");
    assert_string_equal(h.last, "ybndrfg8: refused");
    assert_string_equal(h.about.event, "refused");
    assert_null(h.about.peer);
    assert_string_equal(h.about.address, "192.0.2.1:4433");
    log_info(LOG_PEER, "a line for people");
    assert_null(h.about.event);
    log_set_sink(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_nothing_without_a_sink),
        cmocka_unit_test(passes_lines_up_to_its_level),
        cmocka_unit_test(keeps_a_line_one_line_and_bounded),
        cmocka_unit_test(leaves_lines_out_beyond_a_topics_budget_and_counts_them),
        cmocka_unit_test(makes_text_from_outside_fit_to_be_shown),
        cmocka_unit_test(an_event_says_what_it_is_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
