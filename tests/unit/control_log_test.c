/* The command `log`: what was said, what comes, and a caller that does not read. */
#include <stdio.h>

#include "config/control/server.h"
#include "gateway/base/log_ring.h"
#include "tests/support/control_stage.h"
#include "tests/support/local_world.h"

static struct {
    struct stage stage;
    struct log_ring ring;
    struct sock *caller;
} s;

static int set_up(void **state)
{
    (void)state;
    stage_init(&s.stage);
    log_ring_init(&s.ring);
    s.stage.services.log = &s.ring;
    stage_serve(&s.stage);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_deinit(&s.stage);
    log_ring_deinit(&s.ring);
    return 0;
}

static void add(const struct log_about *about, const char *line)
{
    struct log_entry e = {.level = LOG_LEVEL_WARN, .topic = LOG_ABUSE, .line = line};

    if (about)
        e.about = *about;
    log_ring_add(&s.ring, INT64_C(1795163881500000), &e);
}

static void add_many(unsigned count)
{
    char line[32];

    for (unsigned i = 1; i <= count; i++) {
        (void)snprintf(line, sizeof(line), "line <%u>", i);
        add(NULL, line);
    }
}

static const char *heard(void)
{
    fake_env_settle(&s.stage.env);
    return stage_heard(&s.stage, s.caller);
}

static void ask(const char *line)
{
    s.caller = stage_call(&s.stage);
    stage_say(s.caller, line);
}

static void tells_the_last_lines_and_ends(void **state)
{
    (void)state;
    add_many(5);
    ask("{\"cmd\":\"log\",\"lines\":2}");
    const char *text = heard();
    assert_null(strstr(text, "line <3>"));
    assert_non_null(strstr(text, "line <4>"));
    assert_non_null(strstr(text, "line <5>"));
    assert_non_null(strstr(text, "{\"ok\":true,\"result\":null}\n"));
    stage_leave(s.caller);
}

static void an_entry_has_its_fields_and_null_for_the_others(void **state)
{
    (void)state;
    const struct log_about about = {"refused", s.stage.alice_text, "192.0.2.1:4433"};

    assert_int_equal(registry_set_alias(s.stage.registry, &s.stage.alice, "alice"), 0);
    add(&about, "it is a \"line\"");
    add(NULL, "another");
    ask("{\"cmd\":\"log\"}");
    const char *text = heard();
    assert_non_null(strstr(text, "\"time\":1795163881.5"));
    assert_non_null(strstr(text, "\"level\":\"warn\",\"area\":\"abuse\",\"event\":\"refused\""));
    assert_non_null(strstr(text, s.stage.alice_text));
    assert_non_null(strstr(text, "\"alias\":\"alice\",\"address\":\"192.0.2.1:4433\""));
    assert_non_null(strstr(text, "\"text\":\"it is a \\\"line\\\"\""));
    assert_non_null(strstr(text, "\"event\":null,\"peer\":null,\"alias\":null,\"address\":null,"
                                 "\"text\":\"another\""));
    stage_leave(s.caller);
}

static void goes_on_with_what_comes(void **state)
{
    (void)state;
    add_many(1);
    ask("{\"cmd\":\"log\",\"lines\":0,\"follow\":true}");
    assert_string_equal(heard(), "");
    add(NULL, "first");
    assert_non_null(strstr(heard(), "\"first\""));
    add(NULL, "second");
    const char *text = heard();
    assert_null(strstr(text, "\"first\""));
    assert_non_null(strstr(text, "\"second\""));
    assert_null(strstr(text, "\"ok\""));
    stage_leave(s.caller);
    add(NULL, "to nobody");
    fake_env_settle(&s.stage.env);
    assert_true(list_is_empty(&s.ring.followers));
}

static void brings_all_of_a_long_backlog(void **state)
{
    (void)state;
    unsigned count = 0;
    add_many(300);
    ask("{\"cmd\":\"log\",\"lines\":300,\"follow\":true}");
    for (int i = 0; i < 20; i++) {
        for (const char *at = heard(); (at = strstr(at, "line <")); at++)
            count++;
        fake_env_advance(&s.stage.env, MSEC(100));
    }
    assert_int_equal(count, 300);
    stage_leave(s.caller);
}

static void who_does_not_read_misses_lines_and_is_told_how_many(void **state)
{
    (void)state;
    ask("{\"cmd\":\"log\",\"lines\":0,\"follow\":true}");
    fake_sock_room(s.caller, 100);
    add_many(1);
    fake_env_settle(&s.stage.env);
    add_many(2 * LOG_RING_MAX);
    fake_env_advance(&s.stage.env, SEC(10));
    fake_sock_room(s.caller, 1 << 20);
    fake_env_advance(&s.stage.env, SEC(10));
    const char *text = heard();
    assert_non_null(strstr(text, "{\"event\":\"missed\",\"lines\":512}"));
    assert_null(strstr(text, "line <512>"));
    assert_non_null(strstr(text, "line <513>"));
    stage_leave(s.caller);
}

static void a_gateway_without_a_log_says_so(void **state)
{
    (void)state;
    control_server_free(s.stage.server);
    s.stage.services.log = NULL;
    stage_serve(&s.stage);
    ask("{\"cmd\":\"log\",\"follow\":true}");
    assert_non_null(strstr(heard(), "keeps no log"));
    stage_leave(s.caller);
}

static void ends_with_the_gateway(void **state)
{
    (void)state;
    ask("{\"cmd\":\"log\",\"follow\":true}");
    control_server_free(s.stage.server);
    s.stage.server = NULL;
    assert_true(list_is_empty(&s.ring.followers));
    assert_true(fake_sock_closed(s.caller));
}

#define SENTENCE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(tells_the_last_lines_and_ends),
        SENTENCE(an_entry_has_its_fields_and_null_for_the_others),
        SENTENCE(goes_on_with_what_comes),
        SENTENCE(brings_all_of_a_long_backlog),
        SENTENCE(who_does_not_read_misses_lines_and_is_told_how_many),
        SENTENCE(a_gateway_without_a_log_says_so),
        SENTENCE(ends_with_the_gateway),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
