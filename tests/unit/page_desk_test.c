/* What the status page is told, and what it can have done. */
#include "config/control/page_desk.h"

#include <stdio.h>

#include "config/control/rtt_history.h"
#include "tests/support/control_stage.h"

static struct stage stage;
static struct page_desk *desk;

static int set_up(void **state)
{
    static const struct remote_service web = {.name = "web", .proto = SERVICE_TCP, .port = 80};
    (void)state;
    stage_init(&stage);
    stage_serve(&stage);
    stage_alice_offers(&stage, &web, 1);
    return page_desk_new(&desk, control_server_context(stage.server));
}

static int tear_down(void **state)
{
    (void)state;
    page_desk_free(desk);
    stage_deinit(&stage);
    return 0;
}

static json_t *shown(bool trusted)
{
    char *text = page_desk_show(desk, trusted);
    assert_non_null(text);
    assert_null(strchr(text, '\n'));
    json_t *view = json_loads(text, 0, NULL);
    assert_non_null(view);
    free(text);
    return view;
}

static json_t *acted(const char *text, bool expected)
{
    bool done = !expected;
    char *answer = page_desk_act(desk, text, strlen(text), &done);
    assert_non_null(answer);
    json_t *json = json_loads(answer, 0, NULL);
    assert_non_null(json);
    if (done != expected)
        fail_msg("%s: %s", text, answer);
    free(answer);
    return json;
}

static void acts(const char *text, bool expected)
{
    json_decref(acted(text, expected));
}

static const json_t *first(const json_t *view, const char *list)
{
    return json_array_get(json_object_get(view, list), 0);
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void shows_peers_and_how_they_are_reached(void **state)
{
    (void)state;
    json_t *view = shown(false);
    const json_t *alice = first(view, "peers");
    assert_string_equal(text_of(alice, "alias"), "alice");
    assert_string_equal(text_of(alice, "state"), "direct");
    assert_string_equal(text_of(alice, "kind"), "udp");
    assert_true(json_number_value(json_object_get(alice, "rtt")) == 23.0);
    assert_string_equal(text_of(first(alice, "offers"), "service"), "web");
    assert_int_equal(json_integer_value(json_object_get(view, "peer_count")), 1);
    assert_string_equal(text_of(view, "suffix"), "overlay");
    assert_true(json_is_array(json_object_get(view, "findings")));
    assert_true(json_is_object(json_object_get(json_object_get(view, "network"), "nat")));
    assert_non_null(text_of(view, "fingerprint"));
    json_decref(view);
}

static void two_in_a_row_are_equal(void **state)
{
    (void)state;
    acts("{\"cmd\":\"invite\"}", true);
    char *before = page_desk_show(desk, true);
    fake_env_advance(&stage.env, SEC(3)); /* no sample is taken in so short a time */
    char *after = page_desk_show(desk, true);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void codes_are_for_the_owner(void **state)
{
    (void)state;
    acts("{\"cmd\":\"invite\",\"for\":\"1h\",\"uses\":3}", true);
    char *text = page_desk_show(desk, false);
    assert_null(strstr(text, "cobalt"));
    assert_null(strstr(text, "ticket"));
    free(text);
    json_t *view = shown(false);
    assert_int_equal(json_integer_value(json_object_get(first(view, "invites"), "uses")), 3);
    assert_true(json_is_false(json_object_get(view, "may")));
    json_decref(view);
    view = shown(true);
    assert_string_equal(text_of(first(view, "invites"), "code"), "1-cobalt-lemon");
    assert_true(json_is_true(json_object_get(view, "may")));
    json_decref(view);
}

static void does_what_the_owner_asks_for(void **state)
{
    (void)state;
    json_t *answer = acted("{\"cmd\":\"invite\"}", true);
    assert_string_equal(text_of(json_object_get(answer, "result"), "code"), "1-cobalt-lemon");
    json_decref(answer);
    answer = acted("{\"cmd\":\"qr\",\"number\":1}", true);
    const json_t *picture = json_object_get(answer, "result");
    assert_int_equal(json_integer_value(json_object_get(picture, "width")), 21);
    assert_memory_equal(text_of(picture, "path"), "M0 0h7v1h-7z", 12); /* a corner's eye */
    json_decref(answer);
    acts("{\"cmd\":\"revoke\",\"what\":\"1\"}", true);
    assert_int_equal(stage.node.invite_count, 0);
    acts("{\"cmd\":\"qr\",\"number\":1}", false);
    acts("{\"cmd\":\"block\",\"peer\":\"alice\"}", true);
    assert_true(registry_peer(stage.registry, &stage.alice)->blocked);
    acts("{\"cmd\":\"unblock\",\"peer\":\"alice\"}", true);
    acts("{\"cmd\":\"close\",\"id\":\"none\"}", false);
}

static void does_nothing_else(void **state)
{
    (void)state;
    static const char *const wishes[] = {
        "{\"cmd\":\"share\",\"target\":\"3000\"}",
        "{\"cmd\":\"open\",\"place\":\"alice\"}",
        "{\"cmd\":\"stop\"}",
        "{\"cmd\":\"reload\"}",
        "{\"cmd\":\"page\"}",
        "{\"cmd\":\"pipe\",\"place\":\"alice:22\"}",
        "{\"cmd\":\"punch\",\"peer\":\"alice\"}",
        "{\"cmd\":\"\"}",
        "{\"cmd\":\"invite\",\"uses\":0}",
        "{\"cmd\":\"invite\",\"x\":1}",
        "{\"cmd\":\"qr\"}",
        "{\"cmd\":\"qr\",\"number\":-1}",
        "{\"cmd\":3}",
        "{}",
        "[]",
        "",
        "{\"cmd\":\"invite\"",
    };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
        acts(wishes[i], false);
    assert_int_equal(stage.node.invite_count, 0);
    assert_false(stage.stopped);
    assert_int_equal(registry_service_count(stage.registry), 0);
    /* Nobody would be told: an invite that is waited for is one that is not. */
    acts("{\"cmd\":\"invite\",\"wait\":true}", true);
}

static size_t samples(void)
{
    json_t *view = shown(false);
    size_t count = json_array_size(json_object_get(first(view, "peers"), "history"));
    json_decref(view);
    return count;
}

static void takes_times_while_somebody_is_connected(void **state)
{
    (void)state;
    fake_env_advance(&stage.env, SEC(60));
    assert_int_equal(samples(), 0); /* nothing happened yet */
    stage.node.watch->changed(stage.node.watch, &stage.alice);
    for (int i = 0; i < 3; i++)
        fake_env_advance(&stage.env, RTT_SAMPLE_WAIT);
    assert_int_equal(samples(), 3);
    json_t *view = shown(false);
    const json_t *history = json_object_get(first(view, "peers"), "history");
    assert_true(json_number_value(json_array_get(history, 2)) == 23.0);
    json_decref(view);
    stage.node.view.path.present = false;
    for (int i = 0; i < RTT_SAMPLES; i++)
        fake_env_advance(&stage.env, RTT_SAMPLE_WAIT);
    assert_int_equal(samples(), 0);
    assert_int_equal(stage.env.timers.count, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(shows_peers_and_how_they_are_reached),
        TEST(two_in_a_row_are_equal),
        TEST(codes_are_for_the_owner),
        TEST(does_what_the_owner_asks_for),
        TEST(does_nothing_else),
        TEST(takes_times_while_somebody_is_connected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
